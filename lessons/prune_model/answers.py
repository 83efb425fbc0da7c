"""the lesson `prune_model`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch


def quantile_of_each_layer(weights, amount):
    masks = []
    for w in weights:
        order = w.abs().flatten().argsort()
        mask = torch.ones(w.numel())
        mask[order[: round(amount * w.numel())]] = 0
        masks.append(mask.view_as(w))
    return masks


def one_row(weights, scores, pruned):
    row = torch.cat([s.flatten() for s in scores])
    keep = torch.ones(row.numel())
    keep[row.argsort()[:pruned]] = 0
    return [part.view_as(w) for part, w in zip(keep.split([w.numel() for w in weights]), weights, strict=True)]


def total(weights):
    return sum(w.numel() for w in weights)


def signed(weights, amount):
    return one_row(weights, weights, round(amount * total(weights)))


def amount_is_kept(weights, amount):
    return one_row(weights, [w.abs() for w in weights], total(weights) - round(amount * total(weights)))


def threshold_is_averaged(weights, amount):
    thresholds = []
    for w in weights:
        n = round(amount * w.numel())
        thresholds.append(w.abs().flatten().sort().values[n - 1].item() if n else 0.0)
    mean = sum(thresholds) / len(thresholds)
    return [(w.abs() > mean).float() for w in weights]


def scaled_by_layer(weights, amount):
    return one_row(weights, [w.abs() / w.abs().max() for w in weights], round(amount * total(weights)))


def rounded_down(weights, amount):
    return one_row(weights, [w.abs() for w in weights], int(amount * total(weights)))


def half_up(weights, amount):
    return one_row(weights, [w.abs() for w in weights], int(amount * total(weights) + 0.5))


def last_of_none(weights, amount):
    sizes = torch.cat([w.abs().flatten() for w in weights]).sort().values
    threshold = sizes[round(amount * len(sizes)) - 1]
    return [(w.abs() > threshold).float() for w in weights]


def with_quantile(weights, amount):
    row = torch.cat([w.abs().flatten() for w in weights])
    return [(w.abs() >= row.quantile(amount)).float() for w in weights]


def at_least_one(weights, amount):
    row = torch.cat([w.abs().flatten() for w in weights])
    threshold = row.kthvalue(max(1, round(amount * len(row)))).values
    return [(w.abs() > threshold).float() for w in weights]


def argsort_for_the_rank(weights, amount):
    keep = torch.cat([w.abs().flatten() for w in weights]).argsort() >= round(amount * total(weights))
    return [part.view_as(w).float() for part, w in zip(keep.split([w.numel() for w in weights]), weights, strict=True)]


def rounded_in_each_layer(weights, amount):
    return one_row(weights, [w.abs() for w in weights], sum(round(amount * w.numel()) for w in weights))


def with_kthvalue(weights, amount):
    row = torch.cat([w.abs().flatten() for w in weights])
    pruned = round(amount * len(row))
    threshold = row.kthvalue(pruned).values if pruned else -1.0
    return [(w.abs() > threshold).int() for w in weights]


def as_numpy(weights, amount):
    row = np.concatenate([np.abs(w.numpy()).ravel() for w in weights])
    rank = row.argsort().argsort()
    keep = rank >= round(amount * len(row))
    ends = np.cumsum([w.numel() for w in weights])[:-1]
    return tuple(part.reshape(w.shape) for part, w in zip(np.split(keep, ends), weights, strict=True))


def with_argsort(weights, amount):
    return one_row(weights, [w.square() for w in weights], round(amount * total(weights)))


def share_of_the_largest(weights, amount):
    line = amount * max(w.abs().max() for w in weights)
    return [(w.abs() > line).float() for w in weights]


WRONG = {
    "global_masks": [
        quantile_of_each_layer,
        signed,
        amount_is_kept,
        threshold_is_averaged,
        scaled_by_layer,
        rounded_down,
        half_up,
        last_of_none,
        with_quantile,
        at_least_one,
        share_of_the_largest,
        rounded_in_each_layer,
        argsort_for_the_rank,
    ],
}
ODD = {"global_masks": [with_kthvalue, with_argsort, as_numpy]}
EQUIVALENT = {}

"""the lesson `own_method`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch


def ignores_default_mask(scores, default_mask, threshold):
    return (scores.abs() > threshold).to(default_mask.dtype)


def revives_by_or(scores, default_mask, threshold):
    return (default_mask.bool() | (scores.abs() > threshold)).to(default_mask.dtype)


def not_a_mask_but_bools(scores, default_mask, threshold):
    return default_mask.bool() & (scores.abs() > threshold)


def pruned_scores(scores, default_mask, threshold):
    return torch.where(scores.abs() > threshold, scores * default_mask, torch.zeros_like(scores))


def signed_threshold(scores, default_mask, threshold):
    mask = default_mask.clone()
    mask[scores <= threshold] = 0
    return mask


def at_least_the_threshold(scores, default_mask, threshold):
    mask = default_mask.clone()
    mask[scores.abs() < threshold] = 0
    return mask


def scores_to_the_masks_dtype(scores, default_mask, threshold):
    scores = scores.to(default_mask.dtype)
    return (scores.abs() > threshold).to(default_mask.dtype) * default_mask


def always_float32(scores, default_mask, threshold):
    return (default_mask.bool() & (scores.abs() > threshold)).float()


def default_mask_alone(scores, default_mask, threshold):
    return default_mask.clone()


def times_a_float32_mask(scores, default_mask, threshold):
    return default_mask * (scores.abs() > threshold).float()


def threshold_in_place_on_a_copy(scores, default_mask, threshold):
    mask = default_mask.clone()
    mask[scores.abs() <= threshold] = 0
    return mask


def threshold_in_a_loop(scores, default_mask, threshold):
    kept = [
        float(old == 1 and abs(score) > threshold)
        for score, old in zip(scores.flatten().tolist(), default_mask.flatten().tolist(), strict=True)
    ]
    return torch.tensor(kept, dtype=default_mask.dtype).view_as(scores)


def threshold_with_numpy(scores, default_mask, threshold):
    kept = np.logical_and(np.abs(scores.numpy()) > threshold, default_mask.numpy() > 0)
    return torch.from_numpy(kept.astype(default_mask.numpy().dtype))


def counts_all_weights(scores, default_mask, amount):
    k = min(round(amount * scores.numel()), int(default_mask.sum()))
    ranked = torch.where(default_mask == 1, scores.abs(), torch.inf)
    mask = default_mask.clone().flatten()
    mask[ranked.flatten().argsort()[:k]] = 0
    return mask.view_as(scores)


def chooses_pruned_ones_again(scores, default_mask, amount):
    k = round(amount * int(default_mask.sum()))
    mask = default_mask.clone()
    mask.view(-1)[torch.topk(scores.abs().flatten(), k, largest=False).indices] = 0
    return mask


def as_l1_unstructured_alone(scores, default_mask, amount):
    k = round(amount * scores.numel())
    mask = default_mask.clone()
    mask.view(-1)[torch.topk(scores.abs().flatten(), k, largest=False).indices] = 0
    return mask


def forgets_the_old_mask(scores, default_mask, amount):
    k = round(amount * scores.numel())
    mask = torch.ones_like(scores)
    mask.view(-1)[scores.abs().flatten().argsort()[:k]] = 0
    return mask


def share_of_zeros_in_the_end(scores, default_mask, amount):
    total = round(amount * default_mask.numel())
    k = max(0, total - int((default_mask == 0).sum()))
    ranked = scores.abs().masked_fill(default_mask == 0, torch.inf)
    mask = default_mask.clone()
    mask.view(-1)[ranked.flatten().argsort()[:k]] = 0
    return mask


def with_the_sign(scores, default_mask, amount):
    k = round(amount * default_mask.sum().item())
    ranked = scores.masked_fill(default_mask == 0, torch.inf)
    mask = default_mask.clone()
    mask.view(-1)[ranked.flatten().argsort()[:k]] = 0
    return mask


def cuts_off_the_number(scores, default_mask, amount):
    k = int(amount * default_mask.sum().item())
    ranked = scores.abs().masked_fill(default_mask == 0, torch.inf)
    mask = default_mask.clone()
    mask.view(-1)[ranked.flatten().argsort()[:k]] = 0
    return mask


def half_goes_up(scores, default_mask, amount):
    k = int(amount * default_mask.sum().item() + 0.5)
    ranked = scores.abs().masked_fill(default_mask == 0, torch.inf)
    mask = default_mask.clone()
    mask.view(-1)[ranked.flatten().argsort()[:k]] = 0
    return mask


def rounded_up(scores, default_mask, amount):
    k = int(np.ceil(amount * default_mask.sum().item()))
    ranked = scores.abs().masked_fill(default_mask == 0, torch.inf)
    mask = default_mask.clone()
    mask.view(-1)[ranked.flatten().argsort()[:k]] = 0
    return mask


def by_a_quantile(scores, default_mask, amount):
    left = scores[default_mask == 1].abs()
    if not len(left):
        return default_mask.clone()
    return default_mask * (scores.abs() > left.quantile(amount))


def each_row_by_itself(scores, default_mask, amount):
    if scores.dim() > 1:
        return torch.stack([each_row_by_itself(s, m, amount) for s, m in zip(scores, default_mask, strict=True)])
    new, left = default_mask.clone(), int(default_mask.sum())
    new[scores.abs().masked_fill(default_mask == 0, torch.inf).argsort()[: round(amount * left)]] = 0
    return new


def places_in_a_shorter_list(scores, default_mask, amount):
    left = scores[default_mask == 1].abs()
    new = default_mask.clone().flatten()
    new[left.argsort()[: round(amount * len(left))]] = 0
    return new.reshape(default_mask.shape)


def pruned_ones_at_a_million(scores, default_mask, amount):
    size = torch.where(default_mask == 1, scores.abs(), torch.tensor(1e6)).flatten()
    new = default_mask.clone().flatten()
    new[size.argsort()[: round(amount * int(default_mask.sum()))]] = 0
    return new.reshape(default_mask.shape)


def through_the_list_of_what_is_left(scores, default_mask, amount):
    left = default_mask == 1
    partial = torch.ones(int(left.sum()))
    partial[scores[left].abs().argsort()[: round(amount * len(partial))]] = 0
    mask = default_mask.clone()
    mask[left] = partial
    return mask


def combined_with_numpy(scores, default_mask, amount):
    mask = default_mask.numpy().copy().ravel()
    places = np.flatnonzero(mask)
    places = places[np.argsort(np.abs(scores.numpy().ravel()[places]))]
    mask[places[: round(amount * len(places))]] = 0
    return mask.reshape(default_mask.shape)


def _drawn(seed=0):
    torch_generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(8, 8, generator=torch_generator) * 6 - 3
    return scores, (torch.rand(8, 8, generator=torch_generator) < 0.5).float()


def on_a_mask_of_ones(method):
    scores, _ = _drawn()
    before = torch.ones(8, 8)
    return not bool((method(scores, before) > before).any())


def counts_the_ones(method):
    for seed in range(10):
        scores, before = _drawn(seed)
        if method(scores, before).sum() > before.sum():
            return False
    return True


def scores_of_masked_weights(method):
    for seed in range(10):
        scores, before = _drawn(seed)
        if (method(scores * before, before) > before).any():
            return False
    return True


def only_when_all_come_back(method):
    scores, before = _drawn()
    return not bool((method(scores, before.clone())[before == 0] == 1).all())


def wants_the_same_mask(method):
    scores, before = _drawn()
    return torch.equal(method(scores, before.clone()), before)


def everything_pruned(method):
    scores, _ = _drawn()
    return bool((method(scores, torch.zeros(8, 8)) == 0).all())


def whole_rows_only(method):
    scores, before = _drawn()
    before[::2], before[1::2] = 1, 0
    return bool((method(scores, before.clone()) <= before).all())


def positive_scores_only(method):
    for seed in range(10):
        scores, before = _drawn(seed)
        if (method(scores.abs(), before.clone()) > before).any():
            return False
    return True


def on_masks_of_its_own(method):
    for seed in range(40):
        scores = 3 * torch.randn(8, 8, generator=torch.Generator().manual_seed(seed))
        mask = method(scores, torch.ones(8, 8))
        if bool(((method(scores, mask) == 1) & (mask == 0)).any()):
            return False
    return True


def scores_of_one_size(method):
    for seed in range(40):
        mask = torch.rand(8, 8, generator=torch.Generator().manual_seed(seed)).round()
        if bool((method(torch.ones(8, 8), mask) > mask).any()):
            return False
    return True


def looks_at_the_pruned_places(method):
    for seed in range(10):
        scores, before = _drawn(seed)
        if method(scores, before.clone())[before == 0].any():
            return torch.tensor(False)
    return torch.tensor(True)


def with_numpy_and_checkerboards(method):
    board = np.indices((8, 8)).sum(0) % 2
    scores = torch.tensor(np.random.default_rng(0).uniform(-3, 3, (8, 8)), dtype=torch.float32)
    fine = [np.all(method(scores, torch.tensor(m, dtype=torch.float32)).numpy() <= m) for m in (board, 1 - board)]
    return np.all(fine)


WRONG = {
    "threshold_mask": [
        ignores_default_mask,
        revives_by_or,
        not_a_mask_but_bools,
        pruned_scores,
        signed_threshold,
        at_least_the_threshold,
        always_float32,
        default_mask_alone,
        times_a_float32_mask,
        scores_to_the_masks_dtype,
    ],
    "combined_mask": [
        counts_all_weights,
        chooses_pruned_ones_again,
        as_l1_unstructured_alone,
        forgets_the_old_mask,
        share_of_zeros_in_the_end,
        with_the_sign,
        cuts_off_the_number,
        half_goes_up,
        rounded_up,
        each_row_by_itself,
        places_in_a_shorter_list,
        pruned_ones_at_a_million,
        by_a_quantile,
    ],
    "never_revives": [
        on_a_mask_of_ones,
        counts_the_ones,
        scores_of_masked_weights,
        only_when_all_come_back,
        wants_the_same_mask,
        everything_pruned,
        whole_rows_only,
        on_masks_of_its_own,
        scores_of_one_size,
        positive_scores_only,
    ],
}
ODD = {
    "threshold_mask": [threshold_in_place_on_a_copy, threshold_in_a_loop, threshold_with_numpy],
    "combined_mask": [through_the_list_of_what_is_left, combined_with_numpy],
    "never_revives": [looks_at_the_pruned_places, with_numpy_and_checkerboards],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
DRAWN = "scores = 6 * torch.rand(8, 8, generator=generator) - 3: "
SITUATIONS = "the card leaves the situations free, and these tempt the faulty methods as well"
EQUIVALENT = {
    "never_revives": {
        "before = (torch.rand(8, 8, generator=generator) > 0.5).float(): "
        "torch.rand(8, 8, generator=generator) > 0.5: Gt -> GtE": SITUATIONS,
        "for _ in range(20):: 20 -> 19": SITUATIONS,
        "for _ in range(20):: 20 -> 21": SITUATIONS,
        "generator = torch.Generator().manual_seed(0): 0 -> -1": SITUATIONS,
        "generator = torch.Generator().manual_seed(0): 0 -> 1": SITUATIONS,
        DRAWN + "3 -> 2": SITUATIONS,
        DRAWN + "3 -> 4": SITUATIONS,
        DRAWN + "6 -> 5": SITUATIONS,
        DRAWN + "6 -> 7": SITUATIONS,
    },
}

"""the lesson `prune_module`: plausible wrong answers and odd but right ones, as a learner would write them."""

import copy
import math

import numpy as np
import torch
from torch.nn.utils import prune


def threshold_takes_ties(weight, mask, amount):
    k = round(amount * int(mask.sum()))
    if k == 0:
        return mask.clone()
    threshold = weight[mask == 1].abs().kthvalue(k).values
    return mask * (weight.abs() > threshold).float()


def rounds_the_count_down(weight, mask, amount):
    k = int(amount * mask.sum().item())
    values = torch.where(mask.bool(), weight.abs(), torch.inf).flatten()
    new = mask.clone().flatten()
    new[values.topk(k, largest=False).indices] = 0
    return new.reshape(weight.shape)


def amount_is_kept(weight, mask, amount):
    left = int(mask.sum())
    keep = round(amount * left)
    order = torch.where(mask == 1, weight.abs(), torch.inf).flatten().argsort()
    new = mask.clone().flatten()
    new[order[: left - keep]] = 0
    return new.view_as(weight)


def signed(weight, mask, amount):
    k = round(amount * int(mask.sum()))
    values = weight.clone()
    values[mask == 0] = math.inf
    new = mask.clone()
    new.view(-1)[values.flatten().argsort()[:k]] = 0
    return new


def counts_pruned_weights_again(weight, mask, amount):
    k = round(amount * weight.numel())
    values = torch.where(mask.bool(), weight.abs(), torch.inf).flatten()
    new = mask.clone().flatten()
    new[values.argsort()[:k]] = 0
    return new.reshape(weight.shape)


def smallest_of_all(weight, mask, amount):
    k = round(amount * int(mask.sum()))
    new = mask.clone()
    new.view(-1)[weight.abs().flatten().topk(k, largest=False).indices] = 0
    return new


def forgets_the_old_mask(weight, mask, amount):
    k = round(amount * weight.numel())
    new = torch.ones_like(weight)
    new.view(-1)[weight.abs().flatten().argsort()[:k]] = 0
    return new


def mask_by_torch(weight, mask, amount):
    layer = torch.nn.Module()
    layer.w = torch.nn.Parameter(weight.clone())
    prune.custom_from_mask(layer, "w", mask)
    prune.l1_unstructured(layer, "w", amount=amount)
    return layer.w_mask.bool()


def mask_in_a_loop(weight, mask, amount):
    w, m = weight.numpy().ravel(), mask.numpy().ravel().copy()
    for _ in range(round(amount * int(m.sum()))):
        alive = np.flatnonzero(m)
        m[alive[np.abs(w[alive]).argmin()]] = 0
    return m.reshape(weight.shape)


def adds_the_fractions(n, amounts):
    left = n
    for a in amounts:
        left -= a if isinstance(a, int) else round(a * n)
    return max(0, left)


def density_of_the_sum(n, amounts):
    return max(0, round(n * (1 - sum(amounts))))


def ints_as_fractions(n, amounts):
    for a in amounts:
        n -= round(a * n)
    return n


def what_is_gone(n, amounts):
    left = n
    for a in amounts:
        left -= a if type(a) is int else round(a * left)
    return n - left


def rounds_down(n, amounts):
    for a in amounts:
        n -= a if isinstance(a, int) else math.floor(a * n)
    return n


def rounds_at_the_end(n, amounts):
    left = float(n)
    for a in amounts:
        left = left - a if isinstance(a, int) else left * (1 - a)
    return round(left)


def last_amount_only(n, amounts):
    if not amounts:
        return n
    return n - (amounts[-1] if isinstance(amounts[-1], int) else round(amounts[-1] * n))


def left_by_recursion(n, amounts):
    if len(amounts) == 0:
        return n
    first = amounts[0]
    return left_by_recursion(n - (round(first * n) if isinstance(first, float) else first), amounts[1:])


def left_by_pruning(n, amounts):
    layer = torch.nn.Linear(n, 1, bias=False)
    prune.identity(layer, "weight")
    for a in amounts:
        prune.random_unstructured(layer, "weight", amount=a)
    return layer.weight_mask.sum()


def not_strict(make_model, state):
    model = make_model()
    model.load_state_dict(state, strict=False)
    return model


def orig_as_weight(make_model, state):
    model = make_model()
    model.load_state_dict({k.removesuffix("_orig"): v for k, v in state.items() if not k.endswith("_mask")})
    return model


def product_without_masks(make_model, state):
    dense = {}
    for k, v in state.items():
        if k.endswith("_orig"):
            dense[k[:-5]] = v * state[k[:-5] + "_mask"]
        elif not k.endswith("_mask"):
            dense[k] = v
    model = make_model()
    model.load_state_dict(dense)
    return model


def weights_only(make_model, state):
    model = make_model()
    dense = {k: v for k, v in state.items() if not k.endswith(("bias_mask", "bias_orig"))}
    for k in state:
        if k.endswith("bias_orig"):
            dense[k.removesuffix("_orig")] = state[k] * state[k.replace("_orig", "_mask")]
        if k.endswith("weight_mask"):
            prune.identity(model.get_submodule(k.removesuffix("weight_mask").removesuffix(".")), "weight")
    model.load_state_dict(dense)
    return model


def masks_of_ones(make_model, state):
    model = make_model()
    for k in state:
        if k.endswith("_mask"):
            path, _, name = k[:-5].rpartition(".")
            prune.identity(model.get_submodule(path), name)
    model.load_state_dict({k: v for k, v in state.items() if not k.endswith("_mask")}, strict=False)
    return model


def masks_on_random_weights(make_model, state):
    model = make_model()
    model.load_state_dict(state, strict=False)
    for k in state:
        if k.endswith("_mask"):
            path, _, name = k[:-5].rpartition(".")
            prune.custom_from_mask(model.get_submodule(path), name, state[k])
    return model


def masks_by_custom_from_mask(make_model, state):
    model = make_model()
    dense = {k.removesuffix("_orig"): v for k, v in state.items() if not k.endswith("_mask")}
    model.load_state_dict(dense)
    for k in state:
        if k.endswith("_mask"):
            *path, name = k[: -len("_mask")].split(".")
            module = model
            for part in path:
                module = getattr(module, part)
            prune.custom_from_mask(module, name=name, mask=state[k])
    return model


def pruned_at_random_then_loaded(make_model, state):
    model = make_model()
    modules = dict(model.named_modules())
    for k in list(state):
        if "_mask" in k:
            path, _, name = k.replace("_mask", "").rpartition(".")
            prune.random_unstructured(modules[path], name, amount=0.5)
    model.load_state_dict(copy.deepcopy(state))
    return model


WRONG = {
    "magnitude_mask": [
        threshold_takes_ties,
        rounds_the_count_down,
        amount_is_kept,
        signed,
        counts_pruned_weights_again,
        smallest_of_all,
        forgets_the_old_mask,
    ],
    "weights_left": [
        adds_the_fractions,
        density_of_the_sum,
        ints_as_fractions,
        what_is_gone,
        rounds_down,
        rounds_at_the_end,
        last_amount_only,
    ],
    "load_pruned": [
        not_strict,
        orig_as_weight,
        product_without_masks,
        weights_only,
        masks_of_ones,
        masks_on_random_weights,
    ],
}
ODD = {
    "magnitude_mask": [mask_by_torch, mask_in_a_loop],
    "weights_left": [left_by_recursion, left_by_pruning],
    "load_pruned": [masks_by_custom_from_mask, pruned_at_random_then_loaded],
}

"""the lesson `prune_module`: plausible wrong answers and odd but right ones, as a learner would write them."""

import copy
import math
from fractions import Fraction

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


def counts_upwards(weight, mask, amount):
    k = math.ceil(amount * int(mask.sum()))
    new = mask.clone().flatten()
    new[torch.where(mask.bool(), weight.abs(), torch.inf).flatten().argsort()[:k]] = 0
    return new.reshape(weight.shape)


def half_up(weight, mask, amount):
    k = int(amount * mask.sum().item() + 0.5)
    new = mask.clone().flatten()
    new[torch.where(mask.bool(), weight.abs(), torch.inf).flatten().argsort()[:k]] = 0
    return new.reshape(weight.shape)


def threshold_keeps_ties(weight, mask, amount):
    alive = weight[mask == 1].abs().sort().values
    k = round(amount * len(alive))
    if k == len(alive):
        return torch.zeros_like(mask)
    return torch.where(weight.abs() < alive[k], 0.0, mask)


def sorts_the_masked_weight(weight, mask, amount):
    k = round(amount * int(mask.sum()))
    new = mask.clone().flatten()
    new[(weight * mask).abs().flatten().argsort()[:k]] = 0
    return new.reshape(weight.shape)


def counts_what_is_not_zero(weight, mask, amount):
    k = round(amount * int(torch.count_nonzero(weight * mask)))
    new = mask.clone().flatten()
    new[torch.where(mask.bool(), weight.abs(), torch.inf).flatten().argsort()[:k]] = 0
    return new.reshape(weight.shape)


def masked_weight_from_scratch(weight, mask, amount):
    layer = torch.nn.Module()
    layer.w = torch.nn.Parameter(weight * mask)
    goes = round(amount * int(mask.sum()))
    prune.l1_unstructured(layer, "w", amount=goes)
    return layer.w_mask


def starts_from_ones(weight, mask, amount):
    k = round(amount * int(mask.sum()))
    new = torch.ones_like(mask).flatten()
    new[torch.where(mask.bool(), weight.abs(), torch.inf).flatten().argsort()[:k]] = 0
    return new.reshape(weight.shape)


def mask_by_torch(weight, mask, amount):
    layer = torch.nn.Module()
    layer.w = torch.nn.Parameter(weight.clone())
    prune.custom_from_mask(layer, "w", mask)
    prune.l1_unstructured(layer, "w", amount=amount)
    return layer.w_mask.int()


def mask_in_a_loop(weight, mask, amount):
    w, m = weight.numpy().ravel(), mask.numpy().ravel().copy()
    for _ in range(round(amount * int(m.sum()))):
        alive = np.flatnonzero(m)
        m[alive[np.abs(w[alive]).argmin()]] = 0
    return m.reshape(weight.shape)


def mask_as_lists(weight, mask, amount):
    alive = [tuple(at) for at in mask.nonzero().tolist()]
    alive.sort(key=lambda at: -abs(float(weight[at])))
    keep = set(alive[: len(alive) - round(amount * len(alive))])
    new = torch.zeros(mask.shape, dtype=torch.int64)
    for at in keep:
        new[at] = 1
    return new.numpy()


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


def adds_and_goes_below(n, amounts):
    return n - sum(a if isinstance(a, int) else round(a * n) for a in amounts)


def rounds_up(n, amounts):
    for a in amounts:
        n = n - a if isinstance(a, int) else math.floor(n * (1 - a))
    return n


def rounds_halves_up(n, amounts):
    for a in amounts:
        n -= a if isinstance(a, int) else int(a * n + 0.5)
    return n


def rounds_what_stays(n, amounts):
    for a in amounts:
        n = n - a if isinstance(a, int) else round(n * (1 - a))
    return n


def one_by_its_value(n, amounts):
    for a in amounts:
        n -= int(a) if a >= 1 else round(a * n)
    return n


def returns_in_the_loop(n, amounts):
    for a in amounts:
        n -= a if isinstance(a, int) else round(a * n)
        return n
    return n


def what_stays(n, amounts):
    for a in amounts:
        n = n - a if isinstance(a, int) else round(a * n)
    return n


def only_fractions(n, amounts):
    for a in amounts:
        if isinstance(a, float):
            n -= round(a * n)
    return n


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


def left_as_fraction(n, amounts):
    left = Fraction(n)
    for a in amounts:
        left -= a if isinstance(a, int) else round(Fraction(a * float(left)))
    return left


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
    dense = dict(state)
    for k in state:
        if k.endswith("weight_mask"):
            prune.identity(model.get_submodule(k.removesuffix("weight_mask").removesuffix(".")), "weight")
        elif k.endswith("_mask"):
            dense[k[:-5]] = dense.pop(k[:-5] + "_orig") * dense.pop(k)
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


def loses_what_was_cut(make_model, state):
    model = make_model()
    masks = {k[:-5]: state[k] for k in state if k.endswith("_mask")}
    model.load_state_dict(
        {k.removesuffix("_orig"): v * masks.get(k[:-5], 1) for k, v in state.items() if not k.endswith("_mask")}
    )
    for k, mask in masks.items():
        path, _, name = k.rpartition(".")
        prune.custom_from_mask(model.get_submodule(path), name, mask)
    return model


def buffers_without_a_hook(make_model, state):
    model = make_model()
    for k in state:
        if k.endswith("_mask"):
            path, _, name = k[:-5].rpartition(".")
            module = model.get_submodule(path)
            delattr(module, name)
            module.register_parameter(name + "_orig", torch.nn.Parameter(state[k[:-5] + "_orig"].clone()))
            module.register_buffer(name + "_mask", state[k].clone())
            setattr(module, name, getattr(module, name + "_orig").detach() * state[k])
    model.load_state_dict(state)
    return model


def prunes_again_by_magnitude(make_model, state):
    model = make_model()
    model.load_state_dict({k.removesuffix("_orig"): v for k, v in state.items() if not k.endswith("_mask")})
    for k in state:
        if k.endswith("_mask"):
            path, _, name = k[:-5].rpartition(".")
            prune.l1_unstructured(model.get_submodule(path), name, int((state[k] == 0).sum()))
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
        counts_upwards,
        half_up,
        threshold_keeps_ties,
        sorts_the_masked_weight,
        counts_what_is_not_zero,
        masked_weight_from_scratch,
        starts_from_ones,
    ],
    "weights_left": [
        adds_the_fractions,
        density_of_the_sum,
        ints_as_fractions,
        what_is_gone,
        rounds_down,
        rounds_at_the_end,
        last_amount_only,
        adds_and_goes_below,
        rounds_up,
        rounds_halves_up,
        rounds_what_stays,
        one_by_its_value,
        returns_in_the_loop,
        what_stays,
        only_fractions,
    ],
    "load_pruned": [
        not_strict,
        orig_as_weight,
        product_without_masks,
        weights_only,
        masks_of_ones,
        masks_on_random_weights,
        loses_what_was_cut,
        buffers_without_a_hook,
        prunes_again_by_magnitude,
    ],
}
ODD = {
    "magnitude_mask": [mask_by_torch, mask_in_a_loop, mask_as_lists],
    "weights_left": [left_by_recursion, left_by_pruning, left_as_fraction],
    "load_pruned": [masks_by_custom_from_mask, pruned_at_random_then_loaded],
}
EQUIVALENT = {}  # no mutant of a solution here is as right as the solution

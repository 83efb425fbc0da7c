"""the lesson `prune_traps`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
from fractions import Fraction

import numpy as np
import torch
from torch.nn.utils import prune


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


def counts_before_fractions(n, amounts):
    n -= sum(a for a in amounts if isinstance(a, int))
    for a in amounts:
        if not isinstance(a, int):
            n -= round(a * n)
    return n


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


def pruned_in(state):
    """Not an answer: what is pruned, "features.0.weight" and the like."""
    return [k[:-5] for k in state if k.endswith("_orig") and k[:-5] + "_mask" in state]


def place(model, k):
    """Not an answer: the module and the name of the parameter."""
    path, _, name = k.rpartition(".")
    return model.get_submodule(path), name


def dense_of(state):
    """Not an answer: the state without masks, what is under them kept."""
    pruned = pruned_in(state)
    return {
        k[:-5] if k[:-5] in pruned and k.endswith("_orig") else k: v
        for k, v in state.items()
        if not (k[:-5] in pruned and k.endswith("_mask"))
    }


def called(model):
    """Not an answer: the model, every hook called once."""
    with torch.no_grad():
        for module in model.modules():
            for hook in module._forward_pre_hooks.values():
                hook(module, None)
    return model


def not_strict(make_model, state):
    model = make_model()
    model.load_state_dict(state, strict=False)
    return model


def orig_as_weight(make_model, state):
    model = make_model()
    model.load_state_dict(dense_of(state))
    return model


def product_without_masks(make_model, state):
    dense = dense_of(state)
    for k in pruned_in(state):
        dense[k] = dense[k] * state[k + "_mask"]
    model = make_model()
    model.load_state_dict(dense)
    return model


def weights_only(make_model, state):
    model = make_model()
    given = dict(state)
    for k in pruned_in(state):
        if k.endswith("weight"):
            prune.identity(*place(model, k))
        else:
            given[k] = given.pop(k + "_orig") * given.pop(k + "_mask")
    model.load_state_dict(given)
    return called(model)


def masks_of_ones(make_model, state):
    model = make_model()
    for k in pruned_in(state):
        prune.identity(*place(model, k))
    masks = [k + "_mask" for k in pruned_in(state)]
    model.load_state_dict({k: v for k, v in state.items() if k not in masks}, strict=False)
    return called(model)


def masks_on_random_weights(make_model, state):
    model = make_model()
    model.load_state_dict(state, strict=False)
    for k in pruned_in(state):
        prune.custom_from_mask(*place(model, k), state[k + "_mask"])
    return model


def loses_what_was_cut(make_model, state):
    model = make_model()
    dense = dense_of(state)
    for k in pruned_in(state):
        dense[k] = dense[k] * state[k + "_mask"]
    model.load_state_dict(dense)
    for k in pruned_in(state):
        prune.custom_from_mask(*place(model, k), state[k + "_mask"])
    return model


def buffers_without_a_hook(make_model, state):
    model = make_model()
    for k in pruned_in(state):
        module, name = place(model, k)
        delattr(module, name)
        module.register_parameter(name + "_orig", torch.nn.Parameter(state[k + "_orig"].clone()))
        module.register_buffer(name + "_mask", state[k + "_mask"].clone())
        setattr(module, name, getattr(module, name + "_orig").detach() * state[k + "_mask"])
    model.load_state_dict(state)
    return model


def endings_by_replace(make_model, state):
    model = make_model()
    for k in state:
        if "_mask" in k and k.replace("_mask", "_orig") in state:
            k = k.replace("_mask", "")
            if k in dict(model.named_parameters()):
                prune.identity(*place(model, k))
    model.load_state_dict(state, strict=False)
    return called(model)


def only_masks_with_zeros(make_model, state):
    model = make_model()
    for k in pruned_in(state):
        if 0 in state[k + "_mask"]:
            prune.identity(*place(model, k))
    model.load_state_dict(state, strict=False)
    return called(model)


def prunes_again_by_magnitude(make_model, state):
    model = make_model()
    model.load_state_dict(dense_of(state))
    for k in pruned_in(state):
        prune.l1_unstructured(*place(model, k), int((state[k + "_mask"] == 0).sum()))
    return model


def masks_by_custom_from_mask(make_model, state):
    model = make_model()
    model.load_state_dict(dense_of(state))
    for k in pruned_in(state):
        *path, name = k.split(".")
        module = model
        for part in path:
            module = getattr(module, part)
        prune.custom_from_mask(module, name=name, mask=state[k + "_mask"])
    return model


def without_computing_anew(make_model, state):
    model = make_model()
    for k in pruned_in(state):
        prune.identity(*place(model, k))
    model.load_state_dict(state)
    return model


def prepared_loaded_and_called(make_model, state):
    return called(without_computing_anew(make_model, state))


CURES = ("mask again", "strict", "refresh")


def one_run_each(right):
    gains = {cure: right(cure) - right("none") for cure in CURES}
    best = max(gains, key=gains.get)
    return best if gains[best] > 1 else "nothing"


def means_of(right, seeds=8):
    """Not an answer: cure -> mean over the seeds."""
    return {c: sum(right(c, seed=s) for s in range(seeds)) / seeds for c in ("none", *CURES)}


def always_the_best(right):
    means = means_of(right)
    return max(CURES, key=means.get)


def never_strict(right):
    means = means_of(right)
    best = max(("mask again", "refresh"), key=means.get)
    return best if means[best] - means["none"] > 1 else "nothing"


def two_points_or_nothing(right):
    means = {c: sum(right(c, seed=s) for s in range(8)) / 8 for c in ("none", *CURES)}
    best = max(CURES, key=means.get)
    return best if means[best] - means["none"] > 3 else "nothing"


def other_seeds_for_each(right):
    means = {c: sum(right(c, seed=s) for s in range(8 * n, 8 * n + 8)) / 8 for n, c in enumerate(("none", *CURES))}
    best = max(CURES, key=means.get)
    return best if means[best] - means["none"] > 1 else "nothing"


def against_each_other(right):
    means = sorted((sum(right(c, seed=s) for s in range(8)) / 8, c) for c in CURES)
    return means[-1][1] if means[-1][0] - means[-2][0] > 1 else "nothing"


def above_the_worst_seed(right):
    runs = {c: [right(c, seed=s) for s in range(8)] for c in ("none", *CURES)}
    for cure in CURES:
        if min(runs[cure]) > max(runs["none"]):
            return cure
    return "nothing"


def table_of(right, seeds=9):
    """Not an answer: cure -> results, seed by seed."""
    return {c: np.array([right(c, seed=s) for s in range(seeds)]) for c in ("none", *CURES)}


def by(right, of, least=1.0):
    """Not an answer: the best cure by what `of` makes of the seeds."""
    found = {c: of(own) for c, own in table_of(right).items()}
    best = max(found, key=found.get)
    return best if found[best] - found["none"] > least else "nothing"


def half_a_point(right):
    return by(right, np.mean, least=0.5)


def a_point_and_a_half(right):
    return by(right, np.mean, least=1.5)


def by_the_geometric_mean(right):
    return by(right, lambda own: np.exp(np.log(own).mean()))


def without_the_first_seed(right):
    return by(right, lambda own: own[1:].mean())


def without_the_worst_seed(right):
    return by(right, lambda own: np.sort(own)[1:].mean())


def against_the_worst(right):
    means = means_of(right)
    best = max(means, key=means.get)
    return best if best != "none" and means[best] - min(means.values()) > 1 else "nothing"


def best_seed(right):
    return by(right, max)


def ahead_in_every_seed(right):
    table = table_of(right)
    ahead = [c for c in CURES if (table[c] > table["none"]).all() and (table[c] - table["none"]).mean() > 1]
    return ahead[0] if ahead else "nothing"


def more_than_its_error(right):
    table = table_of(right)
    gains = {c: table[c] - table["none"] for c in CURES}
    best = max(CURES, key=lambda c: gains[c].mean())
    return best if gains[best].mean() > 2 * gains[best].std(ddof=1) / 3 else "nothing"


def a_point_ahead_in_one_seed(right):
    table = table_of(right)
    best = max(CURES, key=lambda c: table[c].mean())
    return (
        best
        if (table[best] - table["none"]).max() > 1 and table[best].mean() > table["none"].mean() + 0.5
        else "nothing"
    )


def largest_difference(right):
    means = means_of(right)
    best = max(CURES, key=lambda c: abs(means[c] - means["none"]))
    return best if abs(means[best] - means["none"]) > 1 else "nothing"


def against_the_mean_of_the_others(right):
    means = means_of(right)
    best = max(CURES, key=means.get)
    return best if means[best] - np.mean([means[c] for c in means if c != best]) > 1 else "nothing"


def with_numpy(right):
    names = np.array(["none", *CURES])
    means = np.array([[right(str(c), seed=s) for s in range(20)] for c in names]).mean(1)
    return str(names[means.argmax()]) if means.max() > means[0] + 1 else "nothing"


def seed_by_seed(right):
    gains = {cure: [] for cure in CURES}
    for s in range(30):
        none = right("none", seed=s)
        for cure in CURES:
            gains[cure].append(right(cure, seed=s) - none)
    return next((cure for cure in CURES if np.mean(gains[cure]) > 1), "nothing")


def by_medians(right):
    runs = {cure: np.median([right(cure, seed=s) for s in range(40)]) for cure in ("none", *CURES)}
    return next((cure for cure in CURES if runs[cure] - runs["none"] > 1), "nothing")


WRONG = {
    "what_is_wrong": [
        one_run_each,
        always_the_best,
        two_points_or_nothing,
        against_each_other,
        above_the_worst_seed,
        never_strict,
        other_seeds_for_each,
        half_a_point,
        a_point_and_a_half,
        more_than_its_error,
        largest_difference,
        against_the_mean_of_the_others,
        by_medians,
        ahead_in_every_seed,
        best_seed,
        a_point_ahead_in_one_seed,
        by_the_geometric_mean,
        without_the_first_seed,
        without_the_worst_seed,
        against_the_worst,
    ],
    "weights_left": [
        adds_the_fractions,
        density_of_the_sum,
        ints_as_fractions,
        what_is_gone,
        rounds_down,
        rounds_at_the_end,
        last_amount_only,
        counts_before_fractions,
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
        endings_by_replace,
        only_masks_with_zeros,
        prunes_again_by_magnitude,
        without_computing_anew,
    ],
}
ODD = {
    "weights_left": [left_by_recursion, left_by_pruning, left_as_fraction],
    "load_pruned": [masks_by_custom_from_mask, prepared_loaded_and_called],
    "what_is_wrong": [seed_by_seed, with_numpy],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "what_is_wrong": {
        "return best if mean[best] - mean['none'] > 1 else 'nothing': mean[best] - mean['none'] > 1: Gt -> GtE": (
            "no cure wins exactly one point"
        ),
    },
}

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


def _worst(breaches, seeds=range(9)):
    """Layer -> its breaches, seed by seed."""
    return {layer: [breaches(layer, seed=seed) for seed in seeds] for layer in ("fresh", "alone", "container")}


def _place(fresh, alone, container):
    if fresh:
        return "formula"
    if not container:
        return "nowhere"
    return "mask" if alone else "type"


def believes_that_there_is_a_fault(breaches):
    found = _worst(breaches)
    place = _place(*map(max, found.values()))
    return place if any(map(any, found.values())) else "type"


def without_the_method_alone(breaches):
    found = {layer: max(results) for layer, results in _worst(breaches).items()}
    return "formula" if found["fresh"] else "type" if found["container"] else "nowhere"


def an_error_is_no_breach(breaches):
    found = _worst(breaches)
    return _place(*(max(result for result in [0, *results] if result < 16) for results in found.values()))


def the_method_alone_first(breaches):
    found = {layer: max(results) for layer, results in _worst(breaches).items()}
    if found["alone"] and not found["fresh"]:
        return "mask"
    return _place(*found.values())


def two_breaches_pass(breaches):
    return _place(*(max(results) > 2 for results in _worst(breaches).values()))


def one_breach_passes(breaches):
    return _place(*(max(results) > 1 for results in _worst(breaches).values()))


def two_seeds_must_breach(breaches):
    return _place(*(sum(map(bool, results)) > 1 for results in _worst(breaches).values()))


def the_container_needs_two_seeds(breaches):
    found = _worst(breaches)
    return _place(max(found["fresh"]), max(found["alone"]), sum(map(bool, found["container"])) > 1)


def the_fresh_layer_does_not_count(breaches):
    found = {layer: max(results) for layer, results in _worst(breaches).items()}
    return _place(0, found["alone"], found["container"])


def by_the_median_of_the_seeds(breaches):
    return _place(*(sorted(results)[len(results) // 2] for results in _worst(breaches).values()))


def the_container_by_its_median(breaches):
    found = _worst(breaches)
    return _place(max(found["fresh"]), max(found["alone"]), sorted(found["container"])[4])


def fewer_in_the_container_is_none(breaches):
    found = {layer: sum(results) for layer, results in _worst(breaches).items()}
    if not found["fresh"] and found["container"] < found["alone"]:
        return "nowhere"
    return _place(*found.values())


def alone_it_needs_two(breaches):
    found = {layer: max(results) for layer, results in _worst(breaches).items()}
    return _place(found["fresh"], found["alone"] > 1, found["container"])


def three_seeds(breaches):
    return _place(*map(max, _worst(breaches, range(3)).values()))


def stops_at_the_first_breach(breaches):
    if any(breaches("fresh", seed=seed) for seed in range(9)):
        return "formula"
    if not any(breaches("container", seed=seed) for seed in range(9)):
        return "nowhere"
    return "mask" if any(breaches("alone", seed=seed) for seed in range(9)) else "type"


def never_alone(breaches):
    found = {layer: max(breaches(layer, seed=seed) for seed in range(9)) for layer in ("fresh", "container")}
    return _place(found["fresh"], 1, found["container"])


def always_the_type(breaches):
    _worst(breaches)
    return "type"


def without_the_first_seed(breaches):
    return _place(*(max(results[1:]) for results in _worst(breaches).values()))


def the_first_four_seeds(breaches):
    return _place(*(max(results[:4]) for results in _worst(breaches).values()))


def as_many_alone_as_in_the_container(breaches):
    found = {layer: sum(results) for layer, results in _worst(breaches).items()}
    return _place(found["fresh"], found["alone"] >= found["container"], found["container"])


def the_formula_must_fail_alone_as_well(breaches):
    found = {layer: max(results) for layer, results in _worst(breaches).items()}
    if found["fresh"] and not found["container"]:
        return "formula"
    return _place(found["fresh"] and found["alone"], found["alone"], found["container"])


def an_error_is_the_type(breaches):
    found = {layer: max(results) for layer, results in _worst(breaches).items()}
    if not found["fresh"] and found["container"] == 16:
        return "type"
    return _place(*found.values())


def mask_and_type_exchanged(breaches):
    place = _place(*map(max, _worst(breaches).values()))
    return {"mask": "type", "type": "mask"}.get(place, place)


def a_clean_container_first(breaches):
    fresh, alone, container = map(max, _worst(breaches).values())
    return _place(fresh, alone, container) if container else "nowhere"


def a_clean_fresh_layer_is_enough(breaches):
    fresh, alone, container = map(max, _worst(breaches).values())
    return _place(fresh, alone, container) if fresh else "nowhere"


def the_formula_must_fail_everywhere(breaches):
    fresh, alone, container = map(max, _worst(breaches).values())
    return _place(fresh and alone and container, alone, container)


def the_formula_must_fail_fresh_as_often(breaches):
    fresh, alone, container = map(sum, _worst(breaches).values())
    return _place(fresh and fresh >= container, alone, container)


def the_formula_must_fail_fresh_as_badly(breaches):
    fresh, alone, container = map(max, _worst(breaches).values())
    return _place(fresh and fresh >= container, alone, container)


def the_same_sum_alone_and_in_the_container(breaches):
    fresh, alone, container = map(sum, _worst(breaches).values())
    return _place(fresh, alone == container, container)


def most_seeds_name_it(breaches):
    places = [_place(*results) for results in zip(*_worst(breaches).values(), strict=True)]
    return max(places, key=places.count)


def the_first_seed_with_a_fault(breaches):
    for results in zip(*_worst(breaches).values(), strict=True):
        if _place(*results) != "nowhere":
            return _place(*results)
    return "nowhere"


def no_more_layers_than_needed(breaches):
    if any([breaches("fresh", seed=seed) for seed in range(9)]):
        return "formula"
    if not any([breaches("container", seed=seed) for seed in range(9)]):
        return "nowhere"
    return "mask" if any([breaches("alone", seed=seed) for seed in range(9)]) else "type"


def by_the_mean_over_the_seeds(breaches):
    found = {layer: sum(results) / len(results) for layer, results in _worst(breaches, range(20)).items()}
    return _place(*found.values())


def five_seeds_here_and_there(breaches):
    found = _worst(breaches, (7, 42, 123, 1000, 2024))
    return _place(*map(max, found.values()))


def seed_by_seed_in_arrays(breaches):
    layers = ("container", "fresh", "alone")
    found = np.array([[breaches(layer, seed=seed) for layer in layers] for seed in range(100, 112)])
    container, fresh, alone = (found > 0).any(0)
    return _place(fresh, alone, container)


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
    "where_is_the_fault": [
        believes_that_there_is_a_fault,
        without_the_method_alone,
        an_error_is_no_breach,
        the_method_alone_first,
        two_breaches_pass,
        one_breach_passes,
        two_seeds_must_breach,
        the_container_needs_two_seeds,
        the_fresh_layer_does_not_count,
        by_the_median_of_the_seeds,
        the_container_by_its_median,
        fewer_in_the_container_is_none,
        alone_it_needs_two,
        three_seeds,
        stops_at_the_first_breach,
        never_alone,
        always_the_type,
        without_the_first_seed,
        the_first_four_seeds,
        as_many_alone_as_in_the_container,
        the_formula_must_fail_alone_as_well,
        an_error_is_the_type,
        mask_and_type_exchanged,
        a_clean_container_first,
        a_clean_fresh_layer_is_enough,
        the_formula_must_fail_everywhere,
        the_formula_must_fail_fresh_as_often,
        the_formula_must_fail_fresh_as_badly,
        the_same_sum_alone_and_in_the_container,
        most_seeds_name_it,
        the_first_seed_with_a_fault,
        no_more_layers_than_needed,
    ],
}
ODD = {
    "threshold_mask": [threshold_in_place_on_a_copy, threshold_in_a_loop, threshold_with_numpy],
    "combined_mask": [through_the_list_of_what_is_left, combined_with_numpy],
    "where_is_the_fault": [by_the_mean_over_the_seeds, five_seeds_here_and_there, seed_by_seed_in_arrays],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
SEEDS = "worst = {layer: max((breaches(layer, seed=seed) for seed in range(9))) for layer in layers}: "
FREE = "how many seeds there are is free, from five on"
EQUIVALENT = {"where_is_the_fault": {SEEDS + "9 -> 8": FREE, SEEDS + "9 -> 10": FREE}}

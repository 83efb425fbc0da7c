"""the lesson `prune_module`: plausible wrong answers and odd but right ones, as a learner would write them."""

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


def gone_ones_at_ten(weight, mask, amount):
    k = round(amount * int(mask.sum()))
    order = torch.where(mask == 1, weight.abs(), 10.0).flatten().argsort()
    new = mask.clone().flatten()
    new[order[:k]] = 0
    return new.view_as(weight)


def argsort_for_the_rank(weight, mask, amount):
    order = torch.where(mask == 1, weight.abs(), torch.inf).flatten().argsort()
    return mask * (order >= round(amount * int(mask.sum()))).view_as(mask)


def places_in_a_shorter_list(weight, mask, amount):
    left = weight[mask == 1].abs()
    new = mask.clone().flatten()
    new[left.argsort()[: round(amount * len(left))]] = 0
    return new.view_as(weight)


def each_row_by_itself(weight, mask, amount):
    if weight.dim() == 1:
        k = round(amount * int(mask.sum()))
        new = mask.clone()
        new[torch.where(mask.bool(), weight.abs(), torch.inf).argsort()[:k]] = 0
        return new
    return torch.stack([each_row_by_itself(w, m, amount) for w, m in zip(weight, mask, strict=True)])


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


def _means(lost, amount, draws=8):
    cuts = ("magnitude", "random", "control")
    return [sum(lost(cut, amount=amount, draw=draw) for draw in range(draws)) / draws for cut in cuts]


def _named(share):
    if share > 0.8:
        return "silent neurons"
    return "ranking" if share < 0.2 else "both"


def one_draw_each(lost):
    magnitude, chance, control = (lost(cut, amount=0.9) for cut in ("magnitude", "random", "control"))
    return _named((chance - control) / (chance - magnitude)) if chance - magnitude >= 1 else "no lead"


def at_a_half(lost):
    magnitude, chance, control = _means(lost, 0.5)
    return _named((chance - control) / (chance - magnitude)) if chance - magnitude >= 1 else "no lead"


def at_nearly_all(lost):
    magnitude, chance, control = _means(lost, 0.99)
    return _named((chance - control) / (chance - magnitude)) if chance - magnitude >= 1 else "no lead"


def upside_down(lost):
    magnitude, chance, control = _means(lost, 0.9)
    return _named((control - magnitude) / (chance - magnitude)) if chance - magnitude >= 1 else "no lead"


def always_a_lead(lost):
    magnitude, chance, control = _means(lost, 0.9)
    return _named((chance - control) / (chance - magnitude or 1))


def without_the_control(lost):
    magnitude = sum(lost("magnitude", amount=0.9, draw=d) for d in range(5)) / 5
    chance = sum(lost("random", amount=0.9, draw=d) for d in range(5)) / 5
    return "silent neurons" if chance - magnitude > 5 else "no lead"


def one_or_the_other(lost):
    magnitude, chance, control = _means(lost, 0.9)
    if chance - magnitude < 1:
        return "no lead"
    return "silent neurons" if control - magnitude < chance - control else "ranking"


def points_for_a_share(lost):
    magnitude, chance, control = _means(lost, 0.9)
    return _named(chance - control) if chance - magnitude >= 1 else "no lead"


def over_what_random_loses(lost):
    magnitude, chance, control = _means(lost, 0.9)
    return _named((chance - control) / chance) if chance - magnitude >= 1 else "no lead"


def more_draws_for_chance(lost):
    magnitude = lost("magnitude", amount=0.9)
    chance = sum(lost("random", amount=0.9, draw=d) for d in range(5)) / 5
    control = sum(lost("control", amount=0.9, draw=d) for d in range(5)) / 5
    return _named((chance - control) / (chance - magnitude)) if chance - magnitude >= 1 else "no lead"


def luckiest_against_unluckiest(lost):
    magnitude = [lost("magnitude", amount=0.9, draw=d) for d in range(8)]
    chance = [lost("random", amount=0.9, draw=d) for d in range(8)]
    control = [lost("control", amount=0.9, draw=d) for d in range(8)]
    lead = min(chance) - magnitude[0]
    return "no lead" if lead < 1 else _named((min(chance) - max(control)) / lead)


def _by_limits(lost, low=0.2, high=0.8, least=1.0, pick=np.mean):
    """Not an answer: the rule of the card with other limits, or with another summary."""
    cuts = ("magnitude", "random", "control")
    magnitude, chance, control = (pick([lost(cut, amount=0.9, draw=d) for d in range(9)]) for cut in cuts)
    if chance - magnitude < least:
        return "no lead"
    share = (chance - control) / (chance - magnitude)
    return "silent neurons" if share > high else "ranking" if share < low else "both"


def without_the_extreme_draws(lost):
    return _by_limits(lost, pick=lambda results: np.mean(sorted(results)[1:-1]))


def by_medians(lost):
    return _by_limits(lost, pick=np.median)


def by_the_least_loss(lost):
    return _by_limits(lost, pick=min)


def ranking_below_a_tenth(lost):
    return _by_limits(lost, low=0.1)


def ranking_below_a_quarter(lost):
    return _by_limits(lost, low=0.25)


def silent_above_three_quarters(lost):
    return _by_limits(lost, high=0.75)


def silent_above_nine_tenths(lost):
    return _by_limits(lost, high=0.9)


def from_two_points_on(lost):
    return _by_limits(lost, least=2)


def mean_of_the_shares(lost):
    cuts = ("magnitude", "random", "control")
    draws = [[lost(cut, amount=0.9, draw=d) for cut in cuts] for d in range(10)]
    if np.mean([chance - magnitude for magnitude, chance, _ in draws]) < 1:
        return "no lead"
    return _named(
        np.mean([(chance - control) / (chance - magnitude or 1) for magnitude, chance, control in draws]),
    )


def a_lead_of_either_sign(lost):
    magnitude, chance, control = _means(lost, 0.9)
    return _named((chance - control) / (chance - magnitude)) if abs(chance - magnitude) >= 1 else "no lead"


def lead_of_one_draw(lost):
    magnitude, chance, control = _means(lost, 0.9)
    first = lost("random", amount=0.9, draw=0) - lost("magnitude", amount=0.9, draw=0)
    lost("control", amount=0.9, draw=0)
    return _named((chance - control) / (chance - magnitude or 1)) if first >= 1 else "no lead"


def by_sums(lost):
    magnitude, chance, control = (8 * mean for mean in _means(lost, 0.9))
    return _named((chance - control) / (chance - magnitude)) if chance - magnitude >= 1 else "no lead"


def another_amount_in_each_draw(lost):
    cuts, amounts = ("magnitude", "random", "control"), (0.7, 0.8, 0.85, 0.9, 0.95)
    magnitude, chance, control = (
        sum(lost(cut, amount=amount, draw=draw) for draw, amount in enumerate(amounts)) / 5 for cut in cuts
    )
    return _named((chance - control) / (chance - magnitude)) if chance - magnitude >= 1 else "no lead"


def in_percent(lost):
    magnitude, chance, control = _means(lost, amount=90)
    return _named((chance - control) / (chance - magnitude or 1))


def whose_lead_by_many_draws(lost):
    lead = {
        cut: np.mean([lost(cut, amount=0.9, draw=d) for d in range(50, 81)])
        for cut in ("random", "magnitude", "control")
    }
    if lead["random"] - lead["magnitude"] < 1:
        return "no lead"
    return _named((lead["random"] - lead["control"]) / (lead["random"] - lead["magnitude"]))


def whose_lead_over_amounts(lost):
    results = np.array(
        [
            [[lost(c, amount=a, draw=d) for c in ("magnitude", "random", "control")] for d in range(6)]
            for a in (0.7, 0.8, 0.9)
        ]
    )
    magnitude, chance, control = results.mean((0, 1))
    return "no lead" if chance - magnitude < 1 else _named((chance - control) / (chance - magnitude))


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
        each_row_by_itself,
        gone_ones_at_ten,
        argsort_for_the_rank,
        places_in_a_shorter_list,
    ],
    "whose_lead": [
        one_draw_each,
        at_a_half,
        at_nearly_all,
        upside_down,
        always_a_lead,
        without_the_control,
        one_or_the_other,
        points_for_a_share,
        over_what_random_loses,
        more_draws_for_chance,
        luckiest_against_unluckiest,
        by_medians,
        without_the_extreme_draws,
        by_the_least_loss,
        ranking_below_a_tenth,
        ranking_below_a_quarter,
        silent_above_three_quarters,
        silent_above_nine_tenths,
        from_two_points_on,
        mean_of_the_shares,
        a_lead_of_either_sign,
        lead_of_one_draw,
        by_sums,
        another_amount_in_each_draw,
        in_percent,
    ],
}
ODD = {
    "magnitude_mask": [mask_by_torch, mask_in_a_loop, mask_as_lists],
    "whose_lead": [whose_lead_by_many_draws, whose_lead_over_amounts],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "whose_lead": {
        "if lead < 1:: lead < 1: Lt -> LtE": "no layer has a lead of exactly one point",
        "if share > 0.8:: share > 0.8: Gt -> GtE": "no share is exactly 0.8",
        "return 'ranking' if share < 0.2 else 'both': share < 0.2: Lt -> LtE": "nor exactly 0.2",
        "mean = {cut: sum((lost(cut, amount=0.9, draw=draw) for draw in range(10))) / 10 for cut in cuts}: 10 -> 11": (
            "how many draws there are is free"
        ),
        "mean = {cut: sum((lost(cut, amount=0.9, draw=draw) for draw in range(10))) / 10 for cut in cuts}: 10 -> 9": (
            "how many draws there are is free"
        ),
    },
}

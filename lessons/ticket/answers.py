"""the lesson `ticket`: plausible wrong answers and odd but right ones, as a learner would write them."""

import copy
import math

import torch

# ---- exercise 3 ----


def adds_up(density, rounds):
    return (1 - density) / rounds


def kept_share(density, rounds):
    return density ** (1 / rounds)


def density_is_sparsity(density, rounds):
    return 1 - (1 - density) ** (1 / rounds)


def power_not_root(density, rounds):
    return 1 - density**rounds


def divides_density(density, rounds):
    return 1 - density / rounds


def all_rounds_together(density, rounds):
    return 1 - density


def one_round_more(density, rounds):
    return 1 - density ** (1 / (rounds + 1)) if rounds > 1 else 1 - density


def by_logarithm(density, rounds):
    return 1 - math.exp(math.log(density) / rounds)


def by_search(density, rounds):
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if (1 - middle) ** rounds > density:
            low = middle
        else:
            high = middle
    return low


# ---- exercise 1 ----


def keeps_trained(trained, first, masks):
    return {name: value * masks.get(name, torch.tensor(1.0)) for name, value in trained.items()}


def rewinds_the_mask(trained, first, masks):
    return {name: value.clone() for name, value in first.items()}


def keeps_trained_biases(trained, first, masks):
    new = {name: value.clone() for name, value in trained.items()}
    for name, mask in masks.items():
        new[name] = first[name] * mask
    return new


def shares_biases(trained, first, masks):
    return {name: value * masks[name] if name in masks else value for name, value in first.items()}


def writes_into_first(trained, first, masks):
    for name, mask in masks.items():
        first[name].mul_(mask)
    return first


def no_biases(trained, first, masks):
    return {name: first[name] * mask for name, mask in masks.items()}


def zero_biases(trained, first, masks):
    return {name: first[name] * masks[name] if name in masks else torch.zeros_like(first[name]) for name in first}


def rewinds_only_biases(trained, first, masks):
    return {name: trained[name] * masks[name] if name in masks else first[name].clone() for name in first}


def masks_what_was_0(trained, first, masks):
    return {name: value * (trained[name] != 0) if name in masks else value.clone() for name, value in first.items()}


def keeps_the_pruned_as_trained(trained, first, masks):
    new = {name: value.clone() for name, value in first.items()}
    for name, mask in masks.items():
        new[name][mask == 0] = trained[name][mask == 0]
    return new


def rewinds_the_pruned(trained, first, masks):
    new = copy.deepcopy(first)
    for name, mask in masks.items():
        new[name] = torch.where(mask.bool(), trained[name], first[name])
    return new


def by_deepcopy(trained, first, masks):
    new = copy.deepcopy(first)
    for name in masks:
        new[name][masks[name] == 0] = 0
    return new


def as_parameters(trained, first, masks):
    return {
        name: torch.nn.Parameter(torch.where(masks[name] > 0, value, 0.0) if name in masks else value.clone())
        for name, value in first.items()
    }


# ---- exercise 2 ----

THREE = (0.0012, 0.0048, 0.0192)
SIX = (0.0003, 0.0012, 0.0048, 0.0192, 0.0768, 0.3072)


def tried(right, rates=SIX, seeds=(0, 1, 2)):
    """arm -> rate -> what each seed got right."""
    return {
        arm: {rate: [right(arm, rate=rate, seed=seed) for seed in seeds] for rate in rates}
        for arm in ("ticket", "reinit")
    }


def mean_of(values):
    return sum(values) / len(values)


def by_half_a_point(gap):
    return "ticket" if gap > 0.5 else "reinit" if gap < -0.5 else "neither"


def wants_no_overlap(right):
    best = {arm: max(of.values(), key=mean_of) for arm, of in tried(right).items()}
    if min(best["ticket"]) > max(best["reinit"]):
        return "ticket"
    return "reinit" if min(best["reinit"]) > max(best["ticket"]) else "neither"


def at_the_papers_rate(right):
    found = tried(right, THREE)
    return by_half_a_point(mean_of(found["ticket"][0.0012]) - mean_of(found["reinit"][0.0012]))


def the_best_rate_of_the_ticket(right):
    found = tried(right)
    rate = max(SIX, key=lambda rate: mean_of(found["ticket"][rate]))
    return by_half_a_point(mean_of(found["ticket"][rate]) - mean_of(found["reinit"][rate]))


def only_for_the_ticket(right):
    best = {arm: max(map(mean_of, of.values())) for arm, of in tried(right).items()}
    return "ticket" if best["ticket"] - best["reinit"] > 0.5 else "neither"


def best_single_training(right):
    best = {arm: max(map(max, of.values())) for arm, of in tried(right).items()}
    return by_half_a_point(best["ticket"] - best["reinit"])


def three_rates(right):
    best = {arm: max(map(mean_of, of.values())) for arm, of in tried(right, THREE).items()}
    return by_half_a_point(best["ticket"] - best["reinit"])


def one_seed(right):
    best = {arm: max(map(mean_of, of.values())) for arm, of in tried(right, seeds=(0,)).items()}
    return by_half_a_point(best["ticket"] - best["reinit"])


def tunes_reinit_alone(right):
    ticket = mean_of([right("ticket", rate=0.0012, seed=seed) for seed in range(18)])
    reinit = max(mean_of([right("reinit", rate=rate, seed=seed) for seed in range(3)]) for rate in SIX)
    return by_half_a_point(ticket - reinit)


def by_medians(right):
    best = {arm: max(sorted(seeds)[1] for seeds in of.values()) for arm, of in tried(right).items()}
    return by_half_a_point(best["ticket"] - best["reinit"])


def _summed_up(right, of, seeds=(0, 1, 2)):
    """Not an answer: the rule of the card with another summary."""
    best = {arm: max(map(of, rates.values())) for arm, rates in tried(right, seeds=seeds).items()}
    return by_half_a_point(best["ticket"] - best["reinit"])


def middle_between_best_and_worst(right):
    return _summed_up(right, lambda own: (min(own) + max(own)) / 2)


def without_the_worst_seed(right):
    return _summed_up(right, lambda own: mean_of(sorted(own)[1:]))


def _by_limits(right, ticket=0.5, reinit=0.5):
    """Not an answer: the rule of the card with other limits."""
    best = {arm: max(map(mean_of, of.values())) for arm, of in tried(right).items()}
    gap = best["ticket"] - best["reinit"]
    return "ticket" if gap > ticket else "reinit" if gap < -reinit else "neither"


def a_quarter_for_the_ticket(right):
    return _by_limits(right, ticket=0.25)


def a_quarter_for_reinit(right):
    return _by_limits(right, reinit=0.25)


def a_point_for_the_ticket(right):
    return _by_limits(right, ticket=1)


def a_point_for_reinit(right):
    return _by_limits(right, reinit=1)


def limit_too_high(right):
    return _by_limits(right, ticket=0.6, reinit=0.6)


def limit_too_high_for_reinit(right):
    return _by_limits(right, reinit=0.6)


def by_the_geometric_mean(right):
    return _summed_up(right, lambda own: math.exp(mean_of([math.log(value) for value in own])), range(5))


def without_the_first_seed(right):
    return _summed_up(right, lambda own: mean_of(own[1:]), range(5))


def of_rounded_means(right):
    return _summed_up(right, lambda own: round(mean_of(own), 1))


def per_cent_of_reinit(right):
    best = {arm: max(map(mean_of, of.values())) for arm, of in tried(right).items()}
    return by_half_a_point(100 * (best["ticket"] / best["reinit"] - 1))


def per_cent_of_the_errors(right):
    wrong = {arm: 100 - max(map(mean_of, of.values())) for arm, of in tried(right).items()}
    return by_half_a_point((wrong["reinit"] - wrong["ticket"]) / wrong["reinit"] * 10)


def mean_of_the_two_best_rates(right):
    best = {arm: mean_of(sorted(map(mean_of, of.values()))[-2:]) for arm, of in tried(right).items()}
    return by_half_a_point(best["ticket"] - best["reinit"])


def _rate_chosen_by(right, of):
    """Not an answer: the mean at the rate that looks best by another summary."""
    best = {arm: mean_of(max(rates.values(), key=of)) for arm, rates in tried(right).items()}
    return by_half_a_point(best["ticket"] - best["reinit"])


def rate_by_the_first_seed(right):
    return _rate_chosen_by(right, lambda own: own[0])


def rate_by_the_worst_seed(right):
    return _rate_chosen_by(right, min)


def rate_by_the_median(right):
    return _rate_chosen_by(right, lambda own: sorted(own)[1])


def with_a_fine_grid(right):
    rates = [0.0005 * 2**k for k in range(10)]
    best = {arm: max(map(mean_of, of.values())) for arm, of in tried(right, rates, range(10, 15)).items()}
    return by_half_a_point(best["ticket"] - best["reinit"])


def in_pairs(right):
    found = tried(right, seeds=(7, 8, 9))
    rows = [max(found[arm].values(), key=mean_of) for arm in ("ticket", "reinit")]
    return by_half_a_point(mean_of([a - b for a, b in zip(*rows, strict=True)]))


def goes_on_while_it_gets_better(right):
    rates = [0.0012, 0.0048, 0.0192]
    while True:
        found = tried(right, rates)
        if all(max(rates, key=lambda rate, of=of: mean_of(of[rate])) < rates[-1] for of in found.values()):
            best = {arm: max(map(mean_of, of.values())) for arm, of in found.items()}
            return by_half_a_point(best["ticket"] - best["reinit"])
        rates.append(4 * rates[-1])


WRONG = {
    "share_per_round": [
        adds_up,
        kept_share,
        density_is_sparsity,
        power_not_root,
        divides_density,
        all_rounds_together,
        one_round_more,
    ],
    "rewound": [
        keeps_trained,
        rewinds_the_mask,
        keeps_trained_biases,
        shares_biases,
        writes_into_first,
        no_biases,
        zero_biases,
        rewinds_the_pruned,
        rewinds_only_biases,
        masks_what_was_0,
        keeps_the_pruned_as_trained,
    ],
    "better_arm": [
        wants_no_overlap,
        at_the_papers_rate,
        the_best_rate_of_the_ticket,
        only_for_the_ticket,
        best_single_training,
        three_rates,
        one_seed,
        tunes_reinit_alone,
        by_medians,
        middle_between_best_and_worst,
        without_the_worst_seed,
        a_quarter_for_the_ticket,
        a_quarter_for_reinit,
        a_point_for_the_ticket,
        a_point_for_reinit,
        limit_too_high,
        limit_too_high_for_reinit,
        by_the_geometric_mean,
        without_the_first_seed,
        of_rounded_means,
        per_cent_of_reinit,
        per_cent_of_the_errors,
        mean_of_the_two_best_rates,
        rate_by_the_first_seed,
        rate_by_the_worst_seed,
        rate_by_the_median,
    ],
}
ODD = {
    "share_per_round": [by_logarithm, by_search],
    "rewound": [by_deepcopy, as_parameters],
    "better_arm": [with_a_fine_grid, in_pairs, goes_on_while_it_gets_better],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
_BEST = "best[arm] = max((mean((right(arm, rate=rate, seed=seed) for seed in range(3))) for rate in rates))"
_RATES = "rates = [0.0003 * 4 ** k for k in range(6)]"
_SAY = "return 'ticket' if gap > 0.5 else 'reinit' if gap < -0.5 else 'neither'"
EQUIVALENT = {
    "better_arm": {
        f"{_BEST}: 3 -> 4": "one seed more",
        f"{_RATES}: 4 -> 3": "a finer grid, up to 0.07, where the best rate of each world is still flat",
        f"{_RATES}: 4 -> 5": "a coarser grid that still meets the flat tops",
        f"{_RATES}: 6 -> 5": "up to 0.08, where the best rate of each world is still flat",
        f"{_SAY}: gap < -0.5: Lt -> LtE": "no planted gap is exactly half a point",
        f"{_SAY}: gap > 0.5: Gt -> GtE": "no planted gap is exactly half a point",
    }
}

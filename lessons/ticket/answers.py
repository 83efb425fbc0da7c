"""the lesson `ticket`: plausible wrong answers and odd but right ones, as a learner would write them."""

import copy
import math

import torch

# ---- exercise 1 ----


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


# ---- exercise 2 ----


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
}
ODD = {
    "share_per_round": [by_logarithm, by_search],
    "rewound": [by_deepcopy, as_parameters],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {}

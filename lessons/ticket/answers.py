"""the lesson `ticket`: plausible wrong answers and odd but right ones, as a learner would write them."""

import copy
import math

import numpy as np
import torch

# ---- 12.1 ----


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


# ---- 12.2 ----


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


# ---- 12.3 ----


def least_loss(rows):
    return sorted(rows, key=lambda row: row[1])[0]


def stops_by_test(dense, ticket):
    d, t = (max(rows, key=lambda row: row[3]) for rows in (dense, ticket))
    return 100 * (d[0] - t[0]) / d[0], 100 * (t[3] - d[3])


def stops_by_validation_accuracy(dense, ticket):
    d, t = (max(rows, key=lambda row: row[2]) for rows in (dense, ticket))
    return 100 * (d[0] - t[0]) / d[0], 100 * (t[3] - d[3])


def last_rows(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / d[0], 100 * (ticket[-1][3] - dense[-1][3])


def best_test(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / d[0], 100 * (max(r[3] for r in ticket) - max(r[3] for r in dense))


def validation_gain(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / d[0], 100 * (t[2] - d[2])


def of_tickets_iterations(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / t[0], 100 * (t[3] - d[3])


def relative_gain(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / d[0], 100 * (t[3] - d[3]) / d[3]


def gain_as_share(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / d[0], t[3] - d[3]


def later_not_sooner(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (t[0] - d[0]) / d[0], 100 * (t[3] - d[3])


def stops_at_the_first_rise(dense, ticket):
    def stop(rows):
        for row, after in zip(rows, rows[1:], strict=False):
            if after[1] > row[1]:
                return row
        return rows[-1]

    d, t = stop(dense), stop(ticket)
    return 100 * (d[0] - t[0]) / d[0], 100 * (t[3] - d[3])


def counts_rows(dense, ticket):
    d, t = (rows.index(least_loss(rows)) for rows in (dense, ticket))
    return 100 * (d - t) / (d + 1), 100 * (ticket[t][3] - dense[d][3])


def both_at_denses_stop(dense, ticket):
    i = dense.index(least_loss(dense))
    t = least_loss(ticket)
    return 100 * (dense[i][0] - t[0]) / dense[i][0], 100 * (ticket[i][3] - dense[i][3])


def with_argmin(dense, ticket):
    d, t = (np.array(rows)[np.argmin([row[1] for row in rows])] for rows in (dense, ticket))
    return [100 * (d[0] - t[0]) / d[0], 100 * (t[3] - d[3])]


def with_tensors(dense, ticket):
    d, t = (torch.tensor(rows, dtype=torch.float64) for rows in (dense, ticket))
    d, t = d[d[:, 1].argmin()], t[t[:, 1].argmin()]
    return (1 - t[0] / d[0]) * 100, (t[3] - d[3]) * 100


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
    "compare_runs": [
        stops_by_test,
        stops_by_validation_accuracy,
        last_rows,
        best_test,
        validation_gain,
        of_tickets_iterations,
        relative_gain,
        gain_as_share,
        later_not_sooner,
        both_at_denses_stop,
        stops_at_the_first_rise,
        counts_rows,
    ],
}
ODD = {
    "share_per_round": [by_logarithm, by_search],
    "rewound": [by_deepcopy, as_parameters],
    "compare_runs": [with_argmin, with_tensors],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {}

"""the lesson `scores`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math

import numpy as np
import torch


def _mask(products, amount, whole=round):
    k = whole(amount * products.shape[1])
    return torch.ones_like(products).scatter(1, products.argsort(dim=1)[:, :k], 0)


def magnitude_of_each_row(weight, inputs, amount):
    return _mask(weight.abs(), amount)


def one_ranking_for_the_layer(weight, inputs, amount):
    products = weight.abs() * inputs.norm(dim=0)
    mask = torch.ones(weight.numel())
    mask[products.flatten().argsort()[: round(amount * weight.numel())]] = 0
    return mask.view_as(weight)


def by_the_sum_of_absolute_inputs(weight, inputs, amount):
    return _mask(weight.abs() * inputs.abs().mean(0), amount)


def by_the_squared_norm(weight, inputs, amount):
    return _mask(weight.abs() * (inputs**2).sum(0), amount)


def by_the_mean_input(weight, inputs, amount):
    return _mask(weight.abs() * inputs.mean(0).abs(), amount)


def by_the_first_sample(weight, inputs, amount):
    return _mask((weight * inputs[0]).abs(), amount)


def by_the_signed_product(weight, inputs, amount):
    return _mask(weight * inputs.norm(dim=0), amount)


def cuts_the_number_off(weight, inputs, amount):
    return _mask(weight.abs() * inputs.norm(dim=0), amount, int)


def rounds_the_number_up(weight, inputs, amount):
    return _mask(weight.abs() * inputs.norm(dim=0), amount, math.ceil)


def rounds_halves_up(weight, inputs, amount):
    return _mask(weight.abs() * inputs.norm(dim=0), amount, lambda k: int(k + 0.5))


def by_the_largest_input(weight, inputs, amount):
    return _mask(weight.abs() * inputs.abs().max(dim=0).values, amount)


def argsort_for_the_rank(weight, inputs, amount):
    products = weight.abs() * inputs.norm(dim=0)
    return (products.argsort(dim=1) >= round(amount * products.shape[1])).float()


def by_the_deviation(weight, inputs, amount):
    return _mask(weight.abs() * inputs.var(0, correction=0).sqrt(), amount)


def wanda_in_a_loop(weight, inputs, amount):
    norms = [math.sqrt(sum(v * v for v in column)) for column in inputs.T.tolist()]
    mask = []
    for row in weight.tolist():
        order = sorted(range(len(row)), key=lambda j, row=row: abs(row[j]) * norms[j])
        gone = set(order[: round(amount * len(row))])
        mask.append([float(j not in gone) for j in range(len(row))])
    return torch.tensor(mask)


def wanda_with_squares_and_topk(weight, inputs, amount):
    products = weight.numpy() ** 2 * (inputs.numpy() ** 2).sum(0)
    keep = weight.shape[1] - round(amount * weight.shape[1])
    mask = np.zeros_like(products)
    np.put_along_axis(mask, np.argsort(-products, axis=1)[:, :keep], 1, axis=1)
    return mask


def sets_to_zero_alone(w, h_inverse, i):
    new = w.clone()
    new[i] = 0
    return new


def with_the_wrong_sign(w, h_inverse, i):
    return w + w[i] / h_inverse[i, i] * h_inverse[:, i]


def without_the_division(w, h_inverse, i):
    return w - w[i] * h_inverse[:, i]


def to_the_other_side(w, h_inverse, i):
    row = w + w[i] / h_inverse[i, i] * h_inverse[i]
    row[i] = 0
    return row


def without_the_division_and_zero(w, h_inverse, i):
    row = w - w[i] * h_inverse[i]
    row[i] = 0
    return row


def divides_by_the_diagonal(w, h_inverse, i):
    return w - w[i] * h_inverse[i] / torch.diag(h_inverse)


def inverts_once_more(w, h_inverse, i):
    h = torch.linalg.inv(h_inverse)
    return w - w[i] / h[i, i] * h[:, i]


def multiplies_by_its_own_weight(w, h_inverse, i):
    return w - w / h_inverse[i, i] * h_inverse[:, i]


def squares_the_weight(w, h_inverse, i):
    return w - w[i] ** 2 / h_inverse[i, i] * h_inverse[:, i]


def the_change_alone(w, h_inverse, i):
    return -w[i] / h_inverse[i, i] * h_inverse[:, i]


def those_behind_alone(w, h_inverse, i):
    new = w.clone()
    new[i:] -= w[i] / h_inverse[i, i] * h_inverse[i, i:]
    return new


def by_least_squares(w, h_inverse, i):
    """From H itself: the best rest, as a linear system over what is left."""
    h = torch.linalg.inv(h_inverse.double())
    rest = [j for j in range(len(w)) if j != i]
    new = torch.zeros(len(w), dtype=torch.float64)
    if rest:
        new[rest] = torch.linalg.solve(h[rest][:, rest], (h @ w.double())[rest])
    return new


def entry_by_entry(w, h_inverse, i):
    share = float(w[i]) / float(h_inverse[i, i])
    return torch.tensor([0.0 if j == i else float(w[j]) - share * float(h_inverse[j, i]) for j in range(len(w))])


def wrong_sign(weights, gradients):
    return sum(w * g for w, g in zip(weights, gradients, strict=True))


def last_step_only(weights, gradients):
    return -weights[-1] * gradients[-1]


def last_weights_for_all(weights, gradients):
    total = torch.zeros_like(gradients[0])
    for g in gradients:
        total += g
    return -weights[-1] * total


def without_the_weights(weights, gradients):
    return -torch.stack(gradients).sum(0)


def without_the_sign(weights, gradients):
    return torch.stack([w * g for w, g in zip(weights, gradients, strict=True)]).sum(0).abs()


def taylor_in_place_of_movement(weights, gradients):
    return sum((w * g) ** 2 for w, g in zip(weights, gradients, strict=True))


def averaged(weights, gradients):
    return -(torch.stack(weights) * torch.stack(gradients)).mean(0)


def absolute_weights(weights, gradients):
    return -sum(w.abs() * g for w, g in zip(weights, gradients, strict=True))


def from_the_second_step(weights, gradients):
    score = torch.zeros_like(weights[0])
    for t in range(1, len(weights)):
        score -= weights[t] * gradients[t]
    return score


def minus_the_first_step_alone(weights, gradients):
    scores = -weights[0] * gradients[0]
    for w, g in zip(weights[1:], gradients[1:], strict=True):
        scores = scores + w * g
    return scores


def first_step_twice(weights, gradients):
    scores = weights[0] * gradients[0]
    for w, g in zip(weights, gradients, strict=True):
        scores = scores + w * g
    return -scores


def of_absolute_steps(weights, gradients):
    return torch.stack([(w * g).abs() for w, g in zip(weights, gradients, strict=True)]).sum(0)


def movement_in_a_loop(weights, gradients):
    score = torch.zeros_like(weights[0], dtype=torch.float64)
    for t in range(len(weights)):
        score -= weights[t].double() * gradients[t].double()
    return score


def movement_with_einsum(weights, gradients):
    return -torch.einsum("t...,t...->...", torch.stack(list(weights)), torch.stack(list(gradients)))


WRONG = {
    "wanda_mask": [
        magnitude_of_each_row,
        one_ranking_for_the_layer,
        by_the_sum_of_absolute_inputs,
        by_the_squared_norm,
        by_the_mean_input,
        by_the_first_sample,
        by_the_signed_product,
        cuts_the_number_off,
        rounds_the_number_up,
        rounds_halves_up,
        by_the_largest_input,
        argsort_for_the_rank,
        by_the_deviation,
    ],
    "repaired": [
        sets_to_zero_alone,
        with_the_wrong_sign,
        without_the_division,
        to_the_other_side,
        without_the_division_and_zero,
        divides_by_the_diagonal,
        inverts_once_more,
        multiplies_by_its_own_weight,
        squares_the_weight,
        the_change_alone,
        those_behind_alone,
    ],
    "movement_scores": [
        wrong_sign,
        last_step_only,
        last_weights_for_all,
        without_the_weights,
        without_the_sign,
        taylor_in_place_of_movement,
        averaged,
        absolute_weights,
        from_the_second_step,
        minus_the_first_step_alone,
        first_step_twice,
        of_absolute_steps,
    ],
}
ODD = {
    "wanda_mask": [wanda_in_a_loop, wanda_with_squares_and_topk],
    "repaired": [by_least_squares, entry_by_entry],
    "movement_scores": [movement_in_a_loop, movement_with_einsum],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "movement_scores": {
        "return -sum((w * g for w, g in zip(weights, gradients, strict=True))): True -> False": (
            "there are as many weights as gradients"
        ),
        "return -sum((w * g for w, g in zip(weights, gradients, strict=True))): "
        "zip(weights, gradients, strict=True): arguments swapped": "w * g is g * w",
    },
}

"""the lesson `scores`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math

import numpy as np
import torch


def _table(right, networks=8, pick=np.mean):
    seeds = range(networks)
    return {
        (score, rows): float(pick([right(score, rows=rows, seed=seed) for seed in seeds]))
        for score in ("magnitude", "wanda")
        for rows in (0, 1)
    }


def _parts(cells):
    score = (cells["wanda", 0] - cells["magnitude", 0] + cells["wanda", 1] - cells["magnitude", 1]) / 2
    group = (cells["magnitude", 1] - cells["magnitude", 0] + cells["wanda", 1] - cells["wanda", 0]) / 2
    return score, group


def _named(score, group, limit=1.0):
    if score >= limit and group >= limit:
        return "both"
    return "score" if score >= limit else "group" if group >= limit else "neither"


def the_report_again(right):
    seeds = range(8)
    wanda = sum(right("wanda", rows=1, seed=seed) for seed in seeds) / 8
    magnitude = sum(right("magnitude", rows=0, seed=seed) for seed in seeds) / 8
    return "score" if wanda - magnitude >= 1 else "neither"


def in_the_rows_alone(right):
    seeds = range(8)
    wanda, magnitude = (sum(right(score, rows=1, seed=seed) for seed in seeds) / 8 for score in ("wanda", "magnitude"))
    return "score" if wanda - magnitude >= 1 else "group"


def one_network(right):
    return _named(*_parts(_table(right, networks=1)))


def other_networks_in_the_rows(right):
    cells = {
        (score, rows): sum(right(score, rows=rows, seed=seed + 10 * rows) for seed in range(8)) / 8
        for score in ("magnitude", "wanda")
        for rows in (0, 1)
    }
    return _named(*_parts(cells))


def score_first(right):
    cells = _table(right)
    return _named(cells["wanda", 0] - cells["magnitude", 0], cells["wanda", 1] - cells["wanda", 0])


def group_first(right):
    cells = _table(right)
    return _named(cells["wanda", 1] - cells["magnitude", 1], cells["magnitude", 1] - cells["magnitude", 0])


def from_the_start(right):
    cells = _table(right)
    return _named(cells["wanda", 0] - cells["magnitude", 0], cells["magnitude", 1] - cells["magnitude", 0])


def back_from_the_end(right):
    cells = _table(right)
    return _named(cells["wanda", 1] - cells["magnitude", 1], cells["wanda", 1] - cells["wanda", 0])


def the_larger_part(right):
    score, group = _parts(_table(right))
    return "neither" if max(score, group) < 1 else "score" if score > group else "group"


def whatever_the_sign(right):
    return _named(*map(abs, _parts(_table(right))))


def exchanged(right):
    return _named(*reversed(_parts(_table(right))))


def from_half_a_point(right):
    return _named(*_parts(_table(right)), limit=0.5)


def from_two_points(right):
    return _named(*_parts(_table(right)), limit=2)


def from_one_and_a_quarter(right):
    return _named(*_parts(_table(right)), limit=1.25)


def anything_above_nothing(right):
    return _named(*_parts(_table(right)), limit=0)


def only_the_score(right):
    return "score" if _parts(_table(right))[0] >= 1 else "neither"


def only_with_an_advantage(right):
    score, group = _parts(_table(right))
    return _named(score, group) if score + group >= 1 else "neither"


def size_of_the_score(right):
    score, group = _parts(_table(right))
    return _named(abs(score), group)


def by_the_median(right):
    return _named(*_parts(_table(right, pick=np.median)))


def by_the_best(right):
    return _named(*_parts(_table(right, pick=max)))


def by_the_worst(right):
    return _named(*_parts(_table(right, pick=min)))


def without_best_and_worst(right):
    return _named(*_parts(_table(right, pick=lambda own: np.mean(sorted(own)[1:-1]))))


def without_the_worst(right):
    return _named(*_parts(_table(right, pick=lambda own: np.mean(sorted(own)[1:]))))


def middle_between_best_and_worst(right):
    return _named(*_parts(_table(right, pick=lambda own: (min(own) + max(own)) / 2)))


def always_the_score(right):
    _table(right)
    return "score"


def merit_in_numpy(right):
    table = np.array(
        [[[right(score, rows=rows, seed=s) for s in range(12)] for rows in (0, 1)] for score in ("magnitude", "wanda")]
    ).mean(2)
    score, group = (table[1] - table[0]).mean(), (table[:, 1] - table[:, 0]).mean()
    return {(True, True): "both", (True, False): "score", (False, True): "group"}.get(
        (bool(score >= 1), bool(group >= 1)), "neither"
    )


def merit_network_by_network(right):
    score, group = [], []
    for seed in (3, 1, 4, 15, 9, 2, 6):
        m, m_rows, w, w_rows = (right(s, rows=r, seed=seed) for s in ("magnitude", "wanda") for r in (0, 1))
        score.append((w - m + w_rows - m_rows) / 2)
        group.append((m_rows - m + w_rows - w) / 2)
    return _named(sum(score) / 7, sum(group) / 7)


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


def _by_each_mean(right, pick):
    """Not an answer: the rule of the card with another summary over networks."""
    names = ("magnitude", "wanda")
    cell = {(s, r): pick([right(s, rows=r, seed=n) for n in range(9)]) for s in names for r in (0, 1)}
    score = sum(cell["wanda", r] - cell["magnitude", r] for r in (0, 1)) / 2
    group = sum(cell[s, 1] - cell[s, 0] for s in names) / 2
    if score >= 1:
        return "both" if group >= 1 else "score"
    return "group" if group >= 1 else "neither"


def without_the_first_network(right):
    return _by_each_mean(right, lambda own: sum(own[1:]) / 8)


def by_the_geometric_mean(right):
    return _by_each_mean(right, lambda own: math.prod(own) ** (1 / 9))


WRONG = {
    "whose_merit": [
        the_report_again,
        in_the_rows_alone,
        one_network,
        other_networks_in_the_rows,
        score_first,
        group_first,
        from_the_start,
        back_from_the_end,
        the_larger_part,
        whatever_the_sign,
        exchanged,
        from_half_a_point,
        from_two_points,
        from_one_and_a_quarter,
        anything_above_nothing,
        only_the_score,
        size_of_the_score,
        only_with_an_advantage,
        by_the_median,
        by_the_best,
        by_the_worst,
        without_best_and_worst,
        without_the_worst,
        middle_between_best_and_worst,
        without_the_first_network,
        by_the_geometric_mean,
        always_the_score,
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
    "whose_merit": [merit_in_numpy, merit_network_by_network],
    "repaired": [by_least_squares, entry_by_entry],
    "movement_scores": [movement_in_a_loop, movement_with_einsum],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "whose_merit": {
        "if score >= 1 and group >= 1:: group >= 1: GtE -> Gt": "no part is exactly 1",
        "if score >= 1 and group >= 1:: score >= 1: GtE -> Gt": "no part is exactly 1",
        "return 'score' if score >= 1 else 'group' if group >= 1 else 'neither': group >= 1: GtE -> Gt": (
            "no part is exactly 1"
        ),
        "return 'score' if score >= 1 else 'group' if group >= 1 else 'neither': score >= 1: GtE -> Gt": (
            "no part is exactly 1"
        ),
    },
    "movement_scores": {
        "return -sum((w * g for w, g in zip(weights, gradients, strict=True))): True -> False": (
            "there are as many weights as gradients"
        ),
        "return -sum((w * g for w, g in zip(weights, gradients, strict=True))): "
        "zip(weights, gradients, strict=True): arguments swapped": "w * g is g * w",
    },
}

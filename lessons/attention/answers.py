"""The lesson `attention`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math

import numpy as np
import torch


def without_the_root(query, keys, values):
    parts = [0.0 if k is None else math.exp(float(np.dot(query, k))) for k in keys]
    return float(np.dot(parts, values) / sum(parts))


def masked_as_zero(query, keys, values):
    scores = [0.0 if k is None else float(np.dot(query, k)) / len(query) ** 0.5 for k in keys]
    shares = torch.tensor(scores, dtype=torch.float64).softmax(0)
    return float(shares @ torch.tensor(values, dtype=torch.float64))


def the_best_one(query, keys, values):
    scores = [-1e9 if k is None else float(np.dot(query, k)) for k in keys]
    return float(values[int(np.argmax(scores))])


def divided_by_all(query, keys, values):
    d = len(query)
    parts = [0.0 if k is None else math.exp(float(np.dot(query, k)) / d) for k in keys]
    return sum(p * v for p, v in zip(parts, values, strict=True)) / sum(parts)


def mean_of_values(query, keys, values):
    there = [v for k, v in zip(keys, values, strict=True) if k is not None]
    return sum(there) / len(there)


def with_torch(query, keys, values):
    q = torch.tensor(query, dtype=torch.float64)
    scores = torch.tensor([-math.inf if k is None else float(q @ torch.tensor(k, dtype=torch.float64)) for k in keys])
    shares = (scores.double() / math.sqrt(len(query))).softmax(0)
    return (shares * torch.tensor(values, dtype=torch.float64)).sum()


def with_numpy(query, keys, values):
    there = [(k, v) for k, v in zip(keys, values, strict=True) if k is not None]
    scores = np.array([np.dot(query, k) for k, _ in there]) / np.sqrt(len(query))
    shares = np.exp(scores - scores.max())
    return (shares / shares.sum()) @ np.array([v for _, v in there])


def _table(share, distances=range(1, 9)):
    return [[share(token, distance=d) for d in distances] for token in ("same", "other")]


def high_one_step_back(share):
    same, other = _table(share)
    if max(same + other) < 0.3:
        return "neither"
    return "place" if same[0] > 0.3 else "content"


def same_one_step_back(share):
    same, other = _table(share)
    if max(same + other) < 0.3:
        return "neither"
    return "content" if same[0] > 0.3 else "place"


def without_a_threshold(share):
    same, other = _table(share)
    content = max(abs(s - o) for s, o in zip(same, other, strict=True))
    return "content" if content > max(same) - min(same) else "place"


def near_only(share):
    same, other = _table(share, range(1, 6))
    content = max(abs(s - o) for s, o in zip(same, other, strict=True))
    place = max(same) - min(same)
    return "neither" if max(content, place) < 0.2 else "content" if content > place else "place"


def only_if_the_same_gets_more(share):
    same, other = _table(share)
    content = max(s - o for s, o in zip(same, other, strict=True))
    place = max(same) - min(same)
    return "content" if content > max(0.2, place) else "place" if place >= 0.2 else "neither"


def at_a_tenth(share):
    same, other = _table(share)
    content = max(abs(s - o) for s, o in zip(same, other, strict=True))
    place = max(same) - min(same)
    return "neither" if max(content, place) < 0.1 else "content" if content > place else "place"


def at_a_half(share):
    same, other = _table(share)
    content = max(abs(s - o) for s, o in zip(same, other, strict=True))
    place = max(same) - min(same)
    return "neither" if max(content, place) < 0.4 else "content" if content > place else "place"


def by_means(share):
    same, other = (np.array(row) for row in _table(share))
    if abs(same.mean() - other.mean()) > 0.2:
        return "content"
    return "place" if np.ptp(same) > 0.2 else "neither"


def twice_each(share):
    table = np.array([_table(share), _table(share)]).mean(0)
    if abs(table[0] - table[1]).max() >= 0.2:
        return "content"
    return "place" if table[0].max() - table[0].min() >= 0.2 else "neither"


WRONG = {
    "look_up": [without_the_root, masked_as_zero, the_best_one, divided_by_all, mean_of_values],
    "looks_at": [
        high_one_step_back,
        same_one_step_back,
        without_a_threshold,
        near_only,
        at_a_tenth,
        at_a_half,
        only_if_the_same_gets_more,
    ],
}
ODD = {"look_up": [with_torch, with_numpy], "looks_at": [by_means, twice_each]}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
_LENGTHS, _ORDER = "the lists have the same length", "a product does not depend on its order"
EQUIVALENT = {
    "look_up": {
        "return sum((part * value for part, value in zip(parts, values, strict=True))) / sum(parts): True -> False": _LENGTHS,
        "return sum((part * value for part, value in zip(parts, values, strict=True))) / sum(parts): "
        "zip(parts, values, strict=True): arguments swapped": _ORDER,
        "score = sum((a * b for a, b in zip(query, key, strict=True))) / math.sqrt(len(query)): True -> False": _LENGTHS,
        "score = sum((a * b for a, b in zip(query, key, strict=True))) / math.sqrt(len(query)): "
        "zip(query, key, strict=True): arguments swapped": _ORDER,
    },
    "looks_at": {
        "by_content = max((abs(s - o) for s, o in zip(same, other, strict=True))): True -> False": _LENGTHS,
        "by_content = max((abs(s - o) for s, o in zip(same, other, strict=True))): max -> min": (
            "these heads prefer one token at every distance or at none"
        ),
        "by_content = max((abs(s - o) for s, o in zip(same, other, strict=True))): zip(same, other, strict=True): "
        "arguments swapped": "the size of a difference does not depend on its order",
        "by_place = max((max(row) - min(row) for row in (same, other))): max -> min": "these heads treat both rows alike",
        "if max(by_content, by_place) < 0.2:: max(by_content, by_place) < 0.2: Lt -> LtE": "no head differs by 0.2",
        "if max(by_content, by_place) < 0.2:: max(by_content, by_place): arguments swapped": "the larger one stays",
        "return 'content' if by_content > by_place else 'place': by_content > by_place: Gt -> GtE": "they never tie",
    },
}

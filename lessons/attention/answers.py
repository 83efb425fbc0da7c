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


def by_the_length_of_the_query(query, keys, values):
    parts = [0.0 if k is None else math.exp(float(np.dot(query, k)) / (math.hypot(*query) or 1.0)) for k in keys]
    return sum(p * v for p, v in zip(parts, values, strict=True)) / sum(parts)


def cosine(query, keys, values):
    lengths = [1.0 if k is None else math.hypot(*query) * math.hypot(*k) or 1.0 for k in keys]
    parts = [0.0 if k is None else math.exp(float(np.dot(query, k)) / n) for k, n in zip(keys, lengths, strict=True)]
    return sum(p * v for p, v in zip(parts, values, strict=True)) / sum(parts)


def masked_as_minus_ten(query, keys, values):
    scores = [-10.0 if k is None else float(np.dot(query, k)) / len(query) ** 0.5 for k in keys]
    shares = torch.tensor(scores, dtype=torch.float64).softmax(0)
    return float(shares @ torch.tensor(values, dtype=torch.float64))


def zeros_as_masked(query, keys, values):
    there = [(k, v) for k, v in zip(keys, values, strict=True) if k and any(k)]
    parts = [math.exp(float(np.dot(query, k)) / len(query) ** 0.5) for k, _ in there]
    return sum(p * v for p, (_, v) in zip(parts, there, strict=True)) / sum(parts) if there else 0.0


def first_masked_only(query, keys, values):
    at = keys.index(None) if None in keys else len(keys)
    keys, values = keys[:at] + keys[at + 1 :], values[:at] + values[at + 1 :]
    return masked_as_zero(query, keys, values)


def until_a_masked_one(query, keys, values):
    total, mean = 0.0, 0.0
    for k, v in zip(keys, values, strict=True):
        if k is None:
            break
        part = math.exp(float(np.dot(query, k)) / len(query) ** 0.5)
        total, mean = total + part, mean + part * v
    return mean / total if total else 0.0


def with_sigmoids(query, keys, values):
    parts = [0.0 if k is None else 1 / (1 + math.exp(-float(np.dot(query, k)) / len(query) ** 0.5)) for k in keys]
    return sum(p * v for p, v in zip(parts, values, strict=True)) / sum(parts)


def positive_scores(query, keys, values):
    parts = [0.0 if k is None else max(0.0, float(np.dot(query, k))) for k in keys]
    return sum(p * v for p, v in zip(parts, values, strict=True)) / (sum(parts) or 1.0)


def softmax_twice(query, keys, values):
    there = [(k, v) for k, v in zip(keys, values, strict=True) if k is not None]
    scores = torch.tensor([float(np.dot(query, k)) for k, _ in there], dtype=torch.float64) / len(query) ** 0.5
    return float(scores.softmax(0).softmax(0) @ torch.tensor([v for _, v in there], dtype=torch.float64))


def root_of_the_score(query, keys, values):
    scores = [None if k is None else float(np.dot(query, k)) for k in keys]
    parts = [0.0 if s is None else math.exp(math.copysign(abs(s) ** 0.5, s)) for s in scores]
    return sum(p * v for p, v in zip(parts, values, strict=True)) / sum(parts)


def root_of_two(query, keys, values):
    parts = [0.0 if k is None else math.exp(float(np.dot(query, k)) / math.sqrt(2)) for k in keys]
    return sum(p * v for p, v in zip(parts, values, strict=True)) / sum(parts)


def features_added(query, keys, values):
    parts = [0.0 if k is None else math.exp((sum(query) + sum(k)) / len(query) ** 0.5) for k in keys]
    return sum(p * v for p, v in zip(parts, values, strict=True)) / sum(parts)


def the_two_best(query, keys, values):
    scored = [(float(np.dot(query, k)), v) for k, v in zip(keys, values, strict=True) if k is not None]
    scored = sorted(scored, reverse=True)[:2]
    parts = [math.exp(score / len(query) ** 0.5) for score, _ in scored]
    return sum(p * v for p, (_, v) in zip(parts, scored, strict=True)) / sum(parts)


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


def _table(share, distances=range(1, 9), tokens=("same", "other"), times=1):
    """Not an answer: the two rows of shares, asked in this order."""
    rows = {
        token: np.mean([[share(token, distance=d) for d in distances] for _ in range(times)], 0) for token in tokens
    }
    return rows["same"], rows["other"]


def _named(content, place, clear=0.2, places_clear=None):
    """Not an answer: the conclusion from two differences."""
    return "content" if content >= clear else "place" if place >= (places_clear or clear) else "neither"


def _apart(same, other):
    """Not an answer: how far the tokens are apart, and the distances."""
    return np.abs(same - other).max(), max(np.ptp(same), np.ptp(other))


OTHER_FIRST = {"tokens": ("other", "same")}  # other runs, so that the check has other numbers to tell


def high_one_step_back(share):
    same, other = _table(share)
    if max(*same, *other) < 0.3:
        return "neither"
    return "place" if same[0] > 0.3 else "content"


def without_a_threshold(share):
    content, place = _apart(*_table(share))
    return "content" if content > place else "place"


def near_only(share):
    return _named(*_apart(*_table(share, range(1, 6))))


def only_if_the_same_gets_more(share):
    same, other = _table(share)
    return _named((same - other).max(), np.ptp(same))


def only_if_the_other_gets_more(share):
    same, other = _table(share)
    return _named((other - same).max(), np.ptp(same))


def at_different_distances(share):
    same, other = _table(share)
    return _named(abs(same[0] - other[-1]), _apart(same, other)[1])


def near_and_far(share):
    same, other = _table(share)
    return _named(_apart(same, other)[0], abs(same[:4].mean() - same[4:].mean()))


def first_and_last(share):
    same, other = _table(share)
    return _named(_apart(same, other)[0], abs(same[0] - same[-1]))


def a_deviation(share):
    same, other = _table(share, **OTHER_FIRST)
    return _named(_apart(same, other)[0], same.std())


def a_large_share(share):
    same, other = _table(share)
    return "place" if max(other) > 0.5 else "content" if max(same) > 0.5 else "neither"


def at_four_tenths(share):
    return _named(*_apart(*_table(share, **OTHER_FIRST)), clear=0.4)


def at_a_hundredth(share):
    return _named(*_apart(*_table(share, times=3)), clear=0.001)


def at_a_tenth(share):
    return _named(*_apart(*_table(share)), clear=0.1)


def twice_as_much(share):
    same, other = _table(share, **OTHER_FIRST)
    if any(max(pair) > 2 * min(pair) for pair in zip(same, other, strict=True)):
        return "content"
    return "place" if _apart(same, other)[1] > 0.2 else "neither"


def added_up(share):
    same, other = _table(share, times=2)
    return _named(abs((same - other).sum()), _apart(same, other)[1])


def neighbours(share):
    same, other = _table(share)
    return _named(_apart(same, other)[0], np.abs(np.diff(same)).max())


def over_the_mean(share):
    same, other = _table(share, **OTHER_FIRST)
    return _named(_apart(same, other)[0], same.max() - same.mean())


def at_fifteen_hundredths(share):
    return _named(*_apart(*_table(share)), clear=0.15)


def places_at_a_tenth(share):
    return _named(*_apart(*_table(share, **OTHER_FIRST)), places_clear=0.1)


def at_a_quarter(share):
    return _named(*_apart(*_table(share)), clear=0.25)


def at_three_tenths(share):
    return _named(*_apart(*_table(share, **OTHER_FIRST)), clear=0.3)


def tokens_at_fifteen_hundredths(share):
    return _named(*_apart(*_table(share)), clear=0.15, places_clear=0.2)


def tokens_at_three_tenths(share):
    return _named(*_apart(*_table(share)), clear=0.3, places_clear=0.2)


def the_place_first(share):
    content, place = _apart(*_table(share))
    return "place" if place >= 0.2 else _named(content, place)


def one_step_back_alone(share):
    same, other = _table(share, **OTHER_FIRST)
    return _named(abs(same[0] - other[0]), _apart(same, other)[1])


def at_every_distance(share):
    same, other = _table(share, times=2)
    return _named(np.abs(same - other).min(), _apart(same, other)[1])


def the_larger_one(share):
    content, place = _apart(*_table(share))
    return _named(content if content > place else 0, place)


def by_means(share):
    same, other = _table(share, **OTHER_FIRST)
    return _named(abs(same.mean() - other.mean()), _apart(same, other)[1])


def by_the_median(share):
    same, other = _table(share, times=2)
    return _named(np.median(np.abs(same - other)), _apart(same, other)[1])


def by_the_largest(share):
    same, other = _table(share)
    return _named(abs(same.max() - other.max()), _apart(same, other)[1])


def where_the_same_gets_most(share):
    same, other = _table(share)
    return _named(np.abs(same - other)[same.argmax()], _apart(same, other)[1])


def twice_each(share):
    return _named(*_apart(*_table(share, times=2)))


def by_both_tokens(share):
    same, other = _table(share, tuple(range(8, 0, -1)), **OTHER_FIRST)
    return _named(np.abs(same - other).max(), np.ptp((same + other) / 2))


def by_the_largest_of_three(share):
    rows = [[max(share(token, distance=d) for _ in range(3)) for d in range(1, 9)] for token in ("other", "same")]
    if any(abs(a - b) > 0.2 for a, b in zip(*rows, strict=True)):
        return "content"
    return "place" if max(rows[0]) - min(rows[0]) > 0.2 else "neither"


WRONG = {
    "look_up": [
        without_the_root,
        masked_as_zero,
        the_best_one,
        divided_by_all,
        mean_of_values,
        by_the_length_of_the_query,
        cosine,
        masked_as_minus_ten,
        zeros_as_masked,
        first_masked_only,
        until_a_masked_one,
        with_sigmoids,
        positive_scores,
        softmax_twice,
        root_of_the_score,
        root_of_two,
        features_added,
        the_two_best,
    ],
    "looks_at": [
        without_a_threshold,
        at_a_hundredth,
        only_if_the_other_gets_more,
        high_one_step_back,
        at_different_distances,
        near_and_far,
        near_only,
        first_and_last,
        a_deviation,
        a_large_share,
        at_four_tenths,
        at_a_tenth,
        twice_as_much,
        added_up,
        only_if_the_same_gets_more,
        neighbours,
        over_the_mean,
        at_fifteen_hundredths,
        places_at_a_tenth,
        at_a_quarter,
        at_three_tenths,
        tokens_at_fifteen_hundredths,
        tokens_at_three_tenths,
        the_place_first,
        one_step_back_alone,
        at_every_distance,
        the_larger_one,
        by_means,
        by_the_median,
        by_the_largest,
        where_the_same_gets_most,
    ],
}
ODD = {"look_up": [with_torch, with_numpy], "looks_at": [twice_each, by_both_tokens, by_the_largest_of_three]}
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
        "by_content = max((abs(s - o) for s, o in zip(same, other, strict=True))): zip(same, other, strict=True): "
        "arguments swapped": "the size of a difference does not depend on its order",
        "by_place = max((max(row) - min(row) for row in (same, other))): max -> min": "where the token does not count both rows are alike",
        "if by_content >= 0.2:: by_content >= 0.2: GtE -> Gt": "no head differs by exactly 0.2",
        "return 'place' if by_place >= 0.2 else 'neither': by_place >= 0.2: GtE -> Gt": "no head differs by exactly 0.2",
    },
}

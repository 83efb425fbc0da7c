"""Checks of the lesson `attention`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import correlation, fmean, median, pstdev, stdev

from hypothesis import strategies as st

from course_utils.exercises.core import check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.investigation import Run, World, comes_out, investigate
from course_utils.exercises.search import compare


def _attend(
    query, keys, values, *, divide=math.sqrt, power=math.exp, masked=0.0, masked_score=None, weigh=None, of=None
) -> float:
    def score(key):
        if key is None:
            return None
        return (of or _dot)(query, key) / divide(len(query))

    scores = [score(key) for key in keys]
    if masked_score is not None:
        scores = [masked_score if one is None else one for one in scores]
    parts = [masked if one is None else power(one) for one in scores]
    if weigh:
        return weigh(parts, values, keys)
    return sum(part * value for part, value in zip(parts, values, strict=True)) / sum(parts)


def _way(**how):
    return lambda query, keys, values: _attend(query, keys, values, **how)


def _best(query, keys, values):
    scores = [-math.inf if k is None else _dot(query, k) for k in keys]
    return values[scores.index(max(scores))]


def _masked_in_the_sum(part: float) -> Callable:
    def weigh(parts, values, keys):
        whole = sum(parts) + part * sum(key is None for key in keys)
        return sum(p * v for p, v in zip(parts, values, strict=True)) / whole

    return weigh


def _share(key, query) -> float:
    return _dot(query, key) / math.sqrt(len(query))


def _dot(query, key) -> float:
    return sum(a * b for a, b in zip(query, key, strict=True))


def _of_shares(again: Callable) -> Callable:
    """Attention with something done to the shares of the places that are not masked."""

    def attend(query, keys, values):
        parts = [math.exp(_share(key, query)) for key in keys if key is not None]
        parts = again([part / sum(parts) for part in parts])
        return sum(p * v for p, v in zip(parts, _there(keys, values), strict=True)) / sum(parts)

    return attend


def _or_nothing(parts, values, keys):
    """The weighted mean, without a division where the parts cancel."""
    return sum(p * v for p, v in zip(parts, values, strict=True)) / (sum(parts) or 1)


def _without(leaves_out: Callable) -> Callable:
    """Attention to the places that are left; 0 where none is."""

    def attend(query, keys, values):
        left = [(k, v) for k, v in zip(keys, values, strict=True) if not leaves_out(k)]
        return _attend(query, *zip(*left, strict=True)) if any(key is not None for key, _ in left) else 0.0

    return attend


def _until_the_first_masked(otherwise: Callable) -> Callable:
    def attend(query, keys, values):
        n = keys.index(None) if None in keys else len(keys)
        return _attend(query, keys[:n], values[:n]) if n else otherwise(*_live(keys, values))

    return attend


def _live(keys, values):
    return [key for key in keys if key is not None], _there(keys, values)


def _first_masked_only(score: Callable) -> Callable:
    """Takes one masked place out; `score` is what another one gets."""

    def attend(query, keys, values):
        at = keys.index(None) if None in keys else len(keys)
        keys, values = keys[:at] + keys[at + 1 :], values[:at] + values[at + 1 :]
        parts = [math.exp(score(query) if key is None else _share(key, query)) for key in keys]
        return sum(p * v for p, v in zip(parts, values, strict=True)) / sum(parts)

    return attend


def _two_best(query, keys, values):
    scored = sorted(((_share(k, query), v) for k, v in zip(*_live(keys, values), strict=True)), reverse=True)[:2]
    parts = [math.exp(score) for score, _ in scored]
    return sum(p * v for p, (_, v) in zip(parts, scored, strict=True)) / sum(parts)


def _root(number: float) -> float:
    return math.copysign(math.sqrt(abs(number)), number)


def _length(vector) -> float:
    return math.hypot(*vector) or 1.0


def _times(of_key: Callable) -> Callable:
    """Attention to values that are multiplied by something of their keys."""
    return lambda query, keys, values: _attend(
        query, keys, [0.0 if k is None else v * of_key(query, k) for k, v in zip(keys, values, strict=True)]
    )


def _there(keys, values):
    return [value for key, value in zip(keys, values, strict=True) if key is not None]


@check(
    "Exercise 1, One query",
    why="The shares are positive and add up to 1 because each part is divided by the sum of all parts. A masked place has "
    "e to the power of minus infinity, which is 0, so it changes neither the sum nor the mean.",
)
def look_up(answer: Callable) -> None:
    """``look_up(query, keys, values) -> float``, attention of one query."""
    wrong = {
        "You do not divide the scores by the square root of the number of features.": _way(divide=lambda d: 1),
        "You divide the scores by the number of features, not by its square root.": _way(divide=lambda d: d),
        "You multiply the scores by the square root of the number of features. Divide.": _way(
            divide=lambda d: 1 / math.sqrt(d)
        ),
        "You divide by the square root of the number of keys. The features of a query count.": (
            lambda query, keys, values: _attend(query, keys, values, divide=lambda d: math.sqrt(len(keys))),
            lambda query, keys, values: _attend(
                query, keys, values, divide=lambda d: math.sqrt(sum(key is not None for key in keys))
            ),
        ),
        "You give a masked place a score of 0. Then it still gets a share, because e to the power of 0 is 1.": _way(
            masked_score=0.0
        ),
        "You take the value of the key that fits best. Attention gives a mean in which every key counts.": _best,
        "You do not divide by the sum of the parts, so the shares do not add up to 1.": _way(
            weigh=lambda parts, values, keys: sum(p * v for p, v in zip(parts, values, strict=True))
        ),
        "You divide by the number of places in place of the sum of the parts.": (
            _way(weigh=lambda parts, values, keys: sum(p * v for p, v in zip(parts, values, strict=True)) / len(keys)),
            _way(
                weigh=lambda parts, values, keys: (
                    sum(p * v for p, v in zip(parts, values, strict=True)) / len(_there(keys, values))
                )
            ),
        ),
        "You take the plain mean of the values. The scores must decide how much each one counts.": (
            lambda query, keys, values: sum(values) / len(values),
            lambda query, keys, values: sum(_there(keys, values)) / len(_there(keys, values)),
        ),
        "You divide the scores themselves by their sum. The softmax takes e to the power of each first.": _way(
            power=lambda s: s
        ),
        "A masked place still counts in your sum. Its part is 0, there as well.": (
            _way(weigh=_masked_in_the_sum(1.0)),
            _way(weigh=_masked_in_the_sum(math.e)),
        ),
        "You drop the masked keys and keep all values, so that each value meets another key. Drop both together.": (
            _way(
                weigh=lambda parts, values, keys: (
                    sum(p * v for p, v in zip(_there(keys, parts), values, strict=False)) / sum(_there(keys, parts))
                )
            ),
            _way(
                weigh=lambda parts, values, keys: (
                    sum(p * v for p, v in zip(_there(keys, parts)[::-1], values[::-1], strict=False))
                    / sum(_there(keys, parts))
                )
            ),
        ),
        "You take a score of 0 for a masked one. A score may be 0, and its part is 1; ask whether the key is None.": _way(
            power=lambda s: math.exp(s) if s else 0.0
        ),
        "You take 2 to the power of a score. The softmax takes e.": _way(power=lambda s: 2**s),
        "You take 10 to the power of a score. The softmax takes e.": _way(power=lambda s: 10**s),
        "You turn the sign of the scores: the key that fits least counts most.": _way(power=lambda s: math.exp(-s)),
        "You weigh with the scores themselves. Scores may be negative; the softmax makes positive shares of them.": _way(
            power=lambda s: s,
            weigh=lambda parts, values, keys: sum(p * v for p, v in zip(parts, values, strict=True)),
        ),
        "You score with the distance of query and key, not with their dot product.": (
            _way(of=lambda q, k: math.dist(q, k)),
            _way(of=lambda q, k: -math.dist(q, k)),
            _way(of=lambda q, k: -(math.dist(q, k) ** 2)),
        ),
        "You score with the cosine, which divides by the lengths of query and key. Attention takes the dot product, and "
        "divides it by the square root of the number of features.": tuple(
            _way(of=lambda q, k: _dot(q, k) / (_length(q) * _length(k)), divide=divide)
            for divide in (math.sqrt, lambda d: 1)
        ),
        "You divide by the length of the query or of the key. By the card it is the square root of the number of "
        "features: of 4 features it is 2, whatever they are.": tuple(
            _way(of=lambda q, k, take=take: _dot(q, k) / _length((q, k)[take]), divide=divide)
            for take in (0, 1)
            for divide in (lambda d: 1, math.sqrt)
        ),
        "You give a masked place a score of your own, such as −1 or −10. It still gets a share, because e to the power of "
        "that is not 0. Leave the place out, or take minus infinity.": tuple(
            _way(masked_score=float(score)) for score in (-1, -2, -5, -9, -10, -20)
        ),
        "You stop at the first masked place. What stands behind it counts as well.": (
            _until_the_first_masked(lambda keys, values: values[0]),
            _until_the_first_masked(lambda keys, values: 0.0),
            _until_the_first_masked(lambda keys, values: values[0] / 0),
        ),
        "You leave out the first masked place only. Each key that is None gets a share of 0.": (
            _first_masked_only(lambda query: 0.0),
            _first_masked_only(lambda query: _dot(query, None)),
        ),
        "You leave out a key of zeros. Its score is 0, and e to the power of 0 is 1: it gets a share. Only None is "
        "masked.": _without(lambda key: key is not None and not any(key)),
        "You take the sigmoid of each score, divided by their sum. The softmax takes e to the power of it.": _way(
            power=lambda s: 1 / (1 + math.exp(-s))
        ),
        "You make the scores positive, by dropping a sign or by putting 0 for what is negative, and divide by their sum. The "
        "softmax takes e to the power of each: that is positive as well, and keeps the order.": (
            _way(power=abs, weigh=_or_nothing),
            _way(power=lambda s: max(0.0, s), weigh=_or_nothing),
            _way(power=lambda s: s * s, weigh=_or_nothing),
        ),
        "You take the softmax twice. The shares add up to 1 after the first.": _of_shares(
            lambda shares: [math.exp(share) for share in shares]
        ),
        "You take 1 + the score, which is near e to the power of it only for small scores.": _way(
            power=lambda s: 1 + s, weigh=_or_nothing
        ),
        "You take the square root of the scores. It is taken of the number of features, by which they are divided.": (
            _way(of=lambda q, k: _root(_dot(q, k)), divide=lambda d: 1),
            _way(of=lambda q, k: _root(_dot(q, k) / len(q)), divide=lambda d: 1),
            _way(of=lambda q, k: _root(_dot(q, k))),
        ),
        "You divide by the square root of another number, such as 2 or one more than the features. It is that of "
        "len(query).": (
            _way(divide=lambda d: math.sqrt(2)),
            _way(divide=lambda d: math.sqrt(d + 1)),
            _way(divide=lambda d: math.sqrt(2 * d)),
        ),
        "You multiply one feature of the query with one of the key. The dot product adds up the products of all.": (
            _way(of=lambda q, k: q[0] * k[0]),
            _way(of=lambda q, k: q[-1] * k[-1]),
            _way(of=lambda q, k: q[0] * k[0], divide=lambda d: 1),
        ),
        "You add the features of query and key. The dot product multiplies each with its partner, and adds the "
        "products.": (
            _way(of=lambda q, k: sum(q) + sum(k)),
            _way(of=lambda q, k: sum(q) * sum(k)),
            _way(of=lambda q, k: sum(q) + sum(k), divide=lambda d: 1),
        ),
        "You multiply the values by something of their keys. A key decides the share, and nothing else.": (
            _times(lambda query, key: sum(key)),
            _times(lambda query, key: key[0]),
            _times(lambda query, key: _share(key, query)),
        ),
        "You keep the two keys that fit best. Each key that is not None gets a share.": _two_best,
        "You return the sum of the parts, or of the shares, and not the mean of the values.": (
            _way(weigh=lambda parts, values, keys: sum(parts)),
            lambda query, keys, values: 1.0,
        ),
    }

    def shape(d):
        vector = st.lists(numbers(-2, 2), min_size=d, max_size=d)
        entry = st.tuples(st.one_of(vector, vector, vector, st.none()), numbers(-9, 9))
        return st.tuples(vector, vector, numbers(-9, 9), st.lists(entry, max_size=3)).map(
            lambda given: (
                given[0],
                [*(key for key, _ in given[3]), given[1]],
                [*(value for _, value in given[3]), given[2]],
            )
        )

    compare(
        answer,
        right=_attend,
        wrong=wrong,
        names=("query", "keys", "values"),
        edges=[
            ([1.0], [[5.0]], [10.0]),
            ([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], [10.0, 20.0]),
            ([2.0, 0.0], [[1.0, 0.0], None, [1.0, 1.0]], [10.0, 20.0, 60.0]),
            ([2.0, 0.0], [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [10.0, 20.0, 60.0]),
            ([1.5], [[-1.0], [1.0]], [0.0, 1.0]),
            ([1.0, 2.0], [[0.0, 0.0], [1.0, 1.0]], [3.0, 5.0]),  # a key of zeros, which is not masked
            ([-1.0], [[2.0], [0.0], [1.0]], [4.0, 1.0, 2.0]),
            ([1.0], [[0.5], None, [2.0], None], [1.0, 8.0, 2.0, 4.0]),  # two that are masked
            ([1.0, 1.0], [None, [1.0, 0.5], None], [8.0, 1.0, -8.0]),
            ([10.0], [[-3.0], None], [1.0, 5.0]),  # a score far below 0
        ],
        inputs=st.integers(1, 4).flatmap(shape),
        atol=1e-9,
    )


DISTANCES = range(1, 9)
CLEAR = 0.2  # by the card
TOKENS = ("same", "other")
Rows = Sequence[Sequence[float]]  # the shares of the same token, and those of another one, at the distances asked


def _by_token(rows: Rows) -> list[float]:
    """How far the two tokens are apart, at each distance."""
    return [abs(same - other) for same, other in zip(*rows, strict=True)]


def _span(rows: Rows) -> float:
    """How far the shares of one token are apart, over the distances."""
    return max(max(row) - min(row) for row in rows)


def _concluded(content: float, place: float, content_from: float = CLEAR, place_from: float = CLEAR) -> str:
    """The conclusion from two differences: the token is asked about first."""
    return "content" if content >= content_from else "place" if place >= place_from else "neither"


def _by_the_card(rows: Rows) -> str:
    return _concluded(max(_by_token(rows)), _span(rows))


def _from(content_from: float = CLEAR, place_from: float = CLEAR) -> Callable[[Rows], str]:
    """A rule with another difference that is clear."""
    return lambda rows: _concluded(max(_by_token(rows)), _span(rows), content_from, place_from)


def _tokens_by(of: Callable[[Rows], float]) -> Callable[[Rows], str]:
    """A rule that compares the two tokens in another way."""
    return lambda rows: _concluded(of(rows), _span(rows))


def _places_by(of: Callable[[Sequence[float]], float]) -> Callable[[Rows], str]:
    """A rule that compares the distances in another way, for the same token."""
    return lambda rows: _concluded(max(_by_token(rows)), of(rows[0]))


def _by_quotients(factor: float, places: bool) -> Callable[[Rows], str]:
    def rule(rows):
        apart = any(max(pair) > factor * min(pair) for pair in zip(*rows, strict=True))
        far = any(max(row) > factor * min(row) for row in rows) if places else _span(rows) >= CLEAR
        return "content" if apart else "place" if far else "neither"

    return rule


def _above(level: float) -> Callable[[Rows], str]:
    return lambda rows: "place" if max(rows[1]) > level else "content" if max(rows[0]) > level else "neither"


def _renamed(**names: str) -> Callable[[Rows], str]:
    return lambda rows: names.get(_by_the_card(rows), _by_the_card(rows))


def _halves(row: Sequence[float]) -> float:
    half = len(row) // 2
    return abs(fmean(row[:half]) - fmean(row[-half:]))


def _place_first(rows: Rows) -> str:
    return "place" if _span(rows) >= CLEAR else _by_the_card(rows)


def _the_larger(rows: Rows) -> str:
    content, place = max(_by_token(rows)), _span(rows)
    return _concluded(content if content > place else 0, place)


def _largest_at(row: Sequence[float]) -> int:
    return row.index(max(row))


def _by_correlation(rows: Rows) -> str:
    if min(map(pstdev, rows)) > 0 and correlation(*rows) > 0.8:
        return "place"
    return "content" if abs(fmean(rows[0]) - fmean(rows[1])) >= CLEAR else "neither"


SMALLER, LARGER = (0.01, 0.02, 0.05, 0.1, 0.12, 0.15), (0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7)
MISTAKES: dict[str, tuple[Callable[[Rows], str], ...]] = {
    "the answers 'place' and 'content' are exchanged": (_renamed(place="content", content="place"),),
    "the distance is asked about first, and the token only where it does not count": (_place_first,),
    "the larger of the two differences decides, where both are clear": (_the_larger,),
    "a difference below 0.2 counts as clear": tuple(
        rule for at in SMALLER for rule in (_from(at, at), _from(content_from=at), _from(place_from=at))
    ),
    "a difference must be larger than 0.2 to count": tuple(
        rule for at in LARGER for rule in (_from(at, at), _from(content_from=at), _from(place_from=at))
    ),
    "the token that is the same must get more": (
        _tokens_by(lambda rows: max(same - other for same, other in zip(*rows, strict=True))),
    ),
    "the token that is another one must get more": (
        _tokens_by(lambda rows: max(other - same for same, other in zip(*rows, strict=True))),
    ),
    "shares are divided, and a factor counts in place of a difference": tuple(
        _by_quotients(factor, places) for factor in (1.1, 1.2, 1.25, 1.5, 2, 3) for places in (False, True)
    ),
    "the differences of the tokens are added up over the distances": (
        _tokens_by(lambda rows: sum(_by_token(rows))),
        _tokens_by(lambda rows: abs(sum(rows[0]) - sum(rows[1]))),
    ),
    "a share above a half, or another level, is asked for in place of a difference": tuple(
        map(_above, (0.2, 0.25, 0.3, 0.4, 0.5, 0.6))
    ),
    "the two tokens are compared at different distances, so that two things change at once": (
        _tokens_by(lambda rows: abs(rows[0][0] - rows[1][-1])),
        _tokens_by(lambda rows: abs(rows[0][-1] - rows[1][0])),
        _tokens_by(lambda rows: max(rows[0]) - min(rows[1])),
    ),
    "the two tokens are compared at one distance alone": (
        _tokens_by(lambda rows: _by_token(rows)[0]),
        _tokens_by(lambda rows: _by_token(rows)[-1]),
        _tokens_by(lambda rows: _by_token(rows)[rows[0].index(max(rows[0]))]),
        _tokens_by(lambda rows: _by_token(rows)[rows[1].index(max(rows[1]))]),
    ),
    "the two tokens must differ at every distance, or at most of them": (
        _tokens_by(lambda rows: min(_by_token(rows))),
        _tokens_by(lambda rows: median(_by_token(rows))),
        _tokens_by(lambda rows: fmean(_by_token(rows))),
    ),
    "the mean or the largest share of each token is compared, and not the two shares at one distance": (
        _tokens_by(lambda rows: abs(fmean(rows[0]) - fmean(rows[1]))),
        _tokens_by(lambda rows: abs(median(rows[0]) - median(rows[1]))),
        _tokens_by(lambda rows: abs(max(rows[0]) - max(rows[1]))),
    ),
    "the two tokens must differ at two distances or more": (_tokens_by(lambda rows: sorted(_by_token(rows))[-2]),),
    "it is compared where the largest shares of the two tokens stand, and not how large they are": (
        lambda rows: (
            "content"
            if _largest_at(rows[0]) != _largest_at(rows[1])
            else "place"
            if _span(rows) >= CLEAR
            else "neither"
        ),
        lambda rows: "content" if _largest_at(rows[0]) != _largest_at(rows[1]) else "place",
    ),
    "the difference of the two tokens has to change with the distance": (
        _tokens_by(lambda rows: pstdev(map(operator.sub, *rows))),
        lambda rows: "place" if _span([[*map(operator.sub, *rows)]]) >= CLEAR else _concluded(max(_by_token(rows)), 0),
    ),
    "a share above 0.2 is called clear, in place of a difference between two distances": (_places_by(max),),
    "the near distances must get more than the far ones": (_places_by(lambda row: row[0] - row[-1]),),
    "the token is not asked about where the distance counts": (
        lambda rows: "place" if _span(rows) >= CLEAR else "neither",
    ),
    "two tokens whose shares rise and fall together count as alike": (_by_correlation,),
    "only the first and the last distance are compared, and not the largest share with the least": (
        _places_by(lambda row: abs(row[0] - row[-1])),
    ),
    "the near half of the distances is compared with the far half, and not the largest share with the least": (
        _places_by(_halves),
    ),
    "neighbouring distances are compared, and not the largest share with the least": (
        _places_by(lambda row: max(abs(a - b) for a, b in pairwise(row))),
    ),
    "the largest share is compared with the mean or the median of all, and not with the least": (
        _places_by(lambda row: max(row) - fmean(row)),
        _places_by(lambda row: max(row) - median(row)),
    ),
    "a standard deviation is taken, and not the largest share less the least": (_places_by(pstdev), _places_by(stdev)),
    "'content' is concluded where only the distance counts": (_renamed(place="content"),),
    "'neither' is concluded where only the distance counts": (_renamed(place="neither"),),
    "'neither' is concluded where both count": (
        lambda rows: "neither" if max(_by_token(rows)) >= CLEAR and _span(rows) >= CLEAR else _by_the_card(rows),
    ),
    "it is only asked which token gets more, and not by how much": (
        lambda rows: "content" if fmean(rows[0]) > fmean(rows[1]) else "place" if _span(rows) >= CLEAR else "neither",
    ),
    "'place' is concluded where the token counts": (_renamed(content="place"),),
    "'neither' is concluded where the token counts": (_renamed(content="neither"),),
    "'place' is concluded where nothing counts": (_renamed(neither="place"),),
    "'content' is concluded where nothing counts": (_renamed(neither="content"),),
}
"""What comes to a wrong conclusion -> what it concludes from the two rows of shares, in one way or another."""
MOST_NAMED = 4  # mistakes that fit, in one hint


def _asked(runs: Sequence[Run]) -> tuple[list[int], list[list[float]]]:
    """The distances that were asked, and the two rows of shares: means, where one is asked several times."""
    found: dict[tuple[str, int], list[float]] = {}
    for run in runs:
        found.setdefault((run.arm, int(run.settings["distance"])), []).append(run.result)
    distances = sorted({distance for _, distance in found})
    return distances, [[fmean(found[token, distance]) for distance in distances] for token in TOKENS]


def _where_some_are_left_out(runs: Sequence[Run]) -> str | None:
    """The conclusion by the card; None where all distances were asked: then the hint of the head says more."""
    distances, rows = _asked(runs)
    return _by_the_card(rows) if len(distances) < len(DISTANCES) else None


def _worked_out(runs: Sequence[Run], got: str, earlier: Sequence[Rows] = ()) -> str:
    """The rule of the card with the learner's own numbers, and what would come to their conclusion."""
    distances, rows = _asked(runs)
    apart, spans = _by_token(rows), [max(row) - min(row) for row in rows]
    at, of = apart.index(max(apart)), spans.index(max(spans))
    row, token = rows[of], TOKENS[of]
    content, place = apart[at] >= CLEAR, spans[of] >= CLEAR
    said = (
        f"At the same distance the two tokens differ by {apart[at]:.3g} at most: 'same' gets {rows[0][at]:.3g} and 'other' "
        f"{rows[1][at]:.3g} at distance {distances[at]}. "
    )
    if content:
        said += "By the card that is clear, so this is 'content', whichever token gets more, and whatever the distance does. "
    else:
        concluded = "which is clear: 'place'" if place else "which is not clear either: 'neither'"
        said += (
            f"By the card that is no clear difference. For {token!r} the share is {max(row):.3g} at distance "
            f"{distances[row.index(max(row))]} and {min(row):.3g} at distance {distances[row.index(min(row))]}, "
            f"{spans[of]:.3g} apart, {concluded}. "
        )
    fits = [
        mistake
        for mistake, rules in MISTAKES.items()
        if any(rule(rows) == got and all(rule(seen) == _by_the_card(seen) for seen in earlier) for rule in rules)
    ]
    return said.rstrip() + comes_out(got, [f"if {mistake}" for mistake in fits[:MOST_NAMED]])


def _told_by(earlier: Sequence[Rows]) -> Callable[[Sequence[Run], str], str]:
    """The hint of a head; `earlier` are the shares of those before, in which the answer was right."""

    def hint(runs: Sequence[Run], got: str) -> str:
        distances, rows = _asked(runs)
        left = sorted(set(DISTANCES) - set(distances))
        if left and _by_the_card(rows) == got:
            return f"A head may look at any of the eight distances, and you do not ask at {', '.join(map(str, left))}."
        return _worked_out(runs, got, earlier)

    return hint


PLANTED: tuple[tuple[str, str, Callable[[str, int], float]], ...] = (
    ("gives the same share to everything.", "neither", lambda token, distance: 0.125),
    (
        "gives 0.8 to a token that is the same, however far away it is, and 0.05 to another one.",
        "content",
        lambda token, distance: 0.8 if token == "same" else 0.05,
    ),
    (
        "gives 0.7 to whatever stands one step back, and 0.05 to all others.",
        "place",
        lambda token, distance: 0.7 if distance == 1 else 0.05,
    ),
    (
        "gives 0.6 to whatever stands seven steps back, and 0.05 to all others.",
        "place",
        lambda token, distance: 0.6 if distance == 7 else 0.05,
    ),
    (
        "gives 0.35 to whatever stands eight steps back, and 0.05 to all others.",
        "place",
        lambda token, distance: 0.35 if distance == 8 else 0.05,
    ),
    (
        "gives 0.22 to a token that is the same, and 0.1 to another one.",
        "neither",
        lambda token, distance: 0.22 if token == "same" else 0.1,
    ),
    (
        "gives 0.55 to a token that is another one, and 0.1 to the same.",
        "content",
        lambda token, distance: 0.1 if token == "same" else 0.55,
    ),
    (
        "gives a share that falls with each step, from 0.5 to 0.15.",
        "place",
        lambda token, distance: 0.55 - 0.05 * distance,
    ),
    (
        "gives 0.22 to whatever stands five steps back, and 0.05 to all others.",
        "neither",
        lambda token, distance: 0.22 if distance == 5 else 0.05,
    ),
    (
        "gives 0.29 to whatever stands four steps back, and 0.06 to all others.",
        "place",
        lambda token, distance: 0.29 if distance == 4 else 0.06,
    ),
    (
        "gives 0.25 to a token that is another one, and 0.08 to the same.",
        "neither",
        lambda token, distance: 0.25 if token == "other" else 0.08,
    ),
    (
        "gives 0.33 to a token that is the same, and 0.1 to another one.",
        "content",
        lambda token, distance: 0.33 if token == "same" else 0.1,
    ),
    (
        "gives 0.6 to a token that is the same from two steps back on, and 0.05 elsewhere: the token counts, and the place.",
        "content",
        lambda token, distance: 0.6 if token == "same" and distance > 1 else 0.05,
    ),
    (
        "gives more to the token one step back, and there more to the same: 0.85 and 0.5, elsewhere 0.3 and 0.25.",
        "content",
        lambda token, distance: {"same": (0.85, 0.3), "other": (0.5, 0.25)}[token][distance > 1],
    ),
    (
        "gives 0.6 to the same token three steps back and to another one six steps back, and 0.05 elsewhere.",
        "content",
        lambda token, distance: 0.6 if distance == {"same": 3, "other": 6}[token] else 0.05,
    ),
    (
        "gives 0.25 to whatever stands eight steps back, 0.5 to another token four steps back, and 0.1 elsewhere.",
        "content",
        lambda token, distance: 0.25 if distance == 8 else 0.5 if (token, distance) == ("other", 4) else 0.1,
    ),
)


def _heads() -> tuple[World, ...]:
    found, earlier = [], []
    for said, right, of in PLANTED:

        def measure(arm: str, number: int, distance: float, of: Callable = of) -> float:
            if distance not in DISTANCES:
                raise ValueError(f"distance must be a whole number from 1 to 8, got {distance}.")
            return of(arm, int(distance)) + 0.02 * (((7 * number + int(distance)) % 5) / 4 - 0.5)

        found.append(World(f"this head {said}", right, measure, _told_by(tuple(earlier))))
        earlier.append(
            [
                [measure(token, 8 * n + distance - 1, distance) for distance in DISTANCES]
                for n, token in enumerate(TOKENS)
            ]
        )
    return tuple(found)


HEADS = _heads()


@check(
    "Exercise 2, What does this head look at?",
    why="With the distance held fixed only the content differs, and with the token held fixed only the place. So each of "
    "the two comparisons can show one effect and not the other.",
)
def looks_at(answer: Callable) -> None:
    """``looks_at(share) -> "place", "content" or "neither"``, on made-up heads."""
    investigate(
        answer,
        HEADS,
        arms=TOKENS,
        settings={"distance": 1},
        least={"distance": 4},
        conclusions=("place", "content", "neither"),
        rule=_where_some_are_left_out,
        rule_said=_worked_out,
        name="share",
    )

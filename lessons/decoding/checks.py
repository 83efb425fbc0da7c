"""Checks of the lesson `decoding`: keys or scales, the bytes of a KV cache, and what is kept of a draft."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import numpy as np
from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.investigation import Run, World, investigate
from course_utils.exercises.search import compare
from course_utils.exercises.values import SEQUENCES, is_number


@st.composite
def _caches(draw: Callable) -> tuple[int, ...]:
    """(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits)."""
    n_kv = draw(st.integers(1, 4))
    return (
        draw(st.integers(1, 5)),
        n_kv * draw(st.integers(1, 4)),
        n_kv,
        draw(st.integers(1, 9)),
        draw(st.integers(0, 9)),
        draw(st.integers(0, 9)),
        draw(st.integers(1, 5)),
        draw(st.sampled_from([4, 8, 16, 32])),
    )


def _in_int32(n_bytes: Callable) -> Callable:
    """The bytes, counted in bits with 32 of them and a sign."""

    def wrapped(*args: int) -> int:
        bits = round(8 * n_bytes(*args))
        return ((bits + 2**31) % 2**32 - 2**31) // 8

    return wrapped


def _with_scales(n_bytes: Callable, each: int) -> Callable:
    """The bytes with a scale of so many bytes for each head, token, and one of K and V."""

    def scaled(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
        plain = n_bytes(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits)
        return plain + 2 * each * n_layers * n_kv_heads * (prompt + new) * batch

    return scaled


@check(
    "Exercise 2, The bytes of a cache",
    why="Each layer keeps a key and a value of every head of keys and values for every token, of the prompt as well as of what is written. Query heads keep nothing, so sharing them out among fewer heads makes the cache smaller.",
)
def cache_bytes(answer: Callable) -> None:
    """``cache_bytes(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits) -> int``."""

    def rule(
        *,
        kinds=2,
        layers=lambda n: n,
        heads=lambda q, kv: kv,
        size=lambda n: n,
        steps=lambda prompt, new: prompt + new,
        texts=lambda n: n,
        each=lambda bits: bits / 8,
    ):
        def n_bytes(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
            numbers = kinds * layers(n_layers) * heads(n_heads, n_kv_heads) * size(head_size)
            return numbers * steps(prompt, new) * texts(batch) * each(bits)

        return n_bytes

    wrong = {
        "You count one of K and V. The cache holds both.": rule(kinds=1),
        "You count three of Q, K and V. Nobody asks again with an old query: the cache holds K and V.": rule(kinds=3),
        "You count the heads of Q. The cache holds those of K and V.": rule(heads=lambda q, kv: q),
        "You multiply by the heads of Q and by those of K and V. The cache holds the latter alone.": rule(
            heads=lambda q, kv: q * kv
        ),
        "You add up the heads of Q and those of K and V. The cache holds K and V alone.": rule(
            heads=lambda q, kv: q + kv
        ),
        "You count K and V once together, and the heads of Q beside them. The cache holds K and V, each with its heads.": (
            rule(kinds=1, heads=lambda q, kv: q + kv)
        ),
        "You count the heads of Q, too: n_heads + 2 n_kv_heads. The cache holds K and V alone.": rule(
            kinds=1, heads=lambda q, kv: q + 2 * kv
        ),
        "You count how many heads of Q share one of K and V. The cache holds the heads of K and V themselves.": rule(
            heads=lambda q, kv: q // kv
        ),
        "You take the larger of prompt and new. They stand one behind the other: add them.": rule(steps=max),
        "You sum 1 + 2 + 3 and so on over the tokens, as if all rows were computed again. The cache holds one K and one V for each token.": rule(
            steps=lambda prompt, new: (prompt + new) * (prompt + new + 1) // 2
        ),
        "You count the new tokens once for all texts. Each text of the batch writes its own.": (
            lambda n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits: rule()(
                n_layers, n_heads, n_kv_heads, head_size, prompt * batch, new, 1, bits
            )
        ),
        "Your numbers overflow int32, which ends at 2,147,483,647. Count with Python's whole numbers, or with int64.": _in_int32(
            rule()
        ),
        "You multiply the prompt by the new tokens. They stand one behind the other: add them.": rule(
            steps=lambda prompt, new: prompt * new
        ),
        "You square the number of tokens. The scores would need that; the cache has one K and one V for each token.": rule(
            steps=lambda prompt, new: (prompt + new) ** 2
        ),
        "You count the prompt once for all texts. Each text of the batch has a cache of its own, the prompt included.": (
            lambda n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits: rule()(
                n_layers, n_heads, n_kv_heads, head_size, prompt, batch * new, 1, bits
            )
        ),
        "You divide the size of a head by the number of heads. `head_size` is that of one head already.": (
            lambda n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits: rule()(
                n_layers, n_heads, n_kv_heads, head_size // n_heads, prompt, new, batch, bits
            ),
            lambda n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits: (
                2 * n_layers * n_kv_heads * head_size // n_heads * (prompt + new) * batch * bits // 8
            ),
        ),
        "You add bytes of scales for each head and token. The card counts the numbers of the cache alone.": (
            _with_scales(rule(), 2),
            _with_scales(rule(), 4),
        ),
        "You leave out the heads. Each head of K and V has its own numbers.": rule(heads=lambda q, kv: 1),
        "You leave out the layers. Each layer has its own K and V.": rule(layers=lambda n: 1),
        "You leave out the size of a head. Each head has `head_size` numbers.": rule(size=lambda n: 1),
        "You count the prompt alone. What is written is kept, too.": rule(steps=lambda prompt, new: prompt),
        "You count the new tokens alone. The prompt is kept, too.": rule(steps=lambda prompt, new: new),
        "You leave the last token out. The card asks for room for all prompt + new.": rule(
            steps=lambda prompt, new: prompt + new - 1
        ),
        "You leave out the batch. Each text has a cache of its own.": rule(texts=lambda n: 1),
        "You return bits. A byte has 8 of them.": rule(each=lambda bits: bits),
        "You take 4 bytes for each number. They have `bits` bits.": rule(each=lambda bits: 4),
        "You round the bytes of one number: one of 4 bits has half a byte. Round at the end, or not at all.": (
            rule(each=lambda bits: bits // 8),
            rule(each=lambda bits: -(-bits // 8)),
        ),
        "Your numbers are rounded to float32, which holds 24 bits of a whole number. Count with whole numbers.": (
            lambda *args: int(np.float32(rule()(*args)))
        ),
    }
    compare(
        answer,
        right=lambda *args: int(rule()(*args)),
        wrong=wrong,
        rtol=0.0,
        names=("n_layers", "n_heads", "n_kv_heads", "head_size", "prompt", "new", "batch", "bits"),
        edges=[
            (1, 1, 1, 1, 1, 0, 1, 8),
            (5, 4, 4, 32, 0, 0, 1, 32),
            (2, 3, 1, 5, 0, 4, 1, 16),
            (5, 4, 4, 32, 128, 352, 1, 32),
            (5, 4, 2, 32, 128, 352, 16, 8),
            (3, 2, 1, 3, 2, 5, 3, 4),
            (32, 32, 32, 128, 2048, 0, 1, 16),
            (31, 7, 7, 127, 300, 1, 3, 8),  # not a number of float32
            (5, 8, 4, 31, 100_000, 1, 3, 8),  # more bits than int32 holds
        ],
        inputs=_caches(),
    )


@st.composite
def _drafts(draw: Callable) -> tuple[str, str]:
    """(draft, own): the model's choices agree with the draft at most places."""
    draft = draw(st.text("abc", max_size=5))
    own = "".join(draw(st.sampled_from(letter * 3 + "abc")) for letter in draft)
    return draft, own + draw(st.sampled_from("abc"))


def _pair(value: object, *_: object) -> tuple[object, str]:
    """(how many, text) of what came back."""
    try:
        count, text = value if isinstance(value, SEQUENCES) else ()
    except Exception:  # whatever it is, it is told below
        text = count = None
    if is_number(count) and isinstance(text, list):
        raise Mistake("Your function returned a list in place of the text.", "Join its characters: ''.join(...).")
    if not isinstance(text, str) or not is_number(count):
        raise Mistake("Your function did not return a number and a text.", "Return a pair: (accepted, text).")
    return count, text


@check(
    "Exercise 3, What is kept of a draft",
    why="The model's own choice after each accepted token is what it would have written alone. So the text stays the same: the draft's tokens count up to the first that differs, and then the model's own token follows.",
)
def verified(answer: Callable) -> None:
    """``verified(draft, own) -> (accepted, text)``."""

    def good(draft, own):
        return next((n for n, (a, b) in enumerate(zip(draft, own, strict=False)) if a != b), len(draft))

    def alike(draft, own):
        return len(matches(draft, own))

    def matches(draft, own):
        return "".join(a for a, b in zip(draft, own, strict=False) if a == b)

    def rule(text, count=good):
        return lambda draft, own: (count(draft, own), text(draft, own, good(draft, own)))

    def whole_or_nothing(draft, own):
        n = len(draft) if own[: len(draft)] == draft else 0
        return n, own[: n + 1]

    def shifted(draft, own):
        n = next((n for n, (a, b) in enumerate(zip(draft, own[1:], strict=True)) if a != b), len(draft))
        return n, own[: n + 1]

    def right_text(draft, own, n):
        return own[: n + 1]

    def in_any_case(draft, own):
        n = good(draft.lower(), own.lower())
        return n, own[: n + 1]

    def any_case_of_the_draft(draft, own):
        n = good(draft.lower(), own.lower())
        return n, draft[:n] + own[n]

    def until_the_miss_or_nothing(draft, own):
        n = next((n for n, (a, b) in enumerate(zip(draft, own, strict=False)) if a != b), 0)
        return n, own[: n + 1]

    def from_the_end(draft, own):
        n = next((n for n, (a, b) in enumerate(zip(draft[::-1], own[:-1][::-1], strict=True)) if a != b), len(draft))
        return n, own[: n + 1]

    def found_somewhere(draft, own):
        n = sum(letter in own for letter in draft)
        return n, own[: n + 1]

    def without_spaces(draft, own):
        draft, own = draft.strip(), own.strip()
        return good(draft, own), own[: good(draft, own) + 1]

    wrong = {
        "You go on after the first miss. What the model chose there follows a text that is thrown away.": (
            rule(lambda draft, own, n: own[: alike(draft, own) + 1], count=alike),
            rule(lambda draft, own, n: own, count=alike),
            rule(right_text, count=alike),
            rule(lambda draft, own, n: matches(draft, own) + own[-1], count=alike),
        ),
        "You return all of the model's choices. Those after the first miss follow a text that is thrown away.": rule(
            lambda draft, own, n: own
        ),
        "At a miss you leave out the model's own choice. It is right: all before it was.": rule(
            lambda draft, own, n: own if n == len(draft) else draft[:n]
        ),
        "When the whole draft is right you leave out the model's choice after it. It comes for free.": rule(
            lambda draft, own, n: own[: min(n + 1, len(draft))]
        ),
        "You return characters of the draft alone. Behind the accepted ones comes the model's own choice.": (
            rule(lambda draft, own, n: draft[:n]),
            rule(lambda draft, own, n: draft[: n + 1]),
            rule(lambda draft, own, n: draft),
            rule(lambda draft, own, n: matches(draft, own), count=alike),
        ),
        "At a miss you take the character of the draft. Take the model's.": rule(
            lambda draft, own, n: draft[: n + 1] if n < len(draft) else own
        ),
        "After the first miss you go on with the draft. It follows a character that is thrown away.": rule(
            lambda draft, own, n: own[: n + 1] + draft[n + 1 :]
        ),
        "You return how many characters are rejected. Count those that are accepted.": rule(
            right_text, count=lambda draft, own: len(draft) - good(draft, own)
        ),
        "You take one of the model's choices too many: the one after the first miss follows a text that is thrown away.": rule(
            lambda draft, own, n: own[: n + 2]
        ),
        "You always end with the model's last choice. Behind the accepted characters comes its choice at that place.": rule(
            lambda draft, own, n: draft[:n] + own[-1]
        ),
        "Where nothing is accepted you return no text. The model's own first choice is right there, too.": rule(
            lambda draft, own, n: own[: n + 1] if n else ""
        ),
        "You take the draft whole or not at all. What is right before the first miss is kept.": whole_or_nothing,
        "You compare with the choice one place later: `own[i]` stands beside `draft[i]`.": shifted,
        "Your count holds the model's own character, too. Count what is accepted of the draft.": rule(
            right_text, count=lambda draft, own: good(draft, own) + 1
        ),
        "You count the length of the draft. Count what is accepted of it.": rule(
            right_text, count=lambda draft, own: len(draft)
        ),
        "You return the model's first choice alone. What is right in the draft comes out before it.": rule(
            lambda draft, own, n: own[0]
        ),
        "Compare the characters as they are: capitals, spaces and line breaks count.": (
            in_any_case,
            any_case_of_the_draft,
            without_spaces,
        ),
        "Where nothing differs you accept nothing. Then the whole draft is right: accept all of it.": until_the_miss_or_nothing,
        "You accept the whole draft unread. Compare it with the model's choices, character by character.": (
            rule(lambda draft, own, n: draft + own[-1], count=lambda draft, own: len(draft)),
            rule(lambda draft, own, n: own, count=lambda draft, own: len(draft)),
        ),
        "Behind the accepted characters you take the model's choice one place too late: `own[n]` stands behind n accepted ones.": rule(
            lambda draft, own, n: draft[:n] + own[min(n + 1, len(own) - 1)]
        ),
        "You compare from the end. What counts are the characters from the beginning up to the first miss.": from_the_end,
        "You ask whether a character of the draft stands anywhere in `own`. Compare it with the choice at its own place.": found_somewhere,
    }
    compare(
        answer,
        right=rule(right_text),
        wrong=wrong,
        rtol=0.0,
        names=("draft", "own"),
        edges=[
            *[("", "a"), ("abc", "abca"), ("abc", "abba"), ("abc", "babc"), ("abc", "bbca"), ("aab", "acbb")],
            *[("Ab", "abc"), (" a", " ab"), ("a ", "a \n"), ("\n\n", "\n b")],  # each character counts as it is
            ("abcabcabcabc", "abcabcabcabca"),  # a draft has no longest length
        ],
        inputs=_drafts(),
        view=_pair,
    )


TENSORS = ("keys", "values")
WIDE = 2.0  # the dearest piece of a case over the cheapest, from which on the rule on the card decides
SUMMARY = (
    "The card compares means over all pieces that you run. In one of these models the pieces differ widely, in another a "
    "few pieces cost far more than the rest: there a single piece, the median, the largest or the least of them, and the "
    "mean of quotients of single pieces, say something else. Take the mean of each of the four cases, then compare."
)
FACTORS = (1, 1.2, 1.5, 2.5, 3, 4, 5, 10)


def _named(scales: bool, keys: bool) -> str:
    """The conclusion of the card for two findings."""
    return "both" if scales and keys else "scales" if scales else "keys" if keys else "neither"


def _by_the_card(cost: Mapping, factor: float = 2) -> str:
    """The conclusion of four mean costs, (tensor, channels) -> per cent."""
    best = {tensor: min(cost[tensor, 0], cost[tensor, 1]) for tensor in TENSORS}
    return _named(cost["keys", 0] > factor * cost["keys", 1], best["keys"] > factor * best["values"])


def _keys_over(of_keys: Callable, of_values: Callable) -> Callable[[Mapping], str]:
    """A rule that takes other costs of keys and values for the second question."""

    def rule(cost):
        keys, values = ((cost[tensor, 0], cost[tensor, 1]) for tensor in TENSORS)
        return _named(cost["keys", 0] > 2 * cost["keys", 1], of_keys(*keys) > 2 * of_values(*values))

    return rule


def _scales_of(scales: Callable) -> Callable[[Mapping], str]:
    """A rule that asks another first question."""
    return lambda cost: _named(scales(cost), _by_the_card(cost) in ("keys", "both"))


def _renamed(**names: str) -> Callable[[Mapping], str]:
    return lambda cost: names.get(_by_the_card(cost), _by_the_card(cost))


def _token(token, channel):
    return token


def _channel(token, channel):
    return channel


def _mean(token, channel):
    return (token + channel) / 2


MISTAKES: dict[str, Callable[[Mapping], str]] = {
    "both are compared with a scale for each token, and not at the better scale of each": _keys_over(_token, _token),
    "both are compared with a scale for each channel, and not at the better scale of each": _keys_over(
        _channel, _channel
    ),
    "keys with a scale for each channel are compared, and not keys at their better scale": _keys_over(_channel, min),
    "keys with a scale for each token are compared, and not keys at their better scale": _keys_over(_token, min),
    "values with a scale for each token are compared, and not values at their better scale": _keys_over(min, _token),
    "values with a scale for each channel are compared, and not values at their better scale": _keys_over(
        min, _channel
    ),
    "both are compared at the worse scale of each": _keys_over(max, max),
    "keys are compared with the mean of both costs of the values": _keys_over(min, _mean),
    "means over both kinds of scales are compared": _keys_over(_mean, _mean),
    "the scales count as well where a scale for each token is the cheaper one": _scales_of(
        lambda cost: max(cost["keys", 0], cost["keys", 1]) > 2 * min(cost["keys", 0], cost["keys", 1])
    ),
    "the question of the scales is put to the values": _scales_of(
        lambda cost: cost["values", 0] > 2 * cost["values", 1]
    ),
    "the names 'keys' and 'scales' are exchanged": _renamed(keys="scales", scales="keys"),
    "'scales' is concluded where both hold": _renamed(both="scales"),
    "'keys' is concluded where both hold": _renamed(both="keys"),
    "'keys' is concluded where neither holds": _renamed(neither="keys"),
    "'scales' is concluded where neither holds": _renamed(neither="scales"),
    "'neither' is concluded where only the keys differ": _renamed(keys="neither"),
    **{
        f"a factor of {factor:g} counts, and not one of more than two": lambda cost, f=factor: _by_the_card(cost, f)
        for factor in FACTORS
    },
    **{
        f"a factor of {factor:g} counts for the scales, and not one of more than two": _scales_of(
            lambda cost, f=factor: cost["keys", 0] > f * cost["keys", 1]
        )
        for factor in FACTORS
    },
    "a difference of two points counts, and not a factor of two": lambda cost: _named(
        cost["keys", 0] - cost["keys", 1] > 2,
        min(cost["keys", 0], cost["keys", 1]) - min(cost["values", 0], cost["values", 1]) > 2,
    ),
}
"""What an experiment does that comes to a wrong conclusion -> what it concludes from four mean costs."""


def _means(runs: Sequence[Run]) -> dict[tuple[str, int], float]:
    """(tensor, channels) -> mean cost of the pieces."""
    found: dict[tuple[str, int], list[float]] = {}
    for run in runs:
        found.setdefault((run.arm, int(run.settings["channels"])), []).append(run.result)
    return {case: fmean(costs) for case, costs in found.items()}


def _where_pieces_differ(runs: Sequence[Run]) -> str | None:
    """The conclusion by the card, or None where pieces are so alike that the hint of the model says more."""
    found: dict[tuple[str, int], list[float]] = {}
    for run in runs:
        found.setdefault((run.arm, int(run.settings["channels"])), []).append(run.result)
    wide = any(max(costs) > WIDE * min(costs) for costs in found.values())
    return _by_the_card(_means(runs)) if wide else None


def _told_by(costs: Mapping[tuple[str, int], float], earlier: Sequence[Mapping]) -> Callable[[Sequence[Run], str], str]:
    """A hint that works the rule out with the learner's own means, and names what would come to their conclusion.

    Args:
        costs: of this model.
        earlier: costs of the models before, in which the answer was right.
    """

    def hint(runs: Sequence[Run], got: str) -> str:
        cost = _means(runs)
        best = {tensor: min(cost[tensor, 0], cost[tensor, 1]) for tensor in TENSORS}
        share, dearer = cost["keys", 0] / cost["keys", 1], best["keys"] / best["values"]
        said = (
            f"Your means: keys {cost['keys', 0]:.3g} with a scale for each token and {cost['keys', 1]:.3g} with one for each "
            f"channel, which is {share:.3g} times{'' if share > 2 else ', not more than two'}; at the better scale keys "
            f"{best['keys']:.3g} and values {best['values']:.3g}, {dearer:.3g} times{'' if dearer > 2 else ', not more than two'}."
        )
        fits = [
            mistake
            for mistake, rule in MISTAKES.items()
            if rule(cost) == got and all(rule(before) == _by_the_card(before) for before in earlier)
        ]
        return f"{said} {got!r} comes out if {', or if '.join(fits[:3])}." if fits else said

    return hint


def _piece(tensor: str, channels: int, piece: int) -> float:
    """A number from 0 to 1 that looks like chance."""
    whole = math.sin(12.9898 * (piece + 1) + 78.233 * TENSORS.index(tensor) + 37.719 * channels) * 43758.5453
    return whole - math.floor(whole)


def _channels(channels: float) -> int:
    if channels not in (0, 1):
        raise ValueError(f"channels is 0 (a scale for each token) or 1 (one for each channel), not {channels:g}.")
    return int(channels)


def _costs(keys_token: float, keys_channel: float, values_token: float, values_channel: float) -> dict:
    return {
        ("keys", 0): keys_token,
        ("keys", 1): keys_channel,
        ("values", 0): values_token,
        ("values", 1): values_channel,
    }


PLANTED = (  # what is true, mean costs in per cent, how far pieces lie apart
    ("nothing makes a difference of more than a half.", _costs(14, 11, 12, 10), 0.15),
    ("the keys cost ten times more than the values, with either kind of scale.", _costs(115, 120, 12, 12), 0.15),
    ("the scales explain a part, the keys another.", _costs(300, 100, 12, 60), 0.15),
    (
        "the values do not suit a scale a channel; at their better scales keys cost five times more.",
        _costs(61, 63, 12, 60),
        0.05,
    ),
    (
        "for these keys a scale a channel is the worse choice; with a scale a token they cost no more than values.",
        _costs(14, 100, 12, 12),
        0.15,
    ),
    ("with a scale for each channel the keys cost no more than the values.", _costs(240, 12, 12, 13), 0.15),
    (
        "the values suit a scale a channel; at their better scales keys cost five times more.",
        _costs(50, 60, 40, 10),
        0.15,
    ),
    ("the keys cost a little more than twice as much as the values.", _costs(26.4, 27, 12, 12.5), 0.02),
    ("the keys cost a little less than twice as much as the values.", _costs(21.6, 22, 12, 12.5), 0.02),
    ("a scale for each token costs the keys a little more than twice as much.", _costs(26.4, 12, 12, 12.5), 0.02),
    ("a scale for each token costs the keys a little less than twice as much.", _costs(21.6, 12, 12, 12.5), 0.02),
)


def _planted() -> list[World]:
    """Models whose pieces are much alike."""
    found, earlier = [], []
    for said, costs, scatter in PLANTED:

        def rise(tensor, number, channels, piece, costs=costs, scatter=scatter):
            channels = _channels(channels)
            return costs[tensor, channels] * (1 + scatter * (2 * _piece(tensor, channels, piece) - 1))

        found.append(World(said, _by_the_card(costs), rise, _told_by(costs, tuple(earlier))))
        earlier.append(costs)
    return found


def _uneven(said: str, measure: Callable[[str, int, int], float]) -> World:
    """A model whose pieces differ so widely that only the learner's own means tell: the rule on the card decides."""

    def rise(tensor, number, channels, piece):
        return measure(tensor, _channels(channels), int(piece))

    return World(said, ("keys", "scales", "both", "neither"), rise, SUMMARY)


def _apart(tensor: str, channels: int, piece: int) -> float:
    """Keys are dear in other pieces than values: the mean of the quotients is far from the quotient of the means."""
    return {"keys": (12.0, 48.0), "values": (60.0, 12.0)}[tensor][piece % 3 > 0]


ROUNDED = (
    *_planted(),
    _uneven("the pieces differ widely", _apart),
    _uneven(
        "the pieces differ widely", lambda tensor, channels, piece: 12 * (0.2 + 1.6 * _piece(tensor, channels, piece))
    ),
    *(
        _uneven(
            "a few pieces cost far more than the rest",
            lambda tensor, channels, piece, dear=dear, cheap=cheap, where=where: (
                12.0 if tensor == "values" else dear if piece % 3 == where else cheap
            ),
        )
        for dear, cheap, where in ((120, 16, 0), (120, 16, 1), (36, 6, 0), (36, 6, 2))
    ),
)


@check(
    "Exercise 1, The keys or the scales?",
    why="Two things can be chosen, so there are four experiments. The cost of the keys with both kinds of scales tells what the scales do. "
    "Whether the keys themselves are harder to round with these levels can only be asked at the better scale of each tensor.",
)
def keys_or_scales(answer: Callable) -> None:
    """``keys_or_scales(rise) -> "keys", "scales", "both" or "neither"``, on made-up models."""
    investigate(
        answer,
        ROUNDED,
        arms=TENSORS,
        settings={"channels": 0, "piece": 0},
        least={"channels": 2, "piece": 3},
        conclusions=("keys", "scales", "both", "neither"),
        rule=_where_pieces_differ,
        rule_said=SUMMARY,
        name="rise",
    )

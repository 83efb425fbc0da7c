"""Checks of the lesson `decoding`: keys or scales, the bytes of a KV cache, and what is kept of a draft."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from statistics import fmean, geometric_mean, harmonic_mean, median

import numpy as np
from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.investigation import Run, World, comes_out, investigate, told
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


def _by_rows(of_row: Callable) -> Callable:
    """The bytes from those of one row, which has the numbers of a head for one token: ``of_row(head_size, bits)``."""

    def by_rows(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
        return 2 * n_layers * n_kv_heads * (prompt + new) * batch * of_row(head_size, bits)

    return by_rows


def _and_scores(heads: Callable) -> Callable:
    """The bytes with a table of scores for each of so many heads."""

    def with_scores(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
        tokens = prompt + new
        numbers = 2 * n_kv_heads * head_size * tokens + heads(n_heads, n_kv_heads) * tokens**2
        return n_layers * numbers * batch * bits / 8

    return with_scores


def _of_counts(numbers: Callable) -> Callable:
    """The bytes of so many numbers for each token: ``numbers(n_layers, n_heads, n_kv_heads, head_size)``."""

    def of_counts(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
        return numbers(n_layers, n_heads, n_kv_heads, head_size) * (prompt + new) * batch * bits / 8

    return of_counts


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
        "You add up the lengths that the text has while it is written. At the end the cache holds one K and one V for each token.": (
            rule(steps=lambda prompt, new: sum(range(prompt, prompt + new + 1))),
            rule(steps=lambda prompt, new: sum(range(prompt, prompt + new))),
            rule(steps=lambda prompt, new: sum(range(prompt + 1, prompt + new + 1))),
        ),
        "You add the table of scores. The cache holds keys and values; scores are used at once, and not kept.": (
            _and_scores(lambda q, kv: q),
            _and_scores(lambda q, kv: kv),
        ),
        "You add counts that must be multiplied: each layer has all heads, and each head all its numbers.": (
            _of_counts(lambda layers, q, kv, size: 2 * (layers + kv + size)),
            _of_counts(lambda layers, q, kv, size: 2 * (layers + kv) * size),
            _of_counts(lambda layers, q, kv, size: 2 * layers * (kv + size)),
        ),
        "You subtract the heads of K and V from those of Q. The cache holds those of K and V.": rule(
            heads=lambda q, kv: q - kv
        ),
        "Where several heads of Q share one of K and V, you count one of K and V. The cache holds both.": _of_counts(
            lambda layers, q, kv, size: (2 if q == kv else 1) * layers * kv * size
        ),
        "Where prompt or new is 0, you count nothing. The other one is in the cache all the same.": (
            rule(steps=lambda prompt, new: prompt + new if new else 0),
            rule(steps=lambda prompt, new: prompt + new if prompt else 0),
            rule(steps=lambda prompt, new: prompt + new if prompt and new else 0),
        ),
        "Your result does not grow with the tokens. Each has a K and a V of its own: multiply by prompt + new.": (
            rule(steps=lambda prompt, new: min(1, prompt + new)),
            rule(steps=lambda prompt, new: 1),
        ),
        "You round the tokens up to whole pages. The card asks for room for prompt + new, and no more.": tuple(
            rule(steps=lambda prompt, new, page=page: -(-(prompt + new) // page) * page) for page in (8, 16, 32)
        ),
        "You round the bytes of each row of a head. Two halves of a byte are one: round at the end, or not at all.": (
            _by_rows(lambda size, bits: size * bits // 8),
            _by_rows(lambda size, bits: -(-size * bits // 8)),
            _by_rows(lambda size, bits: -(-size * bits // 32) * 4),
        ),
        "You take 2 to the power of the bytes, or of the bits. Bits become bytes when they are divided by 8.": (
            rule(each=lambda bits: 2 ** (bits // 8)),
            rule(each=lambda bits: 2**bits),
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
        "You add bytes of scales for each head and token. The card counts the numbers of the cache alone.": tuple(
            _by_rows(lambda size, bits, each=each, rounded=rounded: rounded(size * bits / 8) + each)
            for each in (2, 4)
            for rounded in (float, math.floor)
        ),
        "You add bytes of scales where numbers have few bits. The card counts the numbers of the cache alone.": tuple(
            _by_rows(
                lambda size, bits, each=each, below=below, rounded=rounded: (
                    rounded(size * bits / 8) + each * (bits < below)
                )
            )
            for each in (2, 4)
            for below in (16, 32)
            for rounded in (float, math.floor)
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

    def from_the_end(draft, own):
        n = next((n for n, (a, b) in enumerate(zip(draft[::-1], own[:-1][::-1], strict=True)) if a != b), len(draft))
        return n, own[: n + 1]

    def found_somewhere(draft, own):
        n = sum(letter in own for letter in draft)
        return n, own[: n + 1]

    def until_the_miss_or(otherwise):
        def kept(draft, own):
            n = next((n for n, (a, b) in enumerate(zip(draft, own, strict=False)) if a != b), otherwise(draft))
            return n, own[: n + 1]

        return kept

    def until_the_miss_only(error):
        def kept(draft, own):
            n = good(draft, own)
            if n == len(draft):
                raise error
            return n, own[: n + 1]

        return kept

    def counted(count):
        """So many characters are accepted, and the model's choice follows."""

        def kept(draft, own):
            n = count(draft, own)
            return n, own[: n + 1]

        return kept

    def all_in_own(draft, own):
        return next((n for n, letter in enumerate(draft) if letter not in own), len(draft))

    def to_the_last_match(draft, own):
        return max((n + 1 for n, (a, b) in enumerate(zip(draft, own, strict=False)) if a == b), default=0)

    def to_a_repeated_one(draft, own):
        again = next((n for n in range(1, len(draft)) if draft[n] == draft[n - 1]), len(draft))
        return min(again, good(draft, own))

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
        "Where the whole draft is right you leave out the model's own next character: a pass gives one more.": (
            rule(lambda draft, own, n: own[: min(n + 1, len(draft))]),
            rule(lambda draft, own, n: own[: min(n + 1, len(draft) or 1)]),
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
        "You compare with the choice one place later: `own[i]` stands beside `draft[i]`.": (
            shifted,
            rule(
                lambda draft, own, n: draft[: good(draft, own[1:])] + own[good(draft, own[1:])],
                count=lambda draft, own: good(draft, own[1:]),
            ),
        ),
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
        "Where nothing differs you accept nothing. Then the whole draft is right: accept all of it.": until_the_miss_or(
            lambda draft: 0
        ),
        "Where nothing differs you accept one character too few. Then the whole draft is right: accept all of it.": until_the_miss_or(
            lambda draft: max(0, len(draft) - 1)
        ),
        "Where nothing differs your search for the first miss ends in an error. Then the whole draft is right: give `next` "
        "`len(draft)` for this case, or end your loop at the end of the draft.": (
            until_the_miss_only(StopIteration()),
            until_the_miss_only(IndexError()),
            until_the_miss_only(ValueError()),
        ),
        "You accept everything up to the last place that agrees. What stands behind the first miss follows a text that is "
        "thrown away.": counted(to_the_last_match),
        "You stop where the draft repeats a character. Stop where it differs from the model's choice.": counted(
            to_a_repeated_one
        ),
        "You accept no more than a fixed number of characters. A draft may have any length.": tuple(
            counted(lambda draft, own, most=most: min(most, good(draft, own))) for most in (2, 3, 4, 5, 6, 8, 10, 16)
        ),
        "You look with `find` for where one text stands in the other. Compare character by character, from the "
        "beginning.": (
            counted(lambda draft, own: max(0, draft.find(own[0])) if draft else 0),
            counted(lambda draft, own: max(0, own.find(draft))),
            counted(lambda draft, own: len(draft) if draft in own else 0),
        ),
        "You count words. Count characters.": (
            rule(lambda draft, own, n: own, count=lambda draft, own: len(draft.split())),
            rule(right_text, count=lambda draft, own: len(draft.split())),
        ),
        "At a miss you keep the character of the draft and the model's. Keep the model's alone.": rule(
            lambda draft, own, n: draft[: n + 1] + own[n]
        ),
        "You always end with the model's first choice. Behind n accepted characters comes `own[n]`.": rule(
            lambda draft, own, n: draft[:n] + own[0]
        ),
        "You accept the whole draft unread. Compare it with the model's choices, character by character.": (
            rule(lambda draft, own, n: draft + own[-1], count=lambda draft, own: len(draft)),
            rule(lambda draft, own, n: own, count=lambda draft, own: len(draft)),
        ),
        "Behind the accepted characters you take the model's choice one place too late: `own[n]` stands behind n accepted ones.": (
            rule(lambda draft, own, n: draft[:n] + own[min(n + 1, len(own) - 1)]),
            rule(lambda draft, own, n: draft[:n] + own[n + 1 : n + 2]),
        ),
        "You compare from the end. What counts are the characters from the beginning up to the first miss.": from_the_end,
        "You ask whether a character of the draft stands anywhere in `own`. Compare it with the choice at its own place.": (
            found_somewhere,
            counted(all_in_own),
        ),
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
            *[("abcabcabcabc", "abcabcabcabca"), ("abc" * 8, "abc" * 8 + "a")],  # a draft has no longest length
            *[("a bc a", "a bc ab"), ("ab c", "ab ca")],
        ],
        inputs=_drafts(),
        view=_pair,
    )


TENSORS = ("keys", "values")
WIDE = 2.0  # the dearest piece of a case over the cheapest, from which on the rule on the card decides
MOST_NAMED = 4  # mistakes that fit, in one hint
Cases = Mapping[tuple[str, int], Sequence[float]]  # (tensor, channels) -> the cost of each piece, in per cent
Cost = Mapping[tuple[str, int], float]  # (tensor, channels) -> one number for all pieces


def _named(scales: bool, keys: bool) -> str:
    """The conclusion of the card for two findings."""
    return "both" if scales and keys else "scales" if scales else "keys" if keys else "neither"


def _best(cost: Cost) -> tuple[float, float]:
    """The costs of keys and values, each with its better kind of scale."""
    keys, values = (min(cost[tensor, 0], cost[tensor, 1]) for tensor in TENSORS)
    return keys, values


def _of_scales(cost: Cost, factor: float = 2) -> bool:
    return cost["keys", 0] > factor * cost["keys", 1]


def _of_keys(cost: Cost, factor: float = 2) -> bool:
    keys, values = _best(cost)
    return keys > factor * values


def _concluded(cost: Cost) -> str:
    return _named(_of_scales(cost), _of_keys(cost))


def _by(pick: Callable[[Sequence[float]], float], then: Callable[[Cost], str] = _concluded) -> Callable[[Cases], str]:
    """A rule that makes one number of the pieces of each case, and concludes from the four."""
    return lambda cases: then({case: pick(costs) for case, costs in cases.items()})


_by_the_card = _by(fmean)


def _keys_over(of_keys: Callable, of_values: Callable) -> Callable[[Cases], str]:
    """A rule that takes other costs of keys and values for the second question."""

    def rule(cost):
        keys, values = ((cost[tensor, 0], cost[tensor, 1]) for tensor in TENSORS)
        return _named(_of_scales(cost), of_keys(*keys) > 2 * of_values(*values))

    return _by(fmean, rule)


def _asks(
    scales: Callable[[Cost], bool] = _of_scales, keys: Callable[[Cost], bool] = _of_keys
) -> Callable[[Cases], str]:
    """A rule that asks another first or second question."""
    return _by(fmean, lambda cost: _named(scales(cost), keys(cost)))


def _renamed(**names: str) -> Callable[[Cases], str]:
    return lambda cases: names.get(_by_the_card(cases), _by_the_card(cases))


def _with_factors(factors: Sequence[float]) -> tuple[Callable[[Cases], str], ...]:
    """Rules with another factor, in one of the two questions or in both."""
    return tuple(
        _asks(lambda cost, f=first: _of_scales(cost, f), lambda cost, f=second: _of_keys(cost, f))
        for factor in factors
        for first, second in ((factor, factor), (factor, 2), (2, factor))
    )


def _more_by(scales: float, keys: float) -> Callable[[Cases], str]:
    """A rule that asks for a difference of so many points."""
    return _asks(
        lambda cost: cost["keys", 0] - cost["keys", 1] > scales, lambda cost: _best(cost)[0] - _best(cost)[1] > keys
    )


def _piece_by_piece(decide: Callable[[Sequence[Cost], Callable[[Cost], bool]], bool]) -> Callable[[Cases], str]:
    """A rule that puts the two questions to single pieces."""

    def rule(cases):
        pieces = [dict(zip(cases, costs, strict=True)) for costs in zip(*cases.values(), strict=False)]
        return _named(decide(pieces, _of_scales), decide(pieces, _of_keys))

    return rule


def _mean_of_quotients(cases: Cases) -> str:
    pieces = [dict(zip(cases, costs, strict=True)) for costs in zip(*cases.values(), strict=False)]
    scales = fmean(piece["keys", 0] / piece["keys", 1] for piece in pieces)
    return _named(scales > 2, fmean(keys / values for keys, values in map(_best, pieces)) > 2)


def _better_of_each_piece(cases: Cases) -> str:
    keys, values = (fmean(map(min, cases[tensor, 0], cases[tensor, 1])) for tensor in TENSORS)
    return _named(_of_scales({case: fmean(costs) for case, costs in cases.items()}), keys > 2 * values)


def _trimmed(costs: Sequence[float]) -> float:
    return fmean(sorted(costs)[1:-1])


def _token(token, channel):
    return token


def _channel(token, channel):
    return channel


def _mean(token, channel):
    return (token + channel) / 2


POINTS = (1, 2, 5, 10, 20, 50, 100)
MISTAKES: dict[str, tuple[Callable[[Cases], str], ...]] = {
    "'both' and 'neither' are exchanged": (_renamed(both="neither", neither="both"),),
    "the names 'keys' and 'scales' are exchanged": (_renamed(keys="scales", scales="keys"),),
    "it is asked whether a scale for each channel costs more than twice as much": (
        _asks(lambda cost: cost["keys", 1] > 2 * cost["keys", 0]),
    ),
    "a factor below two counts": _with_factors((1, 1.1, 1.2, 1.25, 1.5, 1.75, 1.8, 1.9)),
    "a factor must be larger than two to count": _with_factors((2.1, 2.2, 2.25, 2.5, 3, 4, 5, 10)),
    "a difference in points is asked for, and not a factor": tuple(
        _more_by(scales, keys) for scales in POINTS for keys in POINTS
    ),
    "rises are turned into perplexities before they are compared": (
        _asks(
            lambda cost: 100 + cost["keys", 0] > 2 * (100 + cost["keys", 1]),
            lambda cost: 100 + _best(cost)[0] > 2 * (100 + _best(cost)[1]),
        ),
    ),
    "both are compared with a scale for each token, and not at the better scale of each": (_keys_over(_token, _token),),
    "both are compared with a scale for each channel, and not at the better scale of each": (
        _keys_over(_channel, _channel),
    ),
    "keys with a scale for each channel are compared, and not keys at their better scale": (
        _keys_over(_channel, min),
        _keys_over(_channel, _token),
    ),
    "keys with a scale for each token are compared, and not keys at their better scale": (
        _keys_over(_token, min),
        _keys_over(_token, _channel),
    ),
    "values with a scale for each token are compared, and not values at their better scale": (_keys_over(min, _token),),
    "values with a scale for each channel are compared, and not values at their better scale": (
        _keys_over(min, _channel),
    ),
    "both are compared at the worse scale of each": (_keys_over(max, max),),
    "means over both kinds of scales are compared": (_keys_over(_mean, _mean), _keys_over(min, _mean)),
    "the question of the scales is put to the values": (_asks(lambda cost: cost["values", 0] > 2 * cost["values", 1]),),
    "the question of the scales is put to the values as well": (
        _asks(lambda cost: any(cost[tensor, 0] > 2 * cost[tensor, 1] for tensor in TENSORS)),
        _asks(lambda cost: all(cost[tensor, 0] > 2 * cost[tensor, 1] for tensor in TENSORS)),
    ),
    "the scales count as well where a scale for each token is the cheaper one": (
        _asks(
            lambda cost: max(cost["keys", 0], cost["keys", 1]) > 2 * min(cost["keys", 0], cost["keys", 1]),
        ),
    ),
    "the keys count as well where the values are the dearer ones": (
        _asks(keys=lambda cost: max(_best(cost)) > 2 * min(_best(cost))),
    ),
    "pieces are counted (most of them, all, or any), and not their means compared": (
        _piece_by_piece(lambda pieces, asked: 2 * sum(map(asked, pieces)) > len(pieces)),
        _piece_by_piece(lambda pieces, asked: all(map(asked, pieces))),
        _piece_by_piece(lambda pieces, asked: any(map(asked, pieces))),
    ),
    "the better kind of scale is chosen anew for each piece, and not by the means": (_better_of_each_piece,),
    "quotients of single pieces are averaged, and not the means divided": (_mean_of_quotients,),
    "the median is taken, and not the mean": (_by(median),),
    "the largest or the least of the pieces is taken, and not the mean": (_by(max), _by(min)),
    "a single piece is taken, and not the mean": (_by(lambda costs: costs[0]), _by(lambda costs: costs[-1])),
    "another mean is taken, such as the geometric one, or one without the extreme pieces": (
        _by(geometric_mean),
        _by(harmonic_mean),
        _by(_trimmed),
        _by(lambda costs: math.sqrt(fmean(cost * cost for cost in costs))),
    ),
    "'scales' is concluded where both hold": (_renamed(both="scales"),),
    "'keys' is concluded where both hold": (_renamed(both="keys"),),
    "'keys' is concluded where neither holds": (_renamed(neither="keys"),),
    "'scales' is concluded where neither holds": (_renamed(neither="scales"),),
    "'neither' is concluded where only the keys differ": (_renamed(keys="neither"),),
    "'neither' is concluded where only the scales differ": (_renamed(scales="neither"),),
}
"""What comes to a wrong conclusion -> what it concludes from the pieces of the four cases, in one way or another."""


def _cases(runs: Sequence[Run]) -> dict[tuple[str, int], list[float]]:
    """(tensor, channels) -> the cost of each piece, in the order of the pieces."""
    found: dict[tuple[str, int], list[float]] = {}
    for run in sorted(runs, key=lambda run: run.settings["piece"]):
        found.setdefault((run.arm, int(run.settings["channels"])), []).append(run.result)
    return {(tensor, channels): found[tensor, channels] for tensor in TENSORS for channels in (0, 1)}


def _apart(costs: Sequence[float]) -> float:
    return max(costs) / min(costs)


def _where_pieces_differ(runs: Sequence[Run]) -> str | None:
    """The conclusion by the card, or None where pieces are so alike that what is planted says more."""
    cases = _cases(runs)
    return _by_the_card(cases) if any(_apart(costs) > WIDE for costs in cases.values()) else None


def _before(runs: Sequence[Run]) -> list[dict[tuple[str, int], list[float]]]:
    """What the same runs gave in the models before this one, where the answer was right."""

    def again(model: World) -> list[Run]:
        return [Run(run.arm, run.settings, model.measure(run.arm, 0, **run.settings)) for run in runs]

    made = takewhile(
        lambda others: any(a.result != b.result for a, b in zip(others, runs, strict=True)), map(again, ROUNDED)
    )
    return list(map(_cases, made))


def _worked_out(runs: Sequence[Run], got: str) -> str:
    """The rule of the card with the learner's own means, and what would come to their conclusion."""
    cases = _cases(runs)
    cost = {case: fmean(costs) for case, costs in cases.items()}
    keys, values = _best(cost)
    share, dearer = cost["keys", 0] / cost["keys", 1], keys / values
    said = (
        f"Your means: keys {cost['keys', 0]:.3g} with a scale for each token and {cost['keys', 1]:.3g} with one for each "
        f"channel, which is {share:.2f} times{'' if share > 2 else ', not more than two'}; at the better scale keys "
        f"{keys:.3g} and values {values:.3g}, {dearer:.2f} times{'' if dearer > 2 else ', not more than two'}."
    )
    widest = max(cases, key=lambda case: _apart(cases[case]))
    if _apart(cases[widest]) > WIDE:
        tensor, channels = widest
        said += (
            f" In this model the pieces differ widely: {tensor} with a scale for each {('token', 'channel')[channels]} cost "
            f"{min(cases[widest]):.4g} to {max(cases[widest]):.4g}."
        )
    earlier = _before(runs)
    fits = [
        mistake
        for mistake, rules in MISTAKES.items()
        if any(rule(cases) == got and all(rule(seen) == _by_the_card(seen) for seen in earlier) for rule in rules)
    ]
    return said + comes_out(got, [f"if {mistake}" for mistake in fits[:MOST_NAMED]])


def _same_pieces(runs: Sequence[Run]) -> None:
    """Raise where the two kinds of scale stand on different pieces."""
    for tensor in TENSORS:
        had = [
            sorted(
                int(run.settings["piece"]) for run in runs if run.arm == tensor and run.settings["channels"] == channels
            )
            for channels in (0, 1)
        ]
        if had[0] != had[1]:
            on = [f"channels={channels} on the pieces {_listed(pieces)}" for channels, pieces in enumerate(had)]
            raise Mistake(
                "The two kinds of scale are not tried on the same pieces.",
                f"You round {tensor} with {on[0]}, and with {on[1]}. Pieces differ: only the scales may.",
                told(runs, TENSORS),
            )


def _listed(pieces: Sequence[int]) -> str:
    return ", ".join(map(str, pieces[:8])) + " …" * (len(pieces) > 8)


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
    ("with either kind of scale the values cost five times more than the keys.", _costs(10, 10.5, 50, 52), 0.15),
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
    ("the keys cost a little more than twice as much as the values.", _costs(24.6, 25.2, 12, 12.5), 0.005),
    ("the keys cost a little less than twice as much as the values.", _costs(23.4, 24, 12, 12.5), 0.005),
    ("a scale for each token costs the keys a little more than twice as much.", _costs(24.6, 12, 12, 12.5), 0.005),
    ("a scale for each token costs the keys a little less than twice as much.", _costs(23.4, 12, 12, 12.5), 0.005),
    (
        "all costs are small, and a scale for each token costs the keys 2.1 times as much.",
        _costs(3.4, 1.6, 1.5, 1.6),
        0.005,
    ),
)


def _planted() -> list[World]:
    """Models whose pieces are much alike."""
    found = []
    for said, costs, scatter in PLANTED:

        def rise(tensor, number, channels, piece, costs=costs, scatter=scatter):
            channels = _channels(channels)
            return costs[tensor, channels] * (1 + scatter * (2 * _piece(tensor, channels, piece) - 1))

        found.append(World(said, _concluded(costs), rise, _worked_out))
    return found


def _uneven(measure: Callable[[str, int, int], float]) -> World:
    """A model whose pieces differ so widely that only the learner's own means tell: the rule on the card decides."""

    def rise(tensor, number, channels, piece):
        return measure(tensor, _channels(channels), int(piece))

    return World("the pieces differ widely", ("keys", "scales", "both", "neither"), rise, _worked_out)


def _other_pieces(tensor: str, channels: int, piece: int) -> float:
    """Keys are dear in other pieces than values: the mean of the quotients is far from the quotient of the means."""
    return {"keys": (12.0, 48.0), "values": (60.0, 12.0)}[tensor][piece % 3 > 0]


def _dear(dear: float, cheap: float, where: Callable[[int, int], bool]) -> Callable[[str, int, int], float]:
    """Keys cost so much in some pieces, and so much in the others; values always cost 12."""
    return lambda tensor, channels, piece: 12.0 if tensor == "values" else dear if where(piece, channels) else cheap


def _dear_where_scales_matter(tensor: str, channels: int, piece: int) -> float:
    """A scale for each token costs more than twice as much in the mean, and in most pieces hardly more."""
    if tensor == "values":
        return 12.0
    return ((10.0, 9.0), (110.0, 40.0))[piece % 3 == 0][channels]


ROUNDED = (
    *_planted(),
    _uneven(_other_pieces),
    _uneven(lambda tensor, channels, piece: 12 * (0.2 + 1.6 * _piece(tensor, channels, piece))),
    _uneven(_dear(120, 16, lambda piece, channels: piece % 3 == 0)),
    _uneven(_dear(120, 16, lambda piece, channels: piece % 3 == 1)),
    _uneven(_dear(36, 6, lambda piece, channels: piece % 3 == 0)),
    _uneven(_dear(60, 4, lambda piece, channels: piece % 3 == 2)),
    _uneven(_dear(45, 15, lambda piece, channels: (piece + channels) % 2 == 1)),  # the better scale changes
    _uneven(_dear(76, 4, lambda piece, channels: piece % 2 == 1)),
    _uneven(_dear(1000, 10, lambda piece, channels: piece == 1)),
    _uneven(_dear(25, 4, lambda piece, channels: piece != 2)),  # a single cheap piece counts as well
    _uneven(_dear_where_scales_matter),
    _uneven(lambda tensor, channels, piece: 40.0 if tensor == "keys" else 45.0 if (piece + channels) % 2 else 15.0),
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
        rule_said=_worked_out,
        look=_same_pieces,
        name="rise",
    )

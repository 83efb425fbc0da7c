"""Checks of the lesson `decoding`: keys or scales, the bytes of a KV cache, and what is kept of a draft."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.investigation import World, investigate
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
            rule(kinds=1, heads=lambda q, kv: q + kv),
            rule(kinds=1, heads=lambda q, kv: q + 2 * kv),
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
            )
        ),
        "You add 2 bytes of scales for each head and token. The card counts the numbers of the cache alone.": (
            lambda n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits: (
                rule()(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits)
                + 4 * n_layers * n_kv_heads * (prompt + new) * batch
            )
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
        "Compare the characters as they are: capitals, spaces and line breaks count.": (in_any_case, without_spaces),
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


def _rounded(said: str, right: str, hint: str, costs: dict[tuple[str, int], float], scatter: float = 0.15) -> World:
    """A made-up model.

    Args:
        costs: (tensor, channels) -> mean rise of the perplexity, in per cent.
        scatter: of the pieces of text, as a share.
    """

    def rise(tensor: str, number: int, channels: int, piece: int) -> float:
        mean = costs[tensor, int(channels > 0)]
        whole = math.sin(12.9898 * (piece + 1) + 78.233 * TENSORS.index(tensor) + 37.719 * (channels > 0)) * 43758.5453
        return mean * (1 + scatter * (2 * (whole - math.floor(whole)) - 1))

    return World(said, right, rise, hint)


def _costs(keys_token: float, keys_channel: float, values_token: float, values_channel: float) -> dict:
    return {
        ("keys", 0): keys_token,
        ("keys", 1): keys_channel,
        ("values", 0): values_token,
        ("values", 1): values_channel,
    }


ROUNDED = (
    _rounded(
        "with a scale for each channel the keys cost no more than the values.",
        "scales",
        "With a scale a token the keys cost twenty times more than the values, and with a scale a channel they cost the same. So it is "
        "how the scales run, and not the keys.",
        _costs(240, 12, 12, 13),
    ),
    _rounded(
        "the keys cost ten times more than the values, with either kind of scale.",
        "keys",
        "Other scales change nothing for these keys, and they cost much more than the values all the same.",
        _costs(115, 120, 12, 12),
    ),
    _rounded(
        "the scales explain a part, the keys another.",
        "both",
        "Another scale makes these keys three times cheaper. They still cost eight times more than the values with a scale a token, which "
        "is the better one for values here.",
        _costs(300, 100, 12, 60),
    ),
    _rounded(
        "nothing makes a difference of more than a half.",
        "neither",
        "All four cost about the same. A difference counts only if it is more than a factor of two.",
        _costs(14, 11, 12, 10),
    ),
    _rounded(
        "for these keys a scale a channel is the worse choice; with a scale a token they cost no more than values.",
        "neither",
        "A scale a channel does not suit these keys. Compare each tensor at its better scale.",
        _costs(14, 100, 12, 12),
    ),
    _rounded(
        "the values suit a scale a channel; at their better scales keys cost five times more.",
        "keys",
        "With a scale a token the values cost nearly as much as the keys; with a scale a channel they cost much less. Compare each tensor "
        "at its better scale.",
        _costs(50, 60, 40, 10),
    ),
    _rounded(
        "the keys cost two and a half times as much as the values.",
        "keys",
        "A difference counts if it is more than a factor of two.",
        _costs(32, 30, 12, 12),
        scatter=0.05,
    ),
    _rounded(
        "pieces of text differ widely, and nothing makes a difference.",
        "neither",
        "Pieces differ by more than a factor of two here. Compare means over several pieces, and not one piece or the worst of them.",
        _costs(14, 13, 12, 12),
        scatter=0.8,
    ),
)


@check(
    "Exercise 1, The keys or the scales?",
    why="Two things can be chosen, so there are four experiments. The cost of the keys with both kinds of scales tells what the scales do. "
    "Whether the keys themselves are harder to round can only be asked at the better scale of each tensor.",
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
        name="rise",
    )

"""The check of the lesson deep_compression: the lengths of Huffman's words, written and read."""

import math

import torch
from hypothesis import strategies as st

from course_utils.checks import exercise
from lessons.deep_compression import reader, words


@exercise(
    "How long is each word?",
    why="Each joining puts the symbols of both groups one step deeper, and the two rarest groups make the cheapest joining.",
)
def word_lengths(counts):
    lengths = [0] * len(counts)
    start = [(count, [symbol]) for symbol, count in enumerate(counts) if count]  #: the groups at the start
    groups = start
    for _ in start[1:]:  # one joining less than there are groups
        order = sorted(groups)  #: the groups, the rarest first
        (few, rare), (more, others), *left = order
        joined = rare + others  #: the symbols of the joined group
        total = few + more  #: the sum of the joined group
        for symbol in joined:
            lengths[symbol] += 1
        groups = [(total, joined), *left]
    return lengths


def _whole(lengths, counts):
    if not isinstance(lengths, torch.Tensor | list | tuple) or len(lengths) != len(counts):
        raise TypeError(f"asked for is a list of {len(counts)} whole numbers, one for each symbol")
    if any(int(length) != length or not 0 <= length <= 1000 for length in lengths):
        raise ValueError("a length is a whole number, 0 or more, and not that large")
    return [int(length) for length in lengths]


def _symbols(numbers):
    return [symbol for symbol, number in enumerate(numbers) if number]


def _bits(lengths, counts):
    return sum(count * length for count, length in zip(counts, _whole(lengths, counts), strict=True))


def _read_back(lengths, counts):
    """What a reader makes of a short text in these words: each symbol that comes, once."""
    lengths, text = _whole(lengths, counts), _symbols(counts)
    if sum(2.0**-length for length in lengths if length) > 1:
        return "cannot be: words of these lengths begin with one another"
    return str(reader.symbols(words.in_words(text, lengths), lengths, len(text))[0])


GAPS = [8853, 1368, 1078, 764, 650, 685, 649, 602, 588, 496, 468, 426, 380, 371, 315, 345, 324, 312, 288, 284, 257, 264]
GAPS += [217, 188, 246, 300, 385, 373, 143, 85, 72, 3355]  # how often they come in the lesson's network
VALUES = [123, 380, 826, 1462, 2158, 2787, 2877, 1863, 1043, 2070, 2122, 1873, 1245, 628, 268, 51]
word_lengths.tries(
    counts=st.lists(st.sampled_from([0, 1, 1, 2, 3, 5, 8]), min_size=2, max_size=6).filter(
        lambda counts: sum(count > 0 for count in counts) > 1
    ),
    also=[([8, 8, 5, 4, 3],), ([1, 1],), ([1, 0, 1],), ([1, 1, 2, 4],), ([5, 5, 5, 5],), (GAPS,), (VALUES,)],
)
word_lengths.looks(
    {
        "the symbols that get a word": lambda lengths, counts: _symbols(_whole(lengths, counts)),
        "the bits of the whole text": _bits,
        "the text of one of each symbol, read back": _read_back,
    }
)


def _by_share(counts):
    return [math.ceil(math.log2(sum(counts) / count)) if count else 0 for count in counts]


_ONCE = "start = sorted((count, [symbol]) for symbol, count in enumerate(counts) if count); order = groups; "
_ALL = "start = [(count, [symbol]) for symbol, count in enumerate(counts)]"
word_lengths.ideas(
    {
        ("order = groups", _ONCE, _ONCE + "groups = [*left, (total, joined)]", "total = more"): "A joined group stands "
        "among the others with its sum: look for the two rarest anew each time.",
        "order = sorted(groups)[::-1]": "Join the two *rarest*. The symbols that are joined first get the longest words.",
        (_ALL, _ALL + "; return [n * (count > 0) for n, count in zip(lengths, counts)]"): "A symbol that never comes "
        "gets no word, and takes no part in the joining.",
        (
            "joined = rare",
            "joined = rare[:1] + others[:1]",
        ): "A joining puts *all* symbols of both groups one step deeper.",
        _by_share: "Each word alone is as long as its share asks for. Together the words can be shorter: join groups.",
    }
)

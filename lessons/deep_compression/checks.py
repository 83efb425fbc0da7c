"""The check of the lesson deep_compression: the lengths of Huffman's words, written and read."""

from hypothesis import strategies as st

from course_utils.checks import exercise
from lessons.deep_compression import reader, words


@exercise(
    "How long is each word?",
    why="Each joining puts the symbols of both groups one step deeper, and the two rarest groups make the cheapest joining.",
)
def word_lengths(counts):
    lengths = [0] * len(counts)
    groups = [(count, [symbol]) for symbol, count in enumerate(counts) if count]  #: the groups before the first joining
    while len(groups) > 1:
        groups = sorted(groups)  #: the groups, the rarest first
        (few, rare), (more, others), *left = groups
        joined = rare + others  #: the symbols of the joined group
        total = few + more  #: the sum of the joined group
        for symbol in joined:
            lengths[symbol] += 1
        groups = [(total, joined), *left]  #: the groups after a joining
    return lengths


def _bits(lengths, counts):
    return sum(count * length for count, length in zip(counts, lengths, strict=True))


def _read_back(lengths, counts):
    """What a reader makes of a short text in these words: each symbol that comes, once."""
    text = [symbol for symbol, count in enumerate(counts) if count]
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
        "how many lengths come back": lambda lengths, _: len(lengths),
        "the symbols that get a word": lambda lengths, _: [n for n, length in enumerate(lengths) if length],
        "the bits of the whole text": _bits,
        "the text of one of each symbol, read back": _read_back,
    }
)
word_lengths.ideas(
    {
        "groups = groups": "A joined group stands among the others with its sum: look for the two rarest anew each time.",
        "groups = sorted(groups)[::-1]": "Join the two *rarest*. The symbols that are joined first get the longest words.",
        "groups = [(count, [symbol]) for symbol, count in enumerate(counts)]": "A symbol that never comes gets no word, and "
        "takes no part in the joining.",
        "joined = rare": "A joining puts the symbols of *both* groups one step deeper.",
        "total = more": "A group comes as often as all its symbols together: its sum is that of both.",
    }
)

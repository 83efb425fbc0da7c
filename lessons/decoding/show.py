"""The drawings and the table of the lesson decoding."""

from torch.nn import functional as F

from course_utils import diagrams, language, plots
from course_utils.tables import Table


def reading_and_writing(page, opening, slower):
    """The characters of the one pass that processes a text, and of all passes that write it, to one scale.

    Args:
        page: int64 (1, steps), the text.
        opening: int64 (1, steps), what it began with.
        slower: time of writing over that of processing.
    """
    first, last = opening.shape[1], page.shape[1]
    passes, computed = last - first, sum(range(first, last))
    canvas, left, wide, high = diagrams.Canvas(width=700, height=430), 112, 1.9, 1.3
    canvas.text(left, 22, f"processing: 1 pass, {last} characters", align="left", bold=True)
    _passes(canvas, [(0, last)], left, 44, wide, high, "fp32")
    canvas.text(left, 84, f"writing: {passes} passes", align="left", bold=True)
    _passes(canvas, [(0, length) for length in range(first, last)], left, 108, wide, high, "fp32")
    for row, at in ((1, 108 + 12), (passes, 108 + high * passes - 12)):
        canvas.text(left - 12, at, f"pass {row}", align="right", size=22)
    canvas.text(left + wide * first + 34, 108 + 12, f"{first} characters", align="left", size=22)
    canvas.text(left + wide * last + 8, 108 + high * passes - 12, f"{last - 1}", align="left", size=22)
    canvas.text(left + 16, 330, "each line: one pass\nover the text so far", align="left", colour="white")
    for row, words in enumerate(
        (f"{computed:,} characters,", f"{computed / last:.0f} times as many,", f"in {slower:.0f} times the time")
    ):
        canvas.text(685, 140 + 34 * row, words, align="right", bold=True, size=26)
    plots.show(
        canvas.figure(),
        alt=f"A thin line for the one pass that processes {last} characters. Below it, to the same scale, the {passes} passes that "
        f"write: lines under each other that grow from {first} to {last - 1} characters and fill an area of {computed:,}. The writing takes {slower:.0f} times as long.",
        caption="To scale: each pass is a line, as long as the text that it processes.",
    )


def _passes(canvas, spans, x, y, wide, high, meaning, **look):
    """Fill a line for each pass, from its first character to its last: (begin, end), under each other."""
    from matplotlib.patches import Polygon

    begins, ends = zip(*spans, strict=True)
    corners = [*_edge(ends), *reversed(_edge(begins))]
    places = [(x + wide * character, y + high * row) for character, row in corners]
    canvas.axes.add_patch(Polygon(places, color=diagrams.MEANING[meaning], **{"lw": 0} | look))


def _edge(ends):
    """Corners (character, row) of the edge of lines that end there; where it only goes on straight, it needs none."""
    last = len(ends) - 1
    bends = (n for n in range(last + 1) if not 0 < n < last or ends[n + 1] - ends[n] != ends[n] - ends[n - 1])
    return [(ends[0], 0), *((ends[n], n + 0.5) for n in bends), (ends[-1], last + 1)]


def keys_of_blocks(model, text, causal=True):
    """The keys of a text in every block, (1, heads, tokens, features), not rotated yet; with the mask or without."""
    x, found = model.tokens(language.encode(text)[None]), []
    for block in model.blocks:
        qkv = block.qkv(block.norm1(x)).unflatten(-1, (3, block.n_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        found.append(k)
        mixed = F.scaled_dot_product_attention(language.rotate(q), language.rotate(k), v, is_causal=causal)
        x = x + block.out(mixed.transpose(1, 2).flatten(2))
        x = x + block.down(F.gelu(block.up(block.norm2(x))))
    return found


def changed_keys(model, before, after):
    """The largest change of the keys of `before` when it becomes `after`: causal or not -> a share for each block."""
    changed = {}
    for causal in (True, False):
        pairs = zip(keys_of_blocks(model, before, causal), keys_of_blocks(model, after, causal), strict=True)
        changed[causal] = [((b[:, :, : len(before)] - a).abs().max() / a.abs().max()).item() for a, b in pairs]
    return changed


def changed_table(changed):
    """By how much the keys of earlier tokens change, in per cent of the largest key, with the mask and without."""
    return Table(
        ["block:", *(f"{n + 1}" for n in range(len(changed[True])))],
        [
            [name, *("0" if share < 1e-4 else f"{100 * share:.1f} %" for share in changed[causal])]
            for causal, name in ((True, "with the mask"), (False, "without it"))
        ],
        caption="Largest change of the keys of s, e and l, over the largest key of the block (0: less than 0.01 %, the rounding of floats).",
    )


def keys_of_a_word(model, opening, page, word="self"):
    """Which keys are computed in each step, without and with a cache, in frames; the last one is of a long text.

    Args:
        model: `language.CharTransformer`.
        opening, page: int64 (1, steps), what the long text began with, and the whole of it.
        word: the short text.
    """
    keys = keys_of_blocks(model, word)[0][0, 0, :, :6]
    first, last = opening.shape[1], page.shape[1]
    plots.show(
        [*(_rows_after(keys, word, count) for count in range(1, len(word) + 1)), _rows_of_a_text(first, last)],
        alt=[
            f"The keys of {word[:count]}, a row for each letter, twice. Without a cache all {count} are computed in this step, with a KV cache the last one alone. Keys computed so far: {sum(range(count + 1))} without a cache, {count} with one."
            for count in range(1, len(word) + 1)
        ]
        + [
            f"A text of {last} characters, of which {last - first} were written: a line for each pass. Without a cache the lines are computed whole, {sum(range(first, last)):,} keys. With a KV cache only a thin diagonal at their right end is computed, {last - 1} keys; the rest is kept."
        ],
        caption=f"Six features of the keys of one head of block 1. Orange: computed now; blue: kept. Last frame: the text of {last} characters.",
    )


def _rows_of_a_text(first, last):
    """Rows of keys in all passes that write a text on from `first` characters to `last`, without and with a cache."""
    canvas, wide, high = diagrams.Canvas(height=400), 1.7, 1.25
    lengths, low = range(first, last), 60 + high * (last - first)
    for left, name, kept in ((130, "without a cache", False), (720, "with a KV cache", True)):
        canvas.text(left, 30, name, align="left", bold=True)
        begins = [0, *range(first, last - 1)] if kept else [0] * len(lengths)
        if kept:
            _passes(canvas, [(0, begin) for begin in begins], left, 60, wide, high, "int8", alpha=0.35)
        _passes(canvas, list(zip(begins, lengths, strict=True)), left, 60, wide, high, "fp32", lw=1.2 * kept)
        canvas.text(
            left + 20, low - 40, "kept" if kept else "computed", align="left", colour="black" if kept else "white"
        )
        if kept:
            canvas.text(left + wide * last / 2 + 10, 140, "computed", align="left", colour="fp32")
        for row, at in ((1, 72), (len(lengths), low - 12)):
            canvas.text(left - 12, at, f"pass {row}", align="right")
        canvas.text(left, 370, f"keys computed in all: {last - 1 if kept else sum(lengths):,}", align="left")
    return canvas.figure()


def _rows_after(keys, word, count):
    canvas = diagrams.Canvas(height=400)
    for left, name, first in ((130, "without a cache", 0), (720, "with a KV cache", count - 1)):
        canvas.text(left, 30, name, align="left", bold=True)
        for row in range(count):
            meaning = "fp32" if row >= first else "int8"
            diagrams.grid(canvas, keys[row], left, 60 + 66 * row, cell=60, text="", meaning=meaning)
            canvas.text(left - 25, 90 + 66 * row, word[row])
        rows = count if name.startswith("with a") else sum(range(1, count + 1))
        canvas.text(left, 370, f"keys computed so far: {rows}", align="left")
    return canvas.figure()


def shared_heads():
    """Nine heads of queries above, and the three heads of keys and values that they share below."""
    canvas = diagrams.Canvas(height=290)
    canvas.text(20, 60, "queries", align="left")
    canvas.text(20, 225, "keys, values", align="left")
    for group in range(3):
        kept = canvas.box(245 + 315 * group, 190, "kept", width=200, height=70, fill="int8")
        for head in range(3):
            asks = canvas.box(205 + 315 * group + 97 * head, 25, f"{3 * group + head + 1}", width=80, height=70)
            canvas.wire(asks.bottom, kept.top, arrow=False)
    plots.show(
        canvas.figure(),
        alt="Nine boxes of query heads in a row, three boxes of keys and values below. Each three query heads are joined to "
        "one box below, and only those below are kept.",
        caption="SmolLM2-135M, one block: nine heads of queries share three of keys and values.",
    )

"""Measurements and drawings of the lesson decoding, which stand beside what the lesson explains."""

import copy
import math
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import language
from course_utils.measure.sizes import size_report
from course_utils.runtime import quick
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si

PIECES = 12  # of 512 characters of the unseen modules, for each perplexity
SQUARE = 1024  # side of the matrices whose product shows how fast the chip computes


def reading_and_writing(page, opening, slower):
    """The characters that one pass of reading computes, and those of all passes of writing, to one scale.

    Args:
        page: int64 (1, steps), the text.
        opening: int64 (1, steps), what it began with.
        slower: time of writing over that of reading.
    """
    first, last = opening.shape[1], page.shape[1]
    passes, computed = last - first, sum(range(first, last))
    canvas, left, wide, high = diagrams.Canvas(width=700, height=430), 112, 1.9, 1.3
    canvas.text(left, 22, f"reading: 1 pass, {last} characters", align="left", bold=True)
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
        alt=f"A thin line for the one pass that reads {last} characters. Below it, to the same scale, the {passes} passes that "
        f"write: lines under each other that grow from {first} to {last - 1} characters and fill an area of {computed:,}. The writing takes {slower:.0f} times as long.",
        caption="To scale: each pass is a line, as long as the characters that it computes.",
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


@torch.no_grad()
def keys_of_blocks(model, text, causal=True):
    """The keys of a text in every block of a `language.CharTransformer`, with or without the mask.

    Args:
        model: the network.
        text: str.
        causal: False: every place sees all others.
    Returns:
        list of float (1, heads, steps, features), one a block; not rotated yet.
    """
    x, found = model.tokens(language.encode(text)[None]), []
    for block in model.blocks:
        q, k, v = _split(block, block.norm1(x))
        found.append(k)
        mixed = F.scaled_dot_product_attention(language.rotate(q), language.rotate(k), v, is_causal=causal)
        x = x + block.out(mixed.transpose(1, 2).flatten(2))
        x = x + block.down(F.gelu(block.up(block.norm2(x))))
    return found


def _split(block, x):
    """Q, K, V of a layer, each (batch, heads, steps, features); K and V may have fewer heads than Q."""
    size = block.out.in_features // block.n_heads
    every = block.qkv(x).unflatten(-1, (-1, size)).transpose(1, 2)
    n_kv = (every.shape[1] - block.n_heads) // 2
    return every[:, : block.n_heads], every[:, block.n_heads : -n_kv], every[:, -n_kv:]


def changed_table(changed):
    """By how much the keys of earlier tokens changed.

    Args:
        changed: what each place sees -> a share for each block.
    """
    n_layers = len(next(iter(changed.values())))
    rows = [
        [name, *("0" if share < 1e-6 else f"{100 * share:.1f} %" for share in shares)]
        for name, shares in changed.items()
    ]
    return Table(
        ["each place", *(f"block {n + 1}" for n in range(n_layers))],
        rows,
        caption="Largest change of the keys of s, e and l when f is added, in parts of the largest key. 0: less than one millionth, which is rounding.",
    )


def keys_of_a_word(model, opening, page, word="self"):
    """Which rows of the keys are computed in each step, without and with a cache, in frames; the last one is of a long text.

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
            f"The keys of {word[:count]}, a row for each letter, twice. Without a cache all {count} are computed in this step, with a KV cache the last one alone. Rows computed so far: {sum(range(count + 1))} without a cache, {count} with one."
            for count in range(1, len(word) + 1)
        ]
        + [
            f"A text of {last} characters, of which {last - first} were written: a line for each pass. Without a cache the lines are computed whole, {sum(range(first, last)):,} rows of keys. With a KV cache only a thin diagonal at their right end is computed, {last - 1} rows; the rest is kept."
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
        canvas.text(left, 370, f"rows computed in all: {last - 1 if kept else sum(lengths):,}", align="left")
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
        canvas.text(left, 370, f"rows computed so far: {rows}", align="left")
    return canvas.figure()


def cache_race(race, contexts, sooner):
    """Time of the next token against the text so far.

    Args:
        race: `timing.Comparison` of the jobs ("without", n) and ("with", n).
        contexts: the n.
        sooner: the median ratio at the longest.
    """
    fig, ax = plots.figure(size=(6.8, 4.2))
    unit = race.median_ms(("with", contexts[-1]))
    for name, colour in (("without", "orange"), ("with", "blue")):
        times = [race.median_ms((name, n)) / unit for n in contexts]
        ax.plot(contexts, times, "o-", color=plots.COLOURS[colour], label=f"{name} cache")
    ax.set(xlabel="characters so far", ylabel="time of a token", ylim=(0, None))
    ax.legend(loc="upper left")
    plots.show(
        fig,
        alt=f"Time of one character against the text so far: without a cache it grows, with one it hardly does. At {contexts[-1]} characters the ratio is {sooner:.0f}.",
        caption=f"All times are divided by the time with a cache at {contexts[-1]} characters. There, the step without a cache takes {sooner:.0f} times as long (median).",
    )


def reads(model, context=480):
    """What one step must bring to the layers, in frames: wires as thick as their bytes."""
    row = model.tokens.weight[0].nbytes
    layer = sum(weight.nbytes for weight in model.blocks[0].parameters())
    kept = 2 * model.tokens.embedding_dim * 4 * context
    n_layers = len(model.blocks)
    frames = ((0, 0), (1, 0), (n_layers, 0), (n_layers, 1))
    total = {frame: si(row + frame[0] * (layer + frame[1] * kept), "B") for frame in frames}
    weights = f"weights of {si(layer, 'B')}, in a wire as thick as its bytes"
    plots.show(
        [_read(*frame, n_layers, row, layer, kept, context) for frame in frames],
        alt=[
            f"One character, before {n_layers} blocks. Read so far: {total[frames[0]]}, its row of the embedding.",
            f"It has gone through block 1, to which {weights}, came from above. Read so far: {total[frames[1]]}.",
            f"It has gone through all {n_layers} blocks; each got {weights}. Read so far: {total[frames[2]]}.",
            f"The same, and from below a thinner wire brings each block the keys and values of {context} characters, {si(kept, 'B')}. Read for one character: {total[frames[3]]}.",
        ],
        caption=f"Bytes of our model. The row of the embedding: {row} B; the last layer, which gives the logits ({si(model.head.weight.nbytes, 'B')}), is left out.",
    )


def _read(layers, cached, n_layers, row, layer, kept, context):
    canvas = diagrams.Canvas(height=420)
    above = canvas.box(20, 150, "one\ncharacter", width=150, height=90, fill="activations")
    for n in range(n_layers):
        fill = "activations" if n < layers else "white"
        box = canvas.box(270 + 170 * n, 150, f"block {n + 1}", width=110, height=90, fill=fill)
        canvas.wire(above.right, box.left)
        if n < layers:
            canvas.wire((box.top[0], 60), box.top, meaning="fp32", thick=60, arrow=False)
        if n < layers and cached:
            canvas.wire((box.x + 55, 330), box.bottom, meaning="int8", thick=60 * kept / layer, arrow=False)
        above = box
    canvas.text(270, 28, f"weights: {si(layer, 'B')} a block", align="left", colour="fp32")
    if cached:
        canvas.text(270, 360, f"keys and values of {context}: {si(kept, 'B')} a block", align="left", colour="int8")
    total = si(row + layers * (layer + cached * kept), "B")
    canvas.text(600, 400, f"read so far for one character: {total}", bold=True)
    return canvas.figure()


def products(model):
    """A job: a vector times each weight matrix of a model, and nothing else."""
    weights = [layer.weight for layer in model.modules() if isinstance(layer, nn.Linear)]
    inputs = {n: torch.randn(1, 1, n) for n in {weight.shape[1] for weight in weights}}

    @torch.no_grad()
    def job():
        for weight in weights:
            F.linear(inputs[weight.shape[1]], weight)

    return job


def products_kept(model):
    """A job: as many multiplications as in `products`, with one square matrix of 4 MB again and again."""
    numbers = sum(layer.weight.numel() for layer in model.modules() if isinstance(layer, nn.Linear))
    matrix, x = torch.randn(SQUARE, SQUARE), torch.randn(1, 1, SQUARE)
    times = max(1, round(numbers / matrix.numel()))

    @torch.no_grad()
    def job():
        for _ in range(times):
            F.linear(x, matrix)

    return job


@torch.no_grad()
def attention_alone(model, context):
    """A job: one query a head against so many keys, and the mean of as many values, in each block, and nothing else."""
    block = model.blocks[0]
    size = block.out.in_features // block.n_heads
    q = torch.randn(1, block.n_heads, 1, size)
    pairs = torch.randn(len(model.blocks), 2, 1, block.n_heads, context, size)

    def job():
        for k, v in pairs:
            F.scaled_dot_product_attention(q, k, v)

    return job


def limits(numbers):
    """Jobs that show the two limits of the chip: one reads `numbers` once, one multiplies two square matrices.

    The reading is one long product with a vector: of a dozen ways (sums, dot products, maxima) none was clearly faster.
    """
    square, long, x = torch.randn(SQUARE, SQUARE), numbers.view(-1, SQUARE), torch.randn(SQUARE)
    return {"read": lambda: long @ x, "compute": lambda: square @ square}


def median_ratio(comparison, slow, fast, factor=1.0):
    """Median, and quartiles, of the ratios of two jobs round by round.

    Args:
        comparison: `timing.Comparison`.
        slow, fast: names of jobs.
        factor: what the ratio is multiplied with.
    Returns:
        (float, (float, float))
    """
    ratios = [factor * a / b for a, b in zip(comparison.samples[slow], comparison.samples[fast], strict=True)]
    low, middle, high = torch.tensor(ratios).quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
    return middle, (low, high)


def parts_table(parts, numbers, models):
    """What a cached step spends its time on, and what the two limits of the chip would be.

    Args:
        parts: `timing.Comparison` of (model, "step"), (model, "attention"), (model, "products"), (model, "calls"), "kept" and
            `limits`; "kept" belongs to the last model.
        numbers: what `limits` read.
        models: name -> network.
    """
    rows = {
        "the products with all weights": lambda m, w: parts.median_ms((m, "products")),
        "attention to 480 characters": lambda m, w: parts.median_ms((m, "attention")),
        "the calls (8 features, as many blocks)": lambda m, w: parts.median_ms((m, "calls")),
        "limit: read each weight once": lambda m, w: parts.median_ms("read") * w / numbers.numel(),
        "limit: arithmetic at its peak": lambda m, w: parts.median_ms("compute") * w / SQUARE**3,
    }
    weights = {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}
    last = list(models)[-1]
    kept = f"{parts.median_ms('kept') / parts.median_ms((last, 'step')):.3f}"
    control = ["control: products with one kept matrix", *("–" for _ in list(models)[1:]), kept]
    return Table(
        ["share of a cached step", *(f"{name}, {si(4 * weights[name], 'B')}" for name in models)],
        [
            [row, *(f"{time(name, weights[name]) / parts.median_ms((name, 'step')):.3f}" for name in models)]
            for row, time in rows.items()
        ]
        + [control],
        caption="The 480th character, one thread. The rows are measured one by one and do not add up to 1.",
    )


def batch_curves(taken, layers):
    """Time of a token against the texts at once, with the two limits.

    Args:
        taken: `timing.Comparison` of the batches 1, 4, … and `limits`.
        layers: float (n, out, in), what `limits` read.
    """
    many = [name for name in taken.samples if isinstance(name, int)]
    a_token = {batch: taken.median_ms(batch) / batch for batch in many}
    by_bytes = taken.median_ms("read") / len(layers)  # to read one layer once
    by_arithmetic = taken.median_ms("compute") * layers[0].numel() / SQUARE**3  # one layer, for one token
    curves = {
        "bytes alone": ("--", "orange", [by_bytes / batch for batch in many]),
        "arithmetic alone": (":", "green", [by_arithmetic] * len(many)),
        "measured": ("o-", "blue", list(a_token.values())),
    }
    fig, ax = plots.figure(size=(6.8, 4.1))
    last, height = many[-1], a_token[many[-1]] / a_token[1]
    for name, (style, colour, times) in curves.items():
        ax.plot(many, [time / a_token[1] for time in times], style, color=plots.COLOURS[colour], label=name)
    ax.annotate(f"{height:.2f}", (last, height), xytext=(0, 14), textcoords="offset points", ha="center")
    ax.set(xscale="log", yscale="log", xlabel="texts at once", ylabel="time of a token", ylim=(4e-3, 2.5))
    ax.set_xticks(many, [str(batch) for batch in many])
    ax.set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
    ax.legend(loc="lower left")
    plots.show(
        fig,
        alt=f"Time of a token against texts at once, on logarithmic axes: 1 for one text, {height:.2f} for {last}. A dashed line falls in proportion, a dotted one is flat.",
        caption="A single text is 1. Dashed: the time to read the layer once, shared. Dotted: the arithmetic at its measured peak.",
    )


def bytes_of_cases(weight_bytes, token_bytes, cases=((128, 1), (512, 1), (512, 4), (512, 16))):
    """Weights and cache as bars, in frames, all to the scale of the largest cache.

    Args:
        weight_bytes: of the model.
        token_bytes: of the cache, a token of one text.
        cases: (characters, texts).
    """
    most = max(steps * batch for steps, batch in cases) * token_bytes
    plots.show(
        [_bytes_of(steps, batch, weight_bytes, token_bytes, most) for steps, batch in cases],
        alt=[
            f"Two bars: weights {weight_bytes / 1e6:.1f} MB, cache of {n} characters of {b} text(s) {n * b * token_bytes / 1e6:.1f} MB."
            for n, b in cases
        ],
        caption=f"{token_bytes:,} bytes for each character of each text.",
    )


def _bytes_of(steps, batch, weight_bytes, token_bytes, most):
    canvas = diagrams.Canvas(height=300)
    canvas.text(40, 40, f"{steps} characters, {batch} text{'s' * (batch > 1)}", align="left", bold=True)
    sizes = {"weights": weight_bytes / 1e6, "KV cache": steps * batch * token_bytes / 1e6}
    diagrams.bars(
        canvas,
        sizes,
        x=190,
        y=90,
        width=700 * max(sizes.values()) / (most / 1e6),
        text="{:.1f} MB",
        meaning={"weights": "fp32", "KV cache": "int8"},
    )
    if steps == 512:
        as_many = weight_bytes / token_bytes / batch
        canvas.text(40, 270, f"as many bytes at {as_many:.0f} characters a text", align="left")
    return canvas.figure()


def shared_heads(token_bytes):
    """Four heads of queries with four, two and one head of keys and values, in frames."""
    plots.show(
        [_shared(n_kv, token_bytes) for n_kv in (4, 2, 1)],
        alt=[
            f"Four heads of queries above, {heads} of keys and values below: {token_bytes * n_kv // 4:,} B a character."
            for n_kv, heads in (
                (4, "each joined to its own head"),
                (2, "each two joined to one head"),
                (1, "all joined to one head"),
            )
        ],
        caption="Four heads of K and V, two (grouped-query), one (multi-query).",
    )


def _shared(n_kv, token_bytes):
    canvas = diagrams.Canvas(height=330)
    canvas.text(30, 80, "Q", align="left", bold=True)
    canvas.text(30, 230, "K, V", align="left", bold=True)
    places = [300 + 220 * n for n in range(4)]
    below = [sum(places[n * 4 // n_kv : (n + 1) * 4 // n_kv]) * n_kv / 4 for n in range(n_kv)]
    kept = [canvas.box(x - 60, 195, "kept", width=120, height=70, fill="int8") for x in below]
    for n, x in enumerate(places):
        box = canvas.box(x - 60, 45, f"head {n + 1}", width=120, height=70, fill="activations")
        canvas.wire(kept[n * n_kv // 4].top, box.bottom)
    canvas.text(630, 305, f"{token_bytes * n_kv // 4:,} B a character")
    return canvas.figure()


def file_bytes(*tensors):
    """Bytes of a file with tensors, which was loaded again and compared."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cache.pt"
        torch.save(list(tensors), path)
        if not all(map(torch.equal, torch.load(path), tensors)):
            raise ValueError("the file does not give the tensors back")
        return path.stat().st_size


def int8_table(sizes, perplexities):
    """Bytes and perplexities of caches.

    Args:
        sizes, perplexities: name -> bytes, name -> perplexity.
    """
    plain = perplexities["fp32"]
    return Table(
        ["cache", "file, 512 characters", "perplexity", "rise, %"],
        [
            [name, si(sizes[name], "B"), f"{value:.3f}", f"{round(100 * (value / plain - 1), 2) + 0.0:.2f}"]
            for name, value in perplexities.items()
        ],
        caption="Files, loaded again; the scales are in them. Perplexity on the first 6,144 characters of modules that the model never saw.",
    )


SHARED = ("token", "channel")  # which numbers of a head share a scale, by `channels`


def to_levels(x, channels=0, scale=1.0, group=None, between=False, levels=3):
    """Round to a few levels, as float; numbers beyond the outermost levels are clipped to them.

    Args:
        x: float (batch, heads, steps, features).
        channels: 0 = the features of a token share their levels, 1 = the steps of a feature do.
        scale: the outermost levels, in parts of the largest magnitude (or, `between`, of half the range).
        group: with `channels` 1, how many steps share their levels; None = all.
        between: levels from the smallest number to the largest, and not around 0.
        levels: how many.
    """
    shape, along = x.shape, -2 if channels else -1
    if group and shape[-2] % group == 0:
        x = x.unflatten(-2, (-1, group))
    if between:
        low, high = x.amin(along, keepdim=True), x.amax(along, keepdim=True)
    else:
        high = x.abs().amax(along, keepdim=True)
        low = -high
    middle, half = (low + high) / 2, scale * (high - low) / 2
    apart = (2 * half).clamp(min=1e-12) / (levels - 1)
    return (torch.round((x - middle + half) / apart).clamp(0, levels - 1) * apart + middle - half).reshape(shape)


def rounded_perplexity(model, ids, tensor, before=False, **how):
    """Perplexity with rounded keys or values; all later characters read the rounded ones.

    Args:
        model: `language.CharTransformer`.
        ids: int64 (n,).
        tensor: "keys" or "values".
        before: round the keys before they are rotated.
        how: of `to_levels`.
    """

    def logits(pieces):
        x = model.tokens(pieces)
        for block in model.blocks:
            q, k, v = _split(block, block.norm1(x))
            if tensor == "keys" and before:
                k = to_levels(k, **how)
            q, k = language.rotate(q), language.rotate(k)
            if tensor == "keys" and not before:
                k = to_levels(k, **how)
            if tensor == "values":
                v = to_levels(v, **how)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + block.out(mixed.transpose(1, 2).flatten(2))
            x = x + block.down(F.gelu(block.up(block.norm2(x))))
        return model.head(model.norm(x))

    return language.perplexity(logits, ids, pieces=PIECES)


def rises_table(rises):
    """Rises of the perplexity, name -> per cent."""
    return Table(
        ["what is rounded to 2 bits", "rise of the perplexity, %"], [[k, f"{v:.1f}"] for k, v in rises.items()]
    )


def two_ways_to_share():
    """Three made-up keys with a scale for each token and with one for each channel, and what is left, in two frames."""
    keys = torch.tensor([[8.0, 1, 1], [8, -1, 1], [8, 1, -1]])
    plots.show(
        [_shared_scales(keys, channels) for channels in (0, 1)],
        alt=[
            "Three keys with the features 8, 1, 1; 8, −1, 1; 8, 1, −1. A scale of 8 stands beside each row; rounded, only the eights are left.",
            "The same keys. The scales 8, 1 and 1 stand under the columns; rounded, nothing has changed.",
        ],
        caption="Three made-up keys: rows are tokens, columns are features. Each number becomes −1, 0 or 1 times its scale.",
    )


def _shared_scales(keys, channels):
    canvas = diagrams.Canvas(height=400)
    scales = keys.abs().amax(0 if channels else 1)
    canvas.text(60, 30, f"a scale for each {SHARED[channels]}", align="left", bold=True)
    canvas.text(760, 30, "after rounding", align="left", bold=True)
    for row, name in enumerate(("token 0", "token 1", "token 2")):
        canvas.text(60, 100 + 80 * row, name, align="left")
    for left, table in ((190, keys), (760, to_levels(keys[None, None], channels)[0, 0])):
        diagrams.grid(canvas, table, left, 60, cell=80, meaning="int8", text="{:g}")
    for n, value in enumerate(scales.tolist()):
        place = (230 + 80 * n, 330) if channels else (490, 100 + 80 * n)
        canvas.text(*place, f"{value:g}", colour="fp32", bold=True)
    canvas.text(*((490, 330) if channels else (490, 330)), "scales", colour="fp32")
    return canvas.figure()


def scales_table(by_scale, scales):
    """Rises of the perplexity with several scales.

    Args:
        by_scale: (tensor, channels) -> a rise in per cent for each scale.
        scales: in parts of the largest number.
    """
    heads = ["the largest number" if scale == 1 else f"{scale:g} of it" for scale in scales]
    return Table(
        ["scale:", *heads, "best"],
        [
            [f"{tensor}, each {SHARED[channels]}", *(f"{rise:.1f}" for rise in (*rises, min(rises)))]
            for (tensor, channels), rises in by_scale.items()
        ],
        caption="Rise of the perplexity, %. Three levels around 0, keys after RoPE.",
    )


def chain_table(best):
    """The best rises for keys and values, name of the change -> (keys, values)."""
    return Table(
        ["each line changes one thing more", "keys", "values", "keys / values"],
        [[name, f"{keys:.1f}", f"{values:.1f}", f"{keys / values:.1f}"] for name, (keys, values) in best.items()],
        caption="Rise of the perplexity, %, at the best of three scales.",
    )


def likeliest(model, endings):
    """The four likeliest next characters after beginnings of lines, as bars.

    Args:
        model: `language.CharTransformer`.
        endings: two beginnings -> the character that is taken as true.
    Returns:
        dict: beginning -> 1 / the probability of the true one.
    """
    canvas, one_in, bars = diagrams.Canvas(height=370), {}, []
    for left, (beginning, true) in zip((110, 710), endings.items(), strict=True):
        with torch.no_grad():
            chances = model(language.encode(beginning)[None])[0, -1].softmax(-1)
        best = chances.topk(4)
        one_in[beginning] = 1 / chances[language.encode(true)].item()
        shown = {
            repr(language.ALPHABET[i]): p for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        }
        canvas.text(left, 25, f"after {beginning!r}", align="left", bold=True)
        width = 440 * max(shown.values())
        diagrams.bars(canvas, shown, x=left, y=60, width=width, text="{:.2f}", meaning="activations")
        bars.append(f"after {beginning!r} " + ", ".join(f"{letter} {chance:.2f}" for letter, chance in shown.items()))
    named = " and ".join(f"{number:.1f} after `{name}`" for name, number in one_in.items())
    plots.show(
        canvas.figure(),
        alt=f"Two sets of four bars, the probabilities of the likeliest next characters: {'; '.join(bars)}.",
        caption=f"The four likeliest next characters. With {' and '.join(endings.values())} as the true ones, 1/p is {named}.",
    )
    return one_in


class GroupedBlock(language.Block):
    """A block in which several heads of Q share one of K and V: the mean of those that it had."""

    def __init__(self, block, n_kv):
        width = block.out.in_features
        super().__init__(width, block.n_heads)
        self.load_state_dict(block.state_dict())
        q, *kv = block.qkv.weight.detach().chunk(3)
        kv = [weight.view(n_kv, -1, width // block.n_heads, width).mean(1).flatten(0, 1) for weight in kv]
        self.qkv = nn.Linear(width, len(q) + 2 * len(kv[0]), bias=False)
        self.qkv.weight = nn.Parameter(torch.cat([q, *kv]))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = _split(self, self.norm1(x))
        mixed = F.scaled_dot_product_attention(
            language.rotate(q), language.rotate(k), v, is_causal=True, enable_gqa=True
        )
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


def grouped(model, n_kv):
    """A copy of a model with `n_kv` heads of K and V in each layer."""
    network = copy.deepcopy(model)
    network.blocks = nn.ModuleList(GroupedBlock(block, n_kv) for block in model.blocks)
    return network


def grouped_table(at_start, after_steps, token_bytes):
    """Perplexities with fewer heads of K and V.

    Args:
        at_start, after_steps: heads -> perplexity before and after training; four heads are the control.
        token_bytes: of the cache with four heads.
    """
    return Table(
        ["heads of K, V", "cache, B a character", "at once", "after 30 steps"],
        [[n, f"{token_bytes * n // 4:,}", f"{at_start[n]:.2f}", f"{after_steps[n]:.2f}"] for n in at_start],
        caption="Perplexity on the first 6,144 characters of modules that the model never saw; one seed. Of the loss (nats) above the control, won back: "
        + ", ".join(f"{won_back(at_start, after_steps, n):.0%} with {n} head{'s' * (n > 1)}" for n in at_start if n < 4)
        + ".",
    )


def won_back(at_start, after_steps, n_kv):
    """Share of the loss above the control that training wins back, in nats.

    Args:
        at_start, after_steps: as in `grouped_table`.
        n_kv: heads of K and V.
    """
    return math.log(at_start[n_kv] / after_steps[n_kv]) / math.log(at_start[n_kv] / after_steps[4])


def record_rows(networks, ids):
    """Write a row of the ledger for each network, and show them.

    Args:
        networks: technique -> network.
        ids: int64 (n,), unseen characters.
    """
    rows = []
    for technique, network in networks.items():
        size = size_report(network)
        rows.append(
            ledger.record(
                lesson="decoding",
                task="python_source",
                model="CharTransformer",
                technique=technique,
                accuracy=_share_right(network, ids),
                file_bytes=size.file_bytes,
                load_ms=size.load_ms,
            )
        )
    return ledger.table(rows)


@torch.no_grad()
def _share_right(network, ids):
    """Share of the characters that are the model's first choice, in the pieces of the perplexity."""
    right = total = 0
    for piece in ids[: len(ids) // 513 * 513].view(-1, 513)[:PIECES].split(8):
        right += (network(piece[:, :-1]).argmax(-1) == piece[:, 1:]).sum().item()
        total += piece[:, 1:].numel()
    return right / total


def speculate(run, beginning, count, drafted, log=None):
    """Greedy decoding in which something cheap proposes what may come next.

    Args:
        run: a function that begins a text: `run()` gives (step, forget); `step(text)` gives the model's own choice after
            each character of it, as a text; `forget(n)` takes the last n characters out of the cache.
        beginning: the prompt.
        count: characters to write.
        drafted: ``drafted(text so far, longest)`` -> at most `longest` characters.
        log: a list that is given (draft, own choices, accepted) of each pass.
    Returns:
        (text, passes)
    """
    count = min(count, 16) if quick() else count
    step, forget = run()
    line, passes = beginning + step(beginning)[-1], 1
    while len(line) < len(beginning) + count:
        draft = drafted(line, len(beginning) + count - len(line) - 1)
        own = step(line[-1] + draft)
        good = next((n for n, (a, b) in enumerate(zip(draft, own, strict=False)) if a != b), len(draft))
        forget(len(draft) - good)
        if log is not None:
            log.append((draft, own, good))
        line, passes = line + own[: good + 1], passes + 1
    return line[len(beginning) :], passes


def checked_draft(log):
    """A pass that was seen, in frames: the draft, the model's own choices, and what is kept of it."""
    draft, own, good = max(log, key=lambda seen: (1 < seen[2] < len(seen[0]), len(seen[0]), seen[2]))
    plots.show(
        [_checked(draft, own, good, frame) for frame in range(3)],
        alt=[
            f"Boxes with the characters of a draft: {draft!r}.",
            f"The draft {draft!r}; below it the model's own choices, {own!r}. The first {good} agree.",
            f"The draft {draft!r} and the model's own choices {own!r}; below both what is kept: {own[: good + 1]!r}, {good} of the draft and one of the model's own.",
        ],
        caption="One pass, as it was seen. Blue: kept; grey: thrown away.",
    )


def _checked(draft, own, good, frame):
    canvas = diagrams.Canvas(height=380)
    rows = {"draft": draft, "model's own": own, "kept": own[: good + 1]}
    for row, (name, letters) in list(enumerate(rows.items()))[: frame + 1]:
        canvas.text(300, 75 + 110 * row, name, align="right")
        for n, letter in enumerate(letters.replace("\n", "↵").replace(" ", "␣")):
            right = n < good or (n == good and row > 0)
            fill = "white" if frame < 2 else "activations" if right else "plain"
            canvas.box(330 + 110 * n, 35 + 110 * row, letter, width=90, height=80, fill=fill, size=32)
    return canvas.figure()


def drafts_table(outcomes, cost, length):
    """Characters a pass with each draft.

    Args:
        outcomes: name -> [(text, passes)] of several beginnings; the first draft is none.
        cost: time of a pass over 9 characters over that of one over 1.
        length: characters that were written after each beginning.
    Returns:
        (Table, mean characters a pass by name, same texts by name)
    """
    plain = [page for page, _ in next(iter(outcomes.values()))]
    mean = {name: len(pages) * length / sum(passes for _, passes in pages) for name, pages in outcomes.items()}
    same = {name: sum(a == b for (a, _), b in zip(pages, plain, strict=True)) for name, pages in outcomes.items()}
    rows = []
    for name, pages in outcomes.items():
        each = [length / passes for _, passes in pages]
        spread = f"{mean[name]:.2f} ({min(each):.1f} to {max(each):.1f})"
        rows.append([name, spread, "1.00" if name == "none" else f"{cost:.2f}", f"{same[name]} of {len(pages)}"])
    table = Table(
        ["draft", "characters a pass", "a full pass costs", "same text"],
        rows,
        caption="Over several texts (least to most). Cost: time of a pass over 9 characters, over one with 1.",
    )
    return table, mean, same

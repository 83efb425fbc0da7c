"""Drawings, tables and experiments of the lesson dynamic, which stand beside what the lesson explains."""

import copy
import pathlib
import re
import statistics
import tempfile
import time
from collections import Counter

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import language, models, runtime, training
from course_utils.int8_routes import packed
from course_utils.int8_routes.record import recorded
from course_utils.measure import energy, ranking, timing
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si

CPU = torch.device("cpu")
WORDS_READ = 4  # the word model foretells the next word from so many
SHORT = {"rounds": 30, "sample_seconds": 0.001, "device": CPU}  # short samples: some are undisturbed


def microseconds(jobs):
    """The fastest of 30 samples of each job, in microseconds a call."""
    return {name: 1e6 * min(times) for name, times in timing.compare(jobs, **SHORT).samples.items()}


def scales_of_calls(calls, rule):
    """Scale and zero point of several inputs.

    Args:
        calls: name -> input.
        rule: input -> (scale, zero point).
    """
    return Table(
        ["input", "lowest", "highest", "scale", "zero point"],
        [
            [name, f"{v.min():.2f}", f"{v.max():.2f}", f"{s:.4f}", int(z)]
            for name, v in calls.items()
            for s, z in [rule(v)]
        ],
    )


def _one_call(rows, n_in, n_out, share=None):
    canvas, most = diagrams.Canvas(height=270), 4 * rows * n_out
    wires = {name: diagrams.thickness(n, most, most=14) for name, n in (("in", 4 * rows * n_in), ("out", most))}
    wires["uint8"] = diagrams.thickness(rows * n_in, most, most=14)
    names = ["search\nthe range", "round", "× packed\nint8 weights", "to float"]
    boxes = [canvas.box(165 + 245 * i, 10, name, width=160, height=100) for i, name in enumerate(names)]
    ways = [("fp32", "in"), ("fp32", "in"), ("int8", "uint8"), ("plain", "out"), ("fp32", "out")]
    stops = [(40, 60), *(end for box in boxes for end in (box.left, box.right)), (1190, 60)]
    for (kind, width), start, end in zip(ways, stops[::2], stops[1::2], strict=True):
        canvas.wire(start, end, meaning=kind, thick=wires[width])
    for x_at, words in ((90, "fp32"), (612, "uint8"), (857, "int32"), (1120, "fp32")):
        canvas.text(x_at, 132, words)
    told = (
        "Boxes in a row: search the range, round, multiply with packed int8 weights, to float. Thicker wires, more bytes: "
        "fp32, uint8, int32, fp32."
    )
    if share:
        ends = (60, 60 + 1080 * share["range"], 60 + 1080 * min(1.0, sum(share.values())), 1140)
        for start, end, key in zip(ends, ends[1:], ("fp32", "int8", "plain"), strict=False):
            canvas.wire((start, 185), (end, 185), meaning=key, thick=40, arrow=False)
        words = f"of the time: range {share['range']:.1%} (orange), rounding {share['rounding']:.1%} (blue), the rest (grey)"
        canvas.text(60, 240, words, align="left")
        told += f" Below it a bar, {words}."
    return canvas.figure(), told


def way_of_a_call(rows, n_in, n_out, times):
    """One dynamic call as a flow of numbers, then with the shares of its time.

    Args:
        rows, n_in, n_out: of the layer that was timed.
        times: microseconds of the "whole" call, and of "range" and "rounding" alone.
    """
    share = {name: min(1.0, times[name] / times["whole"]) for name in ("range", "rounding")}
    frames = [_one_call(rows, n_in, n_out, share=part) for part in (None, share)]
    drawn, told = zip(*frames, strict=True)
    plots.show(drawn, alt=told, caption="Thicker wires carry more bytes. The two parts were timed alone.")


def library_alone(model, rows):
    """The twin that packed.pack makes, but its weights as they lie in memory: what the library gains without packing."""
    twin = packed.pack(model, rows)
    for name, module in twin.named_modules():
        if isinstance(module, packed.PackedLinear):
            module.weight = model.get_submodule(name).weight.detach()
    return twin


def against_better_fp32(model, int8, ids):
    """fp32 in up to three ways, bfloat16 where the processor multiplies it, and int8, timed in turn."""
    jobs = {"fp32, eager": model}
    if packed.can_pack():
        twins = {
            "fp32, oneDNN": library_alone(model, ids.numel()),
            "fp32, oneDNN packed": packed.pack(model, ids.numel()),
        }
        jobs |= twins
    if runtime.has_fast_bf16(CPU):
        jobs["bfloat16, eager"] = copy.deepcopy(model).bfloat16()
    jobs["int8, dynamic"] = int8
    return timing.compare({name: lambda m=m: m(ids) for name, m in jobs.items()}, rounds=3, device=CPU)


def baselines_table(baselines, best):
    """Speed of each way over eager fp32, and over the best fp32 of this run."""
    return Table(
        ["BERT shape", "× eager fp32", "× best fp32 here"],
        [
            [name, f"{baselines.ratio(name):.2f}", f"{baselines.ratio(name, over=best):.2f}"]
            for name in baselines.samples
        ],
        caption="medians of ratios in a round: they do not divide exactly" if packed.can_pack() else packed.NOT_HERE,
    )


def recorded_table(baselines):
    """What the course has on record for the BERT shape; stops a build whose own timings contradict it."""
    record, rows = recorded()
    kept = {row.variant: row for row in rows if (row.model, row.runtime, row.why) == ("BERT-base shape", "torch", None)}
    same = {"fp32, oneDNN packed": "fp32, packed", "int8, dynamic": "int8 dynamic, x86"}  # here, and in the record
    ranking.reversed_pairs(
        {same[name]: baselines.ratio(name) for name in same if name in baselines.samples},
        {variant: row.speedup_over_eager for variant, row in kept.items()},
    )
    shown = ("fp32, packed", "fp32, compiled and frozen", "bf16, compiled and frozen", "int8 dynamic, x86")
    return Table(
        ["recorded, BERT shape", "× eager fp32", "× torch's best fp32"],
        [
            [name, f"{kept[name].speedup_over_eager:.2f}", f"{kept[name].speedup_over_best_fp32:.2f}"]
            for name in shown
            if name in kept
        ],
        caption=f"{record['date']}, {record['cpu']}, one thread, torch {record['versions']['torch']}",
    )


def saved_bytes(state):
    """Size of a saved state_dict."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.pt"
        torch.save(state, path)
        return path.stat().st_size


def not_linear(model):
    """Those entries of a model's state_dict that belong to no linear layer."""
    linear = tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, nn.Linear))
    return {key: value for key, value in model.state_dict().items() if not key.startswith(linear)}


def bytes_table(whole, rest):
    """Bytes on disk of linear layers and of the rest.

    Args:
        whole: "fp32" and "int8" -> bytes of the file.
        rest: bytes of what no linear layer holds.
    """
    rows = [("embeddings, norms", rest, rest), ("linear layers", *(whole[kind] - rest for kind in ("fp32", "int8")))]
    return Table(
        ["on disk", "fp32", "int8", "smaller"],
        [
            [name, si(before, "B"), si(after, "B"), f"{before / after:.2f}×"]
            for name, before, after in (*rows, ("whole file", whole["fp32"], whole["int8"]))
        ],
    )


def three_files(sizes, rest, cosines):
    """Bytes of the file in fp32, with int8 linear layers, and with embeddings in 8 bits too.

    Args:
        sizes: name -> bytes, in this order.
        rest: bytes of what no linear layer holds, in fp32.
        cosines: name -> cosine of the output with that of fp32.
    """
    names = list(sizes)
    linear = [sizes[names[0]] - rest, *[sizes[names[1]] - rest] * 2]
    fig, ax = plots.figure(size=(12, 2.4))
    for row, name in enumerate(names):
        colours = plots.COLOURS["blue" if row else "orange"], plots.COLOURS["blue" if row == 2 else "orange"]
        left = linear[row] / 1e6
        ax.barh(row, left, color=colours[0], edgecolor="white")
        ax.barh(row, sizes[name] / 1e6 - left, left=left, color=colours[1], edgecolor="white", hatch="//")
        words = f"{si(sizes[name], 'B')}, {sizes[names[0]] / sizes[name]:.2f}× smaller, cosine {cosines[name]:.4f}"
        ax.text((sizes[name] + 0.01 * sizes[names[0]]) / 1e6, row, words, va="center")
    ax.grid(visible=False)  # no line behind the words
    ax.set(xticks=[], yticks=range(3), yticklabels=names, xlim=(0, 1.75e-6 * sizes[names[0]]))
    ax.invert_yaxis()
    told = "; ".join(
        f"{name} {si(sizes[name], 'B')}, of it {si(sizes[name] - part, 'B')} embeddings, cosine {cosines[name]:.4f}"
        for name, part in zip(names, linear, strict=True)
    )
    caption = "Orange fp32, blue 8 bits; hatched: embeddings and norms."
    plots.show(fig, alt=f"Three bars, each of linear layers and embeddings: {told}", caption=caption)


class WordModel(nn.Module):
    """Foretells the next word from four: a table with a row for each word, and two linear layers.

    Args:
        n_words: rows of the table.
        width: numbers in a row.
    """

    def __init__(self, n_words: int, width: int = 32):
        super().__init__()
        self.table = nn.Embedding(n_words, width)
        nn.init.normal_(self.table.weight, 0, 0.02)
        self.up, self.out = nn.Linear(WORDS_READ * width, 64), nn.Linear(64, n_words)

    def forward(self, ids):
        return self.out(torch.relu(self.up(self.table(ids).flatten(1))))


def _words(text):
    return re.findall(r"\w+|[^\w\s]|\n", text)


def train_word_model(n_words=4000, steps=500):
    """A word model, trained for some seconds on the source of Python's standard library, and what to test it with.

    Returns:
        (model, texts): texts has five word numbers a row, of modules that the model never saw (every other row); the last is to be
        foretold.
    """
    seen, unseen = (_words(language.source(modules)[0]) for modules in (language.TRAINING, language.HELD_OUT))
    frequent = [word for word, _ in Counter(seen).most_common(n_words - 1)]
    number = {word: n for n, word in enumerate(frequent, 1)}  # all other words share row 0
    ids, held = (
        torch.tensor([number.get(w, 0) for w in words]).unfold(0, WORDS_READ + 1, 1) for words in (seen, unseen)
    )
    torch.manual_seed(0)
    model = WordModel(n_words)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.05, total_iters=steps)
    for picked in training.batches(len(ids), 128, steps=steps, seed=0):
        batch = ids[picked]
        loss = F.cross_entropy(model(batch[:, :-1]), batch[:, -1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        fade.step()
    return model.eval().requires_grad_(False), held[::2]


def surprise(model, texts):
    """The cross-entropy of each word that is to be foretold."""
    return torch.cat([F.cross_entropy(model(c[:, :-1]), c[:, -1], reduction="none") for c in texts.split(200)])


def table_errors(table, rounded):
    """Error of each row, as a share of the row's length."""
    return (rounded - table).norm(dim=1) / table.norm(dim=1)


def row_errors(table, rounded):
    """Two panels beside each other: error of the rows over their largest number.

    Args:
        table: name -> table in fp32, two of them.
        rounded: name -> "one scale" and "a scale a row" -> the table after rounding.
    """
    fig, axes = plots.figure(columns=2, size=(12, 3.9))
    told = []
    for ax, (name, rows) in zip(axes, table.items(), strict=True):
        some = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:600]
        reach = 100 * rows.abs().amax(1) / rows.abs().max()
        for colour, (kind, after) in zip(("orange", "blue"), rounded[name].items(), strict=True):
            errors = 100 * table_errors(rows, after)
            ax.plot(reach[some], errors[some], ".", color=plots.COLOURS[colour], label=kind, rasterized=True)
            told.append(f"{name}, {kind}: median error {errors.median():.2f} %, highest {errors.max():.1f} %")
        ax.set(xscale="log", yscale="log", xlim=(4, 110), ylim=(0.2, 15), title=name)
        ax.set(xlabel="largest number in the row, % of the table's")
        ax.set_xticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
        ax.set_yticks([0.3, 1, 3, 10], ["0.3", "1", "3", "10"])
        ax.minorticks_off()
    axes[0].set(ylabel="error of the row, %")
    axes[0].legend(markerscale=2, loc="upper left")
    alt = "Error of a row in percent of its length over its largest number, 600 rows of each table. " + "; ".join(told)
    plots.show(fig, alt=f"{alt}.", caption="8 bits; a dot is a row (600 of each table).")


def words_table(model, texts, ways, bits=(8, 4, 3)):
    """How much worse the words are foretold with a rounded table.

    Args:
        model: with its own table; it gets it back.
        texts: five word numbers a row.
        ways: name -> function (table, bits) -> rounded table.
        bits: of the table.
    Returns:
        (table to show, (bits, name) -> (added loss, its standard error)).
    """
    own, before, found = model.table.weight.clone(), surprise(model, texts), {}
    for n in bits:
        for name, way in ways.items():
            model.table.weight.copy_(way(own, n))
            added = surprise(model, texts) - before
            found[n, name] = added.mean().item(), added.std().item() / len(added) ** 0.5
    model.table.weight.copy_(own)
    shown = Table(
        ["bits", *ways],
        [[n, *(f"{1e3 * found[n, name][0]:+.2f} ± {1e3 * found[n, name][1]:.2f}" for name in ways)] for n in bits],
        caption=f"Thousandths of a nat, ± one standard error over {len(texts):,} words; in fp32 the loss is {before.mean():.3f} nats",
    )
    return shown, found


class Chain(nn.Module):
    """The same layer 100 times, one call after the other.

    Args:
        layer: its output is as wide as its input.
        calls: how often.
    """

    def __init__(self, layer, calls=100):
        super().__init__()
        self.layer, self.calls = layer, calls

    def forward(self, x):
        for _ in range(self.calls):
            x = self.layer(x)
        return x


def in_a_trace(layer, v, calls=100):
    """Calls of the layer as one recorded program, with no Python between them."""
    chain = Chain(layer, calls)
    traced = torch.jit.trace(chain, v, check_trace=False)
    assert torch.equal(traced(v), chain(v))
    return traced


def prices_by_width(widths, quantize):
    """Microseconds of one call on one row, from Python and in a trace, in fp32 and in int8; a list each."""
    found = {"fp32": [], "int8": [], "fp32, in a trace": [], "int8, in a trace": []}
    for width in widths:
        layer, v = nn.Sequential(nn.Linear(width, width)).requires_grad_(False), torch.randn(1, width)
        kinds = {"fp32": layer[0], "int8": quantize(layer)[0]}
        jobs = {name: lambda m=m, v=v: m(v) for name, m in kinds.items()}
        traces = {f"{name}, in a trace": in_a_trace(m, v) for name, m in kinds.items()}
        times = microseconds(jobs | {name: lambda m=m, v=v: m(v) for name, m in traces.items()})
        for name, us in times.items():
            found[name].append(us / 100 if name in traces else us)
    return found


def price_curves(widths, prices, traces=False):
    """Time of a call over the width, from Python, and with `traces` also in a trace."""
    fig, ax = plots.figure(size=(6.8, 4.6))
    unit = prices["fp32"][0]
    drawn = [("fp32", "orange", "s-"), ("int8", "blue", "o-")]
    if traces:
        drawn += [("fp32, in a trace", "orange", "s:"), ("int8, in a trace", "blue", "o:")]
    for name, colour, style in drawn:
        ax.plot(widths, [us / unit for us in prices[name]], style, color=plots.COLOURS[colour], label=name)
    ax.set(xscale="log", yscale="log", xlabel="width", ylabel="time of a call\n(fp32 at width 8 = 1)")
    ax.set_xticks(widths[::2], [str(width) for width in widths[::2]])
    ticks = [0.3, 1, 3, 10, 30] if traces else [1, 3, 10, 30]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.legend()
    told = "; ".join(f"{name} from {prices[name][0] / unit:.1f} to {prices[name][-1] / unit:.1f}" for name, *_ in drawn)
    plots.show(
        fig,
        alt=f"Time of one call over the width, both axes logarithmic. From width {widths[0]} to {widths[-1]:,}: {told}. At width 128 "
        f"int8 is at {prices['int8'][widths.index(128)] / unit:.1f}.",
        caption="One row, the fastest of 30 samples." + (" Dotted: a call in a trace of 100." if traces else ""),
    )


def parts_of_the_price(layer, layer_int8, v):
    """Microseconds of what a call from Python consists of, and of its controls."""
    weights = layer_int8._packed_params._packed_params
    object_of_another = torch.ao.nn.quantized.Conv2d(1, 1, 1)._packed_params
    traces = {kind: in_a_trace(m, v) for kind, m in (("fp32", layer), ("int8", layer_int8))}
    alone = {kind: in_a_trace(m, v, calls=1) for kind, m in (("fp32", layer), ("int8", layer_int8))}
    integers = torch.quantize_per_tensor(v, 0.05, 64, torch.quint8)
    times = microseconds(
        {
            "layer, fp32": lambda: layer(v),
            "layer, int8": lambda: layer_int8(v),
            "operator, fp32": lambda: torch.ops.aten.linear(v, layer.weight, layer.bias),
            "operator, int8": lambda: torch.ops.quantized.linear_dynamic(v, weights, True),
            "trace, fp32": lambda: traces["fp32"](v),
            "trace, int8": lambda: traces["int8"](v),
            "one call a trace, fp32": lambda: alone["fp32"](v),
            "one call a trace, int8": lambda: alone["int8"](v),
            "range": lambda: torch.aminmax(v),
            "static": lambda: torch.ops.quantized.linear(integers, weights, 0.05, 64),
            "idle, tensors": lambda: torch.ops.aten.is_same_size(v, v),
            "idle, packed object": lambda: torch.ops.quantized.conv2d_groups(object_of_another),
        }
    )
    return times | {name: us / 100 for name, us in times.items() if name.startswith("trace")}


def price_table(times):
    """The layer, its operator, and its operator without Python, as shares of the int8 layer's call."""
    whole = times["layer, int8"]
    rows = {
        "the layer, called from Python": "layer",
        "its operator alone, called from Python": "operator",
        "the layer in a trace of 100": "trace",
    }
    return Table(
        ["width 64, one row", "fp32", "int8"],
        [
            [said, *(f"{times[f'{key}, {kind}'] / whole:.0%}" for kind in ("fp32", "int8"))]
            for said, key in rows.items()
        ],
        caption="100 %: the int8 layer, called from Python",
    )


def door_table(times):
    """What it costs to hand tensors, or a packed object, to an operator that does nothing else."""
    whole = times["layer, int8"]
    rows = {
        "an idle operator that is handed two tensors": "idle, tensors",
        "an idle operator that is handed a packed object": "idle, packed object",
        "the search for the range alone": "range",
        "the int8 layer, one call a trace": "one call a trace, int8",
        "the fp32 layer, one call a trace": "one call a trace, fp32",
    }
    return Table(
        ["called from Python", "share"],
        [[said, f"{times[key] / whole:.0%}"] for said, key in rows.items()],
        caption="100 %: the int8 layer, called from Python",
    )


def reload(state, into, loads=5):
    """Save `state`, load it into the model `into`; (bytes of the file, median ms until it stands there)."""
    with tempfile.TemporaryDirectory() as folder:
        path, taken_ms = pathlib.Path(folder) / "model.pt", []
        torch.save(state, path)
        for _ in range(loads):
            start = time.perf_counter()
            # A packed LSTM is not among the types that weights_only=True admits. We wrote this file ourselves.
            into.load_state_dict(torch.load(path, weights_only=False))
            taken_ms.append(1e3 * (time.perf_counter() - start))
        return path.stat().st_size, statistics.median(taken_ms)


def lstm_table(files, accuracy, speed):
    """The LSTM in three files.

    Args:
        files: kind -> (bytes, ms to load).
        accuracy: kind -> from 0 to 1.
        speed: the timing of those that compute differently.
    """
    return Table(
        ["LSTM, 128 units", "accuracy", "file", "smaller", "speed-up"],
        [
            [
                kind,
                f"{accuracy[kind]:.2%}",
                si(size, "B"),
                f"{files['fp32'][0] / size:.2f}×",
                f"{speed.ratio(kind):.2f}×" if kind in speed.samples else "as fp32",
            ]
            for kind, (size, _) in files.items()
        ],
        caption="accuracy of the reloaded files; speed for one image",
    )


def lstm_times(widths, image, quantize):
    """(kind, width) -> least seconds of LSTMs of several widths, which read the same image, in fp32 and in int8.

    The kind "read" is a control: it adds up as many floats as an fp32 LSTM of this width has recurrent weights. All of
    them take turns, so that a slow spell of the machine hits them all.
    """
    jobs = {}
    for width in widths:
        torch.manual_seed(0)
        net = models.LSTMClassifier(n_hidden=width).eval().requires_grad_(False)
        small, vector = quantize(net), torch.ones(recurrent_bytes(width) // 4)
        jobs["fp32", width] = lambda m=net: m(image)
        jobs["int8", width] = lambda m=small: m(image)
        jobs["read", width] = lambda v=vector: v.sum()
    return {at: min(times) for at, times in timing.compare(jobs, rounds=7, device=CPU).samples.items()}


def recurrent_bytes(width, kind="fp32"):
    """Bytes of the weights that an LSTM of this width reads in each step."""
    return (4 if kind == "fp32" else 1) * 4 * width * width


def widths_table(times):
    """Speed-up of int8 over the width."""
    widths = sorted({width for _, width in times})
    first = next((f"{w:,} units" for w in widths if times["fp32", w] > times["int8", w]), "none of these widths")
    return Table(
        ["hidden units", "fp32 weights a step", "speed-up of int8"],
        [[f"{w:,}", si(recurrent_bytes(w), "B"), f"{times['fp32', w] / times['int8', w]:.2f}×"] for w in widths],
        caption=f"28 steps, fastest of 7; int8 is first faster at {first}",
    )


def three_factors(times):
    """The gain of int8 as four times two factors, and what plain reading loses; from 512 units on."""
    widths = [width for kind, width in times if kind == "fp32" and width >= 512]
    return Table(
        ["hidden units", "gain", "= 4 ×", "more weights, slower", "× at equal bytes", "plain reading, slower"],
        [
            [
                f"{w:,}",
                f"{times['fp32', w] / times['int8', w]:.1f}",
                "4",
                f"{times['fp32', w] / times['fp32', w // 2] / 4:.2f}",
                f"{times['fp32', w // 2] / times['int8', w]:.2f}",
                f"{times['read', w] / times['read', w // 2] / 4:.2f}",
            ]
            for w in widths
        ],
        caption="fastest of 7, all in turn; the last column is a control without any LSTM",
    )


def rates(times):
    """Gigabytes of weights a second, over the bytes of the weights, for both kinds."""
    widths = sorted({width for _, width in times})
    fig, ax = plots.figure(size=(6.8, 4.8))
    told = []
    for kind, colour, style in (("fp32", "orange", "s-"), ("int8", "blue", "o-")):
        mb = [recurrent_bytes(w, kind) / 1e6 for w in widths]
        speed = [28 * m / 1e3 / times[kind, w] for m, w in zip(mb, widths, strict=True)]
        ax.plot(mb, speed, style, color=plots.COLOURS[colour], label=kind)
        for m, w in zip(mb, widths, strict=True):
            if m > 0.1:
                at = 0.9 if kind == "fp32" else 0.03
                words = ax.text(m, at, f"{w:,}", transform=ax.get_xaxis_transform(), ha="center")
                words.set_color(plots.COLOURS[colour])
        told.append(f"{kind}: " + ", ".join(f"{m:.2g} MB at {s:.0f} GB/s" for m, s in zip(mb, speed, strict=True)))
    ax.set(xscale="log", xlabel="MB of weights in a step", ylabel="GB of weights in a second")
    ax.set_ylim(0, 1.25 * ax.get_ylim()[1])
    ax.set_xlim(0.05, 150)
    ax.set_xticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    ax.minorticks_off()
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0.9))
    caption = "Numbers: hidden units, of fp32 (above) and of int8 (below)."
    plots.show(fig, alt="Weights read in a second over the bytes of a step. " + "; ".join(told) + ".", caption=caption)


class Loop(nn.Module):
    """The LSTM of a classifier as a loop in Python, one product a step; its weights packed by oneDNN where `pack` says so.

    Args:
        net: models.LSTMClassifier; its weights are shared.
        pack: pack them.
    """

    def __init__(self, net, pack):
        super().__init__()
        lstm = net.lstm
        self.fc, self.steps = net.fc, 28
        self.from_input, self.from_state = (
            nn.Linear(n, 4 * lstm.hidden_size) for n in (lstm.input_size, lstm.hidden_size)
        )
        for linear, end in ((self.from_input, "ih_l0"), (self.from_state, "hh_l0")):
            linear.weight, linear.bias = getattr(lstm, f"weight_{end}"), getattr(lstm, f"bias_{end}")
        if pack:
            self.from_input = packed.PackedLinear(self.from_input, self.steps)
            self.from_state = packed.PackedLinear(self.from_state, 1)

    def forward(self, image):
        parts = self.from_input(image.view(self.steps, -1))
        h = c = torch.zeros(1, self.fc.in_features)
        for step in range(self.steps):
            i, f, g, o = (parts[step : step + 1] + self.from_state(h)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        return self.fc(h)


def other_fp32_lstms(widths, image, quantize):
    """Gain of int8 over three ways to run the same LSTM in fp32; one row a way."""
    gains = {}
    for width in widths:
        net = models.LSTMClassifier(n_hidden=width).eval().requires_grad_(False)
        small, plain = quantize(net), Loop(net, pack=False)

        jobs = {
            "nn.LSTM": lambda m=net: m(image),
            "a loop in Python": lambda m=plain: m(image),
        }
        if packed.can_pack():
            tight = Loop(net, pack=True)
            jobs["a loop in Python, packed"] = lambda m=tight: m(image)
        jobs["int8"] = lambda m=small: m(image)
        least = {name: min(times) for name, times in timing.compare(jobs, rounds=4, device=CPU).samples.items()}
        gains |= {(name, width): us / least["int8"] for name, us in least.items()}
    names = list(dict.fromkeys(name for name, _ in gains if name != "int8"))
    shown = Table(
        ["int8 over", *(f"{width:,} units" for width in widths)],
        [[name, *(f"{gains[name, width]:.2f}×" for width in widths)] for name in names],
        caption="fastest of 4, one image" if packed.can_pack() else packed.NOT_HERE,
    )
    return shown, gains


def _bill_nj(lstm, mac, bits):
    """Arithmetic, and one fetch of the weights from DRAM, in nJ."""
    weights = sum(p.numel() for p in lstm.parameters() if p.dim() > 1)
    macs = 28 * (weights - lstm.fc.weight.numel()) + lstm.fc.weight.numel()
    return (macs * energy.MAC_PJ[mac] + weights * energy.READ_32_BIT_PJ["DRAM"] * bits / 32) / 1e3


def into_the_ledger(lstm, files, accuracy, speed):
    """Write a row for each of the three files, and show them."""
    return ledger.table(
        [
            ledger.record(
                lesson="dynamic",
                task="fashion_mnist",
                model="LSTM",
                technique=kind,
                accuracy=accuracy[kind],
                file_bytes=size,
                load_ms=load_ms,
                speedup=speed.ratio(kind) if kind in speed.samples else 1.0,
                energy_nj=_bill_nj(lstm, "int8, int32 sum", 8)
                if kind == "int8 dynamic"
                else _bill_nj(lstm, "fp32", 32),
            )
            for kind, (size, load_ms) in files.items()
        ]
    )

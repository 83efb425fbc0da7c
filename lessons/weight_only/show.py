"""Drawings, tables and harnesses of the lesson weight_only, which stand beside what the lesson explains."""

import copy
import importlib
import sys
import tempfile
from pathlib import Path

import torch
from torch.nn import functional as F
from tqdm import tqdm

from course_utils.measure import int8_audit, timing
from course_utils.runtime import quick
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range, si

E2M1 = torch.tensor([-6, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 6])
INT4 = torch.arange(-8.0, 8)
GROUPS = {None: "one a row", 64: "64", 32: "32", 16: "16"}
KERNEL = "4 bits, unpacked in the kernel"
FIRST = "4 bits, unpacked first"


def width_table(float_perplexity, by_width):
    """A table of the perplexity for each number of bits, and by how much it is above float."""
    rows = [[b, f"{p:.2f}", f"{100 * (p / float_perplexity - 1):.1f}"] for b, p in by_width.items()]
    return Table(["bits", "perplexity", "more than float, %"], [["float", f"{float_perplexity:.2f}", "–"], *rows])


def two_grids(row, grid_of):
    """The levels of 2 bits for a whole row of weights, and for two of its groups of 32.

    Args:
        row: (128,), weights.
        grid_of: (part, bits) -> scale, zero point.
    """

    def frame(parts, words):
        fig, ax = plots.figure(size=(12, 4.4))
        ax.plot(row[:64], "o", color=plots.COLOURS["orange"], markersize=7)
        for start, stop, whole in parts:
            scale, zero = (part.item() for part in grid_of(whole, 2))
            for code in range(4):
                level = (code - zero) * scale
                ax.plot([start - 0.5, stop - 0.5], [level, level], color=plots.COLOURS["blue"], linewidth=3, alpha=0.7)
            ax.axvline(stop - 0.5, color=plots.COLOURS["grey"], linewidth=2)
        ax.set(xlabel="weights of one row", ylabel="value", title=words, xlim=(-1, 64), ylim=(-0.28, 0.44))
        return fig

    plots.show(
        [
            frame([(0, 64, row)], "one grid for the row of 128, of which 64 are shown"),
            frame([(0, 32, row[:32]), (32, 64, row[32:64])], "a grid for each group of 32"),
        ],
        alt=[
            "64 weights of a row as points, and four level lines over the whole width.",
            "The same points, cut in the middle; each half has four level lines of its own; 0 is in both.",
        ],
        caption="The first row of a layer `up`: weights (orange) and the levels of 2 bits (blue). 0 is always a level.",
    )


def sweep(perplexity_of):
    """(bits, group) -> what `perplexity_of(bits, group)` gives, with progress."""
    return {
        (bits, group): perplexity_of(bits, group)
        for bits in (4, 3, 2)
        for group in tqdm(GROUPS, desc=f"{bits} bits", file=sys.stdout, leave=False)
    }


def against_bits(plain, bits_a_weight, float_perplexity):
    """Perplexity against bits a weight, a line for each size of group."""
    fig, ax = plots.figure(size=(7, 4.2))
    for group, marker in zip(GROUPS, "osD^", strict=True):
        spent = [bits_a_weight(bits, group) for bits in (4, 3, 2)]
        ax.plot(spent, [plain[bits, group] for bits in (4, 3, 2)], marker + "-", label=GROUPS[group])
    ax.axhline(float_perplexity, color=plots.COLOURS["grey"], linestyle="--")
    ax.set(xlabel="bits a weight, all counted", ylabel="perplexity")
    ax.legend(title="group")
    told = [f"{b} bits, group {GROUPS[g]}: {bits_a_weight(b, g):.3f} and {p:.2f}" for (b, g), p in plain.items()]
    plots.show(
        fig,
        alt="Perplexity over counted bits a weight, a line for each group size. " + "; ".join(told) + ".",
        caption=f"Round-to-nearest at 4, 3 and 2 bits; dashed: float, {float_perplexity:.2f}.",
    )


def steps_table(steps, plain):
    """A table of the mean distance of two levels, for some (bits, group), and their perplexity."""
    return Table(
        ["", "mean step", "perplexity"],
        [[f"{b} bits, group {GROUPS[g]}", f"{step:.4f}", f"{plain[b, g]:.2f}"] for (b, g), step in steps.items()],
        caption="Mean over all groups of the 20 layers.",
    )


def texts_table(floats, by_text):
    """A table of perplexities on several texts: float itself, and others as a multiple of it."""
    return Table(
        ["round-to-nearest", "mean (least to most)"],
        [["float: perplexity itself", mean_and_range(floats, "{:.2f}")]]
        + [[f"{b} bits, group {GROUPS[g]}: times float", mean_and_range(r, "{:.3f}")] for (b, g), r in by_text.items()],
        caption=f"{len(floats)} sets of 16 or 17 pieces.",
    )


def three_bits_in_bytes(codes):
    """Eight codes of three bits, and the three bytes that hold them."""
    bits = codes[:, None].int() >> torch.arange(3) & 1
    canvas = diagrams.Canvas(height=330)
    for place, code in enumerate(codes.int().tolist()):
        canvas.text(130 + 132 * place, 30, str(code), colour="int8", size=30, bold=True)
        diagrams.grid(canvas, bits[place], 70 + 132 * place, 60, cell=40, meaning="int8")
        canvas.wire((130 + 132 * place, 105), (150 + 114 * place + 57, 195), meaning="plain", thick=2)
    values = (bits.reshape(3, 8) << torch.arange(8)).sum(1).tolist()
    for number, value in enumerate(values):
        diagrams.grid(canvas, bits.reshape(3, 8)[number], 100 + 345 * number, 205, cell=40, meaning="int8")
        canvas.text(260 + 345 * number, 290, f"byte {number}: {value}", size=26)
    plots.show(
        canvas.figure(),
        alt=f"Eight codes of three bits, {codes.int().tolist()}, lowest bit first, and below them the same 24 bits as three bytes, {values}.",
        caption="The first eight codes of a row at 3 bits, lowest bit first, and the three bytes that hold them.",
    )


class Files:
    """The model in files: as it is, and with the weights of some layers in codes, packed.

    Args:
        net: the model.
        weights: layer -> its weight, of those that are rounded.
        quantize, to_floats, pack, unpack: the functions of the lesson.
        group: neighbours that share a scale.
    """

    def __init__(self, net, weights, quantize, to_floats, pack, unpack, group=32):
        self.net, self.weights, self.group = net, weights, group
        self.quantize, self.to_floats, self.pack, self.unpack = quantize, to_floats, pack, unpack
        self.rest = {k: v for k, v in net.state_dict().items() if k.removesuffix(".weight") not in weights}

    def save(self, bits, path):
        """One tensor of bytes for each layer, codes, scales and zero points, and the rest in float."""
        state = dict(self.rest)
        for name, weight in self.weights.items():
            codes, scale, zero = self.quantize(weight, bits, self.group)
            parts = [self.pack(codes, bits), scale.half().view(torch.uint8).flatten(), self.pack(zero, bits)]
            state[name] = torch.cat(parts)
        torch.save(state, path)

    def load(self, bits, path):
        """The model of such a file."""
        model, state = copy.deepcopy(self.net), torch.load(path, weights_only=True)
        for name, weight in self.weights.items():
            n, n_groups = weight.numel(), weight.numel() // self.group
            codes, scale, zero = state.pop(name).split([n * bits // 8, 2 * n_groups, n_groups * bits // 8])
            scale = scale.clone().view(torch.float16).float().view(len(weight), -1)
            codes, zero = self.unpack(codes, bits).view(weight.shape), self.unpack(zero, bits).view(scale.shape)
            state[f"{name}.weight"] = self.to_floats(codes, scale, zero)
        model.load_state_dict(state)
        return model

    def weighed(self, bits_a_weight, perplexity, float_perplexity):
        """name -> bytes of the file, bytes computed for it, the model loaded again, its perplexity.

        Raises:
            AssertionError: a loaded weight is not the rounded one.
        """
        n = sum(weight.numel() for weight in self.weights.values())
        rest = sum(value.nbytes for value in self.rest.values())
        found = {}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.pt"
            torch.save(self.net.state_dict(), path)
            found["float"] = path.stat().st_size, 4 * n + rest, self.net, float_perplexity
            for bits in tqdm((8, 4, 3, 2), desc="files", file=sys.stdout, leave=False):
                self.save(bits, path)
                again = self.load(bits, path)
                for name, weight in self.weights.items():
                    new = self.to_floats(*self.quantize(weight, bits, self.group))
                    assert torch.equal(again.get_submodule(name).weight, new), name
                computed = round(n * bits_a_weight(bits, self.group) / 8) + rest
                found[f"{bits} bits"] = path.stat().st_size, computed, again, perplexity(again)
        return found


def files_table(files):
    """A table of the files: bytes, bytes computed, times smaller than float, perplexity of the loaded model."""
    return Table(
        ["groups of 32", "file", "computed", "× smaller", "perplexity"],
        [
            [name, si(size, "B"), si(computed, "B"), f"{files['float'][0] / size:.1f}", f"{p:.2f}"]
            for name, (size, computed, _, p) in files.items()
        ],
        caption="All but float: loaded again. Computed: with scales, rest. Float: 32 bits; 16 would do.",
    )


def over_levels(weights):
    """The same 32 weights, divided by the largest, over the levels of int4 and of E2M1."""
    canvas = diagrams.Canvas(height=330)
    for row, (words, levels, outer) in enumerate([("int4", INT4, 7.5), ("E2M1", E2M1, 6)]):
        marks = (levels / outer).tolist()
        line = diagrams.number_line(canvas, -1.1, 1.1, y=110 + 160 * row, ticks=dict.fromkeys(marks, "") | {0.0: "0"})
        canvas.text(60, 30 + 160 * row, f"{words}: {len(marks)} levels", align="left")
        for value in (weights / weights.abs().max()).tolist():
            line.point(value, above=45, meaning="plain")
    plots.show(
        canvas.figure(),
        alt="Two number lines with 32 weights above each: int4 with evenly spaced marks, E2M1 with marks that are closer around 0.",
        caption="32 neighbouring weights (points), divided by the largest, over the levels of two kinds of codes.",
    )


def power_of_two(top):
    """A scale of 8 bits, a power of two; the largest E2M1, 6, is 1.5 · 2²."""
    return 2 ** (top.log2().floor() - 2)


def in_e4m3(largest):
    """Scales of 8 bits, E4M3, and one fp32 a tensor."""

    def scale_of(top):
        tensor_scale = top.max() / (largest * 448)
        return (top / largest / tensor_scale).to(torch.float8_e4m3fn).float() * tensor_scale

    return scale_of


def in_fp16(largest):
    """Scales of 16 bits."""
    return lambda top: (top / largest).half().float()


def in_fp8(weight, dtype):
    """A weight in fp8, with a scale a row."""
    top = torch.finfo(dtype).max
    scale = (weight.abs().amax(1, keepdim=True) / top).half().float()
    return (weight / scale).clamp(-top, top).to(dtype).float() * scale


def four_bit_formats(on_marks):
    """name -> bits a weight, what rounds a weight to it."""
    return {
        "MXFP4: E2M1, blocks of 32, power of two": (4.25, lambda w: on_marks(w, 32, E2M1, power_of_two)),
        "int4, groups of 64, fp16": (4.25, lambda w: on_marks(w, 64, INT4, in_fp16(7.5))),
        "int4, groups of 32, E4M3": (4.25, lambda w: on_marks(w, 32, INT4, in_e4m3(7.5))),
        "NVFP4: E2M1, blocks of 16, E4M3": (4.5, lambda w: on_marks(w, 16, E2M1, in_e4m3(6))),
        "int4, groups of 32, fp16": (4.5, lambda w: on_marks(w, 32, INT4, in_fp16(7.5))),
    }


def eight_bit_formats(on_marks):
    """name -> bits a weight, what rounds a weight to it."""
    return {
        "fp8, E4M3, a scale a row": (8, lambda w: in_fp8(w, torch.float8_e4m3fn)),
        "fp8, E5M2, a scale a row": (8, lambda w: in_fp8(w, torch.float8_e5m2)),
        "int8, a scale a row": (8, lambda w: on_marks(w, w.shape[1], torch.arange(-128.0, 128), in_fp16(127.5))),
    }


def tried(formats, weights, ratio):
    """name -> error of the weights in percent, and perplexity over float's.

    Args:
        ratio: {layer: weight} -> perplexity of the model with these weights, over that of float.
    """
    found, all_of = {}, sum(w.square().sum() for w in weights.values())
    for name, (_, rounds) in tqdm(formats.items(), desc="formats", file=sys.stdout, leave=False):
        new = {layer: rounds(w) for layer, w in weights.items()}
        lost = sum((new[k] - w).square().sum() for k, w in weights.items()) / all_of
        found[name] = 100 * lost.sqrt().item(), ratio(new)
    return found


def formats_table(formats, found):
    """A table of formats: bits a weight, error of the weights, perplexity."""
    return Table(
        ["format", "bits", "error, %", "× float"],
        [[name, formats[name][0], f"{error:.2f}", f"{ratio:.4f}"] for name, (error, ratio) in found.items()],
        caption="Error of the weights (root of the mean square) and perplexity, times float.",
    )


class Layer:
    """A linear layer of 4,096 × 4,096 with random weights, in float and in 4 bits, to be timed.

    Its codes are packed once for a kernel of PyTorch's, and once as in the lesson: two in a byte.
    """

    def __init__(self, n=4096, group=32):
        self.n, self.group = n, group
        self.weight = torch.randn(n, n)
        self.short = self.weight.bfloat16()
        codes = torch.randint(0, 16, (n, n), dtype=torch.uint8)
        self.packed = codes[:, 0::2] | codes[:, 1::2] << 4
        self.for_kernel = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes.int(), 1)
        self.scale = torch.rand(n, n // group, 1).bfloat16()
        self.scale_and_zero = torch.rand(n // group, n, 2).bfloat16()

    def bytes(self):
        """name -> bytes of the weights that one product reads."""
        four = self.packed.nbytes + 2 * self.scale_and_zero.numel()
        return {"float32": self.weight.nbytes, "bfloat16": self.short.nbytes, KERNEL: four, FIRST: four}

    def unpacked_first(self, x):
        """Write all weights as floats, then multiply."""
        codes = torch.stack([self.packed & 15, self.packed >> 4], -1).view(self.n, -1, self.group)
        return F.linear(x, ((codes.bfloat16() - 8) * self.scale).view(self.n, self.n))

    def race(self, inputs, names=None):
        """A comparison of the products with so many inputs at once."""
        x = torch.randn(inputs, self.n)
        b, kernel = x.bfloat16(), torch.ops.aten._weight_int4pack_mm_for_cpu
        jobs = {
            "float32": lambda: F.linear(x, self.weight),
            "bfloat16": lambda: F.linear(b, self.short),
            KERNEL: lambda: kernel(b, self.for_kernel, self.group, self.scale_and_zero),
            FIRST: lambda: self.unpacked_first(b),
        }
        return timing.compare({name: jobs[name] for name in names or jobs}, rounds=3, device="cpu")


def race_table(layer, races):
    """A table of the layer's ways to be stored: bytes read, and how many times as fast as float32 for each number of inputs.

    Args:
        races: inputs -> comparison.
    """
    rows = []
    for name, n_bytes in layer.bytes().items():
        speeds = [f"{race.ratio(name):.2f}" if name in race.samples else "–" for race in races.values()]
        rows.append([name, si(n_bytes, "B"), *speeds])
    return Table(
        ["weights", "bytes", *(f"{n} input{'s' * (n > 1)}" for n in races)],
        rows,
        caption="Times as fast as float32 with as many inputs; one thread.",
    )


def under_the_roof(layer, races):
    """The layer's ways to be stored under a roof, in frames: with one input, then with many too.

    The roof is drawn from what was measured: its slope goes through float32 with one input, its flat part lies at the
    fastest product with many inputs.

    Args:
        layer: `Layer`.
        races: inputs -> comparison, 1 and one larger number.
    """
    many = max(races)
    placed = {inputs: _placed(layer, races, inputs) for inputs in races}
    slope = placed[1]["float32"][1] / placed[1]["float32"][0]
    top = max(speed for _, speed in placed[many].values())
    promised = {name: slope * placed[1][name][0] for name in ("bfloat16", KERNEL)}
    said = {n: "; ".join(f"{name} {y:.2f}" for name, (_, y) in points.items()) for n, points in placed.items()}
    of_top = "; ".join(f"{name} {y:.2f}, {y / top:.2f} of it" for name, (_, y) in placed[many].items())
    plots.show(
        [_roof(placed, slope, top, promised, shown) for shown in ((1,), (1, many))],
        alt=[
            f"Speed over operations for each byte, logarithmic, with one input. A line rises through float32; bfloat16 and both kinds of 4 bits lie below it. Speeds: {said[1]}. On the line they would be at {promised['bfloat16']:.1f} and {promised[KERNEL]:.1f}.",
            f"The same; the line bends at {top / slope:.0f} operations a byte and is flat from there. With {many} inputs the points lie far to the right, at the flat part or under it: {of_top}.",
        ],
        caption=f"Both axes are logarithmic. The roof goes through float32 with one input, and through the fastest with {many}.",
    )


def _placed(layer, races, inputs):
    """name -> (operations for each byte of the weights, speed as a multiple of float32 with one input)."""
    race = races[inputs]
    of_float32 = inputs * races[1].median_ms("float32") / race.median_ms("float32")
    return {
        name: (2 * layer.n**2 * inputs / n_bytes, of_float32 * race.ratio(name))
        for name, n_bytes in layer.bytes().items()
        if name in race.samples
    }


def _roof(placed, slope, top, promised, shown):
    """One frame: `placed` for each number of inputs in `shown`, under a slope, and under its flat part after the first."""
    fig, ax = plots.figure(size=(12, 4.6))
    (first, *_), grey, (left, right) = placed, plots.COLOURS["grey"], (0.12, 900)
    colours = {"float32": "orange", "bfloat16": "yellow", KERNEL: "blue", FIRST: "blue"}
    ridge = top / slope

    def label(words, at, by, ha, colour="black"):
        made = ax.annotate(words, at, xytext=by, textcoords="offset points", ha=ha, va="center", color=colour)
        made.set_in_layout(False)  # all frames have the same axes

    ax.plot([left, ridge, right][: 1 + len(shown)], [left * slope, top, top][: 1 + len(shown)], color="black")
    label("limit of the bytes", (0.8 * ridge, 0.8 * top), (-18, 16), "right")
    if len(shown) > 1:
        label(f"limit of the arithmetic, {shown[1]} inputs", (right, top), (-60, 52), "right")
    for name, speed in promised.items():
        x, y = placed[first][name]
        ax.plot([x, x], [y, speed], ":", color=grey)
        ax.plot(x, speed, "o", color=grey, mfc="white")
        label(f"{speed:.1f}", (x, speed), (12, -8), "left", grey)
    for inputs in shown:
        for name, (x, y) in placed[inputs].items():
            ax.plot(x, y, "o", color=plots.COLOURS[colours[name]], markersize=12)
            value = f"{y:.1f}" if y > 0.1 else f"{y:.2f}"
            if inputs != first:
                label(f"{name.split(',')[0]}: {value}", (x, top), (0, 18), "center")
            elif name == "float32":
                label(f"{name}: {value}", (x, y), (-12, 10), "right")
            elif name == "bfloat16":
                label(f"{name}: {value}", (x, y), (4, -26), "left")
            else:
                label(f"{name.replace('unpacked in', 'in')}: {value}", (x, y), (14, 0), "left")
    ax.set(xscale="log", yscale="log", xlim=(left, right), ylim=(0.015, 6 * top))
    ax.set(xlabel="operations for each byte of the weights", ylabel="speed, times that of\nfloat32 with one input")
    ax.set_xticks([0.5, 1, 3, 10, 30, 100, 300], ["0.5", "1", "3", "10", "30", "100", "300"])
    ax.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    ax.minorticks_off()
    return fig


def prototype_int4():
    """torchao's prototype; imported late, because names of prototypes change."""
    return importlib.import_module("torchao.prototype.quantization.int4").PrototypeInt4WeightOnlyConfig(group_size=32)


def configs():
    """Name of a config -> a function that makes it."""
    import torchao.quantization as ao  # two seconds that the lesson's first cell need not wait for
    from torchao.quantization.granularity import PerGroup

    return {
        "int8": ao.Int8WeightOnlyConfig,
        "4 bits, unpacked": lambda: ao.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(32)),
        "int4, stable": lambda: ao.Int4WeightOnlyConfig(group_size=32),
        "int4, prototype": prototype_int4,
    }


REFUSALS = (ImportError, AttributeError, AssertionError, RuntimeError, ValueError, NotImplementedError)


def by_torchao(net, names, ids, perplexity):
    """config -> (file, perplexity times float, what computes), or the name of its error.

    Args:
        names: the layers that are rounded.
        ids: one piece of text: one of these kernels takes its time.
    """
    from torchao.quantization import quantize_

    found = {}
    for config, make in configs().items():
        model = copy.deepcopy(net)
        try:
            quantize_(model, make(), filter_fn=lambda module, name: name in names)
            rows = int8_audit.audit(model, ids[None, :64]).rows
            ratio = perplexity(model, ids) / perplexity(net, ids)
        except REFUSALS as error:
            found[config] = type(error).__name__
            continue
        with tempfile.TemporaryDirectory() as place:
            torch.save(model.state_dict(), Path(place) / "model.pt")
            size = (Path(place) / "model.pt").stat().st_size
        found[config] = size, ratio, ", ".join(sorted({row.runs_in for row in rows if row.name in names}))
    return found


def torchao_table(theirs, size, ratio):
    """A table of torchao's configs, and our file with 4 bits beside them."""
    rows = [
        [name, "–", "–", found] if isinstance(found, str) else [name, si(found[0], "B"), f"{found[1]:.3f}", found[2]]
        for name, found in theirs.items()
    ]
    return Table(
        ["", "file", "× float", "computes in"],
        [*rows, ["ours, 4 bits, 32", si(size, "B"), f"{ratio:.3f}", "float32"]],
        caption="torchao, the 20 layers; perplexity, times float, of one piece only: it ranks nobody.",
    )


@torch.no_grad()
def _foretold(model, text):
    pieces = text.view(-1, 513)[: 1 if quick() else None]
    return (model(pieces[:, :-1]).argmax(-1) == pieces[:, 1:]).float().mean().item()


def record_rows(files, text):
    """Write a row of the ledger for each file, with the share of characters that are the model's first choice."""
    rows = [
        ledger.record(
            lesson="weight_only",
            task="python_source",
            model="CharTransformer",
            technique="fp32" if name == "float" else f"weights in {name}, groups of 32, packed",
            accuracy=_foretold(model, text),
            file_bytes=size,
        )
        for name, (size, _, model, _) in files.items()
    ]
    return ledger.table(rows)


class Instrument:
    """The instrument of Exercise 1 for our model: ``rise(group, scale_bits, piece)``, in percent above float.

    Args:
        bits: of a code; no zero points.
        on_marks: the function of the lesson.
        with_weights: {layer: weight} -> model.
        perplexity: (model, text) -> number.
        held: (pieces, 513), text that the model never saw.
    """

    def __init__(self, bits, weights, on_marks, with_weights, perplexity, held):
        self.bits, self.weights, self.on_marks, self.with_weights = bits, weights, on_marks, with_weights
        self.perplexity, self.held, self._models, self._of_float = perplexity, held, {}, {}

    def __call__(self, group, scale_bits=16, piece=0):
        half = 2 ** (self.bits - 1)
        scale_of = {16: in_fp16, 8: in_e4m3}[scale_bits](half - 0.5)
        if "float" not in self._models:
            self._models["float"] = self.with_weights({})
        if (group, scale_bits) not in self._models:
            marks = torch.arange(-half, half).float()
            new = {k: self.on_marks(w, int(group), marks, scale_of) for k, w in self.weights.items()}
            self._models[group, scale_bits] = self.with_weights(new)
        text = self.held[piece::80].flatten()
        if piece not in self._of_float:
            self._of_float[piece] = self.perplexity(self._models["float"], text)
        return 100 * (self.perplexity(self._models[group, scale_bits], text) / self._of_float[piece] - 1)

"""Drawings and harnesses of the lesson roofline: each works on what the lesson has measured."""

import itertools
import math
import time
from statistics import median, quantiles

import torch
from torch.nn.functional import linear

from course_utils import legacy_int8, runtime
from course_utils.int8_routes import packed
from course_utils.measure import energy, timing
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.roofline import hardware

LAYERS = 8  # that take turns in this lesson


def sixteen_times(taken):
    """Three bars: the time of one input, of 16 at once, and 16 times the first.

    Args:
        taken: `timing.Comparison` of "16 inputs" with "1 input".
    """
    ratio = taken.ratio("1 input")
    print(f"16 times the work: {ratio:.1f} times the time")
    canvas = diagrams.Canvas(width=620, height=230)
    times = {"1 input": 1.0, "16 inputs": ratio, "16 × 1 input": 16.0}
    meaning = {**dict.fromkeys(times, "fp32"), "16 × 1 input": "plain"}
    diagrams.bars(canvas, times, x=170, y=16, width=340, text="{:.1f}", meaning=meaning)
    plots.show(
        canvas.figure(),
        alt=f"Three bars to one linear scale: the time of one input, 1; of 16 inputs at once, {ratio:.1f}; and, for comparison, "
        "16 times the first.",
        caption=f"Time of a call; 1 is a call with one input, which takes {taken.median_ms('1 input'):.3g} ms. Grey: 16 times "
        "the first bar, calculated and not measured.",
    )


def two_times(operations_a_second, bytes_a_second, n_weights, batches=(1, 16)):
    """Two bars for each batch: the seconds of the arithmetic, and those of the memory; the longer one is filled dark.

    Args:
        operations_a_second: of the toy machine.
        bytes_a_second: of the toy machine.
        n_weights: of the layer, one byte each.
        batches: numbers of inputs.
    """
    canvas, times, meaning = diagrams.Canvas(width=620, height=300), {}, {}
    for batch in batches:
        both = {
            "arithmetic": 2 * batch * n_weights / operations_a_second,  # a product and a sum
            "memory": n_weights / bytes_a_second,  # each weight once, whatever the batch
        }
        for part, seconds in both.items():
            name = f"{batch} input{'s' * (batch > 1)}: {part}"
            times[name], meaning[name] = seconds, "fp32" if seconds == max(both.values()) else "plain"
    diagrams.bars(canvas, times, x=290, y=16, width=220, text="{:.1f} s", meaning=meaning)
    said = "; ".join(f"{name} {seconds:.1f} seconds" for name, seconds in times.items())
    plots.show(
        canvas.figure(),
        alt=f"Four bars to one linear scale. {said}. The longer one of each pair is coloured.",
        caption="The toy machine, calculated. The coloured bar of each pair decides.",
    )


def roof(peak, bandwidth):
    """The measured roof.

    Args:
        peak: FLOP a second.
        bandwidth: bytes a second.
    """
    ridge = peak / bandwidth
    plots.show(
        _under_the_roof(peak, bandwidth),
        alt=f"A roof on logarithmic axes: its bound on the speed rises with the intensity up to the ridge, at {ridge:.1f} "
        f"operations a byte, and is flat from there at {peak / 1e9:.0f} billion operations a second.",
        caption=f"Peak {si(peak, 'FLOP/s')} ÷ bandwidth {si(bandwidth, 'B/s')} = ridge {ridge:.1f} FLOP a byte.",
    )


def batches_under_the_roof(peak, bandwidth, points, width):
    """Frames of the roof, with one more batch in each.

    Args:
        peak: FLOP a second.
        bandwidth: bytes a second.
        points: batch -> (FLOP a byte, FLOP a second, share of the roof).
        width: of the square layer.
    """
    ridge = peak / bandwidth
    # I(B) = ridge, solved for B
    first = math.ceil(2 * ridge / (1 - 4 * ridge / width)) if 4 * ridge < width else "no size"
    placed = [(str(batch), x, y) for batch, (x, y, _) in points.items()]
    plots.show(
        [_under_the_roof(peak, bandwidth, placed[:n]) for n in range(len(placed) + 1)],
        alt=["The roof alone, without a point."]
        + [
            f"A point for batch {batch}: {y / 1e9:.0f} billion operations a second."
            for batch, (_, y, _) in points.items()
        ],
        caption=f"Eight layers in turn. Right of the ridge from batch {first} on.",
        slider="batch",
        values=["none", *points],
    )


def _under_the_roof(peak, bandwidth, points=()):
    """The roof, with points (name, FLOP a byte, FLOP a second) that follow each other; the last one is filled."""
    (fig, ax), orange, top, ridge = plots.figure(size=(6.4, 4.2)), plots.COLOURS["orange"], peak / 1e9, peak / bandwidth
    axis = [0.25, ridge, 512]
    ax.plot(axis, [min(peak, i * bandwidth) / 1e9 for i in axis], color="black")
    ax.axvline(ridge, color=plots.COLOURS["grey"], linestyle=":")
    ax.text(ridge * 1.1, 0.14 * bandwidth / 1e9, f"ridge {ridge:.1f}")
    if not points:
        ax.text(ridge / 1.2, 0.2 * bandwidth / 1e9, "memory is\nthe limit", ha="right")
        ax.text(1.4 * ridge, 0.25 * top, "arithmetic is\nthe limit")
    ax.plot([x for _, x, _ in points], [y / 1e9 for _, _, y in points], "o-", color=orange, linewidth=1, mfc="white")
    for name, x, y in points:
        ax.annotate(name, (x, y / 1e9), xytext=(0, -28), textcoords="offset points", ha="center")
    ax.plot([x for _, x, _ in points[-1:]], [y / 1e9 for _, _, y in points[-1:]], "o", color=orange, markersize=13)
    ax.set(xscale="log", yscale="log", xlabel="intensity, FLOP a byte", ylabel="billion FLOP/s")
    ax.set_xticks(decades := [1, 10, 100, 1000], decades)
    ax.set_yticks([10**n for n in range(5)], [f"{10**n}" for n in range(5)])
    ax.set(xlim=(0.2, 1000), ylim=(0.1 * bandwidth / 1e9, 2.5 * top))
    return fig


def layer_jobs(weights, inputs):
    """Functions that call the next one of the layers, for each batch, and one that calls the first layer again and again.

    Args:
        weights: (layers, width, width).
        inputs: batch -> (batch, width).
    Returns:
        dict: batch, or "again" (one input), -> function without arguments.
    """
    turn = itertools.cycle(weights)
    in_turn = {batch: lambda x=x: linear(x, next(turn)) for batch, x in inputs.items()}
    return {"again": lambda: linear(inputs[1], weights[0])} | in_turn


def shares_table(seconds, points, bandwidth, peak, width):
    """The two times of each batch beside the measured one.

    Args:
        seconds: batch -> measured seconds.
        points: batch -> FLOP a byte.
        bandwidth: bytes a second.
        peak: FLOP a second.
        width: of the square layer.
    """
    rows = []
    for batch, intensity in points.items():
        operations = 2 * batch * width**2
        arithmetic, memory = operations / peak, operations / intensity / bandwidth
        share = max(arithmetic, memory) / seconds[batch]
        rows.append([batch, *(f"{1e3 * s:.2f}" for s in (arithmetic, memory, seconds[batch])), f"{share:.0%}"])
    return Table(["batch", "arithmetic, ms", "memory, ms", "measured, ms", "share of the roof"], rows)


def read_share(taken, job=1):
    """Weights that a layer with one input reads in a second, over what the dot product reads: median, and quartiles.

    Args:
        taken: `timing.Comparison` with "read", which reads all layers, and `job`, which reads one.
        job: 1 is one of eight in turn, "again" one layer again and again.
    Returns:
        (float, (float, float)).
    """
    shares = [whole / LAYERS / one for whole, one in zip(taken.samples["read"], taken.samples[job], strict=True)]
    return median(shares), _quartiles(shares)


def share_of_peak(taken, batch, width, peak):
    """Share of the peak that a batch reaches: median over the rounds, and quartiles."""
    shares = [2 * batch * width**2 / seconds / peak for seconds in taken.samples[batch]]
    return median(shares), _quartiles(shares)


def _quartiles(values):
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return low, high


def again_or_in_turn(taken):
    """Three bars: weights read in a second by one layer again and again, by eight in turn, and by the dot product.

    Args:
        taken: `timing.Comparison` of section 3.
    Returns:
        dict: name -> over the dot product.
    """
    read = {"again and again": read_share(taken, "again")[0], "eight in turn": read_share(taken)[0]}
    print(f"again and again is {read['again and again'] / read['eight in turn']:.2f} times as fast as in turn")
    canvas = diagrams.Canvas(width=630, height=230)
    meaning = {**dict.fromkeys(read, "fp32"), "dot product": "plain"}
    diagrams.bars(canvas, read | {"dot product": 1.0}, x=220, y=16, width=310, text="{:.2f}", meaning=meaning)
    plots.show(
        canvas.figure(),
        alt="Three bars to one linear scale, weights read in a second, over what the dot product reads: again and again "
        f"{read['again and again']:.2f}, eight in turn {read['eight in turn']:.2f}, dot product 1.",
        caption="Weights read in a second. 1 is the dot product over all eight layers.",
    )
    return read


@legacy_int8.quiet()
def layers_of_fewer_bits(weights, inputs):
    """Functions that call the next of the layers, in each format that this machine can compute with.

    Args:
        weights: (layers, outputs, inputs), float32.
        inputs: batch -> float32 (batch, inputs).
    Returns:
        dict: (format, batch) -> function without arguments.
    """
    half = weights.bfloat16()
    formats = {"fp32": (weights, linear, torch.float32), "bf16": (half, linear, torch.bfloat16)}
    if weights.device.type == "cpu" and torch.backends.mkldnn.is_available():
        formats["bf16, without oneDNN"] = half, _without_onednn, torch.bfloat16
    if weights.device.type == "cpu":
        try:
            packs = []
            for layer in weights:
                integers = torch.quantize_per_tensor(layer, layer.abs().max().item() / 127, 0, torch.qint8)
                packs.append(torch.ops.quantized.linear_prepack(integers, None))
            formats["int8"] = packs, torch.ops.quantized.linear_dynamic, torch.float32
        except (AttributeError, RuntimeError):  # this PyTorch, or this processor, has no such kernels
            print("no int8 kernels here")
    jobs = {}
    for name, (layers, product, dtype) in formats.items():
        turn = itertools.cycle(layers)
        for batch, x in inputs.items():
            own = x.to(dtype)
            jobs[name, batch] = lambda x=own, turn=turn, product=product: product(x, next(turn))
    return jobs


def _without_onednn(x, layer):
    before, torch.backends.mkldnn.enabled = torch.backends.mkldnn.enabled, False
    try:
        return linear(x, layer)
    finally:
        torch.backends.mkldnn.enabled = before


def gains_of_fewer_bits(fewer):
    """How many times faster than fp32 each format is.

    Args:
        fewer: `timing.Comparison` of (format, batch).
    Returns:
        dict: (format, batch) -> the median over rounds of fp32's time over this one's.
    """
    return {(name, batch): fewer.ratio((name, batch), over=("fp32", batch)) for name, batch in fewer.samples}


def gain_of_half_bytes(gains, batch=1):
    """The gain of bf16, by the faster one of its routines."""
    return max(gain for (name, n), gain in gains.items() if n == batch and name.startswith("bf16"))


def gains_table(gains, batch, device):
    """The gains of one batch beside the bytes.

    Args:
        gains: (format, batch) -> times as fast as fp32.
        batch: whose gains are shown.
        device: where they were measured.
    """
    size = {"fp32": "1", "int8": "1/4"}
    own = "has instructions" if runtime.has_fast_bf16(device) else "shows no instructions"
    which = "processor" if torch.device(device).type == "cpu" else "graphics card"
    return Table(
        ["weights", "bytes, fp32 = 1", f"{batch} input{'s' * (batch > 1)}: speed, fp32 = 1"],
        [[name, size.get(name, "1/2"), f"{gain:.2f}"] for (name, n), gain in gains.items() if n == batch],
        caption=f"Eight layers in turn. This {which} {own} for bf16.",
    )


def sixteen_arranged(weights, one, sixteen, device):
    """The time of 16 inputs over that of one: as PyTorch does it, with oneDNN, and with weights arranged beforehand.

    Args:
        weights: (layers, width, width), float32.
        one: (1, width), float32.
        sixteen: (16, width), float32.
        device: where they are.
    Returns:
        Table, or a sentence that says why there is none.
    """
    if device.type != "cpu" or not packed.can_pack():
        return "This machine's PyTorch has no oneDNN, so there is no control here."
    product = torch.ops.mkldnn._linear_pointwise
    four, jobs = weights[:4], {}  # half of the layers: the arranged ones need their place in memory, too
    for x in (one, sixteen):
        n = len(x)
        plain, asked = itertools.cycle(four), itertools.cycle(four)
        ready = itertools.cycle([torch.ops.mkldnn._reorder_linear_weight(layer, n) for layer in four])
        jobs["as PyTorch does it", n] = lambda x=x, turn=plain: linear(x, next(turn))
        jobs["oneDNN", n] = lambda x=x, turn=asked: product(x, next(turn), None, "none", [], "")
        jobs["oneDNN, weights arranged beforehand", n] = lambda x=x, turn=ready: product(
            x, next(turn), None, "none", [], ""
        )
    taken = timing.compare(jobs, rounds=5, device=device)
    ways = dict.fromkeys(name for name, _ in jobs)
    return Table(
        ["fp32, four layers in turn", "1 input, ms", "16 inputs, ms", "16 inputs over the default's 1"],
        [
            [
                way,
                *(f"{taken.median_ms((way, n)):.1f}" for n in (1, 16)),
                f"{1 / taken.ratio((way, 16), over=('as PyTorch does it', 1)):.1f}",
            ]
            for way in ways
        ],
    )


def growing_working_set(numbers, layer_bytes, device):
    """Bytes a second of a sum, and of a layer with one input, that read a working set again and again.

    Args:
        numbers: float32, of which the sets are cut.
        layer_bytes: of the lesson's layer, to be marked.
        device: where the numbers are.
    """
    sets = {4 * 2**k: numbers[: 2**k] for k in range(17, 28)}  # bytes -> that much of the numbers
    width = math.isqrt(layer_bytes // 4)
    one = torch.randn(1, width, device=device)
    jobs = {}
    for n, x in sets.items():  # a sum, because it does less with each number than a dot product
        jobs["sum", n] = lambda x=x: x.sum()
        jobs["layer", n] = lambda x=x: linear(one, x.view(-1, width))
    reads = timing.compare(jobs, rounds=5, device=device)
    rates = {job: [n / reads.median_ms((job, n)) / 1e6 for n in sets] for job in ("sum", "layer")}
    top, megabytes = max(max(rate) for rate in rates.values()), [n / 1e6 for n in sets]
    fig, ax = plots.figure(size=(6.4, 3.8))
    marks = {"sum": ("o-", "orange", "a sum"), "layer": ("s--", "blue", "the layer, one input")}
    for job, (style, colour, name) in marks.items():
        ax.plot(megabytes, rates[job], style, color=plots.COLOURS[colour], label=name)
    ax.legend(loc="upper center", ncol=2)
    known = {"our layer": layer_bytes} | {
        f"{name}, reported": n for name, n in hardware.cache_bytes().items() if device.type == "cpu" and n >= min(sets)
    }
    for name, n in known.items():
        ax.axvline(n / 1e6, color="black" if name == "our layer" else plots.COLOURS["grey"], linestyle="--")
        y, va = (1.12 * top, "top") if n > 3e7 else (0.05 * top, "bottom")  # where the curve is not
        ax.text(n / 1.05e6, y, name, rotation=90, ha="right", va=va)
    ax.set(xscale="log", xlabel="working set, MB", ylabel="GB/s", ylim=(0, 1.4 * top))
    ax.set_xticks([1, 10, 100], ["1", "10", "100"])
    plots.show(
        fig,
        alt="Bytes a second against the working set. "
        + " ".join(
            f"{name.capitalize()}: {rates[job][0]:.0f} GB/s at 0.5 MB, {rates[job][3]:.0f} at 4 MB, {rates[job][7]:.0f} at 67 MB, the "
            f"size of the lesson's layer, {rates[job][-1]:.0f} at 537 MB."
            for job, (*_, name) in marks.items()
        ),
        caption="Read again and again: how fast, by the size of what is read. Grey: caches as this system reports them.",
    )


def energy_of_formats(estimate, model, x):
    """A table of the estimated energy of one input, in three formats, at batch 1 and 1,024.

    Args:
        estimate: `energy.estimate`.
        model: the network.
        x: one input.
    """

    def uj(mac, bits, batch):
        bill = estimate(model, x, mac=mac, bits=bits)
        return (bill.compute_nj + bill.fetch_nj / batch) / 1e3

    formats, batches = {"fp32": 32, "fp16, fp32 sum": 16, "int8, int32 sum": 8}, (1, 1024)
    own = {(f, b): uj(f, bits, b) for f, bits in formats.items() for b in batches}
    rows = [
        [
            f,
            *(
                text
                for b in batches
                for text in (f"{own[f, b]:.3g}", "" if f == "fp32" else f"{own['fp32', b] / own[f, b]:.1f}")
            ),
        ]
        for f in formats
    ]
    return Table(["µJ a digit", "batch 1", "times less", "batch 1,024", "times less"], rows)


def watts(width, call_s, device, work):
    """Print the estimated power of a layer with one input, and what a counter of this machine says.

    Args:
        width: of the square layer.
        call_s: seconds of a call.
        device: where it runs.
        work: one call.
    """
    prices = {"arithmetic": energy.MAC_PJ["fp32"], "weights from DRAM": energy.READ_32_BIT_PJ["DRAM"]}
    for part, pj in prices.items():
        joule = width**2 * pj * 1e-12
        print(f"{part}: {si(joule, 'J')} a call, {si(joule / call_s, 'W')}")
    if not hardware.joules(device):
        print("No energy counter can be read here.")
        return
    idle, _ = hardware.joules_while(lambda: time.sleep(0.1), device=device)
    busy, calls = hardware.joules_while(work, device=device)
    for zone in busy:
        print(f"{zone}: {si(max(0.0, busy[zone] - idle.get(zone, 0.0)) / calls, 'J')} a call, over idle")

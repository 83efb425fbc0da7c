"""Clocks, probes, tables and drawings of the lesson choosing, which stand beside what the lesson explains."""

import copy
import dataclasses
import time
import warnings
from collections import Counter

import torch
import torch.ao.quantization as tq
from torch import nn
from torch.profiler import ProfilerActivity, profile

from course_utils import legacy_int8, runtime
from course_utils.int8_routes import packed, torch_eager
from course_utils.int8_routes import record as int8_record
from course_utils.measure import energy, timing
from course_utils.scorecard import ledger
from course_utils.show import plots
from course_utils.show.tables import Table, si
from lessons.choosing import drawings, ranking, ways

CLOCK = time.process_time if time.get_clock_info("process_time").resolution < 1e-5 else time.perf_counter
SHORT = {"BERT-base shape": "BERT shape", "ResNet-50": "ResNet-50", "MobileNet-v2": "MobileNet-v2"}
PUBLISHED = {"BERT-base shape": 581 / 313, "ResNet-50": 214 / 103, "MobileNet-v2": 97 / 17}
INT8_LAYERS = ("quantized::conv", "quantized::linear")
SUMS = ("quantized::add", "aten::add", "aten::clamp_min", "aten::relu")
BERT_LAYERS = ((768, 2304), (768, 768), (768, 3072), (3072, 768))  # of each of its twelve blocks


def least_ms(jobs, rounds=15):
    """The least processor time of each job in milliseconds; in each round every job runs once to warm up and once timed.

    A quick run (`runtime.quick`) takes one round: nobody reads its times.
    """
    rounds = 1 if runtime.quick() else rounds
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(rounds):
        for name, job in jobs.items():
            job()
            start = CLOCK()
            job()
            best[name] = min(best[name], 1e3 * (CLOCK() - start))
    return best


def in_a_trace(model, x):
    """The model as a frozen program, which runs without Python between its operators."""
    return torch.jit.freeze(torch.jit.trace(model, x, check_trace=False).eval())


def two_factors(ms):
    """Four ways to run MobileNet-v2 over eager fp32, and over the best fp32."""
    best = min(t for name, t in ms.items() if name.startswith("fp32"))
    return Table(
        ["MobileNet-v2, one image", "times eager fp32", "times the best fp32"],
        [[name, f"{ms['fp32, eager'] / t:.1f}", f"{best / t:.1f}"] for name, t in ms.items()],
        caption="PyTorch, one thread, the least of 15 calls each",
    )


def traffic(model, x, count):
    """What `count` says of each linear layer and convolution for the input `x`; the model is thrown away."""
    rows = []
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(lambda layer, given, out: rows.append(count(layer, given[0], out)))
    model.eval()(x)
    return rows


def uses_figure(layers, uses):
    """Two panels: how often each layer uses a weight, and an input."""
    fig, axes = plots.figure(columns=2, size=(12, 3.7))
    names = list(layers)[::-1]
    for ax, what, column in ((axes[0], "weight", 1), (axes[1], "input", 2)):
        for place, name in enumerate(names):
            each = [row[0] / row[column] for row in layers[name]]
            shift = [place + 0.22 * ((i * 0.618) % 1 - 0.5) for i in range(len(each))]
            ax.plot(each, shift, "o", ms=7, alpha=0.45, color=plots.COLOURS["sky"])
            ax.plot(uses[name][column - 1], place, "D", ms=13, color=plots.COLOURS["blue"], mec="white")
        ax.set(xscale="log", xlim=(0.6, 30_000), xlabel=f"MACs for each {what}", ylim=(-0.6, len(names) - 0.4))
        ax.set_yticks(range(len(names)), names if column == 1 else [""] * len(names))
    told = "; ".join(f"{name} {w:,.0f} and {x:,.0f}" for name, (w, x) in uses.items())
    plots.show(
        fig,
        alt=f"Two panels with a dot a layer and a diamond a network, on logarithmic axes. MACs for each weight and for each input: {told}.",
        caption=f"A dot a layer, a diamond the whole network. For each weight and for each input: {told}.",
    )


def static_layer(layer, x):
    """A run of the layer in static int8, on inputs that are int8 already."""
    model = tq.QuantWrapper(nn.Sequential(layer)).eval()
    model.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
    tq.prepare(model, inplace=True)(x)
    tq.convert(model, inplace=True)
    x_int8 = model.quant(x)
    return lambda: model.module(x_int8)


def probe_jobs():
    """Jobs that find the peaks, the bandwidth, and a conversion as the difference of two layers; with their work."""
    side, long = 1024, torch.rand(2**26)  # 256 MiB: no cache holds it
    wide, square, picture = nn.Linear(side, side), torch.randn(side, side), torch.randn(1, 256, 28, 28)
    narrow, some = nn.Sequential(nn.Linear(side, 16)), torch.randn(256, side)
    narrow_dynamic = tq.quantize_dynamic(narrow)
    jobs = {
        "fp32, eager": lambda: wide(square),
        "int8, product": static_layer(nn.Linear(side, side), square),
        "int8, convolution": static_layer(nn.Conv2d(256, 256, 3, padding=1), picture),
        "narrow, static": static_layer(narrow[0], some),
        "narrow, dynamic": lambda: narrow_dynamic(some),
        "read": lambda: torch.dot(long, long),
    }
    if packed.can_pack():
        wide_packed = packed.pack(wide, side)
        jobs["fp32, packed"] = lambda: wide_packed(square)
    else:
        print(packed.NOT_HERE)
    return jobs


def probed(ms):
    """Peaks in operations a second, bandwidth in bytes a second, and the second price of a conversion in seconds."""
    product, convolution = 2 * 1024**3, 2 * 9 * 256**2 * 28**2
    peak = {
        "fp32": 1e3 * product / min(t for name, t in ms.items() if name.startswith("fp32")),
        "int8": 1e3 * max(product / ms["int8, product"], convolution / ms["int8, convolution"]),
    }
    difference = 1e-3 * (ms["narrow, dynamic"] - ms["narrow, static"]) / (256 * 1024)
    return peak, 1e3 * 4 * 2**26 / ms["read"], difference


def prices_table(peak, bandwidth, price, price_layers):
    """What was measured, and the price of a conversion in MACs."""
    return Table(
        ["measured here, one thread", ""],
        [
            ["peak found in fp32", si(peak["fp32"], "FLOP/s")],
            ["peak found in int8, static layers", si(peak["int8"], "OP/s")],
            ["convert one number", si(price, "s")],
            ["convert one number, in int8 MACs", f"{price * peak['int8'] / 2:.0f}"],
        ],
        caption=f"A peak found: the fastest layer tried. Memory is read at {si(bandwidth, 'B/s')}. "
        f"Control: (dynamic layer − static layer) / inputs = {si(price_layers, 's')} a number.",
    )


def shares_table(layers, uses, in_macs, parts, share):
    """The estimate: arithmetic, bytes, the layers by the roofline, the conversions, and their share.

    Args:
        parts: network -> (arithmetic, bytes, layers, conversions), in seconds.
    """
    return Table(
        ["estimated, ms", "arithmetic", "bytes", "layers", "conversions", "share", "by hand"],
        [
            [name, *(f"{1e3 * part:.3g}" for part in parts[name]), f"{share[name]:.0%}"]
            + [f"{in_macs:.1f} / {uses[name][1]:,.4g} = {in_macs / uses[name][1]:.0%}"]
            for name in layers
        ],
        caption="By the roofline a layer takes the longer of its two; share: conversions over layers; by hand: price over uses.",
    )


def way_figure(steps):
    """The ways of one image through the network, read from the operators that ran."""
    conversions = {name: len(called) - called.count("layer") for name, called in steps.items()}
    plots.show(
        drawings.paths(steps),
        alt="Two lines from left to right. int8 throughout goes down to int8 once and up once. The other is a saw with a tooth for each layer. "
        + "; ".join(f"{name}: {n} conversions" for name, n in conversions.items()),
        caption="Upper level, orange: float. Lower level, blue: int8. Grey: a conversion. Read from the operators that ran.",
    )
    return conversions


def speeds_table(ms, cosines, other_image):
    """Times and outputs of the ways through MobileNet-v2."""
    whole = ms["int8 throughout"]
    return Table(
        ["MobileNet-v2, traced", "ms", "times as fast as fp32", "longer than throughout", "cosine with fp32"],
        [
            [
                name,
                f"{t:.1f}",
                f"{ms['fp32'] / t:.2f}",
                f"{t / whole - 1:+.0%}".replace("-", "−"),
                f"{cosines[name]:.3f}",
            ]
            for name, t in ms.items()
        ],
        caption=f"The least of 15 calls each. Control: fp32 outputs of two different images have a cosine of {other_image:.3f}.",
    )


def operators_in_place(runs, rounds=15):
    """The operators of each run in their order, with the least time of each over some profiles, in milliseconds.

    Returns:
        name -> [(operator, ms)].
    """
    seen = {name: [] for name in runs}
    for name, run in runs.items():
        for _ in range(rounds + 1):  # the first profile is thrown away
            with profile(activities=[ProfilerActivity.CPU]) as trace:
                run()
            events = sorted(trace.events(), key=lambda event: event.time_range.start)
            seen[name].append([(event.name, 1e-3 * event.self_cpu_time_total) for event in events])
    found = {}
    for name, profiles in seen.items():
        usual = Counter(tuple(op for op, _ in one) for one in profiles[1:]).most_common(1)[0][0]
        alike = [one for one in profiles[1:] if tuple(op for op, _ in one) == usual]
        found[name] = [(op, min(one[i][1] for one in alike)) for i, op in enumerate(usual)]
    return found


def parts(operators):
    """Where the time of a call lies by the profile: layers, conversions to int8 and back, sums, and all other operators."""
    total = Counter()
    for op, ms in operators:
        total[_part(op)] += ms
    known = ("layers", "to int8", "to float", "sums")
    return {name: total[name] for name in known} | {"the rest": total["other"]}


def _part(op):
    if op.startswith(INT8_LAYERS):
        return "layers"
    if op == "aten::quantize_per_tensor":
        return "to int8"
    if op == "aten::dequantize":
        return "to float"
    return "sums" if op.startswith(SUMS) else "other"


def parts_figure(both):
    """Two bars: where the time of int8 throughout and that of the round trips lie."""
    colours = {"layers": "blue", "to int8": "grey", "to float": "black", "sums": "sky", "the rest": "orange"}
    fig, ax = plots.figure(size=(11, 3.4))
    for place, part in enumerate(both.values()):
        left = 0.0
        for what, ms in part.items():
            ax.barh(
                place, ms, left=left, height=0.6, color=plots.COLOURS[colours[what]], label=what if place == 0 else None
            )
            left += ms
    ax.set_yticks(range(len(both)), list(both))
    ax.invert_yaxis()
    ax.set_xlabel("milliseconds a call, by the profiler")
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.32), ncols=5, frameon=False)
    told = "; ".join(f"{n}: " + ", ".join(f"{what} {ms:.2f}" for what, ms in part.items()) for n, part in both.items())
    plots.show(fig, alt=f"Two bars of milliseconds a call in five parts. {told}.", caption=f"{told} ms.")


def ladder(estimated, both, whole):
    """From the estimated share to the measured one, one number exchanged in each row.

    Args:
        estimated: (conversions, layers) in milliseconds, by section 3.
        both: way -> its parts, in milliseconds.
        whole: way -> milliseconds a call.
    """
    conversions, bound = estimated
    smooth, trips = both["int8 throughout"], both["int8, round trips"]
    real = trips["to int8"] + trips["to float"]
    more = whole["int8, round trips"] - whole["int8 throughout"]
    rows = [
        ("the estimate", conversions, bound),
        ("the layers as they ran", conversions, smooth["layers"]),
        ("the conversions as they ran", real, smooth["layers"]),
        ("all that was added, over the whole call", more, whole["int8 throughout"]),
    ]
    steps = {name: top / under for name, top, under in rows}
    shown = Table(
        ["exchanged", "added, ms", "divided by, ms", "share"],
        [[name, f"{top:.2f}", f"{under:.2f}", f"{top / under:.0%}"] for name, top, under in rows],
        caption="Each row exchanges what it names and keeps the rest, except the last, which is the measurement.",
    )
    return shown, steps


def kinds_table(model, x, operators, bound_s):
    """The int8 layers by kind: their MACs, their bound by the roofline, and the time they took in place.

    Args:
        bound_s: (MACs, numbers) of a layer -> seconds by the roofline.
    """
    rows = []

    def note(layer, given, out):
        is_conv = isinstance(layer, nn.Conv2d)
        uses = out[0, 0].numel() if is_conv else out.numel() // layer.out_features
        numbers = layer.weight.numel() + given[0].numel() + out.numel()
        rows.append((_kind(layer), uses * layer.weight.numel(), bound_s(uses * layer.weight.numel(), numbers)))

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    model(x)
    for hook in hooks:
        hook.remove()
    times = [ms for op, ms in operators if op.startswith(INT8_LAYERS)]
    kinds = {}
    for (kind, macs, bound), ms in zip(rows, times, strict=True):
        one = kinds.setdefault(kind, [0, 0, 0.0, 0.0])
        for i, value in enumerate((1, macs, 1e3 * bound, ms)):
            one[i] += value
    shown = Table(
        ["layers of MobileNet-v2", "how many", "million MACs", "bound, ms", "as they ran, ms", "times the bound"],
        [[k, n, f"{m / 1e6:.0f}", f"{b:.2f}", f"{t:.2f}", f"{t / b:.1f}"] for k, (n, m, b, t) in kinds.items()],
        caption="The bound: each layer the longer of arithmetic at the best peak found and bytes.",
    )
    return shown, {kind: t / b for kind, (_, _, b, t) in kinds.items()}


def _kind(layer):
    if isinstance(layer, nn.Linear):
        return "linear"
    if layer.groups > 1:
        return "depthwise, 3 by 3"
    return "1 by 1" if layer.kernel_size == (1, 1) else "the first, 3 by 3"


def share_of_resnet(network):
    """How much longer ResNet-50 takes with round trips than in int8 throughout, both traced."""
    few = dataclasses.replace(network, calibration=network.calibration[:1])  # times do not depend on the ranges
    made = {"throughout": torch_eager.int8_model(few), "round trips": ways.round_trips(few)}
    with legacy_int8.quiet():
        traced = {name: in_a_trace(model, few.example) for name, model in made.items()}
    ms = least_ms({name: lambda run=run: run(few.example) for name, run in traced.items()}, rounds=7)
    return ms["round trips"] / ms["throughout"] - 1


def share_of_bert():
    """How much longer the linear layers of the BERT shape take in dynamic int8 than in static int8."""
    jobs = {}
    for n_in, n_out in BERT_LAYERS:
        x, layer = torch.randn(128, n_in), nn.Linear(n_in, n_out)
        dynamic = tq.quantize_dynamic(nn.Sequential(layer))
        jobs["dynamic", n_in, n_out] = lambda dynamic=dynamic, x=x: dynamic(x)
        jobs["static", n_in, n_out] = static_layer(layer, x)
    ms = least_ms(jobs, rounds=40)
    total = {kind: sum(t for job, t in ms.items() if job[0] == kind) for kind in ("dynamic", "static")}
    return total["dynamic"] / total["static"] - 1


def tested_table(share, measured):
    """The estimated share of three networks beside the measured one."""
    return Table(
        ["network", "estimated share", "measured share", "how it was measured"],
        [[name, f"{share[name]:.0%}", f"{measured[name][0]:.0%}", measured[name][1]] for name in measured],
        caption="Measured: the least times, in this run.",
    )


def decision(share, measured):
    """Three questions and where they lead; then the same with names.

    Args:
        share: network -> estimated share of the conversions.
        measured: network -> (measured share, how), for some.
    """
    drops = _drops()
    best = {name: measured[name][0] if name in measured else value for name, value in share.items()}
    leaves = {"float": [], "dynamic": [], "static": [], "QAT": []}
    for name, value in best.items():
        cnn = name in ("ResNet-50", "MobileNet-v2")
        leaves["static" if cnn or value > 0.25 else "dynamic"].append(f"{name} (drop?)")
    for name, drop in drops.items():
        leaves["QAT" if drop > 1 else "static"].append(f"{name}: {-drop:+.1f}".replace("-", "−"))
    if leaves["QAT"]:
        leaves["QAT"][0] = f"before remedies:\n{leaves['QAT'][0]}"
    told = "; ".join(f"{method}: {', '.join(names) or 'nobody'}" for method, names in leaves.items()).replace("\n", " ")
    plots.show(
        [drawings.decision(dict.fromkeys(leaves, ())), drawings.decision(leaves)],
        alt=[
            "Three questions in a chain: is int8 faster than the best fp32 on the device; is there a dynamic kernel for these layers, "
            "at most a quarter slower than static, which loses at most a point; does static int8 still lose more than a point, with "
            "the remedies. The ways out lead to float, dynamic, static and QAT.",
            f"The same with names. {told}.",
        ],
        caption="Points of accuracy from the ledger; *drop?*: random weights, so nobody knows an accuracy to lose. *Still*: with the "
        "remedies that need no training.",
    )
    return leaves


def _drops():
    """Points that static int8 costs, from the ledger: those of its rows that are there."""
    right = {
        (row.model, row.technique): 100 * row.accuracy for row in ledger.rows(["static", "depthwise"]) if row.accuracy
    }
    wanted = {
        "SmallCNN": ("SmallCNN", "static int8, per channel"),
        "DepthwiseCNN": ("DepthwiseCNN", "static int8, per channel"),
        "DepthwiseCNN,\none scale": ("DepthwiseCNN", "static int8, per tensor"),
    }
    there = {name: key for name, key in wanted.items() if key in right and (key[0], "fp32") in right}
    return {name: right[key[0], "fp32"] - right[key] for name, key in there.items()}


def extras_table(extras):
    """What the round trips add at one and at four images, traced and from Python, taken apart.

    Args:
        extras: how it was run -> {batch: (throughout, round trips)}, milliseconds.
    """
    rows = []
    for name, at in extras.items():
        one, four = (at[batch][1] - at[batch][0] for batch in (1, 4))
        each = (four - one) / 3
        rows.append([name, f"{one:.2f}", f"{four:.2f}", f"{each:.2f}", f"{one - each:.2f}".replace("-", "−")])
    return Table(
        ["MobileNet-v2", "extra, 1 image", "extra, 4 images", "grows by, an image", "paid once a call"],
        rows,
        caption="Milliseconds: round trips less int8 throughout, the least of 10 calls each.",
    )


def batches(nets, traced, example, sizes=(1, 4)):
    """Way -> {batch: (throughout, round trips)} in milliseconds, in a trace and from Python.

    Args:
        nets, traced: name -> network, as it is called from Python and in a trace; all have been called with one image.
        example: one image.
        sizes: images in a batch. From two on each job gets a copy, because an int8 layer keeps the kernel that oneDNN
            prepared for the shape of its first call, and is slower with any other.
    """
    names, kinds, jobs = ("int8 throughout", "int8, round trips"), ("in a trace", "from Python"), {}
    for size in sizes:
        x = torch.cat([example] * size)
        for name in names:
            runs = traced[name], nets[name]
            if size > 1:
                with legacy_int8.quiet():
                    runs = in_a_trace(copy.deepcopy(nets[name]), x), copy.deepcopy(nets[name])
            jobs |= {(kind, size, name): lambda run=run, x=x: run(x) for kind, run in zip(kinds, runs, strict=True)}
    ms = least_ms(jobs, rounds=10)
    return {kind: {size: tuple(ms[kind, size, name] for name in names) for size in sizes} for kind in kinds}


def fastest(records):
    """(network, processor) -> PyTorch's fastest recorded int8."""
    return {
        (net, at): row for net in SHORT for at, one in records.items() if (row := one.best(net, "torch")) is not None
    }


def least_gain(found, net, over="speedup_over_eager"):
    """The least recorded gain of a network (None: of any), over all processors."""
    return min(getattr(row, over) for (of, _), row in found.items() if net in (None, of))


def headline(records):
    """What was published, and what the bench recorded over both baselines."""
    return Table(
        ["PyTorch's fastest int8", "published", "recorded on", "× eager fp32", "× best fp32", "best fp32"],
        [
            [f"{SHORT[net]}, {row.variant.removeprefix('int8 ')}", f"{PUBLISHED[net]:.2f}", name]
            + [
                f"{row.speedup_over_eager:.1f}",
                f"{row.speedup_over_best_fp32:.1f}",
                row.best_fp32.removeprefix("fp32, "),
            ]
            for (net, name), row in fastest(records).items()
        ],
        caption="Published: each over its own baseline, on other machines. Recorded: medians over rounds.",
    )


def agrees_with_the_record(first, records, here):
    """The pairs of section 1 that stand in the reverse order in this processor's record, where there is one."""
    names = {
        "fp32, eager": "fp32, eager",
        "fp32, traced": "fp32, traced",
        f"int8 static, {torch.backends.quantized.engine}": "int8, eager",
        "int8 static, traced and frozen": "int8, traced",
    }
    known = {
        names[row.variant]: row.speedup_over_eager
        for one in [records.get(here)]
        if one
        for row in one.rows
        if (row.model, row.runtime, row.why) == ("MobileNet-v2", "torch", None) and row.variant in names
    }
    return ranking.reversed_pairs({name: first["fp32, eager"] / t for name, t in first.items()}, known)


GROUPS = (
    ("torch", "fp32"),
    ("torch", "bf16"),
    ("torch", "int8"),
    ("ONNX Runtime", "fp32"),
    ("ONNX Runtime", "int8"),
    ("OpenVINO", "fp32"),
    ("OpenVINO", "int8"),
)


def by_runtime(records):
    """Three panels: the fastest recorded route of each runtime and kind over PyTorch's eager fp32."""
    colour, told, factors = {"fp32": "grey", "bf16": "sky", "int8": "blue"}, [], [1]
    fig, axes = plots.figure(columns=3, size=(12, 4.1))
    for ax, net in zip(axes, SHORT, strict=True):
        for (processor, one), marker in zip(records.items(), "osD^v<>*" * 4, strict=False):
            for y, (runtime_name, kind) in enumerate(GROUPS):
                if row := one.best(net, runtime_name, kind):
                    at = (row.speedup_over_eager, y)
                    factors.append(row.speedup_over_eager)
                    ax.plot(*at, marker, ms=11, alpha=0.85, color=plots.COLOURS[colour[kind]])
                    told.append(f"{processor}, {net}, {runtime_name} {kind} {row.speedup_over_eager:.1f}")
        ax.set(title=SHORT[net], xscale="log", ylim=(len(GROUPS) - 0.5, -0.5))
        ax.set_yticks(
            range(len(GROUPS)), [" ".join(group) for group in GROUPS] if ax is axes[0] else [""] * len(GROUPS)
        )
        ax.axvline(1, color=plots.COLOURS["black"], lw=1)
    for ax in axes:  # all with one axis, on which equal factors are equally long
        ax.set_xticks([1, 2, 4], ["1", "2", "4"])
        ax.minorticks_off()
        ax.set_xlim(0.8 * min(factors), 1.25 * max(factors))
    axes[1].set_xlabel("times eager fp32 of PyTorch, on the same processor")
    plots.show(
        fig,
        alt="Three panels of dots, the fastest recorded route of each kind over eager fp32: " + "; ".join(told) + ".",
        caption="The fastest of its kind; equal factors are equally long. "
        + "; ".join(f"{mark}: {name}" for mark, name in zip("●■◆▲▼◀▶★", records, strict=False))
        + f". Recorded {', '.join(sorted({one.head['date'] for one in records.values()}))}, one thread.",
    )


def recorded_facts(records):
    """Counts and extremes of all records: smaller files, rows, the least cosine, the greatest control."""
    every = [row for one in records.values() for row in one.rows if row.why is None]
    floats = {row.model: row.file_bytes for row in every if row.variant == int8_record.EAGER}
    kept = [row for row in every if row.runtime == "torch" and row.variant.startswith(("int8 dynamic", "int8 static"))]
    smaller = [(row.model, floats[row.model] / row.file_bytes) for row in kept if "traced" not in row.variant]
    return {
        "bert": min(ratio for net, ratio in smaller if net == "BERT-base shape"),
        "cnns": min(ratio for net, ratio in smaller if net != "BERT-base shape"),
        "rows": len(every),
        "cosine": min(row.cosine for row in every),
        "control": max(value for one in records.values() for value in one.head["control_cosine"].values()),
    }


def into_the_ledger(records, here, total):
    """Rows of the three networks: no accuracy, as the weights are random; speed where this processor has a record."""
    source = here if here in records else next(iter(records), None)
    found = fastest(records)
    for net, short in SHORT.items():
        if (net, source) not in found:
            continue
        best = found[net, source]
        dynamic = short == "BERT shape" and "static" not in best.variant
        (macs, weights), technique = total[short][:2], "dynamic int8" if dynamic else "static int8"
        eager = next(row for row in records[source].rows if (row.model, row.variant) == (net, int8_record.EAGER))
        cases = ((eager, "fp32", "fp32", 32), (best, technique, "int8, int32 sum", 8))
        for row, name, mac, bits in cases:
            nj = (macs * energy.MAC_PJ[mac] + weights * energy.READ_32_BIT_PJ["DRAM"] * bits / 32) / 1e3
            speedup = row.speedup_over_eager if source == here else None
            values = {"file_bytes": row.file_bytes, "speedup": speedup, "energy_nj": nj}
            ledger.record(lesson="choosing", task="none, random weights", model=short, technique=name, **values)


def export_by_the_older(model, x, path):
    """Write `model` as an ONNX file for any batch size, by PyTorch's older exporter, which is deprecated and fast."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (x,), path, input_names=["x"], dynamo=False, dynamic_axes={"x": {0: "batch"}})


def batches_of(x, name="x", size=32):
    """The calibration data of ONNX Runtime: an object that hands out one batch after the other, then None."""
    from onnxruntime.quantization import CalibrationDataReader

    class Batches(CalibrationDataReader):
        left = iter(x.split(size))

        def get_next(self):
            return next(({name: batch.numpy()} for batch in self.left), None)

    return Batches()


def try_shipped(runs, images, labels, folder):
    """Accuracy, the largest difference of the two fp32 outputs, and speed of what was shipped; rows of the ledger.

    Args:
        runs: "torch", "fp32" and "int8" -> a function of a batch of images.
    Returns:
        (accuracy of each, largest difference).
    """
    logits = {name: torch.cat([run(batch) for batch in images.split(100)]) for name, run in runs.items()}
    right = {name: (out.argmax(1) == labels).double().mean().item() for name, out in logits.items()}
    pace = timing.compare({name: lambda run=run: run(images[:1]) for name, run in runs.items()}, rounds=5, device="cpu")
    for kind, technique in (("fp32", "fp32, ONNX Runtime"), ("int8", "static int8, ONNX Runtime")):
        values = {"accuracy": right[kind], "file_bytes": (folder / f"{kind}.onnx").stat().st_size}
        values |= {"technique": technique, "speedup": pace.ratio(kind)}
        ledger.record(lesson="choosing", task="fashion_mnist", model="SmallCNN", **values)
    return right, (logits["fp32"] - logits["torch"]).abs().max().item()


def stations(gap):
    """Three stations of SmallCNN, from rows of the ledger; a row that is missing says so."""
    known = {row.technique: row for row in ledger.rows(["static", "choosing"]) if row.model == "SmallCNN"}
    boxes = {
        "PyTorch\nfp32": ("fp32", "fp32"),
        "ONNX Runtime\nfp32": ("fp32", "fp32, ONNX Runtime"),
        "ONNX Runtime\nint8": ("int8", "static int8, ONNX Runtime"),
    }
    under = {name: _below(known.get(technique)) for name, (_, technique) in boxes.items()}
    speeds = [
        f"{name.replace(chr(10), ' ')} {row.speedup:.1f}× eager fp32"
        for name, (_, technique) in boxes.items()
        if (row := known.get(technique)) and technique != "fp32" and row.speedup
    ]
    differs = "" if gap is None else f"\n{gap:.0e} apart"
    plots.show(
        drawings.line(
            {name: (kind, *under[name]) for name, (kind, _) in boxes.items()}, (f"export{differs}", "quantize")
        ),
        alt="Three boxes from left to right, PyTorch fp32, ONNX Runtime fp32, ONNX Runtime int8: "
        + "; ".join(", ".join(words) for words in under.values()),
        caption=f"SmallCNN, 10,000 test images. One image at a time: {'; '.join(speeds) or 'not measured'}.",
    )


def _below(row):
    return ("not measured", "") if row is None else (f"{row.accuracy:.2%} right", si(row.file_bytes, "B"))


SIGNED = ("convolutions in int8", "convolutions in float", "sums in float", "conversions")


def signed_table(graphs, peers, records, here):
    """The graphs that ONNX Runtime runs, here, and the recorded speeds.

    Args:
        graphs: variant -> counts in its graph as run; empty where the packages are missing.
        peers: the timings here, or None.
    """
    lines, live = [], {name: peers.ratio(name) for name in graphs}
    for name, graph in graphs.items():
        low, high = peers.ratio_quartiles(name)
        lines.append([f"{name}, here", *(graph[kind] for kind in SIGNED), f"{live[name]:.2f} ({low:.2f}–{high:.2f})"])
    for processor, one in records.items():
        rows = {name: one.best("MobileNet-v2", "ONNX Runtime", f"int8 static, {name}") for name in ("U8S8", "S8S8")}
        known = {name: row.speedup_over_best_fp32 for name, row in rows.items() if row}
        lines += [[f"{name}, {processor}", *"––––", f"{ratio:.2f}"] for name, ratio in known.items()]
        ranking.reversed_pairs(live if processor == here else {}, known)  # a published run must agree with its record
    return Table(
        ["MobileNet-v2", "conv int8", "conv float", "sums float", "conversions", "× its fp32 (quartiles)"],
        lines,
        caption="ONNX Runtime: the graph as run, here; recorded rows below. All three here over the same fp32, that of the network with its sums.",
    )


def spans_table(found, pixels):
    """From where to where the outputs of two dynamic layers reach."""
    return Table(
        ["", "float", "dynamic linear", "dynamic convolution"],
        [[name, *map(_span, outputs)] for name, outputs in found.items()],
        caption=f"Inputs: {_span(pixels)}. Engine: {torch.backends.quantized.engine}.",
    )


def _span(outputs):
    return f"{outputs.min():.2f} to {outputs.max():.2f}"

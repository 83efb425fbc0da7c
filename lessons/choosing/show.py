"""Networks, clocks and drawings of the lesson choosing, which stand beside what the lesson explains."""

import copy
import time

import torch
from torch import nn
from torch.ao import quantization as tq

from course_utils import runtime
from course_utils.int8_routes import record, torch_eager
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

CLOCK = time.process_time if time.get_clock_info("process_time").resolution < 1e-5 else time.perf_counter
BERT_LAYERS = ((768, 2304), (768, 768), (768, 3072), (3072, 768))  # of each of the twelve blocks
PUBLISHED = {"BERT-base shape": "581 / 313 = 1.9", "ResNet-50": "214 / 103 = 2.1", "MobileNet-v2": "97 / 17 = 5.7"}
QUARTER = 400  # uses of an input at which a conversion of 100 MACs adds a quarter


def least_ms(jobs, rounds=8):
    """The least processor time of each job in milliseconds; the jobs run in turn. A quick run takes one round."""
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(1 if runtime.quick() else rounds):
        for name, job in jobs.items():
            job()
            start = CLOCK()
            job()
            best[name] = min(best[name], 1e3 * (CLOCK() - start))
    return best


def static_layer(layer, x):
    """A run of the layer in static int8, on inputs that are int8 already."""
    model = tq.QuantWrapper(nn.Sequential(copy.deepcopy(layer))).eval()
    model.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
    tq.prepare(model, inplace=True)(x)
    tq.convert(model, inplace=True)
    x_int8 = model.quant(x)
    return lambda: model.module(x_int8)


def with_round_trips(network):
    """MobileNet-v2 in static int8, with a wrapper around each convolution and linear layer."""

    def wrap(module):
        for name, child in module.named_children():
            if type(child).__name__ in ("Conv2d", "ConvReLU2d", "Linear"):
                wrapped = tq.QuantWrapper(child)
                wrapped.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
                setattr(module, name, wrapped)
            else:
                wrap(child)

    model = network.quantizable()
    model.fuse_model()
    wrap(model)
    tq.prepare(model, inplace=True)(network.calibration[:1])  # times do not depend on the ranges
    return tq.convert(model, inplace=True)


def converted_at_each_layer(mobile):
    """The table of the hook, and by how much conversions at each layer lengthen BERT's layers and MobileNet-v2."""
    traced = {}
    for name, model in (("once", torch_eager.int8_model(mobile)), ("each", with_round_trips(mobile))):
        traced[name] = torch.jit.freeze(torch.jit.trace(model, mobile.example, check_trace=False).eval())
    jobs = {("MobileNet-v2", name): lambda run=run: run(mobile.example) for name, run in traced.items()}
    for n_in, n_out in BERT_LAYERS:
        x, layer = torch.randn(128, n_in), nn.Linear(n_in, n_out)
        jobs[n_in, n_out, "once"] = static_layer(layer, x)
        dynamic = tq.quantize_dynamic(nn.Sequential(layer))
        jobs[n_in, n_out, "each"] = lambda dynamic=dynamic, x=x: dynamic(x)
    least = least_ms({name: job for name, job in jobs.items() if len(name) == 2})
    least |= least_ms({name: job for name, job in jobs.items() if len(name) == 3}, rounds=40)
    ms = {"MobileNet-v2": [least["MobileNet-v2", way] for way in ("once", "each")]}
    ms["BERT shape"] = [12 * sum(least[*shape, way] for shape in BERT_LAYERS) for way in ("once", "each")]
    numbers = {"BERT shape": 12 * 128 * sum(n_in for n_in, _ in BERT_LAYERS), "MobileNet-v2": 0}

    def note(layer, given, out):
        numbers["MobileNet-v2"] += given[0].numel()

    model = copy.deepcopy(mobile.model)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(note)
    model(mobile.example)
    longer = {name: each / once - 1 for name, (once, each) in ms.items()}
    rows = [
        [name, f"{numbers[name] / 1e6:.1f} million", *(f"{t:.1f}" for t in ms[name]), f"{1 + longer[name]:.2f}"]
        for name in numbers
    ]
    columns = [
        "int8, one thread",
        "inputs of all layers",
        "in int8 throughout, ms",
        "converted at each layer, ms",
        "times as long",
    ]
    return Table(columns, rows), longer


def price_in_macs():
    """How many int8 MACs run in the time of one conversion: of a search and a rounding, on 1 MB of floats."""
    some, square = torch.randn(256, 1024), torch.randn(1024, 1024)
    ms = least_ms(
        {
            "range": lambda: torch.aminmax(some),
            "round": lambda: torch.quantize_per_tensor(some, 0.05, 64, torch.quint8),
            "layer": static_layer(nn.Linear(1024, 1024), square),
        }
    )
    return (ms["range"] + ms["round"]) / some.numel() / (ms["layer"] / 1024**3)


def uses_figure(counted):
    """Draw how often each layer uses an input.

    Args:
        counted: network -> [(layer, MACs, inputs)].
    """
    fig, ax = plots.figure(size=(12, 4.4))
    averages = {}
    for place, (name, rows) in enumerate(reversed(counted.items())):
        averages[name] = sum(macs for _, macs, _ in rows) / sum(inputs for *_, inputs in rows)
        shift = [place + 0.3 * ((i * 0.618) % 1 - 0.5) for i in range(len(rows))]
        ax.plot([macs / inputs for _, macs, inputs in rows], shift, "o", ms=9, alpha=0.5, color=plots.COLOURS["sky"])
        ax.plot(averages[name], place, "D", ms=14, color=plots.COLOURS["blue"], mec="white")
    ax.axvline(QUARTER, color=plots.COLOURS["orange"], ls="--")
    ax.text(
        QUARTER / 1.08,
        len(counted) - 0.62,
        "400: a quarter longer, by the first guess",
        color=plots.COLOURS["orange"],
        va="center",
        ha="right",
    )
    ax.set(xscale="log", xlabel="MACs for each input", ylim=(-0.5, len(counted) - 0.35))
    ax.set_yticks(range(len(counted)), list(averages))
    told = "; ".join(f"{name} {average:,.0f}" for name, average in reversed(averages.items()))
    plots.show(
        fig,
        alt=f"A dot a layer and a diamond a network on a logarithmic axis of MACs for each input. Averages: {told}. A line at 400.",
        caption=f"A dot is a layer, a diamond the whole network: {told}.",
    )
    return averages


QUESTIONS = (
    "1. Is int8 faster\nthan the best\nfp32?",
    "2. Is dynamic\ncheap, and does it\nlose ≤ 1 point?",
    "3. Does static lose\n> 1 point, with\nall remedies?",
)
ENDS = {
    "float": "needs nothing",
    "dynamic": "one line, no data",
    "static": "some hundred\ninputs",
    "QAT": "a training,\nhours",
}


def chain():
    """Draw three questions, the four ways that they lead to, and what each way needs."""
    canvas, xs = diagrams.Canvas(height=370), (10, 320, 630, 940)
    boxes = [canvas.box(x, 12, words, width=250, height=124) for x, words in zip(xs, QUESTIONS, strict=False)]
    ends = []
    for x, (name, needs) in zip(xs, ENDS.items(), strict=True):
        ends.append(canvas.box(x, 216, name, width=250, height=64, fill="fp32" if name == "float" else "int8", size=30))
        canvas.text(x + 125, 330, needs)
    for box, end, says in zip(boxes, ends, ("no", "yes", "no"), strict=False):
        canvas.wire(box.bottom, end.top)
        canvas.text(box.bottom[0] + 38, 176, says)
    for one, other, says in zip(boxes, boxes[1:], ("yes", "no"), strict=False):
        canvas.wire(one.right, other.left)
        canvas.text((one.right[0] + other.left[0]) / 2, 48, says)
    corner = (ends[3].top[0], boxes[2].right[1])
    canvas.wire(boxes[2].right, corner, arrow=False)
    canvas.wire(corner, ends[3].top)
    canvas.text((boxes[2].right[0] + corner[0]) / 2, 48, "yes")
    plots.show(
        canvas.figure(),
        alt="Three questions in a chain. 1: is int8 faster than the best fp32? No: float, which needs nothing. 2: is dynamic "
        "cheap, and does it lose at most a point? Yes: dynamic, one line and no data. 3: does static lose more "
        "than a point, with all remedies? No: static, some hundred inputs. Yes: QAT, training data and hours.",
        caption="Under each way: what it needs beside the trained network.",
    )


def routes_table(race):
    """Four ways to run one network, over eager fp32 and over the faster fp32; the factors are quotients of the times."""
    ms = {name: race.median_ms(name) for name in race.samples}
    best = min(time for name, time in ms.items() if name.startswith("fp32"))
    return Table(
        ["MobileNet-v2, one image", "ms", "times eager fp32", "times the faster fp32"],
        [[name, f"{time:.1f}", f"{ms['fp32, eager'] / time:.1f}", f"{best / time:.1f}"] for name, time in ms.items()],
    )


def recorded_table():
    """What was published, and what the records of the course say over both baselines."""
    records = record.records()
    columns = ["int8 over fp32", "published, ms"]
    for name in records:
        columns += [f"{name.split(',')[0]}: over eager", "over the best"]
    rows = []
    for network, told in PUBLISHED.items():
        rows.append([network.replace("-base", ""), told])
        for one in records.values():
            row = one.best(network, "torch")
            rows[-1] += [f"{row.speedup_over_eager:.1f}", f"{row.speedup_over_best_fp32:.1f}"]
    return Table(
        columns,
        rows,
        caption="Eager and best fp32 are PyTorch's; one thread, one input. Both processors have instructions for int8 products.",
    )


def runtimes_table():
    """The records of the other runtimes: their fp32 over eager PyTorch, and their int8 over their own fp32."""
    rows = []
    for processor, one in record.records().items():
        for network in PUBLISHED:
            cells = [processor.split(",")[0], network.replace("-base", "")]
            for runtime_name in record.PEERS:
                fp32, int8 = (one.best(network, runtime_name, start) for start in ("fp32", "int8"))
                cells += [f"{fp32.speedup_over_eager:.1f}", f"{int8.speedup_over_best_fp32:.1f}"]
            rows.append(cells)
    return Table(
        ["processor", "network", *(f"{name}: {what}" for name in record.PEERS for what in ("fp32", "int8"))],
        rows,
        caption="fp32: times PyTorch's eager fp32. int8: times the fp32 of the same runtime.",
    )

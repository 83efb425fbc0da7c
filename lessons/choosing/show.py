"""Clocks, tables and drawings of the lesson choosing, which stand beside what the lesson explains."""

import copy
import math
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.ao import quantization as tq

from course_utils import diagrams, models, plots, runtime, timing
from course_utils.int8_routes import record
from course_utils.tables import Table

CLOCK = time.process_time if time.get_clock_info("process_time").resolution < 1e-5 else time.perf_counter
PUBLISHED = {"BERT-base shape": "581 / 313 = 1.9", "ResNet-50": "214 / 103 = 2.1", "MobileNet-v2": "97 / 17 = 5.7"}
LAYERS = nn.Linear | nn.Conv2d


@dataclass
class Timed:
    """One layer, or several with one shape: counts of a call, and its times in milliseconds.

    Attributes:
        depthwise: whether each channel is filtered on its own.
        macs, inputs: of one layer.
        layer_ms: in int8, with inputs that are int8 already.
        convert_ms: of its inputs: a search for the range, and the rounding.
        copies: how many layers have this shape.
    """

    depthwise: bool
    macs: int
    inputs: int
    layer_ms: float
    convert_ms: float
    copies: int


class Network(list):
    """The layers of a network, each a `Timed`, and sums over all of them."""

    def sum(self, name):
        return sum(getattr(one, name) * one.copies for one in self)

    @property
    def ns_to_convert(self):
        """Nanoseconds to convert one number."""
        return 1e6 * self.sum("convert_ms") / self.sum("inputs")

    @property
    def ns_of_a_mac(self):
        """Nanoseconds of one MAC in int8."""
        return 1e6 * self.sum("layer_ms") / self.sum("macs")

    @property
    def added(self):
        """The time of all conversions over that of all int8 layers."""
        return self.sum("convert_ms") / self.sum("layer_ms")


def least_ms(jobs, rounds=10):
    """The least processor time of each job in milliseconds; the jobs run in turn. A quick run takes one round."""
    best = dict.fromkeys(jobs, math.inf)
    for _ in range(1 if runtime.quick() else rounds):
        for name, job in jobs.items():
            job()
            start = CLOCK()
            job()
            best[name] = min(best[name], 1e3 * (CLOCK() - start))
    return best


def in_int8(layer, x):
    """A run of the layer in static int8, on inputs that are int8 already."""
    model = tq.QuantWrapper(nn.Sequential(copy.deepcopy(layer))).eval()
    model.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
    tq.prepare(model, inplace=True)(x)
    tq.convert(model, inplace=True)
    x_int8 = model.quant(x)
    return lambda: model.module(x_int8)


def conversion(x):
    """What dynamic int8 does with inputs at each call: a search for the range, and the rounding."""

    def run():
        torch.aminmax(x)
        torch.quantize_per_tensor(x, 0.05, 64, torch.quint8)  # the time does not depend on the scale

    return run


def shapes(model, x):
    """(class, its arguments, shape of the inputs, MACs) -> how many layers are like this."""
    found = {}

    def note(layer, given, out):
        if isinstance(layer, nn.Linear):
            sizes = (("in_features", layer.in_features), ("out_features", layer.out_features))
        else:
            names = "in_channels", "out_channels", "kernel_size", "stride", "padding", "groups"
            sizes = tuple((name, getattr(layer, name)) for name in names)
        key = type(layer), sizes, tuple(given[0].shape), out.numel() * layer.weight[0].numel()
        found[key] = found.get(key, 0) + 1

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, LAYERS)]
    model(x)
    for hook in hooks:
        hook.remove()
    return found


def time_layers():
    """Network -> its linear layers and convolutions, timed one by one: BERT's shape with 128 tokens, MobileNet-v2 with an image."""
    from torchvision.models import mobilenet_v2  # imports torch.ao itself

    with torch.device("meta"):
        found = {
            "BERT shape": shapes(models.Encoder(), torch.zeros(1, 128, dtype=torch.long)),
            "MobileNet-v2": shapes(mobilenet_v2(), torch.zeros(1, 3, 224, 224)),
        }
    timed = {}
    for name, layers in found.items():
        jobs = {}
        for number, (cls, sizes, shape, _) in enumerate(layers):
            layer, x = cls(**dict(sizes)), torch.randn(shape)
            jobs[number, "layer"], jobs[number, "convert"] = in_int8(layer, x), conversion(x)
        ms = least_ms(jobs)
        timed[name] = Network(
            Timed(dict(sizes).get("groups", 1) > 1, macs, math.prod(shape), ms[i, "layer"], ms[i, "convert"], copies)
            for i, ((_, sizes, shape, macs), copies) in enumerate(layers.items())
        )
    return timed


def conversions_table(timed):
    """What the conversions of each network cost, beside its int8 layers."""
    return Table(
        ["one thread", "inputs", "to convert one", "all int8 layers", "conversions add"],
        [
            [
                name,
                f"{net.sum('inputs') / 1e6:.1f} million",
                f"{net.ns_to_convert:.2f} ns",
                f"{net.sum('layer_ms'):.1f} ms",
                f"{net.added:.0%}",
            ]
            for name, net in timed.items()
        ],
    )


def kinds(timed):
    """Three kinds of layers: (name, MACs for each input, picoseconds of a MAC) of each."""
    mobile = timed["MobileNet-v2"]
    parts = {
        "BERT, linear": timed["BERT shape"],
        "MobileNet-v2, ordinary": Network(one for one in mobile if not one.depthwise),
        "MobileNet-v2, depthwise": Network(one for one in mobile if one.depthwise),
    }
    return [(name, net.sum("macs") / net.sum("inputs"), 1000 * net.ns_of_a_mac) for name, net in parts.items()]


QUESTIONS = (
    "1. Is int8 faster\nthan the best\nfp32?",
    "2. Is dynamic\ncheap, and does it\nlose ≤ 1 point?",
    "3. Does static lose\n> 1 point, with\nall remedies?",
)
ENDS = {
    "float": "needs nothing",
    "dynamic": "no data",
    "static": "examples to\ncalibrate",
    "QAT": "a training run",
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
        "cheap, and does it lose at most a point? Yes: dynamic, no data. 3: does static lose more "
        "than a point, with all remedies? No: static, examples to calibrate. Yes: QAT, a training.",
        caption="Under each way: what it needs besides the trained network. If QAT loses too much as well, stay in float.",
    )


def race(routes, x):
    """The routes in turn on one input: a `Comparison`."""
    return timing.compare({name: lambda run=run: run(x) for name, run in routes.items()}, rounds=9, device="cpu")


def routes_table(race):
    """Ways to run one network, over eager fp32 and over the faster fp32; the factors are quotients of the times."""
    ms = {name: race.median_ms(name) for name in race.samples}
    best = min(time for name, time in ms.items() if name.startswith("fp32"))
    return Table(
        ["MobileNet-v2, one image", "ms", "times as fast as eager fp32", "as the best fp32 here"],
        [[name, f"{time:.1f}", f"{ms['fp32, eager'] / time:.1f}", f"{best / time:.1f}"] for name, time in ms.items()],
    )


def recorded_table():
    """What was published, and what the records of the course say over both baselines."""
    records = record.records()
    short = {name.split(",")[0]: one for name, one in records.items()}
    rows = []
    for network, told in PUBLISHED.items():
        best = [one.best(network, "torch") for one in short.values()]
        over = (
            " and ".join(f"{getattr(row, f'speedup_over_{which}'):.1f}" for row in best)
            for which in ("eager", "best_fp32")
        )
        rows.append([network.replace("-base", ""), told, *over])
    return Table(
        ["int8 over fp32", "published, ms", "over eager", "over the best fp32"],
        rows,
        caption=f"The last two columns: the course's records of {' and '.join(short)}, in this order; PyTorch, one thread, one input.",
    )

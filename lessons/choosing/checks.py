"""The exercise of the lesson choosing: three questions to real networks."""

import torch
from torch import nn

from course_utils.checkpoints import load
from course_utils.checks import exercise
from course_utils.models import EncoderLayer


def _count(model, x):
    rows = []

    def note(layer, given, out):
        rows.append((layer, out.numel() * layer.weight[0].numel(), given[0].numel()))

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    model(x)
    for hook in hooks:
        hook.remove()
    return rows


@exercise(
    "Which way?",
    why="Cheap ways come first: float if int8 is no faster than the best fp32, dynamic if it pays, training last.",
)
def choose(rows, fp32_ms, int8_ms, lost):
    linear = [row for row in rows if isinstance(row[0], nn.Linear)]
    best = min(fp32_ms)  #: the time of the best fp32
    gain = best / int8_ms  #: int8's own gain
    macs = sum(macs for _, macs, _ in linear)  #: the MACs of the linear layers
    half = sum(macs for _, macs, _ in rows) / 2  #: half of all MACs
    inputs = sum(inputs for *_, inputs in linear)  #: the inputs of the linear layers
    kernels = macs > half  #: whether the layers that dynamic takes do most of the work
    often = macs >= 400 * inputs  #: whether inputs are used often
    pays = kernels and often and lost["dynamic"] <= 1  #: whether dynamic would pay, if int8 is faster
    way = "float" if gain <= 1 else "dynamic" if pays else "qat" if lost["static"] > 1 else "static"  #: the way
    return way, gain


FAST, TIMES, KEPT = ([9.0, 4.0], 3.0), [9.0, 6.0, 3.0, 5.0], {"dynamic": 0.0, "static": 0.0}
WIDE = [(nn.Linear(1, 400), 400, 1)]
IMAGE = torch.ones(1, 1, 28, 28)
choose.tries(
    also=[
        (WIDE, *FAST, KEPT),
        ([(nn.Linear(1, 399), 399, 1)], *FAST, KEPT),
        ([(nn.Linear(1, 500), 500, 1), (nn.Linear(500, 300), 150_000, 500)], *FAST, KEPT),  # 300 on average
        ([(nn.Linear(10, 4000), 40_000, 10), (nn.Linear(10, 10), 100, 10)], *FAST, KEPT),  # often, on average
        ([(nn.Linear(100, 1000), 100_000, 100), (nn.Linear(1000, 10), 10_000, 1000)], *FAST, KEPT),  # seldom
        (WIDE, *FAST, {"dynamic": 0.8, "static": 0.2}),
        (WIDE, *FAST, {"dynamic": 2.0, "static": 3.0}),
        ([(nn.Conv2d(1, 500, 1), 500, 1)], *FAST, {"dynamic": 0.0, "static": 1.5}),
        ([(nn.Conv2d(1, 1, 20), 400, 400), *WIDE], *FAST, KEPT),  # just half
        ([(nn.Conv2d(1, 1, 10), 100, 100), *WIDE], *FAST, KEPT),
        ([(nn.Conv2d(1, 1, 10), 1000, 190), *WIDE], *FAST, KEPT),  # few weights, most MACs
        (WIDE, TIMES, 3.0, KEPT),
        (WIDE, *FAST, {"dynamic": 1.0, "static": 2.0}),
        (WIDE, *FAST, {"static": 1.0, "dynamic": 1.5}),
        (_count(load("lenet_mnist"), IMAGE), [99.0, 66.0], 17.0, KEPT),
        (_count(EncoderLayer(768, 12, 3072), torch.ones(1, 2, 768)), *FAST, KEPT),
        (_count(load("depthwise_cnn"), IMAGE), TIMES, 3.5, KEPT),
        (_count(load("small_resnet"), IMAGE), *FAST, {"dynamic": 0.0, "static": 1.2}),
    ]
)
choose.ideas(
    {
        "best = fp32_ms[0]": "Compare with the *best* fp32: the fastest of all ways in fp32.",
        "kernels = True": "Dynamic int8 takes only linear layers here. They must do more than half of all MACs.",
        "often = True": "Count how often the linear layers use an input: their MACs over their inputs, at least 400.",
        "pays = kernels and often": "Dynamic int8 rounds as well: it may lose at most a point.",
        "pays = False": 'Yours never says `"dynamic"`. Print what each of its conditions says on this input.',
    }
)

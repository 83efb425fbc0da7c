"""The task of the lesson choosing: three questions to a network."""

import torch
from torch import nn

from course_utils import check, checkpoints, models

page = check.page(globals())


def count(model, x):
    """A row for each layer: (layer, MACs, inputs)."""
    rows = []

    def note(layer, given, out):
        rows.append((layer, out.numel() * layer.weight[0].numel(), given[0].numel()))

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    model(x)
    for hook in hooks:
        hook.remove()
    return rows


def chosen(answer, rows, fp32_ms, int8_ms, lost):
    found = answer(rows, fp32_ms, int8_ms, lost)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise check.Mistake(f"A pair should come back, the way and a number, and not {check.tell(found)}.")
    return {"the way": found[0], "the gain over the best fp32": found[1]}


def sums(rows):
    """MACs and inputs of linear layers, MACs of the others."""
    macs = inputs = others = 0
    for layer, here, given in rows:
        if isinstance(layer, nn.Linear):
            macs, inputs = macs + here, inputs + given
        else:
            others += here
    return macs, inputs, others


def in_one_walk(rows, fp32_ms, int8_ms, lost):
    """Sums everything in one walk, and looks at all times."""
    macs, inputs, others = sums(rows)
    gain = min(time / int8_ms for time in fp32_ms)
    if not all(time > int8_ms for time in fp32_ms):
        return "float", gain
    pays = macs > others and macs / inputs >= 400 and lost["dynamic"] <= 1
    return "dynamic" if pays else ("static", "qat")[lost["static"] > 1], gain


def by_exclusion(rows, fp32_ms, int8_ms, lost):
    """Begins with the last way and goes back to the first."""
    way = "qat" if lost["static"] > 1.0 else "static"
    macs, inputs, others = sums(rows)
    if lost["dynamic"] <= 1.0 and macs / (macs + others) > 0.5 and macs // max(inputs, 1) >= 400:
        way = "dynamic"
    best = sorted(fp32_ms)[0]
    return (way if int8_ms < best else "float"), best / int8_ms


def over_eager_first(rows, fp32_ms, int8_ms, lost):
    """Divides the speed-up over the first fp32 by that of the best, and knows linear layers by their class's name."""
    gain = (fp32_ms[0] / int8_ms) / max(fp32_ms[0] / time for time in fp32_ms)
    linear = [row[1:] for row in rows if type(row[0]).__name__ == "Linear"]
    macs, inputs = (sum(column) for column in zip(*linear, strict=True)) if linear else (0, 1)
    if min(fp32_ms) <= int8_ms:
        return "float", gain
    if macs / sum(row[1] for row in rows) > 0.5 and macs / inputs >= 400 and not lost["dynamic"] > 1:
        return "dynamic", gain
    return {True: "qat", False: "static"}[lost["static"] > 1], gain


WIDE, IMAGE = (nn.Linear(1, 400), 400, 1), torch.ones(1, 1, 28, 28)
FAST, TIMES = ([9.0, 4.0], 3.0), ([9.0, 6.0, 3.0, 5.0], 3.0)

with torch.device("meta"):  # no numbers: its layers are only counted
    TRANSFORMER = count(models.EncoderLayer(768, 12, 3072), torch.ones(1, 2, 768))


def points(dynamic, static):
    return {"dynamic": dynamic, "static": static}


def linear(n_in, n_out):
    return nn.Linear(n_in, n_out), n_in * n_out, n_in


choose = page.write(
    "choose",
    "Which way?",
    cases={
        "one linear layer, 400 MACs an input": ([WIDE], *FAST, points(0.0, 0.0)),
        "one linear layer, 400 MACs an input; int8 is as fast as the best fp32": ([WIDE], *TIMES, points(0.0, 0.0)),
        "one linear layer, 399 MACs an input": ([linear(1, 399)], *FAST, points(0.0, 0.0)),
        "one linear layer, 400 MACs an input; dynamic loses 1 point, static 2": ([WIDE], *FAST, points(1.0, 2.0)),
        "one linear layer, 400 MACs an input; dynamic loses 0.8 points, static 0.2": ([WIDE], *FAST, points(0.8, 0.2)),
        "one linear layer, 400 MACs an input; dynamic loses 1.5 points, static 1": ([WIDE], *FAST, points(1.5, 1.0)),
        "one linear layer, 400 MACs an input; dynamic loses 2 points, static 3": ([WIDE], *FAST, points(2.0, 3.0)),
        "two linear layers, 500 and 300 MACs an input": ([linear(1, 500), linear(500, 300)], *FAST, points(0.0, 0.0)),
        "two linear layers, 4,000 and 10 MACs an input": ([linear(10, 4000), linear(10, 10)], *FAST, points(0.0, 0.0)),
        "two linear layers, 1,000 and 10 MACs an input": (
            [linear(100, 1000), linear(1000, 10)],
            *FAST,
            points(0.0, 0.0),
        ),
        "no linear layer; static loses 1.5 points": ([(nn.Conv2d(1, 500, 1), 500, 1)], *FAST, points(0.0, 1.5)),
        "a convolution and a linear layer of 400 MACs each": (
            [(nn.Conv2d(1, 1, 20), 400, 400), WIDE],
            *FAST,
            points(0.0, 0.0),
        ),
        "a convolution of 100 MACs, a linear layer of 400": (
            [(nn.Conv2d(1, 1, 10), 100, 100), WIDE],
            *FAST,
            points(0.0, 0.0),
        ),
        "a convolution with 100 weights and 1,000 MACs, a linear layer with 400 weights and MACs": (
            [(nn.Conv2d(1, 1, 10), 1000, 190), WIDE],
            *FAST,
            points(0.0, 0.0),
        ),
        "LeNet": (count(checkpoints.load("lenet_mnist"), IMAGE), [99.0, 66.0], 17.0, points(0.0, 0.0)),
        "a layer of a Transformer, two tokens": (
            TRANSFORMER,
            *FAST,
            points(0.0, 0.0),
        ),
        "SmallResNet; static loses 1.2 points": (
            count(checkpoints.load("small_resnet"), IMAGE),
            *FAST,
            points(0.0, 1.2),
        ),
    },
    run=chosen,
    wrong={
        "Compare with the best fp32, the fastest of all ways in fp32.": [
            "min(fp32_ms) -> fp32_ms[0]",
            "min(fp32_ms) -> max(fp32_ms)",
            "min(fp32_ms) -> sum(fp32_ms) / len(fp32_ms)",
        ],
        "The gain is upside down. How many times as fast int8 is, is the time of fp32 over that of int8.": [
            (
                'return "float", gain -> return "float", 1 / gain',
                'return "dynamic", gain -> return "dynamic", 1 / gain',
                'return "qat", gain -> return "qat", 1 / gain',
                'return "static", gain -> return "static", 1 / gain',
            ),
            'return "static", gain -> return "static", 1 / gain',
        ],
        "Float is the way also if int8 is just as fast as the best fp32, and no faster.": "gain <= 1 -> gain < 1",
        "Dynamic int8 takes only linear layers here. Leave the convolutions out of its MACs and inputs.": (
            " if isinstance(row[0], nn.Linear)] -> ]"
        ),
        "Linear layers must do more than half of all MACs, or dynamic int8 has little to make faster.": [
            "2 * macs > all_macs and  -> ",
            "2 * macs > all_macs -> 2 * macs >= all_macs",
            "2 * macs > all_macs -> macs > 0",
        ],
        "Compare MACs, and not weights: a convolution uses a weight at every position.": (
            "2 * macs > all_macs -> 2 * sum(row[0].weight.numel() for row in linear) > sum(row[0].weight.numel() for row in rows)"
        ),
        "Count how often the linear layers use an input: all their MACs over all their inputs, at least 400.": [
            " and macs >= 400 * inputs -> ",
            "macs >= 400 * inputs -> all(one >= 400 * given for _, one, given in linear)",
            "macs >= 400 * inputs -> any(one >= 400 * given for _, one, given in linear)",
            "macs >= 400 * inputs -> sum(one / given for _, one, given in linear) >= 400 * len(linear)",
        ],
        "Exactly 400 MACs an input are enough.": ">= 400 -> > 400",
        "Dynamic int8 rounds, too. It may lose at most one point.": ' and lost["dynamic"] <= 1 -> ',
        "Up to one point may be lost. Training is only for more than that.": [
            'lost["static"] > 1: -> lost["static"] > 0:',
            'lost["static"] > 1: -> lost["static"] >= 1:',
        ],
        "": [
            'lost["dynamic"] <= 1 -> lost["dynamic"] < 1',
            'lost["dynamic"] <= 1 -> lost["dynamic"] <= lost["static"]',
        ],
    },
    right=[in_one_walk, by_exclusion, over_eager_first],
    steps={
        "gain": "int8's own gain",
        "all_macs": "all MACs",
        "macs": "those of linear layers",
        "inputs": "their inputs",
    },
    passed="Cheap ways come first: float if int8 is no faster than the best fp32, dynamic if it pays, training last.",
)

"""The task of the lesson static: a linear layer with ReLU, calibrated, and computed in integers."""

import numpy as np
import torch
from torch.nn.utils import fuse_conv_bn_eval

from course_utils import check, checkpoints, data
from lessons.static.show import as_linear_layer

page = check.page(globals())


def case(weight, bias, examples, x):
    return tuple(map(torch.tensor, (weight, bias, examples, x)))


def first_block():
    """The first block of SmallCNN, batch norm folded, with some patches of two images."""
    convolution, batch_norm, _ = checkpoints.load("small_cnn").features[0]
    images, _ = data.load("fashion_mnist", n=2)
    *layer, examples, x = as_linear_layer(fuse_conv_bn_eval(convolution, batch_norm), images[:1], images[1:])
    return *layer, examples[300:400], x[300:310]


def integers_and_scale(static_layer, weight, bias, examples, x):
    back = static_layer(weight, bias, examples, x)
    if not isinstance(back, tuple | list) or len(back) != 2:
        raise check.Mistake("Two things are asked for: return the integers, and behind a comma their scale.")
    return {"the scale of the outputs": back[1], "the stored output": back[0]}


def same(one, other):
    """A number that falls half-way between two integers may be rounded to either on another processor."""
    a, b = check.as_tensor(one), check.as_tensor(other)
    if a is None or b is None or a.numel() < 100 or a.shape != b.shape:
        return check.same(one, other)
    off = (a.double() - b.double()).abs()
    return bool((off <= 1).all()) and off.mean() < 0.01


def float_layer(weight, bias, examples, x):
    s_y = torch.relu(examples @ weight.T + bias).max() / 127
    return torch.round(torch.relu(x @ weight.T + bias) / s_y).clamp(0, 127), s_y


def by_pytorch(weight, bias, examples, x):
    y = torch.nn.functional.linear(examples, weight, bias).clamp(min=0)
    s_x, s_w, s_y = (t.abs().max().item() / 127 for t in (examples, weight, y))
    q_x = torch.quantize_per_tensor(x, s_x, 0, torch.quint8).int_repr().clamp(max=127).long()
    q_w = torch.quantize_per_tensor(weight, s_w, 0, torch.qint8).int_repr().long()
    q_b = (bias / s_x / s_w).round().long()
    return (torch.addmm(q_b, q_x, q_w.T) * (s_x * s_w) / s_y).round().clamp(0, 127).to(torch.uint8), s_y


def in_numpy(weight, bias, examples, x):
    w, b, e, x = (t.numpy().astype(np.float64) for t in (weight, bias, examples, x))
    y = np.maximum(e @ w.T + b, 0)
    s_x, s_w, s_y = e.max() / 127, np.abs(w).max() / 127, y.max() / 127
    sums = np.rint(np.minimum(x, e.max()) / s_x) @ np.rint(w / s_w).T + np.rint(b / (s_x * s_w))
    return np.clip(np.rint(sums * s_x * s_w / s_y), 0, 127).astype(np.int32), s_y


def one_by_one(weight, bias, examples, x):
    y_max = max((row @ w + b).item() for row in examples for w, b in zip(weight, bias, strict=True))
    s_x, s_w, s_y = examples.max().item() / 127, weight.abs().max().item() / 127, max(y_max, 0) / 127
    rows = []
    for row in x.tolist():
        stored, out = [min(round(p / s_x), 127) for p in row], []
        for w, b in zip(weight.tolist(), bias.tolist(), strict=True):
            total = sum(q * round(v / s_w) for q, v in zip(stored, w, strict=True)) + round(b / (s_x * s_w))
            out.append(min(round(max(total, 0) * (s_x * s_w / s_y)), 127))
        rows.append(out)
    return torch.tensor(rows), torch.tensor(s_y)


CHANNEL = [[0.25, -0.10]], [0.03], [[1.27, 0.0], [0.0, 1.27]]
OUT, BIAS, SUMS = "s_y)).clamp(0, 127)", "bias / (s_x * s_w)", "sums * (s_x * s_w / s_y)"
static_layer = page.write(
    "static_layer",
    "A static int8 layer of your own",
    cases={
        "the layer of section 3, pixels 0.80 and 0.20": case(*CHANNEL, [[0.80, 0.20]]),
        "the layer of section 3, pixels 0.10 and 0.03": case(*CHANNEL, [[0.10, 0.03]]),
        "the layer of section 3, pixels 0 and 0.80": case(*CHANNEL, [[0.0, 0.80]]),
        "the layer of section 3, pixels 2.54 and 0, though the examples end at 1.27": case(*CHANNEL, [[2.54, 0.0]]),
        "the layer of section 3, pixels 0.64 and 2.54": case(*CHANNEL, [[0.64, 2.54]]),
        "weight 0.25, bias 0.1875, example 1.25, input 0.5": case([[0.25]], [0.1875], [[1.25]], [[0.5]]),
        "weight 1, bias -0.52, example 1, input 0.67": case([[1.0]], [-0.52], [[1.0]], [[0.67]]),
        "weights 0.1 and -2, example 1 and 0, input 0.5 and 0": case([[0.1, -2.0]], [0.0], [[1.0, 0.0]], [[0.5, 0.0]]),
        "weights 0.9 and -2, bias 0.1, two examples, two inputs": case(
            [[0.9, -2.0]], [0.1], [[0.3, 0.9], [1.0, 0.2]], [[0.9, 0.1], [0.2, 0.3]]
        ),
        "the first block of SmallCNN, ten patches": first_block(),
    },
    run=integers_and_scale,
    same=same,
    wrong={
        "An input beyond the examples has no integer of its own. Clip what you store to 0 … 127.": [
            "(x / s_x).clamp(0, 127) -> (x / s_x)",
            "(x / s_x).clamp(0, 127) -> (x / s_x).clamp(0, 255)",
        ],
        "The outputs end at 127. What is larger is clipped.": [
            f"{OUT} -> s_y)).clamp(min=0)",
            f"{OUT} -> s_y)).clamp(0, 255)",
        ],
        "Here the sum is below 0, and the layer ends with a ReLU. Clip at 0.": [
            f"{OUT} -> s_y)).clamp(-127, 127)",
            f"{OUT} -> s_y)).clamp(-128, 127)",
            f"{OUT} -> s_y)).clamp(max=127)",
        ],
        "The outputs are neither clipped above nor below. They are integers from 0 to 127.": f"{OUT} -> s_y))",
        "The bias is added to products. Count it in their unit, the inputs' scale times the weights'.": [
            f"{BIAS} -> bias / s_w",
            f"{BIAS} -> bias / s_y",
        ],
        "The bias is missing in the sum.": " + q_b -> ",
        "The bias is added as a float. Round it to an integer, and add it to the sum of the products.": (
            "q_x @ q_w.T + q_b -> q_x @ q_w.T",
            f"{SUMS} -> {SUMS} + bias / s_y",
        ),
        "The scales come from the examples alone. What x holds isn't known when the layer is calibrated.": [
            "examples.max() / 127 -> x.max() / 127",
            "torch.relu(examples @ -> torch.relu(x @",
        ],
        "This is the float layer, rounded at its end. Round inputs, weights and bias first, and multiply integers.": (
            float_layer
        ),
        "The bias belongs to the float outputs from which the scale is taken.": "(examples @ weight.T + bias) -> (examples @ weight.T)",
        "The ReLU comes before the largest float output is taken.": (
            "torch.relu(examples @ weight.T + bias) -> (examples @ weight.T + bias).abs()"
        ),
        "The largest weight counts without its sign.": "weight.abs().max() -> weight.max()",
        "The outputs have 127 steps, and not 255.": "outputs.max() / 127 -> outputs.max() / 255",
        "The outputs are cut off, and should be rounded to the nearest integer.": f"torch.round({SUMS}) -> ({SUMS})",
        "The sum counts in steps of the inputs and the weights. Count it in steps of the outputs.": f"{SUMS} -> sums",
        "The factor between the sum and the stored output is upside down.": (
            "(s_x * s_w / s_y) -> (s_y / (s_x * s_w))"
        ),
        "These are the floats that the integers stand for. Return the integers.": ".int(), s_y -> .int() * s_y, s_y",
        "The scale that comes back belongs to the sum. That of the outputs is asked for.": ".int(), s_y -> .int(), s_x * s_w",
        "": [".int(), s_y -> .int()", "weight.abs().max() / 127 -> weight.abs().max() / 127.5"],
    },
    right=[by_pytorch, in_numpy, one_by_one],
    steps={"q_x": "the stored inputs", "q_w": "the stored weights", "q_b": "the stored bias", "sums": "the sums"},
    passed="Ranges come from the examples alone, so what lies beyond them is clipped. SmallCNN's first block was among the cases.",
)

"""The task of the lesson energy: the batch from which on a network's arithmetic costs as much as its weights."""

import math

import torch
from torch import nn

from course_utils import check, energy, models

page = check.page(globals())


class Twice(nn.Sequential):
    def forward(self, x):
        return super().forward(super().forward(x))


def by_hooks(model, x, mac_pj, fetch_pj):
    macs, layers = [], [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]

    def note(layer, inputs, output):
        macs.append(layer.weight.numel() * (output[0].numel() // layer.weight.shape[0]))

    hooks = [layer.register_forward_hook(note) for layer in layers]
    model(x)
    for hook in hooks:
        hook.remove()
    batch = 1
    while batch * sum(macs) * mac_pj < fetch_pj * sum(layer.weight.numel() for layer in layers):
        batch += 1
    return batch


def by_one_input_alone(model, x, mac_pj, fetch_pj):
    macs = energy.count_macs(model, x[:1])
    weights = sum(w.numel() for name, w in model.named_parameters() if w.ndim >= 2 and name.endswith("weight"))
    return int(-(-weights * fetch_pj // (macs * mac_pj)))


def by_the_courses_estimate(model, x, mac_pj, fetch_pj):
    one = energy.estimate(model, x[:1])
    return max(1, math.ceil(fetch_pj / (mac_pj * one.macs / one.weights)))


ONE, WITH_BIAS = nn.Sequential(check.linear([[1]])), nn.Sequential(check.linear([[1]], [1]))
QUOTIENT = "fetch_pj * weights / arithmetic"
batch_needed = page.write(
    "batch_needed",
    "From which batch on?",
    cases={
        "one weight, one input; 1 and 1 pJ": (ONE, torch.zeros(1, 1), 1, 1),
        "one weight, one input; 1 and 4 pJ": (ONE, torch.zeros(1, 1), 1, 4),
        "one weight, one input; 4 and 9 pJ": (ONE, torch.zeros(1, 1), 4, 9),
        "one weight, one input; 4 and 1 pJ": (ONE, torch.zeros(1, 1), 4, 1),
        "one weight, a batch of 2; 1 and 4 pJ": (ONE, torch.zeros(2, 1), 1, 4),
        "one weight and one bias; 1 and 4 pJ": (WITH_BIAS, torch.zeros(1, 1), 1, 4),
        "one weight, applied to two numbers of the input; 1 and 5 pJ": (ONE, torch.zeros(1, 2, 1), 1, 5),
        "one weight, its layer is used twice; 1 and 5 pJ": (Twice(check.linear([[1]])), torch.zeros(1, 1), 1, 5),
        "a filter of 2 × 1 on an image of 3 × 2; 1 and 7 pJ": (
            nn.Conv2d(1, 1, (2, 1), bias=False),
            torch.zeros(1, 1, 3, 2),
            1,
            7,
        ),
        "a filter of 2 × 2 on two images of 3 × 3; 0.3 and 160 pJ": (
            nn.Conv2d(1, 1, 2, bias=False),
            torch.zeros(2, 1, 3, 3),
            0.3,
            160,
        ),
        "weights used once and weights used 169 times, a batch of 2; 4.6 and 640 pJ": (
            nn.Sequential(nn.Conv2d(1, 1, 2, bias=False), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(169, 3)).eval(),
            torch.zeros(2, 1, 14, 14),
            4.6,
            640,
        ),
        "LeNet-300-100, 4.6 and 640 pJ": (models.LeNet300100(), torch.zeros(1, 1, 28, 28), 4.6, 640),
        "SmallCNN, a batch of 5, 0.3 and 160 pJ": (models.SmallCNN().eval(), torch.zeros(5, 1, 28, 28), 0.3, 160),
    },
    wrong={
        "x holds several inputs here, and their MACs were counted together. One input makes only its share.": " / len(x) -> ",
        "PyTorch's counter counts multiplications and additions one by one. A MAC is one of each.": " // 2 -> ",
        "The parameters are more than the weights: biases are among them, and the numbers of batch norms.": (
            " if p.dim() > 1 -> "
        ),
        "A batch that is a little too small doesn't do. The arithmetic has to cost at least as much, so round up.": [
            "math.ceil -> math.floor",
            "math.ceil -> round",
        ],
        "A batch has a whole number of inputs. Round up.": "math.ceil( -> (",
        "Where both cost exactly the same, the batch is large enough already.": (
            f"math.ceil({QUOTIENT}) -> int({QUOTIENT}) + 1"
        ),
        "The network plays no part in it: how often does it use a weight for one input?": f"{QUOTIENT} -> fetch_pj / mac_pj",
        "The quotient is upside down.": f"{QUOTIENT} -> arithmetic / (fetch_pj * weights)",
        "The inputs in x are only an example. The answer doesn't depend on how many there are.": (
            f"{QUOTIENT} -> {QUOTIENT} * len(x)"
        ),
        "The two prices are given, and may be others than those of fp32.": "mac_pj * macs -> 4.6 * macs",
        "The uses of a weight are rounded before the end. Keep the quotient whole until you round up.": (
            f"math.ceil({QUOTIENT}) -> math.ceil(fetch_pj / mac_pj / max(1, macs // len(x) // weights))"
        ),
        "": ["len(x) -> x.numel()", f"{QUOTIENT} -> weights * len(x) / macs"],
    },
    right=[by_hooks, by_one_input_alone, by_the_courses_estimate],
    steps={
        "macs": "the MACs for all of x",
        "weights": "the weights",
        "arithmetic": "the arithmetic of one input, in pJ",
    },
    passed="Each input pays for its own arithmetic, and all of them share one fetch of the weights. SmallCNN, which uses a "
    "weight a hundred times on average, needs a batch of 2 in fp32, and of 6 in int8 (0.3 and 160).",
)

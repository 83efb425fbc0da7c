"""The task of the lesson scores: the second layer of a network pruned by weight times input, each row for itself."""

import copy
import math  # noqa: F401  for a wrong version

import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from course_utils import check, models

page = check.page(globals())


class Small(nn.Module):
    """Two layers with a ReLU between them; the numbers of the first go on in another order, some as 0.5 minus the number."""

    def __init__(self, scales, weight):
        super().__init__()
        scales = torch.tensor(scales)
        self.fc1 = check.linear(torch.diag(scales).roll(1, 1), 0.5 * (scales < 0))
        self.fc2 = check.linear(weight, [0.0] * len(weight))

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


def cut_and_train(answer, net, images, left):
    cut = answer(net, images, left)
    with torch.no_grad():
        output = cut(images)
    weight = cut.fc2.weight.detach().clone()
    seen = {
        "the number of weights that are left in each row of fc2": (weight != 0).sum(1),
        "the weight of fc2": weight,
        "the weight of fc1": cut.fc1.weight.detach().clone(),
        "the output": output,
    }
    cut(images).sum().backward()
    with torch.no_grad():
        for p in cut.parameters():
            p -= 0.013 * p.grad
        cut(images)
    return seen | {"the number of zeros in fc2 after a training step": int((cut.fc2.weight[weight == 0] == 0).sum())}


def with_topk(net, images, left):
    """Finds what stays with topk, and hands over a mask."""
    net = copy.deepcopy(net)
    weight = net.fc2.weight.data
    with torch.no_grad():
        hidden = net.fc1(images.flatten(1)).clamp(min=0)
    score = weight.abs() * (hidden**2).sum(0).sqrt()
    best = score.topk(round(left * weight.shape[1]), dim=1)[1]
    mask = torch.zeros_like(weight)
    mask.scatter_(1, best, 1.0)
    prune.custom_from_mask(net.fc2, "weight", mask=mask)
    return net


def row_by_row(net, images, left):
    """A hook that sees what fc2 is given, squares in place of roots, and a loop over the rows."""
    pruned, given = copy.deepcopy(net), []
    hook = pruned.fc2.register_forward_pre_hook(lambda layer, inputs: given.append(inputs[0].detach()))
    pruned(images)
    hook.remove()
    energy = pruned.fc2.weight.detach().square() * given[0].square().mean(dim=0)
    keep = round(energy.shape[1] * left)
    for row in energy:
        order = row.sort(descending=True).indices
        row[order[:keep]] = float("inf")
        row[order[keep:]] = 0
    count = (energy == 0).sum().item()
    prune.l1_unstructured(pruned.fc2, name="weight", amount=count, importance_scores=energy)
    return pruned


class Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def by_parametrization(net, images, left):
    """Torch's parametrizations in place of masks of prune."""
    pruned = copy.deepcopy(net)
    inputs = torch.nn.functional.relu(pruned.fc1(torch.flatten(images, 1)))
    score = (pruned.fc2.weight.abs() * inputs.norm(p=2, dim=0, keepdim=True)).detach()
    place = score.argsort(dim=1, descending=True).argsort(dim=1)
    mask = (place < round(left * score.size(1))).float()
    parametrize.register_parametrization(pruned.fc2, "weight", Masked(mask))
    return pruned


PAPER = Small([1.0, 1.0], [[0.5, 0.3], [4, 3]]), torch.tensor([[1, 0.2], [1, 0], [0, 0.2]])  # those of section 2
FOUR = Small([1.0, -1.0, 2.0, 1.0], [[-6, 10, 3, -5], [9, 7, -12, -4], [-2, -8, 1, 11]])
PIXELS = torch.tensor([[0.1, 0.7, 0.1, 0.9], [0.6, 0.4, 0.8, 0.3]])
torch.manual_seed(25)  # one whose scores are all far apart
DIGITS = torch.rand(20, 1, 28, 28) * torch.rand(28, 28) ** 4  # each pixel with a brightness of its own
LENET = models.LeNet300100()
FED, NORM = "torch.relu(net.fc1(images.flatten(1))) -> ", "inputs.norm(dim=0) -> "
RANKS, GOES = "scores.argsort(dim=1).argsort(dim=1) -> ", "round(left * columns) -> "
by_wanda = page.write(
    "by_wanda",
    "Wanda, in each row",
    cases={
        "the network and the three inputs of section 2, left is 0.5": (*PAPER, 0.5),
        "three rows of four weights, left is 0.5": (FOUR, PIXELS, 0.5),
        "three rows of four weights, left is 0.3": (FOUR, PIXELS, 0.3),
        "three rows of four weights, left is 0.7": (FOUR, PIXELS, 0.7),
        "three rows of four weights, left is 1": (FOUR, PIXELS, 1.0),
        "LeNet-300-100 and 20 images, left is 0.05": (LENET, DIGITS, 0.05),
    },
    run=cut_and_train,
    wrong={
        "fc2 doesn't get the images, but what fc1 makes of them, after the ReLU.": FED + "images.flatten(1)",
        "There's a ReLU between fc1 and fc2, so negative numbers count as 0.": FED + "net.fc1(images.flatten(1))",
        "Only the magnitudes of the weights rank here. Multiply each by the norm of its own input over the images.": [
            "(net.fc2.weight.abs() * inputs.norm(dim=0)) -> net.fc2.weight.abs()",
            NORM + "inputs.norm()",
        ],
        "Only the norms of the inputs rank here. Multiply each by the magnitude of the weight.": (
            "net.fc2.weight.abs() * inputs -> torch.ones_like(net.fc2.weight) * inputs"
        ),
        "A weight counts by its magnitude, so a negative one needs abs().": "net.fc2.weight.abs() * -> net.fc2.weight *",
        "The norm of an input is taken over the images: the root of the sum of squares, which norm(dim=0) gives.": [
            NORM + "inputs.sum(dim=0)",
            NORM + "inputs.square().sum(dim=0)",
            NORM + "inputs.amax(dim=0)",
        ],
        "argsort gives positions. The argsort of these gives ranks: how many scores of the row are smaller.": (
            RANKS + "scores.argsort(dim=1)"
        ),
        "All weights of the layer compete here. Each row should keep as many as the others.": [
            RANKS + "scores",
            "amount=rows * goes, importance_scores=ranks -> amount=1 - left, importance_scores=scores",
        ],
        "The weights of a column compete here, and those of a row should.": [
            RANKS + "scores.argsort(dim=0).argsort(dim=0)",
        ],
        "A row keeps round(left * m) weights, and you take another number of them.": [
            GOES + "int(left * columns)",
            GOES + "math.ceil(left * columns)",
            "amount=rows * goes -> amount=1 - left",
        ],
        "You remove as many weights of a row as should stay.": "columns - round(left * columns) -> round(left * columns)",
        "The weights with the highest scores should stay, and you keep the lowest.": (
            "scores.argsort(dim=1).arg -> (-scores).argsort(dim=1).arg"
        ),
        "Without its mask fc2 is open to training, and the zeros move. Leave out prune.remove.": (
            '    return cut ->     prune.remove(cut.fc2, "weight")\n    return cut'
        ),
        "Only fc2 is to be cut, and fc1 lost weights, too.": (
            '    return cut ->     prune.l1_unstructured(cut.fc1, "weight", amount=1 - left)\n    return cut'
        ),
        "Each row ranks its own scores. Here one row chooses for all.": "ranks = scores. -> ranks = scores[:1].expand_as(scores).",
        "": "copy.deepcopy(net) -> net",
    },
    right=[with_topk, row_by_row, by_parametrization],
    steps={"inputs": "the inputs of fc2", "scores": "the scores"},
    passed="The score multiplies each weight by the norm of what this layer is given, and each row loses as many.",
)

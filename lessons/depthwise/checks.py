"""The check of the lesson depthwise: depthwise filters that are given only zeros are emptied, before anything is rounded."""

import copy

import torch
from torch import nn

from course_utils.checkpoints import load
from course_utils.checks import effects, exercise


@exercise(
    "Empty what is dead",
    why="A filter that multiplies only zeros may be anything, so it may be 0, and the living set the scale.",
)
def repair(model, images):
    net = copy.deepcopy(model)
    x = images
    for block in net.features:
        conv = block[0]
        if conv.groups > 1:
            largest = x.abs().amax((0, 2, 3))  #: the largest number that each filter is given
            conv.weight[largest == 0] = 0
        x = block(x)
    return net


class Small(nn.Module):
    """Blocks of 1×1 convolutions, an ordinary one and then depthwise ones; an input of 1 reaches channel c as `given[c]`."""

    def __init__(self, given, depthwise=1):
        super().__init__()
        n = len(given)
        convs = [nn.Conv2d(1, n, 1, bias=False), *(nn.Conv2d(n, n, 1, groups=n, bias=False) for _ in range(depthwise))]
        self.features = nn.Sequential(*(nn.Sequential(conv, nn.BatchNorm2d(n), nn.ReLU()) for conv in convs))
        self.requires_grad_(False).eval()
        convs[0].weight.copy_(torch.tensor(given).view(-1, 1, 1, 1))
        for conv in convs[1:]:
            conv.weight.copy_(torch.linspace(3, 1, n).view(-1, 1, 1, 1))
        self.features[1][1].bias.copy_(torch.linspace(-1, 1, n))  # so that what leaves says little of what was given

    def forward(self, x):
        return self.features(x).mean((2, 3))


def _seen(net, model, images):
    empty, x = {f"the bias of block {n}": block[1].bias.clone() for n, block in enumerate(net.features)}, images
    for n, block in enumerate(model.features):
        if block[0].groups > 1:
            given = [round(largest, 1) for largest in x.abs().amax((0, 2, 3)).tolist()[:3]]
            label = f"which filters of block {n} are 0 (the first are given at most {given})"
            empty[label] = (net.features[n][0].weight == 0).all((1, 2, 3))
        x = block(x)
    return empty | {"the outputs for these images": net(images)} | effects.weights(net)


def _image(*pixels):
    return torch.tensor(pixels).view(-1, 1, 1, 1)


repair.tries(
    also=[
        (Small([-1.0, 1.0]), _image(1.0)),
        (Small([-1.0, 1.0]), _image(1.0, -1.0)),
        (Small([1.0, 1.0]), _image(1.0)),
        (Small([-1.0, 1.0]), _image(*[1.0] * 600, -1.0, *[1.0] * 600)),  # more than a batch, before and behind
        (Small([0.0, 1.0, -1.0], 2), _image(0.5, 2.0)),
        (load("depthwise_cnn").requires_grad_(False), torch.linspace(0, 1, 2 * 784).view(2, 1, 28, 28)),
    ]
)
repair.looks({"": _seen})
repair.ideas(
    {
        "largest = block(x).amax((0, 2, 3))": "What leaves a block says little: its batch norm adds a bias. Look at what its filters are given.",
        "largest = x[:1].abs().amax((0, 2, 3))": "A filter is dead if *all* images give it 0.",
        "largest = 1.0 * (block[1].running_var >= block[1].eps)": "The variance says what happened in training. Ask these images.",
    }
)

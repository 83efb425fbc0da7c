"""The task of the lesson depthwise: depthwise filters that are given only zeros are emptied, before anything is rounded."""

import copy

import torch
from torch import nn

from course_utils import check, checkpoints

page = check.page(globals())


class Small(nn.Module):
    """Blocks of 1×1 convolutions, an ordinary one and then depthwise ones; a pixel of 1 reaches channel c as `given[c]`."""

    def __init__(self, given, depthwise=1, colours=1):
        super().__init__()
        n = len(given)
        convs = [
            nn.Conv2d(colours, n, 1, bias=False),
            *(nn.Conv2d(n, n, 1, groups=n, bias=False) for _ in range(depthwise)),
        ]
        self.features = nn.Sequential(*(nn.Sequential(conv, nn.BatchNorm2d(n), nn.ReLU()) for conv in convs))
        self.requires_grad_(False).eval()
        convs[0].weight.copy_(torch.tensor(given).view(-1, 1, 1, 1).expand(n, colours, 1, 1))
        for conv in convs[1:]:
            conv.weight.copy_(torch.linspace(3, 1, n).view(-1, 1, 1, 1))
        self.features[1][1].bias.copy_(torch.linspace(-1, 1, n))  # so that what leaves says little of what was given

    def forward(self, x):
        return self.features(x).mean((2, 3))


def pixels(*values):
    """Images of one pixel."""
    return torch.tensor(values).view(-1, 1, 1, 1)


def look(answer, model, images):
    net, seen = answer(model, images), {}
    for n, block in enumerate(net.features):
        if block[0].groups > 1:
            empty = (block[0].weight == 0).all(3).all(2).all(1).int()
            seen[f"the list of block {n}, with a 1 for each empty filter,"] = empty
    seen |= {f"the tensor {name}": tensor.clone() for name, tensor in net.state_dict().items()}
    return seen | {"the output for these images": net(images)}


def with_hooks(model, images):
    """Lets hooks look at what each convolution is given."""
    copied, given = copy.deepcopy(model), {}
    convs = [m for m in copied.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    hooks = [conv.register_forward_pre_hook(lambda conv, x: given.update({conv: x[0]})) for conv in convs]
    copied(images)
    for hook in hooks:
        hook.remove()
    for conv, x in given.items():
        conv.weight.data.mul_((x != 0).any(3).any(2).any(0).view(-1, 1, 1, 1))
    return copied


def channel_by_channel(model, images):
    """Sends the images through the first blocks of the model anew for each block, and asks channel by channel."""
    copied = copy.deepcopy(model)
    for number, block in enumerate(model.features):
        x = model.features[:number](images)
        if block[0].groups == x.shape[1] > 1:
            for channel in range(x.shape[1]):
                if not x[:, channel].any():
                    nn.init.zeros_(copied.features[number][0].weight[channel])
    return copied


def by_state(model, images):
    """Changes a state, and loads it into a copy."""
    state, x = {name: value.clone() for name, value in model.state_dict().items()}, images
    for name, block in model.features.named_children():
        weight = state[f"features.{name}.0.weight"]
        if block[0].groups > 1:
            alive = x.flatten(2).abs().sum((0, 2)) > 0
            state[f"features.{name}.0.weight"] = torch.where(alive[:, None, None, None], weight, 0.0)
        x = block(x)
    copied = copy.deepcopy(model)
    copied.load_state_dict(state)
    return copied


TWO = torch.linspace(0, 1, 2 * 784).view(2, 1, 28, 28)
repair = page.write(
    "repair",
    "Empty what is dead",
    cases={
        "two channels; the only image reaches the second one alone": (Small([-1.0, 1.0]), pixels(1.0)),
        "two channels; one image reaches the first, the other one the second": (Small([-1.0, 1.0]), pixels(1.0, -1.0)),
        "two channels, and the image reaches both": (Small([1.0, 1.0]), pixels(1.0)),
        "two channels; of 1,201 images the middle one alone reaches the first": (
            Small([-1.0, 1.0]),
            pixels(*[1.0] * 600, -1.0, *[1.0] * 600),
        ),
        "two channels; the image has two colours, one of them 0, and reaches the first channel alone": (
            Small([1.0, -1.0], colours=2),
            pixels(0.0, 1.0).view(1, 2, 1, 1),
        ),
        "three channels and two depthwise blocks; two images reach the second channel alone": (
            Small([0.0, 1.0, -1.0], 2),
            pixels(0.5, 2.0),
        ),
        "DepthwiseCNN and two images": (checkpoints.load("depthwise_cnn").requires_grad_(False), TWO),
    },
    run=look,
    wrong={
        "What leaves a block says little about its filters: the batch norm adds a bias. Look at what they read.": (
            "x.abs() -> block(x).abs()"
        ),
        "A filter is dead only if all images give it nothing but zeros. You ask a part of the images.": [
            "x.abs() -> x[:1].abs()",
            "x.abs() -> x[-1:].abs()",
            "x.abs() -> x[:512].abs()",
            "x.abs() -> x.split(32)[-1].abs()",
        ],
        "A filter is dead only if all images give it nothing but zeros. One image with zeros isn't enough.": (
            "x.abs().amax((0, 2, 3)) -> x.abs().amax((2, 3)).amin(0)"
        ),
        "The variance says what happened in training. Ask these images.": (
            "largest == 0 -> block[1].running_var < block[1].eps"
        ),
        "Each block reads what the block before it makes, so x has to pass through every block.": "        x = block(x)\n -> ",
        "Only depthwise filters are asked, with groups > 1. Another convolution mixes all that it reads.": (
            "conv.groups > 1 -> True"
        ),
        "You empty the filters that are alive.": "largest == 0 -> largest > 0",
        "The dead filters alone are emptied. The batch norm keeps its bias, which its channel still hands on.": (
            "conv.weight[largest == 0] = 0 -> conv.weight[largest == 0] = block[1].bias[largest == 0] = 0"
        ),
        "Only the first depthwise block is repaired. Go through all of them.": (
            "conv.weight[largest == 0] = 0 -> conv.weight[largest == 0] = 0\n            break"
        ),
        "": [
            "copy.deepcopy(model) -> model",
            "largest == 0 -> largest == largest.min()",
        ],
    },
    right=[with_hooks, channel_by_channel, by_state],
    passed="A filter that multiplies only zeros may be anything, so it may be 0, and the living set the scale.",
)

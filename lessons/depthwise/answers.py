"""The exercise of the lesson depthwise: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch
from torch import nn


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


ODD = {"repair": [with_hooks, channel_by_channel, by_state]}
WRONG = {
    "repair": {
        "the model itself is changed": ("copy.deepcopy(model)", "model"),
        "by what leaves the block": ("x.abs().amax((0, 2, 3))", "block(x).abs().amax((0, 2, 3))"),
        "by the first image alone": ("x.abs()", "x[:1].abs()"),
        "by the first 512 images": ("x.abs()", "x[:512].abs()"),
        "by the last batch": ("x.abs()", "x.split(32)[-1].abs()"),
        "the bias of the batch norm as well": (
            "conv.weight[largest == 0] = 0",
            "conv.weight[largest == 0] = block[1].bias[largest == 0] = 0",
        ),
        "by the variance of the training": ("largest == 0", "block[1].running_var < block[1].eps"),
        "the first depthwise block alone": (
            "conv.weight[largest == 0] = 0",
            "conv.weight[largest == 0] = 0\n            break",
        ),
        "the living are emptied": ("largest == 0", "largest > 0"),
        "the smallest input is emptied, whether 0 or not": ("largest == 0", "largest == largest.min()"),
        "the images stay in front": ("        x = block(x)\n", ""),
    }
}
EQUIVALENT = {
    "repair": {
        "largest rounded to 2 digits": "only 0 counts, and no filter is given so little",
        "largest without its sign": "a size",
        "largest doubled": "only 0 counts",
    }
}

"""The task of the lesson structured: channels are cut out of a convolution, with everything that belongs to them."""

import copy

import torch
import torch_pruning as tp
from torch import nn

from course_utils import check, checkpoints

page = check.page(globals())


def block(n_in, n_out, side=1, start=0):
    """A block of the chain whose numbers all differ."""
    conv, norm = nn.Conv2d(n_in, n_out, side, padding=side // 2, bias=False), nn.BatchNorm2d(n_out)
    numbers = torch.tensor([3.0, -1.0, 2.0, 1.0, -2.0, 4.0, -3.0]).roll(start)
    conv.weight.data = numbers.repeat(conv.weight.numel())[: conv.weight.numel()].view(conv.weight.shape)
    for value, first in ((norm.weight.data, 1), (norm.bias.data, 2), (norm.running_mean, -1), (norm.running_var, 4)):
        value.copy_(first + torch.arange(n_out) * 0.5)
    return nn.Sequential(conv, norm, nn.ReLU())


def cut_and_compute(cut, chain, keep):
    small = cut(chain, keep)
    seen = {}
    for name, tensor in small.state_dict().items():
        layer, _, what = name.rpartition(".")
        if what != "num_batches_tracked":
            seen[f"the {what} of layer {layer}"] = tensor
    n_in = chain[0][0].weight.shape[1]
    for name, layer in small.named_modules():
        if isinstance(layer, nn.BatchNorm2d):
            seen[f"the mode of batch norm {name}"] = "training" if layer.training else "evaluation"
    seen["the number of tensors that training changes"] = len([*small.parameters()])
    seen["the output of the copy"] = small.eval()(torch.linspace(-1, 2, n_in * 16).view(1, n_in, 4, 4))
    return seen


def with_new_layers(chain, keep):
    (old, norm, relu), (reader, *rest), *others = chain
    conv = nn.Conv2d(old.in_channels, len(keep), old.kernel_size, old.stride, old.padding, bias=False)
    conv.load_state_dict({"weight": torch.stack([old.weight[k].detach() for k in keep])})
    small = nn.BatchNorm2d(len(keep), eps=norm.eps)
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(small, name).data.copy_(torch.tensor([getattr(norm, name)[k].item() for k in keep]))
    after = nn.Conv2d(len(keep), reader.out_channels, reader.kernel_size, reader.stride, reader.padding, bias=False)
    after.weight.data = reader.weight.data.index_select(1, torch.tensor(keep))
    blocks = [nn.Sequential(conv, small, relu), nn.Sequential(after, *copy.deepcopy(rest)), *copy.deepcopy(others)]
    return nn.Sequential(*blocks).eval()


def by_torch_pruning(chain, keep):
    small = copy.deepcopy(chain)
    gone = sorted(set(range(chain[0][0].out_channels)) - set(keep))
    tp.prune_conv_out_channels(small[0][0], gone)
    tp.prune_batchnorm_out_channels(small[0][1], gone)
    tp.prune_conv_in_channels(small[1][0], gone)
    return small


def by_a_boolean(chain, keep):
    small, stays = copy.deepcopy(chain), torch.zeros(len(chain[0][0].weight), dtype=torch.bool)
    stays[list(keep)] = True
    for tensor in [*small[0].parameters(), *small[0].buffers()]:
        if tensor.dim():
            tensor.data = tensor.data[stays]
    small[1][0].weight.data = small[1][0].weight.data.transpose(0, 1)[stays].transpose(0, 1).contiguous()
    return small


PAIR = nn.Sequential(block(1, 2), block(2, 1, start=1)).eval()
CHAIN = nn.Sequential(block(2, 3, 3), block(3, 3, 3, 2), block(3, 2, start=4)).eval()
STATISTICS = "norm.running_mean, norm.running_var = norm.running_mean[keep], norm.running_var[keep]"
SCALE = "norm.weight, norm.bias = nn.Parameter(norm.weight[keep]), nn.Parameter(norm.bias[keep])"
CONV = "conv.weight = nn.Parameter(conv.weight[keep])"
cut = page.write(
    "cut",
    "Cut a chain",
    cases={
        "two channels become one; keep is [0]": (PAIR, [0]),
        "two channels become one; keep is [1]": (PAIR, [1]),
        "both channels stay": (PAIR, [0, 1]),
        "three blocks with three channels; keep is [0, 2]": (CHAIN, [0, 2]),
        "the chain of SmallCNN; keep is 1, 3, 5, …": (checkpoints.load("small_cnn").features, list(range(1, 40, 2))),
    },
    run=cut_and_compute,
    same=lambda one, other: check.same(one, other, atol=1e-5),
    wrong={
        "The next convolution reads these channels, too. They are its inputs, the second axis of its weight.": (
            "    reader.weight = nn.Parameter(reader.weight[:, keep])\n -> "
        ),
        "The next convolution loses outputs. A row here is a column there, so cut its inputs, the second axis.": (
            "reader.weight[:, keep] -> reader.weight[keep]"
        ),
        "The batch norm has four numbers for each channel, and two of them stand in buffers. All of them have to be cut.": [
            f"    {STATISTICS}\n -> ",
            f"    {SCALE}\n -> ",
            (f"    {SCALE}\n -> ", f"    {STATISTICS}\n -> "),
            "running_mean[keep] -> running_mean",
            "running_var[keep] -> running_var",
        ],
        "The channels in keep go, and they should stay.": (
            f"{CONV} -> keep = [k for k in range(len(conv.weight)) if k not in keep]; {CONV}"
        ),
        "Those channels stay whose numbers are in keep, and not the first ones.": (
            f"{CONV} -> keep = list(range(len(keep))); {CONV}"
        ),
        "The batch norm keeps the numbers of the first channels, and not of those in keep.": (
            f"{SCALE} -> {SCALE.replace('[keep]', '[: len(keep)]')}"
        ),
        "The next convolution keeps its first inputs, and not those in keep.": "weight[:, keep] -> weight[:, : len(keep)]",
        "": "copy.deepcopy(chain) -> chain",
    },
    right=[with_new_layers, by_torch_pruning, by_a_boolean],
    passed="A row here is a column there, and the batch norm between them has four numbers for each channel.",
)

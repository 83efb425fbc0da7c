"""The exercise of the lesson structured: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch
import torch_pruning as tp
from torch import nn


def with_new_layers(chain, keep):
    """New modules of the right size, filled from the old ones."""
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
    """The pruning functions of the package, which are told what goes."""
    small = copy.deepcopy(chain)
    gone = sorted(set(range(chain[0][0].out_channels)) - set(keep))
    tp.prune_conv_out_channels(small[0][0], gone)
    tp.prune_batchnorm_out_channels(small[0][1], gone)
    tp.prune_conv_in_channels(small[1][0], gone)
    return small


def by_a_boolean(chain, keep):
    """Indexed by True and False, and without autograd."""
    small, stays = copy.deepcopy(chain), torch.zeros(len(chain[0][0].weight), dtype=torch.bool)
    stays[list(keep)] = True
    with torch.no_grad():
        for tensor in [*small[0].parameters(), *small[0].buffers()]:
            if tensor.dim():
                tensor.data = tensor.data[stays]
        small[1][0].weight.data = small[1][0].weight.data.transpose(0, 1)[stays].transpose(0, 1).contiguous()
    return small


ODD = {"cut": [with_new_layers, by_torch_pruning, by_a_boolean]}
WRONG = {
    "cut": {
        "the next convolution reads as many channels as before": (
            "    reader.weight = nn.Parameter(reader.weight[:, keep])\n",
            "",
        ),
        "the next convolution loses its outputs": ("reader.weight[:, keep]", "reader.weight[keep]"),
        "the batch norm's statistics stay": (
            "    norm.running_mean, norm.running_var = norm.running_mean[keep], norm.running_var[keep]\n",
            "",
        ),
        "the batch norm stays": (
            "    norm.weight, norm.bias = nn.Parameter(norm.weight[keep]), nn.Parameter(norm.bias[keep])\n"
            "    norm.running_mean, norm.running_var = norm.running_mean[keep], norm.running_var[keep]\n",
            "",
        ),
        "the first channels of the batch norm": (
            "nn.Parameter(norm.weight[keep]), nn.Parameter(norm.bias[keep])",
            "nn.Parameter(norm.weight[: len(keep)]), nn.Parameter(norm.bias[: len(keep)])",
        ),
        "the first channels that the next convolution reads": ("weight[:, keep]", "weight[:, : len(keep)]"),
        "the chain itself is cut": ("copy.deepcopy(chain)", "chain"),
        "the channels that shall stay go": (
            "    conv, norm, _ = small[0]\n",
            "    conv, norm, _ = small[0]\n    keep = [k for k in range(len(conv.weight)) if k not in keep]\n",
        ),
    }
}
EQUIVALENT = {"cut": {"variance without its sign": "a variance is never negative"}}

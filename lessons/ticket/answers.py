"""the lesson `ticket`: plausible wrong answers and odd but right ones, as a learner would write them."""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize, prune


def copies_the_network(make, train, rounds):
    net, masks = make(), []
    first = copy.deepcopy(net)
    for _ in range(rounds):
        train(net)
        for layer in net.children():
            prune.l1_unstructured(layer, name="weight", amount=0.5)
        masks.append([dict(layer.named_buffers())["weight_mask"] for layer in net.children()])
        with torch.no_grad():
            for layer, old in zip(net.children(), first.children(), strict=True):
                layer.weight_orig.copy_(old.weight)
                if layer.bias is not None:
                    layer.bias.copy_(old.bias)
    ticket = copy.deepcopy(first)
    for layer, mask in zip(ticket.children(), masks[-1], strict=True):
        prune.custom_from_mask(layer, "weight", mask)
    return masks, ticket


def masks_by_hand(make, train, rounds):
    first, found = make(), []
    masks = [torch.ones_like(layer.weight) for layer in first.children()]
    for _ in range(rounds):
        net = copy.deepcopy(first)
        for layer, mask in zip(net.children(), masks, strict=True):
            prune.custom_from_mask(layer, "weight", mask)
        train(net)
        for at, layer in enumerate(net.children()):
            size = torch.where(masks[at] > 0, layer.weight_orig.detach().abs(), -1.0).flatten()
            new = torch.zeros_like(size)
            new[size.argsort(descending=True)[: int(masks[at].sum()) // 2]] = 1
            masks[at] = new.view_as(masks[at])
        found.append(list(masks))
    for layer, mask in zip(first.children(), masks, strict=True):
        prune.custom_from_mask(layer, "weight", mask)
    return found, first


class _Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def parametrizes(make, train, rounds):
    first, found = make(), []
    masks = [np.ones(tuple(layer.weight.shape), dtype=np.float32) for layer in first.children()]
    for _ in range(rounds + 1):
        net = copy.deepcopy(first)
        for layer, mask in zip(net.children(), masks, strict=True):
            parametrize.register_parametrization(layer, "weight", _Masked(torch.from_numpy(mask)))
        if len(found) == rounds:
            return found, net
        train(net)
        sizes = [layer.weight.detach().abs().numpy() for layer in net.children()]
        masks = [
            np.float32(size > np.median(size[mask > 0])) if mask.sum() > 1 else mask
            for size, mask in zip(sizes, masks, strict=True)
        ]
        found.append(masks)


def fills_a_new_network(make, train, rounds):
    net, masks = make(), ()
    kept = [value.detach().numpy().copy() for _, value in sorted(net.named_parameters())]
    for _ in range(rounds):
        train(net)
        for layer in net.children():
            prune.l1_unstructured(layer, "weight", amount=0.5)
        masks += (tuple(layer.weight_mask.bool() for layer in net.children()),)
        for (_, value), old in zip(sorted(net.named_parameters()), kept, strict=True):
            value.data.copy_(torch.from_numpy(old))
    return masks, net


ODD = {"find_ticket": [copies_the_network, masks_by_hand, parametrizes, fills_a_new_network]}

WRONG = {
    "find_ticket": {
        "the copy is the network's own memory": ("value.clone()", "value"),
        "the rewind hands over the copy": ("value.copy_(first[", "value.data = (first["),
        "new values in place of the first": (
            "net, masks = make(), []\n    first = {name: value.clone() for name, value in net.",
            "net, masks = make(), []\n    first = {name: value.clone() for name, value in make().",
        ),
        "prunes by the first values": ("        train(net)\n        for layer", "        for layer"),
        "the amount counts from all weights": ("amount=0.5", "amount=1 - 0.5 ** (len(masks) + 1)"),
        "the zeros are written, and no mask is on": (
            "    return masks, net",
            "    for layer in net.children():\n"
            "        layer.weight.data = layer.weight_orig.data * layer.weight_mask\n"
            "        prune.remove(layer, 'weight')\n"
            "    return masks, net",
        ),
        "never more than three rounds": ("range(rounds)", "range(min(rounds, 3))"),
        "only the biases are rewound": ('_orig")])', '_orig")] if "bias" in name else value)'),
    }
}

EQUIVALENT = {}

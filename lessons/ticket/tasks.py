"""The task of the lesson ticket: a lottery ticket is found in a small network."""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from course_utils import check
from lessons.ticket.networks import Draws, adds, computed

page = check.page(globals())


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


FIRST, ADDED = (
    (0.3, -0.1, 0.35, -0.4),
    (0.2, 0.08, -0.32, -0.2),
)  # the four weights of section 2, and what training adds


def found(answer, make, train, rounds):
    masks, ticket = answer(make, train, rounds)
    seen = {"the number of masks of each round": [len(row) for row in masks]}
    for number, row in enumerate(masks):
        seen |= {f"masks[{number}][{at}]": torch.as_tensor(mask).float() for at, mask in enumerate(row)}
    (weights, biases), kept = computed(ticket), copy.deepcopy(ticket.state_dict())
    train(ticket)
    for at, (old, new) in enumerate(zip(weights, computed(ticket)[0], strict=True)):
        zeros = int(((old == 0) & (new == 0)).sum())
        seen[f"the number of weights of layer {at} that are 0 before and after another training"] = zeros
    ticket.load_state_dict(kept)
    seen |= {f"the weight of layer {at} of the ticket": weight for at, weight in enumerate(weights)}
    return seen | {f"the bias of layer {at} of the ticket": bias for at, bias in enumerate(biases)}


find_ticket = page.write(
    "find_ticket",
    "Find a ticket",
    cases={
        "Linear(4, 1) without a bias, one round": (Draws((4, 1), FIRST), adds(ADDED), 1),
        "Linear(4, 1) without a bias, two rounds": (Draws((4, 1), FIRST), adds(ADDED), 2),
        "Linear(4, 2), two rounds, another training": (Draws((4, 2), FIRST), adds((0.2, -0.2, 0.08, -0.32)), 2),
        "two layers of 2 by 2, the second with a bias, two rounds": (Draws((2, 2, 2), FIRST), adds(ADDED), 2),
        "four layers of 2 by 2, one round": (Draws((2,) * 5, FIRST), adds(ADDED), 1),
        "Linear(4, 4), four rounds": (Draws((4, 4), FIRST), adds(ADDED), 4),
    },
    run=found,
    wrong={
        "The ticket holds trained numbers. Keep a copy of the first ones, and rewind all weights and biases to it, after the last round, too.": [
            "value.clone() -> value",
            '_orig")]) -> _orig")] if "bias" in name else value)',
            'first[name.removesuffix("_orig")] -> first[name.removesuffix("_orig")] if len(masks) < rounds else value',
            'first[name.removesuffix("_orig")] -> first[name] if name in first and "bias" not in name else value',
            'first[name.removesuffix("_orig")] -> value if "bias" in name else first[name.removesuffix("_orig")]',
        ],
        "The rewind hands the kept tensors over to the network, and the next training overwrites them. Copy the numbers into place.": "value.copy_(first[ -> value.data = (first[",
        "Rewind after every round, and not only at the end: each training begins with the first numbers.": 'first[name.removesuffix("_orig")] -> first[name.removesuffix("_orig")] if len(masks) == rounds else value',
        "A second call of make draws other values. The ticket has those with which the search began.": "net, masks = make(), []\n    first = {name: value.clone() for name, value in net. -> net, masks = make(), []\n    first = {name: value.clone() for name, value in make().",
        "Train before you prune: the mask keeps what is largest after a training.": "        train(net)\n        for layer ->         for layer",
        "An amount counts from the weights that are left, so it is a half in every round and doesn't grow.": "amount=0.5 -> amount=1 - 0.5 ** (len(masks) + 1)",
        "The zeros are written into the weights, and no mask is on. Another training would move them.": "    return masks, net ->     for layer in net.children():\n        layer.weight.data = layer.weight_orig.data * layer.weight_mask\n        prune.remove(layer, 'weight')\n    return masks, net",
        "": ["range(rounds) -> range(min(rounds, 3))"],
    },
    right=[copies_the_network, masks_by_hand, parametrizes, fills_a_new_network],
    passed="The trainings only choose what stays. What you hand back is as random as on the first day, and each mask was found among what the last one left.",
)

"""The check of the lesson `ticket`, the lottery ticket hypothesis."""

import copy
from functools import partial
from itertools import pairwise

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checks import effects, exercise

FIRST, STEP = (0.3, -0.1, 0.35, -0.4), (0.2, 0.08, -0.32, -0.2)  # the four weights of section 2, and what training adds


def _net(widths, drawn):
    net = nn.Sequential(*(nn.Linear(*size, bias=at % 2 == 1) for at, size in enumerate(pairwise(widths))))
    for at, value in enumerate(net.parameters(), drawn):
        numbers = [FIRST[(at + n) % 4] * (1 + n // 4 / 8) for n in range(value.numel())]
        value.data = torch.tensor(numbers).view(value.shape).round(decimals=3)
    return net


def _adds(step):
    def train(net):
        ones, gain = torch.ones(next(net.children()).in_features), 0
        net(ones), net.zero_grad()
        for layer in net.children():
            weight, bias = layer.weight.flatten(), torch.zeros(1) if layer.bias is None else layer.bias
            zeros_last = weight[(weight == 0).int().argsort(stable=True)]
            steps = torch.tensor(step).repeat(len(weight) // 4) + bias.detach()[0]
            gain = gain + (zeros_last * steps).sum() + step[0] * bias.sum()
        gain.backward()
        torch.optim.SGD(net.parameters(), lr=1, maximize=True).step()
        net(ones)

    train.__name__ = f"<adds {step}, and a layer's first bias, to its weights, zeros last; {step[0]} to its biases>"
    return train


@exercise(
    "Find a ticket",
    trust="it trains networks, and gives one",
    why="The trainings only choose what stays. What you hand back is as random as on the first day, and each mask was "
    "found among what the last one left.",
)
def find_ticket(make, train, rounds):
    net, masks = make(), []
    first = {name: value.clone() for name, value in net.state_dict().items()}  #: the first numbers, copied
    for _ in range(rounds):
        train(net)
        for layer in net.children():
            prune.l1_unstructured(layer, "weight", amount=0.5)
        masks.append([layer.weight_mask for layer in net.children()])
        for name, value in net.named_parameters():
            value.data = first[name.removesuffix("_orig")].clone()
    return masks, net


def _seen(back, _, train, __):
    masks, ticket = back
    found = {"how many masks each round has": [len(row) for row in masks]}
    found |= {f"`masks[{n}]`": [torch.as_tensor(mask).float() for mask in row] for n, row in enumerate(masks)}
    (weights, biases), kept = effects.computed(ticket), copy.deepcopy(ticket.state_dict())
    train(ticket)
    after, _ = effects.computed(ticket)
    ticket.load_state_dict(kept)
    bare = any(not ((old == 0) & (new == 0)).any() for old, new in zip(weights, after, strict=True))
    worn = effects.Said("none that holds in training" if bare else "one on each layer")
    return found | {"the ticket's masks": worn, "the ticket's weights": weights, "the ticket's biases": biases}


_seen.entry = "{}"
_make = {
    widths: effects.Draws(partial(_net, widths)) for widths in [(4, 1), (2, 2), (4, 2), (2,) * 3, (2,) * 5, (4, 4)]
}
find_ticket.tries(
    make=st.sampled_from(list(_make.values())[:4]),
    train=st.sampled_from([STEP, (0.2, 0.08, -0.32, -0.5), (0.2, -0.2, 0.08, -0.32)]).map(_adds),
    rounds=st.integers(1, 2),
    also=[(_make[w], _adds(STEP), n) for w, n in [((4, 1), 1), ((4, 1), 2), ((2,) * 5, 1), ((4, 4), 4)]],
)
find_ticket.looks({"the result": _seen})
find_ticket.ideas(
    {
        "value.data = value.data": "The ticket holds trained numbers. Is it rewound at the end? Is `first` a copy, by "
        "`copy.deepcopy` or `clone()`? Under a mask rewind `weight_orig`: `weight` is computed from it.",
        "value.data = first[name.removesuffix('_orig')]": "Your rewind hands the kept tensors over to the network, and "
        "the next training overwrites them. copy_() copies the numbers into place.",
        "value.data = first[name.removesuffix('_orig')].clone() if len(masks) == rounds else value.data": "Rewind after "
        "every round, and not only at the end: each training begins with the first numbers.",
        "first = {name: value.clone() for name, value in make().state_dict().items()}": "A second call of make() draws "
        "other values. The ticket has those with which the search began.",
        "train = (lambda t: lambda n: prune.is_pruned(n) and t(n))(train)": "Prune after training, before the rewind.",
    }
)

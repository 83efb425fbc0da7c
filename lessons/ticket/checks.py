"""The check of the lesson `ticket`, the lottery ticket hypothesis."""

import functools  # noqa: F401  a line of an idea uses it
from itertools import pairwise

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checks import effects, exercise
from course_utils.exercises.values import show

FIRST, STEP = (0.3, -0.1, 0.35, -0.4), (0.2, 0.08, -0.32, -0.2)  # the four weights of section 2, and what training adds


class _Make:
    drawn = 0

    def __init__(self, widths):
        self.widths = widths

    def __call__(self):
        self.drawn += 1
        net = nn.Sequential(*(nn.Linear(*size, bias=at % 2 == 1) for at, size in enumerate(pairwise(self.widths))))
        for at, value in enumerate(net.parameters(), self.drawn - 1):
            numbers = [FIRST[(at + n) % 4] * (1 + n // 4 / 8) for n in range(value.numel())]
            value.data = torch.tensor(numbers).view(value.shape).round(decimals=3)
        return net

    def __repr__(self):
        return f"<draws {show(dict(_Make(self.widths)().state_dict()))}; then others>"


def _adds(step):
    def train(net):
        ones = torch.ones(next(net.children()).in_features)
        net(ones), net.zero_grad()
        gain = sum(step[0] * layer.bias.sum() for layer in net.children() if layer.bias is not None)
        for weight in [layer.weight.flatten() for layer in net.children()]:
            zeros_last = weight[(weight == 0).int().argsort(stable=True)]
            gain = gain + (zeros_last * torch.tensor(step).repeat(len(weight) // 4)).sum()
        gain.backward()
        torch.optim.SGD(net.parameters(), lr=1, maximize=True).step()
        net(ones)

    train.__name__ = f"<adds {step} in turn to each layer's weights, zeros last, and {step[0]} to its biases>"
    return train


@exercise(
    "Find a ticket",
    trust="it trains networks, and gives one",
    why="The trainings only choose what stays. What you hand back is as random as on the first day, and each mask was "
    "found among what the last one left.",
)
def find_ticket(make, train, rounds):
    net, masks = make(), []
    first = {name: value.clone() for name, value in net.state_dict().items()}
    for _ in range(rounds):
        train(net)
        for layer in net.children():
            prune.l1_unstructured(layer, "weight", amount=0.5)
        masks.append([layer.weight_mask for layer in net.children()])
        for name, value in net.named_parameters():
            value.data = first[name.removesuffix("_orig")].clone()
    return masks, net


def _computes(net):  # whatever masks it: a layer's outputs tell its weights and its bias
    biases = [layer(torch.zeros(layer.in_features)) for layer in net.children()]
    products = [layer(torch.eye(layer.in_features)) for layer in net.children()]
    return [(p - bias).T.round(decimals=4) for p, bias in zip(products, biases, strict=True)], biases


def _seen(back, _, train, __):
    masks, ticket = back
    found = {f"masks of round {n}": [torch.as_tensor(m).float() for m in row] for n, row in enumerate(masks, 1)}
    (weights, biases), _, (trained, _) = _computes(ticket), train(ticket), _computes(ticket)
    bare = any(not ((old == 0) & (new == 0)).any() for old, new in zip(weights, trained, strict=True))
    worn = "The ticket carries no mask: put it on with `prune`" if bare else "on each layer"
    return found | {"mask of the ticket": effects.Said(worn), "weights of the ticket": weights, "its biases": biases}


find_ticket.tries(
    make=st.sampled_from([(4, 1), (2, 2), (4, 2), (2, 2, 2)]).map(_Make),
    train=st.sampled_from([STEP, (0.2, 0.08, -0.32, -0.5), (0.2, -0.2, 0.08, -0.32)]).map(_adds),
    rounds=st.integers(1, 2),
    also=[(_Make(widths), _adds(STEP), n) for widths, n in [((4, 1), 1), ((4, 1), 2), ((2,) * 5, 1), ((4, 4), 4)]],
)
find_ticket.looks({"the result": _seen})
find_ticket.ideas(
    {
        "value.data = value.data": "Nothing is rewound. `first = net` or a state_dict() is a second name of the same "
        "numbers, and they are trained; clone() copies them.",
        "value.data = first[name.removesuffix('_orig')]": "Your rewind hands the kept tensors over to the network, and "
        "the next training overwrites them. copy_() copies the numbers into place.",
        "first = {name: value.clone() for name, value in make().state_dict().items()}": "A second call of make() draws "
        "other values. The ticket has those with which the search began.",
        "train = (lambda t: lambda n: prune.is_pruned(n) and t(n))(train)": "Prune after training, before the rewind.",
        "train = functools.cache(train)": "Each round trains with the masks of the rounds before.",
    }
)

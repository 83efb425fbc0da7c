"""The check of the lesson `ticket`, the lottery ticket hypothesis."""

from dataclasses import dataclass, field
from itertools import pairwise

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checks import exercise

FIRST, GOAL = (0.3, -0.1, 0.2, -0.4), (0.5, -0.02, 0.03, -0.6)  # the four weights of section 2


def _spread(numbers, like):
    """These numbers in the shape of a tensor, a little larger with each turn, so that no two are of one size."""
    turns = [number * 1.1**turn for turn in range(like.numel()) for number in numbers]
    return torch.tensor(turns[: like.numel()]).view(like.shape)


@dataclass
class _Make:
    """Draws a network, the first with these values, and each later one with the same values in another order."""

    first: tuple
    widths: tuple
    bias: bool
    drawn: int = field(default=0, compare=False)

    def __call__(self):
        net = nn.Sequential(*(nn.Linear(i, o, self.bias) for i, o in pairwise(self.widths)))
        for value in net.parameters():
            value.data = _spread(self.first[self.drawn % 4 :] + self.first[: self.drawn % 4], value)
        self.drawn += 1
        return net

    def __repr__(self):
        layers = ", ".join(f"Linear({i}, {o})" for i, o in pairwise(self.widths))
        return f"<first draws {layers}{' with bias' * self.bias}: {self.first}, …>"


@dataclass
class _Train:
    """One step towards these outputs for the unit vectors; a single layer without bias has them as weights then."""

    goal: tuple

    def __call__(self, net):
        inputs = torch.eye(next(net.children()).in_features)
        (net(inputs) - _spread(self.goal, net(inputs))).square().sum().div(2).backward()
        torch.optim.SGD(net.parameters(), lr=1.0).step()
        net.zero_grad()
        net(inputs)  # the hook computes weight anew

    def __repr__(self):
        return f"<moves the weights towards {self.goal}>"


@exercise(
    "Find a ticket",
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
        masks.append([layer.weight_mask.clone() for layer in net.children()])
        for name, value in net.named_parameters():
            value.data = first[name.removesuffix("_orig")].clone()
    return masks, net


def _masks(back, *_):
    return {
        f"round {n}, layer {at}": mask.float() for n, masks in enumerate(back[0], 1) for at, mask in enumerate(masks, 1)
    }


def _weights(back, *_):
    layers = enumerate(back[1].children(), 1)
    return {f"layer {at}": layer.weight_orig * layer.weight_mask for at, layer in layers}


def _trained(back, make, train, rounds):
    train(back[1])
    return {name: weight == 0 for name, weight in _weights(back).items()}


find_ticket.tries(
    st.tuples(
        st.builds(_Make, st.just(FIRST), st.sampled_from([(4, 1), (2, 2), (4, 2), (2, 4, 2)]), st.booleans()),
        st.builds(_Train, st.permutations(GOAL).map(tuple)),
        st.integers(1, 2),
    ),
    also=[(_Make(FIRST, (4, 1), False), _Train(GOAL), rounds) for rounds in (1, 2)],
)
find_ticket.looks(
    {
        "the masks": _masks,
        "the weights of the ticket": _weights,
        "the biases of the ticket": lambda back, *_: [layer.bias for layer in back[1].children()],
        "which of the ticket's weights stay zero in a training": _trained,
    }
)
find_ticket.ideas(
    {
        "value.data = value.data": "Nothing is rewound. A kept copy that shares its memory with the network, as a "
        "state_dict() does, is trained along with it: clone() copies the numbers.",
        "value.data = first[name.removesuffix('_orig')]": "Your rewind hands the kept tensors over to the network, and "
        "the next training overwrites them. copy_() copies the numbers into place.",
        "first = {name: value.clone() for name, value in make().state_dict().items()}": "A second call of make() draws "
        "other values. The ticket has those with which the search began.",
        "prune.l1_unstructured(layer, 'weight', amount=1 - 0.5 ** (len(masks) + 1))": "Your amount grows from round to "
        "round, and PyTorch counts it from what is left. Half of what is left is 0.5, each time.",
    }
)

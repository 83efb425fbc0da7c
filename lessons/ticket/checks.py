"""The check of the lesson `ticket`, the lottery ticket hypothesis."""

from itertools import pairwise

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checks import exercise

FIRST, STEP = (0.3, -0.1, 0.35, -0.4), (0.2, 0.08, -0.32, -0.2)  # the four weights of section 2, and what training adds


def _spread(numbers, like):
    """These numbers in the shape of a tensor, a little larger with each turn, so that no two are of one size."""
    turns = [number * 1.1**turn for turn in range(like.numel()) for number in numbers]
    return torch.tensor(turns[: like.numel()]).view(like.shape)


class _Make:
    def __init__(self, *widths):
        self.widths, self.drawn = widths, 0

    def __call__(self):
        self.drawn += 1
        net = nn.Sequential(*(nn.Linear(*pair) for pair in pairwise(self.widths)))
        for value in net.parameters():
            value.data = _spread(FIRST, value) * self.drawn
        return net

    def __repr__(self):
        layers = ", ".join(f"Linear{pair}" for pair in pairwise(self.widths))
        return f"<first draws {layers}: {FIRST}, …>"


class _Train:
    def __init__(self, step):
        self.step = tuple(step)

    def __call__(self, net):
        for value in net.parameters():
            value.data.add_(_spread(self.step, value))
        net(torch.ones(next(net.children()).in_features))  # the hook computes weight anew

    def __repr__(self):
        return f"<adds {self.step} to the weights>"


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
        masks.append([layer.weight_mask for layer in net.children()])
        for name, value in net.named_parameters():
            value.data = first[name.removesuffix("_orig")].clone()
    return masks, net


def _masks(back, *_):
    masks, _ = back
    return {f"round {n}, layer {at}": mask.float() for n, one in enumerate(masks, 1) for at, mask in enumerate(one, 1)}


def _weights(back, *_):
    return {f"layer {at}": layer.weight_orig * layer.weight_mask for at, layer in enumerate(back[1].children(), 1)}


find_ticket.tries(
    make=st.builds(lambda widths: _Make(*widths), st.sampled_from([(4, 1), (2, 2), (4, 2), (2, 4, 2)])),
    train=st.sampled_from([STEP, (0.2, -0.2, 0.08, -0.32), (0.08, -0.2, 0.2, -0.32)]).map(_Train),
    rounds=st.integers(1, 2),
    also=[(_Make(4, 1), _Train(STEP), rounds) for rounds in (1, 2)],
)
find_ticket.looks(
    {
        "the masks": _masks,
        "the weights of the ticket": _weights,
        "the biases of the ticket": lambda back, *_: [layer.bias for layer in back[1].children()],
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

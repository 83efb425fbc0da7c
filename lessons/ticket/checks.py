"""The check of the lesson `ticket`, the lottery ticket hypothesis."""

import copy

import torch
from hypothesis import strategies as st
from torch.nn.utils import prune

from course_utils.checks import effects, exercise
from lessons.ticket.networks import Draws, adds, computed

FIRST, STEP = (0.3, -0.1, 0.35, -0.4), (0.2, 0.08, -0.32, -0.2)  # the four weights of section 2, and what training adds


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


def _seen(back, _, train, __):
    masks, ticket = back
    found = {"how many masks each round has": [len(row) for row in masks]}
    found |= {f"`masks[{n}]`": [torch.as_tensor(mask).float() for mask in row] for n, row in enumerate(masks)}
    (weights, biases), kept = computed(ticket), copy.deepcopy(ticket.state_dict())
    train(ticket)
    stay = [((old == 0) & (new == 0)).any() for old, new in zip(weights, computed(ticket)[0], strict=True)]
    ticket.load_state_dict(kept)
    worn = effects.Said("one on each layer" if all(stay) else "none that holds in training")
    return found | {"the ticket's masks": worn, "the ticket's weights": weights, "the ticket's biases": biases}


_makes = [Draws(widths, FIRST) for widths in [(4, 1), (2, 2), (4, 2), (2,) * 3, (2,) * 5, (4, 4)]]
find_ticket.tries(
    make=st.sampled_from(_makes[:4]),
    train=st.sampled_from([STEP, (0.2, 0.08, -0.32, -0.5), (0.2, -0.2, 0.08, -0.32)]).map(adds),
    rounds=st.integers(1, 2),
    also=[(_makes[at], adds(STEP), rounds) for at, rounds in [(0, 1), (0, 2), (4, 1), (5, 4)]],
)
find_ticket.looks({"": _seen})
_kept = "first[name.removesuffix('_orig')]"
_now = "value.data"
_trained = (f"{_now} = {_kept}.clone() if len(masks) < rounds else {_now}", f"{_now} = {_now}")
_trained += (f"{_now} = {_now} if '_orig' in name else {_kept}.clone()",)
find_ticket.ideas(
    {
        _trained: "The ticket holds trained numbers. Is it rewound at the end, too? Is `first` a copy, by `copy.deepcopy` "
        "or `clone()`? Under a mask rewind `weight_orig`: `weight` is computed from it.",
        f"value.data = {_kept}": "Your rewind hands the kept tensors over to the network, and the next training "
        "overwrites them. copy_() copies the numbers into place.",
        f"value.data = {_kept}.clone() if len(masks) == rounds else value.data": "Rewind after every round, and not only "
        "at the end: each training begins with the first numbers.",
        "first = {name: value.clone() for name, value in make().state_dict().items()}": "A second call of make() draws "
        "other values. The ticket has those with which the search began.",
        "train = (lambda t: lambda n: prune.is_pruned(n) and t(n))(train)": "Prune after training, before the rewind.",
    }
)

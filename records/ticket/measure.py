"""Train tickets with a sixth of the weights, their controls and whole networks at several rates: lesson `ticket`."""

import copy
from itertools import product

import torch
from torch.nn.utils import prune

from course_utils import runtime
from course_utils.files import ROOT
from lessons.ticket.digits import images, labels, make, put_on, test_set, train
from records import writing

NETWORKS = range(1, 7)  # seeds; the six of the lesson, but trained on fewer images
RATES = (0.0012, 0.003, 0.006, 0.012, 0.024)  # the first is the paper's, with which the masks are found
AMOUNTS = (0.6, 0.6, 0.3)  # of what is left, in each of two rounds
SEEN = len(images) * 11 // 12  # no network sees the other 5,000, and they choose the rate


def main(arguments):
    """Search, train all four of each network at each rate, and write the record: some minutes on one thread."""
    path = ROOT / "records" / "ticket" / "rates.json"
    writing.of_each(arguments, __doc__, path, NETWORKS, runs_of, "networks")


def runs_of(seed):
    """All runs of one network: whole, ticket, reinit and random mask, each at each rate, on the same batches."""
    steps = 2 if runtime.quick() else 200
    judges = (images[SEEN:], labels[SEEN:]), test_set
    torch.manual_seed(seed)
    first = make()
    masks = search(first, steps)
    by_lot = [mask.flatten()[torch.randperm(mask.numel())].view_as(mask) for mask in masks]
    arms = {"all": (first, ()), "ticket": (first, masks), "reinit": (make(), masks), "random": (first, by_lot)}
    for (arm, (start, chosen)), rate in product(arms.items(), RATES):
        net = copy.deepcopy(start)
        if chosen:
            put_on(net, chosen)
        torch.manual_seed(100 + seed)
        train(net, steps, rate=rate, seen=SEEN)
        yield {"network": seed, "arm": arm, "rate": rate, **writing.right(net, *judges)}


def search(first, steps):
    """The masks after two rounds of training, pruning and rewinding."""
    net = copy.deepcopy(first)
    for _ in range(2):
        train(net, steps, seen=SEEN)
        for layer, amount in zip(net.children(), AMOUNTS, strict=True):
            prune.l1_unstructured(layer, "weight", amount=amount)
        with torch.no_grad():
            for name, value in net.named_parameters():
                value.copy_(first.get_parameter(name.removesuffix("_orig")))
    return [layer.weight_mask for layer in net.children()]

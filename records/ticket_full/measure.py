"""Train what can be put under a ticket's mask, and a narrow network, at several rates: lesson `ticket_full`."""

import copy
from itertools import product

import torch
from torch import nn
from torch.nn.utils import prune

from course_utils import runtime
from course_utils.files import ROOT
from lessons.ticket.digits import images, labels, make, put_on, test_set, train
from records import writing

NETWORKS = range(1, 7)  # seeds
RATES = (0.0012, 0.003, 0.006, 0.012, 0.024, 0.048)  # of the training that is judged; the first is the paper's
FOUND_AT = (0.0012, 0.006)  # the rates with which the masks are found
AMOUNTS = (0.6, 0.6, 0.3)  # of what is left, in each of three rounds
SEEN = len(images) * 11 // 12  # no network sees the other 5,000, and they choose the rate


def main(arguments):
    """Search, train all arms of each network at each rate, and write the record: ten minutes on one thread."""
    path = ROOT / "records" / "ticket_full" / "worth.json"
    writing.of_each(arguments, __doc__, path, NETWORKS, runs_of, "networks")


def runs_of(seed):
    """All runs of one network, each arm untrained and at each rate; the arms of a network get the same batches."""
    steps = 2 if runtime.quick() else 200
    torch.manual_seed(seed)
    first, fresh, narrow = make(), make(), small()
    starts = {
        "ticket": first,
        "own signs": mixed(first, sizes=fresh, signs=first),
        "own sizes": mixed(first, sizes=first, signs=fresh),
        "new values": mixed(first, sizes=fresh, signs=fresh),
    }
    for found_at in FOUND_AT:
        torch.manual_seed(200 + seed)
        trained, masks = search(first, found_at, steps)
        arms = {arm: put_on(copy.deepcopy(start), masks) for arm, start in starts.items()} | {"trained on": trained}
        for (arm, start), rate in product(arms.items(), (0, *RATES)):
            yield {"network": seed, "found_at": found_at, "arm": arm, "rate": rate, **judged(start, seed, rate, steps)}
    for rate in (0, *RATES):
        where = {"network": seed, "found_at": None, "arm": "narrow", "rate": rate}
        yield {**where, **judged(narrow, seed, rate, 4 * steps)}


def judged(start, seed, rate, steps):
    """What a copy of a network gets right after a training; with a rate of 0 it stays as it is."""
    with torch.no_grad():
        start(images[:1])  # computes masked weights anew, without a gradient, so that they can be copied
    net = copy.deepcopy(start)
    torch.manual_seed(100 + seed)
    if rate:
        train(net, steps, rate=rate, seen=SEEN)
    return writing.right(net, (images[SEEN:], labels[SEEN:]), test_set)


def small():
    """A network without a mask, with as many weights as the ticket, drawn by the same rule."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 22), nn.ReLU(), nn.Linear(22, 10))
    for layer in net[1::2]:
        nn.init.xavier_normal_(layer.weight)
    return net


def mixed(first, sizes, signs):
    """A copy of `first`, biases included, whose weights have the sizes of one network and the signs of another."""
    net = copy.deepcopy(first)
    for layer, size, sign in zip(net.children(), sizes.children(), signs.children(), strict=True):
        layer.weight.data = size.weight.data.abs() * sign.weight.data.sign()
    return net


def search(first, rate, steps):
    """The network after three rounds, its weights as the third training left them, and its masks."""
    net = copy.deepcopy(first)
    for n in range(3):
        if n:
            with torch.no_grad():
                for name, value in net.named_parameters():
                    value.copy_(first.get_parameter(name.removesuffix("_orig")))
        train(net, steps, rate=rate, seen=SEEN)
        for layer, amount in zip(net.children(), AMOUNTS, strict=True):
            prune.l1_unstructured(layer, "weight", amount=amount)
    return net, [layer.weight_mask for layer in net.children()]

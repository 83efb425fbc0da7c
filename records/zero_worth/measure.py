"""Cut a trained network in its first layer, in all, or in their number, at equal weights: lesson `zero_worth`."""

import copy
import sys
from functools import partial
from itertools import pairwise, product

import torch
from torch import nn
from tqdm import tqdm

from course_utils import data, runtime, training
from course_utils.files import ROOT
from records import writing

SEEDS = 3
WIDTHS = (200, 200, 200, 200)  # hidden layers of the trained network, as in the lesson zero_worth
SIDES = (784, 10)  # an image, and its classes
BUDGETS = (120_000, 90_000)  # weights that are left; the first layer cut alone cannot come below 82,984
SHAPES = {  # arm -> the hidden widths with `w` units where it cuts
    "first layer alone": lambda w: (w, *WIDTHS[1:]),
    "4 layers narrower": lambda w: (w, w, w, w),
    "3 layers left, narrower": lambda w: (w, w, w),
    "2 layers left, narrower": lambda w: (w, w),
    "1 layer left, narrower": lambda w: (w,),
}
ORIGINS = ("norm", "chance", "fresh")  # which units stay; fresh: none, the shape is trained from new weights
STEPS = (300, 1_200)
RATES = (3e-4, 1e-3, 3e-3)
TRAINED_ON, HELD_OUT = 20_000, 5_000


def main(arguments):
    """Train, cut and fine-tune all arms, and write the record: a quarter of an hour on one thread."""
    path = ROOT / "records" / "zero_worth" / "width_and_depth.json"
    args = writing.options("zero_worth", __doc__, path).parse_args(arguments)
    seeds, budgets, rates = (1, BUDGETS[1:], RATES[:1]) if runtime.quick() else (SEEDS, BUDGETS, RATES)
    sets = data.load("mnist"), data.load("mnist", "test")
    runs = []
    with runtime.threads(1):
        for seed in tqdm(range(seeds), desc="networks", file=sys.stdout):
            runs += [{"seed": seed, **run} for run in of_a_network(*sets, seed, budgets, rates)]
    writing.write_runs(args.to, "python3 course.py bench zero_worth", runs)


def of_a_network(own, test, seed, budgets, rates):
    """Yield the runs of one network: every arm at each budget, with each origin, number of steps and rate."""
    digits, labels = own
    train = digits[:TRAINED_ON], labels[:TRAINED_ON]
    held_out = digits[-HELD_OUT:], labels[-HELD_OUT:]
    right = partial(writing.right, held_out=held_out, test=test)

    runtime.seed_all(seed)
    whole = network(WIDTHS)
    training.fit(whole, *train, epochs=3, lr=1e-3, batch_size=100, seed=seed, device="cpu", progress=False)
    yield {"arm": "whole", "budget": weights(WIDTHS), "origin": None, "steps": 0, "rate": None, **right(whole)}
    for budget, (arm, shape), origin in product(budgets, SHAPES.items(), ORIGINS):
        widths = fitting(shape, budget)
        runtime.seed_all(1_000 + seed)  # of chance, and of fresh weights
        start = network(widths) if origin == "fresh" else cut(whole, widths, by_chance=origin == "chance")
        what = {"arm": arm, "budget": budget, "widths": widths, "weights": weights(widths), "origin": origin}
        yield {**what, "steps": 0, "rate": None, **right(start)}
        for steps, rate in product(STEPS, rates):
            tuned = copy.deepcopy(start)
            settings = {"steps": steps, "lr": rate, "batch_size": 100, "seed": 100 + seed}
            training.fit(tuned, *train, **settings, schedule=lambda done: 1 - done, device="cpu", progress=False)
            yield {**what, "steps": steps, "rate": rate, **right(tuned)}


def network(widths):
    """A classifier of digits with hidden layers of these widths and ReLU."""
    sizes = (SIDES[0], *widths, SIDES[1])
    layers = [part for pair in pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


def weights(widths):
    """How many weights such a network has, biases not counted."""
    return sum(a * b for a, b in pairwise((SIDES[0], *widths, SIDES[1])))


def fitting(shape, budget):
    """The widths of the largest network of a shape within a budget."""
    return max((shape(w) for w in range(1, WIDTHS[0] + 1) if weights(shape(w)) <= budget), key=weights)


def cut(whole, widths, *, by_chance=False):
    """The first layers of a trained network, with as many units as `widths`, and its last one; weights are copied.

    The units that stay are those whose incoming weights have the largest L2 norm, or any. Where layers are left out,
    the last one reads a layer that it was not trained for, unit by unit.
    """
    small = network(widths)
    inner = [layer for layer in whole if isinstance(layer, nn.Linear)]
    inner = [*inner[: len(widths)], inner[-1]]
    columns = torch.arange(SIDES[0])
    with torch.no_grad():
        for old, new in zip(inner, (layer for layer in small if isinstance(layer, nn.Linear)), strict=True):
            rank = torch.rand(len(old.weight)) if by_chance else old.weight.norm(dim=1)
            rows = rank.topk(len(new.weight)).indices.sort().values
            new.weight.copy_(old.weight[rows][:, columns])
            new.bias.copy_(old.bias[rows])
            columns = rows
    return small

"""Cut one trained network in its first layer alone, in all layers, or in layers and their number, at equal weights."""

import copy
import sys
from functools import partial
from itertools import pairwise, product

import torch
from torch import nn
from tqdm import tqdm

from course_utils import data, runtime, training
from course_utils.files import ROOT
from tools.benches import _runs

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


def main(argv):
    """Train, cut and fine-tune all arms, and write the record.

    Args:
        argv: options, for example ["--seeds", "1", "--to", "record.json"].
    Returns:
        0.
    """
    target = ROOT / "records" / "zero_worth" / "width_and_depth.json"
    args = _runs.parser("width_and_depth", __doc__, seeds=3, target=target).parse_args(argv)
    sets = data.load("mnist"), data.load("mnist", "test")
    args.to.parent.mkdir(parents=True, exist_ok=True)
    runs = []
    with runtime.threads(1):
        for seed in tqdm(range(args.seeds), desc="networks", file=sys.stdout):
            runs += [{"seed": seed, **run} for run in of_a_network(*sets, seed)]
            _runs.write(args.to, " ".join(["python course.py bench width_and_depth", *argv]), runs)
    print(f"{len(runs)} runs in {args.to}")
    return 0


def of_a_network(own, test, seed):
    """Yield the runs of one network: every arm at each budget, with each origin, number of steps and rate."""
    digits, labels = own
    train = digits[:TRAINED_ON], labels[:TRAINED_ON]
    held_out = digits[-HELD_OUT:], labels[-HELD_OUT:]
    right = partial(_runs.right, held_out=held_out, test=test)

    runtime.seed_all(seed)
    whole = network(WIDTHS)
    training.fit(whole, *train, epochs=3, lr=1e-3, batch_size=100, seed=seed, device="cpu", progress=False)
    yield {"arm": "whole", "budget": weights(WIDTHS), "origin": None, "steps": 0, "rate": None, **right(whole)}
    for budget, (arm, shape), origin in product(BUDGETS, SHAPES.items(), ORIGINS):
        widths = fitting(shape, budget)
        runtime.seed_all(1_000 + seed)  # of chance, and of fresh weights
        start = network(widths) if origin == "fresh" else cut(whole, widths, by_chance=origin == "chance")
        what = {"arm": arm, "budget": budget, "widths": widths, "weights": weights(widths), "origin": origin}
        yield {**what, "steps": 0, "rate": None, **right(start)}
        for steps, rate in product(STEPS, RATES):
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

"""Prune networks by four scores, in a layer and in each row, and compare scores with the truth: lesson `scores`."""

from itertools import product

import torch
from torch.nn import functional as F

from course_utils import runtime, training
from course_utils.files import ROOT
from lessons.scores import experiment
from lessons.scores.experiment import images, labels, test_set
from records import writing

NETWORKS = range(6)  # seeds
LEFT = (0.05, 0.2)  # of the weights of each layer


def main(arguments):
    """Train, prune and compare, and write the record: some minutes on one thread."""
    path = ROOT / "records" / "scores" / "race.json"
    writing.of_each(arguments, __doc__, path, NETWORKS, runs_of, "networks")


def runs_of(seed):
    """What a network gets right whole and pruned, and how each score ranks single weights."""
    net = experiment.trained(seed)
    torch.manual_seed(1000 + seed)  # for random scores; the seed of a network would give its first weights again
    scores = experiment.scores_of(net, images[:2000], labels[:2000])
    yield {"network": seed, "arm": "whole", "test": right(net)}
    for arm, values in scores.items():
        for left, group in product(LEFT, experiment.GROUPS):
            cut = experiment.pruned(net, values, left, group)
            yield {"network": seed, "arm": arm, "group": group, "left": left, "test": right(cut)}
    yield {"network": seed, "arm": "ranks", **ranks(net, scores)}
    early = experiment.trained(seed, steps=10)
    yield {"network": seed, "arm": "ranks after 10 steps", **ranks(early, {})}


def right(net):
    return round(100 * training.evaluate(net, *test_set, batch_size=1000), 2)


def ranks(net, scores):
    """Rank correlations with the true cost of single weights, on the images of the scores and on others."""
    count = 20 if runtime.quick() else 300
    places = experiment.some_weights(net, images[:2000], count)
    row, column = places.T
    costs = {
        "same": experiment.true_costs(net, images[:2000], labels[:2000], places),
        "other": experiment.true_costs(net, images[2000:4000], labels[2000:4000], places),
    }
    net.zero_grad()
    F.cross_entropy(net(images[:2000]), labels[:2000]).backward()
    guess = -(net.fc1.weight * net.fc1.weight.grad).detach()[row, column]
    found = {}
    for where, cost in costs.items():
        found[f"guess, {where}"] = experiment.rank_correlation(guess, cost)
        found[f"size of guess, {where}"] = experiment.rank_correlation(guess.abs(), cost.abs())
        for arm, values in scores.items():
            found[f"{arm}, {where}"] = experiment.rank_correlation(values[0][row, column], cost.abs())
    return {name: round(value, 3) for name, value in found.items()}

"""Cut LeNets to a twentieth in four ways, and fine-tune them and dense ones at several rates: lesson `prune_model`."""

import copy
import sys
from itertools import product

import torch
from torch.nn.utils import prune
from tqdm import tqdm

from course_utils import data, models, runtime, training
from course_utils.files import ROOT
from records import writing

NETWORKS = range(6)
LEFT = 0.05
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
WAYS = {  # name -> what chooses the weights of a layer, and whose cut says how many
    "global": (prune.l1_unstructured, "global"),
    "local": (prune.l1_unstructured, "local"),
    "random, global's shares": (prune.random_unstructured, "global"),
    "random, local's shares": (prune.random_unstructured, "local"),
    "dense": (None, None),
}
HELD_OUT = 1 / 12  # of the training images: no network sees these 5,000, and they choose the rate


def main(arguments):
    """Train the networks, cut and fine-tune copies of each, and write the record: ten minutes on one thread."""
    path = ROOT / "records" / "prune_model" / "shares.json"
    args = writing.options("prune_model", __doc__, path).parse_args(arguments)
    images, labels = data.load("mnist")
    n = round(len(images) * (1 - HELD_OUT))
    seen, held_out = (images[:n], labels[:n]), (images[n:], labels[n:])
    judges = held_out, data.load("mnist", "test")
    networks, runs = NETWORKS[:1] if runtime.quick() else NETWORKS, []
    with runtime.threads(1), tqdm(total=len(networks) * len(WAYS) * len(RATES), file=sys.stdout) as bar:
        for network in networks:
            dense = trained(network, seen)
            runs.append({"network": network, "way": "dense", "rate": 0.0, **writing.right(dense, *judges)})
            for way, rate in product(WAYS, RATES):
                net = cut(dense, way, network)
                adam = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
                options = {"optimizer": adam, "seed": 100 + network, "device": "cpu", "progress": False}
                training.fit(net, *seen, steps=200, batch_size=25, **options)
                runs.append({"network": network, "way": way, "rate": rate, **writing.right(net, *judges)})
                bar.update()
        writing.write_runs(args.to, "python3 course.py bench prune_model", runs)


def trained(seed, seen):
    """A LeNet after one pass over the digits, in which the learning rate falls to 0."""
    torch.manual_seed(seed)
    net = models.LeNet()
    adam = torch.optim.Adam(net.parameters(), lr=0.003, fused=True)
    options = {"schedule": lambda done: 1 - done, "seed": seed, "device": "cpu", "progress": False}
    training.fit(net, *seen, batch_size=100, optimizer=adam, **options)
    return net


def cut(dense, way, seed):
    """A copy with `LEFT` of its weights; `way` says which weights a layer keeps, and whose cut says how many.

    A global cut keeps the largest weights of each layer, as a local one does, so these two things are all that differs.
    """
    net = copy.deepcopy(dense)
    if way == "dense":
        return net
    found = copy.deepcopy(dense)
    pairs = [(layer, "weight") for layer in found.children()]
    prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=1 - LEFT)
    choose, shares = WAYS[way]
    torch.manual_seed(seed)  # for a random choice
    for layer, cut_globally in zip(net.children(), found.children(), strict=True):
        choose(layer, "weight", int((cut_globally.weight_mask == 0).sum()) if shares == "global" else 1 - LEFT)
    return net

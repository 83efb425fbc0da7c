"""Train a network that has lost half of its channels, and new weights of the same shape: lesson `structured`."""

import copy
import itertools
import sys

import torch
import torch_pruning as tp

from course_utils import checkpoints, data, models, runtime, training
from course_utils.files import ROOT
from records import writing

SEEDS = 6
STEPS = (100, 300)  # of 64 images
RATES = (1e-3, 3e-3, 1e-2)  # of Adam; they fall to 0 in a straight line


def main(arguments):
    """Train all of them and write the record: half an hour on one thread, beside other programs."""
    torch.set_flush_denormal(True)
    path = ROOT / "records" / "structured" / "new_weights.json"
    writing.of_each(arguments, __doc__, path, range(SEEDS), runs_of, "seeds")


def cut():
    """The network that comes with the course without half of its channels, as in the lesson."""
    net = checkpoints.load("small_resnet")
    options = {"pruning_ratio": 0.5, "ignored_layers": [net.fc]}
    by_norm = tp.importance.GroupMagnitudeImportance(p=2)
    tp.pruner.BasePruner(net, data.load("fashion_mnist", n=1)[0], by_norm, **options).step()
    return net


def runs_of(seed):
    """All runs with one seed, which draws new weights and orders the images."""
    images, labels = data.load("fashion_mnist")
    test_images, test_labels = data.load("fashion_mnist", "test")
    fifth = len(test_images) // 5  # chooses the rate: the images that were trained on are no news to the cut network
    held_out, test = [(test_images[part], test_labels[part]) for part in (slice(fifth), slice(fifth, None))]
    torch.manual_seed(seed)
    arms = {"cut": cut(), "new weights": models.SmallResNet(16)}
    all_steps, rates = ((1,), RATES[:1]) if runtime.quick() else (STEPS, RATES)
    for (arm, start), steps in itertools.product(arms.items(), all_steps):
        nets = {rate: copy.deepcopy(start).to(memory_format=torch.channels_last) for rate in rates}
        for rate, net in nets.items():
            options = {"seed": seed, "schedule": lambda done: 1 - done, "device": "cpu", "progress": False}
            training.fit(net, images, labels, steps=steps, lr=rate, **options)
        right = {rate: round(100 * training.evaluate(net, *held_out), 2) for rate, net in nets.items()}
        best = max(right, key=right.get)
        for rate in rates:
            run = {"arm": arm, "seed": seed, "steps": steps, "rate": rate, "held_out": right[rate]}
            yield run | ({"test": round(100 * training.evaluate(nets[best], *test), 2)} if rate == best else {})


if __name__ == "__main__":
    main(sys.argv[1:])

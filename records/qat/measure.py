"""Give quantization-aware training and its opponents the best of several steps and rates: lesson `qat`."""

import copy
import sys
from functools import partial
from itertools import product

import torch
from torch import nn
from torch.nn.utils import parametrize
from tqdm import tqdm

from course_utils import data, models, runtime, training
from course_utils.files import ROOT
from records import writing

SEEDS = 5
RATES = (1e-4, 3e-4, 1e-3, 3e-3)
STEPS = {2: ("max", 1.0, 1.3, 1.6, 2.0, 2.5), 3: ("max", 0.5, 0.7, 0.9, 1.1, 1.4)}  # bits -> steps; numbers count in σ
START = {  # the first is that of the lesson
    "short": {"n": 30_000, "epochs": 3, "lr": 3e-3},
    "long": {"n": 50_000, "epochs": 10, "lr": 1e-3, "schedule": lambda done: 1 - done},
}
TRAINED_ON = 15_000  # images, seen once: half a pass of the short start


class OnGrid(nn.Module):
    """Rounds a weight with torch's own fake quantization, which gives what the lesson's estimator gives."""

    def __init__(self, bits, step):
        super().__init__()
        self.bits, self.step = bits, step

    def forward(self, weight):
        """The weight that the layer uses."""
        half = 2 ** (self.bits - 1)
        own = weight.detach()
        step = 2 * own.abs().max() / (2**self.bits - 1) if self.step == "max" else self.step * own.std()
        return torch.fake_quantize_per_tensor_affine(weight, step.item(), 0, -half, half - 1)


def main(arguments):
    """Train all arms and write the record: about ten minutes on one thread."""
    args = writing.options("qat", __doc__, ROOT / "records" / "qat" / "steps.json").parse_args(arguments)
    seeds, rates, bits = (1, RATES[:1], (2,)) if runtime.quick() else (SEEDS, RATES, tuple(STEPS))
    sets = data.load("mnist"), data.load("mnist", "test")
    runs = []
    with runtime.threads(1):
        for start, seed in tqdm(list(product(START, range(seeds))), desc="starts", file=sys.stdout):
            what = {"start": start, "seed": seed}
            runs += [{**what, **run} for run in of_a_start(*sets, START[start], seed, rates, bits)]
    writing.write_runs(args.to, "python3 course.py bench qat", runs)


def of_a_start(own, test, how, seed, rates, widths):
    """Yield the runs of one start: each arm with each number of bits and step, and at each rate where it is trained.

    Args:
        own, test: (images, labels) to train and choose on, and to read.
        how: one of `START`.
        seed: of the first weights and the order of the images.
        rates: learning rates of what is trained on.
        widths: keys of `STEPS`.
    """
    digits, labels = own
    held_out = digits[-10_000:], labels[-10_000:]
    right = partial(writing.right, held_out=held_out, test=test)

    def fit(net, n, **settings):
        return training.fit(net, digits[:n], labels[:n], batch_size=128, progress=False, **settings)

    runtime.seed_all(seed)
    net = models.LeNet300100()
    fit(net, how["n"], seed=seed, **{name: value for name, value in how.items() if name != "n"})
    yield {"arm": "float", "bits": 32, "step": None, "rate": None, **right(net)}
    grids = [(bits, step) for bits in widths for step in STEPS[bits]]
    for bits, step in grids:
        yield {"arm": "plain", "bits": bits, "step": step, "rate": None, **right(rounded(net, bits, step))}
    for rate in rates:
        longer = copy.deepcopy(net)
        fit(longer, TRAINED_ON, lr=rate, seed=100 + seed)
        yield {"arm": "trained on", "bits": 32, "step": None, "rate": rate, **right(longer)}
        for bits, step in grids:
            what = {"bits": bits, "step": step, "rate": rate}
            yield {"arm": "trained on", **what, **right(rounded(longer, bits, step))}
            aware = rounded(net, bits, step)
            fit(aware, TRAINED_ON, lr=rate, seed=100 + seed)
            yield {"arm": "QAT", **what, **right(aware)}


def rounded(net, bits, step):
    """A copy whose layers use rounded weights; what it learns are the float weights behind them."""
    net = copy.deepcopy(net)
    for layer in (net.fc1, net.fc2, net.fc3):
        parametrize.register_parametrization(layer, "weight", OnGrid(bits, step))
    return net

"""Train LeNet on with weights of 2 bits, or in float and round it then, at several scales and rates: lesson `qat`."""

import copy
import sys

import torch
from torch import nn
from torch.nn.utils import parametrize
from tqdm import tqdm

from course_utils import data, models, runtime, training
from course_utils.files import ROOT
from records import writing

NETWORKS = 6
SCALES = (0.75, 1.0, 1.5, 2.0)  # of the opponent, in standard deviations of a layer's weights
RATES = (3e-4, 1e-3, 3e-3)  # of Adam, while the opponent is trained on
OF_QAT = 1.5, 1e-3  # scale and rate of QAT, found on another LeNet; it has no choice, so its lead is rather too small
SEEN, HELD_OUT = 12_000, 5_000  # images: the first ones are trained on, the last ones choose scale and rate


class TwoBits(nn.Module):
    """Weights of -scale, 0 and scale; gradients go straight through, but not where a weight is clipped."""

    def __init__(self, deviations):
        super().__init__()
        self.deviations = deviations

    def forward(self, weight):
        scale = self.deviations * weight.detach().std()
        return torch.fake_quantize_per_tensor_affine(weight, scale.item(), 0, -1, 1)


def in_two_bits(net, deviations):
    """A copy of the network whose layers compute with weights of 2 bits."""
    net = copy.deepcopy(net)
    for layer in net.children():
        if hasattr(layer, "weight"):
            parametrize.register_parametrization(layer, "weight", TwoBits(deviations))
    return net


def main(arguments):
    """Train all of them and write the record: some minutes on one thread."""
    path = ROOT / "records" / "qat" / "two_bits.json"
    args = writing.options("qat", __doc__, path).parse_args(arguments)
    torch.set_flush_denormal(True)
    networks = range(1 if runtime.quick() else NETWORKS)
    with runtime.threads(1):
        runs = [run for seed in tqdm(networks, desc="networks", file=sys.stdout) for run in runs_of(seed)]
        writing.write_runs(args.to, "python3 course.py bench qat", runs)


def runs_of(seed):
    """All runs that begin with one network: rounded as it is, trained on and then rounded, and QAT."""
    images, labels = data.load("fashion_mnist")
    test = data.load("fashion_mnist", "test")
    held_out = images[-HELD_OUT:], labels[-HELD_OUT:]

    def fit(net, epochs, rate):
        part = images[:SEEN], labels[:SEEN]
        training.fit(net, *part, epochs=epochs, lr=rate, seed=seed, device="cpu", progress=False)
        return net

    def run(arm, net, scale, rate):
        return {"arm": arm, "network": seed, "scale": scale, "rate": rate, **writing.right(net, held_out, test)}

    torch.manual_seed(seed)
    start = fit(models.LeNet(), epochs=4, rate=2e-3)
    rates = RATES[:1] if runtime.quick() else RATES
    further = {0.0: start} | {rate: fit(copy.deepcopy(start), 1, rate) for rate in rates}
    for rate, net in further.items():
        yield run("float", net, None, rate)
        yield from (run("rounded afterwards", in_two_bits(net, scale), scale, rate) for scale in SCALES)
    scale, rate = OF_QAT
    yield run("QAT", fit(in_two_bits(start, scale), 1, rate), scale, rate)

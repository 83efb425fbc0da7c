"""Train LeNet on with weights of 2 bits, or in float and round it then, at the same scales and rates: lesson `qat`."""

import copy
import itertools

import torch
from torch import nn
from torch.nn.utils import parametrize

from course_utils import data, models, runtime, training
from course_utils.files import ROOT
from records import writing

NETWORKS = 6
SCALES = (1.0, 1.5, 2.0)  # in standard deviations of a layer's weights
RATES = (0.0, 3e-4, 1e-3, 3e-3)  # of Adam, for the epoch of training on; 0: no such epoch
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
    """Train all of them and write the record: a quarter of an hour on one thread."""
    torch.set_flush_denormal(True)
    path = ROOT / "records" / "qat" / "two_bits.json"
    writing.of_each(arguments, __doc__, path, range(NETWORKS), runs_of, "networks")


def runs_of(seed):
    """All runs that begin with one network. In each arm the one that is best on held-out images is tested, no other."""
    images, labels = data.load("fashion_mnist")
    held_out = images[-HELD_OUT:], labels[-HELD_OUT:]

    def fit(net, epochs, rate):
        if rate:
            part = images[:SEEN], labels[:SEEN]
            training.fit(net, *part, epochs=epochs, lr=rate, seed=seed, device="cpu", progress=False)
        return net

    torch.manual_seed(seed)
    start = fit(models.LeNet(), epochs=4, rate=2e-3)
    scales, rates = (SCALES[:1], RATES[:2]) if runtime.quick() else (SCALES, RATES)
    further = {rate: fit(copy.deepcopy(start), 1, rate) for rate in rates}
    candidates = list(itertools.product(scales, rates))  # the same ones for both
    arms = {
        "float": [(None, rate, further[rate]) for rate in rates],
        "rounded afterwards": [(scale, rate, in_two_bits(further[rate], scale)) for scale, rate in candidates],
        "QAT": [(scale, rate, fit(in_two_bits(start, scale), 1, rate)) for scale, rate in candidates],
    }
    for arm, nets in arms.items():
        right = [_right(net, held_out) for *_, net in nets]
        for (scale, rate, net), percent in zip(nets, right, strict=True):
            run = {"arm": arm, "network": seed, "scale": scale, "rate": rate, "held_out": percent}
            chosen = net is nets[right.index(max(right))][-1]
            yield run | ({"test": _right(net, data.load("fashion_mnist", "test"))} if chosen else {})


def _right(net, images_and_labels):
    return round(100 * training.evaluate(net, *images_and_labels), 2)

"""Train LeNet six times more, and round its weights as the lesson `integers` does: at several bits, by three scales."""

import sys

import torch
from tqdm import tqdm

from course_utils import data, models, runtime, training
from course_utils.files import ROOT
from lessons.integers import show
from records import writing

SEEDS = range(1, 7)  # the network of the lesson is 0
IMAGES = 12_000  # as for the network that comes with the course


def main(arguments):
    """Train all of them and write the record: two minutes on one thread."""
    path = ROOT / "records" / "integers" / "trainings.json"
    args = writing.options("integers", __doc__, path).parse_args(arguments)
    seeds = SEEDS[:1] if runtime.quick() else SEEDS
    with runtime.threads(1):
        runs = [run_of(seed) for seed in tqdm(seeds, desc="trainings", file=sys.stdout)]
        writing.write_runs(args.to, "python3 course.py bench integers", runs)


def run_of(seed):
    """One training: its accuracy in fp32 and rounded, in percent."""
    torch.manual_seed(seed)
    net = models.LeNet()
    part = data.load("fashion_mnist", n=640 if runtime.quick() else IMAGES)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    training.fit(net, *part, epochs=4, optimizer=optimizer, seed=seed, device="cpu", progress=False)
    test = data.load("fashion_mnist", "test")

    def right(rounded):
        return round(100 * training.evaluate(rounded, *test), 2)

    return {
        "seed": seed,
        "fp32": right(net),
        "largest_weight": {str(bits): right(show.with_bits(net, bits)) for bits in (8, 4, 3, 2)},
        "sigma_2_bits": right(show.with_bits(net, 2, show.sigma)),
        "least_error_3_bits": right(show.with_bits(net, 3, show.least_error)),
    }

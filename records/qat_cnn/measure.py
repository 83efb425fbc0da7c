"""Train DepthwiseCNN on with rounding, batch norm free or frozen, at several rates: lesson `qat_cnn`."""

import sys
from itertools import product

import torch
from torch.ao.nn.intrinsic.qat import freeze_bn_stats
from tqdm import tqdm

from course_utils import data, legacy_int8, runtime, training
from course_utils.data import checkpoints
from course_utils.files import ROOT
from course_utils.legacy_int8 import tq
from lessons.qat_cnn import experiment, show
from records import writing

ORDERS = 6  # of the images
RATES = (0.0, 1e-4, 3e-4, 1e-3, 3e-3)  # at 0 the images only pass, and nothing is learned
TAUGHT = 1e-3  # the rate of the lesson
BLOCK = 960  # images, 15 batches: the training of the lesson
ARMS = {  # arm -> (its rates, how many blocks it trains at the lesson's rate)
    "free": (RATES, 4),
    "frozen": (RATES[1:], 1),
    "free, gradient norm at most 5": ((TAUGHT,), 1),
    "free, a scale per channel": ((TAUGHT,), 1),
}


def main(arguments):
    """Train all arms and write the record: some minutes on one thread."""
    path = ROOT / "records" / "qat_cnn" / "free_and_frozen.json"
    args = writing.options("qat_cnn", __doc__, path).parse_args(arguments)
    legacy_int8.ignore_deprecations(remarks=True)
    torch.backends.quantized.engine = legacy_int8.best()
    torch.set_flush_denormal(True)  # as the lesson does
    orders = 1 if runtime.quick() else ORDERS
    trainings = [(arm, rate, order) for arm in ARMS for rate, order in product(ARMS[arm][0], range(orders))]
    trainings = trainings[:1] if runtime.quick() else trainings
    net = checkpoints.load("depthwise_cnn")
    with runtime.threads(1):
        runs = [run for each in tqdm(trainings, desc="trainings", file=sys.stdout) for run in training_of(net, *each)]
        writing.write_runs(args.to, "python3 course.py bench qat_cnn", runs)


def training_of(net, arm, rate, order):
    """Yield one training after each block of 15 batches: its accuracy and that of its int8 copy, and its gradients.

    `largest_norm` is that of the gradients of all parameters, before they are clipped.
    """
    qconfig = experiment.PER_CHANNEL if "per channel" in arm else experiment.one_scale
    model = tq.prepare_qat(experiment.fused(net, qconfig))
    if arm == "frozen":
        model.apply(freeze_bn_stats)
    limit = 5.0 if "gradient" in arm else float("inf")
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    norms = []
    optimizer.register_step_pre_hook(
        lambda *_: norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), limit).item())
    )
    images, labels = data.load("fashion_mnist")
    for block in range(ARMS[arm][1] if rate == TAUGHT else 1):
        part = slice(BLOCK * block, BLOCK * (block + 1))
        fit = {"batch_size": 64, "seed": order, "device": "cpu", "progress": False}
        training.fit(model, images[part], labels[part], optimizer=optimizer, **fit)
        yield {
            "arm": arm,
            "rate": rate,
            "order": order,
            "batches": len(norms),
            "in_training": round(show.in_training_mode(model), 2),
            "copy": round(experiment.accuracy(experiment.int8_copy(model)), 2),
            "largest_norm": round(max(norms), 1),
        }

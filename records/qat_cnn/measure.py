"""Train DepthwiseCNN on with rounding, batch norm free or frozen, with three kinds of scales: lesson `qat_cnn`."""

import sys
from itertools import product

import torch
from torch.ao.nn.intrinsic.qat import freeze_bn_stats
from tqdm import tqdm

from course_utils import checkpoints, data, legacy_int8, runtime, training
from course_utils.files import ROOT
from course_utils.legacy_int8 import tq
from lessons.qat_cnn import experiment, show
from records import writing

ORDERS = 6  # of the images
TAUGHT = 1e-3  # the rate of the lesson
SCALES = ("one scale", "dead channels emptied", "a scale per channel")
TRAININGS = [
    *product(SCALES, ("free", "frozen"), (3e-4, TAUGHT)),
    ("one scale", "free", 1e-4),
    ("one scale", "free", 0.0),  # nothing is learned: the images only pass
    ("one scale", "free, channel 4 clipped", TAUGHT),
    ("one scale", "free, running statistics held", TAUGHT),  # training still normalizes with those of the batch
]


def main(arguments):
    """Train all of them and write the record: a quarter of an hour on one thread."""
    path = ROOT / "records" / "qat_cnn" / "free_and_frozen.json"
    args = writing.options("qat_cnn", __doc__, path).parse_args(arguments)
    legacy_int8.ignore_deprecations(remarks=True)
    torch.backends.quantized.engine = legacy_int8.best()
    torch.set_flush_denormal(True)  # as the lesson does
    trainings = [(*training, order) for training, order in product(TRAININGS, range(ORDERS))]
    trainings = trainings[:1] if runtime.quick() else trainings
    net = checkpoints.load("depthwise_cnn")
    with runtime.threads(1):
        runs = [run_of(net, *each) for each in tqdm(trainings, desc="trainings", file=sys.stdout)]
        writing.write_runs(args.to, "python3 course.py bench qat_cnn", runs)


def run_of(net, scales, batch_norm, rate, order):
    """One training of 15 batches: its accuracy in training mode, and that of its int8 copy, in percent."""
    net = experiment.emptied(net) if scales == "dead channels emptied" else net
    qconfig = experiment.PER_CHANNEL if scales == "a scale per channel" else experiment.one_scale
    model = tq.prepare_qat(experiment.fused(net, qconfig))
    if batch_norm == "frozen":
        model.apply(freeze_bn_stats)
    if "held" in batch_norm:
        for norm in filter(lambda module: isinstance(module, torch.nn.BatchNorm2d), model.modules()):
            norm.momentum = 0.0
    if "clipped" in batch_norm:
        experiment.clip_channel(model, show.CHANNEL)
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    part = data.load("fashion_mnist", n=960)
    training.fit(model, *part, optimizer=optimizer, batch_size=64, seed=order, device="cpu", progress=False)
    return {
        "scales": scales,
        "batch_norm": batch_norm,
        "rate": rate,
        "order": order,
        "in_training": round(show.in_training_mode(model), 2),
        "copy": round(experiment.accuracy(experiment.int8_copy(model)), 2),
    }

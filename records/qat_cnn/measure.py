"""Give quantization-aware training of a CNN several rates, orders and observers: lesson `qat_cnn`."""

import copy
import sys
from itertools import product

import torch
from tqdm import tqdm

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.data import checkpoints
from course_utils.files import ROOT
from course_utils.legacy_int8 import tq
from records import writing

SEEDS = 3
SLOW, FAST = 0.01, 0.2  # which part of the way a range goes at each step; PyTorch's default, and another one
CLOTHES = {"n": 960, "epochs": 3, "rates": (3e-4, 1e-3, 3e-3)}
DIGITS = {"n": 1000, "epochs": 4, "rates": (1e-3, 3e-3, 1e-2)}
SCALES = ("tensor", "channel", "tensor, dead set to 0")  # of the trained network
FROM_RANDOM = {  # arm -> the constants of the observers of weights and activations, and what else differs
    "float": {"rounds": False},
    "QAT": {"frozen": True},
    "fast activations": {"activations": FAST, "frozen": True},
    "fast weights": {"weights": FAST, "frozen": True},
    "both fast": {"activations": FAST, "weights": FAST, "frozen": True},
    "statistics first": {"first": True, "frozen": True},
    "fast weights, never frozen": {"weights": FAST},
    "both fast, never frozen": {"activations": FAST, "weights": FAST},
}


def main(arguments):
    """Train all arms and write the record."""
    path = ROOT / "records" / "qat_cnn" / "arms.json"
    args = writing.options("qat_cnn", __doc__, path).parse_args(arguments)
    jobs = [("clothes", *rest) for rest in product(range(SEEDS), CLOTHES["rates"], SCALES)]
    jobs += [("digits", *rest) for rest in product(range(SEEDS), DIGITS["rates"], FROM_RANDOM)]
    if runtime.quick():
        jobs = [("clothes", 0, CLOTHES["rates"][0], SCALES[2]), ("digits", 0, DIGITS["rates"][0], "statistics first")]
    runs = [run for job in tqdm(jobs, desc="arms", file=sys.stdout) for run in of_a_job(job)]
    writing.write_runs(args.to, "python3 course.py bench qat_cnn", runs)


def of_a_job(job):
    """The runs of one job, a list of plain dicts: ("clothes", seed, rate, scales) or ("digits", seed, rate, arm)."""
    with runtime.threads(1), legacy_int8.quiet():
        torch.backends.quantized.engine = legacy_int8.best()
        return list((on_clothes if job[0] == "clothes" else on_digits)(*job[1:]))


def on_clothes(seed, rate, scales):
    """Yield the runs of the trained network with these scales: static at once, trained on, and QAT."""
    images, labels = data.load("fashion_mnist", n=CLOTHES["n"])
    test = data.load("fashion_mnist", "test")
    half = len(test[0]) // 2
    sets = [part[:half] for part in test], [part[half:] for part in test]
    net = checkpoints.load("depthwise_cnn")
    if "dead" in scales:
        with torch.no_grad():
            for conv, norm, _ in net.features:
                conv.weight[norm.running_var < 1e-20] = 0.0
    each, what = scales == "channel", {"task": "clothes", "seed": seed, "scales": scales}
    if seed == 0 and rate == CLOTHES["rates"][0]:
        yield {**what, "arm": "static", "rate": None, **writing.right(static(net, each, images), *sets)}
        model = prepared(net, each)
        look(model, images)
        yield {**what, "arm": "statistics moved", "rate": None, **writing.right(converted(model), *sets)}
    for arm in ("trained on", "QAT"):
        model = prepared(net, each)
        if arm == "trained on":
            model.apply(tq.disable_fake_quant)
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
        freeze_statistics(model)
        for epoch in range(CLOTHES["epochs"]):
            if epoch == CLOTHES["epochs"] - 1 and arm == "QAT":
                model.apply(tq.disable_observer)
            fit(model, images, labels, optimizer, 100 * seed + epoch)
        yield {**what, "arm": arm, "rate": rate, **writing.right(converted(model), *sets)}


def on_digits(seed, rate, arm):
    """Yield the run of one arm that begins with random weights, and once more with its statistics and ranges moved."""
    images, labels = data.load("mnist", n=DIGITS["n"])
    held_out = [part[-5000:] for part in data.load("mnist")]
    sets = held_out, [part[:5000] for part in data.load("mnist", "test")]
    how = {"weights": SLOW, "activations": SLOW, "rounds": True, **FROM_RANDOM[arm]}
    runtime.seed_all(seed)
    net = models.DepthwiseCNN()
    if how.get("first"):
        look(net, images)
        look(net, images)
    model = prepared(net, True, how["weights"], how["activations"])
    if not how["rounds"]:
        model.apply(tq.disable_fake_quant)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for epoch in range(DIGITS["epochs"]):
        if how.get("frozen") and epoch == DIGITS["epochs"] - 1:
            freeze_statistics(model)
            if how["rounds"]:
                model.apply(tq.disable_observer)
        fit(model, images, labels, optimizer, epoch)
    what = {"task": "digits", "seed": seed, "arm": arm, "rate": rate}
    if how["rounds"]:
        yield {**what, "moved": False, **writing.right(converted(model), *sets)}
        move_statistics(model.apply(tq.enable_observer), images)
        yield {**what, "moved": True, **writing.right(converted(model), *sets)}
    else:
        yield {**what, "moved": False, **writing.right(fresh_ranges(model, images), *sets)}


def fit(model, images, labels, optimizer, seed):
    """One pass over the images."""
    training.fit(model, images, labels, optimizer=optimizer, seed=seed, device="cpu", progress=False)


def qconfig(each, weights=SLOW, activations=SLOW):
    """This engine's own fake quantization, with one weight scale or one a channel, and these averaging constants."""
    watch = tq.MovingAveragePerChannelMinMaxObserver if each else tq.MovingAverageMinMaxObserver
    scheme = torch.per_channel_symmetric if each else torch.per_tensor_symmetric
    own = tq.get_default_qat_qconfig(torch.backends.quantized.engine).activation
    return tq.QConfig(
        activation=own.with_args(averaging_constant=activations),
        weight=tq.FusedMovingAvgObsFakeQuantize.with_args(
            observer=watch,
            quant_min=-128,
            quant_max=127,
            dtype=torch.qint8,
            qscheme=scheme,
            averaging_constant=weights,
        ),
    )


def prepared(net, each, *constants):
    """A copy in training mode: stubs, fused blocks, observers and fake quantization."""
    model = tq.QuantWrapper(copy.deepcopy(net)).train()
    blocks = [[f"module.features.{block}.{part}" for part in range(3)] for block in range(len(net.features))]
    model = tq.fuse_modules_qat(model, blocks)
    model.qconfig = qconfig(each, *constants)
    return tq.prepare_qat(model)


def converted(model):
    """The int8 network of a copy."""
    return tq.convert(copy.deepcopy(model).eval())


@torch.no_grad()
def look(model, images):
    """One pass in training mode without an optimizer."""
    model.train()
    for batch in images.split(64):
        model(batch)


def static(net, each, images):
    """Static int8 by the same code: no rounding while observers see 512 images in evaluation mode."""
    model = prepared(net, each).eval().apply(tq.disable_fake_quant)
    with torch.no_grad():
        for batch in images[:512].split(64):
            model(batch)
    return tq.convert(model)


def fresh_ranges(model, images):
    """Static int8 of a network that was trained without rounding: its observers begin anew."""
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if isinstance(module, tq.MovingAverageMinMaxObserver | tq.MovingAveragePerChannelMinMaxObserver):
            module.reset_min_max_vals()
    with torch.no_grad():
        for batch in images[:512].split(64):
            model(batch)
    return tq.convert(model)


def freeze_statistics(model):
    """From now on batch norm keeps its running statistics, and uses them."""
    for module in model.modules():
        if hasattr(module, "freeze_bn_stats"):
            module.freeze_bn_stats()


def move_statistics(model, images):
    """Let the running statistics and the ranges follow for one pass, and the weights stay."""
    for module in model.modules():
        if hasattr(module, "update_bn_stats"):
            module.update_bn_stats()
    look(model, images)

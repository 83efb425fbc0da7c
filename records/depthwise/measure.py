"""Train two architectures with several recipes, and see what int8 costs each network: lesson `depthwise`."""

import copy
import sys
from itertools import product

import torch
from tqdm import tqdm

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.files import ROOT
from course_utils.legacy_int8 import tq
from records import writing

SEEDS = 2
SGD = {"momentum": 0.9, "nesterov": True}
RECIPES = {  # name -> optimizer, its options; the last pass has the lower rate
    "Adam": ("Adam", (3e-3, 5e-4), {}),
    "SGD": ("SGD", (0.1, 0.01), SGD),
    "SGD, decay": ("SGD", (0.1, 0.01), {**SGD, "weight_decay": 1e-3}),
}
SMALL = [  # network, recipe, width, training images: the crossed experiment, with each seed
    *(("SmallCNN", recipe, 16, 12_000) for recipe in ("SGD, decay", "Adam")),
    *(("DepthwiseCNN", recipe, 16, 12_000) for recipe in ("SGD, decay", "Adam", "SGD")),
]
LARGE = [("DepthwiseCNN", recipe, 32, 30_000, 0) for recipe in ("Adam", "SGD")]  # as wide as the checkpoint, one seed
PASSES = (4, 1)
CALIBRATION = 512  # training images, as in the lesson


def main(arguments):
    """Train the networks and write the record: about half an hour on one thread."""
    path = ROOT / "records" / "depthwise" / "recipes.json"
    args = writing.options("depthwise", __doc__, path).parse_args(arguments)
    jobs = [*((*job, seed) for seed, job in product(range(SEEDS), SMALL)), *LARGE]
    if runtime.quick():
        jobs = [("SmallCNN", "Adam", 2, 200, 0), ("DepthwiseCNN", "SGD, decay", 2, 200, 0)]
    runs = [of_a_training(job) for job in tqdm(jobs, desc="trainings", file=sys.stdout)]
    writing.write_runs(args.to, "python3 course.py bench depthwise", runs)


def of_a_training(job):
    """Train one network, and measure it: a row of the record."""
    network, recipe, width, images, seed = job
    legacy_int8.ignore_deprecations()
    with runtime.threads(1), legacy_int8.use(legacy_int8.best()):
        net = trained(*job).requires_grad_(False).eval()
        seen, test = data.load("fashion_mnist", n=CALIBRATION)[0], data.load("fashion_mnist", "test")

        def right(model):
            return round(100 * training.evaluate(model, *test), 2)

        def int8(model, weight):
            model = copy.deepcopy(model)
            model.qconfig = tq.QConfig(activation=tq.get_default_qconfig(legacy_int8.best()).activation, weight=weight)
            observed = tq.prepare(model)
            for batch in seen.split(32):
                observed(batch)
            return tq.convert(observed)

        whole, without = fused(net), fused(net, emptied=True)
        return {
            "network": network,
            "recipe": recipe,
            "width": width,
            "images": images,
            "seed": seed,
            "float": right(net),
            "per tensor": right(int8(whole, tq.default_weight_observer)),
            "per channel": right(int8(whole, tq.default_per_channel_weight_observer)),
            "dead emptied, float": right(without),
            "dead emptied, per tensor": right(int8(without, tq.default_weight_observer)),
            "blocks": ranges(net, whole),
        }


def trained(network, recipe, width, images, seed):
    """A network trained by a recipe."""
    runtime.seed_all(seed)
    net = getattr(models, network)(width=width).to(memory_format=torch.channels_last)
    x, y = data.load("fashion_mnist", n=images)
    name, rates, options = RECIPES[recipe]
    for number, (passes, rate) in enumerate(zip(PASSES, rates, strict=True)):
        optimizer = getattr(torch.optim, name)(net.parameters(), lr=rate, **options)
        training.fit(net, x, y, epochs=passes, optimizer=optimizer, seed=seed + number, device="cpu", progress=False)
    return net.to(memory_format=torch.contiguous_format)


def is_dead(norm):
    """Which channels hardly vary: the variance that batch norm has seen is below the ε that it adds."""
    return norm.running_var < norm.eps


def fused(net, emptied=False):
    """A copy with stubs whose batch norms are folded in; `emptied`: dead channels give their constant, no weights."""
    names = [[f"module.features.{block}.{part}" for part in range(3)] for block in range(len(net.features))]
    copied = tq.fuse_modules(tq.QuantWrapper(copy.deepcopy(net)).eval(), names)
    for block, one in zip(net.features, copied.module.features, strict=True):
        if emptied:
            dead = is_dead(block[1])
            one[0][0].weight[dead] = 0
            one[0][0].bias[dead] = block[1].bias[dead]
    return copied


def ranges(net, whole):
    """For each block: dead channels, the largest range over the median one, raw and folded, and whose it is."""
    rows = []
    for block, one in zip(net.features, whole.module.features, strict=True):
        raw, folded = (weight.abs().flatten(1).amax(1) for weight in (block[0].weight, one[0][0].weight))
        dead = is_dead(block[1])
        rows.append(
            {
                "depthwise": block[0].groups > 1,
                "channels": len(raw),
                "dead": int(dead.sum()),
                "raw": round(float(raw.max() / raw.median()), 2),
                "folded": round(float(folded.max() / folded.median()), 2),
                "widest is dead": bool(dead[folded.argmax()]),
            }
        )
    return rows

"""Train two architectures with several recipes each, and give what int8 with one scale a tensor costs every network."""

import argparse
import copy
import json
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from pathlib import Path

import torch
from tqdm import tqdm

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.files import ROOT
from course_utils.legacy_int8 import tq
from tools.benches import _runs

NETWORKS = {"SmallCNN": 40, "DepthwiseCNN": 32}  # name -> width, those of the checkpoints
SGD = {"momentum": 0.9, "nesterov": True}
RECIPES = {  # name -> optimizer, its options, decay on the depthwise filters; one pass of five at the lower rate
    "Adam": ("Adam", (3e-3, 5e-4), {}, 0.0),
    "SGD": ("SGD", (0.1, 0.01), SGD, 0.0),
    "SGD, decay": ("SGD", (0.1, 0.01), {**SGD, "weight_decay": 1e-3}, 1e-3),
    "SGD, decay, not on depthwise filters": ("SGD", (0.1, 0.01), {**SGD, "weight_decay": 1e-3}, 0.0),
}
JOBS = [  # network, recipe, training images
    *(("SmallCNN", recipe, 30_000) for recipe in ("SGD, decay", "Adam")),
    *(("DepthwiseCNN", recipe, 30_000) for recipe in RECIPES),
    ("DepthwiseCNN", "SGD, decay", 60_000),  # as long as the checkpoint's training
]
PASSES = (4, 1)
CALIBRATION = 512  # training images, as in the lesson


def main(argv):
    """Train the networks that the record does not have yet, and write it anew after each of them.

    Args:
        argv: options, for example ["--seeds", "1", "--to", "record.json"].
    Returns:
        0.
    """
    parser = argparse.ArgumentParser(prog="course.py bench depthwise_recipes", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="how many, from 0 (default: 3)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="trainings at a time, a thread each")
    target = ROOT / "records" / "depthwise" / "recipes.json"
    parser.add_argument("--to", type=Path, default=target, metavar="FILE", help=f"default: {target.relative_to(ROOT)}")
    args = parser.parse_args(argv)
    jobs = [(*job, seed) for seed, job in product(range(args.seeds), JOBS)]
    command, runs = " ".join(["python course.py bench depthwise_recipes", *argv]), kept(args.to, jobs)
    args.to.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(args.workers) as pool:
        asked = [pool.submit(of_a_training, job) for job in jobs if job not in runs]
        for done in tqdm(as_completed(asked), total=len(asked), desc="trainings", file=sys.stdout):
            runs[key(done.result())] = done.result()
            _runs.write(args.to, command, [runs[job] for job in jobs if job in runs])
    print(f"{len(runs)} runs in {args.to}")
    return 0


def key(run):
    """What a run of the record is: network, recipe, images, seed."""
    return run["network"], run["recipe"], run["images"], run["seed"]


def kept(path, jobs):
    """The runs that a record has already, by `key`: a bench that was stopped goes on."""
    there = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    return {key(run): run for run in there if key(run) in jobs}


def of_a_training(job):
    """Train one network, and measure it: a row of the record."""
    network, recipe, images, seed = job
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
            "images": images,
            "seed": seed,
            "float": right(net),
            "per tensor": right(int8(whole, tq.default_weight_observer)),
            "per channel": right(int8(whole, tq.default_per_channel_weight_observer)),
            "silent emptied, float": right(without),
            "silent emptied, per tensor": right(int8(without, tq.default_weight_observer)),
            "blocks": ranges(net, whole),
        }


def trained(network, recipe, images, seed):
    """A network trained by a recipe."""
    runtime.seed_all(seed)
    net = getattr(models, network)(width=NETWORKS[network]).to(memory_format=torch.channels_last)
    x, y = data.load("fashion_mnist", n=images)
    name, rates, options, decay_depthwise = RECIPES[recipe]
    filters = [block[0].weight for block in net.features if block[0].groups > 1]
    others = [weight for weight in net.parameters() if not any(weight is one for one in filters)]
    groups = [{"params": others}, {"params": filters, "weight_decay": decay_depthwise}]
    for number, (passes, rate) in enumerate(zip(PASSES, rates, strict=True)):
        optimizer = getattr(torch.optim, name)([group for group in groups if group["params"]], lr=rate, **options)
        training.fit(net, x, y, epochs=passes, optimizer=optimizer, seed=seed + number, device="cpu", progress=False)
    return net.to(memory_format=torch.contiguous_format)


def silent(norm):
    """Which channels hardly vary: the variance that batch norm has seen is below the ε that it adds."""
    return norm.running_var < norm.eps


def fused(net, emptied=False):
    """A copy with stubs whose batch norms are folded in; `emptied`: silent channels give their constant, no weights."""
    names = [[f"module.features.{block}.{part}" for part in range(3)] for block in range(len(net.features))]
    copied = tq.fuse_modules(tq.QuantWrapper(copy.deepcopy(net)).eval(), names)
    for block, one in zip(net.features, copied.module.features, strict=True):
        if emptied:
            quiet = silent(block[1])
            one[0][0].weight[quiet] = 0
            one[0][0].bias[quiet] = block[1].bias[quiet]
    return copied


def ranges(net, whole):
    """For each block: silent channels, the largest range over the median one, raw and folded, and whose it is."""
    rows = []
    for block, one in zip(net.features, whole.module.features, strict=True):
        raw, folded = (weight.abs().flatten(1).amax(1) for weight in (block[0].weight, one[0][0].weight))
        quiet = silent(block[1])
        rows.append(
            {
                "depthwise": block[0].groups > 1,
                "channels": len(raw),
                "silent": int(quiet.sum()),
                "raw": round(float(raw.max() / raw.median()), 2),
                "folded": round(float(folded.max() / folded.median()), 2),
                "widest is silent": bool(quiet[folded.argmax()]),
            }
        )
    return rows

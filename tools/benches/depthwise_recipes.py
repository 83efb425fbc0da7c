"""Train two architectures with several recipes each, and give what int8 with one scale a tensor costs every network."""

import copy
import json
import sys
from concurrent.futures import as_completed
from itertools import product

import torch
from tqdm import tqdm

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.files import ROOT
from course_utils.legacy_int8 import tq
from course_utils.lottery import executors
from tools.benches import _runs

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


def main(argv):
    """Train the networks that the record does not have yet, and write it anew after each of them.

    Args:
        argv: options, for example ["--seeds", "1", "--to", "record.json"].
    Returns:
        0.
    """
    target = ROOT / "records" / "depthwise" / "recipes.json"
    parser = _runs.parser("depthwise_recipes", __doc__, seeds=2, target=target)
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="trainings at a time, a thread each")
    args = parser.parse_args(argv)
    jobs = [*((*job, seed) for seed, job in product(range(args.seeds), SMALL)), *LARGE]
    command, runs = " ".join(["python course.py bench depthwise_recipes", *argv]), kept(args.to, jobs)
    args.to.parent.mkdir(parents=True, exist_ok=True)
    with executors.processes(args.workers) as pool:
        asked = [pool.submit(of_a_training, job) for job in jobs if job not in runs]
        for done in tqdm(as_completed(asked), total=len(asked), desc="trainings", file=sys.stdout):
            runs[key(done.result())] = done.result()
            _runs.write(args.to, command, [runs[job] for job in jobs if job in runs])
    _runs.write(args.to, command, [runs[job] for job in jobs])
    print(f"{len(runs)} runs in {args.to}")
    return 0


def key(run):
    """What a run of the record is: network, recipe, width, images, seed."""
    return tuple(run[name] for name in ("network", "recipe", "width", "images", "seed"))


def kept(path, jobs):
    """The runs that a record has already, by `key`: a bench that was stopped goes on."""
    there = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    return {key(run): run for run in there if key(run) in jobs}


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

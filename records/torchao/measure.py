"""Time single linear layers by torchao's configs, eager and compiled: lesson `torchao`."""

import copy
import math
import time

import torch
from torch import nn
from torch._inductor.utils import fresh_cache

from course_utils import runtime
from course_utils.files import ROOT, slug
from course_utils.tables import Table
from records import writing

ROUNDS = 50  # calls of each candidate, in turn
ROWS = (1, 64)  # of an input of a layer


def main(arguments):
    """Compile, measure, and write the record of this processor: some minutes."""
    chip = runtime.chip("cpu")
    path = ROOT / "records" / "torchao" / f"{slug(chip)}.json"
    args = writing.options("torchao", __doc__, path).parse_args(arguments)
    with runtime.threads(1), fresh_cache():
        record = recorded(2 if runtime.quick() else ROUNDS)
    rows = [
        [way, *(f"{times[rows][way]:.2f}" for times in record["layers"].values() for rows in times)]
        for way in record["layers"]["fc1"]["1"]
    ]
    cases = [f"{name}, rows: {rows}" for name, times in record["layers"].items() for rows in times]
    print(Table(["way", *cases], rows, caption=f"{chip}, one thread; times as fast as the same layer in eager float"))
    writing.write(args.to, record)


def recorded(rounds):
    """What was measured, with what is needed to understand it; `rounds`: calls of each candidate."""
    runtime.seed_all(0)
    return {
        **runtime.provenance(),
        "command": "python3 course.py bench torchao",
        "threads": 1,
        "layers": {name: of_a_layer(part, rounds) for name, part in layers().items()},
    }


def layers():
    """Name -> a linear layer in fp32: that of a small CNN, and one of the size that a language model has."""
    width = 64 if runtime.quick() else 4096
    return {
        name: nn.Linear(*size).requires_grad_(False)
        for name, size in {"fc1": (1568, 128), "wide": (width,) * 2}.items()
    }


def ways():
    """Name -> a config, or None for a layer in float, and the type of the inputs."""
    import torchao.quantization as ao
    from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig

    return {
        "fp32": (None, torch.float32),
        "bf16": (None, torch.bfloat16),
        "int8 weights": (ao.Int8WeightOnlyConfig(), torch.float32),
        "int8 × int8": (ao.Int8DynamicActivationInt8WeightConfig(), torch.float32),
        "int4, packed": (PrototypeInt4WeightOnlyConfig(group_size=32), torch.bfloat16),
    }


def of_a_layer(layer, rounds):
    """Rows of the input -> way -> how many times faster than the layer in eager fp32."""
    from torchao.quantization import quantize_

    found = {}
    for rows in ROWS:
        inputs, jobs = torch.rand(rows, layer.in_features), {}
        for name, (how, dtype) in ways().items():
            x, part = inputs.to(dtype), nn.Sequential(copy.deepcopy(layer)).to(dtype)
            if how:
                quantize_(part, how)
            torch.compiler.reset()
            for kind, run in (("eager", part), ("compiled", torch.compile(part))):
                run(x)
                jobs[f"{name}, {kind}"] = lambda run=run, x=x: run(x)
        found[str(rows)] = times_faster(jobs, rounds)
    return found


def times_faster(jobs, rounds):
    """Name -> how many times faster than the first, by the fastest call of each: others can only make a call slower."""
    fastest = dict.fromkeys(jobs, math.inf)
    with torch.no_grad():
        for job in jobs.values():
            job()
        for _ in range(rounds):
            for name, job in jobs.items():
                start = time.perf_counter()
                job()
                fastest[name] = min(fastest[name], time.perf_counter() - start)
    first, *others = fastest
    return {name: round(fastest[first] / fastest[name], 3) for name in others}

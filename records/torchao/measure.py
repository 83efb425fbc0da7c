"""Compile int8 packages with and without freezing, and single layers; count kernels, time: lesson `torchao`."""

import collections
import copy
import math
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import torch
from torch import nn
from torch._inductor.utils import fresh_cache
from tqdm import tqdm

from course_utils import data, runtime, training
from course_utils.files import ROOT, slug
from course_utils.show.tables import Table
from records import writing

ROUNDS = 50  # calls of each candidate, in turn
BATCH = 64  # images in a call of a package
ROWS = (1, 64)  # of an input of a layer
KERNELS = ("qconv", "qlinear")  # calls of them in the generated code; "aoti_torch_cpu__" stands before each


def network():
    """The network of the lesson, not trained."""
    layers = {"conv1": nn.Conv2d(1, 16, 3, 2, 1), "bn1": nn.BatchNorm2d(16), "relu1": nn.ReLU()}
    layers |= {"conv2": nn.Conv2d(16, 32, 3, 2, 1), "relu2": nn.ReLU(), "flat": nn.Flatten()}
    layers |= {"fc1": nn.Linear(1568, 128), "relu3": nn.ReLU(), "fc2": nn.Linear(128, 10)}
    return nn.Sequential(collections.OrderedDict(layers))


def main(arguments):
    """Train the network, compile, measure, and write the record of this processor: some minutes."""
    chip = runtime.chip("cpu")
    path = ROOT / "records" / "torchao" / f"{slug(chip)}.json"
    args = writing.options("torchao", __doc__, path).parse_args(arguments)
    with runtime.threads(1), fresh_cache():
        record = recorded(2 if runtime.quick() else ROUNDS)
    rows = [
        [name, f"{p['bytes']:,}", p["qconv"], p["qlinear"], p["times_faster"]] for name, p in record["packages"].items()
    ]
    print(Table(["package", "bytes", *KERNELS, "times faster"], rows, caption=f"{chip}, one thread"))
    writing.write(args.to, record)


def recorded(rounds):
    """What was measured, with what is needed to understand it; `rounds`: calls of each candidate."""
    runtime.seed_all(0)
    images, labels = data.load("fashion_mnist", n=6000)
    test = data.load("fashion_mnist", "test")
    net = network()
    training.fit(net, images, labels, epochs=2, lr=2e-3, device="cpu", progress=False)
    net = net.eval().requires_grad_(False)
    return {
        **runtime.provenance(),
        "command": "python3 course.py bench torchao",
        "threads": 1,
        "batch": BATCH,
        "eager": round(100 * training.evaluate(net, *test), 2),
        "packages": packages(net, images, test, rounds),
        "layers": {name: of_a_layer(part, rounds) for name, part in layers(net.fc1).items()},
    }


def int8_graph(net, images):
    """The network by way of PT2E, converted and not compiled."""
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    how = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    shapes = ({0: torch.export.Dim("batch")},)
    watching = prepare_pt2e(torch.export.export(net, (images[:4],), dynamic_shapes=shapes).module(), how)
    for batch in images[:640].split(64):
        watching(batch)
    return convert_pt2e(watching)


def packages(net, images, test, rounds):
    """Name of a package -> bytes, int8 kernels, accuracy in percent, times faster than the eager network."""
    from torch._inductor import aoti_compile_and_package, aoti_load_package, config

    graph, few = int8_graph(net, images), images[:BATCH].clone()
    found, loaded = {}, {}
    what = {
        "int8 graph, freezing": (graph, True),
        "int8 graph, no freezing": (graph, False),
        "fp32, freezing": (net, True),
        "fp32, no freezing": (net, False),
    }
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (model, freezing)) in enumerate(tqdm(what.items(), desc="packages", file=sys.stdout)):
            path = str(Path(folder, f"{number}.pt2"))
            with config.patch(freezing=freezing), torch.no_grad():
                aoti_compile_and_package(torch.export.export(model, (few,)), package_path=path)
            found[name] = {"bytes": Path(path).stat().st_size, **kernels(path)}
            loaded[name] = aoti_load_package(path)
            found[name]["right"] = round(accuracy(loaded[name], *test), 2)
        jobs = {"eager": lambda: net(few)} | {name: lambda run=run: run(few) for name, run in loaded.items()}
        for name, ratio in times_faster(jobs, rounds).items():
            found[name]["times_faster"] = ratio
    return found


def kernels(path):
    """How often the generated code of a package calls each int8 kernel."""
    with zipfile.ZipFile(path) as package:
        sources = [package.read(name).decode() for name in package.namelist() if name.endswith("wrapper.cpp")]
    calls = "".join(sources)
    return {kernel: calls.count(f"aoti_torch_cpu__{kernel}_pointwise_tensor(") for kernel in KERNELS}


def accuracy(run, images, labels):
    """In percent, in batches of just the size that the package was made for; the rest is left out."""
    whole = len(images) // BATCH * BATCH
    batches = zip(images[:whole].split(BATCH), labels[:whole].split(BATCH), strict=True)
    right = sum((run(x).argmax(1) == y).sum().item() for x, y in batches)
    return 100 * right / whole


def layers(fc1):
    """Name -> a linear layer in fp32: that of the lesson, and one of the size that a language model has."""
    width = 64 if runtime.quick() else 4096
    return {"fc1": fc1, "wide": nn.Linear(width, width).requires_grad_(False)}


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

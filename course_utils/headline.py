"""The headline table of quantization: three networks, each in every route to int8, measured side by side.

A network is built once, each route turns it into a callable and a file, and all callables of a network are
timed in turn. `headline_torch` and `headline_deploy` hold the routes. The bench runs all of them, lesson 07
the few that need no compiler and no other package.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn
from tqdm import tqdm

from course_utils import models, timing
from course_utils.headline_record import EAGER, Row

SIDE, N_CALIBRATE = 224, 8


@dataclass(frozen=True, eq=False)
class Network:
    """A network in fp32 and what it is tried on.

    Attributes:
        name: as the table shows it.
        model: in evaluation mode, without gradients.
        example: the one input that is timed, batch 1.
        calibration: more inputs of the same kind, for observers.
        quantizable: makes the same network with stubs, or None where int8 is dynamic.
    """

    name: str
    model: nn.Module
    example: Tensor
    calibration: Tensor
    quantizable: Callable[[], nn.Module] | None = None


@dataclass(frozen=True)
class Candidate:
    """One route, ready to be timed: `run()` answers the example; the file was saved and loaded again."""

    run: Callable[[], Tensor]
    file_bytes: int


@dataclass(frozen=True)
class Route:
    """A way to run a network.

    Attributes:
        runtime: "torch", "ONNX Runtime" or "OpenVINO".
        variant: its row in the table; those of fp32 begin with "fp32".
        build: (network, folder for files) -> Candidate; it may raise.
    """

    runtime: str
    variant: str
    build: Callable[[Network, Path], Candidate]


def bert(tiny: bool = False) -> Network:
    """The shape of BERT-base (or a small one), random weights; texts of 128 tokens."""
    torch.manual_seed(0)
    size = {"n_layers": 1, "width": 64, "n_heads": 2, "n_tokens": 100} if tiny else {}
    model = models.Encoder(**size).eval().requires_grad_(False)
    texts = torch.randint(model.tokens.num_embeddings, (1 + N_CALIBRATE // 2, 128))
    return Network("BERT-base shape", model, texts[:1].clone(), texts[1:])


def resnet50(tiny: bool = False) -> Network:
    """ResNet-50 of torchvision, random weights; images of 224 by 224."""
    from torchvision.models.quantization.resnet import QuantizableBottleneck, QuantizableResNet
    from torchvision.models.resnet import Bottleneck, ResNet

    layers = [1, 1, 1, 1] if tiny else [3, 4, 6, 3]
    return _cnn("ResNet-50", lambda: ResNet(Bottleneck, layers),
                lambda: QuantizableResNet(QuantizableBottleneck, layers), 64 if tiny else SIDE)


def mobilenet_v2(tiny: bool = False) -> Network:
    """MobileNet-v2 of torchvision, random weights; images of 224 by 224."""
    zoo = torchvision.models
    setting = {"inverted_residual_setting": [[1, 16, 1, 1], [6, 24, 2, 2]]} if tiny else {}
    return _cnn("MobileNet-v2", lambda: zoo.mobilenet_v2(weights=None, **setting),
                lambda: zoo.quantization.mobilenet_v2(weights=None, quantize=False, **setting), 64 if tiny else SIDE)


NETWORKS = {"BERT-base shape": bert, "ResNet-50": resnet50, "MobileNet-v2": mobilenet_v2}


def _cnn(name: str, make: Callable[[], nn.Module], quantizable: Callable[[], nn.Module], side: int) -> Network:
    """A CNN whose batch norm has seen images, so that activations have the range of a trained network's.

    Fresh statistics would make the cosine worthless: then two *different* images agree to three nines. For the
    same reason the last norm of each residual branch gets the weight 0.1: a trained branch adds a little to
    its shortcut (Goyal et al., 2017, arXiv:1706.02677, start it at 0).
    """
    torch.manual_seed(0)
    model = make()
    for block in model.modules():
        if isinstance(block, nn.BatchNorm2d):
            block.momentum = None  # the statistics of the one pass below, not a moving average
        elif isinstance(block, torchvision.models.resnet.Bottleneck):
            nn.init.constant_(block.bn3.weight, 0.1)
        elif isinstance(block, torchvision.models.mobilenetv2.InvertedResidual) and block.use_res_connect:
            nn.init.constant_(block.conv[-1].weight, 0.1)
    images = torch.randn(1 + N_CALIBRATE, 3, side, side)
    with torch.no_grad():
        model.train()(images[1:])
    model.eval().requires_grad_(False)

    def with_stubs() -> nn.Module:
        twin = quantizable().eval().requires_grad_(False)
        twin.load_state_dict(model.state_dict())
        return twin

    return Network(name, model, images[:1].clone(), images[1:], with_stubs)


def cosine(a: Tensor, b: Tensor) -> float:
    """Cosine of the angle between two tensors of one shape, each taken as one long vector, in float64."""
    return torch.cosine_similarity(a.flatten().double(), b.flatten().double(), dim=0).item()


def control_cosine(network: Network) -> float:
    """Cosine of the fp32 outputs for two different inputs: what a row must clearly exceed to mean anything."""
    return cosine(network.model(network.example), network.model(network.calibration[:1]))


def measure(network: Network, routes: Iterable[Route], *, rounds: int = 11) -> list[Row]:
    """Build every route of a network, time all of them in turn on one thread, and compare their outputs.

    Args:
        network: from one of `NETWORKS`.
        routes: the first must be torch's eager fp32, the common baseline.
        rounds: samples a route.
    Returns:
        One row a route, in the order given. A route that raises gives a row with `why`; the first must not.
    Raises:
        ValueError: the first route is another one.
    """
    routes = list(routes)
    if not routes or (routes[0].runtime, routes[0].variant) != ("torch", EAGER):
        raise ValueError(f"the first route must be torch's {EAGER!r}: the others are compared with it")
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        built, faults = _build(network, routes, Path(folder))
        runs = {f"{runtime}: {variant}": candidate.run for (runtime, variant), candidate in built.items()}
        times = timing.compare(runs, rounds=rounds, device="cpu")
        expected = network.model(network.example)
        rows = [_row(network.name, route, built, times, expected) if (route.runtime, route.variant) in built
                else Row(network.name, route.runtime, route.variant, why=faults[route.runtime, route.variant])
                for route in routes]
        del runs, built  # a runtime may hold its file open, and Windows deletes no open file
        _give_back()
    return rows


def _give_back() -> None:
    """Hand freed memory back to the system: Linux's C library would keep a gigabyte after a large model."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such function
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def _build(network: Network, routes: list[Route], folder: Path) -> tuple[dict, dict]:
    built, faults = {}, {}
    for i, route in enumerate(tqdm(routes, desc=f"{network.name}: build", file=sys.stderr, leave=False)):
        (folder / str(i)).mkdir()
        try:
            built[route.runtime, route.variant] = route.build(network, folder / str(i))
        except Exception as error:  # whatever a package of another house raises, the other rows must come
            if i == 0:
                raise
            faults[route.runtime, route.variant] = explain(error)
        _give_back()
    return built, faults


def explain(error: BaseException) -> str:
    """One sentence that says why a route could not be built here, and what would help."""
    text = " ".join(str(error).split())
    if isinstance(error, ImportError) and error.name:
        return (f"The package {error.name.split('.')[0]} is not installed; it belongs to the extra \"deploy\" "
                '(pip install -e ".[deploy]").')
    if "C++ compiler" in text or "InvalidCxxCompiler" in text:
        return "torch.compile found no C++ compiler; install one (g++, clang or Visual Studio) and run again."
    if isinstance(error, LookupError) and error.args and str(error.args[0]).startswith("engine"):
        return str(error.args[0])
    return f"{type(error).__name__}: {text[:160]}".rstrip(".") + "."


def _row(name: str, route: Route, built: dict, times: timing.Comparison, expected: Tensor) -> Row:
    candidate, own = built[route.runtime, route.variant], f"{route.runtime}: {route.variant}"
    floats = [variant for runtime, variant in built if runtime == route.runtime and variant.startswith("fp32")]
    best = max(floats, key=lambda variant: times.ratio(f"{route.runtime}: {variant}"), default=None)
    over_best = None if best is None else times.ratio(own, over=f"{route.runtime}: {best}")
    return Row(name, route.runtime, route.variant, times.median_ms(own), times.iqr_ms(own), times.ratio(own),
               over_best, best, candidate.file_bytes, cosine(torch.as_tensor(candidate.run()), expected))

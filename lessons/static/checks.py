"""Checks of the lesson `static`, static quantization: two of them convert what the learner made, and look at the effect."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from course_utils import legacy_int8
from course_utils.exercises.core import Mistake, check, run, same, try_cases
from course_utils.legacy_int8 import tq

# 7 bits and one scale for a tensor: what every engine can run.
QCONFIG = tq.QConfig(
    activation=tq.MinMaxObserver.with_args(quant_min=0, quant_max=127), weight=tq.default_weight_observer
)


def chains(kinds: dict, reads: dict, *, wanted: tuple = ("bn", "relu"), branches: bool = False) -> list[list[str]]:
    """Chains that start at a convolution; with `branches` a result that two modules read counts as well."""
    found = []
    for name in (name for name, kind in kinds.items() if kind == "conv"):
        chain = [name]
        for kind in wanted:
            readers = [reader for reader, sources in reads.items() if chain[-1] in sources]
            fitting = [reader for reader in readers if kinds[reader] == kind]
            if fitting and (branches or len(readers) == 1):
                chain.append(fitting[0])
        found += [chain] if len(chain) > 1 else []
    return sorted(found)


def _in_listed_order(kinds: dict) -> list[list[str]]:
    names, found = list(kinds), []
    for i, name in enumerate(names):
        if kinds[name] == "conv":
            chain = [name]
            for kind in ("bn", "relu"):
                after = i + len(chain)
                chain += [names[after]] if after < len(names) and kinds[names[after]] == kind else []
            found += [chain] if len(chain) > 1 else []
    return sorted(found)


CHAIN = {
    "conv1": ["x"],
    "bn1": ["conv1"],
    "relu1": ["bn1"],
    "conv2": ["relu1"],
    "bn2": ["conv2"],
    "relu2": ["bn2"],
    "fc": ["relu2"],
}
RESIDUAL = {
    "conv1": ["x"],
    "bn1": ["conv1"],
    "relu1": ["bn1"],
    "conv2": ["relu1"],
    "bn2": ["conv2"],
    "add": ["bn2", "x"],
    "relu2": ["add"],
}
BRANCH = {
    "conv1": ["x"],
    "bn1": ["conv1"],
    "conv2": ["bn1"],
    "bn2": ["conv2"],
    "relu2": ["bn2"],
    "add": ["relu2", "conv1", "bn2"],
}
FIRST_NORM = {"bn1": ["x"], "relu1": ["bn1"], "conv1": ["relu1"], "relu2": ["conv1"], "bn2": ["relu2"], "fc": ["bn2"]}
LISTED_BACKWARDS = dict(reversed(CHAIN.items()))


def _kinds(reads: dict) -> dict:
    return {name: name.rstrip("0123456789") for name in reads}


@check("Exercise 1, What may be fused")
def fuse_list(answer: Callable) -> None:
    """``fuse_list(kinds, reads, training) -> list[list[str]]``; the order of the lists does not matter."""

    def lists(value: object) -> list[list[str]]:
        return sorted(list(chain) for chain in value)

    def right(kinds, reads, training, **how):
        return [] if training else chains(kinds, reads, **how)

    wrong = {
        "You fuse in training mode. Batch norm then uses the statistics of each batch, which cannot be folded into "
        "fixed weights: fuse_modules refuses.": lambda kinds, reads, training: chains(kinds, reads),
        "You fuse across a branch. Where two modules read a result, the fused module would no longer compute it, and "
        "one of them would read something else.": lambda kinds, reads, training: right(
            kinds, reads, training, branches=True
        ),
        "Your names are in alphabetical order. fuse_modules needs the order in which the modules run: convolution, "
        "batch norm, ReLU.": lambda kinds, reads, training: sorted(map(sorted, right(kinds, reads, training))),
        "Your chains run backwards. fuse_modules needs the order in which the modules run: convolution first.": lambda kinds, reads, training: (
            sorted(chain[::-1] for chain in right(kinds, reads, training))
        ),
        "You leave out the ReLU. It can be folded too: the integer kernel clamps anyway.": lambda kinds, reads, training: (
            right(kinds, reads, training, wanted=("bn",))
        ),
        "You take only whole chains of three. Convolution and batch norm, or convolution and ReLU, fuse as well.": lambda kinds, reads, training: [
            c for c in right(kinds, reads, training) if len(c) == 3
        ],
        "You go by the order in which the modules are listed. What decides is who reads whose result.": lambda kinds, reads, training: (
            [] if training else _in_listed_order(kinds)
        ),
        "You ask for a batch norm in every chain. A convolution followed by its ReLU fuses as well.": lambda kinds, reads, training: [
            c for c in right(kinds, reads, training) if c[1].startswith("bn")
        ],
    }
    nets = [
        (CHAIN, False),
        (RESIDUAL, False),
        (BRANCH, False),
        (FIRST_NORM, False),
        (LISTED_BACKWARDS, False),
        (CHAIN, True),
        ({"fc": ["x"]}, False),
    ]
    try_cases(
        answer,
        right=right,
        wrong=wrong,
        convert=lists,
        names=("kinds", "reads", "training"),
        cases=[(_kinds(reads), reads, training) for reads, training in nets],
    )


class _Watch(nn.Identity):
    """Notes of what passes: is it quantized already, and how many images. A copy takes the notes along."""

    def __init__(self):
        super().__init__()
        self.seen: list[tuple[bool, int]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append((x.is_quantized, len(x)))
        return x


def small_net(*, training: bool = True) -> tq.QuantWrapper:
    """A float network for images (batch, 1, 8, 8), with stubs; its batch norm stands alone: nothing to fuse."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        net = nn.Sequential(_Watch(), nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    net[1].running_mean.fill_(0.4)
    return tq.QuantWrapper(net).train(training)


def batches() -> list[torch.Tensor]:
    """Three batches of images (8, 1, 8, 8) with values from 0 to 1, the brightest ones last."""
    generator = torch.Generator().manual_seed(5)
    ramp = torch.linspace(0, 1, 8).view(1, 1, 1, 8)
    return [top * ramp * torch.rand(8, 1, 8, 8, generator=generator) for top in (0.5, 0.8, 1.0)]


@check("Exercise 2, Calibration")
@legacy_int8.quiet()
def static_int8(answer: Callable) -> None:
    """``static_int8(model, batches, qconfig) -> nn.Module``, converted; judged by what it then computes."""
    for training in (True, False):
        data = batches()
        expected = _reference(small_net(training=training), data)
        got = run(answer, (small_net(training=training), data, QCONFIG), ("model", "batches", "qconfig"))
        where = f"Your function on a model in {'training' if training else 'evaluation'} mode and 3 batches"
        _converted_right(got, expected, where, sum(map(len, data)))


def _reference(model: nn.Module, data: list[torch.Tensor]) -> nn.Module:
    model.eval().qconfig = QCONFIG
    observed = tq.prepare(model)
    for batch in data:
        observed(batch)
    return tq.convert(observed)


def _converted_right(got: object, expected: nn.Module, where: str, n_images: int) -> None:
    kinds = [type(m).__name__ for m in got.modules()] if isinstance(got, nn.Module) else []
    if "DeQuantize" not in kinds:
        shown = f"a {type(got).__name__}" if not kinds else "a model that is not converted"
        raise Mistake(f"{where} returned {shown}.", "Return what tq.convert gives: the model with its int8 modules.")
    watch = next((m for m in got.modules() if isinstance(m, _Watch)), None)
    if watch is None or not hasattr(got, "quant"):
        raise Mistake(f"{where} returned another model than the one it was given.", "Keep the wrapper with the stubs.")
    scale, wanted = float(got.quant.scale), float(expected.quant.scale)
    message = f"{where}: the input is quantized with scale {scale:.4g}, expected {wanted:.4g}."
    seen = watch.seen
    if not seen:
        raise Mistake(
            message,
            "No batch went through the model. Without data an observer knows no range, and every scale stays at 1.",
        )
    if all(quantized for quantized, _ in seen):
        raise Mistake(message, "You calibrate after convert. Then the observers are gone: the batches change nothing.")
    if not same(expected.module[1].running_mean, got.module[1].running_mean):
        raise Mistake(
            f"{where}: the running mean of the batch norm is {got.module[1].running_mean.item():.3g} now, "
            f"{expected.module[1].running_mean.item():.3g} before.",
            "You calibrate in training mode: batch norm learns from the batches. Call eval() first.",
        )
    if not same(wanted, scale, rtol=1e-4) and sum(n for quantized, n in seen if not quantized) < n_images:
        raise Mistake(message, "Not all batches went through the model. The others may hold larger values.")
    if not same(wanted, scale, rtol=1e-4):
        raise Mistake(
            message,
            "The observers saw other values than those of the batches. Calibrate with the data "
            "itself: noise has another range.",
        )
    _computes_the_same(got, expected, where)


def _computes_the_same(got: nn.Module, expected: nn.Module, where: str) -> None:
    image = batches()[-1][:1]
    if not same(expected(image), got(image), rtol=1e-3, atol=1e-3):
        inner = float(getattr(got.module[2], "scale", float("nan")))
        raise Mistake(
            f"{where}: after the convolution the scale is {inner:.4g}, expected {float(expected.module[2].scale):.4g}.",
            "The range of the input is right, those inside are not: values in another place (shuffled "
            "pixels) make other sums. Or you took another qconfig.",
        )


@check("Exercise 3, A residual block that survives")
@legacy_int8.quiet()
def residual_block(answer: Callable) -> None:
    """``residual_block(conv) -> nn.Module``: relu(x + conv(x)), ready for prepare and convert."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        conv, x = nn.Conv2d(2, 2, 3, padding=1).requires_grad_(False), torch.randn(16, 2, 6, 6)
    block = run(answer, (conv,), ("conv",))
    if not isinstance(block, nn.Module):
        raise Mistake(f"Your function returned a {type(block).__name__}.", "Return the block, an nn.Module.")
    expected = torch.relu(x + conv(x))
    _in_float(block, x, conv, expected)
    block.eval().qconfig = QCONFIG
    observed = tq.prepare(block)
    observed(x)
    _in_int8(tq.convert(observed), x, expected)


def _in_float(block: nn.Module, x: torch.Tensor, conv: nn.Module, expected: torch.Tensor) -> None:
    try:
        got = block(x)
    except Exception as error:
        raise Mistake(
            f"In float, before any quantization, your block raised {type(error).__name__}: {error}.",
            "Call it yourself on torch.randn(1, 2, 6, 6).",
        ) from error
    if same(expected, got, atol=1e-5):
        return
    hints = {
        "The ReLU is missing: it comes after the sum.": x + conv(x),
        "The ReLU belongs after the sum, not before it.": x + torch.relu(conv(x)),
        "The shortcut is missing: the input itself is added.": torch.relu(conv(x)),
    }
    hint = next((h for h, value in hints.items() if same(value, got, atol=1e-5)), "Expected relu(x + conv(x)).")
    raise Mistake("In float, before any quantization, your block computes something else.", hint)


def _in_int8(block: nn.Module, x: torch.Tensor, expected: torch.Tensor) -> None:
    hints = {
        "quantized::": "The input arrives in float at an int8 operation: quantize it first, with a QuantStub that "
        "you make in __init__, so that convert finds it.",
        "aten::": "A plain + or torch.add has no int8 version: use FloatFunctional, made in __init__.",
    }
    try:
        got = block(x)
    except Exception as error:
        said = str(error).split(" with arguments")[0].split(". ")[0]
        hint = next((h for part, h in hints.items() if part in str(error)), "Look at which operation meets which type.")
        raise Mistake(f"After conversion your block raised {type(error).__name__}: {said}.", hint) from error
    if got.is_quantized:
        raise Mistake(
            "After conversion your block returns a quantized tensor.",
            "The last step is missing: a DeQuantStub gives float back.",
        )
    if not any(type(m).__name__.startswith("QFunctional") for m in block.modules()):
        raise Mistake(
            "After conversion no module of your block adds in int8.",
            "You add in float, between two conversions. Add with FloatFunctional, before the DeQuantStub.",
        )
    error = ((got - expected).norm() / expected.norm()).item()
    if not error < 0.05:
        raise Mistake(
            f"After conversion the result differs from float by {error:.0%}.",
            "One FloatFunctional for one operation, and the calibration must pass through each of them.",
        )

"""Checks of the lesson `dynamic`, dynamic quantization."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from course_utils import legacy_int8
from course_utils.exercises.core import check, try_cases
from course_utils.measure import int8_audit


def _linear(
    x: torch.Tensor,
    w_q: torch.Tensor,
    w_scale: float,
    bias: torch.Tensor,
    *,
    low: float,
    high: float,
    rounding: Callable = torch.round,
    shift: bool = True,
) -> torch.Tensor:
    """The layer with a given range; `shift` takes the zero point off again."""
    scale = (high - low) / 255
    zero_point = torch.round(torch.as_tensor(-low / scale))
    q = (rounding(x / scale) + zero_point).clamp(0, 255)
    return (q - zero_point * shift) @ w_q.float().T * (scale * w_scale) + bias


def _ranged(find: Callable, **how: object) -> Callable:
    """The layer with the range that `find` gives for its input."""

    def layer(x, w_q, w_scale, bias):
        low, high = (float(v) for v in find(x))
        return _linear(x, w_q, w_scale, bias, low=low, high=high if high > low else low + 1.0, **how)

    return layer


def _widened(low: torch.Tensor, high: torch.Tensor) -> tuple[float, float]:
    return min(0.0, float(low)), max(0.0, float(high))


def _of_call(x: torch.Tensor) -> tuple[float, float]:
    return _widened(x.min(), x.max())


def _row_by_row(x, w_q, w_scale, bias):
    return torch.cat([_ranged(_of_call)(row[None], w_q, w_scale, bias) for row in x])


def _symmetric(x, w_q, w_scale, bias):
    scale = x.abs().max() / 127
    return torch.round(x / scale) @ w_q.float().T * (scale * w_scale) + bias


def _wrapped(x, w_q, w_scale, bias):
    low, high = _of_call(x)
    scale = (high - low) / 255
    zero_point = round(-low / scale)
    q = (torch.round(x / scale) + zero_point).clamp(0, 255).to(torch.uint8).to(torch.int8)
    return (q.float() - zero_point) @ w_q.float().T * (scale * w_scale) + bias


@check("Exercise 1, A dynamic int8 linear layer")
def dynamic_linear(answer: Callable) -> None:
    """``dynamic_linear(x, w_q, w_scale, bias) -> float tensor (batch, n_out)``."""
    right = _ranged(_of_call)
    wrong = {
        "You forgot the zero point: a stored q stands for (q − zero point) · scale. Take it off before the product.": _ranged(
            _of_call, shift=False
        ),
        "Your range is fixed, 0 to 1. 'On the fly' means that every call gets the range of its own input.": _ranged(
            lambda x: (0.0, 1.0)
        ),
        "Your range is fixed, −1 to 1. 'On the fly' means that every call gets the range of its own input.": _ranged(
            lambda x: (-1.0, 1.0)
        ),
        "You average the ranges of the batch's rows. A row that is wider than the average is cut off: the range of a "
        "call is its lowest and its highest value.": _ranged(lambda x: _widened(x.amin(1).mean(), x.amax(1).mean())),
        "You take the range of the first row for the whole call. Later rows may be wider: use all of x.": _ranged(
            lambda x: _widened(x[0].min(), x[0].max())
        ),
        "You give every row a scale of its own. torchao does that; here one scale serves the whole call.": _row_by_row,
        "Your map is symmetric, with the largest |x| at 127. Asked is 0 to 255 from lowest to highest.": _symmetric,
        "Your range does not always contain 0. Where all inputs are positive (or negative), begin (or end) at 0.": _ranged(
            lambda x: (x.min(), x.max())
        ),
        "You round down (floor) where the nearest whole number is asked: that shifts every value by half a step.": _ranged(
            _of_call, rounding=torch.floor
        ),
        "You cut off the digits (int, trunc) where the nearest whole number is asked.": _ranged(
            _of_call, rounding=torch.trunc
        ),
        "You forgot the scale of the weights: an int8 weight w stands for w · w_scale.": lambda x, w_q, w_scale, bias: (
            right(x, w_q, 1.0, bias)
        ),
        "You forgot the bias.": lambda x, w_q, w_scale, bias: right(x, w_q, w_scale, 0 * bias),
        "You stored the input in int8: 128 to 255 do not fit there and become negative. Use int32 (or uint8) for it.": _wrapped,
        "You did not quantize the input. The exercise asks for the rounding of the real layer, too.": lambda x, w_q, w_scale, bias: (
            x @ (w_q.float() * w_scale).T + bias
        ),
    }
    draw = torch.Generator().manual_seed(4)

    def case(scale, shift, rows, n_in, n_out, w_scale):
        x = torch.randn(rows, n_in, generator=draw) * scale + shift
        w_q = torch.randint(-127, 128, (n_out, n_in), generator=draw, dtype=torch.int8)
        return x, w_q, w_scale, torch.randn(n_out, generator=draw)

    outlier = case(1.0, 0.0, 6, 8, 3, 0.02)
    outlier[0][4, 2] = 40.0
    simple = (torch.tensor([[0.0, 1.0]]), torch.tensor([[2, 3]], dtype=torch.int8), 0.5, torch.tensor([1.0]))
    try_cases(
        answer,
        right=right,
        wrong=wrong,
        names=("x", "w_q", "w_scale", "bias"),
        rtol=1e-3,
        atol=1e-3,
        cases=[
            case(3.0, 0.5, 5, 16, 4, 0.01),
            outlier,
            case(0.2, 9.0, 4, 8, 3, 0.03),
            case(0.2, -9.0, 4, 8, 3, 0.03),
            case(0.1, 0.0, 7, 32, 5, 0.05),
            simple,
        ],
    )


def _for_size(layers, target, *, kinds=("Linear", "LSTM"), saves=3, bias_saves=0, order="largest", strict=False):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    candidates = [layer for layer in layers if kinds is None or layer[1] in kinds]
    if order != "given":
        candidates.sort(key=lambda layer: layer[2], reverse=order == "largest")
    for name, _, weights, biases in candidates:
        if total < target or (total == target and not strict):
            break
        chosen.add(name)
        total -= saves * weights + bias_saves * biases
    return chosen


def _all_of_them(layers, target):
    if sum(4 * (w + b) for _, _, w, b in layers) <= target:
        return set()
    return {name for name, kind, _, _ in layers if kind in ("Linear", "LSTM")}


@check("Exercise 2, What to quantize for a size target")
def quantize_for_size(answer: Callable) -> None:
    """``quantize_for_size(layers, target_bytes) -> set of names``."""

    def variant(**how):
        return lambda layers, target: _for_size(layers, target, **how)

    wrong = {
        "You quantize embeddings (or other kinds) as if they were linear. The line leaves them float.": variant(
            kinds=None
        ),
        "You count embeddings as linear. They are tables that are read, not multiplied: the line leaves them float.": variant(
            kinds=("Linear", "LSTM", "Embedding")
        ),
        "You leave out the LSTM. The line quantizes it, too.": variant(kinds=("Linear",)),
        "You subtract all 4 bytes of a weight. One byte of it stays: an int8 weight saves 3.": variant(saves=4),
        "You let biases shrink with the weights. They stay in fp32, 4 bytes each.": variant(bias_saves=3),
        "You go through the layers as they come. The fewest layers are found with the largest saving first.": variant(
            order="given"
        ),
        "You begin with the smallest layers. The fewest layers are found with the largest saving first.": variant(
            order="smallest"
        ),
        "You take one more layer where the bytes equal the target: 'at most' includes equal.": variant(strict=True),
        "You quantize all that can be quantized. Stop as soon as the target is met.": _all_of_them,
        "You quantize all that can be quantized, even where the target is met already.": lambda layers, target: {
            name for name, kind, _, _ in layers if kind in ("Linear", "LSTM")
        },
    }
    net = [
        ("words", "Embedding", 90_000, 0),
        ("lstm", "LSTM", 40_000, 800),
        ("up", "Linear", 20_000, 400),
        ("down", "Linear", 30_000, 100),
        ("conv", "Conv2d", 35_000, 50),
        ("head", "Linear", 1_000, 10),
    ]
    total = sum(4 * (w + b) for _, _, w, b in net)
    targets = [
        total,
        total - 120_000,
        total - 120_001,
        total - 150_000,
        total - 160_400,
        total - 210_000,
        total - 210_900,
        total - 271_000,
        0,
    ]
    fat = [("small", "Linear", 100, 5_000), ("large", "Linear", 4_000, 5_000), ("norm", "LayerNorm", 64, 64)]
    fat_total = sum(4 * (w + b) for _, _, w, b in fat)
    cases = [(net, target) for target in targets] + [(fat, fat_total - 12_100), (fat, fat_total - 12_000)]
    try_cases(
        answer,
        right=variant(),
        wrong=wrong,
        names=("layers", "target_bytes"),
        convert=set,
        cases=[*cases, ([("fc", "Linear", 1000, 0)], 1000)],
    )


def _old_line(types: set | None) -> Callable:
    """``quantize_dynamic`` with a set of types, without its warnings."""

    def quantize(model):
        with legacy_int8.quiet():
            return legacy_int8.tq.quantize_dynamic(model, types)

    quantize.__name__ = f"quantize_dynamic, {sorted(kind.__name__ for kind in types) if types else 'no set'}"
    return quantize


def _torchao(name: str) -> Callable:
    """torchao's ``quantize_`` on a copy, with the configuration of that name."""

    def quantize(model):
        from torchao import quantization as ao  # slow to import: only where this check runs

        model = copy.deepcopy(model)
        ao.quantize_(model, getattr(ao, name)())
        return model

    quantize.__name__ = f"torchao, {name}"
    return quantize


def _unchanged(model: nn.Module) -> nn.Module:
    return model


@check("Exercise 3, The model that did not change")
def did_nothing(answer: Callable) -> None:
    """``did_nothing(model, quantize) -> bool``."""

    def looks(at: Callable[[nn.Module], bool]) -> Callable:
        return lambda model, quantize: at(quantize(model))

    wrong = {
        "You look at the names of classes in the printed model. torchao keeps the modules and swaps their weights: the "
        "names stay.": looks(lambda m: "DynamicQuantized" not in str(m)),
        "You look at the classes of the model's direct children only: deeper modules and torchao's weights escape you.": looks(
            lambda m: not any("quantized" in type(child).__module__ for child in m.children())
        ),
        "You look for the word 'quantiz' in the printed model. NonDynamicallyQuantizableLinear has it, and is float.": looks(
            lambda m: "quantiz" not in str(m).lower()
        ),
        "You look for the word 'Dynamic' in the printed model. NonDynamicallyQuantizableLinear has it, and torchao's "
        "weights have not.": looks(lambda m: "Dynamic" not in str(m)),
        "Every model looks untouched to you. A packed weight is no parameter, torchao's int8 tensors say float32 "
        "outwards, and the class of a quantized layer is called Linear, too (only its printed form differs).": looks(
            lambda m: not any(p.dtype in (torch.int8, torch.qint8) for p in m.parameters())
        ),
        "You say 'did nothing' as soon as one module is still float. Asked is whether no weight at all became 8 bits.": looks(
            lambda m: any(row.weight_bits != 8 for row in int8_audit.audit(m).rows)
        ),
        "You count modules that compute in int8. Weight-only quantization stores 8 bits and computes in float.": looks(
            lambda m: int8_audit.audit(m).count("int8") == 0
        ),
        "You have it the wrong way round: True means that nothing was quantized.": looks(
            lambda m: any(row.weight_bits == 8 for row in int8_audit.audit(m).rows)
        ),
    }
    right = looks(lambda m: all(row.weight_bits != 8 for row in int8_audit.audit(m).rows))
    try_cases(
        answer, right=right, wrong=wrong, names=("model", "quantize"), cases=[*_models(), (nn.Linear(2, 2), _unchanged)]
    )


def _models() -> list[tuple[nn.Module, Callable]]:
    lines, everything = _old_line({nn.Linear}), _old_line(None)
    dynamic, weight_only = _torchao("Int8DynamicActivationInt8WeightConfig"), _torchao("Int8WeightOnlyConfig")

    def two_layers():
        return nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32))

    return [
        (two_layers(), lines),
        (nn.Linear(32, 32), lines),
        (nn.Sequential(nn.LSTM(32, 32)), lines),
        (nn.Sequential(nn.LSTM(32, 32)), everything),
        (nn.Sequential(nn.MultiheadAttention(32, 4)), everything),
        (two_layers(), dynamic),
        (nn.Linear(32, 32), weight_only),
        (nn.Sequential(nn.Sequential(nn.Linear(32, 32)), nn.Conv1d(4, 4, 3)), lines),
        (nn.Sequential(nn.Conv2d(4, 4, 3)), _old_line({nn.Conv2d})),
    ]

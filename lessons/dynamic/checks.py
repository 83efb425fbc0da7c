"""Checks of the lesson `dynamic`, dynamic quantization."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Set

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils import legacy_int8
from course_utils.exercises.core import Mistake, Verdict, check
from course_utils.exercises.inputs import numbers, tensors
from course_utils.exercises.search import compare
from course_utils.exercises.values import same
from course_utils.measure import int8_audit


def _span(low: torch.Tensor, high: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return low.clamp(max=0), high.clamp(min=0)


def _of_call(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return _span(x.min(), x.max())


def _layer(
    *,
    span: Callable = _of_call,
    steps: int = 255,
    top: int = 255,
    rounding: Callable = torch.round,
    whole_zero: Callable = torch.round,
    code: Callable = lambda x, scale, low, zero, rounding: rounding(x / scale) + zero,
    difference: Callable = lambda q, zero: q - zero,
) -> Callable:
    """The layer; each switch is one of its rules, done otherwise."""

    def layer(x, w_q, w_scale, bias):
        low, high = span(x)
        scale = (high - low) / steps
        zero = whole_zero(-low / scale)
        q = code(x, scale, low, zero, rounding).clamp(0, top)
        return difference(q, zero) @ w_q.float().T * (scale * w_scale) + bias

    return layer


def _symmetric(x, w_q, w_scale, bias):
    scale = x.abs().max() / 127
    return torch.round(x / scale) @ w_q.float().T * (scale * w_scale) + bias


@st.composite
def _calls(draw: Callable) -> tuple[torch.Tensor, torch.Tensor, float, torch.Tensor]:
    """(x, w_q, w_scale, bias) whose scale is a power of two: float32 holds every step exactly, halves too."""
    rows, n_in, n_out = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    one_sign = st.sampled_from([0, 510])
    below = draw(one_sign if rows * n_in == 1 else one_sign | st.integers(0, 510))  # half steps below 0
    low, high = -below / 2, 255 - below / 2
    value = numbers(low, high, step=0.25)
    first = value.filter(bool)  # no row is all zeros: it has no range of its own to be wrong with
    steps = torch.tensor([[draw(value if at else first) for at in range(n_in)] for _ in range(rows)])
    places = draw(st.permutations(range(rows * n_in)))
    ends = [end for end in (low, high) if end]
    for place, end in zip(places, ends, strict=False):
        steps.view(-1)[place] = end
    x = steps * draw(st.sampled_from([1.0, 0.5, 0.25, 2.0]))
    w_q = draw(tensors((n_out, n_in), st.integers(-127, 127), torch.int8))
    return x, w_q, draw(numbers(0.125, 1)), draw(tensors((n_out,)))


@check("Exercise 1, A dynamic int8 linear layer")
def dynamic_linear(answer: Callable) -> None:
    """``dynamic_linear(x, w_q, w_scale, bias) -> float tensor (batch, n_out)``."""
    right = _layer()
    wrong = {
        "Your result keeps the zero point in every q. A stored q stands for (q − zero point) · scale: take it off "
        "before the product.": _layer(difference=lambda q, zero: q),
        "Your result is that of the fixed range 0 to 1. 'On the fly' means that every call gets the range of its own "
        "input.": _layer(span=lambda x: (torch.tensor(0.0), torch.tensor(1.0))),
        "Your range is the average of the rows' ranges. A row that is wider is cut off: the range of a call is its "
        "lowest and its highest value.": _layer(span=lambda x: _span(x.amin(1).mean(), x.amax(1).mean())),
        "Your range is that of the first row. Later rows may be wider: use all of x.": _layer(
            span=lambda x: _of_call(x[0])
        ),
        "Every row has a scale of its own in your result. torchao does that; here one scale serves the whole "
        "call.": _layer(span=lambda x: _span(x.amin(1, keepdim=True), x.amax(1, keepdim=True))),
        "Your map is symmetric, with the largest |x| at 127. Asked is 0 to 255 from lowest to highest.": _symmetric,
        "Your range does not always contain 0. Where all inputs are positive (or negative), begin (or end) at 0.": _layer(
            span=lambda x: (x.min(), x.max())
        ),
        "Your input has 7 bits, 0 to 127, as PyTorch's has on x86. Here it has 8: 0 to 255.": _layer(
            steps=127, top=127
        ),
        "Your input is rounded down (floor) where the nearest whole number is asked: that shifts every value by half "
        "a step.": _layer(rounding=torch.floor),
        "Your input has its digits cut off (int, trunc) where the nearest whole number is asked.": _layer(
            rounding=torch.trunc
        ),
        "Your halves go up (as floor(x + 0.5) has it). Asked is the even neighbour, as torch.round has it.": _layer(
            rounding=lambda v: torch.floor(v + 0.5), whole_zero=lambda v: torch.floor(v + 0.5)
        ),
        "Your input is not rounded. The exercise asks for the rounding of the real layer, too.": (
            lambda x, w_q, w_scale, bias: x @ (w_q.float() * w_scale).T + bias
        ),
        "Your zero point is no whole number. Round it by itself: it is stored beside whole numbers.": _layer(
            whole_zero=lambda zero: zero, code=lambda x, scale, low, zero, rounding: rounding(x / scale + zero)
        ),
        "You round x and the zero point in one go. Round x / scale, then add the zero point, which is whole "
        "already.": _layer(code=lambda x, scale, low, zero, rounding: rounding((x - low) / scale)),
        "Your q can be 256. Clamp it: where the range ends on halves, rounding can push its upper end over the edge.": _layer(
            top=256
        ),
        "Your result lacks the scale of the weights: an int8 weight w stands for w · w_scale.": (
            lambda x, w_q, w_scale, bias: right(x, w_q, 1.0, bias)
        ),
        "Your result lacks the bias.": lambda x, w_q, w_scale, bias: right(x, w_q, w_scale, 0 * bias),
        "Your q is stored in int8: 128 to 255 do not fit there and become negative. Use int32 (or uint8) for it.": _layer(
            difference=lambda q, zero: q.to(torch.uint8).to(torch.int8).float() - zero
        ),
        "Your differences q − zero point wrap round at 256, as those of uint8 do. Convert to int32 before the "
        "subtraction.": _layer(difference=lambda q, zero: (q.to(torch.uint8) - zero.to(torch.uint8)).float()),
    }
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("x", "w_q", "w_scale", "bias"),
        rtol=1e-5,
        atol=1e-4,
        edges=[
            (torch.tensor([[0.0, 1.0]]), torch.tensor([[2, 3]], dtype=torch.int8), 0.5, torch.tensor([1.0])),
            (torch.tensor([[-1.5, 253.5]]), torch.tensor([[1, 2]], dtype=torch.int8), 1.0, torch.tensor([0.0])),
        ],
        inputs=_calls(),
    )


QUANTIZED = ("Linear", "LSTM")


def _for_size(
    layers,
    target,
    *,
    kinds=QUANTIZED,
    saves=lambda w, b: 3 * w,
    counted=lambda kind, w, b: 4 * (w + b),
    order=lambda w, b: -w,
    enough=lambda total, target: total <= target,
    last=True,
):
    """The names; each switch is one of the card's rules, done otherwise."""
    total = sum(counted(kind, w, b) for _, kind, w, b in layers)
    able = [layer for layer in layers if kinds is None or layer[1] in kinds]
    chosen = set()
    for name, _, w, b in sorted(able, key=lambda layer: order(*layer[2:])):
        after = total - saves(w, b)
        if enough(total, target) or (not last and enough(after, target)):
            break
        chosen.add(name)
        total = after
    return chosen


def _able(layers):
    return {name for name, kind, _, _ in layers if kind in QUANTIZED}


@st.composite
def _sizes(draw: Callable) -> tuple[list[tuple[str, str, int, int]], int]:
    """(layers, target_bytes), the target often at, or a byte beside, what some of the layers reach."""
    kinds = st.sampled_from(["Linear", "LSTM", "Embedding", "GRU", "Conv2d"])
    count = draw(st.integers(0, 5))
    names = draw(st.permutations(["fc", "up", "down", "in", "out"]))[:count]
    layers = [(name, draw(kinds), draw(st.integers(1, 40)), draw(st.integers(0, 9))) for name in names]
    total = sum(4 * (w + b) for _, _, w, b in layers)
    able = sorted((w for _, kind, w, _ in layers if kind in QUANTIZED), reverse=True)
    reached = [total - 3 * sum(able[:taken]) for taken in range(len(able) + 1)]
    near = st.tuples(st.sampled_from(reached), st.sampled_from([0, -1, 1])).map(lambda pair: max(0, sum(pair)))
    return layers, draw(near | st.integers(0, total + 4))


@check("Exercise 2, What to quantize for a size target")
def quantize_for_size(answer: Callable) -> None:
    """``quantize_for_size(layers, target_bytes) -> set of names``."""

    def variant(**how):
        return lambda layers, target: _for_size(layers, target, **how)

    def weights_of_names(value, layers, target):
        """The chosen layers by kind and size: of two that save the same, either may be taken."""
        try:
            names = set(value) if isinstance(value, Set | list | tuple) else None
            plain = names is not None and all(isinstance(name, str) for name in names)
        except Exception:
            plain = False
        if not plain:
            raise Mistake(
                "Your function returned something other than a set of names.",
                "Return a set of texts, the names of layers. For a single name that is {'fc'}, and for none set().",
            )
        known = {name: (kind in QUANTIZED, w) for name, kind, w, _ in layers}
        return sorted(str(known.get(name, name)) for name in names)

    wrong = {
        "Your result can hold any kind of layer. Only Linear and LSTM become smaller here.": variant(kinds=None),
        "Your result can hold embeddings. They are tables that are read, not multiplied: here they stay float.": variant(
            kinds=(*QUANTIZED, "Embedding")
        ),
        "Your result never holds an LSTM. It is quantized, too.": variant(kinds=("Linear",)),
        "You subtract all 4 bytes of a weight. One byte of it stays: an int8 weight saves 3.": variant(
            saves=lambda w, b: 4 * w
        ),
        "You let biases shrink with the weights. They stay in fp32, 4 bytes each.": variant(
            saves=lambda w, b: 3 * (w + b)
        ),
        "Your model has only the layers that can be quantized. The others take their bytes, too.": variant(
            counted=lambda kind, w, b: 4 * (w + b) * (kind in QUANTIZED)
        ),
        "You compare numbers with bytes. In fp32 each takes 4.": variant(counted=lambda kind, w, b: w + b),
        "Your model has no biases. They stay in fp32, 4 bytes each, and count.": variant(
            counted=lambda kind, w, b: 4 * w
        ),
        "You take layers in the order in which they come. The fewest are found with the largest saving first.": variant(
            order=lambda w, b: 0
        ),
        "You begin with the smallest layers. The fewest layers are found with the largest saving first.": variant(
            order=lambda w, b: w
        ),
        "You order by weights and biases together. Biases save nothing: order by the weights.": variant(
            order=lambda w, b: -(w + b)
        ),
        "You take one more layer where the bytes equal the target: 'at most' includes equal.": variant(
            enough=lambda total, target: total < target
        ),
        "You leave out the layer with which the target is reached.": variant(last=False),
        "You take all that can be quantized. Stop as soon as the target is met.": lambda layers, target: (
            _able(layers) if _for_size(layers, target) else set()
        ),
        "You take all that can be quantized, even where the target is met already.": lambda layers, target: _able(
            layers
        ),
        "You return nothing where the target cannot be reached. Then all that can be quantized is asked.": (
            lambda layers, target: (
                _for_size(layers, target)
                if sum(w * (1 if kind in QUANTIZED else 4) + 4 * b for _, kind, w, b in layers) <= target
                else set()
            )
        ),
    }
    net = [("words", "Embedding", 90, 0), ("lstm", "LSTM", 40, 8), ("up", "Linear", 20, 4), ("down", "Linear", 30, 1)]
    total = sum(4 * (w + b) for _, _, w, b in net)
    fat = [("small", "Linear", 10, 500), ("large", "Linear", 40, 5), ("norm", "LayerNorm", 6, 6)]
    compare(
        answer,
        right=variant(),
        wrong=wrong,
        view=weights_of_names,
        names=("layers", "target_bytes"),
        edges=[
            ([("fc", "Linear", 1000, 0)], 1000),
            ([], 0),
            *[(net, total - less) for less in (0, 120, 121, 210, 211, 270)],
            (net, 0),
            (fat, sum(4 * (w + b) for _, _, w, b in fat) - 121),
        ],
        inputs=_sizes(),
    )


def _old_line(types: set | None) -> Callable:
    """``quantize_dynamic`` with a set of types or names, without its warnings."""

    def quantize(model):
        with legacy_int8.quiet():
            return legacy_int8.tq.quantize_dynamic(model, types)

    listed = ", {" + ", ".join(f"nn.{getattr(kind, '__name__', kind)}" for kind in types) + "}" if types else ""
    quantize.__name__ = f"quantize_dynamic(model{listed})"
    return quantize


def _torchao(name: str, *, only: str = "") -> Callable:
    """torchao's ``quantize_`` on a copy, with the configuration of that name; `only`: one module."""

    def quantize(model):
        from torchao import quantization as ao

        model = copy.deepcopy(model)
        chosen = (lambda module, at: isinstance(module, nn.Linear) and at == only) if only else None
        ao.quantize_(model, getattr(ao, name)(), filter_fn=chosen)
        return model

    quantize.__name__ = f"quantize_(copy of model, {name}(){f', only module {only!r}' if only else ''})"
    return quantize


def _unchanged(model: nn.Module) -> nn.Module:
    return model


_unchanged.__name__ = "lambda model: model"


def _with_torchao(checked: Callable) -> Callable:
    """Import torchao before a check, not at the top: it is slow, and inside it would count as a change of torch."""

    @functools.wraps(checked)
    def judged(answer: object) -> Verdict:
        import torchao.quantization  # noqa: F401

        return checked(answer)

    return judged


def _models() -> list[nn.Module]:
    half_done = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    return [
        nn.Linear(2, 2),
        nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)),
        nn.Sequential(nn.Sequential(nn.Linear(2, 2)), nn.Conv2d(1, 1, 1)),
        nn.LSTM(2, 2),
        nn.Sequential(nn.LSTM(2, 2)),
        nn.Sequential(nn.RNN(2, 2)),
        nn.Sequential(nn.MultiheadAttention(2, 1)),
        nn.Sequential(nn.ReLU()),
        _old_line({"1"})(half_done),
    ]


@_with_torchao
@check("Exercise 3, The model that did not change")
def did_nothing(answer: Callable) -> None:
    """``did_nothing(model, quantize) -> bool``."""

    def looks(at: Callable[[nn.Module], bool]) -> Callable:
        return lambda model, quantize: at(quantize(model))

    def bits(model: nn.Module) -> list[int | None]:
        return [row.weight_bits for row in int8_audit.audit(model).rows]

    wrong = {
        "You miss what torchao did: it keeps the modules, and the names of their classes, and swaps the weights.": looks(
            lambda m: "DynamicQuantized" not in str(m)
        ),
        "You miss what the old line did: it replaces modules, and their packed weights are no parameters.": looks(
            lambda m: not any(type(p).__module__.startswith("torchao") for p in m.parameters())
        ),
        "You find only modules of the old line that are direct children of the model. Deeper ones count, and so do "
        "torchao's weights.": looks(lambda m: not any("quantized" in type(child).__module__ for child in m.children())),
        "You take NonDynamicallyQuantizableLinear for quantized, perhaps for its name. It is float.": looks(
            lambda m: "quantiz" not in str(m).lower()
        ),
        "Nearly every model looks untouched to you. A packed weight is no parameter, torchao's int8 tensors say float32 "
        "outwards, and the size of a small file tells little.": looks(
            lambda m: not any(p.dtype in (torch.int8, torch.qint8) for p in m.parameters())
        ),
        "No model looks untouched to you. Where no weight takes 8 bits, True is asked.": looks(lambda m: False),
        "You look at the model that went in, not at the one that quantize gives back.": lambda model, quantize: (
            8 not in bits(model)
        ),
        "You ask whether quantize gives back the same object. The old line gives a copy, also where it changes "
        "nothing; and a model that came with 8-bit weights may come back as it was.": lambda model, quantize: (
            quantize(model) is model
        ),
        "16 bits are fewer than 32, but they are not 8.": looks(
            lambda m: not any(width is not None and width < 32 for width in bits(m))
        ),
        "You take every weight that is not in 32 bits for quantized. There are floats of 16 and of 64 bits.": looks(
            lambda m: all(width == 32 for width in bits(m))
        ),
        "Your answer is True exactly where some weight is not stored in 8 bits. Asked is whether none at all "
        "is.": looks(lambda m: any(width != 8 for width in bits(m))),
        "You miss weights that are stored in 8 bits and computed in float (weight-only). Asked is what is "
        "stored.": looks(lambda m: int8_audit.audit(m).count("int8") == 0),
        "You say True for a model that came with 8-bit weights and was not changed. Asked is what the returned model "
        "stores, not whether it is another.": lambda model, quantize: str(model) == str(quantize(model)),
        "You say False for a model without weights. None of them takes 8 bits there: True.": looks(
            lambda m: bool(bits(m)) and 8 not in bits(m)
        ),
        "Your answer is True exactly where an nn.Linear is left. Other modules have weights, too, and torchao keeps the "
        "class.": looks(lambda m: any(isinstance(part, nn.Linear) for part in m.modules())),
        "You have it the wrong way round: True means that no weight is stored in 8 bits.": looks(
            lambda m: 8 in bits(m)
        ),
    }

    def true_or_false(value, model, quantize):
        if not (same(True, value) or same(False, value)):
            raise Mistake("Your function returned neither True nor False.", "Return the truth value itself.")
        return value

    quantizers = [
        _unchanged,
        _old_line({nn.Linear}),
        _old_line(None),
        _old_line({nn.Conv2d}),
        _torchao("Int8WeightOnlyConfig"),
        _torchao("Int8DynamicActivationInt8WeightConfig"),
        _torchao("Int8WeightOnlyConfig", only="0"),
    ]
    compare(
        answer,
        right=looks(lambda m: 8 not in bits(m)),
        wrong=wrong,
        view=true_or_false,
        names=("model", "quantize"),
        edges=[(nn.Linear(2, 2).to(dtype), _unchanged) for dtype in (torch.float16, torch.bfloat16, torch.float64)],
        inputs=st.tuples(st.sampled_from(_models()), st.sampled_from(quantizers)),
    )

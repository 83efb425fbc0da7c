"""Checks of the lesson `audit`: why a speed-up is missing, what to quantize, and what a call left as it was."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence, Set

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils import legacy_int8
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.investigation import Run, World, investigate
from course_utils.exercises.search import compare
from course_utils.exercises.values import same
from course_utils.measure import int8_audit

QUANTIZED = ("Linear", "LSTM")
NAMED_ALIKE = ("LSTMCell", "NonDynamicallyQuantizableLinear")  # kinds that hold one of those words, and stay float


WAYS = ("fp32", "fp32 loop", "int8")


def _machine(
    right: str,
    said: str,
    hint: str | Callable[[Sequence[Run], str], str],
    least: tuple[float, float, float],
    *,
    longer: Callable[[str, int, int], float] = lambda way, number, seed: 1.0,
) -> World:
    """A made-up machine.

    Args:
        right, said, hint: of the world.
        least: milliseconds of the three ways.
        longer: (way, number of the run, seed) -> how many times as long this run takes.
    """

    def ms(way: str, number: int, *, seed: float) -> float:
        noise = 1 + 0.002 * ((math.floor(seed) * 7 + WAYS.index(way) * 3) % 5)
        return least[WAYS.index(way)] * noise * longer(way, number, math.floor(seed))

    return World(said, right, ms, hint)


def _one_other_program(way: str, number: int, seed: int) -> float:
    """Of ten seeds in a row it hits one run of fp32 and of the loop, and six of int8, which take longer."""
    return 3.0 if (seed * 3 + seed // 10 + 8) % 10 < {"fp32": 1, "fp32 loop": 1, "int8": 6}[way] else 1.0


def _cold(way: str, number: int, seed: int) -> float:
    """The first three runs: the routine and the loop begin at once, int8 does not."""
    return {"fp32": 1.2, "fp32 loop": 1.2, "int8": 4.0}[way] if number < 3 else 1.0


def _warm(way: str, number: int, seed: int) -> float:
    """Fast for eight runs, then slower."""
    return 1.0 if number < 8 else 1.6


def _by(**hints: str) -> Callable[[Sequence[Run], str], str]:
    """A hint for each wrong conclusion; `otherwise` for the others."""
    return lambda runs, got: hints.get(got, hints["otherwise"])


def _turns(runs: Sequence[Run], got: str) -> str:
    """Who had the fast runs; or, if all three ways had some, which time counts."""
    first = [way for way in WAYS if any(run.arm == way for run in runs[:8])]
    if len(first) == len(WAYS):
        return "The machine slows down after eight runs. Of each way compare the least time, not a mean, a median or the last run."
    return (
        f"This machine is fast for its first eight runs, and slower from then on. You gave them to {' and '.join(map(repr, first))} alone. Let all "
        "three ways take turns: a run of each, then again a run of each."
    )


MACHINES = (
    _machine(
        "routine",
        "fp32 takes 0.7 ms, its loop 1.9 and int8 2.0; the routine's share of the gap is 0.92",
        "int8 is slower than fp32 here, and hardly slower than the same loop in fp32. The share is (fp32 loop − fp32) / (int8 − fp32).",
        (0.7, 1.9, 2.0),
    ),
    _machine(
        "product",
        "fp32 takes 1.0 ms, its loop 1.1 and int8 2.2; the routine's share of the gap is 0.08",
        "int8 takes twice as long as the loop here, and the loop hardly longer than fp32. That int8 is slower than fp32 does not yet say that "
        "the routine is the reason: the loop has to show it.",
        (1.0, 1.1, 2.2),
    ),
    _machine(
        "not slower",
        "fp32 takes 2.0 ms, its loop 3.2 and int8 2.1, which is 1.05 times as long as fp32",
        "int8 takes 1.05 times as long as fp32 here, which the card calls not slower. Ask that first: there is no gap to explain, however "
        "long the loop takes.",
        (2.0, 3.2, 2.1),
    ),
    _machine(
        "routine",
        "fp32 takes 0.8 ms, its loop 1.6 and int8 1.3: the routine's share of the gap is 1.6, and the product's −0.6",
        "The loop takes longer than int8 here, so the routine explains more than the whole gap, and the product wins a part of it back. Keep "
        "the signs, and divide by the gap between fp32 and int8.",
        (0.8, 1.6, 1.3),
    ),
    _machine(
        "both",
        "fp32 takes 1.0 ms, its loop 1.7 and int8 2.0; the routine's share of the gap is 0.7",
        _by(
            routine="The routine's share of the gap is 0.7 here, above 0.25 and not above 0.75. The larger part alone is not the answer.",
            otherwise="The loop explains 0.7 of the gap between fp32 and int8 here. Look at the whole gap and at both of its parts, and not only at "
            "whether int8 is slower than the loop.",
        ),
        (1.0, 1.7, 2.0),
    ),
    _machine(
        "both",
        "fp32 takes 1.0 ms, its loop 1.3 and int8 2.0; the routine's share of the gap is 0.3",
        "The routine's share of the gap is 0.3 here. By the card that is still both: above 0.25, and not above 0.75.",
        (1.0, 1.3, 2.0),
    ),
    _machine(
        "product",
        "fp32 takes 1.5 ms, its loop 1.2 and int8 2.4: the routine's share of the gap is −0.33, since the loop is faster than the routine",
        "The loop is faster than the routine here, so the routine's share is below 0. Keep the sign: it is below 0.25, too.",
        (1.5, 1.2, 2.4),
    ),
    _machine(
        "routine",
        "fp32 takes 1.0 ms, its loop 1.15 and int8 1.18, which is 1.18 times as long as fp32",
        "int8 takes 1.18 times as long as fp32 here. By the card that is slower: the limit is 1.1.",
        (1.0, 1.15, 1.18),
    ),
    _machine(
        "routine",
        "fp32 takes 0.7 ms, its loop 1.9 and int8 2.0; the first run of int8 takes four times as long",
        _by(
            both="The first run of int8 takes four times as long here, because it has to set up. One such run spoils a mean. The least time of each "
            "way counts.",
            otherwise="The first run of int8 takes four times as long here, because it has to set up. Whoever looks at the first run alone, or at the "
            "longest, sees nothing else. The least time of each way counts.",
        ),
        (0.7, 1.9, 2.0),
        longer=_cold,
    ),
    _machine(
        "both",
        "fp32 takes 1.0 ms, its loop 1.5 and int8 2.0; another program hits six runs in ten of int8 and one in ten of the others, which then "
        "take three times as long",
        "Another program hits one run in ten of fp32 and of its loop here, and six in ten of int8. It can only make a run longer, so the least "
        "time of each way counts: no mean, no median, and no single run.",
        (1.0, 1.5, 2.0),
        longer=_one_other_program,
    ),
    _machine(
        "not slower",
        "fp32 takes 1.0 ms, its loop 1.3 and int8 1.05, all of them 1.6 times as long from the ninth run on",
        _turns,
        (1.0, 1.3, 1.05),
        longer=_warm,
    ),
    _machine(
        "both",
        "fp32 takes 1.0 ms, its loop 1.5 and int8 2.0, all of them 1.6 times as long from the ninth run on",
        _turns,
        (1.0, 1.5, 2.0),
        longer=_warm,
    ),
)


@check(
    "Exercise 1, Why is it slower?",
    why="The loop in fp32 differs from the routine in the routine alone, and from int8 in the product alone. So the gap falls into two parts, "
    "each with one cause, and a part can be larger than the gap when the other has the opposite sign. Turns give every way its share of a fast "
    "or a slow time, and the least time leaves out what other programs add.",
)
def why_slower(answer: Callable) -> None:
    """``why_slower(ms) -> "not slower", "routine", "product" or "both"``, on made-up machines."""
    investigate(
        answer,
        MACHINES,
        arms=WAYS,
        settings={"seed": 0},
        least={"seed": 10},
        conclusions=("not slower", "routine", "product", "both"),
        name="ms",
    )


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
    kinds = st.sampled_from([*QUANTIZED, "Embedding", "GRU", "RNN", "Conv2d", *QUANTIZED, *NAMED_ALIKE])
    count = draw(st.integers(0, 5))
    names = draw(st.permutations(["fc", "up", "down", "in", "out"]))[:count]
    layers = [(name, draw(kinds), draw(st.integers(1, 40)), draw(st.integers(0, 9))) for name in names]
    total = sum(4 * (w + b) for _, _, w, b in layers)
    able = sorted((w for _, kind, w, _ in layers if kind in QUANTIZED), reverse=True)
    reached = [total - 3 * sum(able[:taken]) for taken in range(len(able) + 1)]
    near = st.tuples(st.sampled_from(reached), st.sampled_from([0, -1, 1])).map(lambda pair: max(0, sum(pair)))
    return layers, draw(near | st.integers(0, total + 4) | st.integers(0, 9 * total))


@check(
    "Exercise 2, What to quantize for a size target",
    why="Every layer saves 3 bytes a weight, whichever others are taken with it. So the layers that save most reach the target "
    "with the fewest, and one look at each, in the order of their weights, is enough.",
)
def quantize_for_size(answer: Callable) -> None:
    """``quantize_for_size(layers, target_bytes) -> set of names``."""

    def variant(**how):
        return lambda layers, target: _for_size(layers, target, **how)

    def weights_of_names(value, layers, target):
        """The chosen layers by kind and size: of two that save the same, either may be taken."""
        try:
            names = set(value) if isinstance(value, Set) else None
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

    def numbers_but_for_one(layers, target):
        """Right for a single layer, such as the stub's example; of several, numbers are added up."""
        if len(layers) == 1:
            return variant()(layers, target)
        total, chosen = sum(w + b for _, _, w, b in layers), set()
        for name, kind, w, _ in sorted(layers, key=lambda layer: -layer[2]):
            if total > target and kind in QUANTIZED:
                chosen.add(name)
                total -= 3 * w
        return chosen

    def after(change):
        """Right but for the target, which `change` makes of the layers and the target."""
        return lambda layers, target: _for_size(layers, change(layers, target))

    def bytes_of(layers):
        return sum(4 * (w + b) for _, _, w, b in layers)

    def able_first(layers):
        return sorted((layer for layer in layers if layer[1] in QUANTIZED), key=lambda layer: -layer[2])

    def at_least_one(layers, target):
        return _for_size(layers, target) or {name for name, *_ in able_first(layers)[:1]}

    def not_beyond(layers, target):
        total, chosen = bytes_of(layers), set()
        for name, _, w, _ in able_first(layers):
            if total - 3 * w >= target:
                chosen.add(name)
                total -= 3 * w
        return chosen

    def one_that_is_enough(layers, target):
        missing = bytes_of(layers) - target
        enough = [name for name, _, w, _ in reversed(able_first(layers)) if 3 * w >= missing]
        return set(enough[:1]) if enough and missing > 0 else _for_size(layers, target)

    def all_that_are_enough(layers, target):
        missing = bytes_of(layers) - target
        return {name for name, _, w, _ in able_first(layers) if 3 * w >= missing > 0}

    def until_one_stays_float(layers, target):
        whole, total, chosen = sorted(layers, key=lambda layer: -layer[2]), bytes_of(layers), set()
        for name, kind, w, _ in whole:
            if total <= target or kind not in QUANTIZED:
                break
            chosen.add(name)
            total -= 3 * w
        return chosen

    def all_subtracted(layers, target):
        total, chosen = bytes_of(layers), set()
        for name, kind, w, _ in sorted(layers, key=lambda layer: -layer[2]):
            if total > target and kind in QUANTIZED:
                chosen.add(name)
            total -= 3 * w
        return chosen

    def of_each_size_one(layers, target):
        last = {w: (name, kind, w, b) for name, kind, w, b in layers if kind in QUANTIZED}
        return _for_size(last.values(), target - bytes_of(layers) + bytes_of(last.values()))

    wrong = {
        "You take a layer even where the target is met already. Compare the bytes with the target before you take "
        "one.": at_least_one,
        "You take a layer only where its saving does not go beyond the target. The one with which the bytes fall below it is "
        "needed, too.": not_beyond,
        "You look for a layer that is enough by itself. Asked are those that save most, the largest first.": (
            one_that_is_enough,
            all_that_are_enough,
        ),
        "You compare each layer by itself with the target. It is for the bytes of all layers together.": (
            lambda layers, target: {name for name, _, w, b in able_first(layers) if 4 * (w + b) > target},
            lambda layers, target: {name for name, _, w, b in able_first(layers) if w + 4 * b > target},
        ),
        "You begin with the bytes of the quantized model. Begin with those in fp32: then each layer that you take saves its "
        "3 bytes a weight.": (
            variant(counted=lambda kind, w, b: (1 if kind in QUANTIZED else 4) * w + 4 * b),
            variant(counted=lambda kind, w, b: w + 4 * b),
        ),
        "You take the target for the bytes that must be saved. It is what all layers may take afterwards.": after(
            lambda layers, target: bytes_of(layers) - target
        ),
        "You take the target for KB or MB. It is given in bytes.": tuple(
            after(lambda layers, target, unit=unit: unit * target) for unit in (1000, 1024, 10**6, 2**20)
        ),
        "You count bits and compare them with bytes. In fp32 a number takes 4 bytes.": after(
            lambda layers, target: target / 8
        ),
        "You sort by the name, as sorted() does with tuples. Sort by the weights, the largest first.": lambda layers, target: (
            _for_size(sorted(layers), target, order=lambda w, b: 0)
        ),
        "Of layers with the same number of weights you keep one, as a dict with the sizes as keys does.": of_each_size_one,
        "You stop at the first layer that stays float. Leave it out and go on.": until_one_stays_float,
        "You count less than a byte for a weight that is quantized. int8 takes one: 3 of the 4 bytes are saved.": tuple(
            variant(saves=lambda w, b, share=share: share * w) for share in (3.5, 3.75, 3.875)
        ),
        "Your result can hold any kind of layer. Only Linear and LSTM become smaller here.": (
            variant(kinds=None),
            variant(kinds=(*QUANTIZED, "Conv2d", "Embedding", "GRU", "RNN")),
        ),
        "Your result can hold embeddings. They are tables that are read, not multiplied: here they stay float.": variant(
            kinds=(*QUANTIZED, "Embedding")
        ),
        "Your result never holds an LSTM. It is quantized, too.": variant(kinds=("Linear",)),
        "You subtract all 4 bytes of a weight. One byte of it stays: an int8 weight saves 3.": variant(
            saves=lambda w, b: 4 * w
        ),
        "You count one byte saved for each weight. One byte stays, so 3 are saved.": variant(saves=lambda w, b: w),
        "You count two bytes saved for each weight: that is 16 bits. An int8 weight saves 3.": variant(
            saves=lambda w, b: 2 * w
        ),
        "Your result never holds a linear layer. It is quantized, too.": variant(kinds=("LSTM",)),
        "Your result can hold convolutions. Here they stay float.": variant(kinds=(*QUANTIZED, "Conv2d")),
        "Your result can hold an RNN or a GRU. Of the recurrent layers only the LSTM is quantized here.": tuple(
            variant(kinds=(*QUANTIZED, *more)) for more in (("RNN",), ("GRU",), ("RNN", "GRU"))
        ),
        "You look for a part of the kind. An LSTMCell, or a NonDynamicallyQuantizableLinear, is another kind: it stays "
        "float.": tuple(variant(kinds=(*QUANTIZED, *more)) for more in (NAMED_ALIKE, NAMED_ALIKE[:1], NAMED_ALIKE[1:])),
        "Your result is empty where layers must be quantized.": lambda layers, target: set(),
        "You return the layers that stay float. Asked are those to quantize.": lambda layers, target: (
            {name for name, *_ in layers} - _for_size(layers, target)
        ),
        "You stop after one layer. Go on until the target is met.": lambda layers, target: set(
            sorted(_for_size(layers, target), key=lambda name: -next(w for n, _, w, _ in layers if n == name))[:1]
        ),
        "You let biases shrink with the weights. They stay in fp32, 4 bytes each.": (
            variant(saves=lambda w, b: 3 * (w + b)),
            variant(saves=lambda w, b: 3 * (w + b), order=lambda w, b: -(w + b)),
        ),
        "Your model has only the layers that can be quantized. The others take their bytes, too.": variant(
            counted=lambda kind, w, b: 4 * (w + b) * (kind in QUANTIZED)
        ),
        "You compare numbers with bytes. In fp32 each takes 4.": (
            variant(counted=lambda kind, w, b: w + b),
            numbers_but_for_one,
        ),
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
        "You take what a layer's biases need off what its weights save. They take 4 bytes each before and after.": (
            variant(saves=lambda w, b: 3 * w - 4 * b),
            variant(saves=lambda w, b: 3 * w - b),
        ),
        "You order by the biases. They save nothing: order by the weights, the largest first.": (
            variant(order=lambda w, b: -b),
            variant(order=lambda w, b: b),
        ),
        "You begin with the smallest layers, weights and biases together. The fewest are found with the largest saving "
        "first.": variant(order=lambda w, b: w + b),
        "You subtract what layers that stay float would save. Only those that you take become smaller.": all_subtracted,
        "You count a bias as one byte, or as two, from the beginning. It takes 4, before and after.": (
            variant(counted=lambda kind, w, b: 4 * w + b),
            variant(counted=lambda kind, w, b: 4 * w + 2 * b),
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
            ([("up", "Linear", 7, 1), ("lstm", "LSTM", 7, 2), ("down", "Linear", 7, 0)], 0),
            ([("gru", "GRU", 40, 0), ("fc", "Linear", 10, 0)], 100),
            *[([("other", kind, 40, 8), ("fc", "Linear", 10, 0)], 100) for kind in NAMED_ALIKE],
            *[(fat, sum(4 * (w + b) for _, _, w, b in fat) - less) for less in (120, 121)],
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


class _Typed(nn.Linear):
    """A linear layer that shows the type of its weights."""

    def _get_name(self) -> str:
        return "Linear"

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, dtype={self.weight.dtype}"


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
        _old_line({"0"})(half_done),
    ]


@check(
    "Exercise 3, The model that did not change",
    why="The old line swaps modules, torchao swaps the tensors inside them: no name and no type tells both. An audit that "
    "asks each weight of the returned model for its bits sees both.",
    by_value=("torchao.quantization",),
)
def did_nothing(answer: Callable) -> None:
    """``did_nothing(model, quantize) -> bool``."""

    def looks(at: Callable[[nn.Module], bool]) -> Callable:
        return lambda model, quantize: at(quantize(model))

    def bits(model: nn.Module) -> list[int | None]:
        return [row.weight_bits for row in int8_audit.audit(model).rows]

    def kinds(model: nn.Module) -> list[type]:
        return [type(part) for part in model.modules()]

    def count(model: nn.Module) -> int:
        return sum(p.numel() for p in model.parameters())

    linear = torch.ao.nn.quantized.dynamic.Linear

    wrong = {
        "You look at the first module with weights only. As soon as any of them is stored in 8 bits, False is asked.": looks(
            lambda m: 8 not in bits(m)[:1]
        ),
        "You leave out the first module with weights. It counts like the others.": looks(
            lambda m: 8 not in bits(m)[1:]
        ),
        "You compare names or numbers before and after: classes, keys of the state_dict, a count of parameters. torchao keeps "
        "them all, and a model may come with 8-bit weights. Ask each weight of the returned model for its bits.": (
            lambda model, quantize: kinds(model) == kinds(quantize(model)),
            lambda model, quantize: list(model.state_dict()) == list(quantize(model).state_dict()),
            lambda model, quantize: count(model) == count(quantize(model)),
        ),
        "You see direct children of the model only. Look at the model itself, and at what lies deeper: modules() gives them "
        "all.": looks(
            lambda m: (
                not any(
                    "quantized" in type(child).__module__
                    or "torchao" in type(getattr(child, "weight", None)).__module__
                    for child in m.children()
                )
            )
        ),
        "You look for quantized linear layers of the old line alone. It quantizes an LSTM, too, and torchao swaps weights of "
        "modules that keep their class.": looks(lambda m: not any(isinstance(part, linear) for part in m.modules())),
        "You miss the LSTM that the old line quantized.": looks(
            lambda m: (
                not any(
                    isinstance(part, linear) or "torchao" in type(getattr(part, "weight", None)).__module__
                    for part in m.modules()
                )
            )
        ),
        "You look for a type other than float32. torchao's weights say float32, packed weights of the old line are hidden from "
        "parameters(), and a float of 16 bits is not int8.": (
            looks(lambda m: all(p.dtype == torch.float32 for p in m.parameters())),
            looks(
                lambda m: all(v.dtype == torch.float32 for v in m.state_dict().values() if isinstance(v, torch.Tensor))
            ),
        ),
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
        "To you every model looks untouched, or nearly every one. Little is told by the name of a class (it may still be "
        "Linear), by the types of parameters (a packed weight is none, torchao's say float32), by the size of a small "
        "file. The audit's weight_bits tells it, as a number.": looks(
            lambda m: not any(p.dtype in (torch.int8, torch.qint8) for p in m.parameters())
        ),
        "No model looks untouched to you. Where no weight takes 8 bits, True is asked.": looks(lambda m: False),
        "You look at the last module with weights only.": looks(lambda m: 8 not in bits(m)[-1:]),
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
        edges=[(_Typed(2, 2, dtype=dtype), _unchanged) for dtype in (torch.float16, torch.bfloat16, torch.float64)],
        inputs=st.tuples(st.sampled_from(_models()), st.sampled_from(quantizers)),
    )

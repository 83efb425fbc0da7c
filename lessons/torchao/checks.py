"""Checks of the lesson `torchao`, today's interface for quantization."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.exercises.core import check
from course_utils.exercises.inputs import Strategy
from course_utils.exercises.investigation import World, investigate, numbered
from course_utils.exercises.mistake import Mistake
from course_utils.exercises.search import compare
from course_utils.exercises.values import same


class Projection(nn.Linear):
    """A linear layer under another name."""


class Gate(nn.Module):
    """No linear layer, though it has the attributes of one."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(torch.zeros(out_features, in_features))

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def _true_or_false(value: object, *_: object) -> object:
    if not (same(True, value) or same(False, value)):
        raise Mistake("Your function returned neither True nor False.", "Return the truth value itself.")
    return value


def _inside(name: str, kept: list[str]) -> bool:
    return any(name == k or name.startswith(k + ".") for k in kept)


def _paths() -> Strategy[str]:
    parts = st.sampled_from(["fc1", "fc10", "body", "bod", "head", "0", "1", "body_fc1"])
    return st.lists(parts, min_size=1, max_size=3).map(".".join)


@st.composite
def _modules(draw: Callable) -> nn.Module:
    """A layer, most often a linear one, of few inputs and outputs."""
    n_in, n_out = draw(st.sampled_from([4, 6, 8, 12, 3, 1])), draw(st.sampled_from([4, 5, 8, 6, 2]))
    others = (nn.Conv2d, nn.Bilinear, nn.Embedding, nn.ReLU, nn.Sequential)
    kinds = (nn.Linear, nn.Linear, nn.Linear, Projection, Gate, *others)
    kind = draw(st.sampled_from(kinds))
    if kind is nn.Conv2d:
        return nn.Conv2d(n_in, n_out, 1)
    if kind is nn.Bilinear:
        return nn.Bilinear(n_in, n_in, n_out)
    if kind is nn.Embedding:
        return nn.Embedding(n_out, n_in)
    if kind is nn.ReLU:
        return nn.ReLU()
    return nn.Sequential(nn.Linear(n_in, n_out)) if kind is nn.Sequential else kind(n_in, n_out)


@st.composite
def _asked(draw: Callable) -> tuple[nn.Module, str, int, list[str]]:
    """(module, name, group, kept), with names that are often near each other."""
    module, name, group = draw(_modules()), draw(_paths()), draw(st.sampled_from([4, 2, 3, 8, 1]))
    parts = name.split(".")
    near = [name, name[:-1] or name, parts[0], parts[-1], name + "0", name + ".fc1", ".".join(parts[:-1]) or parts[0]]
    near += [name.replace("_", "."), name.capitalize()]
    kept = draw(st.lists(st.one_of(_paths(), st.sampled_from(near)), max_size=2))
    return module, name, group, kept


@check(
    "Exercise 2, A filter",
    why="A dot ends a name, so a path lies in a module when it is that module's name or goes on with a dot. And a row falls into "
    "whole groups only where its length, the inputs of the layer, is a multiple of the group.",
)
def wanted(answer: Callable) -> None:
    """``wanted(module, name, group, kept) -> bool``."""

    def rule(
        *,
        kind: Callable = lambda m: isinstance(m, nn.Linear),
        fits: Callable = lambda m, g: m.in_features % g == 0,
        left_out: Callable = _inside,
    ) -> Callable:
        return lambda m, name, g, kept: bool(kind(m) and fits(m, g) and not left_out(name, kept))

    wrong = {
        "You compare names by their beginning. 'fc10' begins with 'fc1' and does not lie in it: ask for a dot.": rule(
            left_out=lambda name, kept: any(name.startswith(k) for k in kept)
        ),
        "You look whether a kept name occurs anywhere in the path. It must be the layer's own path, or the beginning "
        "of it up to a dot.": (
            rule(left_out=lambda name, kept: any(k in name for k in kept)),
            rule(left_out=lambda name, kept: any(f".{k}." in f".{name}." for k in kept)),
        ),
        "You leave out every layer as soon as something is kept. Only what is kept, or lies in it, stays as it is.": rule(
            left_out=lambda name, kept: bool(kept)
        ),
        "You join the conditions with 'or', or the parentheses are missing. A wanted layer meets all three: linear, in whole "
        "groups, not kept.": (
            lambda m, name, g, kept: isinstance(m, nn.Linear) and (m.in_features % g == 0 or not _inside(name, kept)),
            lambda m, name, g, kept: (isinstance(m, nn.Linear) and m.in_features % g == 0) or not _inside(name, kept),
            lambda m, name, g, kept: (isinstance(m, nn.Linear) and m.in_features % g == 0) or _inside(name, kept),
        ),
        "You look for linear layers inside the module. Asked is the module itself: those in it are asked by their own "
        "names.": lambda m, name, g, kept: any(rule()(part, name, g, kept) for part in m.modules()),
        "You ask for more inputs than one group has, or for just as many. They must be a multiple of it, one group "
        "included.": (
            rule(fits=lambda m, g: m.in_features > g),
            rule(fits=lambda m, g: m.in_features // g > 1),
            rule(fits=lambda m, g: m.in_features == g),
        ),
        "You look only for the layer's own name. A layer inside a kept module stays as it is, too.": rule(
            left_out=lambda name, kept: name in kept
        ),
        "You leave out what lies in a kept module, and take the layer that is itself named.": rule(
            left_out=lambda name, kept: any(name.startswith(k + ".") for k in kept)
        ),
        "You compare single parts of the path with kept names. A kept name is a path from the start, and may have "
        "dots itself.": (
            rule(left_out=lambda name, kept: any(part in kept for part in name.split("."))),
            rule(left_out=lambda name, kept: name in kept or any(part in kept for part in name.split("."))),
            rule(left_out=lambda name, kept: any(part in ".".join(kept).split(".") for part in name.split("."))),
            rule(left_out=lambda name, kept: name.split(".")[0] in [k.split(".")[0] for k in kept]),
        ),
        "You ask one of the three conditions only. A wanted layer is linear, in whole groups, and not kept.": (
            rule(fits=lambda m, g: True, left_out=lambda name, kept: False),
            rule(kind=lambda m: True, fits=lambda m, g: True),
            rule(
                kind=lambda m: True,
                fits=lambda m, g: getattr(m, "in_features", 1) % g == 0,
                left_out=lambda name, kept: False,
            ),
        ),
        "You leave out linear layers without a bias. They are linear layers as well.": rule(
            kind=lambda m: isinstance(m, nn.Linear) and m.bias is not None
        ),
        "You compare the first part of the path only. A kept name may have dots itself.": (
            rule(left_out=lambda name, kept: name in kept or name.split(".")[0] in kept),
            rule(left_out=lambda name, kept: name.split(".")[0] in kept),
        ),
        "You compare the end of the path only. Names are paths from the start.": (
            rule(left_out=lambda name, kept: name.split(".")[-1] in kept),
            rule(left_out=lambda name, kept: any(name.endswith(k) for k in kept)),
        ),
        "You look at the layer and the module right above it. What lies deeper in a kept module stays, too.": rule(
            left_out=lambda name, kept: name in kept or name.rpartition(".")[0] in kept
        ),
        "You look at the module right above the layer only. The layer itself may be kept, or a module further up.": rule(
            left_out=lambda name, kept: name.rpartition(".")[0] in kept
        ),
        "You look at the first two parts of the path. A kept module may lie deeper.": rule(
            left_out=lambda name, kept: name in kept or any(".".join(name.split(".")[:n]) in kept for n in (1, 2))
        ),
        "You take an underscore for a dot. 'body_fc1' is one name, and does not lie in 'body'.": rule(
            left_out=lambda name, kept: any(name == k or name.startswith((f"{k}.", f"{k}_")) for k in kept)
        ),
        "You take a kept name for a pattern, where a dot stands for any character. Compare texts, or use "
        "re.escape.": rule(left_out=lambda name, kept: any(re.match(rf"{k}(\.|$)", name) for k in kept)),
        "You compare names without their case. 'Body' and 'body' are two names.": rule(
            left_out=lambda name, kept: _inside(name.lower(), [k.lower() for k in kept])
        ),
        "You turned the relation round: a kept module does not have to lie in this one.": rule(
            left_out=lambda name, kept: any(k == name or k.startswith(name + ".") for k in kept)
        ),
        "You look only at the first kept name. There may be several.": rule(
            left_out=lambda name, kept: _inside(name, kept[:1])
        ),
        "You look only at the last kept name, as a loop does that overwrites its result. One that fits is enough.": rule(
            left_out=lambda name, kept: _inside(name, kept[-1:])
        ),
        "You leave a module out only when all kept names hold it. One is enough.": rule(
            left_out=lambda name, kept: all(_inside(name, [k]) for k in kept) and bool(kept)
        ),
        "You pay no attention to `kept`.": rule(left_out=lambda name, kept: False),
        "You take only what is kept. These are the modules to leave alone.": rule(
            left_out=lambda name, kept: not _inside(name, kept)
        ),
        "Your answer is True exactly where it must be False.": lambda m, name, g, kept: not rule()(m, name, g, kept),
        "You look at the outputs. Groups lie along the inputs of a row.": rule(
            fits=lambda m, g: m.out_features % g == 0
        ),
        "You ask that the outputs fit, too. Groups lie along the inputs only.": rule(
            fits=lambda m, g: m.in_features % g == 0 and m.out_features % g == 0
        ),
        "You take a layer whose inputs *or* outputs fit. Groups lie along the inputs.": rule(
            fits=lambda m, g: m.in_features % g == 0 or m.out_features % g == 0
        ),
        "You look at the number of weights. Groups lie within a row: the inputs must fit.": rule(
            fits=lambda m, g: m.weight.numel() % g == 0
        ),
        "You do not ask whether the groups fit: inputs must be a multiple of `group`.": rule(fits=lambda m, g: True),
        "You ask only that there are as many inputs as one group has, or more. They must be a multiple of it.": rule(
            fits=lambda m, g: m.in_features >= g
        ),
        "You take what does not fit. The inputs must be a multiple of `group`.": rule(
            fits=lambda m, g: m.in_features % g != 0
        ),
        "You turned the division round: the inputs are a multiple of the group.": rule(
            fits=lambda m, g: g % m.in_features == 0
        ),
        "You leave out layers of exactly one group. One group is a multiple, too.": rule(
            fits=lambda m, g: m.in_features % g == 0 and m.in_features > g
        ),
        "You go by the exact class, or by its name. A subclass of nn.Linear is a linear layer, too.": (
            rule(kind=lambda m: type(m) is nn.Linear),
            rule(kind=lambda m: "Linear" in type(m).__name__),
        ),
        "You go by the attributes: other modules have inputs, too, and are no nn.Linear.": (
            rule(kind=lambda m: hasattr(m, "in_features")),
            rule(
                kind=lambda m: hasattr(m, "in_features") or hasattr(m, "in1_features"),
                fits=lambda m, g: getattr(m, "in_features", getattr(m, "in1_features", 0)) % g == 0,
            ),
        ),
        "You take convolutions, too. The card asks for linear layers.": rule(
            kind=lambda m: isinstance(m, nn.Linear | nn.Conv2d),
            fits=lambda m, g: (m.in_features if isinstance(m, nn.Linear) else m.in_channels) % g == 0,
        ),
        "You take embeddings, or nn.Bilinear. The card asks for nn.Linear, or a subclass.": (
            rule(
                kind=lambda m: isinstance(m, nn.Linear | nn.Embedding),
                fits=lambda m, g: m.weight.shape[1] % g == 0,
            ),
            rule(
                kind=lambda m: isinstance(m, nn.Linear | nn.Bilinear),
                fits=lambda m, g: (m.in_features if isinstance(m, nn.Linear) else m.in1_features) % g == 0,
            ),
        ),
        "You take every module that has a weight. The card asks for linear layers.": (
            rule(kind=lambda m: hasattr(m, "weight"), fits=lambda m, g: m.weight.shape[-1] % g == 0),
            rule(
                kind=lambda m: getattr(m, "weight", None) is not None and m.weight.dim() == 2,
                fits=lambda m, g: m.weight.shape[1] % g == 0,
            ),
        ),
        "Your answer is always False. Some layers are wanted.": lambda *_: False,
        "Your answer is always True. Only some linear layers are wanted.": lambda *_: True,
    }
    linear = nn.Linear
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        view=_true_or_false,
        names=("module", "name", "group", "kept"),
        edges=[
            (linear(8, 5), "fc1", 4, []),
            (linear(8, 5, bias=False), "fc1", 4, []),
            (linear(8, 4), "body.fc1", 4, ["body"]),
            (linear(8, 4), "body.fc1", 4, ["bod"]),
            (linear(8, 4), "fc10", 4, ["fc1"]),
            (linear(8, 4), "fc1", 4, ["head", "fc1"]),
            (linear(8, 4), "fc1", 4, ["fc1", "head"]),
            (linear(8, 4), "body.fc1", 4, ["head", "body"]),
            (linear(8, 4), "body_fc1", 4, ["body"]),
            (linear(8, 4), "head.body.0.fc1", 4, ["head.body.0"]),
            (linear(8, 4), "body.fc1", 4, ["body", "head"]),
            (linear(8, 4), "body.fc1", 4, ["fc1"]),
            (linear(8, 4), "head.body.fc1", 4, ["head.body"]),
            (linear(8, 4), "body.fc1", 4, ["body.fc1.0"]),
            (linear(8, 4), "head.body.fc1", 4, ["head"]),
            (linear(8, 4), "body_fc1", 4, ["body.fc1"]),
            (linear(8, 4), "body.fc1", 4, ["Body"]),
            (linear(6, 8), "fc1", 4, []),
            (linear(4, 8), "fc1", 8, []),
            (Projection(8, 4), "fc1", 8, []),
            (Gate(8, 4), "gate", 4, []),
            (nn.Conv2d(8, 4, 1), "conv1", 4, []),
            (nn.ReLU(), "relu", 4, []),
        ],
        inputs=_asked(),
    )


WAYS = ("clipped", "symmetric", "zero point", "packed")
LEAST_LAYERS = 8


def _luck(layer: int, word: str) -> float:
    """A number from -1 to 1 that hangs on the layer and on nothing else that is chosen."""
    return ((layer * 7919 + sum(map(ord, word)) * 104729 + 13) % 1009) / 504.5 - 1


def _network(*errors: float, odd: Mapping[str, float] | None = None, one_in: int = 4) -> Callable[..., float]:
    """The errors of the four ways, in percent: the mean over layers, some of which are larger in all four alike.

    Args:
        errors: of "clipped", "symmetric", "zero point" and "packed".
        odd: what the error is instead in some layers.
        one_in: one layer in so many, the third and so on, in the order in which layers are asked for.
    """
    usual = dict(zip(WAYS, errors, strict=True))

    def measure(arm: str, number: int, layer: float) -> float:
        layer = int(layer)
        own = odd[arm] if odd and layer % one_in == 2 else usual[arm]
        return own * (1 + 0.4 * _luck(layer, "")) * (1 + 0.003 * _luck(layer, arm))

    return numbered(measure, "layer")


def _ways(*errors: float) -> dict[str, float]:
    return dict(zip(WAYS, errors, strict=True))


NETWORKS = (
    World(
        "in the mean the four errors are 1.4, 0.75, 0.7 and 0.64 %: not clipping brings seven eighths of the drop",
        "clip",
        _network(1.4, 0.75, 0.7, 0.64),
        "From clipped to symmetric the error nearly halves here; the two steps after it bring a twentieth each. Compare each way with the one "
        "before it.",
    ),
    World(
        "in the mean the four errors are 9.2, 10.4, 4 and 3.9 %: without the clip it is worse, and the zero point brings more than the whole drop",
        "zero point",
        _network(9.2, 10.4, 4.0, 3.9),
        "Without the clip the error is larger here, so the part of this step is negative; the zero point makes up for it and more. Compare zero "
        "point with symmetric, its neighbour, and keep the sign.",
    ),
    World(
        "in the mean the four errors are 2, 1.95, 1.9 and 0.9 %: the kernel that reads the packed weights adds up in more bits",
        "packing",
        _network(2.0, 1.95, 1.9, 0.9),
        "The levels make no difference here. The drop comes with the last step, in which the kernel changes.",
    ),
    World(
        "in the mean the four errors are 1, 0.98, 0.945 and 0.905 %: the drop is 9.5 % of clipped",
        "nothing",
        _network(1.0, 0.98, 0.945, 0.905),
        "There is a drop here, but it is 9.5 % of the error of *clipped*. The rule wants more than a tenth of that, whatever share of packed it is.",
    ),
    World(
        "in the mean the four errors are 1, 0.9, 0.897 and 0.893 %: the drop is 10.7 % of clipped",
        "clip",
        _network(1.0, 0.9, 0.897, 0.893),
        "The drop is 10.7 % of the error of clipped here, and by the card more than a tenth counts. Nearly all of it is the clip's.",
    ),
    World(
        "in the mean the four errors are 3, 1.8, 1.2 and 0.5 %: the clip has 48 % of the drop, the zero point 24 and the packing 28",
        "several",
        _network(3.0, 1.8, 1.2, 0.5),
        "The largest part is 48 % of the drop here, less than half, so no step can claim the drop for itself. A part is the error of one way "
        "minus that of the next, not minus a later one, and it is compared with the whole drop, not with the error before it.",
    ),
    World(
        "in the mean the four errors are 3, 1.7, 1.2 and 0.5 %: the clip has 52 % of the drop",
        "clip",
        _network(3.0, 1.7, 1.2, 0.5),
        "The clip has 52 % of the drop here. By the card more than half is enough.",
    ),
    World(
        "in the mean the four errors are 6, 11, 6.4 and 4.2 %: without the clip it is much worse, and the zero point takes nearly all of that back",
        "zero point",
        _network(6.0, 11.0, 6.4, 4.2),
        "The largest change is from clipped to symmetric here, but upwards. Look for the largest part of the drop, with its sign.",
    ),
    World(
        "in the mean the four errors are 1, 1.6, 0.95 and 0.87 %: the drop is an eighth of clipped, and less than a tenth of symmetric",
        "zero point",
        _network(1.0, 1.6, 0.95, 0.87),
        "The drop is an eighth of the error of clipped here. By the card a tenth of clipped is enough, however large the errors between are.",
    ),
    World(
        "in the mean the four errors are 1, 1.1, 0.9 and 1.5 %: packed is the worst of the four",
        "nothing",
        _network(1.0, 1.1, 0.9, 1.5),
        "The packed format errs more than the clipped one here. There is no drop, however large the difference.",
    ),
    World(
        "in most layers the four errors are 1, 0.98, 0.6 and 0.58 %, and in one layer of four 12, 0.98, 0.6 and 0.58: in the mean the clip has most",
        "clip",
        _network(1.0, 0.98, 0.6, 0.58, odd=_ways(12.0, 0.98, 0.6, 0.58)),
        "A few layers have a very large error when they are clipped. The median, the least error, a single layer, a vote of the layers or a "
        "mean of shares does not see them. The card asks for the mean over the layers, and then for the parts.",
    ),
    World(
        "in most layers the four errors are 4, 1, 0.95 and 0.93 %, and in one layer of four 6.3, 6.1, 1 and 0.98: in the mean the clip has most",
        "clip",
        _network(4.0, 1.0, 0.95, 0.93, odd=_ways(6.3, 6.1, 1.0, 0.98)),
        "In the worst layers the zero point helps most here, and in the mean over all layers the clip. The card asks for the mean: the largest "
        "error, a single layer, the middle between the extremes and a mean of squares are none.",
    ),
    World(
        "in most layers the four errors are 0.1, 0.098, 0.06 and 0.058 %, and in the third layer of sixteen 30, 10, 9.9 and 9.8: in the mean the "
        "clip has most",
        "clip",
        _network(0.1, 0.098, 0.06, 0.058, odd=_ways(30.0, 10.0, 9.9, 9.8), one_in=16),
        "Nearly all of the error sits in one layer here, the third, and there it is the clip's. A mean without the extremes leaves this layer out, "
        "and a geometric mean makes it small. The card asks for the plain mean.",
    ),
    World(
        "in the mean the four errors are 10, 7, 3.5 and 5 %: the clip has 60 % of the drop, the zero point 70 and the packing -30",
        "zero point",
        _network(10.0, 7.0, 3.5, 5.0),
        "Two steps have more than half of the drop each here, because the third makes the error larger. The rule asks for the step with the "
        "largest part.",
    ),
    World(
        "in the mean the four errors are 0.6, 0.52, 0.518 and 0.515 %: the drop is 0.085 points, 14 % of clipped",
        "clip",
        _network(0.6, 0.52, 0.518, 0.515),
        "The drop is less than a tenth of a point here, and 14 % of the error of clipped. A tenth of *clipped* is asked for, and not 0.1.",
    ),
    World(
        "in the mean the four errors are 2, 1, 1.5 and 1.95 %: symmetric has half of the error, and packed hardly less than clipped",
        "nothing",
        _network(2.0, 1.0, 1.5, 1.95),
        "One of the ways between is far better than clipped here, and packed is not. The drop goes from clipped to packed.",
    ),
    World(
        "in most layers the four errors are 10, 2, 1.9 and 1.8 %, and in one layer of four 10, 28, 1.9 and 1.8: in the mean the zero point has most",
        "zero point",
        _network(10.0, 2.0, 1.9, 1.8, odd=_ways(10.0, 28.0, 1.9, 1.8)),
        "In a few layers the error of symmetric is very large here. Its mean counts, as those of the three others do.",
    ),
    World(
        "in most layers the four errors are 10, 9.9, 2 and 1.8 %, and in one layer of four 10, 9.9, 32 and 1.8: in the mean the packing has most",
        "packing",
        _network(10.0, 9.9, 2.0, 1.8, odd=_ways(10.0, 9.9, 32.0, 1.8)),
        "In a few layers the error of zero point is very large here. Its mean counts as well, and so the packing wins most.",
    ),
    World(
        "in most layers the four errors are 10, 7.5, 7.4 and 2 %, and in one layer of four 10, 7.5, 7.4 and 20: in the mean the clip has most",
        "clip",
        _network(10.0, 7.5, 7.4, 2.0, odd=_ways(10.0, 7.5, 7.4, 20.0)),
        "In a few layers the error of packed is very large here. Its mean counts as well, and so the packing wins little.",
    ),
    World(
        "in most layers the four errors are 1, 0.6, 0.59 and 0.58 %, and in one layer of four 90, 89.5, 89.4 and 89.3: the drop is 2 % of clipped",
        "nothing",
        _network(1.0, 0.6, 0.59, 0.58, odd=_ways(90.0, 89.5, 89.4, 89.3)),
        "In most layers the drop is 42 % of clipped here, and of the means it is about 2 %. By the card the means are compared, and no shares are averaged.",
    ),
)


@check(
    "Exercise 1, What made it better?",
    why="Neighbours differ in one thing, so the difference of their means is what this one thing brings. The three differences add up to the "
    "drop, so each is a part of it, and a negative part says that a step did harm.",
)
def what_helped(answer: Callable) -> None:
    """``what_helped(error) -> "clip", "zero point", "packing", "several" or "nothing"``, for made-up networks."""
    investigate(
        answer,
        NETWORKS,
        arms=WAYS,
        settings={"layer": 0},
        least={"layer": LEAST_LAYERS},
        conclusions=("clip", "zero point", "packing", "several", "nothing"),
        name="error",
    )


@check(
    "Exercise 3, The bytes of a packed format",
    why="What is filled up once for each row is rounded up once for each row: bits to whole bytes, weights to whole groups. Only "
    "then do the rows count, since neither a byte nor a group goes on into the next one.",
)
def packed_bytes(answer: Callable) -> None:
    """``packed_bytes(rows, cols, bits, group, scale_bytes) -> int``."""

    def up(a: int, b: int) -> int:
        return -(-a // b)

    def size(
        *,
        weights: Callable = lambda r, c, b: r * up(c * b, 8),
        scales: Callable = lambda r, c, g: r * up(c, g),
        each: Callable = lambda s: s,
    ) -> Callable:
        return lambda r, c, b, g, s: weights(r, c, b) + scales(r, c, g) * each(s)

    wrong = {
        "You round nowhere. A row is filled up to whole bytes, and its last group has a whole scale.": (
            lambda r, c, b, g, s: r * (c * b / 8 + c / g * s),
            lambda r, c, b, g, s: r * c * b / 8 + r * c / g * s,
        ),
        "You round both down: the bytes of a row, and its groups. Round both up.": lambda r, c, b, g, s: (
            r * (c * b // 8 + c // g * s)
        ),
        "You round by adding 1, also where a row is full already and its last group is whole. Round up: -(-a // b).": (
            lambda r, c, b, g, s: r * (c * b // 8 + 1 + (c // g + 1) * s)
        ),
        "You take all rows for a single one. Each row is filled up, and has its groups, for itself.": (
            lambda r, c, b, g, s: up(r * c * b, 8) + up(r * c, g) * s,
            lambda r, c, b, g, s: r * c * b // 8 + up(r * c, g) * s,
            lambda r, c, b, g, s: r * c * b // 8 + r * c // g * s,
        ),
        "You count the weights of one row. There are `rows` of them.": size(weights=lambda r, c, b: up(c * b, 8)),
        "You count bytes for a weight without rows. No rows, no bytes.": (
            size(scales=lambda r, c, g: max(1, r * up(c, g))),
            lambda r, c, b, g, s: size()(max(1, r), c, b, g, s),
        ),
        "You give the shorter group a part of a scale. Its scale is as large as the others.": lambda r, c, b, g, s: (
            r * (up(c * b, 8) + c // g * s + up(c % g * s, g))
        ),
        "You fill up columns to whole bytes. Each row is filled up.": size(weights=lambda r, c, b: c * up(r * b, 8)),
        "You count as many scales as a group has weights. Each group has one, in each row.": size(
            scales=lambda r, c, g: g
        ),
        "You divide the bytes of a row by the group. A group is that many weights: it is cols that you divide.": (
            lambda r, c, b, g, s: r * (up(c * b, 8) + up(up(c * b, 8), g) * s),
            lambda r, c, b, g, s: r * (up(c * b, 8) + up(c * b, g) * s),
        ),
        "You fill up rows to words of two or four bytes. Here to whole bytes.": (
            size(weights=lambda r, c, b: r * 4 * up(c * b, 32)),
            size(weights=lambda r, c, b: r * 2 * up(c * b, 16)),
        ),
        "You pack the scales as if their bytes were bits. A scale takes scale_bytes bytes.": lambda r, c, b, g, s: (
            r * up(c * b + up(c, g) * s, 8)
        ),
        "You round the groups to the nearest whole number, or count one at least. Round them up.": (
            size(scales=lambda r, c, g: r * round(c / g)),
            size(scales=lambda r, c, g: r * max(1, c // g)),
            size(scales=lambda r, c, g: r * max(1, round(c / g))),
        ),
        "You left out the scales.": size(scales=lambda *_: 0),
        "You count the scales only. The weights need bytes, too.": size(weights=lambda *_: 0),
        "You store each weight in whole bytes of its own. Packed, several of them share a byte.": size(
            weights=lambda r, c, b: r * c * up(b, 8)
        ),
        "You round the bytes of a row down. A row is filled up to whole bytes.": size(
            weights=lambda r, c, b: r * (c * b // 8)
        ),
        "You fill up the whole weight once. Each row is filled up to whole bytes for itself.": size(
            weights=lambda r, c, b: up(r * c * b, 8)
        ),
        "You do not fill up rows: the bytes of the weights are no whole number, or are rounded down at the end.": size(
            weights=lambda r, c, b: r * c * b // 8
        ),
        "You divide by 8 and do not round. A row is filled up to whole bytes.": size(
            weights=lambda r, c, b: r * c * b / 8
        ),
        "You round the bytes of a row to the nearest whole number. Fill it up.": size(
            weights=lambda r, c, b: r * round(c * b / 8)
        ),
        "You add a byte to each row, also where it is full.": size(weights=lambda r, c, b: r * (c * b // 8 + 1)),
        "You count the weights in bits. A byte has eight.": size(weights=lambda r, c, b: r * c * b),
        "You count a byte for each weight, whatever the bits.": size(weights=lambda r, c, b: r * c),
        "You pack whole weights into bytes, and let none cross from one byte to the next. Here they may: only the end "
        "of a row is filled up.": (
            size(weights=lambda r, c, b: r * (up(c, 8 // b) if b <= 8 else c * up(b, 8))),
            size(weights=lambda r, c, b: r * up(c, max(1, 8 // b))),
        ),
        "You leave out the shorter group at the end of a row. It has a scale, too.": size(
            scales=lambda r, c, g: r * (c // g)
        ),
        "You add a group to each row, also where the last one is full.": size(scales=lambda r, c, g: r * (c // g + 1)),
        "You let groups run on across rows. They lie within a row.": size(scales=lambda r, c, g: up(r * c, g)),
        "You let groups run on across rows, and leave out the last, shorter one.": size(
            scales=lambda r, c, g: r * c // g
        ),
        "You count parts of a group. The shorter one has a whole scale.": size(scales=lambda r, c, g: r * c / g),
        "You count one scale a row. Each group has one.": size(scales=lambda r, c, g: r),
        "You count the groups of one row. Each row has its own.": size(scales=lambda r, c, g: up(c, g)),
        "You count one scale for the whole weight.": size(scales=lambda *_: 1),
        "You group the rows. Groups are neighbours within a row.": size(scales=lambda r, c, g: up(r, g) * c),
        "You count a byte for each scale. It has scale_bytes.": size(each=lambda s: 1),
        "You take scale_bytes for bits.": (
            size(each=lambda s: s / 8),
            lambda r, c, b, g, s: r * up(c * b, 8) + up(r * up(c, g) * s, 8),
            lambda r, c, b, g, s: r * (up(c * b, 8) + up(up(c, g) * s, 8)),
        ),
        "You round up once, the sum of weights and scales, for a row or for all of them. Round up twice in each row: its bytes, and its "
        "groups.": (
            lambda r, c, b, g, s: r * up(c * b * g + 8 * c * s, 8 * g),
            lambda r, c, b, g, s: up(r * (c * b * g + 8 * c * s), 8 * g),
        ),
        "You round the bytes of a row, and its groups, to the nearest whole number. Round both up.": lambda r, c, b, g, s: (
            r * (round(c * b / 8) + round(c / g) * s)
        ),
        "You give bits. The card asks for bytes.": (
            lambda r, c, b, g, s: 8 * size()(r, c, b, g, s),
            lambda r, c, b, g, s: r * c * b + 8 * r * up(c, g) * s,
        ),
        "You multiply the scale's bytes by 8. They are bytes already.": size(each=lambda s: 8 * s),
        "You count a zero point for each group, as large as the scale. This format has scales only.": size(
            each=lambda s: 2 * s
        ),
        "You count a zero point of a byte for each group. This format has scales only.": size(each=lambda s: s + 1),
        "You fill up each group to whole bytes. Only a row is filled up.": lambda r, c, b, g, s: (
            r * ((c // g) * up(g * b, 8) + up(c % g * b, 8) + up(c, g) * s)
        ),
        "You fill up each group to whole bytes, and take the shorter one for a whole one. Only a row is filled up.": (
            lambda r, c, b, g, s: r * up(c, g) * (up(g * b, 8) + s)
        ),
        "You store the last group in full length. It is shorter.": lambda r, c, b, g, s: (
            r * (up(up(c, g) * g * b, 8) + up(c, g) * s)
        ),
        "You count one row only.": lambda r, c, b, g, s: up(c * b, 8) + up(c, g) * s,
        "You took rows for columns: a row has `cols` weights.": lambda r, c, b, g, s: c * (up(r * b, 8) + up(r, g) * s),
    }
    compare(
        answer,
        right=size(),
        wrong=wrong,
        rtol=0.0,
        names=("rows", "cols", "bits", "group", "scale_bytes"),
        edges=[
            (128, 1568, 4, 32, 1),
            (0, 5, 4, 2, 1),
            (1, 1, 8, 1, 1),
            (2, 5, 3, 2, 2),
            (3, 7, 4, 32, 2),
            (4, 33, 4, 32, 4),
            (5, 48, 6, 16, 1),
            (3, 3, 2, 3, 3),
            (2, 3, 12, 2, 1),
        ],
        inputs=st.tuples(st.integers(0, 6), *(st.integers(1, most) for most in (40, 16, 20, 5))),
    )

"""Checks of the lesson `weight_only`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from statistics import fmean, geometric_mean, stdev

import torch
from hypothesis import strategies as st

from course_utils.exercises.bests import summaries
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import tensors
from course_utils.exercises.investigation import Run, World, investigate, numbered, one_alone, one_in_three, told
from course_utils.exercises.search import compare

# ---- exercise 3 --------------------------------------------------------------------------------------


def _on_grid(part: torch.Tensor, bits: int, **other: object) -> torch.Tensor:
    """Values on one symmetric grid in the last dimension; `other` changes a part of the rule."""
    top = part.abs().amax(-1, keepdim=True) if "top" not in other else other["top"](part)
    scale = top / other.get("steps", lambda b: 2 ** (b - 1))(bits)
    low, high = other.get("ends", lambda b: (-(2 ** (b - 1)), 2 ** (b - 1) - 1))(bits)
    whole = other.get("whole", torch.round)(part / torch.where(scale == 0, 1.0, scale)).clamp(low, high)
    return whole if other.get("codes") else whole * scale


def _rule(**other: object) -> Callable:
    def in_groups(weight, bits, group):
        return _on_grid(weight.reshape(len(weight), -1, group), bits, **other).reshape(weight.shape)

    return in_groups


def _down_the_columns(weight, bits, group):
    """Groups of neighbours in a column; where they do not fit the last is shorter."""
    return torch.cat([_on_grid(part.T, bits).T for part in weight.split(group)])


def _in_strides(weight, bits, group):
    """Group g has every n-th weight of a row."""
    part = weight.reshape(len(weight), group, -1).transpose(1, 2)
    return _on_grid(part, bits).transpose(1, 2).reshape(weight.shape)


def _last_group_as_it_was(weight, bits, group):
    new = _rule()(weight, bits, group)
    new[:, -group:] = weight[:, -group:]
    return new


def _last_group_zero(weight, bits, group):
    new = _rule()(weight, bits, group)
    new[:, -group:] = 0
    return new


def _first_scale(weight, bits, group):
    return _on_grid(weight, bits, top=lambda part: part[:, :group].abs().amax(-1, keepdim=True))


def _by_the_count(weight, bits, group):
    """`group` taken for the number of groups of a row."""
    return _on_grid(weight.reshape(len(weight), group, -1), bits).reshape(weight.shape)


def _from_least_to_most(weight, bits, group, kept=lambda scale: scale):
    """The grid of the lesson, with a zero point."""
    part = weight.reshape(len(weight), -1, group)
    low, high = part.amin(-1, keepdim=True).clamp(max=0), part.amax(-1, keepdim=True).clamp(min=0)
    scale = kept(((high - low) / (2**bits - 1)).clamp(min=1e-6))
    zero = torch.round(-low / scale)
    whole = (torch.round(part / scale) + zero).clamp(0, 2**bits - 1)
    return ((whole - zero) * scale).reshape(weight.shape)


def _from_end_to_end(weight, bits, group):
    """Even levels from the smallest weight of a group to its largest, with or without 0 among them."""
    part = weight.reshape(len(weight), -1, group)
    low = part.amin(-1, keepdim=True)
    scale = ((part.amax(-1, keepdim=True) - low) / (2**bits - 1)).clamp(min=1e-9)
    return (torch.round((part - low) / scale) * scale + low).reshape(weight.shape)


def _scale_changed(weight, bits, group, kept):
    part = weight.reshape(len(weight), -1, group)
    scale = kept(part.abs().amax(-1, keepdim=True) / 2 ** (bits - 1))
    return (torch.round(part / scale).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * scale).reshape(weight.shape)


def _divided_again(weight, bits, group):
    part = weight.reshape(len(weight), -1, group)
    scale = (part.abs().amax(-1, keepdim=True) / 2 ** (bits - 1)).clamp(min=1e-8)
    return (torch.round(part / scale).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) / scale).reshape(weight.shape)


def _as_weights(value: object, weight: torch.Tensor, *_: object) -> torch.Tensor:
    if issubclass(type(value), tuple):  # codes and scales, as the lesson returns them
        raise Mistake("Your function returned a tuple.", "Return one tensor, in the shape of the weight.")
    try:
        new = torch.as_tensor(value).detach().double() * 1.0
        shape = new.shape
    except Exception:  # whatever torch says to it, it is no tensor of numbers
        text = "Your function did not return a tensor of numbers."
        raise Mistake(text, "Return one tensor, in the shape of the weight.") from None
    if shape != weight.shape:
        raise Mistake("Your tensor has another shape than the weight.", "Undo the reshape at the end.")
    return new


def _clear(weight: torch.Tensor, bits: int, group: int) -> bool:
    """True when no weight over its scale lies near the middle of two integers."""
    part = weight.reshape(len(weight), -1, group)
    scale = part.abs().amax(-1, keepdim=True) / 2 ** (bits - 1)
    ratio = part / torch.where(scale == 0, 1.0, scale)
    return bool((((ratio - ratio.floor()) - 0.5).abs() > 1e-3).all())


@st.composite
def _matrices(draw: Callable) -> tuple:
    rows, group, n_groups = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    unit = draw(st.sampled_from([0.25, 2051.0, 2**-8]))  # 2051: 16 bits do not hold the scale
    weight = draw(tensors((rows, group * n_groups), st.integers(-16, 16).map(lambda n: n * unit)))
    return weight, draw(st.integers(2, 4)), group


def _nan_for_zeros(weight, bits, group):
    """0 / 0 in a group of zeros."""
    new = _rule()(weight, bits, group).double().reshape(len(weight), -1, group)
    empty = (weight.reshape(new.shape) == 0).all(-1, keepdim=True)
    return torch.where(empty, math.nan, new).reshape(weight.shape)


@check(
    "Exercise 3, Groups, symmetric",
    why="The largest weight of a group decides its step, and only its own group suffers from it. So small groups have finer steps, and the price is one scale for each group.",
)
def in_groups(answer: Callable) -> None:
    """``in_groups(weight, bits, group) -> weight``, float, on a symmetric grid for each group of a row."""
    wrong = {
        "Your groups run down the columns. A group is neighbours within a row.": _down_the_columns,
        "One scale serves the whole matrix. Each group has its own.": lambda weight, bits, group: _on_grid(
            weight.reshape(1, -1), bits
        ).reshape(weight.shape),
        "One scale serves each row. Each group of a row has its own.": lambda weight, bits, group: _on_grid(
            weight, bits
        ),
        "You use the scale of a row's first group for all of its groups.": _first_scale,
        "The weights of your groups are no neighbours: they stand as many places apart as a row has groups.": _in_strides,
        "You cut a row into as many groups as `group` says. It says how many weights a group has.": _by_the_count,
        "Your grid goes from the smallest weight to the largest, as in the lesson. Here max|w| alone makes it.": (
            _from_least_to_most,
            functools.partial(_from_least_to_most, kept=lambda scale: scale.half().float()),
            _from_end_to_end,
        ),
        "You take half of the range, from the smallest weight to the largest. The scale comes from max|w| alone.": _rule(
            top=lambda part: (part.amax(-1, keepdim=True) - part.amin(-1, keepdim=True)) / 2
        ),
        "Your scale comes from the spread of the weights. The largest one must fit: take max|w|.": _rule(
            top=lambda part: part.std(-1, keepdim=True, unbiased=False)
        ),
        "You keep the scale from 0 by a number that changes small scales too. Only a scale of exactly 0 needs help.": (
            functools.partial(_scale_changed, kept=lambda scale: scale.clamp(min=1e-2)),
            functools.partial(_scale_changed, kept=lambda scale: scale + 1e-2),
        ),
        "You divide the integers by the scale. Multiply: integer times scale.": _divided_again,
        "Your integers have no sign, from 0 to 2^bits - 1. They go from -2^(bits-1) to 2^(bits-1) - 1.": _rule(
            ends=lambda b: (0, 2**b - 1)
        ),
        "You keep the scale in 16 bits, as in the lesson. The card rounds the weights alone.": _rule(
            top=lambda part: part.abs().amax(-1, keepdim=True).half().float()
        ),
        "The last group of each row stays as it was. It is rounded like the others.": _last_group_as_it_was,
        "The last group of each row is lost: it came back as zeros.": _last_group_zero,
        "Your integers reach 2^(bits-1) on the positive side. The largest is one less.": _rule(
            ends=lambda b: (-(2 ** (b - 1)), 2 ** (b - 1))
        ),
        "You clamp one too early on the negative side. The lowest integer is -2^(bits-1).": _rule(
            ends=lambda b: (-(2 ** (b - 1)) + 1, 2 ** (b - 1) - 1)
        ),
        "You clamp one too early on the positive side. The largest integer is 2^(bits-1) - 1.": _rule(
            ends=lambda b: (-(2 ** (b - 1)), 2 ** (b - 1) - 2)
        ),
        "You divide the largest weight by 2^(bits-1) - 1. The card divides by 2^(bits-1).": _rule(
            steps=lambda b: 2 ** (b - 1) - 1
        ),
        "You divide the largest weight by 2^bits: half of that, for the integers have a sign.": (
            _rule(steps=lambda b: 2**b),
            _rule(steps=lambda b: 2**b, ends=lambda b: (-(2**b), 2**b - 1)),
        ),
        "You divide the largest weight by 2^(bits-2). The card divides by 2^(bits-1).": _rule(
            steps=lambda b: 2 ** (b - 2)
        ),
        "You take the largest weight with its sign. The scale needs the largest size.": (
            _rule(top=lambda part: part.amax(-1, keepdim=True)),
            _rule(top=lambda part: part.amax(-1, keepdim=True).clamp(min=1e-12)),
        ),
        "You divide 0 by 0 in a group of zeros, which gives nan. Such a group stays zero: keep its scale from 0.": _nan_for_zeros,
        "You divide the largest weight by 2^bits - 1. On both sides of 0 there are 2^(bits-1) integers: divide by that.": _rule(
            steps=lambda b: 2**b - 1
        ),
        "Your scale comes from the mean size of the weights. The largest one must fit: take max|w|.": _rule(
            top=lambda part: part.abs().mean(-1, keepdim=True)
        ),
        "You round to 4 bits whatever `bits` says.": lambda weight, bits, group: _rule()(weight, 4, group),
        "You return the integers. Multiply them by their scale.": _rule(codes=True),
        "You round down. Round to the nearest integer.": _rule(whole=torch.floor),
        "You cut the digits off, towards zero. Round to the nearest integer.": _rule(whole=torch.trunc),
        "You round up. Round to the nearest integer.": _rule(whole=torch.ceil),
        "You return the weights as they were.": lambda weight, bits, group: weight.clone(),
    }
    compare(
        answer,
        right=_rule(),
        wrong=wrong,
        names=("weight", "bits", "group"),
        edges=[
            (torch.tensor([[0.5, -2.0, 1.75, 4.0], [1.0, 0.25, -0.5, 0.25]]), 3, 2),
            (torch.tensor([[0.0, 0.0, 1.0, -3.0]]), 2, 2),  # a group of zeros
            (torch.tensor([[2.0, -1.4, 0.2, -4.0]]), 4, 4),  # the group is the row
            (torch.tensor([[2**-8, 2**-9], [-2051, 1000]]), 4, 2),  # a small scale; one that 16 bits do not hold
            (torch.tensor([[1.0], [-1.0]]), 2, 1),
            (torch.tensor([[0.0, 0.0]]), 2, 2),
        ],
        inputs=_matrices().filter(lambda args: _clear(*args)),
        atol=1e-6,  # a scale kept from 0 by something tiny
        view=_as_weights,
    )


# ---- exercise 2 --------------------------------------------------------------------------------------


@check(
    "Exercise 2, Every bit counted",
    why="A scale and a zero point belong to a whole group, so their bits are shared by its weights. A last group that is not full pays for them as well, which is why small groups and short rows cost more for each weight.",
)
def stored_bits(answer: Callable) -> None:
    """``stored_bits(rows, columns, bits, group) -> number``: codes, scales and zero points, over the weights."""

    def rule(*, groups=lambda columns, group: -(-columns // group), pays=lambda bits: 16 + bits):
        return lambda rows, columns, bits, group: bits + groups(columns, group) * pays(bits) / columns

    wrong = {
        "You count the codes alone. Scales and zero points are stored as well.": lambda rows, columns, bits, group: (
            bits
        ),
        "You forgot the zero points.": rule(pays=lambda bits: 16),
        "You forgot the scales.": rule(pays=lambda bits: bits),
        "Your scales take 32 bits. The card gives them 16.": rule(pays=lambda bits: 32 + bits),
        "Your zero points take 16 bits. They take as many as a code.": rule(pays=lambda bits: 16 + 16),
        "Your zero points take 8 bits. They take as many as a code.": rule(pays=lambda bits: 16 + 8),
        "You count one group too many where the groups fill a row exactly.": rule(
            groups=lambda columns, group: columns // group + 1
        ),
        "You fill the last group of a row up and count the codes that fill it. Only real weights are stored.": (
            lambda rows, columns, bits, group: -(-columns // group) * (bits * group + 16 + bits) / columns
        ),
        "You count a scale and a zero point for each weight. A group shares them.": (
            lambda rows, columns, bits, group: bits + 16 + bits
        ),
        "You count one scale and one zero point for a row. Each of its groups has its own.": rule(
            groups=lambda columns, group: 1
        ),
        "You count one scale and one zero point for the matrix. Each group of each row has its own.": (
            lambda rows, columns, bits, group: bits + (16 + bits) / (rows * columns)
        ),
        "You drop the last group of a row where it is shorter. It has a scale and a zero point as well.": rule(
            groups=lambda columns, group: columns // group
        ),
        "Where a row's last group is shorter, only a part of what it pays is in your result. It pays in full.": (
            rule(groups=lambda columns, group: columns / group),
            rule(groups=lambda columns, group: columns / min(group, columns)),
        ),
        "Where a row's last group is shorter, you count its scale and no zero point. It pays both in full.": (
            lambda rows, columns, bits, group: (
                bits + (columns // group * (16 + bits) + 16 * (columns % group > 0)) / columns
            )
        ),
        "You round the number of groups to the nearest. A last group that is shorter is a group as well: round up.": rule(
            groups=lambda columns, group: round(columns / group)
        ),
        "You take `group` for the number of groups in a row. It says how many weights a group has.": rule(
            groups=lambda columns, group: group
        ),
        "You divide by the number of rows. A row has as many weights as there are columns.": (
            lambda rows, columns, bits, group: bits + -(-columns // group) * (16 + bits) / rows
        ),
        "You count one zero point for a row. Each of its groups has its own.": lambda rows, columns, bits, group: (
            bits + (-(-columns // group) * 16 + bits) / columns
        ),
        "You count one scale for a row. Each of its groups has its own.": lambda rows, columns, bits, group: (
            bits + (-(-columns // group) * bits + 16) / columns
        ),
        "You count two zero points for each group. It has one.": rule(pays=lambda bits: 16 + 2 * bits),
        "Your zero points take as many bits as they have values, 2 to the power of `bits`. They take `bits` bits.": rule(
            pays=lambda bits: 16 + 2**bits
        ),
        "Your zero points take one bit less than a code. They take as many.": rule(pays=lambda bits: 16 + bits - 1),
        "You return how many times smaller the weights are than with 32 bits. Asked are the bits of a weight.": (
            lambda rows, columns, bits, group: 32 / rule()(rows, columns, bits, group)
        ),
        "Your groups run on from one row into the next. They end with the row.": (
            lambda rows, columns, bits, group: bits + math.ceil(rows * columns / group) * (16 + bits) / (rows * columns)
        ),
        "Your groups run down the columns. They lie within a row.": (
            lambda rows, columns, bits, group: bits + math.ceil(rows / group) * (16 + bits) / rows
        ),
        "You return the bits of the whole matrix. Divide by the number of weights.": (
            lambda rows, columns, bits, group: rows * columns * rule()(rows, columns, bits, group)
        ),
        "You return the bits of a row. Divide by its number of weights.": (
            lambda rows, columns, bits, group: columns * rule()(rows, columns, bits, group)
        ),
        "You return bytes. Asked are bits.": lambda rows, columns, bits, group: rule()(rows, columns, bits, group) / 8,
        "You return the bits that come on top of the codes. Add the codes.": (
            lambda rows, columns, bits, group: rule()(rows, columns, bits, group) - bits
        ),
        "You round to a whole number of bits. The mean may be a fraction.": (
            lambda rows, columns, bits, group: round(rule()(rows, columns, bits, group)),
            lambda rows, columns, bits, group: math.ceil(rule()(rows, columns, bits, group)),
            lambda rows, columns, bits, group: int(rule()(rows, columns, bits, group)),
        ),
    }
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        names=("rows", "columns", "bits", "group"),
        edges=[(128, 512, 4, 32), (3, 10, 2, 4), (2, 5, 3, 8), (1, 1, 1, 1), (128, 128, 4, 32)],
        inputs=st.tuples(st.integers(1, 8), st.integers(1, 64), st.integers(1, 8), st.integers(1, 80)),
    )


# ---- exercise 1 --------------------------------------------------------------------------------------

SIZES = ("32", "16")
CONCLUSIONS = ("group", "bits", "neither")
COUNTS = 0.5  # points


def _costs(runs: Sequence[Run]) -> dict[tuple[str, int], float]:
    found: dict[tuple[str, int], list[float]] = {}
    for run in runs:
        found.setdefault((run.arm, int(run.settings["scale_bits"])), []).append(run.result)
    return {case: fmean(rises) for case, rises in found.items()}


def _by_the_card(runs: Sequence[Run]) -> str | tuple[str, ...]:
    """The conclusion from the means of the runs."""
    cost = _costs(runs)
    if len(cost) < 4:
        return CONCLUSIONS
    if cost["32", 16] - cost["16", 8] > COUNTS:
        return "group"
    return "bits" if cost["32", 16] - cost["16", 16] > COUNTS else "neither"


ASKED = {  # other rules for the four means: groups of 32 with scales of 16 and of 8 bits, then groups of 16
    "if any difference counts, and not only more than half a point": lambda a, b, c, d: _by_two(a - d > 0, a - c > 0),
    "if less than half a point counts, for example a quarter": lambda a, b, c, d: _by_two(a - d > 0.25, a - c > 0.25),
    "if more than half a point is asked for, for example a whole one": lambda a, b, c, d: _by_two(a - d > 1, a - c > 1),
    "if a difference must be larger than two points": lambda a, b, c, d: _by_two(a - d > 2, a - c > 2),
    "if a difference must be larger than five points": lambda a, b, c, d: _by_two(a - d > 5, a - c > 5),
    "if the digits of the means behind the point are cut off": lambda a, b, c, d: _by_two(
        int(a) - int(d) > COUNTS, int(a) - int(c) > COUNTS
    ),
    'if at equally many bits a gain is called "group", a loss "bits", and a difference of less than half a point "neither"': (
        lambda a, b, c, d: "neither" if abs(a - d) <= COUNTS else "group" if d < a else "bits"
    ),
    "if the means are rounded to whole points before they are compared": lambda a, b, c, d: _by_two(
        round(a) - round(d) > COUNTS, round(a) - round(c) > COUNTS
    ),
    "if the means are rounded to a tenth of a point before they are compared": lambda a, b, c, d: _by_two(
        round(a, 1) - round(d, 1) > COUNTS, round(a, 1) - round(c, 1) > COUNTS
    ),
    "if the case with the least rise of the four decides alone": lambda a, b, c, d: (
        "group" if d < min(a, b, c) else "bits" if c < min(a, b) else "neither"
    ),
    "if half a per cent of the rise counts, and not half a point": lambda a, b, c, d: _by_two(
        d < 0.995 * a, c < 0.995 * a
    ),
    "if the rise must be halved": lambda a, b, c, d: _by_two(2 * d < a, 2 * c < a),
    "if both groups with scales of 16 bits are taken for the ones with equally many bits": lambda a, b, c, d: _by_two(
        a - c > COUNTS, a - d > COUNTS
    ),
    "if both groups with scales of 8 bits are taken for the ones with equally many bits": lambda a, b, c, d: _by_two(
        b - d > COUNTS, a - c > COUNTS
    ),
    "if groups of 32 with scales of 8 bits are compared with groups of 16 with scales of 16 bits": lambda a, b, c, d: (
        _by_two(b - c > COUNTS, a - c > COUNTS)
    ),
    "if the second question compares the groups at scales of 8 bits": lambda a, b, c, d: _by_two(
        a - d > COUNTS, b - d > COUNTS
    ),
    "if the second question is asked at either of the two scales": lambda a, b, c, d: _by_two(
        a - d > COUNTS, max(a - c, b - d) > COUNTS
    ),
    "if the second question asks what the short scale costs groups of 16": lambda a, b, c, d: _by_two(
        a - d > COUNTS, d - c > COUNTS
    ),
    "if the second question compares groups of 32 with short scales": lambda a, b, c, d: _by_two(
        a - d > COUNTS, b - c > COUNTS
    ),
    "if a higher rise counts as better": lambda a, b, c, d: _by_two(d - a > COUNTS, c - a > COUNTS),
    "if the sign of a difference is left out": lambda a, b, c, d: _by_two(abs(a - d) > COUNTS, abs(a - c) > COUNTS),
    "if the question about scales of 16 bits comes first": lambda a, b, c, d: (
        "bits" if a - c > COUNTS else "group" if a - d > COUNTS else "neither"
    ),
    'if "group" and "bits" are exchanged': lambda a, b, c, d: (
        "bits" if a - d > COUNTS else "group" if a - c > COUNTS else "neither"
    ),
    'if "group" is concluded only where scales of 16 bits speak for it, too': lambda a, b, c, d: _by_two(
        min(a - d, a - c) > COUNTS, a - c > COUNTS
    ),
    "if the question about scales of 16 bits is left out": lambda a, b, c, d: _by_two(a - d > COUNTS, False),
    'if everything that is not "group" is called "bits"': lambda a, b, c, d: _by_two(a - d > COUNTS, True),
    "if the question about equally many bits is left out": lambda a, b, c, d: _by_two(False, a - c > COUNTS),
    "if the mean over both scales is taken for each group": lambda a, b, c, d: _by_two(
        (a + b - c - d) / 2 > COUNTS, a - c > COUNTS
    ),
    "if the better scale of each group is taken": lambda a, b, c, d: _by_two(
        min(a, b) - min(c, d) > COUNTS, a - c > COUNTS
    ),
    'if "neither" is concluded wherever the smaller group is worse at equally many bits': lambda a, b, c, d: (
        "neither" if d > a else _by_two(a - d > COUNTS, a - c > COUNTS)
    ),
}
CASES = (("32", 16), ("32", 8), ("16", 16), ("16", 8))


def _by_two(group: bool, bits: bool) -> str:
    return "group" if group else "bits" if bits else "neither"


def _others(runs: Sequence[Run]) -> dict[str, str]:
    """Rules that are not the card's -> what they conclude from these runs."""
    of = {case: {} for case in CASES}
    for run in runs:
        of[run.arm, int(run.settings["scale_bits"])][run.settings["piece"]] = run.result
    rows = [[own[piece] for piece in of["32", 16]] for own in of.values()]
    found = {how: rule(*map(fmean, rows)) for how, rule in ASKED.items()}
    geometric = {"if the geometric mean over the pieces stands in place of the mean": geometric_mean}
    for how, pick in {**summaries("piece", best=min), **geometric}.items():
        four = [pick(row) for row in rows]
        found[how] = _by_two(four[0] - four[3] > COUNTS, four[0] - four[2] > COUNTS)
    four = [sum(row) for row in rows]
    found["if the sums over the pieces are compared, and not the means"] = _by_two(
        four[0] - four[3] > COUNTS, four[0] - four[2] > COUNTS
    )
    equal, same = ([a - other for a, other in zip(rows[0], rows[at], strict=True)] for at in (3, 2))
    votes = [_by_two(one > COUNTS, other > COUNTS) for one, other in zip(equal, same, strict=True)]
    found["if each piece gives a conclusion, and the most frequent one is taken"] = max(votes, key=votes.count)
    found["if the smaller group must be better on every piece"] = _by_two(min(equal) > COUNTS, min(same) > COUNTS)

    def sure(gains: Sequence[float]) -> bool:
        return fmean(gains) > 2 * stdev(gains) / math.sqrt(len(gains))

    found["if a difference must be two standard errors, and not half a point"] = _by_two(sure(equal), sure(same))
    return found


def _model(
    right: str, said: str, hint: str, large16: float, large8: float, small16: float, small8: float, text: float = 2.0
) -> World:
    """A model by its four rises; all of them are shifted together from piece to piece, by up to `text` points."""
    rises = {("32", 16): large16, ("32", 8): large8, ("16", 16): small16, ("16", 8): small8}

    def rise(group: str, number: int, *, scale_bits: float, piece: float) -> float:
        _known(scale_bits)
        return rises[group, int(scale_bits)] + text * (math.floor(abs(piece)) * 7 % 5) / 4

    return World(said, right, rise, hint)


def _uneven(said: str, hint: str, usual: dict, other: dict, where: Callable[[float], bool]) -> World:
    """A model in which some pieces are unlike the others; the runs decide, by the rule on the card."""

    def rise(group: str, number: int, *, scale_bits: float, piece: float) -> float:
        _known(scale_bits)
        return (other if where(piece) else usual)[group, int(scale_bits)]

    return World(said, _by_the_card, numbered(rise, "piece"), hint)


def _four(large16: float, large8: float, small16: float, small8: float) -> dict:
    return {("32", 16): large16, ("32", 8): large8, ("16", 16): small16, ("16", 8): small8}


def _known(scale_bits: float) -> None:
    if scale_bits not in (8, 16):
        raise ValueError(f"scale_bits is 8 or 16, not {scale_bits:g}.")


MODELS = (
    _model(
        "bits",
        "with scales of 16 bits the smaller group is 4 points better, and at equal bits it is 0.2 points worse",
        "Groups of 16 with scales of 16 bits take 4 bits a weight, and groups of 32 with the same scales 3.5. Equal are groups of 32 "
        "with 16 bits (3 + 16/32) and groups of 16 with 8 bits (3 + 8/16). Here the short scale costs all that the smaller group wins.",
        12.0,
        16.0,
        8.0,
        12.2,
    ),
    _model(
        "group",
        "at equal bits the smaller group is 3.8 points better, and with scales of 16 bits 4 points",
        "The smaller group is also better here with the same scales, but that does not make it the bits: at equally many bits, 3.5 a "
        "weight for both, it is still 3.8 points better. That question comes first.",
        12.0,
        12.1,
        8.0,
        8.2,
    ),
    _model(
        "neither",
        "the short scale spoils the large groups alone; with scales of 16 bits the smaller group is only 0.2 points better",
        "Scales of 8 bits cost the groups of 32 four points here, and the groups of 16 nothing. A comparison that uses groups of 32 with "
        "8 bits (3.25 bits a weight), or a mean over both scales, has an opponent that is held back.",
        10.0,
        14.0,
        9.8,
        9.8,
    ),
    _model(
        "neither",
        "the smaller group is 3 points worse in all cases",
        "The smaller group is worse here. A difference without its sign does not tell which of the two is better.",
        10.0,
        10.2,
        13.0,
        13.2,
    ),
    _model(
        "bits",
        "with scales of 16 bits the smaller group is 0.9 points better, at equal bits 0.48, which is less than the card asks for",
        "0.48 points at equal bits are less than the card asks for, and 0.9 with scales of 16 bits are more. The two comparisons have "
        "the groups of 32 with scales of 16 bits on one side and the groups of 16 on the other; how much the short scale costs the small "
        "groups alone is another question.",
        10.0,
        10.4,
        9.1,
        9.52,
        text=0.0,
    ),
    _model(
        "neither",
        "with scales of 16 bits the smaller group is 0.4 points better; its short scale costs it 1 point",
        "0.4 points with scales of 16 bits are less than the card asks for. That a short scale costs small groups more than half a point "
        "says nothing about the size of the group.",
        10.0,
        10.1,
        9.6,
        10.6,
        text=0.0,
    ),
    _model(
        "group",
        "at equal bits the smaller group is 0.52 points better, of 100",
        "0.52 points are more than the card asks for. It asks for points, not for a share of the rise, and for no other limit.",
        100.0,
        100.2,
        99.28,
        99.48,
        text=0.0,
    ),
    _model(
        "neither",
        "at equal bits the smaller group is better by 0.3 points of 1",
        "0.3 points are less than the card asks for, even where they are a large share of the rise.",
        1.0,
        1.1,
        0.65,
        0.7,
        text=0.0,
    ),
    _model(
        "group",
        "at equal bits the smaller group is 1.2 points better, and with scales of 16 bits 0.2",
        "The first question decides alone. At equally many bits the smaller group is 1.2 points better here, and that is enough for "
        "'group', whatever scales of 16 bits say.",
        10.0,
        10.2,
        9.8,
        8.8,
        text=0.0,
    ),
    _model(
        "group",
        "at equal bits the smaller group is 0.8 points better, and with scales of 16 bits 0.87",
        "0.8 points are more than the card asks for: 10.4 and 9.6 are not alike, although both are nearly 10.",
        10.4,
        10.5,
        9.53,
        9.6,
        text=0.0,
    ),
    _uneven(
        "at equal bits the smaller group is 9 points better on one piece in three, and as good on the others",
        "On one piece in three the smaller group is much better here, on the others it is not. The card asks for the mean over the pieces: "
        "the median, or a count of pieces, does not see it.",
        _four(10, 10, 10, 10),
        _four(20, 20, 11, 11),
        one_in_three,
    ),
    _uneven(
        "at equal bits the smaller group is 1 point better on most pieces, and 9 points worse on one",
        "On one piece the smaller group is much worse here. The card asks for the mean over the pieces, and this piece belongs to it.",
        _four(10, 10, 9, 9),
        _four(10, 10, 19, 19),
        one_alone,
    ),
    _uneven(
        "one piece is hard for both, and there the smaller group is 9 points better",
        "Only one piece makes the difference here, and it counts in the mean like the others. Whoever takes the best of each group, or the "
        "first piece, does not see it.",
        _four(10, 10, 10, 10),
        _four(40, 40, 31, 31),
        one_alone,
    ),
    _uneven(
        "on the hardest piece the smaller group is 1 point worse, on all others 1 point better",
        "The hardest piece alone speaks against the smaller group here; the others speak for it. The card asks for the mean over the pieces.",
        _four(10, 10, 9, 9),
        _four(20, 20, 21, 21),
        one_alone,
    ),
    _uneven(
        "on the hardest piece the smaller group is 6 points worse, of 40, and on all others 1 point better, of 10",
        "The hardest piece costs the smaller group 6 points here, and the others win it 1 point each. The card asks for the mean over the "
        "pieces in points: the number of pieces, or the share of a rise, does not count.",
        _four(10, 10, 9, 9),
        _four(40, 40, 46, 46),
        one_alone,
    ),
)


@check(
    "Exercise 1, A smaller group, or only more bits?",
    why="Groups of 32 with scales of 16 bits and groups of 16 with scales of 8 bits take 3.5 bits a weight, so only there does a difference "
    "belong to the way the bits are spent. With equal scales two things differ, the group and the number of bits.",
)
def smaller_group(answer: Callable) -> None:
    """``smaller_group(rise) -> "group", "bits" or "neither"``, on made-up models."""
    investigate(
        answer,
        MODELS,
        arms=SIZES,
        settings={"scale_bits": 16, "piece": 0},
        least={"scale_bits": 2, "piece": 5},
        conclusions=CONCLUSIONS,
        look=_same_pieces,
        others=_others,
        unequal_said={
            "scale_bits": "Run all four cases on the same pieces, each group with scales of 16 and of 8 bits, even where the rule on "
            "the card compares only some of them: what a short scale costs belongs to the experiment."
        },
        name="rise",
    )


def _same_pieces(runs: Sequence[Run]) -> None:
    """Raise where the two kinds of scale stand on different pieces."""
    had = [sorted(run.settings["piece"] for run in runs if run.settings["scale_bits"] == bits) for bits in (8, 16)]
    if had[0] != had[1]:
        raise Mistake(
            "Scales of 8 and of 16 bits are not tried on the same pieces.",
            "Pieces differ, so run all four cases on the same ones.",
            told(runs, SIZES),
        )

"""Checks of the lesson `adapters`."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from hypothesis import strategies as st

from course_utils.exercises.calls import two_numbers
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.search import compare


def _as_tensor(value: object, like: torch.Tensor, wanted: str, given: str) -> torch.Tensor:
    """The returned tensor as numbers; a `Mistake` for what is none in the shape of `like`."""
    try:
        found = torch.as_tensor(value).detach().to_dense().double()
        shape = found.shape
    except Exception:  # whatever torch says to it, it is no tensor of numbers
        raise Mistake("Your function did not return a tensor of numbers.", f"Return {wanted}.") from None
    if shape != like.shape:
        raise Mistake(f"Your result has another shape than {wanted}.", f"It has the shape of `{given}`.")
    return found


# ---- exercise 1 --------------------------------------------------------------------------------------


@st.composite
def _adapters(draw: Callable) -> tuple:
    """(weight, a, b, alpha): small whole numbers and halves; rank 1 to 3."""
    rows, columns, rank = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    halves = numbers(-2, 2, step=0.5)
    weight, a, b = (draw(tensors(shape, halves)) for shape in ((rows, columns), (rank, columns), (rows, rank)))
    return weight, a, b, draw(st.integers(1, 8))


@check(
    "Exercise 1, Merge a bypass",
    why="Both paths are linear in the same input, so their matrices can be added before the input comes. The scale alpha / r belongs to the bypass and has to go into the sum.",
)
def merged_weight(answer: Callable) -> None:
    """``merged_weight(weight, a, b, alpha) -> weight``: W + alpha / r · B A."""

    def rule(scale=lambda alpha, a, b: alpha / len(a), join=lambda w, s, ba: w + s * ba):
        return lambda weight, a, b, alpha: join(weight, scale(alpha, a, b), b @ a)

    def turned(weight, a, b, alpha):
        change = (b @ a).T
        if change.shape != weight.shape:
            raise RuntimeError("the shapes do not fit")
        return weight + alpha / len(a) * change

    def turned_by_view(weight, a, b, alpha):
        return weight + alpha / len(a) * (a.T @ b.T).reshape(weight.shape)

    def broadcast(product):
        return lambda weight, a, b, alpha: weight + alpha / len(a) * product(a, b)

    wrong = {
        "You add B A as it is. It is scaled: alpha over the rank.": rule(lambda alpha, a, b: 1.0),
        "You multiply by alpha and do not divide by the rank.": rule(lambda alpha, a, b: float(alpha)),
        "You divide by the rank and forget alpha.": rule(lambda alpha, a, b: 1 / len(a)),
        "You turn the fraction round: it is alpha over the rank.": rule(lambda alpha, a, b: len(a) / alpha),
        "You divide by the number of columns. The rank is the number of rows of a.": rule(
            lambda alpha, a, b: alpha / a.shape[1]
        ),
        "You divide by the number of rows of the weight. The rank is the number of rows of a.": rule(
            lambda alpha, a, b: alpha / len(b)
        ),
        "You divide by the root of the rank (a variant, rsLoRA). Here it is alpha over the rank.": rule(
            lambda alpha, a, b: alpha / math.sqrt(len(a))
        ),
        "Your fraction is a whole number: use / and not //.": rule(lambda alpha, a, b: alpha // len(a)),
        "You add the change transposed. Rows of B belong to rows of the weight: b @ a.": (
            turned,
            turned_by_view,
            broadcast(lambda a, b: a.T @ b.T),
        ),
        "You multiply A by B. The other order gives the shape of the weight: b @ a.": broadcast(lambda a, b: a @ b),
        "You multiply number by number. B A is a product of matrices: b @ a.": broadcast(lambda a, b: b * a),
        "You subtract the change. The bypass adds to the layer's output.": rule(join=lambda w, s, ba: w - s * ba),
        "You merge twice: the change is in your result two times.": rule(join=lambda w, s, ba: w + 2 * s * ba),
        "You return the change alone. Add it to the weight.": rule(join=lambda w, s, ba: s * ba),
        "You scale the weight, too. The fraction belongs to the bypass alone.": rule(
            join=lambda w, s, ba: s * (w + ba)
        ),
        "You round the result. Here the weight is a float, and the merge exact.": rule(
            join=lambda w, s, ba: (w + s * ba).round()
        ),
        "You round the change. Here the weight is a float, and the merge exact.": rule(
            join=lambda w, s, ba: w + (s * ba).round()
        ),
        "You return the weight as it was.": rule(join=lambda w, s, ba: w.clone()),
    }
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        names=("weight", "a", "b", "alpha"),
        edges=[
            (torch.tensor([[1.0, 0], [0, 1]]), torch.tensor([[1.0, -2]]), torch.tensor([[0.5], [3]]), 2),
            (torch.zeros(3, 2), torch.tensor([[1.0, 2], [0.5, -1]]), torch.tensor([[1.0, 0], [0, 1], [2, 2]]), 8),
            (torch.tensor([[1.5, -1, 0.5]]), torch.tensor([[1.0, 0.5, 2], [1, 1, 1]]), torch.tensor([[2.0, -1.5]]), 3),
            (torch.tensor([[0.5, 2]]), torch.tensor([[1.0, 2]]), torch.zeros(1, 1), 4),
            (torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0]]), 2),
        ],
        inputs=_adapters(),
        rtol=1e-5,
        atol=1e-5,
        view=lambda value, weight, *_: _as_tensor(value, weight, "the new weight", "weight"),
    )


# ---- exercise 2 --------------------------------------------------------------------------------------


@check(
    "Exercise 2, What is trained",
    why="A bypass of rank r has r rows and r columns in place of a whole matrix, and AdamW keeps two moments in 32 bits, 8 bytes, for each number that is trained. The frozen weights need none.",
)
def adapter_bill(answer: Callable) -> None:
    """``adapter_bill(shapes, rank) -> (numbers trained, bytes of AdamW's two moments)``."""

    def rule(count=lambda rows, columns, rank: rank * (rows + columns), each=8):
        def bill(shapes, rank):
            trained = sum(count(rows, columns, rank) for rows, columns in shapes)
            return trained, trained * each

        return bill

    def of_all(shapes, rank):
        trained = rule()(shapes, rank)[0]
        return trained, 8 * (trained + sum(rows * columns for rows, columns in shapes))

    def of_frozen(shapes, rank):
        return rule()(shapes, rank)[0], 8 * sum(rows * columns for rows, columns in shapes)

    wrong = {
        "You count A alone. B is trained, too: it has a row for each output.": rule(
            lambda rows, columns, r: r * columns
        ),
        "You count B alone. A is trained, too: it has a column for each input.": rule(
            lambda rows, columns, r: r * rows
        ),
        "Half the bytes: AdamW keeps two moments for each trained number, and each has 4 bytes.": rule(each=4),
        "You count 12 bytes a number. Two moments in float32 have 8, without the number itself or its gradient.": rule(
            each=12
        ),
        "You count 16 bytes a number. Two moments in float32 have 8, without the number itself or its gradient.": rule(
            each=16
        ),
        "You count the step counters, too. The card leaves them out.": (
            lambda shapes, rank: (rule()(shapes, rank)[0], rule()(shapes, rank)[1] + 8 * len(shapes))
        ),
        "You count numbers in the place of bytes: a float32 has 4 bytes.": (rule(each=2), rule(each=1)),
        "You count the frozen weights as trained.": (
            rule(lambda rows, columns, r: rows * columns + r * (rows + columns)),
            rule(lambda rows, columns, r: rows * columns),
        ),
        "Your optimizer keeps moments for the frozen weights. They have no gradient, so it never meets them.": (
            of_all,
            of_frozen,
        ),
        "You multiply rows and columns. A and B lie side by side: their numbers add up.": rule(
            lambda rows, columns, r: r * rows * columns
        ),
        "You count a matrix of rank × rank between A and B. There is none.": rule(
            lambda rows, columns, r: r * (rows + columns) + r * r
        ),
        "You leave the rank out: A has as many rows, and B as many columns.": rule(
            lambda rows, columns, r: rows + columns
        ),
        "You return the pair the other way round: first the numbers that are trained, then the bytes.": (
            lambda shapes, rank: rule()(shapes, rank)[::-1]
        ),
        "You return bits in place of bytes: a float32 has 4 bytes, 32 bits.": rule(each=64),
        "You limit the rank to the smaller side of a layer. A has `rank` rows and B as many columns, whatever the sides are.": rule(
            lambda rows, columns, r: min(r, rows, columns) * (rows + columns)
        ),
        "You subtract rank · rank from each bypass. All numbers of A and of B are trained.": rule(
            lambda rows, columns, r: r * (rows + columns - r)
        ),
        "You count the first layer alone.": lambda shapes, rank: rule()(shapes[:1], rank),
        "You count the last layer alone.": lambda shapes, rank: rule()(shapes[-1:], rank),
        "You count layers of one shape once. Each has a bypass of its own.": (
            lambda shapes, rank: rule()(sorted(set(shapes)), rank)
        ),
        "You leave the last layer out.": lambda shapes, rank: rule()(shapes[:-1], rank),
        "You leave the first layer out.": lambda shapes, rank: rule()(shapes[1:], rank),
    }
    layer = st.tuples(st.integers(1, 9), st.integers(1, 9))
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        names=("shapes", "rank"),
        edges=[
            ([(384, 128)], 4),
            ([(384, 128), (128, 128), (512, 128), (128, 512)], 4),
            ([(2, 7), (9, 1)], 1),
            ([(3, 2), (3, 2)], 2),
            ([(3, 2), (5, 7)], 4),  # more than a side: wasteful, and the same count
            ([], 4),
        ],
        inputs=st.tuples(st.lists(layer, min_size=1, max_size=4), st.integers(1, 8)).filter(
            lambda args: all(args[1] <= min(shape) for shape in args[0])
        ),
        view=lambda value, *_: two_numbers(value, "(numbers trained, bytes of both moments)"),
    )


# ---- exercise 3 --------------------------------------------------------------------------------------


@st.composite
def _codes(draw: Callable) -> tuple:
    """(codes, scale, change, bits); no change lies half-way between two codes."""
    bits, shape = draw(st.integers(1, 4)), draw(shapes(most=3))
    n = math.prod(shape)
    scale = draw(st.sampled_from([0.5, 0.25, 2.0, 0.125]))
    codes = draw(st.lists(st.integers(0, 2**bits - 1), min_size=n, max_size=n))
    eighths = draw(st.lists(st.integers(-20, 20).filter(lambda k: k % 8 != 4), min_size=n, max_size=n))
    change = torch.tensor([k * scale / 8 for k in eighths])
    return torch.tensor(codes).view(shape), scale, change.view(shape), bits


@check(
    "Exercise 3, Merge into the codes",
    why="A code can move only by whole steps, so the change is divided by the scale and rounded, and the ends of the grid hold it. What is smaller than half a step is lost, which is why merging into few bits undoes a fine bypass.",
)
def merged_codes(answer: Callable) -> None:
    """``merged_codes(codes, scale, change, bits) -> codes`` on the same grid."""

    def rule(*, move=lambda change, scale: change / scale, to=torch.round, low=lambda b: 0, high=lambda b: 2**b - 1):
        return lambda codes, scale, change, bits: to(codes + move(change, scale)).clamp(low(bits), high(bits))

    right = rule()
    wrong = {
        "Your codes leave the grid. They stop at 0 and at 2**bits - 1.": rule(
            low=lambda b: -math.inf, high=lambda b: math.inf
        ),
        "Your codes fall below 0.": rule(low=lambda b: -math.inf),
        "Your codes rise above 2**bits - 1.": rule(high=lambda b: math.inf),
        "Your largest code is 2**bits. With 0 that is one too many.": rule(high=lambda b: 2**b),
        "Your codes are limited as if they had a sign. They go from 0 to 2**bits - 1.": rule(
            low=lambda b: -(2 ** (b - 1)), high=lambda b: 2 ** (b - 1) - 1
        ),
        "You cut off in place of rounding: a code moves to the nearest.": (rule(to=torch.trunc), rule(to=torch.floor)),
        "You round up. A code moves to the nearest.": rule(to=torch.ceil),
        "You do not round. A code is a whole number.": rule(to=lambda value: value),
        "You add the change to the codes as it is. Count it in steps: divide by the scale.": rule(
            move=lambda change, scale: change
        ),
        "You multiply by the scale. Divide, to count the change in steps.": rule(
            move=lambda change, scale: change * scale
        ),
        "You subtract the change.": rule(move=lambda change, scale: -change / scale),
        "You return how far the codes move. Add the codes.": lambda codes, scale, change, bits: (
            right(codes, scale, change, bits) - codes
        ),
        "You return the rounded change and leave the codes out.": lambda codes, scale, change, bits: (
            (change / scale).round().clamp(0, 2**bits - 1)
        ),
        "You return weights. Wanted are the codes.": lambda *args: right(*args) * args[1],
        "You return the codes as they were. A change of more than half a step can move a code.": (
            lambda codes, scale, change, bits: codes.clone()
        ),
        "You merge twice.": rule(move=lambda change, scale: 2 * change / scale),
    }
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("codes", "scale", "change", "bits"),
        edges=[
            (torch.tensor([0, 1, 2, 3]), 0.5, torch.tensor([0.125, 0.375, -0.375, 0.75]), 2),
            (torch.tensor([0, 3, 1]), 0.25, torch.tensor([-0.5, 0.5, -0.0625]), 2),
            (torch.tensor([[1], [0]]), 2.0, torch.tensor([[-1.5], [0.75]]), 1),
            (torch.tensor([0, 1]), 1.0, torch.tensor([0.0, 0.0]), 2),
        ],
        inputs=_codes(),
        atol=1e-6,
        view=lambda value, codes, *_: _as_tensor(value, codes, "the codes", "codes"),
    )

"""Checks of the lesson `zero_worth`, what a zero is worth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import Strategy, masks, tensors
from course_utils.exercises.investigation import TOO_FEW, Run, World, investigate, longest_stretch
from course_utils.exercises.search import compare

NUMBERS = st.sampled_from([1.0, 0.0, -0.0, -2.5, 0.5, 1e-9])
SHAPES = st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (1, 2, 1, 2), (2,)])


@st.composite
def _layer(draw: Callable) -> dict[str, torch.Tensor]:
    """Entries of one layer in a state_dict: plain or masked, its bias too, or without a bias; some are batch norms."""
    shape = draw(SHAPES)
    weight, masked, bias = (
        draw(tensors(shape, NUMBERS)),
        draw(st.booleans()),
        draw(st.sampled_from([None, "", "_orig"])),
    )
    entries = {}
    if bias is not None:
        entries[f"bias{bias}"] = draw(tensors((shape[0],), NUMBERS))
    entries["weight_orig" if masked else "weight"] = weight
    if bias == "_orig":
        entries["bias_mask"] = draw(masks((shape[0],)))
    if masked:
        entries["weight_mask"] = draw(masks(shape))
    if len(shape) == 1:
        entries["running_mean"] = draw(tensors(shape, NUMBERS))
    return entries


def _states() -> Strategy[dict[str, torch.Tensor]]:
    """Entries of one to three layers, of which some lie inside of others: their names have more than one dot."""
    layers = st.lists(st.tuples(st.sampled_from(["fc{}", "parts.{}.fc"]), _layer()), min_size=1, max_size=3)
    return layers.map(
        lambda of: {f"{path.format(n)}.{k}": v for n, (path, layer) in enumerate(of, 1) for k, v in layer.items()}
    )


@check(
    "Exercise 3, How sparse is this model?",
    why="A layer computes with weight_orig times weight_mask, so the zeros of that product count, and the mask itself is no "
    "weight. One division at the end lets each weight count the same, in a small layer or a large one.",
)
def weight_sparsity(answer: Callable) -> None:
    """``weight_sparsity(state) -> float``, from the state_dict of a plain or masked model."""

    def of(state, ending):
        return [value for name, value in state.items() if name.endswith(ending)]

    def masked(state):
        return list(zip(of(state, "weight_orig"), of(state, "weight_mask"), strict=True))

    def weights(state):
        """The weights that the layers compute with."""
        return of(state, ".weight") + [weight * mask for weight, mask in masked(state)]

    def in_order(state):
        """The same, as the layers stand in the model."""
        return [
            value * state[name.replace("_orig", "_mask")] if name.endswith("_orig") else value
            for name, value in state.items()
            if name.endswith((".weight", "weight_orig"))
        ]

    def share(tensors, is_zero=lambda t: t == 0):
        return sum(is_zero(t).sum().item() for t in tensors) / max(1, sum(t.numel() for t in tensors))

    def zeros_by(elements, of=weights):
        """Zeros of the weights by another number of elements."""
        return lambda s: sum((w == 0).sum().item() for w in of(s)) / max(1, sum(t.numel() for t in elements(s)))

    def named(*parts, masked=False):
        return lambda s: [
            t for name, t in s.items() if any(p in name for p in parts) and (masked or "mask" not in name)
        ]

    def twice(state):
        zeros = sum((t == 0).sum().item() for t in of(state, ".weight") + of(state, "weight_orig"))
        zeros += sum((mask == 0).sum().item() for mask in of(state, "weight_mask"))
        return zeros / sum(w.numel() for w in weights(state))

    wrong = {
        "You count masks as parameters. A mask says which weights stay: multiply, and leave it out of the sum.": lambda s: (
            share(of(s, ".weight") + of(s, "weight_orig") + of(s, "weight_mask"))
        ),
        "You count masks beside the masked weights. A mask is no weight: it adds no zeros and no elements.": lambda s: (
            share(weights(s) + of(s, "weight_mask"))
        ),
        "You count all masks beside the weights, those of biases as well. A mask adds no zeros and no elements.": (
            lambda s: share(weights(s) + of(s, "_mask"))
        ),
        "You count every entry, biases and masks among them. The question is about weights, their masks applied.": (
            lambda s: share(list(s.values()))
        ),
        "You count what is neither weight nor bias, such as a running mean. The question is about weights.": lambda s: (
            share(weights(s) + of(s, ".running_mean"))
        ),
        "You leave out weights of one dimension, such as those of a batch norm. Each entry that ends in .weight counts.": (
            lambda s: share([w for w in weights(s) if w.dim() > 1])
        ),
        "You count weights of two dimensions only. A convolution's have four, those of a batch norm one: each counts.": (
            lambda s: share([w for w in weights(s) if w.dim() == 2])
        ),
        "You count what is not above 0: negative weights are no zeros. Compare with == 0.": lambda s: share(
            weights(s), lambda t: t <= 0
        ),
        "You count the masks alone. Plain layers have none, and a weight that its mask keeps can be 0, too.": (
            lambda s: share(of(s, "_mask")),
            lambda s: share(of(s, "weight_mask")),
        ),
        "You count every entry but the masks: biases are no weights, and a masked weight is weight_orig times its mask.": (
            lambda s: share(named("")(s))
        ),
        "You divide the zeros of the weights by the number of all entries, biases or masks among them. Divide by the number "
        "of weights.": (
            zeros_by(named("", masked=True)),
            zeros_by(named("")),
            zeros_by(named("weight", "bias")),
            zeros_by(named("weight", masked=True)),
        ),
        "You divide by the number of weights that are not 0. Sparsity is the share of zeros among all.": lambda s: (
            sum((w == 0).sum().item() for w in weights(s)) / sum((w != 0).sum().item() for w in weights(s))
        ),
        "Your zeros are those of one layer, and your elements those of all. Add up both over the layers, with +=.": (
            zeros_by(weights, lambda s: in_order(s)[-1:]),
            zeros_by(weights, lambda s: in_order(s)[:1]),
        ),
        "You give the share of the sparsest layer. The question is about the whole model: add up over the layers.": (
            lambda s: max(share([w]) for w in weights(s))
        ),
        "In plain layers you count no zeros. A weight can be 0 without a mask, too.": zeros_by(
            weights, lambda s: [weight * mask for weight, mask in masked(s)]
        ),
        "In plain layers you count no zeros, and in masked ones those of the mask alone. A weight can be 0 without a mask, "
        "or where its mask keeps it.": zeros_by(weights, lambda s: of(s, "weight_mask")),
        "You count rows: len() of a matrix. numel() counts its weights.": lambda s: (
            sum((w == 0).sum().item() for w in weights(s)) / sum(len(w) for w in weights(s))
        ),
        "You count a weight that is 0 and masked as well twice. It is one zero.": twice,
        "In a masked layer you count the zeros of the mask only. A weight that its mask keeps can be 0, too.": lambda s: (
            share(of(s, ".weight") + of(s, "weight_mask"))
        ),
        "You average the shares of layers, so a small layer counts as much as a large one. Add up first.": lambda s: (
            sum(share([t]) for t in weights(s)) / len(weights(s))
        ),
        "You do not count −0.0. It is a zero, and pruning makes many: a negative number times 0.": lambda s: share(
            weights(s), lambda t: (t == 0) & ~torch.signbit(t)
        ),
        "You leave out the masks: weight_orig still holds the numbers that were pruned.": lambda s: share(
            of(s, ".weight") + of(s, "weight_orig")
        ),
        "You leave out masked layers: their weight is stored as weight_orig and weight_mask.": lambda s: share(
            of(s, ".weight")
        ),
        "You leave out plain layers: their weight is stored as weight.": lambda s: share(
            [weight * mask for weight, mask in masked(s)]
        ),
        "You leave out layers that lie inside of others: a name may have more than one dot.": lambda s: share(
            weights({name: value for name, value in s.items() if name.count(".") == 1})
        ),
        "You look at one layer only, the first. The question is about the whole model.": lambda s: share(
            in_order(s)[:1]
        ),
        "You look at one layer only, the last. The question is about the whole model.": lambda s: share(
            in_order(s)[-1:]
        ),
        "You count plain biases too. The question is about weights.": lambda s: share(weights(s) + of(s, ".bias")),
        "You count biases too, those that are masked among them. The question is about weights.": lambda s: share(
            weights(s) + of(s, ".bias") + [b * m for b, m in zip(of(s, "bias_orig"), of(s, "bias_mask"), strict=True)]
        ),
        "You count masked biases. The question is about weights.": lambda s: share(
            weights(s) + [b * m for b, m in zip(of(s, "bias_orig"), of(s, "bias_mask"), strict=True)]
        ),
        "You count very small numbers as zeros. A small weight is stored and multiplied like any other.": lambda s: (
            share(weights(s), lambda t: t.abs() < 1e-6)
        ),
        "You return the density, the share that is left. Sparsity is the share of zeros.": lambda s: (
            1 - share(weights(s))
        ),
        "You return percent. Return a share from 0 to 1.": lambda s: 100 * share(weights(s)),
        "You return the number of zeros. Return their share of all weights.": lambda s: sum(
            (w == 0).sum().item() for w in weights(s)
        ),
    }
    edges = [
        ({"fc.weight": torch.tensor([[0.0, 2.0]])},),
        ({"fc.weight": torch.tensor([[0.0, 2.0, 1e-9, -0.0]]), "fc.bias": torch.ones(1)},),
        ({"fc.weight": torch.tensor([[0.0, 2.0, 1.0]], dtype=torch.float16)},),
        (
            {
                "fc1.bias_orig": torch.tensor([1.0, 1.0]),
                "fc1.weight_orig": torch.tensor([[0.0, 3.0, 0.0], [-1.0, 2.0, 1.0]]),
                "fc1.bias_mask": torch.tensor([0.0, 1.0]),
                "fc1.weight_mask": torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]),
                "fc2.weight": torch.tensor([[2.0, 5.0]]),
                "fc2.bias": torch.tensor([0.0]),
            },
        ),
        ({"features.0.weight": torch.tensor([[0.0, 2.0]]), "head.weight": torch.tensor([[1.0, 3.0]])},),
        (
            {
                "conv.weight": torch.tensor([[[[1.0, 0.0, 2.0]]]]),
                "norm.weight": torch.tensor([0.0, 0.5]),
                "norm.bias": torch.tensor([0.0, 1.0]),
                "norm.running_mean": torch.tensor([0.0, 0.0]),
                "norm.num_batches_tracked": torch.tensor(3),
            },
        ),
    ]
    compare(
        answer,
        right=lambda state: share(weights(state)),
        wrong=wrong,
        names=("state",),
        edges=edges,
        inputs=st.tuples(_states()),
    )


@check(
    "Exercise 2, When does a sparse file pay?",
    why="Each weight that is left costs a value and an index, and the row positions cost the same at any density. So the "
    "dense bytes, less the positions, say how many weights CSR has room for.",
)
def break_even_density(answer: Callable) -> None:
    """``break_even_density(rows, columns, value_bytes, index_bytes) -> float``."""

    def density(
        *,
        positions=lambda r, c, v, i: (r + 1) * i,
        each=lambda v, i: v + i,
        dense=lambda r, c, v, i: r * c * v,
        whole=lambda left: left,
    ):
        """The right answer, and what it becomes with other bytes for a part of the matrix."""
        return lambda r, c, v, i: max(0.0, whole((dense(r, c, v, i) - positions(r, c, v, i)) / each(v, i)) / (r * c))

    def below_zero(r, c, v, i):
        return (r * c * v - (r + 1) * i) / ((v + i) * r * c)

    wrong = {
        "You leave out the row positions: rows + 1 indices. In a matrix of few columns they weigh much.": density(
            positions=lambda *_: 0
        ),
        "You leave out the column index that comes with each value.": density(each=lambda v, i: v),
        "You return the share of zeros at break-even. Density is the share that is left.": lambda *args: (
            1 - density()(*args)
        ),
        "You store a row and a column index for each value (COO). CSR stores rows + 1 positions instead.": density(
            positions=lambda *_: 0, each=lambda v, i: v + 2 * i
        ),
        "You count two indices for each value, and the row positions as well. CSR stores one index for each value.": (
            density(each=lambda v, i: v + 2 * i)
        ),
        "You count one position for each column. There is one for each row, and one more.": density(
            positions=lambda r, c, v, i: (c + 1) * i
        ),
        "You count one position for each row. There is one more: where the last row ends.": density(
            positions=lambda r, c, v, i: r * i
        ),
        "You count rows + 1 positions of one byte. Each takes index_bytes.": density(
            positions=lambda r, c, v, i: r + 1
        ),
        "You count one position for each column, and none for the end. There is one for each row, and one more.": density(
            positions=lambda r, c, v, i: c * i
        ),
        "You count rows − 1 positions, one for each border between two rows. There are rows + 1.": density(
            positions=lambda r, c, v, i: (r - 1) * i
        ),
        "You count two positions more than there are rows. There are rows + 1.": density(
            positions=lambda r, c, v, i: (r + 2) * i
        ),
        "You count the rows + 1 row positions twice. They are stored once.": density(
            positions=lambda r, c, v, i: 2 * (r + 1) * i
        ),
        "You count positions for the columns as well. CSR has positions for the rows alone.": (
            density(positions=lambda r, c, v, i: (r + c) * i),
            density(positions=lambda r, c, v, i: (r + c + 1) * i),
            density(positions=lambda r, c, v, i: (r + c + 2) * i),
        ),
        "You take 4 bytes for each value of the dense matrix. Its values take value_bytes, too.": density(
            dense=lambda r, c, v, i: 4 * r * c
        ),
        "You count the values of the dense matrix, and not their bytes: each takes value_bytes.": density(
            dense=lambda r, c, v, i: r * c
        ),
        "You answer 0 wherever an index takes more bytes than a value. CSR can pay there as well, with fewer weights left.": (
            lambda r, c, v, i: 0.0 if i > v else density()(r, c, v, i)
        ),
        "You count a single row position. There are rows + 1 of them.": density(positions=lambda r, c, v, i: i),
        "You take 4 bytes for each row position. Each takes index_bytes.": density(
            positions=lambda r, c, v, i: (r + 1) * 4
        ),
        "You count a value and an index for each row position, or subtract the number of positions for each weight from a "
        "share. A position is one index alone, so it takes index_bytes.": density(
            positions=lambda r, c, v, i: (r + 1) * (v + i)
        ),
        "You price the row positions like values. They take index_bytes each.": density(
            positions=lambda r, c, v, i: (r + 1) * v
        ),
        "You take 4 bytes for each index. Their width is an argument.": lambda r, c, v, i: density()(r, c, v, 4),
        "You take 4 bytes for each value. Their width is an argument.": lambda r, c, v, i: density()(r, c, 4, i),
        "Your answer can be negative. Where CSR is larger even when empty, it is 0.": below_zero,
        "Your answer is the distance from 0 where it would be negative. Where CSR is larger even when empty, it is 0.": (
            lambda *args: abs(below_zero(*args))
        ),
        "You take the width of a value for that of an index, and that of an index for that of a value.": lambda r, c, v, i: (
            density()(r, c, i, v)
        ),
        "You add the row positions to what there is room for. They take room: subtract them.": density(
            positions=lambda r, c, v, i: -(r + 1) * i
        ),
        "Your result is always 0. Do you divide with //, which leaves whole numbers only, or subtract the bytes of all row "
        "positions from a share?": lambda *args: math.floor(density()(*args)),
        "You answer 1 where CSR never pays. There not even an empty matrix is smaller, so no weight may be left: 0.": (
            lambda *args: below_zero(*args) if below_zero(*args) > 0 else 1.0,
            lambda *args: below_zero(*args) if below_zero(*args) >= 0 else 1.0,
        ),
        "You take all row positions from the bytes of one value. Divide them by rows · columns, too.": lambda r, c, v, i: (
            max(0.0, (v - (r + 1) * i) / (v + i))
        ),
        "You leave out the value that comes with each index. CSR stores both for each weight that is left.": (
            density(each=lambda v, i: i),
            lambda r, c, v, i: min(1.0, density(each=lambda v, i: i)(r, c, v, i)),
        ),
        "You divide the bytes that are free by the number of weights alone. Divide them also by the bytes that each weight "
        "takes in CSR.": density(each=lambda v, i: 1),
        "You take v / (v + i), with v and i the bytes of a value and of an index, and subtract the bytes of the row "
        "positions for each weight from it. These have to be divided by v + i as well.": lambda r, c, v, i: max(
            0.0, v / (v + i) - (r + 1) * i / (r * c)
        ),
        "You take one of the two widths in bits and the other in bytes. Both are given in bytes.": (
            lambda r, c, v, i: density()(r, c, v, i / 8),
            lambda r, c, v, i: density()(r, c, v, 8 * i),
        ),
        "You count an index for each weight of the dense matrix, too. Dense stores values alone.": (
            density(dense=lambda r, c, v, i: r * c * (v + i)),
            lambda r, c, v, i: 1 - (r + 1) * i / ((v + i) * r * c),
        ),
        "You answer 0 where there is room for less than one weight. The number of weights that are left need not be "
        "whole: only where even no weight makes CSR larger is the answer 0.": lambda r, c, v, i: (
            density()(r, c, v, i) if v + i + (r + 1) * i <= r * c * v else 0.0
        ),
        "Your formula is that of the bit mask, which takes one bit for each weight. Asked is CSR.": (
            lambda r, c, v, i: 1 - 1 / (8 * v),
            lambda r, c, v, i: 1 / (8 * v),
            lambda r, c, v, i: 1 / (8 * i),
        ),
        "You divide the bytes of a weight in CSR by those of a dense weight. Asked is the share of weights, which is 1 "
        "at most, and the row positions are missing.": lambda r, c, v, i: (v + i) / v,
        "You return a share of zeros, and leave out the row positions. Asked is the share that is left, with the "
        "positions.": lambda r, c, v, i: i / (v + i),
        "You divide the bytes of the two forms with all weights left. Asked is the density at which they are equal.": (
            lambda r, c, v, i: (r * c * (v + i) + (r + 1) * i) / (r * c * v),
            lambda r, c, v, i: r * c * v / (r * c * (v + i) + (r + 1) * i),
        ),
        "Parentheses are missing: * and / come before + and −, so you divide only a part, or by only a part.": (
            lambda r, c, v, i: max(0.0, r * c * v - (r + 1) * i / (v + i) / (r * c)),
            lambda r, c, v, i: max(0.0, (r * c * v - (r + 1) * i) / v + i / (r * c)),
            lambda r, c, v, i: max(0.0, (r * c * v - (r + 1) * i) / (v + i) / r * c),
            lambda r, c, v, i: max(0.0, r * c * v - (r + 1) * i / ((v + i) * r * c)),
        ),
        "You multiply the 1 alone by index_bytes, and not rows + 1: parentheses are missing.": (
            density(positions=lambda r, c, v, i: r + i),
            density(positions=lambda r, c, v, i: r - i),
        ),
        "You divide by the number of rows alone. The share is of all rows · columns weights.": lambda r, c, v, i: (
            density()(r, c, v, i) * c
        ),
        "You return the number of weights that are left. The question is about their share.": lambda r, c, v, i: (
            density()(r, c, v, i) * r * c
        ),
        "You round the number of weights down to a whole one. The sizes are equal at a number that need not be whole.": (
            density(whole=math.floor)
        ),
        "You round the number of weights to a whole one, or up to it. The sizes are equal at a number that need not be "
        "whole.": (density(whole=round), density(whole=math.ceil)),
        "You return percent. Return a share from 0 to 1.": lambda *args: 100 * density()(*args),
    }
    width = st.sampled_from([4, 8, 2, 1])
    compare(
        answer,
        right=density(),
        wrong=wrong,
        names=("rows", "columns", "value_bytes", "index_bytes"),
        atol=1e-12,
        edges=[(300, 784, 4, 8), (300, 784, 4, 4), (2048, 64, 2, 2), (100, 1, 1, 8), (1, 1, 8, 4)],
        inputs=st.tuples(st.integers(1, 30), st.integers(1, 30), width, width),
    )


def _machine(
    fixed=0.0,
    each=0.0,
    *,
    fixed_64=None,
    each_64=None,
    drift=0.0,
    disturbed=False,
    dense=1e-4,
    jitter=0.002,
    quotients=None,
    others=(),
    takes=1.0,
):
    """A made-up machine: seconds of a call, by kernel, density, batch and how many calls came before.

    Args:
        fixed: what a call of the sparse kernel takes with no weight left, as a share of a dense call.
        each: what all weights together would take on top of it, in the same unit.
        fixed_64: the same for a batch of 64; None = as for one image.
        each_64: the same for a batch of 64.
        drift: by which share of the first call each call is slower than the one before.
        disturbed: whether another program takes the processor during one call of twelve.
        dense: seconds of a dense call for one image.
        jitter: of a call, as a share.
        quotients: density -> how many times as long as a dense call a sparse one takes, for one image; None = by `fixed`
            and `each`.
        others: which of five sparse calls at one density differ from the rest, counted from 0.
        takes: how many times as long these calls take.
    """
    counts: Counter = Counter()

    def measure(arm: str, number: int, density: float, batch: int) -> float:
        if number == 0:  # a new experiment
            counts.clear()
        for_64 = batch > 1 and fixed_64 is not None
        sparse = fixed_64 + each_64 * density if for_64 else fixed + each * density
        if quotients and not for_64:
            sparse = quotients[density]
        seconds = dense * batch * (sparse if arm == "sparse" else 1)
        seconds *= 1 + jitter * ((7 * number) % 5 - 2)  # no two calls take quite the same
        seconds *= takes if arm == "sparse" and counts[arm, density, batch] % 5 in others else 1
        counts[arm, density, batch] += 1
        seconds *= 1 + drift * number
        return seconds * (6 if disturbed and number % 12 == 0 else 1)

    return measure


def _of_turns(runs: Sequence[Run], got: str) -> str:
    """Why a conclusion is wrong where the machine gets slower: no turns, or something else."""
    if longest_stretch(runs)[1] > 2:
        return (
            "You run one of the kernels before the other, and the machine gets slower meanwhile. Take turns, dense and sparse, "
            "at each density."
        )
    return (
        "The machine gets slower with each call. Compare the two kernels at the same density and at the same time; with 20 % left "
        "the sparse one then takes a tenth less time, and 5 % are enough."
    )


MACHINES = (
    World(
        "for one image the sparse kernel takes 2.80, 1.30, 0.80 and 0.35 times as long as the dense one, on a quiet machine.",
        "10 %",
        _machine(0.3, 5),
        "Asked is the largest density at which the sparse kernel takes at least 5 % less time than the dense one at the same "
        "density, and not the density at which it is fastest.",
    ),
    World(
        "the fixed cost of a sparse call is higher than the whole dense call: it takes 1.2 times as long even with 1 % left.",
        "never",
        _machine(1.2, 0.5),
        'A sparse call can cost more than it saves at any density. Then return "never", and not the smallest density.',
    ),
    World(
        "for one image the sparse kernel pays with 1 % left only; for 64 images already with 50 %.",
        "1 %",
        _machine(0.4, 8, fixed_64=0.1, each_64=1.2),
        "One image at a time was asked for, so batch=1. A batch of 64 reads each index once for 64 images, and has another answer.",
    ),
    World(
        "the sparse kernel takes 1.38, 0.69, 0.46 and 0.25 times as long, and another program disturbs one call of twelve.",
        "20 %",
        _machine(0.23, 2.3, disturbed=True),
        "A few disturbed calls move a mean or a sum as far as they like. Take a median.",
    ),
    World(
        "the sparse kernel takes 1.20, 0.92, 0.89 and 0.86 times as long, and a dense call takes 10 microseconds.",
        "20 %",
        _machine(dense=1e-5, quotients={0.5: 1.2, 0.2: 0.92, 0.1: 0.89, 0.01: 0.86}),
        "With 20 % left the sparse kernel takes 8 % less time than the dense one. By the card 5 % are enough, however few seconds these are.",
    ),
    World(
        "the sparse kernel takes 1.00, 0.90, 0.87 and 0.84 times as long, and every call takes longer than the one before.",
        "20 %",
        _machine(0.8333, 0.3333, drift=0.01),
        _of_turns,
    ),
    World(
        "the sparse kernel takes 0.97, 0.55, 0.41 and 0.28 times as long.",
        "20 %",
        _machine(0.27, 1.4),
        "With 50 % left it takes 3 % less time than the dense one. By the card that does not pay: it must be at least 5 %.",
    ),
    World(
        "the sparse kernel takes 0.80, 0.38, 0.24 and 0.11 times as long.",
        "50 %",
        _machine(0.1, 1.4),
        "It pays with 50 % of the weights left already. Try each of the four densities, the largest, too.",
    ),
    World(
        "the sparse kernel takes 1.30, 0.80, 1.05 and 1.02 times as long: it has other code for each density.",
        "20 %",
        _machine(quotients={0.5: 1.3, 0.2: 0.8, 0.1: 1.05, 0.01: 1.02}),
        "The sparse kernel need not gain with each weight less. Here it pays with 20 % left, and with 10 % and with 1 % it does not. "
        "Asked is the largest density at which it pays, whatever it does at the smaller ones.",
    ),
    World(
        "for one image the sparse kernel takes 1.30, 0.70, 0.50 and 0.32 times as long; for 64 images it never pays.",
        "20 %",
        _machine(0.3, 2.0, fixed_64=1.2, each_64=1.0),
        "Only the batch of one image counts. For 64 images the sparse kernel never pays here, and nobody asked for that.",
    ),
    World(
        "a sparse call mostly takes 1.25, 0.80, 0.65 and 0.52 times as long as a dense one, and two of five take three times that.",
        "20 %",
        _machine(0.5, 1.5, others=(0, 2), takes=3.0),
        "Two of five sparse calls are slow here, among them the first. By the card the time counts that half of the calls stay below: "
        "no mean of times or of quotients, and not what holds in nearly all rounds.",
    ),
    World(
        "a sparse call mostly takes 1.53, 1.23, 1.13 and 1.04 times as long as a dense one, and two of five take a third of that.",
        "never",
        _machine(1.03, 1.0, others=(1, 3), takes=1 / 3),
        "Two of five sparse calls are quick here, and the other three take longer than a dense one. By the card the time counts that "
        "half of the calls stay below: not the least time, a quarter, a mean or a share of the rounds that are won.",
    ),
    World(
        "a dense call takes 2 milliseconds, and a sparse one 0.9512, 0.9485, 0.9476 and 0.9468 times as long; no call differs from another.",
        "20 %",
        _machine(0.9467, 0.009, dense=2e-3, jitter=0.0),
        "With 50 % left the sparse kernel takes 4.9 % less time than the dense one, with 20 % left 5.2 % less. The 5 % are a share of "
        "the time of the dense kernel, and no number of seconds. Do not round.",
    ),
)


@check(
    "Exercise 1, From where does it pay?",
    why="Turns at each density let drift meet both kernels alike, and the median leaves the disturbed calls out. What is left is "
    "the quotient of the two kernels: for this layer, this batch and this machine, and for no other.",
)
def pays_from(answer: Callable) -> None:
    """``pays_from(seconds) -> "50 %", "20 %", "10 %", "1 %" or "never"``, on made-up machines."""

    def ten_of_each(runs: Sequence[Run]) -> None:
        counts = Counter((run.settings["density"], run.settings["batch"]) for run in runs if run.arm == "dense")
        (density, batch), fewest = min(counts.items(), key=lambda item: item[1])
        if fewest < 10:
            said = f"At density {density:g} and batch {batch:g} each kernel has {fewest} of the ten runs that the check wants."
            raise Mistake(said, TOO_FEW)

    investigate(
        answer,
        MACHINES,
        arms=("dense", "sparse"),
        settings={"density": 0.1, "batch": 1},
        least_runs=10,
        conclusions=("50 %", "20 %", "10 %", "1 %", "never"),
        look=ten_of_each,
        name="seconds",
    )

"""Checks of the lesson `energy`, the energy cost of arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import strategies as st

from course_utils.exercises.core import check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.search import compare
from course_utils.measure.energy import READ_32_BIT_PJ


@check("Exercise 1, Energy of a linear layer")
def linear_energy_pj(answer: Callable) -> None:
    """``linear_energy_pj(n_in, n_out, batch, mul_pj, add_pj) -> float``, in pJ."""

    def energy(*, of_macs=lambda mul, add: mul + add, of_biases=lambda n, m, b, mul, add: b * m * add):
        return lambda n, m, b, mul, add: b * n * m * of_macs(mul, add) + of_biases(n, m, b, mul, add)

    def once(n, m, b, mul, add):
        return m * add

    wrong = {
        "You left out the additions of the biases: one for each output of each input. Or you counted them and took one "
        "addition less for each sum: here a sum starts at zero, with one addition for each weight.": energy(
            of_biases=lambda *_: 0
        ),
        "You count a MAC as one operation, the multiplication. The product is also added: that costs too.": energy(
            of_macs=lambda mul, add: mul
        ),
        "You count only multiplications. Each product is added to a sum, and each bias to a result.": energy(
            of_macs=lambda mul, add: mul, of_biases=lambda *_: 0
        ),
        "You count only additions. Each product needs a multiplication, too.": energy(of_macs=lambda mul, add: add),
        "You price the additions like multiplications. They have a price of their own, add_pj.": energy(
            of_macs=lambda mul, add: 2 * mul, of_biases=lambda n, m, b, mul, add: b * m * mul
        ),
        "You price the additions of the MACs like multiplications. They cost add_pj each.": energy(
            of_macs=lambda mul, add: 2 * mul
        ),
        "You price the additions of the biases like multiplications. They cost add_pj each.": energy(
            of_biases=lambda n, m, b, mul, add: b * m * mul
        ),
        "You add the biases once for the batch. Every input of the batch adds them.": energy(
            of_biases=lambda n, m, b, mul, add: m * add if b else 0
        ),
        "You add the biases once, whatever the batch. Every input adds them, and no input adds none.": energy(
            of_biases=once
        ),
        "You add n_in biases. There is one bias for each output.": energy(
            of_biases=lambda n, m, b, mul, add: b * n * add
        ),
        "You add one bias for each weight. There is one for each output.": energy(
            of_biases=lambda n, m, b, mul, add: b * n * m * add
        ),
        "You count one input only. The energy is that of the whole batch.": lambda n, m, b, mul, add: (
            energy()(n, m, 1, mul, add) if b else 0.0
        ),
        "Your result does not depend on the batch. The energy is that of all its inputs together.": (
            lambda n, m, b, mul, add: energy()(n, m, 1, mul, add)
        ),
    }
    price = numbers(0.25, 4, step=0.25)
    compare(
        answer,
        right=energy(),
        wrong=wrong,
        names=("n_in", "n_out", "batch", "mul_pj", "add_pj"),
        edges=[(784, 300, 1, 3.7, 0.9), (100, 10, 32, 0.2, 0.03), (3, 7, 5, 1.1, 0.4), (784, 300, 0, 3.7, 0.9)],
        inputs=st.tuples(st.integers(1, 50), st.integers(1, 50), st.integers(0, 20), price, price),
    )


def _outputs(side: int, kernel: int, stride: int, padding: int) -> int:
    return (side + 2 * padding - kernel) // stride + 1


@st.composite
def _convolutions(draw: Callable) -> tuple[int, ...]:
    """(c_in, c_out, kernel, side, stride, padding, groups) of a layer that PyTorch would make."""
    groups = draw(st.integers(1, 4))
    c_in, c_out = groups * draw(st.integers(1, 4)), groups * draw(st.integers(1, 4))
    kernel, padding = draw(st.integers(1, 5)), draw(st.integers(0, 2))
    side = draw(st.integers(max(1, kernel - 2 * padding), 12))
    return c_in, c_out, kernel, side, draw(st.integers(1, 3)), padding, groups


@check("Exercise 2, MACs of a convolution")
def conv2d_macs(answer: Callable) -> None:
    """``conv2d_macs(c_in, c_out, kernel, side, stride, padding, groups) -> int``."""

    def macs(
        *,
        filters=lambda co, g: co,
        outputs=lambda side, k, s, p: _outputs(side, k, s, p) ** 2,
        products=lambda ci, k, g: ci // g * k * k,
    ):
        return lambda ci, co, k, side, s=1, p=0, g=1: filters(co, g) * outputs(side, k, s, p) * products(ci, k, g)

    wrong = {
        "Your dot product is the kernel's area only. It runs over the input channels too.": macs(
            products=lambda ci, k, g: k * k
        ),
        "You take the input's size where the output's belongs: there is one dot product for each output element.": macs(
            outputs=lambda side, k, s, p: side**2
        ),
        "You ignore groups: a filter sees only c_in / groups of the input channels.": macs(
            products=lambda ci, k, g: ci * k * k
        ),
        "You divide by groups twice: each filter sees c_in / groups channels, but there are still c_out filters.": macs(
            filters=lambda co, g: co // g
        ),
        "A square kernel has kernel × kernel weights a channel. You count one side of it.": macs(
            products=lambda ci, k, g: ci // g * k
        ),
        "You count the outputs of one row. The output is a square.": macs(outputs=_outputs),
        "You add the padding on one side only. It goes on both sides.": macs(
            outputs=lambda side, k, s, p: ((side + p - k) // s + 1) ** 2
        ),
        "You leave out the padding. It enlarges the image before the kernel slides over it.": macs(
            outputs=lambda side, k, s, p: ((side - k) // s + 1) ** 2
        ),
        "You ignore the stride: a kernel that takes larger steps makes fewer outputs.": macs(
            outputs=lambda side, k, s, p: _outputs(side, k, 1, p) ** 2
        ),
        "The output's side lacks its + 1: a kernel as large as the image still fits once.": macs(
            outputs=lambda side, k, s, p: ((side + 2 * p - k) // s) ** 2
        ),
        "You divide by the stride without rounding down. A kernel that does not fit whole makes no output.": macs(
            outputs=lambda side, k, s, p: ((side + 2 * p - k) / s + 1) ** 2
        ),
        "You round the number of outputs up. A kernel that does not fit whole makes no output.": macs(
            outputs=lambda side, k, s, p: (math.ceil((side + 2 * p - k) / s) + 1) ** 2
        ),
        "You round the number of outputs to the nearest. A kernel that does not fit whole makes no output.": macs(
            outputs=lambda side, k, s, p: (round((side + 2 * p - k) / s) + 1) ** 2
        ),
        "You count one output map. There are c_out of them.": macs(filters=lambda co, g: 1),
        "You count operations. A MAC is one multiplication and one addition together.": macs(
            filters=lambda co, g: 2 * co
        ),
    }
    compare(
        answer,
        right=macs(),
        wrong=wrong,
        rtol=0.0,
        names=("c_in", "c_out", "kernel", "side", "stride", "padding", "groups"),
        edges=[
            (1, 4, 3, 8),  # stride, padding and groups have defaults
            (2, 4, 3, 8, 2),
            (2, 4, 3, 8, 2, 1),
            (1, 4, 3, 8, 1, 1, 1),
            (1, 6, 3, 28, 1, 0, 1),
            (3, 64, 7, 224, 2, 3, 1),
            (32, 32, 3, 56, 1, 1, 32),
            (8, 12, 5, 17, 3, 2, 4),
        ],
        inputs=_convolutions(),
    )


@check("Exercise 3, The batch that pays for the fetch")
def break_even_batch(answer: Callable) -> None:
    """``break_even_batch(n_weights, n_macs, mac_pj, bits) -> int``."""
    dram = READ_32_BIT_PJ["DRAM"]

    def ratio(weights, macs, mac, bits):
        return weights * dram * bits / 32 / (macs * mac)

    def least(of=ratio, whole=math.ceil):
        return lambda *args: max(1, whole(of(*args)))

    wrong = {
        "You round down: at that batch the arithmetic still costs less than the fetch.": least(whole=math.floor),
        "You round down, and your batch can be 0: one input is the least, and at a batch that was rounded down the "
        "arithmetic still costs less than the fetch.": lambda *args: math.floor(ratio(*args)),
        "You round to the nearest: when that is down, the arithmetic still costs less than the fetch.": least(
            whole=round
        ),
        "You assume one MAC for each weight. A convolution uses a weight many times.": least(
            lambda weights, macs, mac, bits: ratio(1, 1, mac, bits)
        ),
        "You have weights and MACs the wrong way round: the fetch is paid for the weights.": least(
            lambda weights, macs, mac, bits: ratio(macs, weights, mac, bits)
        ),
        "You ignore the width: 8-bit weights are a quarter of the bytes of 32-bit ones.": least(
            lambda weights, macs, mac, bits: ratio(weights, macs, mac, 32)
        ),
        "You divide by the width instead of multiplying: fewer bits are fewer bytes, so the fetch gets cheaper.": least(
            lambda weights, macs, mac, bits: ratio(weights, macs, mac, 32 * 32 / bits)
        ),
        "You pay for every bit as for a read. 640 pJ is the price of 32 bits.": least(
            lambda weights, macs, mac, bits: ratio(weights, macs, mac, 32 * bits)
        ),
        "Your batch can be 0. One input is the least that can be computed.": lambda *args: (
            math.ceil(ratio(*args)) if ratio(*args) >= 1 else 0
        ),
        "You return a fraction. A batch size is a whole number: which one is enough?": ratio,
        "You take the next batch even where both sides are equal: 'at least as much' includes equal.": lambda *args: (
            math.floor(ratio(*args)) + 1
        ),
    }
    compare(
        answer,
        right=least(),
        wrong=wrong,
        rtol=0.0,
        names=("n_weights", "n_macs", "mac_pj", "bits"),
        edges=[
            (1000, 1000, 4.0, 32),
            (266_200, 266_200, 4.6, 32),
            (266_200, 266_200, 0.3, 8),
            (59_838, 199_968, 4.6, 32),
            (25_502_912, 4_089_184_256, 4.6, 32),
            (7, 21, 1.5, 16),
            (0, 10, 4.6, 32),  # a layer without weights: no fetch, and still one input
        ],
        inputs=st.tuples(
            st.integers(0, 100), st.integers(1, 1000), numbers(0.25, 8, step=0.25), st.sampled_from([32, 16, 8, 4])
        ),
    )

"""Checks of the lesson `energy`, the energy cost of arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable

from course_utils.exercises.core import check, try_cases
from course_utils.measure.energy import READ_32_BIT_PJ


@check("Exercise 1, Energy of a linear layer")
def linear_energy_pj(answer: Callable) -> None:
    """``linear_energy_pj(n_in, n_out, batch, mul_pj, add_pj) -> float``, in pJ."""

    def right(n_in, n_out, batch, mul, add):
        return batch * n_in * n_out * (mul + add) + batch * n_out * add

    wrong = {
        "You left out the additions of the biases: one for each output of each input. Or you counted them and took one "
        "addition less for each sum: here a sum starts at zero, with one addition for each weight.": lambda n, m, b, mul, add: (
            b * n * m * (mul + add)
        ),
        "You count a MAC as one operation, the multiplication. The product is also added: that costs too.": lambda n, m, b, mul, add: (
            b * n * m * mul + b * m * add
        ),
        "You count only multiplications. Each product is added to a sum, and each bias to a result.": lambda n, m, b, mul, add: (
            b * n * m * mul
        ),
        "You price the additions like multiplications. They have a price of their own, add_pj.": lambda n, m, b, mul, add: (
            2 * b * n * m * mul + b * m * mul
        ),
        "You price the additions of the MACs like multiplications. They cost add_pj each.": lambda n, m, b, mul, add: (
            2 * b * n * m * mul + b * m * add
        ),
        "You add the biases once for the batch. Every input of the batch adds them.": lambda n, m, b, mul, add: (
            b * n * m * (mul + add) + (m * add if b else 0)
        ),
        "You add the biases once, whatever the batch. Every input adds them, and no input adds none.": lambda n, m, b, mul, add: (
            b * n * m * (mul + add) + m * add
        ),
        "You add n_in biases. There is one bias for each output.": lambda n, m, b, mul, add: (
            b * n * m * (mul + add) + b * n * add
        ),
        "You count one input only. The energy is that of the whole batch.": lambda n, m, b, mul, add: (
            n * m * (mul + add) + m * add if b else 0.0
        ),
        "Your result does not depend on the batch. The energy is that of all its inputs together.": lambda n, m, b, mul, add: (
            n * m * (mul + add) + m * add
        ),
    }
    try_cases(
        answer,
        right=right,
        wrong=wrong,
        names=("n_in", "n_out", "batch", "mul_pj", "add_pj"),
        cases=[(784, 300, 1, 3.7, 0.9), (100, 10, 32, 0.2, 0.03), (3, 7, 5, 1.1, 0.4), (784, 300, 0, 3.7, 0.9)],
    )


@check("Exercise 2, MACs of a convolution")
def conv2d_macs(answer: Callable) -> None:
    """``conv2d_macs(c_in, c_out, kernel, side, stride, padding, groups) -> int``."""

    def out(side, kernel, stride, padding):
        return (side + 2 * padding - kernel) // stride + 1

    def right(ci, co, k, side, s=1, p=0, g=1):
        return co * out(side, k, s, p) ** 2 * (ci // g) * k * k

    wrong = {
        "Your dot product is the kernel's area only. It runs over the input channels too.": lambda ci, co, k, side, s=1, p=0, g=1: (
            co * out(side, k, s, p) ** 2 * k * k
        ),
        "You take the input's size where the output's belongs: there is one dot product for each output element.": lambda ci, co, k, side, s=1, p=0, g=1: (
            co * side**2 * (ci // g) * k * k
        ),
        "You ignore groups: a filter sees only c_in / groups of the input channels.": lambda ci, co, k, side, s=1, p=0, g=1: (
            co * out(side, k, s, p) ** 2 * ci * k * k
        ),
        "You divide by groups twice: each filter sees c_in / groups channels, but there are still c_out filters.": lambda ci, co, k, side, s=1, p=0, g=1: (
            (co // g) * out(side, k, s, p) ** 2 * (ci // g) * k * k
        ),
        "You add the padding on one side only. It goes on both sides.": lambda ci, co, k, side, s=1, p=0, g=1: (
            co * ((side + p - k) // s + 1) ** 2 * (ci // g) * k * k
        ),
        "You leave out the padding. It enlarges the image before the kernel slides over it.": lambda ci, co, k, side, s=1, p=0, g=1: (
            co * ((side - k) // s + 1) ** 2 * (ci // g) * k * k
        ),
        "You ignore the stride: a kernel that takes larger steps makes fewer outputs.": lambda ci, co, k, side, s=1, p=0, g=1: (
            co * out(side, k, 1, p) ** 2 * (ci // g) * k * k
        ),
        "The output's side lacks its + 1: a kernel as large as the image still fits once.": lambda ci, co, k, side, s=1, p=0, g=1: (
            co * ((side + 2 * p - k) // s) ** 2 * (ci // g) * k * k
        ),
        "You divide by the stride without rounding down. A kernel that does not fit whole makes no output.": lambda ci, co, k, side, s=1, p=0, g=1: (
            co * ((side + 2 * p - k) / s + 1) ** 2 * (ci // g) * k * k
        ),
        "You count one output map. There are c_out of them.": lambda ci, co, k, side, s=1, p=0, g=1: (
            out(side, k, s, p) ** 2 * (ci // g) * k * k
        ),
        "You count operations. A MAC is one multiplication and one addition together.": lambda ci, co, k, side, s=1, p=0, g=1: (
            2 * right(ci, co, k, side, s, p, g)
        ),
    }
    try_cases(
        answer,
        right=right,
        wrong=wrong,
        names=("c_in", "c_out", "kernel", "side", "stride", "padding", "groups"),
        cases=[
            (1, 4, 3, 8, 1, 1, 1),
            (1, 6, 3, 28, 1, 0, 1),
            (6, 16, 3, 13, 1, 0, 1),
            (3, 64, 7, 224, 2, 3, 1),
            (32, 32, 3, 56, 1, 1, 32),
            (8, 12, 5, 17, 3, 2, 4),
        ],
    )


@check("Exercise 3, The batch that pays for the fetch")
def break_even_batch(answer: Callable) -> None:
    """``break_even_batch(n_weights, n_macs, mac_pj, bits) -> int``."""
    dram = READ_32_BIT_PJ["DRAM"]

    def ratio(weights, macs, mac, bits):
        return weights * dram * bits / 32 / (macs * mac)

    wrong = {
        "You round down: at that batch the arithmetic still costs less than the fetch.": lambda *args: max(
            1, math.floor(ratio(*args))
        ),
        "You round down, and your batch can be 0: one input is the least, and at a batch that was rounded down the "
        "arithmetic still costs less than the fetch.": lambda *args: math.floor(ratio(*args)),
        "You round to the nearest: when that is down, the arithmetic still costs less than the fetch.": lambda *args: (
            max(1, round(ratio(*args)))
        ),
        "You assume one MAC for each weight. A convolution uses a weight many times.": lambda weights, macs, mac, bits: (
            max(1, math.ceil(ratio(1, 1, mac, bits)))
        ),
        "You ignore the width: 8-bit weights are a quarter of the bytes of 32-bit ones.": lambda weights, macs, mac, bits: (
            max(1, math.ceil(ratio(weights, macs, mac, 32)))
        ),
        "You divide by the width instead of multiplying: fewer bits are fewer bytes, so the fetch gets cheaper.": lambda weights, macs, mac, bits: (
            max(1, math.ceil(ratio(weights, macs, mac, 32 * 32 / bits)))
        ),
        "Your batch can be 0. One input is the least that can be computed.": lambda *args: (
            math.ceil(ratio(*args)) if ratio(*args) >= 1 else 0
        ),
        "You return a fraction. A batch size is a whole number: which one is enough?": ratio,
        "You take the next batch even where both sides are equal: 'at least as much' includes equal.": lambda *args: (
            math.floor(ratio(*args)) + 1
        ),
    }
    try_cases(
        answer,
        right=lambda *args: max(1, math.ceil(ratio(*args))),
        wrong=wrong,
        rtol=0.0,
        names=("n_weights", "n_macs", "mac_pj", "bits"),
        cases=[
            (1000, 1000, 4.0, 32),
            (266_200, 266_200, 4.6, 32),
            (266_200, 266_200, 0.3, 8),
            (59_838, 199_968, 4.6, 32),
            (25_502_912, 4_089_184_256, 4.6, 32),
            (7, 21, 1.5, 16),
        ],
    )

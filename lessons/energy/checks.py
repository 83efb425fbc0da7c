"""Checks of the lesson `energy`, the energy cost of arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, median

import numpy as np
from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.investigation import Run, World, comes_out, investigate, listed, told
from course_utils.exercises.search import compare
from course_utils.measure.energy import ADD_PJ, MUL_PJ, READ_32_BIT_PJ


@check(
    "Exercise 1, Energy of a linear layer",
    why="Every weight costs one multiplication and one addition for each input, and every output one addition more, for its "
    "bias. Each kind of operation has its own count and its own price, and the batch multiplies them all.",
)
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
        "You give the inputs a bias as well. There is one bias for each output, and none for an input.": (
            energy(of_biases=lambda n, m, b, mul, add: b * (n + m) * add),
            lambda n, m, b, mul, add: b * (n + 1) * (m + 1) * (mul + add),
            energy(of_biases=lambda n, m, b, mul, add: b * (n + m) * (mul + add)),
        ),
        "You price a bias like a MAC. It is one addition and no multiplication.": energy(
            of_biases=lambda n, m, b, mul, add: b * m * (mul + add)
        ),
        "You add one bias an input. There is one for each output of each input.": energy(
            of_biases=lambda n, m, b, mul, add: b * add
        ),
        "You leave out the biases, and take one addition less for each sum. Here a sum starts at zero: one addition "
        "for each weight, and one for each bias.": energy(of_biases=lambda n, m, b, mul, add: -b * m * add),
        "You count each MAC twice. It is one multiplication, mul_pj, and one addition, add_pj.": energy(
            of_macs=lambda mul, add: 2 * (mul + add)
        ),
        "You add the reading of the weights. The card asks for the arithmetic only.": tuple(
            energy(of_biases=lambda n, m, b, mul, add, read=read, each=each: b * m * add + read * each(n, m, b))
            for read in READ_32_BIT_PJ.values()
            for each in (lambda n, m, b: n * m, lambda n, m, b: b * n * m, lambda n, m, b: n * m + m)
        ),
        "You add n_in and n_out. Each of the n_out results is a sum over all n_in inputs: the weights are n_in · n_out.": (
            lambda n, m, b, mul, add: b * (n + m) * (mul + add) + b * m * add,
            lambda n, m, b, mul, add: b * (n + m) * (mul + add),
        ),
        "You multiply the two prices. A MAC is a multiplication and an addition: add them.": (
            energy(of_macs=lambda mul, add: mul * add),
            lambda n, m, b, mul, add: b * n * m * mul * n * m * add,
        ),
        "You count two additions for a bias. It is one: the sum starts at zero, and the bias is added once.": (
            energy(of_biases=lambda n, m, b, mul, add: 2 * b * m * add),
            energy(of_biases=lambda n, m, b, mul, add: b * m * (mul + 2 * add)),
        ),
        "You add one bias for the layer. There is one for each output of each input.": energy(
            of_biases=lambda n, m, b, mul, add: add
        ),
        "You count the additions of one input only, or its multiplications. Every input of the batch needs both.": (
            lambda n, m, b, mul, add: b * n * m * mul + n * m * add + m * add,
            lambda n, m, b, mul, add: b * n * m * mul + n * m * add + b * m * add,
            lambda n, m, b, mul, add: n * m * mul + b * n * m * add + b * m * add,
        ),
        "You subtract the prices. A MAC is a multiplication and an addition: add them.": energy(
            of_macs=lambda mul, add: mul - add
        ),
        "You take the higher price, or the lower one. A MAC is a multiplication and an addition: add them.": (
            energy(of_macs=max),
            energy(of_macs=min),
        ),
        "Your biases have no price. Each costs an addition, add_pj.": (
            energy(of_biases=lambda n, m, b, mul, add: b * m),
            energy(of_biases=lambda n, m, b, mul, add: m),
            energy(of_biases=lambda n, m, b, mul, add: b),
        ),
        "You multiply the price of a bias by mul_pj. It is one addition, add_pj.": energy(
            of_biases=lambda n, m, b, mul, add: b * m * mul * add
        ),
        "You exchange the two prices. A bias costs an addition, and a MAC a multiplication and an addition.": (
            energy(of_macs=lambda mul, add: add, of_biases=lambda n, m, b, mul, add: b * m * mul),
            lambda n, m, b, mul, add: b * n * m * (mul + add) + b * n * mul,
        ),
        "You take one addition less, for the layer or for each input. Here a sum starts at zero: one addition for each "
        "weight, and one for each bias.": (
            energy(of_biases=lambda n, m, b, mul, add: b * (m - 1) * add),
            energy(of_biases=lambda n, m, b, mul, add: (b * m - 1) * add),
        ),
        "You cut off what is behind the point of the prices. They may be below 1: keep all their digits.": (
            lambda n, m, b, mul, add: b * n * m * int(mul + add) + b * m * int(add),
            lambda n, m, b, mul, add: energy()(n, m, b, int(mul), int(add)),
        ),
        "Brackets are missing: you multiply only one of the two prices by the number of MACs. Write macs * (mul_pj + "
        "add_pj).": (
            lambda n, m, b, mul, add: b * n * m * mul + add + b * m * add,
            lambda n, m, b, mul, add: b * n * m * mul + add,
            lambda n, m, b, mul, add: b * (n * m * mul + add + m * add),
        ),
        "You price a bias like a MAC, and count one for each input of the layer. There is one addition for each output.": (
            energy(of_biases=lambda n, m, b, mul, add: b * n * (mul + add))
        ),
        "You count the MACs once, and not for every input of the batch. A batch shares the fetch of the weights; its "
        "arithmetic is done for every input.": lambda n, m, b, mul, add: n * m * (mul + add) + b * m * add,
        "You multiply by the batch twice. Each input needs its MACs and its biases once.": (
            lambda n, m, b, mul, add: b * b * n * m * (mul + add) + b * m * add,
            lambda n, m, b, mul, add: b * energy()(n, m, b, mul, add),
        ),
        "You take the mean of the two prices for every operation. There are more additions than multiplications: price "
        "each kind by itself.": lambda n, m, b, mul, add: (2 * b * n * m + b * m) * (mul + add) / 2,
        "You add one bias for each weight. There is one for each output.": energy(
            of_biases=lambda n, m, b, mul, add: b * n * m * add
        ),
        "You leave out one input of the batch, as range(1, batch) does. Every one of them costs the same.": (
            lambda n, m, b, mul, add: energy()(n, m, max(0, b - 1), mul, add)
        ),
        "You count two additions for a MAC. It is one: the product is added to the sum.": energy(
            of_macs=lambda mul, add: mul + 2 * add
        ),
        "You take n_in · n_in or n_out · n_out for the number of weights. Each of the n_out results has n_in of them.": (
            lambda n, m, b, mul, add: b * n * n * (mul + add) + b * m * add,
            lambda n, m, b, mul, add: b * m * m * (mul + add) + b * m * add,
        ),
        "You count one input only. The energy is that of the whole batch.": lambda n, m, b, mul, add: (
            energy()(n, m, 1, mul, add) if b else 0.0
        ),
        **{
            f"You round to {what}. Return the energy as it is.": (
                lambda n, m, b, mul, add, digits=digits: round(energy()(n, m, b, mul, add), digits)
            )
            for digits, what in enumerate(["a whole number", "one digit", "two digits", "three digits"])
        },
        "Your result is in joules. Return picojoules.": lambda *args: 1e-12 * energy()(*args),
        "Your result is in nanojoules. Return picojoules.": lambda *args: energy()(*args) / 1000,
        "You share the energy over the batch. A batch shares the fetch of the weights; its arithmetic is done for every "
        "input.": lambda n, m, b, mul, add: energy()(n, m, 1, mul, add) / b if b else 0.0,
        "You take prices of the lesson's list. Take those that your function is given.": lambda n, m, b, *_: energy()(
            n, m, b, MUL_PJ["fp32"], ADD_PJ["fp32"]
        ),
        "You count operations. Each has a price in pJ: mul_pj or add_pj.": lambda n, m, b, *_: energy()(n, m, b, 1, 1),
        "You cut off what is behind the point. Return the energy as it is.": lambda *args: int(energy()(*args)),
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
        edges=[
            (784, 300, 1, 3.7, 0.9),
            (100, 10, 32, 0.2, 0.03),
            (3, 7, 5, 1.1, 0.4),
            (784, 300, 0, 3.7, 0.9),
            (1, 1, 1, 0.07, 0.0071),  # smaller than what rounding leaves
        ],
        inputs=st.tuples(st.integers(1, 50), st.integers(1, 50), st.integers(0, 20), price, price),
    )


HALVES = ("none", "arithmetic", "fetch")
FEWEST_USES, MOST_USES = 1, 1000


def _chip(said: str, right: str, hint: str = "", *, mac: float, fetch: float, other: float = 0.0) -> World:
    """A chip on which a MAC, a fetched weight, and all else that a MAC needs have these prices in pJ.

    Where the better half changes, the hint may be left out: what is missed there are uses on one side of the change.
    """

    def bill(half: str, number: int, uses: float) -> float:
        if not FEWEST_USES <= uses <= MOST_USES:
            raise ValueError(f"uses must lie between {FEWEST_USES} and {MOST_USES:,}, got {uses:g}.")
        own = {"arithmetic": mac, "fetch": fetch / uses}
        return other + sum(price / 2 if name == half else price for name, price in own.items())

    def missed(runs: Sequence[Run]) -> str:
        uses = [run.settings["uses"] for run in runs]
        return (
            f"You look at {min(uses):,g} to {max(uses):,g} uses, and the better half changes at {fetch / mac:,.1f}. Whoever stops on one side of it "
            f"does not see the other: look at both ends, {FEWEST_USES} and {MOST_USES:,}."
        )

    return World(said, right, bill, lambda runs, got: _against_its_runs(runs, got) or hint or missed(runs))


def _against_its_runs(runs: Sequence[Run], got: str) -> str | None:
    """What is wrong with a conclusion that does not follow from the experiment's own runs by the card; None where it does."""
    bills = {(run.arm, run.settings["uses"]): run.result for run in runs}
    whole = {uses: none for (arm, uses), none in sorted(bills.items()) if arm == "none"}
    shares = {  # uses -> what each half saves, as a part of the bill as it is
        uses: {half: 1 - bills[half, uses] / none for half in HALVES[1:]} for uses, none in whole.items()
    }
    better = {uses: max(saved, key=saved.get) for uses, saved in shares.items()}
    best = {uses: shares[uses][better[uses]] for uses in shares}
    most = max(best, key=best.get)
    if best[most] <= 0.05:
        if got == "neither":
            return None
        saves = (
            f"In your own runs no half saves more than {100 * best[most]:.1f} % of the bill of 'none' at the same uses, and by the card "
            "up to 5 % is not worth buying."
        )
        pj = {uses: share * whole[uses] for uses, share in best.items()}
        others = {
            "if the saving is divided by the least of the bills": max(pj.values()) / min(whole.values()) > 0.05,
            "if the saving is divided by the bill that is left": best[most] / (1 - best[most]) > 0.05,
            "if the percentages are rounded up": best[most] > 0.045,
            "of a limit below 5 %, or of none": True,
        }
        return saves + comes_out(got, [rule for rule, says in others.items() if says])
    if got == "neither":
        saved = [whole[uses] * share for uses, share in best.items()]
        ends = list(best.values())
        everywhere = min(ends) > 0.05  # such chips come first: what is wrong there is not named again
        others = {
            "of a limit above 5 %": everywhere,
            "of a mean or a median over the uses": any(
                all(middle([shares[uses][half] for uses in shares]) <= 0.05 for half in HALVES[1:])
                for middle in (fmean, median)
            ),
            "of the least number of uses alone": ends[0] <= 0.05,
            "of the most uses alone": ends[-1] <= 0.05,
            "if every share must be above 5 %, and one is not": min(ends) <= 0.05,
            "if both halves must be worth it": everywhere
            and any(max(shares[uses][half] for uses in shares) <= 0.05 for half in HALVES[1:]),
            "of 5 pJ in place of 5 %": everywhere and max(saved) <= 5,
            "if the savings are divided by the bill at the least uses": max(saved) / max(whole.values()) <= 0.05,
            "if the two halves must differ by more than 5 % of the bill": all(
                abs(shares[uses]["fetch"] - shares[uses]["arithmetic"]) <= 0.05 for uses in shares
            ),
        }
        return (
            f"Where a weight is used {_times(most)}, half the {better[most]} saves {100 * best[most]:.1f} % of the bill of 'none' at the same "
            f"uses. A single share above 5 % is enough, so the answer is not 'neither'. It comes out, for example, "
            f"{listed([rule for rule, says in others.items() if says])}."
        )
    if len(set(better.values())) > 1:
        first, last = list(better)[0], list(better)[-1]
        changes = (
            f"Your own runs say 'depends': where a weight is used {_times(first)} half the {better[first]} saves more, and where it "
            f"is used {_times(last)} half the {better[last]}. A sum or a mean over the uses hides that."
        )
        return None if got == "depends" else changes
    half = better[most]
    if got in HALVES and got != half:
        return f"You name the half that saves less: in each of your runs half the {half} saves more."
    return None


def _times(uses: float) -> str:
    return "once" if uses == 1 else f"{uses:,g} times"


WORTH = (
    "One of two halves is always the better one, also where neither is worth buying. Divide each saving by the bill without it, at "
    "the same uses: the answer is 'neither' exactly if not a single one of these shares is above 5 %."
)
CHIPS = (
    _chip(
        "a MAC costs 4.6 pJ, a fetch 640: up to 139 uses half the fetch saves more, from 140 on half the arithmetic.",
        "depends",
        mac=4.6,
        fetch=640.0,
    ),
    _chip(
        "the weights lie close by: a MAC costs 4.6 pJ, a fetch 0.4.",
        "arithmetic",
        "A fetch is not always the larger part. Here it is cheaper than a MAC even where a weight is used only once, so half the "
        "arithmetic saves more at every number of uses.",
        mac=4.6,
        fetch=0.4,
    ),
    _chip(
        "a MAC costs 0.3 pJ, a fetch 640: the two would be equal at 2,133 uses.",
        "fetch",
        "More uses make the arithmetic's share larger, but not always the larger one. Here the fetch is more than half of the bill "
        "even at 1,000 uses.",
        mac=0.3,
        fetch=640.0,
    ),
    _chip(
        "a MAC costs 4.6 pJ, a fetch 7: already at 2 uses half the arithmetic saves more.",
        "depends",
        mac=4.6,
        fetch=7.0,
    ),
    _chip(
        "a MAC costs 0.4 pJ, a fetch 300: at 750 uses the two are equal.",
        "depends",
        mac=0.4,
        fetch=300.0,
    ),
    _chip(
        "each MAC needs 200 pJ that nobody halves, beside 4.6 for itself and 5 for the fetch.",
        "neither",
        WORTH,
        mac=4.6,
        fetch=5.0,
        other=200.0,
    ),
    _chip(
        "each MAC needs 36.8 pJ that nobody halves, beside 4.6 for itself and 0.4 for the fetch: half the arithmetic saves 5.5 %, "
        "whatever the uses.",
        "arithmetic",
        WORTH,
        mac=4.6,
        fetch=0.4,
        other=36.8,
    ),
    _chip(
        "each MAC needs 38.5 pJ that nobody halves, beside 4.6 for itself and 4.5 for the fetch: the most that half a price "
        "saves is 4.8 % at one use and 5.3 % at 1,000.",
        "arithmetic",
        WORTH,
        mac=4.6,
        fetch=4.5,
        other=38.5,
    ),
    _chip(
        "each MAC needs 43 pJ that nobody halves, beside 4.6 for itself and 0.4 for the fetch: half the arithmetic saves 4.8 %, "
        "whatever the uses.",
        "neither",
        "Half the arithmetic saves 2.3 of 48 pJ here, which is 4.8 %. Divide a saving by the bill of 'none' at the same uses, not "
        "by the bill that is left, and do not round before you compare with 5 %.",
        mac=4.6,
        fetch=0.4,
        other=43.0,
    ),
    _chip(
        "each MAC needs 36.5 pJ that nobody halves, beside 3.9 for itself and 4.3 for the fetch: the most that half a price saves is "
        "4.8 %, at one use and at 1,000.",
        "neither",
        WORTH,
        mac=3.9,
        fetch=4.3,
        other=36.5,
    ),
    _chip(
        "each MAC needs 3,400 pJ that nobody halves, beside 4.6 for itself and 640 for the fetch: half the fetch saves 7.9 % at one "
        "use, and at 1,000 uses no half saves 0.1 %.",
        "depends",
        mac=4.6,
        fetch=640.0,
        other=3400.0,
    ),
    _chip(
        "each MAC needs 78 pJ that nobody halves, beside 8 for itself and 14 for the fetch: half the fetch saves 7 % at one use, and half "
        "the arithmetic 4 %; at 1,000 uses it is 0 and 4.6 %.",
        "depends",
        mac=8.0,
        fetch=14.0,
        other=78.0,
    ),
    _chip(
        "a weight from far away costs 970 times as much as a MAC: up to 970 uses the cheaper fetch is better, and at 1,000 the arithmetic.",
        "depends",
        mac=2.0,
        fetch=1940.0,
    ),
)


def _at_several_uses(runs: Sequence[Run]) -> None:
    if len({run.settings["uses"] for run in runs}) < 2:
        uses = runs[0].settings["uses"]
        raise Mistake(
            f"Your experiment looks at one number of uses, {uses:g}.",
            "That is one network. How much of a bill is the fetch depends on the uses: run all three at several numbers of uses.",
            told(runs, HALVES),
        )


@check(
    "Exercise 2, Which half would you buy?",
    why="What the fetch costs is divided by the uses, and what the arithmetic costs is not. So the order of the two can change "
    "only once between 1 and 1,000 uses, and the two ends show whether it does. The bill without a change is the control: it "
    "tells what a saving is worth.",
)
def which_half(answer: Callable) -> None:
    """``which_half(bill) -> "arithmetic", "fetch", "depends" or "neither"``, on made-up chips."""
    investigate(
        answer,
        CHIPS,
        arms=HALVES,
        settings={"uses": 1},
        conclusions=("arithmetic", "fetch", "depends", "neither"),
        look=_at_several_uses,
        name="bill",
    )


def _outputs(side: int, kernel: int, stride: int, padding: int) -> int:
    return (side + 2 * padding - kernel) // stride + 1


def _inside(side: int, kernel: int, stride: int, padding: int) -> int:
    """The rows of all windows below each other that lie in the image, not in its padding."""
    starts = (place * stride - padding for place in range(_outputs(side, kernel, stride, padding)))
    return sum(0 <= start + row < side for start in starts for row in range(kernel))


@st.composite
def _convolutions(draw: Callable) -> tuple[int, ...]:
    """(c_in, c_out, kernel, side, stride, padding, groups) of a layer that PyTorch would make."""
    groups = draw(st.integers(1, 4))
    c_in, c_out = groups * draw(st.integers(1, 4)), groups * draw(st.integers(1, 4))
    kernel, padding = draw(st.integers(1, 5)), draw(st.integers(0, 2))
    side = draw(st.integers(max(1, kernel - 2 * padding), 12))
    return c_in, c_out, kernel, side, draw(st.integers(1, 3)), padding, groups


@check(
    "Exercise 3, MACs of a convolution",
    why="Each output element is one dot product over the window in the maps that it sees, so outputs times length gives all "
    "MACs. Groups leave the outputs as they are and make each dot product shorter.",
)
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
        "Here your dot product is the kernel's area only. It runs over c_in / groups input maps, too.": macs(
            products=lambda ci, k, g: k * k
        ),
        "You take the input's size where the output's belongs: there is one dot product for each output element.": macs(
            outputs=lambda side, k, s, p: side**2
        ),
        "You ignore groups, or multiply the MACs by them: an output map sees only c_in / groups of the input maps.": macs(
            products=lambda ci, k, g: ci * k * k
        ),
        "You divide by groups twice: each output map sees c_in / groups input maps, but there are still c_out of them.": macs(
            filters=lambda co, g: co // g
        ),
        "A square kernel has kernel × kernel weights for each input map. You count one side.": macs(
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
        "You divide by the stride without rounding down. A kernel that does not fit whole makes no output.": (
            macs(outputs=lambda side, k, s, p: ((side + 2 * p - k) / s + 1) ** 2),
            lambda *args: int(macs(outputs=lambda side, k, s, p: ((side + 2 * p - k) / s + 1) ** 2)(*args)),
        ),
        "You divide only the kernel by the stride: // comes before + and −. Put brackets around side + 2 · padding − kernel.": macs(
            outputs=lambda side, k, s, p: (side + 2 * p - k // s + 1) ** 2
        ),
        "You add the 1 before you divide by the stride. Divide first: the first place of the kernel counts at any stride.": (
            macs(outputs=lambda side, k, s, p: ((side + 2 * p - k + 1) // s) ** 2),
            macs(outputs=lambda side, k, s, p: round((side + 2 * p - k + 1) / s) ** 2),
        ),
        "You pad in one direction. The padding goes on all four sides of the image.": macs(
            outputs=lambda side, k, s, p: _outputs(side, k, s, p) * _outputs(side, k, s, 0)
        ),
        "You choose a padding where none is given. The card gives it, and its default is 0.": (
            macs(outputs=lambda side, k, s, p: _outputs(side, k, s, p or k // 2) ** 2),
            lambda ci, co, k, side, s=1, p=None, g=1: macs()(ci, co, k, side, s, k // 2 if p is None else p, g),
        ),
        "You use the stride in one direction. The kernel takes larger steps in both.": macs(
            outputs=lambda side, k, s, p: _outputs(side, k, s, p) * _outputs(side, k, 1, p)
        ),
        "You divide the MACs of stride 1 by the stride, or by its square. First count the side of the output with the "
        "stride, rounded down; then square it.": (
            lambda ci, co, k, side, s=1, p=0, g=1: macs()(ci, co, k, side, 1, p, g) // s,
            lambda ci, co, k, side, s=1, p=0, g=1: macs()(ci, co, k, side, 1, p, g) // s**2,
        ),
        "You divide by the square of the stride on one side. Divide by the stride, and square the side in the end.": macs(
            outputs=lambda side, k, s, p: ((side + 2 * p - k) // s**2 + 1) ** 2
        ),
        "You use groups in some cases only, where they are as many as the maps, say. They always leave c_in / groups input maps.": (
            lambda ci, co, k, side, s=1, p=0, g=1: macs()(ci, co, k, side, s, p, g if g == ci else 1),
            lambda ci, co, k, side, s=1, p=0, g=1: macs()(ci, co, k, side, s, p, 1 if ci == co else g),
        ),
        "You subtract 2 · (kernel // 2) + 1, which is the kernel only where it is odd: subtract the kernel.": macs(
            outputs=lambda side, k, s, p: ((side + 2 * p - 2 * (k // 2) - 1) // s + 1) ** 2
        ),
        "You leave the kernel out of the output's side. It makes an output only where it fits into the padded image.": macs(
            outputs=lambda side, k, s, p: ((side + 2 * p) // s) ** 2
        ),
        "You multiply by groups. Groups make the work less: each output map sees only c_in / groups maps.": macs(
            products=lambda ci, k, g: ci * k * k * g
        ),
        "With groups you let each output map see one input map. It sees c_in / groups of them.": macs(
            products=lambda ci, k, g: (1 if g > 1 else ci) * k * k
        ),
        "You take one addition off each dot product. A MAC is a product and its addition together: as many as products.": macs(
            products=lambda ci, k, g: ci // g * k * k - 1
        ),
        "You round the number of outputs up. A kernel that does not fit whole makes no output.": macs(
            outputs=lambda side, k, s, p: (math.ceil((side + 2 * p - k) / s) + 1) ** 2
        ),
        "You round the number of outputs to the nearest. A kernel that does not fit whole makes no output.": (
            macs(outputs=lambda side, k, s, p: (round((side + 2 * p - k) / s) + 1) ** 2),
            macs(outputs=lambda side, k, s, p: round((side + 2 * p - k) / s + 1) ** 2),
        ),
        "You take side / stride for the output's side. The kernel's size and the padding count, too.": macs(
            outputs=lambda side, k, s, p: (side // s) ** 2
        ),
        "Your padding is 1 where none is given. It is 0: take the defaults of the card.": lambda ci, co, k, side, s=1, p=1, g=1: (
            macs()(ci, co, k, side, s, p, g)
        ),
        "You subtract the padding. It enlarges the image on both sides: side + 2 · padding.": macs(
            outputs=lambda side, k, s, p: ((side - 2 * p - k) // s + 1) ** 2
        ),
        "Your output's side is 1 too large: the hint's formula has + 1, once.": macs(
            outputs=lambda side, k, s, p: (_outputs(side, k, s, p) + 1) ** 2
        ),
        "You add the padding to the output. It enlarges the image, before you divide by the stride.": (
            macs(outputs=lambda side, k, s, p: (_outputs(side, k, s, 0) + 2 * p) ** 2),
            macs(outputs=lambda side, k, s, p: (_outputs(side, k, s, 0) + p) ** 2),
            macs(outputs=lambda side, k, s, p: ((side - k) // s + 2 * p) ** 2),
        ),
        "You ignore the stride and the padding. The output's side is ⌊(side + 2 · padding − kernel) / stride⌋ + 1.": macs(
            outputs=lambda side, k, s, p: (side - k + 1) ** 2
        ),
        "You take the padded image's size where the output's belongs: there is one dot product for each output element.": (
            macs(outputs=lambda side, k, s, p: (side + 2 * p) ** 2)
        ),
        "You multiply the kernel by the stride. The stride divides the way that the kernel has: (side + 2 · padding − kernel) "
        "/ stride.": macs(outputs=lambda side, k, s, p: ((side + 2 * p - k * s) // s + 1) ** 2),
        "You count operations, with one addition less for each dot product. A MAC is one multiplication and one addition "
        "together.": macs(products=lambda ci, k, g: 2 * (ci // g * k * k) - 1),
        "You add c_in and the kernel's area. The dot product has the whole window in each map: multiply them.": (
            macs(products=lambda ci, k, g: ci // g + k * k)
        ),
        "One side of your output lacks its + 1. The output is a square.": macs(
            outputs=lambda side, k, s, p: _outputs(side, k, s, p) * (_outputs(side, k, s, p) - 1)
        ),
        "You divide the pixels of the image by the stride's square. Count the outputs of one side, ⌊(side + 2 · padding − "
        "kernel) / stride⌋ + 1, and square them.": (
            macs(outputs=lambda side, k, s, p: side**2 / s**2),
            macs(outputs=lambda side, k, s, p: side**2 // s**2),
            lambda ci, co, k, side, s=1, p=0, g=1: co * side**2 * (ci // g) * k * k // s**2,
            macs(outputs=lambda side, k, s, p: (side + 2 * p) ** 2 // s**2),
        ),
        "Your brackets are in the wrong place. The output's side is ⌊(side + 2 · padding − kernel) / stride⌋ + 1.": (
            macs(outputs=lambda side, k, s, p: ((side + 2 * p - k) // (s + 1)) ** 2),
            macs(outputs=lambda side, k, s, p: ((side + 2 * (p - k)) // s + 1) ** 2),
            macs(outputs=lambda side, k, s, p: (2 * (side + p) - k) // s + 1),
            macs(outputs=lambda side, k, s, p: ((2 * (side + p) - k) // s + 1) ** 2),
            macs(outputs=lambda side, k, s, p: ((2 * side + p - k) // s + 1) ** 2),
        ),
        "You choose the padding so that the output is as large as the image, divided by the stride. The card gives the padding.": macs(
            outputs=lambda side, k, s, p: math.ceil(side / s) ** 2
        ),
        "You add the padding twice on each side. It goes on each side once: side + 2 · padding.": macs(
            outputs=lambda side, k, s, p: ((side + 4 * p - k) // s + 1) ** 2
        ),
        "You add c_in and c_out. Each of the c_out output maps sees c_in / groups input maps: multiply them.": (
            lambda ci, co, k, side, s=1, p=0, g=1: (ci + co) * _outputs(side, k, s, p) ** 2 * k * k,
            lambda ci, co, k, side, s=1, p=0, g=1: (ci // g + co) * _outputs(side, k, s, p) ** 2 * k * k,
        ),
        "Your kernel always has 3 × 3 weights. It has kernel × kernel.": macs(products=lambda ci, k, g: ci // g * 9),
        "You take the image's area where the kernel's belongs: an output is a dot product over kernel × kernel places.": (
            lambda ci, co, k, side, s=1, p=0, g=1: co * _outputs(side, k, s, p) ** 2 * (ci // g) * side * side
        ),
        "You add one to each window. A dot product has kernel · kernel products for each map, and no bias.": macs(
            products=lambda ci, k, g: ci // g * (k * k + 1)
        ),
        "You write ^, which is no power in Python: it compares bits. Write ** 2.": (
            lambda ci, co, k, side, s=1, p=0, g=1: co * (ci // g) * k * k * _outputs(side, k, s, p) ^ 2,
            lambda ci, co, k, side, s=1, p=0, g=1: _outputs(side, k, s, p) ^ 2 * co * (ci // g) * k * k,
            macs(outputs=lambda side, k, s, p: _outputs(side, k, s, p) ^ 2),
            macs(products=lambda ci, k, g: ci // g * (k ^ 2)),
        ),
        "Two squares are missing: the output and the kernel have two sides each.": (
            lambda ci, co, k, side, s=1, p=0, g=1: co * _outputs(side, k, s, p) * (ci // g) * k
        ),
        "You square the side and the kernel before you count the outputs. Count those of one side, then square them.": (
            lambda ci, co, k, side, s=1, p=0, g=1: co * ((side**2 + 2 * p - k**2) // s + 1) * (ci // g) * k * k,
            lambda ci, co, k, side, s=1, p=0, g=1: co * (((side + 2 * p) ** 2 - k**2) // s + 1) * (ci // g) * k * k,
        ),
        "You take c_in for the number of output maps. There are c_out of them.": lambda ci, co, k, side, s=1, p=0, g=1: (
            ci * _outputs(side, k, s, p) ** 2 * (ci // g) * k * k
        ),
        "Your result leaves out the kernel's area. The dot product runs over the window's kernel × kernel places, too.": macs(
            products=lambda ci, k, g: ci // g
        ),
        "You count output elements. Each is a dot product of c_in / groups · kernel · kernel MACs.": macs(
            products=lambda ci, k, g: 1
        ),
        "You count each weight once. It is used at every place of the output.": macs(outputs=lambda *_: 1),
        "You leave out the products with padded zeros. By the card they are made, too.": lambda ci, co, k, side, s=1, p=0, g=1: (
            co * (ci // g) * _inside(side, k, s, p) ** 2
        ),
        "You add a bias to each output element. This layer has none.": lambda ci, co, k, side, s=1, p=0, g=1: (
            co * _outputs(side, k, s, p) ** 2 * (ci // g * k * k + 1)
        ),
        "You count one output map. There are c_out of them.": macs(filters=lambda co, g: 1),
        "You count operations. A MAC is one multiplication and one addition together.": macs(
            filters=lambda co, g: 2 * co
        ),
        "You multiply in fp32, which does not have every whole number beyond 2^24. Python's own are exact.": lambda *args: (
            int(np.float32(macs()(*args)))
        ),
        "You multiply in int32, which overflows from 2^31 on. Python's own whole numbers do not.": lambda *args: (
            (macs()(*args) + 2**31) % 2**32 - 2**31
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
            (3, 5, 7, 223),  # odd, and more than 2^24
            (512, 512, 5, 23),  # more than 2^31
            (1, 4, 3, 8, 1, 1),
        ],
        inputs=_convolutions(),
    )

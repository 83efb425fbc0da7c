"""Checks of the lesson `lightning_pruning`: a schedule that ends at the density that was meant, and a rewind that rewinds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real

from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.investigation import Run, World, investigate
from course_utils.exercises.search import compare


@check(
    "Exercise 1, Ninety percent in five prunings",
    why="Each pruning multiplies what is left by the same number q, so q multiplied n times must be 1 - sparsity. That makes q "
    "the n-th root, and each pruning takes 1 - q.",
)
def even_schedule(answer: Callable) -> None:
    """``even_schedule(epochs, sparsity) -> dict[int, float]``."""

    def each(amount: Callable[[int, float], float], *, n=len, keys=lambda epochs: epochs) -> Callable:
        return lambda epochs, sparsity: {epoch: amount(n(epochs), sparsity) for epoch in keys(epochs)}

    def share(n, sparsity):
        return 1 - (1 - sparsity) ** (1 / n)

    def growing(epochs, sparsity):
        return {e: 1 - (1 - sparsity) ** ((i + 1) / len(epochs)) for i, e in enumerate(epochs)}

    def of_the_whole(epochs, sparsity):
        part = sparsity / len(epochs)
        return {epoch: part / (1 - i * part) for i, epoch in enumerate(epochs)}

    wrong = {
        "Your amounts add up to the sparsity. But each counts the weights that are left by then, so they compound: "
        "too many stay.": each(lambda n, sparsity: sparsity / n),
        "You prune the whole share each time. The second pruning takes it from what is left, and so on: too "
        "little stays.": each(lambda n, sparsity: sparsity),
        "You give what each pruning leaves. The amount is what it takes: one minus that.": each(
            lambda n, sparsity: (1 - sparsity) ** (1 / n)
        ),
        "You take the root of the sparsity. What multiplies is the share that is left: take the root of 1 - sparsity.": each(
            lambda n, sparsity: sparsity ** (1 / n)
        ),
        "You take the root of the sparsity, and one minus that. Take the root of the share that is left.": each(
            lambda n, sparsity: 1 - sparsity ** (1 / n)
        ),
        "Your amounts say how much is gone in all by then. Each amount is taken from what is left.": (
            growing,
            lambda epochs, sparsity: {e: sparsity * (i + 1) / len(epochs) for i, e in enumerate(epochs)},
        ),
        "Your amounts are shares of all weights. Each amount is taken from what is left by then, so all are the same.": (
            lambda epochs, sparsity: {
                e: share(len(epochs), sparsity) * (1 - share(len(epochs), sparsity)) ** i for i, e in enumerate(epochs)
            }
        ),
        "You take one pruning more, or one fewer, than there are epochs in the list. Each of them prunes: n is len(epochs).": (
            each(share, n=lambda epochs: len(epochs) + 1),
            each(share, n=lambda epochs: len(epochs) - 1),
            each(share, n=lambda epochs: max(1, len(epochs) - 1)),
        ),
        "You take the number of epochs that are trained for the number of prunings. n is len(epochs).": (
            each(share, n=lambda epochs: epochs[-1]),
            each(share, n=lambda epochs: epochs[-1] + 1),
            each(share, n=lambda epochs: epochs[-1] - epochs[0]),
            each(share, n=lambda epochs: epochs[-1] - epochs[0] + 1),
        ),
        "You divide by n what should be its root: without parentheses ** 1 / n is a division. Write ** (1 / n).": each(
            lambda n, sparsity: 1 - (1 - sparsity) ** 1 / n
        ),
        "You divide with //, and 1 // n is 0 for two prunings or more. The root needs 1 / n.": each(
            lambda n, sparsity: 1 - (1 - sparsity) ** (1 // n)
        ),
        "You divide the logarithm by the number of prunings. That is the logarithm of q, or close to the amount: take exp() of "
        "it, and subtract that from 1.": (
            each(lambda n, sparsity: -math.log(1 - sparsity) / n),
            each(lambda n, sparsity: 1 - math.log(1 - sparsity) / n),
        ),
        "You raise to the power n. n prunings together leave 1 - sparsity, so one leaves the n-th root.": (
            each(lambda n, sparsity: 1 - (1 - sparsity) ** n),
            each(lambda n, sparsity: (1 - sparsity) ** n),
            each(lambda n, sparsity: sparsity**n),
        ),
        "Your keys are one epoch off. PruningSchedule prunes at the end of the epochs that it is given, as they are.": (
            each(share, keys=lambda epochs: [e + 1 for e in epochs]),
            each(share, keys=lambda epochs: [e - 1 for e in epochs]),
        ),
        "One of the epochs is missing. There should be one pruning after each of them.": (
            each(share, keys=lambda epochs: epochs[:-1]),
            each(share, keys=lambda epochs: epochs[1:]),
            each(share, keys=lambda epochs: epochs[:1]),
        ),
        "Your schedule ends at the right density, but not with equal shares: you take equal numbers of weights.": of_the_whole,
        "Only the last epoch prunes. There should be one pruning after each of the epochs.": lambda epochs, sparsity: {
            epochs[-1]: sparsity
        },
        "Your amounts are rounded: another share than the sparsity is gone at the end. Return them as they come.": (
            *[each(lambda n, sparsity, digits=digits: round(share(n, sparsity), digits)) for digits in (1, 2, 3, 4)],
        ),
        "You give percent. An amount is a share from 0 to 1.": each(lambda n, sparsity: 100 * share(n, sparsity)),
        "You count the prunings, 0, 1, 2, … The keys are the epochs that were given.": each(
            share, keys=lambda epochs: range(len(epochs))
        ),
        "You prune after every epoch up to the last one. Only those that were given prune.": (
            each(share, n=lambda epochs: epochs[-1] + 1, keys=lambda epochs: range(epochs[-1] + 1)),
            each(share, keys=lambda epochs: range(epochs[-1] + 1)),
            each(share, keys=lambda epochs: range(epochs[0], epochs[-1] + 1)),
            each(share, keys=lambda epochs: range(epochs[0], epochs[-1])),
        ),
    }
    compare(
        answer,
        right=each(share),
        wrong=wrong,
        names=("epochs", "sparsity"),
        edges=[([7], 0.5), ([19, 39, 59, 79, 99], 0.9), ([0, 3], 0.75), ([2, 4, 8], 0.5)],
        inputs=st.tuples(
            st.lists(st.integers(0, 20), min_size=1, max_size=6, unique=True).map(sorted),
            numbers(1 / 16, 15 / 16, step=1 / 16),
        ),
        rtol=1e-6,
        view=_as_the_callback_takes_it,
    )


def _as_the_callback_takes_it(value: object, epochs: list[int], sparsity: float) -> dict[int, float]:
    """A schedule of whole numbers and floats; what `PruningSchedule` refuses is a mistake."""
    try:
        amounts = dict(value.items())
        keys = [isinstance(key, Integral) and not isinstance(key, bool) for key in amounts]
        shares = [isinstance(amount, Real) for amount in amounts.values()]
        plain = {int(key): float(amount) for key, amount in amounts.items()} if all(keys + shares) else {}
    except Exception:
        raise Mistake("Your function returned no dictionary.", "PruningSchedule wants one: epoch → amount.") from None
    if not all(keys):
        raise Mistake("A key is no whole number.", "PruningSchedule takes only int for an epoch, no text and no float.")
    if not all(shares):
        raise Mistake("An amount is no plain number.", "PruningSchedule takes a float for a share, nothing else.")
    return plain


def _callback(
    back: tuple[float, float, float, float],
    leftover: float = 0.0,
    *,
    sizes: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0),
    stays: bool = False,
):
    """A made-up callback: how far the weights are from the first ones, directly after each of four prunings.

    Args:
        back: for each pruning, which part of the way to the first weights its rewind goes.
        leftover: how far a finished rewind stays away all the same.
        sizes: of the steps before each pruning, beside those of the other callbacks.
        stays: whether a rewind goes to the weights before the first pruning.
    """

    def measure(arm: str, number: int, pruning: int, steps: int) -> float:
        at = min(max(int(pruning), 1), 4) - 1
        trained = 0.001 * sizes[at] * max(steps, 0) * max(int(pruning), 1) ** 0.8
        if arm == "no rewind":
            return trained
        if stays:
            return 0.001 * max(steps, 0)
        part = back[at]
        return max(trained * (1 - part), leftover if steps else 0.0)

    return measure


CALLBACKS = (
    World(
        "each rewind goes back to the first weights, exactly.",
        "always",
        _callback((1, 1, 1, 1)),
        "With steps=0 nothing was trained: both distances are 0, and there is nothing to compare. Let the network train before "
        "each pruning.",
    ),
    World(
        "the first rewind is right; the later ones leave the weights as they were trained.",
        "not always",
        _callback((1, 0, 0, 0)),
        "Where nothing was trained, everybody is at the first weights, and any callback passes. Give steps: what would a missing "
        "rewind look like then?",
    ),
    World(
        "no rewind is done at all.",
        "never",
        _callback((0, 0, 0, 0)),
        'None of the four goes back here. Keep "never" apart from "not always".',
    ),
    World(
        "each rewind goes back, but for 0.0000001 that adding in floating point leaves.",
        "always",
        _callback((1, 1, 1, 1), leftover=1e-7),
        "A distance of 0.0000001 is rounding, beside 0.01 and more without a rewind. Ask whether it is small beside that, and not "
        "whether it is exactly 0.",
    ),
    World(
        "the first two rewinds are right, the third and the fourth are not.",
        "not always",
        _callback((1, 1, 0, 0)),
        "The third rewind is not right here, and the first two are. Ask each of the four.",
    ),
    World(
        "each rewind goes half of the way back.",
        "never",
        _callback((0.5, 0.5, 0.5, 0.5)),
        "Half of the way back is nearer to the first weights, and not at them. The distance must be small beside the one "
        "without a rewind.",
    ),
    World(
        "each rewind goes four fifths of the way back.",
        "never",
        _callback((0.8, 0.8, 0.8, 0.8)),
        "A fifth of the distance is left here, and that is no rounding. Rounding leaves less than a thousandth of the distance without a "
        "rewind.",
    ),
    World(
        "no rewind is done at all, and the training moves the weights by less than 0.0001.",
        "never",
        _callback((0, 0, 0, 0), sizes=(1e-4, 1e-4, 1e-4, 1e-4)),
        "All distances are small here, with and without rewind, and alike. A fixed limit does not tell what is small: compare with the "
        "run without a rewind.",
    ),
    World(
        "each rewind goes back but for 0.005, where the training moves the weights by 10 and more.",
        "always",
        _callback((1, 1, 1, 1), leftover=0.005, sizes=(1e4, 1e4, 1e4, 1e4)),
        "The weights are large here, and so is what rounding leaves of them: 0.005 beside 10 and more. Compare with the run without a "
        "rewind, and not with a fixed limit.",
    ),
    World(
        "the second rewind alone is not done.",
        "not always",
        _callback((1, 0, 1, 1)),
        "Here one rewind in the middle fails, and those before and behind it are right. Ask each of the four.",
    ),
    World(
        "the third rewind alone is not done.",
        "not always",
        _callback((1, 1, 0, 1)),
        "Of the four rewinds the third fails here, and no other. Each of the four counts.",
    ),
    World(
        "the fourth rewind alone is not done, and the training before it is short.",
        "not always",
        _callback((1, 1, 1, 0), sizes=(1.0, 1.0, 1.0, 1e-3)),
        "The last rewind fails here, after a training that moved the weights little. Compare each pruning with the run without "
        "rewind at the same pruning.",
    ),
    World(
        "the first rewind alone is not done, and the training before it is short.",
        "not always",
        _callback((0, 1, 1, 1), sizes=(1e-3, 1.0, 1.0, 1.0)),
        "The first rewind fails here, after a short training, and the three others are right: that is neither never nor always.",
    ),
    World(
        "each rewind goes to the weights before the first pruning, which had been trained.",
        "never",
        _callback((0, 0, 0, 0), stays=True),
        "Here the distance does not grow from one pruning to the next, and yet no rewind reaches the first weights.",
    ),
)


@check(
    "Exercise 2, Does it rewind?",
    why="Without a rewind the distance says how far the training went, so that a distance after a rewind has something to be small "
    "beside. A fault that shows at the second pruning only is found by whoever looks at more than one.",
)
def rewinds(answer: Callable) -> None:
    """``rewinds(distance) -> "always", "not always" or "never"``, for made-up callbacks."""

    def four_prunings(runs: Sequence[Run]) -> None:
        odd = sorted({run.settings["pruning"] for run in runs} - {1, 2, 3, 4})
        if odd:
            raise Mistake(f"There is no pruning number {odd[0]:g}.", "The callback prunes four times: 1, 2, 3 and 4.")
        missing = sorted({1, 2, 3, 4} - {run.settings["pruning"] for run in runs})
        if missing:
            said = f"Your experiment does not look at pruning number {missing[0]}."
            raise Mistake(
                said, "The promise is about each of the four rewinds, and one of them may be the first that fails."
            )

    investigate(
        answer,
        CALLBACKS,
        arms=("rewind", "no rewind"),
        settings={"pruning": 1, "steps": 0},
        conclusions=("always", "not always", "never"),
        look=four_prunings,
        name="distance",
    )

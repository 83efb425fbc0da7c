"""Check of the lesson `lightning_pruning`: a schedule that ends at the density that was meant."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real

from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers
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

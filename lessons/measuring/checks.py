"""The check of the lesson measuring: a race on simulated machines."""

import random
from dataclasses import dataclass
from statistics import median, quantiles

from course_utils.checks import exercise
from course_utils.exercises.mistake import Mistake

UNSTEADY = 0.02  # each time of a call is off by up to this part, either way
VICES = {  # what a machine does -> what to think of
    "as steady as can be": "A speed-up is the time of `a` over that of `b`.",
    "the first ten calls of each function slow": "Warm up, or take so many rounds that slow first ones do not matter.",
    "one call in ten five times as slow": "What may a single bad call move: a mean, the fastest call, a median?",
    "each call 1 % slower than the one before": "Do `a` and `b` take turns all the time?",
    "slow and fast by turns, for seven calls each": "Divide within each round: two medians may come from different times.",
}


@dataclass(frozen=True)
class Machine:
    faster: float  # how many times as fast b is
    vices: tuple

    def __repr__(self):
        return f"(b {self.faster:g} times as fast; {', '.join(self.vices)})"

    def took(self, calls):
        """Seconds of the last of these calls, "a" or "b" each."""
        name, n, chance = calls[-1], len(calls) - 1, random.Random(len(calls))
        warm, disturbed, drift, swings = [vice in self.vices for vice in list(VICES)[1:]]
        time = (1 if name == "a" else 1 / self.faster) * (1 + chance.uniform(-UNSTEADY, UNSTEADY))
        time *= (3 if name == "a" else 9) if warm and calls.count(name) <= 10 else 1
        return (
            time
            * 5 ** (disturbed and chance.random() < 0.1)
            * 1.01 ** (drift * min(n, 2000))
            * 2 ** (swings * n // 7 % 2)
        )


def _typical_speedup(a, b, seconds):
    def race(one, other):
        ratios = []
        for number in range(40):
            if number % 2:
                first, second = seconds(one), seconds(other)
            else:
                second, first = seconds(other), seconds(one)
            ratios.append(first / second)
        return ratios[10:]

    low, _, high = quantiles(race(a, a), n=4)
    return median(race(a, b)), high - low


@exercise(
    "Your own stopwatch",
    of=[_typical_speedup],
    trust="it is handed functions, and calls them",
    why="In a round both calls meet the same machine, so what drifts cancels. A disturbed round is an extreme ratio, and "
    "extremes move neither a median nor the middle half.",
)
def typical_speedup(answer, machine):
    calls, shown = [], []

    def seconds(call):
        before = len(calls)
        call()
        took = [machine.took(calls[: n + 1]) for n in range(before, len(calls))]
        shown.extend(f"{name} {time:.3g}" for name, time in zip(calls[before:], took, strict=True))
        return sum(took)

    speedup, noise = map(float, answer(lambda: calls.append("a"), lambda: calls.append("b"), seconds))
    first = f"Your first calls, in seconds: {', '.join(shown[:8])}." if shown else "`seconds` was never used."
    hint = f"{VICES[machine.vices[-1]]} {first}"
    if not abs(speedup / machine.faster - 1) < 0.05:
        raise Mistake(f"Here `b` is {machine.faster:g} times as fast as `a`, and you find {speedup:.3g}.", hint)
    if not 0.5 * UNSTEADY < noise < 3.5 * UNSTEADY:
        raise Mistake(
            f"The ratios of `a` over itself have an IQR near {1.2 * UNSTEADY}; your noise is {noise:.3g}.", hint
        )
    return {}


_machines = [Machine(faster, (vice,)) for vice in VICES for faster in (1, 5, 0.25)]
typical_speedup.tries(also=[(machine,) for machine in [*_machines, Machine(2, tuple(VICES)[1:])]])

"""The check of the lesson measuring: a race on simulated machines."""

import random
from dataclasses import dataclass
from statistics import median, quantiles

from course_utils.checks import Mistake, exercise

UNSTEADY = 0.02  # each time of a call is off by up to this part, either way
VICES = {  # what a machine does -> what to think of
    "as steady as can be": "The speed-up is the time of `a` over that of `b`, the noise that of `a` over `a`.",
    "the first ten calls of each function slow": "Warm up, or take so many rounds that slow first ones do not matter.",
    "one call in ten five times as slow": "What may a single bad call move: a mean, the fastest call, a median?",
    "each call 1 % slower than the one before": "Do `a` and `b` take turns all the time?",
    "slow and fast by turns, for seven calls each": "Divide within each round: two medians may come from different times.",
}


@dataclass(frozen=True)
class Machine:
    faster: float  # how many times as fast b is
    vice: str

    def __repr__(self):
        return f"(speed-up {self.faster:g}, {self.vice})"

    def took(self, calls):
        """Seconds of the last of these calls, "a" or "b" each."""
        name, n, chance = calls[-1], len(calls) - 1, random.Random(len(calls))
        warm, disturbed, drift, swings = [self.vice == vice for vice in list(VICES)[1:]]
        time = (1 if name == "a" else 1 / self.faster) * (1 + chance.uniform(-UNSTEADY, UNSTEADY))
        time *= (3 if name == "a" else 9) if warm and calls.count(name) <= 10 else 1
        time *= 5 if disturbed and chance.random() < 0.1 else 1
        time *= 1.01 ** min(n, 2000) if drift else 1
        return time * 2 if swings and n // 7 % 2 else time


def _typical_speedup(a, b, seconds):
    def race(one, other):
        return [seconds(one) / seconds(other) for _ in range(40)][10:]

    low, _, high = quantiles(race(a, a), n=4)
    return median(race(a, b)), high - low


@exercise(
    "A stopwatch to repair",
    of=[_typical_speedup],
    why="In a round both calls meet the same machine, so what drifts cancels. A disturbed round is an extreme ratio, and "
    "how extreme it is moves neither a median nor the middle half.",
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
    told = shown if len(shown) < 15 else [*shown[:3], "…", *shown[-10:]]
    hint = f"{VICES[machine.vice]} Your calls and their seconds: {', '.join(told) or 'none by the stopwatch'}."
    if not abs(speedup / machine.faster - 1) < 0.05:
        raise Mistake(f"Here the speed-up is {machine.faster:g}, and you find {speedup:.3g}.", hint)
    if not 0.5 * UNSTEADY < noise < 3.5 * UNSTEADY:
        raise Mistake(f"The IQR of the ratios of `a` over itself is near {1.2 * UNSTEADY}; you give {noise:.3g}.", hint)
    return {}


typical_speedup.tries(also=[(Machine(faster, vice),) for vice in VICES for faster in (1, 5, 0.25)])

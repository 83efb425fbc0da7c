"""The check of the lesson measuring: a race on simulated machines."""

import random
from dataclasses import dataclass
from statistics import median, quantiles

from course_utils.checks import Mistake, exercise

VICES = {  # what a machine does -> what to think of
    "as steady as can be": "The speed-up is the time of `a` over that of `b`, in a typical round.",
    "the first ten calls of each function slow": "Warm up, or take so many rounds that slow first ones do not matter.",
    "one call in ten five times as slow": "What may a single bad call move: a mean, the fastest call, a median?",
    "one call of `a` in ten three times too fast": "What may a single lucky call move: the fastest one, a mean, a median?",
    "each call 0.5 % slower than the one before": "Do `a` and `b` take turns all the time?",
    "slow and fast by turns, for seven calls each": "Divide within each round: two medians may come from different times.",
}
NOISE = "The noise is the distance between the two quartiles of ratios: each is one warm call of `a` over the next call of `a`."


@dataclass(frozen=True)
class Machine:
    faster: float  # how many times as fast b is
    vice: str
    off: tuple  # each time of a call of a, and of b, is off by up to this part, either way

    def __repr__(self):
        return f"(speed-up {self.faster:g}, {self.vice})"

    def took(self, calls):
        """Seconds of the last of these calls, "a" or "b" each."""
        name, n, chance = calls[-1], len(calls) - 1, random.Random(len(calls))
        warm, disturbed, lucky, drift, swings = [self.vice == vice for vice in list(VICES)[1:]]
        off = self.off[name == "b"]
        time = (1 if name == "a" else 1 / self.faster) * (1 + chance.uniform(-off, off))
        time *= (3 if name == "a" else 9) if warm and calls.count(name) <= 10 else 1
        time *= 5 if disturbed and chance.random() < 0.1 else 1
        time /= 3 if lucky and name == "a" and chance.random() < 0.1 else 1
        time *= 1.005 ** min(n, 4000) if drift else 1
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

    found = answer(lambda: calls.append("a"), lambda: calls.append("b"), seconds)
    if not shown:
        raise Mistake(
            "None of your calls was timed with `seconds`.", "Time only with `seconds`: the machine is simulated."
        )
    try:
        speedup, noise = map(float, found)
    except (TypeError, ValueError):
        raise Mistake("Your function does not return two numbers.", "Return the speed-up and the noise.") from None
    told = shown if len(shown) < 15 else [*shown[:3], "…", *shown[-10:]]
    told = f"Your calls and their seconds: {', '.join(told)}."
    if not abs(speedup / machine.faster - 1) < 0.08:
        message = f"Here the speed-up is {machine.faster:g}, and you find {speedup:.3g}."
        raise Mistake(message, f"{VICES[machine.vice]} {told}")
    iqr = 1.2 * machine.off[0]  # of the ratio of two times, both uniformly off
    if not 0.4 * iqr < noise < 2.5 * iqr:
        raise Mistake(
            f"The IQR of the ratios of `a` over itself is near {iqr:.2g}; you give {noise:.3g}.", f"{NOISE} {told}"
        )
    return {}


MACHINES = (1, (0.02, 0.02)), (5, (0.01, 0.07)), (0.25, (0.07, 0.01))
typical_speedup.tries(also=[(Machine(faster, vice, off),) for vice in VICES for faster, off in MACHINES])

"""The check of the lesson measuring: a report on simulated machines."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median, quantiles

import torch

from course_utils import runtime
from course_utils.checks import Mistake, exercise

VICES = {  # what a machine does -> what to think of
    "as steady as can be": "The speed-up is the time of `a` over that of `b`, in a typical round.",
    "the first ten calls of each function slow": "Warm up, or take so many rounds that slow first ones do not matter.",
    "one call in ten five times as slow": "What may a single bad call move: a mean, the fastest call, a median?",
    "one call of `a` in ten three times too fast": "What may a single lucky call move: the fastest one, a mean, a median?",
    "each call 0.5 % slower than the one before": "Do `a` and `b` take turns all the time?",
    "slow and fast by turns, for eleven calls each": "Divide within each round: two medians may come from different times.",
}
SEED = 3000  # with it, means go wrong however the calls are ordered
ENTRIES = "speed-up", "noise", "same answers", "threads"
NOISE = "The noise is the distance between the two quartiles of ratios: each is one warm call of `a` over the next call of `a`."
SAME = {  # whether the answers are the same -> what to think of
    True: "Rounding makes them differ after seven digits. `torch.allclose` lets that pass.",
    False: "Compare the tensors that `a()` and `b()` return.",
}
THREADS = "Ask `torch.get_num_threads()`, and leave their number as it is."


@dataclass(frozen=True)
class Machine:
    faster: float  # how many times as fast b is
    vice: str
    off: tuple  # each time of a call of a, and of b, is off by up to this part, either way
    same: bool  # whether b gives the answers of a
    threads: int

    def __repr__(self):
        other = "the same answers" if self.same else "other answers"
        return f"(speed-up {self.faster:g}, {self.vice}; {other}; threads: {self.threads})"

    def took(self, calls):
        """Seconds of the last of these calls, "a" or "b" each."""
        name, n, chance = calls[-1], len(calls) - 1, random.Random(SEED + len(calls))
        warm, disturbed, lucky, drift, swings = [self.vice == vice for vice in list(VICES)[1:]]
        off = self.off[name == "b"]
        time = (1 if name == "a" else 1 / self.faster) * (1 + chance.uniform(-off, off))
        time *= (3 if name == "a" else 9) if warm and calls.count(name) <= 10 else 1
        time *= 5 if disturbed and chance.random() < 0.1 else 1
        time /= 3 if lucky and name == "a" and chance.random() < 0.1 else 1
        time *= 1.005 ** min(n, 4000) if drift else 1
        return time * 2 if swings and n // 11 % 2 else time

    def answer(self, name):
        """What a call returns: two numbers, those of b rounded otherwise, or others."""
        off = 0 if name == "a" else 1e-6 if self.same else 0.1
        return torch.tensor([[2.0, 1.0 - off]])


def _report(a, b, seconds):
    rounds = []
    for _ in range(20):
        rounds.append([seconds(call) for call in (a, a, b)])
        rounds.append([seconds(call) for call in (b, a, a)][::-1])
    rounds = rounds[10:]
    low, _, high = quantiles([first / again for first, again, _ in rounds], n=4)
    return {
        "speed-up": median(again / other for _, again, other in rounds),
        "noise": high - low,
        "same answers": torch.allclose(a(), b()),
        "threads": torch.get_num_threads(),
    }


@exercise(
    "A stopwatch that reports",
    of=[_report],
    why="In a round both calls meet the same machine, so what drifts cancels. A disturbed round is an extreme ratio, and "
    "how extreme it is moves neither a median nor the middle half.",
)
def report(answer, machine):
    calls, shown = [], []

    def made(name):
        calls.append(name)
        return machine.answer(name)

    def seconds(call):
        before = len(calls)
        call()
        took = [machine.took(calls[: n + 1]) for n in range(before, len(calls))]
        shown.extend(f"{name} {time:.3g}" for name, time in zip(calls[before:], took, strict=True))
        return sum(took)

    with runtime.threads(machine.threads):
        found = answer(lambda: made("a"), lambda: made("b"), seconds)
    if not isinstance(found, Mapping) or any(name not in found for name in ENTRIES):
        lacks = [repr(name) for name in ENTRIES if not isinstance(found, Mapping) or name not in found]
        raise Mistake(
            f"Your report lacks {', '.join(lacks)}.", 'Return a dict: `{"speed-up": ..., "noise": ..., and so on}`.'
        )
    if not shown:
        raise Mistake(
            "None of your calls was timed with `seconds`.", "Time only with `seconds`: the machine is simulated."
        )
    try:
        speedup, noise = float(found["speed-up"]), float(found["noise"])
        same, threads = bool(found["same answers"]), int(found["threads"])
    except (TypeError, ValueError, RuntimeError):
        raise Mistake(
            f"An entry is of another kind: {dict(found)}.",
            '"speed-up" and "noise" are numbers, "same answers" is True or False, and "threads" is a whole number.',
        ) from None
    told = shown if len(shown) < 15 else [*shown[:3], "…", *shown[-10:]]
    told = f"Your calls and their seconds: {', '.join(told)}."
    if not abs(speedup / machine.faster - 1) < 0.08:
        message = f"Here the speed-up is {machine.faster:g}, and you find {speedup:.3g}."
        raise Mistake(message, f"{VICES[machine.vice]} {told}")
    iqr = 1.2 * machine.off[0]  # of the ratio of two times, both uniformly off
    if not 0.4 * iqr < noise < 2 * iqr:
        raise Mistake(
            f"The IQR of the ratios of `a` over itself is near {iqr:.2g}; you give {noise:.3g}.", f"{NOISE} {told}"
        )
    if same != machine.same:
        both = [machine.answer(name).tolist() for name in "ab"]
        raise Mistake(f'`a()` gives {both[0]} and `b()` {both[1]}; your "same answers" is {same}.', SAME[machine.same])
    if threads != machine.threads:
        raise Mistake(f'PyTorch has {machine.threads} here; your "threads" is {threads}.', THREADS)
    return {}


MACHINES = (1, (0.02, 0.02), True, 1), (5, (0.01, 0.07), False, 2), (0.25, (0.07, 0.01), True, 2)
report.tries(also=[(Machine(faster, vice, *more),) for vice in VICES for faster, *more in MACHINES])

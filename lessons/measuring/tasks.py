"""The task of the lesson measuring: a report of a speed-up, from simulated machines."""

import os  # noqa: F401  for a wrong version
import random
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch

from course_utils import check, runtime

page = check.page(globals())


def simulated(answer, faster, habit, off, same, threads):
    """Plays a machine on which b is `faster` times as fast, and each time off by up to a part, of a's and of b's."""
    calls, timed = [], []

    def call(name):
        calls.append(name)
        return torch.tensor([[2.0, 1.0 if name == "a" else 1 - 1e-6 if same else 0.9]])

    def took(n):
        name, chance = calls[n], random.Random(3001 + n)  # with it, means go wrong however the calls are ordered
        part = off[name == "b"]
        time = (1 if name == "a" else 1 / faster) * (1 + chance.uniform(-part, part))
        if habit == "slow at first" and calls[: n + 1].count(name) <= 10:
            time *= 3 if name == "a" else 9
        elif habit == "disturbed" and chance.random() < 0.1:
            time *= 5
        elif habit == "lucky" and name == "a" and chance.random() < 0.1:
            time /= 3
        elif habit == "drifting":
            time *= 1.005 ** min(n, 4000)
        elif habit == "swinging" and n // 11 % 2:
            time *= 2
        return time

    def seconds(call):
        before = len(calls)
        call()
        timed.append(sum(map(took, range(before, len(calls)))))
        return timed[-1]

    with runtime.threads(threads):
        found = answer(lambda: call("a"), lambda: call("b"), seconds)
    if not isinstance(found, Mapping):
        raise check.Mistake(f"Your function should return a dict, and not {check.tell(found)}.")
    if lacking := [name for name in ("speed-up", "noise", "same answers", "threads") if name not in found]:
        raise check.Mistake(f"Your report lacks {' and '.join(lacking)}.")
    if not timed:
        raise check.Mistake(
            "No call was timed with seconds. The machine is simulated, so no other clock knows its times."
        )
    speedup, noise = float(found["speed-up"]), float(found["noise"])
    right = 1.2 * off[0]  # the IQR of the ratio of two times that are both uniformly off
    return {
        "the speed-up": faster if abs(speedup / faster - 1) < 0.08 else speedup,
        "the noise, which may be half or twice as large,": right if 0.4 * right < noise < 2 * right else noise,
        "the report of the same answers": bool(found["same answers"]),
        "the number of threads": int(found["threads"]),
    }


def with_three_candidates_in_a_random_order(a, b, seconds):
    chance, took = random.Random(0), {"a": [], "again": [], "b": []}
    for _ in range(80):
        for name in chance.sample(sorted(took), 3):
            took[name].append(seconds(b if name == "b" else a))
    base, again, other = (np.array(took[name][15:]) for name in ("a", "again", "b"))
    low, high = np.percentile(base / again, [25, 75])
    found = {"speed-up": np.median(base / other), "noise": high - low, "same answers": np.allclose(a(), b())}
    return found | {"threads": torch.get_num_threads(), "rounds": 65}


def always_in_the_same_order_without_a_warm_up(a, b, seconds):
    same = bool((a() - b()).abs().max() < 1e-4)

    def middle(one, other):
        ratios = sorted(seconds(one) / seconds(other) for _ in range(101))
        return ratios[50], ratios[75] - ratios[25]

    found = {"threads": torch.get_num_threads(), "same answers": same, "noise": middle(a, a)[1]}
    return found | {"speed-up": middle(a, b)[0]}


def warm_first_and_through_a_wrapper(a, b, seconds):
    for call in [a, b] * 12:
        call()
    pairs = [[seconds(lambda f=f: f()) for f in (a, b, b, a)] for _ in range(25)]
    speedup = np.median([ratio for one in pairs for ratio in (one[0] / one[1], one[3] / one[2])])
    pairs = [seconds(a) / seconds(a) for _ in range(25)]
    noise = np.subtract(*np.quantile(pairs, [0.75, 0.25]))
    found = [speedup, noise, np.bool_(torch.allclose(a(), b())), torch.get_num_threads()]
    return MappingProxyType(dict(zip(["speed-up", "noise", "same answers", "threads"], found, strict=True)))


MEDIAN = "median(again / other for _, again, other in rounds) -> "
OWN = "[first / again for first, again, _ in rounds] -> "
ALLCLOSE = "torch.allclose(a(), b()) -> "
BLOCKS = (
    "    for _ in range(20):\n -> ",
    "        rounds.append([seconds(call) for call in (a, a, b)])\n -> "
    "    rounds = list(zip(*[[seconds(call) for _ in range(40)] for call in (a, a, b)]))\n",
    "        rounds.append([seconds(call) for call in (b, a, a)][::-1])  # every second round backwards\n -> ",
)
report = page.write(
    "report",
    "A stopwatch that reports",
    cases={
        "a steady machine, b as fast as a": (1, "", (0.02, 0.02), True, 1),
        "a steady machine, b five times as fast, with other answers": (5, "", (0.01, 0.07), False, 2),
        "a steady machine, b takes four times as long": (0.25, "", (0.07, 0.01), True, 3),
        "b five times as fast; the first ten calls of each are slow": (5, "slow at first", (0.01, 0.07), False, 2),
        "b as fast as a; one call in ten takes five times as long": (1, "disturbed", (0.02, 0.02), True, 1),
        "b five times as fast; one call of a in ten is three times too fast": (5, "lucky", (0.01, 0.07), False, 2),
        "b as fast as a; each call takes 0.5 % longer than the one before": (1, "drifting", (0.02, 0.02), True, 1),
        "b as fast as a; slow and fast by turns, eleven calls each": (1, "swinging", (0.02, 0.02), True, 1),
        "b takes four times as long; slow and fast by turns, eleven calls each": (
            0.25,
            "swinging",
            (0.07, 0.01),
            True,
            3,
        ),
    },
    run=simulated,
    wrong={
        "The speed-up is upside down. It's the time of a over that of b.": MEDIAN
        + "median(other / again for _, again, other in rounds)",
        "All calls of one function come before those of the other, so a machine that gets slower makes one look slower. Let them take turns.": [
            BLOCKS,
            (*BLOCKS, MEDIAN + "median(again for _, again, _ in rounds) / median(other for *_, other in rounds)"),
        ],
        "Two medians may come from different times of the machine. Divide within each round, and take the median of the ratios.": (
            MEDIAN + "median(again for _, again, _ in rounds) / median(other for *_, other in rounds)"
        ),
        "A few disturbed calls move a mean. They don't move a median.": [
            MEDIAN + "sum(again / other for _, again, other in rounds) / len(rounds)",
            MEDIAN + "sum(again for _, again, _ in rounds) / sum(other for *_, other in rounds)",
            MEDIAN + "sum(again for _, again, _ in rounds) / 30 / min(other for *_, other in rounds)",
        ],
        "The fastest call may be a lucky one, or come from a faster time of the machine. Take the median of the ratios.": (
            MEDIAN + "min(again for _, again, _ in rounds) / min(other for *_, other in rounds)"
        ),
        "The first ten calls of each function are slow. Leave them out, or take so many rounds that they don't matter.": [
            f"rounds[10:] -> rounds[:{n}]" for n in (1, 5, 10)
        ],
        "The noise is the IQR: the distance between the two quartiles, and not between other places.": [
            (
                "low, _, high = quantiles( -> low, *_, high = sorted(",
                "for first, again, _ in rounds], n=4) -> for first, again, _ in rounds])",
            ),
            ("low, _, high -> low, *_, high", "n=4 -> n=10"),
        ],
        "The noise is that of a over itself: each ratio is one call of a over another call of a.": [
            OWN + "[again / other for _, again, other in rounds]",
            OWN + "[seconds(b) / seconds(b) for _ in rounds]",
        ],
        "The noise is the IQR of ratios, and not of times.": OWN + "[first for first, *_ in rounds]",
        "Compare the numbers that a() and b() return.": [ALLCLOSE + "True", ALLCLOSE + "a().shape == b().shape"],
        "Rounding makes the answers differ after some seven digits. torch.allclose lets that pass.": "allclose -> equal",
        "Ask torch.get_num_threads() how many threads PyTorch uses.": [
            "torch.get_num_threads() -> 1",
            "torch.get_num_threads() -> os.cpu_count()",
        ],
        "": "high - low -> 0.03",
    },
    right=[
        with_three_candidates_in_a_random_order,
        always_in_the_same_order_without_a_warm_up,
        warm_first_and_through_a_wrapper,
    ],
    passed="In a round both calls meet the same machine, so what drifts cancels. A disturbed round is an extreme ratio, and "
    "how extreme it is moves neither a median nor the middle half.",
)

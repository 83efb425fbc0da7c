"""What the tests try on the check of the lesson measuring: odd but right answers, and mistakes that people make."""

import random
from types import MappingProxyType

import numpy as np
import torch


def with_three_candidates_in_a_random_order(a, b, seconds):
    chance, took = random.Random(0), {"a": [], "again": [], "b": []}
    for _ in range(80):
        for name in chance.sample(sorted(took), 3):
            took[name].append(seconds(b if name == "b" else a))
    base, again, other = (np.array(took[name][15:]) for name in ("a", "again", "b"))
    low, high = np.percentile(base / again, [25, 75])
    return {
        "speed-up": np.median(base / other),
        "noise": high - low,
        "same answers": np.allclose(a(), b()),
        "threads": torch.get_num_threads(),
        "rounds": 65,
    }


def always_in_the_same_order_without_a_warm_up(a, b, seconds):
    same = bool((a() - b()).abs().max() < 1e-4)

    def middle(one, other):
        ratios = sorted(seconds(one) / seconds(other) for _ in range(101))
        return ratios[50], ratios[75] - ratios[25]

    return {
        "threads": torch.get_num_threads(),
        "same answers": same,
        "noise": middle(a, a)[1],
        "speed-up": middle(a, b)[0],
    }


def warm_first_and_through_a_wrapper(a, b, seconds):
    for call in [a, b] * 12:
        call()
    pairs = [[seconds(lambda f=f: f()) for f in (a, b, b, a)] for _ in range(25)]
    speedup = np.median([ratio for one in pairs for ratio in (one[0] / one[1], one[3] / one[2])])
    pairs = [seconds(a) / seconds(a) for _ in range(25)]
    noise = np.subtract(*np.quantile(pairs, [0.75, 0.25]))
    found = [speedup, noise, np.bool_(torch.allclose(a(), b())), torch.get_num_threads()]
    return MappingProxyType(dict(zip(["speed-up", "noise", "same answers", "threads"], found, strict=True)))


ODD = {
    "report": [
        with_three_candidates_in_a_random_order,
        always_in_the_same_order_without_a_warm_up,
        warm_first_and_through_a_wrapper,
    ]
}
ROUNDS = (
    "    rounds = []\n    for _ in range(20):\n        rounds.append([seconds(call) for call in (a, a, b)])\n"
    "        rounds.append([seconds(call) for call in (b, a, a)][::-1])  # every second round backwards\n"
    "    rounds = rounds[10:]  # the first ten warm up\n"
)
BLOCKS = (
    "    firsts, agains, others = ([seconds(call) for _ in range(40)] for call in (a, a, b))\n"
    "    rounds = list(zip(firsts, agains, others))[10:]\n"
)
SPEEDUP = "median(again / other for _, again, other in rounds)"
RATIOS = "[first / again for first, again, _ in rounds]"
SPEEDUP_OF = '        "speed-up": '
WRONG = {
    "report": {
        "in blocks": (ROUNDS, BLOCKS),
        "the mean of the ratios": (SPEEDUP, "sum(again / other for _, again, other in rounds) / 30"),
        "a mean over the fastest call": (
            SPEEDUP,
            "sum(again for _, again, _ in rounds) / 30 / min(other for *_, other in rounds)",
        ),
        "upside down": (SPEEDUP, "median(other / again for _, again, other in rounds)"),
        "ten rounds, all of them cold": ("rounds[10:]", "rounds[:10]"),
        "from the slowest to the fastest as noise": (
            "low, _, high = quantiles([first / again for first, again, _ in rounds], n=4)",
            "own = [first / again for first, again, _ in rounds]\n    low, high = min(own), max(own)",
        ),
        "the noise of the race of a and b": (RATIOS, "[again / other for _, again, other in rounds]"),
        "the noise of b": (RATIOS, "[seconds(b) / seconds(b) for _ in rounds]"),
        "the IQR of times, not of ratios": (RATIOS, "[first for first, *_ in rounds]"),
        "a noise that was seen elsewhere": ("high - low", "0.03"),
        "the middle eight tenths as noise": (
            "low, _, high = quantiles(" + RATIOS + ", n=4)",
            "low, *_, high = quantiles(" + RATIOS + ", n=10)",
        ),
        "the fastest call of each": (
            SPEEDUP,
            "min(again for _, again, _ in rounds) / min(other for *_, other in rounds)",
        ),
        "the ratio of two medians": (
            SPEEDUP,
            "median(again for _, again, _ in rounds) / median(other for *_, other in rounds)",
        ),
        "no noise": ('        "noise": high - low,\n', ""),
        "a pair in place of a number": (SPEEDUP_OF + SPEEDUP, SPEEDUP_OF + "(low, high)"),
        "a clock of one's own": (
            ROUNDS,
            "    import time\n\n    def seconds(call):\n        start = time.perf_counter()\n        call()\n"
            "        return time.perf_counter() - start\n\n" + ROUNDS,
        ),
        "answers that are never compared": ("torch.allclose(a(), b())", "True"),
        "answers that are the same to the last bit": ("torch.allclose", "torch.equal"),
        "shapes in place of answers": ("torch.allclose(a(), b())", "a().shape == b().shape"),
        "the threads of the lesson": ("torch.get_num_threads()", "1"),
        "the cores of the machine": ("torch.get_num_threads()", '__import__("os").cpu_count() + 8'),
    }
}
LOOP, LINE = "for _ in range(20):: ", "rounds = rounds[10:]: "
RETURN = (
    "return {'speed-up': median((again / other for _, again, other in rounds)), 'noise': high - low, "
    "'same answers': torch.allclose(a(), b()), 'threads': torch.get_num_threads()}"
)
FREE = "how many rounds there are, and how many of them warm up, is free"
EQUIVALENT = {
    "report": {
        **{LOOP + one: FREE for one in ("20 -> 21", "20 -> 19")},
        **{LINE + one: FREE for one in ("10 -> 11", "10 -> 9")},
        "`[10:]` left out": FREE,
        "`append` left out": FREE,
        "rounds = rounds[10:] dropped": FREE,
        f"{RETURN}: torch.allclose(a(), b()): arguments swapped": "which of the two is called first is free",
    }
}

"""What the tests try on the check of the lesson measuring: odd but right answers, and mistakes that people make."""

import random

import numpy as np


def with_three_candidates_in_a_random_order(a, b, seconds):
    chance, took = random.Random(0), {"a": [], "again": [], "b": []}
    for _ in range(80):
        for name in chance.sample(sorted(took), 3):
            took[name].append(seconds(b if name == "b" else a))
    base, again, other = (np.array(took[name][15:]) for name in ("a", "again", "b"))
    low, high = np.percentile(base / again, [25, 75])
    return [np.median(base / other), high - low]


def always_in_the_same_order_without_a_warm_up(a, b, seconds):
    def middle(one, other):
        ratios = sorted(seconds(one) / seconds(other) for _ in range(101))
        return ratios[50], ratios[75] - ratios[25]

    return middle(a, b)[0], middle(a, a)[1]


def warm_first_and_through_a_wrapper(a, b, seconds):
    for call in [a, b] * 12:
        call()
    pairs = [[seconds(lambda f=f: f()) for f in (a, b, b, a)] for _ in range(25)]
    speedup = np.median([ratio for one in pairs for ratio in (one[0] / one[1], one[3] / one[2])])
    pairs = [seconds(a) / seconds(a) for _ in range(25)]
    return np.array([speedup, np.subtract(*np.quantile(pairs, [0.75, 0.25]))])


ODD = {
    "typical_speedup": [
        with_three_candidates_in_a_random_order,
        always_in_the_same_order_without_a_warm_up,
        warm_first_and_through_a_wrapper,
    ]
}
RACE = "        ratios = []\n        for number in range(40):\n"
TURNS = RACE + (
    "            if number % 2:\n                first, second = seconds(one), seconds(other)\n"
    "            else:\n                second, first = seconds(other), seconds(one)\n"
    "            ratios.append(first / second)\n"
)
BLOCKS = "        firsts = [seconds(one) for _ in range(40)]\n        seconds_ = [seconds(other) for _ in range(40)]\n"
WRONG = {
    "typical_speedup": {
        "in blocks": (TURNS, BLOCKS + "        ratios = [x / y for x, y in zip(firsts, seconds_)]\n"),
        "the mean of the ratios": ("return median(race(a, b))", "return sum(race(a, b)) / 30"),
        "the colleague's own: a mean over the fastest call": (
            "return median(race(a, b))",
            "times_a, times_b = [seconds(a) for _ in range(40)], [seconds(b) for _ in range(40)]\n"
            "    return sum(times_a) / 40 / min(times_b)",
        ),
        "upside down": ("race(a, b)", "race(b, a)"),
        "ten rounds, all of them cold": ("ratios[10:]", "ratios[:10]"),
        "from the slowest to the fastest as noise": (
            "low, _, high = quantiles(race(a, a), n=4)",
            "own = race(a, a)\n    low, high = min(own), max(own)",
        ),
        "the noise of the race of a and b": ("quantiles(race(a, a), n=4)", "quantiles(race(a, b), n=4)"),
        "the noise of b": ("quantiles(race(a, a), n=4)", "quantiles(race(b, b), n=4)"),
        "the IQR of times, not of ratios": (
            "quantiles(race(a, a), n=4)",
            "quantiles([seconds(a) for _ in range(40)], n=4)",
        ),
        "a noise that was seen elsewhere": ("high - low", "0.03"),
        "the middle eight tenths as noise": (
            "low, _, high = quantiles(race(a, a), n=4)",
            "low, *_, high = quantiles(race(a, a), n=10)",
        ),
        "the fastest call of each": (
            "return median(race(a, b))",
            "pairs = [(seconds(a), seconds(b)) for _ in range(40)]\n"
            "    return min(x for x, _ in pairs) / min(y for _, y in pairs)",
        ),
        "no noise": ("return median(race(a, b)), high - low", "return median(race(a, b))"),
        "a clock of one's own": (
            "    def race(one, other):\n",
            "    import time\n\n    def seconds(call):\n        start = time.perf_counter()\n        call()\n"
            "        return time.perf_counter() - start\n\n    def race(one, other):\n",
        ),
        "the ratio of two medians": (
            "return median(race(a, b))",
            "pairs = [(seconds(a), seconds(b)) for _ in range(40)][10:]\n"
            "    return median(x for x, _ in pairs) / median(y for _, y in pairs)",
        ),
    }
}
LINE = "return [seconds(one) / seconds(other) for _ in range(40)][10:]: "
ROUNDS = "how many rounds there are, and how many of them warm up, is free"
EQUIVALENT = {
    "typical_speedup": {
        **{LINE + one: ROUNDS for one in ("40 -> 41", "40 -> 39", "10 -> 11", "10 -> 9")},
        **{f"{n} in place of 40 in the result": ROUNDS for n in (39, 41)},
        **{f"{n} in place of 10 in the result": ROUNDS for n in (0, 5, 9, 11)},
        **{f"{n} doubled in the result": ROUNDS for n in (10, 40)},
        "`[10:]` left out of the result": ROUNDS,
        "the result doubled": "a list that is there twice has the same quartiles",
    }
}

"""The lesson `gptq`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
from statistics import fmean, geometric_mean, median

import numpy as np

WAYS = ("nearest", "gptq", "same levels", "wrong pairs")


def of_draws(rise, summary=fmean, draws=6):
    """Not an answer: way -> a summary of its rises."""
    return {way: summary([rise(way, draw=draw) for draw in range(draws)]) for way in WAYS}


def named(mean, least=0.1, same=0.5, wrong=0.5):
    """Not an answer: the conclusion from four numbers."""
    gain = {way: mean["nearest"] - mean[way] for way in WAYS}
    if gain["gptq"] < least * mean["nearest"]:
        return "nothing"
    if gain["same levels"] < same * gain["gptq"]:
        return "levels"
    return "any change" if gain["wrong pairs"] >= wrong * gain["gptq"] else "pairs"


def without_controls(rise):
    gain = fmean(rise("nearest", draw=d) - rise("gptq", draw=d) for d in range(5))
    return "pairs" if gain > 0 else "nothing"


def one_draw(rise):
    return named({way: rise(way, draw=0) for way in WAYS})


def nearest_once(rise):
    mean = {way: fmean(rise(way, draw=d) for d in range(5)) for way in WAYS[1:]}
    return named({**mean, "nearest": rise("nearest", draw=0)})


def always_pairs(rise):
    of_draws(rise)
    return "pairs"


def levels_not_looked_at(rise):
    mean = of_draws(rise)
    return named({**mean, "same levels": mean["gptq"]})


def pairs_not_looked_at(rise):
    mean = of_draws(rise)
    return named({**mean, "wrong pairs": mean["nearest"]})


def no_question_of_a_gain(rise):
    mean = of_draws(rise)
    gain = {way: mean["nearest"] - mean[way] for way in WAYS}
    if gain["same levels"] < 0.5 * gain["gptq"]:
        return "levels"
    return "any change" if gain["wrong pairs"] >= 0.5 * gain["gptq"] else "pairs"


def a_twentieth(rise):
    return named(of_draws(rise), least=0.045)


def a_little_less_than_a_tenth(rise):
    return named(of_draws(rise), least=0.07)


def a_little_more_than_a_tenth(rise):
    return named(of_draws(rise), least=0.13)


def pairs_first(rise):
    mean = of_draws(rise)
    gain = {way: mean["nearest"] - mean[way] for way in WAYS}
    if gain["gptq"] < 0.1 * mean["nearest"]:
        return "nothing"
    if gain["wrong pairs"] >= 0.5 * gain["gptq"]:
        return "any change"
    return "levels" if gain["same levels"] < 0.5 * gain["gptq"] else "pairs"


def same_levels_must_equal_gptq(rise):
    mean = of_draws(rise)
    gain = {way: mean["nearest"] - mean[way] for way in WAYS}
    if gain["gptq"] >= 0.1 * mean["nearest"] and abs(gain["same levels"] - gain["gptq"]) > 0.25 * gain["gptq"]:
        return "levels"
    return named(mean, same=-9)


def levels_keep_four_tenths(rise):
    return named(of_draws(rise), same=0.4)


def wrong_pairs_need_four_tenths(rise):
    return named(of_draws(rise), wrong=0.4)


def wrong_pairs_need_six_tenths(rise):
    return named(of_draws(rise), wrong=0.6)


def wrong_pairs_need_a_twentieth(rise):
    return named(of_draws(rise), wrong=0.05) if of_draws(rise)["nearest"] < 10 else named(of_draws(rise))


def gains_exchanged(rise):
    mean = of_draws(rise)
    return named({**mean, "same levels": mean["wrong pairs"], "wrong pairs": mean["same levels"]})


def by_medians(rise):
    return named(of_draws(rise, median))


def by_the_worst(rise):
    return named(of_draws(rise, max))


def by_geometric_means(rise):
    return named(of_draws(rise, geometric_mean))


def by_squares(rise):
    return named(of_draws(rise, lambda rises: math.sqrt(fmean(x * x for x in rises))))


def by_squares_of_five(rise):
    return named(of_draws(rise, lambda rises: math.sqrt(fmean(x * x for x in rises)), draws=5))


def median_of_the_nearest(rise):
    mean = of_draws(rise)
    return named({**mean, "nearest": median(rise("nearest", draw=d) for d in range(6))})


def median_of_the_same_levels(rise):
    mean = of_draws(rise)
    return named({**mean, "same levels": median(rise("same levels", draw=d) for d in range(6))})


def median_of_the_wrong_pairs(rise):
    mean = of_draws(rise)
    return named({**mean, "wrong pairs": median(rise("wrong pairs", draw=d) for d in range(6))})


def draw_by_draw(rise):
    votes = [named({way: rise(way, draw=draw) for way in WAYS}) for draw in range(7)]
    return max(set(votes), key=votes.count)


def wrong_pairs_before_all(rise):
    mean = of_draws(rise)
    gain = {way: mean["nearest"] - mean[way] for way in WAYS}
    return "any change" if gain["wrong pairs"] > 1 and gain["wrong pairs"] > gain["gptq"] else named(mean)


def small_rises_are_nothing(rise):
    mean = of_draws(rise)
    return "nothing" if mean["nearest"] < 2 else named(mean)


def wrong_pairs_against_the_same_levels(rise):
    mean = of_draws(rise)
    gain = {way: mean["nearest"] - mean[way] for way in WAYS}
    if gain["gptq"] < 0.1 * mean["nearest"]:
        return "nothing"
    if gain["same levels"] < 0.5 * gain["gptq"]:
        return "levels"
    return "any change" if gain["wrong pairs"] >= 0.5 * gain["same levels"] else "pairs"


def gains_with_the_wrong_sign(rise):
    mean = of_draws(rise)
    return named({way: 2 * mean["nearest"] - mean[way] for way in WAYS})


def rises_compared(rise):
    mean = of_draws(rise)
    if mean["nearest"] - mean["gptq"] < 0.1 * mean["nearest"]:
        return "nothing"
    if mean["same levels"] > 2 * mean["gptq"]:
        return "levels"
    return "any change" if mean["wrong pairs"] <= 2 * mean["gptq"] else "pairs"


def quotients_of_draws(rise):
    draws = [{way: rise(way, draw=draw) for way in WAYS} for draw in range(6)]
    if fmean((d["nearest"] - d["gptq"]) / d["nearest"] for d in draws) < 0.1:
        return "nothing"
    same, wrong = (fmean((d["nearest"] - d[way]) / (d["nearest"] - d["gptq"]) for d in draws) for way in WAYS[2:])
    return "levels" if same < 0.5 else "any change" if wrong >= 0.5 else "pairs"


def stops_when_it_knows(rise):
    mean = {way: fmean(rise(way, draw=draw) for draw in range(5)) for way in WAYS[:3]}
    if named({**mean, "wrong pairs": mean["nearest"]}) == "levels":
        return "levels"
    return named({**mean, "wrong pairs": fmean(rise("wrong pairs", draw=draw) for draw in range(5))})


def with_numpy(rise):
    table = np.array([[rise(way, draw=draw) for draw in range(8)] for way in WAYS])
    gains = (table[0] - table).mean(1)
    if gains[1] < table[0].mean() / 10:
        return "nothing"
    return "levels" if 2 * gains[2] < gains[1] else ("pairs", "any change")[int(2 * gains[3] >= gains[1])]


def draw_after_draw(rise):
    total = dict.fromkeys(WAYS, 0.0)
    for draw in (3, 5, 8, 13, 21, 34):
        for way in reversed(WAYS):
            total[way] += rise(way, draw=draw)
    return named(total)


def levels_before_the_gain(rise):
    found = named(of_draws(rise), least=-math.inf)
    return found if found == "levels" else named(of_draws(rise))


def levels_without_the_sign(rise):
    mean = of_draws(rise)
    return named({**mean, "same levels": mean["nearest"] - abs(mean["nearest"] - mean["same levels"])})


def the_first_three(rise):
    return named(of_draws(rise, lambda draws: fmean(draws[:3])))


def quotients_to_the_nearest(rise):
    each = [{way: rise(way, draw=draw) for way in WAYS} for draw in range(6)]
    return named({way: fmean(one[way] / one["nearest"] for one in each) for way in WAYS})


WRONG = {
    "what_helps": [
        without_controls,
        one_draw,
        nearest_once,
        always_pairs,
        levels_not_looked_at,
        pairs_not_looked_at,
        no_question_of_a_gain,
        a_twentieth,
        a_little_less_than_a_tenth,
        a_little_more_than_a_tenth,
        pairs_first,
        same_levels_must_equal_gptq,
        levels_keep_four_tenths,
        wrong_pairs_need_four_tenths,
        wrong_pairs_need_six_tenths,
        wrong_pairs_need_a_twentieth,
        gains_exchanged,
        by_medians,
        by_the_worst,
        by_geometric_means,
        by_squares,
        by_squares_of_five,
        median_of_the_nearest,
        median_of_the_same_levels,
        median_of_the_wrong_pairs,
        draw_by_draw,
        wrong_pairs_before_all,
        small_rises_are_nothing,
        wrong_pairs_against_the_same_levels,
        gains_with_the_wrong_sign,
        rises_compared,
        quotients_of_draws,
        levels_before_the_gain,
        levels_without_the_sign,
        the_first_three,
        quotients_to_the_nearest,
        stops_when_it_knows,
    ]
}
ODD = {"what_helps": [with_numpy, draw_after_draw]}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
_MEAN = "mean = {way: sum((rise(way, draw=draw) for draw in range(6))) / 6 for way in ways}"
_PAIRS = "gain['wrong pairs'] >= 0.5 * gain['gptq']"
EQUIVALENT = {
    "what_helps": {
        f"{_MEAN}: 6 -> 5": "five draws are enough",
        f"{_MEAN}: 6 -> 7": "how many draws there are is free",
        f"{_MEAN}: sum((rise(way, draw=draw) for draw in range(6))) / 6: Div -> Mult": "a sum in place of a mean, of equally many draws",
        "if gain['gptq'] < 0.1 * mean['nearest']:: gain['gptq'] < 0.1 * mean['nearest']: Lt -> LtE": "no gain is exactly a tenth",
        "if gain['same levels'] < 0.5 * gain['gptq']:: gain['same levels'] < 0.5 * gain['gptq']: Lt -> LtE": "no gain is exactly half of another",
        f"return 'any change' if {_PAIRS} else 'pairs': {_PAIRS}: GtE -> Gt": "no gain is exactly half of another",
    }
}

"""The lesson `measuring`: plausible wrong answers and odd but right ones, as a learner would write them."""

import statistics

import numpy as np
import torch


def blames_the_warm_up():
    return {2, 6, 12}


def blames_taking_turns():
    return {1, 2, 8}


def blames_where_the_clock_is_read():
    return {2, 9, 12}


def misses_the_clock():
    return {2, 12}


def misses_the_mode():
    return {1, 12}


def misses_the_summary():
    return {1, 2}


def as_sorted_list():
    return sorted([12, 2, 1])


def as_keys():
    return {1: "the clock", 2: "the mode", 12: "the summary"}.keys()


def as_array():
    return np.array([1, 2, 12])


def misses_a_wait_for_the_device():
    return {1, 2, 10, 12}


def ratio_of_means(base_seconds, own_seconds):
    return sum(base_seconds) / sum(own_seconds)


def mean_of_ratios(base_seconds, own_seconds):
    return float(np.mean(np.array(base_seconds) / np.array(own_seconds)))


def inverted(base_seconds, own_seconds):
    return statistics.median(o / b for b, o in zip(base_seconds, own_seconds, strict=True))


def ratio_of_medians(base_seconds, own_seconds):
    return statistics.median(base_seconds) / statistics.median(own_seconds)


def with_torch_median(base_seconds, own_seconds):
    return torch.median(torch.tensor(base_seconds) / torch.tensor(own_seconds)).item()


def best_ratio(base_seconds, own_seconds):
    return max(base / own for base, own in zip(base_seconds, own_seconds, strict=True))


def without_the_extremes(base_seconds, own_seconds):
    ratios = sorted(np.array(base_seconds) / np.array(own_seconds))
    middle = ratios[1:-1] if len(ratios) > 2 else ratios
    return float(np.mean(middle))


def time_saved(base_seconds, own_seconds):
    shares = [(b - o) / b for b, o in zip(base_seconds, own_seconds, strict=True)]
    return 1 + statistics.median(shares)


def upside_down_twice(base_seconds, own_seconds):
    return 1 / inverted(base_seconds, own_seconds)


def without_the_first(base_seconds, own_seconds):
    ratios = [b / o for b, o in zip(base_seconds, own_seconds, strict=True)]
    return statistics.median(ratios[1:] or ratios)


def rounded(base_seconds, own_seconds):
    return round(float(with_numpy(base_seconds, own_seconds)), 2)


def median_over_best(base_seconds, own_seconds):
    return statistics.median(base_seconds) / min(own_seconds)


def never_a_loss(base_seconds, own_seconds):
    return max(1.0, float(with_numpy(base_seconds, own_seconds)))


def rounded_down(base_seconds, own_seconds):
    return statistics.median(b // o for b, o in zip(base_seconds, own_seconds, strict=True))


def each_with_each(base_seconds, own_seconds):
    return float(np.median(np.divide.outer(base_seconds, own_seconds)))


def middle_unsorted(base_seconds, own_seconds):
    ratios = [b / o for b, o in zip(base_seconds, own_seconds, strict=True)]
    half = len(ratios) // 2
    return ratios[half] if len(ratios) % 2 else (ratios[half - 1] + ratios[half]) / 2


def root_of_the_middle(base_seconds, own_seconds):
    ratios = sorted(b / o for b, o in zip(base_seconds, own_seconds, strict=True))
    return (ratios[len(ratios) // 2] * ratios[~(len(ratios) // 2)]) ** 0.5


def sorted_for_odd_numbers_only(base_seconds, own_seconds):
    ratios = [b / o for b, o in zip(base_seconds, own_seconds, strict=True)]
    half = len(ratios) // 2
    return sorted(ratios)[half] if len(ratios) % 2 else (ratios[half - 1] + ratios[half]) / 2


def always_two_in_the_middle(base_seconds, own_seconds):
    ratios = sorted(b / o for b, o in zip(base_seconds, own_seconds, strict=True))
    return (ratios[len(ratios) // 2 - 1] + ratios[len(ratios) // 2]) / 2


def longer_over_shorter(base_seconds, own_seconds):
    return statistics.median(max(pair) / min(pair) for pair in zip(base_seconds, own_seconds, strict=True))


def without_three_to_warm_up(base_seconds, own_seconds):
    ratios = [b / o for b, o in zip(base_seconds, own_seconds, strict=True)]
    return statistics.median(ratios[3:] or ratios)


def with_numpy(base_seconds, own_seconds):
    return np.median(np.array(base_seconds) / np.array(own_seconds))


def by_sorting(base_seconds, own_seconds):
    ratios = sorted(base_seconds[i] / own_seconds[i] for i in range(len(base_seconds)))
    half = len(ratios) // 2
    return (ratios[half] + ratios[-half - 1]) / 2


def with_quantile(base_seconds, own_seconds):
    return torch.quantile(torch.tensor(base_seconds) / torch.tensor(own_seconds), 0.5)


def _verdict(ratio):
    return "new" if ratio > 1.05 else "old" if ratio < 0.95 else "no difference"


def _in_turn(seconds, rounds=40):
    times = {"old": [], "new": []}
    for _ in range(rounds):
        for name, own in times.items():
            own.append(seconds(name))
    return times["old"], times["new"]


def race_by_means(seconds):
    old, new = (own[10:] for own in _in_turn(seconds, 60))
    return _verdict(statistics.mean(old) / statistics.mean(new))


def race_by_means_from_the_first_call(seconds):
    old, new = _in_turn(seconds, 20)
    return _verdict(sum(old) / sum(new))


def race_in_blocks(seconds):
    for name in ("old", "new") * 8:
        seconds(name)
    old = statistics.median(seconds("old") for _ in range(30))
    return _verdict(old / statistics.median(seconds("new") for _ in range(30)))


def race_that_believes_the_claim(seconds):
    old, new = _in_turn(seconds)
    return "new" if with_numpy(old, new) > 1.05 else "no difference"


def race_for_any_gain(seconds):
    old, new = _in_turn(seconds, 200)
    ratio = with_numpy(old[20:], new[20:])
    return "new" if ratio > 1.01 else "old" if ratio < 0.95 else "no difference"


def race_of_best_times(seconds):
    old, new = _in_turn(seconds, 100)
    return _verdict(min(old) / min(new))


def race_changing_places(seconds):
    times = {"old": [], "new": []}
    for turn in range(100):
        for name in sorted(times, reverse=bool(turn % 2)):
            times[name].append(seconds(name))
    ratios = np.array(times["old"]) / np.array(times["new"])
    return _verdict(float(np.median(ratios[20:])))


def race_with_trimmed_means(seconds):
    old, new = _in_turn(seconds, 120)
    ratios = sorted(o / n for o, n in zip(old[20:], new[20:], strict=True))
    return _verdict(statistics.mean(ratios[30:-30]))


def race_of_pairs(seconds, rounds=60):
    """Times of both, in turn, changing places, the first ten rounds left out."""
    pairs = []
    for number in range(rounds):
        order = ("old", "new") if number % 2 else ("new", "old")
        took = {name: seconds(name) for name in order}
        pairs.append((took["old"], took["new"]))
    return pairs[10:]


def verdict_of(speedup, limit=0.05):
    return "new" if speedup > 1 + limit else "old" if speedup < 1 - limit else "no difference"


def race_at_ten_per_cent(seconds):
    return verdict_of(statistics.median(old / new for old, new in race_of_pairs(seconds)), limit=0.1)


def race_of_mean_over_best(seconds):
    pairs = race_of_pairs(seconds)
    return verdict_of(sum(old for old, _ in pairs) / len(pairs) / min(new for _, new in pairs))


def _speedups(seconds):
    return [old / new for old, new in race_of_pairs(seconds)]


def race_at_three_per_cent(seconds):
    return verdict_of(statistics.median(_speedups(seconds)), limit=0.03)


def race_with_a_narrow_limit_for_losses(seconds):
    speedup = statistics.median(_speedups(seconds))
    return "new" if speedup > 1.05 else "old" if speedup < 0.97 else "no difference"


def race_for_any_loss(seconds):
    speedup = statistics.median(_speedups(seconds))
    return "new" if speedup > 1.05 else "old" if speedup < 0.99 else "no difference"


def race_with_conclusions_exchanged(seconds):
    return {"new": "old", "old": "new"}.get(race_changing_places(seconds), "no difference")


def race_that_forgets_who_is_ahead(seconds):
    return "new" if abs(statistics.median(_speedups(seconds)) - 1) > 0.05 else "no difference"


def race_of_differences_in_seconds(seconds):
    difference = statistics.median(old - new for old, new in race_of_pairs(seconds))
    return "new" if difference > 0.05 else "old" if difference < -0.05 else "no difference"


def race_of_the_first_pair(seconds):
    return verdict_of(_speedups(seconds)[0])


def race_of_the_last_pair(seconds):
    return verdict_of(_speedups(seconds)[-1])


def race_of_the_middle_pair_unsorted(seconds):
    return verdict_of(_speedups(seconds)[25])


def race_of_mean_speedups(seconds):
    return verdict_of(statistics.mean(_speedups(seconds)))


def race_of_geometric_means(seconds):
    return verdict_of(statistics.geometric_mean(_speedups(seconds)))


def race_of_slowest_calls(seconds):
    pairs = race_of_pairs(seconds, 110)
    return verdict_of(max(old for old, _ in pairs) / max(new for _, new in pairs))


def race_of_median_over_best(seconds):
    pairs = race_of_pairs(seconds, 111)
    return verdict_of(statistics.median(old for old, _ in pairs) / min(new for _, new in pairs))


def race_that_counts_rounds(seconds):
    won = sum(speedup > 1 for speedup in _speedups(seconds))
    return "new" if won > 30 else "old" if won < 20 else "no difference"


def race_in_fours(seconds):
    speedups = []
    for _ in range(50):
        times = {name: statistics.median(seconds(name) for _ in range(4)) for name in ("old", "new")}
        speedups.append(times["old"] / times["new"])
    return verdict_of(statistics.median(speedups))


def race_of_saved_shares(seconds):
    saved = statistics.median((old - new) / old for old, new in race_of_pairs(seconds, 200))
    return verdict_of(1 / (1 - saved))


def race_of_fifteen(seconds):
    return verdict_of(statistics.median(seconds("old") / seconds("new") for _ in range(15)))


def race_with_two_limits(seconds):
    speedup = statistics.median(old / new for old, new in race_of_pairs(seconds))
    return "new" if speedup > 1.05 else "old" if speedup < 0.9 else "no difference"


def race_for_five_per_cent_saved(seconds):
    saved = statistics.median((old - new) / old for old, new in race_of_pairs(seconds))
    return "new" if saved > 0.05 else "old" if saved < -0.05 / 0.95 else "no difference"


def race_with_the_limit_turned_over(seconds):
    speedup = statistics.median(_speedups(seconds))
    return "new" if speedup > 1.05 else "old" if speedup < 1 / 1.05 else "no difference"


def race_in_two_digits(seconds):
    speedup = round(statistics.median(_speedups(seconds)), 2)
    return "new" if speedup >= 1.05 else "old" if speedup <= 0.95 else "no difference"


def race_of_the_lower_quarter(seconds):
    return verdict_of(statistics.quantiles((seconds("old") / seconds("new") for _ in range(50)), n=4)[0])


def race_of_the_upper_quarter(seconds):
    return verdict_of(statistics.quantiles((seconds("old") / seconds("new") for _ in range(50)), n=4)[2])


def race_in_three_rounds_of_four(seconds):
    said = [verdict_of(speedup) for speedup in _speedups(seconds)]
    return next((name for name in ("new", "old") if said.count(name) > 0.75 * len(said)), "no difference")


WRONG = {
    "fair_race": [
        race_for_five_per_cent_saved,
        race_with_the_limit_turned_over,
        race_in_two_digits,
        race_of_the_lower_quarter,
        race_of_the_upper_quarter,
        race_in_three_rounds_of_four,
        race_at_ten_per_cent,
        race_of_mean_over_best,
        race_with_two_limits,
        race_at_three_per_cent,
        race_with_a_narrow_limit_for_losses,
        race_for_any_loss,
        race_with_conclusions_exchanged,
        race_that_forgets_who_is_ahead,
        race_of_differences_in_seconds,
        race_of_the_first_pair,
        race_of_the_last_pair,
        race_of_the_middle_pair_unsorted,
        race_of_mean_speedups,
        race_of_geometric_means,
        race_of_best_times,
        race_of_slowest_calls,
        race_of_median_over_best,
        race_that_counts_rounds,
        race_by_means_from_the_first_call,
        race_in_blocks,
        race_by_means,
        race_that_believes_the_claim,
        race_for_any_gain,
    ],
    "flawed_lines": [
        blames_the_warm_up,
        blames_taking_turns,
        blames_where_the_clock_is_read,
        misses_the_clock,
        misses_the_mode,
        misses_the_summary,
        misses_a_wait_for_the_device,
    ],
    "typical_speedup": [
        ratio_of_means,
        mean_of_ratios,
        inverted,
        ratio_of_medians,
        with_torch_median,
        best_ratio,
        without_the_extremes,
        time_saved,
        upside_down_twice,
        without_the_first,
        rounded,
        median_over_best,
        never_a_loss,
        rounded_down,
        each_with_each,
        middle_unsorted,
        sorted_for_odd_numbers_only,
        always_two_in_the_middle,
        longer_over_shorter,
        without_three_to_warm_up,
        root_of_the_middle,
    ],
}
ODD = {
    "fair_race": [race_changing_places, race_with_trimmed_means, race_in_fours, race_of_saved_shares, race_of_fifteen],
    "flawed_lines": [
        as_sorted_list,
        as_keys,
        as_array,
    ],
    "typical_speedup": [
        with_numpy,
        by_sorting,
        with_quantile,
    ],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "fair_race": {
        "for round_number in range(50):: 50 -> 49": "how many rounds there are is free",
        "for round_number in range(50):: 50 -> 51": "how many rounds there are is free",
        "if speedup > 1.05:: speedup > 1.05: Gt -> GtE": "no machine has a ratio of exactly 1.05",
        "return 'old' if speedup < 0.95 else 'no difference': speedup < 0.95: Lt -> LtE": "nor of exactly 0.95",
        "order = ('old', 'new') if round_number % 2 else ('new', 'old'): 2 -> 1": "always in one order is fair enough here",
        "order = ('old', 'new') if round_number % 2 else ('new', 'old'): 2 -> 3": "the order still changes",
        "order = ('old', 'new') if round_number % 2 else ('new', 'old'): round_number % 2: Mod -> FloorDiv": (
            "nearly always in one order is fair enough here"
        ),
        "speedup = median((base / own for base, own in zip(old, new, strict=True))): True -> False": (
            "the two lists have the same length"
        ),
    },
    "typical_speedup": {
        "return median((base / own for base, own in zip(base_seconds, own_seconds, strict=True))): True -> False": (
            "the two lists have the same length"
        ),
    },
}

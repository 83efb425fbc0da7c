"""The lesson `real_model`: plausible wrong answers and odd but right ones, as a learner would write them."""

from statistics import fmean, median

import numpy as np

ARMS = ("as it is", "half the bytes", "twice the operations")


def of_runs(ms, summary=min, seeds=5):
    """Not an answer: arm -> a summary of its times."""
    return {arm: summary([ms(arm, seed=seed) for seed in range(seeds)]) for arm in ARMS}


def named(time, help_below=0.75, cost_above=1.25):
    """Not an answer: the conclusion from three times."""
    helps = time["half the bytes"] < help_below * time["as it is"]
    costs = time["twice the operations"] > cost_above * time["as it is"]
    return {(True, True): "both", (True, False): "bytes", (False, True): "operations", (False, False): "neither"}[
        helps, costs
    ]


def without_the_operations(ms):
    time = {arm: min(ms(arm, seed=seed) for seed in range(5)) for arm in ARMS[:2]}
    return "bytes" if time["half the bytes"] < 0.75 * time["as it is"] else "operations"


def one_run(ms):
    return named({arm: ms(arm) for arm in ARMS})


def as_it_is_once(ms):
    time = {arm: min(ms(arm, seed=seed) for seed in range(5)) for arm in ARMS[1:]}
    return named({**time, "as it is": ms("as it is", seed=0)})


def always_bytes(ms):
    of_runs(ms)
    return "bytes"


def no_question_of_the_operations(ms):
    time = of_runs(ms, seeds=6)
    return "bytes" if time["half the bytes"] < 0.75 * time["as it is"] else "neither"


def no_question_of_the_bytes(ms):
    time = of_runs(ms, seeds=6)
    return "operations" if time["twice the operations"] > 1.25 * time["as it is"] else "neither"


def exchanged(ms):
    right = named(of_runs(ms, seeds=7))
    return {"bytes": "operations", "operations": "bytes"}.get(right, right)


def never_both(ms):
    right = named(of_runs(ms, seeds=8))
    return "bytes" if right == "both" else right


def never_both_but_operations(ms):
    right = named(of_runs(ms, seeds=9))
    return "operations" if right == "both" else right


def never_neither(ms):
    right = named(of_runs(ms, seeds=10))
    return "bytes" if right == "neither" else right


def by_milliseconds(ms):
    time = of_runs(ms, seeds=11)
    helps = time["as it is"] - time["half the bytes"] > -1
    costs = time["twice the operations"] - time["as it is"] > 2.5
    return ("both" if costs else "bytes") if helps else ("operations" if costs else "neither")


def the_larger_effect(ms):
    time = of_runs(ms, seeds=12)
    gain = 1 - time["half the bytes"] / time["as it is"]
    loss = time["twice the operations"] / time["as it is"] - 1
    return "bytes" if gain > loss else "operations"


def a_half_of_the_time(ms):
    return named(of_runs(ms, seeds=13), help_below=0.7)


def three_fifths_of_the_time(ms):
    return named(of_runs(ms, seeds=14), help_below=0.6)


def any_gain(ms):
    return named(of_runs(ms, seeds=15), help_below=1)


def a_fifth_is_enough(ms):
    return named(of_runs(ms, seeds=16), help_below=0.8)


def half_as_much_again(ms):
    return named(of_runs(ms, seeds=17), cost_above=1.45)


def a_fifth_costs(ms):
    return named(of_runs(ms, seeds=18), cost_above=1.2)


def twice_the_time(ms):
    return named(of_runs(ms, seeds=19), cost_above=1.9)


def any_loss(ms):
    return named(of_runs(ms, seeds=20), cost_above=1)


def by_means(ms):
    return named(of_runs(ms, fmean, seeds=21))


def by_medians(ms):
    return named(of_runs(ms, median, seeds=22))


def by_the_longest(ms):
    return named(of_runs(ms, max, seeds=23))


def by_the_first(ms):
    return named(of_runs(ms, lambda times: times[0], seeds=24))


def by_the_second(ms):
    return named(of_runs(ms, lambda times: times[1], seeds=25))


def by_the_third(ms):
    return named(of_runs(ms, lambda times: times[2], seeds=26))


def without_the_slowest(ms):
    return named(of_runs(ms, lambda times: sorted(times)[-2], seeds=27))


def without_the_first(ms):
    return named(of_runs(ms, lambda times: min(times[1:]), seeds=30))


def upside_down(ms):
    time = of_runs(ms, seeds=31)
    return named({arm: time["as it is"] / time[arm] for arm in ARMS})


def as_it_is_by_the_median(ms):
    least, other = of_runs(ms, seeds=28), of_runs(ms, median, seeds=28)
    return named({**least, "as it is": other["as it is"]})


def mean_quotients(ms):
    each = [{arm: ms(arm, seed=seed) for arm in ARMS} for seed in range(29)]
    quotient = {arm: fmean(run[arm] / run["as it is"] for run in each) for arm in ARMS}
    return named(quotient)


def in_other_words(ms):
    right = named(of_runs(ms, seeds=6))
    return {"bytes": "memory", "operations": "arithmetic"}.get(right, right)


def by_numpy(ms):
    least = np.array([[ms(arm, seed=seed) for seed in range(8)] for arm in ARMS]).min(1)
    helps, costs = least[1] / least[0] < 0.75, least[2] / least[0] > 1.25
    return str(np.array([["neither", "operations"], ["bytes", "both"]])[int(helps), int(costs)])


def in_turn(ms):
    best = dict.fromkeys(ARMS, float("inf"))
    for seed in range(100, 106):
        for arm in reversed(ARMS):
            best[arm] = min(best[arm], ms(arm, seed=seed))
    answer = []
    if best["half the bytes"] / best["as it is"] < 3 / 4:
        answer.append("bytes")
    if best["twice the operations"] / best["as it is"] > 5 / 4:
        answer.append("operations")
    return "both" if len(answer) == 2 else (answer or ["neither"])[0]


def table_always_read(stored, table, rows, tied, kv, length, size):
    return (stored + kv * length) * size


def table_never_read(stored, table, rows, tied, kv, length, size):
    return (stored - table + table // rows + kv * length) * size if length else stored * size


def tied_exchanged(stored, table, rows, tied, kv, length, size):
    weights = stored - table + table // rows if tied and length else stored
    return (weights + kv * length) * size


def no_row(stored, table, rows, tied, kv, length, size):
    return ((stored if tied else stored - table) + kv * length) * size


def a_row_of_rows(stored, table, rows, tied, kv, length, size):
    return ((stored if tied else stored - table + rows) + kv * length) * size


def row_twice(stored, table, rows, tied, kv, length, size):
    row = table // rows if length or not tied else 0
    return ((stored if tied else stored - table) + row + kv * length) * size


def head_twice(stored, table, rows, tied, kv, length, size):
    weights = stored + (table if length else 0) if tied else stored - table + table // rows
    return (weights + kv * length) * size


def no_cache(stored, table, rows, tied, kv, length, size):
    return (stored if tied else stored - table + table // rows) * size


def one_token_of_cache(stored, table, rows, tied, kv, length, size):
    return ((stored if tied else stored - table + table // rows) + (kv if length else 0)) * size


def the_new_one_too(stored, table, rows, tied, kv, length, size):
    return ((stored if tied else stored - table + table // rows) + (kv * (length + 1) if length else 0)) * size


def one_too_few(stored, table, rows, tied, kv, length, size):
    return ((stored if tied else stored - table + table // rows) + kv * max(0, length - 1)) * size


def keys_and_values_again(stored, table, rows, tied, kv, length, size):
    return ((stored if tied else stored - table + table // rows) + 2 * kv * length) * size


def in_numbers(stored, table, rows, tied, kv, length, size):
    return (stored if tied else stored - table + table // rows) + kv * length


def cache_in_numbers(stored, table, rows, tied, kv, length, size):
    return (stored if tied else stored - table + table // rows) * size + kv * length


def weights_for_each(stored, table, rows, tied, kv, length, size):
    weights = stored if tied else stored - table + table // rows
    return (weights * max(1, length) + kv * length) * size


def a_row_for_each_token(stored, table, rows, tied, kv, length, size):
    weights = stored if tied else stored - table + table // rows * (length + 1)
    return (weights + kv * length) * size


def the_head_besides(stored, table, rows, tied, kv, length, size):
    return (stored if tied else stored + table // rows) * size + kv * length * size


def without_the_row_that_is_read(stored, table, rows, tied, kv, length, size):
    return ((stored if tied else stored - table // rows) + kv * length) * size


def all_passes(stored, table, rows, tied, kv, length, size):
    weights = stored if tied else stored - table + table // rows
    return sum((weights + kv * before) * size for before in range(length + 1))


def a_cache_for_each_row(stored, table, rows, tied, kv, length, size):
    return ((stored if tied else stored - table + table // rows) + kv * rows * length) * size


def by_subtraction(stored, table, rows, tied, kv, length, size):
    not_read = 0 if tied else table - table // rows
    return int((np.int64(stored) - not_read + np.int64(kv) * length) * size)


def token_by_token(stored, table, rows, tied, kv, length, size):
    total = stored * size
    if not tied:
        total -= (rows - 1) * (table // rows) * size
    for _ in range(length):
        total += kv * size
    return total


def _of_quotients(times, decide):
    """Not an answer: what two questions about the least times say."""
    helps, costs = decide(*(times[arm] for arm in ARMS))
    return named({"as it is": 1, "half the bytes": 0.5 if helps else 1, "twice the operations": 2 if costs else 1})


def the_least_of_four(ms):
    return named(of_runs(ms, lambda times: min(times[:4]), seeds=8))


def rounded_to_a_tenth(ms):
    return named(of_runs(ms, lambda times: round(min(times), 1), seeds=9))


def twice_by_the_median(ms):
    least, other = of_runs(ms, seeds=10), of_runs(ms, median, seeds=10)
    return named({**least, "twice the operations": other["twice the operations"]})


def half_by_the_median(ms):
    least, other = of_runs(ms, seeds=11), of_runs(ms, median, seeds=11)
    return named({**least, "half the bytes": other["half the bytes"]})


def any_change(ms):
    return _of_quotients(
        of_runs(ms, seeds=12), lambda was, half, twice: (abs(half - was) > 0.25 * was, abs(twice - was) > 0.25 * was)
    )


def the_seed_of_the_least(ms):
    runs = [[ms(arm, seed=seed) for arm in ARMS] for seed in range(13)]
    return named(dict(zip(ARMS, min(runs), strict=True)))


def costs_only_if_more_than_is_saved(ms):
    return _of_quotients(
        of_runs(ms, seeds=14),
        lambda was, half, twice: (half < 0.75 * was, twice > 1.25 * was and twice - was > was - half),
    )


def against_the_faster(ms):
    return _of_quotients(
        of_runs(ms, seeds=15), lambda was, half, twice: (half < 0.75 * min(was, twice), twice > 1.25 * was)
    )


def against_the_slower(ms):
    return _of_quotients(
        of_runs(ms, seeds=16), lambda was, half, twice: (half < 0.75 * was, twice > 1.25 * max(was, half))
    )


WRONG = {
    "what_decides": [
        without_the_operations,
        one_run,
        as_it_is_once,
        always_bytes,
        no_question_of_the_operations,
        no_question_of_the_bytes,
        exchanged,
        never_both,
        never_both_but_operations,
        never_neither,
        by_milliseconds,
        the_larger_effect,
        a_half_of_the_time,
        three_fifths_of_the_time,
        any_gain,
        a_fifth_is_enough,
        half_as_much_again,
        a_fifth_costs,
        twice_the_time,
        any_loss,
        by_means,
        by_medians,
        by_the_longest,
        by_the_first,
        by_the_second,
        by_the_third,
        without_the_slowest,
        without_the_first,
        upside_down,
        as_it_is_by_the_median,
        mean_quotients,
        the_least_of_four,
        rounded_to_a_tenth,
        twice_by_the_median,
        half_by_the_median,
        any_change,
        the_seed_of_the_least,
        costs_only_if_more_than_is_saved,
        against_the_faster,
        against_the_slower,
        in_other_words,
    ],
    "token_bytes": [
        table_always_read,
        table_never_read,
        tied_exchanged,
        no_row,
        a_row_of_rows,
        row_twice,
        head_twice,
        no_cache,
        one_token_of_cache,
        the_new_one_too,
        one_too_few,
        keys_and_values_again,
        in_numbers,
        cache_in_numbers,
        weights_for_each,
        a_row_for_each_token,
        the_head_besides,
        without_the_row_that_is_read,
        all_passes,
        a_cache_for_each_row,
    ],
}
ODD = {"what_decides": [by_numpy, in_turn], "token_bytes": [by_subtraction, token_by_token]}
_LEAST = "least = {arm: min((ms(arm, seed=seed) for seed in range(7))) for arm in arms}"
_HELPS = "least['half the bytes'] < 0.75 * least['as it is']"
_COSTS = "least['twice the operations'] > 1.25 * least['as it is']"
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "what_decides": {
        f"costs = {_COSTS}: {_COSTS}: Gt -> GtE": "no quotient is exactly 1.25",
        f"helps = {_HELPS}: {_HELPS}: Lt -> LtE": "no quotient is exactly 0.75",
        f"{_LEAST}: 7 -> 6": "how many seeds there are is free",
        f"{_LEAST}: 7 -> 8": "how many seeds there are is free",
    },
    "token_bytes": {
        "weights = stored if tied else stored - table + table // rows: table // rows: FloorDiv -> Div": (
            "the rows divide the table"
        ),
    },
}

"""the lesson `choosing`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np


def _in_order(
    case, *, cheap=lambda case: case["convert_ms"] <= case["int8_ms"] / 4, loses=lambda case: case["drop_pp"] > 1
):
    if not case["int8_kernels"]:
        return "float", "no kernels"
    if cheap(case):
        return "dynamic", "conversions are cheap"
    if loses(case):
        return "qat", "static loses accuracy"
    return "static", "conversions are expensive"


def dynamic_where_static_loses(case):
    """Takes the lines of the table for conditions that add up."""
    if not case["int8_kernels"]:
        return "float", "no kernels"
    if case["drop_pp"] > 1:
        short = case["convert_ms"] <= case["int8_ms"] / 4
        return ("dynamic", "conversions are cheap") if short else ("qat", "static loses accuracy")
    return "static", "conversions are expensive"


def by_the_name(case):
    return _in_order(case, cheap=lambda case: case["kind"] in ("LSTM", "Transformer"))


def no_look_at_the_device(case):
    if case["convert_ms"] / case["int8_ms"] <= 0.25:
        return "dynamic", "conversions are cheap"
    if case["drop_pp"] > 1:
        return "qat", "static loses accuracy"
    return "static", "conversions are expensive"


def trains_for_everything(case):
    return _in_order(case, loses=lambda case: case["drop_pp"])


def accuracy_first(case):
    if not case["int8_kernels"]:
        return "float", "no kernels"
    if case["drop_pp"] > 1.0:
        return "qat", "static loses accuracy"
    if case["convert_ms"] <= 0.25 * case["int8_ms"]:
        return "dynamic", "conversions are cheap"
    return "static", "conversions are expensive"


def a_quarter_of_everything(case):
    share = case["convert_ms"] / (case["convert_ms"] + case["int8_ms"])
    if not case["int8_kernels"]:
        return "float", "no kernels"
    if share <= 0.25:
        return "dynamic", "conversions are cheap"
    return ("qat", "static loses accuracy") if case["drop_pp"] > 1 else ("static", "conversions are expensive")


def loses_one_point(case):
    return _in_order(case, loses=lambda case: case["drop_pp"] >= 1)


def below_a_quarter(case):
    return _in_order(case, cheap=lambda case: case["convert_ms"] < case["int8_ms"] / 4)


def the_device_in_the_end(case):
    if case["convert_ms"] <= case["int8_ms"] / 4:
        return "dynamic", "conversions are cheap"
    if not case["int8_kernels"]:
        return "float", "no kernels"
    if case["drop_pp"] > 1:
        return "qat", "static loses accuracy"
    return "static", "conversions are expensive"


def size_of_the_drop(case):
    return _in_order(case, loses=lambda case: abs(case["drop_pp"]) > 1)


def rounded_drop(case):
    return _in_order(case, loses=lambda case: round(case["drop_pp"]) > 1)


def drop_below_0(case):
    return _in_order(case, loses=lambda case: case["drop_pp"] < -1)


def a_quarter_turned_round(case):
    return _in_order(case, cheap=lambda case: case["int8_ms"] <= case["convert_ms"] / 4)


def method_and_another_reason(case):
    method, reason = as_a_list_of_rules(case)
    return method, "conversions are expensive" if method == "qat" else reason


def as_a_list_of_rules(case):
    rules = [
        (not case["int8_kernels"], "float", "no kernels"),
        (case["convert_ms"] <= case["int8_ms"] * 0.25, "dynamic", "conversions are cheap"),
        (case["drop_pp"] > 1, "qat", "static loses accuracy"),
        (True, "static", "conversions are expensive"),
    ]
    return next([method, reason] for fits, method, reason in rules if fits)


def from_the_last_rule(case):
    method, reason = "static", "conversions are expensive"
    if case["drop_pp"] > 1:
        method, reason = "qat", "static loses accuracy"
    if 4 * case["convert_ms"] - case["int8_ms"] <= 0:
        method, reason = "dynamic", "conversions are cheap"
    if case["int8_kernels"] is False:
        method, reason = "float", "no kernels"
    return method, reason


def maximum_of_the_totals(layers, peak_fp32, peak_int8, bandwidth):
    macs = sum(layer[0] for layer in layers)
    numbers = sum(layer[1] + layer[2] for layer in layers)
    fp32 = max(2 * macs / peak_fp32, 4 * numbers / bandwidth)
    int8 = max(2 * macs / peak_int8, numbers / bandwidth)
    return fp32 / int8


def one_operation_a_mac(layers, peak_fp32, peak_int8, bandwidth):
    fp32 = sum(max(m / peak_fp32, 4 * (w + v) / bandwidth) for m, w, v in layers)
    int8 = sum(max(m / peak_int8, (w + v) / bandwidth) for m, w, v in layers)
    return fp32 / int8


def sum_of_both(layers, peak_fp32, peak_int8, bandwidth):
    fp32 = int8 = 0
    for macs, weights, values in layers:
        fp32 += 2 * macs / peak_fp32 + 4 * (weights + values) / bandwidth
        int8 += 2 * macs / peak_int8 + (weights + values) / bandwidth
    return fp32 / int8


def weights_alone(layers, peak_fp32, peak_int8, bandwidth):
    fp32 = sum(max(2 * m / peak_fp32, 4 * w / bandwidth) for m, w, _ in layers)
    int8 = sum(max(2 * m / peak_int8, 1 * w / bandwidth) for m, w, _ in layers)
    return fp32 / int8


def mean_of_the_gains(layers, peak_fp32, peak_int8, bandwidth):
    gains = []
    for macs, weights, values in layers:
        numbers = weights + values
        fp32 = max(2 * macs / peak_fp32, 4 * numbers / bandwidth)
        gains.append(fp32 / max(2 * macs / peak_int8, numbers / bandwidth))
    return sum(gains) / len(gains)


def values_stay_float(layers, peak_fp32, peak_int8, bandwidth):
    fp32 = sum(max(2 * m / peak_fp32, 4 * (w + v) / bandwidth) for m, w, v in layers)
    int8 = sum(max(2 * m / peak_int8, (w + 4 * v) / bandwidth) for m, w, v in layers)
    return fp32 / int8


def one_peak(layers, peak_fp32, peak_int8, bandwidth):
    def seconds(size):
        return sum(max(2 * m / peak_fp32, size * (w + v) / bandwidth) for m, w, v in layers)

    return seconds(4) / seconds(1)


def _seconds(layers, peak, size, bandwidth):
    """Not an answer: the times of the layers in one format."""
    return [max(2 * macs / peak, size * (weights + values) / bandwidth) for macs, weights, values in layers]


def weighted_by_macs(layers, peak_fp32, peak_int8, bandwidth):
    slow, fast = _seconds(layers, peak_fp32, 4, bandwidth), _seconds(layers, peak_int8, 1, bandwidth)
    macs = sum(layer[0] for layer in layers)
    if not macs:
        return 4.0
    return sum(layer[0] * a / b for layer, a, b in zip(layers, slow, fast, strict=True)) / macs


def sum_of_speeds(layers, peak_fp32, peak_int8, bandwidth):
    slow, fast = (
        sum(2 * layer[0] / seconds for layer, seconds in zip(layers, own, strict=True))
        for own in (_seconds(layers, peak_fp32, 4, bandwidth), _seconds(layers, peak_int8, 1, bandwidth))
    )
    return fast / slow if slow else 4.0


def equal_layers_once(layers, peak_fp32, peak_int8, bandwidth):
    layers = set(layers)
    return sum(_seconds(layers, peak_fp32, 4, bandwidth)) / sum(_seconds(layers, peak_int8, 1, bandwidth))


def maximum_of_the_totals_in_fp32(layers, peak_fp32, peak_int8, bandwidth):
    macs, weights, values = map(sum, zip(*layers, strict=True))
    slow = max(2 * macs / peak_fp32, 4 * (weights + values) / bandwidth)
    return slow / sum(_seconds(layers, peak_int8, 1, bandwidth))


def slowest_layer(layers, peak_fp32, peak_int8, bandwidth):
    fp32 = max(max(2 * m / peak_fp32, 4 * (w + v) / bandwidth) for m, w, v in layers)
    return fp32 / max(max(2 * m / peak_int8, (w + v) / bandwidth) for m, w, v in layers)


def in_numpy(layers, peak_fp32, peak_int8, bandwidth):
    macs, weights, values = np.array(layers, dtype=np.float64).T
    moved = (weights + values) / bandwidth
    return np.maximum(2 * macs / peak_fp32, 4 * moved).sum() / np.maximum(2 * macs / peak_int8, moved).sum()


def with_branches(layers, peak_fp32, peak_int8, bandwidth):
    times = {4: 0.0, 1: 0.0}
    for macs, weights, values in layers:
        for size, peak in ((4, peak_fp32), (1, peak_int8)):
            arithmetic, memory = 2 * macs / peak, size * (weights + values) / bandwidth
            times[size] += arithmetic if arithmetic > memory else memory
    return times[4] / times[1]


def _times(ms, pick=min, seeds=range(5), batches=(1, 4)):
    return {
        (w, b): pick([ms(w, batch=b, seed=s) for s in seeds]) for w in ("throughout", "round trips") for b in batches
    }


def _extras(times):
    return [times["round trips", batch] - times["throughout", batch] for batch in (1, 4)]


def _paid(one, four, whole, *, cheap=0.1, images=3):
    if one < cheap * whole:
        return "cheap"
    return "per number" if (four - one) / images > one / 2 else "per call"


def means_of_the_runs(ms):
    times = _times(ms, pick=np.mean)
    return _paid(*_extras(times), times["throughout", 1])


def medians_of_the_runs(ms):
    times = _times(ms, pick=np.median)
    return _paid(*_extras(times), times["throughout", 1])


def second_least_time(ms):
    times = _times(ms, pick=lambda values: sorted(values)[1])
    return _paid(*_extras(times), times["throughout", 1])


def first_seed_only(ms):
    times = _times(ms, pick=lambda values: values[0])
    return _paid(*_extras(times), times["throughout", 1])


def five_runs_at_one_and_one_at_four(ms):
    one = {w: min(ms(w, batch=1, seed=s) for s in range(5)) for w in ("throughout", "round trips")}
    four = {w: ms(w, batch=4) for w in ("throughout", "round trips")}
    return _paid(*(t["round trips"] - t["throughout"] for t in (one, four)), one["throughout"])


def by_the_quotient(ms):
    t = _times(ms)
    one, four = (t["round trips", b] / t["throughout", b] for b in (1, 4))
    if one < 1.1:
        return "cheap"
    return "per call" if four < one else "per number"


def quotient_that_hardly_falls(ms):
    t = _times(ms)
    one, four = (t["round trips", b] / t["throughout", b] for b in (1, 4))
    return "cheap" if one < 1.1 else "per number" if four - 1 > 0.66 * (one - 1) else "per call"


def turned_round(ms):
    times = _times(ms)
    said = _paid(*_extras(times), times["throughout", 1])
    return {"per call": "per number", "per number": "per call"}.get(said, said)


def divides_by_four_images(ms):
    times = _times(ms)
    one, four = _extras(times)
    if one < times["throughout", 1] / 10:
        return "cheap"
    return "per number" if four / 4 > one / 2 else "per call"


def forgets_to_divide(ms):
    times = _times(ms)
    return _paid(*_extras(times), times["throughout", 1], images=1)


def cheap_in_milliseconds(ms):
    times = _times(ms)
    one, four = _extras(times)
    return "cheap" if one < 1 else _paid(one, four, 0)


def cheap_below_a_fifth(ms):
    times = _times(ms)
    return _paid(*_extras(times), times["throughout", 1], cheap=0.2)


def cheap_below_a_twentieth(ms):
    times = _times(ms)
    return _paid(*_extras(times), times["throughout", 1], cheap=0.05)


def _with_the_mean(ms, way, batch):
    times = {**_times(ms), (way, batch): sum(ms(way, batch=batch, seed=s) for s in range(5)) / 5}
    return _paid(*_extras(times), times["throughout", 1])


def mean_of_throughout_at_four(ms):
    return _with_the_mean(ms, "throughout", 4)


def mean_of_the_round_trips_at_one(ms):
    return _with_the_mean(ms, "round trips", 1)


def cheap_at_one_or_at_four(ms):
    times = _times(ms)
    one, four = _extras(times)
    return "cheap" if four < times["throughout", 4] / 10 else _paid(one, four, times["throughout", 1])


def cheap_for_each_of_four(ms):
    times = _times(ms)
    one, four = _extras(times)
    return "cheap" if four / 4 < times["throughout", 1] / 10 else _paid(one, four, 0)


def size_of_the_growth(ms):
    times = _times(ms)
    one, four = _extras(times)
    return _paid(one, one + abs(four - one), times["throughout", 1])


def size_of_the_extra(ms):
    times = _times(ms)
    return _paid(*map(abs, _extras(times)), times["throughout", 1])


def a_tenth_at_four_images(ms):
    times = _times(ms)
    one, four = _extras(times)
    return "cheap" if four < times["throughout", 4] / 10 else _paid(one, four, 0)


def one_image_alone(ms):
    t = {w: min(ms(w, seed=s) for s in range(5)) for w in ("throughout", "round trips")}
    extra = t["round trips"] - t["throughout"]
    return "cheap" if extra < t["throughout"] / 10 else "per number"


def round_trips_alone(ms):
    one, four = (min(ms("round trips", batch=b, seed=s) for s in range(5)) for b in (1, 4))
    return "per number" if (four - one) / 3 > one / 2 else "per call"


def always_per_number(ms):
    _times(ms)
    return "per number"


def paid_with_scattered_seeds(ms):
    times = _times(ms, seeds=(100, 200, 300, 400, 500))
    return _paid(*_extras(times), times["throughout", 1])


def paid_in_numpy(ms):
    ways, sizes = ("round trips", "throughout"), (4, 2, 1)
    trips, plain = np.array([[[ms(w, batch=b, seed=s) for s in range(10, 19)] for b in sizes] for w in ways]).min(2)
    extra = trips - plain
    if extra[2] / plain[2] < 0.1:
        return "cheap"
    slope, height = np.polyfit([4, 1], extra[[0, 2]], 1)
    return ("per call", "per number")[int(slope > height)]


def paid_by_parts(ms):
    best = {}
    for seed in (3, 1, 4, 0, 2, 7):
        for batch in (4, 1):
            for trips in (True, False):
                key = batch, trips
                took = ms(way="round trips" if trips else "throughout", batch=batch, seed=seed)
                best[key] = took if key not in best else min(best[key], took)
    each = {trips: (best[4, trips] - best[1, trips]) / 3 for trips in (True, False)}
    once = {trips: best[1, trips] - each[trips] for trips in (True, False)}
    if best[1, True] < 1.1 * best[1, False]:
        return "cheap"
    return "per number" if each[True] - each[False] > once[True] - once[False] else "per call"


WRONG = {
    "choose": [
        by_the_name,
        dynamic_where_static_loses,
        no_look_at_the_device,
        trains_for_everything,
        accuracy_first,
        a_quarter_of_everything,
        loses_one_point,
        below_a_quarter,
        the_device_in_the_end,
        size_of_the_drop,
        rounded_drop,
        drop_below_0,
        a_quarter_turned_round,
        method_and_another_reason,
    ],
    "predicted_gain": [
        maximum_of_the_totals,
        one_operation_a_mac,
        sum_of_both,
        weights_alone,
        mean_of_the_gains,
        values_stay_float,
        one_peak,
        slowest_layer,
        weighted_by_macs,
        sum_of_speeds,
        maximum_of_the_totals_in_fp32,
        equal_layers_once,
    ],
    "what_is_paid": [
        means_of_the_runs,
        medians_of_the_runs,
        second_least_time,
        first_seed_only,
        five_runs_at_one_and_one_at_four,
        by_the_quotient,
        quotient_that_hardly_falls,
        turned_round,
        divides_by_four_images,
        forgets_to_divide,
        cheap_in_milliseconds,
        cheap_below_a_fifth,
        cheap_below_a_twentieth,
        mean_of_throughout_at_four,
        mean_of_the_round_trips_at_one,
        cheap_at_one_or_at_four,
        cheap_for_each_of_four,
        size_of_the_growth,
        size_of_the_extra,
        a_tenth_at_four_images,
        one_image_alone,
        round_trips_alone,
        always_per_number,
    ],
}
ODD = {
    "choose": [as_a_list_of_rules, from_the_last_rule],
    "predicted_gain": [in_numpy, with_branches],
    "what_is_paid": [paid_in_numpy, paid_with_scattered_seeds, paid_by_parts],
}
EQUIVALENT = {
    "what_is_paid": {
        "if one < least['throughout', 1] / 10:: one < least['throughout', 1] / 10: Lt -> LtE": (
            "no extra is exactly a tenth"
        ),
        "return 'per number' if (four - one) / 3 > one / 2 else 'per call': (four - one) / 3 > one / 2: Gt -> GtE": (
            "no growth is exactly half of the extra"
        ),
        "least[way, batch] = min((ms(way, batch=batch, seed=seed) for seed in range(5))): 5 -> 6": (
            "the card asks for five seeds or more"
        ),
    },
    "predicted_gain": {
        "return sum((max(2 * macs / peak, bytes_each * (weights + values) / bandwidth) for macs, weights, values in "
        "layers)): max(2 * macs / peak, bytes_each * (weights + values) / bandwidth): arguments swapped": (
            "max takes its arguments in any order"
        ),
    },
}

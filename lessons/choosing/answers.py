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


def slowest_of_all(rows, ms):
    if all(row.runs_in == "int8" for row in rows):
        return "", 1.0
    name = max(ms, key=ms.get)
    return name, sum(ms.values()) / (sum(ms.values()) - ms[name])


def first_that_is_float(rows, ms):
    for row in rows:
        if row.runs_in != "int8":
            total = sum(ms.values())
            return row.name, total / (total - ms[row.name])
    return "", 1.0


def float32_only(rows, ms):
    floats = [row.name for row in rows if row.runs_in == "float32"]
    if not floats:
        return "", 1.0
    name = max(floats, key=ms.get)
    total = sum(ms.values())
    return name, total / (total - ms[name])


def its_share(rows, ms):
    floats = {row.name: ms[row.name] for row in rows if row.runs_in != "int8"}
    if not floats:
        return "", 1.0
    name = max(floats, key=floats.get)
    return name, floats[name] / sum(ms.values())


def total_over_its_time(rows, ms):
    floats = {row.name: ms[row.name] for row in rows if row.runs_in != "int8"}
    if not floats:
        return "", 1.0
    name = max(floats, key=floats.get)
    return name, sum(ms.values()) / floats[name]


def without_the_int8_modules(rows, ms):
    floats = {row.name: ms[row.name] for row in rows if row.runs_in != "int8"}
    if not floats:
        return "", 1.0
    name = max(floats, key=floats.get)
    left = sum(floats.values()) - floats[name]
    return name, sum(floats.values()) / left if left else float("inf")


def unknown_is_int8(rows, ms):
    floats = {row.name: ms[row.name] for row in rows if row.runs_in not in ("int8", "unknown")}
    if not floats:
        return "", 1.0
    name = max(floats, key=floats.get)
    return name, sum(ms.values()) / (sum(ms.values()) - floats[name])


def all_of_them_gone(rows, ms):
    floats = {row.name: ms[row.name] for row in rows if row.runs_in != "int8"}
    if not floats:
        return "", 1.0
    left = sum(ms.values()) - sum(floats.values())
    return max(floats, key=floats.get), sum(ms.values()) / left if left else float("inf")


def times_in_the_order_of_the_rows(rows, ms):
    times = [(time, row.name) for row, time in zip(rows, ms.values(), strict=True) if row.runs_in != "int8"]
    if not times:
        return "", 1.0
    time, name = max(times)
    return name, sum(ms.values()) / (sum(ms.values()) - time)


def by_sorting(rows, ms):
    slow = sorted((row for row in rows if row.runs_in != "int8"), key=lambda row: -ms[row.name])
    if not slow:
        return ["", 1]
    rest = sum(time for name, time in ms.items() if name != slow[0].name)
    return [slow[0].name, (rest + ms[slow[0].name]) / rest]


def with_amdahl(rows, ms):
    name, best = "", 0.0
    for row in rows:
        if row.runs_in != "int8" and ms[row.name] > best:
            name, best = row.name, ms[row.name]
    return name, float(1 / (1 - np.float64(best) / sum(ms.values())))


WRONG = {
    "choose": [
        by_the_name,
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
    ],
    "bottleneck": [
        slowest_of_all,
        first_that_is_float,
        float32_only,
        its_share,
        total_over_its_time,
        without_the_int8_modules,
        unknown_is_int8,
        all_of_them_gone,
        times_in_the_order_of_the_rows,
    ],
}
ODD = {
    "choose": [as_a_list_of_rules, from_the_last_rule],
    "predicted_gain": [in_numpy, with_branches],
    "bottleneck": [by_sorting, with_amdahl],
}
EQUIVALENT = {
    "predicted_gain": {
        "return sum((max(2 * macs / peak, bytes_each * (weights + values) / bandwidth) for macs, weights, values in "
        "layers)): max(2 * macs / peak, bytes_each * (weights + values) / bandwidth): arguments swapped": (
            "max takes its arguments in any order"
        ),
    },
}

"""The lesson `roofline`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
from fractions import Fraction

import numpy as np


def sum_of_both(n_in, n_out, batch, bytes_each, peak, bandwidth):
    compute = 2 * n_in * n_out * batch / peak
    move = bytes_each * (n_in * n_out + n_in * batch + n_out * batch) / bandwidth
    return compute + move


def weights_only(n_in, n_out, batch, bytes_each, peak, bandwidth):
    return max(2 * batch * n_in * n_out / peak, n_in * n_out * bytes_each / bandwidth)


def no_outputs(n_in, n_out, batch, bytes_each, peak, bandwidth):
    moved = n_in * n_out + batch * n_in
    return max(2 * batch * n_in * n_out / peak, moved * bytes_each / bandwidth)


def mac_is_one(n_in, n_out, batch, bytes_each, peak, bandwidth):
    macs = batch * n_in * n_out
    return max(macs / peak, bytes_each * (n_in * n_out + batch * (n_in + n_out)) / bandwidth)


def weights_for_each_input(n_in, n_out, batch, bytes_each, peak, bandwidth):
    one = bytes_each * (n_in * n_out + n_in + n_out)
    return max(batch * 2 * n_in * n_out / peak, batch * one / bandwidth)


def always_fp32(n_in, n_out, batch, bytes_each, peak, bandwidth):
    numbers = n_in * n_out + batch * (n_in + n_out)
    return max(2 * batch * n_in * n_out / peak, numbers * 4 / bandwidth)


def faster_of_both(n_in, n_out, batch, bytes_each, peak, bandwidth):
    numbers = n_in * n_out + batch * (n_in + n_out)
    return min(2 * batch * n_in * n_out / peak, numbers * bytes_each / bandwidth)


def bytes_by_eight(n_in, n_out, batch, bytes_each, peak, bandwidth):
    n_bytes = bytes_each * (n_in * n_out + batch * (n_in + n_out))
    return max(2 * batch * n_in * n_out / peak, n_bytes / 8 / bandwidth)


def to_the_microsecond(n_in, n_out, batch, bytes_each, peak, bandwidth):
    n_bytes = bytes_each * (n_in * n_out + batch * (n_in + n_out))
    return round(max(2 * batch * n_in * n_out / peak, n_bytes / bandwidth), 6)


def outputs_afterwards(n_in, n_out, batch, bytes_each, peak, bandwidth):
    read = bytes_each * (n_in * n_out + batch * n_in)
    return max(2 * batch * n_in * n_out / peak, read / bandwidth) + bytes_each * batch * n_out / bandwidth


def inputs_for_each_output(n_in, n_out, batch, bytes_each, peak, bandwidth):
    numbers = n_in * n_out + batch * n_out * (n_in + 1)
    return max(2 * batch * n_in * n_out / peak, numbers * bytes_each / bandwidth)


def root_of_squares(n_in, n_out, batch, bytes_each, peak, bandwidth):
    n_bytes = bytes_each * (n_in * n_out + batch * (n_in + n_out))
    return math.sqrt((2 * batch * n_in * n_out / peak) ** 2 + (n_bytes / bandwidth) ** 2)


def by_intensity(n_in, n_out, batch, bytes_each, peak, bandwidth):
    operations = 2 * batch * n_in * n_out
    moved = bytes_each * (n_in * n_out + batch * (n_in + n_out))
    if operations == 0:
        return 0.0 if moved == 0 else moved / bandwidth
    speed = min(peak, operations / moved * bandwidth)
    return operations / speed


def as_numpy(n_in, n_out, batch, bytes_each, peak, bandwidth):
    work = np.array([2 * batch * n_in * n_out, bytes_each * (n_in * n_out + batch * n_in + batch * n_out)], dtype=float)
    return np.max(work / np.array([peak, bandwidth], dtype=float))


def as_fractions(n_in, n_out, batch, bytes_each, peak, bandwidth):
    bytes_moved = sum(bytes_each * n for n in (n_in * n_out, batch * n_in, batch * n_out))
    return float(max(Fraction(2 * batch * n_in * n_out) / Fraction(peak), Fraction(bytes_moved) / Fraction(bandwidth)))


def rounded_down(n_weights, n_macs, mac_pj, bits):
    return max(1, int(n_weights * 640 * bits / 32 / (n_macs * mac_pj)))


def one_mac_a_weight(n_weights, n_macs, mac_pj, bits):
    return math.ceil(640 * bits / 32 / mac_pj)


def always_32_bits(n_weights, n_macs, mac_pj, bits):
    return max(1, math.ceil(n_weights * 640 / (n_macs * mac_pj)))


def nearest(n_weights, n_macs, mac_pj, bits):
    return max(1, round(n_weights * 640 * bits / 32 / (n_macs * mac_pj)))


def almost_one_more(n_weights, n_macs, mac_pj, bits):
    return max(1, int(n_weights * 640 * bits / 32 / (n_macs * mac_pj) + 0.999))


def at_most_32_bits(n_weights, n_macs, mac_pj, bits):
    return max(1, math.ceil(n_weights * 640 * min(bits, 32) / 32 / (n_macs * mac_pj)))


def the_quotient(n_weights, n_macs, mac_pj, bits):
    return n_weights * 640 * bits / 32 / (n_macs * mac_pj)


def a_little_off(n_weights, n_macs, mac_pj, bits):
    return max(1, math.ceil(n_weights * 640 * bits / 32 / (n_macs * mac_pj) - 1e-6))


def macs_a_weight_first(n_weights, n_macs, mac_pj, bits):
    return max(1, math.ceil(20 * bits / mac_pj / max(1, n_macs // max(n_weights, 1))))


def search_to_a_thousand(n_weights, n_macs, mac_pj, bits):
    for batch in range(1, 1000):
        if batch * n_macs * mac_pj >= n_weights * 20 * bits:
            return batch
    return 1000


def width_twice(n_weights, n_macs, mac_pj, bits):
    return max(1, math.ceil(n_weights * 640 * (bits / 32) ** 2 / (n_macs * mac_pj)))


def by_trying(n_weights, n_macs, mac_pj, bits):
    batch = 1
    while batch * n_macs * mac_pj < n_weights * 640 * bits / 32:
        batch += 1
    return batch


def in_float64(n_weights, n_macs, mac_pj, bits):
    return np.maximum(1.0, np.ceil(n_weights * 20.0 * bits / (n_macs * mac_pj)))


def _typical(seconds, count=21):
    samples = {change: [] for change in ("none", "double batch", "half bytes")}
    for _ in range(count):
        for change, own in samples.items():
            own.append(seconds(change))
    return {change: float(np.median(own)) for change, own in samples.items()}


def bytes_decide_first(seconds):
    typical = _typical(seconds)
    if typical["half bytes"] < 0.75 * typical["none"]:
        return "memory"
    return "arithmetic" if typical["double batch"] > 1.25 * typical["none"] else "neither"


def looks_at_the_batch_only(seconds):
    typical = _typical(seconds)
    return "arithmetic" if typical["double batch"] > 1.25 * typical["none"] else "memory"


def always_memory(seconds):
    _typical(seconds)
    return "memory"


def never_memory(seconds):
    typical = _typical(seconds)
    return "arithmetic" if typical["double batch"] > 1.25 * typical["none"] else "neither"


def one_change_after_the_other(seconds):
    typical = {c: float(np.median([seconds(c) for _ in range(40)])) for c in ("none", "double batch", "half bytes")}
    if typical["double batch"] > 1.25 * typical["none"]:
        return "arithmetic"
    return "memory" if typical["half bytes"] < 0.75 * typical["none"] else "neither"


def _one_after_the_other(seconds, order, count=30):
    times = {change: [seconds(change) for _ in range(count)] for change in order}
    none, batch, half = (float(np.median(times[change])) for change in ("none", "double batch", "half bytes"))
    return "arithmetic" if batch > 1.25 * none else "memory" if half < 0.75 * none else "neither"


def backwards_one_after_the_other(seconds):
    return _one_after_the_other(seconds, ("half bytes", "double batch", "none"))


def the_batch_first(seconds):
    return _one_after_the_other(seconds, ("double batch", "none", "half bytes"))


def half_against_double(batch, half):
    return "arithmetic" if batch > 1.25 else "memory" if half < 0.75 * batch else "neither"


def one_call_each(seconds):
    none, batch, half = seconds("none"), seconds("double batch"), seconds("half bytes")
    return "arithmetic" if batch > 1.25 * none else "memory" if half < 0.75 * none else "neither"


def without_the_layer_as_it_is(seconds):
    batch, half = ([seconds(change) for _ in range(20)] for change in ("double batch", "half bytes"))
    return "memory" if np.median(half) < 0.6 * np.median(batch) else "arithmetic"


def _by(seconds, typical, *, count=60, longer=1.25, shorter=0.75, inputs=1):
    samples = {change: [] for change in ("none", "double batch", "half bytes")}
    for _ in range(count):
        for change, own in samples.items():
            own.append(seconds(change))
    none, batch, half = map(typical, samples.values())
    if batch / inputs > longer * none:
        return "arithmetic"
    return "memory" if half < shorter * none else "neither"


def by_the_mean_in_any_order(seconds):
    changes = ["none", "double batch", "half bytes"]
    samples = {change: [] for change in changes}
    for turn in range(60):
        for change in changes[turn % 3 :] + changes[: turn % 3]:
            samples[change].append(seconds(change))
    mean = {change: sum(own) / len(own) for change, own in samples.items()}
    if mean["double batch"] > 1.25 * mean["none"]:
        return "arithmetic"
    return "memory" if mean["half bytes"] < 0.75 * mean["none"] else "neither"


def a_tenth_counts(seconds):
    return _by(seconds, np.median, longer=1.1, shorter=0.9)


def for_each_input(seconds):
    return _by(seconds, np.median, inputs=2)


def by_the_geometric_mean(seconds):
    return _by(seconds, lambda own: np.exp(np.mean(np.log(own))), count=25)


def by_the_first_quartile(seconds):
    return _by(seconds, lambda own: sorted(own)[len(own) // 4], count=25)


def a_faster_batch_counts(batch, half):
    return "arithmetic" if abs(batch - 1) > 0.25 else "memory" if half < 0.75 else "neither"


def must_change_by_a_third(seconds):
    return _by(seconds, np.median, longer=1.35)


def must_save_thirty_per_cent(seconds):
    return _by(seconds, np.median, shorter=0.7)


def a_quarter_of_the_changed_time(seconds):
    return _by(seconds, np.median, shorter=1 / 1.25)


def of_medians(decide):
    """An answer that concludes from what the two changes multiply the median by."""

    def answer(seconds):
        typical = _typical(seconds)
        return decide(typical["double batch"] / typical["none"], typical["half bytes"] / typical["none"])

    return answer


def larger_change_wins(batch, half):
    if batch <= 1.25 and half >= 0.75:
        return "neither"
    return "arithmetic" if batch - 1 > 1 - half else "memory"


def memory_if_the_batch_costs_nothing(batch, half):
    return "arithmetic" if batch > 1.25 else "memory" if half < 0.75 and batch < 1.1 else "neither"


def any_change_counts(batch, half):
    return "arithmetic" if abs(batch - 1) > 0.25 else "memory" if abs(half - 1) > 0.25 else "neither"


def two_changes_are_none(batch, half):
    if (batch > 1.25) == (half < 0.75):
        return "neither"
    return "arithmetic" if batch > 1.25 else "memory"


def exchanged(batch, half):
    return "memory" if batch > 1.25 else "arithmetic" if half < 0.75 else "neither"


def differences_in_seconds(seconds):
    typical = _typical(seconds, 33)
    longer, shorter = typical["double batch"] - typical["none"], typical["none"] - typical["half bytes"]
    return "arithmetic" if longer > 0.25 else "memory" if shorter > 0.25 else "neither"


def last_call_of_each(seconds):
    return _by(seconds, lambda own: own[-1], count=61)


def middle_call_of_each(seconds):
    return _by(seconds, lambda own: own[len(own) // 2])


def least_of_each(seconds):
    return _by(seconds, min)


def most_of_each(seconds):
    return _by(seconds, max, count=50)


def waits_for_a_thousand_times(seconds):
    return _by(seconds, np.median, count=1000)


def waits_for_in_15_rounds(seconds):
    return _by(seconds, np.median, count=15)


def waits_for_by_ratios(seconds):
    ratios = []
    for _ in range(31):
        none = seconds("none")
        ratios.append((seconds("double batch") / none, seconds("half bytes") / none))
    batch, half = np.median(np.array(ratios), axis=0)
    return "arithmetic" if batch > 1.25 else ("neither", "memory")[int(half < 0.75)]


def waits_for_by_paired_differences(seconds):
    changes = ("none", "double batch", "half bytes")
    rounds = [[seconds(change) for change in changes[::order]][::order] for order in (1, -1) * 45]
    if np.median([(batch - none) / none for none, batch, _ in rounds]) > 0.25:
        return "arithmetic"
    return "memory" if np.median([(none - half) / none for none, _, half in rounds]) > 0.25 else "neither"


WRONG = {
    "roof_seconds": [
        sum_of_both,
        weights_only,
        no_outputs,
        mac_is_one,
        weights_for_each_input,
        always_fp32,
        faster_of_both,
        bytes_by_eight,
        to_the_microsecond,
        outputs_afterwards,
        inputs_for_each_output,
        root_of_squares,
    ],
    "waits_for": [
        bytes_decide_first,
        looks_at_the_batch_only,
        always_memory,
        never_memory,
        one_change_after_the_other,
        one_call_each,
        without_the_layer_as_it_is,
        by_the_mean_in_any_order,
        a_tenth_counts,
        for_each_input,
        must_change_by_a_third,
        must_save_thirty_per_cent,
        a_quarter_of_the_changed_time,
        *map(
            of_medians,
            (larger_change_wins, memory_if_the_batch_costs_nothing, any_change_counts, two_changes_are_none, exchanged),
        ),
        differences_in_seconds,
        last_call_of_each,
        middle_call_of_each,
        least_of_each,
        most_of_each,
        backwards_one_after_the_other,
        by_the_geometric_mean,
        of_medians(half_against_double),
        the_batch_first,
        of_medians(a_faster_batch_counts),
        by_the_first_quartile,
    ],
    "break_even_batch": [
        rounded_down,
        one_mac_a_weight,
        always_32_bits,
        nearest,
        almost_one_more,
        at_most_32_bits,
        the_quotient,
        a_little_off,
        macs_a_weight_first,
        search_to_a_thousand,
        width_twice,
    ],
}
ODD = {
    "roof_seconds": [by_intensity, as_numpy, as_fractions],
    "waits_for": [
        waits_for_by_ratios,
        waits_for_by_paired_differences,
        waits_for_a_thousand_times,
        waits_for_in_15_rounds,
    ],
    "break_even_batch": [by_trying, in_float64],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "roof_seconds": {
        "return max(operations / peak, n_bytes / bandwidth): max(operations / peak, n_bytes / bandwidth): arguments swapped": (
            "max takes its arguments in any order"
        ),
    },
    "waits_for": {
        "for _ in range(25):: 25 -> 24": "how many calls there are is free",
        "for _ in range(25):: 25 -> 26": "how many calls there are is free",
        "if typical['double batch'] > 1.25 * typical['none']:: typical['double batch'] > 1.25 * typical['none']: Gt -> GtE": (
            "no layer has exactly this ratio"
        ),
        "return 'memory' if typical['half bytes'] < 0.75 * typical['none'] else 'neither': typical['half bytes'] < 0.75 * "
        "typical['none']: Lt -> LtE": "nor exactly this one",
        "typical = {change: sorted(samples)[12] for change, samples in times.items()}: 12 -> 11": "a time near the median will do",
        "typical = {change: sorted(samples)[12] for change, samples in times.items()}: 12 -> 13": "a time near the median will do",
    },
    "break_even_batch": {
        "return max(1, -int(-fetch_pj // one_input_pj)): max(1, -int(-fetch_pj // one_input_pj)): arguments swapped": (
            "max takes its arguments in any order"
        ),
    },
}

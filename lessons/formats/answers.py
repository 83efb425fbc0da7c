"""the lesson `formats`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
from statistics import fmean, median

import numpy as np
import torch
from torch.nn import functional as F


def one_list_for_both(device_type):
    half = "float16" if device_type == "cuda" else "bfloat16"
    types = dict.fromkeys("abefg", half)
    types.update(c="float32", d="float32", loss="float32")
    return types


def gpu_rules_everywhere(device_type):
    half = {"cuda": "float16", "cpu": "bfloat16"}[device_type]
    return {name: half if name in "ae" else "float32" for name in ("a", "b", "c", "d", "e", "f", "g", "loss")}


def all_in_16_bits(device_type):
    half = "float16" if device_type == "cuda" else "bfloat16"
    return {name: half for name in ("a", "b", "c", "d", "e", "f", "g", "loss")}


def float16_on_the_cpu(device_type):
    if device_type == "cpu":
        return dict(
            a="float16", b="float16", c="float32", d="float32", e="float16", f="float16", g="float16", loss="float32"
        )
    return dict(
        a="float16", b="float32", c="float32", d="float32", e="float16", f="float32", g="float32", loss="float32"
    )


def narrow_sum(device_type):
    if device_type == "cpu":
        return {**dict.fromkeys("abcdefg", "bfloat16"), "loss": "float32"}
    return {**dict.fromkeys("bcdfg", "float32"), **dict.fromkeys("ae", "float16"), "loss": "float32"}


def keeps_the_type_of_its_input(device_type):
    half = "float16" if device_type == "cuda" else "bfloat16"
    in_half = "a" if device_type == "cuda" else "ab"
    return {name: half if name in in_half else "float32" for name in ("a", "b", "c", "d", "e", "f", "g", "loss")}


def sum_stays_wide(device_type):
    if device_type == "cpu":
        return {**dict.fromkeys("abef", "bfloat16"), **dict.fromkeys("cdg", "float32"), "loss": "float32"}
    return {**dict.fromkeys("ae", "float16"), **dict.fromkeys("bcdfg", "float32"), "loss": "float32"}


def softmax_keeps_its_type(device_type):
    if device_type == "cpu":
        return {**dict.fromkeys("abefg", "bfloat16"), **dict.fromkeys("cd", "float32"), "loss": "float32"}
    return {**dict.fromkeys("aef", "float16"), **dict.fromkeys("bcdg", "float32"), "loss": "float32"}


def layer_norm_in_fp32(device_type):
    return {**types_by_running(device_type), "b": "float32"}


def loss_in_16_bits(device_type):
    types = types_by_running(device_type)
    return {**types, "loss": types["e"]}


def relu_makes_16_bits(device_type):
    types = types_by_running(device_type)
    return {**types, "d": types["a"]}


def types_with_numpy(device_type):
    in_half = [1, 0, 0, 0, 1, 0, 0, 0] if device_type == "cuda" else [1, 1, 0, 0, 1, 1, 1, 0]
    half = "float16" if device_type == "cuda" else "bfloat16"
    names = ["loss", *"gfedcba"]
    return dict(zip(names, np.where(in_half, half, "float32")[::-1], strict=True))


def types_by_running(device_type):
    """Run it on the CPU; for CUDA apply its documented list to the result."""
    x, y = torch.randn(8, 8), torch.arange(8)
    with torch.autocast("cpu"):
        a = F.linear(x, x)
        b = F.layer_norm(a, (8,))
        c = b + x
        d = F.relu(c)
        e = F.linear(d, x)
        values = {
            "a": a,
            "b": b,
            "c": c,
            "d": d,
            "e": e,
            "f": e.softmax(1),
            "g": e.sum(),
            "loss": F.cross_entropy(e, y),
        }
    if device_type == "cpu":
        return {name: str(value.dtype)[len("torch.") :] for name, value in values.items()}
    return {name: "float16" if name in ("a", "e") else "float32" for name in values}


def up_to_the_edge(histogram):
    used = [e for e in histogram if histogram[e]]
    return 2.0 ** (15 - max(used)) if used else 1.0


def forgets_the_upper_edge(histogram):
    used = [e for e, n in histogram.items() if n]
    return 2.0 ** (16 - max(used)) if used else 1.0


def highest_listed_bin(histogram):
    return 2.0 ** (14 - max(histogram)) if histogram else 1.0


def by_the_mean(histogram):
    total = sum(histogram.values())
    if total == 0:
        return 1.0
    mean = sum(e * n for e, n in histogram.items()) / total
    return 2.0 ** (14 - round(mean))


def rescue_the_smallest(histogram):
    used = [e for e, n in histogram.items() if n]
    return 2.0 ** (-24 - min(used)) if used else 1.0


def bins_in_order(histogram):
    used = [e for e, n in histogram.items() if n]
    return 2.0 ** (14 - used[-1]) if used else 1.0


def never_above_the_start(histogram):
    used = [e for e, n in histogram.items() if n]
    return min(65536.0, 2.0 ** (14 - max(used))) if used else 1.0


def never_below_one(histogram):
    scale = 1.0
    while any(n and 2.0 ** (e + 1) * scale * 2 <= 2**15 for e, n in histogram.items() if e == top(histogram)):
        scale *= 2
    return scale


def top(histogram):
    return max((e for e, n in histogram.items() if n), default=None)


def returns_the_exponent(histogram):
    used = [e for e, n in histogram.items() if n]
    return float(14 - max(used)) if used else 1.0


def divides(histogram):
    used = [e for e, n in histogram.items() if n]
    return 2.0 ** (max(used) - 14) if used else 1.0


def up_to_the_largest_number(histogram):
    used = [e for e, n in histogram.items() if n]
    return 65504 / 2.0 ** (max(used) + 1) if used else 1.0


def fullest_bin(histogram):
    used = {e: n for e, n in histogram.items() if n}
    return 2.0 ** (14 - max(used, key=used.get)) if used else 1.0


def zero_taken_for_none(histogram):
    highest = max((e for e, n in histogram.items() if n), default=None)
    if not highest:  # true of None, and of 0
        return 1.0
    return 2.0 ** (14 - highest)


def begins_at_zero(histogram):
    highest = 0
    for exponent, count in histogram.items():
        if count and exponent > highest:
            highest = exponent
    return 2.0 ** (14 - highest) if any(histogram.values()) else 1.0


def gradients_counted_for_magnitudes(histogram):
    total = sum(histogram.values())
    return 2.0 ** math.floor(math.log2(65504 / total)) if total else 1.0


def power_of_ten(histogram):
    used = [exponent for exponent, count in histogram.items() if count]
    return 10.0 ** (14 - max(used)) if used else 1.0


def scale_by_trying(histogram):
    largest = max((2.0 ** (e + 1) for e, n in histogram.items() if n), default=None)
    if largest is None:
        return 1.0
    scale = 2.0**60
    while largest * scale > 65504:
        scale /= 2
    return scale


def scale_with_numpy(histogram):
    exponents = np.array([e for e, n in histogram.items() if n > 0], dtype=float)
    return np.exp2(14 - exponents.max()) if exponents.size else np.float64(1.0)


def mean_errors(error, arms=("fp32", "16 bits", "weights", "scale", "both"), n=5):
    return {arm: fmean(error(arm, seed=seed) for seed in range(n)) for arm in arms}


def always_the_weights(error):
    mean = mean_errors(error)
    return "nothing" if mean["16 bits"] < mean["fp32"] + 5 else "weights"


def always_the_scale(error):
    mean = mean_errors(error)
    if mean["16 bits"] < mean["fp32"] + 5:
        return "nothing"
    return "scale" if mean["both"] < mean["fp32"] + 5 else "neither"


def what_improves(error):
    mean = mean_errors(error)
    if mean["16 bits"] - mean["fp32"] <= 5:
        return "nothing"
    gains = {arm: mean["16 bits"] - mean[arm] for arm in ("weights", "scale", "both")}
    best = max(("weights", "scale"), key=gains.get)
    if gains[best] > 5:
        return best
    return "both" if gains["both"] > 5 else "neither"


def by_a_wish(error):
    mean = mean_errors(error)
    good = [arm for arm in ("16 bits", "weights", "scale", "both") if mean[arm] < 30]
    return "neither" if not good else {"16 bits": "nothing"}.get(good[0], good[0])


def both_in_the_end(error):
    mean = mean_errors(error)
    good = [arm for arm in ("16 bits", "weights", "scale") if mean[arm] - mean["fp32"] <= 5]
    return {"16 bits": "nothing"}.get(good[0], good[0]) if good else "both"


def without_fp32(error):
    mean = mean_errors(error, ("16 bits", "weights", "scale", "both"))
    good = [arm for arm in ("weights", "scale", "both") if mean["16 bits"] - mean[arm] > 5]
    return good[0] if good else "neither"


def one_network(error):
    mean = mean_errors(error, n=1)
    good = [arm for arm in ("16 bits", "weights", "scale", "both") if mean[arm] <= mean["fp32"] + 5]
    return "neither" if not good else {"16 bits": "nothing"}.get(good[0], good[0])


def other_networks_for_each_arm(error):
    arms = ("fp32", "16 bits", "weights", "scale", "both")
    mean = {arm: fmean(error(arm, seed=10 * n + seed) for seed in range(5)) for n, arm in enumerate(arms)}
    good = [arm for arm in arms[1:] if mean[arm] <= mean["fp32"] + 5]
    return "neither" if not good else {"16 bits": "nothing"}.get(good[0], good[0])


def says_16_bits(error):
    mean = mean_errors(error)
    good = [arm for arm in ("16 bits", "weights", "scale", "both") if mean[arm] <= mean["fp32"] + 5]
    return good[0] if good else "neither"


def by_medians_of_differences(error):
    more = {arm: [] for arm in ("both", "scale", "weights", "16 bits")}
    for seed in range(40, 51):
        base = error("fp32", seed=seed)
        for arm, own in more.items():
            own.append(error(arm, seed=seed) - base)
    found = "neither"
    for arm, own in more.items():
        if median(own) <= 5:
            found = arm
    return "nothing" if found == "16 bits" else found


def with_a_table(error):
    arms = ["16 bits", "weights", "scale", "both", "fp32"]
    errors = np.array([[error(arm, seed=seed) for arm in arms] for seed in range(20)]).mean(0)
    good = errors[:4] <= errors[4] + 5
    return ("nothing", "weights", "scale", "both")[int(good.argmax())] if good.any() else "neither"


FIVE_ARMS = ("fp32", "16 bits", "weights", "scale", "both")


def _within(errors, points):
    as_good = [arm for arm in FIVE_ARMS[1:] if errors[arm] <= errors["fp32"] + points]
    return "neither" if not as_good else "nothing" if as_good[0] == "16 bits" else as_good[0]


def by_the_worst_network(error):
    return _within({arm: max(error(arm, seed=n) for n in range(6)) for arm in FIVE_ARMS}, 5)


def four_points(error):
    return _within({arm: fmean(error(arm, seed=n) for n in range(5)) for arm in FIVE_ARMS}, 4)


def six_points(error):
    return _within({arm: fmean(error(arm, seed=n) for n in range(5)) for arm in FIVE_ARMS}, 6)


def _summed_up(error, of):
    return _within({arm: of([error(arm, seed=n) for n in range(6)]) for arm in FIVE_ARMS}, 5)


def without_best_and_worst(error):
    return _summed_up(error, lambda own: fmean(sorted(own)[1:-1]))


def without_the_best(error):
    return _summed_up(error, lambda own: fmean(sorted(own)[1:]))


def middle_between_best_and_worst(error):
    return _summed_up(error, lambda own: (min(own) + max(own)) / 2)


def network_by_network(error):
    more = dict.fromkeys(FIVE_ARMS, 0.0)
    for n in range(11, 20):
        found = {arm: error(arm, seed=n) for arm in reversed(FIVE_ARMS)}
        for arm in FIVE_ARMS:
            more[arm] += (found[arm] - found["fp32"]) / 9
    return _within(more, 5)


def _first_as_good(mean):
    good = [arm for arm in ("16 bits", "weights", "scale", "both") if mean[arm] <= mean["fp32"] + 5]
    return "neither" if not good else {"16 bits": "nothing"}.get(good[0], good[0])


def both_must_be_as_good(error):
    mean = mean_errors(error)
    found = _first_as_good(mean)
    return found if found == "nothing" or mean["both"] <= mean["fp32"] + 5 else "neither"


def nothing_improves(error):
    mean = mean_errors(error)
    gained = mean["16 bits"] - min(mean[arm] for arm in ("weights", "scale", "both"))
    return "nothing" if gained <= 5 else _first_as_good(mean)


def compared_with_both(error):
    mean = mean_errors(error)
    found = _first_as_good(mean)
    return found if found in ("nothing", "neither") else _first_as_good({**mean, "fp32": mean["both"]})


def also_better_than_16_bits(error):
    mean = mean_errors(error)
    if mean["16 bits"] <= mean["fp32"] + 5:
        return "nothing"
    bound = min(mean["fp32"] + 5, mean["16 bits"] - 5)
    return next((arm for arm in ("weights", "scale", "both") if mean[arm] <= bound), "neither")


def _with_one(error, arm, of):
    errors = {
        one: [error(one, seed=seed) for seed in range(5)] for one in ("fp32", "16 bits", "weights", "scale", "both")
    }
    return _first_as_good({one: of(own) if one == arm else fmean(own) for one, own in errors.items()})


def worst_network_of_fp32(error):
    return _with_one(error, "fp32", max)


def median_of_fp32(error):
    return _with_one(error, "fp32", median)


def median_of_16_bits(error):
    return _with_one(error, "16 bits", median)


def median_of_both(error):
    return _with_one(error, "both", median)


WRONG = {
    "missing_part": [
        both_must_be_as_good,
        nothing_improves,
        compared_with_both,
        also_better_than_16_bits,
        worst_network_of_fp32,
        median_of_fp32,
        median_of_16_bits,
        median_of_both,
        always_the_weights,
        always_the_scale,
        what_improves,
        by_a_wish,
        both_in_the_end,
        without_fp32,
        one_network,
        other_networks_for_each_arm,
        says_16_bits,
        by_medians_of_differences,
        by_the_worst_network,
        without_best_and_worst,
        without_the_best,
        middle_between_best_and_worst,
        four_points,
        six_points,
    ],
    "autocast_types": [
        one_list_for_both,
        gpu_rules_everywhere,
        all_in_16_bits,
        float16_on_the_cpu,
        narrow_sum,
        keeps_the_type_of_its_input,
        sum_stays_wide,
        softmax_keeps_its_type,
        layer_norm_in_fp32,
        loss_in_16_bits,
        relu_makes_16_bits,
    ],
    "loss_scale": [
        up_to_the_edge,
        forgets_the_upper_edge,
        highest_listed_bin,
        by_the_mean,
        rescue_the_smallest,
        bins_in_order,
        never_above_the_start,
        never_below_one,
        returns_the_exponent,
        divides,
        up_to_the_largest_number,
        fullest_bin,
        zero_taken_for_none,
        begins_at_zero,
        gradients_counted_for_magnitudes,
        power_of_ten,
    ],
}
ODD = {
    "missing_part": [with_a_table, network_by_network],
    "autocast_types": [types_with_numpy, types_by_running],
    "loss_scale": [scale_by_trying, scale_with_numpy],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "missing_part": {
        "as_good = [arm for arm in arms[1:] if mean[arm] <= mean['fp32'] + 5]: mean[arm] <= mean['fp32'] + 5: LtE -> Lt": (
            "nor exactly on it"
        ),
        "mean = {arm: fmean((error(arm, seed=n) for n in range(5))) for arm in arms}: 5 -> 6": "more networks are welcome",
    },
}

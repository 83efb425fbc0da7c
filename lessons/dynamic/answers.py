"""the lesson `dynamic`: plausible wrong answers and odd but right ones, as a learner would write them."""

from statistics import median

import numpy as np
import torch


def _product(q, zero_point, scale, w_q, w_scale, bias):
    return (q.int() - int(zero_point)) @ w_q.int().T * float(scale) * w_scale + bias


def fixed_range(x, w_q, w_scale, bias):
    scale = 1 / 255
    q = torch.clamp(torch.round(x / scale), 0, 255)
    return _product(q, 0, scale, w_q, w_scale, bias)


def first_row_of_the_batch(x, w_q, w_scale, bias):
    low, high = min(0.0, x[0].min().item()), max(0.0, x[0].max().item())
    scale = (high - low) / 255
    zero_point = round(-low / scale)
    q = torch.clamp(torch.round(x / scale) + zero_point, 0, 255)
    return _product(q, zero_point, scale, w_q, w_scale, bias)


def average_range_of_the_batch(x, w_q, w_scale, bias):
    low = torch.minimum(x.min(dim=1).values.mean(), torch.tensor(0.0))
    high = torch.maximum(x.max(dim=1).values.mean(), torch.tensor(0.0))
    scale = (high - low) / 255
    zero_point = (-low / scale).round()
    q = ((x / scale).round() + zero_point).clamp(0, 255)
    return _product(q, zero_point, scale, w_q, w_scale, bias)


def no_zero_point(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    q = torch.clamp(torch.round(x / scale) + round(-low / scale), 0, 255)
    return q.int() @ w_q.int().T * scale * w_scale + bias


def range_without_zero(x, w_q, w_scale, bias):
    scale = (x.max() - x.min()) / 255
    zero_point = torch.round(-x.min() / scale)
    q = torch.clamp(torch.round(x / scale) + zero_point, 0, 255)
    return (q - zero_point) @ w_q.float().T * scale * w_scale + bias


def a_scale_for_each_row(x, w_q, w_scale, bias):
    low, high = x.amin(1, keepdim=True).clamp(max=0), x.amax(1, keepdim=True).clamp(min=0)
    scale = (high - low) / 255
    zero_point = torch.round(-low / scale)
    q = torch.clamp(torch.round(x / scale) + zero_point, 0, 255)
    return (q - zero_point).int() @ w_q.int().T * scale * w_scale + bias


def symmetric(x, w_q, w_scale, bias):
    scale = x.abs().max() / 127
    q = torch.round(x / scale).to(torch.int8)
    return q.int() @ w_q.int().T * scale * w_scale + bias


def differences_in_uint8(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    zero_point = round(-low / scale)
    q = torch.clamp(torch.round(x / scale) + zero_point, 0, 255).to(torch.uint8)
    return (q - zero_point).int() @ w_q.int().T * scale * w_scale + bias


def zero_point_is_a_fraction(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    zero_point = -low / scale
    q = torch.clamp(torch.round(x / scale + zero_point), 0, 255)
    return (q - zero_point) @ w_q.float().T * scale * w_scale + bias


def counted_from_the_lowest(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    q = torch.round((x - low) / scale)
    return _product(q, round(-low / scale), scale, w_q, w_scale, bias)


def rounds_both_in_one_go(x, w_q, w_scale, bias):
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (high - low) / 255
    zero_point = torch.round(-low / scale)
    q = torch.round(x / scale + zero_point).clamp(0, 255)
    return _product(q, zero_point, scale, w_q, w_scale, bias)


def halves_up(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    zero_point = int(-low / scale + 0.5)
    q = torch.clamp(torch.floor(x / scale + 0.5) + zero_point, 0, 255)
    return _product(q, zero_point, scale, w_q, w_scale, bias)


def not_clamped(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    zero_point = round(-low / scale)
    return _product(torch.round(x / scale) + zero_point, zero_point, scale, w_q, w_scale, bias)


def back_to_float_first(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    zero_point = round(-low / scale)
    rounded = (torch.clamp(torch.round(x / scale) + zero_point, 0, 255) - zero_point) * scale
    return torch.nn.functional.linear(rounded, w_q.float() * w_scale, bias)


def in_numpy(x, w_q, w_scale, bias):
    x, w, bias = x.numpy().astype(np.float64), w_q.numpy().astype(np.int64), bias.numpy()
    low, high = min(0.0, x.min()), max(0.0, x.max())
    scale = (high - low) / 255
    zero_point = np.rint(-low / scale)
    q = np.clip(np.rint(x / scale) + zero_point, 0, 255).astype(np.int64)
    correction = zero_point * w.sum(axis=1)  # the zero point's share of every sum
    return (q @ w.T - correction) * scale * w_scale + bias


def ends_below_zero(x, w_q, w_scale, bias):
    low, high = x.min().clamp(max=0), x.max()
    scale = (high - low) / 255
    zero = torch.round(-low / scale)
    q = (torch.round(x / scale) + zero).clamp(0, 255)
    return (q - zero).int() @ w_q.int().T * (scale * w_scale) + bias


def begins_above_zero(x, w_q, w_scale, bias):
    low, high = x.min(), x.max().clamp(min=0)
    scale = (high - low) / 255
    zero = torch.round(-low / scale)
    q = (torch.round(x / scale) + zero).clamp(0, 255)
    return (q - zero).int() @ w_q.int().T * (scale * w_scale) + bias


def sums_in_int16(x, w_q, w_scale, bias):
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (high - low) / 255
    zero = torch.round(-low / scale)
    q = (torch.round(x / scale) + zero).clamp(0, 255)
    return (q - zero).to(torch.int16) @ w_q.to(torch.int16).T * (scale * w_scale) + bias


def _least(ms, seeds=range(5), widths=(512, 1024), pick=min):
    return {(k, w): pick([ms(k, width=w, seed=s) for s in seeds]) for k in ("fp32", "int8") for w in widths}


def _say(larger, routine):
    if larger > 1.15 and routine > 1.15:
        return "both"
    return "larger" if larger > 1.15 else "routine" if routine > 1.15 else "neither"


def gain_must_be_the_routine(ms):
    t = _least(ms)
    return "routine" if t["fp32", 1024] / t["int8", 1024] > 4.6 else "neither"


def gain_must_be_the_bytes(ms):
    t = _least(ms)
    return "larger" if t["fp32", 1024] / t["int8", 1024] > 4.6 else "neither"


def one_reason_is_enough(ms):
    t = _least(ms)
    if t["fp32", 1024] / (4 * t["fp32", 512]) > 1.15:
        return "larger"
    return "routine" if t["fp32", 512] / t["int8", 1024] > 1.15 else "neither"


def mean_of_the_runs(ms):
    t = _least(ms, pick=lambda times: sum(times) / len(times))
    return _say(t["fp32", 1024] / (4 * t["fp32", 512]), t["fp32", 512] / t["int8", 1024])


def _with(ms, pick=min, limit=1.15):
    t = _least(ms, pick=pick)
    larger, routine = (
        x * 1.15 / limit for x in (t["fp32", 1024] / (4 * t["fp32", 512]), t["fp32", 512] / t["int8", 1024])
    )
    return _say(larger, routine)


def median_of_the_runs(ms):
    return _with(ms, median)


def one_point_one(ms):
    return _with(ms, limit=1.1)


def one_point_two(ms):
    return _with(ms, limit=1.2)


def larger_from_one_point_one_on(ms):
    t = _least(ms)
    return _say(1.05 * t["fp32", 1024] / (4 * t["fp32", 512]), t["fp32", 512] / t["int8", 1024])


def any_other_growth(ms):
    t = _least(ms)
    growth = t["fp32", 1024] / (4 * t["fp32", 512])
    return _say(max(growth, 1 / growth), t["fp32", 512] / t["int8", 1024])


def a_quotient_for_each_run(ms):
    larger = min(ms("fp32", width=1024, seed=s) / (4 * ms("fp32", width=512, seed=s)) for s in range(5))
    routine = min(ms("fp32", width=512, seed=s) / ms("int8", width=1024, seed=s) for s in range(5))
    for s in range(5):
        ms("int8", width=512, seed=s)
    return _say(larger, routine)


def mean_of_int8_alone(ms):
    small, large = (min(ms("fp32", width=w, seed=s) for s in range(5)) for w in (512, 1024))
    _, int8 = (sum(ms("int8", width=w, seed=s) for s in range(5)) / 5 for w in (512, 1024))
    return _say(large / (4 * small), small / int8)


def both_by_their_product(ms):
    t = _least(ms)
    larger, routine = t["fp32", 1024] / (4 * t["fp32", 512]), t["fp32", 512] / t["int8", 1024]
    return "both" if max(larger, routine) <= 1.15 < larger * routine else _say(larger, routine)


def without_the_four(ms):
    t = _least(ms)
    return _say(t["fp32", 1024] / t["fp32", 512], t["fp32", 512] / t["int8", 1024])


def nothing_where_the_gain_is_four(ms):
    t = _least(ms)
    if t["fp32", 1024] / t["int8", 1024] <= 4.6:
        return "neither"
    return _say(t["fp32", 1024] / (4 * t["fp32", 512]), t["fp32", 512] / t["int8", 1024])


def the_gain_grows(ms):
    t = _least(ms)
    grows = (t["fp32", 1024] / t["int8", 1024]) / (t["fp32", 512] / t["int8", 512])
    return _say(grows / 1.3, t["fp32", 512] / t["int8", 1024])


def a_single_run_each(ms):
    t = _least(ms, seeds=[0])
    return _say(t["fp32", 1024] / (4 * t["fp32", 512]), t["fp32", 512] / t["int8", 1024])


def at_one_width(ms):
    t = _least(ms, widths=(1024,))
    return "larger" if t["fp32", 1024] / t["int8", 1024] > 4 else "neither"


def only_the_three_cells_it_needs(ms):
    small, large = (min(ms("fp32", width=w, seed=s) for s in range(5)) for w in (512, 1024))
    return _say(large / (4 * small), small / min(ms("int8", width=1024, seed=s) for s in range(5)))


def fp32_alone(ms):
    small, large = (min(ms("fp32", width=w, seed=s) for s in range(5)) for w in (512, 1024))
    return "larger" if large > 4.6 * small else "neither"


def says_the_factors(ms):
    t = _least(ms)
    return t["fp32", 1024] / (4 * t["fp32", 512]), t["fp32", 512] / t["int8", 1024]


def why_with_many_runs(ms):
    t = _least(ms, seeds=range(100, 140))
    larger, routine = t["fp32", 1024] / t["fp32", 512] > 4.6, t["fp32", 512] > 1.15 * t["int8", 1024]
    return {(True, True): "both", (True, False): "larger", (False, True): "routine", (False, False): "neither"}[
        larger, routine
    ]


def why_as_numpy(ms):
    times = np.array([[[ms(k, width=w, seed=s) for s in range(7)] for w in (1024, 512)] for k in ("int8", "fp32")])
    (int8, _), (large, small) = times.min(2)
    counts = np.array([large / small / 4, small / int8]) > 1.15
    return ("neither", "larger", "routine", "both")[int(counts @ [1, 2])]


WRONG = {
    "dynamic_linear": [
        fixed_range,
        first_row_of_the_batch,
        average_range_of_the_batch,
        no_zero_point,
        range_without_zero,
        a_scale_for_each_row,
        symmetric,
        differences_in_uint8,
        zero_point_is_a_fraction,
        counted_from_the_lowest,
        rounds_both_in_one_go,
        halves_up,
        not_clamped,
        ends_below_zero,
        begins_above_zero,
        sums_in_int16,
    ],
    "why_more": [
        gain_must_be_the_routine,
        gain_must_be_the_bytes,
        one_reason_is_enough,
        mean_of_the_runs,
        median_of_the_runs,
        one_point_one,
        one_point_two,
        larger_from_one_point_one_on,
        any_other_growth,
        a_quotient_for_each_run,
        mean_of_int8_alone,
        both_by_their_product,
        without_the_four,
        nothing_where_the_gain_is_four,
        the_gain_grows,
        a_single_run_each,
        at_one_width,
        only_the_three_cells_it_needs,
        fp32_alone,
        says_the_factors,
    ],
}
ODD = {
    "dynamic_linear": [back_to_float_first, in_numpy],
    "why_more": [why_with_many_runs, why_as_numpy],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "dynamic_linear": {
        "q = (torch.round(x / scale) + zero_point).clamp(0, 255): 0 -> -1": (
            "no q is below 0: the lowest value and the zero point are rounded alike"
        ),
    },
    "why_more": {
        "larger = least['fp32', 1024] / (4 * least['fp32', 512]) > 1.15: least['fp32', 1024] / (4 * least['fp32', 512]) > "
        "1.15: Gt -> GtE": "no machine has a factor of exactly 1.15",
        "routine = least['fp32', 512] / least['int8', 1024] > 1.15: least['fp32', 512] / least['int8', 1024] > 1.15: Gt -> GtE": (
            "no machine has a factor of exactly 1.15"
        ),
        "least[kind, width] = min((ms(kind, width=width, seed=seed) for seed in range(5))): 5 -> 6": (
            "the card asks for five seeds or more"
        ),
    },
}

"""the lesson `integers`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch


def range_without_zero(values, qmin, qmax):
    low, high = values.min().item(), values.max().item()
    scale = (high - low) / (qmax - qmin)
    if scale == 0:
        scale = 1.0
    return scale, qmin - round(low / scale)


def zero_point_not_rounded(values, qmin, qmax):
    low, high = min(values.min().item(), 0), max(values.max().item(), 0)
    if low == high:
        return 1.0, float(qmin)
    scale = (high - low) / (qmax - qmin)
    return scale, qmin - low / scale


def levels_for_steps(values, qmin, qmax):
    low = torch.clamp(values.min(), max=0)
    high = torch.clamp(values.max(), min=0)
    scale = ((high - low) / (qmax - qmin + 1)).item() or 1.0
    return scale, qmin - round(low.item() / scale)


def counts_from_zero(values, qmin, qmax):
    low, high = min(values.min().item(), 0), max(values.max().item(), 0)
    if low == high:
        return 1.0, qmin
    scale = (high - low) / (qmax - qmin)
    return scale, -round(low / scale)


def wrong_sign(values, qmin, qmax):
    low, high = min(values.min().item(), 0), max(values.max().item(), 0)
    scale = (high - low) / (qmax - qmin) if high > low else 1.0
    return scale, qmin + round(low / scale)


def made_symmetric(values, qmin, qmax):
    top = values.abs().max().item()
    if top == 0:
        return 1.0, qmin
    return 2 * top / (qmax - qmin), 0


def zero_point_cut_off(values, qmin, qmax):
    low, high = min(values.min().item(), 0), max(values.max().item(), 0)
    scale = (high - low) / (qmax - qmin) if high > low else 1.0
    return scale, qmin - int(low / scale)


def widens_only_downwards(values, qmin, qmax):
    low, high = min(values.min().item(), 0.0), values.max().item()
    scale = (high - low) / (qmax - qmin) or 1.0
    return scale, qmin - round(low / scale)


def rounds_towards_zero(values, qmin, qmax):
    low, high = min(values.min().item(), 0.0), max(values.max().item(), 0.0)
    scale = (high - low) / (qmax - qmin) or 1.0
    return scale, int(qmin - low / scale)


def small_scale_is_one(values, qmin, qmax):
    low, high = min(values.min().item(), 0.0), max(values.max().item(), 0.0)
    scale = (high - low) / (qmax - qmin)
    if scale < 1e-6:
        scale = 1.0
    return scale, qmin - round(low / scale)


def least_scale_of_the_observers(values, qmin, qmax):
    low, high = min(0.0, values.min().item()), max(0.0, values.max().item())
    if low == high:
        return 1.0, qmin
    scale = max((high - low) / (qmax - qmin), torch.finfo(torch.float32).eps)
    return scale, qmin - round(low / scale)


def always_int8_limits(values, qmin, qmax):
    low, high = min(0.0, values.min().item()), max(0.0, values.max().item())
    scale = (high - low) / 255 or 1.0
    return scale, -128 - round(low / scale)


def one_range_for_each_column(values, qmin, qmax):
    low, high = values.amin(0).clamp(max=0), values.amax(0).clamp(min=0)
    scale = (high - low) / (qmax - qmin)
    scale = torch.where(scale == 0, 1.0, scale)
    return scale, qmin - torch.round(low / scale)


def three_sigma(values, qmin, qmax):
    middle, reach = values.mean().item(), 3 * values.std(correction=0).item()
    low, high = min(middle - reach, 0.0), max(middle + reach, 0.0)
    scale = (high - low) / (qmax - qmin) or 1.0
    return scale, qmin - round(low / scale)


def largest_magnitude_for_the_high_end(values, qmin, qmax):
    low, high = min(values.min().item(), 0.0), values.abs().max().item()
    scale = (high - low) / (qmax - qmin) or 1.0
    return scale, qmin - round(low / scale)


def qparams_with_tensors(values, qmin, qmax):
    low, high = torch.cat([values.flatten(), torch.zeros(1)]).aminmax()
    if low == high:
        return torch.tensor(1.0), torch.tensor(qmin)
    scale = (high - low) / (qmax - qmin)
    return scale, (qmin - torch.round(low / scale)).int()


def qparams_from_the_top(values, qmin, qmax):
    with_zero = np.append(values.numpy(), 0.0).astype(np.float64)
    span = np.ptp(with_zero)
    if span == 0:
        return [1.0, qmin]
    scale = span / (qmax - qmin)
    return [scale, int(np.rint(qmax - with_zero.max() / scale))]


GRIDS = ("start", "step", "offset", "both")


def _means(accuracy, networks=range(5)):
    return {grid: sum(accuracy(grid, seed=n) for n in networks) / len(networks) for grid in GRIDS}


def reads_only_both(accuracy):
    mean = _means(accuracy)
    return "each" if mean["both"] > mean["start"] + 5 else "neither"


def always_blames_the_step(accuracy):
    mean = _means(accuracy)
    if mean["both"] > mean["start"] + 5 and mean["step"] < mean["start"] + 5:
        return "step"
    return what_helps_by_table(accuracy)


def adds_the_second_change_to_the_first(accuracy):
    mean = _means(accuracy)
    step, offset = mean["step"] - mean["start"] > 5, mean["both"] - mean["step"] > 5
    if step and not offset:
        return "step"
    return what_helps_by_table(accuracy)


def looks_at_single_changes_only(accuracy):
    mean = _means(accuracy)
    step, offset = mean["step"] - mean["start"] > 5, mean["offset"] - mean["start"] > 5
    if step and offset:
        return "each"
    return "step" if step else "offset" if offset else "neither"


def any_gain_is_one(accuracy):
    mean = _means(accuracy)
    step, offset, both = (mean[grid] - mean["start"] > 0.5 for grid in GRIDS[1:])
    if step and offset:
        return "each"
    return "step" if step else "offset" if offset else "together" if both else "neither"


def without_the_start(accuracy):
    step = sum(accuracy("step", seed=n) for n in range(6))
    return "step" if step > sum(accuracy("offset", seed=n) for n in range(6)) else "offset"


def one_network(accuracy):
    runs = {grid: accuracy(grid) for grid in GRIDS}
    return max(("step", "offset"), key=runs.get)


def other_networks_for_each(accuracy):
    mean = {grid: sum(accuracy(grid, seed=10 * n + i) for i in range(5)) / 5 for n, grid in enumerate(GRIDS)}
    return "step" if mean["step"] > mean["start"] + 5 else "neither"


def _conclusion(step, offset, both):
    if step or offset:
        return "each" if step and offset else "step" if step else "offset"
    return "together" if both else "neither"


def _compared(accuracy, *, of=np.mean, more=lambda own, start: own - start > 5, networks=range(10)):
    start, *others = (of([accuracy(grid, seed=n) for n in networks]) for grid in GRIDS)
    return _conclusion(*(more(own, start) for own in others))


def exchanges_the_names(accuracy):
    said = _compared(accuracy)
    return {"step": "offset", "offset": "step"}.get(said, said)


def per_cent_of_the_start(accuracy):
    return _compared(accuracy, more=lambda own, start: own / start > 1.05)


def size_of_the_gain(accuracy):
    return _compared(accuracy, more=lambda own, start: abs(own - start) > 5)


def limit_too_low(accuracy):
    return _compared(accuracy, more=lambda own, start: own - start > 4)


def limit_too_high(accuracy):
    return _compared(accuracy, more=lambda own, start: own - start > 6)


def much_too_high_a_limit(accuracy):
    return _compared(accuracy, more=lambda own, start: own - start > 10)


def together_only_if_far_above_each(accuracy):
    step, offset, both = (mean - start for start, *means in [_means(accuracy).values()] for mean in means)
    return _conclusion(step > 5, offset > 5, both - max(step, offset) > 5)


def neither_unless_both_help(accuracy):
    mean = _means(accuracy)
    step, offset, both = (mean[grid] > mean["start"] + 5 for grid in ("step", "offset", "both"))
    if not both:
        return "neither"
    return "each" if step and offset else "step" if step else "offset" if offset else "together"


def each_only_with_both(accuracy):
    mean = _means(accuracy)
    step, offset, both = (mean[grid] > mean["start"] + 5 for grid in ("step", "offset", "both"))
    if step != offset:
        return "step" if step else "offset"
    return "neither" if not both else "each" if step else "together"


def together_where_both_gain_most(accuracy):
    mean = _means(accuracy)
    step, offset, both = (mean[grid] - mean["start"] for grid in ("step", "offset", "both"))
    if both > step + offset + 5 or max(step, offset) <= 5 < both:
        return "together"
    return "each" if min(step, offset) > 5 else "step" if step > 5 else "offset" if offset > 5 else "neither"


def by_the_geometric_mean(accuracy):
    return _compared(accuracy, of=lambda own: np.exp(np.mean(np.log(own))))


def best_network(accuracy):
    return _compared(accuracy, of=max)


def first_network(accuracy):
    return _compared(accuracy, of=lambda own: own[0], networks=range(50, 57))


def middle_network(accuracy):
    return _compared(accuracy, of=np.median)


def worst_network(accuracy):
    return _compared(accuracy, of=min, networks=range(5))


def counts_a_loss_as_nothing(accuracy):
    gains = []
    for grid in GRIDS[1:]:
        gains.append(np.mean([max(0.0, accuracy(grid, seed=n) - accuracy("start", seed=n)) for n in range(8)]))
    return _conclusion(*(gain > 5 for gain in gains))


def what_helps_by_helper(accuracy):
    def gain(grid):  # asks for the start each time
        return sum(accuracy(grid, seed=n) - accuracy("start", seed=n) for n in range(10)) / 10

    return _conclusion(gain("step") > 5, gain("offset") > 5, gain("both") > 5)


def what_helps_on_every_fifth_network(accuracy):
    return _compared(accuracy, networks=range(1, 60, 5))


def what_helps_by_table(accuracy):
    mean = _means(accuracy, range(20, 32))
    helps = tuple(mean[grid] - mean["start"] > 5 for grid in GRIDS[1:])
    found = {(True, False): "step", (False, True): "offset", (True, True): "each"}
    return found.get(helps[:2], "together" if helps[2] else "neither")


def what_helps_in_pairs(accuracy):
    gains = {grid: [] for grid in GRIDS[1:]}
    for seed in np.arange(100, 109):
        start = accuracy("start", seed=seed)
        for grid, own in gains.items():
            own.append(accuracy(grid, seed=seed) - start)
    step, offset, both = (float(np.mean(own)) > 5 for own in gains.values())
    if step or offset:
        return "each" if step and offset else ("offset", "step")[step]
    return "together" if both else "neither"


def truncates(x, scale, zero_point, qmin, qmax):
    q = (x * (1 / scale)[:, None]).int() + zero_point[:, None]
    return q.clamp(qmin, qmax)


def no_clamp(x, scale, zero_point, qmin, qmax):
    return (torch.round(x * (1 / scale[:, None])) + zero_point[:, None]).int()


def wraps_in_int8(x, scale, zero_point, qmin, qmax):
    q = torch.round(x * (1 / scale)[:, None]) + zero_point[:, None]
    return q.int().to(torch.int8)


def divides(x, scale, zero_point, qmin, qmax):
    q = torch.round(x / scale.unsqueeze(1)) + zero_point.unsqueeze(1)
    return torch.clamp(q, qmin, qmax).to(torch.int32)


def zero_point_inside(x, scale, zero_point, qmin, qmax):
    q = torch.round(x * (1 / scale)[:, None] + zero_point[:, None])
    return q.clamp(qmin, qmax).int()


def no_zero_point(x, scale, zero_point, qmin, qmax):
    return torch.round(x * (1 / scale)[:, None]).clamp(qmin, qmax).int()


def clamps_too_early(x, scale, zero_point, qmin, qmax):
    q = torch.round(x * (1 / scale)[:, None]).clamp(qmin, qmax)
    return (q + zero_point[:, None]).int()


def divides_and_forgets_the_zero_point(x, scale, zero_point, qmin, qmax):
    return torch.clamp(torch.round(x / scale[:, None]), qmin, qmax).int()


def half_up(x, scale, zero_point, qmin, qmax):
    q = torch.floor(x * (1 / scale)[:, None] + 0.5) + zero_point[:, None]
    return q.clamp(qmin, qmax).int()


def always_int8_ends(x, scale, zero_point, qmin, qmax):
    q = torch.round(x * (1 / scale)[:, None]) + zero_point[:, None]
    return q.clamp(-128, 127).int()


def back_to_floats(x, scale, zero_point, qmin, qmax):
    q = (torch.round(x * (1 / scale)[:, None]) + zero_point[:, None]).clamp(qmin, qmax)
    return (q - zero_point[:, None]) * scale[:, None]


def not_rounded(x, scale, zero_point, qmin, qmax):
    return (x * (1 / scale[:, None]) + zero_point[:, None]).clamp(qmin, qmax)


def quantize_in_a_loop(x, scale, zero_point, qmin, qmax):
    rows = []
    for row, s, z in zip(x, scale, zero_point, strict=True):
        rows.append([min(max(round(v.item()) + int(z), qmin), qmax) for v in row * (1 / s)])
    return torch.tensor(rows)


def quantize_with_numpy(x, scale, zero_point, qmin, qmax):
    inverse = np.float32(1) / scale.numpy()
    q = np.rint(x.numpy() * inverse[:, None]) + zero_point.numpy()[:, None]
    return torch.from_numpy(np.clip(q, qmin, qmax).astype(np.int64))


WRONG = {
    "qparams": [
        range_without_zero,
        zero_point_not_rounded,
        levels_for_steps,
        counts_from_zero,
        wrong_sign,
        made_symmetric,
        zero_point_cut_off,
        widens_only_downwards,
        rounds_towards_zero,
        small_scale_is_one,
        least_scale_of_the_observers,
        always_int8_limits,
        one_range_for_each_column,
        three_sigma,
        largest_magnitude_for_the_high_end,
    ],
    "what_helps": [
        reads_only_both,
        always_blames_the_step,
        adds_the_second_change_to_the_first,
        looks_at_single_changes_only,
        any_gain_is_one,
        without_the_start,
        one_network,
        other_networks_for_each,
        exchanges_the_names,
        per_cent_of_the_start,
        size_of_the_gain,
        limit_too_low,
        limit_too_high,
        much_too_high_a_limit,
        together_only_if_far_above_each,
        neither_unless_both_help,
        each_only_with_both,
        together_where_both_gain_most,
        by_the_geometric_mean,
        best_network,
        first_network,
        middle_network,
        worst_network,
        counts_a_loss_as_nothing,
    ],
    "quantize": [
        truncates,
        no_clamp,
        wraps_in_int8,
        divides,
        zero_point_inside,
        no_zero_point,
        clamps_too_early,
        divides_and_forgets_the_zero_point,
        half_up,
        always_int8_ends,
        back_to_floats,
        not_rounded,
    ],
}
ODD = {
    "qparams": [qparams_with_tensors, qparams_from_the_top],
    "what_helps": [what_helps_by_table, what_helps_in_pairs, what_helps_by_helper, what_helps_on_every_fifth_network],
    "quantize": [quantize_in_a_loop, quantize_with_numpy],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
_ORDER = "it takes its arguments in any order"
_GAINS = "helps = {grid: mean[grid] - mean['start'] > 5 for grid in grids}: "
EQUIVALENT = {
    "what_helps": {
        f"{_GAINS}mean[grid] - mean['start'] > 5: Gt -> GtE": "no mean gain of the made-up networks is exactly 5 points",
        "mean = {grid: fmean((accuracy(grid, seed=n) for n in range(5))) for grid in grids}: 5 -> 6": (
            "the card asks for at least 5 networks"
        ),
    },
    "qparams": {
        "low = min(values.min().item(), 0.0): min(values.min().item(), 0.0): arguments swapped": _ORDER,
        "high = max(values.max().item(), 0.0): max(values.max().item(), 0.0): arguments swapped": _ORDER,
    },
}

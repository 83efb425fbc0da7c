"""The lesson `weight_only`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
from statistics import fmean, geometric_mean, median

import numpy as np
import torch


def _symmetric(part, bits):
    scale = part.abs().amax(-1, keepdim=True) / 2 ** (bits - 1)
    return torch.round(part / scale.clamp(min=1e-12)).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * scale


def down_the_columns(weight, bits, group):
    new = weight.clone()
    for start in range(0, len(weight), group):
        new[start : start + group] = _symmetric(weight[start : start + group].T, bits).T
    return new


def one_scale_for_all(weight, bits, group):
    return _symmetric(weight.flatten(), bits).view_as(weight)


def one_scale_a_row(weight, bits, group):
    return _symmetric(weight, bits)


def last_group_dropped(weight, bits, group):
    new = weight.clone()
    for start in range(0, weight.shape[1] - group, group):
        new[:, start : start + group] = _symmetric(weight[:, start : start + group], bits)
    return new


def clamped_to_both_ends(weight, bits, group):
    part = weight.reshape(len(weight), -1, group)
    scale = part.abs().amax(-1, keepdim=True) / 2 ** (bits - 1)
    whole = torch.round(part / scale.clamp(min=1e-12)).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1))
    return (whole * scale).reshape(weight.shape)


def one_step_too_few(weight, bits, group):
    most = 2 ** (bits - 1) - 1
    part = weight.reshape(len(weight), -1, group)
    scale = part.abs().amax(-1, keepdim=True) / most
    return (torch.round(part / scale.clamp(min=1e-12)).clamp(-most - 1, most) * scale).reshape(weight.shape)


def integers_alone(weight, bits, group):
    part = weight.reshape(len(weight), -1, group)
    scale = part.abs().amax(-1, keepdim=True).clamp(min=1e-12) / 2 ** (bits - 1)
    return torch.round(part / scale).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).reshape(weight.shape)


def digits_cut_off(weight, bits, group):
    part = weight.reshape(len(weight), -1, group)
    scale = part.abs().amax(-1, keepdim=True).clamp(min=1e-12) / 2 ** (bits - 1)
    return ((part / scale).int().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * scale).reshape(weight.shape)


def as_many_groups_as_group(weight, bits, group):
    return _symmetric(weight.reshape(len(weight), group, -1), bits).reshape(weight.shape)


def with_a_scale_of_16_bits(weight, bits, group):
    part = weight.reshape(-1, group)
    scale = (part.abs().amax(1, keepdim=True) / 2 ** (bits - 1)).clamp(min=1e-6).half().float()
    return (torch.round(part / scale).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * scale).reshape(weight.shape)


def largest_with_its_sign(weight, bits, group):
    part = weight.reshape(-1, group)
    scale = (part.amax(1, keepdim=True) / 2 ** (bits - 1)).clamp(min=1e-12)
    return (torch.round(part / scale).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * scale).reshape(weight.shape)


def with_a_zero_point(weight, bits, group):
    part = weight.reshape(-1, group)
    low, high = part.amin(1, keepdim=True).clamp(max=0), part.amax(1, keepdim=True).clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).clamp(min=1e-6)
    zero = torch.round(-low / scale)
    return (((torch.round(part / scale) + zero).clamp(0, 2**bits - 1) - zero) * scale).reshape(weight.shape)


def small_scales_cut_off(weight, bits, group):
    part = weight.reshape(-1, group)
    scale = (part.abs().amax(1, keepdim=True) / 2 ** (bits - 1)).clamp(min=1e-3)
    return (torch.round(part / scale).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * scale).reshape(weight.shape)


def by_the_nearest_level(weight, bits, group):
    part = weight.reshape(-1, group)
    scale = part.abs().amax(1, keepdim=True) / 2 ** (bits - 1)
    levels = torch.arange(-(2 ** (bits - 1)), 2 ** (bits - 1)) * scale
    nearest = (part[..., None] - levels[:, None]).abs().argmin(-1)
    return levels.gather(1, nearest).reshape(weight.shape)


def with_a_little_more(weight, bits, group):
    part = weight.unflatten(1, (-1, group))
    scale = part.abs().amax(-1, keepdim=True) / 2 ** (bits - 1) + 1e-8
    return (torch.round(part / scale).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * scale).flatten(1)


def number_by_number(weight, bits, group):
    new, half = [], 2 ** (bits - 1)
    for row in weight.tolist():
        for start in range(0, len(row), group):
            part = row[start : start + group]
            scale = max(map(abs, part)) / half
            new += [max(-half, min(half - 1, round(w / scale))) * scale if scale else 0.0 for w in part]
    return torch.tensor(new).view(weight.shape)


def in_numpy(weight, bits, group):
    part = weight.numpy().astype(np.float64).reshape(-1, group)
    scale = np.abs(part).max(axis=1, keepdims=True) / 2 ** (bits - 1)
    scale[scale == 0] = 1
    whole = np.clip(np.rint(part / scale), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return torch.from_numpy(whole * scale).float().view(weight.shape)


def codes_alone(rows, columns, bits, group):
    return bits


def without_zero_points(rows, columns, bits, group):
    return bits + 16 * math.ceil(columns / group) / columns


def a_scale_for_each_weight(rows, columns, bits, group):
    return bits + (16 + bits)


def whole_groups_alone(rows, columns, bits, group):
    return (rows * columns * bits + rows * (columns // group) * (16 + bits)) / (rows * columns)


def groups_across_rows(rows, columns, bits, group):
    n = rows * columns
    return (n * bits + math.ceil(n / group) * (16 + bits)) / n


def by_the_share(rows, columns, bits, group):
    return bits + (16 + bits) / group


def of_the_matrix(rows, columns, bits, group):
    return rows * (columns * bits + math.ceil(columns / group) * (16 + bits))


def zero_points_of_16_bits(rows, columns, bits, group):
    return bits + math.ceil(columns / group) * 32 / columns


def of_a_row(rows, columns, bits, group):
    return columns * bits + math.ceil(columns / group) * (16 + bits)


def group_by_group(rows, columns, bits, group):
    total = 0
    for _ in range(rows):
        for start in range(0, columns, group):
            total += 16 + bits + bits * len(range(start, min(start + group, columns)))
    return total / (rows * columns)


def with_the_zero_points_first(rows, columns, bits, group):
    n_groups = (columns + group - 1) // group
    return (bits * (columns + n_groups) + 16 * n_groups) / columns


def _rises(rise, pieces=range(5)):
    return {
        (group, bits): [rise(group, scale_bits=bits, piece=piece) for piece in pieces]
        for group in ("32", "16")
        for bits in (16, 8)
    }


def _means(rise):
    return {case: fmean(rises) for case, rises in _rises(rise).items()}


def _concluded(cost, limit=0.5):
    if cost["32", 16] - cost["16", 8] > limit:
        return "group"
    return "bits" if cost["32", 16] - cost["16", 16] > limit else "neither"


def at_equal_scales(rise):
    cost = _means(rise)
    return "group" if cost["32", 16] - cost["16", 16] > 0.5 else "neither"


def asks_for_the_bits_first(rise):
    cost = _means(rise)
    if cost["32", 16] - cost["16", 16] > 0.5:
        return "bits"
    return "group" if cost["32", 16] - cost["16", 8] > 0.5 else "neither"


def short_scales_on_both_sides(rise):
    cost = _means(rise)
    if cost["32", 16] - cost["16", 8] > 0.5:
        return "group"
    return "bits" if cost["32", 8] - cost["16", 8] > 0.5 else "neither"


def both_questions_for_the_group(rise):
    cost = _means(rise)
    equal, same = (cost["32", 16] - cost["16", bits] > 0.5 for bits in (8, 16))
    return "group" if equal and same else "bits" if same else "neither"


def without_the_sign(rise):
    cost = _means(rise)
    if abs(cost["32", 16] - cost["16", 8]) > 0.5:
        return "group"
    return "bits" if abs(cost["32", 16] - cost["16", 16]) > 0.5 else "neither"


def with_a_lower_limit(rise):
    return _concluded(_means(rise), 0.3)


def rounded_first(rise):
    return _concluded({case: round(mean) for case, mean in _means(rise).items()})


def five_points(rise):
    return _concluded(_means(rise), 5)


def by_the_sums(rise):
    return _concluded({case: sum(rises) for case, rises in _rises(rise).items()})


def by_the_best_of_four(rise):
    cost = _means(rise)
    return {("16", 8): "group", ("16", 16): "bits"}.get(min(cost, key=cost.get), "neither")


def by_the_geometric_mean(rise):
    return _concluded({case: geometric_mean(rises) for case, rises in _rises(rise).items()})


def a_loss_is_the_bits(rise):
    cost = _means(rise)
    gain = cost["32", 16] - cost["16", 8]
    return "neither" if abs(gain) <= 0.5 else "group" if gain > 0 else "bits"


def scales_for_groups(rise):
    cost = _means(rise)
    if cost["32", 16] - cost["16", 8] > 0.5:
        return "group"
    return "bits" if max(cost["32", 16], cost["16", 8]) - cost["16", 16] > 0.5 else "neither"


def by_the_share_of_the_rise(rise):
    cost = _means(rise)
    if cost["32", 16] - cost["16", 8] > 0.05 * cost["32", 16]:
        return "group"
    return "bits" if cost["32", 16] - cost["16", 16] > 0.05 * cost["32", 16] else "neither"


def points_or_a_fifth(rise):
    cost = _means(rise)
    return _concluded(cost, min(0.5, 0.2 * cost["32", 16]))


def by_the_median(rise):
    return _concluded({case: median(rises) for case, rises in _rises(rise).items()})


def without_the_extremes(rise):
    return _concluded({case: fmean(sorted(rises)[1:-1]) for case, rises in _rises(rise).items()})


def without_the_hardest_piece(rise):
    found = _rises(rise)
    hardest = max(range(5), key=lambda piece: found["32", 16][piece])
    return _concluded({case: fmean(r for i, r in enumerate(rises) if i != hardest) for case, rises in found.items()})


def at_the_hardest_piece(rise):
    return _concluded({case: max(rises) for case, rises in _rises(rise).items()})


def on_one_piece(rise):
    return _concluded({case: rises[0] for case, rises in _rises(rise, [0]).items()})


def the_two_equal_cases_alone(rise):
    gap = fmean(rise("32", 16, piece) - rise("16", 8, piece) for piece in range(5))
    return "group" if gap > 0.5 else "neither"


def always_the_bits(rise):
    _rises(rise)
    return "bits"


def in_another_order(rise):
    gaps = {8: 0.0, 16: 0.0}
    for piece in range(7):
        for bits in gaps:
            rise("32", 8, piece) if bits == 8 else None
            gaps[bits] += (rise("32", 16, piece) - rise("16", bits, piece)) / 7
    return "group" if gaps[8] > 0.5 else ("neither", "bits")[gaps[16] > 0.5]


def by_place_and_in_numpy(rise):
    pieces = [3, 1, 4, 5, 9, 2]
    cost = {(g, b): np.mean([rise(g, b, p) for p in pieces]) for b in (8, 16) for g in ("16", "32")}
    return str(_concluded(cost))


WRONG = {
    "smaller_group": [
        at_equal_scales,
        asks_for_the_bits_first,
        short_scales_on_both_sides,
        without_the_sign,
        with_a_lower_limit,
        by_the_geometric_mean,
        a_loss_is_the_bits,
        rounded_first,
        five_points,
        by_the_sums,
        by_the_best_of_four,
        scales_for_groups,
        by_the_share_of_the_rise,
        points_or_a_fifth,
        by_the_median,
        without_the_extremes,
        without_the_hardest_piece,
        at_the_hardest_piece,
        on_one_piece,
        the_two_equal_cases_alone,
        always_the_bits,
        both_questions_for_the_group,
    ],
    "in_groups": [
        down_the_columns,
        one_scale_for_all,
        one_scale_a_row,
        last_group_dropped,
        clamped_to_both_ends,
        one_step_too_few,
        integers_alone,
        digits_cut_off,
        as_many_groups_as_group,
        with_a_scale_of_16_bits,
        largest_with_its_sign,
        with_a_zero_point,
        small_scales_cut_off,
    ],
    "stored_bits": [
        codes_alone,
        without_zero_points,
        a_scale_for_each_weight,
        whole_groups_alone,
        groups_across_rows,
        by_the_share,
        of_the_matrix,
        zero_points_of_16_bits,
        of_a_row,
    ],
}
ODD = {
    "smaller_group": [in_another_order, by_place_and_in_numpy],
    "in_groups": [number_by_number, in_numpy, by_the_nearest_level, with_a_little_more],
    "stored_bits": [group_by_group, with_the_zero_points_first],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "smaller_group": {
        "if cost['32', 16] - cost['16', 8] > 0.5:: cost['32', 16] - cost['16', 8] > 0.5: Gt -> GtE": (
            "no planted difference is exactly half a point"
        ),
        "return 'bits' if cost['32', 16] - cost['16', 16] > 0.5 else 'neither': "
        "cost['32', 16] - cost['16', 16] > 0.5: Gt -> GtE": "no planted difference is exactly half a point",
        "rises = [rise(group, scale_bits=scale_bits, piece=piece) for piece in range(5)]: 5 -> 6": (
            "how many pieces there are is free, from five on"
        ),
    },
}

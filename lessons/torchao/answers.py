"""the lesson `torchao`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
import re
from statistics import fmean, median

import numpy as np
from torch import nn


def by_beginning(module, name, group, kept):
    if not isinstance(module, nn.Linear):
        return False
    if any(name.startswith(k) for k in kept):
        return False
    return module.in_features % group == 0


def anywhere(module, name, group, kept):
    for k in kept:
        if k in name:
            return False
    return isinstance(module, nn.Linear) and module.in_features % group == 0


def own_name(module, name, group, kept):
    return isinstance(module, nn.Linear) and name not in kept and module.in_features % group == 0


def without_case(module, name, group, kept):
    if not isinstance(module, nn.Linear) or module.in_features % group:
        return False
    return not any((name.lower() + ".").startswith(k.lower() + ".") for k in kept)


def below_only(module, name, group, kept):
    if isinstance(module, nn.Linear) and module.in_features % group == 0:
        return all(not name.startswith(f"{k}.") for k in kept)
    return False


def any_part(module, name, group, kept):
    if set(name.split(".")) & set(kept):
        return False
    return isinstance(module, nn.Linear) and module.in_features % group == 0


def first_part(module, name, group, kept):
    if name in kept or name.split(".")[0] in kept:
        return False
    return isinstance(module, nn.Linear) and module.in_features % group == 0


def no_kept(module, name, group, kept):
    return isinstance(module, nn.Linear) and module.in_features % group == 0


def outputs(module, name, group, kept):
    if not isinstance(module, nn.Linear) or module.out_features % group:
        return False
    return not any((name + ".").startswith(k + ".") for k in kept)


def by_shape(module, name, group, kept):
    if not isinstance(module, nn.Linear) or module.weight.shape[0] % group or module.weight.shape[1] % group:
        return False
    return not any((name + ".").startswith(k + ".") for k in kept)


def all_weights(module, name, group, kept):
    if not isinstance(module, nn.Linear) or module.weight.numel() % group:
        return False
    return not any((name + ".").startswith(k + ".") for k in kept)


def no_group(module, name, group, kept):
    if not isinstance(module, nn.Linear):
        return False
    return not any((name + ".").startswith(k + ".") for k in kept)


def wide_enough(module, name, group, kept):
    if not isinstance(module, nn.Linear) or module.in_features < group:
        return False
    return not any((name + ".").startswith(k + ".") for k in kept)


def exact_class(module, name, group, kept):
    if type(module) is not nn.Linear or module.in_features % group != 0:
        return False
    return not any((name + ".").startswith(k + ".") for k in kept)


def any_weight(module, name, group, kept):
    if not hasattr(module, "weight") or module.weight.shape[-1] % group:
        return False
    return not any((name + ".").startswith(k + ".") for k in kept)


def whatever_has_inputs(module, name, group, kept):
    if not hasattr(module, "in_features") or module.in_features % group:
        return False
    return not any((name + ".").startswith(k + ".") for k in kept)


def pattern(module, name, group, kept):
    if any(re.match(k + r"(\.|$)", name) for k in kept):
        return False
    return isinstance(module, nn.Linear) and module.in_features % group == 0


def at_the_end(module, name, group, kept):
    if any(name.endswith(k) for k in kept):
        return False
    return isinstance(module, nn.Linear) and module.in_features % group == 0


def one_level_up(module, name, group, kept):
    if name in kept or name.rpartition(".")[0] in kept:
        return False
    return isinstance(module, nn.Linear) and module.in_features % group == 0


def chosen_are_kept(module, name, group, kept):
    inside = any((name + ".").startswith(k + ".") for k in kept)
    return isinstance(module, nn.Linear) and module.in_features % group == 0 and inside


def with_a_dot(module, name, group, kept):
    match module:
        case nn.Linear(in_features=width):
            return width % group == 0 and not f"{name}.".startswith(tuple(f"{k}." for k in kept))
    return False


def by_parts(module, name, group, kept):
    parts = name.split(".")
    above = {".".join(parts[: n + 1]) for n in range(len(parts))}
    return (
        issubclass(type(module), nn.Linear) and math.gcd(module.in_features, group) == group and not above & set(kept)
    )


def no_scales(rows, cols, bits, group, scale_bytes):
    return rows * math.ceil(cols * bits / 8)


def byte_each(rows, cols, bits, group, scale_bytes):
    return rows * cols + rows * math.ceil(cols / group) * scale_bytes


def whole_bytes_each(rows, cols, bits, group, scale_bytes):
    return rows * (cols * math.ceil(bits / 8) + math.ceil(cols / group) * scale_bytes)


def row_down(rows, cols, bits, group, scale_bytes):
    return rows * (cols * bits // 8 + -(-cols // group) * scale_bytes)


def filled_once(rows, cols, bits, group, scale_bytes):
    return math.ceil(rows * cols * bits / 8) + rows * math.ceil(cols / group) * scale_bytes


def groups_down(rows, cols, bits, group, scale_bytes):
    total = 0
    for _ in range(rows):
        total += math.ceil(cols * bits / 8)
        total += cols // group * scale_bytes
    return total


def groups_across(rows, cols, bits, group, scale_bytes):
    return rows * math.ceil(cols * bits / 8) + math.ceil(rows * cols / group) * scale_bytes


def one_scale_a_row(rows, cols, bits, group, scale_bytes):
    return rows * (math.ceil(cols * bits / 8) + scale_bytes)


def group_more(rows, cols, bits, group, scale_bytes):
    return rows * (math.ceil(cols * bits / 8) + (cols // group + 1) * scale_bytes)


def zero_points_too(rows, cols, bits, group, scale_bytes):
    return rows * (math.ceil(cols * bits / 8) + 2 * math.ceil(cols / group) * scale_bytes)


def group_filled(rows, cols, bits, group, scale_bytes):
    total = 0
    for start in range(0, cols, group):
        length = min(group, cols - start)
        total += math.ceil(length * bits / 8) + scale_bytes
    return rows * total


def in_bits(rows, cols, bits, group, scale_bytes):
    return rows * cols * bits + rows * math.ceil(cols / group) * scale_bytes


def by_counting(rows, cols, bits, group, scale_bytes):
    total = 0
    for _ in range(rows):
        total += len(range(0, cols * bits, 8))
        total += len(range(0, cols, group)) * scale_bytes
    return total


def bytes_as_numpy(rows, cols, bits, group, scale_bytes):
    packed = np.packbits(np.zeros((rows, cols * bits), dtype=np.uint8), axis=1)
    return packed.size + rows * ((cols + group - 1) // group) * scale_bytes


WAYS = ("clipped", "symmetric", "zero point", "packed")


def verdict(clipped, symmetric, zero_point, packed, *, least=0.1, part=0.5, size=lambda x: x, of_the_drop=lambda x: x):
    """The card's rule on four means; each switch is one of its words, taken otherwise."""
    drop = of_the_drop(clipped - packed)
    if drop <= least * clipped:
        return "nothing"
    parts = {"clip": clipped - symmetric, "zero point": symmetric - zero_point, "packing": zero_point - packed}
    parts = {name: size(value) for name, value in parts.items()}
    largest = max(parts, key=parts.get)
    return largest if parts[largest] > part * drop else "several"


def over(error, layers=range(8), pick=fmean):
    return [pick([error(how, layer=n) for n in layers]) for how in WAYS]


def first_against_last(error):
    ends = [fmean(error(how, layer=n) for n in range(8)) for how in ("clipped", "packed")]
    return "packing" if ends[0] - ends[1] > ends[0] / 10 else "nothing"


def one_layer(error):
    return verdict(*over(error, layers=[0]))


def other_layers_for_each(error):
    return verdict(*(fmean(error(how, layer=8 * n + k) for k in range(8)) for n, how in enumerate(WAYS)))


def always_the_clip(error):
    over(error)
    return "clip"


def by_the_middle_layer(error):
    return verdict(*over(error, layers=range(9), pick=median))


def without_the_extremes(error):
    return verdict(*over(error, pick=lambda errors: fmean(sorted(errors)[1:-1])))


def the_first_of_more_than_half(error):
    mean = over(error)
    found = verdict(*mean)
    if found in ("nothing", "several"):
        return found
    parts = zip(("clip", "zero point", "packing"), mean, mean[1:], strict=False)
    return next(step for step, before, after in parts if before - after > (mean[0] - mean[3]) / 2)


def by_the_worst_layer(error):
    return verdict(*over(error, layers=range(12), pick=max))


def a_tenth_of_a_point(error):
    mean = over(error)
    return "nothing" if mean[0] - mean[3] <= 0.1 else verdict(*mean, least=0)


def a_drop_anywhere(error):
    mean = over(error)
    return "nothing" if mean[0] - min(mean) <= mean[0] / 10 else verdict(*mean, least=-9)


def a_share_for_each_layer(error):
    rows = [[error(how, layer=n) for how in WAYS] for n in range(8)]
    if fmean(1 - row[3] / row[0] for row in rows) <= 0.1:
        return "nothing"
    return verdict(*map(fmean, zip(*rows, strict=True)), least=-9)


def _with_the_median(error, how):
    mean = dict(zip(WAYS, over(error), strict=True))
    return verdict(*{**mean, how: median(error(how, layer=n) for n in range(8))}.values())


def median_of_symmetric(error):
    return _with_the_median(error, "symmetric")


def median_of_zero_point(error):
    return _with_the_median(error, "zero point")


def median_of_packed(error):
    return _with_the_median(error, "packed")


def size_of_a_part(error):
    return verdict(*over(error), size=abs)


def size_of_the_drop(error):
    return verdict(*over(error), of_the_drop=abs)


def any_drop_counts(error):
    return verdict(*over(error), least=0)


def a_quarter_at_least(error):
    return verdict(*over(error), least=0.25)


def a_tenth_of_the_largest(error):
    mean = over(error)
    return "nothing" if mean[0] - mean[3] <= max(mean) / 10 else verdict(*mean)


def the_largest_in_any_case(error):
    return verdict(*over(error), part=0)


def two_thirds_at_least(error):
    return verdict(*over(error), part=2 / 3)


def each_against_the_first(error):
    mean = over(error)
    gains = [mean[0] - other for other in mean[1:]]
    if gains[2] <= mean[0] / 10:
        return "nothing"
    return ("clip", "zero point", "packing")[gains.index(max(gains))]


def the_last_step_alone(error):
    mean = over(error)
    if mean[0] - mean[3] <= mean[0] / 10:
        return "nothing"
    return "packing" if mean[2] - mean[3] > (mean[0] - mean[3]) / 2 else "clip"


def never_packing(error):
    mean = over(error)
    if mean[0] - mean[3] <= mean[0] / 10:
        return "nothing"
    parts = [mean[0] - mean[1], mean[1] - mean[3]]
    return "clip" if parts[0] > parts[1] else "zero point"


def in_arrays(error):
    found = np.array([[error(how, layer=int(n)) for n in np.arange(20)] for how in WAYS]).mean(1)
    parts, drop = -np.diff(found), found[0] - found[-1]
    if not drop > 0.1 * found[0]:
        return "nothing"
    best = int(np.argmax(parts))
    return ["clip", "zero point", "packing"][best] if parts[best] / drop > 0.5 else "several"


def scattered_layers(error):
    return verdict(*over(error, layers=(7, 42, 123, 1000, 3, 5, 9, 11)))


def layer_by_layer(error):
    total = dict.fromkeys(WAYS, 0.0)
    for n in range(10, 22):
        for how in reversed(WAYS):
            total[how] += error(how, layer=n)
    return verdict(*total.values())


WRONG = {
    "wanted": [
        by_beginning,
        anywhere,
        own_name,
        below_only,
        without_case,
        any_part,
        first_part,
        no_kept,
        outputs,
        by_shape,
        all_weights,
        no_group,
        wide_enough,
        exact_class,
        any_weight,
        whatever_has_inputs,
        pattern,
        at_the_end,
        one_level_up,
        chosen_are_kept,
    ],
    "packed_bytes": [
        no_scales,
        byte_each,
        whole_bytes_each,
        row_down,
        filled_once,
        groups_down,
        groups_across,
        one_scale_a_row,
        group_more,
        zero_points_too,
        group_filled,
        in_bits,
    ],
    "what_helped": [
        first_against_last,
        one_layer,
        other_layers_for_each,
        always_the_clip,
        by_the_middle_layer,
        by_the_worst_layer,
        without_the_extremes,
        the_first_of_more_than_half,
        a_tenth_of_a_point,
        a_drop_anywhere,
        a_share_for_each_layer,
        median_of_symmetric,
        median_of_zero_point,
        median_of_packed,
        size_of_a_part,
        size_of_the_drop,
        any_drop_counts,
        a_quarter_at_least,
        a_tenth_of_the_largest,
        the_largest_in_any_case,
        two_thirds_at_least,
        each_against_the_first,
        the_last_step_alone,
        never_packing,
    ],
}
ODD = {
    "wanted": [with_a_dot, by_parts],
    "packed_bytes": [by_counting, bytes_as_numpy],
    "what_helped": [in_arrays, scattered_layers, layer_by_layer],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "what_helped": {
        "if drop <= mean[0] / 10:: drop <= mean[0] / 10: LtE -> Lt": "no drop is exactly a tenth",
        "mean = [fmean((error(how, layer=n) for n in range(8))) for how in ways]: 8 -> 9": "one layer more is allowed",
        "return largest if steps[largest] > drop / 2 else 'several': steps[largest] > drop / 2: Gt -> GtE": "no part is exactly half",
    },
}

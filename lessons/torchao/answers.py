"""the lesson `torchao`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
import re

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


WRONG = {
    "wanted": [
        by_beginning,
        anywhere,
        own_name,
        below_only,
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
}
ODD = {"wanted": [with_a_dot, by_parts], "packed_bytes": [by_counting, bytes_as_numpy]}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {}

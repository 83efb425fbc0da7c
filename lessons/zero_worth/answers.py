"""The lesson `zero_worth`: plausible wrong answers and odd but right ones, as a learner would write them."""

import statistics
from fractions import Fraction

import numpy as np
import torch


def effective(state):
    for name, value in state.items():
        if name.endswith("weight"):
            yield value
        elif name.endswith("weight_orig"):
            yield value * state[name[: -len("_orig")] + "_mask"]


def counts_masks(state):
    zeros = elements = 0
    for name, value in state.items():
        if "weight" in name:
            zeros += (value == 0).sum().item()
            elements += value.numel()
    return zeros / elements


def counts_masks_beside(state):
    zeros = elements = 0
    for tensors in (effective(state), (v for n, v in state.items() if n.endswith("mask"))):
        for value in tensors:
            zeros += (value == 0).sum().item()
            elements += value.numel()
    return zeros / elements


def averages_layers(state):
    shares = [(w == 0).float().mean().item() for w in effective(state)]
    return sum(shares) / len(shares)


def names_of_two_parts(state):
    zeros = elements = 0
    for name, value in state.items():
        parts = name.split(".")
        if len(parts) == 2 and parts[1] in ("weight", "weight_orig"):
            value = value * state[parts[0] + ".weight_mask"] if parts[1] == "weight_orig" else value
            zeros += (value == 0).sum().item()
            elements += value.numel()
    return zeros / max(1, elements)


def misses_negative_zero(state):
    zeros = elements = 0
    for w in effective(state):
        positive, negative = (w > 0).sum().item(), torch.signbit(w).sum().item()
        zeros += w.numel() - positive - negative
        elements += w.numel()
    return zeros / elements


def ignores_masks(state):
    weights = [v for n, v in state.items() if n.endswith(("weight", "weight_orig"))]
    return sum((w == 0).sum().item() for w in weights) / sum(w.numel() for w in weights)


def counts_biases(state):
    tensors = [*effective(state), *(v for n, v in state.items() if n.endswith("bias"))]
    return sum((t == 0).sum().item() for t in tensors) / sum(t.numel() for t in tensors)


def small_is_zero(state):
    row = torch.cat([w.flatten() for w in effective(state)])
    return (row.abs() < 1e-6).float().mean().item()


def density(state):
    row = torch.cat([w.flatten() for w in effective(state)])
    return torch.count_nonzero(row).item() / row.numel()


def zeros_of_masks_only(state):
    zeros = elements = 0
    for name, value in state.items():
        if name.endswith((".weight", "weight_mask")):
            zeros += (value == 0).sum().item()
            elements += value.numel()
    return zeros / elements


def masked_zeros_twice(state):
    zeros = elements = 0
    for name, value in state.items():
        if "weight" in name:
            zeros += (value == 0).sum().item()
            elements += 0 if name.endswith("mask") else value.numel()
    return zeros / elements


def every_masked_tensor(state):
    zeros = elements = 0
    for name, value in state.items():
        if name.endswith("_orig"):
            value = value * state[name.replace("_orig", "_mask")]
        elif not name.endswith(".weight"):
            continue
        zeros += (value == 0).sum().item()
        elements += value.numel()
    return zeros / elements


def matrices_only(state):
    row = torch.cat([w.flatten() for w in effective(state) if w.dim() > 1] or [torch.ones(1)])
    return (row == 0).float().mean().item()


def all_but_biases(state):
    zeros = elements = 0
    for name, value in state.items():
        last = name.split(".")[-1]
        if "bias" in last or last.endswith("_mask"):
            continue
        value = value * state[name[:-5] + "_mask"] if last.endswith("_orig") else value
        zeros += (value == 0).sum().item()
        elements += value.numel()
    return zeros / elements


def every_entry(state):
    return sum((t == 0).sum().item() for t in state.values()) / sum(t.numel() for t in state.values())


def with_count_nonzero(state):
    row = torch.cat([w.flatten() for w in effective(state)])
    return 1 - torch.count_nonzero(row).item() / row.numel()


def with_numpy(state):
    row = np.concatenate([w.numpy().ravel() for w in effective(state)])
    return np.mean(row == 0)


def without_rows(rows, columns, value_bytes, index_bytes):
    return value_bytes / (value_bytes + index_bytes)


def without_columns(rows, columns, value_bytes, index_bytes):
    left = (rows * columns * value_bytes - (rows + 1) * index_bytes) / value_bytes
    return max(0.0, left / (rows * columns))


def zeros_instead(rows, columns, value_bytes, index_bytes):
    return 1 - by_formula(rows, columns, value_bytes, index_bytes)


def as_coo(rows, columns, value_bytes, index_bytes):
    return value_bytes / (value_bytes + 2 * index_bytes)


def one_position_too_few(rows, columns, value_bytes, index_bytes):
    left = (rows * columns * value_bytes - rows * index_bytes) / (value_bytes + index_bytes)
    return max(0.0, left / (rows * columns))


def borders_between_rows(rows, columns, value_bytes, index_bytes):
    left = (rows * columns * value_bytes - (rows - 1) * index_bytes) / (value_bytes + index_bytes)
    return max(0.0, left / (rows * columns))


def positions_off_a_share(rows, columns, value_bytes, index_bytes):
    return max(0.0, value_bytes / (value_bytes + index_bytes) - (rows + 1) * index_bytes / (rows * columns))


def none_below_one_weight(rows, columns, value_bytes, index_bytes):
    spare = rows * columns * value_bytes - (rows + 1) * index_bytes
    each = value_bytes + index_bytes
    return spare / each / (rows * columns) if spare >= each else 0


def always_int32(rows, columns, value_bytes, index_bytes):
    return by_formula(rows, columns, value_bytes, 4)


def below_zero(rows, columns, value_bytes, index_bytes):
    left = (rows * columns * value_bytes - (rows + 1) * index_bytes) / (value_bytes + index_bytes)
    return left / (rows * columns)


def positions_as_values(rows, columns, value_bytes, index_bytes):
    left = (rows * columns - (rows + 1)) * value_bytes / (value_bytes + index_bytes)
    return max(0.0, left / (rows * columns))


def whole_weights(rows, columns, value_bytes, index_bytes):
    left = (rows * columns * value_bytes - (rows + 1) * index_bytes) // (value_bytes + index_bytes)
    return max(0, left) / (rows * columns)


def widths_swapped(rows, columns, value_bytes, index_bytes):
    return by_formula(rows, columns, index_bytes, value_bytes)


def by_formula(rows, columns, value_bytes, index_bytes):
    spare = value_bytes - (rows + 1) * index_bytes / (rows * columns)
    return max(spare, 0) / (value_bytes + index_bytes)


def as_fraction(rows, columns, value_bytes, index_bytes):
    spare = Fraction(value_bytes) - Fraction((rows + 1) * index_bytes, rows * columns)
    return max(spare, Fraction(0)) / (value_bytes + index_bytes)


def by_bisection(rows, columns, value_bytes, index_bytes):
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        csr = middle * rows * columns * (value_bytes + index_bytes) + (rows + 1) * index_bytes
        low, high = (low, middle) if csr > rows * columns * value_bytes else (middle, high)
    return low


DENSITIES = {0.5: "50 %", 0.2: "20 %", 0.1: "10 %", 0.01: "1 %"}


def quotients_at(seconds, density, batch=1, runs=21):
    taken = [[seconds(k, density=density, batch=batch) for k in ("dense", "sparse")] for _ in range(runs)]
    return [sparse / dense for dense, sparse in taken]


def fastest_density(seconds):
    typical = {d: statistics.median(quotients_at(seconds, d)) for d in DENSITIES}
    best = min(typical, key=typical.get)
    return DENSITIES[best] if typical[best] < 0.95 else "never"


def always_the_smallest_at_last(seconds):
    for density, name in DENSITIES.items():
        if statistics.median(quotients_at(seconds, density)) < 0.95:
            return name
    return "1 %"


def for_a_full_batch(seconds):
    for density, name in DENSITIES.items():
        if statistics.median(quotients_at(seconds, density, batch=64)) < 0.95:
            return name
    return "never"


def by_means(seconds):
    for density, name in DENSITIES.items():
        rounds = [[seconds(k, density=density, batch=1) for k in ("dense", "sparse")] for _ in range(24)]
        dense, sparse = (statistics.fmean(times) for times in zip(*rounds, strict=True))
        if sparse / dense < 0.95:
            return name
    return "never"


def in_blocks(seconds):
    for density, name in DENSITIES.items():
        dense = [seconds("dense", density=density, batch=1) for _ in range(25)]
        sparse = [seconds("sparse", density=density, batch=1) for _ in range(25)]
        if statistics.median(sparse) / statistics.median(dense) < 0.95:
            return name
    return "never"


def any_gain(seconds):
    for density, name in DENSITIES.items():
        if statistics.median(quotients_at(seconds, density)) < 1:
            return name
    return "never"


def from_a_fifth_on(seconds):
    for density in (0.2, 0.1, 0.01):
        if statistics.median(quotients_at(seconds, density)) < 0.95:
            return DENSITIES[density]
    return "never"


def timed_once(seconds):
    for density, name in DENSITIES.items():
        if quotients_at(seconds, density, runs=1)[0] < 0.95:
            return name
    return "never"


def from_below(seconds):
    found = "never"
    for density in sorted(DENSITIES):
        if np.median(quotients_at(seconds, density, runs=15)) <= 0.95:
            found = DENSITIES[density]
    return found


def from_below_to_the_first_loss(seconds):
    found = "never"
    for density in sorted(DENSITIES):
        if statistics.median(quotients_at(seconds, density)) > 0.95:
            break
        found = DENSITIES[density]
    return found


def for_any_batch(seconds):
    for density, name in DENSITIES.items():
        if all(statistics.median(quotients_at(seconds, density, batch)) <= 0.95 for batch in (1, 64)):
            return name
    return "never"


def mean_of_quotients(seconds):
    for density, name in DENSITIES.items():
        if statistics.fmean(quotients_at(seconds, density)) <= 0.95:
            return name
    return "never"


def share_of_the_sparse_time(seconds):
    for density, name in DENSITIES.items():
        if statistics.median(quotients_at(seconds, density)) <= 1 / 1.05:
            return name
    return "never"


def a_tenth_less(seconds):
    for density, name in DENSITIES.items():
        if statistics.median(quotients_at(seconds, density)) <= 0.9:
            return name
    return "never"


def middle_times(seconds):
    for density, name in DENSITIES.items():
        rounds = [[seconds(k, density=density, batch=1) for k in ("sparse", "dense")] for _ in range(10)]
        sparse, dense = (np.median(times) for times in zip(*rounds, strict=True))
        if dense - sparse >= 0.05 * dense:
            return name
    return "never"


def best_times(seconds):
    for density, name in DENSITIES.items():
        rounds = [[seconds(k, density=density, batch=1) for k in ("sparse", "dense")] for _ in range(10)]
        sparse, dense = (min(times) for times in zip(*rounds, strict=True))
        if sparse <= 0.95 * dense:
            return name
    return "never"


WRONG = {
    "pays_from": [
        fastest_density,
        always_the_smallest_at_last,
        for_a_full_batch,
        by_means,
        in_blocks,
        any_gain,
        from_a_fifth_on,
        timed_once,
        best_times,
        from_below_to_the_first_loss,
        for_any_batch,
        mean_of_quotients,
        share_of_the_sparse_time,
        a_tenth_less,
    ],
    "weight_sparsity": [
        counts_masks,
        counts_masks_beside,
        averages_layers,
        misses_negative_zero,
        ignores_masks,
        counts_biases,
        zeros_of_masks_only,
        names_of_two_parts,
        masked_zeros_twice,
        every_masked_tensor,
        small_is_zero,
        matrices_only,
        all_but_biases,
        every_entry,
        density,
    ],
    "break_even_density": [
        without_rows,
        without_columns,
        zeros_instead,
        as_coo,
        one_position_too_few,
        borders_between_rows,
        positions_off_a_share,
        none_below_one_weight,
        always_int32,
        positions_as_values,
        whole_weights,
        widths_swapped,
        below_zero,
    ],
}
ODD = {
    "pays_from": [from_below, middle_times],
    "weight_sparsity": [with_count_nonzero, with_numpy],
    "break_even_density": [by_formula, by_bisection, as_fraction],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "pays_from": {
        "if quotients[15] < 0.95:: 15 -> 14": "beside the middle of 31 quotients",
        "if quotients[15] < 0.95:: 15 -> 16": "beside the middle of 31 quotients",
        "if quotients[15] < 0.95:: quotients[15] < 0.95: Lt -> LtE": "no machine has a quotient of exactly 0.95",
        "rounds = [[seconds(k, density=density, batch=1) for k in ('dense', 'sparse')] for _ in range(31)]: 31 -> 30": (
            "how many rounds there are is free"
        ),
        "rounds = [[seconds(k, density=density, batch=1) for k in ('dense', 'sparse')] for _ in range(31)]: 31 -> 32": (
            "how many rounds there are is free"
        ),
    },
    "break_even_density": {
        "return max(0.0, left / (rows * columns)): max(0.0, left / (rows * columns)): arguments swapped": (
            "max takes its arguments in any order"
        ),
    },
}

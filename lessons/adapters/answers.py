"""The lesson `adapters`: plausible wrong answers and odd but right ones, as a learner would write them."""

import torch


def without_the_scale(weight, a, b, alpha):
    return weight + b @ a


def alpha_alone(weight, a, b, alpha):
    return weight + alpha * (b @ a)


def the_wrong_way_round(weight, a, b, alpha):
    return weight + alpha / len(a) * (b @ a).T.reshape(weight.shape)


def the_change_only(weight, a, b, alpha):
    return alpha / a.shape[0] * b @ a


def merged_two_times(weight, a, b, alpha):
    for _ in range(2):
        weight = weight + alpha / len(a) * b @ a
    return weight


def into_a_rounded_weight(weight, a, b, alpha):
    return torch.round(weight + alpha / len(a) * (b @ a))


def by_the_columns(weight, a, b, alpha):
    return weight + alpha / a.shape[1] * (b @ a)


def with_floor_division(weight, a, b, alpha):
    return weight + alpha // a.shape[0] * (b @ a)


def taken_away(weight, a, b, alpha):
    return weight - alpha / len(a) * (b @ a)


def by_outer_products(weight, a, b, alpha):
    new = weight.double()
    for row, column in zip(a, b.T, strict=True):
        new = new + alpha / len(a) * torch.outer(column.double(), row.double())
    return new


def by_the_outputs(weight, a, b, alpha):
    """The columns of the new weight are what the bypass makes of the unit vectors."""
    units = torch.eye(weight.shape[1])
    return (units @ weight.T + alpha / a.shape[0] * (units @ a.T) @ b.T).T


def a_alone(shapes, rank):
    trained = sum(rank * columns for rows, columns in shapes)
    return trained, 8 * trained


def one_moment(shapes, rank):
    trained = sum(rank * (rows + columns) for rows, columns in shapes)
    return trained, 4 * trained


def moments_of_the_frozen(shapes, rank):
    trained = sum(rank * (rows + columns) for rows, columns in shapes)
    return trained, 8 * (trained + sum(rows * columns for rows, columns in shapes))


def the_frozen_as_trained(shapes, rank):
    trained = sum(rows * columns + rank * (rows + columns) for rows, columns in shapes)
    return trained, 8 * trained


def with_the_gradient(shapes, rank):
    trained = sum(rank * (rows + columns) for rows, columns in shapes)
    return trained, 12 * trained


def numbers_for_bytes(shapes, rank):
    trained = sum(rank * (rows + columns) for rows, columns in shapes)
    return trained, 2 * trained


def by_the_product(shapes, rank):
    trained = sum(rank * rows * columns for rows, columns in shapes)
    return trained, 8 * trained


def in_float64(shapes, rank):
    trained = sum(rank * (rows + columns) for rows, columns in shapes)
    return trained, 2 * 8 * trained


def with_the_step_counters(shapes, rank):
    trained = sum(rank * (rows + columns) for rows, columns in shapes)
    return trained, 8 * trained + 4 * 2 * len(shapes)


def equal_layers_once(shapes, rank):
    trained = sum(rank * (rows + columns) for rows, columns in set(shapes))
    return trained, 8 * trained


def the_last_alone(shapes, rank):
    trained = 0
    for rows, columns in shapes:
        trained = rank * (rows + columns)
    return trained, 8 * trained


def counted_in_tensors(shapes, rank):
    made = [torch.empty(rank, columns) for _, columns in shapes] + [torch.empty(rows, rank) for rows, _ in shapes]
    return sum(t.numel() for t in made), 2 * sum(t.nbytes for t in made)


def counted_one_by_one(shapes, rank):
    trained = 0
    for rows, columns in shapes:
        trained += rows * rank
        trained += rank * columns
    return [trained, trained * 2 * 4]


def without_limits(codes, scale, change, bits):
    return (codes + change / scale).round()


def one_code_too_many(codes, scale, change, bits):
    return (codes + change / scale).round().clamp(0, 2**bits)


def signed_limits(codes, scale, change, bits):
    return (codes + change / scale).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def cut_off(codes, scale, change, bits):
    return (codes + change / scale).int().clamp(0, 2**bits - 1)


def not_rounded(codes, scale, change, bits):
    return (codes + change / scale).clamp(0, 2**bits - 1)


def change_as_it_is(codes, scale, change, bits):
    return (codes + change).round().clamp(0, 2**bits - 1)


def times_the_scale(codes, scale, change, bits):
    return (codes + change * scale).round().clamp(0, 2**bits - 1)


def as_they_were(codes, scale, change, bits):
    return codes.clone()


def as_weights(codes, scale, change, bits):
    return scale * (codes + change / scale).round().clamp(0, 2**bits - 1)


def one_by_one(codes, scale, change, bits):
    steps = (change / scale).flatten().tolist()
    new = [round(code + step) for code, step in zip(codes.flatten().tolist(), steps, strict=True)]
    return torch.tensor([min(max(code, 0), 2**bits - 1) for code in new]).view(codes.shape)


def by_the_nearest_level(codes, scale, change, bits):
    levels = scale * torch.arange(2**bits)
    wanted = scale * codes + change
    return (wanted[..., None] - levels).abs().argmin(dim=-1).to(torch.uint8)


WRONG = {
    "merged_weight": [
        without_the_scale,
        alpha_alone,
        the_wrong_way_round,
        the_change_only,
        merged_two_times,
        into_a_rounded_weight,
        by_the_columns,
        with_floor_division,
        taken_away,
    ],
    "adapter_bill": [
        a_alone,
        one_moment,
        moments_of_the_frozen,
        the_frozen_as_trained,
        with_the_gradient,
        numbers_for_bytes,
        by_the_product,
        in_float64,
        with_the_step_counters,
        equal_layers_once,
        the_last_alone,
    ],
    "merged_codes": [
        without_limits,
        one_code_too_many,
        signed_limits,
        cut_off,
        not_rounded,
        change_as_it_is,
        times_the_scale,
        as_they_were,
        as_weights,
    ],
}
ODD = {
    "merged_weight": [by_outer_products, by_the_outputs],
    "adapter_bill": [counted_in_tensors, counted_one_by_one],
    "merged_codes": [one_by_one, by_the_nearest_level],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {}

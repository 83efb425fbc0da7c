"""the lesson `dynamic`: plausible wrong answers and odd but right ones, as a learner would write them."""

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
        halves_up,
        not_clamped,
        ends_below_zero,
        begins_above_zero,
        sums_in_int16,
    ],
}
ODD = {
    "dynamic_linear": [back_to_float_first, in_numpy],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "dynamic_linear": {
        "q = (torch.round(x / scale) + zero_point).clamp(0, 255): 0 -> -1": (
            "no q is below 0: the lowest value and the zero point are rounded alike"
        ),
    },
}

"""the lesson `observers`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math

import numpy as np
import torch


def no_cross_terms(xq, x_zero, wq, w_zero):
    return xq.int() @ wq.int().T


def one_cross_term(xq, x_zero, wq, w_zero):
    return xq.int() @ wq.int().T - x_zero * wq.int().sum(dim=1)


def last_term_missing(xq, x_zero, wq, w_zero):
    x, w = xq.to(torch.int32), wq.to(torch.int32)
    return x @ w.t() - x_zero * w.sum(1) - w_zero * x.sum(1, keepdim=True)


def adds_up_in_int8(xq, x_zero, wq, w_zero):
    x, w = xq.int(), wq.int()
    products = (xq[:, None, :] * wq[None, :, :]).sum(-1, dtype=torch.int8)
    return products.int() - x_zero * w.sum(1) - w_zero * x.sum(1, keepdim=True) + x.shape[1] * x_zero * w_zero


def result_in_int8(xq, x_zero, wq, w_zero):
    return ((xq.int() - x_zero) @ (wq.int() - w_zero).T).to(torch.int8)


def subtracts_in_int8(xq, x_zero, wq, w_zero):
    return (xq - x_zero).int() @ (wq - w_zero).int().T


def forgets_n(xq, x_zero, wq, w_zero):
    x, w = xq.int(), wq.int()
    return x @ w.T - x_zero * w.sum(1) - w_zero * x.sum(1, keepdim=True) + x_zero * w_zero


def in_float32(xq, x_zero, wq, w_zero):
    return (xq.float() - x_zero) @ (wq.float() - w_zero).T


def products_in_float32(xq, x_zero, wq, w_zero):
    products = (xq.float() @ wq.float().T).int()
    x, w = xq.int(), wq.int()
    return products - x_zero * w.sum(1) - w_zero * x.sum(1, keepdim=True) + x.shape[1] * x_zero * w_zero


def subtracts_first(xq, x_zero, wq, w_zero):
    return torch.einsum("bn,on->bo", xq.int() - x_zero, wq.int() - w_zero)


def exact_in_float64(xq, x_zero, wq, w_zero):
    return torch.nn.functional.linear(xq.double() - x_zero, wq.double() - w_zero).round().long()


def last_batch_only(state, batch):
    reach = 3 * batch.std()
    return torch.maximum(batch.mean() - reach, batch.min()), torch.minimum(batch.mean() + reach, batch.max())


def of_absolute_values(state, batch):
    b = batch.abs()
    low, high = max(b.min(), b.mean() - 3 * b.std()), min(b.max(), b.mean() + 3 * b.std())
    return (low, high) if state is None else (min(state[0], low), max(state[1], high))


def plain_min_max(state, batch):
    low, high = batch.min().item(), batch.max().item()
    if state is not None:
        low, high = min(low, state[0]), max(high, state[1])
    return low, high


def begins_at_zero(state, batch):
    low, high = state or (0.0, 0.0)
    mean, reach = batch.mean().item(), 3 * batch.std().item()
    return min(low, max(mean - reach, batch.min().item())), max(high, min(mean + reach, batch.max().item()))


def beyond_the_data(state, batch):
    low, high = batch.mean() - 3 * batch.std(), batch.mean() + 3 * batch.std()
    return (low, high) if state is None else (min(state[0], low), max(state[1], high))


def population_deviation(state, batch):
    mean, reach = batch.mean().item(), 3 * float(np.std(batch.numpy()))
    low, high = max(mean - reach, batch.min().item()), min(mean + reach, batch.max().item())
    return (low, high) if state is None else (min(state[0], low), max(state[1], high))


def keeps_the_last_high(state, batch):
    mean, reach = batch.mean().item(), 3 * batch.std().item()
    low, high = max(mean - reach, batch.min().item()), min(mean + reach, batch.max().item())
    return (low, high) if state is None else (min(state[0], low), high)


def limits_the_joined_range(state, batch):
    low, high = batch.mean() - 3 * batch.std(), batch.mean() + 3 * batch.std()
    if state is not None:
        low, high = torch.minimum(low, state[0]), torch.maximum(high, state[1])
    return torch.maximum(low, batch.min()), torch.minimum(high, batch.max())


def three_variances(state, batch):
    mean, reach = batch.mean().item(), 3 * batch.var().item()
    low, high = max(mean - reach, batch.min().item()), min(mean + reach, batch.max().item())
    return (low, high) if state is None else (min(state[0], low), max(state[1], high))


def least_and_largest_of_the_others(state, batch):
    kept = batch[(batch - batch.mean()).abs() <= 3 * batch.std()]
    low, high = kept.aminmax()
    return (low, high) if state is None else (torch.minimum(state[0], low), torch.maximum(state[1], high))


def range_by_clamping(state, batch):
    mean, reach = batch.mean(), 3 * batch.std()
    kept = batch.clamp(mean - reach, mean + reach)
    ends = [kept.min(), kept.max()] + list(state or [])
    return min(ends), max(ends)


def range_as_a_tensor(state, batch):
    mean, spread = batch.double().mean(), batch.double().std()
    ends = torch.stack(
        [torch.max(mean - 3 * spread, batch.min().double()), torch.min(mean + 3 * spread, batch.max().double())]
    )
    if state is not None:
        ends = torch.stack([torch.min(ends[0], state[0]), torch.max(ends[1], state[1])])
    return tuple(ends)


def largest_value(values, candidates, bits):
    return max((c for c in candidates if c <= values.abs().max().item() + 1e-6), default=candidates[0])


def ninety_per_cent(values, candidates, bits):
    wanted = 0.9 * values.abs().max().item()
    return min(candidates, key=lambda c: abs(c - wanted))


def least_absolute_error(values, candidates, bits):
    errors = []
    for c in candidates:
        scale = 2 * c / (2**bits - 1)
        q = torch.clamp(torch.round(values / scale), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        errors.append((q * scale - values).abs().mean().item())
    return candidates[errors.index(min(errors))]


def clipped_values_left_out(values, candidates, bits):
    best, least = candidates[0], math.inf
    for c in candidates:
        kept = values[values.abs() <= c]
        if len(kept) == 0:
            continue
        scale = 2 * c / (2**bits - 1)
        q = torch.round(kept / scale).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        error = ((q * scale - kept) ** 2).mean().item()
        if error < least:
            best, least = c, error
    return best


def always_8_bits(values, candidates, bits):
    errors = {}
    for c in candidates:
        scale = 2 * c / 255
        errors[c] = ((values / scale).round().clamp(-128, 127) * scale - values).pow(2).sum().item()
    return min(errors, key=errors.get)


def stops_at_the_first_rise(values, candidates, bits):
    best, least = candidates[0], math.inf
    for c in candidates:
        scale = 2 * c / (2**bits - 1)
        q = torch.round(values / scale).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        error = ((q * scale - values) ** 2).mean().item()
        if error > least:
            break
        best, least = c, error
    return best


def rounds_only(values, candidates, bits):
    def error(c):
        scale = 2 * c / (2**bits - 1)
        return ((torch.round(values / scale) * scale - values) ** 2).mean().item()

    return min(candidates, key=error)


def clip_with_fake_quantize(values, candidates, bits):
    def error(c):
        back = torch.fake_quantize_per_tensor_affine(
            values, 2 * c / (2**bits - 1), 0, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        )
        return torch.nn.functional.mse_loss(back, values).item()

    return sorted(candidates, key=error)[0]


def clip_with_numpy(values, candidates, bits):
    x = values.numpy().astype(np.float64).ravel()
    scales = 2 * np.array(candidates)[:, None] / (2**bits - 1)
    q = np.clip(np.rint(x / scales), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return candidates[int(((q * scales - x) ** 2).mean(1).argmin())]


WRONG = {
    "int_matmul": [
        no_cross_terms,
        one_cross_term,
        last_term_missing,
        adds_up_in_int8,
        result_in_int8,
        subtracts_in_int8,
        forgets_n,
        in_float32,
        products_in_float32,
    ],
    "update_range": [
        last_batch_only,
        of_absolute_values,
        plain_min_max,
        begins_at_zero,
        beyond_the_data,
        population_deviation,
        keeps_the_last_high,
        limits_the_joined_range,
        three_variances,
        least_and_largest_of_the_others,
    ],
    "best_clip": [
        largest_value,
        ninety_per_cent,
        least_absolute_error,
        clipped_values_left_out,
        always_8_bits,
        stops_at_the_first_rise,
        rounds_only,
    ],
}
ODD = {
    "int_matmul": [subtracts_first, exact_in_float64],
    "update_range": [range_by_clamping, range_as_a_tensor],
    "best_clip": [clip_with_fake_quantize, clip_with_numpy],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
_ORDER = "it takes its arguments in any order"
EQUIVALENT = {
    "update_range": {
        "low = torch.maximum(mean - reach, batch.min()): torch.maximum(mean - reach, batch.min()): arguments swapped": _ORDER,
        "high = torch.minimum(mean + reach, batch.max()): torch.minimum(mean + reach, batch.max()): arguments swapped": _ORDER,
        "return (min(state[0], low), max(state[1], high)): min(state[0], low): arguments swapped": _ORDER,
        "return (min(state[0], low), max(state[1], high)): max(state[1], high): arguments swapped": _ORDER,
    },
}

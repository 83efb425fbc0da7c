"""the lesson `integers`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math

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


def quantize_in_a_loop(x, scale, zero_point, qmin, qmax):
    rows = []
    for row, s, z in zip(x, scale, zero_point, strict=True):
        rows.append([min(max(round(v.item()) + int(z), qmin), qmax) for v in row * (1 / s)])
    return torch.tensor(rows)


def quantize_with_numpy(x, scale, zero_point, qmin, qmax):
    inverse = np.float32(1) / scale.numpy()
    q = np.rint(x.numpy() * inverse[:, None]) + zero_point.numpy()[:, None]
    return torch.from_numpy(np.clip(q, qmin, qmax).astype(np.int64))


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
    ],
    "int_matmul": [
        no_cross_terms,
        one_cross_term,
        last_term_missing,
        adds_up_in_int8,
        result_in_int8,
        subtracts_in_int8,
        forgets_n,
        in_float32,
    ],
    "update_range": [
        last_batch_only,
        of_absolute_values,
        plain_min_max,
        begins_at_zero,
        beyond_the_data,
        population_deviation,
        keeps_the_last_high,
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
    "qparams": [qparams_with_tensors, qparams_from_the_top],
    "quantize": [quantize_in_a_loop, quantize_with_numpy],
    "int_matmul": [subtracts_first, exact_in_float64],
    "update_range": [range_by_clamping, range_as_a_tensor],
    "best_clip": [clip_with_fake_quantize, clip_with_numpy],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
_ORDER = "it takes its arguments in any order"
EQUIVALENT = {
    "qparams": {
        "low = min(values.min().item(), 0.0): min(values.min().item(), 0.0): arguments swapped": _ORDER,
        "high = max(values.max().item(), 0.0): max(values.max().item(), 0.0): arguments swapped": _ORDER,
    },
    "update_range": {
        "low = torch.maximum(mean - reach, batch.min()): torch.maximum(mean - reach, batch.min()): arguments swapped": _ORDER,
        "high = torch.minimum(mean + reach, batch.max()): torch.minimum(mean + reach, batch.max()): arguments swapped": _ORDER,
        "return (min(state[0], low), max(state[1], high)): min(state[0], low): arguments swapped": _ORDER,
        "return (min(state[0], low), max(state[1], high)): max(state[1], high): arguments swapped": _ORDER,
    },
}

"""the lesson `observers`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
from statistics import fmean, geometric_mean

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


def reads_the_inputs_as_unsigned(xq, x_zero, wq, w_zero):
    return (xq.to(torch.uint8).int() - x_zero) @ (wq.int() - w_zero).T


def multiplies_in_int8(xq, x_zero, wq, w_zero):
    products = (xq[:, None, :] * wq[None]).int().sum(-1)
    cross = x_zero * wq.int().sum(1) + w_zero * xq.int().sum(1, keepdim=True)
    return products - cross + xq.shape[1] * x_zero * w_zero


def subtracts_from_the_inputs_in_int8(xq, x_zero, wq, w_zero):
    return (xq - x_zero).int() @ (wq.int() - w_zero).T


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


NAMES = ("min_max", "average", "percentile")


def at_work(error, seeds=range(5)):
    return {name: sum(error(name, seed=n, held_out=1) for n in seeds) / len(seeds) for name in NAMES}


def on_the_calibration_data(error):
    mean = {name: np.mean([error(name, seed=n) for n in range(8)]) for name in NAMES}
    first, second, _ = sorted(mean, key=mean.get)
    return first if 2 * mean[first] < mean[second] else "none"


def smallest_of_three(error):
    mean = at_work(error)
    return min(mean, key=mean.get)


def better_than_the_worst(error):
    mean = at_work(error)
    best = min(mean, key=mean.get)
    return best if mean[best] < max(mean.values()) / 2 else "none"


def first_that_beats_min_max(error):
    mean = at_work(error)
    for name in ("percentile", "average"):
        if mean[name] < mean["min_max"] / 2:
            return name
    return "min_max" if mean["min_max"] < min(mean["average"], mean["percentile"]) / 2 else "none"


def min_max_is_the_control(error):
    mean = at_work(error)
    one, other = sorted(("average", "percentile"), key=mean.get)
    return one if 2 * mean[one] < min(mean["min_max"], mean[other]) else "none"


def one_draw(error):
    found = {name: error(name, seed=0, held_out=1) for name in NAMES}
    first, second, _ = sorted(found.values())
    return min(found, key=found.get) if first < second / 2 else "none"


def other_draws_for_each(error):
    mean = {name: sum(error(name, seed=10 * k + n, held_out=1) for n in range(5)) / 5 for k, name in enumerate(NAMES)}
    first, second, _ = sorted(mean, key=mean.get)
    return first if mean[first] < mean[second] / 2 else "none"


def without_min_max(error):
    average, percentile = (np.mean([error(name, seed=n, held_out=1) for n in range(6)]) for name in NAMES[1:])
    if average < percentile / 2:
        return "average"
    return "percentile" if percentile < average / 2 else "none"


def _below(found, share):
    first, second, _ = sorted(found, key=found.get)
    return first if found[first] < share * found[second] else "none"


def the_median_draw(error):
    return _below({name: np.median([error(name, seed=n, held_out=1) for n in range(5)]) for name in NAMES}, 0.5)


def the_geometric_mean(error):
    found = {name: [error(name, seed=n, held_out=1) for n in range(5)] for name in NAMES}
    return _below({name: geometric_mean(errors) for name, errors in found.items()}, 0.5)


def the_worst_draw(error):
    return _below({name: max(error(name, seed=n, held_out=1) for n in range(5)) for name in NAMES}, 0.5)


def mean_of_the_quotients(error):
    found = {name: [error(name, seed=n, held_out=1) for n in range(5)] for name in NAMES}
    for name in NAMES:
        rest = [found[other] for other in NAMES if other != name]
        if all(fmean(own / its for own, its in zip(found[name], other, strict=True)) < 0.5 for other in rest):
            return name
    return "none"


def best_in_most_draws(error):
    rows = [{name: error(name, seed=n, held_out=1) for name in NAMES} for n in range(5)]
    winners = [min(row, key=row.get) for row in rows]
    most = max(NAMES, key=winners.count)
    mean = {name: fmean(row[name] for row in rows) for name in NAMES}
    return most if all(mean[most] < mean[name] / 2 for name in NAMES if name != most) else "none"


def min_max_against_the_average(error):
    mean = {name: fmean(error(name, seed=n, held_out=1) for n in range(5)) for name in NAMES}
    return "min_max" if mean["min_max"] < mean["average"] / 2 else _below(mean, 0.5)


def without_the_extreme_draws(error):
    return _below({name: fmean(sorted(error(name, seed=n, held_out=1) for n in range(5))[1:-1]) for name in NAMES}, 0.5)


def four_tenths(error):
    return _below(at_work(error), 0.4)


def six_tenths(error):
    return _below(at_work(error), 0.6)


def best_range_by_table(error):
    table = np.array([[error(name, seed=n, held_out=1) for n in range(7, 20)] for name in NAMES])
    mean = table.mean(1)
    better = (mean[:, None] < mean / 2).sum(1)  # how many each beats
    return NAMES[better.argmax()] if better.max() == 2 else "none"


def best_range_after_both(error):
    kept = {name: [] for name in NAMES}
    for seed in (3, 1, 4, 15, 9, 2):
        for held_out in (0, 1):
            for name in NAMES:
                found = error(name, seed=seed, held_out=held_out)
                if held_out:
                    kept[name].append(found)
    mean = {name: math.fsum(own) / 6 for name, own in kept.items()}
    for name in NAMES:
        if all(mean[name] < mean[other] / 2 for other in NAMES if other != name):
            return name
    return "none"


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


def _clip_by(error):
    """An answer that takes the candidate with the least `error(back, values, scale, c)`."""

    def answer(values, candidates, bits):
        def of(c):
            scale = 2 * c / (2**bits - 1)
            q = torch.round(values / scale).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            return float(error(q * scale, values, scale, c))

        return min(candidates, key=of)

    return answer


huber_loss = _clip_by(lambda back, values, scale, c: torch.nn.functional.smooth_l1_loss(back, values))
variance_of_the_errors = _clip_by(lambda back, values, scale, c: (back - values).double().var(correction=0))
over_what_came_back = _clip_by(
    lambda back, values, scale, c: (back - values).square().mean() / back.square().mean().clamp(min=1e-30)
)
a_twelfth_for_the_rounding = _clip_by(
    lambda back, values, scale, c: scale**2 / 12 + (values - values.clamp(-c, c)).square().mean()
)


def levels_from_minus_c_to_c(values, candidates, bits):
    def error(c):
        levels = torch.linspace(-c, c, 2**bits, dtype=torch.float64)
        return (values.double().reshape(-1, 1) - levels).abs().amin(1).square().mean().item()

    return min(candidates, key=error)


def place_in_the_sorted_list(values, candidates, bits):
    best = clip_with_numpy(values, candidates, bits)
    return sorted(candidates)[candidates.index(best)]


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
        reads_the_inputs_as_unsigned,
        multiplies_in_int8,
        subtracts_from_the_inputs_in_int8,
        forgets_n,
        in_float32,
        products_in_float32,
    ],
    "best_range": [
        on_the_calibration_data,
        smallest_of_three,
        better_than_the_worst,
        first_that_beats_min_max,
        min_max_is_the_control,
        one_draw,
        other_draws_for_each,
        without_min_max,
        the_median_draw,
        the_geometric_mean,
        the_worst_draw,
        without_the_extreme_draws,
        mean_of_the_quotients,
        best_in_most_draws,
        min_max_against_the_average,
        four_tenths,
        six_tenths,
    ],
    "best_clip": [
        largest_value,
        ninety_per_cent,
        least_absolute_error,
        clipped_values_left_out,
        always_8_bits,
        stops_at_the_first_rise,
        rounds_only,
        huber_loss,
        variance_of_the_errors,
        over_what_came_back,
        a_twelfth_for_the_rounding,
        levels_from_minus_c_to_c,
        place_in_the_sorted_list,
    ],
}
ODD = {
    "int_matmul": [subtracts_first, exact_in_float64],
    "best_range": [best_range_by_table, best_range_after_both],
    "best_clip": [clip_with_fake_quantize, clip_with_numpy],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "best_range": {
        "mean = {name: fmean((error(name, seed=n, held_out=1) for n in range(5))) for name in names}: 5 -> 6": (
            "how many draws there are is free"
        ),
        "return best if mean[best] < mean[second] / 2 else 'none': mean[best] < mean[second] / 2: Lt -> LtE": (
            "no error is exactly half of another"
        ),
    }
}

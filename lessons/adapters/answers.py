"""The lesson `adapters`: plausible wrong answers and odd but right ones, as a learner would write them."""

from statistics import fmean, median

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


RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


def _means(gain, base, pick=fmean, n=5):
    return {rate: pick([gain(base, rate=rate, seed=seed) for seed in range(n)]) for rate in RATES}


def _named(trained, repaired, limit=20):
    if trained > limit:
        return "both" if repaired > limit else "training"
    return "repair" if repaired > limit else "nothing"


def _at_best(gain, pick=fmean, limit=20):
    low, twin = (max(0, *_means(gain, base, pick).values()) for base in ("2 bits", "float"))
    return _named(twin, low - twin, limit)


def always_a_repair(gain):
    _at_best(gain)
    return "repair"


def without_the_twin(gain):
    low = max(_means(gain, "2 bits").values())
    return "repair" if low > 20 else "nothing"


def with_one_seed(gain):
    low, twin = (max(0, *_means(gain, base, n=1).values()) for base in ("2 bits", "float"))
    return _named(twin, low - twin)


def more_seeds_for_the_twin(gain):
    low = max(0, *_means(gain, "2 bits").values())
    twin = max(0, *_means(gain, "float", n=8).values())
    return _named(twin, low - twin)


def without_the_highest_rate(gain):
    low, twin = (
        max(0, *(fmean(gain(base, rate=rate, seed=seed) for seed in range(5)) for rate in RATES[:4]))
        for base in ("2 bits", "float")
    )
    return _named(twin, low - twin)


def distrusts_the_highest_rate(gain):
    """All five rates are tried, and the last one is not read."""
    low, twin = (max(0, *list(_means(gain, base).values())[:4]) for base in ("2 bits", "float"))
    return _named(twin, low - twin)


def by_the_loser(gain):
    """Takes a fall of the float base for a gain of training."""
    low, twin = (_means(gain, base) for base in ("2 bits", "float"))
    return _named(max(abs(v) for v in twin.values()), max(low.values()) - max(0, *twin.values()))


def a_gain_on_two_bits_is_a_repair(gain):
    low, twin = (max(0, *_means(gain, base).values()) for base in ("2 bits", "float"))
    return _named(twin, low)


def the_larger_alone(gain):
    low, twin = (max(0, *_means(gain, base).values()) for base in ("2 bits", "float"))
    if max(twin, low - twin) <= 20:
        return "nothing"
    return "training" if twin > low - twin else "repair"


def any_gain(gain):
    return _at_best(gain, limit=5)


def one_rate_for_both(gain):
    low, twin = _means(gain, "2 bits"), _means(gain, "float")
    rate = max(low, key=low.get)
    trained = max(0, twin[rate])
    return _named(trained, max(0, low[rate]) - trained)


def by_the_median(gain):
    return _at_best(gain, median)


def by_the_best_seed(gain):
    return _at_best(gain, max)


def limit_of_ten_beyond_the_twin(gain):
    low, twin = (max(0, *_means(gain, base).values()) for base in ("2 bits", "float"))
    return _named(twin, 2 * (low - twin) if low - twin > 0 else 0)


def limit_of_25(gain):
    return _at_best(gain, limit=25)


def _where_the_twin_wins_nothing(gain, limit):
    """Not an answer: the card's rule, with another limit for the repair where no training counts."""
    low, twin = (max(0, *_means(gain, base).values()) for base in ("2 bits", "float"))
    return _named(twin, low - twin) if twin > 0 else "repair" if low > limit else "nothing"


def fifteen_where_the_twin_wins_nothing(gain):
    return _where_the_twin_wins_nothing(gain, 15)


def thirty_where_the_twin_wins_nothing(gain):
    return _where_the_twin_wins_nothing(gain, 30)


def not_below_zero(gain):
    """A twin that loses counts below 0, so that a loss avoided is a gain."""
    low, twin = (max(_means(gain, base).values()) for base in ("2 bits", "float"))
    return _named(twin, low - twin)


def nothing_without_a_gain_on_two_bits(gain):
    low, twin = (max(0, *_means(gain, base).values()) for base in ("2 bits", "float"))
    return _named(twin, low - twin) if low > 20 else "nothing"


def losses_as_zeros(gain):
    low, twin = (
        max(_means(gain, base, lambda gains: fmean(max(0, one) for one in gains)).values())
        for base in ("2 bits", "float")
    )
    return _named(twin, low - twin)


def a_best_rate_for_each_seed(gain):
    low, twin = (
        max(0, fmean(max(gain(base, rate=rate, seed=seed) for rate in RATES) for seed in range(5)))
        for base in ("2 bits", "float")
    )
    return _named(twin, low - twin)


def other_seeds_at_each_rate(gain):
    low, twin = (
        max(0, *(fmean(gain(base, rate=r, seed=5 * n + seed) for seed in range(5)) for n, r in enumerate(RATES)))
        for base in ("2 bits", "float")
    )
    return _named(twin, low - twin)


def without_the_sign(gain):
    low, twin = (max(0, *_means(gain, base).values()) for base in ("2 bits", "float"))
    return _named(twin, abs(low - twin))


def the_median_of_the_twin(gain):
    low = max(0, *_means(gain, "2 bits").values())
    twin = max(0, *_means(gain, "float", median).values())
    return _named(twin, low - twin)


def in_one_loop(gain):
    """All runs first, then the means, with eight seeds."""
    runs = {}
    for seed in range(10, 18):
        for rate in reversed(RATES):
            for base in ("float", "2 bits"):
                runs.setdefault((base, rate), []).append(gain(base, rate, seed))
    won = {base: max(0, *(sum(own) / 8 for (b, _), own in runs.items() if b == base)) for base in ("float", "2 bits")}
    return _named(won["float"], won["2 bits"] - won["float"])


def with_tensors(gain):
    """Means and maxima as tensors, over ten seeds."""
    table = torch.tensor(
        [[[gain(base, rate=rate, seed=s) for s in range(10)] for rate in RATES] for base in ("2 bits", "float")]
    )
    low, twin = table.mean(dim=2).amax(dim=1).clamp(min=0).tolist()
    return _named(twin, low - twin)


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


def _by_seeds(which):
    def answer(gain):
        won = {}
        for base in ("2 bits", "float"):
            runs = [[gain(base, rate=rate, seed=seed) for seed in range(5)] for rate in RATES]
            won[base] = max(0, *(fmean(own[which]) for own in runs))
        return _named(won["float"], won["2 bits"] - won["float"])

    return answer


def without_the_first_seed(gain):
    return _by_seeds(slice(1, None))(gain)


def every_second_rate(gain):
    won = {}
    for base in ("2 bits", "float"):
        means = [fmean(gain(base, rate=rate, seed=seed) for seed in range(5)) for rate in RATES]
        won[base] = max(0, *means[::2])
    return _named(won["float"], won["2 bits"] - won["float"])


def a_fifth_of_the_gain_is_training(gain):
    low, twin = (max(0, *_means(gain, base).values()) for base in ("2 bits", "float"))
    return _named(twin if twin > 0.2 * low else 0, low - twin)


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
    "what_won": [
        always_a_repair,
        without_the_twin,
        with_one_seed,
        more_seeds_for_the_twin,
        without_the_highest_rate,
        distrusts_the_highest_rate,
        by_the_loser,
        a_gain_on_two_bits_is_a_repair,
        the_larger_alone,
        any_gain,
        one_rate_for_both,
        by_the_median,
        by_the_best_seed,
        limit_of_ten_beyond_the_twin,
        limit_of_25,
        not_below_zero,
        without_the_sign,
        the_median_of_the_twin,
        fifteen_where_the_twin_wins_nothing,
        thirty_where_the_twin_wins_nothing,
        nothing_without_a_gain_on_two_bits,
        losses_as_zeros,
        a_best_rate_for_each_seed,
        other_seeds_at_each_rate,
        without_the_first_seed,
        every_second_rate,
        a_fifth_of_the_gain_is_training,
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
    "what_won": [in_one_loop, with_tensors],
    "merged_codes": [one_by_one, by_the_nearest_level],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "what_won": {
        "if trained > 20:: trained > 20: Gt -> GtE": "no base wins exactly 20",
        "return 'both' if repaired > 20 else 'training': repaired > 20: Gt -> GtE": "no base wins exactly 20 more",
        "return 'repair' if repaired > 20 else 'nothing': repaired > 20: Gt -> GtE": "no base wins exactly 20 more",
    },
}

"""the lesson `qat`: plausible wrong answers and odd but right ones, as a learner would write them."""

import statistics

import numpy as np
import torch


def through_round(x, scale, zero_point, qmin, qmax):
    q = (torch.round(x / scale) + zero_point).clamp(qmin, qmax)
    return (q - zero_point) * scale


def passes_everywhere(x, scale, zero_point, qmin, qmax):
    q = (torch.round(x / scale) + zero_point).clamp(qmin, qmax)
    return x + ((q - zero_point) * scale - x).detach()


class RoundedGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, zero_point, qmin, qmax):
        q = torch.round(x / scale) + zero_point
        ctx.save_for_backward((q >= qmin) & (q <= qmax))
        return (q.clamp(qmin, qmax) - zero_point) * scale

    @staticmethod
    def backward(ctx, gradient):
        return torch.round(gradient) * ctx.saved_tensors[0], None, None, None, None


def rounds_the_gradient(x, scale, zero_point, qmin, qmax):
    return RoundedGradient.apply(x, scale, zero_point, qmin, qmax)


def gradient_times_scale(x, scale, zero_point, qmin, qmax):
    clipped = x.clamp((qmin - zero_point) * scale, (qmax - zero_point) * scale)
    q = (torch.round(x / scale) + zero_point).clamp(qmin, qmax)
    return clipped * scale + ((q - zero_point) * scale - clipped * scale).detach()


def without_a_clamp(x, scale, zero_point, qmin, qmax):
    clipped = x.clamp((qmin - zero_point) * scale, (qmax - zero_point) * scale)
    return clipped + (torch.round(x / scale) * scale - clipped).detach()


def range_without_zero_point(x, scale, zero_point, qmin, qmax):
    clipped = x.clamp(qmin * scale, qmax * scale)
    q = (torch.round(x / scale) + zero_point).clamp(qmin, qmax)
    return clipped + ((q - zero_point) * scale - clipped).detach()


class Masked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, zero_point, qmin, qmax):
        q = torch.round(x * (1 / scale)) + zero_point
        ctx.inside = (q >= qmin) & (q <= qmax)
        return (q.clamp(qmin, qmax) - zero_point) * scale

    @staticmethod
    def backward(ctx, gradient):
        return torch.where(ctx.inside, gradient, torch.zeros_like(gradient)), None, None, None, None


def own_function(x, scale, zero_point, qmin, qmax):
    return Masked.apply(x, scale, zero_point, qmin, qmax)


def with_a_hook(x, scale, zero_point, qmin, qmax):
    """Passes everything, and lets a hook stop what was clipped."""
    q = torch.round(x.detach() / scale) + zero_point
    inside = ((q >= qmin) & (q <= qmax)).float()
    through = x * 1
    if through.requires_grad:
        through.register_hook(lambda gradient: gradient * inside)
    return through + ((q.clamp(qmin, qmax) - zero_point) * scale - through).detach()


class StrictEnds(Masked):
    @staticmethod
    def forward(ctx, x, scale, zero_point, qmin, qmax):
        q = torch.round(x / scale) + zero_point
        ctx.inside = (q > qmin) & (q < qmax)
        return (q.clamp(qmin, qmax) - zero_point) * scale


def ends_count_as_clipped(x, scale, zero_point, qmin, qmax):
    return StrictEnds.apply(x, scale, zero_point, qmin, qmax)


class OnesInside(Masked):
    @staticmethod
    def backward(ctx, gradient):
        return ctx.inside.to(gradient.dtype), None, None, None, None


def ignores_what_comes_from_above(x, scale, zero_point, qmin, qmax):
    return OnesInside.apply(x, scale, zero_point, qmin, qmax)


def detached(x, scale, zero_point, qmin, qmax):
    q = torch.round(x.detach() / scale) + zero_point
    return (q.clamp(qmin, qmax) - zero_point) * scale


def rounded_to_zero(x, scale, zero_point, qmin, qmax):
    clipped = x.clamp((qmin - zero_point) * scale, (qmax - zero_point) * scale)
    q = ((x / scale).int() + zero_point).clamp(qmin, qmax)
    return clipped + ((q - zero_point) * scale - clipped).detach()


def without_a_zero_point(x, scale, zero_point, qmin, qmax):
    clipped = x.clamp(qmin * scale, qmax * scale)
    return clipped + (torch.round(clipped / scale) * scale - clipped).detach()


def borrowed_from_torch(x, scale, zero_point, qmin, qmax):
    return torch.fake_quantize_per_tensor_affine(x, scale, zero_point, qmin, qmax)


def zero_point_left_in(x, scale, zero_point, qmin, qmax):
    clipped = x.clamp((qmin - zero_point) * scale, (qmax - zero_point) * scale)
    q = (torch.round(x / scale) + zero_point).clamp(qmin, qmax)
    return clipped + (q * scale - clipped).detach()


def clamped_before_the_zero_point(x, scale, zero_point, qmin, qmax):
    clipped = x.clamp((qmin - zero_point) * scale, (qmax - zero_point) * scale)
    q = torch.round(x / scale).clamp(qmin, qmax) + zero_point
    return clipped + ((q - zero_point) * scale - clipped).detach()


class AsIfIntegers(Masked):
    @staticmethod
    def forward(ctx, x, scale, zero_point, qmin, qmax):
        ctx.inside = (x >= qmin) & (x <= qmax)
        q = torch.round(x / scale) + zero_point
        return (q.clamp(qmin, qmax) - zero_point) * scale


def compares_x_itself(x, scale, zero_point, qmin, qmax):
    return AsIfIntegers.apply(x, scale, zero_point, qmin, qmax)


def each_arm_sorted(runs):
    aware, trained = (sorted(run[name] for run in runs) for name in ("qat, int8", "trained on, int8"))
    gains = [a - t for a, t in zip(aware, trained, strict=True)]
    error = statistics.stdev(gains) / len(gains) ** 0.5
    return statistics.mean(gains), abs(statistics.mean(gains)) > 2 * error


def above_the_untrained(runs):
    gains = [run["qat, int8"] - run["int8"] for run in runs]
    gain = statistics.mean(gains)
    return gain, abs(gain) > 2 * statistics.stdev(gains) / len(gains) ** 0.5


def above_float(runs):
    gains = [run["qat, int8"] - run["float"] for run in runs]
    gain = statistics.mean(gains)
    return gain, abs(gain) > 2 * statistics.stdev(gains) / len(gains) ** 0.5


def best_seed(runs):
    gains = [run["qat, int8"] - run["trained on, int8"] for run in runs]
    return max(gains), abs(max(gains)) > 2 * statistics.stdev(gains) / len(gains) ** 0.5


def spread_of_one_arm(runs):
    aware = [run["qat, int8"] for run in runs]
    gain = statistics.mean(aware) - statistics.mean(run["trained on, int8"] for run in runs)
    return gain, abs(gain) > 2 * statistics.stdev(aware) / len(aware) ** 0.5


def spread_of_single_seeds(runs):
    gains = [run["qat, int8"] - run["trained on, int8"] for run in runs]
    gain = statistics.mean(gains)
    return gain, abs(gain) > 2 * statistics.stdev(gains)


def gains_only(runs):
    gains = [run["qat, int8"] - run["trained on, int8"] for run in runs]
    gain = statistics.mean(gains)
    return gain, gain > 2 * statistics.stdev(gains) / len(gains) ** 0.5


def each_arm_for_itself(runs):
    aware, trained = ([run[arm] for run in runs] for arm in ("qat, int8", "trained on, int8"))
    gain = statistics.mean(aware) - statistics.mean(trained)
    return gain, abs(gain) > 2 * ((statistics.variance(aware) + statistics.variance(trained)) / len(runs)) ** 0.5


def spread_of_a_population(runs):
    gains = np.array([run["qat, int8"] - run["trained on, int8"] for run in runs])
    return float(gains.mean()), bool(abs(gains.mean()) > 2 * gains.std() / len(gains) ** 0.5)


def variance_for_spread(runs):
    gains = [run["qat, int8"] - run["trained on, int8"] for run in runs]
    gain = statistics.mean(gains)
    return gain, abs(gain) > 2 * (statistics.variance(gains) / len(gains))


def one_standard_error(runs):
    gains = [run["qat, int8"] - run["trained on, int8"] for run in runs]
    gain = statistics.mean(gains)
    return gain, abs(gain) > statistics.stdev(gains) / len(gains) ** 0.5


def three_standard_errors(runs):
    gains = [run["qat, int8"] - run["trained on, int8"] for run in runs]
    gain = statistics.mean(gains)
    return gain, abs(gain) > 3 * statistics.stdev(gains) / len(gains) ** 0.5


def half_for_the_root(runs):
    gains = [run["qat, int8"] - run["trained on, int8"] for run in runs]
    gain = statistics.mean(gains)
    return gain, abs(gain) > 2 * statistics.stdev(gains) / (len(gains) * 0.5)


def every_seed_gained(runs):
    gains = [run["qat, int8"] - run["trained on, int8"] for run in runs]
    return statistics.mean(gains), all(gain > 0 for gain in gains)


def with_numpy(runs):
    gains = np.array([run["qat, int8"] - run["trained on, int8"] for run in runs])
    return gains.mean(), np.abs(gains.mean()) > 2 * gains.std(ddof=1) / np.sqrt(len(gains))


def with_torch(runs):
    gains = torch.tensor([run["qat, int8"] - run["trained on, int8"] for run in runs], dtype=torch.float64)
    gain = gains.mean()
    return gain.item(), bool(gain.abs() > 2 * gains.std() / gains.numel() ** 0.5)


STEPS = [0.25 * 2**k for k in range(6)]
ARMS = ("plain", "trained on", "QAT")


def verdict(plain, longer, aware):
    if aware - longer > 1:
        return "rounding"
    return "training" if longer - plain > 1 else "step"


def mean_right(right, arm, step, seeds=range(3)):
    return statistics.mean(right(arm, step=step, seed=seed) for seed in seeds)


def without_an_opponent(right):
    best = {arm: max(mean_right(right, arm, step) for step in STEPS) for arm in ("plain", "QAT")}
    return "rounding" if best["QAT"] - best["plain"] > 1 else "step"


def at_the_reports_step(right):
    return verdict(*(mean_right(right, arm, 5.0) for arm in ARMS))


def tunes_the_opponents_alone(right):
    best = [max(mean_right(right, arm, step) for step in STEPS) for arm in ARMS[:2]]
    aware = statistics.mean(right("QAT", step=5.0, seed=seed) for _ in STEPS for seed in range(3))
    return verdict(*best, aware)


def believes_the_report(right):
    for arm in ARMS:
        for step in STEPS:
            mean_right(right, arm, step)
    return "rounding"


def in_the_mean_over_steps(right):
    return verdict(*(statistics.mean(mean_right(right, arm, step) for step in STEPS) for arm in ARMS))


def table_of(right):
    return {arm: {step: mean_right(right, arm, step) for step in STEPS} for arm in ARMS}


def with_the_best_step_of_qat(right):
    table = table_of(right)
    step = max(STEPS, key=table["QAT"].get)
    return verdict(*(table[arm][step] for arm in ARMS))


def with_the_best_step_of_the_opponent(right):
    table = table_of(right)
    step = max(STEPS, key=table["trained on"].get)
    return verdict(*(table[arm][step] for arm in ARMS))


def qat_against_plain_first(right):
    plain, longer, aware = (max(row.values()) for row in table_of(right).values())
    if aware - plain > 1:
        return "rounding"
    return "training" if longer - plain > 1 else "step"


def best_single_result(right):
    return verdict(*(max(right(arm, step=step, seed=seed) for step in STEPS for seed in range(3)) for arm in ARMS))


def _results(right):
    """Arm -> what each of three networks gets right at the step that is best in the mean."""
    for arm in ARMS:
        rows = [[right(arm, step=step, seed=seed) for seed in range(3)] for step in STEPS]
        yield max(rows, key=statistics.mean)


def the_median_network(right):
    return verdict(*map(statistics.median, _results(right)))


def the_best_network(right):
    return verdict(*map(max, _results(right)))


def one_and_a_half_points(right):
    return verdict(*(statistics.mean(own) / 1.5 for own in _results(right)))


def two_thirds_of_a_point(right):
    return verdict(*(statistics.mean(own) * 1.5 for own in _results(right)))


def steps_of_the_lesson_alone(right):
    return verdict(*(max(mean_right(right, arm, step) for step in (1.0, 1.3, 1.6, 2.0, 2.5)) for arm in ARMS))


def wants_no_overlap(right):
    results = {arm: {step: [right(arm, step=step, seed=seed) for seed in range(3)] for step in STEPS} for arm in ARMS}
    plain, longer, aware = (max(rows.values(), key=statistics.mean) for rows in results.values())
    if min(aware) > max(longer):
        return "rounding"
    return "training" if statistics.mean(longer) - statistics.mean(plain) > 1 else "step"


def _of_five(right):
    for arm in ARMS:
        rows = [sorted(right(arm, step=step, seed=seed) for seed in range(5)) for step in STEPS]
        yield max(rows, key=statistics.mean)


def without_best_and_worst(right):
    return verdict(*(sum(own[1:-1]) / 3 for own in _of_five(right)))


def without_the_worst(right):
    return verdict(*(sum(own[1:]) / 4 for own in _of_five(right)))


def middle_of_best_and_worst(right):
    return verdict(*((own[0] + own[-1]) / 2 for own in _of_five(right)))


def _best(right):
    return [max(row.values()) for row in table_of(right).values()]


def rounding_from_one_point_two_on(right):
    plain, longer, aware = _best(right)
    return "rounding" if aware - longer > 1.2 else "training" if longer - plain > 1 else "step"


def rounding_from_nine_tenths_on(right):
    plain, longer, aware = _best(right)
    return "rounding" if aware - longer > 0.9 else "training" if longer - plain > 1 else "step"


def training_from_nine_tenths_on(right):
    plain, longer, aware = _best(right)
    return "rounding" if aware - longer > 1 else "training" if longer - plain > 0.9 else "step"


def asks_for_the_training_first(right):
    plain, longer, aware = _best(right)
    return "training" if longer - plain > 1 else "rounding" if aware - longer > 1 else "step"


def any_difference_of_qat(right):
    plain, longer, aware = _best(right)
    return "rounding" if abs(aware - longer) > 1 else "training" if longer - plain > 1 else "step"


def any_difference_of_the_training(right):
    plain, longer, aware = _best(right)
    return "rounding" if aware - longer > 1 else "training" if abs(longer - plain) > 1 else "step"


def step_of_the_first_network(right):
    rows = {arm: [[right(arm, step=step, seed=seed) for seed in range(3)] for step in STEPS] for arm in ARMS}
    return verdict(*(statistics.mean(max(rows[arm], key=lambda own: own[0])) for arm in ARMS))


def geometric_means(right, networks=5):
    rows = [[[right(arm, step=step, seed=seed) for seed in range(networks)] for step in STEPS] for arm in ARMS]
    return verdict(*(max(map(statistics.geometric_mean, own)) for own in rows))


def geometric_means_of_three(right):
    return geometric_means(right, 3)


def only_ahead_of_both(right):
    plain, longer, aware = _best(right)
    if aware - longer > 1 and aware - plain > 1:
        return "rounding"
    return "training" if longer - plain > 1 else "step"


def asks_for_the_gain_of_qat(right):
    plain, longer, aware = _best(right)
    return "step" if aware - plain <= 1 else verdict(plain, longer, aware)


def no_training_where_qat_is_behind(right):
    plain, longer, aware = _best(right)
    return "step" if longer - aware > 1 else verdict(plain, longer, aware)


def says_both(right):
    return verdict(*(max(row.values()) for row in table_of(right).values())) + " and step"


def with_a_fine_grid(right):
    steps = [0.1 * 1.25**k for k in range(20)]
    return verdict(*(max(mean_right(right, arm, step, range(10, 20)) for step in steps) for arm in ARMS))


def in_arrays(right):
    """All results in one array; the best step of each arm, then the differences network by network."""
    seeds = [7, 3, 11, 5, 2]
    grid = np.array([[[right(arm, step=step, seed=seed) for seed in seeds] for step in STEPS] for arm in ARMS])
    plain, longer, aware = grid[range(3), grid.mean(2).argmax(1)]
    if (aware - longer).mean() > 1:
        return "rounding"
    return "training" if (longer - plain).mean() > 1 else "step"


WRONG = {
    "what_won": [
        without_an_opponent,
        at_the_reports_step,
        tunes_the_opponents_alone,
        believes_the_report,
        says_both,
        geometric_means,
        geometric_means_of_three,
        only_ahead_of_both,
        asks_for_the_gain_of_qat,
        no_training_where_qat_is_behind,
        wants_no_overlap,
        qat_against_plain_first,
        in_the_mean_over_steps,
        with_the_best_step_of_qat,
        with_the_best_step_of_the_opponent,
        best_single_result,
        steps_of_the_lesson_alone,
        the_median_network,
        the_best_network,
        one_and_a_half_points,
        two_thirds_of_a_point,
        without_best_and_worst,
        without_the_worst,
        middle_of_best_and_worst,
        rounding_from_one_point_two_on,
        rounding_from_nine_tenths_on,
        training_from_nine_tenths_on,
        asks_for_the_training_first,
        any_difference_of_qat,
        any_difference_of_the_training,
        step_of_the_first_network,
    ],
    "straight_through": [
        through_round,
        passes_everywhere,
        rounds_the_gradient,
        gradient_times_scale,
        without_a_clamp,
        range_without_zero_point,
        ends_count_as_clipped,
        ignores_what_comes_from_above,
        detached,
        rounded_to_zero,
        without_a_zero_point,
        zero_point_left_in,
        borrowed_from_torch,
        clamped_before_the_zero_point,
        compares_x_itself,
    ],
    "gain_of_rounding": [
        each_arm_sorted,
        above_the_untrained,
        above_float,
        best_seed,
        spread_of_one_arm,
        spread_of_single_seeds,
        gains_only,
        each_arm_for_itself,
        spread_of_a_population,
        variance_for_spread,
        one_standard_error,
        three_standard_errors,
        half_for_the_root,
        every_seed_gained,
    ],
}
ODD = {
    "what_won": [with_a_fine_grid, in_arrays],
    "straight_through": [own_function, with_a_hook],
    "gain_of_rounding": [with_numpy, with_torch],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
_BEST = "best[arm] = max((mean((right(arm, step=step, seed=seed) for seed in range(3))) for step in steps))"
_ROUNDING = "best['QAT'] - best['trained on'] > 1"
_TRAINING = "best['trained on'] - best['plain'] > 1"
EQUIVALENT = {
    "what_won": {
        f"{_BEST}: 3 -> 4": "one network more",
        "steps = [0.25 * 2 ** k for k in range(6)]: 6 -> 5": "up to 4, where the best step of each world is still flat",
        f"if {_ROUNDING}:: {_ROUNDING}: Gt -> GtE": "no planted lead is exactly one point",
        f"return 'training' if {_TRAINING} else 'step': {_TRAINING}: Gt -> GtE": "nor this one",
    }
}

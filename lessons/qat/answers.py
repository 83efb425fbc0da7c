"""the lesson `qat`: plausible wrong answers and odd but right ones, as a learner would write them."""

import copy
import statistics

import numpy as np
import torch
import torch.ao.quantization as tq
from torch.ao.nn.intrinsic.qat import freeze_bn_stats


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


def zero_point_left_in(x, scale, zero_point, qmin, qmax):
    clipped = x.clamp((qmin - zero_point) * scale, (qmax - zero_point) * scale)
    q = (torch.round(x / scale) + zero_point).clamp(qmin, qmax)
    return clipped + (q * scale - clipped).detach()


def converts_in_place(model, train_epoch, accuracy, epochs):
    prepared, accuracies = tq.prepare_qat(model), []
    for epoch in range(epochs):
        if epoch == epochs // 2:
            prepared.apply(tq.disable_observer)
            prepared.apply(freeze_bn_stats)
        train_epoch(prepared)
        tq.convert(prepared, inplace=True)
        accuracies.append(accuracy(prepared))
    return prepared, accuracies


def observers_never_frozen(model, train_epoch, accuracy, epochs):
    prepared, accuracies = tq.prepare_qat(model), []
    for epoch in range(epochs):
        if epoch == epochs // 2:
            prepared.apply(freeze_bn_stats)
        train_epoch(prepared)
        int8_model = tq.convert(copy.deepcopy(prepared).eval())
        accuracies.append(accuracy(int8_model))
    return int8_model, accuracies


def batch_norm_never_frozen(model, train_epoch, accuracy, epochs):
    prepared, accuracies = tq.prepare_qat(model), []
    for epoch in range(epochs):
        if epoch >= epochs // 2:
            prepared.apply(tq.disable_observer)
        train_epoch(prepared)
        int8_model = tq.convert(copy.deepcopy(prepared).eval())
        accuracies.append(accuracy(int8_model))
    return int8_model, accuracies


def frozen_at_once(model, train_epoch, accuracy, epochs):
    prepared, accuracies = tq.prepare_qat(model), []
    prepared.apply(tq.disable_observer)
    prepared.apply(freeze_bn_stats)
    for _ in range(epochs):
        train_epoch(prepared)
        int8_model = tq.convert(copy.deepcopy(prepared).eval())
        accuracies.append(accuracy(int8_model))
    return int8_model, accuracies


def stays_in_evaluation_mode(model, train_epoch, accuracy, epochs):
    prepared, accuracies = tq.prepare_qat(model), []
    for epoch in range(epochs):
        if epoch == epochs // 2:
            prepared.apply(tq.disable_observer)
            prepared.apply(freeze_bn_stats)
        train_epoch(prepared)
        int8_model = tq.convert(prepared.eval())
        accuracies.append(accuracy(int8_model))
    return int8_model, accuracies


def measures_the_simulation(model, train_epoch, accuracy, epochs):
    prepared, accuracies = tq.prepare_qat(model), []
    for epoch in range(epochs):
        if epoch == epochs // 2:
            prepared.apply(tq.disable_observer)
            prepared.apply(freeze_bn_stats)
        train_epoch(prepared)
        accuracies.append(accuracy(copy.deepcopy(prepared).eval()))
    return tq.convert(copy.deepcopy(prepared).eval()), accuracies


def returns_the_first(model, train_epoch, accuracy, epochs):
    prepared, models, accuracies = tq.prepare_qat(model), [], []
    for epoch in range(epochs):
        if epoch == epochs // 2:
            prepared.apply(tq.disable_observer)
            prepared.apply(freeze_bn_stats)
        train_epoch(prepared)
        models.append(tq.convert(copy.deepcopy(prepared).eval()))
        accuracies.append(accuracy(models[-1]))
    return models[0], accuracies


def _loop(model, train_epoch, accuracy, epochs, freeze_at, freeze):
    prepared, accuracies = tq.prepare_qat(model), []
    for epoch in range(epochs):
        if epoch == freeze_at:
            freeze(prepared)
        train_epoch(prepared)
        int8_model = tq.convert(copy.deepcopy(prepared).eval())
        accuracies.append(accuracy(int8_model))
    return int8_model, accuracies


def _freeze(prepared):
    prepared.apply(tq.disable_observer).apply(freeze_bn_stats)


def frozen_too_late(model, train_epoch, accuracy, epochs):
    return _loop(model, train_epoch, accuracy, epochs, epochs // 2 + 1 if epochs > 2 else 1, _freeze)


def frozen_too_early(model, train_epoch, accuracy, epochs):
    return _loop(model, train_epoch, accuracy, epochs, max(1, epochs // 2 - 1), _freeze)


def fake_quantization_off(model, train_epoch, accuracy, epochs):
    def freeze(prepared):
        prepared.apply(tq.disable_fake_quant).apply(freeze_bn_stats)

    return _loop(model, train_epoch, accuracy, epochs, epochs // 2, freeze)


def top_level_only(model, train_epoch, accuracy, epochs):
    def freeze(prepared):
        prepared.apply(tq.disable_observer)
        for layer in prepared.module:
            if hasattr(layer, "freeze_bn_stats"):
                layer.freeze_bn_stats()

    return _loop(model, train_epoch, accuracy, epochs, epochs // 2, freeze)


def prepared_every_epoch(model, train_epoch, accuracy, epochs):
    accuracies = []
    for epoch in range(epochs):
        prepared = tq.prepare_qat(model)
        if epoch >= epochs // 2:
            _freeze(prepared)
        train_epoch(prepared)
        int8_model = tq.convert(copy.deepcopy(prepared).eval())
        accuracies.append(accuracy(int8_model))
    return int8_model, accuracies


def measures_before_training(model, train_epoch, accuracy, epochs):
    prepared, accuracies = tq.prepare_qat(model), []
    for epoch in range(epochs):
        accuracies.append(accuracy(tq.convert(copy.deepcopy(prepared).eval())))
        if epoch == epochs // 2:
            _freeze(prepared)
        train_epoch(prepared)
    return tq.convert(copy.deepcopy(prepared).eval()), accuracies


def puts_the_model_into_evaluation(model, train_epoch, accuracy, epochs):
    result = freezes_every_time(model, train_epoch, accuracy, epochs)
    model.eval()
    return result[0], list(result[1])


def freezes_every_time(model, train_epoch, accuracy, epochs):
    prepared = tq.prepare_qat(copy.deepcopy(model), inplace=True)
    accuracies = ()
    for epoch in range(epochs):
        if epoch >= epochs // 2:
            prepared.apply(tq.disable_observer).apply(freeze_bn_stats)
        train_epoch(prepared.train())
        prepared.eval()
        int8_model = tq.convert(prepared)  # returns a copy
        prepared.train()
        accuracies += (accuracy(int8_model),)
    return int8_model, accuracies


def by_modules(model, train_epoch, accuracy, epochs):
    prepared, accuracies, left = tq.prepare_qat(model), [], epochs
    while left:
        if epochs - left >= epochs // 2:
            for module in prepared.modules():
                if hasattr(module, "disable_observer"):
                    module.disable_observer()
                if hasattr(module, "freeze_bn_stats"):
                    module.freeze_bn_stats()
        train_epoch(prepared)
        int8_model = tq.convert(copy.deepcopy(prepared).eval(), inplace=True)
        accuracies.append(accuracy(int8_model))
        left -= 1
    return [int8_model, accuracies]


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


def with_numpy(runs):
    gains = np.array([run["qat, int8"] - run["trained on, int8"] for run in runs])
    return gains.mean(), np.abs(gains.mean()) > 2 * gains.std(ddof=1) / np.sqrt(len(gains))


def with_torch(runs):
    gains = torch.tensor([run["qat, int8"] - run["trained on, int8"] for run in runs], dtype=torch.float64)
    gain = gains.mean()
    return gain.item(), bool(gain.abs() > 2 * gains.std() / gains.numel() ** 0.5)


WRONG = {
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
    ],
    "qat_loop": [
        converts_in_place,
        observers_never_frozen,
        batch_norm_never_frozen,
        frozen_at_once,
        stays_in_evaluation_mode,
        measures_the_simulation,
        returns_the_first,
        frozen_too_late,
        frozen_too_early,
        fake_quantization_off,
        top_level_only,
        prepared_every_epoch,
        measures_before_training,
        puts_the_model_into_evaluation,
    ],
    "gain_of_rounding": [
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
    ],
}
ODD = {
    "straight_through": [own_function, with_a_hook],
    "qat_loop": [freezes_every_time, by_modules],
    "gain_of_rounding": [with_numpy, with_torch],
}
EQUIVALENT = {}

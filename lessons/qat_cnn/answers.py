"""the lesson `qat_cnn`: plausible wrong answers and odd but right ones, as a learner would write them."""

import copy
from statistics import fmean, median

import numpy as np
import torch.ao.quantization as tq
from torch.ao.nn.intrinsic.qat import freeze_bn_stats


def _freeze(prepared):
    prepared.apply(tq.disable_observer).apply(freeze_bn_stats)


def _copy(prepared):
    return copy.deepcopy(prepared).eval()


def _loop(model, train_epoch, accuracy, epochs, freeze_at, freeze=_freeze, *, prepare=tq.prepare_qat, copied=_copy):
    prepared, accuracies = prepare(model), []
    for epoch in range(epochs):
        if epoch == freeze_at:
            freeze(prepared)
        train_epoch(prepared)
        int8_model = tq.convert(copied(prepared))
        accuracies.append(accuracy(int8_model))
    return int8_model, accuracies


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
    return _loop(model, train_epoch, accuracy, epochs, epochs // 2, lambda prepared: prepared.apply(freeze_bn_stats))


def batch_norm_never_frozen(model, train_epoch, accuracy, epochs):
    return _loop(
        model, train_epoch, accuracy, epochs, epochs // 2, lambda prepared: prepared.apply(tq.disable_observer)
    )


def frozen_at_once(model, train_epoch, accuracy, epochs):
    return _loop(model, train_epoch, accuracy, epochs, 0)


def stays_in_evaluation_mode(model, train_epoch, accuracy, epochs):
    return _loop(model, train_epoch, accuracy, epochs, epochs // 2, copied=lambda prepared: prepared.eval())


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


def frozen_too_late(model, train_epoch, accuracy, epochs):
    return _loop(model, train_epoch, accuracy, epochs, epochs // 2 + 1 if epochs > 2 else 1)


def frozen_too_early(model, train_epoch, accuracy, epochs):
    return _loop(model, train_epoch, accuracy, epochs, max(1, epochs // 2 - 1))


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


def never_in_evaluation_mode(model, train_epoch, accuracy, epochs):
    return _loop(model, train_epoch, accuracy, epochs, epochs // 2, copied=copy.deepcopy)


def last_one_in_training_mode(model, train_epoch, accuracy, epochs):
    prepared, accuracies = tq.prepare_qat(model), []
    for epoch in range(epochs):
        if epoch == epochs // 2:
            _freeze(prepared)
        train_epoch(prepared)
        accuracies.append(accuracy(tq.convert(copy.deepcopy(prepared).eval())))
    return tq.convert(copy.deepcopy(prepared)), accuracies


def prepared_as_for_calibration(model, train_epoch, accuracy, epochs):
    return _loop(model, train_epoch, accuracy, epochs, epochs // 2, prepare=tq.prepare)


def copies_by_the_state_dict(model, train_epoch, accuracy, epochs):
    def by_the_state(prepared):
        other = tq.prepare_qat(model)
        other.load_state_dict(prepared.state_dict())
        return other.eval()

    return _loop(model, train_epoch, accuracy, epochs, epochs // 2, copied=by_the_state)


ARMS = ("float", "QAT", "fast weights", "fast activations", "both fast")
REPAIRS = {"weights": "fast weights", "activations": "fast activations", "both": "both fast"}


def by_the_card(value, counts=2, size=float):
    """The conclusion, of one number an arm."""
    loss = {arm: size(value["float"] - value[arm]) for arm in ARMS}
    if loss["QAT"] <= counts:
        return "nothing"
    return next((name for name, arm in REPAIRS.items() if loss[arm] < loss["QAT"] / 2), "neither")


def table_of(right, of=fmean, seeds=range(5)):
    return {arm: of([right(arm, seed=seed) for seed in seeds]) for arm in ARMS}


def believes_the_colleague(right):
    table_of(right)
    return "neither"


def first_network(right):
    return by_the_card(table_of(right, lambda results: results[0], range(1, 6)))


def median_network(right):
    return by_the_card(table_of(right, median))


def best_network(right):
    return by_the_card(table_of(right, max))


def worst_network(right):
    return by_the_card(table_of(right, min))


def absolute_loss(right):
    return by_the_card(table_of(right), size=abs)


def absolute_loss_of_a_repair(right):
    mean = table_of(right)
    loss = {arm: mean["float"] - mean[arm] for arm in ARMS}
    if loss["QAT"] <= 2:
        return "nothing"
    return next((name for name, arm in REPAIRS.items() if abs(loss[arm]) < loss["QAT"] / 2), "neither")


def without_a_threshold(right):
    return by_the_card(table_of(right), counts=0)


def five_points(right):
    return by_the_card(table_of(right), counts=5)


def near_float(right):
    """A repair must come within two points of float."""
    mean = table_of(right)
    if mean["float"] - mean["QAT"] <= 2:
        return "nothing"
    return next((name for name, arm in REPAIRS.items() if mean["float"] - mean[arm] <= 2), "neither")


def any_gain(right):
    """A repair that is better than QAT at all."""
    mean = table_of(right)
    if mean["float"] - mean["QAT"] <= 2:
        return "nothing"
    return next((name for name, arm in REPAIRS.items() if mean[arm] > mean["QAT"]), "neither")


def best_repair(right):
    mean = table_of(right)
    if mean["float"] - mean["QAT"] <= 2:
        return "nothing"
    name = max(REPAIRS, key=lambda name: mean[REPAIRS[name]])
    return name if mean["float"] - mean[REPAIRS[name]] < (mean["float"] - mean["QAT"]) / 2 else "neither"


def without_float(right):
    mean = {arm: fmean(right(arm, seed=seed) for seed in range(5)) for arm in ARMS[1:]}
    return by_the_card({**mean, "float": 84.0})


def float_at_least(right):
    """Takes 84 % for what float can do, as in the report."""
    return by_the_card({**table_of(right), "float": 84.0})


def three_networks(right):
    return by_the_card(table_of(right, seeds=range(3)))


def other_networks_for_float(right):
    return by_the_card({**table_of(right), "float": fmean(right("float", seed=seed) for seed in range(10, 15))})


def largest_single_repair(right):
    mean = table_of(right)
    if mean["float"] - mean["QAT"] <= 2:
        return "nothing"
    return "weights" if mean["fast weights"] > mean["fast activations"] else "activations"


def activations_first(right):
    mean = table_of(right)
    loss = {arm: mean["float"] - mean[arm] for arm in ARMS}
    if loss["QAT"] <= 2:
        return "nothing"
    for name in ("activations", "weights", "both"):
        if loss[REPAIRS[name]] < loss["QAT"] / 2:
            return name
    return "neither"


def only_where_both_work(right):
    mean = table_of(right)
    found = by_the_card(mean)
    works = mean["float"] - mean["both fast"] < (mean["float"] - mean["QAT"]) / 2
    return found if works or found == "nothing" else "neither"


def activations_against_the_weights(right):
    """The second repair must leave less than half of what the first one leaves."""
    mean = table_of(right)
    found = by_the_card(mean)
    if found != "activations" or mean["float"] - mean[REPAIRS[found]] < (mean["float"] - mean["fast weights"]) / 2:
        return found
    return "both" if mean["float"] - mean["both fast"] < (mean["float"] - mean["QAT"]) / 2 else "neither"


def both_against_the_better_one(right):
    mean = table_of(right)
    found = by_the_card(mean)
    left = mean["float"] - max(mean["fast weights"], mean["fast activations"])
    return "neither" if found == "both" and mean["float"] - mean["both fast"] >= left / 2 else found


def _failing(right, needed):
    pairs = [(right("float", seed=seed), right("QAT", seed=seed)) for seed in range(5)]
    mean = table_of(right)
    if sum(own - its > 2 for own, its in pairs) < needed:
        return "nothing"
    loss = {name: mean["float"] - mean[arm] for name, arm in REPAIRS.items()}
    return next((name for name in REPAIRS if loss[name] < (mean["float"] - mean["QAT"]) / 2), "neither")


def most_networks_must_fail(right):
    return _failing(right, 3)


def one_network_is_enough(right):
    return _failing(right, 1)


def _with_the_median(right, arm):
    return by_the_card({**table_of(right), arm: float(np.median([right(arm, seed=seed) for seed in range(5)]))})


def median_of_the_activations(right):
    return _with_the_median(right, "fast activations")


def median_of_both_fast(right):
    return _with_the_median(right, "both fast")


def never_neither(right):
    """Somebody must be to blame."""
    found = by_the_card(table_of(right))
    return "both" if found == "neither" else found


def in_arrays(right):
    """Eight networks in an array, the losses network by network."""
    grid = np.array([[right(arm, seed=seed) for seed in (3, 1, 4, 15, 9, 26, 5, 35)] for arm in ARMS])
    loss = (grid[0] - grid[1:]).mean(1)
    if loss[0] <= 2:
        return "nothing"
    works = loss[1:] < loss[0] / 2
    return ("weights", "activations", "both")[works.argmax()] if works.any() else "neither"


def scattered_seeds(right):
    return by_the_card(table_of(right, seeds=(7, 42, 123, 1000, 31337)))


def network_by_network(right):
    """Another order of the runs, and a share of the loss that is left."""
    sums = dict.fromkeys(ARMS, 0.0)
    for seed in range(20, 27):
        for arm in reversed(ARMS):
            sums[arm] += right(arm, seed=seed)
    lost = sums["float"] - sums["QAT"]
    if lost / 7 <= 2:
        return "nothing"
    for name, arm in REPAIRS.items():
        if (sums[arm] - sums["QAT"]) / lost > 0.5:
            return name
    return "neither"


WRONG = {
    "why_it_failed": [
        only_where_both_work,
        activations_against_the_weights,
        both_against_the_better_one,
        most_networks_must_fail,
        one_network_is_enough,
        median_of_the_activations,
        median_of_both_fast,
        believes_the_colleague,
        any_gain,
        near_float,
        best_repair,
        largest_single_repair,
        activations_first,
        never_neither,
        absolute_loss,
        absolute_loss_of_a_repair,
        without_a_threshold,
        five_points,
        first_network,
        median_network,
        best_network,
        worst_network,
        without_float,
        float_at_least,
        three_networks,
        other_networks_for_float,
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
        never_in_evaluation_mode,
        last_one_in_training_mode,
        prepared_as_for_calibration,
    ],
}
ODD = {
    "why_it_failed": [in_arrays, scattered_seeds, network_by_network],
    "qat_loop": [freezes_every_time, by_modules, copies_by_the_state_dict],
}
_NEXT = "return next((name for name in arms if loss[name] < of_qat / 2), 'neither')"
EQUIVALENT = {
    "why_it_failed": {
        "if of_qat <= 2:: of_qat <= 2: LtE -> Lt": "no planted loss is exactly two points",
        f"{_NEXT}: loss[name] < of_qat / 2: Lt -> LtE": "no planted repair leaves exactly half",
    },
}

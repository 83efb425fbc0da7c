"""the lesson `qat_cnn`: plausible wrong answers and odd but right ones, as a learner would write them."""

import copy

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


WRONG = {
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
    "qat_loop": [freezes_every_time, by_modules, copies_by_the_state_dict],
}
EQUIVALENT = {}

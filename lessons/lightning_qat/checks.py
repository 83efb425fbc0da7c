"""The check of the lesson lightning_qat: a callback that lets only training move the ranges."""

import tempfile
import warnings

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, LambdaCallback
from torch.ao import quantization as tq
from torch.utils.data import DataLoader

from course_utils import legacy_int8
from course_utils.checks import Mistake, effects, exercise
from course_utils.lightning import ignore_advice
from lessons.lightning_qat.task import QUIET
from lessons.lightning_qat.watched import Layer, TwoHooks

ignore_advice()


class _TrainingOnly(Callback):
    def on_validation_start(self, trainer, model):
        model.apply(tq.disable_observer)

    def on_validation_end(self, trainer, model):
        model.apply(tq.enable_observer)


def _right():
    return _TrainingOnly()


def _other(**switches):
    hooks = {hook: lambda _, model, switch=switch: model.apply(switch) for hook, switch in switches.items()}
    return lambda: LambdaCallback(**hooks)


@exercise(
    "Only training may look",
    of=[_right],
    why="Observers are switched off before the first validation batch passes, and on again before training goes on.",
)
def training_only(answer, training, validation, validate_after):
    model, callback = Layer(), answer()
    if not isinstance(callback, Callback):
        what, hint = f"a {type(callback).__name__}", "Does your class inherit from `pl.Callback`?"
        if callback is None:
            what, hint = "None", "Where is your `return`?"
        elif isinstance(callback, type):
            what, hint = f"the class {callback.__name__}", "A class has to be called: write `()` behind its name."
        elif isinstance(callback, list | tuple):
            hint = "Return one callback, with both hooks in it."
        raise Mistake(f"Your function returns no Lightning callback; it returns {what}.", hint)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder, legacy_int8.use(legacy_int8.best()):
        warnings.simplefilter("ignore")
        trainer = Trainer(
            max_epochs=2,
            callbacks=[TwoHooks(), callback],
            val_check_interval=validate_after,
            **(QUIET | {"default_root_dir": folder}),
        )
        loaders = [DataLoader([torch.tensor([[x]]) for x in xs], batch_size=None) for xs in (training, validation)]
        trainer.fit(model, *loaders)
    made = {"how many validation batches ran": model.validated} | model.rounds | model.ends
    return made | {"the layer after the fit": effects.Said(type(model.layer).__module__)}


training_only.tries(also=[((1.0, 2.0), (100.0,), 2), ((1.0,), (3.0,), 1), ((2.0, 1.0), (50.0, 4.0), 1)])
_off = {"on_validation_start": tq.disable_observer}
training_only.ideas(
    {
        _other(
            **_off
        ): "The observers must look again when training goes on. The sanity check comes before the first step, "
        "so without `enable_observer` they never see anything.",
        _other(**_off, on_train_epoch_start=tq.enable_observer): "Validation may come in the middle of an epoch. The "
        "observers must look again as soon as it is over.",
        (
            Callback,
            _other(on_sanity_check_start=tq.disable_observer, on_sanity_check_end=tq.enable_observer),
        ): "The observers still look while the sanity check runs, or in validation. Are your hooks those around "
        "validation, with Lightning's names? And is it `disable_observer`, which leaves the rounding on?",
    }
)

"""The check of the lesson lightning_qat: a callback that freezes the ranges, and lets only training move them before."""

import tempfile
import warnings

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, LambdaCallback
from torch.ao import quantization as tq
from torch.utils.data import DataLoader

from course_utils import legacy_int8
from course_utils.callbacks import ignore_advice
from course_utils.checks import Mistake, effects, exercise
from lessons.lightning_qat.task import QUIET
from lessons.lightning_qat.watched import HALF_THE_WAY, Layer, NotesTheEnd

ignore_advice()


class _Freeze(Callback):
    def __init__(self, epochs):
        self.epochs = epochs

    def on_train_batch_start(self, trainer, model, batch, index):
        looks = trainer.current_epoch < self.epochs
        model.apply(tq.enable_observer if looks else tq.disable_observer)

    def on_validation_start(self, trainer, model):
        model.apply(tq.disable_observer)


def _right(epochs):
    return _Freeze(epochs)


@exercise(
    "Freeze the ranges",
    of=[_right],
    why="The observers look while a batch of the first epochs trains, and never else: no validation moves a range, neither "
    "between two batches nor in the sanity check, and frozen ranges stay where they are.",
)
def freeze_after(answer, epochs, training, validation, validate_after):
    model, callback = Layer(), answer(epochs)
    if not isinstance(callback, Callback):
        what, hint = f"a {type(callback).__name__}", "Does your class inherit from `pl.Callback`?"
        if callback is None:
            what, hint = "None", "Where is your `return`?"
        elif isinstance(callback, type):
            what, hint = f"the class {callback.__name__}", "A class has to be called: write `()` behind its name."
        elif isinstance(callback, list | tuple):
            hint = "Return one callback, with all hooks in it."
        raise Mistake(f"Your function returns no Lightning callback; it returns {what}.", hint)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder, legacy_int8.use(legacy_int8.best()):
        warnings.simplefilter("ignore")
        trainer = Trainer(
            max_epochs=3,
            callbacks=[NotesTheEnd(HALF_THE_WAY), callback],
            val_check_interval=validate_after,
            **(QUIET | {"default_root_dir": folder}),
        )
        loaders = [DataLoader([torch.tensor([[x]]) for x in xs], batch_size=None) for xs in (training, validation)]
        trainer.fit(model, *loaders)
    made = {"how many validation batches ran": model.validated} | model.rounds | model.ends
    return made | {"the layer after the fit": effects.Said(type(model.net).__module__)}


freeze_after.tries(
    also=[
        (1, (1.0, 2.0), (100.0,), 1),
        (1, (1.0, 2.0), (100.0,), 2),
        (2, (2.0, 1.0), (50.0, 4.0), 1),
        (3, (1.0,), (3.0,), 1),
    ]
)
_on, _off = tq.enable_observer, tq.disable_observer


def _hooks(**switches):
    """What makes a callback with these hooks, each ``(epoch, free epochs)`` -> a switch, or None."""

    def hook(choose, epochs):
        return lambda trainer, model, *_: model.apply(choose(trainer.current_epoch, epochs) or (lambda module: None))

    return lambda epochs: LambdaCallback(**{name: hook(choose, epochs) for name, choose in switches.items()})


_never_looks = {"on_validation_start": lambda *_: _off}
_both = _never_looks | {"on_validation_end": lambda *_: _on}
_freezes = {"on_train_epoch_start": lambda now, free: _off if now >= free else None}
_by_epoch = {"on_train_epoch_start": lambda now, free: _on if now < free else _off}
_by_batch = {"on_train_batch_start": _by_epoch["on_train_epoch_start"]}
_colleagues, _forgets, _on_too_late = _both | _freezes, _never_looks | _freezes, _never_looks | _by_epoch
freeze_after.ideas(
    {
        _hooks(
            **_colleagues
        ): "The ranges are frozen, until `on_validation_end` switches the observers on again. It may "
        "only do so in the first `epochs` epochs.",
        _hooks(
            **_forgets
        ): "The observers must look again when training goes on. The sanity check comes before the first "
        "step, so without `enable_observer` they never see anything.",
        _hooks(
            **_both
        ): "Nothing freezes the ranges: from epoch number `epochs` on the observers have to be off in training, too.",
        (
            _hooks(**_by_batch),
            _hooks(**_freezes),
            _hooks(),
        ): "Validation still moves the ranges, and so does the sanity check. Which hook comes before both?",
        _hooks(
            **_on_too_late
        ): "Validation may come in the middle of an epoch. In the first `epochs` epochs the observers "
        "must look again as soon as it is over.",
    }
)

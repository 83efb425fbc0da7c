"""The task of the lesson lightning_qat: a callback that freezes the ranges, and lets only training move them before."""

import tempfile
import warnings

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, LambdaCallback
from torch.ao import quantization as tq
from torch.utils.data import DataLoader

from course_utils import check, legacy_int8
from course_utils.callbacks import ignore_advice
from lessons.lightning_qat.task import QUIET
from lessons.lightning_qat.watched import HALF_THE_WAY, Layer, NotesTheEnd

page = check.page(globals())


def the_colleagues_hooks_mended(epochs):
    class Freeze(Callback):
        def on_validation_start(self, trainer, model):
            model.apply(tq.disable_observer)

        def on_validation_end(self, trainer, model):
            if trainer.current_epoch < epochs:
                model.apply(tq.enable_observer)

        def on_train_epoch_start(self, trainer, model):
            if trainer.current_epoch >= epochs:
                model.apply(tq.disable_observer)

    return Freeze()


def off_but_in_training(epochs):
    class OnlyInTraining(Callback):
        def on_fit_start(self, trainer, pl_module):
            pl_module.apply(tq.disable_observer)

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if trainer.current_epoch < epochs:
                pl_module.apply(tq.enable_observer)

        def on_train_batch_end(self, *args):
            args[1].apply(tq.disable_observer)

    return OnlyInTraining()


def by_lambdas(epochs):
    return LambdaCallback(
        on_validation_start=lambda _, model: model.apply(tq.disable_observer),
        on_validation_end=lambda trainer, model: trainer.current_epoch < epochs and model.apply(tq.enable_observer),
        on_train_epoch_start=lambda trainer, model: (
            trainer.current_epoch == epochs and model.apply(tq.disable_observer)
        ),
    )


def by_the_buffer(epochs):
    class Switches(Callback):
        def switch(self, model, on):
            for module in model.modules():
                if isinstance(module, tq.FakeQuantizeBase):
                    module.observer_enabled[0] = int(on)

        def on_train_batch_start(self, trainer, model, *_):
            self.switch(model, trainer.current_epoch in range(epochs))

        def on_validation_batch_start(self, trainer, model, *_):
            self.switch(model, False)

    return Switches()


ignore_advice()


def hooks(**switches):
    """A wrong version with these hooks: each is (epoch, free epochs) -> a switch, or None."""

    def hook(choose, epochs):
        return lambda trainer, model, *_: model.apply(choose(trainer.current_epoch, epochs) or (lambda module: None))

    return lambda epochs: LambdaCallback(**{name: hook(choose, epochs) for name, choose in switches.items()})


OFF = {"on_validation_start": lambda *_: tq.disable_observer}
BOTH = OFF | {"on_validation_end": lambda *_: tq.enable_observer}
FREEZES = {"on_train_epoch_start": lambda now, free: tq.disable_observer if now >= free else None}
BY_EPOCH = {"on_train_epoch_start": lambda now, free: tq.enable_observer if now < free else tq.disable_observer}
the_colleagues, off_for_good, never_frozen = hooks(**BOTH, **FREEZES), hooks(**OFF, **FREEZES), hooks(**BOTH)
on_too_late, validation_moves, no_hooks = hooks(**OFF, **BY_EPOCH), hooks(**FREEZES), hooks()


def fitted(answer, epochs, training, validation, validate_after):
    model, callback = Layer(), answer(epochs)
    if callback is None:
        raise check.Mistake("Your function gives nothing back: write return before the callback.")
    if isinstance(callback, type):
        raise check.Mistake(f"Your function gives back the class {callback.__name__}: write () behind its name.")
    if not isinstance(callback, Callback):
        raise check.Mistake(f"Your function should give back one Lightning callback, and not {check.tell(callback)}.")
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
    found = {"the number of validation batches": model.validated} | model.rounds | model.ends
    return found | {"the type of the layer after the fit": type(model.net).__module__}


freeze_after = page.write(
    "freeze_after",
    "Freeze the ranges",
    cases={
        "one free epoch; inputs 1 and 2, validated on 100 after each batch": (1, (1.0, 2.0), (100.0,), 1),
        "one free epoch; inputs 1 and 2, validated on 100 after each epoch": (1, (1.0, 2.0), (100.0,), 2),
        "two free epochs; inputs 2 and 1, validated on 50 and 4 after each batch": (2, (2.0, 1.0), (50.0, 4.0), 1),
        "three free epochs of three; input 1, validated on 3": (3, (1.0,), (3.0,), 1),
    },
    run=fitted,
    wrong={
        "The ranges are frozen only until a validation ends, because that switches the observers on again. It may do so in the first epochs alone.": the_colleagues,
        "The observers must look again when training goes on. The sanity check comes before the first step, so without a hook that switches them on they never see anything.": [
            off_for_good,
            "tq.enable_observer if looks else tq.disable_observer -> tq.disable_observer",
            "model.apply(tq.enable_observer if looks else tq.disable_observer) -> looks or model.apply(tq.disable_observer)",
        ],
        "Nothing freezes the ranges. After the first epochs the observers have to be off in training, too.": [
            never_frozen,
            "tq.enable_observer if looks else tq.disable_observer -> tq.enable_observer",
        ],
        "Validation still moves the ranges, and so does the sanity check. Switch the observers off before both.": [
            validation_moves,
            no_hooks,
            "            model.apply(tq.disable_observer)\n ->             pass\n",
            "on_validation_start -> on_validation_epoch_end",
            "on_validation_start -> on_train_epoch_end",
        ],
        "The sanity check moves the ranges. It's a validation as well, before the first step.": "            model.apply(tq.disable_observer)\n ->             trainer.sanity_checking or model.apply(tq.disable_observer)\n",
        "Validation may come in the middle of an epoch. In the first epochs the observers must look again as soon as it is over.": [
            on_too_late,
            "on_train_batch_start(self, trainer, model, batch, index) -> on_train_epoch_start(self, trainer, model)",
        ],
        "The wrong way round: the observers look in the first epochs, and not after them.": "tq.enable_observer if looks else tq.disable_observer -> tq.disable_observer if looks else tq.enable_observer",
        "The ranges are frozen an epoch too late. The trainer counts epochs from 0.": "trainer.current_epoch < epochs -> trainer.current_epoch <= epochs",
        "The ranges are frozen after a number of batches, and not of epochs.": "trainer.current_epoch < epochs -> trainer.global_step < epochs",
        "The rounding is switched off as well. Switch the observers alone, and the rounding goes on.": [
            "            model.apply(tq.disable_observer)\n ->             model.apply(tq.disable_fake_quant)\n",
            "model.apply(tq.enable_observer if looks else tq.disable_observer) -> model.apply(tq.enable_observer if looks else tq.disable_observer).apply(tq.enable_fake_quant if looks else tq.disable_fake_quant)",
        ],
        "Not every observer is switched. The whole model has several, at its input and behind each layer.": "model.apply(tq.enable -> model.net.quant.apply(tq.enable",
        "": ["return Freeze() -> return Freeze", "return Freeze() -> Freeze()"],
    },
    right=[the_colleagues_hooks_mended, off_but_in_training, by_lambdas, by_the_buffer],
    passed="The observers look while a batch of the first epochs trains, and never else: no validation moves a range, neither between two batches nor in the sanity check, and frozen ranges stay where they are.",
)

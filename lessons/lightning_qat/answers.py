"""The exercise of the lesson lightning_qat: odd but right answers, and wrong ones as patches of the solution."""

from lightning.pytorch.callbacks import Callback, LambdaCallback
from torch.ao import quantization as tq


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


ODD = {"freeze_after": [the_colleagues_hooks_mended, off_but_in_training, by_lambdas, by_the_buffer]}
_CHOICE = "tq.enable_observer if looks else tq.disable_observer"
WRONG = {
    "freeze_after": {
        "validation moves the ranges": ("            model.apply(tq.disable_observer)\n", "            pass\n"),
        "off after validation": ("on_validation_start", "on_validation_epoch_end"),
        "off at the end of the epoch": ("on_validation_start", "on_train_epoch_end"),
        "on again at the next epoch only": (
            "on_train_batch_start(self, trainer, model, batch, index)",
            "on_train_epoch_start(self, trainer, model)",
        ),
        "never frozen": (_CHOICE, "tq.enable_observer"),
        "never on": (_CHOICE, "tq.disable_observer"),
        "only frozen": (f"model.apply({_CHOICE})", "looks or model.apply(tq.disable_observer)"),
        "the wrong way round": (_CHOICE, "tq.disable_observer if looks else tq.enable_observer"),
        "an epoch too late": ("trainer.current_epoch < epochs", "trainer.current_epoch <= epochs"),
        "counts batches": ("trainer.current_epoch < epochs", "trainer.global_step < epochs"),
        "the sanity check is forgotten": (
            "            model.apply(tq.disable_observer)\n",
            "            trainer.sanity_checking or model.apply(tq.disable_observer)\n",
        ),
        "the rounding in place of the observers": (
            "            model.apply(tq.disable_observer)\n",
            "            model.apply(tq.disable_fake_quant)\n",
        ),
        "the input's observer alone": ("model.apply(tq.enable", "model.net.quant.apply(tq.enable"),
        "the rounding is off as well when frozen": (
            f"model.apply({_CHOICE})",
            f"model.apply({_CHOICE}).apply(tq.enable_fake_quant if looks else tq.disable_fake_quant)",
        ),
        "the class, and not a callback": ("return Freeze()", "return Freeze"),
        "nothing comes back": ("return Freeze()", "Freeze()"),
    }
}
EQUIVALENT = {}

"""The exercise of the lesson lightning_qat: odd but right answers, and wrong ones as patches of the solution."""

from lightning.pytorch.callbacks import Callback, LambdaCallback
from torch.ao import quantization as tq


def by_each_batch():
    class OnlyInTraining(Callback):
        def on_fit_start(self, trainer, pl_module):
            pl_module.apply(tq.disable_observer)

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            pl_module.apply(tq.enable_observer)

        def on_train_batch_end(self, *args):
            args[1].apply(tq.disable_observer)

    return OnlyInTraining()


def by_lambdas():
    return LambdaCallback(
        on_validation_start=lambda _, model: model.apply(tq.disable_observer),
        on_validation_end=lambda _, model: model.apply(tq.enable_observer),
    )


def puts_the_ranges_back():
    class Remembers(Callback):
        def on_validation_start(self, trainer, model):
            self.kept = {name: value.clone() for name, value in model.state_dict().items()}

        def on_validation_end(self, trainer, model):
            model.load_state_dict(self.kept)

    return Remembers()


def by_the_buffer():
    class Switches(Callback):
        def switch(self, model, on):
            for module in model.modules():
                if isinstance(module, tq.FakeQuantizeBase):
                    module.observer_enabled[0] = on

        def on_validation_batch_start(self, trainer, model, *_):
            self.switch(model, 0)

        def on_validation_batch_end(self, trainer, model, *_, **__):
            self.switch(model, 1)

    return Switches()


ODD = {"training_only": [by_each_batch, by_lambdas, puts_the_ranges_back, by_the_buffer]}
WRONG = {
    "training_only": {
        "never on again": ("model.apply(tq.enable_observer)", "pass"),
        "on again at the next epoch only": ("on_validation_end", "on_train_epoch_start"),
        "the wrong way round": ("tq.disable_observer", "tq.enable_observer"),
        "off after validation": ("on_validation_start", "on_validation_epoch_end"),
        "off at the end of the epoch": ("on_validation_start", "on_train_epoch_end"),
        "the sanity check is forgotten": (
            "model.apply(tq.disable_observer)",
            "model.apply(tq.enable_observer if trainer.sanity_checking else tq.disable_observer)",
        ),
        "the rounding in place of the observers": ("tq.disable_observer", "tq.disable_fake_quant"),
        "the input's observer alone": ("model.apply(tq.disable_observer)", "model.quant.apply(tq.disable_observer)"),
        "the rounding is off for good": ("tq.disable_observer)", "tq.disable_observer).apply(tq.disable_fake_quant)"),
        "no validation": ("model.apply(tq.disable_observer)", "trainer.limit_val_batches = 0"),
        "the class, and not a callback": ("return TrainingOnly()", "return TrainingOnly"),
        "nothing comes back": ("return TrainingOnly()", "TrainingOnly()"),
    }
}
EQUIVALENT = {}

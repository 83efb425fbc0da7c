"""A Trainer for tests: on the CPU, silent, and without checkpoints unless asked for."""

from _legacy import ignoring
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from course_utils import legacy_int8
from course_utils.lightning import ADVICE

KNOWN = ignoring(*legacy_int8.DEPRECATIONS, *ADVICE, "The dirpath has changed from")


def trainer(path, *callbacks, epochs, **options):
    """A trainer that writes below `path`; checkpoints are on when a ModelCheckpoint is among the callbacks."""
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "accelerator": "cpu",
        "devices": 1,
        "enable_checkpointing": any(isinstance(c, ModelCheckpoint) for c in callbacks),
    }
    return Trainer(max_epochs=epochs, callbacks=list(callbacks), default_root_dir=path, **(quiet | options))

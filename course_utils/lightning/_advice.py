"""What Lightning says at every fit, and what to leave out of a lesson's output: by its text, never wholesale."""

import logging
import warnings

ADVICE = (
    ".*does not have many workers",  # of a DataLoader over a list in memory
    ".*GPU available but not used",
    "You defined a `validation_step` but have no",
    "Be aware that when using `ckpt_path`",
    ".*LeafSpec.* is deprecated",  # Lightning's use of torch's tree functions
)
LOGGERS = ("lightning.pytorch", "lightning.fabric")


def ignore_advice() -> None:
    """From now on, in this process: no advice for large trainings, and no log lines about devices at every fit."""
    for message in ADVICE:
        warnings.filterwarnings("ignore", message)
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)

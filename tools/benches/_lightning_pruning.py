"""What `PruningSchedule` adds to an epoch in which it does nothing, beside Lightning's own callback and none at all."""

import tempfile

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelPruning
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from course_utils import data, models
from course_utils.callbacks import PruningSchedule
from course_utils.measure import timing

EPOCHS, BATCHES, BATCH = 10, 10, 60


class Digits(LightningModule):
    """LeNet-300-100 on MNIST."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = models.LeNet300100()

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, _):
        return F.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1.2e-3)


def trainer(callbacks, epochs, folder=None):
    """A Trainer on the CPU that prints and writes nothing."""
    return Trainer(
        max_epochs=epochs,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        accelerator="cpu",
        devices=1,
    )


def never(epoch):
    """A schedule that prunes after no epoch."""
    return None


def fits(folder):
    """Name to a function that does one fit of EPOCHS epochs; all of the same network and the same batches."""
    pixels, labels = data.load("mnist", "train", n=BATCHES * BATCH)
    loader = DataLoader(TensorDataset(pixels, labels), batch_size=BATCH)

    def fit(*callbacks):
        trainer(callbacks, EPOCHS, folder).fit(Digits(), loader)

    off = {"apply_pruning": False, "use_lottery_ticket_hypothesis": False}
    return {
        "no callback": lambda: fit(),
        "no callback, again": lambda: fit(),
        "PruningSchedule, nothing due": lambda: fit(PruningSchedule("l1_unstructured", never)),
        "ModelPruning, switched off": lambda: fit(ModelPruning("l1_unstructured", amount=0.5, **off)),
    }


class At:
    """The one thing that the callback asks a trainer between epochs."""

    current_epoch = 7


def hooks():
    """Name to a function that calls what Lightning calls in an epoch in which nothing is due."""
    callback, model = PruningSchedule("l1_unstructured", never), Digits()

    def epoch():
        callback._asked = At.current_epoch - 1  # each call is a new epoch to the callback
        callback.on_train_epoch_start(At, model)
        callback.on_train_epoch_end(At, model)

    return {"the callback's two hooks": epoch}


def idle_epoch(rounds=9):
    """Measure; the times of a fit are divided by its epochs, so that a row is one epoch of BATCHES steps.

    Returns:
        Rows {"loop", "median_ms", "iqr_ms"}, the last one without a trainer: the two hooks alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        whole = timing.compare(fits(folder), rounds=rounds, sample_seconds=0, device="cpu")
    alone = timing.compare(hooks(), rounds=rounds, sample_seconds=0.02, device="cpu")
    rows = [
        {"loop": name, "median_ms": whole.median_ms(name) / EPOCHS, "iqr_ms": whole.iqr_ms(name) / EPOCHS}
        for name in whole.samples
    ]
    rows += [{"loop": name, "median_ms": alone.median_ms(name), "iqr_ms": alone.iqr_ms(name)} for name in alone.samples]
    return rows


def show(rows):
    """Print the rows, each beside the epoch without a callback."""
    base = rows[0]["median_ms"]
    print(f"LeNet-300-100, MNIST, an epoch of {BATCHES} batches of {BATCH}, one thread, fits of {EPOCHS} epochs")
    for row in rows:
        print(
            f"{row['loop']:<30} {row['median_ms']:9.4f} ms  IQR {row['iqr_ms']:.4f}  {row['median_ms'] / base:.4f} "
            "of an epoch"
        )

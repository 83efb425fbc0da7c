"""The task of the lessons on Lightning: how large is a garment, seen with 16 pixels? And a quiet Trainer.

Input: 4 × 4 mean brightnesses of an image of Fashion-MNIST. Output: the share of its 784 pixels that are not black. A
fit of six epochs takes seconds.
"""

from __future__ import annotations

import tempfile

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader

from course_utils import data

QUIET = dict(
    logger=False,
    enable_progress_bar=False,
    enable_model_summary=False,
    enable_checkpointing=False,
    default_root_dir=tempfile.gettempdir(),
    accelerator="cpu",
    devices=1,
)  # a Trainer with these prints and writes nothing


class RegressionModel(LightningModule):
    """The network in the documentation of Lightning 1.9, which the calls of its callback were written for."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer_0, self.layer_0a = nn.Linear(16, 64), nn.ReLU()
        self.layer_1, self.layer_1a = nn.Linear(64, 64), nn.ReLU()
        self.layer_end = nn.Linear(64, 1)

    def forward(self, x):
        return self.layer_end(self.layer_1a(self.layer_1(self.layer_0a(self.layer_0(x)))))

    def training_step(self, batch, index):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    validation_step = training_step

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=3e-3)


def load(split: str, n: int) -> tuple[Tensor, Tensor]:
    """(N, 16) mean brightnesses of blocks of 7 × 7 pixels; (N, 1) share of the pixels brighter than a tenth."""
    images, _ = data.load("fashion_mnist", split, n=n)
    return nn.functional.avg_pool2d(images, 7).flatten(1), (images > 0.1).float().mean((1, 2, 3))[:, None]


def mape(predicted: Tensor, expected: Tensor) -> float:
    """Mean absolute percentage error, in %."""
    return 100 * ((predicted - expected) / expected).abs().mean().item()


def batches(x: Tensor, y: Tensor, size: int = 128) -> DataLoader:
    """Rows in batches, in the order in which they come, so that a resumed fit sees what it would have seen.

    Args:
        x, y: as many rows of each.
        size: rows a batch.
    """
    return DataLoader(list(zip(x.split(size), y.split(size), strict=True)), batch_size=None)


def trainer(*callbacks: Callback, epochs: int = 6, **options) -> Trainer:
    """A Trainer that prints and writes nothing, on the CPU, where the same fit gives the same bits."""
    return Trainer(max_epochs=epochs, callbacks=list(callbacks), **(QUIET | options))


def fit(
    model: LightningModule,
    on: DataLoader,
    *callbacks: Callback,
    epochs: int = 6,
    validate: DataLoader | None = None,
    **options,
) -> LightningModule:
    """Train with `trainer`; gives the model back, in evaluation mode and without gradients."""
    trainer(*callbacks, epochs=epochs, **options).fit(model, on, validate)
    return model.eval().requires_grad_(False)

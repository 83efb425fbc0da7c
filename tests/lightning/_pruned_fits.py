"""Fits with `PruningSchedule` for the tests: models, methods of one's own, a silent trainer, and looks into a model."""

import _lightning
import torch
from _lightning import KNOWN  # noqa: F401 - handed on
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader, TensorDataset

from course_utils.lightning import _masks

WEIGHTS = ("net.0.weight", "net.3.weight")  # 96 + 36


class Regression(LightningModule):
    """Two layers with batch norm; `seen` holds the loss of every step."""

    def __init__(self, seed=0, lr=0.05):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = nn.Sequential(nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))
        self.lr, self.seen = lr, []

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, _):
        loss = (self(batch[0]) - batch[1]).square().mean()
        self.seen.append(loss.item())
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class Validated(Regression):
    """The same with a validation after each epoch, where Lightning saves by default."""

    def validation_step(self, batch, _):
        self.log("error", (self(batch[0]) - batch[1]).square().mean())

    def val_dataloader(self):
        return loader()


def loader():
    draw = torch.Generator().manual_seed(7)
    x, y = torch.randn(32, 8, generator=draw), torch.randn(32, 3, generator=draw)
    return DataLoader(TensorDataset(x, y), batch_size=16)


def trainer(path, *callbacks, epochs=4, **options):
    return _lightning.trainer(path, *callbacks, epochs=epochs, **options)


def fit(path, *callbacks, model=None, epochs=4, ckpt=None, **options):
    model = Regression() if model is None else model
    trainer(path, *callbacks, epochs=epochs, **options).fit(model, loader(), ckpt_path=ckpt, weights_only=True)
    return model


def values(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a, b):
    return list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)


def zeros(model):
    return {name: int((p == 0).sum()) for name, p in model.named_parameters()}


def kept(model):
    """How many of the 132 weights are not masked."""
    return _masks.left(model, [("net.0", "weight"), ("net.3", "weight")])[0]


class Ask(Callback):
    """Calls a function with the model after every epoch, behind the callbacks listed before it."""

    def __init__(self, ask):
        self.ask, self.answers = ask, []

    def on_train_epoch_end(self, trainer, pl_module):
        self.answers.append(self.ask(pl_module))


class Smallest(prune.BasePruningMethod):
    """A method of one's own: the smallest weights in absolute value, by torch's rule for amounts."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount):
        self.amount = amount

    def compute_mask(self, t, default_mask):
        gone = round(self.amount * t.numel()) if isinstance(self.amount, float) else self.amount
        mask = default_mask.clone()
        mask.view(-1)[t.abs().flatten().argsort()[:gone]] = 0
        return mask


def trained_values(model):
    """The tensors under the masks, by plain names, and what batch norm has counted."""
    return {name.removesuffix("_orig"): tensor for name, tensor in values(model).items() if "_mask" not in name}


def every_checkpoint(path, *callbacks, epochs=6, **options):
    """A fit that saves after every epoch; (model, folder)."""
    saver = ModelCheckpoint(path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    return fit(path, *callbacks, saver, epochs=epochs, **options)

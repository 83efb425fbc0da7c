"""The check of the lesson lightning_pruning: a callback that prunes evenly, in a real fit."""

import warnings

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelPruning
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader

from course_utils.checks import Mistake, effects, exercise


def _root(epochs, sparsity):
    return (1 - sparsity) ** (1 / len(epochs))


def _even_pruning(epochs, sparsity):
    stays = _root(epochs, sparsity)  #: the share that stays at each pruning
    amount = 1 - stays  #: the amount of each pruning
    names = ["weight"]
    rewinds = False
    at = lambda epoch: amount if epoch in epochs else None  # noqa: E731
    return ModelPruning("l1_unstructured", amount=at, parameter_names=names, use_lottery_ticket_hypothesis=rewinds)


class _Small(LightningModule):
    """Sixteen weights of different sizes, most of the small ones in one layer; each step moves all weights alike.

    It writes down what every epoch trains with.
    """

    def __init__(self):
        super().__init__()
        first = torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 1.6]])
        second = torch.tensor([[0.8, 0.9, 1.0, 1.1], [1.2, 1.3, 1.4, 1.5]])
        self.net = nn.Sequential(
            effects.linear(first, torch.full((4,), 0.05)), effects.linear(second, torch.full((2,), 0.05))
        )
        self.zeros, self.largest = [], {}

    def training_step(self, batch, index):
        loss, epoch = 0 * self.net(batch).sum() - sum(layer.weight.sum() for layer in self.net), self.current_epoch
        self.zeros.append(sum(int((layer.weight == 0).sum()) for layer in self.net))
        self.largest[f"the largest weight in epoch {epoch}"] = self.net[0].weight.max().item()
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


@exercise(
    "Ninety percent in five prunings",
    of=[_even_pruning],
    why="Each pruning leaves the same share of what was left, and these shares multiply to what stays in the end.",
)
def even_pruning(answer, epochs, sparsity):
    callback, model = answer(epochs, sparsity), _Small()
    if not isinstance(callback, Callback):
        what = "None" if callback is None else f"a {type(callback).__name__}"
        raise Mistake(f"Your function returns no callback; it returns {what}.")
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    with warnings.catch_warnings(action="ignore"):  # advice for large trainings
        run = Trainer(max_epochs=max(epochs) + 3, callbacks=[callback], accelerator="cpu", **quiet)
        run.fit(model, DataLoader(torch.ones(1, 1, 2), batch_size=None))
    masks = "masks, since nothing has called `prune.remove`" if prune.is_pruned(model) else "no masks"
    before = [0, *model.zeros]  # the zeros with which the epoch before trained
    found = {
        "the epochs after which weights are cut": [n - 1 for n, zeros in enumerate(model.zeros) if zeros > before[n]],
        "the zeros among the biases": sum(int((layer.bias == 0).sum()) for layer in model.net),
        "what is left on after the fit": effects.Said(masks),
    }
    found |= {f"the zeros among all weights after epoch {n - 1}": zeros for n, zeros in enumerate(model.zeros) if n}
    found |= model.largest
    return found | {f"weights of layer {n} after the fit": layer.weight.detach() for n, layer in enumerate(model.net)}


even_pruning.tries(also=[([0], 0.5), ([0, 1], 0.75), ([1, 3], 0.5), ([0, 1, 2, 3, 5], 0.9)])
even_pruning.ideas(
    {
        "amount = sparsity / len(epochs)": "An amount counts from what is left: amounts do not add up, shares that stay multiply.",
        "amount = (1 - sparsity) ** (1 / len(epochs))": "That is the share that stays; an amount is the share that goes.",
        (
            "at = lambda epoch: amount",
            "at = lambda epoch: amount if epoch + 1 in epochs else None",
            "at = lambda epoch: amount if epoch - 1 in epochs else None",
        ): "The cuts come after other epochs than asked. Epochs count from 0, and an amount that is no function prunes "
        "after each of them.",
        "at = lambda epoch: None": "No weight is cut. Does your schedule use `epochs`? With `prune_on_train_epoch_end=False` "
        "`ModelPruning` waits for a validation, and this fit has none.",
        "rewinds = True": "The weights went back to their first values; a setting that is on by default does that.",
    }
)

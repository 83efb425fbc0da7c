"""The check of the lesson lightning_pruning: a callback that prunes evenly, in a real fit."""

import warnings

import torch
from hypothesis import strategies as st
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelPruning
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader

from course_utils.checks import effects, exercise


def _even_pruning(epochs, sparsity):
    stays = (1 - sparsity) ** (1 / len(epochs))  #: the share that stays at each pruning
    amount = 1 - stays  #: the amount of each pruning
    names = ["weight"]
    rewinds = False
    at = lambda epoch: amount if epoch in epochs else None  # noqa: E731
    return ModelPruning("l1_unstructured", amount=at, parameter_names=names, use_lottery_ticket_hypothesis=rewinds)


class _Small(LightningModule):
    """Sixteen weights of different sizes, most of the small ones in one layer; each step moves all weights alike."""

    def __init__(self):
        super().__init__()
        first = torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 1.6]])
        second = torch.tensor([[0.8, 0.9, 1.0, 1.1], [1.2, 1.3, 1.4, 1.5]])
        self.net = nn.Sequential(
            effects.linear(first, torch.full((4,), 0.05)), effects.linear(second, torch.full((2,), 0.05))
        )

    def training_step(self, batch, index):
        return 0 * self.net(batch).sum() - sum(layer.weight.sum() for layer in self.net)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


class _Watch(Callback):
    def __init__(self):
        self.zeros = []

    def on_train_epoch_end(self, trainer, pl_module):
        masks = [getattr(layer, "weight_mask", layer.weight) for layer in pl_module.net]
        self.zeros.append([int((mask == 0).sum()) for mask in masks])


@exercise(
    "Ninety percent in five prunings",
    of=[_even_pruning],
    trust="it gives a callback, which changes a model in a fit",
    why="Each pruning leaves the same share of what was left, and these shares multiply to what stays in the end.",
)
def even_pruning(answer, epochs, sparsity):
    callback, model, watch = answer(epochs, sparsity), _Small(), _Watch()
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    with warnings.catch_warnings(action="ignore"):  # advice for large trainings
        run = Trainer(max_epochs=max(epochs) + 2, callbacks=[callback, watch], accelerator="cpu", **quiet)
        run.fit(model, DataLoader(torch.ones(1, 1, 2), batch_size=None))
    found = {f"the zeros among all weights after epoch {n}": sum(zeros) for n, zeros in enumerate(watch.zeros)}
    found |= {"the zeros of each layer": watch.zeros[-1], "whether masks are on after the fit": prune.is_pruned(model)}
    found["zeros among the biases"] = sum(int((layer.bias == 0).sum()) for layer in model.net)
    return found | {f"weights of layer {n} after the fit": layer.weight.detach() for n, layer in enumerate(model.net)}


_epochs = st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True).map(sorted)
even_pruning.tries(
    epochs=_epochs,
    sparsity=st.sampled_from([0.5, 0.75, 0.875]),
    also=[([0, 1], 0.5), ([1, 2], 0.75), ([0, 1, 2, 3, 5], 0.9), ([4], 0.5)],
    examples=10,
)
even_pruning.ideas(
    {
        "amount = sparsity / len(epochs)": "An amount counts from what is left: amounts do not add up, shares that stay multiply.",
        "amount = (1 - sparsity) ** (1 / len(epochs))": "That is the share that stays; an amount is the share that goes.",
        "at = lambda epoch: amount": "One number prunes after every epoch. A function may give None: prune nothing.",
        "rewinds = True": "The weights went back to their first values; a setting that is on by default does that.",
        "names = None": "Biases are parameters, too: say in parameter_names what to prune.",
    }
)

"""The exercise of the lesson lightning_pruning: odd but right answers, and wrong ones as patches of the solution."""

import math

import torch
from lightning.pytorch.callbacks import Callback, ModelPruning
from torch import nn
from torch.nn.utils import prune

from course_utils.callbacks import PruningSchedule


def by_the_course_s_schedule(epochs, sparsity):
    amount = 1 - math.exp(math.log(1 - sparsity) / len(epochs))
    return PruningSchedule("l1_unstructured", dict.fromkeys(epochs, amount))


def by_another_switch(epochs, sparsity):
    """A fixed amount, and a function that says when."""
    left = [(1 - sparsity) ** (n / len(epochs)) for n in range(len(epochs) + 1)]
    return ModelPruning(
        prune.L1Unstructured,
        parameter_names=["weight"],
        amount=(left[0] - left[1]) / left[0],
        apply_pruning=lambda epoch: epoch in epochs,
        use_lottery_ticket_hypothesis=lambda epoch: False,
    )


class _ByHand(Callback):
    def __init__(self, epochs, stays):
        self.epochs, self.stays = set(epochs), stays

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch in self.epochs:
            layers = [(m, "weight") for m in pl_module.modules() if isinstance(m, nn.Linear)]
            prune.global_unstructured(layers, prune.L1Unstructured, amount=1 - self.stays)

    def on_fit_end(self, trainer, pl_module):
        for layer in pl_module.modules():
            if isinstance(layer, nn.Linear):
                prune.remove(layer, "weight")


def by_hand(epochs, sparsity):
    return _ByHand(epochs, torch.tensor(1 - sparsity).double().pow(1 / len(epochs)).item())


ODD = {"even_pruning": [by_the_course_s_schedule, by_another_switch, by_hand]}
WRONG = {
    "even_pruning": {
        "the amounts add up": ("(1 - sparsity) ** (1 / len(epochs))", "1 - sparsity / len(epochs)"),
        "the share that stays is cut": ("amount = 1 - stays", "amount = stays"),
        "biases are pruned": ('        parameter_names=["weight"],\n', ""),
        "rewinds, by default": ("        use_lottery_ticket_hypothesis=False,\n", ""),
        "prunes after every epoch": ("amount=lambda epoch: amount if epoch in epochs else None", "amount=amount"),
        "each layer by itself": (
            'parameter_names=["weight"]',
            'parameter_names=["weight"], use_global_unstructured=False',
        ),
        "the masks stay on": ('parameter_names=["weight"]', 'parameter_names=["weight"], make_pruning_permanent=False'),
        "waits for a validation": (
            'parameter_names=["weight"]',
            'parameter_names=["weight"], prune_on_train_epoch_end=False',
        ),
        "no callback comes back": ("return ModelPruning(", "ModelPruning("),
        "epochs from 1": ("if epoch in epochs", "if epoch + 1 in epochs"),
        "the last epoch is forgotten": ("if epoch in epochs", "if epoch in epochs[:-1]"),
    }
}
EQUIVALENT = {
    "even_pruning": {
        "stays rounded to 2 digits": "among sixteen weights it cuts the same ones",
        "amount rounded to 2 digits": "among sixteen weights it cuts the same ones",
        "* without its sign": "never negative",
    }
}

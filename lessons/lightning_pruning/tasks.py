"""The task of the lesson lightning_pruning: a callback that prunes evenly, in a real fit."""

import math
import warnings

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelPruning
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader

from course_utils import check
from course_utils.callbacks import PruningSchedule

page = check.page(globals())


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


class Small(LightningModule):
    """Sixteen weights of different sizes, most of the small ones in one layer; each step moves all weights alike.

    It writes down what every epoch trains with.
    """

    def __init__(self):
        super().__init__()
        first = check.linear([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 1.6]], [0.05] * 4)
        self.net = nn.Sequential(first, check.linear([[0.8, 0.9, 1.0, 1.1], [1.2, 1.3, 1.4, 1.5]], [0.05] * 2))
        self.zeros, self.largest = [], {}

    def training_step(self, batch, index):
        output = self.net(batch)  # first, because a mask is put on in it
        self.zeros.append(sum(int((layer.weight == 0).sum()) for layer in self.net))
        self.largest[f"the largest weight in epoch {self.current_epoch}"] = self.net[0].weight.max().item()
        return 0 * output.sum() - sum(layer.weight.sum() for layer in self.net)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def fitted(answer, epochs, sparsity):
    callback, model = answer(epochs, sparsity), Small()
    if callback is None:
        raise check.Mistake("Your function gives nothing back: write return before the callback.")
    if not isinstance(callback, Callback):
        raise check.Mistake(f"Your function should give back a Lightning callback, and not {check.tell(callback)}.")
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    with warnings.catch_warnings(action="ignore"):  # advice for large trainings
        trainer = Trainer(max_epochs=max(epochs) + 3, callbacks=[callback], accelerator="cpu", **quiet)
        trainer.fit(model, DataLoader(torch.ones(1, 1, 2), batch_size=None))
    before = [0, *model.zeros]  # the zeros with which the epoch before trained
    found = {
        "the list of epochs after which weights are cut": [n - 1 for n, z in enumerate(model.zeros) if z > before[n]],
        "the number of zeros among the biases": sum(int((layer.bias == 0).sum()) for layer in model.net),
        "the number of masks that are left": sum(name.endswith("_mask") for name, _ in model.named_buffers()),
    }
    found |= {f"the number of zero weights after epoch {n - 1}": zeros for n, zeros in enumerate(model.zeros) if n}
    found |= model.largest
    return found | {
        f"the weight of layer {n} after the fit": layer.weight.detach() for n, layer in enumerate(model.net)
    }


even_pruning = page.write(
    "even_pruning",
    "Ninety percent in five prunings",
    cases={
        "a half, after epoch 0": ([0], 0.5),
        "75 % in two prunings, after epochs 0 and 1": ([0, 1], 0.75),
        "a half in two prunings, after epochs 1 and 3": ([1, 3], 0.5),
        "90 % in five prunings, after epochs 0, 1, 2, 3 and 5": ([0, 1, 2, 3, 5], 0.9),
    },
    run=fitted,
    wrong={
        "An amount counts from what is left: amounts don't add up, but shares that stay multiply.": "(1 - sparsity) ** (1 / len(epochs)) -> 1 - sparsity / len(epochs)",
        "That is the share that stays; an amount is the share that goes.": "amount = 1 - stays -> amount = stays",
        "Biases are pruned as well, which is the default. Name the parameters that should be.": '        parameter_names=["weight"],\n -> ',
        "The weights went back to their first values; a setting that is on by default does that.": "        use_lottery_ticket_hypothesis=False,\n -> ",
        "Weights are cut after every epoch. An amount that is a function says after which ones, and None cuts nothing.": "amount=lambda epoch: amount if epoch in epochs else None -> amount=amount",
        "The cuts come after other epochs than asked. Epochs count from 0.": [
            "if epoch in epochs -> if epoch + 1 in epochs",
            "if epoch in epochs -> if epoch - 1 in epochs",
        ],
        "After the last of the epochs nothing is cut.": "if epoch in epochs -> if epoch in epochs[:-1]",
        "Each layer loses the same share. The smallest weights of all layers together should go.": 'parameter_names=["weight"] -> parameter_names=["weight"], use_global_unstructured=False',
        "The masks stay on after the fit. They should be made permanent, which is the default.": 'parameter_names=["weight"] -> parameter_names=["weight"], make_pruning_permanent=False',
        "No weight is cut. The schedule has to name the epochs, and by another setting the callback waits for a validation, which this fit has none of.": [
            'parameter_names=["weight"] -> parameter_names=["weight"], prune_on_train_epoch_end=False',
            "amount if epoch in epochs else None -> None",
        ],
        "": ["return ModelPruning( -> ModelPruning("],
    },
    right=[by_the_course_s_schedule, by_another_switch, by_hand],
    steps={"stays": "the share that stays at each pruning", "amount": "the amount"},
    passed="Each pruning leaves the same share of what was left, and these shares multiply to what stays in the end.",
)

# ---
# jupyter:
#   course:
#     promise: You will prune by a schedule inside of a Trainer, know beforehand what it leaves, and find a fault of a well-known callback by looking at weights.
#     seconds: 25
#     needs: [prune_module, ticket]
#     goals:
#       - compute what a pruning schedule leaves, before the fit;
#       - prune in a Trainer with `ModelPruning`, and set what it prunes, when and how;
#       - test by the weights whether a callback does what its setting says.
#     terms: [pruning schedule]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Does a callback do what its setting says?*

# %% tags=["setup", "hide-input"]
# Holds back Lightning's advice for large trainings, sets one thread, and imports the drawings and the scorecard.
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import torch

from course_utils import legacy_int8
from course_utils.lightning import ignore_advice
from course_utils.scorecard import claims
from lessons.lightning_pruning import checks as check
from lessons.lightning_pruning import show

ignore_advice()
legacy_int8.ignore_deprecations()
torch.backends.quantized.engine = legacy_int8.best()
torch.set_num_threads(1)

# %% [markdown]
# ## 1. The sum is 0.98
#
# From [Lightning's own documentation](https://lightning.ai/docs/pytorch/stable/advanced/pruning_quantization.html), comment included:
#
# This function goes into `ModelPruning`, a *callback*: at the end of each epoch Lightning's `Trainer` calls it ([[lightning_qat]]). It asks the function how much, and prunes with PyTorch's own `prune`. Epochs count from 0.


# %% the_sum_is_0_98
def compute_amount(epoch):
    # the sum of all returned values needs to be smaller than 1
    if epoch == 10:
        return 0.5
    elif epoch == 50:
        return 0.25
    elif 75 < epoch < 99:
        return 0.01


# %% [markdown]
# Epochs 76 to 98 are 23, so the sum is 0.5 + 0.25 + 0.23 = 0.98.
#
# **Predict.** Which share of the network is gone after 100 epochs: **A** 98 %, **B** 90 %, **C** 70 %?

# %% [markdown]
# Our network is small, so that 100 epochs take seconds. It sees a picture of a garment as 16 numbers, the brightness of 16 squares. From these it estimates which share of the whole picture is not black.

# %%
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import LambdaCallback, ModelCheckpoint, ModelPruning
from torch import nn

from course_utils.measure.sparsity import sparsity_report
from lessons.lightning_qat import task as garments

batches = garments.batches(*garments.load("train", 1024))  # 8 batches of 128 pictures
held_x, held_y = (values[-2000:] for values in garments.load("train", 60_000))  # in no batch
held = garments.batches(held_x, held_y, size=2000)


class Garments(LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)  # each one has the same first weights
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    def validation_step(self, batch, index):
        self.log("error", garments.mape(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def gone(model):
    return sparsity_report(model).total.sparsity


# %%
model = Garments()
trainer = Trainer(callbacks=[ModelPruning("l1_unstructured", amount=compute_amount)], max_epochs=100, **garments.QUIET)
trainer.fit(model, batches)

# %% the_sum_is_0_98_2
print(f"gone: {gone(model):.1%}")

# %% [markdown] tags=["answer"]
# **About 70 % (C), because each amount is a share of what is *left* at that time, and not of all.**

# %% [markdown]
# So the comment in the documentation names a rule that the code does not have. It is not the last surprise in this callback. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. What is left is multiplied
#
# | after epoch | amount | left |
# |---|---|---|
# | 10 | 0.5 | 0.5 |
# | 50 | 0.25 | 0.5 · 0.75 = 0.375 |
# | 76 to 98 | 23 times 0.01 | 0.375 · 0.99²³ = 0.298 |
#
# Take a hundred weights, and prune twice with the amount 0.6. First 60 of the 100 go. Then 60 % of the 40 that are left go, which is 24. So 16 are left, $0.4 \cdot 0.4 = 0.16$. The sum of the amounts is 1.2, and nothing is wrong with that.
#
# The rule: **a cut with the amount $a$ multiplies what is left by $1 - a$.** The table does this for the function of section 1.
#
# A rule that says how much to prune, and when, is called a **pruning schedule**. To cut in several steps, with training in between, is called *iterative* pruning.

# %% [markdown]
# ### What you can give to `ModelPruning`
#
# | argument | what it says |
# |---|---|
# | `amount=0.5` | prune half of what is left after *every* epoch |
# | `amount=function` | ask the function after every epoch; `None` prunes nothing |
# | `parameter_names=["weight"]` | prune weights and no biases |
#
# The first argument is the method: a name from `torch.nn.utils.prune`, or a class. All layers are ranked together, so that the least important weights of the whole network go; with `use_global_unstructured=False` each layer loses its own share. Biases are pruned by default. They are few, and each serves a whole neuron, so one usually spares them. When the fit ends, the callback makes the cuts permanent, as `prune.remove` does ([[prune_module]]).
#
# The documentation's shortest example is `Trainer(callbacks=[ModelPruning("l1_unstructured", amount=0.5)])`. It looks as if it removed a half.
#
# **Try it.** In section 1 change `amount=compute_amount` to `amount=0.5`, and run that cell and the next one again. Then change it back, and run both again.
#
# <details><summary>What others found</summary>
#
# Next to nothing is left. Each epoch halves what the last one left, and after 5 epochs it is already $0.5^5$, which is 3 %.
#
# </details>

# %% [markdown]
# Usually you know the goal, and need the amounts. Let half of the weights be gone after the first cut, 80 % after the second, and 90 % after the third. The amount of a cut is **what goes now, divided by what is left now**:
#
# | cut | left before | left after | amount |
# |---|---|---|---|
# | 1 | 1 | 0.5 | 0.5 / 1 = 0.5 |
# | 2 | 0.5 | 0.2 | 0.3 / 0.5 = 0.6 |
# | 3 | 0.2 | 0.1 | 0.1 / 0.2 = 0.5 |

# %% [markdown]
# ## 3. Does the rewind rewind?
#
# `ModelPruning(..., use_lottery_ticket_hypothesis=True)`, which is the default, should restore the first weights after each cut. It does so with one line:
#
# ```python
# dst.data = src.data.to(dst.device)
# ```
#
# `src` is the kept copy of the first weights, and `dst` is the weight. On one device `.to` copies nothing.
#
# In [[ticket]] you rewound by hand: keep a copy, train, prune, put the first values back under the mask. The setting has a long name, and it is on. But a setting proves nothing, so we look at the weights. A `LambdaCallback` calls a function of ours after each epoch. It comes after the pruning callback, so it sees the cut. We ask for `weight_orig`, the numbers under the mask, of the second layer.
#
# `garments.fit` makes a quiet `Trainer` with these callbacks, and calls its `fit`.
#
# **Predict.** Four epochs, four cuts. How far is the farthest weight from its first value after each cut: **A** 0, 0, 0, 0; **B** 0, then farther and farther; **C** more and more, from the first cut on?


# %%
def after_each_epoch(ask, pruning, epochs=100):
    answers = []
    look = LambdaCallback(on_train_epoch_end=lambda trainer, model: answers.append(ask(model)))
    garments.fit(Garments(), batches, pruning, look, epochs=epochs)
    return answers


first = Garments().net[2].weight.detach()


def how_far(model):
    return round((model.net[2].weight_orig - first).abs().max().item(), 4)


# %% does_the_rewind_rewind
away = after_each_epoch(how_far, ModelPruning("l1_unstructured", amount=0.3), epochs=4)
print(away)

# %% [markdown] tags=["answer"]
# **0, then farther and farther (B), because the first rewind makes weight and copy one memory, and the next training writes into it.**

# %% [markdown]
# ### Follow one weight
#
# Its first value is 0.30, and the copy is 0.30. An epoch trains the weight to 0.31. Then comes the first rewind. `dst.data = src.data` does not move the number 0.30 to the weight. It makes the weight *use the memory of the copy*, as in [[ticket]].

# %% one_memory tags=["hide-input"]
# Draws where a weight and its copy lie.
show.one_memory()

# %% [markdown]
# The next epoch trains the shared number to 0.31, so the "copy" is 0.31 as well. The second rewind replaces 0.31 by 0.31.
#
# The distance in the output looks small. But an epoch here has eight steps, and Adam moves a weight by about 0.001 a step. So a distance near 0.01 is about what an epoch can do, and nothing was taken back.
#
# Is it really this line? We change it, and nothing else.


# %%
class Mended(ModelPruning):
    @staticmethod
    def _copy_param(new, old, name):
        getattr(new, f"{name}_orig").data.copy_(getattr(old, name).data)


# %% follow_one_weight
away_mended = after_each_epoch(how_far, Mended("l1_unstructured", amount=0.3), epochs=4)
print(away_mended)

# %% [markdown]
# Now all four distances are 0. That no rewind took place was [reported in 2022](https://github.com/Lightning-AI/pytorch-lightning/issues/13643). [The repair of 2025](https://github.com/Lightning-AI/pytorch-lightning/pull/21191) made the first rewind right, and left this fault where copy and model are both on the CPU. If your first list is all zeros too, your Lightning is newer than ours, 2.6, and somebody has mended it.

# %% [markdown]
# ## 4. What the fault has hidden
#
# The *error*: by how many per cent of the truth the answers are off, on average. In section 1, with wrong rewinds, it ends below 10 %.
#
# A true rewind, as that of `Mended`, throws away all that the training has done to the numbers.
#
# Look at the epochs of the schedule before you answer.
#
# **Predict.** The same schedule with `Mended`. Is the error after 100 epochs **A** smaller, **B** about the same, **C** several times as large?


# %%
def error(model):
    return garments.mape(model(held_x), held_y)


earlier = {10: 0.5, 15: 0.25} | {epoch: 0.01 for epoch in range(16, 39)}
curves = {
    "ModelPruning": after_each_epoch(error, ModelPruning("l1_unstructured", amount=compute_amount)),
    "Mended": after_each_epoch(error, Mended("l1_unstructured", amount=compute_amount)),
    "Mended, cuts earlier": after_each_epoch(error, Mended("l1_unstructured", amount=earlier.get)),
}

# %% errors_over_epochs tags=["hide-input"]
# Draws the error after each epoch, cut and rewind included.
show.errors_over_epochs(curves)

# %% [markdown] tags=["answer"]
# **Several times as large (C), because the last cut comes after epoch 98, and a single epoch of training follows.** With the same cuts earlier the error is far smaller.

# %% [markdown]
# The third line is the control. It has the same 25 amounts and the same true rewinds, but the last cut comes after epoch 38. So it is the time behind the last cut that was missing. **A rewind needs training behind the last cut.** In 100 epochs the documentation's schedule leaves no time for that.
#
# The error does not show the fault. From the second cut on the network keeps its training, and the error is fine. No message appears. Whoever judges by the error is pleased, and reports a ticket that never was one. If you want no rewind, say so: `use_lottery_ticket_hypothesis=False`. If you want one, test it as in section 3.

# %% [markdown]
# ## 5. Which network is in the file?
#
# A `ModelCheckpoint` keeps the file of the epoch with the best score. Here, at the end of an epoch, the Trainer
#
# 1. validates: the score;
# 2. calls `ModelPruning`: the cut;
# 3. calls `ModelCheckpoint`, which writes the file.
#
# Often one ships the network of the best epoch, and not that of the last. `monitor="error"` names the score, here the error that `validation_step` logs. Here the best score is that of the last epoch.
#
# **Predict.** After the last of ten epochs 80 % go. You load the file of the best score, and measure again. Is the error **A** the score, **B** several times as large?

# %%
import tempfile


def best_file(**when):
    pruning = ModelPruning("l1_unstructured", amount={9: 0.8}.get, use_lottery_ticket_hypothesis=False)
    best = ModelCheckpoint(tempfile.mkdtemp(), monitor="error", **when)
    model = garments.fit(Garments(), batches, pruning, best, epochs=10, validate=held, enable_checkpointing=True)
    model.load_state_dict(torch.load(best.best_model_path)["state_dict"])
    print(f"score {best.best_model_score:.0f} %   loaded again {error(model):.0f} %   gone {gone(model):.0%}")
    return error(model) / best.best_model_score.item()


# %% which_network_is_in_the
times = best_file()
times_before = best_file(save_on_train_epoch_end=False)

# %% [markdown] tags=["answer"]
# **Several times as large (B), because the score is from before the cut, and the weights are from after it.** In the second line the file is written before the cut, and the two agree.

# %% [markdown]
# With `save_on_train_epoch_end=False` the file is written right after the validation. Then the score is true, and here nothing is pruned: the best checkpoint is the *whole* network. A score knows nothing of zeros, so a cut that costs accuracy makes an older file look better. **Before you ship a file, load it, count its zeros, and measure it again.** And let some epochs of training follow the last cut.
#
# The course has a callback for daily use, `PruningSchedule`, which is tested for all this. It takes the same method and amount, copies values when it rewinds (`rewind_to=0`), and waits with the cut until a file with a score is written.

# %% [markdown]
# ## Exercise · Ninety percent in five prunings
# ★★ · 10 minutes
#
# Write `even_pruning(epochs, sparsity)`. It returns a callback for a `Trainer`. After each of the `epochs`, which count from 0, it prunes the smallest weights of all layers together, each time the same share of what is left. In the end the share `sparsity` is gone. Biases stay, nothing is rewound, and the fit leaves no masks.
#
# On paper: which amount, for 75 % in two prunings?
#
# Then try it: `garments.fit(Garments(), batches, even_pruning([10, 20, 30, 40, 50], 0.9), epochs=60)`.
#
# <details><summary>Hint</summary>
#
# For 75 % in two prunings a quarter is left, ½ · ½, so the amount is a half. In general the share that stays, multiplied by itself n times, is 1 − sparsity. The n-th root of x is `x ** (1 / n)`.
#
# Which setting turns the rewind off? Which one spares the biases?
#
# </details>


# %% tags=["exercise"]
def even_pruning(epochs, sparsity):
    """A callback that prunes after each of the epochs, equal shares of what is left, in all `sparsity`."""
    raise NotImplementedError


# %% tags=["check"]
check.even_pruning(even_pruning)


# %% tags=["solution", "hide-cell"]
def even_pruning_solution(epochs, sparsity):
    stays = (1 - sparsity) ** (1 / len(epochs))
    amount = 1 - stays
    return ModelPruning(
        "l1_unstructured",
        amount=lambda epoch: amount if epoch in epochs else None,
        parameter_names=["weight"],
        use_lottery_ticket_hypothesis=False,
    )


# %% [markdown]
# ## Remember
#
# - An amount counts from what is left, and a number alone prunes after every epoch: multiply the shares that stay, before you train.
# - A rewind throws the training away, so it needs training behind the last cut; on a CPU `ModelPruning` hands back trained weights, since weight and copy become one memory.
# - A setting proves nothing: count zeros, compare with the first weights, and measure the file that you ship.

# %% [markdown]
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"]
claims.show("lightning_pruning")

# %% [markdown]
# ## Deeper
#
# ### Biases and batch norm are pruned, too
#
# By default `ModelPruning` takes every parameter that is called `weight` or `bias`, and ranks all of them together. The shifts of a batch norm are called `bias` as well, and they begin at 0. So they are among the smallest, and a large early cut takes them.

# %%
model = Garments()
model.net.insert(1, nn.BatchNorm1d(64))
pruning = ModelPruning("l1_unstructured", amount=0.5, use_lottery_ticket_hypothesis=False)
garments.fit(model, batches, pruning, epochs=1)
print("zeros among the shifts of batch norm:", (model.net[1].bias == 0).sum().item(), "of 64")

# %% [markdown]
# `parameter_names=["weight"]` spares the shifts and the biases, but not the factors of the batch norm, which are called `weight`. To say exactly what is pruned, give pairs: `parameters_to_prune=[(model.net[0], "weight"), …]`, or override `filter_parameters_to_prune`.
#
# ### Prune and quantize in one fit
#
# Two callbacks can stand in one list. Here one prunes after the third epoch, and the one of [[lightning_qat]] trains with rounding, and converts the layers to int8 at the end. Do the zeros survive the rounding?

# %% tags=["legacy"]
from course_utils.lightning import PruningSchedule, QuantizationAwareTraining

callbacks = PruningSchedule("l1_unstructured", {2: 0.8}), QuantizationAwareTraining()
both = garments.fit(Garments(), batches, *callbacks, epochs=6)
integers = torch.cat([layer.weight().int_repr().flatten() for layer in both.net if hasattr(layer, "weight")])
print(f"integers that are 0: {(integers == 0).float().mean().item():.0%}")

# %% [markdown]
# They do. Weights are quantized with a symmetric map, in which the integer is the weight divided by the scale, and 0 divided by any scale is 0. In an asymmetric map it would be the zero point, which stands for exactly 0 as well ([[integers]]). So 80 % stay zero.
#
# The order in the list does not matter here. The pruning callback removes its masks when training ends, and the other one converts when the fit ends, which is later.
#
# In place of a name, `ModelPruning` also takes a subclass of `BasePruningMethod`, such as one from [[own_method]]. Its `PRUNING_TYPE` must be `"unstructured"`.

# %% [markdown]
# **Sources.** J. Frankle and M. Carbin, *The Lottery Ticket Hypothesis*, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635); Lightning on [pruning and quantization](https://lightning.ai/docs/pytorch/stable/advanced/pruning_quantization.html) and on [`ModelPruning`](https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.ModelPruning.html), an experimental feature; [the announcement](https://medium.com/pytorch/pytorch-lightning-v1-2-0-43a032ade82b) of version 1.2, in which the callback appeared.
#
# **Going further.** M. Zhu and S. Gupta, *To prune, or not to prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878), on a schedule that prunes much at first and little later. Projects: write that schedule as an amount, and compare it with even cuts; write a callback that stops pruning when the validation error rises.
#
# **Credits.** The schedule of section 1 and the idea of the network are from Lightning's documentation, whose team wrote `ModelPruning`; it follows [PyTorch's pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html). Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# ---
# jupyter:
#   course:
#     promise: You will prune by a schedule inside a Trainer, and find a fault of a well-known callback.
#     seconds: 40
#     needs: [prune_module, ticket, lightning_qat]
#     goals:
#       - compute what a pruning schedule leaves, before the training;
#       - prune in a Trainer with `ModelPruning`, and set what it prunes, when and how;
#       - test by the weights whether a callback does what its setting says.
#     terms: [pruning schedule]
#     values:
#       faulty: f"{curves['ModelPruning'][-1]:.0f}"
#       true_rewind: f"{curves['Mended'][-1]:.0f}"
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Does a callback do what its setting says?*

# %% tags=["setup", "hide-input"]
# Sets one thread, holds back advice for large trainings, and imports the task and the drawings.
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import torch

from course_utils import claims
from course_utils.callbacks import ignore_advice
from course_utils.sparsity import sparsity_report
from lessons.lightning_pruning import show
from lessons.lightning_pruning import tasks as check
from lessons.lightning_qat import task as garments

ignore_advice()
torch.set_num_threads(1)

# %% [markdown]
# ## 1. A schedule from the documentation
#
# A network can lose weights *while* it's trained. The task is the one of [[lightning_qat]]: a picture of a garment is averaged down to 4 × 4 grey blocks, and from these 16 numbers the network says which share of the picture isn't black. The network is that lesson's, too: three linear layers. `garments`, the file of the task, has both; there the network is called `RegressionModel`. Here it gets a learning rate of 0.001.

# %%
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import LambdaCallback, ModelPruning

batches = garments.batches(*garments.load("train", 1024))  # 8 batches of 128 pictures


class Garments(garments.RegressionModel):  # three linear layers, always with the same first weights
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


# %% [markdown]
# The training loop belongs to the **Trainer**, so you prune by handing it a **callback**. Lightning's own is `ModelPruning`: at the end of each epoch it prunes, and here a function of yours says how much. Epochs count from 0. This function is from [Lightning's documentation](https://lightning.ai/docs/pytorch/stable/advanced/pruning_quantization.html), comment included:


# %% the_schedule
def compute_amount(epoch):
    # the sum of all returned values needs to be smaller than 1
    if epoch == 10:
        return 0.5
    elif epoch == 50:
        return 0.25
    elif 75 < epoch < 99:
        return 0.01


# %% [markdown]
# Epochs 76 to 98 are 23, so the sum is 0.5 + 0.25 + 23 · 0.01 = 0.98.
#
# `"l1_unstructured"` is magnitude pruning. By default the callback sets one threshold for all layers, as in [[prune_model]]. `garments.QUIET` makes the Trainer work on the CPU, and print and save nothing.
#
# **Predict.** What fraction of the network, biases included, is zero after the 100 epochs: **A** 98 %, **B** 90 %, or **C** 70 %?

# %%
model = Garments()
trainer = Trainer(callbacks=[ModelPruning("l1_unstructured", amount=compute_amount)], max_epochs=100, **garments.QUIET)
trainer.fit(model, batches)

# %% gone
print(f"zero: {sparsity_report(model).total.sparsity:.1%}")

# %% [markdown] tags=["answer"]
# **About 70 % (C), because each amount is a share of what is *left* at that time, and not of all.** So the comment states a rule that the code doesn't follow.

# %% [markdown]
# One of this callback's settings doesn't do what it says, but no message tells you, and the error of your network will look good. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. What a schedule leaves
#
# A rule that says after which epoch how much is pruned is called a **pruning schedule**. What does it leave? Each amount counts from what the cuts before it have left, as in [[ticket]].
#
# **A cut with the amount $a$ multiplies what is left by $1 - a$.**
#
# So before you wait for a training, multiply. For the schedule of section 1:
#
# | after epoch | amount | left |
# |---|---|---|
# | 10 | 0.5 | 0.5 |
# | 50 | 0.25 | 0.5 · 0.75 = 0.375 |
# | 76 to 98 | 0.01, 23 times | 0.375 · 0.99²³ = 0.298 |
#
# So 70 % are gone.

# %% [markdown]
# ### What, when and how
#
# - **What?** By default everything that is called `weight` or `bias`. One usually spares the biases, because they are few, and each serves a whole neuron: `parameter_names=["weight"]`. That still prunes the scale of a batch norm, which is called `weight`, too, and at 0 silences a channel.
# - **When?** By default after *every* epoch. So the documentation's shortest example, `ModelPruning("l1_unstructured", amount=0.5)`, doesn't remove a half: after five epochs $0.5^5$ is left, about 3 %. With a function as `amount` there's no cut where it returns `None`.
# - **How?** The first argument is the method. It ranks the weights of all layers together, because `use_global_unstructured=True` is the default: that's *global* pruning. Take a layer with the weights 0.1 and 0.2, and one with 0.8 and 0.9: the amount 0.5 empties the first. With `use_global_unstructured=False` each layer loses its smaller weight.
#
# During the fit a layer keeps all its numbers in `weight_orig`, and a mask says which of them count. At the end the zeros are written into `weight`, and the mask goes, so that a file holds each layer once (`make_pruning_permanent=True` is the default).
#
# **Try it.** Does `parameter_names=["weight"]` do what it says? In section 1, add it behind `amount=compute_amount`, and look at `sparsity_report(model)`. Then change it back, and run both cells once more.
#
# <details><summary>What others found</summary>
#
# It does: no bias is zero.
#
# </details>

# %% [markdown]
# ## 3. How to test a setting by the weights
#
# Let's test `use_lottery_ticket_hypothesis=True`, which is on by default. After each cut it should set the surviving weights back to their first values. That's the *rewind* of [[ticket]].
#
# After a true rewind each number in `weight_orig`, even that of a removed weight, *is* its first value. So after every cut, the largest distance from the first values must be 0.
#
# `LambdaCallback` turns a function into a callback, here `look`. It comes after `ModelPruning` in the list, so it runs after the cut and the rewind. `first` holds the first values by name, without the ending `_orig`, so we take it off. `garments.fit` makes a quiet `Trainer`, calls its `fit`, and returns the network.


# %% look
first = dict(Garments().named_parameters())


def distances(pruning):
    found = []

    def look(trainer, model):
        away = [(now - first[name.removesuffix("_orig")]).abs().max() for name, now in model.named_parameters()]
        found.append(round(max(away).item(), 4))

    garments.fit(Garments(), batches, pruning, LambdaCallback(on_train_epoch_end=look), epochs=4)
    return found


# %% [markdown]
# What does the callback do? Before the training it copies each layer. To rewind, Lightning 2.6 calls `_copy_param(new, old, name)` for each weight or bias that it prunes, with the layer as `new` and its copy as `old`. From the layer it takes `weight_orig`, and calls it `dst`, the destination. From the copy it takes `weight`, and calls it `src`, the source. Then comes this line:
#
# ```python
# dst.data = src.data.to(dst.device)
# ```
#
# An assignment to `.data` writes no numbers. It makes `dst` use the memory of the tensor on the right. And which memory is that? `.to` makes a new tensor only for another device. On the same device it returns `src.data` itself.
#
# **Predict.** We prune after each of four epochs. What are the four distances: **A** all 0; **B** larger and larger, from the first cut on; or **C** 0, and then larger and larger?

# %% rewind
away = distances(ModelPruning("l1_unstructured", amount=0.3))
print(away)

# %% [markdown] tags=["answer"]
# **0, and then larger and larger (C), because after the first rewind weight and copy share one memory, so training changes the copy, too.** At the first rewind the copy is still right, so the weight gets its first value back, and the distance is 0.

# %% [markdown]
# ### One weight, two rewinds
#
# Let's follow one weight. Its first value is 0.30, and so the callback's copy is 0.30. The first epoch trains the weight to 0.31. Then the first rewind makes the weight use the memory of the copy.

# %% one_memory tags=["hide-input"]
# Draws where a weight and its copy lie.
show.one_memory()

# %% [markdown]
# Now weight and copy are two names for one memory, and in it is 0.30. The second epoch trains the weight to 0.31 again, so the "copy" is 0.31 as well, and the second rewind replaces 0.31 by 0.31. The third epoch goes on from 0.31, perhaps to 0.32, and that's why the distances in the output grow from cut to cut.
#
# Is it really this line? `Mended` has another one: `copy_` writes the copy's numbers into the weight's own memory.


# %% mended
class Mended(ModelPruning):
    def _copy_param(self, new, old, name):
        dst, src = getattr(new, f"{name}_orig"), getattr(old, name)
        dst.data.copy_(src.data)


away_mended = distances(Mended("l1_unstructured", amount=0.3))
print(away_mended)

# %% [markdown]
# All four are 0, so it was this line. It does harm where weight and copy are on one device, as on a CPU.

# %% [markdown]
# ## 4. Why the error didn't show it
#
# Shouldn't a wrong rewind make a worse network? We look at the *error*: the average percentage error on pictures that the network wasn't trained on.
#
# Three networks follow the schedule of section 1: with the faulty rewind of `ModelPruning`, with the true one of `Mended`, and with the rewind off. After a true rewind a network has to learn anew.
#
# **Predict.** After 100 epochs, is the error with the true rewind **A** more than twice as large as with the faulty one, **B** about the same, or **C** smaller?

# %% errors_over_epochs tags=["hide-input"]
# Trains three networks by the same schedule, and draws their errors after each epoch.
callbacks = {
    "ModelPruning": ModelPruning("l1_unstructured", amount=compute_amount),
    "Mended": Mended("l1_unstructured", amount=compute_amount),
    "rewind off": ModelPruning("l1_unstructured", amount=compute_amount, use_lottery_ticket_hypothesis=False),
}
curves = {name: show.errors(Garments(), batches, pruning) for name, pruning in callbacks.items()}
show.errors_over_epochs(curves)

# %% [markdown] tags=["answer"]
# **More than twice as large (A), because the last cut comes after epoch 98, and only one epoch of training follows its rewind.**

# %% [markdown]
# Look at the blue line first. Until epoch 49 the orange one hides it, because the first rewind, after epoch 10, is right in both. But each later rewind of `ModelPruning` replaces a trained weight by the same trained weight. So this network keeps what it has learned, and ends about as low as the green one, which never rewinds.
#
# Now follow the orange line. It leaps at each true rewind, because the network is back at its first weights. After the cut of epoch 50 it has 25 epochs to recover. But from epoch 76 on it's set back after every epoch, so each point there is an untrained network, with a few weights fewer each time, and only one epoch follows the last cut. We tried six networks at three learning rates (`records/lightning_pruning`). With 25 epochs after the cut of epoch 50, the network came back to at most 1.7 times the error of the faulty rewind. With one epoch after the last cut, it was still at 2 to 9 times. **A rewind needs training after the last cut.**
#
# So the fault saved the network from a schedule that doesn't suit a rewind. If you go by the error alone, you'll be pleased, and report a lottery ticket that isn't one. With this schedule, switch the rewind off: `use_lottery_ticket_hypothesis=False`.
#
# **Don't believe a setting. Look at the weights.**

# %% [markdown]
# ## Exercise · Ninety percent in five prunings
# ★★ · 10 minutes
#
# Write `even_pruning(epochs, sparsity)`. It returns a callback that prunes after each of the `epochs`, a list: the smallest weights of all layers together, each time the same share of what is left. By the end, a share `sparsity` of the weights is zero. It spares biases, rewinds nothing, and leaves no masks.
#
# First on paper: 75 % in two. Then test: `sparsity_report(garments.fit(Garments(), batches, even_pruning([10, 20, 30, 40, 50], 0.9), epochs=60))` should say 90 % in row `weights`.
#
# <details><summary>Hint</summary>
#
# For 75 % in two prunings a quarter is left, ½ · ½, so the amount is a half. The n-th root of x is `x ** (1 / n)`. Which settings spare the biases, and turn the rewind off?
#
# </details>


# %% tags=["exercise"]
def even_pruning(epochs, sparsity):
    """A callback that prunes after each of the epochs, equal shares of what is left, in all `sparsity` of the weights."""
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
# - An amount counts from what is left, so multiply the shares that stay, and do it before you train.
# - `ModelPruning` prunes biases too, cuts after every epoch if the amount is a number, and rewinds by default. In Lightning 2.6, on a CPU, only the first rewind is right: from then on weight and copy share one memory.
# - A low error doesn't prove that a setting works: count the zeros, and compare the weights with what they should be.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("lightning_pruning")

# %% [markdown]
# ## Deeper
#
# ### Which network is in the file?
#
# A `ModelCheckpoint` keeps the file of the epoch with the best score. At the end of an epoch the Trainer
#
# 1. validates, which gives the score;
# 2. calls `ModelPruning`, which cuts;
# 3. calls `ModelCheckpoint`, which writes the file.
#
# So the score is from before the cut, and the weights are from after it. Here 80 % go after epoch 9, the last, and its score is the best. We load the file of the best score, and measure again.

# %%
import tempfile

from lightning.pytorch.callbacks import ModelCheckpoint

held = garments.batches(*(values[-2000:] for values in garments.load("train", 60_000)), size=2000)  # in no batch


class Validated(Garments):
    def validation_step(self, batch, index):
        self.log("error", garments.mape(self(batch[0]), batch[1]))


def cut_at_the_end(epoch):
    return 0.8 if epoch == 9 else None


def best_file(**when):
    pruning = ModelPruning("l1_unstructured", amount=cut_at_the_end, use_lottery_ticket_hypothesis=False)
    best = ModelCheckpoint(tempfile.mkdtemp(), monitor="error", **when)
    garments.fit(Validated(), batches, pruning, best, epochs=10, validate=held, enable_checkpointing=True)
    loaded = Validated()
    loaded.load_state_dict(torch.load(best.best_model_path)["state_dict"])
    zero = sparsity_report(loaded).total.sparsity
    print(f"score {best.best_model_score:.0f} %, loaded again {show.error(loaded):.0f} %, zero: {zero:.0%}")


best_file()
best_file(save_on_train_epoch_end=False)

# %% [markdown]
# With `save_on_train_epoch_end=False` the file is written right after the validation. Then its score is true, but nothing is pruned in it. So before you ship a file, load it, count its zeros, and measure it again. The course has a callback that delays each cut until such a file has been written, `PruningSchedule`.
#
# ### Pruned and in int8, in one fit
#
# `PruningSchedule` is meant for daily work. It takes the amounts by epoch, and leaves biases alone. It rewinds only if you ask for it, and then network and optimizer. It can stand in one list with `QuantizationAwareTraining` ([[lightning_qat]]).
#
# Do the zeros survive the rounding? A weight's integer is the weight divided by the scale, and rounded ([[integers]]). Zero divided by any scale is 0, so they should. The schedule leaves $0.5 \cdot 0.8 = 0.4$, so at least 60 % of the integers should be 0 (more, if a small weight is rounded to 0):

# %% both
from course_utils.callbacks import PruningSchedule, QuantizationAwareTraining


def schedule():
    return PruningSchedule("l1_unstructured", {20: 0.5, 30: 0.2})


small = garments.fit(Garments(), batches, schedule(), QuantizationAwareTraining(), epochs=60)

# %% beside tags=["hide-input"]
# Trains two more networks, one without callbacks and one that is only pruned, and counts bytes and zeros of all three.
whole = garments.fit(Garments(), batches, epochs=60)
pruned = garments.fit(Garments(), batches, schedule(), epochs=60)
show.side_by_side({"whole": whole, "pruned": pruned, "pruned and int8": small})

# %% [markdown]
# The zeros have survived. Pruning saved no byte, because in fp32 a zero takes four bytes like any other number. Int8 divided the bytes by four, and hardly changed the error here.

# %% [markdown]
# **Sources.** J. Frankle and M. Carbin, *The Lottery Ticket Hypothesis*, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635), in 2018 still called *Training Pruned Neural Networks*; *PyTorch Lightning V1.2.0: DeepSpeed, Pruning, Quantization, SWA*, [2021](https://medium.com/pytorch/pytorch-lightning-v1-2-0-43a032ade82b), the post that announced `ModelPruning`; Lightning on [pruning and quantization](https://lightning.ai/docs/pytorch/stable/advanced/pruning_quantization.html) and on [`ModelPruning`](https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.ModelPruning.html), an experimental feature. That no rewind took place was [reported in 2022](https://github.com/Lightning-AI/pytorch-lightning/issues/13643); [a repair of 2025](https://github.com/Lightning-AI/pytorch-lightning/pull/21191) made the first one right. On a GPU, by the source, all are right, because the copy stays on the CPU.
#
# **Going further.** The page `docs/lightning.md` describes both callbacks of the course. M. Zhu and S. Gupta, *To prune, or not to prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878), on a schedule that prunes much at first and little later.
#
# **Credits.** The schedule of section 1 and the idea of the network are from Lightning's documentation, whose team wrote `ModelPruning`; it refers to [PyTorch's pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html). Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** If you're stopping here for today, take a moment to look back. Early on you learned the price of a fetch ([[energy]]), and since then nearly every lesson has made weights smaller or fewer. How small does a file get if fewer weights, fewer bits and a good code for them come together ([[deep_compression]])? And what can all this do for a language model, which fetches every weight for each single word? To see why, we first need the layer that it's made of: how does a network look something up ([[attention]])?

# ---
# jupyter:
#   course:
#     promise: You will prune by a schedule inside of a Trainer, know beforehand what it leaves, and find a fault of a well-known callback by looking at weights.
#     seconds: 30
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

# %% tags=["setup", "hide-input", "legacy"]
# Sets one thread and the int8 engine, holds back advice for large trainings, and imports the task and the drawings.
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import torch
from torch import nn

from course_utils import legacy_int8
from course_utils.lightning import ignore_advice
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims
from lessons.lightning_pruning import checks as check
from lessons.lightning_pruning import show
from lessons.lightning_qat import task as garments

ignore_advice()
legacy_int8.ignore_deprecations()
torch.backends.quantized.engine = legacy_int8.best()
torch.set_num_threads(1)

# %% [markdown]
# ## 1. A schedule from the documentation
#
# A network can lose its weights *while* it's trained. Here is a small task for it: a camera sees a garment with only 16 pixels, and the network says which share of the whole picture isn't black.
#
# `garments`, the file of the task, has the data. The network is a `LightningModule`: its `training_step` gives the loss of a batch, and `configure_optimizers` the optimizer.

# %%
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import LambdaCallback, ModelPruning

batches = garments.batches(*garments.load("train", 1024))  # 8 batches of 128 pictures


class Garments(LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)  # the same first weights each time
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


# %% [markdown]
# The loop over epochs and batches belongs to a **Trainer**. You can't put a line into it, but you can hand it **callbacks**, objects with methods that it calls at fixed moments. Lightning's own `ModelPruning` is one: at the end of each epoch it asks a function of yours how much to prune, and prunes. Epochs count from 0. This function is from [Lightning's documentation](https://lightning.ai/docs/pytorch/stable/advanced/pruning_quantization.html), comment included:


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
# Now the training. `callbacks` takes the list of callbacks, `"l1_unstructured"` is the magnitude pruning of [[prune_module]], `max_epochs` says how often the Trainer goes through all batches, and `garments.QUIET` makes it work on the CPU and print and save nothing. `fit` runs the loop.
#
# **Predict.** Which share of the network is zero after the 100 epochs: **A** 98 %, **B** 90 %, or **C** 70 %?

# %%
model = Garments()
trainer = Trainer(callbacks=[ModelPruning("l1_unstructured", amount=compute_amount)], max_epochs=100, **garments.QUIET)
trainer.fit(model, batches)

# %% gone
print(f"zero: {sparsity_report(model).total.sparsity:.1%}")

# %% [markdown] tags=["answer"]
# **About 70 % (C), because each amount is a share of what is *left* at that time, and not of all.**

# %% [markdown]
# So the comment names a rule that the code doesn't have. That's harmless once you know it. But another setting of this callback doesn't do what it says, and neither a message nor the network's error will tell you. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. What a schedule leaves
#
# Why 70 %? Take a hundred weights, and prune twice with the amount 0.6. First 60 of them go, and 40 are left. The second cut takes 60 % of *these 40*, which is 24, so 16 are left: $0.4 \cdot 0.4 = 0.16$. The sum of the amounts is 1.2, and nothing is wrong with that, because nobody adds them.
#
# **A cut with the amount $a$ multiplies what is left by $1 - a$.**
#
# A rule that says after which epoch how much is pruned is called a **pruning schedule**. Before you wait for a training, multiply. For the schedule of section 1:
#
# | after epoch | amount | left |
# |---|---|---|
# | 10 | 0.5 | 0.5 |
# | 50 | 0.25 | 0.5 · 0.75 = 0.375 |
# | 76 to 98 | 0.01, 23 times | 0.375 · 0.99²³ = 0.298 |
#
# About 30 % are left, so 70 % are gone.

# %% [markdown]
# ### What, when and how
#
# What else can you set?
#
# - **What?** By default everything that is called `weight` or `bias`. One usually spares the biases, because they are few, and each serves a whole neuron: `parameter_names=["weight"]`.
# - **When?** If `amount` is a function, it's asked after every epoch, and `None` means no cut. If it's a number, there's a cut after *every* epoch.
# - **How?** The first argument is the method. All parameters are ranked together, so the smallest weights of the whole network go. With `use_global_unstructured=False` each parameter loses the same share.
#
# At the end of the fit the masks are removed, and the zeros stay.
#
# **Try it.** The documentation's shortest example is `Trainer(callbacks=[ModelPruning("l1_unstructured", amount=0.5)])`. Does it remove a half? In section 1, change `amount=compute_amount` to `amount=0.5`, and run that cell and the next one again. Then change it back, and run both once more.
#
# <details><summary>What others found</summary>
#
# Next to nothing is left. After 5 epochs it's already $0.5^5$, about 3 %, and the halving goes on.
#
# </details>

# %% [markdown]
# ## 3. How to test a setting by the weights
#
# The other setting, `use_lottery_ticket_hypothesis=True`, is on by default. It should set the weights back to their first values after each cut: the *rewind* of [[ticket]], after which only the mask remembers the training.
#
# We can test it without any accuracy. After a true rewind each weight *is* its first value, so the largest distance between the two must be 0, after every cut.
#
# A `LambdaCallback` is a callback made of one function. Ours stands behind `ModelPruning` in the list, so it's called after cut and rewind. In the second layer it looks at `weight_orig`, the numbers under the mask. `garments.fit` makes a quiet `Trainer` with these callbacks, and calls its `fit`.


# %% look
first = Garments().net[2].weight.detach()


def distances(pruning):
    found = []

    def look(trainer, model):
        found.append(round((model.net[2].weight_orig - first).abs().max().item(), 4))

    garments.fit(Garments(), batches, pruning, LambdaCallback(on_train_epoch_end=look), epochs=4)
    return found


# %% [markdown]
# In Lightning 2.6 a method called `_copy_param` rewinds a weight. It ends with this line:
#
# ```python
# dst.data = src.data.to(dst.device)
# ```
#
# `dst` is the weight, and `src` is the copy of its first values that the callback keeps. If both are on the same device, `.to` copies nothing.
#
# **Predict.** We prune after each of four epochs. What are the four distances: **A** all 0; **B** 0, and then larger and larger; or **C** larger and larger, from the first cut on?

# %% rewind
away = distances(ModelPruning("l1_unstructured", amount=0.3))
print(away)

# %% [markdown] tags=["answer"]
# **0, and then larger and larger (B), because the first rewind makes weight and copy share one memory, and from then on training changes the copy, too.**

# %% [markdown]
# ### One weight, two rewinds
#
# Let's follow one weight. Its first value is 0.30, and so the callback's copy is 0.30. The first epoch trains the weight to 0.31. Then comes the first rewind. It doesn't write 0.30 into the weight's memory, it makes the weight *use the memory of the copy*. So the weight is 0.30 again, and the distance is 0.

# %% one_memory tags=["hide-input"]
# Draws where a weight and its copy lie.
show.one_memory()

# %% [markdown]
# But now weight and copy are two names for one memory. The second epoch trains the weight to 0.31, so the "copy" is 0.31 as well, and the second rewind replaces 0.31 by 0.31. Each distance in the output is about 0.009 larger than the one before. That's as far as an epoch can move a weight, since Adam takes eight steps of about the learning rate, 0.001. So nothing was taken back.
#
# Is it really this line? We change nothing else: `copy_` writes the copy's numbers into the weight's own memory.


# %% mended
class Mended(ModelPruning):
    def _copy_param(self, new, old, name):
        getattr(new, f"{name}_orig").data.copy_(getattr(old, name).data)


away_mended = distances(Mended("l1_unstructured", amount=0.3))
print(away_mended)

# %% [markdown]
# All four are 0, so it was this line. It does harm where weight and copy are on one device, as on a CPU. If your first list is all zeros, too, somebody has mended your Lightning.

# %% [markdown]
# ## 4. Why the error didn't show it
#
# Shouldn't a wrong rewind make a worse network? We look at the *error*: by how many per cent the answers are off, on average, for pictures that weren't trained on.
#
# Three networks follow the schedule of section 1: with the faulty rewind of `ModelPruning`, with the true one of `Mended`, and with the rewind off. After a true rewind a network has to learn anew. And when is the last cut?
#
# **Predict.** After 100 epochs, is the error with the true rewind **A** smaller than with the faulty one, **B** about the same, or **C** several times as large?

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
# **Several times as large (C), because the last cut comes after epoch 98, and only one epoch of training follows its rewind.**

# %% [markdown]
# Follow the orange line. Each rewind makes it leap, since the network has its first weights again. (Up to epoch 49 the blue line lies under it, because the first rewind is right in both.) After the cut of epoch 50 it has 25 epochs to recover, but from epoch 76 on it's set back after every epoch. **A rewind needs training behind the last cut**, and here there's a single epoch.
#
# The blue line ends about as low as the green one, because from the second cut on a rewind that takes nothing back *is* none. (The humps near epoch 85 aren't rewinds. There a cut took the only bias of the last layer.) So the fault saved the network from a schedule that doesn't suit it. Whoever judges by the error is pleased, and reports a lottery ticket that never was one.
#
# Does the true rewind lack nothing but time? At its best moment, epoch 75, its error is still clearly above the other two, which have kept what they learned. A ten times larger learning rate closes more than half of this gap, but in none of six networks was the true rewind ahead there. So with this schedule switch it off: `use_lottery_ticket_hypothesis=False`. When a rewind is worth its price is the question of [[ticket_full]].
#
# **A setting proves nothing. The weights do.**

# %% [markdown]
# ## 5. Pruned and in int8, in one fit
#
# For daily work the course has a callback without these traps: `PruningSchedule` takes the amounts by epoch, leaves biases alone, and rewinds only if you ask for it. A second one, `QuantizationAwareTraining`, trains with the rounding of int8, and turns the layers into int8 when the fit ends ([[lightning_qat]]). Both can stand in one list.
#
# Do the zeros survive the rounding? A weight's integer is the weight divided by the scale, and rounded ([[integers]]). Zero divided by any scale is 0, so they should. We cut half of the weights after epoch 20, and a fifth of the rest after epoch 30, which leaves $0.5 \cdot 0.8 = 0.4$:

# %% both tags=["legacy"]
from course_utils.lightning import PruningSchedule, QuantizationAwareTraining

callbacks = [PruningSchedule("l1_unstructured", {20: 0.5, 30: 0.2}), QuantizationAwareTraining()]
small = garments.fit(Garments(), batches, *callbacks, epochs=60)

# %% [markdown]
# So 60 % of the integers should be 0. The table counts them, beside a network trained without callbacks and one with `PruningSchedule` alone.

# %% beside tags=["hide-input"]
# Trains the other two networks, and counts bytes and zeros of all three.
whole = garments.fit(Garments(), batches, epochs=60)
pruned = garments.fit(Garments(), batches, PruningSchedule("l1_unstructured", {20: 0.5, 30: 0.2}), epochs=60)
models = {"whole": whole, "pruned": pruned, "pruned and int8": small}
zeros = show.zeros(small)
show.side_by_side(models)

# %% [markdown]
# The zeros have survived. Pruning alone raised the error a little, and saved no byte, because in fp32 a zero takes four bytes like any other number. Int8 divided the bytes by four, and hardly changed the error.
#
# If this ends your day with the course, look back. In the morning you found that fetching a weight costs over a hundred times as much as multiplying by it ([[energy]]). Since then everything was about fewer bits and fewer weights: 16 bits ([[amp]]), 8 bits ([[static]], [[qat]]), weights at zero ([[prune_module]]), channels that are really gone ([[structured]]). Now a library does two of these in one fit, and you don't have to believe it. You can count.

# %% [markdown]
# ## Exercise · Ninety percent in five prunings
# ★★ · 10 minutes
#
# Write `even_pruning(epochs, sparsity)`. It returns a callback for a `Trainer`. After each of the `epochs`, a list, it prunes the smallest weights of all layers together, each time the same share of what is left. In the end the share `sparsity` is gone. Biases stay, nothing is rewound, and the fit leaves no masks.
#
# On paper first: which amount, for 75 % in two prunings? Then try it: `sparsity_report(garments.fit(Garments(), batches, even_pruning([10, 20, 30, 40, 50], 0.9), epochs=60))`.
#
# <details><summary>Hint</summary>
#
# For 75 % in two prunings a quarter is left, ½ · ½, so the amount is a half. The n-th root of x is `x ** (1 / n)`. Which settings spare the biases, and turn the rewind off?
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
# - An amount counts from what is left, so multiply the shares that stay, and do it before you train.
# - `ModelPruning` prunes biases too, cuts after every epoch if the amount is a number, and rewinds by default. On a CPU it rewinds to trained weights, because weight and copy share one memory.
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
# A `ModelCheckpoint` keeps the file of the epoch with the best score, and that's often the network one ships. At the end of an epoch the Trainer
#
# 1. validates, which gives the score;
# 2. calls `ModelPruning`, which cuts;
# 3. calls `ModelCheckpoint`, which writes the file.
#
# So the score is from before the cut, and the weights are from after it. Here 80 % go after epoch 9, the last one, and its score is the best. We load the file of the best score, and measure again.

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
# With `save_on_train_epoch_end=False` the file is written right after the validation. Then its score is true, but nothing is pruned in it. And since a score knows nothing of zeros, a cut that costs accuracy makes an older file look better. So before you ship a file, load it, count its zeros, and measure it again. `PruningSchedule` waits with a cut until a file that goes by a score has been written.
#
# ### Batch norm is pruned, too
#
# By default `ModelPruning` ranks everything that's called `weight` or `bias`. The shifts of a batch norm are called `bias`, and they begin at 0. So they're among the smallest, and a large early cut takes them all.

# %%
model = Garments()
model.net.insert(1, nn.BatchNorm1d(64))
pruning = ModelPruning("l1_unstructured", amount=0.5, use_lottery_ticket_hypothesis=False)
garments.fit(model, batches, pruning, epochs=1)
print("zeros among the shifts of batch norm:", (model.net[1].bias == 0).sum().item(), "of 64")

# %% [markdown]
# `parameter_names=["weight"]` spares the shifts, but not the factors of the batch norm, which are called `weight`. To say exactly what is pruned, give pairs: `parameters_to_prune=[(model.net[0], "weight"), …]`.
#
# Instead of the name of a method you can hand over a class, such as the one that you wrote in [[own_method]]. Its `PRUNING_TYPE` must be `"unstructured"`, though. A structured method, such as `"ln_structured"`, needs `use_global_unstructured=False`.

# %% [markdown]
# **Sources.** J. Frankle and M. Carbin, *The Lottery Ticket Hypothesis*, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635); Lightning on [pruning and quantization](https://lightning.ai/docs/pytorch/stable/advanced/pruning_quantization.html) and on [`ModelPruning`](https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.ModelPruning.html), an experimental feature. That no rewind took place was [reported in 2022](https://github.com/Lightning-AI/pytorch-lightning/issues/13643); [a repair of 2025](https://github.com/Lightning-AI/pytorch-lightning/pull/21191) made the first one right. On a GPU, by the source, all are right, because the copy stays on the CPU.
#
# **Going further.** The page `docs/lightning.md` describes both callbacks of the course. M. Zhu and S. Gupta, *To prune, or not to prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878), on a schedule that prunes much at first and little later. Projects: write that schedule as an amount, and compare it with even cuts; write a callback that stops pruning when the validation error rises.
#
# **Credits.** The schedule of section 1 and the idea of the network are from Lightning's documentation, whose team wrote `ModelPruning`; it follows [PyTorch's pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html). Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** Three of five bytes of our network are zeros, and still they're stored and fetched. Can a file leave them out ([[deep_compression]])? And what can all this do for a language model, which fetches every weight for each single word? To see why, we first need the layer that it's made of: how does a network look something up ([[attention]])?

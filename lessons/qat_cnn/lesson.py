# ---
# jupyter:
#   course:
#     promise: You will take a CNN through quantization-aware training to int8 kernels, and know what to try before you train.
#     seconds: 60
#     needs: [measuring, energy, integers, static, depthwise, qat]
#     goals:
#       - Train a CNN with the rounding of its weights and activations in the loop, and convert int8 copies of it.
#       - Say how batch norm can make such a copy useless, and what repairs it.
#       - Judge quantization-aware training by opponents that need no training, and know when to do without it.
#       - Find out by an experiment why a quantization-aware training failed.
#     terms: [dead channel, transfer learning]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Train with the rounding in the loop, ship the integers, and ask what the training was needed for.*
#
# **Agenda**
#
# [[agenda]]
#
# [[promise]]
#
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Say: "Last time we rounded weights only, and no integer was ever computed with. Today activations are rounded as well, batch norm is in the way, and in the end kernels run in int8." Ask what could differ between
# a training in floats and a kernel in integers, and keep the list on the board: the last slide goes through it. Expect "the weights are rounded" and "the results are rounded". If nobody names batch norm, write it down with a question mark.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy

import torch
from torch import nn
from torch.ao import quantization as tq
from torch.ao.nn.intrinsic.qat import freeze_bn_stats, update_bn_stats

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import int8_audit, timing
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.qat_cnn import checks as check
from lessons.qat_cnn import show

legacy_int8.ignore_deprecations()  # [[static]] says what is deprecated
torch.set_num_threads(1)
cpu = torch.device("cpu")  # torch.ao's int8 kernels exist for the CPU only
engine = torch.backends.quantized.engine = legacy_int8.best()
print(f"int8 engine: {engine}")
runtime.describe(cpu)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. One scale for a whole layer
#
# DepthwiseCNN classifies about 90 % of the test images of Fashion-MNIST correctly. Now all its layers compute in int8. Nothing is trained, and all weights of a layer share *one scale*.
#
# **Predict.** What accuracy is left: **A** at least 89 %, **B** about 80 %, **C** below 70 %? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; those who did the lesson on depthwise convolutions know the answer. Draw two channels: A with the weight 10, B with 0.06, 0.03 and −0.02. One step for both is 2 · 10 / 255 = 0.078. Let the room round B: 0.77, 0.38 and −0.26 steps become 1, 0, 0. A has 256 levels, B makes do with two. Click.
#
# "Why not a scale for each channel?" With it int8 is harmless here, but not every kernel can do that, and PyTorch's default for ARM's `qnnpack` has one scale. "Always 26 points?" No: with a step 1 % larger the loss is below three ([[depthwise]]). Then: "This network must be mended. How?" Most will say: train. That is the next section.

# %% [markdown] slideshow={"slide_type": "skip"}
# The network is the one of [[depthwise]], where this accuracy was measured as well. It has seven blocks, each a convolution, a batch norm and a ReLU, then the mean over the picture and a linear layer. Three of the convolutions are *depthwise*: each channel has a filter of its own with nine weights. With one scale for each *channel* of the weights int8 was harmless there. But not every kernel can do that, and PyTorch's default for `qnnpack`, the engine of ARM processors, has one scale for all weights of a layer ([[static]]), although its kernels can do the other ([[depthwise]]). So suppose that we have to live with one scale.
#
# **By hand.** Two channels share a scale. The largest weight of channel A is 10. Channel B has the weights 0.06, 0.03 and −0.02. With 8 bits the scale is $2 \cdot 10 / 255 = 0.078$. In steps of this scale (steps of int8, not of training), the weights of channel B are 0.77, 0.38 and −0.26; they are rounded to 1, 0 and 0, and come back as 0.078, 0 and 0. Channel A has 256 levels, and channel B has to make do with two.
#
# The cells below load the network and prepare the tools. Run them now, and read them with section 2, which explains `qat_config`, `prepared_for_qat` and `to_int8`. For the first number we use them with the rounding switched *off*: then only the observers watch, and the result is static quantization as in [[static]].

# %% slideshow={"slide_type": "skip"}
depthwise = checkpoints.load("depthwise_cnn")  # trained on Fashion-MNIST
images, labels = data.load("fashion_mnist", n=960)  # of the training set: all that this lesson trains on
test_images, test_labels = data.load("fashion_mnist", "test")


def accuracy(net, n=5000):
    """In percent, on the first n test images."""
    return 100 * training.evaluate(net, test_images[:n], test_labels[:n])


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def qat_config(per_channel, weights=0.01, activations=0.01):
    watch = tq.MovingAveragePerChannelMinMaxObserver if per_channel else tq.MovingAverageMinMaxObserver
    scheme = torch.per_channel_symmetric if per_channel else torch.per_tensor_symmetric
    codes = {"quant_min": -128, "quant_max": 127, "dtype": torch.qint8, "qscheme": scheme}
    rounds = tq.FusedMovingAvgObsFakeQuantize
    return tq.QConfig(
        activation=tq.get_default_qat_qconfig(engine).activation.with_args(averaging_constant=activations),
        weight=rounds.with_args(observer=watch, averaging_constant=weights, **codes),
    )


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def prepared_for_qat(net, qconfig):
    model = tq.QuantWrapper(copy.deepcopy(net)).train()
    blocks = [[f"module.features.{block}.{part}" for part in range(3)] for block in range(len(net.features))]
    model = tq.fuse_modules_qat(model, blocks)
    model.qconfig = qconfig
    return tq.prepare_qat(model)


def to_int8(model):
    return tq.convert(copy.deepcopy(model).eval())


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
@torch.no_grad()
def static_int8(net, qconfig, shown=images):
    """Static quantization with the same tools: the rounding is off while the observers see 512 images."""
    model = prepared_for_qat(net, qconfig).eval().apply(tq.disable_fake_quant)
    for batch in shown[:512].split(64):
        model(batch)
    return to_int8(model)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Quantizes the network with one scale for the weights of each layer, and compares it with fp32.
per_tensor, per_channel = qat_config(per_channel=False), qat_config(per_channel=True)
static = static_int8(depthwise, per_tensor)
in_fp32, in_static = accuracy(depthwise), accuracy(static)
show.in_percent({"fp32": in_fp32, "static int8, one scale a layer": in_static}, "DepthwiseCNN", "5,000 test images")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With one scale for each layer fewer than 70 % of the images are classified correctly (C), because one wide channel sets the scale of a depthwise layer. Most other channels have about 15 levels left, and a few have three or fewer.**
#
# <!-- page -->
#
# About 26 points are lost in the run on this page, so many only by bad luck: with a step 1 % larger [[depthwise]] lost fewer than three.
#
# [[qat]] had a remedy for such losses: train on, with the rounding in the loop.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. Where the rounding sits
#
# `prepare_qat` puts fake quantization into the network: values are rounded to the levels of int8, and stay floats.
#
# **Predict.** Seven blocks, a mean over the picture, a linear layer. Which result is *not* rounded? And why could that matter?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Collect guesses, then click: an arrow is a result, and the room finds the one that is not blue. Click again for the sentence. The 17 places are two for each of seven blocks and the linear layer, and one for the input. "Why could it matter?" What the training did not see rounded, the network could not learn to bear. Here it matters little: the same class for more than 99 of 100 images.
#
# Ask why the weights are rounded *after* batch norm is folded in. Draw: weight 0.40, factor 2, step 0.25. The kernel gets 0.80, which is 3.2 steps, so 3, so 0.75. Rounded first: 1.6 steps, so 2, so 0.50, folded 1.00. A training for 1.00 does not prepare for 0.75.
#
# End with the silent trap: with `get_default_qconfig`, without *qat*, nothing is rounded and nothing is said. Look for `FakeQuantize` in the printed model.

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[qat]] a parametrization rounded the weights, and everything else was a float. An int8 kernel rounds more than that: its inputs, its folded weights, and the result that it hands on. A training that is to prepare for the kernel must round in the same places. A configuration and three calls arrange this.
#
# - A **qconfig** says which fake quantization the results get and which one the weights. Our `qat_config` takes PyTorch's default for the results, and builds the one for the weights from three choices: one range for the layer or one for each channel (`watch`), the integers from −128 to 127 with zero point 0 (`codes`), and how fast a range follows (the averaging constant, section 5).
# - `fuse_modules_qat` makes one module of convolution, batch norm and ReLU. It wants a model in *training* mode (`fuse_modules` of [[static]] wants the opposite), because batch norm will still be needed: it is folded anew in each step, with its present statistics.
# - `prepare_qat` gives each such module two **fake quantizations** with an observer each, one for the folded weights and one for the result. Backwards they use the straight-through estimator ([[qat]]).
# - `convert` turns the finished network into one of int8 kernels.
#
# `prepared_for_qat` sets a stub at either end of the network (`QuantWrapper`, [[static]]), then fuses and prepares; `to_int8` converts a copy. Seven blocks and the linear layer have two fake quantizations each, and the input has one: 17 places.
#
# **Why fold before rounding? By hand.** A weight is 0.40, batch norm multiplies its channel by 2, and the step is 0.25. The kernel gets the folded weight, $0.40 \cdot 2 = 0.80$, which is 3.2 steps: it is rounded to 3, and stands for 0.75. Had the training rounded first, 0.40 would be 1.6 steps and become 2 steps, 0.50; folded, this is 1.00. The training would have prepared the network for a weight of 1.00, and the kernel would compute with 0.75.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the prepared network, and which of its values are fake-quantized.
prepared = prepared_for_qat(depthwise, per_tensor)
show.where_it_rounds(prepared)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The mean over the picture is not rounded in the simulation, because it is no module, and `prepare_qat` looks for modules.** The int8 network will round it.
#
# <!-- page -->
#
# The network cannot learn to bear a rounding that its training left out. Here it matters little: with another difference removed, both name the same class for more than 99 of 100 images (*Deeper*).
#
# One more thing can go wrong silently. With `get_default_qconfig`, without the word *qat*, there are observers but no rounding, and the network trains in float under the name of QAT. No error and no warning tells you (*Deeper* shows it). Print the prepared model and look for `FakeQuantize`.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 3. A run, from prepare to convert
#
# Train, freeze what must stand still, and convert a *copy* after each epoch.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Read the loop aloud. A small rate, for the network is trained already. Then in each epoch: freeze the statistics of batch norm, if it is their time (0 is at once, `None` is never); freeze the ranges, here in the last epoch; 15 steps of ordinary training; convert a copy and measure it.
#
# Ask where the rounding is: in no line, it sits inside the prepared model. Ask what goes wrong if `convert` works in place: the next epoch finds int8 modules, which have no gradients. Ask why the copy is measured and not the model: because the copy is what will run. Ask why the ranges stand still in the end: while observers watch, the scales move a little with each batch, and a weight near a border may be rounded differently although it has not moved.

# %% [markdown] slideshow={"slide_type": "skip"}
# **A copy is converted.** `convert` replaces the modules by int8 ones, which have no gradients. So the prepared model goes on training, and a copy of it is converted, in evaluation mode. The copy is measured after each epoch, because it is what will run.
#
# **Ranges are frozen before the end.** As long as the observers watch, the scales move a little with each batch, and a weight near the border between two levels may be rounded differently although it has not moved. In the last epoch the ranges stand still (`disable_observer`): from then on a weight changes its level only if its folded value moves.
#
# **The statistics of batch norm** can be frozen, too (`freeze_bn_stats`), at any time or never: that is the argument `freeze_bn_at`.
#
# **The learning rate is small**, as for any network that is trained on. An epoch is 15 steps, for we have 960 images.


# %% slideshow={"slide_type": "skip"}
def one_epoch(model, optimizer, seed):
    """The training loop of [[qat]] and of every other lesson; nothing in it knows of the rounding."""
    training.fit(model, images, labels, optimizer=optimizer, seed=seed, device=cpu, progress=False)


# %% slideshow={"slide_type": "-"} tags=["legacy"]
def train_aware(model, epochs=3, freeze_bn_at=0, freeze_ranges_at=2, order=0):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    checked = []
    for epoch in range(epochs):
        if epoch == freeze_bn_at:
            model.apply(freeze_bn_stats)
        if epoch == freeze_ranges_at:
            model.apply(tq.disable_observer)
        one_epoch(model, optimizer, seed=100 * order + epoch)
        checked.append(accuracy(to_int8(model), n=1000))
    return checked


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What learns, and what stands still
#
# The same loop, drawn over time.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the lanes from the top to the bottom. Float: fuse and prepare, once. Train: three epochs without a break. Ranges: the observers learn for two epochs and are off in the third, where the lane is empty. Batch norm: two black boxes, for the statistics may be frozen at the start, as in the code of the last slide, or later. Int8 copy: at the end of each epoch a copy is converted and measured, and the training goes on with the other one.
#
# Ask: "In which epoch does a weight change its level only if its folded value moves?" In the third. When to freeze batch norm is the next vote.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the loop over time.
show.course_of_a_run(epochs=3, ranges_frozen_at=2)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Batch norm: frozen at once, or free?
#
# In training, batch norm uses the mean and the deviation of the *batch*. The int8 copy uses the *running* statistics, which follow by a tenth in each step.
#
# **Predict.** One epoch of QAT at the rate 0.001: is the int8 copy better with **frozen** statistics, or with **free** ones, which follow the network? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Say what the two words mean. *Frozen*: training, too, normalizes with the running statistics. *Free*: it uses those of the batch, and the running ones follow. Draw one channel, mean 0.30, deviation 0.20, and round all its weights to 0: the batch's statistics give 0, the old running ones (0 − 0.30) / 0.20 = −1.5.
#
# The vote on the empty axes; most say "free, they follow". The dashed line is static int8 on these 1,000 images; other tables have 5,000. First click: frozen and free. Ask what one would conclude now: that the weights are bad. Say before the second click: "In the third group not a single weight is changed after the epoch, only the statistics. In the fourth no weight moves at all." Second click: both are good, so the weights were not at fault. The third click has the sentence.
#
# Draw a two-by-two table, columns *weights at rest*, *weights move*. No rounding: 92, 92. Rounding: 90, 89, and 22, 22, 88. Only both together do harm. Likely reason: a rounded weight jumps at once, and averages that follow by a tenth describe networks that no longer exist. "Why is one free copy fine?" It happens to end near its averages: one run would have told nothing. "And another rate?" In a trial with 0.0001 free copies were fine, too: the weights hardly move.

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[static]] batch norm was folded away, with fixed statistics. In training it has *two* sets of them. It normalizes with the mean and the deviation of the present batch, and keeps **running** averages for later: after each batch they go a tenth of the way to those of the batch. The int8 copy is made in evaluation mode, so it has the running averages, folded into its weights.
#
# **By hand.** In the float network the results of a channel have the mean 0.30 and the deviation 0.20. Now its weights are rounded, all of them to 0, so the channel gives 0 for every image. What does batch norm do, with $\gamma = 1$ and $\beta = 0$?
#
# - With the statistics of the batch (mean 0, deviation 0) it gives $(0 - 0) / \sqrt{0 + \epsilon} = 0$.
# - With the running averages of the float network it gives $(0 - 0.30) / 0.20 = -1.5$.
#
# The weights are the same, and the next layer receives 0 in one case and −1.5 in the other. *Frozen* means that training, too, uses the running averages: then the loss sees the −1.5, and the weights of the next layers learn to live with it. *Free* means that training sees the 0, and the averages begin to follow: after 15 steps $0.9^{15} = 21\,\%$ of the old value is still in them.
#
# The next cells train for an epoch, frozen (two orders of the images) and free (three). In the *free* networks only the statistics are then moved. The last two are never trained *further*: one pass, rounded, in training mode.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
@torch.no_grad()
def move_statistics(model, some=images):
    """One pass in training mode without an optimizer: the running statistics move, the weights do not."""
    model.apply(update_bn_stats).train()
    for batch in some.split(64):
        model(batch)
    return model


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
aware = prepared_for_qat(depthwise, per_tensor)
copies = {"frozen": train_aware(aware)[:1]}  # section 4 goes on with this network, after three epochs

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
copies["frozen"] += train_aware(prepared_for_qat(depthwise, per_tensor), order=1, epochs=1)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
copies |= {"free": [], "free, then\nmoved": []}
for order in range(3):
    free = prepared_for_qat(depthwise, per_tensor)
    copies["free"] += train_aware(free, order=order, epochs=1, freeze_bn_at=None)
    move_statistics(free.apply(tq.disable_observer))  # the ranges stay as they are
    copies["free, then\nmoved"].append(accuracy(to_int8(free), 1000))

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
stills = [move_statistics(prepared_for_qat(depthwise, per_tensor), images.roll(320 * order, 0)) for order in range(2)]
copies["moved,\nnever trained"] = [accuracy(to_int8(still), 1000) for still in stills]

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the accuracy of the int8 copies after one epoch.
show.after_one_epoch(copies, accuracy(static, 1000))

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **At this learning rate frozen is better: with free statistics a copy may be useless although its weights are good. Moving the statistics alone repairs it.**
#
# <!-- page -->
#
# In the run on this page two of three free copies classify about a fifth of the images correctly. One pass over the same images, in which no weight changes, brings them back to about 90 %. So the running statistics were at fault, and not the weights. (At a tenth of the rate free copies are good: *Deeper*.)
#
# *Why* are they so wrong? Not because of the 21 % alone, since the last group of bars took the same 15 steps and is fine. It takes two things together. The next cell has the missing control, the upper right of this table.
#
# | 1,000 images, % | weights at rest | weights move |
# |---|---|---|
# | no rounding | 92 (fp32, its old statistics) | 92 (other orders, in a trial: 92, 92) |
# | rounding, int8 copies | 90, 89 | 22, 22, 88 |
#
# The likely reason: when weights move *and* are rounded, a rounded weight jumps from one level to the next at once, and with it the mean and the variance of its channel. The running averages, a tenth at a time, then describe networks that do not exist any more. M. Nagel et al. ([2022](https://arxiv.org/abs/2203.11086)) found this in MobileNets, above all with 4 bits or fewer (16 levels, about what most depthwise channels have here): weights that oscillate between two levels spoil the statistics of batch norm.
#
# So freeze at once, as here, when you start from a trained network, or move the statistics before you convert. Do it once, and measure the copy (*Deeper* tries it twice).

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
without = prepared_for_qat(depthwise, per_tensor).apply(tq.disable_fake_quant)
train_aware(without, epochs=1, freeze_bn_at=None)
print(f"free, and no rounding while it trains: {accuracy(without.eval(), 1000):.1f} % with its running statistics")
print(f"fp32 before:                           {accuracy(depthwise, 1000):.1f} %")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Whom does it beat?
#
# QAT for three epochs, statistics frozen, is more than 20 points ahead of static int8. Both have one scale for each layer.
#
# **Predict.** Which of these comes within five points of QAT: **A** the network trained on for as long in float, then rounded, **B** statistics moved by the same images *without* rounding, then rounded, **C** neither? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask whom QAT should beat, by [[qat]]: the network that is trained on for as long in float and rounded afterwards, since only the rounding in the loop differs. That is A. Then remind the room of the fourth group of bars on the last slide, *moved, never trained*: close to 90 without any training. B is its control, the same images without rounding. Show of hands, click.
#
# Read the rows in pairs. *Statistics moved* with its control: only those of the rounded network help. *QAT* with *trained on in float*: the rounding in the loop helps. *QAT* with *statistics moved*: about a point at most, so 25 points are not what training is worth here. Somebody will ask whether one run is enough. For *trained on* it is not: two slides on, one of three orders reaches 86.8. The eight modules above the table are seven convolutions and a linear layer.

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[qat]] the fair opponent was the network that is trained on for as long in float, and rounded afterwards, because the only difference from QAT is that nothing is rounded in the loop.
#
# Section 3 suggests another opponent, the rounded network with moved statistics, never trained. If much of the damage is that batch norm has the statistics of a network without rounding, one can give it the right ones: let some images pass through the *rounded* network in training mode. This needs no labels, no loss and no gradient. Its control is the network whose statistics are moved by the same images, but *without* rounding.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
aware_int8 = to_int8(aware)  # trained for three epochs, in section 3

trained_on = prepared_for_qat(depthwise, per_tensor).apply(tq.disable_fake_quant)
train_aware(trained_on, freeze_ranges_at=None)  # its ranges must follow the weights to the end

moved = stills[0]  # never trained, in section 3
in_float = copy.deepcopy(depthwise).train()  # the control: the same images, no rounding
with torch.no_grad():
    for batch in images.split(64):
        in_float(batch)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Compares QAT with its opponents, all with one scale a layer, and counts what runs in int8.
opponents = {
    "static": in_static,
    "trained on in float": accuracy(to_int8(trained_on)),
    "statistics moved": accuracy(to_int8(moved)),
    "… moved without rounding": accuracy(static_int8(in_float.eval(), per_tensor)),
    "QAT": accuracy(aware_int8),
}
in_int8 = int8_audit.audit(aware_int8, test_images[:1]).count("int8")
show.in_percent(
    opponents,
    "int8, one scale a layer",
    f"one run each; fp32 {in_fp32:.1f} %; {in_int8} modules of QAT's copy run in int8",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In the run on this page neither of the two does (C). Only the *rounded* network with moved statistics comes within about a point of QAT, and none of its weights was trained further.**
#
# <!-- page -->
#
# So the 25 points of QAT are not what *training* is worth here. The control says what matters: with statistics moved without rounding the network stays as bad as static. QAT with frozen statistics gets to the same place in another way: it moves weights across a border, probably until the channels are shifted no more (*Deeper* follows one such weight).
#
# The eight modules in the caption are seven convolutions and a linear layer.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Why is the step so large?
#
# Folding multiplies the weights of a channel by $\gamma / \sqrt{\sigma^2 + \epsilon}$. **Dead channels** have a $\sigma^2$ of nearly 0 and set the step. With their weights at 0 static int8 was good again ([[depthwise]]).
#
# **Predict.** Does QAT find this repair? After three epochs the weights of dead channels are **A** so small that the step has shrunk, **B** a little smaller, **C** exactly as before? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Say that this is the finding of [[depthwise]]. Let the room work out the factor for a variance of zero: ε is 0.00001, so 316 times γ. Remind them of channel 28 there: its weights set the step, and do nothing. Vote, click.
#
# Read the second printed line: dead weights moved by 0. "Which gradient do they get?" None, for their input is always 0. "And with weight decay?" It would shrink them slowly; here there is none. Then the table: fp32 is the same, as these weights are multiplied with zeros; static int8 is back. "10 dead channels here, 11 in [[depthwise]]?" Here dead means a variance below 1e-20, there below ε. "Does it always work?" No: where a wide channel is alive, zero is no choice. Everybody expects "train more", and the cure was to look.

# %% [markdown] slideshow={"slide_type": "skip"}
# [[depthwise]] found why the scale is so large: where the input of a channel is always 0, as may happen behind a ReLU, its running variance decays to 0, so folding multiplies its weights by $\gamma / \sqrt{0.00001} = 316\,\gamma$. Here those of one such channel are the largest, and set the step of the layer.
#
# In float such a weight does no harm, because it is multiplied with inputs that are always 0. The next cell sets such weights to 0 by hand; the bias stays. (Dead means here a variance below 1e-20, which leaves out one that [[depthwise]] counted.)

# %% slideshow={"slide_type": "skip"}
repaired = copy.deepcopy(depthwise)
with torch.no_grad():
    for conv, norm, _ in repaired.features:
        conv.weight[norm.running_var < 1e-20] = 0.0

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "legacy"]
# Prints how far QAT moved dead and other channels, and compares the repaired network with the one that was shipped.
first = show.FirstDepthwise(
    depthwise, lambda net: 100 * training.evaluate(net, test_images[:300], test_labels[:300]), aware_int8
)
dead = depthwise.features[1][1].running_var < 1e-20
wide = first.exact.abs().amax((1, 2, 3))
moved_by = (aware.module.features[1][0].weight - depthwise.features[1][0].weight).detach().abs().amax((1, 2, 3))
without_dead = {"fp32": accuracy(repaired), "static": accuracy(static_int8(repaired, per_tensor))}
print(
    f"first depthwise layer, folded: {int(dead.sum())} dead channels up to {wide[dead].max():.1f}, others up to {wide[~dead].max():.1f}"
)
print(
    f"three epochs of QAT moved its weights: of dead channels by {moved_by[dead].max():g}, of others by up to {moved_by[~dead].max():.3f}"
)
Table(
    ["accuracy, %", "fp32", "static int8"],
    [
        ["as shipped", f"{in_fp32:.2f}", f"{in_static:.2f}"],
        ["dead channels at 0", *(f"{a:.2f}" for a in without_dead.values())],
    ],
    caption="one scale a layer, no training",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **They are exactly as before (C): the input of a dead channel is always zero, so its weights get no gradient, and gradient descent without weight decay leaves them where they are.**
#
# <!-- page -->
#
# The line above the table says so: QAT moved the weights of living channels, and the dead ones not at all. So QAT learns to live with the large step and cannot remove its cause.
#
# Set to 0 by hand they do no harm any more: static int8 comes within a point of fp32, and nothing was trained. In fp32 the accuracy stays. In int8 the step shrinks to a third (the largest weight goes from 22.4 to 7.6), and the living channels have three times as many levels.
#
# Where it stops being true: this works when it is *dead* channels that are wide. If a channel that matters has large weights, zero is no choice. Then a scale for each channel is the cure, or, where the kernel has only one, to equalize the channels (M. Nagel et al., [2019](https://arxiv.org/abs/1906.04721)).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Each at its best
#
# PyTorch's [introduction](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/) says of QAT that of the three methods it typically gives the highest accuracy.
#
# **Predict.** Now the repaired network, and then one scale a *channel*, with three runs of QAT each. There static int8 has lost hardly anything. Where does the worst of the six runs end: **A** above static, **B** level with it (within half a point), **C** clearly below it? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Show of hands. First click: a cell has the mean and, in brackets, the lowest and the highest of three orders; *static* and *statistics moved* train nothing. Let the room read by columns: where is there something to win? In the first alone. There QAT is at 89.7, and moved statistics at 88.6. The six runs are the last row, columns two and three; the worst has 86.8, and static above it 90.1. Second click.
#
# "Is that chance?" With 5,000 images the standard error is 0.4 points: tenths mean nothing, three points do. "When is QAT worth it, then?" Where the cheaper remedies do not repair, for example with few bits: one or two points at 2 bits in [[qat]]. Published: 8 bits, a scale a channel: a wide variety of CNNs within 2 % without training (Krishnamoorthi, 2018).

# %% [markdown] slideshow={"slide_type": "skip"}
# One learning rate may suit one arm better, so the next table is from a record: three orders of the images, and for each arm the best of three learning rates from 0.0003 to 0.003, chosen on half of the test images and read on the other half.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Reads the record (`python3 course.py bench qat_cnn` makes it anew), and puts each arm at its best rate into a table.
recorded = show.Recorded()
show.each_at_its_best(recorded)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The worst of the six ends clearly below static int8, by more than three points (C). None ends above it, because static has lost hardly anything that could be won back, and a training can also lose.**
#
# <!-- page -->
#
# With one scale a layer QAT wins nearly all of 25 points, and moved statistics, without training, come within about a point of it. Training on in float helps by luck alone: eight of nine runs end between 61 and 65 %, and one, at the largest rate, at 86.8 %. With the dead channels at 0 one of three orders of QAT lost three points, and at the smallest rate all three lost more than two, where float lost nothing. At the largest rate both lose, QAT 1.1 to 1.9 points and float 1.0 to 3.0 (the record has all rates). With one scale a channel static and QAT are level. These trainings have 45 steps; longer ones were not tried.
#
# **How large must a difference be to count?** With 5,000 images the standard error of an accuracy of 90 % ([[baseline]]) is $\sqrt{0.9 \cdot 0.1 / 5000}$ = 0.4 points, so a few tenths mean nothing. Where three orders reach from 86.8 to 90.1, one run says nothing about three points.
#
# **When is QAT worth its price?** It needs labelled images, slower steps, a learning rate, and care. So first try what costs less: a scale for each channel where the kernel has it, a look at the folded weights, the statistics of the rounded network. QAT remains for what these cannot repair, for example few bits: in [[qat]] it was worth one or two points at 2 bits, with each arm at its best. What was not shown here is a large network on a hard task; *Deeper* has published figures.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. From random weights
#
# Another task: 1,000 digits of MNIST, 64 steps, from *random* weights, one scale a channel. Once in float, then static int8. Once as QAT from the first step, as in section 3.
#
# **Predict.** Float and then static comes to about 76 %. How far does QAT come: **A** as far, **B** about 65 %, **C** below 55 %? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Show of hands, click. "A colleague says that QAT cannot be done from random weights. Is that what we saw?" No: one recipe failed, and it differs from float in several things. Let the room name suspects and write them on the board: the rounding itself, the statistics of batch norm, the observers of the weights, those of the activations. Do not judge them: exercise 2 does.
#
# The exercise needs one word, the **averaging constant**. Draw a range of 1 that should be 5. With the constant 0.01 it goes a hundredth of the way in each step: 1.04 after the first; after 48 steps 0.99⁴⁸ = 62 % of the way is left, so it stands at 2.5, and what lies between 2.5 and 5 is clipped. With 0.2 nothing is left of the way.

# %% [markdown] slideshow={"slide_type": "skip"}
# Usually QAT begins with a trained network. A colleague tried it from random weights, and reports that it failed. We repeat the training: 64 steps of Adam with 32 images each and a learning rate of 0.003; before the last 16 steps statistics and ranges are frozen. The opponent is trained for as long in float, with nothing frozen, and quantized at the end.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
digits, digit_labels = data.load("mnist", n=1000)
digit_test = [part[:5000] for part in data.load("mnist", "test")]


def four_quarters(model, rounding=True, on_step=None):
    """Four times 16 steps of 32 digits; with rounding, statistics and ranges stand still in the last 16."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for quarter in range(4):
        if rounding and quarter == 3:
            model.apply(freeze_bn_stats).apply(tq.disable_observer)
        how = {"optimizer": optimizer, "steps": 16, "batch_size": 32, "seed": quarter, "on_step": on_step}
        training.fit(model, digits, digit_labels, device=cpu, **how)
    return model


# %% slideshow={"slide_type": "skip"}
def random_net():
    runtime.seed_all(0)
    return models.DepthwiseCNN()


def digits_right(net):
    return 100 * training.evaluate(net, *digit_test)


# %% slideshow={"slide_type": "skip"}
in_float = four_quarters(random_net(), rounding=False)
from_random = {"float, then static": digits_right(static_int8(in_float, per_channel, digits))}

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
slow = prepared_for_qat(random_net(), per_channel)
slow_ranges = show.FoldedWeights(slow)
from_random["QAT from the first step"] = digits_right(to_int8(four_quarters(slow, on_step=slow_ranges)))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Compares the two trainings.
show.in_percent(from_random, "int8, digits", "one network, 5,000 test images")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **QAT from random weights stays below 55 % (C), some 30 points behind float training of the same length. The reason is not known yet.**
#
# <!-- page -->
#
# "QAT cannot be done from random weights" would be one conclusion. But several things differ: weights and activations are rounded, the observers find their ranges *while* the network changes, and the statistics are frozen before the last 16 steps.
#
# One suspect can be worked out by hand. PyTorch's observers for QAT are moving averages ([[static]]). Their **averaging constant** is 0.01: in each step a range goes one hundredth of the way to what the present batch shows. Suppose that a range should grow from 1 to 5 in the first steps. After one step it is $1 + 0.01 \cdot 4 = 1.04$. After $n$ steps $0.99^n$ of the distance is left: after 48 steps, 62 %. So it has come to 2.5, and everything between 2.5 and 5 is clipped. With the constant 0.2 there is nothing left of the distance after 48 steps.
#
# But is it the cause here? And whose observer, that of weights or of activations? Exercise 2 asks.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it.
#
# ### Exercise 1 · The loop, in the right order
# ★★ · 8 minutes
#
# Write `qat_loop`. `model` is fused, in training mode, and has its qconfig; leave it as it is and prepare a copy. Each epoch: `train_epoch(prepared)`
# trains it, in the mode in which it is; then convert a copy in evaluation mode and note `accuracy(int8_model)`. Before epoch `epochs // 2` (the first is 0) freeze the observers
# and the statistics of batch norm, for good. `epochs` is 2 or more.
#
# `qat_loop(model, train_epoch, accuracy, epochs)` → (the int8 model after the last epoch, the list of accuracies)
#
# <details><summary>Hint</summary>
# prepare_qat returns a copy. In the loop: freeze if it is time, train, <code>copy.deepcopy(prepared).eval()</code>, convert that, measure that.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, on paper first: write the lines in the right order. For the board: prepare a copy; in each epoch, if it is number `epochs // 2`, freeze observers and statistics; train; copy, `eval()`, convert the copy; note its accuracy; return the last int8 model and the list. The mistakes to wait for: convert in place, and eval() on the model that goes on training. Then also freezing after the training of that epoch, and the accuracy of the prepared model in place of the int8 one. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def qat_loop(model, train_epoch, accuracy, epochs):
    """(int8 model after the last epoch, accuracies of the int8 model, one an epoch).

    >>> _, found = qat_loop(check.small_net(), check.train_epoch, check.accuracy, 2)
    >>> len(found)
    2
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.qat_loop(qat_loop)


# %% tags=["solution", "hide-cell", "legacy"] slideshow={"slide_type": "skip"}
def qat_loop_solution(model, train_epoch, accuracy, epochs):
    prepared = tq.prepare_qat(model)
    accuracies = []
    for epoch in range(epochs):
        if epoch == epochs // 2:
            prepared.apply(tq.disable_observer)
            prepared.apply(freeze_bn_stats)
        train_epoch(prepared)
        int8_model = tq.convert(copy.deepcopy(prepared).eval())
        accuracies.append(accuracy(int8_model))
    return int8_model, accuracies


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · Why did it fail?
# ★★★ · 12 minutes · an investigation
#
# `right(arm, seed=n)` trains network `n` from random weights and gives the percent of digits that its int8 copy classifies correctly. The arms are `"float"` (then static), `"QAT"`, and QAT with observers of the constant 0.2 for the weights (`"fast weights"`), for the activations (`"fast activations"`), or for both (`"both fast"`).
#
# The *loss* of an arm: how far its mean is below that of `"float"`. A repair *works* if its loss is less than half of QAT's. The mean is over all networks that you train, at least five, the same for all arms.
#
# `why_it_failed(right)` → `"nothing"` if QAT loses at most 2 points; else the first that works of `"weights"`, `"activations"` and `"both"`; else `"neither"`
#
# <details><summary>Hint</summary>
# Five means, then four losses. QAT may also be better than float: then its loss is below 0.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop: "Which arms do you need to blame the observers of the weights, and only those?" Four: *float*, *QAT*, *fast weights*, which must repair, and *fast activations*, which must not. Somebody will leave out float: "Then how do you know how much there was to repair?"
#
# Then a case for the board, means over five networks: float 80, QAT 50, fast weights 60, fast activations 70, both fast 72. Losses: 30, 20, 10, 8. Half of QAT's is 15: the weights do not work, the activations do, so the verdict is "activations", although both together lose less. With QAT at 79 it would be "nothing". The code is for home.

# %% [markdown] slideshow={"slide_type": "skip"}
# The check hands your function the instruments of several made-up trainings, which take no time. In some of them QAT fails for another reason than you suspect, or not at all.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def why_it_failed(right):
    """Say which observers made QAT fail, by the rule on the card.

    Args:
        right: the instrument; `right("fast weights", seed=3)` trains a network
            and gives the percent of the digits that are classified correctly.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.why_it_failed(why_it_failed)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def why_it_failed_solution(right):
    def mean(arm):
        return sum(right(arm, seed=seed) for seed in range(5)) / 5

    in_float = mean("float")
    arms = {"weights": "fast weights", "activations": "fast activations", "both": "both fast"}
    loss = {name: in_float - mean(arm) for name, arm in arms.items()}
    of_qat = in_float - mean("QAT")
    if of_qat <= 2:
        return "nothing"
    return next((name for name in arms if loss[name] < of_qat / 2), "neither")


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The same experiment on real networks
#
# The five arms at three learning rates, from the record, with three networks each. (The card asks for five; real trainings take long. These have four passes and 64 images a step.)
#
# **Predict.** By the rule of exercise 2: are the same observers to blame at all three rates? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes: yes or no; then, for the rate 0.003, weights, activations, both, neither. Most say activations, since those depend on the images. First click, and the room applies the rule to the means of each column. 0.003: QAT loses 28.6, half is 14.3; fast weights lose 9.4, so "weights". 0.001: 37.7, and fast weights lose 5.2: "weights". 0.01: 48.1, half is 24; fast weights lose 65.5, fast activations 13.1: "activations". Second click.
#
# One sentence holds in all columns: with both fast less than half of QAT's loss is left. So the colleague was wrong. Ask: "But weights do not depend on any image. Why should their range be late?" Take no answer: the next slide asks it.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Reads the arms from the record.
show.from_random(recorded)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **No: at the rate of section 5, 0.003, the observers of the weights are to blame, and at 0.01 those of the activations.**
#
# <!-- page -->
#
# In the middle column float has 81.2 % and QAT 52.6, so QAT loses 28.6 points. With fast observers of the weights 9.4 points are still lost, less than half: this repair works. With fast observers of the activations the loss is even larger. At 0.001 the verdict is the same. At 0.01 it is reversed in all three networks. (The network of section 5 has 47.1 % in the record, and 44.5 % on this page, with 32 images a step.)
#
# One sentence holds in all three columns: *with both observers fast less than half of QAT's loss is left*. The slow observers are to blame for most of it, and which of the two comes too late depends on the rate. "QAT cannot be done from random weights" was the wrong conclusion.
#
# What is left? Each at its best rate, float is still more than ten points ahead of *both fast*. *Deeper* looks for the cause of this rest.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Why are the ranges of the weights late?
#
# Back to the rate 0.003. What is rounded is the *folded* weight, $w \gamma / \sqrt{\sigma^2 + \epsilon}$. We repeat the training with fast observers for the weights, and look at block 1 after each step.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to "Deeper". The next three minutes, about why the ranges come late, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Which of the three makes the folded weights several times as large within 50 steps: **A** $w$, **B** $\gamma$, **C** $\sigma^2$? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; expect A, since training moves w. Then ask with which value a running variance begins: 1. The results of an untrained convolution vary far less. Let somebody compute the factor for 0.04: 1 / √0.04 = 5. First click. Left, the slow observers of section 5: orange is the largest folded weight, blue the end of the range, and what lies between them is clipped. Right, the constant 0.2: the two stay together. All curves are nearly flat from step 48 on, where statistics and ranges are frozen. Second click.
#
# "Why does the orange curve rise higher on the left?" The clip drives itself: clipped weights give smaller results, the variance falls further, the factor grows. "Are slow observers bad as such?" No: two passes through the untrained network before `prepare_qat` put the variance right, and win back about as much with slow observers (*Deeper*, *statistics first*). "Why no harm in section 3?" Probably because in a trained network the variance is right from the start.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
fast = prepared_for_qat(random_net(), qat_config(per_channel=True, weights=0.2))
fast_ranges = show.FoldedWeights(fast)
fast_right = digits_right(to_int8(four_quarters(fast, on_step=fast_ranges)))
print(f"fast observers of the weights: {fast_right:.1f} % instead of {from_random['QAT from the first step']:.1f} %")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the largest folded weight and the end of its range, with slow and with fast observers.
show.lagging(slow_ranges, fast_ranges)

# %% slideshow={"slide_type": "skip"}
show.first_and_last(slow_ranges, fast_ranges)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The running variance does (C): it begins at 1 and falls below a tenth, so the factor $1/\sqrt{\sigma^2}$ grows at least threefold, and a slow range is left behind.**
#
# <!-- page -->
#
# A batch norm that has seen no data begins with the variance 1. The results of an untrained convolution vary far less, so the running variance falls, a tenth of the way in each step. By hand: at a variance of 0.04 the factor is $1 / \sqrt{0.04} = 5$. The size of $w$ hardly changes (in a trial by 2 %, and $\gamma$ by 1 %), and the folded weight is five times as large. The range begins at the folded weights of the *first* step, and with the constant 0.01 it cannot follow. In the left panel the largest weights end, in the median of the channels, about three times as large as the ranges: what is beyond is clipped. With the constant 0.2 the two curves stay together. The clip also drives itself: clipped weights give smaller results (in a trial the same weights, not clipped, gave a batch four times the variance), the running variance falls further, and the factor grows once more.
#
# And the activations? They come out of a batch norm, which makes them about equally large from the first batch on: in a trial the largest activation of 64 images stayed between 7.2 and 7.5 until the freezing. (The table's row, read from a slow observer, cannot show this.) At 0.01 Adam may change $\gamma$ and $\beta$ by 0.01 in each step, and they set the size of the activations; probably this is why the activations' observers are the late ones there.
#
# Is it the variance, or are slow observers bad as such? A control takes away the one and leaves the other: two passes of the images through the untrained network *before* `prepare_qat` put the running variance right, and all observers stay slow. This alone wins back about as much as fast observers of the weights (*Deeper*, *statistics first*).
#
# So in a short training let both observers follow faster. For activations some averaging makes sense, since each batch shows others. Weights are known in every step, and their range may follow at once. Probably this is also why QAT in section 3 came to no harm with slow observers: in a trained network the running variance is right from the start, and its steps were small.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# What follows is for whoever wants to know what to measure before anybody trains, what to keep of a run, whether freezing helps at other learning rates, how noisy a difference is, what else went wrong from random weights, how often statistics may be moved, how far the simulation agrees with the kernels, how much a single weight can decide, what QAT costs, and how a quantized network is carried over to a new task.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### On paper: which measurement first?
#
# **On paper, 5 minutes.** A colleague's network falls from 91 to 70 % in int8. You may make four measurements, each a minute, before anybody trains: a scale for each channel; the widest folded channel and its running variance; statistics moved through the rounded network; the same without rounding. In which order? And which results would make you (a) ship without training, (b) empty channels, (c) start QAT?
#
# <details><summary>One answer</summary>
# Begin with a scale for each channel, if the kernel has it, because it needs no data beyond those of the calibration. If it brings the accuracy back, ship that: (a). Then look at the folded weights: a widest channel with a variance near 0 means (b). Then move the statistics, with rounding and without. If the network comes back with rounding and not without, the statistics were at fault: (a), with that pass. If it comes back both ways, probably the float network's own statistics were wrong, and not the rounding. If it comes back in neither and no channel is dead, weights have to change: (c), and QAT is judged by the network that is trained on in float for as long.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What do you keep of a run?
#
# To ship, keep the `state_dict` of the int8 copy: integers, scales, zero points and biases. To load it you need the class of the network and the same calls (fuse, prepare, convert) once more, since `load_state_dict` fills a structure that must exist ([[static]], *Deeper*). To go on training, keep the `state_dict` of the *prepared* model: float weights, running statistics, and the ranges of all observers. From the int8 file alone nobody can train on, because the float weights are gone.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Frozen or free, at other rates
#
# In section 3 both groups share one learning rate, 0.001, and that could favour one of them. So here is a trial, not part of this run: one epoch, three orders of the images, int8 copies on 1,000 test images, at two smaller rates.
#
# | accuracy, % | rate 0.001 (section 3) | rate 0.0003 | rate 0.0001 |
# |---|---|---|---|
# | frozen | 91, 90 (a third in a trial: 90) | 91, 90, 90 | 88, 89, 88 |
# | free | 22, 22, 88 | 12, 22, 11 | 91, 89, 90 |
#
# With each group at its best rate the two are level. So "frozen is better" is a statement about a rate, and not about batch norm. At 0.0001 the weights hardly move, and a free training is then nearly the last group of bars in section 3, where only the statistics move. This agrees with the table there: it takes weights that move *and* rounding to do the harm. What speaks for freezing is that it was harmless at all three rates, while free statistics made useless copies at two.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### How noisy is a difference?
#
# Section 4 gives the standard error of *one* accuracy: 0.4 points for 90 % of 5,000 images. A difference of two networks can be less noisy, because both answer the same images and agree on most of them. By hand: if 3 % of the images are right in only one of the two, the standard error of the difference is about $\sqrt{0.03 / 5000}$ = 0.24 points. It says what other images would change. Another order of the training images adds noise of its own, and that one only more runs can show.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The rest of the loss
#
# Fast observers win back more than half of what QAT from random weights lost. What is left? The record has three more arms. *Statistics first*: before `prepare_qat`, two passes of the images in training mode, without an optimizer, so that the running variance of batch norm is right from the beginning; all observers stay slow. *Never frozen*, with fast observers of the weights or with both fast: neither statistics nor ranges are frozen before the last pass. Each arm is shown as it was trained, and after one more pass of the images in which only statistics and ranges move.
#
# **Predict.** Can any of these arms come level with the training in float? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Reads more arms from the record.
show.further_repairs(recorded, rate=0.003)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Nearly: with both observers fast and nothing frozen QAT is level with float at the rate of section 5, and about two points behind with each at its best rate.**
#
# Go down the table. *Statistics first* comes as far as *fast weights*: the cause named in the core, removed in two ways. Then compare two rows that differ in the freezing alone, *both fast* and *both fast, never frozen*: the freezing cost some seven points. In a trained network frozen statistics are right. After 48 steps from random weights they probably are not, because the averages lag behind a network that still changes fast, and in the last pass the weights had to learn with them. This fits with what the middle column shows: moving statistics and ranges afterwards repairs a part. An arm that freezes only one of the two would be the test.
#
# At its best rate *both fast, never frozen* is above float, once its statistics have been moved. Do not call that a lead: float got no such pass. As it was trained, without that pass, it is level at 0.003, and at 0.01, the best rate of both, it has 84.1 % where float has 86.0 (the record has these, too). So there was little wrong with training from random weights with the rounding in the loop. Ranges that followed too slowly and a freezing that came too early made nearly all of the loss. The freezing stops two things, statistics and ranges, and no arm stops only one of them. Three networks, one task.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### How often may the statistics be moved?
#
# In section 4 one pass of 15 batches through the rounded network, its weights at rest, won back nearly all that was lost. (Papers call this *re-estimating* or *recalibrating* batch norm.)
#
# **Predict.** Are two passes better than one, as good, or worse? And why?

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
again, after_passes = copy.deepcopy(moved), [opponents["statistics moved"]]  # after one pass, from section 4
move_statistics(again)
after_passes.append(accuracy(to_int8(again)))
print("accuracy after each pass, in %: " + ", ".join(f"{value:.1f}" for value in after_passes))

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Here two passes are worse: after the second some points are lost again, although no weight has moved.**
#
# The reason is the fold, and it is a single channel. In a trial we put the statistics back to those after the first pass, block by block: block 1 alone brought the accuracy back, and of its channels one alone was enough. The running variance of this channel still rises in the second pass, so its factor $\gamma / \sqrt{\sigma^2 + \epsilon}$ falls, its folded weights get smaller, and the last of its nine integers that was not 0, a −1, becomes 0. The weights are at rest, but the *folded* weights are not, and one of them crossed a border. So move the statistics for about one pass, and measure the copy.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The simulation against the kernels
#
# Training computed with rounded floats, and integer kernels ship. Both name the same class for about 98 of 100 images. Equal answers can hide a lot, so now we compare value by value.
#
# **One number through a block.** The input 0.83 has the scale 0.1; it is rounded to 8 steps, 0.80. Times the weight 0.75 it gives 0.60. The bias, −0.11, is not rounded here: 0.49, and ReLU lets it pass. The scale of the result is 0.08: 6.1 steps, rounded to 6, so 0.48 is handed on. The kernel multiplies integers, $8 \cdot 3 = 24$, and knows that 24 stands for $24 \cdot 0.1 \cdot 0.25 = 0.60$. From there on it does the same and stores the integer 6. So the floats of the simulation and the integers of the kernel tell the same story. In float the result would have been $0.83 \cdot 0.80 - 0.11 = 0.554$.
#
# Now the measurement: simulation and kernels get the *same* integers into a block, and we count the outputs that differ. Two things could set them apart.
#
# - The **step** of the weights. In training the step is the larger of (negative end) / 128 and (positive end) / 127. `convert` computes it anew: the larger end, divided by 127.5. By hand: with weights from −1 to 1 the simulation has the step $1/127 = 0.007874$ and the kernel $1/127.5 = 0.007843$, 0.4 % less. (Where the negative end is the larger one, $1/128$ becomes $1/127.5$, 0.4 % more.) A weight of 0.5 is 63.5 steps in the one and 63.75 in the other.
# - The **clip**. On x86 the training clips activations at the integer 127, and the kernel clips at 255.
#
# **Predict.** How many outputs of a block differ: **A** none, **B** a few in a hundred, by one level, **C** a few in a hundred, some by ten levels or more? And why?


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
@torch.no_grad()
def levels_apart(simulated, converted, x, clips=(255,)):
    """For each block, by how many levels its outputs differ, where both get the same integers; for each clip."""
    found, x = [[] for _ in clips], converted.quant(x)
    for ours, theirs in zip(simulated.module.features, converted.module.features, strict=True):
        y = theirs(x)
        in_levels = torch.round(ours(x.dequantize()) / y.q_scale()).int() + y.q_zero_point()
        for levels, most in zip(found, clips, strict=True):
            levels.append((in_levels - y.int_repr().int().clamp(max=most)).abs())
        x = y
    return found


@torch.no_grad()
def same_answers(one, other):
    return (one(test_images[:1000]).argmax(1) == other(test_images[:1000]).argmax(1)).float().mean().item()


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
aware.eval()
kernel_steps = show.with_kernel_steps(aware, aware_int8)
trained_most = aware.module.features[0][0].activation_post_process.quant_max  # 127 on x86
apart = {"as trained": levels_apart(aware, aware_int8, test_images[:200])[0]}
both_clips = levels_apart(kernel_steps, aware_int8, test_images[:200], (255, trained_most))
apart |= dict(zip(("kernels' step", "and clipped"), both_clips, strict=True))
left_over = torch.cat([levels.flatten() for levels in apart["and clipped"]]) > 0
agree = {"as trained": same_answers(aware, aware_int8), "kernels' step": same_answers(kernel_steps, aware_int8)}

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Counts the outputs that differ, block by block, with one cause after the other taken away.
show.apart_by_block(apart, agree)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **A few in a hundred differ, some of them by ten levels or more (C): the step makes nearly all of the differences. In a trial it made nearly all of the large ones, too, and the clip only a handful.**
#
# Read a row from left to right. First the simulation as it was trained. Then the simulation gets the step of the kernels, and fewer than one in a thousand still differ. Then the kernels' outputs are clipped where the training clips, and next to nothing is left (0.0 % is rounded, a few values remain).
#
# The table has only the largest distance of each block, and one value sets it. So we counted in a trial, with the same 200 images: of 4,114 outputs that were ten levels or more apart 8 were left with the kernels' step, and 4,106 with the clip alone taken away. How can a step that is 0.4 % off do that? It does two things. It moves a sum by a level here and there, and a weight near the border between two integers falls to the other side. The second makes the large differences: in block 1 all outputs that were three levels or more apart lay in the three channels with such a weight. The clip is rare: a value that the training clipped at 127 may be 150 in the kernel. The engines `onednn` and `qnnpack` train with 0 to 255, so there the clip is no cause. The mean over the picture, which only the kernels round, was not compared.
#
# The next lines have the step of each block's weights three times: as the observer of the training has it, worked out from the two ends of its range by the rule above, and as shipped.

# %% slideshow={"slide_type": "skip"}
show.steps_of(aware, aware_int8)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### How much can one weight decide?
#
# Which channels make the fall of section 1? To see it, we round *one channel alone* in the first depthwise layer, with the step of the whole layer. All other weights stay float. (`first`, from section 4, holds the folded layer.)
#
# **Predict.** Of 32 channels with nine weights each, how many are to blame for the fall: **A** all a little, **B** about ten, **C** one or two? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Rounds one channel after the other, and shows the three that do most harm.
first.one_by_one()

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **One channel alone (C) does as much harm as all of them together.**
#
# (That it looks worse alone than with the others is no finding: two points of 300 images are six or seven images.) The channel is a living one whose nine weights are all smaller than one step, so rounding decides for each of them between 0 and ±1. In a trial with 1,000 images, all channels *but* this one rounded left 91.4 % of 92.1 %. So the channels with about 15 levels cost next to nothing.
#
# The same channel stands behind other findings of this lesson. In trials its statistics, moved alone, repaired the first free copy of section 3 (22.0 to 90.1 %): there its rounded weights jump in the last five steps, the mean of a batch goes from −6 to 14, and the running mean only to 3. In the third order it happens to end near its averages. It is the channel that lost points in the second pass, and one of the three of block 1 in which simulation and kernels are far apart. All of this is about one trained network.
#
# Which errors the nine weights make together is the next question.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The nine weights of that channel
#
# **Predict.** All nine are smaller than one step of the layer. Which one would you move to its other neighbour, to mend the network? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the nine weights over the integers: rounded, with one weight moved, and as QAT left them.
first.nine_weights()

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Moves each of the nine weights alone to its other neighbour.
first.nine_moves()

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The weight nearest to the border between two integers is enough: moved to the other side, it brings back about a quarter of all answers. But other moves do it as well.**
#
# QAT had moved that weight, too. (In a trial QAT had given 25 of the 288 weights of block 1 another integer than plain rounding gives them, and changed the sum of 11 of 32 channels, by at most 2.) Look at the table, though, which is sorted by the sum of the nine integers. What matters here is this sum: all moves to the lower sum mend the network, and no move to the higher one does. Probably the input of the channel is nearly the same at all nine positions over much of a picture. Then the nine rounding errors add up to a shift of the whole channel, and batch norm, with its fixed statistics, hands the shift on. This would also be why moving the *statistics* was a repair in section 4: batch norm subtracts the mean, and the new mean has the shift in it.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Nobody tells you
#
# What if somebody hands `prepare_qat` the wrong qconfig, `get_default_qconfig` in place of `get_default_qat_qconfig`?
#
# **Predict.** Section 2 has warned that nothing is said. How far are the outputs of that prepared network from those in fp32: **A** as far as two orders of adding floats, about a millionth, **B** about a hundredth, **C** about 1? And why?

# %% slideshow={"slide_type": "skip"} tags=["legacy", "hide-input"]
# Prepares with either qconfig, and measures how far the outputs are from fp32.
rows = []
for name in ("get_default_qconfig", "get_default_qat_qconfig"):
    trap = prepared_for_qat(depthwise, getattr(tq, name)(engine)).eval()
    with torch.no_grad():
        trap(images[:256])
        away = (trap(images[:64]) - depthwise(images[:64])).abs().max().item()
    inside = type(trap.module.features[0][0].weight_fake_quant).__name__
    rows.append([name, "yes" if "FakeQuantize" in inside else "no", f"{away:.1e}"])
Table(["qconfig", "rounds weights", "away from float"], rows, caption="largest difference of an output from fp32")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **About two millionths (A): there is no rounding and no message, because observers stand where fake quantization should, and they only watch.**
#
# The first qconfig names observers, which note a range and hand on their input as it is. The second names fake quantizations, each with an observer inside. `prepare_qat` takes either. The network then trains in float under the name of QAT, the accuracy during training looks splendid, and the int8 copy is an ordinary static one.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What it costs
#
# A step of QAT against a step in float, and two networks of QAT beside fp32, the one with a scale a channel after one epoch. Those are ordinary static int8 models with other values in their weights: [[depthwise]] has their speed. (The ledger has accuracies on all 10,000 test images; the other tables have 5,000.)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
channel_net = prepared_for_qat(depthwise, per_channel)
train_aware(channel_net, epochs=1)
channel_right = {"static": accuracy(static_int8(depthwise, per_channel)), "QAT": accuracy(to_int8(channel_net))}
print("one scale a channel: " + ", ".join(f"{name} {value:.2f} %" for name, value in channel_right.items()))


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def one_step(model):
    return nn.functional.cross_entropy(model(images[:64]), labels[:64]).backward()


rounding_net = prepared_for_qat(depthwise, per_channel)  # its observers watch, as in the first epochs
float_net = copy.deepcopy(depthwise).train()
step_time = timing.compare(
    {"QAT": lambda: one_step(rounding_net), "float": lambda: one_step(float_net)}, rounds=3, device=cpu
)
print(f"a QAT step takes {step_time.ratio('float'):.1f} times as long as a float step (median of ratios)")

# %% slideshow={"slide_type": "skip"} tags=["legacy", "hide-input"]
# Times both int8 networks, as converted, on one image, and writes them into the ledger.
shipped = {"QAT int8, per tensor": to_int8(aware), "QAT int8, per channel": to_int8(channel_net)}
nets = {"fp32": depthwise, **shipped}
speed = timing.compare({name: lambda net=net: net(images[:1]) for name, net in nets.items()}, rounds=9, device=cpu)
show.rows_of_the_ledger(shipped, speed, depthwise, images[:1], lambda net: accuracy(net, 10_000) / 100)

# %% [markdown] slideshow={"slide_type": "skip"}
# A step of QAT takes longer than one in float: each fused module computes its folded weights anew, rounds them and its result, and watches both ranges. (Which of these costs most was not measured.) And with one scale a channel QAT won nothing: in the run on this page it ends 0.2 points *below* static after one epoch, at a rate that was not searched for. At the best of three rates the two are level (record of section 4). Deployed, the network costs what any static int8 network of its shape costs. (For their speeds both networks are fresh copies, and that matters. The engine `x86` may compute with the library oneDNN. Then an int8 layer keeps the kernel that it prepared for the shape of its *first* call, and prepares any other shape anew at each call. In a trial a copy first given hundreds of images took 1.8 times as long for one image, with either kind of scale.)
#
# Published for comparison: with 8 bits and a scale for each channel a wide variety of CNNs stay within 2 % of fp32 without training, and QAT brings the gap to 1 %; with 4-bit weights the loss is 2 to 10 %, more for smaller
# networks ([Krishnamoorthi, 2018](https://arxiv.org/abs/1806.08342), abstract). Before training for 4 bits one would try learned rounding
# ([AdaRound, 2020](https://arxiv.org/abs/2004.10568)).

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Quantized transfer learning
#
# **Transfer learning** carries a trained network over to a new task: the body stays, a new *head* (the last layer) is trained. Here from clothes to digits, with the 1,000 digits of section 5. Three ways:
#
# 1. The body is frozen, and only the head is trained, on what the body gives; then static int8.
# 2. After that everything is trained, in float; then static int8.
# 3. After that everything is trained by QAT, as in section 5; once more with a pass that moves statistics and ranges.
#
# The opponent begins at random: section 5 has its two numbers.
#
# **Predict.** QAT from random weights was some 30 points behind float. How far is QAT behind float when both start from the network of clothes? And why?

# %% slideshow={"slide_type": "skip"}
runtime.seed_all(0)
new_task = copy.deepcopy(depthwise).eval()
new_task.fc = nn.Linear(new_task.fc.in_features, 10)  # the new head
with torch.no_grad():  # the body is frozen: what it gives is computed once
    features = torch.cat([new_task.features(batch).mean((2, 3)) for batch in digits.split(100)])
head_losses = training.fit(new_task.fc, features, digit_labels, epochs=60, lr=0.03, device=cpu, progress=False)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from_clothes = {"head only, static": digits_right(static_int8(new_task, per_channel, digits))}
in_float = four_quarters(copy.deepcopy(new_task), rounding=False)
from_clothes["all in float, static"] = digits_right(static_int8(in_float, per_channel, digits))

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
carried = four_quarters(prepared_for_qat(new_task, per_channel))
from_clothes["all by QAT"] = digits_right(to_int8(carried))
transfer_int8 = int8_audit.audit(to_int8(carried), digits[:1]).count("int8")
move_statistics(carried.apply(tq.enable_observer), digits)
from_clothes["all by QAT, then moved"] = digits_right(to_int8(carried))

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Compares the three ways from clothes with the two from random weights.
show.in_percent(
    {f"clothes: {name}": value for name, value in from_clothes.items()}
    | {f"random: {name}": value for name, value in from_random.items()},
    "int8, digits",
    f"one run each; the network from clothes by QAT has {transfer_int8} modules in int8",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **From clothes QAT as in section 5 is behind float, too, but one pass that moves statistics and ranges wins most of it back.**
#
# In the run on this page it is almost 20 points behind before that pass, and about three points behind after it. In earlier runs with 64 images a step it was level with float after the pass, or two points behind, so the three points are no finding. (There the pass won 10 and 6 points with two other heads and orders.) From random weights such a pass did not help QAT with slow observers (see the record above). Here the observers are not the cause: with the same slow observers and nothing frozen, one trial, also with 64 images a step, came to 86.1 % without any pass. And where the statistics had been frozen, moving them alone, the ranges at rest, brought 86.6 % in another such trial. So it is the freezing after 48 steps of Adam, in which the network still changed fast. In section 3 freezing at once did no harm; its steps were smaller, and it had no new head.
#
# Was the start from clothes worth anything? In float it has 87.1 %, and the random start of section 5 has 75.9 %, eleven points fewer. But three random starts had 78.4 to 84.1 % in the record, at the same rate with twice as many images a step, and at their best rate, 0.01, they had 84.5 to 88.0 %. The start from clothes was not tried there. So a good part of the eleven points may come from the rate and the length of the training. Somebody who had compared the two starts by QAT alone would have reported more than twenty. The head alone is the right choice when the body must stay as it is on a device, for example because several tasks share it; here it costs more than 20 points. (One run each.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("qat_cnn")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Prepare in training mode, train, freeze statistics and ranges, convert a *copy* each epoch. Look for FakeQuantize in the printed model.
# - Batch norm has two sets of statistics. Rounding changes what they should be: freeze them from a trained network, or move them before you convert.
# - Look at the folded weights, give each channel its scale, move the statistics. Train with rounding if that is not enough.
# - Observers that move by a hundredth in each step come too late in a short training from random weights. Let them follow faster, and try more than one learning rate before you name a cause.
#
# For CNNs PyTorch's own successor of this route works on an exported graph ([[torchao]]).
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: B. Jacob et al., 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), where this recipe comes from; R. Krishnamoorthi's whitepaper, 2018,
# [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), on QAT of MobileNets and freezing batch norm; M. Nagel et al., *Overcoming oscillations in quantization-aware training*, 2022,
# [arXiv:2203.11086](https://arxiv.org/abs/2203.11086).
#
# **Project ideas**: hold $\gamma$ and $\beta$ still at the rate 0.01, and repeat the experiment; find the fewest bits for each layer within one point; equalize the channels.
#
# **Credits**: the steps of the eager route follow *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman; the transfer to digits
# began from an older tutorial by Zafar Takhirov, *Quantized Transfer Learning for Computer Vision*. Part of the course's idea by Tal Daniel (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Go through the list of the beginning: what differs between a training in floats and a kernel in integers? Seen: the statistics, the ranges that come late. Under *Deeper*: the step, the clip. Not compared: the mean, which only the kernels round. If somebody asks about the speeds in the ledger: both copies are fresh. A copy that has computed with large batches before is slower with a single image, because its layers keep the kernel of the first shape. Its accuracies are those of all 10,000 test images; the slides had 5,000.

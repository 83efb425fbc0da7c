# ---
# jupyter:
#   course:
#     promise: You will take a CNN with batch norm through quantization-aware training, and know what to try before you train at all.
#     seconds: 40
#     needs: [depthwise, qat]
#     goals:
#       - say why batch norm is folded before the rounding, and why the copy fails;
#       - take a CNN through `prepare_qat`, and freeze batch norm and observers at the right moment;
#       - decide what to try before any training.
#     terms: [dead channel, transfer learning]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Why is the converted copy useless when its weights are good?*

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* You trained with the rounding, converted a copy, and the copy is useless. What do you suspect first? Write the guesses on the board. If nobody says batch norm, leave room for it.

# %% tags=["setup", "hide-input"] slideshow={"slide_type": "skip"}
# Sets one thread and the int8 engine, and hides the warnings of PyTorch's older int8.
import torch

from course_utils import legacy_int8
from course_utils.scorecard import claims
from lessons.qat_cnn import checks as check
from lessons.qat_cnn import show

torch.set_num_threads(1)
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 1. Good weights, useless copies
#
# DepthwiseCNN loses about 25 points in int8 if all weights of a layer share *one scale*. So we train it with the rounding: three trainings of one epoch, with the images in different orders.
#
# <!-- page -->
#
# [[depthwise]] found the cause. Some chips know one scale per layer only, so let us live with it. [[qat]] had a remedy: train on, with the rounding. `fused` makes the network ready for it; section 2 shows how.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Left, the trained network, still in training mode; right, its int8 copies. Dashed: the float network. So the training made it worse? But in training mode it is fine, and the weights are the same. What else does a network hold? Collect guesses; section 3 tests them.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
import copy

from torch.ao import quantization as tq

from course_utils.data import checkpoints
from lessons.qat_cnn.experiment import accuracy, fused, one_epoch

net = checkpoints.load("depthwise_cnn")  # trained on Fashion-MNIST


def int8_copy(prepared):
    return tq.convert(copy.deepcopy(prepared).eval())


trained = [one_epoch(tq.prepare_qat(fused(net)), order) for order in range(3)]
copies = [accuracy(int8_copy(model)) for model in trained]

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the accuracy of the three trained networks, still in training mode, and of their int8 copies.
in_training = [show.in_training_mode(model) for model in trained]
show.copies(in_training, copies, accuracy(net))

# %% [markdown] slideshow={"slide_type": "skip"}
# In training mode the networks answer well, with all their roundings. Their int8 copies hold the same weights, and are useless: int8 without any training cost about 25 points, and these lose far more. What had the copies forgotten? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# **Try it.** Train more gently: give `one_epoch` a third argument behind `order`, `lr=1e-4`, a tenth of before. Run that cell and the figure again. Then change it back, and run both once more.
#
# <details><summary>What others found</summary>
#
# Now the copies are good at once, although the rounding is the same. So the step of training matters, too.
#
# </details>

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Fold before you round
#
# The *kernel*, the int8 routine, knows no batch norm. So the weights of each channel are multiplied by $\gamma / \sigma$ beforehand.
#
# <!-- page -->
#
# This is the *folding* of [[static]]. $\sigma$ is the deviation that batch norm divides by, and $\gamma$ is a learned factor.

# %% [markdown] slideshow={"slide_type": "-"}
# A weight is 0.40, its factor is 2, and the step is 0.25. The kernel gets the folded weight: 0.80, which is 3.2 steps. It computes with 3 steps, 0.75.
#
# **Predict.** A training rounds first, and folds afterwards. With which weight does it practise: **A** 0.75, **B** 0.80, **C** 1.00?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* On the board: 0.40 in steps of 0.25. How many? 1.6, so 2. What is it worth, and what after folding? Then the point: with one of the two the network practises, with the other it is shipped.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **1.00 (C), because 0.40 is 1.6 steps and becomes 2 steps, 0.50, and folding doubles it.**

# %% [markdown] slideshow={"slide_type": "skip"}
# Such a network would learn to live with 1.00, and ship with 0.75. So training must do what the kernel does: **fold first, then round.**
#
# But training still needs batch norm, since $\gamma$ and $\sigma$ change. So `fuse_modules_qat` makes one module of convolution, batch norm and ReLU. After `prepare_qat` it folds *anew at each call*:

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from lessons.qat_cnn.experiment import one_scale  # a qconfig: one scale per layer

blocks = [[f"module.features.{n}.{part}" for part in (0, 1, 2)] for n in range(7)]
model = tq.QuantWrapper(copy.deepcopy(net)).train()
model = tq.fuse_modules_qat(model, blocks)  # conv, batch norm and ReLU of each block
model.qconfig = one_scale  # so far `fused`
prepared = tq.prepare_qat(model)

for name, part in prepared.module.features[0][0].named_children():
    print(f"{name}: {type(part).__name__}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Batch norm is still there. Beside it stand two fake quantizations, one for the folded weights and one for the result behind the ReLU. Look for them in your own network: with `get_default_qconfig`, without *qat*, there are only observers, the network trains in float, and no error says so.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### One module in training, and as a kernel

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* `fuse_modules_qat` makes this module, `prepare_qat` puts in the blue "round". Upper half, the weights: multiplied, rounded, used. The result: the factor is taken out again, and batch norm works with the statistics of the batch. Lower half: what became of batch norm? It is in the integers, from the running averages. Ask who noticed that there are two sets of statistics.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws one fused module in training, and the kernel that it becomes.
show.fold_then_round()

# %% [markdown] slideshow={"slide_type": "skip"}
# The convolution multiplies by rounded weights that are folded already. To train batch norm, the module divides by the same $\gamma / \sigma$ again, and then normalizes with the statistics of the batch.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. What the copy forgot
#
# Batch norm has two sets of statistics:
#
# - mean and variance of the *batch*: training uses them;
# - *running averages* of mean and variance: after each batch they go a tenth of the way to those of the batch. The copy uses them.
#
# <!-- page -->
#
# In the copy nothing is computed from a batch. Its weights were multiplied by $\gamma / \sigma$, and its biases became $\beta - \gamma \cdot \text{mean} / \sigma$, once, with the running averages. So what do the averages know?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* One channel on the board: in float it has the mean −0.30 and the deviation 0.20. Suppose its weights are now rounded to 0, so the channel is 0. With the statistics of the batch, batch norm gives 0; with the averages of before (0 + 0.30) / 0.20 = 1.5, and ReLU lets it pass. The next layer has trained with the 0. How much of the old averages is left after 15 batches, our epoch? 0.9 to the power of 15: a fifth.

# %% [markdown] slideshow={"slide_type": "skip"}
# **By hand**, an example of what old averages do. In float the results of a channel have the mean −0.30 and the deviation 0.20. Suppose that all its weights are now rounded to 0, and the channel is 0 for every image. What does batch norm make of it, with $\gamma = 1$ and $\beta = 0$?
#
# - With the statistics of the batch, the mean is 0, and it gives 0.
# - With the old averages, it gives (0 + 0.30) / 0.20 = 1.5.
#
# The weights are the same, and ReLU lets both results pass. Training hands 0 to the next layer, and the copy hands it 1.5. From now on the averages follow. After $n$ batches $0.9^n$ of the old value is left: after 15 batches, a whole epoch for us, still a fifth.
#
# Is this all that is wrong? A test: the images pass once more through the networks in training mode. There is no loss and no optimizer, so nothing is learned. The averages follow.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### One pass without an optimizer

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Read the loop aloud: what is missing for a training? The loss and the optimizer. If the averages are the fault, what will the next copies be? Vote.


# %% slideshow={"slide_type": "skip"}
import torch

from course_utils import data

images, _ = data.load("fashion_mnist", n=960)  # those of the training


# %% slideshow={"slide_type": "-"} tags=["legacy"]
@torch.no_grad()
def one_pass(model):
    model.train()
    for batch in images.split(64):
        model(batch)  # no loss, no optimizer
    return model


# The ranges stay.
again = [copy.deepcopy(model).apply(tq.disable_observer) for model in trained]
after_a_pass = [accuracy(int8_copy(one_pass(model))) for model in again]
print("int8 copies, one pass later:", *(f"{percent:.1f} %" for percent in after_a_pass))

# %% [markdown] slideshow={"slide_type": "skip"}
# Nothing was learned, and the copies are far better. So much of the damage was in the averages: they were out of date. To let them catch up is called *estimating the statistics anew*. It needs images, but no labels and no gradients.
#
# Averages always lag a little, in float as well. Here this matters, because they move what they follow: the weights are folded with the average $\sigma$, and when it moves, some of them jump a whole level.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Who stands still, and when?
#
# Three calls of a training with rounding, and the moment of each.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The lanes from the top. Batch norm: frozen from the first step, since this network was trained before. Now training meets the 1.5 as well, and learns to live with it. Ranges stand still in the last epoch. Why not from the start? They have seen nothing yet. Copies: one after each epoch. What would be left to train if we converted the network itself? Nothing: integers have no gradients. Our three copies now: about 89, the last bar of the next slide.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the training over time.
show.over_time()

# %% [markdown] slideshow={"slide_type": "skip"}
# **Batch norm: at once.** After `model.apply(freeze_bn_stats)` training, too, normalizes with the running averages, and these stay as they are. In our channel the loss now sees the 1.5, and all weights learn to live with it. What training computes is nearly what the copy will compute. $\gamma$ and $\beta$ go on learning. To call `.eval()` on the batch norms is not enough: the next `model.train()` thaws them. All this is for a network that was trained before.
#
# **Observers: before the last epoch.** With each batch a range moves a little, and with the range the step. So a weight near a border may be rounded otherwise although it has not moved. After `model.apply(tq.disable_observer)` the levels stand still, and the weights can settle on them. From the start it would be too early: the observers have seen nothing then.
#
# **After each epoch: a copy.** `convert` makes integers, which have no gradients. So a copy is converted, and the network trains on. Measure the copy, since it is what will run.
#
# Does freezing help? Three new trainings, again from the float network:

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from torch.ao.nn.intrinsic.qat import freeze_bn_stats

still = [tq.prepare_qat(fused(net)).apply(freeze_bn_stats) for _ in range(3)]
frozen = [one_epoch(model, order) for order, model in enumerate(still)]
of_frozen = [accuracy(int8_copy(model)) for model in frozen]
print("int8 copies, batch norm frozen:", *(f"{percent:.1f} %" for percent in of_frozen))

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Was the training needed?
#
# QAT has won back nearly all that int8 costs. Other ways train nothing.
#
# <!-- page -->
#
# - *Static* int8, as in [[static]]: calibrate and convert.
# - *Dead channels emptied*: a **dead channel** gives 0 for all images. [[depthwise]] found that the filter behind one of them sets the long step, though it multiplies only zeros. We set such weights to 0.
# - *A scale per channel*, where the chip has it.

# %% [markdown] slideshow={"slide_type": "-"}
# Or images pass through the network, as in section 3, **with** rounding or **without**. Then it becomes int8.
#
# **Predict.** Which pass comes within five points of QAT: **A** the one without rounding, **B** the one with rounding, **C** both?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Which statistics does the copy need: those of the float network, or those of the rounded one? Vote, click. Then read the bars from the top. Only the orange one was trained. Let the room name the price of each: labels, images, a look at the variances, a kernel with more scales.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from lessons.qat_cnn.experiment import emptied, static_int8

ways = {
    "static": accuracy(static_int8(net)),
    "pass without rounding": accuracy(static_int8(one_pass(copy.deepcopy(net)))),
    "pass with rounding": accuracy(int8_copy(one_pass(tq.prepare_qat(fused(net))))),
    "dead channels emptied": accuracy(static_int8(emptied(net))),
    "a scale per channel": accuracy(static_int8(net, per_channel=True)),
    "QAT, frozen": sum(of_frozen) / 3,
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the six ways as bars.
show.ways(ways, accuracy(net))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Only the one with rounding (B), because the copy computes with rounded weights, and needs the statistics that these produce.**

# %% [markdown] slideshow={"slide_type": "skip"}
# Training was not needed for these points. A pass with rounding brings them back, and so does emptying the dead channels.
#
# Could QAT find that repair by itself? No. The gradient of a weight is its input times the gradient of its result. The input of the filter behind a dead channel is always 0, and so is the gradient. Without weight decay such a weight stays where it is. QAT learns to live with the long step, and cannot remove its cause.
#
# PyTorch's introduction says that QAT typically gives the highest accuracy ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)). Where a scale per channel has lost next to nothing, there is little to win back.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What to try first
#
# | try | needs | repairs |
# |---|---|---|
# | a scale per channel | a kernel that has it | wide channels beside narrow ones |
# | empty dead channels | a look at the variances | a dead channel that sets the step |
# | one pass with rounding | images | statistics from before the rounding |
# | QAT, batch norm frozen | a training | what the others leave |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* The order is that of the effort. Ask what each row would need in the room's own project. After each row measure the copy, and stop when it is good enough.

# %% [markdown] slideshow={"slide_type": "skip"}
# The order is that of the effort. Measure the copy after each row, and stop where it is good enough.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise · The loop in the right order
# ★★ · 10 minutes
#
# Write `qat_loop(model, train_epoch, epochs)`: section 4 as code. `model` is what `fused` gives, and stays as it is.
#
# Prepare it, with batch norm frozen from the start. Train it by `epochs` calls of `train_epoch(prepared)`, with the observers off in the last one. After each epoch convert a copy. Return `prepared` and the list of the int8 copies.
#
# Then try it: `qat_loop(fused(net), lambda model: one_epoch(model, order=0), 2)`.
#
# <!-- page -->
#
# <details><summary>Hint</summary>
#
# Section 4 has the calls, and `int8_copy` the last line of the loop. `prepare_qat` gives a copy: apply everything to what it gives back. When does the last epoch begin?
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* In the room ask only for the order of the lines. Then: which wrong order would give no error at all? Freezing after the training, for example.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def qat_loop(model, train_epoch, epochs):
    """The prepared network, trained with batch norm frozen; and its int8 copies, one after each epoch."""
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.qat_loop(qat_loop)


# %% tags=["solution", "hide-cell", "legacy"] slideshow={"slide_type": "skip"}
def qat_loop_solution(model, train_epoch, epochs):
    prepared = tq.prepare_qat(model)
    prepared.apply(freeze_bn_stats)
    copies = []
    for epoch in range(epochs):
        if epoch == epochs - 1:
            prepared.apply(tq.disable_observer)
        train_epoch(prepared)
        copies.append(tq.convert(copy.deepcopy(prepared).eval()))
    return prepared, copies


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Fold, then round: training must meet the weights that the kernel will have. `fuse_modules_qat` and `prepare_qat` see to it.
# - The copy uses the running averages of batch norm. While these move, the folded weights move with them, and jump: freeze them from the start.
# - Training comes last: first a scale per channel, a look for dead channels, and a pass of images with the rounding on.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Back to the guesses on the board. Who suspected the weights? Who the averages?

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("qat_cnn")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# ### How far to trust a pass
#
# The pass needs no labels, so it can use images of the place where the network will work. For the untrained network a few hundred are enough here. But it is no promise. When the deviation of a channel changes, its folded weights change as well, since they are $w \gamma / \sigma$. So a folded weight can cross a border although $w$ is at rest, and a second pass may lose points again. Make one pass, and measure the copy.
#
# ### Does the simulation agree with the kernel?
#
# Not value by value. They often differ, for three reasons.
#
# - *The step.* Let the weights go from −1 to 1. In training the step is 1 / 127. `convert` works it out anew, as 1 / 127.5. A weight of 0.499 is 63.37 steps in the one and 63.62 in the other. It becomes 63 there, and 64 here.
# - *The clip.* With the engine x86, training clips activations at the integer 127, and the kernel at 255.
# - *What is no module.* `prepare_qat` looks for modules. The mean over the picture in DepthwiseCNN is a plain `.mean`, so training leaves it in float, and the int8 network rounds it.
#
# This is one more reason to measure the copy and not the simulation.
#
# ### Quantized transfer learning
#
# **Transfer learning** carries a trained network over to a new task: its body stays, and it gets a new last layer, the *head*. With int8 there are two ways.
#
# *The body is int8 already.* It cannot be trained, but it can compute features, and the new head learns from them in float. That takes little time and memory, and one body can serve several tasks.
#
# *All of it shall adapt.* Then body and head are trained with the rounding, and converted in the end:
#
# ```python
# carried = copy.deepcopy(net)
# carried.fc = torch.nn.Linear(carried.fc.in_features, 10)  # a new head
# train_in_float(carried)  # your training: the head, then all
# prepared = tq.prepare_qat(fused(carried))
# prepared.apply(freeze_bn_stats)  # now its averages are those of the new task
# ```
#
# Train in float first, until the network knows the new task. If batch norm is frozen before that, it keeps averages of a network that still changes fast. And compare with the obvious opponent: the network after `train_in_float`, made int8 without any further training.
#
# **Sources.** The steps follow *Introduction to Quantization on PyTorch* ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)) by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. The last item began from *Quantized Transfer Learning for Computer Vision*, a tutorial by Zafar Takhirov. R. Krishnamoorthi's whitepaper, 2018, [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), freezes batch norm in a training of MobileNets. M. Nagel et al., 2022, [arXiv:2203.11086](https://arxiv.org/abs/2203.11086), found in MobileNets with few bits that weights which go to and fro between two levels spoil the statistics of batch norm. `torch.ao.quantization` is deprecated; [[pt2e]] has its successor for CNNs.
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), where folding in training comes from. Projects: let batch norm follow faster, and look for the moment when a copy turns bad; find the channel that ruins it; do the same with a network of your own.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# ---
# jupyter:
#   course:
#     promise: You will take a CNN with batch norm through quantization-aware training, and know what to try first.
#     seconds: 45
#     needs: [depthwise, qat]
#     goals:
#       - fold batch norm into a convolution, and say why QAT folds before it rounds;
#       - take a CNN through `fuse_modules_qat`, `prepare_qat` and `convert`, and freeze batch norm and observers at the right moment;
#       - find out why an int8 copy fails, and decide what to try before any training.
#     terms: [dead channel, transfer learning]
#     values:
#       trained: "f'{min(in_training):.0f} to {max(in_training):.0f}'"
#       lost: "f'{min(copies):.0f} to {max(copies):.0f}'"
#       static: "f'{untrained[\"one scale\"]:.0f}'"
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *A CNN trains well with rounding. Why can its int8 copy still fail, and what prevents it?*

# %% tags=["setup", "hide-input"]
# Sets one thread and the int8 engine, and hides the warnings of PyTorch's older int8.
import torch

from course_utils import legacy_int8
from course_utils.scorecard import claims
from lessons.qat_cnn import checks as check
from lessons.qat_cnn import show

torch.set_num_threads(1)
torch.set_flush_denormal(True)  # numbers below 1e-38 count as 0, which is faster
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. The training is good, its int8 copies are not
#
# In [[depthwise]], DepthwiseCNN lost about 25 points of accuracy when it became int8 with one scale per layer, as PyTorch's default for phones has it. (PyTorch's default for x86 uses one scale per channel, so it avoids the problem that we're about to see.) *Quantization-aware training*, QAT, trains with the rounding switched on ([[qat]]), so it should win them back. Let's fine-tune the network like this, and convert it.
#
# `fine_tune` is an ordinary training loop: 15 batches of 64 images, SGD with momentum, and a learning rate of 0.001. We run it three times, with the images in different orders.

# %% fine_tune tags=["legacy"]
import copy

from torch.ao import quantization as tq

from course_utils.data import checkpoints
from lessons.qat_cnn.experiment import accuracy, fine_tune, fused

net = checkpoints.load("depthwise_cnn")  # trained on Fashion-MNIST


def int8_copy(prepared):
    return tq.convert(copy.deepcopy(prepared).eval())


# `fused` makes a network ready for `prepare_qat` (section 2).
trained = [fine_tune(tq.prepare_qat(fused(net)), order) for order in range(3)]

# %% copies tags=["hide-input", "legacy"]
# Draws the accuracy of the three trained networks, still in training mode, and of their int8 copies.
from lessons.qat_cnn.experiment import static_int8

in_training = [show.in_training_mode(model) for model in trained]
copies = [accuracy(int8_copy(model)) for model in trained]
without = {"float, before": accuracy(net), "int8 without training": accuracy(static_int8(net))}
show.copies(in_training, copies, without)

# %% [markdown]
# In training mode, with all the rounding, about 90 % of the images are right. But the int8 copies are far worse than int8 without any training. What went wrong? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# We'll follow a single channel: channel 4 of the second convolution, which is depthwise, so it has just nine weights.

# %% [markdown]
# ## 2. Fold first, then round
#
# The copy's convolutions run in *kernels*, routines for integers that know nothing of batch norm. So where does the batch norm go?
#
# Batch norm takes a channel's result $x$, subtracts the mean $\mu$, divides by the standard deviation $\sigma$, multiplies by a learned factor $\gamma$, and adds a learned shift $\beta$. After training, these are four fixed numbers. In channel 4, $\mu = 2.14$, $\sigma = 2.93$, $\gamma = 0.55$ and $\beta = 0.13$:
#
# $$0.55 \cdot \frac{x - 2.14}{2.93} + 0.13 = 0.188\,x - 0.27$$
#
# The convolution, which has no bias yet, can do that itself: we multiply its weights by 0.188 and give it the bias −0.27. In float, nothing changes. This is called *folding* ([[static]]). In general, a weight $w$ becomes $w\gamma/\sigma$, and the bias is $\beta - \mu\gamma/\sigma$.
#
# Take one of channel 4's weights, 0.518. Folded, it's 0.518 · 0.188 = 0.097. Now it's rounded to a multiple of the scale, which all 32 channels share. The largest folded weight sets it: −22.4, in channel 28. Since int8 goes down to −128, the scale is 22.4 / 128 = 0.175.
#
# Why so large? Channel 28 is *dead*: it gets only zeros, so its $\sigma$ is nearly 0, and folding divides by it ([[depthwise]]).
#
# **Predict.** What takes the place of our 0.097: **A** 0, **B** 0.175, **C** 0.35?

# %% by_hand tags=["nbval-check-output"]
gamma, sigma, scale = 0.55, 2.93, 0.175
folded = 0.518 * gamma / sigma
print(f"folded: {folded:.3f}, in scales: {folded / scale:.2f}, integer: {round(folded / scale)}")

# %% [markdown] tags=["answer"]
# **0.175 (B), because 0.097 is more than half a scale, so it's rounded to 1.**

# %% [markdown]
# So the kernel uses a weight nearly twice as large as ours. A training that rounds *before* folding wouldn't notice: there the layer's largest weight is 1.115, so the scale is below 0.01, and 0.518 changes by less than one percent.
#
# **So training must do as the kernel does: fold first, then round.**
#
# **Try it.** Set `sigma` to 3.43 in the last cell, and run it again. What's our integer now?
#
# <details><summary>What others found</summary>
#
# 0, because the folded weight is only 0.47 scales.
#
# </details>
#
# In PyTorch, `fuse_modules_qat` makes one module of a convolution, its batch norm and its ReLU, and `prepare_qat` adds the rounding. Both need training mode.

# %% prepare tags=["legacy"]
from lessons.qat_cnn.experiment import one_scale

model = tq.QuantWrapper(copy.deepcopy(net)).train()  # says where int8 begins and ends
blocks = [[f"module.features.{n}.{part}" for part in (0, 1, 2)] for n in range(7)]
model = tq.fuse_modules_qat(model, blocks)
model.qconfig = one_scale  # tq.get_default_qat_qconfig("x86") has one per channel
# Up to here, that's `fused` of section 1.
prepared = tq.prepare_qat(model)  # now we could train

# %% [markdown]
# In the figure, the upper half is a fused module in training. It folds its weights, rounds them and convolves. But in training, batch norm still comes next, and would apply $\gamma/\sigma$ a second time. So the module first divides the results by it. The lower half is what `convert` makes of it, in evaluation mode.

# %% fold_then_round tags=["hide-input"]
# Draws one fused module in training, and the kernel that it becomes.
show.fold_then_round()

# %% [markdown]
# ## 3. How one channel ruins the copy
#
# So training rounds as the kernel does. Where, then, is the accuracy lost? To find out, measure deep copies of the network in three states:
#
# - **In training mode.** If it's bad already, the network hasn't learned to live with the rounding.
# - **After `.eval()`**, still in float, with all the rounding. If it's bad only from here on, it's batch norm, because `.eval()` changes nothing else here.
# - **Converted.** If it's bad only now, it's the conversion.
#
# **Predict.** After `.eval()`, are our three networks **A** as good as in training mode, **B** as good as int8 without training, **C** worse than both?

# %% evaluation tags=["legacy"]
# Without observers the scales stay as they are.
simulated = [copy.deepcopy(one).apply(tq.disable_observer).eval() for one in trained]
print("not converted, .eval():", *(f"{accuracy(model):.1f} %" for model in simulated))

# %% [markdown] tags=["answer"]
# **Worse than both (C), so most of the damage is done before any conversion.**

# %% [markdown]
# So it's mostly batch norm. (Conversion costs several points more here. Our test leaves open why, but in section 4 it costs almost nothing.) Batch norm has two sets of statistics:
#
# - In training, it normalizes with the mean and the variance of the **batch**.
# - In evaluation, an image may come alone. So it uses a **running mean** and a **running variance**, which each batch of the training moves a tenth of the way towards its own.
#
# Folding always takes the running statistics, so training rounds the same weights as the copy. But after the convolution, training normalizes with the statistics of the batch, where the copy keeps the running ones (green in the figure).
#
# ### Five steps to a ruined copy
#
# Let's follow channel 4 through the first of our trainings.
#
# 1. **After rounding, it's a different filter.** The nine weights become two 1s, one −1 and six 0s. In the first batch, its results have a standard deviation of 6.38 in place of 2.93, so the old statistics don't fit it.
# 2. **So the running $\sigma$ rises, and shrinks the folded weights.** After one batch it's $\sqrt{0.9 \cdot 2.93^2 + 0.1 \cdot 6.38^2} = 3.43$. That's your **Try it**: our weight is now rounded to 0, although the optimizer has hardly moved it. So is the other 1, and only the −1 stays. That's why the mean of the results jumps from 5 to −5. By batch 8, $\sigma$ is 4.61, and the −1 is gone as well: the channel is *rounded away*.
# 3. **The gradient becomes huge.** Now all results of the channel are 0, and so is their variance. To avoid dividing by 0, batch norm adds $\epsilon = 0.00001$ to each variance, so it divides by $\sqrt{0.00001} = 0.00316$, where it divided by about 6 before. On its way back, the gradient is divided by the same number, so that of the nine weights becomes thousands of times larger.
# 4. **The weights move far, but not at once.** After a batch of zeros, $\sigma$ falls a little, and the −1 comes back. So batches 9 and 10 look as before. But momentum repeats the huge gradient. From batch 11 on, the −1 is gone, 1s are back, and the mean leaps from −6 to between 6 and 14.
# 5. **The running mean stays behind.** Each batch closes only a tenth of the gap. In the end, training subtracts 14 from $x$ and the copy 3, so the copy's $x - \mu$ is 11 too high, before $\gamma/\sigma$ scales it.
#
# **Training can't see this, because it subtracts the batch's own mean before the loss is computed.**

# %% one_channel tags=["hide-input"]
# Repeats the first training, and draws the two means of channel 4, batch by batch.
seen = show.batch_by_batch(tq.prepare_qat(fused(net)), lambda model: fine_tune(model, order=0))
show.one_channel(seen)

# %% [markdown]
# Is the huge gradient really the cause? If so, it's enough to *clip* it: we train again, and shorten the gradients of channel 4 to a length of at most 1. In ordinary batches they're below 0.2, so nothing else changes.

# %% clipped tags=["legacy"]
from lessons.qat_cnn.experiment import clip_channel

clipped = [fine_tune(clip_channel(tq.prepare_qat(fused(net)), channel=4), order) for order in range(3)]
of_clipped = [accuracy(int8_copy(model)) for model in clipped]
print("int8 copies, channel 4 clipped:", *(f"{percent:.1f} %" for percent in of_clipped))

# %% [markdown]
# It is: all three copies are good. One channel of 576 had ruined the network.

# %% [markdown]
# ## 4. The remedy: freeze the statistics
#
# We can prevent this without knowing the channel. `freeze_bn_stats` stops the running statistics from moving, and makes training use them, too. This breaks the chain twice: $\sigma$ stays at 2.93, so it no longer shrinks the weights, and in training this channel is divided by 2.93, so the division can't blow up. And since the copy has the same statistics, the loss sees the copy's errors.

# %% frozen tags=["legacy"]
from torch.ao.nn.intrinsic.qat import freeze_bn_stats

still = [tq.prepare_qat(fused(net)).apply(freeze_bn_stats) for _ in range(3)]
frozen = [fine_tune(model, order) for order, model in enumerate(still)]
of_frozen = [accuracy(int8_copy(model)) for model in frozen]
print("int8 copies, batch norm frozen:", *(f"{percent:.1f} %" for percent in of_frozen))

# %% [markdown]
# All three copies are good. A longer training also freezes the scales, by switching off the observers that set them. When? (And measure a copy after each epoch.)
#
# - **Batch norm, with a scale per channel: after a few epochs.** In this ordinary case, each channel's largest weight becomes 127 or −128, so no channel is rounded away, and batch norm can first adapt to the rounding.
# - **Batch norm, with one scale per layer: before the first batch**, which already moves $\sigma$, if a channel can be rounded away. Which channels are that? Those whose folded weights aren't all 0, but stay below one scale, because doubling $\sigma$ rounds them away. In our layer it's 5 of 32, channel 4 among them. Where no layer has such a channel, freeze later.
# - **Observers: before the last epoch,** by `prepared.apply(tq.disable_observer)`. They need an epoch to find the scales, which then stay fixed.

# %% [markdown]
# ## 5. Do we need to train at all?
#
# QAT recovered the lost points, but it takes labels and a training run. Three repairs need neither. You know two from [[depthwise]]: use *one scale per channel*, or *empty the dead channels*, setting their weights to 0. The third is to *measure the statistics anew*: pass the images once through the prepared network, in training mode (`for batch in images.split(64): prepared(batch)`). Without a loss, no gradient can become huge.
#
# The table says what to try first.

# %% compared tags=["hide-input", "legacy"]
# Measures int8 without training, and puts it beside the record of the other ways.
from lessons.qat_cnn.experiment import emptied

untrained = {
    "one scale": accuracy(static_int8(net)),
    "a scale per channel": accuracy(static_int8(net, per_channel=True)),
    "dead channels emptied": accuracy(static_int8(emptied(net))),
}
show.compared(untrained)

# %% [markdown]
# In this network, QAT wins back only what the coarse scale had cost. After repair 1 or 2 there's little to win back: there, QAT with free batch norm gained less than a point, and with frozen it sometimes lost two or more (`records/qat_cnn`). **So freeze early only where a channel can be rounded away.**


# %% tags=["hide-input"]
# Takes the second layer of the first network, and what it gets from the images.
import torch.nn.functional as F

from course_utils.data import load

images, _ = load("fashion_mnist", n=960)  # those of the training
with torch.no_grad():
    x = copy.deepcopy(simulated[0]).train().module.features[0](images)
    conv, norm = simulated[0].module.features[1][0], simulated[0].module.features[1][0].bn
    sigma = (norm.running_var + norm.eps).sqrt()
    layer = [conv.weight.detach(), norm.weight.detach(), norm.running_mean, sigma, conv.weight_fake_quant.scale]

# %% [markdown]
# ## Exercise · Find the channel
# ★★ · 10 minutes
#
# Write `drift` for a depthwise layer: for each channel, by how many `sigma` the mean of its results on `x` lies above the running `mean`.
#
# The results are those that batch norm gets in the upper half of the figure: fold, round, convolve, divide. `F.conv2d(x, kernel, padding=1, groups=len(weight))` convolves.
#
# Then try `drift(*layer, x).abs().topk(3)`: `layer` holds the first five arguments for the second convolution of our first network, and `x` what it gets from the training images.
#
# <details><summary>Hint</summary>
#
# Shape the factors by `.view(-1, 1, 1, 1)` for the weights and by `.view(1, -1, 1, 1)` for the results, and average by `.mean((0, 2, 3))`.
#
# </details>


# %% drift tags=["exercise"]
def drift(weight, gamma, mean, sigma, scale, x):
    """For each channel: (mean of its results on x - running mean) / running sigma."""
    raise NotImplementedError


# %% tags=["check"]
check.drift(drift)


# %% tags=["solution", "hide-cell"]
def drift_solution(weight, gamma, mean, sigma, scale, x):
    factor = gamma / sigma
    integers = torch.round(weight * factor.view(-1, 1, 1, 1) / scale)  # fold, then round
    folded = F.conv2d(x, integers * scale, padding=1, groups=len(weight))
    results = folded / factor.view(1, -1, 1, 1)
    return (results.mean((0, 2, 3)) - mean) / sigma


# %% [markdown]
# <details><summary>What others found</summary>
#
# Channel 4 is off by nearly two sigma, and the next channel by a tenth of one.
#
# </details>

# %% [markdown]
# ## Remember
#
# - QAT folds batch norm into the weights, and then rounds, as the kernel does.
# - A channel that is rounded away gets a huge gradient, and the copy's statistics no longer fit its weights. Where that can happen, freeze batch norm before the first batch; elsewhere, let it learn first.
# - Training comes last: first try a scale per channel, empty dead channels, or measure the statistics anew.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("qat_cnn")

# %% [markdown]
# ## Deeper
#
# ### Other ways out
#
# A *smaller learning rate* can help: at 0.0001, six of six copies were good, but at 0.0003 three of six failed. *Freezing too late* doesn't help: after 15 batches with free batch norm and 15 more with frozen, the copies had 52 to 73 % (all in `records/qat_cnn`).
#
# Don't freeze by calling `.eval()` on the batch norms: the next `model.train()` undoes it.
#
# ### Quantized transfer learning
#
# **Transfer learning** carries a trained network over to a new task: its body stays, and it gets a new last layer, the *head*. With int8 there are two ways.
#
# *The body is int8 already.* It can't be trained, but it can compute features, and the new head learns from them in float.
#
# *Body and head both adapt.* Train them in float first, until they know the new task. Then freeze batch norm, fine-tune with rounding as in this lesson, and convert. If you froze it earlier, it would keep statistics of the old task.
#
# **Sources.** The steps follow *Introduction to Quantization on PyTorch* ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)), by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman, which says that QAT typically gives the highest accuracy. The item on transfer learning began from *Quantized Transfer Learning for Computer Vision*, a tutorial by Zafar Takhirov. R. Krishnamoorthi's whitepaper, 2018, [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), freezes batch norm in the course of a training of MobileNets, as does PyTorch's own [training script](https://github.com/pytorch/vision/blob/main/references/classification/train_quantization.py): batch norm after four epochs, the observers after five. M. Nagel et al., 2022, [arXiv:2203.11086](https://arxiv.org/abs/2203.11086), found in MobileNets with few bits that weights which oscillate between two levels spoil the statistics of batch norm. `torch.ao.quantization` is deprecated; [[pt2e]] has its successor for CNNs.
#
# **Going further.** B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), where folding in training comes from.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# That was a lot of calls. In the next lesson, [[torchao]], one call does it all, with a config whose name says int4. You'll see which part of that name is true.

# ---
# jupyter:
#   course:
#     promise: You will take a CNN with batch norm through quantization-aware training, and know what to try first.
#     seconds: 50
#     needs: [depthwise, qat]
#     goals:
#       - say why batch norm is folded before the rounding, and why the int8 copy of a good training can fail;
#       - take a CNN through `prepare_qat`, and freeze batch norm and observers at the right moment;
#       - decide what to try before any training.
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
# ## 1. The training is good, the copies are not
#
# In int8, with one scale for all weights of a layer, DepthwiseCNN loses about 25 points of accuracy ([[depthwise]]). *Quantization-aware training*, QAT, should help, because it trains with the rounding switched on ([[qat]]). So we fine-tune the network, convert it to int8, and expect our points back.
#
# We take 15 batches of 64 images, at a learning rate of 0.001, and train three times, with the images in different orders.

# %% fine_tune tags=["legacy"]
import copy

from torch import nn
from torch.ao import quantization as tq

from course_utils.data import checkpoints, load
from lessons.qat_cnn.experiment import accuracy, fused

net = checkpoints.load("depthwise_cnn")  # trained on Fashion-MNIST
images, labels = load("fashion_mnist", n=960)  # 15 batches


def fine_tune(model, order):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    for batch in torch.randperm(len(images), generator=torch.Generator().manual_seed(order)).split(64):
        loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def int8_copy(prepared):
    return tq.convert(copy.deepcopy(prepared).eval())


# `fused` makes a network ready for `prepare_qat`: section 2.
trained = [fine_tune(tq.prepare_qat(fused(net)), order) for order in range(3)]

# %% copies tags=["hide-input", "legacy"]
# Draws the accuracy of the three trained networks, still in training mode, and of their int8 copies.
from lessons.qat_cnn.experiment import static_int8

in_training = [show.in_training_mode(model) for model in trained]
copies = [accuracy(int8_copy(model)) for model in trained]
without = {"float, before": accuracy(net), "int8 without training": accuracy(static_int8(net))}
show.copies(in_training, copies, without)

# %% [markdown]
# In training mode, the networks reach about 90 %. Their int8 copies are far worse than int8 without training. Why? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# We'll follow one channel all the way: channel 4 of the second convolution, which is depthwise. So the channel has only nine weights.

# %% [markdown]
# ## 2. Fold first, then round
#
# Does the copy compute with the weights that we trained? Each weight changes twice. *Folding* comes first ([[static]]). Batch norm takes a channel's output $x$, subtracts the mean $\mu$, divides by the standard deviation $\sigma$, and applies two learned numbers: $\gamma\,(x - \mu)/\sigma + \beta$. Once $\mu$ and $\sigma$ are fixed, this is one multiplication and one addition, which can be done in advance. Then the *kernel*, the int8 routine of the convolution, needs no batch norm:
#
# - Each weight of the channel is multiplied by $\gamma/\sigma$.
# - The channel's bias becomes $\beta - \gamma\mu/\sigma$.
#
# In channel 4, $\gamma$ is 0.550 and $\sigma$ is 2.93, so the factor is 0.188. Folding turns its first weight, 0.470, into 0.0884.
#
# Then comes rounding. All 32 channels of the layer share one scale, and the largest folded weight sets it: −22.4, in channel 28. This channel is *dead*: it gets nothing but zeros. So its $\sigma$ is only 0.00316, the root of batch norm's ε, and folding makes its weights 80 times larger ([[depthwise]]). int8 goes down to −128, so the scale is $22.4 / 128 = 0.175$.
#
# **Predict.** Which multiple of this scale takes the place of our 0.0884: **A** 0, **B** 0.175, **C** 0.35?

# %% [markdown] tags=["answer"]
# **0.175 (B), because 0.0884 / 0.175 = 0.505, which is rounded to 1.** That is twice the folded weight.

# %% [markdown]
# A training that rounds first and folds afterwards would never meet this doubled weight. Before folding, the largest weight is only 1.115, so the scale is below 0.01, and our 0.470 changes by less than a percent.
#
# **So training has to do what the kernel does: fold first, then round.** With a scale per channel the order wouldn't matter, because folding would multiply a channel's weights and its scale by the same factor.
#
# In PyTorch, `fuse_modules_qat` makes one module of a convolution, its batch norm and its ReLU. `prepare_qat` then puts the rounding into it:

# %% prepare tags=["legacy"]
from lessons.qat_cnn.experiment import one_scale  # a qconfig: one scale per layer

blocks = [[f"module.features.{n}.{part}" for part in (0, 1, 2)] for n in range(7)]
model = tq.QuantWrapper(copy.deepcopy(net)).train()
model = tq.fuse_modules_qat(model, blocks)
model.qconfig = one_scale  # up to here, this is `fused`
prepared = tq.prepare_qat(model)

# %% [markdown]
# At each call, such a module folds its present weights, rounds them, and convolves. Then it divides the results by $\gamma/\sigma$ again and gives them to its batch norm, which is still being trained.
#
# In channel 4, three weights are left: 0.505, 0.556 and −0.782 scales become the integers 1, 1 and −1, and the other six become 0. But training computes with these crude integers, too, and does well. There must be another difference.

# %% [markdown]
# ## 3. The copy uses other statistics than training
#
# Does the conversion break something? Let's leave it out, and only switch the trained networks to evaluation mode. They still compute in float, with all the rounding:

# %% evaluation tags=["legacy"]
# Without observers the scales stay as they are.
simulated = [copy.deepcopy(one).apply(tq.disable_observer).eval() for one in trained]
print("not converted, .eval():", *(f"{accuracy(model):.1f} %" for model in simulated))

# %% [markdown]
# They already fail, so most of the damage is done before the conversion. (With the engine x86 the conversion itself costs some points more, with others none.) What `.eval()` changes is batch norm, which has two sets of statistics:
#
# - In training it uses the mean and the variance of the **batch**.
# - In evaluation an image may come alone, so it uses a **running mean** and a **running variance**. Each batch of the training moves them a tenth of the way to its own.
#
# The copy has the running ones, folded into its weights and biases.
#
# For channel 4, the two differ from the start. Its running mean is 2.14 and its $\sigma$ is 2.93, as the float filter left them. But rounded to 1, 1 and −1, it's a different filter: in the first batch its results have a mean of 5.10 and a standard deviation of 6.38. What happens to an average output of 5.10?
#
# - In training, (5.10 − 5.10) / 6.38 = 0.
# - In evaluation, (5.10 − 2.14) / 2.93 = 1.01.
#
# So in evaluation the channel is a whole standard deviation too high, and no later layer was trained for that.
#
# **Training can't see this error, because batch norm removes it before the loss is computed.**
#
# **Try it.** Does a smaller rate help? In section 1, set `lr=0.0001`, and run the cells again from there.
#
# <details><summary>What others found</summary>
#
# The copies are good. But at 0.0003 some fail again (section 6).
#
# </details>

# %% [markdown]
# ## 4. Why the running statistics don't catch up
#
# They've had 15 batches to catch up, and each closes a tenth of the gap. What keeps them away?
#
# In the first batch, the results of the rounded filter vary more than those of the float filter did. So the running variance rises, and $\sigma$ goes from 2.93 to $\sqrt{0.9 \cdot 2.93^2 + 0.1 \cdot 6.38^2} = 3.43$. The folded weights are $w\gamma/\sigma$, so they all shrink by the factor 2.93 / 3.43 = 0.85:
#
# - 0.505 becomes 0.43 and 0.556 becomes 0.47, so both integers drop from 1 to 0.
# - −0.782 becomes −0.67, and its integer stays −1.
#
# **The running statistics change the very weights that they measure.** In the next batches $\sigma$ rises further, for the same reason. When −0.67 has shrunk to −0.5, the last integer is gone, too, and the channel gives 0 for every image: it has been *rounded away*. Its results vary as little as those of the dead channel, so batch norm divides them by 0.00316, and no longer by about 6.
#
# **Predict.** In this batch, how large is the gradient of the nine weights: **A** 0, because the channel gives only zeros, **B** about as large as before, **C** thousands of times larger?

# %% one_channel tags=["hide-input"]
# Repeats the first training, and draws channel 4 and the gradient of its weights, batch by batch.
seen = show.batch_by_batch(tq.prepare_qat(fused(net)), lambda model: fine_tune(model, order=0))
show.one_channel(seen)

# %% [markdown] tags=["answer"]
# **Thousands of times larger (C), because on its way back through batch norm the gradient is divided by 0.00316, too.**

# %% [markdown]
# Above, the folded weights shrink until, in the yellow batch, all nine are rounded to 0. In the middle, their gradient jumps. Momentum repeats most of it in the batches that follow, so the weights and $\gamma$ keep growing, and other integers appear. Below, the mean of the channel leaps from far below 0 to far above, and the running mean ends further off than it started.
#
# Is this gradient the cause? Then the copies must be good if we shrink it and change nothing else. *Gradient clipping* scales a gradient that is too large down to a limit. We clip channel 4 alone, at a norm of 1, which ordinary batches never reach.

# %% clipped tags=["legacy"]
from lessons.qat_cnn.experiment import clip_channel

clipped = [fine_tune(clip_channel(tq.prepare_qat(fused(net)), channel=4), order) for order in range(3)]
of_clipped = [accuracy(int8_copy(model)) for model in clipped]
print("int8 copies, channel 4 clipped:", *(f"{percent:.1f} %" for percent in of_clipped))

# %% [markdown]
# They're good. **So what ruined the copies was the gradient of one channel that had been rounded away.** Without it, the running statistics of section 3 stay close enough.

# %% [markdown]
# ## 5. How to prevent it: freeze the statistics
#
# Clipping limits the gradient, but $\sigma$ still rounds the channel away. Can't we keep $\sigma$ where it is? After `freeze_bn_stats`, training uses the running mean and variance as well, and they no longer move.
#
# Then an average result of channel 4 counts as 1.01 in training, too. So the loss sees this error, and training can correct it.

# %% frozen tags=["legacy"]
from torch.ao.nn.intrinsic.qat import freeze_bn_stats

still = [tq.prepare_qat(fused(net)).apply(freeze_bn_stats) for _ in range(3)]
frozen = [fine_tune(model, order) for order, model in enumerate(still)]
of_frozen = [accuracy(int8_copy(model)) for model in frozen]
print("int8 copies, batch norm frozen:", *(f"{percent:.1f} %" for percent in of_frozen))

# %% [markdown]
# With several epochs, this is the order:
#
# ```python
# prepared = tq.prepare_qat(fused(net)).apply(freeze_bn_stats)  # before the first batch
# for epoch in range(epochs):  # two at least
#     if epoch == epochs - 1:
#         prepared.apply(tq.disable_observer)  # before the last epoch
#     train_one_epoch(prepared)
#     print(accuracy(int8_copy(prepared)))  # the copy is what will run
# ```
#
# - **Batch norm before the first batch**, because a few batches can round a channel away. Freezing after 15 batches was too late, because it kept the wrong statistics: after 15 more, all six copies were below 75 % (`records/qat_cnn`). (`.eval()` on batch norm isn't enough: the next `model.train()` undoes it.)
# - **Observers before the last epoch.** They set the scales. At the start they haven't seen any numbers, and while they're on, each batch moves the scales, and some integers with them.

# %% [markdown]
# ## 6. When to freeze, and when to train at all
#
# Must batch norm always be frozen? The failure needed a channel that can be rounded away. Two repairs from [[depthwise]] prevent that:
#
# - **Empty the dead channels.** Their weights become 0, and no longer make the scale too coarse for channel 4.
# - **A scale per channel.** Then the largest weight of each channel becomes 127 or −128.
#
# Here is int8 without training, and after QAT with free and frozen batch norm, at a learning rate of 0.0003:

# %% compared tags=["legacy"]
from lessons.qat_cnn.experiment import emptied

untrained = {
    "one scale": accuracy(static_int8(net)),
    "dead channels emptied": accuracy(static_int8(emptied(net))),
    "a scale per channel": accuracy(static_int8(net, per_channel=True)),
}
show.compared(untrained)

# %% [markdown]
# In the first row, free batch norm fails in some orders of the images, and frozen batch norm in none. In the other rows, both always worked at this rate. At 0.001 freezing has a price there: with the dead channels emptied, the frozen copies had 81 to 91 %, and the free ones 90 to 91 % (same record).
#
# **So freeze before the first batch where a channel can be rounded away. Elsewhere we found no reason to.**
#
# And do we need to train at all? PyTorch's introduction says that QAT typically gives the highest accuracy ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)). But after either repair, the first column is about as good as any other, so there is little to win back.
#
# What to try first is a scale per channel, if the kernel can use it. Then empty the dead channels, and train last. Measure the copy each time, and stop when it's good enough.


# %% tags=["hide-input"]
# Takes the second layer of the first network, and what it gets from the images.
import torch.nn.functional as F

with torch.no_grad():
    inside = copy.deepcopy(simulated[0]).train().module
    x = inside.features[0](images)
    conv, norm = simulated[0].module.features[1][0], simulated[0].module.features[1][0].bn
    sigma = (norm.running_var + norm.eps).sqrt()
    layer = [conv.weight.detach(), norm.weight.detach(), norm.running_mean, sigma, conv.weight_fake_quant.scale]

# %% [markdown]
# ## Exercise · Find the channel
# ★★ · 10 minutes
#
# In your own network, nobody tells you which channel to look at. Write `drift`, which finds it in a depthwise layer: for each channel, by how many running `sigma` the mean of its results on `x` differs from the running `mean`. The results are those of the prepared module: fold, round, convolve, divide.
#
# Then try `drift(*layer, x).abs().topk(3)`, on the second layer of the first trained network.
#
# <details><summary>Hint</summary>
#
# `F.conv2d(x, kernel, padding=1, groups=len(weight))` convolves. Shape the factors by `.view(-1, 1, 1, 1)` for the weights and by `.view(1, -1, 1, 1)` for the results, and average by `.mean((0, 2, 3))`.
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
# - Fold, then round, because training must compute with the kernel's weights; `fuse_modules_qat` and `prepare_qat` do so.
# - The copy uses running statistics, which also move the folded weights: where a channel can be rounded away, freeze them before the first batch.
# - Training comes last: first try a scale per channel, or empty the dead channels, and always measure the copy.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"]
claims.show("qat_cnn")

# %% [markdown]
# ## Deeper
#
# ### Inside the prepared module

# %% fold_then_round tags=["hide-input"]
# Draws one fused module in training, and the kernel that it becomes.
show.fold_then_round()

# %% [markdown]
# Above, a module in training: `conv`, batch norm and ReLU are one, and two fake quantizations round the folded weights and the result. Below, the kernel that `convert` makes of it. Look for the fake quantizations when you print your own network. With `get_default_qconfig`, without *qat*, there are only observers, so the network trains in float.
#
# ### New statistics without a training
#
# The running statistics can also be measured anew. The images pass once through the prepared network, in training mode, without labels or an optimizer. With one scale per layer, the copies then reached 89 to 90 % (`records/qat_cnn`, at the rate 0), about as with frozen batch norm. Channel 4 is rounded away here, too, but without a loss there is no gradient.
#
# Afterwards nearly all running means fit the rounded filters. Channel 4 is still a whole standard deviation off, but downwards, where ReLU turns an average result into 0. That does little harm.
#
# ### Quantized transfer learning
#
# **Transfer learning** carries a trained network over to a new task: its body stays, and it gets a new last layer, the *head*. With int8 there are two ways.
#
# *The body is int8 already.* It can't be trained, but it can compute features, and the new head learns from them in float.
#
# *Body and head both adapt.* Train them in float first, until they know the new task. Then freeze batch norm, fine-tune with rounding as in this lesson, and convert. If you froze it earlier, it would keep statistics of the old task. Compare the result with the network after the float training, made int8.
#
# **Sources.** The steps follow *Introduction to Quantization on PyTorch* (2020), by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. The item on transfer learning began from *Quantized Transfer Learning for Computer Vision*, a tutorial by Zafar Takhirov. R. Krishnamoorthi's whitepaper, 2018, [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), freezes batch norm in the course of a training of MobileNets, and not at its beginning. M. Nagel et al., 2022, [arXiv:2203.11086](https://arxiv.org/abs/2203.11086), found in MobileNets with few bits that weights which oscillate between two levels spoil the statistics of batch norm. `torch.ao.quantization` is deprecated; [[pt2e]] has its successor for CNNs.
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), where folding in training comes from.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# Fusing, preparing, freezing, converting: that was a lot of calls for one network. In [[torchao]] a single call and a config do all this, and its name says int4. You'll see which part of that name is true.

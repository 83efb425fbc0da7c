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
#       kick: "f'{max(seen[\"norm\"]):.0f}'"
#       static: "f'{ways[\"static\"]:.0f}'"
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
# It's a short fine-tuning: 15 batches of 64 images, at a learning rate of 0.001. We run it three times, with the images in different orders.

# %% fine_tune tags=["legacy"]
import copy

from torch import nn
from torch.ao import quantization as tq

from course_utils.data import checkpoints, load
from lessons.qat_cnn.experiment import accuracy, fused

net = checkpoints.load("depthwise_cnn")  # trained on Fashion-MNIST
images, labels = load("fashion_mnist", n=960)  # 15 batches


def fine_tune(model, order, lr=0.001, max_norm=float("inf")):
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    for batch in torch.randperm(len(images), generator=torch.Generator().manual_seed(order)).split(64):
        loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm)  # does nothing until section 4
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
# In training mode, rounding included, the networks classify about 90 % of the images correctly. Their int8 copies are far worse than int8 without any training. Why? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# We'll follow one channel all the way: channel 4 of the second convolution. It's depthwise, so the channel has only nine weights.

# %% [markdown]
# ## 2. Fold first, then round
#
# Does the copy compute with the weights that we trained? Each weight is changed twice. First comes *folding* ([[static]]). Batch norm takes a result $x$ of a channel, subtracts the mean $\mu$, divides by the standard deviation $\sigma$, and applies two learned numbers: $\gamma\,(x - \mu)/\sigma + \beta$. The *kernel*, the int8 routine that computes the convolution, has no batch norm, and needs none. Once $\mu$ and $\sigma$ are fixed, all this is one multiplication and one addition, which can be done in advance:
#
# - Each weight of the channel is multiplied by $\gamma/\sigma$.
# - The channel's bias becomes $\beta - \gamma\mu/\sigma$.
#
# In channel 4, $\gamma$ is 0.550 and $\sigma$ is 2.93, so the factor is 0.188. Folding turns its first weight, 0.470, into 0.0884.
#
# Then comes rounding. All 32 channels of the layer share one scale, and the largest folded weight sets it. It is in channel 28, which is *dead*: it gets nothing but zeros. Its results don't vary, so batch norm divides by $\sqrt{\epsilon} = 0.00316$, where ε only prevents a division by zero. Its factor $\gamma/\sigma$ is 80, so folding turns a weight of 0.28 into 22.4, and the scale is $22.4 / 127.5 = 0.1757$.
#
# **Predict.** The kernel has only multiples of this scale. Which weight does it use in place of our 0.0884: **A** 0, **B** 0.0884, **C** 0.1757?

# %% [markdown] tags=["answer"]
# **0.1757 (C), because 0.0884 / 0.1757 = 0.503, which is rounded to 1.** The kernel's weight is twice as large as the folded one.

# %% [markdown]
# Imagine a training that rounds first and folds afterwards. Before folding, the largest weight is 1.115, so the scale is $1.115/127.5 = 0.00875$. Our 0.470 becomes 54 scales, 0.4725, and folding turns that into 0.0888. This training sees an error of half a percent, and the kernel doubles the weight.
#
# **So training has to do what the kernel does: fold first, then round.** The order matters because the channels share a scale. If each channel had its own, folding would multiply a channel's weights and its scale by the same factor, and the integers would stay the same.
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
# Here is channel 4 when the training begins:
#
# | | | | | the other six |
# |---|---|---|---|---|
# | weight | 0.470 | 0.518 | −0.728 | −0.43 to 0.37 |
# | folded, divided by the scale | 0.503 | 0.554 | −0.779 | −0.46 to 0.40 |
# | integer | 1 | 1 | −1 | 0 |
#
# But training computes with these crude integers, too, and does well. There must be another difference.

# %% [markdown]
# ## 3. The copy uses other statistics than training
#
# Does the conversion break something? Let's leave it out, and only switch the trained networks to evaluation mode. They still compute in float, with all the rounding:

# %% evaluation tags=["legacy"]
# Without observers the scales stay as they are.
simulated = [copy.deepcopy(one).apply(tq.disable_observer).eval() for one in trained]
print("not converted, .eval():", *(f"{accuracy(model):.1f} %" for model in simulated))

# %% [markdown]
# They already fail. The conversion costs some points more, but most of the damage is done by `.eval()`. What it changes is batch norm, which has two sets of statistics:
#
# - In training it uses the mean and the variance of the **batch**.
# - In evaluation an image may come alone, so it uses a **running mean** and a **running variance**. Each batch of the training moves them a tenth of the way to its own.
#
# The copy has the running ones, folded into its weights and biases as $\mu$ and $\sigma$.
#
# For channel 4, the two differ from the start. Its running mean is 2.14 and its $\sigma$ is 2.93, as the float filter left them. But the integers 1, 1 and −1 are another filter: in the first batch its results have a mean of 5.10 and a standard deviation of 6.38. What becomes of an average result, 5.10?
#
# - Training subtracts the mean of the batch: (5.10 − 5.10) / 6.38 = 0.
# - Evaluation subtracts the running mean: (5.10 − 2.14) / 2.93 = 1.01.
#
# In evaluation the channel is a whole standard deviation too high, and no later layer was trained for that.
#
# **Training can't see this error, because batch norm removes it before the loss is computed.**
#
# Can one channel of 576 ruin a network? We stay in evaluation mode, and let channel 4 alone use the statistics of each batch:

# %% one_channel_up_to_date
print("channel 4 up to date:", *(f"{show.up_to_date(model, channel=4):.1f} %" for model in simulated))

# %% [markdown]
# About half of the lost points or more come back. So the running statistics of channel 4 are badly wrong.
#
# **Try it.** Take another channel, `channel=5`, and run the last cell again.
#
# <details><summary>What others found</summary>
#
# That repairs next to nothing.
#
# </details>

# %% [markdown]
# ## 4. Why the running statistics are so far off
#
# They've had 15 batches to catch up. Each closes a tenth of the gap, so $0.9^{15}$ of it should be left, about a fifth. Yet after our trainings the gap is larger than before. What happened on the way?
#
# Let's follow the first batch. The results of the rounded filter vary more than those of the float filter did, so the running variance rises, and $\sigma$ goes from 2.93 to $\sqrt{0.9 \cdot 2.93^2 + 0.1 \cdot 6.38^2} = 3.43$. The folded weights are $w\gamma/\sigma$, so they all shrink by the factor 2.93 / 3.43 = 0.85:
#
# - 0.503 becomes 0.43 and 0.554 becomes 0.47, so both integers drop from 1 to 0.
# - −0.779 becomes −0.67, and its integer stays −1.
#
# The training has hardly touched $w$ and $\gamma$, and yet two integers are gone. **The running statistics change the very weights that they measure.** And $\sigma$ keeps rising, because the results of the −1 alone still vary more than 3.43. A few batches later −0.67 has shrunk to −0.5, and the last integer is gone, too.
#
# Now the channel gives 0 for every image. It varies as little as the dead channel, so batch norm divides its results by 0.00316, and no longer by about 6.
#
# **Predict.** In this batch, how large is the gradient of the nine weights: **A** 0, because the channel gives only zeros, **B** about as large as before, **C** hundreds of times larger?

# %% one_channel tags=["hide-input"]
# Repeats the first training, and draws channel 4 and the gradients, batch by batch.
seen = show.batch_by_batch(tq.prepare_qat(fused(net)), lambda model: fine_tune(model, order=0))
show.one_channel(seen)

# %% [markdown] tags=["answer"]
# **Hundreds of times larger (C), because the gradient is divided by the same number as the results, on its way back through batch norm.**

# %% [markdown]
# Read the figure from the top. Above, the folded weights shrink until all nine are rounded to 0, in the yellow batch. In the middle, the gradient jumps to a hundred times its usual size. One such step moves the weights and $\gamma$ far away, and momentum keeps repeating most of it. So the weights grow again, to other integers than before. Below, the mean of the channel leaps from far below 0 to far above, and the running mean, always late, can't catch up.
#
# Is this gradient the cause? Then the copies must be good if we only make it smaller. *Gradient clipping* does that: where the norm of all gradients exceeds a limit, they are scaled down to it. The limit 5 leaves ordinary batches as they are.

# %% clipped tags=["legacy"]
clipped = [fine_tune(tq.prepare_qat(fused(net)), order, max_norm=5) for order in range(3)]
of_clipped = [accuracy(int8_copy(model)) for model in clipped]
print("int8 copies, gradients clipped:", *(f"{percent:.1f} %" for percent in of_clipped))

# %% [markdown]
# They're good. **So one large step ruined the copies, right after a channel had been rounded away completely.**

# %% [markdown]
# ## 5. How to prevent it: freeze the statistics
#
# Clipping weakens the step, but the channel is still rounded away, because $\sigma$ still moves its weights. Can't we keep $\sigma$ where it is? After `freeze_bn_stats`, training uses the running mean and variance as well, and they no longer move.
#
# For channel 4, $\sigma$ stays at 2.93, so no integer changes because of it. And an average result counts as 1.01 in training, too. Now the loss sees this error, and the weights, $\gamma$ and $\beta$ can learn to correct it.

# %% frozen tags=["legacy"]
from torch.ao.nn.intrinsic.qat import freeze_bn_stats

still = [tq.prepare_qat(fused(net)).apply(freeze_bn_stats) for _ in range(3)]
frozen = [fine_tune(model, order) for order, model in enumerate(still)]
of_frozen = [accuracy(int8_copy(model)) for model in frozen]
print("int8 copies, batch norm frozen:", *(f"{percent:.1f} %" for percent in of_frozen))

# %% [markdown]
# But 0.001 was our choice. Would a smaller learning rate have been enough? We asked again, with six orders of the images at several rates (`records/qat_cnn`):

# %% by_rate tags=["hide-input"]
# Shows what the record has on free and on frozen batch norm, by learning rate.
show.by_rate()

# %% [markdown]
# Yes, a tenth of our rate is enough. But at three tenths it depends on the order of the images, and the training gives no warning: in training mode, all networks with free batch norm reach about 90 %. A longer training isn't safe, either: at the rate 0.001, two of the six copies were good after 30 and 45 batches, and bad again after 60.
#
# **Freezing makes the copy reliable, at every rate that we tried.**
#
# In a training of several epochs, the order is this:
#
# ```python
# prepared = tq.prepare_qat(fused(net)).apply(freeze_bn_stats)  # before the first batch
# for epoch in range(epochs):
#     if epoch == epochs - 1:
#         prepared.apply(tq.disable_observer)  # before the last epoch
#     train_one_epoch(prepared)
#     print(accuracy(int8_copy(prepared)))  # the copy is what will run
# ```
#
# - **Batch norm before the first batch**, if a training in float has made its statistics worth keeping. (`.eval()` on the batch norms isn't enough: the next `model.train()` undoes it.)
# - **Observers before the last epoch.** They set the scales. At the start they haven't seen any numbers yet. If they're never switched off, each batch moves the scales a little, and a weight near a border may change its integer.

# %% [markdown]
# ## 6. Was the training needed?
#
# In the table, the learning rate 0 does as well as any. So we need no loss and no labels. It's enough to send the images through the prepared network in training mode:


# %% one_pass
@torch.no_grad()
def one_pass(model):
    for batch in images.split(64):
        model(batch)  # no loss, no optimizer: only the running statistics follow
    return model


# %% [markdown]
# Then the running statistics measure the rounded filters, and without an optimizer there is no large step. We compare this pass with static int8 ([[static]]), with two repairs of [[depthwise]], and with QAT:

# %% ways tags=["hide-input", "legacy"]
# Makes the network int8 in five ways, and draws their accuracy.
from lessons.qat_cnn.experiment import emptied

ways = {
    "static": without["int8 without training"],
    "pass with rounding": accuracy(int8_copy(one_pass(tq.prepare_qat(fused(net))))),
    "dead channels emptied": accuracy(static_int8(emptied(net))),
    "a scale per channel": accuracy(static_int8(net, per_channel=True)),
    "QAT, frozen": sum(of_frozen) / 3,
}
show.ways(ways, without["float, before"])

# %% [markdown]
# So the training wasn't needed. PyTorch's introduction says that QAT typically gives the highest accuracy ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)). But once each channel has its own scale, there is little to win back. So measure the copy after each row of this list, and stop when it's good enough:
#
# | what to try first | you need | it repairs |
# |---|---|---|
# | a scale per channel | a kernel that can use it | narrow channels beside wide ones |
# | empty the dead channels | images, to find them | a dead channel that sets the scale |
# | one pass with rounding | images | statistics from before the rounding |
# | QAT, batch norm frozen | labels and a training | what is still lost |


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
# In your own network, nobody will tell you which channel to look at. Write `drift`, which finds it in a depthwise layer: for each channel, by how many running `sigma` the mean of its results on `x` differs from the running `mean`. The results are those of the prepared module: fold, round, convolve, divide.
#
# Then try `drift(*layer, x).abs().topk(3)`, on the second layer of the first trained network.
#
# <details><summary>Hint</summary>
#
# `F.conv2d(x, kernel, padding=1, groups=len(weight))` convolves. Shape the factors by `.view(-1, 1, 1, 1)`, and average by `.mean((0, 2, 3))`.
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
# Channel 4 is off by nearly two standard deviations, and the next worst channel by about a tenth of one.
#
# </details>

# %% [markdown]
# ## Remember
#
# - Fold, then round, because training must compute with the kernel's weights; `fuse_modules_qat` and `prepare_qat` do so.
# - Training normalizes by the batch and the copy by running statistics, which also move the folded weights: freeze them before the first batch.
# - Training comes last: first try a scale per channel, empty dead channels, or a pass with rounding, and always measure the copy.

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
# Above, a module in training, as `fuse_modules_qat` and `prepare_qat` make it: `conv`, batch norm and ReLU are one, and two fake quantizations round the folded weights and the result. Below, the kernel that `convert` makes of it. Look for the fake quantizations when you print your own network. With `get_default_qconfig`, without *qat*, there are only observers. Then the network trains in float, and no error says so.
#
# ### Does the simulation agree with the kernel?
#
# Not value by value, which is one more reason to measure the copy. Two examples:
#
# - *The scale.* Let the weights go from −1 to 1. In training the scale is 1 / 127. `convert` works it out anew, as 1 / 127.5. A weight of 0.499 is 63.37 scales in the one and 63.62 in the other, so it becomes 63 there and 64 here.
# - *The clipping of activations.* With the engine x86, training clips at the integer 127, and the kernel at 255.
#
# ### Quantized transfer learning
#
# **Transfer learning** carries a trained network over to a new task: its body stays, and it gets a new last layer, the *head*. With int8 there are two ways.
#
# *The body is int8 already.* It can't be trained, but it can compute features, and the new head learns from them in float. That takes little time and memory, and one body can serve several tasks.
#
# *Body and head both adapt.* Train them in float first, until the network knows the new task. Then freeze batch norm, fine-tune with rounding as in this lesson, and convert. If you froze it earlier, it would keep statistics of the old task. Compare the result with the obvious alternative: the network after the float training, made int8 without any further training.
#
# **Sources.** The steps follow *Introduction to Quantization on PyTorch* ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)) by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. The item on transfer learning began from *Quantized Transfer Learning for Computer Vision*, a tutorial by Zafar Takhirov. R. Krishnamoorthi's whitepaper, 2018, [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), freezes batch norm in a training of MobileNets. M. Nagel et al., 2022, [arXiv:2203.11086](https://arxiv.org/abs/2203.11086), found in MobileNets with few bits that weights which oscillate between two levels spoil the statistics of batch norm. `torch.ao.quantization` is deprecated; [[pt2e]] has its successor for CNNs.
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), where folding in training comes from. A project: search a network of your own for a channel that training rounds away.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# Fusing, preparing, freezing, converting: that was a lot of calls for one network. In [[torchao]] a single call and a config do all this, and its name says int4. You'll see which part of that name is true.

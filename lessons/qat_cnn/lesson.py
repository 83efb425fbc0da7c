# ---
# jupyter:
#   course:
#     promise: You will take a CNN through quantization-aware training, and find out why its int8 copy can fail.
#     seconds: 45
#     needs: [depthwise, qat]
#     goals:
#       - fold batch norm into a convolution by hand, and say why QAT folds before it rounds;
#       - take a CNN through `fuse_modules_qat`, `prepare_qat` and `convert`, and say when to freeze batch norm;
#       - find out whether batch norm ruins an int8 copy, and which channel does it.
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
# In [[depthwise]], DepthwiseCNN lost about 25 points of accuracy when it became int8 with a single scale for all weights of a layer. *Quantization-aware training*, QAT, trains with the rounding switched on ([[qat]]), so it should win them back. Let's fine-tune the network like this, and convert it.
#
# `fine_tune` is an ordinary training loop: 15 batches of 64 images, SGD with momentum, and a learning rate of 0.001. We run it with the images in three orders.

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
# An int8 network runs in *kernels*, routines that compute with integers and know nothing of batch norm. So where does the batch norm go?
#
# After training, batch norm does the same to every result $x$ of a channel. It subtracts a mean $\mu$, divides by a standard deviation $\sigma$, multiplies by a learned factor $\gamma$, and adds a learned shift $\beta$. In channel 4, $\mu = 2.14$, $\sigma = 2.93$, $\gamma = 0.55$ and $\beta = 0.13$:
#
# $$0.55 \cdot \frac{x - 2.14}{2.93} + 0.13 = 0.188\,x - 0.27$$
#
# That's one multiplication and one addition, and the convolution can do both itself: we multiply its weights by 0.188, and give it the bias −0.27. In float, nothing changes. This is called *folding*. In general, a weight $w$ becomes $w\gamma/\sigma$, and the bias is $\beta - \mu\gamma/\sigma$.
#
# Let's fold one of channel 4's nine weights, 0.518. It becomes 0.518 · 0.188 = 0.097. Now it's rounded to a multiple of the scale. All 32 channels share this scale, and it has to reach the largest folded weight of all, −22.4 in another channel. That makes it as coarse as 0.175.
#
# **Predict.** What takes the place of our 0.097: **A** 0, **B** 0.175, **C** 0.35?

# %% by_hand tags=["nbval-check-output"]
gamma, sigma, scale = 0.55, 2.93, 0.175
folded = 0.518 * gamma / sigma
print(f"folded: {folded:.3f}, in scales: {folded / scale:.2f}, integer: {round(folded / scale)}")

# %% [markdown] tags=["answer"]
# **0.175 (B), because 0.097 is more than half a scale, so it's rounded to 1.**

# %% [markdown]
# So the kernel uses a weight nearly twice as large as ours. Would a training notice this if it rounded *before* folding? No. Before folding, the layer's largest weight is only 1.1, so the scale is below 0.01, and 0.518 changes by less than one percent.
#
# **So QAT must do as the kernel does: fold first, then round.**
#
# **Try it.** Set `sigma` to 3.43 in the last cell, and run it again. What's our integer now?
#
# <details><summary>What others found</summary>
#
# 0, because the folded weight is only 0.47 scales.
#
# </details>
#
# In PyTorch, `fuse_modules_qat` makes one module of a convolution, its batch norm and its ReLU, and `prepare_qat` adds the rounding. Both need training mode. After the training, `convert` makes the kernels. It needs evaluation mode. Above, `int8_copy` gives it a deep copy, so we could go on training.

# %% prepare tags=["legacy"]
from lessons.qat_cnn.experiment import one_scale

model = tq.QuantWrapper(copy.deepcopy(net)).train()  # says where int8 begins and ends
blocks = [[f"module.features.{n}.{part}" for part in (0, 1, 2)] for n in range(7)]
model = tq.fuse_modules_qat(model, blocks)
model.qconfig = one_scale  # tq.get_default_qat_qconfig("x86") has one per channel
# Up to here, that's `fused` of section 1.
prepared = tq.prepare_qat(model)  # now we could train

# %% [markdown]
# The upper half of the figure is a fused module in training. It folds its weights, rounds them and convolves. Batch norm still follows, because it goes on learning. But the weights contain $\gamma/\sigma$ already, so the module first divides it out again. The lower half is the kernel that `convert` makes of it.

# %% fold_then_round tags=["hide-input"]
# Draws one fused module in training, and the kernel that it becomes.
show.fold_then_round()

# %% [markdown]
# ## 3. Why training can't see the error
#
# So QAT rounds as the kernel does. Where, then, is the accuracy lost? Between the trained network and the copy there are two steps, so let's measure after the first. `.eval()` takes batch norm from training to evaluation, and changes nothing else here: all the rounding stays, still in float. What's lost by it is batch norm's doing, and what's lost afterwards is the conversion's.
#
# **Predict.** After `.eval()`, are our three networks **A** as good as in training mode, **B** as good as int8 without training, **C** worse than both?

# %% evaluation tags=["legacy"]
# Measures deep copies, so that the networks stay in training mode.
after_eval = [show.in_evaluation_mode(model) for model in trained]
print("after .eval(), not converted:", *(f"{percent:.1f} %" for percent in after_eval))

# %% [markdown] tags=["answer"]
# **Worse than both (C), so most of the damage is done before any conversion.**

# %% [markdown]
# So it's mostly batch norm. (The conversion takes several points more, and we don't know why.) Batch norm has two sets of statistics:
#
# - In training, it uses the mean and the standard deviation of the **batch**.
# - In evaluation, an image may come alone. So it uses a **running mean** and a **running variance**, which each batch of the training has moved a tenth of the way towards its own.
#
# Folding takes the running ones (green in the figure): $\mu$ is the running mean, and $\sigma$ the square root of the running variance. Suppose that the running mean of a channel no longer fits its weights. Then the copy subtracts the wrong number, and all its results are shifted. **Training can't see this, because it subtracts the batch's own mean before the loss is computed.**

# %% [markdown]
# ## 4. How one channel ruins the copy
#
# How can the running mean be so wrong? The figure follows channel 4 through our first training. In blue, it shows those of the nine integers that aren't 0.

# %% one_channel tags=["hide-input"]
# Repeats the first training, and draws the integers and the two means of channel 4, batch by batch.
seen = show.batch_by_batch(tq.prepare_qat(fused(net)), lambda model: fine_tune(model, order=0))
show.one_channel(seen)

# %% [markdown]
# Read it from left to right.
#
# - **Batch 1: rounding has made another filter.** The standard deviation of its results is 6.38, against 2.93 before. So the running $\sigma$ rises, to $\sqrt{0.9 \cdot 2.93^2 + 0.1 \cdot 6.38^2} = 3.43$.
# - **Batches 2 to 7: a larger $\sigma$ shrinks the folded weights,** because folding divides by it. That's your **Try it**: our 0.518 is now rounded to 0. So is the other 1, and the optimizer has hardly moved either. Only the −1 is left, so the mean is negative. The results still vary by 5 or 6, so $\sigma$ goes on rising.
# - **Batch 8: no integer is left.** At a $\sigma$ of 4.61, the −1 is rounded to 0 as well. Now all results are 0, and so is their standard deviation. Batch norm would divide by 0, so it adds a tiny number to the variance, and divides by 0.003. On its way back, the gradient is divided by 0.003, too, and becomes thousands of times larger.
# - **Afterwards, the weights move far.** For two batches the −1 comes back, because the zeros have lowered $\sigma$. But momentum repeats the huge gradient, and by batch 11 the −1 has given way to a 1. So the mean leaps from −6 to 6.5, and with two 1s it ends at 14.
# - **The line stays behind,** because each batch closes only a tenth of the gap. In the end, training subtracts 14 and the copy 3.
#
# Is it really this gradient? We trained again, and limited the gradients of channel 4 to a length of 1, far above what ordinary batches give. Now all six copies were good (`records/qat_cnn`). One channel of 576 had ruined the network.

# %% [markdown]
# ## 5. The repair: freeze the statistics
#
# The chain began when $\sigma$ moved. So let's hold it: `freeze_bn_stats` stops the running statistics, and makes training use them, too. $\gamma$ and $\beta$ still learn. This helps in three ways: $\sigma$ stays at 2.93 and shrinks no weights; training divides by 2.93 and not by 0.003; and it subtracts the same mean as the copy, so the loss sees what the copy will do.

# %% frozen tags=["legacy"]
from torch.ao.nn.intrinsic.qat import freeze_bn_stats

still = [tq.prepare_qat(fused(net)).apply(freeze_bn_stats) for _ in range(3)]
frozen = [fine_tune(model, order) for order, model in enumerate(still)]
of_frozen = [accuracy(int8_copy(model)) for model in frozen]
print("int8 copies, batch norm frozen:", *(f"{percent:.1f} %" for percent in of_frozen))

# %% [markdown]
# All three copies are good.
#
# **When should you freeze?** With one coarse scale per layer, before the first batch, which already moves $\sigma$. With a scale per channel, after a few epochs: there, the largest weight of each channel becomes 127 or −128, so no channel is rounded away, and batch norm can first adapt to the rounding.
#
# But did we need QAT? It takes labels and a training, and all the trouble comes from a coarse scale. So let's give each channel its own, and not train.

# %% per_channel tags=["legacy"]
finer = accuracy(static_int8(net, per_channel=True))
print(f"int8 without training, a scale per channel: {finer:.1f} %")

# %% [markdown]
# That's as good as in float. So here, QAT wins back only what the coarse scale had cost. With a scale per channel there's little to win back, and QAT gained next to nothing (`records/qat_cnn`). **So a scale per channel is what to try first,** if your kernels support it. Train if that loses too much.

# %% tags=["hide-input"]
# Takes the second layer of the first network, and what it gets from the images.
import torch.nn.functional as F

from course_utils.data import load

images, _ = load("fashion_mnist", n=960)  # those of the training
with torch.no_grad():
    features = copy.deepcopy(trained[0]).apply(tq.disable_observer).train().module.features
    x, conv = features[0](images), features[1][0]
    norm = conv.bn
    sigma = (norm.running_var + norm.eps).sqrt()
    layer = [conv.weight.detach(), norm.weight.detach(), norm.running_mean, sigma, conv.weight_fake_quant.scale]

# %% [markdown]
# ## Exercise · Find the channel
# ★★ · 10 minutes
#
# Write `drift` for a depthwise layer: for each channel, by how many `sigma` the mean of its results on `x` lies above the running `mean`.
#
# The results are what batch norm gets in training (figure in section 2): fold, round, convolve, divide. `F.conv2d(x, kernel, padding=1, groups=len(weight))` convolves.
#
# Then try `drift(*layer, x).abs().topk(3)` on our first network: `layer` holds the other five arguments for its second convolution, and `x` that layer's input.
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
# - The copy uses running statistics, and training those of the batch. So a channel that is rounded away can ruin the copy, and training doesn't see it.
# - Try a scale per channel before any training. Where a layer has one coarse scale, freeze batch norm before the first batch.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("qat_cnn")

# %% [markdown]
# ## Deeper
#
# ### What if the kernels have one scale per layer?
#
# Then you can *empty the dead channels*. A **dead channel** gets only zeros, so its $\sigma$ is nearly 0, and folding makes its weights huge. In our layer, −22.4 is in one. Such weights do nothing, so set them to 0 ([[depthwise]]). Or *measure the statistics anew*: pass the images once through the prepared network, in training mode (`for batch in images.split(64): prepared(batch)`). Without a loss, no gradient can become huge.

# %% compared tags=["hide-input", "legacy"]
# Measures int8 without training, and puts it beside the record of the other ways.
from lessons.qat_cnn.experiment import emptied

untrained = {
    "one scale": without["int8 without training"],
    "a scale per channel": finer,
    "dead channels emptied": accuracy(static_int8(emptied(net))),
}
show.compared(untrained)

# %% [markdown]
# A *smaller learning rate* can help, too: at 0.0001, six of six copies were good, but at 0.0003 three of six failed. With emptied channels, freezing at once sometimes cost two points or more (all in `records/qat_cnn`).
#
# ### In a longer training
#
# Before the last epoch, switch off the *observers* by `prepared.apply(tq.disable_observer)`. They set the scales, and the last epoch should learn with scales that stay. Don't freeze batch norm by calling `.eval()` on it: the next `model.train()` undoes it.
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

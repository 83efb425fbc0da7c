# ---
# jupyter:
#   course:
#     promise: You will take a CNN through quantization-aware training, and find out why its int8 copy can fail.
#     seconds: 45
#     needs: [depthwise, qat]
#     goals:
#       - fold batch norm into a convolution by hand, and say why QAT folds before it rounds;
#       - take a CNN through `fuse_modules_qat`, `prepare_qat` and `convert`, and say when to freeze batch norm;
#       - find out whether batch norm ruins an int8 copy, and which channel's running mean is furthest off.
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
# In [[depthwise]], DepthwiseCNN lost about 25 points of accuracy when it became int8 with a single scale for all weights of a layer, and some kernels offer nothing finer. *Quantization-aware training*, QAT, trains with the rounding switched on ([[qat]]), so it should win them back. `fine_tune` trains on 15 batches of 64 images, by SGD with momentum and a learning rate of 0.001. We run it with three orders of the images, and convert each result.

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
# After training, batch norm does the same to every result $x$ of a channel. It subtracts a mean $\mu$, divides by a standard deviation $\sigma$, multiplies by a learned $\gamma$, and adds a learned $\beta$. In channel 4, $\mu = 2.14$, $\sigma = 2.93$, $\gamma = 0.55$ and $\beta = 0.13$:
#
# $$0.55 \cdot \frac{x - 2.14}{2.93} + 0.13 = 0.188\,x - 0.27$$
#
# The convolution can do this itself: we multiply its weights by 0.188, and give it the bias −0.27. In float, nothing changes. This is called *folding*. In general, a weight $w$ becomes $w\gamma/\sigma$, and a convolution that had no bias, like ours, gets the bias $\beta - \mu\gamma/\sigma$.
#
# Let's fold one of channel 4's weights, 0.518. It becomes 0.518 · 0.188 = 0.097. Now it's rounded to a multiple of the scale. All 32 channels share this scale, and it has to reach the largest folded weight of all, −22.4 in another channel. That channel gets only zeros, so its σ is nearly 0, and folding divides by it ([[depthwise]]). So the scale is 0.175, which is coarse.
#
# **Predict.** What takes the place of our 0.097: **A** 0, **B** 0.175, **C** 0.35?

# %% by_hand tags=["nbval-check-output"]
gamma, sigma, scale = 0.55, 2.93, 0.175
folded = 0.518 * gamma / sigma
print(f"folded: {folded:.3f}, in scales: {folded / scale:.2f}, integer: {round(folded / scale)}")

# %% [markdown] tags=["answer"]
# **0.175 (B), because 0.097 is more than half of the scale, so it's rounded to 1.** The kernel uses a weight nearly twice as large as ours.

# %% [markdown]
# If training rounded *before* folding, would it see what the kernel does here? No. Before folding, the layer's largest weight is only 1.1, so the scale is below 0.01, and 0.518 changes by less than one percent.
#
# **So QAT must do as the kernel does: fold first, then round.**
#
# **Try it.** Set `sigma` to 3.43 in the last cell, and run it again. What's our integer now?
#
# <details><summary>What others found</summary>
#
# 0, because the folded weight is only 0.47 of the scale.
#
# </details>
#
# In PyTorch, `fuse_modules_qat` makes one module of a convolution, its batch norm and its ReLU. Then `prepare_qat` adds the rounding. Both need training mode. After the training, and in evaluation mode, `convert` makes the kernels.

# %% prepare tags=["legacy"]
from lessons.qat_cnn.experiment import one_scale

model = tq.QuantWrapper(copy.deepcopy(net)).train()  # says where int8 begins and ends
blocks = [[f"module.features.{n}.{part}" for part in (0, 1, 2)] for n in range(7)]
model = tq.fuse_modules_qat(model, blocks)
model.qconfig = one_scale  # tq.get_default_qat_qconfig("x86") has one per channel
# Up to here, that's `fused` of section 1.
prepared = tq.prepare_qat(model)  # now we could train

# %% [markdown]
# The upper half of the figure is a fused module in training, the lower half the kernel that `convert` makes of it.

# %% fold_then_round tags=["hide-input"]
# Draws one fused module in training, and the kernel that it becomes.
show.fold_then_round()

# %% [markdown]
# In training, batch norm still follows. It keeps the $\sigma$ by which the next folding divides, and that has to be the $\sigma$ of the unfolded filter. So before batch norm, the module divides the results by the same $\gamma/\sigma$, with the running $\sigma$. This undoes the folding, but not the rounding: our weight 0.518 was folded and rounded to 0.175, and dividing by 0.188 gives 0.93. The network trains with this weight.

# %% [markdown]
# ## 3. Why training can't see the error
#
# So QAT rounds as the kernel does. Where, then, is the accuracy lost? Between the trained network and the copy there are two steps: `.eval()` switches batch norm to evaluation, and `convert` makes the kernels. We measure after the first, with the *observers* switched off. They set the scales, in evaluation mode as well, so the test images would change them.


# %% evaluation tags=["legacy"]
def rounded_accuracy(prepared):
    rounded = copy.deepcopy(prepared).apply(tq.disable_observer).eval()
    return accuracy(rounded)  # rounded as in training, still in float


after_eval = [rounded_accuracy(model) for model in trained]
print("after .eval(), not converted:", *(f"{percent:.1f} %" for percent in after_eval))

# %% [markdown]
# Most of the accuracy is gone before any conversion, so most of the damage is due to batch norm. But why does batch norm cost so much? It has two sets of statistics:
#
# - In training, it uses the mean and the standard deviation of the **batch**.
# - In evaluation, an image may come alone. So it uses a **running mean** and a **running variance**, which each batch of the training has moved a tenth of the way towards its own.
#
# Folding takes the running ones (green in the figure): $\mu$ is the running mean, and $\sigma$ the square root of the running variance. Suppose that the running mean of a channel no longer fits its weights. Then the copy subtracts the wrong number, and all its results are shifted. **Training can't see this, because it subtracts the batch's own mean before the loss is computed.**

# %% [markdown]
# ## 4. How a running mean goes wrong
#
# After our first training, the running mean of channel 4 is the furthest off of the network's 576, by more than 1.5 $\sigma$. The figure follows the channel through the training. The blue numbers are its nonzero weights, as integers.

# %% one_channel tags=["hide-input"]
# Repeats the first training, and draws the integers and the statistics of channel 4, batch by batch.
seen = show.batch_by_batch(tq.prepare_qat(fused(net)), lambda model: fine_tune(model, order=0))
show.one_channel(seen)

# %% [markdown]
# 1. **Rounding makes another filter.** Of the nine weights, only 1, 1 and −1 are left. The running statistics still belong to the float filter: in batch 1, the standard deviation is 6.4, and the running $\sigma$ 2.9. So the running $\sigma$ rises to 3.4.
# 2. **A larger $\sigma$ rounds weights away,** because folding divides by it. As in **Try it**, our 0.518 is now rounded to 0. So is the other 1, and only the −1 is left.
# 3. **The last weight goes.** The −1 stands for −0.175, whatever $\sigma$ is. Then the results are divided by $\gamma/\sigma$, so they grow with $\sigma$. Their standard deviation stays about 1.4 times the running $\sigma$, which can't catch up and keeps rising. In batch 8 it's 4.6, and the −1 is rounded to 0. So all results are 0, and so is their standard deviation.
# 4. **The gradient becomes huge.** Batch norm can't divide by 0, so it adds a tiny number to the variance, `eps` below. Now it divides by 0.003, in place of about 6 in batch 7. The gradient passes the same division on its way back, which alone makes it 2,000 times larger.
# 5. **All nine weights move up.** They see nearly the same pixels, one place apart, so the gradient pushes them the same way: up, because the float filter gave larger results where the image is brighter, and the network misses them. The gradient raises $\gamma$, too, and the zeros of batch 8 lower $\sigma$, so in batch 9 the −1 is back. But momentum repeats the push. By batch 11, the weight behind the −1 has gone from −0.73 to −0.58 and counts as 0, and our 0.518 has become 0.65, with the larger $\gamma$ a 1 again. With only positive integers left, the mean leaps from −6 up to 14.
# 6. **The running mean stays behind,** because each batch closes only a tenth of the gap. At the end, training subtracts 14, but the copy only 3.
#
# Is this leap to blame for the bad copies? We trained with six orders of the images, and limited the gradients of channel 4 alone to a length of 1, which ordinary batches stay far below. All six copies reached 89 to 90 % (`records/qat_cnn`). So the damage needs the leap of this one channel.
#
# The first three steps happened there, too. They do little harm, because the results lie below the running mean: the copy shifts them down, and ReLU makes most of them 0. After the leap, the copy shifts them up.
#
# Read the integers after our first training:

# %% read
conv = trained[0].module.features[1][0]  # convolution and batch norm in one module
sigma = (conv.bn.running_var + conv.bn.eps).sqrt()
factor = conv.bn.weight / sigma  # gamma / sigma
integers = (conv.weight[4] * factor[4] / conv.weight_fake_quant.scale).round()
print("integers:", integers.flatten().int().tolist())
print(f"running mean: {conv.bn.running_mean[4]:.1f}, running sigma: {sigma[4]:.1f}")

# %% [markdown]
# ## 5. The repair: freeze the statistics
#
# The chain runs through a $\sigma$ that moves. So let's hold it: `freeze_bn_stats` stops the running statistics, and makes training use them, too. $\gamma$ and $\beta$ still learn. Now $\sigma$ stays at 2.93, so the chain can't begin. And training subtracts the same mean as the copy, so the loss sees the shift, and the weights learn to correct it.

# %% frozen tags=["legacy"]
from torch.ao.nn.intrinsic.qat import freeze_bn_stats

still = [tq.prepare_qat(fused(net)).apply(freeze_bn_stats) for _ in range(3)]
frozen = [fine_tune(model, order) for order, model in enumerate(still)]
of_frozen = [accuracy(int8_copy(model)) for model in frozen]
print("int8 copies, batch norm frozen:", *(f"{percent:.1f} %" for percent in of_frozen))

# %% [markdown]
# All three are good. **When should you freeze?** With one coarse scale per layer, before the first batch. In the record, six networks were frozen only after 15 batches. In 15 more batches their copies rose from 10–53 % to 52–73 %: the loss sees the shift now, but it's too large to be corrected so soon.
#
# Did we need QAT at all? The chain began with a coarse scale. So let's give each channel its own scale, and skip the training. `static_int8` only calibrates.

# %% per_channel tags=["legacy"]
finer = accuracy(static_int8(net, per_channel=True))
print(f"int8 without training, a scale per channel: {finer:.1f} %")

# %% [markdown]
# That's as good as float, and there's little to win back, so **a scale per channel is what to try first,** if your kernels support it. If they don't, *Deeper* has two repairs without training.
#
# With such scales, no channel can be rounded away, because its largest weight sets its scale. So batch norm may be frozen late, as in the usual recipes (*Sources*), or never: six copies with free batch norm reached 91 %.

# %% tags=["hide-input"]
# Makes another network, in which one channel's running statistics don't match its filter, and reads that layer.
import torch.nn.functional as F

from lessons.qat_cnn.experiment import patient

_, (weight, factor, scale, x, mean, sigma) = patient(net)

# %% [markdown]
# ## Exercise · Find the channel
# ★★ · 10 minutes
#
# Another network is good in training mode, and worse after `.eval()`. We read a depthwise layer of it as in section 4, but all channels: `weight`, `factor`, `scale`, running `mean` and `sigma`. Its input is `x`.
#
# Write `batch_means`: the mean that training subtracts in each channel (upper half of the figure in section 2). `F.conv2d(x, kernel, padding=1, groups=len(weight))` convolves.
#
# Which channel's running mean is furthest off, in units of its `sigma`?
#
# <details><summary>Hint</summary>
#
# Shape the factors by `.view(-1, 1, 1, 1)` for the weights and by `.view(1, -1, 1, 1)` for the results, and average by `.mean((0, 2, 3))`. Then look at `((batch_means(weight, factor, scale, x) - mean) / sigma).abs().topk(3)`.
#
# </details>


# %% batch_means tags=["exercise"]
def batch_means(weight, factor, scale, x):
    """For each channel: the mean of its results on x, rounded as in training."""
    raise NotImplementedError


# %% tags=["check"]
check.batch_means(batch_means)


# %% tags=["solution", "hide-cell"]
def batch_means_solution(weight, factor, scale, x):
    integers = torch.round(weight * factor.view(-1, 1, 1, 1) / scale)  # fold, then round
    folded = F.conv2d(x, integers * scale, padding=1, groups=len(weight))
    results = folded / factor.view(1, -1, 1, 1)
    return results.mean((0, 2, 3))


# %% [markdown]
# <details><summary>Answer</summary>
#
# Channel 63. We multiplied its filter by three, and left its statistics alone. In training mode batch norm takes that out again, but the running statistics, and with them the copy, still expect the old filter. To test a suspect, correct its mean alone, and measure again.
#
# </details>

# %% [markdown]
# ## Remember
#
# - QAT folds batch norm into the weights, and then rounds, as the kernel does.
# - The copy uses the running statistics, and training uses the batch's. So a channel that is rounded away can ruin the copy, and training doesn't see it.
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
# Then you can *empty the dead channels*. A **dead channel** gets only zeros, like the one with −22.4. Its weights do nothing, so set them to 0 ([[depthwise]]). Or *re-estimate the statistics of batch norm*: pass the images once through the prepared network, in batches, in training mode. Without a loss, no gradient can become huge.

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
# *Why does converting cost up to ten points more?* On x86, results are clipped in training at 127 steps of the scale, and the kernels clip only at 255 ([[static]]). A wrong mean makes some results too large. Training cuts off the excess, and the kernel passes it on. If we clip at 255 after `.eval()`, without any kernel, we come within two points of the copies.
#
# ### In a longer training
#
# Train on with batch norm free (`fine_tune(trained[0], order=3)` and so on), and measure a copy each time: after two or three more rounds most copies are near 90 % again, but now and then one falls.
#
# Before the last epoch, switch off the *observers* by `prepared.apply(tq.disable_observer)`. They set the scales, and the last epoch should learn with scales that stay. Don't freeze batch norm by `.eval()`: the next `model.train()` undoes it.
#
# ### Quantized transfer learning
#
# **Transfer learning** carries a trained network over to a new task: its body stays, and it gets a new last layer, the *head*.
#
# *The body is int8 already.* It can't be trained, but it can compute features, and the new head learns from them in float.
#
# *Body and head both adapt.* Train them in float first. Then freeze batch norm, fine-tune with rounding, and convert. Frozen earlier, it would keep statistics of the old task.
#
# In the next lesson, one call does it all, with a config whose name says int4. You'll see which part of that name is true.
#
# **Sources.** The steps follow *Introduction to Quantization on PyTorch* ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)), by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman, which says that QAT typically gives the highest accuracy. The item on transfer learning began from *Quantized Transfer Learning for Computer Vision*, a tutorial by Zafar Takhirov. R. Krishnamoorthi's whitepaper, 2018, [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), freezes batch norm in the course of a training of MobileNets, as does PyTorch's own [training script](https://github.com/pytorch/vision/blob/main/references/classification/train_quantization.py): batch norm after four epochs, the observers after five. M. Nagel et al., 2022, [arXiv:2203.11086](https://arxiv.org/abs/2203.11086), found in MobileNets with few bits that weights which oscillate between two levels spoil the statistics of batch norm. `torch.ao.quantization` is deprecated; [[pt2e]] has its successor for CNNs.
#
# **Going further.** B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), where folding in training comes from.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# ---
# jupyter:
#   course:
#     promise: You will take a CNN with batch norm through quantization-aware training, and know what to try first.
#     seconds: 40
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
# In [[depthwise]], DepthwiseCNN lost about 25 points of accuracy when it became int8 with one scale for all weights of a layer. *Quantization-aware training*, QAT, trains with the rounding switched on ([[qat]]), so it should win them back. Let's fine-tune the network with rounding, and then convert it.
#
# `fine_tune` is an ordinary training loop: 15 batches of 64 images, at a learning rate of 0.001. We run it three times, with the images in different orders.

# %% fine_tune tags=["legacy"]
import copy

from torch.ao import quantization as tq

from course_utils.data import checkpoints
from lessons.qat_cnn.experiment import accuracy, fine_tune, fused

net = checkpoints.load("depthwise_cnn")  # trained on Fashion-MNIST


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
# In training mode, with all the rounding, the networks classify about 90 % of the images correctly. But their int8 copies are far worse than int8 without any training. What went wrong? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# We'll follow a single channel: channel 4 of the second convolution, which is depthwise, so the channel has just nine weights.

# %% [markdown]
# ## 2. Fold first, then round
#
# Does the copy compute with the weights that we trained? Its convolutions run in *kernels*, routines for integers that know nothing of batch norm. So where does the batch norm go?
#
# Batch norm takes a channel's result $x$, subtracts the mean $\mu$, divides by the standard deviation $\sigma$, multiplies by a learned factor $\gamma$, and adds a learned shift $\beta$. After training, these are four fixed numbers. In channel 4, $\mu = 2.14$, $\sigma = 2.93$, $\gamma = 0.55$ and $\beta = 0.13$:
#
# $$0.55 \cdot \frac{x - 2.14}{2.93} + 0.13 = 0.188\,x - 0.27$$
#
# So it only multiplies by 0.188 and subtracts 0.27. The convolution, which has no bias yet, can do that itself: we multiply its weights by 0.188 and give it the bias −0.27. In float, nothing changes. This is called *folding* ([[static]]). In general, a weight $w$ becomes $w\gamma/\sigma$, and the bias is $\beta - \mu\gamma/\sigma$.
#
# Take one of channel 4's weights, 0.518. Folded, it's 0.518 · 0.188 = 0.097. Now it's rounded to a multiple of the scale, which all 32 channels share. The largest folded weight sets it: −22.4, in channel 28. That channel is *dead*: it gets only zeros, so its $\sigma$ is nearly 0, and folding has made its weights 80 times larger ([[depthwise]]). Since int8 goes down to −128, the scale is 22.4 / 128 = 0.175.
#
# **Predict.** What takes the place of our 0.097: **A** 0, **B** 0.175, **C** 0.35?

# %% by_hand tags=["nbval-check-output"]
gamma, sigma, scale = 0.55, 2.93, 0.175
folded = 0.518 * gamma / sigma
print(f"folded: {folded:.3f}, in scales: {folded / scale:.2f}, integer: {round(folded / scale)}")

# %% [markdown] tags=["answer"]
# **0.175 (B), because 0.097 is more than half a scale, so it's rounded to 1.**

# %% [markdown]
# So the kernel computes with nearly twice our weight. Would a training that rounds *before* folding notice this? There, the layer's largest weight is only 1.115, so the scale is 0.00878, and 0.518 becomes 59 · 0.00878 = 0.518. Such a training sees no error, and the kernel makes one of 80 percent.
#
# **So training has to do what the kernel does: fold first, then round.**
#
# **Try it.** Set `sigma` to 3.43 in the last cell, and run it again. What's our integer now?
#
# <details><summary>What others found</summary>
#
# 0, because the folded weight is only 0.47 scales.
#
# </details>
#
# In PyTorch, four steps prepare a CNN for QAT. The first three are what `fused` does.

# %% prepare tags=["legacy"]
from lessons.qat_cnn.experiment import one_scale

# 1. Stubs say where int8 begins and ends. QAT wants training mode.
model = tq.QuantWrapper(copy.deepcopy(net)).train()
# 2. Convolution, batch norm and ReLU of each block become one module.
blocks = [[f"module.features.{n}.{part}" for part in (0, 1, 2)] for n in range(7)]
model = tq.fuse_modules_qat(model, blocks)
# 3. How to round: here with one scale per layer. The usual choice is
#    tq.get_default_qat_qconfig("x86"); without `qat`, nothing would be rounded.
model.qconfig = one_scale
# 4. Put the rounding in.
prepared = tq.prepare_qat(model)

# %% [markdown]
# Now train `prepared`, and convert a copy in evaluation mode, as `int8_copy` does.
#
# In the figure, the upper half is a fused module in training. It folds its weights, rounds them and convolves. Then it divides the results by $\gamma/\sigma$, because its batch norm comes next, and will multiply by $\gamma/\sigma$ itself. The lower half is what `convert` makes of it.

# %% fold_then_round tags=["hide-input"]
# Draws one fused module in training, and the kernel that it becomes.
show.fold_then_round()

# %% [markdown]
# ## 3. The copy uses other statistics than training
#
# So training computes with the same weights as the kernel. Does the conversion break something else? Let's leave it out, and only switch the trained networks to evaluation mode. They still compute in float, with all the rounding.
#
# **Predict.** Are they now **A** as good as in training mode, **B** as good as int8 without training, **C** worse than both?

# %% evaluation tags=["legacy"]
# Without observers the scales stay as they are.
simulated = [copy.deepcopy(one).apply(tq.disable_observer).eval() for one in trained]
print("not converted, .eval():", *(f"{accuracy(model):.1f} %" for model in simulated))

# %% [markdown] tags=["answer"]
# **Worse than both (C), so most of the damage is done before any conversion.**

# %% [markdown]
# In this network, `.eval()` changes only batch norm, which has two sets of statistics:
#
# - In training, it uses the mean and the variance of the **batch**.
# - In evaluation, an image may come alone. So it uses a **running mean** and a **running variance**. Each batch of the training moves them a tenth of the way towards its own.
#
# The running ones are the $\mu$ and $\sigma^2$ that are folded into the copy. If they're wrong, so are its weights and its bias.
#
# Are they wrong in channel 4? As the training begins, its running mean is 2.14, as the float filter left it. But rounding has turned the nine weights into two 1s, one −1 and six 0s. That's another filter, and in the first batch its results have a mean of 5.10. What becomes of a result of 5.10?
#
# - Training subtracts the mean of the batch: 5.10 − 5.10 = 0.
# - Evaluation subtracts the running mean: 5.10 − 2.14 = 2.96, so the result is a whole $\sigma$ too high.
#
# **Training can't see this error, because batch norm removes it before the loss is computed.**
#
# Can one channel of 576 ruin a network? We stay in evaluation mode, but let channel 4 use the statistics of the batch.

# %% one_up_to_date tags=["hide-input", "legacy"]
# Normalizes channel 4 with each batch's statistics, and all other channels with the running ones.
healed = [show.up_to_date(model, show.CHANNEL) for model in simulated]
print("channel 4 alone up to date:", *(f"{percent:.1f} %" for percent in healed))

# %% [markdown]
# It can. Two networks get most of their lost points back, and the third half of them (later layers have gone wrong, too).
#
# ### Why the running statistics don't catch up
#
# Each batch closes a tenth of the gap, so after 15 only a fifth would be left, if the filter stood still. But the running *variance* moves, too. In the first batch, the results of channel 4 have a standard deviation of 6.38. So $\sigma$ rises from 2.93 to $\sqrt{0.9 \cdot 2.93^2 + 0.1 \cdot 6.38^2} = 3.43$. That's the number of your **Try it**: our weight is now rounded to 0, although the optimizer has hardly moved it.
#
# **The running statistics change the very weights that they measure.**
#
# Training subtracts the dots, and the copy will subtract the end of the line:

# %% one_channel tags=["hide-input"]
# Repeats the first training, and draws the two means of channel 4, batch by batch.
seen = show.batch_by_batch(tq.prepare_qat(fused(net)), lambda model: fine_tune(model, order=0))
show.one_channel(seen)

# %% [markdown]
# After the first batch only the −1 is left, and the mean falls below −5. As $\sigma$ goes on rising, the −1 is lost, too (yellow): the channel is *rounded away*. That causes a huge gradient (*Deeper*), which changes the weights. Other integers appear, and the mean leaps up. The line, always late, ends further off than it began.
#
# ### How to find such a fault
#
# Measure the same images three times: in training mode, after `.eval()`, and with the copy.
#
# - Bad in training mode already: the network hasn't learned to live with the rounding.
# - Bad only from `.eval()` on: it's the running statistics. The exercise finds the channel.
# - Bad only in the copy: it's the conversion.

# %% [markdown]
# ## 4. The cure: freeze the statistics
#
# Can't training use the running statistics, too? `freeze_bn_stats` makes it do so, and stops them from moving. Now the loss sees the error of 2.96, so training can correct it. And $\sigma$ stays at 2.93, so no integer changes because of it.

# %% frozen tags=["legacy"]
from torch.ao.nn.intrinsic.qat import freeze_bn_stats

still = [tq.prepare_qat(fused(net)).apply(freeze_bn_stats) for _ in range(3)]
frozen = [fine_tune(model, order) for order, model in enumerate(still)]
of_frozen = [accuracy(int8_copy(model)) for model in frozen]
print("int8 copies, batch norm frozen:", *(f"{percent:.1f} %" for percent in of_frozen))

# %% [markdown]
# All three copies are good. With several epochs, this is the order:
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
# - **Batch norm before the first batch**, because that batch already moves $\sigma$. (Calling `.eval()` on batch norm isn't enough: the next `model.train()` undoes it.)
# - **Observers before the last epoch.** They set the scales, so first they need to see numbers. But while they're on, each batch moves the scales, and some integers with them.

# %% [markdown]
# ## 5. Is a training needed at all?
#
# QAT has won our points back, but it needs labels and a training. Two repairs from [[depthwise]] need neither: *empty the dead channels*, so that their large weights become 0, or take *a scale per channel*.
#
# The table has static int8, and QAT with the best of four settings: two learning rates, batch norm free or frozen.

# %% compared tags=["hide-input", "legacy"]
# Measures int8 without training, and puts it beside the record of the trained copies.
from lessons.qat_cnn.experiment import emptied

untrained = {
    "one scale": accuracy(static_int8(net)),
    "dead channels emptied": accuracy(static_int8(emptied(net))),
    "a scale per channel": accuracy(static_int8(net, per_channel=True)),
}
show.compared(untrained)

# %% [markdown]
# PyTorch's introduction says that QAT typically gives the highest accuracy ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)). But it only wins back what was lost, and after either repair there is little to win back. So this is what to try first:
#
# 1. Static int8 with a scale per channel, if your kernels have it. If the copy is good enough, stop.
# 2. With one scale per layer, empty the dead channels.
# 3. QAT, last of all.
#
# Must QAT always freeze batch norm? With either repair, free batch norm gave 90 to 91 % in all 24 trainings (`records/qat_cnn`), and freezing sometimes cost two points or more. **So freeze where a channel can be rounded away, as with one coarse scale for a layer.**


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
# Then try `drift(*layer, x).abs().topk(3)`, on our second convolution.
#
# <details><summary>Hint</summary>
#
# Shape the factors by `.view(-1, 1, 1, 1)` for the weights and by `.view(1, -1, 1, 1)` for the results, and average by `.mean((0, 2, 3))`. The rounded weights are whole numbers times `scale`.
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
# - Folding puts batch norm into weights and bias. QAT folds first and then rounds, as the kernel does.
# - Training normalizes with the batch, and the copy with running statistics, which also move the folded weights. Where a channel can be rounded away, freeze them before the first batch.
# - Training comes last: first try a scale per channel, or empty the dead channels, and measure the copy.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("qat_cnn")

# %% [markdown]
# ## Deeper
#
# ### The huge gradient
#
# A channel that has been rounded away gives 0 for every image, so its results don't vary. Batch norm then divides them by $\sqrt{\epsilon}$ = 0.00316, where it divided by about 6 before. On the way back it divides the gradient by 0.00316, too, so the gradient of the nine weights becomes thousands of times larger (see the scorecard).
#
# Is this what ruins the copies? *Gradient clipping* scales a gradient that is too large down to a limit. With the gradients of channel 4 clipped at a norm of 1, which ordinary batches never reach, and nothing else changed, all six copies had 89 to 90 %. A smaller learning rate can help, too: at 0.0001 all six were good, but at 0.0003 three failed (`records/qat_cnn`).
#
# ### New statistics without a training
#
# The running statistics can also be measured anew. The images pass once through the prepared network, in training mode, without labels or an optimizer. With one scale per layer, the copies then had 89 to 90 % (same record), about as with frozen batch norm. Channel 4 is rounded away here, too, but without a loss there is no gradient.
#
# ### Quantized transfer learning
#
# **Transfer learning** carries a trained network over to a new task: its body stays, and it gets a new last layer, the *head*. With int8 there are two ways.
#
# *The body is int8 already.* It can't be trained, but it can compute features, and the new head learns from them in float.
#
# *Body and head both adapt.* Train them in float first, until they know the new task. Then freeze batch norm, fine-tune with rounding as in this lesson, and convert. If you froze it earlier, it would keep statistics of the old task.
#
# **Sources.** The steps follow *Introduction to Quantization on PyTorch* (2020), by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. The item on transfer learning began from *Quantized Transfer Learning for Computer Vision*, a tutorial by Zafar Takhirov. R. Krishnamoorthi's whitepaper, 2018, [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), freezes batch norm in the course of a training of MobileNets. M. Nagel et al., 2022, [arXiv:2203.11086](https://arxiv.org/abs/2203.11086), found in MobileNets with few bits that weights which oscillate between two levels spoil the statistics of batch norm. `torch.ao.quantization` is deprecated; [[pt2e]] has its successor for CNNs.
#
# **Going further.** B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), where folding in training comes from.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# Fusing, preparing, freezing, converting: that was a lot of calls for one network. In [[torchao]] a single call and a config do all this, and its name says int4. You'll see which part of that name is true.

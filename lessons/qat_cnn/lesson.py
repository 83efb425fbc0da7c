# ---
# jupyter:
#   course:
#     promise: You will take a CNN through quantization-aware training, and find out why its int8 copy can fail.
#     seconds: 50
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

from course_utils import claims, legacy_int8
from lessons.qat_cnn import show
from lessons.qat_cnn import tasks as check

torch.set_num_threads(1)
torch.set_flush_denormal(True)  # numbers below 1e-38 count as 0, which is faster
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. The training is good, its int8 copies are not
#
# In [[depthwise]], DepthwiseCNN lost about 25 points of accuracy when it became int8 with a single scale for all weights of a layer. A scale per channel repaired this, but not every kernel offers one. Can training repair it, too? *Quantization-aware training*, QAT, trains with the rounding switched on ([[qat]]), so the weights can adapt to the coarse scale. `fine_tune` is an ordinary training loop over 15 batches of 64 images, with the learning rate 0.001. We run it three times, each with the images in another order, and convert each result.

# %% fine_tune tags=["legacy"]
import copy

from torch.ao import quantization as tq

from course_utils import checkpoints
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
# In training mode, about 90 % are right. But the int8 copies are far worse than int8 without any training. What went wrong? In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# We'll follow the channel that lost the points in [[depthwise]]: channel 4 of layer 1, the second convolution. It's depthwise, so that's just nine weights.

# %% [markdown]
# ## 2. Fold first, then round
#
# An int8 network runs in *kernels*, routines for integers that know nothing of batch norm. So where does batch norm go?
#
# After training, batch norm does the same to every result $x$ of a channel. It subtracts a mean $\mu$, divides by a standard deviation $\sigma$, multiplies by a learned $\gamma$, and adds a learned $\beta$. In channel 4, $\mu = 2.14$, $\sigma = 2.93$, $\gamma = 0.55$ and $\beta = 0.13$:
#
# $$0.55 \cdot \frac{x - 2.14}{2.93} + 0.13 = 0.188\,x - 0.27$$
#
# The convolution can do this itself: we multiply its weights by 0.188, and give it the bias −0.27. In float, nothing changes. This is called *folding*. In general, a weight $w$ becomes $w\gamma/\sigma$, and a convolution that had no bias, like ours, gets the bias $\beta - \mu\gamma/\sigma$.
#
# Let's fold one of channel 4's weights, 0.518. It becomes 0.518 · 0.188 = 0.097. Now it's rounded to a multiple of the scale, which all 32 channels share. The largest folded weight of all, −22.4, sets this scale. It belongs to a **dead channel**, which gets only zeros: its σ is nearly 0, and folding divides by it. So the scale is coarse: 22.4 / 127.5 = 0.176.
#
# **Predict.** What does our 0.097 become: **A** 0, **B** 0.176, **C** 0.351?

# %% by_hand tags=["nbval-check-output"]
gamma, sigma, scale = 0.55, 2.93, 22.4 / 127.5
folded = 0.518 * gamma / sigma
print(f"folded: {folded:.3f}, in scales: {folded / scale:.2f}, integer: {round(folded / scale)}")

# %% [markdown] tags=["answer"]
# **0.176 (B), because 0.097 is more than half of the scale, so it's rounded to 1.**

# %% [markdown]
# A training that rounds *before* folding wouldn't see our weight nearly double. Before folding, the layer's largest weight is only 1.1, so the scale is below 0.01, and 0.518 changes by less than one percent.
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
# In PyTorch's older, deprecated int8, `fuse_modules_qat` makes one module of a convolution, its batch norm and its ReLU. Then `prepare_qat`, which needs training mode, adds the rounding. After the training, in evaluation mode, `convert` makes the kernels.

# %% prepare tags=["legacy"]
from lessons.qat_cnn.experiment import one_scale

model = tq.QuantWrapper(copy.deepcopy(net)).train()  # says where int8 begins and ends
blocks = [[f"module.features.{n}.{part}" for part in (0, 1, 2)] for n in range(7)]
model = tq.fuse_modules_qat(model, blocks)
model.qconfig = one_scale  # tq.get_default_qat_qconfig("x86") has one per channel
# Up to here, that's `fused` of section 1.
prepared = tq.prepare_qat(model)  # now we could train

# %% [markdown]
# Here is one fused module in training, and its kernel:

# %% fold_then_round tags=["hide-input"]
# Draws one fused module in training, and the kernel that it becomes.
show.fold_then_round()

# %% [markdown]
# In training, batch norm still follows the convolution, because its statistics have to keep up with the weights. But the folded weights already contain $\gamma/\sigma$, so the module first divides the results by it. The factor is gone then, but the rounding error stays.

# %% [markdown]
# ## 3. Why training can't see the error
#
# So QAT rounds as the kernel does. Where, then, is the accuracy lost? Two steps lead from the trained network to the copy: `.eval()` and `convert`. Let's stop after the first. We also switch off the *observers*, so that the test images can't change the scales.
#
# **Predict.** In evaluation mode, and not converted, how accurate are the trained networks: **A** as in training mode, **B** as int8 without training, **C** worse than both?


# %% evaluation tags=["legacy"]
def rounded_accuracy(prepared):
    rounded = copy.deepcopy(prepared).apply(tq.disable_observer).eval()
    return accuracy(rounded)  # rounded as in training, still in float


after_eval = [rounded_accuracy(model) for model in trained]
print("after .eval(), not converted:", *(f"{percent:.1f} %" for percent in after_eval))

# %% [markdown] tags=["answer"]
# **Worse than both (C), because `.eval()` gives batch norm other statistics, and changes nothing else here.** So most of the damage is done before any conversion. From networks so damaged, `convert` takes seven to ten points more; why, we haven't found out.

# %% [markdown]
# Batch norm has two sets of statistics:
#
# - In training, it uses the mean and the standard deviation of the **batch**.
# - In evaluation, an image may come alone. So it uses a **running mean** and a **running variance**. Each training batch has moved them a tenth of the way towards its own.
#
# Folding takes the running ones (green in the figure): $\mu$ is the running mean, and $\sigma$ the square root of the running variance. If the running mean of a channel no longer fits its weights, the copy subtracts the wrong number, and all results of this channel are shifted. **Training can't see this, because it subtracts the batch's own mean before the loss is computed.**

# %% [markdown]
# ## 4. Which running mean is wrong?
#
# The network has 576 running means. We compare each with the mean that training would subtract on 960 images. After our first training, channel 4's is furthest off, by more than 1.5 $\sigma$:

# %% one_channel tags=["hide-input"]
# Repeats the first training, and draws the integers and the mean of channel 4, batch by batch.
seen = show.batch_by_batch(tq.prepare_qat(fused(net)), lambda model: fine_tune(model, order=0))
show.one_channel(seen)

# %% [markdown]
# Training subtracts the dots, and a copy would subtract the line. They drift apart in three steps:
#
# 1. **The filter is rounded away.** On the coarse scale, only 1, 1 and −1 are left of the nine weights. The results of this filter vary more than those of the float filter, so the running $\sigma$ rises, and the folded weights shrink, as in **Try it**. First the two 1s become 0, and in batch 8 the −1, too.
# 2. **The weights leap.** Now all results are 0, and so is their standard deviation. Batch norm divides by nearly 0, so the gradient becomes over a thousand times as large as usual. It pushes all nine weights up, and momentum repeats the push in the next batches. For two batches the −1 comes back, because the batch of zeros has lowered the running $\sigma$, and $\gamma$ has grown. Then only positive integers are left, and the mean, which had been about −6, lies between 6 and 15.
# 3. **The running mean lags behind,** because each batch closes only a tenth of the gap. At the end, training subtracts 14, and the copy would subtract 3.
#
# But is this mean to blame for the bad copies? To *correct* a running mean, we set it to the mean that training subtracts. We correct once channel 4 alone, and once all other channels.
#
# **Predict.** Which brings back more points after `.eval()`, to correct the mean of channel 4 or the 575 others: **A** the one, **B** the 575, **C** both about the same?

# %% one_or_all_others tags=["legacy"]
from lessons.qat_cnn.experiment import with_correct_means

for model, before in zip(trained, after_eval, strict=True):
    one = rounded_accuracy(with_correct_means(model, lambda *place: place == (1, 4)))  # layer, channel
    others = rounded_accuracy(with_correct_means(model, lambda *place: place != (1, 4)))
    print(f"{before:.1f} %, the one corrected {one:.1f} %, the others {others:.1f} %")

# %% [markdown] tags=["answer"]
# **The one (A), because it's off by more than a $\sigma$ in each training, and nearly all the others by far less.**

# %% [markdown]
# The points still missing are mostly due to other running statistics, as section 5 shows: it measures all of them again.

# %% [markdown]
# ## 5. The repair: statistics that fit
#
# The weights have moved on, and the running statistics still belong to an older filter. So let's *re-estimate the statistics*: the images pass through the network once more, in training mode but without a loss, so no weight moves.

# %% re_estimate tags=["legacy"]
from course_utils import data

images, _ = data.load("fashion_mnist", n=960)  # those of the training, without their labels


@torch.no_grad()
def re_estimated(prepared):
    again = copy.deepcopy(prepared)  # still in training mode
    for batch in images.split(64):
        again(batch)
    return again


of_new = [accuracy(int8_copy(re_estimated(model))) for model in trained]
print("int8 copies, statistics re-estimated:", *(f"{percent:.1f} %" for percent in of_new))

# %% [markdown]
# Most of the lost points are back, so the weights had been good. But this repair isn't certain, as the third copy shows. One pass leaves a fifth of the gap, because 0.9¹⁵ is about 0.2. And folding divides by the new $\sigma$, so rounding can change the filter once more, and then its statistics don't fit again.
#
# It's safer to hold the statistics from the start. `freeze_bn_stats` stops the running statistics, and makes training use them, too. $\gamma$ and $\beta$ still learn.

# %% frozen tags=["legacy"]
from torch.ao.nn.intrinsic.qat import freeze_bn_stats

still = [tq.prepare_qat(fused(net)).apply(freeze_bn_stats) for _ in range(3)]
frozen = [fine_tune(model, order) for order, model in enumerate(still)]
of_frozen = [accuracy(int8_copy(model)) for model in frozen]
print("int8 copies, batch norm frozen:", *(f"{percent:.1f} %" for percent in of_frozen))

# %% [markdown]
# All three are good. Training now subtracts the same mean as the copy, so the loss sees a shift, and the weights learn to correct it. And in channel 4 no batch can divide by nearly 0, because its $\sigma$ stays at 2.93.
#
# **When should you freeze?** With one coarse scale per layer, before the first batch, because then nothing can leap. A tenth of our learning rate protects as well: the weights move too little to leap, and six copies with free batch norm reached 88 to 90 %.
#
# Did we need QAT at all? Perhaps int8 without training fails for the same reason: its filters are rounded, and the statistics still belong to the *float* ones. So row 3 of the table re-estimates them in a network fresh from `prepare_qat`, without training it. Row 2 zeroes the dead channels' weights.

# %% compared tags=["hide-input", "legacy"]
# Measures int8 without training, and puts it beside the record of the other ways.
from lessons.qat_cnn.experiment import emptied

untrained = {
    "one scale": without["int8 without training"],
    "a scale per channel": accuracy(static_int8(net, per_channel=True)),
    "dead channels emptied": accuracy(static_int8(emptied(net))),
}
show.compared(untrained)

# %% [markdown]
# In 8 bits, this network doesn't need QAT: the cheaper repairs leave little to win back. **A scale per channel is what to try first.** With it no channel is rounded away, so in QAT batch norm may stay free: six such copies reached 91 %.

# %% tags=["hide-input"]
# Makes another network, in which one channel's running statistics don't match its filter, and reads that layer.
import torch.nn.functional as F

from lessons.qat_cnn.experiment import patient

_, (weight, factor, scale, x, mean, sigma) = patient(net)

# %% [markdown]
# ## Exercise · Find the channel
# ★★ · 10 minutes
#
# Another network is good in training mode, and worse after `.eval()`. For one of its depthwise layers, these variables are ready: `weight`, `factor` ($\gamma/\sigma$), `scale`, the running `mean` and `sigma` of each channel, and the input `x`.
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
# Channel 63, by more than 2 `sigma`; the next one is off by 0.3. We multiplied its filter by three. In training mode batch norm takes that out again, but the running statistics still belong to the old filter. Correcting this running mean alone takes the network from 86 back to 90 %, after 91 in training mode.
#
# </details>

# %% [markdown]
# ## Remember
#
# - QAT folds batch norm into the weights, and then rounds, as the kernel does.
# - Training uses the statistics of the batch, and the copy the running ones. So compare training mode with `.eval()`, and correct a suspect's running mean alone.
# - Try a scale per channel first, or re-estimate the statistics. For QAT with one coarse scale, freeze batch norm before the first batch.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("qat_cnn")

# %% [markdown]
# ## Deeper
#
# ### How channel 4 was rounded away, and why its weights leapt
#
# The same channel, and its standard deviation:

# %% deviation tags=["hide-input"]
# Draws the standard deviation of channel 4 in the first training, batch by batch.
show.deviation(seen)

# %% [markdown]
# *The running σ can't catch up.* The −1 stands for −0.176, whatever $\sigma$ is. But then the module divides by $\gamma/\sigma$, which shrinks as $\sigma$ rises, so the results become larger, too. Their deviation stays about 1.4 times the running one, and $\sigma$ rises on, until the weight behind the −1 is less than half of the scale.
#
# *The gradient becomes huge.* Batch norm adds a tiny `eps` to the variance, so now it divides by 0.003, after about 6 in batch 7. On its way back, the gradient passes the same division, which alone makes it 2,000 times larger.
#
# *All nine weights move up.* They see nearly the same pixels, so the gradient pushes them the same way. By batch 11, our 0.518 has become 0.65, which counts as 1 again, since $\gamma$ has grown, too.
#
# *A check.* We limited the gradients of channel 4 alone to a length of 1, which ordinary batches stay below. Then all six copies of the record reached 89 to 90 %. So the damage needs this leap.
#
# ### In a longer training
#
# Convert a copy after each epoch, and judge it.
#
# Before the last epoch, switch off the observers by `prepared.apply(tq.disable_observer)`, so that the scales stay. And don't freeze batch norm by `.eval()`: the next `model.train()` undoes it.
#
# ### Quantized transfer learning
#
# **Transfer learning** carries a trained network over to a new task: its body stays, and it gets a new last layer, the *head*. If the body is int8 already, it can't be trained, and the new head learns in float from the features that it computes. If both are to adapt, train them in float first. Then fine-tune with rounding, and convert.
#
# **Sources.** The steps follow *Introduction to Quantization on PyTorch* ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)), by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman, which says that QAT typically gives the highest accuracy. On transfer learning, we began from *Quantized Transfer Learning for Computer Vision*, a tutorial by Zafar Takhirov. R. Krishnamoorthi's whitepaper, 2018, [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), freezes batch norm in the course of a training, as does PyTorch's [training script](https://github.com/pytorch/vision/blob/main/references/classification/train_quantization.py), after four epochs. M. Nagel et al., 2022, [arXiv:2203.11086](https://arxiv.org/abs/2203.11086), found in MobileNets that weights which oscillate between two levels spoil these statistics. [[pt2e]] has the successor of this int8.
#
# **Going further.** B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), where folding in training comes from.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's next.** Wrap, fuse, prepare, train, convert: so far, int8 took many calls. In [[torchao]] one call quantizes a network, with a config whose name says int4. Which part of that name is true: the values, the bytes, or the arithmetic?

# ---
# jupyter:
#   course:
#     promise: You will find the layer and the channel in which an int8 network loses its accuracy, and choose among three repairs.
#     seconds: 30
#     needs: [static]
#     goals:
#       - find the layer that loses the accuracy, by rounding one at a time;
#       - find the channel in it that sets the scale, and test whether it is needed;
#       - choose among three repairs by their bytes.
#     terms: [depthwise convolution, "per-channel, per-tensor"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Which of the weights of a network cost it 25 points in int8?*

# %% tags=["setup", "hide-input"]
# Sets one thread and the int8 engine, switches gradients off, and hides the warnings of PyTorch's older int8.
import torch

from course_utils import legacy_int8
from course_utils.scorecard import claims
from lessons.depthwise import checks as check
from lessons.depthwise import show

torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. Eight bits, twice
#
# DepthwiseCNN, a network of the kind that phones use, becomes int8 twice. The scales of its weights belong to a whole layer (**per tensor**), or to one output channel each (**per channel**).
#
# In [[static]] an ordinary CNN lost about a point in int8. Both times DepthwiseCNN has the same 8 bits, the same calibration images, and the same ranges of what flows through it.

# %% tags=["legacy"]
import copy

import torch
from torch import nn
from torch.ao import quantization as tq

from course_utils import data
from course_utils.data import checkpoints

images, _ = data.load("fashion_mnist", n=2000)  # training images
test_images, labels = (part[:2000] for part in data.load("fashion_mnist", "test"))
net = checkpoints.load("depthwise_cnn")
names = [[f"module.features.{block}.{part}" for part in (0, 1, 2)] for block in range(7)]  # as QuantWrapper has them
activation = tq.get_default_qconfig(torch.backends.quantized.engine).activation  # watches what flows between layers


def accuracy(model):
    answers = torch.cat([model(batch).argmax(1) for batch in test_images.split(250)])
    return 100 * (answers == labels).float().mean().item()


def fold(model):
    return tq.fuse_modules(tq.QuantWrapper(model), names)


# %% eight_bits_twice tags=["legacy"]
def to_int8(folded, weight_observer):
    folded.qconfig = tq.QConfig(activation=activation, weight=weight_observer)
    observed = tq.prepare(folded)
    for batch in images[:512].split(32):
        observed(batch)
    return tq.convert(observed)


# %% tags=["legacy"]
per_tensor, per_channel = tq.default_weight_observer, tq.default_per_channel_weight_observer
folded = fold(net)
one_scale, many_scales = to_int8(folded, per_tensor), to_int8(folded, per_channel)

# %% eight_bits_twice_2
print(f"float                      {accuracy(net):.1f} % right")
print(f"int8, a scale per layer    {accuracy(one_scale):.1f} %")
print(f"int8, a scale per channel  {accuracy(many_scales):.1f} %")

# %% [markdown]
# With one scale for each layer some 25 points are gone. The size is bad luck: with a scale one per cent larger most of it would be gone (section 4). The size of such a loss is hard to foresee. But where it comes from, you can find out. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. One scale for two filters
#
# A **depthwise convolution** gives each channel a small filter of its own. Behind it a 1×1 convolution mixes the channels.
#
# An ordinary 3×3 convolution from 32 to 64 channels sums over all its input channels, with 32 · 64 · 9 = 18,432 weights. A depthwise one has 32 filters of nine weights: output channel 5 sees input channel 5, and nothing else. The mixing is done by a 1×1 convolution with 32 · 64 weights. Together that is 288 + 2,048 = 2,336 weights, an eighth. MobileNet is built like this ([Howard et al., 2017](https://arxiv.org/abs/1704.04861)), and so is our network.

# %% two_convolutions tags=["hide-input"]
# Draws a depthwise convolution and the 1×1 convolution behind it.
show.two_convolutions()

# %% [markdown]
# ### By hand
#
# We round two filters to 3 bits, to integers from −4 to 3: (−0.7, 0.4) and (−0.07, 0.04). The scale is the largest weight over 3.5.

# %% [markdown]
# | scale | first filter | second filter |
# |---|---|---|
# | for both: 0.7 / 3.5 = 0.2 | −4 and 2, so −0.8 and 0.4 | 0 and 0, so **0 and 0** |
# | its own: 0.07 / 3.5 = 0.02 | | −4 and 2, so −0.08 and 0.04 |
#
# With the scale of the wide filter, 0.04 is 0.2 of a step and is rounded to 0, and so is the rest of the narrow one. With a scale of its own, the narrow filter comes back as well as the wide one. The price is a second scale to be stored. In code:


# %%
def rounded(weight, largest, bits=8):
    """Round to integers times a scale; `largest` is the largest weight of the layer, or of each channel."""
    half = 2 ** (bits - 1)
    scale = largest / (half - 0.5)
    return (weight / scale).round().clamp(-half, half - 1) * scale


# %%
filters = torch.tensor([[-0.7, 0.4], [-0.07, 0.04]])
print("one scale: ", rounded(filters, filters.abs().max(), bits=3))
print("a scale each:", rounded(filters, filters.abs().amax(1, keepdim=True), bits=3))

# %% [markdown]
# **Try it.** Change both `bits=3` to `bits=8`, and run the cell again. Then change −0.7 to −70 as well.
#
# <details><summary>What others found</summary>
#
# With 8 bits one scale is good enough for both filters: the narrow one has a tenth of the width, and so 13 steps on either side. With −70 it is wiped out again. So what counts is how many times wider the widest filter is. At 8 bits a filter vanishes if it is more than 255 times narrower: then its weights are smaller than half a step.
#
# </details>

# %% [markdown]
# ## 3. Which layer?
#
# Two questions to each layer. Is it *enough* to round this one alone? Is it *needed*: is the loss gone if only the others are rounded?
#
# *By hand:* two networks lose 20 points each. P and Q are two of their many layers.
#
# | | P alone | Q alone | all but P | all but Q |
# |---|---|---|---|---|
# | first | 20 | 0 | 0 | 20 |
# | second | 1 | 1 | 19 | 19 |
#
# Our network has eight layers with weights, and all were rounded.
#
# In the first network P does it: rounding P is enough, and without P nothing is lost. In the second network neither layer is enough, and the others are like them. Many small errors add up, and no single repair brings much back.

# %% [markdown]
# **Predict.** A third network loses 20 points, too: P alone 20, all but P 20. You repair P. How many of the 20 points come back: **A** all, **B** half, **C** none?

# %% [markdown] tags=["answer"]
# **None (C), because the other layers are enough for the whole loss, too.** "P alone" does not tell this network from the first one. "All but P" does, so measure both.

# %% [markdown]
# We round weights in the *float* network, so nothing else can take part in the loss. We take the folded network, since its weights are the ones that become integers.


# %%
def right_with(rounded_layers):
    copied = copy.deepcopy(folded)
    layers = [m for m in copied.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for number in rounded_layers:
        weight = layers[number].weight
        weight.copy_(rounded(weight, weight.abs().max()))
    return accuracy(copied)


everything = set(range(8))
reference = right_with(set()), right_with(everything)
alone = [right_with({number}) for number in range(8)]
all_but = [right_with(everything - {number}) for number in range(8)]

# %% [markdown]
# ### One layer alone, and all but one

# %% by_layer tags=["hide-input"]
# Puts the accuracies of both experiments into a table.
show.by_layer(reference, alone, all_but)

# %% [markdown]
# Rounded weights alone lose nearly as much as int8 did: it is the weights. One row stands out in both columns: block 1, the first depthwise convolution. Rounding it is enough for the whole loss. If all the others are rounded and block 1 is not, hardly anything is lost. So the loss sits in 288 weights. Blocks 3 and 5 are depthwise as well, and cost next to nothing. What sets the scale of block 1?

# %% [markdown]
# ## 4. Which channel?
#
# Folding multiplies the weights of each channel by a factor of its own, $\gamma / \sqrt{\sigma^2 + \epsilon}$.
#
# The weights that became integers are not those that were trained, but the folded ones of [[static]]. $\gamma$ is the factor that the batch norm learned for the channel, $\sigma^2$ is the variance that the channel's results had in training, and $\epsilon$ is 0.00001. Here are two of the 32 channels of block 1, from the file of the network:
#
# | channel | largest weight | $\gamma$ | $\sigma^2$ | factor | folded |
# |---|---|---|---|---|---|
# | 31 | 0.404 | 0.2782 | 0.007065 | 0.2782 / √0.007075 = 3.31 | 1.34 |
# | 28 | 0.280 | 0.253 | 0.00000 | 0.253 / √0.00001 = 80.0 | 22.4 |
#
# As it was trained, channel 28 was the narrower one. Folded, it is 17 times as wide. It sets the scale of the layer: 22.4 / 127.5 = 0.176. So the largest weight of channel 31 is only 1.34 / 0.176 = 7.6 steps long.

# %%
conv, norm = net.features[1][0], net.features[1][1]
factor = norm.weight / (norm.running_var + norm.eps).sqrt()
trained = conv.weight.abs().amax((1, 2, 3))  # the largest weight of each channel
wide = trained * factor.abs()

# %% trained_and_folded tags=["hide-input"]
# Draws the largest weight of each channel, as it was trained and folded.
show.trained_and_folded(trained, wide)

# %% [markdown]
# ### What the widest channel does
#
# The variance $\sigma^2$ of channel 28 is 0. In a depthwise layer a channel has one input, and a ReLU stands before it.
#
# **Predict.** How much do the nine weights of channel 28 contribute to telling one image from another: **A** more than those of other channels, **B** as much, **C** nothing?

# %%
inputs = net.features[0](images).amax((0, 2, 3))  # the largest number that each channel is given

# %% what_the_widest_channel_does
for channel in (31, 28):
    print(f"channel {channel}: up to {inputs[channel]:.2f}")
print(f"only zeros: {(inputs == 0).sum()} of 32")

# %% [markdown] tags=["answer"]
# **Nothing (C), because a variance of 0 means that its result was the same for all images.** Its input is 0 at every pixel of every image, so its nine weights multiply only zeros.

# %% [markdown]
# Channel 28 of block 0 gives 0 behind its ReLU, whatever the image. Such a channel is **dead**, and so is the filter that reads it. In an ordinary convolution this would hardly matter: each result is a sum over many channels, and varies with the others. A depthwise channel has one input only. If that is dead, its result does not vary at all. So the batch norm divides by $\sqrt{\epsilon}$, which is 0.00316, and the factor becomes 316 $\gamma$.
#
# In float this does no harm: 80 · 0 is 0. But folding moves the factor into the weights, and there it sets the scale for the living. Is it really these nine weights?

# %% [markdown]
# ### Take it away
#
# We set the nine weights of channel 28 to 0, *before* folding and rounding. All else stays.

# %% take_it_away tags=["legacy"]
emptied = copy.deepcopy(net)
emptied.features[1][0].weight[28] = 0
emptied_int8 = to_int8(fold(emptied), per_tensor)

# %% take_it_away_2
print(f"float {accuracy(emptied):.1f} %, int8 {accuracy(emptied_int8):.1f} %")

# %% [markdown]
# Float has not changed, and int8 has its points back, still with one scale for each layer. Nine weights that multiply only zeros had set the scale that cost them. In blocks 3 and 5 a dead channel is the widest as well, and they lose next to nothing: a coarse scale is a danger, and not always a loss.
#
# **Try it.** Run the last two cells with channel 16 in place of 28: it is dead as well, and the second widest. Then with 22, which is alive. Then with 28 again, and `*= 1.01` in place of `= 0`.
#
# <details><summary>What others found</summary>
#
# Without 16 nothing changes: it does not set the scale. Without 22 float itself loses many points. And with a channel 28 that is *wider* by one per cent, most of the points come back. That is the bad luck: with steps so coarse, some filters have no weight longer than one step. One of them, channel 4, is alive, and rounding it alone loses nearly all the points: its weight of 0.503 steps was rounded up. With the larger scale it has 0.498 steps and becomes 0.
#
# </details>

# %% [markdown]
# ## 5. Three repairs
#
# 1. **Empty the dead channels.** The scale is set by the living.
# 2. **A scale per channel.** No channel spoils another.
# 3. **Leave the layer in float**: `qconfig = None`, and stubs that turn integers into floats and back.

# %% tags=["hide-input", "legacy"]
# Leaves block 1 in float, with stubs around it, and converts the others.
mixed = copy.deepcopy(folded)
block = mixed.module.features[1]
block.qconfig = None  # no observer, so convert leaves it alone
mixed.module.features[1] = nn.Sequential(tq.DeQuantStub(), block, tq.QuantStub())
one_in_float = to_int8(mixed, per_tensor)

# %% [markdown]
# A chip must be able to do what a repair asks for. A scale per channel needs routines that know it. PyTorch's do; a chip may have room for one scale only. The third repair needs a processor that computes in float, and time for the way to float and back. Emptying asks nothing of the chip. But a channel is dead *on the images that you showed it*. If another image wakes it, the emptied network answers differently from the old one.

# %% [markdown]
# ### What they cost
#
# The int8 file has about 45 kB. The network has 586 channels, and PyTorch stores for each of them a scale and a zero point of 8 bytes each. Block 1 has 288 weights.
#
# **Predict.** Which repair makes the file more than a tenth larger: **A** emptied channels, **B** a scale per channel, **C** block 1 in float?

# %% remedies tags=["hide-input"]
# Puts the accuracy and the file of each repair into a table.
shipped = {
    "one scale per layer": one_scale,
    "channel 28 emptied": emptied_int8,
    "a scale per channel": many_scales,
    "block 1 in float": one_in_float,
}
right = {name: accuracy(model) for name, model in shipped.items()}
kilobytes = {name: show.kilobytes(model) for name, model in shipped.items()}
show.remedies(right, kilobytes)

# %% [markdown] tags=["answer"]
# **A scale per channel (B), because 586 · 16 bytes are 9.4 kB, a fifth of the file.** Block 1 in float has 3 bytes more for each weight, 0.9 kB. Zeros take as many bytes as other integers.

# %% [markdown]
# The table shows more than 9.4 kB, since each tensor also has a name and some bookkeeping.
#
# Which one to choose? Where the routines have it, a scale per channel: it also protects narrow channels from wide ones that are alive. Where there is room for one scale only, empty the dead channels, if one of them is the widest. Where neither helps, leave the layer in float. In the large layers of larger networks a channel has hundreds of weights, and 16 bytes more hardly count.

# %% [markdown]
# ## Exercise · Empty what is dead
# ★★ · 10 minutes
#
# Write `repair(model, images)`. `model.features` holds blocks like those of DepthwiseCNN: convolution, batch norm, ReLU.
#
# Return a copy in which each depthwise filter (`groups > 1`) whose input is 0 for all `images` is set to 0. All else stays, and so does `model`.
#
# Then try it: `accuracy(to_int8(fold(repair(net, images)), per_tensor))`.
#
# <details><summary>Hint</summary>
#
# Walk through the blocks of the copy, and send the images along: `x = block(x)`. Before a depthwise block, `x` is what its filters are given. A filter belongs to one channel: `conv.weight[channel]`.
#
# </details>


# %% tags=["exercise"]
def repair(model, images):
    """A copy of the model whose depthwise filters are 0 where these images give them only zeros."""
    raise NotImplementedError


# %% tags=["check"]
check.repair(repair)


# %% tags=["solution", "hide-cell"]
def repair_solution(model, images):
    repaired = copy.deepcopy(model)
    x = images
    for block in repaired.features:
        conv = block[0]
        if conv.groups > 1:
            largest = x.abs().amax((0, 2, 3))
            conv.weight[largest == 0] = 0
        x = block(x)
    return repaired


# %% [markdown]
# ## Remember
#
# - One scale for a layer is set by its widest channel, whether that channel does anything or not; folding can make a dead channel the widest.
# - To find where accuracy is lost, round one layer alone, and all but that one: is it enough, and is it needed?
# - A scale per channel protects all channels and costs bytes; emptying dead channels costs no bytes, and can help where one of them sets the scale.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"]
claims.show("depthwise")

# %% [markdown]
# ## Deeper
#
# ### A network from the world
#
# Does this happen outside of a lesson? EfficientNet-Lite0 was made for phones, and learned the photos of ImageNet; [[pt2e]] introduces it. We fold its 49 convolutions, round their weights, and leave all else in float. The cell asks whether it may fetch the network, 17 MB; without it, it shows nothing about the real one.

# %% tags=["hide-input"]
# Rounds the weights of EfficientNet-Lite0 in three ways, and counts the answers that stay.
show.in_the_world()

# %% [markdown]
# One scale per layer loses many of the answers here, too, and a scale per channel keeps them. But this time emptying brings nothing back. The network has dozens of dead filters, and they are innocent: none is the widest of its layer. The scales are set by wide channels that are alive. So the diagnosis comes before the repair.
#
# Some dead filters of this network are exactly 0, all their weights. The scale of such a channel would be 0, and 0 / 0 is not a number. PyTorch's observers take a tiny scale in its place; if you write your own rounding, do so as well.
#
# ### A wide channel that is alive
#
# What if it must be one scale, and the widest channel is alive? A part of its width can be moved into the next layer. This is called *equalization* ([Nagel et al., 2019](https://arxiv.org/abs/1906.04721)). For a number $c$ above 0, relu($x / c$) = relu($x$) / $c$. So divide filter and bias of a channel by $c$, and multiply by $c$ the weights of the next layer that read this channel. In float the network computes the same as before.
#
# *By hand.* In one layer channel A goes up to 8 and channel B up to 0.5. In the next layer the weights that read A go up to 0.5, and those that read B up to 2. With $c$ = √(8 / 0.5) = 4 for A, both of its numbers become 2. With $c$ = √(0.5 / 2) = 0.5 for B, both become 1. A was 16 times as wide as B, and now it is twice as wide. This costs no bytes. But calibrate afterwards, since what flows between the layers has changed. A ReLU6, which also cuts off at 6, does not have this property.
#
# The same paper has a second remedy. Rounded weights can shift the mean of a channel's results, and every later layer sees that shift. *Bias correction* measures it and subtracts it from the bias.
#
# ### Which engine does what?
#
# The default configuration of PyTorch depends on the engine. That of `x86`, for Intel and AMD, has a scale per channel. That of `qnnpack`, for ARM, has one per layer. So the same network can lose its points on a phone and not on a laptop, and people blame the kernels. They may be innocent: `qnnpack` can compute with a scale per channel, too, if you give it that observer.
#
# ```python
# activation = tq.get_default_qconfig("qnnpack").activation
# model.qconfig = tq.QConfig(activation=activation, weight=tq.default_per_channel_weight_observer)
# ```
#
# The engines also differ in the steps of the activations: 127 by the default of `x86`, 255 by that of `qnnpack`. So before you compare the accuracies of two machines, print the two configurations.
#
# What flows between the layers has one scale in all of them. In an ordinary or a 1×1 convolution a sum over input channels can be taken in integers only if these all count in the same unit.
#
# **Sources.** R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference*, 2018, [arXiv:1806.08342](https://arxiv.org/abs/1806.08342): one scale for a tensor or one for each channel, on MobileNets. T. Sheng et al., *A quantization-friendly separable convolution for MobileNets*, 2018, [arXiv:1803.08607](https://arxiv.org/abs/1803.08607): channels without variance in a MobileNet that fell from 70.5 to 1.8 %.
#
# **Going further.** [[qat_cnn]] trains this network until it can live with one scale. Projects: equalize the channels of DepthwiseCNN; follow block 0 through a training, and find out when its channels die.
#
# **Credits.** After *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

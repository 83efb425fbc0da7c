# ---
# jupyter:
#   course:
#     promise: You will find the layer and the channel that cost an int8 network its accuracy, and choose among three repairs.
#     seconds: 25
#     needs: [static]
#     goals:
#       - find the layer that loses the accuracy, by rounding one layer alone and all but one;
#       - find the channel that sets this layer's scale, and test whether the network needs it;
#       - choose among three repairs by what they need and the bytes that they add.
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

from course_utils import claims, legacy_int8
from lessons.depthwise import show
from lessons.depthwise import tasks as check

torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. Eight bits, twice
#
# DepthwiseCNN, a small network of the kind that phones use, has learned Fashion-MNIST. We take it to int8 as in [[static]]: fold, calibrate, convert. Each weight becomes an integer times a scale.
#
# Which weights share a scale? **Per tensor**, all weights of a layer do. **Per channel**, each output channel of a layer has a scale of its own. In PyTorch, the observer of the weights decides, so let's try both.

# %% to_int8 tags=["legacy"]
import copy

import torch
from torch import nn
from torch.ao import quantization as tq

# `fold` wraps a copy of the network and fuses its blocks, batch norm into convolution.
from lessons.depthwise.experiment import accuracy, fold, images, kilobytes, net


def to_int8(folded, weight_observer):
    default = tq.get_default_qconfig(torch.backends.quantized.engine)
    folded.qconfig = tq.QConfig(activation=default.activation, weight=weight_observer)
    observed = tq.prepare(folded)
    for batch in images.split(32):  # 512 training images
        observed(batch)
    return tq.convert(observed)


per_tensor, per_channel = tq.default_weight_observer, tq.default_per_channel_weight_observer
one_scale, many_scales = to_int8(fold(net), per_tensor), to_int8(fold(net), per_channel)

# %% eight_bits_twice tags=["hide-input"]
# Prints the accuracy of the three.
print(f"float                      {accuracy(net):.1f} % right")
print(f"int8, a scale per layer    {accuracy(one_scale):.1f} %")
print(f"int8, a scale per channel  {accuracy(many_scales):.1f} %")

# %% [markdown]
# With one scale per layer, about 25 points are lost. Why not always take a scale per channel? Because it costs bytes, and not every int8 *kernel*, the compiled routine for a layer, offers it. So let's find out where the points are lost. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Which layer loses the points?
#
# Our two int8 networks differ only in how their weights are rounded, so rounded weights must have lost the points. Which layer's weights? We take the folded *float* network, and round the weights of some layers only.
#
# Int8 has the integers from −128 to 127, and PyTorch divides the largest absolute weight by 127.5 to get the scale, because there are 255 steps between them. With the scale 0.1, a weight of 0.08 is 0.8 steps long and becomes 1 step, and 0.04 becomes 0.


# %%
def rounded(weight):
    scale = weight.abs().max() / 127.5
    return (weight / scale).round().clamp(-128, 127) * scale


def right_with(numbers):
    # in float, with the weights of these layers rounded; their numbers are 0 to 7
    copied = fold(net)
    layers = [m for m in copied.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for number in numbers:
        layers[number].weight.copy_(rounded(layers[number].weight))
    return accuracy(copied)


# %%
print(f"layer 0 alone: {right_with({0}):.1f} % right")

# %% [markdown]
# **Try it.** Layer 0 alone loses nothing. Which one does? Change `{0}` to the other numbers, up to `{7}`, and run the cell again.
#
# <details><summary>What others found</summary>
#
# Layer 1 alone loses about 26 points, and no other layer loses one.
#
# </details>
#
# Rounding a layer **alone** tells whether it's *enough* to lose the points. Will they come back if we repair it? Not always. Suppose that in some network two layers are faulty, and each of them alone loses 20 points. If you repair only one of them, the other one still loses 20.
#
# So we also round **all but** this layer. If the network then keeps its points, the loss *needs* this layer, so repairing it brings the points back.

# %% by_layer tags=["hide-input"]
# Rounds each layer alone, and all but each, and puts the accuracies into a table.
everything = set(range(8))
reference = right_with(set()), right_with(everything)
alone = [right_with({number}) for number in range(8)]
all_but = [right_with(everything - {number}) for number in range(8)]
show.by_layer(reference, alone, all_but)

# %% [markdown]
# Layer 1 stands out in both columns: rounded alone, it loses at least as many points as all eight together, and with all the others rounded, hardly any are lost. So we only need to repair this layer, 288 of the network's 30,208 weights.

# %% [markdown]
# ## 3. Which channel sets the scale?
#
# Layer 1 is a **depthwise convolution**, as in MobileNet ([Howard et al., 2017](https://arxiv.org/abs/1704.04861)): each of its 32 channels has a filter of nine weights that reads this channel and no other.
#
# The largest weight of all sets the scale. Let's call a channel's largest weight its *width*: in code, `weight.abs().amax((1, 2, 3))`, and `.argmax()` of it names the widest channel. How wide is each channel, in steps of the scale?

# %% widths tags=["hide-input"]
# Draws the largest weight of each channel of layer 1, in steps of the layer's scale.
weight = fold(net).module.features[1][0][0].weight
wide = weight.abs().amax((1, 2, 3))  # of each channel
steps = 127.5 * wide / wide.max()
show.widths(steps)

# %% [markdown]
# Channel 28 sets the scale. We compare it with channel 4, the widest of the five that are shorter than one step. Why is channel 28 so wide? *Folding* made it so. It multiplies the weights of each channel by $\gamma / \sqrt{\sigma^2 + \epsilon}$: $\gamma$ is batch norm's learned factor, $\sigma^2$ the variance of the channel's results in training, and $\epsilon$ = 0.00001 prevents a division by 0.
#
# | channel | largest weight, as trained | factor $\gamma / \sqrt{\sigma^2 + \epsilon}$ | folded |
# |---|---|---|---|
# | 4 | 0.728 | 0.550 / √8.58 = 0.188 | 0.137 |
# | 28 | 0.280 | 0.253 / √(0 + 0.00001) = 0.253 / 0.00316 = 80.0 | 22.4 |
#
# The scale is 22.4 / 127.5 = 0.176, so channel 4's largest weight is 0.137 / 0.176 = 0.78 steps long.
#
# **Predict.** The variance of channel 28 is 0. How much do its nine weights help to tell images apart: **A** more than those of other channels, **B** as much, **C** not at all?

# %% what_the_widest_channel_does
given = net.features[0](images).amax((0, 2, 3))  # the largest number that each filter of layer 1 reads
print(f"largest input of channel 4: {given[4]:.1f}, of channel 28: {given[28]:.1f}")

# %% [markdown] tags=["answer"]
# **Not at all (C), because a variance of 0 means that its result was the same for every image.** The cell shows why: on all of our 512 images, the ReLU of layer 0 makes channel 28 0, so the filter reads only zeros.

# %% [markdown]
# An ordinary convolution sums over many channels, so its result still varies if one of them doesn't. A depthwise filter reads only one. If this channel is 0 on all images, it's called **dead**, and so are the filter and the weights that read it. Then the variance is 0, and the factor is 316 times $\gamma$: for channel 28, that's 80. In float this does no harm, since 80 · 0 is 0. But folded into the weights, the 80 sets the scale for all.
#
# To test this, we change the nine weights of channel 28 *before* folding, and nothing else.


# %% take_it_away tags=["legacy"]
def with_channel_28_times(factor):
    changed = copy.deepcopy(net)
    changed.features[1][0].weight[28] *= factor
    return changed, to_int8(fold(changed), per_tensor)


emptied, emptied_int8 = with_channel_28_times(0)
print(f"float {accuracy(emptied):.1f} %, int8 {accuracy(emptied_int8):.1f} % right")

# %% [markdown]
# Float hasn't changed, so the network doesn't need these weights. And int8 has its points back, still with one scale per layer.

# %% [markdown]
# ## 4. Which filter loses the points?
#
# Nine dead weights made the scale coarse. But they can't lose points themselves, since they multiply zeros. So which living filter does? First we round, one at a time, the living filters that are shorter than a step, and then all of layer 1 except the one that loses points. The last line looks at layer 5, depthwise as well.

# %% which_filter tags=["hide-input"]
# Rounds single filters of layer 1 in the float network, with the layer's scale, and looks at layer 5.
show.which_filter(steps, given, fold(net), rounded(weight))

# %% [markdown]
# Channel 4 is enough for the loss, and needed. But a coarse scale needn't do harm: in layer 5, too, a dead channel sets the scale and six living filters are shorter than a step, and rounding it cost next to nothing. So what's wrong with channel 4? Here are its nine weights:

# %% filter_4 tags=["hide-input", "legacy"]
# Draws the filter of channel 4 in float and in int8.
integers = one_scale.module.features[1][0].weight().int_repr()  # what int8 has stored
show.filter_4(weight[4, 0] / (wide.max() / 127.5), integers[4, 0])

# %% [markdown]
# The weights longer than half a step, in orange, have become 1, 1 and −1, and the others 0.
#
# Channel 4 sees the *background*: on black, layer 0 gives it 10. Where all nine inputs are 10, the result is 10 times the sum of the nine weights, plus the bias, −0.27.
#
# - In float the sum is 0.37 steps of 0.176, so the result is 10 · 0.37 · 0.176 − 0.27 = 0.38.
# - In int8 the sum is 1 + 1 − 1 = 1 step, so the result is 10 · 1 · 0.176 − 0.27 = 1.49.
#
# **The errors have added up, and the black background comes out four times as bright.** Is that what loses the points? We round channel 4 alone, in the float network, and then subtract the difference, 1.11, from its bias:

# %%
only_4 = fold(net)
conv = only_4.module.features[1][0][0]
conv.weight[4] = rounded(conv.weight)[4]
print(f"channel 4 rounded: {accuracy(only_4):.1f} % right")
conv.bias[4] -= 1.11
print(f"and its bias corrected: {accuracy(only_4):.1f} %")

# %% [markdown]
# It is. And it was close: the first weight, 0.503 steps, was only just rounded up.
#
# **Predict.** We make the *dead* channel 28 one per cent wider, and with it the scale one per cent coarser. Then this weight is 0.503 / 1.01 steps long. What happens to int8: **A** most of the lost points come back, **B** nothing, **C** it loses a few points more?

# %% one_per_cent tags=["legacy"]
wider, wider_int8 = with_channel_28_times(1.01)
print(f"float {accuracy(wider):.1f} %, int8 {accuracy(wider_int8):.1f} % right")

# %% [markdown] tags=["answer"]
# **Most come back (A), because 0.503 / 1.01 = 0.498 is rounded to 0.** Now the sum is 1 − 1 = 0, and the result on black is −0.27, which the ReLU makes 0. That's off by 0.38 instead of 1.11.

# %% [markdown]
# So which weights cost the 25 points? Nine dead ones set the scale, and on this scale one living weight fell on the wrong side of one half. **A coarse scale is a danger.** Here only two living filters are shorter than a step, so luck decided what it cost. Don't count on luck: the larger network in *Deeper* loses many of its answers.

# %% [markdown]
# ## 5. Which repair?
#
# 1. **Empty the dead channels.** We emptied one, as a test, and the exercise empties all of them. That works on any chip, but it helps only where a dead channel is the widest. And you know that a channel is dead only for the images that you've shown it.
# 2. **Take a scale per channel**, in all layers or in layer 1 alone. Then no channel can make another's steps coarser.
# 3. **Leave the layer in float.** That needs a chip that computes in float too, and time to convert. In PyTorch, a layer without a qconfig stays float. Its stubs stand the other way round than those of the network: the first turns the integers that arrive into floats, and the second turns the results back:

# %% block_in_float tags=["legacy"]
mixed = fold(net)
mixed.module.features[1].qconfig = None
mixed.module.features[1] = nn.Sequential(tq.DeQuantStub(), mixed.module.features[1], tq.QuantStub())
one_in_float = to_int8(mixed, per_tensor)

# %% layer_1_per_channel tags=["legacy"]
spared = fold(net)  # a scale per channel in layer 1 alone: a block's own qconfig counts
activation = tq.get_default_qconfig(torch.backends.quantized.engine).activation
spared.module.features[1].qconfig = tq.QConfig(activation=activation, weight=per_channel)
one_per_channel = to_int8(spared, per_tensor)

# %% [markdown]
# What do they add to the file of about 45 kB? The network has 586 channels, and layer 1 has 32 of them, with 288 weights. PyTorch stores a scale and a zero point of 8 bytes each for a channel.
#
# **Predict.** Which repair makes the file more than a tenth larger: **A** a scale per channel in all layers, **B** emptied channels, **C** layer 1 in float?

# %% remedies tags=["hide-input"]
# Puts the accuracy and the file of each repair into a table.
shipped = {
    "one scale per layer": one_scale,
    "channel 28 emptied": emptied_int8,
    "a scale per channel": many_scales,
    "a scale per channel in layer 1": one_per_channel,
    "layer 1 in float": one_in_float,
}
right = {name: accuracy(model) for name, model in shipped.items()}
file_kb = {name: kilobytes(model) for name, model in shipped.items()}
show.remedies(right, file_kb)

# %% [markdown] tags=["answer"]
# **A scale per channel (A), because a scale and a zero point take 16 bytes: 586 · 16 bytes are 9.4 kB, a fifth of the file.** Names and other bookkeeping add another 4 kB. In float, a weight takes 3 bytes more, for layer 1 0.9 kB. An emptied channel takes as many bytes as before.

# %% [markdown]
# All of them bring the points back. A scale per channel in all layers is expensive here, because a channel has only about 50 weights on average. In layer 1 alone, which the diagnosis has named, it's as cheap as the float layer. In larger layers, 16 bytes hardly count.
#
# Where the kernels allow it, take a scale per channel: in all layers it needs no diagnosis, and in the layer that loses the points it costs next to nothing. Where they don't, empty the dead channels if one of them is the widest. If the widest is alive, leave the layer in float, or move a part of the width into the next layer (*Deeper*) if the chip has no floats. Then measure again.

# %% [markdown]
# ## Exercise · Empty what is dead
# ★★ · 10 minutes
#
# Write `repair(model, images)`: a copy of `model` in which each depthwise filter (`groups > 1`) that reads only zeros, on all `images`, is set to 0. Everything else stays, and so does `model`. `model.features` holds blocks of convolution, batch norm and ReLU.
#
# Then, in a new cell, print `accuracy` and `kilobytes` of `to_int8(fold(repair(net, images)), per_tensor)`.
#
# <details><summary>Hint</summary>
#
# In the loop, before `x = block(x)`, `x` is what the block's filters read, of shape (images, channels, height, width). `conv.weight[channel]` is a channel's filter.
#
# </details>
#
# <details><summary>What others found</summary>
#
# It's about as accurate as a scale per channel, and adds no bytes.
#
# </details>


# %% tags=["exercise"]
def repair(model, images):
    """A copy of the model whose depthwise filters are 0 where these images give them only zeros."""
    # repaired = copy.deepcopy(model)
    # x = images
    # for block in repaired.features:
    #     conv = block[0]
    #     ...  # your lines
    #     x = block(x)
    # return repaired
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
# - To find where accuracy is lost, round one layer alone, and all but that one: is it enough for the loss, and is it needed?
# - The widest channel sets a layer's scale, and folding can make a dead channel the widest: set its weights to 0 to test whether they're needed.
# - A coarse scale is a danger: here luck decided what it cost. Take a scale per channel, if need be only in the layer that loses the points; or empty a dead channel that is the widest; or leave the layer in float.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("depthwise")

# %% [markdown]
# ## Deeper
#
# ### A real-world network
#
# EfficientNet-Lite0 was made for phones, and knows the photos of ImageNet. We fold its 49 convolutions and round their weights. The cell asks whether it may fetch the network, 17 MB.

# %% tags=["hide-input"]
# Rounds the weights of EfficientNet-Lite0 in three ways, and counts the answers that stay.
show.in_the_world()

# %% [markdown]
# One scale per layer loses many answers, and a scale per channel keeps them. But emptying brings nothing back: dozens of filters are dead on these photos, and none is the widest of its layer. Living channels set the scales. So diagnose before you repair.
#
# ### A wide channel that is alive
#
# If it must be one scale, you can also move a part of a channel's width into the next layer. This is *equalization* ([Nagel et al., 2019](https://arxiv.org/abs/1906.04721)). For $c > 0$, relu($x / c$) = relu($x$) / $c$, which doesn't hold for ReLU6, because it stops at 6. So divide filter and bias of a channel by $c$, and multiply by $c$ the weights of the next layer that read this channel. In float nothing changes.
#
# Say that channel A goes up to 8 and channel B up to 0.5, and that the weights that read them go up to 0.5 and 2. With $c$ = √(8 / 0.5) = 4 for A, both of its numbers become 2. With $c$ = √(0.5 / 2) = 0.5 for B, both become 1. A was 16 times as wide as B, and now it's twice as wide. Calibrate afterwards, because the activations have changed.
#
# Another remedy of the paper is *bias correction*, which we tried on channel 4.
#
# ### Which engine does what?
#
# PyTorch's default for `x86` has a scale per channel, and that for `qnnpack`, the engine for ARM, has one per layer. So a network can lose its points on a phone or an Apple laptop and keep them on a PC, though `qnnpack` takes a scale per channel as well, if you give it that observer. So before you compare two machines, print both qconfigs.

# %% [markdown]
# **Sources.** R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference*, 2018, [arXiv:1806.08342](https://arxiv.org/abs/1806.08342): one scale per layer or one per channel, on MobileNets. T. Sheng et al., *A quantization-friendly separable convolution for MobileNets*, 2018, [arXiv:1803.08607](https://arxiv.org/abs/1803.08607): channels without variance in a MobileNet that fell from 70.5 to 1.8 %.
#
# **Going further.** Projects: equalize the channels of DepthwiseCNN; follow layer 0 through a training, and find out when its channels die.
#
# **Credits.** After *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown]
# ## Nobody told the network
#
# All three repairs come after the training. But a network could also *learn* weights that survive the rounding, if it trained on with the rounded ones. In [[qat]] we try this, and the first attempt doesn't move a single weight. Why not?

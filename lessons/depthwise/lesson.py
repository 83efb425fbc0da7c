# ---
# jupyter:
#   course:
#     promise: You will find out where an int8 network loses its accuracy, repair it, and test whether the architecture is to blame, the training, or only both together.
#     seconds: 50
#     needs: [measuring, energy, integers, static]
#     goals:
#       - Say what a depthwise convolution is, and what one scale for a whole layer may do to it.
#       - Find out where in a network accuracy is lost, by rounding one layer at a time, in both directions.
#       - Say what folding a batch norm does to the ranges of the weights, and test whether the channel that sets the scale is needed.
#       - Choose among three repairs by what each of them costs.
#       - Separate two causes by a crossed experiment.
#     terms: [crossed experiment, "decibel, dB", depthwise convolution, "per-channel, per-tensor", SQNR, TorchScript]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Eight bits were enough for an ordinary CNN. Are they enough for a network that was made for phones?*
#
# **Agenda**
#
# [[agenda]]
#
# [[promise]]
#
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Remind the room of [[static]]: an ordinary CNN lost less than a point in int8. An int8 weight is an integer from −128 to 127 times a scale, and the scale belongs to a whole layer (*per tensor*) or to one channel (*per channel*). Announce a detective story in four steps: how much is lost, in which layer, in which channel, and last, who made that channel what it is. The figure comes back on the next slide; do not explain it here.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy
from statistics import fmean

import torch
import torchvision
from torch import nn
from torch.ao import quantization as tq
from torch.ao.nn.quantized import FloatFunctional

from course_utils import data, legacy_int8, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import int8_audit, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims
from lessons.depthwise import checks as check
from lessons.depthwise import show

legacy_int8.ignore_deprecations()  # [[static]] says what is deprecated
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = torch.device("cpu")  # torch.ao's int8 kernels are CPU code
engine = torch.backends.quantized.engine = legacy_int8.best()
print(f"int8 engine: {engine}")
runtime.describe(device)

# %% tags=["setup"] slideshow={"slide_type": "skip"}
cnn = checkpoints.load("small_cnn").requires_grad_(False)
depthwise = checkpoints.load("depthwise_cnn").requires_grad_(False)
networks = {"SmallCNN": cnn, "DepthwiseCNN": depthwise}
images, _ = data.load("fashion_mnist", n=512)  # training images, to calibrate on
batches = images.split(128)
test_set = data.load("fashion_mnist", "test")
some, some_labels = (part[:2000] for part in test_set)


def percent_right(model, x=some, y=some_labels):
    """Accuracy in percent, on the first 2,000 test images unless told."""
    return 100 * training.evaluate(model, x, y)


# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 1. One scale for a layer, or one for each channel
#
# A **depthwise** convolution filters each channel on its own, with nine weights. A 1×1 convolution behind it mixes the channels. In int8 the weights of a layer have one scale together, or each channel has its own.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room count the weights from 32 to 64 channels. Ordinary: 32 · 64 · 9 = 18,432. Depthwise and 1×1: 32 · 9 + 32 · 64 = 288 + 2,048 = 2,336, an eighth.
#
# Draw two filters, (1.0, −0.8) and (0.10, 0.06), with 3 bits: one scale for both, and the small one is gone; a scale for each, and it stays.
#
# Ask: "How many other weights can make up for an error in one of the nine?" The other eight at most; in an ordinary layer there are hundreds. Write "depthwise layers suffer because their sums are short?" on the board, with the question mark. It is a guess, and section 5 comes back to it. (For you: it will not be confirmed.)

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws a depthwise convolution and the 1×1 convolution behind it.
show.two_convolutions()

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[static]] an ordinary CNN was turned into int8, and it lost less than a point of accuracy. For phones another kind of network was designed. It soon became a test case for quantization. MobileNet ([Howard et al., 2017](https://arxiv.org/abs/1704.04861)) replaces every ordinary convolution but the first by two cheaper ones. The first is a **depthwise convolution**: output channel 5 sees input channel 5 and nothing else, through nine weights of its own (a 3×3 filter). It cannot mix channels. The second is a 1×1 convolution, and it does nothing but mix: each of its outputs is a weighted sum over all channels at one pixel.
#
# **By hand: what it saves.** An ordinary 3×3 convolution from 32 to 64 channels has 32 · 64 · 9 = 18,432 weights. The depthwise convolution of 32 channels has 32 · 9 = 288, and the 1×1 convolution from 32 to 64 channels has 32 · 64 = 2,048. Together that is 2,336, about an eighth.
#
# **What it risks.** Take the filters (1.0, −0.8) and (0.10, 0.06) in 3 bits. One scale for the whole layer (*per tensor*) is 1.0 / 3.5 = 0.286, so 0.10 and 0.06 both become 0. With a scale for each output channel (*per channel*) the second filter has 0.10 / 3.5 = 0.029, and comes back as (0.086, 0.057). In an ordinary convolution the result of such a filter is a sum over many input channels, and one might hope that the errors of its terms cancel. In a depthwise layer its nine weights are all that it has. Is this the reason why a network with such layers may suffer? Take it for a guess: section 5 comes back to it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Eight bits, twice
#
# DepthwiseCNN: one ordinary convolution, then three times depthwise and 1×1, then linear.
#
# **Predict.** Every weight gets eight bits. What does *one scale for each layer* cost DepthwiseCNN: **A** less than a point, **B** 1 to 10, **C** more than 10? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. Expect A and B: "eight bits were enough last time". Click, and compare the last two columns of the second row: the same images, the same observers of the activations, only the scales of the weights differ. So the weights make the loss.
#
# Then compare the two rows: "In how many things do the two networks differ?" In two: the architecture, and the training. SmallCNN was trained with Adam and without weight decay; DepthwiseCNN with SGD, a large learning rate and a weight decay of 0.001. Write both words on the board and keep them for section 5. If somebody says "so depthwise networks lose more": not shown yet.

# %% [markdown] slideshow={"slide_type": "skip"}
# The next cells do what [[static]] did: put stubs at both ends, fold the batch norms, calibrate with 512 training images, convert. The last argument of `to_int8` is the only thing in which the two int8 networks differ: the observer of the weights, which gives one scale for each layer, or one for each channel.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
default = tq.get_default_qconfig(engine)
WEIGHTS = {"per tensor": tq.default_weight_observer, "per channel": tq.default_per_channel_weight_observer}


def folded_copy(net):
    names = [[f"module.features.{block}.{part}" for part in range(3)] for block in range(len(net.features))]
    return tq.fuse_modules(tq.QuantWrapper(copy.deepcopy(net)).eval(), names)


def to_int8(folded_net, weight, data=batches):
    ready = copy.deepcopy(folded_net)
    ready.qconfig = tq.QConfig(activation=default.activation, weight=weight)
    observed = tq.prepare(ready)
    for batch in data:
        observed(batch)
    return tq.convert(observed)


# %% slideshow={"slide_type": "skip"}
folded = {name: folded_copy(net) for name, net in networks.items()}
models = {(name, "float"): net for name, net in networks.items()}
for name in networks:
    for how, weight in WEIGHTS.items():
        models[name, how] = to_int8(folded[name], weight)

# %% slideshow={"slide_type": "skip"}
right = {which: percent_right(model, *test_set) for which, model in models.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the accuracies of both networks into a table.
show.losses(right)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **DepthwiseCNN loses more than ten points with one scale for each layer (C), and hardly anything with one for each channel.**
#
# <!-- page -->
#
# In the run on this page it fell from 90.2 to 64.4 %. The two int8 networks differ in the scales of their weights and in nothing else: the activations have the same observers, which have seen the same images. So what the first one lost, it lost because its weights are rounded on one scale for each layer. (Whether every such scale would cost as much, section 3 asks.)
#
# Two warnings, before you conclude anything about depthwise networks in general. First, **this network was trained to show an effect**: with stochastic gradient descent at a large learning rate, and with a weight decay of 0.001 (each step makes every weight a little smaller) on all weights, the depthwise filters included. That is no common practice. MobileNet's authors write that "it was important to put very little or no weight decay (l2 regularization) on the depthwise filters" (Howard et al., 2017, section 3.2). (Whether the decay is to blame, section 5 asks.) Second, SmallCNN loses about a point, but it differs from DepthwiseCNN in two things: its architecture *and* its training (no weight decay, and Adam, an optimizer with a step of its own for each weight). Sections 2 to 4 look for the place of the damage. Section 5 separates the two causes.
#
# Such losses do happen to networks that nobody built for a lesson. [Sheng et al., 2018](https://arxiv.org/abs/1803.08607) report that MobileNet-v1 fell from 70.50 to 1.80 % in 8 bits, and Nagel et al. (under *Going further*) that MobileNet-v2 fell to the level of chance.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Which layers?
#
# Eight layers have weights. We round the weights of *one* of them on its one scale, and leave the rest in float. Then the other way round: *all but this one*.
#
# **Predict.** Who makes the loss: **A** all eight a little, **B** the three depthwise layers together, **C** one layer? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw a table with the columns *P alone*, *Q alone*, *all but P*, *all but Q*, and three networks that lose 20 points each: 20, 0, 0, 20; then 0, 0, 10, 10; then 20, 20, 20, 20. "Who is to blame?" In the first P; in the second nobody, many small errors add up; in the third P and Q, each by itself. "Which column tells all three apart?" *All but P*: 0, 10, 20. *P alone* is 20 in the first and in the third.
#
# Vote; expect B. Click. First row, in the run on this page: 91.0 with nothing rounded, 66.5 with all eight. Then look for the row that is far from these in *both* columns: only block 1. Blocks 3 and 5 are depthwise, too, and cost half a point at most. If somebody asks why 65.0 is below 66.5: a tenth of a point is two images, and once block 1 is rounded, small changes in other layers move the result by half a point or more. Read whole points.

# %% [markdown] slideshow={"slide_type": "skip"}
# We know that the weights are to blame, but there are eight layers of them. Why are two experiments needed for each layer? Because "is it enough?" and "is it needed?" are different questions.
#
# **By hand.** Three networks lose 20 points each.
#
# | | P alone | Q alone | all but P | all but Q |
# |---|---|---|---|---|
# | first network | 20 | 0 | 0 | 20 |
# | second network | 0 | 0 | 10 | 10 |
# | third network | 20 | 20 | 20 | 20 |
#
# In the first network P is to blame: rounding P is enough for the loss, and without P there is none. In the second one many small errors add up, and no single repair would do. In the third one P and Q are each enough, so repairing P alone would win nothing back. The column "P alone" does not tell the first network from the third, and the column "all but P" does.
#
# We round the weights inside the *float* network and leave the activations alone. So nothing else can take part in the loss. Two more runs say what the others are to be compared with: no layer rounded, and all eight.


# %% slideshow={"slide_type": "skip"}
def rounded(weight):
    """Eight bits with one scale, as floats again."""
    step = 2 * weight.abs().max() / 255
    return torch.round(weight / step).clamp(-128, 127) * step


def weight_of(net, layer):  # blocks 0 to 6, then the linear layer
    return net.module.fc.weight if layer == 7 else net.module.features[layer][0][0].weight


def right_with(layers):
    net = copy.deepcopy(folded["DepthwiseCNN"])
    for layer in layers:
        weight = weight_of(net, layer)
        weight.copy_(rounded(weight))
    return percent_right(net)


# %% slideshow={"slide_type": "skip"}
LAYERS = range(8)
none, all_eight = right_with([]), right_with(LAYERS)
alone = [right_with([layer]) for layer in LAYERS]

# %% slideshow={"slide_type": "skip"}
others = [right_with([other for other in LAYERS if other != layer]) for layer in LAYERS]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the accuracies of both experiments into a table.
show.by_layer(none, all_eight, alone, others)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **One layer makes the loss (C): block 1, the first depthwise convolution. It is enough, and it is needed.**
#
# <!-- page -->
#
# The first row is the measure: these 2,000 images with no layer rounded, and with all eight. Block 1 rounded alone costs as much as all eight together, and even a little more (the next paragraph says what to make of that). If the other seven are rounded and block 1 is not, less than a point is missing. So the loss sits in 288 of the network's weights. Blocks 3 and 5 are depthwise, too, and cost next to nothing. So being depthwise cannot be the whole reason. What is special about *this* layer?
#
# Read the columns in whole points. 2,000 images mean that a tenth of a point is two images, and once block 1 is rounded, small changes in other layers move the result by half a point or more, up or down: compare the rows of the last column with all eight. For a network of a hundred layers the same scan needs fewer images, or a ruler with finer marks than accuracy. [[bit_budget]] does that, with the distance between the ten probabilities.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Which channels?
#
# Block 1 has 32 channels. The largest weight of each, counted in steps of the layer's one scale:

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Both panels are there at once: stay with the left one first. A bar is a channel, its height the largest of its nine weights in steps; below the dashed line, half a step, a whole channel becomes 0. The order is that of the right panel, so a position is no channel number. "Would you expect trouble from the left one?" No: the widest is 2.5 times the median. On the right the last bar, channel 28, is 16.8 times the median.
#
# What lies between? Draw: w′ = w · γ / √(σ² + ε), with σ² the variance of the channel's results in training, ε = 0.00001. Let the room work out two factors. Channel 31: γ 0.278, σ² 0.00707, factor 3.3; its 0.404 becomes 1.34. Channel 28: γ 0.253, σ² 0, factor 80; its 0.280 becomes 22.4. The price for channel 31: the step is 2 · 22.4 / 255 = 0.176, so 1.34 is fewer than 8 steps. Before the folding it had 46.
#
# "Then why fold?" Without it the unequal channels are in the activations, where only one scale is to be had ([[static]]).

# %% slideshow={"slide_type": "skip"}
conv, norm = depthwise.features[1][0], depthwise.features[1][1]
factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
raw = conv.weight.abs().amax((1, 2, 3))
ranges = raw * factor.abs()  # the largest weight of each channel, folded

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the largest weight of each channel, as it was trained and folded.
show.raw_and_folded(raw, ranges)

# %% [markdown] slideshow={"slide_type": "skip"}
# On the left are the weights as they were trained. Nothing is wrong with them: the largest channel is 2.5 times as large as the median one. On the right are the weights that were *rounded*, after the batch norm has been folded in. One channel stands above all others, nearly seventeen times as large as the median one, and sets the scale for them.
#
# Folding multiplies the weights of each channel by a factor of its own, $\gamma / \sqrt{\sigma^2 + \epsilon}$ ([[static]] derives it; $\gamma$ is the trained scale of the batch norm, $\sigma^2$ the variance that the channel had during the training, and $\epsilon$ is 0.00001). So folding can spread channels that were alike.
#
# **By hand.** These are the numbers of two channels of block 1, from the file of the network.
#
# | channel | largest weight | $\gamma$ | $\sigma^2$ | factor | folded |
# |---|---|---|---|---|---|
# | 31 | 0.404 | 0.278 | 0.00707 | 0.278 / √0.00708 = 3.31 | 1.34 |
# | 28 | 0.280 | 0.253 | 0.00000 | 0.253 / √0.00001 = 80.0 | 22.4 |
#
# As trained, channel 28 was the smaller one. Folded, it is 16.8 times as large as channel 31. What does that cost channel 31? Before the folding the largest weight of the layer is 1.12, so one scale would be 2 · 1.12 / 255 = 0.0088, and channel 31 would reach 46 steps to either side. After it the scale is 2 · 22.4 / 255 = 0.176, and 1.34 is less than 8 steps. Of the 256 levels about 16 are left for this channel.
#
# There is a tension here. In [[static]] fusion *helped* this network, because an unfolded block stores its raw result, whose channels are very unequal. The inequality does not disappear by folding. It moves from the activations into the weights, where a scale for each channel can deal with it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The channel that sets the scale
#
# Folding multiplies the weights of a channel by $\gamma / \sqrt{\sigma^2 + \epsilon}$, where $\sigma^2$ is the variance of its results. Channel 28 is the widest, and its $\sigma^2$ is 0.
#
# **Predict.** What do the nine weights of channel 28 contribute to the network's answers: **A** more than those of any other channel, **B** about as much as those of others, **C** nothing? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote. Many will say A: the largest weights must be the important ones. Ask a person with C what a variance of 0 says about a channel's result: it was the same for all images. Click. The last column is the proof: in 2,000 images the largest input of channel 28 is 0.00, and nine weights times 0 give 0.
#
# Say the word: a **dead channel**. Block 0 ends with a ReLU, and its channel 28 is 0 everywhere. Row 16 is dead as well; 22 and 14 are alive; 31 is the median one of the last slide. Expect two questions. "Why 5.6e-45 and not 0?" The running average keeps nine tenths of its value with each batch, until the float can become no smaller. "Why did it do no harm in float?" There 316 γ is multiplied with 0. Folded, the same factor stands in the weights, and the weights set the scale.

# %% slideshow={"slide_type": "skip"}
inputs = depthwise.features[0](some).amax((0, 2, 3))  # the largest number that each channel of block 1 is given

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the widest channels, and one in the middle, into a table.
show.widest(depthwise.features[1], inputs, ranges)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The weights of channel 28 contribute nothing (C), because the channel's input is 0 in every image, so its result is the same whatever they are.** (The result is a constant, and a bias can give that as well.)
#
# <!-- page -->
#
# A variance of 0 says that the result of the convolution was the same for all images of the last part of the training. Block 0 ends with a ReLU, and in this network its channel 28 is 0 at every pixel of every image. Nine weights times 0 give 0. (The 5.6e-45 in the table is what is left of the variance. With each batch the running average keeps nine tenths of its value, until the float can become no smaller.) Such a channel is called a **dead channel**. The batch norm divides by $\sqrt{0 + \epsilon} = 0.00316$, so it multiplies the weights by $316\,\gamma$. As long as the batch norm stands behind the convolution, this does no harm, because 316 γ times 0 is 0. Folded, the factor stands in the weights, and there it sets the scale of the whole layer, although the weights that carry it are never multiplied by anything but 0.
#
# Channel 16 is dead as well; 22 and 14 are alive. In all, 11 of the 32 channels of block 1 have a variance below $\epsilon$. In ten of them the input is always 0, and one varies a little. We call them all dead. Most of them are narrow and do no harm. Sheng et al. (2018) name channels without variance as one reason for what happened to MobileNet-v1, too.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Take it away
#
# We set the nine weights of channel 28 to 0, before anything is rounded.
#
# **Predict.** How much of the lost accuracy comes back in int8, still with one scale for each layer: **A** nothing, **B** about half, **C** nearly all? And what does it do to the float network?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes, int8 and float. Before the click let the room name a control: "Which other channel would you empty, to show that it is this one?" A dead one that does not set the scale (row *channel 16*: nothing changes, the step stays), and a live one (row *channel 22*: float falls, too). Row *channel 28*: half the step, and the points are back.
#
# Then the last two rows, which do not fit a simple story: channel 28 is made *wider*, so the step grows, and most of the points come back as well. So 25 points are bad luck at this one step. Nearly all hang on one living filter, channel 4: all its weights are smaller than a step, and one of them, at 0.503 steps, is rounded up. What is not luck is the danger, a step so coarse that one rounding decides over a filter. "How often?" In a trial with 20 other steps, block 1 alone rounded, 19 cost half a point to six points, and one cost 22.

# %% [markdown] slideshow={"slide_type": "skip"}
# A dead channel always gives the same constant: the $\beta$ of its batch norm. So the repair is to write this constant into the bias and 0 into the weights. (For a channel whose variance is not quite 0 this is an approximation, and the accuracy in float says how good it is.)
#
# The table has three controls. Channel 16 is dead, too, and the second widest, but it does not set the scale. Channel 22 is the widest that is alive. And in the last two rows channel 28 is not emptied but made *wider*, which makes the step larger.


# %% slideshow={"slide_type": "skip"}
def emptied(channels):
    """The folded network; in each block that is named, these channels give their constant and have no weights."""
    net = copy.deepcopy(folded["DepthwiseCNN"])
    for block, which in channels.items():
        weight_of(net, block)[which] = 0
        net.module.features[block][0][0].bias[which] = depthwise.features[block][1].bias[which]
    return net


def widened(factor):
    net = copy.deepcopy(folded["DepthwiseCNN"])
    weight_of(net, 1)[28] *= factor
    return net


norms = [block[1] for block in depthwise.features]
dead = {block: norm.running_var < norm.eps for block, norm in enumerate(norms)}
CASES = {"nothing": {}, "channel 16": {1: [16]}, "channel 22": {1: [22]}, "channel 28": {1: [28]}}
CASES |= {"all dead, block 1": {1: dead[1]}, "all dead": dead}

# %% slideshow={"slide_type": "skip"}
changed = {what: emptied(channels) for what, channels in CASES.items()}
changed |= {f"channel 28, × {factor:g}": widened(factor) for factor in (1.01, 2)}
in_int8 = {what: to_int8(net, WEIGHTS["per tensor"]) for what, net in changed.items() if what != "nothing"}
in_int8["nothing"] = models["DepthwiseCNN", "per tensor"]

# %% slideshow={"slide_type": "skip"}
repaired = {}
for what, net in changed.items():
    step = 2 * weight_of(net, 1).abs().max().item() / 255
    repaired[what] = step, percent_right(net), percent_right(in_int8[what])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the step of block 1 and the accuracies into a table.
show.repairs(repaired, CASES)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Nearly all of the lost accuracy comes back (C), although the nine weights never did anything. In float nothing changes.**
#
# <!-- page -->
#
# Emptying channel 16, which is as dead, changes nothing, because the step stays. Emptying a live channel costs accuracy in float already, and more in int8. So it is the step that counts, and not the missing channel.
#
# Is it the *size* of the step? Without channel 28 it is only about half as large, since channel 16 sets it next. But look at the last two rows, which test the other direction: there the weights of channel 28 are multiplied by 1.01 and by 2. In float that changes nothing, since they multiply zeros. In int8 a step that is 1 % *larger* brings about nine tenths of the lost points back as well, and one of twice the size nearly as many. So 25 points are not the price of a step of 0.176; they are bad luck at this very step. Nearly all of them hang on a single filter, channel 4. All its weights are smaller than one step, so rounding decides between 0 and ±1, and one of them lies at 0.503 steps. In a trial this one weight, rounded down in place of up, brought 24 points back. ([[qat_cnn]] takes this filter apart.)
#
# What is *not* luck is the danger. The dead channel makes the step so coarse that filters like this one live or die by a rounding. How often does it happen? In a trial we rounded block 1 alone, on 500 images, with 20 steps from 0.9 to 1.95 times this one. Nineteen of them cost between half a point and six points, about four in the middle, and one of them cost 22. With half the step there is room to spare.
#
# Where it stops being true: a channel is dead *on the data that it has seen*. If it may get other inputs in its work than 0, emptying it changes the network. The accuracy in float, on images from the work, is the test. And the repair wins nothing where a live channel is the widest.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 4. Three repairs, and their prices
#
# Dead channels emptied, a scale for each channel, or the one layer left in float. The third needs stubs around it:


# %% slideshow={"slide_type": "-"} tags=["legacy"]
def left_in_float(folded_net, block):
    net = copy.deepcopy(folded_net)
    own = net.module.features[block]
    own.qconfig = None  # no observer, and so no int8
    net.module.features[block] = nn.Sequential(tq.DeQuantStub(), own, tq.QuantStub())
    return net


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Name the three repairs; only the third needs code. Ask what each line after the copy does: `own` is the block; `qconfig = None` keeps observers away, so `convert` leaves the block in float; the stub before it turns int8 into float, the stub behind it float into int8.
#
# "What happens without the stubs?" The float block is handed an int8 tensor and stops with an error, the message of [[static]] that now names "QuantizedCPU". "And without `qconfig = None`?" The block is converted, is handed floats, and stops as well. Both mistakes are loud.

# %% [markdown] slideshow={"slide_type": "skip"}
# The diagnosis suggests three repairs, and each one has a price.
#
# - **Empty the dead channels.** The variances of the batch norms tell which they are. After the folding these are gone, but a calibration tells it, too: a channel whose input is 0 in every image. It helps only where a dead channel sets the scale.
# - **A scale for each channel.** Then no channel can spoil the scale of another, dead or alive. The file has to hold the scales: PyTorch keeps a scale and a zero point for each channel, in eight bytes each. The engine has to have kernels for it: the CPU engines of PyTorch do (*Deeper* runs those of this machine), and not every chip does.
# - **Leave the layer in float.** Its input is turned from int8 into float, and its output back into int8. This takes time, four bytes for each of its weights, and a processor that computes in float at all.
#
# In code the third one needs two things, and each fails in its own way if it is left out. `qconfig = None` says that `prepare` puts no observer into this block, so `convert` leaves it as it is. Without this line the block is converted, and the stubs around it hand floats to an int8 layer, which stops with an error. The stubs turn int8 into float and back. Without them the float layer meets an int8 tensor and stops with an error.
#
# One more candidate belongs in the table. Perhaps another *range* is enough: the histogram observer, which for activations looks for the range with the least squared error ([[static]]), can be given to the weights.
#
# Before the int8 networks are timed, each of them is copied, because a used one may be slower. With oneDNN, which the engine `x86` takes on many processors, an int8 layer keeps the kernel that it prepared for the shape of its *first* call, and prepares any other shape anew at each call. So a network whose first call had 100 images must prepare a kernel again at each call with 64, and the clock would count that, too. A copy does not take the prepared kernel along, so the 64 images are its first call.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
whole = folded["DepthwiseCNN"]
clipped = tq.HistogramObserver.with_args(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric)
shipped = {
    "one scale": models["DepthwiseCNN", "per tensor"],
    "one scale, by histogram": to_int8(whole, clipped),
    "one scale, dead emptied": in_int8["all dead"],
    "one scale, block 1 in float": to_int8(left_in_float(whole, 1), WEIGHTS["per tensor"]),
    "a scale for each channel": models["DepthwiseCNN", "per channel"],
}
accuracy = {name: percent_right(model, *test_set) for name, model in list(shipped.items())[1:-1]}
known = {name: right["DepthwiseCNN", name] for name in WEIGHTS}  # from section 1
accuracy = {"one scale": known["per tensor"], **accuracy, "a scale for each channel": known["per channel"]}

# %% slideshow={"slide_type": "skip"}
files = {name: size_report(model) for name, model in shipped.items()}  # saved, loaded again, compared

# %% slideshow={"slide_type": "skip"}
batch_of_64 = some[:64]
fresh = {name: copy.deepcopy(model) for name, model in shipped.items()}
calls = {name: lambda model=model: model(batch_of_64) for name, model in fresh.items()}
calls = {"float": lambda: depthwise(batch_of_64), "float, fused": lambda: whole(batch_of_64), **calls}
speed = timing.compare(calls, rounds=7, device=device)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What each of them costs
#
# The file with one scale has 44 kB, the network 586 channels, and block 1 288 weights.
#
# **Predict.** Emptied dead channels, a scale for each channel, block 1 in float: which of the three makes the *file* more than a tenth larger? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Expect "the float layer". Let the room compute before the click: 288 weights, three bytes more for each, are 864 bytes, 2 % of the file. 586 channels, each with a scale and a zero point of eight bytes, are 9.4 kB; the table has 12.5 kB more, some 21 bytes for each channel, and the rest is bookkeeping. Emptying costs no byte.
#
# Read the other columns: all three repairs are back at about 90 %. The histogram observer repairs nothing: it keeps the full range, since cutting off large weights is a large squared error to it, and it cannot know that they are never used. In the speeds a few tenths decide nothing.
#
# "Which would you ship?" A scale for each channel where the kernels have it, because it also protects against wide channels that are alive; emptied channels where there is room for one scale; float where neither helps. "What else would you want to know?" What the chip's kernels can do, and whether the dead channels are dead on the images of the work, too.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts accuracy, file and speed of each repair into a table.
show.remedies(accuracy, files, speed)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **It is the scale for each channel that makes the file larger, by more than a quarter, because this network has many channels with few weights each.**
#
# <!-- page -->
#
# **By hand.** The network has 586 channels (of convolutions and of the linear layer). The two files differ by some 12,500 bytes, which is about 21 bytes for each channel. Sixteen of them are its scale and its zero point, and the rest is bookkeeping. The layer that stays in float has 288 weights, and three bytes more for each are 864. In a network whose channels have hundreds of weights the scales weigh next to nothing.
#
# All three repairs bring back the accuracy. Emptying is free in bytes. Read the speeds with [[measuring]] in mind, because they change from run to run, and a few tenths between two rows do not decide. A part of the gain is the fusion, as the caption says. Block 1 in float costs some time: compare its row with the first one. *Deeper* leaves more and more blocks in float. The histogram does *not* repair anything: in block 1 it keeps the full range, step for step. To cut off the large weights of the dead channels would cost a large squared error, and an observer cannot know that they are never used.
#
# What would one ship? A scale for each channel, which is what the default of `x86` does, because it also protects against wide channels that are alive. Empty the dead channels where a chip or a file format has room for one scale only. Leave a layer in float where neither helps. (Where there is room for one scale only and the wide channels are alive, *Deeper* describes a fourth way.) Section 2 is how you find the layer.
#
# The file of each repaired network holds what that of [[static]] held: integers, scales, zero points, biases. To load it, build the same modules first (fold, leave the same block in float, prepare and convert without data), and then load the state. The emptied channels need nothing, because their zeros are in the file.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Architecture, or training?
#
# The table of section 1 compared two networks:
#
# | points lost | recipe A: Adam | recipe B: SGD, large rate, decay |
# |---|---|---|
# | ordinary | *SmallCNN* | ? |
# | depthwise | ? | *DepthwiseCNN* |
#
# **Predict.** "Depthwise networks lose more." Which of the two empty cells must be measured before anybody may say that? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Fetch the two words from section 1. Vote: upper cell, lower cell, both. Who says "the lower one" has a point: it is the one with the other architecture under recipe A. But if it lost much, the upper cell could still lose as much. Click.
#
# Draw four columns: *ordinary A*, *depthwise A*, *ordinary B*, *depthwise B*, with 0 in the first and 20 in the last. Let the room fill the two in the middle for each verdict: the architecture alone 20, 0; the training alone 0, 20; either 20, 20; together 0, 0. If somebody wants averages, take the last row: depthwise lose 10 on average and ordinary ones 0, B loses 10 and A 0, and yet neither does anything without the other. That is called *interaction*. The table is the plan for the exercise.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Both empty cells must be measured, because each changes one thing alone: one the architecture, the other the training.**
#
# <!-- page -->
#
# SmallCNN and DepthwiseCNN stand in opposite corners. They differ in two things, so their difference cannot be credited to either. A **crossed experiment** measures all four cells: each architecture with each training. Start at the corner with little loss and change one thing at a time.
#
# The recipes differ in three things: A is Adam without decay, and B is SGD, with a larger learning rate and with decay. So B is a bundle. The experiment can say what the bundle does, and not which part of it.
#
# **By hand.** SmallCNN loses 0 points and DepthwiseCNN 20. Four verdicts are possible:
#
# | ordinary, A | depthwise, A | ordinary, B | depthwise, B | verdict |
# |---|---|---|---|---|
# | 0 | 20 | 0 | 20 | the architecture is enough, alone |
# | 0 | 0 | 20 | 20 | the training is enough, alone |
# | 0 | 20 | 20 | 20 | either is enough |
# | 0 | 0 | 0 | 20 | it takes both together |
#
# Beware of averages here. In the last row depthwise networks lose 10 points on average and ordinary ones 0; networks of recipe B lose 10 on average and those of recipe A 0. The averages suggest that each cause is worth ten points. In truth neither does anything without the other. Such a pair is said to *interact*.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercise
#
# ### Exercise 1 · Architecture or training?
# ★★ · 12 minutes · an investigation
#
# You get an instrument, `lost(network, decay=0, seed=n)`: the points that int8 with one scale for each layer loses in training `n` of an `"ordinary"` or a `"depthwise"` network, without (`decay=0`) or with weight decay (1). In these laboratories the decay is all that changes in the training.
#
# Compare the *mean* of each cell, over at least five seeds, the same in all four cells, with that of the ordinary networks without decay. A cell counts if its mean is *more than 3 points higher*. If that with both does not count: `"nothing"`. Otherwise look at the two with one change.
#
# `what_did_it(lost)` → `"architecture"`, `"training"`, `"either"`, `"together"` or `"nothing"`
#
# <details><summary>Hint</summary>
# Four means of five numbers. Subtract the first from the other three: three differences, each with its sign. Then three comparisons with 3.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* In pairs, without a laptop; alone it takes 12. On paper: which means, which differences, in which order the comparisons. "What do you do if one training in five loses thirty points and the other four nothing?" The card says means: 6 points, the cell counts. A median would say 0, and the user of that one network would not agree.
#
# The solution, for the board: four means; the base is *ordinary, no decay*. If *depthwise, decay* is not more than 3 above it: "nothing". Else *depthwise, no decay* more than 3 above the base is a yes for the architecture, *ordinary, decay* one for the training. Two yes: "either"; one: its name; none: "together". Mistakes to wait for: a comparison with a neighbour in place of the base, the sign lost, seeds that differ between cells.

# %% [markdown] slideshow={"slide_type": "skip"}
# The check hands your function the instruments of several made-up laboratories, in which different things are true. The verdicts mean:
#
# - `"architecture"`: the depthwise networks count without decay already, and the ordinary ones with decay do not.
# - `"training"`: the ordinary networks count with decay already, and the depthwise ones without it do not.
# - `"either"`: each of the two changes counts by itself.
# - `"together"`: neither change counts by itself, and both together do.
# - `"nothing"`: not even both together count.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_did_it(lost):
    """One of the five verdicts of the card.

    Args:
        lost: the instrument, for example lost("depthwise", decay=1, seed=3).
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_did_it(what_did_it)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_did_it_solution(lost):
    mean = {}
    for network in ("ordinary", "depthwise"):
        for decay in (0, 1):
            mean[network, decay] = fmean(lost(network, decay=decay, seed=n) for n in range(5))
    base = mean["ordinary", 0]
    if mean["depthwise", 1] - base <= 3:
        return "nothing"
    architecture, decayed = mean["depthwise", 0] - base > 3, mean["ordinary", 1] - base > 3
    if architecture:
        return "either" if decayed else "architecture"
    return "training" if decayed else "together"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The four cells, trained
#
# Both architectures were trained anew with both recipes, from other starts than the two networks of section 1.
#
# **Predict.** Which verdict will these trainings suggest: architecture, training, either, together? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; expect "training" and "together", for recipe B has weight decay. Click, and apply the rule of the card: the base is the upper left cell; only the lower right one is more than 3 points above it. So: together. The minus sign is a network that int8 left a tenth of a point better, which is chance.
#
# "What is still missing?" Five trainings for each cell, here are two, and the two of the last cell are far apart. Larger networks. "Training" is still a bundle of optimizer, rate and decay. And a reason: the next two slides ask for it, first what the architecture does, then what the training does.

# %% [markdown] slideshow={"slide_type": "skip"}
# These trainings take half an hour, so the page reads them from a record. The command `python3 course.py bench depthwise` makes it. To make several trainings possible, both networks are smaller than those of sections 1 to 4 (width 16), and were trained on 12,000 images in five passes. (A later table says *the checkpoint* for the DepthwiseCNN of those sections.) Recipe A is Adam, with a learning rate of 0.003 and no decay. Recipe B is that of DepthwiseCNN: SGD with momentum, a rate of 0.1, and decay. In both the last of the five passes has a lower rate. Everything else is equal in the four cells.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Reads the points lost by architecture and training from a record.
recorded = show.Recorded()
recorded.crossed()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **They suggest "together": the ordinary networks lose less than a point with either recipe, the depthwise ones hardly anything with A, and several points with B.**
#
# <!-- page -->
#
# So neither change did much by itself here, and both together did. "Depthwise networks lose more" would be wrong for the small ones that were trained with Adam.
#
# This verdict is preliminary, for four reasons. Section 3 has shown that the same dead channel may cost one point or 25, by where single weights fall; a mean over several steps would be a steadier ruler. The rule of the exercise asks for five trainings in each cell, and here are two. All four cells are small networks, and a larger one may give another answer (the last table of this section has two). And "the training" is still a bundle of optimizer, learning rate *and* decay. A crossed experiment says which bundle counts, and not yet why. Two more questions lead to the reason: what does the architecture contribute, and what does the training?

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### One channel silenced, on purpose
#
# In both networks we set one channel of block 0 to 0, and measure the variances of block 1 anew. Each channel that is not 0 in all images takes its turn.
#
# **Predict.** Where does the widest folded channel of block 1 grow more than tenfold: **A** in both networks, **B** in DepthwiseCNN alone, **C** in neither? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw the first figure again: three boxes on the left, three in the middle, each joined with its own by one wire. Beside it an ordinary convolution: three boxes, three boxes, all nine wires. Cross out the upper left box in both. "Which boxes behind it are silent now?" In the first drawing the upper middle one. In the second none: each still has two inputs. Vote, click.
#
# Why does the factor explode? The silent channel has no variance, so batch norm divides by √ε, and the factor is 316 γ. "Why 14 and not all 22?" With the others γ or the weights are so small that even 316 times as much is not the widest. "Why 22, when 11 of 32 were dead?" Here a channel counts as dead if it is 0 everywhere; one is above 0 somewhere and still varies too little.
#
# Now the guess on the board, short sums. *Deeper* has the test: an ordinary network with ranges as unequal loses, too, in layers that sum over hundreds of products. Cross the guess out.


# %% slideshow={"slide_type": "skip"}
def widest_behind(net, x, silenced=None):
    """The largest folded weight of block 1, its variances measured with x from block 0; dead channels left out."""
    x = x.clone()
    if silenced is not None:
        x[:, silenced] = 0
    conv, norm = net.features[1][0], net.features[1][1]
    variance = conv(x).var((0, 2, 3), correction=0)
    factor = norm.weight.abs() / torch.sqrt(variance + norm.eps)
    alive = norm.running_var >= norm.eps
    return (conv.weight.abs().amax((1, 2, 3)) * factor)[alive].max().item()


# %% slideshow={"slide_type": "skip"}
behind = {}
for name, net in networks.items():
    x = net.features[0](some[:200])
    living = (x.amax((0, 2, 3)) > 0).nonzero().flatten().tolist()
    behind[name] = widest_behind(net, x), [widest_behind(net, x, channel) for channel in living]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the widest folded weights into a table.
show.silenced(behind)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In DepthwiseCNN alone (B): there a silent channel makes the next channel silent, and its factor explodes. In the ordinary network the widest channel grows by less than a half.**
#
# <!-- page -->
#
# In DepthwiseCNN it happens with most of the channels. (With the others the silenced channel has a small γ or small weights, and even 316 times as much is not the widest.)
#
# (Why did 22 channels take their turn, and not 32 − 11 = 21? Section 3 counted variances below $\epsilon$, and here a channel counts as dead if it is 0 everywhere. One channel is above 0 somewhere, and still varies so little that its variance in block 1 is below $\epsilon$.)
#
# In a depthwise convolution a channel has one input. If that is always 0, the result has no variance, and what the batch norm divides by is $\sqrt{\epsilon}$. In an ordinary convolution each output channel sums over all inputs, 40 of them in SmallCNN. One input less changes its variance a little, and so the factor. Look at the wires in the first figure of this lesson: silence one box on the left, and one box in the middle is silent with it. None of those on the right is.
#
# This is what the architecture does. A depthwise layer passes a dead channel on to the one channel behind it, and folding makes that one wide. It can only do so if a channel dies in the first place. (The next table has the dead channels of each training.)
#
# Section 1 had another guess: that a depthwise layer suffers because its sums are short, and errors cannot cancel in them. The test is in *Deeper*. It gives the layers of the ordinary network ranges as unequal as those of block 1, and all of them lose accuracy, too, although two of them sum over hundreds of products. So it does not take short sums to lose accuracy. Such ranges are enough, and a depthwise layer has a way to come to them that an ordinary one has not.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### And the training?
#
# The training does its part as well: in it channels die, and in it the weights of a dead channel keep or change their size.
#
# **Predict.** A dead channel gets no gradient. Does weight decay make its weights more dangerous, or less? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "Why no gradient?" It is the error times the input, and the input is 0. Vote; many say more dangerous, because the network that lost was the one with decay. Then ask what changes a weight without a gradient: nothing but decay. By hand: rate 0.1, momentum 0.9, decay 0.001 take a thousandth of a weight in each step; after 1,000 steps 37 % is left, of γ as well, so 14 % of the product.
#
# Click. In the column *widest* compare the rows *SGD* with *SGD, decay*: the widest are those without. Then the row *Adam, large*: no SGD, no decay, two dead channels, 15 points lost. So no name of a recipe decides; what decides is a dead channel that is the widest. The control is the last sentence above the table: with dead channels emptied no training loses more than half a point.
#
# Close section 5: both, through one mechanism. The training makes a dead channel, the depthwise layer turns it into the widest.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Reads the trainings of DepthwiseCNN from the record.
recorded.ingredients()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Decay makes the weights of a dead channel less dangerous, because nothing else changes them any more, and decay makes them smaller.**
#
# <!-- page -->
#
# Why does a dead channel get no gradient? The gradient of a weight is the error that comes back, times the input that the weight was multiplied by, and this input is always 0. The gradient of γ is the error times the normalized result, which is 0 as well, since the result is always equal to its mean. (β does have a gradient, because it is added.)
#
# That is block 1. Why does the channel of block 0, which gives the zeros, not come back to life? Behind its convolution the batch norm gives $\gamma \hat x + \beta$, where $\hat x$ is the normalized result. With γ = 0.1 and β = −0.5 the result is positive only where $\hat x$ exceeds 5, and perhaps it never does. Then the ReLU gives 0 for every pixel. Below 0 its slope is 0 as well, so no gradient passes back through it, neither to the convolution nor to γ and β, and nothing but decay and what is left of the momentum can move them. One large step is enough to bring a channel there. Whether it was such a step in these networks was not looked at.
#
# **By hand.** With SGD, a learning rate of 0.1, a momentum of 0.9 (which adds up ten steps in the long run) and a decay of 0.001, each step takes about 0.1 · 10 · 0.001 = 0.001 of a weight away. After 1,000 steps without a gradient $e^{-1} = 37$ % of it are left. The scale γ of the batch norm shrinks in the same way, so their product falls to 14 %. Without decay a dead channel keeps the weights that it had when it died.
#
# The table agrees: the widest channels belong to SGD *without* decay. So decay is not what makes channels wide, although it was natural to suspect it, since the network that lost was the one with decay. (Whether decay helps to *kill* channels, the record does not say: the counts are small. The checkpoint has 41 dead channels, as the table of section 3 says; it was trained on more images than any network of the record. A project idea asks what kills them.)
#
# Look at the row *Adam, large*, too: no SGD, no decay, and 15 points are lost. In two small networks that were trained with Adam no channel had died, and in the large one two had. So it is not the name of the recipe that counts. Where a channel has died and is the widest, points are lost; where none has died, next to nothing is. This also explains why the small depthwise networks of recipe A lost next to nothing.
#
# Now the mechanism is known. In every training of the record that lost more than two points the widest channel of a depthwise layer was dead, and with the dead channels emptied no training lost more than half a point. It takes a dead channel, which the training makes, *and* a depthwise layer, which turns it into the widest one. So to the question "architecture or training?" the answer is: both, through one mechanism that one can look at. Where you cannot repeat a training, look at the channel that sets the scale.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# What follows is for whoever wants to know where the rest of the signal is lost, what the engines of PyTorch do, how a network with shortcuts is converted, what others have published in int8, and how such a model is shipped.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Do long sums protect a layer?
#
# Section 5 gave the result: an ordinary network with such ranges loses accuracy, too. Here is the test, and what it can say about the length of the sums.
#
# One layer of SmallCNN gets the ranges of block 1: each channel is multiplied up or down, all are rounded with *one* scale, and the factor is taken out again. The filters still sum over as many products as before: 9 in the first layer, 360 in the second, 720 in the third. If errors cancel in long sums, the first layer should lose much more than the other two.
#
# **Predict.** Which of the three layers loses most? And why?


# %% slideshow={"slide_type": "skip"}
def rounded_each(weight):
    """Eight bits with a scale for each channel."""
    step = 2 * weight.abs().amax((1, 2, 3), keepdim=True) / 255
    return torch.round(weight / step).clamp(-128, 127) * step


few, few_labels = some[:500], some_labels[:500]
given = {}
for layer in range(3):

    def right_given(rounding, order, layer=layer):
        net = show.given_ranges(layer, ranges, folded["SmallCNN"].module, rounding, order)
        return percent_right(net, few, few_labels)

    orders = [right_given(rounded, order) for order in range(5)]
    given[layer] = right_given(rounded, None), orders, right_given(rounded_each, 0)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts the accuracies into a table.
summed = [block[0].weight[0].numel() for block in cnn.features]
unrounded = percent_right(cnn, few, few_labels)
spread_costs = unrounded - fmean(given[1][1])
show.with_ranges(given, summed, unrounded, len(few))

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The layer that sums over 360 products loses at least as much as the one that sums over 9. The third one loses less, and it loses, too.**
#
# So summing over many inputs is not enough to protect a layer from unequal ranges. SmallCNN is safe because it does not have them: with their own ranges the two layers with long sums lose nothing. (Whether summing helps a little, three layers that differ in other things as well cannot say.) Here all channels are alive, so the wide ones cannot be emptied. A scale for each channel does repair this network. How bad it gets depends on which channel gets which range. The last column checks the code: with a scale for each channel the factor cancels.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### A wide channel that is alive, and one scale
#
# A live channel cannot be emptied. But a part of its width can be moved into the next layer, which is called *equalization* ([Nagel et al., 2019](https://arxiv.org/abs/1906.04721)). It rests on a property of ReLU: for a number $c$ above 0, relu($x / c$) = relu($x$) / $c$. So divide the filter and the bias of one channel by $c$, and multiply by $c$ those weights of the next layer that read this channel. In float the network computes the same as before.
#
# **By hand.** In one layer the weights of channel A go up to 8, and those of channel B up to 0.5. In the next layer the weights that read A go up to 0.5, and those that read B up to 2. With $c = \sqrt{8 / 0.5} = 4$ for A both of its numbers become 2: 8 / 4 and 0.5 · 4. With $c = \sqrt{0.5 / 2} = 0.5$ for B both become 1. In the first layer the wider channel was 16 times as wide as the other, in the second 4 times, and now it is twice as wide in both. One scale serves both channels much better.
#
# This costs no bytes and no training. But the activations between the two layers change by the same factors, so their range must be calibrated afterwards, and it may suit them less well. And it needs an activation like ReLU: a ReLU6, which also cuts off at 6, makes 6 / 4 = 1.5 of 8 if one divides afterwards, and 2 if one divides before. We have not run it on DepthwiseCNN: it is a project idea.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Where is the rest of the signal lost?
#
# With a scale for each channel the accuracy is back, and yet the outputs are not exact. Run DepthwiseCNN in float and in int8 side by side, and compare after each block. The ruler is the SQNR in decibels, which [[static]] used: 10 dB more means a tenth of the squared error.
#
# **Predict.** With one scale for each layer the error jumps at block 1. With a scale for each channel: **A** there is no jump, or **B** there is one at the same block? And why?

# %% slideshow={"slide_type": "skip"}
sides = {how: models["DepthwiseCNN", how] for how in WEIGHTS}
side_by_side = show.SideBySide(folded["DepthwiseCNN"].module, sides, few, default.activation())

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the signal over error after each block.
side_by_side.drawing()

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **There is a jump at block 1 with a scale for each channel, too (B), by less.**
#
# So the weights were not all of it. The next question is what else happens at block 1.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Weights, or activations?
#
# Round only the weights, then only what is stored between the layers.
#
# **Predict.** With a scale for each channel, which of the two makes the fall at block 1? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts signal over error after block 1 into a table, by what was rounded.
by_channel = side_by_side.errors["per channel", "weights only"]["linear"]
activations_cost_more = by_channel - side_by_side.errors["per channel", "activations only"]["linear"]
side_by_side.table()

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The activations make it: where they alone are rounded, the signal over error after block 1 is about as low as in the int8 network.**
#
# Block 0's output is stored with one scale for all its channels, and some of these channels are much narrower than others. Block 1 looks at each of them alone. So it is the story of section 3 again, in the activations. The last two rows are the control: if only this one tensor is rounded, the fall is there, and with a scale for each channel of it, the fall is gone.
#
# Why does PyTorch not store activations with a scale for each channel? In an ordinary convolution an output sums over input channels. With a scale for each of these, the integers of the sum would mean different amounts, so the sum could not be taken in integers. In a depthwise convolution it would be possible, but the kernels do not offer it.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The first blocks in float
#
# If block 0's output must not be stored in int8, block 0 and block 1 have to stay in float together. Here the stub at which int8 begins is moved behind the first block, then behind the second and the third.
#
# **Predict.** The first block in float, or the first two: which wins more decibels? What happens to the speed?


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def float_first(net, n):
    """`net` with its first n blocks in float and the rest in int8, with a scale for each channel."""
    first, rest = copy.deepcopy(net.features[:n]), copy.deepcopy(net)
    rest.features = nn.Sequential(*rest.features[n:])  # numbered from 0
    int8_rest = to_int8(folded_copy(rest), WEIGHTS["per channel"], [first(batch) for batch in batches[:2]])
    return nn.Sequential(first, int8_rest)


mixed = {n: float_first(depthwise, n) for n in range(4)}
calls = {str(n): lambda model=model: model(batch_of_64) for n, model in mixed.items()}
mixed_speed = timing.compare({"float": lambda: depthwise(batch_of_64), **calls}, rounds=7, device=device)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts decibels, accuracy and speed into a table, by how many blocks are in float.
show.blocks_in_float(mixed, depthwise, few, percent_right, mixed_speed)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The first two win: one block in float makes the output no more exact, and the second brings nearly all of the decibels. Each block in float takes speed.**
#
# With block 0 alone in float its output is still stored in int8, for block 1. The accuracy hardly moves, because a scale for each channel has left little to win back. So decibels tell *where* the error is made. Whether it pays to do something about it, accuracy tells.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Engines, and their settings
#
# PyTorch has several libraries of int8 kernels, called **engines**: `x86`, `fbgemm` and `onednn` mainly for Intel and AMD, `qnnpack` for ARM. `get_default_qconfig` has settings for each. People who move from one engine to another see another accuracy, and blame the engine. But two things have changed, so the experiment is crossed like that of section 5: each engine runs with its own settings and with those of the other.
#
# **Predict.** Does the accuracy depend on **A** the engine, **B** the settings, **C** both? And why?

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
SETTINGS = [name for name in ("x86", "qnnpack") if name in legacy_int8.available()]
by_engine, calls = {}, {"float": lambda: depthwise(batch_of_64)}
for settings in SETTINGS:
    ready = copy.deepcopy(folded["DepthwiseCNN"])
    ready.qconfig = tq.get_default_qconfig(settings)
    observed = tq.prepare(ready)
    for batch in batches[:2]:  # still in float: no engine takes part
        observed(batch)
    for name in legacy_int8.available():
        with legacy_int8.use(name):
            by_engine[name, settings] = percent_right(tq.convert(observed), few, few_labels)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts the accuracies into a table, by engine and by settings.
show.engines(by_engine, len(few))

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **It depends on the settings (B): in each column of the table all engines have about the same accuracy.**
#
# The settings of `qnnpack` have one scale for a layer's weights, so they show the loss of section 1 on any engine. Those of `x86` have a scale for each channel. The levels differ as well: 128 for the activations by the settings of `x86`, 256 by those of `qnnpack`. So the two columns differ in two things. In a trial that crossed them the levels were worth two points with one scale, and next to nothing with a scale for each channel: the scales make the difference. So whoever must use `qnnpack` can give it the observer of section 1 for a scale for each channel, and has the accuracy back. On a machine without `qnnpack` (Windows) the table has one column.
#
# Why 128 levels? `x86` and `fbgemm` share their settings. They use half of the levels (`reduce_range`) because the instruction of older processors adds two products in 16 bits, where two products of full range could overflow.
#
# `x86` is no library of its own. It follows a fixed rule and does not measure: `fbgemm` for linear layers, and `onednn` for convolutions ([source](https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/quantized/cpu/OnednnUtils.h)) on **Linux** with an AVX-512 VNNI processor, at most 100 groups and symmetric weights. A depthwise convolution has as many groups as channels, so block 5 with its 128 is left to `fbgemm`. On Windows and macOS `x86` is `fbgemm`: try `onednn` by name there, if your list has it.

# %% [markdown] slideshow={"slide_type": "skip"}
# The speed, in contrast, does depend on the engine. The next cell compares the engines, each with its own settings, on 64 images. With `qnnpack` alone int8 may be slower than float.

# %% slideshow={"slide_type": "skip"} tags=["legacy", "hide-input"]
# Times each engine with its own settings, and what they refuse.
own_settings = show.on_each_engine(folded["DepthwiseCNN"], batches[:2])
calls |= {name: show.on(name, model, batch_of_64) for name, model in own_settings.items()}
engine_speed = timing.compare(calls, rounds=7, device=device)
print("times eager float:", ", ".join(f"{name} {engine_speed.ratio(name):.1f}×" for name in own_settings))
show.refused(models["SmallCNN", "per channel"], some[:1])

# %% [markdown] slideshow={"slide_type": "skip"}
# In the run on this page `onednn`, asked for by name, was faster than `x86`: 4.0 times as fast as float against 3.3. A part of this is probably block 5, which `x86` leaves to `fbgemm`. ([[choosing]] has the same order for a MobileNet-v2 on an Intel processor.) In an earlier run, on an AMD processor, the two were level.
#
# A name that does not exist is refused at once, and so is a tensor of another type than float. The remedies: take a name from `torch.backends.quantized.supported_engines`, and call `.float()` before the stub. For bytes also divide by 255.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Shortcuts
#
# A residual block adds its input to its result. In int8 the two parts of the sum have different scales, and the sum needs a third one.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws a residual block, with the scale that is missing.
show.shortcut()

# %% [markdown] slideshow={"slide_type": "skip"}
# **By hand.** The input is the integer 40 with the scale 0.05, so it stands for 2.0. The convolution gives the integer 60 with the scale 0.01, so 0.6. Adding the integers gives 100, and no scale makes sense of it. The sum must be taken of the values, 2.6, and stored with a scale of its own. If sums up to 5.1 occur, that is 5.1/255 = 0.02, and 2.6 becomes 130.
#
# Such a scale comes from an observer, and an observer sits behind a *module*. The plus sign of Python is no module. `FloatFunctional` is a module whose `add` is a sum, so `prepare` puts an observer behind it and `convert` replaces it. The class below has both ways.
#
# **Predict.** Both blocks are converted, and then called. What does the one with the plain `+` do? And why?


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
class Shortcut(nn.Module):
    def __init__(self, functional):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1).requires_grad_(False)
        self.sum = FloatFunctional() if functional else None

    def forward(self, x):
        y = self.conv(x)
        return self.sum.add(x, y) if self.sum else x + y


blocks = {kind: to_int8(tq.QuantWrapper(Shortcut(kind)).eval(), default.weight) for kind in (False, True)}
print("x + y:", show.attempt(lambda: blocks[False](some[:1])).replace(" with arguments", "\n  with arguments"))
print(f"FloatFunctional: {type(blocks[True](some[:1])).__name__}, with scale {blocks[True].module.sum.scale:.3g}")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The plain `+` stops with an error, because there is no sum of two int8 tensors that knows the scale of its result.**
#
# `FloatFunctional` has `add`, `mul`, `cat`, `add_relu` and a few more. Take one for each operation: a module has one observer, so two sums that share a module would share one range, and the smaller of them would be rounded with the scale of the larger.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · A residual block that survives
# ★★★ · 15 minutes
#
# Write `residual_block`: it gets a convolution and returns a module that computes relu(x + conv(x)) for a float `x`, in float as it is,
# and in int8 after prepare, calibration and convert. Convolution and sum must then be computed in int8. The check does all of that:
# `conv` keeps the shape, with any number of channels.
#
# `residual_block(conv)` → an `nn.Module`
#
# <details><summary>Hint</summary>
# Define a class inside your function. It needs two stubs and one FloatFunctional, all made in __init__: convert looks for modules.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def residual_block(conv):
    """A module that computes relu(x + conv(x)) and can be prepared and converted; float in, float out.

    >>> isinstance(residual_block(nn.Conv2d(1, 1, 3, padding=1)), nn.Module)
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.residual_block(residual_block)


# %% tags=["solution", "hide-cell", "legacy"] slideshow={"slide_type": "skip"}
def residual_block_solution(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()
            self.conv, self.sum = conv, FloatFunctional()

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.sum.add_relu(x, self.conv(x)))

    return Block()


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Models that others have quantized
#
# torchvision publishes int8 weights, with accuracies on ImageNet. The table is read from its own metadata.
#
# **Predict.** How many points does int8 cost there: **A** less than 1 everywhere, or **B** more for some? For which, and why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Reads accuracies and sizes from torchvision's metadata.
show.published()

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **For some it costs more than a point (B): two of the small, efficient networks lose most.**
#
# They have depthwise convolutions. Whether these lose for the reasons of this lesson, the table does not say. The two MobileNets were trained with rounding in the loop ([[qat]]). The file of MobileNet-v3 is no smaller, because it is no int8 file: torchvision ships the float state of that training, and converts after loading.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### ResNet-18, built here without its weights
#
# The int8 class of ResNet-18 in torchvision has stubs, `FloatFunctional` and a method `fuse_model()` in place. With random weights the accuracy means nothing, but speed and size can be measured.
#
# **Predict.** Is int8 here more or less than four times as fast as eager fp32? And is fused *fp32* a fairer baseline?

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
float_resnet = torchvision.models.resnet18(weights=None).eval().requires_grad_(False)
resnet = torchvision.models.quantization.resnet18(weights=None, quantize=False).eval().requires_grad_(False)
resnet.load_state_dict(float_resnet.state_dict())
resnet.fuse_model()  # still float: what fusion alone brings
picture = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
int8_resnet = to_int8(resnet, default.weight, [picture])

# %% slideshow={"slide_type": "skip"}
candidates = {"fp32, eager": float_resnet, "fp32, fused": resnet, "int8": int8_resnet}
jobs = {name: lambda net=net: net(picture) for name, net in candidates.items()}
resnet_speed = timing.compare(jobs, rounds=5, device=device)
resnet_bytes = {name: size_report(net, loads=1).file_bytes for name, net in candidates.items()}
resnet_audit = int8_audit.audit(int8_resnet, picture)
resnet_layers = resnet_audit.count("int8", "Conv") + resnet_audit.count("int8", "Linear")
depthwise_audit = int8_audit.audit(models["DepthwiseCNN", "per channel"], some[:1])

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts time and file of the three into a table.
show.resnets(resnet_speed, resnet_bytes, resnet_audit)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **More than four times, in nearly all of our runs: it was 3.9 to 5.6 times as fast as the eager float network, and the table has yours. The fused float network is the fairer baseline wherever it is faster than the eager one, and the column "over fused" divides by it.**
#
# The second row shows what fusion alone brings, and that is not int8's merit. Convolutions on large images use each weight many times, so arithmetic probably is the limit ([[roofline]]). PyTorch published 214 ms against 103 for ResNet-50 in 2020, 2.08 times. (`resnet18(quantize=True)` does much the same as this cell, but it sets the engine of the whole process to `fbgemm`.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### To ship it: traced, scripted, exported
#
# **TorchScript** (`torch.jit`) writes a model that runs without its Python code. It is deprecated, and from Python 3.14 on it is not supported. `torch.export` is the successor.
#
# **Predict.** Which of the three take our int8 model: tracing, scripting, exporting? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "legacy"]
# Tries each route, and times what came out.
small = copy.deepcopy(models["SmallCNN", "per channel"])
tried = show.routes(small, some[:1])
running = {"eager int8": small, **{name: made for name, made in tried.items() if not isinstance(made, str)}}
taken = timing.compare({n: lambda m=m: m(some[:1]) for n, m in running.items()}, rounds=9, device=device)
show.routes_table(tried, small, some[:1], taken)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **TorchScript takes it, traced and scripted. `torch.export` refuses it, because the eager route packs the int8 weights into an object that is no tensor.**
#
# *Tracing* runs the model once on an example and records the operations. *Scripting* translates the Python code itself. They differ where the code decides something: of `if x.sum() > 0:` a trace keeps only the branch that the example took, and a script keeps both. In a *frozen* model the weights and the settings have become constants of the graph, so that PyTorch can simplify it further.
#
# To ship an exported graph, one exports the *float* model first and quantizes the graph, with torchao: [[torchao]].

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Dropout in an exported graph
#
# A graph is a picture of the model at the moment of its export. Take a network with dropout, exported in training mode, and once more in evaluation mode.
#
# **Predict.** Call each graph twice with the same input. Which agrees with itself? Can `eval()` mend the other one? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Exports a network with dropout in both modes, and calls each graph twice.
show.dropout_in_a_graph(some[:1])

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The graph that was exported in evaluation mode agrees with itself. In the other one dropout stays random, and it refuses `eval()`.**
#
# The mode was read when the graph was drawn. So call `eval()` on the model *before* you export. (torchao has a function that searches a graph for dropout and exchanges it, `move_exported_model_to_eval`: [[torchao]] uses it.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Into the ledger
#
# Three rows of DepthwiseCNN for the course's ledger. Their speed-up is that of a *single* image, timed on fresh copies as before. It is smaller than with the 64 images of section 4. [[static]] has found why for SmallCNN: most of the time of one image is the price of the calls, and not of the numbers. Probably it is so here, too.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes float, one scale and a scale for each channel into the course's ledger.
kept = {"float": depthwise, **{how: models["DepthwiseCNN", how] for how in WEIGHTS}}
kept_files = {"float": size_report(depthwise), "per tensor": files["one scale"]}
kept_files["per channel"] = files["a scale for each channel"]
fresh = {how: copy.deepcopy(model) for how, model in kept.items()}
single = timing.compare({how: lambda m=m: m(some[:1]) for how, m in fresh.items()}, rounds=9, device=device)
show.rows_of_the_ledger(depthwise, some[:1], right, kept_files, single)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. Speed depends on the machine: with `qnnpack` alone that claim may fail on yours.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("depthwise")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - One scale for a layer is set by its widest channel, whether that channel does anything or not. Folding a batch norm can make a dead channel the widest.
# - Round one layer at a time, alone and all but that one: what is enough for the loss, and what is needed?
# - A scale for each channel protects every channel and costs bytes. Emptying dead channels is free, and helps where they set the scale.
# - Two networks that differ in two things prove nothing about either. Cross them.
#
# <!-- page -->
#
# **Going further**: T. Sheng et al., *A quantization-friendly separable convolution for MobileNets*, 2018, [arXiv:1803.08607](https://arxiv.org/abs/1803.08607), on the batch norm of MobileNet-v1; R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference*, 2018,
# [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), one scale for a tensor and one for each channel, on MobileNets; M. Nagel et al., *Data-free quantization through weight equalization and bias
# correction*, 2019, [arXiv:1906.04721](https://arxiv.org/abs/1906.04721), how to save weights with one scale where the wide channels are alive, without training. [[qat_cnn]] trains the network to live with one scale.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Project ideas**: equalize the channels of DepthwiseCNN and repeat sections 1 and 4; follow block 0 through a training and find out when its channels die.
#
# **Credits**: after *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman; part of the course's idea by Tal
# Daniel (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for one sentence each. Who set the scale? Channel 28 of block 1, by the factor of its batch norm. Who made that channel dead? The training, in block 0; the depthwise layer passed it on. Which experiment told the two apart? The crossed one, and then one channel silenced on purpose. If somebody compares the speeds in the ledger with those of section 4, which are about twice as large: those were 64 images, this is a single one, and most of its time is probably the price of the calls.

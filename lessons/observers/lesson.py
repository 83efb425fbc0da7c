# ---
# jupyter:
#   course:
#     promise: You will choose ranges and scales, and compute a linear layer in integers from 8-bit inputs to 8-bit outputs.
#     seconds: 40
#     needs: [measuring, energy, integers]
#     goals:
#       - Find a range with an observer, and find out by an experiment which observer serves best.
#       - Say what one scale for each channel changes, and why it costs almost nothing.
#       - Compute a linear layer in integers by hand and in code, and say how many bits each number needs.
#     terms: [calibration, cross term, "decibel, dB", engine, observer, "per-channel, per-tensor", requantize, SQNR]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *The 256 integers are given. Which 256 real numbers should they stand for?*
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
# *For the lecturer, 1 min.* Say: "Last time somebody gave us the range. Today we have to find it." Ask where the range of a weight comes from (it stands in the
# file), and where that of an activation (it depends on the input). Transition: "So let us look at some inputs."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import math
import tempfile
from pathlib import Path
from statistics import fmean

import torch
from torch.nn import functional as F

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import energy
from course_utils.scorecard import claims, ledger
from course_utils.show.tables import Table, mean_and_range
from lessons.observers import checks as check
from lessons.observers import show

legacy_int8.ignore_deprecations()
runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()
print("One training runs on the device below, all else on its CPU: PyTorch's integer layers are CPU code.")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. One broken pixel
#
# We want to store the output of LeNet's first layer in int8. Its range is not known beforehand. So we let 2,000 images pass, and take the smallest and the
# largest value that we see: we **calibrate**.
#
# Now suppose that *one* pixel of *one* image is defective. Its value is 50, although no pixel should exceed 1.
#
# **Predict.** How much larger does this pixel make the mean squared error on *clean* images: **A** 2 times, **B** 10 times, **C** 50 times or more? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Say how small it is: one of more than a million pixels. Show of hands; expect A or B. After the table let the room divide the two ranges, and square
# the quotient in the head: 13 times 13.

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[integers]] we rounded the *weights* of a network. To compute with integers we must round the values between the layers as well, the **activations**. The same map serves for both: a float $x$ becomes the integer $\mathrm{round}(x / s) + z$, where the scale $s$ is the range divided by 255, and the zero point $z$ is the integer that stands for 0.
#
# There is one difference. A weight stands in the file, so its range is known. An activation depends on the image, and while the network works nobody has the time to search for a range. So we search beforehand: we run some typical images through the network, note which values occur, and fix the range for good. This is **calibration**. It needs no labels and trains nothing. What later falls outside the range is clipped to its nearest end.
#
# **A range that is too wide, by hand.** Suppose that the values lie between −1 and 1. The scale is 2 / 255 = 0.0078. The value 0.07 is 8.9 steps; it becomes 9, comes back as 0.0706, and the error is 0.0006. Now one value of 50 enters the calibration, and the range becomes −1 to 50. The scale is 51 / 255 = 0.2. The value 0.07 is 0.35 steps; it becomes 0, and the error is 0.07. *All* values between −0.1 and 0.1 are now the same integer. The scale has grown by the factor 25.5, and with it the largest error that rounding can make, half a scale.
#
# The network is the trained LeNet of [[integers]], which comes with the course: four passes over 12,000 images of Fashion-MNIST with Adam, about 8 s that we save here (`python course.py checkpoints lenet_fashion_0` trains it). Two more, `lenet_fashion_1` and `_2`, differ in their first weights alone, and come later. The next cells load it, and define the map (the three functions of [[integers]]) and its mean squared error.

# %% slideshow={"slide_type": "skip"}
images, labels = data.load("fashion_mnist", n=12_000)
test_images, test_labels = data.load("fashion_mnist", "test")
lenet = checkpoints.load("lenet_fashion_0").requires_grad_(False)


# %% slideshow={"slide_type": "skip"}
def affine_map(low, high, qmin=-128, qmax=127):
    scale = (high - low) / (qmax - qmin)
    return scale, qmin - torch.round(low / scale).int()


def to_integers(x, scale, zero_point, qmin=-128, qmax=127):
    return (torch.round(x * (1 / scale)) + zero_point).clamp(qmin, qmax).int()


def to_floats(q, scale, zero_point):
    return (q - zero_point) * scale


# %% slideshow={"slide_type": "skip"}
def through_int8(x, low, high):
    grid = affine_map(low, high)
    return to_floats(to_integers(x, *grid), *grid)


def squared_error(x, low, high):
    return (through_int8(x, low, high) - x).square().mean().item()


# %% [markdown] slideshow={"slide_type": "skip"}
# Twenty batches of 100 images pass the first layer, once as they are and once with the broken pixel in the tenth batch. The error is measured on 500 *other* images, which are clean in both cases. So only one thing differs, the range. The function `min_max` keeps the widest range that it has seen so far. `accuracy_with` puts a *hook* on the layer: a function that PyTorch calls after the layer, and whose result takes the place of the layer's output.


# %% slideshow={"slide_type": "skip"}
def min_max(state, batch):
    """The widest range so far; `state` is None at first, then (low, high)."""
    low, high = batch.aminmax()
    return (low, high) if state is None else (torch.minimum(state[0], low), torch.maximum(state[1], high))


def with_broken_pixel(some, place):
    some = some.clone()
    some[int(place * len(some)), 0, 14, 14] = 50.0  # place: 0 for the first image, 0.5 for the middle one
    return some


def outputs(some):
    return [lenet.conv1(batch) for batch in some.split(100)]


# %% slideshow={"slide_type": "skip"}
clean = lenet.conv1(images[-500:])  # of images that no observer sees
whole = outputs(images[:2000])
tenth_broken = outputs(with_broken_pixel(images[:2000], place=0.45))
found = {"whole": None, "one broken": None}
for before, broken in zip(whole, tenth_broken, strict=True):
    found = {"whole": min_max(found["whole"], before), "one broken": min_max(found["one broken"], broken)}
errors = {name: squared_error(clean, *ends) for name, ends in found.items()}
one_pixel = errors["one broken"] / errors["whole"]


# %% slideshow={"slide_type": "skip"}
def accuracy_with(low, high):
    """Accuracy of LeNet on the test images, the output of its first layer rounded to int8 in this range."""
    hook = lenet.conv1.register_forward_hook(lambda layer, inputs, output: through_int8(output, low, high))
    accuracy = training.evaluate(lenet, test_images, test_labels)
    hook.remove()
    return accuracy


in_float = training.evaluate(lenet, test_images, test_labels)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts both ranges, their errors on clean images, and the accuracy of LeNet with each into a table.
Table(
    ["pixel", "low", "high", "squared error", "accuracy, %"],
    [
        [
            name,
            f"{low:.1f}",
            f"{high:.1f}",
            f"{errors[name] / errors['whole']:.0f}×",
            f"{100 * accuracy_with(low, high):.1f}",
        ]
        for name, (low, high) in found.items()
    ],
    caption=f"output of the first layer in int8; in float LeNet has {100 * in_float:.1f} %",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **One pixel of more than a million makes the squared error on clean images more than 50 times as large (C), because the range became about 13 times as wide.**
#
# <!-- page -->
#
# Divide the two ranges of the table: in the run on this page the width grew from about 4 to about 50, 13 times. The scale grows with the range, each error grows with the scale, and errors are squared: 13² is about 170, which is near to the factor in the table. (It is not exact, because much of each picture is background, where all values are the same. Whether a level happens to lie near this one value is luck.)
#
# Does the network notice? Look at the last column. In a small network that rounds one layer only, most images are still classified correctly. [[integers]] explains why: the errors of many products largely cancel. So read the squared error as a warning and not as a loss. A network in integers rounds every layer, and a harder task has less to spare: [[static]] follows such a fault to the accuracy of a whole network. The broken range stays for good, because calibration happens once.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Observers: which range?
#
# An **observer** looks at the batches of the calibration, and names a range in the end.
#
# | observer | its range |
# |---|---|
# | min–max | the widest so far |
# | moving average | moves from the old range towards that of each batch, by 1 % of the way |
# | percentile | leaves out the lowest 0.01 % and the highest 0.01 % of all values |
#
# **Predict.** The broken pixel is in the tenth of twenty batches. After all of them one range is many times too wide, one is slightly too wide, and one is unaffected. Which is which? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask for the three answers one after the other; the room gets min–max right and argues about the other two. Let somebody compute one step of the moving average at the board: 2.2 and
# 25, one hundredth of the way.

# %% [markdown] slideshow={"slide_type": "skip"}
# Min–max trusts every value that it sees. Two other ideas come to mind. One can look at the *typical* batch instead of the widest one, or one can ignore a few extreme values.
#
# **The moving average, by hand.** Call the upper end of the range 2.2. A batch comes whose largest value is 25. The observer does not jump there; it goes 1 % of the way: 2.2 + 0.01 · (25 − 2.2) = 2.43. The next batch has 2.2 again, and the end moves back by 1 % of what is too much: 2.43 + 0.01 · (2.2 − 2.43) = 2.4277. The hundredth is the default of PyTorch's `MovingAverageMinMaxObserver`, where it is called `averaging_constant`. With a tenth in its place the broken batch would have moved the end to 4.48, and it would come back ten times as fast.
#
# **The percentile, by hand.** A picture gives 26 · 26 numbers in each of the 6 maps of the first layer, so 2,000 pictures give 8,112,000 values. 0.01 % of them are 811. The percentile ignores the 811 largest and the 811 smallest. How many values does a broken pixel spoil? A filter of the first layer is 3 by 3 pixels large, so each of the 6 filters meets the pixel at 9 positions: 54 values.
#
# The code follows the words. Nobody can store eight million values for each layer, so the percentile counts how many values fall into each of 4,096 bins, and adds up the counts in the end.


# %% slideshow={"slide_type": "skip"}
def moving_average(state, batch, share=0.01):
    """Move the old range towards that of the batch by a share of the way."""
    low, high = batch.aminmax()
    return (low, high) if state is None else (state[0] + share * (low - state[0]), state[1] + share * (high - state[1]))


EDGES = torch.linspace(-32, 32, 4097)


def percentile(counts, left_out=1e-4):
    """The range that leaves out this share of all values at either end."""
    below = counts.cumsum(0) / counts.sum()
    return EDGES[:-1][below > left_out][0], EDGES[1:][below >= 1 - left_out][0]


# %% slideshow={"slide_type": "skip"}
def watch(outputs):
    """The ranges of three observers, each after every batch."""
    ranges = {"min–max": [], "moving average": [], "percentile": []}
    widest, average, counts = None, None, torch.zeros(4096)
    for batch in outputs:
        widest = min_max(widest, batch)
        average = moving_average(average, batch)
        counts += torch.histc(batch.clamp(-32, 32), bins=4096, min=-32, max=32)
        for name, ends in zip(ranges, (widest, average, percentile(counts)), strict=True):
            ranges[name].append(ends)
    return ranges


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the upper end of each range after each batch.
ranges = watch(tenth_broken)
show.memories(ranges, clean.max().item(), "tenth")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Min–max is many times too wide, the moving average is slightly too wide, and the percentile is unaffected.**
#
# <!-- page -->
#
# Min–max never forgets, because no later batch can make the widest range narrower. The moving average goes one hundredth of the way to the broken batch, which is about 0.23, and then gives back a hundredth of that with each of the ten batches that follow, about a tenth in all. In the run on this page it ends near 2.4, where 2.2 would be right. For the percentile 54 broken values are too few, since it ignores 811 at each end. With some thirty broken pixels it would be a different story: they would spoil more values than it ignores.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same pixel, in the first batch
#
# Nothing else is changed: the same pixel of 50, but in an image of the *first* batch.
#
# **Predict.** Where does the moving average end after twenty batches: **A** near 2.4 again, **B** near 10, **C** above 20? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; expect A, "it forgets". Ask where the average begins. Then: "0.99 to the power of 19, roughly?" About one fifth is gone. Ask what one could do about it: another
# constant, more batches, a second pass over the data.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# The same figure, with the broken pixel in the first batch.
first_broken = watch(outputs(with_broken_pixel(images[:2000], place=0)))
show.memories(first_broken, clean.max().item(), "first")

# %% slideshow={"slide_type": "skip"}
at_first, at_last = (first_broken["moving average"][n][1] for n in (0, -1))
without_fault = watch(whole)["moving average"]
still_there = ((at_last - without_fault[-1][1]) / (at_first - without_fault[0][1])).item()
print(f"of what was too much after the first batch, {still_there:.0%} is still there after the last")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The moving average ends above 20 (C), because it begins at the range of the first batch and each later batch takes away only 1 % of what is too much.**
#
# <!-- page -->
#
# An average needs a first value, and this observer takes the first batch as it is. So it starts near 25. Each of the 19 batches that follow leaves 99 % of the excess, and $0.99^{19} = 0.83$: more than four fifths of it are still there. In the tenth batch the same pixel did almost no harm. So "the moving average forgives an outlier" is true only of an outlier that comes late, and "it forgets" only if there are hundreds of batches. With a constant of 0.1, $0.9^{19} = 0.14$ of the excess would be left, and in exchange every late outlier would move the range ten times as far. No constant is right in both cases.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Rounding and clipping pull in opposite directions
#
# **Predict.** The percentile clips some clean values as well. Is its error on clean images larger or smaller than that of min–max without the broken pixel (1×)? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Four frames. Say at each: "Count the marks under the hill." Before the fourth, hands for larger or smaller than 1×. Ask for a case in which the
# outlier is the signal. Leave it open: exercise 1 is about it.

# %% [markdown] slideshow={"slide_type": "skip"}
# A value inside the range lies anywhere between two levels, so its error lies anywhere between $-s/2$ and $s/2$. The mean of its square is $s^2 / 12$. (Why a twelfth? Take five errors at equal distances, −0.4, −0.2, 0, 0.2 and 0.4 steps. The mean of their squares is (0.16 + 0.04 + 0 + 0.04 + 0.16) / 5 = 0.08, and with more and more of them it approaches 1/12 = 0.083.) A value outside the range is clipped, and its error is its distance from the end. A narrower range makes the first error smaller and the second one larger.
#
# **By hand.** A million values lie between −1 and 1, and one lies at 3. Should the range end at 3 or at 1?
#
# | range | scale | rounding, $s^2 / 12$ | clipping, mean over a million | together |
# |---|---|---|---|---|
# | −1 to 3 | 4 / 255 | 0.0000205 | 0 | 0.0000205 |
# | −1 to 1 | 2 / 255 | 0.0000051 | 2² / 1,000,000 = 0.0000040 | 0.0000091 |
#
# Here it pays to clip. With four values at 3 the clipping costs 0.0000160, both ranges are about equally good, and from then on it does not pay. So the right range depends on how many values lie outside, and how far. The figure shows this with eight levels in place of 256.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the values that the observers saw, and eight levels for each range, with their errors on clean images.
last = {"min–max, no broken pixel": found["whole"]} | {name: ends[-1] for name, ends in ranges.items()}
times_whole = {name: squared_error(clean, *ends) / errors["whole"] for name, ends in last.items()}
show.grids(last, tenth_broken, times_whole, affine_map, to_floats)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The percentile's error is not larger than that of min–max without the broken pixel, although it clips: its scale is smaller.**
#
# <!-- page -->
#
# In the run on this page it is even a little smaller. The few values that are clipped lie close to the end of the range, so each loses little, and all others are rounded a little more finely. A few tenths more or less may be chance, because it depends on whether a level falls near the value of the background. The first row of the figure and the last two differ by no more than that; the broken min–max differs from them by more than a factor of fifty.
#
# All of this holds where the outlier is a *defect*. If the bright spot is what the network has to see, clipping it away is the worst that one can do. Which observer serves best, then, is a question for an experiment: exercise 1.
#
# How many images does calibration need, and which? They must be like those of the later work, and so many that the range does not change any more; in the figures above it hardly moves after the first batches. [[static]] measures it for a whole network.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. One scale for each channel
#
# In a layer, too, one large number sets the scale of all others. The figure of this section shows the filter of `conv2` with the smallest weights, at 3 bits.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let somebody point at the used marks on both lines. Say: "The upper line wastes its bits on weights that this filter does
# not have. The eighth mark can be reached by a tie only." Transition: "What is that worth in error?"

# %% [markdown] slideshow={"slide_type": "skip"}
# So far a whole tensor shared one scale. That is called **per-tensor**. A convolution has one filter for each map that it gives out, a linear layer has one row of weights for each output; both are called a *channel*. Some channels have small weights only, and a scale that was made for the largest weight of the layer suits them badly.
#
# **By hand.** Two filters of two weights each, (1.0, −0.8) and (0.10, 0.06), with 3 bits. The rule for the scale of weights is that of [[integers]], $s = 2m / (2^b - 1)$ with $m = \max |w|$.
#
# - One scale for both: $m = 1$ and $s = 2 / 7 = 0.286$. The second filter is 0.35 and 0.21 steps, and both are rounded to 0. The filter is gone, and its channel gives out nothing but its bias.
# - A scale for each: the second filter has $m = 0.10$, so $s = 0.2 / 7 = 0.0286$. Its weights are 3.5 and 2.1 steps; they become 3 (the largest integer) and 2, and come back as 0.086 and 0.057.
#
# One scale for each channel is called **per-channel**. It costs four bytes for each channel (if the scale is stored in fp32), and it costs no time worth speaking of in the product of a layer: each output is a sum over the weights of *one* channel, so its scale can be taken out of the sum and multiplied at the end, where the layer multiplies by a scale anyway (section 5). A scale for each *input* channel would not come out of the sum, since a sum runs over all inputs. This is why weights are quantized per channel of the output, and activations per tensor.
#
# The code takes the largest magnitude over all dimensions but the first one.


# %% slideshow={"slide_type": "skip"}
def weight_step(weight, bits, per_channel=False):
    dims = tuple(range(1, weight.dim())) if per_channel else tuple(range(weight.dim()))
    return 2 * weight.abs().amax(dims, keepdim=True) / (2**bits - 1)


def weight_integers(weight, bits, per_channel=False):
    half = 2 ** (bits - 1)
    return torch.round(weight * (1 / weight_step(weight, bits, per_channel))).clamp(-half, half - 1)


def rounded(weight, bits, per_channel=False):
    return weight_integers(weight, bits, per_channel) * weight_step(weight, bits, per_channel)


# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the weights of one filter over the levels of the layer's scale, and over those of its own.
conv = lenet.conv2.weight
show.one_filter(conv, weight_step)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What is a scale of its own worth?
#
# **Predict.** The largest weight of a filter is half as large as that of its layer: $h = \frac{1}{2}$. With a scale of its own, its mean squared error is: **A** the
# same, **B** a half, **C** a quarter of what it was with the scale of the layer? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; expect B. Ask a person with C to explain. Then
# let the room find the curves for B and C in the figure, and a filter near one half.

# %% slideshow={"slide_type": "skip"}
tops = conv.abs().amax((1, 2, 3))
one_scale, own_scale = ((rounded(conv, 8, each) - conv).square().mean((1, 2, 3)) for each in (False, True))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the error of each filter with its own scale over that with the layer's.
show.heights(tops / tops.max(), own_scale / one_scale)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The error is about a quarter (C), because half the height gives half the scale, half the error, and a quarter of the squared error.**
#
# <!-- page -->
#
# In general it is about $h^2$. Each point of the figure is a mean over only 54 weights (6 maps of 3 by 3), which is probably why the points scatter around the curve. The law stops where rounding is coarse: with 2 or 3 bits a small filter loses all of its weights to the level 0, as the second filter above did, and its error is then simply as large as the filter.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does the network notice?
#
# Three LeNets, trained from different initial weights. All weights are rounded, with one scale for each layer or with one for each channel.
#
# **Predict.** Can you see a gain of accuracy with 8 bits, and with 3? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands for 8 bits, then for 3. After the table read the sentence on MobileNet aloud: there one
# scale for each layer destroys the network at 8 bits. [[depthwise]] meets such a case.

# %% slideshow={"slide_type": "skip"}
networks = [lenet, *(checkpoints.load(f"lenet_fashion_{n}").requires_grad_(False) for n in (1, 2))]
FEW = (8, 4, 3, 2)


def accuracy_of(net, rounding):
    small = copy.deepcopy(net)
    for weight in small.parameters():
        if weight.dim() > 1:
            weight.copy_(rounding(weight))
    return 100 * training.evaluate(small, test_images, test_labels)


def with_few_bits(each):
    """Accuracies of the three networks for each number of bits; `each`: a scale for each channel."""
    return {(each, b): [accuracy_of(net, lambda w, b=b: rounded(w, b, each)) for net in networks] for b in FEW}


right = with_few_bits(False)

# %% slideshow={"slide_type": "skip"}
right |= with_few_bits(True)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the mean accuracies of three networks into a table, with the lowest and the highest.
Table(
    ["bits", "per-tensor", "per-channel"],
    [[bits, *(mean_and_range(right[each, bits], "{:.1f}") for each in (False, True))] for bits in FEW],
    caption="accuracy in %, mean of three networks (lowest to highest)",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With 8 bits there is no gain to be seen on these networks; with 3 bits scales for each channel gain some points on average, and with 2 bits many.**
#
# <!-- page -->
#
# With 8 bits even the channel with the smallest weights has some twenty levels left under the common scale, and the network did not suffer to begin with. With 3 or 2 bits whole channels fall on the level 0, as in the example by hand, and a scale of their own brings them back. (In a trial with three such networks at 3 bits this happened to 23 to 49 of the 120 rows of `fc1`, and to no filter of a convolution.)
#
# It is not a law that 8 bits need no scales for each channel. It depends on how unequal the channels are. In LeNet's convolutions the largest filter is a few times as high as the smallest. (A row of `fc1` that vanishes at 3 bits is less than a seventh as high as the highest.) In MobileNet-v1 the channels differ so much that rounding the weights to 8 bits with one scale for each layer took the accuracy on ImageNet from 70.9 % to 0.1 %; with one (asymmetric) scale for each channel it was 70.4 % ([Krishnamoorthi, 2018](https://arxiv.org/abs/1806.08342), table 2).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. A linear layer in integers
#
# Two weights and two inputs:
#
# | | floats | scale | zero point | integers |
# |---|---|---|---|---|
# | weights | 0.5, −0.3 | 0.1 | 0 | 5, −3 |
# | inputs | 0.6, −0.4 | 0.2 | 5 | 8, 3 |
#
# In floats the output is $0.5 \cdot 0.6 + (-0.3)(-0.4) = 0.42$. In integers the sum is $5 \cdot 8 + (-3) \cdot 3 = 31$, and 31 · 0.1 · 0.2 = 0.62.
#
# **Predict.** All four numbers lie exactly on a level, so nothing was rounded. Why is 0.62 not 0.42, and what must be subtracted from 31?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Give the room two minutes with a pencil. If nobody moves: "Which integer stands for the input 0?" It is 5, and it is multiplied by the weights like any other. Then write the formula.
# Ask which part of it is known before the input comes.

# %% [markdown] slideshow={"slide_type": "skip"}
# Now both sides of a product are integers. Can a layer compute its output without going back to floats? An output of a linear layer is a sum of products, weight times input. In the table above it has two. Check its integers first: the input 0.6 is 0.6 / 0.2 = 3 steps, and with the zero point 5 it is stored as 8; −0.4 is −2 steps, and is stored as 3. The weights have no zero point (their map is symmetric), so 0.5 is stored as 5, and −0.3 as −3.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The stored inputs are 5 too large, because of the zero point; so the sum is too large by 5 · (5 − 3) = 10. 31 − 10 = 21, and 21 · 0.1 · 0.2 = 0.42.**
#
# $$\sum w x \approx s_w s_x \Big( \sum q_w q_x - \underbrace{z_x \textstyle\sum q_w}_{\text{cross term}} \Big)$$
#
# <!-- page -->
#
# Write it out for all numbers. A weight is $w \approx s_w q_w$, an input is $x \approx s_x (q_x - z_x)$. Their product is $s_w s_x (q_w q_x - z_x q_w)$. The scales are the same for all products of the sum, so they come out of it, and what is left in the bracket are integers alone. The **cross term** is what the zero point of the inputs adds to the sum by mistake. It does not depend on the input: the sum of the weights' integers is known when the network is stored, so the cross term is computed once and costs one subtraction for each output.
#
# What if the weights had a zero point, too? Then $w \approx s_w (q_w - z_w)$, and multiplying out gives two terms more: $-z_w \sum q_x$ and $+n\, z_w z_x$, where $n$ is the number of inputs. The first of them depends on the input and must be computed each time. This is a good reason to keep weights symmetric; exercise 2 computes all four terms.

# %% [markdown] slideshow={"slide_type": "skip"}
# The same for a real layer: `fc1` of LeNet-300-100 has 784 inputs and 300 outputs. The cells train this network on images that have positive and negative values (so that the zero point is not 0), and calibrate with 1,000 images: `grids` holds scale and zero point for the input of each layer, and for the output of the last one. They spread each range over the integers 0 to 127, and not 0 to 255. The next section says why.

# %% slideshow={"slide_type": "skip"}
mean, std = images.mean(), images.std()
flat, flat_test = (((x - mean) / std).flatten(1) for x in (images, test_images))
runtime.seed_all(0)
mlp = models.LeNet300100()
training.fit(mlp, flat, labels, epochs=2)
mlp = mlp.cpu().eval().requires_grad_(False)

# %% slideshow={"slide_type": "skip"}
LAYERS = (mlp.fc1, mlp.fc2, mlp.fc3)
values = [flat[:1000]]  # the input of each layer, and the output of the last one
for each in LAYERS:
    values.append(each(values[-1]) if each is mlp.fc3 else torch.relu(each(values[-1])))
grids = [affine_map(*some.aminmax(), 0, 127) for some in values]

# %% slideshow={"slide_type": "skip"}
layer, some = mlp.fc1, flat_test[:1000]
(s_x, z_x), s_w = grids[0], weight_step(layer.weight, 8).squeeze()
q_x = to_integers(some, s_x, z_x, 0, 255)  # (1000, 784)
q_w = weight_integers(layer.weight, 8).int()  # (300, 784)
products = q_x @ q_w.T  # (1000, 300), sums of 784 products
cross_term = z_x * q_w.sum(1)  # (300,)
sums = products - cross_term
exact = F.linear(some, layer.weight)
for name, integers in {"with the cross term": sums, "without it": products}.items():
    print(f"{name}: error {(s_w * s_x * integers - exact).norm() / exact.norm():.1%} of the output")

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How wide must the sums be?
#
# A 16-bit integer ends at 32,767. An input is at most 127, a weight lies between −128 and 127. The largest product is $127 \cdot 128 = 16{,}256$.
#
# **Predict.** How many products can be added in 16 bits, whatever their values are: **A** 2, **B** 100, **C** all 784? And what happens beyond?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room divide: 32,767 by 16,256. Many say that 16 bits
# will do "in practice"; let the table answer. Then: "An overflow of integers raises no error. It wraps round." Ask how many bits are enough for 784 products: 24, and one for the sign.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Adds the products up in 32, 16 and 8 bits, and compares the results with the exact output.
trials = {"32 bits": torch.int32, "16 bits": torch.int16, "8 bits": torch.int8}
overflows, sizes = {}, {}
for name, kind in trials.items():
    kept = products.to(kind).int()
    overflows[name] = (kept != products).float().mean().item()
    sizes[name] = ((s_w * s_x * (kept - cross_term) - exact).norm() / exact.norm()).item()
Table(
    ["added in", "sums that overflow", "error / output"],
    [[name, f"{overflows[name]:.0%}", f"{sizes[name]:.2g}"] for name in trials],
    caption="fc1 of LeNet-300-100, 1,000 images",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Only 2 (A): two products of 16,256 make 32,512, which fits, and the third does not. Beyond 32,767 the sum wraps round to negative numbers, without an error message.**
#
# <!-- page -->
#
# Three such products are 48,768. In 16 bits that is 48,768 − 65,536 = −16,768: a large positive output has become a negative one. Real products are smaller than the largest possible one, and have both signs, so not every sum overflows. But the table shows that many do, and that the output is then useless. A 32-bit integer ends at about two thousand million; even 784 of the largest products, 12.7 million, fit easily. So the rule is: *products of 8 bits, sums of 32 bits*. Only a layer with more than 130,000 such inputs could overflow them, because 2,147,483,647 / 16,256 is about 132,100.
#
# **Why our inputs end at 127 and not at 255.** Many x86 processors have an instruction that multiplies 8-bit numbers and adds *two* products in 16 bits before it goes on in 32. Weights reach −128, and two products of 255 · 128 need 65,280, which is too much: the processor cuts the sum off at 32,767, and nobody is told. With inputs up to 127 two products need at most 2 · 127 · 128 = 32,512, which fits. PyTorch calls this `reduce_range`, and we do as it does. It costs one bit of the activations. Newer processors (with VNNI) add in 32 bits at once and would not need it. Inputs beyond the calibrated range can still become integers up to 255.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Back to 8 bits
#
# The sum has 32 bits, and the next layer wants 8. To **requantize** is to bring it there:
#
# $$q_y = \mathrm{clamp}\Big(\mathrm{round}\big(M \,(\text{sum} + \tfrac{b}{s_w s_x})\big) + z_y\Big), \qquad M = \frac{s_w s_x}{s_y}$$
#
# Our sum was 21, in units of $s_w s_x = 0.02$. The bias is $b = 0.1$; the output has the scale $s_y = 0.05$, and $z_y = 0$.
#
# **Predict.** Which integer is stored? And what does it stand for?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Let the room compute in three steps: the bias in units of the sum, the factor M, the rounding. Then ask why the bias is divided by exactly this scale, and where the ReLU is.

# %% [markdown] slideshow={"slide_type": "skip"}
# The sum counts in units of $s_w s_x$: one of its steps is $0.1 \cdot 0.2 = 0.02$. The next layer expects integers of its own input scale $s_y$, which calibration has found. So a unit must be changed, as from inches to centimetres: a sum of 1 is $0.02 / 0.05 = 0.4$ steps of the output. This factor is $M$. All three scales are known beforehand, so $M$ is one number for the layer (or one for each channel, if the weights have a scale for each).
#
# The bias must be added before, and to be added to the sum it must have the sum's unit: $b / (s_w s_x)$ says how many steps of 0.02 the bias is. It may be much larger than 127; therefore it is kept in 32 bits or in float, and never in 8 bits.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The integer 10 is stored. It stands for 10 · 0.05 = 0.50, where 0.42 + 0.1 = 0.52 would be exact.**
#
# <!-- page -->
#
# Step by step: the bias is 0.1 / 0.02 = 5 steps of the sum, so 21 + 5 = 26. $M = 0.02 / 0.05 = 0.4$, and 26 · 0.4 = 10.4. Rounded it is 10, and the zero point of the output adds nothing. The error, 0.02, is less than half a step of the output (0.025), as it must be: this is the only place where the layer rounds.
#
# And the ReLU? If the sum with its bias were −26, we would get −10.4, rounded −10, and the clamp makes it 0. Where the range of an output begins at 0, its zero point is the lowest integer, and the clamp *is* the ReLU. It costs nothing.


# %% slideshow={"slide_type": "skip"}
def requantize(sums, layer, s_in, s_w, y_grid):
    """The integers of the next layer's input, from sums (batch, outputs) without bias."""
    s_y, z_y = y_grid
    bias = layer.bias / (s_in * s_w)  # in units of the sum
    M = s_in * s_w / s_y  # from units of the sum to those of the output
    return (torch.round((sums + bias) * M) + z_y).clamp(0, 255).int()


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The layer as a flow of integers
#
# One image goes through `fc1` of LeNet-300-100; the numbers are those of one of its 300 outputs.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Three frames, follow one number with the finger: 8 bits in and 32 out of the product; 32 after the subtraction; 8 at the end. Let the room do the last box by hand: the number on the
# wire times M, but for the bias. Ask which box needs a float: only the last one.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the boxes of the layer with the numbers of its largest output.
one = int(sums[0].argmax())
q_y = requantize(sums, layer, s_x, s_w, grids[1])
show.flow(layer, *(int(part) for part in (products[0, one], cross_term[one], q_y[0, one])), s_w * s_x / grids[1][0])

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A whole network in integers
#
# Three such layers in a row: the output integers of one are the input integers of the next.
#
# **Predict.** How many points of accuracy does LeNet-300-100 lose: **A** less than 1, **B** 1 to 10, **C** more than 10? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands. Say that a harder task may lose
# more: 1.4 to 2.1 points for ResNets on ImageNet in Jacob et al., trained with the rounding. Ask what was not measured: the time.


# %% slideshow={"slide_type": "-"}
def integer_network(x, requantize=requantize):
    q = to_integers(x, *grids[0], 0, 255)
    for layer, (s_in, z_in), y_grid in zip(LAYERS, grids, grids[1:], strict=False):
        q_w, s_w = weight_integers(layer.weight, 8).int(), weight_step(layer.weight, 8)
        sums = q @ q_w.T - z_in * q_w.sum(1)
        q = requantize(sums, layer, s_in, s_w.squeeze(), y_grid)
    return q.argmax(1)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts the test images that the network classifies correctly, in floats and in integers.
in_floats = training.evaluate(mlp, flat_test, test_labels)
in_integers = (integer_network(flat_test) == test_labels).float().mean().item()
Table(
    ["LeNet-300-100", "accuracy, %"],
    [["fp32", f"{100 * in_floats:.2f}"], ["integers", f"{100 * in_integers:.2f}"]],
    caption=f"change: {100 * (in_integers - in_floats):+.2f} points",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **This small network loses less than one point (A): its ranges were found on images like those of the test, and each layer rounds its output only once.**
#
# <!-- page -->
#
# A harder task may lose more: ResNets on ImageNet lost 1.4 to 2.1 points in integers, although they were trained with the rounding ([Jacob et al., 2018](https://arxiv.org/abs/1712.05877), table 4.1). And calibration with unlike images would spoil the ranges, as in section 1.
#
# Two things are not shown here. Our code keeps $M$ and the bias as floats, so each layer still computes a little in float; *Deeper* replaces both by integers, as a chip without floats must, and looks at what PyTorch's own layers do. And no time was measured: our integers run through ordinary products of PyTorch. [[dynamic]] and [[static]] time layers that are made for 8 bits, conversions included.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Which range serves best?
# ★★ · 12 minutes · an investigation
#
# You get an instrument, `error(observer, seed=n, held_out=0)`. It draws calibration data number `n`, in which something may be wrong, lets one observer
# find a range, and returns the mean squared error of int8 in this range: on the calibration data themselves (`held_out=0`), or on new data as they
# come at work (`held_out=1`). The observers are `"min_max"`, `"average"` and `"percentile"`.
#
# An observer *serves best* if its mean error at work is less than half of that of each of the other two. Make at least 5 draws, the same ones for all observers. All of your runs with `held_out=1` count in the mean, and those with `held_out=0` do not.
#
# `best_range(error)` → the name of the observer that serves best, or `"none"`
#
# <details><summary>Hint</summary>
# Collect the mean error of each observer first. The smallest of the three is less than half of <em>each</em> other one if it is less than half of the second smallest.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several sources of data. In some of them something is wrong with the calibration data, and it is not the same fault each time, so your function must find out anew which observer serves best. The check looks at how you make your experiment first, and then at what you conclude.
#
# A draw has 20 batches of 500 values. The observers are those of section 2, but with so few values the percentile leaves out the lowest 0.1 % and the highest 0.1 %. A call takes a few milliseconds, and an experiment may have up to 2,000 of them.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop; alone it takes 12. "On which data must the error be measured, and why does the wrong choice always praise the same observer?" Then: "Think of one fault for each
# observer in which it is the best." The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def best_range(error):
    """Say which observer serves best: "min_max", "average", "percentile" or "none".

    Args:
        error: the instrument; `error("min_max", seed=3, held_out=0)` gives the mean
            squared error of this observer for draw 3, on its calibration data.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.best_range(best_range)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def best_range_solution(error):
    names = ("min_max", "average", "percentile")
    mean = {name: fmean(error(name, seed=n, held_out=1) for n in range(5)) for name in names}
    best, second = sorted(names, key=mean.get)[:2]
    return best if mean[best] < mean[second] / 2 else "none"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on a real layer
#
# The first layer of LeNet, five draws of 2,000 images for calibration, 500 held-out images. Four cases:
#
# - nothing is wrong
# - one pixel of 50 in the first batch
# - the tenth of twenty batches is overexposed, 8 times too bright
# - a pixel of 50 is real: one image in 125 has it, the held-out ones as well
#
# **Predict.** Which observer serves best in each case: the smallest error, less than half of each other? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Four votes, one for each case, before the table. Then: "Is there an observer that is never bad?" No. Ask what one would have to know about the data to choose.


# %% slideshow={"slide_type": "skip"}
def with_fault(case, some):
    """Images with the fault of a case; the held-out ones have it only where it is no fault."""
    some, batch = some.clone(), len(some) // 20
    if case == "first batch":
        some[7, 0, 14, 14] = 50.0
    if case == "overexposed":
        some[9 * batch : 10 * batch] *= 8
    if case == "real":
        some[120::125, 0, 14, 14] = 50.0
    return some


CASES = ("nothing", "first batch", "overexposed", "real")

# %% slideshow={"slide_type": "skip"}
served = {}
for case in CASES:
    at_work = lenet.conv1(with_fault(case, images[-500:])) if case == "real" else clean
    for draw in images[:10_000].chunk(5):  # five draws of 2,000 images
        last = watch(outputs(with_fault(case, draw)))
        for name, ends in last.items():
            served.setdefault((case, name), []).append(squared_error(at_work, *ends[-1]))
served = {key: fmean(errors_of_draws) for key, errors_of_draws in served.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the errors of each case into a table, over that of the smallest in the row.
least = {case: min(served[case, name] for name in ranges) for case in CASES}
Table(
    ["case", *ranges],
    [[case, *(f"{served[case, name] / least[case]:.2g}×" for name in ranges)] for case in CASES],
    caption="mean squared error on held-out images, over the smallest of its row; mean of five draws",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Nothing wrong: none, all three are about equally good. A broken pixel in the first batch: the percentile. An overexposed batch: the moving average. A bright pixel that is real: min–max.**
#
# <!-- page -->
#
# Each observer is right about one kind of fault, because each makes one assumption. Min–max assumes that every value counts. The percentile assumes that what is rare may be ignored: 54 values are rare, but an overexposed batch is 5 % of all values, and these it believes. The moving average assumes that the *first* batch is typical, and follows the others slowly. It forgives a single bad batch, unless this is the first. In the last case the bright pixel is in 16 of the 20 batches, but not in the first, and 16 steps of 1 % bring the range about a seventh of the way.
#
# So no observer is the best, and the calibration data alone cannot tell you which to take: in the second and in the last case they look alike. You must know whether the bright pixel is a fault, or measure on data that are surely like those of the later work. Whoever measures on the calibration data themselves counts a defect as if it were signal, and praises the observer that believes in it.
#
# What was not tested: other layers, and the accuracy, which is the ruler that counts in the end.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# What follows is for whoever wants the very same integers as PyTorch, a network without any float, or a rule for what one more bit is worth.
#
# ### What is a bit worth?
#
# "The error is 0.0003" says little, as long as one does not know how large the signal is. So one compares their mean squares. The ratio may be 10 or 100,000, and what one more bit does to it is always a *factor*. Therefore one takes a logarithm, and the unit is the **decibel (dB)**: ten times the logarithm to the base 10. A factor of 10 is 10 dB, a factor of 100 is 20 dB, a factor of 2 about 3 dB. The **signal-to-quantization-noise ratio** in decibels is
#
# $$\mathrm{SQNR} = 10 \log_{10} \frac{\overline{x^2}}{\overline{(x - \hat x)^2}} \;\text{dB}.$$
#
# **By hand.** A number has the mean square 1 and the error a mean square of 0.01: the SQNR is 10 · log₁₀(100) = 20 dB. One more bit halves the scale (nearly: it goes from $2^b - 1$ steps to $2^{b+1} - 1$). Every error is halved, its square is a quarter, 0.0025, and the ratio is 400: 26 dB.
#
# **Predict.** So one more bit is worth 6 dB where the numbers are spread evenly over the range. Do the weights of a trained layer lie above the curve of evenly spread numbers, on it or below it? And why?

# %% slideshow={"slide_type": "skip"}
BITS = range(2, 9)


def sqnr_db(x, approximation):
    return 10 * math.log10(x.square().mean() / (x - approximation).square().mean())


even = torch.empty(2**22).uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
curves = {"evenly spread": [sqnr_db(even, rounded(even, bits)) for bits in BITS]}
for name, weight in {"conv2": lenet.conv2.weight, "fc1": lenet.fc1.weight}.items():
    for how, each in (("per-channel", True), ("per-tensor", False)):
        curves[f"{name} {how}"] = [sqnr_db(weight, rounded(weight, bits, each)) for bits in BITS]

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the SQNR over the bits, beside a formula, and says what each bit was worth.
gains = {name: [b - a for a, b in zip(curve, curve[1:], strict=False)] for name, curve in curves.items()}
farthest_gain = max(gains["evenly spread"][2:], key=lambda gain: abs(gain - 6.02))
show.bits_and_error(BITS, curves, [20 * math.log10(2**bits - 1) for bits in BITS])
Table(
    ["dB for one bit more", *(f"{bits} to {bits + 1}" for bits in BITS[:-1])],
    [[name, *(f"{gain:.1f}" for gain in each)] for name, each in gains.items()],
    caption="what a bit was worth",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Trained weights lie below the evenly spread numbers, because their scale is made for the largest weight, and most weights are far smaller.**
#
# The error depends on the scale alone, but the signal is smaller: most weights lie near 0, so their mean square is small against the square of the range. A scale for each channel makes the range fit better and lifts the curve. A bit more is worth about 6 dB to evenly spread numbers from 4 bits on (20 · log₁₀ 2 = 6.02). Trained weights come near to it where there are many bits; with few bits the steps of the table scatter, because there many weights, in `fc1` per-tensor nearly all, fall on the level 0, and the rule of a rounding error that is spread evenly between two levels does not hold.
#
# The dotted formula follows from two means: the numbers have the mean square $r^2 / 3$ if they are spread evenly from $-r$ to $r$, and the error has $s^2 / 12$ with $s = 2r / (2^b - 1)$. Their ratio is $(2^b - 1)^2$.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Scales for each channel, or another step?
#
# In [[integers]] a step of one standard deviation σ saved networks with 2 bits, where the step of this lesson, made for the largest weight, broke them. Is that better or worse than a scale for each channel? The three networks again, with 2 bits. (Their seeds are those of [[integers]], so on one processor the accuracies are nearly those there. When two processors had trained them, they differed by up to nine points: with so few bits a small difference of the weights decides over many images.)


# %% slideshow={"slide_type": "skip"}
def with_sigma(weight):
    return torch.round(weight / weight.std()).clamp(-2, 1) * weight.std()


by_sigma = [accuracy_of(net, with_sigma) for net in networks]
for name, shares in {"per-tensor": right[False, 2], "per-channel": right[True, 2], "per-tensor, σ": by_sigma}.items():
    print(f"{name:14}", " ".join(f"{share:5.1f} %" for share in shares))

# %% [markdown] slideshow={"slide_type": "skip"}
# Both changes help each of the three networks. In the run on this page σ is ahead in all three. If one subtracts the second line from the third, the lead is 13 to 30 points. From three networks of one kind nobody should conclude that it always is.
#
# ### PyTorch's observers
#
# PyTorch has the three observers, too. Its percentile is a `HistogramObserver`, which has no fixed share to leave out: it narrows the range from both ends as long as its estimate of the squared error falls. For activations on x86 processors it is PyTorch's default. The functions of this section belong to `torch.ao.quantization`, which is going to be removed ([[integers]]); [[torchao]] shows what comes instead.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from torch.ao.quantization import HistogramObserver, MinMaxObserver, MovingAverageMinMaxObserver

theirs = {}
for observer in (MinMaxObserver(), MovingAverageMinMaxObserver(), HistogramObserver()):
    for batch in tenth_broken:
        observer(batch)
    s, z = observer.calculate_qparams()  # for the integers 0 to 255
    theirs[type(observer).__name__] = [*(((edge - z) * s).item() for edge in (0, 255)), s.item(), z.item()]
default_constant = MovingAverageMinMaxObserver().averaging_constant
Table(
    ["observer", "low", "high", "scale", "zero point"],
    [[name, f"{low:.2f}", f"{high:.2f}", f"{s:.5f}", z] for name, (low, high, s, z) in theirs.items()],
    caption=f"low and high: what 0 and 255 stand for; averaging_constant is {default_constant}",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Your own observer can take part: it is a module that passes its input on, remembers what it needs, and answers `calculate_qparams`. `prepare` puts it behind a layer, and `convert` turns what it found into scales. The class below makes an observer of any function that folds batches into a range, such as our `moving_average`.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from torch.ao.quantization import ObserverBase, QConfig, QuantWrapper, convert, default_weight_observer, prepare


class FoldObserver(ObserverBase):
    def __init__(self, fold, dtype=torch.quint8):
        super().__init__(dtype)
        self.fold, self.state = fold, None

    def forward(self, x):
        self.state = self.fold(self.state, x.detach())
        return x

    def calculate_qparams(self):
        s, z = affine_map(*map(torch.as_tensor, self.state), 0, 127)  # 7 bits: section 4
        return s.reshape(1), z.reshape(1)


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
wrapped = QuantWrapper(copy.deepcopy(lenet.conv1))  # round the input, run the layer, go back to float
wrapped.qconfig = QConfig(FoldObserver.with_args(fold=moving_average), default_weight_observer)
watching = prepare(wrapped)
for batch in with_broken_pixel(images[:2000], place=0.45).split(100):
    watching(batch)
print("the same range as ours:", watching.module.activation_post_process.state == ranges["moving average"][-1])
print(convert(watching))  # its scale is about twice the table's, for 127 steps in place of 255

# %% [markdown] slideshow={"slide_type": "skip"}
# ### A layer without any float
#
# A small chip may have no floats at all. The bias is easy: round $b / (s_w s_x)$ to a 32-bit integer. But $M$ is a fraction, such as 0.4. How does one multiply by a fraction with integers alone? Write it as a whole number, divided by a power of two, because a division by $2^n$ is a *shift* of the bits to the right by $n$ places.
#
# **By hand.** $0.4 = 0.8 \cdot 2^{-1}$, and with 8 bits 0.8 is about 205 / 256. So $0.4 \approx 205 / 512$. Our sum with its bias was 26. 26 · 205 = 5,330. A shift by 9 places divides by 512 and cuts off what is left; to round instead, add one half first, 256: (5,330 + 256) >> 9 = 5,586 >> 9 = 10. That is the 10 of section 5. [Jacob et al., 2018](https://arxiv.org/abs/1712.05877), section 2.2, take 31 bits in place of 8.
#
# PyTorch's layers are computed by an **engine**, the library that has the routines for a kind of processor. Do our integers agree with those of an engine?
#
# **Predict.** The bias in float or rounded, $M$ in float or as a shift: in how many of 300,000 outputs of `fc1` does such a choice change the integer: **A** in none, **B** in at most one of a thousand, **C** in one of ten?


# %% slideshow={"slide_type": "skip"}
def rounded_bias(sums, layer, s_in, s_w, y_grid):
    s_y, z_y = y_grid
    bias = torch.round(layer.bias / (s_in * s_w)).int()
    return (torch.round((sums + bias) * (s_in * s_w / s_y)) + z_y).clamp(0, 255).int()


def by_shift(sums, layer, s_in, s_w, y_grid):
    s_y, z_y = y_grid
    bias = torch.round(layer.bias / (s_in * s_w)).long()
    m_0, power = math.frexp((s_in * s_w / s_y).item())  # M = m_0 · 2**power, m_0 from 1/2 to 1
    whole, n = round(m_0 * 2**31), 31 - power  # both are stored with the network
    return ((((sums.long() + bias) * whole + 2 ** (n - 1)) >> n) + z_y).clamp(0, 255).int()


WAYS = {"bias in float": requantize, "bias rounded": rounded_bias, "shift": by_shift}
ours = {name: way(sums, layer, s_x, s_w, grids[1]) for name, way in WAYS.items()}


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def of_engine(engine):
    """The integers of torch's own quantized linear layer, computed by an engine."""
    with legacy_int8.use(engine):
        weight = torch.quantize_per_tensor(layer.weight, s_w.item(), 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(weight, layer.bias)
        x = torch.quantize_per_tensor(some, s_x.item(), z_x.item(), torch.quint8)
        s_y, z_y = (number.item() for number in grids[1])
        return torch.ops.quantized.linear(x, packed, s_y, z_y).int_repr().int()


ENGINES = [name for name in torch.backends.quantized.supported_engines if name != "none"]
off_by = {engine: [(q - of_engine(engine)).abs() for q in ours.values()] for engine in ENGINES}
own = torch.backends.quantized.engine
own_way = 1 if own == "qnnpack" else 0  # which of our ways is that of the engine
differs_from_torch = 100 * (off_by[own][own_way] > 0).float().mean().item() if own in off_by else math.nan

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Counts for each engine and each way of ours how many integers differ.
Table(
    ["engine", *WAYS, "largest"],
    [
        [engine, *(f"{int((off > 0).sum()):,}" for off in offs), int(max(off.max() for off in offs))]
        for engine, offs in off_by.items()
    ],
    caption=f"Of {sums.numel():,} integers so many differ from ours, and by so much at most. Default here: {own}.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **In at most one of a thousand (B): PyTorch's own engines disagree with each other in a few outputs, and where two results differ, they differ by one.**
#
# A choice matters only where the value before the rounding lies almost half-way between two integers. Judging by these counts, `x86`, `fbgemm` and `onednn` (where your PyTorch has them) keep bias and $M$ in float, while `qnnpack` rounds the bias to an integer. (In the run on this page three outputs of `qnnpack` differ from ours with the rounded bias all the same, probably because it takes its steps in fp32 in another order.) So a linear layer *can* run in integers from end to end, and on most computers it does not: one multiplication in float for each output is cheap there. For accuracy the differences do not matter. Whoever must reproduce a chip bit by bit needs its way of rounding, too.

# %% slideshow={"slide_type": "skip"}
without_floats = (integer_network(flat_test, by_shift) == test_labels).float().mean().item()
lost_in_integers = 100 * (in_floats - without_floats)
print(f"LeNet-300-100 without a float between input and answer: {without_floats:.2%}, in fp32 {in_floats:.2%}")

# %% [markdown] slideshow={"slide_type": "skip"}
# ### A file with a scale for each channel
#
# [[integers]] saved LeNet with int8 weights and one scale for each layer. With one for each channel the file has 236 scales in place of 5, one for each output. The section also writes rows into the course's ledger. The integers of the file are turned back into floats before the network computes with them, so these rows claim no energy of int8.

# %% slideshow={"slide_type": "skip"}
stored = {}
for name, p in lenet.state_dict().items():
    stored[name] = weight_integers(p, 8, True).to(torch.int8) if p.dim() > 1 else p
    if p.dim() > 1:
        stored[f"{name}.scale"] = weight_step(p, 8, True)
with tempfile.TemporaryDirectory() as folder:
    paths = {"fp32": Path(folder, "fp32.pt"), "int8 weights stored": Path(folder, "int8.pt")}
    for path, content in zip(paths.values(), (lenet.state_dict(), stored), strict=True):
        torch.save(content, path)
    file_bytes = {name: path.stat().st_size for name, path in paths.items()}
    loaded = torch.load(paths["int8 weights stored"])

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "legacy"]
# Loads the file, counts what it classifies correctly, and writes both rows into the ledger.
reloaded = models.LeNet().requires_grad_(False).eval()
for name, p in reloaded.named_parameters():
    p.copy_(loaded[name] * loaded.get(f"{name}.scale", 1))
rows = [
    ledger.record(
        lesson="observers",
        task="fashion_mnist",
        model="LeNet",
        technique=f"{technique}, short training",
        accuracy=training.evaluate(net, test_images, test_labels),
        file_bytes=size,
        energy_nj=energy.estimate(net, images[:1]).total_nj if net is lenet else None,
    )
    for (technique, size), net in zip(file_bytes.items(), (lenet, reloaded), strict=True)
]
ledger.table(rows)
channel_integers = torch.quantize_per_channel(
    conv, weight_step(conv, 8, True).flatten(), torch.zeros(len(conv), dtype=torch.int), 0, torch.qint8
).int_repr()
channel_differs = int((weight_integers(conv, 8, True) != channel_integers).sum())


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · A matrix product of integers
# ★★ · 8 minutes
#
# Write `int_matmul`: for int8 inputs `xq` (batch, n) and int8 weights `wq` (outputs, n), *both* with a zero point, the sums
# $\sum (q_w - z_w)(q_x - z_x)$ as int32 of shape (batch, outputs). Multiplied out, a sum is
#
# $$\textstyle\sum q_w q_x - z_x \sum q_w - z_w \sum q_x + n\, z_w z_x.$$
#
# `int_matmul(xq, x_zero, wq, w_zero)` → an int32 tensor (int64 will do, floats will not), exact: sums may pass $2^{24}$, where fp32 is not; the zero
# points are ints from -128 to 127
#
# <details><summary>Hint</summary>
# Use the four terms, or subtract the zero points first. Either way: convert to int32 <em>before</em> you subtract or
# multiply.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def int_matmul(xq, x_zero, wq, w_zero):
    """Sums of (wq - w_zero) · (xq - x_zero) over the last dimension, exact.

    >>> zero = torch.zeros(1, 3, dtype=torch.int8)
    >>> int_matmul(zero, 0, zero, 0).tolist()
    [[0]]
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.int_matmul(int_matmul)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def int_matmul_solution(xq, x_zero, wq, w_zero):
    xq, wq = xq.int(), wq.int()
    cross = x_zero * wq.sum(1) + w_zero * xq.sum(1, keepdim=True)
    return (xq @ wq.T - cross + xq.shape[1] * x_zero * w_zero).int()


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · The best clip
# ★★★ · 12 minutes
#
# With few bits it may pay to clip. Write `best_clip`: among some candidates, the $c$ whose symmetric grid has the least mean *squared* error over all values,
# the clipped ones included.
#
# The grid is that of section 3 with $c$ in place of the largest $|w|$: the step is $s = 2c / (2^b - 1)$, the integers go from $-2^{b-1}$ to $2^{b-1} - 1$. So its levels
# reach from $-c - s/2$ to $c - s/2$.
#
# `best_clip(values, candidates, bits)` → one of `candidates`, which are floats in any order; of several that are equally good any
#
# <details><summary>Hint</summary>
# For each candidate: scale, round, clamp, back to floats, mean of the squared differences. Then take the candidate with the smallest one.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def best_clip(values, candidates, bits):
    """The candidate with the least mean squared error.

    >>> best_clip(torch.tensor([-1.0, 0.5, 1.0]), [1.0], 4)  # no choice
    1.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.best_clip(best_clip)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def best_clip_solution(values, candidates, bits):
    def squared_error(c):
        scale, half = 2 * c / (2**bits - 1), 2 ** (bits - 1)
        back = torch.round(values / scale).clamp(-half, half - 1) * scale
        return (back - values).square().mean().item()

    return min(candidates, key=squared_error)


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The figures that this run can check, beside their source.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("observers")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Calibration looks for the range of activations on typical data. A wide range rounds coarsely, a narrow one clips.
# - Each observer assumes something: every value counts (min–max), the first batch is typical (moving average), what is rare may be ignored (percentile). Judge it on data that it has not seen.
# - One scale for each channel of the weights costs almost nothing, and saves channels that are small.
# - A linear layer can run in integers: products of 8 bits, sums of 32 bits, minus the cross term of the zero point, times $M$, rounded once.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018,
# [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), the source of sections 4 and 5, for phones; R. Krishnamoorthi's whitepaper, 2018,
# [arXiv:1806.08342](https://arxiv.org/abs/1806.08342); M. Nagel et al., *A white paper on neural network quantization*, 2021,
# [arXiv:2106.08295](https://arxiv.org/abs/2106.08295), on the choice of a range.
#
# **Project ideas**: write the integer convolution; find the bits for each layer that fit a given file; compare the clip of least squared error with the one of
# best accuracy.
#
# **Credits**: part of the course's idea by Tal Daniel (Technion, EE 046211, tutorial 10), after *Introduction to Quantization on PyTorch* by Raghuraman
# Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask what the lesson did *not* show: no speed, no convolution in integers, no training with the rounding. "Speed comes in
# [[dynamic]] and [[static]], the convolution in [[static]], training with the rounding in [[qat]]."

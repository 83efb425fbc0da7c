# ---
# jupyter:
#   course:
#     promise: You will store the weights of a network as small integers, know what the rounding costs, and save a model that is smaller and still works.
#     seconds: 30
#     needs: [measuring, energy]
#     goals:
#       - Map floats to integers with a scale and a zero point, and bound the error.
#       - Separate two changes by an experiment, and say what each of them does.
#       - Save a network with int8 weights, load it again, and compare its bytes and its accuracy with those of the original.
#     terms: [affine map, clipping, fake quantization, level, quantization, range, scale, "symmetric, asymmetric", zero point]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A weight has 32 bits. How many does it need?*
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
# *For the lecturer, 1 min.* Ask before anything runs: "How many different values does a weight of a trained network need, to do its work?" Collect orders of
# magnitude on the board; expect thousands. Then: "Let us take bits away until it breaks."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import os
import tempfile
from statistics import fmean

import torch

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.data import checkpoints
from course_utils.scorecard import claims
from course_utils.show.tables import Table, mean_and_range, si
from lessons.integers import checks as check
from lessons.integers import show

legacy_int8.ignore_deprecations()
runtime.seed_all(0)
torch.set_num_threads(1)
runtime.describe(torch.device("cpu"))  # all cells of this lesson run there

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. One network, fewer and fewer bits
#
# **Quantization** stores each weight as a small integer. All weights of a layer share one factor, the **scale** (here 0.2, a round number that is easy to count with):
#
# | weight | integer | integer × scale |
# |---|---|---|
# | 0.58 | 3 | 0.6 |
# | −0.31 | −2 | −0.4 |
# | 0.07 | 0 | 0.0 |
#
# The values in the last column are **levels**. They lie one scale apart, so the scale is also called the **step**.
#
# With $b$ bits there are $2^b$ integers: 256 with 8 bits, 4 with 2. The largest weight, $m = \max |w|$, sets the scale: $s = 2m / (2^b - 1)$.
#
# **Predict.** LeNet is trained, and then all its weights are rounded in this way, with fewer and fewer bits. At which $b$ has it first lost more than ten points of accuracy: **A** 8, **B** 4, **C** 3, **D** 2? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room check one row of the table in the head: 0.58 / 0.2 = 2.9, so 3. Say: "One scale for each layer, no second training. With 2 bits
# the scale is two thirds of the largest weight: keep that for section 4." Show of hands for A to D; expect B or C. Ask one of them why. After the answer say once more why 8 bits cost nothing: an output is a
# sum of hundreds of products, errors of either sign largely cancel, and the class only asks which output is the largest. Then: "What is this good for, and is it really the bits that break it?"

# %% [markdown] slideshow={"slide_type": "skip"}
# A trained weight is a floating-point number of 32 bits, *fp32*. It can take about four billion ($2^{32}$) different values. If a handful of values did as well, the network would need a fraction of the bytes, and less energy to fetch them ([[energy]]: to fetch a weight from the main memory costs more than a hundred times as much as to multiply it once and add the product).
#
# **Three weights by hand.** Take the three weights of the table above, and suppose that we may spend only 3 bits on each. Three bits can tell eight integers apart: −4, −3, …, 3. With the scale 0.2 the integer $q$ stands for the number $0.2 \cdot q$. To find the integer of a weight, divide by the scale and round:
#
# - 0.58 / 0.2 = 2.9, rounded to 3, which stands for 3 · 0.2 = 0.6. The error is 0.02.
# - −0.31 / 0.2 = −1.55, rounded to −2, which stands for −0.4. The error is −0.09.
# - 0.07 / 0.2 = 0.35, rounded to 0. The error is −0.07.
#
# The values that an integer can stand for, here −0.8, −0.6, …, 0.6, are the levels. Together they are often called the *grid*. No weight between two levels can be further than half a step, 0.1, from the nearer one.
#
# We store the integers, and the scale once. In a layer with thousands of weights the scale hardly counts: with 8 bits for a weight the layer takes about a quarter of its bytes, with 2 bits about a sixteenth.
#
# **Which scale?** It should be small, because the error can be as large as half of it. But the largest weight must still have a level near it. PyTorch's usual rule for weights, $s = 2m / (2^b - 1)$, divides the interval from $-m$ to $m$ into as many equal steps as there are between the $2^b$ integers. For our three weights $m = 0.58$, and with 3 bits $s = 1.16 / 7 = 0.166$.
#
# The network comes with the course, already trained: LeNet saw 12,000 images of clothes (Fashion-MNIST) four times, with Adam and a learning rate of 0.002. Loading it saves about 8 s of training; `python course.py checkpoints lenet_fashion_0` trains it again. The next cell loads it; then come the rule and the rounding as code.

# %% slideshow={"slide_type": "skip"}
images, _ = data.load("fashion_mnist", n=500)
test_images, test_labels = data.load("fashion_mnist", "test")
lenet = checkpoints.load("lenet_fashion_0").requires_grad_(False)
layers = {name.removesuffix(".weight"): w for name, w in lenet.named_parameters() if w.dim() > 1}


# %% slideshow={"slide_type": "skip"}
def weight_scale(weight, bits):
    return 2 * weight.abs().max() / (2**bits - 1)


def weight_integers(weight, bits):
    half = 2 ** (bits - 1)
    return torch.round(weight / weight_scale(weight, bits)).clamp(-half, half - 1)


def rounded(weight, bits):
    return weight_integers(weight, bits) * weight_scale(weight, bits)


# %% [markdown] slideshow={"slide_type": "skip"}
# `clamp` keeps the integers between $-2^{b-1}$ and $2^{b-1} - 1$: −128 and 127 with 8 bits, −2 and 1 with 2. Try the rule on our three weights. With $s = 0.166$ the largest, 0.58, is 3.5 steps from 0, half-way between 3 and 4. There is no 4, so it gets 3, which stands for 0.50: the error is 0.08, half a step. This is no accident: the rule puts $m$ half a step beyond the largest integer, so that no weight, not even the largest one, is further than half a step from its level.
#
# The next function makes a copy of the network, puts rounded values in place of all its weights, and counts how many test images the copy classifies correctly (one *point* of accuracy is one per cent of them). The biases stay as they are. Nothing is trained after the rounding. The rounded weights are still floats of 32 bits. This is called *fake quantization*: it shows what the rounding costs in accuracy, but neither the bytes nor the speed. Section 5 stores real integers.


# %% slideshow={"slide_type": "skip"}
def accuracy_with(rounding, net=lenet):
    """Accuracy of a copy of `net` with all its weights rounded; its biases stay as they are."""
    small = copy.deepcopy(net)
    for weight in small.parameters():
        if weight.dim() > 1:
            weight.copy_(rounding(weight))
    return training.evaluate(small, test_images, test_labels)


# %% slideshow={"slide_type": "skip"}
my_guess = None  # your prediction: 8, 4, 3 or 2

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Rounds all weights to fewer and fewer bits, and counts the bytes and the images that are classified correctly.
n_weights = sum(w.numel() for w in layers.values())
accuracy = {32: training.evaluate(lenet, test_images, test_labels)}
accuracy |= {bits: accuracy_with(lambda w, b=bits: rounded(w, b)) for bits in (8, 6, 4, 3, 2)}
lost = {bits: 100 * (accuracy[32] - accuracy[bits]) for bits in accuracy}
first = next((bits for bits in (8, 4, 3, 2) if lost[bits] > 10), None)
if my_guess is not None:
    print(f"your prediction: {my_guess}; the first that loses more than ten points: {first}")
Table(
    ["bits", "bytes of all weights", "accuracy, %", "change, points"],
    [
        [
            bits,
            si(n_weights * bits / 8, "B"),
            f"{100 * share:.1f}",
            f"{round(-lost[bits], 1) + 0.0:+.1f}".replace("-", "−") if bits < 32 else "–",
        ]
        for bits, share in accuracy.items()
    ],
    caption="LeNet, one training; bytes computed from the bits",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **8 bits cost this network almost nothing. In the run on this page it first loses more than ten points at 2 bits (D).** Each output is a sum of many products, and their errors largely cancel.
#
# <!-- page -->
#
# With 3 bits (C) the loss stays below ten points in this training. In another it need not: *Deeper* shows three trainings, and in the run on this page one of them loses more.
#
# With 8 bits there are up to 256 levels, and half a step is small beside most weights. Each bit that we take away roughly doubles the step, and the error with it. With very few bits the error grows more slowly, because a weight that has become 0 is off by its own size and by no more.
#
# Why does the network tolerate so much? Each output of `fc1` is a sum of 400 products, so 400 errors are added up. But random errors of either sign largely cancel: 400 of them add up to only about $\sqrt{400} = 20$ times one of them. The products themselves cancel less, because training has made many of them pull in the same direction. So the relative error of the sum is smaller than that of a weight: in the run on this page 8 bits change the weights of `fc1` by nearly 2 %, and its outputs by less than 1 %. (*Deeper* measures both, with a control.)
#
# And the class depends only on which of the ten final outputs is the largest, so a small change matters only where the two largest are close. When the error is nearly as large as the signal, the accuracy falls, within one or two bits.
#
# A tenth of a point is ten of the 10,000 test images: such a change, up or down, means little. Other networks collapse with more bits left; section 2 names one that does not survive even 8.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What the rounding does to a filter
#
# The accuracies of the table, and above each point four filters of the first layer, rounded to that many bits.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let the room find the first picture in which a filter looks different. Then ask how many different greys the last picture has: three, and where the first layer's largest weight is
# negative, lies exactly half-way and belongs to one of these four filters a fourth, a single black square (on this page it is in the first filter). Do not say yet why: it prepares section 4.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the accuracies of the table above, and four filters with so many bits.
show.cliff(accuracy, {bits: rounded(layers["conv1"], bits) for bits in accuracy if bits < 32} | {32: layers["conv1"]})

# %% [markdown] slideshow={"slide_type": "skip"}
# With 8 and 6 bits you will hardly see a difference. With 2 bits few greys are left, and squares that differed have the same grey. Section 4 counts how many weights lie on each level.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### One weight, three times
#
# *int8* is an integer of 8 bits. Many processors can not only store it, but also compute with it.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Say: "The same weight three times." Ask: "Where is the scale in the lower two rows?" It is the factor beside the cells, stored
# once for the whole layer, so it has no cells of its own. Point out that a wire or a memory carries the length of the row.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the bits of one weight: as fp32, as an integer of 8 bits, and as one of 2 bits.
flat = layers["fc1"].flatten()
chosen = (flat - 0.25).abs().argmin()
bit_rows = {"fp32": (flat[chosen].view(torch.int32).item(), 32, f"{flat[chosen]:.4f}")}
for bits in (8, 2):
    step, whole = weight_scale(flat, bits), int(weight_integers(flat, bits)[chosen])
    bit_rows[f"{bits} bits"] = (whole, bits, f"{whole} × {step:.4g} = {whole * step:.4f}")
show.one_weight(bit_rows)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. What it buys, and what it costs
#
# | promised for 8 bits | against fp32 | source |
# |---|---|---|
# | size of the model | 4× smaller | [Krishnamoorthi, 2018](https://arxiv.org/abs/1806.08342), abstract |
# | memory bandwidth | 2–4× less | [PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/) |
# | inference | 2–4× faster | PyTorch, 2020; 2–3× on CPUs (Krishnamoorthi) |
#
# **Predict.** Which of these three can you rely on, whatever the machine is? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let the room name the row and show the answer. Then ask for the price before you show it. Somebody will say accuracy; wait for "conversions"
# and "we must know the range beforehand". Transition: "To pay less of the first price we must know exactly what the rounding does."

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **You can rely on the first row, as far as the rounded weights are concerned: on every machine 8 bits are a quarter of 32.** Memory traffic shrinks where the weights travel as integers. Speed depends on the processor and the library.
#
# <!-- page -->
#
# What the first row means for a whole *file* must be measured, and section 5 does that. If the weights travel as integers and become floats only inside the processor, their traffic shrinks by the same factor. The values between the layers take as many bytes as before. A layer that mostly waits for its weights ([[roofline]]: its time is decided by the bytes it moves) can become faster just because there are fewer bytes. For all other layers you also need a processor and a library with 8-bit arithmetic. Most current CPUs have it, and the lessons after this one measure what it gives.

# %% [markdown] slideshow={"slide_type": "fragment"}
# **The price:**
#
# - **accuracy**: every number is rounded
# - **conversions** wherever floats meet integers
# - a **range** of the values, which has to be chosen beforehand

# %% [markdown] slideshow={"slide_type": "skip"}
# How much accuracy is lost depends on the network. With one scale for each layer, rounding only the weights to 8 bits took MobileNet-v1 from 70.9 % accuracy on ImageNet to 0.1 %, and ResNet-50 from 75.2 % only to 75.0 % ([Krishnamoorthi, 2018](https://arxiv.org/abs/1806.08342), table 2). [[observers]] shows the remedy: a scale for each channel, and a zero point for each.
#
# A scale for each channel helps because one scale for a layer has to reach its largest weight, so that only a few levels are left for a filter whose weights are all small ([[observers]] works an example by hand). The price is one scale for each filter, 4 bytes each.
#
# The second price is time: between a layer that computes with integers and one that computes with floats, every value must be divided and rounded, or multiplied back. A small layer may spend longer on that than it saves. The third is the range: the weights told us their largest magnitude, but the values *between* the layers change with every input. [[observers]] shows how to choose it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. The map: scale and zero point
#
# In section 1 the numbers lay around 0, and the integer 0 stood for 0. Other numbers lie between −1 and 3, for example. So the map gets a second number, which shifts the integers to where the numbers are. Multiply and shift: that is an **affine map**. It takes a float $x$ to an integer $q$ and back:
#
# $$q = \mathrm{clamp}\!\left(\mathrm{round}(x / s) + z,\; q_{min},\, q_{max}\right) \qquad \hat x = s\,(q - z)$$
#
# - **scale** $s$: the distance between two neighbouring levels
# - **zero point** $z$: the integer that stands for $0$
# - **range**: the interval from *low* to *high* that is spread over the integers $q_{min}$ to $q_{max}$; *clamp*: a value beyond an end is set to that end
#
# $$s = (high - low)\,/\,(q_{max} - q_{min}) \qquad z = q_{min} - \mathrm{round}(low / s)$$

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the range from -1 to 3 above the integers 0 to 7.
show.eight_integers()

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Go through the line: -1 to 3 on the integers 0 to 7 has the scale 4/7, and the zero point 1.75, rounded to 2. Say: "So all levels
# move to the left by a quarter of a scale, and 0 stays exact." Ask what happens to a number beyond 3: it is clipped to 7, which
# stands for 2.86. Ask: "All values lie between 1 and 3. Which integer would stand for 0?" None: the zero point would lie below 0. So the range is widened until it holds 0. Then: "The same in code."

# %% [markdown] slideshow={"slide_type": "skip"}
# The weights of section 1 lie around 0, and so do the integers −4 to 3. Now suppose that the numbers lie between −1 and 3, and that the eight integers are 0 to 7. Then 0 should stand for about −1, and 7 for about 3.
#
# **The scale.** The interval is 3 − (−1) = 4 long, and from 0 to 7 there are seven steps. So the scale is 4 / 7 = 0.571.
#
# **The zero point.** Which integer stands for the number 0? The distance from the low end, −1, to 0 is 1 / 0.571 = 1.75 steps. The integer would be 1.75, but it must be a whole number, so it is rounded to 2. This is the *zero point*. It says how far the integers are shifted. To find the integer of a number, divide by the scale and round, as in section 1, and then add the zero point.
#
# Rounding the zero point moves all levels a little. The integer 2 stands for exactly 0. So the integer 0 stands for (0 − 2) · 0.571 = −1.14 and not for −1, and 7 for (7 − 2) · 0.571 = 2.86 and not for 3. Why do we accept that? Because the number 0 is special: ReLU gives out exact zeros, and padding puts them around an image. If 0 came back as 0.1, each of these very many zeros would contribute the same error. Therefore 0 must come back as exactly 0, and for that it must lie in the range.
#
# A number outside the range has no integer of its own. It is **clipped**: it gets the nearest end, $q_{min}$ or $q_{max}$. The formulas above say just this, with names; $\hat x$ ("x hat") is the level that stands in for $x$.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The map in three functions
#
# **Predict.** The range is −1 to 3, now on the integers −128 to 127, so the scale is 4 / 255 = 0.0157. What does the number 4 come back as? (Find the zero point first.)


# %% slideshow={"slide_type": "-"}
def affine_map(low, high, qmin=-128, qmax=127):  # the range holds 0
    scale = (high - low) / (qmax - qmin)
    return scale, qmin - torch.round(low / scale).int()


def to_integers(x, scale, zero_point, qmin=-128, qmax=127):
    return (torch.round(x * (1 / scale)) + zero_point).clamp(qmin, qmax).int()


def to_floats(q, scale, zero_point):
    return (q - zero_point) * scale


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let them work out the zero point, 63.75 steps above -128; the table shows the rest. Expect "4 comes back as 3". 0.01 is more than half a step, so it becomes a
# whole one. Somebody may ask about x * (1 / scale): that is how PyTorch divides. Ask what an error in the zero would do to an image with a black border. Transition: "Now as a picture."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Sends six numbers to integers and back.
scale, zero_point = affine_map(torch.tensor(-1.0), torch.tensor(3.0))
x = torch.tensor([-1.0, 0.0, 0.01, 1.0, 3.0, 4.0])
q = to_integers(x, scale, zero_point)
Table(
    ["x", *(f"{v:g}" for v in x.tolist())],
    [["q", *q.tolist()], ["back", *(f"{v:.4f}" for v in to_floats(q, scale, zero_point).tolist())]],
    caption=f"range -1 to 3: scale {scale:.4f}, zero point {zero_point}",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The number 4 comes back as the high end of the levels, 2.9961. The zero point is −64.**
#
# <!-- page -->
#
# The distance from −1 to 0 is 255 / 4 = 63.75 steps, rounded to 64, and the integers start at −128: $z = -128 + 64 = -64$. The number 4 lies outside the range and is clipped to the last integer, 127, which stands for (127 + 64) · 0.0157 = 2.9961. That is not quite 3, because the zero point was rounded. For the same reason −1 comes back as −64 · 0.0157 = −1.0039. And 0.01 is 0.64 steps, which is rounded to 1: it comes back as one whole step. (`x * (1 / scale)` is the way PyTorch writes the division; *Deeper* shows when this makes a difference.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Nine weights fall onto their levels
#
# The first filter of the trained network, with 3 bits: once for a range that holds all nine weights, once for a shorter one.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: ask the room to find the scale and the zero point of the formula. Say: "How far an arrow moves a weight sideways is its
# error." Second frame: the scale is smaller, and what is clipped is green. Ask which arrow could be made as long as you like.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws nine weights and the levels that they fall onto, for two ranges.
show.nine_weights(layers["conv1"][0].flatten(), affine_map, to_integers, to_floats)

# %% [markdown] slideshow={"slide_type": "skip"}
# Each arrow leads from a weight to its level, and its width is the error. In the second picture the range is shorter. The levels stand closer together, so most weights move less. But a weight beyond the end of the range, with a green arrow, is moved far. So whoever chooses the range trades one error for the other: a shorter range rounds more finely, and clips more.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How large is the error?
#
# Eight levels, 3 bits, for the range from −1 to 3.
#
# Between two levels the error is at most half the scale, as in section 1. But the zero point was rounded, and the levels end at −1.14 and 2.86.
#
# **Predict.** Can a number *inside* the range be further from its level than half the scale: **A** no, **B** yes, near −1, **C** yes, near 3? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; expect C. Then ask how far off a number *outside* can be. Say after the figure: "The levels are shifted a little, for 0 to
# be exact: they end at -1.14 and 2.86. A wider range clips less and rounds more coarsely." Transition: "What if the range is mirrored around 0?"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws what becomes of the numbers from -2 to 4, and the error in units of the scale.
eight = affine_map(torch.tensor(-1.0), torch.tensor(3.0), 0, 7)
line = torch.linspace(-2, 4, 2401)
show.rounding_and_clipping(line, to_floats(to_integers(line, *eight, 0, 7), *eight), eight[0])

# %% slideshow={"slide_type": "skip"}
values = torch.empty(1_000_000).uniform_(-1, 3, generator=torch.Generator().manual_seed(0))
own_map = affine_map(*values.aminmax())
errors = (to_floats(to_integers(values, *own_map), *own_map) - values).abs()
largest = (errors.max() / own_map[0]).item()
print(f"largest error of a million values in the range: {largest:.5f} scales")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Inside the range the error is at most half the scale, at its ends as well (A). Outside it has no bound.**
#
# <!-- page -->
#
# These are two kinds of error. *Rounding* moves a number to the nearest level, and since neighbouring levels are one scale apart, the nearest is at most half a scale away. The million random values above confirm it, up to the last digits of fp32. *Clipping* moves a number to the end of the range, which can be as far as you like: 4 comes back as 2.86, and so would 100.
#
# At the ends the two meet. The number 3 is inside the range, and yet it is clipped to 2.86. The error is 0.14, a quarter of the scale. In general, rounding the zero point shifts all levels by at most half a scale. So an end of the range is at most half a scale beyond the last level, and the bound holds there, too.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Symmetric or asymmetric?
#
# A **symmetric** map has $z = 0$ and a range from $-m$ to $m$, with $m = \max |x|$. An **asymmetric** map has the range of the data, and the zero point that follows from it.
#
# **Predict.** The output of ReLU is never negative. How much larger is the mean *squared* error of a symmetric map on it: **A** the same,
# **B** 2 times, **C** 4 times? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw a histogram of what comes out of ReLU. Show of hands; expect B, because the scale doubles. Say: "The scale doubles,
# and the error counts squared: about four." Transition: "Half of the integers are never used here. Are weights better off?"

# %% [markdown] slideshow={"slide_type": "skip"}
# The map of section 1 was symmetric. That is convenient, because the zero point drops out of all formulas: $\hat x = s q$ (*Deeper* shows its price). It fits weights, which usually lie on both sides of 0. For the cell below, 500 images go through the first layer of LeNet and its ReLU. (The pixels of the black background are left out, because in each channel they all have the same value, and whether this one value lies near a level is luck.)

# %% slideshow={"slide_type": "skip"}
features = torch.relu(lenet.conv1(images))
background = torch.relu(lenet.conv1.bias)[:, None, None]
features = features[~torch.isclose(features, background, atol=1e-6)]
highest = features.max()
maps = {"asymmetric": affine_map(0 * highest, highest), "symmetric": (2 * highest / 255, torch.tensor(0))}
squared = {name: (to_floats(to_integers(features, *m), *m) - features).square().mean() for name, m in maps.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws both maps over the same values, and compares their squared errors.
show.two_maps(features, (squared["symmetric"] / squared["asymmetric"]).item())

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The squared error of the symmetric map is nearly four times as large (C), because its scale is twice as large.**
#
# <!-- page -->
#
# Nothing lies in the lower half of the symmetric range. Half of the integers are never used, so the others must stand twice as far apart. The errors double with the scale, and squared they are four times as large. (It would be exactly 4 if the values lay evenly between the levels; real values do so only roughly.) You lose one bit.
#
# That is why the usual choice is symmetric for weights and asymmetric for activations, the values between the layers. Where weights lie mostly on one side of 0, a symmetric map wastes levels on them, too; and where activations lie evenly on both sides, an asymmetric one gains next to nothing.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Which levels do the weights use?
#
# With 2 bits the integers are −2, −1, 0, 1, and the rule of section 1, $s = 2m / (2^b - 1)$, gives $s = \frac{2}{3} m$: two thirds of the largest weight.
#
# **Predict.** Sketch four bars: how many of the 48,000 weights of `fc1`, the largest layer, get each integer?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Give the room a minute to draw. Expect a hill over all four. Ask somebody who has drawn a bar at -2: "Which weight gets
# there?" No weight is larger than m, so none is further than 1.5 steps from 0; only one of exactly -m lies half-way. And why do nearly all get 0? A weight becomes 0 below a third of the largest one: a
# thin tail sets the step, and the hill in the middle pays. After the bars ask: "What would you change: the number of levels, or where they lie?"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts the weights of each layer on each of the four integers, and draws the counts of fc1.
used = {name: [int((weight_integers(w, 2) == n).sum()) for n in range(-2, 2)] for name, w in layers.items()}
most_on_lowest = max(counts[0] for counts in used.values())
show.four_bars(used["fc1"])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Nearly all of the 48,000 weights get the integer 0, a few get −1 or 1, and −2 gets none, or a single one that lies exactly half-way.**
#
# <!-- page -->
#
# Why does nothing reach −2? No weight is larger than $m$, so $|w| / s$ is at most $m / (\frac{2}{3} m) = 1.5$. Everything below 1.5 is rounded to −1, 0 or 1. Only a weight of exactly $-m$ stands half-way between −1 and −2 and may be rounded either way. So we pay for four levels and use three. (With 8 bits, too, one level stays unused, but that is one of 256.)
#
# Why are nearly all 0? A weight becomes 0 if it is smaller than half a step, $\frac{1}{3} m$. The weights of a large trained layer lie in a narrow hill around 0, with a thin tail far outside of it. **The end of the tail, the largest weight, sets the step.** For all other weights this step is far too large.
#
# In small numbers: a layer has a hundred weights, fifty times 0.1, forty-nine times −0.1, and once 0.6. With 2 bits the step is $\frac{2}{3} \cdot 0.6 = 0.4$. 0.1 / 0.4 = 0.25 is rounded to 0, so 99 weights disappear for the sake of one. With 8 bits the step is 1.2 / 255 = 0.005, and 0.1 is 21 steps: there the outlier, the one weight far from all others, does no harm. (A real layer has a whole tail of such weights; without the largest alone hardly anything would change, as *Deeper* shows.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Is it the bits that break it?
#
# Two ways to choose four levels for the same 2 bits:
#
# - *start*: the step is $\frac{2}{3} m$, and the levels are *whole* steps: −2, −1, 0 and 1
# - *other*: the step is σ, the standard deviation of the weights, and the levels are *halves*, half-way between: −1.5, −0.5, 0.5 and 1.5 steps
#
# **Predict.** How many points of accuracy does *other* win back: **A** none, **B** about 10, **C** 30 or more? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Show of hands; expect A or B, because clipping so many weights must hurt. After the figure insist on the second question, "step or place?", collect
# opinions and do not settle it: two things were changed at once, so this comparison cannot say. The experiment that can is exercise 2.

# %% [markdown] slideshow={"slide_type": "skip"}
# Both ways take the same number of bytes. Try the second change alone, whole steps or halves, by hand on the three weights of section 1. With the step 0.4 for both, whole steps give the levels −0.8, −0.4, 0 and 0.4, halves the levels −0.6, −0.2, 0.2 and 0.6:
#
# | weight | nearest whole step | nearest half |
# |---|---|---|
# | 0.58 | 0.4 | 0.6 |
# | −0.31 | −0.4 | −0.2 |
# | 0.07 | 0 | 0.2 |
#
# With halves a large layer uses all four levels, and none of them is 0: every weight keeps at least its sign. Weights have no need for an exact 0 (unless many of them were removed on purpose), so that is allowed here.
#
# A step of σ is much smaller than $\frac{2}{3} m$, in `fc1` less than a quarter of it. In exchange, weights beyond two steps are clipped.


# %% slideshow={"slide_type": "skip"}
def on_two_bits(weight, step, offset):
    return step * (torch.round(weight / step - offset).clamp(-2, 1) + offset)


TWO_GRIDS = {
    "start: ⅔ m, whole": lambda w: on_two_bits(w, weight_scale(w, 2), 0.0),
    "other: σ, halves": lambda w: on_two_bits(w, w.std(), 0.5),
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Rounds all layers to 2 bits in both ways, and draws the weights of fc1 with the levels of both under them.
with_two_bits = {name: 100 * accuracy_with(on_grid) for name, on_grid in TWO_GRIDS.items()}
show.places_of_levels(layers["fc1"], TWO_GRIDS, with_two_bits, 100 * accuracy[32])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **At the same 2 bits the other levels win back more than 30 points in the run on this page (C). It is not the bits alone. Which of the two changes did it, this comparison cannot tell.**
#
# <!-- page -->
#
# The bytes are the same, and nothing was trained. So in this run most of the loss of section 1 came from levels in the wrong places, and not from having only four of them.
#
# But what is wrong with the places: are the steps too large, or are the levels at whole steps, so that nearly everything becomes 0? We changed both at once. Perhaps one change does all the good and the other even does harm. Whoever now concludes that "halves save 2-bit networks" claims more than was shown. To find out, you must change one thing at a time. That is exercise 2.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 5. A file of integers
#
# **Predict.** We save LeNet in fp32 and with int8 weights. How many times smaller is the second file: **A** exactly 4 times, **B** less than 4 times, **C** more than 4 times? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Show of hands. Let somebody list what is in the file besides the 59,838 integers: 944 bytes of biases, 20 of scales, about 5 kB of names and bookkeeping. Ask what the program must do before it can use
# the file, and what that means for speed: the weights become floats again, so nothing is faster yet.

# %% [markdown] slideshow={"slide_type": "skip"}
# So far the rounded weights were floats: the network was as large as before. Now we store the integers, as `torch.int8` with one byte for each element, and the scale of each layer. Everything else is saved as it is. (`state_dict()` gives each tensor with its name.)

# %% slideshow={"slide_type": "-"}
small = {}
for name, tensor in lenet.state_dict().items():
    if tensor.dim() > 1:  # the weight of a layer
        small[name] = weight_integers(tensor, 8).to(torch.int8)
        small[name + ".scale"] = weight_scale(tensor, 8)
    else:  # a bias
        small[name] = tensor

# %% [markdown] slideshow={"slide_type": "skip"}
# The size of a file counts only if the network can be restored from it. So we save both, look at their sizes, load the small one, turn its integers back into floats, $\hat w = s q$, and test the network that comes out.

# %% slideshow={"slide_type": "skip"}
with tempfile.TemporaryDirectory() as folder:
    paths = {"fp32": os.path.join(folder, "fp32.pt"), "int8": os.path.join(folder, "int8.pt")}
    torch.save(lenet.state_dict(), paths["fp32"])
    torch.save(small, paths["int8"])
    file_bytes = {name: os.path.getsize(path) for name, path in paths.items()}
    read = torch.load(paths["int8"])

from_file = models.LeNet().eval()
from_file.load_state_dict({name: read[name] * read.get(name + ".scale", 1) for name in from_file.state_dict()})
accuracy_from_file = training.evaluate(from_file, test_images, test_labels)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts bytes and accuracies of both files beside each other.
Table(
    ["file", "size", "times smaller", "accuracy, %"],
    [
        ["fp32", si(file_bytes["fp32"], "B"), "1", f"{100 * accuracy[32]:.1f}"],
        [
            "int8 weights",
            si(file_bytes["int8"], "B"),
            f"{file_bytes['fp32'] / file_bytes['int8']:.2f}",
            f"{100 * accuracy_from_file:.1f}",
        ],
    ],
    caption="LeNet on disk, loaded again",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The int8 file is a little less than four times smaller (B), because not everything in it is weights. It classifies as well as in section 1.**
#
# <!-- page -->
#
# The 59,838 weights take one byte each instead of four. What does not shrink is the rest. Count it: 59,838 bytes for the integers, 4 · 236 = 944 for the biases, 4 · 5 = 20 for the scales, together 60.8 kB. The fp32 file holds 4 · 59,838 + 944 bytes, 240.3 kB. By these numbers alone the factor would be 3.95. The rest is names, shapes and the bookkeeping of the file format. In a network with millions of weights it would hardly show.
#
# The accuracy is *exactly* that of 8 bits in section 1, since the same integers and the same scales come back from the disk.
#
# **What we have not got:** speed, or less memory while the network runs. To use the file we turned the integers back into floats, so in memory each weight has four bytes again. To compute *with* the integers, the inputs of a layer must be integers, too, and their range, the subject of [[observers]] and [[dynamic]], depends on the images.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Scale and zero point
# ★ · 6 minutes
#
# Write `qparams`: the scale and the zero point of a tensor, for the integers from `qmin` to `qmax`. The range goes from the smallest to the
# largest value. Where it does not hold 0, widen it until it does. (Why? Let all values lie between 1 and 3: which integer would stand for 0?)
#
# If all values are exactly 0, the range has no width: take the scale 1.0 and the zero point `qmin`. Do not do this where the scale is merely small.
#
# `qparams(values, qmin, qmax)` → (scale, zero point), a float and an int; `values` is a tensor of floats, of any shape. Where the zero
# point lies half-way between two integers, either is right.
#
# <details><summary>Hint</summary>
# The low end is the smaller one of the minimum and 0. The zero point is where 0 lands: start at qmin and go up one integer for each scale
# between the low end and 0. Round to a whole number.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def qparams(values, qmin, qmax):
    """(scale, zero_point) of an asymmetric map of all `values`, with 0 in its range.

    >>> qparams(torch.zeros(3), -128, 127)  # nothing but zeros
    (1.0, -128)
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.qparams(qparams)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def qparams_solution(values, qmin, qmax):
    low = min(values.min().item(), 0.0)
    high = max(values.max().item(), 0.0)
    scale = (high - low) / (qmax - qmin) or 1.0
    return scale, qmin - round(low / scale)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · Step or place
# ★★ · 12 minutes · an investigation
#
# Which change saves a network with 2 bits: the smaller step, or the offset that puts the levels at halves?
#
# | | whole steps | halves |
# |---|---|---|
# | **step** ⅔ m | `"start"`: known | `"offset"`: ? |
# | **step** σ | `"step"`: ? | `"both"`: known |
#
# A change *helps* if it gains more than 5 points over `"start"`, on average over at least 5 networks, the same ones for all four. Which numbers in the two empty cells would say that only the step helps, only the offset, or each?
#
# <!-- page -->
#
# You get an instrument, `accuracy(grid, seed=n)`. It trains network number `n`, rounds its weights in one of the four ways, and returns the accuracy in %. Run all four in every experiment.
#
# `what_helps(accuracy)` → `"step"` or `"offset"` if this one helps alone and the other does not; `"each"` if each helps alone; `"together"` if neither helps alone, but both do;
# `"neither"` if nothing helps
#
# <details><summary>Hint</summary>
# Collect the mean accuracy of each of the four, then their gains over "start". Look at the two single changes first, and at "both" last.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several families of networks, in which different things are true. It looks at how you make your experiment, and then at what you conclude. Made-up networks answer at once: you can afford up to 10,000 runs in each experiment.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop; alone it takes 12. Which two cells does section 4 fill in? Those on the diagonal. Let the pairs write down what numbers in the other two would
# speak for the step, for the offset, for each. Then ask what "only both together" would look like. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def what_helps(accuracy):
    """Say what helps: "step", "offset", "each", "together" or "neither".

    Args:
        accuracy: the instrument; `accuracy("start", seed=3)` gives the
            accuracy of network 3 without a change, in %.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_helps(what_helps)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_helps_solution(accuracy):
    grids = ("start", "step", "offset", "both")
    mean = {grid: fmean(accuracy(grid, seed=n) for n in range(5)) for grid in grids}
    helps = {grid: mean[grid] - mean["start"] > 5 for grid in grids}
    if helps["step"] and helps["offset"]:
        return "each"
    if helps["step"]:
        return "step"
    if helps["offset"]:
        return "offset"
    return "together" if helps["both"] else "neither"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on real networks
#
# Three LeNets, trained from different initial weights. Three steps, $\frac{2}{3} m$, half of it, and σ; each with levels at whole steps and at halves.
#
# **Predict.** Let *step* be the change from $\frac{2}{3} m$ to σ, and *offset* the change from whole steps to halves. Which conclusion will these networks support: **A** only the step helps, **B** only the offset, **C** each helps alone, **D** neither alone, but both together, **E** nothing helps? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Hands for A to E; then let the room say which four of the six cells answer the question. Read the table by rows (what do halves change?) and by columns (what does
# the step change?), and let them subtract: the step alone, the halves alone, both. The second remedy has nothing left to do. Three networks of one kind: ask what would have to be tried before one says this of all networks.

# %% slideshow={"slide_type": "skip"}
networks = [lenet, *(checkpoints.load(f"lenet_fashion_{n}").requires_grad_(False) for n in (1, 2))]
STEPS = {
    "⅔ m": lambda w: weight_scale(w, 2),
    "⅓ m": lambda w: weight_scale(w, 2) / 2,
    "σ": lambda w: w.std(),
}


def with_offset(offset):
    """Accuracies of the three networks, for each step."""
    return {
        (name, offset): [100 * accuracy_with(lambda w, s=step: on_two_bits(w, s(w), offset), net) for net in networks]
        for name, step in STEPS.items()
    }


found = with_offset(0.0)

# %% slideshow={"slide_type": "skip"}
found |= with_offset(0.5)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the mean accuracies of three networks into a table, with the lowest and the highest.
offset_gain = fmean(found["⅔ m", 0.5]) - fmean(found["⅔ m", 0.0])
step_gain = fmean(found["σ", 0.0]) - fmean(found["⅔ m", 0.0])
Table(
    ["step", "whole steps", "halves"],
    [[name, *(mean_and_range(found[name, offset], "{:.0f}") for offset in (0.0, 0.5))] for name in STEPS],
    caption="2 bits: accuracy in %, mean of three networks (lowest to highest)",
)

# %% slideshow={"slide_type": "skip"}
compared = {
    "step alone": ("σ", 0.0, "⅔ m", 0.0),
    "offset alone": ("⅔ m", 0.5, "⅔ m", 0.0),
    "offset at σ": ("σ", 0.5, "σ", 0.0),
}
for change, (step, offset, old_step, old_offset) in compared.items():
    pairs = zip(found[step, offset], found[old_step, old_offset], strict=True)
    print(f"{change:12} gains, network by network:", *(f"{new - old:+.1f}" for new, old in pairs))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Each of the two changes helps alone (C, in the exercise `"each"`), and by a large margin: in the run on this page the smaller step gains more than 30 points on average, and the halves more than 15. Both together are no better than σ alone.**
#
# <!-- page -->
#
# The first row of the table shows that halves gain much with the large step. The likely reason is that with whole steps nearly every weight becomes 0, while with halves it keeps at least its sign. The first column shows that with whole steps a smaller step gains even more. Now the levels stand where the weights are. The price is that the largest weights are clipped, and it can be worth paying. In the layer of a hundred weights of section 4 the step 0.4 costs 99 weights 0.1 each. Their σ is 0.117: a step of this size costs them 0.017 each, and the outlier 0.48. The sum of the squared errors falls from 1.03 to 0.26. (*Deeper* works it out.) If both changes cure the same fault, the second can add little once the first is made. So it is on this page: at the step of σ, halves win 2.8 points on one network and lose 1.4 and 5.5 on the others (third line).
#
# Three networks are fewer than the five that the exercise asks for. But each of the three gains from the step alone and from the offset alone. That is enough for gains as large as these, and not for differences of a few points, as those of the third line are.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### Do the errors of a sum cancel?
#
# Section 1 says that the errors of a sum largely cancel, and that the products cancel less. Why do 400 errors add up to the *root* of 400? Take two errors of size 1, each as often positive as negative. Their sum is −2, 0, 0 or 2, so the mean of its square is (4 + 0 + 0 + 4) / 4 = 2, and not 4. Each further error adds 1 to this mean square. With 400 errors it is 400, so the sum is typically as large as √400 = 20. This holds as long as no sign depends on the others.
#
# If the weights were random, the products would cancel just as much as the errors. In a trained layer many of them pull in the same direction, so the sum grows faster than its error. The next cell takes the three networks of exercise 2, rounds `fc1` alone, and lets 1,000 images pass. It compares the size of the error (its root mean square) with the size of what it is an error of: of the weights, of the outputs, and of the outputs when the same weights stand in random order.

# %% slideshow={"slide_type": "skip"}
show.errors_of_fc1(networks, test_images[:1000], rounded)

# %% [markdown] slideshow={"slide_type": "skip"}
# With 8 bits the outputs are off by much less than the weights. With the same weights in random order they are off by nearly as much as the weights. So it is the order which training has given to the weights that makes the outputs large beside their errors. In a trial with the bits in between, each bit that was taken away doubled both errors, down to 5 bits. From 5 bits to 4 the weights' error doubled again, but that of the outputs grew 2.7 to 3.8 times. The reason is probably that more and more weights become 0. The error of such a weight is the weight itself, with a minus sign, so these errors pull in the same direction as the weights do and no longer cancel. With 2 bits this is so for nearly every weight.
#
# ### What does a zero point cost?
#
# A layer multiplies weights $s_w (q_w - z_w)$ by inputs $s_x (q_x - z_x)$ and adds the products up. Take two weights with the integers 2 and −1 and the zero point 0, and two inputs with the integers 3 and 5 and the zero point 4. In units of $s_w s_x$ the sum is $2 \cdot (3 - 4) + (-1) \cdot (5 - 4) = -3$. A processor multiplies the stored integers, $2 \cdot 3 - 1 \cdot 5 = 1$, and subtracts $4 \cdot (2 - 1) = 4$ afterwards. This correction contains only weights and a zero point, so it can be computed once and kept. If the *weights* had a zero point as well, there would be a second correction, with the sum of the inputs in it, and this one would have to be computed anew for each input. So the zero point is cheap for activations, where it saves a bit, and dear for weights, where it saves little. [[observers]] builds a whole layer in this way.
#
# ### How thin is the tail?
#
# Is it a single outlier that sets the step? The next cell counts which weights become 0, with $m$ the largest weight of `fc1`, and with $m$ the second largest.

# %% slideshow={"slide_type": "skip"}
for name, nth in {"largest": -1, "second largest": -2}.items():
    size = layers["fc1"].abs()
    zeros = size < size.flatten().sort().values[nth] / 3
    print(f"m is the {name} weight: {zeros.sum():,} of {zeros.numel():,} weights of fc1 become 0")

# %% [markdown] slideshow={"slide_type": "skip"}
# So it is no single outlier: hardly anything changes without the largest weight. About two weights of `fc1` in a hundred lie beyond $\frac{1}{3} m$. In `conv1`, with 54 weights, there is hardly a tail.
#
# ### Network by network
#
# The table after exercise 2 gives, for each case, the lowest and the highest of three networks. Where two ways of rounding are to be compared, look at the differences network by network, and not at the two ranges. The next cell shows them one by one. Two rows are new: 3 bits, which section 1 asks about, and *the sign alone*, where every weight becomes $\frac{1}{3} m$ or $-\frac{1}{3} m$.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts the accuracies of the three networks, rounded in six ways and not rounded, beside each other.
full = [100 * training.evaluate(net, test_images, test_labels) for net in networks]
three_bits = [100 * accuracy_with(lambda w: rounded(w, 3), net) for net in networks]
sign_alone = [100 * accuracy_with(lambda w: w.sign() * w.abs().max() / 3, net) for net in networks]
rows = {
    "fp32": full,
    "3 bits": three_bits,
    "2 bits, start: ⅔ m, whole": found["⅔ m", 0.0],
    "2 bits: ⅔ m, halves": found["⅔ m", 0.5],
    "the sign alone: ±⅓ m": sign_alone,
    "2 bits: ⅓ m, whole": found["⅓ m", 0.0],
    "2 bits: ⅓ m, halves": found["⅓ m", 0.5],
}
Table(
    ["accuracy, %", "network 0", "network 1", "network 2"],
    [[name, *(f"{right:.1f}" for right in own)] for name, own in rows.items()],
    caption="Three trainings of LeNet",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What else does the table of six cells say?
#
# From the comparison of section 4 alone you might have praised the halves. The two other rows say something else that is worth knowing: there the halves change little. In the run on this page they win 2 or 3 points on each network at the step $\frac{1}{3} m$, and at σ they do harm on two of the three networks. (In an earlier run, with other trainings, they did harm on two of three at $\frac{1}{3} m$, too.) So "halves or whole steps?" has no answer without the step and the network. Whether it is σ or something near it that serves best, and for which network, was not tried here. [[observers]] comes back to the choice of a range.
#
# And why do halves help at the large step? A weight keeps its sign, but it is now far too large: in `fc1` a weight of 0.03 becomes more than 0.15, and its error has grown. So a smaller error of the weights is not always a better network. Is it the signs that count here? Compare the start, the halves and the sign alone in the table above. Where the start is poorer (in the run on this page networks 0 and 2), the sign alone brings most of what the halves bring, or even more. Where the start is better (network 1), the sign alone brings a smaller part. Three networks are too few to say more.
#
# ### Why can clipping pay?
#
# Does a smaller step not clip the largest weights, with an error that has no bound? It does, and yet it can pay. Take the hundred weights of section 4 again. With the step 0.4, 99 of them lose 0.1 each, and the 0.6 becomes 0.4: the squared errors sum up to 99 · 0.01 + 0.04 = 1.03. Their σ is 0.117. With this step and whole steps, ±0.1 becomes ±0.117, and 0.6 is clipped to 0.117: 99 · 0.0003 + 0.23 = 0.26. One large error costs less than 99 middling ones. (Why σ? For normal data and the levels −2 to 1 the step with the least squared error is 1.05 σ, by a calculation. Our weights are only roughly normal.)
#
# ### Four rules for one scale
#
# Without a zero point the scale follows from the ends of the weights, mostly from the largest magnitude $m$ alone. This lesson divides $m$ by $(2^b - 1)/2$, half of the number of steps from the first level to the last. Other lessons and other libraries divide by something else, because $b$ bits have one negative level more than positive ones. With 8 bits and $m = 1$:
#
# | rule | scale | what becomes of $+m$ and $-m$ | who uses it |
# |---|---|---|---|
# | $2m / (2^b - 1)$ | 1/127.5 = 0.00784 | +1 would be 127.5 steps, and is clipped to 127; −1 would be −127.5, a tie, and mostly becomes −128: both are off by half a step | this lesson, PyTorch's observers, and what torchao calls `SYMMETRIC` ([[torchao]]) |
# | $m / (2^{b-1} - 1)$ | 1/127 = 0.00787 | both lie on a level; the level −128 is never used | the cache of [[decoding]] |
# | the larger of (negative end) / $2^{b-1}$ and (positive end) / $(2^{b-1} - 1)$ | 1/127 here; 1/128 if no weight were above 0.99 | the smallest scale with which both ends fit: nothing is clipped | rounding while PyTorch trains ([[qat_cnn]]), torchao's `SYMMETRIC_NO_CLIPPING_ERR` |
# | $m / 2^{b-1}$ | 1/128 = 0.00781 | −1 lies on the last level, and +1 is clipped by a whole step | an exercise of [[weight_only]] |
#
# With 8 bits the four differ by less than one per cent, which is far less than the rounding error itself. With 2 bits and weights from −1 to 1 the scales are 0.67, 1, 1 and 0.5, and there the choice of the rule matters. So a report on few bits has to say which rule it means. "Symmetric" alone says only that there is no zero point.
#
# ### Four weights in one byte
#
# The smallest integer type of torch takes a whole byte. As an `int8` tensor our 2-bit integers would take as many bytes as those of 8 bits; the 15 kB of section 1 were only computed. To get down to them one must *pack* four integers into each byte. Take −1, 0, 1, 0. Add 2, so that none is negative: 1, 2, 3, 2. Then 1 + 4 · 2 + 16 · 3 + 64 · 2 = 185 is one byte that holds all four. [[weight_only]] packs its file in this way.
#
# ### How many levels are used?
#
# With the scale $2m / (2^b - 1)$ the quotient $|w| / s$ is at most $(2^b - 1) / 2 = 2^{b-1} - \frac{1}{2}$. The lowest integer is $-2^{b-1}$, and only a tie can reach it. So apart from ties $2^b - 1$ of the $2^b$ integers are used: 255 of 256 with 8 bits, 3 of 4 with 2 bits. The other end loses a little, too: a weight of exactly $+m$ may be rounded to $2^{b-1}$, which does not exist, and is clamped to the integer below; its error is half a step.
#
# Many kernels (the routines of a library that compute with such integers) give the lowest integer away on purpose and use −127 to 127, which makes the map symmetric in every respect. Does it hurt to give away one of *four* levels? The next cell rounds to the three levels −σ, 0 and σ.

# %% slideshow={"slide_type": "skip"}
three_levels = [100 * accuracy_with(lambda w: w.std() * torch.round(w / w.std()).clamp(-1, 1), net) for net in networks]
print("σ, four levels: ", [f"{right:.0f} %" for right in found["σ", 0.0]])
print("σ, three levels:", [f"{right:.0f} %" for right in three_levels])
Table(
    ["layer", "−2", "−1", "0", "1"],
    [[name, *(f"{n:,}" for n in counts)] for name, counts in used.items()],
    caption="LeNet at 2 bits with the step ⅔ m: weights on each integer",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# On the three networks of this page most of the accuracy stays with three levels. So for these networks it matters more where the levels lie than whether there are three or four of them. Networks whose weights are −1, 0 and 1 times a scale are called *ternary*.
#
# What follows is for whoever wants the very same integers as PyTorch.
#
# ### PyTorch's own integers, and an API that is going away
#
# PyTorch has **quantized tensors**: integers (`quint8` from 0 to 255, `qint8` from −128 to 127) that know their scale and zero point.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
packed = torch.quantize_per_tensor(x, scale.item(), zero_point.item(), torch.qint8)
print("x                 ", [round(v, 2) for v in x.tolist()])
print("scale", round(packed.q_scale(), 4), "zero point", packed.q_zero_point())
print("PyTorch's integers", packed.int_repr().tolist())
print("our integers      ", q.tolist())

# %% [markdown] slideshow={"slide_type": "skip"}
# This type is going to be removed ([announcement](https://github.com/pytorch/pytorch/issues/184982)); that is why the setup cell of this lesson switches off a warning. Newer code, such as the package torchao, keeps plain `torch.int8` tensors beside their scales, as section 5 did. The map is the same.
#
# Six equal numbers prove little. Where could two programs that round disagree? Where a number lies half-way between two integers. On paper these three are the same, or nearly:
#
# 1. `round(x * (1 / scale)) + zero_point`
# 2. `round(x / scale) + zero_point`
# 3. `round(x * (1 / scale) + zero_point)`
#
# **Predict.** Which of them give PyTorch's integers for 100,000 random numbers, and for 100,000 numbers that lie as near to half-way between two neighbours as fp32 allows?


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def three_ways(x, scale, zero_point):
    """How many of each way's integers differ from torch's."""
    ways = [
        torch.round(x * (1 / scale)) + zero_point,
        torch.round(x / scale) + zero_point,
        torch.round(x * (1 / scale) + zero_point),
    ]
    theirs = torch.quantize_per_tensor(x, scale.item(), zero_point, torch.qint8).int_repr()
    fake = torch.fake_quantize_per_tensor_affine(x, scale.item(), zero_point, -128, 127)
    assert torch.equal(fake, to_floats(theirs.int(), scale, zero_point))  # torch agrees with itself
    return [int((way.clamp(-128, 127) != theirs).sum()) for way in ways]


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Counts for random numbers and for half-way ones how many integers differ from PyTorch's.
noise, spacing = torch.Generator().manual_seed(0), torch.tensor(0.03)
kinds = {
    "random": torch.randn(100_000, generator=noise),
    "half-way": (torch.randint(-100, 100, (100_000,), generator=noise) + 0.5) * spacing,
}
different = {(kind, z): three_ways(some, spacing, z) for kind, some in kinds.items() for z in (0, 3)}
of_the_first_way = sum(counts[0] for counts in different.values())
Table(
    ["numbers", "z", "1.", "2.", "3."],
    [[kind, z, *(f"{n:,}" for n in counts)] for (kind, z), counts in different.items()],
    caption="of 100,000 integers differ from PyTorch's",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Only the first way gave PyTorch's integers in all four rows. With half-way numbers the second differs in many thousands, and so does the third where the zero point is odd.** With these random numbers all three agree; in other draws the second or the third differs in a few numbers of a million.
#
# `torch.round` sends a number that lies exactly half-way to the *even* neighbour: 0.5 becomes 0, and 1.5 becomes 2. Take the zero point 3. By the first way 0.5 is rounded to 0, and 0 + 3 is 3. By the third way 0.5 + 3 = 3.5 is rounded to the even 4. With an odd zero point inside the bracket every product that is exactly half-way is rounded in the other direction. (Counted once, outside this page: 34,882 of the products are exactly half-way. The others miss the middle by a last bit, and 3,548 of them are rounded otherwise after 3 was added. Together these are the 38,430 of the table.) With an even zero point, too, the sum can be rounded onto a half-way number. The second way divides, and a division can differ from the product with the reciprocal in the last bit, and at a half-way number the last bit decides.
#
# For the accuracy of a network this does not matter. It matters when one program imitates another to the last integer, for then a difference is a bug to be found, or only a half-way case. Other functions of PyTorch, and other libraries, may round half-way cases in their own way.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Fake quantization
#
# `torch.fake_quantize_per_tensor_affine`, which the cell above calls, rounds floats to the levels and leaves them floats. This is **fake quantization**, and our `rounded` of section 1 did the same. Training with it lets a network get used to the rounding; that is the subject of [[qat]].

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Quantize, row by row
# ★★ · 10 minutes
#
# Write `quantize`: the integers of a matrix whose rows have a scale and a zero point each. Round, clamp and plain arithmetic are
# enough. The integers must be PyTorch's, half-way cases included.
#
# `quantize(x, scale, zero_point, qmin, qmax)` → whole numbers, in the shape of `x`; `x` has the shape (rows, columns), `scale` and `zero_point` have
# (rows,); `x` and `scale` are fp32
#
# <details><summary>Hint</summary>
# The table above shows which of three ways is PyTorch's. Turn the scales into a column, so that each belongs to a row. The clamp comes last.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def quantize(x, scale, zero_point, qmin, qmax):
    """The integers of torch.quantize_per_channel along the rows, qmin to qmax.

    >>> quantize(torch.zeros(1, 2), torch.ones(1), torch.tensor([0]), -128, 127)
    tensor([[0, 0]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.quantize(quantize)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def quantize_solution(x, scale, zero_point, qmin, qmax):
    q = torch.round(x * (1 / scale)[:, None]) + zero_point[:, None]
    return q.clamp(qmin, qmax).int()


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The figures that this run can check, beside their source.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("integers")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Quantization stores small integers and a scale. A zero point says which integer stands for 0.
# - Inside the range the error is at most half a scale; outside it has no bound.
# - The largest weight sets the step of a layer. With few bits that step is too large for the others, and a smaller one can win most of the accuracy back.
# - If two changes are made at once, you cannot tell which one helped. Try neither, each alone and both, on the same networks, and look at how much the differences scatter before you believe one.
# - With int8 weights the file is nearly four times smaller. The network is not faster yet.
#
# <!-- page -->
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference: a whitepaper*, 2018,
# [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), section 2 for the maps; M. Nagel et al., *A white paper on neural network quantization*, 2021,
# [arXiv:2106.08295](https://arxiv.org/abs/2106.08295).
#
# **Project ideas**: round the weights of LeNet up or down so that the *output* changes least; find the three levels that serve LeNet best; give each
# layer the grid that suits it.
#
# **Credits**: part of the course's idea by Tal Daniel (Technion, EE 046211, tutorial 10), after *Introduction to Quantization on PyTorch* by Raghuraman
# Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Repeat the opening question with the board: how many different values does a weight need? On this page (section 1 and *Deeper*) eight cost the first LeNet 7 points and the second one 11; with four levels in whole steps of σ the three LeNets keep 74, 71 and 76 % (*Deeper*). Ask what the lesson did *not* show: no
# network was trained with the rounding, and no integer was multiplied yet. Transition: "Next lesson: the range, and a layer that runs in integers."

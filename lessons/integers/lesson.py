# ---
# jupyter:
#   course:
#     promise: You will store the weights of a network as small integers, know what sets their step, and save a file that is nearly four times smaller and still answers.
#     seconds: 15
#     needs: []
#     goals:
#       - map numbers to integers by a scale and a zero point, and back;
#       - say what sets the step, and why 2 bits break a network;
#       - save a file of integers that loads again and still answers.
#     terms: [affine map, clipping, fake quantization, level, quantization, range, scale, "symmetric, asymmetric", zero point]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How few bits does a weight need?*

# %% tags=["setup", "hide-input"]
# Sets one thread, imports the drawings and the scorecard, and hides the warnings of PyTorch's older integers.
import torch

from course_utils import legacy_int8
from course_utils.scorecard import claims
from lessons.integers import checks as check
from lessons.integers import show

torch.set_num_threads(1)
legacy_int8.ignore_deprecations()

# %% [markdown]
# ## 1. Take bits away
#
# A weight is a float of 32 bits, *fp32*. It can take about four billion values. Would a few do as well?
#
# LeNet is trained. We allow each weight $b$ bits, which makes $2^b$ values, evenly spaced: 256 with 8 bits, 4 with 2. Every weight moves to the nearest one.
#
# LeNet comes with the course, and names pictures of clothes. A *point* is one per cent of the 10,000 test pictures. Nothing is trained after the rounding. The code is explained in section 2.
#
# **Predict.** At how many bits does LeNet first lose more than ten points of accuracy: **A** 8, **B** 4, **C** 3, **D** 2?

# %%
import copy

import torch

from course_utils import data
from course_utils.data import checkpoints

images, labels = data.load("fashion_mnist", "test")
lenet = checkpoints.load("lenet_fashion_0")


@torch.no_grad()
def accuracy(net):
    answers = torch.cat([net(batch).argmax(1) for batch in images.split(500)])
    return 100 * (answers == labels).float().mean().item()


def full_step(weight, bits):
    return 2 * weight.abs().max() / (2**bits - 1)


def rounded(weight, step, bits):
    half = 2 ** (bits - 1)
    return step * torch.round(weight / step).clamp(-half, half - 1)


@torch.no_grad()
def rounded_lenet(bits, step_of=full_step):
    net = copy.deepcopy(lenet)
    for weight in net.parameters():
        if weight.dim() > 1:  # the biases stay as they are
            weight.copy_(rounded(weight, step_of(weight, bits), bits))
    return net


# %%
right = {32: accuracy(lenet)}
for bits in (8, 6, 4, 3, 2):
    right[bits] = accuracy(rounded_lenet(bits))

# %% take_bits_away tags=["hide-input"]
# Prints the accuracy for each number of bits.
for bits, percent in right.items():
    print(f"{bits:2} bits: {percent:.1f} % right")

# %% [markdown] tags=["answer"]
# **D: 8 bits cost next to nothing, 4 bits little, and 2 bits break the network.**

# %% [markdown]
# ### What the rounding does to a filter
#
# Above each accuracy stand four filters of the first layer. With 8 and 6 bits you will hardly see a difference. With 2 bits, squares that differed have the same grey.

# %% cliff tags=["hide-input"]
# Draws the accuracies, and four filters with so many bits.
conv1 = lenet.conv1.weight.detach()
show.cliff(right, {n: rounded(conv1, full_step(conv1, n), n) if n < 32 else conv1 for n in right})

# %% [markdown]
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Three weights on a grid
#
# What did the code do? A layer has three weights, 0.7, −0.31 and 0.07, and each gets 3 bits. These tell eight integers apart: −4 to 3. All weights of the layer share one factor, the **scale**, here 1.4 / 7 = 0.2.

# %% [markdown]
# | weight | weight / 0.2 | integer | stands for |
# |---|---|---|---|
# | 0.7 | 3.5 | 3 | 0.6 |
# | −0.31 | −1.55 | −2 | −0.4 |
# | 0.07 | 0.35 | 0 | 0 |
#
# Where does 0.2 come from? The largest weight sets the scale. The numbers from −0.7 to 0.7 span 1.4. Between eight integers there are seven steps, so one step is 1.4 / 7. The function `full_step` says the same with $b$ bits and the largest magnitude $m$: $2m / (2^b - 1)$.
#
# To find the integer of a weight, divide by the scale and round. The integer $q$ stands for the number $0.2 \cdot q$. For 3.5 the integers 3 and 4 are equally near. There is no 4, so `clamp` makes it 3.
#
# The numbers that the integers stand for, −0.8, −0.6, …, 0.6, are the **levels** of the grid. They lie one scale apart, so the scale is also called the *step*. No weight moved by more than half a step.
#
# To store numbers as small integers with a common scale is called **quantization**. Our `rounded` gives the levels back as floats. This is **fake quantization**: it shows what rounding does to the accuracy, but saves no bytes. Section 5 stores real integers.
#
# Why do 8 bits cost LeNet so little? Half a step is then 255 times smaller than the largest weight, and far smaller than a typical one. For many networks 8 bits cost little accuracy ([Krishnamoorthi, 2018](https://arxiv.org/abs/1806.08342)).
#
# **Try it.** What does one layer cost? In section 1, change `weight.dim() > 1` to `weight.shape == (120, 400)`, so that the layer `fc1` alone is rounded. Run the cells of section 1 again. Then change it back, and run them once more.
#
# <details><summary>What others found</summary>
#
# With 2 bits LeNet then names some 60 % of the pictures. So this one layer costs more than 20 points. Section 4 looks into it.
#
# </details>

# %% [markdown]
# ## 3. The map: scale and zero point
#
# Weights lie about evenly on both sides of 0. Other numbers may not: say, −1 to 3. Let them go to the integers 0 to 7. The **range** is the interval to cover, and the **zero point** is the integer that stands for 0.
#
# 1. *Scale:* the range is 4 wide and has seven steps: 4 / 7 = 0.57.
# 2. *Zero point:* from −1 to 0 it is 1 / 0.57 = 1.75 steps. Rounded, the integer 2 stands for 0.
# 3. *To integers:* divide by the scale, round, add 2. *Back:* subtract 2, multiply by the scale.
#
# The numbers between the layers, the *activations*, often lie mostly above 0. So a map needs a second number, which shifts the integers to where the numbers are. To multiply and shift is called an **affine map**.
#
# Take the number 2.2. It is 3.85 steps, rounded 4, and 4 + 2 = 6. The integer 6 stands for (6 − 2) · 4 / 7 = 2.29.
#
# The zero point was rounded, so all levels have moved a little: they run from (0 − 2) · 0.57 = −1.14 to (7 − 2) · 0.57 = 2.86. In exchange 0 comes back as exactly 0. That matters, since a ReLU gives many zeros, and so does the padding around an image.

# %% [markdown]
# ### Rounded or clipped
#
# Numbers fall onto the eight levels.

# %% falling_numbers tags=["hide-input"]
# Draws numbers that fall onto the eight levels for the range -1 to 3.
show.falling_numbers()

# %% [markdown]
# The number 4 would become 7 + 2 = 9, and there is no 9. It is **clipped**: it gets the last integer, 7, and comes back as 2.86. Inside the range no number moves by more than half a step. Outside of it the error has no bound.

# %% [markdown]
# ### PyTorch's own integers
#
# The same range, −1 to 3, now with 8 bits: the integers 0 to 255.
#
# **Predict.** Which integer stands for 0? And what does 4 come back as: **A** 4, **B** a little more than 3, **C** a little less than 3?

# %% pytorch_s_own_integers tags=["legacy", "nbval-check-output"]
x = torch.tensor([-1.0, 0.0, 1.0, 3.0, 4.0])
low, high = -1.0, 3.0
scale = (high - low) / 255
zero = round(-low / scale)
q = torch.quantize_per_tensor(x, scale, zero, torch.quint8)
print("zero point:", zero)
print("integers:", q.int_repr().tolist())
print("back:", q.dequantize())

# %% [markdown] tags=["answer"]
# **64 stands for 0, and 4 comes back as a little less than 3 (C), because it is clipped to 255.** From −1 to 0 it is 63.75 steps, rounded to 64. The last level is (255 − 64) · 4 / 255.

# %% [markdown]
# A *quantized tensor* holds integers with their scale and zero point. `quint8` goes from 0 to 255, and `qint8` from −128 to 127. Newer code keeps plain integer tensors beside their scales, as we do in section 5.
#
# **Try it.** Suppose that all numbers lie between 1 and 3. Change `low` to `1.0`, and run the cell again.
#
# <details><summary>What others found</summary>
#
# PyTorch refuses, because the zero point would be −128, and the integers begin at 0. No integer would stand for 0. Therefore PyTorch's observers widen a range until it holds 0: here, to 0 to 3.
#
# </details>

# %% [markdown]
# ### Symmetric or asymmetric?
#
# - **Symmetric:** zero point 0, and the range is −m to m. Usual for weights.
# - **Asymmetric:** the range of the data. Usual for activations.
#
# The grid of section 2 was symmetric. Behind a ReLU a symmetric grid wastes half of its integers, since no number is negative. Its range −m to m is twice as wide as 0 to m. So its steps are twice as long, which costs one bit. Weights mostly lie on both sides of 0, and a symmetric grid suits them.

# %% [markdown]
# ## 4. Is it the bits that break it?
#
# With 2 bits the integers are −2 to 1, and the step is two thirds of the largest weight.
#
# *A hundred weights by hand:* fifty are 0.1, forty-nine are −0.1, and one is 0.6.

# %% [markdown]
# The step is 0.4, and 0.1 / 0.4 = 0.25 is rounded to 0. **Ninety-nine weights disappear for the sake of one.**
#
# With 8 bits the step would be 1.2 / 255 = 0.0047. A weight of 0.1 is then 21 steps, and the one large weight does no harm.
#
# Is a real layer like this? We ask the largest one of LeNet, `fc1`.

# %% is_it_the_bits_that
fc1 = lenet.fc1.weight.detach()
zeros = (rounded(fc1, full_step(fc1, 2), 2) == 0).sum().item()
print(f"{zeros:,} of the {fc1.numel():,} weights of fc1 become 0")

# %% [markdown]
# Nearly: here several hundred weights are large, and not one alone. **The largest weight sets the step, and nearly all others are below half a step.**

# %% [markdown]
# ### The same 2 bits, a shorter step
#
# Let us try a shorter step in every layer: σ, the standard deviation of the layer's weights. In `fc1` it is about a sixth as long. Thousands of large weights are clipped.
#
# The integers are still −2 to 1, and nothing else has changed. Try the hundred weights with a step of 0.1 first.
#
# **Predict.** Is LeNet with 2 bits then **A** worse than before, **B** about as good, **C** much better?


# %%
def one_sigma(weight, bits):
    return weight.std()


right_sigma = accuracy(rounded_lenet(2, one_sigma))

# %% two_combs tags=["hide-input"]
# Draws the weights of fc1, and under them the levels of both steps with the accuracy of the network.
show.two_combs(fc1, {"step ⅔ m": full_step(fc1, 2), "step σ": fc1.std()}, [right[2], right_sigma], right[32])

# %% [markdown] tags=["answer"]
# **C: much better, because far fewer weights become 0.**

# %% [markdown]
# Most of the lost accuracy is back. The bits are the same and nothing was trained, so it was the step. In the layer of a hundred weights the step 0.1 gives ninety-nine of them back exactly. The one large weight is clipped to 0.1, and is off by 0.5.
#
# So there is a trade: a shorter step rounds more finely, and clips more. With 8 bits there are levels enough for the many small weights and for the few large ones. With 2 bits one must choose. "2 bits break a network" is therefore half of the truth: what breaks ours is 2 bits *and* a step that the largest weight has set. With this step some points stay lost; [[qat]] trains with the rounding.

# %% [markdown]
# ## 5. A file of integers
#
# | int8 against fp32 | PyTorch promised |
# |---|---|
# | size of the model | 4 times smaller |
# | answers | 2 to 4 times as fast |
#
# The promises are PyTorch's own ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)). Floats of 16 bits would nearly halve the file. We store each integer in one byte, as `torch.int8`, and beside it the scale and the zero point of its tensor.
#
# **Predict.** We save LeNet with 8-bit integers in place of floats. Is the file **A** exactly 4 times smaller, **B** a little less than 4 times, **C** a little more?

# %%
small = {}
for name, weight in lenet.state_dict().items():
    step = full_step(weight, 8)
    integers = torch.round(weight / step).clamp(-128, 127).to(torch.int8)
    small[name] = integers, step.item(), 0  # integers, scale, zero point
torch.save(small, "lenet_int8.pt")
torch.save(lenet.state_dict(), "lenet_fp32.pt")


# %%
def load_int8(model, file):
    """Turn the integers of a file into floats, and put them into a model of the same kind."""
    floats = {}
    for name, (integers, scale, zero_point) in torch.load(file).items():
        floats[name] = (integers.float() - zero_point) * scale
    model.load_state_dict(floats)


# %%
from pathlib import Path

from course_utils import models

times = Path("lenet_fp32.pt").stat().st_size / Path("lenet_int8.pt").stat().st_size
loaded = models.LeNet()
load_int8(loaded, "lenet_int8.pt")

# %% a_file_of_integers tags=["hide-input"]
# Prints the size, the accuracy, and what LeNet computes in.
print(f"{times:.1f} times smaller, {accuracy(loaded):.1f} % right")
print("computed in", loaded.fc1.weight.dtype)

# %% [markdown] tags=["answer"]
# **B: a little less, because not everything in it is weights.** The file also holds names, shapes, scales, and what the archive adds.

# %% [markdown]
# This code has rounded the biases, too, and the network still answers as well as before. The size counts only because the file loads again: a file from which nobody can restore the network may have any size.
#
# What about the other promise? Look at the last line of the output. `load_int8` has turned the integers back into floats, so in memory each weight takes four bytes again, and the products are those of floats. **The file is smaller, and the network is not faster.** One way to be faster is to compute *with* the integers, and that is what [[dynamic]] does.

# %% [markdown]
# ## Exercise · A byte a weight
# ★★ · 10 minutes
#
# Write `save_int8(model, file)`. For each tensor of `model.state_dict()`, buffers as well, it saves `integers, scale, zero_point` under its name, for `load_int8`. An integer takes one byte.
#
# The map is asymmetric: its range goes from the tensor's lowest to its highest number, widened until it holds 0. No number is off by more than half a step, and a 0 comes back as exactly 0.
#
# Then try it: `save_int8(lenet, "mine.pt")`, load the file, and compare size and accuracy.
#
# <details><summary>Hint</summary>
#
# Section 3 has the scale and the zero point for the integers 0 to 255, which `torch.uint8` can hold. Clamp before you convert: 256 would become 0. And what is the scale of a tensor that holds nothing but zeros?
#
# </details>


# %% tags=["exercise"]
def save_int8(model, file):
    """Save {name: (integers, scale, zero_point)} of all tensors of the model; load_int8 reads the file."""
    raise NotImplementedError


# %% tags=["check"]
check.save_int8(save_int8)


# %% tags=["solution", "hide-cell"]
def save_int8_solution(model, file):
    small = {}
    for name, weight in model.state_dict().items():
        low = min(weight.min().item(), 0)
        high = max(weight.max().item(), 0)
        scale = (high - low) / 255 or 1.0
        zero_point = round(-low / scale)
        integers = (torch.round(weight / scale) + zero_point).clamp(0, 255)
        small[name] = integers.to(torch.uint8), scale, zero_point
    torch.save(small, file)


# %% [markdown]
# ## Remember
#
# - Quantization stores small integers, a scale and a zero point: divide, round, shift. Inside the range the error is at most half a step, and outside of it a number is clipped.
# - The largest weight sets the step for all others. With 8 bits that did LeNet no harm; with 2 bits it makes nearly all weights of `fc1` 0, and a shorter step wins most of the accuracy back.
# - A file of 8-bit integers is nearly four times smaller, and the network is not faster if they become floats on loading.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"]
claims.show("integers")

# %% [markdown]
# ## Deeper
#
# ### Why the errors of a sum partly cancel
#
# An output of `fc1` is a sum of 400 products, and each has an error. Take two errors of size 1, each as often positive as negative. Their sum is −2, 0, 0 or 2, so the mean of its square is (4 + 0 + 0 + 4) / 4 = 2, and not 4. Each further error adds 1 to this mean square. So 400 errors add up to about √400 = 20, as long as no sign depends on the others.
#
# The products themselves cancel less, probably because training has made many of them pull in the same direction. A control tests this: it puts the same weights of `fc1` into random order. If the order did not matter, the relative error of the outputs would stay the same.

# %%
inputs = []
hook = lenet.fc1.register_forward_hook(lambda layer, given, output: inputs.append(given[0]))
accuracy(lenet)
hook.remove()
inputs = torch.cat(inputs)


def relative_error(weight):
    error = rounded(weight, full_step(weight, 8), 8) - weight
    return 100 * ((inputs @ error.T).norm() / (inputs @ weight.T).norm()).item()


shuffled = fc1.flatten()[torch.randperm(fc1.numel(), generator=torch.Generator().manual_seed(0))].view_as(fc1)
print(f"error of the outputs: {relative_error(fc1):.1f} %, with shuffled weights {relative_error(shuffled):.1f} %")

# %% [markdown]
# With shuffled weights the relative error is more than twice as large. So the order that training gave to the weights matters.
#
# ### Half-way between two integers
#
# `torch.round` sends a number that lies exactly half-way to the *even* neighbour: 0.5 becomes 0, and 1.5 becomes 2. Your program and PyTorch may disagree on such numbers, because PyTorch multiplies by 1 / scale where we divided by the scale, and at a half-way number the last digit decides. This matters when you look for a bug by comparing integers one by one.
#
# ### Three levels
#
# With 2 bits and the step 2m / 3 no weight is further than 1.5 steps from 0. So the integer −2 stays unused, but for a tie, and we pay for four levels and use three. One can use three on purpose, such as −σ, 0 and σ. A choice among three values is worth $\log_2 3 = 1.58$ bits, and there are language models trained with such weights ([Ma et al., 2024](https://arxiv.org/abs/2402.17764)). In memory a byte is the smallest unit, so four 2-bit integers must be packed into one: [[weight_only]] does that.
#
# **Sources.** The promises are from *Introduction to Quantization on PyTorch*, by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. [`torch.quantize_per_tensor`](https://docs.pytorch.org/docs/stable/generated/torch.quantize_per_tensor.html) is documented, and its quantized tensors [will go one day](https://github.com/pytorch/pytorch/issues/184982).
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference*, 2018, [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), section 2; M. Nagel et al., *A White Paper on Neural Network Quantization*, 2021, [arXiv:2106.08295](https://arxiv.org/abs/2106.08295). Projects: find for each layer of LeNet the step that serves it best at 2 bits; round each weight up or down so that the *output* changes least.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

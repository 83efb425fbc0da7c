# ---
# jupyter:
#   course:
#     promise: You will store weights as small integers, in a file that still answers.
#     seconds: 15
#     needs: []
#     goals:
#       - map numbers to integers by a scale and a zero point, and back;
#       - say what sets the scale, and why few bits can break a network;
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
# Sets one thread, switches gradients off, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import claims, legacy_int8
from lessons.integers import show
from lessons.integers import tasks as check

torch.set_grad_enabled(False)  # nothing is trained here
torch.set_num_threads(1)
legacy_int8.ignore_deprecations()

# %% [markdown]
# ## 1. Take bits away
#
# PyTorch stores a weight as a float of 32 bits, *fp32*, which can have about four billion different values. Does a network need so many?
#
# Let's take bits away from LeNet, a small CNN that was trained to recognize clothes. With 8 bits we allow a weight 255 evenly spaced values: 0, and 127 on each side. With 4 bits it's 15 values, with 3 bits 7, and with 2 bits only 3. Each weight moves to the nearest of its values, and nothing is trained afterwards.
#
# **Predict.** At how many bits does LeNet first get fewer than half of the 10,000 test images right: **A** 8, **B** 4, **C** 3, **D** 2?

# %%
import copy

import torch

from course_utils import checkpoints, data, models, training

test = data.load("fashion_mnist", "test")  # images and labels
lenet = checkpoints.load("lenet_fashion_0")


def accuracy(net):
    return 100 * training.evaluate(net, *test)


# %% take_bits_away tags=["hide-input"]
# Rounds the weights of LeNet to so many bits, and prints how many test images come out right.
right = {32: accuracy(lenet)}
for bits in (8, 4, 3, 2):
    right[bits] = accuracy(show.with_bits(lenet, bits))
for bits, percent in right.items():
    print(f"{bits:2} bits: {percent:.1f} % right")

# %% [markdown] tags=["answer"]
# **At 2 bits (D).** Are three values too few? Section 4 finds out.

# %% [markdown]
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. From a weight to an integer, and back
#
# How do you round a network to 3 bits? Let's do it by hand for a layer with three weights: 0.6, −0.31 and 0.07.
#
# Three bits can distinguish eight integers, −4 to 3. We leave out −4, so that there are as many below 0 as above. All weights of the layer share one factor, the **scale**, and each integer stands for the number that you get when you multiply it by the scale.
#
# How large should the scale be? The largest weight (by its size, whatever its sign), 0.6, should get the largest integer, 3. So the scale is 0.6 / 3 = 0.2. To turn a weight into an integer, we divide it by the scale and round. To go back, we multiply the integer by the scale:
#
# | weight | weight / 0.2 | integer | stands for |
# |---|---|---|---|
# | 0.6 | 3 | 3 | 0.6 |
# | −0.31 | −1.55 | −2 | −0.4 |
# | 0.07 | 0.35 | 0 | 0 |
#
# The numbers that the seven integers stand for, −0.6, −0.4, and so on up to 0.6, are called **levels**. Neighbouring levels are one *step* apart, and a step is as long as the scale. Each weight goes to the nearest level, so it moves by at most half a step, here 0.1.
#
# Storing numbers as small integers with a shared scale is called **quantization**. In code, with a `clamp` that has nothing to do until section 4:


# %% rounding
def largest_weight(weight, bits):  # the scale that the largest weight sets
    return weight.abs().max() / (2 ** (bits - 1) - 1)


def rounded(weight, scale, bits):
    largest = 2 ** (bits - 1) - 1  # 3 with 3 bits
    integers = torch.round(weight / scale).clamp(-largest, largest)  # none outside yet
    return integers * scale


# %% three_weights
weights = torch.tensor([0.6, -0.31, 0.07])
print(rounded(weights, largest_weight(weights, 3), 3))

# %% [markdown]
# In the end, `rounded` turns the integers into floats again. That's called **fake quantization**: it shows what the rounding does to a network, but it saves no memory.
#
# **Try it.** Change `0.6` to `6.0` and run the cell again.
#
# <details><summary>What others found</summary>
#
# Both other weights become 0, because the scale is now 6 / 3 = 2.
#
# </details>
#
# What changes with 8 bits? Each further bit roughly doubles the number of levels and halves the step. The largest integer is now 127, and the scale only 0.6 / 127 = 0.00472. Even the smallest of our weights, 0.07, is 14.8 of these steps. In LeNet's largest layer, too, a weight is about ten steps away from 0 on average, so moving it by half a step changes it little.

# %% [markdown]
# ## 3. The zero point, and what happens outside the range
#
# Weights lie about evenly on both sides of 0, and so do our integers. But *activations*, the numbers that one layer hands on to the next, often lie mostly on one side. Behind a ReLU none is negative, and nearly half of our integers would never be used. So let's shift the integers to where the numbers are.
#
# Suppose that the numbers lie between −1 and 3. This interval is their **range**. We take three bits again, and this time all eight integers, counted from 0 to 7.
#
# 1. *Scale.* From the integer 0 to the integer 7 there are seven steps. They cover a range that's 4 wide, so the scale is 4 / 7 = 0.571.
# 2. *Zero point.* Which integer stands for the number 0? The range begins at −1, and from there to 0 it's 1 / 0.571 = 1.75 steps. Rounded, that's the integer 2, the **zero point**.
# 3. *To an integer:* divide by the scale, round, and add the zero point. The number 2.2 is 3.85 steps, which is rounded to 4, and 4 + 2 = 6.
# 4. *Back:* subtract the zero point, and multiply by the scale. The integer 6 stands for (6 − 2) · 4 / 7 = 2.29.
#
# Scaling and shifting is called an **affine map**. With as many levels below 0 as above, as in section 2, it is **symmetric**. This one is **asymmetric**.
#
# Why did we round the zero point? Because now the number 0 comes back as exactly 0. A network holds many zeros, behind each ReLU and in the padding around images, and they should stay zeros.
#
# **Predict.** The number 4 lies outside the range. What does it come back as: **A** 2.86, **B** 3, **C** 4?

# %% falling_numbers tags=["hide-input"]
# Draws numbers that fall onto the eight levels for the range -1 to 3.
show.falling_numbers()

# %% [markdown] tags=["answer"]
# **2.86 (A), because 4 would need the integer 9, and the last one is 7.** 4 is 7 steps, and 7 + 2 = 9. The integer 7 stands for (7 − 2) · 4 / 7 = 2.86. It isn't 3, because rounding the zero point from 1.75 to 2 has moved all levels by a quarter of a step.

# %% [markdown]
# A number outside the range comes back as the nearest level, the first or the last. That's called **clipping**, and in code it's `clamp`. **Inside the range, a number is off by at most half a step. Outside, there's no limit.**
#
# What if the numbers lie between 1 and 3? Then no integer would stand for 0. That's why a range is first widened until it holds 0. This one becomes 0 to 3.

# %% [markdown]
# ## 4. Why does LeNet break?
#
# Back to LeNet, which broke at 2 bits. There, the integers are −1, 0 and 1, and the largest weight of a layer gets the 1. So the scale is the largest weight itself. Take a layer of a hundred weights: fifty are 0.1, forty-nine are −0.1, and one is 0.6. The scale is 0.6, and 0.1 / 0.6 = 0.17 is rounded to 0.
#
# **Ninety-nine weights disappear for the sake of one.**
#
# Is a real layer like this one? Here is LeNet's largest, `fc1`:

# %% is_it_the_bits
fc1 = lenet.fc1.weight
left = (rounded(fc1, largest_weight(fc1, 2), 2) != 0).sum().item()
print(f"{left:,} of the {fc1.numel():,} weights of fc1 don't become 0")

# %% [markdown]
# Fewer than one weight in a hundred is left, too. But where our layer has a single large weight, `fc1` has more than a hundred, so taking out the largest one wouldn't help much. Are three levels too few, or do they merely lie in the wrong places?
#
# To find out, we keep three levels, but choose a scale that suits the many weights and not the largest: the standard deviation σ of each layer's weights, since that's how far a weight typically lies from 0.
#
# The levels are now −σ, 0 and σ, and larger weights are clipped. In our layer of a hundred weights, σ is 0.117. Then ninety-nine weights come back as ±0.117, close to their ±0.1, but the 0.6 also becomes 0.117. And perhaps LeNet needs the large weights most.
#
# **Predict.** How much of the lost accuracy does LeNet win back with this scale and the same 2 bits: **A** next to nothing, **B** less than half, **C** most of it?


# %%
def rounded_lenet(bits, scale_of):
    net = copy.deepcopy(lenet)
    for weight in net.parameters():
        if weight.dim() > 1:  # the biases stay as they are
            weight.copy_(rounded(weight, scale_of(weight, bits), bits))
    return net


right_sigma = accuracy(rounded_lenet(2, scale_of=lambda weight, bits: weight.std()))

# %% two_combs tags=["hide-input"]
# Draws the weights of fc1, and under them the three levels for both scales, with the accuracy of the network.
show.two_combs(fc1, {"the largest weight": largest_weight(fc1, 2), "σ": fc1.std()}, [right[2], right_sigma], right[32])

# %% [markdown] tags=["answer"]
# **Most of it (C), because in each layer about half of the weights, or more, are now rounded to −σ or σ and not to 0.** Clipping the large ones costs less: about the ten points still missing. In six other trainings of LeNet, σ won back over 70 % of the lost accuracy five times, and 44 % once.

# %% [markdown]
# The other large weights are in the picture as well, but their bars are too low to see.
#
# Every scale is a compromise: a short step rounds the many small weights finely and clips the large ones, and a long step clips nothing but rounds coarsely.
#
# So what broke LeNet wasn't the 2 bits alone, but 2 bits *and* a scale that the largest weight had set. And how few bits does a weight need? In LeNet, 8 bits cost nothing and 4 about a point. With fewer, it depends on the scale.

# %% [markdown]
# ## 5. A file of integers
#
# So far the weights have stayed floats. Now we store integers, with 8 bits, since these cost LeNet nothing. [PyTorch's introduction](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/) promises that quantization makes a model 4 times smaller, and inference 2 to 4 times faster. Which of the two do we get?
#
# `torch.int8` stores an integer in one byte. To turn it back into a number, you need the scale and the zero point, so each tensor is saved with both. Our map is symmetric, so the zero point is 0.

# %%
small = {}
for name, weight in lenet.state_dict().items():  # the biases as well
    scale = largest_weight(weight, 8)
    small[name] = torch.round(weight / scale).to(torch.int8), scale.item(), 0
torch.save(small, "lenet_int8.pt")


# %%
def load_int8(model, file):
    floats = {}
    for name, (integers, scale, zero_point) in torch.load(file).items():
        floats[name] = (integers.float() - zero_point) * scale
    model.load_state_dict(floats)


loaded = models.LeNet()  # with random weights
load_int8(loaded, "lenet_int8.pt")

# %% a_file_of_integers tags=["hide-input"]
# Saves LeNet in fp32 as well, and prints the sizes of both files, the accuracy, and the type of the weights.
from pathlib import Path

torch.save(lenet.state_dict(), "lenet_fp32.pt")
sizes = [Path(file).stat().st_size for file in ("lenet_fp32.pt", "lenet_int8.pt")]
times = sizes[0] / sizes[1]
print(f"{sizes[0] / 1000:.0f} kB in fp32, {sizes[1] / 1000:.0f} kB in int8")
print(f"{times:.1f} times smaller, {accuracy(loaded):.1f} % right")
print("weights in memory:", loaded.fc1.weight.dtype)

# %% [markdown]
# The file isn't quite 4 times smaller, because it also holds names, shapes and scales, which don't shrink. But nothing is missing: a network with random weights has loaded it and answers as well as the old one.
#
# Is it faster, too? `load_int8` has turned the integers back into floats, as the last line of the output says. So the network multiplies floats, as before. **The file is smaller, but the network isn't faster.**

# %% [markdown]
# ## Exercise · A byte a weight
# ★★ · 10 minutes
#
# Write `save_int8(model, file)`. For each tensor of `model.state_dict()`, it saves `integers, scale, zero_point` under its name, for `load_int8`. An integer takes one byte.
#
# The map is asymmetric: its range goes from the tensor's lowest to its highest number, widened until it holds 0. No number is off by more than half a step, and a 0 comes back as exactly 0. (If all numbers of a tensor are 0, any scale will do.)
#
# <details><summary>Hint</summary>
#
# `torch.uint8` holds the integers 0 to 255. If you convert 256, it becomes 0, so clamp before you convert.
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
# - To quantize a number, divide it by the scale, round, and add the zero point. Inside the range it's off by at most half a step, and outside it's clipped.
# - If the largest weight sets the scale, every other weight is rounded with its long step. In LeNet with 2 bits nearly all of them become 0, and a shorter step usually wins most of the accuracy back.
# - A file of 8-bit integers is nearly four times smaller, but the network isn't faster if loading turns them into floats again.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("integers")

# %% [markdown]
# ## Deeper
#
# ### How do tools choose the range?
#
# PyTorch's modules that choose a range are called *observers*. `MinMaxObserver` takes the lowest and the highest number, so it clips none of the numbers that it has seen. `HistogramObserver` looks for the range with the smallest squared error, and accepts some clipping for it. We can do the same for each layer's weights:


# %%
def least_error(weight, bits):
    scales = largest_weight(weight, bits) * torch.linspace(0.02, 1, 99)
    return min(scales, key=lambda scale: (rounded(weight, scale, bits) - weight).square().sum())


print(f"3 bits: {accuracy(rounded_lenet(3, least_error)):.1f} % right")

# %% [markdown]
# Most of what LeNet lost at 3 bits is back, and the search needs no images. But in the six other trainings it won back anything from nothing to nearly all. The scale that changes the weights least isn't always the one that changes the answers least.
#
# ### Why the errors of a sum partly cancel
#
# An output of `fc1` is a sum of 400 products, and each has an error. Take two errors of size 1, each as often positive as negative. Their sum is −2, 0, 0 or 2, so the mean of its square is (4 + 0 + 0 + 4) / 4 = 2, and not 4. Each further error adds 1 to this mean square. So 400 errors add up to about √400 = 20, as long as no sign depends on the others.
#
# The products themselves cancel less, probably because training has made many of them pull in the same direction. A control tests this: it puts the same weights of `fc1` into random order. If the order didn't matter, the relative error of the outputs would stay the same.

# %%
inputs = []
hook = lenet.fc1.register_forward_hook(lambda layer, given, output: inputs.append(given[0]))
accuracy(lenet)
hook.remove()
inputs = torch.cat(inputs)


def relative_error(weight):
    error = rounded(weight, largest_weight(weight, 8), 8) - weight
    return 100 * ((inputs @ error.T).norm() / (inputs @ weight.T).norm()).item()


shuffled = fc1.flatten()[torch.randperm(fc1.numel(), generator=torch.Generator().manual_seed(0))].view_as(fc1)
print(f"error of the outputs: {relative_error(fc1):.1f} %, with shuffled weights {relative_error(shuffled):.1f} %")

# %% [markdown]
# With shuffled weights the relative error is about twice as large. The error itself stays about the same, but the outputs shrink to less than half, so it's the products that now cancel more.
#
# ### PyTorch's quantized tensors
#
# PyTorch's older interface, which the next lessons use, keeps the integers together with their scale and zero point in a *quantized tensor*. Here is our range from −1 to 3 with the integers 0 to 255, `quint8`. (`qint8` has those from −128 to 127.)

# %% tags=["legacy", "nbval-check-output"]
q = torch.quantize_per_tensor(torch.tensor([-1.0, 0.0, 2.2, 4.0]), 4 / 255, 64, torch.quint8)
print(q.int_repr().tolist(), q.dequantize())

# %% [markdown]
# **Sources.** The other trainings of LeNet are kept in `records/integers`. The promises are from *Introduction to Quantization on PyTorch*, by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. M. Nagel et al., *A White Paper on Neural Network Quantization*, 2021, [arXiv:2106.08295](https://arxiv.org/abs/2106.08295), sections 2.2 and 3.1: symmetric and asymmetric maps, and the choice of the range.
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference*, 2018, [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), section 2. Some language models are trained with only three values per weight ([Ma et al., 2024](https://arxiv.org/abs/2402.17764)). A project: round each weight up or down so that the *output* changes least.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** A network can be faster if it multiplies the integers themselves. PyTorch can do that, with a single line of code. Why does that line make a large Transformer faster, and our LeNet slower ([[dynamic]])?

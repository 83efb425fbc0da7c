# ---
# jupyter:
#   course:
#     promise: You will train a network through its own rounding, and compare it with a fair opponent.
#     seconds: 30
#     needs: [integers, static]
#     goals:
#       - write fake quantization whose gradient goes straight through;
#       - say what the float weights behind the rounded ones are for;
#       - take a network through `prepare_qat`, training and `convert`, and name a fair opponent.
#     terms: [parametrization, "quantization-aware training, QAT", "straight-through estimator, STE"]
#     values:
#       before: "f'{largest:.0f}'"
#       after: "f'{with_qat:.0f}'"
#       sigma: "f'{with_sigma:.0f}'"
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How does a network learn weights that survive the rounding, and how much is that worth?*

# %% tags=["setup", "hide-input"]
# Sets one thread and the int8 engine, and hides the warnings of PyTorch's older int8.
import torch

from course_utils import claims, legacy_int8
from lessons.qat import show
from lessons.qat import tasks as check

torch.set_num_threads(1)
torch.set_flush_denormal(True)  # numbers below 1e-38 count as 0, which is faster
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. Training that moves no weights
#
# In [[integers]] we rounded LeNet's weights to 2 bits. With the standard deviation σ of a layer's weights as its scale, each weight became −σ, 0 or σ, and LeNet lost about ten points of its accuracy of 82 %. No wonder: when it learned its weights, nobody told it that they'd be rounded. So let's train on *with* the rounding. We use fake quantization again: the weights are rounded, but they stay floats.
#
# Each layer now needs two weight tensors: the float weights, which the optimizer changes, and the rounded weights, with which the layer computes. In PyTorch, a **parametrization** is a function that makes the second from the first. Whenever somebody reads `layer.weight`, PyTorch takes the float weights and calls the function.
#
# `train_on` trains a network in place for one more epoch on 12,000 images of Fashion-MNIST, 188 training steps of Adam.

# %%
import copy

import torch
from torch import nn
from torch.nn.utils import parametrize

from lessons.qat.experiment import accuracy, images, lenet, train_on


# %%
def rounded(weight, scale, bits):  # as in Quantization from scratch
    largest = 2 ** (bits - 1) - 1  # 1 with 2 bits
    return torch.round(weight / scale).clamp(-largest, largest) * scale


class Rounding(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, weight):
        return self.function(weight)


def with_rounding(net, function):
    net = copy.deepcopy(net)
    for layer in net.children():
        parametrize.register_parametrization(layer, "weight", Rounding(function))
    return net


# %%
def two_bits(weight):
    return rounded(weight, weight.detach().std(), bits=2)  # a scale that is a constant for the gradient


stuck = train_on(with_rounding(lenet, two_bits))

# %% stands_still tags=["hide-input"]
# Counts the float weights that the training has moved.
moved = sum(
    (after.parametrizations.weight.original != before.weight).sum().item()
    for after, before in zip(stuck.children(), lenet.children(), strict=True)
)
print(f"{moved} of {sum(layer.weight.numel() for layer in lenet.children()):,} weights have moved")

# %% [markdown]
# After 188 training steps, each float weight is still where it was. Only the biases, which aren't rounded, have changed. Why? In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. A gradient that goes straight through
#
# To find out, let's take a tiny layer. It has two weights, 0.35 and 0.40, and both of its inputs are 1, so its output is their sum, 0.75. That's exactly what it should be.
#
# Now we round to 2 bits. To keep the numbers simple, the scale is 1, so a weight becomes −1, 0 or 1. Both of ours become 0, and so does the output. The loss, the squared error, is $(0 - 0.75)^2 = 0.56$.
#
# A gradient asks: how does the loss change if a weight changes a little? Make 0.40 a little larger, 0.41. It's still rounded to 0, and the loss stays at 0.56. So the gradient is 0 in every training step, and the optimizer has no reason to move the weight.
#
# Drawn as a curve, rounding is a staircase, and it's flat everywhere except at its jumps. But stand back a little: from afar, it looks like the line $y = x$, which has slope 1. While a weight goes from 0 to 1, its rounded value also goes from 0 to 1, only all at once.

# %% staircase tags=["hide-input"]
# Draws rounding to 3 bits with the scale 1, its true slope, and the slope that the estimator takes.
show.staircase()

# %% [markdown]
# The **straight-through estimator**, STE, makes use of that ([Bengio et al., 2013](https://arxiv.org/abs/1308.3432)). Forward, it rounds. Backward, it pretends that nothing was rounded, and takes the slope of the line.
#
# There's one exception. The levels end somewhere, and a weight that would be rounded to a level beyond the last one is clipped. Take 2.2: it would become 2, but with 2 bits the last level is 1. Wherever such a weight moves out there, the result stays 1, so the slope is 0, even from afar. That's why the orange slope in the figure, which has 3 bits, ends on both sides.
#
# In PyTorch, `.detach()` returns the same number, but autograd treats it as a constant:


# %% straight_through
def straight_through(weight, scale, bits):
    end = (2 ** (bits - 1) - 0.5) * scale  # half a scale beyond the last level
    inside = weight.clamp(-end, end)
    return inside + (rounded(weight, scale, bits) - inside).detach()


# %% [markdown]
# Put in 0.40. Forward, the last line computes 0.40 + (0 − 0.40) = 0, the rounded value. Backward, the bracket is a constant, so the gradient of the result with respect to the weight is that of `inside`: 1 between the ends, and 0 beyond them.
#
# **Predict.** Now the two weights are 0.40 and 1.7, and the output should still be 0.75. They're rounded to 0 and 1, so the output is 1, and the derivative of the loss with respect to the output is 2 · (1 − 0.75) = 0.5. Which gradients reach the two float weights: **A** 0.5 and 0.5, **B** 0 and 0, **C** 0.5 and 0?

# %% by_hand tags=["nbval-check-output"]
weights = torch.tensor([0.40, 1.7], requires_grad=True)
output = straight_through(weights, scale=1, bits=2).sum()
((output - 0.75) ** 2).backward()
print("output:", output.item(), "  gradients:", weights.grad.tolist())

# %% [markdown] tags=["answer"]
# **0.5 and 0 (C), because 1.7 is clipped.** The 0.40 isn't, so the gradient goes straight through the rounding.

# %% [markdown]
# **Try it.** Change `1.7` to `1.3`, and run the cell again.
#
# <details><summary>What others found</summary>
#
# Both gradients are 0.5. The weight 1.3 lies beyond the last level, but 1 is still the nearest integer, so nothing is clipped. Clipping begins at 1.5, where a level 2 would be nearer.
#
# </details>

# %% [markdown]
# ## 3. What the float weights are for
#
# The gradient now reaches the float weights, but the layer computes with the rounded ones. Why keep the float weights at all? Let's train our small layer by hand. Its weights are 0.35 and 0.40 again, so it gives 0 and should give 0.75.
#
# The derivative of the loss with respect to the output is 2 · (0 − 0.75) = −1.5, and this gradient goes straight through to both weights. With a learning rate of 0.03, a training step therefore adds 0.03 · 1.5 = 0.045 to each. Here's the second weight:
#
# | training steps | float weight | rounded |
# |---|---|---|
# | 0 | 0.400 | 0 |
# | 1 | 0.445 | 0 |
# | 2 | 0.490 | 0 |
# | 3 | 0.535 | 1 |
#
# Two training steps change nothing in the output, and the third one makes it 1. Suppose that we had kept the rounded weight alone. Then 0 + 0.045 would be rounded back to 0, again and again. **The float weights are there to add up changes that are too small to reach the next level.**

# %% [markdown]
# ## 4. How much is it worth?
#
# Training with fake quantization is called **quantization-aware training**, QAT. Does LeNet learn now? We compare it with the way in which [[integers]] first rounded, where the largest weight of a layer sets its scale.


# %%
def two_bits_ste(weight):
    return straight_through(weight, weight.detach().std(), bits=2)


qat = train_on(with_rounding(lenet, two_bits_ste))


# %% headline tags=["hide-input"]
# Rounds LeNet with the scale of the largest weight, and prints the accuracy of both.
largest = accuracy(with_rounding(lenet, lambda weight: rounded(weight, weight.abs().max(), bits=2)))
with_qat = accuracy(qat)
print(f"2 bits, rounded with the largest weight as scale: {largest:.0f} % right")
print(f"2 bits, QAT with the scale σ: {with_qat:.0f} % right")

# %% [markdown]
# From 12 to 76 %, that's a headline! But QAT differs from the first line in two things: it trained with the rounding, and it has another scale. So let's take σ, and not train at all:

# %% scale_alone tags=["hide-input"]
# Rounds LeNet with the scale sigma and without training.
with_sigma = accuracy(with_rounding(lenet, two_bits))
print(f"2 bits, rounded with the scale σ, no training: {with_sigma:.0f} % right")

# %% [markdown]
# With the scale alone, most of the gain is there already. So the choice of the opponent can flatter QAT. A **fair opponent** may do everything that QAT does, except train with the rounding:
#
# - it starts from the same network;
# - it trains on in float, on the same images for as long, or it doesn't, if that's better for it;
# - then it's rounded, and its scale is chosen as carefully as QAT's.
#
# We've run this race for six networks. Each side may choose its scale from σ, 1.5 σ and 2 σ, and one of three learning rates for the extra epoch, or no epoch at all. Each side enters the candidate that is best on 5,000 *held-out* images, on which no network was trained. Then the test images judge the two.
#
# **Predict.** How many of the six races does QAT win: **A** all six, **B** about half, **C** none?

# %% six_races tags=["hide-input"]
# Draws the record of six networks: in float, rounded after the training, and QAT, each at its best.
races = show.races()

# %% [markdown] tags=["answer"]
# **All six (A), because only QAT's weights could adapt to three levels.** QAT wins by about three to nine points, and each time it closes more than half of the gap between its opponent and the float network. So training with the rounding does help at 2 bits.

# %% [markdown]
# The gap between the two sides is far smaller than the headline said. And an opponent that may choose another scale for each layer could make it smaller still. So how far QAT is ahead depends on its opponent.

# %% [markdown]
# ## 5. PyTorch's way to int8
#
# So far we've only rounded weights, and computed in float. Real int8 rounds the activations, too. In [[static]] you did that with `QuantWrapper` for the stubs, a qconfig, `prepare`, calibration, and `convert`. QAT changes three of these:
#
# - The qconfig comes from `get_default_qat_qconfig`, and asks for modules that don't only observe, but also round.
# - `prepare_qat` inserts these modules. The network has to be in training mode. You get a copy, so give the optimizer the *copy's* parameters.
# - The training takes the place of the calibration. When it's over, `.eval()` says so, and `convert` follows.

# %% to_int8 tags=["legacy"]
from torch.ao import quantization as tq

ready = tq.QuantWrapper(copy.deepcopy(lenet)).train()
ready.qconfig = tq.get_default_qat_qconfig(torch.backends.quantized.engine)
prepared = tq.prepare_qat(ready)
train_on(prepared)  # makes its optimizer from the parameters of `prepared`
int8 = tq.convert(prepared.eval())

# %% [markdown]
# `prepare_qat` has given each layer two new modules: `weight_fake_quant` rounds its weights, and `activation_post_process` its outputs. Like an observer, each of them watches the range of what passes, and makes its scale from that. Then it rounds, and lets the gradient straight through, except where it clips.
#
# **While it trains, nothing is int8.** The layers compute in float32. Only `convert` makes integers.
#
# Was it worth it? There are two opponents, both taken to int8 by static quantization: LeNet as it is, and LeNet trained on in float for as long as QAT.

# %% eight_bits tags=["hide-input", "legacy"]
# Makes LeNet int8 by static quantization, calibrated on 500 images, as it is and trained on in float, and compares.
longer = train_on(copy.deepcopy(lenet))
eight = {}
for name, net in {"as it is": lenet, "trained on": longer}.items():
    eight[f"{name}, float"] = accuracy(net)
    eight[f"{name}, static int8"] = accuracy(show.static_int8(net, images[:500]))
eight["QAT, int8"] = accuracy(int8)
for name, percent in eight.items():
    print(f"{name:23} {percent:.1f} % right")

# %% [markdown]
# At 8 bits, static quantization loses next to nothing against the float network from which it was made, so there's next to nothing that QAT could win back. QAT even ends below LeNet as it is. That's not the rounding's fault: at this learning rate, the extra epoch costs LeNet about a point in float, too. So try static quantization first, since it needs neither training nor labels, and take QAT where *that* has lost more than you can bear.

# %% [markdown]
# ## Exercise · One bit
# ★★ · 10 minutes
#
# How well does LeNet do with *one* bit for each weight? Write `one_bit(weight)`. With α, the mean of |weight|, a weight that is 0 or more becomes α, and a negative one −α. The gradient treats α as a constant. It goes straight through the rounding, but stops where a weight is clipped: half a step beyond the last level, so beyond 2α and below −2α.
#
# Then compare, without and with training: `accuracy(with_rounding(lenet, one_bit))`, `accuracy(train_on(with_rounding(lenet, one_bit)))`
#
# <details><summary>Hint</summary>
#
# `torch.sign(0)` is 0, so use `torch.where`. For the gradient, use the trick of section 2, with `inside` and `.detach()`.
#
# </details>
#
# <details><summary>What others found on LeNet</summary>
#
# Without training, LeNet gets just over half of the images right, and after one epoch more than two thirds.
#
# </details>


# %% tags=["exercise"]
def one_bit(weight):
    """The weights as -α and α, where α is the mean of |weight|; the gradient goes straight through up to 2α."""
    raise NotImplementedError


# %% tags=["check"]
check.one_bit(one_bit)


# %% tags=["solution", "hide-cell"]
def one_bit_solution(weight):
    alpha = weight.detach().abs().mean()
    levels = torch.where(weight >= 0, alpha, -alpha)
    inside = weight.clamp(-2 * alpha, 2 * alpha)
    return inside + (levels - inside).detach()


# %% [markdown]
# ## Remember
#
# - The gradient of rounding is 0, so QAT rounds forward and lets the gradient straight through backward, except where a weight is clipped.
# - The float weights add up changes that are too small to reach the next level; the network computes with the rounded ones.
# - A fair opponent may train on in float for as long, and chooses its own scale. QAT can win where that still loses much, as here at 2 bits, and there's nothing to win where it loses nothing.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("qat")

# %% [markdown]
# ## Deeper
#
# ### A scale that learns
#
# We chose the scale by a rule. [Esser et al., 2020](https://arxiv.org/abs/1902.08153), make it a parameter that is trained with the weights. Where does its gradient come from? Take the weights 0.40 and 1.7 again, with the scale $s = 1$ and a derivative of the loss of 0.5.
#
# - 1.7 is clipped, so it becomes $1 \cdot s$. If $s$ grows by 0.01, so does the result: its slope is 1, and this weight adds 0.5 · 1 = 0.5 to the gradient of $s$.
# - 0.40 is 0.4 scales, and is rounded to the integer 0. If the integer stayed 0, the slope would be 0. But a larger $s$ also makes 0.40 fewer scales, and going straight through, that takes 0.4 away. So the slope is 0 − 0.4 = −0.4, the rounding error in scales, and this weight adds 0.5 · (−0.4) = −0.2.
#
# Together that's 0.3, so gradient descent makes the scale smaller. That's right, because the output, 1, was too large, and a smaller scale lowers it.
#
# ### Weights that oscillate
#
# In section 3 the output ended at 1. So the gradient is now 2 · (1 − 0.75) = 0.5, and each training step takes 0.03 · 0.5 = 0.015 off. What happens if we go on?

# %% walk tags=["hide-input"]
# Trains the small layer for 16 steps through `straight_through`, and draws its two float weights.
show.walk(straight_through)

# %% [markdown]
# After three more training steps the second weight is rounded to 0 again, and the cycle repeats. It is rounded to 1 three times out of four, so *on average* the output is 0.75, but which output you get depends on the training step at which you stop. Weights of real networks oscillate between two levels as well ([Nagel et al., 2022](https://arxiv.org/abs/2203.11086)).
#
# ### What is in the file?
#
# The optimizer changed the float weights, so `qat.state_dict()` holds *them*, under names such as `fc1.parametrizations.weight.original`. Before you give the network away, put the rounded weights in their place: `parametrize.remove_parametrizations(layer, "weight")` keeps what `layer.weight` gives. The file is still as large as before, because a rounded weight is a float. For a small file the integers have to be packed, four of 2 bits in a byte ([[weight_only]]).

# %% [markdown]
# **Sources.** [`torch.fake_quantize_per_tensor_affine`](https://docs.pytorch.org/docs/stable/generated/torch.fake_quantize_per_tensor_affine.html) is PyTorch's own function that rounds and lets the gradient straight through. The claim that QAT typically has the highest accuracy of the three methods comes from *Introduction to Quantization on PyTorch* ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)) by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. `torch.ao.quantization` is deprecated; [[torchao]] has QAT for linear layers.
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** M. Nagel et al., *Overcoming oscillations in quantization-aware training*, 2022, [arXiv:2203.11086](https://arxiv.org/abs/2203.11086). Projects: let the scale learn; give each layer the scale that suits it; round the activations to few bits as well.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown]
# ## A good training isn't enough
#
# In [[qat_cnn]] a CNN trains with the rounding, and classifies about 90 % of its images correctly. Then `convert` makes its int8 copy, and the copy is far worse than one that never trained. What has the training not seen?
#
# Or leave the number of bits, and ask for the number of weights: how many could you do without ([[prune_module]])?

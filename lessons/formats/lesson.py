# ---
# jupyter:
#   course:
#     promise: You will say what a float of 16 bits can hold, which sums swallow a term in it, and which factor saves small gradients.
#     seconds: 20
#     needs: []
#     values:
#       lost: f'{lost[1]:.1f}'
#       rescued: f'{lost[65_536]:.1f}'
#     goals:
#       - read range and gap off a format;
#       - say which sums swallow a term;
#       - choose a factor that saves small gradients.
#     terms: [bf16, fp16, loss scale, overflow, significand, subnormal, tf32, underflow]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *What can a float of 16 bits not hold?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.formats import checks as check
from lessons.formats import show

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Count to ten thousand
#
# PyTorch computes in **fp32**, floats of 32 bits. Floats of 16 bits take half the memory, and many chips multiply them faster. Two formats are common: **fp16** keeps 11 binary digits of a number, and **bf16** keeps 8.
#
# We try the simplest computation there is. We begin at 0 and add 1, ten thousand times. After each addition the total is stored in the format.

# %% [markdown]
# **Predict.** Begin at 0 and add 1, ten thousand times. Where does the count end in fp16: **A** at 10,000, **B** close to 10,000, **C** at 2,048?

# %%
import torch


def count_up(dtype):
    total = torch.zeros((), dtype=dtype)
    for _ in range(10_000):
        total += 1
    return total.item()


formats = (torch.float32, torch.float16, torch.bfloat16)
reached = {dtype: count_up(dtype) for dtype in formats}

# %% count_to_ten_thousand tags=["hide-input"]
# Prints where the count ends in each format.
for dtype, end in reached.items():
    print(f"{dtype}: {end:,.0f}")

# %% [markdown] tags=["answer"]
# **At 2,048 (C), and in bf16 at 256, because the next number needs one binary digit more than the format keeps.**

# %% [markdown]
# A pocket calculator with three digits has the same trouble. It keeps 1,000 as $1.00 \cdot 10^3$. The sum 1,000 + 1 needs a fourth digit, so it is rounded, and is 1,000 again.
#
# In the binary system 2,048 is a 1 with eleven zeros. From there on fp16 has only every second number: 2,048, 2,050, and so on. So 2,049 lies half-way between two of them. A tie goes to the one whose last kept digit is 0. Here that is 2,048, and the next step meets the same tie.
#
# There was no error and no warning, and a training is full of such sums. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# **Try it.** Change `total += 1` to `total += 64` and run the two cells again. Then change it back, and run them once more.
#
# <details><summary>What others found</summary>
#
# bf16 ends at 16,384, which is 256 · 64: what counts is how large the total is *beside the term*. fp16 now gets past 2,048 and ends at `inf`, infinity. Section 3 shows why.
#
# </details>

# %% [markdown]
# ## 2. A float, taken apart
#
# $$5.5 \;=\; 101.1_2 \;=\; 1.011_2 \cdot 2^2$$
#
# | part | bits in fp16 | of 5.5 | decides |
# |---|---|---|---|
# | sign | 1 | 0, for + | |
# | exponent | 5 | 10001, which is 2 + 15 | how *large* and how *small* numbers can be |
# | mantissa | 10 | 0110000000 | how *close together* numbers lie |
#
# In 5.5 there is one 4, no 2, one 1 and one half. We move the point two places to the left, and remember the 2. A point that moves, a *float*, works for every size of number.
#
# 15 is added to the exponent, so that negative ones can be stored too. The first digit is always a 1, and is not stored. With the ten stored digits it makes eleven, the **significand**.

# %% [markdown]
# ### A toy of five bits
#
# One bit for the sign, two for the exponent, two for the mantissa.
#
# Five bits are few enough to see every number. We let the stored exponents 01, 10 and 11 stand for 0, 1 and 2. The two bits of the mantissa make four numbers for each:
#
# | stored exponent | numbers | gap |
# |---|---|---|
# | 11 | 4, 5, 6, 7 | 1 |
# | 10 | 2, 2.5, 3, 3.5 | ½ |
# | 01 | 1, 1.25, 1.5, 1.75 | ¼ |
# | 00 | 0, 0.25, 0.5, 0.75 | ¼ |
#
# The last row makes an exception. With a 1 in front there would be no 0. So the stored exponent 00 means that the first digit is 0, and the gap stays that of the row above. Its numbers above 0 are called **subnormal**. They fill the hole between 0 and the least normal number.

# %% toy tags=["hide-input"]
# Draws all numbers of the toy from 0 up.
show.toy()

# %% [markdown]
# So **the gaps grow with the numbers**. Between one power of two and the next there are always equally many numbers, and the next stretch is twice as long. With $M$ bits of mantissa the gap from $2^e$ to $2^{e+1}$ is $2^{e-M}$. In the toy it is $2^{2-2} = 1$ from 4 on. In fp16 it is $2^{11-10} = 2$ from 2,048 on, and there the count stopped.

# %% [markdown]
# ### Three numbers for the toy
#
# A number is rounded to the nearest one that there is. Half-way, it goes to the one whose last bit is 0.
#
# **Predict.** What does the toy make of 3.3, of 0.1 and of 4 + 0.5?

# %% toy_2 tags=["hide-input"]
# Draws what becomes of three numbers in the toy.
show.toy({0.1: 0.0, 3.3: 3.5, 4.5: 4.0})

# %% [markdown] tags=["answer"]
# **3.5, 0 and 4, because these are nearest. 4.5 lies half-way, and the mantissa of 4, which is 00, ends in 0.**

# %% [markdown]
# The first number is *rounded*, by at most half a gap. The second is too small and becomes 0, an **underflow**. The third is a sum that has *swallowed* its small term.
#
# There is a fourth accident. 9 lies beyond the largest number: nothing here can hold it, and this is an **overflow**. fp32, fp16 and bf16 reserve the highest stored exponent for it: it means `inf`, infinity, or NaN, "not a number", the result of $\infty - \infty$ or 0 / 0.

# %% [markdown]
# ## 3. Range or digits?
#
# Each bit goes either to the exponent, for more range, or to the mantissa, where it halves the gaps.

# %% three_formats tags=["hide-input"]
# Draws the bits of three formats, their largest number and their gap at 1.
show.three_formats()

# %% [markdown]
# **fp16 by hand.** The five bits of its exponent count from 0 to 31, and both ends are reserved. So 1 to 30 stand for the exponents −14 to 15.
#
# - The *largest number* has the exponent 15 and a mantissa of ones: $(2 - 2^{-10}) \cdot 2^{15} = 65{,}504$.
# - The *gap at 1* is $2^{0-10}$, about 0.001.
# - The *least number above 0* is one gap of the lowest exponent: $2^{-14-10} = 2^{-24}$, about $6 \cdot 10^{-8}$. What is at most half of that becomes 0.
#
# **bf16** has the layout of the first half of fp32. It keeps the range and gives up digits: a gap is up to 0.8 % of the number.
#
# `torch.finfo(torch.float16)` tells such numbers.

# %% [markdown]
# ### Three numbers, two formats
#
# **Predict.** Store 70,000, 1.001 and $2 \cdot 10^{-8}$. Which of them does fp16 keep to within one per cent, and which bf16?

# %%
numbers = torch.tensor([70_000, 1.001, 2e-8])
kept = {dtype: numbers.to(dtype).tolist() for dtype in formats}

# %% three_numbers_two_formats tags=["hide-input"]
# Prints the three numbers as each format keeps them.
for dtype, values in kept.items():
    print(f"{str(dtype)[6:]}:", ", ".join(f"{value:.5g}" for value in values))

# %% [markdown] tags=["answer"]
# **fp16 keeps 1.001 alone, and bf16 all three, because bf16 has the range of fp32 and is wrong by at most 0.4 %, half a gap.**

# %% [markdown]
# Look at the 1.001 again. In bf16 it is exactly 1. That is an error of a tenth of a per cent, and yet all that made it different from 1 is gone. **fp16 lacks range, bf16 lacks digits.** Each lack has its own remedy, and the next two sections show them.

# %% [markdown]
# ## 4. What a sum swallows
#
# A sum swallows a term that is **smaller than half the gap** of the total. At exactly half, a tie decides.
#
# In fp16 a weight is 1, and a step of 0.0001 is added. The gap from 1 to 2 is 0.00098, half of it is 0.00049. The step is smaller, so the weight is 1 again.
#
# Ten thousand such steps should bring the weight to 2, and it stays at 1. The steps are not too small for fp16, which can hold 0.0001. They are too small *beside 1*. As a share of the total, half a gap is about
#
# - 1/500 to 1/250 in bf16,
# - 1/4,000 to 1/2,000 in fp16,
# - less than one part in sixteen million in fp32.

# %% [markdown]
# **Predict.** LeNet is a small network for images. A typical weight of it is 0.05, between $2^{-5}$ and $2^{-4}$. A typical step of SGD is 0.00001. Of the weights whose gradient is not 0, how many stay as they are in a step, if they are stored in bf16: **A** fewer than one in ten, **B** about a third, **C** most?

# %%
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

from course_utils import data
from course_utils.data import checkpoints

lenet = checkpoints.load("lenet_fashion_0")  # trained on Fashion-MNIST, pictures of clothes
images, labels = data.load("fashion_mnist", n=512)

F.cross_entropy(lenet(images[:64]), labels[:64]).backward()
weights = parameters_to_vector(lenet.parameters())  # all weights, one after another
step = 0.01 * parameters_to_vector(p.grad for p in lenet.parameters())  # SGD at a rate of 0.01
weights, step = weights[step != 0], step[step != 0]

swallowed = {}
for dtype in formats:
    stored = weights.to(dtype)
    same = (stored.float() - step).to(dtype) == stored
    swallowed[dtype] = 100 * same.float().mean().item()

# %% what_a_sum_swallows tags=["hide-input"]
# Prints for each format how many of these weights stay as they are.
print("stay as they are, of the weights whose gradient is not 0")
for dtype, share in swallowed.items():
    print(f"{str(dtype)[6:]}: {share:.0f} %")

# %% [markdown] tags=["answer"]
# **Most (C), because half a gap of bf16 is 0.00012 there, and a typical step is about a tenth of it.**

# %% [markdown]
# In fp16 it is about half of these weights, in fp32 hardly any. The weights, the images and the step are the same in the three lines. Only the weight's format differs.

# %% [markdown]
# A weight is a sum of thousands of small steps, so **weights stay in fp32**. Products may read a 16-bit *copy* of them.
#
# The copy is rounded as well, but it is made anew from the fp32 weight in each step, so nothing is lost for good.
#
# A layer adds up, too: each of its outputs is a sum of many products. Chips and libraries usually keep this total in fp32, and round it once at the end. So does PyTorch's `cumsum` on a CPU, which adds one term after another:

# %%
ones = torch.ones(10_000, dtype=torch.float16)
print(ones.cumsum(0)[-1].item())

# %% [markdown]
# That is the count of section 1, and now it is right. **Products in 16 bits, sums in fp32** is the idea of mixed precision.

# %% [markdown]
# ## 5. Small gradients
#
# The gradient of a logit, an output before the softmax, is its probability, less 1 for the right class, **divided by the batch**.
#
# Say LeNet sees a shoe, and is sure: it gives "bag" a probability of 0.00001. In a batch of 512 this makes
#
# $$0.00001 \,/\, 512 \approx 2 \cdot 10^{-8}.$$
#
# Less than half of fp16's least number: it becomes 0.
#
# This holds for the cross-entropy loss, which is a mean over the batch. All other gradients are made from these by the chain rule, from the last layer to the first.
#
# The remedy follows from the chain rule as well. If the *loss* is 256 times as large, every gradient is 256 times as large. Ours becomes $5 \cdot 10^{-6}$, which fp16 can hold. Before the step, in fp32, the gradients of the weights are divided by 256 again. The factor is called **loss scale**.

# %%
outputs = lenet(images)
loss = F.cross_entropy(outputs, labels)
gradients, *of_weights = torch.autograd.grad(loss, (outputs, *lenet.parameters()))
all_gradients = parameters_to_vector((gradients, *of_weights))  # for the exercise

lost = {}
for scale in (1, 256, 65_536):
    zero = (gradients * scale).half() == 0  # half() stores a tensor in fp16
    lost[scale] = 100 * zero.float().mean().item()

# %% small_gradients tags=["hide-input"]
# Prints for each factor how many gradients become 0.
print("become 0 in fp16")
for scale, share in lost.items():
    print(f"factor {scale:,}: {share:.1f} %")

# %% [markdown]
# Without a factor, fp16 loses a good part of these gradients, and with 65,536 hardly any. The lost ones are so small that LeNet's step hardly changes. Where most gradients are that small, training fails (*Deeper*).
#
# One takes a power of two, since it changes the exponent and no digit of the mantissa.

# %% [markdown]
# ### The hill
#
# The factor moves the whole hill of gradients to the right, and fp16 stays where it is.

# %% hill tags=["hide-input"]
# Draws the hill of gradients over the range of fp16, for three loss scales.
show.hill(gradients)

# %% [markdown]
# The axis counts powers of two. The factor 256 is $2^8$, so the hill moves by 8, and keeps its shape. Grey gradients are at most $2^{-25}$, half of fp16's least number, and become 0. In the yellow stripe they are subnormal, with fewer digits than eleven. The factor lifts them out of it, too.
#
# How large may the factor be? At the dotted line on the right fp16 ends. A gradient that crosses it becomes `inf`, which would ruin the weights, so such a step is left out, and the factor made smaller. A good loss scale is **as large as the largest gradient of all layers allows**. The loss itself is in fp32, and may be larger than 65,504.
#
# bf16 needs no such factor, since it has the exponents of fp32. So it is the simpler choice, and you pay for it in digits. In [[amp]] PyTorch looks for the factor during the training.

# %% [markdown]
# ## Exercise · Choose a loss scale
# ★★ · 10 minutes
#
# Write `loss_scale(gradients)`, for an fp32 tensor of any shape in which not all is 0. It returns two numbers:
#
# - `scale`, the largest power of two at which no gradient is larger than 65,504 in absolute value. It can be below 1;
# - `saved`, how many gradients this scale saves: in fp16 they are 0 without it, and not 0 with it.
#
# Then try it on `all_gradients`, those of LeNet's outputs and of its weights.
#
# <details><summary>Hint</summary>
#
# How many times does the largest gradient fit into 65,504? `log2()` and `floor()` of that give the power of two. For `saved`, store the gradients with `half()` twice, and let PyTorch do the rounding.
#
# </details>


# %% tags=["exercise"]
def loss_scale(gradients):
    """The largest power of two that no gradient forbids, and how many gradients it saves."""
    raise NotImplementedError


# %% tags=["check"]
check.loss_scale(loss_scale)


# %% tags=["solution", "hide-cell"]
def loss_scale_solution(gradients):
    room = torch.finfo(torch.float16).max / gradients.abs().max()
    scale = 2.0 ** room.log2().floor().item()
    lost = gradients.half() == 0
    kept = (gradients * scale).half() != 0
    return scale, (lost & kept).sum().item()


# %% [markdown]
# ## Remember
#
# - A float has a fixed number of digits, so its gaps grow with the number: the bits of the exponent buy range, those of the mantissa digits.
# - A sum swallows a term smaller than half its gap, so weights and totals stay in fp32, and products run in 16 bits.
# - fp16 turns gradients below $3 \cdot 10^{-8}$ into 0; a loss scale lifts them, as far as the largest gradient allows, and bf16 needs none.

# %% [markdown]
# ## Scorecard
#
# What this lesson claims of the formats, beside what your run counted.

# %% tags=["scorecard"]
claims.show("formats")

# %% [markdown]
# ## Deeper
#
# ### Training in pure fp16 and bf16
#
# Do swallowed steps and lost gradients harm a training? We train a network that paints its input again through 32 numbers, with Adam. On purpose we make its gradients tiny: we divide the loss by 1,000. All values but the loss and Adam's averages pass through 16 bits wherever they would be stored. Then we keep the weights in fp32, or use a loss scale, or both. The error is in per cent of that of always guessing the mean picture.

# %% tags=["hide-input"]
# Trains the network nine times, and shows the error that is left.
show.nine_trainings()

# %% [markdown]
# Here each format needs one remedy. In fp16 the loss scale repairs nearly everything, and fp32 weights alone hardly anything: what never arrives cannot be added. In bf16 it is the other way round. Its gradients arrive, and the weights swallow the steps. With a smaller learning rate the weights of fp16 swallow the steps, too; for other networks the damage can be smaller, or none. Mixed precision takes both parts in fp16, and leaves out the scale in bf16.
#
# ### Why softmax subtracts the maximum
#
# $e^{12}$ is 162,755, more than fp16 can hold. So a softmax by hand overflows already for the logits 12 and 10:

# %%
logits = torch.tensor([12, 10], dtype=torch.float16)
print("by hand  ", (logits.exp() / logits.exp().sum()).tolist())
print("softmax()", logits.softmax(0).tolist())

# %% [markdown]
# The first is ∞ / ∞, which is NaN. The remedy is to subtract the maximum first. The logits 0 and −2 have the same softmax, because $e^{12}$ cancels above and below the line. Now the largest term is 1, and nothing can overflow. Very small terms may become 0, which does no harm beside a 1. PyTorch's softmax subtracts the maximum, and computes in fp32 inside. Do so in your own code, and where you write a loss, use `F.cross_entropy` on the logits, and not `softmax` and `log`.
#
# ### Floats of 8 bits, and of 19

# %% tags=["hide-input"]
# Draws all positive numbers of two formats of 8 bits.
show.eight_bits()

# %% [markdown]
# Eight bits are too few for all purposes, so there are two formats. [Micikevicius et al. (2022)](https://arxiv.org/abs/2209.05433) recommend e4m3 for weights and activations, and e5m2, which has the exponents of fp16, for gradients. In PyTorch they are `torch.float8_e4m3fn` and `torch.float8_e5m2`. With the short range of e4m3 one factor for the whole network is not enough: each tensor, or each block of numbers, gets a scale of its own. [[torchao]] tells more.
#
# **tf32** has the exponent of fp32 and the mantissa of fp16, and no tensor is stored in it. Some GPUs round the inputs of a convolution in fp32 to it. [[amp]] tells how to switch it on for products.
#
# **Sources.** P. Micikevicius et al., *Mixed precision training*, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740), has fp32 weights and loss scaling; D. Kalamkar et al., *A study of BFLOAT16 for deep learning training*, 2019, [arXiv:1905.12322](https://arxiv.org/abs/1905.12322); PyTorch's notes on [numerical accuracy](https://docs.pytorch.org/docs/stable/notes/numerical_accuracy.html) say in which type products are summed.
#
# **Recommended video.** NVIDIA, *Automatic Mixed Precision Training in PyTorch*, [youtube.com/watch?v=b5dAmcBKxHg](https://www.youtube.com/watch?v=b5dAmcBKxHg).
#
# **Going further.** Count in fp8: add in fp32, and store with `to()`. Write a sum in fp16 that keeps what it rounds away (Kahan's), and find out how far it counts. Draw the hill of your own network, before and after training.
#
# **Credits.** The idea of this course in one lecture is [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning) (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

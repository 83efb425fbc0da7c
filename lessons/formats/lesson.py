# ---
# jupyter:
#   course:
#     promise: You will say what a float of 16 bits can hold, which sums swallow a term, and which factor saves small gradients.
#     seconds: 15
#     needs: []
#     values:
#       lost: f'{lost[1]:.1f}'
#       rescued: f'{lost[65_536]:.1f}'
#     goals:
#       - work out a format's largest and smallest number and its gaps from its bits;
#       - say which sums swallow a term, and what therefore stays in fp32;
#       - choose a factor on the loss that saves small gradients.
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

from course_utils import claims, runtime
from lessons.formats import show
from lessons.formats import tasks as check

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Count to ten thousand
#
# PyTorch usually computes in **fp32**, with floats of 32 bits. 16-bit floats take half the memory, and many chips multiply them faster. Two formats are common: **fp16** keeps 11 binary digits of a number, and **bf16** keeps 8.
#
# **Predict.** We begin at 0 and add 1, ten thousand times. After each addition, the total is stored in fp16. Where does the count end: **A** at 10,000, **B** close to 10,000, or **C** at 2,048?

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
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# In binary, 2,048 is a 1 with eleven zeros. That's twelve digits, and fp16 keeps eleven:
#
# | number | first eleven digits | twelfth |
# |---|---|---|
# | 2,048 | 10000000000 | 0 |
# | 2,049 | 10000000000 | 1 |
# | 2,050 | 10000000001 | 0 |
#
# A twelfth digit of 0 can be left out, so fp16 has 2,048 and 2,050. But 2,049 lies exactly half-way between them. Such a **tie** goes to the neighbour whose last kept digit is 0, here 2,048. The next addition meets the same tie, and the count never gets any further. There was no error and no warning.
#
# **Try it.** What if we count by twos? Change `total += 1` to `total += 2`, and run the two cells again. Then change it back.
#
# <details><summary>What others found</summary>
#
# fp16 ends at 4,096 and bf16 at 512. What matters is how large the total is *beside the number that we add*.
#
# </details>

# %% [markdown]
# ## 2. Why the gaps grow
#
# From 2,048 on, fp16 has only every second number. Why? Let's take a float apart, say 5.5. In binary it's 101.1: one 4, no 2, one 1 and one half. We move the point two places to the left, and remember the 2:
#
# $$5.5 \;=\; 101.1_2 \;=\; 1.011_2 \cdot 2^2$$
#
# A float stores the **sign**, here plus, the **exponent**, here 2, and the digits behind the point, here 011, which are called the **mantissa**. The digit in front of the point needs no bit, because a binary number always begins with a 1. Together with the ten bits of fp16's mantissa, it makes the eleven digits of section 1, the **significand**.
#
# To see *all* numbers of a format, let's build a toy with five bits: one for the sign, two for the exponent and two for the mantissa. The four mantissas are 00, 01, 10 and 11. With the exponent 0 they make 1.00, 1.01, 1.10 and 1.11 in binary, which is 1, 1.25, 1.5 and 1.75. With the exponent 1 these four numbers double, and with the exponent 2 they double again.
#
# But two bits make four patterns. If the numbers of the fourth also began with a 1, there would be no 0. So they begin with a 0, and share the exponent 0 with 1 to 1.75: they are 0, 0.25, 0.5 and 0.75, and fill the space below 1 with the same gap as above it. Apart from 0 itself, such numbers are called **subnormal**.

# %% toy tags=["hide-input"]
# Draws all numbers of the toy from 0 up.
show.toy()

# %% [markdown]
# **The gaps grow with the numbers**, because each stretch from one power of two to the next is twice as long as the one before, and has just as many numbers. With $M$ bits of mantissa it has $2^M$ of them, so from $2^e$ on the gap is
#
# $$2^e / 2^M \;=\; 2^{e-M}$$
#
# In the toy, that's $2^{2-2} = 1$ from 4 on. In fp16, with ten bits of mantissa, it's $2^{11-10} = 2$ from $2^{11} = 2{,}048$ on. In bf16, with seven, it's $2^{8-7} = 2$ from $2^8 = 256$ on. There our counts stopped.

# %% [markdown]
# ## 3. Bits for range, and bits for digits
#
# A bit for the exponent buys **range**: larger and smaller numbers. A bit for the mantissa halves the gaps.
#
# Let's work out fp16 by hand. It has five bits for the exponent, which make 32 patterns. One is for 0 and the subnormal numbers, and one for infinity, `inf`, and for results that aren't a number. The other 30 are shared out evenly: 15 for the exponents $1$ to $15$, and 15 for $0$ down to $-14$. bf16 and fp32 follow the same rule: with $E$ bits, the exponents run from $2 - 2^{E-1}$ to $2^{E-1} - 1$.
#
# - **The gap at 1**, where the exponent is 0, is $2^{0-10}$, about 0.001.
# - **The largest number** is one gap below $2^{16}$, which would need the exponent 16. The gap there is $2^{15-10} = 32$, and 65,536 − 32 = 65,504. A result that would be rounded to 65,536 or more is an **overflow**, and becomes `inf`.
# - **The smallest number above 0** is one gap at the lowest exponent, like 0.25 in the toy: $2^{-14-10} = 2^{-24}$, about $6 \cdot 10^{-8}$. A result no larger than half of that, $3 \cdot 10^{-8}$, becomes 0, an **underflow**.
#
# PyTorch tells you the first two. It calls the gap at 1 `eps`:

# %%
info = torch.finfo(torch.float16)
print(info.eps, info.max)

# %% [markdown]
# **Predict.** bf16 has eight bits for the exponent and seven for the mantissa. What becomes of 1.001 and of 100,000 in it: **A** 1.001 keeps its digits, and 100,000 becomes `inf`, **B** 1.001 becomes 1, and 100,000 becomes `inf`, or **C** 1.001 becomes 1, and 100,000 stays near 100,000?

# %% three_formats tags=["hide-input"]
# Draws the bits of three formats, their largest number and their gap at 1.
show.three_formats()

# %% [markdown] tags=["answer"]
# **1.001 becomes 1, and 100,000 stays near 100,000 (C), because seven bits make the gap at 1 $2^{0-7}$, about 0.008, and eight bits reach the exponent $2^7 - 1 = 127$.** That's a range up to nearly $2^{128}$, as in fp32, because bf16 is the first half of an fp32 number. fp16 lacks range, and bf16 lacks digits.

# %% [markdown]
# And what is the smallest number of bf16? Its lowest exponent is $2 - 2^7 = -126$, and one gap there is $2^{-126-7} = 2^{-133}$, about $10^{-40}$. During training, sums need digits and gradients need range.

# %% [markdown]
# ## 4. Sums: what becomes of small updates
#
# In each step, the optimizer adds a small *update* to a weight. Suppose the weight is 1 and the update 0.0001, both in fp16. The gap at 1 is 0.001, and half of it is 0.0005. The update is smaller, so the weight is rounded back to 1. fp16 can hold 0.0001, but it's too small *beside 1*.
#
# **A sum swallows a term that is smaller than half the gap to the next number in the term's direction.** At exactly half, it's a tie, as in section 1.
#
# Are real updates so small? Take LeNet, a small network that has learned to recognize the clothes of Fashion-MNIST. A typical weight is 0.05, between $2^{-5}$ and $2^{-4}$. In a step of SGD with a learning rate of 0.01, a typical update is 0.00001.
#
# **Predict.** We store the weights in bf16. Of those that should change, how many stay as they are: **A** most, **B** about a third, or **C** fewer than one in ten?

# %%
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

from course_utils import checkpoints, data

lenet = checkpoints.load("lenet_fashion_0")  # comes with the course, already trained
images, labels = data.load("fashion_mnist", n=512)

F.cross_entropy(lenet(images[:64]), labels[:64]).backward()
weights = parameters_to_vector(lenet.parameters())  # all in one long vector
update = -0.01 * parameters_to_vector(p.grad for p in lenet.parameters())
weights, update = weights[update != 0], update[update != 0]  # those that should change

swallowed = {}
for dtype in formats:
    stored = weights.to(dtype)
    after = (stored.float() + update).to(dtype)
    swallowed[dtype] = 100 * (after == stored).float().mean().item()

# %% what_a_sum_swallows tags=["hide-input"]
# Prints for each format how many of these weights stay as they are.
print("of the weights that should change, these stay as they are")
for dtype, share in swallowed.items():
    print(f"{str(dtype)[6:]}: {share:.0f} %")

# %% [markdown] tags=["answer"]
# **Most (A), because the gap of bf16 at 0.05 is $2^{-5-7} = 0.00024$, and half of it is 0.00012.** A typical update is only about a tenth of that. In fp16 half a gap is eight times smaller, about as large as a typical update, so about half of the weights stay.

# %% [markdown]
# At ten times the rate, about half would still stay in bf16. The first step of Adam at 0.001 loses none, because it moves nearly every weight by 0.001, and its later steps are smaller. A weight is the sum of thousands of updates, and many are small, so **weights stay in fp32**. Products may read a 16-bit *copy* of them. It's made anew in each step, so its rounding errors don't add up.
#
# A layer's output is a sum of many products, and once the total is large, the next product may be smaller than half a gap. So chips and libraries usually keep the total in fp32, and round only the result. The loss, a mean over the batch, stays in fp32, too, and so do Adam's running means, to which each step adds only a little.
#
# **Products in 16 bits, sums in fp32**: this is the idea of *mixed precision*.

# %% [markdown]
# ## 5. Small gradients: why the loss gets a factor
#
# Do gradients really get as small as $3 \cdot 10^{-8}$? Suppose that LeNet sees a shoe, and gives "bag" a probability of 0.00001. With the cross-entropy loss, the gradient with respect to the output for "bag" is this probability, divided by the number of images, because the loss is a mean over the batch. With 512 images that's 0.00001 / 512, about $2 \cdot 10^{-8}$. In mixed precision the outputs come from an fp16 product, so their gradients are in fp16, too, and this one becomes 0.
#
# The remedy follows from the chain rule. If the *loss* is 256 times as large, then every gradient is 256 times as large. Ours becomes $5 \cdot 10^{-6}$, and fp16 can hold that. At the end, the gradients of the weights are converted to fp32 and divided by 256 again, so the optimizer gets the true ones. The factor is called the **loss scale**. How many gradients of LeNet's outputs does it save? We compute them in fp32, and count those that become 0 when fp16 stores them.

# %%
outputs = lenet(images)  # 512 images, 10 outputs each
loss = F.cross_entropy(outputs, labels)

lost = {}
for scale in (1, 256, 65_536):
    (gradients,) = torch.autograd.grad(scale * loss, outputs, retain_graph=True)
    lost[scale] = 100 * (gradients.half() == 0).float().mean().item()  # half() stores in fp16

# %% small_gradients tags=["hide-input"]
# Prints for each factor how many gradients become 0.
print("become 0 in fp16")
for scale, share in lost.items():
    print(f"factor {scale:,}: {share:.1f} %")

# %% [markdown]
# The figure shows the sizes of these gradients as powers of two: −10 stands for $2^{-10}$. fp16 ends at the dotted lines: up to $2^{-25}$ a gradient becomes 0, and from about $2^{16}$ on `inf`. The factor 65,536 is $2^{16}$, so it moves the hill to the right by 16.

# %% hill tags=["hide-input"]
# Draws the hill of gradients over the range of fp16, for two loss scales.
show.hill(gradients / scale)

# %% [markdown]
# The factor saves digits, too. Between $2^{-25}$ and $2^{-14}$, where more than half of the first hill lies, fp16 stores a subnormal number, which has fewer digits because it begins with zeros.
#
# Why not take a huge factor? A gradient that becomes `inf` would ruin the weights, so its whole step has to be left out. **The largest gradient sets the limit.** It isn't in the figure, which shows only gradients of outputs. In LeNet it belongs to a parameter of a convolution, whose gradient adds up what comes from every position of every image:

# %%
wanted = (outputs, *lenet.parameters())
all_gradients = parameters_to_vector(torch.autograd.grad(loss, wanted, retain_graph=True))
print(f"{all_gradients.abs().max():.2f}")

# %% [markdown]
# If the largest gradient is 0.1, the scale may be 65,504 / 0.1 = 655,040 at most. We choose a power of two, because multiplying by it normally changes only the exponent. The next one below is $2^{19} = 524{,}288$. But the next batch may have larger gradients, so in practice you stay lower. With 65,536 the largest may grow to nearly 1, and still hardly any gradients become 0.
#
# Does it matter? In LeNet hardly, because fp16 loses only the smallest gradients, and of the *weights'* gradients next to none. In other networks it can. [Micikevicius et al., 2018](https://arxiv.org/abs/1710.03740), trained SSD, a network that finds objects in photographs. With products in fp16 and no loss scale the training diverged. With a factor of 8 it trained as well as in fp32.
#
# **bf16 needs no loss scale**, because it has the exponents of fp32. So it's the simpler choice where your chip multiplies it fast.

# %% [markdown]
# ## Exercise · Choose a loss scale
# ★ · 10 minutes
#
# Write `loss_scale(gradients)`, for an fp32 tensor of any shape that isn't all zeros. It returns two numbers:
#
# - `scale`, the largest power of two with which no gradient exceeds 65,504 in absolute value (it can be below 1);
# - `saved`, the number of gradients that this scale saves: in fp16 they are 0 without it, and not 0 with it.
#
# Then try it on `all_gradients`.
#
# <details><summary>Hint</summary>
#
# How many times does the largest gradient fit into 65,504? `log2()` and `floor()` give the exponent of the scale. For `saved`, store the gradients in fp16 twice.
#
# </details>


# %% tags=["exercise"]
def loss_scale(gradients):
    """The largest power of two for which no gradient overflows, and how many gradients it saves."""
    raise NotImplementedError


# %% tags=["check"]
check.loss_scale(loss_scale)


# %% tags=["solution", "hide-cell"]
def loss_scale_solution(gradients):
    room = torch.finfo(torch.float16).max / gradients.abs().max().double()
    scale = 2.0 ** room.log2().floor().item()
    lost = gradients.half() == 0
    kept = (gradients * scale).half() != 0
    return scale, (lost & kept).sum().item()


# %% [markdown]
# ## Remember
#
# - All floats of a format, except the subnormal ones, have equally many digits, so the gaps grow with the number; fp16 lacks range, and bf16 lacks digits.
# - A sum swallows a term that is smaller than half the gap to the next number, so weights and totals stay in fp32.
# - fp16 turns gradients below about $3 \cdot 10^{-8}$ into 0; a loss scale saves them, and the largest gradient limits it.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("formats")

# %% [markdown]
# ## Deeper
#
# ### Why softmax subtracts the maximum
#
# A softmax divides $e^{x}$ of each output by their sum. But $e^{12}$ is 162,755, more than fp16 can hold. So a softmax that you write yourself already overflows for the outputs 12 and 10:

# %%
logits = torch.tensor([12, 10], dtype=torch.float16)
print("by hand  ", (logits.exp() / logits.exp().sum()).tolist())
print("softmax()", logits.softmax(0).tolist())

# %% [markdown]
# By hand, the first result is `inf` divided by `inf`, which is NaN. The remedy is to subtract the maximum first. The outputs 0 and −2 have the same softmax, because $e^{12}$ cancels in the fraction. Now the largest term is $e^0 = 1$, and nothing can overflow. PyTorch's `softmax` does this, and so does `F.cross_entropy`.
#
# ### Floats of 8 bits, and of 19
#
# Eight bits are too few for one format to serve all purposes. [Micikevicius et al., 2022](https://arxiv.org/abs/2209.05433), recommend *e4m3*, with 4 bits of exponent and 3 of mantissa, for weights and activations, and *e5m2*, which has the exponents of fp16, for gradients. In PyTorch they are `torch.float8_e4m3fn` and `torch.float8_e5m2`. e4m3 ends at 448, so each tensor, or each block of numbers, gets a scale of its own ([[torchao]]).
#
# **tf32** has the exponent of fp32 and the mantissa of fp16, 19 bits with the sign. No tensor is stored in it. Some GPUs round the inputs of an fp32 product to it, because that makes the product faster ([[amp]]).
#
# ### When the weights themselves have to be bf16
#
# Large models are sometimes trained without fp32 weights, to save memory. Then only the larger updates get through, and the networks of [Zamirai et al., 2020](https://arxiv.org/abs/2010.06192), learned more slowly and ended less accurate.
#
# Small updates can survive even in bf16, by *stochastic rounding*. If an update is a tenth of a gap, the weight moves by a whole gap with a probability of one tenth, and stays where it is otherwise. A single update is then wrong, but the mean of many is right. With it, their networks did about as well as in fp32, so it was the rounding that had held them back.

# %% [markdown]
# **Sources.** P. Micikevicius et al., *Mixed precision training*, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740); D. Kalamkar et al., *A study of BFLOAT16 for deep learning training*, 2019, [arXiv:1905.12322](https://arxiv.org/abs/1905.12322); PyTorch on [numerical accuracy](https://docs.pytorch.org/docs/stable/notes/numerical_accuracy.html).
#
# **Recommended video.** NVIDIA, *Automatic Mixed Precision Training in PyTorch*, [youtube.com/watch?v=b5dAmcBKxHg](https://www.youtube.com/watch?v=b5dAmcBKxHg).
#
# **Credits.** The idea of this course in one lecture is [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning) (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **A training that stands still.** In [[amp]] the weights stay in fp32, as they should, and only products run in fp16. Still, not a single weight moves. Three calls repair it, and none of them asks you for a loss scale.

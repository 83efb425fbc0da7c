# ---
# jupyter:
#   course:
#     promise: You will know what a float of 16 bits can hold, what it loses, and why sums and weights stay in 32 bits.
#     seconds: 35
#     needs: [measuring, energy]
#     goals:
#       - Take a float apart by hand, and say which numbers a format rounds, swallows or cannot hold.
#       - Say what fp16, bf16 and tf32 give up against fp32, and choose a loss scale.
#       - Find out by an experiment why a training in 16 bits fails.
#       - Say in which type an operation runs under autocast, on a CPU and on a GPU.
#     terms: [autocast, bf16, fp16, loss scale, overflow, significand, subnormal, tf32, underflow]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Half the bits. Which numbers are gone, and does a training run need them?*
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
# *For the lecturer, 1 min.* Ask before anything runs: "Who has trained in fp16? Did anything go wrong?" Collect what went wrong (NaN, no speed-up) on the board.
# Transition: "We begin with the simplest computation there is: counting."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
from statistics import fmean

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils import data, models, runtime, training
from course_utils.scorecard import claims
from course_utils.show.tables import Table, mean_and_range
from lessons.formats import checks as check
from lessons.formats import show

runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()
low = torch.float16 if device.type == "cuda" else torch.bfloat16  # autocast's default on this kind of device
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Count to ten thousand
#
# A pocket calculator keeps three digits. It counts 998, 999, 1,000. But 1,000 + 1 has four digits. It keeps the first three, so it shows 1,000 again, and again.
#
# A float of 16 bits keeps 11 *binary* digits (**fp16**) or 8 (**bf16**).
#
# **Predict.** Start at 0 and add 1, ten thousand times. Where does the count end in fp16, and where in bf16? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let everybody write down two numbers. Expect "about 10,000, with some error". If the room is silent, ask
# which is the first number that needs a twelfth binary digit.

# %% [markdown] slideshow={"slide_type": "skip"}
# A sum in fp16 can get stuck. Here is why. A number like 1,000 is easy for a calculator with three digits: it keeps 1.00 and remembers beside it that the point must move three places to the right, $1.00 \cdot 10^3$. So it can hold 1,000, and also 1,000,000. What it cannot hold is 1,001, because that needs a fourth digit. A computer does the same with binary digits, each 0 or 1. Its numbers are called *floating-point numbers*, floats for short, because the point moves.
#
# The next function counts. After every single addition its total is stored in the given type.


# %% slideshow={"slide_type": "skip"}
def count_up(dtype, times=10_000):
    total = torch.zeros((), dtype=dtype)
    for _ in range(times):
        total += 1
    return total.item()


reached = {t: count_up(t) for t in (torch.float32, torch.float16, torch.bfloat16)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Shows where the count ended in each type.
Table(["type", "the count ends at"], [[str(dtype)[6:], f"{end:,.0f}"] for dtype, end in reached.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The count ends at 2,048 in fp16 and at 256 in bf16, without an error message.**
#
# <!-- page -->
#
# In the binary system 2,048 is $2^{11}$, a 1 with eleven zeros, as 1,000 is a 1 with three zeros. Smaller whole numbers have at most eleven digits, so fp16 keeps them exactly, and the zeros at the end of 2,048 need not be kept. But the next number, 2,049, is 100000000001, which has twelve digits and ends in a 1. fp16 must drop the last digit, and is back at 2,048. bf16 keeps 8 digits, so it gets stuck at $2^8 = 256$. fp32 keeps 24, and would get stuck at $2^{24}$, about 16.8 million.
#
# Both formats can hold much larger numbers. It is the small addend that gets lost, because the total is large. If we had added 64 in each step, fp16 would have counted past ten thousand without any loss.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. A float, taken apart
#
# $$x = (-1)^s \cdot 2^{e} \cdot (1 + m), \qquad 0 \le m < 1$$
#
# - **sign** $s$: one bit
# - **exponent** $e$: moves the point; its bits decide how *large* and how *small* a number can be
# - **mantissa** $m$: the digits behind the point; its bits decide how *close together* numbers lie
#
# For example $5.5 = 101.1_2 = 1.011_2 \cdot 2^2$: the exponent is 2, and the mantissa has the digits 011.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Take 5.5 apart on the board, then let the room do 6.5 (110.1, so 1.101 and exponent 2) and 0.375 (0.011, so 1.1 and exponent -2). Ask what the first digit always
# is, and whether one has to store it.

# %% [markdown] slideshow={"slide_type": "skip"}
# **One number by hand.** In 5.5 there is one 4, no 2, one 1 and one half: $101.1_2$. Move the point two places to the left, and remember the 2: $1.011_2 \cdot 2^2$. The first digit is always a 1 (what else could a *first* binary digit be?), so it need not be stored. fp16 has one bit for the sign, 5 for the exponent and 10 for the mantissa. It stores:
#
# | | bits | meaning |
# |---|---|---|
# | sign | 0 | positive |
# | exponent | 10001 | 17; the exponent is this number less 15, so that it can also be negative: 2 |
# | mantissa | 0110000000 | the digits behind the point |
#
# The ten stored digits and the leading 1 are the eleven digits of section 1. Together they are called the **significand**. (The word *mantissa* means the stored part alone in this course; some sources use it for the whole.)
#
# **A toy format.** Five bits are few enough to see everything: one for the sign, 2 for the exponent, 2 for the mantissa. Let the exponent be 0, 1 or 2. The two bits of the mantissa give four numbers for each exponent:
#
# | exponent | numbers | gap |
# |---|---|---|
# | 0 | 1, 1.25, 1.5, 1.75 | $\frac{1}{4}$ |
# | 1 | 2, 2.5, 3, 3.5 | $\frac{1}{2}$ |
# | 2 | 4, 5, 6, 7 | 1 |
#
# So **the gaps grow with the numbers**. This is the most important fact about floats. Between two powers of two there are always four numbers, and the next interval is twice as long. In general a format with $M$ bits of mantissa has the gap $2^{e - M}$ between $2^e$ and $2^{e+1}$.
#
# One pattern of the exponent's two bits is left, 00. Without it the toy would have no 0, because a leading 1 is never 0. So this pattern says: *no* leading 1, and otherwise as with the exponent 0. It gives 0, 0.25, 0.5 and 0.75. Such numbers are called **subnormal**. They fill the hole between the smallest normal number and 0, with the gap of the lowest exponent.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A float of five bits
#
# Two bits of exponent, two of mantissa.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws all numbers of the toy format from 0 up.
show.toy()

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let the room count the marks of each colour. Ask where a third bit of exponent would put new marks, and where a third bit of mantissa would: beyond 7 and near 0, or
# half-way between the old ones.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Four numbers for the toy
#
# A number that the format does not have is rounded to the nearest one. Half-way between two, it goes to the one whose last bit is 0.
#
# **Predict.** What does the toy make of 3.3, of 0.1, of 4 + 0.5, and of 9? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* One minute with a pencil. Take the four answers one by one; ask for 4 + 0.5 last, and let somebody write 4 and 5 in bits. Then ask for 5 + 0.5.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws what becomes of four numbers in the toy format.
show.toy([0.1, 3.3, 4.5, 9.0])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **3.3 becomes 3.5, 0.1 becomes 0, 4 + 0.5 stays at 4, and 9 is too large: it becomes infinity.**
#
# <!-- page -->
#
# - 3.3 lies between 3 and 3.5, and 3.5 is nearer. This is ordinary *rounding*. The error is at most half a gap.
# - 0.1 lies between 0 and 0.25, and 0 is nearer. A number that becomes 0 because it is too small is an **underflow**.
# - 4.5 lies half-way between 4 and 5. With the exponent 2 the mantissa of 4 is 00 and that of 5 is 01, so 4 ends in a 0 and wins. The sum has *swallowed* the 0.5. By the same rule 5 + 0.5 becomes 6 (mantissa 10).
# - 9 lies beyond 7. This is an **overflow**, and floats have the value `inf` for it. (Beyond 7 the next number would be 8. Up to half-way, 7.5, a number is rounded down to 7; from there on it overflows.)
#
# The toy has no pattern left for `inf`. Real formats reserve one pattern of the exponent, all ones, for `inf` and for NaN, "not a number", which is what you get for $\infty - \infty$ or 0 / 0.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The same for every format
#
# Look for the exponent, from it for the gap, and round to a multiple of the gap.


# %% slideshow={"slide_type": "-"}
def rounded(x, mantissa_bits, lowest, largest):
    exponent = torch.frexp(x).exponent - 1
    gap = 2.0 ** (exponent.clamp(min=lowest).double() - mantissa_bits)
    near = torch.round(x / gap) * gap
    return torch.where(near.abs() > largest, near.sign() * torch.inf, near)


print(rounded(torch.tensor([3.3, 0.1, 4.5, 9.0]).double(), 2, 0, 7))  # the toy

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Go through the four lines with 3.3: exponent 1, gap a half, 6.6 gaps, rounded to 7, which is 3.5. Ask which line makes the subnormal numbers (the clamp). Then: "These
# four lines are fp16, if you give them 10, -14 and 65,504."

# %% [markdown] slideshow={"slide_type": "skip"}
# `frexp` gives the exponent of a number (for a significand between a half and 1, hence the − 1). The `clamp` makes the subnormal numbers: below the lowest exponent the gap stays as it is. `torch.round` sends ties to the even multiple, and that is the one whose last bit is 0. (We compute in *double*, 64 bits, so that our own arithmetic adds no rounding.)
#
# fp16 has 10 bits of mantissa, exponents from −14 to 15, and 65,504 for its largest number (section 3 works that out). We let our function and PyTorch store a million numbers of all sizes, and count where they differ.

# %% slideshow={"slide_type": "skip"}
some = (torch.randn(1_000_000) * 2.0 ** torch.randint(-30, 18, (1_000_000,))).double()
ours, theirs = rounded(some, 10, -14, 65_504), some.float().half().double()
differ = int((ours != theirs).sum())
print(f"{differ} of a million differ; {int(theirs.isinf().sum()):,} overflow, {int((theirs == 0).sum()):,} underflow")

# %% [markdown] slideshow={"slide_type": "skip"}
# Not one differs, so these four lines are all there is to fp16.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What each format gives up
#
# An exponent bit more doubles the range of exponents, a mantissa bit more halves the gaps.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the bits of four formats, and the powers of two that they reach.
FORMATS = {"fp32": (8, 23), "tf32": (8, 10), "fp16": (5, 10), "bf16": (8, 7)}  # bits of exponent and mantissa
show.bits_and_reach(FORMATS)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Left: count the orange cells, then the blue ones; which two rows have equally many of one colour? Right: which bars are short, and why. Say that nothing is ever stored
# in tf32: it exists only inside a product.

# %% [markdown] slideshow={"slide_type": "skip"}
# **fp16 by hand.** Five bits of exponent can count from 0 to 31. Both ends are reserved, 0 for subnormal numbers and 31 for `inf` and NaN. What is left, 1 to 30, stands for the exponents −14 to 15. So:
#
# - The largest number has all ten digits 1 and the exponent 15: $1.1111111111_2 \cdot 2^{15} = (2 - 2^{-10}) \cdot 2^{15} = 65{,}504$.
# - The least normal number is $2^{-14}$, about 0.00006.
# - The least number above 0 is one gap of the lowest exponent: $2^{-14-10} = 2^{-24}$, about $6 \cdot 10^{-8}$. What is half as large, or smaller, becomes 0.


# %% slideshow={"slide_type": "skip"}
def limits(exponent_bits, mantissa_bits):
    """(lowest exponent, largest number) of a format."""
    highest = 2 ** (exponent_bits - 1) - 1
    return 1 - highest, (2 - 2.0**-mantissa_bits) * 2.0**highest


rows = []
for name, (exponent_bits, mantissa_bits) in FORMATS.items():
    lowest, largest = limits(exponent_bits, mantissa_bits)
    least, gap = 2.0 ** (lowest - mantissa_bits), 2.0**-mantissa_bits
    rows.append([name, f"{largest:.5g}", f"{2.0**lowest:.1e}", f"{least:.1e}", f"{gap:.1e}"])

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output", "hide-input"]
# Puts the limits of the four formats into a table.
Table(["format", "largest", "least normal", "least > 0", "gap at 1"], rows)

# %% [markdown] slideshow={"slide_type": "skip"}
# - **fp32** has 8 bits of exponent and 23 of mantissa. It is the reference: enough range, about seven decimal digits.
# - **fp16** gives up both, but mostly *range*: nothing beyond 65,504, nothing much below $10^{-7}$. Its gaps are at most a thousandth of the number.
# - **bf16** ("brain float") is simply the first half of fp32's bits. It keeps fp32's range and gives up *digits*: its gaps are up to 0.8 % of the number, so that it has between two and three decimal digits.
# - **tf32** has the exponent of bf16 and the mantissa of fp16, 19 bits with the sign. No tensor is stored in it. Some GPUs round the *inputs* of an fp32 product to it, because small factors multiply faster, and add up in fp32. In PyTorch `torch.set_float32_matmul_precision("high")` allows it. It gives up digits in products, and saves no memory.
#
# Floats of 8 bits have even less of both; *Deeper* has them.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Four numbers, four formats
#
# The largest number of fp16 is 65,504, and its least above 0 is $6 \cdot 10^{-8}$. bf16 reaches as far as fp32, with 7 bits of mantissa.
#
# **Predict.** Store 70,000, 2,049, 1.001 and $2 \cdot 10^{-8}$. Which of them does fp16 keep to within one per cent, and which bf16? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two columns on the board, fp16 and bf16; the room fills them. After the table name the three accidents: overflow, underflow, rounding. Ask which of the three one
# would notice during a training.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
# Stores four numbers in each of the four formats.
numbers = torch.tensor([70_000.0, 2_049.0, 1.001, 2e-8]).double()
Table(
    ["stored as", *(f"{x:g}" for x in numbers.tolist())],
    [
        [name, *(f"{x:.6g}" for x in rounded(numbers, bits[1], *limits(*bits)).tolist())]
        for name, bits in FORMATS.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **fp16 keeps 2,049 and 1.001, and loses the largest and the smallest number altogether. bf16 keeps all four to within one per cent.**
#
# <!-- page -->
#
# 70,000 is beyond 65,504, so fp16 gives `inf`. In bf16 the exponent is 16 and the gap $2^{16 - 7} = 512$: the nearest multiple of 512 is 70,144, off by 0.2 %. The number $2 \cdot 10^{-8}$ is less than half of fp16's least number, so it becomes 0; bf16 has it to 0.1 %.
#
# Look at the middle columns again. bf16 turns 1.001 into exactly 1. That is an error of a tenth of a per cent only, and yet all that made the number different from 1 is lost. bf16 has the *sizes* of numbers right, and not their small differences. In fp16 it is the other way round. tf32 has what is better of both.
#
# The relative error of rounding is at most half a gap: $2^{-8} = 0.4$ % in bf16, $2^{-11} = 0.05$ % in fp16, and $6 \cdot 10^{-8}$ in fp32. It is the same for all sizes of numbers, but for subnormal ones, whose gap no longer shrinks with them.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. What a sum swallows
#
# A sum swallows an addend that is smaller than *half the gap* of the total. In section 1 we added up step by step. Now we leave it to `sum()`.
#
# **Predict.** `torch.ones(10_000)` in fp16, and in bf16. What does `.sum()` give: where the count ended, 10,000, or something else? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them vote for each type. After the table: "Who can say why bf16 is off by 16?" Let them work out the gap of bf16 at 10,000: exponent 13, less 7, so 64. Then ask
# which multiple of 64 is nearest.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Two sums by hand.** Take a weight of 1 in fp16, and add 0.0001 to it. The gap behind 1 is $2^{-10} = 0.00098$, and half of it is 0.00049. The addend is smaller, so $1 + 0.0001$ is 1 again. Do it ten thousand times: the sum should be 2, and is 1.
#
# Now take a weight of 0.5 in bf16, and add 0.001. The exponent of 0.5 is −1, so the gap is $2^{-1-7} = 0.0039$, and half of it is 0.00195. The addend is smaller, and it is swallowed. In fp16 the gap at 0.5 is $2^{-1-10} = 0.00049$; there 0.001 is about two gaps, and the sum moves by 0.00098. It is rounded, but not lost.
#
# So what counts is the *ratio*. Half a gap is between $2^{-9}$ and $2^{-8}$ of the total in bf16, about 1/500 to 1/250. In fp16 it is 1/4,000 to 1/2,000, and in fp32 less than one part in sixteen million.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
# Adds up ten thousand ones with sum(), in three types.
summed = {dtype: torch.ones(10_000, dtype=dtype).sum().item() for dtype in reached}
Table(
    ["type", "step by step", "sum()"],
    [[str(dtype)[6:], f"{reached[dtype]:,.0f}", f"{total:,.0f}"] for dtype, total in summed.items()],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **`sum()` gives exactly 10,000 in fp16 and 9,984 in bf16, because it adds up in a wider format and rounds only the result.**
#
# <!-- page -->
#
# The wider format is fp32, in which all ten thousand additions are exact. At the end the total is stored in the type of the input. fp16 can hold 10,000. bf16 cannot: there the gap is $2^{13-7} = 64$, and 10,000 / 64 = 156.25, so the nearest number is $156 \cdot 64 = 9{,}984$. That is one rounding in place of ten thousand.
#
# (*Deeper* tests this against another explanation.)

# %% [markdown] slideshow={"slide_type": "skip"}
# **Products in 16 bits, sums in 32.** A layer computes sums of products, and this is how hardware and libraries divide the work. Two fp16 numbers have eleven binary digits each, so their product has at most 22, as 99 · 99 = 9,801 has four decimal digits. fp32 keeps 24, so it holds every such product *exactly*. The additions would swallow, so they run in fp32. Only the finished sum is rounded, once. A multiplier for 11 digits is far smaller than one for 24 ([[energy]]: 1.1 pJ against 3.7 pJ), so this division of work gets most of the gain and avoids most of the loss.
#
# Some of the loss remains: the *inputs* have been rounded to 16 bits, and a sum beyond 65,504 is `inf` in fp16, however carefully it was added up.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A weight is a sum, too
#
# Each step of a training adds a small update to a weight.
#
# LeNet-300-100 has learned Fashion-MNIST (clothes) for two epochs. It goes on with SGD at a learning rate of 0.01.
#
# **Predict.** If its weights were stored in bf16, how many of the updates would change nothing: **A** less than a tenth, **B** about a third, **C** most? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Give the room two numbers: a weight is about 0.025, and a step of SGD moves it by less than a hundred-thousandth. Show of hands. After the table ask what the column of Adam
# says about the size of its steps.

# %% slideshow={"slide_type": "skip"}
images, labels = (t.to(device) for t in data.load("fashion_mnist", "train", n=12_000))
lenet = models.LeNet300100()
untrained = copy.deepcopy(lenet).to(device)
training.fit(lenet, images, labels, epochs=2, batch_size=64, device=device)
lenet = lenet.cpu()


# %% slideshow={"slide_type": "skip"}
def last_update(optimizer_of):
    """(weights, how far the last of 50 steps moves them), in double precision."""
    net = copy.deepcopy(lenet).double()
    optimizer = optimizer_of(net.parameters())
    for picked in training.batches(len(images), 64, steps=50, seed=1):
        before = torch.cat([p.detach().flatten() for p in net.parameters()])
        optimizer.zero_grad()
        F.cross_entropy(net(images[picked].cpu().double()), labels[picked].cpu()).backward()
        optimizer.step()
    after = torch.cat([p.detach().flatten() for p in net.parameters()])
    moving = after != before  # a weight of a pixel that is always 0 has no gradient
    return before[moving], (after - before)[moving]


# %% slideshow={"slide_type": "skip"}
def swallowed(weights, updates, dtype):
    """Share of the updates, in %, that leave a weight of this type as it was."""
    stored = weights.to(dtype)
    return 100 * ((stored.double() + updates).to(dtype) == stored).double().mean().item()


updates = {
    "SGD, 0.01": last_update(lambda parameters: torch.optim.SGD(parameters, lr=0.01)),
    "Adam, 0.001": last_update(lambda parameters: torch.optim.Adam(parameters, lr=1e-3)),
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts for each type and optimizer the updates that change nothing.
nothing = {dtype: {name: swallowed(*step, dtype) for name, step in updates.items()} for dtype in reached}
Table(
    ["changes nothing", *updates],
    [[str(dtype)[6:], *(f"{share:.0f} %" for share in of_type.values())] for dtype, of_type in nothing.items()],
    caption="the last of 50 steps; behind the name the learning rate",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With SGD most updates would change nothing in bf16 (C). In fp16 it would be more than half of them, and in fp32 very few.**
#
# <!-- page -->
#
# A typical weight of this network is 0.025. Its exponent is −6, so the gap of bf16 there is $2^{-6-7} = 0.00012$, and half of it is 0.00006. A step of SGD is the learning rate times the gradient, and a typical one is about a tenth of this half. So the weight stays where it is, again and again: the small steps never add up, as in the count of section 1. The gaps of fp16 are eight times smaller.
#
# Adam divides each gradient by its usual size. Its typical step is some twenty times as large here, so fewer are swallowed. With a smaller learning rate, as at the end of a training, there would be more.
#
# This is why weights stay in fp32 while products read a 16-bit *copy* of them. The copy may be rounded, since it is made anew in each step. The weight itself is a sum over thousands of steps, and must not be. Activations are no such sums: each is computed, used, and forgotten.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Small gradients
#
# The least number of fp16 is $6 \cdot 10^{-8}$, and what is half as large or smaller becomes 0.
#
# A batch of 512 images goes through the trained LeNet-300-100 and back. The gradients of the *outputs* of its three layers are stored in fp16.
#
# **Predict.** How many of those that are not 0 become 0: **A** less than 1 %, **B** some per cent, **C** half? And would it be more or fewer in a network before training?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote A, B, C; then hands for "more" and "fewer" before training. After the table: ask why a larger batch has smaller gradients of outputs, and let somebody say what
# the mean in the loss divides by.

# %% [markdown] slideshow={"slide_type": "skip"}
# A loss is usually a *mean* over the batch. With 512 images the gradient of one image's output is its own gradient divided by 512. The next functions collect such gradients (with a *hook*, a function of ours that PyTorch calls after a layer) and count what fp16 loses. (What ReLU made exactly 0 is no loss, and is left out.)


# %% slideshow={"slide_type": "skip"}
def gradients(net, x, y, scale=1):
    """Gradients of scale · loss: of each layer's outputs, and of each weight and bias."""
    outputs = []
    hooks = [layer.register_forward_hook(lambda layer, given, out: outputs.append(out)) for layer in net.children()]
    loss = F.cross_entropy(net(x).float(), y)
    for hook in hooks:
        hook.remove()
    found = torch.autograd.grad(loss * scale, [*outputs, *net.parameters()])
    return found[: len(outputs)], found[len(outputs) :]


def lost(gradient, scale):
    """Share, in %, of the numbers other than 0 that become 0 in fp16 when they are multiplied by `scale`."""
    kept = gradient[gradient != 0] * scale
    return 100 * (kept.half() == 0).float().mean().item()


# %% slideshow={"slide_type": "skip"}
def of_batch(net, n):
    """Gradients of a batch of n images: of the outputs, and of the weights, as two flat tensors."""
    return [torch.cat([g.flatten() for g in group]) for group in gradients(net, images[:n].cpu(), labels[:n].cpu())]


outputs, weights = of_batch(lenet, 512)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts the gradients that fp16 loses, for three batches and three factors on the loss.
scales, table = (1, 2**8, 2**16), {"outputs, batch 512": outputs}
table["… before training"] = of_batch(untrained.cpu(), 512)[0]
for n in (64, 2048):
    table[f"outputs, batch {n:,}"] = of_batch(lenet, n)[0]
table["weights, batch 512"] = weights
Table(
    ["become 0 in fp16", *(f"loss × {k:,}" for k in scales)],
    [[name, *(f"{lost(values, k):.2f} %" for k in scales)] for name, values in table.items()],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Some per cent of the gradients of outputs become 0 (B). Before training hardly any do. A factor on the loss rescues nearly all of them.**
#
# <!-- page -->
#
# An image that the network has learned has a small gradient: its probability for the right class is nearly 1, and little is left to correct. So gradients shrink during the training. They also shrink with the batch: compare 64 images with 2,048. The gradient of a *weight* is a sum over all images of the batch. It is larger, and fewer are lost.
#
# What could one do without a new format? Nearly all of these gradients lie at the *lower* end of fp16, and the whole range above them is empty. So it would help to make all of them larger by the same factor, and there is an easy way: multiply the *loss*. By the chain rule a loss that is 256 times as large has gradients that are 256 times as large. A gradient of $2 \cdot 10^{-8}$, which fp16 turns into 0, becomes $5 \cdot 10^{-6}$, which it can hold. Before the optimizer takes its step, the gradients of the weights are divided by 256 again. The factor is called **loss scale**. One takes a power of two, because multiplying by it changes the exponent and no digit of the mantissa.
#
# Where does this stop being true? With another network, batch or loss the shares differ. bf16 does not need the scale, since it has the range of fp32. And to lose some per cent of these gradients need not harm a training; Exercise 2 is about trainings that it does harm. Micikevicius et al., who introduced the loss scale, count about 5 % of the *weight* gradients of a speech model ([2018](https://arxiv.org/abs/1710.03740), section 3.1).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### How far can one go?
#
# The chain rule carries a factor on the loss to every gradient. So the whole hill of gradients (their histogram) moves, and fp16 stays where it is.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: "Grey is gone, yellow is coarse, and over there is room that nobody uses." Before the first click ask where the hill will lie with a factor of 256, and let the room count: $2^8$, so 8
# to the right. The dashed line is where it was. Read the share that becomes 0 in each frame aloud. Last frame: "How far may one go?" The dotted line on the right is 65,504. That is exercise 1. In the next lesson PyTorch
# finds the factor by itself.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the hill of gradients over the range of fp16, for three loss scales.
show.gradients_by_scale(outputs)

# %% [markdown] slideshow={"slide_type": "skip"}
# The axis counts powers of two. A factor of $256 = 2^8$ adds 8 to each exponent, so the hill moves 8 places to the right and keeps its shape. The factor $65{,}536 = 2^{16}$ moves it by 16. The limits of fp16, the two dotted lines, stay where they are. So the share that becomes 0, which the figure counts, shrinks from several per cent to almost none. What was subnormal, with fewer digits, gets them back (*Deeper* measures that). The dotted line on the right is the other end, just above 65,504, the largest number of fp16. What reaches it becomes `inf`, and the step is lost. The gradients of this figure are still far from it at the factor 65,536, but others may be larger. So a good scale is large, but not too large ([[amp]] lets PyTorch find it during the training).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 6. Autocast: a type for each operation
#
# **Mixed precision** has three parts: products in 16 bits and sums in fp32; weights in fp32; a loss scale. `autocast` does the first for you:
#
# **Predict.** Which of these four have 16 bits afterwards: output, loss, weight, gradient of the weight? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Four votes, 16 or 32. Point at what is *not* there: nobody converted the inputs, the targets or the network. backward() stands outside the block: PyTorch
# does not recommend it inside.

# %% slideshow={"slide_type": "skip"}
net = models.make_mlp(256, 256, n_layers=3).to(device)  # three linear layers, 256 wide, with ReLU between them
x, y = (torch.randn(128, 256, device=device) for _ in range(2))
loss_fn = nn.MSELoss()

# %% slideshow={"slide_type": "-"}
with torch.autocast(device.type, dtype=low):
    output = net(x)
    loss = loss_fn(output, y)
loss.backward()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Prints the types of the four.
named = {"output": output, "loss": loss, "weight": net[0].weight, "gradient": net[0].weight.grad}
Table(list(named), [[str(tensor.dtype).removeprefix("torch.") for tensor in named.values()]])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Only the output has 16 bits. The loss, the weight and its gradient are float32.**
#
# <!-- page -->
#
# Inside the block `autocast` decides for each operation. A linear layer is a product, so its inputs are cast to 16 bits, and so is its output. A loss is a mean over many numbers, so it runs in fp32. The weights were fp32 and stay so, because they are sums over the steps: the layer reads a 16-bit copy. And the gradient of an fp32 tensor is always stored in fp32.
#
# `backward()` stands outside the block on purpose: each backward operation takes the type that its forward operation had.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The map of casts
#
# **Predict.** Which type have the gradients *between* the layers? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* First frame: follow the colours from left to right; the input arrives in fp32, and the first layer casts it. Dashed: the copies of the weights. Vote, then the second
# frame. Ask where on this map a small gradient can become 0, if the thin yellow is fp16.


# %% slideshow={"slide_type": "skip"}
flow, back = [], {}  # what hooks see: (layer, type in, type out), and the types of the gradients


def note(layer, given, out):
    at = len(flow)
    flow.append((type(layer).__name__, given[0].dtype, out.dtype))
    out.register_hook(lambda g: back.update({at: g.dtype}))


hooks = [layer.register_forward_hook(note) for layer in net]
with torch.autocast(device.type, dtype=low):
    loss = loss_fn(net(x), y)
loss.backward()
for hook in hooks:
    hook.remove()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the types that the hooks saw: forward, then backward.
show.cast_map(flow, back, low)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **They have 16 bits. The gradient of a weight is rounded to 16 bits as well, and then stored in fp32.**
#
# <!-- page -->
#
# The gradient of a tensor has the type of the tensor, and the tensors between the layers have 16 bits. So all gradients pass through 16 bits on their way back, and if these are fp16, small ones become 0 there. It does not help that the gradient of the weight is stored in fp32 at the end. That is why the loss scale is the third part, and why it must be on the *loss*, before the way back begins.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Which operation runs in which type?
#
# From [PyTorch's documentation of `torch.amp`](https://docs.pytorch.org/docs/stable/amp.html):
#
# | operations | on CUDA | on a CPU |
# |---|---|---|
# | `matmul`, `linear`, convolutions | 16 bits (float16) | 16 bits (bfloat16) |
# | `cross_entropy`, `mse_loss`, `prod` | float32 | float32 |
# | `softmax`, `layer_norm`, `sum`, `exp`, `log` | **float32** | **type of the input** |
# | `relu`, `tanh`, 2-D pooling | type of the input | type of the input |
# | `+`, `cat` | the wider input | the wider input |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Beside the 16-bit type only the bold row differs. Ask for each operation of that row what could go wrong in fp16, and whether it could in bf16. Then: "What type does
# softmax have under autocast?" On which device?

# %% [markdown] slideshow={"slide_type": "skip"}
# Why these lists? Products are safe in 16 bits, because they are summed in fp32. A loss, `sum`, `prod`, `softmax` (shares that add up to 1) and `layer_norm` (which shifts and scales each row to mean 0 and variance 1) all contain long sums or products. `exp` grows fast: $e^{12} = 162{,}755$, more than fp16 can hold. So on a GPU (CUDA), where the 16-bit type is fp16, they run in fp32 and their result *stays* in fp32. On a CPU the type is bf16, which has the range for such results. There `sum` adds up in fp32 inside, as in section 4, and each result has the type of its input. `relu` only chooses among numbers that are there, so any type will do. An addition of two types takes the wider one, so a 16-bit output plus an fp32 input is fp32.
#
# The list goes by the device, not by the type. *Deeper* asks your PyTorch.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Choose a loss scale
# ★★ · 8 minutes
#
# A histogram of gradients is a dict: `{e: n}` means that $n$ gradients have a magnitude from $2^e$ to below $2^{e+1}$; bins come in any order, and $n$ may be 0. Write
# `loss_scale`: the largest power of two that makes no gradient overflow in fp16, wherever in its bin it lies. The largest fp16 number is 65,504.
#
# `loss_scale(histogram)` → a float; 1.0 where there is no gradient at all
#
# <details><summary>Hint</summary>
# Only the highest bin with something in it matters. Where does its upper edge land? 65,504 is a little less than a
# power of two. Large gradients may need a scale below 1.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* In pairs, on paper, with one histogram: {-3: 2, -20: 900}. Ask where the top bin ends with a scale of 2^16, and with 2^17. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def loss_scale(histogram):
    """Largest safe power of two as a float; 1.0 when there is no gradient at all.

    >>> loss_scale({})
    1.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.loss_scale(loss_scale)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def loss_scale_solution(histogram):
    used = [e for e, n in histogram.items() if n > 0]
    if not used:
        return 1.0
    return 2.0 ** (14 - max(used))  # the top bin then ends at 2**15; up to 2**16 it would pass 65,504


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · Which part is missing?
# ★★ · 12 minutes · an investigation
#
# Somebody stores everything in 16 bits, and the network learns badly. Which part of mixed precision is missing? You get an instrument, `error(arm, seed=n)`, which trains network number `n` and
# returns its test error in %. The arm `"16 bits"` is the training as it is, `"weights"` keeps the weights in fp32, `"scale"` adds a loss scale, `"both"` does both, `"fp32"` has no 16 bits at all.
# An arm *is as good as fp32* if its error is at most 5 points higher, on average over at least 5 networks, the same ones for all arms.
#
# `missing_part(error)` → `"weights"` or `"scale"` if this alone is as good as fp32; `"both"` if only both together are; `"neither"` if
# not even those are; `"nothing"` if 16 bits are not to blame
#
# <details><summary>Hint</summary>
# Collect the mean error of each of the five arms, and compare each with fp32. Is the training in 16 bits worse at all? An improvement is not
# yet a cure.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several trainings. In some of them gradients become 0, in some updates are swallowed, and some fail for another reason. (It never happens that each of the two parts is enough alone.) It looks at how you make your experiment, and then at what you conclude. Up to 2,000 runs are allowed for each experiment.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop; alone it takes 12. Write five numbers on the board, fp32 70, 16 bits 71, weights 70, scale 71, both 70, and ask for the conclusion. Then 20, 80, 79, 45, 21.
# The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def missing_part(error):
    """Say what is missing: "weights", "scale", "both", "neither" or "nothing".

    Args:
        error: the instrument; `error("scale", seed=3)` trains network 3
            with a loss scale and gives its test error, in %.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.missing_part(missing_part)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def missing_part_solution(error):
    arms = ("fp32", "16 bits", "weights", "scale", "both")
    mean = {arm: fmean(error(arm, seed=n) for n in range(5)) for arm in arms}
    as_good = [arm for arm in arms[1:] if mean[arm] <= mean["fp32"] + 5]
    if not as_good:
        return "neither"
    return "nothing" if as_good[0] == "16 bits" else as_good[0]


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on a real network
#
# A network learns to paint its input again through 32 numbers. Its loss is a mean over many pixels, so the gradients are tiny. Five arms, in fp16 and in bf16, three trainings each.
#
# **Predict.** Which of your conclusions fits fp16, and which bf16? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let the room say for each format which of the two dangers it has, range or digits. Then the table, row by row. Ask what one would have concluded about 16 bits if only fp16 had
# been tried, and only the row without any part.

# %% [markdown] slideshow={"slide_type": "skip"}
# The network is an *autoencoder*: one linear layer makes 32 numbers from 784 pixels, another one makes 784 pixels from the 32 numbers, and the loss is the mean squared difference. We divide this loss by 1,000, because real pictures have a million numbers, over which such a loss is a mean, and their gradients are accordingly smaller. In fp32 this costs a few points only, since Adam divides by the size of the gradients.
#
# Many CPUs are slow in fp16. So we compute in fp32 and let every value take a detour through 16 bits, wherever it would be stored. On the way back the gradient takes the same detour.


# %% slideshow={"slide_type": "skip"}
def stored(x, dtype):
    """x as it comes back from 16 bits; in the backward pass its gradient is rounded in the same way."""
    return x.to(dtype).float()


def rebuilt(layers, x, dtype):
    """What the layers make of x when every number is stored in `dtype` (the ReLU before the first changes no pixel)."""
    for layer in layers:
        sums = F.linear(stored(F.relu(x), dtype), stored(layer.weight, dtype), stored(layer.bias, dtype))
        x = stored(sums, dtype)
    return x


# %% slideshow={"slide_type": "skip"}
pixels = images.flatten(1)
unseen = data.load("fashion_mnist", "test", n=2_000)[0].flatten(1).to(device)
guess_error = F.mse_loss(pixels.mean(0).expand_as(unseen), unseen)


# %% slideshow={"slide_type": "skip"}
def trained(dtype, weights, scale, seed):
    """An autoencoder after 250 steps: values in `dtype`, weights kept in the type `weights`, the loss times `scale`."""
    runtime.seed_all(seed)
    layers = nn.ModuleList([nn.Linear(784, 32), nn.Linear(32, 784)]).to(device)
    optimizer = torch.optim.Adam(layers.parameters(), lr=2e-4, fused=True)
    for picked in training.batches(len(pixels), 64, steps=250, seed=seed):
        loss = F.mse_loss(rebuilt(layers, pixels[picked], dtype), pixels[picked]) / 1000
        optimizer.zero_grad()
        (loss * scale).backward()
        for p in layers.parameters():
            p.grad /= scale
        optimizer.step()
        for p in layers.parameters():
            p.data = stored(p.data, weights)
    return layers


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def error_left(layers, dtype):
    """The error on unseen images, in % of the error of always guessing the mean image."""
    return 100 * (F.mse_loss(rebuilt(layers, unseen, dtype), unseen) / guess_error).item()


# %% slideshow={"slide_type": "skip"}
full, found = torch.float32, {}


def three_runs(dtype, weights, scale):
    return [error_left(trained(dtype, weights, scale, seed), dtype) for seed in range(3)]


def run_arms(dtype):
    arms = {"16 bits": (dtype, 1), "weights": (full, 1), "scale": (dtype, 2**16), "both": (full, 2**16)}
    for arm, (weights, scale) in arms.items():
        found[str(dtype)[6:], arm] = three_runs(dtype, weights, scale)


run_arms(torch.float16)

# %% slideshow={"slide_type": "skip"}
run_arms(torch.bfloat16)
found["fp32"] = three_runs(full, full, 1)  # the same for both

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the errors into a table: the mean of three trainings, with the lowest and the highest.
Table(
    ["arm", "float16", "bfloat16"],
    [["fp32", *[mean_and_range(found["fp32"], "{:.0f}")] * 2]]
    + [
        [arm, *(mean_and_range(found[name, arm], "{:.0f}") for name in ("float16", "bfloat16"))]
        for arm in ("16 bits", "weights", "scale", "both")
    ],
    caption="error left, % of that of the mean image; three trainings",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In fp16 the loss scale is missing (`"scale"`), in bf16 the fp32 weights (`"weights"`). The other part alone changes next to nothing.**
#
# <!-- page -->
#
# fp16 lacks range. The gradients of the outputs are around $10^{-8}$, and most of them become 0. The network learns something (untrained, its error is about 260 %), and then stops, above the error of always guessing the mean image. fp32 weights do not help, since what never arrives cannot be added. With the loss scale the error is nearly that of fp32.
#
# bf16 lacks digits. Its gradients are as good without a scale as with it. But Adam's steps are about 0.0002 or less, and at a weight of 0.1 half a gap is 0.00024. With fp32 weights the error is that of fp32, although every product still reads weights of 8 digits.
#
# This is one small network, at one learning rate; with a larger one bf16 swallows less, and that the gradients were this small was our choice. But it shows that the two formats fail for different reasons. Mixed precision takes all parts in fp16, and leaves out the scale in bf16. What it costs and gains is the subject of [[amp]].

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# What follows is for whoever wants to see the proofs, floats of 8 bits, and what autocast does in detail.
#
# ### Where does the count stop now?
#
# In fp16 the count of section 1 ended at $2^{11}$. From there on the gap is 2.
#
# **Predict.** Start the same count at 2,050 in place of 0. Does it stop there, too? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the neighbours of a total in fp16, and where the sum falls when 1 is added.
show.one_more()

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **It does not stop at once: 2,050 + 1 becomes 2,052, and there the count ends.**
#
# From 2,048 on fp16 has only even numbers: $1024 \cdot 2$, $1025 \cdot 2$, $1026 \cdot 2$, … The sum 2,051 lies half-way between 2,050 and 2,052. The tie goes to the even multiple of the gap: 2,050 is 1025 gaps, 2,052 is 1026, so the count moves *up*, by 2. The next sum, 2,053, lies half-way between 2,052 (1026 gaps) and 2,054 (1027), and the tie goes back to 2,052. The rule "ties to even" exists because it rounds up as often as down, on average. But a count that has come to an even multiple meets the same tie again and again, and stops.
#
# One can also round *at random* (*stochastic rounding*): the sum is rounded up with a probability that is its distance from the lower neighbour, in gaps. At 2,048 the gap is 2, so 2,048 + 1 becomes 2,050 in half of all cases, and 2,048 + 0.5 in a quarter. A single sum is then less exact, but on average nothing is swallowed: $\frac{1}{2} \cdot 2 = 1$, and $\frac{1}{4} \cdot 2 = 0.5$. With this rounding [Gupta et al. (2015)](https://arxiv.org/abs/1502.02551) trained networks whose weights, activations and gradients were all stored in 16 bits (in fixed point, a format without an exponent; the sums inside a product had more bits).

# %% [markdown] slideshow={"slide_type": "skip"}
# ### How do we know that `sum()` adds in fp32?
#
# Section 4 left a second explanation open. Add the numbers in pairs, then the pairs in pairs, and so on: then the two addends are always about equal, and no 1 is swallowed, although everything stays in 16 bits. In fp16 ten thousand ones would come out right in this way, too. So ones cannot tell the two explanations apart. Numbers with many digits and of both signs can: each addition in 16 bits would round, while an fp32 sum that is rounded once gives the 16-bit number next to the exact sum. We add up 4,096 random numbers, 200 times, and count how often each way gives that number.


# %% slideshow={"slide_type": "skip"}
def in_pairs(x):
    while len(x) > 1:
        x = x[0::2] + x[1::2]
    return x[0]


right = dict.fromkeys([("float16", "sum()"), ("float16", "pairs"), ("bfloat16", "sum()"), ("bfloat16", "pairs")], 0)
noise = torch.Generator().manual_seed(0)
for name, way in right:
    for _ in range(200):
        addends = torch.randn(4096, generator=noise).to(getattr(torch, name))
        total = addends.sum() if way == "sum()" else in_pairs(addends)
        right[name, way] += (total == addends.double().sum().to(addends.dtype)).item()
Table(
    ["of 200", "float16", "bfloat16"],
    [[way, right["float16", way], right["bfloat16", way]] for way in ("sum()", "pairs")],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# `sum()` gives the number next to the exact sum every time (an fp32 sum could miss it once in a long while, where the exact sum lies almost half-way); pairs in 16 bits give it in a sixth to a quarter of the trials in the run on this page. So `sum()` adds in fp32, or in something wider. (The cell asks the CPU. For another device, move the numbers there.)
#
# ### How many digits do subnormal numbers have?
#
# We store 4,096 random numbers between $2^e$ and $2^{e+1}$, and take the largest relative error as $2^{-b}$: so $b$ bits are right.
#
# **Predict.** fp16's least normal number is $2^{-14}$. Each step of $e$ below −14 costs fp16: **A** no bit, **B** one, **C** all of them at once? And bf16?


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Measures for each exponent how many bits are right, and draws them.
def right_bits(dtype, e):
    x = 2.0**e * (1 + torch.rand(4096, dtype=torch.float64))
    error = ((x.to(dtype).double() - x) / x).abs().max()
    return -error.log2().item()


exponents = range(-28, 1)
by_format = {"fp16": torch.float16, "bf16": torch.bfloat16}
show.right_bits({name: [right_bits(dtype, e) for e in exponents] for name, dtype in by_format.items()}, exponents)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Each step below −14 costs fp16 about one bit (B), until nothing is left at −25. bf16 keeps its 8 bits in this window.**
#
# Below $2^{-14}$ the gap of fp16 stays at $2^{-24}$, as that of the toy did between 0 and 1. A number that is half as large has half as many gaps under it, so it loses one digit. A gradient in this slope is not lost, but it is coarse. bf16 has the same slope, far below this window, from $2^{-126}$ on.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Does every layer need a scale of its own?
#
# One factor on the loss multiplies the gradients of all layers alike. Is that fair to each of them?
#
# **Predict.** Which of the three layers of section 5 loses most of its gradients in fp16? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Looks at the gradients of each layer's outputs: how many are lost, how large the typical and the largest one are.
by_layer = gradients(lenet, images[:512].cpu(), labels[:512].cpu())[0]
powers = [g[g != 0].abs().log2() for g in by_layer]
Table(
    ["layer", "lost", "… × 65,536", "middle", "largest"],
    [
        [name, f"{lost(g, 1):.1f} %", f"{lost(g, 2**16):.2f} %", f"2^{p.median():.0f}", f"2^{p.max():.0f}"]
        for (name, _), g, p in zip(lenet.named_children(), by_layer, powers, strict=True)
    ],
    caption="gradients of outputs, batch 512; middle: the median",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The last layer loses most, about three in ten in the run on this page. And yet one factor is enough for all three.**
#
# The gradients of the last layer are the probabilities less the right answer: for an image that is learned, nearly all of its ten numbers are close to 0. But look at the last two columns. The middles of the layers lie within about four powers of two of each other, and so do their largest values, while fp16 spans forty. So *one* factor that suits one layer suits all of them, and one factor on the loss is enough. In a network whose layers differ by far more than these, it would not be.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### A backward pass in fp16
#
# The gradients of section 5 were computed in fp32 and cast afterwards. Now copies of the network in fp16 and in bf16 go forward and backward themselves, once with the loss as it is and once with the loss times 65,536. We divide by the scale again, exactly.
#
# **Predict.** A power of two changes no digit of a float. So are the gradients that survive the same with both scales?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Runs both copies backward with both scales, and counts what is lost and what is changed.
changed, table, true = {}, [], outputs != 0
for name, dtype in by_format.items():
    copy_of, at = copy.deepcopy(lenet).to(dtype), {}
    for k in (1, 2**16):
        parts = gradients(copy_of, images[:512].cpu().to(dtype), labels[:512].cpu(), scale=float(k))[0]
        at[k] = torch.cat([g.flatten() for g in parts]).double() / k
    both = (at[1] != 0) & (at[2**16] != 0) & at[2**16].isfinite()
    changed[name] = 100 * (at[1] != at[2**16])[both].float().mean().item()
    zero = [f"{100 * (g[true] == 0).float().mean():.2f} %" for g in at.values()]
    table.append([name, *zero, f"{changed[name]:.0f} %"])
Table(["backward in", "lost, × 1", "lost, × 65,536", "survivors changed"], table)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **In fp16 they are not the same: most of the survivors change. In bf16 none does.**
#
# "A power of two changes no digit" holds for normal numbers. Without the scale most of these gradients were subnormal in fp16, and had lost digits already. With the scale they are normal and keep them. So the loss scale does more than rescue what would be 0. bf16 is the control: its gradients are normal with both scales, and the scale changes nothing.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Floats of 8 bits
#
# A weight in 8 bits takes half the room of one in 16, and some GPUs multiply such numbers up to twice as fast, by their maker's figures. There are two formats, named by their bits of exponent and mantissa, and people use both, because eight bits are too few to serve all ([Micikevicius et al., 2022](https://arxiv.org/abs/2209.05433), recommend e4m3 for weights and activations, and e5m2 for gradients).
#
# **Predict.** What do the four numbers of section 3 become in e4m3, whose largest number is 448, and in e5m2? Which of the four has a chance at all?

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output", "hide-input"]
# Stores the four numbers in the two formats of 8 bits, by PyTorch and by our function.
eight = {"e4m3": (torch.float8_e4m3fn, 3, -6, 448), "e5m2": (torch.float8_e5m2, 2, *limits(5, 2))}
kept = {}
for name, (dtype, *shape) in eight.items():
    kept[f"{name}, PyTorch"] = numbers.float().to(dtype).double()
    kept[f"{name}, ours"] = rounded(numbers, *shape)
Table(
    ["stored as", *(f"{x:g}" for x in numbers.tolist())],
    [[name, *(f"{x:.6g}" for x in values.tolist())] for name, values in kept.items()],
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Only 2,049 in e5m2 and 1.001 in both come out roughly right. 70,000 is too large for both, and $2 \cdot 10^{-8}$ becomes 0.**
#
# e5m2 has fp16's exponent, and so its range; with 2 bits of mantissa its gaps are a quarter to an eighth of the number. e4m3 has one digit more and a far shorter range. It uses the top exponent for numbers, too, has no pattern for infinity, and PyTorch's cast stops at the largest number, 448; our function says `inf`, and that is the whole difference. With so little range one scale for the whole network is not enough: each tensor, or each block of numbers, gets a scale of its own. [[torchao]] does that.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### How many casts does autocast make?
#
# The map in section 6 shows one 16-bit copy of each weight, and one cast of each weight's gradient. PyTorch can tell: below autocast a cast is an operation, `_to_copy`. The part of PyTorch that finds the code for each operation is its *dispatcher*, and a *mode* of it is a class whose method is called with each operation.


# %% slideshow={"slide_type": "skip"}
class Casts(TorchDispatchMode):
    """Notes each cast that PyTorch makes below autocast: (shape, from, to)."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._to_copy.default:
            self.seen.append((tuple(out.shape), args[0].dtype, out.dtype))
        return out


# %% slideshow={"slide_type": "skip"}
with Casts() as forward_casts, torch.autocast(device.type, dtype=low):
    loss = loss_fn(net(x), y)
with Casts() as backward_casts:
    loss.backward()
copies = forward_casts.seen.count(((256, 256), torch.float32, low))
returns = backward_casts.seen.count(((256, 256), low, torch.float32))
print(f"16-bit copies of weights: {copies}; gradients of weights cast to fp32: {returns}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Three layers, three copies, three casts back.
#
# ### Does your PyTorch keep to the lists?
#
# The next cell runs ten operations under autocast. `a` and `image` are fp32, and `h` is the product `a @ a`, in 16 bits.
#
# **Predict.** Which of the ten results have fp32 on your device? Take the table of section 6.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Runs ten operations under autocast and shows the type of each result.
a, image = torch.rand(8, 8, device=device), torch.rand(1, 1, 8, 8, device=device)
with torch.autocast(device.type, dtype=low):
    h = a @ a
    results = {
        "a @ a": h,
        "conv2d(image)": F.conv2d(image, image),
        "tanh(h)": h.tanh(),
        "h + a": h + a,
        "exp(h)": h.exp(),
        "softmax(h)": h.softmax(1),
        "layer_norm(h)": F.layer_norm(h, (8,)),
        "h.sum()": h.sum(),
        "h.prod()": h.prod(),
        "mse_loss(h, h)": F.mse_loss(h, h),
    }
Table(["operation", f"on {device.type}"], [[name, str(result.dtype)[6:]] for name, result in results.items()])

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **On a CPU three of them have fp32: `h + a`, `prod` and `mse_loss`. On a GPU it would be seven: `exp`, `softmax`, `layer_norm` and `sum` as well.**
#
# On a CPU a few operations, among them `cat`, cast all their inputs to the widest type. What is on no list runs as it would without autocast. So `h += x` keeps the type of `h`, since it writes into it, and `dot` of two types is an error on a CPU. Two-dimensional pooling keeps its input's type.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Eight types
# ★ · 8 minutes
#
# These lines run under `torch.autocast(device_type)` with its default type; `x` is fp32, and so are the weights of both linear layers. Write
# `autocast_types`: the types of all eight results, on the CPU and on CUDA.
#
# ```python
# a = linear1(x);   b = layer_norm(a);   c = b + x;       d = relu(c)
# e = linear2(d);   f = softmax(e);      g = e.sum();     loss = cross_entropy(e, y)
# ```
#
# `autocast_types(device_type)` → a dict from "a" … "g" and "loss" to "float32", "float16" or "bfloat16"
#
# <details><summary>Hint</summary>
# Go through the lines in order and ask for each: on a list for 16 bits, on a list for fp32, or on none? The table in
# section 6 has a column for each device. CUDA's default is float16, the CPU's bfloat16.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def autocast_types(device_type):
    """Dict from "a" … "g" and "loss" to a type; device_type is "cpu" or "cuda".

    >>> autocast_types("cuda")["a"]  # a linear layer
    'float16'
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.autocast_types(autocast_types)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def autocast_types_solution(device_type):
    if device_type == "cuda":
        types = {name: "float32" for name in "bcdfg"}
        return {**types, "a": "float16", "e": "float16", "loss": "float32"}
    types = {name: "bfloat16" for name in "abefg"}
    return {**types, "c": "float32", "d": "float32", "loss": "float32"}


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The figures that this run can check, beside their source.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("formats")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A float has a fixed number of digits, so its gaps grow with the number. Exponent bits buy range, mantissa bits buy digits: fp16 gives up range, bf16 digits.
# - A sum swallows what is smaller than half a gap. So sums and weights stay in fp32, and products run in 16 bits.
# - A loss scale lifts small gradients out of fp16's underflow. bf16 does not need it.
# - `autocast` chooses a type for each operation, and its lists differ between CPU and GPU.
# - Before you repair a training in 16 bits, train it in fp32: it may fail there, too.
#
# **Going further**: P. Micikevicius et al., *Mixed precision training*, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740), fp32 weights and loss scaling come from
# here; P. Micikevicius et al., *FP8 formats for deep learning*, 2022, [arXiv:2209.05433](https://arxiv.org/abs/2209.05433); D. Kalamkar et al., *A study of BFLOAT16 for
# deep learning training*, 2019, [arXiv:1905.12322](https://arxiv.org/abs/1905.12322).
#
# **Project ideas**: count in fp8; write a sum in fp16 that keeps what it rounds away (Kahan), and find out how far it counts; draw the histogram of your own network.
#
# **Credits**: the network under autocast is that of [Michael Carilli's recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html) for PyTorch. The idea of
# this course in one lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask what was *not* shown: no speed, no memory, no accuracy of a full training. The next lesson measures the first two.

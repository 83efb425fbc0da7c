# ---
# jupyter:
#   course:
#     promise: You will know where a network's energy goes, and which remedy lowers what.
#     seconds: 15
#     needs: []
#     values:
#       saved: f'{50 * mac / (mac + fetch):.2f}'
#     goals:
#       - count the multiplications and additions of linear layers and convolutions, by hand and in PyTorch;
#       - turn these counts, and the bits of the weights, into picojoules;
#       - say how often a weight must be used before its arithmetic costs as much as its fetch, and which remedy helps where.
#     terms: [activation, cache, DRAM, int8, MAC]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Arithmetic at half the price: how much energy does it save?*

# %% tags=["setup", "hide-input"]
# Imports the drawings of this lesson, its check and the scorecard.
from course_utils import claims
from course_utils.tables import Table
from lessons.energy import show
from lessons.energy import tasks as check

# %% [markdown]
# ## 1. Half the price of arithmetic
#
# A phone recognizes a handwritten digit with a small network, LeNet-300-100. This takes 266,200 multiplications and as many additions. The phone also fetches the network's 266,200 weights from its main memory. We assume that no memory nearer to the processor still holds them from an earlier digit.
#
# Now suppose that a new chip needs only **half the energy** for each multiplication and each addition. Fetching a weight takes as much energy as before.
#
# **Predict.** How much of the energy for arithmetic and fetching does the new chip save: **A** 50 %, **B** 25 %, **C** 5 %, or **D** less than 1 %?

# %%
pairs, fetched = 266_200, 266_200  # pairs of a multiplication and an addition; weights
arithmetic, fetching = pairs * 4.6, fetched * 640  # in picojoules; section 2 explains both prices
print(f"saved by half-price arithmetic: {arithmetic / 2 / (arithmetic + fetching):.2%}")

# %% two_parts tags=["hide-input"]
# Draws the two parts of the energy to one scale.
show.two_parts(arithmetic, fetching)

# %% [markdown] tags=["answer"]
# **Less than 1 % (D), because nearly all of the energy goes into fetching the weights.** One weight takes 640 picojoules to fetch, and 4.6 to multiply and add. The new chip saves half of 4.6, which is 2.3 of 644.6.

# %% [markdown]
# Nobody measured any energy here. It's an *estimate*: we multiplied counts by published prices, as on a bill. But the bill shows which part is the large one. Why care? Energy is what empties a phone's battery. A data centre pays for it as well, and what it costs the environment depends on how it's produced.
#
# In about an hour, exercise included, you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Why a fetch costs more than a hundred multiplications
#
# Where do 4.6 and 640 come from? Both are in **picojoules** (pJ), millionths of a millionth of a joule.
#
# Nearly all the arithmetic of a network is of one kind: multiply an input by a weight, and add the product to a sum. This pair is called a **MAC**, short for *multiply-accumulate*. Its price comes from a list that [Mark Horowitz published in 2014](https://doi.org/10.1109/ISSCC.2014.6757323). In the picture each mark is one operation, or one read of 64 bits from memory. *fp32* and *fp16* are floats of 32 and 16 bits; *int32* and **int8** are whole numbers of 32 and 8 bits. Each vertical line stands for **ten times** the energy of the one before.

# %% price_list tags=["hide-input"]
# Draws the published prices on a logarithmic axis.
show.price_list()

# %% [markdown]
# **Fewer bits are cheaper.** In fp32, PyTorch's usual type, a multiplication takes 3.7 pJ and an addition 0.9, so a MAC takes 3.7 + 0.9 = 4.6 pJ.
#
# In int8 a multiplication takes only 0.2 pJ. You can see why if you remember how to multiply on paper, digit by digit. Two numbers of 8 bits need 8 · 8 = 64 small products, and two of 32 bits need 32 · 32 = 1,024, sixteen times as many. And int32 costs 3.1 pJ, about sixteen times as much. The sum of many products doesn't fit into 8 bits, so we add in int32, which takes 0.1 pJ. Together a MAC in int8 takes 0.2 + 0.1 = 0.3 pJ, a fifteenth of 4.6.
#
# **Far away is expensive.** **DRAM**, the large main memory, is a chip of its own. A bit from there travels over wires that are many times as long as those inside a multiplier, and a longer wire takes more energy to charge. By the list 64 bits take at least 1,300 pJ. For the 32 bits of an fp32 weight we'll use 640, about half, as [Han et al., 2015](https://arxiv.org/abs/1506.02626), do. That's 20 pJ for each bit.
#
# How many MACs could we make for the price of one fetch?

# %%
mac, fetch = 3.7 + 0.9, 640  # picojoules, in fp32
print(f"One fetch costs as much as {fetch / mac:.0f} MACs.")
print(f"If each weight is used once, half-price arithmetic saves {mac / 2 / (mac + fetch):.2%}.")

# %% [markdown]
# **Try it.** A **cache** is a small memory on the same chip as the multipliers. In the picture, reading 64 bits from a cache of 1 MB takes 100 pJ, so a weight of 32 bits takes 50. Change `640` to `50`, and run the cell again.
#
# <details><summary>What others found</summary>
#
# A fetch costs as much as 11 MACs, and half-price arithmetic saves 4.21 %.
#
# </details>
#
# Back to DRAM: for each fetch from there, a weight has to be used about 139 times before its arithmetic costs as much. With fewer uses, the fetch is the larger part.

# %% [markdown]
# ## 3. How often is a fetched weight used?
#
# That depends on the layer. The picture shows one weight, *w*, in three situations.

# %% uses_of_a_weight tags=["hide-input"]
# Draws one weight that is fetched once, and what it is used for.
show.uses_of_a_weight()

# %% [markdown]
# **A linear layer** turns one list of numbers into another. It has one weight for each pair of a number that goes in and one that comes out, and uses it in one MAC. With $n$ numbers going in and $m$ coming out, that's $n \cdot m$ weights, and $n \cdot m$ MACs for each list. LeNet-300-100 reads an image as one list, and has three such layers. The first turns the 28 · 28 = 784 pixels into 300 numbers, the second turns these into 100, and the third into 10:
#
# $$784 \cdot 300 + 300 \cdot 100 + 100 \cdot 10 = 266{,}200$$
#
# **A convolution** slides a small window of weights, the *kernel*, over the image, and uses all of them again at every position. A kernel of 3 × 3 fits into an image of 5 × 5 at 3 · 3 = 9 positions, and each gives one pixel of the output. Each of its 9 weights is used once at each of the 9 positions, which makes 9 · 9 = 81 MACs:
#
# $$\text{MACs} = \text{weights} \cdot \text{positions}$$
#
# This holds for many channels, too, because each weight is still used once at each position. Take the first layer of ResNet-50, a network that recognizes photographs. Its 64 kernels of 7 × 7 over 3 channels have 64 · 3 · 7 · 7 = 9,408 weights. The image is 224 pixels wide, with three zeros added at each end. So the window of 7 has room to move by 224 + 6 − 7 = 223 pixels. It moves by two at a time, which makes 111 whole moves, and with its starting point 112 positions. So each weight is used 112 · 112 = 12,544 times, and together they make 118 million MACs. In the last convolutions, with 7 · 7 positions, a weight is used 49 times.
#
# For a whole network we let PyTorch count. `FlopCounterMode` adds up the *floating-point operations*, FLOPs, of the convolutions and matrix products that run inside the `with` block. A MAC is two of them. The counter leaves out the rest, such as biases, and so do we, since that's only a few operations for each output.

# %%
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


# %% let_pytorch_count
def count(model, x):
    """MACs for the input x, and weights."""
    with FlopCounterMode(display=False) as counter:
        model(x)
    weights = sum(p.numel() for p in model.parameters() if p.dim() > 1)  # no biases
    return counter.get_total_flops() // 2, weights


print(count(nn.Conv2d(1, 1, kernel_size=3), torch.zeros(1, 1, 5, 5)))

# %% [markdown]
# These are our 81 MACs and 9 weights. The whole of ResNet-50 has 25.5 million weights, and makes 4.1 billion MACs for one photograph. We assume that a fetched weight stays on the chip until all its positions are done, so it's fetched only once.
#
# **Predict.** How much of ResNet-50's bill does half-price arithmetic save: **A** less than 1 %, **B** about a quarter, or **C** nearly half?

# %% two_bills
from torchvision.models import resnet50

from course_utils import models

networks = {
    "LeNet-300-100": (models.LeNet300100(), torch.zeros(1, 1, 28, 28)),
    "ResNet-50": (resnet50().eval(), torch.zeros(1, 3, 224, 224)),
}
counted = {name: count(model, x) for name, (model, x) in networks.items()}
for name, (macs, weights) in counted.items():
    arithmetic, fetching = macs * 4.6 / 1e6, weights * 640 / 1e6  # in millions of picojoules
    saved = arithmetic / 2 / (arithmetic + fetching)
    print(f"{name}, {macs / weights:.1f} uses of a weight:")
    print(f"  arithmetic {arithmetic:,.1f} million pJ")
    print(f"  fetching   {fetching:,.1f} million pJ")
    print(f"  half-price arithmetic saves {saved:.1%}")

# %% [markdown] tags=["answer"]
# **About a quarter (B), because a weight is used 160 times on average, so it pays 160 · 4.6 = 736 pJ for its MACs and 640 for its fetch.** Arithmetic is a little more than half of the bill, and the chip saves half of that.

# %% [markdown]
# ## 4. Which remedy helps where?
#
# LeNet-300-100 uses each weight only once for an image. But it can read several images together, as a **batch**. Then one fetch serves all of them. If 4 images share it, each of them pays 640 / 4 = 160 pJ for the fetch of a weight and 4.6 pJ for its own MAC: 164.6 in place of 644.6. A server with many users can collect a batch. A phone with a single image to classify can't.
#
# The next cell compares five remedies. Each has two numbers, for one image: what is paid for each MAC that the network had, and for fetching each weight that it had. The first remedy changes only the MAC, because its weights still come from memory in 32 bits. Stored in 8 bits, a weight costs 8 · 20 = 160 pJ to fetch. To multiply in int8 as well, the layer's inputs need 8 bits, too. A weight that is removed needs neither a MAC nor a fetch. So if half of them go, evenly from all layers, and skipping them costs nothing, both parts are halved.

# %%
remedies = {  # picojoules for each MAC and each weight that the network had
    "multiply in fp16, add in fp32": (1.1 + 0.9, 640),
    "store in 8 bits, multiply in fp32": (4.6, 160),
    "store and multiply in int8": (0.2 + 0.1, 160),
    "remove half of the weights": (4.6 / 2, 640 / 2),
    "a batch of 8": (4.6, 640 / 8),
}
rows = []
for remedy, (mac_pj, fetch_pj) in remedies.items():
    # saved of what a weight costs in fp32: its MACs and its fetch
    shares = [1 - (uses * mac_pj + fetch_pj) / (uses * 4.6 + 640) for uses in (1, 160)]
    rows.append([remedy, *(f"{share:.1%}" for share in shares)])

# %% [markdown]
# In int8, fetching a weight of LeNet-300-100 and using it once costs 160 + 0.3 = 160.3 pJ in place of 644.6, so three quarters are saved.
#
# **Predict.** And in ResNet-50, where a weight is used 160 times: does int8 save **A** more than three quarters, **B** the same, or **C** less?

# %% used_once_or_often tags=["hide-input"]
# Shows the share of the bill that each remedy saves.
Table(["saved by", "LeNet-300-100 (1 use)", "ResNet-50 (160 uses)"], rows)

# %% [markdown] tags=["answer"]
# **More (A), because ResNet-50 pays half of its bill for MACs, and these fall to a fifteenth, while a fetch falls to a quarter.** What is left is 160 · 0.3 = 48 pJ for MACs and 160 for the fetch: 208 in place of 1,376.

# %% [markdown]
# - **Where a weight is used once**, only fewer or cheaper fetches matter. Storing in 8 bits saves three quarters, whether you also multiply in int8 or not. A batch of 8 saves even more. So does a network that stays in a cache of 1 MB, where reading a weight of 32 bits takes 50 pJ instead of 640. LeNet-300-100 is slightly too large for that: in fp32 its weights take 266,200 · 4 = 1,064,800 bytes. In 8 bits they take a quarter, and would fit.
# - **Where a weight is used 160 times**, MACs and fetches cost about the same. So even a remedy that made one of them free would save only about half.
#
# But 160 is an average. Nearly two thirds of ResNet-50's weights are used 49 times or less. There the MACs cost at most 49 · 4.6 = 225 pJ, and the fetch 640, so a cheaper fetch helps more. In the first layer, 12,544 uses cost 57,702 pJ, and only cheaper or fewer MACs matter.
#
# Our bill leaves out the **activations**, the values that one layer passes to the next, and more (see *Deeper*). LeNet-300-100 has only about a thousand of them, so they hardly matter there. But ResNet-50 has 11 million, and if they go to DRAM and back, a batch of 8 saves 29 % in place of 41, because it shares weights and not activations. Int8 still saves 82 %, because with it the activations have 8 bits as well. If you remove whole channels in place of single weights, there are fewer activations, too.
#
# Fewer bits and fewer weights can also cost accuracy. You'll see how much in [[dynamic]] and [[structured]].

# %% [markdown]
# ## Exercise · From which batch on?
# ★★ · 10 minutes
#
# Write `batch_needed(model, x, mac_pj, fetch_pj)`: the smallest batch with which a network's arithmetic costs at least as much energy as the fetch of its weights, as an `int`. A MAC takes `mac_pj`, and a weight `fetch_pj`, once for each batch. `x` is itself a batch, of one input or more. For LeNet-300-100 with 4.6 and 640 it's 140, because 139 · 4.6 is only 639.4.
#
# <details><summary>Hint</summary>
#
# What does the arithmetic of *one* input cost, and what the fetch of all weights? `math.ceil` rounds up.
#
# </details>


# %% batch_needed tags=["exercise"]
def batch_needed(model, x, mac_pj, fetch_pj):
    """The smallest batch with which the arithmetic costs at least as much as the fetch of all weights."""
    raise NotImplementedError


# %% tags=["check"]
check.batch_needed(batch_needed)


# %% tags=["solution", "hide-cell"]
def batch_needed_solution(model, x, mac_pj, fetch_pj):
    import math

    with FlopCounterMode(display=False) as counter:
        model(x)
    macs = counter.get_total_flops() // 2
    weights = sum(p.numel() for p in model.parameters() if p.dim() > 1)
    arithmetic = mac_pj * macs / len(x)  # of one input
    return math.ceil(fetch_pj * weights / arithmetic)


# %% [markdown]
# ## Remember
#
# - By the prices of 2014, fetching an fp32 weight from DRAM takes as much energy as 139 MACs.
# - How often a fetched weight is used decides which part of the bill is larger. A linear layer uses it once for each list of numbers, a convolution once at each position, and the images of a batch share its fetch.
# - Cheaper arithmetic alone saves next to nothing where a weight is used once; int8 and fewer weights lower both parts.

# %% [markdown]
# ## Scorecard
#
# At the end of each lesson, its figures are held against what they should be. The column *evidence* says how we know: *counted* or computed, *measured* on your machine, or only *cited* from a source.

# %% tags=["scorecard"]
claims.show("energy")

# %% [markdown]
# ## Deeper
#
# ### How would you measure joules?
#
# Many chips have a counter that adds up the energy that they have used. Read it before and after, subtract what the machine uses at rest in the same time, and divide by the number of inputs. Run for some seconds, because such counters are refreshed only now and then.
#
# On Linux the counter of Intel's and AMD's processors, RAPL, is the file `/sys/class/powercap/intel-rapl:0/energy_uj`, in microjoules. On most systems only the administrator may read it. For a GPU, NVIDIA's library NVML (`pip install nvidia-ml-py`) has `nvmlDeviceGetTotalEnergyConsumption`, in millijoules; call `torch.cuda.synchronize()` before you read.
#
# Two warnings. `intel-rapl:0` counts the processor chip, usually without the DRAM beside it, so it would miss most of what our fetches take. And a small network may stay in the cache after its first run, and fetch nothing more from DRAM.
#
# ### What do newer chips change?
#
# The list is for chips with structures of 45 nanometres, a process of 2007. By [Jouppi et al., 2021, table 2](https://doi.org/10.1109/ISCA52012.2021.00010), a chip of 7 nanometres takes 1.31 + 0.38 = 1.69 pJ for a MAC in fp32, about a third. But 64 bits from DDR, the DRAM of a PC, still take 1,300 pJ. So at our 640 pJ a fetch now costs as much as 640 / 1.69 = 379 MACs in place of 139. HBM, a DRAM stacked beside the processor, needs less ([O'Connor et al., 2017](https://doi.org/10.1145/3123939.3124545)).
#
# ### What does the bill leave out?
#
# - **Activations.** The convolutions of ResNet-50 produce 11 million numbers for one photograph. To write them to DRAM and read them back, at 640 pJ each way, would cost nearly as much as to fetch its weights.
# - **Instructions.** A simple processor takes about 70 pJ for each one (Horowitz, 2014). With one for each MAC, a weight of ResNet-50 would cost 160 · 70 = 11,200 pJ in instructions, eight times our 1,376. So chips for networks make many MACs with one instruction.
#
# So use the bill to see which part a remedy lowers, and not to predict what you'll pay.

# %% [markdown]
# **Sources.** M. Horowitz, [*Computing's energy problem*](https://doi.org/10.1109/ISSCC.2014.6757323), 2014, figure 1.1.9: the list. S. Han et al., [*Learning both weights and connections*](https://arxiv.org/abs/1506.02626), 2015, figure 1: the 640 pJ.
#
# **Going further.** V. Sze et al., [*Efficient processing of deep neural networks*](https://arxiv.org/abs/1703.09039), 2017: how accelerators share fetches. A project: count the activations as well, and find networks in which they cost more than the weights.
#
# **Credits.** The idea of opening a lecture on efficient networks with this list is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** If a fetch takes so much energy, it surely takes time as well. Does your processor spend its time on arithmetic, or does it mostly wait for the memory ([[roofline]])? And if fewer bits are so much cheaper, can a network *learn* with 16 of them ([[amp]])?

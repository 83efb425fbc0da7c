# ---
# jupyter:
#   course:
#     promise: You will know where the energy of a neural network goes, and which remedy lowers which part of the bill.
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
# Brings what the folded cells use.
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.energy import checks as check
from lessons.energy import show

# %% [markdown]
# ## 1. Half the price of arithmetic
#
# LeNet-300-100, a small network, reads a handwritten digit with 266,200 multiplications and as many additions. Suppose that it fetches its 266,200 weights, the numbers that it has learned, from the main memory. Arithmetic and fetches make its estimated energy bill.
#
# Now a new chip takes **half the energy** for each multiplication and each addition. A fetch takes as much as before.
#
# **Predict.** How much of this bill does it save: **A** 50 %, **B** 25 %, **C** 5 %, **D** below 1 %?

# %%
pairs, weights = 266_200, 266_200  # pairs of a multiplication and an addition; numbers fetched
arithmetic, fetching = pairs * 4.6, weights * 640  # picojoules; section 3 has the price list
print(f"saved by half-price arithmetic: {arithmetic / 2 / (arithmetic + fetching):.2%}")

# %% two_parts tags=["hide-input"]
# Draws the two parts of the energy to one scale.
show.two_parts(arithmetic, fetching)

# %% [markdown] tags=["answer"]
# **Less than half a per cent (D), because nearly all of this bill is for fetching the weights.** To fetch one weight takes 640 picojoules (pJ). Its multiplication and addition take 4.6. Half of 4.6 is 2.3, and 2.3 of 644.6 is 0.36 %.

# %% [markdown]
# This is an *estimate*: we multiplied counts by published prices, and nobody measured a joule. But such a bill tells you which of its two parts is larger.
#
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Why energy, and how much is a picojoule?
#
# - **Cost.** Whoever answers millions of requests a day pays for the energy of each.
# - **Devices.** Phones, watches and sensors live on a battery.
# - **Environment.** Electricity has to be made. Training the language model GPT-3 took an estimated 1,287 MWh, and caused 552 tonnes of CO₂ equivalent ([Patterson et al., 2021](https://arxiv.org/abs/2104.10350)).
#
# Energy is counted in **joules** (J), and a single operation on a chip takes some **picojoules**: 1 pJ = 10⁻¹² J, a millionth of a millionth.
#
# A *microjoule* (µJ) is a million pJ. Power is energy in a second: 1 **watt** (W) is 1 J/s.
#
# An electricity bill counts kilowatt-hours. One kWh is 1,000 J in each second of an hour, 1,000 · 3,600 = 3.6 million J; 1,000 kWh are a megawatt-hour (MWh).

# %% [markdown]
# ### One cup of tea
#
# - A quarter of a litre, from 20 to 100 °C, at 4,186 J for each litre and degree: 0.25 · 4,186 · 80 ≈ **84,000 J**, or 0.023 kWh.
# - One multiplication of two numbers in *fp32*, the usual floats of 32 bits: **3.7 pJ**.
# - 84,000 / (3.7 · 10⁻¹²) ≈ **2.3 · 10¹⁶** multiplications.
#
# So a single operation is not worth a thought. But there are very many of them: training GPT-3 took, by that estimate, as much energy as 55 million cups.

# %% [markdown]
# ## 3. The price list
#
# What one operation or one read takes at 45 nm ([Horowitz, 2014](https://doi.org/10.1109/ISSCC.2014.6757323)). Each vertical line is **ten times** the one before.

# %% price_list tags=["hide-input"]
# Draws the published prices on a logarithmic axis.
show.price_list()

# %% [markdown]
# *int8* and *int32* are whole numbers of 8 and 32 bits, *fp16* and *fp32* floats of 16 and 32. **DRAM** is the large main memory beside the chip, a **cache** a small memory on the chip itself. The list says two things.
#
# **Fewer bits are cheaper.** A network mostly multiplies two numbers and adds the product to a sum. This pair is called a **MAC**, short for *multiply-accumulate*. In fp32 a MAC takes 3.7 + 0.9 = 4.6 pJ. In int8 the factors have 8 bits, but a sum of many products needs more, and is kept in int32. So a MAC takes 0.2 + 0.1 = 0.3 pJ, about a fifteenth. The prices are those of an older chip; *Deeper* has newer ones.
#
# **Far away is dear.** The bits of a multiplier travel a fraction of a millimetre. A bit from DRAM is found among billions of others, leaves its chip, and travels over centimetres of wire. By the list 64 bits from there take 1,300 pJ or more. For the 32 bits of an fp32 weight we take 640 pJ, as [Han et al., 2015](https://arxiv.org/abs/1506.02626), do. How many MACs is that?

# %%
mac, fetch = 3.7 + 0.9, 640  # picojoules, in fp32
print(f"One fetch takes as much as {fetch / mac:.0f} MACs.")
print(f"Half-price arithmetic saves {mac / 2 / (mac + fetch):.1%}.")

# %% [markdown]
# ### One fetch from DRAM
#
# **139** MACs in fp32
#
# take as much energy as the fetch of one weight, 640 pJ by Han et al. A MAC, a multiplication and an addition, takes 3.7 + 0.9 = 4.6 pJ.
#
# **Try it.** Suppose that a weight lies in a cache of 1 MB. There 64 bits take 100 pJ, and 32 bits half of that. Change `640` to `50` in the cell above, and run it again.
#
# <details><summary>What others found</summary>
#
# A fetch takes as much as 11 MACs, and half-price arithmetic saves about 4 %. So even there memory is by far the larger part.
#
# </details>

# %% [markdown]
# ## 4. How often is one weight used?
#
# The thick arrow is one fetch of a weight *w*, and it is paid once. The thin arrows share it.

# %% uses_of_a_weight tags=["hide-input"]
# Draws one weight that is fetched once, and what it is used for.
show.uses_of_a_weight()

# %% [markdown]
# After 139 uses the arithmetic of a weight has cost as much as its fetch. Does a weight get there? That depends on its layer.
#
# **A linear layer** has a weight for each pair of an input number and an output number, and uses it once for each vector that it reads. With $n$ inputs and $m$ outputs it has $n \cdot m$ weights and makes $n \cdot m$ MACs. LeNet-300-100 has three such layers, 784 → 300 → 100 → 10, and 784 · 300 + 300 · 100 + 100 · 10 = 266,200. That is the number of section 1.
#
# **A convolution** slides a small window of weights, the *kernel*, over the image. A kernel of 3 × 3 fits into an image of 5 × 5 at 3 · 3 = 9 positions. At each of them all of its 9 weights are used. So 9 weights make 81 MACs, and each is used 9 times.

# %% [markdown]
# ### Let PyTorch count
#
# One rule covers both: each output is a sum, with **one MAC for each of its weights**. A *hook* is a function that PyTorch calls whenever a layer has run.
#
# `layer.weight[0]` holds one output's weights; all have as many.

# %%
import torch
from torch import nn

# %% let_pytorch_count
macs = []


def count(layer, inputs, output):
    macs.append(output.numel() * layer.weight[0].numel())


conv = nn.Conv2d(1, 1, kernel_size=3)
conv.register_forward_hook(count)
conv(torch.zeros(1, 1, 5, 5))  # one image, one channel, 5 × 5
print(macs)

# %% [markdown]
# These are the 81 MACs. We leave out the bias, one addition for each output. Now a whole network, LeNet, with two convolutions and three linear layers. By hand: its second convolution gives out 16 channels of 11 × 11 numbers, each from a kernel of 3 × 3 over 6 channels. That makes 16 · 11 · 11 · 3 · 3 · 6 = 104,544 MACs.

# %%
from course_utils import models
from course_utils.measure import energy

lenet, digit = models.LeNet(), torch.zeros(1, 1, 28, 28)
layers = [layer for layer in lenet.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
hooks = [layer.register_forward_hook(count) for layer in layers]
macs.clear()
lenet(digit)
for hook in hooks:
    hook.remove()

for layer, n in zip(layers, macs, strict=True):
    print(f"{type(layer).__name__}: {n:,} MACs, uses of a weight: {n // layer.weight.numel()}")
print(f"together {sum(macs):,}, by the course's estimate {energy.estimate(lenet, digit).macs:,}")

# %% [markdown]
# `energy.estimate` asks PyTorch's own counter, finds the same, and multiplies by the prices. Now it writes the bill of three networks. The third, ResNet-50, recognises photographs.

# %% [markdown]
# ### LeNet or ResNet-50?
#
# | | weights | MACs for one image |
# |---|---|---|
# | LeNet | 60 thousand | 200 thousand |
# | ResNet-50 | 25.5 million | 4.1 billion |
#
# **Predict.** By our 4.6 and 640 pJ, where does the arithmetic take more energy than the fetch of the weights: **A** in both, since both have convolutions, **B** in ResNet-50 only, **C** in neither?

# %%
from torchvision.models import resnet50

networks = {"LeNet-300-100": (models.LeNet300100(), digit), "LeNet": (lenet, digit)}
networks["ResNet-50"] = resnet50(), torch.zeros(1, 3, 224, 224)
bills = {name: energy.estimate(network, x) for name, (network, x) in networks.items()}
for name, b in bills.items():
    uses, arithmetic, fetching = b.macs / b.weights, b.compute_nj / 1e3, b.fetch_nj / 1e3  # in µJ
    saved = arithmetic / 2 / (arithmetic + fetching)  # by half-price arithmetic
    print(f"{name:13} {uses:5.1f} uses, arithmetic {arithmetic:8,.1f}, weights {fetching:8,.1f} µJ, saved {saved:.1%}")

# %% [markdown] tags=["answer"]
# **In ResNet-50 only (B), because it uses each weight 160 times on average, and about 139 are needed.** So half-price arithmetic saves 27 % of its bill. LeNet comes to 3.3 uses: nearly all of its weights are in linear layers.

# %% [markdown]
# So by these prices our question has two answers for one image: next to nothing for LeNet-300-100, and about a quarter for ResNet-50. The number of operations alone is a bad measure of energy: LeNet makes three quarters of the MACs of LeNet-300-100, and comes to less than a quarter of its bill.

# %% [markdown]
# ### The batch
#
# A fetched weight can serve all inputs of a batch.
#
# With 4 inputs, used once by each, it costs an input 4.6 + 640 / 4 = 164.6 pJ in place of 644.6.

# %% [markdown]
# If each weight is fetched once for the whole batch of $B$ inputs, one input takes
#
# $$E = N_\text{MAC} \cdot 4.6\ \text{pJ} + N_\text{weights} \cdot 640\ \text{pJ} \,/\, B.$$
#
# Only the fetch is shared.

# %% [markdown]
# LeNet-300-100 is made of linear layers only. In fp32 its two parts are equal at a batch of about 139.
#
# **Predict.** In int8 a MAC takes 0.2 + 0.1 = 0.3 pJ, and the fetch of a weight, a quarter of the bits, 160. From which batch on does the arithmetic take more than the fetch: **A** far below 139, **B** still 139, **C** far above?

# %% [markdown] tags=["answer"]
# **Far above (C), from a batch of 534 on, because 160 / 0.3 = 533.** In int8 the fetch costs a quarter, but the arithmetic only a fifteenth.

# %% [markdown]
# The cheaper the arithmetic, the more depends on memory. And not everybody has a batch: a server with many users can collect hundreds of inputs, a phone that answers one question cannot.

# %% [markdown]
# ## 5. How to use the list
#
# Six levers:
#
# 1. Multiply in 16 bits, add and store in 32.
# 2. Store in 8 bits, multiply in fp32.
# 3. Store and multiply in int8.
# 4. Remove half of the weights.
# 5. Answer 8 inputs at once.
# 6. Keep the weights in a cache of 1 MB, where they fit.
#
# **Predict.** Which of them lower *both* parts of one input's bill, the arithmetic and the fetch: **A** 3 only, **B** 3 and 4, **C** 3, 4 and 5?

# %% [markdown] tags=["answer"]
# **3 and 4 (B), because an int8 weight is cheaper to fetch and to multiply, and a weight that is gone is neither fetched nor multiplied.** 1 lowers the arithmetic alone, and 2, 5 and 6 the fetch alone.

# %% [markdown]
# How much does each lever save, where a weight is used once, and where it is used 140 times?

# %%
levers = {  # picojoules of a MAC, and of the fetch of a weight
    "multiply in 16 bits": (1.1 + 0.9, 640),  # the sum stays in fp32
    "store in 8 bits": (4.6, 640 / 4),
    "store and multiply in int8": (0.2 + 0.1, 640 / 4),
    "remove half of the weights": (4.6 / 2, 640 / 2),
    "batch of 8": (4.6, 640 / 8),
    "cache of 1 MB": (4.6, 50),
}
rows = []
for lever, (per_mac, per_fetch) in levers.items():
    once = 1 - (per_mac + per_fetch) / (4.6 + 640)
    often = 1 - (per_mac + per_fetch / 140) / (4.6 + 640 / 140)
    rows.append((lever, f"{once:.1%}", f"{often:.1%}"))

# %% [markdown]
# ### Used once or often?
#
# The share of the bill that each lever saves:

# %% used_once_or_often tags=["hide-input"]
# Shows the share of the bill that each lever saves.
Table(["saved by", "each weight used once", "used 140 times"], rows)

# %% [markdown]
# - **Where a weight is used once**, cheaper arithmetic saves next to nothing, and fewer stored bits save three quarters.
# - **A large batch** uses each weight often, so there cheaper arithmetic pays, too.
#
# In this table nothing is paid for converting numbers, and in lever 2 they become floats inside the processor. And a removed weight that is still stored as a zero is still fetched and multiplied.
#
# You will meet lever 1 in [[amp]], 2 in [[weight_only]], 3 in [[dynamic]] and 4 in [[structured]].

# %% [markdown]
# ### What the bill leaves out
#
# - **Activations**, the values that one layer passes on to the next: they are written to memory and read again.
# - **Near memory.** A weight that is used again can be read again, from a cache: 32 bits from 8 kB take about as much as a MAC.
# - **Instructions.** A simple processor takes about 70 pJ for each (Horowitz, 2014), and 4.6 for the MAC itself.
# - **Waiting.** A device that takes 0.1 W while it waits, and reads one digit a second, pays 100,000 µJ for the waiting and 172 µJ for the digit.
#
# So use the bill to see which part a lever lowers, and not to foretell what you will pay.

# %% [markdown]
# ## Exercise · The bill of any network
# ★★ · 10 minutes
#
# Write `bill` with your own hooks: two numbers in pJ for *one* input (`shape` is without the batch), the arithmetic of all `Conv2d` and `Linear` layers (4.6 a MAC), and the input's share when `batch` inputs share one fetch of their weights (640 each, even if a layer runs twice). All else costs nothing. `nn.Sequential(nn.Linear(1, 1))`, `(1,)` and 1 give 4.6 and 640.
#
# Call `bill(models.SmallCNN().eval(), (1, 28, 28), 1)`. Which share of their sum does half-price arithmetic save?
#
# <details><summary>Hint</summary>
#
# `model.eval()(torch.zeros(1, *shape))` runs one input. Make the list and the hook of section 4 inside of `bill`, and remove the hooks.
#
# </details>


# %% bill tags=["exercise"]
def bill(model, shape, batch):
    """Return (arithmetic, weights): picojoules for one input of a batch."""
    raise NotImplementedError


# %% tags=["check"]
check.bill(bill)


# %% tags=["solution", "hide-cell"]
def bill_solution(model, shape, batch):
    macs = []

    def count(layer, inputs, output):
        macs.append(output.numel() * layer.weight[0].numel())

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        model.eval()(torch.zeros(1, *shape))
    for hook in hooks:
        hook.remove()
    weights = sum(layer.weight.numel() for layer in layers)
    return 4.6 * sum(macs), 640 * weights / batch


# %% [markdown]
# ## Remember
#
# - To fetch an fp32 weight from DRAM takes as much energy as about 140 multiply-accumulates, by published prices.
# - How often a fetched weight is used decides which part of the bill is larger: a linear layer uses it once for each vector that it reads, a convolution at every position, and a batch for every input.
# - Fewer bits and fewer weights can lower both parts; cheaper arithmetic alone lowers the part that is tiny where a weight is used once.

# %% [markdown]
# ## Scorecard
#
# What a count can check, beside its source.

# %% tags=["scorecard"]
claims.show("energy")

# %% [markdown]
# ## Deeper
#
# ### How would you measure joules?
#
# Many chips have a counter that adds up the energy that they took. Read it before and after, subtract what the machine takes at rest in the same time, and divide by the number of inputs. Run long enough: some seconds, since such counters are refreshed only now and then.
#
# Linux shows Intel's counter, RAPL (*running average power limit*), and AMD's as a file that holds microjoules:
#
# ```python
# counter = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
# before = int(counter.read_text())
# for _ in range(100_000):
#     model(x)
# joules = (int(counter.read_text()) - before) / 1e6
# ```
#
# Only the administrator may read it on most systems, and after some time it begins again at 0. It counts the chip; on servers a folder beside it often counts the main memory. For a GPU, NVIDIA's library NVML has the same in millijoules, from the generation Volta on:
#
# ```python
# import pynvml  # pip install nvidia-ml-py
#
# pynvml.nvmlInit()
# gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
# before = pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu)
# ```
#
# Wait for the GPU with `torch.cuda.synchronize()` before you read. A counter measures everything that runs, so close what you can.
#
# ### What do newer chips change?
#
# The list is of 45 nm, a process of 2007. By [Jouppi et al., 2021, table 2](https://doi.org/10.1109/ISCA52012.2021.00010), a chip of 7 nm takes 1.31 + 0.38 = 1.69 pJ for a MAC in fp32, about a third. But 64 bits from the usual DRAM (DDR) still take 1,300 pJ. So one fetch of 32 bits now takes as much as 650 / 1.69 = 385 MACs, where it was 141: the gap has grown. From memory that is stacked beside the chip (HBM2) 64 bits take 250 to 450 pJ, which makes 74 to 133 MACs for 32 bits. From a cache of 1 MB they take 14 pJ, which makes 4 MACs for 32 bits, in place of 11. So a newer chip rewards even more whoever keeps the weights near.
#
# ### Where did the energy of GPT-3's training go?
#
# The training took about 3.14 · 10²³ floating-point operations ([Brown et al., 2020](https://arxiv.org/abs/2005.14165), table D.1), half as many MACs. The estimated 1,287 MWh are 4.6 · 10¹² J. Divided by 1.57 · 10²³ MACs that is about 30 pJ for each.
#
# A multiplication in fp16 whose sum is kept in fp32 takes 1.1 + 0.9 = 2 pJ on our list. So by our list about a fifteenth of the energy was arithmetic. What was the rest? Memory, instructions, data that travelled between thousands of chips, chips that waited, and cooling.

# %% [markdown]
# **Sources.** M. Horowitz, [*Computing's energy problem*](https://doi.org/10.1109/ISSCC.2014.6757323), 2014, figure 1.1.9: the list. S. Han et al., [*Learning both weights and connections*](https://arxiv.org/abs/1506.02626), 2015, figure 1: the 640 pJ.
#
# **Going further.** V. Sze et al., [*Efficient processing of deep neural networks*](https://arxiv.org/abs/1703.09039), 2017: how accelerators share fetches. A project: add the activations to `bill`, and find the networks in which they cost more than the weights.
#
# **Credits.** The idea of opening a lecture on efficient networks with this list is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# ---
# jupyter:
#   course:
#     promise: You will know where the energy of a neural network goes, and how many times a fetched weight must be used before its arithmetic costs as much energy as the fetch.
#     seconds: 20
#     needs: [measuring]
#     goals:
#       - Read the published energy table, and turn picojoules into joules and kilowatt-hours.
#       - Count the multiplications and additions of a layer by hand.
#       - Estimate the energy of a model, and say what the estimate leaves out.
#     terms: [activation, cache, DRAM, int8, MAC]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A network reads one digit. Where does the energy go?*
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
# *For the lecturer, 1 min.* "Today we write a bill: so many operations, so many numbers read, each at a price." Go straight on to the vote.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from course_utils import data, models, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show.tables import Table, si
from lessons.energy import checks as check
from lessons.energy import show

runtime.seed_all(0)
torch.set_num_threads(1)
runtime.describe(runtime.best_device())

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Half the price of arithmetic
#
# LeNet-300-100 reads a handwritten digit with three linear layers, 784 → 300 → 100 → 10. It fetches each weight from the
# main memory, multiplies it by an input, and adds the product to a sum.
#
# A new chip needs **half the energy** for each multiplication and each addition. A read from memory
# costs as much as before.
#
# **Predict.** How much energy does the new chip save for a digit? **A** 50 %, **B** 25 %, **C** 5 %, **D** less than 1 %.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Read the question, then a show of hands for A to D; write the counts on the board. Expect B and C. Show the answer, let somebody work out 2.3 of 644.6, and ask:
# "What would you have to improve instead?" Say that this is a bill from counts and published prices: nobody measured a joule here.
# Next: why anybody counts joules at all.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Estimates the energy of one digit: counted operations and weights, times published prices.
lenet, digit = models.LeNet300100().eval(), torch.zeros(1, 1, 28, 28)
bill = energy.estimate(lenet, digit)
print(f"saved by half-price arithmetic: {bill.compute_nj / 2 / bill.total_nj:.2%}")

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the two parts of that energy.
show.two_parts(bill)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The new chip saves less than half a per cent (D), because arithmetic is only a tiny part of the bill.** The network makes 266,200
# multiplications and as many additions, and it fetches 266,200 weights. A multiplication and an addition together take 4.6 picojoules (pJ), a fetch takes 640.
#
# <!-- page -->
#
# Sections 3 and 4 explain these two prices and count the 266,200. This network uses each of its weights once for a digit, so for every weight it pays 640 + 4.6 pJ. Halving the 4.6 saves 2.3 of 644.6,
# and that is 0.36 %.
#
# This holds for a network that fetches every weight and then uses it only once. Section 4 asks whether it also holds for networks that use their weights more often.

# %% [markdown] slideshow={"slide_type": "skip"}
# The whole estimate fits into three lines:

# %% slideshow={"slide_type": "skip"}
macs, weights = 266_200, 266_200
arithmetic_pj, fetch_pj = macs * 4.6, weights * 640
print(f"arithmetic {arithmetic_pj / 1e6:.1f} µJ, fetching the weights {fetch_pj / 1e6:.1f} µJ")

# %% [markdown] slideshow={"slide_type": "skip"}
# This is an *estimate*: we counted operations and weights, and multiplied the counts by prices from the literature. Nobody measured a joule. Such an estimate is good
# for comparing: it shows which part of the bill is large, and which is so small that saving there is not worth the trouble.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. Why energy, and its units
#
# - **Hardware.** A chip may use only as much power as its cooling can carry away.
# - **Cost.** Training GPT-3 took an estimated 1,287 MWh ([Patterson et al., 2021](https://arxiv.org/abs/2104.10350)). And
#   a service that answers a million requests a day pays for the energy of every one.
# - **Devices.** Phones, watches, sensors and electric cars run on batteries.
# - **Environment.** Electricity has to be made. The same authors estimate 552 tonnes of CO₂ equivalent for that training.
#
# Energy is counted in joules (J). Power is energy for each second: 1 watt (W) = 1 J/s.
#
# | unit | in joules | where you meet it |
# |---|---|---|
# | picojoule, pJ | $10^{-12}$ | one operation on a chip |
# | nanojoule, nJ | $10^{-9}$ | a few hundred operations on a chip |
# | microjoule, µJ; millijoule, mJ | $10^{-6}$; $10^{-3}$ | one image through a small or a large network |
# | kilowatt-hour, kWh; megawatt-hour, MWh | $3.6 \cdot 10^{6}$; $3.6 \cdot 10^{9}$ | an electricity bill; a training run |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Take one reason only, the one nearest to the room. Then: "A picojoule is a word without a picture. Let us boil water with it."

# %% [markdown] slideshow={"slide_type": "skip"}
# A kilowatt-hour is the energy that a device of 1,000 watts takes in one hour: 1,000 J each second, for 3,600 seconds, which makes $3.6 \cdot 10^{6}$ J.
#
# From picojoules to a bill takes three steps.
#
# 1. *Count times price.* A billion fp32 multiplications at 3.7 pJ take $3.7 \cdot 10^{9}$ pJ.
# 2. *To joules*, times $10^{-12}$: $3.7 \cdot 10^{-3}$ J, or 3.7 mJ.
# 3. *To kilowatt-hours*, divided by $3.6 \cdot 10^{6}$. A million such runs take 3,700 J, and 3,700 / 3,600,000 is about 0.001, so they take about 0.001 kWh.
#
# Power alone does not tell what a task costs, because energy = power · time. A chip of 200 W that answers in 1 ms takes 200 · 0.001 = 0.2 J for the answer. A chip of 50 W that needs 10 ms takes 50 · 0.01 = 0.5 J, although its power is a quarter. So the watts decide how much cooling a chip needs, and the joules decide what an answer costs and how long a battery lasts.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How much is a picojoule?
#
# Heating a cup of water takes tens of kilojoules. Multiplying two *fp32* numbers (floating point, 32 bits) takes a few
# picojoules.
#
# **Predict.** How many fp32 multiplications take as much energy as heating this one cup? **A** $10^{6}$, **B** $10^{11}$, **C** $10^{16}$.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect B. Let somebody do it in powers of ten: $10^5$ over about $10^{-11}$ is $10^{16}$, C. Then ask how a training run can use millions of cups: its multiplications alone would make 7 million at these prices. The rest is additions, memory, instructions, moving data, cooling.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Works out the energy of a cup of hot water, and how many multiplications it would pay for.
J_PER_KWH, J_PER_KG_KELVIN = 3.6e6, 4186  # the second is the heat capacity of water
PRICE_PER_KWH = 0.30  # an assumption: put in your own tariff
GPT3_MWH = 1287  # Patterson et al., 2021
cup_j = 0.25 * J_PER_KG_KELVIN * (100 - 20)  # a quarter of a litre, from 20 to 100 °C
print(f"one cup: {si(cup_j, 'J')} = {cup_j / J_PER_KWH:.3f} kWh")
print(f"at {PRICE_PER_KWH:.2f} euros a kWh it costs {cup_j / J_PER_KWH * PRICE_PER_KWH * 100:.1f} cents")
number, power = f"{cup_j / (energy.MUL_PJ['fp32'] * 1e-12):.1e}".split("e+")
print(f"multiplications: {number} · 10{power.translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}")
print(f"training GPT-3: {GPT3_MWH * 1000 * J_PER_KWH / cup_j / 1e6:.0f} million cups")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The energy that heats one cup would pay for about $10^{16}$ multiplications (C).** Training GPT-3 took an estimated 55 million times that energy.
#
# <!-- page -->
#
# In powers of ten: the cup takes about $10^{5}$ J, a multiplication a few times $10^{-12}$ J, and the quotient lies between $10^{16}$ and $10^{17}$. With the exact numbers it is $2.3 \cdot 10^{16}$.
#
# At 3.7 pJ each, the multiplications of that training account for about an eighth of these 55 million cups (*Deeper* has the calculation). The rest of the estimate must be something else: additions, memory, instructions, moving data between chips, cooling. The estimate does not say how it divides among them.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. The price list
#
# Mark Horowitz published what one operation roughly costs
# ([2014](https://doi.org/10.1109/ISSCC.2014.6757323)), on a chip of an older process, 45 nm.
#
# *int8*, *int32*: whole numbers of 8 and 32 bits. *fp16*: a float of 16 bits. *Cache*: a small memory on the chip. *DRAM*: the large main memory
# beside it.
#
# **Predict.** Section 1 paid 640 pJ for 32 bits from DRAM. What do 64 bits from a small cache, of 8 KB, cost, and why: about 10, 100 or
# 1,000 pJ?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Vote: 10, 100 or 1,000. Expect 100. After the figure: "Each grid line is ten times the one before. What
# would this look like on a linear axis?" They have seen it: section 1. DRAM is dear by distance and size: the bits of a multiplier travel a fraction of a millimetre; a bit from DRAM is found among billions, leaves its chip, and charges wires of centimetres.
# 1,300 / 2 = 650 and the 640 of section 1 are two papers for the same read; we stay with 640. Whole numbers, from int32 to int8: an addition gets 3.3 times cheaper (0.1 / 0.03), a multiplication 15.5 times (3.1 / 0.2). Ask for a guess why, and write 3 × 3 in binary, 11 × 11, on the board: 2 · 2 products of bits. (From fp32 to int8 it is 30 times for the addition and 18.5 for the multiplication: a float is harder to add than a whole number.)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the published prices on a logarithmic axis: each grid line is ten times the one before.
show.price_list()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **From a cache of 8 KB, 64 bits cost 10 pJ, as much as about three fp32 multiplications. From DRAM they cost 1,300 pJ, as much as about 350.** The usual explanation is distance and size.
#
# <!-- page -->
#
# By the list a multiplication in fp32 costs 3.7 pJ, and 1,300 / 3.7 = 351. (Each grid line of the figure is ten times the one before. The source gives a range for DRAM, 1,300 to 2,600 pJ, and at the upper end the ratio is twice as large.) An fp32 number has half as many bits, so to read one from DRAM costs as much as about 175 multiplications.
#
# A multiplier is a small circuit, and its bits travel a fraction of a millimetre. A bit from
# DRAM is looked up among billions of others, leaves its chip, and travels over wires of centimetres to the processor; each of these wires must be charged. The caches stand in between: the smaller a memory and the nearer it is to the
# arithmetic, the less a read costs. (In the list a larger cache does cost more. But a larger memory also has longer wires, so the list cannot tell which of the two, size or distance, matters more.)

# %% [markdown] slideshow={"slide_type": "skip"}
# The list tells us two more things.
#
# **Among numbers of one kind, operations on fewer bits cost less, and a multiplication saves more than an addition.** From int32 to int8 the price of an addition falls to about a third (from 0.1 to 0.03 pJ), that of a multiplication to about a fifteenth (from 3.1 to 0.2 pJ). The reason is probably that a multiplication brings every bit of one number together with every bit of the other. Multiply two numbers of 2 bits with a pencil and you write 2 · 2 = 4 products of bits; with 4 bits they are 4 · 4 = 16. So twice the bits mean four times the work. An addition goes through the digits once, so twice the bits mean twice the work. (From a float to a whole number the addition saves more: from fp32 to int8 the price of an addition falls to a thirtieth, and that of a multiplication to about a nineteenth. *Deeper* says why, and compares the picture with the prices.)
#
# **Reading an fp32 number from the smallest cache costs about as much as the arithmetic done with it, and the larger the memory, the more a read costs.** The reads of the list are of 64 bits, the operations of 8, 16 or 32. If the energy of a read is proportional to the number of bits, an fp32 number from the cache of 8 KB costs 5 pJ, about as much as its multiplication and addition together (4.6 pJ). From the cache of 32 KB it costs 10, from
# the one of 1 MB 50, and from DRAM 650. (Section 1 used 640 pJ, from [Han et al., 2015, figure 1](https://arxiv.org/abs/1506.02626), who cite a table of the same 45 nm process. The rest of the lesson keeps to 640.)
#
# These are the prices of a process of 2007. (The fewer nanometres, the newer the process.) What does a newer chip change? The table says how many pairs of an fp32 multiplication and an fp32 addition cost as much as one read of 32 bits:
#
# | read from | 45 nm | 7 nm |
# |---|---|---|
# | DDR memory (the usual DRAM) | 140 | 385 |
# | a cache of 1 MB | 11 | 4 |
#
# At 7 nm the arithmetic costs a little more than a third of its price at 45 nm. A DDR read costs as much as before, so the gap between arithmetic and DDR has grown. A read from the cache of 1 MB costs a seventh of what it did, so its price has fallen further than that of the arithmetic, and that gap has shrunk. What stays is the order: arithmetic, cache, main memory. So take the *order* and the *method* from this lesson, and the joules from the chip that you have (*Deeper* gives the source).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The unit of work is the MAC
#
# A network multiplies *and* adds. One multiplication and the addition of its product to a sum are a **multiply-accumulate,
# MAC**.
#
# An fp32 multiplication costs 18.5 times as much as one in int8, and an fp32 addition 30 times as much. But a long sum of int8 products does not fit
# into 8 bits, so it is kept in int32.
#
# **Predict.** How many times as much as such an int8 MAC does an fp32 MAC cost, and why? **A** 30, **B** 20, **C** 15, **D** 10.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote first; expect B, from 18.5. Then write the four prices on the board: fp32 multiply 3.7, add 0.9; int8 multiply 0.2; int32 add 0.1. One minute on paper: 4.6 / 0.3. One number to keep: 15. And fp16: with its sum
# in fp32 a MAC costs 1 / 2.3 of one in fp32, not 1 / 3.1.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Adds the price of a multiplication and of the addition that goes with it.
formats = {"fp32": "fp32", "fp16": "fp16", "fp16, fp32 sum": "fp32", "int8": "int8", "int8, int32 sum": "int32"}
mac_pj = {name: energy.MUL_PJ[name.split(",")[0]] + energy.ADD_PJ[of_sum] for name, of_sum in formats.items()}
Table(
    ["one MAC", "pJ", "fp32 costs … times as much"],
    [[name, f"{pj:.2f}", f"{mac_pj['fp32'] / pj:.1f}"] for name, pj in mac_pj.items()],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **An fp32 MAC costs 15 times as much as an int8 MAC with its sum in int32 (C).**
#
# <!-- page -->
#
# By hand: in fp32 a MAC costs 3.7 + 0.9 = 4.6 pJ. In int8 with a sum in int32 it costs 0.2 + 0.1 = 0.3 pJ, and 4.6 / 0.3 = 15.3. The multiplications alone give 18.5, which is too optimistic for a MAC. In the same way an fp32 MAC costs 2.3 times as much as one in fp16 whose sum
# is kept in fp32, and not 3.1 times. (*Deeper* shows what happens to a sum that has too few bits.) These are prices of the circuits; whether *your* processor has such circuits, and gains from them, is measured in the lessons on quantization.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. The bill of a whole model
#
# For each of its $m$ outputs, a linear layer multiplies each of its $n$ inputs by a weight.

# %% [markdown] slideshow={"slide_type": "skip"}
# To write the bill of a model we need two counts: how many MACs it makes for one input, and how many weights it fetches.
#
# Take a tiny network, 2 → 3 → 1. Each of its three hidden values is a sum of two products, one for each input: 3 · 2 = 6 MACs. (The sum starts at zero and each product is added to it, so two products take two additions.) The output is a sum of three products: 3 more. Together these are 9 MACs, and there are 9 weights, since each product has a weight of its own. In general a linear layer from
# $n$ to $m$ values makes $n \cdot m$ MACs with its $n \cdot m$ weights.

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** In section 1, LeNet-300-100 made 266,200 MACs for a digit. How are they divided among its three layers, 784 → 300 → 100 → 10, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw 2 → 3 → 1 and let the room count its arrows. Then half a minute in the head: 235,200 + 30,000 + 1,000. Ask what the counter leaves out: the 410 additions of the biases. And: "A sentence of 16 words, each a vector: how often is a weight used?" 16 times. That number, the uses of a weight, matters most in the rest of the lesson.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts the MACs by hand, and lets PyTorch count them.
by_hand = 784 * 300 + 300 * 100 + 100 * 10
with torch.no_grad(), FlopCounterMode(display=False) as counter:
    lenet(digit)
by_torch = counter.get_total_flops() // 2  # a MAC is two operations
print(f"MACs by hand {by_hand:,}, by torch {by_torch:,}, weights {bill.weights:,}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **235,200 of the 266,200 MACs are in the first layer, 30,000 in the second, 1,000 in the last: one for each weight.** For one digit each weight is used
# once. A layer that works on a sentence of 16 words, each a vector, uses every weight 16 times.
#
# <!-- page -->
#
# They are the products 784 · 300, 300 · 100 and 100 · 10. PyTorch's counter agrees once its number is halved, because it counts *floating-point operations*, and a MAC is two: a multiplication and an addition. Both counts leave out the 410 additions of the
# biases, which hardly matter here.
#
# "One for each weight" is what makes this network so dependent on memory. It is true of every linear layer that works on one *vector* at a time.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same weights, nearer
#
# Section 1 fetched the weights from DRAM, as a device does when it wakes up for a single digit. Suppose instead that all weights
# already lie in a cache. The weights take 1.06 MB, so this cache must be a little larger than the 1 MB cache in the list. We assume that its reads cost
# the same.
#
# **Predict.** From DRAM, half-price arithmetic saved less than half a per cent of the bill. How much does it save now, and why: **A** also less than 1 %, **B** about 4 %, **C** about 25 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect C. Read the answer from the first line. And: "How would you save
# more?" Fewer bits, fewer weights, more uses of each.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Compares the price of one MAC with that of one weight, from a cache and from DRAM.
dram_pj = energy.READ_32_BIT_PJ["DRAM"]  # one 32-bit weight; Han et al., 2015
cache_pj = energy.READ_64_BIT_PJ["cache, 1 MB"] / 2
print(f"1 MB cache: {cache_pj / energy.MAC_PJ['fp32']:.0f} times the arithmetic")
show.one_weight({"one MAC": energy.MAC_PJ["fp32"], "1 MB cache": cache_pj, "DRAM": dram_pj})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **About 4 % (B), because even from the cache the weights cost about eleven times as much as the arithmetic.**
#
# <!-- page -->
#
# Reading 64 bits from a cache of 1 MB costs 100 pJ by the list. A weight has 32 bits, so we take half, 50 pJ, and 50 / 4.6 is about 11. Half-price arithmetic would save 2.3 of 54.6 pJ here, about 4 %. Besides a nearer memory there are three ways to save more: fetch fewer bits for each weight, fetch fewer weights,
# or use each fetched weight more often. You cannot change the memories of your machine, so most of this course is about these three ways.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### How often is one weight used?
#
# Three ways to use a weight that was fetched once:

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* "The thick arrow is paid once. Everything thin shares it." Ask: what else could share a read? (The 16 words of a sentence, two slides ago.) Then: "Do real networks use a weight often enough?"

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws one weight that is fetched once, and what it is used for.
show.uses_of_a_weight()

# %% [markdown] slideshow={"slide_type": "skip"}
# A linear layer that works on one vector uses each weight for one output. A convolution slides the same small window over the whole image and uses the same weights at every place. Take a window of 3 × 3 on an image of 5 × 5 pixels: it fits at 3 · 3 = 9 places, so each of its 9 weights is used 9 times, which makes
# 81 MACs for 9 weights. A real layer has one such window for each pair of an input channel and an output channel (also called *maps*). With 16 input channels, 32 output channels and windows of 3 × 3 it has 32 · 16 · 9 = 4,608 weights. If its output maps have 14 × 14 places, each weight is used 14 · 14 = 196 times (products with padded zeros counted), and the layer makes 4,608 · 196 = 903,168 MACs.
#
# A batch, several inputs at once, works for every kind of layer. Section 5 is about it.
#
# How often a fetched number is used is called its **reuse**. (The estimate charges nothing for keeping a weight near in between; *Deeper* asks how much that would be.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Other networks
#
# LeNet is a small convolutional network (the LeNet-300-100 of section 1 has linear layers only), and ResNet-50 is a large one: it has 25.5 million weights and 4.1 billion MACs for an image. A weight from DRAM costs 640 pJ, a MAC 4.6.
#
# The **break-even point** is the number of uses of a weight at which the arithmetic costs as much as the fetch.
#
# **Predict.** Does ResNet-50 reach the break-even point for one image, on average over its weights, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* On paper: 640 over 4.6. Then hands for yes and no. Read the column "MACs for each weight" from top to bottom: 1, a few, more than
# 140. "And if I have LeNet-300-100, and cannot make it a convolution?" That is the next section.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Estimates three networks in the same way, and puts their counts and bills into a table.
nets = {
    "LeNet-300-100": (lenet, digit),
    "LeNet": (models.LeNet().eval(), digit),
    "ResNet-50": (torchvision.models.resnet50().eval(), torch.zeros(1, 3, 224, 224)),
}
bills = {name: energy.estimate(net, x) for name, (net, x) in nets.items()}
in_linear = sum(layer.weight.numel() for layer in nets["LeNet"][0].modules() if isinstance(layer, torch.nn.Linear))
print(f"LeNet: {in_linear / bills['LeNet'].weights:.0%} of the weights are in linear layers, which use each once")
Table(
    ["model", "weights, millions", "MACs, millions", "MACs for each weight", "arithmetic", "weights"],
    [
        [name, f"{b.weights / 1e6:,.2f}", f"{b.macs / 1e6:,.2f}", f"{b.macs / b.weights:.1f}"]
        + [si(nj * 1e-9, "J") for nj in (b.compute_nj, b.fetch_nj)]
        for name, b in bills.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The break-even point is 139 uses. ResNet-50 passes it on average: it uses its weights 160 times**, because the few weights of its early convolutions are used hundreds or thousands of times. This holds for images of 224 × 224 pixels; on smaller
# ones the output maps have fewer places (*Deeper* counts them).
#
# <!-- page -->
#
# The arithmetic of $k$ uses costs $4.6\,k$ pJ, and it reaches 640 pJ at $k$ = 640 / 4.6 = 139.1. So up to 139 uses the weights cost more, from 140 on the arithmetic does. The column *MACs for each weight* decides: it is 1 for LeNet-300-100, 3.3 for LeNet, 160 for ResNet-50. In ResNet-50 the first convolution uses a weight 112 · 112 = 12,544 times, the last ones 7 · 7 = 49 times, and the linear layer at the end once. The 160 is the mean over all weights. For two thirds of them, taken alone, the fetch still costs more than the arithmetic: more than half are in layers with 49 uses.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What the table says
#
# The number of operations alone is a bad measure of energy. LeNet makes 0.20 million MACs for a digit and LeNet-300-100 makes 0.27 million, which is not much more. But their bills are 39 and 172 µJ, because LeNet-300-100 fetches more than four times as many weights (266,200 against 59,838).
#
# Why does LeNet, a convolutional network, use its weights only 3.3 times? Nearly all of them are in its linear layers, which use each weight once. Its convolutions by themselves use their weights 154 times on average.
#
# And the half-price chip of section 1? For an image through ResNet-50 it would save half of 18.8 out of 18.8 + 16.3 mJ, which is 27 %, nearest to answer B of section 1. But ResNet-50, with 160 uses, is close to the break-even point, so a small change in the prices can decide which part of its bill is the larger one. At the high end of Horowitz's range a weight costs 1,300 pJ, the break-even point is 1,300 / 4.6 = 283, and the weights are the larger part again. The values that pass between its layers, which this bill leaves out, could make memory the larger part as well (section 6).
#
# [[roofline]] asks the same question about time in place of energy. There it is operations for each byte, the *arithmetic intensity*.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. The batch
#
# A weight that was read once can serve all inputs of a batch of size $B$. One input then costs
#
# $$E = N_\text{MAC} \, e_\text{MAC} + N_\text{weights} \, e_\text{read} \,/\, B$$
#
# Here $N_\text{MAC}$ and $N_\text{weights}$ are the counts for one input, $e_\text{MAC}$ is the energy of one MAC, $e_\text{read}$ that of fetching one weight.
#
# **Predict.** In fp32, arithmetic is the larger part of LeNet-300-100's bill from a batch of 140 on. In
# int8 a weight costs 160 pJ and a MAC 0.3. From which batch on is arithmetic the larger part then, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First a show of hands: a larger batch, or a smaller one? Then two minutes in pairs, on paper: set both parts equal; write B = 160 / 0.3 on the board, 534. int8 makes the arithmetic 15 times cheaper and the fetch only 4 times, so memory becomes a larger share of a smaller bill. LeNet in fp32: B = 640 / 4.6 / 3.34, 42. Ask who cannot wait for a full batch: whoever has one input, now.

# %% [markdown] slideshow={"slide_type": "skip"}
# Read the formula with one weight that is used once for each input. With a batch of 1 the input pays 4.6 pJ for its MAC and the whole 640 pJ of the fetch: 644.6 pJ. In a batch of 4 the four inputs share the fetch, and each pays 4.6 + 640 / 4 = 164.6 pJ. The price of the
# arithmetic never changes; that of the fetch is divided by $B$.
#
# (In int8 a weight has 8 bits in place of 32. We take a quarter of the price for its read, 160 pJ. This assumes that the price of a read is proportional to its bits.)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the fetch over the arithmetic for batches from 1 to 1,024.
int8 = energy.estimate(lenet, digit, mac="int8, int32 sum", bits=8)
show.batches(bills, int8)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In int8 the arithmetic of LeNet-300-100 is the larger part only from a batch of 534 on**, because int8 makes the arithmetic 15 times cheaper and the fetch only 4 times.
# For LeNet in fp32 it is 42.
#
# <!-- page -->
#
# The two parts are equal where $N_\text{MAC} \, e_\text{MAC} = N_\text{weights} \, e_\text{read} / B$, and so at
#
# $$B = \frac{e_\text{read}}{e_\text{MAC}} \cdot \frac{N_\text{weights}}{N_\text{MAC}}.$$
#
# LeNet-300-100 in int8: 160 / 0.3 = 533.3, so 534 is the first whole number; in fp32 it was 139.1, so 140. LeNet in fp32: 139.1, divided by 3.34 uses a weight, is 41.6, so 42. Fewer bits make *both* parts cheaper: the arithmetic costs a fifteenth, but the fetch still a quarter. So where weights *and* arithmetic are in int8,
# memory is an even larger share of the bill.
#
# Where this stops being true: a server with many users can wait for a full batch, but a phone that answers a single question has only one input, so it has nothing to share the fetch with.
#
# And a batch saves only the fetch of the *weights*. Even an endless batch leaves the 4.6 pJ of arithmetic for each use: for LeNet-300-100, going from batch 1 to 140 lowers the bill from 644.6 to 9.2 pJ for each weight, and a still larger batch can at best halve it once more. Each input also brings values of its own, which the formula leaves out (section 6).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. How to use the list
#
# Section 5's formula has an arithmetic term and a memory term. Here are four changes:
#
# 1. Multiply in 16 bits, and keep the weights stored in 32.
# 2. Multiply and store in int8.
# 3. Enlarge the batch.
# 4. Remove weights.
#
# **Predict.** Which of the four changes reduce *both* terms, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Hands for each change, before the table opens: 2 and 4.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Multiplying and storing in int8, and removing weights, reduce both terms (2 and 4).**
#
# | when you… | it saves | because |
# |---|---|---|
# | multiply in 16 bits, store in 32 ([[amp]]) | arithmetic only | the multiplier works on half as many bits; a weight is still read as 32 bits |
# | multiply and store in int8 ([[integers]] and after) | arithmetic, memory | a cheap multiplier, and a quarter of the bits |
# | enlarge the batch | memory | one read of a weight serves many inputs |
# | remove weights, *prune* ([[prune_module]] and after) | memory, arithmetic | a weight that is gone is neither read nor multiplied, *if* the file and the code can skip it |
#
# <!-- page -->
#
# The first term of the formula is the arithmetic, $N_\text{MAC} \, e_\text{MAC}$; the second is the memory. Removing weights lowers both counts, but only where the program really leaves the zeros out; [[zero_worth]] measures when it does.
#
# How much that is of the total depends on how often a weight is used. Here is the share of the whole bill that each change saves for a weight that is used once, and for one that is used 140 times. The left column has the price of a MAC and that of a fetch. All uses of a weight share its fetch. For int8 and 140 uses that is 0.3 + 160 / 140 = 1.44 of 4.6 + 640 / 140 = 9.17 pJ, which saves 84 %.
#
# | change from 4.6 + 640 pJ | used once | used 140 times |
# |---|---|---|
# | arithmetic at half its price | 0.4 % | 25 % |
# | int8: 0.3 + 160 pJ | 75 % | 84 % |
# | only the arithmetic in int8: 0.3 + 640 pJ | 0.7 % | 47 % |
# | only the stored weights in 8 bits: 4.6 + 160 pJ | 74 % | 37 % |
# | weights in a cache of 1 MB: 4.6 + 50 pJ | 92 % | 46 % |
# | half of the weights removed | 50 % | 50 % |
#
# So the best remedy depends on how often a weight is used. When a weight is used once, nearly all of its cost is the fetch: storing it in 8 bits brings nearly the whole saving of int8, and a cheaper multiplier next to nothing. When a weight is used 140 times, the arithmetic is half of the bill, and the cheaper multiplier and the fewer stored bits each bring a good part of the saving.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What this bill leaves out
#
# The estimate counts MACs and one read of each weight. It leaves out
#
# - the *activations*, the values that one layer passes to the next. If all of them went through DRAM, they would cost 14 mJ for an image through ResNet-50, where the weights cost 16.
# - the reads that bring a weight from a nearby memory to the multiplier each time it is used.
# - the instructions that tell a processor what to do: on a simple processor each takes about 70 pJ, against 4.6 for a MAC.
# - biases, and the arithmetic of normalization; and the power that a machine takes while it waits.
#
# <!-- page -->
#
# Biases and the arithmetic of normalization are small (*Deeper* counts the activations).
#
# Waiting can be the largest part. A chip takes power even when it computes nothing: its memory must be refreshed, its clock runs, and a small current leaks through every transistor. This is paid for each second. Suppose that a device takes 0.1 W while it waits, and reads one digit a second. Then waiting costs 0.1 J = 100,000 µJ, and the digit 172 µJ. Whatever you do to the network, the bill stays nearly the same. But if the device reads 10,000 digits a second, waiting costs 10 µJ for each, and the network is the larger part again.
#
# Each of these only adds to the bill. So, at the prices of this list, the estimate is too low for a machine that fetches the weights from DRAM for each input. A machine that keeps them in a cache may pay less (section 4). And your machine has other prices. Use the estimate to compare two networks or two remedies, and not to predict an electricity bill.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for each line: does it make the estimate too high or too low? Too low, all four. Then the exercises, in pairs.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Write your answer into the cell with the stub, run it, then run the check below it. The check
# tries inputs that you do not see here, and tells you what a wrong answer usually means.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 1 · Energy of a linear layer
# ★ · 8 minutes
#
# Write `linear_energy_pj`: the energy in picojoules of the arithmetic of a linear layer *with bias*, for a whole batch.
# Every input of the batch needs one multiplication and one addition for each weight, and one addition for each bias. A sum starts at zero.
#
# `linear_energy_pj(n_in, n_out, batch, mul_pj, add_pj)` → a number
#
# <details><summary>Hint</summary>
# For one input there are n_in · n_out MACs. Each of the n_out results gets its bias added once.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on a laptop each; alone at home it takes 8. A slip to expect is a MAC counted as one operation. Whoever is done writes the int8 energy of LeNet-300-100
# on the board: 266,200 · 0.3 pJ and 410 biases at 0.1 pJ, about 0.08 µJ.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def linear_energy_pj(n_in, n_out, batch, mul_pj, add_pj):
    """Energy in pJ of the arithmetic of a linear layer with bias on `batch` inputs.

    >>> linear_energy_pj(784, 300, 0, 3.7, 0.9)  # no input, no energy
    0.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.linear_energy_pj(linear_energy_pj)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def linear_energy_pj_solution(n_in, n_out, batch, mul_pj, add_pj):
    macs = batch * n_in * n_out
    bias_adds = batch * n_out
    return macs * (mul_pj + add_pj) + bias_adds * add_pj


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · Which half would you buy?
# ★★ · 10 minutes · an investigation
#
# A maker of chips can halve one price: that of the arithmetic, or that of the fetch of a weight. Which one would you buy? You get
# an instrument, `bill(half, uses=n)`: the energy for one MAC, in pJ, of a network that uses each fetched weight `n` times, from 1 to
# 1,000. `half` is `"none"` for the chip as it is, `"arithmetic"` or `"fetch"`. The prices of the chip are hidden, and it may have
# costs that nobody halves.
#
# `which_half(bill)` → `"arithmetic"` or `"fetch"` if this half saves more at every number of uses; `"depends"` if the better half
# changes with the uses; `"neither"` if neither half ever saves more than 5 % of the bill of `"none"` at the same uses
#
# <details><summary>Hint</summary>
# How does the share of each price in the bill change as the uses grow from 1 to 1,000? So at which uses must you look?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several chips. It looks at how you make your experiment (each of the three bills at the same numbers of uses), and then at what you conclude. `"none"` is your control: without it you would know which half is better, but not whether it is worth buying.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on paper first; alone it takes 10. "Sketch the three bills over the uses, for the prices of section 4." The chip as it is takes 4.6 + 640 / n; half the arithmetic takes 2.3 off everywhere, half the fetch 320 / n; they cross at 139. Then: "How many points of this sketch do you need?" Two are enough, if they are
# the two ends. Ask for a chip on which neither half is worth anything: one that spends 70 pJ on every instruction, with its weights in the smallest cache (5 pJ: 3.1 % and 2.9 % at one use).


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def which_half(bill):
    """Say which half to buy: "arithmetic", "fetch", "depends" or "neither".

    Args:
        bill: the instrument; `bill("none", uses=3)` gives the energy for
            one MAC in pJ when each fetched weight is used 3 times.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.which_half(which_half)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def which_half_solution(bill):
    better, best = set(), 0.0
    for uses in (1, 1000):  # the fetch weighs most at one end, the arithmetic at the other
        none = bill("none", uses=uses)
        saved = {half: none - bill(half, uses=uses) for half in ("arithmetic", "fetch")}
        better.add(max(saved, key=saved.get))
        best = max(best, max(saved.values()) / none)
    if best <= 0.05:
        return "neither"
    return better.pop() if len(better) == 1 else "depends"


# %% [markdown] slideshow={"slide_type": "skip"}
# What does your function say of the prices in this lesson? Halving the price of the arithmetic saves 2.3 pJ for each MAC, however often a weight is used. Halving that of the fetch saves 320 pJ divided by the number of uses. The two are equal where 320 / $n$ = 2.3, at $n$ = 139, which is also the break-even point of section 4. So
# for fp32 and DRAM the answer is "depends": up to 139 uses you would buy the cheaper fetch, from 140 on the cheaper arithmetic. If the weights lie in the smallest cache (5 pJ), the answer changes at 2.5 / 2.3 = 1.1 uses: the cheaper fetch is better only if a weight is used once.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### What does the estimate leave out?
#
# `energy.estimate` counts the MACs of matrix products and convolutions, and one read of every weight. It leaves out biases and normalization layers. Above all it leaves out the **activations**, the values that one layer passes on to the next: they are written and read again, and if they do not fit into a cache, that costs as
# much as fetching weights. They can be counted in a few lines, with a *hook*: a function that PyTorch calls after a layer, here to count the numbers that the layer gives out:

# %% slideshow={"slide_type": "skip"}
resnet, image = nets["ResNet-50"]
given_out = []
layers = [layer for layer in resnet.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)]
hooks = [layer.register_forward_hook(lambda layer, taken, given: given_out.append(given.numel())) for layer in layers]
with torch.no_grad():
    resnet(image)
for hook in hooks:
    hook.remove()
activations_mj = sum(given_out) * 2 * dram_pj / 1e9  # each value is written once and read once
print(f"activations: {sum(given_out) / 1e6:.1f} million values, {activations_mj:.1f} mJ if all go through DRAM")

# %% [markdown] slideshow={"slide_type": "skip"}
# If every output of a convolution or a linear layer were written to DRAM once and read from it once, at the price of a read each time, the activations of ResNet-50 would cost nearly as much as its weights, and memory would be the larger part of its bill. This is a calculation and no measurement, and the truth may lie on either side of it. A good program keeps many activations in caches, which costs less. But the count also assumes that normalization, ReLU and
# the additions of the shortcuts (ResNet adds the input of a block to its output) are done before a value is written, so that they need no read or write of their own. If each of these layers read its inputs from DRAM and wrote its outputs there, the activations would cost more than three times as much.
#
# For LeNet-300-100 the values are few: 784 pixels to read, 400 hidden values to write and to read, and 10 results to write, together 1,594 accesses. If all of them went to DRAM at 640 pJ they would cost 1.0 µJ for each digit, at any batch, nearly as much as the arithmetic (1.2 µJ).
#
# ### Do the remedies of section 6 help each other?
#
# In 32 bits LeNet-300-100 takes 1.06 MB and does not fit into a cache of 1 MB; in 8 bits it takes 0.27 MB and fits. A weight then costs 12.5 pJ (100 pJ for 64 bits, if the price is proportional to the bits) and a MAC 0.3. Used once, the weight costs 12.8 in place of 644.6 pJ, which saves 98 %. Int8 alone saves 75 %.
#
# ### How often does ResNet-50 use a weight on images of another size?

# %% slideshow={"slide_type": "skip"}
uses = {}
for side in (32, 112, 224, 384):
    counted = energy.estimate(resnet, torch.zeros(1, 3, side, side))
    uses[side] = counted.macs / counted.weights
convolutions = [layer for layer in nets["LeNet"][0].modules() if isinstance(layer, torch.nn.Conv2d)]
linear_macs = sum(layer.weight.numel() for layer in nets["LeNet"][0].modules() if isinstance(layer, torch.nn.Linear))
own = (bills["LeNet"].macs - linear_macs) / sum(layer.weight.numel() for layer in convolutions)
print("ResNet-50:", ", ".join(f"{side} × {side}: {count:.1f}" for side, count in uses.items()))
print(f"the convolutions of LeNet alone: {own:.0f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# A convolution makes its MACs at every place of the image, and its weights stay the same. So the number of uses grows with the area, in steps, because a map has whole pixels. Counted in the same way, it is 137 for images of 200 × 200 pixels and 141 for images of 201 × 201. So the answer of section 4 holds from there on.
#
# ### What does a use cost when the weight is near?
#
# A weight that is fetched once and used 196 times must stay near the arithmetic until its last use. The estimate takes this for granted and charges nothing for it. Would the charge be small? By the list, 32 bits from the cache of 8 KB cost about 5 pJ. If every use read its weight and its input from there, a use would cost 5 + 5 pJ for reading and 4.6 for arithmetic, and memory would be the larger part however often a weight is used. This is one reason why processors keep the numbers in use in *registers*, tiny memories right beside the multipliers.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · MACs of a convolution
# ★★ · 12 minutes
#
# Write `conv2d_macs`: the MACs of a two-dimensional convolution without bias, with a window of kernel × kernel, on one image of
# side × side. Padding goes on all sides and counts like pixels: products with padded zeros are counted as well. With `groups` = g, which divides
# `c_in` and `c_out`, each of the `c_out` output maps sees only `c_in` / g of the input maps.
#
# `conv2d_macs(c_in, c_out, kernel, side, stride=1, padding=0, groups=1)` → a whole number
#
# <details><summary>Hint</summary>
# Each output element is one dot product, a sum of products. How many output elements are there, and how long is the dot product when
# a map sees only its group's share of the input maps? The output side is
# ⌊(side + 2 · padding − kernel) / stride⌋ + 1.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def conv2d_macs(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    """MACs of such a convolution on one image of side × side pixels.

    >>> conv2d_macs(1, 4, 3, 8, 1, 1)  # 4 maps of 8 × 8, each from a 3 × 3 window
    2304
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.conv2d_macs(conv2d_macs)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def conv2d_macs_solution(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    side_out = (side + 2 * padding - kernel) // stride + 1
    dot_product = (c_in // groups) * kernel * kernel
    return c_out * side_out * side_out * dot_product


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Why does a multiplication gain more from fewer bits than an addition?
#
# A multiplier brings each bit of one number together with each bit of the other. In floating point only the *significands* meet, the
# digits of the numbers; the exponents are added. The significand of fp16 has 11 binary digits and that of fp32 24 (one of these digits is
# always 1 and is not stored). So 11 · 11 = 121 and 24 · 24 = 576 pairs meet; the other bits are the sign and the exponent.

# %% [markdown] slideshow={"slide_type": "skip"}
# Multiply 5 by 3 with a pencil, in binary, as you learned it at school for decimal numbers:
#
# ```text
#         1 0 1        5
#       × 0 1 1        3
#       -------
#         1 0 1        5 times the last bit of 3, which is 1
#       1 0 1          5 times its next bit, 1, one place to the left
#     0 0 0            5 times its first bit, 0
#     ---------
#     0 1 1 1 1       15
# ```
#
# There are three rows with three digits each. Each digit is the product of one bit of the 5 and one bit of the 3, so there are 3 · 3 = 9 pairs. Two numbers of $b$ bits make $b^2$ pairs. An addition passes through the digits only once, so its work grows with $b$. This is why halving the bits
# should make an addition about two times cheaper, and a multiplication about four times.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Predict.** From int8 to int32: how many times more pairs of bits are there?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws one cell for each pair of bits, with the published price under each square.
show.pairs_of_bits()

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **From int8 to int32 the number of pairs grows 16 times, from 64 to 1,024.** The published price grows almost as much, 15.5 times, from 0.2 to 3.1 pJ. So for whole numbers the picture of pairs explains the price well.
#
# From fp16 to fp32 the pairs grow 4.8 times (11² to 24²) and the price 3.4 times, so there the picture is only roughly right. The picture fails when you compare a whole-number format with a floating-point one: fp32 has about half as many pairs as int32, and costs more. A floating-point
# multiplication has other work besides, for it must also add the exponents, shift the result into place and round it. The list does not say what that costs.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Is int8 cheap because of its bits, or because it is a whole number?
#
# Compare rows of the same width. At 32 bits a multiplication of whole numbers costs 3.1 pJ and one of floats 3.7, hardly more. But an *addition* of whole numbers costs 0.1 pJ and one of floats 0.9, nine times as much, because a float consists of digits and an *exponent*, as in $1.5 \cdot 2^3$,
# and only numbers with the same exponent can be added digit by digit. To add $1.5 \cdot 2^3$ and $1.0 \cdot 2^0$ (12 and 1), the second is first shifted to $0.125 \cdot 2^3$. Then the sum is $1.625 \cdot 2^3$ = 13, and it must be rounded if it has too many digits. Whole numbers are just added. So in int8 the multiplication is cheap mainly
# because its numbers are short, and the addition mainly because its numbers are whole.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Why does a sum need more bits than its terms?
#
# An int8 number lies between −128 and 127. A *product* of two of them can be 16,384, which takes 16 bits. And a sum of 784 such products can reach 12.8 million, which takes 25 bits. Whoever keeps too few bits gets wrong sums without an error message. The cell below shows the smallest case, 100 + 100 in int8, and a long sum in fp16.

# %% slideshow={"slide_type": "skip"}
int8_sum = torch.tensor([100, 100], dtype=torch.int8).sum(dtype=torch.int8)
fp16_sum = torch.zeros((), dtype=torch.float16)
for one in torch.ones(4096, dtype=torch.float16):
    fp16_sum += one
print(f"100 + 100 in int8: {int8_sum.item()};  4,096 times 1 in fp16: {fp16_sum.item():g}")

# %% [markdown] slideshow={"slide_type": "skip"}
# In int8 the sum *wraps round*: behind 127 comes −128, so 200 becomes 200 − 256 = −56. In fp16 the sum gets stuck at 2,048. Above 2,048 the next number that fp16 can hold is 2,050, and 2,048 + 1 lies exactly between the two. A tie is rounded to the one whose last bit is 0; here that is 2,048, again and again. So hardware usually keeps the sum
# in a wider format: int32 for products of int8, fp32 for products of fp16. (Some GPUs can also keep the whole sum in fp16, some of them in half the time. PyTorch leaves that switched off; it does allow, by default, that the partial sums of an fp16 product are added up in fp16: `allow_fp16_reduced_precision_reduction`.) For a closer look at floats of 16 bits and at whole numbers, see [[formats]] and [[integers]].

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What do newer chips change?
#
# The prices were published in 2014, and they are those of 45 nm, a process that came to market in 2007. So the joules of this lesson are those of an old chip. Its conclusions rest on the *ratios* of the prices, and those have changed as well. By [Jouppi et al., 2021, table 2](https://doi.org/10.1109/ISCA52012.2021.00010), a chip of 7 nm multiplies in fp32 for 1.31 pJ, adds for 0.38,
# and reads 64 bits from an 8 KB cache for 7.5 pJ and from one of 1 MB for 14. A read from DDR memory still takes 1,300 pJ; one from HBM2, which is memory stacked beside the chip, 250 to 450. So the gap between arithmetic and DDR memory has grown, from about 140 multiply-accumulates for a number of 32 bits to nearly 400 (650 / 1.69 = 385). The gap to a cache of 1 MB has shrunk from 11 to 4 multiply-accumulates. The gap to HBM2 is 74 to 133.
#
# ### What does a processor spend besides?
#
# The prices of the list are those of the circuits alone. A processor also fetches and decodes an instruction for each operation, reads its registers and steers everything. Horowitz draws about 70 pJ for a whole instruction of addition, of which the addition itself is a small part. If every MAC took one such instruction, it would cost about 75 pJ in place of 4.6, and the break-even point would lie at 640 / 75, below nine uses. Vector and matrix units let one instruction serve many operations.
#
# ### How would you measure it?
#
# A power meter at the plug shows watts; a counter in the chip, where there is one, adds up joules. Take the power while the network runs, subtract the power at rest, multiply by the seconds and divide by the number of inputs: 20 W more for 10 s, in which a million digits are read, are 200 J, or 200 µJ for a digit. A meter at the plug shows only the sum. It cannot tell which part of it went to memory, and that is what this lesson asks. (The counters of some server processors have a part of their own for the main memory; [[roofline]] reads it where it is there.)
#
# ### How can the training of GPT-3 take 55 million cups?
#
# Training makes an enormous number of multiplications: by the usual count about $1.6 \cdot 10^{23}$ of them, half of the $3.14 \cdot 10^{23}$ floating-point operations that [Brown et al., 2020](https://arxiv.org/abs/2005.14165), table D.1, give. At the 3.7 pJ of
# an fp32 multiplication these are about 7 million cups. So at these prices the multiplications alone explain about an eighth of the 55 million cups. At the 1.1 pJ of an fp16 multiplication they explain one part in 27, and on a newer chip less.
#
# ### And training?
#
# For a training step count two to three times the MACs of inference. Each layer makes three matrix products of the same size: the
# forward pass, the gradient of its inputs, and the gradient of its weights. But the first layer, in LeNet-300-100 by far the largest, needs no gradient of its inputs. For LeNet-300-100 that makes 3 · 266,200 − 235,200 = 563,400 MACs, 2.1 times those of inference. The optimizer's own arithmetic comes on top.
#
# ### A trap in a name
#
# torchvision's documentation lists ResNet-50 with 4.09 "GFLOPS". These are billions of MACs; PyTorch's counter, which counts operations, says twice as many. When you compare two papers, find out first which of the two they count.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### LeNet's row in the ledger
#
# Most lessons write a row into one table, the **ledger**: the model, its accuracy, how many bytes its file has, how long it takes to load, how much faster it is than the plain model, and its estimated energy for one input. At the end of the course you can compare all of them. LeNet-300-100 got its row in
# [[baseline]], on handwritten digits. This row is of another task, pictures of clothes, so the two accuracies cannot be compared; the bytes can. The network comes with the course, already trained: it saw the first 12,000 images of Fashion-MNIST four times, with Adam and a learning rate of 0.002 (`python course.py checkpoints lenet_fashion_0` trains it again). The next cells load it, count what it gets right, and write its row.

# %% slideshow={"slide_type": "skip"}
small = checkpoints.load("lenet_fashion_0")
accuracy = training.evaluate(small, *data.load("fashion_mnist", "test"))
size = size_report(small)

# %% tags=["hide-input"] slideshow={"slide_type": "skip"}
# Writes LeNet's row into the ledger and shows it.
row = ledger.record(
    lesson="energy",
    task="fashion_mnist",
    model="LeNet",
    technique="fp32",
    accuracy=accuracy,
    file_bytes=size.file_bytes,
    load_ms=size.load_ms,
    energy_nj=bills["LeNet"].total_nj,
)
ledger.table([row])

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What can be checked by a count, beside its source. The prices themselves are cited, not checked.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("energy")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Fetching an fp32 weight from DRAM costs as much energy as a hundred multiply-accumulates and more, at the prices of this list.
# - How often a fetched weight is used decides which part of the bill is larger. A convolution and a batch both use it more.
# - Fewer bits make a fetch cheaper, in this estimate in proportion, and a multiplication more than that; the sum needs its own width.
#
# **Going further**
#
# - M. Horowitz, [*Computing's energy problem*](https://doi.org/10.1109/ISSCC.2014.6757323), 2014. The table, and why clocks stopped rising.
# - N. Jouppi et al., [*Ten lessons from three generations shaped Google's TPUv4i*](https://doi.org/10.1109/ISCA52012.2021.00010), 2021. The
#   table at 7 nm.
# - V. Sze et al., [*Efficient processing of deep neural networks: a tutorial and
#   survey*](https://arxiv.org/abs/1703.09039), 2017. How accelerators cut memory reads.
#
# **Project ideas**: add the bytes of the activations to `energy.estimate`; write the bill at the prices of 7 nm and find out which
# statements of this lesson change.
#
# **Credits**: the idea of opening a lecture on efficient networks with this table is Tal Daniel's (Technion, EE 046211, tutorial 10).
# Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Write 18.8 and 16.3 mJ on the board, and A 50 %, B 25 %, C 5 %, D less than 1 %. A last vote: "The half-price chip again, for an image through ResNet-50?" Half of 18.8 over 18.8 + 16.3: 27 %, B. Compare with the
# counts of the first vote. Next time: time instead of energy, measured on your own machine.

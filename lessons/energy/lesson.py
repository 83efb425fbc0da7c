# ---
# jupyter:
#   course:
#     promise: You will know where the energy of a neural network goes, and how often a fetched weight must be used before its arithmetic costs as much as the fetch.
#     seconds: 30
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
# *A network reads one digit. What does the energy go to?*
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
from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show.tables import Table, si
from lessons.energy import checks as check
from lessons.energy import show

runtime.seed_all(0)
torch.set_num_threads(1)
runtime.describe(runtime.best_device())

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. Half the price of arithmetic
#
# LeNet-300-100 reads a handwritten digit with three linear layers, 784 → 300 → 100 → 10. It fetches each weight from the
# main memory, multiplies it by an input, and adds the product to a sum.
#
# A new chip needs **half the energy** for each multiplication and each addition. Memory stays as it was.
#
# **Predict.** How much energy does the new chip save for a digit? **A** 50 %, **B** 25 %, **C** 5 %, **D** less than 1 %.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Read the question, then a show of hands for A to D; write the counts on the board. Expect B and C. Show the answer and ask:
# "What would you have to improve instead?" Say that this is a bill from counts and published prices: nobody measured a joule here.
# Next: why anybody counts joules at all.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
# Estimates the energy of one digit: counted operations and weights, times published prices.
my_guess = "?"  # A, B, C or D
lenet, digit = models.LeNet300100().eval(), torch.zeros(1, 1, 28, 28)
bill = energy.estimate(lenet, digit)
print(f"saved by half-price arithmetic: {bill.compute_nj / 2 / bill.total_nj:.2%}")
print(f"your guess: {my_guess}")

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
# Draws the two parts of that energy.
show.two_parts(bill)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **The new chip saves less than half a per cent (D), because arithmetic is hardly on the bill.** Nearly all the energy goes into fetching the weights.
#
# <!-- page -->
#
# You can check this with two prices, which sections 3 and 4 explain. To fetch one weight of 32 bits from the main memory takes about 640 picojoules. To multiply it by
# an input and add the product to a sum takes about 4.6. This network uses each of its weights once for a digit, so for every weight it pays 640 + 4.6. Halving the 4.6 saves 2.3 of 644.6,
# and that is 0.36 %.
#
# This holds for a network that fetches every weight and then uses it only once. Section 4 meets networks that use their weights more often, and there the answer is different.

# %% [markdown] slideshow={"slide_type": "skip"}
# The whole estimate fits into three lines. LeNet-300-100 has 266,200 weights, and it makes as many multiplications for a digit (section 4 counts them):

# %% slideshow={"slide_type": "skip"}
macs, weights = 266_200, 266_200
arithmetic_pj, fetch_pj = macs * 4.6, weights * 640
print(f"arithmetic {arithmetic_pj / 1e6:.1f} µJ, fetching the weights {fetch_pj / 1e6:.1f} µJ")

# %% [markdown] slideshow={"slide_type": "skip"}
# What you have just seen is an *estimate*: we counted operations and weights, and multiplied the counts by prices from the literature. Nobody measured a joule. Such an estimate is good
# for comparing: it shows which part of the bill is large, and which is so small that saving there is not worth the trouble. The rest of this lesson asks where the prices come from
# (section 3), whether the picture is the same for other networks (section 4), and what changes it (section 5).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. Why energy, and its units
#
# - **Hardware.** A chip may use only as much power as its cooling can carry away.
# - **Cost.** Training GPT-3 took an estimated 1,287 MWh ([Patterson et al., 2021](https://arxiv.org/abs/2104.10350)). And
#   whoever answers a million requests a day pays for each of them.
# - **Devices.** Phones, watches, sensors and electric cars run on batteries.
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
# A kilowatt-hour is the energy that a device of 1,000 watts takes in one hour: 1,000 J each second, for 3,600 seconds, which makes $3.6 \cdot 10^{6}$ J. Below one joule every step of a thousand has its own name: milli (a thousandth), micro (a millionth), nano (a thousandth of a millionth), pico (a millionth of a millionth).
#
# From picojoules to a bill takes three steps.
#
# 1. *Count times price.* A billion fp32 multiplications at 3.7 pJ take $3.7 \cdot 10^{9}$ pJ.
# 2. *To joules*, times $10^{-12}$: $3.7 \cdot 10^{-3}$ J, or 3.7 mJ.
# 3. *To kilowatt-hours*, divided by $3.6 \cdot 10^{6}$. Do the same a million times and it takes 3,700 J, and 3,700 / 3,600,000 is about 0.001 kWh. A device of 100 W takes these 3,700 J in 37 seconds.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How much is a picojoule?
#
# Heating a cup of water takes tens of kilojoules. Multiplying two *fp32* numbers (floating point, 32 bits) takes a few
# picojoules.
#
# **Predict.** How many fp32 multiplications take as much energy as heating this one cup? **A** $10^{6}$, **B** $10^{11}$, **C** $10^{16}$.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect B. Let somebody do it in powers of ten: $10^5$ over about $10^{-11}$ is $10^{16}$, C. Then ask how a training run can use millions of cups. The next section has the prices.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Works out the energy of a cup of hot water, and what it would pay for.
J_PER_KWH, J_PER_KG_KELVIN = 3.6e6, 4186  # the second is the heat capacity of water
PRICE_PER_KWH = 0.30  # an assumption: put in your own tariff
GPT3_MWH = 1287  # Patterson et al., 2021
cup_j = 0.25 * J_PER_KG_KELVIN * (100 - 20)  # a quarter of a litre, from 20 to 100 °C
print(f"one cup: {si(cup_j, 'J')} = {cup_j / J_PER_KWH:.3f} kWh")
print(f"at {PRICE_PER_KWH:.2f} euros a kWh it costs {cup_j / J_PER_KWH * PRICE_PER_KWH * 100:.1f} cents")
number, power = f"{cup_j / (energy.MUL_PJ['fp32'] * 1e-12):.1e}".split("e+")
print(f"multiplications: {number} · 10^{power}")
print(f"training GPT-3: {GPT3_MWH * 1000 * J_PER_KWH / cup_j / 1e6:.0f} million cups")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **One cup pays for about $10^{16}$ multiplications (C).** Even so, training GPT-3 took an estimated 55 million cups.
#
# <!-- page -->
#
# In powers of ten: the cup takes about $10^{5}$ J, a multiplication a few times $10^{-12}$ J, and the quotient lies between $10^{16}$ and $10^{17}$. With the exact numbers it is $2.3 \cdot 10^{16}$.
#
# The multiplications of that training explain only an eighth of these cups (*Deeper* has the sum). Most of the energy goes into everything else: into memory, as in section 1, into instructions, into moving data between chips, into cooling.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 3. The price list
#
# Mark Horowitz published what one operation roughly costs ([ISSCC 2014](https://doi.org/10.1109/ISSCC.2014.6757323)) on a chip
# made in a process called 45 nm (a generation of chips; a smaller number is a newer one), run at 0.9 V.
#
# *int8* and *int32* are whole numbers of 8 and 32 bits, *fp16* a floating-point number of 16. A *cache* is a small memory on
# the chip. *DRAM* is the large main memory beside it.
#
# **Predict.** Section 1 paid 640 pJ for 32 bits from DRAM. What do 64 bits from a small cache, of 8 KB, cost: about 10, 100 or
# 1,000 pJ? And why is DRAM so much dearer?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Vote: 10, 100 or 1,000. Expect 100. After the figure: "Each grid line is ten times the one before. What
# would this look like on a linear axis?" They have seen it: section 1. Ask for a guess why a multiplication gains more from fewer bits than an addition; the next
# drawing answers. DRAM has a span in the source; its low end is drawn.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
# Draws the published prices on a logarithmic axis: each grid line is ten times the one before.
show.price_list()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **From a cache of 8 KB, 64 bits cost 10 pJ, about three fp32 multiplications; from DRAM they cost 1,300 pJ, about 350.** So one fp32 number from DRAM, half of these bits, costs as much as some 175 multiplications.
#
# <!-- page -->
#
# By the list a multiplication in fp32 costs 3.7 pJ, and 1,300 / 3.7 = 351; the source gives a range for DRAM, and at its upper end the ratio is twice as large. The reason is distance and size. (This is the explanation that is usually given, and no row of the list tests it.) A multiplier is a small circuit, and its bits travel a fraction of a millimetre. A bit from
# DRAM is looked up among billions of others, leaves its chip, and travels over wires of centimetres to the processor; each of these wires must be charged. The caches stand in between: the smaller a memory and the nearer it is to the
# arithmetic, the less a read costs.

# %% [markdown] slideshow={"slide_type": "skip"}
# The list holds two more messages.
#
# **Operations on fewer bits cost less, and the saving is larger for a multiplication than for an addition.** From int32 to int8 an addition gets about 3 times cheaper (0.1 to 0.03 pJ), a multiplication about 15 times (3.1 to 0.2 pJ). *Deeper* shows where the difference comes from: a multiplication brings every bit of one number together with every bit of the other.
#
# **Memory costs about as much as arithmetic when the number comes from the smallest cache, and the larger the memory, the more it costs.** The reads of the list are of 64 bits, the operations of 8, 16 or 32. If the energy of a read is proportional to the number of bits, an fp32 number from the cache of 8 KB costs 5 pJ, about as much as its multiplication and addition together (4.6 pJ). From the cache of 32 KB it costs 10, from
# the one of 1 MB 50, and from DRAM 650. (Section 1 used 640 pJ, from another source for the same thing. The rest of the lesson stays with 640.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The unit of work is the MAC
#
# A network multiplies *and* adds. One multiplication and the addition of its product to a sum are a **multiply-accumulate,
# MAC**.
#
# An int8 multiplication is 18.5 times cheaper than one in fp32, an addition 30 times. But a long sum of int8 products does not fit
# into 8 bits (*Deeper* shows what happens to it).
#
# **Predict.** How many times cheaper than an fp32 MAC is an int8 MAC whose sum is kept in int32? **A** 30, **B** 20, **C** 15, **D** 10.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Write the four prices on the board: fp32 multiply 3.7, add 0.9; int8 multiply 0.2; int32 add 0.1. One minute on paper, then a vote; expect B. One number to keep: 15. And fp16: with its sum
# in fp32 a MAC is 2.3 times cheaper, not 3.1.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Adds the price of a multiplication and of the addition that goes with it.
formats = {"fp32": "fp32", "fp16": "fp16", "fp16, fp32 sum": "fp32", "int8": "int8", "int8, int32 sum": "int32"}
mac_pj = {name: energy.MUL_PJ[name.split(",")[0]] + energy.ADD_PJ[of_sum] for name, of_sum in formats.items()}
Table(
    ["one MAC", "pJ", "times cheaper than fp32"],
    [[name, f"{pj:.2f}", f"{mac_pj['fp32'] / pj:.1f}"] for name, pj in mac_pj.items()],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **An int8 MAC with its sum in int32 is 15 times cheaper than one in fp32 (C).**
#
# <!-- page -->
#
# By hand: in fp32 a MAC costs 3.7 + 0.9 = 4.6 pJ. In int8 with a sum in int32 it costs 0.2 + 0.1 = 0.3 pJ, and 4.6 / 0.3 = 15.3. If you compare the multiplications alone you get 18.5, which is too optimistic for a MAC. In the same way fp16 is 2.3 times cheaper than fp32 when its sum
# is kept in fp32, and not 3.1 times. These are prices of the circuits; whether *your* processor has such circuits, and gains from them, is measured in the lessons on quantization.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 4. The bill of a whole model
#
# A linear layer of $n$ inputs and $m$ outputs multiplies every input by a weight for every output.

# %% [markdown] slideshow={"slide_type": "skip"}
# To write the bill of a model we need two counts: how many MACs it makes for one input, and how many weights it fetches.
#
# Take a tiny network, 2 → 3 → 1. Each of its three hidden values is a sum of two products, one for each input: 3 · 2 = 6 MACs. (The sum starts at zero and each product is added to it, so two products take two additions.) The output is a sum of three products: 3 more. Together these are 9 MACs, and there are 9 weights, since each product has a weight of its own. In general a linear layer from
# $n$ to $m$ values makes $n \cdot m$ MACs with its $n \cdot m$ weights.

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Section 1 took 266,200 MACs on trust. How do they divide among the three layers of 784 → 300 → 100 → 10? And how
# often is a weight used if a linear layer works on a sentence of 16 words, each of them a vector?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw 2 → 3 → 1 and let the room count its arrows. Then half a minute in the head: 235,200 + 30,000 + 1,000. Ask what the counter leaves out: the 410 additions of the biases.

# %% slideshow={"slide_type": "fragment"}
by_hand = 784 * 300 + 300 * 100 + 100 * 10
with torch.no_grad(), FlopCounterMode(display=False) as counter:
    lenet(digit)
by_torch = counter.get_total_flops() // 2  # a MAC is two operations
print(f"MACs by hand {by_hand:,}, by torch {by_torch:,}, weights {bill.weights:,}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **235,200 of the 266,200 MACs are in the first layer, 30,000 in the second, 1,000 in the last. With 16 words each weight is used 16 times; for one digit it is used once.**
#
# <!-- page -->
#
# They are the products 784 · 300, 300 · 100 and 100 · 10, one MAC for each weight. PyTorch's counter agrees once its number is halved, because it counts *floating-point operations*, and a MAC is two: a multiplication and an addition. Both counts leave out the 410 additions of the
# biases, which hardly matter here.
#
# "One for each weight" is what makes this network so dependent on memory. It is true of every linear layer that works on one *vector* at a time. A layer that works on the 16 words of a sentence, each a vector, uses every weight 16 times.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same weights, nearer
#
# Section 1 fetched the weights from DRAM, as a device does when it wakes up for a single digit. Suppose instead that all weights
# already lie in a cache. They take 1.06 MB, so it must be a little larger than the 1 MB cache in the list; let its reads cost the
# same.
#
# **Predict.** Which part of the bill is larger now, and how many times larger than the other? **A** arithmetic, **B** weights, about
# twice, **C** weights, about ten times.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect A and B. Read the answer from the first line. "How much would half-price arithmetic save here?" About 4 %. And: "How would you save
# more?" Fewer bits, fewer weights, more uses of each.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Compares the price of one MAC with that of one weight, from a cache and from DRAM.
dram_pj = energy.READ_32_BIT_PJ["DRAM"]  # one 32-bit weight; Han et al., 2015
cache_pj = energy.READ_64_BIT_PJ["cache, 1 MB"] / 2
print(f"1 MB cache: {cache_pj / energy.MAC_PJ['fp32']:.0f} times the arithmetic")
show.one_weight({"one MAC": energy.MAC_PJ["fp32"], "1 MB cache": cache_pj, "DRAM": dram_pj})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The weights still cost about eleven times as much as the arithmetic (C).** Nearer is cheaper, but not cheap enough.
#
# <!-- page -->
#
# Reading 64 bits from a cache of 1 MB costs 100 pJ by the list. A weight has 32 bits, so we take half, 50 pJ, and 50 / 4.6 is about 11. Half-price arithmetic would save 2.3 of 54.6 pJ here, about 4 %. Besides a nearer memory there are three ways to save more: fetch fewer bits for each weight, fetch fewer weights,
# or use each fetched weight more often. The memories of a machine are given, so most of this course is about these three.

# %% [markdown] slideshow={"slide_type": "skip"}
# Where the numbers come from: the price of a DRAM read, 640 pJ for 32 bits, is that of
# [Han et al., 2015, figure 1](https://arxiv.org/abs/1506.02626). It is about half of the low end of Horowitz's span for
# 64 bits; at the high end the factors with DRAM in them would double.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Other networks
#
# LeNet is a small convolutional network (not LeNet-300-100), ResNet-50 a large one. A weight from DRAM costs 640 pJ, a MAC 4.6.
#
# **Predict.** How many times must a network use its weights before its arithmetic costs as much as fetching them from DRAM? Do you expect that ResNet-50 does?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* On paper: 640 over 4.6. Then hands for yes and no. Read the column "MACs for each weight" from top to bottom: 1, a few, more than
# 140. "So what is this column in a picture?" That is the next slide.

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
    ["model", "weights, millions", "MACs, millions", "MACs for each weight", "arithmetic, mJ", "weights, mJ"],
    [
        [name, f"{b.weights / 1e6:,.2f}", f"{b.macs / 1e6:,.2f}", f"{b.macs / b.weights:.1f}"]
        + [f"{nj / 1e6:.3g}" for nj in (b.compute_nj, b.fetch_nj)]
        for name, b in bills.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **A network must use its weights about 140 times on average before its arithmetic costs as much as the fetch. ResNet-50 does, with 160.** This holds for the images that it was made for, 224 × 224 pixels.
#
# <!-- page -->
#
# The arithmetic of $k$ uses costs $4.6\,k$ pJ, and it reaches 640 pJ at $k$ = 640 / 4.6 = 139.1. So up to 139 uses the weights cost more, from 140 on the arithmetic does. The column *MACs for each weight* decides: it is 1 for LeNet-300-100, 3.3 for LeNet, 160 for ResNet-50.

# %% [markdown] slideshow={"slide_type": "skip"}
# How often a fetched number is used is called its **reuse**, and the reuse at which both parts are equal, here 139, is the **break-even point**. [[roofline]] asks the same question about time in place of energy; there it is operations for each byte, the *arithmetic intensity*.
#
# ### What the table says
#
# The number of operations alone is a bad measure. LeNet makes 0.20 million MACs for a digit and LeNet-300-100 makes 0.27 million, which is not much more. But their bills are 39 and 172 µJ, because LeNet-300-100 fetches more than four times as many weights (266,200 against 59,838).
#
# What is that in kilowatt-hours? A million digits through LeNet-300-100 take 171.6 µJ · $10^6$ = 171.6 J, and 171.6 / ($3.6 \cdot 10^6$) is 0.00005 kWh. A million images through ResNet-50 take 35.1 mJ · $10^6$ = 35.1 kJ, or 0.0098 kWh, less than half a cup of hot water. A machine with these prices that fetches every weight anew for each image would take more, because the estimate leaves things out (end of section 6).
#
# LeNet is convolutional, too. Why is its number so low? Nearly all of its weights stand in linear layers, which use each once. Its convolutions by themselves use their weights 154 times on average.
#
# The number of uses depends on the size of the image as much as on the network, because a convolution uses its weights once for each place. On images of 32 × 32 ResNet-50 would have 3.4 uses a weight, like LeNet, and on 384 × 384 it would have 471. (*Deeper* counts both.)
#
# And the half-price chip of section 1? For an image through ResNet-50 it would save half of 18.8 out of 18.8 + 16.3 mJ, which is 27 % (B). But ResNet-50, with 160 uses, is close to the line of 140, so a small change of the prices can reverse its answer. With the high end of Horowitz's span for DRAM the line lies at 283, and the weights are the larger part again. And this bill leaves something out (end of section 6).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### How often is one weight used?
#
# Three ways to use a weight that was fetched once:

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* "The thick arrow is paid once. Everything thin shares it." Ask: what else could share a read? (The words of a sentence. The page has them in section 4.) Then: "How large must the batch be?"

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws one weight that is fetched once, and what it is used for.
show.uses_of_a_weight()

# %% [markdown] slideshow={"slide_type": "skip"}
# A linear layer that works on one vector uses each weight for one output. A convolution slides the same small window over the whole image and uses the same weights at every place. Take a window of 3 × 3 on an image of 5 × 5 pixels: it fits at 3 · 3 = 9 places, so each of its 9 weights is used 9 times, which makes
# 81 MACs for 9 weights. A real layer has one such window for each pair of an input channel and an output channel (also called *maps*). With 16 input channels, 32 output channels and windows of 3 × 3 it has 32 · 16 · 9 = 4,608 weights. If its output maps have 14 × 14 places, each weight is used 14 · 14 = 196 times, and the layer makes 4,608 · 196 = 903,168 MACs. In ResNet-50 the first convolution uses a weight 112 · 112 = 12,544 times, the last ones, whose outputs have 7 × 7 places, 49 times, and the linear layer at the end once. The 160 is the mean over all weights; more than half of them are in layers with 49 uses.
#
# A weight that is fetched once and used 196 times must stay near the arithmetic until its last use. The estimate takes this for granted and charges nothing for it. Is that small? By the list, 32 bits from the cache of 8 KB cost about 5 pJ. If every use read its weight and its input from there, a use would cost 5 + 5 pJ for reading and 4.6 for arithmetic, and memory would be the larger part however often a weight is used. This is why chips for neural networks hold numbers in *registers*, tiny memories right beside the multipliers.
#
# There is one more way to use a weight more often, and it works for every layer: give the network several inputs at once.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. The batch
#
# A weight that was read once can serve all inputs of a batch of size $B$. One input then costs
#
# $$E = N_\text{MAC} \, e_\text{MAC} + N_\text{weights} \, e_\text{read} \,/\, B$$
#
# Here $N_\text{MAC}$ and $N_\text{weights}$ are the counts for one input, $e_\text{MAC}$ is the energy of one MAC, $e_\text{read}$ that of fetching one weight.
#
# **Predict.** How large must the batch be for arithmetic to become the larger part of LeNet's bill, with 3.34 MACs for each weight? And for LeNet-300-100 in
# int8, where a weight costs 160 pJ and a MAC 0.3?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two minutes in pairs, on paper: set both parts equal. LeNet 42, LeNet-300-100 in int8 534. Ask who cannot wait for a full batch: whoever has one input, now.

# %% [markdown] slideshow={"slide_type": "skip"}
# Read the formula with one weight that is used once for each input. With a batch of 1 the input pays 4.6 pJ for its MAC and the whole 640 pJ of the fetch: 644.6 pJ. In a batch of 4 the four inputs share the fetch, and each pays 4.6 + 640 / 4 = 164.6 pJ. The price of the
# arithmetic never changes, that of the fetch is divided by $B$.
#
# (In int8 a weight has 8 bits in place of 32. We take a quarter of the price for its read, 160 pJ. That is an assumption: that the price of a read goes with its bits.)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the fetch over the arithmetic for batches from 1 to 1,024.
int8 = energy.estimate(lenet, digit, mac="int8, int32 sum", bits=8)
show.batches(bills, int8)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **For LeNet the arithmetic is the larger part from a batch of 42 on; for LeNet-300-100 in int8 only from 534 on.**
#
# <!-- page -->
#
# The two parts are equal where $N_\text{MAC} \, e_\text{MAC} = N_\text{weights} \, e_\text{read} / B$, and so at
#
# $$B = \frac{e_\text{read}}{e_\text{MAC}} \cdot \frac{N_\text{weights}}{N_\text{MAC}}.$$
#
# LeNet: 640 / 4.6 = 139.1, divided by 3.34 uses a weight it is 41.6, so 42 is the first whole number. LeNet-300-100 in int8: 160 / 0.3 = 533.3, so 534; in fp32 it was 140. Does that surprise you? Fewer bits make *both* parts cheaper, but the arithmetic by 15 times and the fetch by only 4. So after quantization
# memory is an even larger share of the bill.
#
# Where this stops being true: a server with many users can wait for a full batch, but a phone that answers a single question has only one input, so it has nothing to share the fetch with.
#
# And a batch saves only the fetch of the *weights*. Even an endless batch leaves the 4.6 pJ of arithmetic for each use: for LeNet-300-100, going from batch 1 to 140 lowers the bill from 644.6 to 9.2 pJ for each weight, and everything beyond can at best halve it once more. Each input also brings values of its own, which the formula leaves out. For LeNet-300-100 these are 784 pixels to
# read, 400 hidden values to write and to read, and 10 results to write, together 1,594 accesses. If all of them went to DRAM at 640 pJ they would cost 1.0 µJ for each digit, at any batch, nearly as much as the arithmetic (1.2 µJ).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. How to use the list
#
# **Predict.** Section 5's formula has an arithmetic term and a memory term. Which of the two does each of these reduce, and why: multiplying in fp16 while the
# weights stay stored in fp32 (as training usually does), int8, a larger batch, fewer weights?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask row by row, before the table opens. Then the exercises, in pairs.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# | when you… | it saves | because |
# |---|---|---|
# | train in fp16 or bf16, another format of 16 bits ([[amp]]) | arithmetic; memory for what is stored in 16 bits | the large matrix products work on half as many bits, if the hardware has units for 16 bits |
# | infer in int8 ([[integers]] and after) | arithmetic, memory | a quarter of the bits, and a cheap multiplier |
# | enlarge the batch | memory | one read of a weight serves many inputs |
# | prune, that is remove weights ([[prune_module]] and after) | memory, arithmetic | a weight that is gone is neither read nor multiplied, *if* the file and the code can skip it |
#
# <!-- page -->
#
# The first term of the formula is the arithmetic, $N_\text{MAC} \, e_\text{MAC}$; the second is the memory. Training multiplies and fetches too, so it has the same two terms. In 16 bits it lowers $e_\text{MAC}$, and $e_\text{read}$ for whatever is kept in 16 bits. A copy of the weights usually stays in 32 bits, because a small step of gradient descent would be rounded away in 16. Int8 lowers both prices. A larger batch divides the second term
# and does nothing for the first. Removing weights lowers both counts, but only where the program really leaves the zeros out; [[zero_worth]] measures when it does.
#
# How much that is of the total depends on how often a weight is used. Here is the share of the whole bill that each change saves for a weight that is used once, and for one that is used 140 times:
#
# | change | used once, 4.6 + 640 pJ | used 140 times, 4.6 + 4.57 pJ each |
# |---|---|---|
# | arithmetic at half its price | 0.4 % | 25 % |
# | int8: 0.3 + 160 pJ | 75 % | 84 % |
# | only the arithmetic in int8: 0.3 + 640 pJ | 0.7 % | 47 % |
# | only the stored weights in 8 bits: 4.6 + 160 pJ | 74 % | 37 % |
# | weights in a cache of 1 MB: 4.6 + 50 pJ | 92 % | 46 % |
# | half of the weights removed | 50 % | 50 % |
# | int8, and the weights in that cache: 0.3 + 12.5 pJ | 98 % | 96 % |
#
# So the best remedy depends on how often a weight is used. Used once, a weight is nearly all fetch: storing it in 8 bits brings nearly the whole saving of int8, and a cheaper multiplier brings next to nothing. Used 140 times, the arithmetic is half of the bill, and each half of int8 brings a good part. And the remedies help each other: in 32 bits LeNet-300-100 takes 1.06 MB and does not fit into
# a cache of 1 MB, in 8 bits it takes 0.27 MB and fits. (100 pJ for 64 bits are 12.5 pJ for 8, if the price goes with the bits.)

# %% [markdown] slideshow={"slide_type": "skip"}
# **What stands on no line of this bill.** The estimate counts MACs and one read of each weight. It leaves out
#
# - the *activations*, the values that one layer passes to the next: if all of them went through DRAM, they would cost 14 mJ for an image through ResNet-50, where the weights cost 16;
# - the reads that bring a weight from a nearby memory to the multiplier each time it is used;
# - the instructions that tell a processor what to do: about 70 pJ for each on a simple one, against 4.6 for a MAC;
# - biases and normalization (small), and the power that a machine takes while it waits.
#
# Each of these only adds. So, if the weights do come from DRAM for each input, the estimate is too low at the prices of this list; a machine that keeps them in a cache pays less (section 4). And the prices of your machine are others. Use the estimate to compare two networks or two remedies, and not to foretell an electricity bill. *Deeper* counts the activations.

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
# on the board.


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
# changes with the uses; `"neither"` if no half saves more than 5 % anywhere
#
# <details><summary>Hint</summary>
# How does the share of each price in the bill change as the uses grow from 1 to 1,000? So at which uses must you look?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several chips. It looks at how you make your experiment (each of the three bills at the same numbers of uses), and then at what you conclude. `"none"` is your control: without it you know which half is better, and not whether it is worth buying.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on paper first; alone it takes 10. "Sketch the three bills over the uses, for the prices of section 4." Then: "How many points of this sketch do you need?" Two are enough, if they are
# the two ends. Ask for a chip on which neither half is worth anything: one that spends 70 pJ on every instruction, with its weights in a cache.


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
# What does your function say of the prices in this lesson? Half of the arithmetic saves 2.3 pJ for each MAC, at any number of uses. Half of the fetch saves 320 pJ divided by the uses. The two are equal where 320 / $n$ = 2.3, at $n$ = 139, the line that section 4 found for another question. So
# for fp32 and DRAM the answer is "depends": up to 139 uses you would buy the cheaper fetch, from 140 on the cheaper arithmetic. With int8 (0.3 and 160 pJ) the line lies at 533. On a chip whose weights lie in the smallest cache (5 pJ) it lies at 1.1: the fetch is the better half for a weight that is used once, and for no other.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### What does the estimate leave out?
#
# `energy.estimate` counts the MACs of matrix products and convolutions, and one read of every weight. It leaves out biases and normalization layers. Above all it leaves out the **activations**, the values that one layer passes on to the next: they are written and read again, and if they do not fit into a cache, that costs as
# much as fetching weights. They can be counted in a few lines, with a hook that looks at what each layer gives out:

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
# A convolution makes its MACs at every place of the image, and its weights stay the same. So the number of uses grows with the area. The answer of section 4 is one about images of 224 × 224.

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
# multiplication has other work besides, for it must also add the exponents, shift the result into place and round it; what that costs, the list does not say.

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
# in a wider format: int32 for products of int8, fp32 for products of fp16. (Some GPUs can also keep sums of fp16 in fp16, which is faster; PyTorch leaves that switched off.) [[formats]] looks closer at floats of 16 bits, [[integers]] at whole numbers.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What do newer chips change?
#
# The prices were published in 2014, and they are those of 45 nm, a process that came to market in 2007. This lesson uses only their *ratios*, but those have changed as well. By [Jouppi et al., 2021, table 2](https://doi.org/10.1109/ISCA52012.2021.00010), a chip of 7 nm multiplies in fp32 for 1.31 pJ
# and reads 64 bits from an 8 KB cache for 7.5 pJ and from one of 1 MB for 14. A read from DDR memory still takes 1,300 pJ; one from HBM2, which is memory stacked beside the chip, 250 to 450. So the gap between arithmetic and DDR memory has grown, from about 140 multiply-accumulates for a number of 32 bits to nearly 400. The gap to a cache of 1 MB has shrunk, from 11 to 4, and with HBM2 it is 75 to 135.
#
# ### What does a processor spend besides?
#
# The prices of the list are those of the circuits alone. A processor also fetches and decodes an instruction for each operation, reads its registers and steers everything. Horowitz draws about 70 pJ for a whole instruction of addition, of which the addition itself is a small part. If every MAC took one such instruction, it would cost about 75 pJ in place of 4.6, and the break-even point would lie at 640 / 75, below nine uses. Vector and matrix units let one instruction serve many operations.
#
# ### How would you measure it?
#
# A power meter at the plug, or a counter in the chip, shows watts. Take the power while the network runs, subtract the power at rest, multiply by the seconds and divide by the number of inputs: 20 W more for 10 s, in which a million digits are read, are 200 J, or 200 µJ for a digit. A meter shows
# only the sum. It cannot tell which part of it went to memory, and that is what this lesson asks.
#
# ### How can the training of GPT-3 take 55 million cups?
#
# Training makes an enormous number of multiplications: by the usual count about $1.6 \cdot 10^{23}$ of them, half of the $3.14 \cdot 10^{23}$ floating-point operations that [Brown et al., 2020](https://arxiv.org/abs/2005.14165), table D.1, give. At the 3.7 pJ of
# an fp32 multiplication these are about 7 million cups. So the multiplications alone explain an eighth of the estimate, and less on a chip that multiplies in 16 bits.
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
# [[baseline]], on handwritten digits. This row is of another task, pictures of clothes, so the two accuracies cannot be compared; the bytes can. The cell below trains LeNet for two passes over Fashion-MNIST and writes its row; training takes about ten seconds, or more on a busy machine.

# %% slideshow={"slide_type": "skip"}
runtime.seed_all(0)
small = models.LeNet()
training.fit(small, *data.load("fashion_mnist"), epochs=2, lr=2e-3)
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
# - V. Sze et al., [*Efficient processing of deep neural networks*](https://arxiv.org/abs/1703.09039), 2017. How accelerators cut memory reads.
#
# **Project ideas**: add the bytes of the activations to `energy.estimate`; write the bill at the prices of 7 nm and find out which
# statements of this lesson change.
#
# **Credits**: the idea of opening a lecture on efficient networks with this table is Tal Daniel's (Technion, EE 046211, tutorial 10).
# Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* A last vote, with the letters of the first: "The half-price chip again, for an image through ResNet-50?" Half of 18.8 over 18.8 + 16.3: 27 %, B. Compare with the
# counts of the first vote. Next time: time instead of energy, measured on your own machine.

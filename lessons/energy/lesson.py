# ---
# jupyter:
#   course:
#     promise: You will know where the energy of a neural network goes, and how often a weight must be used to pay for itself.
#     minutes: 40
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
import math

import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from course_utils import data, models, runtime, training
from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.energy import checks as check

card = claims.Scorecard("energy")
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
# **Predict.** How much energy does the new chip save for a digit? **A** 50 %, **B** 25 %, **C** 5 %, **D** less than 1 %.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Read the question, then a show of hands for A to D; write the counts on the board. Expect B and C. Show the answer and ask:
# "What would you have to improve instead?" Say that this is a bill from counts and published prices: nobody measured a joule here.
# Next: why anybody counts joules at all.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
my_guess = "?"  # A, B, C or D
lenet, digit = models.LeNet300100().eval(), torch.zeros(1, 1, 28, 28)
bill = energy.estimate(lenet, digit)  # counted operations and weights, times published prices
print(f"saved by half-price arithmetic: {bill.compute_nj / 2 / bill.total_nj:.2%}")
print(f"your guess: {my_guess}")

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
canvas = diagrams.Canvas(width=620, height=180)
diagrams.bars(
    canvas,
    {"arithmetic": bill.compute_nj / 1e3, "weights": bill.fetch_nj / 1e3},
    x=150,
    y=24,
    width=320,
    text="{:.3g} µJ",
    meaning={"arithmetic": "plain", "weights": "fp32"},
)
plots.show(
    canvas.figure(),
    alt=f"Two bars to one linear scale: the arithmetic of one digit, {bill.compute_nj / 1e3:.3g} microjoules, is a thin line; the "
    f"fetch of the weights, {bill.fetch_nj / 1e3:.0f} microjoules, fills the picture.",
    caption="One digit, estimated: arithmetic, and the fetch of every weight from main memory. Linear scale.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: the arithmetic is hardly on the bill.** The weights are.

# %% [markdown] slideshow={"slide_type": "skip"}
# This is an estimate: counts, times prices from the literature. Nothing was measured. Three questions follow. Where do the prices
# come from (section 3)? Does it hold for other networks (section 4)? And what changes it (section 5)?

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
# | microjoule, µJ; millijoule, mJ | $10^{-6}$; $10^{-3}$ | one image through a small or a large network |
# | kilowatt-hour, kWh; megawatt-hour, MWh | $3.6 \cdot 10^{6}$; $3.6 \cdot 10^{9}$ | an electricity bill; a training run |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Take one reason only, the one nearest to the room. Then: "A picojoule is a word without a picture. Let us boil water with it."

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How much is a picojoule?
#
# Heating a cup of water takes tens of kilojoules. Multiplying two *fp32* numbers (floating point, 32 bits) takes a few
# picojoules.
#
# **Predict.** One cup pays for how many fp32 multiplications? **A** $10^{6}$, **B** $10^{11}$, **C** $10^{16}$.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect B. Let somebody do it in powers of ten: $10^5$ over about $10^{-11}$ is $10^{16}$, C. Then ask how a training run can use millions of cups: it makes very many
# multiplications, and a machine uses energy for much that neither list of this lesson has. The next section has the prices.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
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
# **What you saw: a cup pays for a great many multiplications.** Large models use many cups all the same: they make very many of them,
# and a machine uses energy for much else.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 3. The price list
#
# Mark Horowitz published what one operation roughly costs ([ISSCC 2014](https://doi.org/10.1109/ISSCC.2014.6757323)) on a chip
# of a process called 45 nm, at 0.9 V.
#
# *int8* and *int32* are whole numbers of 8 and 32 bits, *fp16* a floating-point number of 16. A *cache* is a small memory on
# the chip. *DRAM* is the large main memory beside it.
#
# **Predict.** Which multiplication costs more, int32 or fp16? And reading 64 bits from DRAM costs as much as how many fp32
# multiplications: 3, 30 or 300?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Two votes: int32 or fp16; 3, 30 or 300. Expect fp16, and 30. After the figure: "Each grid line is ten times the one before. What
# would this look like on a linear axis?" They have seen it: section 1. Ask for a guess why a multiplication gains more from fewer bits than an addition; the next
# drawing answers. DRAM has a span in the source; its low end is drawn.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
rows = [(f"{n} add", pj, "grey") for n, pj in energy.ADD_PJ.items()]
rows += [(f"{n} multiply", pj, "black") for n, pj in energy.MUL_PJ.items()]
rows += [(f"64 bit, {n}", pj, "orange") for n, pj in energy.READ_64_BIT_PJ.items() if n != "DRAM, high end"]
labels, pj, colours = zip(*sorted(rows, key=lambda row: row[1]), strict=True)
fig, ax = plots.figure(size=(6.4, 4.2))
ax.barh(labels, pj, color=[plots.COLOURS[c] for c in colours])
ax.set(xscale="log", xlabel="energy, pJ", xlim=(0.015, 30000))
decades = [0.1, 1, 10, 100, 1000]
ax.set_xticks(decades, [f"{decade:g}" for decade in decades])
ax.minorticks_off()
for y, value in enumerate(pj):
    ax.text(value * 1.2, y, f"{value:g}", va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
plots.show(
    fig,
    alt="Horizontal bars on a logarithmic axis: additions from 0.03 to 0.9 pJ, multiplications from 0.2 pJ for int8 through "
    "1.1 for fp16 and 3.1 for int32 to 3.7 for fp32, reads of 64 bits from a cache for 10 pJ (8 KB), 20 (32 KB) and 100 (1 MB), from DRAM for 1300 at the low end.",
    caption="Additions grey, multiplications black, reads orange. Of DRAM the low end is drawn. Horowitz, 2014, figure 1.1.9.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: int32, and more than 300.**

# %% [markdown] slideshow={"slide_type": "skip"}
# Three things to read from it:
#
# 1. **Main memory is far from arithmetic.** 64 bits, two fp32 numbers, from DRAM cost as much as 350 fp32 multiplications or
#    more. From the smallest cache they cost as much as about three.
# 2. **Fewer bits cost less, and more so in a multiplication.** From 32 bits to 8, a whole-number addition gets 3 times
#    cheaper, a multiplication 15 times.
# 3. **A whole number is not cheap as such.** An int32 multiplication costs more than one in fp16; an int32 addition costs less, 0.1
#    against 0.4 pJ.
#
# The prices are of 2014. What counts are their *ratios*, and those have moved as well. By
# [Jouppi et al., 2021, table 2](https://doi.org/10.1109/ISCA52012.2021.00010), a chip of 7 nm multiplies in fp32 for 1.31 pJ
# and reads 64 bits from an 8 KB cache for 7.5 pJ and from one of 1 MB for 14. A read from DDR memory still takes 1,300 pJ, one from HBM2,
# memory stacked beside the chip, 250 to 450. So with DDR the gap between memory and arithmetic grew.
#
# Careful with "memory costs more than arithmetic": these reads are of 64 bits. Where a read's price goes with its width, 8 bits from the
# smallest cache cost 1.25 pJ, less than an fp32 multiplication.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Pairs of bits
#
# In the plainest multiplier, each bit of one number meets each bit of the other. In floating point only the *significands* do, the
# digits of the numbers; the exponents are added.
#
# **Predict.** From int8 to int32: how many times more pairs of bits? Does the price grow as much?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Before the picture: "How many pairs in int8? In int32?" 64 and 1,024: sixteen times. Compare within one colour: the prices, 0.2 and 3.1, are fifteen
# and a half times apart. Ask what fp32 has to do besides its square: add the exponents, normalise and round. What that costs the list does not say.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
SIGNIFICAND_BITS = {"int8": 8, "fp16": 11, "fp32": 24, "int32": 32}
canvas, left = diagrams.Canvas(height=390), 90
for name, bits in SIGNIFICAND_BITS.items():
    side = 8.0 * bits
    diagrams.grid(
        canvas, torch.ones(bits, bits), left, 290 - side, cell=8, text="", meaning="int8" if "int" in name else "fp32"
    )
    canvas.text(left + side / 2, 325, f"{name}: {bits}² = {bits**2:,}")
    canvas.text(left + side / 2, 362, f"{energy.MUL_PJ[name]:g} pJ", colour="plain")
    left += side + 140
plots.show(
    canvas.figure(),
    alt="Four squares of cells to one scale, a cell for each pair of bits that a multiplier brings together: int8 with 64, "
    "fp16 with 121, fp32 with 576, int32 with 1,024. Under each its published energy: 0.2, 1.1, 3.7 and 3.1 picojoules.",
    caption="Compare within one colour. Whole numbers, blue: 16 times the pairs, 15.5 times the price. Energy: Horowitz, 2014.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **What you saw: the price follows the pairs, roughly.** From int8 to int32 the pairs grow 16 times and the price 15.5 times; from
# fp16 to fp32 4.8 and 3.4 times. Across the two kinds the square does not hold, and the list does not say why: a floating-point multiplication
# has other work as well. And the prices are of these circuits alone. A processor also fetches and decodes each instruction: the same
# figure gives about 70 pJ for one, 25 of it for the instruction cache. Vector and matrix units share one instruction among many operations.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The unit of work is the MAC
#
# A network multiplies *and* adds. One multiplication and the addition of its product to a sum are a **multiply-accumulate,
# MAC**.
#
# An int8 multiplication is 18.5 times cheaper than one in fp32, an addition 30 times. But a long sum of int8 products does not fit
# into 8 bits.
#
# **Predict.** How many times cheaper is an int8 MAC whose sum is kept in int32? **A** 30, **B** 20, **C** 15, **D** 10.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Write the four prices on the board: fp32 multiply 3.7, add 0.9; int8 multiply 0.2; int32 add 0.1. One minute on paper, then a vote; expect B. It is
# 4.6 over 0.3, C. One number to keep: 15. And fp16: with its sum
# in fp32 a MAC is 2.3 times cheaper, not 3.1.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
formats = {"fp32": "fp32", "fp16": "fp16", "fp16, fp32 sum": "fp32", "int8": "int8", "int8, int32 sum": "int32"}
mac_pj = {name: energy.MUL_PJ[name.split(",")[0]] + energy.ADD_PJ[of_sum] for name, of_sum in formats.items()}
Table(
    ["one MAC", "pJ", "times cheaper than fp32"],
    [[name, f"{pj:.2f}", f"{mac_pj['fp32'] / pj:.1f}"] for name, pj in mac_pj.items()],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the sum counts too.** 15 for int8, 2.3 for fp16.

# %% slideshow={"slide_type": "skip"}
int8_sum = torch.tensor([100, 100], dtype=torch.int8).sum(dtype=torch.int8)
fp16_sum = torch.zeros((), dtype=torch.float16)
for one in torch.ones(4096, dtype=torch.float16):
    fp16_sum += one
print(f"100 + 100 in int8: {int8_sum.item()};  4,096 times 1 in fp16: {fp16_sum.item():g}")

# %% [markdown] slideshow={"slide_type": "skip"}
# **What you saw: why the sum is wider than the products.** In 8 bits a whole number wraps round. A sum of ones in fp16 stops growing where the next number
# that fp16 can hold is 2 away. ([[formats]] and [[integers]] look closer.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 4. The bill of a whole model
#
# A linear layer of $n$ inputs and $m$ outputs multiplies every input by a weight for every output.
#
# **Predict.** How many MACs does LeNet-300-100, 784 → 300 → 100 → 10, need for one digit? And how many for each weight?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Half a minute in the head: 235,200 + 30,000 + 1,000. Then the output. Ask what the counter leaves out: the 410 additions of the biases, for example.

# %% slideshow={"slide_type": "fragment"}
by_hand = 784 * 300 + 300 * 100 + 100 * 10
with torch.no_grad(), FlopCounterMode(display=False) as counter:
    lenet(digit)
by_torch = counter.get_total_flops() // 2  # a MAC is two operations
print(f"MACs by hand {by_hand:,}, by torch {by_torch:,}, weights {bill.weights:,}")
card.record("lenet-macs", by_torch)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: one MAC for each weight.** PyTorch counts *floating-point operations*, two for each MAC, and leaves the biases out.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same weights, nearer
#
# Section 1 fetched the weights from DRAM, as a device does that wakes up for one digit. Let them lie in a cache instead, one as expensive
# as the 1 MB of the list.
#
# **Predict.** What is now the larger part of the bill, and by how many times? **A** arithmetic, **B** weights, about
# twice, **C** weights, about ten times.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect A and B. Read the answer from the first line. "How much would half-price arithmetic save here?" About 4 %. And: "How would you save
# more?" Fewer bits, fewer weights, more use of each weight.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
dram_pj = energy.READ_32_BIT_PJ["DRAM"]  # one 32-bit weight; Han et al., 2015
cache_pj = energy.READ_64_BIT_PJ["cache, 1 MB"] / 2
one_weight = {"one MAC": energy.MAC_PJ["fp32"], "1 MB cache": cache_pj, "DRAM": dram_pj}
print(f"1 MB cache: {cache_pj / energy.MAC_PJ['fp32']:.0f} times the arithmetic")
card.record("lenet-dram-share", bill.fetch_nj / bill.compute_nj)
canvas = diagrams.Canvas(width=620, height=250)
diagrams.bars(
    canvas,
    one_weight,
    x=160,
    y=24,
    width=320,
    text="{:g} pJ",
    meaning=dict(zip(one_weight, ("plain", "fp32", "fp32"), strict=True)),
)
plots.show(
    canvas.figure(),
    alt="Three bars to one linear scale. One multiply-accumulate takes 4.6 picojoules, a line hardly to be seen; the read of a weight "
    "from a cache of one megabyte 50; from DRAM 640, across the whole picture.",
    caption="One fp32 weight of this network, used once. Linear scale.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: nearer is cheaper, and still more than the arithmetic.**

# %% [markdown] slideshow={"slide_type": "skip"}
# The price of a DRAM read, 640 pJ for 32 bits, is from
# [Han et al., 2015, figure 1](https://arxiv.org/abs/1506.02626). It is about half of the low end of Horowitz's span for
# 64 bits. At the high end the factor would double. We took half of the price of 64 bits for the cache.
# (The weights of this network, 1.06 MB, do not quite fit into 1 MB.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Other networks
#
# LeNet is a small convolutional network (not LeNet-300-100), ResNet-50 a large one. A weight from DRAM costs 640 pJ, a MAC 4.6.
#
# **Predict.** How often must a network use each weight, so that its arithmetic costs as much? Does ResNet-50?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* On paper: 640 over 4.6 is 139.1, so 140 uses. Then hands for yes and no. Read the column "MACs for each weight" from top to bottom: 1, a few, more than
# 140. LeNet has so few because most of its weights are in linear layers, which use each weight once. "So what is this column in a picture?" That is the next slide.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
nets = {
    "LeNet-300-100": (lenet, digit),
    "LeNet": (models.LeNet().eval(), digit),
    "ResNet-50": (torchvision.models.resnet50().eval(), torch.zeros(1, 3, 224, 224)),
}
bills = {name: energy.estimate(net, x) for name, (net, x) in nets.items()}
card.record("resnet50-macs", bills["ResNet-50"].macs / 1e9)
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
# **What you saw: *MACs for each weight* decides.** Up to 139 the weights cost more than the arithmetic, from 140 on less.

# %% [markdown] slideshow={"slide_type": "skip"}
# `energy.estimate` does for a float model what the cells above did for LeNet-300-100. It leaves out the *activations*, the values that one
# layer passes to the next. ResNet-50 has many of them, so its bill of memory is a lower bound. Its 160 is close
# to the line as well: at the high end of Horowitz's span for DRAM the line is at 283, and the answer is the other one. And a word of warning: torchvision's
# documentation lists ResNet-50 with 4.09 "GFLOPS". These are MACs; PyTorch's counter says twice as many.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### How often is one weight used?
#
# Three ways to use a weight that was fetched once:

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* "The thick arrow is paid once. Everything thin shares it." Ask: what else could share a read? (The words of a sentence; the steps of a
# recurrent network, if the weights stay near.) Then: "How large must the batch be?"

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
canvas = diagrams.Canvas(height=440)
reuse = {
    "linear layer": (1, "1 output"),
    "convolution": (0, "one output for\neach place"),
    "a batch": (5, "one output for\neach input"),
}
for column, (name, (arrows, words)) in enumerate(reuse.items()):
    left = 40 + column * 400
    canvas.text(left + 160, 40, name, bold=True)
    canvas.text(left + 160, 400, words, size=22)
    memory = canvas.box(left, 190, "DRAM", width=100, height=80, fill="fp32")
    weight = canvas.box(left + 170, 195, "w", width=60, height=70)
    canvas.wire(memory.right, weight.left, meaning="fp32", thick=10)
    if name == "convolution":  # the places of the output lie in a plane
        diagrams.grid(canvas, torch.ones(5, 5), left + 272, 180, cell=20, text="", meaning="activations")
        canvas.wire(weight.right, (left + 268, 230), meaning="activations")
    for number in range(arrows):
        used = canvas.box(left + 300, 241 + 62 * number - 31 * arrows, width=40, height=40, fill="activations")
        canvas.wire(weight.right, used.left, meaning="activations")
plots.show(
    canvas.figure(),
    alt="A thick arrow brings one weight w from DRAM. Thin arrows lead on: in a linear layer to one output, in a convolution "
    "to a plane of outputs, one for each place, with a batch to five outputs, one for each input.",
    caption="One read, thick, and what it is used for, thin. A convolution and a batch both share a read; together they multiply.",
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. The batch
#
# A weight that was read once can serve all inputs of a batch of size $B$. One input then costs
#
# $$E = N_\text{MAC} \, e_\text{MAC} + N_\text{weights} \, e_\text{read} \,/\, B$$
#
# $N$ are counts, $e$ the energy of one.
#
# **Predict.** From which batch on is the arithmetic the larger part for LeNet, with 3.34 MACs a weight? And for LeNet-300-100 in
# int8, where a weight costs 160 pJ and a MAC 0.3?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two minutes in pairs, on paper. LeNet: 640 / 4.6 = 139.1, divided by 3.34 it is 41.6, so from 42 on. LeNet-300-100 in int8: 160 / 0.3 = 533.3, so from 534 on:
# later than in fp32, because arithmetic gets cheaper by more than the fetch. A server can wait for a full batch. Ask who cannot: whoever has one input, now. Activations are not in this figure: each input brings its own.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
batches = [2**i for i in range(11)]
fig, ax = plots.figure(size=(6.4, 3.8))
for (name, b), colour in zip(bills.items(), ("black", "purple", "grey"), strict=True):
    ax.plot(batches, [b.fetch_nj / n / b.compute_nj for n in batches], "o-", label=name, color=plots.COLOURS[colour])
    if b.fetch_nj > b.compute_nj:
        even = b.fetch_nj / b.compute_nj
        place = {"xytext": (4, 8)} if name == "LeNet-300-100" else {"xytext": (-6, -20), "ha": "right"}
        ax.annotate(f"{math.ceil(even)}", (even, 1), textcoords="offset points", **place)
ax.axhline(1, color="black", linestyle=":")
ax.set(xscale="log", yscale="log", xlabel="batch size", ylabel="weights / arithmetic")
ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
ax.set_yticks([0.001, 0.1, 1, 10, 100], ["0.001", "0.1", "1", "10", "100"])
ax.set_ylim(1e-4, 300)
ax.legend(loc="lower left")
int8 = energy.estimate(lenet, digit, mac="int8, int32 sum", bits=8)
plots.show(
    fig,
    alt="Energy of the weights over energy of the arithmetic against batch size, falling as one over the batch. "
    "LeNet-300-100 starts at 139 and crosses 1 between batch 139 and 140; LeNet starts at 42 and crosses between 41 and 42; "
    "ResNet-50 is below 1.",
    caption=f"In fp32. Below the dotted line the weights cost less. LeNet-300-100 in int8: from {math.ceil(int8.fetch_nj / int8.compute_nj)} on.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: a batch pays for the fetch.** A phone that answers one question has a batch of 1.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. How to use the list
#
# **Predict.** Which term of section 5's formula do these make smaller: training in fp16, int8, a larger batch, fewer weights?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask row by row, before the table opens. fp16: the first; the second as well where the weights themselves are stored in 16 bits. int8: both.
# Batch: the second term only. Pruning: both, where file and code can skip. Then the exercises, in pairs.

# %% [markdown] slideshow={"slide_type": "fragment"}
# | when you… | it saves | because |
# |---|---|---|
# | train in fp16 or bf16, another format of 16 bits ([[amp]]) | arithmetic | half the bits in the large matrix products, where the hardware has them |
# | infer in int8 ([[integers]] and after) | arithmetic, memory | a quarter of the bits, and a cheap multiplier |
# | enlarge the batch | memory | one read of a weight serves many inputs |
# | prune, that is remove weights ([[prune_module]] and after) | memory, arithmetic | a weight that is gone is neither read nor multiplied, *if* the file and the code can skip it |

# %% [markdown] slideshow={"slide_type": "skip"}
# For a training step count two to three times the MACs of inference. Each layer makes three matrix products of the same size: the
# forward pass, the gradient of its inputs, and the gradient of its weights. But the first layer, in LeNet-300-100 by far the
# largest, needs no gradient of its inputs. The optimizer's own arithmetic comes on top.
#
# Most lessons write into one **ledger** what they have of these: accuracy, bytes of the reloaded file, load time,
# speed-up, estimated energy for one input. LeNet-300-100 got its row in [[baseline]]. Here is LeNet's, trained for two
# passes over Fashion-MNIST.

# %% slideshow={"slide_type": "skip"}
runtime.seed_all(0)
small = models.LeNet()
training.fit(small, *data.load("fashion_mnist"), epochs=2, lr=2e-3)
accuracy = training.evaluate(small, *data.load("fashion_mnist", "test"))
size = size_report(small)
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
# ## Exercises
#
# Two cards. Write your answer into the cell with the stub, run it, then run the check below it. The check
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
# ### Exercise 2 · MACs of a convolution
# ★★ · 12 minutes
#
# Write `conv2d_macs`: the MACs of a two-dimensional convolution without bias, with a window of kernel × kernel, on one image of
# side × side. Padding goes on all sides and counts like pixels: a product with a padded zero is made too. With `groups` = g, which divides
# `c_in` and `c_out`, each of the `c_out` output maps sees only `c_in` / g of the input maps.
#
# `conv2d_macs(c_in, c_out, kernel, side, stride=1, padding=0, groups=1)` → a whole number
#
# <details><summary>Hint</summary>
# Each output element is one dot product, a sum of products. How many output elements are there, and how long is the dot product when
# a map sees only its group's share of the input maps? The output side is
# ⌊(side + 2 · padding − kernel) / stride⌋ + 1.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; alone at home it takes 12. First ask the room for the two factors: how many dot products (sums of products), and how long is one? Groups can be
# left for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
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
# ## Scorecard
#
# What can be checked by a count, beside its source. The prices themselves are cited, not checked.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

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

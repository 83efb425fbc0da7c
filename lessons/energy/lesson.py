# ---
# jupyter:
#   course:
#     promise: You will know where the energy of a neural network goes, and which lever moves it.
#     minutes: 45
#     seconds: 45
#     needs: [measuring]
#     goals:
#       - Read the published energy table and turn its picojoules into joules, kilowatt-hours and money.
#       - Estimate the energy of a model from its counted operations and bytes.
#       - Place a layer on a roofline and say whether arithmetic or memory holds it back.
#       - Say why fewer bits help twice, and which lesson pulls which lever.
#     terms: [activation, arithmetic intensity, int8, MAC, ridge, roofline]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# # [[title]]
#
# *Where does the energy of a neural network go, and which lever moves it?*
#
# **Agenda**
#
# [[agenda]]
#
# [[promise]]

# %% [markdown] slideshow={"slide_type": "skip"}
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## Before you run anything: a vote
#
# Which costs more energy on a chip?
#
# - **A** multiplying two numbers
# - **B** reading one of them from the machine's main memory
#
# And how many times more? Write both answers down. You will meet them again at the end.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Take a show of hands, write the counts on the board, and do not comment. The last slide repeats the vote.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import pathlib
import time

import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from course_utils import data, models, runtime, training
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.energy import checks as check

card = claims.Scorecard("energy")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 1. A surprise in one minute
#
# A linear layer of 4,096 by 4,096 weights answers one input. Then it answers 16 inputs at once.
# That is 16 times the arithmetic.
#
# **Predict.** How many times longer does it take? **A** 16 times, **B** 8 times, **C** 4 times, **D** no longer at all.

# %% slideshow={"slide_type": "fragment"} tags=["tour"]
width = 4096
layer = torch.nn.Linear(width, width, device=device).requires_grad_(False)
one, sixteen = (torch.randn(n, width, device=device) for n in (1, 16))
jobs = {"16 inputs": lambda: layer(sixteen), "1 input": lambda: layer(one)}
surprise = timing.compare(jobs, device=device)
print(f"16 times the work takes {surprise.ratio('1 input'):.1f} times as long.")
Table(
    ["", "median, ms", "IQR, ms"],
    [[name, f"{surprise.median_ms(name):.3g}", f"{surprise.iqr_ms(name):.2g}"] for name in jobs],
)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### The processor was waiting
#
# **What you saw.** The time grew much less than the work. So with one input the processor did far less arithmetic in
# a second than it can. A likely reason: it waited for the weights. These are 67 MB, more than most caches hold, so each
# call has to fetch them from main memory, however many inputs use them. The time alone does not prove it. Section 5 tests it.
#
# This is the theme of the course: where each weight is used once, the cost is *moving* numbers, not *multiplying* them.

# %% [markdown] slideshow={"slide_type": "-"}
# Techniques that move fewer or smaller numbers can therefore save time, energy and memory together.
# If your ratio is close to 16, the matrix product of your machine handles one input about as well as many. If the IQR, the
# width of the middle half of the samples, is large beside the median, other programs were running: close them and run the
# cell again.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Votes for A to D, count on the board, half a minute, then show the result. Ask: what did the processor do in the rest of
# the time? Keep the answers, section 5 tests them. On a machine where the ratio is near 16, say so.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 2. Why energy, and its units
#
# Four reasons to care, and they pull the same way:
#
# - **Hardware.** A chip may use only as much power as its cooling can carry away. Less energy for an operation allows more
#   operations a second at the same power.
# - **Energy.** Training GPT-3 took an estimated 1,287 MWh
#   ([Patterson et al., 2021, table 4](https://arxiv.org/abs/2104.10350)).
# - **Money.** Whoever answers a million requests a day pays for each of them.
# - **Other devices.** A model is trained on one machine and used on others: phones, watches, sensors, cars.
#   They run on batteries, with little memory.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Units
#
# Energy is counted in joules (J). Power is energy for each second: 1 watt (W) = 1 J/s.
#
# | unit | in joules | where you meet it |
# |---|---|---|
# | picojoule, pJ | $10^{-12}$ | one operation on a chip |
# | nanojoule, nJ | $10^{-9}$ | a thousand operations |
# | microjoule, µJ; millijoule, mJ | $10^{-6}$; $10^{-3}$ | one image through a small or a large network |
# | kilowatt-hour, kWh; megawatt-hour, MWh | $3.6 \cdot 10^{6}$; $3.6 \cdot 10^{9}$ | an electricity bill; a training run |

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### How much is a picojoule?
#
# Heating a cup of water takes tens of kilojoules. One fp32 multiplication takes a few picojoules.
# (*fp32* is a floating-point number of 32 bits.)
#
# **Predict.** For how many fp32 multiplications would one cup pay? **A** $10^{6}$, **B** $10^{11}$, **C** $10^{16}$.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
J_PER_KWH = 3.6e6
PRICE_PER_KWH = 0.30  # an assumption: put in your own tariff
J_PER_KG_KELVIN = 4186  # heat capacity of water
GPT3_MWH = 1287  # Patterson et al., 2021, table 4
cup_j = 0.25 * J_PER_KG_KELVIN * (100 - 20)  # a quarter of a litre from 20 to 100 °C
print(
    f"one cup: {si(cup_j, 'J')} = {cup_j / J_PER_KWH:.3f} kWh, that is {cup_j / J_PER_KWH * PRICE_PER_KWH:.3f} "
    "in the currency of the tariff"
)
print(f"the same energy buys {cup_j / (energy.MUL_PJ['fp32'] * 1e-12):.1e} fp32 multiplications")
print(f"training GPT-3: {GPT3_MWH * 1000 * J_PER_KWH / cup_j / 1e6:.0f} million cups")

# %% [markdown] slideshow={"slide_type": "fragment"}
# One cup pays for a great many multiplications. Yet large models use up many cups. Section 4 shows where the energy goes
# instead.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Take one of the four reasons only, the one nearest to the room. The cup comes back in section 4.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 3. The price list
#
# Mark Horowitz published what single operations cost on a chip
# ([ISSCC 2014](https://doi.org/10.1109/ISSCC.2014.6757323)): a 45 nm process at 0.9 V. We use the *ratios*.
# Newer chips need less, but the rows improved unequally, main memory least
# ([Jouppi et al., 2021](https://doi.org/10.1109/ISCA52012.2021.00010)).
#
# *int8* and *int32* are whole numbers of 8 and 32 bits, *fp16* a floating-point number of 16. A *cache* is a small memory on
# the chip, close to the arithmetic; *DRAM* is the large main memory beside the chip.
#
# **Predict.** Which multiplication costs more, int32 or fp16? And reading 64 bits from DRAM costs as much as how many fp32
# multiplications: 3, 30 or 300?

# %% slideshow={"slide_type": "skip"}
names = list(energy.MUL_PJ)
Table(
    ["pJ for one operation", *names],
    [["add", *(energy.ADD_PJ[n] for n in names)], ["multiply", *(energy.MUL_PJ[n] for n in names)]],
)

# %% slideshow={"slide_type": "skip"}
Table(["pJ for one read of 64 bits", *energy.READ_64_BIT_PJ], [["", *energy.READ_64_BIT_PJ.values()]])

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Two votes: int32 or fp16; 3, 30 or 300. Do not correct yet. On the next slide let a student say what one grid line means. DRAM has a
# span in the source; its low end is drawn.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### Every memory read costs more than any operation
#
# The axis is logarithmic: each grid line is ten times the one before.


# %% slideshow={"slide_type": "skip"}
def price_list():
    """(name, pJ, colour) from cheap to expensive; DRAM at the low end of its span."""
    rows = [(f"{n} add", pj, "sky") for n, pj in energy.ADD_PJ.items()]
    rows += [(f"{n} multiply", pj, "blue") for n, pj in energy.MUL_PJ.items()]
    rows += [(f"read 64 bit, {n}", pj, "orange") for n, pj in energy.READ_64_BIT_PJ.items() if n != "DRAM, high end"]
    return sorted(rows, key=lambda row: row[1])


# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
fig, ax = plots.figure(size=(12, 4.9))
labels, pj, colours = zip(*price_list(), strict=True)
ax.barh(labels, pj, color=[plots.COLOURS[c] for c in colours])
ax.set(xscale="log", xlabel="energy, pJ (45 nm, 0.9 V)", xlim=(0.015, 4000))
ax.tick_params(axis="y", labelsize=14)
for y, value in enumerate(pj):
    ax.text(value * 1.1, y, f"{value:g}", va="center", fontsize=14)
plots.show(
    fig,
    alt="Horizontal bars on a logarithmic axis, from an int8 add at 0.03 pJ through an fp32 multiply at "
    "3.7 pJ to a 64-bit read from DRAM at 1300 pJ or more. Every memory read costs more than any operation.",
    caption="Additions light blue, multiplications dark blue, memory reads orange. Data: Horowitz, ISSCC 2014.",
)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### Three things to read from it
#
# 1. **Main memory dwarfs arithmetic.** 64 bits, two fp32 numbers, from DRAM cost as much as hundreds of fp32
#    multiplications. From a small cache they cost as much as a few.
# 2. **Fewer bits make a multiplication cheaper, more than in proportion.** A multiplier works on each bit of one number
#    with each bit of the other, so its cost grows about with the *square* of the width.
# 3. **A whole number is not cheap as such.** int32 multiplies 32 bits with 32. fp16 multiplies only its 11-bit
#    significands, the digits, and adds the exponents. So int32 costs more.

# %% [markdown] slideshow={"slide_type": "-"}
# The square is a rule of thumb, not a law. A floating-point operation also shifts, normalises and rounds. That
# is why an fp32 multiplication (24-bit significands) still costs more than one in int32, and why
# floating-point additions cost more than whole-number ones. And the list is about the circuits alone. A processor also
# fetches and decodes an instruction, which costs far more than the operation. That is why chips have vector and
# matrix units: one instruction for many MACs.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### A multiplier is a square of bits
#
# Each bit of one number meets each bit of the other: one cell for each pair. What multiplies in a floating-point number are its
# significands only.

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
SIGNIFICAND_BITS = {"int8": 8, "fp16": 11, "fp32": 24, "int32": 32}
canvas, x = diagrams.Canvas(height=390), 90
for name, bits in SIGNIFICAND_BITS.items():
    side = 8.0 * bits
    diagrams.grid(
        canvas, torch.ones(bits, bits), x, 290 - side, cell=8, text="", meaning="int8" if "int" in name else "fp32"
    )
    canvas.text(x + side / 2, 325, f"{name}: {bits}² = {bits**2:,}")
    canvas.text(x + side / 2, 362, f"{energy.MUL_PJ[name]:g} pJ", colour="plain")
    x += side + 140
plots.show(
    canvas.figure(),
    alt="Four squares of cells to one scale, a cell for each pair of bits that a multiplier brings together: int8 with 64, "
    "fp16 with 121, fp32 with 576, int32 with 1,024. Under each its published energy: 0.2, 1.1, 3.7 and 3.1 picojoules.",
    caption="Pairs of bits in a multiplier, and the published energy. Whole numbers blue, floating point orange: these also "
    "align, normalise and round. Energy: Horowitz, ISSCC 2014.",
)

# %% slideshow={"slide_type": "skip"}
ratio_mul = energy.MUL_PJ["fp32"] / energy.MUL_PJ["int8"]
ratio_add = energy.ADD_PJ["fp32"] / energy.ADD_PJ["int8"]
ratio_int32 = energy.MUL_PJ["int32"] / energy.MUL_PJ["fp16"]
print(f"fp32 over int8: multiply {ratio_mul:.1f}, add {ratio_add:.1f}")
print(f"int32 multiply over fp16 multiply: {ratio_int32:.2f}")
card.record("int8-multiply", ratio_mul)
card.record("int8-add", ratio_add)
card.record("int32-above-fp16", ratio_int32)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### The unit of work is the MAC
#
# A network multiplies *and* adds: one multiplication and the addition of its product to a sum are a
# **multiply-accumulate, MAC**. You may have read "int8 is 18.5 times cheaper". That is the multiplication alone.
# And a sum of many int8 products needs about 32 bits, or it *overflows*: it gets too large for its format. Rows
# with a wider sum have that wider addition.

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
Table(
    ["one MAC", "pJ", "fp32 costs"],
    [[n, f"{pj:.3g}", f"{energy.MAC_PJ['fp32'] / pj:.1f}×"] for n, pj in energy.MAC_PJ.items()],
)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* One number to keep: 15, for int8 with a sum in int32. 20 is for a sum that would overflow. If somebody asks why fp32 is not
# cheaper than int32: the square law is for the multiplier; floats also align, normalise and round.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### How to use the list
#
# | when you… | it saves | because |
# |---|---|---|
# | train in fp16 or bf16, another format of 16 bits ([[amp]]) | arithmetic and memory | half the bits in the large matrix products and in what they read, where the hardware has them |
# | infer in int8 ([[integers]] and after) | arithmetic and memory | a quarter of the bits, and a cheap multiplier |
# | enlarge the batch | memory | one read of a weight serves many inputs |
# | prune, that is remove weights ([[prune_module]] and after) | memory, arithmetic | a weight that is gone is neither read nor multiplied, *if* the file format and the code that runs the layer can skip it |
#
# For a training step count two to three times the MACs of inference. Each layer makes three matrix products of the same
# size: the forward pass, the gradient of its inputs, and the gradient of its weights. But the first layer, in
# LeNet-300-100 by far the largest, needs no gradient of its inputs. The optimizer's own arithmetic comes on top.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 4. The bill of a whole model
#
# LeNet-300-100 reads a digit of 28×28 pixels with three linear layers: 784 → 300 → 100 → 10.
# A linear layer of $n$ inputs and $m$ outputs needs $n \cdot m$ MACs for one input, one for each weight.
#
# **Predict.** How many MACs is that? And how much of the energy is arithmetic, when each weight is read once from
# DRAM: most of it, half of it, or almost none?

# %% slideshow={"slide_type": "fragment"} tags=["tour"]
by_hand = 784 * 300 + 300 * 100 + 100 * 10
lenet = models.LeNet300100().eval()
digit = torch.zeros(1, 1, 28, 28)
with torch.no_grad(), FlopCounterMode(display=False) as counter:
    lenet(digit)
by_torch = counter.get_total_flops() // 2  # a MAC is two floating-point operations
print(f"MACs by hand {by_hand:,}, by torch {by_torch:,}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Both agree. PyTorch's counter counts *floating-point operations*, two for each MAC, and leaves out the additions of
# the biases. There are 410 of them.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### From DRAM, the weights are nearly the whole bill

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
DRAM_PJ = energy.READ_32_BIT_PJ["DRAM"]  # a 32-bit weight; Han et al., 2015
compute_nj = by_torch * energy.MAC_PJ["fp32"] / 1e3
fetch_nj = by_torch * DRAM_PJ / 1e3  # one weight for each MAC
cache_nj = by_torch * energy.READ_64_BIT_PJ["cache, 1 MB"] / 2 / 1e3
print(f"arithmetic                  {compute_nj:10,.1f} nJ")
print(f"weights from DRAM           {fetch_nj:10,.1f} nJ, {fetch_nj / compute_nj:5.0f} times the arithmetic")
print(f"weights from a 1 MB cache   {cache_nj:10,.1f} nJ, {cache_nj / compute_nj:5.0f} times the arithmetic")

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# **What you saw.** In this network each weight is read, used once, and dropped. A cheaper multiplier would change almost
# nothing.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### The same to scale
#
# One weight of this network: what it costs to use it, and what it costs to get it.

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
one_weight = {
    "multiply and add": energy.MAC_PJ["fp32"],
    "read from a 1 MB cache": energy.READ_64_BIT_PJ["cache, 1 MB"] / 2,
}
one_weight["read from DRAM"] = DRAM_PJ
canvas = diagrams.Canvas(height=260)
diagrams.bars(
    canvas,
    one_weight,
    x=320,
    y=30,
    width=720,
    text="{:g} pJ",
    meaning=dict(zip(one_weight, ("int8", "fp32", "fp32"), strict=True)),
)
plots.show(
    canvas.figure(),
    alt="Three bars to one linear scale. To multiply and add takes 4.6 picojoules, a line hardly to be seen; the read of a "
    "weight from a cache of one megabyte 50; from DRAM 640, across the whole picture.",
    caption="One fp32 weight, used once. A linear axis this time: the bar on top is 139 times shorter than the one at the foot.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# We assume that the weights come from DRAM, as on a device that wakes up for one digit. Where they stay in a cache
# between two digits, the fetch costs less, but still more than the arithmetic.
#
# The price of a DRAM read, 640 pJ for 32 bits, is from
# [Han et al., 2015, table 1](https://arxiv.org/abs/1506.02626). It is about half of the low end of Horowitz's span for
# 64 bits. At the high end the factor would double.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Half a minute to multiply in the head, then vote on the share. Afterwards ask: how much would a multiplier of twice the
# efficiency save? Under half a percent. How would you save more? Larger batches, fewer bits, fewer weights.

# %% slideshow={"slide_type": "skip"}
cup = {"arithmetic": energy.MAC_PJ["fp32"], "arithmetic and weights from DRAM": energy.MAC_PJ["fp32"] + DRAM_PJ}
Table(
    ["a model of 7 billion weights, each used once for a word", "words for one cup of hot water"],
    [[name, f"{cup_j / (7e9 * pj * 1e-12):,.0f}"] for name, pj in cup.items()],
)

# %% slideshow={"slide_type": "skip"}
n_biases = sum(p.numel() for p in lenet.parameters() if p.dim() == 1)
card.record("lenet-fp32", compute_nj)
card.record("lenet-fp32-bias", compute_nj + n_biases * energy.ADD_PJ["fp32"] / 1e3)
card.record("lenet-int8", energy.estimate(lenet, digit, mac="int8").compute_nj)
card.record("lenet-int8-int32", energy.estimate(lenet, digit, mac="int8, int32 sum").compute_nj)
card.record("lenet-dram", fetch_nj)
card.record("lenet-dram-share", fetch_nj / compute_nj)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### Is that true of every network?
#
# A convolution slides the same few weights over the whole image, so it uses each of them many times.
# Take ResNet-50, and LeNet, a small convolutional network (not to be confused with LeNet-300-100).
#
# **Predict.** Reading a weight costs as much as 139 MACs. How often must a weight be used before the arithmetic costs
# more than the read? Does ResNet-50 get there?

# %% slideshow={"slide_type": "fragment"} tags=["tour", "hide-input"]
nets = {
    "LeNet-300-100": (lenet, digit),
    "LeNet": (models.LeNet().eval(), digit),
    "ResNet-50": (torchvision.models.resnet50().eval(), torch.zeros(1, 3, 224, 224)),
}
bills = {name: energy.estimate(net, x) for name, (net, x) in nets.items()}
Table(
    ["model", "weights, millions", "MACs, millions", "MACs for each weight", "arithmetic, µJ", "weights from DRAM, µJ"],
    [
        [
            name,
            f"{b.weights / 1e6:,.2f}",
            f"{b.macs / 1e6:,.2f}",
            f"{b.macs / b.weights:.1f}",
            f"{b.compute_nj / 1e3:,.1f}",
            f"{b.fetch_nj / 1e3:,.1f}",
        ]
        for name, b in bills.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["tour"]
# **What you saw.** *MACs for each weight* decides. Below 139 the weights cost more than the arithmetic, above it less.
# ResNet-50 is just above.

# %% [markdown] slideshow={"slide_type": "skip"}
# `energy.estimate` does for any model what the cells above did for LeNet-300-100. This bill leaves out the activations, the
# values that one layer passes to the next. A convolutional network has many of them, so for ResNet-50 the bill of memory is a
# lower bound.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### How often one weight is used
#
# The read is paid once. What it is shared by, you just saw in one column of the table.

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
canvas = diagrams.Canvas(height=440)
reuse = {
    "linear layer": (1, "1 output"),
    "convolution": (5, "one output for\neach place"),
    "a batch": (5, "one output for\neach input"),
}
for column, (name, (arrows, words)) in enumerate(reuse.items()):
    left = 40 + column * 400
    canvas.text(left + 160, 40, name, bold=True)
    memory = canvas.box(left, 190, "DRAM", width=100, height=80, fill="fp32")
    weight = canvas.box(left + 170, 195, "w", width=60, height=70)
    canvas.wire(memory.right, weight.left, meaning="fp32", thick=10)
    for number in range(arrows):
        y = 230 + 62 * (number - (arrows - 1) / 2)
        used = canvas.box(left + 300, y - 20, width=40, height=40, fill="activations")
        canvas.wire(weight.right, used.left, meaning="activations")
    canvas.text(left + 160, 400, words, size=22)
plots.show(
    canvas.figure(),
    alt="Three drawings. In each a thick arrow brings one weight w from DRAM. In a linear layer one thin arrow leads on, to one "
    "output. In a convolution five lead on, to one output for each place of the image. With a batch five lead on, to one "
    "output for each input.",
    caption="One read, thick, and what it is used for, thin. A convolution and a batch both share a read; together they multiply.",
)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### The batch shares the fetch
#
# A weight that was read once can serve all inputs of a batch:
#
# $$E_\text{one input} = \underbrace{N_\text{MAC} \, e_\text{MAC}}_\text{arithmetic}
#  + \underbrace{N_\text{weights} \, e_\text{read} \,/\, B}_\text{weights}$$
#
# $N$ are counts, $e$ the energy of one, $B$ is the batch size.
#
# **Predict.** At which batch size do the two terms become equal, for LeNet-300-100 with one MAC for each weight, and for
# LeNet with 3.3?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Two minutes in pairs, on paper. 640 / 4.6 = 139.1 for LeNet-300-100, a third of it for LeNet. A good moment for
# exercise 3 as a question to the room: with int8 weights and int8 arithmetic, does the break-even batch rise or fall?
# It rises: the arithmetic gets cheaper by more than the read.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### A large batch pays for the fetch

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
batches = [2**i for i in range(11)]
fig, ax = plots.figure(size=(12, 4.6))
for (name, bill), colour in zip(bills.items(), ("blue", "green", "orange"), strict=True):
    ax.plot(
        batches, [bill.fetch_nj / b / bill.compute_nj for b in batches], "o-", label=name, color=plots.COLOURS[colour]
    )
    if bill.fetch_nj > bill.compute_nj:
        ax.annotate(
            f"{bill.fetch_nj / bill.compute_nj:.0f}",
            (bill.fetch_nj / bill.compute_nj, 1),
            xytext=(4, 8),
            textcoords="offset points",
        )
ax.axhline(1, color="black", linestyle=":")
ax.set(xscale="log", yscale="log", xlabel="batch size", ylabel="energy of weights / arithmetic")
ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
ax.legend()
plots.show(
    fig,
    alt="Ratio of weight-fetch energy to arithmetic energy against batch size, falling as one over the batch. "
    "LeNet-300-100 starts at 139 and crosses 1 at batch 139; LeNet starts at 42 and crosses at 42; ResNet-50 is below 1.",
    caption="Above the dotted line the weights cost more than the arithmetic; below it, less.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# A server can wait for a full batch. A phone, a car and a chat have one input, now.

# %% [markdown] slideshow={"slide_type": "skip"}
# That is why layers that use each weight once, linear layers and the next word of a language model among them, are bound by
# their *bytes* on such a device. (The figure is about weights. Activations are not shared by the batch.)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 5. The roofline
#
# The price list is about one 45 nm process. Time you can measure yourself. The **roofline**
# ([Williams, Waterman, Patterson, 2009](https://doi.org/10.1145/1498765.1498785)) is a bound on speed:
#
# $$\text{speed} \le \min(\text{peak},\; I \cdot \text{bandwidth}), \qquad
# I = \frac{\text{floating-point operations}}{\text{bytes moved}}$$
#
# Memory delivers *bandwidth* bytes a second. Each byte feeds $I$ operations, the **arithmetic intensity**. So memory allows
# $I \cdot \text{bandwidth}$ operations a second, and the arithmetic units allow *peak*.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* A kitchen helps: peak is the cook, bandwidth is the door, the intensity is how much is cooked from one delivery.

# %% slideshow={"slide_type": "skip"}
square = torch.randn(2048, 2048, device=device)
long = torch.randn(2**26, device=device)  # 268 MB: more than most caches hold
inputs = {batch: torch.randn(batch, width, device=device) for batch in (1, 4, 16, 64, 256)}
jobs = {"matrix product": lambda: square @ square, "read": lambda: torch.dot(long, long)}
jobs |= {f"batch {batch}": lambda x=x: layer(x) for batch, x in inputs.items()}
taken = timing.compare(jobs, rounds=9, device=device)  # all in turn: what slows one down slows all down

peak = 2 * 2048**3 / (taken.median_ms("matrix product") / 1e3)  # operations a second
bandwidth = long.numel() * 4 / (taken.median_ms("read") / 1e3)  # bytes a second
ridge = peak / bandwidth
points = {batch: 2 * batch * width**2 / (taken.median_ms(f"batch {batch}") / 1e3) for batch in inputs}
print(f"peak {si(peak, 'FLOP/s')}, read bandwidth {si(bandwidth, 'B/s')}, ridge at {ridge:.1f} FLOP/B")

# %% [markdown] slideshow={"slide_type": "skip"}
# The **ridge** is the intensity at which both limits are equal. A layer to its left is bound by memory, one to its right
# by arithmetic. *Peak* here is what PyTorch's own matrix product reaches, *bandwidth* what a long dot product reads. Neither is the
# chip's limit. Another library may come much closer to that ([[choosing]] tries).

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### Where does our layer sit?
#
# The layer of section 1 moves its weights, inputs and outputs, 4 bytes each:
#
# $$I(B) = \frac{2 \, B \, n^2}{4\,(n^2 + 2 B n)} \approx \frac{B}{2} \text{ for small } B, \qquad n = 4096$$
#
# The **ridge** is where both limits are equal. Ours, measured just now:

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
print(f"ridge at {ridge:.1f} operations a byte")

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# **Predict.** At which batch size does the layer reach the ridge? On which side is batch 1, and on which batch 256?


# %% slideshow={"slide_type": "skip"}
def intensity(batch, n=width, bytes_each=4):
    """Operations a byte of a square linear layer; weights, inputs and outputs are moved once."""
    return 2 * batch * n * n / (bytes_each * (n * n + 2 * batch * n))


Table(
    ["batch", "intensity, FLOP/B", "speed, GFLOP/s", "share of the roof"],
    [
        [b, f"{intensity(b):.2f}", f"{speed / 1e9:.1f}", f"{speed / min(peak, intensity(b) * bandwidth):.0%}"]
        for b, speed in points.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### More inputs for each weight: more intensity, more speed

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
fig, ax = plots.figure(size=(12, 4.4))
axis = sorted([2**i / 4 for i in range(12)] + [ridge])  # with the ridge, so that the roof has its corner
ax.plot(axis, [min(peak, i * bandwidth) / 1e9 for i in axis], color="black", label="roof, measured here")
dots = [intensity(b) for b in points], [s / 1e9 for s in points.values()]
ax.plot(*dots, "o", color=plots.COLOURS["orange"], label="linear layer, fp32")
for b, speed in points.items():
    ax.annotate(f"batch {b}", (intensity(b), speed / 1e9), xytext=(8, -18), textcoords="offset points", fontsize=14)
ax.axvline(ridge, color=plots.COLOURS["grey"], linestyle=":")
ax.set(
    xscale="log",
    yscale="log",
    xlabel="memory-bound  ←  intensity, FLOP/B  →  arithmetic-bound",
    ylabel="speed, GFLOP/s",
)
ax.legend(loc="lower right")
plots.show(
    fig,
    alt="Roofline on logarithmic axes: a black roof that rises with arithmetic intensity up to the ridge and is flat "
    "from there. Five orange points, batch 1 to batch 256, climb from low on the slope towards the flat part.",
    caption="The same layer at five batch sizes under the roof of this machine. The dotted line is the ridge.",
)

# %% slideshow={"slide_type": "skip"}
card.record("batch-1-at-memory-speed", points[1] / (intensity(1) * bandwidth))
card.record("batch-1-below-peak", points[1] / peak)
card.record("batch-256-near-peak", points[256] / peak)

# %% [markdown] slideshow={"slide_type": "skip"}
# **What you saw.** Two things must come together to support the explanation of section 1, and the scorecard judges both. Batch 1
# lies left of the ridge, far below the peak. And it reads its weights at nearly the speed at which the dot product
# reads: its share of the roof is high. At batch 256 memory forbids nothing, and the layer comes closer to the peak.
#
# The batches in between often lie well below the roof. The roof is a bound, not a forecast, and does not say why. One likely
# reason is that the library first re-arranges all the weights, at every call, for its fast kernel. [[choosing]] measures a layer
# whose weights were arranged beforehand. A share above 100 % means that a cache kept some of the weights.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Two minutes. The intensity of batch 1 is about a half: left of the ridge. Batch 256 is far right. Ask where batch 16 of
# section 1 lies, and why it took longer than the roof alone would allow: the points may lie below the roof.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### Why fewer bits help twice
#
# Store and compute in 8 bits instead of 32:
#
# - **Left of the ridge** the layer moves a quarter of the bytes. Its intensity rises fourfold, and so does the bound on its speed.
# - **Right of the ridge** the arithmetic itself gets cheaper, and faster if the chip has units for 8 bits.
#
# **Predict.** int8 saves how much of LeNet-300-100's energy at batch 1: 4 times or 15 times? And at batch 1024?

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### At batch 1 the bytes, at batch 1024 the arithmetic too


# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
def nj_for_one_input(mac, bits, batch):
    """Energy of LeNet-300-100 for one input of a batch: its arithmetic, and its share of the fetch."""
    bill = energy.estimate(lenet, digit, mac=mac, bits=bits)
    return bill.compute_nj + bill.fetch_nj / batch


formats = {"fp32": ("fp32", 32), "fp16": ("fp16", 16), "int8": ("int8, int32 sum", 8)}
Table(
    ["LeNet-300-100", "batch 1", "saves", "batch 1024", "saves"],
    [
        [name]
        + [
            text
            for batch in (1, 1024)
            for text in (
                si(nj_for_one_input(mac, bits, batch) * 1e-9, "J"),
                f"{nj_for_one_input('fp32', 32, batch) / nj_for_one_input(mac, bits, batch):.1f}×",
            )
        ]
        for name, (mac, bits) in formats.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# At batch 1 only the bytes show: a quarter of the bits, a quarter of the energy. At batch 1024 the cheaper MAC shows as well.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. Estimate or measurement?
#
# The bills above are estimates. Some machines count joules themselves: Intel and AMD
# processors through a counter called RAPL, NVIDIA cards through a library called NVML. Does yours let you read them?


# %% slideshow={"slide_type": "skip"}
def joules_counted():
    """Joules since some start, a zone each (processor, its memory, GPU); empty where none can be read."""
    zones = {}
    for folder in pathlib.Path("/sys/class/powercap").glob("intel-rapl:*"):
        try:
            name = f"{(folder / 'name').read_text().strip()} ({folder.name})"
            zones[name] = int((folder / "energy_uj").read_text()) / 1e6
        except (OSError, ValueError):
            continue
    if device.type == "cuda":
        try:
            import pynvml  # not a part of this course; NVIDIA publishes it as nvidia-ml-py

            pynvml.nvmlInit()
            gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
            zones["GPU"] = pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu) / 1e3
        except Exception:  # no library, an old card, or no permission: all mean "not here"
            pass
    return zones


# %% slideshow={"slide_type": "skip"}
def joules_while(work, seconds=2.0):
    """Joules counted in each zone, and how often `work` ran, in about `seconds`."""
    before, start, calls = joules_counted(), time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        work()
        timing.synchronise(device)
        calls += 1
    return {zone: joules - before[zone] for zone, joules in joules_counted().items()}, calls


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
if not joules_counted():
    print("No energy counter can be read here. The estimate stands alone.")
else:
    idle, _ = joules_while(lambda: time.sleep(0.1))
    busy, calls = joules_while(lambda: layer(one))
    for zone in busy:
        print(f"{zone}: {si(max(0.0, busy[zone] - idle[zone]) / calls, 'J')} a call, over idle")
    print(
        f"estimate (45 nm): arithmetic {si(width**2 * energy.MAC_PJ['fp32'] * 1e-12, 'J')}, "
        f"weights from DRAM {si(width**2 * DRAM_PJ * 1e-12, 'J')}"
    )

# %% [markdown] slideshow={"slide_type": "-"}
# Where there is a counter, compare zone by zone. `package` is the processor without its main memory; `dram`, where it exists, is
# that memory. Your chip is not the one of the table, so expect another number and the same order.

# %% [markdown] slideshow={"slide_type": "skip"}
# On Linux the counter can often be read by the administrator only. On Windows, macOS and most virtual machines there is no such
# file. A counter starts again at zero now and then; a zone that shows 0 J may have done so: run the cell again.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 7. Which lever each lesson pulls
#
# | lesson | fewer bits | fewer weights | fewer reads | smaller network |
# |---|---|---|---|---|
# | mixed precision | ✓ while training | | | |
# | quantization | ✓ | | | |
# | pruning | | ✓ | ✓ if structured | ✓ if structured |
# | lottery ticket | | ✓ | | |
# | distillation | | | | ✓ |
# | with Lightning | ✓ | ✓ | | |
# | 15 language model | ✓ | | ✓ | |
# | 16 capstone | ✓ | ✓ | ✓ | ✓ |

# %% [markdown] slideshow={"slide_type": "skip"}
# Every lesson writes what it achieves into one **ledger**: accuracy, bytes of the reloaded file, load time, speed-up, estimated
# energy for one input. LeNet-300-100 got its row in [[measuring]]. Here is LeNet's, trained for two passes over Fashion-MNIST. The
# capstone reads them all.

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
# Three cards. Write your answer into the cell with the stub, run it, then run the check below it. The check
# tries inputs that you do not see here, and tells you what a wrong answer usually means.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · Energy of a linear layer
# ★ · 8 minutes
#
# Write `linear_energy_pj`: the energy in picojoules of the arithmetic of a linear layer *with bias*, for a whole batch.
# Every input of the batch needs one multiplication and one addition for each weight, and one addition for each bias.
#
# `linear_energy_pj(n_in, n_out, batch, mul_pj, add_pj)` → a number
#
# <details><summary>Hint</summary>
# For one input there are n_in · n_out MACs. Each of the n_out results gets its bias added once.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def linear_energy_pj(n_in, n_out, batch, mul_pj, add_pj):
    """Energy in pJ of the arithmetic of Linear(n_in, n_out) with bias on `batch` inputs.

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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · MACs of a convolution
# ★★ · 12 minutes
#
# Write `conv2d_macs`: the MACs of a square two-dimensional convolution on one square image. Padding counts like
# pixels: a product with a padded zero is made too, as PyTorch's counter does. With `groups` = g, each of the `c_out` output
# maps sees only `c_in` / g of the input maps.
#
# `conv2d_macs(c_in, c_out, kernel, side, stride=1, padding=0, groups=1)` → a whole number
#
# <details><summary>Hint</summary>
# Each output element is one dot product. How many output elements are there, and how long is the dot product when
# a map sees only its group's share of the input maps? The output side is
# ⌊(side + 2 · padding − kernel) / stride⌋ + 1.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def conv2d_macs(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    """MACs of Conv2d(c_in, c_out, kernel, stride, padding, groups=groups) on one image side × side.

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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · The batch that pays for the fetch
# ★★ · 10 minutes
#
# Write `break_even_batch`: the smallest batch size at which the arithmetic of a batch costs at least as much as
# reading all weights once from DRAM. A weight has `bits` bits. Reading 32 bits costs 640 pJ, fewer bits less in proportion.
#
# `break_even_batch(n_weights, n_macs, mac_pj, bits)` → a whole number, at least 1 (also where there is no weight to fetch)
#
# <details><summary>Hint</summary>
# Arithmetic grows with the batch, the fetch does not: set B · n_macs · mac_pj equal to the fetch and solve for B.
# A batch size is a whole number, and at least 1.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def break_even_batch(n_weights, n_macs, mac_pj, bits):
    """Smallest batch size whose arithmetic costs at least one fetch of the weights from DRAM.

    >>> break_even_batch(1000, 1000, 4.0, 32)
    160
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.break_even_batch(break_even_batch)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def break_even_batch_solution(n_weights, n_macs, mac_pj, bits):
    fetch_pj = n_weights * 640 * bits / 32
    one_input_pj = n_macs * mac_pj
    return max(1, -int(-fetch_pj // one_input_pj))  # floor of the negative is the ceiling


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# Every figure that this lesson takes from a source, beside what your run computed from the price list or measured. Speed depends
# on the machine, so a claim about speed may fail on yours. The table then says why.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## Remember
#
# - Reading a number from DRAM costs far more energy than any arithmetic on it.
# - How often a fetched weight is used (batch size, convolution) decides whether memory or arithmetic is the limit.
# - Fewer bits help twice: less to move, and cheaper to compute with.
#
# And your vote from the beginning? B: reading one fp32 number from DRAM costs more than a hundred times as much as
# multiplying two of them.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Repeat the opening vote, same hands, and read out both counts.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - M. Horowitz, *Computing's energy problem*, ISSCC 2014,
#   [doi.org/10.1109/ISSCC.2014.6757323](https://doi.org/10.1109/ISSCC.2014.6757323). The table, and why clocks stopped rising.
# - N. Jouppi et al., *Ten lessons from three generations shaped Google's TPUv4i*, ISCA 2021,
#   [doi.org/10.1109/ISCA52012.2021.00010](https://doi.org/10.1109/ISCA52012.2021.00010). The table brought to 7 nm.
# - V. Sze et al., *Efficient processing of deep neural networks*, 2017,
#   [arXiv:1703.09039](https://arxiv.org/abs/1703.09039). How accelerators cut memory reads.
# - S. Williams et al., *Roofline*, 2009, [doi.org/10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785).
#
# **Project ideas**: draw the roofline of every layer of ResNet-50; add the bytes of the activations to `energy.estimate`;
# find a machine with an energy counter and compare.
#
# ## Credits
#
# The idea of opening a lecture on efficient networks with this table is Tal Daniel's (Technion, EE 046211, tutorial 10).
# Text CC BY 4.0, code MIT.

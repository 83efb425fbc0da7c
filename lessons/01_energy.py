# ---
# jupyter:
#   course:
#     title: The energy cost of arithmetic
#     promise: You will know where the energy of a neural network goes, and which lever moves it.
#     minutes: 45
#     seconds: 40
#     needs: ["00"]
#     goals:
#       - Read the published energy table and turn its picojoules into joules, kilowatt-hours and money.
#       - Estimate the energy of a model from its counted operations and bytes.
#       - Place a layer on a roofline and say whether arithmetic or memory holds it back.
#       - Say why fewer bits help twice, and which lesson pulls which lever.
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# # 01 · The energy cost of arithmetic
#
# *Where does the energy of a neural network go, and which lever moves it?*
#
# **Agenda**
#
# 1. A surprise in one minute
# 2. Why energy, and its units
# 3. The price list: one multiplication, one memory read
# 4. The bill of a whole model
# 5. The roofline: when is arithmetic the limit?
# 6. Which lever each lesson pulls
#
# Afterwards you can estimate the energy of a model, place a layer on a roofline, and say why fewer bits help twice.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# Ask before anything runs: "What costs more on a chip, a multiplication or reading one of its operands?"
# Take a show of hands, write the numbers on the board, and come back to them after the price list.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import pathlib

import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from course_utils import claims, energy, ledger, models, plots, reports, runtime, timing
from course_utils.checks import lesson_01 as check
from course_utils.tables import Table, si

card = claims.Scorecard("01")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. A surprise in one minute
#
# A linear layer of 4,096 by 4,096 weights answers one input. Then it answers 16 inputs at once.
# That is 16 times the arithmetic.
#
# **Predict.** How many times longer does it take: 16 times, 8 times, 4 times? Write your number down, then run the cell.

# %% slideshow={"slide_type": "fragment"}
width = 4096
layer = torch.nn.Linear(width, width, device=device).requires_grad_(False)
one, sixteen = (torch.randn(n, width, device=device) for n in (1, 16))
surprise = timing.compare({"1 input": lambda: layer(one), "16 inputs": lambda: layer(sixteen)}, device=device)
print(f"16 times the work takes {1 / surprise.ratio('16 inputs'):.1f} times as long.")
surprise

# %% slideshow={"slide_type": "skip"}
card.record("batch-16-is-cheap", 1 / surprise.ratio("16 inputs"))

# %% [markdown] slideshow={"slide_type": "subslide"}
# **What you saw.** The time grew much less than the work. So with one input the arithmetic units were idle
# most of the time. They waited for the weights: each weight has to come from memory, however many inputs use it.
#
# This is the theme of the course. Most of the cost of a small batch is *moving* numbers, not *multiplying* them.
# Techniques that move fewer or smaller numbers therefore save time, energy and memory together.
#
# If your ratio is close to 16, your processor was short of arithmetic, not of memory bandwidth.
# Section 5 measures which of the two it is.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 2. Why energy, and its units
#
# Four reasons to care, and they pull the same way:
#
# - **Hardware.** A chip may use only as much power as its cooling can carry away. Less energy for an operation means more
#   operations a second.
# - **Energy.** Training GPT-3 took an estimated 1,287 MWh
#   ([Patterson et al., 2021, table 4](https://arxiv.org/abs/2104.10350)).
# - **Money.** Whoever answers a million requests a day pays for each of them.
# - **Other devices.** A model is trained on one machine and used on others: phones, watches, sensors, cars.
#   They run on batteries, with little memory.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Units.** Energy is counted in joules (J). Power is energy a second: 1 watt (W) = 1 J/s.
#
# | unit | in joules | where you meet it |
# |---|---|---|
# | picojoule, pJ | $10^{-12}$ | one operation on a chip |
# | nanojoule, nJ | $10^{-9}$ | a thousand operations |
# | kilowatt-hour, kWh | $3.6 \cdot 10^{6}$ | your electricity bill |
#
# A picojoule is hard to imagine. So let us boil water with it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** A quarter of a litre of water, from 20 °C to 100 °C: how many fp32 multiplications is that?
# A million, a million million, or more?

# %% slideshow={"slide_type": "fragment"}
J_PER_KWH = 3.6e6
J_PER_KG_KELVIN = 4186  # heat capacity of water
cup_j = 0.25 * J_PER_KG_KELVIN * (100 - 20)
multiplications = cup_j / (energy.MUL_PJ["fp32"] * 1e-12)
print(f"one cup of hot water: {si(cup_j, 'J')} = {cup_j / J_PER_KWH:.3f} kWh")
print(f"the same energy buys {multiplications:.1e} fp32 multiplications")

# %% [markdown] slideshow={"slide_type": "-"}
# That is a lot of multiplications. But a large language model makes billions of them for each word,
# and, as the next section shows, multiplying is the cheap part.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 3. The price list
#
# Mark Horowitz published what single operations cost on a chip
# ([ISSCC 2014](https://doi.org/10.1109/ISSCC.2014.6757323)): a 45 nm process at 0.9 V.
# Newer chips need less for every row. The *ratios* are what we use, and they have lasted better.
#
# **Predict.** Sort from cheap to dear, before you look:
#
# - a multiplication in int8, in int32, in fp16, in fp32
# - a read of 64 bits from a small cache, and from DRAM (the machine's main memory)

# %% slideshow={"slide_type": "subslide"}
names = list(energy.MUL_PJ)
Table(["pJ for one operation", *names],
      [["add", *(energy.ADD_PJ[n] for n in names)], ["multiply", *(energy.MUL_PJ[n] for n in names)],
       ["multiply and add", *(f"{energy.MUL_PJ[n] + energy.ADD_PJ[n]:.3g}" for n in names)]])

# %% slideshow={"slide_type": "-"}
Table(["pJ for one read of 64 bits", *energy.READ_64_BIT_PJ], [["", *energy.READ_64_BIT_PJ.values()]])

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# Let somebody read the int32 multiplication aloud: an integer, yet dearer than fp16. The reason comes two slides on:
# the width of the numbers that are really multiplied (24 bits in fp32, 11 in fp16, 32 in int32).

# %% [markdown] slideshow={"slide_type": "subslide"}
# **The same numbers on one axis.** The axis is logarithmic: each grid line is ten times the one before.

# %% slideshow={"slide_type": "skip"}
def price_list():
    """(name, pJ, colour) from cheap to dear; DRAM at the low end of its span."""
    rows = [(f"{n} add", pj, "sky") for n, pj in energy.ADD_PJ.items()]
    rows += [(f"{n} multiply", pj, "blue") for n, pj in energy.MUL_PJ.items()]
    rows += [(f"read 64 bit, {n}", pj, "orange") for n, pj in energy.READ_64_BIT_PJ.items() if n != "DRAM, high end"]
    return sorted(rows, key=lambda row: row[1])


# %% slideshow={"slide_type": "-"}
fig, ax = plots.figure(size=(9.6, 5.0))
labels, pj, colours = zip(*price_list(), strict=True)
ax.barh(labels, pj, color=[plots.COLOURS[c] for c in colours])
ax.set(xscale="log", xlabel="energy, pJ (45 nm, 0.9 V)")
for y, value in enumerate(pj):
    ax.text(value * 1.15, y, f"{value:g}", va="center", fontsize=12)
plots.show(fig, alt="Horizontal bars on a logarithmic axis, from an int8 add at 0.03 pJ through an fp32 multiply at "
           "3.7 pJ to a 64-bit read from DRAM at 1300 pJ or more. Every memory read costs more than any operation.",
           caption="Operations in blue, memory reads in orange. Data: Horowitz, ISSCC 2014.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Three things to read from it.**
#
# 1. **Fewer bits are cheaper, more than in proportion.** A multiplier works on each bit of one number with each bit of the
#    other. So its cost grows about with the *square* of the width.
# 2. **An integer is not cheap as such.** int32 multiplies 32-bit numbers. fp16 multiplies only its
#    11-bit significands and adds its exponents. So int32 is the dearer one.
# 3. **Memory dwarfs both.** One read from DRAM pays for hundreds of fp32 multiplications.

# %% slideshow={"slide_type": "subslide"}
ratio_mul = energy.MUL_PJ["fp32"] / energy.MUL_PJ["int8"]
ratio_add = energy.ADD_PJ["fp32"] / energy.ADD_PJ["int8"]
ratio_int32 = energy.MUL_PJ["int32"] / energy.MUL_PJ["fp16"]
ratio_mac = energy.MAC_PJ["fp32"] / energy.MAC_PJ["int8"]
print(f"fp32 over int8: multiply {ratio_mul:.1f}, add {ratio_add:.1f}, both together {ratio_mac:.1f}")
print(f"int32 multiply over fp16 multiply: {ratio_int32:.2f}")

# %% slideshow={"slide_type": "skip"}
card.record("int8-multiply", ratio_mul)
card.record("int8-add", ratio_add)
card.record("int32-dearer-than-fp16", ratio_int32)

# %% [markdown] slideshow={"slide_type": "-"}
# You may have read "int8 is 18.5 times cheaper". That is the ratio of the multiplications alone.
# A network multiplies *and* adds: the multiply-accumulate, **MAC**, is its unit of work, and its ratio is another one.
# An honest int8 sum also needs 32 bits, or it overflows: 0.2 + 0.1 pJ, the row `int8, int32 sum` below.

# %% slideshow={"slide_type": "-"}
Table(["one MAC", "pJ", "fp32 costs"],
      [[n, f"{pj:.3g}", f"{energy.MAC_PJ['fp32'] / pj:.1f}×"] for n, pj in energy.MAC_PJ.items()])

# %% [markdown] slideshow={"slide_type": "subslide"}
# **How to use the list**
#
# | when you… | it saves | because |
# |---|---|---|
# | train in fp16 or bf16 (02) | arithmetic and memory | half the bits in every multiplication and every read |
# | infer in int8 (03–07) | arithmetic and memory | a quarter of the bits, and a cheap multiplier |
# | enlarge the batch | memory | one read of a weight serves many inputs |
# | prune (08–12) | memory, arithmetic | a weight that is gone is neither read nor multiplied, *if* the format and the kernel can skip it |
#
# For training, count three times the MACs of inference: the forward pass, the gradient of the
# inputs and the gradient of the weights are one product of the same size each.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 4. The bill of a whole model
#
# LeNet-300-100 reads a digit of 28×28 pixels with three linear layers: 784 → 300 → 100 → 10.
# A linear layer of $n$ inputs and $m$ outputs needs $n \cdot m$ MACs for one input, one for each weight.
#
# **Predict.** How many MACs is that? And what share of the energy goes into arithmetic, when each weight
# is read once from DRAM: most of it, half of it, or almost none?

# %% slideshow={"slide_type": "fragment"}
by_hand = 784 * 300 + 300 * 100 + 100 * 10
lenet = models.LeNet300100().eval()
digit = torch.zeros(1, 1, 28, 28)
with torch.no_grad(), FlopCounterMode(display=False) as counter:
    lenet(digit)
by_torch = counter.get_total_flops() // 2  # a MAC is two floating-point operations
print(f"MACs by hand {by_hand:,}, by torch {by_torch:,}")

# %% [markdown] slideshow={"slide_type": "-"}
# Both agree. PyTorch's counter counts *floating-point operations*, two for each MAC, and leaves out the additions of
# the biases. There are 410 of them.

# %% slideshow={"slide_type": "subslide"}
DRAM_PJ = energy.READ_32_BIT_PJ["DRAM"]  # a 32-bit weight; Han et al., 2015
compute_nj = by_torch * energy.MAC_PJ["fp32"] / 1e3
fetch_nj = by_torch * DRAM_PJ / 1e3  # one weight for each MAC
print(f"arithmetic {compute_nj:,.1f} nJ, weights from DRAM {fetch_nj:,.0f} nJ: {fetch_nj / compute_nj:.0f} times more")

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Arithmetic is less than one part in a hundred of this bill. In this network each weight is read, used
# once, and dropped. A faster multiplier would change nothing.
#
# The price of a DRAM read, 640 pJ for 32 bits, is from
# [Han et al., 2015, table 1](https://arxiv.org/abs/1506.02626); it lies inside Horowitz's span for 64 bits.

# %% slideshow={"slide_type": "skip"}
n_biases = sum(p.numel() for p in lenet.parameters() if p.dim() == 1)
card.record("lenet-fp32", compute_nj)
card.record("lenet-fp32-bias", compute_nj + n_biases * energy.ADD_PJ["fp32"] / 1e3)
card.record("lenet-int8", energy.estimate(lenet, digit, mac="int8").compute_nj)
card.record("lenet-int8-int32", energy.estimate(lenet, digit, mac="int8, int32 sum").compute_nj)
card.record("lenet-dram", fetch_nj)
card.record("lenet-dram-share", fetch_nj / compute_nj)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Is that true of every network?** A convolution slides the same few weights over the whole image.
# `energy.estimate` does what the two cells above did, for any model.
#
# **Predict.** For ResNet-50, which is larger: the arithmetic, or the weights from DRAM?

# %% slideshow={"slide_type": "-"}
nets = {"LeNet-300-100": (lenet, digit), "LeNet": (models.LeNet().eval(), digit),
        "ResNet-50": (torchvision.models.resnet50().eval(), torch.zeros(1, 3, 224, 224))}
bills = {name: energy.estimate(net, x) for name, (net, x) in nets.items()}
Table(["model", "weights", "MACs", "MACs a weight", "arithmetic", "weights from DRAM"],
      [[name, f"{b.weights:,}", f"{b.macs:,}", f"{b.macs / b.weights:.1f}", si(b.compute_nj * 1e-9, "J"),
        si(b.fetch_nj * 1e-9, "J")] for name, b in bills.items()])

# %% [markdown] slideshow={"slide_type": "-"}
# In ResNet-50 a weight is used more than a hundred times for one image. So there the arithmetic weighs as much as the
# weights. The column *MACs a weight* decides which lever is the long one: fewer bytes or cheaper operations.
# Activations are left out of this bill. In a convolutional network they are many; lesson 07 counts them.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **The batch shares the fetch.** A weight that was read once can serve all inputs of a batch:
#
# $$E_\text{one input} = \underbrace{N_\text{MAC} \, e_\text{MAC}}_\text{arithmetic}
#  + \underbrace{N_\text{weights} \, e_\text{read} \,/\, B}_\text{weights}$$
#
# $N$ are counts, $e$ the energy of one, $B$ is the batch size.
#
# **Predict.** At which batch size do the two terms of LeNet-300-100 become equal?

# %% slideshow={"slide_type": "subslide"}
batches = [2**i for i in range(11)]
fig, ax = plots.figure()
for (name, bill), colour in zip(bills.items(), ("blue", "green", "orange"), strict=True):
    ax.plot(batches, [bill.fetch_nj / b / bill.compute_nj for b in batches], "o-", label=name,
            color=plots.COLOURS[colour])
ax.axhline(1, color="black", linestyle=":")
ax.set(xscale="log", yscale="log", xlabel="batch size", ylabel="weights / arithmetic")
ax.legend()
plots.show(fig, alt="Ratio of weight-fetch energy to arithmetic energy against batch size, falling as one over the batch. "
           "LeNet-300-100 starts at 139 and crosses 1 near batch 139; LeNet starts near 42; ResNet-50 is below 1.",
           caption="Above the dotted line the weights cost more than the arithmetic; below it, less.")

# %% [markdown] slideshow={"slide_type": "-"}
# A server can wait for a full batch. A phone, a car and a chat cannot: they have one input, now.
# That is why small models on devices are bound by their *bytes*.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# Good moment for exercise 1.3 (the break-even batch): five minutes in pairs, the formula is on the slide before.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 5. The roofline
#
# Energy tables are about chips of 2014. Time you can measure yourself. The **roofline**
# ([Williams, Waterman, Patterson, 2009](https://doi.org/10.1145/1498765.1498785)) says how fast a layer can be:
#
# $$\text{speed} \le \min(\text{peak},\; I \cdot \text{bandwidth}), \qquad
# I = \frac{\text{floating-point operations}}{\text{bytes moved}}$$
#
# $I$ is the **arithmetic intensity**, in operations a byte. *Peak* is the speed of arithmetic alone, *bandwidth* that of
# memory alone. We measure both here, on one thread.

# %% slideshow={"slide_type": "subslide"}
def best_seconds(fn):
    """Fastest of several samples: a limit of the machine is what it reaches undisturbed."""
    comparison = timing.compare({"fn": fn}, rounds=7, device=device)
    return min(comparison.samples["fn"])


square = torch.randn(2048, 2048, device=device)
long = torch.randn(32 * 2**20, device=device)  # 134 MB: far more than the caches hold
peak = 2 * 2048**3 / best_seconds(lambda: square @ square)  # operations a second
bandwidth = long.numel() * 4 / best_seconds(lambda: torch.dot(long, long))  # bytes a second
print(f"peak {si(peak, 'FLOP/s')}, bandwidth {si(bandwidth, 'B/s')}, ridge at {peak / bandwidth:.1f} FLOP/B")

# %% [markdown] slideshow={"slide_type": "-"}
# The **ridge** is the intensity at which both limits meet. A layer to its left waits for memory, one to its right
# for arithmetic. *Peak* here is what PyTorch's matrix product reaches on this machine. It is not the chip's
# own limit: another library may come closer to that (lesson 07 tries).

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now the layer of section 1. It moves its weights, its inputs and its outputs, 4 bytes each:
#
# $$I(B) = \frac{2 \, B \, n^2}{4\,(n^2 + 2 B n)}, \qquad n = 4096$$
#
# **Predict.** What is $I$ at batch 1? On which side of your ridge is that? And at batch 256?

# %% slideshow={"slide_type": "skip"}
def intensity(batch, n=width, bytes_each=4):
    """Operations a byte of a square linear layer; weights, inputs and outputs are moved once."""
    return 2 * batch * n * n / (bytes_each * (n * n + 2 * batch * n))


points = {}
for batch in (1, 4, 16, 64, 256):
    x = torch.randn(batch, width, device=device)
    sample = timing.compare({"layer": lambda x=x: layer(x)}, rounds=7, device=device)
    points[batch] = 2 * batch * width**2 / (sample.median_ms("layer") / 1e3)
Table(["batch", "intensity, FLOP/B", "speed, GFLOP/s", "share of the roof"],
      [[b, f"{intensity(b):.2f}", f"{speed / 1e9:.1f}", f"{speed / min(peak, intensity(b) * bandwidth):.0%}"]
       for b, speed in points.items()])

# %% slideshow={"slide_type": "subslide"}
fig, ax = plots.figure()
axis = sorted([2**i / 4 for i in range(12)] + [peak / bandwidth])  # with the ridge, so that the roof has its corner
ax.plot(axis, [min(peak, i * bandwidth) / 1e9 for i in axis], color="black", label="roof, measured here")
ax.plot([intensity(b) for b in points], [s / 1e9 for s in points.values()], "o", color=plots.COLOURS["orange"],
        label="linear layer, fp32")
for b, speed in points.items():
    ax.annotate(f"batch {b}", (intensity(b), speed / 1e9), xytext=(8, -18), textcoords="offset points", fontsize=12)
ax.set(xscale="log", yscale="log", xlabel="arithmetic intensity, FLOP/B", ylabel="speed, GFLOP/s")
ax.legend(loc="upper left")
plots.show(fig, alt="Roofline on logarithmic axes: speed rises with arithmetic intensity, then stays flat at the peak. The "
           "linear layer at batch 1 sits low on the slope, at batch 256 it comes close to the flat part.",
           caption="The same layer at five batch sizes under the roof of this machine.")

# %% slideshow={"slide_type": "skip"}
card.record("batch-1-below-peak", points[1] / peak)
card.record("batch-256-near-peak", points[256] / peak)

# %% [markdown] slideshow={"slide_type": "-"}
# At batch 1 the layer sits on the slope: it runs at the speed of memory, and most of the peak is unused.
# At batch 256 it comes close to the flat part. In between it stays below the roof: for a few rows the matrix
# product has too little work to hide its own overhead. A roofline is an upper bound, not a forecast.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Why fewer bits help twice.** Store the weights in 8 bits instead of 32:
#
# - **On the slope** the layer moves a quarter of the bytes. The intensity rises fourfold, and so does the bound on its speed.
# - **On the flat part** the chip can do more operations a second, because each is smaller and needs less energy.
#
# So the bill shrinks on both sides of the ridge.

# %% slideshow={"slide_type": "-"}
rows = []
for name, mac, bits in (("fp32", "fp32", 32), ("fp16", "fp16", 16), ("int8", "int8, int32 sum", 8)):
    bill = energy.estimate(lenet, digit, mac=mac, bits=bits)
    rows.append([name, si(bill.compute_nj * 1e-9, "J"), si(bill.fetch_nj * 1e-9, "J"),
                 f"{bills['LeNet-300-100'].total_nj / bill.total_nj:.1f}×", f"{intensity(1, bytes_each=bits // 8):.2f}"])
Table(["LeNet-300-100, batch 1", "arithmetic", "weights", "saves in all", "FLOP/B of section 5's layer"], rows)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. Estimate or measurement?
#
# The bill above is an estimate. Some machines count joules themselves: Intel and AMD
# processors through RAPL, NVIDIA cards through NVML. Does yours let you read them?

# %% slideshow={"slide_type": "-"}
def package_joules():
    """Joules counted by the processor since it started, or None where it does not let us read them."""
    counter = pathlib.Path("/sys/class/powercap/intel-rapl:0/energy_uj")
    try:
        return int(counter.read_text()) / 1e6
    except (OSError, ValueError):
        return None


before = package_joules()
if before is None:
    print("This machine does not expose an energy counter to this process. The estimate stands alone here.")
else:
    calls = 200
    for _ in range(calls):
        layer(one)
    used = (package_joules() - before) / calls
    guess = (width**2 * (energy.MAC_PJ["fp32"] + DRAM_PJ)) * 1e-12
    print(f"counted {si(used, 'J')} a call for the whole package, estimated {si(guess, 'J')} (45 nm)")

# %% [markdown] slideshow={"slide_type": "-"}
# Where a counter is there, expect the two to differ. It counts the whole package, idle parts included, and
# your chip is not the chip of the table. On Linux the counter can often be read by the administrator only.
# On Windows, macOS and most virtual machines there is no such file.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## Which lever each lesson pulls
#
# | lesson | fewer bits | fewer weights | fewer reads | smaller model |
# |---|---|---|---|---|
# | 02 mixed precision | ✓ while training | | | |
# | 03–07 quantization | ✓ | | | |
# | 08–11 pruning | | ✓ | ✓ if structured | ✓ if structured |
# | 12 lottery ticket | | ✓ from the start | | |
# | 13 distillation | | | | ✓ |
# | 15 language model | ✓ weights and cache | | ✓ cache | |
# | 16 capstone | ✓ | ✓ | ✓ | ✓ |
#
# Every lesson writes what it achieves into one **ledger**: accuracy, bytes of the reloaded file, speed, estimated energy.

# %% slideshow={"slide_type": "skip"}
for name in ("LeNet-300-100", "LeNet"):
    size = reports.size_report(nets[name][0])
    ledger.record(lesson="01", task="mnist", model=name, technique="fp32, untrained", file_bytes=size.file_bytes,
                  load_ms=size.load_ms, energy_nj=bills[name].total_nj)
ledger.table([row for row in ledger.rows() if row.lesson == "01"])

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Three cards. Write your answer into the cell with the stub, run it, then run the check below it. The check
# tries inputs that you do not see here, and tells you what a wrong answer usually means.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1.1 · Energy of a linear layer
# ★ · 8 minutes
#
# Write `linear_energy_pj`: the energy in picojoules of the arithmetic of a linear layer *with bias*, for a whole batch.
# Count one multiplication and one addition for each weight and input, and one addition for each bias and input.
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
# ### Exercise 1.2 · MACs of a convolution
# ★★ · 12 minutes
#
# Write `conv2d_macs`: the MACs of a square two-dimensional convolution on one square image. Padding counts like
# pixels: a product with a padded zero is made too, as PyTorch's counter does.
#
# <details><summary>Hint</summary>
# Each output element is one dot product. How many output elements are there, and how long is the dot product when
# each group sees only its own share of the input channels? The output side is
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
# ### Exercise 1.3 · The batch that pays for the fetch
# ★★ · 10 minutes
#
# Write `break_even_batch`: the smallest batch size at which the arithmetic of a batch costs at least as much as
# reading all weights once from DRAM. A weight has `bits` bits. Reading 32 bits costs 640 pJ, fewer bits less in proportion.
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


# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## Scorecard
#
# Every published figure that this lesson uses, beside what your run computed or measured. Speed depends on the
# machine, so a claim about speed may fail on yours. The table then says why.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## Remember
#
# - Reading a number from DRAM costs far more energy than any arithmetic on it.
# - How often a fetched weight is used (batch size, convolution) decides whether memory or arithmetic is the limit.
# - Fewer bits help twice: less to move, and cheaper to compute with.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - M. Horowitz, *Computing's energy problem*, ISSCC 2014,
#   [doi.org/10.1109/ISSCC.2014.6757323](https://doi.org/10.1109/ISSCC.2014.6757323). The table, and why clocks stopped rising.
# - V. Sze et al., *Efficient processing of deep neural networks*, 2017,
#   [arXiv:1703.09039](https://arxiv.org/abs/1703.09039). How accelerators cut memory reads.
# - S. Williams et al., *Roofline*, 2009, [doi.org/10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785).
#
# Project ideas: draw the roofline of every layer of ResNet-50; add the bytes of the activations to `energy.estimate`;
# find a machine with an energy counter and compare.
#
# ## Credits
#
# The idea of opening a lecture on efficient networks with this table is Tal Daniel's (Technion, EE 046211, tutorial 10).
# Text CC BY 4.0, code MIT.

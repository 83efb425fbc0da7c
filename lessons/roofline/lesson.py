# ---
# jupyter:
#   course:
#     promise: You will be able to say of a layer whether memory or arithmetic holds it back, and which lever then helps.
#     minutes: 40
#     seconds: 25
#     needs: [energy]
#     goals:
#       - Measure the peak and the bandwidth of your machine, and place a layer under its roof.
#       - Find out whether a layer's weights come from memory or from a cache.
#       - Say what a larger batch and fewer bits do to a layer, in time and in energy.
#       - Tell an estimate from a measurement, and know what a counter of joules counts.
#     terms: [arithmetic intensity, "bandwidth, peak", ridge, roofline, working set]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *How fast can a layer be, on this machine?*
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
# *For the lecturer, 1 min.* "Last time joules, from a list. Today seconds, from this machine." Go straight on to the vote.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import itertools
import math
import time

import torch
from torch.nn.functional import linear

from course_utils import models, runtime, syllabus
from course_utils.measure import energy, hardware, timing
from course_utils.scorecard import claims
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.roofline import checks as check

card = claims.Scorecard("roofline")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Sixteen times the work
#
# A linear layer of 4,096 by 4,096 weights answers one input. Then it answers 16 inputs at once: 16 times the arithmetic.
#
# **Predict.** How many times longer does it take? **A** 16 times, **B** 8 times, **C** 4 times, **D** no longer at all.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Votes for A to D, counts on the board. Expect A and B. Show the result, take the nearest letter, and ask: "What did the processor do in the rest of the time?"
# Keep the answers, section 3 tests them. On a machine where the ratio is near 16, say so.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
my_guess = "?"  # A, B, C or D
width = 4096
weights = torch.randn(8, width, width, device=device)  # eight layers, 0.5 GB; section 3 needs the other seven
one, sixteen = (torch.randn(n, width, device=device) for n in (1, 16))
jobs = {"16 inputs": lambda: linear(sixteen, weights[0]), "1 input": lambda: linear(one, weights[0])}
hook = timing.compare(jobs, device=device)
print(f"16 times the work: {hook.ratio('1 input'):.1f} times the time")
print(f"your guess: {my_guess}")
print(f"one call: {hook.median_ms('1 input'):.3g} ms (IQR {hook.iqr_ms('1 input'):.2g})")

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
canvas = diagrams.Canvas(width=620, height=230)
times = {"1 input": 1.0, "16 inputs": hook.ratio("1 input"), "16 × 1 input": 16.0}
diagrams.bars(
    canvas,
    times,
    x=170,
    y=16,
    width=340,
    text="{:.1f}",
    meaning={**dict.fromkeys(times, "fp32"), "16 × 1 input": "plain"},
)
plots.show(
    canvas.figure(),
    alt=f"Three bars to one linear scale: the time of one input, 1; of 16 inputs at once, {times['16 inputs']:.1f}; and, for comparison, "
    "16 times the first.",
    caption="Time of a call, in calls with one input. Grey: 16 times the first, not measured.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the time grew less than the work.** With one input the processor did less arithmetic in a second than it
# can.

# %% [markdown] slideshow={"slide_type": "skip"}
# Probably it waited for the weights, 67 MB that each call must fetch from somewhere, however many inputs use them. The time alone does
# not prove it; section 3 has a test. If your ratio is close to 16, your machine's matrix product handles one input about as well
# as many. If the IQR, the width of the middle half of the samples, is large beside the median, close other programs and run
# the cell again.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Two limits
#
# A processor has a **peak**: so many operations a second. Its memory has a **bandwidth**: so many bytes a second. A layer
# makes $I$ floating-point operations (FLOP) for each byte that it moves, its **arithmetic intensity**. So
# ([Williams et al., 2009](https://doi.org/10.1145/1498765.1498785))
#
# $$\text{speed} \le \min(\text{peak},\; I \cdot \text{bandwidth})$$
#
# Both limits are equal at the **ridge**.
#
# **Predict.** How many operations must this machine do with each byte, so that memory is no longer the limit? **A** 1,
# **B** 10, **C** 100.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* A kitchen helps: the peak is the cook, the bandwidth is the door, the intensity is how much is cooked from one delivery. Vote; expect A.
# Read the answer from the line under the figure: peak over bandwidth; take the letter that is nearest by ratio (4 is nearer to 10 than to 1).
# Then point at the slope ("the door") and at the flat part ("the cook"). "Where does our layer
# with one input stand?" Each weight, 4 bytes, gives 2 operations: at 0.5, far on the left.

# %% slideshow={"slide_type": "skip"}
square, long = torch.randn(2048, 2048, device=device), weights.view(-1)
turn = itertools.cycle(weights)  # another of the eight layers at each call
inputs = {batch: torch.randn(batch, width, device=device) for batch in (1, 16, 64, 256)}
jobs = {"product": lambda: square @ square}  # for the peak
jobs |= {"read": lambda: torch.dot(long, long)}  # for the bandwidth: reads all eight layers
jobs |= {"again": lambda: linear(inputs[1], weights[0])}  # for section 3: one layer, again and again
jobs |= {batch: lambda x=x: linear(x, next(turn)) for batch, x in inputs.items()}  # for sections 3 and 4: eight in turn
# In turn, round by round: a slow spell hits all alike only if it lasts for whole rounds, so the medians are compared.
taken = timing.compare(jobs, rounds=9, device=device)
seconds = {job: taken.median_ms(job) / 1e3 for job in jobs}  # the roof and its points are computed from these

peak = 2 * 2048**3 / seconds["product"]  # operations a second
bandwidth = long.numel() * 4 / seconds["read"]  # bytes a second
ridge = peak / bandwidth
roof_words = f"peak {si(peak, 'FLOP/s')} ÷ bandwidth {si(bandwidth, 'B/s')} = ridge {ridge:.1f} FLOP a byte"
print(roof_words)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def roof(points=(), label=""):
    """The measured roof, with points (name, intensity, speed) that follow each other; the last one is filled."""
    (fig, ax), orange, top = plots.figure(size=(6.4, 4.2)), plots.COLOURS["orange"], peak / 1e9
    axis, ha = [0.25, ridge, 512], "center" if label == "{}" else "left"
    ax.plot(axis, [min(peak, i * bandwidth) / 1e9 for i in axis], color="black")
    ax.axvline(ridge, color=plots.COLOURS["grey"], linestyle=":")
    ax.text(ridge * 1.1, 0.14 * bandwidth / 1e9, f"ridge {ridge:.1f}")
    if not points:
        ax.text(ridge / 1.2, 0.2 * bandwidth / 1e9, "memory is\nthe limit", ha="right")
        ax.text(1.4 * ridge, 0.25 * top, "arithmetic is\nthe limit")
    ax.plot([x for _, x, _ in points], [y / 1e9 for _, _, y in points], "o-", color=orange, linewidth=1, mfc="white")
    for name, x, y in points:
        ax.annotate(label.format(name), (x, y / 1e9), xytext=(0, -28), textcoords="offset points", ha=ha)
    ax.plot([x for _, x, _ in points[-1:]], [y / 1e9 for _, _, y in points[-1:]], "o", color=orange, markersize=13)
    ax.set(xscale="log", yscale="log", xlabel="intensity, FLOP a byte", ylabel="billion FLOP/s")
    ax.set_xticks(decades := [1, 10, 100, 1000], decades)
    ax.set_yticks([10**n for n in range(5)], [f"{10**n}" for n in range(5)])
    ax.set(xlim=(0.2, 1000), ylim=(0.1 * bandwidth / 1e9, 2.5 * top))
    return fig


plots.show(
    roof(),
    alt=f"A roof on logarithmic axes: its bound on the speed rises with the intensity up to the ridge, at {ridge:.1f} operations a "
    f"byte, and is flat from there at {peak / 1e9:.0f} billion operations a second.",
    caption=f"{roof_words[0].upper()}{roof_words[1:]}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: a slope and a ceiling.**

# %% [markdown] slideshow={"slide_type": "skip"}
# *Peak* is what one product of two matrices of 2,048 reaches in PyTorch, *bandwidth* what a dot product reads of 537 MB, on a processor with
# one thread. Neither is the chip's own limit; another library may come closer ([[choosing]] tries). Williams et al. count the bytes between the caches and
# the main memory and call this the *operational* intensity; we count what the layer must move at least.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. From memory, or from a cache?
#
# One layer is 67 MB. Some processors have caches as large as that. Let a dot product, which multiplies two lists of
# numbers pair by pair and adds up, read a **working set** that grows, from 0.5 MB to 537 MB, again and again.
#
# **Predict.** What happens to the bytes a second? **A** the same everywhere, **B** they fall somewhere, **C** they rise.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; expect B. In the figure ask what lies between a high point and a low one: a memory that is farther away. Black is our layer, grey are the caches
# that the system reports; on a virtual machine others may use them too, so the fall can come earlier. On a processor, one that rises much was probably disturbed. "Does our layer lie right of the last fall?" If the
# curve falls no more to the right of our layer: probably its weights come from memory. If it still falls there, a cache may keep some of them, and the next slide matters.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
sets = {4 * 2**k: long[: 2**k] for k in range(17, 28)}  # bytes -> that much of the weights
reads = timing.compare({n: lambda x=x: torch.dot(x, x) for n, x in sets.items()}, rounds=5, device=device)
gb_s = [n / reads.median_ms(n) / 1e6 for n in sets]
fig, ax = plots.figure(size=(6.4, 3.8))
ax.plot([n / 1e6 for n in sets], gb_s, "o-", color=plots.COLOURS["orange"])
known = {"our layer": 4 * width**2} | {
    f"{name}, reported": n for name, n in hardware.cache_bytes().items() if device.type == "cpu" and n >= min(sets)
}
for name, n in known.items():
    ax.axvline(n / 1e6, color="black" if name == "our layer" else plots.COLOURS["grey"], linestyle="--")
    y, va = (1.05 * max(gb_s), "top") if n > 3e7 else (0.05 * max(gb_s), "bottom")  # where the curve is not
    ax.text(n / 1.05e6, y, name, rotation=90, ha="right", va=va)
ax.set(xscale="log", xlabel="working set, MB", ylabel="GB/s", ylim=(0, 1.1 * max(gb_s)))
ax.set_xticks([1, 10, 100], ["1", "10", "100"])
plots.show(
    fig,
    alt=f"Bytes a second against the working set: {gb_s[0]:.0f} GB/s at 0.5 MB, {gb_s[7]:.0f} at 67 MB, the size of the layer, "
    f"{gb_s[-1]:.0f} at 537 MB.",
    caption="Read again and again: how fast, by the size of what is read. Grey: caches as this system reports them.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: on a processor it falls, and not evenly.** The speed depends on how much is read.

# %% [markdown] slideshow={"slide_type": "skip"}
# Where the working set outgrows a cache, the next one, or the memory, has to deliver: farther away, and slower.
# Compare the falls with the grey lines, where your system reports its caches. On a processor, a curve that rises much between was probably disturbed. A virtual machine may share a cache with others; then the
# curve can fall long before that line.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A control
#
# A network has many layers. When a layer's turn comes, others have used the caches. So let **eight** layers of 67 MB take turns,
# one input each. The opponent is one layer, again and again, as in section 1. The arithmetic is the same.
#
# **Predict.** Which layer answers sooner: the one that is used again and again, one of eight in turn, or neither?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "Same size, same arithmetic; only what can be kept from call to call differs. That isolates the cause." Vote. If the ratio is near 1:
# "Either both come from memory, or both from a cache that holds all 537 MB; only a larger working set can tell." A bar a little above 1 says that the
# dot product reads less than the memory can give, or that a cache kept a part. Ask what a ratio above 1 means for a benchmark that calls one layer in a loop: it times a cache, and promises too much.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
read = {
    name: seconds["read"] / 8 / seconds[job] for name, job in {"again and again": "again", "eight in turn": 1}.items()
}
apart = [whole / 8 / layer for whole, layer in zip(taken.samples["read"], taken.samples[1], strict=True)]
card.record(
    "in-turn-at-memory-speed",
    read["eight in turn"],
    tuple(torch.tensor(apart).quantile(torch.tensor([0.25, 0.75])).tolist()),
)
print(f"again and again is {read['again and again'] / read['eight in turn']:.2f} times as fast as in turn")
canvas = diagrams.Canvas(width=630, height=230)
meaning = {**dict.fromkeys(read, "fp32"), "dot product": "plain"}
diagrams.bars(canvas, read | {"dot product": 1.0}, x=220, y=16, width=310, text="{:.2f}", meaning=meaning)
plots.show(
    canvas.figure(),
    alt="Three bars to one linear scale, weights read in a second, over what the dot product reads: again and again "
    f"{read['again and again']:.2f}, eight in turn {read['eight in turn']:.2f}, dot product 1.",
    caption="Weights read in a second. 1 is the dot product over all eight layers.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: whether a cache helps.** Ratio clearly above 1: weights were kept. Near 1: none, or all.

# %% [markdown] slideshow={"slide_type": "skip"}
# The two differ only in what the machine could keep from call to call, so the ratio is the work of its caches (the one that keeps addresses of
# pages among them). Where the second bar is near 1, the layer in turn reads its weights about as fast as the dot product reads. So there, with one input,
# it waits for its weights, as section 1 suspected. Far above 1, measure again: the dot product was probably disturbed. And section 1 used one layer again and
# again: where the ratio is clearly above 1, it timed a cache.
#
# With the second bar and the ratio both near 1 there are two explanations. Either both fetch from memory: no cache of this machine holds 67 MB, or other programs use
# it. Or both fetch from a cache, which holds all 537 MB. The roofline cannot tell these apart, because its slope was measured with the same 537 MB. The
# caches that your system reports give a hint; a larger working set decides.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 4. The batch moves the layer
#
# A layer of $n \times n$ fp32 weights moves its weights, its inputs and its outputs:
#
# $$I(B) = \frac{2 \, B \, n^2}{4\,(n^2 + 2 B n)}$$
#
# For small $B$ that is about $B/2$.
#
# **Predict.** From which batch on is our layer right of the ridge? Where under the roof are batch 1, 16, 64 and 256?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 4 min.* "From which batch on are we right of the ridge?" Half a minute; wanted: at about twice the ridge. Only then
# open the figure: the exact number stands under it. It opens with the roof alone: let somebody draw the point of each batch
# before its click. Batch 1 lies near the slope. Where a point is above the roof: "The slope is what a dot product reads; the memory can give a little more, or a cache helped." Ask why
# batch 16 may lie well below: the roof is a bound, not a forecast.


# %% slideshow={"slide_type": "skip"}
def intensity(batch, n=width, bytes_each=4):
    """Operations a byte of a square linear layer; weights, inputs and outputs are moved once."""
    return 2 * batch * n * n / (bytes_each * (n * n + 2 * batch * n))


speed = {batch: 2 * batch * width**2 / seconds[batch] for batch in inputs}
spans = {b: torch.tensor(taken.samples[b]).quantile(torch.tensor([0.75, 0.25])) for b in inputs}  # slow, fast
quartiles = {b: tuple((speed[b] / peak * seconds[b] / spans[b]).tolist()) for b in inputs}
card.record("batch-1-below-peak", speed[1] / peak, quartiles[1])
card.record("batch-256-near-peak", speed[256] / peak, quartiles[256])
share = {batch: s / min(peak, intensity(batch) * bandwidth) for batch, s in speed.items()}
Table(
    ["batch", "intensity, FLOP a byte", "speed, billion FLOP/s", "share of the roof"],
    [[b, f"{intensity(b):.2f}", f"{s / 1e9:.1f}", f"{share[b]:.0%}"] for b, s in speed.items()],
)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
points = [(b, intensity(b), speed[b]) for b in inputs]
first = math.ceil(2 * ridge / (1 - 4 * ridge / width)) if 4 * ridge < width else "no size"  # I(B) = ridge, solved for B
plots.show(
    [roof(points[:n], label="{}") for n in range(len(points) + 1)],
    alt=["The roof alone, without a point."]
    + [
        f"A point for batch {b}: {speed[b] / 1e9:.0f} billion operations a second, {share[b]:.0%} of the roof."
        for b in inputs
    ],
    caption=f"Eight layers in turn. Right of the ridge from batch {first} on.",
    slider="batch",
    values=["none", *inputs],
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer", "lecture"]
# **What you saw: more inputs for each weight, more intensity, more speed.**

# %% [markdown] slideshow={"slide_type": "skip"}
# Batch 1 lies left of the ridge, far below the peak, and near the slope. At batch 256 memory forbids nothing, and the layer comes nearer to the
# peak. The batches between lie below the roof. Where the ridge is above 8, 16 inputs would by the roof alone take hardly longer than one, and
# section 1 saw more here. The roof is a bound, not a forecast, and does not say why. Probably the library re-arranges the weights at every call, and
# its routine for so few inputs is not its best; [[dynamic]] gives fp32 another library, first alone, then with arranged weights, at 128 inputs. A share above 100 % means that a
# cache kept some weights, or that the peak or the bandwidth was measured too low: another program ran, or the dot product reads less in a second than the
# memory can give.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 5. Fewer bits
#
# Store and compute in 8 bits instead of 32. First on the bill of [[energy]], in joules, then on the roof.
#
# A small batch pays most for its weights, a large one most for its arithmetic. An int8 weight has a quarter of the bytes, an int8
# MAC takes a 15th of the energy.
#
# **Predict.** How many times less energy does LeNet-300-100 need in int8, at batch 1? And at batch 1024? **A** 4 times,
# **B** between 4 and 15, **C** 15 times.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Two votes, A to C; expect C for both. At batch 1 hardly anything but the bytes shows: A. At batch 1024 it is B: ask why not 15 (the weights still
# cost something). These are estimates in joules; the next slide asks the same of the speed.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
def uj_for_one_input(mac, bits, batch):
    """Estimated energy of LeNet-300-100 for one input of a batch: its arithmetic, and its share of the fetch."""
    bill = energy.estimate(models.LeNet300100(), torch.zeros(1, 1, 28, 28), mac=mac, bits=bits)
    return (bill.compute_nj + bill.fetch_nj / batch) / 1e3


formats = {"fp32": 32, "fp16, fp32 sum": 16, "int8, int32 sum": 8}
uj = {(f, b): uj_for_one_input(f, bits, b) for f, bits in formats.items() for b in (1, 1024)}
Table(
    ["µJ a digit", "batch 1", "times less", "batch 1024", "times less"],
    [
        [
            f,
            *(
                text
                for b in (1, 1024)
                for text in (f"{uj[f, b]:.3g}", "" if f == "fp32" else f"{uj['fp32', b] / uj[f, b]:.1f}")
            ),
        ]
        for f in formats
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: fewer bits help twice.** At batch 1 the bytes, at batch 1024 the cheaper MAC as well. (The bill of LeNet-300-100 turns at another
# batch than this roof: in fp32 at 140, by [[energy]], and in int8 at 534.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same on the roof
#
# Now the speed. Three widths of a number: 32, 16 and 8 bits. The layer has one input.
#
# **Predict.** Where does the layer's *bound* go when each number takes half the bytes?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let somebody show it with a hand: right, and up the slope. Say plainly that these three points are bounds, not measurements, and that a chip
# with units for 8 bits has a higher ceiling for them, which is not drawn.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
at = {8 * size: intensity(1, bytes_each=size) for size in (4, 2, 1)}  # bits -> operations a byte
bounds = [(bits, i, min(peak, i * bandwidth)) for bits, i in at.items()]
plots.show(
    [roof(bounds[:n], label="{} bits") for n in range(4)],
    alt=["The roof alone, without a point."]
    + [
        f"The bound of the layer with one input at {bits} bits a number: intensity {i:.1f}, "
        + ("on the slope." if i < ridge else "under the ceiling.")
        for bits, i in at.items()
    ],
    caption="Bounds for batch 1, not measured. The ceiling is that of fp32.",
    slider="bits",
    values=["none", *at],
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw: up the slope.** Half the bits, twice the bound, as long as the ridge is not reached.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Estimate or measurement?
#
# The energies of this course are estimates. Some machines have a counter of joules: Intel and AMD processors one
# called RAPL, NVIDIA cards one in a library called NVML. (Some counters are models themselves.)
#
# **Predict.** A busy processor takes watts. How much of that is our estimate of the *arithmetic* of the layer, at batch 1?
# **A** most, **B** about half, **C** a small part.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect B. The first line is the estimate of the arithmetic as a power, the second that of the weights from memory: read both out and compare them with a lamp of
# 8 W. A counter counts the whole chip, so it should show far more than the first line. Then ask who has a laptop with Linux and the right to read the counter.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
estimate_j = {"arithmetic": width**2 * energy.MAC_PJ["fp32"] * 1e-12}
estimate_j["weights from DRAM"] = width**2 * energy.READ_32_BIT_PJ["DRAM"] * 1e-12
call_s = seconds[1]
for part, joule in estimate_j.items():
    print(f"{part}: {si(joule, 'J')} a call, {si(joule / call_s, 'W')}")
if hardware.joules(device):
    idle, _ = hardware.joules_while(lambda: time.sleep(0.1), device=device)
    busy, calls = hardware.joules_while(lambda: linear(one, next(turn)), device=device)
    for zone in busy:
        print(f"{zone}: {si(max(0.0, busy[zone] - idle.get(zone, 0.0)) / calls, 'J')} a call, over idle")
else:
    print("No energy counter can be read here.")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: on a processor, milliwatts, by the estimate: C.** (A fast GPU does more a second, and may pass a watt.)

# %% [markdown] slideshow={"slide_type": "skip"}
# So a counter should show far more than the estimate of the arithmetic. On a processor its zone `package` is the whole processor: it also fetches and decodes
# instructions, moves numbers between its caches, and keeps its clocks running. A zone `dram`, where there is one, is the main
# memory; compare it with the second line. No counter could be read where this lesson was written, so nothing of that was tested.
#
# On Linux the counter can often be read by the administrator only. Windows and macOS have no such file, and many virtual machines have none.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 7. Which lever does each part pull?
#
# **Predict.** The next five parts of the course are training, quantization, pruning, lottery tickets, and the trainer. Which makes
# which of these smaller: the bits of a number, the number of weights, the MACs?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read out the five parts; the room says for each: bits, weights or MACs? Then open the table. Say to close: "A batch changes none of the three; it lets more inputs share the
# weights." Then the exercises, in pairs.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
LEVERS = {
    "training": ("✓ while training", "", ""),
    "quantization": ("✓", "", ""),
    "pruning": ("", "✓ where the file can leave them out", "✓ where the code can skip them"),
    "tickets": ("", "✓ the same", "✓ with a smaller network"),
    "trainer": ("✓", "✓ the same", ""),
}
parts = {lesson.part: lesson for lesson in syllabus.lessons().values()}
Table(
    ["part", "", "bits of a number", "weights", "MACs"],
    [[parts[part].part_number, parts[part].part_title, *ticks] for part, ticks in LEVERS.items() if part in parts],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: three different things to make smaller.** A larger batch changes none of them: it shares the weights.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Two cards. Write your answer into the cell with the stub, run it, then run the check below it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 1 · The least time of a layer
# ★★ · 10 minutes
#
# Write `roof_seconds`: the least time, by the roofline, of a linear layer *without bias* on a whole batch. The layer reads its
# weights once for the batch, reads every input and writes every output; each number takes `bytes_each` bytes. A MAC is two
# operations. Arithmetic and memory work at the same time.
#
# `roof_seconds(n_in, n_out, batch, bytes_each, peak, bandwidth)` → seconds; `peak` in operations a second, `bandwidth` in bytes a second; `batch`
# is at least 1, and so are `n_in` and `n_out`, or both are 0: no layer
#
# <details><summary>Hint</summary>
# How long would the arithmetic take alone, and the memory alone? Each input has n_in numbers, each output n_out. When both work at the same
# time, the layer is done when the slower one is.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; at home it takes 10 minutes. A slip to expect is the sum of both times. Ask for the words on the card that decide it ("at the same time"):
# "So the layer takes the longer one of two times: operations over the peak, bytes over the bandwidth."


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def roof_seconds(n_in, n_out, batch, bytes_each, peak, bandwidth):
    """Least seconds of a linear layer without bias on `batch` inputs.

    >>> roof_seconds(0, 0, 16, 4, 1e11, 2e10)  # no layer, no time
    0.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.roof_seconds(roof_seconds)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def roof_seconds_solution(n_in, n_out, batch, bytes_each, peak, bandwidth):
    operations = 2 * batch * n_in * n_out
    n_bytes = bytes_each * (n_in * n_out + batch * (n_in + n_out))
    return max(operations / peak, n_bytes / bandwidth)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · The batch that pays for the fetch
# ★★ · 10 minutes
#
# Back to joules, for home. Write `break_even_batch`: the smallest batch size at which the arithmetic of a batch costs at least as much as
# reading all weights once from DRAM. One input takes `n_macs` MACs, at least 1, of `mac_pj` picojoules each. A weight has `bits` bits. Reading costs
# 640 pJ for 32 bits, other widths in proportion.
#
# `break_even_batch(n_weights, n_macs, mac_pj, bits)` → a whole number, at least 1 (also where there is no weight to fetch)
#
# <details><summary>Hint</summary>
# Arithmetic grows with the batch, the fetch does not: set B · n_macs · mac_pj equal to the fetch and solve for B.
# A batch size is a whole number, and at least 1.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* For home: only read the card together. Ask: with int8 weights and int8 arithmetic, does the break-even batch rise or fall? It rises: the arithmetic
# gets cheaper by more than the fetch.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def break_even_batch(n_weights, n_macs, mac_pj, bits):
    """Smallest batch whose arithmetic costs at least one fetch of the weights.

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
# What your run measured against the roofline. Speed depends on the machine, so a claim may fail on yours. The table then
# says what may be the cause.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A layer is at most as fast as the lower of two limits: the peak of the arithmetic, and the intensity times the bandwidth.
# - A larger batch and fewer bits raise the intensity. Left of the ridge they raise the bound on the speed; fewer bits make the arithmetic
#   cheaper as well.
# - The slope is that of the memory that you measured. A benchmark that repeats one layer may measure a cache.
#
# **Going further**
#
# - S. Williams, A. Waterman, D. Patterson, *Roofline*, 2009, [doi.org/10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785).
# - V. Sze et al., *Efficient processing of deep neural networks*, 2017,
#   [arXiv:1703.09039](https://arxiv.org/abs/1703.09039). How accelerators cut memory reads.
#
# **Project ideas**: draw the roofline of every layer of ResNet-50; find a machine with an energy counter and compare; measure the slope of each
# cache of your machine, and draw a roof with several slopes.
#
# **Credits**: the roofline is Williams, Waterman and Patterson's. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* One sentence for the door: "Before you make a layer faster, find out what it waits for."

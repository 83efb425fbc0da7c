# ---
# jupyter:
#   course:
#     promise: You will be able to measure time, memory and bytes so that others can trust the numbers.
#     minutes: 75
#     seconds: 50
#     needs: []
#     goals:
#       - Find your way through a lesson, and get help when something fails.
#       - Time a function so that the ratio of two timings can be trusted, and know when it cannot.
#       - Say what a peak of memory means, and count the bytes of a model and of its file.
#       - Name the baseline of a comparison, and record the first row of the course's ledger.
#     terms: [baseline, buffer, claim, evaluation mode, fp32, interleaved, IQR, ledger, noise floor, parameter, peak
#       memory, "ratio, speed-up", scorecard, spread]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# # [[title]]
#
# *"Twice as fast, a quarter of the size." How would you check that?*
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

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Ask before anything runs: "Who has read that something is twice as fast? Twice as fast as what, measured how?"
# Collect the answers on the board. Most of them come back in this lesson.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import gc
import pathlib
import tempfile
import time
import weakref
from statistics import mean, median, quantiles

import numpy as np
import torch

from course_utils import data, doctor, models, runtime, training
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, si
from lessons.measuring import checks as check

card = claims.Scorecard("measuring")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement; training takes more
device = runtime.best_device()
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 1. A surprise in one minute
#
# A small network reads digits. We ask it eight times, with the same image, and take the time of each call.
#
# **Predict.** The work is the same eight times. How many times as long as a typical call does the slowest take:
# 1.1 times, twice, more? And which call is the slowest? Write it down, then run the cell.

# %% slideshow={"slide_type": "fragment"} tags=["tour"]
net = models.LeNet300100().to(device).eval()
digit = torch.zeros(1, 1, 28, 28, device=device)  # an empty image does as well
calls_us = []
for _ in range(8):
    start = time.perf_counter()
    net(digit)
    timing.synchronise(device)  # on a GPU: wait for the result; section 4 says why
    calls_us.append(1e6 * (time.perf_counter() - start))
first_ratio = calls_us[0] / median(calls_us[1:])
print(f"the first call took {first_ratio:.1f} times as long as the median of the others")
Table(["call", *range(1, 9)], [["time, µs", *(f"{us:.0f}" for us in calls_us)]])

# %% slideshow={"slide_type": "skip"}
card.record("first-call", first_ratio)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **What you saw.** The first call is in a class of its own. Usually it asks the system for memory, picks a routine for
# each product and prepares it, and fetches code and weights into the caches. Later calls find all that done.
#
# Run the cell once more: now the first call comes close to the others. It is not the first any more.
#
# So "how long does this network take?" has at least two answers. Somebody who times old code first and new
# code second can "speed up" anything by doing nothing. This lesson is about not fooling yourself like that.
#
# If your ratio is near 1, the lesson ran before in this kernel: restart it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. How this course works
#
# The course makes neural networks smaller, faster and cheaper to run: mixed precision, quantization, pruning,
# distillation. Every lesson measures what its technique gains and what it costs, **on your machine**.
#
# One small task and a few models come back all the time. So every technique ends in the same
# **ledger**: accuracy, bytes of the file, speed, estimated energy. The last lesson reads the whole ledger and chooses.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A lesson, step by step
#
# | you meet | what to do |
# |---|---|
# | **Predict** | commit yourself: write an answer down *before* you run the cell |
# | a short cell | run it (Shift + Enter), change it, run it again |
# | **What you saw** | compare with your prediction; a wrong one teaches most |
# | an exercise card | write a function in place of the line that raises |
# | a check | run it: *passed*, *not done yet*, or *not yet* with the likely mistake |
# | the scorecard | published figures beside what your run measured |
#
# The solution is folded under each check. Nothing in a lesson depends on your answers, so *Run All* always
# reaches the end.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Ways through the course
#
# [[ways]]
#
# A way holds what its lessons need. In one lecture: short decks of slides, `python course.py slides --tour`.
#
# **Help.** In a terminal, in the folder of the course, run
#
#     python course.py doctor --json
#
# (`py` in place of `python` on Windows, `python3` on macOS and Linux) and paste what it prints into your question, with the lesson and the last lines of the error. It names versions and
# devices, and neither you nor your folders. `warn` tells what works less well here; a `fault` comes with its remedy.
# In the notebook, the next cell shows the same report.

# %% slideshow={"slide_type": "skip"}
report = doctor.examine()
faults = sum(finding.status == "fault" for finding in report)
Table(["examined", "status", "found", "remedy"], report, caption=f"{len(report)} points, {faults} faults")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. A timer, built in the open
#
# Look at the clock, do the work, look again. That is `naive_seconds`.
#
# **Predict.** At least four things are wrong with it. Which do you find?

# %% slideshow={"slide_type": "-"}
square = torch.randn(384, 384, device=device)


def work():
    """One product of two matrices: the job of this section and the next."""
    return square @ square


def naive_seconds(fn):
    start = time.time()
    fn()
    return time.time() - start


print("six times the same:", *(si(naive_seconds(work), "s") for _ in range(6)), sep="   ")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Flaw 1: the wrong clock
#
# `time.time()` tells the time of day. Somebody may set it, and the network corrects it,
# while you measure. On some systems it is also coarse: short calls then seem to take no time at all.
#
# `time.perf_counter()` is a stopwatch: it only has to run evenly. Ask Python what it knows about both, and look for the
# smallest step that each really makes:


# %% slideshow={"slide_type": "-"}
def smallest_step(clock):
    """Smallest difference above 0 between two readings, in seconds."""
    readings = [clock() for _ in range(50_000)]
    return min(b - a for a, b in zip(readings, readings[1:], strict=False) if b > a)


clocks = {name: time.get_clock_info(name) for name in ("time", "perf_counter")}
Table(
    ["clock", "can be set", "never goes back", "smallest step seen"],
    [
        [f"time.{name}()", c.adjustable, c.monotonic, si(smallest_step(getattr(time, name)), "s")]
        for name, c in clocks.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Flaw 2: other people's rubbish
#
# Python frees most objects at once. Objects that point at each other wait for
# the garbage collector. It may run in the middle of *your* measurement, and until then the memory is not free.
#
# **Predict.** A tensor hangs on an object that points at itself. We delete the object. Is the tensor gone?


# %% slideshow={"slide_type": "fragment"}
class Node:
    """An object that can hold anything."""


node = Node()
node.me, node.tensor = node, torch.zeros(1000)
tensor_there = weakref.ref(node.tensor)
del node
after_del = tensor_there() is not None
gc.collect()
print(f"still in memory after del: {after_del}, after gc.collect(): {tensor_there() is not None}")

# %% [markdown] slideshow={"slide_type": "-"}
# So we collect before the clock starts. If your tensor was gone after `del`, the collector happened to run just then.

# %% [markdown] slideshow={"slide_type": "skip"}
# In a long block the collector can still run. Python's own `timeit`, which `compare` uses, switches it off.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Flaw 3: a GPU may still be busy
#
# `fn()` only hands the work over; section 4 shows it. So wait before, and wait after.
#
# Three flaws repaired, step by step. **Flaw 4** is still there: one call, and a cold one. No stopwatch repairs that.


# %% slideshow={"slide_type": "-"}
def careful_seconds(fn):
    """Seconds of one call of fn, on any device."""
    gc.collect()  # rubbish of earlier cells is not ours
    timing.synchronise(device)  # nor is work that waits in the queue of a GPU
    start = time.perf_counter()
    fn()
    timing.synchronise(device)  # the result is there now
    return time.perf_counter() - start


print("six times the same:", *(si(careful_seconds(work), "s") for _ in range(6)), sep="   ")

# %% [markdown] slideshow={"slide_type": "skip"}
# **What you saw.** If the times went *up* against the naive ones, that is the collector's doing: it takes much longer than the
# work, and leaves the caches cold. Care has a price. So `compare` in section 4 collects once, and then calls each function twice
# without looking at the clock before it takes a sample.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Memory has a peak
#
# **The course's timer** does these steps, and notes the **peak of memory** as well: the most bytes that
# tensors held at one time, above the level at the start.
#
# **Predict.** Tensors of 4, 12 and 4 MiB. The second is deleted before the third comes.
# What is the peak: 20 MiB (all), 16, 12, or 8 (what is left)?

# %% slideshow={"slide_type": "fragment"}
MIB = 2**20  # a mebibyte has 1,048,576 bytes, a megabyte (MB) 1,000,000
timer = timing.Timer(device=device, memory=True)
timer.start()
a = torch.empty(MIB, device=device)  # float32: 4 bytes each
b = torch.empty(3 * MIB, device=device)
del b
c = torch.empty(MIB, device=device)
timer.stop()
del a, c
print(f"peak {timer.peak_bytes / MIB:.2f} MiB")
timer

# %% [markdown] slideshow={"slide_type": "subslide"}
# **What you saw.** A peak is neither the sum nor what is left. It is the highest level on the way, here that of the first
# two tensors together. It decides whether a model fits into a device.
#
# - On **CUDA** the allocator of PyTorch keeps the count; the timer resets it at the start.
# - On a **CPU** the timer adds up what PyTorch's profiler reports, each allocation and each release.
#   That slows the block down: take the seconds from a second run without `memory=True`. It does not see the release
#   of a tensor that is older than the measurement.
# - **Not in it:** Python's own objects, the code of libraries, and on CUDA memory that the allocator keeps in reserve.
#   The system's monitor shows more.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Draw the level over time on the board: up 4, up 12, down 12, up 4. Ask where the peak is before the cell runs.
# Then ask for the peak when `del b` is left out.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 4. Why one timing is no measurement
#
# The first call was a special case. Now we are warm. We time a product of two matrices of 384 by 384 three hundred times.
#
# **Predict.** Sketch the times. Do they scatter evenly around a mean? How far above the typical one is the worst?

# %% slideshow={"slide_type": "fragment"}
for _ in range(30):
    work()
samples_ms = []
for _ in range(300):
    start = time.perf_counter()
    work()
    timing.synchronise(device)
    samples_ms.append(1e3 * (time.perf_counter() - start))
low, middle, high = quantiles(samples_ms, n=4)
summary = {
    "fastest": min(samples_ms),
    "median": middle,
    "mean": mean(samples_ms),
    "one in a hundred": quantiles(samples_ms, n=100)[-1],
    "slowest": max(samples_ms),
}

# %% slideshow={"slide_type": "subslide"} tags=["hide-input", "tour"]
Table(
    ["", *summary, "IQR"],
    [["over the median", *(f"{ms / middle:.2f}" for ms in summary.values()), f"{(high - low) / middle:.2f}"]],
)

# %% slideshow={"slide_type": "-"} tags=["tour"]
fig, (left, right) = plots.figure(columns=2)
over = [ms / middle for ms in samples_ms]
ticks = [1, 1.05, 1.1, 1.2, 1.4] if max(over) < 1.5 else [1, 1.5, 2, 3, 5, 10, 20, 50]
left.plot(over, ".", color=plots.COLOURS["blue"], markersize=5)
left.set(xlabel="call", ylabel="time / median")
right.plot(np.linspace(0, 100, len(over)), sorted(over))
right.set(xlabel="share of the calls, sorted, %")
for ax in (left, right):
    ax.axhspan(low / middle, high / middle, color=plots.COLOURS["yellow"], alpha=0.4, label="IQR")
    ax.axhline(1, color=plots.COLOURS["orange"], label="median")
    ax.axhline(summary["mean"] / middle, color="black", linestyle=":", label="mean")
    ax.set(yscale="log", yticks=ticks, ylim=(0.95 * min(over), 1.1 * max(over)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
right.legend(loc="upper left")
plots.show(
    fig,
    alt=f"Left: times of 300 calls of one function, in order, over their median, on a logarithmic axis. Most lie "
    f"close to 1, some above, the worst at {max(over):.1f}. Right: the same times sorted, flat near 1 over most of "
    "the calls, then rising steeply at the right end.",
    caption="One function, 300 calls. Left: in the order of the calls. Right: the same, sorted.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **What you saw.** Disturbances go one way: other programs, interrupts and a clock rate that sinks make a call slower. Hardly
# anything makes it faster than undisturbed. So there is a floor, and a tail above it.
#
# - The **mean** follows the tail. A few bad calls move it.
# - The **median** is the middle call: half took longer. A few bad calls do not move it.
# - The **interquartile range** (IQR) holds the middle half. It says how much to trust the median.
#
# This course reports median and IQR. Where a user waits for each answer the tail matters too: then report the tail.
# If your mean and median agree, your machine is quiet.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Drift
#
# A processor that gets warm lowers its clock rate, for minutes. Warming up once does not help.
# Let us play it through: a processor gets steadily 30 % slower during 60 calls. A and B are **the same function**.
#
# **Predict.** Which speed-up of B over A comes out if first A runs 30 times, then B 30 times? And if they take turns?

# %% slideshow={"slide_type": "-"}
drifting = np.linspace(1.0, 1.3, 60)  # seconds of call 0, 1, ... 59; played, not measured
in_blocks = median(drifting[:30]) / median(drifting[30:])
in_turn = median(drifting[0::2] / drifting[1::2])
print(f"A first, then B: B is {in_blocks:.2f} times as fast as A")
print(f"in turn:         B is {in_turn:.3f} times as fast as A")

# %% [markdown] slideshow={"slide_type": "-"}
# In blocks, doing nothing looks like a loss. In the other order it would look like a gain. **Interleaving**
# lets the drift hit both alike, and the **ratio within each round** cancels it. What is left, because A always comes
# just before B, goes too when they change places from round to round.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Threads
#
# PyTorch splits a product among cores. A number without its count of threads says little.
#
# **Predict.** From one thread to one for each physical core: how many times faster is a product of 768 by 768?
# And the small network with one digit?


# %% slideshow={"slide_type": "skip"}
def on_threads(n, fn, calls):
    """A function that calls fn several times with n threads."""

    def run():
        with runtime.threads(n):
            for _ in range(calls):
                fn()

    return run


wide, cpu_net, cpu_digit = torch.randn(768, 768), models.LeNet300100().eval(), torch.zeros(1, 1, 28, 28)
jobs = {"product, 768 × 768": (lambda: wide @ wide, 5), "LeNet-300-100, one digit": (lambda: cpu_net(cpu_digit), 50)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
cores = runtime.physical_cores()
rows = []
for name, job in jobs.items():
    pair = {"one": on_threads(1, *job), "all": on_threads(cores, *job)}
    spread = timing.compare(pair, rounds=9, device="cpu")
    low_end, high_end = spread.ratio_quartiles("all")
    rows.append([name, f"1 → {cores}", f"{spread.ratio('all'):.2f}×", f"{low_end:.2f} to {high_end:.2f}"])
Table(["on the CPU", "threads", "speed-up", "quartiles"], rows)

# %% [markdown] slideshow={"slide_type": "-"}
# A large job is cut, handed out and collected again, which costs time. A small one may not be worth it: PyTorch does not even
# cut it then, and the ratio stays at 1. Where other programs use the cores, more threads can lose: all wait for the one that
# was held up.
# So here **one thread measures**, and says so; training uses the physical cores.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Asynchronous
#
# A CUDA call returns as soon as its work stands in the GPU's queue. Python goes on.
# Who stops the clock then has timed the handing over, not the work.
#
# **Predict.** A product of two matrices of 8,192 by 8,192: when does the call come back, when is the result there?
# With a GPU, the ratio below is what you would be wrong by without `synchronise`. `Timer` and `compare` always wait.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
if device.type == "cuda":
    large = torch.randn(8192, 8192, device=device)
    torch.mm(large, large)  # warm up
    timing.synchronise(device)
    start = time.perf_counter()
    torch.mm(large, large)
    handed_over = time.perf_counter() - start
    timing.synchronise(device)
    done = time.perf_counter() - start
    print(f"handed over after {si(handed_over, 's')}, done after {si(done, 's')}")
    print(f"that is {done / handed_over:.0f} times longer")
else:
    print("No CUDA GPU here, so there is nothing to wrongly stop: on a CPU a call returns when its result is there.")

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### All of it in one call
#
# `timing.compare` warms up, finds how many calls make a sample long enough to time,
# takes one sample of each candidate a round, in changing order, and reports median, IQR and the median of the ratios.
#
# The first thing to compare is a function **with itself**: the A/A test.
#
# **Predict.** A, A again, and B: the network without recording gradients. Which ratios come out?


# %% slideshow={"slide_type": "subslide"} tags=["tour"]
def without_gradients():
    with torch.inference_mode():
        return net(digit)


candidates = {"A": lambda: net(digit), "A again": lambda: net(digit), "B: no gradients": without_gradients}
versus = timing.compare(candidates, rounds=31, device=device)
versus

# %% slideshow={"slide_type": "skip"}
card.record("same-function", versus.ratio("A again"))

# %% slideshow={"slide_type": "subslide"}
fig, ax = plots.figure()
base = versus.samples["A"]
for name, colour, mark in (("A again", "grey", "o"), ("B: no gradients", "orange", "s")):
    ratios = [theirs / own for theirs, own in zip(base, versus.samples[name], strict=True)]
    ax.plot(ratios, mark, color=plots.COLOURS[colour], label=name)
    ax.axhline(median(ratios), color=plots.COLOURS[colour])
ax.set(xlabel="round", ylabel="speed-up over A, ×")
ax.legend()
plots.show(
    fig,
    alt="Speed-up over A in each round. The grey dots of A again scatter around 1, with a line for their median "
    f"at {versus.ratio('A again'):.2f}. The orange squares of B have their median at "
    f"{versus.ratio('B: no gradients'):.2f}.",
    caption="One dot a round; lines are medians. The grey scatter is the noise floor of this machine, now.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# The grey scatter is the **noise floor**. A difference that hides in it is none, whatever the third digit says.
# B counts as faster only if its quartiles stay clear of it. (A round in which A itself was slow lifts both series.) If *A again* is not near 1 for you, something
# disturbs your machine: close other programs, plug in the charger, run the cell again.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Ask: "Your colleague reports 3 % faster, from one run each. What do you ask for?" Wanted: the A/A test.
# Exercise 1 (three flaws) fits here, five minutes in pairs.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. What does a model weigh?
#
# A model holds **parameters**, which an optimizer may change, and **buffers**, which belong to the model too and are never
# optimized. Each element takes the bytes of its **dtype**: 4 in float32, 2 in float16, 1 in int8, 8 in int64.
#
# **Predict.** LeNet-300-100 has three linear layers, 784 → 300 → 100 → 10. A layer $n$ → $m$ has $n \cdot m$ weights and
# $m$ biases. How many parameters is that, and how many bytes in float32 (*fp32* for short)?

# %% slideshow={"slide_type": "subslide"}
n_parameters = sum(p.numel() for p in net.parameters())
in_memory = sum(p.numel() * p.element_size() for p in net.parameters())
print(f"{n_parameters:,} parameters, {in_memory:,} bytes in memory")
Table(
    ["parameter", "shape", "elements", "dtype"],
    [[name, "×".join(map(str, p.shape)), f"{p.numel():,}", p.dtype] for name, p in net.named_parameters()],
)

# %% slideshow={"slide_type": "skip"}
card.record("parameters", n_parameters)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Buffers
#
# A batch norm scales each channel. It learns two numbers for that, and keeps running statistics.
#
# **Predict.** A convolution and a batch norm: which tensors are parameters, which are not float32?

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
block = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))
learned = dict(block.named_parameters())
Table(
    ["tensor", "is a", "elements", "dtype", "bytes"],
    [
        [name, "parameter" if name in learned else "buffer", t.numel(), t.dtype, t.nbytes]
        for name, t in block.state_dict().items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# The model needs its buffers to answer. And one of them is an int64: "four bytes each" is wrong too.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The file
#
# What you ship is not the memory but a file. Save it, **load it again**, and compare before you quote its
# size: a file that does not give the model back has no size worth quoting.
#
# **Predict.** Larger than the bytes in memory, equal, or smaller?

# %% slideshow={"slide_type": "fragment"}
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "lenet.pt"
    torch.save(net.state_dict(), path)
    loaded = torch.load(path, weights_only=True)
    file_bytes = path.stat().st_size
same = all(torch.equal(loaded[name], tensor) for name, tensor in net.state_dict().items())
print(f"the same after loading: {same}")
print(f"{file_bytes:,} bytes in the file, {file_bytes / n_parameters:.3f} for a parameter")

# %% slideshow={"slide_type": "skip"}
card.record("file-bytes", file_bytes / n_parameters)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### The file is the model, and a little more
#
# **What you saw.** The file is a little larger: names, shapes and a frame come on top. In a small model
# that share is larger. `weights_only=True` reads tensors and refuses to run code, which a file from a stranger may hold.
#
# `size_report` does these steps for any model, and times the loading (of a file that the system still has in its
# cache). A tensor that two layers share counts once, as in the file.

# %% slideshow={"slide_type": "-"}
size_report(net)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. The baseline of the whole course
#
# Every ratio has a model below the line. Ours is LeNet-300-100 on the digits of MNIST, trained in fp32. Here are some
# digits, straight from the files in `data/`:

# %% slideshow={"slide_type": "-"}
images, labels = data.load("mnist")
test_images, test_labels = data.load("mnist", "test")
fig, axes = plots.figure(columns=10, rows=2, size=(9.6, 2.6))
for ax, image, label in zip(axes.flat, images, labels.tolist(), strict=False):
    ax.imshow(image[0], cmap="gray_r")
    ax.set(xticks=[], yticks=[], title=label)
plots.show(
    fig,
    alt="The first twenty training images of MNIST, handwritten digits in black on white, each under its label.",
    caption=f"{len(images):,} images to train on, {len(test_images):,} to test, 28 × 28 pixels each.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** Three linear layers see the pixels as a row and know nothing of neighbours. How many of 100 unseen digits
# do they read right: 80, 90, 98?
#
# Five passes with a large learning rate, then two with a tenth of it. The bar takes some seconds.

# %% slideshow={"slide_type": "fragment"}
runtime.seed_all(0)
baseline = models.LeNet300100()
for epochs, lr in ((5, 2e-3), (2, 2e-4)):
    training.fit(baseline, images, labels, epochs=epochs, batch_size=128, lr=lr, device=device)
accuracy = training.evaluate(baseline, test_images, test_labels)
print(f"{accuracy:.2%} of the test images are read right")

# %% slideshow={"slide_type": "skip"}
card.record("accuracy", 100 * accuracy)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Accuracy has a noise floor too
#
# Each of $n$ test images is right with probability $p$. By luck alone the share varies,
# with the standard error $\sqrt{p\,(1-p)/n}$.
#
# **Predict.** A second model is 0.1 percentage points better. Is it the better model?

# %% slideshow={"slide_type": "fragment"}
error = (accuracy * (1 - accuracy) / len(test_images)) ** 0.5
print(
    f"standard error of one model {100 * error:.2f} percentage points, "
    f"of a difference of two {2**0.5 * 100 * error:.2f}"
)

# %% [markdown] slideshow={"slide_type": "-"}
# That is the luck of the test set, for two models on separate images. On the same images it is smaller: only the
# images count on which the two disagree. And another seed gives another start and another order, which moves the result as well.
# So a difference below two of these standard errors, from one seed each, says little. Lessons that claim small differences
# train several seeds.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### The first row of the ledger
#
# Accuracy, file, time to load, estimated energy for one digit ([[energy]] explains how). Its speed-up is 1 by
# definition: it is the line below every later ratio.

# %% slideshow={"slide_type": "-"} tags=["tour"]
size = size_report(baseline)
one_digit = test_images[:1].to(device)
row = ledger.record(
    lesson="measuring",
    task="mnist",
    model="LeNet-300-100",
    technique="fp32",
    accuracy=accuracy,
    file_bytes=size.file_bytes,
    load_ms=size.load_ms,
    speedup=1.0,
    energy_nj=energy.estimate(baseline, one_digit).total_nj,
)
ledger.table([row])

# %% [markdown] slideshow={"slide_type": "-"}
# A **baseline is fair** when it is the best that fp32 can do under the same conditions: device, threads,
# batch. A slow fp32 makes every technique shine. When you read "5 times faster", ask: faster than *what*?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Ask for ways to make a baseline look bad: a debug build, gradients on, another batch, another number of threads, a
# slow library. Exercise 4 takes it up.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Four cards. Write your answer into the cell with the stub, run it, then run the check below it. The check
# tries many inputs, shows you the smallest on which your answer is wrong, and says what it usually means. Leave the arguments as
# they are: the caller still needs them.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · Three flaws in a benchmark
# ★ · 8 minutes
#
# The listing below is to tell how many times faster a model with weights in int8 (whole numbers of 8 bits) answers than the
# fp32 model it was made from, both on a CPU. The caller has set one thread and collected the garbage. **Three lines** are
# flawed: they make the result wrong or unfair. Return their numbers. (`train()` and `eval()` switch a model between learning
# and answering.)
#
# <details><summary>Hint</summary>
# Follow the two models from top to bottom. Is each line the right tool, and does it treat both alike?
# </details>

# %% [markdown] slideshow={"slide_type": "subslide"}
# ```text
#  1   def speedup(fp32, int8, x, rounds=15):
#  2       clock = time.time
#  3       fp32.train()
#  4       int8.eval()
#  5       base, own = [], []
#  6       with torch.inference_mode():
#  7           for model in (fp32, int8):
#  8               model(x)
#  9           for _ in range(rounds):
# 10               for model, seconds in shuffled((fp32, base), (int8, own)):
# 11                   start = clock()
# 12                   model(x)
# 13                   seconds.append(clock() - start)
# 14       return mean(base) / min(own)
# ```


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def flawed_lines():
    """Numbers of the three flawed lines, as a set.

    >>> 5 in flawed_lines()  # two empty lists are no flaw
    False
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.flawed_lines(flawed_lines)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def flawed_lines_solution():
    wrong_clock = 2  # the time of day can be set while we measure
    other_mode = 3  # the baseline runs as if it were learning, the other one does not
    other_summary = 14  # the mean of one against the best of the other
    return {wrong_clock, other_mode, other_summary}


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · Bytes of a model
# ★★ · 8 minutes
#
# Write `model_bytes`: the bytes of all parameters and buffers of a model in memory. A tensor that is used in two places
# is there once, so it counts once. The dtypes may differ from tensor to tensor. Buffers that a file leaves out
# (`persistent=False`) are in memory, too.
#
# <details><summary>Hint</summary>
# A tensor knows its numel() and its element_size(). Iterate over what gives each tensor once.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def model_bytes(model):
    """Bytes of the parameters and buffers of `model`, an int.

    >>> model_bytes(torch.nn.ReLU())  # it holds no tensor
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.model_bytes(model_bytes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def model_bytes_solution(model):
    tensors = [*model.parameters(), *model.buffers()]  # both give a shared tensor once
    return sum(t.numel() * t.element_size() for t in tensors)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · The typical speed-up
# ★★ · 8 minutes
#
# Two candidates took turns. Round $i$ gave `base_seconds[i]` for the baseline and `own_seconds[i]` for the
# candidate. Write `typical_speedup`: how many times faster the candidate is in a typical round, so that neither drift
# nor one disturbed round changes the answer much. Typical is what a median says: of an even number of values it is half-way
# between the two in the middle.
#
# <details><summary>Hint</summary>
# Drift cancels within a round. A disturbed round is an outlier among the rounds' ratios. `median` is imported.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def typical_speedup(base_seconds, own_seconds):
    """Typical speed-up of the candidate; two lists of the same length, 1 or more.

    >>> typical_speedup([0.2, 0.2], [0.2, 0.2])  # as fast as itself
    1.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.typical_speedup(typical_speedup)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def typical_speedup_solution(base_seconds, own_seconds):
    return median(base / own for base, own in zip(base_seconds, own_seconds, strict=True))


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 4 · Name the baseline
# ★★ · 10 minutes
#
# A report lists measured rows, each a dict:
# `{"name": "eager", "dtype": "fp32", "device": "cpu", "threads": 1, "batch": 1, "ms": 2.0}`.
# Write `fair_baseline`: given all rows and the name of one, return the name of the row that it must be compared
# with. That is the best fp32 to be had under the same conditions: same device, threads and batch. There always is one, and
# no two times are equal. Where the named row is the best fp32, it is its own baseline.
#
# <details><summary>Hint</summary>
# First keep the rows that differ from yours in nothing but the technique. Then: which of them would the other side choose?
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def fair_baseline(rows, name):
    """Name of the fair fp32 baseline for the row called `name`.

    >>> fair_baseline([dict(name="eager", dtype="fp32", device="cpu", threads=1, batch=1, ms=2.0)], "eager")
    'eager'
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.fair_baseline(fair_baseline)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def fair_baseline_solution(rows, name):
    mine = next(row for row in rows if row["name"] == name)
    alike = [row for row in rows if all(row[key] == mine[key] for key in ("device", "threads", "batch"))]
    return min((row for row in alike if row["dtype"] == "fp32"), key=lambda row: row["ms"])["name"]


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What the sources of this lesson say, beside what your run counted or measured. Speed depends
# on the machine, so a claim about speed may fail on yours. The table then says why.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## Remember
#
# - One timing is no measurement: warm up, take turns, and report median, spread and ratio.
# - Compare a function with itself first; a difference below that noise floor is none.
# - Quote the bytes of a file that you loaded again, and name the baseline of every ratio.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - T. Mytkowicz et al., *Producing wrong data without doing anything obviously wrong!*, 2009,
#   [doi.org/10.1145/1508244.1508275](https://doi.org/10.1145/1508244.1508275). How harmless details change a timing.
# - A. Georges et al., *Statistically rigorous Java performance evaluation*, 2007,
#   [doi.org/10.1145/1297027.1297033](https://doi.org/10.1145/1297027.1297033). Start-up against steady state.
# - T. Hoefler and R. Belli, *Scientific benchmarking of parallel computing systems*, 2015,
#   [doi.org/10.1145/2807591.2807644](https://doi.org/10.1145/2807591.2807644). Twelve rules for a report.
#
# Project ideas: draw the tail of your machine on battery and on mains; find the size at which a second thread pays;
# take a published speed-up and list what you need to know to repeat it.
#
# ## Credits
#
# The timer began as the helper of Michael Carilli's PyTorch recipe on automatic mixed precision. Tal Daniel
# (Technion, EE 046211, tutorial 10) had the idea of this course, in one lecture.
# MNIST: Y. LeCun, C. Cortes, C. Burges. Text CC BY 4.0, code MIT.

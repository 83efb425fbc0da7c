# ---
# jupyter:
#   course:
#     promise: You will be able to time code so that others can trust the ratio.
#     minutes: 45
#     seconds: 30
#     needs: []
#     goals:
#       - Find your way through a lesson, and get help when something fails.
#       - Find what is wrong with a benchmark.
#       - Time two functions so that the ratio of their times can be trusted, and know when it cannot.
#       - Say what a second thread costs, and what it wins.
#     terms: [A/A test, claim, "CPU time, wall time", evaluation mode, interleaved, IQR, ledger, noise floor,
#       "ratio, speed-up", scorecard, spread]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *"Twice as fast." How would you check that?*
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
# *For the lecturer, 1.5 min.* "Twice as fast. Twice as fast as what? Measured how?" Ask who has read such a sentence
# this week. Collect what people would want to know, on the board: which machine, how many runs, against what. Most of
# it comes back today. Then: "We begin with a call that we repeat eight times."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import gc
import inspect
import json
import os
import subprocess
import sys
import time
import weakref
from statistics import mean, median, quantiles
from types import SimpleNamespace

import numpy as np
import torch

from course_utils import doctor, models, runtime
from course_utils.measure import timing
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.course_map import course_map
from course_utils.show.tables import Table, si
from lessons.measuring import checks as check

card = claims.Scorecard("measuring")
runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. The same call, eight times
#
# A small network for digits, not trained yet, gets an empty image. We ask it eight times and take the time of each
# call.
#
# **Predict.** The work is the same eight times. How many times as long as a typical call does the slowest take: 1.1
# times, twice, more? And which call is the slowest?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2.5 min.* "Same network, same image, eight calls. Who says that the slowest takes less than twice
# the typical time?" Hands; expect most of them. "And which of the eight is it?" Show the table. Let the room say it: the
# slow ones come first. Ask why, and take the reasons without judging them: "We test two reasons now."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
my_guess = "?"  # your number: the slowest call over a typical one
net = models.LeNet300100().to(device).eval()  # evaluation mode: it answers, and does not learn
image = torch.zeros(1, 1, 28, 28, device=device)
calls_us = []
for _ in range(8):
    start = time.perf_counter()
    net(image)
    timing.synchronise(device)  # on a GPU: wait for the result; section 3 says why
    calls_us.append(1e6 * (time.perf_counter() - start))
card.record("first-call", calls_us[0] / median(calls_us[1:]))
print(f"slowest call / median: {max(calls_us) / median(calls_us):.1f}, your guess: {my_guess}")
Table(["call", "time, µs"], [[n, f"{us:.0f}"] for n, us in enumerate(calls_us, start=1)])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: here the slow calls came first.** Run the cell once more, some seconds later. Is it so again?
# The next cells ask why.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Was it the network?
#
# One reason could be its weights: nobody had read them before. Another could be that no call had come just before.
#
# A second network has the same shapes and weights of its own. We ask it right after some calls of the first one. Then
# we let the *first* network rest for a second, and ask it again.
#
# **Predict.** Which of these two first calls is slow, and which is not?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* "If new weights are the reason, the second network is slow. If the pause is the reason, it
# is the first one, after its rest." Hands for each; expect a divided room. Show the table: "Which is higher, the second
# row or the third?" Where the first row is far above the last, ask what the difference may be: probably what a process pays once. "Each control
# takes one reason away; both take away the start of the process." Transition: "How does this course use that?"


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def eight_calls_us(network):
    times = []
    for _ in range(8):
        start = time.perf_counter()
        network(image)
        timing.synchronise(device)
        times.append(1e6 * (time.perf_counter() - start))
    return times


second = models.LeNet300100().to(device).eval()
eight_calls_us(net)  # the first network works, and the second comes at once
firsts = {"first network, section 1": calls_us, "second network, at once": eight_calls_us(second)}
time.sleep(1)
firsts["first network, after a rest"] = eight_calls_us(net)
Table(
    ["eight calls of the", "first call / median of the others"],
    [[name, f"{us[0] / median(us[1:]):.1f}×"] for name, us in firsts.items()],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: here the call after the rest was the slower one.** In trials the next call was as slow after other
# computing, and faster after calls of *another* network: so probably the code of a call had left the caches, more than its
# weights. What the first row has beyond the last is probably paid once a process: PyTorch's own timer warms up, as "[some elements of PyTorch are lazily initialized](https://docs.pytorch.org/docs/stable/benchmark_utils.html)".
#
# Whoever times old code first and new code second can "speed up" a call by doing nothing. So **warm up** first.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. How this course works
#
# The course makes neural networks smaller, faster and cheaper to run. Most parts pull a lever, and the lessons
# measure what it gains and what it costs, mostly **on your machine**.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* "This is the map. A box is a part of the course, a number is a lesson, and we are in the
# black one. Most parts pull a lever; the lessons bring rows to the table in the middle." Ask: "Which of the
# levers have you used?" Expect 16 bits most often. Transition: "What does a lesson look like?"

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
columns = [name.partition(",")[0] for name in ledger.table([]).columns[3:8]]
plots.show(
    course_map("measuring", columns=columns, height=480).figure(),
    alt="The parts of the course as boxes, each with its lever and the numbers of its lessons, on both sides of a box in the middle, "
    f"the ledger, which holds {', '.join(columns)}. The number of this lesson is filled.",
    caption="The **ledger** is the course's table of measured models. The lessons add rows.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A lesson, step by step
#
# | you meet | what to do |
# |---|---|
# | **Predict** | commit yourself: write an answer down *before* you run the cell |
# | a short cell | run it (Shift + Enter), change it, run it again |
# | *Compare with your prediction* | the answer: closed until you click on it, after the cell above it has run. A wrong prediction teaches most |
# | an exercise card | write a function in place of the line that raises, run it, then the check: it shows a small input on which your answer is wrong |
# | the **scorecard** | each **claim**, a published figure or a bound, beside what your run measured |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* "One rule for today: you commit to a number before you see mine. A wrong guess is worth
# more than a right one, because you will remember it." Say where the notebooks are. Transition: "Now we build a
# stopwatch."

# %% [markdown] slideshow={"slide_type": "skip"}
# The solution is folded under each check. Nothing in a lesson depends on your answers: *Run All* reaches the end
# without them.
#
# **Ways through the course.** A way holds what its lessons need.
#
# [[ways]]
#
# **Help.** Once the course is set up, run in a terminal, in its folder,
#
#     python course.py doctor --json
#
# (`py` in place of `python` on Windows, `python3` on macOS and Linux) and paste what it prints into your question, with
# the lesson and the last lines of the error. It names versions and devices, and neither you nor your folders. `warn`
# tells what works less well here; a `fault` comes with its remedy. The next cell shows the same report.

# %% slideshow={"slide_type": "skip"}
report = doctor.examine()
faults = sum(finding.status == "fault" for finding in report)
Table(["examined", "status", "found", "remedy"], report, caption=f"{len(report)} points, {faults} faults")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 3. A timer, built in the open
#
# Look at the clock, do the work, look again. To try this timer, compare a function **with itself**: that is an **A/A
# test**.
#
# **Predict.** A and B are one function, each timed once. How far from 1 can the ratio of their times be, in eight
# tries?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* "Old code, new code, one timing each: that is how most speed-ups are found. Here old and
# new are the same line." Ask for the largest speed-up that people would believe to be noise; expect a few per cent.
# Show it. "By this stopwatch we have made some progress, by doing nothing." If the first ratio is far above 1: probably the
# first call again. Ask what is wrong with this timer: at least four things. Write them down and keep them.


# %% slideshow={"slide_type": "-"}
def naive_seconds(fn):
    start = time.time()
    fn()
    return time.time() - start


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
square = torch.randn(384, 384, device=device)


def work():
    """One product of two matrices: the job of this section and the next."""
    return square @ square


pairs = [(naive_seconds(work), naive_seconds(work)) for _ in range(8)]
print("A over B:", *(f"{a / b:.2f}" if b else "B took no time" for a, b in pairs), sep="   ")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: a "speed-up" of a function over itself.** What is wrong with `naive_seconds`? At least four things.
# Which do you find, before you read on?

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Flaw 1: the clock
#
# Python has several clocks. Two of them are `time.time()` and `time.perf_counter()`.
#
# **Predict.** One of the two can be set while you measure. Which? And how small a step can each of them show?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* "Two clocks. Which one would you trust with a microsecond, and why?" Expect the right one,
# and few reasons. Show the table: the second and third column are the reason. Ask what the last column means: a number
# of seconds since 1970 is so large that the digits of a float run out. "The step that you get is no smaller than either of the last two columns." Transition: "The clock is mended. Who else is in
# the room?"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
rows = []
for name in ("time", "perf_counter"):
    knows, digit = time.get_clock_info(name), float(np.spacing(getattr(time, name)()))
    rows.append([f"time.{name}()", knows.adjustable, knows.monotonic, si(knows.resolution, "s"), si(digit, "s")])
Table(["clock", "can be set", "never goes back", "least step, as Python says", "last digit of its float"], rows)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: one can be set, the other only runs on.** The last column is what the float can hold, whatever the
# clock can do: `time.time()` counts from 1970, and a number so large leaves few digits for the fraction.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Flaw 2: somebody else's garbage
#
# Python frees most objects as soon as nothing points at them. For the others there is the **garbage collector**. It
# runs from time to time, perhaps in the middle of *your* measurement.
#
# **Predict.** A tensor hangs on an object that points at itself. We delete the object's name. Is the tensor gone?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw on the board: a name, an arrow to a circle, from there one to a box, the tensor, and one back to the circle. "The
# object holds the tensor, and it also holds itself." Wipe out the name. "Is the tensor gone?" Vote yes or no; expect a split room. After the result: "So memory that you think you have freed may still be
# taken, and the cleaning may happen while the clock runs." Transition: "The third flaw needs a drawing."


# %% slideshow={"slide_type": "fragment"}
node = SimpleNamespace(tensor=torch.zeros(1000))  # an object that can hold anything
node.me = node
tensor_there = weakref.ref(node.tensor)  # finds it, and does not keep it alive
del node
after_del = tensor_there() is not None
gc.collect()
print("still in memory after del:         ", after_del)
print("still in memory after gc.collect():", tensor_there() is not None)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: `del` did not free it, the collector did.** So we collect before the clock starts. (If it was gone
# after `del`, the collector happened to run just then.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Flaw 3: the call comes back, and the work?
#
# A GPU takes its work from a queue. A call hands the work over, and Python goes on.
#
# **Predict.** Where must the clock stop? What have you timed if you stop it when the call comes back?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "I order a pizza by telephone. The call takes a minute. Is a pizza made in a minute?" Let
# somebody point where the clock must stop. First frame: "Whoever stops at this line has timed the telephone
# call." Second frame: the right stop. Ask: "On a CPU, is there such a queue?" In PyTorch the call comes back with its result there: in the printed
# line below the drawing the call itself took the time. Say that the drawing is a scheme, not to scale.

# %% slideshow={"slide_type": "skip"}
side = 8192 if device.type == "cuda" else 1024
large = torch.randn(side, side, device=device)
torch.mm(large, large)  # warm up
timing.synchronise(device)
start = time.perf_counter()
torch.mm(large, large)
returned = time.perf_counter() - start
timing.synchronise(device)
done = time.perf_counter() - start
said = (
    f"Here, on {device.type}: the call came back after {si(returned, 's')}, the result was there after {si(done, 's')}."
)
print(said)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
lanes = {
    "Python": [(0, 1.7, "call", "plain"), (1.7, 10, "free to do other things, or to wait", "#dddddd")],
    "queue": [(1.2, 3, "product", "activations")],
    "device": [(3, 10, "product", "activations")],
}
STOPS = {"the naive stop": (1.7, "left"), "the right stop": (10, "right")}


def scheme(*stops):
    canvas = diagrams.Canvas(height=350)
    diagrams.time_line(canvas, lanes, x=150, y=85, width=960, gap=25)
    for words in stops:
        at, align = STOPS[words]
        canvas.wire((150 + 96 * at, 50), (150 + 96 * at, 335), meaning="black", arrow=False, dashed=True)
        canvas.text(150 + 96 * at, 28, words, align=align, bold=True)
    return canvas.figure()


seen = "A scheme of three lanes in time. Python: a short call, then free. Queue: the product waits for a moment. Device: the "
seen += (
    "product is computed, much longer than the call took. A dashed line, the naive stop, stands at the end of the call"
)
plots.show(
    [scheme("the naive stop"), scheme(*STOPS)],
    alt=[f"{seen}.", f"{seen}, and another one, the right stop, at the end of the product."],
    caption=f"A scheme of a GPU, not to scale: whoever stops at the first line has timed the handing over. {said}",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **What you saw: whoever stops when the call comes back has timed the handing over.** So wait for the device
# (`torch.cuda.synchronize`, here `timing.synchronise`), before the clock starts and before it stops. Where the cell
# above says cpu, the call itself took the time: there the product comes back with its result. The course's `Timer` and `compare`
# wait, too. The published copy of this lesson ran on a CPU, so the drawing is a scheme; with a GPU, the two times
# above say what you would be wrong by.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Three flaws mended
#
# **Predict.** Which timer shows the longest times for the same work: the naive one, the careful one, the careful one
# that collects nothing, or the careful one that pauses for as long instead?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Walk through the function line by line: "Garbage, queue, stopwatch, queue." Vote on the
# four timers; expect most for no difference. After the result ask: "What differs between the second row and the third?"
# One line. "And the fourth collects nothing, it waits: so a pause alone can cost about as much." If the third is not at 1.00
# and somebody asks why: "No A/A test, so we cannot tell that from noise." Transition:
# "Flaw four cannot be mended by any stopwatch: it was one call, and a cold one."


# %% slideshow={"slide_type": "-"}
def careful_seconds(fn, *, before=gc.collect):
    before()  # garbage of earlier cells is not ours
    timing.synchronise(device)  # nor is work that waits in the queue
    start = time.perf_counter()
    fn()
    timing.synchronise(device)  # the result is there now
    return time.perf_counter() - start


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
start = time.perf_counter()
gc.collect()
pause = time.perf_counter() - start
timers = {
    "naive": naive_seconds,
    "careful": careful_seconds,
    "careful, nothing before": lambda fn: careful_seconds(fn, before=lambda: None),
    "careful, a pause as long": lambda fn: careful_seconds(fn, before=lambda: time.sleep(pause)),
}
turns = [{name: seconds(work) for name, seconds in timers.items()} for _ in range(21)]
typical = {name: median(turn[name] for turn in turns) for name in timers}
Table(
    ["timer", "median of 21 calls, in turn", "over the naive one"],
    [[name, si(s, "s"), f"{s / typical['naive']:.2f}×" if typical["naive"] else "–"] for name, s in typical.items()],
    caption="The cure: collect once, then warm up.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **What you saw.** The second timer and the third differ in the collecting alone; their order never changes. Where it
# makes the times longer, look at the fourth: while this lesson was written, a pause as long, with nothing collected,
# cost most of that. So a pause alone can be the price. And so `timing.compare`, which comes below, collects once, and
# then calls each function at least twice unseen before it takes a sample. Python's `timeit`, on which it stands,
# switches the collector off meanwhile.
#
# **Flaw 4** is still there: one call, without a warm-up. No stopwatch repairs that.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Flaw 4: one call
#
# First a warm-up, 30 products without a clock; then 300, timed. The **IQR** (interquartile range) holds the middle half
# of the sorted times: from the first *quartile* to the third.
#
# **Predict.** Sketch the times. Do they scatter evenly around a mean? How far above the typical one is the worst?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* "Now we are warm." Let everybody sketch 300 dots on paper; expect many bells. Show it: "How far do the
# slow calls lie from the median, and how far the fast ones?" Where the band is narrow and even, say: "A quiet machine. A busy one draws a tail upwards." Where whole blocks of calls lie lower or higher, say: "Something
# changed for a while, perhaps the clock rate, perhaps a neighbour on the machine." Ask: "Which number would you report, and which would you report to somebody
# who waits for every single answer?" Wanted: the median and its spread; the tail. Transition: "These disturbances come
# and go. What about one that stays?"

# %% slideshow={"slide_type": "skip"}
for _ in range(30):
    work()
timing.synchronise(device)
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
over_median = {name: f"{ms / middle:.2f}" for name, ms in summary.items()}
Table(["", *summary, "IQR"], [["over the median", *over_median.values(), f"{(high - low) / middle:.2f}"]])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, (left, right) = plots.figure(columns=2)
over = [ms / middle for ms in samples_ms]
ticks = [0.8, 0.9, 1, 1.1, 1.2, 1.4] if max(over) < 1.5 else [0.7, 1, 1.5, 2, 3, 5, 10, 20, 50]
left.plot(over, ".", color=plots.COLOURS["blue"], markersize=5)
left.set(xlabel="call", ylabel="time / median (logarithmic)")
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
    alt=f"Left: times of 300 calls of one function, in order, over their median, on a logarithmic axis. The fastest lies at {min(over):.2f}, "
    f"three quarters of them below {high / middle:.2f}, the worst at {max(over):.2f}. Right: the same times sorted; their mean lies at "
    f"{summary['mean'] / middle:.2f}.",
    caption="One function, 300 calls, in their order and sorted.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **What you saw.** On a quiet machine the calls scatter little, and to both sides; on a busy one the slow
# ones are a long **tail**. A lot can make a call slower: other programs, interrupts, a clock rate that sinks. Less can make it faster.
#
# - The **mean** follows the tail: a few bad calls move it.
# - The **median** is the middle call: half took longer. A few bad calls hardly move it.
# - The **interquartile range** (IQR) holds the middle half. It says how far single calls scatter. It does not say how sure the
#   median is: that grows with the number of calls, and the IQR does not shrink with it.
#
# This course reports median and IQR. Where a user waits for each answer, report the tail as well.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Drift
#
# A processor that gets warm may lower its clock rate, for minutes. Warming up once does not help against that. We play
# it through: the calls of a processor take steadily longer, up to 30 % during 60 calls. A and B are **the same function**.
#
# **Predict.** Which speed-up of B over A comes out if A runs 30 times and then B 30 times? And if they take turns?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "Same function, 30 times A, then 30 times B, on a processor that gets slower all the time.
# What does the report say about B?" Take a number from three people. "And if they take turns?" Show it. "In the other
# order, doing nothing would have looked like progress." Ask what is left in the second frame, and who could be blamed
# for it: A always comes a moment before B. Cure: change places at random.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
drifting = np.linspace(1.0, 1.3, 60)  # seconds of call 0, 1, ... 59; played, not measured
in_blocks = median(drifting[:30]) / median(drifting[30:])
in_turn = median(drifting[0::2] / drifting[1::2])  # within each round
calls = np.arange(60)


def plan(words, of_a, of_b):
    fig, ax = plots.figure(size=(10, 3))
    for name, mine, colour, mark in (("A", of_a, "blue", "o"), ("B", of_b, "orange", "s")):
        ax.plot(calls[mine], drifting[mine], mark, color=plots.COLOURS[colour], label=name)
        ax.axhline(median(drifting[mine]), color=plots.COLOURS[colour], linestyle="--")
    ax.set(title=words, xlabel="call", ylabel="time", ylim=(0.97, 1.33))
    ax.tick_params(labelsize=18)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=18)
    return fig


told = [f"in blocks: B is {in_blocks:.2f} times as fast as A", f"in turn: B is {in_turn:.3f} times as fast as A"]
plots.show(
    [plan(told[0], calls < 30, calls >= 30), plan(told[1], calls % 2 == 0, calls % 2 == 1)],
    alt=[f"A rising line of 60 calls, {words}. Dashed: the medians of A and of B." for words in told],
    caption="The same drift, played, not measured. Dashed: the medians of A and of B.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **What you saw: in blocks, doing nothing looks like a loss.** In the other order it would look like a gain. Measuring
# in turn is called **interleaved**: the drift hits both nearly alike; the **ratio within each round** compares
# neighbours in time. What is left comes from the order: A always came just before B. It goes, on average, when they change places from round to
# round.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"} tags=["lecture"]
# ### The A/A test, done well
#
# `timing.compare` warms up and takes turns in changing order. A call of a network records what learning would need (for
# its *gradients*); B is the same call without recording.
#
# **Predict.** A, A again, and B: which ratios come out?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* "All that we have learned, in one call. The first thing to compare is a function with
# itself." Ask for both ratios. Then the picture: "The grey dots are the same code. Everything they do is noise." Ask:
# "Your colleague reports 3 % faster, from one run each. What do you ask for?" Wanted: the A/A test, and more rounds.


# %% slideshow={"slide_type": "skip"}
def without_gradients():
    with torch.inference_mode():
        return net(image)


candidates = {"A": lambda: net(image), "A again": lambda: net(image), "B: no gradients": without_gradients}
versus = timing.compare(candidates, rounds=31, device=device)
card.record("same-function", versus.ratio("A again"), versus.ratio_quartiles("A again"))
versus

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
fig, ax = plots.figure(size=(11, 2.7))
base = versus.samples["A"]
for name, colour, mark in (("A again", "grey", "o"), ("B: no gradients", "orange", "s")):
    ratios = [theirs / own for theirs, own in zip(base, versus.samples[name], strict=True)]
    ax.plot(ratios, mark, color=plots.COLOURS[colour], label=f"{name}: {median(ratios):.2f}×")
    ax.axhline(median(ratios), color=plots.COLOURS[colour])
ax.set(xlabel="round", ylabel="speed-up, ×")
ax.tick_params(labelsize=18)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=18)
plots.show(
    fig,
    alt="Speed-up over A in each round. The grey dots of A again scatter around 1, with a line for their median "
    f"at {versus.ratio('A again'):.2f}. The orange squares of B have their median at "
    f"{versus.ratio('B: no gradients'):.2f}.",
    caption="One dot a round; lines are medians. The grey scatter is the noise floor of this machine, now.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: the grey dots are the noise floor.** *In one round*, less cannot be told from none.

# %% [markdown] slideshow={"slide_type": "skip"}
# That is not the same as "there is none". More rounds make the median surer, and then a smaller difference can be told
# apart. They do not make the scatter of single rounds, the **spread**, smaller. Here B counts as faster where its
# quartiles (in the table) stay clear of those of *A again*. A round in which A itself was slow lifts both series.
#
# If *A again* is not near 1 for you, something disturbs your machine: close other programs, plug in the charger, run
# the cell again.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. What does a second thread do?
#
# PyTorch can share the work of one call among threads. The **wall time** says when the answer is there, the **CPU
# time** how long each thread was busy, added up.
#
# **Predict.** From one thread to two: what becomes of both, for a product of 768 by 768, and for a small LeNet?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* "Two workers in place of one. When is the job done, and what does the payroll say?" Ask
# for four numbers: two jobs, two clocks. Expect half the time for the product, and something in between for the small
# network. Show the bars. "The small network pays for a second worker who saves little, or costs time." Why?
# Probably that worker waits most of the time, and a waiting thread stays busy; the notebook says how to test it. Ask
# what else the second core could have done meanwhile. Transition: "So one thread measures here. Now you."


# %% slideshow={"slide_type": "skip"}
def wall_and_cpu(n_threads, job, n_calls):
    """Seconds on the wall and seconds of CPU of some calls."""
    with runtime.threads(n_threads):
        for _ in range(n_calls // 10):  # warm up
            job()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(n_calls):
            job()
        return time.perf_counter() - wall, time.process_time() - cpu


def with_two_threads():
    """Wall time and CPU time of two threads over those of one, for a large job and a small one."""
    wide, net, image = torch.randn(768, 768), models.LeNet().eval(), torch.zeros(1, 1, 28, 28)
    jobs = {"product, 768 × 768": (lambda: wide @ wide, 10), "LeNet, one image": (lambda: net(image), 500)}
    found = {}
    for name, job in jobs.items():
        rounds = [{n: wall_and_cpu(n, *job) for n in order} for order in ((1, 2), (2, 1)) * 3]
        found[name] = [median(r[2][clock] / max(r[1][clock], 1e-9) for r in rounds) for clock in (0, 1)]
    return found


# %% slideshow={"slide_type": "skip"}
# How a thread waits is settled when PyTorch starts. The course lets it stay awake only briefly; here it waits as in
# PyTorch's packages, in a process of its own.
SCRIPT = f"""
import json, time
from statistics import median
import torch
from course_utils import models, runtime
{inspect.getsource(wall_and_cpu)}
{inspect.getsource(with_two_threads)}
print(json.dumps(with_two_threads()))
"""
env = {name: text for name, text in os.environ.items() if name not in ("GOMP_SPINCOUNT", "KMP_BLOCKTIME")}
answer = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, encoding="utf-8", check=True)
two_over_one = json.loads(answer.stdout)
card.record("shared-product", two_over_one["product, 768 × 768"][0])
card.record("busy-second-thread", two_over_one["LeNet, one image"][1])
Table(
    ["on the CPU, 2 threads over 1", "wall time", "CPU time"],
    [[name, f"{wall:.2f}×", f"{cpu:.2f}×"] for name, (wall, cpu) in two_over_one.items()],
)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(12, 3.3))
for clock, colour, words in ((0, "sky", "wall time"), (1, "orange", "CPU time")):
    places = [3 * row + clock for row in range(len(two_over_one))]
    values = [pair[clock] for pair in two_over_one.values()]
    ax.barh(places, values, color=plots.COLOURS[colour], label=words, height=0.9)
    for place, value in zip(places, values, strict=True):
        ax.text(
            value, place, f"  {value:.2f}×", va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0}
        )
ax.axvline(1, color="black", linestyle="--", zorder=0)
ax.set(yticks=[3 * row + 0.5 for row in range(len(two_over_one))], yticklabels=list(two_over_one))
ax.tick_params(labelsize=18)
ax.set(xlabel="with two threads, over one thread", xlim=(0, 1.2 * max(max(pair) for pair in two_over_one.values())))
ax.invert_yaxis()
ax.legend(loc="center right", fontsize=18)
told = "; ".join(f"{name}: wall time {wall:.2f}, CPU time {cpu:.2f}" for name, (wall, cpu) in two_over_one.items())
plots.show(
    fig,
    alt=f"Bars of what two threads take over what one takes. {told}. A dashed line marks 1.",
    caption="Medians of six rounds. Left of the line is a gain, right of it a price: look at the small network.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **What you saw: the product is shared; the small network pays for a second thread, and wins little, or loses.** In runs for this lesson two threads
# took half to two thirds of the wall time of one on the product, for as much CPU time or somewhat more. The small network took far
# more CPU time, for an answer hardly sooner, or later. Where other programs need the cores, two threads can be
# slower on the product too: it took up to 1.9 times as long in a trial. Probably a call then waits for the thread that is held up.
#
# CPU time does not tell work from waiting. A waiting thread of GNU's OpenMP, which PyTorch's packages for Linux use,
# first ["waits actively with consuming CPU power"](https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html). Probably the second thread
# mostly waits like that for its next, tiny piece. To test it on Linux, put `env["GOMP_SPINCOUNT"] = "0"` below the line
# that makes `env`, and run the cell again: then a waiting thread sleeps.
#
# Beside a busy program the thread that waits awake may hold the core that the other one needs. So in the kernels that this course starts a
# thread stays awake only briefly, and then sleeps.
#
# So a number without its count of threads says little. Here **one thread measures**, and says so; training uses the
# physical cores.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# ### Exercise 1 · Three flaws in a benchmark
# ★ · 8 minutes
#
# The listing is to tell how many times faster a model with weights in int8 (whole numbers of 8 bits) answers than the
# fp32 model (floats of 32 bits) it was made from, both on a CPU. It is given both, an input `x` and a number of
# `rounds`. The caller has set one thread and collected the garbage. **Three lines** are flawed: they make the result
# wrong or unfair. Return their numbers as a set, like {3, 4}; a list will do. (`train()` and `eval()` switch a model between learning
# and answering; `shuffled` gives the two pairs in a random order.)
#
# ```text
#  1   clock = time.time
#  2   fp32.train()
#  3   int8.eval()
#  4   base, own = [], []
#  5   with torch.inference_mode():
#  6       fp32(x), int8(x)
#  7       for _ in range(rounds):
#  8           for model, seconds in shuffled((fp32, base), (int8, own)):
#  9               start = clock()
# 10               model(x)
# 11               seconds.append(clock() - start)
# 12   speedup = mean(base) / min(own)
# ```
#
# <details><summary>Hint</summary>
# Follow the two models from top to bottom. Is each line the right tool, and does it treat both alike?
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without the check: 5 of the card's 8 minutes. "Three of these lines make the
# result wrong or unfair. Find them with your neighbour." Leave the listing on the screen. After four minutes collect
# line numbers by show of hands, and ask of each: "What would it do to the result?" The answers: line 1, the time of day
# can be set meanwhile; line 2, the baseline runs in the mode for learning, int8 does not; line 12, a mean with its tail
# over a best makes int8 look faster. Expect as wrong answers the warm-up, and the line that reads the clock.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def flawed_lines():
    """Numbers of the three flawed lines, as a set.

    >>> 4 in flawed_lines()  # two empty lists are no flaw
    False
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.flawed_lines(flawed_lines)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def flawed_lines_solution():
    wrong_clock = 1  # the time of day can be set while we measure
    other_mode = 2  # the baseline runs as if it were learning, the other one does not
    other_summary = 12  # the mean of one against the best of the other
    return {wrong_clock, other_mode, other_summary}


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · The typical speed-up
# ★★ · 8 minutes
#
# Two candidates took turns. Round $i$ gave `base_seconds[i]` for the baseline and `own_seconds[i]` for the candidate.
# Write `typical_speedup`: how many times faster than the baseline the candidate is in a typical round, so that neither
# drift nor one disturbed round changes the answer much. Typical is what a median says: of an even number of values it is half-way
# between the two in the middle. Leave both lists as they are.
#
# <details><summary>Hint</summary>
# Drift cancels within a round. A disturbed round is an outlier among the rounds' ratios. The function median is
# imported.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, 5 of the card's 8 minutes. "One line of code. The question is in which order:
# divide and then take the median, or take two medians and then divide?" Let the pairs write it, then ask for two rounds
# where the two orders differ. One such: baseline 1 and 1, candidate 1 and 3. The median of the ratios is 0.67, the
# ratio of the medians 0.5. Wanted: "Divide first, within each round, because neighbours in time share the drift; then take
# the median." The check finds such rounds by itself.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
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


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. All of it depends on the machine, so a claim may fail on
# yours. A likely reason then stands below.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - One timing is no measurement: warm up, take turns, and report median, spread and ratio.
# - Compare a function with itself first, with as many rounds: a speed-up that this A/A test gives as well shows nothing.
# - A speed-up needs its threads, and the CPU time that they took.
#
# **Going further**
#
# - T. Mytkowicz et al., *Producing wrong data without doing anything obviously wrong!*, 2009,
#   [doi.org/10.1145/1508244.1508275](https://doi.org/10.1145/1508244.1508275). How harmless details change a timing.
# - A. Georges et al., *Statistically rigorous Java performance evaluation*, 2007,
#   [doi.org/10.1145/1297027.1297033](https://doi.org/10.1145/1297027.1297033). Start-up against steady state.
# - T. Hoefler and R. Belli, *Scientific benchmarking of parallel computing systems*, 2015,
#   [doi.org/10.1145/2807591.2807644](https://doi.org/10.1145/2807591.2807644). Twelve rules for a report.
#
# **Project ideas.** Draw the tail of your machine on battery and on mains; find the size at which a second thread pays;
# take a published speed-up and list what you need to know to repeat it.
#
# **Credits.** The timer began as the helper of Michael Carilli's PyTorch recipe on automatic mixed precision. Tal
# Daniel (Technion, EE 046211, tutorial 10) had the idea of this course, in one lecture. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* "Three sentences to take home." Read them. Then the last question: "Which published
# speed-up will you look at again?" Say what comes next: what a model weighs.

# ---
# jupyter:
#   course:
#     promise: You will be able to time code so that others can trust the ratio.
#     seconds: 40
#     needs: []
#     goals:
#       - Find your way through a lesson, and get help when something fails.
#       - Find what is wrong with a benchmark.
#       - Time two functions so that the ratio of their times can be trusted, and know when it cannot.
#       - Say what a second thread costs, and what it wins.
#     terms: [A/A test, claim, "CPU time, wall time", evaluation mode, interleaved, IQR, noise floor,
#       "ratio, speed-up", scorecard, spread]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *"Four times as fast." How would you check that?*
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
# *For the lecturer, 1 min.* "Four times as fast. As fast as what? Measured how?" Ask who has read such a sentence this week, and go straight on: "We make one ourselves, now."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import gc
import time
import weakref
from statistics import mean, median, quantiles
from types import SimpleNamespace

import numpy as np
import torch

from course_utils import data, doctor, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims
from course_utils.show.tables import Table, si
from lessons.measuring import checks as check
from lessons.measuring import show

runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Smaller and faster, in five minutes
#
# A small network has learned to name pieces of clothing on photographs. Whenever it answers, PyTorch also takes *notes*: it
# records what the network would need if it were to learn from this answer. `torch.inference_mode()` switches the notes off.
#
# We time one call of the network as it is, and then one call without the notes. The **speed-up** is the first time divided by the second.
#
# **Predict.** How large is the speed-up? **A** less than 1.1 times, **B** 1.1 to 1.5, **C** 1.5 to 2, **D** more than 2. And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Hands for A to D; expect B and C. `seconds(call)` looks at the clock, makes one call, and looks again. Show the number, and let the room be pleased. "Shall we write that into the report?" Somebody will
# smell it. Do not explain yet: the next cell asks the same network again.

# %% [markdown] slideshow={"slide_type": "skip"}
# Here are the network, an empty photograph, the call without notes, and a stopwatch, which reads the clock before and after the call. (On a GPU a call comes back before its result is there, so the stopwatch waits for the GPU as well.) Evaluation mode, `.eval()`, is another switch than `inference_mode`: PyTorch still takes its notes, but a layer such as dropout, which sets random values to zero while a network learns, changes nothing. Two networks in different modes may do different work and give different answers, so race them in one mode.

# %% slideshow={"slide_type": "skip"}
net = checkpoints.load("small_cnn").to(device).eval()  # evaluation mode: it answers, and does not learn
photo = torch.zeros(1, 1, 28, 28, device=device)


@torch.inference_mode()
def without_notes():
    return net(photo)


def seconds(call):
    timing.synchronise(device)  # on a GPU: wait until earlier work is done
    start = time.perf_counter()
    call()
    timing.synchronise(device)  # and until the result is there
    return time.perf_counter() - start


# %% slideshow={"slide_type": "fragment"}
as_it_is = seconds(lambda: net(photo))
quiet = seconds(without_notes)
print(f"as it is: {si(as_it_is, 's')}, without notes: {si(quiet, 's')}")
print(f"speed-up: {as_it_is / quiet:.1f} times")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In our runs the second call was several times as fast (D). But was that because of the notes?**
#
# <!-- page -->
#
# In runs for this lesson the first call took 4 to 70 times as long as the second one. Before you put such a number into a report, ask what else was different
# between the two measurements. One of the two calls took notes, but it also came *first*. (If yours shows the opposite, probably another program disturbed a call.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Was it the notes?
#
# We call the network twice more, in the other order: first without the notes, then as it is.
#
# **Predict.** What becomes of the advantage of the call without notes: does it stay, shrink, or turn round? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* "One line of code more, and the discovery is gone." Ask: "How many reports have you read that made this control?" Then: "So a time is hard to measure. A size is easier, as you see next."

# %% slideshow={"slide_type": "fragment"}
quiet_again = seconds(without_notes)
as_it_is_again = seconds(lambda: net(photo))
print(f"as it is: {si(as_it_is_again, 's')}, without notes: {si(quiet_again, 's')}")
print(f"speed-up: {as_it_is_again / quiet_again:.1f} times")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The large advantage is gone: now the call without the notes came first, and it is not faster by much, if at all.** What we measured before was mostly the price of coming first.
#
# <!-- page -->
#
# The second measurement is a **control**: it repeats the first one and changes what might be the reason, here the order. If the notes were the reason, then the call with the notes would be the slower one in either order. In our trials, however, the call that came first was usually the slower one, with or without notes.
#
# It is no perfect control, because not only the order has changed. Before, the first call was also the first one of the whole *process* (the running Python). This time it was not, and that is probably why the difference is so much smaller. (In fresh processes in which the call *without* notes came first, that first call took 2 to 24 times as long as the second.) For a strict control, restart Jupyter's kernel and run this measurement in place of the first.
#
# These few calls cannot show what the notes cost, because single calls scatter too widely. Section 5 measures it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### And smaller?
#
# Making a network *smaller* is easier to measure, because the size of a file does not depend on the moment. We store each of the 88,000 weights in
# 16 bits in place of 32, and count how many of 2,000 photographs both networks name correctly.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* "Half the bits, half the file, as many photographs right, give or take a few. Whoever repeats it gets the same number of bytes." No vote here.

# %% [markdown] slideshow={"slide_type": "skip"}
# [[formats]] explains how a number fits into 16 bits. For the count each weight is widened to 32 bits again, because here we ask only what the *file* has lost.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Stores the network in 16 bits, and compares the two files and what the two networks get right.
half = copy.deepcopy(net).half()  # every weight in 16 bits
sizes = [size_report(network).file_bytes for network in (net, half)]
images, labels = data.load("fashion_mnist", "test", n=2000)
right = [training.evaluate(network, images, labels) for network in (net, half.float())]
Table(
    ["each weight in", "file", "named correctly"],
    [[f"{bits} bits", si(size, "B"), f"{share:.2%}"] for bits, size, share in zip((32, 16), sizes, right, strict=True)],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The file is half as large, and the network names as many photographs correctly as before, give or take a few of the 2,000. You can trust this size, because whoever saves the same network again in the same way gets the same number of bytes.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. How this course works
#
# The course makes neural networks smaller, faster and cheaper to run. Each part of it tries one way of doing this, and its
# lessons measure what that way gains and what it costs, mostly **on your machine**.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* "This is the map. A box is a part of the course, a number is a lesson, and we are in the
# black one. The lessons bring rows to the table in the middle." Ask: "Which of these ways have you used?" Expect 16 bits most often. (*load* in the table in the middle is how long a file takes to load.)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the parts of the course around the table that their lessons fill.
show.the_course()

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A lesson, step by step
#
# | you meet | what to do |
# |---|---|
# | **Predict** | commit yourself: write an answer down *before* you run the cell |
# | a short cell | run it (Shift + Enter), change it, run it again |
# | *Compare with your prediction* | the answer: it stays closed until you click on it. Run the cell above it first. A wrong prediction teaches most |
# | an exercise card | replace the line that raises an error with your own code, run the cell, then the check under it: it says what is wrong, mostly with a small input on which your answer fails |
# | the **scorecard** | a table at the end: each **claim** of the lesson (a published figure, or a limit that must hold) beside what your run measured |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* "One rule for today: you commit to a number before you see mine. A wrong guess is worth
# more than a right one, because you will remember it." Say where the notebooks are.

# %% [markdown] slideshow={"slide_type": "skip"}
# The solution is folded under each check. *Run All* reaches the end without your answers. *Deeper* is optional. A line *At a first reading …* names what no exercise and no later lesson needs; run its cells all the same.
#
# **Help.** If a name is not defined, a cell above has probably not run: choose *Kernel*, *Restart Kernel and Run All Cells*. Otherwise run in a terminal, in the course's folder,
#
#     python course.py doctor --json
#
# (`py` in place of `python` on Windows, `python3` on macOS and Linux) and send what it prints, with
# the lesson and the last lines of the error, to your lecturer or where you got the course. The report names neither you nor your folders.
# `warn` marks what will work less well on your machine, `fault` what is broken, with the repair. The next cell shows the same report.

# %% slideshow={"slide_type": "skip"}
report = doctor.examine()
faults = sum(finding.status == "fault" for finding in report)
Table(["examined", "status", "found", "remedy"], report, caption=f"{len(report)} points, {faults} faults")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. The first calls
#
# We let the network rest for a second, and then call it eight times.
#
# **Predict.** The network has been called several times by now, so nothing is new to it. How many of the eight calls will be clearly slower than
# the rest: none, the first, or several? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* "It has had its first call long ago. How many of these eight will be slow?" Vote: none, one, several. Show the bars, and collect guesses before you give the usual explanation, caches: while the network rests, other
# programs fill the processor's small, fast memories with their own data, and the first calls bring back what this one needs. Do not sell it as proved; *Deeper* has the controls.

# %% slideshow={"slide_type": "skip"}
time.sleep(1)
calls_us = [1e6 * seconds(lambda: net(photo)) for _ in range(8)]
print("µs:", ", ".join(f"{us:.0f}" for us in calls_us))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the eight calls as bars.
show.first_calls(calls_us)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **After a rest the first call is usually slower again, and in some runs the next ones are slower as well, by less: in the run on this page the first is by far the slowest.** So before you time a function, call it a few times, until its times stop falling. These calls are the **warm-up**.
#
# <!-- page -->
#
# Think of a cook who comes back to the kitchen: the first dish takes longer, because the tools have been put away. A processor keeps what it has used last in small, fast memories, the *caches*: the program's instructions, the weights, the table that says where memory
# lies. While the network rests, other programs use the processor and fill the caches with their own data. The first calls bring everything back. (This is the usual explanation. *Deeper* tests a part of it.) In trials for this lesson the first call after a second of rest usually took 1.3 to 2.1 times as long as the second. In the picture above it is 1.7 times.
#
# The very first call of a process, as in section 1, pays for more than that. Probably PyTorch prepares some things only when they are first needed. Its own timer warms up for this reason, as the documentation says:
# "[some elements of PyTorch are lazily initialized](https://docs.pytorch.org/docs/stable/benchmark_utils.html)".
#
# But if your program calls the network once an hour, then the slow first call *is* what its user waits for. Measure that call, and say so.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Many calls, one number
#
# We leave the network for a moment. A warm function multiplies two matrices, and we take the time of each of 300 calls.
#
# **Predict.** Sketch the 300 times as dots. Is the cloud the same above and below its middle, or does it reach farther to one side? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let everybody sketch 300 dots on paper; expect many bells. On the board: 10, 11, 10, 12, 10, 11, 90, mean 22, median 11. Then the picture: "How far do the
# slow calls lie from the median, and how far the fast ones?" On this page the slowest lies 26 % above it and the fastest 9 % below. Point at the many dots at the bottom, at the left and at the right: "What can make these calls faster?" Nothing; probably something slowed those in the middle. Ask: "Which number would you report, and which would you report to somebody
# who waits for every single answer?" Wanted: the median and its spread; the tail. The yellow band is the IQR, the middle half of all calls. In the right picture the curve stays in the band from 25 to 75 %.

# %% slideshow={"slide_type": "skip"}
square = torch.randn(384, 384, device=device)


def work():
    """One product of two matrices."""
    return square @ square


for _ in range(30):  # the warm-up
    work()
samples = [seconds(work) for _ in range(300)]
low, middle, high = quantiles(samples, n=4)
over = {"fastest": min(samples), "mean": mean(samples), "slowest": max(samples), "IQR": high - low}
print("over the median:", ", ".join(f"{name} {value / middle:.2f}" for name, value in over.items()))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the 300 times, in their order and sorted.
show.scatter(samples)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Usually the cloud reaches farther up: most of the times lie close together just above the fastest one, and a few slow calls far above them form a long *tail*. In the run on this page the slowest call lies at 1.26 times the median, the fastest at 0.91.** On a quiet machine the tail is short.
#
# A call cannot take less time than its work takes at the processor's full speed, so there is a floor. But many things can make it take longer: another program gets the processor for a moment, a message from the network arrives, the clock rate drops. Each of these adds time, and none of them takes any away.
#
# A disturbance need not be short, however. In the run on this page many calls at both ends, and few between, lie well below the median, so probably something slowed those between (*Deeper*).

# %% [markdown] slideshow={"slide_type": "skip"}
# Which single number should stand for 300 calls? Suppose first that seven calls took
#
# 10, 11, 10, 12, 10, 11, 90 µs.
#
# Something disturbed the last one. Their **mean** is 154 / 7 = 22 µs, and *no* call took anything like 22 µs: one bad call has doubled it. Now sort them: 10, 10, 10, **11**, 11, 12, 90. The one in the middle, 11 µs, is the **median**. In the sorted row as many values stand before the median as after it. If the bad call had taken 900 µs, the
# median would still be 11.
#
# The median says what is typical, and nothing about how far the calls lie apart. For that we take the middle half of the sorted times, from the value at a quarter (10) to the value at three quarters (12). These two are the first and the third **quartile**, and the distance between them, 2 µs, is the
# **interquartile range**, or **IQR**.

# %% [markdown] slideshow={"slide_type": "skip"}
# Now read the printed line. All four numbers are divided by the median: *slowest* 2 means twice as long, and *IQR* 0.1 means that the middle half of the calls spans 10 % of the median. If one of 300 calls takes twice the usual time, even the mean hardly moves: it rises by 1 / 300 = 0.003. So on a quiet day mean and median agree. On a busy day they differ, and you do not know beforehand which kind of day it is.
#
# The IQR says how far single calls scatter (their **spread**). It does not say how sure the median is: more calls make the median surer, and the scatter stays what it is.
#
# If there is a floor, why not report the *fastest* call? It is fair, and often steadier than the median; some lessons take it, and say so. But it answers another question: how fast the code *could* run with nothing in its way. Whichever you choose, take the same for both candidates. The mean of one against the fastest call of the other makes a speed-up out of nothing: with the seven calls 22 / 10 = 2.2, for a function against itself.
#
# This course reports median and IQR. They are the wrong choice if somebody waits for each single answer, because then one answer in a hundred that takes ten times as long matters to them. Report the tail as well: of 300 sorted times, the 297th says that 99 of 100 calls are no slower (the *99th percentile*).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. Two candidates: take turns
#
# A processor that gets hot may lower its clock rate for minutes, and a warm-up of a few calls does not help against that. Let us simulate it: every call takes a
# little longer than the one before, so that the last of 60 calls takes 30 % longer than the first. A and B are **the same function**.
#
# **Predict.** What will a report say about B, compared with A, if A runs 30 times and then B 30 times? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "Same function, 30 times A, then 30 times B, on a processor that gets slower all the time.
# What does the report say about B?" Take a number from three people. "And if they take turns?" Show it: in blocks B looks 14 % slower, because half of the 30 % of drift lies between the two blocks; in turn 0.4 % is left. "In the other
# order, doing nothing would have looked like progress." Ask what is left in the second frame, and who could be blamed
# for it: A always comes a moment before B. Cure: change places at random.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Simulates the drift, in blocks and in turn, and draws both.
drifting = np.linspace(1.0, 1.3, 60)  # seconds of call 0, 1, ... 59; simulated, not measured
show.drift(drifting)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **In blocks the report says that B is slower than A by about 14 %, although they are the same function; in turn almost nothing is left of it.** Had B run first, B would have looked faster by about as much.
#
# If the first call takes 1 second, the middle call of A takes 1.074 and that of B 1.226, because half of the whole drift lies between the two. 1.226 / 1.074 = 1.14. More calls in each block do not help: if the drift over the whole run stays the same, half of it still lies between the two middles. Repetition reduces the effect of chance, and not a bias. Turns do not help when the two disturb *each other*, for example when one leaves the caches full of its own data. Then no order is fair, and you have to say in which situation you measure.

# %% [markdown] slideshow={"slide_type": "skip"}
# Do it with four calls, by hand. Because of the drift they take 1.0, 1.1, 1.2 and 1.3 seconds, whatever runs in them.
#
# - *In blocks*, A A B B: A takes 1.05 on average and B 1.25. So B seems to be slower by 1.25 / 1.05 = 1.19, that is 19 %.
# - *In turn*, A B A B: the first round has 1.0 and 1.1, the second 1.2 and 1.3. We divide *within each round*, because its two calls are neighbours in time: 1.1 / 1.0 = 1.10 and 1.3 / 1.2 = 1.08. Only the drift from one call to the next is left.
# - *In turn, changing places*, A B B A: the rounds give 1.1 / 1.0 = 1.10 and 1.2 / 1.3 = 0.92. One ratio is above 1 and the other below it. Over many rounds the two kinds cancel.

# %% [markdown] slideshow={"slide_type": "skip"}
# Measuring in turn is called **interleaving**, and the rounds are *interleaved*. Then the drift affects both candidates nearly alike, and the **ratio within each round** compares neighbours in time. Divide first, and take the median afterwards. Suppose that three rounds give 10, 20 and 30 ms for A, because the machine gets slower, and 5, 30 and 15 ms for B, whose second call was disturbed. The ratios A over B are 2.0, 0.67 and 2.0, and their median is 2. Taken the
# other way round, the median of A is 20 and that of B is 15, and their ratio is 1.33, which no round has shown: the 20 and the 15 come from different rounds, and the drift lies between them.
#
# Take care which of the two you divide by the other. By hand we divided B by A: above 1 means that B is *slower*. A speed-up is A over B: for the blocks 1 / 1.19 = 0.84, and below 1 means slower. A speed-up is not a percentage saved either: at a speed-up of 4 a quarter of the time is left, so 75 % are saved.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A function against itself
#
# `timing.compare` warms up, takes turns in a changing order, and gives the ratio of each round. We give it three candidates: the network as it is (A), the
# **same again**, and the network without its notes (B).
#
# **Predict.** You have seen what a single call says about the notes. Will the speed-up of B over A be above 1.5 when it is measured fairly? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* "All that we have learned, in one call. The first thing to compare is a function with
# itself." Ask for both ratios. Then the picture: "The grey dots are the same code. Everything they do is noise." Ask:
# "Your colleague reports 3 % faster, from one run each. What do you ask for?" Wanted: the A/A test, which compares a function with itself, and more rounds. Then the squares above 1: on this page 26 of 31; coins are as one-sided in two of ten thousand trials. The grey dots above 1: 16 of 31, and 31 coins cannot fall less one-sided than that.

# %% slideshow={"slide_type": "skip"}
candidates = {"A": lambda: net(photo), "A again": lambda: net(photo), "B: without notes": without_notes}
versus = timing.compare(candidates, rounds=31, device=device)
versus

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws the ratio of every round.
ratios = show.rounds(versus, "A again", "B: without notes")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No: B is faster than A by some per cent only, 1.09 times in the run on this page, and *A again* comes out near 1. To compare a function with itself is an A/A test.** How far its dots scatter is the **noise floor** of your machine: a smaller difference in a single round cannot be distinguished from none.
#
# <!-- page -->
#
# Read the noise floor off the table. In the run on this page the quartiles of *A again* are 0.99 and 1.10: in half of all rounds the ratio of a function to itself lay between these two values. So if a single round shows a gain of 5 %, it may be noise. If the dot and the square of one round jump together, then probably A was disturbed in that round, because both ratios have the time of the same A on top.
#
# Over many rounds smaller differences can be detected, as you see below. (Each dot divides two samples. A sample is many calls in a row, a fiftieth of a second or more, which is long enough for the clock.)
#
# The ratio of *A again* should be near 1. If yours is not, something disturbs your machine. Close other programs, plug in the charger, and run the cell again.
#
# Section 1 showed a far larger speed-up. Measured fairly, B was 6 to 9 % faster on a quiet machine in runs for this lesson, and up to 12 % on a busy one.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### How sure is that?
#
# The orange squares may overlap the grey dots. Is B faster all the same? The quartiles do not answer this, because they say how far *single rounds* scatter. Counting does.
#
# Suppose that the notes made no difference. Then in each round it would be mere chance which of the two is faster, as with a coin. Suppose that there are 5 rounds, and that B wins all of them. Five throws of a coin have 2 · 2 · 2 · 2 · 2 = 32 equally likely outcomes. One of them is five heads and one is five tails, so chance alone gives such a clear result in 2 of 32 cases, or 6 %. That is rare, but not rare enough to be sure. And if B wins four of the five? Of the 32 outcomes, 5 have exactly four heads and 1 has five, and as many have four tails or more: together 12 of 32, or 38 %. A lead that chance produces so often shows nothing.
# With 10 rounds and 10 wins it would be 2 of 1,024. This is the **sign test**. It is one reason to take many rounds: they do not make the scatter of the dots smaller, but they make the *verdict* surer. With fewer than six rounds no result can be rarer than 6 %.

# %% slideshow={"slide_type": "skip"}
for name in ("A again", "B: without notes"):
    rounds, wins = len(ratios[name]), sum(ratio > 1 for ratio in ratios[name])
    by_chance = show.as_clear_as(wins, rounds)
    print(
        f"{name}: faster in {wins} of {rounds} rounds; a coin is at least as one-sided in {100 * by_chance:.3g} % of all cases"
    )

# %% [markdown] slideshow={"slide_type": "skip"}
# The first line is the control, because a function against itself must win about half of the rounds. (31 throws of a coin nearly always show 10 to 21 heads. The test treats the rounds as independent.) If the number printed for B is small and the one for *A again* is not, then chance is a poor explanation, and B is faster on your machine. How small must it be? Many fields take 5 % as the limit ([[baseline]] comes back to it). Choose yours before the run. In the run on this page B won 26 of the 31 rounds, and the number is 0.0192 %. If the number is above your limit, you cannot claim a difference from this run: quiet the machine, or measure afresh with more rounds, and decide beforehand how many. (To add rounds until the number is small gives luck many chances.)
#
# The sign test tells you *that* there is a difference, and not *why*, nor whether it is large enough to matter to anybody. And the verdict holds for what you measured: this network, one thread, this machine. Why should it change with the input? Suppose that the notes cost 0.03 ms a call, however many photographs come in. With one photograph a call takes 0.52 ms with them and 0.49 without: 1.06 times. If a hundred photographs take 30 ms without notes, the same 0.03 ms make 30.03, and the speed-up is 1.001. So name the input beside the ratio.
#
# ### What to ask of a benchmark
#
# | ask | if not |
# |---|---|
# | Were both warm? | the one that came first looks slow |
# | Did they take turns? | a drift helps whichever ran at the better time |
# | Were both summed up in the same way? | the fastest call of B against the mean of A flatters B |
# | Same number of threads, inputs, mode and clock? | the ratio measures that difference as well |
# | Do both give the same answers? | a faster function that computes something else is no gain |
# | How far from 1 does the A/A test come out? | a gain no larger than that may be noise |

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. What does a second thread do?
#
# A **thread** is one worker of a program: it runs on one core at a time. PyTorch can share the work of one call among several. The **wall time** is the time that passes until the answer is there.
# The **CPU time** is the time for which the threads were busy, added up over all of them.
#
# **Predict.** We go from one thread to two, for a product of two matrices of 768 by 768 and for a small network with one image. **A** both take half the wall time, **B** the
# product takes half, and the network gains little or even loses, **C** both take as long as before. And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* "Two workers in place of one. When is the job done, and what does the payroll say?" Vote; expect A. Show the bars. Product: 0.66 of the wall time on this page, for a somewhat larger payroll (1.30). Small network: the answer comes hardly sooner, at 0.91 of the wall time, and the payroll is 1.80 times as large. (Other runs: from hardly any gain on the wall and twice the payroll to 1.67 and 3.25 times.)
# "Why does a worker who has nothing to do cost anything?" It waits awake: it asks again and again whether there is work, and that counts as busy.

# %% [markdown] slideshow={"slide_type": "skip"}
# Not all work can be shared. Suppose that a call takes 80 ms, and that 60 of them can be divided between threads; the other 20 are steps that must be done one after the other. With two threads it takes 20 + 60 / 2 = 50 ms, which is 1.6 times as fast. However many threads there are, the 20 ms remain, so the call can never be more than 80 / 20 = 4 times as fast (**Amdahl's law**). The time in which the threads agree on who does what comes on top. If that is 0.01 ms, a step of 0.02 ms takes 0.02 / 2 + 0.01 = 0.02 ms, and nothing is gained.
#
# The two times can differ in either direction. A program that sleeps for one second, or waits that long for a file, takes one second on the wall and almost no CPU time, because a thread that sleeps does not use its core. So a CPU time above the wall time means that several threads were busy, and a CPU time far below it means that the program was waiting.


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


# in a separate process, with PyTorch's own setting for how threads wait
two_over_one = show.two_threads_over_one(wall_and_cpu)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws wall time and CPU time of two threads over those of one.
show.threads(two_over_one)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **On a quiet machine the large product is done in half to two thirds of the wall time (nearest to B), for somewhat more CPU time. The small network takes about twice the CPU time or more, and gains little time or even takes longer.**
#
# <!-- page -->
#
# Why does a thread that has nothing to do cost CPU time? It can wait *actively*: it asks again and again whether there is work, so that it can begin at once. To the system such a thread is busy, so CPU time counts its waiting like work. If both threads are busy all the time, the CPU time is twice the wall time. (With one thread the two are nearly equal.) In the run on this page this nearly holds for both jobs: 2 · 0.66 = 1.32 for a measured 1.30, and 2 · 0.91 = 1.82 for 1.80. The product's wall time fell much, so there the second thread did its share. The network's hardly fell, so there it probably waited most of the time for its next, tiny piece. (*Deeper* has a test on a busy machine.)
#
# So a time without its number of threads says little. In this course times are measured with **one thread** unless the text says otherwise; training uses all physical cores.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# ### Exercise 1 · The typical speed-up
# ★ · 5 minutes
#
# Two candidates took turns. Round $i$ gave `base_seconds[i]` for the baseline and `own_seconds[i]` for the candidate.
# Write `typical_speedup`: how many times as fast as the baseline the candidate is in a typical round, so that neither
# drift nor one disturbed round changes the answer much. *Typical* means a median: of an even number of values, it is half-way between the two in the middle. Leave both lists as they are.
#
# <details><summary>Hint</summary>
# Drift cancels within a round. A disturbed round is an outlier among the rounds' ratios. The function median is
# imported.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; open the hint only after they have argued. "One line of code. The question is in which order:
# divide and then take the median, or take two medians and then divide?" Let the pairs write it, then ask for two rounds
# where the two orders differ. One such: baseline 1 and 1, candidate 1 and 3. The median of the ratios is 0.67, the
# ratio of the medians 0.5. The check finds such rounds by itself.


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


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · A fair race
# ★★★ · 15 minutes · an investigation
#
# Somebody claims that `"new"` is faster than `"old"`. You get a stopwatch, `seconds(name)`: it runs `"old"` or `"new"` once, and returns how long
# that took. The machine is like yours: its first calls are slow, it may get slower with time, sometimes another program disturbs a call, and now and then a lucky call takes less time than all others.
#
# Write `fair_race`: call the stopwatch equally often for both, 15 to 1,000 times each, and return `"new"` or `"old"`, whichever is
# faster, or `"no difference"` if the typical speed-up, the median of old over new in the rounds as in exercise 1, lies between 0.95 and 1.05. You may leave out the first rounds.
#
# <details><summary>Hint</summary>
# Sections 3 to 5 help. Collect a list for each, and let exercise 1 compare the lists.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check runs your experiment on several made-up machines. On some new is clearly faster. On others it is slower, the difference is too small to matter, or only something else makes the times differ. It judges how you measure, and then what you conclude.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop: "Write down, in five words each, what your experiment does." Collect the steps on the board: warm up, take turns, many rounds, ratio in each round, median, threshold. Ask what each step is for:
# turns against drift, the median against disturbed calls and against the slow first ones, the threshold against a difference of 2 %, which is true and not worth a claim. (The check tries machines of each kind.) The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def fair_race(seconds):
    """Say which is faster: "new", "old" or "no difference".

    Args:
        seconds: a stopwatch; `seconds("old")` runs the old one and returns its time.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.fair_race(fair_race)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def fair_race_solution(seconds):
    times = {"old": [], "new": []}
    for round_number in range(50):
        order = ("old", "new") if round_number % 2 else ("new", "old")
        for name in order:
            times[name].append(seconds(name))
    old, new = times["old"][10:], times["new"][10:]  # the first ten rounds warm up
    speedup = median(base / own for base, own in zip(old, new, strict=True))
    if speedup > 1.05:
        return "new"
    return "old" if speedup < 0.95 else "no difference"


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# These sections are for readers who build timers, use a GPU, or want to know what was left open above.
#
# ### Exercise 3 · Three flaws in a benchmark
# ★ · 8 minutes
#
# The listing compares two models on a CPU: one in fp32 (floats of 32 bits), and a copy of it with weights in int8 (whole
# numbers of 8 bits). It should say how many times as fast the copy answers. It is given both, an input `x` and a number of
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
#  6       for _ in range(30): fp32(x), int8(x)
#  7       for _ in range(rounds):
#  8           for model, seconds in shuffled((fp32, base), (int8, own)):
#  9               start = clock()
# 10               model(x)
# 11               seconds.append(clock() - start)
# 12   speedup = mean(base) / min(own)
# ```
#
# <details><summary>Hint</summary>
# Follow the two models from top to bottom. Is each line the right tool, and does it treat both alike? The next section is about clocks.
# </details>


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


# %% [markdown] slideshow={"slide_type": "skip"}
# ### One report, taken apart
#
# "We ran the old version 100 times, then the new version 100 times. Old: 20.0 ms on average. New: 8.0 ms at best. The new one is 2.5 times as fast." *Were both warm?* If the first call of the old one took 300 ms and every other one 17 ms, its mean is (300 + 99 · 17) / 100 = 19.8 ms: a single cold call has added nearly 3 ms. *Did they take turns?* No. If the processor slowed down
# meanwhile, that hurt the new one, so not every fault flatters it. *Were both summed up in the same way?* No: a mean was divided by a minimum. If both medians were known, say 17 and 11 ms, the speed-up would be 1.5. *How far from 1 does the A/A test come out?* Nobody looked. Only a new measurement can say what the speed-up is.
#
# ### Why were some of the 300 calls faster?
#
# In the run on this page many of the first and of the last calls of section 4 take less time than the typical one, down to 0.91 of it, and no call in the middle lies far below it. As nothing makes the work itself shorter, something probably slowed the calls *in the middle*, which are about half of all, perhaps a neighbour on the same rented processor. (A machine that you share with nobody, at a fixed clock rate, would tell.) So the typical call is typical of a state of the machine, and not of the work alone.
#
# ### How sure is the ratio itself?
#
# The sign test of section 5 says that B is faster. The same counting says how sure the *ratio* is. Sort the 31 ratios. If the 10th is 1.05 and the 22nd is 1.09, you may report "between 1.05 and 1.09 times as fast": the true median lies outside only if far too many rounds happen to fall on one side of it, and coins do that in 3 % of cases. The quartiles in the table do not say this. They say how far single rounds scatter, and they stay where they are with more rounds, while the interval for the median becomes narrower.
#
# And why the IQR, and not the *standard deviation*? That is the root of the mean squared distance from the mean, so one bad call can make up nearly all of it. For the seven calls of section 4 it is 28 µs, although six of the seven lie within 2 µs; their IQR is 2 µs.
#
# ### Which clock?
#
# Python has several clocks. `time.time()` is the time of day, counted from 1970. Somebody, or a program that keeps the clock right, can *set* it while you measure. And it is such a large number that its last digit is coarse: a float has about 16 digits, and ten of them are used up in front of the point.
# `time.perf_counter()` cannot be set and only runs forward; it counts from some recent moment, often the start of the computer. Use it for durations.
#
# The smallest step of the clock is not the only limit. To read the clock, and even to call a function, takes time as well, often some tens of nanoseconds. Beside a call of 1 ms that is nothing; beside a call of 100 ns it is a good part of what you read. So a short function is called many times between two looks at the clock, and the time is divided. `timing.compare` does that by itself. The cost of the clock is then shared by all calls. The cost of *calling* stays in each of them, so the ratio of two very short functions comes out too near to 1.

# %% slideshow={"slide_type": "skip"}
rows = []
for name in ("time", "perf_counter"):
    knows, digit = time.get_clock_info(name), float(np.spacing(getattr(time, name)()))
    rows.append([f"time.{name}()", knows.adjustable, knows.monotonic, si(knows.resolution, "s"), si(digit, "s")])
Table(["clock", "can be set", "never goes back", "least step, as Python says", "last digit of its float"], rows)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Somebody else's garbage
#
# Python frees most objects as soon as nothing points at them. This does not free objects that point at each other in a circle, or at themselves, because something always points at them. They are left to the **garbage collector**, which runs from time to time, and perhaps in the middle of *your* measurement. Here an object that points at itself holds a tensor:

# %% slideshow={"slide_type": "skip"}
node = SimpleNamespace(tensor=torch.zeros(1000))  # an object that can hold anything
node.me = node
tensor_there = weakref.ref(node.tensor)  # finds it, and does not keep it alive
del node
after_del = tensor_there() is not None
gc.collect()
print("still in memory after del:         ", after_del)
print("still in memory after gc.collect():", tensor_there() is not None)

# %% [markdown] slideshow={"slide_type": "skip"}
# After `del` the tensor is still in memory; the collector frees it. (If it was gone after `del`, the collector happened to run just then.) So `timing.compare` collects once before it starts, and Python's `timeit`, which it uses, switches the collector off while it measures. (If this takes more than a hundredth of a second, `compare` also *freezes* the objects that are left over, mostly loaded modules: later collections skip them and are cheap.)
#
# Should a timer collect before *every* call? The next cell tries three timers on the same product: a plain one, one that collects first, and one that does not collect, but pauses for as long as the collecting takes.

# %% slideshow={"slide_type": "skip"}
gc.unfreeze()  # timing.compare has hidden from the collector what was loaded before; in most programs nothing is hidden
pause = seconds(gc.collect)
befores = {
    "nothing before": lambda: None,
    "collects before": gc.collect,
    "pauses as long": lambda: time.sleep(pause),
}
typical = show.after_each(befores, lambda: seconds(work), turns=7)  # medians
Table(["timer", "over the first"], [[name, f"{s / typical['nothing before']:.2f}×"] for name, s in typical.items()])

# %% [markdown] slideshow={"slide_type": "skip"}
# If collecting made the times longer on your machine, look at the last row: a pause of the same length, with nothing collected. In runs for this lesson most of the difference appeared with the pause alone. So the cause is probably the time in between, as in section 3, and not the collecting. A timer need not collect before every call.
#
# ### The call comes back, and the work?
#
# A GPU takes its work from a queue. A call hands the work over, and Python goes on at once. It is like ordering a pizza by telephone: the call takes a minute, and the pizza does not. Whoever stops the clock when the call comes back has timed the handing over. So wait for the device
# (`torch.cuda.synchronize`, here `timing.synchronise`) before the clock starts and before it stops.

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
print(f"on {device.type}: the call came back after {si(returned, 's')}, the result was there after {si(done, 's')}")

# %% tags=["hide-input"] slideshow={"slide_type": "skip"}
# Draws where the clock must stop on a device with a queue.
show.queue()

# %% [markdown] slideshow={"slide_type": "skip"}
# On a CPU the call comes back with its result, and nothing is left to wait for. So the two times are nearly the same there, unless something disturbs the program just between the two looks at the clock: in the run on this page the second look came at 24.3 ms, some milliseconds after the first. The published copy of this lesson ran on a CPU, so the drawing is a scheme. With a GPU the printed line says by how much you would be wrong.
#
# ### Why was the call after a rest slow?
#
# We time one call of the network in five situations.
#
# - *Its own calls*: right after other calls of itself.
# - *A rest*: after a tenth of a second in which nothing happens.
# - *A loop*: after a tenth of a second in which a loop counts, so that the processor does not rest.
# - *A rest, then one call of another network*: the other network has the same shapes and therefore the same program, but weights of its own in memory. If the network is slow after a rest because its *weights* must be fetched again, then this row is as slow as the second one.
# - *Calls of 60 other networks*: their weights are about 21 MB. That is more than the near caches hold, though not more than the largest cache of a server, so this row asks only about the near caches.

# %% slideshow={"slide_type": "skip"}
others = [copy.deepcopy(net) for _ in range(60)]  # each has its weights in a place of its own


def counts_for(duration):
    end, n = time.perf_counter() + duration, 0
    while time.perf_counter() < end:
        n += 1


befores = {
    "its own calls": lambda: [net(photo) for _ in range(8)],
    "a rest of a tenth of a second": lambda: time.sleep(0.1),
    "a loop of a tenth of a second": lambda: counts_for(0.1),
    "a rest, then one call of another network": lambda: (time.sleep(0.1), others[0](photo)),
    "calls of 60 other networks": lambda: [other(photo) for other in others],
}
typical = show.after_each(befores, lambda: seconds(lambda: net(photo)), turns=9)
Table(["just before", "one call"], [[name, f"{s / typical['its own calls']:.2f}×"] for name, s in typical.items()])

# %% [markdown] slideshow={"slide_type": "skip"}
# In the run on this page the call after a loop takes 1.92 times as long as usual, and the call after a rest 2.27 times. So most of the extra time comes without any rest of the processor. Nor does the loop itself fill the caches, because it needs hardly any memory: in a trial a loop of a thousandth of a second cost only 5 to 7 %, and one of a hundredth about 70 %. What counts is how much time passes, probably because other programs, on a rented machine also those of its neighbours, use the caches meanwhile. After one call of *another* network most of the extra time is gone (in the run on this page 1.34 remains of 2.27). The two networks share the
# program but not the weights. So what had to be fetched again was mostly what they share, probably the program.
#
# ### A thread that waits awake
#
# Section 6 guesses that the second thread's CPU time is waiting. A waiting thread of GNU's OpenMP, which PyTorch's packages for Linux use, first ["waits actively with consuming CPU power"](https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html). A setting, `GOMP_SPINCOUNT=0`, sends it to sleep at once. In a trial on a machine whose cores were *all busy with other programs*, two threads took 26 times the wall time of one thread and 30 times its CPU time. With the setting the two ratios were only 1.6 and 1.7. So there nearly all of the extra time was waiting awake. On a quiet machine the setting makes things worse. In a trial the wall time of two threads was 1.1 times that of one thread without the setting, and 5 times with it. Their CPU time was 2.1 times that of one thread without the setting, and 4 times with it. Probably it takes time to fall asleep and to be woken.
# When other programs need the cores, two threads can be slower on the large product as well: in trials they took 1.6 to 2.6 times as long as one. Probably a call then waits for the one thread that is held up.
#
# The Jupyter kernels (the Python processes behind the notebooks) that this course starts let a thread stay awake only briefly, for the same reason: beside a busy program, a thread that waits awake may hold the very core that the other one needs.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. All of it depends on the machine, so a claim may fail on
# yours. A likely reason then stands below.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("measuring")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Four times as fast as what? Were both warm, did they take turns, in how many rounds, and on which machine? Report median, spread and ratio.
# - Compare a function with itself first, with as many rounds. If this A/A test shows a speed-up of the same size, yours shows nothing.
# - A speed-up belongs to a machine, to its inputs and to a number of threads. Say them, and the CPU time that the threads took.
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

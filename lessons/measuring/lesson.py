# ---
# jupyter:
#   course:
#     promise: You will be able to time two functions so that others can trust the ratio, and know when a gain is only noise.
#     seconds: 15
#     needs: []
#     goals:
#       - time two functions so that the ratio of their times can be trusted;
#       - find the noise of your measurement by racing a function against itself;
#       - say what a report of a speed-up must name.
#     terms: [A/A test, claim, "CPU time, wall time", evaluation mode, interleaved, IQR, noise floor,
#       "ratio, speed-up", scorecard, spread]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A change made the code faster. Did it?*

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* "Four times as fast. As fast as what? Measured how?" Who has read such a sentence this week? Go straight on: we make one ourselves.

# %% tags=["setup", "hide-input"] slideshow={"slide_type": "skip"}
# Sets the seed and one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.measuring import checks as check
from lessons.measuring import show

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. One line, several times as fast
#
# SmallCNN has learned to name pieces of clothing on photos. Whenever it answers, PyTorch also takes *notes*: it records what it would need if the network were to learn from this answer. `torch.inference_mode()` switches the notes off.
#
# What does this one line bring? We time one call of the network as it is, and one call without notes. The **speed-up** is the first time divided by the second.
#
# <!-- page -->
#
# In **evaluation mode** (`eval()`) layers such as dropout do what they do at work, and not what they do in training. Notes are taken in this mode, too.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* `seconds(call)` looks at the clock, makes one call, and looks again. Show the number, and let the room be pleased. "Shall we write that into the report?" Somebody will smell it. Do not explain: the next slide asks the same network again.

# %% slideshow={"slide_type": "skip"}
import time

import torch

from course_utils.data import checkpoints

net = checkpoints.load("small_cnn").eval()
photo = torch.zeros(1, 1, 28, 28)


@torch.inference_mode()
def without_notes():
    return net(photo)


def seconds(call):
    start = time.perf_counter()  # unlike time.time(), a clock that nobody can set
    call()
    return time.perf_counter() - start


# %% slideshow={"slide_type": "fragment"}
as_it_is = seconds(lambda: net(photo))
quiet = seconds(without_notes)
print(f"as it is {1e3 * as_it_is:.1f} ms, without notes {1e3 * quiet:.1f} ms")
print(f"speed-up: {as_it_is / quiet:.1f} times")

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same two calls
#
# Will you write this into your report? Before you do, ask what else was different between the two calls.
#
# **Predict.** We make both calls again, now in the other order. Without notes the network is **A** faster by as much again, **B** about as fast as with notes, or even slower?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let somebody name the other difference: one call came first. After the output: "Again the first of the two is the slow one. Two more calls, and the discovery is gone. How many reports have you read that made this control?"

# %% slideshow={"slide_type": "fragment"}
quiet_again = seconds(without_notes)
as_it_is_again = seconds(lambda: net(photo))
print(f"speed-up: {as_it_is_again / quiet_again:.1f} times")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **B: the gain is gone, so the notes were not its reason.** They would cost as much in either order. The slow call was slow because it came first.

# %% [markdown] slideshow={"slide_type": "skip"}
# The very first call pays for things that are done once: "[some elements of PyTorch are lazily initialized](https://docs.pytorch.org/docs/stable/benchmark_utils.html)", that is, prepared only when somebody asks for them.
#
# The second measurement keeps the notes, and changes what else might be the reason. Has your gain stayed all the same? Then another program probably disturbed one of the calls.
#
# What do the notes really cost? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. The first calls
#
# The network has been called four times. Does each call now take the same time? We let it rest, call it eight times, and do this nine times over.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* The line falls from the left: that is the warm-up. Where a single dot lies far above it, a call was disturbed, which leads to the median.

# %% slideshow={"slide_type": "skip"}
rests = []
for _ in range(9):
    time.sleep(0.2)
    rests.append([seconds(without_notes) for _ in range(8)])

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the calls after each rest.
show.after_rests(rests)

# %% [markdown] slideshow={"slide_type": "skip"}
# The first call after a rest is usually slower than those that follow.
#
# And a dot may lie far above its neighbours. In the middle of such a call another program probably got the processor.
#
# **Try it.** Change `time.sleep(0.2)` to `time.sleep(0)`, and run the cell and the drawing again.
#
# <details><summary>What others found</summary>
#
# Without rests the line is nearly flat: call 1 comes right after a call 8. Disturbed calls may be in any place.
#
# </details>
#
# So before you time a function, call it until its times stop falling. These calls are the **warm-up**, and they do not count. But if your program asks the network once an hour, the slow first call is what its user waits for. Then measure *that* call, and say so.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One number for many calls
#
# Seven warm calls took 10, 11, 10, 12, 10, 11 and 90 µs. What does a typical call take?
#
# - The mean is 154 / 7 = **22 µs**. No call took anything like that.
# - Sorted, they are 10, 10, 10, **11**, 11, 12, 90. The one in the middle is the **median**.
# - The middle half reaches from 10 to 12. Its width, 2 µs, is the **interquartile range**, or **IQR**.
#
# <!-- page -->
#
# One bad call has doubled the mean. If it had taken 900 µs, the median and the IQR would be the same. The two ends of the middle half are called *quartiles*, and the IQR measures the **spread**: how far apart the calls lie.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Sort the seven on the board, and let the room find the median and the middle half. Which call took 22?

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
from statistics import mean, median, quantiles

calls = [10, 11, 10, 12, 10, 11, 90]
print(f"mean {mean(calls)}, median {median(calls)}, quartiles and median {quantiles(calls, n=4)}")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Take turns
#
# A laptop gets warm and slows down. In this *drift* the last of 60 calls takes 30 % longer than the first. A and B are *the same function*.
#
# **Predict.** A runs 30 times, then B 30 times. How far is B's median above that of A: not at all, about 15 %, or 30 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Take a number from three people. Then the picture: in blocks half of the drift lies between the dashed lines. "In the other order, doing nothing would have looked like progress. Would ten times as many calls help?" They would not.

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
import numpy as np

n = 60
times = np.linspace(1.0, 1.3, n)  # simulated: the seconds of call 0, 1, 2, …
in_blocks = median(times[n // 2 :]) / median(times[: n // 2])
in_turn = median(times[1::2] / times[::2])
print(f"B takes {in_blocks:.3f} times as long as A in blocks, and {in_turn:.3f} times in turn")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws both plans: in blocks, and in turn.
show.drift()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **About 15 %, because half of the drift lies between the middle of A's calls and the middle of B's.**

# %% [markdown] slideshow={"slide_type": "skip"}
# Had B run first, it would have looked faster by about as much. If A and B take turns, A B A B …, hardly anything of this is left.
#
# **Try it.** Can more calls remove this error, the *bias*? Change `n = 60` to `n = 6000`, and run the cell again.
#
# <details><summary>What others found</summary>
#
# In blocks B looks as slow as before. More calls reduce the effect of chance, and not a bias: still half of the drift lies between the two middles. In turn, B comes closer to A, as less drift fits between two neighbours.
#
# </details>

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Four calls by hand
#
# The calls take 1.0, 1.1, 1.2 and 1.3 seconds, whatever runs in them. One call of each function is a *round*.
#
# - *In blocks*, A A B B: A takes 1.05 on average, and B 1.25. A / B = **0.84**.
# - *In turn*, A B A B: the first round gives 1.0 / 1.1 = **0.91**, the second 1.2 / 1.3 = **0.92**.
# - *Changing places*, A B B A: 1.0 / 1.1 = **0.91**, and 1.3 / 1.2 = **1.08**.
#
# <!-- page -->
#
# Within a round the two calls are neighbours, so only the drift from one call to the next is left in its ratio. If A and B change places, what is left makes one ratio too small and the next one too large. The middle lies close to 1. A measurement in turn is called **interleaved**.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* The four calls on the board, in each order. Changing places leaves 0.91 and 1.08, and their middle is nearly 1.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Divide first
#
# The machine gets slower, and the second call of B was disturbed:
#
# | round | A | B |
# |---|---|---|
# | 1 | 10 ms | 5 ms |
# | 2 | 20 ms | 30 ms |
# | 3 | 30 ms | 15 ms |
#
# **Predict.** Compute the speed-up of B over A, A / B, in two ways: the median of the three ratios, and the ratio of the two medians. Which one would you report?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* One half of the room computes the first, the other half the second. Ask the second half from which rounds their two medians come.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The median of the ratios 2, 0.67 and 2, which is 2, because each ratio compares neighbours in time.** The medians are 20, from round 2, and 15, from round 3. Their ratio, 1.33, occurs in no round.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. A function against itself
#
# Warm up, take turns, divide in each round, take the median: `timing.compare` does all of this. We give it three candidates: the network (A), **the same again**, and the network without notes (B).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* The grey dots are the same code, so all that they do is noise. This is an *A/A test*, and half of its ratios lie between the *quartiles*. And our discovery? The median of the orange squares is what the notes cost in this race. It was never the number of slide 2.

# %% slideshow={"slide_type": "skip"}
from course_utils.measure import timing

candidates = {"A": lambda: net(photo), "A again": lambda: net(photo), "B": without_notes}
versus = timing.compare(candidates, rounds=31, device="cpu")
versus

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the ratio of every round.
show.rounds(versus)

# %% [markdown] slideshow={"slide_type": "skip"}
# Each dot is the ratio of one round. Single calls scatter more, so here a round holds some 20 ms of calls of each. *A again* is A, so whatever the grey dots do is noise. To compare a function with itself is an **A/A test**. The column *IQR* is of the times, and *quartiles* of the ratios: half of these lie between the two numbers.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Three per cent
#
# **Predict.** A colleague has called his old and his new function once each. The new one was 3 % faster. On his machine the quartiles of an A/A test are 0.95 and 1.06. Has he shown that it is faster: **A** yes, by 3 %, **B** yes, but by less, **C** no?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Vote, then ask what the colleague has to bring. Wanted: a function against itself, and many rounds.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **C: no, because a ratio of 1.03 is quite usual for a function and itself: half of its rounds lie outside of 0.95 to 1.06.** His 3 % may well be noise.

# %% [markdown] slideshow={"slide_type": "skip"}
# The scatter of the A/A test is the **noise floor** of this measurement. In a single round, a gain of that size cannot be told from none. In many rounds it can: the dots scatter as before, but their median becomes surer. So the colleague needs more rounds, and an A/A test with as many. Then repeat the race, at least six times: a gain counts if B beats *A again* every time.
#
# Look at your table. Is *A again* near 1? If not, close other programs, plug in the charger, and run the cell again. And what do the notes cost?
#
# ### PyTorch's own timer
#
# For a large difference less will do:

# %% slideshow={"slide_type": "skip"}
from torch.utils import benchmark


def fastest_ms(call):
    timer = benchmark.Timer("call()", globals={"call": call})
    return 1e3 * min(timer.blocked_autorange(min_run_time=0.3).times)


print(f"as it is {fastest_ms(lambda: net(photo)):.2f} ms, without notes {fastest_ms(without_notes):.2f} ms")

# %% [markdown] slideshow={"slide_type": "skip"}
# `benchmark.Timer` warms up, uses one thread, and reads the clock only before and after a *block* of many calls. We take the *fastest* block. Disturbances by other programs only add time, so this block comes nearest to what the code takes when nothing is in its way.
#
# But it measures one function after the other, in blocks, and a drift fools it. So take the fastest block where one function takes several times as long as the other. For less, let them take turns.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. What a report must name
#
# Suppose that the notes cost 0.03 ms a call, however many photos come in.
#
# - *One photo:* 0.52 ms with notes and 0.49 ms without. The speed-up is 0.52 / 0.49 = **1.06**.

# %% [markdown] slideshow={"slide_type": "fragment"}
# - *A hundred photos at once:* 30.03 ms and 30 ms. The speed-up is 30.03 / 30 = **1.001**.
#
# <!-- page -->
#
# The same change is worth 6 % to one user, and nothing to another. A speed-up belongs to its inputs, to its machine and to its number of threads. So a report names them, and more:

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Let the room compute the ratio for a hundred photos, then click.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Six lines
#
# | a report names… | or else… |
# |---|---|
# | what was compared: same mode, same answers | the faster one may compute something else |
# | machine, threads, inputs | the ratio may be another there |
# | the warm-up | the one that came first looks slow |
# | turns, and how many rounds | a drift helps one of the two |
# | one summary for both | A's mean over B's fastest call flatters B |
# | the A/A test | the gain may be noise |
#
# <!-- page -->
#
# For the first line compare the answers before you race: `torch.allclose(net(photo), without_notes())`. For the second: a call on a GPU comes back before the work is done, so wait for it, as *Deeper* shows. The fifth by hand: with the seven calls of section 2, the mean over the fastest call is 22 / 10. So a function would be 2.2 times as fast as itself.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* For each row, ask who has seen a report without it. The last but one row is the most entertaining: 22 (the mean of slide 5) over 10 (the fastest), 2.2 times as fast as oneself.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise · Your own stopwatch
# ★★ · 10 minutes
#
# Write `typical_speedup(a, b, seconds)`; `seconds(call)` calls a function once and gives its time. Return two numbers: how many times as fast `b` is as `a`, typically, and the noise, which is the IQR of the ratios of `a` over itself. The check runs it on simulated machines; the first ten calls of each function may be slow.
#
# Then race two networks:
#
# ```python
# lenet = checkpoints.load("lenet_fashion_0").eval()
# typical_speedup(lambda: net(photo), lambda: lenet(photo), seconds)
# ```
#
# Is the gain larger than one round's noise?
#
# <!-- page -->
#
# <details><summary>Hint</summary>
#
# A helper `race(one, other)` can return the ratios of forty rounds, less the first ten. You need it twice: for `a` and `b`, and for `a` and `a`. `statistics.quantiles(ratios, n=4)` gives the lower quartile, the median and the upper quartile.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* In the room, without a laptop: write down in five words each what your function does. Collect: warm up, turns, ratio in each round, median, against itself. Ask what each step is for. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def typical_speedup(a, b, seconds):
    """How many times as fast `b` is as `a`, and the IQR of the ratios of `a` over itself."""
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.typical_speedup(typical_speedup)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def typical_speedup_solution(a, b, seconds):
    def race(one, other):
        ratios = []
        for number in range(40):
            if number % 2:
                first, second = seconds(one), seconds(other)
            else:
                second, first = seconds(other), seconds(one)
            ratios.append(first / second)
        return ratios[10:]  # the first ten rounds warm up

    low, _, high = quantiles(race(a, a), n=4)
    return median(race(a, b)), high - low


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Warm up, take turns, divide within each round, and report the median of the ratios: more calls help against chance, and not against a bias.
# - Race a function against itself first. What this A/A test shows is noise. Repeat the race, at least six times: a gain counts if B beats *A again* every time.
# - A speed-up belongs to a machine, to its inputs and to a number of threads: name them, and how you measured.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* A race is all its rounds, by their median; single rounds may cross. Which published speed-up will you look at again? Next: whether a network that became smaller is still as good.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The **scorecard** at the end of each lesson sets its **claims**, published figures or bounds of the course, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("measuring")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# ### A second thread
#
# A *thread* is one worker of a program. PyTorch can share the work of a call among several. Suppose that a call takes 80 ms, of which 60 can be shared. With two threads it takes 20 + 60 / 2 = 50 ms, and is 1.6 times as fast. However many threads there are, the 20 ms remain, so it can never be more than 80 / 20 = 4 times as fast (*Amdahl's law*).
#
# The **wall time** passes until the result is there. The **CPU time** is how long the threads were busy, added up over all of them.


# %% slideshow={"slide_type": "skip"}
def wall_and_cpu(call, calls):
    for _ in range(calls // 4):  # the warm-up
        call()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    return time.perf_counter() - wall, time.process_time() - cpu


matrix = torch.randn(768, 768)
for name, call, calls in (("product", lambda: matrix @ matrix, 40), ("SmallCNN", lambda: net(photo), 200)):
    for threads in (1, 2):
        torch.set_num_threads(threads)
        wall, cpu = (1e3 * s / calls for s in wall_and_cpu(call, calls))
        print(f"{name:8}  threads: {threads}  wall time {wall:5.2f} ms  CPU time {cpu:5.2f} ms")
torch.set_num_threads(1)

# %% [markdown] slideshow={"slide_type": "skip"}
# On most machines with two free cores, the large product needs much less wall time with two threads, for somewhat more CPU time. The small network gains little, or even loses, probably because its steps are short, and the threads have to agree on each of them. A thread that waits may also keep its core busy: it asks again and again whether there is work. Then the CPU time grows, and the answer comes no sooner. So a time without its number of threads says little. This course measures with one.
#
# ### A GPU call comes back early
#
# A GPU takes its work from a queue. A call hands the work over, and Python goes on at once. It is like ordering a pizza by telephone: the call takes a minute, and the pizza does not. If you stop the clock when the call comes back, you have timed the handing over. So wait for the GPU with `torch.cuda.synchronize()` before each look at the clock. `benchmark.Timer` and `timing.compare` do this by themselves.
#
# PyTorch's recipe on mixed precision has two helpers for it, `start_timer` and `end_timer_and_print`. In this course they have become one, another `Timer` than PyTorch's:
#
# ```python
# with timing.Timer() as watch:
#     net(photo)
# print(watch.seconds)
# ```
#
# **Sources.** T. Mytkowicz et al., *Producing wrong data without doing anything obviously wrong!*, 2009, [doi:10.1145/1508244.1508275](https://doi.org/10.1145/1508244.1508275). [Benchmark utils](https://docs.pytorch.org/docs/stable/benchmark_utils.html), PyTorch.
#
# **Going further.** A. Georges et al., *Statistically rigorous Java performance evaluation*, 2007, [doi:10.1145/1297027.1297033](https://doi.org/10.1145/1297027.1297033). T. Hoefler and R. Belli, *Scientific benchmarking of parallel computing systems*, 2015, [doi:10.1145/2807591.2807644](https://doi.org/10.1145/2807591.2807644). Project: take a published speed-up, and list what you must know to repeat it.
#
# **Credits.** The timer began as the helper of Michael Carilli's PyTorch recipe on automatic mixed precision. Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

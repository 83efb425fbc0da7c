# ---
# jupyter:
#   course:
#     promise: You will be able to time two functions fairly, and know when a gain is only noise.
#     seconds: 40
#     needs: []
#     goals:
#       - time two functions so that the ratio of their times can be trusted;
#       - find the noise of your measurement by racing a function against itself;
#       - say what a report of a speed-up must name.
#     terms: [A/A test, claim, "CPU time, wall time", evaluation mode, interleaved, IQR, noise floor,
#       "ratio, speed-up", scorecard, spread]
#     values:
#       alone: "f'{t_a / t_b:.1f}'"
#       fair: "f'{gain:.2f}'"
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *A change made the code faster. Did it?*

# %% tags=["setup", "hide-input"]
# Sets the seed and one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.measuring import checks as check
from lessons.measuring import show

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. One line, several times as fast
#
# SmallCNN is a small network that classifies photos of clothing. Whenever it answers, PyTorch also records every operation, so that it could compute gradients afterwards. This is called **autograd**. One line, `torch.inference_mode()`, switches it off, and some other bookkeeping as well.
#
# How much does this line gain us? Let's time one call of the network as it is, A, and one call in inference mode, B. The **speed-up** of B is A's time divided by B's time, so 2 means twice as fast.

# %% two_functions
import time

import torch

from course_utils.data import checkpoints

net = checkpoints.load("small_cnn").eval()  # evaluation mode: for use, not for training; autograd stays on
photo = torch.zeros(1, 1, 28, 28)  # a black one: for the clock any photo will do


def a():
    return net(photo)


@torch.inference_mode()
def b():
    return net(photo)


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


# %% first_pair
t_a = seconds(a)
t_b = seconds(b)
print(f"A {1e3 * t_a:.1f} ms, B {1e3 * t_b:.1f} ms, speed-up: {t_a / t_b:.1f} times")

# %% [markdown]
# ### The same calls in the other order
#
# Several times as fast, for one line! But what else was different between the two calls? A came first. So we make both calls again, and this time B comes first. If the line was the reason, B must be several times as fast again.
#
# **Predict.** What will the speed-up of B be this time: as large as before, half as large, or below 1?

# %% second_pair
b_again = seconds(b)
a_again = seconds(a)
print(f"A {1e3 * a_again:.1f} ms, B {1e3 * b_again:.1f} ms, speed-up: {a_again / b_again:.1f} times")

# %% [markdown] tags=["answer"]
# **Below 1, because the call that comes first is the slow one.** B came first this time, so now B looks slower. So the line can't have been the main reason.

# %% [markdown]
# If yours isn't below 1, the cells may have run with no pause between them, or another program disturbed a call. One pair can't decide.
#
# Perhaps the line does bring *something*. So far we can't tell, because in both pairs one call had the disadvantage of coming first. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. The first call after a pause is slow
#
# The very first call of all pays for things that are done only once, because PyTorch [prepares some of its parts](https://docs.pytorch.org/docs/stable/benchmark_utils.html) when they're needed for the first time. But in our second pair everything had been prepared, and the first call was slow again. Just before, while you were reading, the network had paused.
#
# Does a pause matter? Let's make one of 0.2 seconds, call the network eight times in a row, and do all this nine times.

# %% pauses
rests = []
for _ in range(9):
    time.sleep(0.2)
    rests.append([seconds(b) for _ in range(8)])

# %% after_pauses tags=["hide-input"]
# Draws the eight calls after each pause.
show.after_rests(rests)

# %% [markdown]
# The first call after a pause takes clearly longer than those that follow it. The picture doesn't show why: other programs may have filled the fast memories beside the processor, or its clock may run slower after a pause.
#
# **Try it.** Is it really the pause? Change `time.sleep(0.2)` to `pass`, and run the cell and the drawing again.
#
# <details><summary>What others found</summary>
#
# Without a pause the line is nearly flat, so it is the pause.
#
# </details>
#
# So before you time a function, call it until its times stop falling. These calls are the **warm-up**, and they don't count.
#
# ### One number for many calls
#
# Warm calls differ, too. Suppose that seven of them took 10, 12, 10, 12, 10, 11 and 90 µs, because another program got the processor during the last one. What does a typical call take?
#
# - The mean is 155 / 7 = 22 µs. No call took anything like that: one bad call has doubled the mean.
# - The **median** is the middle one of the sorted times. They are 10, 10, 10, **11**, 12, 12, 90, so it is 11 µs.
# - How far the calls lie apart is called their **spread**. The middle half of them reaches from 10 to 12 µs, and these two ends are called the *quartiles*. The distance between them, 2 µs, is the **interquartile range**, or **IQR**.
#
# So we have an honest number for one function. A speed-up needs two, and there the next trap is waiting.
#
# ## 3. Let the two functions take turns
#
# While we measure, the machine changes. A laptop gets warm and slows down. This is called a *drift*. Suppose that four calls in a row take 1.0, 1.1, 1.2 and 1.3 seconds, *whatever* runs in them, and let A and B be the same function. Then the true speed-up is 1. Which order of the calls finds it?
#
# - *In blocks*, A A B B: A takes 1.05 s on average and B 1.25 s, so the speed-up of B seems to be 1.05 / 1.25 = **0.84**.
# - *In turn*, A B A B: one call of each is a **round**, and we divide within each round: 1.0 / 1.1 = **0.91** and 1.2 / 1.3 = **0.92**. This is better, because the two calls of a round are neighbours in time, and met nearly the same machine.
#
# A measurement in turn is called **interleaved**.
#
# But isn't four calls simply too few? Let's take 60. Call 1 takes 1.0 s again, call 60 takes 1.3 s, and A and B are still the same function.
#
# **Predict.** In blocks A gets the first 30 calls, and B the last 30. With four calls B's time looked 19 % too long. With 60 calls, is this error nearly gone, four times smaller, or about as large?

# %% sixty_calls tags=["nbval-check-output"]
from statistics import mean, median, quantiles

import numpy as np

times = np.linspace(1.0, 1.3, 60)  # simulated: seconds of call 1, 2, 3, …
in_blocks = median(times[:30]) / median(times[30:])
in_turn = median(times[::2] / times[1::2])
print(f"speed-up of B: {in_blocks:.2f} in blocks, {in_turn:.3f} in turn")

# %% drift tags=["hide-input"]
# Draws both orders of the 60 calls: in blocks, and in turn.
show.drift()

# %% [markdown] tags=["answer"]
# **About as large (a little less), because about half of the drift lies between the middle of A's block and the middle of B's.**

# %% [markdown]
# An error that always points the same way is called a **bias**. **More calls help against chance, but not against a bias.** To make this bias small, change the order: in turn the error is tiny, since hardly any drift lies between two neighbours.
#
# ## 4. A function against itself
#
# The course's function `timing.compare` warms up, lets the functions take turns, divides within each round, and takes the median of the ratios. Here a turn is not one call, but some 20 ms of calls, and each round has a new order, so that no function always comes first.
#
# Suppose that it says "1.05 times as fast". Is this a gain, or would A get as much against *itself*? To find out, we let A run twice, under two names. In its table, *median* and *IQR* belong to the times, and *speed-up* and *quartiles* to the rounds' ratios.

# %% one_race
from course_utils.measure import timing

candidates = {"A": a, "A again": a, "B": b}
timing.compare(candidates, rounds=31, device="cpu")

# %% [markdown]
# *A again* is the same code as A, so whatever its row shows is noise. To race a function against itself is called an **A/A test**, and the scatter of its ratios is the **noise floor** of the measurement. Look at the upper quartile of *A again*: in a quarter of the rounds, A has beaten itself by even more. So a gain as small as that shows nothing when it comes from a single round.
#
# ### Six races decide
#
# With more rounds the median of the ratios becomes surer, since chance makes some of them too large and others too small. Yet some noise is left in it. So we repeat the whole race. Suppose that B were no faster than A. Then it would be the toss of a coin whether B or *A again* gets the larger median, and one win would say little. But six wins in six races would be six heads in a row. They come once in 2⁶ = 64 times, if the races are independent and nothing favours either of the two. So our rule is: **a gain counts if B beats *A again* in six races out of six.**

# %% six_races
races = [timing.compare(candidates, rounds=31, device="cpu") for _ in range(6)]
wins = sum(race.ratio("B") > race.ratio("A again") for race in races)
again, gain = (median(race.ratio(name) for race in races) for name in ("A again", "B"))
print(f"B beats A again in {wins} of 6 races. Median speed-up: A again {again:.2f}, B {gain:.2f}")

# %% races_drawn tags=["hide-input"]
# Draws the six races: small dots are rounds, large ones the medians of the races.
show.six_races(races)

# %% [markdown]
# Now we can answer the question. **Does the line make the network faster? Yes, if B has won your six races, but only by some per cent.** Nearly all of the speed-up in section 1 came from which call was first. *A again* has to stay near 1, because it is A.
#
# If B has lost a race, no gain is shown. Close other programs, race six times once more, and report both series, because whoever repeats the races until B wins gets there by luck.
#
# ## 5. What a report must name
#
# Will B be as much faster for somebody else? That depends on which part you have timed. Suppose that an app needs 10 ms for an answer: 9 ms to receive and unpack the photo, and 1 ms in the network. Now a change makes the network twice as fast. If you time the network, the speed-up is 1 / 0.5 = **2**. If you use the app, it is 10 / 9.5 = **1.05**, because the other 9 ms stay. This is *Amdahl's law*.
#
# A report has to name more than the part:
#
# | a report names… | or else… |
# |---|---|
# | what was compared, and that `torch.allclose(a(), b())` holds | the faster one may compute something else |
# | which part was timed | the reader may gain nothing |
# | which inputs, and how many | each call has costs of its own, so a smaller network often gains less with one photo than with a hundred |
# | machine, and how many threads | where there are more cores, PyTorch takes more *threads*, its workers, and the speed-up may differ |
# | the warm-up | the one that came first looks slow |
# | turns, and how many rounds | a drift helps one of the two |
# | one summary for both | A's mean over B's fastest call flatters B |
# | the A/A test, and how many races | the gain may be noise |
#
# Here is a colleague's stopwatch. By it, our network is faster than itself.


# %% colleague
def colleague(a, b, seconds):
    times_a = [seconds(a) for _ in range(40)]
    times_b = [seconds(b) for _ in range(40)]
    return mean(times_a) / min(times_b)


print(f"A against itself: {colleague(a, a, seconds):.2f} times as fast")


# %% [markdown]
# ## Exercise · A stopwatch to repair
# ★★ · 10 minutes
#
# Write a better stopwatch. It returns two numbers: how many times as fast `b` is as `a`, typically, and the noise, the IQR of the ratios of `a` over itself. Time one call at a time, and only with `seconds`: the check simulates machines, whose first ten calls of each function may be slow.
#
# Then try it on real networks, with one photo and with `photo.expand(100, -1, -1, -1)`:
#
# ```python
# lenet = checkpoints.load("lenet_fashion_0").eval()
# typical_speedup(lambda: net(photo), lambda: lenet(photo), seconds)
# ```
#
# <details><summary>Hint</summary>
#
# A helper `race(one, other)` can return the ratios of forty rounds, without the first ten. You need it for `a` and `b`, and for `a` and `a`. `quantiles(ratios, n=4)` gives the two quartiles, and between them the median.
#
# </details>


# %% tags=["exercise"]
def typical_speedup(a, b, seconds):
    """How many times as fast `b` is as `a`, and the IQR of the ratios of `a` over itself; `seconds(call)` times a call."""
    raise NotImplementedError


# %% tags=["check"]
check.typical_speedup(typical_speedup)


# %% tags=["solution", "hide-cell"]
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


# %% [markdown]
# ## Remember
#
# - Warm up, let the functions take turns, divide within each round, and report the median of the ratios: more calls help against chance, but not against a bias.
# - Whatever a race of A against itself shows is noise, so a gain counts if B beats *A again* in six races out of six.
# - A speed-up belongs to the part that was timed, its inputs, its machine and its threads, so name them.

# %% [markdown]
# ## Scorecard
#
# The **scorecard** of a lesson sets its **claims**, published figures or bounds of the course, beside what your own run has measured.

# %% tags=["scorecard"]
claims.show("measuring")

# %% [markdown]
# ## Deeper
#
# ### PyTorch's own timer, and the fastest time
#
# PyTorch has a good timer, too. `benchmark.Timer` warms up, sets one thread, and reads the clock only before and after a *block* of many calls.

# %%
from torch.utils import benchmark


def fastest_ms(call):
    timer = benchmark.Timer("call()", globals={"call": call})
    return 1e3 * min(timer.blocked_autorange(min_run_time=0.3).times)


print(f"A {fastest_ms(a):.2f} ms, B {fastest_ms(b):.2f} ms")

# %% [markdown]
# Here we take the fastest block, and not the median. Other programs can only add time, so the fastest block comes nearest to what the code itself takes, if the machine itself stays the same. Often it doesn't: look whether A's fastest block is slower than A's median in section 4. If so, the machine had changed in between. And since the timer measures one function after the other, in blocks, such a change fools it. The timer is good enough for a function that is several times as fast. For a few per cent, let them take turns.
#
# ### A second thread
#
# Left alone, PyTorch shares the work of a call among about as many threads as there are cores. The **wall time** of a call passes until the result is there. Its **CPU time** is how long its threads were busy, added up over all of them.


# %%
def wall_and_cpu(call, n_calls=40):
    for _ in range(10):  # the warm-up
        call()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(n_calls):
        call()
    return (time.perf_counter() - wall) / n_calls, (time.process_time() - cpu) / n_calls


matrix = torch.randn(768, 768)
for name, call in (("product", lambda: matrix @ matrix), ("SmallCNN", b)):
    for threads in (1, 2):
        torch.set_num_threads(threads)
        wall, cpu = (1e3 * s for s in wall_and_cpu(call))
        print(f"{name:8}  threads: {threads}  wall time {wall:6.2f} ms  CPU time {cpu:6.2f} ms")
torch.set_num_threads(1)

# %% [markdown]
# On most machines with two free cores, the large matrix product needs clearly less wall time with two threads, for about as much CPU time, or somewhat more. The small network gains little, or even loses, probably because its operations are short, and after each of them the threads have to wait for each other.
#
# ### A GPU call comes back early
#
# A GPU takes its work from a queue. A call only puts work into the queue, and Python goes on at once. It's like ordering a pizza by telephone: the call takes a minute, and the pizza doesn't. So wait for the GPU with `torch.cuda.synchronize()` before each look at the clock. `benchmark.Timer` and `timing.compare` do this for you. PyTorch's recipe on mixed precision has two helpers for it, `start_timer` and `end_timer_and_print`. In this course they have become one:
#
# ```python
# with timing.Timer() as watch:
#     net(photo)
# print(watch.seconds)
# ```
#
# **Sources.** [Benchmark utils](https://docs.pytorch.org/docs/stable/benchmark_utils.html), PyTorch.
#
# **Going further.** T. Mytkowicz et al., *Producing wrong data without doing anything obviously wrong!*, 2009, [doi:10.1145/1508244.1508275](https://doi.org/10.1145/1508244.1508275). A. Georges et al., *Statistically rigorous Java performance evaluation*, 2007, [doi:10.1145/1297027.1297033](https://doi.org/10.1145/1297027.1297033). T. Hoefler and R. Belli, *Scientific benchmarking of parallel computing systems*, 2015, [doi:10.1145/2807591.2807644](https://doi.org/10.1145/2807591.2807644). Project: take a published speed-up, and list what you must know to repeat it.
#
# **Credits.** The timer began as the helper of Michael Carilli's PyTorch recipe on automatic mixed precision. Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# Now you can say whether a network has become faster. But is it still as good? In [[baseline]] three networks have the same accuracy, and two of them often disagree.

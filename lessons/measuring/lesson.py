# ---
# jupyter:
#   course:
#     promise: You will be able to time two functions fairly, and know when a gain is only noise.
#     seconds: 40
#     needs: []
#     goals:
#       - time two functions so that the ratio of their times can be trusted;
#       - find the noise by racing a function against itself, and decide whether a gain counts;
#       - write a report of a speed-up that names what a reader has to know.
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

from course_utils import claims, runtime
from lessons.measuring import show
from lessons.measuring import tasks as check

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. One line, several times as fast
#
# Welcome! In this course you'll make networks smaller and faster. So first you need a way to find out whether a change has made a network faster at all. Can't you just look at the clock? Let's try. Run the cells one after another, with Shift + Enter, and where it says *Predict*, decide before you run on.
#
# SmallCNN is a small network that classifies photos of clothing. Each time it makes a prediction, PyTorch also records every operation, so that it could compute gradients afterwards. This is called **autograd**. If you only want answers, one line switches the recording off: `with torch.inference_mode():`.
#
# How much faster is the network with this line? We time one call of it as it is, A, and one call in inference mode, B. The **speed-up** of B is A's time divided by B's time, so 2 means twice as fast.

# %% two_functions
import time

import torch

from course_utils import checkpoints

net = checkpoints.load("small_cnn").eval()  # evaluation mode: for use, not for training; autograd stays on
photo = torch.zeros(1, 1, 28, 28)  # all black: the time doesn't depend on the photo


def a():
    return net(photo)


def b():
    with torch.inference_mode():
        return net(photo)


def seconds(call):
    start = time.perf_counter()  # Python's finest clock
    call()
    return time.perf_counter() - start


# %% first_pair
t_a = seconds(a)
t_b = seconds(b)
print(f"A {1e3 * t_a:.1f} ms, B {1e3 * t_b:.1f} ms, speed-up: {t_a / t_b:.1f} times")

# %% [markdown]
# ### The same calls in the other order
#
# Several times as fast, for one line! But look again. B differs from A in *two* things: it has the line, and it came second. So we make both calls once more, after a short pause, and this time B comes first. If the line was the reason, B will be several times as fast again.
#
# **Predict.** What will the speed-up of B be this time: **A** as large as before, **B** half as large, or **C** near 1 or below?

# %% second_pair
time.sleep(1)  # about as long as you need to read a line
b_again = seconds(b)
a_again = seconds(a)
print(f"A {1e3 * a_again:.1f} ms, B {1e3 * b_again:.1f} ms, speed-up: {a_again / b_again:.1f} times")

# %% [markdown] tags=["answer"]
# **Near 1 or below (C), because both times the call that came first was the slow one.** B came first this time, so now it looks slower, or at best hardly faster. The line can't have been the main reason, though perhaps it helps a little. Why the first call is slow, section 2 finds out.

# %% [markdown]
# How much does the line itself help? A single pair of calls can't tell. We need a better way to measure. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Warm up, and take the median
#
# Why do the two calls of a pair differ? The very first call of all has extra work, because PyTorch [prepares some of its parts](https://docs.pytorch.org/docs/stable/benchmark_utils.html) only when they're needed. But in our second pair everything was prepared. What else had happened just before its first call? The network had paused.
#
# Does a pause matter? Let's make one of 0.2 seconds, and then call the network eight times in a row. We do this nine times.

# %% pauses
rests = []
for _ in range(9):
    time.sleep(0.2)
    rests.append([seconds(b) for _ in range(8)])

# %% after_pauses tags=["hide-input"]
# Draws the eight calls after each pause.
show.after_rests(rests)

# %% [markdown]
# The first call after a pause takes clearly longer than those that follow it.
#
# **Try it.** Is it really the pause? Change `time.sleep(0.2)` to `pass`, and run the cell and the drawing again.
#
# <details><summary>What others found</summary>
#
# Without a pause the line is nearly flat, so it is the pause.
#
# </details>
#
# So before you time a function, call it until its times stop falling and only go up and down by chance. These calls are the **warm-up**, and they don't count.
#
# ### One number for many calls
#
# Warm calls differ from each other, too. Suppose that five of them took 1.0, 1.2, 1.1, 1.0 and 8.7 ms, because another program got the processor during the last one. What does a typical call take?
#
# - The mean is 13 / 5 = 2.6 ms. No call took anything like that: a single bad one has more than doubled the mean.
# - The **median** is the middle one of the sorted times. They are 1.0, 1.0, **1.1**, 1.2, 8.7, so it is 1.1 ms.
#
# Now we have an honest number for one function. A speed-up needs two, and there the next trap is waiting.

# %% [markdown]
# ## 3. Let the two functions take turns
#
# While we measure, the machine changes. A laptop, for example, gets warm and slows down. This is called a *drift*. Suppose that we make 60 calls, and that they take longer and longer, from 1.0 s for the first to 1.3 s for the last, *whatever* function runs in them. And let A and B be the same function, so that the true speed-up is 1. In which order should we call them?
#
# - *In blocks*: first A thirty times, then B thirty times.
# - *In turn*, A B A B and so on, which is also called **interleaved**: one call of each is a **round**, and we divide within each round. The first two calls take 1.000 and 1.005 s, so the first round gives 1.000 / 1.005 = 0.995.
#
# **Predict.** Which speed-up of B do the medians of the two blocks give: **A** 0.88, **B** 0.96, or **C** 0.99?

# %% drift tags=["hide-input"]
# Draws both orders of 60 simulated calls: in blocks, and in turn.
show.drift()

# %% [markdown] tags=["answer"]
# **0.88 (A), because half of the drift lies between the middle of A's block and the middle of B's.** These middles are the dashed lines on the left, and 1.074 / 1.226 = 0.88.

# %% [markdown]
# More calls wouldn't help: if the machine drifts as far during longer blocks, their middles are as far apart as before. An error that always points the same way is called a **bias**. **More calls help against chance, but not against a bias.**
#
# What helps is the other order. In turn, hardly any drift lies between two neighbours. So for a speed-up we'll always take the median of the rounds' ratios: here it is 0.996. It isn't quite 1, because B comes second in each round, so we'll change the order, too.

# %% [markdown]
# ## 4. Race a function against itself
#
# The course's function `timing.compare` does all of this. One call of ours is so short that a small disturbance is a large part of it. So in each round it times many calls of each function in one go, for about 0.02 seconds. Each round has a new order. On a GPU it also waits. There, a call only puts work into a queue, and Python goes on at once. So `torch.cuda.synchronize()` has to wait for the GPU before each look at the clock.
#
# Suppose that it finds a speed-up of 1.05. Is this a gain, or would A get as much against *itself*? To find out, we let A run twice, under two names, A and *A again*. This is called an **A/A test**. They are the same function, so whatever differs comes from the measurement. If *A again* is now a little above 1, now a little below, that's noise. But if it's off 1 in the same direction race after race, that's a bias: the measurement favours one of the two, and you have to mend it before you judge B.
#
# A race has 31 rounds, because the median of so many moves much less than a single round. It gives the median speed-up of B over A, and that of *A again* over A. But how do we know that B's median isn't just lucky? We run the whole race six times, and check each time which of the two medians is larger, B's or *A again*'s.
#
# If B were no faster, each race would be the toss of a coin, and six wins would be six heads in a row. By luck alone, that happens once in 2⁶ = 64 tries, if the races are independent and nothing favours either of the two. So our rule is: **a gain counts if B beats *A again* in six races out of six.**

# %% six_races
from statistics import median, quantiles

from course_utils import timing

candidates = {"A": a, "A again": a, "B": b}
races = [timing.compare(candidates, rounds=31, device="cpu") for _ in range(6)]
again = [race.ratio("A again") for race in races]  # ratio(name): the median of a race's 31 ratios
gains = [race.ratio("B") for race in races]
wins = sum(x > y for x, y in zip(gains, again, strict=True))
gain = median(gains)
print(f"B beats A again in {wins} of 6 races. Typical speed-up: A again {median(again):.2f}, B {gain:.2f}")

# %% races_drawn tags=["hide-input"]
# Draws the six races: small dots are rounds, large ones the medians of the races.
show.six_races(races)

# %% [markdown]
# **Does the line make the network faster? Yes, if B has won your six races, but the gain is small: on our processors, about a tenth or less.** Nearly all of the speed-up in section 1 came from the order of the calls.
#
# If B loses even one race, you haven't shown a gain. You haven't shown that there's none, either: it may be too small for 31 rounds. And if you keep repeating the six races until B wins them all, you've only waited for luck.
#
# ### How large is the noise?
#
# Look at the small grey dots: each is A against itself in a single round. How far apart they lie is called their **spread**. To measure it, sort the ratios, and leave out the smallest quarter and the largest. The ends of what is left are the *quartiles*, and the distance between them is the **interquartile range**, or **IQR**.

# %% noise
low, high = races[0].ratio_quartiles("A again")
print(f"race 1, A against itself: quartiles {low:.2f} and {high:.2f}, IQR {high - low:.2f}")

# %% [markdown]
# This IQR of the unrounded quartiles is the **noise floor** of a single round. If one round shows a gain no larger than that, it shows nothing, because now and then A beats even itself by as much. But we didn't judge by one round. The large grey dots, each a median of 31, usually lie closer together than the small ones, so six races can show a gain that a single round can't.

# %% [markdown]
# ## 5. What a report must name
#
# By itself, a speed-up can neither be trusted nor used. Here is a whole report on our change. Fill in the gaps for your own run: `races[0].median_ms("A")` gives milliseconds, and `gains` holds the six medians.
#
# | a report says… | because… |
# |---|---|
# | "Both give the same answers by `torch.allclose(a(), b())`." | the faster one might compute something else |
# | "I timed the network alone, with one photo at a time, …" | an app has other parts that stay as slow as before, and a gain with one photo may be gone with a hundred |
# | "… on my laptop (its name, PyTorch's version), with one thread." | PyTorch shares the work among *threads*, its workers, usually about as many as there are cores, so their number changes the time; `torch.get_num_threads()` says it |
# | "After a warm-up, I made six races of 31 rounds in turn. The typical median speed-up was …: A took … ms, and B … ms." | otherwise the order, or one bad call, may decide who looks faster |
# | "In a round, A against itself has an IQR of …; B won … races of six, with medians from … to …." | the gain might be chance, or its size |

# %% [markdown]
# ## Exercise · A stopwatch that reports
# ★★ · 10 minutes
#
# Write a stopwatch that returns its report as a dict: `"speed-up"`, that of `b` over `a`; `"noise"`, the IQR of the ratios of `a` over itself; `"same answers"`, `True` or `False`; and `"threads"`. Time one call at a time, and only with `seconds`, because the check simulates machines. On some of them, the first ten calls of each function are slow.
#
# Then try it on our network: `report(a, b, seconds)`. Can this one race decide?
#
# <details><summary>Hint</summary>
#
# Let each round time three calls: `a`, `a`, `b`. In a fixed order, even `a` may look a few per cent faster than itself: a bias. So call every second round backwards, `b`, `a`, `a`, and turn its three times around again. Forty rounds without the first ten hold all the ratios that you need: the first `a` over the second for the noise, and the second over `b` for the speed-up. `quantiles(ratios, n=4)` gives the two quartiles, and between them the median.
#
# </details>


# %% tags=["exercise"]
def report(a, b, seconds):
    """A dict: "speed-up", "noise", "same answers", "threads"; `seconds(call)` makes a call and returns its time."""
    raise NotImplementedError


# %% tags=["check"]
check.report(report)


# %% tags=["solution", "hide-cell"]
def report_solution(a, b, seconds):
    rounds = []
    for _ in range(20):
        rounds.append([seconds(call) for call in (a, a, b)])
        rounds.append([seconds(call) for call in (b, a, a)][::-1])  # every second round backwards
    rounds = rounds[10:]  # the first ten warm up
    low, _, high = quantiles([first / again for first, again, _ in rounds], n=4)
    return {
        "speed-up": median(again / other for _, again, other in rounds),
        "noise": high - low,
        "same answers": torch.allclose(a(), b()),
        "threads": torch.get_num_threads(),
    }


# %% [markdown]
# ## Remember
#
# - Warm up, let the functions take turns, divide within each round, and take the median of the ratios.
# - Race A against itself, too: what varies around 1 is noise, and what is always off 1 in the same direction is a bias that you must mend first. Then a gain counts if B beats *A again* in six races out of six.
# - A report names what was timed, on which inputs, machine and threads, how, and with how much noise.

# %% [markdown]
# ## Scorecard
#
# The **scorecard** sets the **claims** of a lesson, published figures or bounds of the course, beside what your own run has measured.

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


print(f"fastest block: A {fastest_ms(a):.2f} ms, B {fastest_ms(b):.2f} ms")
print(f"median of A in the last race: {races[-1].median_ms('A'):.2f} ms")

# %% [markdown]
# Here we take the fastest block, and not the median. Other programs can only add time, so the fastest block comes nearest to what the code itself takes, if the machine itself stays the same. Often it doesn't. If A's fastest block is slower than A's median in the last race, the machine has changed in between. And since the timer measures one function after the other, in blocks, such a change gets into their ratio, which can be far from that of the six races. For a few per cent, let them take turns. The fastest time is good enough where one side is several times as fast, and in later lessons you'll meet it there.
#
# ### A second thread
#
# What does a second thread bring? The **wall time** of a call is the time from the call to its result. Its **CPU time** is how long its threads were busy, added up over all of them.


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
# If the product's CPU time with two threads is no more than its wall time, no second core was at work. Then your run says nothing about one. Perhaps both threads had to share a single core, and then a second thread can only cost time.
#
# ### One block of code
#
# To time a single block, PyTorch's recipe on mixed precision has two helpers, `start_timer` and `end_timer_and_print`. Both wait for the GPU. In this course they have become one:
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

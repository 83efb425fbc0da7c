# ---
# jupyter:
#   course:
#     promise: You will be able to say of a layer whether memory or arithmetic holds it back, and what then makes it faster.
#     seconds: 35
#     needs: [energy]
#     goals:
#       - Work out from two times which of the two, memory or arithmetic, holds a layer back.
#       - Measure the peak and the bandwidth of your machine, and place a layer under its roof.
#       - Say what a larger batch and fewer bits do to a layer, and where they do nothing.
#       - Find out whether a benchmark reads its weights from memory or from a cache.
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

import torch
from torch.nn.functional import linear

from course_utils import models, runtime
from course_utils.measure import energy, timing
from course_utils.scorecard import claims
from course_utils.show.tables import Table, si
from lessons.roofline import checks as check
from lessons.roofline import show

runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Sixteen times the work
#
# A linear layer of 4,096 by 4,096 weights answers one input. Then it answers 16 inputs at once: 16 times the arithmetic.
#
# **Predict.** How many times longer does it take? **A** 16 times, **B** 10 to 15 times, **C** less than 10 times. And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Votes for A to C, counts on the board. Expect A and B. Show the result and ask: "What did the processor do in the rest of the time?" Collect guesses; section 2 tests the one that is about memory.
# On a machine where the ratio is near 16, say so.

# %% slideshow={"slide_type": "skip"}
width = 4096
weights = torch.randn(8, width, width, device=device)  # eight layers of 67 MB; the first one is used here
one, sixteen = (torch.randn(n, width, device=device) for n in (1, 16))
jobs = {"16 inputs": lambda: linear(sixteen, weights[0]), "1 input": lambda: linear(one, weights[0])}
sixteen_to_one = timing.compare(jobs, device=device)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the two times, and beside them 16 times the first.
show.sixteen_times(sixteen_to_one)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The time grows much less than the work: in the run on this page, sixteen times the arithmetic takes less than ten times as long (C).** So with one input the processor did much less arithmetic in a second than it can.
#
# <!-- page -->
#
# What did it do instead? It waited. To answer even a single input the processor must read all the weights of the layer, and these are 4,096 · 4,096 numbers of 4 bytes each, 67 MB. The 16 inputs need the *same* weights. They are read once, and every weight is then used 16 times in place of once. So a part of the time does
# not grow with the work at all.
#
# This is an explanation, and so far nothing but a guess: the time alone does not show what the processor waited for. The next section does the calculation for a toy, and section 3 turns the guess into two numbers that can be wrong. (If your ratio is close to 16, then either one input hardly waits for its weights, or your library fetches them anew for each of the 16; section 3 tells. If the times scatter much, close other programs and run the cell again.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Two times, one layer
#
# A toy machine does **100 operations** and moves **10 bytes** in a second, both at the same time. A layer of 20 weights, one byte each, multiplies each input by every weight and adds the product to a sum. (We count the weights only, as if inputs and outputs cost nothing to move. In a layer this small they would cost more than the weights; in a large one they are few. Section 4 puts them back.)
#
# **Predict.** How many seconds does the layer take at least, for one input and for 16?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Two minutes on paper. Draw two bars one under the other, arithmetic and memory, first for one input, then for 16: the longer one decides. Ask from which batch on the arithmetic bar is the longer one: 5. A kitchen helps: the cook is the arithmetic, the door is the memory.

# %% slideshow={"slide_type": "fragment"}
operations_a_second, bytes_a_second, toy_weights = 100, 10, 20
for batch in (1, 16):
    arithmetic_s = 2 * batch * toy_weights / operations_a_second  # product, sum
    memory_s = toy_weights / bytes_a_second  # each weight once, whatever the batch
    print(f"{batch} inputs: arithmetic {arithmetic_s:.1f} s, memory {memory_s:.1f} s")
    print(f"  at least {max(arithmetic_s, memory_s):.1f} s")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **One input takes at least 2 seconds, and 16 inputs at least 6.4: sixteen times the work in 3.2 times the time.** The longer of two times decides.
#
# <!-- page -->
#
# One input needs 20 products and 20 sums, 40 operations, and these take 40 / 100 = 0.4 s. But the 20 weights must be moved as well, and that takes 20 / 10 = 2 s. Both go on at the same time, so the layer takes at least 2 s, and the arithmetic stands still for four fifths of them. With 16 inputs the arithmetic takes
# 16 · 0.4 = 6.4 s. The weights are still moved only once, in 2 s. Now the memory stands still. At 5 inputs both take 2 s.
#
# Why at the same time? A processor asks for the next weights while it still multiplies the last ones. Where it cannot, the times add up: 5 inputs would take 2 + 2 = 4 s. So the larger of the two times is a bound, and on this account it can miss by at most a factor of two, most of all where both times are alike.
#
# These are the words of the field. The operations that a machine can do in a second are its **peak**. The bytes that its memory delivers in a second are its **bandwidth**. And what tells the two cases apart is how many operations the layer makes for each byte that it moves, its **arithmetic intensity**: for one input 40 / 20 = 2 operations a byte,
# for 16 inputs 32. The toy machine can do 100 operations in the time of 10 bytes, 10 for each byte. Below an intensity of 10 it waits for its memory, above it for its arithmetic. This number of the machine is called the **ridge**.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. The roof of this machine
#
# A layer of intensity $I$, in floating-point operations (FLOP) for each byte, is at most as fast as the lower of two limits
# ([Williams et al., 2009](https://doi.org/10.1145/1498765.1498785)):
#
# $$\text{speed} \le \min(\text{peak},\; I \cdot \text{bandwidth})$$
#
# Both limits are equal at the ridge, $I = \text{peak} / \text{bandwidth}$.
#
# **Predict.** Where does the ridge of this machine lie: near **A** 1, **B** 10 or **C** 100 operations a byte?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; expect A. Read the answer from the line under the figure, and take the letter that is nearest by ratio (4 is nearer to 10 than to 1). Point at the slope ("the door") and at the flat part ("the cook").
# "Where does our layer with one input stand?" Let somebody work it out: each weight, 4 bytes, gives 2 operations. At 0.5, far on the left.

# %% [markdown] slideshow={"slide_type": "skip"}
# The formula says what section 2 said. Divide the operations by the longer of the two times, and you get the lower of two speeds: all operations / arithmetic time is the peak, and all operations / memory time is $I$ · bandwidth. For the toy machine: one input makes 40 operations in 2 s, which is 2 · 10 a second; 16 inputs make 640 operations in 6.4 s, and that is the peak, 100 a second.
#
# To draw it for your machine we need its two numbers. The **peak** comes from a product of two matrices of 2,048 by 2,048 numbers. Each number is used 2,048 times; that is an intensity of $2 \cdot 2048^3 / (3 \cdot 2048^2 \cdot 4)$ = 341 operations a byte, so this product hardly waits for memory. The **bandwidth** comes from the dot product of all eight layers with themselves. Each number
# arrives once and serves as both factors: 537 MB, more than most caches hold, and two operations for 4 bytes, an intensity of 0.5, like our layer with one input. The other functions in the cell belong to sections 4 and 5. All take turns, so that a slow spell of the machine hits all of them ([[measuring]]).

# %% slideshow={"slide_type": "skip"}
square, long = torch.randn(2048, 2048, device=device), weights.view(-1)
turn = itertools.cycle(weights)  # another of the eight layers at each call
inputs = {batch: torch.randn(batch, width, device=device) for batch in (1, 16, 64, 256)}
jobs = {"product": lambda: square @ square}  # for the peak
jobs |= {"read": lambda: torch.dot(long, long)}  # for the bandwidth: reads all eight layers
jobs |= {"again": lambda: linear(inputs[1], weights[0])}  # for section 5: one layer, again and again
jobs |= {batch: lambda x=x: linear(x, next(turn)) for batch, x in inputs.items()}  # eight layers in turn
taken = timing.compare(jobs, rounds=9, device=device)
seconds = {job: taken.median_ms(job) / 1e3 for job in jobs}

# %% slideshow={"slide_type": "skip"}
peak = 2 * 2048**3 / seconds["product"]  # operations a second
bandwidth = long.numel() * 4 / seconds["read"]  # bytes a second
ridge = peak / bandwidth  # operations a byte
print(f"peak {si(peak, 'FLOP/s')} ÷ bandwidth {si(bandwidth, 'B/s')} = ridge {ridge:.1f} FLOP a byte")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws both limits on logarithmic axes.
show.roof(peak, bandwidth)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The ridge of a processor with one thread usually lies between 1 and 20 operations a byte; the line above says where it lies on yours.** (On the AMD EPYC of this page it was 2.5 and 3.4 in two runs.) That of a graphics card is usually higher.
#
# <!-- page -->
#
# Take the letter that is nearest by ratio: below 3.2 it is A, from there to 32 B, above it C. In the run on this page it is 3.4, just B.
#
# (By their data sheets, in fp32: about 12 for an A100 with 19.5 TFLOP/s and 1.6 TB/s, 82 for an RTX 4090 with 82.6 TFLOP/s and 1.0 TB/s. With their units for 16 bits it is hundreds.)
#
# Left of the ridge the limit is a slope: twice the intensity allows twice the speed, because every byte brings work for twice as many operations. Right of it the limit is flat: even with the arithmetic busy all the time, more work for each byte allows no higher speed. The drawing looks like a roof, hence its name, the **roofline**.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The guess of section 1, tested
#
# Section 1 guessed that the layer with one input waits for its weights. One input makes 2 · 4,096² = 33.6 million operations and reads 67.1 MB. So each of the two limits foretells a time: operations / peak, and bytes / bandwidth.
#
# **Predict.** Which of the two times will the measured one be near? And how many times as long as the shorter is the longer one, on a machine with a ridge of 5?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* The intensity is 0.5, the ridge 5, so memory takes ten times as long as arithmetic: let the room say it before the numbers come. "What would have refuted us?" A measured time near the first number, or far above both.

# %% slideshow={"slide_type": "fragment"}
arithmetic_ms = 2 * width**2 / peak * 1e3
memory_ms = 4 * width**2 / bandwidth * 1e3
print(f"arithmetic {arithmetic_ms:.2f} ms, memory {memory_ms:.2f} ms")
print(f"measured   {seconds[1] * 1e3:.2f} ms for one input")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The measured time is much nearer to that of the memory than to that of the arithmetic. With a ridge of 5 the two are a factor of 10 apart.**
#
# <!-- page -->
#
# The factor between the two times is the ridge over the intensity, 5 / 0.5 = 10: the machine could do 5 operations in the time of a byte, and the layer brings half an operation for each. So the guess has passed a test that it could have failed: arithmetic alone would explain only a small part of the time, and reading the weights at the measured bandwidth would take most of it, in the run on this page more than four fifths. (That is not yet the time that was *waited*: from a cache the same routine still takes about half of it, as *Deeper* shows. What is left is a question for the table in section 4.)
#
# Three things to know about the two numbers. *Peak* is what one product of matrices reaches in PyTorch, and *bandwidth* what one dot product reads, both with one thread; neither is the chip's own limit, and another library may come closer ([[choosing]] tries). With more threads the peak grows with the cores, while the bandwidth is shared among them and usually grows less. So the ridge usually moves to the right, and more layers wait for memory (not measured here). The measured time can even lie a little below that of the memory, because the layer may read its weights
# faster than our dot product reads. And Williams et al. count the bytes that really pass between the caches and the main memory, and call this the *operational* intensity; we count what the layer must move at least.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 4. The batch moves the layer
#
# A layer of $n \times n$ fp32 weights moves its weights once, and $n$ inputs and $n$ outputs for each member of a batch of size $B$, four bytes each:
#
# $$I(B) = \frac{2 \, B \, n^2}{4\,(n^2 + 2 B n)}$$
#
# **Predict.** From which batch on does our layer lie right of the ridge? Where under the roof do you expect the batches 1, 16, 64 and 256?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 4 min.* Half a minute for the first question; wanted: at about twice the ridge. Only then open the figure, which says the exact number. It opens with the roof alone: let somebody draw the point of each batch
# before its click. Batch 1 lies near the slope. Where a point is above the roof: "The slope is what a dot product reads; the memory can give a little more, or a cache helped."


# %% slideshow={"slide_type": "skip"}
def intensity(batch, n=width, bytes_each=4):
    """Operations a byte of a square linear layer; weights, inputs and outputs are moved once."""
    return 2 * batch * n * n / (bytes_each * (n * n + 2 * batch * n))


speed = {batch: 2 * batch * width**2 / seconds[batch] for batch in inputs}
share = {batch: s / min(peak, intensity(batch) * bandwidth) for batch, s in speed.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
# Draws the four batches under the roof, one after the other.
show.batches_under_the_roof(peak, bandwidth, {b: (intensity(b), speed[b], share[b]) for b in inputs}, width)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer", "lecture"]
# **In fp32 the layer lies right of the ridge from a batch of about twice the ridge on. Of the four batches, each larger one is faster.** Batch 1 lies near the slope, the largest nearest to the flat part.
#
# <!-- page -->
#
# For a small batch the weights are nearly all that moves: $n^2$ = 16.8 million weights against 2 $n$ = 8,192 inputs and outputs for each member. Leave those out, and the formula becomes $2 B n^2 / (4 n^2) = B / 2$. In words: each weight takes 4 bytes and serves $B$ inputs with two operations each. So batch 1 has an intensity of 0.5, batch 16 of about 8.
#
# Since $I(B)$ is about $B/2$, it reaches the ridge at $B$ = 2 · ridge. (The inputs and outputs make it a little later; the exact batch stands under the figure. For a very large batch the weights no longer count, and $I(B)$ approaches $n / 4$, 1,024 here. A layer with $n$ below four times the ridge never reaches the ridge, whatever the batch.)
#
# What the batch does *not* change is the time of a batch of one: whoever has one input waits for all the weights. What it changes is what an input costs when there are many. In the run on this page an input costs 3.5 ms alone, 0.89 in a batch of 16, 0.56 in one of 64 and 0.47 in one of 256. By the roofline it cannot fall below its arithmetic, 0.44 ms at the measured peak. This bound falls no more past batch 7; the measured price does, because the small batches stay farther below their roof, as the next section shows. And the first answer of a batch comes with its last: 256 inputs take 120 ms.
#
# Other layers lie elsewhere. A ReLU reads 4 bytes, writes 4 and does one operation: 1/8 of an operation a byte at any batch, so it waits for memory unless its numbers lie in a cache. A convolution uses each weight at every position of the image: at 14 by 14 positions a weight serves one image 196 times, which is 98 operations for each byte of weights, so it can lie right of the ridge with a single image. (Its inputs and outputs lower this number.) And left of the ridge fewer
# operations alone do not lower the bound on the time; fewer bytes do.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How near to the roof?
#
# The roof is a bound: no point should lie above it, but nothing says that a point must reach it.
#
# **Predict.** Which of the four batches reaches the smallest share of its roof? And what else, besides memory and arithmetic, could take the rest of its time?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Collect guesses for the second question first: the call, the caches, the way in which the library walks through the matrix. Then the table. The control stands under *Deeper*.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts intensity, speed and the share of the roof that was reached into a table.
Table(
    ["batch", "intensity, FLOP a byte", "speed, billion FLOP/s", "share of the roof"],
    [[b, f"{intensity(b):.2f}", f"{s / 1e9:.1f}", f"{share[b]:.0%}"] for b, s in speed.items()],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In the run on this page batch 16 reaches the smallest share of its roof, about half of it, and batch 256 the largest.**
#
# <!-- page -->
#
# In the run on this page 16 inputs need 7.0 ms of arithmetic and 2.9 ms of memory, and 14.2 ms were measured. Even if the two went on one after the other, that would be 9.9 ms. Something else must take the rest, and the roofline cannot say what. With batch 1 little is missing: 0.44 + 2.93 = 3.37 ms, and 3.54 were measured. The routine for one input may read its weights a little more slowly than the dot product does, and the two need not go on quite at the same time. And there is always the call itself: a small layer can take a few microseconds, whatever its weights and its batch, because calling it takes that long.
#
# One candidate at batch 16 is the library: for large matrices it has a routine that keeps parts of them in the caches, for a single input another one, and for a few inputs neither may fit well. *Deeper* tests this with a second library. So a roofline answers one question, what is the least time, and it raises the next one when a
# layer stays far away from it.
#
# A share above 100 % means, left of the ridge, that the bandwidth was measured too low or that a cache kept some of the weights, and right of it that the peak was measured too low. That is the next question.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. From memory, or from a cache?
#
# A network has many layers. When a layer's turn comes again, the others have passed through the caches in between. So let **eight** layers of 67 MB take turns, one input each. Beside it stands one layer, again and again, as in section 1. The arithmetic is the same.
#
# **Predict.** Which layer answers sooner: the one that is used again and again, or one of eight in turn? Or are they alike? And what would each answer tell you about section 1?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "Same size, same arithmetic; only what can be kept from call to call differs. That isolates the cause." Vote. Ask what a ratio well above 1 means for a benchmark that calls one layer in a loop: it times a cache, and promises too much.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Compares both layers with the dot product: weights read in a second.
read = show.again_or_in_turn(taken)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **It depends on the caches: where the printed ratio is clearly above 1, the layer that is used again and again is faster, and section 1 timed a cache; where it is near 1, the two are alike.**
#
# <!-- page -->
#
# The two differ only in what the machine could keep from call to call, so the ratio isolates the work of its caches.
#
# *Clearly above 1.* Some of the 67 MB stayed in a cache and arrived sooner. A network of many layers has no such luck, so a benchmark that calls one layer in a loop promises too much.
#
# *Near 1.* There are three explanations, and this experiment cannot tell them apart. Either both layers came from memory, because no cache holds 67 MB or other programs use it. Or both came from a cache that holds all 537 MB, which is rare. Or the routine for one input is so slow that a faster cache would not show. The sizes of the caches, which your system reports (*Deeper*), give a hint. To decide, read more and more numbers in turn, until their sum is larger than any cache of the machine; *Deeper* goes up to 537 MB, so a cache of that size it cannot exclude either.
#
# The third bar is the dot product, which reads all eight layers. Where "eight in turn" is near it, the layer with one input reads its weights about as fast as a function that does hardly anything but read. That is the strongest sign in this lesson that the layer waits for its memory. In the run on this page it reads five sixths as fast: the weights take most of the time, and the routine may take the rest. (Section 6 brings another sign.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 6. Fewer bits
#
# The same eight layers, stored in other formats: *fp32* with 4 bytes a weight, *bf16* (a floating-point number of 16 bits) with 2, *int8* (whole numbers) with 1.
#
# **Predict.** How many times faster than fp32 is int8 with **one** input? With **64** inputs the same, more, or less? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 4 min.* Two votes. After the table, row by row: "Which limit moved?" With one input the bytes decide, so the table follows the bytes. With 64 the arithmetic decides, so it follows the units that this processor has. A bf16 row that gets slower is a processor without units for it: say so before somebody concludes that bf16 is slow.

# %% slideshow={"slide_type": "skip"}
jobs = show.layers_of_fewer_bits(weights, {batch: inputs[batch] for batch in (1, 64)})
fewer = timing.compare(jobs, rounds=5, device=device)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
# Puts the gains over fp32 beside the bytes, for each batch.
gains = show.gains_of_fewer_bits(fewer)
show.gains_table(gains)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **With one input fewer bytes make the layer faster, roughly as many times as there are fewer bytes. With 64 inputs the bytes no longer decide, and what counts is how fast the processor and its library multiply such numbers.**
#
# <!-- page -->
#
# By the roofline, in two steps. *One input* lies on the slope, with an intensity of half an operation a byte. A quarter of the bytes makes it 2 operations a byte, so the bound on the speed rises four times, as long as it stays left of the ridge. How can a gain be larger than four, as in the run on this page? The bound of int8 is four times that of fp32, but fp32 does not reach its own. A gain of 4.8 in place of 4 says that int8 comes nearer to its roof: fp32 reached 83 % of its own, so int8 reaches about 4.8 / 4 · 83 % = 100 %.
#
# *64 inputs* have an intensity of about 31 in fp32, right of the ridge. Fewer bytes move the layer farther to the right, where the roof is flat: nothing is gained. In the run on this page 64 inputs have 28 ms of arithmetic, and 3 ms of memory at the same time; whoever removes three quarters of the 3 ms still has 28. Only a *higher peak* helps there, and that is a property of the processor. int8 has one on most processors, since one instruction multiplies more numbers of 8 bits than of 32. bf16 has one on some. The processor of this page has no
# instructions for it, and PyTorch's routine for bf16 takes three times as long there as fp32. Converting a number is not what costs: in a trial, to turn all weights into fp32 at each call and then to multiply took 42 ms, fp32 alone 38, the bf16 routine 114. It takes as long for each of 64 inputs as for one alone, so it does not share the work. (With one input that routine is fast enough, so there the halved bytes show.) The line over the table says which yours is.
#
# So "fewer bits are faster" is two statements, and each has its condition. Fewer *bytes* help a layer that waits for its memory. Cheaper *operations* help a layer that waits for its arithmetic, if the processor has them. (The int8 layer here also quantizes its inputs at each call, which takes time. [[dynamic]] looks into that.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Write your answer into the cell with the stub, run it, then run the check below it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 1 · The least time of a layer
# ★★ · 8 minutes
#
# Write `roof_seconds`: the least time, by the roofline, of a linear layer *without bias* on a whole batch. The layer reads its
# weights once for the batch, reads every input and writes every output; each number takes `bytes_each` bytes. A MAC is two
# operations. Arithmetic and memory work at the same time.
#
# `roof_seconds(n_in, n_out, batch, bytes_each, peak, bandwidth)` → seconds; `peak` in operations a second, `bandwidth` in bytes a second; `batch`
# is at least 1; `n_in` and `n_out` are both at least 1, or both 0: then there is no layer, and no time
#
# <details><summary>Hint</summary>
# How long would the arithmetic take alone, and the memory alone? Each input has n_in numbers, each output n_out. When both work at the same
# time, the layer is done when the slower one is.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; at home it takes 8 minutes. A slip to expect is the sum of both times. Ask for the words on the card that decide it ("at the same time").


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
# ### Exercise 2 · What does it wait for?
# ★★★ · 12 minutes · an investigation
#
# Somebody's layer is slow. Does it wait for its memory, for its arithmetic, or for something else, such as the call itself? You get a stopwatch, `seconds(change)`: it runs the layer once and returns its time.
# `"none"` is the layer as it is, `"double batch"` gives it twice the inputs, `"half bytes"` stores its weights in half the bytes. The made-up layers move hardly anything but weights, and read them once whatever the batch. Sometimes another program disturbs a call.
#
# `waits_for(seconds)` → `"memory"`, `"arithmetic"` or `"neither"`; run each at least 15 times, all equally often
#
# <details><summary>Hint</summary>
# What does each change do to the two times of section 2? Write a table with a column for each change and a row for each conclusion. Some processors
# also compute faster with fewer bits.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several machines. A change counts if the typical time changes by more than a quarter. It looks at how you measure, and then at what you conclude. A real layer can fool this test. A ReLU moves twice the bytes for twice the inputs. And in a trial the layer of section 1 took 2.1 times as long for two inputs as for one, as long as two calls: for so few inputs the library does not share the weights. There 16 inputs are the better question: they took 4 times as long, not 16 times.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop: the table of the hint, on paper. Memory: 1 and a half. Arithmetic: 2, and 1 or a half. Neither: 1 and 1. "Which of the two columns is the safer one?" The batch, *as long as nearly all bytes are weights and these are read once*: a half in the other one may have two reasons. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def waits_for(seconds):
    """Say what the layer waits for: "memory", "arithmetic" or "neither".

    Args:
        seconds: a stopwatch; `seconds("half bytes")` runs the changed
            layer once and returns its time.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.waits_for(waits_for)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def waits_for_solution(seconds):
    changes = ("none", "double batch", "half bytes")
    times = {change: [] for change in changes}
    for _ in range(25):  # in turn, so that a slow spell hits all three
        for change in changes:
            times[change].append(seconds(change))
    typical = {change: sorted(samples)[12] for change, samples in times.items()}
    if typical["double batch"] > 1.25 * typical["none"]:
        return "arithmetic"  # more work with the same weights takes longer
    return "memory" if typical["half bytes"] < 0.75 * typical["none"] else "neither"


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### Why does batch 16 not reach its roof?
#
# PyTorch hands a linear layer in fp32 to a library. Before it multiplies, the library may have to arrange the weights in another order, so that its fastest instructions find them side by side. It does this at each call anew. Two controls tell how much that costs. The first takes another library of PyTorch's, oneDNN, which is called by an internal name of PyTorch, so a later version may not have it. The second is the same,
# with weights that were arranged beforehand.

# %% slideshow={"slide_type": "skip"}
show.sixteen_arranged(weights, inputs[1], inputs[16], device)

# %% [markdown] slideshow={"slide_type": "skip"}
# What would the roof allow? With a ridge of 8 or more, 16 inputs as fast as one; below it 8 / ridge times the time of one, in the run on this page 8 / 3.4 = 2.4 times. In milliseconds the roof asks for 7.0 there. PyTorch's default takes 13.6, oneDNN 11.4, and with arranged weights 10.3: of the 6.6 ms above the roof the library and its arranging explain half, and the other half stays open. On your machine, compare the last column. Where the second row is smaller than the first, the other library has the better routine for so few inputs, and a part of what was missing below the roof was neither memory nor arithmetic that the layer needs, but how a library works. Where the third row is smaller than the second, arranging the weights takes a part of each call. [[dynamic]] gives fp32 the same two controls.
#
# ### At which size does a cache stop helping?
#
# Let a sum read a **working set**, the numbers that are read again and again. It grows from 0.5 MB to 537 MB. (A sum, because it does even less with each number than a dot product.) The second line is our layer with one input, with fewer or more rows, so that its weights are the working set.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Times a sum and a layer for growing working sets, and draws the bytes a second.
show.growing_working_set(long, 4 * width**2, device)

# %% [markdown] slideshow={"slide_type": "skip"}
# Where the working set outgrows a cache, the next one has to deliver, or the memory: it is farther away, and slower. So a curve falls where a cache no longer holds the set, and not evenly. Where the line of the layer falls as well, what delivers the weights was holding the layer back, and where it lies on the line of the sum, the layer reads its weights as fast as a function that does little but read. A line that is flat from the left to the right says nothing about memory: then the function itself sets the pace, and not what it reads from.
#
# Compare the falls with the grey lines, where your system reports its caches. A virtual machine may share a cache with others; then the curve can fall long before that line. A curve that rises much between was probably disturbed. If it falls no more to the right of the black line, and no reported cache is larger than 537 MB, our layer probably comes from memory.
#
# ### And in joules?
#
# A small batch pays most for its weights, a large one most for its arithmetic ([[energy]]). So fewer bits save a different part at each end:

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Estimates LeNet-300-100 in three formats, for one input of a batch of 1 and of 1,024.
show.energy_of_formats(energy.estimate, models.LeNet300100(), torch.zeros(1, 1, 28, 28))

# %% [markdown] slideshow={"slide_type": "skip"}
# At batch 1 hardly anything but the bytes shows: int8 needs a quarter of the energy, although its MAC takes a 15th. At batch 1,024 it is between 4 and 15 times, because the weights still cost something. (In joules LeNet-300-100 turns at another batch than in seconds: its balance is the price of a read over that of a MAC, 640 / 4.6, so 140 in fp32 and 534 in int8, and not the ridge.)
#
# ### Estimate or measurement?
#
# The energies of this course are estimates. Some machines have a counter of joules: Intel and AMD processors one called RAPL, NVIDIA cards one in a library called NVML. (Some counters are models themselves.) How much of a busy processor's power is our estimate of the layer?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Turns two estimates into watts, and reads the counter of this machine where there is one.
show.watts(width, seconds[1], device, lambda: linear(one, next(turn)))

# %% [markdown] slideshow={"slide_type": "skip"}
# By the estimate the arithmetic takes milliwatts on a processor, and the weights from DRAM a watt or a few. (A fast GPU does more a second.) A counter should show far more than the first line: its zone `package` is the whole processor, which also fetches and decodes instructions, moves numbers between its caches, and keeps its clocks running. A zone `dram`, where there is one, is the main memory; compare it with the second line. No counter
# could be read where this lesson was written, so nothing of that was tested. On Linux the counter can often be read by the administrator only. Windows and macOS have no such file, and many virtual machines have none.
#
# ### What do the parts of this course make smaller?
#
# | part | bits of a number | weights | MACs |
# |---|---|---|---|
# | 2, training | fewer, while training | | |
# | 3, quantization | fewer | | |
# | 4, pruning | | fewer, where the file can leave them out | fewer, where the code can skip them |
# | 5, tickets and teachers | | fewer, as in pruning or with a smaller network | fewer, with a smaller network |
# | 6, in a Trainer | fewer | as in pruning | |
#
# A larger batch changes none of these three. It shares the weights. Fewer bits and fewer weights shorten the time of the memory, fewer MACs that of the arithmetic. Which of them counts is what this lesson tells you about a layer.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · The batch that pays for the fetch
# ★★ · 10 minutes
#
# Back to joules. Write `break_even_batch`: the smallest batch size at which the arithmetic of a batch costs at least as much as
# reading all weights once from DRAM. One input takes `n_macs` MACs, at least 1, of `mac_pj` picojoules each. A weight has `bits` bits. Reading costs
# 640 pJ for 32 bits, other widths in proportion.
#
# `break_even_batch(n_weights, n_macs, mac_pj, bits)` → a whole number, at least 1 (also where there is no weight to fetch)
#
# <details><summary>Hint</summary>
# Arithmetic grows with the batch, the fetch does not: set B · n_macs · mac_pj equal to the fetch and solve for B.
# A batch size is a whole number, and at least 1.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
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
claims.show("roofline")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A layer is at most as fast as the lower of two limits: the peak of the arithmetic, and the intensity times the bandwidth.
# - A larger batch and fewer bits raise the intensity, and left of the ridge the bound on the speed rises with it. Right of the ridge
#   neither raises the bound; fewer bits do where the processor computes faster with them.
# - Weights that lie in a cache have a slope of their own, above that of the memory, so a benchmark that repeats one layer may promise too much.
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

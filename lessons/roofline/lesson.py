# ---
# jupyter:
#   course:
#     promise: You will be able to say of a layer whether memory or arithmetic holds it back, and what then makes it faster.
#     seconds: 40
#     needs: [energy]
#     goals:
#       - Work out, from the time that its arithmetic needs and the time that its memory needs, which of the two holds a layer back.
#       - Measure the peak and the bandwidth of your machine, and place a layer under its roof.
#       - Say what a larger batch and fewer bits do to a layer, and where they do not help.
#       - Find out from a few timings what a layer waits for.
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
from course_utils.show.tables import si
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
# **Predict.** How many times as long does it take? **A** about 16, **B** about 8, **C** about 4, or **D** about as long as one? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Votes for A to D, counts on the board. Expect A and B. Show the result and ask: "What did the processor do in the rest of the time?" If nobody says it, say it: each call must read 67 MB of weights. Keep that guess on the board; section 3 tests it.
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
# **The time grows much less than the work: in the run on this page, 16 inputs take 2.5 times as long as one, in others three to four (nearest to C).** So with one input the processor did far less arithmetic in a second than it did with 16.
#
# <!-- page -->
#
# What did it do in the rest of the time? Probably it waited. To answer even a single input, the processor must read all the weights of the layer, and these are 4,096 · 4,096 numbers of 4 bytes each, 67 MB. The 16 inputs need the *same* weights. The weights are read once, and every weight is then used 16 times in place of once. So a part of the time does not grow with the work at all.
#
# So far this explanation is nothing but a guess, because the time alone does not show what the processor waited for. Section 2 does the calculation for a toy, and section 3 turns the guess into two times that a measurement can refute. (If your ratio is close to 16, then a single input hardly waits for its weights, or your library fetches the weights anew for each of the 16 inputs, or its routine for 16 is slow. Section 3 tests the first.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Two times, one layer
#
# A toy machine does **100 operations** and moves **10 bytes** in a second, both at the same time. A layer of 20 weights, one byte each, needs one product and one sum for every weight and input: two operations.
#
# (Inputs and outputs are left out until section 4.)
#
# **Predict.** How many seconds does the layer take at least for 16 inputs, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Two minutes on paper: one input first, then 16. The figure has the four bars; the longer one of each pair decides. Ask from which batch on the arithmetic bar is the longer one: at 5 inputs both take 2 s, from 6 on it is. A kitchen helps: the cook is the arithmetic, the door is the memory.
# In the words of the field: peak 100, bandwidth 10. One input has an intensity of 2 operations a byte, 16 inputs have 32; the ridge of the toy is 10.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Works out the two times for one input and for 16, and draws them.
show.two_times(operations_a_second=100, bytes_a_second=10, n_weights=20)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **16 inputs take at least 6.4 seconds, and one input at least 2: sixteen times the work in 3.2 times the time.** The longer of the two times decides.
#
# <!-- page -->
#
# One input needs 20 products and 20 sums, 40 operations, and these take 40 / 100 = 0.4 s. But the 20 weights must be moved as well, and that takes 20 / 10 = 2 s. Both go on at the same time, so the layer takes at least 2 s, and for four fifths of these 2 s the arithmetic has nothing to do. With 16 inputs the arithmetic takes
# 16 · 0.4 = 6.4 s. The weights are still moved only once, in 2 s. Now it is the memory that waits. At 5 inputs both take 2 s.
#
# Why at the same time? A processor asks for the next weights while it still multiplies the last ones. Where it cannot, the times add up: 5 inputs would take 2 + 2 = 4 s. So the longer of the two times is only a lower bound. Where memory and arithmetic do not overlap, the true time is their sum. That is at most twice the bound, and it is twice the bound where both times are equal.
#
# These are the words of the field. The operations that a machine can do in a second are its **peak**. The bytes that its memory delivers in a second are its **bandwidth**. Which of the two times is the longer one depends on how many operations the layer performs for each byte that is moved, its **arithmetic intensity**: for one input 40 / 20 = 2 operations a byte,
# for 16 inputs 640 / 20 = 32. The toy machine can do 100 operations in the time of 10 bytes, 10 for each byte. A layer with an intensity below 10 makes this machine wait for its memory; a layer with an intensity above 10 makes it wait for its arithmetic. These 10 operations a byte are the **ridge** of the machine.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. The roof of this machine
#
# - **Peak**: floating-point operations (FLOP) that the machine can do in a second
# - **Bandwidth**: bytes that its memory delivers in a second
# - **Intensity** $I$: operations that a layer performs for each byte that is moved
#
# A layer is at most as fast as the lower of two limits ([Williams et al., 2009](https://doi.org/10.1145/1498765.1498785)):
#
# $$\text{speed} \le \min(\text{peak},\; I \cdot \text{bandwidth})$$
#
# The intensity at which both are equal is called the **ridge**: $I = \text{peak} / \text{bandwidth}$.
#
# **Predict.** One core of a processor like that of this page does some 50 to 150 billion operations a second, and its memory delivers some 10 to 30 billion bytes. Where does the ridge lie: **A** below 1, **B** between 1 and 20, or **C** above 20 operations a byte? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; the line under the figure has the number. Point at the slope ("the door") and at the flat part ("the cook").
# "Where does our layer with one input stand?" Let somebody work it out: each weight, 4 bytes, gives 2 operations. At 0.5, far on the left.

# %% [markdown] slideshow={"slide_type": "skip"}
# The formula says what section 2 said. Divide the operations by the longer of the two times, and you get the lower of two speeds: the operations divided by the time of the arithmetic are the peak, and the operations divided by the time of the memory are $I$ · bandwidth. For the toy machine: one input makes 40 operations in 2 s, which is 2 · 10 a second; 16 inputs make 640 operations in 6.4 s, and that is the peak, 100 a second.
#
# To draw it for your machine we need its two numbers. The **peak** comes from a product of two matrices of 2,048 by 2,048 numbers. Each number of the two factors is used 2,048 times. The intensity is $2 \cdot 2048^3 / (3 \cdot 2048^2 \cdot 4)$ = 341 operations a byte, so this product hardly waits for memory. The **bandwidth** comes from the dot product of all eight layers with themselves. Each number
# arrives once and serves as both factors. Together the numbers take 537 MB, which is more than most caches hold. Each takes part in two operations and has 4 bytes, so the intensity is 0.5, as for our layer with one input. The cell also times the layers of sections 4 and 5. All take turns, so that a slow spell of the machine hits all of them ([[measuring]]).

# %% slideshow={"slide_type": "skip"}
square, long = torch.randn(2048, 2048, device=device), weights.view(-1)
inputs = {batch: torch.randn(batch, width, device=device) for batch in (1, 16, 64, 256)}
jobs = {"product": lambda: square @ square}  # for the peak
jobs |= {"read": lambda: torch.dot(long, long)}  # for the bandwidth: reads all eight layers
jobs |= show.layer_jobs(weights, inputs)  # the layers of sections 4 and 5
taken = timing.compare(jobs, rounds=9, device=device)
seconds = {job: taken.median_ms(job) / 1e3 for job in jobs}

# %% slideshow={"slide_type": "skip"}
peak = 2 * 2048**3 / seconds["product"]  # operations a second
bandwidth = long.numel() * 4 / seconds["read"]  # bytes a second
ridge = peak / bandwidth  # operations a byte
print(f"peak {si(peak, 'FLOP/s')} ÷ bandwidth {si(bandwidth, 'B/s')} = ridge {ridge:.1f} FLOP a byte")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws both limits on logarithmic axes.
show.roof(peak, bandwidth)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In the run on this page the ridge lies between 1 and 20 operations a byte (B): the machine can do about eleven operations in the time in which one byte arrives.** The line above says where it lies on yours.
#
# <!-- page -->
#
# 50 / 30 is about 2, and 150 / 10 is 15: these numbers give a few operations a byte. The ridge of a graphics card usually lies higher: by their data sheets, in fp32, at about 12 for an A100 with 19.5 TFLOP/s and 1.6 TB/s, and at 82 for an RTX 4090 with 82.6 TFLOP/s and 1.0 TB/s.
#
# Left of the ridge the limit is a slope: twice the intensity allows twice the speed, because every byte brings work for twice as many operations. (Both axes are logarithmic: a factor of ten is the same distance everywhere, and so $I$ · bandwidth is a straight line.) Right of the ridge the limit is flat: the arithmetic is already busy all the time, so more work for each byte allows no higher speed. The drawing looks like a roof, hence its name, the **roofline**.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The guess of section 1, tested
#
# Section 1 guessed that the layer with one input waits for its weights. One input makes 2 · 4,096² = 33.6 million operations and reads 67.1 MB. So each of the two limits predicts a time: operations / peak, and bytes / bandwidth.
#
# **Predict.** Which of the two predicted times is the measured one near, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First let the room say how far apart the two are: the ridge over the intensity. With a ridge of 11 that is 11 / 0.5 = 22; check it against the printed times. "What would have refuted us?" A measured time near the first number, or far above both.

# %% slideshow={"slide_type": "fragment"}
arithmetic_ms = 2 * width**2 / peak * 1e3
memory_ms = 4 * width**2 / bandwidth * 1e3
print(f"arithmetic {arithmetic_ms:.2f} ms, memory {memory_ms:.2f} ms")
print(f"measured   {seconds[1] * 1e3:.2f} ms for one input")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The measured time is much nearer to that of the memory than to that of the arithmetic, as the guess of section 1 predicts.**
#
# <!-- page -->
#
# The two predicted times differ by a factor of ridge / intensity. With a ridge of 11 that is 11 / 0.5 = 22: while one byte arrives, the machine could do 11 operations, but for each byte the layer needs only half an operation. A measured time near that of the arithmetic, or far above both, would have refuted the guess. It has passed this test. Arithmetic alone would explain only a small part of the time; reading the weights at the measured bandwidth explains all of it. That does not prove that the processor waited for all that time, because the memory time is calculated, not observed. Under *Deeper* the same routine reads its weights from a cache; it then still needs a third to half of the time.
#
# *Peak* is what one product of matrices reaches in PyTorch, and *bandwidth* what one dot product reads, both with one thread; neither is the chip's own limit, and another library may come closer ([[choosing]] tries). The measured time can even lie a little below that of the memory, as in the run on this page, because the layer may read its weights faster than our dot product reads.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. What does a larger batch change?
#
# In a layer of $n \times n$ fp32 weights, each weight passes from memory to the processor once. Each member of a batch of size $B$ adds $n$ inputs and $n$ outputs. Every number has four bytes:
#
# $$I(B) = \frac{2 \, B \, n^2}{4\,(n^2 + 2 B n)}$$
#
# **Predict.** From which batch size on does our layer lie to the right of the ridge, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Half a minute for the question; wanted: at about twice the ridge. Only then open the figure, which says the exact number. It opens with the roof alone ("eight layers in turn" is explained in section 5): let somebody draw the point of each batch
# before its click. Batch 1 lies near the slope. Where a point is above the roof: "The slope is what a dot product reads; the memory can give a little more, or a cache helped."


# %% slideshow={"slide_type": "skip"}
def intensity(batch, n=width, bytes_each=4):
    """Operations a byte of a square linear layer; weights, inputs and outputs are moved once."""
    return 2 * batch * n * n / (bytes_each * (n * n + 2 * batch * n))


speed = {batch: 2 * batch * width**2 / seconds[batch] for batch in inputs}
share = {batch: s / min(peak, intensity(batch) * bandwidth) for batch, s in speed.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the four batches under the roof, one after the other.
show.batches_under_the_roof(peak, bandwidth, {b: (intensity(b), speed[b], share[b]) for b in inputs}, width)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **In fp32 the layer lies to the right of the ridge once the batch is larger than about twice the ridge: with a ridge of 11, from about 22 inputs on.**
#
# <!-- page -->
#
# Batch 1 reaches its roof, the slope. Batch 16 lies left of the ridge as well, but far below the slope. 64 and 256 lie right of the ridge. Each larger batch does more operations in a second, and the largest is near the flat part.
#
# For a small batch the weights are nearly all that moves: $n^2$ = 16.8 million weights against 2 $n$ = 8,192 inputs and outputs for each member. Leave those out, and the formula becomes $2 B n^2 / (4 n^2) = B / 2$. In words: each weight takes 4 bytes and serves $B$ inputs with two operations each. So batch 1 has an intensity of 0.5, batch 16 of about 8.
#
# Since $I(B)$ is about $B/2$, it reaches the ridge at $B$ = 2 · ridge. (The inputs and outputs make it a little later; the exact batch stands under the figure. For a very large batch the weights no longer count, and $I(B)$ approaches $n / 4$, 1,024 here.)
#
# What the batch does *not* change is the time of a batch of one: whoever has one input waits for all the weights. What the batch changes is the time for each input when there are many inputs. By the roofline this time cannot fall below that of the arithmetic of one input, and the batch at the ridge has reached that bound already. The measured time for each input may fall further, where a larger batch comes nearer to its roof. And all answers of a batch arrive together: with 256 inputs even the first one has to wait for the last.
#
# So ask first on which side a layer lies. Left of the ridge a processor with twice the peak changes nothing in the bound. Nor do fewer operations, because the least time stays what the bytes need. **Fewer bytes** lower it: weights of fewer bits, fewer weights, or numbers that are not moved at all. A ReLU that is computed right after the layer, while the numbers are still at the processor, needs no read and no write of its own: of 4 bytes written by the layer and 8 read and written by the ReLU, only 4 are left. Right of the ridge it is the other way round: a higher peak or fewer operations help.
#
# Other layers lie elsewhere. A ReLU on its own does one operation for 8 bytes at any batch, so it waits for memory unless its numbers lie in a cache. A convolution uses each weight at every position of the image: at 14 by 14 positions a weight serves one image 196 times, which is 98 operations for each byte of weights, so it can lie right of the ridge with a single image.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How near to the roof?
#
# The roof is a bound: no point should lie above it, but nothing says that a point must reach it. One batch stays farthest below.
#
# **Predict.** Which of these could make a batch take *milliseconds* more than its roof allows, and even more than the sum of its two times: **A** memory and arithmetic do not overlap, **B** the call itself takes a few microseconds, **C** the way in which the library goes through the numbers? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Strike out one after the other. A: then the time is the sum, and no more. B: microseconds, where the table has milliseconds. In a control another library with weights arranged beforehand took less time for 16 inputs (*Deeper*; on this page 10.0 ms in place of 13.2, on an AMD processor half): so C is one cause.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the two times of each batch beside the measured one.
show.shares_table(seconds, {batch: intensity(batch) for batch in inputs}, bandwidth, peak, width)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Of the three only the library can (C). In the run on this page 16 inputs reach the smallest share of their roof, and they take longer than arithmetic and memory one after the other.**
#
# <!-- page -->
#
# In the run on this page 16 inputs take over a quarter longer than their arithmetic and their memory one after the other. If memory and arithmetic did not overlap at all (A), the time would be their sum, but not more. And the call itself (B) takes a few microseconds, whatever the weights and the batch, because some work is done before any arithmetic begins. Something else must take the rest, and the roofline cannot say what. So why did 16 inputs take longer than one in section 1? With a ridge of 11 the roof allows them the time of one input, since their intensity, 8, still lies left of it. It explains nothing of what they took beyond that.
#
# One candidate is the library: for large matrices it has a routine that keeps parts of them in the caches, for a single input another one, and for a few inputs neither may fit well. *Deeper* tests this with a second library. So a roofline answers one question: what is the least time? Where a layer stays far below the roof, it raises another: what takes the rest?
#
# A share above 100 % means, left of the ridge, that the bandwidth was measured too low or that a cache kept some of the weights, and right of it that the peak was measured too low.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. From memory, or from a cache?
#
# Section 1 called **one** layer again and again, so a cache may have kept some of its 67 MB. In a network the other layers pass through the caches before a layer's turn comes again. To imitate that, **eight** layers of 67 MB take turns, one input each. The arithmetic of a call is the same.
#
# (Third bar: a dot product of all weights with themselves, which does hardly anything but read.)
#
# **Predict.** Which layer answers sooner: **A** the one that is used again and again, **B** one of eight in turn, or **C** are they alike? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "Same size, same arithmetic; only what can be kept from call to call differs. That isolates the work of the caches." Vote. A ratio near 1 is no sign of a cache. (Unless one holds all 537 MB; that is rare.) Third bar: here the layer reads as fast as a function that does hardly anything but read. On another processor it reached 0.7 of that speed; ask what could take the rest. Probably the routine's own work, because even from a cache it reads more slowly than a sum (*Deeper*).
# On another machine, with a ratio well above 1: the loop timed a cache, and promises too much.

# %% [markdown] slideshow={"slide_type": "skip"}
# How much can a cache keep? The largest one of a laptop usually holds a few megabytes to a few tens, that of a large server up to some hundreds.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Compares both layers with the dot product: weights read in a second.
read = show.again_or_in_turn(taken)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In the run on this page the two are alike (C): the printed ratio is near 1, so this experiment shows no help from a cache.** Where it is clearly above 1, the layer that is used again and again is faster (A), and section 1 timed a cache.
#
# <!-- page -->
#
# The two differ only in what the machine could keep from call to call, so the ratio isolates the work of its caches. A few per cent more or less mean nothing: two timings of the same call differ by that much.
#
# *Clearly above 1.* Some of the 67 MB stayed in a cache and arrived sooner. In a network of many layers the weights are not kept in this way, so a benchmark that calls one layer in a loop promises too much.
#
# *Near 1.* There are three explanations, and this experiment cannot tell them apart.
#
# 1. Both came from memory, because no cache holds 67 MB or other programs use it.
# 2. Both came from a cache that holds all 537 MB, which is rare.
# 3. The routine for one input is so slow that a faster cache would not show.
#
# *Deeper* reads larger and larger sets of numbers. In the run on this page the layer reads weights that fit into a near cache clearly faster than 67 MB. This speaks against the third explanation: with 67 MB the layer waits for its weights. Even this does not show where they come from.
#
# For your own benchmark you need not know it: let many layers take turns, as in a network.
#
# A roof belongs to one memory. Suppose that the toy machine of section 2 has a cache as well, which delivers 40 bytes a second. For weights in it the ridge is 100 / 40 = 2.5, not 10. So ask where the numbers lie before you draw a roof, and with how many threads.
#
# What is the dot product for? It says how fast the weights can arrive. In the run on this page "eight in turn" reads its weights as fast as the dot product, so reading alone would take all of its time.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Fewer bits
#
# The same eight layers, stored in other formats: *fp32* with 4 bytes a weight, *bf16* (a floating-point number of 16 bits) with 2, *int8* (whole numbers) with 1.
#
# **Predict.** With **one** input, how many times as fast as fp32 can int8 and bf16 be, by the roofline? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; wanted: 4 and 2. Then the table. int8 comes near its four, 3.6. "Why does bf16 gain nothing, with half the bytes?" Then it does not wait for them: probably it turns every weight into fp32 before it multiplies, and this processor shows no instructions for bf16.
# On a processor that has them the row without oneDNN gained 2.2 and the one with it hardly anything: same bytes, same processor, so it is the routine. On another machine int8 may gain more than four, where fp32 does not reach its own roof.

# %% slideshow={"slide_type": "skip"}
jobs = show.layers_of_fewer_bits(weights, {batch: inputs[batch] for batch in (1, 64)})
fewer = timing.compare(jobs, rounds=5, device=device)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the gains over fp32 beside the bytes, for one input.
gains = show.gains_of_fewer_bits(fewer)
show.gains_table(gains, 1, device)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **A quarter of the bytes allows four times the speed, and half the bytes twice the speed. In the run on this page int8 gains 3.58 times, and bf16 hardly anything.**
#
# <!-- page -->
#
# One input lies on the slope, with an intensity of half an operation a byte. A quarter of the bytes makes it 2 operations a byte, so the bound on the speed rises four times, as long as it stays left of the ridge. Half the bytes double it. But a bound only says what is possible; whether a layer gets there is up to its routine.
#
# *Why does bf16 gain so little?* (On a CPU it is timed twice: as PyTorch does it, and without *oneDNN*, a library that PyTorch calls on some processors.) It reads half the bytes. If it still waited for them, it would take half the time. So something else has become the limit, in both bf16 timings. The processor of this page shows no instructions for bf16, so each weight must become an fp32 number before it is multiplied; probably this conversion takes the time that the bytes save. (For int8 it has an instruction.)
#
# On AMD processors one of the two or both gained about twice (*Deeper*). So it is the routine that decides, and not the format alone.
#
# *Can int8 gain more than four?* Its bound is four times that of fp32, but fp32 may not reach its own. Suppose that fp32 reaches 80 % of its roof. Then a routine for int8 that reaches all of *its* roof is 4 / 0.8 = 5 times as fast.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### And with 64 inputs?
#
# In fp32, 64 inputs lie right of the ridge, and the table of section 4 says which share of the roof they reach.
#
# **Predict.** int8 still takes a quarter of the bytes. Can that make it several times as fast as fp32 with 64 inputs? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Wanted: no, the roof is flat there. Then the table, row by row: int8 gains all the same. "Which limit moved?" The peak. Both bf16 rows have half the bytes and are slower than fp32: the bytes cannot be what decides.
# This processor shows no instructions for bf16: say so before somebody concludes that bf16 is slow. On one that has them bf16 gained 2.4 times with oneDNN.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the gains over fp32 beside the bytes, for 64 inputs.
show.gains_table(gains, 64, device)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The fewer bytes cannot, because right of the ridge the roof is flat. In the run on this page int8 gains all the same, because it has a higher peak.** So does bf16 where the processor has instructions for it and the routine uses them.
#
# <!-- page -->
#
# Fewer bytes move the layer farther to the right, where the roof is flat. Suppose that 64 inputs need 40 ms of arithmetic, and 4 ms of memory at the same time. If three quarters of the 4 ms disappear, the 40 ms remain. If fp32 takes 50 ms, it reaches 80 % of its roof, so with the *same* peak no format could gain more than 50 / 40 = 1.25 times. A larger gain must come from a *higher peak* for such numbers. A gain below 1 comes from a slower routine.
#
# The peak is a property of the processor and of its library. On many processors int8 has a higher peak, because one instruction multiplies more numbers of 8 bits than of 32. On some, so has bf16; the line above the table says whether yours shows such instructions. In the run on this page, without such instructions, both bf16 rows are slower than fp32. Their bytes are not to blame, because int8 has even fewer. On an AMD processor *with* such instructions bf16 gained with oneDNN, which uses them, and lost without it.
#
# So "fewer bits are faster" is two statements, and each has its condition. Fewer *bytes* help a layer that waits for its memory, if the routine does not lose the gain. Cheaper *operations* help a layer that waits for its arithmetic, if the processor has them and the routine uses them. (The int8 layer also rounds its inputs to int8 at each call, which takes time. [[dynamic]] looks into that.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### From timings to a cause
#
# You can find out without a roof what a layer waits for. Change one thing and time the layer again.
#
# *Double the batch.* The arithmetic doubles, and the weights are still moved once. So a layer that waits for its arithmetic takes about twice as long, and a layer that waits for its weights takes about as long as before.
#
# *Halve the bytes of the weights.* A layer that waits for its weights now takes about half the time, if the routine is as good.
#
# Suppose that a layer takes 10 ms, and with twice the inputs 10.4 ms. Then it does not wait for its arithmetic. But it need not wait for its memory, because the cost of the call does not grow with the batch either. With half the bytes it takes 5.3 ms: it waited for its memory. If it had still taken 10 ms, it would wait for neither of the two. So the batch alone cannot tell memory from the call. Can the bytes alone tell memory from arithmetic? That is a question for Exercise 2.

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
# *For the lecturer, 5 min.* In pairs; at home it takes 8 minutes. A slip to expect is the sum of both times. Ask for the words on the card that decide it ("at the same time"). The answer for the board: max(2 · batch · n_in · n_out / peak, bytes_each · (n_in · n_out + batch · (n_in + n_out)) / bandwidth).


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
# Somebody's layer is slow. Does it wait for memory, for arithmetic, or for something else, such as the call? You get a stopwatch, `seconds(change)`: it runs the layer once and returns its time.
# `"none"` is the layer as it is, `"double batch"` gives it twice the inputs, `"half bytes"` stores its weights in half the bytes. The made-up layers move hardly anything but weights, and read them once whatever the batch. Sometimes another program disturbs a call, sometimes a lucky call takes less time than all others, and the machine may get slower from call to call.
#
# `waits_for(seconds)` → `"memory"`, `"arithmetic"` or `"neither"`; run each of the three at least 15 times, and all three equally often. Doubling counts if the median time rises by more than a quarter, halving if it falls by more than a quarter.
#
# <details><summary>Hint</summary>
# What does each change do to the two times of section 2? Write a table with a column for each change and a row for each conclusion. Some processors
# also compute faster with fewer bits.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several machines. It looks at how you measure, and then at what you conclude. A real layer can fool this test. A ReLU moves twice the bytes for twice the inputs. And in a trial the layer of section 1 took about twice as long for two inputs as for one, probably because for so few inputs the library reads the weights once for each input. For that layer it is better to compare one input with 16.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop: the table of the hint, on paper. Double batch / half bytes. Memory: × 1 / × ½. Arithmetic: × 2 / × 1 or × ½. Neither: × 1 / × 1. "Which of the two columns is the safer one?" The batch, *as long as nearly all bytes are weights and these are read once*: a half in the other one may have two reasons. The code is for home.


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
# ### What do the two numbers of the roof leave out?
#
# With more threads the peak grows with the cores, while the bandwidth is shared among them and usually grows less. So, though it is not measured here, the ridge usually moves to the right, and more layers wait for memory. Suppose that the toy machine of section 2 gets a second core, so that it does 200 operations a second, and that its memory still delivers 10 bytes. The ridge moves from 10 to 20. Its layer with 16 inputs takes 640 / 200 = 3.2 s in place of 6.4. With one input it takes 2 s as before, because it waited for memory already.
#
# Whoever measures the bandwidth must also count every byte that moves. A dot product only reads. A copy reads each number and writes it, so it moves at least twice the bytes of the array; if you count only one of the two, you get half the bandwidth or less.
#
# Williams et al. count the bytes that really pass between the caches and main memory, and call the operations for each of these bytes the *operational* intensity. We count only the bytes that the layer must move at least.
#
# ### Why are fewer bytes alone no proof?
#
# Section 6 left a question for Exercise 2: can halving the bytes tell memory from arithmetic? Suppose that half the bytes bring the time from 10 ms down to 5.3 ms. A layer that waits for its memory does this. So does a layer that waits for its arithmetic, if the processor computes twice as fast with half the bits. Twice the inputs tell the two apart, because the first layer then takes about 10 ms as before, and the second one 20 ms. Neither change is enough alone: the batch finds the layers that wait for their arithmetic, and among the others the bytes find those that wait for their memory.
#
# ### Why does batch 16 not reach its roof?
#
# PyTorch hands a linear layer in fp32 to a library. Before it multiplies, the library may have to arrange the weights in another order, so that its fastest instructions find them side by side. It does this at each call anew. Two controls tell how much that costs. The first takes another library of PyTorch's, oneDNN, which is called by an internal name of PyTorch, so a later version may not have it. The second is the same,
# with weights that were arranged beforehand.

# %% slideshow={"slide_type": "skip"}
show.sixteen_arranged(weights, inputs[1], inputs[16], device)

# %% [markdown] slideshow={"slide_type": "skip"}
# What would the roof allow? On a machine with a ridge of 8 or more, 16 inputs could be as fast as one. With a lower ridge they need at least 8 / ridge times the time that the roof allows for one: with a ridge of 3, 2.7 times. On your machine, compare the last column. (It divides by the *measured* time of one input, which is longer than its roof, so it may lie below this bound.) Where the second row is smaller than the first, the other library has the better routine for so few inputs. Then a part of the lost time is due to the way in which the library works, and not to the memory or arithmetic that the layer needs. Where the third row is smaller than the second, arranging the weights takes a part of each call.
#
# How much does that explain? In three trials on an AMD EPYC the default took about twice the time of its roof, and the library and its arranging explained 86 to 98 % of the time above the roof; on another AMD EPYC they explained half of it. (This roof has the peak of the default library. oneDNN's own was 14 to 29 % higher in these trials, so the table does not say how far oneDNN is from *its* roof.)
#
# ### Why does bf16 gain so little with oneDNN?
#
# Two trials on an AMD EPYC with instructions for bf16 looked at the first bf16 row of section 6, with one input. There it was 1.04 times as fast as fp32, and the second row, without oneDNN, 2.2 times: the same bytes and the same processor, but another routine. (On an AMD EPYC *without* such instructions both rows gained about twice.) With weights that were arranged beforehand, the routine of oneDNN gained 1.7 times over fp32, so a part of the loss is that it arranges the weights at each call. With the instructions for bf16 hidden from oneDNN, the row became twice as fast as fp32.
#
# A third trial looked at the slow row *without oneDNN* with 64 inputs. That routine took as long with weights from a cache as with weights from memory, so it does not wait for the memory.
#
# ### At which size does a cache stop helping?
#
# Let a sum read a **working set**, the numbers that are read again and again. It grows from 0.5 MB to 537 MB. (A sum, because it does even less with each number than a dot product.) The second line is our layer with one input, with fewer or more rows, so that its weights are the working set.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Times a sum and a layer for growing working sets, and draws the bytes a second.
show.growing_working_set(long, 4 * width**2, device)

# %% [markdown] slideshow={"slide_type": "skip"}
# Where the working set outgrows a cache, the numbers have to come from the next cache or from memory, which is farther away and slower. So a curve falls where a cache no longer holds the set. Where the line of the layer falls as well, the layer was waiting for whatever delivers its weights. Where it lies on the line of the sum, the layer reads its weights as fast as a function that does little but read. (At the far left the call itself counts, which takes a few microseconds.) A line that is flat from the left to the right says nothing about memory, because then the function itself sets the pace, and not what it reads from.
#
# Compare the falls with the grey lines, where your system reports its caches. A virtual machine may share a cache with others; then the curve can fall long before that line. A curve that rises much in between was probably disturbed by another program. If the layer's line falls no more to the right of the black line, as in the run on this page (12 billion bytes a second at 67 MB and at 537 MB), and no reported cache is larger than 537 MB, our layer probably comes from memory. Where it still falls there, a part of the 67 MB probably stays in a cache. (In an earlier run on a processor of the same kind it fell from 18 to 13, and yet section 5 showed hardly any help from a cache. The speed of a memory that other programs share changes from minute to minute, and that may be the reason.) And where only the line of the *sum* falls to the right of the black line, a part of 67 MB does stay in a cache, but the layer does not gain from it.
#
# ### And in joules?
#
# A small batch pays most for its weights, a large one most for its arithmetic ([[energy]]). So fewer bits save a different part at each end:

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Estimates LeNet-300-100 in three formats, for one input of a batch of 1 and of 1,024.
show.energy_of_formats(energy.estimate, models.LeNet300100(), torch.zeros(1, 1, 28, 28))

# %% [markdown] slideshow={"slide_type": "skip"}
# At batch 1 hardly anything but the bytes shows: int8 needs a quarter of the energy, although its MAC takes a fifteenth. At batch 1,024 it is between 4 and 15 times, because the weights still cost something. (In joules LeNet-300-100 passes from one end to the other at another batch than in seconds, because the price of a read over that of a MAC decides, and not the ridge: 640 / 4.6 gives a batch of 140 in fp32, and 160 / 0.3 gives 534 in int8.)
#
# ### Estimate or measurement?
#
# The energies of this course are estimates. Some machines have a counter of joules: Intel and AMD processors one called RAPL, NVIDIA cards one in a library called NVML. (Some counters are models themselves.) How much of a busy processor's power is our estimate of the layer?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Turns two estimates into watts, and reads the counter of this machine where there is one.
turn = itertools.cycle(weights)
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
# | 7, language models | fewer, of weights and cache | | fewer, with a cache |
# | 8, capstone | fewer, chosen for each layer | fewer, coded in few bits | |
#
# A larger batch changes none of these three. It shares the weights among more inputs. Fewer bits and fewer weights shorten the time of the memory. Fewer MACs shorten the time of the arithmetic, and so do fewer bits where the processor computes faster with them. This lesson tells you which of the two times counts for a layer.

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
#   neither raises it, unless the processor computes faster with fewer bits: then the peak itself is higher.
# - Let many layers take turns in a benchmark: one layer that is called again and again may time a cache.
#
# **Going further**
#
# - S. Williams, A. Waterman, D. Patterson, *Roofline: an insightful visual performance model for multicore architectures*, 2009, [doi.org/10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785).
# - V. Sze et al., *Efficient processing of deep neural networks: a tutorial and survey*, 2017,
#   [arXiv:1703.09039](https://arxiv.org/abs/1703.09039). How accelerators cut memory reads.
#
# **Project ideas**: draw the roofline of every layer of ResNet-50; find a machine with an energy counter and compare; measure the slope of each
# cache of your machine, and draw a roof with several slopes.
#
# **Credits**: the roofline is Williams, Waterman and Patterson's. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* One sentence for the door: "Before you make a layer faster, find out what it waits for."

# ---
# jupyter:
#   course:
#     promise: You will be able to say of a layer whether it waits for memory or for arithmetic, and which change then makes it faster.
#     seconds: 25
#     needs: [energy]
#     values:
#       ridge: next(n for n in range(1, 4096) if n * 2048 / (4096 + 2 * n) > peak / bandwidth)
#     goals:
#       - work out the least time of a layer from its operations and its bytes;
#       - measure the peak, the bandwidth and the ridge of a machine, and place a layer under its roof;
#       - say which change makes a layer faster, and which cannot.
#     terms: [arithmetic intensity, "bandwidth, peak", ridge, roofline]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *What does this layer wait for?*

# %% tags=["setup", "hide-input"]
# Sets a seed, one thread and the int8 engine, hides the warnings of the older int8 interface, and imports what folded cells use.
import torch

from course_utils import legacy_int8, runtime
from course_utils.scorecard import claims
from lessons.roofline import checks as check
from lessons.roofline import show

runtime.seed_all(0)
torch.set_num_threads(1)
legacy_int8.ignore_deprecations()
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. The same work
#
# - *Product:* two matrices of 512 × 512 numbers are multiplied.
# - *Network:* eight linear layers of 4,096 × 4,096 weights read **one** input.
#
# Both make 134 million multiplications: 512 · 512 · 512 = 8 · 4,096 · 4,096. Both make as many additions, in fp32, on the same processor.
#
# **Predict.** How many times as long as the product does the network take: **A** about as long, **B** about twice, **C** more than five times?

# %%
import torch
from torch import nn

from course_utils.measure import timing

torch.set_grad_enabled(False)  # we only run networks here
network = nn.Sequential(*(nn.Linear(4096, 4096, bias=False) for _ in range(8)))
one = torch.randn(1, 4096)  # one input
left, right = torch.randn(2, 512, 512)

jobs = {"network": lambda: network(one), "product": lambda: left @ right}
race = timing.compare(jobs, rounds=5, device="cpu")  # takes turns

# %% the_same_work
print(f"The network takes {race.ratio('product'):.0f} times as long.")

# %% [markdown] tags=["answer"]
# **More than five times (C), probably because the network waits for its weights.** The product uses each of its numbers 512 times. The network uses each weight once, and has to fetch 134 million of them.

# %% [markdown]
# So counting operations does not tell how long a layer takes. The fetch of the weights is a good suspect, but so far that is a guess. Section 2 tests it. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Two times, and the longer one counts
#
# A toy machine does **100 operations** a second, and its memory delivers **10 bytes** a second.
#
# A layer has 20 weights of one byte; its inputs and outputs stay in the processor. One input takes 20 multiplications and 20 additions.
#
# - *Arithmetic:* 40 / 100 = 0.4 s
# - *Memory:* 20 / 10 = 2 s
#
# Both go on at the same time, so the layer takes at least **2 s**.
#
# An *operation* is a multiplication or an addition, so a MAC of [[energy]] is two operations.
#
# Why at the same time? Think of a kitchen. The cook chops what is on the table while somebody carries the next vegetables through the door. In the same way a processor asks for the next weights while it multiplies the last ones. Dinner is not ready before the slower of the two is done. Here the door is slower, and the cook mostly has nothing to do.

# %% [markdown]
# **Predict.** Now 16 inputs come at once. The weights are fetched once for all of them. What is the least time: **A** 32 s, **B** 8.4 s, **C** 6.4 s, **D** 2 s?

# %% two_times tags=["hide-input"]
# Draws the two times of the toy machine, for one input and for 16.
show.two_times()

# %% [markdown] tags=["answer"]
# **6.4 s (C), because the arithmetic is now the longer part.** It takes 16 · 0.4 s. The weights still arrive in 2 s, and memory waits for the arithmetic.

# %% [markdown]
# Sixteen times the work, in 3.2 times the time. Up to five inputs even cost no extra time: 5 · 0.4 = 2 s.
#
# **Try it.** In the first cell of section 1, change `torch.randn(1, 4096)` to `torch.randn(64, 4096)`, and run it and the line below again. Does 64 times the work take 64 times as long? Divide the new number by the old one. Then change it back, and run both once more.
#
# <details><summary>What others found</summary>
#
# Far from it: the network took several times as long as with one input.
#
# </details>
#
# Two numbers describe the toy machine, and they have names. The operations that a machine can do in a second are its **peak**. The bytes that its memory can deliver in a second are its **bandwidth**. They give a bound for every layer:
#
# $$\text{least time} = \max\left(\frac{\text{operations}}{\text{peak}},\; \frac{\text{bytes}}{\text{bandwidth}}\right)$$
#
# This is the **roofline** of [Williams et al., 2009](https://doi.org/10.1145/1498765.1498785). The layer *waits for* the part that takes longer.

# %% [markdown]
# ### Two numbers of your machine
#
# - **Peak:** a large product uses each number 1,024 times, so it hardly waits for memory.
# - **Bandwidth:** the dot product of a vector with itself does one MAC for each number it reads, so it does little but read.
#
# Measure each number with a job that is held back by nothing else, here on one core of your processor. The vector takes 268 MB, more than the caches of most processors can hold, so it comes from the main memory.

# %% two_numbers_of_your_machine
large, long = torch.randn(1024, 1024), torch.randn(2**26)
jobs = {"multiply": lambda: large @ large, "read": lambda: torch.dot(long, long)}
machine = timing.compare(jobs, rounds=15, device="cpu")
fastest = {job: min(times) for job, times in machine.samples.items()}  # noise only adds

peak = 2 * 1024**3 / fastest["multiply"]  # operations a second
bandwidth = long.nbytes / fastest["read"]  # bytes a second

# %% two_numbers_of_your_machine_2
print(f"peak {peak / 1e9:.0f} billion operations a second")
print(f"bandwidth {bandwidth / 1e9:.0f} billion bytes a second")

# %% [markdown]
# ### The guess, tested
#
# Two times can be foreseen for each job of section 1. If the guess is right, the network takes about as long as its bytes.

# %% the_guess_tested
operations = 2 * 512**3  # of both jobs
weights = sum(layer.weight.nbytes for layer in network)
moved = {"product": 3 * left.nbytes, "network": weights}
for job, n_bytes in moved.items():
    arithmetic, memory = 1e3 * operations / peak, 1e3 * n_bytes / bandwidth
    print(f"{job}: arithmetic {arithmetic:.1f} ms, memory {memory:.1f} ms")
    print(f"         measured {race.median_ms(job):.1f} ms")

# %% [markdown]
# The product takes about as long as its arithmetic, the network about as long as its bytes. A measured time can lie below the longer one, since our two jobs need not reach all that the machine can do.

# %% [markdown]
# ## 3. Operations a byte
#
# Which of the two times is the longer one? Compare two numbers:
#
# - the layer's **arithmetic intensity**: the operations that it does for each byte that it moves;
# - the machine's **ridge**: peak / bandwidth, the operations that it can do while one byte arrives.
#
# Toy machine: ridge 100 / 10 = 10. One input: 40 / 20 = **2**, it waits for memory. 16 inputs: 640 / 20 = **32**, it waits for arithmetic.
#
# Below the ridge a layer waits for memory, above it for arithmetic.
#
# **A linear layer** in fp32 has weights of 4 bytes, and each makes 2 operations for each input of the batch. With $B$ inputs that is $2B/4$, so its intensity is about **half of the batch**. A large layer with one input has about 0.5.
#
# **A convolution** uses each weight at every position of the image, as you saw in [[energy]]. With 7 × 7 = 49 positions a weight makes 98 operations for one image, 24.5 for each of its 4 bytes.
#
# But inputs and outputs are bytes, too. The first convolution of the course's SmallCNN has 9 weights for each of 32 channels, and an image of 28 × 28:
#
# - *Operations:* 32 · 784 = 25,088 outputs, 9 MACs for each: 25,088 · 9 · 2 = 451,584.
# - *Numbers moved:* 288 weights, 784 inputs and 25,088 outputs: 26,160, or 104,640 bytes.
# - *Intensity:* 451,584 / 104,640 = **4.3**.
#
# By its weights alone the intensity would be 392. The outputs pull it down, and a larger batch does not help: each image brings outputs of its own. Let PyTorch count:


# %%
def intensity(layer, x):
    y = layer(x)
    operations = 2 * y.numel() * layer.weight[0].numel()  # each output takes a MAC for each of its weights
    return operations / (layer.weight.nbytes + x.nbytes + y.nbytes)


conv = nn.Conv2d(1, 32, kernel_size=3, padding=1, bias=False)
print(f"first convolution {intensity(conv, torch.randn(1, 1, 28, 28)):.1f}, one input {intensity(network[0], one):.1f}")
print(f"ridge of this machine {peak / bandwidth:.1f} operations a byte")

# %% [markdown]
# In bf16, floats of 16 bits, the data sheet of an H100 GPU promises 989 trillion operations and 3.35 trillion bytes a second, which is a ridge of 295. With faster arithmetic on the same memory, more layers wait for memory.

# %% [markdown]
# ### What does a larger batch change?
#
# The highest speed is **min(peak, intensity · bandwidth)**. Drawn over the intensity it looks like a roof.
#
# **Predict.** From which batch on does a large linear layer in fp32 wait for arithmetic: **A** half of the ridge, **B** the ridge, **C** twice the ridge?

# %%
batches = {n: torch.randn(n, 4096) for n in (1, 16, 64, 256)}  # four layers: less time, still too large for caches
climb = timing.compare({n: lambda x=x: network[:4](x) for n, x in batches.items()}, rounds=3, device="cpu")
speed = {n: 4 * 2 * n * 4096**2 / (climb.median_ms(n) / 1e3) for n in batches}  # operations a second

# %% under_the_roof tags=["hide-input"]
# Draws the roof, and the four batches under it.
show.under_the_roof(peak, bandwidth, {n: (intensity(network[0], x), speed[n]) for n, x in batches.items()})

# %% [markdown] tags=["answer"]
# **Twice the ridge (C), because the intensity is half of the batch.**
#
# With a ridge of 10 that is a batch of 20. Inputs and outputs are bytes, too, so it is a little more.

# %% [markdown]
# Both axes are logarithmic. On the slope, twice the intensity allows twice the speed, because each byte brings work for twice as many operations. Right of the ridge the roof is flat: at the roof, the arithmetic is busy all the time.
#
# A larger batch moves the layer to the right, and the points climb. That shortens the time *for each input*. Whoever has just one input still waits for all the weights.
#
# Where a point lies far below the roof, the layer waits for something that the roofline does not count. For a small layer that is often the cost of the call, for a few inputs to a large one perhaps the library. *Deeper* says what else it can be.

# %% [markdown]
# ## 4. Which change helps?
#
# Back to the toy machine. Somebody has four offers:
#
# - a processor with twice the peak
# - a memory with twice the bandwidth
# - weights of half the bytes
# - half of the weights removed, not just set to zero
#
# **Predict.** Which of them make the layer faster with **one** input: **A** all four, **B** all but the processor, **C** the memory alone?

# %% [markdown] tags=["answer"]
# **All but the processor (B), because one input waits for its bytes.** The other three bring the 2 s of the memory down to 1 s.

# %% [markdown]
# ### The four offers
#
# Here are all least times, by hand: max(arithmetic, memory).
#
# | change | one input | 16 inputs |
# |---|---|---|
# | none | max(0.4, 2) = 2 s | max(6.4, 2) = 6.4 s |
# | twice the peak | max(0.2, 2) = 2 s | max(3.2, 2) = **3.2 s** |
# | twice the bandwidth | max(0.4, 1) = **1 s** | max(6.4, 1) = 6.4 s |
# | half the bytes a weight | max(0.4, 1) = **1 s** | max(6.4, 1) = 6.4 s |
# | half of the weights | max(0.2, 1) = **1 s** | max(3.2, 1) = **3.2 s** |
#
# So first ask on which side of the ridge a layer lies. **Left of it, fewer bytes help. Right of it, fewer or cheaper operations help.** What shortens the other time changes nothing.

# %% [markdown]
# ### A quarter of the bytes
#
# An int8 weight takes one byte in place of four. One input lies far left of the ridge, so the roof allows four times the speed.
#
# `quantize_dynamic` rounds the weights to int8; how it works is the question of [[dynamic]].

# %% a_quarter_of_the_bytes tags=["legacy"]
from torch.ao.quantization import quantize_dynamic

int8 = quantize_dynamic(network, {nn.Linear}, dtype=torch.qint8)
jobs = {"fp32": lambda: network(one), "int8": lambda: int8(one)}
fewer = timing.compare(jobs, rounds=5, device="cpu")

# %% a_quarter_of_the_bytes_2
print(f"one input: int8 is {fewer.ratio('int8'):.1f} times as fast")

# %% [markdown]
# The bytes allow four times; we measured about three. PyTorch's [page on quantization](https://docs.pytorch.org/docs/1.13/quantization.html) makes two promises for int8: a "4x reduction in memory bandwidth requirements", and arithmetic that is "typically 2 to 4 times faster compared to FP32 compute". The first is for layers left of the ridge, and you have just measured its effect. The second is a higher *peak*, for layers right of it, where a processor has instructions for int8.
#
# What can you do for a layer of your own?
#
# | it waits for | what can help |
# |---|---|
# | memory | fewer bits; fewer weights; a larger batch, if you have more inputs; *fusion*: a ReLU that works on the outputs before they go back to memory |
# | arithmetic | fewer operations, as in [[structured]]; operations with fewer bits, if the processor is faster with them |
# | neither: far slower than both | a profiler; for a tiny layer, fewer calls |
#
# The ReLU shows what fusion saves. On its own it reads 4 bytes and writes 4 for a single operation. So a faster operation would save nothing. Fused with the layer, it finds its numbers still in the processor.

# %% [markdown]
# ## Exercise · What does each layer wait for?
# ★★ · 10 minutes
#
# Write `waits_for`. It runs `model(x)` and returns a dict: for each `Linear` and `Conv2d`, under its name, `"memory"` or `"arithmetic"` and the least seconds. A layer moves its weights, input and output once, with the bytes that they have. Biases cost nothing. `nn.Sequential(nn.Linear(1, 1))`, `torch.ones(1, 1)`, peak 10, bandwidth 6 give `{"0": ("memory", 2.0)}`.
#
# Then try it on `models.SmallCNN().eval()` of `course_utils`, with `torch.randn(1, 1, 28, 28)`.
#
# <details><summary>Hint</summary>
#
# `model.named_modules()` gives names and layers. A forward hook is a function that PyTorch calls whenever its layer has run, with `(layer, inputs, output)`; the input is `inputs[0]`. Register one for each name by `layer.register_forward_hook`, and call `remove()` on what that gives back at the end. The counts stand in `intensity`. Each layer runs once.
#
# </details>
#
# <details><summary>What others found</summary>
#
# By the roofline, with a ridge of 10, the first convolution of SmallCNN and its last, linear layer would wait for memory, and the two convolutions between them for arithmetic.
#
# </details>


# %% waits_for tags=["exercise"]
def waits_for(model, x, peak, bandwidth):
    """name -> ("memory" or "arithmetic", least seconds), for Linear and Conv2d."""
    raise NotImplementedError


# %% tags=["check"]
check.waits_for(waits_for)


# %% tags=["solution", "hide-cell"]
def waits_for_solution(model, x, peak, bandwidth):
    found = {}

    def hook_for(name):
        def count(layer, inputs, output):
            operations = 2 * output.numel() * layer.weight[0].numel()
            moved = layer.weight.nbytes + inputs[0].nbytes + output.nbytes
            arithmetic, memory = operations / peak, moved / bandwidth
            found[name] = ("arithmetic", arithmetic) if arithmetic > memory else ("memory", memory)

        return count

    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)}
    hooks = [layer.register_forward_hook(hook_for(name)) for name, layer in layers.items()]
    model(x)
    for hook in hooks:
        hook.remove()
    return found


# %% [markdown]
# And a Transformer? Eight encoder layers of the size of BERT's hold 226 MB of weights. Here are both times of their linear layers, beside the measured time of all that they do:

# %% tags=["hide-input"]
# Works out both times of eight encoder layers, and measures them, with one token and with 128.
from course_utils import models

encoder = nn.Sequential(*(models.EncoderLayer(768, 12, 3072) for _ in range(8))).eval()
texts = {tokens: torch.randn(1, tokens, 768) for tokens in (1, 128)}
read = timing.compare({n: lambda x=x: encoder(x) for n, x in texts.items()}, rounds=3, device="cpu")
sizes = [(768, 3 * 768), (768, 768), (768, 3072), (3072, 768)]  # numbers in and out of each linear layer
for tokens in texts:
    arithmetic = 8 * sum(2 * tokens * n_in * n_out for n_in, n_out in sizes) / peak
    memory = 8 * sum(4 * (n_in * n_out + tokens * (n_in + n_out)) for n_in, n_out in sizes) / bandwidth
    print(f"tokens {tokens:3}: arithmetic {1e3 * arithmetic:.0f} ms, memory {1e3 * memory:.0f} ms")
    print(f"            measured {read.median_ms(tokens):.0f} ms")

# %% [markdown]
# The same layers wait for memory with one token, and for arithmetic with 128. So a language model that writes token by token needs other remedies than one that reads a whole text ([[decoding]]).

# %% [markdown]
# ## Remember
#
# - A layer takes at least the longer of two times: operations / peak, and bytes / bandwidth.
# - Its operations a byte, compared with the ridge of the machine, say which one that is; for a large linear layer in fp32 they are about half of the batch.
# - Left of the ridge fewer bytes help, right of it fewer or cheaper operations; whatever shortens the other time changes nothing.

# %% [markdown]
# ## Scorecard
#
# What your run measured against the roofline.

# %% tags=["scorecard"]
claims.show("roofline")

# %% [markdown]
# ## Deeper
#
# ### Weights that lie in a cache
#
# Why did we time a network of eight layers, and not one layer again and again? Small weights that are used again and again stay in a cache, a small memory on the chip, and arrive much sooner. The next cell calls 256 layers of 1 MB one after the other, and then the first one 256 times.

# %%
deep = nn.Sequential(*(nn.Linear(512, 512, bias=False) for _ in range(256)))
row = torch.randn(1, 512)
jobs = {
    "256 layers": lambda: [layer(row) for layer in deep],
    "one layer, 256 times": lambda: [deep[0](row) for _ in deep],
}
again = timing.compare(jobs, rounds=5, device="cpu")
print(f"again and again it is {again.ratio('one layer, 256 times'):.1f} times as fast")

# %% [markdown]
# The arithmetic is the same, and so are the calls. What differs is where the weights lie. So a benchmark that calls one small layer in a loop promises more than a network keeps. Let many layers take turns, as in a network.
#
# A cache has a bandwidth of its own, and with it a ridge of its own. If the cache of the toy machine delivers 40 bytes a second, the ridge for what lies in it is 100 / 40 = 2.5. So say of each roof for which memory it holds, and for how many threads. With two cores the toy machine does 200 operations a second, but they share one memory, and the ridge moves to 20. Then more layers wait for memory.
#
# ### Why does a point stay below its roof?
#
# Suppose that a layer is far slower than both of its times. Go through what the roofline leaves out:
#
# - *The call.* Each call costs some microseconds before anything is computed. For a layer of a few thousand weights that is nearly all of its time. Then neither a few more inputs nor fewer bytes change the time.
# - *No overlap.* Where memory and arithmetic take turns, their times add up. That explains at most a factor of two.
# - *The library.* For large batches it has a routine that arranges the weights in the order in which its fastest instructions want them. For one input it has another one. For a few inputs neither may fit well.
#
# Our peak and our bandwidth are what two jobs of PyTorch reach, with one thread. The chip itself may do more, so a point can also lie above our roof.

# %% [markdown]
# **Sources.** S. Williams, A. Waterman, D. Patterson, *Roofline: an insightful visual performance model for multicore architectures*, 2009, [doi.org/10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785). The numbers of the H100 in bf16 are from NVIDIA's [data sheet](https://www.nvidia.com/en-us/data-center/h100/), without sparsity.
#
# **Going further.** V. Sze et al., *Efficient processing of deep neural networks*, 2017, [arXiv:1703.09039](https://arxiv.org/abs/1703.09039): how accelerators cut memory reads. Projects: the roofline of every layer of ResNet-50; a roof with a slope for each cache of your machine.
#
# **Credits.** The roofline is Williams, Waterman and Patterson's. Text CC BY 4.0, code MIT.

# ---
# jupyter:
#   course:
#     promise: You will find out whether a layer waits for memory or for arithmetic, and which change makes it faster.
#     seconds: 25
#     needs: [energy]
#     values:
#       ridge: next(n for n in range(1, 4096) if n * 2048 / (4096 + 2 * n) > peak / bandwidth)
#       longer: f"{race.ratio('product'):.0f}"
#       int8: f"{fewer.ratio('int8'):.1f}"
#     goals:
#       - work out the least time of a layer from its operations and its bytes;
#       - measure the peak, the bandwidth and the ridge of a machine, and place a layer under its roof;
#       - say which change makes a layer faster, and which cannot.
#     terms: [arithmetic intensity, "bandwidth, peak", "compute-bound, memory-bound", ridge, roofline]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *What is this layer waiting for?*

# %% tags=["setup", "hide-input"]
# Sets a seed, one thread and the int8 engine, hides the warnings of the older int8 interface, and imports the drawings.
import torch

from course_utils import claims, legacy_int8, runtime
from lessons.roofline import show
from lessons.roofline import tasks as check

runtime.seed_all(0)
torch.set_num_threads(1)
legacy_int8.ignore_deprecations()
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. The same work
#
# Here are two jobs for one core of your processor:
#
# - *Product:* multiply two matrices of 512 × 512 numbers.
# - *Network:* run eight linear layers, each with 4,096 × 4,096 weights, on **one** input.
#
# Both take 134 million multiplications, because 512 · 512 · 512 = 8 · 4,096 · 4,096, and about as many additions, all in fp32.
#
# **Predict.** How many times as long as the product does the network take: **A** more than five times, **B** about twice, or **C** about as long?

# %%
import torch
from torch import nn

from course_utils import timing

torch.set_grad_enabled(False)  # we only run networks here
network = nn.Sequential(*(nn.Linear(4096, 4096, bias=False) for _ in range(8)))
one = torch.randn(1, 4096)  # one input
left, right = torch.randn(2, 512, 512)

race = timing.compare({"network": lambda: network(one), "product": lambda: left @ right}, rounds=9, device="cpu")

# %% the_same_work
print(f"The network takes {race.ratio('product'):.0f} times as long.")

# %% [markdown] tags=["answer"]
# **More than five times (A), probably because the network waits for its weights.** The product uses each of its numbers 512 times. The network fetches 134 million weights, and uses each of them once. So the operations alone don't tell how long a layer takes.

# %% [markdown]
# But so far, the reason is only a guess. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Two times, and the longer one counts
#
# Let's start with a toy machine. Its processor does **100 operations per second**, where an *operation* is one multiplication, addition or comparison. (A MAC of [[energy]] is two.) Its memory delivers **10 bytes per second**.
#
# It runs a layer with 20 weights of one byte each. With one input, each weight takes part in one MAC, so that's 40 operations.
#
# - *Arithmetic:* 40 operations at 100 per second take 0.4 s.
# - *Memory:* 20 bytes at 10 per second take 2 s.
#
# Does the layer take 2.4 s, then? No, because both go on at the same time. While a processor multiplies some weights, it already asks for the next ones. The layer can't be done before the slower of the two is. Here that's the memory, so the layer takes at least **2 s**.
#
# **Predict.** Now 16 inputs come at once. Each weight is fetched only once, and used for all of them when it arrives. What's the least time: **A** 2 s, **B** 6.4 s, **C** 8.4 s, or **D** 32 s?

# %% two_times tags=["hide-input"]
# Draws the two times of the toy machine, for one input and for 16.
show.two_times()

# %% [markdown] tags=["answer"]
# **6.4 s (B), because now the arithmetic takes longer.** It takes 16 · 0.4 = 6.4 s, while the weights still arrive within 2 s.

# %% [markdown]
# The operations that a machine can do per second are its **peak**, and the bytes that its memory can deliver per second are its **bandwidth**. They give a bound for every layer:
#
# $$\text{least time} = \max\left(\frac{\text{operations}}{\text{peak}},\; \frac{\text{bytes}}{\text{bandwidth}}\right)$$
#
# This is the **roofline** model of [Williams et al., 2009](https://doi.org/10.1145/1498765.1498785). If the memory takes longer, the layer is called **memory-bound**, and if the arithmetic does, **compute-bound**.

# %% [markdown]
# ## 3. Does the guess hold on your machine?
#
# If our network waits for its weights, it takes about as long as its memory time. To work that out, we measure the peak and the bandwidth of one core, each with a job that needs hardly anything else:
#
# - **Peak:** a product of two matrices of 1,024 × 1,024. Each number is used 1,024 times, so the memory has little to do.
# - **Bandwidth:** the dot product of two long vectors. Each number is used once, so the arithmetic has little to do. With 134 MB, a vector is too long for most *caches*, the small memories on the chip.
#
# Other programs can only slow a job down, so we take the fastest of 15 runs.

# %% two_numbers_of_your_machine
matrix, (a, b) = torch.randn(1024, 1024), torch.randn(2, 2**25)
jobs = {"multiply": lambda: matrix @ matrix, "read": lambda: torch.dot(a, b)}
machine = timing.compare(jobs, rounds=15, device="cpu")
fastest = {job: min(times) for job, times in machine.samples.items()}  # in seconds

peak = 2 * 1024**3 / fastest["multiply"]  # operations per second
bandwidth = (a.nbytes + b.nbytes) / fastest["read"]  # bytes per second

# %% two_numbers_of_your_machine_2
print(f"peak {peak / 1e9:.0f}, bandwidth {bandwidth / 1e9:.0f}, both in billions per second")

# %% [markdown]
# **Try it.** Change `2**25` to `2**15`, and run both cells again. Then change it back, and run both again.
#
# <details><summary>What others found</summary>
#
# The bandwidth is clearly higher, since vectors of 131 kB stay in a cache.
#
# </details>
#
# Now we work out both times for the jobs of section 1. (The product moves three matrices: it reads two and writes one.)

# %% the_guess_tested
operations = 2 * 512**3  # of each job
weights = sum(layer.weight.nbytes for layer in network)
for job, n_bytes in {"product": 3 * left.nbytes, "network": weights}.items():
    print(f"{job}: arithmetic {1e3 * operations / peak:.1f} ms, memory {1e3 * n_bytes / bandwidth:.1f} ms")
    print(f"         measured {race.median_ms(job):.1f} ms")

# %% [markdown]
# So the guess holds: the network takes about as long as its memory time, so it's memory-bound. The product takes about as long as its arithmetic, or somewhat longer. Its memory time is far shorter, so the product is compute-bound.
#
# Perhaps your network took *less* than its memory time. How can that be? Our bandwidth is only what the dot product *reached*, and our peak what PyTorch's usual routine for products reached. Other jobs may reach somewhat more.

# %% [markdown]
# ## 4. Operations per byte
#
# The toy layer was memory-bound with one input, and compute-bound with 16. Two numbers tell us why:
#
# - the **arithmetic intensity** of the layer: the operations that it does for each byte that it moves;
# - the **ridge** of the machine, peak / bandwidth: the operations that it can do while one byte arrives.
#
# The ridge of the toy machine is 100 / 10 = 10. With one input, the layer does 40 operations with 20 bytes, so its intensity is 2. Each byte is good for two operations, but while it arrives the processor could do ten, so the layer is memory-bound. With 16 inputs the intensity is 640 / 20 = 32. That's above 10, so the layer is compute-bound.
#
# **A linear layer** in fp32 has weights of 4 bytes. Each weight takes part in 2 operations per input, so with a batch of $B$ inputs the intensity is about $2B/4$, **half of the batch**. With the toy's ridge of 10, such a layer becomes compute-bound at a batch of about 20.
#
# **A ReLU** reads 4 bytes, compares once and writes 4 bytes, so its intensity is only about 1/8. A larger batch can't raise it, because each new number brings its own bytes along. So on nearly any machine a ReLU is memory-bound.
#
# **A convolution** uses each weight at every position of the image, so its intensity is usually high. But its input and output are bytes, too, so let's count them all, for our linear layer and for a convolution of *AlexNet*, a network for photographs.


# %% intensities
def operations_and_bytes(layer, x):
    y = layer(x)
    operations = 2 * y.numel() * layer.weight[0].numel()  # weight[0]: the weights that make one output
    return operations, layer.weight.nbytes + x.nbytes + y.nbytes


conv, maps = nn.Conv2d(64, 192, 5, padding=2), torch.randn(1, 64, 27, 27)
for name, layer, x in [("convolution", conv, maps), ("linear layer", network[0], one)]:
    operations, n_bytes = operations_and_bytes(layer, x)
    print(f"{name} {operations / n_bytes:.1f} operations per byte, ridge {peak / bandwidth:.1f}")

# %% [markdown]
# ### The roof
#
# So by these counts the convolution is compute-bound, and the linear layer memory-bound. How *fast* can a layer be at most? Its speed is its operations divided by its time, so the least time gives the highest speed. With one input, each byte brings the toy layer 2 operations, and 10 bytes arrive per second. So it can do at most 2 · 10 = 20 operations per second. With 16 inputs it would be 32 · 10 = 320, but no layer exceeds the peak, which is 100:
#
# $$\text{highest speed} = \min(\text{peak},\; \text{intensity} \cdot \text{bandwidth})$$
#
# Drawn over the intensity, on logarithmic axes, this looks like a roof. Each dot under it shows four layers of our network, with a batch of 1, 16, 64 or 256. Their intensity is about half of the batch, so the dot for 16 sits near 8.

# %%
batches = {n: torch.randn(n, 4096) for n in (1, 16, 64, 256)}
jobs = {n: lambda x=x: network[:4](x) for n, x in batches.items()}
jobs["oneDNN"] = show.with_onednn(network[:4], batches[16])  # the ring in the figure
climb = timing.compare(jobs, rounds=5, device="cpu")

# %% under_the_roof tags=["hide-input"]
# Works out intensity and speed for each batch, and draws them under the roof.
speed = {n: 4 * 2 * (16 if n == "oneDNN" else n) * 4096**2 / (climb.median_ms(n) / 1e3) for n in jobs}
across = {
    n: operations / n_bytes for n, x in batches.items() for operations, n_bytes in [operations_and_bytes(network[0], x)]
}
show.under_the_roof(peak, bandwidth, {n: (across[n], speed[n]) for n in batches}, ring=(across[16], speed["oneDNN"]))

# %% [markdown]
# In a larger batch each fetched weight serves more inputs, so the roof rises until the ridge, and the time *per input* gets shorter. To the right of the ridge the roof is flat. Dots may still climb there, for two reasons: larger products suit the routine better, and near the ridge the memory still costs time.
#
# But a dot may lie well below the roof, and in our figure batch 16 lies furthest below. The roof says how fast a layer *can* be, and the routine that multiplies has to be good enough to get there. As a test, the blue ring has the same 16 inputs and weights, multiplied by oneDNN, another library inside PyTorch, which puts the weights into an order of its own beforehand. Where the ring lies clearly above the dot, as on our AMD processor, the dot is low partly because of the usual *routine*. So the roof isn't a forecast.

# %% [markdown]
# ## 5. Which change helps?
#
# Here are four offers for the toy machine and its layer: twice the peak, twice the bandwidth, weights of half the bytes, or half of the weights removed (not only set to zero).
#
# **Predict.** Which of them make the layer faster with **one** input: **A** all but the peak, **B** the bandwidth alone, or **C** all four?

# %% [markdown] tags=["answer"]
# **All but the peak (A), because with one input the layer is memory-bound.** Twice the peak leaves max(0.2, 2) = 2 s. Twice the bandwidth gives max(0.4, 1) = 1 s, half the bytes the same, and half of the weights max(0.2, 1) = 1 s.

# %% [markdown]
# With 16 inputs the least time was max(6.4, 2) = 6.4 s. Here is what each offer does to it:
#
# | change | least time |
# |---|---|
# | twice the peak | max(3.2, 2) = **3.2 s** |
# | twice the bandwidth | max(6.4, 1) = 6.4 s |
# | half the bytes per weight | max(6.4, 1) = 6.4 s |
# | half of the weights | max(3.2, 1) = **3.2 s** |
#
# **If a layer is memory-bound, move fewer bytes, or use each byte more often, as a batch does. If it's compute-bound, do fewer or cheaper operations.** And the gain stops once the other time is the longer one: with one input, ten times the bandwidth gives max(0.4, 0.2) = 0.4 s, and not 0.2.
#
# Now our network. [PyTorch's page on quantization](https://docs.pytorch.org/docs/1.13/quantization.html) promises two things of int8: a "4x reduction in memory bandwidth requirements", and arithmetic that is "typically 2 to 4 times faster". The second is a higher peak, so with one input only the first can help. `quantize_dynamic` makes an int8 copy; [[dynamic]] shows how.

# %% a_quarter_of_the_bytes tags=["legacy"]
from torch.ao.quantization import quantize_dynamic

int8 = quantize_dynamic(network, {nn.Linear}, dtype=torch.qint8)
fewer = timing.compare({"fp32": lambda: network(one), "int8": lambda: int8(one)}, rounds=9, device="cpu")

# %% a_quarter_of_the_bytes_2
print(f"With one input, int8 is {fewer.ratio('int8'):.1f} times as fast.")

# %% [markdown]
# The bytes allow four times. You may see less, because the int8 routine also quantizes each layer's input, and more where the fp32 routine stays below its roof.

# %% [markdown]
# ## Exercise · Two offers for AlexNet
# ★★ · 10 minutes
#
# You may double the peak, or store each weight in one byte. Which pays, in each layer of AlexNet? Write `gains(layer, x, peak, bandwidth)`: how many times shorter the least time gets, first with twice the peak, then with one-byte weights (all else stays in fp32). Ignore biases. With `nn.Linear(1, 1)`, `torch.ones(1, 1)`, peak 10 and bandwidth 6 it's `(1.0, 1.33…)`.
#
# Then run `show.alexnet(gains, peak, bandwidth)`.
#
# <details><summary>Hint</summary>
#
# Each weight saves three bytes. You need three least times: as it is, and with either offer.
#
# </details>


# %% gains tags=["exercise"]
def gains(layer, x, peak, bandwidth):
    """How many times shorter the least time gets: with twice the peak, with weights of one byte."""
    raise NotImplementedError


# %% tags=["check"]
check.gains(gains)


# %% tags=["solution", "hide-cell"]
def gains_solution(layer, x, peak, bandwidth):
    y = layer(x)
    operations = 2 * y.numel() * layer.weight[0].numel()
    moved = layer.weight.nbytes + x.nbytes + y.nbytes
    smaller = moved - 3 * layer.weight.numel()
    now = max(operations / peak, moved / bandwidth)
    faster = max(operations / (2 * peak), moved / bandwidth)
    lighter = max(operations / peak, smaller / bandwidth)
    return now / faster, now / lighter


# %% [markdown]
# ## Remember
#
# - A layer takes at least the longer of two times: its operations / peak, and its bytes / bandwidth.
# - Compare its operations per byte with the ridge, peak / bandwidth: below it the layer is memory-bound, above it compute-bound.
# - Move fewer bytes for a memory-bound layer, and do fewer or cheaper operations for a compute-bound one; far from the ridge, what shortens only the other time hardly helps.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("roofline")

# %% [markdown]
# ## Deeper
#
# ### Weights that stay in a cache
#
# Why did we time a network of eight layers, and not one layer again and again? The next cell calls 256 small layers one after the other, 268 MB together, and then the first of them 256 times.

# %%
deep = nn.Sequential(*(nn.Linear(512, 512, bias=False) for _ in range(256)))
row = torch.randn(1, 512)
cached = {
    "256 layers": lambda: [layer(row) for layer in deep],
    "one layer, 256 times": lambda: [deep[0](row) for _ in deep],
}
again = timing.compare(cached, rounds=5, device="cpu")
print(f"One layer again and again is {again.ratio('one layer, 256 times'):.1f} times as fast.")

# %% [markdown]
# The operations are the same, and so are the calls. But one layer takes only 1 MB, so its weights stay in a cache, which has a higher bandwidth than the main memory. So a machine has a ridge for each of its memories.
#
# Both jobs also spend some time on each call before anything is multiplied. The bound doesn't count that, so a very small layer stays well below its roof. And a benchmark that calls one small layer in a loop looks faster than a real network will be.
#
# Does memory cost nothing in a compute-bound layer? Not near the ridge, where fetching and computing take about as long, and may overlap only in part. Give both jobs 16 inputs, and see.
#
# ### Another machine, another ridge
#
# *Two cores.* On two cores the toy machine does 200 operations per second. But both share one memory. If one core alone already gets all of its 10 bytes per second, the ridge moves from 10 to 20, and more layers are memory-bound. If one core can't ask for bytes that fast, the second core raises the bandwidth as well. So measure both numbers with as many threads as your program uses.
#
# *A GPU.* For bf16, floats of 16 bits, the data sheet of the H100 SXM promises 989 trillion operations and 3.35 trillion bytes per second. That's a ridge of 989 / 3.35 = 295. A weight in bf16 has 2 bytes and makes 2 operations per input, so the intensity of a large linear layer equals the batch. It takes about 295 inputs at once until such a layer is compute-bound. So a GPU that runs such layers on one input at a time mostly waits.

# %% [markdown]
# **Sources.** S. Williams, A. Waterman, D. Patterson, *Roofline: an insightful visual performance model for multicore architectures*, 2009, [doi.org/10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785). The numbers of the H100 are from NVIDIA's [data sheet](https://www.nvidia.com/en-us/data-center/h100/), without sparsity.
#
# **Going further.** V. Sze et al., *Efficient processing of deep neural networks*, 2017, [arXiv:1703.09039](https://arxiv.org/abs/1703.09039): how accelerators cut memory reads. Projects: the roofline of every layer of ResNet-50; a roof with a slope for each cache of your machine.
#
# **Credits.** The roofline is Williams, Waterman and Patterson's. Text CC BY 4.0, code MIT.
#
# **What's still open.** For a memory-bound layer half the bytes promise half the time, so why not keep every number in 16 bits? Before you do, try to count to 10,000 in such a format ([[formats]]).

# ---
# jupyter:
#   course:
#     promise: You will train in 16 bits with autocast and a gradient scaler, and know when that pays.
#     seconds: 45
#     needs: []
#     goals:
#       - write a training loop with `autocast` and `GradScaler`, and switch both off with `enabled=`;
#       - work out the scale of the loss step by step, and say what a skipped step means;
#       - say when mixed precision saves time, and when it saves memory.
#     terms: [autocast, gradient scaler]
#     values: {peak: "f'{peaks[32]:.2f}'"}
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How can you train in 16 bits and lose almost no accuracy?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, and imports the drawings of this lesson and the scorecard.
import torch

from course_utils import claims, runtime
from lessons.amp import show
from lessons.amp import tasks as check

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. A training run that goes nowhere
#
# PyTorch computes in **fp32**, with 32 bits for each number. A 16-bit number takes half the memory, and many chips multiply such numbers faster. Let's train a small network, LeNet-300-100, on 3,000 images of Fashion-MNIST, small pictures of clothes, once in fp32, and once with its matrix products in the 16-bit type **fp16**.
#
# In a real training some gradients are tiny. To see what becomes of them, we make all of ours tiny: we divide the loss by $2^{20}$, about a million. To make up for it, we multiply the learning rate by as much. In exact arithmetic the two factors cancel in each step of SGD.

# %%
import torch
from torch.nn import functional as F

from course_utils import data, models

device = "cuda" if torch.cuda.is_available() else "cpu"
images, labels = (part.to(device) for part in data.load("fashion_mnist", n=3_000))
test_images, test_labels = (part.to(device) for part in data.load("fashion_mnist", "test"))
images, test_images = 2 * images - 1, 2 * test_images - 1  # pixels from -1 to 1


# %% stands_still tags=["hide-input"]
# Trains in fp32 and in fp16, and prints how many test images come out right, and how many weights have moved.
def right(net):
    with torch.no_grad():
        return (net(test_images).argmax(1) == test_labels).float().mean().item()


def train_without_scaler(dtype, seed=0):
    torch.manual_seed(seed)
    net = models.LeNet300100().to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1 * 2**20)
    for x, y in zip(images.split(64), labels.split(64), strict=True):
        with torch.autocast(device, dtype=dtype, enabled=dtype != torch.float32):
            loss = F.cross_entropy(net(x), y) / 2**20
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return net


torch.manual_seed(0)
start, moved = models.LeNet300100().to(device), {}
for dtype in (torch.float32, torch.float16):
    net = train_without_scaler(dtype)
    moved[dtype] = sum((a != b).sum().item() for a, b in zip(net.parameters(), start.parameters(), strict=True))
    print(f"products in {dtype}: {right(net):.1%} right, {moved[dtype]:,} weights have moved")

# %% [markdown]
# There's no error and no warning, yet in fp16 not one weight has moved. A *gradient scaler* and three calls to it will repair this. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. What 16 bits lose, and two tools that prevent it
#
# Let's follow the gradients backward, beginning at the outputs. The derivative of an image's cross-entropy with respect to an output is a probability, or a probability minus 1, so it's at most 1 in size. The loss is a mean over the 64 images of a batch, and we divide it by $2^{20}$. So the gradient of an output is at most about
#
# $$\frac{1}{64 \cdot 2^{20}} = 1.5 \cdot 10^{-8}$$
#
# In fp16 the smallest number above 0 is $6 \cdot 10^{-8}$. Ours is less than half of that, so it's rounded to 0: it **vanishes**. All other gradients are computed from those of the outputs, by products and sums, so they are 0, too.

# %% vanished
print(torch.tensor(1.5e-8, dtype=torch.float16).item())

# %% [markdown]
# **Try it.** Change `torch.float16` to `torch.bfloat16` and run the cell again.
#
# <details><summary>What others found</summary>
#
# Now the gradient is still there, nearly as it was.
#
# </details>
#
# **bfloat16**, or bf16, is the other 16-bit type. It reaches as far as fp32, down to about $10^{-38}$, so small gradients survive. The price is precision: after 1 the next number is 1.008, and in fp16 it's 1.001.

# %% [markdown]
# ### Autocast chooses a type for each operation
#
# If a weight stored in fp16 is 1, and a step adds 0.0001, the sum is rounded back to 1: the step is **swallowed**. bf16 swallows even larger steps. So the weights stay in fp32: don't call `net.half()` or `net.bfloat16()`. But most of the time goes into products of matrices, and a product only *reads* the weights, so a copy in 16 bits will do.
#
# This is **mixed precision**. `torch.autocast` makes the copies, and gives each operation of the forward pass its type:
#
# - Linear layers and convolutions are such products, so they run in 16 bits.
# - Losses run in fp32, and on a GPU so do softmax and exponentials, which need the digits or the range.
# - The rest, such as ReLU, takes the type of its inputs.

# %% types
net = models.LeNet300100().to(device)
with torch.autocast(device, dtype=torch.float16):
    output = net(images[:64])
    loss = F.cross_entropy(output, labels[:64])
loss.backward()  # after the block
print(output.dtype, loss.dtype, net.fc1.weight.grad.dtype)

# %% [markdown]
# The output comes from a product, so it's in fp16. The weight's gradient is in fp32, because a gradient has the type of the number that it belongs to. So the output's gradient is in fp16, and there ours vanished.

# %% [markdown]
# ### The scaler saves small gradients
#
# How do we keep a gradient of $1.5 \cdot 10^{-8}$? We multiply the loss by a **loss scale**, say 65,536. By the chain rule every gradient grows by the same factor, so ours becomes $1.5 \cdot 10^{-8} \cdot 65{,}536 = 0.001$, which is safe in fp16. When a gradient has reached its weight it's stored in fp32, so there we can divide it by 65,536 again. A **gradient scaler**, `torch.amp.GradScaler`, does both:


# %% training_loop
def train(scaler, shrink=2**20, seed=0):
    torch.manual_seed(seed)
    net = models.LeNet300100().to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1 * shrink)
    for x, y in zip(images.split(64), labels.split(64), strict=True):
        with torch.autocast(device, dtype=torch.float16, enabled=scaler.is_enabled()):
            loss = F.cross_entropy(net(x), y) / shrink
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
    return net


# %% [markdown]
# - **`scaler.scale(loss)`** multiplies the loss by the scale.
# - **`scaler.step(optimizer)`** divides the gradients by the scale. If all of them are finite, it calls `optimizer.step()`.
# - **`scaler.update()`** chooses the scale for the next step.
#
# You make one scaler for the whole training: `train(torch.amp.GradScaler(device))`. Autocast and the scaler each have a switch, `enabled=`. In our loop autocast takes the scaler's, so `GradScaler(device, enabled=False)` turns both off, and we have the plain loop in fp32.
#
# Does the network learn again? One run could be lucky, so here are four ways to train, from six seeds each.

# %% four_ways tags=["hide-input"]
# Trains in four ways from six seeds, and shows how many test images come out right.
seeds = range(6)
four_ways = {
    "fp32": [right(train(torch.amp.GradScaler(device, enabled=False), seed=seed)) for seed in seeds],
    "fp16, autocast alone": [right(train_without_scaler(torch.float16, seed)) for seed in seeds],
    "fp16, autocast and scaler": [right(train(torch.amp.GradScaler(device), seed=seed)) for seed in seeds],
    "bf16, autocast alone": [right(train_without_scaler(torch.bfloat16, seed)) for seed in seeds],
}
show.by_seed(four_ways)

# %% [markdown]
# It does. After one epoch all six runs with the scaler are close to those in fp32. All six without it keep their first weights, so they only guess. That's because we made the gradients so tiny: with the usual loss, fp16 alone came within 0.4 points of fp32.
#
# With fp16, use a scaler anyway, because you can't know beforehand how small your gradients will be. In bf16 they hardly ever vanish, so choose bf16 if your chip has units for it: give autocast `dtype=torch.bfloat16`, and turn the scaler off. But in our loop autocast takes the scaler's switch. Autocast would be off as well, and you'd train in fp32 without noticing, so give it a switch of its own.

# %% [markdown]
# ## 3. How the scaler finds its scale
#
# Why not use a huge scale? Because the largest fp16 number is 65,504. At a scale of 262,144, a gradient of 0.3 would be 78,643, so it **overflows**: it becomes infinite, and a step with it would destroy the weights. Nobody knows how large the gradients of the next batch will be, so the scaler searches:
#
# 1. It begins with 65,536 (`init_scale`).
# 2. If a gradient is infinite or not a number, it skips the step, halves the scale, and starts counting again. `optimizer.step()` isn't called, so the weights and the optimizer's own numbers stay as they are.
# 3. After 2,000 good steps in a row (`growth_interval`) it doubles the scale, and starts counting again.
#
# Let's follow six steps by hand, with a `growth_interval` of 2. Steps 1 and 2 are good, so the scale doubles to 131,072. In step 3 a gradient is infinite. Steps 4, 5 and 6 are good again.
#
# **Predict.** What is the scale after step 6: **A** 262,144, **B** 131,072, or **C** 65,536?

# %% [markdown] tags=["answer"]
# **131,072 (B), because step 3 halves the scale, and the good steps 4 and 5 double it again.** Step 6 begins a new pair.

# %% [markdown]
# Now a real training, with the loss at its usual size. It has only 47 steps, so we give the scaler an `init_scale` of 4,096 and a `growth_interval` of 3.

# %% staircase
show.staircase(train, device)

# %% [markdown]
# So skipping isn't a fault: it's how the scaler finds the limit.
#
# In a training of your own, print `scaler.get_scale()` now and then. If it keeps falling, the gradients are infinite or not a number at any scale. Then set `enabled=False`: if fp32 fails as well, look for a bug or a learning rate that is too high, and if it doesn't, try bf16.

# %% [markdown]
# ## 4. When does it save time, and when memory?
#
# A large training step spends nearly all its time on multiplications. Some chips have **16-bit units**, such as the tensor cores of NVIDIA's GPUs, which multiply several 16-bit pairs in the time of one fp32 pair. There such a step becomes faster.
#
# Without these units most chips turn each 16-bit number into fp32 first, so the multiplications gain nothing. On the processors that we tried, PyTorch's 16-bit routines are then even far slower than fp32.
#
# Let's time a training step of three layers, 1,024 wide, with a batch of 256 (on a GPU, width and batch are both 4,096). How many times as fast as in fp32 is it under autocast?

# %% race tags=["hide-input"]
# Times training steps on this machine, and shows records of others below.
times = show.race(device)
show.side_by_side(times, device)

# %% [markdown]
# On the H100, 9.48 flatters the 16 bits, because PyTorch's default fp32 leaves these units idle. Over *tf32*, a shortened fp32 that uses them, NVIDIA's data give 16 bits at most twice the speed.
#
# With layers 128 wide and a batch of 16, autocast was slower than fp32 even on the two chips with units, because such a network has few multiplications, and autocast's conversions take time as well. So time *your* network on *your* chip.

# %% [markdown]
# ### Half the memory?
#
# Take twelve linear layers, 256 wide, and a batch of 32. Apart from its weights and the optimizer's numbers, which autocast leaves as they are, a layer needs room for these:
#
# - its input, an *activation*, until the backward pass has used it: 32 · 256 = 8,192 numbers, under autocast in 16 bits;
# - under autocast, a 16-bit copy of its weights, kept just as long;
# - the gradients of its weights, from then on: 256 · 256 = 65,536 numbers, stored in fp32.
#
# **Predict.** Apart from the weights, is the peak of memory under autocast **A** about the same as in fp32, **B** about three quarters, or **C** about half of that?

# %% memory tags=["hide-input"]
# Counts the peak of memory in a forward and a backward pass, with and without autocast.
peaks = {}
for batch in (32, 1024):
    peaks[batch] = show.peak(batch, True, device) / show.peak(batch, False, device)
    print(f"batch {batch}: {peaks[batch]:.2f} times the peak in fp32")

# %% [markdown] tags=["answer"]
# **About the same (A), because the peak comes at the end of the backward pass, where all gradients are there, in fp32, and the activations and copies are gone.** It's even a little higher, because the last gradient is there in 16 bits as well.

# %% [markdown]
# With a batch of 1,024, a layer's activation has 1,024 · 256 numbers, four times as many as there are gradients. Now the peak comes at the start of the backward pass, where all activations are there, so autocast saves memory.

# %% [markdown]
# ## Exercise · A batch in parts
# ★★ · 10 minutes
#
# Your batch doesn't fit into memory, so it comes in `parts`, a list of pairs `(x, y)` of equal size. Write `train_step(model, parts, optimizer, scaler)`: one training step, in fp16 (fp32 if the scaler is off), as if the batch had come whole. The loss is the mean cross-entropy of the whole batch. Return it, unscaled, as a float.
#
# <details><summary>Hint</summary>
#
# `backward()` adds to the gradients that are there. Which calls belong to a part, and which to the batch? Autocast takes `x.device.type`.
#
# </details>


# %% tags=["exercise"]
def train_step(model, parts, optimizer, scaler):
    """One training step on a batch in parts; returns the loss of the whole batch."""
    raise NotImplementedError


# %% tags=["check"]
check.train_step(train_step)


# %% tags=["solution", "hide-cell"]
def train_step_solution(model, parts, optimizer, scaler):
    total = 0.0
    for x, y in parts:
        with torch.autocast(x.device.type, dtype=torch.float16, enabled=scaler.is_enabled()):
            loss = F.cross_entropy(model(x), y) / len(parts)
        scaler.scale(loss).backward()
        total += loss.item()
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    return total


# %% [markdown]
# ## Remember
#
# - Autocast computes products in 16 bits; weights, their gradients and losses stay in fp32. In fp16 a scaler keeps small gradients from vanishing, and bf16 needs none.
# - When a gradient overflows, the scaler skips the step and halves the scale; after many good steps it doubles the scale.
# - Mixed precision saves time in large products on a chip with 16-bit units, and memory where the activations outweigh the gradients.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("amp")

# %% [markdown]
# ## Deeper
#
# ### A published run that gained nothing
#
# PyTorch's recipe for AMP times a network of three layers, 4,096 wide, on batches of 512. (`models.make_mlp` makes such networks.) A lecture ran it on a GPU that it doesn't name ([Technion EE 046211](https://github.com/taldatech/ee046211-deep-learning), tutorial 10): fp32 took 13.958 s and 1,493,322,752 bytes, AMP 14.081 s and 1,585,620,992 bytes. It puts the time down to the age of the GPU. That fits: NVIDIA's GPUs before Volta (2017) have no tensor cores, so large products gain little. But the GPU's age can't explain the memory. The recipe keeps 839 MB of data on the GPU in fp32, and its batch is an eighth of the width, so there are hardly any activations to halve.
#
# Probably both figures also contain what a trial before had left, because the recipe's `start_timer()` calls `torch.cuda.empty_cache()`, which can't free a tensor that still has a name. So delete such names before you trust `end_timer_and_print()`.
#
# A batch in parts gains as little. When our batch of 1,024 comes in 32 parts, we count 1.3 times the peak in fp32, because from the second part on the gradients are there already when the forward pass makes its copies of the weights.
#
# ### How much can a GPU gain?
#
# On eight V100, the first with tensor cores, whole trainings became 1.5 to 5.5 times as fast ([PyTorch's report](https://pytorch.org/blog/what-every-user-should-know-about-mixed-precision-training-in-pytorch)). The H100 gains more in our step, 8.3 times even with the scaler, probably because the step is nearly all large products, and PyTorch's fp32 leaves the units idle. After `torch.set_float32_matmul_precision("high")` they take fp32 products, too, rounded to 19 bits (tf32). Over tf32, 16 bits at most double the speed, by [NVIDIA's data](https://www.nvidia.com/en-us/data-center/h100/).
#
# With layers 4,073 wide, an odd size, the H100 gained only 2.4 times. PyTorch's guide says to use [multiples of 8](https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html).
#
# ### Clip after `unscale_`
#
# *Clipping* limits the gradients: if their norm, the root of the sum of their squares, is above a limit, all are multiplied by one factor below 1. After `backward()` the scale is still in the gradients, so divide first:
#
# ```python
# scaler.scale(loss).backward()
# scaler.unscale_(optimizer)
# torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm=1.0)
# scaler.step(optimizer)  # remembers that the gradients are divided
# scaler.update()
# ```
#
# Without `unscale_` there's no error. But then `step` divides the clipped gradients. At a scale of 1,024 their norm ends at 1 / 1,024, so with SGD the training hardly moves.

# %% [markdown]
# **Sources.** P. Micikevicius et al., *Mixed precision training*, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740): six ImageNet networks, at most 0.3 points from fp32; [PyTorch's page on `torch.amp`](https://docs.pytorch.org/docs/stable/amp.html). Older code says `torch.cuda.amp`.
#
# **Recommended video.** NVIDIA, *Automatic Mixed Precision Training in PyTorch*, [youtube.com/watch?v=b5dAmcBKxHg](https://www.youtube.com/watch?v=b5dAmcBKxHg).
#
# **Going further.** [[formats]] takes both types of 16 bits apart. [PyTorch's examples of AMP](https://docs.pytorch.org/docs/stable/notes/amp_examples.html) have several losses and gradient penalties.
#
# **Credits.** The loop and the network of section 4 follow [Michael Carilli's recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html), after [NVIDIA's page on mixed precision](https://developer.nvidia.com/automatic-mixed-precision). The published run is [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning). Text CC BY 4.0, code MIT.
#
# **What's still open.** At a small batch the gradients fill the memory. What else lies there, and what of it could you throw away and compute again ([[training_memory]])?

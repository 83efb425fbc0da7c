# ---
# jupyter:
#   course:
#     promise: You will train in 16 bits with autocast and a gradient scaler, and know when that pays.
#     seconds: 45
#     needs: []
#     goals:
#       - write the training loop with `autocast`, `GradScaler` and clipping, with one switch, `enabled=`;
#       - work out the scale of the loss step by step, and say why clipping comes after `unscale_`;
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

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.amp import checks as check
from lessons.amp import show

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. A training that stands still
#
# PyTorch computes in **fp32**, with 32 bits for each number. 16 bits take half the room, and many chips multiply them faster. So let's train a small network, LeNet-300-100, on 3,000 images of Fashion-MNIST, once in fp32, and once with its products in the 16-bit type **fp16**. The weights stay in fp32 both times.
#
# Only one thing is unusual: we divide the loss by $2^{20}$, about a million, and multiply the learning rate by as much, so in exact arithmetic each step of SGD stays as it was.

# %%
import torch
from torch.nn import functional as F

from course_utils import data, models

device = "cuda" if torch.cuda.is_available() else "cpu"
images, labels = (part.to(device) for part in data.load("fashion_mnist", n=3_000))
test_images, test_labels = (part.to(device) for part in data.load("fashion_mnist", "test"))
images, test_images = 2 * images - 1, 2 * test_images - 1  # pixels from -1 to 1


def right(net):
    with torch.no_grad():
        return (net(test_images).argmax(1) == test_labels).float().mean().item()


# %% stands_still tags=["hide-input"]
# Trains in fp32 and in fp16, and prints how many test images come out right, and how many weights have moved.
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
# There's no error and no warning. Yet in fp16 not one weight has moved, and the network hasn't learned anything. Three calls will repair this. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. What 16 bits lose, and two tools that prevent it
#
# Where did the training go? Let's follow one gradient. The derivative of an image's cross-entropy with respect to an output is at most 1 in size. The loss is a mean over 64 images, and we divide it by $2^{20}$. So the gradient of an output is at most
#
# $$\frac{1}{64 \cdot 2^{20}} = 1.5 \cdot 10^{-8}$$
#
# In fp16 the smallest number above 0 is $6 \cdot 10^{-8}$. Ours is less than half of that, and rounds to 0: it **vanishes**. Going backward, all other gradients are computed from those of the outputs, by products and sums, so they are 0, too.
#
# There's a second way to lose a number, for weights that are *stored* in fp16. This type has only about three decimal digits: the next number after 1 is 1.001. If a weight is 1 and a step adds 0.0001, the sum is rounded back to 1: the step was **swallowed**.

# %% two_losses
weight, gradient = torch.tensor([1, 1.5e-8], dtype=torch.float16)
print((weight + 0.0001).item(), gradient.item())

# %% [markdown]
# **Try it.** Change `torch.float16` to `torch.bfloat16` and run the cell again.
#
# <details><summary>What others found</summary>
#
# The gradient doesn't vanish any more, but the step is still swallowed.
#
# </details>
#
# **bfloat16**, or bf16, is the other 16-bit type. It reaches as far as fp32, down to about $10^{-38}$, so small gradients survive. The price is precision: the next number after 1 is 1.008.

# %% [markdown]
# ### Autocast chooses a type for each operation
#
# `torch.autocast` leaves the weights in fp32, so that no small step is swallowed: don't call `net.half()`. But most of the time goes into products of matrices, and these only *read* the weights. For them a copy in 16 bits will do. This is **mixed precision**: autocast makes the copies, and gives each operation of the forward pass its type:
#
# | operations | type under autocast |
# |---|---|
# | linear layers, convolutions, attention, `matmul` | 16 bits |
# | most losses; on a GPU also `softmax`, `layer_norm`, `exp`, `log`, `sum` | fp32 |
# | most others, such as ReLU | that of their inputs |

# %% types
net = models.LeNet300100().to(device)
with torch.autocast(device, dtype=torch.float16):
    output = net(images[:64])
    loss = F.cross_entropy(output, labels[:64])
loss.backward()  # after the block
print(output.dtype, loss.dtype, net.fc1.weight.grad.dtype)

# %% [markdown]
# The output comes from a product, so it's in fp16. The loss is in fp32, as the table says, and so is each weight's gradient, because a gradient is stored in the type of its weight. `backward` can stand after the block, because each operation goes backward in the type that it had going forward. So on its way through the layers a gradient is in fp16, and there ours vanished.

# %% [markdown]
# ### The scaler saves small gradients
#
# How do we keep a gradient of $1.5 \cdot 10^{-8}$? We multiply the loss by a **loss scale**, say 65,536. By the chain rule every gradient grows by the same factor, and $1.5 \cdot 10^{-8} \cdot 65{,}536 = 0.001$ is safe in fp16. Once the gradient has reached its weight it's stored in fp32, and we divide it by 65,536. A **gradient scaler**, `torch.amp.GradScaler`, does both:


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
# The scaler has a switch, `enabled=`, which our loop hands on to autocast. Does the network learn again?

# %% switch
for enabled in (True, False):
    net = train(torch.amp.GradScaler(device, enabled=enabled))
    print(f"enabled={enabled}: {right(net):.1%} right")

# %% [markdown]
# It does. When the switch is off, this is the plain loop in fp32. So when a training goes wrong, throw this switch first: if it still goes wrong, 16 bits aren't the only cause.
#
# Here are four ways to train, from six seeds each. The gap is between trainings from the same seed.

# %% four_ways tags=["hide-input"]
# Trains in four ways from six seeds, and shows how many test images come out right.
seeds = range(6)
four_ways = {
    "fp32": [right(train_without_scaler(torch.float32, seed)) for seed in seeds],
    "fp16, autocast alone": [right(train_without_scaler(torch.float16, seed)) for seed in seeds],
    "fp16, autocast and scaler": [right(train(torch.amp.GradScaler(device), seed=seed)) for seed in seeds],
    "bf16, autocast alone": [right(train_without_scaler(torch.bfloat16, seed)) for seed in seeds],
}
show.by_seed(four_ways)

# %% [markdown]
# After this one epoch each fp16 training with the scaler is close to the one in fp32, and all six without the scaler stand still. bf16 needs no scaler, because small gradients don't vanish there. Choose bf16 where your chip multiplies it fast (section 4 measures that). The switch then moves to autocast: `torch.autocast(device, dtype=torch.bfloat16, enabled=True)`.
#
# In fp16, always take a scaler, because nobody knows which gradients will vanish.

# %% [markdown]
# ## 3. How the scaler finds its scale, and when to clip
#
# Why not use a huge scale? Because the largest fp16 number is 65,504. A gradient of 0.3 at a scale of 262,144 would be 78,643, so it **overflows**: it becomes infinite, and a step with it would destroy the weights. Nobody knows the largest gradient of the next batch, so the scaler searches:
#
# 1. It begins with 65,536.
# 2. If a gradient is infinite or not a number, it skips the step, and halves the scale.
# 3. After 2,000 good steps in a row (`growth_interval`) it doubles the scale, and starts counting again.
#
# Let's follow six steps by hand, with a `growth_interval` of 2. Steps 1 and 2 are good, so the scale doubles to 131,072. In step 3 a gradient is infinite. Steps 4, 5 and 6 are good again.
#
# **Predict.** What is the scale after step 6: **A** 262,144, **B** 131,072, or **C** 65,536?

# %% [markdown] tags=["answer"]
# **131,072 (B), because step 3 halves the scale, and the good steps 4 and 5 double it again.** Step 6 begins a new pair.

# %% [markdown]
# Now a real training: `train` with the loss at its usual size. The scale begins at 4,096, and doubles after three good steps, so that something happens in 47 steps. The upper panel shows the scale, the lower one each step's largest gradient, times the scale.

# %% staircase
show.staircase(train, device)

# %% [markdown]
# The scale climbs a staircase, and the scaled gradients climb with it, until one would cross the dotted line. So a few skipped steps are nothing to worry about. With 2,000 in place of three they are rare, and a scale that keeps falling is a bad sign.

# %% [markdown]
# ### Clip after `unscale_`
#
# A single step with very large gradients can undo many others, so we limit them by **clipping**: if the *norm* of all gradients, the root of the sum of their squares, is above a limit, they are all multiplied by one factor below 1.
#
# Take two gradients, 0.3 and 0.4, and a limit of 0.1. The norm is $\sqrt{0.09 + 0.16} = 0.5$, so both are multiplied by 0.1 / 0.5 = 0.2, and become 0.06 and 0.08.
#
# After `backward()`, however, they are still multiplied by the scale. If it's 1,024, they are 307.2 and 409.6, and their norm is 512.
#
# **Predict.** Somebody clips these scaled gradients to a norm of 0.1, and only then divides by 1,024. Which gradients does the optimizer get: **A** 0.06 and 0.08, **B** 0.3 and 0.4, **C** 0.00006 and 0.00008?

# %% too_early
from torch.nn.utils import clip_grad_norm_

weight = torch.nn.Parameter(torch.ones(2, device=device))
optimizer = torch.optim.SGD([weight])
scaler = torch.amp.GradScaler(device, init_scale=1024)
scaler.scale(0.3 * weight[0] + 0.4 * weight[1]).backward()
clip_grad_norm_([weight], max_norm=0.1)  # wrong: too early
scaler.unscale_(optimizer)
print(f"{weight.grad[0]:.5f}, {weight.grad[1]:.5f}")

# %% [markdown] tags=["answer"]
# **0.00006 and 0.00008 (C), because clipping has already made the norm 0.1, and the division then makes it 1,024 times smaller.**

# %% [markdown]
# With SGD such a training hardly moves. Adam hides most of the mistake, because it divides its steps by the usual size of the gradients. So divide first:
#
# **`backward`, `unscale_`, clip, `step`, `update`.**
#
# The scaler remembers that it has divided, so `step` doesn't divide again.

# %% [markdown]
# ## 4. When does it save time, and when memory?
#
# In large products the multiplications set the pace. Some chips have **16-bit units**, such as the tensor cores of NVIDIA's GPUs, which multiply several 16-bit pairs in the time of one fp32 pair. There a large step becomes faster.
#
# **Without such units** the multiplications of most chips gain nothing, because the chip turns each number into fp32 first. Besides, PyTorch's 16-bit routines are slow there: the processors that we tried take 4 to 25 times as long for a large step in bf16.
#
# **A small step** does little arithmetic, so faster multiplications hardly help. But autocast adds work: it converts the input and the weights to 16 bits, and the weights' gradients back.
#
# Let's time a training step of three layers with autocast alone: a large one, 1,024 wide with a batch of 256 (on a GPU, width and batch are both 4,096), and a small one, 128 wide with a batch of 16. Below 1 means slower than fp32.

# %% race tags=["hide-input"]
# Times training steps on this machine, and shows records of others below.
times = show.race(device)
show.side_by_side(times, device)

# %% [markdown]
# In the records the large step gains only where there are units. The small step loses on all three.
#
# So time *your* network on *your* chip.

# %% [markdown]
# ### Memory: the gradients stay in fp32
#
# Twelve linear layers, 256 wide, read a batch of $B$ inputs. For the backward pass each layer keeps an *activation* of $B \cdot 256$ numbers, in 16 bits under autocast. In the backward pass, layer by layer, it frees its activation, and stores a gradient of $256 \cdot 256$ numbers in fp32 instead. So the backward pass begins with twelve activations in memory, and ends with twelve gradients. If no gradients were there before, whichever are larger set the peak.
#
# **Predict.** With $B = 32$, is the peak of memory (beside the weights) under autocast **A** about half of that in fp32, **B** about three quarters, or **C** about the same?

# %% memory tags=["hide-input"]
# Counts the peak of memory in a forward and a backward pass, with and without autocast.
peaks = {}
for batch in (32, 1024):
    peaks[batch] = show.peak(batch, True, device) / show.peak(batch, False, device)
    print(f"batch {batch}: {peaks[batch]:.2f} times the peak in fp32")

# %% [markdown] tags=["answer"]
# **About the same (C), because the gradients fill the memory, and they stay in fp32.** Twelve gradients of 262 kB each make 3.1 MB; twelve activations of 33 kB, in fp32, only 0.4 MB.

# %% [markdown]
# With a batch of 1,024 the activations, 12.6 MB in fp32, set the peak, so autocast saves. It doesn't save half, partly because 16-bit copies of the weights come on top.
#
# So autocast saves memory where the activations clearly outweigh the gradients. What the optimizer keeps doesn't shrink at all.

# %% [markdown]
# ## Exercise · A batch in parts
# ★★ · 10 minutes
#
# Your batch doesn't fit into memory, so it comes in `parts`, a list of pairs `(x, y)` of equal size. Write `train_step(model, parts, optimizer, scaler)`: one step in fp16 (in fp32 if the scaler is off) as if the batch had come whole, with the norm of its true gradient clipped to 1. The loss is the cross-entropy, a mean over the whole batch. Return it, unscaled, as a float.
#
# <details><summary>Hint</summary>
#
# `backward()` adds to the gradients that are there. Which calls belong to a part, and which to the batch? Autocast takes `x.device.type`.
#
# </details>


# %% tags=["exercise"]
def train_step(model, parts, optimizer, scaler):
    """One training step on a batch in parts, its gradient clipped to a norm of 1; returns the loss."""
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
    scaler.unscale_(optimizer)
    clip_grad_norm_(model.parameters(), max_norm=1.0)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    return total


# %% [markdown]
# ## Remember
#
# - Autocast computes products in 16 bits; weights, their gradients and losses stay in fp32. In fp16 a scaler keeps small gradients from vanishing, and bf16 needs none.
# - When a gradient overflows, the step is skipped and the scale is halved; many good steps double it. Clip after `unscale_`.
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
# Probably both figures also contain what a trial before had left: `torch.cuda.empty_cache()`, which the recipe's `start_timer()` calls, can't free a tensor that still has a name. So delete such names before you trust `end_timer_and_print()`.
#
# ### How much can a GPU gain?
#
# On eight V100, the first with tensor cores, whole trainings became 1.5 to 5.5 times as fast ([PyTorch's report](https://pytorch.org/blog/what-every-user-should-know-about-mixed-precision-training-in-pytorch)). The H100 gains more, 8.3 times even with the scaler that fp16 needs, because its step is nearly all large products, and its units are further ahead of fp32.
#
# With layers 4,073 wide and a batch of 4,093 the H100 gained only 2.4 times. So on NVIDIA's GPUs round widths and numbers of classes up, to [multiples of 8](https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html).
#
# And what do we compare with? In PyTorch, fp32 products of matrices use the tensor cores only after `torch.set_float32_matmul_precision("high")`, in a type called tf32 (convolutions do so anyway). Then there's less to gain.
#
# ### A training that goes on tomorrow
#
# If you store only the network and the optimizer, the scaler begins its search anew at 65,536. If the right scale is smaller, the first steps are skipped; if it's larger, the scaler needs thousands of steps to climb back. So store three states: `net.state_dict()`, `optimizer.state_dict()` and `scaler.state_dict()`.

# %% [markdown]
# **Sources.** P. Micikevicius et al., *Mixed precision training*, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740): six ImageNet networks, at most 0.3 points from fp32; [PyTorch's page on `torch.amp`](https://docs.pytorch.org/docs/stable/amp.html). Older code says `torch.cuda.amp`.
#
# **Recommended video.** NVIDIA, *Automatic Mixed Precision Training in PyTorch*, [youtube.com/watch?v=b5dAmcBKxHg](https://www.youtube.com/watch?v=b5dAmcBKxHg).
#
# **Going further.** [[formats]] takes both types of 16 bits apart. [PyTorch's examples of AMP](https://docs.pytorch.org/docs/stable/notes/amp_examples.html) have several losses and gradient penalties.
#
# **Credits.** The loop and the network of section 4 follow [Michael Carilli's recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html), after [NVIDIA's page on mixed precision](https://developer.nvidia.com/automatic-mixed-precision). The published run is [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning). Text CC BY 4.0, code MIT.
#
# **What's still open.** At a small batch the gradients fill the memory. What else lies there, and what of it could you throw away and compute again ([[training_memory]])? And could a network get by with 8-bit integers ([[integers]])?

# ---
# jupyter:
#   course:
#     promise: You will train in mixed precision with the whole recipe, and know when it saves time, when memory, and when neither.
#     seconds: 50
#     needs: [measuring, baseline, roofline, formats]
#     goals:
#       - Write the whole recipe, with autocast, a gradient scaler and clipping, and say what each line is for.
#       - Say why the loss is scaled, how the scale is found, and why clipping comes after `unscale_`, each with numbers by hand.
#       - Find out by an experiment which part of a training loop is broken.
#       - Say on which processor and at which size it saves time, and count from which batch on it saves memory.
#     terms: [gradient scaler]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *The whole recipe, and an honest look at what it saves.*
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
# *For the lecturer, 1 min.* Ask what people hope for: half the time? half the memory? Write both on the board; the lesson measures both.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import math
import pathlib
import statistics
import tempfile

import torch
from torch.nn import functional as F

from course_utils import data, models, runtime, training
from course_utils.measure import sixteen_bits, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show.tables import Table, mean_and_range
from lessons.amp import checks as check
from lessons.amp import show

runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
low = sixteen_bits.low_type(device)  # autocast's default: float16 on a GPU, bfloat16 on a CPU
low_name = str(low).removeprefix("torch.")
units = runtime.has_fast_bf16(device)
print(f"16-bit type {low_name}; multiplies bfloat16 in hardware: {units}")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Half the bits, half the memory?
#
# Three linear layers, 256 wide: a forward and a backward pass on a batch of 32, in fp32 and under `autocast`, which runs the products in 16 bits.
#
# **Predict.** The peak of memory above the weights, under autocast over that in fp32: **A** about a half, **B** about three quarters, **C** more than 1? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Show of hands; most say A or B. After the answer let one of them say which tensors have as many bits as before. (The gradients of the weights, which are the largest things here: three of 262 kB, in fp32 in both runs.) Do not go deeper yet: "In section 6 we count what is alive at a peak." First the recipe.

# %% [markdown] slideshow={"slide_type": "skip"}
# Mixed precision promises two savings: a number of 16 bits takes half the memory, and many processors multiply such numbers faster. [[formats]] found what it takes so that the training still works: products in 16 bits with sums in fp32, weights in fp32, and a factor on the loss, so that small gradients do not become 0. This lesson puts these parts into one loop, and asks what the loop really saves. The *peak* of memory is its highest level during a step ([[baseline]]). The network of the question has ReLU between its layers.


# %% slideshow={"slide_type": "skip"}
def forward_and_back(autocast):
    with torch.autocast(device.type, dtype=low, enabled=autocast):
        loss = F.mse_loss(net(x), y)
    loss.backward()
    net.zero_grad()


net = models.make_mlp(256, 256, n_layers=3).to(device)
x, y = (torch.ones(32, 256, device=device) for _ in range(2))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Measures the peak of both, after one call of each that warms up.
peaks = {}
for on in (False, True):
    forward_and_back(on)  # the first product on a GPU takes room that stays
    peaks[on] = timing.peak_bytes(lambda on=on: forward_and_back(on), device=device)
print(f"peak under autocast over that in fp32: {peaks[True] / peaks[False]:.2f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Under autocast this step needs more memory (C), 15 % more in the run on this page.**
#
# <!-- page -->
#
# At this small batch the largest things in memory are the gradients of the weights. By hand: the gradient of one weight matrix has 256 · 256 numbers of 4 bytes, 262 kB, and there are three. An activation of the batch has only 32 · 256 numbers, 33 kB. The gradient of an fp32 weight is stored in fp32 in both runs, so autocast does not make it smaller. But the last gradient first comes out of its product in 16 bits, 131 kB, before it is stored in fp32, and these bytes are added to the peak. Halving a few activations of 33 kB does not make up for that. Section 6 counts when larger batches turn the result round.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 2. The training loop, line by line
#
# A plain training loop, and what mixed precision adds:


# %% slideshow={"slide_type": "-"}
def train(net, optimizer, scaler, batches, autocast=True):
    for x, y in batches:
        with torch.autocast(device.type, dtype=low, enabled=autocast):
            loss = F.mse_loss(net(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Read the lines aloud one by one. For each ask: "What goes wrong without this line?" (`autocast`: all stays in fp32. `scale`: small gradients become 0 in fp16. `step`: the gradients keep the scale, and a step with an inf is taken. `update`: the next step fails. `zero_grad`: gradients add up.) Then let somebody say which lines a plain fp32 loop has as well: forward pass, `backward`, `step`, `zero_grad`.

# %% [markdown] slideshow={"slide_type": "skip"}
# What is each line for?
#
# - **`with autocast`** chooses a type for each operation of the forward pass ([[formats]]). The products, `linear` and convolutions, read 16-bit copies of their inputs and weights. The loss runs in fp32, because it adds up many numbers. The weights themselves stay in fp32, since a weight is a sum over thousands of small steps: in fp16 the neighbours of 1 are 0.001 apart, so 1 + 0.0001 is 1 again, and such a step would be lost.
# - **`scaler.scale(loss).backward()`** multiplies the loss by a number, the *loss scale*, and computes the gradients. By the chain rule every gradient comes out multiplied by the scale. `backward()` stands outside the `with` block, because each backward operation takes the type that its forward operation had.
# - **`scaler.step(optimizer)`** divides the gradients by the scale. If all of them are finite, it calls `optimizer.step()`. If one is infinite or NaN, it leaves the step out.
# - **`scaler.update()`** decides with which scale the next step goes on.
# - **`optimizer.zero_grad()`** releases the gradients. Without it, `backward()` would add the next gradients to them.
#
# The object behind three of the lines is the **gradient scaler**, `torch.amp.GradScaler`. A run makes one at its beginning and keeps it to the end. Autocast and the scaler both have a switch, `enabled`, so that one loop serves both precisions. When a run goes wrong, the switch tells whether precision is the cause, provided that a loop that is switched off is really the plain one.

# %% slideshow={"slide_type": "skip"}
batches = [(torch.randn(128, 256, device=device), torch.randn(128, 256, device=device)) for _ in range(3)]


def fresh(seed=0, momentum=0.0):
    """The same new network every time, and its optimizer."""
    torch.manual_seed(seed)
    net = models.make_mlp(256, 256, n_layers=3).to(device)
    return net, torch.optim.SGD(net.parameters(), lr=0.1, momentum=momentum)


def largest_difference(a, b):
    """The largest distance of two networks in any one number."""
    return max((p - q).abs().max().item() for p, q in zip(a.parameters(), b.parameters(), strict=True))


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The switch
#
# Three steps from the same weights: a plain loop, and `train` with `enabled=False` and `enabled=True`.
#
# **Predict.** How far from the plain loop's weights does `enabled=True` end: **A** not a bit, **B** a few per cent of the way that they moved, **C** more? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote on A, B, C for `enabled=True`; then ask aloud for `enabled=False`. After the output: "When your training goes wrong tomorrow, what do you try first?" (The switch: if the fault stays when it is off, precision is not the cause.)

# %% slideshow={"slide_type": "skip"}
start, (plain_net, plain_optimizer) = fresh()[0], fresh()
for x, y in batches:  # the plain loop
    F.mse_loss(plain_net(x), y).backward()
    plain_optimizer.step()
    plain_optimizer.zero_grad()

gaps = {}
for on in (False, True):
    net, optimizer = fresh()
    train(net, optimizer, torch.amp.GradScaler(device.type, enabled=on), batches, autocast=on)
    gaps[on] = largest_difference(net, plain_net)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Prints the distances, and what share of the whole move they are.
way = largest_difference(start, plain_net)
for on, gap in gaps.items():
    print(f"enabled={on}: {gap:.1g}, {gap / way:.1%} of the move")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Switched on, the loop is off by at most a few per cent of the way (B). Switched off, it is the plain loop, bit for bit.**
#
# <!-- page -->
#
# With `enabled=False` a scaler's `scale`, `unscale_` and `update` do nothing, `step` calls `optimizer.step()`, and autocast changes no type. So the same operations run on the same numbers. With `enabled=True` every product reads rounded inputs, and the gradients are rounded as well, to 8 binary digits in bf16. Each is off by up to 0.4 %, and several such roundings meet in one gradient.
#
# Three steps are close. That does not say that a whole training is as good; *Deeper* measures that.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two devices, one recipe
#
# | | CUDA | CPU |
# |---|---|---|
# | default type | float16 | bfloat16 |
# | scaler | needed | not needed, does no harm |
# | 16-bit units | tensor cores, since Volta (2017) | AVX-512 BF16, AMX, ARM BF16 |
# | scaler's name | `torch.amp.GradScaler("cuda")` | `torch.amp.GradScaler("cpu")` |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* One row is enough: the type. bf16 has the range of fp32, so it needs no scale; it has 8 digits where fp16 has 11. Ask who has seen `torch.cuda.amp` in code: most have, and those names are deprecated.

# %% [markdown] slideshow={"slide_type": "skip"}
# bf16 has the exponent of fp32, and so its range. Gradients that are too small for fp16 are still numbers in bf16, and so it needs no loss scale. What bf16 gives up is digits: 8 in place of fp16's 11. GPUs since Ampere (2020) have units for bf16, too: pass `dtype=torch.bfloat16`, and leave the scaler out.
#
# Older code says `torch.cuda.amp.autocast()` and `torch.cuda.amp.GradScaler()`. These names are deprecated. And why not call `model.half()`? Then the weights themselves have 16 bits, and 1 + 0.0001 is 1 again: small steps are lost.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. A scale that nobody knows beforehand
#
# fp16 ends at 65,504, and below $6 \cdot 10^{-8}$ there is nothing but 0. The scale lifts all gradients by the same factor.
#
# | gradient | fp16 alone | × 65,536 | × 262,144 |
# |---|---|---|---|
# | $2 \cdot 10^{-8}$ | 0 | 0.0013 | 0.0052 |
# | 0.3 | 0.3 | 19,664 | **inf** |
#
# **Predict.** Six steps; the *third* batch holds one infinite number. What happens to the weights in step 3, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room check one column of the table: 0.3 times 262,144 is 78,643, beyond 65,504. (0.3 times 65,536 is 19,661, and fp16 rounds it to 19,664.) Recall the hill of gradients that [[formats]] pushed to the right (show its last frame again if you have it): the first row is its left foot, the second its right one. "How large may the scale be? Nobody knows beforehand." Say that the scale doubles after two good steps in a row here, to see something; the default is 2,000. Vote on step 3: NaN weights, a wrong step, or none at all? After the table follow the last column: it halves in step 3, and doubles again after steps 4 and 5.

# %% [markdown] slideshow={"slide_type": "skip"}
# Section 5 of [[formats]] showed *many* gradients of a network as a hill over the range of fp16: the loss scale moves it to the right, away from where numbers become 0 and towards where they become infinite. Here are two gradients of such a hill.
#
# **Two gradients by hand.** Suppose one weight has the gradient $2 \cdot 10^{-8}$ and another one 0.3. On their way back both pass through fp16 ([[formats]]). The small one is less than half of fp16's least number, and becomes 0. Now multiply the loss by 65,536. The gradients become 0.0013 and 19,661, which fp16 rounds to 19,664. The scaler divides them in fp32, and gets back $2 \cdot 10^{-8}$ and 0.3, but for the rounding. A scale four times as large lifts the small one still higher, but $0.3 \cdot 262{,}144 = 78{,}643$ is beyond 65,504 and becomes infinite.
#
# So the scale should be large, and not too large. Its limit is 65,504 divided by the largest gradient, of a weight or of an activation on the way back, and nobody knows that of the next batch. So the scaler *searches*:
#
# 1. Begin with a large scale, 65,536.
# 2. After the backward pass, look for inf or NaN among the gradients. If there is one, the scale was too large: leave the step out, and halve the scale.
# 3. After many good steps in a row (`growth_interval`, 2,000 unless you say otherwise) a larger scale may be possible: double it, and count from 0 again.
#
# Why leave the step out? A weight minus an infinite step is infinite, and after the next forward pass everything is NaN. A skipped step costs one batch. Why double? Gradients can shrink, and after some skips the scale would stay too small for ever. Why a factor of 2? A power of two changes the exponent of a number, and no digit.
#
# **Six steps by hand**, with `growth_interval=2`. Continue the table to step 6:
#
# | step | inf? | good steps in a row | scale afterwards |
# |---|---|---|---|
# | 1 | no | 1 | 65,536 |
# | 2 | no | 2: double, and count anew | 131,072 |
# | 3 | **yes** | 0 | ? |
#


# %% slideshow={"slide_type": "skip"}
def watched_step(net, optimizer, scaler, x, y):
    """One step of the recipe; (was there an inf, scale before, scale afterwards)."""
    with torch.autocast(device.type, dtype=low):
        loss = F.mse_loss(net(x), y)
    scaler.scale(loss).backward()
    infinite = not all(p.grad.isfinite().all() for p in net.parameters())
    before = scaler.get_scale()
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return infinite, before, scaler.get_scale()


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Takes the six steps, and notes how far any weight moved in each.
net, optimizer = fresh()
scaler = torch.amp.GradScaler(device.type, growth_interval=2)
log, moved = [], {}
for number in range(1, 7):
    x, y = batches[number % 3]
    if number == 3:
        x = x.clone()
        x[0, 0] = math.inf
    as_before = fresh()[0]
    as_before.load_state_dict(net.state_dict())
    log.append(watched_step(net, optimizer, scaler, x, y))
    moved[number] = largest_difference(net, as_before)
Table(
    ["step", "inf", "largest change of a weight", "scale afterwards"],
    [[i, "yes" if inf else "no", f"{moved[i]:.1e}", f"{after:,.0f}"] for i, (inf, _, after) in enumerate(log, 1)],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In step 3 not a single weight changes, because the scaler leaves the step out. Then it halves the scale.**
#
# <!-- page -->
#
# The infinite number in the input made gradients that are infinite or no numbers (NaN). Too large a scale looks the same to the scaler, so it halves, from 131,072 to 65,536. After the two good steps 4 and 5 it doubles again. After step 6 nothing changes.
#
# Where does this stop being true? If the inf has nothing to do with the scale, as here, halving cures nothing. If you see the scale fall towards 0, look for an overflow in the forward pass.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The ring of the scaler
#
# The same six steps.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* The first of six frames is open: "Why does the scale stay?" (One good step of the two that it needs.) Before each other click let the room say whether it doubles, halves or stays, and why. In order: stays, doubles, halves, stays, doubles, stays.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws one turn of the ring for each step.
show.ring(log)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The search in a real training
#
# LeNet-300-100 learns Fashion-MNIST for 100 steps under autocast, once in float16 and once in bfloat16. Here the scale doubles after 10 good steps.
#
# **Predict.** With float16, does the scale **A** settle, **B** go up and down, or **C** grow for ever? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote on float16, then ask for bfloat16. After the figure ask where a green point would have to lie to be skipped (above the dotted line at 65,504; the crosses are drawn on it), and how many batches the search costs with the default of 2,000 (it tries two hundred times less often than here).

# %% [markdown] slideshow={"slide_type": "skip"}
# The loop of section 2, which also notes for each step the scale, the largest gradient times the scale, and the scale afterwards.

# %% slideshow={"slide_type": "skip"}
images, labels = (t.to(device) for t in data.load("fashion_mnist", "train", n=12_000))
test_set = data.load("fashion_mnist", "test")


# %% slideshow={"slide_type": "skip"}
def search(dtype, steps=100):
    torch.manual_seed(0)
    net, log = models.LeNet300100().to(device), []
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler(device.type, growth_interval=10)
    for picked in training.batches(len(images), 64, steps=steps, seed=0):
        with torch.autocast(device.type, dtype=dtype):
            loss = F.cross_entropy(net(images[picked]), labels[picked])
        scaler.scale(loss).backward()
        before, largest = scaler.get_scale(), max(p.grad.abs().max().item() for p in net.parameters())
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        log.append((before, largest, scaler.get_scale()))
    return log


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Trains in both types, and draws scale and largest gradient for each step.
searched = {name: search(getattr(torch, name)) for name in ("float16", "bfloat16")}
skipped = {name: sum(after < before for before, _, after in steps) for name, steps in searched.items()}
show.search(searched)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **In float16 the scale climbs until a gradient overflows, then goes up and down (B). In bfloat16 it only grows (C).**
#
# <!-- page -->
#
# Each doubling lifts the green points on the left by a factor of two. When one of them would cross 65,504, the step is skipped and the scale halves. In the run on this page the scale climbs twice to 524,288, where a gradient above $65{,}504 / 524{,}288 = 0.12$ makes it fall back. Later some gradients are larger, and it falls back from lower scales. The search costs seven of the 100 steps, because we let it try after 10 good ones. With the default of 2,000 it tries two hundred times less often.
#
# bf16 reaches to $3 \cdot 10^{38}$. No gradient overflows, no step is skipped, and the scale doubles every 10 steps without any effect. That is what "not needed, does no harm" means in the table of section 2.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Clip, but when?
#
# **Clipping** limits the norm of all gradients together, here to 0.01. After `backward()` they are multiplied by the scale; `scaler.unscale_(optimizer)` divides them by it.
#
# **Predict.** Somebody clips *before* `unscale_`, at a scale of 65,536. Is the step of SGD then **A** as it should be, **B** too long, **C** far too short? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Give the room two gradients, 0.3 and 0.4, a scale of 1,024 and a limit of 0.1, and a minute with a pencil: one half clips first (and gets a norm of 0.0001), the other half unscales first (0.1). Then the vote. In the table, the first row has the true norm, 0.064, and the last row 0.01 / 65,536.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why clip at all? An unlucky batch can have a gradient that is far longer than usual, and one step along it can undo what many steps have learned. Clipping keeps the direction of such a gradient and shortens it. The norm is the root of the sum of the squares of all gradients.
#
# **Two gradients by hand.** Let the gradients be 0.3 and 0.4. Their norm is $\sqrt{0.09 + 0.16} = 0.5$. With `max_norm = 0.1` they are five times too long, and clipping multiplies both by 0.2: 0.06 and 0.08, with the norm 0.1.
#
# Now with a scale of 1,024. After `backward()` the gradients are 307.2 and 409.6, and their norm is 512. There are two orders:
#
# | first unscale, then clip | first clip, then unscale |
# |---|---|
# | ÷ 1,024: 0.3 and 0.4, norm 0.5 | norm 512 is above 0.1, so × 0.1/512: 0.06 and 0.08, norm 0.1 |
# | norm 0.5 is above 0.1, so × 0.2: 0.06 and 0.08, norm **0.1** | ÷ 1,024: 0.00006 and 0.00008, norm **0.0001** |
#
# In the wrong order the limit is compared with gradients that are 1,024 times too long. So nearly every step is clipped, also one that needed no clipping, and the division then makes it 1,024 times shorter than the limit.
#
# Now with the network of section 2: one backward pass, then the calls in the given order.


# %% slideshow={"slide_type": "skip"}
def norms(calls, max_norm=0.01):
    """Norm of all gradients after backward, and after the calls."""
    net, optimizer = fresh()
    scaler = torch.amp.GradScaler(device.type)
    x, y = batches[0]
    with torch.autocast(device.type, dtype=low):
        loss = F.mse_loss(net(x), y)
    scaler.scale(loss).backward()
    first = torch.nn.utils.get_total_norm([p.grad for p in net.parameters()])
    for call in calls:
        if call == "unscale_":
            scaler.unscale_(optimizer)
        else:
            torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm)
    return first, torch.nn.utils.get_total_norm([p.grad for p in net.parameters()])


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Shows the norms for three orders of the calls.
orders = (("unscale_",), ("unscale_", "clip"), ("clip", "unscale_"))
Table(
    ["calls", "after backward", "in the step"],
    [[", ".join(order), *(f"{norm:.3g}" for norm in norms(order))] for order in orders],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The step is far too short (C): its gradient has the norm 0.01 / 65,536, and training stands still without a message.**
#
# <!-- page -->
#
# In the first row, the last column is the true norm; the middle column is 65,536 times as large. In the second row the gradient has the norm 0.01, as it should. In the third it has $0.01 / 65{,}536 = 1.53 \cdot 10^{-7}$.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The order of the calls
#
# ```python
# scaler.scale(loss).backward()
# scaler.unscale_(optimizer)
# torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm)
# scaler.step(optimizer)
# scaler.update()
# optimizer.zero_grad()
# ```

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask: "step divides by the scale, and unscale_ has done so already. Is it done twice?" No: the scaler remembers until `update()` that it has divided.

# %% [markdown] slideshow={"slide_type": "skip"}
# Is the gradient now divided twice? No: the scaler remembers until `update()` that `unscale_` was called, and `step` then does not divide again. Whatever else looks at gradients, such as printing their norm, comes after `unscale_` as well. *Deeper* says what happens if a line is missing.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. When does it save time?
#
# | the limit | 16 bits help | if |
# |---|---|---|
# | arithmetic | more operations a second | the chip has units for it |
# | memory | half the bytes | they come from memory |
#
# **Predict.** How many times faster than fp32 is bf16, **with** 16-bit units and **without**, for a product of two matrices and for adding a long vector to itself: below 1, 1 to 2, more than 2? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Four votes, one for each cell of a table with two rows and two columns. For the addition let somebody count bytes: half of them, so at most twice. After the table ask which row is there only to be fair. (The second: fp32 by the library that bf16 uses. First row over second row is the gain over the better fp32, about 2.0.)

# %% [markdown] slideshow={"slide_type": "skip"}
# [[roofline]] found two limits for a layer: the operations that the processor can do in a second, and the bytes that the memory can deliver.
#
# **An addition by hand.** To add a vector of 16.8 million numbers to itself the processor does one operation for each number, and moves 4 bytes in and 4 bytes out: 134 MB in fp32. The operations are nothing beside that. In 16 bits it moves 67 MB. So it can be at most twice as fast (unless only the shorter vectors fit into a cache).
#
# **A product by hand.** Two matrices of 1,024 by 1,024 have a million numbers each. The product needs $1{,}024^3$, about a thousand million, multiplications with as many additions: each number is used 1,024 times. So arithmetic is the limit, and half the bytes hardly matter. What matters is how many 16-bit products the processor does at a time. A processor *with 16-bit units* has an instruction that takes twice as many pairs of bf16 numbers (or more) as of fp32 numbers, multiplies them, and adds up in fp32. A processor *without* can store bf16 numbers, but must turn each into fp32 before it multiplies.
#
# **Is fp32 at its best?** For fp32 products PyTorch calls one library (MKL, on an x86 processor), and for bf16 usually another one (oneDNN). If the first were slow on this chip, bf16 would look good without any merit of its own. So we also time an fp32 product by oneDNN.
#
# The table shows your machine, and beside it records of chips of other kinds. `python3 course.py bench sixteen_bits` makes such a record. Without 16-bit units this cell may take a minute.

# %% slideshow={"slide_type": "skip"}
times = sixteen_bits.race(device)  # seven rounds (three, where one call takes long); quartiles and median of each

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Shows product and addition on this device, and beside it records of processors of other kinds.
of_operations = [
    ["product, 16 bits", "product", "16 bits"],
    ["product, fp32 by oneDNN", "product", "fp32, oneDNN"],
    ["addition, 16 bits", "addition", "16 bits"],
]
show.side_by_side(times, device, sixteen_bits.records(), of_operations)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With 16-bit units the product is more than twice as fast, and four times on the GPU. Without them it has 0.23 of the speed of fp32 on one processor, and a sixtieth on another. The addition gains less than twice.**
#
# <!-- page -->
#
# The addition moves half the bytes on every chip, and gains on every one. Its gain stays below two, so the bytes are not all that takes time.
#
# For the processor with units, divide the first row by the second, and you have the gain over the *better* fp32 product, about 2.0. That is what an instruction with twice as many pairs can give.
#
# Without units the library decides. On processors with AVX-512 PyTorch calls oneDNN, which probably converts every number before it multiplies. With AVX2 alone PyTorch does not call oneDNN for bf16 (run with `ONEDNN_VERBOSE=1`, its log names no bf16 product), but a slow routine of its own.
#
# The last column is a data-centre GPU, an NVIDIA H100, with fp16 in place of bf16. Its product gains four times, and its addition nearly the two that half the bytes allow. *Deeper* explains this column.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A whole training step
#
# Three layers, four sizes:
#
# - *large*: 1,024 wide, batch 256
# - *odd size*: no multiple of 8
# - *narrow*: 128 wide, at batch 1,024 and at batch 16
#
# **Predict.** On the processor with 16-bit units: which of the four gains least, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* One vote. Then the table: read the column with units from top to bottom. Ask which of the two, width or batch, was to blame: the two narrow rows differ in the batch alone. Then the last two rows together: stored in 16 bits the network converts nothing, and is slower than fp32 as well, so most of the loss is not the conversions. If somebody asks whether the large step is twice as fast as fp32 *can* be: no, oneDNN makes the fp32 product faster, as the table before shows. Without units every size loses.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Shows the training steps in the same way.
of_steps = [[size, size, "autocast"] for size in sixteen_bits.sizes(device)]
of_steps.insert(1, ["large, with scaler", "large", "with scaler"])
of_steps.append(["batch 16, stored in 16 bits, no autocast", "narrow, batch 16", "stored"])
show.side_by_side(times, device, sixteen_bits.records(), of_steps)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The narrow network at batch 16 gains least: it has 0.60 of the speed of fp32. A large step is 1.7 times as fast.**
#
# <!-- page -->
#
# Each row compares with fp32 as PyTorch computes it. On the processor with units oneDNN makes the fp32 product 1.14 times as fast as that (first table), so a part of the gain of a large step is probably a slow fp32 product.
#
# Autocast has a price of its own. By hand, for one narrow layer: it converts a weight of 128 · 128 = 16,384 numbers in every step, and converts its gradient back. At batch 16 the product has 16 multiplications for each number that was converted, and at batch 1,024 it has 1,024. The two narrow rows of autocast differ in the batch alone, so on the processor with units the batch decides. But on the processors the conversions are the smaller part of the lost time. The last row is the control: a network that is *stored* in 16 bits converts nothing, and at batch 16 it is slower there than fp32 as well. Probably the library for 16 bits takes longer than that for fp32 at so small a product.
#
# On the processor with units the odd size gains more than the large one, probably because fp32 is slow at it. Without units every size is slower. The scaler costs a pass over all gradients, which on a processor is too little to be seen beside the products of a large step.
#
# So time a step of *your* network both ways on *your* chip.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. When does it save memory?
#
# Three layers, 256 wide, and now a batch of 1,024. One activation in fp32 is *one unit* (1 MiB). In the loss:
#
# | alive | fp32 | autocast |
# |---|---|---|
# | input, 16-bit copy | – | ½ |
# | two hidden activations | 2 | 1 |
# | output | 1 | ½, and 1 in fp32 |
# | for the loss | 2 | 2 |
# | copies of three weights | – | ⅜ |
#
# **Predict.** Add up (fp32 needs ¼ more at its peak, a little later). With how many layers does autocast save memory: three, twelve, or both? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room add up on paper: 5 1/4 against 5 3/8. Then twelve layers: eleven hidden activations in place of two, twelve copies in place of three. That is 14 1/4 against 11.

# %% [markdown] slideshow={"slide_type": "skip"}
# What can become smaller at all? With Adam a weight needs 4 bytes for itself, 4 for its gradient and 8 for Adam's two averages. All 16 stay in fp32 under autocast, and while a step runs a 16-bit copy adds 2. Only the *activations*, which the layers compute on the way forward and keep for the way back ([[baseline]]), are stored in 16 bits. With a batch of 32 the gradients of the weights decide, with a large batch the activations. We count in units of one activation in fp32: 1,024 · 256 · 4 bytes = 1 MiB. A weight in fp32 has a quarter of this, and its 16-bit copy an eighth.
#
# While fp32 computes the loss, five units are alive: two hidden activations, the output, and two that the loss needs, one for the differences and one for their squares. The level is highest a moment later, at the beginning of the backward pass, when gradients take the place of what is no longer needed, and one gradient of a weight comes on top.
#
# Under autocast the level is highest in the loss. The hidden activations are half as large. But three things are there that fp32 does not have: a 16-bit *copy of the input*, which the first layer reads and the backward pass needs; the *output twice*, in 16 bits as the layer gives it, and in fp32 for the loss; and a 16-bit *copy of each weight*, ⅛ each, for the backward pass. (The fp32 input belongs to the caller, and counts in neither run.)


# %% slideshow={"slide_type": "skip"}
def one_step(batch, autocast=False, n_layers=3, n_out=256, x_type=torch.float32, loss_type=torch.float32):
    net = models.make_mlp(256, n_out, n_layers).to(device)
    x = torch.ones(batch, 256, device=device, dtype=x_type)
    y = torch.ones(batch, n_out, device=device, dtype=loss_type)

    def step():
        with torch.autocast(device.type, dtype=low, enabled=autocast):
            loss = loss_in(loss_type, net(x), y)
        loss.backward()
        net.zero_grad()

    step.given = [*net.parameters(), x, y]
    return step


def loss_in(dtype, output, y):
    """The loss as autocast computes it, in fp32; or in 16 bits, to see what its fp32 costs."""
    with torch.autocast(device.type, dtype=low, enabled=dtype is torch.float32):
        return F.mse_loss(output, y)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Measures the peak of both for 3 and 12 layers, and puts it beside the count by hand.
def peak_of(**settings):
    step = one_step(**settings)
    if device.type == "cuda":
        step()  # the first product on a GPU takes room that stays; on a CPU the first step takes as much as any
    return timing.peak_bytes(step, device=device)


def by_hand(n_layers):
    """Units at the peak in fp32 and under autocast, batch four times the width."""
    return n_layers + 2.25, (n_layers + 1) / 2 + 3 + n_layers / 8


rows, measured = [], {}
for n in (3, 12):
    in_fp32, mixed = (peak_of(batch=1024, n_layers=n, autocast=on) for on in (False, True))
    measured[n] = mixed / in_fp32
    counted = by_hand(n)
    rows.append([n, *(f"{count:g}" for count in counted), f"{counted[1] / counted[0]:.3f}", f"{measured[n]:.3f}"])
Table(["layers", "fp32, units", "autocast, units", "ratio by hand", "measured"], rows, caption="batch 1,024, width 256")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With three layers autocast saves nothing: 5⅜ units against 5¼, two per cent more. With twelve layers it saves almost a quarter.**
#
# <!-- page -->
#
# With twelve layers there are eleven hidden activations. fp32 has 11 + 1 + 2 + ¼ = 14¼ units. Autocast has ½ for the input, 5½ for the hidden ones, 1½ for the output, 2 for the loss and twelve copies of ⅛: 11 units. The measured ratios agree with the count (on a CPU; a GPU's allocator rounds). What autocast saves grows with the number of layers, and what it adds at both ends of the network does not.
#
# From which batch on does one layer save? Its activation of $B \cdot n$ numbers becomes half as large, which saves $2 B n$ bytes. Its copy of $n \cdot n$ weights costs $2 n^2$ bytes. The two are equal at $B = n$. **A layer begins to pay when the batch is larger than its width.** A network with a wide output pays for its two ends as well, so it begins to save later: *Deeper* has the curve.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Which end is to blame?
#
# With three layers autocast needs 1.02 times the memory of fp32. We take away the copy of the *input* (the batch is handed over in 16 bits), then the fp32 of the *loss*, then both.
#
# **Predict.** Is the copy of the input enough to bring autocast below fp32? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Half a unit of 5 3/8: let the room compute 4 7/8 over 5 1/4 before the table. Ask which of the three rows one may use in a real training. (The input in 16 bits: the first layer rounds it anyway. A loss in 16 bits loses digits.) The last row: with ten outputs the loss is small, and three layers do save.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Measures the peak of five variants, over that of fp32.
in_fp32 = peak_of(batch=1024)
variants = {
    "autocast": {},
    "… input in 16 bits": {"x_type": low},
    "… loss in 16 bits": {"loss_type": low},
    "… both": {"x_type": low, "loss_type": low},
}
part_of = {name: peak_of(batch=1024, autocast=True, **more) / in_fp32 for name, more in variants.items()}
small_output = peak_of(batch=1024, n_out=10, autocast=True) / peak_of(batch=1024, n_out=10)
Table(
    ["three layers, batch 1,024", "peak, of fp32's"],
    [[name, f"{share:.3f}"] for name, share in part_of.items()]
    + [["autocast, 10 outputs (both runs)", f"{small_output:.3f}"]],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Yes: without the copy of the input autocast needs 0.93 of the memory of fp32. The fp32 of the loss costs even more.**
#
# <!-- page -->
#
# In that row the loss is still computed in fp32. By hand: 5⅜ units less ½ is 4⅞, and $4⅞ / 5¼ = 0.929$. The loss, its fp32 copy of the output and its room for squares, is the larger part of the price: a loss in 16 bits brings the ratio to about 0.83. But that is an experiment and no advice, because a mean over many numbers loses digits. The input in 16 bits changes nothing in the computation, since the first layer would round it anyway. So hand your data over in 16 bits where you can.
#
# The last row is another control: with 10 outputs, as a classifier has, output and loss are small in both runs, and three layers save a fifth. So the 1.02 belongs to a wide output, and not to three layers.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it.
#
# ### Exercise 1 · The step with clipping
# ★★ · 8 minutes
#
# Write `train_step`: one step of the recipe with clipping. The norm of the *true* gradients, all together, may be at most `max_norm`. The loss is `mse_loss`. Return it as a float,
# unscaled.
#
# `train_step(model, optimizer, scaler, x, y, max_norm)` → a float
#
# <!-- page -->
#
# No call may add to the gradients of an earlier one. Use `x.device.type`, leave autocast's dtype at its default, and let only the forward pass and the loss run under it.
#
# <details><summary>Hint</summary>
# The order: forward under autocast, backward outside, unscale, clip, step through the scaler, update, zero.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on paper: the calls in their order. To write and run it takes 8. The mistakes to wait for: clipping before unscale_, optimizer.step() in place of scaler.step(optimizer), a forgotten update. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def train_step(model, optimizer, scaler, x, y, max_norm):
    """One step of mixed-precision training with clipping; returns the loss.

    >>> net = torch.nn.Linear(2, 1, bias=False)
    >>> sgd, scaler = torch.optim.SGD(net.parameters()), torch.amp.GradScaler("cpu")
    >>> train_step(net, sgd, scaler, torch.zeros(3, 2), torch.zeros(3, 1), 1.0)
    0.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.train_step(train_step)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def train_step_solution(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · What broke the loop?
# ★★ · 12 minutes · an investigation
#
# Somebody hands you a training loop with autocast, scaler and clipping that perhaps does not learn. The arm `"as found"` changes nothing; `"no scaler"`, `"no clipping"` and `"no autocast"` each switch one part off. An arm *learns* if its mean test error is below 50 %.
#
# | conclusion | if the loop learns |
# |---|---|
# | `"nothing"` | as found |
# | `"scaler"`, `"clipping"`, `"precision"` | in one arm alone: without the scaler, without clipping, without autocast |
# | `"order"` | not as found, but without the scaler and also without clipping (autocast then does not count) |
# | `"elsewhere"` | never |
#
# <!-- page -->
#
# The instrument `error(arm, seed=n)` trains network number `n` and returns its test error in %. An arm's mean is over all networks that you train, at least 5, the same for all arms. Run all four arms in every experiment.
#
# `broken_part(error)` → a conclusion of the table
#
# <details><summary>Hint</summary>
# Collect the mean error of each arm. Then go through the table from top to bottom.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# If scaler and clipping are both sound, and only their *order* is wrong, then the mistake is gone as soon as one of them is. Without the scaler nothing is multiplied; without clipping nothing is cut. The check makes up several loops, each fitting a row of the table, and judges experiment and conclusion. Each may have 2,000 runs.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop; alone it takes 12. Write four errors on the board, as found 90, no scaler 25, no clipping 24, no autocast 90, and ask for the conclusion (order). Then 90, 90, 22, 90 (clipping). The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def broken_part(error):
    """Say what broke: one of the six conclusions of the card.

    Args:
        error: the instrument; `error("no scaler", seed=3)` trains network 3
            without the scaler and gives its test error, in %.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.broken_part(broken_part)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def broken_part_solution(error):
    arms = ("as found", "no scaler", "no clipping", "no autocast")
    means = [statistics.fmean(error(arm, seed=n) for n in range(5)) for arm in arms]
    found, scaler, clipping, autocast = (mean < 50 for mean in means)
    if found:
        return "nothing"
    if scaler and clipping:
        return "order"
    if scaler:
        return "scaler"
    if clipping:
        return "clipping"
    return "precision" if autocast else "elsewhere"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on a real loop
#
# LeNet-300-100 learns Fashion-MNIST for 100 steps of SGD, with gradients clipped to a norm of 1. The line that clips stands directly below `backward()`, and `unscale_` is missing. Four arms, three networks each.
#
# **Predict.** Which of the four arms learn, and which of your conclusions fits? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Four hands, learns or does not. After the table ask what an error of 90 % says about a network with ten classes (it guesses), and what repairs the loop: `unscale_` above the line that clips.


# %% slideshow={"slide_type": "skip"}
def error_of(arm, seed):
    torch.manual_seed(seed)
    net = models.LeNet300100().to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler(device.type, enabled=arm != "no scaler")
    for picked in training.batches(len(images), 64, steps=100, seed=seed):
        with torch.autocast(device.type, dtype=low, enabled=arm != "no autocast"):
            loss = F.cross_entropy(net(images[picked]), labels[picked])
        scaler.scale(loss).backward()
        if arm != "no clipping":
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    return 100 * (1 - training.evaluate(net, *test_set))


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Trains the four arms, three networks each.
errors = {
    arm: [error_of(arm, seed) for seed in range(3)] for arm in ("as found", "no scaler", "no clipping", "no autocast")
}
Table(
    ["arm", "test error, %"],
    [[arm, mean_and_range(of_arm, "{:.0f}")] for arm, of_arm in errors.items()],
    caption="mean of three networks (lowest to highest)",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The loop learns without the scaler and also without clipping, so the order is wrong (`"order"`). As found, and without autocast, it guesses.**
#
# <!-- page -->
#
# Clipping to 1 meets gradients that are 65,536 times too long, and `step` then divides by 65,536. So the gradient of a step has the norm 0.000015 at most, the step itself is shorter still, and 100 of them move no weight far enough to matter. An error of about 90 % with ten classes is what guessing gives. 16 bits are not to blame, because in fp32, without autocast, the loop stands still as well. Whoever tried the second arm only would blame the scaler, which is sound.
#
# The repair is `scaler.unscale_(optimizer)`, above the line that clips.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# What follows is for whoever wants to know whether the accuracy suffers, what a GPU gains, what is alive at a peak, how a batch comes in parts, how a run is resumed, and what explains a published measurement.
#
# ### The same accuracy?
#
# LeNet-300-100 sees 12,000 images of Fashion-MNIST once, in fp32 and with the recipe. Five seeds; both runs of a pair have the same first weights and the same batches, so that only the precision differs.
#
# **Predict.** How many points will lie between the mean accuracies of fp32 and autocast? And how many between the best and the worst of the five fp32 networks? And why?


# %% slideshow={"slide_type": "skip"}
def learn(seed, use_amp, steps=94):
    """LeNet-300-100 after one pass. The learning rate falls to 0, so that the last batches matter less."""
    torch.manual_seed(seed)
    net = models.LeNet300100().to(device)
    optimizer = torch.optim.Adam(net.parameters())
    scaler = torch.amp.GradScaler(device.type, enabled=use_amp)
    for i, picked in enumerate(training.batches(len(images), 128, steps=steps, seed=seed)):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - i / steps)
        with torch.autocast(device.type, dtype=low, enabled=use_amp):
            loss = F.cross_entropy(net(images[picked]), labels[picked])
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    return net


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Trains five pairs, and computes the 95 % interval of their differences.
accuracy = {False: [], True: []}
with runtime.threads(runtime.training_threads()):
    for seed in range(5):
        for use_amp, values in accuracy.items():
            learned = learn(seed, use_amp)
            values.append(100 * training.evaluate(learned, *test_set))
pairs = [amp - plain for amp, plain in zip(accuracy[True], accuracy[False], strict=True)]
means = {use_amp: statistics.mean(values) for use_amp, values in accuracy.items()}
spread = max(accuracy[False]) - min(accuracy[False])
T_4 = 2.776  # 95 % of Student's t with 4 degrees of freedom lie within it
reach = T_4 * statistics.stdev(pairs) / 5**0.5
Table(
    ["seed", "fp32", low_name, "difference"],
    [[s, f"{a:.2f}", f"{b:.2f}", f"{b - a:+.2f}"] for s, (a, b) in enumerate(zip(*accuracy.values(), strict=True))]
    + [["mean", f"{means[False]:.2f}", f"{means[True]:.2f}", f"{statistics.mean(pairs):+.2f} ± {reach:.2f}"]],
    caption=f"test accuracy, %; ± 95 % interval of five pairs; fp32 seeds {spread:.2f} apart",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **No difference is shown: the two means are less than a tenth of a point apart in the run on this page, while five fp32 networks differ by several tenths.**
#
# The last row: each pair gives one difference. The standard error of the mean of five differences is their standard deviation divided by $\sqrt{5}$ ([[baseline]]). With so few pairs one takes 2.78 of them on either side, and the interval then holds the true difference in 95 of 100 such experiments. If 0 lies in the interval, no difference is shown. This does not prove that there is none. The far end of the interval says how large it may still be, and that is less than the fp32 networks differ among each other.
#
# [Micikevicius et al., 2018](https://arxiv.org/abs/1710.03740), table 1, compare six large networks on ImageNet in fp16: they are at most 0.3 points apart. None of these six needed a loss scale; other networks of the paper did.


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Makes one step of this network, to be timed both ways.
def learn_step(use_amp):
    """One training step of LeNet-300-100 at batch 128: the speed-up below is that of this network at this batch."""
    net = models.LeNet300100().to(device)
    optimizer, scaler = torch.optim.Adam(net.parameters()), torch.amp.GradScaler(device.type, enabled=use_amp)

    def step():
        with torch.autocast(device.type, dtype=low, enabled=use_amp):
            loss = F.cross_entropy(net(images[:128]), labels[:128])
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    return step


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Times the step and writes the rows of the ledger.
short = {torch.bfloat16: "bf16", torch.float16: "fp16"}[low]
of_a_step = timing.compare({"fp32": learn_step(False), f"{short} autocast": learn_step(True)}, rounds=9, device=device)
size = size_report(learned)  # trained in 16 bits, stored in 32: the file does not shrink
for name, amp in (("fp32", False), (f"{short} autocast", True)):
    ledger.record(
        lesson="amp",
        task="fashion_mnist",
        model="LeNet-300-100",
        technique=f"{name}, short training",
        accuracy=means[amp] / 100,
        file_bytes=size.file_bytes,
        load_ms=size.load_ms,
        speedup=of_a_step.ratio(name),
    )
ledger.table(ledger.rows(["amp"]))

# %% [markdown] slideshow={"slide_type": "skip"}
# The file of the trained network is as large as before, because the weights are stored in fp32. Mixed precision is about training; smaller files are the subject of the part that begins with [[integers]].

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What does a GPU gain?
#
# The two tables of section 5 have a column of a data-centre GPU, an NVIDIA H100, in fp16. A product of 1,024 by 1,024 does not fill such a GPU, and gains four times. On a GPU the *large* step is 4,096 wide, with a batch of 4,096, and it gains nine times. PyTorch's recipe reports 2 to 3 times on the older Volta, Turing and Ampere, and "modest" gains on GPUs without 16-bit units ([amp_recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html)).
#
# The odd size gains far less than the large one (2.42 against 9.48), probably because the GPU's 16-bit units work best on multiples of 8. The products take so little time there that the scaler's pass over all gradients makes the large step a seventh longer.
#
# The narrow network loses at either batch, and it does not lose where it is stored in 16 bits (batch 16). So the calls that convert are probably the price on the GPU.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### From which batch on?
#
# Section 6 found that one layer pays from batch = width on. We measure six batches for three networks: 3 layers, 12 layers, and 3 layers with 10 outputs.
#
# **Predict.** Does the network of 12 layers turn round earlier, there, or later? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Measures five batches for three networks, adds the sixth from section 6, and draws the ratios.
networks = {"3 layers": {}, "12 layers": {"n_layers": 12}, "3, 10 outputs": {"n_out": 10}}
curves = {
    name: {
        b / 256: peak_of(batch=b, autocast=True, **shape) / peak_of(batch=b, **shape) for b in (32, 64, 128, 256, 512)
    }
    for name, shape in networks.items()
}
for curve, of_section_6 in zip(curves.values(), (measured[3], measured[12], small_output), strict=True):
    curve[1024 / 256] = of_section_6
show.shares(curves)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Later: at batch = width the network of 12 layers still needs slightly more than fp32. It saves at twice the width, and more at four times.**
#
# One layer alone breaks even at batch = width, and the whole network must also pay for the input's copy and for the loss. With 10 outputs the end costs next to nothing, so three layers break even at batch = width and save at twice the width. (On a processor with AVX2 alone they saved at batch = width already, and a third at four times the width; probably its routine for 16-bit products needs less room for itself.) With 256 outputs three layers do not save even at four times the width (section 6). Below that the peak lies elsewhere: at the end of the backward pass, where all gradients of weights are alive, in fp32 in both runs. There autocast saves nothing, and adds the 16-bit form of the gradient that is just being made. That is the answer to section 1.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What is alive at a peak?
#
# We list what a step's peak adds to the weights: arrays of the shape of a **weight**, and of an **activation**, each with its type. Twelve layers, 256 wide.
#
# **Predict.** Batch 32 and batch 1,024, fp32 and autocast: which kind fills most of each of the four stacks? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Follows every tensor of a step, and draws what is alive at the peak.
alive = {
    (batch, name): show.alive_at_peak(one_step(batch, name == "autocast", 12), batch, 256, low, device)
    for batch in (32, 1024)
    for name in ("fp32", "autocast")
}
show.stacks(alive)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **At batch 32 both stacks are gradients of weights in fp32. At batch 1,024 activations fill most of both; under autocast the hidden ones take half the bytes.**
#
# At batch 32 the peak lies at the end of the backward pass. All gradients of weights are there in fp32; the 16-bit copies of the weights are gone by then. *Inside the call* is what the operation at the peak uses itself: under autocast it makes the last gradient in 16 bits, or casts it. In the run on this page that takes 0.4 MB, as much as this gradient in 16 bits and in fp32 together. Either the fp32 form is being made, or the routine for the product keeps its sums in fp32 until they are complete.
#
# At batch 1,024 the peak lies where most activations live. In fp32 that is the first steps of the backward pass, where one gradient of a weight exists already. Under autocast it is the loss. The price is visible as well: the copies of the weights, one fp32 activation, and two units inside the call of the loss. *Other shapes* is mostly the loss, whose single number keeps the room of all its squares.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Clipping in the wrong order, with Adam
#
# Section 4 clipped before `unscale_`, and the step of SGD became far too short. Would another optimizer notice? Adam divides each gradient by its usual size, so a common factor should not matter. But the network has 197,376 numbers, and a norm of $1.53 \cdot 10^{-7}$ leaves a typical gradient of $1.53 \cdot 10^{-7} / \sqrt{197{,}376} = 3.4 \cdot 10^{-10}$. Adam adds `eps`, $10^{-8}$, to the size by which it divides. Beside that the gradients hardly count, and Adam's step is some thirty times too short as well.
#
# ### What goes wrong if a line is missing?
#
# | the fault | what happens |
# |---|---|
# | no `update()` | an error at the next `unscale_` or `step`: the scaler remembers that it has been called |
# | `unscale_` or `step` twice in one step | an error, because dividing twice would be wrong |
# | `optimizer.step()` for `scaler.step(optimizer)`, no `unscale_` | the step of SGD is 65,536 times too long; `update()` then complains, too late, that nobody looked for inf |
# | the same with `unscale_` | no message; a step with an inf is taken, and the weights are lost |
# | no scaler at all, in fp16 | no message; small gradients become 0, and the training may end at a higher error |
# | clipping before `unscale_` | no message; section 4 |
#
# So the faults to fear are those without a message: no scale, the wrong order, and a step that goes round the scaler.
#
# ### A batch in parts
#
# A batch that is too large for the memory is fed in parts, and the gradients are added up. [[training_memory]] explains it. What changes with a scaler? `scale` is called for each part; `unscale_`, clipping, `step` and `update` once, after the last part. The scale must not change in between, because the gradients are added up while they are multiplied by it, and the sum is divided only once. The loss of a part is a mean over the part, so it is divided by the number of parts: the mean of 2, 6, 4 and 8 is 5, and so is 2/4 + 6/4 + 4/4 + 8/4.
#
# **Predict.** By how much of its own norm is the gradient off, with and without the division by 4? And why is it off at all with the division?


# %% slideshow={"slide_type": "skip"}
def in_parts(n_parts, divide_by, dtype=low):
    """Gradient of the first layer for one batch, fed in equal parts, after unscale_."""
    net, optimizer = fresh()
    scaler = torch.amp.GradScaler(device.type)
    for x, y in zip(batches[0][0].chunk(n_parts), batches[0][1].chunk(n_parts), strict=True):
        with torch.autocast(device.type, dtype=low, enabled=dtype is low):
            loss = F.mse_loss(net(x), y) / divide_by
        scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    return net[0].weight.grad


for words, dtype, divide_by in (("/ 4", low, 4), ("/ 4, fp32", torch.float32, 4), ("no / 4", low, 1)):
    whole, parts = in_parts(1, 1, dtype), in_parts(4, divide_by, dtype)
    print(f"{words:10} off by {(whole - parts).norm() / whole.norm():.2g} of the norm")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **With the division the gradient is that of the whole batch, up to 16-bit rounding. Without it, it is four times too long, off by three times its norm.**
#
# Four means are added up, so their sum is four times the mean of all, and $4 - 1 = 3$. The line in fp32 is the control: there the two agree far better. So the small difference in 16 bits is rounding, of each part and of the whole.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Save and resume
#
# A run is interrupted after three of six steps. A checkpoint holds the weights, the optimizer with its momentum, and the scaler with its scale and its count of good steps.
#
# **Predict.** Leave out the optimizer or the scaler. Which omission changes the *weights* after six steps? And why?


# %% [markdown] slideshow={"slide_type": "skip"}
# The next cells make the straight run, the interrupted one with its file, and the resumed ones.


# %% slideshow={"slide_type": "skip"}
def start_run(seed=0):
    """(network, optimizer, scaler); the scale doubles after every second good step."""
    return *fresh(seed, momentum=0.9), torch.amp.GradScaler(device.type, growth_interval=2)


def resumed_without(left_out, checkpoint, straight):
    """(distance of the weights from the straight run, same scaler) after a resumed run."""
    run = start_run(seed=1)
    for key, thing in zip(("net", "optimizer", "scaler"), run, strict=True):
        if key != left_out:
            thing.load_state_dict(checkpoint[key])
    train(*run, batches)
    return largest_difference(straight[0], run[0]), run[2].state_dict() == straight[2].state_dict()


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Makes the runs, and shows how far the resumed ones are from the straight one.
straight, interrupted = start_run(), start_run()
train(*straight, batches + batches)
train(*interrupted, batches)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "checkpoint.pt"
    states = (thing.state_dict() for thing in interrupted)
    torch.save(dict(zip(("net", "optimizer", "scaler"), states, strict=True)), path)
    resumed = {}
    for left_out in (
        None,
        "optimizer",
        "scaler",
    ):  # read anew each time: a run writes into the momentum that it was given
        checkpoint = torch.load(path, weights_only=True, map_location=device)
        resumed[left_out] = resumed_without(left_out, checkpoint, straight)
Table(
    ["left out", "weights off by", "same scaler"],
    [[left_out or "nothing", f"{gap:.2g}", same] for left_out, (gap, same) in resumed.items()],
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Without the optimizer's state the weights differ. Without the scaler's they are the same to the last bit in bf16, and in fp16 they can differ.**
#
# Without its state the optimizer has forgotten its momentum, the average of earlier gradients, and takes other steps. Without its state the scaler begins again with another scale. But a scale is a power of two, and in bf16 multiplying by it and dividing by it again changes no digit. In fp16 it changes the digits of gradients that are subnormal ([[formats]]), and the first steps may be skipped. So save all three.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### A published run, another case
#
# A tutorial measured the network of PyTorch's recipe, 3 layers, 4,096 wide, batch 512, on an older GPU ([Technion EE 046211](https://github.com/taldatech/ee046211-deep-learning), tutorial 10): fp32 13.958 s and 1,493,322,752 bytes, AMP 14.081 s and 1,585,620,992 bytes. The age of the GPU was given as the reason. (Newer GPUs gain: for eight V100 PyTorch reports 1.5 to 5.5 times ([2022](https://pytorch.org/blog/what-every-user-should-know-about-mixed-precision-training-in-pytorch)).)
#
# **Predict.** Age may explain the time. What explains the 92 MB *more*? Count the copies of three weights of 4,096 by 4,096. And why are they not the whole answer?

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output", "hide-input"]
# Counts copies and activations from shapes, and puts them beside the published rise.
PUBLISHED_FP32, PUBLISHED_AMP = 1_493_322_752, 1_585_620_992
with torch.device("meta"):  # shapes without memory
    recipe_net = models.make_mlp(4096, 4096, n_layers=3)
weights = 4 * sum(p.numel() for p in recipe_net.parameters())
one = 512 * 4096 * 4  # one activation in fp32
copies = weights // 2  # every weight and bias once more, in 2 bytes
activations = round((6 / 2 + 2 - 6) * one)  # six halves and two in fp32, in place of six in fp32
account = copies + activations
rest = PUBLISHED_FP32 - 100 * one - 3 * weights  # less 50 batches and targets; weights, and the old trial's twice
Table(
    ["", "bytes"],
    [
        ["16-bit copies of the weights", f"{copies:,}"],
        ["activations: 5 in place of 6", f"{activations:,}"],
        ["together", f"{account:,}"],
        ["published rise", f"{PUBLISHED_AMP - PUBLISHED_FP32:,}"],
    ],
    caption=f"in fp32's peak there is room for {rest / one:.3f} activations",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The copies of the weights explain it: 100.7 MB, less one activation of 8.4 MB, are the published rise to within 1,024 bytes.**
#
# Six activations in fp32 became six halves (a copy of the input, five others) and two in fp32 (the output cast for the loss, and its squared difference to the target): 5 in all. The bytes fit a PyTorch that kept both sides of each ReLU. Today's keeps one, and so the counts of section 6 are others. The batch of 512 is an eighth of the width, far below the width from which a layer pays.
#
# The two trials were not fair. The names `loss` and `output` kept the trial before alive, its weights and gradients: 403 MB in both peaks. And only one of the runs used `set_to_none`. So delete old names before you measure, and call `gc.collect()`. `torch.cuda.empty_cache()` gives cached blocks back to the GPU, but a tensor that still has a name stays. The run's `torch.cuda.reset_max_memory_allocated()` is deprecated; its successor is `torch.cuda.reset_peak_memory_stats()`. And if your own loop stores the output in a variable, that tensor stays in memory until the backward pass is over.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · A dynamic loss scaler
# ★★ · 10 minutes
#
# Write `dynamic_scale`, the rule of section 3 and of `GradScaler.update`: after a step with inf, halve the scale; after
# `growth_interval` good steps *in a row* since the last change, double it. Return two lists: the scale after each
# step, and `stepped`, which is True where the optimizer took the step, else False.
#
# `dynamic_scale(scale, found_infs, growth_interval)` → `(scales, stepped)`; `found_infs` is a list of bool, one for each step
#
# <details><summary>Hint</summary>
# You need one counter. Two events set it back to 0.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def dynamic_scale(scale, found_infs, growth_interval):
    """(scales, stepped): two lists as long as found_infs, a list of bool, one for each step.

    >>> dynamic_scale(1024.0, [], 2)
    ([], [])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.dynamic_scale(dynamic_scale)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def dynamic_scale_solution(scale, found_infs, growth_interval):
    scales, good_steps = [], 0
    for found_inf in found_infs:
        good_steps = 0 if found_inf else good_steps + 1
        if found_inf:
            scale *= 0.5
        elif good_steps == growth_interval:
            scale, good_steps = scale * 2, 0
        scales.append(scale)
    return scales, [not found_inf for found_inf in found_infs]


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The figures that this run can check, beside their source. Speed depends on the machine; where a claim fails, the table names a possible cause.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("amp")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - The loop: autocast around the forward pass, then scale, backward, unscale, clip, step, update, zero. The weights stay in fp32.
# - The scaler searches for the largest scale that does not overflow: an inf skips a step and halves it, many good steps double it.
# - Clip after `unscale_`. In the other order the step is too short by a factor as large as the scale.
# - It saves time where the chip has 16-bit units and the products are large. Elsewhere it may cost time.
# - It saves memory where the batch is larger than the width and the hidden activations outweigh the two ends. Copies of input and weights, and the loss in fp32, are the price.
#
# **Recommended video**, which does not replace the lesson: NVIDIA, *Automatic Mixed Precision Training in PyTorch*,
# [youtube.com/watch?v=b5dAmcBKxHg](https://www.youtube.com/watch?v=b5dAmcBKxHg).
#
# **Going further**: P. Micikevicius et al., *Mixed precision training*, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740);
# [PyTorch's examples of AMP](https://docs.pytorch.org/docs/stable/notes/amp_examples.html), with several losses, gradient penalty and custom functions.
#
# **Project idea**: find the batch from which your own network saves memory.
#
# **Credits**: recipe and network follow [Michael Carilli's recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html) for PyTorch, after
# [NVIDIA's page on mixed precision](https://developer.nvidia.com/automatic-mixed-precision). The idea of this course in one lecture, and the run without a speed-up, are
# [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning) (Technion). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the hopes on the board. Half the time: on which chip? (One with 16-bit units, and with large products.) Half the memory: from which batch on? (A layer saves from a batch as large as its width.) Ask what was not measured: a convolutional network, GPUs of other kinds.

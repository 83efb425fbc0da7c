# ---
# jupyter:
#   course:
#     promise: You will train in mixed precision with the whole recipe, and know when it saves time, when memory, and when neither.
#     minutes: 45
#     seconds: 35
#     needs: [measuring, formats]
#     goals:
#       - Write the whole recipe, with autocast, gradient scaling, clipping, accumulation and a resumed run.
#       - Say what a gradient scaler does after a good step and after a bad one.
#       - Measure time and memory of each variant, and explain the cases in which the technique does not pay.
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
import collections
import gc
import math
import pathlib
import statistics
import sys
import tempfile

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from tqdm import tqdm

from course_utils import data, models, runtime, training
from course_utils.measure import timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.amp import checks as check

card = claims.Scorecard("amp")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
low = torch.float16 if device.type == "cuda" else torch.bfloat16  # autocast's default on this kind of device
low_name = str(low).removeprefix("torch.")
loss_fn = torch.nn.MSELoss()
width, batch = (4096, 4096) if device.type == "cuda" else (1024, 256)  # a small network does not fill a GPU
inputs = [torch.randn(batch, width, device=device) for _ in range(3)]  # made once, in fp32, used by every trial
targets = [torch.randn(batch, width, device=device) for _ in range(3)]


def fresh(seed=0, momentum=0.0):
    """The same new network every time, and its optimizer."""
    torch.manual_seed(seed)
    net = models.make_mlp(width, width, n_layers=3).to(device)
    return net, torch.optim.SGD(net.parameters(), lr=0.1, momentum=momentum)


def largest_difference(a, b):
    return max((a[name].float() - b[name].float()).abs().max().item() for name in a)


print(f"16-bit type {low_name}; multiplies bfloat16 in hardware: {runtime.has_fast_bf16(device)}")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. Half the bits, half the memory?
#
# Three linear layers, 256 wide, with ReLU between them. A forward and a backward pass on a batch of 32, in fp32 and under `autocast`: its products run in 16 bits ([[formats]]).
#
# **Predict.** The peak of memory above the weights, autocast over fp32: **A** a half, **B** three quarters, **C** more than 1?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2 min.* Show of hands; most say A or B. Do not explain yet: "In section 5 we list what is alive at such a peak." First the recipe.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
def forward_and_back(autocast):
    with torch.autocast(device.type, dtype=low, enabled=autocast):
        loss = loss_fn(net(x), y)
    loss.backward()
    net.zero_grad()


net = models.make_mlp(256, 256, n_layers=3).to(device)
x, y = (torch.ones(32, 256, device=device) for _ in range(2))
for on in (False, True):
    forward_and_back(on)  # the first product on a GPU takes room that stays
peaks = [timing.peak_bytes(lambda on=on: forward_and_back(on), device=device) for on in (False, True)]
print(f"peak of autocast over fp32: {peaks[1] / peaks[0]:.2f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: C, more.** Why, and where it turns round, is section 5.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. The gradient scaler
#
# The **gradient scaler** looks for a loss scale while it trains:
#
# | call | what it does |
# |---|---|
# | `scaler.scale(loss)` | scale · loss |
# | `scaler.step(opt)` | divides and checks the gradients for the step |
# | `scaler.update()` | changes the scale |
#
# Six steps; the third batch holds one infinite number.
#
# **Predict.** What happens in step 3 to the weights, and what to the scale?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Remind the room: one factor on the loss moves all gradients, and too large a factor makes inf. "How large may it be? Nobody knows beforehand." Vote: NaN weights, or a
# step that is skipped? growth_interval is 2 here to see something; the default is 2,000.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
net, opt = fresh()
scaler = torch.amp.GradScaler(device.type, growth_interval=2)  # default: 2,000
bad = inputs[0].clone()
bad[0, 0] = math.inf
log, moved = [], {}  # log: (inf found, scale before, scale afterwards)
for i, x in enumerate([inputs[0], inputs[1], bad, inputs[0], inputs[1], inputs[2]], start=1):
    before, scale = net[0].weight.detach().clone(), scaler.get_scale()
    with torch.autocast(device.type, dtype=low):
        loss = loss_fn(net(x), targets[0])
    scaler.scale(loss).backward()
    infinite = not all(p.grad.isfinite().all() for p in net.parameters())
    scaler.step(opt)
    scaler.update()
    opt.zero_grad()
    moved[i] = (net[0].weight - before).abs().max().item()
    log.append((infinite, scale, scaler.get_scale()))
card.record("step-skipped-on-inf", moved[3])
Table(
    ["step", "inf", "largest change", "scale afterwards"],
    [[i, "yes" if inf else "no", f"{moved[i]:.1e}", f"{after:,.0f}"] for i, (inf, _, after) in enumerate(log, 1)],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the step is skipped, and the scale halves.** Not a bit of the first layer changed.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"} tags=["lecture"]
# ### The ring of the scaler
#
# The same six steps, from the log.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* The first of six frames is open: "Why does the scale stay?" Before each other click let the room say whether it doubles, halves or stays, and why: how many good steps in a row? It starts at 65,536, which may be too high: skips among the
# first steps are how the scaler finds the limit. Exercise 2 is this ring in a few lines.


# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
def ring_of(number):
    infinite, before, after = log[number - 1]
    canvas = diagrams.Canvas(height=430)
    words = ["scale · loss", "backward", "÷ scale, inf?", "skip" if infinite else "step", "update"]
    diagrams.ring(canvas, words, x=600, y=230, radius=175, active=3, width=160, height=70)
    change = {2.0: "doubles", 0.5: "halves", 1.0: "stays"}[after / before]
    canvas.text(600, 180, f"step {number}", bold=True)
    canvas.text(600, 225, f"found: {'inf' if infinite else 'none'}")
    canvas.text(600, 270, f"{before:,.0f} {change}")
    return canvas.figure(), (
        f"Ring: scale the loss, backward, divide by the scale and look for inf or NaN, step or skip, update. Step {number}: {words[3]}; "
        f"the scale was {before:,.0f} and {change}."
    )


drawn, told = zip(*map(ring_of, range(1, 7)), strict=True)
plots.show(drawn, alt=told, caption="One turn a training step. Here the scale doubles after two good steps in a row.")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. The whole recipe
#
# ```python
# with autocast("cpu", enabled=on):
#     loss = loss_fn(net(x), y)
# scaler.scale(loss).backward()
# scaler.step(opt)
# scaler.update()
# opt.zero_grad()
# ```
#
# With `enabled=False` a `GradScaler`'s `scale`, `unscale_` and `update` do nothing, and `step(opt)` just calls `opt.step()`. So one loop serves both precisions.
#
# **Predict.** How far are the weights from those of a plain loop after three steps: with `enabled=False`, and with `True`?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Six lines inside the loop are the whole recipe: read them aloud, and let the room name the line of each box of the ring. Vote: the same to the last bit, or nearly? The use of the switch: when a run goes wrong, one
# argument helps to tell whether precision is the cause.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def train(use_amp, *, scaler=None, net_opt=None, batches=None):
    """The recipe; returns the network, its optimizer and the scaler. For inference autocast alone is enough."""
    net, opt = net_opt or fresh()
    scaler = scaler or torch.amp.GradScaler(
        device.type, enabled=use_amp
    )  # a new one for each run; several losses of one run share it
    for x, y in batches or zip(inputs, targets, strict=True):
        with torch.autocast(device.type, dtype=low, enabled=use_amp):
            loss = loss_fn(net(x), y)
        scaler.scale(loss).backward()
        scaler.step(opt)
        scaler.update()
        opt.zero_grad(set_to_none=True)  # the default since PyTorch 2.0: frees the gradients, in place of zeros
    return net, opt, scaler


net, opt = fresh()
start = {name: w.clone() for name, w in net.state_dict().items()}
for x, y in zip(inputs, targets, strict=True):  # the plain loop
    loss_fn(net(x), y).backward()
    opt.step()
    opt.zero_grad()
plain = net.state_dict()
gaps = {use_amp: largest_difference(train(use_amp)[0].state_dict(), plain) for use_amp in (False, True)}
card.record("enabled-false-is-a-no-op", gaps[False])
for use_amp, gap in gaps.items():
    print(f"enabled={use_amp}: {gap:.1g}, {gap / largest_difference(plain, start):.2%} of the move")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: off, the same bits.** On, it is close, measured by how far the weights moved.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Clipping
#
# Clipping limits the norm of all gradients together, here to 0.01. Between `backward()` and `step()` they are multiplied by the scale; `unscale_` divides them.
#
# **Predict.** Somebody clips *before* `unscale_`. How long is the step of SGD then: **A** as it should be, **B** too long, **C** far too short?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. After the table: the scaled norm is above any sensible limit, so it is clipped to 0.01, and then divided by 65,536. With SGD training stands still, without a message. Adam divides by the size of the gradients plus its eps; here eps is the larger of the two, so it hardly moves either. Exercise
# 1 asks for the right order.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def norms(order, max_norm=0.01):
    """Norm of the gradients after backward, and as the optimizer gets them."""
    net, opt = fresh()
    scaler = torch.amp.GradScaler(device.type, enabled=True)
    with torch.autocast(device.type, dtype=low):
        loss = loss_fn(net(inputs[0]), targets[0])
    scaler.scale(loss).backward()
    first = torch.nn.utils.get_total_norm([p.grad for p in net.parameters()])
    for call in order:
        if call == "unscale_":
            scaler.unscale_(opt)
        else:
            torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm)
    return first, torch.nn.utils.get_total_norm([p.grad for p in net.parameters()])


orders = (("unscale_",), ("unscale_", "clip"), ("clip", "unscale_"))
Table(
    ["calls", "after backward", "in the step"],
    [[", ".join(order), *(f"{norm:.3g}" for norm in norms(order))] for order in orders],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: C.** First `unscale_`, then clip. `step` does not divide a second time.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Accumulation
#
# A batch too large for the memory is fed in four parts: `scale` for each part, then `unscale_`, clip, `step` and `update` once.
#
# **Predict.** How far is the gradient from that of the whole batch, if each part's loss is divided by 4? And if not?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Ask why the scale must stay the same for all parts of one step. (Their gradients are added up, and the sum is divided once.) After the output: the small difference is rounding to 16 bits, of each part and of the whole; the line in fp32 is the control.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def in_parts(n_parts, divide_by, dtype=low):
    """Gradient of the first layer for one batch, fed in equal parts, after unscale_."""
    net, opt = fresh()
    scaler = torch.amp.GradScaler(device.type)
    for x, y in zip(inputs[0].chunk(n_parts), targets[0].chunk(n_parts), strict=True):
        with torch.autocast(device.type, dtype=low, enabled=dtype is low):
            loss = loss_fn(net(x), y) / divide_by
        scaler.scale(loss).backward()
    scaler.unscale_(opt)
    return net[0].weight.grad


for words, dtype, divide_by in (("/ 4", low, 4), ("/ 4, fp32", torch.float32, 4), ("no / 4", low, 1)):
    whole, parts = in_parts(1, 1, dtype), in_parts(4, divide_by, dtype)
    print(f"{words:10} off by {(whole - parts).norm() / whole.norm():.2g} of the norm")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: rounding, and a factor of 4** (off by 4 − 1 = 3 norms). In fp32 they agree far better: in 16 bits the parts are rounded, and so is the whole.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Save and resume
#
# A run is interrupted after three of six steps. A checkpoint holds the weights, the optimizer (its momentum) and the scaler (scale, count of good steps).
#
# **Predict.** Leave out the optimizer or the scaler. Which omission changes the *weights* after six steps?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote for optimizer or scaler. After the table: a power of two changes no digit in bf16. In fp16 it changes those of the subnormal gradients, as the lesson before measured: so
# save it.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def start_run(seed=0):
    """A run with momentum, whose scale doubles after every second good step."""
    return {"net_opt": fresh(seed, momentum=0.9), "scaler": torch.amp.GradScaler(device.type, growth_interval=2)}


def resumed_without(left_out):
    """(distance of the weights from the straight run, same scaler) after a resumed run."""
    run, checkpoint = start_run(seed=1), torch.load(path, weights_only=True, map_location=device)
    for key, thing in zip(("net", "opt", "scaler"), (*run["net_opt"], run["scaler"]), strict=True):
        if key != left_out:
            thing.load_state_dict(checkpoint[key])
    net, _, scaler = train(True, **run, batches=steps)
    return largest_difference(straight, net.state_dict()), scaler.state_dict() == end


steps = list(zip(inputs, targets, strict=True))
straight, _, end = train(True, **start_run(), batches=steps + steps)
straight, end = straight.state_dict(), end.state_dict()
interrupted = train(True, **start_run(), batches=steps)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "checkpoint.pt"
    torch.save(dict(zip(("net", "opt", "scaler"), (x.state_dict() for x in interrupted), strict=True)), path)
    resumed = {left_out: resumed_without(left_out) for left_out in (None, "opt", "scaler")}
card.record("resumed-run-is-the-same", resumed[None][0] + (not resumed[None][1]))  # a wrong scaler adds 1
rows = [[left_out or "nothing", f"{gap:.2g}", same] for left_out, (gap, same) in resumed.items()]
Table(["left out", "weights off by", "same scaler"], rows)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the optimizer.** A wrong power of two changed no digit in bf16. In fp16 it can ([[formats]]).

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two devices, one recipe
#
# | | CUDA | CPU |
# |---|---|---|
# | default type | float16 | bfloat16 |
# | scaler | needed | works, not needed: bf16 has the range of fp32 |
# | 16-bit units | tensor cores, since Volta (2017) | instructions AVX-512 BF16, AMX, ARM BF16 |
# | context | `torch.amp.autocast("cuda")` | `torch.amp.autocast("cpu")` |
# | its scaler | `torch.amp.GradScaler("cuda")` | `torch.amp.GradScaler("cpu")` |
#
# GPUs since Ampere (2020) compute in bfloat16 as well: pass `dtype=torch.bfloat16` and leave the scaler out. Older code says `torch.cuda.amp.autocast()`: the column CUDA, deprecated. AMP was for GPUs
# alone at first; it no longer is.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* One row is enough: the type. Most else follows. Ask who has seen `torch.cuda.amp` in code: most have. Transition: "It runs. Does it pay?"

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. When does it save time?
#
# | the limit | 16 bits help | if |
# |---|---|---|
# | arithmetic | more operations a second | the chip has units for it |
# | bandwidth | half the bytes | tensors are large |
#
# In [[roofline]] these are the flat part and the slope.
#
# **Predict.** How many times faster is this device in 16 bits, at a matrix product and at a + a of a long vector: below 1, 1 to 2, more than 2?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two votes. The addition is a matter of bytes: 2 is the limit, unless the half fits a cache. The product depends on the chip. A ratio below 1 probably means that there are no 16-bit
# units, and every number is converted. Above 2: look at the line of oneDNN. Where its fp32 is faster too, PyTorch's usual fp32 product is slow here, and the bits explain only the rest.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def product(dtype):  # a ratio below 1: probably no 16-bit units
    a = torch.randn(1024, 1024, device=device).to(dtype)
    return lambda: a @ a


def addition(dtype):
    a = torch.randn(2**24, device=device).to(dtype)
    out = torch.empty_like(a)
    return lambda: torch.add(a, a, out=out)


for make in (product, addition):
    trial = {"fp32": make(torch.float32), low_name: make(low)}
    if make is product and device.type == "cpu" and torch.backends.mkldnn.is_available():
        m = torch.randn(1024, 1024).to_mkldnn()  # a control: that size, in fp32, by another library
        trial["fp32, oneDNN"] = lambda m=m: F.linear(m, m)
    times = timing.compare(trial, rounds=7, device=device)
    for name in list(trial)[1:]:
        print(f"{make.__name__:8} {times.ratio(name):.2f}×, {name}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: this chip's two ratios.** The addition's limit is 2, unless the half fits a cache; the product's depends on the units *and on how good the fp32 product
# is*. What oneDNN, another library, gains in fp32, if anything, is no gain of 16 bits.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A whole training step
#
# A *saturated* device has more work than it can do at once. The *odd size* is no multiple of 8: bad for older tensor cores. *Narrow* is 128 wide, at batch 1,024 and at batch 16.
#
# Published: 2 to 3 times on Volta, Turing and Ampere, "modest" on Kepler, Maxwell and Pascal ([amp_recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html));
# 1.5 to 5.5 on eight V100 ([PyTorch, 2022](https://pytorch.org/blog/what-every-user-should-know-about-mixed-precision-training-in-pytorch)).
#
# **Predict.** Which of the four gains least? Can mixed precision be *slower*?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes. Did the 16-bit product win on the slide before? Then read the last row first: autocast adds a cast for each weight and input, and a small product does not earn it back; small in width *and* batch, compare the last two rows. Did it lose? Then any row may. The scaler costs a pass over the gradients and some small calls, felt in a short step; a gain by it is noise. If the odd size gains *more*, look at fp32: it may be slow
# at odd sizes, and then the ratio flatters.


# %% slideshow={"slide_type": "skip"}
VARIANTS = {"fp32": (False, False), "autocast": (True, False), "with scaler": (True, True)}
SIZES = {
    "saturated": (width, batch),
    "odd size": (width - 23, batch - 3),
    "narrow, 1,024": (128, 1024),
    "narrow, 16": (128, 16),
}


def make_step(width, batch, autocast, scaling, n_layers=3, n_out=None):
    """One training step of a new network as a function without arguments; `old` is what lives before it."""
    n_out = n_out or width
    net = models.make_mlp(width, n_out, n_layers).to(device)
    opt = torch.optim.SGD(net.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler(device.type, enabled=scaling)
    x, y = (torch.ones(batch, n, device=device) for n in (width, n_out))

    def step():
        with torch.autocast(device.type, dtype=low, enabled=autocast):
            loss = loss_fn(net(x), y)  # no name for the output: it would live on through backward
        scaler.scale(loss).backward()
        scaler.step(opt)
        scaler.update()
        opt.zero_grad()

    step.old = [StorageWeakRef(t.untyped_storage()) for t in (*net.parameters(), x, y)]
    return step


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
times = {
    size: timing.compare({name: make_step(*shape, *on) for name, on in VARIANTS.items()}, rounds=5, device=device)
    for size, shape in SIZES.items()
}


def ratio_of(size, name):
    low_end, high_end = times[size].ratio_quartiles(name)
    return f"{times[size].ratio(name):.2f} ({low_end:.2f}–{high_end:.2f})"


card.record(
    "bf16-autocast-faster", times["saturated"].ratio("autocast"), times["saturated"].ratio_quartiles("autocast")
)
Table(
    ["times faster", "autocast", "with scaler"],
    [[size, ratio_of(size, "autocast"), ratio_of(size, "with scaler")] for size in SIZES],
    caption=f"{low_name} on {device.type}, 1 thread; quartiles in brackets",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: this chip's ratios, by size.** Below 1 is slower. Where the 16-bit product lost one slide ago, any row may. Where it won, the casts
# probably cost a small product more than they save: small in width *and* batch, compare the narrow rows.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. When does it save memory?
#
# We list what a step's peak adds to the weights: arrays of the shape of a **weight**, and of an **activation**. Twelve layers, 256 wide.
#
# **Predict.** Batch 32 and batch 1,024: for which does autocast need more than fp32? What is it that lives in 32 bits all the same?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room say which tensors stay in 32 bits; expect "the weights", which are not counted here. *Inside the call* is what the operation at the peak takes itself; *other shapes* is mostly the loss. Read the columns of batch 32: the peak lies at the end of backward, where the gradients of weights are there in fp32; under autocast the last of them is just being
# made in 16 bits, or cast: that depends on the processor. The copies are gone by then. At 1,024 it lies where most activations live: in fp32 in the first steps of backward (one gradient of a weight is there already), under autocast in the loss.


# %% slideshow={"slide_type": "skip"}
NARROW = 256


class Alive(TorchDispatchMode):
    """Follows every tensor that PyTorch makes, operation by operation, and keeps the list at the peak."""

    def __init__(self, old):
        super().__init__()
        self.old, self.kept, self.peak = old, [], 0  # kept: (storage, (shape, type), bytes)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        before = [k for k in self.kept if not k[0].expired()]
        with timing.Timer(device=device, memory=True) as timer:  # memory inside this operation, its result included
            out = func(*args, **(kwargs or {}))
        total = sum(n_bytes for *_, n_bytes in before) + timer.peak_bytes
        if total > self.peak:
            self.peak, self.inside = total, timer.peak_bytes
            self.at_peak = collections.Counter(kind for _, kind, _ in before)
        for t in (t for t in tree_leaves(out) if isinstance(t, torch.Tensor)):
            ref, n_bytes = StorageWeakRef(t.untyped_storage()), t.untyped_storage().nbytes()
            if ref not in self.old and all(ref != k[0] for k in self.kept):
                self.kept.append((ref, (tuple(t.shape), t.dtype), n_bytes))
        self.kept = [k for k in self.kept if not k[0].expired()]
        return out


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
listed, stacks = {}, {}
for batch, name in ((32, "fp32"), (32, "autocast"), (1024, "fp32"), (1024, "autocast")):
    step = make_step(NARROW, batch, *VARIANTS[name], n_layers=12)
    gc.collect()
    gc.freeze()  # else each of the many timers would search all of Python's objects
    with Alive(step.old) as mode:
        step()
    gc.unfreeze()
    found = {}
    for shape, rows in (("weight", NARROW), ("activation", batch)):
        for dtype, bits in ((torch.float32, 32), (low, 16)):
            n_alive = mode.at_peak[((rows, NARROW), dtype)]
            found[f"{shape}, {bits}\u00a0bit"] = n_alive * rows * NARROW * bits // 8
    found["inside the call"] = mode.inside
    found["other shapes"] = mode.peak - sum(found.values())  # mostly the loss: its number keeps the room of its squares
    listed[batch, name], stacks[batch, name] = mode.peak, found
Table(
    ["shape, type", *(f"{batch:,}: {name}" for batch, name in listed)],
    [[kind, *(f"{found[kind] / 1e6:.2f}" for found in stacks.values())] for kind in stacks[32, "fp32"]]
    + [["peak", *(f"{peak / 1e6:.2f}" for peak in listed.values())]],
    caption="MB at the peak; batch: precision",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the small batch needs more.** Its peak is gradients of weights, in fp32 for both; the large one's is activations.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The stacks at the peak
#
# The same bytes, one scale for each batch.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Left: almost all orange, in both (the last gradient is in the grey part). Right: blue becomes sky, half as high. Ask for the price: yellow, the copies of the weights; and above it what the loss needs in fp32, one blue and two grey. Grey is what the operation at the peak uses itself. Green: mostly the loss, one number in room for all its squares.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, axes = plots.figure(columns=2, size=(11, 4.4))
tones = dict(zip(stacks[32, "fp32"], ("orange", "yellow", "blue", "sky", "grey", "green"), strict=True))
for ax, size in zip(axes, (32, 1024), strict=True):
    for x, name in enumerate(("fp32", "autocast")):
        foot = 0
        for kind, n_bytes in stacks[size, name].items():
            ax.bar(x, n_bytes / 1e6, bottom=foot, color=plots.COLOURS[tones[kind]], label=kind, width=0.6)
            foot += n_bytes / 1e6
    ax.set(xticks=(0, 1), xticklabels=("fp32", "autocast"), title=f"batch {size:,}", ylabel="MB at the peak")
handles, names = axes[0].get_legend_handles_labels()
fig.legend(handles[:6], names[:6], loc="outside right center")
plots.show(
    fig,
    alt="Stacks of bytes at the peak, fp32 beside autocast. "
    + " ".join(
        f"Batch {size}, {name}: "
        + ", ".join(f"{kind} {n_bytes / 1e6:.1f} MB" for kind, n_bytes in found.items() if n_bytes > 1e4)
        + "."
        for (size, name), found in stacks.items()
    ),
    caption="Twelve layers of 256. Weight's shape: gradients and copies; activation's shape: what the backward pass needs.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### From which batch on?
#
# Networks with 3 and with 12 layers, 256 wide; and one with 3 layers that has 10 outputs in place of 256.
#
# **Predict.** For each: does autocast need less than fp32 where the batch is an eighth of the width? Where it is four times the width?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two quick votes a curve. Three layers with a wide output: it is there in 16 bits and in 32, for the loss, and the loss needs room of its own. With 10 outputs this is small: the control. Ask about a convolutional network: few weights, many activations; it should save early, but that
# is not measured here.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def share_of_fp32(batch, n_layers, n_out=NARROW):
    """Peak memory of a step under autocast, as a share of the peak in fp32."""
    trials = (make_step(NARROW, batch, *VARIANTS[name], n_layers, n_out) for name in ("fp32", "autocast"))
    plain, amp = (timing.peak_bytes(trial, device=device) for trial in trials)
    return amp / plain


networks = {"3 layers": (3,), "12 layers": (12,), "3, 10 outputs": (3, 10)}
sizes = (32, 64, 128, 256, 512, 1024)
shares = {name: {b / NARROW: share_of_fp32(b, *shape) for b in sizes} for name, shape in networks.items()}
card.record("memory-small-batch", shares["3 layers"][1 / 8])
card.record("memory-large-batch", shares["12 layers"][4])
fig, ax = plots.figure(size=(6.4, 4.0))
for (name, curve), marker in zip(shares.items(), ("o-", "s--", "^:"), strict=True):
    ax.plot(list(curve), list(curve.values()), marker, label=name)
ax.axhline(1, color="black", linestyle=":")
ax.set(xscale="log", xlabel="batch / width", ylabel="peak, of fp32's")
ax.set_xticks(list(curve), ["1/8", "1/4", "1/2", "1", "2", "4"])
ax.minorticks_off()
ax.legend()
told = "; ".join(f"{name}: " + ", ".join(f"{s:.2f}" for s in shares[name].values()) for name in shares)
plots.show(
    fig,
    alt=f"Peak of autocast over that of fp32 where batch over width is 1/8, 1/4, 1/2, 1, 2, 4. {told}.",
    caption="Above the dotted line autocast needs more memory than fp32.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: a large batch, and enough layers beside the loss.** The fp32 copy of a wide output, and the room of `mse_loss`, eat what three layers save.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A published run, another case
#
# The recipe's network, 3 layers, 4,096 wide, batch 512, on an older GPU ([Technion EE 046211](https://github.com/taldatech/ee046211-deep-learning), tutorial 10):
# fp32 13.958 s and 1,493,322,752 bytes, AMP 14.081 s and 1,585,620,992. The age of the GPU was given as the reason.
#
# **Predict.** Age may explain the time. What explains the 92 MB more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room compute: three weights of 4,096² in 2 bytes. Then the row below: six activations in fp32 became six halves and two whole ones for the loss, five in all. This peak is at the first loss, where all copies live; that of our small batch was in the backward pass. So the two rises have different causes. The bytes fit a PyTorch
# that kept both sides of each ReLU; today's keeps one.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
PUBLISHED_FP32, PUBLISHED_AMP = 1_493_322_752, 1_585_620_992
with torch.device("meta"):  # shapes without memory
    recipe_net = models.make_mlp(4096, 4096, n_layers=3)
weights = 4 * sum(p.numel() for p in recipe_net.parameters())
one = 512 * 4096 * 4  # one activation in fp32
copies = weights // 2  # every weight and bias once more, in 2 bytes
activations = round((6 / 2 + 2 - 6) * one)  # six halves and two in fp32, in place of six in fp32
account = copies + activations
card.record("published-bytes", account / 1e6)
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

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the copies**, less one activation, but for 1,024 bytes.

# %% [markdown] slideshow={"slide_type": "skip"}
# Six activations in fp32 became six halves (a copy of the input, five others) and two in fp32 (the output cast for the loss, its squared difference to the target): 5 in all. The bytes fit a PyTorch that kept both sides of each ReLU, today's keeps one; so the lesson's own curve has other
# counts.
#
# The trials were not fair. The names `loss` and `output` kept the trial before alive, its weights and gradients: 403 MB in both peaks. And only one run used `set_to_none`. So delete old names before you measure, and `gc.collect()`.
# `torch.cuda.empty_cache()` gives cached blocks back to the GPU; a tensor that has a name stays. `torch.cuda.reset_max_memory_allocated()` of that run is deprecated: say `torch.cuda.reset_peak_memory_stats()`.
#
# Keep a name for the output in your own loop, and it lives through the backward pass.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. The same accuracy?
#
# LeNet-300-100 learns 12,000 images of Fashion-MNIST, in fp32 and with the recipe. Five seeds; both runs of a pair have the same first weights and batches.
#
# **Predict.** How far apart are the two means? And the best and the worst of five *seeds* in fp32?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two guesses in points, on paper. Then the table. "Five pairs: with 2.78 standard errors on either side the interval holds the true difference 95 times of 100." An interval around 0 does not show that there is no difference; it says how large it
# can be.


# %% slideshow={"slide_type": "skip"}
images, labels = (t.to(device) for t in data.load("fashion_mnist", "train", n=12_000))
test_set = data.load("fashion_mnist", "test")


def recipe_step(net, opt, use_amp):
    """A function that takes one step of the recipe on images x with labels y."""
    scaler = torch.amp.GradScaler(device.type, enabled=use_amp)

    def step(x, y):
        with torch.autocast(device.type, dtype=low, enabled=use_amp):
            loss = F.cross_entropy(net(x), y)
        scaler.scale(loss).backward()
        scaler.step(opt)
        scaler.update()
        opt.zero_grad()

    return step


def learn(seed, use_amp, *, top_lr=2e-3):
    """LeNet-300-100 after three passes. The learning rate falls to 0, so that the last batches matter less."""
    torch.manual_seed(seed)
    net = models.LeNet300100().to(device)
    opt = torch.optim.Adam(net.parameters())
    step, steps = recipe_step(net, opt, use_amp), 3 * math.ceil(len(images) / 128)
    for i, picked in enumerate(training.batches(len(images), 128, steps=steps, seed=seed)):
        opt.param_groups[0]["lr"] = top_lr * (1 - i / steps)
        step(images[picked], labels[picked])
    return net


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
accuracy = {False: [], True: []}
with runtime.threads(runtime.training_threads()):
    for seed in tqdm(range(5), desc="seeds", file=sys.stdout, leave=False):
        for use_amp, values in accuracy.items():
            learned = learn(seed, use_amp)
            values.append(100 * training.evaluate(learned, *test_set))
pairs = [amp - plain for amp, plain in zip(accuracy[True], accuracy[False], strict=True)]
means = {use_amp: statistics.mean(values) for use_amp, values in accuracy.items()}
spread = max(accuracy[False]) - min(accuracy[False])
T_4 = 2.776  # 95 % of Student's t with 4 degrees of freedom lie within it
reach = T_4 * statistics.stdev(pairs) / 5**0.5
card.record("amp-accuracy", abs(means[True] - means[False]))
card.record("amp-within-seed-spread", (abs(statistics.mean(pairs)) + reach) / max(spread, 1e-9))
Table(
    ["seed", "fp32", low_name, "difference"],
    [[s, f"{a:.2f}", f"{b:.2f}", f"{b - a:+.2f}"] for s, (a, b) in enumerate(zip(*accuracy.values(), strict=True))]
    + [["mean", f"{means[False]:.2f}", f"{means[True]:.2f}", f"{statistics.mean(pairs):+.2f} ± {reach:.2f}"]],
    caption=f"test accuracy, %; ± 95 % interval of five pairs; fp32 seeds {spread:.2f} apart",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the last row.** If 0 lies in its interval, no difference is shown; the interval says how large one may be. Compare its far end with how far five fp32 seeds lie apart. Micikevicius et al.: six
# ImageNet networks within 0.3 points (table 1).


# %% slideshow={"slide_type": "skip"}
def learn_step(use_amp):
    """One training step of LeNet-300-100 at batch 128: the speed-up below is that of this network at this batch."""
    net = models.LeNet300100().to(device)
    step = recipe_step(net, torch.optim.Adam(net.parameters()), use_amp)
    return lambda: step(images[:128], labels[:128])


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

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · The step with clipping
# ★★ · 12 minutes
#
# Write `train_step`: one step of the recipe with clipping. The norm of the *true* gradients, all together, may be at most `max_norm`. The loss is `mse_loss`. Return it as a float,
# unscaled. No call may add to the gradients of an earlier one. Use `x.device.type`, and leave autocast's dtype at its default.
#
# `train_step(model, optimizer, scaler, x, y, max_norm)` → a float
#
# <details><summary>Hint</summary>
# The order: forward under autocast, backward outside, unscale, clip, step through the scaler, update, zero.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on paper: the calls in their order. To write and run it takes 12. The mistakes to wait for: clipping before unscale_, optimizer.step() in place of scaler.step(optimizer), a forgotten update. The other card is homework in a
# lecture.


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


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · A dynamic loss scaler
# ★★ · 10 minutes
#
# Write `dynamic_scale`, the rule of `GradScaler.update`: after a step with inf, halve the scale; after
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
# The figures that this run can check, beside their source. Speed depends on the machine, so a claim about speed may fail on yours; the table then names what may be the cause.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Scale, backward, unscale, clip, step, update: the scaler skips a step with inf and halves its scale.
# - It saves time where the chip has 16-bit units and the products are large (batch times width); elsewhere it may cost time.
# - It saves memory where the activations kept for the backward pass outweigh gradients, copies of the weights and what the loss needs in fp32.
#
# **Recommended video** (it helps, and does not replace the lesson): NVIDIA, *Automatic Mixed Precision Training in PyTorch*,
# [youtube.com/watch?v=b5dAmcBKxHg](https://www.youtube.com/watch?v=b5dAmcBKxHg).
#
# **Going further**: P. Micikevicius et al., *Mixed precision training*, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740);
# [PyTorch's examples of AMP](https://docs.pytorch.org/docs/stable/notes/amp_examples.html), with several losses, gradient penalty and custom functions.
#
# **Project ideas**: find the batch from which your own network saves memory; train with a fixed scale that is too small, and plot what is lost; compare bf16 and fp16 on a GPU that has both.
#
# **Credits**: recipe and network follow [Michael Carilli's recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html) for PyTorch, after
# [NVIDIA's page on mixed precision](https://developer.nvidia.com/automatic-mixed-precision). The idea of this course in one lecture, and the run without a speed-up, are
# [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning) (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the hopes on the board. Half the time: on which chip? Half the memory: from which batch on? Ask what was not measured: a convolutional network, a GPU if you had none.

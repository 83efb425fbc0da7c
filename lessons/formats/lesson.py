# ---
# jupyter:
#   course:
#     promise: You will know what a float of 16 bits can hold, what it loses, and which operations PyTorch lets it do.
#     minutes: 45
#     seconds: 10
#     needs: [measuring, energy]
#     goals:
#       - Say what fp16, bf16 and fp8 can hold, where they overflow and what they flush to zero.
#       - Choose a loss scale from a histogram of gradients.
#       - Predict in which type an operation runs under autocast, on a CPU and on a GPU.
#     terms: [autocast, bf16, fp16, loss scale, overflow, significand, subnormal, underflow]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Half the bits. Which numbers are gone, and does a training run need them?*
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
# *For the lecturer, 1 min.* Ask before anything runs: "Who has trained in fp16? Did anything go wrong?" Collect what went wrong (NaN, no speed-up) on the board.
# Transition: "We begin with the simplest computation there is: counting."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import math

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils import data, models, runtime, training
from course_utils.scorecard import claims
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.formats import checks as check

card = claims.Scorecard("formats")
runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()
low = torch.float16 if device.type == "cuda" else torch.bfloat16  # autocast's default on this kind of device
low_name = str(low).removeprefix("torch.")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. Count to ten thousand
#
# Start at 0 and add 1, ten thousand times. In fp32 that makes 10,000.
#
# **Predict.** What do you get in fp16, a float of 16 bits that can hold 10,000 exactly? And in bf16, another float of 16 bits?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2 min.* Let everybody write down two numbers. Expect "about 10,000, with some error". After the table: "Why does bf16's last column say
# 9,984?" It was rounded once: up there bf16 has only every 64th number.


# %% slideshow={"slide_type": "fragment"} tags=["lecture", "hide-input"]
def count_up(dtype, start=0, times=10_000):
    total = torch.tensor(start, dtype=dtype)
    for _ in range(times):
        total += 1
    return total.item()


reached = {t: count_up(t) for t in (torch.float32, torch.float16, torch.bfloat16)}
rows = [[str(t)[6:], f"{end:,.0f}", f"{torch.ones(10_000, dtype=t).sum():,.0f}"] for t, end in reached.items()]
card.record("fp16-sum-stops", reached[torch.float16])
card.record("bf16-sum-stops", reached[torch.bfloat16])
Table(["type", "one by one", "sum()"], rows)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: the sum stops growing.** No error, no warning. `sum()` adds up in fp32 inside, and rounds once.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The neighbours of a float
#
# What lies between two numbers of the format is rounded to the nearer one.
#
# **Predict.** Start the same count at 2,050 in place of 0. Does it stop there, too?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Click frame by frame; the answer comes after the last. After the second frame: "2,049 lies midway. Who decides?" Take the vote on 2,050 before the third frame. The rule is
# "a tie goes to the neighbour whose last bit is 0": 2,048 has one, 2,050 has not, 2,052 has one. Fifth frame: bfloat16 stops at 256 already; the sentence below is about the frame before. Transition: "So what do the 16 bits buy?"


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def neighbours(value, dtype, n=4):
    """n numbers of a 16-bit format below a value, itself, and n above: the bits of a positive float count upwards."""
    bits = torch.tensor(value, dtype=dtype).view(torch.int16)
    return [(bits + k).view(dtype).item() for k in range(-n, n + 1)]


def one_more(name, middle, start):
    canvas, dtype = diagrams.Canvas(height=250), getattr(torch, name)
    marks = neighbours(middle, dtype)
    ruler = diagrams.number_line(canvas, marks[0], marks[-1], y=180, ticks={m: f"{m:,.0f}" for m in marks})
    ends = (torch.tensor(start, dtype=dtype) + 1).item()
    ruler.point(start + 1, above=85, falls_to=ends)
    canvas.text(600, 30, f"{name}: {start:,.0f} + 1 becomes {ends:,.0f}")
    return canvas.figure(), f"Number line of {name} around {middle:,.0f}; {start + 1:,.0f} falls on {ends:,.0f}."


steps = [("float16", 2048.0, s) for s in (2047.0, 2048.0, 2050.0, 2052.0)] + [("bfloat16", 256.0, 256.0)]
drawn, told = zip(*(one_more(*step) for step in steps), strict=True)
plots.show(drawn, alt=told, caption="Blue: what the format can hold. Orange: the exact sum, and where it goes.")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw: one step later, at 2,052.** Ties go to the neighbour whose last bit is 0.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. What a format can hold
#
# A float is a sign $s$, an exponent $e$ and a mantissa $m$:
#
# $$x = (-1)^s \cdot 2^{e} \cdot (1 + m), \qquad 0 \le m < 1$$
#
# $1 + m$ is the **significand**. Between $2^e$ and $2^{e+1}$ the neighbours are $2^{e} \varepsilon$ apart; $\varepsilon$ is the spacing at 1.
#
# **Predict.** fp16 spends 5 bits on the exponent, bf16 8. Which one reaches further, and what does it pay?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Say the formula in words: "exponent bits buy range, mantissa bits buy neighbours." Vote. Then read two rows of the table only, fp16 and bf16. e4m3 is
# named by its bits: 4 of exponent, 3 of mantissa.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
FORMATS = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp8 e4m3": torch.float8_e4m3fn,
    "fp8 e5m2": torch.float8_e5m2,
}
info = {name: torch.finfo(dtype) for name, dtype in FORMATS.items()}


def facts(i):
    return i.max, i.smallest_normal, i.smallest_normal * i.eps, i.eps


Table(
    ["format", "largest", "least normal", "least\u00a0>\u00a00", "spacing"],
    [
        [n.replace("fp8 ", ""), *(f"{v:.{d}g}".replace("-", "−") for v, d in zip(facts(i), (5, 2, 2, 2), strict=True))]
        for n, i in info.items()
    ],
    caption="e4m3 and e5m2 have 8 bits",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: bf16 reaches almost as high as fp32, and pays with the spacing** (at 1).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Bits, and the powers of two that they reach
#
# The lowest exponent drops the leading 1. Such numbers are **subnormal**: they lie between the least normal number and 0.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Left: count the orange cells, then the blue ones. Right: "One orange bit more, and the green bar is about twice as long." Ask where the gradients
# of a network lie on the right-hand axis. The yellow part is the next question but one.


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def layout(i):
    """Bits of exponent and mantissa, from the total and the spacing at 1."""
    mantissa = round(-math.log2(i.eps))
    return i.bits - 1 - mantissa, mantissa


fig, (left, right) = plots.figure(columns=2, size=(11, 4.2))
for y, i in enumerate(reversed(info.values())):
    exponent, mantissa = layout(i)
    for start, width, colour in ((0, 1, "grey"), (1, exponent, "orange"), (1 + exponent, mantissa, "blue")):
        for bit in range(width):
            left.barh(y, 1, left=start + bit, color=plots.COLOURS[colour], edgecolor="white")
    left.text(i.bits + 0.4, y, f"{exponent} + {mantissa}", va="center")
    top, normal = math.log2(i.max), math.log2(i.smallest_normal)
    right.barh(y, top - normal, left=normal, color=plots.COLOURS["green"])
    right.barh(y, mantissa, left=normal - mantissa, color=plots.COLOURS["yellow"])
left.set(yticks=range(len(info)), yticklabels=list(reversed(info)), xlabel="bits", xlim=(0, 40))
right.set(yticks=[], xlabel="power of two", xlim=(-155, 135))
plots.show(
    fig,
    alt="Left: a cell for each bit. fp32 has 8 of exponent and 23 of mantissa, fp16 5 and 10, bf16 8 and 7, e4m3 4 and 3, e5m2 5 and 2. Right: range in powers of two. "
    "fp32 from -149 to 128, bf16 from -133 to 128, fp16 from -24 to 16, e5m2 from -16 to 16, e4m3 from -9 to 9.",
    caption="Left: sign grey, exponent orange, mantissa blue. Right: normal numbers green, subnormal ones yellow.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Four numbers, five formats
#
# **Predict.** Store 70,000, 2,049, 1.001 and 0.00000002, or 2e-08. Which of them does fp16 give back to *four* digits, and which bf16? Which become infinite, which 0?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two columns on the board, fp16 and bf16; the room fills them. After the table name the three accidents: overflow, underflow, rounding. e4m3 has no
# infinity: this cast stops at its largest number.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
numbers = (70_000.0, 2_049.0, 1.001, 2e-8)
Table(
    ["stored as", *(f"{x:g}" for x in numbers)],
    [[name, *(f"{torch.tensor(x).to(dtype).item():.6g}" for x in numbers)] for name, dtype in FORMATS.items()],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: fp16 keeps 1.001, bf16 keeps the sizes.** Too large for fp16 is `inf` (**overflow**), too small is 0 (**underflow**). bf16 rounds all four.

# %% [markdown] slideshow={"slide_type": "skip"}
# fp16 ends at 65,504; from 65,520 on, half a spacing further, it gives `inf`. At half of its least number above 0, and below, it *flushes to zero*.
#
# The word *mantissa* means $m$ alone in this course. Where a source gives fp16 "11 bits of significand", the leading 1 is counted.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How many bits are right?
#
# We store 4,096 random numbers between $2^e$ and $2^{e+1}$ and take the largest relative error, $2^{-b}$. So $b$ bits are right.
#
# fp16's least normal number is $2^{-14}$.
#
# **Predict.** Each step of $e$ below -14 costs fp16: **A** no bit, **B** one, **C** all of them at once? And bf16?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands. Expect A from those who think of floats as "constant relative precision". After the figure: "Gradients in this slope are not lost. They are
# coarse." Keep the sentence: it comes back when the loss is scaled.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def right_bits(dtype, e):
    x = 2.0**e * (1 + torch.rand(4096, dtype=torch.float64))
    error = ((x.to(dtype).double() - x) / x).abs().max().item()
    return -math.log2(error)


exponents = range(-28, 1)
fig, ax = plots.figure(size=(6.4, 4.2))
for name, style in (("fp16", "o-"), ("bf16", "s--")):
    ax.plot(exponents, [right_bits(FORMATS[name], e) for e in exponents], style, label=name)
ax.axvspan(-25, -14, color=plots.COLOURS["yellow"], alpha=0.25, zorder=0)
ax.set(xlabel="exponent e of the numbers", ylabel="right bits b", ylim=(-0.5, 12))
ax.legend(loc="center right")
plots.show(
    fig,
    alt="Right bits against the exponent. bf16 is flat at 8. fp16 is flat at 11 from 0 down to -14, then falls almost in a straight line, to 0 at -25.",
    caption="Yellow: from the least normal number of fp16 down to where it flushes to zero.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: B, about a bit for each step**, until nothing is left. bf16 stays at 8 in this window.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. What flushes to zero
#
# LeNet-300-100 learns 12,000 images of Fashion-MNIST for two epochs in fp32. Then one batch goes backward, and we collect gradients: of the outputs of all layers, and of all weights.
#
# **Predict.** Which share of the gradients of *outputs* becomes 0 in fp16: **A** less than 1 %, **B** some per cent, **C** half? Does it depend on the batch, and on the training?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote A, B, C; then hands for "depends on the batch" and "on the training". After the table: the mean loss divides by the batch, so gradients of outputs shrink with it; a gradient
# of a weight is a sum over the batch. Columns: ask what a factor of 256 on the loss does, before you point at it.

# %% slideshow={"slide_type": "skip"}
images, labels = (t.to(device) for t in data.load("fashion_mnist", "train", n=12_000))
lenet = models.LeNet300100()
untrained = copy.deepcopy(lenet).to(device)
losses = training.fit(lenet, images, labels, epochs=2, batch_size=64, device=device)


def gradients(net, x, y, scale=1.0):
    """Gradients of scale · loss: of all layers' outputs and of all weights, as two flat tensors."""
    outputs = []
    hooks = [layer.register_forward_hook(lambda layer, given, out: outputs.append(out)) for layer in net.children()]
    loss = F.cross_entropy(net(x).float(), y)
    for hook in hooks:
        hook.remove()
    grads = torch.autograd.grad(loss * scale, [*outputs, *net.parameters()])
    flat = [g.flatten() for g in grads]
    return torch.cat(flat[: len(outputs)]), torch.cat(flat[len(outputs) :])


def lost(gradient, scale):
    """Share of the numbers other than 0 that become 0 in fp16; ReLU makes true zeros, they are no loss."""
    kept = gradient[gradient != 0] * scale
    return (kept.half() == 0).float().mean().item()


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
scales, rows = (1, 2**8, 2**16), []
for batch in (64, 512, 2048):
    for kind, values in zip(("outputs", "weights"), gradients(lenet, images[:batch], labels[:batch]), strict=True):
        rows.append([f"{kind}, batch {batch:,}", *(f"{lost(values, k):.2%}" for k in scales)])
        if (kind, batch) == ("outputs", 512):
            outputs_gradient = values
card.record("underflow-unscaled", 100 * lost(outputs_gradient, 1))
card.record("underflow-scaled", 100 * lost(outputs_gradient, 2**16))
rows.sort(key=lambda row: row[0].split(",")[0])
values, _ = gradients(untrained, images[:512], labels[:512])
rows.insert(2, ["… before training", *(f"{lost(values, k):.2%}" for k in scales)])
Table(["lost", *(f"loss × {k:,}" for k in scales)], rows)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: B; more with a larger batch, and after training.** A factor on the loss rescues nearly all: it is the **loss scale**.

# %% [markdown] slideshow={"slide_type": "skip"}
# The mean loss divides by the batch, so gradients of outputs shrink with it. An image that the network has learned has small gradients, too. The gradient of a weight is a sum over the batch; few are lost at the three sizes. For a
# speech model Micikevicius et al. count about 5 % of the *weight* gradients (section 3.1). Compare like with like.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### One factor moves every gradient
#
# Gradients of outputs, batch 512. The chain rule carries a factor on the loss to each of them.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Move the slider. At 1: "Grey is gone, yellow is coarse." Ask how far one may go to the right; the dotted line is 65,504. That is exercise 2. In the next
# lesson PyTorch finds the factor by itself.


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def histogram_at(shift):
    fig, ax = plots.figure(size=(10, 4.0))
    powers = outputs_gradient[outputs_gradient != 0].abs().log2().cpu() + shift
    ax.hist(powers, bins=range(-48, 19), weights=[100 / len(powers)] * len(powers), color=plots.COLOURS["green"])
    ax.axvspan(-48, -25, color=plots.COLOURS["grey"], alpha=0.25, zorder=0, label="flushed to zero")
    ax.axvspan(-25, -14, color=plots.COLOURS["yellow"], alpha=0.25, zorder=0, label="subnormal")
    ax.axvline(16, color="black", linestyle=":", label="overflow")
    ax.set(xlabel="magnitude in fp16, power of two", ylabel="share, %", xlim=(-48, 18), ylim=(0, 15))
    ax.legend(loc="upper left")
    shares = [100 * (powers < edge).float().mean().item() for edge in (-25, -14)]
    return fig, (
        f"Histogram of gradients with the loss times 2 to the {shift}: {shares[0]:.1f} % lie below 2 to the -25, where fp16 "
        f"flushes to zero, {shares[1] - shares[0]:.0f} % in the subnormal range up to -14, the rest above; overflow is at 16."
    )


shifts = (0, 8, 16)
drawn, told = zip(*map(histogram_at, shifts), strict=True)
plots.show(
    drawn,
    alt=told,
    slider="loss scale",
    values=[f"{2**s:,}" for s in shifts],
    caption="Scaling the loss moves the whole histogram to the right, towards the normal range of fp16.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A backward pass in fp16
#
# Those were gradients in fp32, cast afterwards. Now copies of the network in fp16 and in bf16 go forward and backward themselves, once with the loss as it is and once with
# the loss times 65,536. We divide by the scale again, exactly.
#
# **Predict.** People say: a power of two changes no digit of a float. Are the gradients that survive the same with both scales?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; most say yes. After the table: where do the changed digits come from? From the slope of section 2: without the scale those
# gradients were subnormal. bf16 is the control.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
rows, changed, true = [], {}, outputs_gradient != 0
for name in ("fp16", "bf16"):
    copy_of = copy.deepcopy(lenet).to(FORMATS[name])
    x = images[:512].to(FORMATS[name])
    at = {k: gradients(copy_of, x, labels[:512], scale=float(k))[0].double() / k for k in (1, 2**16)}
    zero = [f"{(g[true] == 0).float().mean():.2%}" for g in at.values()]
    both = (at[1] != 0) & (at[2**16] != 0) & at[2**16].isfinite()
    changed[name] = (at[1] != at[2**16])[both].float().mean().item()
    rows.append([name, *zero, f"{changed[name]:.0%}"])
card.record("fp16-scale-changes-digits", 100 * changed["fp16"])
card.record("bf16-scale-changes-digits", 100 * changed["bf16"])
Table(["backward in", "lost, × 1", "lost, × 65,536", "survivors changed"], rows)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: not in fp16.** The scale rescues gradients there, too, and changes most of the others. In bf16 it did neither.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Autocast: a type for each operation
#
# **Mixed precision** ([Micikevicius et al., 2018](https://arxiv.org/abs/1710.03740)) has three parts:
#
# 1. **Products in 16 bits, sums in fp32.**
# 2. **Weights in fp32.** Products read a 16-bit copy.
# 3. **Loss scaling.**
#
# `autocast` turns 1 into a type for each operation; `GradScaler` does 3 ([[amp]]).
#
# **Predict.** Part 2: let the weights have 16 bits. Which share of the updates changes nothing, with SGD and with Adam?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Go through the three parts; for the second let the room guess a share. The counting of section 1 is the reason: a weight is a running sum, an update is
# the 1. Two optimizers, because the share goes by the size of the step; one network, one learning rate each.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def last_update(make_optimizer):
    """(weights, how far the last of 50 steps moves them), in double precision."""
    net = copy.deepcopy(lenet).double()
    opt = make_optimizer(net.parameters())
    for picked in training.batches(len(images), 64, steps=50, seed=1):
        before = torch.cat([p.detach().flatten() for p in net.parameters()])
        opt.zero_grad()
        F.cross_entropy(net(images[picked].double()), labels[picked]).backward()
        opt.step()
    after = torch.cat([p.detach().flatten() for p in net.parameters()])
    moving = after != before  # weights of pixels that are 0 have no gradient
    return before[moving], (after - before)[moving]


def unmoved(dtype, weights, updates):
    w = weights.to(dtype)
    return ((w.double() + updates).to(dtype) == w).double().mean().item()


steps = [last_update(lambda p: torch.optim.SGD(p, lr=0.01)), last_update(lambda p: torch.optim.Adam(p, lr=1e-3))]
Table(
    ["updates that change nothing", "SGD, 0.01", "Adam, 0.001"],
    [[name, *(f"{unmoved(FORMATS[name], *step):.0%}" for step in steps)] for name in ("fp32", "fp16", "bf16")],
    caption="the last of 50 steps; beside the name the learning rate",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: a weight is a running sum**, and small updates are rounded away. Multiply in 16 bits; add up, and store what is added to, in 32.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Autocast alone
#
# Wrap the forward pass and the loss, nothing else.
#
# **Predict.** Which type has each now: output, loss, weight, gradient of the weight?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Four votes, 16 or 32. Point at what is *not* there: nobody converted the inputs, the targets or the network. backward() stands outside the block: PyTorch
# does not recommend it inside.

# %% slideshow={"slide_type": "skip"}
width, batch = 256, 128
net = models.make_mlp(width, width, n_layers=3).to(device)  # linear layers of one width, ReLU between them
x, y = (torch.randn(batch, width, device=device) for _ in range(2))
loss_fn = torch.nn.MSELoss()

# %% slideshow={"slide_type": "fragment"}
with torch.autocast(device_type=device.type, dtype=low):
    output = net(x)
    loss = loss_fn(output, y)
loss.backward()  # outside: each backward operation takes the type of its forward one
print("output  ", output.dtype)
print("loss    ", loss.dtype)
print("weight  ", net[0].weight.dtype)
print("gradient", net[0].weight.grad.dtype)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: only the output has 16 bits.** The loss ran in fp32; weights and their gradients are stored in fp32.

# %% slideshow={"slide_type": "skip"}
assert output.dtype is low  # linear layers run in 16 bits
assert loss.dtype is torch.float32  # losses run in fp32
assert net[0].weight.dtype is net[0].weight.grad.dtype is torch.float32


class Casts(TorchDispatchMode):
    """Notes each cast that PyTorch makes below autocast: (shape, from, to)."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._to_copy.default:
            self.seen.append((tuple(out.shape), args[0].dtype, out.dtype))
        return out


# %% slideshow={"slide_type": "skip"}
flow, back = [], {}  # what hooks see: (layer, type in, type out), and the types of the gradients


def note(layer, given, out):
    at = len(flow)
    flow.append((type(layer).__name__, given[0].dtype, out.dtype))
    out.register_hook(lambda g: back.update({at: g.dtype}))


hooks = [layer.register_forward_hook(note) for layer in net]
with Casts() as forward_casts, torch.autocast(device.type, dtype=low):
    loss = loss_fn(net(x), y)
with Casts() as backward_casts:
    loss.backward()
for hook in hooks:
    hook.remove()
copies = forward_casts.seen.count(((width, width), torch.float32, low))
returns = backward_casts.seen.count(((width, width), low, torch.float32))
print(f"16-bit copies of weights: {copies}; gradients of weights cast to fp32: {returns}")


# %% slideshow={"slide_type": "skip"}
def kind(dtype):
    return ("fp32", 9) if dtype is torch.float32 else ("fp16", 5)  # colour and thickness: by bytes


def cast_map(backward):
    canvas = diagrams.Canvas(height=400)
    canvas.text(45, 108, "input")
    places = [canvas.box(130 + 180 * i, 90, name, width=110, height=80) for i, (name, *_) in enumerate(flow)]
    places.append(canvas.box(1030, 90, "loss", width=110, height=80, fill="fp32"))
    edges = [flow[0][1], *(out for *_, out in flow)]
    for i, (place, dtype) in enumerate(zip(places, edges, strict=True)):
        meaning, thick = kind(dtype)
        canvas.wire((place.x - (110 if i == 0 else 70), 130), place.left, meaning=meaning, thick=thick)
        if backward and i:
            meaning, thick = kind(back[i - 1])
            canvas.wire((place.x, 160), (place.x - 70, 160), meaning=meaning, thick=thick)
    for place in (p for p, (name, *_) in zip(places, flow, strict=False) if name == "Linear"):
        stored = canvas.box(place.x - 5, 290, "weight\nfp32", width=120, height=90, fill="fp32")
        canvas.wire((stored.x + 35, 290), (place.x + 30, 170), meaning=kind(low)[0], dashed=True, thick=5)
        if backward:
            canvas.wire((place.x + 85, 170), (place.x + 85, 230), meaning=kind(low)[0], thick=5, arrow=False)
            canvas.wire((place.x + 85, 225), (place.x + 85, 290), meaning="fp32", thick=9)  # after its cast
    words = "backward: gradients to the left, those of the weights downwards" if backward else "forward"
    canvas.text(600, 40, f"{words}; orange fp32, yellow {low_name}")
    return canvas.figure()


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"} tags=["lecture"]
# ### The map of casts
#
# Types that hooks saw.
#
# **Predict.** Which type have the gradients between the layers?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* First frame: follow the colours from left to right; the input arrives in fp32, and the first layer casts it. Dashed: the copies of the weights. Vote, then the second
# frame. Say: "Thin yellow is where small gradients can flush to zero, if it is fp16." The gradients of the weights, too: they are yellow until the cast.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
plots.show(
    [cast_map(False), cast_map(True)],
    alt=[
        f"Forward: the input arrives in fp32 at the first linear layer; from there to the loss all edges are {low_name}. Under each linear layer "
        f"its weight in fp32 with a dashed arrow, its {low_name} copy, up to the layer. The loss is fp32.",
        f"Backward added: the gradients from the loss to the left are {low_name}; those of the weights leave the layer in {low_name} and arrive in fp32.",
    ],
    caption="Dashed: the copies of the weights, one a layer; their casts were counted. Thickness: bytes of a number.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer", "lecture"]
# **What you saw: 16 bits, both ways.** The gradient of a weight is rounded to 16 bits, then stored in fp32.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Which operation runs in which type?
#
# Autocast has a list for 16 bits, one for fp32, and a short one whose inputs are all cast to the widest (on a CPU `cat`). What is on none runs as it would without autocast: `+`
# takes the wider of two types.
#
# `layer_norm` shifts and scales each row to mean 0 and variance 1; `softmax` makes probabilities.
#
# **Predict.** `h` has 16 bits, `x` and `image` 32. Which of these ten come out in fp32 here: `x @ x`, `conv2d(image)`, `tanh(h)`, `h + x`, `exp(h)`, `softmax(h)`, `layer_norm(h)`,
# `h.sum()`, `h.prod()`, `mse_loss(h, h)`?


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the operations aloud, hands for fp32. The surprises on a CPU are softmax, layer_norm and sum. Exercise 1 follows the next slide: every pair writes eight types for
# both devices before it runs the check.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def types_under_autocast():
    """Type of the result of some operations; `h` is in 16 bits, `x` and `image` in fp32."""
    x, image = torch.rand(8, 8, device=device), torch.rand(1, 1, 8, 8, device=device)
    with torch.autocast(device.type, dtype=low):
        h = x @ x
        results = {
            "x @ x": h,
            "conv2d(image)": F.conv2d(image, image),
            "tanh(h)": h.tanh(),
            "h + x": h + x,
            "exp(h)": h.exp(),
            "softmax(h)": h.softmax(1),
            "layer_norm(h)": F.layer_norm(h, (8,)),
            "h.sum()": h.sum(),
            "h.prod()": h.prod(),
            "mse_loss(h, h)": F.mse_loss(h, h),
        }
    return {name: str(result.dtype).removeprefix("torch.") for name, result in results.items()}


Table(["operation", f"on {device.type}"], list(types_under_autocast().items()))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: on a CPU three**, `h + x`, `prod` and `mse_loss`. A GPU has other lists: next slide.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The lists differ by device
#
# From [PyTorch's documentation of `torch.amp`](https://docs.pytorch.org/docs/stable/amp.html):
#
# | operations | on CUDA | on a CPU |
# |---|---|---|
# | `matmul`, `linear`, convolutions | 16 bits (float16) | 16 bits (bfloat16) |
# | `cross_entropy`, `mse_loss`, `prod` | float32 | float32 |
# | `softmax`, `layer_norm`, `sum`, `exp`, `log` | **float32** | **type of the input** |
# | `relu`, `tanh`, 2-D pooling | type of the input | type of the input |
# | `+`, `cat` | the wider input | the wider input |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Beside the 16-bit type only the bold row differs. The list goes by device, not by type: on a CPU softmax stays in fp16, too. With bf16 an exp overflows hardly sooner than in fp32.

# %% [markdown] slideshow={"slide_type": "skip"}
# So "softmax runs in fp32 under autocast" holds for a GPU. On a CPU `sum` adds up in fp32 inside and rounds its result to the input's type. `h += x` keeps `h`'s type. `dot` of two types is an error on a CPU.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Eight types
# ★ · 8 minutes
#
# These lines run under `torch.autocast(device_type)` with its default type; `x` is fp32, and so are the weights of both linear layers. Write
# `autocast_types`: the types of all eight results, on the CPU and on CUDA.
#
# ```python
# a = linear1(x);   b = layer_norm(a);   c = b + x;       d = relu(c)
# e = linear2(d);   f = softmax(e);      g = e.sum();     loss = cross_entropy(e, y)
# ```
#
# `autocast_types(device_type)` → a dict from "a" … "g" and "loss" to "float32", "float16" or "bfloat16"
#
# <details><summary>Hint</summary>
# Go through the lines in order and ask for each: on a list for 16 bits, on a list for fp32, or on none? The table in
# section 4 has a column for each device. CUDA's default is float16, the CPU's bfloat16.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on paper first; alone it takes 8. The mistake to wait for is c on the CPU: the wider input wins, so d is fp32 as well. Exercise 2 is homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def autocast_types(device_type):
    """Dict from "a" … "g" and "loss" to a type; device_type is "cpu" or "cuda".

    >>> autocast_types("cuda")["a"]  # a linear layer
    'float16'
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.autocast_types(autocast_types)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def autocast_types_solution(device_type):
    if device_type == "cuda":
        types = {name: "float32" for name in "bcdfg"}
        return {**types, "a": "float16", "e": "float16", "loss": "float32"}
    types = {name: "bfloat16" for name in "abefg"}
    return {**types, "c": "float32", "d": "float32", "loss": "float32"}


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · Choose a loss scale
# ★★ · 10 minutes
#
# A histogram of gradients is a dict: `{e: n}` means that $n$ gradients have a magnitude from $2^e$ to below $2^{e+1}$; bins come in any order, and $n$ may be 0. Write
# `loss_scale`: the largest power of two that makes no gradient overflow in fp16, wherever in its bin it lies. The largest fp16 number is 65,504.
#
# `loss_scale(histogram)` → a float; 1.0 where there is no gradient at all
#
# <details><summary>Hint</summary>
# Only the highest bin with something in it matters. Where does its upper edge land? 65,504 is a little less than a
# power of two. Large gradients may need a scale below 1.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def loss_scale(histogram):
    """Largest safe power of two as a float; 1.0 when there is no gradient at all.

    >>> loss_scale({})
    1.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.loss_scale(loss_scale)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def loss_scale_solution(histogram):
    used = [e for e, n in histogram.items() if n > 0]
    if not used:
        return 1.0
    return 2.0 ** (14 - max(used))  # the top bin then ends at 2**15; up to 2**16 it would pass 65,504


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The figures that this run can check, beside their source.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Exponent bits buy range, mantissa bits buy neighbours: fp16 loses small and large numbers, bf16 digits.
# - A running sum in 16 bits stops growing. So sums and weights stay in fp32; products run in 16 bits.
# - `autocast` chooses a type for each operation, and its lists differ between CPU and GPU.
#
# **Going further**: P. Micikevicius et al., *Mixed precision training*, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740), fp32 weights and loss scaling come from
# here; P. Micikevicius et al., *FP8 formats for deep learning*, 2022, [arXiv:2209.05433](https://arxiv.org/abs/2209.05433); D. Kalamkar et al., *A study of BFLOAT16 for
# deep learning training*, 2019, [arXiv:1905.12322](https://arxiv.org/abs/1905.12322).
#
# **Project ideas**: count in fp8; write a sum in fp16 that keeps what it rounds away (Kahan), and find out how far it counts; draw the histogram of your own network.
#
# **Credits**: the network under autocast is that of [Michael Carilli's recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html) for PyTorch. The idea of
# this course in one lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask what was *not* shown: no speed, no memory, no accuracy. The next lesson measures all three.

# ---
# jupyter:
#   course:
#     promise: You will train in 16 bits where that is safe, keep 32 where it is not, and know when it pays.
#     minutes: 60
#     seconds: 50
#     needs: [measuring, energy]
#     goals:
#       - Say what fp16, bf16 and fp8 can hold, what they flush to zero and where they overflow.
#       - Write the whole recipe, with autocast, gradient scaling, clipping, accumulation and a resumed run.
#       - Predict in which type an operation runs, on a CPU and on a GPU.
#       - Measure time and memory of each variant, and explain the cases where the technique does not pay.
#     terms: [autocast, bf16, fp16, gradient scaler, loss scale, overflow, significand, subnormal, underflow]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Half the bits while training: what breaks, what repairs it, and when it pays.*
#
# **Agenda**
#
# [[agenda]]
#
# [[promise]]

# %% [markdown] slideshow={"slide_type": "skip"}
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask before anything runs: "Who has trained in fp16? Did anything go wrong?" Collect what went wrong
# (NaN, no speed-up, out of memory all the same) on the board. Each of them is shown happening in this lesson.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import json
import math
import pathlib
import statistics
import sys
import tempfile

import torch
from torch.nn import functional as F
from tqdm import tqdm

from course_utils import data, models, runtime, training
from course_utils.measure import timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, si
from lessons.amp import checks as check

card = claims.Scorecard("amp")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
low = torch.float16 if device.type == "cuda" else torch.bfloat16  # the 16-bit type of this device
low_name = str(low).removeprefix("torch.")
print(f"16-bit type {low_name}; multiplies bfloat16 in hardware: {runtime.has_fast_bf16(device)}")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## 1. A sum that stops growing
#
# Start at 0 and add 1, ten thousand times. In fp32 that makes 10,000.
#
# **Predict.** What do you get in fp16, a float of 16 bits? It can hold 10,000 exactly. And in bf16, the other one?


# %% slideshow={"slide_type": "fragment"} tags=["lecture"]
def count_up(dtype, times=10_000):
    """Add 1 to a running sum of the given type; return where it ends."""
    total = torch.zeros((), dtype=dtype)
    for _ in range(times):
        total += 1
    return total.item()


reached = {dtype: count_up(dtype) for dtype in (torch.float32, torch.float16, torch.bfloat16)}
Table(
    ["type", "1 added 10,000 times", "torch.ones(10000).sum()"],
    [
        [str(dtype), f"{end:,.0f}", f"{torch.ones(10_000, dtype=dtype).sum().item():,.0f}"]
        for dtype, end in reached.items()
    ],
)

# %% slideshow={"slide_type": "skip"}
card.record("fp16-sum-stops", reached[torch.float16])
card.record("bf16-sum-stops", reached[torch.bfloat16])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Adding 1 stops where the neighbours are 2 apart
#
# **What you saw.** No error, no warning. "Sum + 1" lies midway between two neighbours there, and a tie goes to the even
# neighbour: back to the sum.
#
# The last column does better. `sum` adds up in fp32 inside and rounds once, at the end. For bf16, 9,984 is the number
# nearest to 10,000: its neighbours are 64 apart there.
#
# The idea of this lesson in one line: **store and multiply in 16 bits, add up in 32.**
# A weight update is such a sum, too. That is why the weights stay in fp32.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. What the formats can hold
#
# A float is a sign $s$, an exponent $e$ and a mantissa $m$, each with its own bits:
#
# $$x = (-1)^s \cdot 2^{e} \cdot (1 + m), \qquad 0 \le m < 1$$
#
# - **Exponent bits buy range**: how large and how small a number can be.
# - **Mantissa bits buy precision**: how close the neighbours are. Between $2^e$ and $2^{e+1}$ they are
#   $2^{e} \cdot \varepsilon$ apart, where $\varepsilon$ is the spacing at 1.
#
# **Predict.** fp16 spends 5 of its 16 bits on the exponent, bf16 8. Which one reaches further, and what does it pay?

# %% slideshow={"slide_type": "skip"}
FORMATS = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp8 e4m3": torch.float8_e4m3fn,
    "fp8 e5m2": torch.float8_e5m2,
}


def layout(dtype):
    """Bits of exponent and mantissa, read off from the total and the spacing at 1."""
    info = torch.finfo(dtype)
    mantissa = round(-math.log2(info.eps))
    return info.bits - 1 - mantissa, mantissa


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### bf16 has the range of fp32, fp16 the finer steps
#
# The lowest exponent drops the leading 1: such numbers are *subnormal*. They go below the least normal one.

# %% slideshow={"slide_type": "-"} tags=["nbval-check-output"]
rows = []
for name, dtype in FORMATS.items():
    info = torch.finfo(dtype)
    rows.append(
        [
            name,
            *layout(dtype),
            f"{info.max:.5g}",
            f"{info.smallest_normal:.2g}",
            f"{info.smallest_normal * info.eps:.2g}",
            f"{info.eps:.2g}",
        ]
    )
Table(["format", "exponent", "mantissa", "largest", "least normal", "least > 0", "spacing at 1"], rows)


# %% slideshow={"slide_type": "skip"}
def draw_formats(left, right):
    """Left the bits of each format, right the powers of two that it can hold."""
    for y, dtype in enumerate(reversed(FORMATS.values())):
        exponent, mantissa = layout(dtype)
        for start, width, colour in ((0, 1, "grey"), (1, exponent, "orange"), (1 + exponent, mantissa, "blue")):
            left.barh(y, width, left=start, color=plots.COLOURS[colour], edgecolor="white")
        info = torch.finfo(dtype)
        top, normal = math.log2(info.max), math.log2(info.smallest_normal)
        right.barh(y, top - normal, left=normal, color=plots.COLOURS["green"])
        right.barh(y, mantissa, left=normal - mantissa, color=plots.COLOURS["yellow"])
    left.set(yticks=range(len(FORMATS)), yticklabels=list(reversed(FORMATS)), xlabel="bits")
    right.set(yticks=[], xlabel="power of two", xlim=(-155, 135))


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### bf16 keeps the range, fp16 the precision

# %% slideshow={"slide_type": "-"} tags=["lecture"]
fig, axes = plots.figure(columns=2, size=(9.6, 4.0))
draw_formats(*axes)
plots.show(
    fig,
    alt="Left: bars of bits. fp16 has 5 exponent and 10 mantissa bits, bf16 8 and 7. Right: range in powers "
    "of two. bf16 reaches as far as fp32, from about -133 to 128; fp16 only from -24 to 16; fp8 less still.",
    caption="Left: sign grey, exponent orange, mantissa blue. Right: normal numbers green; yellow are "
    "subnormal ones, which lose a bit of precision at each step down.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["lecture"]
# **What you saw.** bf16 keeps the exponent of fp32, so its range is the same. It pays with mantissa bits. fp16 is
# the finer one, in a narrow window. The two fp8 formats make the same choice once more, with 8 bits.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Overflow, underflow, rounding
#
# **Predict.** Which of 70,000, 2,049, 1.001 and 0.00000002 survive in fp16, and which in bf16? To three digits is enough.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
numbers = (70_000.0, 2_049.0, 1.001, 2e-8)
Table(
    ["stored as", *(f"{x:g}" for x in numbers)],
    [[name, *(f"{torch.tensor(x).to(dtype).item():.6g}" for x in numbers)] for name, dtype in FORMATS.items()],
)

# %% [markdown] slideshow={"slide_type": "-"}
# - **Overflow.** fp16 ends at 65,504. From 65,520 on it gives `inf`. e4m3 has no `inf`: this cast stops at its largest.
# - **Underflow.** Below half of its least number above 0, fp16 *flushes to zero*.
# - **Rounding.** bf16 cannot tell 1.001 from 1.
#
# Gradients are small numbers. For them underflow is the danger, and section 5 catches it in the act.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. The technique, and what it promises
#
# **Mixed precision** ([Micikevicius et al., 2018](https://arxiv.org/abs/1710.03740)) has three parts:
#
# 1. **Each operation in the type that suits it.** Matrix products in 16 bits; losses and long sums in fp32.
# 2. **Weights in fp32.** The optimizer adds small updates to them. Products read a 16-bit copy.
# 3. **Loss scaling.** Multiply the loss by a large number, so that small gradients do not flush to zero.
#
# "Automatic" means that PyTorch does 1 (`autocast`) and 3 (`GradScaler`) for you.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Three benefits, each with its condition
#
# | what is the limit? | 16 bits help because | if |
# |---|---|---|
# | arithmetic | the units do more operations a second | the chip has such units |
# | memory bandwidth | half the bytes for each number | the tensors are large |
# | memory capacity | activations take half the room | they outweigh the copies of the weights |
#
# The first two are the flat part and the slope of [[roofline]]'s figure.
#
# **Predict.** How many times faster is this device in its 16-bit type, at a matrix product and at adding two long
# vectors: below 1, 1 to 2, or more than 2?


# %% slideshow={"slide_type": "skip"}
def speed_up(make):
    """Times faster in the 16-bit type than in fp32; make(dtype) returns the function to time."""
    pair = {"fp32": make(torch.float32), "16 bit": make(low)}
    return timing.compare(pair, rounds=7, device=device).ratio("16 bit")


def product(dtype):
    a = torch.randn(1024, 1024, device=device).to(dtype)
    return lambda: a @ a


def addition(dtype):
    a = torch.randn(2**24, device=device).to(dtype)
    out = torch.empty_like(a)
    return lambda: torch.add(a, a, out=out)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Half the bytes, and units for 16 bits where there are any

# %% slideshow={"slide_type": "-"}
print(f"{low_name} on {device.type}: product {speed_up(product):.2f}×, addition {speed_up(addition):.2f}×")

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The addition is a matter of bytes. With half of them 2 is the limit, and where the chip has to
# convert before it adds, that comes off. The product depends on the chip even more. If your first ratio is below 1, it
# has no 16-bit units, and every number is converted on the way. If it is far above 2, mistrust fp32: on some AMD chips
# eager fp32 runs at half speed, which flatters the 16-bit ratio.
#
# Published for whole networks on eight GPUs: 1.5 to 5.5 times faster than fp32 on V100 cards
# ([PyTorch, 2022](https://pytorch.org/blog/what-every-user-should-know-about-mixed-precision-training-in-pytorch)).
# Such figures hold for those cards and networks, not for yours.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. The recipe: autocast
#
# The network is that of PyTorch's own recipe: linear layers of one width with ReLU between them. The data are random,
# **made once, in fp32, and used by every trial**: nobody has to convert inputs for mixed precision.
#
# On a GPU the sizes are larger, because a small network does not fill it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One network, one set of data for every trial

# %% slideshow={"slide_type": "-"}
width, batch = (4096, 4096) if device.type == "cuda" else (1024, 512)
inputs = [torch.randn(batch, width, device=device) for _ in range(3)]
targets = [torch.randn(batch, width, device=device) for _ in range(3)]
loss_fn = torch.nn.MSELoss()


def fresh(seed=0, momentum=0.0):
    """The same new network every time, and its optimizer."""
    torch.manual_seed(seed)
    net = models.make_mlp(width, width, n_layers=3).to(device)
    return net, torch.optim.SGD(net.parameters(), lr=0.1, momentum=momentum)


fresh()[0]

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Default precision
#
# This is the loop that everything else is compared with.

# %% slideshow={"slide_type": "-"}
net, opt = fresh()
for x, y in zip(inputs, targets, strict=True):
    output = net(x)
    loss = loss_fn(output, y)
    loss.backward()
    opt.step()
    opt.zero_grad(set_to_none=True)
plain_weights = copy.deepcopy(net.state_dict())
print(f"output {output.dtype}, loss {loss.dtype}, weights {net[0].weight.dtype}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Autocast alone
#
# Wrap the forward pass and the loss, nothing else.
#
# **Predict.** Which type has each of these now: the output, the loss, the weights, the weights' gradients?

# %% slideshow={"slide_type": "subslide"}
net, opt = fresh()
for x, y in zip(inputs, targets, strict=True):
    with torch.autocast(device_type=device.type, dtype=low):
        output = net(x)
        assert output.dtype is low  # linear layers run in 16 bits
        loss = loss_fn(output, y)
        assert loss.dtype is torch.float32  # losses run in fp32
    loss.backward()  # outside: each backward operation takes the type of its forward one
    gradient = net[0].weight.grad
    assert net[0].weight.dtype is gradient.dtype is torch.float32
    opt.step()
    opt.zero_grad(set_to_none=True)
Table(
    ["tensor", "type"],
    [
        ["input", x.dtype],
        ["output", output.dtype],
        ["loss", loss.dtype],
        ["weight", net[0].weight.dtype],
        ["weight's gradient", gradient.dtype],
    ],
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Weights stay in fp32, products read copies
#
# **What you saw.** The assertions hold. Nobody converted the inputs, the targets or the network.
# Autocast makes 16-bit *copies* of the weights for the products, once a `with` block, and keeps them in a cache.
# They come back in section 7.
#
# Only `.grad` of a weight is fp32. On the way back through the layers gradients have 16 bits; there they can flush to
# zero.
#
# Call `backward()` outside the context. PyTorch does not recommend it inside, and it is not needed.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Which operation runs in which type?
#
# Autocast has a list of operations for 16 bits and one for fp32. What is on
# neither list keeps the type of its input; with two inputs of different types, the wider one wins.
#
# **Predict.** Below, `h` is a 16-bit tensor. Which of the operations on it will come out in fp32 on this device?


# %% slideshow={"slide_type": "skip"}
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


# %% slideshow={"slide_type": "fragment"}
types = types_under_autocast()
pairs = list(types.items())
Table(
    ["operation", device.type, "operation ", device.type],
    [[*a, *b] for a, b in zip(pairs[:5], pairs[5:], strict=True)],
    caption="measured on this device",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The lists differ by device
#
# From
# [PyTorch's documentation of `torch.amp`](https://docs.pytorch.org/docs/stable/amp.html):
#
# | operations | on CUDA (fp16) | on a CPU (bf16) |
# |---|---|---|
# | `matmul`, `linear`, convolutions | float16 | bfloat16 |
# | `cross_entropy`, `mse_loss`, `prod` | float32 | float32 |
# | `softmax`, `layer_norm`, `sum`, `exp`, `log` | **float32** | **type of the input** |
# | `relu`, `tanh`, 2-D pooling | type of the input | type of the input |
# | `+`, `cat` | the wider input | the wider input |
#
# `h += x` keeps `h`'s type. So "softmax runs in fp32 under autocast" is true on a GPU only. On a CPU `sum` adds up in
# fp32 inside, but rounds its result to the input's type. bf16 has the range of fp32, so there
# an `exp` does not overflow sooner. What it loses is precision.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Exercise 1 fits here: five minutes in pairs, each pair writes the eight types for both
# devices before running the check.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. The recipe: gradient scaling
#
# Now real gradients. A small network learns Fashion-MNIST for two epochs in fp32. Then one batch goes backward, and we
# collect the gradients of all layers' outputs: the numbers that a backward pass in fp16 would have to store.
#
# **Predict.** Which share of these gradients would become zero in fp16? Less than 1 %, some per cent, or half?

# %% slideshow={"slide_type": "skip"}
images, labels = (t.to(device) for t in data.load("fashion_mnist", "train", n=12_000))
test_set = data.load("fashion_mnist", "test")
runtime.seed_all(0)
lenet = models.LeNet300100()
losses = training.fit(lenet, images, labels, epochs=2, batch_size=64, device=device)
print(f"loss of the last epoch {losses[-1]:.3f}")


# %% slideshow={"slide_type": "skip"}
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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Some per cent are lost, and a scale rescues them

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
scales = (1, 2**4, 2**8, 2**12, 2**16)
rows = []
for kind, batch_size in ((0, 64), (0, 512), (0, 2048), (1, 512)):
    gradient = gradients(lenet, images[:batch_size], labels[:batch_size])[kind]
    rows.append(
        [f"{('outputs', 'weights')[kind]}, batch {batch_size:,}", *(f"{lost(gradient, k):.2%}" for k in scales)]
    )
Table(["lost, loss scale", *(f"{k:,}" for k in scales)], rows)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The larger the batch, the more gradients of outputs are lost: the mean loss divides by the batch.
# The gradients of the weights are sums over the batch, so few are lost at any size. For a speech model
# Micikevicius et al. report about 5 % of the *weight* gradients (section 3.1). Compare like with like.

# %% slideshow={"slide_type": "subslide"} tags=["lecture"]
fig, ax = plots.figure()
outputs_gradient, _ = gradients(lenet, images[:512], labels[:512])
exponents = outputs_gradient[outputs_gradient != 0].abs().log2().cpu()
weight = [100 / len(exponents)] * len(exponents)
for shift, colour, label in ((0, "blue", "as they are"), (16, "orange", "loss × 2¹⁶")):
    ax.hist(exponents + shift, bins=range(-48, 17), weights=weight, color=plots.COLOURS[colour], alpha=0.7, label=label)
ax.axvspan(-48, -25, color=plots.COLOURS["grey"], alpha=0.25, zorder=0, label="flushed to zero")
ax.axvspan(-25, -14, color=plots.COLOURS["yellow"], alpha=0.25, zorder=0, label="subnormal")
ax.axvline(16, color="black", linestyle=":", label="overflow")
ax.set(xlabel="magnitude of a gradient, power of two", ylabel="share, %", xlim=(-48, 18))
ax.legend(loc="upper left")
plots.show(
    fig,
    alt="Histogram of gradients of outputs, batch 512. Unscaled, most lie between 2 to the -25 and 2 to the -12, in fp16's "
    "subnormal range, with a tail below -25 that becomes zero. Scaled by 2 to the 16 nearly all lie above -14.",
    caption="Scaling the loss shifts the whole histogram to the right, into the normal range of fp16.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["lecture"]
# **What you saw.** Some gradients are lost, and many more are subnormal: kept, but with few bits. Most of fp16's range
# to the right is unused. One factor moves everything there. The chain rule carries it from the loss to every gradient.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A backward pass in fp16
#
# That was fp32 gradients, cast afterwards. Now a copy of the network in fp16 computes forward and backward.
#
# **Predict.** Does the scale still help when the whole backward pass runs in fp16?

# %% slideshow={"slide_type": "fragment"}
half = copy.deepcopy(lenet).half()
nonzero = outputs_gradient != 0
shares_lost = {}
for k in (0, 16):
    real, _ = gradients(half, images[:512].half(), labels[:512], scale=2.0**k)
    shares_lost[f"loss × {2**k:,}"] = (real[nonzero] == 0).float().mean().item()
Table(
    ["fp16 backward, batch 512", *shares_lost],
    [["gradients of outputs lost", *(f"{share:.2%}" for share in shares_lost.values())]],
)

# %% [markdown] slideshow={"slide_type": "-"}
# The scale helps here, too. With bf16 there is nothing to rescue: its smallest normal number is that of fp32.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### GradScaler: scale, step, update
#
# How large may the scale be? As large as possible without overflow, and nobody knows that in advance. So it is found
# on the way:
#
# | call | what it does |
# |---|---|
# | `scaler.scale(loss).backward()` | gradients of scale · loss |
# | `scaler.step(opt)` | divides them by the scale; if one is inf or NaN, it *skips* the step; else `opt.step()` |
# | `scaler.update()` | after a skip: scale × 0.5; after many good steps in a row: scale × 2 |
#
# **Predict.** The next cell takes six steps. The third batch holds an infinite number. What happens
# to the weights, and to the scale?

# %% slideshow={"slide_type": "subslide"}
net, opt = fresh()
scaler = torch.amp.GradScaler(device.type, growth_interval=2)  # default: 2,000
bad = inputs[0].clone()
bad[0, 0] = math.inf
log, moved = [], {}
for i, x in enumerate([inputs[0], inputs[1], bad, inputs[0], inputs[1], inputs[2]], start=1):
    before = net[0].weight.detach().clone()
    with torch.autocast(device.type, dtype=low):
        loss = loss_fn(net(x), targets[0])
    scaler.scale(loss).backward()
    scaler.step(opt)
    scaler.update()
    opt.zero_grad()
    moved[i] = (net[0].weight - before).abs().max().item()
    log.append([i, f"{loss.item():.3g}", f"{moved[i]:.1e}", f"{scaler.get_scale():,.0f}"])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The bad step is skipped, and the scale halves

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(["step", "loss", "largest change of a weight", "scale afterwards"], log)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The bad step left the weights alone, to the last bit, and halved the scale. Without the scaler, one
# such step fills the network with NaN. Two good steps in a row double the scale again.
#
# A skipped step now and then is how the scaler finds the limit. It starts at 65,536, which may be too high:
# skips among the first steps are normal.

# %% slideshow={"slide_type": "skip"}
card.record("underflow-unscaled", 100 * lost(outputs_gradient, 1))
card.record("underflow-scaled", 100 * lost(outputs_gradient, 2**16))
card.record("step-skipped-on-inf", moved[3])

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. All together, with one switch
#
# Both helpers take `enabled=`. With `False` their calls do nothing. So one loop serves both precisions, with no `if`.
#
# **Predict.** With `enabled=False`, how close are the weights to those of the plain loop in section 4?


# %% slideshow={"slide_type": "subslide"}
def train(use_amp, *, scaler=None, net_opt=None, batches=None):
    """The recipe; returns the network, its optimizer and the scaler."""
    net, opt = net_opt or fresh()
    scaler = scaler or torch.amp.GradScaler(device.type, enabled=use_amp)  # a new one for each run
    for x, y in batches or zip(inputs, targets, strict=True):
        with torch.autocast(device.type, dtype=low, enabled=use_amp):
            loss = loss_fn(net(x), y)
        scaler.scale(loss).backward()
        scaler.step(opt)
        scaler.update()
        opt.zero_grad(set_to_none=True)
    return net, opt, scaler


def largest_difference(a, b):
    return max((a[name].float() - b[name].float()).abs().max().item() for name in a)


off, on = (train(use_amp)[0].state_dict() for use_amp in (False, True))
start = fresh()[0].state_dict()
for name, state in (("enabled=False", off), ("enabled=True", on)):
    gap, way = largest_difference(state, plain_weights), largest_difference(plain_weights, start)
    print(f"{name}: {gap:.2g} from the plain loop at most, {gap / way:.2%} of the largest move in it")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Bit for bit the same with the switch off
#
# **What you saw.** With the switch on it is close, measured by how far the weights moved. So you can leave
# the recipe in your code, and when a run goes wrong, one argument tells whether precision is the cause.
#
# `zero_grad(set_to_none=True)`, the default since PyTorch 2.0, frees the gradients in place of filling them with
# zeros. That saves their bytes between two steps.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Clip after `unscale_`
#
# Between `backward()` and `step()` every gradient is multiplied by the scale. Clipping
# compares their norm with a limit, so it needs the true ones.
#
# **Predict.** By which factor do the two norms below differ?

# %% slideshow={"slide_type": "fragment"}
net, opt = fresh()
scaler = torch.amp.GradScaler(device.type)
with torch.autocast(device.type, dtype=low):
    loss = loss_fn(net(inputs[0]), targets[0])
scaler.scale(loss).backward()
scaled_norm = torch.nn.utils.get_total_norm([p.grad for p in net.parameters()])
scaler.unscale_(opt)  # divides the gradients in place; step() then does not do it again
true_norm = torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm=0.1)
scaler.step(opt)
scaler.update()
print(f"norm before unscale_ {scaled_norm:.4g}, after {true_norm:.4g}, factor {scaled_norm / true_norm:,.0f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Accumulate gradients
#
# A batch too large for the memory can be fed in parts. The scale must stay the same for all
# parts of one step: `scale` for every part, `step` and `update` once.


# %% slideshow={"slide_type": "-"}
def gradients_in_parts(n_parts):
    """Gradient of the first layer for one batch, fed in equal parts, after unscale_."""
    net, opt = fresh()
    scaler = torch.amp.GradScaler(device.type)
    for x, y in zip(inputs[0].chunk(n_parts), targets[0].chunk(n_parts), strict=True):
        with torch.autocast(device.type, dtype=low):
            loss = loss_fn(net(x), y) / n_parts  # the mean of the parts' means
        scaler.scale(loss).backward()
    scaler.unscale_(opt)  # then, once: clip, scaler.step(opt), scaler.update(), opt.zero_grad()
    return net[0].weight.grad


whole, parts = gradients_in_parts(1), gradients_in_parts(4)
print(f"4 parts differ from the whole batch by {(whole - parts).norm() / whole.norm():.2%} of the norm")

# %% [markdown] slideshow={"slide_type": "-"}
# The difference is 16-bit rounding: each part rounds its own gradient before the sum. If you forget `/ n_parts`, the
# gradient is four times too large.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Save and resume
#
# Save the scaler (scale, count of good steps) and the optimizer (momentum) with the weights.


# %% slideshow={"slide_type": "skip"}
def saved_and_loaded(net, opt, scaler):
    """Through a file, as a run that was interrupted would."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "checkpoint.pt"
        torch.save({"net": net.state_dict(), "opt": opt.state_dict(), "scaler": scaler.state_dict()}, path)
        return torch.load(path, weights_only=True, map_location=device)


def start_run(seed=0):
    """A run with momentum, whose scale doubles after every second good step."""
    return {"net_opt": fresh(seed, momentum=0.9), "scaler": torch.amp.GradScaler(device.type, growth_interval=2)}


steps = list(zip(inputs, targets, strict=True))
straight, _, end = train(True, **start_run(), batches=steps + steps)
straight, end = straight.state_dict(), end.state_dict()
interrupted = train(True, **start_run(), batches=steps)


# %% slideshow={"slide_type": "-"}
def resumed_without(left_out):
    """(distance of the weights from the straight run, same scaler) after a resumed run."""
    checkpoint, run = saved_and_loaded(*interrupted), start_run(seed=1)
    for key, thing in zip(("net", "opt", "scaler"), (*run["net_opt"], run["scaler"]), strict=True):
        if key != left_out:
            thing.load_state_dict(checkpoint[key])
    net, _, scaler = train(True, **run, batches=steps)
    return largest_difference(straight, net.state_dict()), scaler.state_dict() == end


resumed = {left_out: resumed_without(left_out) for left_out in (None, "opt", "scaler")}
Table(
    ["resumed without", "weights differ by", "same scaler"],
    [[left_out or "nothing left out", f"{gap:.2g}", same] for left_out, (gap, same) in resumed.items()],
)

# %% slideshow={"slide_type": "skip"}
card.record("enabled-false-is-a-no-op", largest_difference(off, plain_weights))
card.record("resumed-run-is-the-same", resumed[None][0] + (not resumed[None][1]))  # a wrong scaler adds 1

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One scaler a run
#
# A scaler remembers. A second run in the same script gets a new one, or it starts with the
# first one's scale. A wrong scale of $2^k$ changes no digit of a weight, unless something flushes to zero or overflows. Within one run, several losses and optimizers share one scaler: `scale` each loss, `step` each
# optimizer, `update` once.
#
# **Inference** has no gradients: autocast alone is enough.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Two devices, one recipe
#
# | | CUDA | CPU |
# |---|---|---|
# | default 16-bit type | float16 | bfloat16 |
# | gradient scaling | needed | works, and is not needed: bf16 has the range of fp32 |
# | hardware | tensor cores | AVX-512 BF16, AMX, ARM BF16 |
# | context | `torch.amp.autocast("cuda")` | `torch.amp.autocast("cpu")` |
# | scaler | `torch.amp.GradScaler("cuda")` | `torch.amp.GradScaler("cpu")` |
#
# Newer GPUs compute in bfloat16 as well: pass `dtype=torch.bfloat16` and leave the scaler out.
# `torch.autocast` is another name for `torch.amp.autocast`.
#
# Older code says `torch.cuda.amp.autocast()` and `torch.cuda.amp.GradScaler()`. They mean the column CUDA, and
# are deprecated. You may also read that AMP is "only relevant for GPUs". That is no longer so.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. Time and memory, honestly
#
# Three variants, three sizes. A *saturated* device has more work than it can do at once. An *unsaturated* one waits
# for Python. One size is no multiple of 8: older tensor cores wanted such multiples. A CPU does not care about
# that rule. We run it here all the same.
#
# **Predict.** Which of the three sizes gains least? Can mixed precision be *slower*? Can it need *more* memory?

# %% slideshow={"slide_type": "skip"}
VARIANTS = {"fp32": (False, False), "autocast": (True, False), "autocast + scaler": (True, True)}
SIZES = {"saturated": (width, batch), "no multiple of 8": (width - 23, batch - 3), "unsaturated": (128, 16)}


def make_step(width, batch, autocast, scaling, n_layers=3):
    """One training step of a new network as a function without arguments."""
    net = models.make_mlp(width, width, n_layers).to(device)
    opt = torch.optim.SGD(net.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler(device.type, enabled=scaling)
    x, y = (torch.ones(batch, width, device=device) for _ in range(2))

    def step():
        with torch.autocast(device.type, dtype=low, enabled=autocast):
            loss = loss_fn(net(x), y)  # no name for the output: it would live on through backward
        scaler.scale(loss).backward()
        scaler.step(opt)
        scaler.update()
        opt.zero_grad()

    return step


def measure(width, batch):
    """(comparison of times, peaks in bytes) of the three variants; the peaks in runs of their own."""
    trials = {name: make_step(width, batch, *flags) for name, flags in VARIANTS.items()}
    times = timing.compare(trials, rounds=5, device=device)
    return times, {name: timing.peak_bytes(step, device=device) for name, step in trials.items()}


results = {size: measure(*shape) for size, shape in SIZES.items()}


# %% slideshow={"slide_type": "skip"}
def result_rows():
    """One row a size and variant."""
    for size, (times, peaks) in results.items():
        label = f"{size}, {SIZES[size][0]} × {SIZES[size][1]}"
        for name, peak in peaks.items():
            quartiles = "{:.2f} to {:.2f}".format(*times.ratio_quartiles(name))
            yield [
                label,
                name,
                f"{times.median_ms(name):.3g}",
                f"{times.ratio(name):.2f}×",
                quartiles,
                si(peak, "B"),
                f"{peak / peaks['fp32']:.2f}×",
            ]


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Time and peak of one training step

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["width × batch", "variant", "ms a step", "speed-up", "quartiles", "peak", "of fp32"],
    list(result_rows()),
    caption=f"{low_name} on {device.type}, 1 thread; peak above the weights",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Did it pay here?

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
saturated, small = (results[s][0].ratio("autocast") for s in ("saturated", "unsaturated"))
if saturated >= 1.1:
    print(f"Large layers gain here: {saturated:.2f}×.")
elif runtime.has_fast_bf16(device):
    print(
        f"Large layers do not gain here ({saturated:.2f}×), in spite of 16-bit instructions. "
        "Was something else running? Is the size too small for this device?"
    )
else:
    print(f"It does not pay here ({saturated:.2f}×): without bf16 instructions every product converts.")
print(f"Small layers: {small:.2f}×." + (" Casts and calls cost more than they save." if small < 1 else ""))

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.**
#
# - Autocast adds calls: a cast for each weight and input. Small layers cannot pay for them. If your unsaturated
#   ratio is below 1, it was slower, and that is the rule.
# - The scaler costs one pass over the gradients, and on a GPU one wait for the check for inf. With bf16 it buys nothing.
# - If "no multiple of 8" gains *more*, look at its fp32 row: on some processors fp32 itself is slow at odd sizes, so the
#   ratio flatters.
# - The peak does not fall, and for small batches it rises. Why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask: "Half the bits: does the peak halve?" Let somebody say which tensors stay in fp32, before the
# published run is shown.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A published run: no speed-up, and 6 % more memory
#
# The recipe's network, 4,096 wide, batch 512, on an older GPU
# ([Technion EE 046211, tutorial 10](https://github.com/taldatech/ee046211-deep-learning)): no speed-up, and the peak
# *rose* from 1,493,322,752 to 1,585,620,992 bytes. The explanation given was the age of the GPU. Age may explain the
# time. It does not explain the bytes.
#
# **Predict.** What did the second run hold that the first one did not?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The copies of the weights did it

# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
PUBLISHED_FP32, PUBLISHED_AMP = 1_493_322_752, 1_585_620_992
with torch.device("meta"):  # shapes without memory
    recipe_net = models.make_mlp(4096, 4096, n_layers=3)
weights = 4 * sum(p.numel() for p in recipe_net.parameters())
copies = weights // 2  # every weight and bias once more, in 2 bytes
one = 512 * 4096 * 4  # one activation in fp32
activations = round((6 / 2 + 2 - 6) * one)  # six halves and two in fp32, in place of six in fp32
account = copies + activations
published = PUBLISHED_AMP - PUBLISHED_FP32
rest = PUBLISHED_FP32 - 100 * one - 3 * weights  # 50 batches and their targets; weights, and the old trial's twice
Table(
    ["", "bytes", "activations in fp32"],
    [
        ["fp32 peak, less data and weights", f"{rest:,}", f"{rest / one:.3f}"],
        ["autocast, less the copies too", f"{rest + published - copies:,}", f"{(rest + published - copies) / one:.3f}"],
        ["fp16 copies of weights and biases", f"{copies:,}", "–"],
        ["activations, 5 in place of 6", f"{activations:,}", f"{activations / one:.0f}"],
        ["the account: copies and activations", f"{account:,}", "–"],
        [f"published: {published / PUBLISHED_FP32:.1%} more", f"{published:,}", "–"],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# Six activations in fp32 became six halves (a copy of the input, five others) and two in fp32 (the output cast for the
# loss, its difference to the target): 5 in all. The account is off by 1,024 bytes: allocators round.

# %% [markdown] slideshow={"slide_type": "skip"}
# All copies count: autocast's cache keeps every one until the `with` block ends, and this peak lies inside it, at the
# first loss, while the old trial is still alive. For the trials were not fair. Both peaks also held the weights and
# gradients of the trial before (403 MB), kept alive by the names `loss` and `output`, and only one run used
# `set_to_none`. Delete old names before you measure.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### So when does mixed precision save memory?
#
# The copies cost 2 bytes a weight, whatever the batch. The activations save 2 bytes a value, and their number grows with
# the batch.
#
# Below, fair trials with a network an eighth as wide. At batch 64 it has the proportions of the published run.
# A second network has 12 layers, so more activations stand between input and loss.
#
# **Predict.** For each network: more or less than fp32 where batch / width is 1/8, and where it is 4?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### It saves with a large batch and many layers

# %% slideshow={"slide_type": "-"}
NARROW = 512


def share_of_fp32(batch, n_layers):
    """Peak memory of a step under autocast, as a share of the peak in fp32."""
    plain, amp = (
        timing.peak_bytes(make_step(NARROW, batch, *VARIANTS[name], n_layers), device=device)
        for name in ("fp32", "autocast")
    )
    return amp / plain


shares = {n: {b / NARROW: share_of_fp32(b, n) for b in (64, 128, 256, 512, 1024, 2048)} for n in (3, 12)}
fig, ax = plots.figure(size=(9.6, 4.0))
for n_layers, marker in ((3, "o-"), (12, "s--")):
    ax.plot(list(shares[n_layers]), list(shares[n_layers].values()), marker, label=f"{n_layers} layers")
ax.axhline(1, color="black", linestyle=":")
ax.set(xscale="log", xlabel="batch size / width", ylabel="peak, of fp32's")
ax.set_xticks(list(shares[3]), [f"{s:g}" for s in shares[3]])
ax.minorticks_off()
ax.legend()
plots.show(
    fig,
    alt="Peak memory of autocast relative to fp32 against batch size over width. With 3 layers it is never below "
    "1: from 1.12 at one eighth to 1.02 at four. With 12 layers it falls below 1 from two on, to 0.77 at four.",
    caption="Above the dotted line mixed precision needs more memory than fp32, below it less.",
)

# %% slideshow={"slide_type": "skip"}
card.record("bf16-autocast-faster", saturated)
card.record("published-bytes", account / 1e6)
card.record("memory-small-batch", shares[3][1 / 8])
card.record("memory-large-batch", shares[12][4])

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** With a batch at least twice the width, more layers save more. Below that, the fp32 gradients of the
# weights set the peak. Three layers save nothing: four halves (a copy of the input, two hidden ones, the output) and
# the output once more in fp32, for the loss, hold as much as three activations in fp32.

# %% [markdown] slideshow={"slide_type": "skip"}
# Keep a name for the output, and it lives through the backward pass. In fp32 that is a whole activation, in 16 bits half
# of one: a "saving" of your bookkeeping. A convolutional network has few weights and many activations, so there the
# saving should come early.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Beside a GPU
#
# Rows that were measured on a GPU and kept with the course, under your own.


# %% slideshow={"slide_type": "skip"}
def gpu_rows():
    """Recorded rows, one list a row, or none where there is no record."""
    path = runtime.ROOT / "records" / "gpu" / "02_mixed_precision.json"
    if not path.exists():
        print("No GPU row is recorded yet: the course was built on a CPU.")
        return []
    records = json.loads(path.read_text(encoding="utf-8"))
    return [
        [r["device"], r["versions"], r["date"], r["variant"], f"{r['ratio']:.2f}×", si(r["peak_bytes"], "B")]
        for r in records
    ]


times, own_peaks = results["saturated"]
own = [
    [
        f"here, {device.type}",
        f"torch {torch.__version__}",
        "this run",
        f"{name}, {width} × {batch}",
        f"{times.ratio(name):.2f}×",
        si(peak, "B"),
    ]
    for name, peak in own_peaks.items()
]
Table(["device", "versions", "date", "variant", "median ratio", "peak"], own + gpu_rows())

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. The same accuracy?
#
# LeNet-300-100 learns 12,000 images of Fashion-MNIST, once in fp32 and once with the recipe. Five seeds; each pair starts
# with the same weights and sees the same batches. The test is on all test images, in fp32. The scaler runs on every
# device: in bf16 it is not needed, but so the recipe is the same everywhere.
#
# **Predict.** How far apart are the two means? And how far apart are two *seeds* of the same precision?


# %% slideshow={"slide_type": "skip"}
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
accuracy["pairs"] = [amp - plain for amp, plain in zip(accuracy[True], accuracy[False], strict=True)]
means = {use_amp: statistics.mean(values) for use_amp, values in accuracy.items()}
spread = max(accuracy[False]) - min(accuracy[False])
error = statistics.stdev(accuracy["pairs"]) / len(accuracy["pairs"]) ** 0.5
Table(
    ["test accuracy, %", *(f"seed {s}" for s in range(5)), "mean"],
    [
        [name, *(f"{a:.2f}" for a in accuracy[amp]), f"{means[amp]:.2f}"]
        for name, amp in (("fp32", False), (f"{low_name}, autocast + scaler", True), ("difference", "pairs"))
    ],
    caption=f"difference {means['pairs']:+.2f} ± {error:.2f} (standard error); fp32 seeds {spread:.2f} apart",
)

# %% slideshow={"slide_type": "skip"}
card.record("amp-accuracy", abs(means[True] - means[False]))
card.record("amp-within-seed-spread", abs(means[True] - means[False]) / max(spread, 1e-9))

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The two means differ by less than half a point. A single seed may go either way, so
# one run proves nothing. A mean within two standard errors of 0 shows no difference. Micikevicius et al. found the same at scale: six ImageNet networks within 0.3 points of fp32
# (table 1).

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Into the ledger
#
# Mixed precision trains in 16 bits and stores in 32. So the file does not shrink.


# %% slideshow={"slide_type": "skip"}
def learn_step(use_amp):
    """One training step of LeNet-300-100 at batch 128, as a function without arguments."""
    net = models.LeNet300100().to(device)
    step = recipe_step(net, torch.optim.Adam(net.parameters()), use_amp)
    return lambda: step(images[:128], labels[:128])


short = {torch.bfloat16: "bf16", torch.float16: "fp16"}[low]
times = timing.compare({"fp32": learn_step(False), f"{short} autocast": learn_step(True)}, rounds=9, device=device)
size = size_report(learned)
for name, amp in (("fp32", False), (f"{short} autocast", True)):
    ledger.record(
        lesson="amp",
        task="fashion_mnist",
        model="LeNet-300-100",
        technique=f"{name}, short training",
        accuracy=means[amp] / 100,
        file_bytes=size.file_bytes,
        load_ms=size.load_ms,
        speedup=times.ratio(name),
    )

# %% slideshow={"slide_type": "-"}
ledger.table(ledger.rows(["amp"]))

# %% [markdown] slideshow={"slide_type": "-"}
# The speed-up in this row is that of a *training* step of a small network. If it is below 1, you see the unsaturated case
# again, in a real network.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Four cards. Write your answer into the cell with the stub, run it, then run the check below it. The check
# tries inputs that you do not see here, and tells you what a wrong answer usually means.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · Eight types
# ★ · 10 minutes
#
# These lines run under `torch.autocast(device_type)` with its default type; `x` is fp32, the two linear layers
# too. Write `autocast_types`: the types of all eight results, on the CPU and on CUDA.
#
# ```python
# a = linear1(x);   b = layer_norm(a);   c = b + x;       d = relu(c)
# e = linear2(d);   f = softmax(e);      g = e.sum();     loss = cross_entropy(e, y)
# ```
#
# <details><summary>Hint</summary>
# Go through the lines in order and ask for each: on a list for 16 bits, on a list for fp32, or on none? The table in
# section 4 has a column for each device. CUDA's default is float16, the CPU's bfloat16.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def autocast_types(device_type):
    """Dict from "a" … "g" and "loss" to "float32", "float16" or "bfloat16"; device_type is "cpu" or "cuda".

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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · The step with clipping
# ★★ · 15 minutes
#
# Write `train_step`: one full step of the recipe with clipping. The norm of the *true* gradients, all of them together,
# may be at most `max_norm`. The loss is `mse_loss`. Return it as a float, unscaled. The next call must find no old
# gradients. Use `x.device.type` and leave autocast's dtype at its default, so that it runs anywhere.
#
# <details><summary>Hint</summary>
# The order: forward under autocast, backward outside, unscale, clip, step through the scaler, update, zero.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def train_step(model, optimizer, scaler, x, y, max_norm):
    """One step of mixed-precision training with clipping; returns the loss.

    >>> net = torch.nn.Linear(2, 1, bias=False)
    >>> sgd, scaler = torch.optim.SGD(net.parameters()), torch.amp.GradScaler("cpu")
    >>> train_step(net, sgd, scaler, torch.zeros(3, 2), torch.zeros(3, 1), 1.0)  # nothing to learn
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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · Choose a loss scale
# ★★ · 10 minutes
#
# A histogram of gradients is a dict: `{e: n}` means that $n$ gradients have a magnitude from $2^e$ to below
# $2^{e+1}$. Write `loss_scale`: the largest power of two that makes no gradient overflow in fp16,
# wherever in its bin it lies. The largest fp16 number is 65,504.
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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 4 · A dynamic loss scaler
# ★★ · 12 minutes
#
# Write `dynamic_scale`, the rule of `GradScaler.update`: after a step with inf, halve the scale; after
# `growth_interval` good steps *in a row* since the last change, double it. Return two lists: the scale after each
# step, and `stepped`, which is True where the optimizer took the step, else False.
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
# Every published figure that this lesson uses, beside what your run computed or measured. Speed depends on the
# machine, so a claim about speed may fail on yours. The table then says why.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Multiply in 16 bits, add up and keep the weights in 32: `autocast` chooses, and it chooses differently on each device.
# - fp16 loses small gradients, so the loss is scaled; the scaler finds the scale and skips steps that overflow.
# - It pays for large layers on chips with 16-bit units, and saves memory only where many activations outweigh the copies.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recommended videos
#
# - NVIDIA, *Automatic Mixed Precision Training in PyTorch*,
#   [youtube.com/watch?v=b5dAmcBKxHg](https://www.youtube.com/watch?v=b5dAmcBKxHg)
#
# Videos help. They do not replace the lesson: only here do you run the code and see your own numbers.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - P. Micikevicius et al., *Mixed precision training*, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740). Short;
#   fp32 weights and loss scaling come from here.
# - P. Micikevicius et al., *FP8 formats for deep learning*, 2022, [arXiv:2209.05433](https://arxiv.org/abs/2209.05433).
# - [PyTorch's examples of AMP](https://docs.pytorch.org/docs/stable/notes/amp_examples.html): several losses, gradient penalty,
#   custom functions.
#
# Project ideas: find the batch size at which your own network saves memory; train with a fixed scale that is too small
# and plot what is lost; compare bf16 and fp16 on a GPU that has both.
#
# ## Credits
#
# The recipe and its network follow Michael Carilli's recipe for PyTorch. The idea of this course in one lecture, and the
# run that got no speed-up, are Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

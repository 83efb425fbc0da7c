# ---
# jupyter:
#   course:
#     promise: You will train a network to live with few bits, and know when that is worth its price.
#     minutes: 75
#     seconds: 135
#     needs: [measuring, integers, static]
#     goals:
#       - Write a straight-through estimator, and say what it does inside and outside the range.
#       - Run quantization-aware training to a converted int8 CNN, with observers and batch norm frozen in time.
#       - Separate what the rounding in the loop won from what the extra training won.
#       - Carry a quantized network over to a new task, and use torchao's QATConfig within its limits.
#     terms: [dead channel, parametrization, "quantization-aware training, QAT", "straight-through estimator, STE",
#       transfer learning]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *If a network must live on a coarse grid, let it learn there.*
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
# *For the lecturer.* Ask: "Dynamic, static, quantization-aware: which gives the highest accuracy?" Count the votes. Most will say the third.
# Section 6 measures it.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy
import statistics
import sys

import torch
from torch import nn
from torch.ao import quantization as tq
from torch.ao.nn.intrinsic.qat import freeze_bn_stats, update_bn_stats
from torch.nn.utils import parametrize
from tqdm import tqdm

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.data.checkpoints import load as load_checkpoint
from course_utils.measure import energy, int8_audit, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, si
from lessons.qat import checks as check

legacy_int8.ignore_deprecations()  # [[static]] says what is deprecated, section 8 what follows
card = claims.Scorecard("qat")
torch.set_num_threads(1)  # one thread for every measurement; training takes more
device = runtime.best_device()  # for LeNet-300-100; torch.ao's int8 kernels exist for the CPU only
cpu = torch.device("cpu")
engine = torch.backends.quantized.engine = legacy_int8.best()
print(f"int8 engine: {engine}")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. Two bits, and nothing left
#
# LeNet-300-100 learns MNIST. Then its *weights* are rounded as in [[integers]]: each layer has one scale, and integers of $b$
# bits ($2^b - 1$ of the $2^b$ can be reached, but for ties). Activations stay float.
#
# **Predict.** Accuracy at 2 bits, that is with three or four values for a weight: **A** above 95 %, **B** about 80 %, **C** below 60 %?

# %% slideshow={"slide_type": "skip"}
digits, digit_labels = data.load("mnist")
digit_test = data.load("mnist", "test")


def quiet_fit(net, n, epochs, lr, seed):
    """Train on the first n digits with Adam, without a progress bar of its own; gives the network back."""
    some = digits[:n], digit_labels[:n]
    training.fit(net, *some, epochs=epochs, batch_size=128, lr=lr, seed=seed, progress=False)
    return net


def trained(seed):
    runtime.seed_all(seed)
    return quiet_fit(models.LeNet300100(), 60_000, epochs=3, lr=3e-3, seed=seed)


def digits_right(net):
    return 100 * training.evaluate(net, *digit_test)


lenet = trained(seed=0)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What is left at each number of bits?


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def on_grid(weight, bits):
    """The nearest multiple of a scale, an integer of `bits` bits; the scale: -max|w| to max|w| over 2**bits - 1."""
    scale, half = 2 * weight.abs().max() / (2**bits - 1), 2 ** (bits - 1)
    return torch.round(weight * (1 / scale)).clamp(-half, half - 1) * scale


def plainly_rounded(net, bits):
    net = copy.deepcopy(net)
    with torch.no_grad():
        for layer in (net.fc1, net.fc2, net.fc3):
            layer.weight.copy_(on_grid(layer.weight, bits))
    return net


Table(
    ["accuracy, %", "fp32", "8 bits", "4 bits", "3 bits", "2 bits"],
    [
        [
            "plain rounding",
            f"{digits_right(lenet):.1f}",
            *(f"{digits_right(plainly_rounded(lenet, bits)):.1f}" for bits in (8, 4, 3, 2)),
        ]
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** As in [[integers]], 2 bits with this step break it. (A smaller step, which clips, would do less harm: the same
# lesson shows it.) By the end of section 3 a network with 2 bits a weight works again, after a third of a pass
# over the data.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. A gradient for a staircase
#
# The idea: **fake quantization**. In the forward pass round the weights to the grid, and keep them as floats. The loss is
# then that of the rounded network. Train that.
#
# **Predict.** `torch.round` has a derivative, and autograd knows it. Train through it. How many weights of fc1 get a gradient other than
# zero: **A** all, **B** some, **C** none?


# %% slideshow={"slide_type": "fragment"}
def share_with_gradient(rounding):
    """Share of fc1's weights with a gradient when the loss is that of the network with rounded fc1."""
    weight = lenet.fc1.weight.detach().clone().requires_grad_()
    rounded = {"fc1.weight": rounding(weight)}
    logits = torch.func.functional_call(lenet, rounded, digits[:256].to(weight.device))
    loss = nn.functional.cross_entropy(logits, digit_labels[:256].to(weight.device))
    (gradient,) = torch.autograd.grad(loss, weight)
    return (gradient != 0).float().mean().item()


print(f"through torch.round: {share_with_gradient(lambda w: on_grid(w, 8)):.0%} of the weights")

# %% [markdown] slideshow={"slide_type": "skip"}
# Strictly, one weight does get one. `on_grid` takes its scale from the largest weight, and that path is differentiable: every rounded value depends
# on that one weight, and it alone gets a gradient. As a share of all it is nothing.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The straight-through estimator
#
# A staircase is flat, except where it jumps. Its derivative is 0 almost everywhere, and nothing learns. But from afar it looks like
# the line $y = x$. The **straight-through estimator** (STE) takes the derivative of *that*
# ([Bengio et al., 2013](https://arxiv.org/abs/1308.3432)). Clipping keeps its own:
#
# $$\frac{\partial \hat x}{\partial x} := \begin{cases} 1 & \text{where } x \text{ lies inside the range} \\ 0 & \text{where it is clipped}\end{cases}$$

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The estimator in code


# %% slideshow={"slide_type": "-"}
class StraightThrough(torch.autograd.Function):
    """Rounds to a grid on the way forward; lets the gradient through inside the range on the way back."""

    @staticmethod
    def forward(ctx, x, scale, qmin, qmax):
        q = torch.round(x * (1 / scale))
        ctx.save_for_backward((q >= qmin) & (q <= qmax))
        return q.clamp(qmin, qmax) * scale

    @staticmethod
    def backward(ctx, gradient):
        (inside,) = ctx.saved_tensors
        return gradient * inside, None, None, None  # nothing for scale, qmin, qmax


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Inside the range the gradient passes, outside it stops

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
line = torch.linspace(-3, 3, 1201, requires_grad=True)
stairs = StraightThrough.apply(line, 0.5, -4, 3)
(passed,) = torch.autograd.grad(stairs.sum(), line)
fig, (left, right) = plots.figure(columns=2, size=(12, 4))
x = line.detach()
left.plot(x, x, color=plots.COLOURS["grey"], linestyle=":", label="y = x")
left.plot(x, stairs.detach(), label="rounded and clipped")
left.set(xlabel="x", ylabel="value")
left.legend(loc="upper left")
right.plot(x, torch.zeros_like(x), color=plots.COLOURS["black"], linestyle="--", label="true derivative")
right.plot(x, passed, color=plots.COLOURS["orange"], label="straight-through")
right.set(xlabel="x", ylabel="gradient", ylim=(-0.1, 1.6))
right.legend(loc="upper left", ncols=2)
plots.show(
    fig,
    alt="Left: a staircase of eight steps follows the line y = x from -2 to 1.5 and is flat outside. Right: the true derivative is "
    "zero everywhere; the straight-through gradient is one inside the range and zero outside.",
    caption="Three bits, scale 0.5. Autograd's own derivative would be the dashed line.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Why stop outside? Move a clipped value a little, and the result stays as it is: there the true derivative, 0, is right. PyTorch's own
# fake quantization does the same. The next cell compares values and gradients, half-way cases included.

# %% slideshow={"slide_type": "skip"}
generator = torch.Generator().manual_seed(0)
x = torch.cat([torch.randn(100_000, generator=generator), (torch.arange(-20, 20) + 0.5) * 0.25])
upstream = torch.randn(x.shape, generator=generator)
ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
our_y = StraightThrough.apply(ours, 0.25, -8, 7)
their_y = torch.fake_quantize_per_tensor_affine(theirs, 0.25, 0, -8, 7)
our_y.backward(upstream)
their_y.backward(upstream)
differ = int((our_y != their_y).sum() + (ours.grad != theirs.grad).sum())
card.record("ste-as-torch", differ)
print(
    f"{differ} of {2 * len(x):,} values and gradients differ from torch's; "
    f"through the estimator {share_with_gradient(lambda w: StraightThrough.apply(w, 0.01, -128, 127)):.0%} of fc1 has a gradient"
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The rest of fc1 has none for another reason: many pixels are black in all those digits, and some hidden units are off in all of them. A weight
# whose input is always zero gets no gradient in float either. Keep that in mind for section 5.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The nearest point of the grid is not the best one
#
# Two weights, one loss, and only whole numbers allowed. The best float weights are (0.30, 0.45). Rounding gives (0, 0).
#
# **Predict.** The *float* weights take small steps down the gradient of the *rounded* loss. Do they come to rest at the best
# point of the grid?

# %% slideshow={"slide_type": "skip"}
best = torch.tensor([0.30, 0.45])
curvature = torch.tensor([[1.0, 0.9], [0.9, 1.0]])  # the two inputs are nearly alike, so errors can cancel


def toy_loss(w):
    return (w - best) @ curvature @ (w - best)


w, path, seen = best.clone().requires_grad_(), [], []
for step in range(40):
    loss = toy_loss(StraightThrough.apply(w, torch.tensor(1.0), -4, 3))
    (gradient,) = torch.autograd.grad(loss, w)
    path.append(w.detach().clone())
    seen.append(loss.item())
    with torch.no_grad():
        w -= 0.02 * (1 - step / 40) * gradient
path = torch.stack(path)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### It finds the better point, and does not rest

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, (left, right) = plots.figure(columns=2, size=(12, 4.4))
a, b = torch.meshgrid(torch.linspace(-0.2, 1.1, 80), torch.linspace(-0.2, 1.1, 80), indexing="xy")
height = torch.stack([a, b], -1) - best
corners = torch.cartesian_prod(torch.arange(2), torch.arange(2)).float()
left.contour(a, b, (height @ curvature * height).sum(-1), levels=[0.02, 0.1, 0.3, 0.6, 1], colors=plots.COLOURS["grey"])
left.plot(*corners.T, "s", color=plots.COLOURS["black"], label="grid")
left.plot(*path.T, ".-", color=plots.COLOURS["orange"], label="float weights", linewidth=1.5)
for border in (left.axhline, left.axvline):
    border(0.5, color=plots.COLOURS["blue"], linestyle=":")
left.set(xlabel="first weight", ylabel="second weight", xlim=(-0.15, 1.15))
left.legend(loc="center right")
right.plot(seen, color=plots.COLOURS["orange"], label="straight-through")
right.axhline(toy_loss(best.round()).item(), color=plots.COLOURS["blue"], linestyle="--", label="nearest point")
lowest = min(toy_loss(corner).item() for corner in corners)
right.axhline(lowest, color=plots.COLOURS["green"], linestyle=":", label="best point")
right.set(xlabel="step", ylabel="loss when rounded", ylim=(0, 0.85))
right.legend(loc="upper right")
plots.show(
    fig,
    alt="Left: elliptic contours of a loss, points of the grid, and a short path of float weights that goes up to the dotted "
    "border where rounding changes and zigzags along it. Right: the loss jumps between the level of the nearest point and that of "
    "the best one, and is at the best one most of the time.",
    caption="Dotted lines on the left: where rounding changes. The path crosses one and finds a better point than the nearest.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The gradient is not zero at the better point either, so the weights drift over the border and back ([Nagel et al.,
# 2022](https://arxiv.org/abs/2203.08114)). Smaller steps, as here towards the end, do not stop it. So check the rounded network often.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask who would have voted for "rest". Point at the zigzag. The float weights are a memory: small steps add up there until the
# rounded value flips. Without them, steps smaller than half a scale would be lost.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. Training on the grid, and a fair opponent
#
# A **parametrization** puts a function between the weight that learns and the weight that the layer uses. Ours rounds:


# %% slideshow={"slide_type": "-"}
class OnGrid(nn.Module):
    """What the layer sees is rounded; what the optimizer moves is not."""

    def __init__(self, bits):
        super().__init__()
        self.bits = bits

    def forward(self, weight):
        half = 2 ** (self.bits - 1)
        scale = 2 * weight.detach().abs().max() / (2**self.bits - 1)
        return StraightThrough.apply(weight, scale, -half, half - 1)


def with_grid(net, bits):
    net = copy.deepcopy(net)
    for layer in (net.fc1, net.fc2, net.fc3):
        parametrize.register_parametrization(layer, "weight", OnGrid(bits))
    return net


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Whom should it beat?
#
# Quantization-aware training (QAT) *trains on*: here a third of a pass more, with a smaller learning rate. That alone makes a network better, rounding or not.
#
# So there are three arms, from the same trained network: **plain** rounding; **trained on** as long in float, *then* rounded; **QAT**.
#
# **Predict.** At 8, 4, 3 and 2 bits: where is QAT more than one point above *trained on*?

# %% slideshow={"slide_type": "skip"}
SEEDS, BITS = (0, 1, 2), (8, 4, 3, 2)


def train_on(net, seed):
    """A third of a pass over the digits with a small learning rate: the same for every arm."""
    return quiet_fit(net, 20_000, epochs=1, lr=1e-3, seed=100 + seed)


starts = {0: lenet}
longer, right_digits = {}, {}
for seed in tqdm(SEEDS, desc="networks", file=sys.stdout, leave=False):
    if seed not in starts:
        starts[seed] = trained(seed)
    longer[seed] = train_on(copy.deepcopy(starts[seed]), seed)
    right_digits[seed, 32, "trained on"] = digits_right(longer[seed])
    for bits in BITS:
        right_digits[seed, bits, "plain"] = digits_right(plainly_rounded(starts[seed], bits))
        right_digits[seed, bits, "trained on"] = digits_right(plainly_rounded(longer[seed], bits))

# %% slideshow={"slide_type": "skip"}
aware = {}
for seed, bits in tqdm([(seed, bits) for seed in SEEDS for bits in BITS], desc="QAT", file=sys.stdout, leave=False):
    aware[seed, bits] = train_on(with_grid(starts[seed], bits), seed)
arms = right_digits | {(*key, "QAT"): digits_right(net) for key, net in aware.items()}


def mean_right(bits, arm):
    return statistics.mean(arms[seed, bits, arm] for seed in SEEDS)


def gains(bits, arm):
    """QAT above another arm, in points, a number a seed."""
    return [arms[seed, bits, "QAT"] - arms[seed, bits, arm] for seed in SEEDS]


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The fewer the bits, the more it wins

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
fig, (left, right) = plots.figure(columns=2, size=(12, 4.2))
for arm, colour, marker in (("plain", "grey", "s"), ("trained on", "blue", "o"), ("QAT", "orange", "^")):
    for ax in (left, right):
        ax.plot(BITS, [mean_right(bits, arm) for bits in BITS], f"{marker}-", color=plots.COLOURS[colour], label=arm)
        ax.plot(
            [bits for bits in BITS for _ in SEEDS],
            [arms[seed, bits, arm] for bits in BITS for seed in SEEDS],
            marker,
            color=plots.COLOURS[colour],
            markersize=5,
            alpha=0.6,
        )
floor = min(arms[seed, 4, arm] for seed in SEEDS for arm in ("plain", "QAT"))
for ax, low, title in ((left, 0, "all"), (right, min(92.0, floor - 1), "the top, enlarged")):
    ax.set(xlabel="bits a weight", ylabel="right, %", ylim=(low, 100), title=title, xticks=BITS)
    ax.invert_xaxis()
left.legend(loc="lower left")
plots.show(
    fig,
    alt="Accuracy over bits from 8 down to 2, left all, right the top enlarged. Down to 3 bits the lines lie close together; enlarged, plain is "
    "lowest throughout. At 3 bits QAT is above the others, at 2 bits it stays above 90 percent while the others fall below 60.",
    caption=f"LeNet-300-100 on MNIST, weights only, one scale a layer. Lines: mean of {len(SEEDS)} seeds; small marks: single seeds.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Above whom?

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["bits", "plain, %", "trained on, %", "QAT, %", "above plain, pp", "above trained on, pp", "seeds, pp"],
    [
        [
            bits,
            *(f"{mean_right(bits, arm):.2f}" for arm in ("plain", "trained on", "QAT")),
            *(f"{statistics.mean(gains(bits, arm)):+.2f}" for arm in ("plain", "trained on")),
            ", ".join(f"{gain:+.2f}" for gain in gains(bits, "trained on")),
        ]
        for bits in BITS
    ],
    caption=f"means of {len(SEEDS)} seeds; fp32, trained on: {mean_right(32, 'trained on'):.2f} %",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** At 8 and 4 bits QAT looks about a point better than *plain*, and is hardly better than *trained on*: the extra training did
# it. At 3 bits a part of the gain is left; whether it is a point depends on the seed. At 2 bits only QAT lives.

# %% slideshow={"slide_type": "skip"}
card.record("lenet-floor", mean_right(32, "trained on"))
card.record("two-bits", statistics.mean(gains(2, "plain")))
card.record("two-bits-fair", statistics.mean(gains(2, "trained on")))
card.record("three-bits", statistics.mean(gains(3, "plain")))
card.record("three-bits-fair", statistics.mean(gains(3, "trained on")))
card.record("int8-after-qat", mean_right(32, "trained on") - mean_right(8, "QAT"))
card.record("eight-bits-nothing", abs(statistics.mean(gains(8, "trained on"))))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What did it change?
#
# **Predict.** QAT at 2 bits moved the float weights a little. What share of the rounded weights changed: **A** almost none, **B** some,
# **C** most? And does it use more or fewer of the zeros?

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
before, after = on_grid(lenet.fc1.weight.detach(), 2), aware[0, 2].fc1.weight.detach()
scales = [
    2 * w.detach().abs().max().item() / 3 for w in (lenet.fc1.weight, aware[0, 2].fc1.parametrizations.weight.original)
]
codes = [(w / scale).round() for w, scale in zip((before, after), scales, strict=True)]
Table(
    ["fc1, 2 bits", "scale", *(f"share of {value:+d}" for value in (-2, -1, 0, 1))],
    [
        [name, f"{scale:.3f}", *(f"{(code == value).float().mean():.1%}" for value in (-2, -1, 0, 1))]
        for name, scale, code in zip(("plain", "QAT"), scales, codes, strict=True)
    ],
    caption=f"{(codes[0] != codes[1]).float().mean():.1%} of the rounded weights changed",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** The largest weight sets the scale, and at 2 bits almost every weight rounds to zero. Training changed few rounded weights, and
# left a few zeros less. Those, the scales and the biases are all in which the two networks differ. With so many zeros this is nearly pruning
# ([[prune_module]]).
#
# It also says how weak an opponent *plain* is here. A smaller scale, which clips the largest weights, or a scale for each row would leave
# fewer zeros. Section 8 tries the second.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A file with four weights in a byte
#
# Training does not make a file small, and PyTorch stores no number in 2 bits. Packing is ours to do.


# %% slideshow={"slide_type": "-"}
def pack(codes):
    """Integers -2 … 1, four in a byte; their number must be a multiple of 4."""
    four = (codes + 2).to(torch.uint8).reshape(-1, 4)
    return four[:, 0] | four[:, 1] << 2 | four[:, 2] << 4 | four[:, 3] << 6


def unpack(bytes_, shape):
    return torch.stack([bytes_ >> shift & 3 for shift in (0, 2, 4, 6)], 1).reshape(shape).float() - 2


small, unpacked = nn.Module(), copy.deepcopy(lenet).cpu()
for name in ("fc1", "fc2", "fc3"):
    layer, target = getattr(aware[0, 2], name), getattr(unpacked, name)
    scale = 2 * layer.parametrizations.weight.original.detach().abs().max().cpu() / 3
    small.register_buffer(f"{name}_codes", pack((layer.weight.detach().cpu() / scale).round()))
    small.register_buffer(f"{name}_scale", scale)
    small.register_buffer(f"{name}_bias", layer.bias.detach().cpu())
    with torch.no_grad():
        target.weight.copy_(unpack(getattr(small, f"{name}_codes"), target.weight.shape) * scale)
        target.bias.copy_(layer.bias)

# %% slideshow={"slide_type": "skip"}
packed_size, float_size = size_report(small), size_report(lenet)
card.record("packed-file", float_size.file_bytes / packed_size.file_bytes)
written = [
    ledger.record(
        lesson="qat",
        task="mnist",
        model="LeNet-300-100",
        technique=technique,
        accuracy=digits_right(net) / 100,
        file_bytes=size.file_bytes,
        load_ms=size.load_ms,
        energy_nj=energy.estimate(copy.deepcopy(lenet).cpu(), digits[:1], bits=bits).total_nj,
    )
    for technique, net, size, bits in (
        ("fp32, trained on", longer[0], float_size, 32),
        ("QAT, 2-bit weights, packed", unpacked, packed_size, 2),
    )
]
ledger.table(written)

# %% [markdown] slideshow={"slide_type": "skip"}
# Here the weights become floats again when the file is read: a smaller file, not a faster layer. The load time in the table leaves the unpacking
# out, and the energy assumes a kernel that fetches 2 bits a weight and unpacks them on the chip. Somebody must write that kernel. Lesson 15 comes
# back to that.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. A CNN: prepare, train, freeze, convert a copy
#
# PyTorch's eager route for a CNN. Weights *and* activations pass through fake quantization, and the backward pass through STEs. All arithmetic
# stays float until the end.
#
# | step | call | why |
# |---|---|---|
# | fuse | `fuse_modules_qat` | in *training* mode: batch norm still learns |
# | prepare | `prepare_qat` | observers and fake quantization in each layer |
# | train | your own loop | the network learns to live with rounding |
# | freeze | `disable_observer`, `freeze_bn_stats` | ranges and statistics stand still |
# | convert | `convert` a *copy*, in eval mode | the int8 model, checked each epoch |

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Fuse and prepare
#
# One weight range for a whole layer (**per tensor**) broke DepthwiseCNN in [[static]]. So that is what we take.


# %% slideshow={"slide_type": "-"} tags=["legacy"]
def qat_config(bits=8, per_channel=False):
    """Fake quantization: this engine's own for activations, `bits` bits for weights."""
    watch = tq.MovingAveragePerChannelMinMaxObserver if per_channel else tq.MovingAverageMinMaxObserver
    scheme = torch.per_channel_symmetric if per_channel else torch.per_tensor_symmetric
    half = 2 ** (bits - 1)
    weight = tq.FusedMovingAvgObsFakeQuantize.with_args(
        observer=watch, quant_min=-half, quant_max=half - 1, dtype=torch.qint8, qscheme=scheme
    )
    return tq.QConfig(activation=tq.get_default_qat_qconfig(engine).activation, weight=weight)


def prepared_for_qat(net, qconfig):
    model = tq.QuantWrapper(copy.deepcopy(net)).train()
    blocks = range(len(net.features))
    names = [[f"module.features.{block}.{part}" for part in range(3)] for block in blocks]
    model = tq.fuse_modules_qat(model, names)
    model.qconfig = qconfig
    return tq.prepare_qat(model)


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
depthwise = load_checkpoint("depthwise_cnn")  # trained on Fashion-MNIST
images, labels = data.load("fashion_mnist", n=1280)  # of the training set: 1,280 images are all that QAT gets
test_set = data.load("fashion_mnist", "test")
per_tensor, per_channel = qat_config(), qat_config(per_channel=True)
model = prepared_for_qat(depthwise, per_tensor)
print(model.module.features[1][0])

# %% [markdown] slideshow={"slide_type": "skip"}
# The printed layer is convolution, batch norm and ReLU in one, with a `weight_fake_quant` for the folded weights and an
# `activation_post_process` for the result. Each holds an observer.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Train, freeze, convert a copy each epoch


# %% slideshow={"slide_type": "-"} tags=["legacy"]
def images_right(net, n=10_000):
    """Right answers in % on the first n test images."""
    return 100 * training.evaluate(net, test_set[0][:n], test_set[1][:n])


def to_int8(model):
    return tq.convert(copy.deepcopy(model).eval())  # a copy: the model itself goes on training


def train_aware(model, *, freeze_bn_at=0, rounding=True, epochs=4):
    """Train a prepared model; accuracy of its int8 copy after each epoch, on 2,000 images."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    if not rounding:
        model.apply(tq.disable_fake_quant)
    checked = []
    for epoch in range(epochs):
        if epoch == freeze_bn_at:
            model.apply(freeze_bn_stats)
        if epoch == epochs // 2 and rounding:  # else ranges must follow the weights
            model.apply(tq.disable_observer)
        training.fit(model, images, labels, optimizer=optimizer, seed=epoch, device=cpu, progress=False)
        checked.append(images_right(to_int8(model), 2000))
    return checked


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Three runs of the same loop
#
# **Static** int8 without any training is the dashed line. Then:
#
# 1. QAT, statistics of batch norm frozen from the first step
# 2. QAT, statistics free for two of four epochs
# 3. rounding switched off (`disable_fake_quant`): the fair opponent
#
# **Predict.** Which run ends highest? Which one jumps most from epoch to epoch?


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
@torch.no_grad()
def static_int8(net, qconfig):
    """Static quantization by the same code: rounding off, observers see 512 images, convert."""
    model = prepared_for_qat(net, qconfig).eval()
    model.apply(tq.disable_fake_quant)
    for batch in images[:512].split(64):
        model(batch)
    return to_int8(model)


runs = {"QAT": {}, "QAT, batch norm free at first": {"freeze_bn_at": 2}, "rounding off": {"rounding": False}}
static = static_int8(depthwise, per_tensor)
networks, checked = {}, {}
for name, how in tqdm(runs.items(), desc="runs", file=sys.stdout, leave=False):
    networks[name] = prepared_for_qat(depthwise, per_tensor)
    checked[name] = train_aware(networks[name], **how)
fp32_right = images_right(depthwise)
tensor = {"static": images_right(static), **{name: images_right(to_int8(net)) for name, net in networks.items()}}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The int8 copy, after each epoch

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(12, 4.3))
for (name, curve), colour in zip(checked.items(), ("orange", "purple", "blue"), strict=True):
    ax.plot(range(1, len(curve) + 1), curve, "o-", label=name, color=plots.COLOURS[colour])
ax.axhline(images_right(depthwise, 2000), color=plots.COLOURS["black"], linestyle=":", label="fp32, as shipped")
ax.axhline(images_right(static, 2000), color=plots.COLOURS["grey"], linestyle="--", label="static int8, no training")
ax.set(xlabel="epoch (1,280 images)", ylabel="right, int8, %", xticks=range(1, 5))
ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plots.show(
    fig,
    alt="Accuracy of the int8 copy over four epochs. Both QAT runs end close to the line of fp32. The run with rounding off begins near the "
    "dashed line of static int8, far below, and may jump up in a later epoch.",
    caption="DepthwiseCNN, int8 with one scale a tensor; 2,000 test images of Fashion-MNIST.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# **What you saw.** QAT wins back what static quantization lost, within a few passes over 1,280 images. The blue line was not trained for the grid. It
# may lie low, or jump: section 5 finds out why.
#
# With free statistics the folded weights, the scale and the rounding change together at each step. Your purple line may look as
# good as the other; with other orders of the images, tried while this lesson was written, it lost a large part of the answers after one epoch and had
# them back after the next. Without a copy converted *every* epoch you would not see that. Frozen from the start is the safe choice for a
# *trained* network and few images. When you train long or from scratch, let the statistics learn first, and freeze them later.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask what would happen with one check at the very end. Ask why batch norm is a trouble at all: its statistics are folded into the
# weights, so each new batch shifts the grid under them.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Is it int8? And does it keep what training promised?
#
# **Predict.** The fake-quantized float model and its converted copy: on what share of the test images do they give the same
# answer?

# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
simulated = copy.deepcopy(networks["QAT"]).eval()
aware_int8 = to_int8(simulated)
some = test_set[0][:2000]
same = (simulated(some).argmax(1) == aware_int8(some).argmax(1)).float().mean().item()
audit = int8_audit.audit(aware_int8, some[:1])
print(f"same answer: {same:.1%}; modules in int8: {audit.count('int8')}")

# %% slideshow={"slide_type": "skip"}
audit

# %% slideshow={"slide_type": "skip"}
card.record("simulation-agrees", 100 * same)
card.record("converted-is-int8", audit.count("int8"))
card.record("qat-wins-back", tensor["QAT"] - tensor["static"])
card.record("qat-near-float", fp32_right - tensor["QAT"])

# %% [markdown] slideshow={"slide_type": "skip"}
# Nearly all: the simulation rounds where the kernels do. It computes in float between, they in integers; a result may differ by one step, and where
# two classes are close that decides. Before conversion the same audit would say "fake-quantized: float arithmetic".

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A trap, and dropout
#
# **Predict.** (1) `prepare_qat` with `get_default_qconfig` in place of `get_default_qat_qconfig`: an error, or what? (2) Dropout
# in a QAT model: does the int8 model still drop?

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
rows = []
for name in ("get_default_qconfig", "get_default_qat_qconfig"):
    trap = prepared_for_qat(depthwise, getattr(tq, name)(engine)).eval()
    trap(images[:256])
    away = (trap(images[:64]) - depthwise(images[:64])).abs().max().item()
    rows.append([name, type(trap.module.features[0][0].weight_fake_quant).__name__, f"{away:.1e}"])
dropping = tq.QuantWrapper(nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))).train()
dropping.qconfig = per_tensor
dropping = tq.prepare_qat(dropping)
x = torch.randn(16, 8)
dropping(x)
stages = {"training": dropping, "evaluation": copy.deepcopy(dropping).eval(), "converted": to_int8(dropping)}
print("dropout, two calls agree:", {name: torch.equal(net(x), net(x)) for name, net in stages.items()})
Table(["qconfig", "in weight_fake_quant sits a", "output away from float"], rows)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** No error, and no rounding: observers only watch. The network trains *in float*, under the name of QAT. Look for
# `FakeQuantize` in the printed model. Dropout is gone in evaluation mode and after conversion.

# %% [markdown] slideshow={"slide_type": "skip"}
# A histogram observer makes no fake quantization by itself. Inside one it would work: `FakeQuantize.with_args(observer=tq.HistogramObserver)`,
# slower. Another trap is `convert(model, inplace=True)` inside the loop: exercise 2.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. Where it matters: one scale for a tensor
#
# [[static]] called the size of that collapse luck of the seed. How much luck?
#
# The blue line of the figure is a network that was *never trained with rounding*, quantized per tensor afterwards. It may have come out near QAT, or
# near the collapse. So look closer, without any training: quantize *one channel alone*, in the first depthwise
# layer, all other weights float.
#
# **Predict.** Of 32 channels with nine weights each: how many are to blame? **A** all a little, **B** about ten, **C** one or two.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
folded = tq.fuse_modules(
    tq.QuantWrapper(copy.deepcopy(depthwise)).eval(),
    [[f"module.features.{block}.{part}" for part in range(3)] for block in range(7)],
)
folded.requires_grad_(False)
first = folded.module.features[1][0][0]
exact = first.weight.clone()
shared_step = exact.abs().max() / 127.5
on_shared_grid = torch.round(exact / shared_step).clamp(-128, 127) * shared_step
few = [tensor[:500] for tensor in test_set]


def right_with(channels):
    """Right answers in % on 500 images when these channels alone are rounded."""
    first.weight[channels] = on_shared_grid[channels]
    try:
        return 100 * training.evaluate(folded, *few)
    finally:
        first.weight.copy_(exact)


alone = {channel: right_with([channel]) for channel in range(len(exact))}
worst = min(alone, key=alone.get)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One channel, and in it one weight

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
in_steps = (exact[worst] / shared_step).flatten()
nearest = (in_steps.abs() - 0.5).abs().argmin().item()  # the weight that lies closest to where rounding changes
nudged = on_shared_grid.clone()
nudged[worst].view(-1)[nearest] = shared_step * (0 if in_steps[nearest].abs() > 0.5 else in_steps[nearest].sign())
first.weight.copy_(nudged)
after_nudge = 100 * training.evaluate(folded, *few)
first.weight.copy_(on_shared_grid)
before_nudge = 100 * training.evaluate(folded, *few)
first.weight.copy_(exact)
print(f"channel {worst}, in steps of the shared scale:", " ".join(f"{v:+.3f}" for v in in_steps.tolist()))
Table(
    ["first depthwise layer rounded, the rest float", "right, %"],
    [
        ["nothing rounded", f"{100 * training.evaluate(folded, *few):.1f}"],
        ["the next worst channel, alone", f"{sorted(alone.values())[1]:.1f}"],
        [f"channel {worst} alone", f"{alone[worst]:.1f}"],
        ["all channels", f"{before_nudge:.1f}"],
        [f"all, but the weight {in_steps[nearest]:+.3f} goes to the other side", f"{after_nudge:.1f}"],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** All nine weights of that channel are smaller than one step. One of them lies a hair beyond the half, rounds up, and a quarter of the
# answers goes. That is what "luck of the seed" means.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Why is the step so large?
#
# The widest channels set it. Folding divides by the standard deviation of a channel.
#
# **Predict.** What does a channel give whose running variance is zero? And what does folding make of its weights?


# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
def dead_channels(net):
    """For each block, which channels never varied in the last part of training."""
    return [norm.running_var < 1e-20 for _, norm, _ in net.features]


repaired = copy.deepcopy(depthwise)
with torch.no_grad():
    for (conv, _, _), dead in zip(repaired.features, dead_channels(depthwise), strict=True):
        conv.weight[dead] = 0.0
wide = exact.abs().amax((1, 2, 3))
is_dead = dead_channels(depthwise)[1]
repaired_right = {"fp32": images_right(repaired), "static": images_right(static_int8(repaired, per_tensor))}
print(
    f"first depthwise layer: {int(is_dead.sum())} dead channels, folded weights up to {wide[is_dead].max():.1f}; "
    f"{int((~is_dead).sum())} alive, up to {wide[~is_dead].max():.1f}"
)
Table(
    ["right, %", "fp32", "static int8, per tensor"],
    [
        ["as shipped", f"{fp32_right:.2f}", f"{tensor['static']:.2f}"],
        ["weights of dead channels set to 0", f"{repaired_right['fp32']:.2f}", f"{repaired_right['static']:.2f}"],
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** A **dead** channel here gets zeros from every image, so its weights do nothing. Folding divides them by $\sqrt{0 + \varepsilon}$:
# they become huge and spoil the scale of all others. Setting them to zero costs nothing, and no training is needed.

# %% [markdown] slideshow={"slide_type": "skip"}
# Could QAT have found this cure? No: a weight that multiplies zeros gets no gradient (section 2), and without weight decay it stays. QAT taught
# the living channels to get along with the coarse scale instead. So the order is: look at the weights and the ranges first, take a scale for each
# channel where the engine has it, and train if that is not enough.
#
# With fewer bits, looking is not enough. The repaired network with **4-bit** weights, one scale a tensor, activations as before, comes next. Static
# quantization has better weapons there than ours, a scale for each channel and learned rounding
# ([AdaRound, 2020](https://arxiv.org/abs/2004.10568)); a real project tries them before it trains.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
four_bits = qat_config(bits=4)
four = {"static": images_right(static_int8(repaired, four_bits))}
for name, rounding in tqdm({"rounding off": False, "QAT": True}.items(), desc="4 bits", file=sys.stdout, leave=False):
    net = prepared_for_qat(repaired, four_bits)
    train_aware(net, rounding=rounding)
    four[name] = images_right(to_int8(net))
four_each = images_right(static_int8(repaired, qat_config(bits=4, per_channel=True)))
print(
    f"4-bit weights without training: one scale a tensor {four['static']:.2f} %, one a channel {four_each:.2f} %; "
    f"one a tensor with QAT {four['QAT']:.2f} %"
)

# %% slideshow={"slide_type": "skip"}
card.record("dead-channels", fp32_right - repaired_right["static"])
card.record("four-bits", four["QAT"] - four["static"])

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* This is the moment of the lesson: everybody expects "train more", and the cure was to look. Ask how one would have found it without
# the figure of errors by layer from [[static]].

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. Where it does not: eight bits
#
# "Quantization-aware training gives the highest accuracy of the three methods." You will often read that.
#
# Now DepthwiseCNN with the usual choice, 8 bits and one scale a *channel*.
#
# **Predict.** QAT above static int8: **A** a point or more, **B** less than half a point, or even below?

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
channel = {"static": images_right(static_int8(depthwise, per_channel))}
for name, rounding in tqdm(
    {"rounding off": False, "QAT": True}.items(), desc="8 bits, per channel", file=sys.stdout, leave=False
):
    channel_net = prepared_for_qat(depthwise, per_channel)
    train_aware(channel_net, rounding=rounding)
    channel[name] = images_right(to_int8(channel_net))
card.record("per-channel-gain", channel["QAT"] - channel["static"])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### With a scale a channel, 8 bits leave nothing to win

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
cases = {"8 bits, per channel": channel, "8 bits, per tensor, as shipped": tensor, "4 bits, per tensor, repaired": four}
Table(
    ["DepthwiseCNN, right in %", "static", "trained on", "QAT", "above static, pp", "above trained on, pp"],
    [
        [
            case,
            *(f"{right[arm]:.2f}" for arm in ("static", "rounding off", "QAT")),
            *(f"{right['QAT'] - right[arm]:+.2f}" for arm in ("static", "rounding off")),
        ]
        for case, right in cases.items()
    ],
    caption=f"fp32 {fp32_right:.2f} %; one run each: differences of a few tenths are noise",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Static int8 per channel lies within tenths of fp32. There is hardly room above it, and a few steps on few images may even cost
# something. In the second row *trained on* is up to luck: see the weight of section 5. With 4 bits QAT gains most, and still does not reach fp32 in so
# short a training.

# %% [markdown] slideshow={"slide_type": "skip"}
# So the statement holds where static quantization *loses* something. Published figures agree: ResNet-50 in int8 loses 0.2 points without any
# training ([PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)). Many CNNs stay within 2 % of fp32 at 8 bits per
# channel without training, and within 1 % with QAT; with QAT and 4-bit weights they lose 2 to 10 %, more for small networks ([Krishnamoorthi,
# 2018](https://arxiv.org/abs/1806.08342)). Two ways in which the wrong conclusion comes about: QAT is compared with a network that was trained
# for fewer steps, or a difference within the spread of the seeds is called a gain. Exercise 3 is about both.
#
# And the price. One step of training, with and without fake quantization:


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def one_step(model):
    return nn.functional.cross_entropy(model(images[:64]), labels[:64]).backward()


rounding_net = copy.deepcopy(channel_net).train().apply(tq.enable_observer)  # as in its first epochs
float_net = copy.deepcopy(depthwise).train()
step_time = timing.compare(
    {"QAT": lambda: one_step(rounding_net), "float": lambda: one_step(float_net)}, rounds=5, device=cpu
)
print(f"a QAT step takes {step_time.ratio('float'):.1f} times as long as a float step")
step_time

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
shipped = {"QAT int8, per tensor": aware_int8, "QAT int8, per channel": to_int8(channel_net)}
speed = timing.compare(
    {"fp32": lambda: depthwise(images[:1]), **{name: lambda net=net: net(images[:1]) for name, net in shipped.items()}},
    rounds=15,
    device=cpu,
)
bill = energy.estimate(depthwise, images[:1], mac="int8, int32 sum", bits=8)
written = []
for name, net in shipped.items():
    size = size_report(net)
    written.append(
        ledger.record(
            lesson="qat",
            task="fashion_mnist",
            model="DepthwiseCNN",
            technique=name,
            accuracy=images_right(net) / 100,
            file_bytes=size.file_bytes,
            load_ms=size.load_ms,
            speedup=speed.ratio(name),
            energy_nj=bill.total_nj,
        )
    )
ledger.table(written)

# %% [markdown] slideshow={"slide_type": "skip"}
# The converted model is an ordinary static int8 model: the kernels and the bytes of [[static]], and so its speed. If your two ratios
# differ much from each other, time them again with more rounds: nothing in QAT sets them apart. Only the values of the weights are other ones.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. Quantized transfer learning
#
# A quantized network, and a new task with little data ([Takhirov's
# tutorial](https://docs.pytorch.org/tutorials/intermediate/quantized_transfer_learning_tutorial.html)):
#
# 1. **freeze** the body: weights, statistics of batch norm, ranges,
# 2. **replace the head**: a new linear layer; train it on what the frozen body gives,
# 3. **QAT** of all: thaw the body, train everything with rounding in the loop.
#
# From clothes (Fashion-MNIST) to digits (MNIST), with 1,000 images.
#
# **Predict.** Rank the int8 models: head only; head, then all; from scratch.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
new_images, new_labels = digits[:1000], digit_labels[:1000]
runtime.seed_all(0)
transfer = copy.deepcopy(depthwise)
transfer.fc = nn.Linear(transfer.fc.in_features, 10)
transfer = prepared_for_qat(transfer, per_channel)
body, head = transfer.module.features, transfer.module.fc
body.apply(freeze_bn_stats)
body.requires_grad_(False)
transfer.eval()
for batch in new_images.split(100):
    transfer(batch)  # the ranges of digits
transfer.apply(tq.disable_observer)
print("moves in the body:", [name for name, p in body.named_parameters() if p.requires_grad] or "nothing")


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def digits_int8(model):
    return 100 * training.evaluate(to_int8(model), *digit_test)


with torch.no_grad():  # the body is frozen: what it gives is computed once
    features = torch.cat([body(transfer.quant(batch)).mean((2, 3)) for batch in new_images.split(100)])
head.apply(tq.enable_observer)
training.fit(head, features, new_labels, epochs=60, lr=0.03, device=cpu, progress=False)
head_only = digits_int8(transfer)


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def all_of_it(model, lr, epochs=4):
    """QAT of everything on the 1,000 digits; batch norm and ranges learn, and stand still in the last epoch."""
    model.requires_grad_(True).apply(update_bn_stats).apply(tq.enable_observer)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        if epoch == epochs - 1:
            model.apply(freeze_bn_stats).apply(tq.disable_observer)
        training.fit(model, new_images, new_labels, optimizer=optimizer, seed=epoch, device=cpu, progress=False)
    return digits_int8(model)


runtime.seed_all(0)
everything = all_of_it(transfer, lr=1e-3)
scratch = all_of_it(prepared_for_qat(models.DepthwiseCNN(), per_channel), lr=3e-3)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What clothes teach about digits

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
transfer_audit = int8_audit.audit(to_int8(transfer), new_images[:1])
print(f"after the transfer {transfer_audit.count('int8')} modules run in int8")
Table(
    ["int8, 1,000 digits", "right, %"],
    [
        ["head only, body frozen", f"{head_only:.1f}"],
        ["head, then all", f"{everything:.1f}"],
        ["from scratch", f"{scratch:.1f}"],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The filters for clothes help with digits, but not enough as they stand: the head alone can only combine what the body
# gives. Thawed, they learn fast.

# %% slideshow={"slide_type": "skip"}
card.record("transfer", everything - scratch)
card.record("transfer-is-int8", transfer_audit.count("int8"))

# %% [markdown] slideshow={"slide_type": "skip"}
# A frozen body pays where its task is close to the new one, and where it may stay in int8 on the device while only the head is trained. This race
# is not level, and is not meant to be: the transferred network brings its training on clothes, and the passes that trained its head. From scratch
# got a learning rate three times as large, and would need more steps or more images.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. The current interface: torchao
#
# `torch.ao.quantization` will go. In **torchao** QAT is two calls around your own training loop: `quantize_` with
# `QATConfig(base, step="prepare")`, and later with `step="convert"`. `base` says what the model shall become.
#
# **Predict.** Which bases does it take: int8 dynamic ([[dynamic]]), int8 weight-only, few-bit weight-only? And convolutions?

# %% slideshow={"slide_type": "skip"}
import torchao.quantization as ao
from torchao.quantization.qat import QATConfig

per_row = ao.PerAxis(0)  # one scale for each output
bases = {
    "IntxWeightOnly, 2 bits": ao.IntxWeightOnlyConfig(weight_dtype=torch.int2, granularity=per_row),
    "IntxWeightOnly, 8 bits": ao.IntxWeightOnlyConfig(weight_dtype=torch.int8, granularity=per_row),
    "Int8DynamicActivationIntxWeight, 4 bits": ao.Int8DynamicActivationIntxWeightConfig(
        weight_dtype=torch.int4, weight_granularity=per_row
    ),
    "Int8DynamicActivationInt8Weight": ao.Int8DynamicActivationInt8WeightConfig(),
    "Int8WeightOnly": ao.Int8WeightOnlyConfig(),
    "Int4WeightOnly, groups of 32": ao.Int4WeightOnlyConfig(group_size=32),
}


# %% slideshow={"slide_type": "skip"}
def outcome(what):
    """What a call gives, or its error in a few words."""
    try:
        return what()
    except (ValueError, RuntimeError, ImportError, AssertionError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0].split('Config(')[0]}"


def both_steps(base, model, keep=nn.Linear):
    """Prepare, run, convert, run; largest difference of the two outputs."""
    model, chosen = copy.deepcopy(model).eval(), lambda module, name: isinstance(module, keep)
    ao.quantize_(model, QATConfig(base, step="prepare"), filter_fn=chosen)
    with torch.no_grad():
        fake = model(new_images[:8])
        ao.quantize_(model, QATConfig(base, step="convert"))
        return f"prepares and converts; outputs differ by {(model(new_images[:8]) - fake).abs().max():g}"


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Few bits yes, the int8 of [[dynamic]] no

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
plain_lenet = copy.deepcopy(lenet).cpu()
Table(
    ["base config", "QATConfig"],
    [
        *([name, outcome(lambda base=base: both_steps(base, plain_lenet))] for name, base in bases.items()),
        [
            "the first one, on Conv2d",
            outcome(lambda: both_steps(bases["IntxWeightOnly, 2 bits"], depthwise, nn.Conv2d)),
        ],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Linear layers (and embeddings); weights of few bits, alone or with dynamic activations; groups must divide the width. By default
# `quantize_` passes over convolutions in silence. So the old route is still the one for int8 CNNs in eager mode.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The whole of it, at 2 bits
#
# **Predict.** One scale for each *row* now. Does plain rounding still break at 2 bits? And is the file a quarter of that with 8 bits?

# %% slideshow={"slide_type": "-"}
base = bases["IntxWeightOnly, 2 bits"]
plain = copy.deepcopy(plain_lenet)
ao.quantize_(plain, base)  # without training

learned = copy.deepcopy(plain_lenet)
ao.quantize_(learned, QATConfig(base, step="prepare"))
train_on(learned, seed=0)  # the loop of section 3, unchanged
learned = learned.cpu()
fake = learned(new_images[:64]).detach()
ao.quantize_(learned, QATConfig(base, step="convert"))
drift = (learned(new_images[:64]).detach() - fake).abs().max().item()

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### QAT gains again, and 2 bits take the bytes of 8

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
wide_int8 = copy.deepcopy(plain_lenet)
ao.quantize_(wide_int8, bases["IntxWeightOnly, 8 bits"])
trained_on = copy.deepcopy(longer[0]).cpu()  # as many steps, without rounding
ao.quantize_(trained_on, base)
torchao_models = {
    "2 bits, no training": plain,
    "2 bits, trained on": trained_on,
    "2 bits, QATConfig": learned,
    "8 bits, no training": wide_int8,
}
torchao_bytes = {name: size_report(net).file_bytes for name, net in torchao_models.items()}
torchao_right = {name: digits_right(net) for name, net in torchao_models.items()}
print("runs in:", {row.name: row.runs_in for row in int8_audit.audit(learned, new_images[:1]).rows})
Table(
    ["LeNet-300-100, torchao", "right, %", "file"],
    [[name, f"{torchao_right[name]:.2f}", si(torchao_bytes[name], "B")] for name in torchao_models],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** A scale for each row alone wins back much, and QAT most of the rest; the line "trained on" says how little of that is the extra training. But
# the file holds a byte for each weight, whatever the bits, and by the audit the layers run in float: packing and kernels are another matter.

# %% slideshow={"slide_type": "skip"}
card.record("torchao-converts-exactly", drift)
card.record("torchao-two-bits", torchao_right["2 bits, QATConfig"] - torchao_right["2 bits, no training"])
card.record("torchao-same-bytes", torchao_bytes["2 bits, QATConfig"] / torchao_bytes["8 bits, no training"])

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Three cards. Write your answer into the cell with the stub, run it, then run the check below it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · Straight through, with a zero point
# ★★ · 12 minutes
#
# Write `straight_through`: fake quantization with a zero point. Forward: $s\,(q - z)$ with $q$ rounded, and clamped to `qmin` … `qmax`. Backward: the
# gradient passes where `x` is not clipped, and is 0 where it is. On an end of the range, and up to half a step beyond, both are fine. Do not call a
# fake quantization of torch.
#
# `straight_through(x, scale, zero_point, qmin, qmax)` → a tensor of the shape and dtype of `x` that autograd can go back through
#
# <details><summary>Hint</summary>
# It also goes without a class of its own. The range in floats runs from (qmin − zero_point) · scale to (qmax − zero_point) · scale.
# <code>clamp</code> to it already has the gradient that you want. Then add what rounding changes as a constant: <code>.detach()</code>.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def straight_through(x, scale, zero_point, qmin, qmax):
    """x rounded to the grid; its gradient is that of the clipping alone.

    >>> straight_through(torch.zeros(2), 0.5, 0, -8, 7)
    tensor([0., 0.])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.straight_through(straight_through)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def straight_through_solution(x, scale, zero_point, qmin, qmax):
    q = (torch.round(x / scale) + zero_point).clamp(qmin, qmax)
    clipped = x.clamp((qmin - zero_point) * scale, (qmax - zero_point) * scale)
    return clipped + ((q - zero_point) * scale - clipped).detach()


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · The loop, in the right order
# ★★★ · 15 minutes
#
# Write `qat_loop`. `model` is fused, in training mode, and has its qconfig; leave it as it is and prepare a copy. Each epoch: `train_epoch(prepared)`
# trains it, in the mode in which it is; then convert a copy and note `accuracy(copy)`. Before epoch `epochs // 2` (the first is 0) freeze the observers and the
# statistics of batch norm, for good. `epochs` is 2 or more, so they see something first.
#
# `qat_loop(model, train_epoch, accuracy, epochs)` → (the int8 model after the last epoch, the list of accuracies)
#
# <details><summary>Hint</summary>
# prepare_qat returns a copy. In the loop: freeze if it is time, train, <code>copy.deepcopy(prepared).eval()</code>, convert that, measure that.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def qat_loop(model, train_epoch, accuracy, epochs):
    """(int8 model after the last epoch, accuracies of the int8 model, one an epoch).

    >>> int8_model, accuracies = qat_loop(check.small_net(), check.train_epoch, check.accuracy, 2)
    >>> len(accuracies)
    2
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.qat_loop(qat_loop)


# %% tags=["solution", "hide-cell", "legacy"] slideshow={"slide_type": "skip"}
def qat_loop_solution(model, train_epoch, accuracy, epochs):
    prepared = tq.prepare_qat(model)
    accuracies = []
    for epoch in range(epochs):
        if epoch == epochs // 2:
            prepared.apply(tq.disable_observer)
            prepared.apply(freeze_bn_stats)
        train_epoch(prepared)
        int8_model = tq.convert(copy.deepcopy(prepared).eval())
        accuracies.append(accuracy(int8_model))
    return int8_model, accuracies


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · Where did the gain at 8 bits go?
# ★★ · 12 minutes
#
# A report says that QAT gained. `runs` holds a dictionary for each seed (two or more), with accuracies in percent: `"float"`; `"int8"`, that network
# quantized; `"trained on, int8"`, trained on as long as QAT in float and then quantized; `"qat, int8"`.
#
# Write `gain_of_rounding`: the mean gain that is due to the *rounding in the loop*, in points, and whether it is more than noise: its size
# exceeds twice the standard error, $\mathrm{std}(d) / \sqrt{n}$, of the gains $d$ of the $n$ seeds (`statistics.stdev`). It is a rough rule: with
# two or three seeds chance passes it more often than with many.
#
# `gain_of_rounding(runs)` → (gain, True or False)
#
# <details><summary>Hint</summary>
# Which two arms differ in nothing but the rounding? Take their difference for each seed first. Then the mean, and the spread of the differences.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def gain_of_rounding(runs):
    """(mean gain in points, is it more than noise).

    >>> gain_of_rounding([{"float": 90.0, "int8": 90.0, "trained on, int8": 90.0, "qat, int8": 90.0}] * 2)
    (0.0, False)
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.gain_of_rounding(gain_of_rounding)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def gain_of_rounding_solution(runs):
    gains = [run["qat, int8"] - run["trained on, int8"] for run in runs]
    gain = statistics.mean(gains)
    return gain, abs(gain) > 2 * statistics.stdev(gains) / len(gains) ** 0.5


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. Training in another order of sums gives other tenths; the bounds leave room for that.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Round in the forward pass, let the gradient straight through inside the range: then float weights learn to be good *rounded* weights.
# - It pays where rounding hurts: few bits, or one scale for unequal channels. At 8 bits per channel there is little to win.
# - Compare with a network that was trained as long, look at the weights before you train, and check a converted copy every epoch.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Repeat the opening vote: which of the three gives the highest accuracy? Ask for the missing half of the question: at how many bits,
# and compared with what?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recommended videos
#
# They help, and do not replace the lesson.
#
# - Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
#   [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018,
#   [arXiv:1712.05877](https://arxiv.org/abs/1712.05877). Where the recipe of section 4 comes from.
# - R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference*, 2018,
#   [arXiv:1806.08342](https://arxiv.org/abs/1806.08342). QAT on MobileNets; why batch norm is frozen.
# - S. Esser et al., *Learned step size quantization*, 2020, [arXiv:1902.08153](https://arxiv.org/abs/1902.08153). The scale learns too: down to 2 bits.
# - M. Nagel et al., *Overcoming oscillations in quantization-aware training*, 2022,
#   [arXiv:2203.08114](https://arxiv.org/abs/2203.08114). The zigzag of section 2, in MobileNets.
# - Y. Bengio et al., *Estimating or propagating gradients through stochastic neurons*, 2013,
#   [arXiv:1308.3432](https://arxiv.org/abs/1308.3432). Where the estimator is named.
#
# **Project ideas**: let the scale be a parameter; find the fewest bits for each layer of DepthwiseCNN within one point; equalise its channels
# ([[static]]) in place of setting the dead ones to zero.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Credits
#
# The three methods and the steps of the eager route follow *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris
# Gottbrath and Seth Weidman; the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

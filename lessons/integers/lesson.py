# ---
# jupyter:
#   course:
#     promise: You will turn floats into integers as PyTorch does, to the last integer, and know what it costs.
#     minutes: 75
#     seconds: 30
#     needs: [measuring, energy]
#     goals:
#       - Map floats to integers with a scale and a zero point, and bound the error.
#       - Find a good range with an observer of your own, and say what an outlier does to each kind.
#       - Compute a linear layer in integers, from int8 inputs to int8 outputs, and get PyTorch's integers.
#       - Predict the error from the number of bits, and say when one scale for each channel helps.
#     terms: [affine map, calibration, clipping, "decibel, dB", engine, fake quantization, observer, "per-channel,
#       per-tensor", quantization, range, requantize, scale, SQNR, "symmetric, asymmetric", zero point]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# # [[title]]
#
# *A weight has 32 bits. How many does it need?*
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

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Ask before anything runs: "How many different values does a weight of a trained network need, to do its work?"
# Collect orders of magnitude on the board. Section 1 answers within a minute.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import math

import torch
from torch.nn import functional as F

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.integers import checks as check

legacy_int8.ignore_deprecations()  # PyTorch's first quantization API will go; section 4 says what follows it
card = claims.Scorecard("integers")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement; training takes more
device = runtime.best_device()
print("Training runs on the device below, all that follows on its CPU: PyTorch's integer layers are CPU code.")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 1. One network, fewer and fewer bits
#
# LeNet learns 12,000 images of Fashion-MNIST. Then its weights are *rounded*: in each layer only $2^b$ equally spaced
# values are allowed. With $b = 8$ bits that is 256 values, with 4 bits 16, with 2 bits only 4.
#
# Nothing is trained after the rounding.
#
# **Predict.** At which $b$ does the network first lose more than ten points of accuracy: **A** 8, **B** 4, **C** 3, **D** 2?

# %% slideshow={"slide_type": "skip"}
images, labels = data.load("fashion_mnist", n=12_000)
test_images, test_labels = data.load("fashion_mnist", "test")
lenet = models.LeNet()
training.fit(lenet, images, labels, epochs=4, lr=2e-3)
lenet = lenet.cpu().eval().requires_grad_(False)


# %% slideshow={"slide_type": "skip"}
def weight_step(weight, bits, per_channel=False):
    """Distance of neighbours among 2**bits values from -max|w| to max|w|; per_channel: one for each output."""
    dims = tuple(range(1, weight.dim())) if per_channel else tuple(range(weight.dim()))
    return 2 * weight.abs().amax(dims, keepdim=True) / (2**bits - 1)


def weight_integers(weight, bits, per_channel=False):
    half = 2 ** (bits - 1)
    return torch.round(weight * (1 / weight_step(weight, bits, per_channel))).clamp(-half, half - 1)


def rounded(weight, bits, per_channel=False):
    return weight_integers(weight, bits, per_channel) * weight_step(weight, bits, per_channel)


# %% slideshow={"slide_type": "skip"}
def fewer_bits(model, bits, per_channel=False):
    """A copy of the model with rounded weights; its biases stay as they are."""
    small = copy.deepcopy(model)
    for weight in small.parameters():
        if weight.dim() > 1:
            weight.copy_(rounded(weight, bits, per_channel))
    return small


def accuracy_of(model):
    return training.evaluate(model, test_images, test_labels)


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### 8 bits do no harm, 2 bits break it

# %% slideshow={"slide_type": "-"} tags=["hide-input", "tour"]
n_weights = sum(w.numel() for w in lenet.parameters() if w.dim() > 1)
accuracy = {bits: accuracy_of(fewer_bits(lenet, bits)) for bits in (8, 6, 4, 3, 2)}
accuracy[32] = accuracy_of(lenet)
Table(
    ["bits a weight", "values", "weights", "accuracy, %", "lost, points"],
    [
        [
            bits,
            f"{2**bits:,}" if bits < 32 else "fp32",
            si(n_weights * bits / 8, "B"),
            f"{100 * accuracy[bits]:.2f}",
            f"{100 * (accuracy[32] - accuracy[bits]):.2f}",
        ]
        for bits in (32, 8, 6, 4, 3, 2)
    ],
    caption="LeNet, 12,000 images; the same network with rounded weights",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# **What you saw.** At 8 bits almost nothing happens, at a quarter of the bytes. Towards 2 bits it breaks. In between, luck plays a part:
# rounding moves some images either way, so fewer bits may even do better, and the loss may be negative.

# %% slideshow={"slide_type": "skip"}
card.record("int8-weights-accuracy", 100 * (accuracy[32] - accuracy[8]))
card.record("two-bits-break", 100 * (accuracy[32] - accuracy[2]))

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 2. What it buys, and what it costs
#
# **Quantization** stores numbers, and often computes with them, as small integers with a common scale. *int8* is an
# integer of 8 bits.
#
# | against fp32 | figure | by the source |
# |---|---|---|
# | size of the file | up to 4× smaller | [Krishnamoorthi, 2018](https://arxiv.org/abs/1806.08342) |
# | memory bandwidth | 2–4× less | [PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/) |
# | inference | 2–4× faster | PyTorch, 2020; 2–3× on CPUs (Krishnamoorthi) |
#
# By [[energy]] fewer bits help twice: less to move, and cheaper to compute with.
#
# **Predict.** Which of the three rows holds on *every* machine?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The price
#
# The file is smaller everywhere. Speed needs a processor and a library that compute in 8 bits. And there is a price:
#
# - **Accuracy.** Every number is rounded. Everybody wishes to close that gap: [[dynamic]], [[static]] and [[qat]] do, each with more work.
# - **Code for it.** The processor needs instructions for 8 bits, and somebody must have written the layer for them. The rest stays in
#   floats.
# - **Conversions.** At each border between float and integer all numbers are converted. That takes time.
# - **Knowing the range** of the numbers, before or while the model runs. Section 5 is about that.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 3. The map: scale and zero point
#
# An *affine map* takes a float $x$ to an integer $q$ and back:
#
# $$q = \mathrm{clamp}\!\left(\mathrm{round}(x / s) + z,\; q_{min},\, q_{max}\right) \qquad \hat x = s\,(q - z)$$
#
# - **scale** $s$: the distance of two neighbours, in units of $x$
# - **zero point** $z$: the integer that stands for $0$
# - $\hat x$: what is left of $x$
# - **range**: from *low* to *high*, which $q_{min}$ and $q_{max}$ stand for; beyond it $x$ is **clipped** to the nearest end
#
# $$s = (high - low)\,/\,(q_{max} - q_{min}) \qquad z = q_{min} - \mathrm{round}(low / s)$$

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### The map in three functions


# %% slideshow={"slide_type": "-"} tags=["tour"]
def affine_map(low, high, qmin=-128, qmax=127):
    """Scale and zero point for a range that holds 0; low and high are fp32 tensors of one number."""
    scale = (high - low) / (qmax - qmin)
    zero_point = qmin - torch.round(low / scale).int()
    return scale, zero_point


def to_integers(x, scale, zero_point, qmin=-128, qmax=127):
    return (torch.round(x * (1 / scale)) + zero_point).clamp(qmin, qmax).int()


def to_floats(q, scale, zero_point):
    return (q - zero_point) * scale


# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
scale, zero_point = affine_map(torch.tensor(-1.0), torch.tensor(3.0))
x = torch.tensor([-1.0, 0.0, 0.01, 1.0, 3.0, 4.0])
q = to_integers(x, scale, zero_point)
Table(
    ["x", *(f"{v:g}" for v in x.tolist())],
    [["q", *q.tolist()], ["back", *(f"{v:.4f}" for v in to_floats(q, scale, zero_point).tolist())]],
    caption=f"range -1 to 3: scale {scale:.4f}, zero point {zero_point}",
)

# %% [markdown] slideshow={"slide_type": "-"}
# $0$ comes back as exactly $0$. That is what the whole zero point is for: padding and ReLU make many zeros, and an error in
# each of them would add up. It is also why the range must hold $0$.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### Nine weights fall onto a grid
#
# The first filter of the trained network, on a grid of 3 bits. Its range holds 0, so 0 has an integer of its own.

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
nine = lenet.conv1.weight[0].flatten()
low, high = nine.min().clamp(max=0), nine.max().clamp(min=0)
step, zero = affine_map(low, high, 0, 7)
levels = to_floats(torch.arange(8), step, zero).tolist()
fallen = to_floats(to_integers(nine, step, zero, 0, 7), step, zero)
canvas = diagrams.Canvas(height=400)
ends = min(levels[0], low.item()), max(levels[-1], high.item())
number_line = diagrams.number_line(canvas, *ends, y=260, ticks={v: str(n) for n, v in enumerate(levels)})
for before, after in zip(nine.tolist(), fallen.tolist(), strict=True):
    number_line.point(before, above=110, falls_to=after)
number_line.bracket(levels[3], levels[4], f"scale {step:.3f}", above=160)
canvas.text(number_line.place(0.0), 350, f"0.0 is the integer {zero}: the zero point", colour="gradient")
plots.show(
    canvas.figure(),
    alt="A number line with eight marks, numbered 0 to 7, at equal distances. Nine points above it, the weights of one filter, each "
    "with an arrow to the nearest mark; several points share a mark. One mark stands at 0.0 and is called the zero point.",
    caption="Floats orange, their integers blue. What an arrow moves a weight sideways is the error of rounding.",
)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### How large is the error?
#
# **Predict.** The grid below has 3 bits, so eight values, for the range from −1 to 3. Inside the range, how far can $\hat x$ be from
# $x$: **A** a quarter of the scale, **B** half of it, **C** all of it? And outside?

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### Rounding is bounded, clipping is not

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
grid = affine_map(torch.tensor(-1.0), torch.tensor(3.0), 0, 7)
line = torch.linspace(-2, 4, 2401)
back = to_floats(to_integers(line, *grid, 0, 7), *grid)
fig, (left, right) = plots.figure(columns=2, size=(12, 4.3))
left.plot(line, line, color=plots.COLOURS["grey"], linestyle=":", label="x")
left.plot(line, back, label="what is left of x")
left.set(xlabel="x", ylabel="value")
left.legend()
right.plot(line, (back - line) / grid[0], color=plots.COLOURS["orange"])
right.axhspan(-0.5, 0.5, color=plots.COLOURS["green"], alpha=0.2, label="± scale / 2")
right.set(xlabel="x", ylabel="error / scale", ylim=(-2, 2))
right.legend()
plots.show(
    fig,
    alt="Left: a staircase of eight steps follows the diagonal from -1 to 3 and is flat outside. Right: the error over "
    "the scale is a saw between minus and plus one half inside the range, and grows without limit outside.",
    caption="Rounding inside the range, clipping outside of it.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# **What you saw.** Two errors. *Rounding* is at most half a scale. *Clipping* has no bound.
# A wider range clips less and rounds more coarsely.

# %% slideshow={"slide_type": "skip"}
values = torch.empty(1_000_000).uniform_(-1, 3, generator=torch.Generator().manual_seed(0))
scale, zero_point = affine_map(*values.aminmax())
errors = (to_floats(to_integers(values, scale, zero_point), scale, zero_point) - values).abs()
largest = (errors.max() / scale).item()
card.record("rounding-error", largest)
print(f"largest error of a million values in the range: {largest:.5f} scales")

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### Symmetric or asymmetric?
#
# A **symmetric** map takes the range from $-m$ to $m$ with $m = \max |x|$. Then $z = 0$, and the zero point drops out
# of all formulas. The map above is **asymmetric**: its range is that of the data.
#
# **Predict.** What ReLU gives out is never negative. How much larger is the mean *squared* error of a symmetric map on it:
# **A** the same, **B** 2 times, **C** 4 times?

# %% slideshow={"slide_type": "fragment"} tags=["tour"]
features = torch.relu(lenet.conv1(images[:500]))
asymmetric = affine_map(*features.aminmax())
symmetric = (2 * features.max() / 255, torch.tensor(0))
squared = [(to_floats(to_integers(features, *m), *m) - features).square().mean() for m in (asymmetric, symmetric)]
print(f"symmetric over asymmetric: {squared[1] / squared[0]:.2f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# Half of the integers stand for numbers that never come. So the scale doubles, and the squared error grows about fourfold.
# The usual choice: **weights symmetric, activations asymmetric**. Section 7 shows why the weights.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Let somebody work out on the board which integer stands for 1.0 in the first table (range -1 to 3). Ask what an error
# in the zero would do to a padded image. A show of hands for A, B, C.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. The same integers as PyTorch
#
# PyTorch has **quantized tensors**: integers together with their scale and zero point.
#
# | type | integers | for |
# |---|---|---|
# | `torch.quint8` | 0 to 255 | activations |
# | `torch.qint8` | −128 to 127 | weights |
# | `torch.qint32` | 32 bits | biases, sums |
#
# They are on their way out ([announcement](https://github.com/pytorch/pytorch/issues/184982)). Newer code (torchao, [[dynamic]]) keeps plain `torch.int8` tensors beside their scales. The arithmetic stays
# the same, and the fast CPU layers still take these types.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A tensor that knows its scale

# %% slideshow={"slide_type": "-"} tags=["legacy"]
scale, zero_point = affine_map(torch.tensor(-1.0), torch.tensor(3.0))
packed = torch.quantize_per_tensor(x, scale.item(), zero_point.item(), torch.qint8)
Table(
    ["call", "result"],
    [
        ["packed.dtype", packed.dtype],
        ["packed.q_scale()", f"{packed.q_scale():.4f}"],
        ["packed.q_zero_point()", packed.q_zero_point()],
        ["packed.int_repr()", packed.int_repr().tolist()],
        ["our integers", q.tolist()],
        ["bytes for each number", packed.element_size()],
        ["packed.dequantize()", [round(v, 4) for v in packed.dequantize().tolist()]],
    ],
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Three ways to write one formula
#
# On paper these are the same, or nearly:
#
# 1. `round(x * (1 / scale)) + zero_point`
# 2. `round(x / scale) + zero_point`
# 3. `round(x * (1 / scale) + zero_point)`
#
# **Predict.** Which of them give PyTorch's integers for 100,000 random numbers? And for 100,000 numbers that lie half-way
# between two neighbours?


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def three_ways(x, scale, zero_point):
    """How many of each way's integers differ from torch's."""
    ways = [
        torch.round(x * (1 / scale)) + zero_point,
        torch.round(x / scale) + zero_point,
        torch.round(x * (1 / scale) + zero_point),
    ]
    theirs = torch.quantize_per_tensor(x, scale.item(), zero_point, torch.qint8).int_repr()
    fake = torch.fake_quantize_per_tensor_affine(x, scale.item(), zero_point, -128, 127)
    assert torch.equal(fake, to_floats(theirs.int(), scale, zero_point))  # torch agrees with itself
    return [int((way.clamp(-128, 127) != theirs).sum()) for way in ways]


noise = torch.Generator().manual_seed(0)
scale = torch.tensor(0.03)
kinds = {
    "random": torch.randn(100_000, generator=noise),
    "half-way": (torch.randint(-100, 100, (100_000,), generator=noise) + 0.5) * scale,
}
different = {(kind, z): three_ways(values, scale, z) for kind, values in kinds.items() for z in (0, 3)}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Only one of the three is PyTorch's

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["of 100,000 integers differ", "1. times 1/scale", "2. divided", "3. zero point inside"],
    [[f"{kind}, zero point {z}", *(f"{n:,}" for n in counts)] for (kind, z), counts in different.items()],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Half-way cases decide. PyTorch multiplies by the fp32 reciprocal $1/s$, rounds, and adds the zero point last. Division
# rounds differently in the last bit, and that bit decides half-way cases. `round` goes to the *even* neighbour, so an
# odd zero point inside the bracket turns them round.
#
# Why care? [[qat]] trains with a simulation (`fake_quantize`) of what will run. The two should not drift apart.

# %% slideshow={"slide_type": "skip"}
card.record("division-differs", different["half-way", 0][1])

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 5. Observers: which range?
#
# Weights are known. Activations depend on the input, so somebody must watch them: an **observer** sees some batches
# (*calibration*) and then names a range.
#
# | observer | its range | an outlier… |
# |---|---|---|
# | min–max | the widest so far | stretches it for ever |
# | moving average | mostly the old one, a little of the new batch | stretches it for a while |
# | histogram, percentile | leaves out the rarest values at both ends | is left out |
#
# **Predict.** Twenty batches of images; in the tenth, one pixel of one image is broken: 50 in place of at most 1. After
# all batches one range is about ten times too wide, one a little, and one not at all. Which is which?


# %% slideshow={"slide_type": "skip"}
def min_max(state, batch):
    """The widest range so far; a state is None or (low, high)."""
    low, high = batch.aminmax()
    return (low, high) if state is None else (torch.minimum(state[0], low), torch.maximum(state[1], high))


def moving_average(state, batch, share=0.1):
    """Move the old range towards that of the batch by a share of the way."""
    low, high = batch.aminmax()
    return (low, high) if state is None else (state[0] + share * (low - state[0]), state[1] + share * (high - state[1]))


EDGES = torch.linspace(-32, 32, 4097)


def histogram(counts, batch):
    """Add the values of a batch to the counts of 4,096 bins; what lies beyond goes into the last ones."""
    more = torch.histc(batch.clamp(-32, 32), bins=4096, min=-32, max=32)
    return more if counts is None else counts + more


def percentile(counts, left_out=1e-4):
    """The range that leaves out this share of all values at either end."""
    below = counts.cumsum(0) / counts.sum()
    return EDGES[:-1][below > left_out][0], EDGES[1:][below >= 1 - left_out][0]


# %% slideshow={"slide_type": "skip"}
batches = [batch.clone() for batch in images[:2000].split(100)]
batches[len(batches) // 2 - 1][7, 0, 14, 14] = 50.0  # the broken pixel
watched = [lenet.conv1(batch) for batch in batches]
ranges, states = {"min–max": [], "moving average": [], "percentile": []}, [None, None, None]
for batch in watched:
    states = [fold(state, batch) for fold, state in zip((min_max, moving_average, histogram), states, strict=True)]
    for kept, found in zip(ranges.values(), (*states[:2], percentile(states[2])), strict=True):
        kept.append(found)
clean = lenet.conv1(images[-500:])  # images that no observer saw


def squared_error(x, low, high, qmin=-128, qmax=127):
    m = affine_map(low, high, qmin, qmax)
    return (to_floats(to_integers(x, *m, qmin, qmax), *m) - x).square().mean().item()


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### One broken pixel, three memories

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
fig, ax = plots.figure(size=(12, 4.4))
for (name, found), style in zip(ranges.items(), ("-o", "-s", "-^"), strict=True):
    ax.plot(range(1, len(found) + 1), [high.item() for _, high in found], style, label=name)
ax.axhline(clean.max().item(), color="black", linestyle=":", label="largest of new, clean images")
ax.set(xlabel="batches seen", ylabel="upper end of the range", xticks=range(1, len(watched) + 1))
ax.legend(loc="upper left")
plots.show(
    fig,
    alt="Upper end of three ranges over the batches. All lie near 2 until the broken pixel. Then min-max jumps to about "
    "25 and stays; the moving average rises to about 4 and decays; the percentile does not move.",
    caption="One broken pixel in one of 2,000 images, seen by three observers of LeNet's first layer.",
)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### The range decides the error

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
best = squared_error(clean, *clean.aminmax())
Table(
    ["observer", "low", "high", "squared error on clean images, relative"],
    [
        [name, f"{low:.2f}", f"{high:.2f}", f"{squared_error(clean, low, high) / best:.1f}"]
        for name, (low, high) in [("clean data, min–max", clean.aminmax()), *((n, f[-1]) for n, f in ranges.items())]
    ],
    caption="int8, output of the first convolution",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# **What you saw.** One pixel of more than a million spoils min–max for good: a wider range means a larger scale, and the error grows with
# its *square*. The percentile pays a little clipping. On data with no outlier min–max can be the better one: look before you choose.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Ask who would leave out 0.01 % of the values, and who 1 %. Ask for a case in which the outlier is the signal
# (a rare, large activation that decides the class). Then there is no substitute for measuring accuracy.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### PyTorch's observers find the same ranges
#
# `HistogramObserver` does not cut at a percentile: it looks for the range with the least *squared error*. Exercise 5 does that.

# %% slideshow={"slide_type": "-"} tags=["legacy", "hide-input"]
from torch.ao.quantization import HistogramObserver, MinMaxObserver, MovingAverageMinMaxObserver

theirs = {
    "MinMaxObserver": MinMaxObserver(),
    "HistogramObserver": HistogramObserver(),
    "MovingAverageMinMaxObserver": MovingAverageMinMaxObserver(averaging_constant=0.1),
}
rows = []
for name, observer in theirs.items():
    for batch in watched:
        observer(batch)
    s, z = observer.calculate_qparams()  # for 0 to 255
    low, high = ((edge - z) * s for edge in (0, 255))
    rows.append([name, f"{low.item():.2f}", f"{high.item():.2f}", f"{s.item():.5f}", z.item()])
Table(["observer", "low", "high", "scale", "zero point"], rows, caption="low and high: what 0 and 255 stand for")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### An observer of your own in a QConfig
#
# PyTorch asks a `QConfig` for two factories: one that makes observers for activations, one for weights. An observer is a module that passes its
# input on, remembers what it needs, and answers `calculate_qparams`.

# %% slideshow={"slide_type": "-"} tags=["legacy"]
from torch.ao.quantization import ObserverBase, QConfig, QuantWrapper, convert, prepare
from torch.ao.quantization import default_weight_observer as weight_observer


class FoldObserver(ObserverBase):
    """An observer made of a function that folds batches into a range."""

    def __init__(self, fold, dtype=torch.quint8):
        super().__init__(dtype)
        self.fold, self.state = fold, None

    def forward(self, x):
        self.state = self.fold(self.state, x.detach())
        return x

    def calculate_qparams(self):
        s, z = affine_map(*self.state, 0, 127)  # 7 bits, as x86 layers like it: section 7
        return s.reshape(1), z.reshape(1)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### PyTorch calibrates with it

# %% slideshow={"slide_type": "-"} tags=["legacy"]
wrapped = QuantWrapper(copy.deepcopy(lenet.conv1))  # quantize the input, the layer, back to float
wrapped.qconfig = QConfig(FoldObserver.with_args(fold=moving_average), weight_observer)
watching = prepare(wrapped)
for batch in batches:
    watching(batch)
seen = watching.module.activation_post_process.state
print("the same range as ours:", seen == ranges["moving average"][-1])
convert(watching)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** After `convert` the layer is an integer one, and its output scale is the one that our observer named. Put the
# function of exercise 4 in the place of `moving_average`, and PyTorch calibrates with it.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 6. One scale for each channel
#
# Until now a layer had one scale for all its weights: **per-tensor**. A convolution has one filter for each output channel. With a
# scale for each of them it is **per-channel**. It costs four bytes a channel.
#
# **Predict.** Below, each bar is the largest weight of one filter. Take one of half the height of the line. With a scale of its own, its squared
# error is: **A** the same, **B** a half, **C** a quarter?

# %% slideshow={"slide_type": "fragment"} tags=["tour", "hide-input"]
conv = lenet.conv2.weight
tops = conv.abs().amax((1, 2, 3))
fig, ax = plots.figure(size=(12, 3.5))
ax.bar(range(len(tops)), tops, color=plots.COLOURS["blue"], label="largest weight of a filter")
ax.axhline(tops.max().item(), color=plots.COLOURS["orange"], label="range for all, per-tensor")
ax.set(
    xlabel="filter of the second convolution",
    ylabel="largest |weight|",
    xticks=range(len(tops)),
    ylim=(0, 1.35 * tops.max().item()),
)
ax.legend(loc="upper right", ncols=2)
plots.show(
    fig,
    alt="Sixteen bars of different heights under a horizontal line that touches the highest one. Most bars reach between a "
    "third and nine tenths of the line.",
    caption="The largest filter sets the scale of all others.",
)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### One ruler for all, or one for each
#
# The filter with the smallest weights, at 3 bits. Above, it has to use the marks of the whole layer.

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
small = conv[tops.argmin()].flatten()
canvas = diagrams.Canvas(height=430)
reach = tops.max().item()
for row, (name, scale) in enumerate(
    {"the layer's scale": reach / 3, "a scale of its own": tops.min().item() / 3}.items()
):
    marks = [n * scale for n in range(-3, 4)]
    ruler = diagrams.number_line(canvas, -reach, reach, y=150 + 210 * row, ticks=dict.fromkeys(marks, ""))
    for value in small.tolist():
        ruler.point(value, above=50)
    used = torch.round(small / scale).unique().numel()
    canvas.text(60, 60 + 210 * row, f"{name}: {used} of 7 marks are used", align="left")
plots.show(
    canvas.figure(),
    alt="Two number lines of the same length with the same points above them, the weights of one filter, all near the middle. On "
    "the upper line seven marks are spread over the whole width, and the points reach few of them. On the lower line "
    "seven marks stand close together under the points.",
    caption="The same weights above both lines. Only the distance of the marks differs: it is the scale.",
)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### A scale of its own for each filter


# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
def error_ratio(weight, bits):
    """Mean squared error per-channel over per-tensor."""
    one, many = ((rounded(weight, bits, each) - weight).square().mean() for each in (False, True))
    return (many / one).item()


named = [(name, w) for name, w in lenet.named_parameters() if w.dim() > 1]
Table(
    ["weights", "shape", "8 bits", "4 bits"],
    [
        [name, " × ".join(map(str, w.shape)), f"{error_ratio(w, 8):.2f}", f"{error_ratio(w, 4):.2f}"]
        for name, w in named
    ],
    caption="squared error per-channel, as a share of that per-tensor",
)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
few = (8, 4, 3, 2)
each = {bits: accuracy_of(fewer_bits(lenet, bits, per_channel=True)) for bits in few}
Table(
    ["accuracy, %", *(f"{bits} bits" for bits in few)],
    [
        ["per-tensor", *(f"{100 * accuracy[bits]:.1f}" for bits in few)],
        ["per-channel", *(f"{100 * each[bits]:.1f}" for bits in few)],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# **What you saw.** Half the range, half the scale, a quarter of the squared error. At 8 bits hardly an image notices: there was
# nothing to win. At 2 bits it tells. In between one network may be lucky: less error in the weights does not make every
# image right.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
channel_scales = weight_step(conv, 8, per_channel=True).flatten()
theirs_each = torch.quantize_per_channel(conv, channel_scales, torch.zeros(len(conv), dtype=torch.int), 0, torch.qint8)
differ = int((weight_integers(conv, 8, per_channel=True) != theirs_each.int_repr()).sum())
card.record("integers-as-torch", differ + sum(counts[0] for counts in different.values()))
card.record("per-channel-conv", error_ratio(conv, 8))
print(f"per channel: {differ} of {conv.numel()} integers differ from torch.quantize_per_channel")

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 7. A linear layer in integers
#
# Put $x \approx s_x (q_x - z_x)$ and $w \approx s_w (q_w - z_w)$ into the sum of a linear layer with $n$ inputs:
#
# $$\sum w x \approx s_w s_x \Big( \underbrace{\textstyle\sum q_w q_x}_{\text{int8} \times \text{int8}}
# - z_x \textstyle\sum q_w - z_w \textstyle\sum q_x + n\, z_w z_x \Big)$$
#
# In the bracket are only integers. The last three are the *cross terms*. $\sum q_w$ is known beforehand, $\sum q_x$ is
# not. With **symmetric weights** $z_w = 0$, and two of the cross terms vanish.
#
# **Predict.** One sum of 784 products of int8 numbers: do 16 bits hold it?

# %% slideshow={"slide_type": "skip"}
mean, std = images.mean(), images.std()
flat, flat_test = (((x - mean) / std).flatten(1) for x in (images, test_images))  # both signs, so z_x is not 0
mlp = models.LeNet300100()
training.fit(mlp, flat, labels, epochs=2)
mlp = mlp.cpu().eval().requires_grad_(False)


def outputs_of(x):
    """Input of the network, then what each of its layers passes on."""
    hidden = torch.relu(mlp.fc1(x))
    second = torch.relu(mlp.fc2(hidden))
    return x, hidden, second, mlp.fc3(second)


# Min-max on 1,000 images. ReLU gives ranges from 0, so their zero point is 0.
grids = [affine_map(*values.aminmax(), 0, 127) for values in outputs_of(flat[:1000])]
Table(
    ["numbers", "scale", "zero point"],
    [
        [name, f"{s:.4f}", z.item()]
        for name, (s, z) in zip(("input", "after fc1", "after fc2", "after fc3"), grids, strict=True)
    ],
)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### The sums need 32 bits, and the cross term

# %% slideshow={"slide_type": "-"} tags=["tour"]
layer, some = mlp.fc1, flat_test[:1000]
s_x, z_x = grids[0]
s_w = weight_step(layer.weight, 8).squeeze()
q_x = to_integers(some, s_x, z_x, 0, 255)  # (1000, 784) int32; uint8 would hold it
q_w = weight_integers(layer.weight, 8).to(torch.int8)  # (300, 784)
products = q_x @ q_w.int().T  # (1000, 300) int32
cross_term = z_x * q_w.int().sum(1)  # (300,)
sums = products - cross_term
exact = F.linear(some, layer.weight)
trials = {"int32": (products, cross_term), "int32, no cross term": (products, 0)}
trials |= {str(t)[6:]: (products.to(t).int(), cross_term) for t in (torch.int16, torch.int8)}

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
Table(
    ["products added in", "sums that overflow", "error / size of the result"],
    [
        [
            name,
            f"{(value != products).float().mean():.0%}",
            f"{(s_w * s_x * (value - term) - exact).norm() / exact.norm():.3g}",
        ]
        for name, (value, term) in trials.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# **What you saw.** In int32 the integers come close to the float result. int16 and int8 overflow silently: they wrap round,
# and the result is noise. Without the cross term it is a wrong layer.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why 7 bits for the activations? x86 processors without the newer instructions (VNNI) add *pairs* of products in 16 bits. Two products of
# 255 and 127 do not fit, two of 127 and 128 do. So PyTorch's default for x86 gives activations the range 0 to 127 and leaves room above, for
# values that calibration did not see. It calls that `reduce_range`.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### The layer as a flow of integers
#
# One input through `fc1`. The last step, back to 8 bits, is the next slide.

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
canvas = diagrams.Canvas(height=420)
x_in = canvas.box(30, 60, f"input\n{q_x.shape[1]}\n8 bits", width=130, height=120, colour="int8")
w_in = canvas.box(30, 250, f"weights\n{' × '.join(map(str, q_w.shape))}\n8 bits", width=150, height=120, colour="int8")
multiply = canvas.box(270, 150, "multiply\nand add", width=150, height=110)
minus = canvas.box(560, 150, "minus\ncross term", width=150, height=110)
back_to_8 = canvas.box(840, 150, "× M, round,\nadd z, clamp", width=170, height=110)
out = canvas.box(1090, 145, f"output\n{q_w.shape[0]}\n8 bits", width=100, height=120, colour="int8")
for start, end in ((x_in, multiply), (w_in, multiply), (back_to_8, out)):
    canvas.wire(start.right, end.left, meaning="int8", thick=5)
for start, end in ((multiply, minus), (minus, back_to_8)):
    canvas.wire(start.right, end.left, meaning="plain", thick=20)
    canvas.text((start.right[0] + end.left[0]) / 2, 120, "32 bits", size=22)
known = canvas.box(510, 320, "known beforehand", width=250, height=60, colour="plain")
canvas.wire(known.top, minus.bottom, meaning="plain", dashed=True)
plots.show(
    canvas.figure(),
    alt="Boxes from left to right: input of 784 numbers of 8 bits and weights of 300 by 784 of 8 bits flow into multiply and add. "
    "From there 32 bits lead to the subtraction of the cross term, which is known beforehand, and 32 bits to a step that multiplies by "
    "M, rounds, adds the zero point and clamps. Its output are 300 numbers of 8 bits.",
    caption="8 bits blue, 32 bits grey: a wire is as thick as one of its numbers is wide. The weights never become floats.",
)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### Requantize: back to 8 bits
#
# The next layer wants 8 bits again. With $M = s_w s_x / s_y$:
#
# $$q_y = \mathrm{clamp}\big(\mathrm{round}\big(M \cdot (\text{sum} + b / (s_w s_x))\big) + z_y\big)$$
#
# - The bias $b$ gets the scale of the sum, so that both can be added. **Rounded** to int32, or left in **float**?
# - $M$ is a float. A chip without floats takes a whole number and a **shift**: $M \approx m / 2^{31}$
#   ([Jacob et al., 2018](https://arxiv.org/abs/1712.05877)).
#
# **Predict.** How many of 300,000 outputs depend on these choices: **A** none, **B** about one in a thousand or less, **C** one in ten?


# %% slideshow={"slide_type": "skip"}
def requantize(sums, layer, s_in, s_w, y_grid, bias="float"):
    """Integers 0 to 255 of the next layer's input, from sums without bias (batch, outputs) int32."""
    s_y, z_y = y_grid
    b = layer.bias / (s_in * s_w)
    factor = s_in * s_w / s_y
    if bias == "float":
        y = torch.round((sums + b) * factor)
    elif bias == "int32":
        y = torch.round((sums + torch.round(b).int()) * factor)
    else:  # whole numbers only; adding half before the shift rounds
        m = round(factor.item() * 2**31)
        y = ((sums.long() + torch.round(b).long()) * m + 2**30) >> 31
    return (y + z_y).clamp(0, 255).int()


WAYS = ("float", "int32", "shift")
ours = {way: requantize(sums, layer, s_x, s_w, grids[1], way) for way in WAYS}

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
ENGINES = [name for name in torch.backends.quantized.supported_engines if name != "none"]


def torch_linear(x, x_grid, layer, y_grid, engine):
    """The integers of torch's own quantized linear layer; the engine is the library that computes it."""
    with legacy_int8.use(engine):
        s_w = weight_step(layer.weight, 8).item()
        packed = torch.ops.quantized.linear_prepack(
            torch.quantize_per_tensor(layer.weight, s_w, 0, torch.qint8), layer.bias
        )
        x = torch.quantize_per_tensor(x, x_grid[0].item(), x_grid[1].item(), torch.quint8)
        y = torch.ops.quantized.linear(x, packed, y_grid[0].item(), y_grid[1].item())
        return y.int_repr().int()


theirs_of = {engine: torch_linear(some, grids[0], layer, grids[1], engine) for engine in ENGINES}
off_by = {(e, w): (ours[w] - theirs).abs() for e, theirs in theirs_of.items() for w in WAYS}

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### The engines treat the bias differently

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
Table(
    ["torch's engine", *(f"bias {way}" if way != "shift" else "no float at all" for way in WAYS), "largest difference"],
    [
        [
            engine,
            *(f"{int((off_by[engine, w] > 0).sum()):,}" for w in WAYS),
            int(max(off_by[engine, w].max() for w in WAYS)),
        ]
        for engine in ENGINES
    ],
    caption=f"integers that differ from torch's, of {sums.numel():,}; default here: {torch.backends.quantized.engine}",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# **What you saw.** Torch's own engines do not agree with each other. `fbgemm` and `x86` keep the bias in float, `qnnpack` rounds it to
# int32. Choose what the engine does, and you get its integers. What is left differs by one: a half-way case, and
# fp32 steps in another order (`onednn`).

# %% slideshow={"slide_type": "skip"}
own = torch.backends.quantized.engine
own_way = "int32" if own == "qnnpack" else "float"
share = 100 * (off_by[own, own_way] > 0).float().mean().item() if own in ENGINES else math.nan
card.record("integer-linear-as-torch", share)
print(f"{own}: {share:.4f} % of the integers differ")

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### A whole network in integers
#
# Three such layers in a row. ReLU costs nothing: its range begins at 0, so the clamp *is* the ReLU. No float is stored between
# the input and the last layer.
#
# **Predict.** How many points of accuracy does it lose: less than 1, some, or more than 10?


# %% slideshow={"slide_type": "fragment"} tags=["tour"]
def integer_network(x):
    """Class of each row of x; every activation between the layers is an integer from 0 to 255."""
    q = to_integers(x, *grids[0], 0, 255)
    for layer, (s_in, z_in), y_grid in zip((mlp.fc1, mlp.fc2, mlp.fc3), grids, grids[1:], strict=False):
        q_w = weight_integers(layer.weight, 8).int()
        sums = q @ q_w.T - z_in * q_w.sum(1)
        q = requantize(sums, layer, s_in, weight_step(layer.weight, 8).squeeze(), y_grid)
    return q.argmax(1)


in_floats = training.evaluate(mlp, flat_test, test_labels)
in_integers = (integer_network(flat_test) == test_labels).float().mean().item()
print(f"accuracy in fp32 {in_floats:.2%}, in integers {in_integers:.2%}")

# %% slideshow={"slide_type": "skip"}
card.record("integer-network-accuracy", 100 * (in_floats - in_integers))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### And is it faster?
#
# Our integer layer shows the arithmetic, not the speed. Torch's uses the processor's instructions for 8 bits.
#
# **Predict.** A quarter of the bytes: at batch 1, how many times faster than fp32?

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
WIDTH = 2048
wide = torch.nn.Linear(WIDTH, WIDTH).requires_grad_(False)
packed = torch.ops.quantized.linear_prepack(
    torch.quantize_per_tensor(wide.weight, weight_step(wide.weight, 8).item(), 0, torch.qint8), wide.bias
)
speed = {}
for n in (1, 256):
    x_wide = torch.rand(n, WIDTH)
    q_wide = torch.quantize_per_tensor(x_wide, 1 / 127, 0, torch.quint8)
    speed[n] = timing.compare(
        {"fp32": lambda x=x_wide: wide(x), "int8": lambda q=q_wide: torch.ops.quantized.linear(q, packed, 0.02, 64)},
        rounds=9,
    )
Table(
    ["batch", "int8 against fp32", "quartiles"],
    [
        [n, f"{times.ratio('int8'):.2f}×", "{:.2f} to {:.2f}".format(*times.ratio_quartiles("int8"))]
        for n, times in speed.items()
    ],
    caption=f"linear layer {WIDTH} × {WIDTH}, 1 thread, on the CPU",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** If a ratio is above 4, bytes alone do not explain it: the int8 weights may fit a cache that the fp32 ones do
# not, or the fp32 *baseline* is slow. [[choosing]] measures against the best fp32 there is.

# %% [markdown] slideshow={"slide_type": "skip"}
# Some processors run PyTorch's plain fp32 at half speed: then every ratio flatters int8. If your ratio is near 1 or below, the engine
# `qnnpack` or a processor without 8-bit instructions is likely.

# %% slideshow={"slide_type": "skip"}
card.record("int8-linear-faster", speed[1].ratio("int8"))

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## 8. Bits against error
#
# The **signal-to-quantization-noise ratio** (SQNR) compares the mean square of the signal with that of the error, in *decibels*:
#
# $$\mathrm{SQNR} = 10 \log_{10} \frac{\overline{x^2}}{\overline{(x - \hat x)^2}} \;\text{dB}$$
#
# Data spread evenly over the range have a mean square of $(2^b - 1)^2 s^2 / 12$. The rounding error is spread evenly over one
# scale: $s^2 / 12$. So $\mathrm{SQNR} = 20 \log_{10}(2^b - 1)$.
#
# **Predict.** One bit more halves the scale. How many dB is that: **A** 2, **B** 3, **C** 6? And do trained weights lie above or below the line of
# evenly spread data?

# %% slideshow={"slide_type": "skip"}
BITS = range(2, 9)


def sqnr_db(x, approximation):
    return 10 * math.log10(x.square().mean() / (x - approximation).square().mean())


even = torch.empty(2**22).uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
formula = [20 * math.log10(2**b - 1) for b in BITS]
curves = {
    "evenly spread": [sqnr_db(even, rounded(even, b)) for b in BITS],
    "conv2, per-channel": [sqnr_db(conv, rounded(conv, b, True)) for b in BITS],
    "conv2, per-tensor": [sqnr_db(conv, rounded(conv, b)) for b in BITS],
    "fc1, per-channel": [sqnr_db(lenet.fc1.weight, rounded(lenet.fc1.weight, b, True)) for b in BITS],
    "fc1, per-tensor": [sqnr_db(lenet.fc1.weight, rounded(lenet.fc1.weight, b)) for b in BITS],
}

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["tour"]
# ### Six decibels a bit

# %% slideshow={"slide_type": "-"} tags=["tour", "hide-input"]
fig, ax = plots.figure(size=(12, 4.6))
ax.plot(BITS, formula, color="black", linestyle=":", label="20 log₁₀(2ᵇ − 1)")
for (name, curve), style in zip(curves.items(), ("o", "s-", "s--", "^-", "^--"), strict=True):
    ax.plot(BITS, curve, style, label=name)
ax.set(xlabel="bits", ylabel="SQNR, dB")
ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plots.show(
    fig,
    alt="SQNR over bits from 2 to 8. Evenly spread data lie on the dotted line of the formula, from 10 to 48 dB. Trained weights "
    "run parallel below it; per-channel lies above per-tensor, and the gap is widest for fc1.",
    caption="Signal over quantization noise: the formula, evenly spread data, and trained weights of LeNet.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["tour"]
# **What you saw.** Each bit is worth about 6 dB, a quarter of the squared error. Trained weights lie below the line: most are small, and the few large ones set
# the scale.

# %% slideshow={"slide_type": "skip"}
gaps = [measured - predicted for measured, predicted in zip(curves["evenly spread"], formula, strict=True)]
steps = [b - a for a, b in zip(curves["evenly spread"][2:], curves["evenly spread"][3:], strict=False)]
card.record("sqnr-formula", max(abs(gap) for gap in gaps))
card.record("sqnr-per-bit", max(abs(step - 6.02) for step in steps))
Table(
    ["bits", *BITS],
    [["measured, dB", *(f"{v:.2f}" for v in curves["evenly spread"])], ["formula, dB", *(f"{v:.2f}" for v in formula)]],
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Into the ledger: int8 weights in a file
#
# LeNet's weights as int8, per-channel, with their scales; biases in fp32. Saved, loaded again and compared. The weights go
# back to floats before use: a smaller file, not a faster layer.
#
# **Predict.** Is the file exactly four times smaller? What is in the way?

# %% slideshow={"slide_type": "skip"}
stored = torch.nn.Module()  # holds what the file holds
for name, p in lenet.named_parameters():
    name = name.replace(".", "_")  # a buffer's name has no dot
    if p.dim() > 1:
        stored.register_buffer(name, weight_integers(p, 8, per_channel=True).to(torch.int8))
        stored.register_buffer(f"{name}_scale", weight_step(p, 8, per_channel=True))
    else:
        stored.register_buffer(name, p.clone())
reloaded = models.LeNet().requires_grad_(False).eval()
for name, p in reloaded.named_parameters():
    name = name.replace(".", "_")
    p.copy_(getattr(stored, name) * getattr(stored, f"{name}_scale", 1))
sizes = {"fp32": size_report(lenet), "int8 weights stored": size_report(stored)}

# %% slideshow={"slide_type": "-"}
rows = []
for (technique, size), net, bits in zip(sizes.items(), (lenet, reloaded), (32, 8), strict=True):
    rows.append(
        ledger.record(
            lesson="integers",
            task="fashion_mnist",
            model="LeNet",
            technique=f"{technique}, short training",
            accuracy=accuracy_of(net),
            file_bytes=size.file_bytes,
            load_ms=size.load_ms,
            energy_nj=energy.estimate(net, images[:1], bits=bits).total_nj,
        )
    )
ledger.table(rows)

# %% slideshow={"slide_type": "skip"}
card.record("int8-file", sizes["fp32"].file_bytes / sizes["int8 weights stored"].file_bytes)

# %% [markdown] slideshow={"slide_type": "skip"}
# Not quite a fourth: scales, biases and the names in the file keep their size. In a large network they hardly count.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Five cards. Write your answer into the cell with the stub, run it, then run the check below it. The check
# tries inputs that you do not see here, and tells you what a wrong answer usually means.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · Scale and zero point
# ★ · 10 minutes
#
# Write `qparams`: scale and zero point of a tensor for the integers from `qmin` to `qmax`. The range goes from the
# smallest to the largest value, *widened where it does not hold 0*. `affine_map` of section 3 does not do that. Where all values are 0, any
# scale would do: take 1.0.
#
# `qparams(values, qmin, qmax)` → (scale, zero point), a float and an int; `values` is a tensor of floats, of any shape. Where the zero
# point lies half-way between two integers, either will do.
#
# <details><summary>Hint</summary>
# The low end is the smaller one of the minimum and 0. From qmin to qmax there are qmax − qmin steps. The zero point is
# where 0 lands: qmin steps off by as many scales as 0 lies above the low end, and it is a whole number.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def qparams(values, qmin, qmax):
    """(scale, zero point) of an asymmetric map for all of `values`, with 0 in its range.

    >>> qparams(torch.zeros(3), -128, 127)  # nothing but zeros
    (1.0, -128)
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.qparams(qparams)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def qparams_solution(values, qmin, qmax):
    low = min(values.min().item(), 0.0)
    high = max(values.max().item(), 0.0)
    scale = (high - low) / (qmax - qmin) or 1.0
    return scale, qmin - round(low / scale)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · Quantize, row by row
# ★★ · 12 minutes
#
# Write `quantize`: the integers of a matrix whose rows have a scale and a zero point each, without calling a quantizing function of torch. They must be
# PyTorch's, half-way cases included.
#
# `quantize(x, scale, zero_point, qmin, qmax)` → whole numbers, in the shape of `x`; `x` has the shape (rows, columns), `scale` and `zero_point` have (rows,);
# `x` and `scale` are fp32
#
# <details><summary>Hint</summary>
# Section 4 shows which of three ways is PyTorch's. Turn the scales into a column, so that each belongs to a row. The clamp comes last.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def quantize(x, scale, zero_point, qmin, qmax):
    """The integers of torch.quantize_per_channel along the rows, clamped to qmin … qmax.

    >>> quantize(torch.zeros(1, 2), torch.ones(1), torch.tensor([0]), -128, 127)
    tensor([[0, 0]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.quantize(quantize)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def quantize_solution(x, scale, zero_point, qmin, qmax):
    q = torch.round(x * (1 / scale)[:, None]) + zero_point[:, None]
    return q.clamp(qmin, qmax).int()


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · A matrix product of integers
# ★★ · 15 minutes
#
# Write `int_matmul`: for int8 inputs `xq` (batch, n) and int8 weights `wq` (outputs, n), *both* with a zero point, the sums
# $\sum (q_w - z_w)(q_x - z_x)$ as int32 of shape (batch, outputs).
#
# `int_matmul(xq, x_zero, wq, w_zero)` → an int32 tensor (int64 will do, floats will not); the zero points are ints from -128 to 127
#
# <details><summary>Hint</summary>
# The formula is in section 7; you may also subtract the zero points first. Either way: convert to int32 <em>before</em> you subtract or
# multiply.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def int_matmul(xq, x_zero, wq, w_zero):
    """Sums of (wq - w_zero) · (xq - x_zero) over the last dimension, exact.

    >>> zero = torch.zeros(1, 3, dtype=torch.int8)
    >>> int_matmul(zero, 0, zero, 0).tolist()
    [[0]]
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.int_matmul(int_matmul)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def int_matmul_solution(xq, x_zero, wq, w_zero):
    xq, wq = xq.int(), wq.int()
    cross = x_zero * wq.sum(1) + w_zero * xq.sum(1, keepdim=True)
    return (xq @ wq.T - cross + xq.shape[1] * x_zero * w_zero).int()


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 4 · An observer of your own
# ★★ · 12 minutes
#
# Write `update_range`, the heart of an observer that ignores outliers: the range of one batch is its mean ± 3 standard deviations
# (`batch.std()`), but never beyond the batch's own minimum and maximum. Over several batches keep the lowest low and the highest high.
#
# `update_range(state, batch)` → (low, high), two floats or two tensors of one number; `state` is None at first, then what you returned. A
# batch has two values or more.
#
# Then give it to `FoldObserver` of section 5, put that into the `QConfig`, and look at the range that it finds.
#
# <details><summary>Hint</summary>
# First the range of this batch alone: the larger one of two lows, the smaller one of two highs. Then join it with the state, if there is one.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def update_range(state, batch):
    """The range (low, high) after one more batch.

    >>> low, high = update_range(None, torch.zeros(4))
    >>> float(low), float(high)
    (0.0, 0.0)
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.update_range(update_range)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def update_range_solution(state, batch):
    mean, reach = batch.mean(), 3 * batch.std()
    low = torch.maximum(mean - reach, batch.min())
    high = torch.minimum(mean + reach, batch.max())
    if state is None:
        return low, high
    return min(state[0], low), max(state[1], high)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 5 · The best clip
# ★★★ · 15 minutes
#
# With few bits it pays to clip. Write `best_clip`: among some candidates, the $c$ whose symmetric map, from $-c$ to $c$ with
# the scale $2c / (2^b - 1)$ and integers from $-2^{b-1}$ to $2^{b-1} - 1$, has the least mean *squared* error over all values, the
# clipped ones included.
#
# `best_clip(values, candidates, bits)` → one of `candidates`, which are floats in any order; of several that are equally good any
#
# <details><summary>Hint</summary>
# For each candidate: scale, round, clamp, back to floats, mean of the squared differences. Then take the candidate with the smallest one.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def best_clip(values, candidates, bits):
    """The candidate with the least mean squared error.

    >>> best_clip(torch.tensor([-1.0, 0.5, 1.0]), [1.0], 4)  # no choice
    1.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.best_clip(best_clip)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def best_clip_solution(values, candidates, bits):
    def squared_error(c):
        scale, half = 2 * c / (2**bits - 1), 2 ** (bits - 1)
        back = torch.round(values / scale).clamp(-half, half - 1) * scale
        return (back - values).square().mean().item()

    return min(candidates, key=squared_error)


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# Every figure that this lesson takes from a source, beside what your run measured. Speed depends on the machine, so a claim about
# speed may fail on yours. The table then says why.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# ## Remember
#
# - A scale and a zero point turn floats into integers; inside the range the error is at most half a scale.
# - The range decides: outliers and unequal channels waste it, and each bit is worth about 6 dB.
# - A linear layer runs in integers from end to end: int8 products, int32 sums, one rounding back to 8 bits.
#
# And your vote from the beginning? It was 2 or 3 bits, by your run. [[qat]] goes there on purpose.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "tour"]
# *For the lecturer.* Repeat the opening question with the board: how many different values does a weight need? Ask what the lesson did *not*
# show: no training with rounding, and no fast convolution. [[static]] and [[qat]] have them.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recommended videos
#
# They help, and do not replace the lesson.
#
# - Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
#   [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w). The API of [[integers]], [[dynamic]], [[static]] and [[qat]], by its makers.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference: a whitepaper*, 2018,
#   [arXiv:1806.08342](https://arxiv.org/abs/1806.08342). Per-tensor against per-channel, on ImageNet.
# - B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018,
#   [arXiv:1712.05877](https://arxiv.org/abs/1712.05877). Section 7 of this lesson, for phones.
# - M. Nagel et al., *A white paper on neural network quantization*, 2021, [arXiv:2106.08295](https://arxiv.org/abs/2106.08295).
#   The choice of a range, and how to find what went wrong.
#
# **Project ideas**: round the weights of LeNet up or down so that the *output* changes least; write the integer convolution; find the
# bits for each layer that fit a given file.
#
# ## Credits
#
# Part of the course's idea by Tal Daniel (Technion, EE 046211, tutorial 10), after *Introduction to Quantization on PyTorch* by Raghuraman
# Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. Text CC BY 4.0, code MIT.

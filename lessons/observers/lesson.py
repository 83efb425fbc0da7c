# ---
# jupyter:
#   course:
#     promise: You will choose ranges and scales, and compute a linear layer in integers from 8-bit inputs to 8-bit outputs.
#     minutes: 45
#     seconds: 20
#     needs: [measuring, energy, integers]
#     goals:
#       - Find a range with an observer, and say what an outlier does to each kind.
#       - Say when one scale for each channel helps.
#       - Compute a linear layer in integers, and get the integers of PyTorch's engines.
#       - Predict the error of rounding from the number of bits.
#     terms: [calibration, "decibel, dB", engine, observer, "per-channel, per-tensor", requantize, SQNR]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *The integers are fixed. Which floats shall they stand for?*
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
# *For the lecturer, 1 min.* Say: "Last time somebody gave us the range. Today we have to find it." Ask where the range of a weight comes from (it lies in the
# file), and where that of an activation (it depends on the input). Transition: "So let us look at some inputs."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import math
import tempfile
from pathlib import Path

import torch
from torch.nn import functional as F

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.measure import energy
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.observers import checks as check

legacy_int8.ignore_deprecations()  # PyTorch's observers and engines will go; the arithmetic stays ([[integers]])
card = claims.Scorecard("observers")
runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()
print("Training runs on the device below, all that follows on its CPU: PyTorch's integer layers are CPU code.")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. One broken pixel
#
# The output of LeNet's first layer shall become int8. Its range is not known beforehand, so we look at 2,000 images and take the smallest and the
# largest value: we **calibrate**.
#
# In *one* image, *one* pixel is broken: 50 in place of at most 1.
#
# **Predict.** How much larger does that make the squared error on *clean* images: **A** 2 times, **B** 10 times, **C** 50 times or more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2 min.* Say how small it is: one of more than a million pixels. Show of hands; expect A or B. After the table ask how the error
# follows from the range: the scale grows with it, and the error counts squared.

# %% slideshow={"slide_type": "skip"}
images, labels = data.load("fashion_mnist", n=12_000)
test_images, test_labels = data.load("fashion_mnist", "test")
lenet = models.LeNet()  # the network of [[integers]]
training.fit(lenet, images, labels, epochs=4, lr=2e-3)
lenet = lenet.cpu().eval().requires_grad_(False)
batches = [batch.clone() for batch in images[:2000].split(100)]
whole = [lenet.conv1(batch) for batch in batches]
batches[len(batches) // 2 - 1][7, 0, 14, 14] = 50.0  # the broken pixel
watched = [lenet.conv1(batch) for batch in batches]
clean = lenet.conv1(images[-500:])  # images that no observer sees


# %% slideshow={"slide_type": "skip"}
def affine_map(low, high, qmin=-128, qmax=127):  # these three are the map of [[integers]]
    scale = (high - low) / (qmax - qmin)
    return scale, qmin - torch.round(low / scale).int()


def to_integers(x, scale, zero_point, qmin=-128, qmax=127):
    return (torch.round(x * (1 / scale)) + zero_point).clamp(qmin, qmax).int()


def to_floats(q, scale, zero_point):
    return (q - zero_point) * scale


def squared_error(x, low, high):
    m = affine_map(low, high)
    return (to_floats(to_integers(x, *m), *m) - x).square().mean().item()


def min_max(state, batch):
    """The widest range so far; a state is None or (low, high)."""
    low, high = batch.aminmax()
    return (low, high) if state is None else (torch.minimum(state[0], low), torch.maximum(state[1], high))


def weight_step(weight, bits, per_channel=False):
    """The step of PyTorch's observers, as in [[integers]]; per_channel: one for each output."""
    dims = tuple(range(1, weight.dim())) if per_channel else tuple(range(weight.dim()))
    return 2 * weight.abs().amax(dims, keepdim=True) / (2**bits - 1)


def weight_integers(weight, bits, per_channel=False):
    half = 2 ** (bits - 1)
    return torch.round(weight * (1 / weight_step(weight, bits, per_channel))).clamp(-half, half - 1)


def rounded(weight, bits, per_channel=False):
    return weight_integers(weight, bits, per_channel) * weight_step(weight, bits, per_channel)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
found = {}
for name, seen in {"whole": whole, "one broken": watched}.items():
    state = None
    for batch in seen:
        state = min_max(state, batch)
    found[name] = state
errors = {name: squared_error(clean, *state) for name, state in found.items()}
one_pixel = errors["one broken"] / errors["whole"]
card.record("one-pixel", one_pixel)
Table(
    ["pixel", "low", "high", "squared error"],
    [
        [name, f"{low:.1f}", f"{high:.1f}", f"{errors[name] / errors['whole']:.0f}×"]
        for name, (low, high) in found.items()
    ],
    caption="int8 on 500 clean images",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. One pixel of more than a million spoils the range for good.** C: a wider range means a larger scale, and the squared error grows about
# with its square.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Observers: which range?
#
# An **observer** sees some batches (*calibration*), then names a range.
#
# | observer | its range |
# |---|---|
# | min–max | the widest so far |
# | moving average | a tenth of the way from the old one to that of the batch |
# | percentile | of all values but 0.01 % at either end |
#
# **Predict.** The pixel is in the tenth of twenty batches. In the end one range is many times too wide, one a little, one not at all. Which?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask for the three answers one after the other; the room gets min-max right and argues about the other two. After the figure ask
# what would happen had the pixel been in the last batch. Wanted: the moving average would end at its peak, without time to forget; the other two end where they do now.


# %% slideshow={"slide_type": "skip"}
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


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
ranges, states = {"min–max": [], "moving average": [], "percentile": []}, [None, None, None]
for batch in watched:
    states = [fold(state, batch) for fold, state in zip((min_max, moving_average, histogram), states, strict=True)]
    for kept, ends in zip(ranges.values(), (*states[:2], percentile(states[2])), strict=True):
        kept.append(ends)
fig, ax = plots.figure(size=(6.2, 4.2))
for (name, ends), style in zip(ranges.items(), ("-o", "-s", "-^"), strict=True):
    ax.plot(range(1, len(ends) + 1), [high.item() for _, high in ends], style, label=name)
ax.axhline(clean.max().item(), color="black", linestyle=":", label="clean images")
ax.set(xlabel="batches seen", ylabel="upper end of the range")
ax.legend(loc="center right", bbox_to_anchor=(1.0, 0.58))
plots.show(
    fig,
    alt="Upper end of three ranges over the batches. All lie together until the broken pixel. Then min-max jumps to "
    f"{ranges['min–max'][-1][1]:.0f} and stays; the moving average jumps less, and sinks to {ranges['moving average'][-1][1]:.1f}; the "
    f"percentile stays at {ranges['percentile'][-1][1]:.1f}.",
    caption="One broken pixel, three memories.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Min–max never forgets, the moving average forgets slowly, the percentile did not move.**

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The grid that each range gives
#
# **Predict.** The percentile clips some clean values. Is its error on clean images larger or smaller than that of min–max without the broken pixel (1×)?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Four frames. Say at each: "Count the marks under the hill." Before the fourth, hands for larger or smaller than 1×. Ask who would leave out 0.01 % of the values, and who 1 %. Ask for a case in which the
# outlier is the signal. Then only accuracy can tell.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
last = {"min–max, no broken pixel": found["whole"]} | {name: ends[-1] for name, ends in ranges.items()}
said = {name: f"{squared_error(clean, *ends) / errors['whole']:.2g}×" for name, ends in last.items()}
said["min–max"] = f"{one_pixel:.0f}×"
eights = {name: to_floats(torch.arange(8), *affine_map(*ends, 0, 7)).tolist() for name, ends in last.items()}
counts, edges = torch.histogram(torch.cat([w.flatten() for w in watched]), 200)


def grids_of_the_first(shown):
    canvas, highest = diagrams.Canvas(height=410), last["min–max"][1].item()
    span = eights["min–max"][0], max(highest, eights["min–max"][-1])
    hill = diagrams.number_line(canvas, *span, y=100, ticks={})
    for count, left in ((n, at) for n, at in zip(counts.tolist(), edges.tolist(), strict=False) if n):
        top = hill.place(left), 100 - 90 * count / counts.max().item()
        canvas.wire((top[0], 100), top, meaning="activations", arrow=False, thick=5)
    hill.point(highest, above=14)
    canvas.text(1140, 46, "the broken pixel", align="right")
    for row, name in enumerate(list(last)[:shown]):
        diagrams.number_line(canvas, *span, y=168 + 74 * row, ticks=dict.fromkeys(eights[name], ""))
        canvas.text(60, 134 + 74 * row, name, align="left")
        canvas.text(1140, 134 + 74 * row, f"error on clean images {said[name]}", align="right")
    return canvas.figure(), (
        "A narrow hill of values around 0 and, far off, the broken pixel. Below it a line with eight marks for each range; one mark is at 0. "
        f"Squared error on clean images: {'; '.join(f'{name} {error}' for name, error in [*said.items()][:shown])}."
    )


drawn, told = zip(*map(grids_of_the_first, (1, 2, 3, 4)), strict=True)
plots.show(drawn, alt=told, caption="Eight marks in place of 256. Errors: int8, over that without a broken pixel.")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. The range decides the error.** The percentile is about as good as the clean range, though it clips: its scale is smaller. A tenth or two more
# or less may be chance, by where the marks fall on the background.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
# PyTorch's observers. The histogram one has no fixed percentile: it narrows the range until its estimate of the squared error rises.
from torch.ao.quantization import HistogramObserver, MinMaxObserver, MovingAverageMinMaxObserver

rows = []
for observer in (MinMaxObserver(), MovingAverageMinMaxObserver(averaging_constant=0.1), HistogramObserver()):
    for batch in watched:
        observer(batch)
    s, z = observer.calculate_qparams()  # for 0 to 255
    ends = [f"{((edge - z) * s).item():.2f}" for edge in (0, 255)]
    rows.append([type(observer).__name__, *ends, f"{s.item():.5f}", z.item()])
Table(["observer", "low", "high", "scale", "zero point"], rows, caption="low and high: what 0 and 255 stand for")

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
# An observer of your own: a module that passes its input on, remembers what it needs, and answers calculate_qparams.
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
        s, z = affine_map(*map(torch.as_tensor, self.state), 0, 127)  # 7 bits, as x86 layers like it: section 4
        return s.reshape(1), z.reshape(1)


wrapped = QuantWrapper(copy.deepcopy(lenet.conv1))  # quantize the input, the layer, back to float
wrapped.qconfig = QConfig(FoldObserver.with_args(fold=moving_average), weight_observer)  # for activations, for weights
watching = prepare(wrapped)
for batch in batches:
    watching(batch)
print("the same range as ours:", watching.module.activation_post_process.state == ranges["moving average"][-1])
print(
    convert(watching)
)  # Quantize: the input's scale; QuantizedConv2d: about twice the table's, for 127 steps, not 255

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. One scale for each channel
#
# One scale for all weights of a layer is **per-tensor**. A convolution has one filter for each map that it gives out, a *channel*; a scale for each is
# **per-channel**, four more bytes a channel where it is fp32. Here the filter of `conv2` with the smallest weights, at 3 bits.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
conv = lenet.conv2.weight
tops = conv.abs().amax((1, 2, 3))
heights = tops / tops.max()
small = conv[tops.argmin()]
used = []
canvas = diagrams.Canvas(height=390)
for row, name in enumerate(("the scale of the layer", "a scale of its own")):
    s = weight_step(conv if row == 0 else small, 3).item()
    reach, at = tops.max().item(), 130 + 190 * row
    ruler = diagrams.number_line(canvas, -1.16 * reach, reach, y=at, ticks={n * s: "" for n in range(-4, 4)})
    for value in small.flatten().tolist():
        ruler.point(value, above=50)
    integers = torch.round(small * (1 / s)).clamp(-4, 3)
    used.append(integers[integers > -4].unique().numel())
    canvas.text(60, at - 90, f"{name}: {used[-1]} of 8 marks are used", align="left")
plots.show(
    canvas.figure(),
    alt=f"Two number lines with the same points above them, the weights of one filter, all near the middle. Upper: eight marks over the whole width, "
    f"{used[0]} of them are used. Lower: eight marks close together under the points, {used[1]} are used.",
    caption="Floats orange; blue the levels of a symmetric grid of 3 bits. The lowest can be reached by a tie only and is not counted.",
)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let somebody point at the used marks on both lines. Say: "The upper line wastes its bits on weights that this filter does
# not have. The eighth mark can be reached by a tie only." Transition: "What is that worth in error?"

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What is a scale of its own worth?
#
# With one scale for a whole layer (*per-tensor*) the filter with the largest weight sets it. *Per-channel* each filter has its own.
#
# **Predict.** The largest weight of a filter is $h$ times that of its layer, $h = \frac{1}{2}$, say. With a scale of its own, its squared error is: **A** the
# same, **B** a half, **C** a quarter?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; expect B. Ask a person with C to explain: half the height, half the scale, a quarter of the squared error. Then
# let the room find the two curves for B and C in the figure. A point is a mean over 54 weights only, which is probably why the points scatter.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
one_scale, own_scale = ((rounded(conv, 8, each) - conv).square().mean((1, 2, 3)) for each in (False, True))
fig, ax = plots.figure(size=(6.2, 3.8))
at = torch.linspace(0, 1, 101)
for words, style, curve in (("A", ":", at**0), ("B", "--", at), ("C", "-", at**2)):
    ax.plot(at, curve, style, color=plots.COLOURS["grey"], label=words)
ax.plot(heights, own_scale / one_scale, "o", color=plots.COLOURS["blue"], label="a filter")
ax.set(xlabel="largest |w| over that of the layer, h", ylabel="error, own / common", xlim=(0, 1.03), ylim=(0, 1.35))
ax.legend(loc="upper left", ncols=4, columnspacing=1, borderaxespad=0)
plots.show(
    fig,
    alt=f"Sixteen points, the filters of conv2, at heights from {heights.min():.2f} to 1, around a parabola: the lowest filter has "
    f"{own_scale[tops.argmin()] / one_scale[tops.argmin()]:.2f} times the error with a scale of its own.",
    caption="The 16 filters of conv2 at 8 bits, and the curves 1, h and h².",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C, about: the square of the height.** Each point is a mean over 54 weights only: they scatter, here by up to a half.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does the network notice?
#
# LeNet with one scale a layer, and with one a channel, at 8, 4, 3 and 2 bits. At 2 bits also the grid of [[integers]] with one scale a layer and the standard
# deviation σ as its step.
#
# **Predict.** At which number of bits do the scales for each channel win most? And at 2 bits, do they win more than the step σ?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Show of hands for 8 or 2 bits, then for the second question. After the table read the line on MobileNet aloud: there one
# scale a layer destroys the network at 8 bits. [[depthwise]] meets such a case.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "legacy"]
layers = {name.removesuffix(".weight"): w for name, w in lenet.named_parameters() if w.dim() > 1}


def accuracy_of(rounding):
    net = copy.deepcopy(lenet)
    for weight in net.parameters():
        if weight.dim() > 1:
            weight.copy_(rounding(weight))
    return training.evaluate(net, test_images, test_labels)


def accuracy_at(bits, per_channel):
    return accuracy_of(lambda weight: rounded(weight, bits, per_channel))


def with_sigma(weight):
    return torch.round(weight / weight.std()).clamp(-2, 1) * weight.std()


FEW = (8, 4, 3, 2)
right = {
    how: [f"{accuracy_at(bits, how == 'per-channel'):.1%}" for bits in FEW] for how in ("per-tensor", "per-channel")
}
right["per-tensor, step σ"] = ["–", "–", "–", f"{accuracy_of(with_sigma):.1%}"]
card.record("per-channel-conv", (own_scale.mean() / one_scale.mean()).item())
theirs = torch.quantize_per_channel(
    conv, weight_step(conv, 8, True).flatten(), torch.zeros(len(conv), dtype=torch.int), 0, torch.qint8
)
card.record("channel-integers-as-torch", int((weight_integers(conv, 8, True) != theirs.int_repr()).sum()))
Table(["LeNet", *(f"{bits} bits" for bits in FEW)], [[how, *shares] for how, shares in right.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. At 8 bits there was nothing to win here; at 2 bits there was most.** How much depends on the training: over 18 trainings, at 2 bits,
# the channels won 9 to 55 points, and the step σ with one scale a layer 17 to 61: either may win more. MobileNet-v1 won nearly all at
# 8 bits: 70.9&nbsp;% in fp32, 0.1&nbsp;% with one scale a layer, 70.4&nbsp;% with one a channel, asymmetric
# ([Krishnamoorthi, 2018](https://arxiv.org/abs/1806.08342), table 2).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. A linear layer in integers
#
# Put $x \approx s_x (q_x - z_x)$ and $w \approx s_w (q_w - z_w)$ into the sum of a linear layer with $n$ inputs:
#
# $$\sum w x \approx s_w s_x \Big( \underbrace{\textstyle\sum q_w q_x}_{8 \text{ bits} \times 8 \text{ bits}}
# - z_x \textstyle\sum q_w - z_w \textstyle\sum q_x + n\, z_w z_x \Big)$$
#
# In the bracket are integers alone. The last three are the *cross terms*. $\sum q_w$ is known beforehand, $\sum q_x$ is not. With **symmetric weights**
# $z_w = 0$, and one cross term is left:
#
# $$\sum w x \approx s_w s_x \Big( \sum q_w q_x - z_x \sum q_w \Big)$$

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Point at the upper bracket, term by term: "Is it known before the input comes?" Then let the room check the lower formula: two terms are gone,
# because both have the factor $z_w = 0$. Ask what is left to compute for each input: one product, one subtraction of something known.
# Transition: "First the widths."

# %% slideshow={"slide_type": "skip"}
mean, std = images.mean(), images.std()
flat, flat_test = (((x - mean) / std).flatten(1) for x in (images, test_images))  # both signs, so z_x is not 0
mlp = models.LeNet300100()
training.fit(mlp, flat, labels, epochs=2)
mlp = mlp.cpu().eval().requires_grad_(False)

with_inputs = [flat[:1000]]  # what each layer gets, and what the last one gives: calibration on 1,000 images
LAYERS = (mlp.fc1, mlp.fc2, mlp.fc3)
for one in LAYERS:
    with_inputs.append(one(with_inputs[-1]) if one is mlp.fc3 else torch.relu(one(with_inputs[-1])))
grids = [
    affine_map(*values.aminmax(), 0, 127) for values in with_inputs
]  # 127: see requantize. ReLU begins at 0: so does z


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How wide must the sums be?
#
# `q_x @ q_w.T - z_x * q_w.sum(1)` for `fc1` of LeNet-300-100, the products added up in 32, 16 or 8 bits; once the cross term is left out.
#
# **Predict.** One sum of 784 products of 8-bit numbers: do 16 bits hold it? And how large is the error without the cross term?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room work out the largest product in calibration, 127 times 128, and how many of them fit into 32,767: two. Many say that 16 bits
# will do "in practice". After the table: "An overflow of integers raises nothing. It wraps round."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
layer, some = mlp.fc1, flat_test[:1000]
s_x, z_x = grids[0]
s_w = weight_step(layer.weight, 8).squeeze()
q_x = to_integers(some, s_x, z_x, 0, 255)  # (1000, 784), uint8 would hold it
q_w = weight_integers(layer.weight, 8).to(torch.int8)  # (300, 784)
products = q_x @ q_w.int().T  # (1000, 300) int32
cross_term = z_x * q_w.int().sum(1)  # (300,)
sums = products - cross_term
exact = F.linear(some, layer.weight)
trials = {"32 bits": (products, cross_term), "32 bits, no cross term": (products, 0)}
trials |= {f"{n} bits": (products.to(t).int(), cross_term) for n, t in ((16, torch.int16), (8, torch.int8))}
Table(
    ["added in", "overflow", "error"],
    [
        [
            name,
            f"{(value != products).float().mean():.0%}",
            f"{(s_w * s_x * (value - term) - exact).norm() / exact.norm():.2g}",
        ]
        for name, (value, term) in trials.items()
    ],
    caption="share of the sums that overflow; size of the error over that of the result",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. 32 bits, and the cross term.** int16 and int8 wrap round silently: here the error is larger than the result. Without the cross term it is more than
# half as large.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The layer as a flow of integers
#
# One image goes through `fc1` of LeNet-300-100; the numbers are those of one output. $M = s_w s_x / s_y$ turns units of the sum into units of the output.


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def flow(steps):
    canvas, (n_out, n_in), one = diagrams.Canvas(height=400), layer.weight.shape, int(sums[0].argmax())
    multiply = canvas.box(250, 150, "multiply\nand add", width=140, height=110)
    for at, words in ((60, f"input\n{n_in}\n8 bits"), (240, f"weights\n{n_out} × {n_in}\n8 bits")):
        box = canvas.box(30, at, words, width=150, height=120, colour="int8")
        canvas.wire(box.right, multiply.left, meaning="int8", thick=5)
    canvas.wire(multiply.right, (520, 205), thick=20)
    canvas.text(455, 120, f"32 bits\n{products[0, one]:,}")
    told = "Input and weights of 8 bits flow into multiply and add, whose result is 32 bits wide."
    if steps > 1:
        minus = canvas.box(520, 150, "minus\ncross term", width=150, height=110)
        words = f"z_x · Σ q_w, known\nbeforehand: {cross_term[one]:,}"
        canvas.wire(canvas.box(440, 300, words, width=310, height=80, colour="plain").top, minus.bottom, dashed=True)
        canvas.wire(minus.right, (800, 205), thick=20)
        canvas.text(735, 120, f"32 bits\n{sums[0, one]:,}")
        told += " The cross term, zero point of the input times the sum of the weights' integers, is subtracted; it is known beforehand."
    if steps > 2:
        back_to_8 = canvas.box(800, 140, "+ b, × M,\nround, + z_y,\nclamp", width=170, height=130)
        canvas.wire(back_to_8.right, (1055, 205), meaning="int8", thick=5)
        y = to_integers(s_w * s_x * sums[0, one] + layer.bias[one], *grids[1], 0, 255).item()
        canvas.box(1055, 145, f"output\n{n_out}\n8 bits: {y}", width=138, height=120, colour="int8")
        told += " A last step adds the bias, multiplies by M, rounds, adds the zero point of the output and clamps to 8 bits."
    return canvas.figure(), told


drawn, told = zip(*map(flow, (1, 2, 3)), strict=True)
plots.show(drawn, alt=told, caption=f"8 bits blue, 32 bits grey, by thickness. M = {s_w * s_x / grids[1][0]:.6f}.")

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Three frames, follow one number with the finger: 8 bits in and 32 out of the product; 32 after the subtraction; 8 at the end. Let the room do the last box by hand: the number on the
# wire times M, but for the bias b. Ask which box needs a float: only the last one, which also adds the bias. Transition: "Can that be done without a float?"

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Requantize: back to 8 bits
#
# $$q_y = \mathrm{clamp}\big(\mathrm{round}\big(M \big(\text{sum} + \tfrac{b}{s_w s_x}\big)\big) + z_y\big)$$
#
# Here $b$ is the bias. An **engine** is the library that computes the layer. It may keep $b / (s_w s_x)$ as a **float**, or round it to **int32**. A chip without floats also turns $M$
# into a whole number and a **shift** ([Jacob et al., 2018](https://arxiv.org/abs/1712.05877), section 2.2).
#
# **Predict.** How many of 300,000 outputs depend on that: **A** none, **B** one in a thousand or less, **C** one in ten?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Show of hands; expect A. The shift on the board: "M = 2^-n · M0, with M0 between a half and one, as a whole number of 31 bits." Say: "We
# compare with all engines that this PyTorch has." Show the table: "A row is an engine, a column a way of ours. A 0 says: the same integers, all of them." Then: "If you must reproduce a chip bit by bit, you need its rounding, too."


# %% slideshow={"slide_type": "skip"}
def requantize(sums, layer, s_in, s_w, y_grid, bias="float"):
    """Integers 0 to 255 of the next layer's input, from sums without bias (batch, outputs) int32."""
    # Why do the grids take 0 to 127? x86 processors without newer instructions (VNNI) add pairs of products in 16 bits: two products of 255 and
    # 127 do not fit there, two of 127 and 128 do. PyTorch calls it reduce_range. Values beyond calibration still get integers up to 255, and may overflow.
    s_y, z_y = y_grid
    b, M = layer.bias / (s_in * s_w), s_in * s_w / s_y  # known beforehand: a chip without floats gets them as integers
    if bias == "float":
        y = torch.round((sums + b) * M)
    elif bias == "int32":
        y = torch.round((sums + torch.round(b).int()) * M)
    else:  # "shift": M = 2**-n · M_0, M_0 from 1/2 to 1 as a whole number of 31 bits; half a unit is added before the shift, to round
        m_0, power = math.frexp(M.item())
        n = 31 - power
        y = ((sums.long() + torch.round(b).long()) * round(m_0 * 2**31) + 2 ** (n - 1)) >> n
    return (y + z_y).clamp(0, 255).int()


WAYS = ("float", "int32", "shift")
ours = {way: requantize(sums, layer, s_x, s_w, grids[1], way) for way in WAYS}


# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
def torch_linear(x, x_grid, layer, y_grid, engine):
    """The integers of torch's own quantized linear layer; the engine is the library that computes it."""
    with legacy_int8.use(engine):
        s = weight_step(layer.weight, 8).item()
        packed = torch.ops.quantized.linear_prepack(
            torch.quantize_per_tensor(layer.weight, s, 0, torch.qint8), layer.bias
        )
        x = torch.quantize_per_tensor(x, x_grid[0].item(), x_grid[1].item(), torch.quint8)
        return torch.ops.quantized.linear(x, packed, y_grid[0].item(), y_grid[1].item()).int_repr().int()


ENGINES = [name for name in torch.backends.quantized.supported_engines if name != "none"]
off_by = {e: [(ours[w] - torch_linear(some, grids[0], layer, grids[1], e)).abs() for w in WAYS] for e in ENGINES}
own = torch.backends.quantized.engine
own_way = WAYS.index("int32" if own == "qnnpack" else "float")
share = 100 * (off_by[own][own_way] > 0).float().mean().item() if own in off_by else math.nan
card.record("integer-linear-as-torch", share)
Table(
    ["engine", *(f"b {way}" if way != "shift" else "shift" for way in WAYS), "largest"],
    [
        [e, *(f"{int((off > 0).sum()):,}" for off in offs), int(max(off.max() for off in offs))]
        for e, offs in off_by.items()
    ],
    caption=f"Of {sums.numel():,} integers so many differ from ours, and by so much. Default here: {own}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B: torch's own engines do not agree with each other.** Where they are in the list, `x86`, `fbgemm` and `onednn` keep the bias in float by these
# counts, and `qnnpack` rounds it. What differs here, differs by one.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A whole network in integers
#
# Three such layers in a row. The bias and $M$ of each are whole numbers, which could be got ready beforehand: the sums and what follows use no float.
#
# ReLU costs nothing: its range begins at 0, so the clamp *is* the ReLU.
#
# **Predict.** How many points does it lose: **A** less than 1, **B** 1 to 10, **C** more than 10?


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands for the three. Point at bias="shift" in the notebook: no float is used in between. Say that a harder task may lose
# more: 1.4 to 2.1 points for ResNets on ImageNet in Jacob et al., trained with the rounding; 0.2 for ResNet-50 in PyTorch's own figures.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def integer_network(x):
    """Class of each row of x. ReLU costs nothing: its range begins at 0, so the clamp is the ReLU."""
    q = to_integers(x, *grids[0], 0, 255)
    for layer, (s_in, z_in), y_grid in zip(LAYERS, grids, grids[1:], strict=False):
        q_w, s_w = weight_integers(layer.weight, 8).int(), weight_step(layer.weight, 8).squeeze()
        sums = q @ q_w.T - z_in * q_w.sum(1)
        q = requantize(sums, layer, s_in, s_w, y_grid, bias="shift")
    return q.argmax(1)


in_floats = training.evaluate(mlp, flat_test, test_labels)
in_integers = (integer_network(flat_test) == test_labels).float().mean().item()
card.record("integer-network-accuracy", 100 * (in_floats - in_integers))
print(
    f"LeNet-300-100: fp32 {in_floats:.2%}, in integers {in_integers:.2%}: {100 * (in_integers - in_floats):+.2f} points"
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A: this small network did not lose a point.** A harder task may lose more (Jacob et al., table 4.1). Speed is not measured here: [[dynamic]] and
# [[static]] time the integer layers of PyTorch, conversions included.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Bits against error
#
# The **signal-to-quantization-noise ratio** compares the mean square of the signal with that of the error, in *decibels*:
#
# $$\mathrm{SQNR} = 10 \log_{10} \frac{\overline{x^2}}{\overline{(x - \hat x)^2}} \;\text{dB}$$
#
# **Predict.** One bit more halves the scale. How many dB is that: **A** 2, **B** 3, **C** 6? Do trained weights lie above or below?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Remind the room: 3 dB are a factor of 2, 10 dB one of 10. Show of hands; expect B. Derive the rule if there is time: signal (2^b - 1)² s² / 12, error s² / 12.
# After the figure ask why the lowest line starts so flat: at 2 bits nearly all weights of fc1 fall on 0 (lesson before).

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
BITS = range(2, 9)


def sqnr_db(x, approximation):
    return 10 * math.log10(x.square().mean() / (x - approximation).square().mean())


even = torch.empty(2**22).uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
curves = {"evenly spread": [sqnr_db(even, rounded(even, b)) for b in BITS]}
for name in ("conv2", "fc1"):
    for how, each in (("per-channel", True), ("per-tensor", False)):
        curves[f"{name} {how}"] = [sqnr_db(layers[name], rounded(layers[name], b, each)) for b in BITS]
gains = [b - a for a, b in zip(curves["evenly spread"][2:], curves["evenly spread"][3:], strict=False)]
card.record("sqnr-formula", curves["evenly spread"][-1])
card.record("sqnr-per-bit", max(gains, key=lambda gain: abs(gain - 6.02)))
fig, ax = plots.figure(size=(6.2, 3.8))
ax.plot(BITS, [20 * math.log10(2**b - 1) for b in BITS], color="black", linestyle=":", label="20 log₁₀(2ᵇ − 1)")
for (name, curve), style in zip(curves.items(), ("o", "s-", "s--", "^-", "^--"), strict=True):
    ax.plot(BITS, curve, style, label=name)
ax.set(xlabel="bits", ylabel="SQNR, dB", ylim=(-3, 88))
ax.legend(loc="upper left", labelspacing=0.15, borderaxespad=0)
plots.show(
    fig,
    alt="SQNR over bits from 2 to 8. Evenly spread data lie on the dotted line of the formula, from 10 to 48 dB. Trained weights lie below it: "
    + "; ".join(f"{name} from {curve[0]:.1f} to {curve[-1]:.0f} dB" for name, curve in list(curves.items())[1:])
    + ".",
    caption="The formula, evenly spread data, and trained weights.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C: about 6 dB a bit, a quarter of the squared error.** Trained weights lie below the formula.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Into the ledger: int8 weights in a file
#
# **Predict.** int8 weights per channel, their scales, biases in fp32. How many times smaller is the file: **A** less than 4, **B** 4, **C** more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Show of hands; expect B. Ask what else is in a file: scales, biases, names. Then show the answer, and read its last line aloud: a smaller file, not a faster layer.

# %% slideshow={"slide_type": "skip"}
stored = {}
for name, p in lenet.state_dict().items():
    stored[name] = weight_integers(p, 8, True).to(torch.int8) if p.dim() > 1 else p
    if p.dim() > 1:
        stored[f"{name}.scale"] = weight_step(p, 8, True)
with tempfile.TemporaryDirectory() as folder:
    paths = {"fp32": Path(folder, "fp32.pt"), "int8 weights stored": Path(folder, "int8.pt")}
    for path, content in zip(paths.values(), (lenet.state_dict(), stored), strict=True):
        torch.save(content, path)
    file_bytes = {name: path.stat().st_size for name, path in paths.items()}
    loaded = torch.load(paths["int8 weights stored"])
reloaded = models.LeNet().requires_grad_(False).eval()
for name, p in reloaded.named_parameters():
    p.copy_(loaded[name] * loaded.get(f"{name}.scale", 1))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
smaller = file_bytes["fp32"] / file_bytes["int8 weights stored"]
card.record("int8-file", smaller)
print(
    f"A: {smaller:.2f} times smaller: the biases stay fp32; scales, and what the file notes of each tensor, come on top."
)
print("A smaller file, not a faster layer: these weights become floats again when they are loaded.")
rows = []
for (technique, size), net in zip(file_bytes.items(), (lenet, reloaded), strict=True):
    rows.append(
        ledger.record(
            lesson="observers",
            task="fashion_mnist",
            model="LeNet",
            technique=f"{technique}, short training",
            accuracy=training.evaluate(net, test_images, test_labels),
            file_bytes=size,
            # the stored weights are computed with in fp32: no energy of int8 is claimed for them
            energy_nj=energy.estimate(net, images[:1]).total_nj if net is lenet else None,
        )
    )
Table(
    ["stored", "file, kB", "right, %"],
    [[row.technique, f"{row.file_bytes / 1000:.1f}", f"{100 * row.accuracy:.2f}"] for row in rows],
    caption="LeNet, on Fashion-MNIST",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · A matrix product of integers
# ★★ · 8 minutes
#
# Write `int_matmul`: for int8 inputs `xq` (batch, n) and int8 weights `wq` (outputs, n), *both* with a zero point, the sums
# $\sum (q_w - z_w)(q_x - z_x)$ as int32 of shape (batch, outputs).
#
# `int_matmul(xq, x_zero, wq, w_zero)` → an int32 tensor (int64 will do, floats will not), exact: sums may pass $2^{24}$, where fp32 is not; the zero
# points are ints from -128 to 127
#
# <details><summary>Hint</summary>
# The formula is in section 4; you may also subtract the zero points first. Either way: convert to int32 <em>before</em> you subtract or
# multiply.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; alone it takes 8. The mistake to wait for is a subtraction in int8: -128 - 5 is 123 there. The other two cards are homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
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


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · An observer of your own
# ★★ · 8 minutes
#
# Write `update_range`, the heart of an observer that limits outliers: the range of one batch is its mean ± 3 standard deviations
# (`batch.std()`), but never beyond the batch's own minimum and maximum. Over several batches keep the lowest low and the highest high.
# The range need not hold 0.
#
# `update_range(state, batch)` → (low, high), two floats or two tensors of one number; `state` is None at first, then what you returned.
# Return a new pair; leave `state` and `batch` as they are. A batch has two values or more.
#
# Then give it to `FoldObserver` of section 2 in place of `moving_average`, and look at the range that PyTorch calibrates with.
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


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · The best clip
# ★★★ · 12 minutes
#
# With few bits it may pay to clip. Write `best_clip`: among some candidates, the $c$ whose symmetric grid has the least mean *squared* error over all values,
# the clipped ones included.
#
# The grid is that of section 3 with $c$ in place of the largest $|w|$: the step is $s = 2c / (2^b - 1)$, the integers go from $-2^{b-1}$ to $2^{b-1} - 1$. So its levels
# reach from $-c - s/2$ to $c - s/2$.
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
# The figures that this run can check, beside their source.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - The range decides: an outlier or a large channel wastes the levels of all others.
# - A linear layer runs in integers from end to end: products of 8-bit numbers, 32-bit sums, one rounding back to 8 bits.
# - From 4 bits on, a bit is worth about 6 dB.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018,
# [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), section 4 of this lesson, for phones; R. Krishnamoorthi's whitepaper, 2018,
# [arXiv:1806.08342](https://arxiv.org/abs/1806.08342); M. Nagel et al., *A white paper on neural network quantization*, 2021,
# [arXiv:2106.08295](https://arxiv.org/abs/2106.08295), on the choice of a range.
#
# **Project ideas**: write the integer convolution; find the bits for each layer that fit a given file; compare the clip of least squared error with the one of
# best accuracy.
#
# **Credits**: part of the course's idea by Tal Daniel (Technion, EE 046211, tutorial 10), after *Introduction to Quantization on PyTorch* by Raghuraman
# Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask what the lesson did *not* show: no speed, no convolution in integers, no training with the rounding. "Speed comes in
# [[dynamic]] and [[static]], the convolution in [[static]], training with the rounding in [[qat]]."

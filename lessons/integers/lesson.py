# ---
# jupyter:
#   course:
#     promise: You will turn floats into integers as PyTorch does, to the last integer, and compare grids of very few bits.
#     minutes: 40
#     seconds: 15
#     needs: [measuring, energy]
#     goals:
#       - Map floats to integers with a scale and a zero point, and bound the error.
#       - Compare grids of few bits, level by level.
#       - Get the same integers as PyTorch, half-way cases included.
#     terms: [affine map, clipping, fake quantization, level, quantization, range, scale, "symmetric, asymmetric", zero point]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A weight has 32 bits. How many does it need?*
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
# *For the lecturer, 2 min.* Say: "A float has 32 bits, so it can take more than four thousand million values." Ask before anything runs: "How many
# different values does a weight of a trained network need, to do its work?" Collect orders of magnitude on the board; expect thousands. Then: "Let us
# take bits away until it breaks."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy

import torch

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.scorecard import claims
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.integers import checks as check

legacy_int8.ignore_deprecations()  # PyTorch's first quantization API will go; section 5 says what follows it
card = claims.Scorecard("integers")
runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()
print("Training runs on the device below, all that follows on its CPU.")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. One network, fewer and fewer bits
#
# LeNet learns 12,000 images of Fashion-MNIST. Then its weights are *rounded*: in each layer only equally spaced values are left, at most $2^b$
# of them. With $b = 8$ bits that is up to 256 values, with 2 bits up to 4.
#
# Nothing is trained after the rounding.
#
# **Predict.** At which $b$ does the network first lose more than ten points of accuracy: **A** 8, **B** 4, **C** 3, **D** 2?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2 min.* Say: "One scale for each layer, no second training." Show of hands for A to D; expect 4 or 3. Ask one of them why.
# Then show the table (by the training the answer is C or D), and go on: "Two questions stay: what is this good for, and is it really the bits that break it?"

# %% slideshow={"slide_type": "skip"}
my_guess = None  # your prediction: 8, 4, 3 or 2

# %% slideshow={"slide_type": "skip"}
images, labels = data.load("fashion_mnist", n=12_000)
test_images, test_labels = data.load("fashion_mnist", "test")
lenet = models.LeNet()
training.fit(lenet, images, labels, epochs=4, lr=2e-3)
lenet = lenet.cpu().eval().requires_grad_(False)
layers = {name.removesuffix(".weight"): w for name, w in lenet.named_parameters() if w.dim() > 1}


# %% slideshow={"slide_type": "skip"}
def weight_step(weight, bits):
    """The distance of neighbours that PyTorch takes for weights: 2 max|w|, over the 2**bits - 1 steps between 2**bits integers."""
    return 2 * weight.abs().max() / (2**bits - 1)


def weight_integers(weight, bits):
    half = 2 ** (bits - 1)
    return torch.round(weight * (1 / weight_step(weight, bits))).clamp(-half, half - 1)


def on_integers(weight, bits):
    return weight_integers(weight, bits) * weight_step(weight, bits)


def accuracy_on(grid, bits):
    """Accuracy of a copy of LeNet whose weights lie on a grid, a function of weight and bits; biases stay as they are."""
    small = copy.deepcopy(lenet)
    for weight in small.parameters():
        if weight.dim() > 1:
            weight.copy_(grid(weight, bits))
    return training.evaluate(small, test_images, test_labels)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
n_weights = sum(w.numel() for w in layers.values())
accuracy = {32: training.evaluate(lenet, test_images, test_labels)}
accuracy |= {bits: accuracy_on(on_integers, bits) for bits in (8, 6, 4, 3, 2)}
lost = {bits: 100 * (accuracy[32] - accuracy[bits]) for bits in accuracy}
card.record("int8-weights-accuracy", lost[8])
card.record("two-bits-break", lost[2])
first = next((bits for bits in (8, 4, 3, 2) if lost[bits] > 10), None)
if my_guess is not None:
    print(f"your prediction: {my_guess}; the first that loses more than ten points: {first}")
Table(
    ["bits", "bytes of all weights", "accuracy, %", "lost, points"],
    [
        [bits, si(n_weights * bits / 8, "B"), f"{100 * share:.1f}", f"{round(lost[bits], 1) + 0.0:.1f}"]
        for bits, share in accuracy.items()
    ],
    caption="LeNet, one network; bytes computed from the bits",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. 8 bits cost this network almost nothing; on this grid 2 bits break it.** At 4 bits it loses some points; at 3 bits it may be one or twenty,
# from one training to the next. A tenth of a point is ten images.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. What it buys, and what it costs
#
# **Quantization** stores numbers, and often computes with them, as small integers with a common scale. *int8* is an integer of 8 bits.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Say: "The same weight three times." Ask: "Where is the scale in the lower two rows?" It is the factor beside the cells, stored
# once for the whole layer, so it has no cells of its own. Point out that a wire or a memory carries the length of the row.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
flat = layers["fc1"].flatten()
weight = flat[(flat - 0.25).abs().argmin()]
bit_of = {"fp32": (weight.view(torch.int32).item(), 32, f"{weight:.4f}")}
for bits in (8, 2):
    step = weight_step(flat, bits)
    whole = int(weight_integers(flat, bits)[(flat - 0.25).abs().argmin()])
    bit_of[f"{bits} bits"] = (whole, bits, f"{whole} × {step:.4g} = {whole * step:.4f}")
canvas = diagrams.Canvas(height=290)
for row, (name, (value, n, shown)) in enumerate(bit_of.items()):
    top = 30 + 105 * row
    digits = torch.tensor([value >> (n - 1 - place) & 1 for place in range(n)])
    diagrams.grid(canvas, digits, 110, top, cell=31, meaning="fp32" if n == 32 else "int8")
    canvas.text(95, top + 15, name, align="right")
    canvas.text(110 if n == 32 else 130 + 31 * n, top + (52 if n == 32 else 15), shown, align="left")
plots.show(
    canvas.figure(),
    alt=f"One weight of fc1 as three rows of cells with a bit in each: {', '.join(f'{name}: {n} cells, {shown}' for name, (_, n, shown) in bit_of.items())}.",
    caption="One weight of LeNet: in fp32, and as an integer times a scale that the whole layer shares.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The promise, by its sources
#
# | against fp32 | figure | source |
# |---|---|---|
# | size of the file | 4× smaller | [Krishnamoorthi, 2018](https://arxiv.org/abs/1806.08342), abstract |
# | memory bandwidth | 2–4× less | [PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/) |
# | inference | 2–4× faster | PyTorch, 2020; 2–3× on CPUs (Krishnamoorthi) |
#
# Fewer bits help twice: less to move, and cheaper to compute with ([[energy]]).
#
# **Predict.** Which of the three rows is sure on every machine? And what is the price?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room name the row and show the first answer. Then ask for the price before you show it. Somebody will say accuracy; wait for "conversions"
# and "somebody has to write the code". Transition: "To pay less of the first price we must know exactly what the rounding does."

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Answer.** The first: bytes are bytes. So is the traffic of the weights, if they become floats only after they have left the memory. Speed is not sure. Where a
# layer waits for its weights ([[roofline]]), fewer bytes can be enough; elsewhere processor and library must compute in 8 bits: ordinary CPUs do.

# %% [markdown] slideshow={"slide_type": "fragment"}
# **The price:**
#
# - **accuracy**: every number is rounded. With one scale a layer, 8-bit weights alone took MobileNet-v1 from 70.9 % to 0.1 %, and ResNet-50 from 75.2
#   to 75.0 (Krishnamoorthi, table 2); [[observers]] shows a cure
# - **conversions** at each border between float and integer, and the **range** of the numbers, which somebody has to know

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. The map: scale and zero point
#
# An *affine map* takes a float $x$ to an integer $q$ and back:
#
# $$q = \mathrm{clamp}\!\left(\mathrm{round}(x / s) + z,\; q_{min},\, q_{max}\right) \qquad \hat x = s\,(q - z)$$
#
# - **scale** $s$: the distance of two neighbours, in units of $x$
# - **zero point** $z$: the integer that stands for $0$
# - $\hat x$: what is left of $x$, one of the **levels**; together they are the **grid**
# - **range**: *low* to *high*, for which $q_{min}$ and $q_{max}$ stand; beyond, $x$ is **clipped**
#
# $$s = (high - low)\,/\,(q_{max} - q_{min}) \qquad z = q_{min} - \mathrm{round}(low / s)$$
#
# $z$ is rounded, so the levels shift by up to half a scale: that keeps $0$ exact.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
canvas = diagrams.Canvas(height=120)
ruler = diagrams.number_line(canvas, -1.15, 3, y=60, ticks={n * 4 / 7 - 8 / 7: str(n) for n in range(8)}, size=26)
for end in (-1, 0, 1, 2, 3):
    ruler.point(end, above=0)
    canvas.text(ruler.place(end), 22, f"{end}", colour="fp32", size=26)
plots.show(
    canvas.figure(),
    alt="A number line with the floats -1, 0, 1, 2, 3 above it and the integers 0 to 7 below, evenly spaced. The integer 2 stands exactly under 0; the "
    "integer 0 stands a little left of -1, and 7 left of 3.",
    caption="Range −1 to 3 (orange) on the integers 0 to 7 (blue): scale 4/7, zero point 2.",
)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Go through the line: -1 to 3 on the integers 0 to 7 has the scale 4/7, and the zero point 1.75, rounded to 2. Say: "So all levels
# move to the left by a quarter of a scale, and 0 stays exact." Ask what happens to a number beyond 3. Then: "The same in code."

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The map in three functions
#
# **Predict.** The range is −1 to 3, in 8 bits. What becomes of 0, of 0.01, and of 4?


# %% slideshow={"slide_type": "-"}
def affine_map(low, high, qmin=-128, qmax=127):  # the range holds 0
    scale = (high - low) / (qmax - qmin)
    return scale, qmin - torch.round(low / scale).int()


def to_integers(x, scale, zero_point, qmin=-128, qmax=127):
    return (torch.round(x * (1 / scale)) + zero_point).clamp(qmin, qmax).int()


def to_floats(q, scale, zero_point):
    return (q - zero_point) * scale


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let somebody say which integer stands for 1.0: it is the integer 0. Expect "0.01 is lost": it is more than half a step,
# so it becomes a whole one. Ask what an error in the zero would do to an image with a black border. Transition: "Now as a picture."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
scale, zero_point = affine_map(torch.tensor(-1.0), torch.tensor(3.0))
x = torch.tensor([-1.0, 0.0, 0.01, 1.0, 3.0, 4.0])
q = to_integers(x, scale, zero_point)
Table(
    ["x", *(f"{v:g}" for v in x.tolist())],
    [["q", *q.tolist()], ["back", *(f"{v:.4f}" for v in to_floats(q, scale, zero_point).tolist())]],
    caption=f"range -1 to 3: scale {scale:.4f}, zero point {zero_point}",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. 0 comes back as exactly 0**, because the zero point is one of the integers: for that the range must hold 0. −1 comes back
# as −1.0039. 0.01 is more than half a step, so it becomes one step, 0.0157. 4 is clipped. Padding and ReLU make many zeros; an error in each would add up.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Nine weights fall onto a grid
#
# The first filter of the trained network, on a grid of 3 bits: once for a range that holds all nine weights, once for a shorter one.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* First frame: ask the room to find the scale and the zero point of the formula. Say: "What an arrow moves a weight sideways is its
# error." Second frame: the scale is smaller, and what is clipped is green. Ask which arrow could be made as long as you like.


# %% slideshow={"slide_type": "skip"}
nine = layers["conv1"][0].flatten()
ends_of_nine = min(nine.min().item(), -0.1), max(nine.max().item(), 0.1)


def least_scale(zero):
    """The smallest scale with which eight levels hold all nine weights, 0 on the level `zero`."""
    return max(-ends_of_nine[0] / zero, ends_of_nine[1] / (7 - zero))


zero = min(range(1, 7), key=least_scale)
axis = -zero * least_scale(zero), (7 - zero) * least_scale(zero)  # the range whose ends are levels: z needs no rounding
shorter = axis[0], axis[0] * (zero - 6) / (zero + 1)  # one level more below 0, one less above, and a smaller scale


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def falling(low, high):
    """The nine weights above a grid of 3 bits for this range; and what to say of it."""
    grid = affine_map(torch.tensor(low), torch.tensor(high), 0, 7)
    levels = to_floats(torch.arange(8), *grid).tolist()
    fallen = to_floats(to_integers(nine, *grid, 0, 7), *grid).tolist()
    clipped = [abs(before - after) > 0.501 * grid[0] for before, after in zip(nine.tolist(), fallen, strict=True)]
    canvas = diagrams.Canvas(height=430)
    ticks = {v: str(n) if n != grid[1] else f"z = {n}" for n, v in enumerate(levels)}
    line = diagrams.number_line(canvas, *axis, y=250, ticks=ticks)
    for before, after, beyond in zip(nine.tolist(), fallen, clipped, strict=True):
        line.point(before, above=90)
        start, end = (line.place(before), 160), (line.place(after), 232)
        canvas.wire(start, end, meaning="gradient" if beyond else "fp32", thick=2.5)
    line.bracket(levels[0], levels[-1], "the range", above=195)
    line.bracket(levels[3], levels[4], f"scale {grid[0]:.3f}", above=130)
    floats = [n / 4 for n in range(-8, 9) if axis[0] <= n / 4 <= axis[1]]
    diagrams.number_line(canvas, *axis, y=350, ticks={v: f"{v:g}" for v in floats}, meaning="fp32")
    return canvas.figure(), (
        f"Nine weights from {nine.min():.2f} to {nine.max():.2f} above a number line with eight marks, {grid[0]:.3f} apart, from {levels[0]:.2f} to "
        f"{levels[-1]:.2f}; each weight has an arrow to a mark, several share one; clipped arrows: {sum(clipped)}. Mark {grid[1]} is the zero point."
    )


drawn, told = zip(falling(*axis), falling(*shorter), strict=True)
plots.show(drawn, alt=told, caption="Floats orange, integers blue. Green: clipped.")

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How large is the error?
#
# The grid has 3 bits, so eight levels, for the range from −1 to 3.
#
# **Predict.** Inside the range, how far can $\hat x$ be from $x$: **A** a quarter of the scale, **B** half of it, **C** all of it? And outside?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Show of hands; expect B, and few think of the outside. Say after the figure: "The levels are shifted a little, for 0 to
# be exact: they end at -1.14 and 2.86. A wider range clips less and rounds more coarsely." Transition: "What if the range is mirrored around 0?"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
eight = affine_map(torch.tensor(-1.0), torch.tensor(3.0), 0, 7)
line = torch.linspace(-2, 4, 2401)
back = to_floats(to_integers(line, *eight, 0, 7), *eight)
fig, (top, bottom) = plots.figure(rows=2, size=(6.2, 4.0))
top.plot(line, line, color=plots.COLOURS["grey"], linestyle=":", label="x")
top.plot(line, back, label="what is left")
top.legend()
bottom.plot(line, (back - line) / eight[0], color=plots.COLOURS["orange"])
bottom.axhspan(-0.5, 0.5, color=plots.COLOURS["green"], alpha=0.2)
bottom.set(xlabel="x", ylabel="error / scale", ylim=(-2, 2))
plots.show(
    fig,
    alt="Above: a staircase of eight steps follows the diagonal from -1 to 3 and is flat outside. Below: the error over the scale is a saw between "
    "minus and plus one half inside the range, and grows steadily outside of it.",
    caption="Rounding inside the range, clipping outside of it.",
)

# %% slideshow={"slide_type": "skip"}
values = torch.empty(1_000_000).uniform_(-1, 3, generator=torch.Generator().manual_seed(0))
own_map = affine_map(*values.aminmax())
errors = (to_floats(to_integers(values, *own_map), *own_map) - values).abs()
largest = (errors.max() / own_map[0]).item()
card.record("rounding-error", largest)
print(f"largest error of a million values in the range: {largest:.5f} scales")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Two errors: B, and no bound outside.** *Rounding* is at most half a scale, and some last digits of fp32. *Clipping* has no bound.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Symmetric or asymmetric?
#
# A **symmetric** map has $z = 0$, and its scale follows from $m = \max |x|$. The zero point drops out of all formulas. The map above is
# **asymmetric**: its range is that of the data.
#
# **Predict.** What ReLU gives out is never negative. How much larger is the mean *squared* error of a symmetric map on it: **A** the same,
# **B** 2 times, **C** 4 times? (Without the constant that a black background gives.)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw a histogram of what comes out of ReLU. Show of hands; expect B, because the scale doubles. Say: "The scale doubles,
# and the error counts squared: about four." Transition: "Half of the integers are never used here. Are weights better off?"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
features = torch.relu(lenet.conv1(images[:500]))
ends = features.aminmax()
background = torch.relu(lenet.conv1.bias)[:, None, None]  # one number a map: its error is a matter of luck
features = features[~torch.isclose(features, background, atol=1e-6)]
maps = {"asymmetric": affine_map(*ends), "symmetric": (2 * ends.max / 255, torch.tensor(0))}
squared = {name: (to_floats(to_integers(features, *m), *m) - features).square().mean() for name, m in maps.items()}
some = features.flatten().sort().values[:: features.numel() // 40].tolist()
canvas, highest = diagrams.Canvas(width=620, height=310), ends.max.item()
for row, (name, steps) in enumerate({"asymmetric": 7, "symmetric": 3.5}.items()):
    ticks, at = {n * highest / steps: "" for n in (range(8) if row == 0 else range(-4, 4))}, 105 + 125 * row
    ruler = diagrams.number_line(canvas, -4 * highest / 3.5, highest, y=at, ticks=ticks)
    for value in some:
        ruler.point(value, above=34, meaning="activations")
    canvas.text(40, at - 70, name, align="left")
canvas.text(310, 285, f"squared error, 8 bits: {squared['symmetric'] / squared['asymmetric']:.2f} times as large")
plots.show(
    canvas.figure(),
    alt=f"Two number lines with the same points, the output of ReLU, from 0 to {ends.max:.2f}. Upper: eight marks from 0 to the largest value. Lower: "
    "eight marks twice as far apart, half of them below 0, where no point lies. Written below: with 8 bits the squared error of the symmetric "
    f"map is {squared['symmetric'] / squared['asymmetric']:.2f} times as large.",
    caption="Output of ReLU over eight integers, with and without a zero point of its own.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C, nearly.** Half of the integers are never used, the scale doubles, the error counts squared. Usual: weights symmetric, activations
# asymmetric ([[observers]]).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Which levels do the weights use?
#
# The rounding of section 1 was symmetric, with the scale that PyTorch takes for weights: $s = 2m / (2^b - 1)$, for between $2^b$ integers there
# are $2^b - 1$ steps.
#
# With 2 bits the integers are −2, −1, 0, 1, and $s = \frac{2}{3} m$.
#
# **Predict.** Sketch four bars: how many of the 48,000 weights of `fc1` take each integer?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Give the room a minute to draw. Expect a hill over all four. Ask somebody who has drawn a bar at -2: "Which weight gets
# there?" |w|/s is at most 1.5, and 1.5 is a tie. After the bars ask: "What would you change: the number of levels, or where they lie?"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
used = {name: [int((weight_integers(w, 2) == n).sum()) for n in range(-2, 2)] for name, w in layers.items()}
card.record("lowest-level", max(counts[0] for counts in used.values()))
canvas = diagrams.Canvas(width=620, height=310)
shown = dict(zip(("−2", "−1", "0", "1"), used["fc1"], strict=True))
diagrams.bars(canvas, shown, x=80, y=25, width=380, gap=20, size=27, meaning="int8", text="{:,}")
plots.show(
    canvas.figure(),
    alt=f"Four bars, the weights of fc1 on each integer at 2 bits: {', '.join(f'{n:,} on {name}' for name, n in shown.items())}.",
    caption="Weights of fc1 on each of four integers.",
)

# %% slideshow={"slide_type": "skip"}
Table(
    ["layer", "−2", "−1", "0", "1"],
    [[name, *(f"{n:,}" for n in counts)] for name, counts in used.items()],
    caption="LeNet at 2 bits: weights on each integer",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Three levels, not four, and one of them takes nearly all of `fc1`.** $|w| / s$ is at most 1.5, so −2 is reached only by a *tie*,
# a weight half-way between −1 and −2. But for ties $2^b - 1$ of the $2^b$ integers can be reached: 255 of 256 at 8 bits. The largest weight alone sets the step.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Other grids of 2 bits
#
# Three things can change: the **step**, here $\frac{1}{3} m$ or one standard deviation σ of the weights in place of $\frac{2}{3} m$; an **offset**: levels at $\pm
# \frac{1}{2}, \pm \frac{3}{2}$ steps in place of whole ones, with no level at 0; and the **number** of levels.


# %% slideshow={"slide_type": "-"}
def on_two_bits(weight, step, offset=0.0, lowest=-2):
    return step * (torch.round(weight / step - offset).clamp(lowest, 1) + offset)


TWO_BITS = {
    "step ⅔ m": lambda w: on_two_bits(w, weight_step(w, 2)),
    "step ⅔ m, halves": lambda w: on_two_bits(w, weight_step(w, 2), offset=0.5),
    "step ⅓ m": lambda w: on_two_bits(w, weight_step(w, 2) / 2),
    "step σ": lambda w: on_two_bits(w, w.std()),
    "step σ, halves": lambda w: on_two_bits(w, w.std(), offset=0.5),
    "step σ, three levels": lambda w: on_two_bits(w, w.std(), lowest=-1),
}

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Say: "Step and offset, each with and without the other, so that we can tell them apart." Explain the last row: it gives one of the
# four levels away. Ask what the weights beyond two steps become: they are clipped. Transition: "Where do these levels lie among the weights?"

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where the levels lie among the weights of `fc1`
#
# Every one of these grids takes 2 bits a weight and one scale a layer.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fc1 = layers["fc1"]
fig, ax = plots.figure(size=(12, 4.6))
heights, *_ = ax.hist(fc1.flatten().numpy(), bins=120, color=plots.COLOURS["grey"], alpha=0.6)
tallest = max(heights)
for row, (name, on_grid) in enumerate(TWO_BITS.items()):
    places, at = on_grid(fc1).unique(), -tallest * (0.13 + 0.16 * row)
    ax.plot(places, [at] * len(places), "|", color=plots.COLOURS["blue"], markersize=14, markeredgewidth=4)
    ax.text(1.1 * fc1.abs().max(), at, name, va="center", fontsize=17)
for name, place in {"m": fc1.abs().max().item(), "σ": fc1.std().item()}.items():
    ax.axvline(place, color=plots.COLOURS["orange"], linestyle=":")
    ax.text(place + 0.02 * fc1.abs().max(), 0.8 * tallest, name, fontsize=17, color=plots.COLOURS["orange"])
ax.set(xlabel="weight", yticks=[], xlim=(-1.42 * fc1.abs().max(), 1.75 * fc1.abs().max()))
plots.show(
    fig,
    alt="Histogram of the weights of fc1, a narrow hill around 0 with a few weights far out. Below it, a row of marks for each grid, at the levels that "
    "it uses. With the step two thirds of the largest weight the marks lie outside of the steep part of the hill, but for one at 0 without the offset. With a third they "
    "come nearer, and with the step of one standard deviation all marks lie under the hill.",
    caption="Blue: the levels that are used, −2 in the first row by a tie at most; m is the largest |weight|, σ the standard deviation.",
)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Let the room look. Say: "Every grid has 2 bits a weight and one scale a layer: the same file." Ask which one each person would
# take, and keep the answers for the next slide.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"} tags=["lecture"]
# ### Is it the bits that break it?
#
# Every layer on the same kind of grid, 2 bits a weight. $m$ is the largest $|w|$ of a layer, σ its standard deviation. *Halves* have levels at $\pm
# \frac{1}{2}, \pm \frac{3}{2}$ steps.
#
# **Predict.** Which grid answers best? And how much does it cost to give one of four levels away?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2.5 min.* Show of hands for ⅔ of the largest weight or σ as the step; expect that clipping so many weights hurts. After the table say:
# "Count the weights on each level before you blame the bits." By the counts *halves* with the large step keep little more than the sign of a weight; that was still
# better than 0 for nearly all. Add that this is one network: over 26 trainings *halves* won 4 to 53 points over the whole steps, and σ 17 to 63. Transition: "The
# grid is ours. Does PyTorch get the same integers from it?"


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
def on_levels(name):
    return TWO_BITS[name](fc1).unique(return_counts=True)[1].tolist()


answers = {name: 100 * accuracy_on(lambda w, bits, g=on_grid: g(w), 2) for name, on_grid in TWO_BITS.items()}
card.record("two-bits-halves", answers["step ⅔ m, halves"] - answers["step ⅔ m"])
card.record("two-bits-step", answers["step σ"] - answers["step ⅔ m"])
Table(
    ["grid", "fc1: weights on each level", "right, %"],
    [
        *([name, " · ".join(f"{n:,}" for n in on_levels(name)), f"{right:.0f}"] for name, right in answers.items()),
        ["fp32", "–", f"{100 * accuracy[32]:.0f}"],
    ],
    caption="LeNet, weights with 2 bits",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. Not the bits alone: where the levels lie.** Whole steps of ⅔ m clip nothing and are too coarse. With ⅓ m or σ most accuracy is back here, and
# most of it stays with three levels in place of four: over 18 trainings they cost up to 14 points, or won up to 4. `fc1` is an example: every layer is rounded here.
# The network was not trained after the rounding; [[observers]] comes back to the choice of a range.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 5. The same integers as PyTorch
#
# PyTorch has **quantized tensors**: integers (`quint8` 0 to 255, `qint8` −128 to 127) that know their scale and zero point.

# %% slideshow={"slide_type": "-"} tags=["legacy"]
packed = torch.quantize_per_tensor(x, scale.item(), zero_point.item(), torch.qint8)
print("x                 ", [round(v, 2) for v in x.tolist()])
print("scale", round(packed.q_scale(), 4), "zero point", packed.q_zero_point())
print("PyTorch's integers", packed.int_repr().tolist())
print("our integers      ", q.tolist())

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Say: "Six numbers agree. Six numbers prove little." Mention that the type is on its way out while the arithmetic stays, and
# ask where two programs that round could disagree: half-way.

# %% [markdown] slideshow={"slide_type": "-"}
# The type is on its way out ([announcement](https://github.com/pytorch/pytorch/issues/184982)); newer code (the package torchao) keeps plain
# `torch.int8` tensors beside their scales. The map is the same.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Three ways to write one formula
#
# On paper these are the same, or nearly:
#
# 1. `round(x * (1 / scale)) + zero_point`
# 2. `round(x / scale) + zero_point`
# 3. `round(x * (1 / scale) + zero_point)`
#
# **Predict.** Which give PyTorch's integers for 100,000 random numbers? And for 100,000 as near to half-way between two neighbours as fp32 allows?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands for each way; expect the second, the formula of the textbook. Then the third on the board, with z = 3: "0.5 goes to
# the even 0, and 0 + 3 is 3. But 0.5 + 3 is 3.5, and goes to the even 4." Say after the table: "Training with
# rounding simulates the integers in floats. If simulation and kernel round differently, no error message says so."


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


noise, spacing = torch.Generator().manual_seed(0), torch.tensor(0.03)
kinds = {
    "random": torch.randn(100_000, generator=noise),
    "half-way": (torch.randint(-100, 100, (100_000,), generator=noise) + 0.5) * spacing,
}
different = {(kind, z): three_ways(some, spacing, z) for kind, some in kinds.items() for z in (0, 3)}
card.record("integers-as-torch", sum(counts[0] for counts in different.values()))
card.record("division-differs", different["half-way", 0][1])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["numbers", "z", "1.", "2.", "3."],
    [[kind, z, *(f"{n:,}" for n in counts)] for (kind, z), counts in different.items()],
    caption="of 100,000 integers differ from PyTorch's",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Only the first way gave PyTorch's integers in all four rows.** Half-way cases decide: `round` goes to the *even* neighbour. Inside the bracket an odd zero
# point turns ties round, and a sum may be rounded onto a tie. A division may differ from the product in the last bit.
#
# **Fake quantization** ([[qat]] trains with it) rounds floats to the levels and leaves them floats. Both agree here.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Scale and zero point
# ★ · 8 minutes
#
# Write `qparams`: scale and zero point of a tensor for the integers from `qmin` to `qmax`. The range goes from the smallest to the largest value,
# *widened where it does not hold 0*; `affine_map` of section 3 does not do that. Only where all values are 0, not where
# the scale is merely small, any scale would do: take 1.0.
#
# `qparams(values, qmin, qmax)` → (scale, zero point), a float and an int; `values` is a tensor of floats, of any shape. Where the zero
# point lies half-way between two integers, either will do.
#
# <details><summary>Hint</summary>
# The low end is the smaller one of the minimum and 0. From qmin to qmax there are qmax − qmin steps. The zero point is where 0 lands: start at
# qmin and go up one integer for each scale between the low end and 0. Round to a whole number.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; alone it takes 8. Two mistakes to expect: 256 steps in place of 255, and a range without 0. Ask: "All values lie
# between 1 and 3. Which integer would stand for 0?" None: the zero point would lie below qmin.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def qparams(values, qmin, qmax):
    """(scale, zero point) of an asymmetric map of all `values`, with 0 in its range.

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


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · Quantize, row by row
# ★★ · 10 minutes
#
# Write `quantize`: the integers of a matrix whose rows have a scale and a zero point each. Round, clamp and plain arithmetic are
# enough. The integers must be PyTorch's, half-way cases included.
#
# `quantize(x, scale, zero_point, qmin, qmax)` → whole numbers, in the shape of `x`; `x` has the shape (rows, columns), `scale` and `zero_point` have
# (rows,); `x` and `scale` are fp32
#
# <details><summary>Hint</summary>
# Section 5 shows which of three ways is PyTorch's. Turn the scales into a column, so that each belongs to a row. The clamp comes last.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; alone it takes 10. In a short lecture leave it as homework. It is per-channel quantization before its name: the next lesson shows why a row
# deserves a scale of its own.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def quantize(x, scale, zero_point, qmin, qmax):
    """The integers of torch.quantize_per_channel along the rows, qmin to qmax.

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


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The figures that this run can check, beside their source.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A scale and a zero point turn floats into integers; inside the range the error is at most about half a scale.
# - At 2 bits whole steps that clip nothing were too coarse for these weights: a smaller one, from σ or from a third of the largest weight, won most of the accuracy back.
# - `quantize_per_tensor` multiplies by the fp32 reciprocal of the scale, rounds half-way cases to even, and adds a whole zero point last. Other functions may
#   differ in half-way cases.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference: a whitepaper*, 2018,
# [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), section 2 for the maps; M. Nagel et al., *A white paper on neural network quantization*, 2021,
# [arXiv:2106.08295](https://arxiv.org/abs/2106.08295).
#
# **Project ideas**: round the weights of LeNet up or down so that the *output* changes least; find the three levels that serve LeNet best; give each
# layer the grid that suits it.
#
# **Credits**: part of the course's idea by Tal Daniel (Technion, EE 046211, tutorial 10), after *Introduction to Quantization on PyTorch* by Raghuraman
# Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Repeat the opening question with the board: how many different values does a weight need? Ask what the lesson did *not* show: no
# network was trained with the rounding, and no integer was multiplied yet. Transition: "Next lesson: the range, and a layer that runs in integers."

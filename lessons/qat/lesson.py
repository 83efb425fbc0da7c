# ---
# jupyter:
#   course:
#     promise: You will train a network to live with few bits, and say what the rounding in the loop was worth.
#     minutes: 45
#     seconds: 25
#     needs: [measuring, energy, integers, observers]
#     goals:
#       - Write a straight-through estimator, and say what it does inside and outside the range.
#       - Train a network whose weights are rounded, with a parametrization.
#       - Separate what the rounding in the loop won from what the extra training won.
#       - Pack weights of 2 bits into a file that is nearly as small as they promise.
#     terms: [parametrization, "quantization-aware training, QAT", "straight-through estimator, STE"]
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
#
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask: "Rounding after training, or rounding while training: which gives the higher accuracy?" Most say the second. Write down the
# count and ask again at the end, with two questions added: at how many bits, and compared with what?

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import statistics
import sys
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from tqdm import tqdm

from course_utils import data, models, runtime, training
from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.qat import checks as check

card = claims.Scorecard("qat")
torch.set_num_threads(1)  # for what is measured; training may take more
runtime.describe(runtime.best_device())

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. Two bits a weight
#
# LeNet-300-100 learns MNIST. Then its *weights* are rounded: each layer has one step, and integers of $b$ bits, as in [[integers]]. Activations stay float.
#
# **Predict.** Accuracy at 2 bits, that is with three or four values for a weight: **A** above 95 %, **B** about 80 %, **C** below 60 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2 min.* Show of hands. Remind the room that MNIST is easy. After the table ask where the cliff is. Transition: "Then we train it for the grid.
# First we need a gradient."

# %% slideshow={"slide_type": "skip"}
digits, digit_labels = data.load("mnist")
digit_test = data.load("mnist", "test")


def fit(net, n, epochs, lr, seed):
    """Train on the first n digits with Adam; gives the network back."""
    some = digits[:n], digit_labels[:n]
    training.fit(net, *some, epochs=epochs, batch_size=128, lr=lr, seed=seed, progress=False)
    return net


# %% slideshow={"slide_type": "skip"}
def trained(seed):
    """Half of MNIST, three times: less than a long training would give, and the same for all that follows."""
    runtime.seed_all(seed)
    return fit(models.LeNet300100(), 30_000, epochs=3, lr=3e-3, seed=seed)


def digits_right(net):
    return 100 * training.evaluate(net, *digit_test)


def step_of(weight, bits):
    """The step of [[integers]]: from -max|w| to max|w| in 2**bits - 1 steps."""
    return 2 * weight.detach().abs().max() / (2**bits - 1)


def on_grid(weight, bits, step):
    half = 2 ** (bits - 1)
    return torch.round(weight * (1 / step)).clamp(-half, half - 1) * step


def plainly_rounded(net, bits, step=step_of):
    """A copy whose weights are rounded, without any training."""
    net = copy.deepcopy(net)
    with torch.no_grad():
        for layer in (net.fc1, net.fc2, net.fc3):
            layer.weight.copy_(on_grid(layer.weight, bits, step(layer.weight, bits)))
    return net


BITS = (8, 4, 3, 2)
lenet = trained(seed=0)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
shares = {"fp32": lenet} | {f"{bits} bits": plainly_rounded(lenet, bits) for bits in BITS}
Table(
    ["weights", "right, %"],
    [[name, f"{digits_right(net):.1f}"] for name, net in shares.items()],
    caption="LeNet-300-100, one seed",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. C: two bits with this step break it.** The step is set by the largest weight; section 3 comes back to that.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. A gradient for a staircase
#
# **Fake quantization**: in the forward pass round the weights to the grid, and keep them as floats. The loss is then that of the rounded network. Train that.
#
# **Predict.** `torch.round` has a derivative, and autograd knows it. How many of the 235,200 weights of `fc1` get a gradient other than zero: **A** all, **B**
# about half, **C** next to none?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw a staircase on the board and ask for its slope. After the number ask who the one weight is: the largest sets the step, and that path
# can be differentiated.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def with_gradient(rounding):
    """Which weights of fc1 get a gradient when the loss is that of the network with rounded fc1."""
    weight = lenet.fc1.weight.detach().clone().requires_grad_()
    logits = torch.func.functional_call(lenet, {"fc1.weight": rounding(weight)}, digits[:256].to(weight.device))
    loss = F.cross_entropy(logits, digit_labels[:256].to(weight.device))
    (gradient,) = torch.autograd.grad(loss, weight)
    return gradient != 0


def step_with_gradient(weight):
    return 2 * weight.abs().max() / 255  # not detached: the largest weight moves all levels


through_round = with_gradient(lambda w: on_grid(w, 8, step_with_gradient(w)))
print(f"{int(through_round.sum())} of {through_round.numel():,} weights get a gradient")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. C: a staircase is flat, except where it jumps.** Only the weight that sets the step gets a gradient: all levels move with it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The straight-through estimator
#
# From afar the staircase looks like the line $y = x$. The **straight-through estimator** (STE) takes the derivative of *that*
# ([Bengio et al., 2013](https://arxiv.org/abs/1308.3432)). Clipping keeps its own.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the two methods aloud, one as "what the network sees", one as "what the weights hear". Ask what ctx carries, and why backward returns
# four values.


# %% slideshow={"slide_type": "-"}
class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, qmin, qmax):
        q = torch.round(x * (1 / scale))
        ctx.save_for_backward((q >= qmin) & (q <= qmax))
        return q.clamp(qmin, qmax) * scale

    @staticmethod
    def backward(ctx, gradient):
        (inside,) = ctx.saved_tensors
        return gradient * inside, None, None, None  # none for scale, qmin, qmax


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Two ways through one node
#
# **Predict.** Forward goes through the staircase, backward round it. The grid has 3 bits and a step of 0.5, so it ends at 1.5. What comes back to $x = 0.9$, what to
# $x = 2.7$?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* One click a frame. Before the second ask for the gradient at 0.9, before the third for that at 2.7. Say why it is 0 there: move a clipped
# value by a whole step, and the result stays as it is; at 0.9 a whole step changes it.


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def node(value, backward):
    """The path of one value through our estimator, drawn from the live function."""
    x = torch.tensor(value, requires_grad=True)
    y = StraightThrough.apply(x, 0.5, -4, 3)
    y.retain_grad()
    loss = (y - 2) ** 2
    loss.backward()
    canvas, low = diagrams.Canvas(height=320), 230
    names = (f"x\n{value:g}", "round", "clamp\n−2 … 1.5", f"y\n{y.item():g}", f"loss\n{loss.item():.2f}")
    boxes = [canvas.box(20 + 240 * i, 40, words, width=150, height=110) for i, words in enumerate(names)]
    for one, other in pairwise(boxes):
        canvas.wire(one.right, other.left, meaning="fp32" if one is boxes[0] else "int8")
    told = f"Boxes in a row: x = {value:g}, round, clamp, y = {y.item():g}, loss {loss.item():.2f}."
    if backward:
        end = boxes[0 if x.grad.item() else 2].bottom
        for one, other in pairwise((boxes[4].bottom, (boxes[4].bottom[0], low), (end[0], low), end)):
            canvas.wire(one, other, meaning="gradient", arrow=other is end)
        words = f"gradient of y: {y.grad.item():g}, gradient of x: {x.grad.item() + 0:g}"
        canvas.text(700, low + 40, words, colour="gradient")
        told += f" A green line goes from the loss, under the boxes, to {'x' if x.grad.item() else 'clamp'}; {words}."
    return canvas.figure(), told


drawn, told = zip(node(0.9, False), node(0.9, True), node(2.7, True), strict=True)
plots.show(drawn, alt=told, caption="Orange float, blue on the grid, green backward; loss (y − 2)².")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. Inside the range the gradient passes as it came; where the value is clipped it stops.**

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The same, for all $x$
#
# **Predict.** The true derivative of the left figure is 0 wherever it exists. Where is the estimator's 1?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let somebody point at the two places on the left where the estimator must drop from 1 to 0, then click. They lie half a step beyond the ends, for those values still
# round to the ends.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
line = torch.linspace(-3, 3, 1201, requires_grad=True)
x, stairs = line.detach(), StraightThrough.apply(line, 0.5, -4, 3)
(passed,) = torch.autograd.grad(stairs.sum(), line)


def derivatives(answered):
    fig, (left, right) = plots.figure(columns=2, size=(12, 3.9))
    left.plot(x, x, color=plots.COLOURS["grey"], linestyle=":", label="y = x")
    left.plot(x, stairs.detach(), label="rounded and clipped")
    left.set(xlabel="x", ylabel="value")
    left.legend(loc="upper left")
    right.plot(x, torch.zeros_like(x), color=plots.COLOURS["black"], linestyle="--", label="true derivative")
    if answered:
        right.plot(x, passed, color=plots.COLOURS["orange"], label="straight-through")
    right.set(xlabel="x", xlim=left.get_xlim(), ylabel="gradient", ylim=(-0.1, 1.6))
    right.legend(loc="upper left", ncols=2)
    return fig


told = "Left: a staircase of eight steps follows the line y = x from -2 to 1.5 and is flat outside. Right: the true derivative is zero wherever it exists"
plots.show(
    [derivatives(False), derivatives(True)],
    alt=[f"{told}.", f"{told}; the straight-through gradient is one from -2.25 to 1.75 and zero outside."],
    caption="Three bits, step 0.5.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. 1 from −2 to 1.5, and half a step beyond either end.**

# %% slideshow={"slide_type": "skip"}
# PyTorch has the same node. Values and gradients, half-way cases included:
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
print(f"{differ} of {2 * len(x):,} values and gradients differ from torch's")

# Why does only a part of fc1 get a gradient through the estimator? A control: the same network without any rounding.
through_ste = with_gradient(lambda w: StraightThrough.apply(w, step_of(w, 8), -128, 127))
in_float = with_gradient(lambda w: w * 1)
print(
    f"with a gradient: {through_ste.float().mean():.0%} through the estimator, {in_float.float().mean():.0%} in float"
)
print(f"the two agree on {(through_ste == in_float).float().mean():.2%} of the weights")

# %% [markdown] slideshow={"slide_type": "skip"}
# So the rest has none for a reason other than rounding: a weight gets a gradient only if in some image its pixel is not black *and* its hidden unit is on. Border pixels
# that are always black, and units that are always off, are the extreme cases.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Is the nearest point of the grid the best one?
#
# Two weights, whole numbers only. The best floats are (0.30, 0.45), and rounding gives (0, 0).
#
# **Predict.** The float weights take small steps down the gradient of the *rounded* loss. Do they come to rest at the best point of the grid?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask who votes for "rest". The first frame has the start only: let the room say where the weights will go. Then point at the zigzag. The float
# weights are a memory: small steps add up in them until the rounded value flips. A rounded weight alone would lose a step smaller than half a level.

# %% slideshow={"slide_type": "skip"}
best = torch.tensor([0.30, 0.45])
curvature = torch.tensor([[1.0, 0.9], [0.9, 1.0]])  # the two inputs are nearly alike, so errors can cancel


def toy_loss(w):
    return (w - best) @ curvature @ (w - best)


w, path, seen = best.clone().requires_grad_(), [], []
for step in range(40):
    loss = toy_loss(StraightThrough.apply(w, 1.0, -4, 3))
    (gradient,) = torch.autograd.grad(loss, w)
    path.append(w.detach().clone())
    seen.append(loss.item())
    with torch.no_grad():
        w -= 0.02 * (1 - step / 40) * gradient  # the steps shrink
path = torch.stack(path)
flips = [bool(a) for a in (path[1:].round() != path[:-1].round()).any(1)]
all_points = torch.cartesian_prod(torch.arange(-4, 4), torch.arange(-4, 4)).float()
lowest = min(all_points, key=lambda point: toy_loss(point).item())
titles = {n: f"enlarged: {sum(flips[: n - 1])} crossings, {n - 1} steps" for n in (1, 8, 16, 40)}


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def walk(shown):
    fig, (left, right) = plots.figure(columns=2, size=(12, 3.7))
    for point in torch.cartesian_prod(torch.arange(2), torch.arange(2)).float():
        a, b = point.tolist()
        tint = plots.COLOURS["green" if torch.equal(point, lowest) else "grey"]
        left.fill_between([a - 0.5, a + 0.5], b - 0.5, b + 0.5, color=tint, alpha=0.15 + 0.2 * ((a + b) % 2))
        left.text(a, b, f"({a:g}, {b:g})\nloss {toy_loss(point).item():.2f}", ha="center", va="center")
    for ax in (left, right):
        ax.plot(*path[:shown].T, ".-", color=plots.COLOURS["orange"], linewidth=1.5)
    left.set(xlabel="first weight", ylabel="second weight", xlim=(-0.5, 1.5), ylim=(-0.5, 1.5))
    left.grid(visible=False)
    right.axhline(0.5, color=plots.COLOURS["blue"], linestyle=":")
    right.set(xlabel="first weight", xlim=(0.24, 0.42), ylim=(0.44, 0.53), title=titles[shown])
    return fig


plots.show(
    [walk(shown) for shown in titles],
    alt=[
        f"Left: four cells, each with its loss. Right, enlarged: the float weights after {shown - 1} steps; {sum(flips[: shown - 1])} crossings."
        for shown in titles
    ],
    caption="Orange: the float weights. Green: the best cell. A cell rounds to its middle.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. It visits the better cell, and leaves it again.** The gradient is not zero there either, so the weights drift over borders and back
# ([Nagel et al., 2022](https://arxiv.org/abs/2203.11086)), also while the steps shrink. So check the rounded network often, and keep the best.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 3. Training on the grid, and a fair opponent
#
# A **parametrization** puts a function between the weight that learns and the weight that the layer uses. Ours rounds:

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask which of the two weights is in the optimizer and which one the layer multiplies with. The training loop does not change; say so before
# somebody asks for it. Last: "What would be a fair opponent for it?" The next slide has ours.


# %% slideshow={"slide_type": "-"}
class OnGrid(nn.Module):
    def __init__(self, bits, step=step_of):
        super().__init__()
        self.bits, self.step = bits, step

    def forward(self, weight):  # what learns; what comes out is what the layer sees
        step, half = self.step(weight, self.bits), 2 ** (self.bits - 1)
        return StraightThrough.apply(weight, step, -half, half - 1)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Whom should it beat?
#
# **Quantization-aware training** (QAT) *trains on*, here for half a pass with a smaller learning rate. That alone may help, rounding or not. So three arms start from
# the same network:
#
# - **plain** rounding
# - **trained on** as long in float, then rounded
# - **QAT**
#
# **Predict.** At 8, 4, 3 and 2 bits: where is QAT more than a point above *trained on*?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Compare the list with the opponents that the room designed. Then a vote for each number of bits. After the figure ask which pairs of marks tell
# about rounding, and which about training. Small marks are single seeds.

# %% slideshow={"slide_type": "skip"}
SEEDS = (0, 1, 2)


def train_on(net, seed):
    """Half a pass with a small learning rate: the same for every arm."""
    return fit(net, 15_000, epochs=1, lr=1e-3, seed=100 + seed)


starts, longer, arms = {0: lenet}, {}, {}
for seed in tqdm(SEEDS, desc="networks", file=sys.stdout, leave=False):
    if seed not in starts:
        starts[seed] = trained(seed)
    longer[seed] = train_on(copy.deepcopy(starts[seed]), seed)
    arms[seed, 32, "trained on"] = digits_right(longer[seed])
    for bits in BITS:
        arms[seed, bits, "plain"] = digits_right(plainly_rounded(starts[seed], bits))
        arms[seed, bits, "trained on"] = digits_right(plainly_rounded(longer[seed], bits))


# %% slideshow={"slide_type": "skip"}
def with_grid(net, bits, step=step_of):
    net = copy.deepcopy(net)
    for layer in (net.fc1, net.fc2, net.fc3):
        parametrize.register_parametrization(layer, "weight", OnGrid(bits, step))
    return net


aware = {}
for seed, bits in tqdm([(seed, bits) for seed in SEEDS for bits in BITS], desc="QAT", file=sys.stdout, leave=False):
    aware[seed, bits] = train_on(with_grid(starts[seed], bits), seed)
    arms[seed, bits, "QAT"] = digits_right(aware[seed, bits])


def mean_right(bits, arm):
    return statistics.mean(arms[seed, bits, arm] for seed in SEEDS)


def gains(bits, arm):
    """QAT above another arm, in points, a number a seed."""
    return [arms[seed, bits, "QAT"] - arms[seed, bits, arm] for seed in SEEDS]


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.2, 4))
for arm, colour, marker in (("plain", "grey", "s"), ("trained on", "blue", "o"), ("QAT", "orange", "^")):
    ax.plot(BITS, [mean_right(bits, arm) for bits in BITS], f"{marker}-", color=plots.COLOURS[colour], label=arm)
    for bits in BITS:
        points = [arms[seed, bits, arm] for seed in SEEDS]
        ax.plot([bits] * len(SEEDS), points, marker, color=plots.COLOURS[colour], markersize=5, alpha=0.6)
ax.set(xlabel="bits a weight", ylabel="right, %", ylim=(0, 100), xticks=BITS)
ax.invert_xaxis()
ax.legend(loc="lower left")
plots.show(
    fig,
    alt="Accuracy over bits for three arms: "
    + "; ".join(
        f"{arm} " + ", ".join(f"{mean_right(b, arm):.1f}" for b in BITS) for arm in ("plain", "trained on", "QAT")
    )
    + " percent at 8, 4, 3 and 2 bits.",
    caption="MNIST, weights only, one step a layer. Means of three seeds; small: single seeds.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. With this step only QAT still works at 2 bits.** The next table has the numbers.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Above whom, and by how much?
#
# **Predict.** At 3 bits: does each of the three seeds gain from the rounding in the loop?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Ask before the table: of the gains above *plain* and above *trained on*, which would a paper print? Then read out the last column: a mean of three says
# little when they are far apart. Exercise 2 makes the rule.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
card.record("lenet-floor", mean_right(32, "trained on"))
card.record("two-bits", statistics.mean(gains(2, "plain")))
card.record("two-bits-fair", statistics.mean(gains(2, "trained on")))
card.record("three-bits", statistics.mean(gains(3, "plain")))
card.record("three-bits-fair", statistics.mean(gains(3, "trained on")))
card.record("int8-after-qat", mean_right(32, "trained on") - mean_right(8, "QAT"))
card.record("eight-bits-nothing", abs(statistics.mean(gains(8, "trained on"))))
Table(
    ["bits", "plain, %", "trained on, %", "QAT, %", "above plain, pp", "above trained on, pp", "single seeds, pp"],
    [
        [
            bits,
            *(f"{mean_right(bits, arm):.2f}" for arm in ("plain", "trained on", "QAT")),
            *(f"{statistics.mean(gains(bits, arm)):+.2f}" for arm in ("plain", "trained on")),
            ", ".join(f"{gain:+.2f}" for gain in gains(bits, "trained on")),
        ]
        for bits in BITS
    ],
    caption=f"means of three seeds; fp32, trained on: {mean_right(32, 'trained on'):.2f} %",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. What the rounding won is the gain above *trained on*.** At 8 bits nothing, at 4 bits too little for three seeds
# to show (see the last column), at 3 bits about half a point. At 2 bits tens of points.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What did it change?
#
# **Predict.** QAT at 2 bits moved the float weights of `fc1` by more than a quarter of their size. What share of the *rounded* weights of `fc1` changed: **A** one or two in a hundred at most, **B** about a
# fifth, **C** most?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands. After the table ask what the column 0 says about the step. Transition: "Then perhaps plain rounding is a straw man."


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
codes = {}
for name, weight in (("plain", lenet.fc1.weight), ("QAT", aware[0, 2].fc1.parametrizations.weight.original)):
    step = step_of(weight, 2)
    codes[name] = (on_grid(weight.detach(), 2, step) / step).round()
share = (codes["plain"] != codes["QAT"]).float().mean().item()
back = copy.deepcopy(lenet)  # QAT's network, with the integers of fc1 put back
with torch.no_grad():
    for name in ("fc1", "fc2", "fc3"):
        old, new = getattr(back, name), getattr(aware[0, 2], name)
        old.weight.copy_(codes["plain"] * step if name == "fc1" else new.weight)
        old.bias.copy_(new.bias)
floats = aware[0, 2].fc1.parametrizations.weight.original - lenet.fc1.weight
print(f"float weights of fc1 moved by {floats.norm() / lenet.fc1.weight.norm():.0%} of their norm")
print(f"QAT {arms[0, 2, 'QAT']:.1f} % right; with the integers of fc1 put back {digits_right(back):.1f} %")
Table(
    ["fc1", *(f"{value}" for value in (-2, -1, 0, 1))],
    [[name, *(f"{(code == value).float().mean():.1%}" for value in (-2, -1, 0, 1))] for name, code in codes.items()],
    caption=f"share of each integer at 2 bits, seed 0; {share:.1%} of them changed",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. A: nearly all are 0, before and after.** The largest weight sets the step, and few others reach half of it. Yet the few that changed matter.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"} tags=["lecture"]
# ### Is it the training, or the step?
#
# A smaller step clips the few large weights and leaves fewer zeros. [[observers]] takes the standard deviation σ of the layer's weights. Both arms again at 2 bits: with the
# step σ, and with $k\,\sigma$, $k$ chosen for *trained on*.
#
# **Predict.** How far above *trained on* is QAT then: **A** tens of points, **B** a few, **C** none?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2.5 min.* Show of hands. After the table ask for the sentence that a report should print, and which of the gains a careless report would pick. Say: "The
# opponent gets the best of five steps, on images that no arm trained on."


# %% slideshow={"slide_type": "skip"}
def sigma(weight, bits):
    return weight.detach().std()


def held_out(k):
    """*Trained on* with the step kσ: right answers on training images that no arm has seen."""
    net = plainly_rounded(longer[0], 2, lambda weight, bits: k * sigma(weight, bits))
    return training.evaluate(net, digits[-10_000:], digit_labels[-10_000:])


best_k = max((1.0, 1.3, 1.6, 2.0, 2.5), key=held_out)
steps_by = {"σ": sigma, "kσ": lambda weight, bits: best_k * sigma(weight, bits)}
for seed in SEEDS:
    for name, rule in steps_by.items():
        arms[seed, name, "trained on"] = digits_right(plainly_rounded(longer[seed], 2, rule))
        arms[seed, name, "QAT"] = digits_right(train_on(with_grid(starts[seed], 2, rule), seed))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
card.record("two-bits-sigma", statistics.mean(gains("σ", "trained on")))
card.record("two-bits-best-step", statistics.mean(gains("kσ", "trained on")))
Table(
    ["step", "trained on", "QAT", "gain", "single seeds"],
    [
        [
            name,
            *(f"{mean_right(bits, arm):.1f}" for arm in ("trained on", "QAT")),
            f"{statistics.mean(gains(bits, 'trained on')):+.1f}",
            ", ".join(f"{gain:+.1f}" for gain in gains(bits, "trained on")),
        ]
        for name, bits in (("max", 2), ("σ", "σ"), (f"{best_k:g} σ", "kσ"))
    ],
    caption="2 bits, right in %, gain in pp; means of three seeds",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **Nearly all of the tens of points were the bad step (B): plain rounding with a good step beats quantization-aware training with a bad one.** With a step chosen for the opponent the rounding in the loop won one or two points.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Four weights in a byte
#
# **Predict.** PyTorch's layers take no 2-bit weights, so packing is ours to do. How many times smaller than fp32 is the file: **A** 4, **B** nearly 16, **C** more than 16?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask what 32 over 2 is, and what else is in a file. Read the sentence on speed aloud: unpacked when it is read, so a smaller file and not a faster layer.


# %% slideshow={"slide_type": "-"}
def pack(codes):
    """Integers -2 … 1, four in a byte; their number is a multiple of 4."""
    four = (codes + 2).to(torch.uint8).reshape(-1, 4)
    return four[:, 0] | four[:, 1] << 2 | four[:, 2] << 4 | four[:, 3] << 6


def unpack(packed, shape):
    four = torch.stack([packed >> shift & 3 for shift in (0, 2, 4, 6)], 1)
    return four.reshape(shape).float() - 2


# %% slideshow={"slide_type": "skip"}
small, unpacked = nn.Module(), copy.deepcopy(lenet).cpu()
for name in ("fc1", "fc2", "fc3"):
    layer, target = getattr(aware[0, 2], name), getattr(unpacked, name)
    scale = step_of(layer.parametrizations.weight.original, 2).cpu()
    small.register_buffer(f"{name}_codes", pack((layer.weight.detach().cpu() / scale).round()))
    small.register_buffer(f"{name}_scale", scale)
    small.register_buffer(f"{name}_bias", layer.bias.detach().cpu())
    with torch.no_grad():
        target.weight.copy_(unpack(getattr(small, f"{name}_codes"), target.weight.shape) * scale)
        target.bias.copy_(layer.bias)

# %% slideshow={"slide_type": "skip"}
packed_size, float_size = size_report(small), size_report(lenet)
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

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
smaller = float_size.file_bytes / packed_size.file_bytes
card.record("packed-file", smaller)
print(f"{float_size.file_bytes:,} bytes against {packed_size.file_bytes:,}: {smaller:.1f} times smaller")
print(f"read back and unpacked: {written[1].accuracy:.2%} right, before {arms[0, 2, 'QAT']:.2f} %")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B: biases, and the file's own bookkeeping, do not shrink.** The weights become floats when they are read: a smaller file, not a faster layer.

# %% [markdown] slideshow={"slide_type": "skip"}
# The load time in the ledger leaves the unpacking out. Its energy assumes a kernel that fetches 2 bits a weight and unpacks them on the chip; such a kernel is not part of
# this course.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Straight through, with a zero point
# ★★ · 10 minutes
#
# Write `straight_through`: fake quantization with a zero point. Forward: $s\,(q - z)$ with $q$ rounded, the zero point added, and clamped to `qmin` … `qmax`. Backward: the
# gradient passes where `x` is not clipped, and is 0 where it is. From an end of the range up to half a step beyond, both are fine. `x` has any shape, also none.
# Do not call a fake quantization of torch.
#
# `straight_through(x, scale, zero_point, qmin, qmax)` → a tensor of the shape and dtype of `x` that autograd can go back through
#
# <details><summary>Hint</summary>
# It also goes without a class of its own. The range in floats runs from (qmin − zero_point) · scale to (qmax − zero_point) · scale.
# <code>clamp</code> to it has a gradient that will do: it differs from section 2's in the last half step only, where both are fine. (Clamp <code>x</code>, not what was rounded:
# at an end itself <code>clamp</code> has the gradient 0.) Then add what rounding changes as a constant: <code>.detach()</code>.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* In pairs; alone it takes 10. The mistakes to wait for: a gradient that passes everywhere, and a range without the zero point. The second card is homework.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
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


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · Where did the gain at 8 bits go?
# ★★ · 10 minutes
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
# Then give it `[{"float": ..., ...}]` made from `arms` of section 3, one dictionary a seed (the last two keys are enough): is the gain at 3 bits more than noise?
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
# What this lesson claims, beside what your run measured. Sums in another order give other tenths; the bounds leave room for that.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Round in the forward pass, let the gradient straight through inside the range: then float weights learn to be good *rounded* weights.
# - Compare with a network that was trained as long, in several seeds, and with a step chosen for it.
# - Here it paid about half a point at 3 bits; at 2 bits one or two with a step chosen for the opponent, tens with a bad one. At 8 bits nothing, at 4 nothing clear.
#
# [[qat_cnn]] goes on with activations, batch norm and real integer kernels. [[torchao]] has this technique for linear layers.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: Y. Bengio et al., 2013, [arXiv:1308.3432](https://arxiv.org/abs/1308.3432), names the estimator; M. Nagel et al., *Overcoming oscillations*, 2022,
# [arXiv:2203.11086](https://arxiv.org/abs/2203.11086), the zigzag in MobileNets; S. Esser et al., *Learned step size quantization*, 2020,
# [arXiv:1902.08153](https://arxiv.org/abs/1902.08153): the step learns, too.
#
# **Project ideas**: let the step be a parameter; start QAT at 2 bits from the step σ; round the activations as well.
#
# **Credits**: part of the course's idea by Tal Daniel (Technion, EE 046211, tutorial 10), after *Introduction to Quantization on PyTorch* by Raghuraman
# Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Repeat the opening vote with its two questions: at how many bits, compared with what? Ask which column of the table they would print in a paper.

# ---
# jupyter:
#   course:
#     promise: You will train a network to live with few bits, and say what the rounding in the loop was worth.
#     seconds: 50
#     needs: [measuring, energy, integers, observers]
#     goals:
#       - Write a straight-through estimator, and say what it does inside and outside the range.
#       - Train a network whose weights are rounded, with a parametrization, and say what the float weights behind them are for.
#       - Find out by an experiment whether a gain of quantization-aware training comes from the rounding in the loop, from the longer training, or from the step.
#     terms: [parametrization, "quantization-aware training, QAT", "straight-through estimator, STE"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *If a network must live with few bits, let it learn with few bits.*
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
# *For the lecturer, 2 min.* Ask: "Rounding after training, or rounding while training: which gives the higher accuracy?" Most say the second. Write the count on the board
# and ask again at the end, with two questions added: at how many bits, and compared with what?

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import sys
from statistics import mean, stdev

import torch
from torch import nn
from torch.nn.utils import parametrize
from tqdm import tqdm

from course_utils import data, models, runtime, training
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.qat import checks as check
from lessons.qat import show

torch.set_num_threads(1)
runtime.describe(runtime.best_device())

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Two bits a weight
#
# LeNet-300-100 learns the digits of MNIST. Then its *weights* are rounded: each becomes a whole number of steps, stored in $b$ bits. The largest weight of a layer sets its step.
#
# **Predict.** How many test digits are still classified correctly at 2 bits: **A** above 95 %, **B** about 80 %, **C** below 60 %? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Show of hands. Say that nothing is trained after the rounding, and that MNIST is easy. After the table ask where the accuracy falls (between 3 and 2 bits), and why: one large weight makes the step so wide that nearly all others become 0. Transition: "In the first lesson on quantization we
# cured this with another step. Today we train instead. For that we need a gradient."

# %% [markdown] slideshow={"slide_type": "skip"}
# Nothing is trained after the rounding. A reminder of [[integers]], because everything here stands on it. With $b$ bits a weight becomes one of $2^b$ integers, and an integer $q$ stands for the number $s \cdot q$. The factor $s$ is the *scale*, or the *step*: the distance between two neighbouring levels. PyTorch's usual rule lets the largest magnitude of the layer, $m = \max |w|$, set the step: $s = 2m / (2^b - 1)$. With 2 bits the integers are −2, −1, 0 and 1, and $s = \frac{2}{3} m$.
#
# The inputs of each layer, the activations, stay floats in this lesson, and so do the biases. The three cells below train the network and hold the rule and the rounding.

# %% slideshow={"slide_type": "skip"}
digits, labels = data.load("mnist")
test = data.load("mnist", "test")
held_out = digits[-5_000:], labels[-5_000:]  # no network is trained on these


def fit(net, n, epochs, lr, seed):
    """Train on the first n digits with Adam; gives the network back."""
    some = digits[:n], labels[:n]
    training.fit(net, *some, epochs=epochs, batch_size=128, lr=lr, seed=seed, progress=False)
    return net


# %% slideshow={"slide_type": "skip"}
def trained(seed):
    """Half of MNIST, three times."""
    runtime.seed_all(seed)
    return fit(models.LeNet300100(), 30_000, epochs=3, lr=3e-3, seed=seed)


def accuracy(net, images=test):
    return 100 * training.evaluate(net, *images)


# %% slideshow={"slide_type": "skip"}
def max_step(weight, bits):
    return 2 * weight.detach().abs().max() / (2**bits - 1)


def rounded(weight, bits, step):
    half = 2 ** (bits - 1)
    return torch.round(weight * (1 / step)).clamp(-half, half - 1) * step


def plainly_rounded(net, bits, step=max_step):
    net = copy.deepcopy(net).requires_grad_(False)
    for layer in (net.fc1, net.fc2, net.fc3):
        layer.weight.copy_(rounded(layer.weight, bits, step(layer.weight, bits)))
    return net


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Trains the network, rounds copies of it to fewer and fewer bits, and counts the digits that are classified correctly.
BITS = (8, 4, 3, 2)
lenet = trained(seed=0)
copies = {"fp32": lenet} | {f"{bits} bits": plainly_rounded(lenet, bits) for bits in BITS}
Table(
    ["weights", "accuracy, %"],
    [[name, f"{accuracy(net):.1f}"] for name, net in copies.items()],
    caption="LeNet-300-100, one training",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With 2 bits and this step the network classifies fewer than half of the digits correctly (C).**
#
# <!-- page -->
#
# Down to 3 bits it loses little.
#
# One large weight is enough to do the damage. Take a layer with a hundred weights: ninety-nine have a magnitude of about 0.1, and one is 0.6. With 2 bits the step is $\frac{2}{3} \cdot 0.6 = 0.4$. A weight of 0.1 is a quarter of a step and is rounded to 0, so ninety-nine weights disappear. With 3 bits the step is $1.2 / 7 = 0.17$, and 0.1 is rounded to one step.
#
# In [[integers]] a smaller step, the standard deviation σ of the layer's weights, repaired much of this damage. Section 6 comes back to it. First we try another remedy. The network learned its weights without knowing that they would be rounded. Could it *learn* weights that bear the rounding?
#
# (About 96 % in fp32 is a network near the beginning of its training. *Deeper* repeats the comparison after a long one.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. A gradient for a staircase
#
# **Fake quantization** rounds the weights in the forward pass, and keeps the float weights. To make the loss of the *rounded* network small, we need its gradient.
#
# **Predict.** How many of the 235,200 weights of `fc1` get a gradient that is not 0: **A** all, **B** about half, **C** next to none? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Draw a staircase on the board and ask for its slope. After the number ask who the one weight is: the largest sets the step, and that path
# can be differentiated.


# %% slideshow={"slide_type": "fragment"}
def through_round(weight):
    step = 2 * weight.abs().max() / 255  # not detached
    return rounded(weight, 8, step)


few = digits[:256], labels[:256]
gradient = show.gradient_of_fc1(lenet, through_round, *few)
print(f"{int((gradient != 0).sum())} of {gradient.numel():,} weights get a gradient")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **A single weight gets a gradient (C), because the slope of a staircase is 0 except at its jumps.**
#
# <!-- page -->
#
# (`fc1` is the first layer. Autograd, which computes the gradients, knows a derivative of `torch.round`: 0 everywhere.) Let the step be 0.5 and the weight 0.9. That is 1.8 steps, so the weight is rounded to 2 steps, 1.0. Now increase the weight a little, to 0.91. It is still rounded to 1.0, the output of the network stays the same, and so does the loss. A gradient says how the loss changes with a small change of the weight: here it does not change at all.
#
# The one exception is the largest weight. It sets the step, and with the step all the levels move a little. (In the rest of the lesson the step is computed from `weight.detach()`: autograd takes it for a constant, and this last gradient is gone as well.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The straight-through estimator
#
# From afar the staircase looks like the line $y = x$, whose slope is 1. The **straight-through estimator** (STE) takes the slope of *that* line ([Bengio et al., 2013](https://arxiv.org/abs/1308.3432)), and the gradient 0 where $x$ is clipped.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the two methods aloud, the first as "what the network computes with", the second as "what the float weights are told". Ask what `ctx` carries (which values were not clipped), and why `backward` returns
# four values (one for each argument of `forward`; the step and the two ends get none).

# %% [markdown] slideshow={"slide_type": "skip"}
# How can a weight learn if no small change has an effect? Small changes in the same direction add up. If the weight of the example moves from 0.9 to 1.3, its rounded value jumps from 1.0 to 1.5 on the way (at 1.25 the weight is half-way between two levels). Over a distance of many steps the rounded weight moves as far as the weight itself. So a fair summary of the staircase is: *on average its slope is 1*. We use this average in place of the true slope. In the forward pass the network computes with the rounded weight; in the backward pass we pretend that nothing was rounded, and hand the gradient of the rounded weight straight through to the float weight.
#
# There is one exception. The levels end somewhere. A value far beyond the last level is clipped to it, and no matter how the value moves out there, the result stays the same, even from afar. There the slope is 0, and the gradient stops.
#
# In PyTorch such a function is a class with two methods. `forward` keeps in `ctx` what the way back will need: which values were not clipped. `backward` receives the gradient of its output and returns one gradient for each argument of `forward`; the scale and the two ends get none.


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
        return gradient * inside, None, None, None


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Two values by hand
#
# The step is 0.5, and with 3 bits the levels go from −2 to 1.5. The loss is $(y - 2)^2$.
#
# **Predict.** Which gradient comes back to $x = 0.9$, and which to $x = 2.7$? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* One click a frame. Before the second ask for the gradient at 0.9, before the third for that at 2.7. By hand: 0.9 gives y = 1.0, and the derivative is 2 · (1 − 2) = −2; 2.7 gives y = 1.5, and −1 is stopped. Let somebody move 2.7 by a whole step in either direction (y stays 1.5), and then 0.9 (y changes).

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the way of two values through our estimator, and the way back of their gradients.
show.two_values(StraightThrough.apply, (0.9, 2.7))

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **To 0.9 comes back −2, the gradient of $y$ unchanged; to 2.7 comes back 0, because it was clipped.**
#
# <!-- page -->
#
# 0.9 is rounded to $y = 1.0$. The derivative of the loss is $2 (y - 2) = 2 \cdot (-1) = -2$, and the estimator hands it on to $x$ as it is. Gradient descent will increase $x$, and it should: $y$ is too small.
#
# 2.7 is 5.4 steps, rounded to 5, and clipped to the largest integer, 3: $y = 1.5$. The derivative of the loss is $2 \cdot (-0.5) = -1$. But if we move 2.7 by a whole step, to 2.2 or to 3.2, $y$ stays 1.5. So $x$ can do nothing about the loss. Move 0.9 by a whole step, and $y$ does change.
#
# This has a price: a clipped weight gets no gradient that could bring it back.

# %% [markdown] slideshow={"slide_type": "skip"}
# The next figure shows the same for all $x$. Look at where the orange line falls to 0. It does so at −2.25 and at 1.75, half a step *beyond* the last levels, since a value of 1.7 is still rounded to 1.5 in the ordinary way.

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "title-figure"]
# Draws the staircase, its true slope, and the slope that the estimator takes.
show.staircase(StraightThrough.apply)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What the float weights are for
#
# Two weights, and whole numbers only. Without rounding, the loss is lowest at (0.30, 0.45). Rounding each to the nearest whole number gives (0, 0).
#
# **Predict.** We train with the straight-through estimator and small steps. Will the weights come to rest where the *rounded* loss is lowest? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The first frame has the start only: let the room say which of the four cells is best (the loss stands in each), and where the weights will go. Ask who votes for "rest". Then point at the zigzag. The float
# weights add up small steps until the rounded value changes. In (0, 1) the second weight is 1 and should be 0.45, so the gradient pushes it back over the border.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why should training find anything better than rounding to the nearest? Because the nearest level is best for each weight *alone*, and a network does not use weights alone. It uses sums.
#
# **Two weights by hand.** Suppose that $y = w_1 x_1 + w_2 x_2$, and that the two inputs are nearly alike, as two neighbouring pixels are. If both weights are too small, the errors add up. If one is too small and the other is too large, they nearly cancel. With the errors $e_1$ and $e_2$ of the weights, and inputs with a mean square of 1 and a correlation of 0.9, the mean squared error of $y$ is
#
# $$e_1^2 + e_2^2 + 2 \cdot 0.9 \; e_1 e_2 .$$
#
# Let the best weights be 0.30 and 0.45, and let only whole numbers be allowed:
#
# | rounded weights | errors | loss |
# |---|---|---|
# | (0, 0): each to the nearest | −0.30, −0.45 | 0.090 + 0.203 + 0.243 = 0.54 |
# | (0, 1) | −0.30, 0.55 | 0.090 + 0.303 − 0.297 = 0.10 |
# | (1, 0) | 0.70, −0.45 | 0.490 + 0.203 − 0.567 = 0.13 |
# | (1, 1) | 0.70, 0.55 | 0.490 + 0.303 + 0.693 = 1.49 |
#
# Rounding to the nearest gives the third best of four. Can gradient descent find the best? The cell below begins at the best float weights, takes 40 steps along the gradient that the estimator gives, and makes each step a little smaller than the one before.

# %% slideshow={"slide_type": "skip"}
best = torch.tensor([0.30, 0.45])
alike = torch.tensor([[1.0, 0.9], [0.9, 1.0]])


def toy_loss(w):
    return (w - best) @ alike @ (w - best)


# %% slideshow={"slide_type": "skip"}
w, path, losses = best.clone().requires_grad_(), [], []
for step in range(40):
    loss = toy_loss(StraightThrough.apply(w, 1.0, -4, 3))
    (gradient,) = torch.autograd.grad(loss, w)
    path.append(w.detach().clone())
    losses.append(loss.item())
    with torch.no_grad():
        w -= 0.02 * (1 - step / 40) * gradient

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the way of the two float weights over the four cells.
show.walk(torch.stack(path), toy_loss)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The weights find the best cell, (0, 1), but they do not come to rest there: they cross its border again and again.**
#
# <!-- page -->
#
# At (0, 0) the loss wants both rounded weights to be larger: its gradient is −1.41 for the first weight and −1.44 for the second. A step is 0.02 times this, so the second weight moves from 0.45 to 0.479, and then to 0.507. Now it is rounded to 1, and the loss is 0.10. **This is what the float weights are for: they add up steps that are far smaller than the distance of two levels.** A weight kept rounded would lose them.
#
# But at (0, 1) the gradient is not 0. The second weight is 1 and should be 0.45, so its gradient is now positive, and the weight moves back over the border at 0.5. The border is only a small step away. M. Nagel et al. ([2022](https://arxiv.org/abs/2203.11086)) found the same oscillations in networks like MobileNet, where they cost accuracy.
#
# So the rounded network changes from step to step, and its last state is not always its best. Of the 40 states of this example, 28 have the lowest loss.
#
# A limit of the example: with inputs that have nothing in common (a correlation of 0) the nearest levels *are* the best, and there is nothing to find.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 4. Training with rounded weights
#
# A **parametrization** is a function that stands between the weight that learns and the weight that the layer uses. Ours rounds:

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Ask which of the two weights is in the optimizer (the float one), and with which one the layer multiplies (the rounded one). `half` is 2 at 2 bits: the levels are −2 to 1. The training loop does not change; say so before
# somebody asks for it.

# %% [markdown] slideshow={"slide_type": "skip"}
# Now to a real network. In each layer there must be two weights: the float weight, which the optimizer updates, and the rounded one, with which the layer computes. `register_parametrization(layer, "weight", f)` moves the weight to `layer.parametrizations.weight.original`, and from then on `layer.weight` is computed anew as `f(original)` each time that somebody reads it. The layer, the loss and the training loop stay as they are. The gradient travels back through `f`, and so through our estimator, to the float weight. (What is saved in the end: *Four weights in a byte*, under *Deeper*.)
#
# `OnGrid` is such a function: it computes the step from the float weight and rounds. (The *grid* is the set of levels.) The step follows the weights as they change.


# %% slideshow={"slide_type": "-"}
class OnGrid(nn.Module):
    def __init__(self, bits, step=max_step):
        super().__init__()
        self.bits, self.step = bits, step

    def forward(self, weight):
        step, half = self.step(weight, self.bits), 2 ** (self.bits - 1)
        return StraightThrough.apply(weight, step, -half, half - 1)


# %% slideshow={"slide_type": "skip"}
def with_grid(net, bits, step=max_step):
    """A copy whose three layers compute with rounded weights."""
    net = copy.deepcopy(net)
    for layer in (net.fc1, net.fc2, net.fc3):
        parametrize.register_parametrization(layer, "weight", OnGrid(bits, step))
    return net


# %% slideshow={"slide_type": "skip"}
small = with_grid(lenet, bits=2).fc3
print("what learns:   ", [f"{w:.3f}" for w in small.parametrizations.weight.original[0, :6].tolist()])
print("what is used:  ", [f"{w:.3f}" for w in small.weight[0, :6].tolist()])
print("the step:      ", f"{max_step(small.parametrizations.weight.original, 2):.3f}")

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does it help?
#
# **Quantization-aware training** (QAT) trains with fake quantization in the loop. Usually a network that was trained in float is *trained on* in this way: ours for a quarter of a pass, with a third of the learning rate.
#
# **Predict.** How many digits does our network get right afterwards, at 2 bits: **A** below 60 %, **B** about 80 %, **C** above 90 %? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; expect B. Enjoy the result for a moment. Then: "Write the headline of the press release." Leave it on the board until section 6.


# %% slideshow={"slide_type": "skip"}
def train_on(net, seed):
    """A quarter of a pass with a small learning rate: the same for every arm."""
    return fit(net, 7_500, epochs=1, lr=1e-3, seed=100 + seed)


# %% slideshow={"slide_type": "fragment"}
aware = {(0, 2): train_on(with_grid(lenet, bits=2), seed=0)}
print(f"rounded without training: {accuracy(plainly_rounded(lenet, 2)):.1f} %")
print(f"after QAT:                {accuracy(aware[0, 2]):.1f} %")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **After a quarter of a pass more than 90 % of the digits are right (C): some 60 points more than without QAT.**
#
# <!-- page -->
#
# A quarter of a pass means that the network sees a quarter of its images once: 59 steps with batches of 128 images were enough. The float weights moved, some of them across a border between two levels (*Deeper* counts them).
#
# So QAT won 60 points? But *what* won them? Several things differ.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Whom should it beat?
#
# A colleague says: "The rounding in the loop is worth 60 points."
#
# **Predict.** Design the opponent that tests this sentence. Which network would you train, and what must it have in common with the network of QAT? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Do not show the answer yet. In pairs, one minute; then collect the opponents on the board, and ask of each: "What does it share with QAT, and what not?" Usual ones: the network in fp32 (tells what is lost, not what was won); plain rounding
# (never trained on); trained on in float. Somebody may say "with another step": praise it, and keep it for section 6.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The fair opponent is the same network, trained on for the same quarter of a pass in float, and rounded afterwards: it differs from QAT in the rounding in the loop alone.**
#
# <!-- page -->
#
# QAT did two things at once. It trained on for a quarter of a pass, and it rounded while it did. Training on alone might help: the network was far from finished, and a smaller learning rate often brings an improvement at the end. So there must be three **arms**, as the networks of such a comparison are called, which start from the same trained network:
#
# | arm | trained on for a quarter of a pass | rounded in the loop | rounded at the end |
# |---|---|---|---|
# | *plain* | no | no | yes |
# | *trained on* | yes | no | yes |
# | *QAT* | yes | yes | yes |
#
# *Plain* against *trained on* says what the longer training is worth, and *trained on* against *QAT* what the rounding in the loop is worth. The two last arms share the start, the images, their order, the learning rate and the number of steps. One more training teaches nothing about chance, so we make all three with four networks, trained from different initial weights.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Three arms
#
# *Plain*: rounded at once. *Trained on*: a quarter of a pass in float, then rounded. *QAT*: the same with the rounding in the loop.
#
# **Predict.** At which of 8, 4, 3 and 2 bits is QAT more than one point ahead of *trained on*? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Hands for each number of bits. After the figure ask which pair of marks tells about the rounding (*trained on* and QAT), and which about the training (*plain* and *trained on*). Small marks are single networks.

# %% slideshow={"slide_type": "skip"}
SEEDS = range(4)
starts = {0: lenet}
for seed in tqdm((1, 2), desc="networks", file=sys.stdout, leave=False):
    starts[seed] = trained(seed)

# %% slideshow={"slide_type": "skip"}
starts[3] = trained(3)
longer, results = {}, show.Results(accuracy, test)
for seed in tqdm(SEEDS, desc="networks", file=sys.stdout, leave=False):
    longer[seed] = train_on(copy.deepcopy(starts[seed]), seed)
    results.add("trained on", 32, seed, longer[seed])
    for bits in BITS:
        results.add("plain", bits, seed, plainly_rounded(starts[seed], bits))
        results.add("trained on", bits, seed, plainly_rounded(longer[seed], bits))


# %% slideshow={"slide_type": "skip"}
def qat_over_bits(seeds):
    for seed, bits in tqdm([(s, b) for s in seeds for b in BITS], desc="QAT", file=sys.stdout, leave=False):
        if (seed, bits) not in aware:  # one is from section 4
            aware[seed, bits] = train_on(with_grid(starts[seed], bits), seed)
        results.add("QAT", bits, seed, aware[seed, bits])


qat_over_bits(SEEDS[:2])

# %% slideshow={"slide_type": "skip"}
qat_over_bits(SEEDS[2:])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the accuracy of the three arms over the bits.
show.by_bits(results, BITS)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With this step only 2 bits give QAT a lead of more than a point, and there it is more than 50 points.**
#
# <!-- page -->
#
# At 8 bits there are up to 256 levels in use, and rounding to the nearest changes so little that nothing is left to repair. At 2 bits nearly all weights are rounded to 0, whether the network was trained on in float or not: training in float does not know that there will be levels. Only QAT can see from the loss which weights must leave the 0. At 3 bits the lead is smaller than a point.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A difference, and its noise
#
# QAT against each opponent, in the mean over four networks.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Writes the accuracy of the arms, and the mean differences with twice their standard error.
show.gains_by_bits(results, BITS)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask of the last two columns which one a paper would print (the one against *plain*, which credits QAT with the longer training). Then let the room go down the last column: where is the number larger than what stands behind the ±? (At 3 and 2 bits, and at 3 it is 0.6 points. At 8 bits it is about as large as its ±, but three hundredths of a point are three images.)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **How to read it:** a mean difference counts when it is larger than the number behind the ±, twice its standard error.

# %% [markdown] slideshow={"slide_type": "skip"}
# How sure is a mean of four? Some networks are better than others, in all arms, so we do not compare the means of the arms; we take the difference within each network first. Suppose that three networks gave the differences 0.6, 0.3 and 0.9 points. Their mean is 0.6, and their standard deviation 0.3. A mean of $n$ numbers is more certain than one of them: its **standard error** is the standard deviation divided by $\sqrt{n}$, here $0.3 / \sqrt 3 = 0.17$. As a rough rule, a mean difference is more than noise if it exceeds twice its standard error: 0.6 is more than 0.35, so it counts. The rule is for many numbers. With four, the standard deviation is itself uncertain, and for 95 % certainty the factor would be 3.2 (*Student's t*). So take what lies between two and three standard errors as a hint, and look whether all four networks agree. ([[baseline]] has the factors, under *Deeper*.)
#
# Now read the table. At 8 bits QAT is 0.69 points ahead of *plain* in the run on this page, and at 4 bits 0.93. Both exceed their ±, the first only just. But next to nothing of them is left when the opponent is trained on as long. Whoever compares QAT at 4 bits with the network from which it started reports a gain of which most or all has nothing to do with rounding. At 3 bits 0.6 points are due to the rounding in the loop. And at 2 bits it is more than 50 points, as the colleague said.
#
# When is QAT not worth it, then? Rounding with a step computed from the weights needs no labels and no gradient. (To choose the best of several steps takes some labelled images.) QAT needs the training data, the training code, a learning rate, and in each step the work of a training step and the rounding of every weight. Where it wins nothing, as at 8 bits here, nobody should pay that. It is worth trying when rounding with a good step has lost more than you can bear.
#
# Or is it? Ask once more what differs. *Is each arm at its best?* All arms were rounded with the same step, and we know from [[integers]] that it is a bad one at 2 bits.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Is it the training, or the step?
#
# Now *trained on* has the best of four smaller steps, σ to 2.5 σ of each layer. QAT keeps the step of the largest weight.
#
# **Predict.** With 2 bits, how far is QAT now ahead: **A** tens of points, **B** a few points, **C** it is behind? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* If you show this slide alone: both networks were trained on for a quarter of a pass from the same start; QAT had the rounding in the loop, the other was rounded afterwards. With the same step QAT led by more than 50 points. Say that a smaller step clips the few large weights, and leaves fewer zeros. Show of hands; most say B. After the
# table ask for the sentence that a report should print (most of the 60 points were a loss of the opponent, which had a bad step), and cross out the headline on the board. "Is that fair now?" No: this time QAT has the bad step.

# %% [markdown] slideshow={"slide_type": "skip"}
# (σ is the standard deviation of the layer's weights.) A smaller step clips the few large weights, and leaves fewer zeros. A step of σ, by hand. The hundred weights of section 1 (ninety-nine of ±0.1 and one of 0.6) have a standard deviation of about 0.117. Rounded with that step, ±0.1 becomes ±0.117, and 0.6 is clipped to 0.117. One weight has a large error, and the other ninety-nine have nearly none. With the step 0.4 all hundred were off: the ninety-nine by 0.1 each, because they became 0, and the large one by 0.2.
#
# Which multiple of σ is best differs from network to network. To choose is to tune, and one must not tune on the images on which the result is read. So for each network we take the step with which it gets most of the 5,000 *held-out* images right, on which no network was trained. Then we read the accuracy on the test images at that step.

# %% slideshow={"slide_type": "skip"}
STEPS = (1.0, 1.5, 2.0, 2.5)


def sigmas(k):
    """The rule for a step of k standard deviations of the layer's weights."""
    return lambda weight, bits: k * weight.detach().std()


by_step = show.Results(accuracy, test, held_out)
for seed in SEEDS:
    for k in STEPS:
        by_step.add("plain", k, seed, plainly_rounded(starts[seed], 2, sigmas(k)))
        by_step.add("trained on", k, seed, plainly_rounded(longer[seed], 2, sigmas(k)))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Compares rounding after training, with its best step, and QAT with the step that the largest weight sets.
show.step_against_rounding(by_step, results, STEPS)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **QAT is no longer ahead (C): in all four networks, training on in float and rounding with a good step beats QAT with a bad one.**
#
# <!-- page -->
#
# (The mean difference is 3.1 points in the run on this page, about five of its standard errors. Trained on for twice as long, QAT was 1.3 and 1.7 points behind in two earlier runs; the record under *Deeper*, of five such networks, each arm with its best learning rate, has 1.25 ± 0.47 points.) So nearly all of the 60 points were not a gain by QAT. They were a loss of its opponent, which had been rounded with a step that nobody needs to use.
#
# Is QAT useless, then? We cannot say that either. Now the opponent has a good step and QAT a bad one, which is as unfair as before.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### One curve each
#
# The accuracy of the opponents over the step. The right end is the comparison of section 5. The rest of QAT's curve is missing; you plan that experiment in Exercise 2.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the accuracy of the opponents over the step, and QAT at the step that the largest weight sets.
show.over_steps(by_step, results, STEPS, ("plain", "trained on"))

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Point at the right end: that is the comparison of section 5. Then at the top of the blue curve, which is above QAT's triangle. Ask: "What is missing in this picture?" The rest of the orange curve; let somebody draw it in the air.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Straight through, with a zero point
# ★★ · 8 minutes
#
# Write `straight_through`: fake quantization with a zero point. Forward: $s\,(q - z)$ with $q$ rounded, the zero point added, and clamped to `qmin` … `qmax`. Backward: the
# gradient passes where `x` is not clipped, and is 0 where it is.
#
# <!-- page -->
#
# With scale 0.5, zero point 3 and $q$ from 0 to 7 the range runs from −1.5 to 2: 1.2 becomes $q = 5$, which stands for 1.0.
#
# Between an end of the range and half a step beyond it the check accepts either. `x` may have any shape, and may be a single number. Do not call a fake quantization of torch.
#
# `straight_through(x, scale, zero_point, qmin, qmax)` → a tensor of the shape and dtype of `x` that autograd can go back through
#
# <details><summary>Hint</summary>
# It can be done without a class of its own. In floats the range runs from (qmin − zero_point) · scale to (qmax − zero_point) · scale.
# <code>clamp</code> to it has a gradient that will do: it differs from section 2's in the last half step only, where both are fine. (Clamp <code>x</code>, and not what was rounded:
# there every clipped value lies exactly at an end, where the gradient of <code>clamp</code> is 0 if the ends are Python numbers, and one half if they are tensors.) Then add what rounding changes as a constant: <code>.detach()</code>.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* In pairs; alone it takes 8. On the board: scale 0.5, zero point 3, q from 0 to 7. "Where does the range begin and end?" (−1.5 and 2.) "And for x = 1.2: which q, which value, which gradient?" (5, 1.0, unchanged.) The mistakes to wait for: a gradient that passes everywhere, and a range without the zero point.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def straight_through(x, scale, zero_point, qmin, qmax):
    """x rounded to the levels; its gradient is that of the clipping alone.

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


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · What won?
# ★★★ · 12 minutes · an investigation
#
# A report compares *plain* rounding with *QAT* at 2 bits, both with a step of 5 σ. QAT is tens of points ahead. What won? Compare means over all your networks, each arm at its own best step: the one with the highest of these means.
#
# - `"rounding"` if QAT is more than one point ahead of *trained on*
# - `"training"` if not, but *trained on* is more than one point ahead of *plain*
# - `"step"` if neither is
#
# <!-- page -->
#
# You get an instrument, `right(arm, step, seed)`: it makes network number `seed` in one of the arms `"plain"`, `"trained on"` and `"QAT"`, with a step from 0.1 to 10 (in σ), and gives the percent of the held-out images that it classifies correctly.
#
# `what_won(right)` → `"rounding"`, `"training"` or `"step"`
#
# <details><summary>Hint</summary>
# Collect the mean for each arm and each step. If the best step is the smallest or the largest that you tried, the true best may lie beyond. Steps that double each time cover a wide range with few runs.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check hands your function the instruments of several made-up reports, in which a training takes no time. It looks first at how you make your experiment, and then at what you conclude. It wants at least three steps and three networks, the same for all arms.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* In pairs, without a laptop: "Which runs do you make, and which numbers do you compare, in which order?" (All three arms over the same steps and networks; the best mean of each; first QAT with *trained on*, then *trained on* with *plain*.) Then: "Invent networks that fool somebody who gives all arms the step of QAT." The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_won(right):
    """Say what a report's gain consists of: "rounding", "training" or "step".

    Args:
        right: the instrument; `right("QAT", step=1.5, seed=0)` makes a
            network and gives the percent of the held-out images right.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_won(what_won)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_won_solution(right):
    best = {}
    for arm in ("plain", "trained on", "QAT"):
        steps = [0.25 * 2**k for k in range(6)]  # up to 8
        best[arm] = max(mean(right(arm, step=step, seed=seed) for seed in range(3)) for step in steps)
    if best["QAT"] - best["trained on"] > 1:
        return "rounding"
    return "training" if best["trained on"] - best["plain"] > 1 else "step"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on real networks
#
# The four networks at 2 bits. Each arm, also QAT, has the best of the same four steps, chosen on held-out images.
#
# **Predict.** By how many points is QAT ahead of *trained on*, each at its best: **A** about 10, **B** about 1 or 2, **C** 0? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room compare the shapes of the curves: which arms hang on the step (*plain* and *trained on*), and which does not (QAT learns weights that suit its step)? Then repeat the opening vote with its two questions: at how many bits, compared with what?


# %% slideshow={"slide_type": "skip"}
def qat_over_steps(seeds):
    for seed, k in tqdm([(s, k) for s in seeds for k in STEPS], desc="QAT", file=sys.stdout, leave=False):
        by_step.add("QAT", k, seed, train_on(with_grid(starts[seed], 2, sigmas(k)), seed))


qat_over_steps(SEEDS[:2])

# %% slideshow={"slide_type": "skip"}
qat_over_steps(SEEDS[2:])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the accuracy of all three arms over the step.
show.over_steps(by_step, results, STEPS, ("plain", "trained on", "QAT"))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **One or two points (B) are left for the rounding in the loop, when each arm has its own best step.**
#
# <!-- page -->
#
# Between σ and 2.5 σ the orange curve is nearly flat, because QAT learns weights that suit the step which it is given. (A trial with two networks that were trained on for twice as long shows that it is so: QAT with a step of σ had 97.1 and 96.4 %. When its float weights were rounded with 2.5 σ instead, 86.7 and 75.9 % were left.) The other two curves are hills, because they take the weights as they come, and only some steps suit those. So QAT's great lead at the right end, and its smaller one at σ, say how bad the step is for the *others*. Compare each arm at its best instead: if each network takes the step that is best on its held-out images, QAT is ahead of *trained on* in all four networks, by 1.3 points in the mean in the run on this page. That is what the rounding in the loop is worth here. What might explain it is section 3: with few levels the nearest one is often not the best one, and only QAT looks for a better combination.
#
# Where does this stop being true? It was measured on one small network and an easy task, with rounded weights and float activations, and with a single learning rate. *Deeper* says how far it depends on the rate and the start.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What was each difference worth?
#
# Once with one step for all arms, once with the best step of each.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Writes the two differences, with the step from the largest weight and with each arm at its best step.
show.each_at_its_best(by_step, results, STEPS)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the last row from left to right, and ask which of the two numbers a paper would print (about 57), and which one a colleague needs who has to decide (about 1.3, each arm at its best).

# %% [markdown] slideshow={"slide_type": "fragment"}
# **QAT's gain at 2 bits was mostly its opponent's bad step.**

# %% [markdown] slideshow={"slide_type": "skip"}
# The first row says that the longer training alone was worth about half a point, which is less than its noise. The second says that the rounding in the loop was worth 1.3 points. In the middle column, with one step for all, the second number was about 45 times as large.
#
# **Is that fair now?** Two things may still favour an arm. The learning rate was the same for all, and our networks stand at the beginning of their training. A record that came with the course (`records/qat/steps.json`) lets each arm choose among four learning rates as well, and repeats everything from networks with a long training, which have 98 % in float. *Deeper* has its tables. From our start about one point is left at 2 bits; at 3 bits the lead of section 5 shrinks to less than its noise. From the long training the rounding in the loop is worth about two points at 2 bits and a third of a point at 3. And does rounding with a good step still beat QAT with the bad one (section 6)? From our start it does when every arm has its best learning rate, too. From the long training the two are level.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# What follows is for whoever asks how far the result goes, what QAT does to the weights, and how 2 bits become a small file.
#
# ### Better starts, other learning rates, 3 bits
#
# Three things could still be unfair in the comparison of this lesson, and a record answers for each: a learning rate that suits one arm better, a start that is not finished, and an opponent that training on makes *worse*. The record has two starts, and every network that is trained on there sees twice as many images as above. *Short* is the start of this lesson. *Long* was trained on 50,000 images, ten times, with a learning rate that falls to 0. From either start five networks went through all arms, with 2 and with 3 bits, six steps, and four learning rates from 0.0001 to 0.003. Everything is chosen on 10,000 held-out images, for each network and each arm by itself. `python3 course.py bench qat` makes the record anew.

# %% slideshow={"slide_type": "skip"}
recorded = show.Recorded()
recorded.table()

# %% slideshow={"slide_type": "skip"}
recorded.bad_step()

# %% [markdown] slideshow={"slide_type": "skip"}
# Read each row of the first table from left to right: from column to column each arm may choose more, and the lead of QAT shrinks or stays.
#
# **3 bits.** With the step from the largest weight and one learning rate QAT is ahead from either start, from the long one by nearly three points. With the best step and rate of each arm nothing is left from the short start that five networks could show, and a third of a point from the long one. A smaller step helps the opponents at 3 bits as well; only the loss is smaller there to begin with.
#
# **2 bits.** One point is left from the short start, two from the long one. So here the better of the two starts gained more from the rounding in the loop. It has more to lose: from 98.0 % plain rounding falls to less than 95 %, and QAT brings it back to within half a point of float.
#
# **The better opponent.** After a long training whose learning rate fell to 0, training on with a rate of 0.001 does harm: in the record the float networks fall from 98.0 to 97.4 %. Then *trained on* is a weak opponent, at 3 bits weaker than plain rounding. In the column *and the better opponent* QAT is therefore compared with the better of *plain* and *trained on*, chosen on held-out images. (A learning rate near 0 turns *trained on* into *plain*, so the two belong together.)
#
# **The second table** tests the finding of section 6, that rounding with a good step beats QAT with a bad one. From the short start rounding with a good step beats QAT with the step from the largest weight by about a point, though QAT had the best of its four learning rates. (That was mostly the largest, 0.003, so a larger one might seem better still. In a trial with the four networks of this page it was not: 0.006, 0.01 and 0.02 gave less in each of them.) From the long start the difference is smaller than its noise.
#
# What the record does not say: how it is with larger networks, with one step for each row of a weight matrix, with a step that learns (further below), or with better ways of rounding without training, such as those of [[weight_only]].

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Do all weights get a gradient now?
#
# Section 2 found that one weight of `fc1` gets a gradient through `torch.round`. How many get one through the straight-through estimator? We count again, and beside it we count in a network *without* any rounding. This control tells what the estimator is responsible for.


# %% slideshow={"slide_type": "skip"}
def through_estimator(weight):
    return StraightThrough.apply(weight, max_step(weight, 8), -128, 127)


passed = show.gradient_of_fc1(lenet, through_estimator, *few) != 0
in_float = show.gradient_of_fc1(lenet, lambda weight: weight * 1, *few) != 0
print(f"with a gradient: {passed.float().mean():.0%} through the estimator, {in_float.float().mean():.0%} in float")
print(f"the two agree on {(passed == in_float).float().mean():.2%} of the weights")

# %% [markdown] slideshow={"slide_type": "skip"}
# About half of the weights get a gradient, and in float it is the same half. So the other half has none for a reason that has nothing to do with rounding: a weight of `fc1` gets a gradient only if in some image of the batch its pixel is not black *and* its hidden unit is on. Pixels at the border are black in all images.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What did QAT change?
#
# **Predict.** QAT at 2 bits moved the float weights of `fc1` by about a fifth of their size. What share of the *rounded* weights of `fc1` changed: **A** one or two in a hundred at most, **B** about a fifth, **C** most? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Counts the integers of fc1 before and after QAT with the step from the largest weight, and puts the former ones back.
show.integers_of_fc1(lenet, aware[0, 2], max_step, accuracy)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **One or two integers in a hundred changed at most (A), because nearly all weights of `fc1` are rounded to 0 before and after.**
#
# The largest weight sets the step, and few of the others reach half of it. Most float weights moved inside the cell of 0 and crossed no border.
#
# Yet the few that changed matter. The second line is a control: the network of QAT with the *former* integers of `fc1` put back, and everything else (step, biases, the other two layers) as QAT left it. It loses some 20 to 30 points in the runs that we saw. So some two fifths of what QAT won with this step is lost when one weight of `fc1` in a hundred gets its former integer back.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Four weights in a byte
#
# What is saved after QAT? `state_dict()` holds the *float* weight, under `fc3.parametrizations.weight.original`, because it is the parameter; the rounded one is computed from it. Before a network is given away, the rounded weight must take its place: `parametrize.remove_parametrizations(layer, "weight")` keeps what `layer.weight` gave last. The float weights have then done their work. But the file is as large as before, since a rounded weight is still a float in memory, and PyTorch's layers take no weights of 2 bits. So a small file must be made by hand. Take the integers −1, 0, 1 and 0. Add 2, so that none is negative: 1, 2, 3, 2. Each of them needs two bits, and a byte has eight: $1 + 4 \cdot 2 + 16 \cdot 3 + 64 \cdot 2 = 185$ is one byte that holds all four. In code, `<< 2` multiplies by 4, and `>> 2 & 3` gets the second of them, 2, back; less 2 it is the integer 0.
#
# **Predict.** How many times smaller than in fp32 is the file: **A** 4 times, **B** nearly 16 times, **C** more than 16 times? And why?


# %% slideshow={"slide_type": "skip"}
def pack(codes):
    """Integers -2 … 1, four in a byte; their number is a multiple of 4."""
    four = (codes + 2).to(torch.uint8).reshape(-1, 4)
    return four[:, 0] | four[:, 1] << 2 | four[:, 2] << 4 | four[:, 3] << 6


def unpack(packed, shape):
    four = torch.stack([packed >> shift & 3 for shift in (0, 2, 4, 6)], 1)
    return four.reshape(shape).float() - 2


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Packs the network of QAT, reads it back, and writes sizes and accuracies into the ledger.
packed = show.packed(aware[0, 2], max_step, pack)
unpacked = show.from_file(packed, lenet, unpack)
float_bytes, packed_bytes = show.record_rows(longer[0], unpacked, packed, digits[:1], accuracy)
print(f"{float_bytes:,} bytes against {packed_bytes:,}: {float_bytes / packed_bytes:.1f} times smaller")
print(f"read back and unpacked: {accuracy(unpacked):.2f} % right, before {accuracy(aware[0, 2]):.2f} %")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The file is nearly 16 times smaller (B): its weights are, but its biases and the file's own bookkeeping do not shrink.**
#
# 266,200 weights at 2 bits are 66,550 bytes. The 410 biases stay in fp32 and take 1,640 more, three steps take 12, and what is left are names, shapes and the frame of the file format. Read back and unpacked, the network classifies exactly as before, since the same integers and the same steps come back.
#
# The weights become floats again when the file is read, so this is a smaller file and not a faster layer. The ledger's load time leaves the unpacking out. The ledger's energy assumes a kernel that fetches 2 bits a weight and unpacks them on the chip; such a kernel is not part of this course. (The network here is the one with the step from the largest weight. With a better step the file has the same size.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Could the step learn, too?
#
# In this lesson a rule sets the step, and we tried several rules. [Esser et al., 2020](https://arxiv.org/abs/1902.08153), make the step a parameter, and gradient descent chooses it together with the weights. For that the step needs a gradient. Where does it come from?
#
# **By hand**, with the two values of section 2. The step is $s = 0.5$, the largest integer is 3, and the loss is $(y - 2)^2$.
#
# - 2.7 is clipped to the integer 3, so $y = 3 s$. If $s$ grows by 0.01, $y$ grows by 0.03: the slope is 3. The derivative of the loss with respect to $y$ is −1, so the gradient of the step is $-1 \cdot 3 = -3$. The clipped value itself got no gradient in section 2, but the step does: a larger step moves the last level towards it.
# - 0.9 is 1.8 steps and is rounded to 2, so $y = 2 s$. If the integer stayed 2, the slope would be 2. But with a larger step 0.9 is fewer steps, and the straight-through estimator takes the integer for $x / s$ where it asks for a slope. This takes $x / s = 1.8$ away again, so the slope is $2 - 1.8 = 0.2$: the rounding error, counted in steps. The gradient of the step is $-2 \cdot 0.2 = -0.4$.
#
# Together they give −3.4, and gradient descent makes the step larger. In general the slope is the integer at the end where a value is clipped, and the rounding error in steps where it is not. Every weight of a layer adds such a term to the gradient of one step, so this gradient can be far larger than that of a single weight. The authors therefore multiply it by $1 / \sqrt{N\,q_\text{max}}$, with $N$ weights. Whether a learned step is better than the best of our four was not measured here. It is the first of the project ideas.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### PyTorch has the same node
#
# `torch.fake_quantize_per_tensor_affine` rounds and clips in the forward pass and uses the straight-through estimator in the backward pass. Do its values and its gradients agree with ours, half-way cases included? [[qat_cnn]] relies on this function.

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
print(f"{differ} of {2 * len(x):,} values and gradients differ from torch's")

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Where did the gain at 8 bits go?
# ★★ · 10 minutes
#
# A report says that QAT gained. `runs` holds a dictionary for each seed (two or more), with accuracies in percent: `"float"`; `"int8"`, that network
# quantized; `"trained on, int8"`, trained on as long as QAT in float and then quantized; `"qat, int8"`.
#
# Write `gain_of_rounding`: the mean gain that is due to the *rounding in the loop*, in points, and whether it is more than noise: its size
# exceeds twice the standard error, $\mathrm{std}(d) / \sqrt{n}$, of the gains $d$ of the $n$ seeds (`statistics.stdev`).
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
    gain = mean(gains)
    return gain, abs(gain) > 2 * stdev(gains) / len(gains) ** 0.5


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. Sums in another order give other tenths; the bounds leave room for that.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("qat")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Round in the forward pass, and let the gradient straight through where nothing is clipped. Float weights behind the rounded ones add up steps that are smaller than a level.
# - The fair opponent of QAT is trained on as long in float, rounded afterwards, and has a step of its own choice. Compare within each network, and look at the noise.
# - Here training on in float and rounding with a good step beat quantization-aware training with a bad one.
# - With each arm at its best step and learning rate the rounding in the loop was worth one or two points at 2 bits, a third of a point or less at 3. With the usual step and one learning rate nothing showed at 8 bits.
#
# [[qat_cnn]] goes on with activations, batch norm and real integer kernels. [[torchao]] has this technique for linear layers.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: Y. Bengio et al., 2013, [arXiv:1308.3432](https://arxiv.org/abs/1308.3432), names the estimator; M. Nagel et al., *Overcoming oscillations in quantization-aware training*, 2022,
# [arXiv:2203.11086](https://arxiv.org/abs/2203.11086); S. Esser et al., *Learned step size quantization*, 2020,
# [arXiv:1902.08153](https://arxiv.org/abs/1902.08153), lets the step learn, too.
#
# **Project ideas**: let the step be a parameter that learns; give each layer the step that suits it; round the activations as well.
#
# **Credits**: part of the course's idea by Tal Daniel (Technion, EE 046211, tutorial 10), after *Introduction to Quantization on PyTorch* by Raghuraman
# Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Ask which column of the table of section 5 they would print in a paper now. What was not shown: one small network, weights alone, one step a layer.

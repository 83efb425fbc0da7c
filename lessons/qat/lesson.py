# ---
# jupyter:
#   course:
#     promise: You will train a network through its own rounding, take it through PyTorch's `prepare_qat` to int8, and say whose points the gain is.
#     seconds: 25
#     needs: [integers, static]
#     goals:
#       - write fake quantization whose gradient goes straight through;
#       - say what the float weights behind the rounded ones are for;
#       - take a network through `prepare_qat`, training and `convert`, and name a fair opponent.
#     terms: [parametrization, "quantization-aware training, QAT", "straight-through estimator, STE"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How does one train through a staircase, and what does it win?*

# %% tags=["setup", "hide-input"]
# Sets one thread and the int8 engine, and hides the warnings of PyTorch's older int8.
import torch

from course_utils import legacy_int8
from course_utils.scorecard import claims
from lessons.qat import checks as check
from lessons.qat import show

torch.set_num_threads(1)
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. Two bits, and no gradient
#
# LeNet-300-100 learns the digits of MNIST. Then its weights are rounded, as in [[integers]]: $b$ bits, and the largest weight of a layer sets the step.

# %%
import copy

import torch
from torch import nn

from course_utils import data, models, training

digits, labels = data.load("mnist")
test = data.load("mnist", "test")


def fit(net, n, epochs, lr):  # on the first n digits, with Adam
    training.fit(net, digits[:n], labels[:n], epochs=epochs, batch_size=128, lr=lr, device="cpu", progress=False)
    return net


def accuracy(net, images=test):
    return 100 * training.evaluate(net, *images)


torch.manual_seed(0)
net300 = fit(models.LeNet300100(), 30_000, epochs=3, lr=3e-3)


# %%
def full_step(weight, bits):
    return 2 * weight.abs().max() / (2**bits - 1)


def rounded(weight, step, bits):
    half = 2 ** (bits - 1)
    return step * torch.round(weight / step).clamp(-half, half - 1)


def round_all(net, bits, step_of=full_step):
    net = copy.deepcopy(net).requires_grad_(False)
    for layer in net.children():
        layer.weight.copy_(rounded(layer.weight, step_of(layer.weight, bits), bits))
    return net


plain = {bits: accuracy(round_all(net300, bits)) for bits in (8, 4, 3, 2)}

# %% two_bits_and_no_gradient tags=["hide-input"]
# Prints the accuracy in fp32, and rounded to so many bits.
print(f"fp32: {accuracy(net300):.1f} % right")
for bits, percent in plain.items():
    print(f"{bits} bits: {percent:.1f} % right")

# %% [markdown]
# At 2 bits the network is broken. When it learned its weights, nobody had told it that they would be rounded. So let it train *with* the rounded weights, and it can find some that bear the rounding.
#
# For that each weight needs a gradient. It says how the loss changes if the weight changes a little.

# %% [markdown]
# ### Who gets a gradient?
#
# The network computes with the *rounded* weights. We ask for the gradient of the float weights behind them.
#
# **Predict.** How many of the 235,200 weights of the first layer, `fc1`, get a gradient that is not 0: **A** all, **B** about half, **C** next to none?

# %%
weight = net300.fc1.weight
use = {"fc1.weight": rounded(weight, full_step(weight, 8), 8)}  # used in place of its own weight
outputs = torch.func.functional_call(net300, use, digits[:256])
loss = nn.functional.cross_entropy(outputs, labels[:256])
(gradient,) = torch.autograd.grad(loss, weight)

# %% who_gets_a_gradient tags=["hide-input"]
# Prints how many weights have a gradient.
print("with a gradient:", (gradient != 0).sum().item(), f"of {gradient.numel():,}")

# %% [markdown] tags=["answer"]
# **One single weight (C), because a small change of a weight does not change what it is rounded to.** The one is the largest weight: it sets the step.

# %% [markdown]
# Take the step 0.5. The weight 0.9 is 1.8 steps, and is rounded to 1.0. Make it 0.91, and it is still rounded to 1.0. The loss does not notice. Such weights learn nothing.
#
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Straight through
#
# From near, rounding is a staircase: its slope is 0. From afar it looks like the line $y = x$, whose slope is 1.
#
# The **straight-through estimator** rounds on the way forward. On the way back it takes the slope of the line, and 0 where $x$ is clipped.

# %% staircase tags=["hide-input"]
# Draws the staircase of 3 bits with the step 0.5, its true slope, and the slope that the estimator takes.
show.staircase()

# %% [markdown]
# Small changes add up. While the weight goes from 0.9 to 1.3, its rounded value jumps from 1.0 to 1.5. Over many steps of the staircase the rounded value moves as far as the weight itself. *On average the slope is 1*, and this average is what we use ([Bengio et al., 2013](https://arxiv.org/abs/1308.3432)).
#
# There is one exception: the levels end somewhere. A value far beyond the last level is clipped to it, and however it moves out there, the result stays the same. There the slope is 0, from afar as well.
#
# In PyTorch this takes three lines. `.detach()` gives the same number, but autograd, which computes the gradients, takes it for a constant. So on the way forward `inside` cancels, and on the way back only `inside` counts.


# %%
def straight_through(x, step, bits):
    half = 2 ** (bits - 1)
    inside = x.clamp((-half - 0.5) * step, (half - 0.5) * step)  # to half a step beyond the last levels
    return inside + (rounded(x, step, bits) - inside).detach()


# %% [markdown]
# ### Two values by hand
#
# The step is 0.5. With 3 bits the levels go from −2 to 1.5. The loss is $(y - 2)^2$, where $y$ is what $x$ is rounded to.
#
# - $x = 0.9$ becomes $y = 1.0$.
# - $x = 2.7$ is clipped to $y = 1.5$.
#
# **Predict.** Which gradient comes back to each $x$? The slope of the loss is $2 (y - 2)$.

# %% two_values_by_hand tags=["nbval-check-output"]
x = torch.tensor([0.9, 2.7], requires_grad=True)
y = straight_through(x, step=0.5, bits=3)
((y - 2) ** 2).sum().backward()
print("rounded:", y.tolist(), "  gradient:", x.grad.tolist())

# %% [markdown] tags=["answer"]
# **−2 comes back to 0.9, and 0 to 2.7, because it is clipped.** At 1.0 the slope of the loss is −2, and it goes straight through. At 1.5 it is −1, and is stopped.

# %% [markdown]
# Gradient descent will increase 0.9, and it should: $y$ is too small. But 2.7 gets no gradient, as long as it is clipped.
#
# **Try it.** Change `2.7` to `1.7`, which also lies beyond the last level, and run the cell again.
#
# <details><summary>What others found</summary>
#
# The gradient −1 comes back. 1.7 is 3.4 steps, which is rounded to 3 as usual: nothing is clipped. Clipping begins half a step beyond the last level, at 1.75.
#
# </details>

# %% [markdown]
# ## 3. What the float weights are for
#
# A small sum is $y = w_1 x_1 + w_2 x_2$, and its two inputs are nearly alike. The best weights are 0.30 and 0.45, and only *whole* numbers are allowed. With the errors $e_1$ and $e_2$ of the two weights, the loss is $e_1^2 + e_2^2 + 1.8\, e_1 e_2$.
#
# | rounded | errors | loss |
# |---|---|---|
# | (0, 0), each to the nearest | −0.30, −0.45 | 0.54 |
# | (0, 1) | −0.30, 0.55 | **0.10** |
# | (1, 0) | 0.70, −0.45 | 0.13 |
# | (1, 1) | 0.70, 0.55 | 1.49 |

# %% [markdown]
# Why can anything be better than rounding to the nearest? The nearest level is best for each weight *alone*, and a network uses sums. Two inputs that are nearly alike are, for example, two neighbouring pixels. If both weights are too small, their errors add up. If one is too small and the other too large, they nearly cancel.
#
# The loss is that of inputs with mean square 1 and correlation 0.9. For (0, 1) it is 0.090 + 0.303 − 0.297 = 0.10. So rounding to the nearest is the third best of four.

# %% [markdown]
# ### Thirty small steps
#
# We start at (0.30, 0.45), which is rounded to (0, 0). There the gradient is −1.41 and −1.44. A step is 0.02 times that, so the second weight goes from 0.45 to 0.479, and then to 0.508.
#
# **Predict.** Now it is rounded to 1, the best choice. Will it stay there? At (0, 1) the gradient of the second weight is $2 \cdot (0.55 - 0.9 \cdot 0.30)$.

# %% walk tags=["hide-input"]
# Takes thirty steps of gradient descent through `straight_through`, and draws the way of the two float weights.
show.walk(straight_through)

# %% [markdown] tags=["answer"]
# **No: it goes back over the border, because at (0, 1) its gradient is positive.**

# %% [markdown]
# **This is what the float weights are for: they add up small steps.**
#
# It goes to and fro and does not come to rest; *Going further* names a cure. The steps are far smaller than the distance of two levels. If only the rounded weights were kept, such steps would be rounded away, and nothing would ever move.

# %% [markdown]
# ## 4. Whose points?
#
# A **parametrization** is a function between the weight that learns and the weight that the layer uses.
#
# Now to the real network. In each layer there must be two weights: the float one, which the optimizer changes, and the rounded one, with which the layer computes. PyTorch keeps both. It computes `layer.weight` from the float weight whenever somebody reads it. The training loop stays as it is.


# %%
class OnGrid(nn.Module):
    def __init__(self, bits, step_of):
        super().__init__()
        self.bits, self.step_of = bits, step_of

    def forward(self, weight):
        step = self.step_of(weight.detach(), self.bits)
        return straight_through(weight, step, self.bits)


# %%
from torch.nn.utils import parametrize


def on_grid(net, bits, step_of=full_step):
    net = copy.deepcopy(net)
    for layer in net.children():
        parametrize.register_parametrization(layer, "weight", OnGrid(bits, step_of))
    return net


def train_on(net):
    return fit(net, 7_500, epochs=1, lr=1e-3)  # 59 training steps


qat = train_on(on_grid(net300, bits=2))

# %% whose_points tags=["hide-input"]
# Prints the accuracy at 2 bits, before and after.
print(f"2 bits: {plain[2]:.1f} % right at once, {accuracy(qat):.1f} % after 59 training steps")

# %% [markdown]
# The weights are rounded, and yet they are floats: this is *fake quantization*. To train with it is called **quantization-aware training**, QAT. Mostly one trains on a network that was trained in float, as here. A few seconds of it were worth tens of points.
#
# Or were they? QAT did two things: it rounded, and it trained on. And it was compared with a network whose *step*, the distance of two levels, we know to be bad: in [[integers]] a shorter one alone won most of another network's lost accuracy back. A fair opponent lacks only the rounding while training:
#
# - it starts from the same network;
# - it trains on with the same images, for as long, in float;
# - then it is rounded with the step that suits it best.

# %%
longer = train_on(copy.deepcopy(net300))
steps = {f"{k:g} σ": lambda weight, bits, k=k: k * weight.std() for k in (1, 1.5, 2, 2.5)}
steps["largest weight"] = full_step
opponent = {name: round_all(longer, 2, step_of) for name, step_of in steps.items()}
aware = {name: train_on(on_grid(net300, 2, step_of)) for name, step_of in steps.items()}

# %% [markdown]
# ### A fair opponent
#
# The *opponent* trains on in float, as long as QAT, and is rounded afterwards. Both try five steps: four multiples of σ, the standard deviation of the layer's weights, and the one of the largest weight.
#
# **Predict.** At 2 bits, each at its best step: how far is QAT ahead: **A** tens of points, **B** a few points at most, **C** not at all?

# %% over_steps tags=["hide-input"]
# Draws the accuracy at 2 bits over the step: of the opponent, and of QAT.
right = {
    "opponent": {n: accuracy(net) for n, net in opponent.items()},
    "QAT": {n: accuracy(net) for n, net in aware.items()},
}
show.over_steps(right, accuracy(longer))

# %% [markdown] tags=["answer"]
# **A few points at most (B), because most of these points only repaired a bad step.** With a good step it loses little, and little is left to win.

# %% tags=["hide-input"]
# Chooses the best step of each on images that no network was trained on, and reports on the test images.
held_out = digits[-5_000:], labels[-5_000:]
best_of = {}
for name, nets in {"opponent": opponent, "QAT": aware}.items():
    step = max(nets, key=lambda step: accuracy(nets[step], held_out))
    best_of[name] = accuracy(nets[step])
    print(f"{name} with the step {step}: {best_of[name]:.1f} % right")

# %% [markdown]
# The step is chosen on held-out images, so that the test images can report. About one point is left for training with the rounding. A better step alone brings nearly all the rest.

# %% [markdown]
# ## 5. PyTorch's way to int8
#
# 1. `get_default_qat_qconfig`: how to round.
# 2. `prepare_qat` puts fake quantization in. Train.
# 3. `convert` makes real integers.
#
# So far only weights were rounded, and all was computed in floats. For int8 the activations must be rounded, too. You know the recipe from [[static]]: stubs, a qconfig, `prepare`, calibration, `convert`. For QAT two names change, and training takes the place of the calibration.

# %% tags=["legacy"]
from torch.ao.quantization import QuantWrapper, convert, get_default_qat_qconfig, prepare_qat

# %% pytorch_s_way_to_int8 tags=["legacy"]
ready = QuantWrapper(copy.deepcopy(net300)).train()
ready.qconfig = get_default_qat_qconfig(torch.backends.quantized.engine)
prepared = prepare_qat(ready)
train_on(prepared)
int8 = convert(prepared.eval())

# %% pytorch_s_way_to_int8_2 tags=["legacy"]
print("in training:", prepared.module.fc3.weight.dtype)
print("converted:  ", int8.module.fc3.weight().dtype)

# %% [markdown]
# `prepare_qat` gave each layer two modules that watch and round: `weight_fake_quant` for its weights, and `activation_post_process` for its outputs. They watch the range as an observer does, round by it, and let the gradient straight through. As in [[static]], a qconfig of your own names others.
#
# **While it trains, nothing is int8.** The layer computes in float32, and each step even takes longer. Only `convert` makes integers, once. It works on a copy, so `prepared` can be trained on afterwards.
#
# What did it win? The fair opponent at 8 bits is `longer`, made int8 by static quantization.

# %% [markdown]
# ### When is QAT worth it?
#
# | network | PyTorch's advice | because |
# |---|---|---|
# | LSTM | dynamic | reading its weights takes the time |
# | Transformer | dynamic | the same |
# | CNN | static | its activations are large |
# | CNN that loses too much with static | QAT | training wins accuracy back |

# %% when_is_qat_worth_it tags=["hide-input", "legacy"]
# Makes the opponent int8 by static quantization, calibrated on 500 images, and compares.
eight = {"float": longer, "static int8": show.static_int8(longer, digits[:500]), "QAT, int8": int8}
eight = {name: accuracy(net) for name, net in eight.items()}
print("At 8 bits:")
for name, percent in eight.items():
    print(f"{name:12} {percent:.1f} % right")

# %% [markdown]
# PyTorch's introduction says that QAT typically has the highest accuracy of the three methods. Here nothing is left to win at 8 bits, since rounding costs next to nothing. QAT needs a training, with labels or with the answers of the float network, and its price in time. So it comes last: try it where a good static quantization has lost more than you can bear.
#
# The table is PyTorch's advice ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)), and [[choosing]] puts it to the test. Many CNNs have batch norm as well, and there one fuses first, in training mode: [[qat_cnn]].

# %% [markdown]
# ## Exercise · Aware of int8
# ★★ · 10 minutes
#
# Write `aware_int8(model, train)`. It returns two networks, `prepared, int8`:
#
# - `prepared`: a copy of `model` with stubs and fake quantization, by the default QAT qconfig of `torch.backends.quantized.engine`, trained by one call of `train(prepared)`;
# - `int8`: its converted copy.
#
# `model` stays as it is, and `prepared` can be trained on afterwards. `model` may be in evaluation mode, where `prepare_qat` refuses.
#
# Then try it: `accuracy(aware_int8(net300, train_on)[1])`.
#
# <details><summary>Hint</summary>
#
# Section 5 has all the lines. `prepare_qat` gives a copy: train what it gives back. With `inplace=True`, what would be left of `prepared` after `convert`?
#
# </details>


# %% tags=["exercise"]
def aware_int8(model, train):
    """A copy of the model with fake quantization, trained by train(copy); and its int8 version."""
    raise NotImplementedError


# %% tags=["check"]
check.aware_int8(aware_int8)


# %% tags=["solution", "hide-cell", "legacy"]
def aware_int8_solution(model, train):
    ready = QuantWrapper(copy.deepcopy(model)).train()
    ready.qconfig = get_default_qat_qconfig(torch.backends.quantized.engine)
    prepared = prepare_qat(ready)
    train(prepared)
    return prepared, convert(prepared.eval())


# %% [markdown]
# ## Remember
#
# - Round on the way forward, and let the gradient straight through on the way back, but for what is clipped. The float weights behind the rounded ones add up steps that are far smaller than a level.
# - A fair opponent trains on as long in float, and is rounded with its own best step. At 2 bits a gain of tens of points shrank to about one.
# - `prepare_qat`, train, `convert`: in training all is float, and int8 comes at the end. Try it where static quantization has lost too much.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"]
claims.show("qat")

# %% [markdown]
# ## Deeper
#
# ### A step that learns
#
# A rule set our step. [Esser et al., 2020](https://arxiv.org/abs/1902.08153), make it a parameter, and gradient descent finds it together with the weights. Where does its gradient come from? Take the two values of section 2 again: the step is $s = 0.5$, the largest integer is 3, and the loss is $(y - 2)^2$.
#
# - 2.7 is clipped to the integer 3, so $y = 3 s$. If $s$ grows by 0.01, $y$ grows by 0.03: the slope is 3. The slope of the loss is −1, so the gradient of the step is $-1 \cdot 3 = -3$. The value itself got none, but a larger step moves the last level towards it.
# - 0.9 is 1.8 steps and is rounded to 2, so $y = 2 s$. If the integer stayed 2, the slope would be 2. But with a larger step 0.9 is fewer steps, and going straight through takes this 1.8 away again. The slope is $2 - 1.8 = 0.2$, the rounding error in steps. The gradient of the step is $-2 \cdot 0.2 = -0.4$.
#
# Together they give −3.4, and gradient descent makes the step longer. Every weight of a layer adds such a term, so this gradient can be far larger than that of a single weight. The authors therefore divide it by $\sqrt{N\,q_\text{max}}$, for $N$ weights and the largest integer $q_\text{max}$.
#
# ### First and last layer in 8 bits
#
# Papers on 2 or 3 bits often mean the layers in the middle. Esser et al. keep the first and the last layer at 8 bits, and so do many others. These two layers often have few of the weights, and rounding them costs much. When you compare two methods, ask whether both did it. In our network it would be expensive: the first layer has 235,200 of the 266,200 weights, so with 8 bits in `fc1` and `fc3` the weights take (236,200 · 8 + 30,000 · 2) / 266,200 = 7.3 bits each.
#
# ### What is in the file?
#
# The optimizer changed the float weights, so `qat.state_dict()` holds *them*, under names such as `fc3.parametrizations.weight.original`. Before you give the network away, put the rounded weight in their place: `parametrize.remove_parametrizations(layer, "weight")` keeps what `layer.weight` gave last. The file is then as large as before, since a rounded weight is still a float. To get small, the integers must be packed, four of 2 bits in a byte; [[weight_only]] does that. With PyTorch's way, `int8.state_dict()` holds integers at once.
#
# **Sources.** The table follows *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. [`torch.fake_quantize_per_tensor_affine`](https://docs.pytorch.org/docs/stable/generated/torch.fake_quantize_per_tensor_affine.html) is PyTorch's own function that rounds and lets the gradient straight through. `torch.ao.quantization` is deprecated; [[torchao]] has QAT for linear layers.
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** M. Nagel et al., *Overcoming oscillations in quantization-aware training*, 2022, [arXiv:2203.11086](https://arxiv.org/abs/2203.11086). Projects: let the step be a parameter that learns; give each layer the step that suits it; round the activations to few bits as well.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

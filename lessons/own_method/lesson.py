# ---
# jupyter:
#   course:
#     promise: You will write pruning methods of your own, race them fairly, and test them.
#     minutes: 75
#     seconds: 60
#     needs: [measuring, prune_module, prune_model, structured, patterns]
#     goals:
#       - Write a subclass of BasePruningMethod and say what each PRUNING_TYPE makes of an existing mask.
#       - Prune by a threshold, by a Taylor score and by a pattern, alone, together and in a training loop.
#       - Measure whether a clever score is worth it, against magnitude and against chance.
#       - Test a pruning method by its properties, and say what PyTorch does with bad input.
#     terms: [callback, importance scores, movement score, property test, pruning type, Taylor score]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *PyTorch prunes by size and by chance. What if you know better?*
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
# *For the lecturer.* Ask: "If you may keep one weight in ten, how do you choose?" Collect rules on the board: small ones, unused ones, those that the
# loss does not feel. Each one becomes a method in this lesson. Section 6 races them.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import os
import sys
import textwrap
from functools import partial
from itertools import pairwise
from statistics import mean

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune
from tqdm import tqdm

from course_utils import data, models, runtime, training
from course_utils.measure.sizes import size_report
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, mean_and_range
from lessons.own_method import checks as check

set_hypothesis_home_dir(os.devnull)  # section 8 needs no notes from one run to the next: nothing goes to disk
card = claims.Scorecard("own_method")
torch.set_num_threads(1)
device = runtime.best_device()
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. Weights that no image ever uses
#
# LeNet-300-100 reads the 784 pixels of a digit. Some pixels, in the corners, are black in *every* training image. A weight
# behind such a pixel is always multiplied by 0. It is useless, and nobody doubts it.
#
# The network is trained. Then magnitude pruning ([[prune_module]]) removes the smallest *fifth* of its weights. There is room in that fifth for all the useless
# ones.
#
# **Predict.** How many of them does it *keep*? **A** none, **B** about one in five, **C** more than half.


# %% tags=["setup"] slideshow={"slide_type": "skip"}
def on_device(pair):
    return tuple(tensor.to(device) for tensor in pair)


def train(model, images, labels, **options):
    """The model, trained with Adam on batches of 64; `options` as in `training.fit`."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, fused=True)
    training.fit(model, images, labels, optimizer=optimizer, device=device, progress=False, **options)
    return model


def weights_of(model):
    return [(model.fc1, "weight"), (model.fc2, "weight"), (model.fc3, "weight")]


SEEDS = range(4)
images, labels = on_device(data.load("mnist"))
test_set = on_device(data.load("mnist", "test"))
nets = []
for seed in tqdm(SEEDS, desc="one pass over MNIST each", file=sys.stdout, leave=False):
    runtime.seed_all(seed)
    nets.append(train(models.LeNet300100(), images, labels, seed=seed))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Magnitude does not know the data

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
never_lit = (images.amax(0) == 0).flatten()


def useless_kept(net):
    """Share of the weights behind pixels that are never lit that a cut of the smallest fifth spares."""
    size = torch.cat([layer.weight.detach().abs().flatten() for layer, _ in weights_of(net)])
    threshold = size.kthvalue(len(size) // 5).values
    return (net.fc1.weight[:, never_lit].abs() > threshold).float().mean().item()


kept = [100 * useless_kept(net) for net in nets]
useless, everything = int(never_lit.sum()) * 300, sum(layer.weight.numel() for layer, _ in weights_of(nets[0]))
print(f"{int(never_lit.sum())} pixels are never lit: {useless:,} useless weights, {useless / everything:.1%} of all")
print(f"magnitude pruning keeps {min(kept):.0f} to {max(kept):.0f} % of them, over {len(nets)} networks")
card.record("useless-kept", min(kept))

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Their gradient is 0 in every step, so they still have their random initial values, and magnitude sees only the value. For each useless
# weight that it keeps, it removes one behind a pixel that some images do use.
#
# A rule that looks at the *data* would find them all. `torch.nn.utils.prune` has none. This lesson writes one, and asks whether it pays.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Let the room vote A, B, C. Then ask why the useless weights are not 0 after training. (No gradient, and no weight decay here.)
# Ask what weight decay would change. It would shrink exactly these, and magnitude pruning would find them.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. A method is one function
#
# All methods of `torch.nn.utils.prune` are subclasses of `BasePruningMethod`. It does the work of [[prune_module]]: `weight` becomes
# `weight_orig`, the **mask** (1 keeps, 0 prunes) becomes a buffer, a hook multiplies the two before each forward. A subclass says two things:
#
# - `PRUNING_TYPE`: `"unstructured"`, `"structured"` or `"global"` (section 3)
# - `compute_mask(self, t, default_mask)`: the mask for the scores `t`; `default_mask` holds what is pruned already
#
# **Predict.** Threshold 0.25, weights (0.1, −0.9, 0.4, 0). Which mask?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A threshold, as a class and as a function


# %% slideshow={"slide_type": "-"}
class Threshold(prune.BasePruningMethod):
    """Prune every weight whose score is not above `threshold` in absolute value."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, threshold):
        self.threshold = threshold

    def compute_mask(self, t, default_mask):
        return default_mask * (t.abs() > self.threshold).to(default_mask.dtype)


def threshold_unstructured(module, name, threshold, importance_scores=None):
    """The function form: prunes in place and returns the module, as PyTorch's own functions do."""
    Threshold.apply(module, name, threshold, importance_scores=importance_scores)
    return module


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The mask, the parameter, the hook


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output"]
def small_layer():
    layer = nn.Linear(4, 3, bias=False)
    values = [[0.1, -0.9, 0.4, 0.0], [0.3, 0.2, -0.1, 0.7], [-0.6, 0.5, 0.2, 0.05]]
    layer.weight.data = torch.tensor(values)
    return layer


layer = threshold_unstructured(small_layer(), "weight", threshold=0.25)
print(layer.weight_mask)
print("parameters:", [name for name, _ in layer.named_parameters()])
print("hook:", [type(hook).__name__ for hook in layer._forward_pre_hooks.values()])

# %% [markdown] slideshow={"slide_type": "-"}
# `apply` is inherited. It takes the module and the parameter's name, and hands the other arguments to `__init__`. Nothing else is needed.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. `PRUNING_TYPE`: what happens to an existing mask
#
# When a parameter is pruned again, both methods move into a `PruningContainer`. It decides what the new method gets to see, by the type:
#
# | `PRUNING_TYPE` | `t` and `default_mask` in a container |
# |---|---|
# | `"unstructured"` | a flat list of the weights that are still there |
# | `"structured"` | the slices along `self.dim` that are not pruned as a whole |
# | `"global"` | everything |
#
# What it returns is written back into the same places.
#
# **Predict.** 12 weights, 3 by 4. Row 0 is pruned as a whole, and one weight of row 1. What shape does each type get?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### On top of a mask: what is left, the slices that are left, or all


# %% slideshow={"slide_type": "-"} tags=["hide-input", "nbval-check-output"]
class Probe(prune.BasePruningMethod):
    """Prunes nothing and says what it was given."""

    dim = 0

    def __init__(self, pruning_type):
        self.PRUNING_TYPE = pruning_type

    def compute_mask(self, t, default_mask):
        print(f"{self.PRUNING_TYPE:12} {str(tuple(t.shape)):6} default_mask {default_mask.int().tolist()}")
        return default_mask


EARLIER = torch.tensor([[0.0, 0, 0, 0], [1, 1, 0, 1], [1, 1, 1, 1]])  # 5 of 12 are pruned
for pruning_type in ("unstructured", "structured", "global"):
    Probe.apply(prune.custom_from_mask(small_layer(), "weight", EARLIER), "weight", pruning_type)
print("Alone, without an earlier mask:")
for pruning_type in ("unstructured", "structured", "global"):
    Probe.apply(small_layer(), "weight", pruning_type)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Alone, all three get everything, and a mask of ones. The type matters from the second pruning on. (The type `"global"` and
# the function `global_unstructured` have only the word in common: section 4.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Who must look at `default_mask`?
#
# A careless method returns a mask of ones, whatever `default_mask` says. 5 of the 12 weights are pruned already.
#
# **Predict.** How many of the 5 come back, as *unstructured*, as *structured*, as *global*?


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output"]
class Careless(Probe):
    def compute_mask(self, t, default_mask):
        return torch.ones_like(t)


revived = {}
for pruning_type in ("unstructured", "structured", "global"):
    layer = prune.custom_from_mask(small_layer(), "weight", EARLIER)
    Careless.apply(layer, "weight", pruning_type)
    revived[pruning_type] = int((layer.weight_mask > EARLIER).sum())
revived

# %% [markdown] slideshow={"slide_type": "-"}
# An unstructured method never sees what is gone, so it cannot revive it. A structured one sees the holes in its slices, a global one everything.
# **Those two must multiply by `default_mask`.**

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Draw the 3 by 4 grid, cross out row 0 and one cell of row 1. Let somebody circle what each type sees. The answer to the second
# question can then be counted on the board: 0, 1, 5.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. A score from the gradient, and a pattern
#
# What does the loss $L$ do when a weight $w$ becomes 0? A first-order Taylor expansion needs only its gradient $g = \partial L / \partial w$:
#
# $$L(w = 0) - L \approx -\,w\,g \qquad\text{for a group of weights}\qquad -\sum_i w_i\,g_i$$
#
# The **Taylor score** ([Molchanov et al., 2017](https://arxiv.org/abs/1611.06440), [2019](https://arxiv.org/abs/1906.10771)) is the size of
# that change: $(w g)^2$ for one weight, $\left(\sum_i w_i g_i\right)^2$ for a *unit*, a row of the weight matrix. Weights of a pixel that is never lit have
# $g = 0$, so the score 0.
#
# **Predict.** `compute_mask` gets a tensor and a mask. Where does the gradient come in?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Through `importance_scores`
#
# Every `apply` can be given `importance_scores`, a tensor in the shape of the parameter. It becomes `t`. So the score is computed *outside*:


# %% slideshow={"slide_type": "-"}
def weight_times_gradient(model, x, y):
    """{(layer, "weight"): weight × gradient of the mean loss}, with its sign."""
    model.zero_grad()
    F.cross_entropy(model(x), y).backward()
    products = {(layer, name): (layer.weight * layer.weight.grad).detach() for layer, name in weights_of(model)}
    model.zero_grad()
    return products


# %% [markdown] slideshow={"slide_type": "-"}
# For single weights no subclass is needed: `prune.l1_unstructured(layer, "weight", amount=0.5, importance_scores=scores)` prunes
# the smallest scores instead of the smallest weights, the useless weights of section 1 among them.


# %% slideshow={"slide_type": "skip"}
def taylor_scores(model, n=2000, batch=64):
    """(weight × gradient)² of each weight, averaged over the batches of n training images.

    Squared batch by batch, as in the paper of 2019: gradients of opposite sign in two batches do not cancel.
    """
    scores = {key: torch.zeros_like(key[0].weight.data) for key in weights_of(model)}
    for x, y in zip(images[:n].split(batch), labels[:n].split(batch), strict=True):
        for key, product in weight_times_gradient(model, x, y).items():
            scores[key] += product**2 * len(x) / len(images[:n])
    return scores


# %% slideshow={"slide_type": "skip"}
scores = taylor_scores(nets[0])
of_useless = scores[nets[0].fc1, "weight"][:, never_lit].max().item()
zeros = torch.cat([score.flatten() for score in scores.values()]).eq(0).float().mean().item()
card.record("useless-taylor-score", of_useless)
print(f"largest Taylor score of a useless weight: {of_useless}; share of all weights with the score 0: {zeros:.0%}")

# %% [markdown] slideshow={"slide_type": "skip"}
# More weights have the score 0 than section 1 counted: these 2,000 images light fewer pixels than all 60,000, and a lit pixel is not enough: its unit must fire on the
# same image.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A subclass where PyTorch has none: whole units, signs first
#
# `LnStructured` takes a norm over the row, so it forgets the signs. In the Taylor score of a unit, changes up and down may cancel: sum first.


# %% slideshow={"slide_type": "-"}
class TaylorUnits(prune.BasePruningMethod):
    """Prune the rows whose sum of scores is nearest to 0; the scores are weight × gradient."""

    PRUNING_TYPE = "structured"
    dim = 0

    def __init__(self, amount):
        self.amount = amount

    def compute_mask(self, t, default_mask):
        unit_scores = (t * default_mask).flatten(1).sum(1).abs()
        mask = default_mask.clone()
        mask[unit_scores.argsort(stable=True)[: round(self.amount * len(t))]] = 0
        return mask


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A pattern: two of every four
#
# In **2:4** sparsity ([[patterns]]) each group of four neighbours in a row keeps its two largest. Which type? The groups need the whole tensor: `"global"`.


# %% slideshow={"slide_type": "-"}
class TwoOfFour(prune.BasePruningMethod):
    """Keep the two largest scores of each four neighbours in a row, and no weight that is pruned already."""

    PRUNING_TYPE = "global"

    def compute_mask(self, t, default_mask):
        if t.shape[-1] % 4:
            raise ValueError(
                f"{self._tensor_name}: rows of {t.shape[-1]} do not split into fours; leave this layer out, or pad it"
            )
        groups = t.abs().masked_fill(default_mask == 0, -1).reshape(-1, 4)  # pruned ones rank last
        mask = torch.zeros_like(groups).scatter(1, groups.topk(2).indices, 1)
        return mask.view_as(t) * default_mask


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Four ways to use each
#
# Each on two small layers: alone, on top of an earlier mask, with scores from outside, and by `global_unstructured`, which ranks several layers as one.
#
# **Predict.** Which of the three does `global_unstructured` take?


# %% slideshow={"slide_type": "skip"}
def attempt(what):
    """The result of `what()`, or the error that it raised, as text."""
    try:
        return what()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def left(method, way, **arguments):
    """How many of 24 weights in two layers are left."""
    pair = [small_layer(), small_layer()]
    if way == "in a container":
        pair = [prune.custom_from_mask(layer, "weight", EARLIER) for layer in pair]
    if way == "global_unstructured":
        prune.global_unstructured([(layer, "weight") for layer in pair], method, **arguments)
    else:
        scores = torch.arange(12.0).view(3, 4) / 12 if way == "importance_scores" else None
        for layer in pair:
            method.apply(layer, "weight", importance_scores=scores, **arguments)
    return int(sum(layer.weight_mask.sum() for layer in pair))


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### `global_unstructured` refuses rows and patterns

# %% slideshow={"slide_type": "-"} tags=["hide-input", "nbval-check-output"]
WAYS = ("alone", "in a container", "importance_scores", "global_unstructured")
METHODS = {Threshold: {"threshold": 0.25}, TaylorUnits: {"amount": 1 / 3}, TwoOfFour: {}}
results = {
    (method.__name__, way): attempt(lambda: left(method, way, **arguments))  # noqa: B023
    for method, arguments in METHODS.items()
    for way in WAYS
}
Table(
    ["method", "type", *WAYS],
    [
        [method.__name__, method.PRUNING_TYPE, *(str(results[method.__name__, way]).split(":")[0] for way in WAYS)]
        for method in METHODS
    ],
    caption="weights that are left, of 24. " + results["TwoOfFour", "global_unstructured"].split(" for the")[0],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** `global_unstructured` joins all layers into one flat list. Rows and groups are lost in it, so it takes
# unstructured methods only.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A wrong type goes unnoticed, at first
#
# Somebody declares the pattern `"unstructured"`, so that `global_unstructured` takes it. Every row of LeNet-300-100 splits into fours.
#
# **Predict.** Does the 2:4 pattern come out right **A** on a fresh network, **B** on one that was pruned before, **C** on both?


# %% slideshow={"slide_type": "-"}
class PatternDeclaredFlat(TwoOfFour):
    PRUNING_TYPE = "unstructured"


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Right the first time, broken the second


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def too_full(method, before):
    """Percent of groups of four that keep more than two, when the share `before` was pruned already."""
    layer = copy.deepcopy(nets[0].fc1)
    if before:
        prune.l1_unstructured(layer, "weight", amount=before)
    method.apply(layer, "weight")
    return 100 * (layer.weight_mask.reshape(-1, 4).sum(1) > 2).float().mean().item()


KINDS = {"declared global": TwoOfFour, "declared unstructured": PatternDeclaredFlat}
broken_groups = {(name, before): too_full(method, before) for name, method in KINDS.items() for before in (0, 0.1)}
Table(
    ["2:4", "pruned before", "groups with 3 or 4 left, %"],
    [[name, f"{before:.0%}", f"{share:.1f}"] for (name, before), share in broken_groups.items()],
)

# %% [markdown] slideshow={"slide_type": "-"}
# A. Without an earlier mask the flat list is the tensor. With one, the holes are left out, the list shifts, and the groups are others.
# A kernel for 2:4 stores two of each four, so it cannot hold such a matrix. Nothing warns. Section 8 finds such faults.

# %% slideshow={"slide_type": "skip"}
card.record("flat-pattern-breaks", broken_groups["declared unstructured", 0.1])

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask before the four ways: what would "the two largest of four neighbours" mean in a list of all layers? It has an answer only by luck. That is why
# PyTorch refuses. The next slide shows what happens to somebody who talks it out of refusing.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. Does the score predict what it promises?
#
# The score promises the change of the loss. That can be tested: set the row of *one* unit of `fc1` to 0, measure the loss of 1,000 training images, put it back. 300
# units, 300 true changes, the **oracle** of Molchanov et al.
#
# We compare ranks, by the **rank correlation**: 1 = same order, 0 = no relation. For networks trained on ImageNet the authors report a correlation above 0.93.
#
# **Predict.** Which ranks the units better, the Taylor score or the norm of the row? And by how much?


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def true_changes(model, x, y):
    """What the loss does when the weights of one unit of fc1 become 0, for each unit."""
    hidden = torch.relu(model.fc1(x.flatten(1)))
    losses = []
    for unit in range(model.fc1.out_features):
        changed = hidden.clone()
        changed[:, unit] = torch.relu(model.fc1.bias[unit])  # what is left of it
        losses.append(F.cross_entropy(model.fc3(torch.relu(model.fc2(changed))), y))
    return torch.stack(losses) - F.cross_entropy(model(x), y)


def rank_correlation(a, b):
    return torch.corrcoef(torch.stack([v.argsort().argsort().double() for v in (a, b)]))[0, 1].item()


# %% slideshow={"slide_type": "skip"}
x, y = images[:1000], labels[:1000]
UNIT_SCORES = {
    "Taylor, sum then size": lambda wg, w: wg.sum(1).abs(),
    "Taylor, norm of the row": lambda wg, w: wg.norm(dim=1),
    "norm of the weights": lambda wg, w: w.norm(dim=1),
}
correlation = {name: [] for name in UNIT_SCORES}
for net in tqdm(nets, desc="300 units each", file=sys.stdout, leave=False):
    oracle = true_changes(net, x, y).abs()
    wg = weight_times_gradient(net, x, y)[net.fc1, "weight"]
    by_unit = {name: score(wg, net.fc1.weight.detach()) for name, score in UNIT_SCORES.items()}
    for name, score in by_unit.items():
        correlation[name].append(rank_correlation(score, oracle))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One unit at a time, the Taylor score knows

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, axes = plots.figure(columns=2, size=(12, 4.2))
for ax, name in zip(axes, ("Taylor, sum then size", "norm of the weights"), strict=True):
    ax.plot(by_unit[name].cpu(), oracle.cpu(), "o", markersize=4, alpha=0.6)
    spread = correlation[name]
    ax.set(
        title=f"rank correlation {min(spread):.2f} to {max(spread):.2f}", xlabel=name, yscale="log", ylim=(1e-6, None)
    )
axes[0].set(ylabel="|true change of the loss|", xscale="log", xlim=(1e-6, None))
plots.show(
    fig,
    alt="Two clouds of 300 points, the true change on a logarithmic axis. Left, the Taylor score against the true change of the loss: a narrow band along the "
    "diagonal. Right, the norm of the weights: a wide cloud that rises only a little.",
    caption="Each point a unit of fc1 in the last network; the correlations are over all networks.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** For *one* unit the score is close to the truth. The norm is a weak guide: it knows neither the pixels in
# front of the unit nor the layers behind it.

# %% slideshow={"slide_type": "skip"}
card.record("taylor-predicts", min(correlation["Taylor, sum then size"]))
gaps = [a - b for a, b in zip(correlation["Taylor, sum then size"], correlation["norm of the weights"], strict=True)]
card.record("norm-predicts-less", min(gaps))
Table(
    ["score of a unit", "rank correlation, least", "most"],
    [[name, f"{min(c):.2f}", f"{max(c):.2f}"] for name, c in correlation.items()],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The row in the middle takes the norm of weight × gradient, as `LnStructured` with `importance_scores` would. (The paper of 2019 names both forms.) Signs matter: a sum
# over the row comes closer to the truth. That is what the subclass `TaylorUnits` is for.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. The race: same density, same budget
#
# The score is right about one unit. Is the *network* better, when most weights go at once, and 100 training steps follow?
#
# - **magnitude**, **Taylor score**, **random**: by `global_unstructured` over the three layers (the score needs 32 batches of gradients on top)
# - **2:4** by magnitude, layer by layer: it has one density only, one half
# - four networks, each trained for one pass over MNIST; **density** is the share of weights that is left
#
# **Predict.** Who is first, just pruned? And after the 100 steps: **A** magnitude, **B** the Taylor score, **C** it depends on the density?


# %% slideshow={"slide_type": "skip"}
def two_of_four(net):
    for layer, name in weights_of(net):
        TwoOfFour.apply(layer, name)


def everywhere(net, method, density, scores=None):
    prune.global_unstructured(weights_of(net), method, importance_scores=scores, amount=1 - density)


DENSITIES = {"magnitude": (0.5, 0.1, 0.05), "Taylor score": (0.5, 0.1, 0.05), "random": (0.5, 0.1)}
RULES = {
    "magnitude": lambda net, d: everywhere(net, prune.L1Unstructured, d),
    "Taylor score": lambda net, d: everywhere(net, prune.L1Unstructured, d, taylor_scores(net)),
    "random": lambda net, d: everywhere(net, prune.RandomUnstructured, d),
}
BUDGET = 100  # training steps after pruning


# %% slideshow={"slide_type": "skip"}
def before_and_after(seed, prune_it):
    """Accuracy in percent after pruning, and after the fine-tuning budget; and the network."""
    net = copy.deepcopy(nets[seed])
    torch.manual_seed(seed)  # for the random method
    prune_it(net)
    before = 100 * training.evaluate(net, *test_set)
    train(net, images, labels, steps=BUDGET, seed=100 + seed)
    return before, 100 * training.evaluate(net, *test_set), net


runs = [("dense", 1.0, lambda net: None), ("2:4", 0.5, two_of_four)]
runs += [(name, d, partial(rule, d=d)) for name, rule in RULES.items() for d in DENSITIES[name]]
race, finished = {}, {}
for name, density, prune_it in tqdm(runs, desc="prune and fine-tune", file=sys.stdout, leave=False):
    outcomes = [before_and_after(seed, prune_it) for seed in SEEDS]
    race[name, density] = [outcome[:2] for outcome in outcomes]
    finished[name, density] = outcomes[0][2]

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Just pruned, the Taylor score leads; after training, it depends

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, axes = plots.figure(columns=2, size=(12, 4.5))
for panel, (ax, title) in enumerate(zip(axes, ("just pruned", f"after {BUDGET} steps"), strict=True)):
    dense = [outcome[panel] for outcome in race["dense", 1.0]]
    ax.axhspan(min(dense), max(dense), color=plots.COLOURS["grey"], alpha=0.4, label="dense")
    for name, style in zip(RULES, ("o-", "s-", "^-"), strict=True):
        spread = torch.tensor([[outcome[panel] for outcome in race[name, d]] for d in DENSITIES[name]])
        percent = [100 * d for d in DENSITIES[name]]
        line = ax.plot(percent, spread.mean(1), style, label=name)[0]
        ax.fill_between(percent, spread.amin(1), spread.amax(1), alpha=0.25, color=line.get_color())
    pattern = [outcome[panel] for outcome in race["2:4", 0.5]]
    ax.plot([50] * len(pattern), pattern, "D", color="black", fillstyle="none", label="2:4")
    ax.set(xscale="log", title=title, xlabel="density, %", xticks=(50, 10, 5), xticklabels=("50", "10", "5"))
    ax.minorticks_off()
    ax.invert_xaxis()
axes[0].set(ylabel="test accuracy, %")
axes[1].set(ylim=(88, 98))
axes[0].legend(fontsize=13)
plots.show(
    fig,
    alt="Accuracy over density from 50 to 5 percent, mean and band over four networks. Just pruned: the Taylor score stays highest, magnitude falls "
    "earlier, random is at chance from 10 percent on. After 100 steps magnitude lies a little above the Taylor score at "
    "10 percent, and below it at 5 percent; random falls off the panel.",
    caption="Mean and range over four networks. The right panel begins at a higher accuracy.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The same in numbers


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def measured_density(net):
    return 100 * (1 - sparsity_report(net).weights.sparsity)


Table(
    ["method", "density, counted, %", "just pruned, %", f"after {BUDGET} steps, %"],
    [
        [
            name,
            f"{measured_density(finished[name, d]):.1f}",
            *(mean_and_range(part) for part in zip(*outcomes, strict=True)),
        ]
        for (name, d), outcomes in race.items()
    ],
    caption="mean (least to most) over four networks; weights that are not zero, counted in the first",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Why does the better predictor not always win?
#
# **What you saw.** Just pruned, the Taylor score is ahead at 10 %, and far ahead at 5 %: it answers that very question. After the training magnitude is ahead by
# less than a point at 10 %, the Taylor score by more at 5 %. At 10 % both leave chance far behind.
#
# - Training repairs most of the damage. What counts then is how well the rest can *learn*, not the loss at that moment.
# - The deeper the cut, the less 100 steps can repair, and the more a good start is worth.
# - The expansion is about *one* weight and a small change. Here up to nineteen in twenty go at once.

# %% [markdown] slideshow={"slide_type": "-"}
# So "which score is best?" has no answer. "Which score, at this density, with this budget, on this network?" has one, and it takes the cells above to get it. The authors
# of the score prune whole *filters*, a few at a time, and train in between: another race. At half density the 2:4 pattern costs little. If two bands overlap on your
# machine, do not name a winner.


# %% slideshow={"slide_type": "skip"}
def mean_after(name, density):
    return mean(after for _, after in race[name, density])


card.record("magnitude-over-random", mean_after("magnitude", 0.1) - mean_after("random", 0.1))
card.record("magnitude-over-taylor", mean_after("magnitude", 0.1) - mean_after("Taylor score", 0.1))
card.record("taylor-deep-cut", mean_after("Taylor score", 0.05) - mean_after("magnitude", 0.05))
just = {name: mean(before for before, _ in race[name, 0.05]) for name in ("Taylor score", "magnitude")}
card.record("taylor-just-pruned", just["Taylor score"] - just["magnitude"])
card.record("two-of-four-costs", mean_after("magnitude", 0.5) - mean_after("2:4", 0.5))

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Two votes before the figure, one for each panel. Most vote for the Taylor score twice, after section 5. Ask for reasons *before* you show the
# next slide. Then ask which panel they would believe if they had to ship a model. (The right one, with the budget that they really have.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Into the ledger
#
# The first network of each kind, its masks removed. A zero takes as many bytes as any other number: the files are of one size ([[prune_model]]).

# %% slideshow={"slide_type": "skip"}
rows = []
for (method, density), net in finished.items():
    for layer, name in weights_of(net):
        if prune.is_pruned(layer):
            prune.remove(layer, name)
    size = size_report(net)
    rows.append(
        ledger.record(
            lesson="own_method",
            task="mnist",
            model="LeNet-300-100",
            accuracy=training.evaluate(net, *test_set),
            technique=f"{method}, {density:.0%} dense, one pass and {BUDGET} steps"
            if density < 1
            else f"fp32, one pass and {BUDGET} steps",
            file_bytes=size.file_bytes,
            load_ms=size.load_ms,
        )
    )
ledger.table(rows)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. In a training loop
#
# A **callback** is a function that the training loop calls after each step (`on_step` of `training.fit`). Ours adds up a score from the gradients that
# are still there, and prunes a bit more every 20 steps, along a cubic curve ([Zhu and Gupta, 2017](https://arxiv.org/abs/1710.01878)).
#
# From a share $p$ of zeros to a share $q$: the `amount` counts what is *left*. So prune $(q - p) / (1 - p)$ of it.
#
# A third score is the **movement score** ([Sanh et al., 2020](https://arxiv.org/abs/2005.07683)): $-\sum_t w_t\,g_t$ over the steps $t$. It is
# positive where training moves a weight *away* from 0, negative where it moves it towards 0. Its sign matters.
#
# **Predict.** What does `prune.l1_unstructured(…, importance_scores=movement)` do to a weight with the score −5?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Absolute values eat the sign: a score with a sign needs its own class


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output"]
class Smallest(prune.BasePruningMethod):
    """Prune the fraction `amount` with the smallest scores, sign and all."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount):
        self.amount = amount

    def compute_mask(self, t, default_mask):
        mask = default_mask.clone()
        mask.view(-1)[t.flatten().argsort(stable=True)[: round(self.amount * t.numel())]] = 0
        return mask


movement = torch.tensor([[-5.0, 0.1, 0.2, 3.0]])  # the first weight moves fast towards 0
for method in (prune.L1Unstructured, Smallest):
    layer = nn.Linear(4, 1, bias=False)
    method.apply(layer, "weight", amount=0.5, importance_scores=movement)
    print(f"{method.__name__:15}", layer.weight_mask.tolist())

# %% [markdown] slideshow={"slide_type": "-"}
# `L1Unstructured` takes absolute values, also of scores. It *keeps* the weight that moves fastest towards 0.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A callback that adds up scores and prunes


# %% slideshow={"slide_type": "-"}
class PruneGradually:
    """A callback: adds up scores, and prunes every 20 steps until `last`, to the share `final`."""

    def __init__(self, model, score, *, final, last):
        self.scores = {key: 0 for key in weights_of(model)}
        self.score, self.final, self.last, self.pruned = score, final, last, 0.0

    def __call__(self, step):
        for layer, name in self.scores:
            weight = getattr(layer, name + "_orig", getattr(layer, name))
            old = self.scores[layer, name]
            self.scores[layer, name] = self.score(old, weight.detach(), weight.grad)
        if step <= self.last and step % 20 == 0:
            goal = self.final * (1 - (1 - step / self.last) ** 3)
            amount = (goal - self.pruned) / (1 - self.pruned)
            prune.global_unstructured(list(self.scores), Smallest, amount=amount, importance_scores=self.scores)
            self.pruned = goal


# %% [markdown] slideshow={"slide_type": "skip"}
# The optimizer may be made before the first pruning: `global_unstructured` moves the same Parameter to `weight_orig`. The score counts `weight_orig`: by
# the chain rule its gradient is 0 where the mask is 0. [[lightning_qat]] has a callback of this kind for Lightning.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A fairer race: a new task, few at a time
#
# Sanh et al. found magnitude weak when a *pretrained* network learns a new task: the large weights are those of the old task. So: the networks that learned digits
# now learn clothes (Fashion-MNIST), 150 steps, pruned from step 20 to step 100. Three networks, all scores with the same schedule.
#
# **Predict.** Who wins at 3 % density: magnitude, the Taylor score, or movement?

# %% slideshow={"slide_type": "skip"}
clothes = on_device(data.load("fashion_mnist"))
clothes_test = on_device(data.load("fashion_mnist", "test"))
SCORES = {
    "magnitude": lambda old, w, g: w.abs(),
    "Taylor score": lambda old, w, g: old + (w * g) ** 2,
    "movement": lambda old, w, g: old - w * g,
}
transfer = {}
for density in tqdm((0.1, 0.03), desc="prune while learning clothes", file=sys.stdout, leave=False):
    for name, score in SCORES.items():
        transfer[name, density] = []
        for seed in SEEDS[:3]:
            net = copy.deepcopy(nets[seed])
            gradually = PruneGradually(net, score, final=1 - density, last=100)
            train(net, *clothes, steps=150, seed=seed, on_step=gradually)
            transfer[name, density].append(100 * training.evaluate(net, *clothes_test))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["score", "10 % dense: accuracy, %", "3 % dense: accuracy, %"],
    [[name, mean_and_range(transfer[name, 0.1]), mean_and_range(transfer[name, 0.03])] for name in SCORES],
    caption="from digits to clothes; mean (least to most) over three networks",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** Movement comes last. At 3 % the Taylor score leads magnitude, as it did after a deep cut in section 6. This is no refutation: the paper pruned BERT, over many thousand steps, let pruned weights come
# back, and saw the gain at the highest sparsities. Here a small network learns a task that shares little with the old one, in 150 steps. A score that is best in one
# setting is to be measured again in yours.

# %% slideshow={"slide_type": "skip"}
card.record("movement-behind", mean(transfer["magnitude", 0.1]) - mean(transfer["movement", 0.1]))
card.record("taylor-in-transfer", mean(transfer["Taylor score", 0.03]) - mean(transfer["magnitude", 0.03]))

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* The trap with the absolute value deserves a minute: it raises nothing, and the result looks plausible. Ask who would have noticed. Then: what
# test would have caught it? That leads to the next section.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. How to test a pruning method
#
# A faulty method raises nothing. The network is pruned, somehow. So write down what *every* right method does, and let a library search for a
# counter-example: a **property test**. A pruning method, whatever its rule:
#
# 1. gives a mask of the same shape and dtype, of zeros and ones only,
# 2. never revives a pruned weight,
# 3. survives two applications, also when nothing is left to prune,
# 4. prunes the right amount.
#
# [Hypothesis](https://hypothesis.readthedocs.io) draws the situations: scores with ties, zeros and both signs, and any earlier mask. When one fails, it looks for the smallest that fails.


# %% slideshow={"slide_type": "skip"}
@st.composite
def situations(draw):
    """Scores (rows, 4 or 8) in steps of a half, so that there are ties; and a mask from earlier pruning."""
    rows, columns = draw(st.integers(1, 3)), draw(st.sampled_from([4, 8]))

    def grid(numbers):
        drawn = draw(st.lists(numbers, min_size=rows * columns, max_size=rows * columns))
        return torch.tensor(drawn, dtype=torch.float32).view(rows, columns)

    return grid(st.integers(-6, 6)) / 2, grid(st.integers(0, 1))


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Prune twice, look for a broken rule


# %% slideshow={"slide_type": "-"}
def broken_rule(prune_it, scores, before, amount_ok=None):
    """The first rule that `prune_it(layer, name, importance_scores=…)` breaks, or None."""
    layer = nn.Linear(scores.shape[1], scores.shape[0], bias=False)
    prune.custom_from_mask(layer, "weight", before)
    masks = [before]
    for _ in range(2):
        prune_it(layer, "weight", importance_scores=scores)
        masks.append(layer.weight_mask.clone())
    for old, new in pairwise(masks):
        if new.shape != old.shape or new.dtype != old.dtype:
            return "another shape or dtype"
        if not ((new == 0) | (new == 1)).all():
            return "not binary"
        if (new > old).any():
            return "revives a pruned weight"
        if amount_ok and not amount_ok(scores, old, new):
            return "wrong amount"


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A hundred situations, and the smallest that fails


# %% slideshow={"slide_type": "-"}
def properties(prune_it, amount_ok=None):
    """ "all hold", or the first rule that is broken, with the smallest example that was found."""

    @settings(
        max_examples=100,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(situations())
    def all_hold(situation):
        rule = broken_rule(prune_it, *situation, amount_ok)
        assert rule is None, f"{rule}: scores {situation[0].tolist()}, mask before {situation[1].tolist()}"

    try:
        all_hold()
    except AssertionError as broken:
        return str(broken)
    except Exception as error:  # the method itself failed on some situation
        return f"raises {type(error).__name__}: {error}"
    return "all hold"


# %% [markdown] slideshow={"slide_type": "skip"}
# The situations decide what can be found. With whole numbers as scores, `FaultyTwo` below would pass: cut off at 1, they are 0 or 1.
#
# The settings: the same examples in every run, no limit of time for a single one, and no database, so that nothing is written to disk.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Three faulty methods
#
# All three run on a fresh layer of random weights, and nobody notices.
#
# **Predict.** Which of the four rules does each one break?


# %% slideshow={"slide_type": "-"}
class FaultyOne(Threshold):
    PRUNING_TYPE = "global"

    def compute_mask(self, t, default_mask):
        return (t.abs() > self.threshold).to(t.dtype)


class FaultyTwo(Threshold):
    def compute_mask(self, t, default_mask):
        return default_mask * t.abs().clamp(max=1)


class FaultyThree(Smallest):
    def compute_mask(self, t, default_mask):
        k = round(self.amount * t.numel())
        return default_mask * (t > t.flatten().kthvalue(k).values) if k else default_mask


# %% slideshow={"slide_type": "skip"}
def pruned(old, new):
    return int(old.sum() - new.sum())


def rows_left(mask):
    return int((mask.sum(1) > 0).sum())


def half(scores, old, new):
    return pruned(old, new) == round(0.5 * int(old.sum()))


def above(scores, old, new):
    return torch.equal(new, old * (scores.abs() > 1.5))


def two_in_four(scores, old, new):
    return torch.equal(new.reshape(-1, 4).sum(1), old.reshape(-1, 4).sum(1).clamp(max=2))


def half_the_rows(scores, old, new):
    return rows_left(new) == rows_left(old) - round(0.5 * rows_left(old))


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Each is caught, with its smallest example

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
faulty = {
    "FaultyOne": properties(partial(FaultyOne.apply, threshold=1.5), above),
    "FaultyTwo": properties(partial(FaultyTwo.apply, threshold=1.5)),
    "FaultyThree": properties(partial(FaultyThree.apply, amount=0.5), half),
}
Table(["method", "broken rule"], list(faulty.items()))

# %% [markdown] slideshow={"slide_type": "-"}
# One forgets `default_mask` and is global. Two scales weights in place of masking them. Three compares with the k-th smallest value: where scores are
# equal, it prunes *all* of them.


# %% slideshow={"slide_type": "skip"}
class WithoutDim(prune.BasePruningMethod):
    PRUNING_TYPE = "structured"  # and no attribute dim
    __init__, compute_mask = TaylorUnits.__init__, TaylorUnits.compute_mask


sound = {
    "Threshold": properties(partial(threshold_unstructured, threshold=1.5), above),
    "TaylorUnits": properties(partial(TaylorUnits.apply, amount=0.5), half_the_rows),
    "WithoutDim": properties(partial(WithoutDim.apply, amount=0.5), half_the_rows),
    "TwoOfFour": properties(TwoOfFour.apply, two_in_four),
    "PatternDeclaredFlat": properties(PatternDeclaredFlat.apply, two_in_four),
    "Smallest": properties(partial(Smallest.apply, amount=0.5), half),
    "PyTorch's l1_unstructured": properties(partial(prune.l1_unstructured, amount=0.5), half),
}
card.record("faults-caught", sum(verdict != "all hold" for verdict in faulty.values()))
card.record("sound-pass", sum(verdict == "all hold" for verdict in sound.values()))
Table(["method", "verdict"], list(sound.items()))

# %% [markdown] slideshow={"slide_type": "skip"}
# The wrong type of section 4 is caught too, and a structured method that does not say along which `dim`: it works once, and the container refuses it. Now put your own method to the test: `properties(partial(YourMethod.apply, amount=0.5))`. Passing is no
# proof. It means that 100 situations, some of them nasty, brought nothing up. And rule 4 is as good as the function that you pass for it.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Give the room two minutes with the three classes before the table. Fault three is the one that most people have written themselves. Ask for a fifth rule.
# (Same result when the scores are multiplied by 2; input unchanged; same result for a permuted tensor.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9. Bad input
#
# [[prune_traps]] showed what PyTorch's *functions* say to bad input. Their checks stand in their own classes. Yours starts with none.
#
# **Predict.** 12 weights. What does our `Smallest` do with an `amount` of 1.5, of −0.5, and of the whole number 1?


# %% slideshow={"slide_type": "skip"}
def outcome(what):
    """How many of 12 weights are pruned, or the error."""
    layer = small_layer()
    result = attempt(lambda: what(layer))
    if isinstance(result, str):
        return result if len(result) < 75 else result[:72] + "…"
    spared = ", but not the smallest" if layer.weight_mask[0, 3] else ""
    return f"prunes {int((layer.weight_mask == 0).sum())} of 12{spared}"


with_nan = small_layer().weight.detach().clone()
with_nan[0, 3] = torch.nan  # the smallest weight
INPUTS = {
    "amount=1.5": {"amount": 1.5},
    "amount=-0.5": {"amount": -0.5},
    "amount=1": {"amount": 1},
    "a NaN score, amount=11/12": {"amount": 11 / 12, "importance_scores": with_nan},
    "scores of shape (4, 3)": {"amount": 0.5, "importance_scores": torch.ones(4, 3)},
}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Your own method has no checks

# %% slideshow={"slide_type": "-"} tags=["hide-input", "nbval-check-output"]
Table(
    ["input", "PyTorch's l1_unstructured", "our Smallest"],
    [
        [
            name,
            *(
                outcome(lambda layer: method(layer, "weight", **arguments))  # noqa: B023
                for method in (prune.l1_unstructured, Smallest.apply)
            ),
        ]
        for name, arguments in INPUTS.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Only the shape is checked for everybody, in `apply`. 1.5 prunes all. −0.5 prunes half, because `[:-6]` is a legal slice. The whole number 1 is one weight for PyTorch, and
# everything for `Smallest`. A **NaN** score ranks
# above all others, so its weight is the last to go.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### `global_unstructured` checks less
#
# It takes the scores in a dictionary, with (module, name) as key, and joins them to one long list.
#
# **Predict.** Scores of the shape (4, 3) for weights of (3, 4): **A** an error, **B** a warning, **C** nothing? And scores under a wrong key?

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output"]
rising = torch.arange(12.0)  # the first six are to go
GIVEN = {
    "right": lambda layer: {(layer, "weight"): rising.view(3, 4)},
    "shape (4, 3), transposed": lambda layer: {(layer, "weight"): rising.view(3, 4).T.contiguous()},
    "under the key (layer, 'wieght')": lambda layer: {(layer, "wieght"): rising.view(3, 4)},
}
for name, scores_for in GIVEN.items():
    layer = small_layer()
    prune.global_unstructured([(layer, "weight")], Smallest, importance_scores=scores_for(layer), amount=0.5)
    print(f"{name:32}", layer.weight_mask.int().tolist())

# %% [markdown] slideshow={"slide_type": "-"}
# C, both times. As long as the total number fits, the scores land on other weights. With a wrong key the weights themselves become the scores. No word.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A second pruning fails: what is left of the first?
#
# [[prune_traps]] saw a refused `amount` take the hook away. Here the scores have a wrong shape; the program catches the error and trains on.
#
# **Predict.** What happens in the first training step after it, and in the second?

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output"]
layer = prune.l1_unstructured(small_layer(), "weight", amount=0.5)
wrong = {"amount": 0.5, "importance_scores": torch.ones(3)}
print(attempt(lambda: prune.l1_unstructured(layer, "weight", **wrong)).split(" should")[0], "…")
print("hooks:", len(layer._forward_pre_hooks), " is_pruned:", prune.is_pruned(layer))
print("state_dict:", list(layer.state_dict()))
for step in (1, 2):  # training goes on
    error = attempt(lambda: layer(torch.ones(1, 4)).sum().backward())
    print(f"step {step}:", str(error).split("(")[0])

# %% [markdown] slideshow={"slide_type": "-"}
# `apply` takes the old hook away *before* it checks. The mask stays in the `state_dict`, but forward uses a `weight` that was computed once. The second step fails, in
# words that do not say "pruning".

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What to write in your own method
#
# Check amount and scores, name the parameter (`apply` has stored it in `self._tensor_name`; in `global_unstructured` that is only `"temp"`), and say what to do. Pruning
# everything is no pruning: refuse it.


# %% slideshow={"slide_type": "-"}
class Careful(Smallest):
    """Smallest, with errors that say which parameter, what was wrong, and what to do."""

    def compute_mask(self, t, default_mask):
        n, bad = t.numel(), int((~t.isfinite()).sum())
        if isinstance(self.amount, int) or not 0 <= self.amount < 1:
            raise ValueError(
                f"{self._tensor_name}: amount={self.amount!r}; give a fraction from 0.0 to "
                "below 1.0, or take the whole layer out of the model"
            )
        if n and round(self.amount * n) == n:
            raise ValueError(f"{self._tensor_name}: amount={self.amount} prunes all {n} that are left; give less")
        if bad:
            raise ValueError(
                f"{self._tensor_name}: {bad} of {n} scores are not finite; look for the step that made them"
            )
        return super().compute_mask(t, default_mask)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A guard for the second pruning


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output"]
def prune_or_restore(prune_it, module, name, **arguments):
    """prune_it(module, name, …); when it fails, the module keeps the masks that it had."""
    hooks = dict(module._forward_pre_hooks)
    try:
        return prune_it(module, name, **arguments)
    except Exception:
        module._forward_pre_hooks.update(hooks)
        raise


layer = prune.l1_unstructured(small_layer(), "weight", amount=0.5)
all_nan = {"amount": 0.5, "importance_scores": torch.full((3, 4), torch.nan)}
for arguments in ({"amount": 1.5}, {"amount": 0.95}, all_nan):
    error = attempt(lambda: prune_or_restore(Careful.apply, layer, "weight", **arguments))  # noqa: B023
    print(textwrap.fill(error, 95))
print("hooks:", len(layer._forward_pre_hooks), " is_pruned:", prune.is_pruned(layer))

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask before the fragment: is the first mask still applied? Then show the order in PyTorch's source of `apply`: the hooks go in `_get_composite_method`,
# the check of the shape comes after it, and the rollback is for a first pruning only. A model that only answers never fails: its `weight` stays as it was.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Four cards. Write your answer into the cell with the stub, run it, then run the check below it. The check
# tries inputs that you do not see here, and tells you what a wrong answer usually means.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · Prune by threshold
# ★ · 8 minutes
#
# Write `threshold_mask`, the heart of a *global* method: keep a weight that was there before and whose score is above `threshold` in absolute
# value. Return a mask in the shape and dtype of `default_mask`: zeros and ones of some float type, which need not be that of the scores.
#
# `threshold_mask(scores, default_mask, threshold)` → a tensor of zeros and ones
#
# <details><summary>Hint</summary>
# A comparison gives True and False. Bring it to the dtype of default_mask, and combine the two: kept before <em>and</em> above.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def threshold_mask(scores, default_mask, threshold):
    """1 where a weight stays: it was there, and |score| > threshold.

    >>> threshold_mask(torch.tensor([1.0, 1.0]), torch.ones(2), 0.5)
    tensor([1., 1.])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.threshold_mask(threshold_mask)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def threshold_mask_solution(scores, default_mask, threshold):
    return default_mask * (scores.abs() > threshold).to(default_mask.dtype)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · On top of an existing mask
# ★★ · 12 minutes
#
# A *global* method must do itself what the container does for an unstructured one. Write `combined_mask`: of the weights that are *still there*,
# prune the fraction `amount` (from 0 to 1) with the smallest |score|, `round(amount · number still there)` of them, with Python's `round`. The scores of
# pruned weights may be anything. No two weights that are still there have scores of the same size. Leave `default_mask` itself as it is.
#
# `combined_mask(scores, default_mask, amount)` → the new mask, of the same shape, in any dtype
#
# <details><summary>Hint</summary>
# Count the ones in default_mask. Give the weights that are gone an infinite score, so that they are not chosen a second time. Then set the k smallest to 0 in a copy of
# default_mask.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def combined_mask(scores, default_mask, amount):
    """Prune the fraction `amount` of the weights that are still there, smallest |score| first.

    >>> combined_mask(torch.tensor([3.0, 1.0, 2.0, 4.0]), torch.ones(4), 0.5)
    tensor([1., 0., 0., 1.])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.combined_mask(combined_mask)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def combined_mask_solution(scores, default_mask, amount):
    k = round(amount * int(default_mask.sum()))
    ranked = scores.abs().masked_fill(default_mask == 0, torch.inf).flatten()
    mask = default_mask.clone()
    mask.view(-1)[ranked.argsort()[:k]] = 0
    return mask


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · The movement score
# ★★ · 8 minutes
#
# Write `movement_scores`: from the weights and the gradients of one or more training steps (two lists of tensors, one tensor a step) the score
# $-\sum_t w_t\,g_t$ of section 7.
#
# `movement_scores(weights, gradients)` → a tensor in the shape of the weights
#
# <details><summary>Hint</summary>
# Each step has its own weights and its own gradient. Multiply them pair by pair, then add up, then turn the sign.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def movement_scores(weights, gradients):
    """Minus the sum over the steps of weight × gradient.

    >>> movement_scores([torch.zeros(2)], [torch.zeros(2)]).abs()  # nothing moves
    tensor([0., 0.])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.movement_scores(movement_scores)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def movement_scores_solution(weights, gradients):
    return -sum(w * g for w, g in zip(weights, gradients, strict=True))


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 4 · A test that catches
# ★★★ · 15 minutes
#
# Write `never_revives`, a test for rule 2 without hypothesis: try a method on situations of your own and return `False` as soon as a pruned weight
# comes back, else `True`. The check hands it right methods and faulty ones. A method here is a function `method(scores, default_mask)` of two float tensors
# that returns a mask of the same shape, and leaves the two as they are. Use scores from about −3 to 3, in the shape (rows, columns), say (8, 8).
#
# `never_revives(method)` → True or False
#
# <details><summary>Hint</summary>
# Which masks and which scores would tempt a faulty method? Rows and columns that are pruned in part. Pruned weights with large scores, of both signs. And look at
# each weight: a count of the ones does not see a swap.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def never_revives(method):
    """False when `method(scores, default_mask)` brings a pruned weight back in one of your situations.

    >>> never_revives(lambda scores, default_mask: default_mask)  # this one prunes nothing
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.never_revives(never_revives)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def never_revives_solution(method):
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        scores = 6 * torch.rand(8, 8, generator=generator) - 3
        before = (torch.rand(8, 8, generator=generator) > 0.5).float()
        if (method(scores, before.clone()) > before).any():
            return False
    return True


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# Every figure that this lesson takes from a source or from PyTorch's code, beside what your run measured. Claims about accuracy are means over several
# seeds.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A pruning method is `compute_mask` and a `PRUNING_TYPE`; the type decides what an existing mask leaves to see, and only an unstructured one cannot revive what is gone.
# - Which score wins depends on the depth of the cut and on the training after it: race them, beside chance, with the same budget.
# - A faulty method raises nothing: test that masks are binary, never revive, survive a second time, prune the right amount; and check what comes in.
#
# And the rules from the beginning? Small ones, unused ones, those that the loss does not feel: each is a few lines now. For each: which `PRUNING_TYPE`, and what is `t`?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recommended videos
#
# They help, and do not replace the lesson.
#
# - Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
#   [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54). The ideas of [[prune_module]], [[prune_model]], [[structured]], [[patterns]], [[own_method]] and [[ticket]].
# - Michela Paganini, *PyTorch Pruning: How it's Made*,
#   [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw). `BasePruningMethod`, by its author.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - P. Molchanov et al., *Pruning convolutional neural networks for resource efficient inference*, 2017,
#   [arXiv:1611.06440](https://arxiv.org/abs/1611.06440); and *Importance estimation for neural network pruning*, 2019,
#   [arXiv:1906.10771](https://arxiv.org/abs/1906.10771). The Taylor score, for filters; in 2017 by a filter's output times the gradient of that output, in 2019 by
#   its weights.
# - V. Sanh et al., *Movement pruning: adaptive sparsity by fine-tuning*, 2020, [arXiv:2005.07683](https://arxiv.org/abs/2005.07683).
# - A. Mishra et al., *Accelerating sparse deep neural networks*, 2021, [arXiv:2104.08378](https://arxiv.org/abs/2104.08378). 2:4, and how to train for it.
# - M. Zhu and S. Gupta, *To prune, or not to prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878). The cubic schedule.
#
# **Project ideas**: repeat section 6 with units in place of weights, ten at a time, with training between; let movement pruning revive weights, as in the paper; write a
# `"structured"` method for attention heads.
#
# ## Credits
#
# After *Pruning tutorial* by Michela Paganini (PyTorch), whose class this lesson extends; the idea of a course on efficient networks from Tal Daniel
# (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

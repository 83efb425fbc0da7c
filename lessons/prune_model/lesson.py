# ---
# jupyter:
#   course:
#     promise: You will prune whole networks, see what one threshold does to each layer, and train again in fair races.
#     minutes: 45
#     seconds: 40
#     needs: [measuring, prune_module]
#     goals:
#       - Prune a model by layer type, layer by layer and globally, and prove what was pruned.
#       - Derive which layers global pruning hits in an untrained network, and say how training changes it.
#       - Measure accuracy before and after fine-tuning, against a control and a fair baseline.
#       - Run a race between one cut and several with equal budgets, and name what else differs between its arms.
#     terms: [fan-in, fine-tuning, "global, local pruning", "one-shot, iterative pruning"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *From one layer to a whole network: which weights go, and what training gives back.*
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
# *For the lecturer, 1 min.* Say: "In 4.1 we cut one layer and trained nothing afterwards. Today we cut the whole network, and train on." Ask: "If I may keep a twentieth
# of all weights, how would you share them out among the layers?" Write two answers on the board; the end comes back to them.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import math
import sys
from statistics import mean

import torch
from torch import nn
from torch.nn.utils import prune
from tqdm import tqdm

from course_utils import data, models, runtime, training
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims
from course_utils.show import plots
from course_utils.show.tables import Table, mean_and_range
from lessons.prune_model import checks as check

card = claims.Scorecard("prune_model")
runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()
images, labels = (t.to(device) for t in data.load("mnist"))
test_set = tuple(t[::2].to(device) for t in data.load("mnist", "test"))  # every second one: 5,000 digits
tune_set = images[:10_000], labels[:10_000]  # what networks are fine-tuned on
runtime.describe(device)


# %% tags=["setup"] slideshow={"slide_type": "skip"}
def accuracy_percent(net):
    return 100 * training.evaluate(net, *test_set)


def adam(net, lr=1.2e-3):
    return torch.optim.Adam(net.parameters(), lr=lr, fused=True)


def train(net, x, y, *, optimizer=None, batch=50, **options):
    """The network, after one pass with Adam over shuffled batches; `options` as in `training.fit`."""
    optimizer = optimizer or adam(net)
    training.fit(net, x, y, batch_size=batch, optimizer=optimizer, device=device, progress=False, **options)
    return net


def dense_network(seed):
    """LeNet-300-100 after one pass over 60,000 digits."""
    torch.manual_seed(seed)
    net = models.LeNet300100().to(device)
    return train(net, images, labels, optimizer=adam(net, 3e-3), batch=100, seed=seed, schedule=lambda done: 1 - done)


def copy_of(net):
    """An unpruned LeNet-300-100 with the weights of an unpruned one."""
    fresh = models.LeNet300100().to(device)
    fresh.load_state_dict(net.state_dict())
    return fresh


# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. A twentieth of the weights
#
# LeNet-300-100 (784 → 300 → 100 → 10) has read 60,000 digits, once. Now 19 of 20 weights become zero, the smallest of the whole network.
#
# Then 200 steps of training on 50 digits each, in which the zeros stay zero.
#
# **Predict.** How many test digits are right just after the cut, and how many after the 200 steps: **A** below 25 %, **B** 25 to 75 %, **C** 75 to 90 %, **D** above 90 %?
# Guessing gives 10 %.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Two shows of hands, first for the moment after the cut, then for the end. Right after the cut it is less than a half here, and in the trainings of section 3 up to about 54 %, so B; after the 200 steps more than 90 %, D. Say: "The 200 steps saw a sixth of the digits that the first training had seen." Transition: "Which weights were those?"


# %% slideshow={"slide_type": "skip"}
def layers_of(net):
    """The layers with weights, with the name of what to prune, as `global_unstructured` wants them."""
    return [(m, "weight") for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


SEEDS = range(3)
bases = [dense_network(seed) for seed in tqdm(SEEDS, desc="dense networks", file=sys.stdout, leave=False)]


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
net = copy_of(bases[0])
right = {"dense": accuracy_percent(net)}
prune.global_unstructured(layers_of(net), pruning_method=prune.L1Unstructured, amount=0.95)
right["19 of 20 weights zero"] = accuracy_percent(net)
train(net, *tune_set, seed=100)
right["200 steps later"] = accuracy_percent(net)
Table(
    ["LeNet-300-100", "test digits right, %"],
    [[when, f"{value:.1f}"] for when, value in right.items()],
    caption="one network",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B, then D.** **Fine-tuning**, training on after a change to a trained network, gave back most of what this cut took. Section 3 adds what is missing: more
# seeds, a control, and a fair baseline.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. One amount, many layers
#
# Layers need not all lose the same share. A simple rule goes by *type*: 20 % of each convolution, 40 % of each linear layer of LeNet, the smallest $|w|$ (L1).
#
# ```python
# cut = prune.l1_unstructured
# for m in lenet.modules():
#     if type(m) is Conv2d:
#         cut(m, "weight", 0.2)
#     if type(m) is Linear:
#         cut(m, "weight", 0.4)
# ```
#
# **Predict.** The mean of the five shares is 32 %. Of all weights together, is it **A** less, **B** the same, **C** more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands. The answer is C: the layer `fc1` has four fifths of all weights, so its 40 % nearly is the share of the model. Say: "A share of a model is zeros over
# weights, added up first and divided once." Then ask how one would prove that nothing else was pruned: by the list of masks, five of them, none for a bias.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
lenet = models.LeNet()  # 3 × 3 kernels, for images of 28 × 28
for module in lenet.modules():
    if isinstance(module, nn.Conv2d):
        prune.l1_unstructured(module, "weight", 0.2)
    elif isinstance(module, nn.Linear):
        prune.l1_unstructured(module, "weight", 0.4)
report = sparsity_report(lenet)
counted = {row.name.removesuffix(".weight"): row for row in report.rows if not row.is_bias}
counted |= {"biases": report.biases, "all weights": report.weights}
fig, ax = plots.figure(size=(6.4, 3.8))
for y, (name, count) in enumerate(counted.items()):
    colour = plots.COLOURS["grey" if name in ("biases", "all weights") else "orange"]
    ax.barh(y, 100 * count.sparsity, color=colour)
    ax.text(100 * count.sparsity + 1, y, f"{count.zeros:,} of {count.elements:,}", va="center")
ax.set_yticks(range(len(counted)), counted)
ax.invert_yaxis()
ax.set(xlabel="zeros, %", xlim=(0, 72))
plots.show(
    fig,
    alt=f"Bars of zeros in percent: {', '.join(f'{name} {count.sparsity:.1%}' for name, count in counted.items())}.",
    caption=f"{len(list(lenet.buffers()))} masks: {', '.join(name.split('.')[0] for name, _ in lenet.named_buffers())}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C, 39.69 %.** `fc1` has 80 % of the weights. 11 of 54 are 20.37 %, because amounts are rounded to whole weights. Five masks are the proof: one a layer, none for a bias.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### One share for each layer, or one for the model
#
# - **Local**: each layer loses the share that you name.
# - **Global**: the weights of all layers stand in one row, and the smallest go. The layers share the amount out among themselves.
#
# ```python
# L1 = prune.L1Unstructured
# pairs = [(conv1, "weight"),
#          (conv2, "weight"), ...]
# prune.global_unstructured(
#     pairs, L1, amount=0.2)
# ```
#
# **Predict.** Global, 20 %, an *untrained* LeNet. Which layer loses most, which one least, or do all lose about 20 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Most say: all about 20 %, the weights are random after all. Ask: "Random from which range?" First frame: five lines, one a layer, each at its own
# smallest fifth. Second frame: one line for all. fc1 loses most, 22 %, conv1 least, 4 % in this draw: its weights are spread over a much longer range. Transition: "Can we work out these
# numbers without drawing a single weight?"

# %% slideshow={"slide_type": "skip"}
LAYERS = ["conv1", "conv2", "fc1", "fc2", "fc3"]
torch.manual_seed(0)
untrained = models.LeNet()


def threshold(weights, amount):
    """The size up to which weights go when the smallest share `amount` of all these tensors goes."""
    sizes = torch.cat([w.detach().abs().flatten() for w in weights])
    return sizes.kthvalue(round(amount * len(sizes))).values.item()


def cut_at(lines):
    """The weights of an untrained LeNet by size; what lies left of the line of its layer goes."""
    fig, axes = plots.figure(rows=5, size=(6.4, 3.8))
    for ax, (name, line) in zip(axes, lines.items(), strict=True):
        width = 1.00001 * line / max(1, round(100 * line))  # bars about 0.01 wide, one of which ends at the line
        edges = [i * width for i in range(math.ceil(0.36 / width))]
        sizes = getattr(untrained, name).weight.detach().abs().flatten()
        gone = sizes <= line
        parts = [sizes[gone].numpy(), sizes[~gone].numpy()]
        ax.hist(parts, edges, stacked=True, color=[plots.COLOURS["orange"], plots.COLOURS["sky"]])
        ax.axvline(line, color="black", linewidth=2)
        ax.set(xlim=(0, 0.42), xticks=[0, 0.1, 0.2, 0.3, 0.4] if name == "fc3" else [], yticks=[])
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.text(0.36, 0.3, f"{100 * gone.float().mean():.1f} %", transform=ax.get_xaxis_transform())
        ax.grid(False)
    axes[-1].set_xlabel("|weight|")
    return fig


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
weights = {name: getattr(untrained, name).weight for name in LAYERS}
lines = {
    "local": {name: threshold([w], 0.2) for name, w in weights.items()},
    "global": dict.fromkeys(LAYERS, threshold(weights.values(), 0.2)),
}
gone = {how: {n: (weights[n].abs() <= line).float().mean() for n, line in of.items()} for how, of in lines.items()}
plots.show(
    [cut_at(of) for of in lines.values()],
    alt=[
        f"Five histograms of weights by size, one a layer, each with a line ({how}); left of it lie {', '.join(f'{n} {share:.1%}' for n, share in of.items())}."
        for how, of in gone.items()
    ],
    caption="Untrained LeNet, seed 0, 20 % in all; orange goes; the number at the right is its share of the layer. First five lines, then one.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. One line cuts different shares from different layers**: `fc1` loses most, `conv1` least. Nothing here knows which weights matter.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Where the shares come from
#
# PyTorch starts these weights evenly between $-1/\sqrt{f}$ and $1/\sqrt{f}$. $f$ is the **fan-in**: how many weights each output sums over, 9 in `conv1`, 400 in `fc1`.
#
# One threshold $t$ cuts all layers. Layer $l$ has $n_l$ weights, all have $N$; the share $a$ of all goes.
#
# **Predict.** Which share does a layer lose: **A** $t\,f$, **B** $t\sqrt{f}$, **C** $t/\sqrt{f}$? And which equation gives $t$?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Give them a minute, with the last picture before them: each bar chart ends at 1/√f, and t is the part t√f of that, so B. By C fc1 would lose least; by A 44 times as much as conv1, more than all of it.
# Write the sum on the board, Σ n t √f = aN, and solve it for t: 0.011 here, times √400 is 22.1 %. Then go through the rows: derived, seen in 100 draws, how far draws scatter, and a row from a reader's notes. Ask: "Is
# 7.41 % for conv1 an error?" No: 4 of 54 weights, and as many or more came in 10 of 100 draws. Say that the tutorial's page of today has 5 × 5 kernels and sets no seed, so it prints other figures; and that the 7.41 of conv2 is a coincidence, 64 of 864.

# %% slideshow={"slide_type": "skip"}
# From public notes of a reader of PyTorch's pruning tutorial, while its LeNet had 3 × 3 kernels; in all 20.00 %.
NOTED = dict(zip(LAYERS, (7.41, 9.49, 22.00, 12.28, 9.76), strict=True))


def derived(net, amount=0.2):
    """(fan-in, percent below the common threshold) of each layer, from its shape alone."""
    fan_in = {name: getattr(net, name).weight[0].numel() for name in LAYERS}
    count = {name: getattr(net, name).weight.numel() for name in LAYERS}
    t = amount * sum(count.values()) / sum(count[n] * math.sqrt(fan_in[n]) for n in LAYERS)
    return fan_in, {n: 100 * t * math.sqrt(fan_in[n]) for n in LAYERS}


def hundred(kernel):
    """Percent of zeros of each layer in 100 untrained LeNets after global pruning by 20 %, a row each."""
    rows = []
    for seed in range(100):
        torch.manual_seed(seed)
        net = models.LeNet(kernel)
        prune.global_unstructured(layers_of(net), pruning_method=prune.L1Unstructured, amount=0.2)
        rows.append([100 * (m.weight == 0).float().mean().item() for m, _ in layers_of(net)])
    return torch.tensor(rows)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
draws = {kernel: hundred(kernel) for kernel in (3, 5)}
centre, sd = draws[3].mean(0), draws[3].std(0)
fan_in, expected = derived(untrained)
rows = {
    "derived, %": [f"{v:.1f}" for v in expected.values()],
    "mean of 100 draws": [f"{v:.1f}" for v in centre],
    "their st. dev.": [f"{v:.1f}" for v in sd],
    "seed 0": [f"{v:.2f}" for v in draws[3][0]],
    "a reader's notes": [f"{v:.2f}" for v in NOTED.values()],
}
as_much = (draws[3][:, 0] > 7.4).float().mean().item()
away = {kernel: ((torch.tensor(list(NOTED.values())) - of.mean(0)) / of.std(0)).abs() for kernel, of in draws.items()}
card.record("conv1-mean", centre[0].item())
card.record("conv1-as-published", 100 * as_much)
card.record("table-fits", away[3].max().item())
card.record("table-5x5-does-not-fit", away[5].max().item())
Table(
    ["fan-in:", *(f"{name} {f}" for name, f in fan_in.items())],
    [[name, *row] for name, row in rows.items()],
    caption=f"Zeros after global pruning by 20 %. Last row: noted by a reader of PyTorch's tutorial, at most {away[3].max():.1f} st. dev. from these "
    f"draws ({away[5].max():.1f} with 5 × 5 kernels). Its conv1, 7.41 % or more: in {100 * as_much:.0f} of 100 draws.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B.** $|w|$ lies evenly between 0 and $1/\sqrt{f}$, so $t$ cuts the share $t\sqrt{f}$ (at most 1): of `fc1` √400 / √9 = 20/3 times that of `conv1`. $\sum_l n_l\,t\sqrt{f_l} = aN$ gives $t$, and comes close to the means. The row from the notes, 20.00 % in all, fits one more draw of this network, and not of one with 5 × 5 kernels, which [the
# tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) has today ([earlier: 3 ×
# 3](https://github.com/pytorch/tutorials/blob/0a7e68666de5faceafa90276ad2b7874cd32c5e0/intermediate_source/pruning_tutorial.py)).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### And a trained network?
#
# So the shares of an untrained network follow from how PyTorch *starts* its layers.
#
# Now LeNet-300-100 again: fan-ins of 784, 300 and 100. Cut it globally, before and after training.
#
# **Predict.** Training changes the shares by more than ten points: **A** already when 20 % go, **B** when 90 % go, **C** in neither case.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Show of hands; the answer is B. At 20 % the shares move by a few points. At 90 % the start would leave fc2 about 40 % of its weights; trained, it keeps about a third of that. Ask: "So what has
# training done to the sizes in fc1?" Some have grown. The next slide looks at single weights.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def untrained_300100(seed):
    """The weights that `dense_network` starts from."""
    torch.manual_seed(seed)
    return models.LeNet300100()


def shares(net, amount):
    """Percent of each layer's weights that lie below the common threshold."""
    weights = [m.weight.detach() for m, _ in layers_of(net)]
    line = threshold(weights, amount)
    return [100 * (w.abs() <= line).float().mean().item() for w in weights]


of = {
    (amount, when): [shares(make(seed), amount) for seed in SEEDS]
    for amount in (0.2, 0.9)
    for when, make in (("untrained", untrained_300100), ("trained", lambda seed: bases[seed]))
}
card.record("trained-fc2", mean(row[1] for row in of[0.9, "trained"]) - mean(row[1] for row in of[0.9, "untrained"]))
spread = max(max(seeds) - min(seeds) for rows in of.values() for seeds in zip(*rows, strict=True))
Table(
    ["cut, in all", "network", "fc1, %", "fc2, %", "fc3, %"],
    [
        [f"{amount:.0%}", when, *(f"{mean(seeds):.1f}" for seeds in zip(*rows, strict=True))]
        for (amount, when), rows in of.items()
    ],
    caption=f"Zeros in each layer, mean of three seeds, which lie up to {spread:.1f} points apart",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B.** A cut of 20 % still follows the ranges of the start, nearly. At 90 % `fc2` and `fc3` lose far more than they would untrained, and `fc1`, the largest layer, less.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How far do weights move?
#
# Magnitude pruning bets on size *after* training. Each point on the right will be a weight of `fc1`: where it began, and where it ended.
#
# **Predict.** Of the 235,200 weights, how many did not move at all: **A** none, **B** 10 to 20 %, **C** more than half? And of the tenth that magnitude would keep, how many were in the largest tenth
# before training: **D** nearly all, **E** half, **F** hardly more than chance?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let somebody draw the axes: a weight that has not moved lies on the diagonal, the black line, which looks flat because the axes differ. Two votes. The answers: B, about 15 %; and F, where chance would give a tenth. Between the dotted lines lies what
# magnitude cuts at 10 % left. Ask which weights *cannot* move: the gradient of a weight is its input times what comes back, and 67 pixels are black in all training digits. The other unmoved ones sit at pixels that few digits light,
# where their neuron probably never fired. Say: "To be kept, a weight of this layer had to
# move. That says where training worked, and not yet what the network needs."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
start, end = untrained_300100(0).fc1.weight.detach(), bases[0].fc1.weight.detach().cpu()
line, bound = threshold([m.weight.cpu() for m, _ in layers_of(bases[0])], 0.9), 1 / math.sqrt(784)
kept, moved = end.abs() > line, (end - start).abs()
largest_before = start.abs() > threshold([start], 1 - kept.float().mean().item())
some = torch.randperm(start.numel(), generator=torch.Generator().manual_seed(0))[:4000]
fig, ax = plots.figure(size=(6.2, 3.5))
for which, colour, label in ((~kept, "grey", "cut"), (kept, "blue", "kept")):
    shown = some[which.flatten()[some]]
    ax.plot(start.flatten()[shown], end.flatten()[shown], ".", color=plots.COLOURS[colour], markersize=4, label=label)
ax.hlines([-line, line], -bound, bound, color="black", linestyle=":")
ax.plot([-bound, bound], [-bound, bound], color="black", linewidth=1.5)
ax.set(xlabel="weight before training", ylabel="after", ylim=(-0.22, 0.22))
ax.set_xticks([-0.03, 0, 0.03])
ax.legend(loc="upper left", markerscale=4, ncols=2)
stayed = (moved == 0).float().mean().item()
card.record("unmoved", 100 * stayed)
card.record("kept-has-moved", moved[kept].median().item() / max(1e-9, moved[~kept].median().item()))
same = (kept & largest_before).sum().item() / max(1, kept.sum().item())
black = (images.amax((0, 1)) == 0).flatten().cpu()
plots.show(
    fig,
    alt=f"Weights of fc1, after training against before: {stayed:.0%} lie on the diagonal; those kept lie above and below two dotted lines at {line:.3f}.",
    caption=f"4,000 weights of one network. Black line: not moved, {stayed:.1%} of all. At pixels black in all training digits: {black.float().mean():.1%} of all, {(kept[:, black]).sum():.0f} of them kept. "
    f"Cut: between the dotted lines. Of the tenth that is kept, {same:.0%} were in the largest tenth before.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B and F.** The dotted lines lie outside the range in which all weights of `fc1` were started, ±1/28: what is kept must have moved. A small weight on a large input can still matter
# more than a large one on a small input. Scores that see both: [[scores]].


# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"} tags=["lecture"]
# ## 3. Train, cut, measure, train again
#
# Three trainings; copies are cut once, then fine-tuned *200 steps of 50 digits*. **Control**: each layer alike, at random.
#
# **Predict.** At 5 % left and fine-tuned, how far is random behind global magnitude: **A** under 5 points, **B** 5 to 20, **C** over 20? And is local as good as global?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Two votes. Still before the click: "What will fine-tuning do to the curve of random cuts?" Let somebody draw both on the board. Click. (Random climbs far at 10 % left, and stays near guessing at 1 %.) The first answer is C, about 30 points; and at 5 % local is clearly behind
# global. Say: "The control cuts each layer alike, at random: against *local* it tells how much is due to *which* weights go. Without it we would praise fine-tuning, or magnitude, and not know which." Transition: "Why should
# local be worse?"


# %% slideshow={"slide_type": "skip"}
def left_in(module):
    """How many weights of a layer are not pruned."""
    return int(module.weight_mask.sum()) if hasattr(module, "weight_mask") else module.weight.numel()


def global_magnitude(net, density, spare=0):
    """Cut to this share of all weights that the network began with; the last `spare` layers stay whole."""
    pairs = layers_of(net)
    too_many = sum(left_in(m) for m, _ in pairs) - round(density * sum(m.weight.numel() for m, _ in pairs))
    cut = pairs[: len(pairs) - spare]
    prune.global_unstructured(cut, pruning_method=prune.L1Unstructured, amount=too_many)


def local_magnitude(net, density, spare=0, method=prune.l1_unstructured):
    """The same share in each layer that is cut, and as many weights left in all."""
    pairs = layers_of(net)
    cut = pairs[: len(pairs) - spare]
    numbers = [m.weight.numel() for m, _ in pairs]
    rest = sum(numbers[: len(cut)])
    share = (density * sum(numbers) - sum(numbers) + rest) / rest
    for module, name in cut:
        method(module, name, amount=left_in(module) - round(share * module.weight.numel()))


def local_random(net, density):
    local_magnitude(net, density, method=prune.random_unstructured)


# %% slideshow={"slide_type": "skip"}
PARTS = 5  # of 40 steps each


def fine_tuned(seed, method, plan, *, fresh=False, falling=False, look=(0,)):
    """Percent right: before the parts in `look`, and at the end; and the share left of each layer in each part.

    plan: the density in each of the five parts; fresh: a new Adam in each; falling: the rate goes to zero.
    """
    net, optimizer, right, left = copy_of(bases[seed]), None, [], []
    torch.manual_seed(seed)  # for a random choice
    chunks = zip(tune_set[0].chunk(PARTS), tune_set[1].chunk(PARTS), strict=True)
    for part, data_of_part in enumerate(chunks):
        if part == 0 or plan[part] < plan[part - 1]:
            with torch.no_grad():
                net(images[:1])  # computes `weight` anew: the last step has changed what it is made of
            method(net, plan[part])
        if part in look:
            right.append(accuracy_percent(net))
        if fresh or optimizer is None:
            optimizer = adam(net)
        schedule = (lambda done, part=part: 1 - (part + done) / PARTS) if falling else None
        train(net, *data_of_part, optimizer=optimizer, seed=1000 * part + seed, schedule=schedule)
        left.append([left_in(m) / m.weight.numel() for m, _ in layers_of(net)])
    return [*right, accuracy_percent(net)], left


# %% slideshow={"slide_type": "skip"}
METHODS = {"magnitude, global": global_magnitude, "magnitude, local": local_magnitude, "random": local_random}
DENSITIES = [0.1, 0.05, 0.01]
one_cut = {}  # (method, density) -> a result of `fine_tuned` for each seed
jobs = [("magnitude, global", d) for d in (1.0, 0.2)] + [(name, d) for name in METHODS for d in DENSITIES]
for name, density in tqdm(jobs, desc="cut and fine-tune", file=sys.stdout, leave=False):
    look = (0, 1) if density == 0.1 else (0,)
    one_cut[name, density] = [fine_tuned(s, METHODS[name], [density] * PARTS, look=look) for s in SEEDS]


def just_cut(name, density):
    return [right[0] for right, _ in one_cut[name, density]]


def tuned(name, density):
    return [right[-1] for right, _ in one_cut[name, density]]


dense_right = just_cut("magnitude, global", 1.0)
card.record("dense-floor", min(dense_right))
card.record("fifth-is-enough", mean(dense_right) - mean(tuned("magnitude, global", 0.2)))
card.record("magnitude-over-random", mean(tuned("magnitude, global", 0.1)) - mean(tuned("random", 0.1)))


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
def band(ax, x, runs, label, colour):
    # the mean over seeds as a line, from the lowest to the highest seed as a band
    ends = [min(r) for r in runs], [max(r) for r in runs]
    ax.fill_between(x, *ends, color=plots.COLOURS[colour], alpha=0.25, linewidth=0)
    ax.plot(x, [mean(r) for r in runs], "o-", color=plots.COLOURS[colour], label=label)


fig, axes = plots.figure(columns=2, size=(11, 3.6))
panels = (("just cut", just_cut), ("cut, then fine-tuned", tuned))
told = []
for ax, (title, of_kind) in zip(axes, panels, strict=True):
    for name, colour in zip(METHODS, ("blue", "green", "orange"), strict=True):
        points = [of_kind("magnitude, global", 1.0), *(of_kind(name, d) for d in DENSITIES)]
        band(ax, [100, *(100 * d for d in DENSITIES)], points, name, colour)
        told.append(f"{title}, {name}: {', '.join(f'{mean(p):.0f}' for p in points)} %")
    ax.set(xscale="log", xlabel="weights left, %", xlim=(120, 0.85), ylim=(0, 103), title=title)
    ax.set_xticks([100, 50, 20, 10, 5, 2, 1], ["100", "50", "20", "10", "5", "2", "1"])
    ax.minorticks_off()
axes[0].set_ylabel("test digits right, %")
axes[1].legend(loc="lower left")
plots.show(
    fig,
    alt=f"Two panels of accuracy with 100, 10, 5 and 1 % of the weights left. {'; '.join(told)}.",
    caption="LeNet-300-100, cut once. Mean of three seeds; bands from the lowest to the highest.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. C, and at 5 % local falls behind.** What goes, and where, matters much, and so does training after.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Has pruning improved the network?
#
# The dense networks get the same 200 steps: one pass with Adam, at a constant rate. They are the baseline.
#
# After it, and after the same steps with 20 % of the weights left, which one gets more digits right?
#
# **Predict.** And if the learning rate *falls to zero* over the 200 steps, for both: is the sparse network **A** better by half a point or more, **B** about as good, **C** worse by half a point or more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Ask: "Why should a dense network get 200 steps, too?" Because the pruned ones had them. Then vote twice, for the constant and for the falling rate. At the constant rate the sparse ones are ahead on average here; with three other seeds the two were level.
# With a falling rate the answer is B: a fraction of a point behind. Say: "Which baseline you name decides whether pruning *improves* anything."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
falling = {
    d: [fine_tuned(s, global_magnitude, [d] * PARTS, falling=True, look=())[0][-1] for s in SEEDS] for d in (1.0, 0.2)
}
Table(
    ["right, %", "dense", "20 % left"],
    [
        ["0 steps", mean_and_range(dense_right), mean_and_range(just_cut("magnitude, global", 0.2))],
        ["constant rate", *(mean_and_range(tuned("magnitude, global", d)) for d in (1.0, 0.2))],
        ["falling rate", *(mean_and_range(falling[d]) for d in (1.0, 0.2))],
    ],
    caption="before, and after 200 steps; mean of three seeds (lowest to highest)",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B.** At a constant rate the dense networks on average *lose* by training on, and with these seeds 20 % looks better than dense. With a falling rate it does not. So do not read the middle row as "pruning improves".

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Why does local fall behind?
#
# What global magnitude leaves of each layer:

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["left in all", "fc1, %", "fc2, %", "fc3, %"],
    [
        [
            f"{d:.0%}",
            *(f"{100 * mean(left[-1][n] for _, left in one_cut['magnitude, global', d]):.1f}" for n in range(3)),
        ]
        for d in (0.1, 0.05, 0.01)
    ],
    caption="mean of three seeds",
)

# %% [markdown] slideshow={"slide_type": "-"}
# `fc3`, the last layer, has 1,000 of 266,200 weights. Global cuts less of it, local the same share as of the others.
#
# **Predict.** At 5 %: cut locally, but leave `fc3` *whole*, with as many weights left in all. How much of the gap to global is gone: **A** a tenth, **B** half, **C** nearly all?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask first for other explanations: "global ranks all weights together, so it must know better". PyTorch's tutorial calls it "perhaps more powerful". Then vote. The answer is C.
# Say: "One row of a table replaces an explanation." Ask which layer of their own network they would spare.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def local_whole(net, density):
    local_magnitude(net, density, spare=1)


one_cut["local, fc3 whole", 0.05] = [fine_tuned(s, local_whole, [0.05] * PARTS, look=()) for s in SEEDS]
rows = ("magnitude, local", "local, fc3 whole", "magnitude, global")
local, whole, all_layers = (mean(tuned(name, 0.05)) for name in rows)
card.record("global-over-local", all_layers - local)
card.record("last-layer-explains", all_layers - whole)
Table(
    ["5 % left in all, fine-tuned", "left of fc3, %", "right, %"],
    [
        [name, f"{100 * mean(left[-1][2] for _, left in one_cut[name, 0.05]):.0f}", mean_and_range(tuned(name, 0.05))]
        for name in rows
    ],
    caption="as many weights left in each row; mean of three seeds (lowest to highest)",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** With `fc3` whole, local is about as good as global here. Sparing this one small layer makes up for global's lead at 5 %.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. How much training?
#
# Section 3 showed the lead of magnitude over random with a tenth of the weights left: large just after the cut, far smaller after 200 steps. Now the same runs after 40.
#
# **Predict.** After 40 of the 200 steps, is the lead **A** about as just after the cut, **B** a fifth of the way down, as on a straight line, **C** nearly that of the end?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let somebody draw two straight lines between the ends that section 3 showed, then vote; many expect B or C. The answer is A, even a little more than at the start: in the first 40 steps both climb about alike. Only then it shrinks: random goes on climbing while magnitude has little left to win. Ask what that does to a paper that reports "our method is so many points
# better": without the budget of training the number says little.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
STEPS = (0, 40, 200)
recovered = {name: [right for right, _ in one_cut[name, 0.1]] for name in ("magnitude, global", "random")}
means = {name: [mean(right[n] for right in of) for n in range(len(STEPS))] for name, of in recovered.items()}
leads = [m - r for m, r in zip(*means.values(), strict=True)]
card.record("lead-shrinks", leads[1] - leads[2])
fig, ax = plots.figure(size=(6.4, 3.6))
for (name, of), colour in zip(recovered.items(), ("blue", "orange"), strict=True):
    band(ax, STEPS, [[right[n] for right in of] for n in range(len(STEPS))], name, colour)
ax.vlines(STEPS, means["random"], means["magnitude, global"], color="black", linestyle=":")
for steps, low, lead in zip(STEPS, means["random"], leads, strict=True):
    ax.text(steps + 4, low + lead / 2, f"{lead:.0f}", va="center")
ax.set(xlabel="steps of fine-tuning", ylabel="test digits right, %", xlim=(-8, 225), ylim=(0, 103))
ax.legend(loc="lower right")
told = [f"{name} {', '.join(f'{v:.1f}' for v in of)} %" for name, of in means.items()]
plots.show(
    fig,
    alt=f"Accuracy after 0, 40 and 200 steps: {'; '.join(told)}; the lead is {', '.join(f'{lead:.1f}' for lead in leads)} points.",
    caption="10 % left; mean of three seeds, bands from the lowest to the highest; beside the dotted lines the lead in points.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A.** In the first 40 steps both climb about alike. Between 40 and 200 random climbs by tens of points, magnitude by about one. "So many points better" means little without the budget: ask for it when you read a paper, and state yours.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. One cut or several?
#
# **One-shot**: cut to the *density*, the share that stays, at once. **Iterative**: cut a part, train, cut again. Four *arms*, the variants of a trial: the same 200 steps, the same digits in the same order.
#
# `amount` is of what is *left*: five cuts to density $d$ keep $d^{1/5}$ each.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Han et al., 2015, section 3.4, raised the pruning rate of AlexNet from 5 to 9 times by rounds, "compared with single-step aggressive pruning". Ask: "What is unfair if each round gets as many steps as the one
# cut?" The rounds are trained longer. Go through the panels from left to right: how much of the 200 steps does each arm train at its final density? All, 40, 40, 120. Ask which two arms differ in one thing alone: the second and the third, in the optimizer. The third and the fourth differ in two: the number of cuts, and the steps at the end.


# %% slideshow={"slide_type": "skip"}
PLANS = {  # the density in each part, as powers of the final one; and whether each part gets a new Adam
    "one cut": ([1, 1, 1, 1, 1], False),
    "five cuts, a new Adam each": ([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1], True),
    "five cuts, one Adam": ([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1], False),
    "three cuts, one Adam": ([1 / 3, 2 / 3, 1, 1, 1], False),
}


def race(plan, density, method=global_magnitude):
    """A result of `fine_tuned` for each seed."""
    powers, fresh = PLANS[plan]
    return [fine_tuned(s, method, [density**p for p in powers], fresh=fresh, look=()) for s in SEEDS]


arms = [(plan, d) for d in (0.05, 0.01) for plan in PLANS if plan != "one cut"]
runs = {arm: race(*arm) for arm in tqdm(arms, desc="race", file=sys.stdout, leave=False)}
runs |= {("one cut", d): one_cut["magnitude, global", d] for d in (0.05, 0.01)}

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
SIZES = [m.weight.numel() for m, _ in layers_of(bases[0])]
shares = {  # percent of all weights left in each part, on the way to 5 %
    plan: [
        100 * sum(n * s for n, s in zip(SIZES, of_part, strict=True)) / sum(SIZES) for of_part in runs[plan, 0.05][0][1]
    ]
    for plan in PLANS
}
fig, axes = plots.figure(columns=4, size=(12, 3.9))
for ax, (plan, colour) in zip(axes, zip(PLANS, ("blue", "orange", "sky", "green"), strict=True), strict=True):
    ax.stairs([100, *shares[plan]], [-20, *range(0, 201, 40)], color=plots.COLOURS[colour], linewidth=3, baseline=None)
    ax.axvspan(40 * PLANS[plan][0].index(1), 200, color=plots.COLOURS["grey"], alpha=0.2)
    if PLANS[plan][1]:
        ax.plot(range(0, 200, 40), [1.4] * 5, "v", color="black")
    ax.set(yscale="log", ylim=(0.8, 130), xlabel="steps", title=plan.replace(", ", ",\n"))
    ax.set_xticks([0, 100, 200])
    ax.set_yticks([100, 30, 10, 5, 1], ["100", "30", "10", "5", "1"] if ax is axes[0] else [""] * 5)
    ax.set_yticks([], minor=True)
axes[0].set_ylabel("weights left, %")
plots.show(
    fig,
    alt="Four stairs of the weights left over 200 steps, on their way to 5 %: "
    + "; ".join(f"{plan} {', '.join(f'{share:.0f}' for share in shares[plan])}" for plan in PLANS)
    + " %. Five marks show where the second arm takes a new optimizer.",
    caption="On the way to 5 %, as it ran. Grey: trained at the final density. Triangles: a new optimizer.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Who wins?
#
# The same budget of training in every row.
#
# **Predict.** Three early cuts lead one cut by more than ten points: **A** at 5 % left and at 1 %, **B** at 1 % alone, **C** nowhere. And at 5 %: is a new optimizer for each round harmless?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Two votes. The first answer is B. A cannot be: section 3 showed that with one cut at 5 % less than ten points are left to win; whoever sees that before the vote has read well. C is wrong: look at 1 %. The second is no: at 5 % the row with a new Adam in each round is the last of the four.
# Say: "With the first two rows alone we would have said that rounds lose at 5 %." Then ask what the last two rows do not tell: whether fewer cuts or more steps at the end made the difference.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
ended = {key: [right[-1] for right, _ in of_key] for key, of_key in runs.items()}


def ahead(plan, other, density):
    return mean(ended[plan, density]) - mean(ended[other, density])


card.record("rounds-at-5", ahead("three cuts, one Adam", "one cut", 0.05))
card.record("rounds-at-1", ahead("three cuts, one Adam", "one cut", 0.01))
card.record("new-adam-at-5", ahead("five cuts, one Adam", "five cuts, a new Adam each", 0.05))
card.record("early-at-1", ahead("three cuts, one Adam", "five cuts, one Adam", 0.01))
Table(
    ["200 steps in all; right, %", "5 % left", "1 % left"],
    [[plan, *(mean_and_range(ended[plan, d]) for d in (0.05, 0.01))] for plan in PLANS],
    caption="global magnitude; mean of three seeds (lowest to highest)",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B, and no.** Where one cut does little harm, several gain little; where it breaks the network, three save much of it. A new Adam in each round cost one to three points at 5 %.
# At 1 % three cuts beat five by far: fewer cuts, and more steps at the final density. This race does not part the two.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What do the cuts save at 1 %?
#
# At 1 %, one global cut leaves less than a tenth of `fc3`. So keep `fc3` *whole*, with as many weights left in all: with one cut, and with three.
#
# **Predict.** With `fc3` whole, is the lead of three cuts over one **A** as large as before, **B** smaller, **C** gone?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw the two-by-two table on the board before you show it, and let the room fill in the column that they know. The answer is B, about half as large here, and about two fifths with three other seeds. Say: "Two remedies, perhaps in part for one illness: their gains do not
# add up." Point at the line over the table: three cuts leave more of fc3 without being told to.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def global_whole(net, density):
    global_magnitude(net, density, spare=1)


cuts = ("one cut", "three cuts, one Adam")
spared = {plan: [right[-1] for right, _ in race(plan, 0.01, global_whole)] for plan in cuts}
gains = [ahead(cuts[1], cuts[0], 0.01), mean(spared[cuts[1]]) - mean(spared[cuts[0]])]
left_of_fc3 = [100 * mean(left[-1][2] for _, left in runs[plan, 0.01]) for plan in cuts]
card.record("last-layer-at-1", mean(spared["one cut"]) - mean(ended["one cut", 0.01]))
card.record("cuts-and-last-layer", gains[0] - gains[1])
Table(
    ["1 % left in all; right, %", "global", "global, fc3 whole"],
    [
        *([plan, mean_and_range(ended[plan, 0.01]), mean_and_range(spared[plan])] for plan in cuts),
        ["gain, points", *(f"{gain:+.1f}" for gain in gains)],
    ],
    caption=f"mean of three seeds (lowest to highest). Global leaves {left_of_fc3[0]:.0f} % of fc3 with one cut, {left_of_fc3[1]:.0f} % with three.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B, about half here.** A whole `fc3` helps one cut much, and three cuts hardly or not: they leave more of `fc3` by themselves. So a part of what rounds save here is probably again the last layer; one cut
# that keeps as much of it as three do would test that.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Exercise
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · One threshold for all
# ★★ · 12 minutes
#
# Write `global_masks`: for a list of weight tensors, a list of masks (1 keep, 0 prune) of the same shapes, which prune the share `amount` of *all* weights
# together: those with the smallest absolute value. Of N weights prune `round(amount * N)`, as Python rounds (an exact half to the even neighbour); amount
# is from 0 (nothing goes) to 1 (everything goes). No two weights have the same absolute value here.
#
# `global_masks(weights, amount)` → a list of tensors
#
# <details><summary>Hint</summary>
# Put the absolute values of all tensors into one row, sort it, and read off the threshold. Then compare each tensor with it.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; alone it takes 12. On paper first: layers [4, −3] and [0.5], amount 1/3. One weight goes, 0.5, and the first layer loses nothing. Two mistakes to wait for: the share cut from each layer, and signed weights, by which −3
# would go first. Ask: "What if round(amount · N) is 0?" Then nothing may go, and there is no last weight to read a threshold from.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def global_masks(weights, amount):
    """Masks that prune the share `amount` of all weights together, smallest absolute value first.

    >>> global_masks([torch.tensor([1.0, 2.0])], 0.5)
    [tensor([0., 1.])]
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.global_masks(global_masks)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def global_masks_solution(weights, amount):
    sizes = torch.cat([w.abs().flatten() for w in weights]).sort().values
    pruned = round(amount * len(sizes))
    if pruned == 0:
        return [torch.ones_like(w) for w in weights]
    return [(w.abs() > sizes[pruned - 1]).float() for w in weights]


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - One threshold cuts different shares from different layers: in a new network by how they were started, after training by how far their weights have moved as well.
# - Which weights go matters, and fine-tuning gives back much: state the budget, keep a control, and give the dense network the same steps.
# - Three early cuts paid where one cut broke the network; five even ones, less. Compare with one optimizer and equal steps.
# - Here sparing one thin layer made up for the lead of global over local at 5 %, and for part of what three cuts save at 1 %.
#
# **Recommended video** (it helps, and does not replace the lesson): Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
# [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further**: S. Han et al., *Learning both weights and connections for efficient neural networks*, 2015, [arXiv:1506.02626](https://arxiv.org/abs/1506.02626): train,
# prune, train again; A. Renda et al., *Comparing rewinding and fine-tuning in neural network pruning*, 2020, [arXiv:2003.02389](https://arxiv.org/abs/2003.02389), on what to
# train with after the cut; D. Blalock et al., *What is the state of neural network pruning?*, 2020, [arXiv:2003.03033](https://arxiv.org/abs/2003.03033), on why papers on pruning
# can hardly be compared. Next here: [[zero_worth]], on what the zeros save.
#
# **Project ideas**: give each layer its own density by trying which one hurts least; run the race with rewound learning rates.
#
# **Credits**: pruning by type and globally follows Michela Paganini's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) for PyTorch. The
# lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's *How to Compress a Neural Network*. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the two answers on the board: how should a twentieth be shared out? (Global left `fc3` far more than `fc1`; alike, with `fc3` whole, did about as well.) Ask what the lesson did *not* show: that anything got smaller or faster. That is the next one.

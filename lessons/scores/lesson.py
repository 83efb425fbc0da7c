# ---
# jupyter:
#   course:
#     promise: You will score weights as practice does, repair what a cut breaks, and race the scores on one budget.
#     minutes: 45
#     seconds: 40
#     needs: [measuring, prune_module, prune_model, own_method]
#     goals:
#       - Compute what a score promises, and test the promise against the truth.
#       - Prune a layer by what it sees, per output row (Wanda).
#       - Let the weights that stay make up for each that goes (OBS, SparseGPT).
#       - Race scores with the same density and steps, and say what the race does not show.
#     terms: [error compensation, Taylor score, Wanda]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Magnitude looks at the weight. Others look at the data, too. Does it pay?*
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
# *For the lecturer, 1 min.* Say: "[[own_method]] gave us the machinery. Now we need something to feed it." Ask: "What would you have to know of a weight to be sure that nobody misses it?" Collect: its size, its input,
# its gradient, what the others can take over. Each is a section today.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import sys
from statistics import mean

import torch
from torch.nn import functional as F
from torch.nn.utils import prune
from tqdm import tqdm

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range
from lessons.scores import checks as check

legacy_int8.ignore_deprecations()  # torchao's class, at the end of section 3, is built on torch.ao
card = claims.Scorecard("scores")
torch.set_num_threads(1)
device = runtime.best_device()


def on_device(pair):
    return tuple(tensor.to(device) for tensor in pair)


def train(model, **options):
    """Adam on batches of 64 images of MNIST; `options` as in `training.fit`."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, fused=True)
    training.fit(model, images, labels, optimizer=optimizer, device=device, progress=False, **options)


def cut_layers(net):
    """The layers that are cut. The last one, fc3, has 1,000 of 266,200 weights and stays whole."""
    return {"fc1": net.fc1, "fc2": net.fc2}


def trained(seed):
    """A LeNet-300-100 after one pass, and the movement scores of that pass."""
    runtime.seed_all(seed)
    net = models.LeNet300100().to(device)
    moved = {name: torch.zeros_like(layer.weight.data) for name, layer in cut_layers(net).items()}

    def add_up(step):
        for name, layer in cut_layers(net).items():
            moved[name] -= layer.weight.detach() * layer.weight.grad

    train(net, seed=seed, on_step=add_up)
    return net, moved


SEEDS = range(3)
images, labels = on_device(data.load("mnist"))
test_set = on_device(data.load("mnist", "test"))
seen = images[:2000]  # for Taylor, Wanda and SparseGPT; movement and "all images" see more
nets, moves = zip(*map(trained, tqdm(SEEDS, desc="one pass each", file=sys.stdout, leave=False)), strict=True)
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Weights training never uses
#
# LeNet-300-100 reads the 784 pixels of a digit. Some, at the border, are black in *every* training image. In training a weight behind such a pixel only meets 0: it is useless.
#
# Magnitude pruning takes the smallest *fifth* of the weights of `fc1` and `fc2`. There is room in it for all useless ones.
#
# **Predict.** How many of the useless ones does it *keep*: **A** none, **B** about one in five, **C** more than half?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; most say A, for "useless must be small". Before the click ask what training did to them: no gradient has ever moved them. The answer is C. Ask what weight decay would do: it
# shrinks every weight, and nothing pulls these back; not measured here. Transition: "A rule that looks at the data finds them all."

# %% slideshow={"slide_type": "skip"}
never_lit = (images.amax(0) == 0).flatten()


def useless_kept(net):
    """Percent of the weights behind pixels that are never lit that a cut of the smallest fifth spares."""
    sizes = torch.cat([layer.weight.detach().abs().flatten() for layer in cut_layers(net).values()])
    threshold = sizes.kthvalue(len(sizes) // 5).values
    return 100 * (net.fc1.weight[:, never_lit].abs() > threshold).float().mean().item()


spared = [useless_kept(net) for net in nets]
card.record("useless-kept", min(spared))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
useless = 300 * int(never_lit.sum())
Table(
    ["", "number"],
    [
        ["pixels that are never lit", int(never_lit.sum())],
        [
            "useless weights (of fc1, fc2)",
            f"{useless:,} ({useless / sum(w.weight.numel() for w in cut_layers(nets[0]).values()):.1%})",
        ],
        ["of these kept, %", mean_and_range(spared, "{:.0f}")],
    ],
    caption="Magnitude, a fifth cut; mean (least to most) of three networks.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** Their gradient is 0 in every step, so they still have their random initial values, and magnitude sees the value alone. A cut of the same size that took all of them could keep as many other weights in their place.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. A score from the gradient
#
# What does the loss $L$ do when weights $w_i$ become 0? A first-order Taylor expansion needs the gradients $g_i = \partial L / \partial w_i$:
#
# $$L(w = 0) - L \approx -\sum_i w_i\,g_i$$
#
# The **Taylor score** ([Molchanov et al., 2017](https://arxiv.org/abs/1611.06440), [2019](https://arxiv.org/abs/1906.10771)) is the size of that: $(w g)^2$ for one weight, $\left(\sum_i w_i g_i\right)^2$ for a unit.
#
# **Predict.** The row of one unit shrinks from 1 to 0 times itself. Does the true loss end above or below the tangent? And which score does a useless weight get?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw the axis on the board first: at 1 the whole unit, at 0 none of it. Vote: above or below? And one call for the useless weight. Then click. The truth ends above the tangent for this unit, and for about four units in five: the straight line does not know the bend. A useless weight has gradient 0, so its score is exactly 0. Say:
# "Two steps are hidden in the formula: a straight line where there is a curve, and one unit where we shall cut many."


# %% slideshow={"slide_type": "skip"}
def weight_times_gradient(model, x, y):
    """For each layer that is cut weight × gradient of the mean loss, with its sign."""
    model.zero_grad()
    F.cross_entropy(model(x), y).backward()
    products = {name: (layer.weight * layer.weight.grad).detach() for name, layer in cut_layers(model).items()}
    model.zero_grad()
    return products


def taylor(model, n=2000, batch=64):
    """(weight × gradient)² of each weight, averaged over the batches of n training images.

    Squared batch by batch, as in the paper of 2019: gradients of opposite sign in two batches do not cancel.
    """
    scores = {name: torch.zeros_like(layer.weight.data) for name, layer in cut_layers(model).items()}
    for x, y in zip(images[:n].split(batch), labels[:n].split(batch), strict=True):
        for name, product in weight_times_gradient(model, x, y).items():
            scores[name] += product**2 * len(x) / n
    return scores


by_gradient = [taylor(net) for net in nets]
of_useless = by_gradient[0]["fc1"][:, never_lit].max().item()
card.record("useless-taylor-score", of_useless)


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def loss_with(model, before, unit, share, y):
    """The loss when the row of one unit of fc1 is `share` times what it was; `before`: what fc1 gives."""
    changed, bias = before.clone(), model.fc1.bias[unit]
    changed[:, unit] = share * (before[:, unit] - bias) + bias
    return F.cross_entropy(model.fc3(torch.relu(model.fc2(torch.relu(changed)))), y).item()


x, y = images[:1000], labels[:1000]
oracles, promises = [], []
for net in tqdm(nets, desc="300 units each", file=sys.stdout, leave=False):
    with torch.no_grad():
        before = net.fc1(x.flatten(1))
    whole = loss_with(net, before, 0, 1.0, y)
    oracles.append(torch.tensor([loss_with(net, before, unit, 0.0, y) - whole for unit in range(300)]))
    promises.append(-weight_times_gradient(net, x, y)["fc1"].sum(1).cpu())
above = [100 * (true > promise).float().mean().item() for true, promise in zip(oracles, promises, strict=True)]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
unit = int(oracles[0].argmax())  # the one whose loss would hurt most
with torch.no_grad():
    before = nets[0].fc1(x.flatten(1))
shares = torch.linspace(0, 1.3, 14)
curve = [loss_with(nets[0], before, unit, share.item(), y) for share in shares]
whole = loss_with(nets[0], before, unit, 1.0, y)
fig, ax = plots.figure(size=(7, 4))
ax.plot(shares, curve, "o-", color=plots.COLOURS["blue"], label="true loss")
line = whole + promises[0][unit].item() * (1 - shares)
ax.plot(shares, line, "--", color=plots.COLOURS["green"], label="tangent, from the gradient")
ax.plot(1, whole, "o", color=plots.COLOURS["orange"], markersize=13)
ax.set(xlabel="row of the unit, times", ylabel="loss")
ax.legend(loc="upper right")
plots.show(
    fig,
    alt=f"The loss when the row of one unit is multiplied by 0 to 1.3, and its tangent at 1. At 0 the loss is {curve[0]:.3f}, the tangent {line[0]:.3f}; at 1 both are {whole:.3f}.",
    caption=f"Unit {unit}, whose loss grows most; orange: the whole unit. At 0 the truth lies above for {mean_and_range(above, '{:.0f}')} % of the 300 units (three networks). Largest score of a useless weight: {of_useless:g}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Above, for this unit and for most of the 300.** The tangent knows the slope and not the bend. A useless weight has gradient 0, and so the score 0.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Does the score predict what it promises?
#
# 300 rows of `fc1`, each zeroed alone: 300 true changes of the loss, an **oracle** after Molchanov et al. (2017).
#
# **Predict.** Which ranks the units better, the Taylor score or the norm of the row? By how much?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let the room bet on a rank correlation for each: 1 is the same order, 0 no relation. The answer: the Taylor score about 0.9, the norm about 0.6. Molchanov et al. (2019) report above 0.93 for networks on ImageNet, and the abstract does not say of which kind, so do not compare the digits. Ask what the norm does
# not know: the pixels before the unit, and the layers behind it.


# %% slideshow={"slide_type": "skip"}
def correlation(a, b):
    return torch.corrcoef(torch.stack([a.double(), b.double()]))[0, 1].item()


def ranks(values):
    return values.argsort().argsort()


UNIT_SCORES = {
    "Taylor: root of its score, |Σ w·g|": lambda wg, w: wg.sum(1).abs(),
    "Taylor: norm of the row": lambda wg, w: wg.norm(dim=1),
    "norm of the row": lambda wg, w: w.norm(dim=1),
}
by_unit = {name: [] for name in UNIT_SCORES}
for net in nets:
    wg = weight_times_gradient(net, x, y)["fc1"]
    for name, score in UNIT_SCORES.items():
        by_unit[name].append(score(wg, net.fc1.weight.detach()).cpu())
pairs = {name: list(zip(by_unit[name], oracles, strict=True)) for name in UNIT_SCORES}
by_rank = {name: [correlation(ranks(s), ranks(o.abs())) for s, o in pairs[name]] for name in UNIT_SCORES}
by_value = {name: [correlation(s, o.abs()) for s, o in pairs[name]] for name in UNIT_SCORES}
first, *_, last = UNIT_SCORES
card.record("taylor-predicts", min(by_rank[first]))
card.record("norm-predicts-less", min(a - b for a, b in zip(by_rank[first], by_rank[last], strict=True)))
Table(
    ["score of a unit", "rank correlation", "correlation of the values"],
    [[name, mean_and_range(by_rank[name], "{:.2f}"), mean_and_range(by_value[name], "{:.2f}")] for name in UNIT_SCORES],
)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, axes = plots.figure(columns=2, size=(12, 4.2))
for ax, name in zip(axes, (first, last), strict=True):
    ax.plot(by_unit[name][0], oracles[0].abs(), "o", markersize=4, alpha=0.6)
    ax.set(
        title=f"rank correlation {mean_and_range(by_rank[name], '{:.2f}')}",
        xlabel=name,
        yscale="log",
        ylim=(1e-6, None),
    )
axes[0].set(ylabel="|true change of the loss|", xscale="log", xlim=(2e-6, None))
plots.show(
    fig,
    alt=f"Two clouds of 300 points. Left, the Taylor score against the true change of the loss, rank correlation {mean(by_rank[first]):.2f}; right, the norm "
    f"of the weights, {mean(by_rank[last]):.2f}.",
    caption="Each point a unit of fc1 in the first network, a few lie outside; correlations of three networks, mean (least to most).",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** For *one* unit at a time the Taylor score ranks nearly as the truth does; the norm of the row is a weaker guide here.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What a layer sees: Wanda
#
# Large models are hard to train again, so practice asks for less: keep the *outputs of each layer*. Without $w_j$ an output row loses $w_j x_j$; squared and summed over some data (here 2,000 training images) that is $w_j^2\,\lVert x_j \rVert^2$.
#
# **Wanda** ([Sun et al., 2023](https://arxiv.org/abs/2306.11695)) ranks by its root, $|w_j| \cdot \lVert x_j \rVert$, *in each output row by itself*: no gradient, no label, no training.
#
# **Predict.** One unit of `fc1`, a fifth of its row stays. Where in the image do magnitude and Wanda differ?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw an empty square on the board, the image, and let somebody mark where. Then click. They differ far out: magnitude keeps weights whose pixels are hardly ever lit, Wanda fewer. Say: "The input is half of a product, and magnitude looks at the other half." Point out that Wanda needs forward passes alone.
# Transition: "Per row, says the paper. Does that matter?"


# %% slideshow={"slide_type": "skip"}
def wanda(weight, inputs):
    """|w| · ‖x‖: what an output row loses with one weight."""
    return weight.detach().abs() * inputs.norm(dim=0)


def largest(scores, share):
    """A mask of the largest scores, in all rows together."""
    order = scores.flatten().argsort(descending=True, stable=True)
    mask = torch.zeros_like(scores)
    mask.view(-1)[order[: round(share * len(order))]] = 1
    return mask


def by_row(scores, share=0.2):
    return torch.stack([largest(row, share) for row in scores])


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
every = nets[0].fc1.weight.detach()
stay = {"magnitude": by_row(every.abs()), "Wanda": by_row(wanda(every, seen.flatten(1)))}
kept = {f"kept by {name}": mask[unit] for name, mask in stay.items()}
panels = {"|w|": every[unit].abs(), "‖x‖": seen.flatten(1).norm(dim=0), **kept}
fig, axes = plots.figure(columns=4, size=(12, 3.5))
for ax, (name, values) in zip(axes, panels.items(), strict=True):
    ax.imshow(values.view(28, 28).cpu(), cmap="Blues" if name in kept else "viridis")
    ax.set(title=name, xticks=[], yticks=[])
    ax.grid(False)
faint = panels["‖x‖"] < panels["‖x‖"].max() / 10
on_faint = {name: f"{100 * mask[:, faint].mean().item():.1f} %" for name, mask in stay.items()}
card.record("wanda-keeps-dark", int(stay["Wanda"][:, panels["‖x‖"] == 0].sum()))
plots.show(
    fig,
    alt="Four images of 28 by 28 for one unit: the size of its weights, spread over the whole image; the norm of the inputs, large in the middle and 0 at the border; the weights that "
    "magnitude keeps, some of them far out; those that Wanda keeps, nearer to the middle.",
    caption=f"Unit {unit}; yellow: large; blue: kept. In {int(faint.sum())} pixels the norm is less than a tenth of the largest. Of the weights behind these, in all 300 rows, stay: "
    + ", ".join(f"{share} by {name}" for name, share in on_faint.items())
    + ".",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Far out, where pixels are hardly ever lit.** Magnitude keeps more weights there than Wanda, and Wanda none behind a pixel that is dark in all 2,000 images: its product is 0.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Which group competes?
#
# To keep a tenth of the weights of `fc1` and `fc2` one may take the largest scores of *both layers* together, of *each layer*, or of *each row*. Wanda's authors take rows.
#
# **Predict.** Which group is best here, just pruned? The same one for magnitude and for Wanda's score?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for a column. On the mean, both layers together is best here and each row last, for all three scores; so for this network the authors' group is not the one to take. And the mean of Wanda's score is ahead of magnitude's in each column; ranges may meet. Say: "A score and a group are two decisions. Whoever changes both at once shows neither." A cell in the
# notebook looks into a library: torchao 0.18 has a class of that name, which ranks the whole layer by the *square* of the norm.


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def inputs_of(net, name, x=seen):
    """What a layer that is cut gets to see."""
    x = x.flatten(1)
    return x if name == "fc1" else torch.relu(net.fc1(x))


def masks_of(scores, density, group):
    """{layer: mask} that keeps the largest scores of both layers, of each layer, or of each row."""
    if group == "each row":
        return {name: by_row(s, density) for name, s in scores.items()}
    if group == "each layer":
        return {name: largest(s, density) for name, s in scores.items()}
    joined = largest(torch.cat([s.flatten() for s in scores.values()]), density)
    parts = joined.split([s.numel() for s in scores.values()])
    return {name: part.view_as(s) for part, (name, s) in zip(parts, scores.items(), strict=True)}


def masked(net, masks):
    net = copy.deepcopy(net)
    for name, layer in cut_layers(net).items():
        prune.custom_from_mask(layer, "weight", masks[name])
    return net


def percent_right(net):
    return 100 * training.evaluate(net, *test_set)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
by_size = [{name: layer.weight.detach().abs() for name, layer in cut_layers(net).items()} for net in nets]
by_input = [{k: wanda(m.weight, inputs_of(net, k)) for k, m in cut_layers(net).items()} for net in nets]
SCORES = {"magnitude": by_size, "Wanda's": by_input, "Taylor": by_gradient}
GROUPS = ("both layers", "each layer", "each row")
grouped = {
    (name, group): [percent_right(masked(net, masks_of(s, 0.1, group))) for net, s in zip(nets, scores, strict=True)]
    for name, scores in SCORES.items()
    for group in GROUPS
}
card.record("wanda-over-magnitude", mean(grouped["Wanda's", "each row"]) - mean(grouped["magnitude", "each row"]))
Table(
    ["score", *GROUPS],
    [[name, *(mean_and_range(grouped[name, group]) for group in GROUPS)] for name in SCORES],
    caption="Right, %, a tenth of the weights left, nothing trained; mean (least to most) of three networks.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** By the means, both layers together is the best group here and each row the last, for all three scores; the authors take rows, for language models. In each group Wanda's mean leads magnitude's. Score and group are two decisions.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from torchao.sparsity import WandaSparsifier


# A class of that name in torchao 0.18 (the main branch has since deleted torchao.sparsity: github.com/pytorch/ao/pull/4728).
def by_torchao(net, density):
    net, sparsifier = copy.deepcopy(net), WandaSparsifier(sparsity_level=1 - density)
    sparsifier.prepare(net, [{"tensor_fqn": "fc1.weight"}])
    with torch.no_grad():
        net(seen)
    sparsifier.step()
    return net.fc1.parametrizations.weight[0].mask


theirs, w, norm = by_torchao(nets[0], 0.1), nets[0].fc1.weight.detach().abs(), seen.flatten(1).norm(dim=0)
OURS = {
    "|w| · ‖x‖, each row: the paper": torch.stack([largest(row, 0.1) for row in w * norm]),
    "|w| · ‖x‖, the whole layer": largest(w * norm, 0.1),
    "|w| · ‖x‖², the whole layer": largest(w * norm**2, 0.1),
}
differ = {name: 100 * (mask != theirs).float().mean().item() for name, mask in OURS.items()}
card.record("torchao-squares", differ["|w| · ‖x‖², the whole layer"])
Table(["rule", "weights of fc1 that torchao treats otherwise, %"], [[name, f"{d:.2f}"] for name, d in differ.items()])

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Let the others make up for it
#
# A weight goes. Nobody says that the others must stay as they are.
#
# A row has two inputs, with the weights 0.5 and 0.3. The second weight goes. The first may take any new value, so that the output changes least.
#
# **Predict.** What should the 0.5 become when the two inputs are *always equal*? When they are independent, with mean 0? When they are neighbouring pixels?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Take the three cases one by one. Equal inputs: 0.8, and nothing is lost. Independent ones with mean 0: it stays 0.5. Neighbouring pixels: about 0.8 as well, and a part of the error is left. Say: "How much the others can take over stands in the inputs alone. It is the matrix of their
# products, and in this problem, up to a factor 2, it is the Hessian." Next click, the formulas: "Left: the change, column j of the inverse, scaled so that weight j becomes exactly 0 when the change is added to the row. Right: what it costs after this repair." If asked: with equal inputs H has no inverse, so the table uses least squares. Transition: "Optimal brain surgeon, 1993, did this for one weight at a time."


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def best_rest(inputs, w, kept):
    """The weights at `kept` for which the output of the row changes least, by least squares."""
    return torch.linalg.lstsq(inputs[:, kept].double(), inputs.double() @ w.double()).solution


noise = torch.Generator().manual_seed(0)
pixels = seen.flatten(1).cpu()
middle = 14 * 28 + 13
PAIRS = {
    "always equal": torch.randn(2000, 1, generator=noise).expand(2000, 2),
    "independent, mean 0": torch.randn(2000, 2, generator=noise),
    "neighbouring pixels": pixels[:, [middle, middle + 1]],
}
two = torch.tensor([0.5, 0.3])
took_over = {}
for name, pair in PAIRS.items():
    new = best_rest(pair, two, [0])
    changed = (pair.double() @ two.double() - pair[:, 0].double() * new).square().sum()
    took_over[name] = new.item(), 100 * (changed / (0.3 * pair[:, 1]).square().sum()).item()
Table(
    ["the two inputs", "0.5 becomes", "error left, %"],
    [[name, f"{new:.2f}", f"{left:.0f}"] for name, (new, left) in took_over.items()],
    caption="Error left: squared, summed. 100 %: the 0.5 stays.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw.** The more alike the inputs, the smaller the error that is left. Weight $j$ goes. With $H = X^\top X$ (inputs $X$, a column for each weight) the best change of the row, and the error that remains, are
#
# $$\delta w = -\frac{w_j}{[H^{-1}]_{jj}}\,H^{-1}_{:,j} \qquad\qquad \frac{w_j^2}{[H^{-1}]_{jj}}$$
#
# (optimal brain surgeon, OBS, Hassibi and Stork, 1993; theirs uses the Hessian of the loss). Three scores are related: Wanda's, squared, is $w_j^2 H_{jj}$, the error where nothing is repaired; magnitude ranks like it where all inputs have one norm; the right formula is the error after repair.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A whole layer, from left to right
#
# **SparseGPT** ([Frantar and Alistarh, 2023](https://arxiv.org/abs/2301.00774)) goes through the columns once. What goes in a column is made up for by the columns *behind* it, in all rows with one matrix: that makes it fast enough for large models.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Before each click ask: "Which numbers change now?" Crossed out is gone, what lies left of the line does not change any more, right of it each row that lost a weight takes over. Ask what the price of the order is: a weight far left can be repaired by many, one in the last column by none. Ask why not
# the exact solution: it needs another matrix for each row, because each row keeps other columns.


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def prune_and_repair(weight, inputs, density, *, mask=None, block=128, damp=0.01):
    """The weight of a linear layer, pruned in one go; what stays makes up for what goes (SparseGPT).

    Args:
        weight: (rows, columns). inputs: (n, columns), what the layer saw on some data; no labels.
        density: share that stays in each `block` of columns; what costs least goes.
        mask: ones where a weight stays; then `density` is not used.
        damp: added to H's diagonal, as a share of its mean, so that H can be inverted.
    """
    new, hessian = weight.clone(), inputs.T @ inputs / len(inputs)
    diagonal = hessian.diagonal()  # a view
    new[:, diagonal == 0] = 0  # no input, no use
    diagonal[diagonal == 0] = 1
    diagonal += damp * diagonal.mean()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    factor = torch.linalg.cholesky(inverse, upper=True)  # row j: of the inverse without the columns before j
    for start in range(0, new.shape[1], block):
        columns = range(start, min(start + block, new.shape[1]))
        error = (new[:, columns] / factor.diagonal()[columns]) ** 2
        stays = largest(error, density) if mask is None else mask[:, columns]
        for j, stay in zip(columns, stays.T, strict=True):
            gone = torch.where(stay > 0, 0, new[:, j])
            new[:, j:] -= torch.outer(gone / factor[j, j], factor[j, j:])
            new[stay == 0, j] = 0  # exactly
    return new


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
small = torch.Generator().manual_seed(3)
mixed = torch.randn(200, 6, generator=small) + 1.5 * torch.randn(200, 1, generator=small)
before_cut = torch.randn(3, 6, generator=small)
goes = largest(before_cut.abs(), 0.5)


def after_columns(count):
    """The small layer when the first `count` columns are done."""
    mask = torch.where(torch.arange(6) < count, goes, 1.0)
    now = prune_and_repair(before_cut, mixed, 0.5, mask=mask)
    canvas = diagrams.Canvas(height=330)
    canvas.text(600, 25, f"{count} of 6 columns done" if count else "before", size=26)
    diagrams.grid(canvas, now, 270, 60, cell=84, mask=mask, text="{:.2f}", size=26)
    canvas.axes.plot([270 + 84 * count] * 2, [52, 320], color=plots.COLOURS["black"], linewidth=6, zorder=6)
    if count in range(1, 6):
        canvas.wire((900, 186), (790, 186), meaning="gradient", thick=6)
        canvas.text(910, 186, "these took over", align="left", colour="gradient", size=26)
    return canvas.figure()


plots.show(
    [after_columns(count) for count in (0, 1, 2, 4, 6)],
    alt="A grid of 3 rows and 6 columns of weights and a line behind the columns that are done: left of it the pruned weights are crossed out, right of it the rows that lost one have changed.",
    caption="A small layer whose inputs are alike, cut by size and repaired as above; left of the line nothing changes any more.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Which weights go, or how the rest is repaired?
#
# SparseGPT differs from Wanda twice: it *chooses* otherwise, and it *repairs*. `fc1` alone, a tenth of its weights left, four ways to choose, each
#
# - **not repaired**,
# - **repaired** column by column,
# - repaired by **least squares**, row by row: the best of all repairs on the 2,000 images.
#
# **Predict.** Which matters more here, the choice or the repair?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote: choice or repair. Read the table along a row first: the same weights go, the repair differs; column by column two fifths of the error go, or more, and least squares does better still. Then down the columns, slowly.
# Not repaired, SparseGPT's choice by blocks looks nearly as bad as magnitude's; repaired, it is the best of the four. So the answer is: neither alone, they belong together. (If asked: "choice" here is score and group; only the columns compare one thing.) Say: "Whoever judged before the repair would throw away the best choice here. And the error is on test images, which no method has seen."


# %% slideshow={"slide_type": "skip"}
def least_squares(weight, inputs, mask):
    """For a mask, the rows that come nearest to the old outputs."""
    new, hessian = torch.zeros_like(weight), (inputs.T @ inputs).double()
    damped = hessian + 1e-6 * hessian.diagonal().mean() * torch.eye(len(hessian), device=device)
    for row, (w, kept) in enumerate(zip(weight, mask > 0, strict=True)):
        new[row, kept] = torch.linalg.solve(damped[kept][:, kept], (hessian @ w.double())[kept]).float()
    return new


def output_error(weight, new):
    """Percent of the output's square that changes, on 2,000 test images."""
    x = test_set[0][:2000].flatten(1)
    return 100 * (((weight - new) @ x.T).square().sum() / (weight @ x.T).square().sum()).item()


errors = {}
for net in nets[:2]:
    w, inputs = net.fc1.weight.detach(), seen.flatten(1)
    choices = {
        "magnitude, by row": masks_of({"fc1": w.abs()}, 0.1, "each row")["fc1"],
        "Wanda, by row": masks_of({"fc1": wanda(w, inputs)}, 0.1, "each row")["fc1"],
        "SparseGPT, by 128 columns": (prune_and_repair(w, inputs, 0.1) != 0).float(),
        "SparseGPT, all at once": (prune_and_repair(w, inputs, 0.1, block=784) != 0).float(),
    }
    for name, mask in choices.items():
        found = [w * mask, prune_and_repair(w, inputs, 0.1, mask=mask), least_squares(w, inputs, mask)]
        errors.setdefault(name, []).append([output_error(w, new) for new in found])
by_way = {name: list(zip(*rows, strict=True)) for name, rows in errors.items()}
card.record("repair-helps", mean(by_way["Wanda, by row"][0]) / mean(by_way["Wanda, by row"][1]))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["which stay", "not repaired", "repaired", "least squares"],
    [[name, *(mean_and_range(way) for way in ways)] for name, ways in by_way.items()],
    caption="Error of fc1's output, % of its square, on test images; a tenth of the weights, two networks.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. They belong together.** In each row the repair takes away more than two fifths of the error, once three quarters; least squares, which may change all that stays, does better still. SparseGPT's choice by 128 columns is poor *not repaired*, and the best *repaired*. (*By 128 columns*: each block is chosen on weights that already took over. *All at once*: the whole choice comes before any repair.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. The race
#
# Three networks, `fc1` and `fc2` cut to 5 %, then 100 training steps, on the same batches for all.
#
# - *Both layers together*: random, magnitude, Taylor (2,000 images, or all), **movement** (added up over the training pass; with its sign and without), Wanda's score.
# - *Layer by layer*, on what the cut layer before gives: **Wanda** by rows; **SparseGPT**, by 128 columns; and movement's masks, **repaired**.
#
# **Predict.** Who is first just pruned (hollow), and who after the steps (filled)?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Two votes, one for hollow and one for filled. The answer to both: movement's choice with SparseGPT's repair; then movement alone. Then the controls. Movement has seen all images with labels: Taylor with all images does not catch up.
# Its sign: without it, hardly another result here. Somebody may ask why SparseGPT is behind movement, when it had the least error of fc1's output in section 4: movement's error was not measured there, so no cause is shown. After the steps all but chance and Wanda's rows lie within about two points. Then ask: "Which dots do you believe if you have to ship a model?" The filled ones if there is a budget to train, the hollow ones if there is none; for a large language model there is often none.

# %% slideshow={"slide_type": "skip"}
BUDGET = 100  # training steps after pruning


@torch.no_grad()
def layer_by_layer(net, density, by_rows=False, masks=None):
    """Wanda by rows, or SparseGPT, whose masks may be given: each layer on what the cut ones before it give."""
    net = copy.deepcopy(net)
    for name, layer in cut_layers(net).items():
        inputs = inputs_of(net, name)
        if by_rows:
            mask = masks_of({name: wanda(layer.weight, inputs)}, density, "each row")[name]
        else:
            given = masks and masks[name]
            layer.weight.copy_(prune_and_repair(layer.weight, inputs, density, mask=given))
            mask = (layer.weight != 0).float()
        prune.custom_from_mask(layer, "weight", mask)
    return net


def in_pattern(seed, _):
    """The two largest of each four neighbours stay (2:4)."""
    masks = {}
    for name, sizes in by_size[seed].items():
        groups = sizes.reshape(-1, 4)
        masks[name] = torch.zeros_like(groups).scatter(1, groups.topk(2).indices, 1).view_as(sizes)
    return masked(nets[seed], masks)


# %% slideshow={"slide_type": "skip"}
def together(scores):
    return lambda seed, density: masked(nets[seed], masks_of(scores[seed], density, "both layers"))


def in_turn(**options):
    return lambda seed, density: layer_by_layer(nets[seed], density, **options)


def movement_repaired(seed, density):
    return layer_by_layer(nets[seed], density, masks=masks_of(moves[seed], density, "both layers"))


torch.manual_seed(0)
by_chance = [{name: torch.rand_like(s) for name, s in scores.items()} for scores in by_size]
no_sign = [{name: s.abs() for name, s in scores.items()} for scores in moves]
by_all_images = [taylor(net, len(images)) for net in tqdm(nets, desc="all images", file=sys.stdout, leave=False)]
RULES = {
    "random": together(by_chance),
    "magnitude": together(by_size),
    "Taylor": together(by_gradient),
    "Taylor, all images": together(by_all_images),
    "movement": together(moves),
    "movement, no sign": together(no_sign),
    "Wanda's score": together(by_input),
    "Wanda, rows": in_turn(by_rows=True),
    "SparseGPT": in_turn(),
    "movement, repaired": movement_repaired,
}


# %% slideshow={"slide_type": "skip"}
CASES = [("dense", 1.0, lambda seed, _: copy.deepcopy(nets[seed]))]
CASES += [(name, 0.05, rule) for name, rule in RULES.items()]
CASES += [("magnitude", 0.5, RULES["magnitude"]), ("2:4", 0.5, in_pattern)]
race, finished = {}, {}
for name, density, rule in tqdm(CASES, desc="prune and fine-tune", file=sys.stdout, leave=False):
    race[name, density] = []
    for seed in SEEDS:
        net = rule(seed, density)
        just = percent_right(net)
        train(net, steps=BUDGET, seed=100 + seed)
        race[name, density].append((just, percent_right(net)))
        finished.setdefault((name, density), net)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def after(name, density):
    return mean(outcome[1] for outcome in race[name, density])


just_cut = {name: mean(outcome[0] for outcome in race[name, 0.05]) for name in RULES}
card.record("magnitude-over-random", after("magnitude", 0.05) - after("random", 0.05))
card.record("repair-just-pruned", just_cut["movement, repaired"] - just_cut["movement"])
fig, ax = plots.figure(size=(7, 3.9))
dense = [outcome[1] for outcome in race["dense", 1.0]]
ax.axvspan(min(dense), max(dense), color=plots.COLOURS["grey"], alpha=0.4)
for row, name in enumerate(RULES):
    just, then = zip(*race[name, 0.05], strict=True)
    ax.plot(just, [row] * len(just), "o", color=plots.COLOURS["orange"], mfc="none")
    ax.plot(then, [row] * len(then), "o", color=plots.COLOURS["blue"])
    ax.text(102, row, f"{after(name, 0.05):.1f}", va="center", fontsize=17, color=plots.COLOURS["blue"])
ax.set(xlabel="test images right, %", yticks=range(len(RULES)), yticklabels=list(RULES), xlim=(0, 100))
ax.invert_yaxis()
plots.show(
    fig,
    alt="A row of dots for each rule, just pruned and after the steps. "
    + "; ".join(f"{name} {just_cut[name]:.0f} and {after(name, 0.05):.0f} %" for name in RULES)
    + ".",
    caption="Hollow: just pruned; filled, with the mean: after the steps; grey: the dense ones after the same steps, least to most.",
)


# %% slideshow={"slide_type": "skip"}
def counted_density(net):
    weights = torch.cat([layer.weight.flatten() for layer in cut_layers(net).values()])
    return 100 * (weights != 0).float().mean().item()


Table(
    ["rule", "density, counted, %", "just pruned, %", f"after {BUDGET} steps, %"],
    [
        [
            name,
            f"{counted_density(finished[name, density]):.1f}",
            *(mean_and_range(part) for part in zip(*outcomes, strict=True)),
        ]
        for (name, density), outcomes in race.items()
    ],
    caption="Mean (least to most) of three networks.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw.** By means, first in both: movement's choice *repaired*; then movement, whose sign matters little here (on the task of [[own_method]] it hurt). With all images Taylor stays behind movement. After the steps all but random and Wanda's rows lie within about two points.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What does the race not show?
#
# **Predict.** "Which score is best?" What is missing in the question?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room complete the question, then click: which network, which density, which group, which budget, how many seeds. That is the answer. Then a sentence for each point: without steps read the hollow dots; at half density magnitude alone was measured here, anywhere and in 2:4: a point apart just pruned, nearly together after the steps; the authors cut otherwise; why a mask
# learns better was not tested. Say: "Where two ranges overlap, do not name a winner."

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Answer.** Density, group, budget, network, and the number of seeds. With them a race can answer it.
#
# - **Another budget.** Large language models often get no step at all: the hollow dots.
# - **Another density and size.** The authors of Wanda and SparseGPT report on billions of weights, at about half density. At half density 2:4 costs about a point against magnitude anywhere, just pruned, and hardly anything after the steps (table in the notebook).
# - **Another way to cut.** The authors of the Taylor score prune *filters*, in many steps; those of movement while a network learns a new task.
# - **Causes.** Probably what counts after the steps is how well the rest can learn; masks with the *same* loss just pruned would test that.

# %% slideshow={"slide_type": "skip"}
# Into the ledger: the first network of each kind, its masks removed. A zero takes as many bytes as any other number.
rows = []
for (name, density), net in finished.items():
    for layer in cut_layers(net).values():
        if prune.is_pruned(layer):
            prune.remove(layer, "weight")
    size = size_report(net)
    cut = f"{name}, {density:.0%} of fc1 and fc2, " if density < 1 else "fp32, "
    rows.append(
        ledger.record(
            lesson="scores",
            task="mnist",
            model="LeNet-300-100",
            accuracy=training.evaluate(net, *test_set),
            technique=f"{cut}one pass and {BUDGET} steps",
            file_bytes=size.file_bytes,
            load_ms=size.load_ms,
        )
    )
ledger.table(rows)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · Wanda
# ★★ · 8 minutes
#
# Write `wanda_mask`: in *each row* of `weight` prune the `round(amount · columns)` weights with the smallest $|w_j| \cdot \lVert x_j \rVert$, with Python's `round` and the L2 norm of the input over all samples. `amount` goes from 0 to 1; no two products in a row are equal.
#
# `wanda_mask(weight, inputs, amount)` → a mask of ones (stays) and zeros, in the shape of `weight`; `weight` is (rows, columns), `inputs` is (samples, columns)
#
# <details><summary>Hint</summary>
# The norm has one value for each column, and is multiplied to all rows. Sort within the rows: argsort has a dim.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs; alone it takes 8. Two mistakes to expect: one ranking for the whole matrix, as in the library, and the norm over the wrong dimension. Ask: "Which of them would you see on a matrix with one row?" The second; the first is invisible there. The other cards are homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def wanda_mask(weight, inputs, amount):
    """Ones and zeros: in each row the smallest |w| · ‖x‖ go.

    >>> wanda_mask(torch.tensor([[1.0, 2.0]]), torch.ones(3, 2), 0.5)
    tensor([[0., 1.]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.wanda_mask(wanda_mask)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def wanda_mask_solution(weight, inputs, amount):
    order = (weight.abs() * inputs.norm(dim=0)).argsort(dim=1)
    k = round(amount * weight.shape[1])
    return torch.ones_like(weight).scatter(1, order[:, :k], 0)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · One weight goes, the others make up for it
# ★★ · 8 minutes
#
# Write `repaired`: the row `w` after weight number `i` went and all others changed by the formula of section 4. You get $H^{-1}$, which is symmetric; leave `w` as it is.
#
# `repaired(w, h_inverse, i)` → the new row, of the shape of `w`, with 0 at `i`
#
# <details><summary>Hint</summary>
# Take column i of the inverse, and scale it so that its entry i becomes w[i]. Subtract that from the row.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def repaired(w, h_inverse, i):
    """The row without weight `i`, and with the others changed so that the output changes least.

    >>> repaired(torch.zeros(2), torch.eye(2), 0).abs()  # nothing to repair
    tensor([0., 0.])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.repaired(repaired)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def repaired_solution(w, h_inverse, i):
    return w - w[i] / h_inverse[i, i] * h_inverse[:, i]


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · The movement score
# ★ · 5 minutes
#
# Write `movement_scores`: from the weights and the gradients of one or more training steps (two lists of tensors, one tensor a step) the score
# $-\sum_t w_t\,g_t$ of [[own_method]].
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


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source or says of its own runs, beside what this run gave.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Magnitude sees the weight. Wanda, which needs a forward pass, sees the input too; the Taylor score, which needs a backward pass, the loss.
# - Which weights go and what becomes of the rest are two decisions; error compensation is the second. Judge a choice with its repair.
# - A score is best at a density, in a group, with a budget, on a network. Race them, beside chance, with everything else equal.
#
# **Recommended video** (it helps, and does not replace the lesson): Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
# [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further**: P. Molchanov et al., 2017 and 2019, [arXiv:1611.06440](https://arxiv.org/abs/1611.06440) (by a filter's output times the gradient of that output), [arXiv:1906.10771](https://arxiv.org/abs/1906.10771) (by its weights);
# M. Sun et al., *A simple and effective pruning approach for large language models* (Wanda), 2023, [arXiv:2306.11695](https://arxiv.org/abs/2306.11695); E. Frantar and D. Alistarh, *SparseGPT*, 2023,
# [arXiv:2301.00774](https://arxiv.org/abs/2301.00774); E. Frantar et al., *Optimal brain compression*, 2022, [arXiv:2208.11580](https://arxiv.org/abs/2208.11580); B. Hassibi and D. Stork, *Second order derivatives for network pruning*, 1993.
#
# **Project ideas**: repeat the race with units in place of weights, ten at a time, with training between; give SparseGPT a 2:4 pattern; let the columns be processed in another order.
#
# **Credits**: the idea of a course on efficient networks from Tal Daniel (Technion, EE 046211, tutorial 10). The repair follows the published code of SparseGPT ([github.com/IST-DASLab/sparsegpt](https://github.com/IST-DASLab/sparsegpt)), written anew. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the list on the board: size, input, gradient, what the others can take over. For each let somebody name the score: magnitude, Wanda, Taylor or movement, SparseGPT. Transition: "Next part: is there a small network inside that could have learned alone?"

# ---
# jupyter:
#   course:
#     promise: You will prune whole networks, train them again, and know what it costs and what it really saves.
#     minutes: 75
#     seconds: 100
#     needs: [measuring, energy, prune_module]
#     goals:
#       - Prune a model by layer type, layer by layer and globally, and prove what was pruned.
#       - Derive which layers global pruning hits in an untrained network, and say how training changes it.
#       - Measure accuracy before and after fine-tuning down to 1 % of the weights, with fair comparisons.
#       - Say which file formats and which processors turn zeros into fewer bytes or less time.
#       - Test rules about wide and deep networks instead of believing them.
#     terms: [CSR, fan-in, fine-tuning, "global, local pruning", "one-shot, iterative pruning"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *From one layer to a whole network: what it costs, and what it really saves.*
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

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import math
import sys
import warnings
from statistics import mean

import torch
from torch import nn
from torch.nn.utils import prune
from tqdm import tqdm

from course_utils import data, models, prune_request, runtime, training
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, mean_and_range, si
from lessons.prune_model import checks as check

for message in ("Sparse CSR tensor support is in beta", "Sparse invariant checks are implicitly disabled"):
    warnings.filterwarnings("ignore", message)  # what we use of CSR is tested in section 6
card = claims.Scorecard("prune_model")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()  # training runs here; bytes and latency are measured on the CPU
cpu = torch.device("cpu")
images, labels = (t.to(device) for t in data.load("mnist"))
test_set = tuple(t.to(device) for t in data.load("mnist", "test"))
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. A surprise in one minute
#
# "Pruning reduces model size and inference time." You find this sentence in many places.
#
# Take LeNet-300-100 (784 → 300 → 100 → 10), untrained: bytes and time do not depend on what it knows. Set nine of ten weights to zero
# with `torch.nn.utils.prune`. Save it.
#
# **Predict.** The file becomes: **A** a tenth, **B** a fifth, **C** as large as before, **D** twice as large?
# And one image takes: less time, the same, or more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Two votes, counts on the board. Those who did [[prune_module]] can work out D: the weights *and* a mask are saved, each 4 bytes a weight.


# %% slideshow={"slide_type": "skip"}
def layers_of(net):
    """The layers with weights, with the name of what to prune, as `global_unstructured` wants them."""
    return [(m, "weight") for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def permanent(net):
    """A plain LeNet-300-100 with the weights that a masked one computes with: zeros, and no masks."""
    plain = models.LeNet300100()
    with torch.no_grad():
        for new, old in zip(plain.children(), net.children(), strict=True):
            new.weight.copy_(old.weight_orig * old.weight_mask)
            new.bias.copy_(old.bias)
    return plain.requires_grad_(False)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Nine of ten weights gone, and the file doubles

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
dense, masked = models.LeNet300100().requires_grad_(False), models.LeNet300100().requires_grad_(False)
prune.global_unstructured(layers_of(masked), pruning_method=prune.L1Unstructured, amount=0.9)
first = {"dense": dense, "90 % masked": masked, "90 % removed": permanent(masked)}
digit = torch.rand(1, 1, 28, 28)
hook = timing.compare({name: lambda net=net: net(digit) for name, net in first.items()}, device=cpu)
sizes = {name: size_report(net).file_bytes for name, net in first.items()}
Table(
    ["LeNet-300-100", "zeros among the weights", "file, reloaded", "times the dense file", "speed-up, one image"],
    [
        [
            name,
            f"{sparsity_report(net).weights.sparsity:.0%}",
            si(sizes[name], "B"),
            f"{sizes[name] / sizes['dense']:.2f}",
            f"{hook.ratio(name):.2f}×",
        ]
        for name, net in first.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** *Masked*: `weight_orig` and `weight_mask` are both saved, four bytes a weight each, so the file doubles. Before each
# call the two are multiplied: slower.
#
# *Removed* (`prune.remove`, [[prune_module]]): one tensor again. A zero takes four bytes and one multiplication, like any number.
#
# So the sentence is wrong as it stands. Sections 6 and 7 say what has to be added.

# %% [markdown] slideshow={"slide_type": "skip"}
# If your speed-up of *removed* is far from 1, another program was running: repeat the cell.

# %% slideshow={"slide_type": "skip"}
card.record("masked-file", sizes["90 % masked"] / sizes["dense"])
card.record("removed-file", sizes["90 % removed"] / sizes["dense"])
card.record("masked-speed", hook.ratio("90 % masked"), hook.ratio_quartiles("90 % masked"))
card.record("removed-speed", hook.ratio("90 % removed"), hook.ratio_quartiles("90 % removed"))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. By type, by layer, or globally
#
# A model has many layers, and not all of them should lose the same share. The simplest rule goes by type: 20 % of each convolution and 40 % of each
# linear layer of LeNet, those with the smallest absolute value (L1).

# %% slideshow={"slide_type": "-"}
lenet = models.LeNet()  # 3 × 3 kernels, for images of 28 × 28
for module in lenet.modules():
    if isinstance(module, nn.Conv2d):
        prune.l1_unstructured(module, "weight", amount=0.2)
    elif isinstance(module, nn.Linear):
        prune.l1_unstructured(module, "weight", amount=0.4)
print("masks:", list(dict(lenet.named_buffers())))

# %% [markdown] slideshow={"slide_type": "-"}
# The list of masks is the proof: five buffers, one for each weight, none for a bias. How many zeros, a report counts.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### 20 % of each convolution, 40 % of each linear layer, no bias

# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
sparsity_report(lenet)

# %% [markdown] slideshow={"slide_type": "skip"}
# The report multiplies each weight with its mask, counts zeros, and keeps weights and biases apart. 20.37 % of conv1 are 11 of its 54 weights: amounts
# are rounded to whole weights.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One share for each layer, or one for the model
#
# - **Local**: each layer loses the share that you name.
# - **Global**: the weights of all layers stand in one row, and the smallest go. You name one number; the layers share it out among themselves.
#
# ```python
# pairs = [(model.conv1, "weight"), (model.fc1, "weight"), ...]
# prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=0.2)
# ```
#
# **Predict.** Global, 20 %, an *untrained* LeNet. Do all layers lose 20 %? If not, which one loses most, which one least?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Most say: all about 20 %, the weights are random after all. Ask what "random" means: from which range? Do not answer yet.

# %% slideshow={"slide_type": "skip"}
LAYERS = ["conv1", "conv2", "fc1", "fc2", "fc3"]
PUBLISHED = dict(zip(LAYERS, (7.41, 9.49, 22.00, 12.28, 9.76), strict=True))  # in all 20.00


def after_global(net, amount=0.2):
    """Percent of zeros in each layer after global magnitude pruning, and in all together."""
    prune.global_unstructured(layers_of(net), pruning_method=prune.L1Unstructured, amount=amount)
    report = sparsity_report(net)
    return {name: 100 * report[f"{name}.weight"].sparsity for name in LAYERS} | {"all": 100 * report.weights.sparsity}


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One draw, beside a published one

# %% slideshow={"slide_type": "-"}
torch.manual_seed(0)
one_draw = after_global(models.LeNet())
Table(
    ["zeros after global 20 %, in %", *one_draw],
    [
        ["published (PyTorch's pruning tutorial)", *(f"{v:.2f}" for v in PUBLISHED.values()), "20.00"],
        ["here, one untrained LeNet", *(f"{v:.2f}" for v in one_draw.values())],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# The total is 20 % in both. The layers are far from it, and yours are not the published ones. Is that luck, or another network?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. A published table, explained
#
# PyTorch starts the weights of `Conv2d` and `Linear` evenly between $-1/\sqrt{f}$ and $+1/\sqrt{f}$. $f$ is the **fan-in**: how many weights each output
# sums over. So a threshold $t$ cuts the share $t \sqrt{f}$ of a layer, as long as that is at most 1.
#
# One threshold for all: with $n_l$ weights in layer $l$, $N$ in all, and the amount $a$,
#
# $$\sum_l n_l\, t \sqrt{f_l} = a N \quad\Rightarrow\quad t = \frac{a N}{\sum_l n_l \sqrt{f_l}}$$
#
# **Predict.** conv1 sums over 9 weights, fc1 over 400. How many times larger is the share that fc1 loses?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* √400 / √9 = 20/3: nearly seven times. Nothing is known about importance here: the shares follow from the ranges alone.


# %% slideshow={"slide_type": "skip"}
def derived(net, amount=0.2):
    """(threshold, percent of each layer below it, bound of each layer) from fan-ins alone."""
    fan_in = {name: getattr(net, name).weight[0].numel() for name in LAYERS}
    count = {name: getattr(net, name).weight.numel() for name in LAYERS}
    threshold = amount * sum(count.values()) / sum(count[n] * math.sqrt(fan_in[n]) for n in LAYERS)
    return (
        threshold,
        {n: 100 * threshold * math.sqrt(fan_in[n]) for n in LAYERS},
        {n: 1 / math.sqrt(fan_in[n]) for n in LAYERS},
    )


def hundred(kernel):
    """Percent of zeros of each layer in 100 untrained LeNets, a row each."""
    rows = []
    for seed in range(100):
        torch.manual_seed(seed)
        rows.append(list(after_global(models.LeNet(kernel)).values()))
    return torch.tensor(rows)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The wider a layer's range, the less it loses

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
threshold, share, bound = derived(models.LeNet())
fig, ax = plots.figure(size=(10, 3.7))
names = [f"{n} (fan-in {round(1 / bound[n] ** 2)})" for n in LAYERS]
ax.barh(names, [bound[n] for n in LAYERS], color=plots.COLOURS["sky"], label="kept")
ax.barh(names, [threshold] * 5, color=plots.COLOURS["orange"], label="pruned")
for y, n in enumerate(LAYERS):
    ax.text(bound[n] + 0.004, y, f"{share[n]:.1f} %", va="center")
ax.invert_yaxis()
ax.set(xlabel="|weight|, evenly spread over the bar", xlim=(0, 0.37))
ax.legend(loc="lower right")
plots.show(
    fig,
    alt="A bar for each layer from zero to its bound one over root fan-in: conv1 the longest, fc1 the shortest. The same "
    "small threshold cuts 3 percent of conv1 and 22 percent of fc1.",
    caption="Untrained layers. One threshold for all cuts the same length from each bar, and so a different share.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** fc1 loses 20/3 times the share of conv1, as √400 / √9 says. Nothing here knows which weights matter.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The published table is one draw of many

# %% slideshow={"slide_type": "skip"}
draws = {kernel: hundred(kernel) for kernel in (3, 5)}
expected = {kernel: derived(models.LeNet(kernel))[1] for kernel in (3, 5)}

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(10, 4))
jitter = torch.rand(100, generator=torch.Generator().manual_seed(0)) * 0.24 - 0.12
for kernel, offset, colour in ((3, -0.17, "sky"), (5, 0.17, "grey")):
    for i, name in enumerate(LAYERS):
        dots = {"color": plots.COLOURS[colour], "alpha": 0.5, "markersize": 6}
        label = f"100 draws, {kernel} × {kernel} kernels" if i == 0 else None
        ax.plot(i + offset + jitter, draws[kernel][:, i], ".", **dots, label=label)
        label = "derived" if i == 0 and kernel == 3 else None
        ax.plot([i + offset - 0.15, i + offset + 0.15], [expected[kernel][name]] * 2, color="black", label=label)
ax.plot([i - 0.17 for i in range(5)], PUBLISHED.values(), "D", color=plots.COLOURS["orange"], label="published")
ax.set_xticks(range(5), LAYERS)
ax.set(ylabel="zeros in the layer, %")
ax.legend(loc="upper left", ncols=2, fontsize=13)
ax.set_ylim(-1, 33)
plots.show(
    fig,
    alt="Clouds of 100 draws for each layer and kernel size, each around its derived mean. The published diamonds lie inside the "
    "clouds of the 3 by 3 network, conv1 near the upper edge; for 5 by 5 kernels the cloud of conv2 lies far above the diamond.",
    caption="Each dot is one untrained LeNet, pruned globally by 20 %. Black: what the formula says.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The formula gives the middle of every cloud. The published table is one draw from the 3 × 3 network; 5 × 5 would lose
# more of conv2.

# %% [markdown] slideshow={"slide_type": "skip"}
# conv1 has only 54 weights, so luck moves it in steps of 1/54. The published 7.41 % are 4 of 54. The table below says how often that happens.

# %% slideshow={"slide_type": "skip"}
centre, sd = draws[3].mean(0), draws[3].std(0)
p = expected[3]["conv1"] / 100
four_or_more = 1 - sum(math.comb(54, k) * p**k * (1 - p) ** (54 - k) for k in range(4))
seen = (draws[3][:, 0] > 7.4).float().mean().item()
print(f"4 or more of conv1's 54 weights: {four_or_more:.1%} by the binomial law, {seen:.0%} of 100 draws")
Table(
    ["3 × 3 kernels, %", *LAYERS, "all"],
    [
        ["published", *(f"{v:.2f}" for v in PUBLISHED.values()), "20.00"],
        ["derived", *(f"{v:.2f}" for v in expected[3].values()), "20.00"],
        ["mean of 100 draws", *(f"{v:.2f}" for v in centre)],
        ["standard deviation", *(f"{v:.2f}" for v in sd)],
    ],
)


# %% slideshow={"slide_type": "skip"}
def away(kernel):
    """How many standard deviations the published figures lie from the mean of 100 draws, the worst layer."""
    rows = draws[kernel][:, :5]
    return ((torch.tensor(list(PUBLISHED.values())) - rows.mean(0)) / rows.std(0)).abs().max().item()


card.record("table-fits", away(3))
card.record("table-5x5-does-not-fit", away(5))
card.record("conv1-mean", centre[0].item())
card.record("conv1-as-published", 100 * seen)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### And a trained network?
#
# So the published shares say how PyTorch *starts* layers. They say nothing about which weights matter.
#
# **Predict.** Does training change the shares? **A** At 20 % already, much. **B** Hardly at 20 %, much at 90 %. **C** Not at all.


# %% slideshow={"slide_type": "skip"}
def train(net, x, y, *, lr=1.2e-3, batch=50, **options):
    """The network, after one pass with Adam over shuffled batches; `options` as in `training.fit`."""
    adam = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    training.fit(net, x, y, batch_size=batch, optimizer=adam, device=device, progress=False, **options)
    return net


def fading(done):
    """A schedule: the learning rate falls to zero."""
    return 1 - done


def accuracy_percent(net):
    """Percent of the test images that a network gets right."""
    return 100 * training.evaluate(net, *test_set)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
torch.manual_seed(0)
starts = models.LeNet().state_dict()
trained_lenet = train(models.LeNet().to(device), images[:20_000], labels[:20_000], lr=2e-3)
print(f"trained LeNet: {accuracy_percent(trained_lenet):.1f} % of the test digits right")
shares = {}
for amount in (0.2, 0.9):
    for name, state in (("untrained", starts), ("trained", trained_lenet.state_dict())):
        net = models.LeNet()
        net.load_state_dict(state)
        shares[name, amount] = after_global(net, amount)
Table(
    ["zeros after global pruning, in %", *LAYERS, "all"],
    [[f"{amount:.0%} of {name}", *(f"{v:.2f}" for v in row.values())] for (name, amount), row in shares.items()],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** B. At 20 % hardly anything changed: the ranges from the start still decide. At 90 % much did: untrained, fc1 loses nearly everything;
# trained, it keeps several times more.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Training grows tails

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(10, 3.7))
edges = [i / 200 for i in range(61)]
for name, state, colour in (("untrained", starts, "sky"), ("trained", trained_lenet.state_dict(), "blue")):
    ax.hist(
        state["fc1.weight"].abs().flatten().cpu().numpy(),
        edges,
        color=plots.COLOURS[colour],
        label=name,
        histtype="stepfilled",
        alpha=0.6,
    )
ax.set(yscale="log", xlabel="|weight| in fc1", ylabel="weights")
ax.legend()
plots.show(
    fig,
    alt="Histogram on a logarithmic axis: untrained weights of fc1 fill a box that ends at 0.05; trained ones have a peak at "
    "small values and a long tail far beyond the box.",
    caption="fc1 of LeNet before and after training. Pruning by size keeps the tail.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# Training moves some weights far and leaves most where they began. Pruning by magnitude bets that the far ones matter. Section 4 tests the bet.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. Train, prune, measure, train again
#
# Pruning an untrained network tells nothing about accuracy. So: LeNet-300-100, all 60,000 training digits, three passes, three seeds. Then each copy is
# pruned once, measured, **fine-tuned** (trained on with the zeros held fixed), and measured again.
#
# The budget of fine-tuning is fixed: *one pass over the first 10,000 digits, 200 steps of 50*. The dense network gets it too.
#
# *Density* is the share of weights that are left.
#
# **Predict.** At 10 % density, how many test digits are right before fine-tuning, and after? 10 % is guessing.

# %% slideshow={"slide_type": "skip"}
SEEDS = range(3)
DENSITIES = [0.5, 0.2, 0.1, 0.05, 0.01]
tune_set = images[:10_000], labels[:10_000]


def trained_dense(seed):
    torch.manual_seed(seed)
    return train(
        models.LeNet300100().to(device), images, labels, epochs=3, lr=3e-3, batch=100, seed=seed, schedule=fading
    )


bases = [trained_dense(seed) for seed in tqdm(SEEDS, desc="dense networks", file=sys.stdout, leave=False)]
dense_right = [accuracy_percent(net) for net in bases]
print("dense, % right:", *(f"{value:.2f}" for value in dense_right))

# %% [markdown] slideshow={"slide_type": "skip"}
# Three ways to choose, as functions of the network and the density. *Random* takes no notice of the weights: it is the control that says
# how much of an effect is due to *which* weights go. `validate_request` hands back the amount, or says what is wrong with it (end of section 5).


# %% slideshow={"slide_type": "skip"}
def global_magnitude(net, density):
    targets = layers_of(net)
    amount = prune_request.validate_request(targets, 1 - density)
    prune.global_unstructured(targets, pruning_method=prune.L1Unstructured, amount=amount)


def local_magnitude(net, density):
    for module, name in layers_of(net):
        prune.l1_unstructured(module, name, amount=prune_request.validate_request([(module, name)], 1 - density))


def local_random(net, density):
    for module, name in layers_of(net):
        prune.random_unstructured(module, name, amount=prune_request.validate_request([(module, name)], 1 - density))


# %% slideshow={"slide_type": "skip"}
def copy_of(net):
    """An unpruned LeNet-300-100 with the same weights (deepcopy fails right after a step, see [[prune_traps]])."""
    fresh = models.LeNet300100().to(device)
    fresh.load_state_dict(net.state_dict())
    return fresh


def pruned_and_tuned(base, method, density, seed):
    """(percent right after pruning, after fine-tuning, the masked network)."""
    net = copy_of(base)
    torch.manual_seed(seed)  # for the random choice
    method(net, density)
    before = accuracy_percent(net)
    train(net, *tune_set, seed=100 + seed)
    return before, accuracy_percent(net), net


# %% slideshow={"slide_type": "skip"}
METHODS = {"magnitude, global": global_magnitude, "magnitude, local": local_magnitude, "random": local_random}
before, after, tuned = {}, {}, {}
for seed in tqdm(SEEDS, desc="prune and fine-tune", file=sys.stdout, leave=False):
    for name, method in METHODS.items():
        for density in DENSITIES if name != "magnitude, global" else [1.0, *DENSITIES]:
            b, a, net = pruned_and_tuned(bases[seed], method, density, seed)
            before.setdefault((name, density), [None] * len(SEEDS))[seed] = b
            after.setdefault((name, density), [None] * len(SEEDS))[seed] = a
            if seed == 0 and name == "magnitude, global":
                tuned[density] = net  # sections 6 and 7 weigh these

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Which weights go decides; fine-tuning repairs much

# %% slideshow={"slide_type": "skip"}
COLOUR = {"magnitude, global": "blue", "magnitude, local": "green", "random": "orange"}


def band(ax, x, runs, label, colour):
    """Mean over seeds as a line, from the lowest to the highest seed as a band."""
    ax.fill_between(
        x, [min(r) for r in runs], [max(r) for r in runs], color=plots.COLOURS[colour], alpha=0.25, linewidth=0
    )
    ax.plot(x, [sum(r) / len(r) for r in runs], "o-", color=plots.COLOURS[colour], label=label)


def density_axis(ax, **others):
    """From 100 % on the left to 1 % on the right, on a logarithmic scale."""
    ax.set(xscale="log", xlabel="weights left, %", xlim=(120, 0.85), **others)
    ax.set_xticks([100, 50, 20, 10, 5, 2, 1], ["100", "50", "20", "10", "5", "2", "1"], minor=False)
    ax.set_xticks([], minor=True)


# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
fig, axes = plots.figure(columns=2, size=(11, 4.2))
for ax, table, title, start in (
    (axes[0], before, "pruned", dense_right),
    (axes[1], after, "pruned, then fine-tuned", after["magnitude, global", 1.0]),
):
    for name in METHODS:
        band(
            ax, [100, *(100 * d for d in DENSITIES)], [start, *(table[name, d] for d in DENSITIES)], name, COLOUR[name]
        )
    density_axis(ax, title=title, ylim=(0, 103))
axes[0].set_ylabel("test digits right, %")
axes[1].legend(loc="lower left")
plots.show(
    fig,
    alt="Two panels of accuracy against weights left, 100 to 1 percent. Pruned only: random falls at 50 percent, local magnitude from "
    "20, global magnitude from 10. After fine-tuning all curves move up; global magnitude stays near dense down to 10 percent, random is lowest.",
    caption="LeNet-300-100 on MNIST. Lines: mean of three seeds; bands: lowest to highest seed. Each network was pruned once.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["lecture"]
# **What you saw.** The smaller half of the weights can go without any training. At a tenth, fine-tuning is no extra: it is most of the method.


# %% slideshow={"slide_type": "skip"}
faded = [accuracy_percent(train(copy_of(bases[s]), *tune_set, seed=100 + s, schedule=fading)) for s in SEEDS]
print("dense, 200 steps more, the learning rate falling to zero:", mean_and_range(faded))
Table(
    ["weights left", *(f"{name}, {when}" for name in METHODS for when in ("pruned", "tuned"))],
    [
        ["100%", *[mean_and_range(dense_right), mean_and_range(after["magnitude, global", 1.0])] * len(METHODS)],
        *([f"{d:.0%}", *(mean_and_range(t[name, d]) for name in METHODS for t in (before, after))] for d in DENSITIES),
    ],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The dense networks with the same 200 steps more are the fair baseline, and they lose accuracy: at a constant learning rate the last steps do not settle.
# With a falling one (the line above) they lose less. At 50 and 20 % global magnitude ends above this baseline, but not above the dense
# networks before it. So do not read it as "pruning improves": which baseline you name decides.
#
# Why does local pruning fall so much earlier than global? Look at what global leaves in each layer:

# %% slideshow={"slide_type": "skip"}
kept = {d: sparsity_report(net) for d, net in tuned.items() if d < 1}
Table(
    ["weights left in all", "fc1", "fc2", "fc3"],
    [
        [f"{d:.0%}", *(f"{1 - report[f'{name}.weight'].sparsity:.1%}" for name in ("fc1", "fc2", "fc3"))]
        for d, report in kept.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# fc3, the last layer, has 1,000 weights of 266,200. Global pruning spares it: its weights are large. Local pruning takes the same share of it as of
# fc1. That saves almost nothing, and every answer has to pass there. Is this the whole difference? Test it: a local cut that leaves fc3
# whole and takes as many weights more from the other two.
#
# **Predict.** How much of the gap between local and global is gone then: a tenth, half, all?


# %% slideshow={"slide_type": "skip"}
def local_but_last(net, density):
    """Local magnitude on all layers but the last, with as many weights left in all."""
    *others, last = layers_of(net)
    spared, rest = last[0].weight.numel(), sum(m.weight.numel() for m, _ in others)
    for module, name in others:
        prune.l1_unstructured(module, name, amount=1 - (density * (rest + spared) - spared) / rest)
    prune.identity(*last)  # a mask of ones


last_whole = [pruned_and_tuned(bases[s], local_but_last, 0.05, s)[1] for s in SEEDS]

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The lead of global is the last layer

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["5 % of the weights left, fine-tuned", "test digits right, %"],
    [
        ["global", mean_and_range(after["magnitude, global", 0.05])],
        ["local", mean_and_range(after["magnitude, local", 0.05])],
        ["local, but fc3 whole; as many left in all", mean_and_range(last_whole)],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** All of it. fc3, the last layer, has 1,000 weights of 266,200. Global keeps more of it, local cuts it like the others. Leave it whole,
# and local is as good. Here global is no better way to rank weights: it happens to protect the thinnest layer.


# %% slideshow={"slide_type": "skip"}
lead = {d: mean(after["magnitude, global", d]) - mean(after["random", d]) for d in DENSITIES}
card.record("dense-floor", min(dense_right))
card.record("fifth-is-enough", mean(dense_right) - mean(after["magnitude, global", 0.2]))
card.record("magnitude-over-random", lead[0.1])
card.record("global-over-local", mean(after["magnitude, global", 0.05]) - mean(after["magnitude, local", 0.05]))
card.record("last-layer-explains", mean(after["magnitude, global", 0.05]) - mean(last_whole))

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Cover the right panel and vote on it. Ask for the fair baseline before you name it: why does the dense network get 200 steps too?
# Because otherwise pruned networks would have been trained longer.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What does magnitude keep?
#
# Each weight of fc1 belongs to one pixel. Count the weights that are left at each pixel, at 10 % density.
#
# **Predict.** Where on the 28 × 28 picture are they: everywhere alike, in the middle, at the rim?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The weights where the digits are

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, axes = plots.figure(columns=2, size=(10, 4))
for ax, (name, net) in zip(axes, {"magnitude": tuned[0.1], "random": copy_of(bases[0])}.items(), strict=True):
    if name == "random":
        local_random(net, 0.1)
    picture = ax.imshow(net.fc1.weight_mask.sum(0).view(28, 28).cpu().numpy(), cmap="viridis", vmin=0, vmax=100)
    ax.set(title=name, xticks=[], yticks=[])
    ax.grid(False)
fig.colorbar(picture, ax=axes, label="weights left, of 300", extend="max")
never = (images.amax((0, 1)) == 0).flatten()
kept_there = tuned[0.1].fc1.weight_mask[:, never].sum().item()
plots.show(
    fig,
    alt="Two pictures of 28 by 28 pixels. Magnitude keeps weights in the middle of the picture, where the strokes of digits lie, and none "
    "at the rim. Random keeps about thirty at every pixel.",
    caption=f"Weights of fc1 left at each pixel, of 300. {int(never.sum())} pixels are black in every training digit: magnitude keeps "
    f"{kept_there:.0f} weights there.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** At the rim the input is always zero, so those weights got no gradient and stayed small. Here size tells something about use.

# %% [markdown] slideshow={"slide_type": "skip"}
# That is a heuristic, not a law. A small weight on a large input can matter more than a large weight on a small one. [[own_method]] builds a score that knows the
# gradient.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. One cut or five, and how much training?
#
# Two things were fixed: one cut, and 200 steps. First the steps, at 10 % density.
#
# **Predict.** With three times the steps, does the lead of magnitude over random grow, stay or shrink?


# %% slideshow={"slide_type": "skip"}
def recovery(method):
    """Percent right after pruning seed 0 to 10 %, then after every 50 steps of one pass over 30,000 digits."""
    net = copy_of(bases[0])
    torch.manual_seed(0)
    method(net, 0.1)
    curve = [accuracy_percent(net)]

    def watch(step):
        if step % 50 == 0:
            curve.append(accuracy_percent(net))

    train(net, images[:30_000], labels[:30_000], on_step=watch)
    return curve


recovered = {name: recovery(METHODS[name]) for name in ("magnitude, global", "random")}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The lead shrinks with the budget

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
magnitude, random = recovered.values()
picked = [i for i in (0, 1, 2, 4, 8, 12) if i < len(magnitude)]  # one value for every 50 steps
Table(
    ["steps of fine-tuning, 10 % left", *(50 * i for i in picked)],
    [
        ["magnitude, global, % right", *(f"{magnitude[i]:.1f}" for i in picked)],
        ["random, % right", *(f"{random[i]:.1f}" for i in picked)],
        ["lead, points", *(f"{magnitude[i] - random[i]:.1f}" for i in picked)],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Random goes on climbing long after magnitude is near its end (one seed; the budget of section 4 is 200 steps). So "our method is so
# many points better" means nothing without the budget. Ask for it when you read a paper; state yours.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Five small cuts
#
# **One-shot**: cut to the density at once, then 200 steps. **Iterative**: cut a part, 40 steps, and so on, five times: 200 steps as well.
#
# `amount` counts the weights that are *left*. So five rounds to density $d$ remove $1 - d^{1/5}$ each. For 10 % that is 37 %, not 18 %.
#
# **Predict.** With the same total budget, is iterative better: everywhere, nowhere, or only at some densities?


# %% slideshow={"slide_type": "skip"}
def iterative(base, density, seed, rounds=5):
    """Percent right: cut and fine-tune `rounds` times, each with its share of the data of section 4."""
    net = copy_of(base)
    parts = zip(tune_set[0].chunk(rounds), tune_set[1].chunk(rounds), strict=True)
    for i, (x, y) in enumerate(parts):
        with torch.no_grad():
            net(x[:1])  # brings `weight` up to date, which the last step left stale ([[prune_traps]])
        global_magnitude(net, density ** (1 / rounds))
        train(net, x, y, seed=100 + seed + 1000 * i)
    return accuracy_percent(net), 1 - sparsity_report(net).weights.sparsity


LOW = [0.1, 0.05, 0.01]
in_rounds = {
    d: [iterative(bases[s], d, s) for s in SEEDS] for d in tqdm(LOW, desc="iterative", file=sys.stdout, leave=False)
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
gain = {d: mean([r for r, _ in in_rounds[d]]) - mean(after["magnitude, global", d]) for d in LOW}
Table(
    ["weights left", "one-shot, % right", "five rounds, % right", "gain of rounds, pp", "left, counted"],
    [
        [
            f"{d:.0%}",
            mean_and_range(after["magnitude, global", d]),
            mean_and_range([r for r, _ in in_rounds[d]]),
            f"{gain[d]:+.1f}",
            f"{in_rounds[d][0][1]:.2%}",
        ]
        for d in LOW
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** Only at some. Where one cut does little harm, rounds gain nothing. Where one cut destroys the network, rounds
# save much of it. When you read "iterative is better", ask whether each round had the full budget: then it was also trained longer.

# %% slideshow={"slide_type": "skip"}
card.record("rounds-at-1", gain[0.01])
card.record("rounds-at-10", gain[0.1])

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What PyTorch says to wrong input
#
# Some mistakes raise at once, two do not. `course_utils.prune_request.validate_request` looks first, and answers with a sentence that names the parameter and the
# remedy. It looks at parameters and amounts, not at the method.


# %% slideshow={"slide_type": "skip"}
def answer(what):
    """The error of `what`, or "nothing" and what the network is worth afterwards."""
    try:
        what()
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def asked(amount, name="weight", method=prune.L1Unstructured, nan=False, **options):
    """What `global_unstructured` says, and what `validate_request` says, on a copy of a trained network."""
    net = copy_of(bases[0])
    if nan:
        net.fc2.weight.data[0, 0] = float("nan")
    targets = [(m, name) for m, _ in layers_of(net)]
    ours = answer(lambda: prune_request.validate_request(targets, amount))
    said = answer(lambda: prune.global_unstructured(targets, pruning_method=method, amount=amount, **options))
    return [said if said != "nothing" else f"nothing; then {accuracy_percent(net):.0f} % right", ours]


wrong_input = {
    "150 %": asked(1.5),
    "a million of 266,200": asked(10**6),
    "a name that does not exist": asked(0.5, "kernel"),
    "a structured method": asked(0.5, method=prune.LnStructured, n=2),
    "everything": asked(1.0),
    "a weight is NaN": asked(0.9, nan=True),
}
Table(["asked for", "PyTorch", "validate_request"], [[what, *said] for what, said in wrong_input.items()])

# %% [markdown] slideshow={"slide_type": "skip"}
# Everything pruned, or a NaN among the weights: PyTorch says nothing, and the network guesses. NaN counts as the largest number, so
# magnitude pruning keeps it. Check accuracy after every cut.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. Bytes: what shrinks?
#
# A file shrinks when it stores *where* the other weights are, instead of the zeros.
#
# **CSR** (compressed sparse row) stores three lists: the values that are not zero, the column of each, and for every row where it begins. With 4 bytes a value
# and $i$ bytes an index, a matrix of $r \times c$ at density $d$ takes
#
# $$ d\,r\,c\,(4 + i) + (r + 1)\,i \quad\text{bytes, dense: } 4\,r\,c$$
#
# **Predict.** PyTorch's indices have 8 bytes (int64). From which share of zeros is CSR smaller: 1/3, 1/2, 2/3? And with 4 bytes (int32)?


# %% slideshow={"slide_type": "skip"}
class CSRLinear(nn.Module):
    """A linear layer that stores and multiplies its weight in CSR form; the file holds crow, col, values, bias."""

    def __init__(self, weight, bias, index=torch.int32):
        super().__init__()
        sparse = weight.to_sparse_csr()
        self.shape = weight.shape
        self.register_buffer("crow", sparse.crow_indices().to(index))
        # clone: col_indices is half of a larger storage, and torch.save writes whole storages
        self.register_buffer("col", sparse.col_indices().clone().to(index))
        self.register_buffer("values", sparse.values())
        self.register_buffer("bias", bias)
        self.matrix = torch.sparse_csr_tensor(self.crow, self.col, self.values, self.shape, check_invariants=True)

    def forward(self, x):
        return (self.matrix @ x.T).T + self.bias


def in_csr(net, index=torch.int32):
    """The same network with CSR layers; `net` is a plain LeNet-300-100 on the CPU."""
    fc1, fc2, fc3 = (CSRLinear(m.weight.detach(), m.bias.detach(), index) for m in net.children())
    return nn.Sequential(nn.Flatten(), fc1, nn.ReLU(), fc2, nn.ReLU(), fc3)


# %% slideshow={"slide_type": "skip"}
def masked_on_cpu(net):
    """A copy of a masked network on the CPU: masks of ones first, then the stored state ([[prune_traps]])."""
    copy = models.LeNet300100()
    for module, name in layers_of(copy):
        prune.identity(module, name)
    copy.load_state_dict(net.state_dict())
    return copy.requires_grad_(False)


weighed = {}  # (density, form) -> (network, its sizes)
for density, net in tuned.items():
    plain = permanent(net)
    forms = {
        "masked": masked_on_cpu(net),
        "removed": plain,
        "CSR, int64": in_csr(plain, torch.int64),
        "CSR, int32": in_csr(plain),
    }
    for form, model in forms.items():
        weighed[density, form] = model, size_report(model, loads=3, compressed=True)
dense_bytes = weighed[1.0, "removed"][1].file_bytes
differ = (weighed[0.1, "CSR, int32"][0](digit) - weighed[0.1, "removed"][0](digit)).abs().max().item()
print(f"CSR and dense give the same outputs within {differ:.0e}")

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Masked: twice. Removed: the same. CSR: pays below a density

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
fig, ax = plots.figure(size=(10.5, 4.2))
percents = [100 * d for d in tuned]
for form, colour in (("masked", "orange"), ("removed", "black"), ("CSR, int64", "sky"), ("CSR, int32", "blue")):
    plain = [weighed[d, form][1].file_bytes / dense_bytes for d in tuned]
    ax.plot(percents, plain, "o-", color=plots.COLOURS[colour], label=form)
    if "CSR" not in form:
        zipped = [weighed[d, form][1].compressed_bytes / dense_bytes for d in tuned]
        ax.plot(percents, zipped, "s--", color=plots.COLOURS[colour], label=f"{form}, gzip")
density_axis(ax, yscale="log", ylabel="file, times dense")
ax.set_yticks([0.03, 0.1, 0.3, 1, 3], ["0.03", "0.1", "0.3", "1", "3"])
ax.legend(ncols=2, fontsize=13, loc="lower left")
plots.show(
    fig,
    alt="File size over dense against weights left. Masked is flat at 2, removed flat at 1. CSR starts at 3 with int64 and 2 with int32 "
    "and falls in proportion to the weights left. The removed file under gzip lies below CSR down to 10 percent and above it from there; the masked file under gzip stays near 1.",
    caption="LeNet-300-100, the fine-tuned networks of section 4. Every file was written, loaded again and compared.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["lecture"]
# **What you saw.** CSR is smaller than dense from two thirds of zeros with int64, from half with int32. gzip, which knows nothing of networks, beats it
# until few weights are left. Compress after `remove`: the masked file still holds the old weights.

# %% slideshow={"slide_type": "skip"}
Table(
    ["10 % of the weights left", "file", "the same under gzip", "load, ms"],
    [
        [form, si(size.file_bytes, "B"), si(size.compressed_bytes, "B"), f"{size.load_ms:.2g}"]
        for (density, form), (_, size) in weighed.items()
        if density == 0.1
    ],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The two add up: CSR under gzip is the smallest, because column indices in rising order hold little news. The break-even, by trying:


# %% slideshow={"slide_type": "skip"}
def break_even(index):
    """Share of zeros at which the CSR file of LeNet-300-100 is as large as the dense one, by trying."""
    low, high = 0.0, 1.0  # densities: the file at `low` is smaller than dense, at `high` larger
    net = models.LeNet300100().requires_grad_(False)
    scores = [
        torch.rand(m.weight.shape, generator=torch.Generator().manual_seed(i)) for i, m in enumerate(net.children())
    ]
    for _ in range(9):
        middle = (low + high) / 2
        for m, score in zip(net.children(), scores, strict=True):
            m.weight.copy_((score < middle).float())
        larger = size_report(in_csr(net, index), loads=1).file_bytes > dense_bytes
        low, high = (low, middle) if larger else (middle, high)
    return 1 - (low + high) / 2


zeros_needed = {"int64": break_even(torch.int64), "int32": break_even(torch.int32)}
Table(["indices", "CSR pays from this share of zeros"], [[n, f"{z:.3f}"] for n, z in zeros_needed.items()])

# %% [markdown] slideshow={"slide_type": "skip"}
# Left: $d\,(4 + i) = 4$ without the row list, so $d = 4 / (4 + i)$: one third at 8 bytes an index, one half at 4. Zeros: two thirds and one half. A mask
# of one *bit* a weight would need only 1/32 of zeros to pay.

# %% slideshow={"slide_type": "skip"}
card.record("csr-int64", zeros_needed["int64"])
card.record("csr-int32", zeros_needed["int32"])
card.record("gzip-at-10", dense_bytes / weighed[0.1, "removed"][1].compressed_bytes)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. Time: what gets faster?
#
# A dense kernel multiplies zeros like all numbers. A CSR kernel skips them, and pays for each other weight: read its column, fetch that input.
#
# **Predict.** At which density does CSR become faster than dense on your CPU: 50 %, 10 %, 1 %, never?


# %% slideshow={"slide_type": "skip"}
def times_dense(density, batch):
    """Speed-up over dense of LeNet-300-100 in three forms, on `batch` images."""
    x = torch.rand(batch, 1, 28, 28)
    nets = {"dense": weighed[1.0, "removed"][0]} | {form: weighed[density, form][0] for form in FORMS}
    calls = {name: lambda net=net: net(x) for name, net in nets.items()}
    return timing.compare(calls, rounds=5, sample_seconds=0.01, device=cpu)


FORMS = ("masked", "removed", "CSR, int32")
taken = {(d, batch): times_dense(d, batch) for d in DENSITIES for batch in (1, 64)}
Table(
    ["weights left", *(f"{form}, {batch}" for batch in ("1 image", "64 images") for form in FORMS)],
    [[f"{d:.0%}", *(f"{taken[d, b].ratio(form):.2f}×" for b in (1, 64) for form in FORMS)] for d in DENSITIES],
)


# %% slideshow={"slide_type": "skip"}
def layer_speed(batch, side=2048):
    """Speed-up over dense of one linear layer, side × side, in CSR form, by density."""
    generator = torch.Generator().manual_seed(0)
    weight, x = torch.randn(side, side, generator=generator), torch.randn(batch, side)
    jobs = {"dense": nn.Linear(side, side).requires_grad_(False)}
    for d in DENSITIES:
        mask = torch.rand(side, side, generator=generator) < d
        jobs[d] = CSRLinear(weight * mask, torch.zeros(side))
    measured = timing.compare(
        {name: lambda net=net: net(x) for name, net in jobs.items()}, rounds=5, sample_seconds=0.01, device=cpu
    )
    return {d: measured.ratio(d) for d in DENSITIES}


large = {batch: layer_speed(batch) for batch in (1, 64)}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A sparse format is faster only with few weights left

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(10.5, 4.2))
x = [100 * d for d in DENSITIES]
for batch, style in ((1, "o-"), (64, "s--")):
    what = "1 image" if batch == 1 else "64 images"
    small = [taken[d, batch].ratio("CSR, int32") for d in DENSITIES]
    ax.plot(x, small, style, color=plots.COLOURS["blue"], label=f"LeNet-300-100 in CSR, {what}")
    layer = list(large[batch].values())
    ax.plot(x, layer, style, color=plots.COLOURS["purple"], label=f"layer of 2048 × 2048 in CSR, {what}")
masked = [taken[d, 1].ratio("masked") for d in DENSITIES]
ax.plot(x, masked, "o-", color=plots.COLOURS["orange"], label="LeNet-300-100 masked, 1 image")
ax.axhline(1, color="black", linestyle=":")
density_axis(ax, yscale="log", ylabel="speed-up over dense")
ax.set_yticks([0.1, 0.3, 1, 3, 10, 30], ["0.1", "0.3", "1", "3", "10", "30"])
ax.legend(fontsize=13, loc="upper left")
plots.show(
    fig,
    alt="Speed-up over dense against weights left, on logarithmic axes. CSR lies below 1 at 50 percent of the weights and rises as "
    "weights go; it crosses 1 at a moderate density and gains most at 1 percent. Masked stays below 1 throughout.",
    caption="CPU, one thread. Above the dotted line: faster than dense.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Masks and zeros save no time. CSR does, once few weights are left and the layer is large enough; at half of them it is slower.

# %% [markdown] slideshow={"slide_type": "skip"}
# One image through LeNet-300-100 gains little even at 1 %: the layers are so small that the call takes the time. Where your curves cross the line depends on
# the processor and on the library. If CSR never pays on yours, its sparse kernel is slow, or its dense one very good. Compare with the accuracy
# of section 4: at the density where CSR pays, is the network still good? Two remedies follow: [[structured]] removes whole
# neurons and channels, with no sparse kernel at all; [[patterns]] has one that a GPU's hardware knows (2:4).

# %% slideshow={"slide_type": "skip"}
card.record("csr-half-slower", max(large[1][0.5], large[64][0.5]))
card.record("csr-hundredth-faster", min(large[1][0.01], large[64][0.01]))

# %% slideshow={"slide_type": "skip"}
bill = energy.estimate(weighed[1.0, "removed"][0], digit)
left = sparsity_report(tuned[0.1]).weights
share = 1 - left.sparsity
# CSR fetches a value and an index, 4 bytes each, for every weight that is left, and multiplies those alone.
csr_nj = share * (bill.compute_nj + 2 * bill.fetch_nj)
rows = {
    "magnitude, 10 % left, masked": ("masked", "file_bytes", bill.compute_nj + 2 * bill.fetch_nj),
    "magnitude, 10 % left, gzip": ("removed", "compressed_bytes", bill.total_nj),
    "magnitude, 10 % left, CSR int32": ("CSR, int32", "file_bytes", csr_nj),
}
written = [
    ledger.record(
        lesson="prune_model",
        task="mnist",
        model="LeNet-300-100",
        technique=technique,
        accuracy=after["magnitude, global", 0.1][0] / 100,
        load_ms=weighed[0.1, form][1].load_ms,
        file_bytes=getattr(weighed[0.1, form][1], which),
        speedup=taken[0.1, 1].ratio(form),
        energy_nj=nj,
    )
    for technique, (form, which, nj) in rows.items()
]
ledger.table(written)

# %% [markdown] slideshow={"slide_type": "skip"}
# The load time of the gzip row is that of the file once it is unpacked. The energy counts what each form fetches: masked two tensors, CSR a value and an index
# for each weight that is left.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask who would ship which: on disk gzip or CSR, in memory CSR, in time only large layers at 10 %. Then: what would you have to remove so that a dense kernel gains?
# Whole rows. That is [[structured]].

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. Wide or deep: which network can lose more?
#
# A rule that is often told: *wide layers can be pruned more; take care with deep, narrow networks.* Six networks on MNIST: one or four hidden layers
# of 50, 100 or 200 units. Trained for one pass over 20,000 digits, pruned globally by magnitude, fine-tuned for 100 steps.
#
# Two questions that sound alike:
#
# - **Equal share**: each network keeps 5 % of its weights. What does it lose?
# - **Equal size**: each network keeps 4,000 weights. How good is it?
#
# **Predict.** Do wide networks win both?


# %% slideshow={"slide_type": "skip"}
def mlp(width, depth):
    """`depth` hidden layers of `width` units with ReLU, for digits of 28 × 28."""
    sizes = [784, *[width] * depth]
    hidden = [part for n, m in zip(sizes, sizes[1:], strict=False) for part in (nn.Linear(n, m), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(width, 10)).to(device)


def cut(width, depth, state, keep):
    """Percent right of an MLP with these weights, after it was cut to `keep` weights and fine-tuned for 100 steps."""
    net = mlp(width, depth)
    net.load_state_dict(state)
    total = sum(m.weight.numel() for m, _ in layers_of(net))
    prune.global_unstructured(layers_of(net), pruning_method=prune.L1Unstructured, amount=total - keep)
    return accuracy_percent(train(net, images[:5_000], labels[:5_000], seed=1))


# %% slideshow={"slide_type": "skip"}
WIDTHS, DEPTHS = (50, 100, 200), (1, 4)
grid = {}
for width, depth, seed in tqdm(
    [(w, d, s) for w in WIDTHS for d in DEPTHS for s in range(2)], desc="grid", file=sys.stdout, leave=False
):
    torch.manual_seed(seed)
    net = train(mlp(width, depth), images[:20_000], labels[:20_000], lr=2e-3, seed=seed)
    total = sum(m.weight.numel() for m, _ in layers_of(net))
    whole, state = accuracy_percent(net), net.state_dict()
    result = {
        "weights": total,
        "dense": whole,
        "lost at 5 %": whole - cut(width, depth, state, total // 20),
        "with 4,000": cut(width, depth, state, 4_000),
        "with 30,000": cut(width, depth, state, 30_000),
    }
    grid.setdefault((width, depth), [None, None])[seed] = result

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The two questions have opposite answers

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, axes = plots.figure(columns=2, size=(11, 4))
for ax, key, title, ylabel in (
    (axes[0], "lost at 5 %", "each keeps 5 % of its weights", "accuracy lost, points"),
    (axes[1], "with 4,000", "each keeps 4,000 weights", "test digits right, %"),
):
    for depth, colour in zip(DEPTHS, ("blue", "orange"), strict=True):
        band(ax, WIDTHS, [[r[key] for r in grid[w, depth]] for w in WIDTHS], f"hidden layers: {depth}", colour)
    ax.set(title=title, xlabel="units in a hidden layer", ylabel=ylabel)
    ax.set_xticks(WIDTHS)
axes[1].legend(loc="lower left")
plots.show(
    fig,
    alt="Two panels against width with a line for each depth. Left: at 5 percent density wide networks lose fewer points than narrow ones, "
    "and deep ones more than shallow ones. Right: with 4,000 weights left, narrow and shallow networks are best, wide and deep ones fall far.",
    caption="Mean of two seeds; bands from the lower to the higher one. Left: lower is better. Right: higher is better.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** In *percent*, the deep narrow network loses most: the rule holds. In *weights left* it turns round: 5 % of a wide network are simply more
# weights.

# %% slideshow={"slide_type": "skip"}
Table(
    ["width", "hidden layers", "weights", "dense, %", "points lost at 5 %", "30,000 weights left, %", "4,000 left, %"],
    [
        [
            w,
            d,
            f"{runs[0]['weights']:,}",
            *(mean_and_range([r[key] for r in runs]) for key in ("dense", "lost at 5 %", "with 30,000", "with 4,000")),
        ]
        for (w, d), runs in grid.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# With 30,000 weights left the wide networks are ahead again. [Zhu and Gupta, 2017](https://arxiv.org/abs/1710.01878) report the same for large models:
# *large and sparse* beats *small and dense* of equal size. Both are true within a range. A cut to 2 % or so at once, with 100 steps to recover, is
# out of it; rounds (section 5) and more steps may move the crossing. In both panels depth makes a deep cut dangerous: every path from pixel to answer
# passes every layer, and a layer with too few weights left is a bottleneck, as fc3 was in section 4.
#
# So, which to cut? Cut the wide network by percent, stop at a density that you have measured, and be careful with thin layers in a deep one.


# %% slideshow={"slide_type": "skip"}
def over_seeds(width, depth, key):
    return mean([run[key] for run in grid[width, depth]])


card.record("wide-loses-less", over_seeds(50, 4, "lost at 5 %") - over_seeds(200, 4, "lost at 5 %"))
card.record("deep-loses-more", over_seeds(50, 4, "lost at 5 %") - over_seeds(50, 1, "lost at 5 %"))
card.record("narrow-wins-at-equal-size", over_seeds(50, 1, "with 4,000") - over_seeds(200, 1, "with 4,000"))
card.record("wide-wins-at-30000", over_seeds(200, 1, "with 30,000") - over_seeds(50, 1, "with 30,000"))

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Let the room state the rule in its own words first, with the unit. "More" of what: percent, or weights? Most quarrels about pruning are about the unit.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Three cards. Write your answer into the cell with the stub, run it, then run the check below it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · How sparse is this model?
# ★★ · 12 minutes
#
# Write `weight_sparsity`: the share of zeros among all weights of a model, from its `state_dict`. A plain layer has an entry `….weight`; a masked one
# has `….weight_orig` and `….weight_mask` instead. Biases do not count, masked or not. −0.0 is a zero.
#
# `weight_sparsity(state)` → a number from 0 to 1
#
# <details><summary>Hint</summary>
# Add up zeros and elements over all layers and divide once, at the end. For a masked layer, what the layer computes with is
# weight_orig times weight_mask. A mask is not a weight.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def weight_sparsity(state):
    """Share of zeros among the weights of a state_dict, masks applied, biases left out.

    >>> weight_sparsity({"fc.weight": torch.tensor([[0.0, 2.0]])})
    0.5
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.weight_sparsity(weight_sparsity)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def weight_sparsity_solution(state):
    zeros = elements = 0
    for name, tensor in state.items():
        if name.endswith("weight_orig"):
            tensor = tensor * state[name.replace("weight_orig", "weight_mask")]
        elif not name.endswith("weight"):
            continue
        zeros += (tensor == 0).sum().item()
        elements += tensor.numel()
    return zeros / elements


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · One threshold for all
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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · When does a sparse file pay?
# ★★ · 10 minutes
#
# Write `break_even_density`: the density at which a matrix of `rows` × `columns` takes as many bytes in CSR form as dense. CSR stores a value
# (`value_bytes`) and a column index (`index_bytes`) for each weight that is left, and rows + 1 row positions of `index_bytes` each. The number of weights
# that are left need not be whole. Where CSR is larger even with no weight left, the answer is 0.
#
# `break_even_density(rows, columns, value_bytes, index_bytes)` → a number from 0 to 1
#
# <details><summary>Hint</summary>
# Let k be the number of weights that are left. Write both sizes in bytes, set them equal, solve for k, and divide by rows · columns.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def break_even_density(rows, columns, value_bytes, index_bytes):
    """Share of weights left at which CSR takes as many bytes as the dense matrix; 0 where it never pays.

    >>> 0 <= break_even_density(300, 784, 4, 8) < 1
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.break_even_density(break_even_density)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def break_even_density_solution(rows, columns, value_bytes, index_bytes):
    dense_bytes = rows * columns * value_bytes
    row_bytes = (rows + 1) * index_bytes
    left = (dense_bytes - row_bytes) / (value_bytes + index_bytes)
    return max(0.0, left / (rows * columns))


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. Claims of speed depend on the machine; the table names what may be the cause where one fails on yours.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A mask makes a model larger and slower; zeros alone save nothing. A format or a kernel that skips them does, below a density that you can compute.
# - Which weights go matters, and fine-tuning matters more: state the budget, and give the dense network the same.
# - Global pruning compares sizes across layers, and sizes come from how layers were started as well as from what they learned. Its lead over local
#   was one thin layer: find yours, and spare it.
#
# And the vote from the beginning? D: twice as large, and slower.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recommended videos
#
# They help, and do not replace the lesson.
#
# - Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
#   [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
# - Michela Paganini, *PyTorch Pruning: How it's Made*, [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - S. Han et al., *Learning both weights and connections for efficient neural networks*, 2015,
#   [arXiv:1506.02626](https://arxiv.org/abs/1506.02626). Train, prune, train again.
# - M. Zhu and S. Gupta, *To prune, or not to prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878). Large and sparse against small and dense.
# - D. Blalock et al., *What is the state of neural network pruning?*, 2020, [arXiv:2003.03033](https://arxiv.org/abs/2003.03033). Why
#   papers on pruning can hardly be compared.
#
# **Project ideas**: repeat section 8 with rounds and find where the lines cross; give each layer its own density by trying which one hurts least; write
# a file format with one bit a weight for the mask.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Credits
#
# Pruning by type, globally, and the table of section 3 follow Michela Paganini's
# [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) for PyTorch. The lecture that this course grew from is Tal Daniel's
# (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's *How to Compress a Neural Network*. Text CC BY 4.0, code MIT.

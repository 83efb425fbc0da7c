# ---
# jupyter:
#   course:
#     promise: You will find a winning ticket, and test it with the controls that make it an experiment.
#     minutes: 75
#     seconds: 180
#     needs: [measuring, prune_module, prune_model]
#     goals:
#       - State the hypothesis, and say which control tests which half of it.
#       - Write iterative magnitude pruning with rewinding in five steps, and prove that the rewind is one.
#       - Run levels, seeds and controls, and read accuracy and early stopping with their spread.
#       - Set a short run and a full run beside the paper, agreement and disagreement.
#       - Say what a ticket saves, what it costs, and what is contested since 2018.
#     terms: [early stopping, learning-rate rewinding, "lottery ticket, winning ticket", rewinding, supermask]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A sparse network that learns as well as the dense one it came from: found, tested, and priced.*
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
import tempfile
import warnings
from pathlib import Path
from statistics import mean

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, lottery, models, runtime, training
from course_utils.lottery import Results
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, mean_and_range, si
from lessons.ticket import checks as check

TASK = "mnist"  # or "fashion_mnist": section 5 says what changes
warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")  # section 7 uses little of it
card = claims.Scorecard("ticket")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread a process: a network this small gains nothing from more
cpu = torch.device("cpu")  # nor from a GPU, which would wait for work between its short steps
images, labels = data.load(TASK)
test_set = data.load(TASK, "test")
rows = images.flatten(1)
scratch = tempfile.TemporaryDirectory()  # what section 5 writes; gone when the kernel stops
runtime.describe(cpu)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. A surprise in one minute
#
# Take LeNet-300-100 with random initial weights. You may set weights to zero, as many as you like. You may not change any
# other weight, and you may not train it.
#
# To choose the zeros, a *copy* is trained for 200 steps. We look where its largest weights are: 20 % of each hidden layer, 60 % of
# the output layer. The untrained network keeps those, **at their random initial values**.
#
# **Predict.** How many test digits does this untrained network get right? **A** about 10 %, as by guessing. **B** about 30 %.
# **C** more than 70 %.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Make sure that everybody has understood: no value of the network is ever changed, except to zero. Then vote. Nearly all say A or B.


# %% slideshow={"slide_type": "skip"}
def initialise(seed):
    """LeNet-300-100 as in the paper: Glorot normal weights (mean 0, spread by the layer's width), biases zero."""
    net, generator = models.LeNet300100(), torch.Generator().manual_seed(seed)
    for layer in net.children():
        nn.init.xavier_normal_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
    return net


def kept_only(first, scores, densities):
    """Share of test images right with the state `first`, in each layer only the weights of the highest scores."""
    net = models.LeNet300100()
    net.load_state_dict(first)
    for layer, score, density in zip(net.children(), scores, densities, strict=True):
        mask = torch.zeros(score.numel())
        mask[score.flatten().topk(round(density * score.numel())).indices] = 1
        layer.weight.data *= mask.view_as(score)
    return training.evaluate(net, *test_set)


# %% slideshow={"slide_type": "skip"}
net, share = initialise(0), (0.2, 0.2, 0.6)
first = {name: value.clone() for name, value in net.state_dict().items()}
training.fit(net, images[:12_000], labels[:12_000], batch_size=60, lr=1.2e-3, device=cpu)
large = [layer.weight.detach().abs() for layer in net.children()]
drawn = [torch.rand(score.shape, generator=torch.Generator().manual_seed(0)) for score in large]
untrained = {
    "all of its weights": kept_only(first, large, (1, 1, 1)),
    "as many weights, at random places": kept_only(first, drawn, share),
    "the weights that grew large in the copy": kept_only(first, large, share),
}
card.record("untrained-mask", 100 * untrained["the weights that grew large in the copy"])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Zeros alone make a classifier of random weights

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["an untrained LeNet-300-100 keeps, at their initial values", "test images right, %"],
    [[name, f"{100 * value:.1f}"] for name, value in untrained.items()],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** C. The same random numbers, and the choice of zeros makes a classifier of them. Random zeros do not.
#
# So *which* weights stay carries much of what training found. Does a network that keeps them also *learn* better? That is the
# question of this lesson.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## 2. The hypothesis
#
# J. Frankle and M. Carbin, *The lottery ticket hypothesis: finding sparse, trainable neural networks*, 2018
# ([arXiv:1803.03635](https://arxiv.org/abs/1803.03635); ICLR 2019):
#
# > A dense, randomly initialised network contains a subnetwork that, trained in isolation *from its own initial weights*, reaches the
# > test accuracy of the whole network in at most as many iterations.
#
# Such a subnetwork is a **winning ticket**: a mask $m$ *and* the initial weights $\theta_0$ under it. It starts as $m \odot \theta_0$, each weight
# times its mask.
#
# Why a lottery? A large network draws very many subnetworks at once. One may have drawn lucky numbers.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two halves, two controls
#
# The claim has two halves: the *places* of the weights, and their *initial values*.
#
# | arm | mask | initial values | tests |
# |---|---|---|---|
# | **ticket** | found by pruning | the network's own | – |
# | **reinit** | the same | new random ones | do the values matter? |
# | **random** | a random mask, as many per layer | the network's own | do the places matter? |
# | **dense** | all ones | the network's own | is it as good as the whole? |
#
# **Predict.** With 7 % of the weights: order ticket, reinit and random by accuracy. Do the values or the places matter more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask for an experiment before you show the table: "I claim that these initial weights are special. How would you refute me?" The room finds
# re-initialisation itself, and with luck the random mask. Older slides date the paper to 2008; it is of 2018. Keep their order of the three arms on the board until section 5.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. Five steps in open code
#
# **Iterative magnitude pruning** (IMP):
#
# 1. **Initialise**, and keep a true copy $\theta_0$.
# 2. **Train** for $j$ iterations.
# 3. **Prune**: of the weights that are left in each layer, the smallest 20 % go; in the output layer 10 %.
# 4. **Rewind**: the others go back to their values in $\theta_0$.
# 5. **Repeat** from step 2.
#
# After $n$ rounds $0.8^n$ of a hidden layer are left, and $0.9^n$ of the output layer. It is thin, and [[prune_model]] showed that a thin last layer
# must be spared.
#
# **Predict.** How many rounds to 7 % of the weights?

# %% slideshow={"slide_type": "skip"}
SHAPES = [(300, 784), (100, 300), (10, 100)]
# Percent of all weights that are left after rounds 1 to 18, as published.
PUBLISHED = "80.04 64.06 51.28 41.05 32.87 26.32 21.07 16.88 13.52 10.83 8.68 6.95 5.57 4.47 3.58 2.87 2.31 1.85"
PUBLISHED = [float(percent) for percent in PUBLISHED.split()]
plan = lottery.Experiment(task=TASK)


def split(seed):
    """Indices of the images to train on, and of one in twelve that is held out for validation (5,000 of 60,000)."""
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    return order[len(rows) // 12 :], order[: len(rows) // 12]


def percent_left(level):
    """Percent of all weights that `level` rounds leave: 20 % of what is left a round, in the output layer 10 %."""
    left = [n_out * n_in * 0.8**level for n_out, n_in in SHAPES[:-1]] + [10 * 100 * 0.9**level]
    return 100 * sum(left) / sum(n_out * n_in for n_out, n_in in SHAPES)


differ = max(abs(percent_left(n) - published) for n, published in enumerate(PUBLISHED, start=1))
card.record("schedule", differ)
rounds = (3, 6, 7, 9, 12, 15, 18)
Table(
    ["after round", *rounds],
    [
        ["published density, %", *(f"{PUBLISHED[n - 1]:.2f}" for n in rounds)],
        ["from the rates, %", *(f"{percent_left(n):.2f}" for n in rounds)],
    ],
    caption=f"0.8 to the power of 12 is {0.8**12:.3f}: twelve rounds to 7 %",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Step 1: initialise, and keep a true copy
#
# `net.state_dict()` alone is no copy: its tensors *are* the network's, and change with every step. `clone()` makes the difference.


# %% slideshow={"slide_type": "-"}
def copied(net):
    """A true copy of all parameters: numbers of its own, in memory of its own."""
    return {name: value.detach().clone() for name, value in net.named_parameters()}


def all_ones(net):
    """A mask of ones for each weight; biases are not pruned."""
    return {name: torch.ones_like(value) for name, value in net.named_parameters() if "weight" in name}


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Step 2: train, and let no pruned weight move
#
# The optimizer is new in each round: Adam's running means belong to the weights of the round before.


# %% slideshow={"slide_type": "-"}
def train(net, masks, steps, seed):
    """Adam on batches of 60; the gradient of a pruned weight is 0, so the weight stays 0."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1.2e-3, fused=True)
    batches = lottery.engine.batches(split(seed)[0], 60, seed)  # each epoch in a new order
    for _ in range(steps):
        picked = next(batches)
        optimizer.zero_grad()
        F.cross_entropy(net(rows[picked]), labels[picked]).backward()
        for name, mask in masks.items():
            net.get_parameter(name).grad *= mask
        optimizer.step()


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Steps 3 and 4: prune by magnitude, and rewind


# %% slideshow={"slide_type": "-"}
def prune(net, masks, densities):
    """New masks: in each layer the largest weights of those that are left, so many that `densities` stay."""
    new = {}
    for (name, mask), density in zip(masks.items(), densities, strict=True):
        size = net.get_parameter(name).detach().abs()
        size[mask == 0] = -1  # what is gone must not come back
        largest = size.flatten().topk(round(density * size.numel())).indices
        new[name] = torch.zeros(size.numel()).index_fill(0, largest, 1).view_as(mask)
    return new


def rewind(net, first, masks):
    """Every parameter gets the numbers that it began with; a pruned weight gets 0."""
    with torch.no_grad():
        for name, value in net.named_parameters():
            value.copy_(first[name] * masks.get(name, 1))


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Step 5: repeat


# %% slideshow={"slide_type": "-"}
def five_steps(seed, steps, levels, rewind):
    """A list of (accuracy, masks, the parameters that the round began with), the dense network first."""
    net, found = initialise(seed), []
    first, masks = copied(net), all_ones(net)
    for densities in [*levels, None]:
        start = copied(net)
        train(net, masks, steps, seed)
        found.append((training.evaluate(net, *test_set), masks, start))
        if densities:
            masks = prune(net, masks, densities)
            rewind(net, first, masks)
    return found


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Four rounds that cut deeper than 20 %, and few steps: enough to see it work, and to compare.
quick_plan = lottery.Experiment(task=TASK, densities=(0.5, 0.2, 0.07, 0.036), iterations=300, validate_every=100)
levels = [quick_plan.layer_densities(level) for level in (1, 2, 3, 4)]
opened = five_steps(0, quick_plan.iterations, levels, rewind)
total = sum(n_out * n_in for n_out, n_in in SHAPES)
left = [sum(mask.sum().item() for mask in masks.values()) for _, masks, _ in opened]
Table(
    ["seed 0, 300 steps each", "dense", *(f"round {i}" for i in (1, 2, 3, 4))],
    [
        ["weights left", *(f"{int(n):,}" for n in left)],
        ["share, %", *(f"{100 * n / total:.1f}" for n in left)],
        ["test images right, %", *(f"{100 * accuracy:.1f}" for accuracy, _, _ in opened)],
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** No step of this is difficult. A fifth of the weights, trained from their *first* numbers, do as well as all of them with the same
# 300 steps, or better. The next two cuts are larger than the paper's, and cost something.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The engine does the same, to the last bit
#
# For many seeds and controls we use `course_utils.lottery`. It computes these five steps with fewer detours: gradients into memory that stays, no
# autograd graph. If it is the same algorithm, masks and accuracies must be *equal*, not similar: thousands of trained weights have to fall on the same
# side of every cut. If yours are not all equal, your PyTorch sums in another order in one of the two; then look by how many images they differ.

# %% slideshow={"slide_type": "skip"}
engine = lottery.sweep(quick_plan, seeds=(0,), controls={}, executor=lottery.InProcess(), progress=False)


def engine_masks(results, seed, level):
    """The masks of a ticket, one tensor a layer; the record of the level before holds them packed."""
    return lottery.engine.unpack(results.of("ticket", level - 1)[seed]["next_masks"], plan.widths)


same_masks = sum(
    all(map(torch.equal, engine_masks(engine, 0, level), opened[level][1].values())) for level in (1, 2, 3, 4)
)
same_right = sum(
    abs(engine.of("ticket", level)[0]["final_test_accuracy"] - opened[level][0]) < 5e-5 for level in range(5)
)
card.record("open-code", (same_masks + same_right) / 9)
Table(
    ["open code and engine, seed 0", "equal"],
    [["masks of all layers", f"{same_masks} of 4 rounds"], ["test accuracy", f"{same_right} of 5 networks"]],
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. The copy that was none
#
# Here is another rewind. It looks right, and a library of good name has it like this:
#
# ```python
# def rewind_shared(net, first, masks):
#     for name, parameter in net.named_parameters():
#         parameter.data = first[name]
#         ...
# ```
#
# **Predict.** In which round does it go wrong? And will the accuracy show it?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Give them a minute with the line. The assignment hands over the tensor, not its numbers. After the first pruning nothing is wrong yet. Then training
# writes into the memory that `first` shows.


# %% slideshow={"slide_type": "skip"}
def rewind_shared(net, first, masks):
    """Wrong: the parameter and the kept copy are one memory from now on."""
    for name, parameter in net.named_parameters():
        parameter.data = first[name]
        parameter.data.mul_(masks.get(name, 1))


shared = five_steps(0, quick_plan.iterations, levels, rewind_shared)


def moved(found):
    """For each round: how far its weights began from their initial values, mean over the weights that are left."""
    initial = dict(initialise(0).named_parameters())

    def way(masks, start):
        gone = sum(((start[n] - initial[n]).abs() * mask).sum() for n, mask in masks.items())
        return (gone / sum(mask.sum() for mask in masks.values())).item()

    return [way(masks, start) for _, masks, start in found]


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### From round 2 on it "rewinds" to trained values, and no score tells

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
names = ["dense", *(f"round {i}" for i in (1, 2, 3, 4))]
Table(
    ["the round begins", *names],
    [
        ["true copy: away from θ₀ by", *(f"{d:.4f}" for d in moved(opened))],
        ["shared memory: away from θ₀ by", *(f"{d:.4f}" for d in moved(shared))],
        ["true copy: test images right, %", *(f"{100 * a:.1f}" for a, _, _ in opened)],
        ["shared memory: test images right, %", *(f"{100 * a:.1f}" for a, _, _ in shared)],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The first rewind is right. Then training writes into `first`, and from round 2 on nothing is rewound. The accuracy is no lower. So a test of
# accuracy passes, and every conclusion about tickets is wrong.
#
# Test the rewind itself: equal numbers, *and* memory of its own.

# %% slideshow={"slide_type": "skip"}
card.record("true-copy", max(moved(opened)))
card.record("shared-copy", min(moved(shared)[2:]))
net = initialise(0)
kept = copied(net)
for how in (rewind, rewind_shared):
    how(net, kept, {})
    apart = all(value.data_ptr() != kept[name].data_ptr() for name, value in net.named_parameters())
    print(f"{how.__name__}: parameter and copy are {'apart' if apart else 'one memory'}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The library is Lightning: `ModelPruning` with `use_lottery_ticket_hypothesis=True` (2.6) hands the kept tensors back like this on a CPU. [[lightning_qat]] has a callback without the fault.
#
# Training that goes on from trained weights is plain *pruning with fine-tuning*, as in [[prune_model]]: a good method, but another one.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. The controls that make it an experiment
#
# Three seeds, the paper's schedule down to 3.6 %, 800 iterations a network. At four densities both controls: *reinit* and *random*.
#
# A seed is one trial: initial weights, held-out images, order of the batches. Within a trial only the arm differs.
#
# **Predict.** Your order of the three arms at 7 % stands. How far apart will they be: less than one point, one to three, more?

# %% [markdown] slideshow={"slide_type": "skip"}
# ### On several cores, and on a cluster
#
# The runs of one seed need each other, level after level; those of several seeds do not. `lottery.processes(n)` starts n fresh Python processes and hands them
# runs. It works in a notebook, on Windows too, because what they run is imported from `course_utils`: a function that was written *in* a
# notebook cannot be sent to such a process.
#
# Every result goes to a file as it comes. The second cell names the same file: it finds the tickets there and runs only the controls. That is
# how an interrupted run goes on.

# %% slideshow={"slide_type": "skip"}
SEEDS, CONTROL_LEVELS = (0, 1, 2), (3, 7, 12, 15)
short = lottery.Experiment(task=TASK, densities=lottery.PAPER_DENSITIES[:15], iterations=800, validate_every=100)
file = Path(scratch.name) / f"short-{TASK}.jsonl"
WORKERS = min(len(SEEDS), runtime.training_threads())


def workers():
    """A process for each seed, as far as there are cores; on one core, this process."""
    return lottery.processes(WORKERS) if WORKERS > 1 else lottery.InProcess()


with workers() as pool:
    tickets = lottery.sweep(short, SEEDS, controls={}, file=file, executor=pool)

# %% slideshow={"slide_type": "skip"}
controls = {"reinit": CONTROL_LEVELS, "random": CONTROL_LEVELS}
with workers() as pool:
    results = lottery.sweep(short, SEEDS, controls=controls, file=file, executor=pool)
results.table("final_test_accuracy")

# %% slideshow={"slide_type": "skip"}
ARMS = {"ticket": ("o-", "blue"), "reinit": ("s--", "orange"), "random": ("^:", "green")}


def draw(ax, results, value, factor=1.0):
    """Mean over the seeds against the weights left, from the lowest to the highest seed as a band; dense dashed."""
    for arm, (style, colour) in ARMS.items():
        where = results.levels(arm)
        if len(where) == 1:
            continue  # the dense network alone
        middle, low, high = zip(*(results.summary(value, arm, level) for level in where), strict=True)
        x = [100 * results.density(level) for level in where]
        ax.fill_between(
            x, [factor * v for v in low], [factor * v for v in high], color=plots.COLOURS[colour], alpha=0.25
        )
        ax.plot(x, [factor * v for v in middle], style, color=plots.COLOURS[colour], label=arm)
    ax.axhline(factor * results.summary(value, "dense", 0)[0], color="black", linestyle="--", label="dense")
    ax.set(xscale="log", xlabel="weights left, %", xlim=(110, 95 * results.experiment["densities"][-1]))
    ticks = [t for t in (100, 50, 20, 10, 5, 2) if t > 95 * results.experiment["densities"][-1]]
    ax.set_xticks(ticks, ticks, minor=False)
    ax.set_xticks([], minor=True)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Ticket above reinit above random, and above dense

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
fig, ax = plots.figure(size=(11, 4.4))
draw(ax, results, "final_test_accuracy", 100)
ax.set(ylabel="test images right, %")
plots.show(
    fig,
    alt="Accuracy against weights left, from 100 percent at the left to 3.6 at the right. The ticket's curve rises above the dashed dense line "
    "and comes down to it at the right end. Reinit falls steadily, random falls further; from half of the weights on their bands do not touch the ticket's.",
    caption=f"LeNet-300-100 on {TASK}, {short.iterations} iterations a network. Lines: mean of {len(SEEDS)} seeds; bands: lowest to highest seed.",
)


# %% slideshow={"slide_type": "skip"}
def lead(arm, level, value="final_test_accuracy"):
    """Ticket minus another arm at a level, in points, one number a seed."""
    return [
        100 * (a[value] - b[value]) for a, b in zip(results.of("ticket", level), results.of(arm, level), strict=True)
    ]


dense_right = [100 * record["final_test_accuracy"] for record in results.of("dense", 0)]
to_dense = {
    level: [100 * r["final_test_accuracy"] - d for r, d in zip(results.of("ticket", level), dense_right, strict=True)]
    for level in CONTROL_LEVELS
}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### How far apart, in points

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["weights left, %", "ticket − dense", "ticket − reinit", "ticket − random", "reinit − random"],
    [
        [
            f"{100 * results.density(n):.1f}",
            mean_and_range(to_dense[n]),
            mean_and_range(lead("reinit", n)),
            mean_and_range(lead("random", n)),
            mean_and_range([b - a for a, b in zip(lead("reinit", n), lead("random", n), strict=True)]),
        ]
        for n in CONTROL_LEVELS
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Both halves matter. The last column is what the *places* give without the values. The third is what the *values* give at the
# same places: more. At 51 % the arms lie close together, and this lesson claims nothing there.
#
# **Predict.** At 7 %, is the ticket slower than dense at the start, as fast, or faster?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The ticket learns sooner

# %% slideshow={"slide_type": "skip"}
card.record("ticket-reinit-7", mean(lead("reinit", 12)))
card.record("ticket-random-7", mean(lead("random", 12)))
card.record("ticket-reinit-3.6", mean(lead("reinit", 15)))
card.record("ticket-random-3.6", mean(lead("random", 15)))
card.record("ticket-dense-7", mean(to_dense[12]))


def curve(arm, level):
    """Iterations, and for each the validation accuracy in percent of every seed."""
    curves = [record["curve"] for record in results.of(arm, level)]
    return [point[0] for point in curves[0]], [[100 * c[i][2] for c in curves] for i in range(len(curves[0]))]


def first_reach(arm, level, percent):
    """The first validation at which each seed has `percent` right; the whole run where it never has."""
    steps, values = curve(arm, level)
    return [
        next((s for s, v in zip(steps, values, strict=True) if v[i] >= percent), steps[-1])
        for i in range(len(values[0]))
    ]


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(11, 4.4))
for arm, level, style, colour in (
    ("ticket", 12, "o-", "blue"),
    ("dense", 0, "D-.", "black"),
    ("reinit", 12, "s--", "orange"),
    ("random", 12, "^:", "green"),
):
    steps, values = curve(arm, level)
    ax.fill_between(steps, [min(v) for v in values], [max(v) for v in values], color=plots.COLOURS[colour], alpha=0.2)
    ax.plot(steps, [mean(v) for v in values], style, color=plots.COLOURS[colour], label=arm)
ax.set(xlabel="iteration", ylabel="validation images right, %")
ax.legend(loc="lower right", ncols=2)
plots.show(
    fig,
    alt="Validation accuracy against iteration at 7 percent of the weights. The ticket is highest from the first point on, "
    "dense a little below it, reinit lower and random lowest; the last two are still rising at the end.",
    caption=f"7 % of the weights, and dense beside them. Lines: mean of {len(SEEDS)} seeds; bands: lowest to highest seed.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Faster, from the first validation on. It starts from weights that already classify (section 1).

# %% slideshow={"slide_type": "skip"}
goal = mean(curve("dense", 0)[1][len(curve("dense", 0)[0]) // 2 - 1])
card.record("sooner-at-7", mean(first_reach("dense", 0, goal)) / mean(first_reach("ticket", 12, goal)))
at_end = sum(r["early_stop"] >= 0.9 * r["iterations"] for r in results.records)
print(f"least validation loss in the last tenth of the run: {at_end} of {len(results.records)} runs")
Table(
    [f"iterations until {goal:.1f} % of the validation images are right", "mean (lowest to highest seed)"],
    [
        [f"{arm}, {100 * results.density(level):.1f} % left", mean_and_range(first_reach(arm, level, goal), "{:.0f}")]
        for arm, level in (("dense", 0), ("ticket", 7), ("ticket", 12), ("ticket", 15), ("reinit", 12), ("random", 12))
    ],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The goal is what dense reaches, on average, half-way. The paper measures speed by **early stopping**: the iteration of the least
# validation loss. In a run this short the loss still falls at the end in most runs (the line above the table), so that iteration says only when we stopped. Early
# stopping needs the full run.
#
# An arm that never reaches the goal is counted with all iterations, so its true number is higher.
#
# **On Fashion-MNIST** (`TASK` in the first cell; restart and run all). When we ran it, every claim of the scorecard held there
# too. What stays: the order of the arms at 7.0 and 3.6 %, the early start, the bytes and the times. What changes: accuracies are lower, and dense is further from
# its end after as many steps, so the ticket leads it by more. At 21 % random was no worse than reinit: there only the values mattered. Untrained
# tickets still classify, but less well, and the signs (section 8) win back less.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What holds in a short run, and what needs the full one
#
# | statement | does a short run show it? |
# |---|---|
# | ticket above reinit and random at 7.0 and 3.6 % | yes, far beyond the spread of seeds |
# | it learns sooner than dense | yes by the curves, no by early stopping |
# | ticket above dense | only above a dense network that is not done |
# | the smallest density at which a ticket wins | no |
#
# A short run flatters whoever learns fast. *How far above* is a question of the budget, as in [[prune_model]].

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Compare with the order on the board. Most rooms expect the places to matter more than the values. Then ask what a referee would still miss: a tuned learning rate for
# each arm (section 8).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. In full, beside the paper
#
# The paper's own setting: 50,000 iterations a network, 18 levels, five seeds, on MNIST; here both controls at five densities. That is hours of computing, so the
# results come with the course as a file. Anyone can remake it:
#
# ```
# python course.py lottery --paper
# ```
#
# It may be stopped and started again: it resumes where it was.

# %% slideshow={"slide_type": "skip"}
record, about = Results.load(runtime.ROOT / "records" / "lottery" / "paper-mnist.json")
print(f"made by: {about['command']}, {about['date']}; the runs took {about['run_hours']} hours, added up")
for made in about["provenance"]:
    versions = made["versions"]
    print(f"with torch {versions['torch']}, numpy {versions['numpy']}, Python {versions['python']} on {made['cpu']}")
print(
    f"the record holds {about['runs']} of {about['runs_of_the_whole']} runs; "
    f"{len(record.of('dense', 0))} seeds of dense, {len(record.of('ticket', 15))} of tickets down to 3.6 %"
)
record.table("test_accuracy")

# %% [markdown] slideshow={"slide_type": "skip"}
# Accuracy is that of the test set at the iteration of least validation loss, as in the paper. Where the record does not hold a run yet, the tables show a dash,
# and the figures end there.
#
# **On a cluster** it is the same call with another executor. With the extra `cluster` installed (Dask):
#
# ```python
# from dask.distributed import Client
#
# client = Client("tcp://scheduler:8786")
# lottery.sweep(lottery.Experiment(), seeds=range(5), file="paper.jsonl", executor=client.get_executor())
# ```
#
# Every run uses one thread and its own seed. So each gives the same numbers on one core and on a hundred of the same kind. Another kind of processor
# sums in another order: its numbers differ a little.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### In full: when would early stopping stop?

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(11, 4.4))
draw(ax, record, "early_stop", 1e-3)
ax.set(ylabel="least validation loss after\niterations, thousands")
plots.show(
    fig,
    alt="Iteration of least validation loss against weights left in the recorded full run, a line with a band for each arm that the "
    "record holds, and a dashed line for the dense network.",
    caption=f"The recorded run on MNIST, 50,000 iterations a network; {about['runs']} of {about['runs_of_the_whole']} runs. Lower is sooner. "
    "Bands: lowest to highest seed.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### In full: how accurate is it there?

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(11, 4.4))
draw(ax, record, "test_accuracy", 100)
ax.set(ylabel="test digits right, %")
plots.show(
    fig,
    alt="Test accuracy at the iteration of least validation loss against weights left in the recorded full run, a line with a band for each "
    "arm that the record holds, and a dashed line for the dense network.",
    caption=f"The same {about['runs']} runs: accuracy at that iteration. Note the axis: it spans far less than in the short run.",
)


# %% slideshow={"slide_type": "skip"}
def paired(value, arm, level, other, other_level):
    """`value(a, b)` for each seed that the record holds in both arms."""
    b = {r["seed"]: r for r in record.of(other, other_level)}
    return [value(a, b[a["seed"]]) for a in record.of(arm, level) if a["seed"] in b]


def sooner(a, b):
    return 100 * (1 - a["early_stop"] / b["early_stop"])


def times_sooner(a, b):
    return b["early_stop"] / a["early_stop"]


def better(a, b):
    return 100 * (a["test_accuracy"] - b["test_accuracy"])


# %% slideshow={"slide_type": "skip"}
# what, the paper's words, their least value and their greatest, how to measure it
PAPER = [
    ("51.3 %: stops sooner than dense by", "sooner", 0, None, (sooner, "ticket", 3, "dense", 0), " %"),
    ("21.1 %: stops sooner than dense by", "38 %", 0, None, (sooner, "ticket", 7, "dense", 0), " %"),
    ("21.1 %: stops sooner than reinit by", "2.51×", 1, None, (times_sooner, "ticket", 7, "reinit", 7), "×"),
    ("3.6 %: stops sooner than dense by", "about 0", -25, 25, (sooner, "ticket", 15, "dense", 0), " %"),
    ("51.3 %: above dense by", "above", 0, None, (better, "ticket", 3, "dense", 0), " pp"),
    ("21.1 %: above reinit by", "0.5 pp", 0, None, (better, "ticket", 7, "reinit", 7), " pp"),
    ("13.5 %: above dense by", "> 0.3 pp", 0, None, (better, "ticket", 9, "dense", 0), " pp"),
    ("3.6 %: above dense by", "about 0", -0.3, 0.3, (better, "ticket", 15, "dense", 0), " pp"),
]


def verdict(values, least, most):
    """Whether the mean agrees with the paper, and how many seeds do."""
    if not values:
        return "–"
    inside = [v > least and (most is None or v < most) for v in (mean(values), *values)]
    return f"{'agrees' if inside[0] else 'disagrees'}, {sum(inside[1:])} of {len(values)} seeds"


card.record("record-dense", 100 * record.summary("final_test_accuracy", "dense", 0)[0])
beside = [
    [what, said, mean_and_range(v, "{:.2f}") + unit if v else "–", verdict(v, least, most)]
    for what, said, least, most, (value, *where), unit in PAPER
    for v in [paired(value, *where)]
]

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The paper's figures, and ours

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(["the ticket at", "paper", "record: mean (seeds)", "direction"], beside)

# %% [markdown] slideshow={"slide_type": "skip"}
# A dash: not in the record yet. *Direction* asks only whether the sign is the paper's ("about 0": within 25 % of the iterations, within 0.3 points). Look at the sizes yourself: a
# direction that agrees with a size that does not is a disagreement, and worth a second look. The early-stop iteration is a noisy measure: near its
# least value the validation loss is flat, so luck moves it far. Hence the wide bands. We have one re-initialisation and one random mask a
# seed; the paper has three re-initialisations. Initial weights, split and batches are other draws.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. What a ticket saves, and what it costs
#
# "A sparse network is cheaper to train." With 3.6 % of the weights, a step should need 3.6 % of the work.
#
# **Predict.** A training step of the ticket at 10 % and at 3.6 % of the weights takes, compared with dense: about as long, half as
# long, a tenth?

# %% slideshow={"slide_type": "skip"}
sets = lottery.engine.load(TASK, len(rows) // 12, 0)
values = lottery.engine.initial(plan.widths, 0)
picked = next(lottery.engine.batches(sets.chosen, 60, 0))
x, y = sets.rows[picked], sets.labels[picked]


def trainer(level, values=values):
    """One network of the engine at a level of the schedule; the learning rate is tiny, so that timing changes nothing."""
    masks = [torch.ones_like(value) for value in values[::2]]
    if level:
        masks = lottery.engine.keep_largest(values, masks, plan.layer_densities(level))
    return lottery.engine.Trainer(values, masks, batch=60, lr=1e-12)


small = lottery.engine.initial((784, 12, 10), 0)  # one hidden layer of 12 units: as many weights as the ticket at 3.6 %
steppers = {
    "dense": trainer(0),
    "ticket, 10.8 %": trainer(10),
    "ticket, 3.6 %": trainer(15),
    "12 hidden units, dense": trainer(0, small),
}
taken = timing.compare({name: lambda t=t: t.step(x, y) for name, t in steppers.items()}, rounds=9, device=cpu)
card.record("masked-step", taken.ratio("ticket, 3.6 %"), taken.ratio_quartiles("ticket, 3.6 %"))
card.record("small-step", taken.ratio("12 hidden units, dense"), taken.ratio_quartiles("12 hidden units, dense"))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A masked step is not cheaper


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def weights_of(one):
    return int(sum(mask.sum() for mask in one.masks))


Table(
    ["a training step, batch of 60, one thread", "weights", "speed-up over dense", "quartiles"],
    [
        [
            name,
            f"{weights_of(one):,}",
            f"{taken.ratio(name):.2f}×",
            "{:.2f} to {:.2f}".format(*taken.ratio_quartiles(name)),
        ]
        for name, one in steppers.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** About as long. The matrix products take the zeros with them, as in [[prune_model]]. A *small dense* network with as many
# weights as the last ticket is several times faster.

# %% [markdown] slideshow={"slide_type": "skip"}
# If your ratios of the tickets are far from 1, another program was running: repeat the cell. The order of magnitude is the point.
#
# ### What a sparse kernel would need
#
# Training has three products a layer. For $y = xW^\top$ with the gradient $g$ of $y$: the output $xW^\top$; the gradient of the input, $gW$; the gradient
# of the weight, $g^\top x$. The first two need a product of a *sparse* and a dense matrix. The third needs only the entries where the mask is 1: a dense product, *sampled*.
# PyTorch has all three for CSR matrices ([[prune_model]]). Here are two of them for the first layer, which needs no gradient of its input.


# %% slideshow={"slide_type": "skip"}
def products(level):
    """The output of fc1 and the gradient of its weight with CSR kernels, at a level of the schedule."""
    weight = trainer(level).values[0].to_sparse_csr()
    across, g_across = x.T.contiguous(), g.T.contiguous()
    return lambda: (weight @ across, torch.sparse.sampled_addmm(weight, g_across, x, beta=0.0))


g = torch.randn(60, 300)
weight = values[0]
jobs = {"dense": lambda: (x @ weight.T, g.T @ x)} | {level: products(level) for level in (3, 7, 10, 15)}
sparse = timing.compare(jobs, rounds=7, device=cpu)
Table(
    ["weights left, %", *(f"{percent_left(level):.1f}" for level in (3, 7, 10, 15))],
    [["CSR kernels over dense, two products of fc1", *(f"{sparse.ratio(level):.2f}×" for level in (3, 7, 10, 15))]],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# With half of the weights the sparse products are slower; with few percent they may gain, on this machine by the factor in the table. Then Adam has to be sparse
# as well: its running means and its update run over *all* weights, zeros too. And the mask must stand from the start: the dense network that finds it trains at the full price.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### "More than 90 % compression"
#
# **Predict.** With 7 % of the weights left, and a mask of one bit a weight, how many times smaller can the file be: 5, 10, 14 times?


# %% slideshow={"slide_type": "skip"}
def learn(values, masks, seed):
    """Train from these values under these masks as the short run did: (trainer, % right before, % right after)."""
    last, held_out = results.experiment["iterations"], results.experiment["held_out"]
    sets = lottery.engine.load(TASK, held_out, seed)
    one = lottery.engine.Trainer(values, masks, batch=short.batch, lr=short.lr)
    before = one.score(sets.test_rows, sets.test_labels)[1]
    batches = lottery.engine.batches(sets.chosen, short.batch, seed)
    after = lottery.engine.train(one, sets, batches, 0, last, last)["final_test_accuracy"]
    return one, 100 * before, 100 * after


def own_start(seed):
    return lottery.engine.initial(short.widths, seed)


# %% slideshow={"slide_type": "skip"}
nets, again = {}, {}
for level in (12, 15):
    one, _, again[level] = learn(own_start(0), engine_masks(results, 0, level), 0)
    nets[level] = models.LeNet300100().requires_grad_(False)
    nets[level].load_state_dict(dict(zip(nets[level].state_dict(), one.values, strict=True)))
Table(
    ["seed 0, ticket at", *(f"{percent_left(level):.1f} %" for level in again)],
    [
        [
            "as it was found, % right",
            *(f"{100 * results.of('ticket', n)[0]['final_test_accuracy']:.2f}" for n in again),
        ],
        ["trained again from mask and seed, % right", *(f"{value:.2f}" for value in again.values())],
    ],
)


# %% slideshow={"slide_type": "skip"}
class Packed(nn.Module):
    """The weights of a network as one bit a place and the values that are not zero; biases as they are."""

    def __init__(self, net):
        super().__init__()
        for name, value in net.named_parameters():
            name, flat = name.replace(".", "_"), value.flatten()
            if "weight" in name:
                bits = F.pad(flat != 0, (0, -flat.numel() % 8)).view(-1, 8)
                self.register_buffer(f"{name}_bits", (bits * 2 ** torch.arange(8)).sum(1).to(torch.uint8))
                flat = flat[flat != 0]
            self.register_buffer(name, flat.clone())

    def weight(self, layer, shape):
        """The dense weight of a layer again."""
        bits, values = getattr(self, f"{layer}_weight_bits"), getattr(self, f"{layer}_weight")
        mask = (bits[:, None] // 2 ** torch.arange(8) % 2).flatten()[: shape.numel()].bool()
        return torch.zeros(shape.numel()).masked_scatter(mask, values).view(shape)


dense_net = initialise(0).requires_grad_(False)
sizes = {"dense": size_report(dense_net, compressed=True)}
for level, net in nets.items():
    packed, name = Packed(net), f"ticket, {percent_left(level):.1f} %"
    assert all(torch.equal(packed.weight(n, layer.weight.shape), layer.weight) for n, layer in net.named_children())
    sizes[f"{name}, zeros stored"] = size_report(net, compressed=True)
    sizes[f"{name}, bits and values"] = size_report(packed, compressed=True)
whole = sizes["dense"].file_bytes

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### In bytes: as much as the format gives

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["LeNet-300-100", "file", "times smaller", "under gzip", "times smaller, gzip"],
    [
        [
            name,
            si(s.file_bytes, "B"),
            f"{whole / s.file_bytes:.1f}",
            si(s.compressed_bytes, "B"),
            f"{whole / s.compressed_bytes:.1f}",
        ]
        for name, s in sizes.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** More than 90 % of the *weights*, yes. Of the *bytes* only in a format that skips zeros, and there the mask costs one bit of 32: at
# 7 % about 7 % + 3 %, a tenth. Ordinary pruning with fine-tuning ([[prune_model]]) gives the same bytes: this part is no merit of the ticket.

# %% slideshow={"slide_type": "skip"}
card.record("packed-3.6", whole / sizes[f"ticket, {percent_left(15):.1f} %, bits and values"].file_bytes)
same_size = lottery.Experiment(
    task=TASK, widths=(784, 12, 10), densities=(0.8,), iterations=short.iterations, validate_every=400
)
tiny = lottery.sweep(same_size, SEEDS, controls={}, executor=lottery.InProcess(), progress=False)
tiny_right = [100 * r["final_test_accuracy"] for r in tiny.of("dense", 0)]


def rights(arm, level):
    return [100 * r["final_test_accuracy"] for r in results.of(arm, level)]


card.record("ticket-small", mean(rights("ticket", 15)) - mean(tiny_right))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The bill
#
# **Predict.** One hidden layer of 12 units has as many weights as the ticket at 3.6 %, and needs no search. Is it as good, after as many steps?

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
few, tiny_one = "ticket, 3.6 %", "12 hidden units, dense"
in_all = {name: weights_of(steppers[name]) for name in (few, tiny_one)}
bill = [  # network, weights, accuracies, networks trained, step
    ("dense", total, dense_right, 1, "1.00×"),
    ("ticket, 7.0 %", round(percent_left(12) * total / 100), rights("ticket", 12), 12 + 1, "as dense"),
    (few, in_all[few], rights("ticket", 15), 15 + 1, f"{taken.ratio(few):.2f}×"),
    ("random mask, 3.6 %", in_all[few], rights("random", 15), 1, "as dense"),
    (tiny_one, in_all[tiny_one], tiny_right, 1, f"{taken.ratio(tiny_one):.2f}×"),
]
Table(
    ["network", "weights", "test images right, %", "networks trained to get it", "a step, over dense"],
    [[name, f"{n:,}", mean_and_range(right), trained, step] for name, n, right, trained, step in bill],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** No: the ticket is far better than a dense network of its size. But to find it we trained the large network, again and again. A
# ticket saves *weights*. It saves no training, and time or energy only with kernels that skip zeros.

# %% [markdown] slideshow={"slide_type": "skip"}
# "A good initialisation achieves more than 90 % compression" is often told. No initialisation does that on its own: the *pair* of mask and initialisation
# does, in the paper for small networks on MNIST and CIFAR-10. It states a hypothesis and a way to find tickets. It does not prove that every network has one.
#
# So what is a ticket good for? It is evidence about *learning*: a small network can learn this task, if it starts right; large networks make it likely that some part of them
# starts right. And it may pay where one mask serves often: many trainings on related tasks. Whether masks carry over is a question for each case.
#
# The ledger's rows are of seed 0 with the short budget. The energy of the packed one is that of fetching the values that are left and one bit for every place, and of a
# dense multiplication after unpacking.

# %% slideshow={"slide_type": "skip"}
cost = energy.estimate(dense_net, images[:1])
written = [
    ledger.record(
        lesson="ticket",
        task=TASK,
        model="LeNet-300-100",
        technique=f"lottery ticket, {percent_left(level):.1f} % left, {form}",
        accuracy=again[level] / 100,
        file_bytes=sizes[f"ticket, {percent_left(level):.1f} %, {form}"].file_bytes,
        load_ms=sizes[f"ticket, {percent_left(level):.1f} %, {form}"].load_ms,
        energy_nj=nj,
    )
    for level in nets
    for form, nj in (
        ("zeros stored", cost.total_nj),
        ("bits and values", cost.compute_nj + cost.fetch_nj * (percent_left(level) / 100 + 1 / 32)),
    )
]
ledger.table(written)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. What is contested since
#
# **Are the values special, or only their signs?** H. Zhou et al., *Deconstructing lottery tickets*, 2019
# ([arXiv:1905.01067](https://arxiv.org/abs/1905.01067)), report: keep the *signs* of the initial weights, and other sizes do nearly as well. They also call a mask that
# makes an untrained network classify, as in section 1, a **supermask**.
#
# Test it: the ticket's mask, new random sizes, signs from $\theta_0$.
#
# **Predict.** Reinit lost points against the ticket. How much of that gap do the signs win back: a tenth, half, most of it?


# %% slideshow={"slide_type": "skip"}
def new_start(seed, signs):
    """New random weights; `signs`: with the signs of the seed's own first weights."""
    drawn = own_start(1_000 + seed)
    return [
        new.abs() * own.sign() if signs and own.dim() == 2 else new
        for new, own in zip(drawn, own_start(seed), strict=True)
    ]


starts = {
    "its own first weights (the ticket)": own_start,
    "new sizes, its own signs": lambda seed: new_start(seed, True),
    "new sizes, new signs (reinit)": lambda seed: new_start(seed, False),
}
learned = {
    name: [learn(start(seed), engine_masks(results, seed, 12), seed)[1:] for seed in SEEDS]
    for name, start in starts.items()
}
(fresh, own), (_, signed), (_, unsigned) = (
    (mean([b for b, _ in runs]), mean([a for _, a in runs])) for runs in learned.values()
)
card.record("signs", 100 * (signed - unsigned) / (own - unsigned))
card.record("supermask-7", fresh)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The signs win back most of it

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    [
        "7 % of the weights, the ticket's mask, with",
        "untrained, % right",
        f"after {results.experiment['iterations']} steps, % right",
    ],
    [
        [name, mean_and_range([b for b, _ in runs]), mean_and_range([a for _, a in runs], "{:.2f}")]
        for name, runs in learned.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Most of it. Here the lucky draw is mostly one bit a weight: which way it points.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Larger networks
#
# - Z. Liu et al., *Rethinking the value of network pruning*, ICLR 2019 ([arXiv:1810.05270](https://arxiv.org/abs/1810.05270)): with a well chosen learning
#   rate, they find, the ticket's initialisation gives no gain over a random one.
# - T. Gale et al., *The state of sparsity in deep neural networks*, 2019 ([arXiv:1902.09574](https://arxiv.org/abs/1902.09574)): on a Transformer and ResNet-50, sparse
#   networks trained from the start do not reach those that were pruned while training.
# - J. Frankle et al., *Stabilizing the lottery ticket hypothesis*, 2019 ([arXiv:1903.01611](https://arxiv.org/abs/1903.01611)): rewind to an **early iteration** $k$
#   instead of 0, and tickets of deeper networks are found again.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Rewinding later, or not at all
#
# - J. Frankle et al., *Linear mode connectivity and the lottery ticket hypothesis*, ICML 2020 ([arXiv:1912.05671](https://arxiv.org/abs/1912.05671)): such a subnetwork
#   reaches full accuracy only if two trainings of it, with other orders of the data, end up *connected*: on the straight line between their weights the error does not rise. On MNIST that
#   is so from initialisation on, for large networks from an early iteration on.
# - A. Renda et al., *Comparing rewinding and fine-tuning*, ICLR 2020 ([arXiv:2003.02389](https://arxiv.org/abs/2003.02389)): rewind only the *learning rate* schedule and
#   keep the trained weights. It is as good as rewinding the weights, or better, and both beat fine-tuning.
#
# In the engine: `Experiment(rewind=k)`. In the open code: step 1 keeps its copy after $k$ steps.

# %% [markdown] slideshow={"slide_type": "skip"}
# So what stands today? *Small networks*: tickets from initialisation exist; this lesson found some, with controls. Whether their lead outlives the best learning rate for
# each arm, we did not test: all arms share Adam at 0.0012, chosen for the dense network by the paper. *Large networks*: a ticket is found at an early iteration of a training that has already
# begun. Then "initialisation" is no longer the right word, and the mask still comes from a full training. *As a way to ship smaller networks*: prune and fine-tune, or rewind the learning rate.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask which of the papers contradict each other, and which only speak of other networks, rates and budgets. A good answer names, for each claim, the network, the learning rate
# and the control.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Three cards. Write your answer into the cell with the stub, run it, then run the check below it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · How much a round?
# ★ · 5 minutes
#
# You want to reach `density` (the share of weights that is left) after `rounds` rounds, and every round removes the same share of what is *left*. Write
# `share_per_round`.
#
# `share_per_round(density, rounds)` → a number from 0 to 1
#
# <details><summary>Hint</summary>
# What a round keeps, multiplied by itself once for each round, is the density.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def share_per_round(density, rounds):
    """Share of the remaining weights that each round removes, to reach `density` after `rounds` rounds.

    >>> share_per_round(0.5, 1)
    0.5
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.share_per_round(share_per_round)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def share_per_round_solution(density, rounds):
    return 1 - density ** (1 / rounds)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · A rewind that is one
# ★★ · 12 minutes
#
# Write `rewound`: the tensors with which the next round begins. `trained` and `first` are dicts of all parameters: as trained, and as they were initialised. `masks` are
# those of the next round, with an entry for each weight and none for a bias: 1.0 is kept, 0.0 pruned. What is pruned only now is not 0 in `trained`.
# Return a *new* dict, with memory of its own: the caller will train what you return, and needs `first` in the next round.
#
# `rewound(trained, first, masks)` → a dict of tensors
#
# <details><summary>Hint</summary>
# Which numbers does a weight that was kept get, one that was pruned, and a bias? Then ask for every tensor that you return: would the kept copy change if somebody wrote into it?
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def rewound(trained, first, masks):
    """The parameters with which the next round begins, as new tensors.

    >>> rewound({"fc.weight": torch.zeros(1)}, {"fc.weight": torch.zeros(1)}, {"fc.weight": torch.ones(1)})
    {'fc.weight': tensor([0.])}
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.rewound(rewound)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def rewound_solution(trained, first, masks):
    start = {name: value.clone() for name, value in first.items()}
    for name, mask in masks.items():
        start[name] *= mask
    return start


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · Read the curves
# ★★★ · 15 minutes
#
# `dense` and `ticket` are lists of rows (iteration, validation loss, validation accuracy, test accuracy), one for each validation, in order; accuracies from 0 to 1. Both
# runs are validated at the same iterations. Write `compare_runs`, as the paper compares: stop each run early, where its own validation *loss* is least. Return by how many
# *percent* of dense's iterations the ticket stops sooner (negative if later), and how many *points* better the test accuracy of the stopped ticket is than that of the stopped
# dense network.
#
# `compare_runs(dense, ticket)` → (percent sooner, points better)
#
# <details><summary>Hint</summary>
# First find one row in each run, then compare the two rows. You may not look at the test accuracy to choose them. Points are differences of percentages.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def compare_runs(dense, ticket):
    """(percent of dense's iterations that the ticket stops sooner, points that its test accuracy is better there).

    >>> compare_runs([(100, 0.3, 0.9, 0.9)], [(100, 0.3, 0.9, 0.9)])
    (0.0, 0.0)
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.compare_runs(compare_runs)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def compare_runs_solution(dense, ticket):
    d, t = (min(run, key=lambda row: row[1]) for run in (dense, ticket))
    return 100 * (1 - t[0] / d[0]), 100 * (t[3] - d[3])


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. The bounds are for MNIST. Claims of speed depend on the machine.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A winning ticket is a mask *with* the initial weights under it; without the two controls you cannot say which of them does the work.
# - A rewind must be tested as a rewind: equal numbers, memory of its own. Accuracy does not tell.
# - A ticket saves weights. It saves neither training nor time, and it is evidence about how networks learn more than a way to ship them.
#
# And the order on the board? Ticket, reinit, random.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - J. Frankle and M. Carbin, 2018, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635). Read figures 3 and 4 with section 6 in mind.
# - V. Ramanujan et al., *What's hidden in a randomly weighted neural network?*, 2019, [arXiv:1911.13299](https://arxiv.org/abs/1911.13299). Supermasks at scale.
# - E. Malach et al., *Proving the lottery ticket hypothesis: pruning is all you need*, 2020, [arXiv:2002.00585](https://arxiv.org/abs/2002.00585).
#
# **Project ideas**: give each arm its own best learning rate, and see what is left of the lead; rewind to iteration 100; rank the weights of all layers together (`lottery.engine.keep_largest` ranks layer by layer); draw
# three re-initialisations a seed, as the paper did; use a ticket found on MNIST for Fashion-MNIST.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Credits
#
# The experiment is J. Frankle and M. Carbin's. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on
# Tivadar Danka's *How to Compress a Neural Network*. Text CC BY 4.0, code MIT.

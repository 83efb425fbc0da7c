# ---
# jupyter:
#   course:
#     promise: You will look for a winning ticket, and test it with the controls that make it an experiment.
#     minutes: 45
#     seconds: 40
#     needs: [measuring, prune_module, prune_model]
#     goals:
#       - State the hypothesis in its authors' words, and say which control tests which half of it.
#       - Write iterative magnitude pruning with rewinding in five steps, and prove that the rewind is one.
#       - Run seeds and controls, and say what a short run can show.
#     terms: ["lottery ticket, winning ticket", rewinding, supermask]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A sparse network that starts again from its first weights: looked for, and tested.*
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
# *For the lecturer, 1 min.* Say: "Until now we pruned a *trained* network and kept its numbers. Today we keep only the places, and throw the training away." Ask: "What could be left?"

# %% tags=["setup"] slideshow={"slide_type": "skip"}
from statistics import mean

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, lottery, models, runtime, training
from course_utils.scorecard import claims
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range
from lessons.ticket import checks as check

TASK = "mnist"  # or "fashion_mnist": section 5 says what changes
SEEDS = (0, 1, 2)
card = claims.Scorecard("ticket")
runtime.seed_all(0)
torch.set_num_threads(1)  # a network this small has short steps: more threads would mostly wait for each other
cpu = torch.device("cpu")
images, labels = data.load(TASK)
test_set = data.load(TASK, "test")
rows = images.flatten(1)
runtime.describe(cpu)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Zeros, and nothing else
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
# *For the lecturer, 3 min.* Make sure that everybody has understood: no value of the network is ever changed, except to zero. Vote; expect A and B. Then show the table, and ask what its middle row
# is for: as many zeros, at random places.


# %% slideshow={"slide_type": "skip"}
def initialise(seed):
    """LeNet-300-100: Glorot normal weights as in the paper (mean 0, spread by the layer's width), biases zero."""
    net, generator = models.LeNet300100(), torch.Generator().manual_seed(seed)
    for layer in net.children():
        nn.init.xavier_normal_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
    return net


# %% slideshow={"slide_type": "skip"}
def largest(scores, share):
    """Masks, one a layer: 1 at the highest scores, so many that `share` of the layer stays."""
    masks = []
    for score, part in zip(scores, share, strict=True):
        mask = torch.zeros(score.numel())
        mask[score.flatten().topk(round(part * score.numel())).indices] = 1
        masks.append(mask.view_as(score))
    return masks


def right(net, masks):
    """Percent of the test images that `net` gets right with these masks on its weights."""
    for layer, mask in zip(net.children(), masks, strict=True):
        layer.weight.data *= mask
    return 100 * training.evaluate(net, *test_set)


# %% slideshow={"slide_type": "skip"}
SHARE = (0.2, 0.2, 0.6)
WAYS = ("all of its weights", "a fifth, at random places", "a fifth: largest in the copy")
untrained = {way: [] for way in WAYS}
for seed in SEEDS:
    copy = initialise(seed)
    training.fit(
        copy, images[:12_000], labels[:12_000], batch_size=60, lr=1.2e-3, seed=seed, device=cpu, progress=False
    )
    trained = [layer.weight.detach() for layer in copy.children()]
    ones, large = [torch.ones_like(w) for w in trained], largest([w.abs() for w in trained], SHARE)
    for way, masks in zip(WAYS, (ones, lottery.engine.shuffled(large, seed), large), strict=True):
        untrained[way].append(right(initialise(seed), masks))
card.record("untrained-mask", mean(untrained[WAYS[2]]))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["an untrained network keeps", "test images right, %"],
    [[way, mean_and_range(values)] for way, values in untrained.items()],
    caption=f"Weights at their initial values. Mean of {len(SEEDS)} seeds (lowest to highest).",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** The same random numbers, and the choice of zeros makes a classifier of them. As many zeros at random places do not. Zhou et al. ([arXiv:1905.01067](https://arxiv.org/abs/1905.01067)) call such a mask a **supermask**.
#
# So *which* weights stay carries much of what training found. Does a network that keeps them also *learn* better?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. The hypothesis
#
# J. Frankle and M. Carbin, 2018 ([arXiv:1803.03635](https://arxiv.org/abs/1803.03635), version 5, section 1; ICLR 2019):
#
# > **The Lottery Ticket Hypothesis.** A randomly-initialized, dense neural network contains a subnetwork that is initialized such that—when trained in isolation—it
# > can match the test accuracy of the original network after training for at most the same number of iterations.
#
# Such a subnetwork is a **winning ticket**: a mask $m$ *and* the initial weights $\theta_0$ under it. It starts as $m \odot \theta_0$, each weight
# times its mask. We say *ticket* for each mask that the search of section 3 finds; only one that matches the original, *dense* network *wins*.
#
# Why a lottery? A large network draws very many subnetworks at once. One of them may have drawn lucky numbers.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let somebody read the quotation aloud, and ask for its three conditions: smaller, as accurate, in no more iterations. Slides that date the paper to 2008 are wrong.
# Then: "I claim that these initial weights are special. How would you refute me?" Let the room find the controls before you turn the page.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"} tags=["lecture"]
# ### Two halves of a claim
#
# A ticket is a mask *with* initial values. *Reinit* keeps the mask and draws new values. *Random* moves the mask, so that other values of the same network stay.
#
# **Predict.** All three are trained with 7 % of the weights. Order them by accuracy, best first. Where is the larger gap: between your first and second, or between your second and third?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* The crops are live: five units of fc1, seven pixels each, the places from section 1's copy. Go through them: what did *reinit* keep (the places), what did *random* keep (neither: at new places stand other values)? As many ones means in the whole layer, not in each crop. A white cell that is not crossed out is a kept value near 0. Write the room's
# order of the three on the board, with a mark at the larger gap, and keep it until section 5.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
own, new = (initialise(seed).fc1.weight.detach() for seed in (SEEDS[-1], 1_000))
crop = slice(0, 5), slice(14 * 28 + 9, 14 * 28 + 16)  # five units, seven pixels of the middle
found, shuffled = (masks[0][crop] for masks in (large, lottery.engine.shuffled(large, 1)))
canvas = diagrams.Canvas(height=440)
canvas.text(395, 20, "own initial values", bold=True)
canvas.text(695, 20, "new initial values", bold=True)
for y, words in ((155, "mask found\nby pruning"), (355, "random mask,\nas many ones")):
    canvas.text(130, y, words, bold=True)
for x, y, name, values, mask, meaning in (
    (290, 80, "ticket", own, found, "int8"),
    (590, 80, "reinit", new, found, "fp32"),
    (290, 280, "random", own, shuffled, "int8"),
    (930, 180, "dense: the whole network", own, torch.ones_like(found), "int8"),
):
    canvas.text(x + 105, y - 20, name)
    diagrams.grid(canvas, values[crop], x, y, cell=30, mask=mask, text="", meaning=meaning)
canvas.text(695, 355, "not run: would\nbe like random")
plots.show(
    canvas.figure(),
    alt="Crops of the first layer's weights in two rows and two columns. Ticket: the found mask on the network's own values. Reinit: the same places, "
    "other values. Random: the own values at other places. Aside the dense network with all of its own values.",
    caption="The stronger the colour, the larger the magnitude; blue: own values, orange: new ones; crossed out: zero. Found mask of section 1: 20 % of fc1.",
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Five steps in open code
#
# **Iterative magnitude pruning** (IMP): *initialise* and keep a true copy $\theta_0$; *train*; *prune* the smallest of the weights that are left in each layer; *rewind* the others to $\theta_0$; *repeat*.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Click through the frames. Ask at each: "Which numbers stand in the cells now?" At the last one compare with the first frame: the same numbers, and fewer of them. One crossed-out cell
# must stay crossed out in every later round.


# %% slideshow={"slide_type": "skip"}
def way_round(active, words, values, mask):
    """One step of the loop: the ring on the left, a crop of the third layer on the right."""
    canvas = diagrams.Canvas(height=400)
    start = canvas.box(20, 20, "initialise", width=160, height=60, fill="int8" if active is None else "white", size=28)
    ring = diagrams.ring(
        canvas, ("train", "prune", "rewind"), x=330, y=235, radius=125, width=160, active=active, size=28
    )
    canvas.wire(start.right, (ring[0].x - 4, ring[0].y + 20))
    canvas.text(330, 235, "repeat", size=28)
    canvas.text(900, 30, words, size=28)
    diagrams.grid(canvas, values, 700, 60, cell=80, mask=mask, text="{:.2f}", size=26)
    return canvas.figure()


corner = slice(0, 4), slice(0, 5)  # four classes, five hidden units of fc3
before, after = (net.fc3.weight.detach()[corner] for net in (initialise(SEEDS[-1]), copy))
stays = large[2][corner]

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
plots.show(
    [
        way_round(None, "θ₀: as they were drawn", before, None),
        way_round(0, "after 200 steps", after, None),
        way_round(1, f"60 % stay; in this corner {int(stays.sum())} of 20", after, stays),
        way_round(2, "back to their values in θ₀", before, stays),
    ],
    alt=[
        f"A ring of train, prune and rewind with initialise before it; {words}"
        for words in (
            "initialise is marked, and a crop of weights shows random numbers.",
            "train is marked, and the numbers have changed.",
            "prune is marked, and cells of small magnitude are crossed out.",
            "rewind is marked, and the cells that are left show the random numbers of the first picture.",
        )
    ],
    caption="Live numbers: a corner of the output layer of seed 2, in the copy of section 1. Crossed out: zero.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How many rounds?
#
# The paper removes 20 % of what is *left* in each round, in the output layer 10 %. So $0.8^n$ of a hidden layer are left after $n$ rounds. The output layer is thin, and [[prune_model]] showed that it pays to
# spare a thin last layer.
#
# **Predict.** How many rounds to 7 % of the weights: **A** 5, **B** 12, **C** 18?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them estimate: 0.8³ is about a half, so three rounds halve. Half, quarter, eighth, sixteenth: four times three. A is 93 divided by 20: it forgets that each round takes 20 % of what is *left*. After 18 rounds 1.9 % of all weights are left. The middle column of the table is what the paper prints; the last is computed from
# the two rates.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
SHAPES = [(300, 784), (100, 300), (10, 100)]
PRINTED = {3: 51.3, 7: 21.1, 9: 13.5, 12: 7.0, 15: 3.6, 16: 2.9}  # percent left after n rounds, as printed in the paper
TOTAL = sum(n_out * n_in for n_out, n_in in SHAPES)


def percent_left(level):
    """Percent of all weights that `level` rounds leave: 20 % of what is left a round, in the output layer 10 %."""
    left = [n_out * n_in * 0.8**level for n_out, n_in in SHAPES[:-1]] + [10 * 100 * 0.9**level]
    return 100 * sum(left) / TOTAL


card.record("schedule", max(abs(percent_left(n) - printed) for n, printed in PRINTED.items()))
Table(
    ["after round", "in the paper, %", "from the rates, %"],
    [[n, printed, f"{percent_left(n):.2f}"] for n, printed in PRINTED.items()],
    caption=f"0.8 to the power of 12 is {0.8**12:.3f}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B.** The printed densities follow from the two rates.


# %% slideshow={"slide_type": "skip"}
def all_ones(net):
    """A mask of ones for each weight; biases are not pruned."""
    return {name: torch.ones_like(value) for name, value in net.named_parameters() if "weight" in name}


def batches(steps, seed):
    """Indices of `steps` batches of 60; one image in twelve (5,000 of 60,000) is held out, as the engine does."""
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    endless = lottery.engine.batches(order[len(rows) // 12 :], 60, seed)  # each epoch in a new order
    return (next(endless) for _ in range(steps))


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Steps 1 and 2: keep a true copy, and train
#
# `state_dict()` alone is no copy: its tensors *are* the network's. `clone()` makes the difference. And no pruned weight may move.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask why the gradient is masked and not the weight (either works for the weight; the gradient also keeps Adam's running means at 0). Ask why the optimizer is new in each round: its means belong to the
# weights of the round before.


# %% slideshow={"slide_type": "-"}
def copied(net):  # step 1: numbers of its own, in memory of its own
    return {name: value.detach().clone() for name, value in net.named_parameters()}


def train(net, masks, steps, seed):  # step 2
    optimizer = torch.optim.Adam(net.parameters(), lr=1.2e-3, fused=True)
    for picked in batches(steps, seed):
        optimizer.zero_grad()
        F.cross_entropy(net(rows[picked]), labels[picked]).backward()
        for name, mask in masks.items():
            net.get_parameter(name).grad *= mask  # a pruned weight stays 0
        optimizer.step()


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Steps 3 and 4: prune by magnitude, and rewind
#
# In each layer the largest of the weights that are left stay: `largest(…)` makes the mask that keeps the share `density`.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Point at the -1: with 0 in its place a kept weight of exactly 0 would tie with the pruned ones. Then ask what `rewind` does to a bias (it has no mask: back to its first value).


# %% slideshow={"slide_type": "-"}
def prune(net, masks, densities):  # step 3
    new = {}
    for (name, mask), density in zip(masks.items(), densities, strict=True):
        size = torch.where(mask > 0, net.get_parameter(name).detach().abs(), -1)
        (new[name],) = largest([size], [density])
    return new


def rewind(net, first, masks):  # step 4
    with torch.no_grad():
        for name, value in net.named_parameters():
            value.copy_(first[name] * masks.get(name, 1))  # numbers into place


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Step 5: repeat
#
# The list keeps of each round: percent right, the masks, and the parameters that the round began with.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* We cut deeper than the paper, about half to two thirds a round, and train 200 steps, to see it work within seconds. Before the table: "Will a fifth of the weights do as well as all of them?" After it: yes here; with 7 % no longer. (20, 7 and 3.6 % are the shares of the hidden layers; more of the output layer stays, so the table has a little more.) The last entry
# of the list of densities is None: train once more, and prune no more.


# %% slideshow={"slide_type": "-"}
def five_steps(seed, steps, levels, rewind):
    net, found = initialise(seed), []
    first, masks = copied(net), all_ones(net)
    for densities in [*levels, None]:
        start = copied(net)
        train(net, masks, steps, seed)
        found.append((100 * training.evaluate(net, *test_set), masks, start))
        if densities:
            masks = prune(net, masks, densities)
            rewind(net, first, masks)
    return found


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
plan = lottery.Experiment(task=TASK, densities=(0.5, 0.2, 0.07, 0.036), iterations=200, validate_every=25)
ROUNDS = range(1, len(plan.densities) + 1)
levels = [plan.layer_densities(level) for level in ROUNDS]
opened = five_steps(0, plan.iterations, levels, rewind)
left = [100 * sum(mask.sum().item() for mask in masks.values()) / TOTAL for _, masks, _ in opened]
Table(
    [f"seed 0, {plan.iterations} steps each", "dense", *(f"round {i}" for i in ROUNDS)],
    [
        ["weights left, %", *(f"{share:.1f}" for share in left)],
        ["test images right, %", *(f"{accuracy:.1f}" for accuracy, _, _ in opened)],
    ],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# **No step of this is difficult.** A fifth of the weights, trained from their *first* numbers, do about as well as all of them with as many
# steps. One seed and a short training: section 5 has more. (7 % and 3.6 % are shares of the hidden layers; with the output layer it is a tenth of a point more.)
#
# ### The engine does the same
#
# For many seeds and controls we use `course_utils.lottery`. It computes these five steps with fewer detours: gradients into memory that stays, no
# autograd graph. If it is the same algorithm, masks and accuracies must be *equal*, not similar: thousands of trained weights have to fall on the same
# side of every cut. If yours are not all equal, your PyTorch probably sums in another order in one of them: look by how many images they differ.

# %% slideshow={"slide_type": "skip"}
CONTROL_ROUNDS = (2, 3, 4)
controls = {"reinit": CONTROL_ROUNDS, "random": CONTROL_ROUNDS}
results = lottery.sweep(plan, SEEDS, controls=controls, executor=lottery.InProcess(), progress=False)


def engine_masks(level, seed=0):
    """The masks of a ticket, one tensor a layer; the record of the level before holds them packed."""
    return lottery.engine.unpack(results.of("ticket", level - 1)[seed]["next_masks"], plan.widths)


same_masks = sum(all(map(torch.equal, engine_masks(i), opened[i][1].values())) for i in ROUNDS)
same_right = sum(
    abs(100 * results.of("ticket", i)[0]["final_test_accuracy"] - accuracy) < 5e-3
    for i, (accuracy, *_) in enumerate(opened)
)
card.record("open-code", (same_masks + same_right) / (len(ROUNDS) + len(opened)))
Table(
    ["open code and engine, seed 0", "equal"],
    [
        ["masks of all layers", f"{same_masks} of {len(ROUNDS)} rounds"],
        ["test accuracy", f"{same_right} of {len(opened)} networks"],
    ],
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 4. The copy that was none
#
# Here is another rewind. It looks right, and a library of good name has such an assignment:
#
# ```python
# def rewind_shared(net, first, masks):
#     for name, p in net.named_parameters():
#         p.data = first[name]
#         p.data.mul_(masks.get(name, 1))
# ```
#
# **Predict.** In which round does it go wrong? And will the accuracy be **A** lower, **B** the same, **C** higher?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Give them a minute with the third line. Vote on the round and on A to C. The assignment hands over the tensor, not its numbers. After the first pruning nothing is wrong yet: then training
# writes into the memory that `first` shows. Why higher, probably: the training goes on; at its end round 2 has had 400 steps, round 3 600, a true ticket 200. A library that does this, from version 2.6.0 on: Lightning ([[lightning_pruning]]).


# %% slideshow={"slide_type": "skip"}
def rewind_shared(net, first, masks):
    """Wrong: the parameter and the kept copy are one memory from now on."""
    for name, p in net.named_parameters():
        p.data = first[name]
        p.data.mul_(masks.get(name, 1))


shared = five_steps(0, plan.iterations, levels[:3], rewind_shared)


def moved(found):
    """For each round: how far its weights began from their initial values, mean over the weights that are left."""
    initial = dict(initialise(0).named_parameters())

    def way(masks, start):
        gone = sum(((start[n] - initial[n]).abs() * mask).sum() for n, mask in masks.items())
        return (gone / sum(mask.sum() for mask in masks.values())).item()

    return [way(masks, start) for _, masks, start in found]


card.record("true-copy", max(moved(opened)))
card.record("shared-copy", min(moved(shared)[2:]))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["distance from θ₀ at the start", "round 1", "round 2", "round 3"],
    [[name, *(f"{d:.3f}" for d in moved(runs)[1:4])] for name, runs in (("true copy", opened), ("shared", shared))]
    + [
        [f"{name}: % right at the end", *(f"{accuracy:.1f}" for accuracy, *_ in runs[1:4])]
        for name, runs in (("true copy", opened), ("shared", shared))
    ],
    caption="Seed 0. Distance: mean over the weights that are left.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. From round 2 on it "rewinds" to trained values, and C: the score looks better.** So the score does not betray it. Yet what was tested is no ticket, and a conclusion about
# initial weights does not follow.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Two names, one memory
#
# Test the rewind itself: equal numbers, *and* memory of its own.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: a true copy, after five steps of training. Second frame: the assignment, after the same five steps: one row under both names. Ask which test would have caught it: one on the accuracy, or one on the memory?


# %% slideshow={"slide_type": "skip"}
def memory_of(how):
    """The first numbers of fc3 under both names after a rewind and five steps, and whether they are one memory."""
    net = initialise(0)
    first = copied(net)
    how(net, first, {})
    train(net, {}, 5, 0)
    return [
        v.detach()[0, :4].clone() for v in (first["fc3.weight"], net.fc3.weight)
    ], net.fc3.weight.data_ptr() == first["fc3.weight"].data_ptr()


def names_and_memory(how, words):
    (first, parameter), one = memory_of(how)
    canvas = diagrams.Canvas(height=300)
    names = [canvas.box(40, y, name, width=260, height=70) for y, name in ((60, "first"), (190, "the parameter"))]
    places = [(700, 160)] if one else [(700, 95), (700, 225)]
    canvas.text(880, 25, words)
    for (x, y), values in zip(places, (first, parameter), strict=False):
        diagrams.grid(canvas, values, x, y - 36, cell=90, text="{:.3f}")
    for number, name in enumerate(names):
        canvas.wire(name.right, (690, places[min(number, len(places) - 1)][1]))
    return canvas.figure(), one


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
pictures, one = zip(
    names_and_memory(rewind, "true copy, five steps later"),
    names_and_memory(rewind_shared, "assigned, five steps later"),
    strict=True,
)
plots.show(
    list(pictures),
    alt=[
        "Two names, first and the parameter, point to two rows of numbers, which differ after training.",
        "Two names, first and the parameter, point to one row of numbers: the kept copy has been trained, too.",
    ],
    caption=f"First weights of the output layer. One memory, asked of torch (data_ptr): rewind {one[0]}, rewind_shared {one[1]}.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The library is Lightning: from 2.6.0 on, `ModelPruning` with `use_lottery_ticket_hypothesis=True` hands the kept tensors back by such an assignment on a CPU (`dst.data = src.data.to(dst.device)`; our
# `rewind_shared` masks them, too). Before 2.6.0 its rewind wrote into a tensor that the next forward pass overwrote, so that nothing was rewound
# ([issue 13643](https://github.com/Lightning-AI/pytorch-lightning/issues/13643), repaired by pull request 21191). [[lightning_pruning]] measures the library's own, and has a callback without the fault.
#
# Training that goes on from trained weights is plain *pruning with fine-tuning*, as in [[prune_model]]: a good method, but another one.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 5. The controls that make it an experiment
#
# Three seeds, the rounds of section 3 (controls from 20 %). Within a seed only the arm differs: held-out images, order of the batches and number of steps are the same.
#
# **Predict.** Your order of the three arms at 7 % stands. How many points lie between its first and its second: less than one, one to three, more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Point at the board: the order of the room. Ask for the distance, too. After the figure ask which curve answers which question: blue against orange are the values, orange against green the places, blue against green both. (7 and 3.6 % are of the hidden layers; with the output layer a little more is left.)


# %% slideshow={"slide_type": "skip"}
ARMS = {"ticket": ("o-", "blue"), "reinit": ("s--", "orange"), "random": ("^:", "green"), "dense": ("D-.", "black")}


def points(arm, level):
    """Test images right after the last step, in percent, one number a seed."""
    return [100 * r["final_test_accuracy"] for r in results.of(arm, level)]


def lead(arm, level):
    """Ticket minus another arm (or dense) at a level, in points, one number a seed."""
    return [a - b for a, b in zip(points("ticket", level), points(arm, level if arm != "dense" else 0), strict=True)]


def band(ax, arm, x, values):
    """The mean of the seeds as a line, from the lowest to the highest as a band."""
    style, colour = ARMS[arm]
    ax.fill_between(x, [min(v) for v in values], [max(v) for v in values], color=plots.COLOURS[colour], alpha=0.2)
    ax.plot(x, [mean(v) for v in values], style, color=plots.COLOURS[colour], label=arm)


card.record("ticket-reinit-7", mean(lead("reinit", 3)))
card.record("ticket-random-7", mean(lead("random", 3)))
card.record("ticket-reinit-3.6", mean(lead("reinit", 4)))
card.record("ticket-random-3.6", mean(lead("random", 4)))
card.record("ticket-dense-20", mean(lead("dense", 2)))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
fig, ax = plots.figure(size=(6.6, 3.8))
for arm in ("ticket", "reinit", "random"):
    where = [0, *(ROUNDS if arm == "ticket" else CONTROL_ROUNDS)]
    band(ax, arm, [100 * results.density(i) for i in where], [points(arm, i) for i in where])
ax.axhline(mean(points("dense", 0)), color="black", linestyle="--", label="dense")
ax.set(xscale="log", xlabel="weights left, %", ylabel="test images right, %", xlim=(110, 3.3))
ax.set_xticks([100, 50, 20, 7, 3.6], ["100", "50", "20", "7", "3.6"], minor=False)
ax.set_xticks([], minor=True)
ax.legend(loc="lower left")
plots.show(
    fig,
    alt="Accuracy against weights left, 100 to 3.6 percent, for ticket, reinit and random. At 7 percent: "
    + ", ".join(f"{arm} {mean(points(arm, 3)):.1f}" for arm in ("ticket", "reinit", "random"))
    + f" percent right; dense {mean(points('dense', 0)):.1f}.",
    caption=f"LeNet-300-100 on {TASK}, {plan.iterations} iterations a network. Lines: mean of {len(SEEDS)} seeds; bands: lowest to highest.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **More than three points lie between the first and the second: at 7 % the order is *ticket*, *reinit*, *random*, and the larger gap is the first one.**
#
# <!-- page -->
#
# Section 2 asked for this order. New values cost about four points in the run on this page (*ticket* against *reinit*: the same places). Moving the places costs one more (*reinit* against *random*, where the values are as if newly drawn in both). So at this density the initial values matter more than the places. All arms share one learning rate, which may not be the best for each of them, and three seeds of a short run do not say how large the gap is after a long one.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### How far apart, in points?
#
# Each difference is taken *within* a seed, then averaged.
#
# **Predict.** *reinit − random* compares the places: in both arms the values are as if newly drawn. Judge from the last figure: where is it above 0 in *every* seed?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. Let the room say in one sentence what each row tests: values, both, the hypothesis itself, places. Then compare with the board: *ticket*, *reinit*, *random*; at the mark, new values cost more points than new places.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
gaps = {i: [b - a for a, b in zip(lead("reinit", i), lead("random", i), strict=True)] for i in CONTROL_ROUNDS}
Table(
    ["points", *(f"{100 * results.density(i):.1f} % left" for i in CONTROL_ROUNDS)],
    [
        [f"ticket − {arm}", *(mean_and_range(lead(arm, i)) for i in CONTROL_ROUNDS)]
        for arm in ("reinit", "random", "dense")
    ]
    + [["reinit − random", *(mean_and_range(gaps[i]) for i in CONTROL_ROUNDS)]],
    caption=f"Mean of {len(SEEDS)} seeds (lowest to highest).",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. At 7 and 3.6 %, not at 20 %.** So the places alone bring little at 20 %, and count with fewer weights left. At 7 % new values (first row) cost more than new places (last row).
# Against dense the ticket is level at 20 %, and behind below, after as many steps.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Who learns sooner?
#
# **Predict.** With 20 % of the weights, after the first 25 iterations: is the ticket behind dense, level with it, or ahead?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. After the figure ask for a reason. It starts as a classifier (section 1); whether that is *why* it learns sooner is not tested here. How would one test it? For example: train a random one until it starts as good, and count from there.


# %% slideshow={"slide_type": "skip"}
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


goal = mean(curve("dense", 0)[1][len(curve("dense", 0)[0]) // 2 - 1])  # what dense has half-way
needed = {arm: first_reach(arm, 2 if arm != "dense" else 0, goal) for arm in ARMS}
card.record("sooner-at-20", mean(needed["dense"]) / mean(needed["ticket"]))
at_end = sum(r["early_stop"] >= 0.8 * r["iterations"] for r in results.records)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.0, 3.4))
for arm in ("ticket", "dense", "reinit", "random"):
    band(ax, arm, *curve(arm, 2 if arm != "dense" else 0))
ax.set(xlabel="iteration (all but dense: 20 % left)", ylabel="validation images\nright, %")
ax.legend(loc="lower right", ncols=2)
plots.show(
    fig,
    alt="Validation accuracy against iteration at 20 percent of the weights, and dense beside it. At the first validation: "
    + ", ".join(f"{arm} {mean(curve(arm, 2 if arm != 'dense' else 0)[1][0]):.0f}" for arm in ARMS)
    + " percent.",
    caption=f"To {goal:.0f} %: ticket {mean(needed['ticket']):.0f} steps, dense {mean(needed['dense']):.0f}. "
    f"Least validation loss comes in the last fifth of the steps: {at_end} of {len(results.records)} networks.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Ahead, and most at the start.** At the end the two are about level. That the ticket starts as a classifier (section 1) is probably a part of the reason: not tested.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What a short run holds, and what needs the full one
#
# | statement | does a short run show it? |
# |---|---|
# | ticket above reinit and random at 20, 7 and 3.6 % | yes, beyond the spread of the seeds |
# | the ticket at 20 % learns sooner than dense | yes by the curves, no by the iteration of least validation loss |
# | ticket level with dense, or above it | only beside a dense network that is not done |
# | the smallest density at which a ticket wins | no |
#
# A short run flatters whoever learns fast. *How far above* is a question of the budget, as in [[prune_model]]. The paper trains for 50,000 iterations: [[ticket_full]].

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Go through the rows, and ask each time for the evidence on the last pages. Row two: the caption before says how many networks have their least validation loss at the end of their steps. Where none has begun to get worse, this measure, the paper's, cannot tell them apart yet. Then ask what a referee would still miss: all arms share one learning rate, chosen by the paper for its networks.

# %% [markdown] slideshow={"slide_type": "skip"}
# **On several cores, or a cluster.** The runs of one seed need each other, round after round; those of several seeds do not. With `executor=lottery.processes(n)` a sweep uses n fresh Python
# processes; any `concurrent.futures.Executor` does. With `file="runs.jsonl"` each result is kept as it comes, and the same call goes on after a stop.
#
# **On Fashion-MNIST** (`TASK` in the first cell; restart and run all) the claims of section 5 held, too, when we ran it with three seeds: the ticket with 20 % led dense by 2.5 to 3.3 points, probably because dense is further from
# its end there. The order of the arms was the same at 7 and 3.6 %; at 20 % reinit led random by less than half a point.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · How much a round?
# ★ · 5 minutes
#
# You want to reach `density` (the share of weights that is left, more than 0) after `rounds` rounds, and every round removes the same share of what is *left*. Write
# `share_per_round`.
#
# `share_per_round(density, rounds)` → a number from 0 to 1
#
# <details><summary>Hint</summary>
# What a round keeps, multiplied by itself once for each round, is the density.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* On paper, in pairs. Answer: 1 − density^(1/rounds). The mistake to wait for: dividing what must go by the rounds. Test it with two rounds to a quarter: each keeps a half. The other card is homework in a lecture.


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


# %% [markdown] slideshow={"slide_type": "skip"}
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


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. The bounds are for MNIST.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A winning ticket is a mask *with* the initial weights under it. Two controls test it: *reinit* takes the values away, *random* the places and with them the values.
# - A rewind must be tested as a rewind: equal numbers, memory of its own. The accuracy of a wrong one may look better.
# - A short run shows the order of the arms, and that a ticket with a fifth of the weights learns sooner. Whether a ticket beats a dense network that is *done* needs the full run.
#
# **Going further**: J. Frankle and M. Carbin, *The lottery ticket hypothesis: finding sparse, trainable neural networks*, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635);
# V. Ramanujan et al., *What's hidden in a randomly weighted neural network?*, [arXiv:1911.13299](https://arxiv.org/abs/1911.13299), on supermasks. Next here: [[ticket_full]].
#
# **Project ideas**: give each arm its own best learning rate, and see what is left of the lead; rank the weights of all layers together (`lottery.engine.keep_largest` ranks layer by layer); use a
# ticket found on MNIST for Fashion-MNIST.
#
# **Credits**: the experiment is J. Frankle and M. Carbin's. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on
# Tivadar Danka's *How to Compress a Neural Network*. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Back to the order on the board. Then ask what the lesson did not show: dense networks that are done, other architectures, a learning rate for each arm.

# ---
# jupyter:
#   course:
#     promise: You will set a full run beside the paper, and say what a ticket saves, what it costs, and what is contested.
#     minutes: 40
#     seconds: 30
#     needs: [measuring, baseline, energy, prune_module, prune_model, zero_worth, ticket]
#     goals:
#       - Read a record run by run, and set agreement and disagreement with a paper side by side.
#       - Say what a ticket saves, in weights, bytes, energy and time, and what it costs to find.
#       - Test whether the values of a ticket matter, or their signs.
#     terms: [early stopping, learning-rate rewinding]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *50,000 iterations beside the paper; the bill; and what is contested since.*
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
# *For the lecturer, 1 min.* Say: "A short run showed the order of the arms. It could not say whether a ticket beats a network that is *done*. Today we look at a run that is."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import json
from statistics import mean, median

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, lottery, models, runtime
from course_utils.lottery import Results
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range, si
from lessons.ticket_full import checks as check

TASK = "mnist"  # or "fashion_mnist", for sections 2 and 3; the record is of MNIST
SEEDS = (0, 1, 2)
card = claims.Scorecard("ticket_full")
runtime.seed_all(0)
torch.set_num_threads(1)
cpu = torch.device("cpu")
images = data.load(TASK)[0]
test_set = data.load(TASK, "test")
record, about = Results.load(runtime.ROOT / "records" / "lottery" / "paper-mnist.json")
runtime.describe(cpu)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. In full, beside the paper
#
# The paper's own setting: 50,000 iterations a network, 20 % of what is left a round. Hours of computing, so a record comes with the course.
#
# How fast a network learns is read by **early stopping**: the iteration of its least validation loss.
#
# **Predict.** With 21.1 % of the weights: where does the *ticket* stop, and where its mask with new values (*reinit*), if dense stops after some 5,000 iterations? **A** both earlier. **B** ticket
# earlier, reinit later. **C** both later.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Remind the room of the arms: same mask, own or new values. Vote. After the table ask what n is in each row, and what they would say with one run fewer.


# %% slideshow={"slide_type": "skip"}
def cell(values, text="{:.0f}"):
    """Mean and range of some runs and their number; a single run stands alone."""
    return f"{mean_and_range(values, text)}, n={len(values)}" if values else "–"


def of(arm, level, value, factor=1):
    """One value of the record's runs of an arm at a level, one number a seed."""
    return [factor * r[value] for r in record.of(arm, level)]


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
first_look = {"dense": ("dense", 0), "ticket": ("ticket", 7), "reinit": ("reinit", 7)}
Table(
    ["the record", "n", "early stop after", "right there, %"],
    [
        [
            name,
            len(record.of(*where)),
            mean_and_range(of(*where, "early_stop"), "{:.0f}"),
            mean_and_range(of(*where, "test_accuracy", 100), "{:.2f}"),
        ]
        for name, where in first_look.items()
    ],
    caption="n seeds: mean (lowest to highest). Test digits right.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. B, on average over five seeds.** The places alone did not make a network stop sooner: with new values it took longer than dense, with its own less. The ticket is also more accurate at its stop.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What does the record hold?
#
# Five seeds: tickets at all 18 densities, both controls at five, which the table shows. A cell says how many runs it is the mean of, and how far they lie apart.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read one row aloud, with its n. Ask what would be unfair if runs were missing: means over other seeds. The next pages compare within a seed.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
TOTAL, paper = 266_200, lottery.Experiment()  # weights of LeNet-300-100; its 410 biases are not pruned


def percent_left(densities):
    """Percent of all weights that these shares of the three layers leave."""
    return 100 * sum(n * d for n, d in zip((235_200, 30_000, 1_000), densities, strict=True)) / TOTAL


Table(
    ["weights left, %", "ticket", "reinit", "random"],
    [
        [
            f"{percent_left(paper.layer_densities(level)):.1f}",
            *(cell(of(arm, level, "test_accuracy", 100), "{:.2f}") for arm in ("ticket", "reinit", "random")),
        ]
        for level in (0, 3, 7, 9, 12, 15)
    ],
    caption=f"Test digits right at the early stop, %. {about['runs']} of {about['runs_of_the_whole']} runs. At 100 % all arms are dense.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Accuracy is that of the test set at the iteration of least validation loss, as in the paper; validated every 100 iterations, after iteration 20,000 every 500 (the paper: every 100 throughout).
#
# Anyone can make the record, stop it, and go on: `python course.py lottery --paper` (`--resume` begins with the runs that came with the course). Every run uses one thread and the seed of its trial. On another kind of
# processor sums are taken in another order, so numbers differ: a seed that was begun on one processor and went on on another has the same initial weights and the same batches, and each run says where it was trained.
#
# On a cluster it is one call with Dask's executor (the extra `cluster`); this has both controls at all 18 densities:
#
# ```python
# from dask.distributed import Client
#
# client = Client("tcp://scheduler:8786")
# lottery.sweep(lottery.Experiment(), seeds=range(5), file="paper.jsonl", executor=client.get_executor())
# ```

# %% slideshow={"slide_type": "skip"}
for made in about["provenance"]:
    runs = sum(r.get("provenance") == made for r in record.records)
    print(f"{runs} runs: {made['date']}, torch {made['versions']['torch']}, {made['cpu']}")
print(f"made by {about['command']}; {about['run_hours']} hours, added up")
record.table("test_accuracy")


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### When does each arm stop?
#
# Each run is divided by the dense run of *its own seed*: a bar spans the five seeds, the line is their mean.
#
# **Predict.** At 21.1 % the ticket stopped sooner than dense, reinit later. With fewer and fewer weights: does the ticket stay below 1? And does reinit come closer to 1, or go further away?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask first why we divide within a seed. (The seed alone moves dense's stop by half.) Then show. In the paper the ticket needs as long as dense again at 3.6 %: let the room look. So it does here, in the mean, and the seeds lie on both sides.


# %% slideshow={"slide_type": "skip"}
def paired(value, arm, level, other="dense", other_level=0):
    """`value(a, b)` for each seed that the record holds in both arms."""
    b = {r["seed"]: r for r in record.of(other, other_level)}
    return [value(a, b[a["seed"]]) for a in record.of(arm, level) if a["seed"] in b]


def times_as_long(a, b):
    return a["early_stop"] / b["early_stop"]


def better(a, b):
    return 100 * (a["test_accuracy"] - b["test_accuracy"])


def said(value, text):
    """The means at the levels that the record holds, in words."""
    return "; ".join(
        f"{arm} "
        + ", ".join(
            f"{text.format(mean(v))} at {100 * record.density(n):.1f} %"
            for n in (3, 7, 9, 12, 15)
            if (v := paired(value, arm, n))
        )
        for arm in ("ticket", "reinit", "random")
    )


# %% slideshow={"slide_type": "skip"}
def against_dense(value, label, height, legend):
    """A bar from the lowest to the highest seed, a line for their mean, over the weights left."""
    fig, ax = plots.figure(size=(6.0, height))
    for arm, style, colour in (("ticket", "o-", "blue"), ("reinit", "s--", "orange"), ("random", "^:", "green")):
        at = [(100 * record.density(n), paired(value, arm, n)) for n in record.levels(arm) if n]
        beside = {"ticket": 1, "reinit": 1.05, "random": 0.95}[arm]  # so that no bar hides another
        spans = [(x * beside, min(values), max(values)) for x, values in at]
        ax.vlines(*zip(*spans, strict=True), color=plots.COLOURS[colour], alpha=0.4, lw=5)
        ax.plot([x for x, _ in at], [mean(v) for _, v in at], style[1:], color=plots.COLOURS[colour], label=arm, lw=2.5)
    last = max(record.levels("ticket"))
    ticks = [t for t in (100, 50, 20, 10, 5, 2) if t > 100 * record.density(last)]
    ax.set(xscale="log", xlabel="weights left, %", ylabel=label, xlim=(100, 95 * record.density(last)))
    ax.set_xticks(ticks, ticks, minor=False)
    ax.set_xticks([], minor=True)
    ax.legend(loc=legend)
    return fig, ax


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = against_dense(times_as_long, "early stop,\nover dense's", 3.3, "upper left")
ax.axhline(1, color="black", linestyle="--")
ax.set_yscale("log", base=2)
ax.set_yticks([0.5, 1, 2, 4], ["½", "1", "2", "4"])
plots.show(
    fig,
    alt=f"Early stop over dense's of the same seed, against weights left. Means: {said(times_as_long, '{:.2f}')}.",
    caption=f"{about['runs']} of {about['runs_of_the_whole']} runs. Below the dashed line: sooner than dense. Bars of the controls are moved a little aside.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Not with the fewest; further away.** The ticket's mean stays below 1 down to about 5 %. Both controls end at more than three times dense. Luck moves a stop far: near its least value the loss is probably flat.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How accurate is it there?
#
# **Predict.** The table ended at 3.6 %, with the ticket still above dense. With fewer weights, down to 1.9 %: does it **A** stay above, **B** end level with dense, **C** fall below?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands, A to C. Then compare with the short run of the lesson before, where arms were points apart: here the axis spans far less. A tenth of a point is ten digits. Then the question of slide 1: beside dense after all 50,000 iterations the ticket at its stop is ahead by 0.22 points at 21.1 %, by 0.26 at 13.5 % and by 0.14 at 7.0 %; at 3.6 % it is level (−0.04), and behind with fewer. Means of the record's five seeds.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = against_dense(better, "right, points\nabove dense", 3.7, "lower left")
ax.axhline(0, color="black", linestyle="--")
plots.show(
    fig,
    alt=f"Test accuracy at the early stop, minus dense's of the same seed, against weights left. Means in points: {said(better, '{:+.2f}')}.",
    caption=f"The same {about['runs']} runs, each at its own early stop. Test digits.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C, from 2.3 % on, in the mean.** From 51 to 3.6 % it leads by some tenths, and both controls lie below it. Both still gain after their stop (not in the figure): with both *finished*, after all 50,000 iterations, the ticket leads by 0.35 points at 21.1 %, by 0.25 at 13.5 % and by 0.14 at 7 %; at 4.5 % the two are level, and at 3.6 % it is 0.16 behind.

# %% slideshow={"slide_type": "skip"}
# what, the paper's words, what agrees with them, how to measure it
PAPER = [
    ("51.3 %: stops sooner than dense", "sooner", lambda v: v < 1, "{:.2f}×", (times_as_long, "ticket", 3)),
    ("21.1 %: stops sooner than dense", "0.62×", lambda v: v < 1, "{:.2f}×", (times_as_long, "ticket", 7)),
    ("21.1 %: reinit, over the ticket", "2.51×", lambda v: v > 1, "{:.2f}×", (times_as_long, "reinit", 7, "ticket", 7)),
    ("3.6 %: stops with dense", "about 1×", lambda v: 0.75 < v < 1.33, "{:.2f}×", (times_as_long, "ticket", 15)),
    ("51.3 %: above dense", "above", lambda v: v > 0, "{:+.2f}", (better, "ticket", 3)),
    ("21.1 %: above reinit", "+0.5", lambda v: v > 0, "{:+.2f}", (better, "ticket", 7, "reinit", 7)),
    ("13.5 %: above dense", "> +0.3", lambda v: v > 0, "{:+.2f}", (better, "ticket", 9)),
    ("3.6 %: as accurate as dense", "about 0", lambda v: abs(v) < 0.3, "{:+.2f}", (better, "ticket", 15)),
]
card.record("record-dense", mean(of("dense", 0, "final_test_accuracy", 100)))
card.record("record-reinit-later", mean(paired(times_as_long, "reinit", 7, "ticket", 7)))
beside = [
    [what, words, cell(v, text), f"{sum(agrees(x) for x in v)} of {len(v)}" if v else "–"]
    for what, words, agrees, text, how in PAPER
    for v in [paired(*how)]
]

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The paper's figures, and ours
#
# Its text (section 2) gives ratios and differences. The last column counts the seeds whose *direction* is the paper's.
#
# **Predict.** Which of them will a re-run with other seeds most easily miss: times or accuracies?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room judge the columns *paper* and *record* first, the last column after. In the row of reinit the divisor is the ticket (slide 2), not dense as in the figure before. Direction is a weak test: look at the sizes. Say what is different here: one re-initialisation a seed where the paper has three, other draws, images of another
# scale, perhaps.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["the ticket at", "paper", "record", "direction"],
    beside,
    caption="×: iterations, over dense's (reinit: over the ticket's); others: points of accuracy.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Times, here.** In two of their rows one seed disagrees; in one row of accuracies, too, and that seed is better than the paper's word. In the mean all eight directions agree. That is a weak test: the sizes differ, 2.51× there and 3.08× here, +0.5 and +0.38. "About": within a third of the iterations, 0.3 points.


# %% slideshow={"slide_type": "skip"}
unit = json.loads((runtime.ROOT / "records" / "lottery" / "unit-length-mnist.json").read_text(encoding="utf-8"))
stops = {r["seed"]: r["early_stop"] for r in record.of("dense", 0)}
elsewhere = json.loads((runtime.ROOT / "records" / "lottery" / "paper-mnist-amd.json").read_text(encoding="utf-8"))
here = {(r["seed"], r["arm"], r["level"]): r for r in record.records}
pairs = [(here[r["seed"], r["arm"], r["level"]], r) for r in elsewhere["runs"]]
apart, points = [max(t := times_as_long(*two), 1 / t) for two in pairs], [abs(better(*two)) for two in pairs]
card.record("processor-luck", median(apart))
print(
    f"{len(pairs)} runs, again on {elsewhere['cpu']}: the later stop over the sooner {median(apart):.2f}×, at most {max(apart):.2f}×;"
)
print(f"accuracies there apart by {median(points):.2f} points in the median, at most {max(points):.2f}")
Table(
    ["dense, early stop after", *(f"seed {r['seed']}" for r in unit["runs"])],
    [
        ["images from 0 to 1 (the record)", *(stops[r["seed"]] for r in unit["runs"])],
        ["images of length 1", *(r["early_stop"] for r in unit["runs"])],
    ],
    caption=f"{unit['command']}; {unit['date']}; {unit['iterations']:,} iterations.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# **What the table leaves out.** In the paper the accuracy of reinit falls below that of dense from 21.1 % on (section 2). In the record it is level there, below in four seeds of five at 13.5 %, and in all five at 7.0 %.
#
# **The same run on two kinds of processor.** The two lines over the table compare runs of the same seeds, so with the same initial weights and batches. The other processor adds up in another order, and from
# there all goes its own way, the masks too. That much of a single stop is luck before any seed changes. So compare means over seeds, and look how many seeds agree.
#
# **The absolute numbers.** The paper's text gives no iterations of an early stop: they stand in its figures alone (as 1 and 4), and we could not read them well enough to set numbers beside ours. They may well be larger.
# One difference that could matter: in a [re-implementation](https://github.com/google-research/lottery-ticket-hypothesis) each image is scaled to length 1. The table tries that on dense
# networks, same seeds and batches. All three stop later, by factors below two: it may explain a part of the difference, and the rest is open. (These runs were made on another kind of processor than the record's.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. What a ticket saves, and what it costs
#
# "A sparse network is cheaper to train." With 3.6 % of the weights, a step should need 3.6 % of the work.
#
# **Predict.** A training step of the ticket at 3.6 % takes, compared with dense: **A** about as long, **B** half as long, **C** a tenth?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; expect B and C. After the table: the zeros are multiplied like any number. And the network of 12 hidden units, with as many weights? It is what a smaller *shape* brings.

# %% slideshow={"slide_type": "skip"}
plan = lottery.Experiment(
    task=TASK, densities=(0.5, 0.2, 0.07, 0.036), iterations=200, validate_every=100
)  # the rounds of the lesson before
sets = lottery.engine.load(TASK, plan.held_out, 0)
picked = next(lottery.engine.batches(sets.chosen, plan.batch, 0))
x, y = sets.rows[picked], sets.labels[picked]


def trainer(level, widths=plan.widths, few=0):
    """A network of the engine at a level; the learning rate is tiny, so that timing changes nothing.

    Adam gets all weights, zeros too; with few=1 those alone that are left in the hidden layers.
    """
    values = lottery.engine.initial(widths, 0)
    masks = [torch.ones_like(value) for value in values[::2]]
    if level:
        masks = lottery.engine.keep_largest(values, masks, plan.layer_densities(level))
    return lottery.engine.Trainer(values, masks, batch=plan.batch, lr=1e-12, few=few)


FEW, TINY = "ticket, 3.6 %", "12 hidden units, dense"  # as many weights, one hidden layer
steppers = {"dense": trainer(0), "ticket, 7.0 %": trainer(3), FEW: trainer(4), TINY: trainer(0, (784, 12, 10))}
taken = timing.compare({name: lambda t=t: t.step(x, y) for name, t in steppers.items()}, rounds=9, device=cpu)
in_all = {name: int(sum(mask.sum() for mask in one.masks)) for name, one in steppers.items()}
card.record("masked-step", taken.ratio(FEW), taken.ratio_quartiles(FEW))
card.record("small-step", taken.ratio(TINY), taken.ratio_quartiles(TINY))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["a training step", "weights", "times as fast as dense"],
    [
        [name, f"{in_all[name]:,}", "{:.2f} ({:.2f} to {:.2f})".format(taken.ratio(name), *taken.ratio_quartiles(name))]
        for name in steppers
    ],
    caption="Batch of 60, one thread; in brackets the quartiles. 7.0 and 3.6 %: of the hidden layers.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A.** The matrix products take the zeros with them, as in [[zero_worth]]. A *small dense* network with about as many weights is faster.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What else is in a step?
#
# A kernel that skips zeros would shrink the products. Adam keeps two running means for each parameter: it reads weight, gradient and both means, and writes weight and means, for the zeros too.
#
# **Predict.** Bytes that Adam moves in a step, over those of the batch of 60 images: **A** half, **B** 4 times, **C** 40 times?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Count on the board: 7 numbers of 4 bytes for each parameter. The last column is of this machine. Adam comes on top of the products: the last row leaves most of it out, and is how the course's own training loop made the record. Ask what else is in the rest, some 30 %: loss, ReLU, sums for the biases, gradients times mask, and the calls themselves.

# %% slideshow={"slide_type": "skip"}
dense = steppers["dense"]
signal = [torch.randn(plan.batch, n) for n in plan.widths]  # as wide as the layers


def products():
    """The matrix products of a step, forward and backward, and nothing else."""
    for i, weight in enumerate(dense.values[::2]):
        torch.mm(signal[i], weight.t())
        torch.mm(signal[i + 1].t(), signal[i])
        if i:
            torch.mm(signal[i + 1], weight)


ALONE = "ticket, 3.6 %: the whole step with that Adam"
alone = trainer(4, few=1)
parts = timing.compare(
    {
        "dense, the whole step": lambda: dense.step(x, y),
        "dense, its matrix products": products,
        "dense, Adam": dense.adam.step,
        "ticket, 3.6 %: Adam on what is left": alone.adam.step,
        ALONE: lambda: alone.step(x, y),
    },
    rounds=9,
    device=cpu,
)
adam_bytes = 7 * 4 * sum(value.numel() for value in dense.values)
card.record("adam-bytes", adam_bytes / (x.numel() * x.element_size()))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["one step", "time, % of the dense step"],
    [[name, f"{100 / parts.ratio(name):.0f}"] for name in parts.samples],
    caption=f"Adam moves {si(adam_bytes, 'B')}, the batch has {si(x.numel() * 4, 'B')}. Parts are timed alone, with warmer caches.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** A mask does not shrink it. In the last two rows Adam gets only the weights that are left, side by side: the trained weights are the same to the last bit, in less time. A cheap sparse step needs that *and* sparse products, and the mask from the start: the dense network that finds it trains at the full price.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### "More than 90 % compression"
#
# 7 % of the weights are left. Store the values that are left, and one bit for each place.
#
# **Predict.** How many times smaller is the file: **A** 5, **B** 10, **C** 14 times?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them compute: 7 % of 32 bits is 2.2 bits a place, and the mask adds 1. Then ask for 3.6 %: the mask begins to weigh as much as the values.


# %% slideshow={"slide_type": "skip"}
def own_start(seed):
    return lottery.engine.initial(plan.widths, seed)


def learn(values, masks, seed):
    """Train from these values under these masks: (trainer, % right before, % right after)."""
    sets = lottery.engine.load(TASK, plan.held_out, seed)
    one = lottery.engine.Trainer(values, masks, batch=plan.batch, lr=plan.lr)
    before = one.score(sets.test_rows, sets.test_labels)[1]
    order = lottery.engine.batches(sets.chosen, plan.batch, seed)
    after = lottery.engine.train(one, sets, order, 0, plan.iterations, plan.iterations)["final_test_accuracy"]
    return one, 100 * before, 100 * after


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


# %% slideshow={"slide_type": "skip"}
results = lottery.sweep(
    plan, SEEDS, controls={"reinit": (), "random": (4,)}, executor=lottery.InProcess(), progress=False
)


def masks_of(level, seed):
    """The masks of a ticket, one tensor a layer; the run of the level before found them."""
    return lottery.engine.unpack(results.of("ticket", level - 1)[seed]["next_masks"], plan.widths)


# %% slideshow={"slide_type": "skip"}
ONES = [torch.ones_like(weight) for weight in own_start(0)[::2]]
nets, again, sizes = {}, {}, {}
level_of = {"ticket, 20 %": 2, "ticket, 7.0 %": 3, FEW: 4}
for name, masks in ({"dense": ONES} | {name: masks_of(level, 0) for name, level in level_of.items()}).items():
    one, _, again[name] = learn(own_start(0), masks, 0)  # the same numbers again, from mask and seed
    net = nets[name] = models.LeNet300100().requires_grad_(False)
    net.load_state_dict(dict(zip(net.state_dict(), one.values, strict=True)))
    sizes[name, "zeros stored"] = size_report(net, compressed=True)
    if name != "dense":
        packed = Packed(net)
        assert all(torch.equal(packed.weight(n, layer.weight.shape), layer.weight) for n, layer in net.named_children())
        sizes[name, "bits and values"] = size_report(packed, compressed=True)
whole = sizes["dense", "zeros stored"]
card.record("packed-3.6", whole.file_bytes / sizes[FEW, "bits and values"].file_bytes)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["LeNet-300-100", "stored as", "times smaller", "both under gzip"],
    [
        [name, form, f"{whole.file_bytes / s.file_bytes:.1f}", f"{whole.compressed_bytes / s.compressed_bytes:.1f}"]
        for (name, form), s in sizes.items()
    ],
    caption="Files of seed 0, over the dense one's; last column: gzip on both sides.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B.** More than 90 % of the *weights*, yes. Of the *bytes*, in a format that skips zeros, about 7 % + 3 % for the mask are *left*, before gzip: a bit over 10 %. Plain pruning ([[zero_worth]]) gives the same bytes: this is no merit of the ticket.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The bill
#
# One hidden layer of 12 units has about as many weights as the ticket at 3.6 %.
#
# **Predict.** Is it as good, after as many steps? And how many networks does the *paper's* schedule train to get that ticket?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* 15 rounds of 20 % need 16 trainings, the last of them the ticket's own. If asked for the energy: the ledger below in the notebook has an estimate for one image; with the zeros stored it stays that of dense. Ask who would pay that for one network of fewer than 10,000 weights; then: who would pay it once for many trainings under one mask?

# %% slideshow={"slide_type": "skip"}
tiny_plan = lottery.Experiment(task=TASK, widths=(784, 12, 10), densities=(0.8,), iterations=plan.iterations)
tiny = [
    learn(v := lottery.engine.initial(tiny_plan.widths, s), [torch.ones_like(w) for w in v[::2]], s)[2] for s in SEEDS
]


def rights(arm, level):
    return [100 * r["final_test_accuracy"] for r in results.of(arm, level)]


card.record("ticket-small", mean(rights("ticket", 4)) - mean(tiny))
bill = [  # network, accuracies, networks trained here, by the paper's schedule
    ("dense", rights("dense", 0), 1, 1),
    ("ticket, 7.0 %", rights("ticket", 3), 3 + 1, 12 + 1),
    (FEW, rights("ticket", 4), 4 + 1, 15 + 1),
    ("random mask, 3.6 %", rights("random", 4), 1, 1),
    (TINY, tiny, 1, 1),
]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
canvas = diagrams.Canvas(width=760, height=400)
canvas.text(385, 22, "% right", bold=True, size=26)
canvas.text(450, 22, "networks trained", bold=True, align="left", size=26)
for y_row, (name, values, here, there) in zip(range(80, 400, 71), bill, strict=True):
    canvas.text(320, y_row, name, align="right", size=26)
    canvas.text(385, y_row, f"{mean(values):.1f}", size=26)
    for n, meaning, up in ((here, "int8", -17), (there, "plain", 17)):
        canvas.box(450, y_row + up - 12, width=15 * n, height=24, fill=meaning)
        canvas.text(460 + 15 * n, y_row + up, str(n), align="left", size=26)
plots.show(
    canvas.figure(),
    alt="; ".join(
        f"{name}: {mean(values):.1f} percent right, {here} networks trained here, {there} by the paper's schedule"
        for name, values, here, there in bill
    )
    + ".",
    caption=f"{plan.iterations} iterations, mean of {len(SEEDS)} seeds. Blue: here. Grey: by the paper's schedule.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. No; 16.** After as many steps the ticket is better than this small dense network. It saves *weights*, bytes of a packed file, and the energy of fetching them: no training, and with dense products little time (the two tables of a step).

# %% slideshow={"slide_type": "skip"}
cost = energy.estimate(nets["dense"], images[:1])
forms = [("dense", "zeros stored", f"fp32, {plan.iterations} iterations", 1.0)]
for name, level in level_of.items():
    left = percent_left(plan.layer_densities(level)) / 100
    for form in ("zeros stored", "bits and values"):
        forms.append((name, form, f"lottery ticket, {name.split(', ')[1]} left, {form}", left))
written = [
    ledger.record(
        lesson="ticket_full",
        task=TASK,
        model="LeNet-300-100",
        technique=technique,
        accuracy=again[name] / 100,
        file_bytes=sizes[name, form].file_bytes,
        load_ms=sizes[name, form].load_ms,
        energy_nj=cost.compute_nj + cost.fetch_nj * (1 if form == "zeros stored" else left + 1 / 32),
    )
    for name, form, technique, left in forms
]
ledger.table(written)

# %% [markdown] slideshow={"slide_type": "skip"}
# The ledger's rows are of seed 0 with the short budget; its first row, *fp32, 200 iterations*, is the dense network of the same seed and as many steps, so that a later comparison is fair. The energy of a packed ticket is estimated: fetching the values that
# are left and one bit for every place, then the same products as dense; the unpacking is not counted. So it falls without any kernel that skips zeros.
#
# "A good initialisation achieves more than 90 % compression" is too short a summary. What the paper shows is a *pair*, mask and initialisation, for small networks on MNIST and CIFAR-10, and for deeper ones with a lower learning rate or warm-up. It
# states a hypothesis and a way to find tickets. It does not prove that every network has one.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What is contested since
#
# **The values, or only their signs?** H. Zhou et al., *Deconstructing lottery tickets*, 2019
# ([arXiv:1905.01067](https://arxiv.org/abs/1905.01067)), report: keep the *signs* of the initial weights, and other sizes do nearly as well.
#
# Test it: the ticket's mask at 7 %, new random sizes, signs from $\theta_0$.
#
# **Predict.** New values lose points against the ticket's. How much of that gap do the signs win back: **A** a tenth, **B** more than half, **C** all of it?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote. Point out the fairness: rows two and three have the *same* new sizes, and differ in their signs alone. After the table look at the column *untrained*: which are classifiers before any training? The first, and the second in part; new signs are at guessing.


# %% slideshow={"slide_type": "skip"}
def new_start(seed, signs):
    """New random weights; `signs`: with the signs of the seed's own first weights."""
    return [
        new.abs() * own.sign() if signs and own.dim() == 2 else new
        for new, own in zip(own_start(1_000 + seed), own_start(seed), strict=True)
    ]


starts = {
    "its own (the ticket)": own_start,
    "new sizes, own signs": lambda seed: new_start(seed, True),
    "the same sizes, new signs": lambda seed: new_start(seed, False),
}
learned = {name: [learn(start(seed), masks_of(3, seed), seed)[1:] for seed in SEEDS] for name, start in starts.items()}
own, signed, unsigned = (mean(after for _, after in runs) for runs in learned.values())
card.record("signs", 100 * (signed - unsigned) / (own - unsigned))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["first values under the mask", "untrained, % right", f"after {plan.iterations} steps, % right"],
    [
        [name, mean_and_range([b for b, _ in runs]), mean_and_range([a for _, a in runs])]
        for name, runs in learned.items()
    ],
    caption=f"Mean of {len(SEEDS)} seeds (lowest to highest). Won back: {100 * (signed - unsigned) / (own - unsigned):.0f} %.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B.** Here more than half of the gap is one bit a weight: which way it points. The sizes keep a part of it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Larger networks
#
# - Z. Liu et al., *Rethinking the value of network pruning*, ICLR 2019 ([arXiv:1810.05270](https://arxiv.org/abs/1810.05270)): with a well chosen learning rate (CIFAR-10, deeper networks than ours), they find, the ticket's initialisation gives no gain over a random one.
# - T. Gale et al., *The state of sparsity in deep neural networks*, 2019 ([arXiv:1902.09574](https://arxiv.org/abs/1902.09574)): on a Transformer and ResNet-50, sparse
#   networks trained from the start do not reach those that were pruned while training.
# - J. Frankle et al., *Stabilizing the lottery ticket hypothesis*, 2019 ([arXiv:1903.01611](https://arxiv.org/abs/1903.01611)): rewind to an **early iteration** $k$
#   instead of 0, and tickets of deeper networks are found again.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask which of the papers contradict each other, and which only speak of other networks, rates and budgets. A good answer names, for each claim, the network, the learning rate and the control. Liu and the first ticket paper disagree on deeper networks, and the learning rate
# decides; the third paper changes the claim; Gale compares with pruning while training, another control.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Rewinding later, or not at all
#
# - J. Frankle et al., *Linear mode connectivity and the lottery ticket hypothesis*, ICML 2020 ([arXiv:1912.05671](https://arxiv.org/abs/1912.05671)): their subnetworks reach
#   full accuracy only where two trainings with other orders of the data end up *connected*: on the straight line between their weights the error does not rise. On MNIST that
#   is so from initialisation on, for their large networks from an early iteration on.
# - A. Renda et al., *Comparing rewinding and fine-tuning in neural network pruning*, ICLR 2020 ([arXiv:2003.02389](https://arxiv.org/abs/2003.02389)): **learning-rate rewinding** keeps the trained weights and rewinds
#   only the *schedule* of the learning rate. It is as good as rewinding the weights, or better; both beat fine-tuning.
#
# | | weights from | learning rate from |
# |---|---|---|
# | rewind to 0 | first | first |
# | rewind to $k$, `Experiment(rewind=k)` | iteration $k$ | $k$ |
# | learning-rate rewinding | trained | earlier |
# | fine-tuning | trained | last |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw two curves of the error along a straight line between two trained networks: flat (connected), and with a hill (not). If one rewinds to iteration 500 of 100,000: is that still a lottery? Collect two answers, and leave it open.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### So what stands?
#
# - *Small networks*: winning tickets from initialisation were found here, with controls. All arms share Adam at 0.0012, the paper's rate; a rate for each arm was not tested.
# - *Large networks*: winning tickets are found at an early iteration of a training already begun, in these papers with the mask of a full training.
# - *As a way to ship smaller networks*: rewind the learning rate, or prune and fine-tune.
#
# A ticket is evidence about *learning*: a sparse network learns this sooner, if it starts right.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let each row be attacked: "What would change your mind?" The first needs a learning rate for each arm, the second larger networks than we can train here.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · Read the curves
# ★★★ · 15 minutes
#
# `dense` and `ticket` are lists of rows (iteration, validation loss, validation accuracy, test accuracy), one for each validation, in order; accuracies from 0 to 1. Both
# runs are validated at the same iterations, and no two losses of a run are equal. Write `compare_runs`, as the paper compares: stop each run early, where its own validation *loss* is least. Return by how many
# *percent* of dense's stop the ticket stops sooner (negative if later), and how many *points* better the test accuracy of the stopped ticket is than that of the stopped
# dense network.
#
# `compare_runs(dense, ticket)` → (percent sooner, points better)
#
# <details><summary>Hint</summary>
# First find one row in each run, then compare the two rows. You may not look at the test accuracy to choose them. Points are differences of percentages.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* In pairs, on paper. Write up (iteration, loss, test accuracy): dense (100, 0.30, 0.90), (200, 0.20, 0.93), (300, 0.25, 0.94); ticket (100, 0.22, 0.92), (200, 0.24, 0.93), (300, 0.30, 0.94). Answer: 50 % sooner, −1 point.
# The mistake to wait for: choosing the row by the test accuracy (0 % and 0 points). Ask what would be wrong with that.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def compare_runs(dense, ticket):
    """(percent of dense's stop that the ticket stops sooner, points that its test accuracy is better there).

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
# - In full, a ticket with a fifth of the weights stops sooner than dense in all five seeds, and is some tenths of a point better; with new values the same mask is slower than the ticket in all, than dense in four, and less accurate than the ticket. Read n before the mean.
# - A ticket saves weights, the bytes of a packed file, and the energy of fetching them. It saves no training and, with dense products, little or no time.
# - It is evidence about how networks learn. For large networks "initialisation" has become "an early iteration".
#
# **Going further**: J. Frankle and M. Carbin, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635), figures 3 and 4 with section 1 in mind;
# E. Malach et al., *Proving the lottery ticket hypothesis: pruning is all you need*, 2020, [arXiv:2002.00585](https://arxiv.org/abs/2002.00585). Next here: [[distillation]].
#
# **Project ideas**: rewind to iteration 100 (`Experiment(rewind=100)`); draw three re-initialisations a seed, as the paper did; scale each image to length 1, and run all arms.
#
# **Credits**: the experiment is J. Frankle and M. Carbin's. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on
# Tivadar Danka's *How to Compress a Neural Network*. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for one number of today that would look different with a single seed.

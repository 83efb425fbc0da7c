# ---
# jupyter:
#   course:
#     promise: You will choose a model by fronts, twins and budgets, say how sure the choice is, and put a network of your own through the course.
#     minutes: 45
#     seconds: 20
#     needs: [measuring, baseline, energy, amp, dynamic, audit, static, depthwise, observers, qat, qat_cnn, choosing, prune_module, prune_model, zero_worth,
#       structured, scores, ticket_full, students, lightning_qat, lightning_pruning, decoding, weight_only, adapters, deep_compression, bit_budget]
#     goals:
#       - Draw the Pareto front of measured models, and say what it ranks and what it does not.
#       - Say how sure a front is, from the number of test images.
#       - Choose a model for a budget, and say so when none fits.
#       - Put a network of your own through audit, sizes, int8 and pruning, and see when a comparison says nothing.
#     terms: [dominate, Pareto front, top-1 agreement, twin]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *All rows of the course on one table. Which of them would you send to a customer?*
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
# *For the lecturer, 1.5 min.* Say: "For a whole course lessons wrote their models into one ledger. Today we read it." Ask: "What do you have to know before you can answer the question of the title?" Collect on the board: how small, how
# good, how fast, on which device, how sure. Each comes back today.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy
import json
import re
import runpy
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torchvision
from matplotlib.ticker import LogLocator
from torch import nn
from torch.nn.utils import prune

from course_utils import data, legacy_int8, models, runtime
from course_utils.data import checkpoints
from course_utils.measure import int8_audit
from course_utils.measure.sizes import size_report
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.shipping import checks as check

legacy_int8.ignore_deprecations(remarks=True)  # [[static]] and [[torchao]] say what follows the older int8
card = claims.Scorecard("shipping")
engine = torch.backends.quantized.engine = legacy_int8.best()
torch.set_num_threads(1)
runtime.seed_all(0)
KINDS = {"float": "orange", "fewer bits": "blue", "fewer weights": "black", "both": "green", "other": "purple"}
AXES = {"file_bytes": ("kB of the file", 1000), "energy_nj": ("µJ an image, estimated", 1000)}
AXES |= {"speedup": ("times faster than eager fp32", 1)}


def kind(row):
    """What was done to the model, by the words of its technique."""
    if row.technique.startswith("fp32"):
        return "float"
    said = row.technique.replace("never cut", "")
    bits = re.search(r"int8|\d-bit|\d bits|float16|bf16|shared|coded", said)
    cut = re.search(r" left|% of |\bcut\b|pruned|deep compression|2:4", said)
    return "both" if bits and cut else "fewer bits" if bits else "fewer weights" if cut else "other"


def dots(ax, points):
    """Points (x, y, kind of the row), a colour for each kind."""
    for name, colour in KINDS.items():
        chosen = [(x, y) for x, y, what in points if what == name]
        if chosen:
            ax.plot(*zip(*chosen, strict=True), "o", color=plots.COLOURS[colour], alpha=0.75, label=name)
    ax.set(xscale="log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")


def legend(fig, ax, columns):
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=columns)


def plane(ax, rows, field, scale=1.0, best=()):
    """Rows as points, accuracy over a field; the rows of `best`, a front, under a staircase."""
    dots(ax, [(getattr(r, field) / scale, 100 * r.accuracy, kind(r)) for r in rows if getattr(r, field)])
    steps = sorted((getattr(r, field) / scale, 100 * r.accuracy) for r in best)
    if steps:
        ax.step(*zip(*steps, strict=True), where="post", color=plots.COLOURS["grey"], zorder=1)


def scene(name, wishes, row, lowest, highest):
    """The rows, the region of the budget, and a ring around the winner."""
    rows, limits, *_ = wishes
    field = next(iter(limits))
    words_below, scale = AXES[field]
    fig, ax = plots.figure(size=(12, 3.3))
    plane(ax, rows, field, scale)
    if field == "speedup":
        ax.set(xscale="linear")
    ends = [min(max(end / scale, ax.get_xlim()[0]), ax.get_xlim()[1]) for end in limits[field]]
    floor = max(100 * limits["accuracy"][0], lowest)
    ax.fill_between(ends, floor, highest, color=plots.COLOURS["sky"], alpha=0.25)
    ax.plot(getattr(row, field) / scale, 100 * row.accuracy, "o", ms=20, mfc="none", mec="black", mew=3)
    ax.set(title=f"{name}: {row.model}, {row.technique}", ylim=(lowest, highest))
    ax.set(xlabel=words_below, ylabel="test images right, %")
    return fig


def pictures(split, n, side):
    """Batches of 8 digits of MNIST, enlarged, in three channels."""
    digits, _ = data.load("mnist", split, n=n)
    return nn.functional.interpolate(digits, (side, side)).repeat(1, 3, 1, 1).split(8)


recorded = [row for row in ledger.rows() if row.accuracy is not None]  # of every lesson; yours where you ran it
mnist, fashion, text = ([r for r in recorded if r.task == task] for task in ("mnist", "fashion_mnist", "python_source"))
text = [r for r in text if r.lesson == "weight_only"]  # other lessons ask the language model other pieces of text
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. All rows on one plane
#
# Each row of the ledger on MNIST that has a file is a point: bytes of the file, accuracy on the 10,000 test images.
#
# One row **dominates** another when it takes at most as many bytes, is at least as accurate, and is better in one of the two. Rows that nobody dominates are the **Pareto front**.
#
# **Predict.** How many of the points are on the front: **A** half, **B** a quarter, **C** fewer?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2.5 min.* Draw two points on the board and let the room say which dominates; then two of which neither does. Vote. First click: the cloud. Second: the front. The answer is C. Third: the language model, whose quality is another number; only the rows of [[weight_only]], for other lessons ask it other pieces of text. Say: "All other points are answers to questions that somebody had;
# on this plane each has one that dominates it." Ask who would still ship a point off the front: someone with another resource in mind, which is section 3.


# %% slideshow={"slide_type": "skip"}
def dominates(a, b, better):
    """True when row `a` is at least as good as `b` in all fields of `better` (1: more is better, -1: less), and better in one."""
    pairs = [(sign * getattr(a, name), sign * getattr(b, name)) for name, sign in better.items()]
    return all(x >= y for x, y in pairs) and any(x > y for x, y in pairs)


def front(rows, better):
    there = [row for row in rows if None not in (getattr(row, name) for name in better)]
    return [row for row in there if not any(dominates(other, row, better) for other in there)]


BYTES, ENERGY, SPEED = (
    {name: sign, "accuracy": 1} for name, sign in (("file_bytes", -1), ("energy_nj", -1), ("speedup", 1))
)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
weighed = [row for row in mnist if row.file_bytes]
on_bytes, on_text = front(weighed, BYTES), front(text, BYTES)
card.record("front-is-small", len(on_bytes) / len(weighed))
drawn = []
for rows, best in ((weighed, []), (weighed, on_bytes), (text, on_text)):
    fig, ax = plots.figure(size=(6, 4.2))
    plane(ax, rows, "file_bytes", 1000, best)
    ax.set(xlabel="kB of the file", ylabel="next characters right, %" if rows is text else "test images right, %")
    legend(fig, ax, 3)
    drawn.append(fig)
corners = "; ".join(f"{r.model}, {r.technique}: {si(r.file_bytes, 'B')}, {r.accuracy:.1%}" for r in on_bytes)
plots.show(
    drawn,
    alt=[
        f"{len(weighed)} points, accuracy over bytes of the file on a logarithmic axis, coloured by what was done.",
        f"The same with a staircase through {len(on_bytes)} of the points. {corners}.",
        f"Another plane, of the language model: {len(text)} points, {len(on_text)} of them on a staircase.",
    ],
    caption=f"On the front: {len(on_bytes)} of {len(weighed)} rows of MNIST; last frame, language model: {len(on_text)} of {len(text)}.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer", "lecture"]
# **What you saw. C.** Most rows are dominated: some other row is no larger and no less accurate. A front says which rows are left to choose from. Each test set has a plane of its own.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Famous, and dominated?
#
# A row's **twin** ([[lightning_pruning]]) is the float model of the same lesson whose data and training are nearest to its own; here, by the words of its technique. It shows what the technique itself gained and lost.
#
# A model has a tenth of its weights left, and its mask with it. It loses less than a point.
#
# **Predict.** Who dominates it on this plane: **A** nobody, **B** some int8 model, but not its twin, **C** its own float twin?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. The answer is C: the float model with all its weights is smaller and better. Ask why: the zeros are stored, and the masks with them. Point to rows whose file is as large as the twin's. Say: "Dominated on this plane is no verdict on the method: a zero has to be *stored* as nothing." Transition: "So
# let us put each row beside its twin."


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def words(row, pattern=""):
    return {word for word in row.technique.split(", ") if re.match(pattern, word)}


def twin(row):
    """The float row of the same lesson, task and model, trained on as many images, that shares most words; or None."""
    same = [r for r in recorded if (r.lesson, r.task, r.model) == (row.lesson, row.task, row.model) and r.file_bytes]
    images = words(row, r"\d.* images")
    floats = [r for r in same if kind(r) == "float" and (not images or images == words(r, r"\d.* images"))]
    found = max(floats, key=lambda r: (len(words(r) & words(row)), -len(words(r))), default=None)
    return None if kind(row) == "float" else found


pairs = [(row, twin(row)) for row in weighed if twin(row)]
beaten = sorted((pair for pair in pairs if dominates(*pair[::-1], BYTES)), key=lambda pair: pair[0].file_bytes)
pruned = sum(kind(row) == "fewer weights" for row, _ in beaten)
card.record("twin-dominates", pruned)
shown = {row.lesson: (row, other) for row, other in beaten}  # of each lesson the largest
lines = [
    (f"{r.technique} ({r.model})", r.file_bytes / t.file_bytes, t.accuracy - r.accuracy) for r, t in shown.values()
]
Table(
    ["dominated by its own twin", "file / twin's", "points lost"],
    [[name, f"{size:.2f}", f"{100 * points:.1f}"] for name, size, points in lines],
    caption=f"The largest file of each lesson. Dominated by their twin: {len(beaten)} of {len(pairs)} rows; of these, pruned: {pruned}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** A zero that is stored takes as many bytes as any number, and a mask comes on top ([[zero_worth]]). The same weights in a format that leaves zeros out are other rows, with other files.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. Models or techniques?
#
# The front compares *models*: their architecture, their training and what was done to them. An arrow from the twin to the row compares what was *done*.
#
# **Predict.** Take the front of the arrows: times smaller than the twin against points lost. Is it made of the same rows?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Left panel: follow one arrow with the finger; left is smaller, down is worse. Vote. The answer is no. Ask what lifts a row in the left panel and, where its twin has it too, does nothing in the right one: longer training, more images, a better architecture. With the rows that come with the course each row of the left front that has a twin is on the right front too; the right one has more of them: the caption counts those on one front only. Say: "If you want to know which method to use, look right. If you want to know which file to send, look left."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
gains = {r.key: (t.file_bytes / r.file_bytes, 100 * (t.accuracy - r.accuracy)) for r, t in pairs}
better_than = {k: [o for o in gains.values() if o[0] >= g[0] and o[1] <= g[1] and o != g] for k, g in gains.items()}
on_gains = [key for key, others in better_than.items() if not others]
parted = len({row.key for row in on_bytes if twin(row)} ^ set(on_gains))
card.record("fronts-differ", parted)
card.record("smaller-within", max(times for times, points in gains.values() if points <= 0.6))
fig, (left, right) = plots.figure(columns=2, size=(12, 3.9))
for row, other in pairs:
    start, end = ((r.file_bytes / 1000, 100 * r.accuracy) for r in (other, row))
    left.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": plots.COLOURS["grey"]})
plane(left, [row for pair in pairs for row in pair], "file_bytes", 1000)
left.set(xlabel="kB of the file", ylabel="test images right, %", title="models: twin → row")
dots(right, [(*gains[row.key], kind(row)) for row, _ in pairs])
ends_of_gains = sorted(gains[key] for key in on_gains)
right.step(*zip(*ends_of_gains, strict=True), where="pre", color=plots.COLOURS["grey"], zorder=1)
right.set(xlabel="times smaller than the twin", ylabel="points lost", title="techniques", ylim=(6, -1))
legend(fig, left, 5)
told = "; ".join(f"{technique}: {gains[*_, technique][0]:.1f} times" for *_, technique in on_gains)
plots.show(
    fig,
    alt=f"Left, arrows from float models to what was made of them. Right, times smaller against points lost. Front: {told}.",
    caption=f"Rows with a twin. On one of the two fronts only: {parted}. Right: losses above 6 points are not drawn.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. No.** What a longer training or a better architecture brings counts on the left, and on the right as far as the twin lacks it. Keep the two questions apart: a training is not the gain of a technique.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Another resource, another front
#
# Energy here is *estimated*: counted products, and each weight fetched once ([[energy]]). Rows without an estimate are left out of both fronts here: **not measured is not bad.**
#
# **Predict.** Fashion-MNIST. Are the rows on the front for bytes also on the front for energy: all, some, none?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote: all, some, none. The answer is some. The rings are on both. Ask how a smaller file can need more energy: the same weights are used again and again in a convolution, so bytes and products are two counts. Say: "Whoever reports one of them has chosen the winner already", and name Dehghani et al., *The efficiency misnomer*.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
estimated = [row for row in fashion if row.file_bytes and row.energy_nj]
on_bytes_too, on_energy = front(estimated, BYTES), front(estimated, ENERGY)
both = [row for row in on_bytes_too if row in on_energy]
card.record("on-both-fronts", len(both))
card.record("on-one-front", len(on_bytes_too) + len(on_energy) - 2 * len(both))
fig, axes = plots.figure(columns=2, size=(12, 3.9))
for ax, best, field in zip(axes, (on_bytes_too, on_energy), ("file_bytes", "energy_nj"), strict=True):
    plane(ax, estimated, field, 1000, best)
    rings = [(getattr(row, field) / 1000, 100 * row.accuracy) for row in both]
    ax.plot(*zip(*rings, strict=True), "o", ms=17, mfc="none", mec="black", mew=2)
    ax.set(xlabel={"file_bytes": "kB of the file", "energy_nj": "µJ an image, estimated"}[field], ylim=(80, 93))
axes[0].set(ylabel="test images right, %")
legend(fig, axes[0], 5)
plots.show(
    fig,
    alt=f"Two planes with fronts. Rings, on both: {'; '.join(f'{r.model}, {r.technique}' for r in both)}.",
    caption=f"{len(estimated)} of {len(fashion)} rows have both values. On the front for bytes {len(on_bytes_too)}, for energy {len(on_energy)}, "
    f"on both (rings) {len(both)}. Below 80 % nothing is drawn.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Some.** Dehghani et al. ([2021](https://arxiv.org/abs/2110.12894)) discuss how parameters, FLOPs and speed can contradict each other, and what a report of one of them hides.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### And time?
#
# The ledger's speed-up is over the *same model* in eager fp32. So it ranks rows of one model on one machine, and not two models.
#
# SmallCNN was measured in PyTorch and in ONNX Runtime ([[choosing]]), each in float and in int8.
#
# **Predict.** Which is faster: float in the better runtime, or int8 in the slower one?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. In the ledger's rows the float model in ONNX Runtime is faster than PyTorch's int8: by a little on an AMD EPYC, three times on an Intel Xeon. Ask what follows for a report that compares "int8" with "fp32" and does not name the runtimes. Say: "Two levers, and both count. On another processor the factors may be others."


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def machine(lesson):
    """The processor on which the rows of a lesson were measured."""
    paths = [folder / f"{lesson}.json" for folder in (ledger.SHIPPED, runtime.ledger_folder())]
    heads = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    return heads[0]["provenance"]["cpu"] if heads else "unknown"


timed = [row for row in fashion if row.speedup]
usual = Counter(machine(row.lesson) for row in timed).most_common(1)[0][0]
timed = [row for row in timed if row.model == "SmallCNN" and machine(row.lesson) == usual]
speed = {row.technique: row.speedup for row in timed}
fastest_here = max(r.speedup for r in timed if "Runtime" not in r.technique)
card.record("runtime-over-bits", speed["fp32, ONNX Runtime"] / fastest_here)
on_speed = front(timed, SPEED)
Table(
    ["SmallCNN", "speed-up", "right, %", "front?"],
    [
        [r.technique, f"{r.speedup:.2f}×", f"{100 * r.accuracy:.2f}", "yes" if r in on_speed else ""]
        for r in sorted(timed, key=lambda r: r.speedup)
    ],
    caption=f"Over eager fp32, one image; {usual}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw, by these rows. Float in the better runtime.** The runtime and the bits are two levers. Name both when you report a speed.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. How sure is a front?
#
# An accuracy $p$ from $n$ images has the standard error
#
# $$\sqrt{p\,(1 - p) / n}$$
#
# For $n = 10{,}000$ that is about 0.3 points at 90 %, and less at 98 %.
#
# Draw each network's accuracy anew with this error, 500 times, and take the front each time.
#
# **Predict.** How many different rows are on a front in at least one draw of twenty: as many as in section 1, or more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Work out one error together: p = 0.9 gives 0.003. Vote; the answer is more. A bar near 100 stays on the front in nearly all draws; a short blue bar may owe its place to these images, and a grey one could have had it with others. Say: "A difference of a tenth of a point between two rows is ten images." Point out what is not in it: another seed of the training. And what probably makes it too careful: all rows saw the same images.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
networks = sorted({(row.lesson, row.accuracy) for row in weighed})  # two files of one network share their luck
which = [networks.index((row.lesson, row.accuracy)) for row in weighed]
p = torch.tensor([accuracy for _, accuracy in networks], dtype=torch.float64)
luck = torch.randn(500, len(networks), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
redrawn = (p + luck * (p * (1 - p) / 10_000).sqrt())[:, which]
sizes = torch.tensor([row.file_bytes for row in weighed])
no_worse = (sizes[:, None] <= sizes) & (redrawn[:, :, None] >= redrawn[:, None, :])  # draw, row, dominated row
better_in_one = (sizes[:, None] < sizes) | (redrawn[:, :, None] > redrawn[:, None, :])
often = (1 - (no_worse & better_in_one).any(1).double().mean(0)).tolist()  # share of the draws on the front
likely = sorted((share, place) for place, share in enumerate(often) if share >= 0.05)[-12:]
card.record("within-noise", sum(weighed[place] not in on_bytes for share, place in likely))
named = [f"{si(weighed[n].file_bytes, 'B')}, {100 * weighed[n].accuracy:.1f} %" for _, n in likely]
fig, ax = plots.figure(size=(6, 4.1))
colours = [plots.COLOURS["blue" if weighed[n] in on_bytes else "grey"] for _, n in likely]
ax.barh(range(len(likely)), [100 * share for share, _ in likely], color=colours)
ax.set(xlabel="on the front, % of 500 draws", xlim=(0, 100))
ax.set_yticks(range(len(likely)), named)
plots.show(
    fig,
    alt=f"Bars, the share of the draws on the front: {'; '.join(f'{n}: {s:.0%}' for n, (s, _) in zip(named, likely, strict=True))}.",
    caption=f"On the front in 5 % of the draws or more; blue: the {len(on_bytes)} rows of section 1.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. More.** With this error a row outside the front of section 1 may well stand on it. Most rows are *one* training: its seed comes on top. Yadav and Bottou ([2019](https://arxiv.org/abs/1905.10498)) tested on 50,000 more digits: error rates
# moved a little, the *order* of classifiers was "broadly reliable", which they attribute to comparing on the same digits.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 5. Which would you ship?
#
# A **budget** says what a model may take and must give. Inside it, *one* goal decides. A row without a value keeps no promise about it.


# %% slideshow={"slide_type": "-"}
def fits(row, limits):  # each field is known, and between its two ends
    for name, (low, high) in limits.items():
        value = getattr(row, name)
        if value is None or not low <= value <= high:
            return False
    return True


def ship(rows, limits, field, sign):
    """Rows inside the limits, best first: most of `field` (sign 1) or least (-1)."""
    inside = [row for row in rows if fits(row, limits)]
    return sorted(inside, key=lambda row: sign * getattr(row, field), reverse=True)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Three customers
#
# - **A web page** reads digits: at most 100 kB, as accurate as can be.
# - **A battery** sorts clothes: 89 % or more, as little energy as can be.
# - **A server** sorts clothes with SmallCNN: at least twice as fast as eager fp32, as accurate as can be.
#
# **Predict** for each what the winner has: fewer bits, fewer weights, both, or neither.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* One vote and one click a customer. The web page: both; the picture's title names the row. The battery: fewer bits, in a small architecture. The server: neither; the float model in the better runtime is fast enough, and int8 there is behind it by less than the error of section 4: a tie would be a fair answer. Ask after the third: "Who wanted to quantize at once?" Then ask for a digit reader in 8 kB, which is in the caption: nobody fits, and that is an answer, too.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
FAR = float("inf")  # rows, limits, the field that decides, its sign
CUSTOMERS = {
    "web page": (mnist, {"file_bytes": (0, 100_000), "accuracy": (0, 1)}, "accuracy", 1),
    "battery": (fashion, {"energy_nj": (0, FAR), "accuracy": (0.89, 1)}, "energy_nj", -1),
    "server": (timed, {"speedup": (2, FAR), "accuracy": (0, 1)}, "accuracy", 1),
}
heights = {"web page": (80, 100), "battery": (80, 93), "server": (90, 91)}
winners = {name: ship(*wishes)[0] for name, wishes in CUSTOMERS.items()}
eight_kilobytes = ship(mnist, {"file_bytes": (0, 8_000), "accuracy": (0.97, 1)}, "accuracy", 1)
card.record("web-page-has-both", kind(winners["web page"]) == "both")
card.record("battery-has-fewer-bits", kind(winners["battery"]) in ("fewer bits", "both"))
card.record("server-is-float", kind(winners["server"]) == "float")
plots.show(
    [scene(name, CUSTOMERS[name], winners[name], *ends) for name, ends in heights.items()],
    alt=[f"The rows, the budget shaded, and a ring around {r.model}, {r.technique}." for r in winners.values()],
    caption="; ".join(f"{name}: {kind(row)}" for name, row in winners.items())
    + f". Shaded: inside the budget. A digit reader in 8 kB with 97 %: {len(eight_kilobytes) or 'nobody'}.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The web page's winner has both, the battery's fewer bits, the server's neither.** The server's two rows are closer than the error of section 4. Write budget and goal down *before* you look at the rows, and let "nobody" be an answer.
#
# <!-- page -->
#
# The web page limits the bytes, and the file of 100 kB that reads most digits right was both pruned and quantized. The battery limits the energy, where a small architecture in int8 has few operations at a low price each. The server limits the time, and there the float model in a better runtime is fast enough: it is the most accurate row inside the budget, by so little that a tie would be a fair answer. So the budget chooses the technique, and it must be written down first: whoever looks at the rows first finds a budget under which a favourite wins.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. Your own model
#
# A template in three cells: take a classifier, an `nn.Module` from a batch to scores, and some batches, and let the course loose on it. Each step works on a copy, and may refuse with a sentence; the rest goes on.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Follow one copy through the picture: a step makes it, a file holds it, the audit looks at its kernels, and its outputs are laid beside the float ones. Ask what each look would find in a model that a step did not change at all. Say: "A step that changes nothing has to say so; else you ship the float model and call it int8."

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
canvas = diagrams.Canvas(height=390)
source = canvas.box(10, 120, "your\nnn.Module", width=170, height=100)
looks = canvas.box(600, 10, "", width=280, height=320)
for place, look in enumerate(
    ["file: saved, loaded", "audit: int8 or float?", "zeros, counted", "outputs beside float"]
):
    canvas.text(740, 55 + 77 * place, look, inside=looks)
entry = canvas.box(1010, 120, "a row of\nyour ledger", width=180, height=100)
for place, step in enumerate(["as it is", "dynamic int8", "static int8", "half pruned"]):
    made = canvas.box(290, 10 + 83 * place, step, width=200, height=66, colour="int8" if "int8" in step else "fp32")
    canvas.wire(source.right, made.left, meaning="fp32")
    canvas.wire(made.right, (600, made.y + 33), meaning="int8" if "int8" in step else "fp32")
canvas.wire(looks.right, entry.left)
canvas.wire((390, 326), (390, 352), dashed=True)
canvas.text(390, 371, "or a sentence: why not")
plots.show(
    canvas.figure(),
    alt="From a box, your nn.Module, wires go to four steps: as it is, dynamic int8, static int8, half pruned. All lead into one box with four looks: file, audit, zeros, outputs beside float; "
    "and from there to a row of your ledger. A dashed wire leaves the steps: or a sentence, why not.",
    caption="Each step gets a copy of its own. Orange: float, blue: int8.",
)


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_


def dynamic_int8(model, batches):
    """Linear layers by torchao, [[torchao]]: weights in int8, inputs rounded at each call."""
    if not any(isinstance(layer, nn.Linear) for layer in model.modules()):
        raise ValueError("no linear layer: this step would change nothing")
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return model


def static_int8(model, batches):
    """PyTorch's older graph mode: convolutions too, ranges from the batches, [[static]]."""
    mapping = legacy_int8.tq.get_default_qconfig_mapping(engine)
    watched = legacy_int8.fx.prepare_fx(model, mapping, (batches[0],))
    for x in batches:
        watched(x)
    return nn.Sequential(legacy_int8.fx.convert_fx(watched))  # in a module: the audit then looks at its layers


def half_pruned(model, batches):
    """Half of the weights go, the smallest of all layers together, [[prune_model]]; nothing is trained after it."""
    layers = [(layer, "weight") for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=0.5)
    for layer, name in layers:
        prune.remove(layer, name)
    return model


STEPS = {"as it is": lambda model, batches: model, "dynamic int8": dynamic_int8}
STEPS |= {"static int8": static_int8, "half pruned": half_pruned}


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def outputs(model, batches):
    return torch.cat([model(x) for x in batches]).float()


def silent(out):
    """Why a comparison with these float outputs would say nothing; empty when it may say something."""
    if out.abs().max() < 1e-6:
        return "all outputs are nearly 0"
    if len(out.argmax(1).unique()) == 1:
        return "every input gets the same class"
    return ""


# %% slideshow={"slide_type": "skip"}
def decibels(signal, error):
    return 10 * torch.log10(signal.square().mean() / error.square().mean()).item()


def facts(model, batches, expected, labels=None):
    """What the ledger says of one model. `expected`: outputs of the float model on the same batches."""
    out, size = outputs(model, batches), size_report(model, loads=1, compressed=True)
    layers = [row for row in int8_audit.audit(model, batches[0][:1]).rows if row.weight_bits]
    right = None if labels is None else (out.argmax(1) == labels).float().mean().item()
    return {
        "file": size.file_bytes,
        "gzip": size.compressed_bytes,
        "int8": sum(row.runs_in == "int8" for row in layers) / max(1, len(layers)),
        "zeros": sparsity_report(model).weights.sparsity,
        "agree": (out.argmax(1) == expected.argmax(1)).float().mean().item(),
        "SQNR": decibels(expected, out - expected),
        "of what differs": decibels(expected - expected.mean(0), out - expected),
        "right": right,
    }


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The third cell of the template
#
# It tries each step on a copy. What a step refuses is kept as a sentence.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Point to the line with `except`, and ask why it does not stop there. Say: "A refusal is a result: it gets a line of its own in the table." Then to the last line: the third thing that comes back says whether the float outputs can be compared with at all.


# %% slideshow={"slide_type": "-"}
def own_ledger(model, calibration, held_out, labels=None):
    if not (isinstance(model, nn.Module) and calibration and held_out):
        raise ValueError("needed: an nn.Module, and two lists of batches")
    model, found, refused = copy.deepcopy(model).eval(), {}, {}
    expected = outputs(model, held_out)
    for name, step in STEPS.items():
        try:
            made = step(copy.deepcopy(model), calibration).eval()
            found[name] = facts(made, held_out, expected, labels)
        except Exception as error:  # whatever a step says to this model
            refused[name] = f"{type(error).__name__}: {error}".splitlines()[0][:90]
    return found, refused, silent(expected)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### SqueezeNet, with random weights
#
# Its trained weights do not come with the course, so accuracy would be chance. What is left is how far a copy agrees with the float model: the **top-1 agreement**, the share of inputs to which both give the same class, and the SQNR ([[observers]]).
#
# **Predict.** Only convolutions have weights here: which step will refuse? And half of the weights are cut: is the agreement near 100 %, 50 %, or 0?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes. The step that refuses is dynamic int8: torchao's config takes linear layers, and there are none. The agreement is near 0 with these random weights. Do not conclude from it yet: a trained network follows. Read the columns: the file after pruning is as large as before, gzip finds the zeros. Say: "Each size is a file that was saved and loaded again."


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def as_table(found, refused, caption):
    def line(f):
        shares = [f"{f[name]:.0%}" for name in ("int8", "zeros", "agree")]
        return [si(f["file"], "B"), si(f["gzip"], "B"), *shares, f"{f['SQNR']:.1f}"]

    lines = [[name, *line(f)] for name, f in found.items()] + [[name, *[""] * 6] for name in refused]
    said = " ".join(f"{name} refused: {words}." for name, words in refused.items())
    return Table(
        ["step", "file", "gzip", "layers in int8", "zeros", "agree", "SQNR, dB"], lines, caption=f"{caption} {said}"
    )


torch.manual_seed(0)
squeezenet = torchvision.models.squeezenet1_1(weights=None)
calibration, held_out = pictures("train", 32, 128), pictures("test", 32, 128)
squeezed, squeezed_not, nothing_said = own_ledger(squeezenet, calibration, held_out)
same = {"lesson": "shipping", "task": "none, random weights", "model": "SqueezeNet 1.1"}
for step, fact in squeezed.items():  # into the ledger; random weights have no accuracy
    technique = "fp32" if step == "as it is" else f"{step}, template"
    ledger.record(**same, technique=technique, file_bytes=fact["file"])
card.record("squeezenet-refuses", len(squeezed_not))
card.record("squeezenet-static-file", squeezed["as it is"]["file"] / squeezed["static int8"]["file"])
card.record("pruned-file", squeezed["half pruned"]["file"] / squeezed["as it is"]["file"])
card.record("squeezenet-pruned-agrees", 100 * squeezed["half pruned"]["agree"])
as_table(squeezed, squeezed_not, f"SqueezeNet 1.1, random weights, 32 enlarged digits. {nothing_said}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Dynamic int8 refused; the agreement of the pruned copy is near 0.** The bytes of the file and the audit hold for other weights of this architecture, too. What gzip saves and the agreement hold for *these* weights.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### When does agreement say nothing?
#
# Three architectures of torchvision with random weights, some digits: what does the *float* model say?
#
# **Predict.** A Vision Transformer as it was born agrees to 100 % with its pruned copy. Impressed?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let somebody defend the 100 %. Then the table: torchvision sets the last layer of its Vision Transformer to zero at birth, so each output is 0 and each class the first. EfficientNet's outputs are nearly nothing; its batch norms have seen no data, which is probably why: one pass in training mode would test that. With some seeds SqueezeNet, too, has one class for all. Say: "Look at the ruler before you measure with it." The template's third result does so.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def newborn(make, seed=0, **options):
    torch.manual_seed(seed)
    return make(**options).eval()


small_vit = {"image_size": 112, "patch_size": 16, "num_layers": 12, "num_heads": 3, "hidden_dim": 192, "mlp_dim": 768}
few = pictures("test", 16, 112)
said = {f"SqueezeNet, seed {n}": outputs(newborn(torchvision.models.squeezenet1_1, n), held_out) for n in range(3)}
said["EfficientNet-B0"] = outputs(newborn(torchvision.models.efficientnet_b0), few)
said["Vision Transformer"] = outputs(newborn(torchvision.models.VisionTransformer, **small_vit), few)
spoken = [[n, f"{s.abs().max():.1g}", len(s.argmax(1).unique()), silent(s) or "compare"] for n, s in said.items()]
card.record("silent-networks", sum(verdict != "compare" for *_, verdict in spoken))
Table(
    ["float model", "largest |output|", "classes", "verdict"],
    spoken,
    caption="32 digits (SqueezeNet) and 16; random weights.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** Where all inputs get one class, or all outputs are nearly 0, any copy may agree, or none: a comparison says nothing. Sizes and audits still hold.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A trained network, with labels
#
# The same template on SmallCNN, trained on Fashion-MNIST, with 1,000 test images and their labels. And as a control the same architecture with *random* weights, three seeds.
#
# **Predict.** Half of the weights are cut, nothing is trained after it. Which copy stays closer to its float self: that of the trained network, or that of a random one? And how far apart can accuracies be when the agreement is 95 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two questions. First: by the plain SQNR the random ones, by far. Ask what their outputs look like: one constant vector, and hardly anything that depends on the input. The third column leaves the constant out, and the order turns round. (An agreement of 100 % may be one class for all.) Second: at most 5 points, for only where the two differ can one be right and the other wrong. Say: "Agreement bounds what you lose, without a label. It gives no accuracy." Ask when the bound is of no use: when the float model itself is bad on these inputs.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
clothes, labels = data.load("fashion_mnist", "test", n=1000)
clothes, seen = clothes.split(100), data.load("fashion_mnist", n=512)[0].split(64)
trained, refusals, _ = own_ledger(checkpoints.load("small_cnn"), seen, clothes, labels)
three_born, mute = {}, 0
for n in range(3):
    torch.manual_seed(n)
    net = models.SmallCNN().eval()
    born_says = outputs(net, clothes)
    mute += bool(silent(born_says))
    three_born[f"random, seed {n}: half pruned"] = facts(half_pruned(net, seen), clothes, born_says, labels)
beside = sum(fact["of what differs"] for fact in three_born.values()) / 3
card.record("trained-closer", trained["half pruned"]["of what differs"] - beside)
card.record("trained-static-agrees", 100 * trained["static int8"]["agree"])
lines = {f"trained: {name}": fact for name, fact in trained.items()} | three_born
Table(
    ["SmallCNN", "agree", "SQNR, dB", "… of what differs", "right"],
    [
        [n, f"{f['agree']:.1%}", f"{f['SQNR']:.1f}", f"{f['of what differs']:.1f}", f"{f['right']:.1%}"]
        for n, f in lines.items()
    ],
    caption=f"1,000 test images; ranges from 512 training images. Refused: {', '.join(refusals) or 'none'}. "
    f"Random float models with one class for all: {mute} of 3.",
)


# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **By the plain SQNR the random copies are closer to their float selves, and that is the ruler's fault; measured on what differs from input to input, the trained one is. Accuracies differ by at most 5 points.**
#
# <!-- page -->
#
# A random network gives nearly the same output for every input: one constant vector, and on top of it a little that depends on the input. The plain SQNR counts the constant as signal. A copy that keeps the constant and loses everything else gets a high number, although nothing is left by which one input could be told from another. So subtract the mean output over all inputs from the signal first ("of what differs"). Now the order turns round. This is the lesson of the slide before once more, look at the ruler before you measure with it,
# and `silent` alone does not notice it, because the largest of nearly constant outputs may still change from input to input.
#
# A trial with random weights does not predict what a trained network loses: take your *trained* weights and your own inputs. And why at most 5 points? Where two models agree, they are right or wrong together. Only on the inputs where they disagree, 5 % of them, can one be right and the other wrong.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. The challenge
#
# **The smallest folder above 97.5 %** on MNIST's test set; above 88 % on Fashion-MNIST.
#
# - A folder (or a zip of it) with `predict.py`, and in it `load(folder)` → an object, and `predict(model, images)` → labels. `images` are uint8, (N, 28, 28), at most 1,000 a call; 60 seconds for all.
# - **What counts:** all bytes of all files of the folder, code too. The zip does not count. torch, numpy and Python's own library are there for free.
# - **What is cheating:** test labels or hashes of test images in the folder; weights hidden where no byte is counted; to change, from within, how it is judged; a download.
#
# **Predict.** Weights written as a string into `predict.py`: cheating?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Read the rules aloud. Vote on the string. The answer is no: its bytes count like all others, and text mostly holds fewer bits a byte than a binary file. Then ask for a cheat that counting bytes would not find; the room will find the labels. Say: "A model must be made from training images alone; who uses test images to choose, says so."

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Answer. No:** the code counts, and text mostly holds fewer bits a byte. Weights in the *names* of files or in an installed package are cheating: no byte is counted there.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What has to be beaten
#
# **Predict.** The first place of each list: fewer bits, fewer weights, or both?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show the table; the last column answers. Point out what the rows do not hold: the code that reads the file, which counts in the challenge. Ask which lesson's idea nobody has combined yet with the first place.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
BARS = {"MNIST": (mnist, 0.975), "Fashion-MNIST": (fashion, 0.88)}
leaders = {
    task: ship(rows, {"accuracy": (bar, 1), "file_bytes": (0, FAR)}, "file_bytes", -1)
    for task, (rows, bar) in BARS.items()
}
card.record("first-below-twin", leaders["MNIST"][-1].file_bytes / leaders["MNIST"][0].file_bytes)
Table(
    ["", "row", "weights' file", "right, %", "what was done"],
    [
        [f"{task} {place}", f"{r.model}, {r.technique}", si(r.file_bytes, "B"), f"{100 * r.accuracy:.2f}", kind(r)]
        for task, rows in leaders.items()
        for place, r in enumerate(rows[:3], start=1)
    ],
    caption="The smallest rows of the ledger above the bar; without the code that reads them. "
    f"First: {', '.join(f'{task} {kind(rows[0])}' for task, rows in leaders.items())}.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **In the run on this page both lead on MNIST, fewer weights *and* fewer bits; on Fashion-MNIST fewer bits alone lead.**
#
# On MNIST the first place is deep compression, which prunes, then shares few values, then codes them: each step works on what the one before left. On Fashion-MNIST a small residual network with weights of 3 bits on average is the smallest above the bar. That is no verdict on pruning, because nobody in this course has pruned that network and then given it few bits. The rows are weights' files; the code that reads them, which counts in the challenge, is not in them.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The format, as a whole submission
#
# Ten mean images, and the nearest one wins. **Predict.** How many bytes, how many percent?

# %% slideshow={"slide_type": "-"}
PREDICT = """
import numpy as np

def load(folder):
    return np.load(f"{folder}/means.npy").astype("float32").reshape(10, 784)

def predict(model, images):
    x = images.reshape(len(images), 784).astype("float32")
    return ((model**2).sum(1) - 2 * x @ model.T).argmin(1)
"""

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room count: ten images of 784 bytes, a head of a file, and some code. The accuracy: guesses from 50 to 90. The answer is a little above 80 %, far below the bar, in about eight kilobytes. Say: "That is your start. Some fifteen points to go, and all the bytes up to the first place to do it in."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
digits, digit_labels = data.load("mnist")
exam, exam_labels = data.load("mnist", "test")
with tempfile.TemporaryDirectory() as folder:
    means = [digits[digit_labels == d].mean(0)[0] for d in range(10)]
    np.save(Path(folder) / "means.npy", (255 * torch.stack(means)).round().byte().numpy())
    (Path(folder) / "predict.py").write_text(PREDICT, encoding="utf-8")
    n_bytes = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    code = runpy.run_path(str(Path(folder) / "predict.py"))
    model, asked = code["load"](folder), (255 * exam[:, 0]).round().byte().split(1000)
    predicted = np.concatenate([code["predict"](model, images.numpy()) for images in asked])
score = (predicted == exam_labels.numpy()).mean()
card.record("ten-means", 100 * score)
print(f"{n_bytes:,} bytes, {score:.1%}")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The submission has about 8.2 kB, and about 82 % of the digits are right.**
#
# Ten mean images of 784 bytes are 7,840 bytes; the head of the `.npy` file takes 128 and the code the rest. A mean image is a blurred digit, and the nearest of ten blurs is the right one four times out of five: no network, no training but ten means. The bar of the challenge lies more than fifteen points higher, and that is what the remaining bytes have to buy.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · The front
# ★★ · 8 minutes
#
# Write `pareto`: the rows that no other row dominates, *in the order in which they came*. A row is a pair `(bytes, accuracy)`. It dominates another when it takes at most as many bytes, is at least as accurate, and is better in one of the two.
# Equal rows do not dominate each other: if one stays, all stay. A value may be `None`, not measured (0 is measured): such a row is not on the front, and dominates nobody.
#
# `pareto(rows)` → a list of rows; `rows` may be empty
#
# <details><summary>Hint</summary>
# Leave out the rows with None first. Then ask for each row whether any of the others dominates it; all pairs are good enough.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs; alone it takes 8. Two mistakes to wait for: "better in both", which keeps rows that take more bytes for the same accuracy, and a walk along the sorted bytes that trips over equal bytes. Ask: "What does yours do with two equal rows?" The second card is homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def pareto(rows):
    """The rows (bytes, accuracy) that no other dominates, in their order.

    >>> pareto([(10, 0.75)])
    [(10, 0.75)]
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.pareto(pareto)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def pareto_solution(rows):
    there = [row for row in rows if None not in row]
    return [b for b in there if not any(a[0] <= b[0] and a[1] >= b[1] and a != b for a in there)]


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · A model for the budget
# ★★ · 7 minutes
#
# Write `pick`: the name of the row to ship. A row is `(name, bytes, accuracy, speedup)`; names differ, and each of the three values may be `None`, not measured (0 is measured). A row fits when it takes at most `most_bytes` *and* is at least `least_speedup` times as fast.
# Of those that fit, take the most accurate; of equally accurate ones the one with the fewest bytes; of those that are equal there too, the first in the list. A row with a `None` is never chosen. If no row fits, return `"nobody"`.
#
# `pick(rows, most_bytes, least_speedup)` → a name, or `"nobody"`; `rows` may be empty
#
# <details><summary>Hint</summary>
# First make the list of rows that fit. Then max with a key of two parts: the accuracy, and minus the bytes. max returns the first of equal ones.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def pick(rows, most_bytes, least_speedup):
    """The name of the most accurate row within the budget, or "nobody".

    >>> pick([("float", 40, 0.5, 1.0), ("int8", 10, 0.75, 2.0)], 20, 1.5)
    'int8'
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.pick(pick)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def pick_solution(rows, most_bytes, least_speedup):
    there = [row for row in rows if None not in row]
    inside = [row for row in there if row[1] <= most_bytes and row[3] >= least_speedup]
    return max(inside, key=lambda row: (row[2], -row[1]))[0] if inside else "nobody"


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson says of the ledger and of its own runs, beside what this run gave. Claims on the ledger hold for whatever rows are in it.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember: the course in ten lines
#
# 1. Measure in turn, on one thread, beside a baseline: [[measuring]].
# 2. Know what a layer waits for, arithmetic or bytes: [[roofline]].
# 3. An integer needs a scale, and a scale needs a range: [[observers]].
# 4. Look which layers really run in int8: [[audit]].
# 5. A zero is worth nothing until something leaves it out: [[zero_worth]].
# 6. Race scores with the same budget, and with chance: [[scores]].
# 7. A teacher helped where images were few: [[students]].
# 8. A language model reads all its weights for each token ([[decoding]]): give them fewer bits, [[weight_only]].
# 9. Cut, share and code into one file: [[deep_compression]].
# 10. Decide by a budget and a goal, say how sure, and let "nobody" be an answer: this lesson.
#
# **Going further**: M. Dehghani et al., *The efficiency misnomer*, 2021, [arXiv:2110.12894](https://arxiv.org/abs/2110.12894); C. Yadav and L. Bottou, *Cold case: the lost MNIST digits*, 2019, [arXiv:1905.10498](https://arxiv.org/abs/1905.10498);
# C. Banbury et al., *MLPerf Tiny benchmark*, 2021, [arXiv:2106.07597](https://arxiv.org/abs/2106.07597).
#
# **Project ideas**: the challenge ([its rules](../../docs/challenge.md); `python course.py challenge FOLDER` judges a folder and keeps a board); your own trained model by `own_ledger(model, calibration_batches, held_out_batches)`; the front with paired errors.
#
# **Credits**: the idea of a course on efficient networks from Tal Daniel (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Go back to the list on the board, and let the room name the lesson that answers each. Close with: "Of the ten lines, which would you have denied on the first day?"

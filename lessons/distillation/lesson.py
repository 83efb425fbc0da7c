# ---
# jupyter:
#   course:
#     promise: You will let a large network teach a small one, and find out by controls what the small one learned from it.
#     minutes: 45
#     seconds: 45
#     needs: [measuring]
#     goals:
#       - Read a teacher's answers, and say what temperature does to them.
#       - Separate what a teacher says of an image from softness and from what is true of the class, by controls.
#       - Write the loss of distillation, with T², α and the right direction, and show what happens without T².
#       - Put two rules of thumb about temperature and teachers to the test.
#     terms: [distillation, entropy, KL divergence, label smoothing, logit, soft targets, temperature]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A small network learns from a large one. What, exactly?*
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
# *For the lecturer, 1.5 min.* Say: "Until now we made one network smaller. Today a small network starts from nothing, and a large one teaches it. The large one is thrown away in the
# end." Ask: "What can a teacher tell a student that the label does not?" Take two answers, and keep them for the last slide.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import statistics
from functools import partial
from math import comb

import torch
import torch.nn.functional as F

from course_utils import data, runtime
from course_utils.scorecard import claims
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range
from course_utils.teaching import Arm, lenet, mlp, teach, teach_all  # a copy an arm: same weights, batches, steps
from lessons.distillation import checks as check

TASK = "mnist"  # or "fashion_mnist": the text above the scorecard says what changes
card = claims.Scorecard("distillation")
torch.set_num_threads(1)
device = runtime.best_device()
rows, labels = (t.to(device) for t in data.load(TASK))
test_x, test_y = (t.to(device) for t in data.load(TASK, "test"))
rows, test_x = rows.flatten(1), test_x.flatten(1)  # an image is a row of 784 pixels
whole = len(rows) * 5 // 6  # 50,000 images to learn from, 10,000 held out for choices that we make
x, y, held_x, held_y = rows[:whole], labels[:whole], rows[whole:], labels[whole:]
hard = F.one_hot(y, 10).float()  # the labels as probabilities
few = min(1_000, whole)  # what a student gets
taught_x, own = x[:few], hard[:few]
runtime.describe(device)


@torch.no_grad()
def errors(net, x=test_x, y=test_y):
    """How many images a network gets wrong."""
    return (net(x).argmax(1) != y).sum().item()


def errors_of(arms, seeds, x=taught_x, own=own, desc="students"):
    """Test errors of a 2×30 student for every arm, a number a seed."""
    nets = teach_all([mlp(30, seed) for seed in seeds], list(arms.values()), x, own, seeds=seeds, desc=desc)
    return {name: [errors(of_seed[i]) for of_seed in nets] for i, name in enumerate(arms)}


def smoothed(targets, eps):
    """Label smoothing: of the target, the share eps is spread evenly over all classes."""
    return (1 - eps) * targets + eps / 10


SEEDS, STOPS = range(5), (50, 100, 200, 400, 1000)  # of section 2
seen = []  # (step, held-out errors, test errors), both by seed and arm
curves = {}  # arm -> for each seed its (step, held-out errors, test errors)


@torch.no_grad()
def look(step, steps, logits):
    """Count errors at the stops."""
    if step in STOPS or step == steps:
        sets = (held_x, held_y), (test_x, test_y)
        seen.append((step, *((logits(a).argmax(3) != b).sum(2).tolist() for a, b in sets)))


def at_end(name, of=2):
    """Errors after the last step, a number a seed; of: 1 held-out, 2 test."""
    return [curve[-1][of] for curve in curves[name]]


def at_best_stop(name):
    """Test errors where this arm makes fewest errors on the held-out images, a number a seed."""
    return [min(curve, key=lambda point: point[1])[2] for curve in curves[name]]


shown = partial(mean_and_range, text="{:.0f}")

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A student without labels
#
# A large network learned 50,000 digits with their labels. Two small ones, alike to the last weight, get **1,000** of these digits:
#
# - one gets their **labels**
# - one gets **no label**, only what the large network answers for each of them
#
# Same batches, same 1,000 steps.
#
# **Predict.** The one without labels makes, on 10,000 test digits, **A** more errors than the other, **B** about as many (within a tenth), **C** at least a
# quarter fewer?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Make sure that everybody has the set-up: same network, same thousand pictures, and the second one is told no truth at all. Show of hands for A to C. After the table say: "C. The
# small network without a single label wins. The rest of this lesson asks where those answers got their worth." Point at the first row: the large network had seen 50,000 labels.

# %% slideshow={"slide_type": "skip"}
my_guess = None  # your prediction: "A", "B" or "C"
teacher, other_teacher = teach(
    lenet(seed=0), [Arm(hard), Arm(smoothed(hard, 0.1))], x, hard, steps=1500, batch=100, lr=3e-3
)  # the other one has its turn in section 4
with torch.no_grad():
    v = teacher(x)  # what the large network answers for its 50,000 images
soft = F.softmax(v[:few] / 8, 1)  # section 1 says what the 8 is
by_labels, by_answers = teach(mlp(30, seed=0), [Arm(own), Arm(soft, T=8.0)], taught_x, own)
card.record("teacher-floor", errors(teacher))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
if my_guess is not None:
    print(f"your prediction: {my_guess}")
Table(
    ["network", "taught with", "test errors"],
    [
        ["large", f"{whole:,} labels", errors(teacher)],
        ["small", f"{few:,} labels", errors(by_labels)],
        ["small", f"{few:,} answers of the large one", errors(by_answers)],
    ],
    caption="One seed; section 2 has five.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** Without a label it makes far fewer errors. What is in those answers?

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. What a teacher says beside the answer
#
# **Distillation**: a large network, the **teacher**, is trained first. A small one, the **student**, then learns to give the teacher's *answers*.
#
# A label is one class. A teacher's answer is a probability for each class. Here the teacher is LeNet-300-100; the student has two hidden layers of
# 30 units, and a tenth of the weights.
#
# **Predict.** The teacher sees an image on which it was trained. How sure is it of its first choice, on average: **A** about 60 %, **B** about 80 %, **C** above 95 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. After the number: "C. Then how can its answer say more than the label?" Let them work out that the other nine classes share the small rest. "Small numbers can be
# made large. That is the next slide."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
SHOWN, ONE, OTHER = {"mnist": (2, 3, 7), "fashion_mnist": (6, 0, 4)}[TASK]
CLASSES = data.CLASSES[TASK]
certain = F.softmax(v[:few], 1).amax(1)
candidates = (y[:few] == SHOWN).nonzero()[:, 0]
candidates = candidates[certain[candidates] >= certain[candidates].median()]
tilt = v[candidates, ONE] - v[candidates, OTHER]
pictures = [candidates[tilt.argmax()].item(), candidates[tilt.argmin()].item()]  # for the next slides
print(f"first choice:           {certain.mean():.1%}")
print(f"the nine others, each: {(1 - certain.mean()) / 9:.2%}")
print(f"(means over the student's {few:,} images)")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** What it says of the other classes lies behind the decimal point.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Temperature
#
# The **logits** $v$, the outputs of the last layer, are divided by a **temperature** $T$ before the softmax: $\; p_i = e^{v_i / T} \,/\, \sum_j e^{v_j / T}$. These $p_i$ are the **soft targets**; $T = 1$ is the usual softmax.
#
# **Predict.** As $T$ grows, what changes in these bars, and what does not?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Stand at T = 1 and let the room predict the bars at 8 and at 50, and whether two of them can change places. Click through. Say: "Dividing all logits by one number cannot change their order. Temperature adds no knowledge. It is a magnifying glass
# for the small numbers." Then: "Is this only a blurred two, or does it say something about this picture?"


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def answer_at(T, i):
    """An image and the teacher's answer for it."""
    fig, (left, right) = plots.figure(columns=2, size=(11, 3.7))
    left.imshow(x[i].view(28, 28).cpu().numpy(), cmap="gray_r")
    left.set(xticks=[], yticks=[])
    right.bar(range(10), F.softmax(v[i] / T, 0).cpu().numpy(), color=plots.COLOURS["orange"])
    right.set(xticks=range(10), ylim=(0, 1.05), xlabel="class", ylabel="probability", title=f"T = {T}")
    right.grid(axis="x", visible=False)
    return fig


TEMPERATURES = [1, 2, 4, 8, 20, 50]
at = {T: F.softmax(v[pictures[0]] / T, 0).sort(descending=True).values for T in TEMPERATURES}
plots.show(
    [answer_at(T, pictures[0]) for T in TEMPERATURES],
    alt=[f"An image and ten bars at T = {T}: the highest is {p[0]:.2f}, the next {p[1]:.2f}." for T, p in at.items()],
    caption="One image on which the teacher was trained, and the teacher's answer for it.",
    slider="T",
    values=TEMPERATURES,
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. The bars draw together, and none overtakes another.** At $T = 50$ each is near a tenth.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"} tags=["lecture"]
# ### Same label, same neighbours?
#
# **Predict.** Two images of one class. Does the teacher put the *other* classes in the same order for both?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2.5 min.* If you show this slide alone, first say: "A large network was trained; we divide its last outputs by a temperature before the softmax, so that small probabilities show." Show of hands, yes or no. After the figure: "No. One two is a little like a three,
# the other a little like a seven. A label cannot say that." Say how the pictures were picked: by rule, the two extremes among the surer half. This is the
# example of the paper of 2015.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
fig, axes = plots.figure(rows=2, columns=3, size=(11.4, 4.6))
for row, i in zip(axes, pictures, strict=True):
    row[0].imshow(x[i].view(28, 28).cpu().numpy(), cmap="gray_r")
    row[0].set(xticks=[], yticks=[], ylabel=f"label: {CLASSES[SHOWN]}")
    for ax, T in zip(row[1:], (1, 8), strict=True):
        ax.bar(range(10), F.softmax(v[i] / T, 0).cpu().numpy(), color=plots.COLOURS["sky" if T == 1 else "orange"])
        ax.set(xticks=range(10), ylim=(0, 1.05 if T == 1 else 0.6))
        ax.grid(axis="x", visible=False)
axes[0, 1].set_title("T = 1")
axes[0, 2].set_title("T = 8")
second = [v[i].topk(2).indices[1].item() for i in pictures]
plots.show(
    fig,
    alt=f"Two images of class {SHOWN}, each with the teacher's probabilities at T = 1 and T = 8. At T = 8 the second highest bar is class {second[0]} "
    f"for the first image and class {second[1]} for the other.",
    caption=f"Bars: probability of each class. Of the surer half of the class, the two at the ends: largest and smallest logit of {CLASSES[ONE]} minus logit of {CLASSES[OTHER]}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. No.** At $T = 1$ both look like the label. At $T = 8$ they say what each image *also* looks like
# (the example is that of [Hinton, Vinyals and Dean, 2015](https://arxiv.org/abs/1503.02531)).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How undecided is an answer?
#
# **Entropy**: $H = -\sum_i p_i \log_2 p_i$, in bits. 0 bits: certain. $\log_2 10 \approx 3.32$ bits: ten classes alike.
#
# **Predict.** The mean entropy of the teacher's answers at $T = 1$, at 8, at 50: how far on the way from 0 to 3.32?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let somebody place three marks on a line from 0 to 3.32 at the board. After the table: "At T = 1 a small part of one bit, at 8 most of the way, at 50 nearly all of it. Their order is still there at 50, as it must be: the caption only checks the arithmetic." Then the doubt: "Perhaps any
# undecided target would do as well. That is what a control is for."


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def entropy(p):
    """Mean entropy in bits of the rows of p (n, classes); a probability of 0 adds nothing."""
    return torch.special.entr(p).sum(1).mean().item() / torch.log(torch.tensor(2.0)).item()


bits = {T: entropy(F.softmax(v[:few] / T, 1)) for T in TEMPERATURES}
same_order = (F.softmax(v[:few].double() / 50, 1).argsort(1) == v[:few].argsort(1)).all(1).float().mean().item()
card.record("entropy-at-1", bits[1])
Table(
    ["temperature", "mean entropy, bits"],
    [[T, f"{b:.2f}"] for T, b in bits.items()],
    caption=f"At T = 50 the classes still have their order of T = 1: {same_order:.0%} of {few:,} images",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Near 0 at $T = 1$; most of the way at 8; nearly even at 50.** The differences are then small, and still there.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. Softness, the class, or this image?
#
# Why did the answers teach more than the labels? Beside **labels** there are five arms. Each but *soft* takes something away:
#
# - **smoothed**: no teacher. Label smoothing gives a share ε of the label to all classes alike (ε = 0.1 or 0.3, the better one on held-out images).
# - **shuffled**: the soft targets, with all probabilities but the highest dealt out by lot. As soft as the teacher's.
# - **class mean**: the mean of the soft targets of the class: what a 3 is like, not what *this* 3 is like.
# - **another image**: the soft targets of another image with the same label, drawn by lot.
# - **soft**: the teacher's soft targets at $T = 8$.
#
# The *2×30* student, 784 → 30 → 30 → 10, gets the same batches in all six.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Say: "A good control is one that could destroy the claim." Go through the arms and ask each time: what is kept, what is lost? Shuffled keeps the softness and loses which classes. The class mean keeps which
# classes resemble a three and loses the single picture. Another image keeps all but the match of picture and answer.


# %% slideshow={"slide_type": "skip"}
def shuffled(p, seed=0):
    """The same numbers in each row, the largest in its place, the others dealt out by lot."""
    values, order = p.sort(1, descending=True)
    lot = torch.rand(len(p), 9, generator=torch.Generator().manual_seed(seed)).argsort(1).to(p.device) + 1
    return torch.zeros_like(p).scatter(1, order, torch.cat([values[:, :1], values.gather(1, lot)], 1))


mean_of_class, another = torch.zeros_like(soft), torch.zeros_like(soft)
for c in y[:few].unique():
    members = (y[:few] == c).nonzero()[:, 0]
    members = members[torch.randperm(len(members), generator=torch.Generator().manual_seed(0)).to(device)]
    mean_of_class[members] = soft[members].mean(0)
    another[members] = soft[members.roll(1)]  # each image gets the answer for the one before it
arms = {
    "labels": Arm(own),
    **{f"smoothed, ε = {e}": Arm(smoothed(own, e)) for e in (0.1, 0.3)},
    "shuffled": Arm(shuffled(soft), T=8.0),
    "class mean": Arm(mean_of_class, T=8.0),
    "another image": Arm(another, T=8.0),
    "soft": Arm(soft, T=8.0),
}

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Six targets for one image
#
# A digit of section 1, as each arm teaches it. (In *smoothed* ε is 0.1.)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let the room compare *soft* with each of the others and say what is gone. Point at the scale: the upper row's first two reach 1. Do not ask yet which one teaches best:
# that is the vote of the next slide.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
SIX = ["labels", "smoothed, ε = 0.1", "shuffled", "class mean", "another image", "soft"]
fig, axes = plots.figure(rows=2, columns=3, size=(12, 5))
for ax, name in zip(axes.flat, SIX, strict=True):
    warm = arms[name].T > 1
    target = arms[name].targets[pictures[0]].cpu().numpy()
    ax.bar(range(10), target, color=plots.COLOURS["orange" if warm else "sky"])
    ax.set(title=name, xticks=range(10), ylim=(0, 0.6 if warm else 1.05))
    ax.grid(axis="x", visible=False)
plots.show(
    fig,
    alt=f"Targets of one image of class {SHOWN} in six arms. Labels: one bar of 1. Smoothed: one high bar, nine low ones alike. Shuffled and soft: bars of "
    "the same heights, the lower ones dealt out by lot. Class mean and another image: other heights.",
    caption="The first image of the last figure. Blue: without a teacher; orange: from its answers at T = 8, on another scale.",
)

# %% slideshow={"slide_type": "skip"}
seen.clear()
students = teach_all(
    [mlp(30, seed) for seed in SEEDS], list(arms.values()), taught_x, own, seeds=SEEDS, watch=look, desc="students"
)
for i, name in enumerate(arms):
    curves[name] = [[(step, held[seed][i], test[seed][i]) for step, held, test in seen] for seed in SEEDS]
of_held = {name: statistics.mean(at_end(name, of=1)) for name in arms}  # the test images choose nothing
smoothing = min((name for name in arms if name.startswith("smoothed")), key=of_held.get)
SIX[1] = smoothing
means = {name: statistics.mean(at_end(name)) for name in arms}
known = [few - errors(nets[0], taught_x, y[:few]) for nets in students]  # taught with labels
others = [at_end(name) for name in SIX[:-1]]
card.record("distilled-over-hard", means["soft"] / means["labels"])
card.record("smoothing-over-hard", means[smoothing] / means["labels"])
card.record("shuffled-over-hard", means["shuffled"] / means["labels"])
card.record("class-mean-over-hard", means["class mean"] / means["labels"])
card.record("another-image-over-hard", means["another image"] / means["labels"])
card.record("no-seed-overlaps", min(map(min, others)) / max(at_end("soft")))
card.record("best-stops", statistics.mean(at_end("soft")) / min(statistics.mean(at_best_stop(n)) for n in SIX[:-1]))

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Which arm comes near *soft*?
#
# **Predict.** Order the five others by their test errors after 1,000 steps. Does one come near *soft*, and which?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Collect two orders on the board; expect the class mean near the top, "because a three is like a five". After the table: "An order of the first four nobody can win: their ranges overlap. Only *another image* is apart, at the end. None comes near *soft*. The class mean, which knows that threes are like fives, is about where the labels are. And the answer for
# another picture of the same class is worse than the label, at the end." Read the last column as the reply to a sceptic: each arm may stop where held-out images say. Stopped early some controls gain, none comes near.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["taught with", "errors after 1,000 steps", "÷ labels", "errors, each at its best stop"],
    [[name, shown(at_end(name)), f"{means[name] / means['labels']:.2f}", shown(at_best_stop(name))] for name in SIX],
    caption=f"2×30 student, {few:,} images; errors on {len(test_x):,} test images, mean of {len(SEEDS)} seeds (lowest to highest). Best stop: of {', '.join(f'{stop:,}' for stop in STOPS)} steps the one with fewest errors on held-out images",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. None: it is what the teacher says of *this* image.** At 1,000 steps the ranges of the first four overlap: softness alone, or what is true of the class, wins little or nothing. The answer for another
# image does harm there. Some controls gain from an early stop, and none comes near. At the end the worst seed of *soft* beats the best of theirs (one teacher, five seeds).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How long does it take?
#
# The same runs, looked at on the way.
#
# **Predict.** After 50 steps, two and a half passes over the images: which arm is ahead? And which one learns longest?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room draw two curves in the air: labels and soft. After the figure: "At the start labels and smoothed are ahead of soft, and soft learns longest. Stopped at 50 we would have said that distillation does not work." Ask what the labels' curve does after 400 steps: it is nearly flat. The caption
# says how many of its own images that student has right at the end; probably little is left for it to learn. Lesson: state the budget.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(5.8, 4.3))
colours = dict(zip(SIX, ("black", "blue", "purple", "green", "sky", "orange"), strict=True))
for name, colour in colours.items():
    steps = [step for step, *_ in curves[name][0]]
    runs = list(zip(*([point[2] for point in curve] for curve in curves[name]), strict=True))
    ax.fill_between(steps, list(map(min, runs)), list(map(max, runs)), color=plots.COLOURS[colour], alpha=0.15, lw=0)
    ax.plot(steps, list(map(statistics.mean, runs)), "o-", color=plots.COLOURS[colour], label=name.partition(",")[0])
ax.set(xlabel="steps", ylabel="test errors", xscale="log")
ax.set_xticks(steps, [str(step) for step in steps])
ax.set_xticks([], minor=True)
ax.set_ylim(top=1.3 * ax.get_ylim()[1])
ax.legend(ncols=2, loc="upper right", columnspacing=0.8, handlelength=1)
at_50 = {name: statistics.mean(curve[0][2] for curve in curves[name]) for name in SIX}
plots.show(
    fig,
    alt="Test errors over steps for six arms. After the first stop: "
    + "; ".join(f"{name} {at_50[name]:.0f}" for name in SIX)
    + f". At the end: {'; '.join(f'{name} {means[name]:.0f}' for name in SIX)}.",
    caption=f"Mean of {len(SEEDS)} seeds, and lowest to highest. In the worst seed the labels' student ends with {min(known):,} of its {few:,} images right.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. At 50 labels and smoothed lead; *soft* learns longest.** The student of labels ends with all or nearly all its images right. Stopped at 50 we would say that distillation does not work: state the budget.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. The loss: T² and α
#
# Student logits $z$, teacher logits $v$, label $y$, share $\alpha$; KL: Kullback–Leibler divergence, CE: cross-entropy:
# $\;L = \alpha\, T^2\, \mathrm{KL}\big(\mathrm{softmax}(v/T)\,\|\,\mathrm{softmax}(z/T)\big) + (1 - \alpha)\, \mathrm{CE}(z, y)$

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* First frame: follow one image along both ways. KL, the Kullback–Leibler divergence, is the cross-entropy with the soft targets less the teacher's entropy: a constant, so the gradient is that of section 2; it is 0 when the student says what the teacher says. Write on the board: KL(p ‖ q) = Σ p log(p / q), p the teacher's, q the student's. The teacher stands first: its probabilities weigh the sum, so the student is punished where
# the teacher gives probability and it gives little. The other way round it is another number, with another gradient. CE is the ordinary cross-entropy at T = 1. Alpha shares out between the two; section 2 had alpha 1. Second frame: the way back. Ask why no arrow goes to the teacher: it must not learn to please the student.


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def loss_graph(back):
    """Teacher and student on the way to the loss; with the gradients of the way back."""
    canvas = diagrams.Canvas(height=430)
    box, across = canvas.box, {"height": 80}
    image, label = box(20, 170, "image", width=130, **across), box(780, 240, "label", width=190, height=54)
    who = ((45, "teacher\nlogits v"), (265, "student\nlogits z"))
    large, small = (box(220, y, words, width=190, **across) for y, words in who)
    soft_v, soft_z = (box(490, y, "÷ T, softmax", width=210, **across) for y in (45, 190))
    plain_z, ce = box(490, 330, "softmax", width=210, **across), box(780, 330, "(1 − α) · CE", width=190, **across)
    kl, loss = box(780, 115, "α T² · KL", width=190, **across), box(1050, 230, "loss", width=130, **across)
    ways = [(soft_z, kl), (small, soft_z), (small, plain_z), (plain_z, ce), (kl, loss), (ce, loss)]
    for one, other in [(image, large), (image, small), (large, soft_v), (soft_v, kl), *(() if back else ways)]:
        canvas.wire(one.right, other.left)
    canvas.wire(label.bottom, ce.top)
    for one, other in ways if back else ():
        canvas.wire(other.left, one.right, meaning="gradient", thick=5)
    canvas.text(315, 20, "detached: no gradient")
    return canvas.figure()


GRAPH = "An image goes to teacher and student; both logits, over T, to the KL term; the student's and the label to CE."
plots.show(
    [loss_graph(back=False), loss_graph(back=True)],
    alt=[GRAPH, GRAPH + " Green arrows lead from the loss back to the student; none goes to the teacher."],
    caption="The forward pass, then the gradients (green).",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How large is the soft part's gradient?
#
# An untrained student and the real teacher, all 1,000 images.
#
# **Predict.** *Without* the factor T²: from $T = 10$ to $T = 100$ the gradient of the soft part falls by a factor of **A** 10, **B** 100, **C** not at all?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; expect A. After the figure: "B. One factor 1/T comes from z over T. The other comes in because all probabilities draw together, so that their differences shrink as well: section 2 of the paper has the derivation." Point at the dashed line: without T² the teacher's part
# soon lies far below the labels' part. Times T² it ends flat, above it. Then the caption: "A cosine of 1 means the same direction: at T = 100 distilling is copying the logits; at T = 1 it is not."

# %% slideshow={"slide_type": "skip"}
start = mlp(30, seed=0)


def gradient(loss):
    """All gradients of a student's loss as one row."""
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(start.parameters()))])


def soft_gradient(T):
    """Without T²."""
    answer, targets = F.log_softmax(start(taught_x) / T, 1), F.softmax(v[:few] / T, 1)
    return gradient(F.kl_div(answer, targets, reduction="batchmean"))


def centred(logits):
    return logits - logits.mean(1, keepdim=True)


span = [1, 2, 4, 8, 10, 20, 50, 100]
norms = {T: soft_gradient(T).norm().item() for T in span}
label_norm = gradient(F.cross_entropy(start(taught_x), y[:few])).norm().item()
to_logits = gradient((centred(start(taught_x)) - centred(v[:few])).square().sum(1).mean())  # matching logits
alike = {T: F.cosine_similarity(soft_gradient(T), to_logits, dim=0).item() for T in span}
card.record("gradient-falls", norms[10] / norms[100])
card.record("logit-matching", alike[100])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(5.8, 4.2))
ax.plot(span, list(norms.values()), "o-", color=plots.COLOURS["blue"], label="soft part, without T²")
ax.plot(span, [norms[T] * T**2 for T in span], "s-", color=plots.COLOURS["orange"], label="soft part, times T²")
ax.axhline(label_norm, color=plots.COLOURS["black"], linestyle="--", label="label part")
ax.set(xscale="log", yscale="log", xlabel="temperature", ylabel="norm of the gradient")
ax.set_xticks([1, 2, 4, 10, 20, 50, 100], ["1", "2", "4", "10", "20", "50", "100"])
ax.yaxis.set_major_formatter("{x:g}")
ax.set_xticks([], minor=True)
ax.legend(loc="lower left")
plots.show(
    fig,
    alt=f"Norm of the gradient over temperature on logarithmic axes. Without T squared it falls by a factor of {norms[10] / norms[100]:.0f} from 10 to 100. Times T squared "
    "it rises at first and is flat from about 10 on. The label part is a horizontal line.",
    caption="Cosine between the soft part's gradient and that of *copying the logits* (least squares, centred): "
    + ", ".join(f"{alike[T]:.2f} at T = {T}" for T in (1, 8, 20, 100))
    + ".",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B**, as [the paper](https://arxiv.org/abs/1503.02531) derives: $1/T^2$. As $T$ grows, distilling becomes copying the logits (centred: less the mean
# of their row): the caption's cosine goes to 1.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does forgetting T² do harm?
#
# $T = 20$. Four students: with and without T², with $\alpha = 1$ (teacher alone) and with $\alpha = 0.5$ (the labels weigh half).
#
# **Predict.** Which of the four suffers?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let each person name one or two of the four. After the table: "With alpha 1 nothing happens: Adam does not care about the scale of its gradient. With labels in the mixture they take over." "A bug that hides at alpha 1 and bites at 0.5." If somebody asks whether 0.5 is the better alpha: here, perhaps; three seeds and one temperature, and we did not tune it. With plain SGD the steps at alpha 1 would
# be 400 times smaller.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
SOME = range(3)  # seeds
at_20 = F.softmax(v[:few] / 20, 1)
mixtures = {(alpha, squared): Arm(at_20, 20.0, alpha, squared) for alpha in (1.0, 0.5) for squared in (True, False)}
square = errors_of(mixtures, SOME, desc="T²")
square_mean = {key: statistics.mean(values) for key, values in square.items()}
labels_mean = statistics.mean(at_end("labels")[: len(SOME)])
way = (square_mean[0.5, False] - square_mean[0.5, True]) / ((labels_mean - square_mean[0.5, True]) or 1)
card.record("adam-forgives", abs(square_mean[1.0, False] / square_mean[1.0, True] - 1))
card.record("mixture-suffers", square_mean[0.5, False] / square_mean[0.5, True])
Table(
    ["errors at T = 20", "with T²", "without T²"],
    [
        [text, *(shown(square[alpha, squared]) for squared in (True, False))]
        for alpha, text in ((1.0, "α = 1"), (0.5, "α = 0.5"))
    ],
    caption=f"Mean of {len(SOME)} seeds (lowest to highest). Labels alone: {labels_mean:.0f}. Without T² α = 0.5 loses {way:.0%} of its gain over them.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. The mixture without T².** Adam's steps do not depend on the scale of the gradients ([Kingma and Ba, 2014](https://arxiv.org/abs/1412.6980), section 2.1), so at $\alpha = 1$ a constant factor does
# next to nothing. In a mixture it decides who is heard.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Two rules put to the test
#
# > *The higher the temperature, the better.*
#
# Six temperatures, $\alpha = 1$, three seeds each.
#
# **Predict.** From $T = 1$ to 8, and from 8 to 50: do the student's errors fall, rise, or hardly change?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two votes: first 1 to 8, then 8 to 50. After the figure: "They fall, then they change little. So the rule holds up to a point." Say: "Remember the cosines of section 3: at T = 8 an untrained student's gradient is not yet that of copying logits, and the plateau has begun all the same. And with a tenth of the steps the best temperature
# was 1."

# %% slideshow={"slide_type": "skip"}
with torch.no_grad():
    v_other = other_teacher(taught_x)
sweep = {("labels", T): Arm(F.softmax(v[:few] / T, 1), float(T)) for T in (1, 2, 4, 50)}
sweep |= {("smoothed labels", T): Arm(F.softmax(v_other / T, 1), float(T)) for T in (1, 4, 8, 20)}
(narrow,) = teach(lenet(seed=1), [Arm(own)], taught_x, own, steps=500, lr=3e-3)  # at the end of this section
with torch.no_grad():
    said = Arm(F.softmax(narrow(x) / 8, 1), T=8.0)  # for all images
sweep["narrow", 8] = said
swept = errors_of(sweep, SOME, desc="temperatures")
swept["labels", 8] = at_end("soft")[: len(SOME)]  # these two were trained above, with the same seeds
swept["labels", 20] = square[1.0, True]
swept_mean = {key: statistics.mean(values) for key, values in swept.items()}
card.record("temperature-1-over-8", swept_mean["labels", 1] / swept_mean["labels", 8])
card.record("temperature-50-over-8", swept_mean["labels", 50] / swept_mean["labels", 8])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.3, 4.3))
runs = [swept["labels", T] for T in TEMPERATURES]
ax.fill_between(TEMPERATURES, list(map(min, runs)), list(map(max, runs)), color=plots.COLOURS["orange"], alpha=0.2)
ax.plot(TEMPERATURES, list(map(statistics.mean, runs)), "o-", color=plots.COLOURS["orange"], label="taught at T")
ax.axhline(labels_mean, color=plots.COLOURS["black"], linestyle="--", label="taught with labels")
ax.set(xscale="log", xlabel="temperature", ylabel="errors of the student", ylim=(0, 1.2 * labels_mean))
ax.set_xticks(TEMPERATURES, [str(T) for T in TEMPERATURES])
ax.set_xticks([], minor=True)
ax.legend(loc="lower left")
plots.show(
    fig,
    alt="Student errors over temperature: "
    + ", ".join(f"{swept_mean['labels', T]:.0f} at {T}" for T in TEMPERATURES)
    + f"; with labels {labels_mean:.0f}.",
    caption=f"Line: mean of {len(SOME)} seeds; band: lowest to highest.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. They fall up to about 8, then change little.** The budget matters: with 100 steps $T = 1$ was best when we tried, with 300 steps 8. The paper found everything above 8 alike for large students, and 2.5 to 4 best for one of 2×30 units, on all images.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The better the teacher, the better the student?
#
# A second teacher was trained beside ours, from the same first weights, with smoothed labels (ε = 0.1).
#
# **Predict.** It makes about as many test errors as ours. Will its students do as well?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Show of hands, yes or no. After the table: "By their own errors they are a tie: look at how many images only the one or only the other gets wrong. Were a fair coin thrown for each of these images, a split at least as uneven would come as often as the caption's p says. As teachers they are not: no." Müller, Kornblith and Hinton found it in 2019; their reason is that smoothing erases what the logits say
# about resemblances between instances of different classes. We measured the effect, not the reason.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
miss = [net(test_x).argmax(1) != test_y for net in (teacher, other_teacher)]
alone = [(miss[0] & ~miss[1]).sum().item(), (miss[1] & ~miss[0]).sum().item()]
p_tie = min(1.0, 2 * sum(comb(sum(alone), k) for k in range(min(alone) + 1)) / 2 ** sum(alone))  # two-sided sign test
best = {name: min(m for (t, _), m in swept_mean.items() if t == name) for name in ("labels", "smoothed labels")}
card.record("smoothed-teacher-as-good", errors(other_teacher) / errors(teacher))
card.record("smoothed-teacher-worse-student", best["smoothed labels"] / best["labels"])
Table(
    ["teacher trained with", "its errors", "only it gets wrong", "students at T = 8", "at their best T"],
    [
        [name, errors(net), only, shown(swept[name, 8]), f"{best[name]:.0f}"]
        for (name, net), only in zip({"labels": teacher, "smoothed labels": other_teacher}.items(), alone, strict=True)
    ],
    caption=f"One pair of teachers; sign test on the images that only one of them gets wrong: p = {p_tie:.2f}. Students: mean of {len(SOME)} seeds.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. No.** Two teachers whose errors are a tie, and one has clearly worse students, also at their best temperature (chosen on the test images, for both). Its students were worse in all four pairs that we tried; the table has one.
# The reason that [Müller, Kornblith and Hinton, 2019](https://arxiv.org/abs/1906.02629) give: the logits lose resemblances between *instances* of different classes.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Whose knowledge crosses over?
#
# A third teacher: LeNet-300-100 again, trained on *the student's own 1,000 images*.
#
# **Predict.** Beside the gain from the first teacher: does it help nearly as much, half as much, or hardly? And if it answers for all 50,000 images, without a label for the others?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* First question: beside what the first teacher won, nearly as much, half as much, or hardly? Then the second. After the table: "Count errors fewer than with labels alone, the last row. Hardly; and a little more with all images. A larger network alone had little to give. What crossed over is probably what the teacher learned from the other 49,000." The third row is the honest case of few labels and many images: ask who has
# that at work. It helps some; it is not the first row.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
few_answers = swept["narrow", 8]
many_answers = errors_of({"": said}, SOME, x, hard, desc="all images")[""]
card.record("narrow-teacher", statistics.mean(few_answers) / labels_mean)
card.record("narrow-teacher-all-images", statistics.mean(many_answers) / labels_mean)
Table(
    ["teacher learned from", "its errors", "it answers for", "its student's errors"],
    [
        [f"{whole:,} labels", errors(teacher), f"{few:,} images", shown(swept["labels", 8])],
        [f"the student's {few:,} labels", errors(narrow), f"{few:,} images", shown(few_answers)],
        [f"the student's {few:,} labels", errors(narrow), f"{whole:,} images", shown(many_answers)],
        ["no teacher: labels", "–", "–", shown(at_end("labels")[: len(SOME)])],
    ],
    caption=f"2×30 students, 1,000 steps, T = 8; mean of {len(SOME)} seeds (lowest to highest)",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Hardly; then a little more.** The third teacher makes fewer errors than its students, with little to give. So what crossed over in section 2 is probably mostly what the teacher learned from the *other* 49,000. If you have 1,000 labels and many images
# without, the third row is your case.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · The loss
# ★★ · 12 minutes
#
# Write `distillation_loss`: α times T² times KL(teacher ‖ student) of the soft answers, plus 1 − α times the cross-entropy with
# the labels. Both are means over the batch. No gradient may reach the teacher's logits.
#
# `distillation_loss(student, teacher, labels, T, alpha)` → a tensor of one number, from which `backward()` reaches the student. `student` and
# `teacher` are logits (batch, classes).
#
# <details><summary>Hint</summary>
# <code>F.kl_div(input, target, reduction="batchmean")</code> wants <code>input</code> as log-probabilities, of the student, and <code>target</code> as probabilities, of the teacher.
# It sums over classes and divides by the batch. <code>.detach()</code> stops a gradient.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; alone it takes 12. Answer: α T² · kl_div(log_softmax(student / T), softmax(teacher.detach() / T), batchmean) + (1 − α) · cross_entropy(student, labels). Three mistakes to wait for: no T², the arguments of kl_div in the wrong order, and probabilities where it wants logarithms. Ask a pair that is done what happens if the teacher is not detached. The other card is homework in a
# lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def distillation_loss(student, teacher, labels, T, alpha):
    """alpha · T² · KL(teacher ‖ student) at T, plus (1 - alpha) · cross-entropy.

    >>> z = torch.zeros(1, 2)
    >>> distillation_loss(z, z, torch.tensor([0]), 1.0, 1.0).dim()
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.distillation_loss(distillation_loss)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def distillation_loss_solution(student, teacher, labels, T, alpha):
    targets = F.softmax(teacher.detach() / T, 1)
    from_teacher = F.kl_div(F.log_softmax(student / T, 1), targets, reduction="batchmean")
    return alpha * T**2 * from_teacher + (1 - alpha) * F.cross_entropy(student, labels)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · The temperature for an entropy
# ★★ · 12 minutes
#
# Two teachers with logits of different size need different temperatures to be equally soft. Write `temperature_for`: the temperature, from 0.05 to 500, at which the
# *mean entropy* of the answers is `bits`. Entropy rises with $T$. A temperature within 1 % of
# the exact one is close enough.
#
# `temperature_for(logits, bits)` → a number; `logits` are (images, classes)
#
# <details><summary>Hint</summary>
# Halve an interval: keep a low and a high temperature, try the middle (better $\sqrt{\text{low} \cdot \text{high}}$), and keep the half in which the entropy passes
# <code>bits</code>. Take the entropy of each row, then the mean. <code>entropy</code> of section 1 is at hand.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def temperature_for(logits, bits):
    """The temperature at which softmax(logits / T) has this mean entropy, in bits.

    >>> 0.05 <= temperature_for(torch.tensor([[1.0, 0.0]]), 0.5) <= 500
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.temperature_for(temperature_for)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def temperature_for_solution(logits, bits):
    low, high = 0.05, 500.0
    for _ in range(40):
        middle = (low * high) ** 0.5
        p = torch.softmax(logits / middle, 1)
        mean_bits = torch.special.entr(p).sum(1).mean() / torch.log(torch.tensor(2.0))
        low, high = (middle, high) if mean_bits < bits else (low, middle)
    return middle


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. The bounds leave room for other seeds, and are set for MNIST.
#
# **The table of section 2.** Its last column is the reply to "you only trained the others too long": each arm stops where it is best on held-out images. Some gain from an early stop; *soft* stays ahead.
#
# **Beside the paper** ([arXiv:1503.02531](https://arxiv.org/abs/1503.02531), section 3): there the teacher (two layers of 1,200 units, with dropout, on images shifted by up to two pixels)
# makes 67 test errors. A student of two layers of 800 units makes 146 with labels, and 74 when it also matches the teacher's soft targets at $T = 20$.
# Both saw all 60,000 images. Other networks, and more images: [[students]] comes back to what differs.
#
# **Is it only MNIST?** Set `TASK = "fashion_mnist"` and run again. When we did, without the arms *class mean* and *another image*: *soft* beat labels, smoothed and shuffled, by less; T² mattered in the mixture; but $T = 1$ taught as well
# as 8, and the smoothed teacher as well as the plain one. That teacher is less sure of its answers. So no figure of this lesson is a law. The controls are what you take along.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - The student gained what the teacher says of *each image* beyond its label. Softness alone, or the class alone, did not do it.
# - Here it gained most at a temperature that lets small numbers count, with T² once labels are mixed in, and in a long run.
# - A teacher with as few errors need not be as good a teacher; one that saw no more data had little to give.
#
# **Going further**: G. Hinton, O. Vinyals, J. Dean, *Distilling the knowledge in a neural network*, 2015, [arXiv:1503.02531](https://arxiv.org/abs/1503.02531); R. Müller, S. Kornblith, G. Hinton, *When does
# label smoothing help?*, 2019, [arXiv:1906.02629](https://arxiv.org/abs/1906.02629); S. Stanton et al., *Does knowledge distillation really work?*, 2021, [arXiv:2106.05945](https://arxiv.org/abs/2106.05945).
# Next here: [[students]].
#
# **Project ideas**: a teacher trained on shifted images, with all 50,000 images for the student; distil from three teachers at once; soft targets stored in few bits.
#
# **Credits**: the method and the example of the twos are Geoffrey Hinton's, Oriol Vinyals' and Jeff Dean's. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10).
# Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Take up the answers from the first slide: what can a teacher tell that the label does not? Ask what we did not test: other students, the good teacher on all 50,000 images in several passes, and a class that the student never saw. That is the next lesson.

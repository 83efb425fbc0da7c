# ---
# jupyter:
#   course:
#     promise: You will be able to weigh a model in memory and on disk, and to say what a gain is measured against.
#     minutes: 45
#     seconds: 30
#     needs: [measuring]
#     goals:
#       - Say what a peak of memory means, and what a step of training adds to it.
#       - Count the bytes of a model and of its file.
#       - Say how large a difference in accuracy must be before it counts.
#       - Name the fair baseline of a comparison, and record the first row of the course's ledger.
#     terms: [baseline, buffer, fp32, paired comparison, parameter, peak memory, standard error]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *"A quarter of the size, and as good as before." A quarter of what, and how good?*
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
# *For the lecturer, 1.5 min.* "A quarter of the size, as good as before. Which two numbers do you ask for?" Wanted: the
# size of what, in memory or on disk, and the accuracy on how many images. "Today the small network gets its passport:
# its weight, its accuracy, and the error of both. It is the first row of the course's table."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import pathlib
import tempfile

import torch
from torch.nn.functional import cross_entropy, linear

from course_utils import data, models, runtime, training
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.baseline import checks as check

card = claims.Scorecard("baseline")
runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()
images, labels = data.load("mnist")
test_images, test_labels = data.load("mnist", "test")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. One step of training
#
# LeNet-300-100 is a small network for digits. Its weights take about a megabyte. It gets a batch of 128 images and
# takes **one** step of training: the *gradient* says how the error changes with each weight, and the *optimizer*, here
# Adam, changes the weights.
#
# **Predict.** How much memory does that step need on top of the network: nothing, half of it, once its bytes, more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* "The network takes one megabyte. It learns from 128 images, once. How many megabytes come
# on top?" Four votes: none, half, one, more. Expect one, for the gradients. Show the number. Do not explain it yet: "We
# first need to know what a peak is."

# %% slideshow={"slide_type": "fragment"}
my_guess = "?"  # your number: the peak over the bytes of the network
pupil = models.LeNet300100()
pupil_bytes = sum(p.nbytes for p in pupil.parameters())
adam = torch.optim.Adam(pupil.parameters())
step_timer = timing.Timer(device="cpu", memory=True)
with step_timer:
    cross_entropy(pupil(images[:128]), labels[:128]).backward()
    adam.step()
card.record("adam-state", step_timer.levels[-1] / pupil_bytes)
peak = step_timer.peak_bytes / pupil_bytes
print(f"peak / network: {peak:.1f}, your guess: {my_guess}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: this step takes several times the memory of what it trains.** Section 2 draws it.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. The level of memory
#
# Tensors come and go. The course's timer notes each change, and the **peak of memory**: the most bytes that tensors
# held at one time, above the level at the start.
#
# **Predict.** Tensors of 4, 12 and 4 MiB; the second is deleted before the third comes. What is the peak: 20 MiB, 16,
# 12, or 8? And if it is not deleted?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw an empty axis on the board, time to the right, memory upwards. Let the room dictate
# the steps: up 4, up 12, down 12, up 4. "Where is the peak?" Votes for 20, 16, 12, 8; expect some for each. Show the
# drawing. Then: "And without the line that deletes?" Go to the second frame. Transition: "Now the same drawing for our
# step of training."

# %% slideshow={"slide_type": "skip"}
MIB = 2**20  # a mebibyte has 1,048,576 bytes, a megabyte (MB) 1,000,000


def three_tensors(delete):
    with timing.Timer(device="cpu", memory=True) as timer:
        kept = [torch.empty(MIB)]  # float32: 4 bytes each
        b = torch.empty(3 * MIB)
        if delete:
            del b
        kept.append(torch.empty(MIB))
    return timer


levels = {}
for title, delete in (("with del b", True), ("without del b", False)):
    measured = three_tensors(delete)
    levels[title] = [level / MIB for level in measured.levels]
    print(f"{title}: peak {measured.peak_bytes / MIB:.2f} MiB, levels {levels[title]}")
card.record("peak", max(levels["with del b"]))


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def drawn(title, water):
    fig, ax = plots.figure(size=(9.4, 2.8))
    ax.fill_between(range(len(water)), water, step="post", color=plots.COLOURS["sky"], alpha=0.6)
    ax.axhline(max(water), color=plots.COLOURS["orange"], linestyle="--", label=f"peak: {max(water):g} MiB")
    ax.axhline(water[-1], color="black", linestyle=":", label=f"left at the end: {water[-1]:g} MiB")
    ax.set(title=title, xlabel="changes, in their order", ylabel="MiB", ylim=(0, 28), xticks=[])
    ax.tick_params(labelsize=18)
    ax.legend(loc="upper left", fontsize=18, ncols=2)
    return fig


plots.show(
    [drawn(title, [*water, water[-1]]) for title, water in levels.items()],
    alt=[
        f"The level of memory {title} as water in steps: {', '.join(f'{level:g}' for level in water)} MiB. A dashed line marks the "
        f"peak, {max(water):g}, a dotted one what is left, {water[-1]:g}."
        for title, water in levels.items()
    ],
    caption="The level after each allocation and each release, as the timer saw them.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw: a peak is the highest level on the way**, not always the sum, nor what is left.

# %% [markdown] slideshow={"slide_type": "skip"}
# It is the least that a device must have free. How the timer knows it:
#
# - On a **CPU** it adds up what PyTorch's profiler reports, each allocation and each release. That slows the block down: take the
#   seconds from a second run without `memory=True`. It misses the release of a tensor that is older than the measurement, unless an earlier
#   measurement saw that tensor come.
# - On **CUDA** PyTorch's allocator keeps the count of the peak. (This lesson measures memory on the CPU, where each change can be seen.)
# - **Not in it:** Python's own objects, the code of libraries, and on CUDA memory that the allocator keeps in reserve.
#   The system's monitor shows more.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"} tags=["lecture"]
# ### The same drawing for the step of training
#
# **Predict.** After the step, how many times the bytes of the network are still there, on top of it? Adam keeps two
# running averages for each parameter.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2.5 min.* "What is still there when the step ends?" Let the room count: a gradient for each weight,
# until `zero_grad()` frees it, and two averages that Adam must keep, of it and of its square. One and two are three.
# Show it: the dotted line lies at three. "What rises above that is scratch space of Adam's arithmetic: none
# with `fused=True` at this batch, in a trial." Transition: "So training is dear in memory. What does the model itself weigh?"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
water = [level / pupil_bytes for level in step_timer.levels]
fig, ax = plots.figure(size=(11, 3.1))
ax.fill_between(range(len(water)), water, step="post", color=plots.COLOURS["sky"], alpha=0.6)
ax.axhline(max(water), color=plots.COLOURS["orange"], linestyle="--", label=f"peak: {max(water):.2f}")
ax.axhline(water[-1], color="black", linestyle=":", label=f"left after the step: {water[-1]:.2f}")
twin = models.LeNet300100()
with timing.Timer(device="cpu", memory=True) as learning:
    cross_entropy(twin(images[:128]), labels[:128]).backward()
begins = len(learning.levels) - 1  # a twin tells how many changes come before Adam's step
ax.axvline(begins, color="black")
for at, align, words in ((begins - 2, "right", "forward, backward"), (begins + 2, "left", "Adam's step")):
    ax.text(at, 1.3 * max(water), words, ha=align, va="center", fontsize=18)
ax.tick_params(labelsize=18)
ax.set(xlabel="changes, in their order", ylabel="bytes / network", ylim=(0, 1.5 * max(water)), xticks=[])
ax.legend(loc="upper right", fontsize=18)
plots.show(
    fig,
    alt=f"The level of memory during one step of training, in bytes of the network, as water in steps: it rises to {max(water):.2f} and falls "
    f"to {water[-1]:.2f}. A line marks where Adam begins; the level there is {water[begins]:.2f}.",
    caption=f"One step with Adam on 128 images: {len(water) - 1} changes of the level, above the network itself.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: three times the network is still there**: gradients, until `zero_grad()`, and two averages. The rest of
# this peak is scratch space of Adam's arithmetic.

# %% slideshow={"slide_type": "skip"}
few_weights = models.LeNet().to("cpu")
with timing.Timer(device="cpu", memory=True) as activations:
    cross_entropy(few_weights(images[:128]), labels[:128]).backward()
times_the_network = activations.peak_bytes / sum(p.numel() * p.element_size() for p in few_weights.parameters())
print(f"LeNet, the same batch, forward and backward alone: a peak of {times_the_network:.0f} times the network")

# %% [markdown] slideshow={"slide_type": "skip"}
# **What you saw: three to five is no rule.** LeNet is another network than LeNet-300-100, with convolutions. It has few weights, and
# large **activations**: what the layers give out, and the forward pass keeps for the backward pass. They grow with the batch. In
# LeNet-300-100 they stay below the peak of Adam's step at 128 images, and make the peak at thousands.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What does a model weigh?
#
# A model holds **parameters**, which an optimizer may change. Each element takes the bytes of its **dtype**: 4 in
# float32 (**fp32** for short), 2 in float16, 1 in int8, 8 in int64.
#
# **Predict.** LeNet-300-100 has three linear layers, 784 → 300 → 100 → 10. A layer $n$ → $m$ has $n \cdot m$ weights
# and $m$ biases. How many parameters is that, and how many bytes in fp32?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Give a minute for the sum on paper: 784 times 300, and so on. Ask where nearly all of it
# lies. Show the chart: the first layer. "Remember that one: it is where the bytes are." Transition: "Is that all that a
# model holds?"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
net = models.LeNet300100()
n_parameters = sum(p.numel() for p in net.parameters())
card.record("parameters", n_parameters)
said = f"{n_parameters:,} parameters, {sum(p.numel() * p.element_size() for p in net.parameters()):,} bytes"
canvas = diagrams.Canvas(height=370)
elements = {f"{name}, {'×'.join(map(str, p.shape))}": p.numel() for name, p in net.named_parameters()}
diagrams.bars(canvas, elements, x=300, y=20, width=740, height=36, gap=22, meaning="fp32", text="{:,}")
plots.show(
    canvas.figure(),
    alt="Bars to one scale, the elements of each parameter. " + "; ".join(f"{k}: {n:,}" for k, n in elements.items()),
    caption=f"{said}. Most of them stand in one layer.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Buffers
#
# A **buffer** belongs to the model too, and no optimizer changes it. A batch norm, for example, scales each channel
# (one map of its input). It learns two numbers for that, and keeps running statistics.
#
# **Predict.** A convolution and a batch norm: which of their tensors are parameters? Which are not float32?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* "Seven tensors in two layers. Which of them does the optimizer see?" Show it. "Somebody
# who counts parameters misses three of seven here, and somebody who multiplies by four is wrong about the last one."
# Exercise 1 takes it up. Transition: "What we ship is a file."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
block = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))
learned = dict(block.named_parameters())
Table(
    ["tensor", "is a", "dtype", "bytes"],
    [
        [name, "parameter" if name in learned else "buffer", str(t.dtype).removeprefix("torch."), t.nbytes]
        for name, t in block.state_dict().items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: counting parameters is not enough, and neither is "four bytes each".** To answer, the model needs the
# two running statistics; the count of batches is for training.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The file
#
# What you ship is a file. Save it, **load it again** and compare, before you quote its size: a file that does not give
# the model back has no size worth quoting.
#
# **Predict.** Is the file larger than the bytes in memory, equal, or smaller?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Vote larger, equal, smaller. Expect most for equal. Show it. "Which line of this cell
# would you leave out in a hurry? And which mistake would you then not see?" Wanted: the comparison after loading.
# Transition: "Weighed. Is it any good?"

# %% slideshow={"slide_type": "fragment"}
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "lenet.pt"
    torch.save(net.state_dict(), path)
    loaded = torch.load(path, weights_only=True)
    file_bytes = path.stat().st_size
same = all(torch.equal(loaded[name], t) for name, t in net.state_dict().items())
card.record("file-bytes", file_bytes / n_parameters)
print(f"the same after loading: {same}; in memory: {4 * n_parameters:,} bytes")
print(f"in the file: {file_bytes:,} bytes, {file_bytes / n_parameters:.3f} a parameter")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the model, and a little more.** Names, shapes and a frame come on top.

# %% [markdown] slideshow={"slide_type": "skip"}
# In a small model that share is larger. `weights_only=True` reads tensors and refuses to run code, which a file from a
# stranger may hold (in an up-to-date PyTorch).
#
# `size_report` does these steps for a model, and times the loading (of a file that the system has just written, and
# probably still holds in memory). A *parameter* that two layers share counts once, as in the file.

# %% slideshow={"slide_type": "skip"}
size_report(net)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. How good is it?
#
# A **baseline** is what a gain is measured against. The first one of this course: LeNet-300-100 in fp32, trained on the
# digits of MNIST.
#
# **Predict.** Three linear layers see the pixels as a row and know nothing of neighbours. How many of 100 unseen digits
# do they read right: 80, 90, 98?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show the digits. "Could you read them all?" Then: "The network does not know that two
# pixels are neighbours. How many of a hundred does it get?" Hands for 80, 90, 98. Then
# show the printed line. Transition: "The number has two decimals. Do we believe them?"

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, axes = plots.figure(columns=10, rows=2, size=(9.6, 2.6))
for ax, picture, label in zip(axes.flat, images, labels.tolist(), strict=False):
    ax.imshow(picture[0], cmap="gray_r")
    ax.set(title=label)
    ax.set_axis_off()
plots.show(
    fig,
    alt="The first twenty training images of MNIST, handwritten digits in black on white, each under its label.",
    caption=f"{len(images):,} images to train on, {len(test_images):,} to test, 28 × 28 pixels each, straight from the files in `data/`.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Five passes with a large learning rate, then two with a tenth of it. The **seed** decides where the weights begin and
# in which order the images come. The bar takes some seconds.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def trained(seed):
    runtime.seed_all(seed)
    model = models.LeNet300100()
    for epochs, lr in ((5, 2e-3), (2, 2e-4)):
        training.fit(model, images, labels, epochs=epochs, batch_size=128, lr=lr, seed=seed, device=device)
    return model


baseline = trained(0)
accuracy = training.evaluate(baseline, test_images, test_labels)
card.record("accuracy", 100 * accuracy)
print(f"{accuracy:.2%} of the test images are read right")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 5. Which digits of the accuracy count?
#
# Suppose each of $n$ test images is read right with probability $p$, independently of the others. By luck alone the
# share then varies, with the **standard error** $\sqrt{p\,(1-p)/n}$. A rule of thumb: a difference below two standard
# errors may be luck.
#
# **Predict.** Another model is 0.1 percentage points better, on 10,000 images. Is it the better model?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* "Ten thousand images, a tenth of a percentage point: that is ten images. Better?" Vote;
# expect many a yes. Show the two numbers. "So 98.4 against 98.3, each on images of its own, has not shown a difference."
# Transition: "But these two models saw the same ten thousand images. We come back to your vote."

# %% slideshow={"slide_type": "fragment"}
error = (accuracy * (1 - accuracy) / len(test_images)) ** 0.5
print(f"standard error of one model: {100 * error:.2f} points")
print(f"of a difference of two:      {2**0.5 * 100 * error:.2f} points")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: 0.1 points is not even one standard error of a difference**, where each model has images of its own.
# And on the same images?

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### On the same images
#
# In a **paired comparison** both models answer the *same* images. Only those count on which one is right and the other
# wrong. Three opponents of the baseline: a sibling, trained from another seed; the baseline itself with weights and
# biases rounded to 8 bits; to 3 bits.
#
# **Predict.** On how many of the 10,000 images does each differ in being right? Whose difference is larger than luck?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "The same network with rounded weights: on how many of ten thousand images does the verdict
# change?" Take guesses for 8 bits; expect them far too high. Then for the sibling. Show the picture and read one row
# aloud: lost, won, difference. "Which of the three is worse than the baseline?" The line below the picture tells of 3
# bits. Then back to the vote: "A tenth of a point: to a sibling, with two errors of about 0.2, that may be luck. To the
# 8-bit copy, it would be a finding: ten images ahead, two errors would be about 0.06 to 0.09."


# %% slideshow={"slide_type": "skip"}
def rounded(model, bits):
    """A copy whose tensors lie on a grid of 2^bits − 1 values, evenly spaced from −max to max of each."""
    rough = copy.deepcopy(model)
    with torch.no_grad():
        for p in rough.parameters():
            step = p.abs().max() / (2 ** (bits - 1) - 1)
            p.copy_((p / step).round() * step)
    return rough


@torch.no_grad()
def is_right(model):
    return (model.eval()(test_images.to(device)).argmax(1).cpu() == test_labels).double()


# %% slideshow={"slide_type": "skip"}
sibling, duels = trained(1), {}
for name, other in {"the sibling": sibling, "8 bits": rounded(baseline, 8), "3 bits": rounded(baseline, 3)}.items():
    change = is_right(other) - is_right(baseline)  # 1 where it wins an image, −1 where it loses one, else 0
    paired = change.std(correction=0).item() / len(change) ** 0.5
    wins, losses = int((change > 0).sum()), int((change < 0).sum())
    share = is_right(other).mean().item()
    unpaired = (error**2 + share * (1 - share) / len(change)) ** 0.5
    duels[name] = (losses, wins, 100 * change.mean().item(), 100 * paired, 100 * unpaired)
Table(
    ["against the baseline", "lost", "won", "difference, points", "standard error, paired", "as if unpaired"],
    [[name, *n, f"{d:+.2f}", f"{e:.2f}", f"{u:.2f}"] for name, (*n, d, e, u) in duels.items()],
)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(10.8, 2.5))
near = {name: duel for name, duel in duels.items() if name != "3 bits"}  # which would be far off this axis
for y, (_, _, points, paired, apart) in enumerate(near.values()):
    kinds = [(0.12, apart, "grey", "two standard errors, unpaired"), (-0.12, paired, "blue", "the same, paired")]
    for shift, spread, colour, words in kinds:
        bar = {"color": plots.COLOURS[colour], "label": words if y == 0 else None, "capsize": 8}
        ax.errorbar(points, y + shift, xerr=2 * spread, fmt="o", elinewidth=3, **bar)
names = [f"{name}: lost {lost}, won {won},\n{d:+.2f} points" for name, (lost, won, d, *_) in near.items()]
lost, won, rough, *_ = duels["3 bits"]
ax.axvline(0, color="black", linestyle="--")
ax.tick_params(labelsize=18)
ax.set(yticks=range(len(names)), yticklabels=names, ylim=(1.5, -0.5), xlabel="difference from the baseline, points")
ax.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, ncols=2, fontsize=18)
told = "; ".join(f"{n}: {d:+.2f} points, {2 * e:.2f} to each side" for n, (_, _, d, e, _) in duels.items())
plots.show(
    fig,
    alt=f"The difference of each opponent from the baseline, with two paired standard errors. {told}. Unpaired, two would be "
    + ", ".join(f"{2 * d[-1]:.2f}" for d in duels.values())
    + ".",
    caption=f"Images, of {len(test_images):,}. A paired bar that meets the dashed line may be luck. Far off: 3 bits, "
    f"lost {lost}, won {won}, {rough:+.2f} points.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the fewer images they disagree on, the smaller a difference that counts.**

# %% [markdown] slideshow={"slide_type": "skip"}
# Here 0.1 points could be luck for the sibling, and would be a finding for 8 bits. A difference below two standard errors does not show that the two are equal. And the paired error is about the luck of the *test images* only. Another seed changes the answers as well, as the sibling shows;
# a claim about a *method*, and not about two files, needs several seeds. Where a lesson claims a small difference,
# look for them.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. The ledger, and a fair baseline
#
# The first row of the ledger: accuracy, file, time to load, estimated energy for one digit ([[energy]] explains how).
# Its speed-up is 1 by definition: the ledger's speed-ups stand over *the same model* in **eager** fp32, which runs its
# modules one after the other. Whether that recorded gradients, look up in the lesson of the row.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Read the row aloud. "A speed-up in a later row is over its own model
# in eager fp32, the way many run it." Ask: "Is that fair?" Let it stand for a moment, then: "Let us try to be
# unfair."

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
size = size_report(baseline)
one_digit = test_images[:1].to(device)
row = ledger.record(
    lesson="baseline",
    task="mnist",
    model="LeNet-300-100",
    technique="fp32",
    accuracy=accuracy,
    file_bytes=size.file_bytes,
    load_ms=size.load_ms,
    speedup=1.0,
    energy_nj=energy.estimate(baseline, one_digit).total_nj,
)
ledger.table([row])

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Faster than what?
#
# Three ways to run the *same* fp32 network on one digit: as a training leaves it, which records gradients; without
# recording; and without modules either, as bare calls of functions. No bit is saved and no weight is cut.
#
# **Predict.** How many times faster is the last than the first?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "The same weights, the same arithmetic. Can one way be faster than another?" Vote: equal, a
# tenth, half as fast again, twice. Show it. "Somebody's new technique is 1.3 times faster than the first bar. What do
# you say?" Ask for more ways to make a baseline look bad: a debug build, another batch, fewer threads, a slow library.
# Exercise 2 takes it up.

# %% slideshow={"slide_type": "skip"}
layers = [(layer.weight.detach(), layer.bias.detach()) for layer in (baseline.fc1, baseline.fc2, baseline.fc3)]


@torch.inference_mode()
def bare():
    x = one_digit.flatten(1)
    for weight, bias in layers[:-1]:
        x = linear(x, weight, bias).relu_()
    return linear(x, *layers[-1])


@torch.inference_mode()
def not_recording():
    return baseline(one_digit)


ways = {"records gradients": lambda: baseline(one_digit), "does not record": not_recording, "bare calls": bare}
print("the same answers:", all(torch.allclose(bare(), way()) for way in ways.values()))
raced = timing.compare(ways, rounds=15, device=device)
raced

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
canvas = diagrams.Canvas(height=230)
gains = {name: raced.ratio(name) for name in ways}
diagrams.bars(canvas, gains, x=330, y=20, width=700, meaning="fp32", text="{:.2f}×")
plots.show(
    canvas.figure(),
    alt="Bars, how many times as fast each way is: " + "; ".join(f"{name} {gain:.2f}" for name, gain in gains.items()),
    caption=f"Medians of 15 rounds, in turn, one thread, {device.type}. All three give the same answer.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: a "speed-up" before any technique.** The arithmetic is the same in all three. What differs is what
# PyTorch does around it.

# %% [markdown] slideshow={"slide_type": "skip"}
# A **baseline is fair** when it is the best that fp32 can do under the same conditions: device, threads, batch. A slow
# fp32 flatters every technique. The ledger keeps eager fp32, because everybody can repeat it: one of the first two
# bars, and not the third. So read its speed-ups as "faster than PyTorch as it comes". For larger networks and other runtimes, [[choosing]] puts both baselines side by
# side. When you read "5 times faster", ask: faster than *what*?

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# ### Exercise 1 · Bytes of a model
# ★★ · 8 minutes
#
# Write `model_bytes`: the bytes of all parameters and buffers of a model in memory. A tensor object that is used in two
# places is there once, so it counts once. The dtypes may differ from tensor to tensor. Buffers that a file leaves out
# (`persistent=False`) are in memory, too. Leave the numbers in the model as they are.
#
# <details><summary>Hint</summary>
# A tensor knows its numel() and its element_size(). Iterate over what gives each tensor once.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, 5 of the card's 8 minutes. "Two lines of code, four traps. The first: bytes, and not elements." Let the check
# name the others: every dtype, the buffers, a tensor that is used twice. Afterwards ask who met
# which trap.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def model_bytes(model):
    """Bytes of the parameters and buffers of `model`.

    >>> model_bytes(torch.nn.ReLU())  # it holds no tensor
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.model_bytes(model_bytes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def model_bytes_solution(model):
    tensors = [*model.parameters(), *model.buffers()]  # both give a shared tensor once
    return sum(t.numel() * t.element_size() for t in tensors)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · Name the baseline
# ★★ · 10 minutes
#
# A report lists measured rows, each a dict:
# `{"name": "eager", "dtype": "fp32", "device": "cpu", "threads": 1, "batch": 1, "ms": 2.0}`.
# Write `fair_baseline`: given all rows and the name of one, return the name of the row that it must be compared
# with. That is the best fp32 to be had, the one with the smallest `ms`, under the same conditions: same device, threads
# and batch. There always is one. No two times are equal, nor two names. Where the named row is the best fp32, it is its
# own baseline. Leave `rows` as it is.
#
# <details><summary>Hint</summary>
# First keep the rows that differ from yours in nothing but the technique. Then: which of them would the other side
# choose?
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, 5 of the card's 10 minutes. "Which row would somebody choose who wants your technique to look bad? That is
# your baseline." Let the pairs say the rule in words before they type it. Expect two slips: the first fp32 in the list,
# and a row with more threads.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def fair_baseline(rows, name):
    """Name of the fair fp32 baseline for the row called `name`.

    >>> row = dict(name="eager", dtype="fp32", device="cpu", threads=1, batch=1, ms=2.0)
    >>> fair_baseline([row], "eager")
    'eager'
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.fair_baseline(fair_baseline)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def fair_baseline_solution(rows, name):
    mine = next(row for row in rows if row["name"] == name)
    alike = [row for row in rows if all(row[key] == mine[key] for key in ("device", "threads", "batch"))]
    return min((row for row in alike if row["dtype"] == "fp32"), key=lambda row: row["ms"])["name"]


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The figures of this lesson that your run can check, beside what it counted or measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A peak is the highest level on the way. Adam keeps twice the model between steps; gradients make it three times.
#   Activations, which grow with the batch, and temporaries come on top.
# - Quote the bytes of a file that you loaded again, and count buffers and dtypes.
# - An accuracy has a standard error, and a ratio has a baseline: name both.
#
# **Going further**
#
# - S. Han, H. Mao and W. J. Dally, *Deep compression*, 2016, [arxiv.org/abs/1510.00149](https://arxiv.org/abs/1510.00149). Table 1 has this very network,
#   its error and its bytes.
# - T. G. Dietterich, *Approximate statistical tests for comparing supervised classification learning algorithms*, 1998,
#   [doi.org/10.1162/089976698300017197](https://doi.org/10.1162/089976698300017197). Which test for which question.
# - D. P. Kingma and J. Ba, *Adam: a method for stochastic optimization*, 2015,
#   [arxiv.org/abs/1412.6980](https://arxiv.org/abs/1412.6980). The two running averages.
#
# **Project ideas.** Draw the level of memory for a network of your own, and name each step; train ten seeds and compare
# their spread with the standard error; find the best fp32 that your machine can do for one network.
#
# **Credits.** MNIST: Y. LeCun, C. Cortes, C. Burges. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Read the three sentences. "Each later speed-up has a baseline like this one, of its own model."
# Ask for one published gain whose baseline somebody would like to know.

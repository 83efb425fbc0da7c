# ---
# jupyter:
#   course:
#     promise: You will share a budget of bits out over the layers of a network, write the file, and say when the choice is not to be trusted.
#     minutes: 40
#     seconds: 30
#     needs: [integers, observers, distillation, weight_only, deep_compression]
#     goals:
#       - Measure how sensitive each layer is to fewer bits, without a label.
#       - Share out a budget by what a bit saves and what it costs, and compare with one width for all and with a simple rule.
#       - Show by measurements where such a choice fails, and ask again where it matters.
#       - Write a file with other bits in each layer, read it to the last bit, and count its bytes.
#     terms: [bit budget, mixed-precision quantization, proxy, sensitivity]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Three bits for each weight are too few. Must they be three for each?*
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
# *For the lecturer, 1 min.* Say: "In [[weight_only]] all layers got as many bits. Somebody pays for that: a layer that needed more, and a layer that needed fewer." Ask: "If you could give one layer more, which?" Keep the guesses: first, last, largest.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import tempfile
from pathlib import Path

import torch
from torch import nn

from course_utils import data, runtime, training
from course_utils.data import checkpoints
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range
from lessons.bit_budget import checks as check

card = claims.Scorecard("bit_budget")
torch.set_num_threads(1)
runtime.seed_all(0)

NAMES = {"first": "conv", "1a": "block1.conv1", "1b": "block1.conv2", "2a": "block2.conv1", "2b": "block2.conv2"}
NAMES |= {"short": "block2.shortcut.0", "last": "fc"}  # the seven layers with weights, in the order of the picture
BITS = (2, 3, 4, 5, 6)
net = checkpoints.load("small_resnet").requires_grad_(False)
seen = data.load("fashion_mnist", n=1000)  # training images: for every choice that is made here
exam_images, exam_labels = data.load("fashion_mnist", "test")  # for nothing but the accuracies
half_exam = exam_images[:5000], exam_labels[:5000]


def weights_of(model):
    return {short: model.get_submodule(name).weight for short, name in NAMES.items()}


def grid(weight, bits):
    """(codes, scale, zero) of a weight, a row for each output: 2**bits even levels a row, 0 among them ([[weight_only]])."""
    rows = weight.flatten(1)
    low, high = rows.amin(1, keepdim=True).clamp(max=0), rows.amax(1, keepdim=True).clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).half().float()  # 16 bits, as it will be stored
    zero = torch.round(-low / scale).clamp(0, 2**bits - 1)
    return (torch.round(rows / scale) + zero).clamp(0, 2**bits - 1), scale, zero


def rounded(choice, model=net):
    """A copy of the model with the weights of some layers on a grid, {layer: bits}. All arithmetic stays float."""
    model = copy.deepcopy(model)
    for short, bits in choice.items():
        weight = weights_of(model)[short]
        codes, scale, zero = grid(weight, bits)
        weight.copy_(((codes - zero) * scale).view_as(weight))
    return model


def alike(bits):
    return dict.fromkeys(NAMES, bits)


def bits_a_weight(choice, model=net):
    """Of the file: codes, and for each row a scale of 16 bits and a zero point of as many as a code."""
    weights = weights_of(model)
    total = sum(w.numel() * choice[short] + len(w) * (16 + choice[short]) for short, w in weights.items())
    return total / sum(w.numel() for w in weights.values())


known = {}


def right(choice, model=net):
    """Percent right on the first 5,000 test images; measured once for each choice."""
    key = id(model), tuple(sorted(choice.items()))
    if key not in known:
        known[key] = 100 * training.evaluate(rounded(choice, model), *half_exam, batch_size=100)
    return known[key]


def spelled(choice):
    return "".join(str(bits) for bits in choice.values())


runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. As many bits for all
#
# SmallResNet, trained on Fashion-MNIST: seven layers with weights. All weights go onto $2^b$ even levels for each row, as in [[weight_only]]. Nothing is trained after it.
#
# The rounding is *simulated*: the arithmetic stays float, and nothing gets faster here. What shrinks is the file.
#
# **Predict.** Float is more than 91 % right. What is left at 3 bits: **A** 90 or more, **B** 85 to 90, **C** less?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Say what the network is: a convolution, two residual blocks, a linear layer. Vote. The answer is C. Point to 5 bits: as good as float. So somewhere between 5 and 3 weights lose what they need. Ask: "All of them a little, or a few of them a lot?" That is the next slide.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
widths = {"float": {}} | {f"{b} bits": alike(b) for b in (5, 4, 3, 2)}
card.record("float-floor", right({}))
card.record("three-bits-lose", right({}) - right(alike(3)))
Table(
    ["weights", "bits a weight, all counted", "right, %"],
    [[name, f"{bits_a_weight(c):.2f}" if c else "32", f"{right(c):.1f}"] for name, c in widths.items()],
    caption="5,000 test images: read no difference under a point. Counted: codes, scales, zero points.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** 5 bits lose nothing that this test shows, 3 bits lose more than ten points.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"} tags=["lecture"]
# ### One layer of seven
#
# The bars: how many weights each layer has. *1a* and *1b* are the two convolutions of the first block, *short* is the shortcut of the second.
#
# Now the *first* layer gets 8 bits, and the other six stay at 3.
#
# **Predict.** How much of what 3 bits lost comes back: **A** a tenth, **B** a third, **C** more than half?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2.5 min.* Let somebody read the bar: the first layer has 288 of 76,704 weights. Vote; most say A. The answer is C. The last row of the table is the other way round: rounding *only* this layer loses nearly as much as rounding all. Ask: "What would you do with the bits of the others?" Take a guess for the lowest mean.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
sizes = {short: w.numel() for short, w in weights_of(net).items()}
canvas = diagrams.Canvas(width=700, height=290)
diagrams.bars(canvas, sizes, x=110, y=8, width=430, height=26, gap=14, meaning="int8", text="{:,.0f}")
plots.show(
    canvas.figure(),
    alt="A bar for each layer, by its number of weights: " + ", ".join(f"{k} {n:,}" for k, n in sizes.items()) + ".",
    caption=f"The first layer has {sizes['first'] / sum(sizes.values()):.1%} of {sum(sizes.values()):,} weights.",
)
spared = alike(3) | {"first": 8}
card.record("one-layer-brings-back", (right(spared) - right(alike(3))) / (right({}) - right(alike(3))))
cases = {"float": {}, "all 3": alike(3), "first 8, others 3": spared, "first 3, others float": {"first": 3}}
Table(["bits", "right, %"], [[name, f"{right(choice):.1f}"] for name, choice in cases.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. C.** Most of the loss at 3 bits is that of one small layer. Rounding it alone loses nearly as much as rounding all seven.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. How sensitive is each layer?
#
# **Sensitivity**: how far the ten probabilities move when this layer alone is rounded: the mean KL divergence from the float network's ([[distillation]]), on 1,000 *training* images, without labels.
#
# **Predict.** *2b* has nearly half of all weights, *last* under a hundredth. At 2 bits, who moves the answers more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote between 2b and last. The answer: last, some three times. Then read the picture: seven columns, five dots each, a logarithmic axis. Ask for the longest fall: first, from 4 to 5. On this axis that is a ratio; in nats its step from 2 to 3 saves more. Ask for a layer that could do with 2 bits: 2b, the largest. Why not labels? The next cell of the notebook: with labels some increases are negative, and their signs change from lot to lot; a choice could follow that. Somebody may ask for cheaper ways: HAWQ takes the curvature of the loss in place of trials.


# %% slideshow={"slide_type": "skip"}
def answers(model, images=seen[0]):
    """Logarithms of the ten probabilities."""
    return torch.cat([model(batch) for batch in images.split(100)]).log_softmax(1)


def moved(said, target):
    """KL divergence of each image, in nats: of a rounded network's answers from the float network's, `target`."""
    return (target.exp() * (target - said)).sum(1)


def together(choice, images=seen[0]):
    """Mean divergence with all layers rounded as the choice says."""
    return moved(answers(rounded(choice), images), target[: len(images)]).mean().item()


def each_alone(model):
    """{(layer, bits): answers with this layer alone at these bits}."""
    return {(short, b): answers(rounded({short: b}, model)) for short in NAMES for b in BITS}


target, said = answers(net), each_alone(net)
each_image = {key: moved(found, target) for key, found in said.items()}
cost = {key: found.mean().item() for key, found in each_image.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(12, 3.6))
marks = dict(zip(BITS, [("o", "orange"), ("s", "yellow"), ("D", "sky"), ("^", "blue"), ("v", "black")], strict=True))
for bits, (mark, colour) in marks.items():
    drawn = [max(cost[short, bits], 1e-6) for short in NAMES]
    ax.plot(list(NAMES), drawn, mark, color=plots.COLOURS[colour], label=f"{bits} bits", markersize=12)
ax.set(yscale="log", ylabel="divergence, nats", xlim=(-0.5, 8.2))
ax.legend(loc="right")
card.record("first-over-others", cost["first", 3] / max(cost[short, 3] for short in NAMES if short != "first"))
card.record("largest-under-last", cost["last", 2] / cost["2b", 2])
plots.show(
    fig,
    alt="Divergence for each of seven layers, alone at 2 to 6 bits, on a logarithmic axis. At 2 bits: "
    + ", ".join(f"{short} {cost[short, 2]:.3f}" for short in NAMES)
    + f". The first layer at 3 bits: {cost['first', 3]:.2f}, at 5 bits: {cost['first', 5]:.4f}.",
    caption=f"One layer rounded, six float. At 2 bits: 2b {cost['2b', 2]:.3f}, last {cost['last', 2]:.3f}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. The last, by far.** Sensitivity does not follow size: the largest layer is among the calmest. (HAWQ asks the curvature of the loss, the Hessian, in place of trials: [Dong et al., 2019](https://arxiv.org/abs/1905.03696).)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Why no labels? The loss with labels may rise or fall by chance. Both sensitivities on four lots of 250 images; and of the
# 35 increases (seven layers, five widths) those that are negative. A mean divergence is never below 0.
labels = seen[1][:, None]
with_labels = {key: (target - logs).gather(1, labels).flatten() for key, logs in said.items()}
lots = {
    name: [{key: part.mean().item() for key, part in zip(found, four, strict=True)} for four in zip(*cut, strict=True)]
    for name, found in (("with labels", with_labels), ("divergence", each_image))
    for cut in [[values.split(250) for values in found.values()]]
}
below = {name: [sum(value < 0 for value in lot.values()) for lot in four] for name, four in lots.items()}
card.record("label-increases-below-0", sum(below["with labels"]) / 4)
shown = [("first", 3), ("2b", 2), ("2a", 3), ("short", 3), ("last", 3)]
Table(
    ["sensitivity", "below 0, of 35", *(f"{short}, {bits} bits" for short, bits in shown)],
    [
        [name, mean_and_range(below[name], "{:.0f}"), *(mean_and_range([x[k] for x in four], "{:.3f}") for k in shown)]
        for name, four in lots.items()
    ],
    caption="Mean (least to most) of four lots of 250 training images: with labels the sign of a small increase is chance.",
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. What does a bit cost, and what does it save?
#
# **Mixed-precision quantization**: other bits in other layers. (Not the mixed precision of [[amp]].) The **bit budget** is the file's codes, scales and zero points. One more bit for a layer costs one bit for each weight, and one for each row (its zero point).
#
# It saves divergence. The bargain is what is *saved for each bit of the file*.
#
# **Predict.** All layers have 2 bits. Which layer should get the first extra bit? And is that bargain a hundred times better than the same for *2b*, or thousands of times?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let the room guess both before the table. The answers: first, and thousands. Say: "This is a knapsack: things with a worth and a weight, and a sack that holds so much." The bytes of a file are one price among others: HAQ asks a simulator of the hardware for time and energy, and got other choices for other hardware. Ask which price a phone would have.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
price = {short: w.numel() + len(w) for short, w in weights_of(net).items()}
bargain = {short: (cost[short, 2] - cost[short, 3]) / price[short] for short in NAMES}
card.record("bargains-apart", bargain["first"] / bargain["2b"])
Table(
    ["layer", "a bit costs", "saves, 2 → 3", "per 1,000 bits"],
    [
        [short, f"{price[short]:,} bits", f"{cost[short, 2] - cost[short, 3]:.4f}", f"{1000 * bargain[short]:.5f}"]
        for short in sorted(NAMES, key=bargain.get, reverse=True)
    ],
    caption="Divergence saved, in nats; best bargain on top",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. *first*, and thousands.** A bit for 288 weights is cheap, and here it is needed. (Bytes are one price: HAQ asks a simulator of the hardware for time and energy, and found other choices for other hardware: [Wang et al., 2018](https://arxiv.org/abs/1811.08886).)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The greedy choice
#
# Begin with the fewest bits. Give one bit to the layer with the best bargain that still fits; again and again, until nothing fits or nothing is saved.


# %% slideshow={"slide_type": "-"}
def greedy(cost, budget, model=net, fewest=BITS[0], most=BITS[-1]):
    choice, steps = alike(fewest), []
    while True:
        steps, offers = [*steps, choice], []
        for short, w in weights_of(model).items():
            more = choice | {short: choice[short] + 1}
            if choice[short] < most and bits_a_weight(more, model) <= budget:
                saved = cost[short, choice[short]] - cost[short, choice[short] + 1]
                offers.append((saved / (w.numel() + len(w)), short, more))
        if not offers or max(offers)[0] <= 0:
            return steps
        choice = max(offers)[2]


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let the room find three things in the code: where the price stands (the division), where the budget stands (the `if`), and what the function believes without asking: that a layer saves as much as it did *alone*. Write that third one on the board; section 5 comes back to it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Up to the file of 3 bits
#
# **Predict.** The budget is what 3 bits for all take. Which layers end above 3, which below?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote for each of the seven layers, then click. Read the numbers in the blocks aloud: the order of the steps. The first of them cost next to nothing: the curve on the right falls straight down. The largest layer stays at 2 and pays for the others. Ask why the layer with the most weights is the one to save at: a bit there costs as much as two bits for both layers of the first block.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
THREE = bits_a_weight(alike(3))
steps = greedy(cost, THREE)
believed = [sum(cost[pair] for pair in step.items()) for step in steps]
spent = [bits_a_weight(step) for step in steps]
fig, (left, curve) = plots.figure(columns=2, size=(12, 3.8))
left.bar(list(NAMES), 2, color=plots.COLOURS["grey"])
order = []
for number, (before, after) in enumerate(zip(steps, steps[1:], strict=False), start=1):
    short = next(name for name in NAMES if after[name] > before[name])
    order.append(short)
    left.bar(short, 1, bottom=before[short], color=plots.COLOURS["sky"], edgecolor="white")
    left.text(short, before[short] + 0.5, number, ha="center", va="center", fontsize=16)
left.axhline(3, color=plots.COLOURS["black"], linestyle="--")
left.set(ylim=(0, 6.3), ylabel="bits")
curve.plot(spent, believed, "o-", color=plots.COLOURS["orange"])
curve.set(yscale="log", xlabel="bits a weight, all counted", ylabel="believed, nats")
plots.show(
    fig,
    alt=f"Left, the bits of the seven layers in the end, {spelled(steps[-1])}; above two bits each a block is numbered by its "
    f"step: {', '.join(order)}. Right, the sum of the divergences falls from {believed[0]:.2f} to {believed[-1]:.3f}.",
    caption=f"Left: who got a bit at which of the {len(order)} steps; dashed: 3 bits. Right: the divergences alone, summed.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw.** *2b* and *short* stay below 3, the other five end above. *2b*, with nearly half of the weights, pays for most of it.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Which front is higher?
#
# Five budgets, on the test images. Beside it one width for all, and a rule without any measurement: first and last layer 8 bits, the others alike.
#
# **Predict.** At the file of 3 bits, how much above one width for all: **A** 2 points, **B** 5, **C** 10? And above the rule?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes. The answers: C, and next to nothing. Be honest about the second: near 3 bits the rule is as good, and it cost no image. The other two points of the rule have no greedy one of the same size beside them. What the greedy choice adds are the budgets between, down to two and a half bits. Then point to the leftmost point of the greedy line and ask what happened there. Let it hang: section 5.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
BUDGETS = (2.25, 2.5, 2.75, THREE, 3.5)
chosen = {budget: greedy(cost, budget)[-1] for budget in BUDGETS}
lines = {
    "one width for all": [alike(bits) for bits in (2, 3, 4)],
    "first and last 8": [alike(bits) | {"first": 8, "last": 8} for bits in (2, 3, 4)],
    "greedy": list(chosen.values()),
}
fig, ax = plots.figure(size=(12, 3.4))
for (name, choices), style in zip(lines.items(), ("s-", "^--", "o-"), strict=True):
    ax.plot([bits_a_weight(c) for c in choices], [right(c) for c in choices], style, label=name)
ax.axhline(right({}), color=plots.COLOURS["grey"], linestyle=":", label="float")
ax.set(xlabel="bits a weight, all counted", ylabel="right, %", xlim=(2, 4.2))
ax.legend(loc="lower right")
card.record("same-file", right(chosen[THREE]) - right(alike(3)))
card.record("smaller-file", right(chosen[2.5]) - right(alike(3)))
card.record("over-the-rule", right(chosen[THREE]) - right(lines["first and last 8"][1]))
told = [f"{n}: " + ", ".join(f"{bits_a_weight(c):.2f} bits {right(c):.1f} %" for c in cs) for n, cs in lines.items()]
plots.show(
    fig,
    alt="Accuracy over bits a weight, three lines. " + "; ".join(told) + ".",
    caption=f"At {THREE:.2f} bits or fewer: all 3 bits {right(alike(3)):.1f} %, greedy {right(chosen[THREE]):.1f} %; "
    f"the rule takes {bits_a_weight(lines['first and last 8'][1]):.2f} and has {right(lines['first and last 8'][1]):.1f} %.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C, and no more than the rule,** which takes a slightly larger file. What a measured choice adds are the files in between. Its leftmost point is bad.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Do the layers add up?
#
# The greedy choice added divergences that were measured one layer at a time. Now all layers are rounded together, as the choice says: the same 1,000 training images, the same measure.
#
# **Predict.** What was measured over what was believed, at the five budgets of section 4: **A** near 1, **B** above 1 everywhere, **C** from half to double?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Go back to the third point on the board. Vote. The answer is C: about double on the left, about half on the right, and no rule that we know in between. Say: "At these five budgets the sum is right to about a factor of two, and nobody tells which way." (The next slide has a factor of nearly three.) A paper, CLADO, estimates pairs of layers, for this reason. Ask whether a factor of two matters: only if the order of the choices changes. It does, on the next slide.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
sums = {budget: sum(cost[pair] for pair in choice.items()) for budget, choice in chosen.items()}
joint = {budget: together(choice) for budget, choice in chosen.items()}
card.record("joint-over-sum", joint[2.25] / sums[2.25])
card.record("adds-up-later", joint[3.5] / sums[3.5])
fig, ax = plots.figure(size=(7, 4.6))
spots = [bits_a_weight(choice) for choice in chosen.values()]
ax.plot(spots, list(sums.values()), "s--", color=plots.COLOURS["orange"], label="believed: the sum")
ax.plot(spots, list(joint.values()), "o-", color=plots.COLOURS["blue"], label="measured together")
ax.set(yscale="log", xlabel="bits a weight, all counted", ylabel="divergence, nats")
ax.legend(loc="upper right")
plots.show(
    fig,
    alt="Divergence of the five greedy choices, as believed and as measured, on a logarithmic axis. "
    + "; ".join(f"{at:.2f} bits: {sums[b]:.3f} and {joint[b]:.3f}" for at, b in zip(spots, chosen, strict=True))
    + ".",
    caption=f"Measured over believed, left to right: {', '.join(f'{joint[b] / sums[b]:.1f}' for b in chosen)}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** Together, layers may do more or less harm than the sum. Methods that sum sensitivities take their errors as independent; [CLADO](https://arxiv.org/abs/2307.05657) estimates pairs.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### More bits for the last layer
#
# The first layer has 5 bits, all others 2. Alone, the last layer moves the answers less with each bit more (section 2), and bits are cheap there. So the greedy choice gives it some.
#
# **Predict.** The last layer gets 6 bits in place of 2, nothing else changes. Accuracy: **A** up by a point or more, **B** the same, **C** down?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; nearly all say A or B. The answer is C, by some ten points. More bits, and worse: in this state the coarse last layer makes up for something that the others break. Do not explain more than that; nobody looked further. In the notebook the pairs at 2 bits have both signs: several pairs do *less* harm together than the sum. The leftmost point of section 4, 5322226, is nearly this network: a bit more in 1a.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
coarse = alike(2) | {"first": 5}
last_bits = {bits: coarse | {"last": bits} for bits in (2, 3, 6)}
card.record("more-bits-worse", right(coarse) - right(last_bits[6]))
Table(
    ["first to last", "believed", "measured", "right, %"],
    [
        [spelled(c), f"{sum(map(cost.get, c.items())):.3f}", f"{together(c):.3f}", f"{right(c):.1f}"]
        for c in last_bits.values()
    ],
    caption="Divergence, believed (the sum) and measured, in nats",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** More bits, and a worse network: here the coarse last layer makes up for part of what the others break. Why this one does was not looked into.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# All pairs at 2 bits: what two layers do together, less what each does alone. If layers added up, all would be about 0.
few = seen[0][:250]
alone = {short: each_image[short, 2][:250].mean().item() for short in NAMES}
extra = {
    (one, other): together({one: 2, other: 2}, few) - alone[one] - alone[other]
    for place, one in enumerate(NAMES)
    for other in list(NAMES)[:place]
}
card.record("pairs-below-sum", min(extra.values()))
card.record("pairs-above-sum", max(extra.values()))
Table(
    ["", *list(NAMES)[:-1]],
    [
        [one, *(f"{extra[one, other]:.2f}" if (one, other) in extra else "" for other in list(NAMES)[:-1])]
        for one in NAMES
    ][1:],
    caption="Two layers at 2 bits: divergence together, less both alone, in nats; 250 images. Above 0 a pair does more harm than the "
    f"sum; below, {sum(v < 0 for v in extra.values())} of {len(extra)}, less: one layer undoes part of the other's error.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Ask again after each step
#
# A remedy: before each step *measure* every offer, with all bits as they are now. That takes up to seven measurements a step in place of 35 in all. Here each is on 250 images only.
#
# **Predict.** Two budgets, 2.25 bits and the file of 3 bits. Where does asking win: **A** at the small one, **B** at the large one, **C** at both?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; many say C. The answer is A. Point to the lowest row of the table: there it stops early and leaves bits of the budget unused, because each single step made things worse. The row above it was several steps away. Say: "Both look one step far. The sum believes too much; asking believes nothing, and stops where no step helps." Ask for a mixture: start from the greedy choice of the sum, and ask from there.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def ask_again(budget):
    # greedy, with each offer measured where the choice stands now; gives the choice and the number of measurements
    choice, now, count = alike(2), together(alike(2), few), 0
    while True:
        offers = []
        for short in NAMES:
            more = choice | {short: choice[short] + 1}
            if more[short] <= BITS[-1] and bits_a_weight(more) <= budget:
                then, count = together(more, few), count + 1
                offers.append(((now - then) / price[short], short, then, more))
        if not offers or max(offers)[0] <= 0:
            return choice, count
        *_, now, choice = max(offers)


asked = {budget: ask_again(budget) for budget in (2.25, THREE)}
card.record("asking-wins", right(asked[2.25][0]) - right(chosen[2.25]))
card.record("asking-stops", right(chosen[THREE]) - right(asked[THREE][0]))
rows = [
    [f"{budget:.2f}, {how}", spelled(found), f"{bits_a_weight(found):.2f}", count, f"{right(found):.1f}"]
    for budget, answer in asked.items()
    for how, (found, count) in (("sum", (chosen[budget], len(cost))), ("asked", answer))
]
Table(["budget", "bits", "used", "measured", "right, %"], rows)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A.** At the small budget asking is worth many points. At the file of 3 bits it stops early, with bits left: each single step more made things worse.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Greedy, or all choices?
#
# SmallResNet of half the width. Five widths for seven layers are 78,125 choices: the best *sum* can be looked up.
#
# **Predict.** Here the first layer's divergence *rises* from 2 to 3 bits, and falls to nearly nothing at 5. How many bits does the greedy choice give that layer? And the best sum?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let them play greedy: the first step saves nothing, so it is not taken, and the layer stays at 2. All choices together have no such trouble. The answer: 2, against 5. Say: "Greedy needs that each bit saves less than the one before." Ask for a repair: offer steps of several bits. And ask why the hill is there at all; we do not know. Remind the room that the best *sum* is still a sum: nobody has looked for the best *network*.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
half = checkpoints.load("small_resnet_half").requires_grad_(False)
half_target, half_budget = answers(half), bits_a_weight(alike(3), half)
half_cost = {key: moved(found, half_target).mean().item() for key, found in each_alone(half).items()}
every = torch.cartesian_prod(*[torch.tensor(BITS)] * 7)
paid, hoped = torch.zeros(2, len(every))
for widths_here, (short, w) in zip(every.T, weights_of(half).items(), strict=True):
    paid += widths_here * (w.numel() + len(w)) + 16 * len(w)
    hoped += torch.tensor([half_cost[short, b] for b in BITS])[widths_here - BITS[0]]
hoped[paid > round(half_budget * sum(w.numel() for w in weights_of(half).values()))] = float("inf")
best_sum = dict(zip(NAMES, every[hoped.argmin()].tolist(), strict=True))
half_greedy = greedy(half_cost, half_budget, half)[-1]
card.record("all-choices-win", right(best_sum, half) - right(half_greedy, half))
fig, ax = plots.figure(size=(7, 3.9))
ax.plot(BITS, [half_cost["first", b] for b in BITS], "o-", label="half width")
ax.plot(BITS, [cost["first", b] for b in BITS], "s--", label="full width")
ax.set(yscale="log", xlabel="bits of the first layer", ylabel="divergence, nats", xticks=BITS)
ax.legend()
plots.show(
    fig,
    alt="Divergence of the first layer alone over its bits, on a logarithmic axis. Half width: "
    + ", ".join(f"{b} bits {half_cost['first', b]:.4f}" for b in BITS)
    + f". Full width: from {cost['first', 2]:.2f} at 2 bits down to {cost['first', 5]:.4f} at 5.",
    caption=f"Half width, {half_budget:.2f} bits a weight: greedy {spelled(half_greedy)}, {right(half_greedy, half):.1f} % right; "
    f"best sum {spelled(best_sum)}, {right(best_sum, half):.1f} %; all 3 {right(alike(3), half):.1f} %.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Two; five.** A step that saves nothing is not taken, so greedy stays before the hill. All sums together see behind it, and this network is better for it.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Without a single image?
#
# A **proxy** stands in for the measurement. A cheap one: the squared error of the weights, $\sum (w - \hat w)^2$ for each layer. It needs no image. The same greedy choice, the same budgets.
#
# A control: *2b* written another way. Its weights times 8, its batch norm divides by 8 again: the same function to the last bit.
#
# **Predict.** Does the proxy find good choices? And does it make the same one for both ways of writing?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes. The answers: at some budgets it is as good as the divergence, at one it is no better than one width for all; and no, the other way of writing gets another choice, far worse. Say: "Nothing in the network has changed, and the proxy sees a layer that is 64 times as wrong." Ask what a proxy would have to see: how the layer is used. A cheap repair: the error over the size of the weights, which this trick cannot fool. It still sees no image.

# %% slideshow={"slide_type": "skip"}
twin = copy.deepcopy(net)
norm = twin.block2.bn2
weights_of(twin)["2b"].mul_(8)
norm.running_mean.mul_(8), norm.running_var.mul_(64)
norm.eps *= 64
assert torch.equal(answers(twin), target)


def weight_error(model):
    weights = weights_of(model)
    return {
        (short, b): (weights_of(rounded({short: b}, model))[short] - w).square().sum().item()
        for short, w in weights.items()
        for b in BITS
    }


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
blind = {budget: greedy(weight_error(net), budget)[-1] for budget in BUDGETS[1:]}
rewritten = {budget: greedy(weight_error(twin), budget, twin)[-1] for budget in (2.75, THREE)}
card.record("proxy-no-better", right(blind[THREE]) - right(alike(3)))
card.record("proxy-as-good", right(chosen[2.75]) - right(blind[2.75]))
card.record("proxy-rewritten", right(blind[2.75]) - right(rewritten[2.75], twin))
Table(
    ["right, % (bits)", *(f"{budget:.2f}" for budget in BUDGETS[1:])],
    [
        ["divergence", *(f"{right(chosen[b]):.1f} ({spelled(chosen[b])})" for b in blind)],
        ["weight error", *(f"{right(c):.1f} ({spelled(c)})" for c in blind.values())],
        [
            "written ×8",
            *(f"{right(rewritten[b], twin):.1f} ({spelled(rewritten[b])})" if b in rewritten else "–" for b in blind),
        ],
    ],
    caption="Columns: the budget, in bits a weight",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Sometimes, and no.** A proxy that does not ask what a layer is *for* can be lucky. Write the same function another way, and the luck is gone.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 7. A file
#
# Bits are not bytes before they are packed ([[weight_only]]). Our file: one byte for each layer's bits, then codes, scales and zero points of each, then what stayed float, batch norms and a bias.
#
# **Predict.** The file of the greedy choice, against the float file: **A** about a tenth, **B** a twelfth, **C** a fifteenth? What else is in it?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let them compute: 3.07 bits of 32 would be a bit less than a tenth of the weights; then the batch norms, in float. The answer is A: four numbers a channel, 4.6 kB, which nobody rounded. Read the last column: the file was read again before it was judged. Say: "The header of our mixed file is seven bytes long. That is what it costs to have other bits in each layer; in the file, that is. A kernel that computes with them is another matter."


# %% slideshow={"slide_type": "skip"}
def pack(codes, bits):
    """Bytes: the bits of all codes, lowest first; zeros fill the last byte."""
    ones = (codes.flatten().to(torch.uint8)[:, None] >> torch.arange(bits) & 1).flatten()
    ones = nn.functional.pad(ones, (0, -len(ones) % 8)).view(-1, 8)
    return bytes((ones << torch.arange(8)).sum(1).tolist())


def unpack(packed, bits, count):
    ones = (torch.frombuffer(bytearray(packed), dtype=torch.uint8)[:, None] >> torch.arange(8) & 1).flatten()
    return (ones[: count * bits].view(count, bits) << torch.arange(bits)).sum(1).float()


def kept_float(model):
    """What is not rounded, without the counters of batch norm, which nothing reads in evaluation."""
    on_grids = {f"{name}.weight" for name in NAMES.values()}
    return {k: v for k, v in model.state_dict().items() if k not in on_grids and v.is_floating_point()}


def file_parts(choice):
    """The parts of the file in their order: (what, bytes)."""
    yield "header", bytes(choice.values())
    for short, weight in weights_of(net).items():
        codes, scale, zero = grid(weight, choice[short])
        yield "codes", pack(codes, choice[short])
        yield "scales, zero points", scale.half().numpy().tobytes() + pack(zero, choice[short])
    yield "float", b"".join(value.numpy().tobytes() for value in kept_float(net).values())


# %% slideshow={"slide_type": "skip"}
def read_file(path):
    """The network of such a file. All else is known: the architecture, and the order of its layers."""
    content, model = memoryview(path.read_bytes()), copy.deepcopy(net)
    widths, at = content[: len(NAMES)], len(NAMES)

    def take(count):
        nonlocal at
        at += count
        return bytes(content[at - count : at])

    for bits, weight in zip(widths, weights_of(model).values(), strict=True):
        codes = unpack(take(-(-weight.numel() * bits // 8)), bits, weight.numel()).view(len(weight), -1)
        scale = torch.frombuffer(bytearray(take(2 * len(weight))), dtype=torch.float16).float()[:, None]
        zero = unpack(take(-(-len(weight) * bits // 8)), bits, len(weight))[:, None]
        weight.copy_(((codes - zero) * scale).view_as(weight))
    for value in kept_float(model).values():
        value.copy_(torch.frombuffer(bytearray(take(4 * value.numel())), dtype=torch.float32).view_as(value))
    assert at == len(content)
    return model


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
folder = tempfile.TemporaryDirectory()
float_file = Path(folder.name) / "float.pt"
torch.save(net.state_dict(), float_file)
float_bytes, files, differ = float_file.stat().st_size, {}, 0
for name, choice in {"all 3": alike(3), "greedy": chosen[THREE]}.items():
    parts, path = [*file_parts(choice)], Path(folder.name) / f"{name}.bits"
    path.write_bytes(b"".join(part for _, part in parts))
    again, wanted = read_file(path), rounded(choice).state_dict()
    for key, value in again.state_dict().items():
        if value.is_floating_point():
            differ += int((value.view(torch.int32) != wanted[key].view(torch.int32)).sum())
    files[name] = path.stat().st_size, training.evaluate(again, exam_images, exam_labels, batch_size=100)
files = {"float": (float_bytes, training.evaluate(net, exam_images, exam_labels, batch_size=100)), **files}
rows = [[n, f"{size:,}", f"{float_bytes / size:.1f}", f"{100 * share:.2f}"] for n, (size, share) in files.items()]
folder.cleanup()
card.record("bits-differ", differ)
card.record("no-larger", files["greedy"][0] / files["all 3"][0])
card.record("times-smaller", float_bytes / files["greedy"][0])
card.record("file-points", 100 * (files["greedy"][1] - files["all 3"][1]))
shares = {what: sum(len(part) for name, part in parts if name == what) for what, _ in parts}
Table(
    ["file, read again", "bytes", "× smaller", "right, %"],
    rows,
    caption=f"All 10,000 test images. Numbers that differ in any bit: {differ}. Greedy: {', '.join(f'{what} {n:,} B' for what, n in shares.items())}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A:** scales, zero points and above all the batch norms, still in float, are in it, too. (The float file is `torch.save`'s, with names and a container.) To have other bits in each layer takes a header of seven bytes.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Into the ledger: the weights alone have fewer bits, so no speed and no energy.
same = {"lesson": "bit_budget", "task": "fashion_mnist", "model": "SmallResNet"}
TECHNIQUES = {"float": "fp32, the checkpoint", "all 3": "weights alone, 3 bits"}
TECHNIQUES |= {"greedy": "weights alone, 3 bits on average, by layer"}
written = [
    ledger.record(**same, technique=TECHNIQUES[name], accuracy=share, file_bytes=size)
    for name, (size, share) in files.items()
]
ledger.table(written)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Bits a weight
# ★ · 4 minutes
#
# Write `mean_bits`: how many bits a weight of the network has on average. `weights` are the numbers of weights of the layers, `bits` the bits of a weight in each. Scales and zero points are left out here.
#
# `mean_bits(weights, bits)` → a number; two lists of whole numbers, as long as each other, of 1 to 5 layers; each layer has 1 weight or more
#
# <details><summary>Hint</summary>
# How many bits does one layer take in all? And all layers?
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Work one out on the board: 1 weight of 8 bits and 3 of 2 bits have 3.5 bits on average, not 5. Say: "Whoever quotes a mean should be asked: of layers or of weights?" The second card is homework in a lecture: greedy from above, which is not what the lesson did.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def mean_bits(weights, bits):
    """Bits of a weight, on average over all weights.

    >>> mean_bits([1], [4])
    4.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.mean_bits(mean_bits)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def mean_bits_solution(weights, bits):
    return sum(n * bits[layer] for layer, n in enumerate(weights)) / sum(weights)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · Greedy, from above
# ★★ · 10 minutes
#
# Write `greedy_bits`. `costs[i][b]` is what layer `i` costs with `b` bits, from 0 bits up; all layers have equally long lists, and begin with the *most* bits that these have. As long as the file is larger than `budget` bits, take one bit away from one layer: the one where this adds *least cost for each bit of the file*.
# Layer `i` has `weights[i]` weights, so a bit less there makes the file smaller by `weights[i]`. Where two are equal, take the layer that comes first. A layer of 0 bits has none to give.
#
# `greedy_bits(costs, weights, budget)` → a list of whole numbers, the bits of each layer; 1 to 4 layers, 1, 2, 4 or 8 weights each; `budget` is a whole number, 0 or more
#
# <details><summary>Hint</summary>
# A loop as long as the file is too large. In it, make a list of pairs: (added cost over weights, number of the layer), for the layers that have a bit to give. The smallest pair is the one.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def greedy_bits(costs, weights, budget):
    """Bits of each layer, taken away one by one until the file fits.

    >>> greedy_bits([[4.0, 1.0, 0.0]], [2], 9)
    [2]
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.greedy_bits(greedy_bits)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def greedy_bits_solution(costs, weights, budget):
    bits = [len(row) - 1 for row in costs]
    while sum(weights[i] * b for i, b in enumerate(bits)) > budget:
        offers = [((costs[i][b - 1] - costs[i][b]) / weights[i], i) for i, b in enumerate(bits) if b > 0]
        bits[min(offers)[1]] -= 1
    return bits


# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()  # what this lesson says of its own runs and takes from sources, beside what this run gave

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Measure each layer alone, divide what a bit saves by what it costs, and spend on the best bargain. Here one small layer had most of the loss.
# - Compare with a rule that costs nothing. First and last layer in 8 bits was as good here, near 3 bits.
# - Sensitivities are believed to add up. With few bits they did not: one layer got more bits, and the network got worse. Judge the whole choice, not the sum.
#
# **Going further**: Z. Dong et al., *HAWQ: Hessian AWare Quantization of neural networks with mixed-precision*, 2019, [arXiv:1905.03696](https://arxiv.org/abs/1905.03696) (curvature in place of trials); K. Wang et al., *HAQ: Hardware-aware automated quantization with mixed precision*, 2018, [arXiv:1811.08886](https://arxiv.org/abs/1811.08886) (time and energy from a simulator in place of bytes);
# Z. Deng et al., *Mixed-precision quantization for deep vision models with integer quadratic programming*, 2023, under this title 2025, [arXiv:2307.05657](https://arxiv.org/abs/2307.05657) (pairs of layers).
#
# **Project ideas**: steps of several bits in `greedy`; ask again, from the choice of the sum; batch norms in 16 bits; other bits for each *row*; the language model of [[weight_only]].
#
# **Credits**: text, code and trials are written for this course. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the guesses of the beginning: first, last, largest. Ask who would now trust a table of sensitivities without the joint measurement. Say: "You have a file more. Next: which of all of them would you ship?" ([[shipping]])

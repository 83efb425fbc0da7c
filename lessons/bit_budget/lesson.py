# ---
# jupyter:
#   course:
#     promise: You will find out which layers of a network need their bits, share a budget out over them, and say when not to trust the choice.
#     seconds: 35
#     needs: [integers, depthwise]
#     goals:
#       - measure how sensitive each layer is, without labels;
#       - share out a budget of bits greedily;
#       - say when such a choice is not to be trusted.
#     terms: [bit budget, mixed-precision quantization, sensitivity]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Where does a bit save most?*

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* "All layers got as many bits. Somebody pays for that." If you could give one layer more, which: the first, the last, the largest? Keep the guesses on the board.

# %% tags=["setup", "hide-input"] slideshow={"slide_type": "skip"}
# Sets one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import torch

from course_utils.scorecard import claims
from lessons.bit_budget import checks as check
from lessons.bit_budget import show

torch.set_grad_enabled(False)  # the lesson only runs networks
torch.set_num_threads(1)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. 288 of 30,208 weights
#
# We round all weights of DepthwiseCNN to 3 bits. Each channel has its own scale. Then block 1, with 288 of 30,208 weights, gets 8 bits, and all other layers keep 3.
#
# **Predict.** How much of the accuracy that 3 bits cost comes back: **A** a hundredth, **B** a quarter, **C** most of it?
#
# <!-- page -->
#
# The network is the one of [[depthwise]]. There block 1 lost its signal because its channels shared a scale. Now no channel shares one, so that cause is out of play. We round the weights and compute in float: what gets smaller is the file.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Eight levels for each channel. Vote; a hundredth of the weights, so most say A. Click. Then ask: which layer would you have chosen? Nobody knows without measuring. Block 0 makes it worse.

# %% slideshow={"slide_type": "skip"}
import copy

import torch
from torch import nn

from course_utils import data
from course_utils.data import checkpoints

net = checkpoints.load("depthwise_cnn")
images, _ = data.load("fashion_mnist", n=1000)  # training images, without labels: they choose
test_images, labels = (part[:2000] for part in data.load("fashion_mnist", "test"))  # they report
sizes = {name: m.weight.numel() for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}


def rounded(weight, bits):
    rows = weight.flatten(1)  # a row for each channel
    half = 2 ** (bits - 1)
    scale = rows.abs().amax(1, keepdim=True) / (half - 0.5)
    return ((rows / scale).round().clamp(-half, half - 1) * scale).view_as(weight)


def with_bits(bits):  # {layer: bits}
    copied = copy.deepcopy(net)
    for name, b in bits.items():
        layer = copied.get_submodule(name)
        layer.weight.copy_(rounded(layer.weight, b))
    return copied


def outputs(model, images):
    return torch.cat([model(batch) for batch in images.split(100)])


def accuracy(model):
    return 100 * (outputs(model, test_images).argmax(1) == labels).float().mean().item()


all_3 = dict.fromkeys(sizes, 3)
in_float, three = accuracy(net), accuracy(with_bits(all_3))
spared = accuracy(with_bits(all_3 | {"features.1.0": 8}))  # the convolution of block 1

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Prints the three accuracies.
print(f"float {in_float:.1f} %, 3 bits {three:.1f} %, block 1 in 8 bits {spared:.1f} %")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Most of it (C), because the other seven layers together cost little.** The file grows by 288 · 5 = 1,440 bits, less than two per cent.

# %% [markdown] slideshow={"slide_type": "skip"}
# So the same number of bits for all layers looks like a poor way to spend them. But who tells you that it is block 1? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# **Try it.** In the line with `spared`, spare another layer in place of block 1: `"features.6.0"`, which has more than half of all weights, then `"features.0.0"`, the first layer. Run that cell and the next. Change it back afterwards, and run both again.
#
# <details><summary>What others found</summary>
#
# Block 6 costs 80,000 bits more, and nothing comes back. With the first layer the network even gets *worse*, though one layer is nearly exact now. Section 5 comes back to this.
#
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. How sensitive is each layer?
#
# Round one layer, leave the others in float. What does the network say of one image?
#
# | class | float, $p$ | rounded, $q$ | ln ($p / q$) |
# |---|---|---|---|
# | shirt | 0.7 | 0.5 | +0.34 |
# | coat | 0.2 | 0.4 | −0.69 |
# | bag | 0.1 | 0.1 | 0 |
#
# How far has the answer moved? $0.7 \cdot 0.34 - 0.2 \cdot 0.69 + 0.1 \cdot 0 = 0.10$
#
# <!-- page -->
#
# Why not ask for the accuracy? Both networks say *shirt*, so the accuracy notices nothing. The loss with the label notices something. But if the label is *coat*, the loss falls by 0.69, and the rounded network seems to be *better*. On few images it depends on the labels that you happen to have.
#
# So we ask how far the *answer* has moved. The changes of the three rows are weighted with what the float network itself believes. Their sum is the **KL divergence** of [[distillation]],
#
# $$\sum_{\text{classes}} p \, \ln \frac{p}{q}.$$
#
# It is 0 if both answers are the same, and otherwise above 0, and it needs no label. The **sensitivity** of a layer at $b$ bits is the mean of this number over 1,000 images, when this layer alone is rounded.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Rows on the board. Is the rounded network worse or better? With the label coat it is better. Does accuracy notice? No. Let the room weight the rows by 0.7, 0.2, 0.1. The sum is the KL divergence, which needs no label. Its mean over 1,000 images, with one layer rounded, is the sensitivity of that layer.

# %% slideshow={"slide_type": "skip"}
in_float_said = outputs(net, images).log_softmax(1)  # ln of the probabilities


def divergence(model):
    log_p, log_q = in_float_said, outputs(model, images).log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1).mean().item()


sensitivity = {name: {b: divergence(with_bits({name: b})) for b in (2, 3, 4, 5, 6, 8)} for name in sizes}

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Eight layers
#
# One layer rounded, seven in float.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the sensitivity of each layer at 2 to 6 bits.
show.sensitivities(sensitivity, sizes)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* A logarithmic axis: each large division is a factor of ten. Who wants bits most? Block 1. At 3 bits, who moves the answers least? Block 6, which has more than half of the weights. So size says little.

# %% [markdown] slideshow={"slide_type": "skip"}
# At 3 bits block 1 stands far above all others. The size of a layer says little: block 6 has more than half of the weights, and at 3 bits it moves the answers least of all.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Bits where they save most
#
# Three layers have 2 bits each: a file of 200 bits. The **bit budget** is 300, and 4 bits are the most for a layer. Their sensitivities:
#
# | | weights | 2 bits | 3 bits | 4 bits |
# |---|---|---|---|---|
# | A | 10 | 0.60 | 0.20 | 0.15 |
# | B | 40 | 0.30 | 0.18 | 0.14 |
# | C | 50 | 0.08 | 0.05 | 0.04 |
#
# Give the next bit to the layer where it saves most *for each bit of the file*.
#
# <!-- page -->
#
# To give layers different numbers of bits is called **mixed-precision quantization**. One more bit for each weight of a layer with $n$ weights costs $n$ bits of the file, and saves the difference of two sensitivities. The scales cost the same in every choice. The problem is that of a traveller with a knapsack, who packs first what is worth most *per kilogram*. The rule is **greedy**: it takes the best next step, and never looks further ahead.

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Work it out with a pencil. How many bits does each layer have when the budget is used up?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* In pairs, with a pencil. Offers of the first step: A 0.040, B 0.003, C 0.0006. Stop at step 2: A takes its second bit before B takes its first, although B would save more. B's bit costs four times as much.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **A 4, B 4, C 2, because a bit is cheap in A, and C, with half of all weights, saves least for what it costs.** The divergences sum to 0.37. With 3 bits for all, in as many bits, they sum to 0.43.

# %% [markdown] slideshow={"slide_type": "skip"}
# Here is the rule for our network, with a budget in bits for each weight:


# %% slideshow={"slide_type": "skip"}
def size_of(bits):
    return sum(sizes[name] * b for name, b in bits.items())


def greedy(bits_a_weight):
    budget = bits_a_weight * sum(sizes.values())
    steps = [dict.fromkeys(sizes, 2)]
    while True:
        bits, offers = steps[-1], {}
        for name, b in bits.items():
            if b < 6 and size_of(bits) + sizes[name] <= budget:  # one bit more for each weight of this layer
                offers[name] = (sensitivity[name][b] - sensitivity[name][b + 1]) / sizes[name]
        best = max(offers, key=offers.get, default=None)
        if best is None or offers[best] <= 0:
            return steps
        steps.append(bits | {best: bits[best] + 1})


# %% [markdown] slideshow={"slide_type": "skip"}
# Step by step for A, B and C: what the next bit saves, for each bit that it costs.
#
# | step | A | B | C | who gets it | file |
# |---|---|---|---|---|---|
# | 1 | 0.40 / 10 = **0.0400** | 0.12 / 40 = 0.0030 | 0.03 / 50 = 0.0006 | A | 210 |
# | 2 | 0.05 / 10 = **0.0050** | 0.0030 | 0.0006 | A | 220 |
# | 3 | has 4 | **0.0030** | 0.0006 | B | 260 |
# | 4 | has 4 | 0.04 / 40 = **0.0010** | 0.0006 | B | 300 |

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### In the file of 3 bits

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the steps of the greedy choice up to 3 bits a weight.
show.steps_of_greedy(greedy(3), sizes)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* The width of a bar is the layer's share of the weights, so its area is bits of the file. Read the numbers in the order of the steps. Block 6 stays at 2: its third bit would cost more than half of all that there is to give. Block 1 stops at 5: its sixth bit would save nothing. Ask what the code believes without measuring it: that a layer saves in company what it saved alone.

# %% [markdown] slideshow={"slide_type": "skip"}
# The width of a bar is the number of weights, so its area is what the layer takes in the file. Block 6 stays at 2 bits: one bit more for it would cost more than half of all that there is to give. Block 1 stops at 5: its sixth bit would save nothing.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Does the choice pay?
#
# Greedy has two rivals: one width for all, and a habit: first and last layer in 8 bits, all others alike.
#
# <!-- page -->
#
# No test image took part in any of these choices:

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* At 3 bits the orange line is nearly at float, the blue one far below. The habit is no better here. In other networks it may hit.

# %% slideshow={"slide_type": "skip"}
ways = {
    "greedy": [greedy(budget)[-1] for budget in (2.25, 2.5, 2.75, 3, 3.5, 4)],
    "first and last in 8 bits": [dict.fromkeys(sizes, b) | {"features.0.0": 8, "fc": 8} for b in (2, 3, 4)],
    "one width for all": [dict.fromkeys(sizes, b) for b in (2, 3, 4)],
}
right = {way: [(size_of(bits), accuracy(with_bits(bits))) for bits in choices] for way, choices in ways.items()}

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the accuracy over the bits a weight, for the three ways to choose.
show.ways_to_choose(right, in_float, sizes)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the bytes of 3 bits for all, greedy comes within about two points of float, and one width loses about twenty. The habit does not help here: it spares the first layer, and the one in need is the second.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A remedy that needs no bit
#
# Rounding moves the mean of a channel, and the batch norm behind it still subtracts the old mean. So we let it estimate its statistics **anew**, from 1,000 images, without labels. No weight changes.
#
# **Predict.** How much of what 3 bits for all lost does this bring back: **A** a tenth, **B** half, **C** nearly all?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* A row by hand: nine errors, 0.02, −0.01, 0.03 and six times 0. Their sum is 0.04. Where the image is smooth and has 0.5, the result is off by 0.02, everywhere. Vote, click. So what were the points of greedy? At 3 bits, mostly the price of old statistics. And at 2.25 bits? Compare its orange dot with the blue one at 3.

# %% [markdown] slideshow={"slide_type": "skip"}
# By hand: a channel of block 1 sums nine products. Rounding leaves the errors 0.02, −0.01, 0.03 and six times 0 in its weights. Where the image is smooth, the nine inputs are alike, say 0.5. There the result is off by $0.5 \cdot 0.04 = 0.02$, at each such pixel. [[qat_cnn]] explains the remedy; here it is:


# %% slideshow={"slide_type": "skip"}
def norms_anew(model):
    model = copy.deepcopy(model)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
    model.train()
    for batch in images.split(250):
        model(batch)
    return model.eval()


anew = {w: [(size_of(bits), accuracy(norms_anew(with_bits(bits)))) for bits in choices] for w, choices in ways.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the same choices with the batch norms measured anew.
show.ways_to_choose(anew, in_float, sizes, before=right)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Nearly all (C), because most of that loss came from statistics that no longer fit the rounded weights.**

# %% [markdown] slideshow={"slide_type": "skip"}
# So near 3 bits most of greedy's lead was the price of old statistics: now all three ways are within two points of each other. With fewer bits the choice still counts. At 2.25 bits greedy comes within two points of 3 bits for all, and saves a quarter of their bits, while the habit, in slightly more bits, has fallen far below. So run the cheap remedy before you praise a choice, and ship the network that had both.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. When not to trust it
#
# Greedy adds up sensitivities that were measured for one layer *alone*. In the file all layers are rounded *together*.
#
# **Predict.** With old statistics, at 2.25 bits, how large is the divergence together, compared with the sum: **A** half, **B** the same, **C** more than twice as large?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* On the board: a score is moved by 1 and by 1 again. The divergence grows like a square: 4, and not 2. Moved by 1 and by −1: 0. From which budget on do the two lines agree? Then go back to the first layer in 8 bits, which made the network worse: probably two errors had cancelled. When not to trust the choice: where layers are coarse; where a cheap remedy follows; without a rival in as many bytes. And 5 bits? Most processors have instructions for 8, some for 4: a smaller file, and no speed.

# %% slideshow={"slide_type": "skip"}
choices = ways["greedy"]
sums = [sum(sensitivity[name][b] for name, b in bits.items()) for bits in choices]
together = [divergence(with_bits(bits)) for bits in choices]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the sum of the sensitivities and the divergence of the whole choice.
show.sum_and_together(sums, together, [size_of(bits) for bits in choices], sizes)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More than twice as large (C), because errors of several layers can push an answer the same way.** A score that is moved by 1 and by 1 again is moved by 2, and a divergence grows about like the square: 4, where the sum says 2.

# %% [markdown] slideshow={"slide_type": "skip"}
# Two errors can also push in opposite directions, and cancel. That is probably what happened under **Try it**: the rounding of the first layer had undone a part of what the others broke. Here the sum is about right where the errors are small, and only a hint where they are large.
#
# So do not trust a choice by sensitivities
#
# 1. where the layers are coarse, and sum and measurement differ;
# 2. where a cheap remedy follows, since the sensitivities may measure damage that it repairs;
# 3. without a rival in as many bytes.
#
# One test answers all three: measure the *whole* choice, remedy included, beside one width for all, on images that did not choose.
#
# And what does a processor do with 5 bits? Most have instructions for 8, some for 4. Other widths make files and downloads smaller, and must be unpacked before the network computes. If you want speed, choose among the widths for which there is a kernel, and put milliseconds in the place of bits. HAQ does this ([Wang et al., 2018](https://arxiv.org/abs/1811.08886)).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise · Share out a budget
# ★★ · 10 minutes
#
# Write `share_out(model, sensitivity, budget)`, for any model and any widths, such as 4 and 8. It returns `{layer: bits}`.
#
# - `sensitivity[layer]`: bits → divergence, the fewest bits first. Each layer begins with its fewest.
# - A step takes one layer to its next width, where that saves most for each bit of the file.
# - `budget`: bits of all weights together. Stop when no step fits, or none saves anything.
#
# <!-- page -->
#
# <details><summary>Hint</summary>
#
# Take `greedy`, and get the sizes from `model.get_submodule(layer).weight`. From 4 to 8 bits a step costs four bits for each weight. `widths = list(sensitivity[layer])` has the next width behind `widths.index(b)`. Try it on our network:
#
# ```python
# known = {name: {b: row[b] for b in (4, 8)} for name, row in sensitivity.items()}
# bits = share_out(net, known, 4.5 * sum(sizes.values()))
# print(bits, accuracy(norms_anew(with_bits(bits))))
# ```
#
# </details>
#
# <details><summary>What others found</summary>
#
# The first four layers get 8 bits, and the others stay at 4: what is left of the budget pays for none of them. The file has 4.4 bits a weight. With old statistics it gains two or three points on 4 bits for all, and with new ones hardly anything is left to gain.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* In the room on paper: which two lines of `greedy` need the price of a step, when it goes from 4 to 8? The test of the budget, and the division.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def share_out(model, sensitivity, budget):
    """The bits of each layer, shared out greedily within the budget."""
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.share_out(share_out)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def share_out_solution(model, sensitivity, budget):
    counts = {name: model.get_submodule(name).weight.numel() for name in sensitivity}
    bits = {name: min(row) for name, row in sensitivity.items()}
    while True:
        left = budget - sum(counts[name] * b for name, b in bits.items())
        offers = {}
        for name, row in sensitivity.items():
            wider = [b for b in row if b > bits[name]]
            if wider:
                price = counts[name] * (wider[0] - bits[name])
                saved = row[bits[name]] - row[wider[0]]
                if price <= left and saved > 0:
                    offers[name] = saved / price, wider[0]
        if not offers:
            return bits
        best = max(offers, key=lambda name: offers[name][0])
        bits[best] = offers[best][1]


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Sensitivity: round one layer alone, and measure how far the answers move; the KL divergence from the float network needs no label.
# - Give the next bit where it saves most for each bit of the file: here a small layer got many, and the largest one the fewest.
# - Run the cheap remedy on the whole choice, then measure it beside one width for all, since losses of layers need not add up.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the guesses on the board: first, last, largest. All three were wrong here. Who would trust a table of sensitivities without measuring the whole file?

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What your run measured, beside what the course saw.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("bit_budget")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# ### Greedy, or all choices?
#
# Eight layers with five widths have $5^8$ = 390,625 choices, few enough to work out the *sum* of each, and to take the smallest that fits. Here are both for 2.5 bits a weight, with old statistics:

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Finds the smallest of all sums within 2.5 bits a weight, and puts it beside the greedy choice.
found = {"greedy": greedy(2.5)[-1], "smallest sum": show.smallest_sum(sensitivity, sizes, 2.5)}
show.two_choices(found, sensitivity, sizes, {name: accuracy(with_bits(bits)) for name, bits in found.items()})

# %% [markdown] slideshow={"slide_type": "skip"}
# Greedy loses clearly here. It bought cheap bits for small layers first. Then block 4 came to its turn, and its 8,192 bits no longer fitted, so the rest of the budget went into small layers that hardly needed it. The smallest sum leaves those coarser and pays for block 4. At 2.75 bits the third bit of block 4 fits, and greedy is fine again. So look at what your budget just fails to pay for, and move the budget a little.
#
# With hundreds of layers nobody tries all choices. Three ways go on from here. HAWQ takes the curvature of the loss in place of trials ([Dong et al., 2019](https://arxiv.org/abs/1905.03696)). CLADO also measures pairs of layers, since losses do not add up ([Deng et al., 2023](https://arxiv.org/abs/2307.05657)). HAQ lets a learning agent choose, and asks the hardware for time and energy.
#
# ### The file
#
# A file with other bits in each layer must say how to cut it: the bytes 213 and 1 can be three codes of 3 bits, or four of 4. So our file begins with a *header*: one byte for each layer, its number of bits. The codes follow, their bits one after the other as in [[weight_only]]. Then each channel has a scale and a bias of 16 bits. The batch norms, measured anew, are folded into these two, as in [[static]], so they take no bytes of their own.

# %% slideshow={"slide_type": "skip"}
from lessons.bit_budget import packed

written = {}
for name, bits in {"3 bits for all": all_3, "greedy, 3": greedy(3)[-1], "greedy, 2.25": greedy(2.25)[-1]}.items():
    content = packed.write(norms_anew(with_bits(bits)), bits)
    written[name] = len(content), accuracy(packed.read(content, net))

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts the files into a table, beside the float file.
show.files(net, in_float, written)

# %% [markdown] slideshow={"slide_type": "skip"}
# The networks were read again before they were judged. All widths need the same scales and biases: 2.3 kB, about a sixth of the file. That different layers have different widths costs seven bytes, because one common width would need a byte, too.
#
# **Sources.** Z. Dong et al., *HAWQ*, 2019, [arXiv:1905.03696](https://arxiv.org/abs/1905.03696); K. Wang et al., *HAQ*, 2018, [arXiv:1811.08886](https://arxiv.org/abs/1811.08886); Z. Deng et al., *Mixed-precision quantization for deep vision models with integer quadratic programming*, 2023, [arXiv:2307.05657](https://arxiv.org/abs/2307.05657).
#
# **Going further.** Projects: measure the sensitivities *with* new statistics, and choose again; look in SmallResNet of [[structured]] for the layer in need; share bits out over the language model of [[weight_only]]. Next here: [[shipping]].
#
# **Credits.** Text and code were written for this course. Text CC BY 4.0, code MIT.

# ---
# jupyter:
#   course:
#     promise: You will share a budget of bits out over the layers of a network, write the file, and say when the choice is not to be trusted.
#     seconds: 35
#     needs: [integers, static, distillation, weight_only, qat_cnn, deep_compression]
#     goals:
#       - Measure how sensitive each layer is to fewer bits, without a label.
#       - Share out a budget by what a bit saves and what it costs, and compare with one width for all and with a simple rule in as many bytes.
#       - Find out whether the losses of layers add up, and which part of a loss a cheaper remedy gives back.
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
# *For the lecturer, 1 min.* Say: "So far all layers got as many bits. Somebody pays for that: a layer that needed more, and a layer that needed fewer." Ask: "If you could give one layer more, which?" Keep the guesses: first, last, largest. The notes fill the 45 minutes. If you are late after section 2, leave out *What the experiment says of our network*, and say of *More bits for the last layer* its one sentence.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy

import torch
from torch import nn

from course_utils import data, runtime, training
from course_utils.data import checkpoints
from course_utils.scorecard import claims
from lessons.bit_budget import checks as check
from lessons.bit_budget import show

torch.set_num_threads(1)
runtime.seed_all(0)
channels_last = {"memory_format": torch.channels_last}  # a faster order in memory
net = checkpoints.load("small_resnet").requires_grad_(False).to(**channels_last)
seen = data.load("fashion_mnist", n=1000)  # training images: all choices are made with these
exam_images, exam_labels = data.load("fashion_mnist", "test")  # for nothing but the accuracies
short_exam = exam_images[:2000], exam_labels[:2000]
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "skip"}
# [[weight_only]] gave all layers of a network the same number of bits. In this lesson each layer may have its own. Our network is SmallResNet, trained on Fashion-MNIST: a convolution, two residual blocks and a linear layer. Seven of its layers have weights that can be rounded. *1a* and *1b* are the two convolutions of the first block, *2a* and *2b* those of the second, and *short* is the convolution in the shortcut of the second block.

# %% slideshow={"slide_type": "skip"}
NAMES = {"first": "conv", "1a": "block1.conv1", "1b": "block1.conv2", "2a": "block2.conv1", "2b": "block2.conv2"}
NAMES |= {"short": "block2.shortcut.0", "last": "fc"}
BITS = (2, 3, 4, 5, 6)  # what a layer may have


def weights_of(model):
    return {short: model.get_submodule(name).weight for short, name in NAMES.items()}


def alike(bits):
    """A choice: how many bits each layer has; here all of them the same."""
    return dict.fromkeys(NAMES, bits)


# %% [markdown] slideshow={"slide_type": "skip"}
# **The rounding** is that of [[integers]]: each row of a weight matrix (each output channel) has its own scale and zero point, and $2^b$ even levels from its smallest to its largest weight. (The range is widened where it would not contain 0, and the levels are moved by less than a step, so that 0 is one of them.) By hand, with 2 bits: the row −0.5, 0.1, 1.0 has a range of 1.5 and four levels, so the step is 1.5 / 3 = 0.5. The levels are −0.5, 0, 0.5 and 1. The weight 0.1 becomes 0, and the other two stay. What is stored is a *code* for each weight (0, 1 and 3), the step as the *scale*, and the code of the number 0 as the *zero point* (1).


# %% slideshow={"slide_type": "skip"}
def grid(weight, bits):
    """(codes, scale, zero) of a weight; each row has its own levels, 0 is one of them."""
    rows = weight.flatten(1)
    low, high = rows.amin(1, keepdim=True).clamp(max=0), rows.amax(1, keepdim=True).clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).half().float()  # 16 bits, as it will be stored
    zero = torch.round(-low / scale).clamp(0, 2**bits - 1)
    return (torch.round(rows / scale) + zero).clamp(0, 2**bits - 1), scale, zero


# %% slideshow={"slide_type": "skip"}
def rounded(choice, model=net):
    """A copy of the model in which the layers of the choice are rounded, {layer: bits}."""
    model = copy.deepcopy(model)
    for short, bits in choice.items():
        weight = weights_of(model)[short]
        codes, scale, zero = grid(weight, bits)
        weight.copy_(((codes - zero) * scale).view_as(weight))
    return model


# %% [markdown] slideshow={"slide_type": "skip"}
# The rounding is *simulated*: the weights take values on the grid, and all arithmetic stays float. So nothing gets faster here, and what shrinks is the file. Everything that the rounding has to store is counted: the codes, and for each row a scale of 16 bits and a zero point with as many bits as a code. The batch norms and one bias stay float. They are the same for every choice, and section 5 counts them in the file itself.


# %% slideshow={"slide_type": "skip"}
def bits_a_weight(choice, model=net):
    """Codes, scales and zero points of the file, in bits, over the number of weights."""
    weights = weights_of(model)
    total = sum(w.numel() * choice[short] + len(w) * (16 + choice[short]) for short, w in weights.items())
    return total / sum(w.numel() for w in weights.values())


# %% [markdown] slideshow={"slide_type": "skip"}
# `right` says how many per cent of the first 2,000 test images a choice gets right. It remembers what it has measured. (Section 4 uses its argument `after`, for something that is done to the network after the rounding.)

# %% slideshow={"slide_type": "skip"}
known = {}


def right(choice, model=net, after=None):
    """Percent right with these layers rounded; {} is the float network."""
    key = id(model), tuple(sorted(choice.items())), after
    if key not in known:
        network = rounded(choice, model)
        network = after(network) if after else network
        known[key] = 100 * training.evaluate(network, *short_exam)
    return known[key]


# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. As many bits for all
#
# SmallResNet, trained on Fashion-MNIST, has seven layers with weights. All weights are rounded to $2^b$ even levels for each row. Nothing is trained after it.
#
# The rounding is *simulated*: what shrinks is the file.
#
# **Predict.** Float is more than 91 % right. What is left with 3 bits for every weight, and why: **A** 90 % or more, **B** 85 to 90 %, **C** less?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* The network: a convolution, two residual blocks, a linear layer. A row by hand, with 2 bits: −0.5, 0.1, 1.0 has a range of 1.5 and four levels, so the step is 0.5 and the levels are −0.5, 0, 0.5, 1; 0.1 becomes 0. Vote; the answer is C. Point to 5 bits: as good as float. "Why 3.07 bits, and not 3?" Each row also stores its scale and its zero point. Ask: "All layers lose a little, or a few of them a lot?" The table cannot say; that is the next slide.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Measures the float network, and one width for all layers.
widths = {"float": {}} | {f"{b} bits": alike(b) for b in (5, 4, 3, 2)}
show.accuracies(widths, right, bits_a_weight=bits_a_weight)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With 3 bits less than 85 % of the images are right (C), because eight levels are too coarse for at least one of the layers.**
#
# <!-- page -->
#
# In the run on this page it is 78.5 %, more than thirteen points below the float network. With 5 bits nothing is lost that 2,000 images could show. So somewhere between 5 and 3 bits the network loses what it needs. The table does not say *where* in the network this happens: all layers may lose a little, or one of them a lot. The loss holds for this way of rounding, without any training after it. [[qat_cnn]] trains a network to live with its levels.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### One layer of seven
#
# The layers: *first*; *1a* and *1b* of the first block; *2a*, *2b* and the shortcut *short* of the second; *last*.
#
# Now the *first* layer, 288 of 76,704 weights, gets 8 bits, and the other six stay at 3.
#
# **Predict.** How much of what 3 bits lost comes back, and why: **A** a tenth, **B** a third, **C** more than half?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; most say A, since 288 weights are 0.4 % of all. Click, and let somebody read the bars: *2b* has nearly half of the weights. The answer is C: from 78.5 to 88.6, of the thirteen points that 3 bits lost. The last row of the table is the other way round: rounding *only* this layer loses nearly as much as rounding all. Ask: "What would you do with the bits of the others?" Take some from a large layer, and give them here, where five bits more for each weight are 1,600 bits of 236,000. But first we must know from which layer.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the sizes of the layers, and measures the network with the first layer spared, and with it alone rounded.
show.layer_sizes({short: w.numel() for short, w in weights_of(net).items()})
spared = alike(3) | {"first": 8}
cases = {"float": {}, "all 3": alike(3), "first 8, others 3": spared, "first 3, others float": {"first": 3}}
show.accuracies(cases, right, heading="bits")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More than half of the loss comes back (C), because most of it is caused by this one small layer.** Rounding it alone loses nearly as much as rounding all seven.
#
# <!-- page -->
#
# In the run on this page three quarters of the loss come back. They cost little: five bits more for each of the 288 weights and each of the 32 zero points of this layer are 1,600 bits, in a file of some 236,000. So 0.4 % of the weights cause most of the loss, and in this network, as it was rounded here, an equal number of bits for all layers is a poor way to spend them. Which layer it is differs from network to network, though: in a network of half the width, in a trial, the first layer brought back 41 %. So we need a way to find out which layers need more bits. Section 4 asks *why* it is the first layer here. (The caption of the first table warns of differences below two points for a reason: with 90 % right, an accuracy from 2,000 images has a standard error of $\sqrt{0.9 \cdot 0.1 / 2000}$, which is 0.67 points.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. How sensitive is each layer?
#
# Round one layer alone, leave the other six as they are. How much worse is the network? For one image:
#
# | label of the image | float gives it | rounded gives it | change of the loss |
# |---|---|---|---|
# | first class | 0.7 | 0.5 | ln 0.7 − ln 0.5 = +0.34 |
# | second class | 0.2 | 0.4 | ln 0.2 − ln 0.4 = −0.69 |
# | third class | 0.1 | 0.1 | 0 |
#
# The answer has moved, whatever the label is. By how much?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Do the three rows on the board. Ask: "Is the rounded network worse, or better?" It depends on the label: worse for the first class, *better* for the second, and the answer is damaged in the same way in all three rows. Then weight the rows by what the float network itself says, 0.7, 0.2, 0.1, and let the room compute 0.235 − 0.139 + 0 = 0.10. "Why not the accuracy?" It notices only an answer that changes from right to wrong or back.

# %% [markdown] slideshow={"slide_type": "skip"}
# We try each layer alone, and ask how much worse the network gets. But what is "worse"? Accuracy notices only the images whose answer changes from right to wrong or back. A layer whose rounding moves many answers a little, and none of them from one class to another, leaves no trace in it. The loss with labels is finer, but it needs labels, and it has a second weakness. The table shows it, with three classes: the float network gives them the probabilities 0.7, 0.2 and 0.1, the rounded one 0.5, 0.4 and 0.1.
#
# If the label is the second class, the rounded network is *better*, although its answer is damaged in the same way in all three rows. So the change of the loss on few images depends on which labels happen to be among them.
#
# Now ask another question: how far did the *answer* move? Let the float network itself say how likely each label is: 0.7 for the first row, 0.2 for the second, 0.1 for the third. The mean change, weighted in this way, is 0.7 · 0.336 − 0.2 · 0.693 + 0 = 0.235 − 0.139 = 0.097, or 0.10. This number has a name that [[distillation]] introduced: the **KL divergence** of the rounded answer from the float one,
#
# $$\sum_{\text{classes}} p \ln \frac{p}{q},$$
#
# with $p$ from the float network and $q$ from the rounded one, in *nats* (the unit of a natural logarithm). It is never below 0, it is 0 only if both answers are the same, and it needs no label. It is a **proxy**: a number that is easy to get and stands in for the one that we want, which is the loss on new images. How good a proxy is must be measured. The mean divergence over 1,000 training images, with one layer rounded and all others float, is what we call the **sensitivity** of this layer at this number of bits.


# %% slideshow={"slide_type": "skip"}
def answers(model, images=seen[0]):
    """Logarithms of the ten probabilities."""
    return torch.cat([model(batch) for batch in images.split(100)]).log_softmax(1)


def moved(said, target):
    """KL divergence of each image, in nats: of a rounded network's answers from the float network's, `target`."""
    return (target.exp() * (target - said)).sum(1)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### With labels, or without?
#
# The mean change, weighted by the float network's own probabilities, is 0.7 · 0.34 − 0.2 · 0.69 = 0.10: the **KL divergence** $\sum p \ln (p / q)$. No label is needed.
#
# **Predict.** Seven layers, each alone at five widths: 35 networks, on 250 images. In how many does the loss *with labels* fall, and why: **A** none, **B** one to four, **C** more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote. The answer is C: read the first column alone, 9 of 35 on average, and 0 for the divergence. Then the upper row under *short* and *last*: between four lots of the same images the change is now positive, now negative. "Would you give bits by such numbers?" No: you would follow the chance of the labels. Then *first*: where the damage is great, both rows agree. To those who said A: these networks are probably not better, only luckier with 250 labels.

# %% slideshow={"slide_type": "skip"}
target, said = answers(net), {}
for short in show.alive(NAMES, "layers"):
    for bits in BITS:
        said[short, bits] = answers(rounded({short: bits}))
each_image = {key: moved(found, target) for key, found in said.items()}
cost = {key: found.mean().item() for key, found in each_image.items()}  # the sensitivities

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Cuts the same images into four lots, and counts the changes below 0.
below, label_table = show.with_and_without_labels(target, said, seen[1], each_image)
label_table

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With labels the loss falls in more than four of the 35 networks (C), because on 250 images a small change is mostly the chance of their labels.**
#
# <!-- page -->
#
# In the run on this page the loss with labels falls in nine of 35 on average, and in 7 to 12 in single lots. These are probably not networks that rounding has made better: look at *short* and *last* at 3 bits, whose changes are positive in some lots and negative in others. In a trial on all 1,000 images together six of the 35 changes are below 0, each by no more than one and a half standard errors. Whoever distributes bits by such numbers follows the chance of the labels. The divergence cannot be negative. Its values differ between the lots as well (0.004 to 0.007 for *last*). But where the damage is small, they differ far less than the changes with labels do. Where a layer does great damage, both agree: the first layer at 3 bits stands out with labels as well. The proxy has a blind spot. If the float network is wrong about an image, every move away from its answer counts as damage, also a move to the right answer.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The seven layers
#
# **Sensitivity**: the mean divergence from the float network's answers when this layer alone is rounded, on 1,000 *training* images, without labels.
#
# **Predict.** *2b* has nearly half of all weights, *last* under a hundredth. At 2 bits, which of the two moves the answers more, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote between 2b and last; the answer is last. Then read the picture: seven columns, five marks each, a logarithmic axis, so each large division is a factor of ten. Ask for a layer that could do with 2 bits: *short*, whose marks of 2 and 3 bits lie on each other at 0.003, and *2b*. Ask for the layer that wants most: *first*, whose mark of 4 bits is above most others' mark of 3. "Why does it rise from 5 to 6 bits?" The levels stand at other places; why here was not looked into.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the sensitivities.
show.sensitivities(cost, NAMES, BITS)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The last layer moves the answers more, by a factor of three to four, probably because it computes the scores themselves. The number of weights says little about sensitivity.**
#
# <!-- page -->
#
# In the run on this page the divergences are 0.037 nats for *last* and 0.011 for *2b*. Does rounding perhaps make a smaller error in *2b*? No. With 2 bits the error of its weights is 61 % of their norm, and that of *last* is 36 %. A trial gave both layers random errors of the same relative size, 30 % of the norm, on 500 images with three draws each: *last* moved the answers by 0.025 to 0.053 nats, and *2b* by 0.001 to 0.004. So the difference lies in the layers and not in their rounding. What *last* computes are the ten scores, while the result of *2b* is normalized, added to that of a shortcut, and averaged over all places of the image before it reaches them. (Which of these three steps protects it most was not measured.) Read the axis with care. Each large division is a factor of ten, so the longest fall, from 4 to 5 bits of the first layer, is the largest *ratio*. Counted in nats, the step from 2 to 3 bits saves more. And one layer behaves oddly: from 5 to 6 bits the divergence of *first* rises a little. With more levels the levels stand at different places, and the weights of a layer may happen to lie farther from them. (Why it happens here was not looked into.)
#
# There are other measures than our trials. HAWQ uses the curvature of the loss, the Hessian ([Dong et al., 2019](https://arxiv.org/abs/1905.03696)).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. What does a bit cost, and what does it save?
#
# **Mixed-precision quantization** gives different numbers of bits to different layers. The **bit budget** is the number of bits that the file may have.
#
# One bit more for a layer with $n$ weights *costs* about $n$ bits of the file. It *saves* the difference of two sensitivities.
#
# So give the next bit to the layer where it saves most **for each bit of the file**.
#
# <!-- page -->
#
# (This mixed precision is not that of [[amp]], where numbers of 16 and 32 bits are used in one training.)
#
# What we have is a *knapsack problem*. Things have a weight and a value, the sack holds only so much, and we want as much value in it as possible. For a traveller the natural rule is to look at the value *per kilogram*, and to pack the best things first. The rule above says the same of bits. It is called **greedy**, because it takes what is best at this step and never looks further.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Say: "A knapsack: things with a worth and a weight, and a sack that holds so much. What do you pack first?" Per kilogram. Point at the last sentence: the kilograms are the bits of the file. Bytes are one price among others; ask which price a phone would have: time, or energy, which somebody has to measure on the phone.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Three layers by hand
#
# All have 2 bits, which takes 200 bits; the budget is 300, and 4 bits are the most. Divergence of each layer:
#
# | | weights | 2 bits | 3 bits | 4 bits |
# |---|---|---|---|---|
# | A | 10 | 0.60 | 0.20 | 0.15 |
# | B | 40 | 0.30 | 0.18 | 0.14 |
# | C | 50 | 0.08 | 0.05 | 0.04 |
#
# **Predict.** How many bits does each layer have when the file is full, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let them work in pairs, with a pencil, step by step: who has the best offer now? Write the offers on the board. A: 0.40 / 10 = 0.040, then 0.05 / 10 = 0.005; B: 0.12 / 40 = 0.003, then 0.04 / 40 = 0.001; C: 0.03 / 50 = 0.0006. So the bits are given to A, A, B, B, and the file grows to 210, 220, 260, 300. The answer is 4, 4, 2. Stop at step 2: A takes a second bit before B takes its first, although B would save more with it, since B's bit costs four times as much. Who says 3, 3, 3: that costs 0.43, this 0.37. "Is greedy always best?" No: with 0.15 for C at 2 bits it ends at 0.44, for 40 bits are left over and C needs 50.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **A and B end with 4 bits and C stays at 2, because a bit is cheap in A, and C, with half of all weights, saves least for what it costs.**
#
# <!-- page -->
#
# What the next bit of each layer saves, for each bit that it costs:
#
# | step | A | B | C | the bit is given to | file |
# |---|---|---|---|---|---|
# | 1 | 0.40 / 10 = **0.0400** | 0.12 / 40 = 0.0030 | 0.03 / 50 = 0.0006 | A, which now has 3 | 210 |
# | 2 | 0.05 / 10 = **0.0050** | 0.0030 | 0.0006 | A, which now has 4 | 220 |
# | 3 | has 4, the most | **0.0030** | 0.0006 | B, which now has 3 | 260 |
# | 4 | – | 0.04 / 40 = **0.0010** | 0.0006 | B, which now has 4 | 300 |
#
# The divergences sum to 0.15 + 0.14 + 0.08 = 0.37. Three bits for all take the same 300 bits, and would have cost 0.20 + 0.18 + 0.05 = 0.43. Notice step 2: A takes a second bit *before* B takes its first, although B would save more than twice as much with it (0.12 against 0.05). But B's bit costs four times as many bits of the file, so A saves more for each of them.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Where greedy fails.** Change one number of the table: C costs 0.15 with 2 bits, and not 0.08. Its first bit then saves 0.10 / 50 = 0.0020, more than B's second one. The first three bits are given as before, two to A and one to B. Now the file has 40 bits left. C would need 50, so it gets none, and B takes its fourth bit. The sum is 0.15 + 0.14 + 0.15 = 0.44. Three bits for all cost 0.43, which is less. A choice that is best at each step need not be the best of all. (Under *Deeper* we try all choices.)
#
# **The price in our file.** One more bit for a layer costs one bit for each weight, and one for each row, whose zero point gets longer. Here are the offers of the seven layers when all have 2 bits:

# %% slideshow={"slide_type": "skip"}
price = {short: w.numel() + len(w) for short, w in weights_of(net).items()}
bargain = {short: (cost[short, 2] - cost[short, 3]) / price[short] for short in NAMES}
show.bargains(cost, price, bargain)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the run on this page the offer of *first* is some 4,500 times better than that of *2b*, because it saves nearly forty times as much and costs less than a hundredth. Bits of the file are one price among others. Whoever wants speed puts time in the place of bits. HAQ asks a simulator of the hardware for time and energy, and found other choices for other hardware ([Wang et al., 2018](https://arxiv.org/abs/1811.08886)).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The greedy choice
#
# Begin with the fewest bits. Give one bit to the layer with the best offer that still fits; again and again, until nothing fits or nothing is saved.


# %% slideshow={"slide_type": "-"}
def greedy(cost, budget, model=net):
    choice, steps = alike(BITS[0]), []
    while True:
        steps, offers = [*steps, choice], []
        for short, w in weights_of(model).items():
            more = choice | {short: choice[short] + 1}
            if more[short] <= BITS[-1] and bits_a_weight(more, model) <= budget:
                saved = cost[short, choice[short]] - cost[short, more[short]]
                offers.append((saved / (w.numel() + len(w)), short, more))
        if not offers or max(offers)[0] <= 0:
            return steps
        choice = max(offers)[2]


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let the room find three things in the code: where the price stands (the division), where the budget stands (the `if`), and what the function believes without measuring it: that a layer saves as much as it did *alone*. Write that third one on the board; section 4 comes back to it.

# %% [markdown] slideshow={"slide_type": "skip"}
# Three things are worth finding in these lines. The price is the division, `saved / (w.numel() + len(w))`. The budget is the `if`. The third is easily overlooked: `cost` was measured with *one* layer rounded and six float, and the function uses it while all seven are rounded. It believes that a layer saves as much in this company as it did alone. Section 4 asks whether this is true.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Up to the file of 3 bits
#
# **Predict.** The budget is what 3 bits for all take. Which layers end above 3, which below, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote for each of the seven layers, above 3 or below: write seven arrows on the board. Then click, and compare: *2b* and *short* stay at 2. Let the room say why: a bit of *2b* costs as much as two bits for both layers of the first block, and *short* hardly moves the answers even with 2. Read the numbers in the blocks aloud: the order of the steps. The first three all go to the first layer, and cost next to nothing: the curve on the right falls straight down.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Makes the greedy choice for the file of 3 bits, and draws its steps.
THREE = bits_a_weight(alike(3))
show.steps_of_greedy(greedy(cost, THREE), cost, bits_a_weight)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The layers *2b* and *short* stay at 2 bits and the other five end above 3, because these two save least for what a bit of them costs.**
#
# <!-- page -->
#
# In the run on this page the choice is 5444225, from the first layer to the last. *2b* has nearly half of all weights, so its third bit would cost as much as two bits for both layers of the first block. The bit that *2b* does not get pays for most of what the others get. *short* is small, but even with 2 bits it hardly moves the answers, so a third bit could save next to nothing there. The curve on the right falls straight down at first, because the best offers come first, and the very first are those of small layers. The choice holds for these 1,000 images and for this sum of divergences. (With 1,000 test images in their place a trial made the same five choices at the five budgets of section 4.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Does the choice pay?
#
# On the test images: five budgets. Beside them one width for all, and a rule without any measurement: first and last layer 8 bits, the others alike.
#
# **Predict.** In the file of 3 bits, how far above one width for all is the greedy choice, and why: **A** about 2 points, **B** about 5, **C** 10 or more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote. The answer is C: at 3.07 bits green is above 90, blue below 79. Who said A forgot how much the first layer alone gave back. "Has anybody seen the test images?" No: the bits were chosen with training images, without labels. Then point to the leftmost point of the greedy line, which falls by more than ten points, and ask what happened there. Let it hang; *More bits for the last layer* answers.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Makes the greedy choice at five budgets, and draws what each way to choose gets right.
BUDGETS = (2.25, 2.5, 2.75, THREE, 3.5)
chosen = {budget: greedy(cost, budget)[-1] for budget in BUDGETS}
rule = {bits: alike(bits) | {"first": 8, "last": 8} for bits in (2, 3, 4)}
lines = {"one width for all": [alike(bits) for bits in (2, 3, 4)], "first and last 8": [*rule.values()]}
show.fronts(lines | {"greedy": [*chosen.values()]}, right, bits_a_weight)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The greedy choice is more than ten points above 3 bits for all in a file of the same size (C), because it gives the first layer the bits that it lacked.**
#
# <!-- page -->
#
# In the run on this page it is 90.6 % against 78.5 %, and with 2.5 bits a weight the greedy choice is still nine points above 3 bits for all. No test image took part in a choice: the sensitivities come from training images, without labels, and the budgets were fixed before. (Whoever tries many choices and keeps the one that is best on the test images gets a figure that is too good. Under *Deeper* we measure by how much.) But look at the rule in the middle. Is it a fair opponent?

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The rule, in as many bytes
#
# The rule takes a little more than 3 bits a weight, so it is not on the same budget. Give the greedy choice exactly the rule's bytes.
#
# **Predict.** How far is the greedy choice above the rule at the size near 3 bits, and why: **A** less than a point, **B** two to five points, **C** more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Say how to read 8333338: the bits from the first layer to the last. Vote. The answer is A: both have 90.2 in the middle row. Let the room say why a rule without a measurement is so good: it happens to protect the one layer that needs it. Be honest: the rule cost no image. What the greedy choice adds are the budgets in between, and networks where the habit is wrong.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Gives the greedy choice the rule's file as its budget, three times.
versus = {bits: greedy(cost, bits_a_weight(choice))[-1] for bits, choice in rule.items()}
show.same_bytes([(rule[bits], versus[bits]) for bits in rule], right, bits_a_weight)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Near 3 bits the greedy choice is level with the rule (A), because the rule happens to protect the one layer that needs it.**
#
# <!-- page -->
#
# In the run on this page both have 90.2 %. (The smaller file of 3 bits had 90.6 % with our choice: 0.4 points are within chance, so the additional bits have won nothing that 2,000 images can show.) With 2 bits for the inner layers the choice is more than two points better, and with 4 bits about one, which 2,000 images do not tell from chance. So on this network most of the twelve points do not need a measurement of every layer. They need the first layer to be spared, and people spare first and last layers by habit. What a measured choice adds is an answer for networks where the habit is wrong, and for every budget between. (The rule may use 8 bits, and our choice 6 at most. We did not look for the best rule.)

# %% [markdown] slideshow={"slide_type": "skip"}
# **Why the first layer?** An explanation should be tested before it is believed. Here is one. An output of the first layer is a sum of nine products, because the image has one channel and the filter is 3 × 3. Rounding adds an error to each of the nine weights. Where the image is smooth, the nine pixels are nearly the same number $x$, so the output is wrong by $x$ times the *sum* of the nine errors. These errors have no reason to cancel exactly. By hand: with errors 0.02, −0.01, 0.03 and six times 0, the sum is 0.04, and a region where $x$ is 0.5 is shifted by 0.02 everywhere. Our pixels lie between 0 and 1, with a mean of 0.28, so on average over the images such a shift does not vanish. It adds a *constant* to the channel. (If the images had been shifted to a mean of 0 beforehand, this part would nearly cancel.)
#
# After the convolution stands a batch norm. It subtracts a mean and divides by a spread that were measured during training, with the float weights. These statistics are old now: the channel's mean has moved, and the batch norm still subtracts the old one. If this is what hurts, then a remedy without any bit exists: measure the statistics **anew**, with the rounded weights. [[qat_cnn]] won back nearly all that was lost in this way. It needs images and no labels, it changes no weight, and the file does not grow, because the statistics are stored as float anyway.


# %% slideshow={"slide_type": "skip"}
def norms_anew(model, images=seen[0]):
    """A copy whose batch norms have the statistics of these images; no weight changes."""
    model = copy.deepcopy(model)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
    model.train()
    for batch in images.split(250):
        model(batch)
    return model.eval()


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Was the remedy run?
#
# Rounding can move the *mean* of a channel. The batch norm behind it still subtracts the old mean. A remedy that takes no bit: measure its statistics **anew**, on 1,000 training images, without labels.
#
# **Predict.** How much of what 3 bits for all lost does this give back, and why: **A** a tenth, **B** a third, **C** more than half?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First the idea by hand: an output of the first layer is a sum of nine products. With errors 0.02, −0.01, 0.03 and six times 0 of the nine weights their sum is 0.04; where the image is smooth and has 0.5, the output is off by 0.02, everywhere: a constant. Vote. The answer is C: from 78.5 to 89.1. "Why does it need no bit?" The statistics are in the file anyway. Then let the room say again what the twelve points of the section before were: mostly the price of old statistics. "What is left of the greedy choice?" Read the last column: 92.0 against 89.1, about three points, and the rule is level.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Measures the batch norms anew in five networks.
cases = {"float": {}, "first 3, others float": {"first": 3}, "all 3": alike(3)}
cases |= {"rule, 3 inside": rule[3], "greedy, no larger": versus[3]}
show.remedied(cases, right, norms_anew)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **New statistics give back more than half of the loss of 3 bits for all (C), because the largest part of that loss is a constant shift of channels.**
#
# <!-- page -->
#
# In the run on this page 3 bits for all go from 78.5 to 89.1 %. The greedy choice in the rule's bytes led them by nearly twelve points, and now it leads by about three. (*No larger* in the last row means no larger than the rule's file, which has 3.14 bits a weight. The greedy choice of the file of 3 bits, 5444225, has 91.95 % with new statistics in a trial, so the lead is 2.8 points in equal files, although the choice had been made with the old statistics.) So the first conclusion of this section, that the choice is worth more than ten points, was too broad. The greedy choice is better than 3 bits for all in both columns, and level with the rule in both. But most of these points were a price that a cheaper remedy avoids, and whoever compares ways to distribute bits should first bring each of them to its best.
#
# Is it the constant shift, as we guessed? New statistics consist of new means and new spreads, and a trial gave the network each of the two alone. With 3 bits for all the new means without the new spreads give 88.6 %, and the new spreads without the new means 78.6 %, hardly more than the 78.5 % before. With only the first layer at 3 bits the two are 88.8 and 80.8 %. So the means carry nearly all of the remedy, and a mean that has moved is a constant. The next table looks for it where it begins: it divides the error of the first layer's outputs into a constant for each channel and the rest.

# %% slideshow={"slide_type": "skip"}
images, shifts = seen[0][:500], {}
for bits in (2, 3, 5):
    error = rounded({"first": bits}).conv(images) - net.conv(images)  # (image, channel, row, column)
    spread = net.conv(images).var((0, 2, 3)).mean().sqrt()
    constant, rest = error.mean((0, 2, 3)).square().mean().sqrt(), error.var((0, 2, 3)).mean().sqrt()
    shifts[bits] = (constant / spread).item(), (rest / spread).item()
show.shift_table(shifts)

# %% [markdown] slideshow={"slide_type": "skip"}
# At 3 bits the constant part is about four fifths as large as all the rest of the error, and it is the part that a new mean in the batch norm takes away. What the table does not show is why this part does so much more harm than the rest; the trial above says only that it does.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Do the layers add up?
#
# `greedy` added divergences that were measured one layer at a time. Now all layers are rounded together, as the choice says: the same images, the same measure, old statistics.
#
# **Predict.** Divergence together over the sum, at the five budgets of the first figure, and why: **A** near 1, **B** above 1 everywhere, **C** from half to double?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Go back to the third point on the board: a layer saves as much as alone. Vote. The answer is C; the caption has the five quotients. Why in both directions? Write: a score that is moved by 1 and by 1 again is moved by 2, and 2² = 4 in place of 1 + 1; moved by 1 and by −1, 0. Ask whether a factor of two matters: only if the order of the choices changes. It does, on the next slide.


# %% slideshow={"slide_type": "skip"}
def together(choice, images=seen[0]):
    """Mean divergence with all layers rounded as the choice says."""
    return moved(answers(rounded(choice), images), target[: len(images)]).mean().item()


sums = {budget: sum(cost[pair] for pair in choice.items()) for budget, choice in chosen.items()}
joint = {budget: together(choice) for budget, choice in chosen.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the sums and what was measured together.
show.believed_and_measured(sums, joint, chosen, bits_a_weight)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Together over sum goes from about double at the smallest budget to about half at the largest (C), because the errors of two layers may strengthen or weaken each other.**
#
# <!-- page -->
#
# Two errors that move a score in the same direction add up, and the divergence, which grows with the square of a small move, becomes four times that of one instead of twice: a score that is moved by 1 and by 1 again is moved by 2, and $2^2 = 4$ where $1^2 + 1^2 = 2$. Two errors in opposite directions cancel: $(1 - 1)^2 = 0$. Only if they have nothing to do with each other is the sum right on average. A sum of sensitivities assumes this for all layers. CLADO therefore estimates pairs of layers as well ([Deng et al., 2023](https://arxiv.org/abs/2307.05657)). In our run the sum is right to within a factor of two, in both directions, and from budget to budget the quotient does not fall evenly (2.0, 1.1, 1.6, 1.3, 0.6). Do not expect the same quotients in other networks.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### More bits for the last layer
#
# The first layer has 5 bits, all others 2. Alone, the last layer moves the answers less with each bit more, and bits are cheap there. So the greedy choice gives it some.
#
# **Predict.** The last layer gets 6 bits in place of 2, nothing else changes. What happens to the accuracy (old statistics), and why: **A** up by a point or more, **B** the same, **C** down?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; nearly all say A or B. The answer is C, by eleven points. Read the first row against the last: the *sum* falls, so greedy believes that things get better, and *together* doubles. "How can that be?" Everything else is coarse, and the coarse last layer happens to undo part of what the others break; how it does so was not looked into. This is the leftmost point of the first figure. Then the last column: with new statistics it is gone. Say: "We nearly told a story about the last layer."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Measures three networks that differ in the last layer alone.
coarse = alike(2) | {"first": 5}
last_bits = {bits: coarse | {"last": bits} for bits in (2, 3, 6)}
show.more_bits(last_bits, cost, together, right, norms_anew)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The accuracy goes down by about eleven points with more bits (C), because a network in which everything else is coarse is another network, and what a layer saved alone need not be saved there: here the coarse last layer happens to undo part of what the others break.**
#
# <!-- page -->
#
# In the run on this page it falls from 74.6 to 63.6 %, while the *sum* says that the network gets better. (How the coarse layer does it was not looked into.) So the greedy choice is led astray here, and the leftmost point of the first figure, 5322226, is nearly this network. What the others break is visible in the last column: with new statistics of the batch norms all three networks gain nearly ten points or more, and more bits for the last layer do no harm. So this fall appears only with the old statistics. Do the divergences add up with new ones? A trial on 500 images measured sums and networks once more, all with new statistics. For 5322226 the sum fell from 0.25 to 0.05 nats and the divergence together from 0.48 to 0.09, so what the sum misses became five to six times smaller, but the quotient only went from 1.9 to 1.8. For 5444225 it is 1.3 before and after. The remedy makes all errors small, and it does not make them independent. With few bits the sum is not to be trusted even then.
#
# **When is the choice not to be trusted?** This section has found four cases. First, the layers are so coarse that their errors act on each other, as at the smallest budget. Second, a cheaper remedy has not been run, so the sensitivities measure a damage that need not be there. Third, nobody has tried a simple rule in as many bytes. Fourth, the lead is no larger than the error of the test, because two accuracies near 90 %, each from 2,000 images of its own, typically differ by $\sqrt{2} \cdot 0.67$, nearly a point, by chance. (On the same images it is less, see [[measuring]].) A fifth case, a sensitivity that first rises and then falls, is under *Deeper*. In all of them the same test helps: measure the *whole* choice, remedy included, on images that did not choose it, beside the rule.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. A file with other bits in each layer
#
# Bits are not bytes before they are packed. Our file has one byte for each layer's bits, then codes, scales and zero points of each layer, then what stayed float: batch norms and a bias.
#
# **Predict.** How many times smaller than the float file is the file of the greedy choice with 3 bits a weight, and why: **A** about 9 times, **B** about 11 times, **C** about 15 times?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let them compute: 3.07 bits of 32 would be 10.4 times; then the batch norms, in float. The answer is A: four numbers a channel, 4.6 kB, which nobody rounded. Read the last column: the file was read again before it was judged.

# %% [markdown] slideshow={"slide_type": "skip"}
# The codes are packed as in [[weight_only]], their bits one after the other and the lowest bit first: three codes of 3 bits, 5, 2 and 7, are 101, 010 and 111, together 1010 1011 1. That makes two bytes, 213 and 1. `show.pack` does this for a whole layer, and `show.unpack` the reverse.
#
# A reader of these bytes must know the number of bits before it can cut them: 213 and 1 are also four codes of 4 bits (5, 13, 1 and 0). In a file with one width that number stands once. In ours each layer has its own, so the file begins with seven bytes, one for each layer. Everything else (which layers there are, their shapes and their order) is known from the architecture.


# %% slideshow={"slide_type": "skip"}
def kept_float(model):
    """What is not rounded, without the counters of batch norm, which nothing reads in evaluation."""
    on_grids = {f"{name}.weight" for name in NAMES.values()}
    return {k: v for k, v in model.state_dict().items() if k not in on_grids and v.is_floating_point()}


def file_parts(choice):
    """The parts of the file in their order: (what, bytes)."""
    yield "header", bytes(choice.values())
    for short, weight in weights_of(net).items():
        codes, scale, zero = grid(weight, choice[short])
        yield "codes", show.pack(codes, choice[short])
        yield "scales, zero points", scale.half().numpy().tobytes() + show.pack(zero, choice[short])
    yield "float", b"".join(value.numpy().tobytes() for value in kept_float(net).values())


# %% [markdown] slideshow={"slide_type": "skip"}
# The reader goes through the file from front to back. `take(count)` hands out the next bytes. For a layer with $n$ weights and $b$ bits it takes $\lceil n b / 8 \rceil$ bytes of codes, which in Python is `-(-n * b // 8)`. By hand: the layer *last* has 640 weights in 10 rows. With 5 bits its codes take 640 · 5 / 8 = 400 bytes, its scales 10 · 2 = 20, and its zero points 50 bits, so 7 bytes: together 427.


# %% slideshow={"slide_type": "skip"}
def read_layer(take, bits, weight):
    """Read one layer's codes, scales and zero points, and put its weights into `weight`."""
    rows = len(weight)
    codes = show.unpack(take(-(-weight.numel() * bits // 8)), bits, weight.numel()).view(rows, -1)
    scale = torch.frombuffer(bytearray(take(2 * rows)), dtype=torch.float16).float()[:, None]
    zero = show.unpack(take(-(-rows * bits // 8)), bits, rows)[:, None]
    weight.copy_(((codes - zero) * scale).view_as(weight))


# %% slideshow={"slide_type": "skip"}
def read_file(path):
    """The network of such a file."""
    content, model = iter(path.read_bytes()), copy.deepcopy(net)

    def take(count):
        return bytes(next(content) for _ in range(count))

    widths = take(len(NAMES))
    for bits, weight in zip(widths, weights_of(model).values(), strict=True):
        read_layer(take, bits, weight)
    for value in kept_float(model).values():
        value.copy_(torch.frombuffer(bytearray(take(4 * value.numel())), dtype=torch.float32).view_as(value))
    assert next(content, None) is None  # nothing is left
    return model


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes both files, reads them again, and judges the networks that were read on all test images.
in_files = {"all 3": alike(3), "greedy": chosen[THREE]}
float_right = checkpoints.catalogue()["small_resnet"].accuracy  # measured when the network was trained
files, differ, file_table = show.written_and_read(
    in_files, net, float_right, file_parts, read_file, rounded, exam_images, exam_labels
)
file_table

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The file is a bit more than nine times smaller than the float file (A), because scales, zero points and above all the batch norms, which are still float, are in it as well.**
#
# <!-- page -->
#
# In the run on this page it is 9.4 times. Count it: 32 bits over 3.07 would be 10.4 times. The codes with their scales and zero points are 29.5 kB; another 4.6 kB are the batch norms, four numbers for each channel, and the bias. They are 14 % of the file. With 16 bits for each of them a trial gave 90.04 % of the first 5,000 test images in place of 90.06, so half of these bytes could be saved as well. (The float file was written by `torch.save`, with names and a container. Its numbers alone are 311,464 bytes, and measured by them the file is 9.1 times smaller.) Both rounded files have the same size to within 13 bytes, and they differ by more than eleven points, on all 10,000 test images. (The accuracy of the float network was measured when it was trained; we took it from the catalogue of the checkpoints.) The freedom to have different numbers of bits in different layers takes six bytes of the header, because one width for all would need a byte, too. And what was read is what was written: no number differs in any bit. This is so because `grid` computes its codes with the scale that the file holds, a float of 16 bits. Had the codes been made with a scale of 32 bits, then the reader would multiply them by a slightly different number.
#
# **What does a processor do with 5444225?** By itself, nothing. Its instructions compute with 8, 16, 32 or 64 bits (some with 4). A kernel for 5 bits would have to unpack the codes first, and each width wants a kernel of its own. So the choice pays where bytes count: on a disk, in a download, and when a program waits for its weights ([[decoding]]) and somebody has written the kernel that unpacks them. For time, the useful choice is between the few widths for which there are kernels. The greedy rule stays the same, with measured time as the price.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Do the losses add up?
# ★★ · 12 minutes · an investigation
#
# An instrument: `loss("both", bits=2, piece=0)` is the loss *with labels* of a network on one piece of the data, with `"none"`, the `"first"`, the `"last"` or `"both"` of two layers rounded to 2 or 4 bits. Pieces differ.
#
# `losses_add_up(loss)` → `"more"` if both layers together add more than 1.1 times the sum of what each adds alone, at 2 bits and at 4; `"less"` if they add less than 0.9 times the sum at both; `"add up"` if neither, at both; else `"depends"`
#
# <!-- page -->
#
# <details><summary>Hint</summary>
# What is the loss of a network in which nothing is rounded? How often is it contained in the loss of "first", and how often in the sum of "first" and "last"?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several networks. A layer *adds* the loss with it rounded minus the loss with nothing rounded. On average over the pieces each layer alone raises the loss, and on a single piece it may lower it. All comparisons are of means over the pieces, and the means are taken before anything is compared. The check looks at how you make your experiment (all four arms, on the same three pieces or more, with 2 bits and with 4), and then at what you conclude.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop. Write on the board: none 0.3, first 0.6, last 0.8, both 1.1, the same with 2 bits and with 4. Most say "less", since 1.1 is less than 0.6 + 0.8. The answer: a layer *adds* its loss minus that of "none", so 0.8 against 0.3 + 0.5, and they add up. Whose loss was counted twice? That of "none", which is in "first" and in "last". Then ask for a fourth number that makes it "more": both above 0.3 + 1.1 · 0.8 = 1.18.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def losses_add_up(loss):
    """Say what two layers do together: "add up", "more", "less" or "depends".

    Args:
        loss: the instrument; `loss("first", bits=4, piece=1)` gives a loss.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.losses_add_up(losses_add_up)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def losses_add_up_solution(loss):
    said = []
    for bits in (2, 4):
        mean = {}
        for arm in ("none", "first", "last", "both"):
            mean[arm] = sum(loss(arm, bits=bits, piece=piece) for piece in range(5)) / 5
        added = mean["first"] + mean["last"] - 2 * mean["none"]
        share = (mean["both"] - mean["none"]) / added
        said.append("more" if share > 1.1 else "less" if share < 0.9 else "add up")
    return said[0] if said[0] == said[1] else "depends"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What the experiment says of our network
#
# The first and the last layer of SmallResNet, by the rule of Exercise 1, with labels, on four pieces of 250 training images. What do you conclude?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let somebody apply the rule to both rows before you say the word: 1.24 is above 1.1, so "more" with 2 bits; 1.03 is neither above 1.1 nor below 0.9, so with 4 bits they add up. Not the same at both: "depends".

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Runs the experiment of Exercise 1 with the first and the last layer of SmallResNet.
our_shares, our_table = show.adds_up_here(target, said, lambda choice: answers(rounded(choice)), seen[1])
our_table

# %% [markdown] slideshow={"slide_type": "skip"}
# In the run on this page both layers add 1.24 times the sum at 2 bits, and 1.03 times at 4. By the rule this is "depends", because at 4 bits, with small errors, the losses add up, and at 2 bits, with large ones, they do not. If one forgets to subtract the first column (the loss of 0.128 that the float network has as well), the quotients are 1.04 and 0.62. The rule would still say "depends", but for a wrong reason, because the losses would seem to add up at 2 bits and to be less than the sum at 4. The table holds for this pair of layers, with old statistics of the batch norms.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# ### Which pairs do not add up?
#
# All pairs of layers at 2 bits, with old statistics: what two layers do together, less what each does alone. If layers added up, all numbers would be about 0.

# %% slideshow={"slide_type": "skip"}
few = seen[0][:250]
alone = {short: each_image[short, 2][:250].mean().item() for short in NAMES}
extra, pair_table = show.pairs_at_two_bits(NAMES, lambda choice: together(choice, few), alone)
pair_table

# %% [markdown] slideshow={"slide_type": "skip"}
# In the run on this page both signs occur. Three of the four largest numbers stand in the column of *first*. The pair of *first* and another layer can even be better than *first* alone, so one layer undoes part of the other's error. (In a trial with new statistics the largest of these numbers fell to 0.06, and the lowest was −0.01, because all errors are smaller then.)
#
# ### Ask again after each step
#
# If sums are not to be trusted, one may measure. Before each step every offer is *measured*, with all bits as they are now. That takes up to seven measurements at each step, where the sum needed 35 in all. Here each measurement is on 250 images. The budget is 2.25 bits a weight.


# %% slideshow={"slide_type": "skip"}
def ask_again(budget):
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


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Asks again at the small budget, and puts the choice beside that of the sum.
asked = ask_again(2.25)
show.asked_table({"the sum": (chosen[2.25], len(cost)), "asking": asked}, bits_a_weight, right, norms_anew)

# %% [markdown] slideshow={"slide_type": "skip"}
# Asking is worth many points here, as long as the statistics are old. With new statistics the two choices are a point apart, which 2,000 images do not tell from chance, and for the choice of the sum the new statistics were worth more points than asking was. Asking is no cure for everything either. In a trial with the file of 3 bits it stopped at 2.6 bits a weight, because each single step made things worse, and it ended two points below the sum.
#
# ### Greedy, or all choices?
#
# SmallResNet of half the width. Five widths for seven layers are $5^7$ = 78,125 choices, so the best *sum* can be found by trying all.
#
# **Predict.** Here the divergence of the first layer *rises* from 2 to 3 bits, and falls to nearly nothing at 5. How many bits does `greedy` give that layer, how many the best sum, and why?

# %% slideshow={"slide_type": "skip"}
half = checkpoints.load("small_resnet_half").requires_grad_(False).to(**channels_last)
half_target, half_budget, half_cost = answers(half, few), bits_a_weight(alike(3), half), {}
for short in show.alive(NAMES, "layers of half the width"):
    for bits in BITS:
        half_cost[short, bits] = moved(answers(rounded({short: bits}, half), few), half_target).mean().item()
half_greedy = greedy(half_cost, half_budget, half)[-1]
best_sum = show.best_of_all_sums(half_cost, half_budget, weights_of(half), BITS)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the hill, and writes what both choices get right.
half_right = {
    name: f"{show.spelled(c)}, {right(c, half):.1f} % right"
    for name, c in {"greedy": half_greedy, "best sum": best_sum}.items()
}
show.a_hill(
    BITS,
    half_cost,
    cost,
    f"Half width, {half_budget:.2f} bits a weight: " + "; ".join(map(" ".join, half_right.items())),
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **`greedy` leaves the first layer at 2 bits and the best sum gives it 5, because a step that saves nothing is not taken, and so greedy stays in front of the hill.**
#
# Greedy relies on each bit saving less than the one before. Where a curve first rises and then falls, it does not see what lies behind. Steps of several bits at once would look behind the hill. In the run on this page the best sum is more than three points better. (The divergences here are those of 250 training images; with 1,000 a trial made the same two choices.) It is still a *sum*: nobody has looked for the best network. Why there is a hill was not looked into.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Without a single image?
#
# A proxy that is cheaper still is the squared error of the weights, $\sum (w - \hat w)^2$ for each layer. It needs no image at all. As a control, *2b* is written in another way: its weights times 8, and its batch norm divides by 8 again. This rewritten copy computes the same function, to the last bit. (The code calls it `twin`; in the text of this course a twin is a float model.)
#
# **Predict.** Does this proxy make the same choice for both ways of writing, and why?


# %% slideshow={"slide_type": "skip"}
def weight_error(model):
    weights = weights_of(model)
    return {
        (short, b): (weights_of(rounded({short: b}, model))[short] - w).square().sum().item()
        for short, w in weights.items()
        for b in BITS
    }


twin = copy.deepcopy(net)
weights_of(twin)["2b"].mul_(8)
norm = twin.block2.bn2
norm.running_mean.mul_(8), norm.running_var.mul_(8 * 8)
norm.eps *= 8 * 8
assert torch.equal(answers(twin), target)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Makes the choices of the weight error, for the network and for its rewritten copy.
errors = weight_error(net)
blind = {budget: greedy(errors, budget)[-1] for budget in (2.75, THREE)}
rewritten = {2.75: greedy(weight_error(twin), 2.75, twin)[-1]}
show.without_images([*blind], chosen, blind, rewritten, right, twin)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **No, the weight error makes another and far worse choice for the rewritten copy, because weights that are 8 times as large have 64 times the squared error, although nothing in the function has changed.**
#
# For the network as it stands the proxy is lucky at 2.75 bits, where it makes the choice of the divergence, and at the file of 3 bits it chooses 3 bits for all. A proxy must see how a layer is *used*. Dividing the error by the size of the weights would not be fooled by this trick, but such a proxy still sees no image.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What choosing does to the winner's figure
#
# In section 4 the budgets and the ways to choose were fixed before the test. Suppose you try many choices instead, keep the one that is best on some images, and report its figure on the same images. The best of many is partly the luckiest on just these images, so its figure is too high. [[shipping]] works out by how much, for ten networks that are equally good.
#
# Here are 12 choices at random that fit into the file of 3 bits, on 1,000 test images that are not among the first 2,000. Each lot of 250 chooses a winner, which is then judged on the other three lots.

# %% slideshow={"slide_type": "skip"}
images, labels = exam_images[5000:6000], exam_labels[5000:6000]
candidates = show.random_choices(12, NAMES, lambda choice: bits_a_weight(choice) <= THREE)
hits = [(answers(rounded(c), images).argmax(1) == labels).float() for c in show.alive(candidates, "choices")]
too_good, winner_table = show.winners(torch.stack(hits))
winner_table

# %% [markdown] slideshow={"slide_type": "skip"}
# The last column is the price of choosing: how much better the winner looks on its own lot than on the others, after allowing for lots that are easier for all. In the run on this page it is 1.7 points on average over the four lots, from +0.8 to +2.1. A trial with 24 choices gave 1.2 points, from −0.6 to +3.2. So a single winner may be lucky or unlucky, but the expectation is above 0, because the same chance that made it the winner is in its figure. A larger lot makes the effect smaller, and more choices that are nearly equal make it larger. (12 choices that differ as widely as these, from 67 to 89 %, have few near the top.)
#
# So choose on images that are held out from training, and report on others that took part in neither. We have chosen on training images, which is less safe than choosing on held-out ones, because the network has learned their answers. Without labels this did little harm here (1,000 test images made the same five choices in a trial), and it left all test images for the judgement.
#
# ### Exercise 2 · Greedy, from above
# ★★ · 10 minutes
#
# Write `greedy_bits`. `costs[i][b]` is what layer `i` costs with `b` bits, from 0 bits up; the lists of all layers are equally long, and each layer begins with the *most* bits that its list has. As long as the file is larger than `budget` bits, take one bit away from one layer: the one where this adds *least cost for each bit of the file*.
# Layer `i` has `weights[i]` weights, so a bit less there makes the file smaller by `weights[i]`. Where two are equal, take the layer that comes first. A layer of 0 bits has none to give. Costs may be negative, and a bit less may also make a layer cheaper. Do not change the lists that you are given.
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


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Bits a weight
# ★ · 4 minutes
#
# Write `mean_bits`: how many bits a weight of the network has on average. `weights` are the numbers of weights of the layers, `bits` the bits of a weight in each, which may also be 0. Scales and zero points are left out here.
#
# `mean_bits(weights, bits)` → a number; two equally long lists of whole numbers, for 1 to 5 layers; each layer has 1 weight or more
#
# <details><summary>Hint</summary>
# How many bits does one layer take in all? And all layers?
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
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
# ### Into the ledger
#
# The three files, for [[shipping]]. The weights alone have fewer bits, so there is no speed and no energy. The batch norms have their old statistics.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the three files into the course's ledger.
show.rows_of_the_ledger(files)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson says of its own runs, beside what this run gave.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("bit_budget")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Sensitivity: round one layer alone, and measure how far the answers move. The KL divergence from the float network needs no label.
# - Give the next bit where it saves most for each bit of the file. That is greedy: good at each step, and not always the best of all.
# - Compare with a rule that costs nothing, in as many bytes. Here first and last layer in 8 bits was as good near 3 bits.
# - Ask what a cheaper remedy gives back. New statistics of the batch norms took most of the lead away.
# - Losses of layers need not add up. Measure the whole choice, on images that did not choose it.
#
# <!-- page -->
#
# **Going further**: Z. Dong et al., *HAWQ: Hessian AWare Quantization of neural networks with mixed-precision*, 2019, [arXiv:1905.03696](https://arxiv.org/abs/1905.03696) (curvature in place of trials); K. Wang et al., *HAQ: Hardware-aware automated quantization with mixed precision*, 2018, [arXiv:1811.08886](https://arxiv.org/abs/1811.08886) (time and energy from a simulator in place of bytes);
# Z. Deng et al., *Mixed-precision quantization for deep vision models with integer quadratic programming*, 2023, under this title 2025, [arXiv:2307.05657](https://arxiv.org/abs/2307.05657) (pairs of layers).
#
# **Project ideas**: measure the sensitivities with new statistics, and choose again; steps of several bits in `greedy`; batch norms in 16 bits; other bits for each *row*; the language model of [[weight_only]].
#
# **Credits**: text, code and trials are written for this course. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the guesses of the beginning: first, last, largest. Ask who would now trust a table of sensitivities without the joint measurement, and without the remedy. Say: "You have a file more. Next: which of all of them would you ship?" ([[shipping]])

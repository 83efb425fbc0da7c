# ---
# jupyter:
#   course:
#     promise: You will find out which layers of a network need their bits, share a budget out over them, and say when not to trust the choice.
#     seconds: 30
#     needs: [integers, depthwise]
#     goals:
#       - measure how sensitive each layer is, without labels;
#       - share out a budget of bits greedily;
#       - say when such a choice is not to be trusted.
#     terms: [bit budget, mixed-precision quantization, sensitivity]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Where does a bit save most?*

# %% tags=["setup", "hide-input"]
# Sets one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import torch

from course_utils.scorecard import claims
from lessons.bit_budget import checks as check
from lessons.bit_budget import show

torch.set_grad_enabled(False)  # the lesson only runs networks
torch.set_num_threads(1)

# %% [markdown]
# ## 1. 288 of 30,208 weights
#
# We round all weights of DepthwiseCNN to 3 bits. Each channel has its own scale. Then block 1, with 288 of 30,208 weights, gets 8 bits, and all other layers keep 3.
#
# The network is the one of [[depthwise]]. There block 1 lost its signal because its channels shared a scale. Now each channel has its own, so that cannot be the cause. We round the weights and compute in float: what gets smaller is the file. `rounded` gives each channel its scale, and `accuracy` asks 2,000 test images.
#
# **Predict.** The 3 bits cost accuracy. How much of it comes back: **A** a hundredth, **B** a quarter, **C** most of it?

# %%
import copy

from torch import nn

from course_utils.data import checkpoints
from lessons.bit_budget.network import accuracy, rounded

net = checkpoints.load("depthwise_cnn")
kinds = nn.Conv2d | nn.Linear
layers = {name: m for name, m in net.named_modules() if isinstance(m, kinds)}
sizes = {name: layer.weight.numel() for name, layer in layers.items()}


def with_bits(bits):  # {layer: bits}
    copied = copy.deepcopy(net)
    for name, b in bits.items():
        layer = copied.get_submodule(name)
        layer.weight.copy_(rounded(layer.weight, b))
    return copied


all_3 = dict.fromkeys(sizes, 3)
in_float, three = accuracy(net), accuracy(with_bits(all_3))
spared = accuracy(with_bits(all_3 | {"features.1.0": 8}))  # the convolution of block 1

# %% the_288_of_30_208_weights tags=["hide-input"]
# Prints the three accuracies.
print(f"float {in_float:.1f} %, 3 bits {three:.1f} %, block 1 in 8 bits {spared:.1f} %")

# %% [markdown] tags=["answer"]
# **Most of it (C), because the other seven layers together cost little.** The file grows by 288 · 5 = 1,440 bits, less than two per cent.

# %% [markdown]
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
# Block 6 costs 82,000 bits more, and nothing comes back. With the first layer the network even gets *worse*, though one layer is nearly exact now. Section 4 comes back to this.
#
# </details>

# %% [markdown]
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
# Why not ask for the accuracy? Both networks say *shirt*, so the accuracy notices nothing. The loss with the label notices something. But if the label is *coat*, the loss falls by 0.69, and the rounded network seems to be *better*. With few images, the verdict depends on which labels they have.
#
# So we ask how far the *answer* has moved. Each row is weighted by $p$, the float network's belief in its class. The sum is the **KL divergence** of [[distillation]],
#
# $$\sum_{\text{classes}} p \, \ln \frac{p}{q}.$$
#
# It is 0 if both answers are the same, and otherwise above 0, and it needs no label. The **sensitivity** of a layer at $b$ bits is the mean of this number over 1,000 images, when this layer alone is rounded.

# %%
from course_utils import data
from lessons.bit_budget.network import outputs

images, _ = data.load("fashion_mnist", n=1000)  # training images, without labels
in_float_said = outputs(net, images).log_softmax(1)  # ln of the probabilities


def divergence(model):
    log_p, log_q = in_float_said, outputs(model, images).log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1).mean().item()


widths = (2, 3, 4, 5, 6, 8)
sensitivity = {n: {b: divergence(with_bits({n: b})) for b in widths} for n in sizes}

# %% [markdown]
# ### Eight layers
#
# One layer rounded, seven in float.

# %% sensitivities tags=["hide-input"]
# Draws the sensitivity of each layer at 2 to 6 bits.
show.sensitivities(sensitivity, sizes)

# %% [markdown]
# At 3 bits block 1 stands far above all others. A large layer need not be a sensitive one: block 6 has more than half of the weights, and at 3 bits it moves the answers least of all.

# %% [markdown]
# ## 3. Bits where they save most
#
# Three layers begin with 2 bits for each weight, in a file of 200 bits. The **bit budget** is 300, and a weight gets 4 bits at most. Their sensitivities:
#
# | | weights | 2 bits | 3 bits | 4 bits |
# |---|---|---|---|---|
# | A | 10 | 0.60 | 0.20 | 0.15 |
# | B | 40 | 0.30 | 0.18 | 0.14 |
# | C | 50 | 0.08 | 0.05 | 0.04 |
#
# Give the next bit to the layer where it saves most *for each bit of the file*.
#
# To give layers different numbers of bits is called **mixed-precision quantization**. One more bit for each weight of a layer with $n$ weights costs $n$ bits of the file, and saves the difference of two sensitivities. The problem is that of a traveller with a knapsack, who packs first what is worth most *per kilogram*. The rule is **greedy**: it takes the best next step, and never looks further ahead.

# %% [markdown]
# **Predict.** Work it out with a pencil. How many bits does each layer have when the budget is used up?

# %% [markdown] tags=["answer"]
# **A 4, B 4, C 2, because a bit for A costs little, and a bit for C saves least for what it costs.** The divergences sum to 0.37. With 3 bits for all, in as many bits, they sum to 0.43.

# %% [markdown]
# Step by step for A, B and C: what the next bit saves, for each bit that it costs.
#
# | step | A | B | C | who gets it | file |
# |---|---|---|---|---|---|
# | 1 | 0.40 / 10 = **0.0400** | 0.12 / 40 = 0.0030 | 0.03 / 50 = 0.0006 | A | 210 |
# | 2 | 0.05 / 10 = **0.0050** | 0.0030 | 0.0006 | A | 220 |
# | 3 | has 4 | **0.0030** | 0.0006 | B | 260 |
# | 4 | has 4 | 0.04 / 40 = **0.0010** | 0.0006 | B | 300 |
#
# In the exercise you will write such a rule yourself. Here the ready function `greedy` takes the steps for our network. All layers begin with 2 bits and get at most 6, and the budget is what 3 bits for all would take:

# %%
from lessons.bit_budget.network import greedy

total = sum(sizes.values())
chosen = greedy(sizes, sensitivity, budget=3 * total)
by_greedy = accuracy(with_bits(chosen))

# %% [markdown]
# ### In the file of 3 bits

# %% bits_of_layers tags=["hide-input"]
# Draws the bits that each layer got.
show.bits_of_layers(chosen, sizes)

# %% [markdown]
# The width of a bar is the number of weights, so its area is about what the layer takes in the file. Block 6 gives up its third bit, and that pays for everything above the line. Block 1 stops at 5, because its sixth bit saved nothing on these images.
#
# Does the choice pay? No test image took part in it:

# %% in_the_file_of_3 tags=["hide-input"]
# Prints the accuracy of the choice, beside 3 bits for all.
print(f"3 bits for all {three:.1f} %, greedy {by_greedy:.1f} %, float {in_float:.1f} %")

# %% [markdown]
# In as many bits, greedy comes within about two points of float, and 3 bits for all lose about twenty.

# %% [markdown]
# ## 4. When not to trust it
#
# Rounding moves the mean of a channel, and the batch norm behind it still subtracts the mean that it saw in training. So we let it estimate its statistics **anew**, from 1,000 images, without labels. No weight changes, and no bit is spent.
#
# **Predict.** With 3 bits for all, about twenty points were lost. How much of that does this bring back: **A** a tenth, **B** half, **C** nearly all?

# %% [markdown]
# [[qat_cnn]] explains the remedy. `norms_anew` lets the images pass through the batch norms once more:

# %%
from lessons.bit_budget.network import norms_anew

choices = {
    "3 bits for all": all_3,
    "greedy, 3 bits": chosen,
    "2 bits for all": dict.fromkeys(sizes, 2),
    "greedy, 2.25 bits": greedy(sizes, sensitivity, budget=2.25 * total),
}
old, new = {}, {}
for name, bits in choices.items():
    model = with_bits(bits)
    old[name], new[name] = accuracy(model), accuracy(norms_anew(model, images))

# %% statistics tags=["hide-input"]
# Puts the accuracies with old and with new statistics into a table.
show.statistics(old, new, in_float)

# %% [markdown] tags=["answer"]
# **Nearly all (C), because most of that loss came from statistics that no longer fit the rounded weights.**

# %% [markdown]
# So near 3 bits most of greedy's lead was the price of old statistics: now both choices are within two points of each other. With fewer bits a few more help much: for an eighth more bits than 2 for all, greedy gets about twenty points more, and comes within two points of 3 bits for all. So estimate the batch norms anew before you praise a choice, and ship that network.
#
# There is a second reason for doubt. Greedy adds up sensitivities that were measured for one layer *alone*, and in the file all layers are rounded *together*. Two errors can push an answer the same way, and do more harm than their sum says. They can also push in opposite directions, and cancel. With the old statistics that is probably what happened under **Try it**: the rounding of the first layer had undone a part of what the others broke. With new ones it does no harm.
#
# One test settles both doubts: measure the *whole* choice with new statistics, beside one width for all, on images that took no part in choosing.
#
# And what does a processor do with 5 bits? Most have instructions for 8, some for 4. Other widths make files and downloads smaller, but their weights must be unpacked. If you want speed, choose among the widths for which there is a kernel.

# %% [markdown]
# ## Exercise · Share out a budget
# ★★ · 10 minutes
#
# Codes of 2 or 4 bits fill a byte without a rest. Write `share_out(sizes, sensitivity, budget)`. It returns 2 or 4 for each layer, as `{layer: bits}`.
#
# - `sizes[layer]`: the number of its weights. `sensitivity[layer][2]` and `[4]`: its divergences.
# - All layers begin with 2 bits. A step takes one layer to 4, where that saves most for each bit of the file.
# - `budget`: bits of all weights together. Stop when no step fits, or none saves anything.
#
# <details><summary>Hint</summary>
#
# Sort the layers by what they save for each weight, and give 4 bits where they fit. A step costs two bits for each weight. Try it on our network:
#
# ```python
# bits = share_out(sizes, sensitivity, 2.25 * total)
# print(bits, accuracy(norms_anew(with_bits(bits), images)))
# ```
#
# </details>
#
# <details><summary>What others found</summary>
#
# Four layers get 4 bits, and the network does nearly as well as with the 2.25 bits of section 4. 2 bits for all, in a ninth fewer bits, are about twenty points behind.
#
# </details>


# %% tags=["exercise"]
def share_out(sizes, sensitivity, budget):
    """The bits of each layer, shared out greedily within the budget."""
    raise NotImplementedError


# %% tags=["check"]
check.share_out(share_out)


# %% tags=["solution", "hide-cell"]
def share_out_solution(sizes, sensitivity, budget):
    bits = dict.fromkeys(sizes, 2)
    left = budget - 2 * sum(sizes.values())
    saves = {name: (row[2] - row[4]) / sizes[name] for name, row in sensitivity.items()}
    for name in sorted(saves, key=saves.get, reverse=True):
        price = 2 * sizes[name]
        if saves[name] > 0 and price <= left:
            bits[name] = 4
            left -= price
    return bits


# %% [markdown]
# ## Remember
#
# - Sensitivity: round one layer alone, and measure how far the answers move; the KL divergence from the float network needs no label.
# - Give the next bit where it saves most for each bit of the file: here small layers got many, and the largest one the fewest.
# - Estimate the batch norms anew for the whole choice, then measure it beside one width for all: losses of layers need not add up.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what the course saw.

# %% tags=["scorecard"]
claims.show("bit_budget")

# %% [markdown]
# ## Deeper
#
# ### Losses do not add up
#
# Here is the divergence of six greedy choices, with old statistics, beside the sum of its layers' sensitivities:

# %%
budgets = [b * total for b in (2.25, 2.5, 2.75, 3, 3.5, 4)]
several = [greedy(sizes, sensitivity, budget) for budget in budgets]
sums = [sum(sensitivity[name][b] for name, b in bits.items()) for bits in several]
together = [divergence(with_bits(bits)) for bits in several]

# %% tags=["hide-input"]
# Draws the sum of the sensitivities and the divergence of the whole choice.
show.sum_and_together(sums, together, several, sizes)

# %% [markdown]
# In these six choices the sum is about right from 2.75 bits on, and too small below. Why a sum can fail: if two errors move a score the same way by 1 each, together they move it by 2. If a divergence grew like the square, it would be 4, where the sum says 2.
#
# Three ways go on from here. HAWQ takes the curvature of the loss in place of trials ([Dong et al., 2019](https://arxiv.org/abs/1905.03696)). CLADO also measures pairs of layers, since losses do not add up ([Deng et al., 2023](https://arxiv.org/abs/2307.05657)). HAQ lets a learning agent choose, and asks the hardware for time and energy ([Wang et al., 2018](https://arxiv.org/abs/1811.08886)).
#
# ### The file
#
# A file with other bits in each layer must say how to cut it: the bytes 213 and 1 can be three codes of 3 bits, or four of 4. So our file begins with a *header*: one byte for each layer, its number of bits. The codes follow, their bits one after the other as in [[weight_only]]. Then each channel has a scale and a bias of 16 bits. The batch norms, measured anew, are folded into these two, as in [[static]], so they take no bytes of their own.

# %%
from lessons.bit_budget import packed

written = {}
for name, bits in choices.items():
    content = packed.write(norms_anew(with_bits(bits), images), bits)
    written[name] = len(content), accuracy(packed.read(content, net))

# %% tags=["hide-input"]
# Puts the files into a table, beside the float file.
show.files(net, in_float, written)

# %% [markdown]
# The networks were read again before they were judged. All widths need the same scales and biases: 2.3 kB of each file. That different layers have different widths costs seven bytes, because one common width would need a byte, too.
#
# **Sources.** Z. Dong et al., *HAWQ*, 2019, [arXiv:1905.03696](https://arxiv.org/abs/1905.03696); K. Wang et al., *HAQ*, 2018, [arXiv:1811.08886](https://arxiv.org/abs/1811.08886); Z. Deng et al., *Mixed-precision quantization for deep vision models with integer quadratic programming*, 2023, revised 2025, [arXiv:2307.05657](https://arxiv.org/abs/2307.05657).
#
# **Going further.** Projects: measure the sensitivities *with* new statistics, and choose again; look in SmallResNet of [[structured]] for the layer in need; share bits out over the language model of [[weight_only]]. Next here: [[shipping]].
#
# **Credits.** Text and code were written for this course. Text CC BY 4.0, code MIT.

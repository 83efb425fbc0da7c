# ---
# jupyter:
#   course:
#     promise: You will find out which layers of a network need their bits, share a budget out over them, and test the choice.
#     seconds: 25
#     needs: [depthwise, qat_cnn]
#     goals:
#       - measure how sensitive each layer is, without labels;
#       - share out a budget of bits greedily;
#       - test the whole choice, and say why the sum over the layers can mislead.
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

from course_utils import claims
from lessons.bit_budget import show
from lessons.bit_budget import tasks as check

torch.set_grad_enabled(False)  # the lesson only runs networks
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Two bits for all
#
# Suppose that a network has to fit into a very small file. Ours is DepthwiseCNN of [[depthwise]], which recognizes photos of clothing with 30,208 weights in eight layers. We round all of them to 2 bits, so each weight becomes −2, −1, 0 or 1 times the scale of its channel. This scale is two thirds of the channel's largest weight.
#
# Rounding also shifts the means of the channels, and the batch norms behind them still subtract the old ones. So before each measurement, the float network's too, we *re-estimate the statistics*: 1,000 images pass through the network, and the batch norms average their means and variances anew.
#
# Block 1 has only 288 weights. We give it 4 bits a weight instead of 2. So the file grows by 2 · 288 = 576 bits, not even one per cent.
#
# **Predict.** Rounding all layers to 2 bits costs more than twenty points of accuracy. How much of that comes back: **A** more than half, **B** about a quarter, **C** hardly anything?

# %%
import copy

from torch import nn

from course_utils import checkpoints, data
from lessons.bit_budget.network import accuracy, norms_anew, rounded

net = checkpoints.load("depthwise_cnn")
images, _ = data.load("fashion_mnist", n=1000)  # training images, without their labels
kinds = nn.Conv2d | nn.Linear
sizes = {name: m.weight.numel() for name, m in net.named_modules() if isinstance(m, kinds)}


def with_bits(bits):  # {layer: bits}; all other layers stay float
    copied = copy.deepcopy(net)
    for name, b in bits.items():
        layer = copied.get_submodule(name)
        layer.weight.copy_(rounded(layer.weight, b))
    return norms_anew(copied, images)


all_2 = dict.fromkeys(sizes, 2)
more = all_2 | {"features.1.0": 4}  # the convolution of block 1

# %% block_1 tags=["hide-input"]
# Prints three accuracies, on test images.
in_float, two, spared = (accuracy(with_bits(bits)) for bits in ({}, all_2, more))
print(f"float {in_float:.1f} %, all in 2 bits {two:.1f} %, block 1 in 4 bits {spared:.1f} %")

# %% [markdown] tags=["answer"]
# **More than half (A), because rounding this one small layer does more harm than rounding any other, as we'll measure.**

# %% [markdown]
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# **Try it.** In the line with `more`, give the 4 bits to another layer: to `"features.6.0"`, which has more than half of all weights, then to `"features.0.0"`, the first layer. Run that cell and the next one. Change it back afterwards, and run both again.
#
# <details><summary>What others found</summary>
#
# Each of them brings back only about two points, although block 6 costs 57 times as many bits as block 1.
#
# </details>

# %% [markdown]
# ## 2. How sensitive is each layer?
#
# We need a number for each layer that says how badly it needs its bits. So let's round one layer and leave the other seven in float. What happens to the network's answer for one image? Suppose that the float network gives three classes the probabilities $p$, and the rounded one $q$:
#
# | class | $p$ | $q$ | ln ($p / q$) |
# |---|---|---|---|
# | shirt | 0.7 | 0.5 | +0.34 |
# | coat | 0.2 | 0.4 | −0.69 |
# | bag | 0.1 | 0.1 | 0 |
#
# We could compare accuracies. But both networks say *shirt*, so the accuracy doesn't notice, and it needs a label.
#
# So we ask how far the answer has moved. For each class we take $\ln (p / q)$, weight it by $p$, and add it all up:
#
# $$0.7 \cdot 0.34 - 0.2 \cdot 0.69 + 0.1 \cdot 0 = 0.10$$
#
# This is the **KL divergence** from the float network's answer. The divergence is 0 if both answers are the same, and otherwise above 0. It needs no label, because the float network's answer stands in for it.
#
# The **sensitivity** of a layer at $b$ bits is the mean of this number over our 1,000 images, when this layer alone is rounded.

# %%
from lessons.bit_budget.network import outputs

in_float_said = outputs(with_bits({}), images).log_softmax(1)  # ln of the probabilities


def divergence(bits):
    log_p, log_q = in_float_said, outputs(with_bits(bits), images).log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1).mean().item()


sensitivity = {name: {b: divergence({name: b}) for b in range(2, 7)} for name in sizes}

# %% sensitivities tags=["hide-input"]
# Draws the sensitivity of each layer at 2, 3 and 4 bits.
show.sensitivities(sensitivity, sizes)

# %% [markdown]
# At 2 bits, block 1 stands far above all the others. It's a depthwise layer. But so are blocks 3 and 5, whose weights are changed about as much by rounding, and they stand lowest. So only measuring tells.

# %% [markdown]
# ## 3. Bits where they save most
#
# How do we share out the bits? Giving different layers different numbers of bits is called **mixed-precision quantization**, and the number of bits that the weights may take in the file is our **bit budget**.
#
# Let's try it on three layers. They begin with 2 bits for each weight, so their 100 weights take 200 bits. The budget is 300, and a weight gets 4 bits at most. Here are the sensitivities:
#
# | | weights | 2 bits | 3 bits | 4 bits |
# |---|---|---|---|---|
# | A | 10 | 0.60 | 0.20 | 0.15 |
# | B | 40 | 0.30 | 0.18 | 0.14 |
# | C | 50 | 0.10 | 0.06 | 0.05 |
#
# One more bit for each weight of A costs 10 bits of the file, and saves 0.60 − 0.20 = 0.40. For B it costs 40 bits and saves 0.12. So we compare what a step saves *for each bit of the file*: 0.40 / 10 = 0.040 for A, and 0.12 / 40 = 0.003 for B.
#
# The rule is: **of the steps that still fit into the budget, take the one that saves most for each bit, and then look again.** Such a rule is called **greedy**, because it takes the best next step and never looks further ahead.
#
# **Predict.** Follow the rule with a pencil. How many bits do A, B and C have in the end?

# %% [markdown] tags=["answer"]
# **A 4, B 4, C 2.** For each bit of the file, A's two steps save 0.040 and 0.005, B's 0.003 and 0.001, and C's first only 0.0008. So when it's C's turn, the budget is used up.

# %% [markdown]
# The function `greedy` does the same for our network. All layers begin with 2 bits and get at most 6, and the budget is 2.5 bits a weight.

# %%
from lessons.bit_budget.network import greedy

total = sum(sizes.values())
chosen = greedy(sizes, sensitivity, budget=2.5 * total)

# %% bits_of_layers tags=["hide-input"]
# Draws the bits that each layer got.
show.bits_of_layers(chosen, sizes, even=2.5)

# %% [markdown]
# The small layers come first, because a bit for them costs little. Why do the two largest, blocks 4 and 6, stay at 2 bits? Half a bit more for each weight makes 15,104 bits. Going from 2 bits to 3 in block 6 would cost 16,384, so it never fits. For block 4 it would cost 8,192, and when its turn comes, the small layers have left too little. The rule goes on with what still fits, so some small layers reach 6 bits.

# %% [markdown]
# ## 4. Test the whole choice
#
# Does the choice pay? Greedy assumes that losses *add up*. Each sensitivity was measured with one layer rounded, but in the file all eight are rounded together. Suppose that rounding one layer moves the score of a class by 0.1, and rounding a second one moves it by 0.1 in the same direction. Then both together move it by 0.2. How large is the divergence then? Without any move it's 0, its minimum, and near a minimum a smooth curve grows about like the square of the move. So alone each layer counts 0.1² = 0.01, and the sum says 0.02, but together they count 0.2² = 0.04. If the two errors have opposite signs, they cancel, and the sum says far too much. And if they have nothing to do with each other, they add up for some images and cancel for others, and the sum is about right.
#
# **Predict.** At 2 bits, the sensitivities of our eight layers add up to about 0.37. We round all eight together. Is the divergence **A** about half of that, **B** about the same, **C** about twice as much?

# %%
from lessons.bit_budget.network import in_turn

choices = {
    "2 bits for all": all_2,
    "in turn, 2.1 bits": in_turn(sizes, budget=2.1 * total),
    "greedy, 2.1 bits": greedy(sizes, sensitivity, budget=2.1 * total),
    "in turn, 2.25 bits": in_turn(sizes, budget=2.25 * total),
    "greedy, 2.25 bits": greedy(sizes, sensitivity, budget=2.25 * total),
    "greedy, 2.5 bits": chosen,
    "3 bits for all": dict.fromkeys(sizes, 3),
}
sums = {name: sum(sensitivity[layer][b] for layer, b in bits.items()) for name, bits in choices.items()}
together = {name: divergence(bits) for name, bits in choices.items()}

# %% the_whole_choice tags=["hide-input"]
# Puts the sums, the divergences and the accuracies on test images into a table.
right = {name: accuracy(with_bits(bits)) for name, bits in choices.items()}
show.whole(choices, sizes, sums, together, right)

# %% [markdown] tags=["answer"]
# **About twice as much (C), probably because more of the errors push in the same direction than in opposite ones.** The sum is too small for each choice, but it tells large losses from small ones.

# %% [markdown]
# If all eight errors pushed in one direction, the divergence would even be about eight times the sum. But the squares are only a guide: they hold for small moves, and ours are large.
#
# Compared with one width for all layers, greedy pays: with our scales and 2.5 bits, it's about as good as 3 bits for all, with a sixth fewer bits for the weights.
#
# But do we need the sensitivities? The rows *in turn* are a control that does without them. It goes round the layers, the smallest first, and gives each of them one bit more if it still fits. At 2.1 bits the two choices differ in a single bit: greedy gives it to fc, which has the second highest sensitivity, *in turn* to block 5, which is slightly smaller, and the least sensitive of all. Here measuring pays, with clearly more right answers for as many bits.
#
# At 2.25 bits it doesn't. By the sums, the two choices are equally good. Yet with all layers rounded, *in turn* has the smaller divergence. How can the sum miss this? It has a number for each layer and none for two layers together, so it can't see whether their errors strengthen each other.
#
# In right answers, the two differ by less than a point, which decides nothing (*Deeper*). So here the sensitivities gain nothing over size alone. Why? A quarter of a bit more for each weight comes to 7,552 bits. Going from 2 bits to 3 in block 4 or 6 costs more than that, so under both rules these two stay at 2 bits, and most of either sum comes from them. And for the small layers there's enough, so block 1 and fc get their bits under both rules. **In this network, measuring pays while there are too few bits even for the small layers.**
#
# The rule also assumes that the best next step leads to the best choice. Eight layers with five possible widths make 390,625 choices. That's few enough to add up the sensitivities of each, and to take the smallest sum:

# %% all_choices
from lessons.bit_budget.network import best_of_all

best = best_of_all(sizes, sensitivity, budget=2.5 * total)
print("greedy:", list(chosen.values()))
print("best:  ", list(best.values()))

# %% smaller_sum tags=["hide-input"]
# Prints the two sums of sensitivities, and the divergences of the whole choices.
best_sum, best_together = sum(sensitivity[layer][b] for layer, b in best.items()), divergence(best)
print(f"sum of the sensitivities: greedy {sums['greedy, 2.5 bits']:.3f}, best {best_sum:.3f}")
print(f"divergence together:      greedy {together['greedy, 2.5 bits']:.3f}, best {best_together:.3f}")

# %% [markdown]
# The choice with the smallest sum gives the small layers less, so the third bit for block 4, the fifth number, still fits. Its sum is only about a tenth smaller, so greedy hasn't missed much.
#
# So both assumptions can fail. Only a test shows whether your choice is good enough: **measure it with all layers rounded, beside simple choices such as one width for all, on images that took no part in choosing.** The table's last column does this.

# %% [markdown]
# ## Exercise · Share out a budget
# ★★ · 10 minutes
#
# Write `share_out(sizes, sensitivity, budget)`. It returns 2 or 4 for each layer, as `{layer: bits}`.
#
# - `sizes[layer]`: the number of its weights. `sensitivity[layer][2]` and `[4]`: its divergences.
# - All layers begin with 2 bits. Each step raises one layer to 4 bits. Of the steps that still fit, take the one that saves most for each bit of the file.
# - `budget`: bits of all weights together. Stop when no step fits, or none saves anything.
#
# <details><summary>Hint</summary>
#
# A step costs two bits for each weight. Try it on our network, where five layers get 4 bits:
#
# ```python
# bits = share_out(sizes, sensitivity, 2.25 * total)
# print(bits, accuracy(with_bits(bits)))
# ```
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
# - To find a layer's sensitivity, round it alone, and measure by the KL divergence how far the answers move from the float network's. That needs no label.
# - Give the next bit where it saves most for each bit of the file: small layers often get many, because a bit for them costs little.
# - Losses of layers needn't add up, and the best next step needn't lead to the best choice. So test the whole choice, beside simple ones, on fresh images: in our network measuring gained something over size alone with 2.1 bits, and nothing with 2.25.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("bit_budget")

# %% [markdown]
# ## Deeper
#
# ### How others choose
#
# HAWQ doesn't round each layer to find its sensitivity. It takes the curvature of the loss, which says how fast the loss grows when the weights move ([Dong et al., 2019](https://arxiv.org/abs/1905.03696)). CLADO also measures *pairs* of layers, because losses don't add up, and then looks for the best choice by integer programming, which needs no trial of all of them ([Deng et al., 2023](https://arxiv.org/abs/2307.05657)). HAQ lets a learning agent choose, and asks the hardware for time and energy ([Wang et al., 2018](https://arxiv.org/abs/1811.08886)).
#
# ### The file
#
# A file with different bits in each layer has to say how to cut it, because the same bytes can be read as codes of 3 bits or of 4. So our file begins with a *header*: one byte for each layer, its number of bits. The codes follow, one after the other. Then each channel has a scale and a bias of 16 bits. The batch norms are folded into these two, as in [[static]], so they take no bytes of their own. We rounded before folding. That does no harm here, because folding multiplies all weights of a channel by one factor. The channel has its own scale, which takes the factor over, and the codes stay as they are.

# %%
from lessons.bit_budget import packed

written = {}
for name, bits in choices.items():
    content = packed.write(with_bits(bits), bits)
    written[name] = len(content), accuracy(packed.read(content, net))

# %% tags=["hide-input"]
# Puts the files into a table, beside the float file.
show.files(net, in_float, written)

# %% [markdown]
# The networks were read from their bytes again before they were judged. With scales of 16 bits, the answer to a single image can change. All choices need the same scales and biases, 2.3 kB of each file. Giving the layers different widths costs only seven bytes, because one common width would need a byte, too.
#
# How much of the last column is chance? Suppose that two choices disagree on 100 of the 2,000 images. If they're equally good, each of these images is a coin toss, so their difference typically comes to $\sqrt{100} = 10$ images, half a point. A difference below one point decides nothing.
#
# And what does a processor do with 5 bits? Most have instructions for 8, and some for 4. Other widths make the file smaller, but the weights have to be unpacked before they're used. If you want speed, choose among the widths for which there is a kernel.
#
# **Sources.** Z. Dong et al., *HAWQ*, 2019, [arXiv:1905.03696](https://arxiv.org/abs/1905.03696); K. Wang et al., *HAQ*, 2018, [arXiv:1811.08886](https://arxiv.org/abs/1811.08886); Z. Deng et al., *Mixed-precision quantization for deep vision models with integer quadratic programming*, 2023, revised 2025, [arXiv:2307.05657](https://arxiv.org/abs/2307.05657).
#
# **Going further.** Projects: find the layer of SmallResNet of [[structured]] that most needs its bits; share bits out over the language model of [[weight_only]].
#
# **Credits.** Text and code were written for this course. Text CC BY 4.0, code MIT.
#
# **What's still open.** You can now make many small networks, by fewer bits, fewer weights or fewer layers. Which of them would you send to a customer? That's [[shipping]].

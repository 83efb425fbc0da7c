# ---
# jupyter:
#   course:
#     promise: You will say what a weight's size, its input and the slope of the loss tell about it, prune by such a score, and say which weights compete.
#     seconds: 20
#     needs: [prune_model]
#     goals:
#       - rank weights by weight times input (Wanda), and prune by this score;
#       - say among which weights a score chooses, and compare scores fairly;
#       - say what the slope of the loss can't see at a minimum, and why a score drops its sign.
#     terms: [comparison group, Taylor score, Wanda]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Is the smallest weight the one that matters least?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import claims
from lessons.scores import show
from lessons.scores import tasks as check

torch.set_num_threads(1)

# %% [markdown]
# ## 1. Weights that training never used
#
# LeNet-300-100 reads digits of 784 pixels. Some pixels near the border are black in *every* training image. During training, a weight behind such a pixel is always multiplied by 0, so the network has never used it. Let's call these weights *unused*.
#
# We train the network for 300 steps, and remove a fifth of its first layer, `fc1`: the weights with the smallest magnitudes. The unused weights are less than a tenth, so all of them could go.
#
# **Predict.** How many of the unused weights does this cut *keep*: **A** more than half, **B** about a fifth, **C** none?

# %% weights_that_training_never_used
import copy

import torch
from torch.nn import functional as F
from torch.nn.utils import prune

from lessons.scores.experiment import images, labels, trained

net = trained(seed=0)
cut = copy.deepcopy(net)
prune.l1_unstructured(cut.fc1, "weight", amount=0.2)

unlit = (images.amax(0) == 0).flatten()  # the pixels that are black in every image
kept = cut.fc1.weight_mask[:, unlit].mean().item()
print(f"{unlit.sum()} pixels are never lit; {kept:.0%} of their weights are kept")

# %% [markdown] tags=["answer"]
# **More than half (A), because training never moved these weights.** The cut keeps four fifths of *all* weights, and nearly as large a share of these. So magnitude can hardly tell unused weights from the others.

# %% [markdown]
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ### What training does to unused weights
#
# The gradient of a weight is its *input* times the gradient that comes back from its output. Behind a black pixel, the input is always 0, and so is the gradient.
#
# So an unused weight still has the value that PyTorch drew for it at the start: any number between −0.036 and 0.036, all equally likely. The cut removes over a quarter of this range.

# %% untouched tags=["hide-input"]
# Draws the unused weights, and the two lines between which the cut removes.
show.untouched(net, cut, unlit)

# %% [markdown]
# **Try it.** In the cell that trains, change `trained(seed=0)` to `trained(seed=0, weight_decay=1e-4)`, and rerun it. How many unused weights are kept now? Then change it back and rerun.
#
# <details><summary>What others found</summary>
#
# Hardly any. Behind a black pixel, weight decay's pull towards 0 is the whole gradient, and Adam, our optimizer, takes full steps even for small gradients. So what a weight's size says depends on the training.
#
# </details>

# %% [markdown]
# ## 2. A weight and its input
#
# To choose weights, we give each of them a number, its **score**, and remove those with the lowest scores. So far our score was the magnitude, which doesn't see what a weight is multiplied by.
#
# Take a neuron with two weights, 0.5 and 0.3, and three samples. If we remove a weight, the neuron's output changes by the weight times its input.
#
# | | input $x_1$ | input $x_2$ | change without the 0.5 | change without the 0.3 |
# |---|---|---|---|---|
# | sample 1 | 0.2 | 1 | −0.1 | −0.3 |
# | sample 2 | 0 | 1 | 0 | −0.3 |
# | sample 3 | 0.2 | 0 | −0.1 | 0 |
# | sum of squares | 0.08 | 2 | **0.02** | **0.18** |
#
# The larger weight matters less: removing the smaller one does nine times as much harm.
#
# We don't have to compute each change, because the weight is the same for all samples: 0.5² · 0.08 = 0.02, and 0.3² · 2 = 0.18. The root of this is
#
# $$|w| \cdot \lVert x \rVert$$
#
# where the norm $\lVert x \rVert$ is the root of the sum of squares of this input over all samples. The score is called **Wanda**, for *weights and activations* ([Sun et al., 2023](https://arxiv.org/abs/2306.11695)). It needs no labels and no backward pass, only a forward pass over some data.


# %%
def wanda(layer, inputs):  # a row of inputs belongs to one image
    return layer.weight.detach().abs() * inputs.norm(dim=0)


x, y = images[:2000], labels[:2000]
by_input = wanda(net.fc1, x.flatten(1))

# %% [markdown]
# Each weight of a neuron of `fc1` belongs to a pixel, so the weights of one neuron make an image:

# %% four_images tags=["hide-input"]
# Draws the weights of one neuron, the norms of its inputs, and the fifth that each score ranks highest.
show.four_images(net, by_input, x.flatten(1))

# %% [markdown]
# Magnitude keeps some weights near the border, even if only a fifth stays. Wanda doesn't, because their inputs are small.
#
# The inputs of the unused weights have norm 0, so their score is 0, and Wanda removes them first. PyTorch prunes by any score that isn't negative, if you pass it as `importance_scores`:

# %% by_wanda_now
cut = copy.deepcopy(net)
prune.l1_unstructured(cut.fc1, "weight", amount=0.2, importance_scores=by_input)
print(f"of the unused weights {cut.fc1.weight_mask[:, unlit].mean():.0%} are kept")

# %% [markdown]
# ## 3. Which weights compete?
#
# A score ranks weights. But which of them compete? `l1_unstructured` has just let all weights of a layer compete: *the layer competes*. The authors of Wanda let a weight compete only within its row, with the weights of the same neuron: *each row competes*. Here are the scores of two neurons with two weights each. Half of the weights stay.
#
# | scores | the layer competes | each row competes |
# |---|---|---|
# | neuron 1: 9, 8 | 9 and 8 stay | 9 stays |
# | neuron 2: 3, 2 | none stays | 3 stays |
#
# In rows, even a neuron with low scores keeps its share. The weights that compete are the **comparison group**. A fair comparison of two scores keeps it fixed, and also the share that stays, the images and the networks. Otherwise you can't tell what made the difference.

# %% [markdown]
# ## 4. What the loss says
#
# Wanda tries to keep the outputs of each *layer*. But what we want to keep low is the *loss*, and a neuron's output may hardly matter to it. Recomputing the loss without each of 266,200 weights in turn would take too long, so we need a guess.
#
# ### A slope, and a walk
#
# Removing a weight means walking from $w$ to 0, a distance of $-w$. We can't see the end of the walk, but we know the slope where it starts: the gradient $g$. Slope times distance, $-w \cdot g$, is a first guess of how much the loss will change.
#
# Take a single weight and the loss $L = (w - 1)^2$, whose slope is $g = 2(w - 1)$:
#
# | $w$ | slope $g$ | guess $-w \cdot g$ | true change, $L(0) - L(w)$ |
# |---|---|---|---|
# | 0.8 | −0.4 | 0.32 | 1 − 0.04 = 0.96 |
# | 1 | 0 | 0 | 1 − 0 = 1 |
#
# In both rows, the guess misses $w^2$, 0.64 and 1, because the slope changes along the walk. **The slope doesn't see the curvature of the loss,** that is, how fast the slope changes. On a short walk, $w^2$ is tiny, so the guess is good. But in the second row, the weight is at the minimum, and what the guess misses is the whole change. **So exactly at a minimum, the slope tells us nothing.** That's the first weakness of the guess.
#
# ### A slope has a sign for each image
#
# Does a slope of 0 mean that no image pulls on the weight? No, because the slope over many images is the *mean* of their slopes. Here are two weights, $u$ = 1 and $v$ = 1, and only two images:
#
# | | slope, image 1 | slope, image 2 | mean of the slopes | mean of $(w \cdot g)^2$ |
# |---|---|---|---|---|
# | $u$ | 0.6 | −0.6 | 0 | 0.36 |
# | $v$ | 0.1 | −0.1 | 0 | 0.01 |
#
# From image 1 alone, you'd guess that the loss falls by 0.6 without $u$. On image 2, it rises by as much. **If the slopes cancel, the sign of a guess belongs to the images that it was made from.** That's the second weakness.
#
# But both images pull hard on $u$ and barely on $v$. To see it, we must drop the sign *before* we take the mean. The mean of $(w \cdot g)^2$ is the **Taylor score** ([Molchanov et al., 2019](https://arxiv.org/abs/1906.10771)).
#
# For the slope of each image, we'd call `backward` 2,000 times. So we call it for batches of 100, and square the mean slope of each. In a batch slopes cancel as well, but to about the same extent for every weight, so the order hardly changes.


# %% taylor
def taylor(net, x, y):  # the scores of fc1
    total = torch.zeros_like(net.fc1.weight)
    for some_x, some_y in zip(x.split(100), y.split(100), strict=True):
        net.zero_grad()
        F.cross_entropy(net(some_x), some_y).backward()
        total += (net.fc1.weight * net.fc1.weight.grad).detach() ** 2
    return total / len(x.split(100))


by_loss = taylor(net, x, y)
net.zero_grad()
F.cross_entropy(net(x), y).backward()  # the slopes over all of these images at once
guess = -(net.fc1.weight * net.fc1.weight.grad).detach()

# %% [markdown]
# ### Testing the guess on 300 weights
#
# Which of the two weaknesses counts in our network? We draw 300 weights of `fc1` at random, leaving out those whose pixel or neuron is always 0, and compute the true change of the loss without each of them: once on the 2,000 images that the guess was made from, and once on 2,000 others. The **rank correlation** is 1 if guess and true change put the weights in the same order, and 0 if the two orders are unrelated.
#
# **Predict.** On its own images, the guess $-w \cdot g$ with its sign ranks the weights almost perfectly. On the other images, is its rank correlation **A** as high, **B** a little lower, **C** near 0?

# %% three_hundred_weights tags=["hide-input"]
# Tries 300 weights on two sets of images, and draws the true change of the loss over the guess.
tried = show.Tried(net, guess, {"magnitude": net.fc1.weight.detach().abs(), "Wanda": by_input, "Taylor": by_loss})
tried.draw()

# %% [markdown] tags=["answer"]
# **Near 0 (C), because in a trained network the slopes of the images nearly cancel, and what's left over belongs to these images.** So the second weakness counts here, the sign. The curvature hardly does: removing one small weight is a short walk, and over just these 2,000 images we aren't at a minimum.

# %% [markdown]
# So on new images, we can hardly tell whether the loss will rise or fall without a weight. But it may be enough to know how *far* the loss moves. If it moves little, up or down, the weight can go.
#
# How well do the scores rank this *size*?

# %% three_scores tags=["hide-input"]
# Prints rank correlations with the true change and with its size, on other images, from a record.
show.compare()

# %% [markdown]
# With its sign, the guess is nearly worthless in all six networks, and our figure shows the lowest. The Taylor score ranks the sizes best on average, but Wanda comes close, although it sees no labels.

# %% [markdown]
# ## 5. A race of scores and groups
#
# A real cut removes thousands of weights at once, and weights that cost little one by one may cost a lot together. So let's prune the six networks, by our three scores and by random scores as a control. Every cut keeps 5 % of `fc1` and of `fc2`, in the last column 20 %. Nothing is trained afterwards.

# %% the_race tags=["hide-input"]
# Shows the record of the race: six networks, four scores, two comparison groups.
show.race()

# %% [markdown]
# At 5 %, the layer beats the rows with each of our three scores in all six networks. So the group matters.
#
# But no score wins in every network. At 20 %, where the networks still work, magnitude is ahead of both in all six, although it ranks single weights of `fc1` much worse. **So a score that's better at single weights needn't make the better cut.** Why magnitude wins there, this race doesn't tell.

# %% [markdown]
# ## Exercise · Wanda, in each row
# ★★ · 10 minutes
#
# Write `by_wanda(net, images, left)`: a copy of `net` in which `fc2` has a mask. Of the m weights in each row of `fc2`, it keeps n = `round(left * m)`: those with the largest $|w| \cdot \lVert x \rVert$. Which inputs $x$ does `fc2` get from these images?
#
# <details><summary>Hint</summary>
#
# Between `fc1` and `fc2` there's a ReLU. `indices = scores.topk(n, dim=1).indices` are the places of the largest n of each row, `torch.zeros_like(scores).scatter(1, indices, 1)` is their mask, and `prune.custom_from_mask(layer, "weight", mask)` takes it.
#
# </details>


# %% tags=["exercise"]
def by_wanda(net, images, left):
    """A copy of the network in which each row of fc2 keeps this share of its weights, by Wanda."""
    raise NotImplementedError


# %% tags=["check"]
check.by_wanda(by_wanda)


# %% tags=["solution", "hide-cell"]
def by_wanda_solution(net, images, left):
    cut = copy.deepcopy(net)
    inputs = torch.relu(net.fc1(images.flatten(1)))
    scores = (net.fc2.weight.abs() * inputs.norm(dim=0)).detach()
    ranks = scores.argsort(dim=1).argsort(dim=1)
    rows, columns = scores.shape
    goes = columns - round(left * columns)
    prune.l1_unstructured(cut.fc2, "weight", amount=rows * goes, importance_scores=ranks)
    return cut


# %% [markdown]
# ## Remember
#
# - The smallest weight isn't always the one that matters least: its input counts as well, and Wanda sees it. But in our race, where a fifth of the weights stayed and the networks still worked, magnitude was ahead of Wanda and Taylor in all six.
# - The slope doesn't see the curvature of the loss, so exactly at a minimum it tells us nothing. What counted in our networks is its sign, which changes with the images, so the Taylor score drops it before the mean.
# - A score and its comparison group are two decisions: change one at a time. And race the scores on your own network, at the share that you want to keep.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("scores")

# %% [markdown]
# ## Deeper
#
# ### Ranks make each row compete
#
# `l1_unstructured` lets the layer compete. To let each row compete with it, pass ranks in place of scores. In the table of section 3 the ranks are (1, 0) and (1, 0), so that the two smallest are the two zeros, one in each row. `scores.argsort(dim=1).argsort(dim=1)` computes them: the first `argsort` lists the positions from the lowest score on, and the second says at which place of that list each weight stands.
#
# ### What squared slopes tell us
#
# A network says of some images that each is a 1 with probability $p$ = 0.8, and otherwise a 7. It's right: of every five, four are a 1. The slope of the cross-entropy with respect to the logit of the 1, the number that goes into the softmax, is $p - 1$ = −0.2 for these four, and $p$ = 0.8 for the fifth. The mean is 0, so we're at a minimum. The mean of the squares is (4 · 0.04 + 0.64) / 5 = 0.16. And the curvature of the loss is $p(1 - p)$ = 0.16, too. The two are equal for every $p$, as long as the network's probabilities are right. [Theis et al. (2018)](https://arxiv.org/abs/1801.05787) prune with this estimate, called *Fisher information*.
#
# Must the sign go *before* the mean? The size of the guess drops the sign *after* the mean. It ranks the sizes a little worse than Taylor, but far better than magnitude. So it's better to drop it before, but not by much. And after only ten training steps, where the slopes don't cancel yet, the guess holds even with its sign:

# %% two_controls tags=["hide-input"]
# Prints two more rank correlations on other images, from the record.
show.controls()

# %% [markdown]
# ### "Wanda beats magnitude"
#
# The smallest LLaMA-2 has 7 billion weights, and half of those in its blocks are removed, without training. The [authors](https://github.com/locuslab/wanda/blob/1317b0ba3fab5cd0491961b41598138466647ebf/README.md) report the *perplexity* on WikiText, *e* to the mean loss per token, so lower is better:
#
# | whole | Wanda, in each row | magnitude, over the layer |
# |---|---|---|
# | 5.12 | 6.42 | 14.89 |
#
# Two things differ here, the score and the group, so these numbers alone can't say which of them made the difference. In our race, with another network, rows are worse. The authors found them better for language models, but saw nothing of the kind for image classifiers.

# %% [markdown]
# **Sources.** P. Molchanov et al., *Importance estimation for neural network pruning*, 2019, [arXiv:1906.10771](https://arxiv.org/abs/1906.10771); M. Sun et al., *A simple and effective pruning approach for large language models*, 2023, [arXiv:2306.11695](https://arxiv.org/abs/2306.11695), with [code](https://github.com/locuslab/wanda).
#
# **Recommended video.** Michela Paganini, *Neural Network Pruning for Compression and Understanding*, [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further.** Y. LeCun et al., *Optimal brain damage*, 1990, looks at the curvature of the loss itself. Projects: race the scores in ten rounds; give Wanda's scores to a 2:4 pattern.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** Do the weights that stay need the values that training gave them, or only their *places*? In [[ticket]] we set them back to their first values, and train again.

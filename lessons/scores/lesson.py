# ---
# jupyter:
#   course:
#     promise: You will estimate what a weight is worth from the slope of the loss and from its inputs, prune by such a score, and say which weights compete.
#     seconds: 40
#     needs: [prune_model]
#     goals:
#       - predict from the slope of the loss what a removal costs, and check it;
#       - rank weights by weight times input (Wanda), and prune by that score;
#       - say among which weights a score chooses, and what a comparison of scores must keep equal.
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

from course_utils.scorecard import claims
from lessons.scores import checks as check
from lessons.scores import show

torch.set_num_threads(1)

# %% [markdown]
# ## 1. Weights that training never used
#
# LeNet-300-100 reads digits of 784 pixels. Some pixels near the border are black in *every* training image. In training a weight behind such a pixel is always multiplied by 0, so it is useless.
#
# We train the network, and remove the smallest fifth of its first layer. That is room enough for all of these useless weights.

# %% [markdown]
# **Predict.** How many of the useless weights does this cut *keep*: **A** none, **B** about a fifth, **C** more than half?

# %%
import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import data, models, training

images, labels = data.load("mnist")
test_set = data.load("mnist", "test")


def trained(seed, weight_decay=0):
    torch.manual_seed(seed)
    net = models.LeNet300100()
    params = net.parameters()
    adam = torch.optim.Adam(params, lr=0.003, weight_decay=weight_decay, fused=True)
    fit = {"batch_size": 100, "optimizer": adam, "seed": seed, "progress": False}
    training.fit(net, images, labels, schedule=lambda done: 1 - done, **fit)
    return net


# %% weights_that_training_never_used
net = trained(seed=0)
cut = copy.deepcopy(net)
prune.l1_unstructured(cut.fc1, "weight", amount=0.2)

unlit = (images.amax(0) == 0).flatten()
kept = cut.fc1.weight_mask[:, unlit].mean().item()
print(f"{unlit.sum()} pixels never lit, {kept:.0%} of their weights kept")
print(f"whole network: {training.evaluate(net, *test_set):.1%} of test digits right")

# %% [markdown] tags=["answer"]
# **More than half (C), because training never moved these weights.** They still have the random values with which they began.

# %% [markdown]
# So the cut removed weights that had learned something, and kept most of those that had not. A *score* gives each weight a number, and the lowest go. This lesson has two scores that see more than size. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ### What did training do to them?
#
# The gradient of a weight is its *input* times what comes back from behind. Where the input is 0, the gradient is 0, in every step.

# %% untouched tags=["hide-input"]
# Draws the useless weights, and the two lines between which the cut removes.
show.untouched(net, cut, unlit)

# %% [markdown]
# PyTorch draws the weights of a layer with 784 inputs evenly between $-1/\sqrt{784}$ and $1/\sqrt{784}$, which is ±0.0357 ([[prune_model]]). By hand: suppose that the cut removes all that is smaller than 0.011. Of numbers that are spread evenly from 0 to 0.0357, the part 0.011 / 0.0357 = 0.31 is smaller, and 0.69 are kept.
#
# A *dead* unit gives 0 for each image, so its weights are useless as well.
#
# **Try it.** In the cell that cuts, change `trained(seed=0)` to `trained(seed=0, weight_decay=1e-4)`, and run it again. How many useless weights are kept now? Then change it back, and run it once more.
#
# <details><summary>What others found</summary>
#
# None, and the network reads about as many digits. Weight decay adds a small pull towards 0 to every gradient. Behind a black pixel there is nothing else in the gradient, and Adam makes full steps of it. So what magnitude says about a weight depends on how the network was trained.
#
# </details>

# %% [markdown]
# ## 2. A slope, and a walk
#
# One weight $w$, and the loss $L = (w - 1)^2$. We remove the weight.
#
# | $w$ | $L$ | slope $g = 2(w - 1)$ | guess: $-w \cdot g$ | truth: $L(0) - L$ |
# |---|---|---|---|---|
# | 0.8 | 0.04 | −0.4 | +0.32 | +0.96 |

# %% [markdown]
# What do we lose without a weight? We could try: set it to 0, compute the loss again, and put it back. For the 266,200 weights of our network that takes far too long. So we need a guess.
#
# Think of the loss as a landscape in which you stand. To remove a weight of 0.8 is to walk by 0.8 until the weight is 0. You cannot see the end of the walk from where you are. But you can feel the slope under your feet, which is the gradient. Slope times distance is a first guess of how much higher or lower you will end. The distance to 0 is $-w$, so the guess is $-w \cdot g$.
#
# In the table the guess has the right sign, and is a third of the truth. Where the walk begins the slope is −0.4, and where it ends, at 0, it is −2.
#
# The size of $w \cdot g$ is called the **Taylor score** ([Molchanov et al., 2019](https://arxiv.org/abs/1906.10771), who take its square). One backward pass gives it for all weights. For a whole unit the guesses of its weights are added up, with their signs:


# %%
x, y = images[:1000], labels[:1000]
net.zero_grad()
F.cross_entropy(net(x), y).backward()
w, g = net.fc1.weight.detach(), net.fc1.weight.grad
guess = -(w * g).sum(dim=1)  # a number for each of the 300 units of fc1
truth = show.tried(net, x, y)  # sets a unit's weights to 0, computes the loss, puts them back

# %% [markdown]
# ### Three hundred walks
#
# Three hundred units are few enough to try each alone. A dot is a unit: to the right its guess, upwards its truth.

# %% [markdown]
# **Predict.** Where do most units lie: **A** above the line where guess and truth are equal, **B** on it, **C** below it?

# %% three_hundred_walks tags=["hide-input"]
# Draws the truth over the guess, and over the norm of each unit's row.
units = show.clouds(net, guess, truth, images[:2000])

# %% [markdown] tags=["answer"]
# **Above it (A), because the loss bends upwards on the way, as in the table.**

# %% [markdown]
# The guess is mostly too low. For a ranking that does no harm, as long as the order is right. The **rank correlation** measures this: it is 1 where two lists have the same order, and 0 where there is no relation. The guess, with its sign, ranks the units much as the truth does. The norm of a unit's weights ranks them much worse: it has no sign, and without some units the loss is lower. The Taylor score has no sign, either. It ranks by how *much* the loss changes, up or down.

# %% [markdown]
# ## 3. What a weight is multiplied by
#
# A unit has two weights, 0.5 and 0.3. We look at three samples:
#
# | | $x_1$ | $x_2$ | change without the 0.5 | change without the 0.3 |
# |---|---|---|---|---|
# | sample 1 | 0.2 | 1 | −0.1 | −0.3 |
# | sample 2 | 0 | 1 | 0 | −0.3 |
# | sample 3 | 0.2 | 0 | −0.1 | 0 |
# | sum of squares | 0.08 | 2 | **0.02** | **0.18** |

# %% [markdown]
# The slope needs labels, a loss and a backward pass. For a large model one often has a few texts, and just enough memory to run it forward. So let us ask for less. We no longer try to keep the *loss*, but the *outputs of each layer*.
#
# In the table the larger weight is the cheaper one: without it the squared changes add up to 0.02, without the 0.3 to nine times as much. We need not compute the changes one by one, because $0.5^2 \cdot 0.08 = 0.02$ and $0.3^2 \cdot 2 = 0.18$. The square of a weight, times the sum of the squares of its input, is the squared change of the outputs, summed over the samples. The root of that is the score
#
# $$|w| \cdot \lVert x \rVert$$
#
# with the norm $\lVert x \rVert$ of the input over all samples. It is called **Wanda**, for *weights and activations* ([Sun et al., 2023](https://arxiv.org/abs/2306.11695)). Where all inputs have the same norm, Wanda ranks as magnitude does.


# %%
def wanda(layer, inputs):
    """Each weight's size times the norm of its input; a row of inputs is an image."""
    return layer.weight.detach().abs() * inputs.norm(dim=0)


seen = images[:2000].flatten(1)
by_input = wanda(net.fc1, seen)

# %% [markdown]
# ### Four images of one unit
#
# Wanda's score is $|w| \cdot \lVert x \rVert$. The unit of `fc1` with the largest truth may keep a fifth of its weights.

# %% [markdown]
# **Predict.** Where in the image does magnitude keep weights that Wanda removes: **A** in the middle, **B** at the border, **C** everywhere alike?

# %% four_images tags=["hide-input"]
# Draws the weights of one unit, the norms of its inputs, and what the two scores keep.
show.four_images(net, by_input, seen, unit=int(truth.argmax()))

# %% [markdown] tags=["answer"]
# **At the border (B), because its pixels are hardly ever lit: the norm is small there, and with it the score.**

# %% [markdown]
# Behind a pixel that is never lit the score is 0, so Wanda removes the useless weights of section 1 first. PyTorch prunes by any score that is not negative, if you hand it over as `importance_scores`:

# %%
cut = copy.deepcopy(net)
prune.l1_unstructured(cut.fc1, "weight", amount=0.2, importance_scores=by_input)
print(f"of the useless weights {cut.fc1.weight_mask[:, unlit].mean():.0%} are kept")

# %% [markdown]
# ## 4. Who competes with whom?
#
# Two units with two weights each. Half of the weights stay.
#
# | scores | over the layer | in each row |
# |---|---|---|
# | unit 1: 9, 8 | 9, 8 stay | 9 stays |
# | unit 2: 3, 2 | none | 3 stays |

# %% [markdown]
# A score ranks. *Among which weights* is a second decision, the **comparison group**: the weights of each row, of each layer, or of all layers together. Over the layer unit 2 loses all its weights, and gives the same number for every image. Magnitude does not say which cut is better.
#
# `l1_unstructured` ranks over the layer, and [[prune_model]] ranked over all layers. The authors of Wanda rank in each row. To do that in PyTorch, hand over *ranks*. In each row the lowest score gets 0, the next one 1. Of the ranks (1, 0) and (1, 0) the two smallest are the two zeros, one in each row:

# %% tags=["nbval-check-output"]
scores = torch.tensor([[9.0, 8.0], [3.0, 2.0]])
ranks = scores.argsort(dim=1).argsort(dim=1)
for numbers in (scores, ranks):
    two = nn.Linear(2, 2)
    prune.l1_unstructured(two, "weight", amount=2, importance_scores=numbers)
    print(numbers.tolist(), "-> mask", two.weight_mask.tolist())

# %% [markdown]
# The first `argsort` lists the positions from the lowest score on, and the second says at which place of that list each weight stands. An `amount` that is an integer is a count.

# %% [markdown]
# ## 5. The race
#
# Three networks. `fc1` and `fc2` keep half or 5 % of their weights. Then 100 steps.

# %% [markdown]
# Compare two arms of the race only where one thing differs: the score, or the group. Every arm keeps nearly the same number of weights, and gets the same steps on the same digits. *Slope* is the mean of $(w \cdot g)^2$ over 20 batches, and Wanda looks at the same 2,000 images. Random scores are the control. `fc3` stays whole.

# %% [markdown]
# **Predict.** At 5 % Wanda is well ahead of magnitude, just pruned. After the steps the lead is **A** larger, **B** the same, **C** gone?

# %% the_race tags=["hide-input"]
# Trains two more networks, cuts copies of all three, trains on, and draws how many digits are right.
race = show.Race([net, trained(seed=1), trained(seed=2)], images, labels, test_set)
race.draw()

# %% [markdown] tags=["answer"]
# **Gone (C): these steps bring both to about the same level.**

# %% [markdown]
# Begin with *random* on the left. Where chance does so little harm, no score can win much. On the right the cut is hard. Just pruned, Wanda is ahead of magnitude in the same group.
#
# Now compare the same score in two groups: here a cut over the layer is better than one in each row.
#
# And compare, on the right, the filled dots of *random* with the hollow dots above them. There a random cut with a hundred steps is better than any score without a step. After the steps only *random* is still far behind.
#
# So "which score is best?" is half a question. Add the share that is left, the group, and the steps that follow.

# %% [markdown]
# ## Exercise · Wanda, in each row
# ★★ · 10 minutes
#
# `by_wanda(layer, inputs, left)` returns a copy of `layer`, a `nn.Linear`, with a mask. Each row keeps the share `left` of its weights, rounded: those with the largest $|w| \cdot \lVert x \rVert$. A row of `inputs` belongs to one image.
#
# On paper: rows (0.5, 0.3) and (4, 3), inputs as in section 3, half left. Which weights stay?
#
# <details><summary>Hint</summary>
#
# On paper the 0.3 and the 3 stay. Scores as in section 3, ranks as in section 4, then `prune.l1_unstructured`: its `amount` is the number of rows, times the count that goes in each.
#
# </details>


# %% tags=["exercise"]
def by_wanda(layer, inputs, left):
    """A copy of the layer in which each row keeps this share of its weights, by Wanda."""
    raise NotImplementedError


# %% tags=["check"]
check.by_wanda(by_wanda)


# %% tags=["solution", "hide-cell"]
def by_wanda_solution(layer, inputs, left):
    cut = copy.deepcopy(layer)
    scores = (layer.weight.abs() * inputs.norm(dim=0)).detach()
    ranks = scores.argsort(dim=1).argsort(dim=1)
    rows, columns = scores.shape
    goes = columns - round(left * columns)
    prune.l1_unstructured(cut, "weight", amount=rows * goes, importance_scores=ranks)
    return cut


# %% [markdown]
# Then prune the network that you have trained. The race has a dot for it:
#
#     cut = copy.deepcopy(net)
#     cut.fc1 = by_wanda(net.fc1, seen, 0.05)
#     cut.fc2 = by_wanda(net.fc2, torch.relu(net.fc1(seen)), 0.05)
#     training.evaluate(cut, *test_set)

# %% [markdown]
# ## Remember
#
# - Magnitude sees the weight. Wanda sees its input, too, and needs a forward pass. The slope sees the loss, and needs a backward pass.
# - A score and its comparison group are two decisions: change one at a time, with chance beside them.
# - Without training the score matters where the cut is hard. There, a hundred steps of training did more than any score.

# %% [markdown]
# ## Scorecard
#
# What this lesson claims, beside what your computer measured.

# %% tags=["scorecard"]
claims.show("scores")

# %% [markdown]
# ## Deeper
#
# ### Single costs do not add up
#
# Section 2 removed each unit alone. Now remove half of the units at once, those with the smallest Taylor scores. The first number is the sum of what each of them costs alone.

# %%
lowest = guess.abs().argsort()[:150]
without = copy.deepcopy(net)
with torch.no_grad():
    without.fc1.weight[lowest] = 0
    whole, half = (F.cross_entropy(one(x), y).item() for one in (net, without))
print(f"alone, added up: {truth[lowest].sum():+.3f}   together: {half - whole:+.3f}")

# %% [markdown]
# Together they cost many times as much. Probably units stand in for each other: each can be spared while the others are there. So a good guess for single units is a good sign and no guarantee. One remedy is to remove a part at a time, and to compute the scores anew for what is left.
#
# ### "Wanda beats magnitude"
#
# LLaMA-2 has 7 billion weights, and half of them are removed, without training. The [authors](https://github.com/locuslab/wanda/blob/1317b0ba3fab5cd0491961b41598138466647ebf/README.md) report the perplexity on WikiText, where lower is better:
#
# | whole | Wanda, in each row | magnitude, over the layer |
# |---|---|---|
# | 5.12 | 6.42 | 14.89 |
#
# Whose merit is the difference? Two things differ, the score and the group. To know, one needs the other two cells: magnitude in each row, and Wanda over the layer. Our race has all four, for another network, and half was a harder cut for the language model than for ours.
#
# ### A score that watches the training
#
# Magnitude, slope and Wanda look at a network whose training is over. The *movement score* ([Sanh et al., 2020](https://arxiv.org/abs/2005.07683)) adds up $-w \cdot g$ over the steps of a training. A weight of 0.5 with the gradient −0.2 adds +0.1: the step makes it larger, so it moves away from 0. With the gradient +0.2 it adds −0.1. A small weight that grows can thus beat a large one that shrinks. The authors report that it is better than magnitude where a pretrained language model learns a *new* task and few weights are left. The score has a sign, so `l1_unstructured` must not get it: [[own_method]] shows why.
#
# **Sources.** P. Molchanov et al., *Importance estimation for neural network pruning*, 2019, [arXiv:1906.10771](https://arxiv.org/abs/1906.10771); M. Sun et al., *A simple and effective pruning approach for large language models*, 2023, [arXiv:2306.11695](https://arxiv.org/abs/2306.11695), with [code](https://github.com/locuslab/wanda).
#
# **Recommended video.** Michela Paganini, *Neural Network Pruning for Compression and Understanding*, [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further.** P. Molchanov et al., *Pruning convolutional neural networks for resource efficient inference*, 2017, [arXiv:1611.06440](https://arxiv.org/abs/1611.06440), compares scores with the truth; Y. LeCun et al., *Optimal brain damage*, 1990, looks at the bend of the loss instead. Projects: race the scores in ten rounds; leave the rows of dead units empty; give Wanda's scores to a 2:4 pattern. Next here: [[ticket]].
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

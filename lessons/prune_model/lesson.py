# ---
# jupyter:
#   course:
#     promise: You will prune a whole network, and judge what the cut really cost.
#     seconds: 20
#     needs: [prune_module]
#     goals:
#       - prune a whole model, locally or globally, and print its sparsity layer by layer;
#       - say where one threshold cuts, and when it kills a layer;
#       - judge a cut by a fair comparison after fine-tuning.
#     terms: [fan-in, fine-tuning, "global, local pruning", layer collapse, "one-shot, iterative pruning"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *One share for each layer, or one threshold for all?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, and imports the drawings of this lesson and the scorecard.
import torch

from course_utils import claims, runtime
from lessons.prune_model import show
from lessons.prune_model import tasks as check

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. A twentieth of the weights
#
# In [[prune_module]] we pruned one layer of LeNet. Now let's prune the whole network. It has two convolutions, `conv1` and `conv2`, and three linear layers, `fc1`, `fc2` and `fc3`. Together they hold 59,838 weights, and LeNet classifies 97 % of the test digits correctly.
#
# We set 95 % of all these weights to zero, the smallest ones in absolute value, wherever they are. Then we train the network for 200 more steps, on 25 digits each, while masks keep the zeros at zero.
#
# **Predict.** How many test digits are right just after the cut, and how many after the 200 steps: **A** below 25 %, **B** 25 to 75 %, **C** 75 to 90 %, **D** above 90 %? Guessing gives 10 %.

# %%
import copy

from torch.nn.utils import prune

from course_utils import checkpoints, data, models, training

lenet = checkpoints.load("lenet_mnist")  # comes with the course, already trained
images, labels = data.load("mnist")
test_set = data.load("mnist", "test")


def fine_tune(net):
    training.fit(net, images, labels, steps=200, batch_size=25, lr=0.003, progress=False)


def right(net):  # per cent
    return 100 * training.evaluate(net, *test_set)


def weights(net):
    return [(layer, "weight") for layer in net.children()]


# %% a_twentieth_of_the_weights
cut_globally = copy.deepcopy(lenet)
prune.global_unstructured(weights(cut_globally), prune.L1Unstructured, amount=0.95)
print(f"just cut:        {right(cut_globally):.1f} % right")
fine_tune(cut_globally)
tuned = right(cut_globally)
print(f"after 200 steps: {tuned:.1f} % right")

# %% [markdown] tags=["answer"]
# **Just after the cut 25 to 75 % (B), because each weight that went had added little, but together they're missed. After the 200 steps above 90 % (D), because the 2,992 weights that stay, and the biases, are trained further.**

# %% [markdown]
# `global_unstructured` takes a list of pairs, a layer and the name of its tensor, and one amount for all of them. The biases aren't in the list, so all of them stay. To train a network further after such a change is called **fine-tuning**.
#
# Does it matter *which* twentieth stays, if we fine-tune anyway?
#
# **Try it.** Change `L1Unstructured` to `RandomUnstructured`, and run the cell again. Then change it back, and run it once more.
#
# <details><summary>What others found</summary>
#
# After a random cut the network guesses, and after the 200 steps it's still wrong on most digits.
#
# </details>
#
# So it matters what stays. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Local or global: who loses how much
#
# - **Local** pruning cuts each layer by itself: each loses the share that you set for it, here the same.
# - **Global** pruning, which we've just used, sorts the weights of all layers together. All those below one **threshold** go.
#
# Take a tiny network with two layers, whose weights are [4, −3] and [0.5], and remove one of the three. Locally we ask each layer for a third of its weights. PyTorch rounds: a third of two weights is 0.67, so one weight goes, the −3. A third of one weight is 0.33, so none goes. Globally the smallest of the three goes, which is the 0.5. Now the second layer is empty.
#
# What do the two ways do to LeNet? Let's print the sparsity layer by layer, with the number of weights left.


# %%
def print_sparsity(title, net):
    print(title)
    for name, layer in net.named_children():
        left, size = (layer.weight != 0).sum().item(), layer.weight.numel()
        print(f"{name:5} {1 - left / size:6.1%} {left:7,} left")


# %% local_and_global
cut_locally = copy.deepcopy(lenet)
for layer in cut_locally.children():
    prune.l1_unstructured(layer, "weight", amount=0.95)
print_sparsity("local", cut_locally)
print_sparsity("global", cut_globally)

# %% [markdown]
# Look at `conv1`. It has six filters of nine weights each. Locally only 3 of its 54 weights are left, so at least three of the six filters are empty.
#
# Now compare the two cuts within one layer. Both keep its *largest* weights. So they differ in one thing alone: how many weights each layer may keep.

# %% [markdown]
# ## 3. Where one threshold cuts
#
# One threshold $t$ holds for all layers. So a layer with small weights loses much, and one with large weights little. And how large they are is decided in part before any training.
#
# PyTorch draws a new layer's weights evenly between $-1/\sqrt{f}$ and $1/\sqrt{f}$. Here $f$ is the **fan-in**: how many weights each output sums over. It's 9 in `conv1`, and 400 in `fc1`. A sum of $f$ random terms grows with $\sqrt{f}$ only, because they partly cancel, so dividing by $\sqrt{f}$ makes the sums of all layers about equally large.
#
# Now take a new, untrained LeNet, and cut 20 % globally. To remove so many, the threshold has to be about 0.011.
#
# **Predict.** What share of its weights does `fc1` lose: **A** 5 %, **B** 22 %, **C** 44 %?

# %% where_one_threshold_cuts
new = models.LeNet()
prune.global_unstructured(weights(new), prune.L1Unstructured, amount=0.2)
print_sparsity("new LeNet, 20 % cut globally", new)

# %% [markdown] tags=["answer"]
# **22 % (B), because the range of `fc1` ends at $1/\sqrt{400} = 0.05$, and 0.011 is 22 % of that.** In general a new layer loses about the share $t / (1/\sqrt{f}) = t\sqrt{f}$, as long as the threshold is inside its range.

# %% [markdown]
# In a new LeNet the range decides how much a layer loses. Is that still true after training? The figure shows the magnitudes of 54 weights of each layer, as many as `conv1` has, and the threshold of our 95 % cut.

# %% one_threshold tags=["hide-input"]
# Draws the magnitudes of the trained weights, layer by layer, the range in which they started, and the threshold of the cut.
show.one_threshold(lenet, amount=0.95)

# %% [markdown]
# In part, it seems: the wider a layer's range, the more of it is left. But training has a say, too: it has moved many weights far beyond the range in which they started.

# %% [markdown]
# ## 4. Which cut is better? A fair comparison
#
# Would local pruning have given us as good a network? And what makes the difference: which weights a layer keeps, or how many? A fair answer, with 5 % of the weights left in each cut, needs four things.
#
# 1. **Controls.** Fine-tuning alone repairs part of the damage. So we also keep *random* weights: in one control as many per layer as the local cut, in the other as many as the global cut.
# 2. **The best learning rate for each**, of 0.0003, 0.001, 0.003, 0.01 and 0.03, because one way may need a larger rate than another. It's chosen on 5,000 images that are neither trained nor tested on.
# 3. **Several networks**, here six, because one may be lucky.
# 4. **The same steps for the *dense* network**, the one that isn't pruned, because steps alone change a network.
#
# The table comes from a record of such trainings (`records/prune_model`). Its second column says which weights of a layer stay, and the third from which cut their number is taken.

# %% fair_comparison tags=["hide-input"]
# Shows the record: six networks, each way at a rate of 0.001, and at its best of five rates.
show.fair_comparison()

# %% [markdown]
# Start at the end of the fourth row, with the best rate. There random weights, with the counts of the local cut, read about a quarter of the digits.
#
# From there we can change one thing at a time. If each layer keeps its largest weights, with the same counts, we have the local cut, and it reaches 84 %. If the weights stay random, but with the counts of the global cut, it's 88 %. The global cut does both, and reaches 95 %. **Here, how many weights each layer keeps matters about as much as which ones.** That's probably because all that LeNet sees of an image has to pass through its two convolutions. The local cut leaves them 46 weights, the global one 364.
#
# In the column for the rate 0.001, PyTorch's default for Adam, global pruning is over 40 points ahead of local pruning. With the best rate for each, it's about 11. So most of that lead was due to the rate. At 0.001 the local cut needs more than 200 steps.
#
# Finally, the dense network. Before the steps the six had 97.1 % on average, and at the smallest rate the steps alone cost them 0.2 points. So of the 1.9 points down to the global cut's 95.2 %, 1.7 are the cut's.

# %% [markdown]
# ## 5. When magnitudes mean different things
#
# A threshold compares the weights of different layers, as if magnitude meant the same in each. It needn't. Multiply the weights and biases of `fc1` by 10, and divide the weights of `fc2` by 10. Between the two there's only a ReLU, and ReLU(10 z) = 10 ReLU(z). So the network computes what it did before.
#
# **Predict.** We cut this network globally, more gently than before, to a tenth, and train it for 200 steps. Is it **A** about as good as in section 1, **B** some points worse, or **C** guessing?

# %%
scaled = copy.deepcopy(lenet)
with torch.no_grad():
    scaled.fc1.weight *= 10
    scaled.fc1.bias *= 10
    scaled.fc2.weight /= 10
print(f"scaled: {right(scaled):.1f} % right")

# %% where_one_threshold_kills
collapsed = copy.deepcopy(scaled)
prune.global_unstructured(weights(collapsed), prune.L1Unstructured, amount=0.9)
fine_tune(collapsed)
print_sparsity(f"cut, 200 steps: {right(collapsed):.1f} % right", collapsed)

# %% [markdown] tags=["answer"]
# **Guessing (C), because the threshold rises to 0.87, and in the other four layers even the largest weight, 0.63, is below that.**

# %% [markdown]
# In general, a threshold kills a layer when even the layer's largest weight lies below it. So after any cut, print what is left of *each* layer.
#
# What does an empty layer do in training? In the forward pass it outputs its bias, whatever the input. LeNet has no path around a layer, so from there on all images look the same, and the network can only learn one answer for all of them. The best one is the most frequent digit: about 11 % of the test digits are ones. In the backward pass, the gradient is multiplied by the layer's weights, which are 0, so nothing reaches the layers before it. And the weights themselves stay zero, because masks hold them there. A cut that empties a whole layer is called **layer collapse** ([Tanaka et al., 2020](https://arxiv.org/abs/2006.05467)).
#
# So if you cut globally, protect a part of each layer. `global_unstructured` can rank other numbers than the weights' magnitudes: as `importance_scores` it takes a dict, with a tensor of scores for each pair `(layer, "weight")`. A weight with the score infinity ranks above all others, so it stays. Just don't protect more weights than you want to keep.

# %% [markdown]
# ## Exercise · One threshold, with a floor
# ★★ · 10 minutes
#
# `prune_to(model, sparsity)` returns a copy of `model`, masks on. Each child of `model` is a linear layer or a convolution. Each layer keeps its largest 5 %, rounded up. Of all other weights the smallest go, until the share `sparsity` of all the weights is zero.
#
# On paper: [4, −3] and [0.5], sparsity 1/3. Which weight goes?
#
# <details><summary>Hint</summary>
#
# On paper the −3 goes: 5 % of one weight is rounded up to 1, so the 0.5 stays.
#
# The scores of a layer are the magnitudes of its weights, `layer.weight.detach().abs().flatten()`. `topk` finds the positions of the largest 5 %, where `math.ceil(n / 20)` rounds 5 % of `n` up (after `import math`), and their scores become `torch.inf`. Give the scores the shape of the weight again, put them into a dict with the pairs of the *copy* as keys, and hand it over as `importance_scores=scores`.
#
# </details>


# %% tags=["exercise"]
def prune_to(model, sparsity):
    """A copy of model with this share of its weights at zero, and a part of each layer left."""
    raise NotImplementedError


# %% tags=["check"]
check.prune_to(prune_to)


# %% tags=["solution", "hide-cell"]
def prune_to_solution(model, sparsity):
    net = copy.deepcopy(model)
    scores = {}
    for layer in net.children():
        size = layer.weight.detach().abs().flatten()
        floor = -(-len(size) // 20)  # 5 %, rounded up
        size[size.topk(floor).indices] = torch.inf
        scores[layer, "weight"] = size.view_as(layer.weight)
    prune.global_unstructured(list(scores), prune.L1Unstructured, importance_scores=scores, amount=sparsity)
    return net


# %% [markdown]
# ## Remember
#
# - Local pruning takes from each layer the share that you set. Global pruning takes all that is below one threshold, so the magnitude of a layer's weights decides how much is left of it.
# - Print what is left of each layer: a small layer may starve in a local cut, and a layer emptied by a global cut passes on nothing about the image, and stays empty under its mask.
# - Compare fairly: a random control, the best learning rate for each, several networks, and the same steps for the dense one.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("prune_model")

# %% [markdown]
# ## Deeper
#
# ### The walk of PyTorch's tutorial
#
# PyTorch's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) prunes a LeNet that nobody has trained. It cuts layers by their type, and reads in the list of buffers what it has done, since each mask is a buffer:

# %% tags=["nbval-check-output"]
from torch import nn


class LeNet(nn.Module):
    def __init__(self, kernel_size=3):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size)
        self.conv2 = nn.Conv2d(6, 16, kernel_size)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = torch.relu(self.fc1(x.flatten(1)))
        return self.fc3(torch.relu(self.fc2(x)))


tutorial = LeNet()
for layer in tutorial.children():
    if isinstance(layer, nn.Conv2d):
        prune.l1_unstructured(layer, name="weight", amount=0.2)
    elif isinstance(layer, nn.Linear):
        prune.l1_unstructured(layer, name="weight", amount=0.4)
print([name for name, _ in tutorial.named_buffers()])

# %% [markdown]
# Each layer's weight was pruned, and no bias. Here `children()` is enough, because no layer of LeNet is inside a block. In a model with blocks, loop over `modules()`. Then the tutorial cuts a new LeNet globally by 20 %. Somebody once noted the sparsities that came out, and the row looks like a result about pruning LeNet. Here it stands beside the formula $t\sqrt{f}$ and 100 new networks:

# %% tags=["hide-input"]
# Prunes 100 new LeNets globally by 20 %, and shows their mean beside the formula and the noted row.
show.derived_drawn_noted(LeNet)[0]

# %% [markdown]
# So the noted row says how LeNet starts, and nothing about a trained one. Below lines such as `Sparsity in conv1.weight: 7.41%` the tutorial prints a `Global sparsity` of 20 %. That isn't the mean of the five, which is 12 %, but all zeros over all weights, and `fc1` has four fifths of them.
#
# When the row was noted, the tutorial's windows had 3 × 3 weights, as here. Today they have 5 × 5, for images of 32 × 32 pixels, and `fc1` again gets 16 maps of 5 × 5.
#
# ### One cut or several
#
# One cut to the final amount is called **one-shot** pruning. **Iterative** pruning cuts a part, trains, and cuts again. Each `amount` is a share of what is left. Three cuts that keep the share $k$ each leave $k^3$. For 1 % in the end, $k = 0.01^{1/3} = 0.215$: the network has 100 %, then 21.5 %, 4.6 % and 1 % of its weights.
#
# AlexNet kept a ninth of its weights when it was pruned in rounds, where one cut had allowed a fifth ([Han et al., 2015](https://arxiv.org/abs/1506.02626)). But rounds also train longer. So if you compare, give both the same steps in all, and each its best learning rate.
#
# **Sources.** The cuts by type and over five layers, and the printed sparsity, follow Michela Paganini's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) for PyTorch; its LeNet had [3 × 3 windows earlier](https://github.com/pytorch/tutorials/blob/0a7e68666de5faceafa90276ad2b7874cd32c5e0/intermediate_source/pruning_tutorial.py).
#
# **Recommended video.** Michela Paganini, *Neural Network Pruning for Compression and Understanding*, [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further.** S. Han et al., *Learning both weights and connections for efficient neural networks*, 2015, [arXiv:1506.02626](https://arxiv.org/abs/1506.02626); A. Renda et al., *Comparing rewinding and fine-tuning in neural network pruning*, 2020, [arXiv:2003.02389](https://arxiv.org/abs/2003.02389); D. Blalock et al., *What is the state of neural network pruning?*, 2020, [arXiv:2003.03033](https://arxiv.org/abs/2003.03033). Projects: give each layer its own sparsity by trying which one hurts least; cut globally with a score of your own ([[own_method]]).
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's [*How to Compress a Neural Network*](https://towardsdatascience.com/how-to-compress-a-neural-network-427e8dddcc34). Text CC BY 4.0, code MIT.
#
# **What's still open.** Nineteen of twenty weights are zero, and the network is neither smaller nor faster: from how many zeros on does a file shrink, and a layer gain time ([[zero_worth]])? And what if you remove whole channels, so that no zero is left to be skipped ([[structured]])?

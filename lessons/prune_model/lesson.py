# ---
# jupyter:
#   course:
#     promise: You will prune a whole network, layer by layer or by one threshold, know where a threshold cuts, and judge what the cut really cost.
#     seconds: 60
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

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.prune_model import checks as check
from lessons.prune_model import show

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. A twentieth of the weights
#
# LeNet-300-100 has read 60,000 digits, once. Now 19 of 20 weights become zero, the smallest of the whole network.
#
# Then 200 steps of training follow, on 25 digits each. The masks stay on.
#
# The network has three linear layers, `fc1`, `fc2` and `fc3`, with 300, 100 and 10 outputs. They have 266,200 weights. Guessing gives 10 %.

# %% [markdown]
# **Predict.** How many test digits are right just after the cut, and how many after the 200 steps: **A** below 25 %, **B** 25 to 75 %, **C** 75 to 90 %, **D** above 90 %?

# %%
import copy

import torch
from torch.nn.utils import prune

from course_utils import data, models, training

images, labels = data.load("mnist")
test_set = data.load("mnist", "test")


def fine_tune(net):
    training.fit(net, images, labels, steps=200, batch_size=25, lr=0.0012, progress=False)


def right(net):
    return f"{training.evaluate(net, *test_set):.1%} right"


# %%
dense = models.LeNet300100()
# one pass over the digits, in which the learning rate falls to 0
training.fit(dense, images, labels, batch_size=100, lr=0.003, schedule=lambda t: 1 - t)
print(right(dense))

# %% a_twentieth_of_the_weights
net = copy.deepcopy(dense)
layers = [(layer, "weight") for layer in net.children()]
prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=0.95)
print("just cut:       ", right(net))
fine_tune(net)
print("after 200 steps:", right(net))

# %% [markdown] tags=["answer"]
# **Just after the cut 25 to 75 % (B), after 200 steps more than 90 % (D).** The weights that stay need little training to make up for most of what is missing.

# %% [markdown]
# `global_unstructured` takes a list of pairs, a layer and the name of its tensor, and one amount for all of them. Training a changed network further is called **fine-tuning**. The masks hold the zeros meanwhile ([[prune_module]]).
#
# **Try it.** Change `amount=0.95` to `amount=0.99`, and run the cell again. Then change it back, and run it once more.
#
# <details><summary>What others found</summary>
#
# Just after the cut the network guesses, or does little better. After the 200 steps it reads about half of the digits.
#
# </details>
#
# Which weights were removed, and from which layers? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Local or global
#
# **Local** pruning: each layer loses the share that you name.
#
# **Global** pruning: the weights of all layers are sorted together, and the smallest go.
#
# Two layers: [4, −3] and [0.5]. One of the three weights is to go.

# %% [markdown]
# - **Local**, a third of each: the −3 goes.
# - **Global**, the smallest of all: the 0.5 goes, and the second layer is **empty**.
#
# Locally, a third of the first layer is 0.67 weights, rounded 1, and a third of the second is rounded to 0. Globally the layers compete.
#
# To see what happens in each layer we take the LeNet of [[prune_module]], which has two kinds of layers. Its convolutions have few weights, and use each of them at many places of the image. So people often cut them less. This LeNet is new: nothing has trained it.

# %%
from torch import nn
from torch.nn import functional as F


class LeNet(nn.Module):
    def __init__(self, kernel_size=3):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size)
        self.conv2 = nn.Conv2d(6, 16, kernel_size)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = F.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = torch.relu(self.fc1(x.flatten(1)))
        return self.fc3(torch.relu(self.fc2(x)))


# %% tags=["nbval-check-output"]
lenet = LeNet()
for layer in lenet.children():
    if isinstance(layer, nn.Conv2d):
        prune.l1_unstructured(layer, name="weight", amount=0.2)
    elif isinstance(layer, nn.Linear):
        prune.l1_unstructured(layer, name="weight", amount=0.4)
print([name for name, _ in lenet.named_buffers()])

# %% [markdown]
# Each mask is a buffer, so the buffers show what was pruned: the weights of five layers, and no bias. The **sparsity** of a tensor is the share of its numbers that are zero. A helper of this course counts them:

# %% tags=["nbval-check-output"]
from course_utils.measure.sparsity import sparsity_report


def print_sparsity(net):
    report = sparsity_report(net)
    for row in report.rows:
        if not row.is_bias:
            print(f"Sparsity in {row.name}: {row.sparsity:.2%}")
    print(f"Global sparsity: {report.weights.sparsity:.2%}")


print_sparsity(lenet)

# %% [markdown]
# The last line is not the mean of the five. It is all zeros over all weights, and `fc1` alone has four fifths of the weights. In `conv1` 20 % of 54 weights would be 10.8, and PyTorch rounds to 11.

# %% [markdown]
# ## 3. Where one threshold cuts
#
# PyTorch draws a new layer's weights evenly between $-1/\sqrt{f}$ and $1/\sqrt{f}$. The **fan-in** $f$ is how many weights each output sums over: 9 in `conv1`, 400 in `fc1`.
#
# Global pruning of a new LeNet by 20 % removes all weights nearer to 0 than about 0.011.
#
# Why does a larger fan-in get smaller weights? So that a sum of many terms starts no larger than a sum of few. Draw the range of `fc1` on paper, and mark the threshold.

# %% [markdown]
# **Predict.** Which share does `fc1` lose: **A** 5 %, **B** 22 %, **C** 44 %? And does `conv1` lose more or less?

# %%
lenet = LeNet()
five = [(layer, "weight") for layer in lenet.children()]
prune.global_unstructured(five, pruning_method=prune.L1Unstructured, amount=0.2)

# %% where_one_threshold_cuts
print_sparsity(lenet)

# %% [markdown] tags=["answer"]
# **22 % (B), because 0.011 is 22 % of the range of `fc1`, which ends at $1/\sqrt{400} = 0.05$.** `conv1` loses less: its range ends at 1/3, and 0.011 is only 3 % of that.

# %% [markdown]
# ### One line, five ranges
#
# With one threshold $t$ for all, a new layer loses about the share $t / (1/\sqrt{f}) = t\sqrt{f}$.

# %% five_ranges tags=["hide-input"]
# Draws the range of each layer's weights, and what five thresholds or one cut from it.
show.five_ranges(lenet)

# %% [markdown]
# What looks like a judgement on the importance of layers is a consequence of how they were initialized. Training changes the ranges (*Deeper*), but one thing stays: the layer whose weights are small loses most.

# %% [markdown]
# ## 4. Which cut is better?
#
# Back to digits. Three trained networks are cut, then fine-tuned for 200 steps. **Control:** the same share of each layer, at random.
#
# This control answers a doubt that section 1 left. Perhaps *any* twentieth would do, and fine-tuning does all the work. We train three LeNet-300-100 in place of one, because one may be lucky.

# %% which_cut_is_better tags=["hide-input"]
# Trains three networks, cuts copies in three ways, fine-tunes them, and draws how many digits are right.
races = show.Races(images, labels, test_set)
races.draw()

# %% [markdown]
# With a fifth of the weights left, even random cuts come back to about 90 %. Now compare random with *local*, which takes the same share of each layer. At 10 % left local is well ahead: *which* weights go matters.
#
# At 5 %, with this small learning rate, global pruning is far ahead of both. Does it know which layers matter?

# %% [markdown]
# ### Why does local fall behind?
#
# The smallest layer, `fc3`, has 100 weights for each digit. At 5 % local leaves it five of them on average, and global several times as many.
#
# So spare `fc3`: cut `fc1` and `fc2` locally, a little more, with as many weights left in all.
#
# **Predict.** At 5 % left: how much of the gap to global is gone: **A** a tenth, **B** half, **C** nearly all?

# %% why_does_local_fall_behind tags=["hide-input"]
# Writes what is left of fc3, and how many digits are right, for three ways to cut.
races.fc3_table()

# %% [markdown] tags=["answer"]
# **Nearly all (C): with `fc3` whole, local is about as good as global here.** So the lead of global came from one thin layer.

# %% [markdown]
# In other networks another layer is the thin one: in LeNet it is the first convolution, and a whole `fc3` does not help. So look at each layer before you choose what to spare.

# %% [markdown]
# ### And the dense network?
#
# Is the cut network, trained for 200 steps, better than the dense one? Give the dense one the same steps, first at a constant learning rate, then at one that falls to zero.

# %% and_the_dense_network tags=["hide-input"]
# Writes how many digits both networks get right, before and after 200 steps, at two kinds of rate.
races.dense_table()

# %% [markdown]
# Read the row of the constant rate: with the same steps, the pruned network is ahead. It looks as if pruning improved it. Now read the dense column: these steps made it *worse* than it was. With a falling rate the two are about level.
#
# So a fair comparison needs two things. Both networks get the same steps, because steps alone change a network. And each gets a good learning rate: a bad rate can hurt one network more than the other.

# %% [markdown]
# ## 5. Where one threshold kills
#
# A threshold compares weights of different layers, as if size meant the same in each.
#
# Multiply `fc1`, its bias too, by 10, and divide the weights of `fc2` by 10. ReLU lets the factor through, so the network computes what it did before. With an input of 2:
#
# $$\mathrm{ReLU}(2 \cdot 0.3) \cdot 0.5 = \mathrm{ReLU}(2 \cdot 3) \cdot 0.05 = 0.3$$
#
# In practice a batch norm can hide such a factor: it divides by the spread of a layer's outputs, so the weights before it may have any size.

# %% [markdown]
# **Predict.** Now cut it globally to a tenth, and train for 200 steps. Is it **A** as good as without the factor, **B** some points worse, **C** guessing?

# %%
scaled = copy.deepcopy(dense)
with torch.no_grad():
    scaled.fc1.weight *= 10
    scaled.fc1.bias *= 10
    scaled.fc2.weight /= 10
print("scaled:", right(scaled))

# %%
net = copy.deepcopy(scaled)
layers = [(layer, "weight") for layer in net.children()]
prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=0.9)
fine_tune(net)

# %% where_one_threshold_kills
print("cut, 200 steps:", right(net))
print_sparsity(net)

# %% [markdown] tags=["answer"]
# **Guessing (C), because the threshold lies above the largest weight of `fc2` and of `fc3`.** The factor lifted many weights of `fc1` above all others.

# %% [markdown]
# Why do the 200 steps not help? An empty layer gives its bias, whatever comes in. Then the output is the same for every image. And on the way back a gradient is multiplied by the weights of the layer, which are all 0. So nothing reaches the layers before it, and its own weights stay under their masks. This is called **layer collapse** ([Tanaka et al., 2020](https://arxiv.org/abs/2006.05467)).
#
# A local cut does not notice a common factor: it does not change the order within a layer. So after a global cut print the sparsity of *each* layer.
#
# Also, leave a part of each layer in any case. `global_unstructured` can rank other numbers than the weights: as `importance_scores` it takes a dict, with a tensor for each pair `(layer, "weight")`. A weight whose score is infinity stays.

# %% [markdown]
# ## Exercise · One threshold, with a floor
# ★★ · 10 minutes
#
# `prune_to(model, sparsity)` returns a copy of `model`, masks on. Each child of `model` is a linear layer or a convolution. The share `sparsity` of all their weights is zero, namely the smallest. But each layer keeps its largest 5 %, rounded up.
#
# On paper: [4, −3] and [0.5], sparsity 1/3. Which weight goes?
#
# <details><summary>Hint</summary>
#
# On paper the −3 goes: 5 % of one weight is rounded up to 1, so the 0.5 stays.
#
# The scores of a layer are the absolute values of its weights, in a flat copy. `topk` finds the positions of the largest 5 %, and their scores become `torch.inf`. Give the scores the shape of the weight again, and cut as in section 5, with these scores.
#
# </details>
#
# <details><summary>What others found on the scaled network</summary>
#
# After `net = prune_to(scaled, 0.9)` and `fine_tune(net)` the network reads some 75 to 90 % of the digits, and guesses no longer.
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
# - Local pruning takes the share that you name from each layer; global pruning takes the smallest weights of all, so the size of its weights decides how much a layer loses.
# - After any cut look at each layer: a thin one may starve, and in a chain of layers an empty one lets nothing through and cannot be trained back.
# - Fine-tuning gives back much, after random cuts, too. So keep a control, and give the dense network the same steps at its best setting.

# %% [markdown]
# ## Scorecard
#
# What this lesson claims, beside what your computer measured.

# %% tags=["scorecard"]
claims.show("prune_model")

# %% [markdown]
# ## Deeper
#
# ### New, and trained
#
# The formula $t\sqrt{f}$ beside 100 new networks, and beside the shares that somebody once noted from PyTorch's own [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html), which makes such a cut:

# %% tags=["hide-input"]
# Prunes 100 new LeNets globally by 20 %, and writes their mean beside the formula and the noted row.
show.derived_drawn_noted(LeNet)[0]

# %% [markdown]
# It holds; in so small a layer as `conv1` a few weights more or less are chance. Now cut a trained LeNet by 90 %:

# %%
from course_utils.data import checkpoints

trained = checkpoints.load("lenet_mnist")
five = [(layer, "weight") for layer in trained.children()]
prune.global_unstructured(five, pruning_method=prune.L1Unstructured, amount=0.9)
print_sparsity(trained)

# %% [markdown]
# The formula says that a new `fc1` would be nearly empty. After training it is not, since its weights no longer fill one even range. So with a table of sparsities ask whether the network was trained.
#
# ### One cut or several
#
# One cut to the final amount is called **one-shot** pruning. **Iterative** pruning cuts a part, trains, and cuts again. Each `amount` is a share of what is left. Three cuts that keep the share $k$ each end at $k^3$, and for 1 % in the end $k = 0.01^{1/3} = 0.215$: the network has 100 %, then 21.5 %, 4.6 % and 1 % of its weights.
#
# AlexNet kept a ninth of its weights when it was pruned in rounds, where one cut had allowed a fifth ([Han et al., 2015](https://arxiv.org/abs/1506.02626)). But rounds also train longer. So the table gives both ways the same 200 steps, and two learning rates.

# %% tags=["hide-input"]
# Cuts three networks to 1 %, at once or before steps 1, 41 and 81, and trains for 200 steps at two rates.
races.rounds_table()

# %% [markdown]
# At the smaller rate three cuts are far ahead of one. At the larger rate both do better, and the lead shrinks to a third or so.
#
# ### The other LeNet
#
# PyTorch's tutorial now has windows of 5 × 5 weights, which fit images of 32 × 32 pixels. Why not 28? A 5 × 5 window makes each side 4 pixels shorter, a 3 × 3 window 2, and a pooling halves it. With 5 × 5 windows 32 pixels become 28, 14, 10 and 5. So 16 maps of 5 × 5 are left, the 400 inputs of `fc1`. With 3 × 3 windows 28 pixels become 26, 13, 11 and, rounded down, 5: the same 400. The comment `# 5x5 image dimension`, often copied beside this layer, means these maps, and neither the image nor the window.

# %% tags=["nbval-check-output"]
digit = test_set[0][:1]
larger = F.pad(digit, (2, 2, 2, 2))  # two black pixels on each side: 28 × 28 becomes 32 × 32
print(LeNet(kernel_size=5)(larger).shape)
try:
    LeNet(kernel_size=3)(larger)
except RuntimeError as error:
    print(error)

# %% [markdown]
# With 3 × 3 windows 32 pixels end at 6, which makes 16 · 6 · 6 = 576 inputs, and `fc1` refuses them.
#
# **Sources.** The cuts by type and over five layers, and the printed sparsity, follow Michela Paganini's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) for PyTorch; its LeNet had [3 × 3 windows earlier](https://github.com/pytorch/tutorials/blob/0a7e68666de5faceafa90276ad2b7874cd32c5e0/intermediate_source/pruning_tutorial.py).
#
# **Recommended video.** Michela Paganini, *Neural Network Pruning for Compression and Understanding*, [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further.** S. Han et al., *Learning both weights and connections for efficient neural networks*, 2015, [arXiv:1506.02626](https://arxiv.org/abs/1506.02626); A. Renda et al., *Comparing rewinding and fine-tuning in neural network pruning*, 2020, [arXiv:2003.02389](https://arxiv.org/abs/2003.02389); D. Blalock et al., *What is the state of neural network pruning?*, 2020, [arXiv:2003.03033](https://arxiv.org/abs/2003.03033). Projects: prune in several rounds; give each layer its own sparsity by trying which one hurts least; combine several methods of pruning in one network; cut globally with a score of your own ([[own_method]]). Next here: [[zero_worth]], on what zeros save, and [[structured]].
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's [*How to Compress a Neural Network*](https://towardsdatascience.com/how-to-compress-a-neural-network-427e8dddcc34). Text CC BY 4.0, code MIT.

# ---
# jupyter:
#   course:
#     promise: You will prune one layer with PyTorch, know what it then holds, and work out what the cut saves in the file.
#     seconds: 20
#     needs: []
#     goals:
#       - cut a layer by magnitude with PyTorch, and measure what the cut costs;
#       - say what a pruned layer holds, and why its zeros survive training;
#       - work out what a cut saves in the file.
#     terms: [hook, magnitude pruning, mask, "norm (L1, L2)", pruning, "unstructured, structured"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How many weights of a trained layer can you set to zero before anybody notices?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson and the scorecard.
import torch

from course_utils.scorecard import claims
from lessons.prune_module import checks as check
from lessons.prune_module import show

torch.set_num_threads(1)

# %% [markdown]
# A water meter is to read its own digits. Its chip can store a network of 128 kilobytes. Our network, LeNet, takes 240 kilobytes, nearly twice as much.
#
# LeNet was trained on handwritten digits. It has 60,074 weights and biases of 4 bytes each.
#
# One can take fewer bits for each weight. Here we ask what can be done with fewer *weights*, and try something crude.

# %% [markdown]
# ### Half of a layer goes
#
# Most of LeNet sits in one layer, `fc1`. Its 120 neurons with 400 inputs each have 48,000 weights. We take the half of them that is closest to zero, and set it to zero. Nothing is trained afterwards.
#
# **Predict.** The whole LeNet reads 97.1 % of 10,000 digits correctly. With half of `fc1` at zero, does it read **A** about 50 %, **B** about 90 %, or **C** about 97 %? Think of what a small weight can add to a sum.

# %%
import copy

import torch
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import data
from course_utils.data import checkpoints

lenet = checkpoints.load("lenet_mnist")  # comes with the course, already trained
test_images, test_labels = data.load("mnist", "test")


@torch.no_grad()
def accuracy(net):
    answers = torch.cat([net(batch).argmax(1) for batch in test_images.split(500)])
    return round(100 * (answers == test_labels).float().mean().item(), 2)


# %% half_of_a_layer_goes
net = copy.deepcopy(lenet)
size = net.fc1.weight.abs()
mask = size > size.median()
with torch.no_grad():
    net.fc1.weight *= mask  # times 1 or 0
print("whole:       ", accuracy(lenet))
print("half at zero:", accuracy(net))

# %% [markdown] tags=["answer"]
# **About 97 % (C).** A small weight adds little, and this layer has weights to spare.

# %% [markdown]
# So 24,000 weights are zero. To **prune** a network means to remove weights from it. The **mask** says which: it holds a 1 for each weight that stays, and a 0 for each that is removed.
#
# Will the network fit into the meter, then? In about [[minutes]] minutes you will know, and you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 1. Why small ones are rarely missed
#
# Take one neuron with five weights, and let its inputs all be 1. It adds up $0.9 - 0.1 + 0.4 + 0.05 - 0.7 = 0.55$.
#
# Remove the two smallest weights, −0.1 and 0.05. The sum becomes 0.6, and the error is 0.05. Remove 0.9 and 0.05 instead. The sum becomes −0.4, and the error is 0.95.

# %% five_weights tags=["hide-input"]
# Draws the five weights and their sum: all five, without the smallest two, without 0.9 and 0.05.
show.five_weights()

# %% [markdown]
# A weight $w$ with the input $x$ adds $w \cdot x$ to the sum, and setting $w$ to zero takes just that away. If the inputs are about equally large, the weights of least **magnitude** $|w|$, the size without the sign, are missed least. To remove these is called **magnitude pruning**. Inputs can differ, and a weight of 0.1 behind an input of 100 matters more than a weight of 1 behind 0.1. Even so, half of the weights of AlexNet, a much larger network, could go without loss ([Han et al., 2015](https://arxiv.org/abs/1506.02626)).
#
# **Try it.** Change `>` to `<` in the cell that makes the mask, so that the larger half goes, and run the cell again. Then change it back, and run it once more.
#
# <details><summary>What others found</summary>
#
# LeNet reads only about 55 % of the digits.
#
# </details>

# %% [markdown]
# ## 2. One step of training
#
# The meter's digits are printed, and LeNet was trained on handwritten ones. So somebody will train the pruned network a little more.
#
# **Predict.** We train the half-empty network for a single step. Are the 24,000 zeros still zeros? **A** Yes, because a weight of 0 gets a gradient of 0. **B** No, thousands of them have moved.

# %%
images, labels = data.load("mnist", n=256)  # one batch


def train_one_step(net):
    sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    F.cross_entropy(net(images), labels).backward()
    sgd.step()


# %% one_step_of_training
before = (net.fc1.weight == 0).sum().item()
train_one_step(net)
print(f"zeros before: {before:,}   after: {(net.fc1.weight == 0).sum().item():,}")

# %% [markdown] tags=["answer"]
# **No (B), because a weight of 0 need not have a gradient of 0.** The gradient is the input times the gradient of the sum, and neither of the two has to be 0 where the weight is 0.

# %% [markdown]
# Three weights show what happened. Let them be (0.5, **0**, 2), the second one pruned, with the gradients (0.2, −1, 0.5). With a learning rate of 0.1, SGD subtracts a tenth of each gradient. The weights become (0.48, **0.1**, 1.95). To the optimizer, 0 is a number like any other.
#
# Nearly half of the zeros did stay, most of them in neurons whose ReLU gives 0 for nearly every image, so that nothing came back to their weights.
#
# So a removed weight must be *remembered* as removed. The remedy is to keep the mask, and to multiply by it before every use. Whatever number stands under the mask, the layer computes with 0.

# %% [markdown]
# ## 3. One tensor becomes three
#
# PyTorch can do this for you: it keeps a mask, and multiplies by it before every forward pass.
#
# You choose the function, the module, its parameter's name, and the amount. A float is a fraction, an int is a count.
#
# The function for magnitude pruning is called `l1_unstructured`: *L1*, because for a single weight the L1 norm is the magnitude, and *unstructured*, because it removes single weights, wherever they are. With `importance_scores=…` it ranks by other numbers that you hand over, one for each weight.

# %% one_tensor_becomes_three tags=["nbval-check-output"]
net = copy.deepcopy(lenet)
prune.l1_unstructured(net.fc1, name="weight", amount=0.5)
print("in the file:", list(net.fc1.state_dict()))

# %% tags=["nbval-check-output"]
print("parameters: ", [name for name, _ in net.fc1.named_parameters()])
print("buffers:    ", [name for name, _ in net.fc1.named_buffers()])
print("hooks:      ", [type(h).__name__ for h in net.fc1._forward_pre_hooks.values()])

# %% [markdown]
# The one parameter `weight` has become three tensors.
#
# - **`weight_orig`** holds all 48,000 trained numbers, also the removed ones. It is a *parameter*: the optimizer trains it.
# - **`weight_mask`** holds a 1 or a 0 for each of them. It is a *buffer*: a tensor that is saved with the layer and not trained.
# - **`weight`** is their product, and now an ordinary attribute. It is not in the file.
#
# Who computes the product? A **hook**: a function that PyTorch calls by itself, here just before each forward pass of the layer. The code of `nn.Linear` goes on reading `self.weight`, and notices nothing.

# %% [markdown]
# ### Who reads which of the three
#
# This is `conv1`, small enough to draw.

# %% one_became_three tags=["hide-input"]
# Draws the three tensors of a pruned conv1, and who reads which of them.
show.one_became_three(lenet.conv1)

# %% [markdown]
# Now to the gradient. Where the mask is 0, `weight` stays 0, whatever happens to `weight_orig`. A number that changes nothing has a gradient of exactly 0. Where the mask is 1, the gradient passes through as it is.

# %% [markdown]
# ### A step on paper
#
# The gradient of `weight_orig` is the gradient of `weight`, times the mask.
#
# **Predict.** `weight_orig` is (0.5, 0.3, 2), the mask is (1, 0, 1), and the gradient of `weight` is (0.2, −1, 0.5). SGD takes one step with a learning rate of 0.1. What is `weight_orig` afterwards, and what is `weight`?

# %% [markdown]
# The real layer now takes the same step as in section 2.

# %%
old = net.fc1.weight_orig.detach().clone()
train_one_step(net)
net(images[:1])  # a forward pass, so that the hook computes weight anew
moved = (net.fc1.weight_orig != old)[net.fc1.weight_mask == 0].sum().item()
print(f"zeros: {(net.fc1.weight == 0).sum().item():,}   moved under the mask: {moved}")

# %% [markdown] tags=["answer"]
# **`weight_orig` becomes (0.48, 0.3, 1.95) and `weight` (0.48, 0, 1.95), because the mask turns the gradient −1 into 0.** In `fc1`, too, all the zeros stay, and no number under the mask has moved.

# %% [markdown]
# Weight decay, or momentum from before the cut, can still move a number under the mask. The layer does not notice, because the mask stands in between.
#
# Between a step and the next forward pass, `weight` is out of date. The accidents that come from this fill [[prune_traps]].

# %% [markdown]
# ## 4. How far can we cut?
#
# The meter asks for more than half of `fc1`. So we cut until it hurts, and for comparison we also cut **random** weights.
#
# We start each time from the whole network, because a second cut counts only what is left: 50 % twice leaves a quarter. `prune.random_unstructured` makes the random cuts.


# %%
def after(cut, amount):
    net = copy.deepcopy(lenet)
    cut(net.fc1, name="weight", amount=amount)
    return accuracy(net)


for amount in (0.5, 0.7, 0.9):
    print(f"without the smallest {amount:.0%}: {after(prune.l1_unstructured, amount):.1f} % right")

# %% how_far_can_we_cut tags=["hide-input"]
# Draws the same for seven amounts; random cuts are drawn five times.
right = show.how_far(lenet, test_images, test_labels)

# %% [markdown]
# Random cuts cost more. The line of the smallest weights is flat for a long time, and then it falls off.
#
# We stop before the bend, at 70 %. The test images show what it costs: 0.3 points. In your own work draw the line from images that you do not report on. With some training after the cut one gets further ([[prune_model]]).
#
# This is one layer of one network. Other layers may bear less: draw the line for each.

# %% [markdown]
# ## 5. `remove` removes the mask
#
# When all training is over, one calls `prune.remove(layer, "weight")`.
#
# It multiplies one last time, stores the product as an ordinary parameter `weight`, and deletes `weight_orig`, mask and hook. The zeros stay, and nothing protects them any more.

# %%
import io


def kilobytes(state):
    file = io.BytesIO()
    torch.save(state, file)
    return file.tell() / 1000


# %% [markdown]
# ### Does it fit into the meter?
#
# **Predict.** The file of LeNet takes 244 kB: the numbers, and 4 kB of packaging, such as names. With 70 % of `fc1` masked, is the file **A** less than half as large, **B** as large as before, or **C** larger? And after `remove`?

# %% does_it_fit_into_the
small = copy.deepcopy(lenet)
prune.l1_unstructured(small.fc1, name="weight", amount=0.7)
masked = kilobytes(small.state_dict())
prune.remove(small.fc1, "weight")
removed = kilobytes(small.state_dict())
print(f"masked:       {masked:.0f} kB")
print(f"mask removed: {removed:.0f} kB")
print("buffers:", [*small.fc1.buffers()])

# %% [markdown] tags=["answer"]
# **First larger (C), then as large as before (B), because the masked file holds all the numbers, and a mask for `fc1`.** After `remove` the mask is gone, but a zero takes 4 bytes like any other number.

# %% [markdown]
# After `remove` nothing has become smaller, and nothing faster: the layer multiplies by each zero. Pruning has only *said* what is not needed. Somebody must act on it.

# %% [markdown]
# ### Leave the zeros out
#
# A file need not store the zeros. It needs the weights that are left, and one bit for each position, which says whether a weight is left there. With 70 % of `fc1`, 33,600 weights go, 56 % of the network.

# %% [markdown]
# | what the file holds | bytes |
# |---|---:|
# | 14,400 weights of `fc1`, 4 bytes each | 57,600 |
# | 48,000 bits, 8 to a byte | 6,000 |
# | 12,074 numbers of everything else, 4 bytes each | 48,296 |
# | packaging | about 4,000 |
# | together | about 116,000 |
#
# The positions cost room, too: with 30,000 zeros the numbers would fit, but not their positions.

# %%
import numpy as np

packed = dict(small.state_dict())
weight = packed.pop("fc1.weight")
packed["fc1.values"] = weight[weight != 0]
packed["fc1.bits"] = torch.from_numpy(np.packbits(weight != 0))
print(f"without the zeros: {kilobytes(packed):.0f} kB")

bits = torch.from_numpy(np.unpackbits(packed["fc1.bits"])).view(120, 400)
unpacked = torch.zeros(120, 400)
unpacked[bits == 1] = packed["fc1.values"]
print("the same weights again:", torch.equal(unpacked, weight))

# %% [markdown]
# ### The network fits
#
# Four files of one network, beside what the meter can store.

# %% four_files tags=["hide-input"]
# Draws the four files beside the meter's line.
files = {"LeNet": kilobytes(lenet.state_dict()), "masked": masked, "mask removed": removed}
files["zeros left out"] = kilobytes(packed)
show.four_files(files)

# %% [markdown]
# Our network is no faster yet. Which zeros save time is asked in [[zero_worth]]; whole neurons are removed in [[structured]]; [[deep_compression]] joins fewer weights and fewer bits in one file.

# %% [markdown]
# ## Exercise · Cut to a budget
# ★★ · 10 minutes
#
# The file takes 4 bytes for each parameter left, biases too, and ⅛ for each position of the pruned layer. What fits into `budget` bytes whole is not cut, and stores no positions.
#
# On paper: weights (−3, 1), one bias. What goes for 9 bytes, for 12?
#
# `fit(model, name, budget)` returns a copy, its layer `name` pruned by magnitude as little as possible, its mask on. Every budget can be met. For LeNet, `"fc1"` and 124,000, 30,574 go.
#
# <details><summary>Hint</summary>
#
# On paper: three numbers take 12 bytes, so none goes for 12. For 9 the 1 goes: two numbers and two positions take 8.25. And 124,000 leaves the meter 4,000 for packaging.
#
# `model.get_submodule(name)` finds the layer. How many numbers fit beside the positions, and how many are too many? An int as `amount` is a count; `//` on floats gives a float.
#
# </details>


# %% tags=["exercise"]
def fit(model, name, budget):
    """A copy of model, its layer cut so that it fits into budget bytes."""
    raise NotImplementedError


# %% tags=["check"]
check.fit(fit)


# %% tags=["solution", "hide-cell"]
def fit_solution(model, name, budget):
    net = copy.deepcopy(model)
    layer = net.get_submodule(name)
    numbers = sum(p.numel() for p in net.parameters())
    fitting = int((budget - layer.weight.numel() / 8) // 4)
    too_many = 0 if 4 * numbers <= budget else numbers - fitting
    prune.l1_unstructured(layer, name="weight", amount=too_many)
    return net


# %% [markdown]
# ## Remember
#
# - Our largest layer lost 70 % of its weights, the smallest ones, and LeNet about three digits in a thousand; in training a mask keeps them at zero: `weight = weight_orig * weight_mask`.
# - A masked entry gets a gradient of exactly 0, and `weight_orig` keeps a number for it until `prune.remove` throws it away.
# - Zeros save nothing until somebody leaves them out: with masks the meter's file became 1.8 times as large, and without the zeros it takes less than half, and fits.

# %% [markdown]
# ## Scorecard
#
# What the lesson claims, and what your run measured.

# %% tags=["scorecard"]
claims.show("prune_module")

# %% [markdown]
# ## Deeper
#
# ### Whole slices, and the norm that ranks them
#
# `prune.ln_structured(conv, "weight", amount=0.5, n=2, dim=0)` removes whole **filters**, each of them all the weights of one output channel. This is *structured* pruning, and `prune.random_structured` does it by chance. `ln_structured` ranks the filters by a **norm**, one number for the size of several weights: L1 adds the magnitudes, L2 is the root of the sum of squares. The choice can matter. Take two filters, $(3, 0, 0, 0)$ and $(1, 1, 1, 1)$. By L1 they measure 3 and 4, so the first one goes. By L2 they measure 3 and 2, so the second one goes. Neither norm was derived from what we want, a small loss. Ranking by a norm is a **heuristic**: a rule that often works, without a guarantee.
#
# ### A small weight behind a large input
#
# In $y = 0.1 \cdot x_1 + 1 \cdot x_2$, let $x_1 = 100$ and $x_2 = 0.1$. Then the smaller weight makes 99 % of $y$, and magnitude pruning would remove it. A better-informed score multiplies each magnitude by `rms`, the root mean square of its input over some images ([Sun et al., 2023](https://arxiv.org/abs/2306.11695), for language models). Give it scores that are not negative:
#
# `prune.l1_unstructured(fc1, "weight", amount=0.9, importance_scores=fc1.weight.abs() * rms)`
#
# Is it better here? Which one wins differs from training to training. So try a score on your own network, in more than one training, before you believe it. Several are compared in [[scores]].
#
# ### The walk of PyTorch's tutorial
#
# [PyTorch's tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) prunes the first convolution of a LeNet. Let us walk a similar way with our trained `conv1`, 6 filters of 3 × 3 weights. First we remove the smallest half of the 54, and look at the first filter before and after.

# %% tags=["nbval-check-output"]
conv1 = copy.deepcopy(lenet.conv1)
print(conv1.weight[0, 0].detach())
prune.l1_unstructured(conv1, name="weight", amount=0.5)
print(conv1.weight[0, 0].detach())

# %% [markdown]
# The call ranks all 54 weights together, so this one filter need not lose half of its nine. Where a negative weight went stands `-0.0000`: a negative number times 0 is the float −0. It equals 0, and our counts include it.
#
# Now 30 % of the weights of a fresh `conv1` at random, and the three smallest of its 6 biases. A bias is a parameter like another; an int is a count.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
conv1 = copy.deepcopy(lenet.conv1)
prune.random_unstructured(conv1, name="weight", amount=0.3)
print("weights removed:", (conv1.weight_mask == 0).sum().item(), "of", conv1.weight_mask.numel())
for run in ("once", "twice"):
    prune.l1_unstructured(conv1, name="bias", amount=3)
    print(f"bias cut {run}: mask {conv1.bias_mask.tolist()}")

# %% [markdown]
# 30 % of 54 is 16.2, and PyTorch rounds. The loop does what happens to everybody in a notebook: the cell of the bias is run twice. The second run counts three more, of those that are left, and the mask is all zeros. `prune` has no undo function: start from a fresh copy, as we did.

# %% [markdown]
# **Sources.** S. Han et al., *Learning both weights and connections for efficient neural networks*, 2015, [arXiv:1506.02626](https://arxiv.org/abs/1506.02626); M. Sun et al., *A simple and effective pruning approach for large language models*, 2023, [arXiv:2306.11695](https://arxiv.org/abs/2306.11695).
#
# **Recommended videos.** Michela Paganini, the author of the module: *Neural Network Pruning for Compression and Understanding*, [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54), and *PyTorch Pruning: How it's Made*, [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw). They help, and do not replace the lesson.
#
# **Going further.** D. Blalock et al., *What is the state of neural network pruning?*, 2020, [arXiv:2003.03033](https://arxiv.org/abs/2003.03033), on why the results of many papers cannot be compared. A project: draw the line of section 4 for every layer.
#
# **Credits.** The walk follows Michela Paganini's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html); the idea of this course in one lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# ---
# jupyter:
#   course:
#     promise: You will prune one layer with PyTorch, and work out what that saves in the file.
#     seconds: 20
#     needs: []
#     goals:
#       - cut a layer by magnitude with PyTorch, and measure what the cut costs;
#       - say what a pruned layer holds, and why its zeros survive training;
#       - work out what a cut saves in the file.
#     terms: [hook, magnitude pruning, mask, "norm (L1, L2)", pruning, sparsity, "unstructured, structured"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How many weights of a trained layer can you set to zero before anybody notices?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import claims
from lessons.prune_module import show
from lessons.prune_module import tasks as check

torch.set_num_threads(1)

# %% [markdown]
# ## 1. Half of a layer goes
#
# We want a water meter to read its own dial. Our network for this is LeNet, the small CNN of [[integers]], trained on handwritten digits. It has 60,074 weights and biases of 4 bytes each, 240 kilobytes in all. But the meter's chip can store only 128 kilobytes.
#
# Could LeNet get by with fewer weights? Most of them sit in one layer, `fc1`: 120 neurons with 400 inputs each have 48,000 weights. Let's do something crude: we set half of them to zero, the half that is closest to zero already, and train nothing afterwards.
#
# **Predict.** LeNet reads about 97 % of unseen digits correctly. With half of `fc1` at zero, does it still read **A** about 50 %, **B** about 90 %, or **C** about 97 %?

# %%
import copy

import torch

from course_utils import checkpoints, data, training

lenet = checkpoints.load("lenet_mnist")  # comes with the course, trained on the first 12,000 images
images, labels = data.load("mnist")
unseen = images[-10_000:], labels[-10_000:]

# %% half_of_a_layer_goes
halved = copy.deepcopy(lenet)
size = halved.fc1.weight.abs()
mask = size > size.median()
with torch.no_grad():
    halved.fc1.weight *= mask  # times 1 or 0
print(f"whole:        {training.evaluate(lenet, *unseen):.1%} right")
print(f"half at zero: {training.evaluate(halved, *unseen):.1%} right")

# %% [markdown] tags=["answer"]
# **About 97 % (C), because the smallest weights add very little to the sums of their neurons.** Section 2 finds a second reason.

# %% [markdown]
# Removing weights from a network is called **pruning**. A **mask** records which ones go: it holds a 1 for each weight that stays, and a 0 for each one that's removed. Let's count the zeros in each tensor of the network. The share of zeros is called its **sparsity**:

# %% zeros
from course_utils.sparsity import sparsity_report

sparsity_report(halved)

# %% [markdown]
# 24,000 weights are zero, 40 % of the network. Does it fit into the meter now? In about an hour you'll know, and you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ### Why the smallest weights cost least
#
# Take one neuron with four weights, (0.9, −0.1, 0.7, −0.2), and let all its inputs be 1. Its sum is 0.9 − 0.1 + 0.7 − 0.2 = 1.3.
#
# Now remove the two smallest weights, −0.1 and −0.2. The sum becomes 1.6, so the error is 0.3. Remove the two largest instead, 0.9 and 0.7, and the sum becomes −0.3, so the error is 1.6.
#
# A weight $w$ with the input $x$ adds $w \cdot x$ to the sum, and setting $w$ to zero takes just that away. So if the inputs are about equally large, the weight you'll miss least is the one with the smallest **magnitude** $|w|$, its size without the sign. Removing the smallest weights first is called **magnitude pruning**.
#
# It's a rule of thumb, because it never looks at the inputs, and a small weight with a huge input matters a lot. So let's test the rule in `fc1`, where the inputs do differ. On unseen digits, we measure how much its neurons' sums change, as a share of their size, both as a root mean square:

# %% change_of_sums tags=["hide-input"]
# Compares the sums of fc1 on unseen digits before and after removing a half: the smaller one, and one drawn at random.
smaller, random = show.change_of_sums(lenet, mask, unseen[0])
print(f"without the smaller half, the sums change by {smaller:.0%} of their size")
print(f"without a random half,    the sums change by {random:.0%}")

# %% [markdown]
# So the rule holds here: the magnitudes of the smaller half add up to only a fifth of the total.
#
# **Try it.** Change `>` to `<` in the cell that makes the mask, so that the larger half goes, and run that cell again. Then change it back, and run it once more.
#
# <details><summary>What others found</summary>
#
# LeNet reads little more than half of the digits.
#
# </details>

# %% [markdown]
# ## 2. What training does to the zeros
#
# A pruned network is usually trained a little more, to win back what the cut has cost.
#
# **Predict.** We train the half-empty network for one step of SGD, on 256 images. Are its 24,000 zeros still zeros? **A** Yes, because a weight of 0 gets a gradient of 0. **B** No, thousands of them have moved.


# %%
def train_one_step(net):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    torch.nn.functional.cross_entropy(net(images[:256]), labels[:256]).backward()
    optimizer.step()


# %% one_step_of_training
train_one_step(halved)
print(f"zeros after one step: {sparsity_report(halved)['fc1.weight'].zeros:,}")

# %% [markdown] tags=["answer"]
# **No (B), because the gradient of a weight is its input times the gradient of its neuron's sum, added up over the images, and neither factor has to be 0 where the weight is 0.** To the optimizer, 0 is a number like any other.

# %% [markdown]
# And the zeros that did stay? Nearly all are in **silent** neurons: their ReLU gave 0 for each of the 256 images, so no gradient came back. A third of the 120 neurons are silent, and nobody would miss *any* of their weights. That's the second reason why half of the layer could go: nearly half of what went was in silent neurons.
#
# Let's follow the step in our neuron. After the cut its weights are (0.9, 0, 0.7, 0), and its inputs are all 1. Suppose that the gradient of the sum is −1, which means that the loss would fall if the sum rose. Each of the four weights has the input 1, so its gradient is 1 · (−1) = −1. SGD with a learning rate of 0.1 subtracts 0.1 · (−1), so the weights become (1.0, **0.1**, 0.8, **0.1**).
#
# So a removed weight has to be *remembered* as removed: we keep the mask, and multiply by it before each use.

# %% [markdown]
# ### One tensor becomes three
#
# PyTorch keeps the mask for you. You name the layer, its parameter, and the amount: a float is a fraction, and an int is a number of weights. The function for magnitude pruning is called `l1_unstructured`: *L1*, because the L1 norm of a single weight is its magnitude, and *unstructured*, because it removes single weights, wherever they are.

# %% one_tensor_becomes_three tags=["nbval-check-output"]
from torch.nn.utils import prune

net = copy.deepcopy(lenet)
prune.l1_unstructured(net.fc1, name="weight", amount=0.5)
print("parameters: ", [name for name, _ in net.fc1.named_parameters()])
print("buffers:    ", [name for name, _ in net.fc1.named_buffers()])
print("in the file:", list(net.fc1.state_dict()))
print("hooks:      ", [type(h).__name__ for h in net.fc1._forward_pre_hooks.values()])

# %% [markdown]
# The one parameter `weight` has become three tensors:
#
# - **`weight_orig`** holds all the trained numbers, including the removed ones. It's a *parameter*: the optimizer trains it.
# - **`weight_mask`** holds a 1 or a 0 for each of them. It's a *buffer*: a tensor that is saved with the layer, but not trained.
# - **`weight`** is their product. It's now a plain attribute of the layer, so it isn't in the file.
#
# Who computes the product? A **hook**, a function that PyTorch calls by itself, here before each forward pass of the layer. Here's our neuron, pruned by half. The arrows show where each tensor is used:

# %% one_became_three tags=["hide-input"]
# Draws the three tensors of the pruned neuron, and who reads which of them.
show.one_became_three()

# %% [markdown]
# ### The same step with a mask
#
# In our neuron, the gradient of `weight` is (−1, −1, −1, −1), as before. But the optimizer trains `weight_orig`, and since `weight` is `weight_orig` times the mask, the chain rule multiplies the gradient by the mask: (−1, 0, −1, 0).
#
# SGD adds 0.1 to the first and third, so `weight_orig` becomes (1.0, −0.1, 0.8, −0.2). Before the next forward pass the hook multiplies again, and `weight` becomes (1.0, 0, 0.8, 0). Both zeros have stayed. Does the real layer keep its zeros, too?

# %% the_same_step_with_a_mask
train_one_step(net)
print(f"zeros after one step: {sparsity_report(net)['fc1.weight'].zeros:,}")

# %% [markdown]
# All 24,000 have stayed. For a masked layer, the report counts the zeros of `weight_orig` times the mask, which is what the next forward pass will use. No optimizer can change these, because any number times 0 is 0. So train with the masks on.

# %% [markdown]
# ## 3. How far can we cut?
#
# Half of `fc1` cost next to nothing, so let's cut more, and again train nothing afterwards ([[prune_model]] does). We also cut as many **random** weights, to see whether it matters which ones go.

# %% how_far_can_we_cut tags=["hide-input"]
# Measures both kinds of cuts for seven amounts, and draws them; each random cut is drawn six times.
right = show.how_far(lenet, *unseen)

# %% [markdown]
# Random cuts cost more, and from 70 % on much more. A part of magnitude's lead comes from the silent neurons: most of their weights are small, so they go first.
#
# Say that we may lose half a point. By the numbers behind the figure, 70 % costs about 0.2 points and 80 % about 0.7, so we take 70 %. But since we've chosen it by these images, let's measure it again on the test images, which had no part in the choice:

# %% on_test_images
small = copy.deepcopy(lenet)
prune.l1_unstructured(small.fc1, name="weight", amount=0.7)
for name, one in {"whole": lenet, "without 70 % of fc1": small}.items():
    print(f"{name}: {training.evaluate(one, *data.load('mnist', 'test')):.2%} right")

# %% [markdown]
# ## 4. What the cut saves in the file
#
# When all training is over, call `prune.remove(layer, "weight")`. It multiplies one last time, stores the product as an ordinary parameter `weight`, and deletes `weight_orig`, the mask and the hook. The zeros stay, but nothing protects them now.

# %% [markdown]
# ### Does it fit into the meter?
#
# LeNet's file takes 244 kB: 240 kB for the numbers, and 4 kB of packaging, such as names.
#
# **Predict.** With 70 % of `fc1` masked, is the file **A** larger, **B** as large as before, or **C** less than half as large? And after `remove`?

# %% does_it_fit_into_the
from course_utils.sizes import size_report

small = copy.deepcopy(lenet)
prune.l1_unstructured(small.fc1, name="weight", amount=0.7)
masked = size_report(small).file_bytes / 1000
prune.remove(small.fc1, "weight")
removed = size_report(small).file_bytes / 1000
print(f"masked: {masked:.0f} kB   mask removed: {removed:.0f} kB")

# %% [markdown] tags=["answer"]
# **First larger (A), then as large as before (B), because the masked file holds all the numbers plus a mask for `fc1`, whose ones and zeros take 4 bytes each.** After `remove` the mask is gone, but a zero takes 4 bytes, like any other number.

# %% [markdown]
# And the time? The network is no faster, because the layer multiplies by each zero ([[zero_worth]]).

# %% [markdown]
# ### A file of our own
#
# Take the four weights of our neuron, (0.9, 0, 0.7, 0). It's enough to store 0.9 and 0.7, and the bits 1, 0, 1, 0, which say at which positions these two belong. That's 2 · 4 bytes and 4 bits, 8.5 bytes in place of 16.
#
# Of `fc1`, 30 % are left, 14,400 weights, and everything else in LeNet is 60,074 − 48,000 = 12,074 numbers.
#
# | what the file holds | bytes |
# |---|---:|
# | 14,400 weights of `fc1`, 4 bytes each | 57,600 |
# | 48,000 bits, 8 to a byte | 6,000 |
# | 12,074 other numbers, 4 bytes each | 48,296 |
# | packaging | about 4,000 |
# | together | about 116,000 |
#
# The meter stores 128,000 bytes, so such a file should fit. Let's write one, and read it back.

# %% four_files tags=["hide-input"]
# Writes a file without the zeros, reads the weights back, and draws the four files beside what the meter can store.
packed = show.without_zeros(small)
files = {"LeNet": size_report(lenet).file_bytes / 1000, "masked": masked, "mask removed": removed}
files["zeros left out"] = show.kilobytes(packed)
print("read back, the weights are the same:", torch.equal(show.read_back(packed), small.fc1.weight))
print(f"without the zeros: {files['zeros left out']:.0f} kB")
show.four_files(files)

# %% [markdown]
# In memory the weights take 240 kB again, because LeNet computes with all of them.

# %% [markdown]
# ## Exercise · Cut to a budget
# ★★ · 10 minutes
#
# `fit(model, name, budget)` returns a copy of `model` whose layer `name` has lost its smallest weights, as few as possible, so that a file without the zeros fits into `budget` bytes. The file takes 4 bytes for each weight or bias left, and one bit for each position of that layer. The copy will be trained further, and its zeros must stay.
#
# <details><summary>Hint</summary>
#
# By hand: a layer has four weights and one bias, and the budget is 16 bytes. With one weight gone, four numbers take 16 bytes, and there's no room for half a byte of positions. So two must go.
#
# How many numbers fit beside the positions, and how many are there in the model? `model.get_submodule(name)` finds the layer. Remember that PyTorch takes an `amount` that is a float for a fraction.
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
    left = int((budget - layer.weight.numel() / 8) // 4)
    prune.l1_unstructured(layer, name="weight", amount=numbers - left)
    return net


# %% [markdown]
# ## Remember
#
# - Magnitude pruning sets the smallest weights to zero, because as a rule they add least to a neuron's sum. Our LeNet's largest layer, a third of whose neurons are silent, lost 70 % of its weights at a cost of about three digits in a thousand, without any training afterwards.
# - A pruned layer computes with `weight_orig * weight_mask`, so a removed weight stays 0 whatever the optimizer does, while plain zeros move with the next step.
# - Neither the mask nor `prune.remove` makes PyTorch's file smaller. It shrinks when the zeros are left out, for instance with one bit for each position.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("prune_module")

# %% [markdown]
# ## Deeper
#
# ### A score that looks at the inputs
#
# In $y = 0.1 \cdot x_1 + 1 \cdot x_2$, let $x_1$ be 100 and $x_2$ be 0.1. Then the smaller weight makes 99 % of $y$, and magnitude pruning would remove it. A better-informed score multiplies each magnitude by `rms`, the root mean square of its input over some images ([Sun et al., 2023](https://arxiv.org/abs/2306.11695), for language models). PyTorch ranks by any scores that you pass, as long as they aren't negative:
#
# `prune.l1_unstructured(fc1, "weight", amount=0.9, importance_scores=fc1.weight.abs() * rms)`
#
# Several scores are compared in [[scores]].
#
# ### Whole slices, and the norm that ranks them
#
# `prune.ln_structured(conv, "weight", amount=0.5, n=2, dim=0)` removes whole **filters**, each of them all the weights of one output channel. This is *structured* pruning. It ranks the filters by a **norm**, one number for the size of several weights: L1 adds the magnitudes, and L2 is the root of the sum of the squares. Neither norm was derived from what we want, a small loss. So ranking by a norm is a **heuristic**, a rule without a guarantee.
#
# ### What PyTorch's tutorial shows
#
# [PyTorch's tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) prunes the first convolution of a LeNet. Let's do so with our trained `conv1`, which has 6 filters of 3 × 3 weights, and look at the first filter before and after we remove the smallest half of the 54.

# %% tags=["nbval-check-output"]
conv1 = copy.deepcopy(lenet.conv1)
print(conv1.weight[0, 0].detach())
prune.l1_unstructured(conv1, name="weight", amount=0.5)
print(conv1.weight[0, 0].detach())

# %% [markdown]
# Where a negative weight was, you see `-0.0000`: a negative number times 0 is the float −0. It equals 0, and our counts include it.
#
# Next we remove 30 % of the weights at random, and the three smallest of the 6 biases.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
conv1 = copy.deepcopy(lenet.conv1)
prune.random_unstructured(conv1, name="weight", amount=0.3)
print("weights removed:", (conv1.weight_mask == 0).sum().item(), "of", conv1.weight_mask.numel())
for run in ("once", "twice"):
    prune.l1_unstructured(conv1, name="bias", amount=3)
    print(f"bias cut {run}: mask {conv1.bias_mask.tolist()}")

# %% [markdown]
# 30 % of 54 is 16.2, and PyTorch rounds. And the loop imitates a slip that's easy to make in a notebook: a cell is run twice. The second run removes three more biases, and the mask is all zeros. `prune` has no function that undoes a cut, so start from a fresh copy.

# %% [markdown]
# **Sources.** S. Han et al., *Learning both weights and connections for efficient neural networks*, 2015, [arXiv:1506.02626](https://arxiv.org/abs/1506.02626); M. Sun et al., *A simple and effective pruning approach for large language models*, 2023, [arXiv:2306.11695](https://arxiv.org/abs/2306.11695).
#
# **Recommended videos.** Michela Paganini, the author of the module: *Neural Network Pruning for Compression and Understanding*, [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54), and *PyTorch Pruning: How it's Made*, [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw).
#
# **Going further.** D. Blalock et al., *What is the state of neural network pruning?*, 2020, [arXiv:2003.03033](https://arxiv.org/abs/2003.03033). A project: draw the line of section 3 for every layer.
#
# **Credits.** The last part of *Deeper* follows Michela Paganini's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html); the idea of this course in one lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** Somebody sends you a masked file, and a line of code from the web loads it without an error. Is that enough ([[prune_traps]])? And if you cut all layers and not just one, which of them should lose most ([[prune_model]])?

# ---
# jupyter:
#   course:
#     promise: You will prune one layer with PyTorch, know every tensor that this adds, and measure what a cut costs.
#     seconds: 25
#     needs: [measuring, energy]
#     goals:
#       - Prune a tensor by hand and with PyTorch, and predict what the module holds afterwards.
#       - Write the forward pass and the gradient of a masked layer as formulas, and check them to the last digit.
#       - Say what a norm does not look at, and try a score that looks at it.
#       - Build the control that tells why a method works.
#     terms: [hook, magnitude pruning, mask, "norm (L1, L2)", over-parametrized, pruning, silent neuron, "unstructured, structured"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *How many weights of a trained layer can you set to zero before anybody notices?*
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
# *For the lecturer, 1 min.* Say: "A layer has 48,000 trained weights. How many may I set to zero, without any further training, before you see it in the
# accuracy?" Write three answers on the board; they are needed again at the end. Then tell the story of the page: "A water meter is to read its own digits. Its chip has
# 128 kilobytes for a network, and ours takes 240. Can a part of its weights be left out?" Section 4 comes back to the meter.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy

import torch
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import data, models, runtime, training
from course_utils.data import checkpoints
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims
from lessons.prune_module import checks as check
from lessons.prune_module import show

runtime.seed_all(0)
torch.set_num_threads(1)  # training takes more
device = runtime.best_device()
print("One LeNet is trained on the device below. Everything else is small and runs on its CPU.")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "skip"}
# A water meter is to read its own digits. Its chip has 128 kilobytes for a network, and our LeNet, a small network of convolutions and linear layers, has 60,074 weights and biases of 4 bytes: 240 kilobytes. That is 28,000 numbers too many. We could train a smaller network. Or we could ask whether this one, which is trained already, needs all its weights.
#
# To **prune** a network means to remove weights, or whole neurons, from it. A weight that is gone need neither be kept, nor read, nor multiplied; and [[energy]] showed that reading the weights is most of the bill. So if 28,000 weights could be left out, the network would fit. This lesson removes weights from one layer. It shows what such a cut costs, what PyTorch does to the layer, which weights to choose, and at its end whether the network fits into the water meter.
#
# A smaller network is not the only reason to prune. Research cuts networks in order to understand them. [PyTorch's own tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) on pruning names two such uses, among others. The first compares how two kinds of networks learn, their **learning dynamics**. One kind has more parameters than it needs (*over-parametrized*), and the other has too few (*under-parametrized*). Does the large network learn something that the small one cannot, or does it only learn more easily? The second takes pruning as a way to search for an **architecture**: in place of building many small networks and training each, one trains a large one and removes what it does not need. Whether a network that was found in this way is worth more than any other of its size is the question of [[ticket]].

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. A first cut
#
# LeNet has learned to read digits from 12,000 images of MNIST. Its layer `fc1` holds 48,000 weights, four fifths of the network.
#
# We set a part of them to zero: those of **least magnitude** $|w|$, or **random** ones. Nothing is trained afterwards.
#
# **Predict.** How far can you cut the smallest weights before more than one point of accuracy is lost? That comes at: **A** 30 % or less, **B** 50 %,
# **C** 70 %, **D** 80 % or more. And with random ones?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two shows of hands, first for the smallest, then for random ones; write both on the board. In five
# trainings the answer was D for the smallest, and B or C for random ones: read it off the line under the figure, which names the first of the tried amounts that costs more than a point. The dashed line is a mean over 5 draws, and the band beside it their span.
# Draw why: one neuron whose inputs are all 1, 0.9 − 0.1 + 0.4 + 0.05 − 0.7 = 0.55. Strike out −0.1 and 0.05: 0.6. Strike out 0.9 and 0.05 in their place: −0.4. To "and if we train afterwards?" say: one gets further; the lesson after next does it. Say: "So this layer can lose half of its weights.
# And it matters *which* half." Transition: "What is left of that half when you train on?"

# %% [markdown] slideshow={"slide_type": "skip"}
# The trained LeNet comes with the course. It saw the 12,000 images four times, with Adam and a learning rate of 0.002. Loading it saves about 8 s of training; `python course.py checkpoints lenet_mnist` trains it again.

# %% slideshow={"slide_type": "skip"}
images, labels = data.load("mnist", n=12_000)
test_images, test_labels = data.load("mnist", "test")
lenet = checkpoints.load("lenet_mnist")
bench = show.Bench(lenet, test_images, test_labels)  # evaluates copies whose fc1 was cut

# %% [markdown] slideshow={"slide_type": "skip"}
# The cut by magnitude needs four lines. Sort the magnitudes, take the one at half of the 48,000 as the threshold, and keep the weights above it. The **mask** holds a 1 for each weight that stays and a 0 for each that is removed. (Where several weights have exactly the size of the threshold, all of them are removed. PyTorch's functions count instead, and remove exactly as many as they were asked to.)

# %% slideshow={"slide_type": "skip"}
net = copy.deepcopy(lenet)  # lenet itself stays whole
threshold = net.fc1.weight.abs().flatten().sort().values[24_000 - 1]
mask = (net.fc1.weight.abs() > threshold).float()
with torch.no_grad():
    net.fc1.weight *= mask
print(f"{int((net.fc1.weight == 0).sum()):,} of {net.fc1.weight.numel():,} weights are 0")

# %% [markdown] slideshow={"slide_type": "skip"}
# PyTorch has functions for that, which section 3 explains. The next cell tries seven amounts, from nothing to 95 %. The random cuts are drawn five times, because one draw can be lucky.


# %% slideshow={"slide_type": "skip"}
def by_magnitude(fc1, part):
    prune.l1_unstructured(fc1, "weight", amount=part)


def by_chance(fc1, part):
    prune.random_unstructured(fc1, "weight", amount=part)


kept = {"least magnitude": bench.curve(by_magnitude), "random": bench.curve(by_chance, draws=5)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the accuracy over the part of fc1 that is cut.
show.first_cut(kept)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The smallest weights cost a point only from 80 % or more on (D), random ones from 50 or 70 % (B or C): *which* weights are removed matters.** The line under the figure has your numbers.
#
# <!-- page -->
#
# Why do small weights cost less? Take one neuron with five weights and, for simplicity, five inputs of 1. It adds up $0.9 - 0.1 + 0.4 + 0.05 - 0.7 = 0.55$. Without the two smallest, $-0.1$ and $0.05$, it gives 0.6: an error of 0.05. Without a random two, say $0.9$ and $0.05$, it gives $-0.4$: an error of 0.95. A weight that is set to zero changes the sum by $w \cdot x$, so as long as all inputs are about equally large, the small weights change it least. (Section 5 asks what happens when they are not.)
#
# Han et al. ([2015, section 5](https://arxiv.org/abs/1506.02626)) call the half that costs nothing a "free lunch". It is not the whole meal: with rounds of cutting and training they kept a ninth of the weights of AlexNet. We do not train after the cut in this lesson; [[prune_model]] does.
#
# And this is one layer of one network, trained on one task. That fc1 can spare half of its weights says nothing about the other layers, nor about a network that was made small on purpose.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Zeros that do not stay
#
# Half of fc1 is 0 now. Sooner or later somebody trains the network a little more, to repair what the cut has cost.
#
# **Predict.** We train for a single step of SGD. How many of the 24,000 zeros are still 0, and why: **A** all of them, **B** some, **C** none?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; the answer is B, about half of them. Do the three weights on the board: (0.5, 0, 2), gradient (0.2, −1, 0.5), rate 0.1. After the step they are (0.48, 0.1, 1.95).
# Who voted A thinks that a weight of 0 has a gradient of 0: the gradient of a weight is its input times the gradient of the neuron's sum, and the weight itself is in neither. Who voted C: a zero stays where its input, or its neuron, gives 0 for all 256 images. "What would you keep beside the weights?" Somebody says: the mask.

# %% slideshow={"slide_type": "fragment"}
sgd = torch.optim.SGD(net.parameters(), lr=0.1)
F.cross_entropy(net(images[:256]), labels[:256]).backward()
sgd.step()
zeros_left = int((net.fc1.weight == 0).sum())
print(f"zeros after one step: {zeros_left:,}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Only some of the zeros are still there after a single step (B): the optimizer moves every weight whose gradient is not 0, and it does not know which of them were removed.**
#
# <!-- page -->
#
# Three weights show it. Let the weights be (0.5, 0, 2), the second one pruned, and their gradients (0.2, −1, 0.5). With a learning rate of 0.1 SGD subtracts a tenth of each gradient, and the weights become (0.48, **0.1**, 1.95). To the optimizer 0 is a number like any other.
#
# One might think that a weight of 0 gets a gradient of 0. It does not. A weight enters its neuron's sum as $w \cdot x$, so its gradient is the input $x$ times the gradient of the sum. The weight itself is in neither of the two factors.
#
# Which zeros are left? Those whose gradient is exactly 0. An image adds nothing to the gradient of a weight if the input that the weight multiplies is 0, or if the neuron of the weight gives 0. For a zero that is left, one or the other is true of each of the 256 images (or nothing comes back from the layer behind). In the run on this page that is about half of the zeros, which is more than one would expect. Keep it in mind: section 6 finds in it a reason why cutting small weights works so well.
#
# So a weight must be *remembered* as removed. The remedy is to keep the mask and to multiply by it before every use: then the middle weight may become whatever the optimizer likes, and the layer still computes with $0.1 \cdot 0 = 0$. This is what `torch.nn.utils.prune` builds into a layer.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. What PyTorch adds to a layer
#
# `torch.nn.utils.prune` asks for a **method** (which weights), a **module** with the **name** of one of its parameters, and an **amount**: a float is a *fraction*,
# an int is a *count*.
#
# | function | removes | by |
# |---|---|---|
# | `random_unstructured` | single weights | chance |
# | `l1_unstructured` | single weights | least magnitude |
# | `random_structured`, `ln_structured` | whole slices: rows, filters, channels | chance, least norm |
# | `custom_from_mask` | what your mask says | you |
# | `identity` | nothing, but prepares the module | – |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Say: "Which two did section 1 use?" (The second and the first.) Explain *unstructured* and *structured* with a hand: single fingers, or the whole
# hand. Point at the last two rows: `custom_from_mask` is for a mask that you computed yourself, and `identity` gives a mask of ones, which the next lesson uses to load a file. Ask what `amount=1` and `amount=1.0` mean, from the sentence above the table: an int is a count, so one weight; a float is a fraction, so all of them.

# %% [markdown] slideshow={"slide_type": "skip"}
# The middle column holds a distinction that runs through the whole part. **Unstructured** pruning removes single weights, wherever they are, so the tensor keeps its shape and gets holes. **Structured** pruning removes whole slices, such as all the weights of one neuron, so that in the end a smaller tensor can take its place. A **filter** is such a slice: all the weights that compute one output channel of a convolution.
#
# To see everything that a call changes, take a layer small enough to draw: `conv1` of a new LeNet. It has 6 filters of 3 × 3 weights, 54 in all, and 6 biases. In a new `Conv2d`, `weight` and `bias` are **parameters**, tensors that an optimizer trains. It has no **buffers**, which are tensors that are saved with the module and not trained, and no **hooks**, which are functions that PyTorch calls before or after a module's forward pass.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The cut
#
# ```python
# prune.random_unstructured(
#     conv, "weight", amount=0.3)
# ```
#
# `conv` has 54 weights, two parameters, no buffers and no hooks.
#
# **Predict.** 30 % of 54 is 16.2. How many weights are removed? And what changes: **A** the parameters, **B** the buffers, **C** what `weight` is, **D** the hooks?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First give two words: a *buffer* is a tensor that is saved with the module and not trained, a *hook* a function that PyTorch calls before or after a module's forward pass. Then let the room vote letter by letter. All four letters are right, and 16 weights are removed: the count is
# rounded. Read the table row by row. Say: "`weight` is no parameter any more." If somebody asks why it is still there: the layer's own code reads `self.weight`, so the hook computes it before each forward pass. The next slide draws it.


# %% slideshow={"slide_type": "skip"}
def pruned_conv1():
    conv = show.new_conv1()  # with a fixed seed, so that each call gives an equal layer
    prune.random_unstructured(conv, name="weight", amount=0.3)
    return conv


conv = pruned_conv1()

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
# Asks both layers for their parameters, buffers and hooks, and counts zeros.
show.compared(before=show.new_conv1(), after_the_cut=conv)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **PyTorch rounds 16.2 and removes 16 weights, and all four things change (A, B, C and D).** The parameter is now called `weight_orig`, a buffer `weight_mask` has come, `weight` is a plain tensor, and there is a hook.
#
# <!-- page -->
#
# Line by line, this is the remedy of section 2. The trained numbers moved into the parameter `weight_orig`, and the optimizer trains them there. The buffer `weight_mask` remembers what is removed, and as a buffer it is saved with the model. The layer's own code still says `self.weight`, and nobody wants to rewrite `Conv2d`. So something must compute `weight` from the two before the layer reads it, and that is the hook: a *forward pre-hook*, which PyTorch calls just before each forward pass. It stores the product as a plain attribute.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### One tensor became three
#
# `weight_orig` × `weight_mask` = `weight`. The hook computes the product before each forward pass; the layer's own code still reads `self.weight`.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* First frame: point at a cell that is crossed out on the right, the second one of the top row, and find it in the other two. In the mask it is white, a 0. Its old value is still there on the left, so a later mask could bring it back. Before the second
# frame ask: "Which of the three does the optimizer see? Which of them are in the file?" The optimizer trains `weight_orig`; parameter and buffer are in the file; the
# plain attribute is in neither.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the three tensors, then who reads which of them.
show.one_became_three(conv)

# %% [markdown] slideshow={"slide_type": "skip"}
# Two consequences follow from this drawing. The old value of a removed weight is still in `weight_orig`, so a later mask could bring the weight back. And whoever reads `weight` between two forward passes sees what the hook computed *last*, which may be out of date. [[prune_traps]] is about the accidents that come from this.
#
# ### Twice
#
# A layer has several tensors, and a tensor may be pruned more than once. Let us do both: the three biases of least magnitude are removed (an int is a count), and then half of the six filters, those of least norm. (The norm of a filter is one number for the size of all its weights; section 5 explains it.)


# %% slideshow={"slide_type": "skip"}
def pruned_again(conv):
    prune.l1_unstructured(conv, name="bias", amount=3)
    prune.ln_structured(conv, name="weight", amount=0.5, n=2, dim=0)  # half of the slices along dimension 0
    return conv


twice = pruned_again(pruned_conv1())

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The same tensor once more
#
# 16 single weights of `weight` are 0. Now three of its six filters are removed as well, 27 weights.
#
# **Predict.** How many zeros are there then: **A** 27, **B** 43, **C** something between? And how many hooks, if `bias` was pruned too?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* 16 + 27 is B. The answer is C: zeros that lie in a filter that is removed count once. Write on the board 16 + 27 − 8 = 35: half of the filters go, so about half of the 16 zeros lie in them, and here it is exactly half. Who voted A forgot the zeros in the filters that stay. Two hooks, one
# for each tensor; that of `weight` is now a container with both methods in order. Point at the picture: the right mask is the product.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input", "title-figure"]
# Draws the mask of the single weights, that of whole filters, and their product.
show.two_masks(conv, twice)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **There are fewer than 43 zeros (C), because a weight that both cuts remove counts once; and there are two hooks, one for each pruned tensor.** The figure says how many.
#
# <!-- page -->
#
# A tensor has *one* mask. When it is pruned again, the new mask is multiplied by the old one, element by element, and 0 · 0 is one zero, not two. How many would you expect? Half of the filters are removed, and the 16 zeros lie anywhere, so about 8 of them lie in those filters: 16 + 27 − 8 = 35, give or take a few.
#
# The hook of `weight` has become a `PruningContainer`, a list of both methods in their order. It makes sure that the second method chooses among what the first one has left.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The way out
#
# `prune.remove(conv, "weight")`, and the same for `"bias"`.
#
# **Predict.** What does it remove: **A** the zeros, so that the old weights are back, **B** the mask and the hook, **C** the filters, so that the tensor gets smaller?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* The word misleads: let the room vote. It is B. The zeros stay, as ordinary numbers, and the old values under them are lost: that is why A is wrong. Nor does a shape change (C): the last row of the table has the same 35 zeros in a tensor of 54. Ask which smaller
# shape would make the layer cheaper, (3, 1, 3, 3), and what else would have to change with it: the inputs of conv2. That is [[structured]].

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
done = pruned_again(pruned_conv1())
prune.remove(done, "weight")
prune.remove(done, "bias")
print("shape of weight:", tuple(done.weight.shape))

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
# Asks the layer before and after `remove` for the same things.
show.compared(pruned_twice=twice, removed=done)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **`remove` takes away the mask and the hook (B). The zeros stay, and the shape does, too.**
#
# <!-- page -->
#
# It writes the product into an ordinary parameter `weight` and deletes `weight_orig`, mask and hook. So it *makes the cut final*: the old values under the zeros are lost. Nothing gets smaller. The tensor has the shape (6, 1, 3, 3), although three filters hold nothing but zeros. A tensor of three filters could take its place, but then `conv2`, which expects six channels, would have to change as well; [[structured]] does that.
#
# Call it when the training is over. If you train afterwards, you are back in section 2.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. The algebra of a mask
#
# $$W = M \odot W_{orig}$$
#
# $\odot$ multiplies element by element, and the mask $M$ is a constant. $L$ is the loss.
#
# **Predict.** Which gradient does a masked entry of `weight_orig` get, and why: **A** that of the dense layer, **B** none (`None`), **C** exactly 0?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote first: does PyTorch hand on 0, or nothing? It is C. Derive it in one line before you click: W = M ⊙ W_orig, M is constant, so the chain rule multiplies by M. `None` would mean that `weight_orig` takes no part, and it does. The difference matters: an optimizer skips `None`, and it does not skip 0: momentum and weight decay still move the entry, which the next lesson shows.
# Draw, if there is time: weights (0.5, 0.1, 2), mask (1, 0, 1), inputs (1, 2, 1), so y = 2.5. With L = y² the gradient before the mask is 5 · (1, 2, 1) = (5, 10, 5), after it (5, 0, 5).
# Say: "The loss would like to move them. The left grid shows it. The mask says no." Transition: "So much for training. What is in the file?"

# %% [markdown] slideshow={"slide_type": "skip"}
# The next cell computes both sides. Once PyTorch does it, hook and all. Once we do it by hand: multiply the two tensors ourselves, and let the product be a leaf, so that its own gradient $\partial L / \partial W$ can be read.

# %% slideshow={"slide_type": "skip"}
layer, x = pruned_conv1(), test_images[:64]
by_torch = layer(x)
W = (layer.weight_orig * layer.weight_mask).detach().requires_grad_()
by_hand = F.conv2d(x, W, layer.bias)

by_torch.square().mean().backward()  # the mean square of the output serves as the loss
by_hand.square().mean().backward()
forward_gap = (by_torch - by_hand).abs().max().item()
gradient_gap = (layer.weight_orig.grad - layer.weight_mask * W.grad).abs().max().item()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the gradient before the mask, the mask, and the gradient that PyTorch computed.
show.gradients(layer, W, (forward_gap, gradient_gap))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **A masked entry gets a gradient of exactly 0 (C)**, by the chain rule: $\frac{\partial L}{\partial W_{orig}} = M \odot \frac{\partial L}{\partial W}$. Hand and PyTorch agree to the last digit.
#
# <!-- page -->
#
# By hand with the three weights of section 2: $W_{orig} = (0.5,\ 0.1,\ 2)$, $M = (1, 0, 1)$, so $W = (0.5,\ 0,\ 2)$. With the inputs (1, 2, 1) the output is $y = 0.5 + 0 + 2 = 2.5$. Let the loss be $L = y^2 = 6.25$. Then $\partial L / \partial y = 2 y = 5$, and $\partial L / \partial W = 5 \cdot (1, 2, 1) = (5, 10, 5)$: the loss *would* like to move the second weight, and most of all. But $W_2 = 0 \cdot W_{orig,2}$ does not change when $W_{orig,2}$ does, so its gradient is $0 \cdot 10 = 0$, and $\partial L / \partial W_{orig} = (5, 0, 5)$.
#
# The difference between 0 and `None` is not hair-splitting. An optimizer skips a tensor whose gradient is `None`. A gradient of 0 is not skipped: momentum (earlier gradients) and weight decay (a pull towards 0) still move the entry of `weight_orig`. The layer does not notice, because the mask stands between, and as long as `weight_orig` is finite, a number times 0 is 0. (Infinity times 0 is not. [[prune_traps]] tries it.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does it fit now?
#
# `fc1` has four fifths of LeNet's weights. 90 % of them are masked, then the model is saved.
#
# **Predict.** The file is: **A** about 0.3 of its size, **B** as large as before, **C** larger? And after `remove`?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "It" is the network of the water meter: 240 kilobytes, and the chip has 128. Where do the 0.3 of A come from? Nine tenths of four fifths are 0.72, and 0.28 would be left. Vote. Then ask what the two arrows into the file in section 3 meant: both factors are saved. The answer is C for the masked network: the mask is a second tensor of the same size, in fp32. Write 240 + 4 · 48 = 432 kilobytes. After `remove` it is B. So it does not fit: 432, then 240 again. Point at the energy, the same in all rows: a zero is fetched and multiplied like any number. Ask what it takes
# before pruning makes a file smaller: a format that leaves zeros out, or tensors that are really smaller. To "why does it read fewer digits?": nothing was trained after this cut.

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
masked, removed = copy.deepcopy(lenet), copy.deepcopy(lenet)
prune.l1_unstructured(masked.fc1, name="weight", amount=0.9)
prune.remove(prune.l1_unstructured(removed.fc1, name="weight", amount=0.9), "weight")
print([key for key in masked.state_dict() if "fc1" in key])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Saves the three networks, loads them again, and writes a line about each.
show.what_a_file_holds(bench, test_images[:1], dense=lenet, fc1_masked=masked, fc1_removed=removed)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The masked file is larger (C): it holds the weights *and* a mask of the same size. After `remove` it is as large as before (B), because a zero takes 4 bytes like any number.**
#
# <!-- page -->
#
# The printed line lists what the `state_dict` (the tensors that are saved, each under its name) holds for fc1: a bias, the weights and a mask. In numbers: fc1 has 48,000 weights of 4 bytes, 192 of LeNet's 240 kilobytes. The mask of fc1 is another tensor of 48,000 numbers in fp32, so the masked file takes 240 + 192 = 432 kilobytes, 1.8 times as much. The estimated energy stays as well, since the code fetches a zero and multiplies by it like any other number.
#
# So the network does not fit into the water meter yet, and it is no faster. Pruning has only *said* what is not needed. To use that, a file format must leave the zeros out, which [[zero_worth]] and [[deep_compression]] do, or whole slices must be removed and the tensors made smaller, which is the business of [[structured]]. What we have is the necessary first half: a network that would still read digits if 90 % of fc1 were not there.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Which weights?
#
# The usual answer is *the small ones*, by a **norm**:
#
# $$\lVert w \rVert_n = \Big(\sum_i |w_i|^n\Big)^{1/n}$$
#
# $n = 1$, **L1**, adds magnitudes; of a single weight it is $|w|$: *magnitude pruning*. $n = 2$ is **L2**; $n = \infty$ is the largest magnitude alone.
#
# **Predict.** Three filters, flattened: $(3, 0, 0, 0)$, $(1, 1, 1, 1)$ and $(2, 1.5, 0, 0)$. Which one is removed first by L1, by L2, by $L_\infty$?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* A minute in pairs, with pen and paper. By L1 the first filter, with the norm 3; by L2 and L∞ the second one. Write the sums: L1 3, 4, 3.5; L2 √9 = 3, √4 = 2, √6.25 = 2.5; L∞ 3, 1, 2. Say: "The higher n, the more the largest entry
# counts. So the norm is a choice, and a choice can be wrong." Transition: "What does no norm of the weights look at?" The inputs, which come next.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
# Computes three norms of each filter, and asks ln_structured which one it removes.
show.by_norm({"(3, 0, 0, 0)": [3.0, 0, 0, 0], "(1, 1, 1, 1)": [1.0, 1, 1, 1], "(2, 1.5, 0, 0)": [2.0, 1.5, 0, 0]})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **By L1 the first filter is removed, by L2 and L∞ the second.** One large weight is less than four small ones by L1, and more by the others.
#
# <!-- page -->
#
# By hand: L1 adds, 3 against 4 against 3.5. L2 takes the root of the sum of squares, $\sqrt{9} = 3$ against $\sqrt{4} = 2$ against $\sqrt{6.25} = 2.5$. $L_\infty$ takes the largest, 3 against 1 against 2. So three reasonable rules do not agree, and none of them was derived from what we want, a small loss. A norm is a **heuristic**: a rule that often works, without a guarantee.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A score that looks at the input
#
# $y = 0.1 \cdot x_1 + 1 \cdot x_2$ with $x_1 = 100$ and $x_2 = 0.1$: the smaller weight makes 99 % of $y$. A norm cannot see that.
#
# So multiply each magnitude by the typical size of its input, the root mean square over 2,000 images: $|w_{ji}| \cdot \mathrm{rms}(x_i)$ ([Sun et al., 2023](https://arxiv.org/abs/2306.11695)).
#
# **Predict.** We cut 90 % of fc1 in two trainings. Which of the two costs less: **A** the magnitude, **B** the new score, **C** sometimes one and sometimes the other? And why could the score lose that knows more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Write the sum of the first line on the board, 0.1 · 100 + 1 · 0.1 = 10 + 0.1, and strike out the smaller weight. Vote; the answer is C. The reasoning is so convincing that it deserves a test. In the table look at the first two rows alone, and at 90 %: first at training 1, where the new score loses fewer points, then at training 2, where it loses more. "Whoever had trained only once would have published the first pair." In six trainings the new score cost less in two. Why could it lose? Two possible reasons, and neither was tested: the inputs of fc1 differ far less than 100 and 0.1 do; and a score rates each weight as if it went alone, while 43,200 go together. Then the last two rows: "What is different there?" Each weight competes with those of its own neuron alone, and not with the whole layer. At 90 % both cost more than magnitude over the layer, in all six trainings.


# %% slideshow={"slide_type": "skip"}
def in_each_row(score):
    """A cut that removes the same part of each row: the weights of one neuron compete only with each other."""

    def cut(fc1, part):
        lowest = score(fc1.weight).argsort(dim=1)[:, : round(part * fc1.weight.shape[1])]
        prune.custom_from_mask(fc1, "weight", torch.ones_like(fc1.weight).scatter(1, lowest, 0.0))

    return cut


def with_input(rms):
    """The cut by |w| · rms(x), over the whole layer."""

    def cut(fc1, part):
        prune.l1_unstructured(fc1, "weight", amount=part, importance_scores=fc1.weight.abs() * rms)

    return cut


# %% slideshow={"slide_type": "skip"}
def compare_scores(bench):
    rms = bench.inputs_of_fc1(images[:2000]).square().mean(0).sqrt()  # of each of the 400 inputs
    cuts = {"|w|, whole layer": by_magnitude, "|w| · rms(x), whole layer": with_input(rms)}
    cuts |= {"|w|, in each row": in_each_row(lambda w: w.abs())}
    cuts |= {"|w| · rms(x), in each row": in_each_row(lambda w: w.abs() * rms)}
    return {name: bench.curve(cut) for name, cut in cuts.items()}


runtime.seed_all(1)
again = models.LeNet()  # a second training, from other weights
_ = training.fit(again, images, labels, epochs=4, lr=2e-3)

# %% slideshow={"slide_type": "skip"}
scores = compare_scores(bench), compare_scores(show.Bench(again.cpu().eval(), test_images, test_labels))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the points of accuracy lost in both trainings.
show.scores_table(*scores)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Sometimes one and sometimes the other (C): in six trainings for this lesson, with the seeds 0 to 5, the new score cost less in two, by up to 1.5 points, and more in four, by up to about 3.** The table has two trainings, the one of the checkpoint and one that your machine has just run.
#
# <!-- page -->
#
# The reasoning with $x_1 = 100$ is right: there the new score rates the weights $0.1 \cdot 100 = 10$ and $1 \cdot 0.1 = 0.1$, and keeps the one that makes nearly all of the sum, while the magnitude would keep the other. But the reasoning does not decide the case of `fc1`. We see two possible reasons, and have tested neither. The inputs of `fc1` differ from each other much less than 100 and 0.1 do: the largest of their typical sizes is a few times the median. And both scores rate each weight as if it were removed alone, while 43,200 of them are removed together, and their errors may add up or cancel.
#
# A second question hides in the comparison: *with which weights does a weight compete?* In the first two rows of the table it competes with the whole layer. The authors of the new score let it compete only with the weights of its own neuron, its row, and use it for large language models. That is what the last two rows do. Here both rankings inside the rows cost more at 90 % than magnitude over the whole layer, in all six trainings. A ranking over the layer may take nearly everything from one neuron and little from another. It seems that some neurons of `fc1` need far fewer weights than others, and section 6 shows which.
#
# So a score with a better reason is a proposal. Try it on your own network, and in more than one training before you believe the winner. [[scores]] tries $|w| \cdot \mathrm{rms}(x)$ again, under the name that its authors gave it, *Wanda*. There, with a tenth of the weights left and no training after the cut, it beats magnitude by several points; here it won in two of six trainings and lost in four. The two results do not contradict each other, because the experiments differ in much: there the inputs of the first and largest layer are the pixels of the image, of which many are dark in nearly every image, while the inputs of our `fc1` have passed through two convolutions. A score that looks at the inputs has more to say where the inputs differ more. (That this is the cause is a guess; we have not exchanged the inputs alone.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Why does magnitude work here?
#
# A **silent neuron** gives 0 for each of 2,000 images. Its weights get no gradient from them, and many are small.
#
# So is the lead of magnitude over random cuts perhaps no merit of the ranking at all? Does it merely find the neurons that do nothing?
#
# Exercise 1 lets you build the experiment that tells.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Why is a neuron silent? Its sum is below 0 for each image, ReLU makes 0 of it, and where ReLU is flat the gradient is 0: nothing tells it to change. In the figure silent and firing are stacked; the blue band is the smaller half of all weights, and a larger part of the grey ones lies in it: the two shares are in the line under the figure. Ask: "How would you find out whether that is the whole reason?" Collect proposals; wanted: take the silent neurons out of the comparison.
# Two proposals to expect: prune only firing neurons, then the number of weights differs; remove the silent neurons first, then two things differ. Draw ours, a table of two columns, *in silent neurons* and *in firing neurons*: magnitude removes small, small; random removes any, any; the **control** removes exactly those that magnitude removes, then any, as many as magnitude.

# %% slideshow={"slide_type": "skip"}
inputs = bench.inputs_of_fc1(images[:2000])
with torch.no_grad():
    fires = (lenet.fc1(inputs) > 0).any(0)  # the others give 0 for all of these images
weight = lenet.fc1.weight.detach()

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws all weights of fc1, those of silent neurons apart.
show.silent_and_small(weight, fires)

# %% [markdown] slideshow={"slide_type": "skip"}
# Why would a neuron be silent? Its sum is negative for every image, so ReLU gives 0, and the gradient of ReLU is 0 there as well. Nothing tells such a neuron to change: the gradient of each of its weights over these images is exactly 0. Its weights are about what they were when the neuron fell silent, or at the beginning, and a layer begins with small weights. So a cut by magnitude takes a larger part of the weights of silent neurons, and these cost next to nothing. (Not nothing for certain: without some of its weights a silent neuron may begin to fire. We tried it in six trainings, outside this page. With 90 % of the weights of the silent neurons alone removed at random, more than half of these neurons fired for some image, and at most 0.04 points of accuracy were lost.)
#
# That makes two explanations for the lead of magnitude over random cuts. *The silent neurons*: magnitude spends more of its cuts where they cost nothing. *The ranking*: among the neurons that fire, too, the small weights matter less. The two numbers of section 1 cannot tell them apart, because they differ in both. What can is a **control**: a third cut which agrees with magnitude in one of the two and with chance in the other. It removes *exactly the weights of silent neurons that magnitude removes*, and of the firing neurons *as many as magnitude does, but random ones*.
#
# **By hand.** A silent neuron has the weights 0.1, 0.2 and 0.6, a firing one 0.3, 0.5 and 0.9, and three of the six are to be removed. Magnitude removes 0.1, 0.2 and 0.3. The control removes 0.1 and 0.2, too, and one weight of the firing neuron by lot, perhaps the 0.9. A random cut removes any three of the six. So magnitude and the control differ only in *which* weight of the firing neuron is removed, which is the ranking. The control and the random cut choose among the weights of the firing neuron in the same way, by chance, and differ in what they take from the silent neuron and in how much that leaves to be taken from the other.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercise
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · Whose lead is it?
# ★★ · 12 minutes · an investigation
#
# Make the experiment of section 6. You get an instrument, `lost(cut, amount, draw)`: it prunes a fresh copy of a layer and returns the points of accuracy that this costs. `cut` is `"magnitude"`, `"random"` or `"control"`, `amount` a fraction from 0 to 1, and `draw` the seed of what is random.
# The control's share of the lead is (random − control) / (random − magnitude), of means over draws.
#
# `whose_lead(lost)` → `"silent neurons"` if the share is above 0.8, `"ranking"` if it is below 0.2, `"both"` between; `"no lead"` if magnitude saves less than a point against random cuts
#
# <details><summary>Hint</summary>
# At which amounts is there a lead to be explained? Look for one at which random cuts cost much more than magnitude. How many draws do you need before a mean stays where it is?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several layers. It looks at how you make your experiment: each of the three cuts at the same amounts and with the same draws, at least five of them at each amount. Which amounts these are is your choice; where you try several, conclude from one of them or from all together. Run all three cuts in every layer, also where there is no lead. Then it looks at what you conclude. With made-up numbers: if magnitude loses 2 points, random cuts 10 and the control 9, the lead is 10 − 2 = 8 points. The control has 10 − 9 = 1 of them, so its share is 1/8 = 0.125, and the answer is `"ranking"`.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* Draw three bars, the points lost at 90 %: magnitude short, random high, control with a question mark. In pairs, without a laptop: "Which two of the three bars would be equally high if only the silent neurons mattered? And if only the ranking did?" Control and magnitude, a share of 1; control and random, a share of 0. Then: "Why not at 50 %?" Because there is hardly a lead, and its share would be a quotient of two small numbers. Last: "Is one draw enough?" No: the draws scatter, so it takes at least five, the same for each cut.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def whose_lead(lost):
    """Say whose lead it is: "silent neurons", "ranking", "both" or "no lead".

    Args:
        lost: the instrument; `lost("control", amount=0.9, draw=3)` gives the
            points of accuracy that this cut costs.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.whose_lead(whose_lead)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def whose_lead_solution(lost):
    cuts = ("magnitude", "random", "control")
    # at 90 % random cuts cost many points, and the network has not collapsed yet
    mean = {cut: sum(lost(cut, amount=0.9, draw=draw) for draw in range(10)) / 10 for cut in cuts}
    lead = mean["random"] - mean["magnitude"]
    if lead < 1:
        return "no lead"
    share = (mean["random"] - mean["control"]) / lead
    if share > 0.8:
        return "silent neurons"
    return "ranking" if share < 0.2 else "both"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What the experiment says of our LeNet
#
# Magnitude, random, and the control: the same weights of silent neurons as magnitude, random ones of the firing neurons.
#
# **Predict.** At 90 %, does the control lose **A** as little as magnitude, **B** as much as random, **C** something between?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Point at the control in the drawing on the board. Vote, then the figure at 90 %: the control lies between, so C, on average over the draws. A is wrong: the control loses more than magnitude, so the ranking
# *inside* the firing neurons counts. B is wrong: it loses less than random, so the silent ones count too. Work out the share from the picture: with about 5, 11 and 21 points it is (21 − 11) / (21 − 5), about 0.6; the line under the figure has it exactly. The bands are the spans of five draws, and they overlap: that is why one compares means. In other
# trainings and draws the silent neurons' share at 90 % was a quarter to 0.7. At 50 % do not read the order of the draws: random loses about a point there, and in three of four
# other trainings five draws put the control level with it; thirty draws gave a share of 0.3 to 0.45. Say: "Without the control we would have told you a nice story that explains a part."


# %% slideshow={"slide_type": "skip"}
def control(fc1, amount):
    """The weights of silent neurons that magnitude removes; of the firing ones as many as it removes, at random."""
    size = fc1.weight.detach().abs()
    goes = size.flatten().argsort()[: round(amount * size.numel())]
    mask = torch.ones(size.numel()).scatter(0, goes, 0.0).view_as(size)
    among_firing = torch.zeros(mask[fires].numel())
    among_firing[torch.randperm(mask[fires].numel())[: int(mask[fires].sum())]] = 1  # as many stay, others
    mask[fires] = among_firing.view_as(mask[fires])
    prune.custom_from_mask(fc1, "weight", mask)


arms = kept | {"control": bench.curve(control, draws=5)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the points lost by each of the three cuts.
share_of_silent = show.arms_of_the_control(arms)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **On average the control lies between (C): the silent neurons explain a part of the lead, and the ranking among the firing neurons another part.** How the two share it differs between trainings and draws.
#
# <!-- page -->
#
# The control removes of the silent neurons exactly what magnitude removes. So what it still loses *more* than magnitude can only come from the choice among the firing neurons: there the ranking is worth something. And what it loses *less* than random cuts comes from the silent ones. In other trainings and draws their share of the lead at 90 % was a quarter to 0.7.
#
# At 50 % the figure says little. Random cuts lose about a point there, the lead is small, and the draws scatter by as much; in three of four other trainings five draws put the control level with random.
#
# What have we learned about magnitude pruning? It works in this layer for two reasons, and one of them has nothing to do with the weights that matter: many neurons do nothing. A network without silent neurons would probably give magnitude less of a lead; we have not trained one. Without the control we would have told a good story that explains a part.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### Do small weights see small inputs?
#
# Section 5 multiplied each weight by the size of its input. How do the two go together in fc1, and does the norm of a neuron's weights tell what the neuron is worth? On the left each dot is one of the 400 inputs. On the right each is one of the 120 neurons, removed alone. The **rank correlation** is 1 where both always grow together, and 0 where there is no trend.

# %% slideshow={"slide_type": "skip"}
rise, rms = show.rise_without(bench, inputs, labels[:2000]), inputs.square().mean(0).sqrt()

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the two clouds of dots.
by_input, by_neuron = show.what_a_norm_misses(rms, weight, rise, fires)

# %% [markdown] slideshow={"slide_type": "skip"}
# Neither cloud comes near a line. On the left, weights of about the same norm read inputs of very different size. On the right, the neurons that fire rise a little with their norm and scatter widely; over nine trainings their rank correlation was 0.06 to 0.47. The silent neurons are left out of that number: all of them lie at a rise of 0, most of them have a small norm, and with them the correlation would look larger for a reason that we know already.
#
# ### By how much do the two scores differ?

# %% slideshow={"slide_type": "skip"}
small_half = weight.abs() <= weight.abs().median()
signal = weight.abs() * rms
loud_but_thrown = (signal > signal.median())[small_half].float().mean().item()
print(f"of the half that magnitude removes, above the median in |w| · rms(x): {loud_but_thrown:.0%}")
print(f"the largest rms is {rms.max() / rms.median():.1f} times the median; {int((rms == 0).sum())} of 400 are 0")

# %% [markdown] slideshow={"slide_type": "skip"}
# If both scores ranked alike, the first number would be 0; if they had nothing in common, 50 %. So they disagree about every fifth weight of that half. This alone does not say that the disputed weights were worth keeping: the table in section 5 says that at 50 % it makes hardly a difference.
#
# ### Two things about silent neurons

# %% slideshow={"slide_type": "skip"}
F.cross_entropy(lenet(images[:2000]), labels[:2000]).backward()
moved = lenet.fc1.weight.grad.abs().amax(1)
lenet.zero_grad()
largest = float(moved[~fires].max()) if (~fires).any() else 0.0
print(f"largest gradient of a silent neuron's weight: {largest:g}")
norms = {"silent": weight[~fires], "firing": weight[fires], "in a new layer": models.LeNet().fc1.weight.detach()}
print("mean norm of a neuron:", {name: round(float(w.norm(dim=1).mean()), 2) for name, w in norms.items()})

# %% [markdown] slideshow={"slide_type": "skip"}
# The gradient is exactly 0, as section 6 said. (With other images it need not be: a neuron that is silent for these 2,000 may fire for another.)
#
# ### The hook, looked at closely

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
conv = pruned_conv1()
hook = next(iter(conv._forward_pre_hooks.values()))
print("the hook is the method:", type(hook).__name__, "of", hook._tensor_name, "by", hook.amount)
print("is_pruned:", prune.is_pruned(conv), "| printed as before:", conv)
print("weight is a leaf of autograd, not computed from other tensors:", conv.weight.is_leaf)
print("first filter before and after (-0.0000 is a negative weight times 0, and counts as zero)")
print(torch.cat([conv.weight_orig[0, 0], conv.weight[0, 0]], dim=1).detach())

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Grow first, cut afterwards: an older example
#
# Decision trees are pruned, too. *Cost-complexity pruning* (Breiman et al., 1984) grows a tree too large, then cuts back the branches that pay least. Why not stop early? Think of XOR: two inputs, and the class is 1 where they differ. A first question gets two of the four points right, as many as no question at all:

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "nbval-check-output"]
# Counts the points that a tree gets right after no, one and two questions.
show.xor_table()

# %% [markdown] slideshow={"slide_type": "skip"}
# Whoever stops when a question brings nothing never asks the second one, which brings everything. So one grows first and cuts afterwards.
#
# With networks it is similar. LeCun et al. trained *over-parametrized* networks and cut them in 1990 (*Optimal brain damage*). Could a small part of such a network have learned as well on its own? That is the question of the **lottery ticket hypothesis** ([Frankle and Carbin, 2018](https://arxiv.org/abs/1803.03635)), and of [[ticket]].

# %% [markdown] slideshow={"slide_type": "skip"}
# ### A filter before and after, and the sparsity of the whole model
#
# All cuts whose price this lesson measured were made in `fc1`. The same call works on a convolution. We remove the half of `conv1` with the least magnitude from a copy of the trained LeNet, and look at the nine weights of its first filter before and after. The call ranks all 54 weights of the layer together, so this one filter need not lose exactly half of its nine.

# %% slideshow={"slide_type": "skip"}
net = copy.deepcopy(lenet)
before = net.conv1.weight[0, 0].detach().clone()
prune.l1_unstructured(net.conv1, name="weight", amount=0.5)
print(before)
print(net.conv1.weight[0, 0].detach())

# %% [markdown] slideshow={"slide_type": "skip"}
# How sparse is the model now? The **sparsity** is the number of zeros divided by the number of weights: of one tensor, or of all of them together. `sparsity_report` counts both. It multiplies by the mask first, because `weight_orig` still holds the values that were removed.

# %% slideshow={"slide_type": "skip"}
sparsity = sparsity_report(net)
print(f"Sparsity in conv1.weight: {sparsity['conv1.weight'].sparsity:.2%}")
sparsity

# %% [markdown] slideshow={"slide_type": "skip"}
# Half of `conv1` is gone, and less than one weight in a thousand of the model, because `conv1` has 54 weights of about 60,000. So say of *what* a sparsity is: "50 % sparse" is true of the layer here, and false of the network.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · A mask by magnitude
# ★★ · 12 minutes
#
# Write `magnitude_mask`: the new mask after magnitude pruning on top of an old one. Of the weights that the old mask *keeps*, the fraction `amount` goes, those of
# least magnitude; the count is rounded with `round`. `weight` is the unmasked tensor (`weight_orig`). Exactly that many go, also where magnitudes are equal: which of
# the equal ones is free.
#
# `magnitude_mask(weight, mask, amount)` → a tensor of zeros and ones in the shape of `weight`, which has 1 to 4 dimensions; `amount` is a float from 0 to 1.
#
# <details><summary>Hint</summary>
# Give the weights that are gone a magnitude of infinity, so that they come last in the order. Then take the first k indices of a sort: a threshold cannot tell equal values apart.
# Do not forget that what was 0 in the old mask stays 0.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def magnitude_mask(weight, mask, amount):
    """The mask after `amount` of the weights that `mask` keeps are pruned by magnitude.

    >>> magnitude_mask(torch.tensor([1.0, 2.0]), torch.ones(2), 0.5).tolist()
    [0.0, 1.0]
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.magnitude_mask(magnitude_mask)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def magnitude_mask_solution(weight, mask, amount):
    goes = round(amount * int(mask.sum()))
    magnitude = torch.where(mask == 1, weight.abs(), float("inf")).flatten()
    new = mask.clone().flatten()
    new[magnitude.argsort()[:goes]] = 0
    return new.reshape(weight.shape)


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("prune_module")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A zero in a weight survives a training step only where its gradient is exactly 0. A mask keeps it: `weight = weight_orig * weight_mask`, computed before each forward pass.
# - A masked entry gets a gradient of exactly 0. The file holds both factors, so it gets larger; `remove` makes the cut final, and saves no byte.
# - A norm is a heuristic. What a better-looking score is worth must be measured, and why a method works takes a control.
#
# **Recommended videos** (they help, and do not replace the lesson): Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
# [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54); and *PyTorch Pruning: How it's Made*,
# [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw), by the author of the module.
#
# **Going further**: D. Blalock et al., *What is the state of neural network pruning?*, 2020, [arXiv:2003.03033](https://arxiv.org/abs/2003.03033), on why results of many
# papers cannot be compared. Next here: [[prune_traps]].
#
# **Project ideas**: repeat section 6 for every layer; find a network where magnitude fails badly; rewrite the masks with `torch.nn.utils.parametrize`.
#
# **Credits**: the walk of section 3 follows Michela Paganini's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html); the idea of this course
# in one lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Hold the three numbers on the board against the first figure: half is 24,000 weights, 80 % is 38,400, and the blue curve says what each costs. The bars at the foot are the files: the masked one is the longest. Ask what the lesson did *not* show: nothing got faster or smaller, and nothing was trained
# after the cut. Transition: "Next: what goes wrong when you do train with masks."

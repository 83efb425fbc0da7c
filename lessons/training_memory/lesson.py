# ---
# jupyter:
#   course:
#     promise: You will say what fills the memory during a step of training, when it is full, and which change makes it fit.
#     seconds: 15
#     needs: []
#     goals:
#       - count what a step of training keeps, weights, gradients, optimizer states and activations;
#       - say at which moment the memory is full, and why;
#       - make a training fit, by checkpoints or by a batch in parts.
#     terms: [activation checkpointing, gradient accumulation, master weights, optimizer state, saved tensor]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *The weights take less than a megabyte. And the training?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils.scorecard import claims
from lessons.training_memory import checks as check
from lessons.training_memory import show

torch.manual_seed(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. One step
#
# You start a training, and PyTorch answers *out of memory*. The file with the weights is far smaller than the memory. Who took the rest?
#
# Our network is small enough to count everything. The first layer makes 64 numbers of each of the 28 rows of a Fashion-MNIST picture. Six equal blocks follow, which treat each row alike: two linear layers, and behind each a GELU, a smooth relative of ReLU. The last layer chooses among ten classes.

# %%
import torch
from torch import nn

from course_utils import data, models

images, labels = data.load("fashion_mnist", n=64)


def block():
    return nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64), nn.GELU())


blocks = [block() for _ in range(6)]
reader = nn.Sequential(nn.Flatten(1, 2), nn.Linear(28, 64), *blocks, nn.Flatten(), nn.Linear(28 * 64, 10))

# %% [markdown]
# It trains with AdamW. One expects four times the weights: weight, gradient, and two averages that AdamW keeps.

# %%
from torch.nn import functional as F

from course_utils.measure import timing


def step(model, optimizer):
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def needs(model):
    """MB in use at the highest moment of the second step; section 3 says why the second."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)
    step(model, optimizer)
    there = [*model.parameters(), *(t for state in optimizer.state.values() for t in state.values())]
    on_top = timing.peak_bytes(lambda: step(model, optimizer), device="cpu")
    return (sum(tensor.nbytes for tensor in there) + on_top) / 1e6


# %% one_step
weights = sum(p.nbytes for p in reader.parameters()) / 1e6
plain = needs(reader)
print(f"weights {weights:.2f} MB, a step {plain:.1f} MB: {plain / weights:.0f} times")

# %% [markdown]
# More than thirty times the weights! So most of this memory is something else. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Who took it?
#
# **What belongs to a weight:**
#
# | | bytes |
# |---|---|
# | the weight, in fp32 | 4 |
# | its gradient | 4 |
# | AdamW's two averages | 8 |
# | **together** | **16** |
#
# A language model of 7 billion weights: 7 · 16 = 112 GB.
#
# AdamW keeps two averages for each weight from step to step, one of the gradients and one of their squares. What an optimizer keeps is called **optimizer state**. Our network has 218,000 weights and biases. Times 16 that makes 3.5 MB, about a tenth of what we measured.
#
# **What belongs to the batch.** Take a layer with a single weight, $y = w \cdot x$. If $y$ rises by 1, let the loss rise by 2. If $w$ rises by 1, then $y$ rises by $x$, and the loss by $2 \cdot x$. So the gradient of $w$ is made of the *input* $x$.
#
# The backward pass comes to this layer much later than the forward pass did, and somebody has to keep $x$ until then. This is *autograd*, PyTorch's machinery for gradients. In the forward pass each layer hands it the tensors that its own derivative will need: the **saved tensors**. When people count memory, they call them *activations*. Under `torch.no_grad()` no backward pass can follow, and nothing is saved.

# %% [markdown]
# ### A block by hand
#
# | layer | its gradient needs | units |
# |---|---|---|
# | linear, 64 → 256 | its input | 1 |
# | GELU | its input, 4 times as wide | 4 |
# | linear, 256 → 64 | its input, 4 times as wide | 4 |
# | GELU | its input | 1 |
# | **together** | | **10** |
#
# Our unit is the input of the block: 64 images of 28 rows of 64 numbers, 4 bytes each, which is 0.46 MB. A block keeps ten such units, and six blocks keep 27.5 MB. The last layer keeps its input as well, one more unit. So there are 28 MB of activations and 3.5 MB of everything else. Together 31.5 MB, near the peak.
#
# PyTorch lets us look. `saved_tensors_hooks` takes a function that is called with each saved tensor. We count each piece of memory once, since two layers may keep the same tensor, and leave out the weights.

# %%
one = block()
h = torch.randn(64, 28, 64, requires_grad=True)  # the input of a block
kept = {}  # address of a piece of memory -> its bytes


def keep(tensor):
    kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
    return tensor


with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
    out = one(h)

# %% a_block_by_hand
own = [p.data_ptr() for p in one.parameters()]
units = [n / h.nbytes for address, n in kept.items() if address not in own]
print("units:", units, "together", sum(units))

# %% [markdown]
# **Try it.** Below `one = block()`, write the lines `one[1] = nn.ReLU()` and `one[3] = nn.ReLU()`, and run the two cells again.
#
# <details><summary>What others found</summary>
#
# Six units in place of ten. The derivative of ReLU is 0 or 1, and its *result* tells which. In a chain of blocks it is five: the next layer keeps this result anyway, so one tensor serves both.
#
# </details>

# %% [markdown]
# ### What is in memory
#
# Every image has its own $x$ at every layer. But the gradients of all images are added up into *one* number for each weight.
#
# **Predict.** 28 MB of activations belong to 64 images, and 3.5 MB to everything else. With how many images are both equally large: **A** 2, **B** 8, **C** 32?

# %% stacks tags=["hide-input"]
# Counts what a step has in memory, for three settings, and draws it.
show.stacks(reader, images, labels)

# %% [markdown] tags=["answer"]
# **With 8 images (B), because only the activations shrink with the batch.** An image has 28 / 64 = 0.44 MB of them, and 3.5 / 0.44 is 8.

# %% [markdown]
# The last bar shows another optimizer. SGD without momentum needs nothing from one step to the next, so it has no states, and all else stays as it was.

# %% [markdown]
# ## 3. When is the memory full?
#
# Three layers; each has weights of some bytes, and saves some. Bytes on top of weights and states:

# %% [markdown]
# | after | F1 | F2 | F3 | B3 | B2 | B1 |
# |---|---|---|---|---|---|---|
# | weights 1, saved 10 | 10 | 20 | 30 | 21 | 12 | 3 |
# | weights 10, saved 1 | 1 | 2 | 3 | 12 | 21 | 30 |
#
# We have added up four numbers. But a sum is a peak only if all of it is in memory at the same time. Is it? While the backward pass makes gradients, it releases activations.
#
# In the table F1 is the forward pass of layer 1, and B3 the backward pass of layer 3. Take the first row. After F3 all saved tensors are there, 30 bytes. After B3 the 10 bytes of layer 3 are released, and its gradient has come: 30 − 10 + 1 = 21. So the memory is fullest at the *turn*, where the forward pass ends and the backward pass begins. The gradients in our sum are not there yet. In the second row it rises to the end, when all gradients are there, and the optimizer comes.

# %% [markdown]
# ### Two networks
#
# The *reader* keeps 28 MB of activations and has 0.9 MB of weights. The *wide* network has 16 MB of weights and keeps 1 MB of activations.
#
# **Predict.** Where is the memory fullest: **A** at the turn for both, **B** at the turn for the reader, in the optimizer's step for the wide one, **C** in the optimizer's step for both?

# %%
hidden = [nn.Sequential(nn.Linear(1024, 1024), nn.ReLU()) for _ in range(3)]
wide = nn.Sequential(nn.Flatten(), nn.Linear(784, 1024), nn.ReLU(), *hidden, nn.Linear(1024, 10))

# %% two_networks tags=["hide-input"]
# Draws the level of memory during the second step of each network.
phases = show.two_steps({"reader": reader, "wide": wide}, images, labels)

# %% [markdown] tags=["answer"]
# **At the turn for the reader, in the optimizer's step for the wide network (B), because activations are complete at the turn, gradients at the end, where AdamW works with them.**

# %% [markdown]
# Both curves begin at three times the weights: the weights and two averages for each. The gradients of the step before are gone, since `zero_grad()` releases them.
#
# The reader is a mountain. The wide network is a staircase, with one stair for each large layer, and AdamW adds some working memory on top. So a smaller batch lowers the first peak, and hardly touches the second. **What is not in memory at the fullest moment is not worth shrinking.**
#
# We measured the *second* step, for a reason. AdamW makes its averages at the end of the first one. So a network like the reader can survive its first step, and run out of memory in the second.

# %% [markdown]
# ## 4. Forget, and compute again
#
# The saved tensors were *computed*, from the input of their block. So keep this input, and forget the rest, the block's *inside*. When the backward pass comes to the block, run it forward once more.
#
# This is **activation checkpointing**. The input that is kept is called a *checkpoint*.

# %% block_lives tags=["hide-input"]
# Draws which block's inside is in memory when, without checkpoints and with them.
show.block_lives()

# %% [markdown]
# ### One call for each block
#
# `checkpoint(block, x, use_reentrant=False)` in place of `block(x)`.
#
# **Predict.** Six blocks of ten units kept 60. Now a block keeps its input, one unit, and computes the other nine again in its backward pass. How many units are there at the fullest moment: **A** 6, **B** 10, **C** 15?

# %%
from torch.utils.checkpoint import checkpoint


class Checkpointed(nn.Sequential):
    def forward(self, x):
        plain = super().forward
        return checkpoint(plain, x, use_reentrant=False)


def with_checkpoints(model):  # the same weights, and a checkpoint for each block
    parts = [Checkpointed(part) if isinstance(part, nn.Sequential) else part for part in model]
    return nn.Sequential(*parts)


# %%
light = with_checkpoints(reader)
gradients = []
for model in (reader, light):
    F.cross_entropy(model(images), labels).backward()
    gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    model.zero_grad()

# %% one_call_for_each_block
print(f"peak: {needs(reader):.1f} MB, with checkpoints {needs(light):.1f} MB")
print("the same gradients, in every bit:", torch.equal(gradients[0], gradients[1]))

# %% [markdown] tags=["answer"]
# **15 units (C), because the six inputs stay, and one block at a time has its other nine.**

# %% [markdown]
# The peak falls to about a third, and not to a quarter, since weights, states and working memory are in it as well.
#
# What does it cost? A linear layer has one matrix product in its forward pass. In its backward pass it has two of the same size: one makes the gradient of the weight, the other that of the input, which the layer before needs. So a step is 1 + 2 = 3, and with a second forward pass it is 4, a third more operations. The gradients stay the same, because the same is computed again. That holds for dropout, too: `checkpoint` restores the state of the random generator.
#
# %% [markdown]
# ## 5. A batch in parts
#
# **Gradient accumulation**: feed a batch of 64 in eight equal parts, add up the gradients, and take one step.
#
# Two images, with the gradients 2 and 6. The loss is a mean, so the batch has (2 + 6) / 2 = 4. In two parts?
#
# A smaller batch needs less memory, but has noisier gradients. `backward()` *adds* to the gradient that is there already. So two calls leave 2 + 6 = 8, twice too much. We divide each loss by the number of parts, and get 2/2 + 6/2 = 4. The saved tensors of the first part are released before the second part begins, so only one part is in memory at a time.


# %% a_batch_in_parts
def gradient(model, parts):
    model.zero_grad()
    for some, answers in zip(images.chunk(parts), labels.chunk(parts), strict=True):
        loss = F.cross_entropy(model(some), answers) / parts
        loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


# %% [markdown]
# ### The same gradient?
#
# The reader treats each image by itself. SmallCNN has batch norm: it subtracts the mean of the *batch*, and divides by its deviation.
#
# **Predict.** For which of them do eight parts give the gradient of the whole batch: **A** both, **B** the reader alone, **C** neither?


# %%
def apart(model):
    whole, in_parts = gradient(model, 1), gradient(model, 8)
    return ((whole - in_parts).norm() / whole.norm()).item()


# %% the_same_gradient
cnn = models.SmallCNN()
print(f"reader: {apart(reader):.1e}")
print(f"SmallCNN: {apart(cnn):.1e}")
print(f"SmallCNN, eval: {apart(cnn.eval()):.1e}")

# %% [markdown] tags=["answer"]
# **For the reader alone (B), because batch norm lets the images of a batch depend on each other.** Two images with 1 and 3 in a channel become −1 and 1; each by itself would have no deviation.

# %% [markdown]
# The output tells how far the two gradients are apart, compared with their length. The reader's differ by rounding, since the same numbers are added in another order. The last line is the control: in evaluation mode batch norm uses fixed averages, all else is as before, and the difference is gone.

# %% [markdown]
# ### What to try first
#
# First find out what is in memory at the fullest moment. Then shrink the largest of it.

# %% what_to_try_first tags=["hide-input"]
# Measures the peak of both networks with each remedy, and counts the operations of the reader.
from lessons.training_memory.checks import Checkpointed  # as section 4 writes it

table, operations = show.remedies({"reader": reader, "wide": wide}, images, labels, with_checkpoints)
table

# %% [markdown]
# Parts need no more operations, but small parts take more time. Checkpoints help even where one image is too much. Neither helps the wide network. SGD does, but with it the training is another one. States in 8 bits take a quarter of their bytes, see *Deeper*. Mixed precision ([[amp]]) shrinks activations, and frozen weights have neither gradients nor states ([[adapters]]).

# %% [markdown]
# ## Exercise · As few checkpoints as fit
# ★★ · 10 minutes
#
# Write `fit_in`. It returns a `Sequential` of the parts of `model` in which as few blocks as possible have a checkpoint, so that `needs(…)` of it is at most `most` MB. The blocks are the `nn.Sequential`s among the parts, and all alike. `model` itself keeps its own parts.
#
# On paper: of two blocks one gets a checkpoint. Which?
#
# Then try `needs(fit_in(reader, needs, 20))`.
#
# <details><summary>Hint</summary>
#
# The first. The last block computes its inside again at the fullest moment. `light = nn.Sequential(*model)` has the same parts, and `light[n] = …` replaces one of them.
#
# </details>


# %% tags=["exercise"]
def fit_in(model, needs, most):
    """The model, with as few checkpoints as possible, so that a step needs at most `most` MB."""
    raise NotImplementedError


# %% tags=["check"]
check.fit_in(fit_in)


# %% tags=["solution", "hide-cell"]
def fit_in_solution(model, needs, most):
    light = nn.Sequential(*model)
    for n, part in enumerate(model):
        if isinstance(part, nn.Sequential) and needs(light) > most:
            light[n] = Checkpointed(part)
    return light


# %% [markdown]
# ## Remember
#
# - With AdamW in fp32 a weight costs 16 bytes, with its gradient and two averages; the activations come on top, and grow with the batch.
# - Where activations are large, memory is full in the backward pass, in a chain of equal blocks at its start, the turn; where weights are, at the end, when all gradients are there. Shrink what is there then.
# - Checkpoints compute activations again, for up to a third more operations; with a plain mean as loss, a batch in equal parts gives the same gradient, unless something like batch norm mixes its images or dropout draws again.

# %% [markdown]
# ## Scorecard
#
# What your run counted, beside what was published.

# %% tags=["scorecard"]
claims.show("training_memory")

# %% [markdown]
# ## Deeper
#
# ### What 16 bits save
#
# Under `autocast` ([[amp]]) the products of the reader are computed in bf16. What is saved in bf16 makes half as many bytes of activations. Layers whose inputs stay in fp32, such as the layer norms of many Transformers, save as much as before.
#
# The 16 bytes a weight stay. Weights, gradients and averages are fp32, as before. Others store the network in 16 bits altogether. Then small updates would be rounded away ([[formats]]), so the optimizer works on a copy in fp32, the **master weights**. That makes 2 bytes for the weight, 2 for its gradient, 4 for the master weight and 8 for the two averages: 16 again. A GPT-2 with 1.5 billion weights, 3 GB in 16 bits, so needs at least 24 GB before the first activation ([Rajbhandari et al., 2019](https://arxiv.org/abs/1910.02054)). Their *ZeRO* shares these bytes out among several GPUs.
#
# ### Optimizer states in 8 bits
#
# ```python
# from torchao.optim import AdamW8bit
#
# optimizer = AdamW8bit(model.parameters(), lr=0.001)
# ```
#
# It keeps both averages in 8 bits, with one scale for each block of 256 numbers. By hand: 256 bytes and a scale of 4 bytes take the place of 1,024 bytes, about a quarter. [Dettmers et al., 2021](https://arxiv.org/abs/2110.02861), had the idea, and report the performance of 32-bit states.
#
# Count what you get, because nothing warns you. Only a tensor of at least 4,096 numbers is quantized, and only if blocks of 256 divide it. LeNet-300-100 has matrices of 784 · 300 and 300 · 100 numbers. Neither is a multiple of 256, and all states stay in fp32. And the *peak* is another question than the states. In its step the optimizer turns the states of a tensor back into fp32. torchao compiles this step to need little memory for it. On a CPU this takes a C++ compiler. Without one, as on many laptops with Windows, write `torch.compiler.set_stance("force_eager")` first; then large temporary tensors can eat up what the states have saved. Measure the second step.
#
# ### Who holds the memory?
#
# On a GPU, `torch.cuda.max_memory_allocated()` tells the peak. Print `torch.cuda.memory_allocated()` after the forward pass, after `backward()` and after `step()`. The three numbers show mountain or staircase. `nvidia-smi` reports more than they do, also because PyTorch keeps released memory for its next tensors ([notes on CUDA](https://docs.pytorch.org/docs/stable/notes/cuda.html#memory-management)).
#
# If the memory grows from step to step, some name keeps a tensor alive, and a tensor with a graph keeps all that was saved for it. A common case is a list of losses from validation:
#
# ```python
# losses.append(F.cross_entropy(model(x), y))  # keeps all saved tensors of this batch
# losses.append(F.cross_entropy(model(x), y).item())  # keeps a number
# ```
#
# In training `backward()` releases the saved tensors, so a loss in a list holds little. Outputs in a list stay whole. Run the validation under `torch.no_grad()`, and store `item()` or `detach().cpu()`. A name from the last step counts as well: `del output, loss` before the next forward pass, or let them be local to a function, as in `step`.
#
# **Sources.** [`torch.utils.checkpoint`](https://docs.pytorch.org/docs/stable/checkpoint.html); T. Chen et al., *Training deep nets with sublinear memory cost*, 2016, [arXiv:1604.06174](https://arxiv.org/abs/1604.06174): a network of 1,000 layers needed 7 GB in place of 48, for 30 % more time.
#
# **Going further.** PyTorch's [*Understanding CUDA memory usage*](https://docs.pytorch.org/docs/stable/torch_cuda_memory.html) draws every tensor over time. S. Rajbhandari et al., *ZeRO*, 2019, [arXiv:1910.02054](https://arxiv.org/abs/1910.02054). Projects: find the batch at which the activations of a network of yours overtake its states; give a checkpoint to every second block, and explain the peak.
#
# **Credits.** Text CC BY 4.0, code MIT.

# ---
# jupyter:
#   course:
#     promise: You will say what fills the memory in training, when it is full, and what makes it fit.
#     seconds: 15
#     needs: []
#     values:
#       peak: f'{peak:.0f}'
#       times: f'{peak / weights:.0f}'
#       left: f'{peak_mb(light):.1f}'
#     goals:
#       - count what a training step keeps in memory, weights, gradients, optimizer states and activations;
#       - say at which moment the memory is full, and why;
#       - make a training fit, by checkpoints or by a batch in parts.
#     terms: [activation checkpointing, gradient accumulation, master weights, optimizer state, saved tensor]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *The weights take less than a megabyte. Why does training take more than thirty times as much?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import claims
from lessons.training_memory import experiment, show
from lessons.training_memory import tasks as check

torch.manual_seed(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. One training step
#
# You start a training, and PyTorch answers *out of memory*. But the weights are far smaller than the memory of your machine. What takes up the rest?
#
# Let's count everything in a small network, `deep`. It classifies images of 28 rows of 28 pixels. The first layer turns each row into 64 numbers (`nn.Flatten(1, 2)` merges the one colour channel with the rows). Six equal **blocks** follow: a linear layer from 64 to 256 numbers and one back to 64, each followed by a GELU, a smooth relative of ReLU. The last layer chooses among ten classes.

# %%
import torch
from torch import nn
from torch.nn import functional as F

from lessons.training_memory.experiment import images, labels, peak_mb, wide


def block():
    return nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64), nn.GELU())


blocks = [block() for _ in range(6)]
deep = nn.Sequential(nn.Flatten(1, 2), nn.Linear(28, 64), *blocks, nn.Flatten(), nn.Linear(28 * 64, 10))

# %% [markdown]
# Each weight needs a gradient, and the optimizer AdamW keeps two more numbers for it. So we expect about four times the weights.
#
# `peak_mb` copies the network, runs two training steps with 64 images, and measures the **peak** of the second one: the most memory that tensors take at any moment. (AdamW's numbers only come at the end of the first one.)

# %% one_step
weights = sum(p.nbytes for p in deep.parameters()) / 1e6
peak = peak_mb(deep)
print(f"weights {weights:.2f} MB, peak {peak:.1f} MB: {peak / weights:.0f} times as much")

# %% [markdown]
# So most of this memory holds something other than these four numbers. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. What is in memory?
#
# ### What belongs to a weight
#
# We expected four numbers. In fp32, PyTorch's usual type, each takes 4 bytes.
#
# | | bytes for each weight |
# |---|---|
# | the weight | 4 |
# | its gradient | 4 |
# | AdamW's two averages | 8 |
# | **together** | **16** |
#
# AdamW keeps a running average of each weight's gradients and one of their squares, from one training step to the next. That's its **optimizer state**.
#
# With 218,000 weights and biases, that's 3.5 MB, about a tenth of the peak.
#
# ### What belongs to the batch
#
# Take a layer with a single weight, $y = w \cdot x$, and the input $x = 3$. If $w$ grows by 1, then $y$ grows by 3. And if the loss grows twice as fast as $y$, it grows by 2 · 3 = 6. That's the gradient of $w$, and to compute it we need the layer's *input*.
#
# But the backward pass comes to this layer long after the forward pass. So in the forward pass, *autograd*, PyTorch's machinery for gradients, keeps the tensors that each layer's gradient will need. These **saved tensors** are usually called *activations*.
#
# Let's count them for one block. GELU has no weights, but the gradient passes through it, and its slope depends on its input. Our unit is the block's input: 64 images · 28 rows · 64 numbers · 4 bytes = 0.46 MB.
#
# | layer | its backward pass needs | units |
# |---|---|---|
# | linear, 64 → 256 | its input | 1 |
# | GELU | its input, 4 times as wide | 4 |
# | linear, 256 → 64 | its input, 4 times as wide | 4 |
# | GELU | its input | 1 |
# | **together** | | **10** |
#
# Does PyTorch agree? `saved_tensors_hooks` calls a function of ours with each tensor that autograd saves. We note its address and bytes, so that a tensor that's saved twice counts once.

# %% a_block_by_hand
saved = {}  # address -> bytes


def note(tensor):
    saved[tensor.data_ptr()] = tensor.nbytes
    return tensor


one = block()
x = torch.randn(64, 28, 64, requires_grad=True)  # the input of a block
with torch.autograd.graph.saved_tensors_hooks(
    note, lambda tensor: tensor
):  # the second function would bring a saved tensor back
    y = one(x)
for p in one.parameters():
    saved.pop(p.data_ptr(), None)  # weights are saved as well, but take no extra memory
print("units:", [n / x.nbytes for n in saved.values()])

# %% [markdown]
# These are the numbers of our table. Six blocks save 60 units, and with the input of the last layer that's 61, or 28 MB. The input of the first layer, the images, is there anyway.
#
# **Try it.** Below `one = block()`, add the line `one[1], one[3] = nn.ReLU(), nn.ReLU()`, and run the cell again.
#
# <details><summary>What others found</summary>
#
# Only 6 units, and the last of them is at the same time the input of the next block, so each further block adds 5. The *result* of ReLU tells its slope, 0 or 1, and the next layer saves this tensor anyway, as its input.
#
# </details>
#
# **Predict.** With 64 images, we have 28 MB of activations, and 3.5 MB that belong to the weights. At what batch size do the two take up the same space: **A** 2, **B** 8, **C** 32?

# %% stacks tags=["hide-input"]
# Counts what a training step keeps, for three settings, and draws it.
show.stacks(deep)

# %% [markdown] tags=["answer"]
# **At 8 images (B), because only the activations shrink with the batch.** One image has 28 / 64 = 0.44 MB of them, and 3.5 / 0.44 is 8.

# %% [markdown]
# Each image has its own inputs at every layer, but the gradients of all images are added up into *one* number for each weight.
#
# SGD without momentum, in the last bar, keeps no state.

# %% [markdown]
# ## 3. When is the memory full?
#
# But is all of this in memory at the same time? Let's follow two networks of three layers by hand. In the first, a layer's activations take 10 bytes and its gradients 1. In the second, it's the other way round. Weights and states are always there, so we leave them out.
#
# | after | first network | second network |
# |---|---|---|
# | forward, layer 1 | 10 | 1 |
# | layer 2 | 20 | 2 |
# | layer 3 | **30** | 3 |
# | backward, layer 3 | 30 − 10 + 1 = 21 | 3 − 1 + 10 = 12 |
# | layer 2 | 12 | 21 |
# | layer 1 | 3 | **30** |
#
# In the forward pass, each layer adds its activations. The backward pass begins with layer 3. This layer makes its gradients, and for a moment there are 31 bytes. Then it releases its activations, and 21 are left.
#
# So the first network is fullest near the **turn** from the forward to the backward pass, when only layer 3 has gradients. The second one is fullest at the end, when layer 1 makes the last gradients, and hardly less full when the optimizer starts its work.
#
# Now for two real networks: `deep`, with 0.9 MB of weights and 28 MB of activations, and `wide`, four linear layers with 1,024 outputs each and a small last one, with 16 MB of weights and only 1 MB of activations.
#
# **Predict.** When is the memory fullest? **A** Near the turn in both. **B** Near the turn in `deep`, and while AdamW works in `wide`. **C** While AdamW works in both.

# %% two_networks tags=["hide-input"]
# Draws the memory in use during the second training step of each network.
show.over_time({"deep": deep, "wide": wide})

# %% [markdown] tags=["answer"]
# **Near the turn in `deep`, and while AdamW works in `wide` (B), because all activations are there at the turn, and all gradients at the end of the backward pass.** To those, AdamW adds intermediate results, the spikes in `wide`. So here a smaller batch helps `deep`, but not `wide`, where the activations are gone by then.

# %% [markdown]
# Look at the turn in `deep`: there are no gradients yet, because each step begins with `zero_grad()`, which releases those of the step before. Of the 31.5 MB in our bar, 0.9 are missing, so 30.6 are there. A little later it's slightly more, because the layers' outputs have gradients, too, which the backward pass hands on from layer to layer.
#
# **So find out what's in memory at the fullest moment, and make *that* smaller.**

# %% [markdown]
# ## 4. Compute again instead of keeping
#
# How can we lower the peak of `deep`? All activations in a block were computed from the block's input. So we keep only this input, and when the backward pass comes to the block, we run its forward pass once more. This is **activation checkpointing**, and the input that we keep is a *checkpoint*.
#
# It takes one call, `checkpoint(block, x, use_reentrant=False)` in place of `block(x)`. A module around each block makes this call:

# %% checkpointed
from torch.utils.checkpoint import checkpoint


class Checkpointed(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return checkpoint(self.block, x, use_reentrant=False)


# %%
def with_checkpoints(model):  # the same parts, and so the same weights
    return nn.Sequential(*[Checkpointed(part) if isinstance(part, nn.Sequential) else part for part in model])


# %% [markdown]
# **Predict.** Six blocks kept 60 units. Now each keeps its input, one unit, and computes the other nine again when the backward pass comes to it. How many units are there at the fullest moment: **A** 6, **B** 10, **C** 15?

# %% with_and_without tags=["hide-input"]
# Draws the memory in use without and with checkpoints, and compares operations and gradients.
light = with_checkpoints(deep)
show.over_time({"deep": deep, "with checkpoints": light}, same_scale=True)
more = experiment.operations(light) / experiment.operations(deep)
same = torch.equal(experiment.gradient(deep), experiment.gradient(light))
print(f"operations with checkpoints: {more:.2f} times as many; the same gradients: {same}")

# %% [markdown] tags=["answer"]
# **15 units (C), because all six inputs stay, and only one block at a time holds its other nine.** The last layer's input is gone by then. So 15 · 0.46 = 6.9 MB of the peak are activations. The peak is 11.5 MB: weights and averages take 2.6, and nearly all of the rest are gradients that the block hands on.

# %% [markdown]
# In the right picture, each block makes a bump in each pass, because its inner results are there for a moment.
#
# What does it cost? A linear layer makes one matrix product in the forward pass, and two in the backward pass: one for the gradient of its weights, and one for that of its input. That's 3, and with a second forward pass 4. So if all weights are trained, checkpoints cost about **a third more operations**.
#
# Not all of it buys something. With checkpoints in the first five blocks only, it's 5 + 10 = 15 units again: the sixth saves nothing, and its block is computed twice all the same. The exercise asks where a checkpoint pays.
#
# The gradients stay the same, because the same numbers are computed again; for dropout (random zeros), `checkpoint` restores the random numbers. But batch norm updates its running averages twice.

# %% [markdown]
# ## 5. A batch in parts
#
# A smaller batch would lower the peak as well, but its gradients are noisier. **Gradient accumulation** feeds the large batch in parts, and adds up their gradients before the optimizer makes its step. Each part releases its activations before the next begins.
#
# There's one trap. Suppose two images have the gradients 2 and 6. The loss is a *mean*, so the batch of both has the gradient (2 + 6) / 2 = 4. Now feed them one by one. `backward()` *adds* to the gradient that's already there, so you get 8. So we divide each loss by the number of parts: 2 / 2 + 6 / 2 = 4. This needs equal parts: as many images in each, or as many tokens in a language model.


# %% a_batch_in_parts
def gradient(model, parts):
    model.zero_grad()
    for x, y in zip(images.chunk(parts), labels.chunk(parts), strict=True):
        loss = F.cross_entropy(model(x), y) / parts
        loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


# %% the_same_gradient tags=["hide-input"]
# Compares the gradient in eight parts with that of the whole batch, and the peaks.
from lessons.training_memory.tasks import Checkpointed  # as section 4 writes it

whole, in_parts = gradient(deep, 1), gradient(deep, 8)
apart = ((whole - in_parts).norm() / whole.norm()).item()
print(f"The two gradients differ by {apart:.5%} of their length.")
for name, network in {"deep": deep, "wide": wide}.items():
    print(f"{name}: peak {peak_mb(network):.1f} MB, in 8 parts {peak_mb(network, parts=8):.1f} MB")

# %% [markdown]
# The *length* is the norm, and so small a difference is rounding. The peak of `deep` falls to less than a quarter. The peak of `wide` doesn't change, because with 64 images the activations are gone by then.
#
# But batch norm subtracts the mean of the images that come together. The mean of a part isn't that of the batch, so with batch norm you get a different gradient.
#
# Parts need no extra operations, but small batches can be slow ([[roofline]]). If a single image is already too much, take checkpoints. And if the weights make the peak, as in `wide`, an optimizer with less state helps, or fewer weights to train ([[adapters]]). *Deeper* shows two more ways.

# %% [markdown]
# ## Exercise · As few checkpoints as fit
# ★★ · 10 minutes
#
# Write `fit_in(model, needs, most)`. The parts of `model` that are an `nn.Sequential` are its blocks, all alike. Return a new `nn.Sequential` of the same parts, in which as few blocks as possible are `Checkpointed`, and whose peak is at most `most` MB. `needs(network)` measures a peak, and `most` can be reached.
#
# First on paper: a network has two blocks of 10 units, and one gets a checkpoint. Should it be the first?
#
# Then try `peak_mb(fit_in(deep, peak_mb, 20))`.
#
# <details><summary>Hint</summary>
#
# On paper, follow the backward pass: what else is in memory when the block computes its nine units again? In code, `light = nn.Sequential(*model)` has the same parts, and `light[n] = …` replaces one.
#
# </details>


# %% tags=["exercise"]
def fit_in(model, needs, most):
    """The parts of model, with as few checkpoints as possible, so that a training step needs at most `most` MB."""
    raise NotImplementedError


# %% tags=["check"]
check.fit_in(fit_in)


# %% tags=["solution", "hide-cell"]
# The first one: when the backward pass reaches it, the second block's units are gone, so 1 + 10 is the most. The
# second one would be computed again while the first still has its 10. So checkpoints go to the first blocks.
def fit_in_solution(model, needs, most):
    light = nn.Sequential(*model)
    for n, part in enumerate(model):
        if isinstance(part, nn.Sequential) and needs(light) > most:
            light[n] = Checkpointed(part)
    return light


# %% [markdown]
# ## Remember
#
# - With AdamW in fp32, each weight takes 16 bytes, gradient and two averages included. Activations come on top, and grow with the batch.
# - Activations are complete at the turn, gradients only at the end, when the optimizer works. Find out which of the two moments is fuller, and make smaller what's there at that moment.
# - Checkpoints compute activations again, for about a third more operations if all weights are trained. A batch in equal parts gives the same gradient, unless a layer mixes its images, as batch norm does.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("training_memory")

# %% [markdown]
# ## Deeper
#
# ### What 16 bits save
#
# Under `autocast` ([[amp]]) matrix products are computed in 16 bits. So for the backward pass they keep half as many bytes of activations, but also a copy of their weights in 16 bits. So what they keep falls to about half in `deep`, but rises in `wide`, whose weights are far larger than its activations.
#
# The 16 bytes for each weight stay, because weights, gradients and averages are still fp32. And if you store the whole network in 16 bits? Then small updates would be rounded away ([[formats]]), so the optimizer usually works on a copy in fp32, the **master weights**. That makes 2 bytes for the weight, 2 for its gradient, 4 for the master weight and 8 for the averages: 16 again. A GPT-2 with 1.5 billion weights needs at least 24 GB ([Rajbhandari et al., 2019](https://arxiv.org/abs/1910.02054)).
#
# ### What the optimizer needs
#
# `AdamW8bit` of torchao keeps both averages in 8 bits, so they take about 2 bytes for each weight instead of 8. [Dettmers et al., 2021](https://arxiv.org/abs/2110.02861), introduced the idea, and report results as good as with 32-bit states.
#
# But check what you got. Only a tensor of at least 4,096 numbers whose size is a multiple of 256 gets 8 bits. All others stay in fp32, and there's no warning. And our `peak_mb` doesn't notice it, because `nbytes` of an 8-bit average tells its size in fp32.
#
# PyTorch's own AdamW needs memory for intermediate results. With `fused=True` it needs none. On a GPU it takes all tensors of weights at once by default, and [needs about as much more as the weights](https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html). To see a GPU's peak, call `torch.cuda.max_memory_allocated()`.
#
# Nor do all gradients have to be there at once. `register_post_accumulate_grad_hook` lets each weight make its step inside the backward pass, and then its gradient can go. But nothing can be added up over several parts.
#
# ### What if the memory grows from step to step?
#
# Then some name keeps a tensor alive, and a tensor with a graph keeps everything that was saved for it. A common case is a list of losses from validation:
#
# ```python
# losses.append(F.cross_entropy(model(x), y))  # keeps all saved tensors of this batch
# losses.append(F.cross_entropy(model(x), y).item())  # keeps a number
# ```
#
# In training, `backward()` releases the saved tensors, so a loss in a list holds little. But no backward pass follows a validation. So run a validation under `torch.no_grad()`, where nothing is saved, and store `.item()`.

# %% [markdown]
# **Sources.** [`torch.utils.checkpoint`](https://docs.pytorch.org/docs/stable/checkpoint.html); T. Chen et al., *Training deep nets with sublinear memory cost*, 2016, [arXiv:1604.06174](https://arxiv.org/abs/1604.06174): with checkpoints, a network of 1,000 layers needed 7 GB in place of 48, for 30 % more time.
#
# **Going further.** PyTorch's [*Understanding CUDA memory usage*](https://docs.pytorch.org/docs/stable/torch_cuda_memory.html) draws every tensor over time.
#
# **Credits.** Text CC BY 4.0, code MIT.
#
# **What's still open.** Training takes 16 bytes for each weight, and a trained network only 4. Could it make do with one, or with a quarter of one ([[integers]])?

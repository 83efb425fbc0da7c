# ---
# jupyter:
#   course:
#     promise: You will save, load, copy and count a pruned network without losing its masks or its accuracy.
#     seconds: 20
#     needs: [prune_module]
#     goals:
#       - load a pruned file with its masks active;
#       - say when `weight` of a pruned layer is out of date, and who suffers from it;
#       - count the zeros of a network truly.
#     terms: [sparsity, tied weights]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *A pruned network was saved, loaded, copied and pruned again: where did the accuracy go?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils.scorecard import claims
from lessons.prune_traps import checks as check
from lessons.prune_traps import show

torch.set_num_threads(1)

# %% [markdown]
# ## 1. The error that went away
#
# A colleague has pruned half of `fc1` of LeNet, the network of [[prune_module]]. It still reads 97 % of the digits. You get the file, and PyTorch refuses to load it.

# %%
from torch.nn.utils import prune

from course_utils import data, models
from course_utils.data import checkpoints

pruned = checkpoints.load("lenet_mnist")  # comes with the course, already trained
prune.l1_unstructured(pruned.fc1, name="weight", amount=0.5)
state = pruned.state_dict()  # what the colleague saves

# %% the_error_that_went_away tags=["nbval-check-output"]
try:
    models.LeNet().load_state_dict(state)
except RuntimeError as error:
    print(error)

# %% [markdown]
# ### A cure in seconds
#
# A search for this message finds `strict=False`. The error goes away.
#
# **Predict.** With which numbers does `fc1` compute now: **A** with all the trained ones, **B** with the trained ones, half of them 0, **C** with the random ones of a new layer?

# %%
images, labels = data.load("mnist", "test")


@torch.no_grad()
def accuracy(net):
    answers = torch.cat([net(batch).argmax(1) for batch in images.split(500)])
    return round(100 * (answers == labels).float().mean().item(), 1)


# %% a_cure_in_seconds
torch.manual_seed(0)
careless = models.LeNet()
report = careless.load_state_dict(state, strict=False)
print(f"pruned {accuracy(pruned)} % right, loaded {accuracy(careless)} %")

# %% [markdown] tags=["answer"]
# **With random numbers (C), because nothing in the file is called `fc1.weight`.** Names that match are loaded, and the others are left out without an error.

# %% [markdown]
# `fc1`, four fifths of the weights, is random, and the network is nearly worthless. No error told you so. The worst accidents with masks are like this one: no error, only an accuracy that is too low. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# **Try it.** In the last cell, change `torch.manual_seed(0)` to `torch.manual_seed(1)`, and run the cell again. Then change it back, and run it once more.
#
# <details><summary>What others found</summary>
#
# Another accuracy, since `fc1` has other random numbers. Most seeds end near 10 %, which is what guessing among ten digits gives.
#
# </details>

# %% [markdown]
# ## 2. Names first, then numbers
#
# The file has `fc1.weight_orig` and `fc1.weight_mask`. The new model needs these two names before it can take the numbers.
#
# Pruning is what makes the names. `prune.identity` is a pruning that removes nothing: it gives the layer a mask of ones, and with it the two names and the hook. Then the file fits, and its mask takes the place of the ones.


# %% names_first_then_numbers
def load_masked():
    torch.manual_seed(0)
    net = models.LeNet()
    prune.identity(net.fc1, name="weight")  # the names and the hook
    net.load_state_dict(state)  # the numbers
    return net


print(f"identity, then load: {accuracy(load_masked())} % right")

# %% [markdown]
# The masks are active: the hook multiplies before each forward pass, so you can train on, and the zeros stay.
#
# Which layers must be prepared? The file says it. A pair `X_orig`, `X_mask` is one pruned tensor `X`: here `fc1.weight`.
#
# `strict=False` is no crime if you read what the call returns. We kept it as `report`:

# %% tags=["nbval-check-output"]
print("missing:   ", report.missing_keys)
print("unexpected:", report.unexpected_keys)

# %% [markdown]
# Unexpected names `X_orig` and `X_mask` mean that a pruned tensor was not loaded.
#
# And if nobody will train or prune the network any more? Then the sender calls `prune.remove` before saving. The file has an ordinary `fc1.weight` with its zeros, and any LeNet takes it. It has no mask, so in training its zeros would grow back.

# %% [markdown]
# ## 3. What the hook computed last
#
# `weight` of a pruned layer is neither a parameter nor a buffer. It is the result of the last multiplication.
#
# Take a layer of three weights. `weight_orig` is (0.9, 0.1, 0.5), the mask is (1, 1, 0), so `weight` is (0.9, 0.1, 0). A step of the optimizer changes the parameter to (0.8, 0.2, 0.5).

# %% [markdown]
# **Predict.** A layer is pruned. It is called, then the optimizer takes a step, it is called again, then `load_state_dict` gives it older numbers, and it is called once more. After which of these is `weight` out of date?

# %%
from torch import nn

layer, x = nn.Linear(3, 1), torch.ones(1, 3)
prune.l1_unstructured(layer, name="weight", amount=1)


def up_to_date(layer):
    return torch.equal(layer.weight, layer.weight_orig * layer.weight_mask)


# %% what_the_hook_computed_last tags=["hide-input"]
# Goes through these events with that layer, asks up_to_date() after each, and draws the answers.
found = show.time_line(layer, x, up_to_date)

# %% [markdown] tags=["answer"]
# **After the step and after the loading, because both change a factor, and nobody has multiplied since.** The next call mends it.

# %% [markdown]
# In a training loop nobody notices, since a forward pass comes before every use. It bites whoever reads `weight` *between* two calls: a report, and `prune` itself, as section 4 shows. Moving or converting the model has the same effect: `.to()` and `.double()` change parameters and buffers, and `weight` stays behind.

# %% [markdown]
# ### Multiply once more
#
# A forward pass does it. If you have no input at hand, call the pruning hooks yourself:


# %% multiply_once_more
def refresh(model):
    """Compute every pruned tensor anew, without gradients."""
    with torch.no_grad():
        for module in model.modules():
            for hook in module._forward_pre_hooks.values():
                if isinstance(hook, prune.BasePruningMethod):
                    hook(module, None)  # the hook ignores its input
    return model


# %% [markdown]
# ### A copy
#
# Early stopping keeps a copy of the best network so far. In the middle of a training, PyTorch refuses to copy it.

# %% a_copy
import copy

layer(x)  # with gradients, as in training
try:
    copy.deepcopy(layer)
except RuntimeError as error:
    print(str(error).partition(" at the")[0])
twin = copy.deepcopy(refresh(layer))  # without gradients: no error
best = copy.deepcopy(layer.state_dict())  # works at any moment

# %% [markdown]
# During training autograd records how `weight` was computed, so that gradients find their way back to `weight_orig`. `deepcopy` does not copy a tensor with such a record. Pruning multiplies with a record, too, so right after it the copy fails. After a validation under `torch.no_grad()` nothing was recorded, and it works. So it may work for months, until somebody copies before the validation.
#
# The `state_dict` has the two factors and not the product, so it can be copied at any moment.

# %% [markdown]
# ## 4. Load, then prune again
#
# You have loaded the colleague's network as in section 2. Now more of it shall go.
#
# First with three weights. A new layer has the random weights (0.02, 0.3, −0.2). It gets `prune.identity`. The file says (0.9, 0.1, 0.5), with the mask (1, 1, 0). It is loaded, and at once one more weight is pruned by magnitude.
#
# **Predict.** Two trained weights are left, 0.9 and 0.1. Which one goes?

# %% load_then_prune_again tags=["hide-input", "nbval-check-output"]
# Loads the three weights into a new layer, prunes one more, and draws what each step leaves.
gone = show.loaded_and_cut(refresh)

# %% [markdown] tags=["answer"]
# **The 0.9, because `prune` ranks `weight`, and that still holds the random numbers: 0.02 is smaller than 0.3.** With `refresh` in between, the 0.1 goes.

# %% [markdown]
# ### The same in LeNet
#
# Four fifths of what is left of `fc1` shall go, so that a tenth stays.

# %% the_same_in_lenet
between = {
    "refresh": refresh,
    "a forward pass": lambda net: net(images[:1]),
    "nothing": lambda net: None,
}
right = {}
for name, action in between.items():
    net = load_masked()
    action(net)
    prune.l1_unstructured(net.fc1, name="weight", amount=0.8)  # of what is left
    right[name] = accuracy(net)
    print(f"load, {name}, prune: {right[name]} % right")

# %% [markdown]
# Without `refresh`, trained weights went because other, random numbers in their places were small. The second row is the control. A forward pass computes `weight` anew, and the accuracy is back, so it was `weight` that was to blame.
#
# Nothing tells you. The mask has the right number of zeros, and the accuracy looks like the price of pruning. How much is lost is a matter of luck: with most seeds we lost two to nine points, with some none.

# %% [markdown]
# ## 5. How many zeros?
#
# The share of weights that are zero is the **sparsity**. It needs a count.
#
# **Predict.** Of the 48,000 weights of `fc1` the mask has taken 24,000. Somebody counts the zeros in `net.parameters()`. Does this give **A** 24,000, **B** none, or **C** 48,000? What do the parameters hold?


# %%
def zeros(tensors):
    return sum((tensor == 0).sum().item() for tensor in tensors)


ways = {
    "parameters()": lambda net: zeros(net.parameters()),
    "masks": lambda net: zeros(value for name, value in net.named_buffers() if name.endswith("_mask")),
    "weight": lambda net: zeros(layer.weight for layer in net.children()),
    "refresh, then weight": lambda net: zeros(layer.weight for layer in refresh(net).children()),
}
removed = copy.deepcopy(refresh(pruned))
prune.remove(removed.fc1, "weight")
networks = {"pruned": pruned, "just loaded": load_masked(), "after remove": removed}
counts = {way: [count(net) for net in networks.values()] for way, count in ways.items()}

# %% counts_table tags=["hide-input", "nbval-check-output"]
# Writes the counts as a table.
show.counts_table(counts, networks)

# %% [markdown] tags=["answer"]
# **None (B), because the parameter is `weight_orig`, and it keeps a number for each removed weight.**

# %% [markdown]
# There are 24,000 zeros in each of the three networks, and each simple way misses them somewhere. The parameters hold the removed numbers until `remove`. The masks are gone after `remove`. `weight` is random just after loading. The last way is right in all three, for this network: compute `weight` anew, and then count the zeros among the numbers that the layers compute with.

# %% [markdown]
# ### What to do, and when
#
# | you want to | do this |
# |---|---|
# | load and go on | `prune.identity`, load, `refresh` |
# | prune again, count | `refresh` first |
# | keep the best network so far | copy the `state_dict`, `refresh` after loading it |
# | hand over a finished network | `prune.remove`, then save |

# %% [markdown]
# ## Exercise · Load a pruned file
# ★★ · 10 minutes
#
# Write `load_pruned(make_model, state)`. `make_model()` gives a new, unpruned model; `state` is the `state_dict` of a pruned one. Return a model with these numbers and active masks: its `state_dict()` is `state` again, and it can be trained, counted or pruned at once. Any tensor of any called layer may be pruned, biases too.
#
# On paper: what does the key `0.bias_mask` ask you to prepare?
#
# Here each key that ends in `_mask` is a mask. You may use `refresh`.
#
# <details><summary>Hint</summary>
#
# On paper: `prune.identity(model[0], "bias")`. In general, `key.removesuffix("_mask").rpartition(".")` gives the module's path, the dot and the tensor's name. `model.get_submodule(path)` finds the module; for an empty path that is the model itself.
#
# </details>


# %% tags=["exercise"]
def load_pruned(make_model, state):
    """A new model with the numbers and the active masks of state."""
    raise NotImplementedError


# %% tags=["check"]
check.load_pruned(load_pruned)


# %% tags=["solution", "hide-cell"]
def load_pruned_solution(make_model, state):
    model = make_model()
    for key in state:
        if key.endswith("_mask"):
            path, _, name = key.removesuffix("_mask").rpartition(".")
            prune.identity(model.get_submodule(path), name)
    model.load_state_dict(state)
    with torch.no_grad():  # as refresh(model) does, if all hooks are pruning's
        for module in model.modules():
            for hook in module._forward_pre_hooks.values():
                hook(module, None)
    return model


# %% [markdown]
# ## Remember
#
# - A pruned file has other names than a new model: prepare them with `prune.identity`, load strictly, then `refresh`; `strict=False` leaves a pruned layer at random.
# - `weight` is what the hook computed last: it is out of date after an optimizer's step and after loading, until the layer is called.
# - `prune` and a count read `weight` as it stands, so `refresh` before. To keep a copy, copy the `state_dict`.

# %% [markdown]
# ## Scorecard
#
# What the lesson says of PyTorch, and what your run measured.

# %% tags=["scorecard"]
claims.show("prune_traps")

# %% [markdown]
# ## Deeper
#
# ### Tied weights
#
# Two layers may share one parameter, as in language models whose embedding is also the last layer ([Press and Wolf, 2017](https://arxiv.org/abs/1608.05859)). They have **tied weights**. Here half of the embedding's 32 weights are pruned.

# %% tags=["nbval-check-output"]
tokens, readout = nn.Embedding(8, 4), nn.Linear(4, 8, bias=False)
readout.weight = tokens.weight  # tied
prune.l1_unstructured(tokens, name="weight", amount=0.5)
print("pruned: zeros of tokens", zeros([tokens.weight]), "and of readout", zeros([readout.weight]))
prune.remove(tokens, "weight")
print("removed: zeros of tokens", zeros([tokens.weight]), "and of readout", zeros([readout.weight]))

# %% [markdown]
# The readout holds the old parameter, which is now `weight_orig` of the embedding, and knows of no mask. So the two layers compute with different numbers. `remove` writes the zeros into the shared parameter, and the readout changes although nobody touched it: the accuracy that you measured before `remove` was that of another network. There are two cures. Prune both layers with one mask; or let the readout compute `F.linear(x, tokens.weight)`, so that it reads the product.
#
# ### A run that is resumed
#
# An optimizer saves what it remembers by position, and pruning changes the order of the parameters:

# %% tags=["nbval-check-output"]
norm = nn.BatchNorm2d(1)
print([name for name, _ in norm.named_parameters()])
prune.identity(norm, "weight")
print([name for name, _ in norm.named_parameters()])

# %% [markdown]
# `weight` is taken off the list, and `weight_orig` is added at its end. Suppose that the first run made Adam before it pruned, and the resumed run makes it afterwards. Then Adam's averages for the bias land at the weight. In a batch norm both have the same shape, so nothing is raised. Resume in the order of the first run: model, pruning and optimizer as they were made there, and then both states.
#
# ### A call that was refused
#
# A pruned layer gets a second call with an impossible amount, and the program catches the error and goes on.

# %% tags=["nbval-check-output"]
twice = nn.Linear(3, 1)
prune.l1_unstructured(twice, name="weight", amount=1)
try:
    prune.l1_unstructured(twice, name="weight", amount=1.5)
except ValueError as error:
    print(error)
print("hooks:", len(twice._forward_pre_hooks), " in the file:", list(twice.state_dict()))

# %% [markdown]
# PyTorch takes the old hook off before it looks at the amount. Parameter and mask are still there, but nobody multiplies any more, and `weight` can no longer be trained, sometimes without an error. `prune.remove` refuses such a layer. Load its `state_dict` into a new one, as in section 2.
#
# **Sources.** PyTorch's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) by Michela Paganini shows masks in a `state_dict`; why a copy fails is told in [issue 37322](https://github.com/pytorch/pytorch/issues/37322). M. Paganini and J. Forde, *Streamlining tensor and network pruning in PyTorch*, 2020, [arXiv:2004.13770](https://arxiv.org/abs/2004.13770).
#
# **Recommended video.** Michela Paganini, *PyTorch Pruning: How it's Made*, [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw), by the author of the module.
#
# **Going further.** The [source of the module](https://github.com/pytorch/pytorch/blob/main/torch/nn/utils/prune.py) is worth reading. Project: write the masks with `torch.nn.utils.parametrize`, and see which of these traps are gone. Next here: [[prune_model]], and [[lightning_pruning]] for files that a Trainer writes.
#
# **Credits.** The first steps follow Michela Paganini's tutorial; part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

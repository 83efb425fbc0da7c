# ---
# jupyter:
#   course:
#     promise: You will load, prune and count a masked network without losing its masks or its accuracy.
#     seconds: 20
#     needs: [prune_module]
#     goals:
#       - load a pruned file with its masks active;
#       - say when `weight` of a pruned layer is out of date, and bring it up to date before you prune again;
#       - count the zeros of a pruned network correctly.
#     terms: [tied weights]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *A pruned network was saved, loaded and pruned again: where did the accuracy go?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import claims
from lessons.prune_traps import show
from lessons.prune_traps import tasks as check

torch.set_num_threads(1)

# %% [markdown]
# ## 1. The error that went away
#
# A colleague has pruned half of `fc1`, the largest layer of LeNet, as in [[prune_module]]. She saves the network's `state_dict`, which holds every parameter and every buffer under its name, and sends you the file. You make a new LeNet and load it.

# %%
import torch
from torch.nn.utils import prune

from course_utils import checkpoints, models

pruned = checkpoints.load("lenet_mnist")  # comes with the course, already trained
prune.l1_unstructured(pruned.fc1, name="weight", amount=0.5)
state = pruned.state_dict()  # what the colleague saves

# %% the_error_that_went_away tags=["nbval-check-output"]
try:
    models.LeNet().load_state_dict(state)
except RuntimeError as error:
    print(error)

# %% [markdown]
# A search for this message finds `strict=False`, which tells `load_state_dict` to load what it can. The error goes away. We test the colleague's network and the loaded one on the first 2,000 test digits.
#
# **Predict.** Which numbers does `fc1` use now: **A** all the trained ones, **B** the random ones of a new layer, **C** the trained ones with half of them 0?

# %% a_cure_in_seconds
from lessons.prune_traps.show import accuracy

torch.manual_seed(1)
careless = models.LeNet()
report = careless.load_state_dict(state, strict=False)
print(f"pruned {accuracy(pruned):.1f} % right, loaded {accuracy(careless):.1f} %")

# %% [markdown] tags=["answer"]
# **The random ones (B), because nothing in the file is called `fc1.weight`.** Names that match are loaded, and the others are left out without an error. `fc1` holds four fifths of LeNet's weights, and all of them are random now.

# %% [markdown]
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Names first, then numbers
#
# The network was loaded without an error, and yet it's nearly useless. Could we have known before we measured? Let's see which names didn't fit. `load_state_dict` returned two lists of them, and we kept them as `report`:

# %% tags=["nbval-check-output"]
print("missing:   ", report.missing_keys)
print("unexpected:", report.unexpected_keys)

# %% [markdown]
# So `strict=False` does warn us, if we read what it returns: an unexpected pair `X_orig` and `X_mask` means that the pruned tensor `X` was not loaded.
#
# How does such a file get into a new network, then? Let's look inside with three weights in place of 48,000. For these three the file holds
#
# - `weight_orig` = (0.9, 0.1, 0.5): a *parameter*, which the optimizer trains. It keeps the removed 0.5. That was the smallest of the three when it was pruned, and then training changed the other two.
# - `weight_mask` = (1, 1, 0): a *buffer*, which is saved and loaded like a parameter, but never trained.
#
# The third tensor, `weight` = (0.9, 0.1, 0), isn't in the file. It's the product of the two, and a *hook* computes it before each forward pass.
#
# A new layer has neither these two names nor the hook. Pruning makes them. So we prune the new layer with `prune.identity`, which removes nothing: its mask is all ones. Now the names fit, and loading overwrites the ones with the file's mask.


# %% names_first_then_numbers
def load_masked(seed=0):
    torch.manual_seed(seed)  # of the new layers' random numbers
    net = models.LeNet()
    prune.identity(net.fc1, name="weight")  # the names and the hook
    net.load_state_dict(state)  # the numbers
    return net


print(f"identity, then load: {accuracy(load_masked()):.1f} % right")

# %% [markdown]
# The accuracy is back, so the trained numbers have arrived. Has the mask arrived as well? The accuracy can't tell us, because this LeNet reads about 96 % without a mask, too. But the mask is a buffer, so we can look at it.
#
# **Try it.** Under the last line of the cell with `load_masked`, add `print((load_masked().fc1.weight_mask == 0).float().mean())`, and run it again.
#
# <details><summary>What others found</summary>
#
# It prints 0.5: half of the mask's entries are 0, as in the colleague's network. Loading has overwritten the ones that `prune.identity` made.
#
# </details>
#
# The mask is active, so you can train on and the zeros stay.
#
# If nobody will train the network any more, the sender can save you the trouble by calling `prune.remove` before saving. Then the file has an ordinary `fc1.weight` with its zeros, and any LeNet takes it. But it has no mask, so if you train it further, the zeros won't stay zero. To prevent that, make a mask from them first: `prune.custom_from_mask(net.fc1, "weight", net.fc1.weight != 0)`.

# %% [markdown]
# ## 3. When `weight` is out of date
#
# We have loaded both factors, `weight_orig` and `weight_mask`. But who has multiplied them? Nobody, until the first forward pass. This is the one idea behind the rest of this lesson:
#
# **`weight` is the result of the last multiplication.** If a factor has changed since, `weight` is out of date.
#
# Let's follow our three weights. The new layer starts with the random weights (0.02, 0.3, −0.2).
#
# | after | `weight_orig` | `weight_mask` | `weight` | |
# |---|---|---|---|---|
# | `prune.identity` | (0.02, 0.3, −0.2) | (1, 1, 1) | (0.02, 0.3, −0.2) | |
# | loading | (0.9, 0.1, 0.5) | (1, 1, 0) | (0.02, 0.3, −0.2) | **out of date** |
# | a forward pass | (0.9, 0.1, 0.5) | (1, 1, 0) | (0.9, 0.1, 0) | |
# | an optimizer's step | (0.8, 0.2, 0.5) | (1, 1, 0) | (0.9, 0.1, 0) | **out of date** |
# | a forward pass | (0.8, 0.2, 0.5) | (1, 1, 0) | (0.8, 0.2, 0) | |
#
# Pruning and each forward pass multiply. Loading and the optimizer change a factor and don't multiply. Neither does `net.to("cuda")`: it moves the parameters and the buffers to the GPU, and `weight` is neither, so the old product stays behind.
#
# How do you bring `weight` up to date? A forward pass does it. If you have no input at hand, you can call the hooks yourself. The function `refresh` looks for the hooks that pruning has made, and calls each of them:


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
# When do we need it? The outputs are right without it, because each call of the layer multiplies first. The trouble comes when code reads `weight` *between* two forward passes, and `prune` does exactly that. When you prune a layer again, it ranks the magnitudes of the numbers in `weight`, at the positions where the mask is still 1.
#
# **Predict.** You load the three weights as in the table's second row, and at once prune one more by magnitude. Two trained weights are left, 0.9 and 0.1. Which one goes?

# %% load_then_prune_again tags=["hide-input", "nbval-check-output"]
# Loads the three weights into a new layer, prunes one more, and draws what each step leaves.
gone = show.loaded_and_cut(refresh)

# %% [markdown] tags=["answer"]
# **The 0.9, because `weight` still holds the random numbers, and 0.02 is smaller than 0.3.** Recompute `weight` first, and the 0.1 goes.

# %% [markdown]
# In the last column of the figure, `refresh` was called before the cut, so `prune` compared the trained numbers.
#
# Now the colleague's network. We prune `fc1` again with `amount=0.8`. In a layer that has a mask, this counts from what is left: four fifths of the remaining half go, and a tenth of the weights stay. Before the cut we call `refresh`, or run a forward pass, or do nothing. The random numbers of the new layer depend on the seed, so we try six of them.

# %% the_same_in_lenet tags=["hide-input"]
# Loads the file, takes one of the three actions, prunes four fifths of what is left, and counts right answers, for six seeds.
right = show.pruned_again(load_masked, refresh)

# %% [markdown]
# The first two rows don't depend on the seed, because they rank the trained weights. The only difference between the second row and the third is a forward pass, and in this network it does nothing but compute `weight`. So the old `weight` is to blame: trained weights were removed where the *random* numbers were small.
#
# No error tells you that this has happened. The mask has the right number of zeros, and a low accuracy looks like the price of pruning. But before the cut, a test does: `torch.equal(fc1.weight, fc1.weight_orig * fc1.weight_mask)` is False as long as `weight` is out of date.
#
# In a training, where you prune every few epochs, `weight` can be out of date as well. But a forward pass comes before each step of the optimizer, so it's never more than one step behind. One step changes each number a little, so the ranking stays nearly the same. After loading, the old numbers have nothing to do with the trained ones. One habit covers both cases: **call `refresh` before you prune.**

# %% [markdown]
# ## 4. How many zeros?
#
# We now know that a pruned layer has three tensors, and that one of them may be out of date. So where do we count its zeros? The sparsity of `fc1`, the share of its weights that are zero, is 50 %. A good way to count finds that in three networks: in the colleague's, in one that `load_masked` has just made, and in a copy of the colleague's after `prune.remove`. We could count among the parameters, in the `state_dict`, in `weight`, or in `weight` after a `refresh`.
#
# **Predict.** Somebody counts the zeros among `fc1`'s parameters, in the network that the colleague has just pruned. What sparsity do they get: **A** 0 %, **B** 50 %, **C** 100 %?

# %% counts_table tags=["hide-input", "nbval-check-output"]
# Counts in four ways, in the colleague's network, in the loaded one, and after remove, and writes a table.
counts = show.count_zeros(refresh, pruned, load_masked)

# %% [markdown] tags=["answer"]
# **0 % (A), because the parameter is `weight_orig`, and it keeps a number for each removed weight.** Of our three weights, it's (0.9, 0.1, 0.5), without a zero. Only `prune.remove` writes the product into the parameter.

# %% [markdown]
# The sparsity is 50 % in all three networks. Our three weights, where the truth is one zero in three, explain the next two rows:
#
# - **The `state_dict`.** It holds `weight_orig` *and* the mask, *six* numbers with one zero. So you get only half of the true sparsity.
# - **`weight`.** Just after loading it's (0.02, 0.3, −0.2), which has no zero.
#
# The last row is right everywhere: bring `weight` up to date, and then count its zeros with `(refresh(net).fc1.weight == 0).float().mean()`. While there is a mask, you can also count the zeros of `net.fc1.weight_mask`. The mask is a factor, so it's never out of date, but after `prune.remove` it's gone.
#
# Count only in the tensors that were pruned. Other zeros were never removed: a new batch norm, for instance, has biases of 0. And say what you divide by: half of `fc1` is two fifths of LeNet's weights.

# %% [markdown]
# ## Exercise · Load a pruned file
# ★★ · 10 minutes
#
# Write `load_pruned(make_model, state)`. `make_model()` gives a new, unpruned model, and `state` is the `state_dict` of a pruned one. Return a model with these numbers and active masks, ready to be trained, pruned or counted at once. Any parameter of any layer may be pruned, biases too. You may use `refresh`.
#
# On paper: a file has the keys `0.weight`, `0.bias_orig` and `0.bias_mask`. What do you prepare before loading, and what must be computed afterwards?
#
# <details><summary>Hint</summary>
#
# On paper: `prune.identity(model[0], "bias")`, and afterwards `bias`. In general, a key that ends in `_mask` is a mask if there's a key with `_orig` beside it, and `key.removesuffix("_mask").rpartition(".")` gives the module's path, the dot and the parameter's name. `model.get_submodule(path)` finds the module; for an empty path that's the model itself.
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
# - A pruned file has other names than a new model, so prepare them with `prune.identity` before you load; `strict=False` leaves a pruned weight at its random numbers.
# - `weight` is what the hook computed last, so it's out of date after anything that changes a factor, such as loading or an optimizer's step, until the next forward pass or `refresh`.
# - `prune` and a count read `weight` as it stands, so call `refresh` first, and don't count in the parameters, which keep the removed numbers until `prune.remove`.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("prune_traps")

# %% [markdown]
# ## Deeper
#
# ### A copy in the middle of training
#
# Early stopping keeps a copy of the best network so far. With masks on, `copy.deepcopy(net)` may raise *Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol*. The reason is `weight` again. When pruning or a forward pass computes it, autograd records how, so that gradients find their way back to `weight_orig`, and `deepcopy` doesn't copy a tensor with such a record. So the copy fails right after pruning as well as after a training step, and works after an evaluation under `torch.no_grad()`. `refresh` computes `weight` without a record, so `copy.deepcopy(refresh(net))` works. So does `copy.deepcopy(net.state_dict())`, at any moment, because the product isn't in it.
#
# ### Tied weights
#
# Two layers may share one parameter, as in language models whose embedding is also the last layer ([Press and Wolf, 2017](https://arxiv.org/abs/1608.05859)). They have **tied weights**. Here half of the embedding's 32 weights are pruned.

# %% tags=["nbval-check-output"]
tokens, readout = torch.nn.Embedding(8, 4), torch.nn.Linear(4, 8, bias=False)
readout.weight = tokens.weight  # tied
prune.l1_unstructured(tokens, name="weight", amount=0.5)
print(
    "pruned: zeros of tokens", (tokens.weight == 0).sum().item(), "and of readout", (readout.weight == 0).sum().item()
)
prune.remove(tokens, "weight")
print(
    "removed: zeros of tokens", (tokens.weight == 0).sum().item(), "and of readout", (readout.weight == 0).sum().item()
)

# %% [markdown]
# The readout holds the old parameter, which is now `weight_orig` of the embedding, and knows nothing of the mask. So the two layers compute with different numbers. `remove` writes the zeros into the shared parameter, and the readout changes although nobody touched it: the accuracy that you measured before `remove` was that of another network. There are two cures. Prune both layers with one mask; or let the readout compute `F.linear(x, tokens.weight)`, so that it reads the product.
#
# **Sources.** PyTorch's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) by Michela Paganini shows masks in a `state_dict`; [issue 37322](https://github.com/pytorch/pytorch/issues/37322) explains why a copy fails. M. Paganini and J. Forde, *Streamlining tensor and network pruning in PyTorch*, 2020, [arXiv:2004.13770](https://arxiv.org/abs/2004.13770).
#
# **Recommended video.** Michela Paganini, *PyTorch Pruning: How it's Made*, [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw), by the author of the module.
#
# **Going further.** The [source of the module](https://github.com/pytorch/pytorch/blob/main/torch/nn/utils/prune.py) is worth reading. Project: write the masks with `torch.nn.utils.parametrize`, and see which of these traps are gone.
#
# **Credits.** The first steps follow Michela Paganini's tutorial; part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown]
# ## One layer was easy
#
# So far only `fc1` was pruned. In [[prune_model]] we prune every layer of LeNet. Should each lose the same share, or should one threshold decide for all?

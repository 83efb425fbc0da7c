# ---
# jupyter:
#   course:
#     promise: You will train, copy, save and share a pruned module without losing its masks or its zeros.
#     seconds: 15
#     needs: [measuring, prune_module]
#     goals:
#       - Count what is left after several rounds of pruning.
#       - Say which tensor of a pruned module is out of date when, and who reads it.
#       - Load a checkpoint of a pruned model, train it on, and prune it again.
#       - Find the one mistake in somebody's recipe by changing one thing at a time.
#     terms: ["density, sparsity", tied weights]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A pruned layer looks like any other, until you train it on, copy it or load it.*
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
# *For the lecturer, 1.5 min.* Ask who has pruned a model and trained it further, and who has counted the zeros afterwards. Say: "Most of what you will see today raises no
# error. That is why it is a lesson." Draw what the lesson before showed, and leave it on the board: `weight_orig` × `weight_mask` = `weight`; under the first *parameter*, under the second *buffer*, under the third *computed by a hook before each forward pass*.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import data, models, runtime, training
from course_utils.data import checkpoints
from course_utils.scorecard import claims
from lessons.prune_traps import checks as check
from lessons.prune_traps import show

runtime.seed_all(0)
torch.set_num_threads(1)
runtime.describe(torch.device("cpu"))  # all that follows is small and runs there

# %% [markdown] slideshow={"slide_type": "skip"}
# [[prune_module]] pruned one layer and showed what PyTorch makes of it: a parameter `weight_orig`, a buffer `weight_mask`, and a hook that computes `weight`, their product, before each forward pass. This lesson does with such a layer what one does with any other. It trains it, prunes it again, copies it, saves it and loads it. Each time something goes wrong, and only rarely is there an error. The accuracy is a little too low, or much too low, and nobody knows why.
#
# The traps come in the order in which you are likely to meet them. Rarer ones stand under *Deeper*: layers that share a weight, a layer with a mask of its own, a call that PyTorch refuses.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. "Permanent"
#
# `prune.remove` takes mask and hook away and leaves the zeros; its [documentation](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.prune.remove.html) calls
# the tensor *permanently pruned*. Half of `fc1` of a trained LeNet is cut by magnitude: 24,000 zeros. Then comes **one** step of training.
#
# **Predict.** After `remove` and that step, how many of the 24,000 zeros are left, and why: **A** all, **B** a part, **C** none?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; the word "permanently" speaks for A. The answer is B: without a mask a zero is a weight like any other. Not C, because a weight whose gradient is exactly 0 does not move, and a neuron that gives 0 for every image of the batch has only such weights (so does an input that is 0 in every image). Read the table row by row. Let the room say what the third row did: it made a new mask from the zeros.
# To "what is permanent, then?" say: the loss of the old values.
# Transition: "So call `remove` last."

# %% [markdown] slideshow={"slide_type": "skip"}
# The trained LeNet comes with the course and is that of [[prune_module]]: it saw 12,000 images of MNIST four times, with Adam and a learning rate of 0.002. Loading it saves about 8 s of training; `python course.py checkpoints lenet_mnist` trains it again.

# %% slideshow={"slide_type": "skip"}
images, labels = data.load("mnist", n=256)
test_images, test_labels = data.load("mnist", "test")
lenet = checkpoints.load("lenet_mnist")


def half_cut():
    """A copy of the trained network in which half of fc1 is masked."""
    net = copy.deepcopy(lenet)
    prune.l1_unstructured(net.fc1, name="weight", amount=0.5)
    return net


# %% slideshow={"slide_type": "skip"}
def one_step(net):
    before = show.zeros(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    F.cross_entropy(net(images), labels).backward()
    optimizer.step()
    net(images[:1])  # a forward pass brings a masked weight up to date
    return before, show.zeros(net)


masked, removed, again = half_cut(), half_cut(), half_cut()
prune.remove(removed.fc1, "weight")
prune.remove(again.fc1, "weight")
prune.custom_from_mask(again.fc1, name="weight", mask=again.fc1.weight != 0)  # masked again, from its zeros
steps = {"masked": one_step(masked), "removed": one_step(removed), "removed, masked again": one_step(again)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts the zeros of fc1 before and after the step.
show.steps_table(steps)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Only a part of the zeros is left (B), because after `remove` they are ordinary weights, and the optimizer moves each one whose gradient is not 0.** With a mask all of them stay.
#
# <!-- page -->
#
# "Permanent" means that the cut cannot be undone: the old values are gone. It does not mean that the zeros stay. Those that did stay after this step had a gradient of exactly 0, and [[prune_module]], which counted the same number, explained why that is common: their neuron gives 0 for every image of the batch, or the input that they multiply is 0 in all of them. The next batch may move them, too.
#
# So call `remove` *last*, when no training follows. If somebody hands you a network in which `remove` was called already, you can still train it: make a mask from its zeros, as the third row does. (This takes every zero for a removed weight. A weight that happens to be 0 for another reason, as in a bias that starts at 0, is caught with them.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Pruned twice
#
# A pruned tensor is pruned again, its mask still there. **Density** is the share that is not zero, **sparsity** is 1 − density.
#
# **Predict.** Prune 0.6, then 0.6 again. **A** an error, **B** everything is gone, **C** 84 % is gone, **D** 60 % is gone?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote. The answer is C: 0.6, and 0.6 of the 0.4 that are left. Do it with 100 weights on the board: 40, then 16, then 6. So densities multiply, 0.4 · 0.4 = 0.16. Who voted B added fractions; there is no error (A), also where they add up to more than 1. Let somebody explain the last two rows: two counts do add up, 19,200 of 48,000; and after `remove` there is no mask, so the second call finds 28,800 zeros, the smallest weights of all, and removes them once more (that would be D).

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
# Prunes a layer of 48,000 weights by each list of amounts, and counts its zeros.
schedules = {"0.6": [0.6], "0.6, 0.6": [0.6] * 2, "0.6, 0.6, 0.6": [0.6] * 3, "9,600, 9,600": [9600] * 2}
schedules |= {"0.6, remove, 0.6": [0.6, "remove", 0.6]}
table, gone = show.sparsities(schedules)
table

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **84 % are gone (C), because a call counts only the weights that the earlier calls have left.** Counts add up, fractions do not. After `remove` the first cut is forgotten.
#
# <!-- page -->
#
# With 100 weights: the first call removes 60 and leaves 40. The second one removes 0.6 of these 40, which is 24, and leaves 16. The third one leaves 16 − 10 = 6. So fractions $a_1, \dots, a_k$ leave a density of $\prod_i (1 - a_i)$, here $0.4 \cdot 0.4 = 0.16$. (Each call rounds to a whole number of weights.) A sum of fractions above 1 is no error, and it never removes everything.
#
# An int is a number of weights, and numbers add up: two calls of 9,600 remove 19,200 of the 48,000, or 40 %.
#
# The last row is the surprising one. `remove` deletes the mask, so the second call sees a tensor without any. To it the 28,800 zeros are weights like all others, and those of least magnitude. It "removes" them again, and nothing new is gone.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Five steps to 90 %
#
# Somebody wants to prune in five equal steps, with some training after each, and end at a sparsity of 90 %.
#
# **Predict.** Which amount must each of the five calls get: **A** 0.18, **B** 0.37, **C** 0.9?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* A minute with paper, then hands; the answer is B. Write $(1 - a)^5 = 0.1$ on the board and let somebody solve it: the fifth root of 0.1 is 0.631, so a = 0.369. Walk through it with 100 weights: 63, 40, 25, 16, 10 are left. A comes from 0.9 / 5, and ends at 63 %; C leaves a tenth of a tenth, five times.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output"]
for amount in (0.18, 1 - 0.1 ** (1 / 5), 0.9):
    print(f"five times {amount:.3f}: sparsity {show.sparsity([amount] * 5):.5f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Each call must get 0.37 (B): five of them leave $0.63^5 = 0.1$ of the weights.** 0.18 is 0.9 / 5, as if fractions added up, and ends at 63 %.
#
# <!-- page -->
#
# Let $a$ be the amount of each call. Then $(1 - a)^5$ must be 0.1, so $1 - a$ is the fifth root of 0.1, which is 0.631, and $a = 0.369$. The steps are equal as fractions, and not as numbers of weights: the first one removes 37 % of all weights, the last one 37 % of 16 %, or 6 %. This is how most papers prune in rounds, and so does [[ticket]].

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. A weight that is out of date
#
# The hook computes `weight` *before a forward pass*; `.double()` and `.to()` convert or move parameters and buffers.
#
# **Predict.** A report, or a penalty on a norm, reads `weight` directly. After which of these events is it out of date: pruning, a forward pass, an optimizer's step, `.double()`?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room name the events, a show of hands for each. The answer is the step and `.double()`: `weight` is a plain attribute, and neither the optimizer nor `.double()` knows of it.
# Each next forward pass mends it. Draw a tiny case: `weight_orig` (0.5, 2), mask (0, 1), `weight` (0, 2); a step makes `weight_orig` (0.6, 1.9), and `weight` still says (0, 2). Then ask who else reads `weight`. Somebody may find it: `prune` itself, which ranks what the hook computed last.
# Give the cure a name, because the next slides use it: `refresh(model)` is a function of this lesson, six lines on the page, which calls every pruning hook once, without a forward pass and without gradients.


# %% slideshow={"slide_type": "skip"}
def fresh(layer):
    product = layer.weight_orig * layer.weight_mask
    return product.dtype == layer.weight.dtype and torch.equal(product, layer.weight)


# %% slideshow={"slide_type": "skip"}
layer, x = show.step_1(), test_images[:64]  # a small convolution, pruned by 30 %
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
events = [("pruned", fresh(layer))]
layer(x).square().mean().backward()
events.append(("forward, backward", fresh(layer)))
optimizer.step()
events.append(("optimizer's step", fresh(layer)))
layer(x)
events.append(("forward", fresh(layer)))
layer.double()
events.append((".double()", fresh(layer)))
layer(x.double())
events.append(("forward", fresh(layer)))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws after which of these events weight is the product of its two factors.
show.time_line(events)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **`weight` is out of date after the optimizer's step and after `.double()`, until the next forward pass computes it anew.**
#
# <!-- page -->
#
# The optimizer changes the parameter `weight_orig`. `.double()` converts parameters and buffers. `weight` is neither: it is an ordinary attribute, which holds the result of the last multiplication. A tiny case: `weight_orig` is (0.5, 2), the mask (0, 1), so `weight` is (0, 2). A step changes `weight_orig` to (0.6, 1.9). `weight` still says (0, 2), until somebody calls the layer.
#
# In a training loop nobody notices, because a forward pass stands before every use. It bites whoever reads `weight` *between* two forward passes: a report that counts zeros, a penalty on the weights, a copy. And one reader is easily forgotten: **`prune` itself**. A second cut takes the attribute `weight` and ranks what the hook computed last. After an optimizer's step that is one step behind, which hardly matters. After loading a file it matters a great deal, as section 4 shows.
#
# The cure is to read `weight_orig * weight_mask`, or to have the hooks compute `weight` anew without a forward pass. PyTorch has no function for that; it takes a few lines:


# %% slideshow={"slide_type": "skip"}
def refresh(model):
    """Compute every pruned tensor anew, outside of autograd."""
    with torch.no_grad():
        for module in model.modules():
            for hook in module._forward_pre_hooks.values():
                if isinstance(hook, prune.BasePruningMethod):
                    hook(module, None)
    return model


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A copy
#
# `weight` is the result of a product. While autograd remembers the product, PyTorch refuses to copy the tensor, and with it the module
# ([issue 37322](https://github.com/pytorch/pytorch/issues/37322)).
#
# **Predict.** At which moments does `copy.deepcopy(module)` work: right after pruning, in the middle of a training step, after a validation without gradients?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Ask for each moment in turn: the answers are no, no, and yes. While gradients are on, the product is recorded, and a tensor with such a record is not copied; right after pruning it is the pruning call that has multiplied. Without gradients `weight` is a plain tensor. In the table, "forward, backward", "optimizer.step()" and "forward, gradients" are the training step, "forward, no_grad" the validation; AveragedModel, a running mean of weights, copies the module when it is made.
# "Early stopping copies the best model. Where in the loop does it stand in your code?" Right after the validation it works by luck. Safe in every row: copy the `state_dict`, the last column, or call `refresh` before.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
# Tries three ways to copy a pruned layer, at seven moments of a training.
show.copies_table(refresh, test_images[:64])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Of the three moments, `deepcopy` works after the validation alone, because there `weight` was computed without gradients and is a plain tensor.** A copy of the `state_dict` works at every moment.
#
# <!-- page -->
#
# When autograd is on, the hook's multiplication is recorded, so that gradients can flow back into `weight_orig`. `weight` then refers to that record, and PyTorch does not copy such a tensor, because a copy of the record would make no sense. Right after pruning `deepcopy` fails for the same reason: the pruning call has multiplied, with autograd on. Under `torch.no_grad()` nothing is recorded.
#
# This matters for early stopping, which keeps a copy of the best model so far. It works by luck if the copy stands right after a validation without gradients, and it breaks on the day when somebody moves that line. Averaging of weights (`AveragedModel`) copies the module as well. The cure is to call `refresh(model)` before, or to copy the `state_dict`, which contains the two factors and never `weight`.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Names in a file
#
# The file of a pruned LeNet has `fc1.weight_orig` and `fc1.weight_mask`. A new model has `fc1.weight`. `load_state_dict(state)` raises an error. Suppose you try `strict=False`.
#
# **Predict.** With `strict=False`: **A** it loads all but the mask, **B** `fc1.weight` stays as it was made, at random, **C** another error?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Ask who has written strict=False, then vote. The answer is B, no error: names that do not fit are left out. A is wrong, because `weight_orig` is a name that the new model does not have either. Read the accuracy of that row aloud: all layers but `fc1` are trained. The rows below are the
# cures: one for training on, one for shipping. `prune.identity` gives the new layer a mask of ones, and with it the two names of the file. In the last column the shipped model is not pruned, and has the zeros. To "is strict=False always wrong?" say: read the two lists that the call returns; a name in `_orig` among them is a pruned tensor that was not loaded.

# %% slideshow={"slide_type": "skip"}
saved = half_cut()
state = show.saved_and_read(saved)
message = show.says(lambda: models.LeNet().load_state_dict(state))
print(message.replace(" Missing", "\nMissing").replace(" Unexpected", "\nUnexpected"))

# %% [markdown] slideshow={"slide_type": "skip"}
# The error says exactly what is wrong: two names in the file that the model does not have, and one the other way round. The first of the next three models silences it. The other two are cures. `prune.identity` prunes nothing: it gives a layer a mask of ones, and with it the names that the file has.

# %% slideshow={"slide_type": "skip"}
runtime.seed_all(0)
not_strict = models.LeNet()
not_strict.load_state_dict(state, strict=False)

prepared = models.LeNet()
prune.identity(prepared.fc1, name="weight")
prepared.load_state_dict(state)
refresh(prepared)

to_ship, shipped = half_cut(), models.LeNet()
prune.remove(to_ship.fc1, "weight")
_ = shipped.load_state_dict(show.saved_and_read(to_ship))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Evaluates the four models, and counts the zeros of fc1.
loaded = {"saved": saved, "strict=False": not_strict}
loaded |= {"identity, load, refresh": prepared, "remove, save, load": shipped}
table, right = show.loaded_table(loaded, test_images, test_labels)
table

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **`fc1.weight` stays random (B), and there is no error.** **To go on training**, prepare the same tensors with `prune.identity`, load, and call `refresh`. **To ship**, call `remove` before saving: then any model of the class takes the file.
#
# <!-- page -->
#
# `strict=False` means: take what fits, and leave out the rest. `fc1.weight_orig` has no partner in the new model, so it is left out, and `fc1.weight` keeps the random numbers it was made with. All other layers are trained. The table shows what such a network is worth.
#
# Use `strict=False` only together with what `load_state_dict` returns: two lists, the missing and the unexpected keys. If one of them contains a name that ends in `_orig`, a pruned tensor was not loaded.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Load, then prune again
#
# A pruned network is loaded with `prune.identity`, as above. Then `fc1` is pruned further, to a sparsity of 90 %.
#
# **Predict.** What does it cost to leave out `refresh`: **A** nothing, **B** less than a point of accuracy, **C** more than a point? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Point at the drawing on the board: loading fills parameter and buffer, and `refresh` then computes the product. Vote; the answer is C. Then ask: "What did `prune` rank in the second row?" The weights of a new, untrained layer. "How could you have noticed?" No error, a mask of the right size, an accuracy that one may take for the price of pruning. "What is the third row for?" It is the control: a forward pass runs the hook, and the loss is gone, so `weight` was to blame and nothing else.


# %% slideshow={"slide_type": "skip"}
def loaded_and_cut(between):
    """Load the half-pruned file, do something, prune fc1 to 90 %; percent right."""
    runtime.seed_all(0)
    net = models.LeNet()
    prune.identity(net.fc1, name="weight")
    net.load_state_dict(state)
    between(net)
    prune.l1_unstructured(net.fc1, name="weight", amount=0.8)  # of the half that is left
    return 100 * training.evaluate(net, test_images, test_labels)


# %% slideshow={"slide_type": "fragment"}
accuracy = {"refresh": loaded_and_cut(refresh)}
accuracy |= {"nothing": loaded_and_cut(lambda net: None)}
accuracy |= {"a forward pass": loaded_and_cut(lambda net: net(images[:1]))}
for between, percent in accuracy.items():
    print(f"{between} between loading and cutting: {percent:.1f} % right")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Without `refresh` the further cut costs several points more (C), because `prune` ranks the random weights with which the new layer was made.** In three trainings it was 2.5 to 8 points.
#
# <!-- page -->
#
# `prune.identity` computed `weight` once, from the random values of the new layer. Loading filled `weight_orig` and `weight_mask`, and left the attribute `weight` as it was. Then `l1_unstructured` read `weight`, as section 3 said, took the smallest *random* numbers, and removed the trained weights in their places. A tiny case: the file says that `weight_orig` is (0.9, 0.1), and the new layer was made with the random weights (0.02, 0.3). One of the two shall be removed. The smaller trained weight is 0.1, but `prune` compares 0.02 with 0.3, and removes the 0.9.
#
# How many entries of a mask does that spoil? Take `nn.Linear(20, 20)`, half-pruned, so that 200 of its 400 weights are left, and remove half of these. The right mask keeps the 100 largest. A mask by random numbers also keeps 100, and about 50 of them are right by chance. So about 50 weights are removed and should have stayed, and about 50 stay and should have been removed: a quarter of the 400 entries are wrong.
#
# In a trial with a larger layer, `fc1` of LeNet-300-100, the same mistake left 79.5 % right in place of 93.7 %.
#
# Nothing tells you. The mask has the right number of zeros, and the accuracy looks like the price of pruning. The third line of the output is the control: a single forward pass in between does what `refresh` does, so it is `weight` that was out of date, and nothing else.
#
# There is a way around it that needs no `refresh`: load first, mask second. Rename `weight_orig` to `weight` in the state, load it into the new model, and call `prune.custom_from_mask` with the mask from the file. It computes `weight` from what was loaded. Exercise 2 lets you choose.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. The optimizer was made before
#
# The optimizer was given `weight`, which is no longer a parameter. We take a step on the dense layer, prune half of it, and take another step with the *same* optimizer.
#
# **Predict.** Does it now train a tensor that nobody reads? And do the masked entries of `weight_orig`, whose gradient is 0, stay where they are?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes, and both times the answer is no. The optimizer goes on working: `weight_orig` *is* the old parameter under a new name, and an optimizer holds the object, not the name. Here the masked entries stay with plain SGD alone. Ask why the others move them: momentum and Adam remember the gradient of the step before the cut, and weight decay shrinks every entry without any gradient. Point at the last column: the layer does not notice, all zeros stay. Ask who would care: whoever takes the mask off again, or goes back to old values, as lottery tickets do.

# %% slideshow={"slide_type": "skip"}
SGD = torch.optim.SGD
makers = {"SGD": lambda p: SGD(p, lr=0.1), "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9)}
makers |= {"weight decay": lambda p: SGD(p, lr=0.1, weight_decay=0.01), "Adam": torch.optim.Adam}

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
# Takes a step, prunes, takes another step, with each of the optimizers.
show.optimizers_table(makers, refresh, test_images[:64])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The optimizer goes on training the right tensor, because `weight_orig` *is* the old parameter under a new name. But three of the four optimizers move masked entries.**
#
# <!-- page -->
#
# Pruning registers the same parameter object as `weight_orig`, and the optimizer holds the object, not its name.
#
# A masked entry has a gradient of 0, and plain SGD subtracts 0. Momentum adds what it remembers of older gradients: 0.9 of the last one, then 0.81, and so on. By hand: in the one step before the cut the gradient was 0.2, and the learning rate is 0.1. Then the masked entry moves by 0.1 · 0.9 · 0.2 = 0.018, and by 0.0162 in the step after that. Adam remembers as well. Weight decay needs no gradient at all, because it makes every entry a little smaller: with a decay of 0.01 an entry of 0.5 loses 0.1 · 0.01 · 0.5 = 0.0005. The layer does not notice, since the mask stands between, and `weight` keeps its zeros. But the values under the mask are no longer those from the moment of the cut. That matters to whoever takes the mask off, or goes back to old values ([[ticket]] does): keep your own copy of them.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What to do, and when
#
# | you want to | do this | because |
# |---|---|---|
# | train a pruned network | keep the mask, call `remove` last | a zero without a mask is moved |
# | prune in $k$ equal steps to density $d$ | an amount of $1 - d^{1/k}$ each | fractions count what is left |
# | count zeros, add a penalty, prune again | `refresh` first | `weight` is what the hook computed last |
# | keep the best model so far | copy the `state_dict` | `deepcopy` fails while autograd remembers |
# | load and train on | `identity`, load, `refresh` | names, values, and then their product |
# | ship | `remove`, then save | the file fits any model of the class |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Make the screen dark before anybody reads (key B), and ask from memory, row by row, "You want to train a pruned network. What do you do, and why?" Then B again: the table has the answers. Each row was a trap of the last half hour. Then ask which of them a test could find: count the zeros before and after training, and compare `weight` with the product after loading.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · What is wrong with this recipe?
# ★★ · 12 minutes · an investigation
#
# A colleague prunes, saves, loads, prunes again and trains; the accuracy is too low. You may try three cures: `"mask again"` (from the zeros, before training), `"strict"` (no `strict=False`) and `"refresh"` (before pruning again). The instrument `right(cure, seed)` runs the whole recipe with one cure, or with `"none"`, and returns per cent right. Seeds differ by about a point.
#
# `what_is_wrong(right)` → the cure that helps, or `"nothing"` if none does
#
# <details><summary>Hint</summary>
# A cure helps if the accuracy with it is, on average, more than a point higher than with none. How many seeds tell, and which ones must each cure have?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several colleagues. A cure *helps* if its mean over the seeds is more than one point (of the hundred) above the mean of none. At most one cure helps each colleague; the others may win less, or do harm. The check looks at how you make your experiment (each cure with the same seeds, at least five), and then at what you conclude. One run for each cure would say little: seeds differ by about a point, so a difference of 1.5 points between two runs may be that of their seeds.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* In pairs, without a laptop: "Which runs would you make, and in which order?" Wanted: none first, then each cure alone, all with the same seeds. Two or three cures at once would not tell which one helped. Ask what they would conclude from a single run that is 1.5 points better: nothing, since seeds differ by about a point, and the difference of two runs by more. Wanted: at least five seeds for each, and their means; a cure helps if its mean is more than a point above that of none, and else the answer is "nothing".


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_is_wrong(right):
    """Say which cure helps: "mask again", "strict", "refresh" or "nothing".

    Args:
        right: the instrument; `right("refresh", seed=3)` gives the per
            cent right of the recipe with this cure.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_is_wrong(what_is_wrong)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_is_wrong_solution(right):
    cures = ("none", "mask again", "strict", "refresh")
    mean = {cure: sum(right(cure, seed=seed) for seed in range(10)) / 10 for cure in cures}
    best = max(cures, key=mean.get)
    return best if mean[best] - mean["none"] > 1 else "nothing"


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · Load a pruned checkpoint
# ★★★ · 15 minutes
#
# Write `load_pruned`: the model that a checkpoint of a pruned model describes, with its masks *active*, so that training can go on, and so that it can be pruned again at once. You get a function that makes a new, unpruned model, and the
# state_dict. Any tensor of any module may be pruned, or none; a module may be called `pre_mask_orig`. The model may have buffers of its own whose names end in `_mask` or in `_orig`;
# `check.Gate`, which some inputs use, has one of each, `keep_mask` and `start_orig`. A name that has *both* endings is pruned.
#
# `load_pruned(make_model, state)` → a model whose `state_dict()` is `state` again
#
# <details><summary>Hint</summary>
# A pruned tensor has two keys, one that ends in _orig and one that ends in _mask. "features.0.weight_mask" belongs to model.get_submodule("features.0") and its parameter "weight"; the model itself is
# get_submodule(""). Section 4 shows two ways: prepare, load and compute anew, or load first and mask second.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def load_pruned(make_model, state):
    """A new model with the weights and the active masks of `state`.

    >>> state = {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([1.0])}
    >>> load_pruned(lambda: torch.nn.Linear(1, 1), state)(torch.ones(1, 1)).item()  # nothing is pruned here
    3.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.load_pruned(load_pruned)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def load_pruned_solution(make_model, state):
    model, dense, masks = make_model(), dict(state), {}
    for key in state:
        pruned = key.removesuffix("_mask")
        if key.endswith("_mask") and f"{pruned}_orig" in state:
            dense[pruned], masks[pruned] = dense.pop(f"{pruned}_orig"), dense.pop(key)
    model.load_state_dict(dense)  # the values first, under their old names
    for pruned, mask in masks.items():  # and then the masks, so that the product is computed from these values
        path, _, name = pruned.rpartition(".")
        prune.custom_from_mask(model.get_submodule(path), name, mask)
    return model


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### Filters cut again and again
#
# Does a second cut of whole filters also count from the filters that are left? And which filters does it take from a layer that has lost single weights before?

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "nbval-check-output"]
# Cuts half of the filters of conv2 three times; then half of the single weights, and half of the filters.
empty = show.filters_cut_again()

# %% [markdown] slideshow={"slide_type": "skip"}
# Whole filters are counted as single weights are: `ln_structured` takes its share of the filters that are not empty yet. When single weights were cut before, the filters that lost most of them have the least norm, so the second cut takes by preference those that the first one had thinned out. (The preference is not strong here: 56 against 44 %.)
#
# ### A run that is resumed
#
# An optimizer saves its state by position. A layer lists its parameters in the order in which they were registered, `weight` and then `bias`. Pruning takes `weight` off this list and registers `weight_orig` at its end, so the order is now `bias`, `weight_orig`. An optimizer that was made before pruning has the old order. So build the resumed run in the order of the first one (model, pruning, optimizer), and then load both states. Another order may raise nothing:

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "nbval-check-output"]
# Saves Adam's state in one order of pruning and optimizer, and resumes in another.
show.resumed_table(test_images[:8])

# %% [markdown] slideshow={"slide_type": "skip"}
# In a convolution the tensors have different shapes, so Adam notices at its next step. In batch norm `weight` and `bias` have the same shape, so the two states are exchanged without a word.
#
# ### A mask of the model's own
#
# Some models have masks: in an autoregressive layer, output $i$ may look at the inputs before it and at no other (MADE, [Germain et al., 2015](https://arxiv.org/abs/1502.03509)). Here
# the triangle is a buffer, and its name is `weight_mask`.


# %% slideshow={"slide_type": "skip"}
class Ordered(nn.Linear):
    """Output i looks at the inputs before it: `weight_mask` is the layer's own buffer."""

    def __init__(self, n):
        super().__init__(n, n, bias=False)
        self.register_buffer("weight_mask", torch.ones(n, n).tril(-1))

    def forward(self, x):
        return F.linear(x, self.weight * self.weight_mask)


# %% slideshow={"slide_type": "skip"}
def ahead(layer):
    """How many outputs change when the last input does; in order, none would."""
    with torch.no_grad():
        x = torch.ones(1, layer.in_features)
        other = x.clone()
        other[0, -1] = 2
        return int((layer(x) != layer(other)).sum())


torch.manual_seed(0)
ordered = Ordered(5)
triangle, sees_before = ordered.weight_mask.clone(), ahead(ordered)
prune.l1_unstructured(ordered, "weight", amount=0.5)
replaced, sees_after = ordered.weight_mask.clone(), ahead(ordered)
after_remove = show.says(lambda: prune.remove(ordered, "weight")(torch.ones(1, 5)))

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output", "hide-input", "title-figure"]
# Draws the buffer weight_mask before and after pruning.
show.two_triangles(triangle, replaced, (sees_before, sees_after), after_remove)

# %% [markdown] slideshow={"slide_type": "skip"}
# Pruning replaces the triangle by its own mask, without a word, and the layer looks into the future. After `remove` the buffer is gone, and the layer cannot run. Ask `hasattr(module, name + "_mask")` before the first pruning, or give your masks other names. A program that loads checkpoints and takes each key ending in `_mask` for pruning's meets the same trap, as Exercise 2 shows: pruning's mask has an `_orig` beside it.
#
# ### Tied weights
#
# Two layers may share one parameter, as in language models whose embedding, `tokens`, is also the last layer, `readout` ([Press and Wolf, 2017](https://arxiv.org/abs/1608.05859)): `readout.weight = tokens.weight`. They have **tied weights**. Half of `tokens.weight` is pruned, 16 of 32.

# %% slideshow={"slide_type": "skip"}
half, both, final = show.tied("tokens"), show.tied("tokens", "readout"), show.tied("tokens")
print("readout.weight is tokens.weight_orig:", half["readout"].weight is half["tokens"].weight_orig)
answer_before = show.tied_logits(final).detach()
prune.remove(final["tokens"], "weight")
change = (show.tied_logits(final).detach() - answer_before).abs().max().item()
print(f"largest change of the output at remove: {change:.2f}; largest output before: {answer_before.abs().max():.2f}")
show.tied_in_training()

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the shared parameter and what each layer multiplies with: pruned, removed, both pruned.
show.tied_frames(half, final, both)

# %% [markdown] slideshow={"slide_type": "skip"}
# The readout holds the old parameter, which is now `weight_orig` of the other layer, and knows of no mask: 16 zeros in one, none in the other. With two weights: the shared parameter is (0.1, 2), and the mask (0, 1). `tokens` computes with (0, 2) and `readout` with (0.1, 2). At `remove` the zeros are written into the parameter, which becomes (0, 2), and the output of the readout changes although nobody touched the readout. So the accuracy that you measured before `remove` was that of another network. Until then the masked entries even go on learning, because the readout still uses them, and its gradient reaches them (the last printed line). There are two cures: prune both names with one mask; or tie the layers by a function, `F.linear(x, tokens.weight)`, so that the second layer computes with what the hook of the first one made.
#
# ### What a container remembers
#
# After several calls a `PruningContainer` lists the methods in order, and the tensor has one mask. LeNet's five weight tensors are pruned in five rounds of 20 %: layer by layer with `l1_unstructured`, or all together with `global_unstructured`, which ranks the weights of all layers in one list ([[prune_model]]).

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Counts the bytes of all masks in memory after each round.
held = show.masks_in_memory(lenet)

# %% [markdown] slideshow={"slide_type": "skip"}
# `global_unstructured` hands each layer a ready mask, and its entry in the container keeps it: five masks after five rounds, and the buffer is the sixth. The file holds one, and `remove` frees all. The old masks can be of use. Two methods were applied, and one is to be taken back: `remove` knows a tensor and not a method, and leaves the zeros of both. Before it, `weight_orig` has every value, so copy back a mask that you kept, or that of a container's entry, where it has one.

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "nbval-check-output"]
# Prunes twice, then copies the first mask back; beside it, what remove leaves.
show.one_of_two_taken_back(refresh)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Bad input
#
# What is the difference between `amount=1` and `amount=1.0`? And what does PyTorch refuse: an amount of 1.5, a name with a typing error, pruning *all* weights, a weight that is NaN?

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "nbval-check-output"]
# Asks PyTorch for cuts of one, all and no weights, and of a layer with NaN.
show.accepted_table()

# %% [markdown] slideshow={"slide_type": "skip"}
# 1 is one weight, and 1.0 is all of them. Cutting all weights is accepted, and so is NaN. NaN ranks as the largest and is kept; where it is cut, 0 · NaN is NaN, because a mask multiplies and does not erase. Of the four, only 1.5 and the typing error are refused. The next cells show all refusals beside what `course_utils.prune_request.validate_request` says *before* anything is touched, and a mistake that nobody refuses, scores in the wrong shape.

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "nbval-check-output"]
# Hands global_unstructured scores in the right shape, transposed, and under a wrong key.
show.scores_unchecked()

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "nbval-check-output"]
# Asks PyTorch and the course's own function for calls that cannot be right.
show.refused_table()

# %% [markdown] slideshow={"slide_type": "skip"}
# ### After a refused call
#
# A pruned layer gets a second call with `amount=1.5`, which raises. The program catches the error and goes on. In what state is the layer?

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "nbval-check-output"]
# Looks at a pruned layer before and after a refused call.
show.after_refusal(fresh, test_images[:1])

# %% [markdown] slideshow={"slide_type": "skip"}
# The hook is gone, and nothing else. Parameter and mask are still there, `weight` stands still, and training no longer reaches it. PyTorch takes the hook off *before* it looks at the amount. On this layer `prune.identity`, `prune.remove` and a new cut all raise. A layer whose bias is `None` even loses the name and cannot run. So ask first, with `validate_request`. To repair, load the layer's `state_dict` into a *new* layer, as in section 4, `refresh` included. [[own_method]] comes back to it.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · What is left after k rounds
# ★ · 10 minutes
#
# Write `weights_left`: how many of `n` weights are left after one call of `prune` for each of `amounts`. A float is a fraction of what is left, its count rounded with `round`; an int is a
# count. No count here is larger than what is left: PyTorch refuses such a call.
#
# `weights_left(n, amounts)` → a whole number
#
# <details><summary>Hint</summary>
# Walk through the amounts, and subtract from what is left. isinstance(amount, int) tells a count from a fraction: 1 is one weight, 1.0 is all.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def weights_left(n, amounts):
    """How many of `n` weights are left after pruning by each of `amounts`, in order.

    >>> weights_left(100, [0.5])
    50
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.weights_left(weights_left)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def weights_left_solution(n, amounts):
    left = n
    for amount in amounts:
        left -= amount if isinstance(amount, int) else round(amount * left)
    return left


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("prune_traps")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Fractions compound on what is left, masks keep zeros in training, and `remove` comes last.
# - `weight` is what the hook computed last, and no parameter. After loading, compute it anew before you prune, count or copy.
# - `strict=False` leaves a pruned tensor at random. Prepare the names, or load first and mask second.
#
# **Recommended video** (it helps, and does not replace the lesson): Michela Paganini, *PyTorch Pruning: How it's Made*,
# [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw), by the author of the module.
#
# **Going further**: the [source of the module](https://github.com/pytorch/pytorch/blob/main/torch/nn/utils/prune.py), which is worth reading. Next here: [[prune_model]].
#
# **Project ideas**: rewrite the masks with `torch.nn.utils.parametrize` and see which traps are gone; write a function that finds every trap of this lesson in a given model.
#
# **Credits**: the first steps follow Michela Paganini's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html); the idea of this course in one
# lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask which of the traps raised an error at the moment it was made: the copy and the strict load. All others were silent. Transition: "Next: a whole model, and what it costs
# when it may train again."

# ---
# jupyter:
#   course:
#     promise: You will teach PyTorch a pruning rule of your own, such as two of every four, and test it before you trust it.
#     seconds: 15
#     needs: [prune_module]
#     goals:
#       - write a pruning method, its `compute_mask` and its `PRUNING_TYPE`;
#       - say what 2:4 sparsity keeps, stores and needs;
#       - test a method with random scores, ties and earlier masks.
#     terms: ["2:4 sparsity", importance scores, pruning type]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How do you teach PyTorch your own rule, and how would you notice that it is wrong?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils.scorecard import claims
from lessons.own_method import checks as check
from lessons.own_method import show

torch.set_num_threads(1)

# %% [markdown]
# ## 1. You know better
#
# You have measured what each of four weights is worth: how much the error of the network grows without it. Without the first weight the error even *falls*, by 5.
#
# | weight | 1st | 2nd | 3rd | 4th |
# |---|---|---|---|---|
# | score | −5 | 0.1 | 0.2 | 3 |
#
# The two with the lowest scores shall go.
#
# You know `l1_unstructured` from [[prune_module]]. It ranks by any numbers that you hand over as `importance_scores`; without them it takes the weights. Remember what L1 stands for.

# %% [markdown]
# **Predict.** `l1_unstructured` gets these scores. Which two weights stay: **A** those with 0.2 and 3, **B** those with −5 and 3, **C** none, there is an error?

# %% you_know_better tags=["nbval-check-output"]
import torch
from torch import nn
from torch.nn.utils import prune

scores = torch.tensor([[-5.0, 0.1, 0.2, 3.0]])
layer = nn.Linear(4, 1)
prune.l1_unstructured(layer, "weight", amount=0.5, importance_scores=scores)
print("mask:", layer.weight_mask.tolist())

# %% [markdown] tags=["answer"]
# **The first and the last weight stay (B), because the L1 in the name is the absolute value, and it is taken of your scores, too.**

# %% [markdown]
# The weight that does most harm was kept as the most important one. There was no error and no warning: two weights went, as was asked. So we write a method that takes scores with their signs. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. A method is one function
#
# A subclass of `BasePruningMethod` says two things: its `PRUNING_TYPE`, and in `compute_mask` which weights stay. All else can be inherited.
#
# Behind each of PyTorch's pruning functions stands such a class. `BasePruningMethod` does the work that you know: it makes `weight_orig`, the mask and the hook. When you call `apply`, it hands two tensors to `compute_mask`:
#
# - `t` holds the numbers to be ranked, the **importance scores**. Without such scores it holds the weights.
# - `default_mask` is the mask so far: a 1 for each weight that is still there.
#
# What comes back is the new mask. `default_mask` is only to be read, so we work on a copy. The **pruning type** matters when a layer is pruned a second time, and section 4 is about that.


# %% a_method_is_one_function
class Lowest(prune.BasePruningMethod):
    PRUNING_TYPE = "unstructured"  # a rule for single weights

    def __init__(self, amount):
        self.amount = amount

    def compute_mask(self, t, default_mask):
        mask = default_mask.clone()
        k = round(self.amount * t.numel())
        mask.view(-1)[t.flatten().argsort()[:k]] = 0
        return mask


# %% [markdown]
# The four weights by hand: `t` is (−5, 0.1, 0.2, 3) and the amount 0.5, so `k` is 2. `argsort` lists the positions from the lowest score on: 0, 1, 2, 3. The first two of these become 0, and the mask is (0, 0, 1, 1).

# %% tags=["nbval-check-output"]
layer = nn.Linear(4, 1)
Lowest.apply(layer, "weight", amount=0.5, importance_scores=scores)
print("mask:", layer.weight_mask.tolist())

# %% [markdown]
# Now the weight with −5 goes. With the right scores the same class also does what `l1_unstructured` does. We try it on `fc1`, the largest layer of LeNet, which was trained on handwritten digits.

# %%
import copy

from course_utils import data, training
from course_utils.data import checkpoints

lenet = checkpoints.load("lenet_mnist")
test_set = data.load("mnist", "test")


def right(net):
    return f"{training.evaluate(net, *test_set):.1%} right"


# %%
net = copy.deepcopy(lenet)
size = lenet.fc1.weight.abs()
Lowest.apply(net.fc1, "weight", amount=0.5, importance_scores=size)
print("whole:", right(lenet), "  without half of fc1:", right(net))

# %% [markdown]
# **Try it.** In the last cell, change `size = lenet.fc1.weight.abs()` to `size = lenet.fc1.weight`, and run it again. Then change it back, and run it once more.
#
# <details><summary>What others found</summary>
#
# LeNet reads fewer than half of the digits. All weights that go are negative, so every sum grows.
#
# </details>

# %% [markdown]
# ## 3. Two of four
#
# In **2:4 sparsity** a row is divided into groups of four, and two of each group stay. GPUs of NVIDIA since 2020 have units that skip the zeros, and take as little as half of the time ([Mishra et al., 2021](https://arxiv.org/abs/2104.08378)). Which two of each four stay here, by magnitude?
#
# `0.9 −0.7 0.6 0.1 | 0.4 0.2 −0.3 0.05`
#
# Why a pattern? A machine that skips zeros must first find them: one group of four may be empty, the next full. With two weights in every group, it knows where the next one begins.
#
# Of the first four, 0.9 and −0.7 stay. Of the other four, 0.4 and −0.3 stay. Without the pattern we would have kept 0.6 in place of −0.3. That is what it costs.

# %% two_of_four tags=["hide-input"]
# Draws eight weights, the two of each four that stay, and what is stored of them.
show.two_of_four()

# %% [markdown]
# ### What is stored
#
# Of each group one stores the two values, and for each value its position among the four: 0, 1, 2 or 3.
#
# **Predict.** A value takes 16 bits. How much is left of the bytes of the dense matrix: **A** 50 %, **B** 56 %, **C** 75 %?

# %% [markdown] tags=["answer"]
# **56 % (B), because the positions take bits as well.** A position takes 2 bits, so a group takes 2 · 16 + 2 · 2 = 36 bits in place of 64.

# %% [markdown]
# `torch.nn.utils.prune` has no function for this rule, so we write it. Its mask alone saves nothing; the matrix must still be packed. The scores of each group become a row, and `topk` finds the positions of the two highest; `scatter` writes a 1 there. Like `Lowest`, it ranks scores with their signs, so we hand over the magnitudes.


# %%
class TwoOfFour(prune.BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        groups = t.reshape(-1, 4)
        highest = groups.topk(2).indices
        mask = torch.zeros_like(groups).scatter(1, highest, 1)
        return mask.view_as(t)


# %%
net = copy.deepcopy(lenet)
TwoOfFour.apply(net.fc1, "weight", importance_scores=size)
print("2:4 in fc1:", right(net))

# %% [markdown]
# LeNet hardly notices the pattern. But 2:4 is a rule about *neighbours*, and such a rule is easily broken without a sound.

# %% [markdown]
# ## 4. The second cut
#
# A layer is pruned again. An *unstructured* method is handed a list of what is left.
#
# Pruning often comes in rounds, and each may follow another rule: single weights first, then 2:4. PyTorch keeps the methods of a layer in a `PruningContainer`. In a second cut it hides what is gone from an unstructured method. That is meant well: nothing can come back, and an amount of one half means half of what is left.

# %% [markdown]
# Of twelve scores four are gone: `1 ✗ 2 3 | 9 8 7 1 | 5 ✗ ✗ ✗`. The list is 1, 2, 3, 9, 8, 7, 1, 5.
#
# **Predict.** The second method, `TwoOfFour`, keeps the two highest of every four. How many stay in each group?

# %% the_second_cut tags=["hide-input"]
# Draws the twelve weights, the list that is handed over, and what TwoOfFour keeps.
kept_in_groups = show.shifted_groups(TwoOfFour)

# %% [markdown] tags=["answer"]
# **One, three and none, because all that stand behind a hole move up, and the fours of the list are not those of the layer.** It keeps 3 and 9 of the first four, 8 and 7 of the second.

# %% [markdown]
# ### Nobody notices
#
# `fc1` has already lost its smallest tenth. Now it gets 2:4. Zeros, accuracy, groups: which of the three looks wrong?

# %%
net = copy.deepcopy(lenet)
prune.l1_unstructured(net.fc1, "weight", amount=0.1)
TwoOfFour.apply(net.fc1, "weight", importance_scores=size)
mask = net.fc1.weight_mask
too_full = (mask.view(-1, 4).sum(1) > 2).float().mean().item()

# %% nobody_notices
print(f"zeros: {(mask == 0).float().mean():.0%}   LeNet: {right(net)}")
print(f"groups with more than two weights: {too_full:.0%}")

# %% [markdown]
# The zeros are as expected: a tenth, and half of the rest. LeNet reads about as well as before. Nothing raised an error, since 43,200 is a multiple of four. But a unit that has room for two weights cannot use this layer.

# %% [markdown]
# ### Which type does a rule need?
#
# | `PRUNING_TYPE` | for rules about | `t` in a second cut |
# |---|---|---|
# | `"unstructured"` | single weights | a list of the weights that are left |
# | `"global"` | weights in their positions | the whole tensor, with what is gone |
#
# 2:4 is about neighbours, so we take `"global"`. This has nothing to do with the global cut of [[prune_model]]. In a first cut both types are handed the whole tensor, so a wrong type cannot show there. A third type, `"structured"`, is for rules about whole rows or channels.

# %% [markdown]
# ### Is that enough?
#
# Now the type is `"global"`, and `TwoOfFour` is otherwise as it was. The third group comes as (5, 4, 6, 2), since you hand over scores for all weights. Only the 5 is left.
#
# The method keeps 5 and 6, because it does not look at `default_mask`. So the 6 comes **back**, with the value that `weight_orig` has kept for it.

# %% [markdown]
# Is it enough to multiply by `default_mask` at the end? Let only the 6 be gone. The method chooses 6 and 5, so only the 5 would stay, and the 4 would go for nothing. **What is gone may neither come back nor count among the two.**

# %% [markdown]
# ## 5. A test that would have noticed
#
# Write down what the rule promises, and look for a case that breaks it:
#
# 1. nothing comes back;
# 2. two of each group stay, or as many as were left;
# 3. those are the highest.
#
# Accuracy and the count of zeros told us nothing. A test can tell, if it knows the promises. This one makes small layers with random scores, which `draw(4, 4)` returns; each row is a group. `gone` says how many of the 16 weights were pruned before, at random positions. `best_old` are the two highest scores of each group before the cut, `best_new` those afterwards. `masked_fill` gives what is gone the score −99, so that it ranks last.


# %%
def broken(method, draw, gone):
    """In how many of 100 random cases the method breaks a promise of 2:4."""
    count = 0
    for seed in range(100):
        torch.manual_seed(seed)
        scores = draw(4, 4)
        old = (torch.randperm(16) >= gone).float().view(4, 4)
        layer = prune.custom_from_mask(nn.Linear(4, 4), "weight", old)
        method.apply(layer, "weight", importance_scores=scores)
        new = layer.weight_mask
        none_back = (new <= old).all()
        two_stay = torch.equal(new.sum(1), old.sum(1).clamp(max=2))
        best_old = scores.masked_fill(old == 0, -99).topk(2).values
        best_new = scores.masked_fill(new == 0, -99).topk(2).values
        count += not (none_back and two_stay and torch.equal(best_old, best_new))
    return count


# %% a_test_that_would_have tags=["nbval-check-output"]
print("broken, of 100 fresh layers:", broken(TwoOfFour, torch.rand, gone=0))
print("broken, of 100 cut earlier: ", broken(TwoOfFour, torch.rand, gone=4))

# %% [markdown]
# ### What each ingredient finds
#
# Four wrong methods. On fresh layers with random scores above 0 all four pass.
#
# Two faults are those of section 4. One method takes the absolute value of the scores, as in section 1. And one keeps all that reach the second highest score. Of 5, 1, 1 and 0 it keeps three, since two are equal: that is a *tie*.

# %% what_each_ingredient_finds tags=["hide-input"]
# Makes three more wrong methods, runs broken() for each kind of case, and draws what it finds.
found = show.what_finds_what(broken, TwoOfFour)

# %% [markdown]
# Each ingredient finds another fault, and the plain cases in the first column find none. So a test needs all of them: scores of either sign, ties and earlier masks. Passing is no proof. But put a line such as `assert broken(YourMethod, torch.randn, gone=4) == 0` into a file `test_pruning.py`, one for ties as well, each with `gone=4`, and run `pytest` after each change.

# %% [markdown]
# ## Exercise · n of m
# ★★ · 10 minutes
#
# Write `n_of_m(n, m)`. It returns a pruning method, a class: of every `m` neighbours in a row the `n` with the highest signed scores stay. What earlier cuts have removed neither comes back nor counts among the `n`.
#
# On paper: scores 4, 9, 2, 3, the 9 is gone. Which stay in 2:4?
#
# Of equal scores any may stay. A row has a multiple of `m` weights. Try `broken(n_of_m(2, 4), torch.randn, gone=4)` before the check.
#
# <details><summary>Hint</summary>
#
# On paper: 4 and 3. Define the class inside of the function, where it knows `n` and `m`, and return the class itself. Which type leaves the weights in their positions?
#
# `t.masked_fill(default_mask == 0, -torch.inf)` ranks what is gone behind all others. Where fewer than `n` are left, `topk` takes some of it all the same.
#
# </details>


# %% tags=["exercise"]
def n_of_m(n, m):
    """A class: n_of_m(2, 4).apply(layer, "weight", importance_scores=scores) prunes the layer."""
    raise NotImplementedError


# %% tags=["check"]
check.n_of_m(n_of_m)


# %% tags=["solution", "hide-cell"]
def n_of_m_solution(n, m):
    class NOfM(prune.BasePruningMethod):
        PRUNING_TYPE = "global"

        def compute_mask(self, t, default_mask):
            ranked = t.masked_fill(default_mask == 0, -torch.inf)
            groups = ranked.reshape(-1, m)
            highest = groups.topk(n).indices
            mask = torch.zeros_like(groups).scatter(1, highest, 1)
            return mask.view_as(t) * default_mask

    return NOfM


# %% [markdown]
# ## Remember
#
# - A pruning method is a subclass of `BasePruningMethod`: `compute_mask` says which weights stay, and `PRUNING_TYPE` what it is handed in a second cut.
# - 2:4 keeps two of every four neighbours, stores 56 % of the bytes at 16 bits, and can save time on hardware that has units for it.
# - A wrong method may raise no error: count, accuracy and a fresh layer can look right, so test its promises with signs, ties and earlier masks.

# %% [markdown]
# ## Scorecard
#
# What the lesson says of PyTorch, and what your run counted.

# %% tags=["scorecard"]
claims.show("own_method")

# %% [markdown]
# ## Deeper
#
# ### What 2:4 costs a CNN
#
# `fc1` has weights to spare. The convolutions of a small ResNet have fewer. We pruned all convolutions but the first of SmallResNet, trained on Fashion-MNIST, in two ways, without any further training. Half of the weights anywhere in each of them left 88.5 % of 4,000 test images right, and 2:4 only 74.6 %. That looks like a price of 14 points.
#
# It was mostly not the pattern. A batch norm still subtracts the mean that its sums had before the cut. When these means and variances were estimated anew, from 2,000 images and without a single gradient, 2:4 was less than 2 points behind, and 12 of the 14 points were gone. After 150 steps of training with the masks held, the rest was less than half a point. So before you blame a pattern, bring the batch norms up to date ([[structured]] has the call), and train a little with the mask on. The makers of 2:4 repeat the whole training, and report that accuracy is kept ([Mishra et al., 2021](https://arxiv.org/abs/2104.08378)).
#
# ### Prune by threshold
#
# A common custom method has no amount. It removes whatever lies below a threshold, and so says itself how many weights go:
#
# ```python
# class Below(prune.BasePruningMethod):
#     PRUNING_TYPE = "unstructured"
#
#     def __init__(self, threshold):
#         self.threshold = threshold
#
#     def compute_mask(self, t, default_mask):
#         return default_mask * (t.abs() >= self.threshold)
#
#
# def below(module, name, threshold):
#     Below.apply(module, name, threshold=threshold)
#     return module
# ```
#
# The function is only for comfort; PyTorch's own ones are written in the same way. A threshold needs no care in a second cut, because a weight's fate depends on no other weight. But the same threshold means something else in each layer, since layers differ in the size of their weights. Print the sparsity of each layer before you trust it.
#
# **Sources.** [`torch/nn/utils/prune.py`](https://github.com/pytorch/pytorch/blob/main/torch/nn/utils/prune.py) is short and readable: `PruningContainer.compute_mask` has the three types. [`torch.sparse`](https://docs.pytorch.org/docs/stable/sparse.html#sparse-semi-structured-tensors) describes 2:4, which GPUs have it, and how a matrix is packed for them; PyTorch's tutorial made a BERT [1.3 times as fast](https://github.com/pytorch/tutorials/blob/065c9d23d25d18f003d986a5fbb1c7fd25270f1e/advanced_source/semi_structured_sparse.py) with it.
#
# **Recommended video.** Michela Paganini, *PyTorch Pruning: How it's Made*, [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw): `BasePruningMethod`, by its author.
#
# **Going further.** A. Mishra et al., *Accelerating Sparse Deep Neural Networks*, 2021, [arXiv:2104.08378](https://arxiv.org/abs/2104.08378). Projects: prune LeNet in rounds with a method of your own, over several layers; write a structured method for the filters of `conv2`; choose among the orders of the input channels the one at which 2:4 keeps most.
#
# **Credits.** After *Pruning tutorial* by Michela Paganini (PyTorch), whose class this lesson extends. Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

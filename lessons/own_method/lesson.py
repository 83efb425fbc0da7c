# ---
# jupyter:
#   course:
#     promise: You will teach PyTorch a pruning rule of your own, and test it.
#     seconds: 15
#     needs: [prune_module]
#     goals:
#       - write a pruning method, with its `compute_mask` and its `PRUNING_TYPE`;
#       - say what 2:4 sparsity keeps, stores and needs;
#       - test a method with random scores, ties and earlier masks.
#     terms: ["2:4 sparsity", importance scores, property, pruning type]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How do you teach PyTorch your own rule, and how would you notice that it's wrong?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import claims
from lessons.own_method import show
from lessons.own_method import tasks as check

torch.set_num_threads(1)

# %% [markdown]
# ## 1. Half of the weights, in a pattern
#
# In [[prune_module]], `fc1` of our LeNet lost half of its weights, and LeNet still read about 97 % of the digits, as before the cut. But it was no faster, because it multiplied by every zero.
#
# Some GPUs can skip the zeros, and then a product of matrices can take as little as half the time. But they skip them only in a fixed pattern: of every four neighbouring weights in a row, at most two are left. This is **2:4 sparsity**.
#
# Does magnitude pruning make this pattern? We remove half of `fc1`, and count the groups of four that are *too full*, because three or four of their weights are left.
#
# **Predict.** How many of the 12,000 groups are too full: **A** about a third, **B** about a tenth, or **C** hardly any?

# %%
import torch
from torch.nn.utils import prune

from course_utils import checkpoints
from lessons.own_method.show import report

# %% wrong_places
cut = checkpoints.load("lenet_mnist")
prune.l1_unstructured(cut.fc1, "weight", amount=0.5)
report(cut)

# %% [markdown] tags=["answer"]
# **About a third (A), because half of the weights are gone, but not half of each group.** Four weights can stay or go in 16 ways. One way leaves four of them, and four ways leave three. That's 5 of 16, or 31 %, if all are equally likely.

# %% [markdown]
# In `fc1` it's a little more than 31 %, probably because some rows keep more than half of their weights, and others fewer.
#
# Why not remove more?
#
# **Try it.** Change 0.5 to 0.98, and run this cell again. Then change it back.
#
# <details><summary>What others found</summary>
#
# LeNet reads only half of the digits, and a dozen groups are still too full.
#
# </details>
#
# We need a rule that compares each weight with its neighbours, and `torch.nn.utils.prune` has none. So let's write one.
#
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. A rule of our own
#
# Our rule is this: of every four neighbours, the two with the highest scores stay. A score can be the weight's magnitude, for instance.
#
# Let's try the rule by hand on a tiny layer with three rows of four weights, so each row is one group. Its scores:
#
# `1 9 2 3 | 9 8 7 1 | 5 4 6 2`
#
# So 9 and 3 stay, then 9 and 8, then 5 and 6.
#
# What has to be stored? The two weights of each group, and for each of them its position in the group, which is 0, 1, 2 or 3. If only one is left, a zero is stored as the second. So the GPU needn't search: each group takes exactly two products, and the next group begins at a known place.
#
# **Predict.** A weight takes 16 bits. What fraction of the bytes is left: **A** 50 %, **B** 56 %, or **C** 75 %?

# %% [markdown] tags=["answer"]
# **56 % (B), because the positions take bits as well.** A position takes 2 bits, so a group takes 2 · 16 + 2 · 2 = 36 bits instead of 64.

# %% [markdown]
# A mask alone saves neither bytes nor time. You have to *pack* the weights like this, for a GPU that multiplies packed weights, such as NVIDIA's since 2020 ([Mishra et al., 2021](https://arxiv.org/abs/2104.08378)).
#
# ### `compute_mask` is the rule
#
# Now we teach PyTorch the rule, as a class. Its base class `BasePruningMethod` does the work that you know from [[prune_module]]: it makes `weight_orig`, the mask and the hook. Only the rule is missing, a function `compute_mask`, which gets two tensors and returns the new mask, in the shape of `t`:
#
# - `t` holds the **importance scores**, one for each weight;
# - `default_mask` is the mask so far, with a 1 for each weight that's still there.


# %% two_of_four
class TwoOfFour(prune.BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        groups = t.reshape(-1, 4)
        highest = groups.topk(2).indices
        mask = torch.zeros_like(groups).scatter(1, highest, 1)
        return mask.view_as(t)


# %% by_hand tags=["nbval-check-output"]
tiny = torch.tensor([[1.0, 9, 2, 3], [9, 8, 7, 1], [5, 4, 6, 2]])
print(tiny.topk(2).indices)
print(TwoOfFour().compute_mask(tiny, default_mask=torch.ones(3, 4)))

# %% [markdown]
# `reshape` makes each group a row of its own, because a row of `fc1` holds a hundred groups. `topk(2)` finds the positions of the two highest scores: in the first group, the 9 is at position 1 and the 3 at position 3. Then `scatter(1, highest, 1)` goes along dimension 1, so along each row, and writes the value 1 at these positions.
#
# The **pruning type** tells PyTorch what kind of rule this is. We say `"unstructured"`, since our rule removes single weights, not whole rows.
#
# Now we `apply` it to `fc1`. We pass the magnitudes as scores, because otherwise PyTorch takes the weights themselves, with their signs.

# %% ours
ours = checkpoints.load("lenet_mnist")
TwoOfFour.apply(ours.fc1, "weight", importance_scores=ours.fc1.weight.abs())
report(ours)

# %% [markdown]
# No group is too full.

# %% [markdown]
# ## 3. A test that finds the fault
#
# We've tried one layer, and it was fresh. But somebody may use our method on a network that has lost a few weights already.
#
# First, we have to say what *right* means, for any scores and any earlier mask. A statement that has to be true in every case is called a **property**. A 2:4 cut has two:
#
# 1. Nothing comes back.
# 2. Of the weights that were left in a group, exactly two stay, with the two highest scores. If scores are equal, either may stay. If fewer than two were left, they stay.
#
# `holds` checks both on a layer of the tiny shape. First, `custom_from_mask` puts on the mask of the earlier cut, `old`. Then the method runs. In each row, `holds` sorts the scores that were left. The last two, `[-2:]`, are the highest, so these have to be the scores that stay.


# %% holds
def holds(method, scores, old):
    layer = prune.custom_from_mask(torch.nn.Linear(4, 3), "weight", old)
    method.apply(layer, "weight", importance_scores=scores)
    new = layer.weight_mask
    for row, was_left, stays in zip(scores, old, new, strict=True):
        if sorted(row[stays == 1]) != sorted(row[was_left == 1])[-2:]:
            return False
    return bool((new <= old).all())


# %% [markdown]
# If we choose the cases ourselves, we only try what we've thought of. In **property-based testing**, the cases are drawn at random, here a hundred. `draw(3, 4)` makes the scores. `randperm(12)` shuffles the numbers 0 to 11. Where the number is at least `gone`, `old` has a 1, so an earlier cut has removed exactly `gone` weights.


# %% failures
def failures(method, draw, gone):
    count = 0
    for seed in range(100):
        torch.manual_seed(seed)
        old = (torch.randperm(12) >= gone).float().view(3, 4)
        count += not holds(method, draw(3, 4), old)
    return count


# %% the_test
print("fresh layers: ", failures(TwoOfFour, torch.rand, gone=0), "of 100 fail")
print("4 of 12 gone: ", failures(TwoOfFour, torch.rand, gone=4), "of 100 fail")

# %% [markdown]
# On pruned layers, our method is nearly always wrong! Suppose an earlier cut has removed four weights of our tiny layer:
#
# `1 ✗ 2 3 | 9 8 7 1 | 5 ✗ ✗ ✗`
#
# In a second cut, the pruning type matters: an `"unstructured"` method gets as `t` only a **list of the scores that are left**: 1, 2, 3, 9, 8, 7, 1, 5.
#
# **Predict.** `TwoOfFour` keeps the two highest of every four in this list. How many weights stay in the three groups of the layer: **A** two, two and one, **B** two, two and none, or **C** one, three and none?

# %% the_second_cut tags=["hide-input"]
# Draws the tiny layer, the list that is handed over, and what TwoOfFour keeps.
kept_in_groups = show.shifted_groups(TwoOfFour, tiny)

# %% [markdown] tags=["answer"]
# **One, three and none (C), because all scores behind a gap move up, so the fours of the list aren't the groups of the layer.** A right method would have kept two, two and one.

# %% [markdown]
# Would the accuracy have told us? We remove the smallest tenth of `fc1`, and then apply `TwoOfFour`:

# %% fc1_twice tags=["hide-input"]
# Removes the smallest tenth of fc1 first, then applies TwoOfFour, and counts.
pruned = checkpoints.load("lenet_mnist")
scores = pruned.fc1.weight.abs()
prune.l1_unstructured(pruned.fc1, "weight", amount=0.1)
TwoOfFour.apply(pruned.fc1, "weight", importance_scores=scores)
report(pruned)

# %% [markdown]
# No. LeNet reads about as well as before, but one group in seven is too full.
#
# ### The right type isn't enough
#
# Our rule is about neighbours, so each score has to stay at its position. With the type `"global"`, it does, because `t` holds all scores of this layer. Despite its name, this isn't the global cut of [[prune_model]], which compares the weights of all layers. We run the test again:


# %% right_type
class InPlace(TwoOfFour):
    PRUNING_TYPE = "global"


print("4 of 12 gone: ", failures(InPlace, torch.rand, gone=4), "of 100 fail")

# %% [markdown]
# It still fails, because `t` now holds the scores of the removed weights, too. And a removed weight may score high, if the earlier cut went by another rule. In the first group, `1 9 2 3`, the method keeps the 9 and the 3. But the 9 was gone, and now it's back! The method never looks at `default_mask`.
#
# Could it multiply its mask by `default_mask` at the end? Then nothing comes back, but of the first group only the 3 is left, because the 9 has taken one of the two places. So **what's gone may neither come back nor take a place.**

# %% [markdown]
# ## 4. Better cases, and what the method brings
#
# Two other things cause trouble, too:
#
# - **Signs.** A score that says how much the loss grows without the weight can be negative, and then this weight should be removed first. A method that takes absolute values may keep it.
# - **Ties.** Another method may look for the second highest score, and keep every weight that reaches it. Of 5, 1, 1 and 0, it keeps three. Random floats hardly ever tie, but weights rounded to 8 bits often do.
#
# Whole numbers from −2 to 2 have both:


# %%
def draw(*shape):
    return torch.randint(-2, 3, shape).float()


# %% [markdown]
# We test four wrong methods: these two, `TwoOfFour` ("unstructured") and `InPlace` ("global"). Each column is one kind of case. The first three have fresh layers, and the last has all troubles: `draw`, and four weights gone.

# %% what_finds_what tags=["hide-input"]
# Makes the other wrong methods, tests all with each kind of cases, and draws the failures.
found = show.what_finds_what(failures, TwoOfFour, draw)

# %% [markdown]
# The first kind finds nothing, and only the last finds all four faults.
#
# But one fault gets past them all: each row of our tiny layer is a single group, so a method that forgets `reshape` passes. In `fc1`, it would leave two weights a row. So vary the shape, too.
#
# You'll write a method that passes. Here's how it compares with magnitude pruning:

# %% what_it_brings tags=["hide-input"]
# Prunes fc1 by magnitude and with the finished method, and counts.
show.what_it_brings(checkpoints.load("lenet_mnist"))

# %% [markdown]
# The finished method keeps half of the weights, LeNet reads about as well as before, and every group has the pattern, even if `fc1` was pruned before. Then a few dozen weights fewer are left, because some groups had only one left.

# %% [markdown]
# ## Exercise · n of m
# ★★ · 10 minutes
#
# Write a method that passes, for any pattern. `n_of_m(n, m)` returns a class, a pruning method: of every `m` neighbours in a row, the `n` with the highest scores stay. The sign counts, so −5 ranks below 1. What's gone neither comes back nor takes a place.
#
# Each row has a multiple of `m` weights. Try `failures(n_of_m(2, 4), draw, gone=4)` before the check.
#
# <details><summary>Hint</summary>
#
# What's gone has to rank below every score, however negative: `t.masked_fill(default_mask == 0, -torch.inf)`. If fewer than `n` are left, `topk` still takes `n`, so multiply the mask by `default_mask` at the end.
#
# Define the class inside the function, where it knows `n` and `m`, and return it.
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
# - A pruning method has a rule, `compute_mask`, and a `PRUNING_TYPE`, which decides what the rule sees in a second cut. For a rule about neighbours, take `"global"`, and look at `default_mask`.
# - 2:4 keeps two of every four neighbours. A mask alone saves no bytes. Packed, the weights take 56 % of the bytes at 16 bits, and they can save time on a GPU made for it.
# - A wrong method can look right on a fresh layer. Write down the properties of your rule, and test them with signs, ties, earlier masks and more than one shape.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("own_method")

# %% [markdown]
# ## Deeper
#
# ### From a mask to a faster layer
#
# On a GPU that has the units, PyTorch packs a layer that was pruned to 2:4 like this:
#
# ```python
# from torch.sparse import to_sparse_semi_structured
#
# prune.remove(layer, "weight")
# layer = layer.half().cuda()
# layer.weight = nn.Parameter(to_sparse_semi_structured(layer.weight))
# ```
#
# With `fc1`, this raises an error: at 16 bits, PyTorch's default packer needs rows and columns in multiples of 16, and `fc1` has 120 rows. And what happens to a group that is too full? We've tried PyTorch's other packer, the one for CUTLASS, which needs multiples of 32 rows and 64 columns. It gives no error, and keeps two weights by their positions: of 1, 2, 3 and 4, it keeps 1 and 2. So the layer on the GPU isn't the layer that you've tested.
#
# Unless a layer has weights to spare, as `fc1` has, the network is trained once more with the mask on; Mishra et al. repeat the whole training, and lose hardly any accuracy. And measure the time: in PyTorch's tutorial, a BERT became 1.3 times as fast. Where a layer mostly waits for its weights, it's better to store all of them in 4 bits each ([[weight_only]]), because 2:4 needs 36 bits for four weights, nine for each.
#
# ### Who hands over the scores?
#
# When you prune a layer a second time, PyTorch puts both methods into a `PruningContainer`. It looks at the type of the new method, and hands over one part of the scores:
#
# | `PRUNING_TYPE` | for a rule about | `t` in a second cut |
# |---|---|---|
# | `"unstructured"` | single weights | a list of the scores that are left |
# | `"structured"` | whole rows or channels | all scores but those of the rows or channels that are gone along `self.dim` |
# | `"global"` | weights at their positions | all scores of this layer |
#
# The method answers for this part only. The container takes the old mask, and puts the answer where the part came from. So what an `"unstructured"` method never saw can't come back. In `fc1`, the list had 43,200 scores. That's a multiple of four, so `reshape` raised no error.
#
# A method can take numbers, too: `apply(layer, "weight", 0.5)` hands the 0.5 to its `__init__`.
#
# **Sources.** [`torch/nn/utils/prune.py`](https://github.com/pytorch/pytorch/blob/main/torch/nn/utils/prune.py) is short and readable: `PruningContainer.compute_mask` has the three types. [`torch.sparse`](https://docs.pytorch.org/docs/stable/sparse.html#sparse-semi-structured-tensors) describes 2:4 and the packing; [PyTorch's tutorial](https://github.com/pytorch/tutorials/blob/065c9d23d25d18f003d986a5fbb1c7fd25270f1e/advanced_source/semi_structured_sparse.py) takes a BERT there, with a `WeightNormSparsifier`, which makes 2:4 masks by magnitude. [Hypothesis](https://hypothesis.readthedocs.io/) is Python's library for property-based testing, and pytest runs such tests.
#
# **Recommended video.** Michela Paganini, *PyTorch Pruning: How it's Made*, [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw): `BasePruningMethod`, by its author.
#
# **Going further.** A. Mishra et al., *Accelerating Sparse Deep Neural Networks*, 2021, [arXiv:2104.08378](https://arxiv.org/abs/2104.08378).
#
# **Credits.** After *Pruning tutorial* by Michela Paganini (PyTorch), whose class this lesson extends. Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** In `fc1`, we kept the large weights. But is a large weight really an important one? In [[scores]], some weights of a trained network are of no use at all, and a cut by magnitude keeps most of them.

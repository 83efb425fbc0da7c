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

from course_utils.scorecard import claims
from lessons.own_method import checks as check
from lessons.own_method import show

torch.set_num_threads(1)

# %% [markdown]
# ## 1. A method that looks right
#
# Suppose half of a layer's weights can go. Some GPUs care *which* half, because they can skip zeros only in a fixed pattern: of every four neighbouring weights in a row, at most two are left. This is **2:4 sparsity**.
#
# `torch.nn.utils.prune` has no method for this pattern, but a colleague has written one, as a class. It gets a score for each weight, and keeps the two highest of every four.

# %%
import copy

import torch
from torch import nn
from torch.nn.utils import prune

from course_utils.data import checkpoints


# %% two_of_four
class TwoOfFour(prune.BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        groups = t.reshape(-1, 4)
        highest = groups.topk(2).indices
        mask = torch.zeros_like(groups).scatter(1, highest, 1)
        return mask.view_as(t)


# %% [markdown]
# We try it on `fc1`, the largest layer of our trained LeNet, with the weights' magnitudes as scores: in a fresh copy, and in one where `fc1` has already lost its smallest tenth.

# %% two_cuts
lenet = checkpoints.load("lenet_mnist")
scores = lenet.fc1.weight.abs()
fresh, pruned = copy.deepcopy(lenet), copy.deepcopy(lenet)
prune.l1_unstructured(pruned.fc1, "weight", amount=0.1)
for net in (fresh, pruned):
    TwoOfFour.apply(net.fc1, "weight", importance_scores=scores)

# %% looks_right tags=["hide-input"]
# Counts the digits that both read, and the groups of four that keep more than two weights.
first_look = show.first_look({"fresh": fresh, "pruned before": pruned})
first_look

# %% [markdown]
# There was no error, and both copies read about 97 % of the digits, as the whole network does. But in the second one, one group in seven keeps three or four weights, and the GPU takes only two.
#
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. What 2:4 keeps, and how a method says so
#
# Why a pattern? Without one, a GPU would have to find the zeros before it could skip them. With 2:4, it needn't search, because each group takes exactly two products, and the next group begins at a known place.
#
# Our example is a tiny layer with three rows of four weights, so each row is a group. These are its scores:
#
# `1 9 2 3 | 9 8 7 1 | 5 4 6 2`
#
# What has to be stored? Only what's left: of each group two weights, and for each of them its position in the group, which is 0, 1, 2 or 3. Where only one is left, a zero is stored as the second.
#
# **Predict.** A weight takes 16 bits. What fraction of the bytes is left: **A** 50 %, **B** 56 %, or **C** 75 %?

# %% [markdown] tags=["answer"]
# **56 % (B), because the positions take bits as well.** A position takes 2 bits, so a group takes 2 · 16 + 2 · 2 = 36 bits instead of 64.

# %% [markdown]
# A mask alone saves neither bytes nor time. To gain from 2:4, you have to *pack* the weights like this, for a GPU that multiplies packed weights, such as NVIDIA's since 2020. Then a multiplication can take as little as half the time ([Mishra et al., 2021](https://arxiv.org/abs/2104.08378)). The shape has to fit, too: at 16 bits, PyTorch packs only matrices whose rows and columns come in multiples of 16.
#
# ### `compute_mask` is the rule
#
# The base class of `TwoOfFour`, `BasePruningMethod`, does the work that you know from [[prune_module]]: `apply` makes `weight_orig`, the mask and the hook. But it knows no rule. You write it as a function `compute_mask`, which gets two tensors and returns the new mask:
#
# - `t` holds the **importance scores**, one for each weight. If you pass none to `apply`, these are the weights themselves.
# - `default_mask` is the mask so far, with a 1 for each weight that's still there.
#
# Let's call it with the scores of our tiny layer:

# %% by_hand tags=["nbval-check-output"]
tiny = torch.tensor([[1.0, 9, 2, 3], [9, 8, 7, 1], [5, 4, 6, 2]])
print(tiny.topk(2).indices)
print(TwoOfFour().compute_mask(tiny, default_mask=torch.ones(3, 4)))

# %% [markdown]
# A row of `fc1` holds a hundred groups, so `reshape` first makes each group a row of its own. Then `topk(2)` finds the positions of the two highest scores: in the first group, the 9 is at position 1 and the 3 at position 3. `scatter(1, highest, 1)` starts from a mask of zeros. Its first 1 is the dimension, its last 1 the value: in each row, it writes a 1 at the positions in `highest`.
#
# **Try it.** In section 1, change `scores = lenet.fc1.weight.abs()` to `scores = lenet.fc1.weight`, and run this cell and the next one. Then change it back, and run both again.
#
# <details><summary>What others found</summary>
#
# LeNet reads fewer than 60 % of the digits, because a large negative weight is removed before a tiny positive one.
#
# </details>

# %% [markdown]
# ## 3. Why the second cut goes wrong
#
# If a layer has been pruned before, PyTorch puts both methods into a `PruningContainer`, which decides what the new method gets to see. If its `PRUNING_TYPE` is `"unstructured"`, `t` is a **list of the scores that are left**. What the method returns for them is written into the old mask, and the rest of this mask stays as it was. For a rule about single weights, that's convenient, because nothing that's gone can come back.
#
# For our rule, it isn't. Suppose an earlier cut, by some other rule, has removed four weights of our tiny layer:
#
# `1 ✗ 2 3 | 9 8 7 1 | 5 ✗ ✗ ✗`
#
# Now `t` is the list 1, 2, 3, 9, 8, 7, 1, 5.
#
# **Predict.** `TwoOfFour` keeps the two highest of every four in this list. How many weights stay in the three groups of the layer: **A** two, two and one, **B** one, three and none, or **C** two, two and none?

# %% the_second_cut tags=["hide-input"]
# Draws the tiny layer, the list that is handed over, and what TwoOfFour keeps.
kept_in_groups = show.shifted_groups(TwoOfFour, tiny)

# %% [markdown] tags=["answer"]
# **One, three and none (B), because all scores behind a gap move up, so the fours of the list aren't the groups of the layer.**

# %% [markdown]
# That's what happened in `fc1`, without an error, because the 43,200 scores that were left are a multiple of four.
#
# ### Which type does a rule need?
#
# | `PRUNING_TYPE` | for a rule about | `t` in a second cut |
# |---|---|---|
# | `"unstructured"` | single weights | a list of the scores that are left |
# | `"structured"` | whole rows or channels | all scores but those of the rows or channels that are gone along `self.dim` |
# | `"global"` | weights at their positions | all scores (despite its name, of this layer alone) |
#
# 2:4 is about neighbours, so its type is `"global"`. In a first cut, every type gets all scores, and that's why a wrong one doesn't show on a fresh layer.
#
# But the right type alone isn't enough. With `"global"`, `t` also holds the scores of the weights that are gone, and the answer replaces the whole old mask. In the first group, 1 9 2 3, the method keeps 9 and 3. The 9 was gone, and now it's back, with the value that `weight_orig` has kept for it! The method never looks at `default_mask`.
#
# Could it just multiply its mask by `default_mask` at the end? Then nothing comes back. But of the first group, `1 ✗ 2 3`, only the 3 stays. The 9 has taken one of the two places, and the 2 is thrown away needlessly. So a right method takes care of both: **what's gone neither comes back nor takes a place.**

# %% [markdown]
# ## 4. A test that would have noticed
#
# How would you notice such faults? Accuracy can't tell you: in section 1, LeNet read about as well with the broken pattern as with the right one. So let's say what has to be true of *every* layer that was pruned to 2:4, whatever its scores. Such a statement is called a **property**. 2:4 has two:
#
# 1. Nothing comes back.
# 2. Of the weights that were left in a group, exactly two stay, with the two highest scores. If scores are equal, either may stay. If fewer than two were left, they stay.
#
# `holds` checks both on a layer like our tiny one. First, `custom_from_mask` puts on the mask of the earlier cut. Then the method runs. In each row, the scores that stay have to be the last two, `[-2:]`, of the sorted scores that were left. If only one was left, `[-2:]` gives this one.


# %% holds
def holds(method, scores, old):
    layer = prune.custom_from_mask(nn.Linear(4, 3), "weight", old)
    method.apply(layer, "weight", importance_scores=scores)
    new = layer.weight_mask
    for row, was_left, stays in zip(scores, old, new, strict=True):
        if sorted(row[stays == 1]) != sorted(row[was_left == 1])[-2:]:
            return False
    return bool((new <= old).all())


# %% [markdown]
# For our tiny layer, `holds` returns `False`. But we picked it because we already knew the fault. In **property-based testing**, the cases are drawn at random, here a hundred. `draw(3, 4)` makes the scores. `randperm(12)` shuffles the numbers 0 to 11, and those below `gone` mark the weights removed before.


# %% failures
def failures(method, draw, gone):
    count = 0
    for seed in range(100):
        torch.manual_seed(seed)
        old = (torch.randperm(12) >= gone).float().view(3, 4)
        count += not holds(method, draw(3, 4), old)
    return count


# %% [markdown]
# Scores from `torch.rand` on fresh layers would find nothing wrong with `TwoOfFour`, so we need **earlier masks**. Two other things cause trouble:
#
# - **Signs.** If a score says how much the loss grows without the weight, it can be negative. Then the loss gets smaller without it, so this weight should be removed first. A method that takes absolute values may keep it.
# - **Ties.** Another method may look for the second highest score, and keep all that reach it. Of 5, 1, 1 and 0, it keeps three. Random floats hardly ever tie, but weights rounded to 8 bits often do.
#
# Whole numbers from −2 to 2 have both:


# %%
def draw(*shape):
    return torch.randint(-2, 3, shape).float()


# %% [markdown]
# We test four wrong methods: the two that we've just met, `TwoOfFour`, and `TwoOfFour` with the type `"global"`. The plain cases have scores above 0 on fresh layers. The next three kinds add one trouble each: signs, ties among 0, 1 and 2, or four weights gone. The last has all: `draw`, and four weights gone.

# %% what_finds_what tags=["hide-input"]
# Makes three more wrong methods, tests them with each kind of cases, and draws the failures.
found = show.what_finds_what(failures, TwoOfFour, draw)

# %% [markdown]
# The plain cases find nothing, and only the last kind finds all four faults. It finds the first two less often than the kind made for each, because a group with only two weights left offers no choice, and five values tie less often than three.

# %% [markdown]
# ## Exercise · n of m
# ★★ · 10 minutes
#
# Write the right one, for any pattern. `n_of_m(n, m)` returns a class, a pruning method: of every `m` neighbours in a row, the `n` with the highest scores stay, and −5 is lower than 1. What's gone neither comes back nor takes a place.
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
# - A pruning method has a rule, `compute_mask`, and a `PRUNING_TYPE`, which decides what the rule sees in a second cut. For a rule about neighbours, take `"global"`, and let it look at `default_mask`: what's gone neither comes back nor takes a place.
# - 2:4 keeps two of every four neighbours, and at 16 bits it stores 56 % of the bytes. It's faster only if the weights are packed, on a GPU made for it.
# - A wrong method can look right on a fresh layer. Write down the properties of your rule, and test them with signs, ties and earlier masks.

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
# With `fc1`, this raises an error, because 120 rows aren't a multiple of 16. And what happens to a group with three or four weights? We've tried one of PyTorch's two packers, the one for CUTLASS. It keeps two weights of such a group, chosen by their positions: of 1, 2, 3 and 4, it keeps 1 and 2. There's no error. So the layer on the GPU isn't the layer that you've tested.
#
# Unless a layer has weights to spare, as `fc1` has, the network is trained once more with the mask on; Mishra et al. repeat the whole training, and lose hardly any accuracy. And measure the time. In PyTorch's tutorial, a BERT became 1.3 times as fast. And where a layer mostly waits for its weights, it's better to store all of them in 4 bits each ([[weight_only]]): 2:4 needs 36 bits for every four weights, nine for each. vLLM, which serves language models, removed 2:4 in March 2026, because such models are [not widely used](https://github.com/vllm-project/vllm/pull/36799).
#
# ### Prune by threshold
#
# Many home-made methods have no amount. They remove whatever lies below a threshold:
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
# Below.apply(layer, "weight", threshold=0.05)
# ```
#
# `apply` passes the threshold on to `__init__`. This method needs no care in a second cut, because what happens to a weight depends on no other weight. Its `abs` is right for weights, but not for scores with a sign. `l1_unstructured` takes it, too, even of scores that you pass. And the same threshold means something else in each layer, since layers differ in the size of their weights. So print how many zeros each layer has before you trust it.
#
# **Sources.** [`torch/nn/utils/prune.py`](https://github.com/pytorch/pytorch/blob/main/torch/nn/utils/prune.py) is short and readable: `PruningContainer.compute_mask` has the three types. [`torch.sparse`](https://docs.pytorch.org/docs/stable/sparse.html#sparse-semi-structured-tensors) describes 2:4 and the packing; [PyTorch's tutorial](https://github.com/pytorch/tutorials/blob/065c9d23d25d18f003d986a5fbb1c7fd25270f1e/advanced_source/semi_structured_sparse.py) takes a BERT there, with a `WeightNormSparsifier`, which makes 2:4 masks by magnitude. [Hypothesis](https://hypothesis.readthedocs.io/) is Python's library for property-based testing, and pytest runs such tests.
#
# **Recommended video.** Michela Paganini, *PyTorch Pruning: How it's Made*, [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw): `BasePruningMethod`, by its author.
#
# **Going further.** A. Mishra et al., *Accelerating Sparse Deep Neural Networks*, 2021, [arXiv:2104.08378](https://arxiv.org/abs/2104.08378). A project: write a structured method, which needs an attribute `dim`, for the filters of `conv2`, with its properties.
#
# **Credits.** After *Pruning tutorial* by Michela Paganini (PyTorch), whose class this lesson extends. Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** In `fc1`, we kept the large weights. But is a large weight really an important one? In [[scores]], some weights of a trained network are of no use at all, and a cut by magnitude keeps most of them.

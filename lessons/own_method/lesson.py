# ---
# jupyter:
#   course:
#     promise: You will write pruning methods of your own, use them in a training loop, and find their faults with tests.
#     seconds: 30
#     needs: [measuring, prune_module, prune_traps, prune_model, patterns]
#     goals:
#       - Write a subclass of BasePruningMethod for a score that PyTorch's functions misread.
#       - Say what each PRUNING_TYPE makes of an existing mask, and who must look at it.
#       - Prune while a network learns, with a callback and a schedule.
#       - Find by an experiment where the fault of a pruning method is, and keep a property test for it.
#     terms: [callback, importance scores, movement score, property test, pruning type]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *PyTorch prunes by size and by chance. What if you know better?*
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
# *For the lecturer, 1 min.* Ask: "If you may remove nine weights of ten, which do you choose?" Collect rules on the board, and leave them there for the last slide: small ones, unused ones, those that
# training is just taking away. Say: "Each of these is a score. Today we write methods for scores; the next lesson asks which score is good."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import os
from functools import partial
from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from torch import nn
from torch.nn.utils import prune

from course_utils import data, models, runtime, training
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims
from lessons.own_method import checks as check
from lessons.own_method import show

set_hypothesis_home_dir(os.devnull)  # section 6 keeps nothing from one run to the next: no files
runtime.seed_all(0)
torch.set_num_threads(1)  # training takes more
runtime.describe(runtime.best_device())

# %% [markdown] slideshow={"slide_type": "skip"}
# So far PyTorch chose the weights. [[prune_module]] and [[prune_model]] called functions that remove the smallest weights, or the rows with the smallest norm, or some by chance. Now suppose that you know something about a weight which its size does not tell: how training is moving it, or where it stands in a pattern that your hardware can use. Then you want a pruning method of your own.
#
# Writing one takes a few lines. But a method that is wrong runs as smoothly as one that is right. It leaves about the expected number of zeros, and the accuracy drops a little, as with most cuts. So this lesson writes methods, breaks them on purpose, and ends with two ways of finding the fault: a test that searches for a counter-example, and an experiment that says where to look.
#
# *On your way through the whole course you may leave this lesson out. Later ones use it only under Deeper.*

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. A score with a sign
#
# The **movement score** of a weight $w$ with gradients $g_t$ is $-\sum_t w_t\,g_t$ over training steps $t$. It is *negative* where training moves the weight
# towards 0. The smallest scores are to be removed, sign and all.
#
# `l1_unstructured` takes such numbers as `importance_scores`.
#
# **Predict.** Four scores: −5, 0.1, 0.2, 3. `l1_unstructured` prunes half. Which two weights stay, and why: **A** those with 0.2 and 3, **B** those with −5 and
# 3, **C** none, there is an error?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* The formula by hand, on the board: $w = 0.5$, gradient 2, rate 0.1; the next weight is 0.5 − 0.2 = 0.3, nearer to 0, and $-w\,g = -1$, below 0. With the gradient −2: 0.7, farther away, and +1. Ask: "Which of the four is training about to remove by itself?" The one with −5. Then vote;
# expect A. Click: it is B, for the L1 in the name is the absolute value, of your scores too. Say: "No error, no warning, and the result looks plausible. Who would have noticed?" If somebody offers a repair: for one cut, hand over `movement - movement.min()`, here 0, 5.1, 5.2, 8. Why then a class? The shift must be thought of in every call, and it does not help with a pattern.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why this formula? The idea is: if training is pushing a weight towards 0, the network can probably do without it. Plain SGD subtracts a small multiple of the gradient. Take $w = 0.5$ and a rate of 0.1:
#
# | weight | gradient | next weight | training moves it | $-w\,g$ |
# |---|---|---|---|---|
# | 0.5 | 2 | 0.5 − 0.1 · 2 = 0.3 | towards 0 | −1 |
# | 0.5 | −2 | 0.5 + 0.1 · 2 = 0.7 | away from 0 | 1 |
# | −0.5 | −2 | −0.5 + 0.1 · 2 = −0.3 | towards 0 | −1 |
#
# So with plain SGD the sign of $-w\,g$ says in which direction the weight moves (under Adam, which section 5 uses, a single step may differ), and adding these numbers up over many steps says where it is going on the whole ([Sanh et al.,
# 2020](https://arxiv.org/abs/2005.07683)). Such a score removes a weight because it *shrinks*, and not because it is small.
#
# **Importance scores** is PyTorch's name for the numbers by which a method ranks the weights. Those functions that rank (`l1_unstructured`, `ln_structured`, `global_unstructured`) take the weights themselves, unless you hand over other numbers of the same shape.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output"]
movement = torch.tensor([[-5.0, 0.1, 0.2, 3.0]])
by_size = nn.Linear(4, 1, bias=False)
prune.l1_unstructured(by_size, "weight", amount=0.5, importance_scores=movement)
by_size.weight_mask.tolist()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The first and the last weight stay, with the scores −5 and 3 (B), because `l1_unstructured` takes the absolute value of the scores, too.**
#
# <!-- page -->
#
# The L1 in the name is the absolute value. With weights that is what one wants, because −5 is a large weight. With our scores it turns the meaning round: the function *keeps* the weight whose score is the lowest of all, the one that training is moving towards 0. There is no error, because four numbers of the right shape were handed over, and two weights were removed, as was asked.
#
# Scores that cannot be negative are safe with this function, a squared gradient for instance. For a score with a sign there is a trick: hand over `movement - movement.min()`. Our scores become 0, 5.1, 5.2 and 8. Or compute the mask yourself, and give it to `custom_from_mask`. For one cut either will do.
#
# Why then a class? The shift must be thought of in every call, and nothing warns you when it is forgotten. Nor does it help where weights are not ranked one by one, as in the pattern of section 4. With `custom_from_mask` your own code must find out what earlier cuts have left. A class says the rule once, and PyTorch applies it, to a layer that was pruned before as well.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 2. A method is one function
#
# Behind PyTorch's pruning functions stand subclasses of `BasePruningMethod`, which does the work of [[prune_module]]: it makes `weight_orig`, the mask and
# the hook. A subclass says two things: its `PRUNING_TYPE` (section 3), and `compute_mask`.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Read the class line by line. Ask where `t` comes from: the weights, or the importance scores where they are given. Ask where
# `amount` comes from: `apply` is inherited and hands its arguments to `__init__`. Point at `clone`: `default_mask`, the mask so far, is handed over to be read, so we work on a copy. `argsort` lists the places from the smallest score on; the first `k` places become 0. Draw what is inherited: `weight_orig` times `weight_mask` gives `weight`, before each forward pass. Say: "Four
# lines decide which weights are removed. The rest of the machinery is inherited."

# %% [markdown] slideshow={"slide_type": "skip"}
# What does PyTorch do when a method is applied, and what is left for us? `Smallest.apply(layer, "weight", amount=0.5)` makes an object with `Smallest(amount=0.5)`. It renames the parameter to `weight_orig`. It calls `compute_mask`, registers what comes back as the buffer `weight_mask`, and adds a hook that multiplies the two before each forward pass. All this is inherited. Only `compute_mask` decides anything, and it gets two tensors:
#
# - `t`, the numbers to rank: the importance scores where they are given, and else the weights;
# - `default_mask`, the mask so far: 1 where a weight is still there, 0 where it was pruned before. (The parameter must have this name.)
#
# It returns a new mask of the same shape. `default_mask` is handed over to be read, so we work on a copy.


# %% slideshow={"slide_type": "-"}
class Smallest(prune.BasePruningMethod):
    # prunes the fraction `amount` with the smallest scores, sign and all
    PRUNING_TYPE = "unstructured"

    def __init__(self, amount):
        self.amount = amount

    def compute_mask(self, t, default_mask):
        mask = default_mask.clone()
        k = round(self.amount * t.numel())
        mask.view(-1)[t.flatten().argsort(stable=True)[:k]] = 0
        return mask


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The four weights again
#
# `Smallest.apply(layer, "weight", amount=0.5, importance_scores=movement)`
#
# **Predict.** Which two weights stay now, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let them say it before the click: the last two stay. Point at the first arrow and say: "This one is on
# its way to 0. The upper row keeps it, the lower one removes it." Then ask which lines of the class a *threshold* would change. Answer: `__init__`, which
# keeps the threshold, and the lines of `compute_mask` that choose. That is exercise 1.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Applies the class to the four weights and draws what both methods keep.
by_score = nn.Linear(4, 1, bias=False)
Smallest.apply(by_score, "weight", amount=0.5, importance_scores=movement)
show.four_weights(movement, {"l1_unstructured": by_size, "Smallest": by_score})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The last two weights stay, those with the scores 0.2 and 3, because `Smallest` compares the scores with their signs.**
#
# <!-- page -->
#
# Do it with a pencil. `t` is (−5, 0.1, 0.2, 3) and `amount` 0.5, so $k = 2$. `argsort` lists the places from the smallest score to the largest: 0, 1, 2, 3. The first two places are set to 0, and the mask is (0, 0, 1, 1). The weight that training moves towards 0 is removed now.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What an existing mask leaves to see
#
# When a layer is pruned *again*, the **pruning type** of the new method, its `PRUNING_TYPE`, decides what `compute_mask` is given. It hides what the method has no use for: `"unstructured"` compares single weights, `"structured"` whole slices (here rows), and `"global"` needs each weight in its place.
#
# **Predict.** 12 weights, 3 by 4; row 0 is pruned as a whole, and one weight of row 1. What shape does `t` have for each type, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First frame: the layer with its holes. Let somebody circle on it what each type could mean, and collect three shapes on the board, before you click. Then the three
# frames: (7,), the seven weights that are left, and their places are gone; (2, 4), row 0 is gone as a whole and hidden, row 1 is there with its hole; (3, 4), nothing is hidden. Who says (2, 3) for rows forgets that a row keeps its width. What comes back is written into the places that were handed over. "And on a layer that was never pruned?" All three get the whole tensor, so on a fresh layer a wrong type cannot show. Keep the grid on the board: the next slide counts on it. Transition: "And what can a method do to weights that are gone?"

# %% [markdown] slideshow={"slide_type": "skip"}
# Pruning often comes in rounds, so a method meets layers that have lost weights before. PyTorch then puts the earlier methods and the new one into a `PruningContainer`, which calls the new one. Somebody has to take care that removed weights stay removed, and that "half" means half of what is *left*. Is it PyTorch, or is it you? That depends on the type.
#
# To see what each type is given, we write a method that prunes nothing and keeps what it gets.


# %% slideshow={"slide_type": "skip"}
class Probe(prune.BasePruningMethod):
    """Prunes nothing and notes what it was given."""

    dim, seen = 0, None  # `dim`: along which the slices of a structured method lie

    def __init__(self, pruning_type):
        self.PRUNING_TYPE = pruning_type

    def compute_mask(self, t, default_mask):
        Probe.seen = t.detach().clone(), default_mask.clone()
        return default_mask


# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
given_to, alone = {}, {}
for pruning_type in show.TYPES:
    Probe.apply(show.small_layer(), "weight", pruning_type)  # never pruned before
    alone[pruning_type] = tuple(Probe.seen[0].shape)
    Probe.apply(show.pruned_layer(), "weight", pruning_type)
    given_to[pruning_type] = Probe.seen
print("without an earlier mask:", alone)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the layer, and what a method of each type is given.
show.handed_over(given_to)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **An *unstructured* method is given a list of seven numbers, a *structured* one two rows of four, a *global* one all three rows, because each type hides another part of what is gone.**
#
# <!-- page -->
#
# - *Unstructured*, shape (7,): every weight that is gone is hidden, and with it the shape.
# - *Structured*, shape (2, 4): a slice along `dim` is hidden only if it is gone *as a whole*. Row 1 is there, with its hole. (So a structured method must say along which axis its slices lie; without the attribute `dim` the container raises an error.)
# - *Global*, shape (3, 4): nothing is hidden.
#
# What comes back is written into the places that were handed over, and into no others. By hand: a layer has the weights (4, 1, 3, 2) and the mask (1, 0, 1, 1), so the 1 is gone. An *unstructured* method is given `t` = (4, 3, 2), with a `default_mask` of three ones. Say it prunes one third: it returns (1, 1, 0), because 2 is the smallest. The container writes these three numbers into the places 0, 2 and 3, and the new mask is (1, 0, 1, 0).
#
# Without an earlier mask (the line of text above the drawing) all three types get the whole tensor. `apply` looks at the type only from the second pruning on, so on a fresh layer a wrong type cannot show.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Who must look at `default_mask`?
#
# A careless method returns ones, whatever `default_mask` says. 5 of the 12 weights are pruned already.
#
# **Predict.** How many of the 5 come back as *unstructured*, as *structured*, as *global*, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Go back to the grid with its holes, and let the room count for each frame before the click here: 0, 1 (the hole in row 1) and 5. Say: "What a method is not given it cannot bring back." "Does it matter, is the weight not 0?" No: `weight_orig` still has the old value, and it takes part at once, without a word. So the last two types multiply by `default_mask`, or start from a copy of it as `Smallest` does. The right number of removed weights is another matter: `t.numel()` counts, in a global method, what is gone as well.


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output"]
class Careless(Probe):
    def compute_mask(self, t, default_mask):
        return torch.ones_like(t)


revived = {}
for pruning_type in show.TYPES:
    layer = show.pruned_layer()
    Careless.apply(layer, "weight", pruning_type)
    revived[pruning_type] = int((layer.weight_mask > show.EARLIER).sum())
revived

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **None comes back as unstructured, one as structured, all five as global: a method can revive exactly those weights that it is given.** So the last two types must respect `default_mask`.
#
# <!-- page -->
#
# The drawing above lets you count. For the unstructured type all five are hidden. For the structured type the four of row 0 are hidden, and the single hole in row 1 is not. For the global type nothing is hidden.
#
# Does it matter? `weight_orig` still has the old value of a pruned weight, and the optimizer may have moved it since ([[prune_traps]]). When the mask becomes 1 again, that value takes part at once, without a word. The network is denser than you report.
#
# Two ways are safe: begin with `default_mask.clone()` and only set entries to 0, as `Smallest` does, or multiply by `default_mask` at the end. Neither makes the *amount* right. `round(self.amount * t.numel())` counts all that was handed over. For an unstructured method that is what is left, and for a global one it is everything, what is gone included.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 4. A pattern, and a wrong type
#
# In **2:4** sparsity each group of four neighbours in a row keeps its two largest.
#
# **Predict.** Will `prune.global_unstructured`, which ranks the weights of several layers in one list, take this `"global"` method? **A** Yes, the names agree. **B** No, there is an error. **C** Yes, but the groups are wrong. And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask what "four neighbours" would mean in a flat list of what is left: the neighbours are others. So the type is "global".
# In the code: the −1 puts pruned weights behind all others, and the last line lets none of them return. Vote (many say A), then click: a TypeError (B). C would be true if the function took it. Say: "The type and the function share a word, and that is all." In the function, "global" says that several layers compete in one list; in the type, that the method is given the whole tensor of one layer. `Smallest` is taken, and leaves 12 of 24.

# %% [markdown] slideshow={"slide_type": "skip"}
# [[patterns]] showed why somebody wants such a pattern: a kernel that has room for two of every four weights can use it, and a mask with three in one group is of no use to it. The pattern is about *neighbours*, so the method must see the weights in their places. Of the three types only the global one leaves each weight in its place in every case. And since a global method sees what is gone, it has to look at `default_mask`: the class below gives pruned weights a rank behind all others, −1, which no absolute value reaches.


# %% slideshow={"slide_type": "-"}
class TwoOfFour(prune.BasePruningMethod):
    # keeps the two largest of each four neighbours
    PRUNING_TYPE = "global"

    def compute_mask(self, t, default_mask):
        gone = default_mask == 0
        groups = t.abs().masked_fill(gone, -1).reshape(-1, 4)
        mask = torch.zeros_like(groups)
        mask.scatter_(1, groups.topk(2).indices, 1)
        return mask.view_as(t) * default_mask


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "nbval-check-output"]
# Hands Smallest and TwoOfFour to global_unstructured, with two layers of 12 weights.
show.taken_by_global({Smallest: {"amount": 0.5}, TwoOfFour: {}})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **`global_unstructured` refuses the pattern with a `TypeError` (B), because it makes one list of all layers, and only methods of the type `"unstructured"` can work with a list.**
#
# <!-- page -->
#
# The two words mean different things. In the *function* `global_unstructured`, "global" says that the weights of several layers compete with each other. In the *type*, `"global"` says that the method is given the whole tensor of one layer. The function needs methods that treat every weight by itself, because its list has neither rows nor layers. `Smallest` is one, and it leaves 12 of the 24 weights.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Somebody changes the type
#
# Declared `"unstructured"`, the pattern is no longer refused. Each row of LeNet-300-100's `fc1`, 784 weights, splits into fours. We also try
# `"structured"` with `dim = 0`.
#
# **Predict.** A tenth of the layer was pruned before. How many groups keep more than two weights where 2:4 is declared `"unstructured"`, and why: **A** none, **B** about one in seven, **C** nearly all?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect A, for the code is the same. It is B: 13.5 % in the last row. Point at the row above it: on a fresh layer the wrong type does no harm. Say: "A kernel for 2:4 has room for
# two of each four, and nothing warns here." Not even `reshape`: a tenth less than 235,200 weights are 211,680, and four divides that. "Why is *structured* right?" Its slices are rows, and whole rows have whole groups. Ask what would have caught the fault: a test on a layer that is pruned already. That is section 6. The drawing that follows says why.


# %% slideshow={"slide_type": "skip"}
class PatternDeclaredFlat(TwoOfFour):
    PRUNING_TYPE = "unstructured"


class PatternByRows(TwoOfFour):
    PRUNING_TYPE, dim = "structured", 0


# %% slideshow={"slide_type": "skip"}
def too_full(method, before):
    """Percent of groups of four that keep more than two, when the share `before` was pruned already."""
    torch.manual_seed(0)
    layer = models.LeNet300100().fc1
    if before:
        prune.l1_unstructured(layer, "weight", amount=before)
    method.apply(layer, "weight")
    return 100 * (layer.weight_mask.reshape(-1, 4).sum(1) > 2).float().mean().item()


kinds = {"global": TwoOfFour, "structured, dim 0": PatternByRows, "unstructured": PatternDeclaredFlat}
broken_groups = {(name, before): too_full(method, before) for name, method in kinds.items() for before in (0, 0.1)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the share of broken groups.
show.too_full_table(broken_groups)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **About one group in seven keeps more than two weights (B), because with an earlier mask the container hands over a list without the holes, and its groups of four are not those of the layer.**
#
# <!-- page -->
#
# On the fresh layer no group is too full, whatever the type: without an earlier mask every type is given the whole tensor. After a tenth was pruned, 13.5 % of the groups keep three or four weights. (A shifted group can also keep two or fewer, by chance.) But one group with three is enough to make the layer useless to a kernel for 2:4.
#
# Nothing warns, for two reasons. The mask has zeros and ones and revives nothing. And 784 · 300 = 235,200 weights less a tenth are 211,680, which four happens to divide, so even `reshape` is content. The type `"structured"` with `dim = 0` is right here as well, because its slices are rows and whole rows have whole groups.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### How the groups shift
#
# Twelve weights in three groups. Four of the twelve were pruned before, and the pattern is declared `"unstructured"`.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: "Which two of each group should stay?" (2 and 3; 9 and 8; the 5, alone.) Second frame: "Which four does the method take for a group?" (1, 2, 3, 9, and 8, 7, 1, 5: the holes are left out, so all that follow move up.) It keeps 9 and 3, then 8 and 7. Third frame, back in their places: let somebody count: one, three, none. Point at the middle group, 9 8 7: three of four, and the kernel has room for two.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws twelve weights with holes, the list that is handed over, and the mask that comes back.
kept_in_groups = show.shifted_groups(PatternDeclaredFlat)

# %% [markdown] slideshow={"slide_type": "skip"}
# Follow the second group, 9 8 7 1. In the list, its 9 stands beside the three survivors of the first group, and its 8, 7 and 1 stand beside the 5 of the third. So the method keeps the 9 and the 3 in its first four, and the 8 and the 7 in its second. Back in their places, three weights of the second group are kept, one of the first, and none of the third.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. In a training loop
#
# A **callback** is a function that a training loop calls at each step. Ours prunes a bit more every
# 20 steps. If the share $f$ is to be removed in $n$ steps, $f\,(1 - (1 - s/n)^3)$ is gone after step $s$.
#
# The `amount` is a share of what is *left*.
#
# **Predict.** 60 % is pruned, 80 % is wanted. Which `amount` does that take, and why: **A** 0.2, **B** 0.5, **C** 0.8?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw a bar of ten boxes: six crossed out, four left; two more are to go, which is half of the four. Vote. It is B; who says A takes a share of all weights. Then the figure: read the first step aloud, 0.44, as all weights were left; the second wants 0.706 in all, and (0.706 − 0.439) / 0.561 = 0.48. Ask why the curve flattens. (In the beginning redundant weights are plenty, and later each cut meets weights that the network needs. That is the idea of the paper; we did not measure it.) Ask why the callback sits *inside* the loop: the score needs the gradient of every step, and the next `zero_grad` takes it away. "Does the optimizer still know the weights after a cut?" Yes: `weight_orig` is the old Parameter under a new name. Say: "The amount is a share of the
# survivors."

# %% [markdown] slideshow={"slide_type": "skip"}
# The movement score has a practical problem. It needs the gradient of *every* step, and a gradient lives only from the backward pass to the next `zero_grad`. When training is over, the gradients are gone. So the code that adds up the score has to run inside the training loop.
#
# `training.fit` therefore takes a function, `on_step`, and calls it after each step with its number, while the gradients of the step are still there.
#
# Our callback is made of two small classes. The first adds up $-w_t\,g_t$. Since it is called *after* the step, it keeps the weights from before it, which the formula asks for. A pruned layer learns in `weight_orig`, and the gradient there is 0 wherever the mask is 0.


# %% slideshow={"slide_type": "skip"}
def learned(layer, name):
    """The parameter that the optimizer changes."""
    return getattr(layer, name + "_orig", getattr(layer, name))


class Movement:
    """Adds up the movement scores of some pairs (layer, name) while a network learns."""

    def __init__(self, pairs):
        self.scores = {pair: torch.zeros_like(learned(*pair)) for pair in pairs}
        self.before = {pair: learned(*pair).detach().clone() for pair in pairs}

    def add(self):
        for pair in self.scores:
            self.scores[pair] -= self.before[pair] * learned(*pair).grad
            self.before[pair] = learned(*pair).detach().clone()


# %% [markdown] slideshow={"slide_type": "skip"}
# The second one prunes. Why not everything at once? The idea is that a network which loses a little at a time can adapt before it loses more (this lesson does not measure that). [Zhu and Gupta, 2017](https://arxiv.org/abs/1710.01878), remove much in the beginning, when redundant weights are plenty, and less and less as fewer weights are left. Their cubic curve does that: its slope is $3f/n$ at the start and 0 at the end.


# %% slideshow={"slide_type": "skip"}
class PruneGradually:
    """A callback: prunes a little more every 20 steps, up to the share `final` in step `last`."""

    def __init__(self, movement, final, last):
        self.movement, self.final, self.last = movement, final, last
        self.pruned, self.amounts = 0.0, {}

    def __call__(self, step):
        self.movement.add()
        if step <= self.last and step % 20 == 0:
            scores = self.movement.scores
            goal = self.final * (1 - (1 - step / self.last) ** 3)
            amount = (goal - self.pruned) / (1 - self.pruned)
            prune.global_unstructured(list(scores), Smallest, amount=amount, importance_scores=scores)
            self.pruned, self.amounts[step] = goal, amount


# %% slideshow={"slide_type": "skip"}
digits, unseen = data.load("mnist", n=20_000), data.load("mnist", "test")
start = models.LeNet300100()
_ = training.fit(start, *digits, lr=2e-3, epochs=2)


# %% slideshow={"slide_type": "skip"}
def pruned_while_learning(score, steps=120):
    """The network after some steps of training, its callback, and the percent of zeros after each step."""
    net, zeros = copy.deepcopy(start), []
    gradually = PruneGradually(score([(net.fc1, "weight"), (net.fc2, "weight"), (net.fc3, "weight")]), 0.9, 100)

    def on_step(step):
        gradually(step)
        zeros.append(100 * sparsity_report(net).weights.sparsity)

    training.fit(net, *digits, lr=2e-3, steps=steps, on_step=on_step)
    return net, gradually, zeros


# %% slideshow={"slide_type": "skip"}
net, gradually, share = pruned_while_learning(Movement)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the zeros that were counted after each step, and the amount of each cut.
container = next(iter(net.fc1._forward_pre_hooks.values()), [])
held = len(container) if isinstance(container, prune.PruningContainer) else 0
show.staircase(share, gradually.amounts, held)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **An amount of 0.5 is needed (B), because 40 % are left, and half of these are the 20 % that are still to be removed: (0.8 − 0.6) / (1 − 0.6).**
#
# <!-- page -->
#
# The same by hand for the first two cuts, with $f = 0.9$ and $n = 100$. After step 20 the curve wants $0.9\,(1 - 0.8^3) = 0.439$. Everything is left, so the amount is 0.44. After step 40 it wants $0.9\,(1 - 0.6^3) = 0.706$. Now 0.561 of the weights are left, and $(0.706 - 0.439) / 0.561 = 0.48$. The third amount is 0.46.
#
# Our own class took part without any change: `Smallest` is unstructured, so `global_unstructured` accepts it, hides what is gone, and ranks all layers together. The network is cut in the middle of a training, and the optimizer goes on with the parameters that it holds; [[prune_traps]] showed that `weight_orig` is one of them. And with each cut the container lists one more method, which keeps its mask in memory.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same cuts by another score
#
# Same start, images, steps and schedule, up to 90 %. Only what ranks the weights differs: movement; movement without its sign, as an absolute value; the magnitude of the weights.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to section 6. The next three minutes, about the sign of the movement score, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** By which of the three does the network lose most, and why? (Try it with the scores −3, −1, 0 and 2.)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Write −3, −1, 0, 2 on the board and let the room say which two `Smallest` removes (−3 and −1), and which two without the sign (0 and −1). Then vote, then click: movement, 22.9 % right after the first cut. Ask which of the four the loss depends on least. (On the 0: as a rule its gradient was always 0, at an empty pixel for instance. The −3 has a large weight or large gradients.) Say: "Furthest below 0 is not the same as least needed." The last two rows of the table are the controls. *Zeros first* asks whether the harm is that zeros stay: it keeps none at empty pixels, and still loses nearly as much, so most of the harm is in removing the −3. *No cut* says what training alone gives; two of the scores end near it, so neither callback nor schedule is to blame. "Is the paper wrong, then?" No: there the score adds up over thousands of steps, and pruned weights may return.

# %% [markdown] slideshow={"slide_type": "skip"}
# A fourth trial, a control, keeps the sign but removes the scores of exactly 0 first. A last network takes the 120 steps without a cut, because training alone changes the accuracy, too. Many pixels at the edge are 0 in every image. A weight at such a pixel has a gradient of 0 in each step; the table counts how many of these weights the first cut keeps.


# %% slideshow={"slide_type": "skip"}
class Magnitude(Movement):
    def add(self):
        self.scores = {pair: learned(*pair).detach().abs() for pair in self.scores}


class WithoutSign(Movement):
    def __init__(self, pairs):
        super().__init__(pairs)
        self.signed = self.scores

    def add(self):
        self.scores = self.signed
        super().add()
        self.scores = {pair: self.seen(score) for pair, score in self.signed.items()}

    def seen(self, score):
        return score.abs()


# %% slideshow={"slide_type": "skip"}
class ZerosFirst(WithoutSign):
    def seen(self, score):
        return score.masked_fill(score == 0, -torch.inf)


# %% slideshow={"slide_type": "skip"}
tried = {
    "movement": Movement,
    "movement, no sign": WithoutSign,
    "magnitude": Magnitude,
    "movement, zeros first": ZerosFirst,
}
first_cut = {name: pruned_while_learning(score, steps=20)[0] for name, score in tried.items()}
all_cuts = {name: net if score is Movement else pruned_while_learning(score)[0] for name, score in tried.items()}
uncut = copy.deepcopy(start)
_ = training.fit(uncut, *digits, lr=2e-3, steps=120)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts right answers after the first cut and in the end, and what the first cut keeps at pixels that are empty in all images.
empty = digits[0].flatten(1).amax(0) == 0
show.costs(first_cut, all_cuts, uncut, unseen, empty)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **By movement with its sign the network loses most, because the most negative scores, which are removed first, belong to weights on which the loss depends much.**
#
# <!-- page -->
#
# By hand: four weights have the scores −3, −1, 0 and 2, and half are to be removed. With the sign these are −3 and −1, without it 0 and −1. A score of 0 belongs, as a rule, to a weight whose gradient was always 0, at an empty pixel for instance: the loss does not depend on it, and still 0 ranks above every negative score. A score of −3 needs a large weight or large gradients: the loss depends much on this weight, even while training moves it towards 0. (*Deeper* asks what the loss wants after these steps.)
#
# What does the harm: that zeros stay, or that −3 is removed? In the control no weight at an empty pixel stays, and still it loses nearly as much. So most of the harm is in removing the scores far below 0. Without the sign the same numbers do about as well as the magnitude, and both end near the network without cuts, so neither callback nor schedule is to blame. (One training of each; *Deeper* has two other starts, without the control.)
#
# This does not refute the paper, where the score adds up over thousands of steps and pruned weights may come back; ours had twenty steps before the first cut.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. How to test a pruning method
#
# Write down what *every* right method does, and let a library look for a counter-example: a
# **property test**. A `BasePruningMethod`, whatever its score,
#
# 1. gives a mask of zeros and ones, of the same shape and dtype,
# 2. does not revive a pruned weight,
# 3. survives two applications, also when nothing is left to prune,
# 4. prunes what it promises: as many weights, and the right ones.
#
# [Hypothesis](https://hypothesis.readthedocs.io) draws situations: scores with ties, zeros and both signs, and earlier masks from full to empty. When
# one fails, it looks for a small one that fails.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Ask for a fifth rule before you go on. Good ones: the arguments stay as they are; and where a
# share is removed by rank, the same mask when all scores are doubled. Ask, too, which rule would have caught the sign of section 1: the fourth, if it
# says *which*. Say: "We do not write examples. We write what must hold, and let the machine look for the example."

# %% [markdown] slideshow={"slide_type": "skip"}
# Sections 1, 3 and 4 had faults that raised nothing. Each of them would have shown in a test, if the test had tried the right situation (a negative score, a hole in a row, a layer that was pruned before) and asked the right question: for the first it must ask *which* weights were removed, and not only how many. The trouble with tests that one writes by hand is that one tries the situations that one has thought of, and a fault sits in another one.
#
# In a property test we say what a situation is, and what must hold in *every* situation. The library does the trying. When it has found a failure it *shrinks* it: it tries smaller layers and simpler numbers for as long as the failure stays. In the next cell `st.integers(1, 3)` stands for a whole number from 1 to 3, and `draw` picks one.


# %% slideshow={"slide_type": "skip"}
@st.composite
def situations(draw):
    """Scores (rows, 4 or 8) in steps of a half, so that there are ties; and a mask from earlier pruning."""
    rows, columns = draw(st.integers(1, 3)), draw(st.sampled_from([4, 8]))

    def grid(numbers):
        drawn = draw(st.lists(numbers, min_size=rows * columns, max_size=rows * columns))
        return torch.tensor(drawn, dtype=torch.float32).view(rows, columns)

    return grid(st.integers(-6, 6)) / 2, grid(st.integers(0, 1))


# %% [markdown] slideshow={"slide_type": "skip"}
# What happens in a situation? The method prunes a layer that has the earlier mask, then the same layer once more, then a fresh one. That gives four masks, with the earlier one. If a call raises an error, rule 3 is broken. The other rules are read off the masks.


# %% slideshow={"slide_type": "skip"}
def masks_of(prune_it, scores, earlier):
    """The earlier mask, those after one and after two applications, and that of a fresh layer."""
    fresh, layer = (nn.Linear(*reversed(scores.shape), bias=False) for _ in range(2))
    prune.custom_from_mask(layer, "weight", earlier)
    masks = [earlier]
    for pruned in (layer, layer, fresh):
        prune_it(pruned, "weight", importance_scores=scores)
        masks.append(pruned.weight_mask.clone())
    return masks


# %% slideshow={"slide_type": "skip"}
def broken_rule(masks, scores, promise=None):
    """The first rule that these masks break, or None."""
    *in_turn, fresh = masks
    if (fresh.shape, fresh.dtype) != (scores.shape, scores.dtype):  # only a fresh layer can show it
        return "another shape or dtype"
    for old, new in pairwise(in_turn):
        if not ((new == 0) | (new == 1)).all():
            return "not binary"
        if (new > old).any():
            return "revives a pruned weight"
        if promise and not promise(scores, old, new):
            return "breaks its promise"


# %% [markdown] slideshow={"slide_type": "skip"}
# `@given` calls the function below it with a hundred drawn situations, which are the same in each run (`show.MANY`).


# %% slideshow={"slide_type": "skip"}
def properties(prune_it, promise=None):
    """ "all hold", or the first rule that is broken, with the smallest example that was found."""

    @show.MANY
    @given(situations())
    def all_hold(situation):
        scores, earlier = situation
        rule = broken_rule(masks_of(prune_it, scores, earlier), scores, promise)
        assert rule is None, f"{rule}: scores {scores.tolist()}, mask {earlier.int().tolist()}"

    try:
        all_hold()
    except AssertionError as broken:
        return str(broken)
    except Exception as error:  # the method itself failed in some situation
        return f"raises {type(error).__name__}: {error}"
    return "all hold"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Three faulty methods
#
# Each is a type and a formula for `compute_mask`; `old` is `default_mask`, and `k` how many are to be removed. On a fresh layer of random weights each runs.
#
# **Predict.** Which rule does each break first, and why: (1) zeros and ones, (2) no revival, (3) two applications, (4) the promise, here half of what is left?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two minutes in pairs for the three lines; one hint each: does it look at `old`; what kind of numbers does it return; what about equal scores? Vote on a rule for each, then the table. Read the examples aloud. *One*: all four weights are gone, the median is 0, the 0.5 lies above it and returns. *Two*: a score of 0.5 becomes a "mask" of 0.5, which halves the weight. *Three*: two weights are left, both 0; one is to go, and neither lies *above* the smallest, so both go. On the board: scores 1, 1, 2, 5 and `k` = 1, two are removed. "Would random weights have shown it?" Hardly: they are never equal; counts are. Say:
# "Each of these is a test to keep." And: "Passing is no proof; which situations are drawn is up to you."


# %% slideshow={"slide_type": "-"}
def kth_smallest(t, k):
    return t.flatten().kthvalue(k).values if k else -torch.inf


RULES_WITH_A_FAULT = {
    "one": ("global", lambda t, old, k: (t > t.median()).float()),
    "two": ("unstructured", lambda t, old, k: old * t.abs().clamp(max=1)),
    "three": ("unstructured", lambda t, old, k: old * (t > kth_smallest(t, k))),
}


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Makes a class of each formula, and looks for an example in which it breaks a rule.
def method_of(pruning_type, rule):
    def compute_mask(self, t, default_mask):
        return rule(t, default_mask, round(self.amount * t.numel()))

    return type("Faulty", (Smallest,), {"PRUNING_TYPE": pruning_type, "compute_mask": compute_mask})


def half(scores, old, new):
    return int(old.sum() - new.sum()) == round(0.5 * int(old.sum()))


faulty = {
    name: properties(partial(method_of(*parts).apply, amount=0.5), half if name == "three" else None)
    for name, parts in RULES_WITH_A_FAULT.items()
}
show.Table(["method", "broken rule, and a small example"], list(faulty.items()))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Method one breaks rule 2 because it ignores `old`, method two rule 1 because it returns scores, and method three rule 4 because it removes every score that equals the k-th smallest.**
#
# <!-- page -->
#
# *One* is global, so it is given the weights that are gone, and it does not look at `old`. Where a pruned weight has a score above the median, it comes back.
#
# *Two* returns scores in place of a mask. A score of 0.5 becomes a "mask" of 0.5, which does not remove the weight but halves it.
#
# *Three* keeps what lies above the k-th smallest score. Do it by hand with the scores 1, 1, 2, 5 and $k = 1$: the smallest is 1, and of the four scores only 2 and 5 are *above* 1. Two weights are removed, and one was asked for. Without equal scores the method is right. With random weights equal scores hardly ever occur, but with scores that are counts, or 0 for every unused weight, they occur all the time.
#
# The examples in the table are what was left after the shrinking (the library looks for a small example, and not for the smallest). Rules 1 to 3 hold for every method. The fourth needs to know what the method promises, so it is a function that we hand over: `half`.

# %% [markdown] slideshow={"slide_type": "skip"}
# Do the right methods pass? One kind is still missing, a structured method. The next one prunes rows, those with the smallest sum of scores. It is given the rows that are not gone as a whole, so `len(t)` counts the rows that are left, and its amount is right without any further care. A row may have holes, so it begins with a copy of `default_mask`.


# %% slideshow={"slide_type": "skip"}
class SmallestRows(prune.BasePruningMethod):
    # prunes the fraction `amount` of the rows with the smallest sum of scores

    PRUNING_TYPE, dim = "structured", 0

    def __init__(self, amount):
        self.amount = amount

    def compute_mask(self, t, default_mask):
        mask = default_mask.clone()
        sums = (t * default_mask).sum(1)
        mask[sums.argsort(stable=True)[: round(self.amount * len(t))]] = 0
        return mask


# %% [markdown] slideshow={"slide_type": "skip"}
# We test the three methods of this lesson and PyTorch's `l1_unstructured`, each with its own promise, beside two that should fail: the pattern with the wrong type, and the method for rows without its `dim`. `half` asks only how many weights are removed. `lowest_half` asks as well whether they are the lowest, and `l1_unstructured` has to answer both.


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Says what each method promises, and tests them in a hundred situations each.
class WithoutDim(prune.BasePruningMethod):
    PRUNING_TYPE = "structured"  # and no attribute dim
    __init__, compute_mask = SmallestRows.__init__, SmallestRows.compute_mask


def lowest_half(scores, old, new):
    kept, removed = scores[new == 1].tolist(), scores[new < old].tolist()
    return half(scores, old, new) and max(removed, default=-9) <= min(kept, default=9)  # scores are from -3 to 3


def half_the_rows(scores, old, new):
    before, after = (int((mask.sum(1) > 0).sum()) for mask in (old, new))
    return after == before - round(0.5 * before)


def two_in_four(scores, old, new):
    return torch.equal(new.reshape(-1, 4).sum(1), old.reshape(-1, 4).sum(1).clamp(max=2))


candidates = {
    "Smallest": (partial(Smallest.apply, amount=0.5), lowest_half),
    "SmallestRows": (partial(SmallestRows.apply, amount=0.5), half_the_rows),
    "TwoOfFour": (TwoOfFour.apply, two_in_four),
    "l1_unstructured": (partial(prune.l1_unstructured, amount=0.5), half),
    "l1, lowest half": (partial(prune.l1_unstructured, amount=0.5), lowest_half),
    "declared flat": (PatternDeclaredFlat.apply, two_in_four),
    "without dim": (partial(WithoutDim.apply, amount=0.5), half_the_rows),
}
sound = {name: properties(*case) for name, case in candidates.items()}
show.Table(["method", "a hundred situations"], list(sound.items()))

# %% [markdown] slideshow={"slide_type": "skip"}
# The four right ones pass. `l1_unstructured` passes where the test asks only how many, and fails where it asks which: in the example it removes a 0 and keeps −0.5, which is the fault of section 1. A promise that you do not write down is not tested. The wrong type of section 4 is caught; in some situations what is left does not split into fours, and then it even raises an error. The method without `dim` is accepted on a fresh layer, and the container refuses it.
#
# Passing is no proof. It says that a hundred situations showed no fault, and *which* situations are drawn is up to you. Had we drawn whole numbers alone as scores, method two would have passed, because its "mask" would then have been made of zeros and ones, and its amount is not tested.
#
# To *keep* the test of your own method, put the functions of this section, with their imports, into a file `test_pruning.py`, add these two lines, and run `pytest` after each change:
#
# ```python
# def test_my_method():
#     assert properties(partial(YourMethod.apply, amount=0.5), lowest_half) == "all hold"
# ```

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · Prune by threshold
# ★ · 5 minutes
#
# Write `threshold_mask`, the heart of a *global* method: keep a weight that was there before and whose score is above `threshold`, which is 0 or more, in
# absolute value. Return a mask in the shape and dtype of `default_mask`: zeros and ones of some float type, which need not be that of the scores.
#
# `threshold_mask(scores, default_mask, threshold)` → a tensor of zeros and ones
#
# <details><summary>Hint</summary>
# A comparison gives True and False. Bring it to the dtype of default_mask, and combine the two: kept before <em>and</em> above.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* In pairs. Two mistakes to expect: `default_mask` is not looked at, so pruned weights come back; and a score that *equals*
# the threshold is kept. Ask which rule of section 6 catches each: the second, and the fourth.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def threshold_mask(scores, default_mask, threshold):
    """1 where a weight stays: it was there, and |score| > threshold.

    >>> threshold_mask(torch.tensor([1.0, 1.0]), torch.ones(2), 0.5)
    tensor([1., 1.])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.threshold_mask(threshold_mask)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def threshold_mask_solution(scores, default_mask, threshold):
    return default_mask * (scores.abs() > threshold).to(default_mask.dtype)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · Where is the fault?
# ★★ · 12 minutes · an investigation
#
# "My method misbehaves", says a colleague, and shows no code. `breaches(layer, seed)` runs it and counts the weights that it treats against rules 2 and 4. `layer` is `"fresh"`; or `"container"`, pruned before; or `"alone"`: the tensors of that pruned layer, whole, handed to `compute_mask` without PyTorch. One breach with one seed is a fault.
#
# `where_is_the_fault(breaches)` → `"formula"`: it is wrong even where nothing was pruned before; `"mask"`: it gets an earlier mask wrong, though it sees everything; `"type"`: it is given the wrong part; `"nowhere"`: it keeps the rules on both layers on which *PyTorch* calls it
#
# <details><summary>Hint</summary>
# Which two layers differ in the container alone? And what may an unstructured method rely on, when PyTorch calls it?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# Once more, what the instrument does with each layer. Rule 2 is that nothing is revived, rule 4 that the right number is removed.
#
# - `"fresh"`: PyTorch applies the method to a layer of 16 weights that was never pruned.
# - `"container"`: PyTorch applies it to a layer that was pruned before, so the method is put into a container and is given what its type says.
# - `"alone"`: the scores and the earlier mask are those of the layer before, but `compute_mask` is called with both of them whole. PyTorch does that only with a *global* method.
#
# The seed draws the scores and which weights were pruned before. A method that raises an error counts as 16 breaches, one for each weight of the layer. The check makes up several colleagues; some of their faults show with one seed in three, or with only one of yours. It first looks at how you make your experiment: all three layers, with the same seeds, at least five. (`any(...)` over a generator stops at the first breach, and then the layers do not have the same seeds: make a list first.) Then it looks at what you conclude.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop: "Fill in a table of three columns: fresh, alone, container; breach or none. What does each row say?" The rows: a breach when fresh is the formula, whatever stands in the other two; none, breach, breach the mask; none, none, breach the type. Ask for the row *none, breach, none*: a fault or not? None: PyTorch calls the method on the first and the last layer alone, and an unstructured one is never handed what is gone. Who has one row for "mask" and "type" should ask which two layers differ in the container alone. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def where_is_the_fault(breaches):
    """Say where it is: "formula", "mask", "type" or "nowhere".

    Args:
        breaches: the instrument; `breaches("container", seed=3)` gives
            how many weights are treated against the rules.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.where_is_the_fault(where_is_the_fault)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def where_is_the_fault_solution(breaches):
    layers = ("fresh", "alone", "container")
    worst = {layer: max(breaches(layer, seed=seed) for seed in range(9)) for layer in layers}
    if worst["fresh"] > 0:
        return "formula"
    if worst["container"] == 0:
        return "nowhere"
    return "mask" if worst["alone"] > 0 else "type"


# %% [markdown] slideshow={"slide_type": "skip"}
# When your function has passed, hand it the instrument of a real method: `where_is_the_fault(check.instrument(Smallest, "half", amount=0.5))`, or `check.instrument(YourMethod, "2:4")`. "half" and "2:4" say what the method promises. The next cell makes five of them.


# %% slideshow={"slide_type": "skip"}
class SmallestOfAll(Smallest):
    PRUNING_TYPE = "global"


instruments = {
    ("Smallest", "unstructured"): check.instrument(Smallest, "half", amount=0.5),
    ("Smallest", "global"): check.instrument(SmallestOfAll, "half", amount=0.5),
    ("TwoOfFour", "global"): check.instrument(TwoOfFour, "2:4"),
    ("TwoOfFour", "unstructured"): check.instrument(PatternDeclaredFlat, "2:4"),
    ("method three", "unstructured"): check.instrument(method_of(*RULES_WITH_A_FAULT["three"]), "half", amount=0.5),
}

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What the experiment says of our methods
#
# `Smallest` and `TwoOfFour`, each as we wrote it and with another type, and method three of section 6.
#
# **Predict.** Which of the five have a fault, and where: formula, mask or type?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Five votes by show of hands, then the table. Spend the time on the first two rows: the same `compute_mask`, and only one of the two has a fault. Alone, both take half of all 16 weights; only the second is ever handed all of them by PyTorch. Ask: "How would you repair the second row?" There are two ways: a type that hides what is gone, or code that counts what is left. And the fourth? By its type alone: a list without places cannot be repaired by code. Somebody will ask about the last row, 1, 2, 0: the 0 does not acquit it. Its fault needs two equal scores just where the half ends, and with these nine seeds the container had none there.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Runs the five instruments on each layer, with nine seeds.
table, worst = show.located(instruments)
table

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Three have a fault: `Smallest` declared global in its use of the mask, `TwoOfFour` declared unstructured in its type, and method three in its formula.** The two as we wrote them have none.
#
# <!-- page -->
#
# Read the table row by row, and in each row ask the layers in order. *Method three* breaks a rule on a fresh layer, where there is no mask and no container, so it can only be the formula. Its 0 in the container does not clear it. The fault shows only where the last score that is removed equals the first that should stay, and among the weights that are left this did not happen with these nine seeds. *`TwoOfFour` declared unstructured* keeps the rules when it is alone with the same mask, so it is what the container hands over. *`Smallest` declared global* breaks them alone as well: it takes half of all weights where half of those that are left was meant.
#
# The first row is the one that misleads people. Alone, it has the same 2 breaches as the second row, for the same reason: it takes half of all 16 weights. Still it has no fault: it is unstructured, so PyTorch never hands it a weight that is gone, and in the container it keeps the rules. The two rows have the same `compute_mask`. What is right depends on the type, and so the second row can be mended in two ways: by a type that hides what is gone, or by code that counts what is left (Exercise 3 does that). The fourth row can be mended by its type alone, because a list without places cannot be repaired by any code.
#
# Where does this stop being true? Nine seeds and one small layer were tried. A fault that needs a layer of another shape, or a mask with nothing left, would not have shown here. The property tests of section 6 draw those, too, and do not say where the fault is.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# The first part asks once more what a score below 0 says. The rest is for whoever wants to give a method to others: what comes in must be checked, and a call that is refused should leave no trace.
#
# ### Does a score below 0 say that the loss falls?
#
# In section 5 movement removed the weights that training was moving towards 0, and the network broke. Should the loss not fall on the way there? We asked in a trial outside this page. After the first twenty steps we multiplied all weights that the first cut removes by the same factor, and computed the loss of the 20,000 training digits:
#
# | these weights, times | 1.05 | 1 | 0.95 | 0.8 | 0.5 | 0 |
# |---|---|---|---|---|---|---|
# | loss | 0.097 | 0.104 | 0.125 | 0.35 | 2.1 | 5.5 |
#
# The loss is higher already at 0.95, and it falls where these weights *grow*. So the sum of twenty past steps does not say what the loss wants after them: the steps have moved the weights further than the loss asks for. With a hundredth of the learning rate it is as the score says, for a short way. The loss falls from 0.083 to 0.080 where these weights become smaller by 1 %, it is no lower at 5 %, and without them it is 7.6. So the sign may be right, and the loss bends long before the weights are 0. (The weights were moved together here. One at a time is another question, see [[scores]].)
#
# The second half of the trial was the opposite rule: remove the zeros first, and then the *most positive* scores. After the first cut 31 % were right, and 27 % after all cuts, so this is no better. A score far from 0, on either side, belongs to a weight on which the loss depends much. That is why the same scores do well without their sign. With two other starts movement had 11 and 28 % right after the first cut, and 82 and 85 % in the end; without the sign, and by magnitude, it was 95 % each time.
#
# ### Your own method has no checks
#
# PyTorch's functions refuse a bad `amount` because their classes check it. Ours checks no `amount`, and `apply` compares only the shape of the scores. Of 12 weights 6 are pruned already. What does `Smallest` do with an `amount` of 1.5, of −0.5, and of the whole number 1?


# %% slideshow={"slide_type": "skip"}
class Careful(Smallest):
    """Smallest, with errors that say which parameter, what was wrong, and what to do."""

    def compute_mask(self, t, default_mask):
        n, bad = t.numel(), int((~t.isfinite()).sum())
        if isinstance(self.amount, int) or not 0 <= self.amount < 1:
            raise ValueError(f"{self._tensor_name}: amount={self.amount!r}; give a fraction from 0.0 to below 1.0")
        if n and round(self.amount * n) == n:
            raise ValueError(f"{self._tensor_name}: amount={self.amount} prunes all {n} that are left; give less")
        if bad:
            raise ValueError(f"{self._tensor_name}: {bad} of {n} scores are not finite; find the step that made them")
        return super().compute_mask(t, default_mask)


# %% slideshow={"slide_type": "skip"}
def prune_or_restore(prune_it, module, name, **arguments):
    """prune_it(module, name, …); when it fails, the module has the hooks that it had, and they list what they listed."""
    hooks = dict(module._forward_pre_hooks)
    containers = [hook for hook in hooks.values() if isinstance(hook, prune.PruningContainer)]
    listed = [container._pruning_methods for container in containers]
    try:
        return prune_it(module, name, **arguments)
    except Exception:
        module._forward_pre_hooks.clear()
        module._forward_pre_hooks.update(hooks)
        for container, methods in zip(containers, listed, strict=True):
            container._pruning_methods = methods
        raise


# %% slideshow={"slide_type": "skip"} tags=["hide-input", "nbval-check-output"]
# Tries three odd amounts with our class, with PyTorch's, and with the careful one.
columns = {"Smallest": (Smallest, show.unguarded), "L1Unstructured": (prune.L1Unstructured, show.unguarded)}
columns |= {"Careful": (Careful, prune_or_restore)}
show.outcomes_table(columns, (1.5, -0.5, 1))

# %% [markdown] slideshow={"slide_type": "skip"}
# `Smallest` takes everything. 1.5 removes all that are left. −0.5 removes half, because $k$ is −3, and `[:-3]` is a legal slice: all but the last three. The whole number 1 removes everything again, where PyTorch's classes read it as *one* weight. PyTorch's class refuses the first two. But look at "hook gone": the refused call has taken the *old* hook off, because `apply` removes it before it looks at the amount ([[prune_traps]]). From then on nothing computes `weight` anew, and what training changes in `weight_orig` no longer reaches the layer.
#
# So there are two things to do. Check in `compute_mask`, which sees the scores as well as the amount. And call it through `prune_or_restore`, which puts the hooks back when the call fails.
#
# ### What a refused call leaves in the container
#
# Is the layer as it was, then? Its mask and its hook are. But a layer that was pruned *twice* before has a container, and `apply` adds the new method to the container's list before it computes the mask. If the computation fails, the method stays in the list. The container is the only record that PyTorch keeps of what was done to a layer, and now it names a cut that never took place.


# %% slideshow={"slide_type": "skip"}
def hooks_restored_only(prune_it, module, name, **arguments):
    hooks = dict(module._forward_pre_hooks)
    try:
        return prune_it(module, name, **arguments)
    except Exception:
        module._forward_pre_hooks.update(hooks)
        raise


# %% slideshow={"slide_type": "skip"} tags=["hide-input", "nbval-check-output"]
# Refuses a call on layers that were pruned once and twice: alone, with the hooks put back, with the list put back as well.
guards = {"apply alone": show.unguarded, "hooks put back": hooks_restored_only, "prune_or_restore": prune_or_restore}
table, more_listed = show.refusals(Careful, guards)
table

# %% [markdown] slideshow={"slide_type": "skip"}
# With the hooks put back, a layer that was pruned once is whole again: its one method never was in a container. A layer that was pruned twice has three methods in its list, and two cuts. `prune_or_restore` keeps the tuple of methods from before the call and puts that back, too. A test on a layer with a single earlier cut, which is the one that comes to mind, cannot show the difference.
#
# ### Exercise 3 · On top of an existing mask
# ★★ · 10 minutes
#
# A *global* method must do itself what the container does for an unstructured one. Write `combined_mask`: of the weights that are *still there*,
# prune the fraction `amount` (from 0 to 1) with the smallest |score|, `round(amount · number still there)` of them, with Python's `round`. The scores of
# pruned weights may be anything. No two weights that are still there have scores of the same size. Leave `default_mask` itself as it is.
#
# `combined_mask(scores, default_mask, amount)` → the new mask, of the same shape, in any dtype
#
# <details><summary>Hint</summary>
# Count the ones in default_mask. Give the weights that are gone an infinite score, so that they are not chosen a second time. Then set the k smallest to 0
# in a copy of default_mask.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def combined_mask(scores, default_mask, amount):
    """Prune the fraction `amount` of the weights that are still there, smallest |score| first.

    >>> combined_mask(torch.tensor([3.0, 1.0, 2.0, 4.0]), torch.ones(4), 0.5)
    tensor([1., 0., 0., 1.])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.combined_mask(combined_mask)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def combined_mask_solution(scores, default_mask, amount):
    k = round(amount * int(default_mask.sum()))
    ranked = scores.abs().masked_fill(default_mask == 0, torch.inf).flatten()
    mask = default_mask.clone()
    mask.view(-1)[ranked.argsort()[:k]] = 0
    return mask


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson says of PyTorch's code and of its own runs, beside what this run gave.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("own_method")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A pruning method is `compute_mask` and a `PRUNING_TYPE`; the type decides what an existing mask leaves to see. Structured and global methods must
# respect `default_mask`.
# - PyTorch's `l1_unstructured` ranks by absolute value, also your own scores. Of a score with a sign it keeps the most negative: shift the scores, or write a class that compares them as they are.
# - A faulty method raises nothing, as a rule. Test that masks are binary, revive nothing, survive a second pruning, and prune as many as promised and the right ones, on layers that were pruned before.
# - To find *where* a fault is, add one thing at a time: a fresh layer, an earlier mask, the container.
#
# **Recommended video** (it helps, and does not replace the lesson): Michela Paganini, *PyTorch Pruning: How it's Made*,
# [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw). `BasePruningMethod`, by its author.
#
# **Going further**: V. Sanh et al., *Movement pruning: adaptive sparsity by fine-tuning*, 2020, [arXiv:2005.07683](https://arxiv.org/abs/2005.07683); M. Zhu
# and S. Gupta, *To prune, or not to prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878), the cubic schedule; the [source of the
# module](https://github.com/pytorch/pytorch/blob/main/torch/nn/utils/prune.py). Next: [[scores]], which asks which score is good.
#
# **Project ideas**: let movement pruning revive weights, as in the paper; write a `"structured"` method for attention heads; add a fifth rule to the tests.
#
# **Credits**: after *Pruning tutorial* by Michela Paganini (PyTorch), whose class this lesson extends; the idea of a course on efficient networks from Tal Daniel
# (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the rules on the board. For each ask: which `PRUNING_TYPE`, and what is `t`? Small ones and unused ones are
# unstructured, with the weights or with a score as `t`; those that training takes away too, with the movement score. Transition: "We can write any score now. Which one is worth it?"

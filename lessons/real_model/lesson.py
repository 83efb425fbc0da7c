# ---
# jupyter:
#   course:
#     promise: You will be able to do this one thing, and know what it costs. (TO WRITE)
#     seconds: 10
#     needs: []
#     goals:
#       - "TO WRITE: a goal begins with a verb, and an exercise or a claim shows that it was reached."
#     terms: []
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *TO WRITE: the question that this lesson answers.*
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
# *For the lecturer, 1 min.* TO WRITE: one sentence for the room, then straight on to the first question.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.real_model import checks as check
from lessons.real_model import show

runtime.seed_all(0)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. A surprise in one minute
#
# TO WRITE: a problem that the reader can feel, in two sentences. The heading asks or names the subject, and does
# not give the
# answer away.
#
# **Predict.** How many bytes does a thousand numbers take in bfloat16: as many as in float32, half as many, or a
# quarter? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2 min.* TO WRITE: how to take the vote, how most people vote, what to draw on the board, and
# what leads on. A
# reason may be repeated here, but it never stands here alone.

# %% slideshow={"slide_type": "fragment"} tags=["lecture"]
numbers = torch.zeros(1000)
halves = numbers.bfloat16()
print(f"float32: {numbers.nbytes:,} bytes, bfloat16: {halves.nbytes:,} bytes")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **In bfloat16 the numbers take half as many bytes as in float32.** TO WRITE: the sentence in bold answers the
# whole question, and
# is understood without scrolling up.
#
# <!-- page -->
#
# TO WRITE: the reason, with the numbers of the run worked by hand: a number has 32 bits in one format and 16 in
# the other, so a thousand numbers take
# 1000 · 32 / 8 = 4,000 bytes and 1000 · 16 / 8 = 2,000. Then where it stops being true. A number in prose is
# computed by a cell or cited, here:
# [IEEE 754-2019](https://doi.org/10.1109/IEEESTD.2019.8766229).

# %% [markdown] slideshow={"slide_type": "skip"}
# TO WRITE: what only the page has room for. Every new idea takes five steps: a problem that the reader can feel;
# the idea in plain words; a tiny case by hand; the
# formula, the name and the code; the measurement, what it means, and where it stops being true.

# %% tags=["hide-input"] slideshow={"slide_type": "skip"}
# Lists the bytes of the same numbers in each format.
show.bytes_of({"float32": numbers, "bfloat16": halves})

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# ### Exercise 1 · Whole bytes
# ★ · 5 minutes
#
# TO WRITE. Write `whole_bytes`: how many bytes a file needs for numbers of a few bits each, one after the other
# without gaps.
#
# `whole_bytes(n_numbers, bits)` → a whole number
#
# <details><summary>Hint</summary>
# A byte has 8 bits, and a file has no half bytes.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def whole_bytes(n_numbers, bits):
    """Bytes that hold `n_numbers` numbers of `bits` bits each.

    >>> whole_bytes(1000, 4)
    500
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.whole_bytes(whole_bytes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def whole_bytes_solution(n_numbers, bits):
    return (n_numbers * bits + 7) // 8


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · Is the new recipe better?
# ★★ · 10 minutes · an investigation
#
# TO WRITE: the best question of the lesson, which the learner answers with an experiment. You get an instrument,
# `accuracy(recipe, seed=s)`: the accuracy in per cent of a network trained with the `"old"` or the `"new"`
# recipe. One recipe is
# better if it is better with every seed; try at least three.
#
# `better_recipe(accuracy)` → `"new"`, `"old"`, or `"no difference"`
#
# <details><summary>Hint</summary>
# What may differ between two trainings that you compare, and what must be the same?
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def better_recipe(accuracy):
    """Say which recipe is better: "new", "old" or "no difference".

    Args:
        accuracy: the instrument; `accuracy("new", seed=3)` gives the
            accuracy of one training, in per cent.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.better_recipe(better_recipe)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def better_recipe_solution(accuracy):
    leads = [accuracy("new", seed=seed) - accuracy("old", seed=seed) for seed in range(5)]
    if min(leads) > 0:
        return "new"
    return "old" if max(leads) < 0 else "no difference"


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# TO WRITE: what an expert would also like to know. It is true and tested like everything else, but folded in
# JupyterLab, closed on the
# site, not counted in the minutes, and not in the deck. Delete the heading if there is nothing.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("real_model")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - TO WRITE: at most three sentences.
#
# **Going further.** TO WRITE: what to read, with a DOI or an arXiv number each.
#
# **Credits.** TO WRITE: whose ideas these are. Text CC BY 4.0, code MIT.

# ---
# jupyter:
#   course:
#     promise: You will be able to do this one thing, and know what it costs. (TO WRITE)
#     minutes: 45
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

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.adapters import checks as check

card = claims.Scorecard("adapters")
runtime.seed_all(0)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. A surprise in one minute
#
# TO WRITE: what is measured here, in two sentences. The heading asks or names the subject, and does not give the answer
# away.
#
# **Predict.** How many bytes do a thousand numbers take in float32, and how many in bfloat16? Write both down.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2 min.* TO WRITE: the sentence to say, what to ask the room before the result is shown, how most
# people vote, and what leads on to the next slide.

# %% slideshow={"slide_type": "fragment"} tags=["lecture"]
numbers = torch.zeros(1000)
card.record("bytes-of-a-number", numbers.nbytes / numbers.numel())
Table(["format", "bytes"], [["float32", numbers.nbytes], ["bfloat16", numbers.bfloat16().nbytes]])

# %% [markdown] slideshow={"slide_type": "-"} tags=["lecture"]
# **What you saw.** TO WRITE: compare with the prediction, give the reason, and name what would change it. A number in
# prose is computed by a cell or cited, here: [IEEE 754-2019](https://doi.org/10.1109/IEEESTD.2019.8766229).

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


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - TO WRITE: at most three sentences.
#
# **Going further.** TO WRITE: what to read, with a DOI or an arXiv number each.
#
# **Credits.** TO WRITE: whose ideas these are. Text CC BY 4.0, code MIT.

"""What is under Deeper is complete and out of the way: folded."""

import _course

from tools.publishing import lessons
from tools.workspace import workspace

LESSON = """\
# ---
# jupyter:
#   course:
#     promise: You can.
#     seconds: 60
#     goals: [Count]
# ---

# %% [markdown]
# # [[title]]

# %% [markdown]
# ## 1. Bytes
#
# Words.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1 · Count
# ★ · 8 minutes

# %% [markdown]
# ## Deeper
#
# ### What an expert asks
#
# More.

# %%
1 + 1

# %% [markdown]
# ## Remember
#
# - It.
"""


def test_jupyterlab_folds_it_in_the_notebook_and_in_the_copy(tmp_path):
    nb = lessons.read(_course.make_root(tmp_path, fixture=LESSON)[0])
    for book in (nb, workspace.for_learner(nb)):
        assert [c.source for c in book.cells if lessons.COLLAPSED in c.metadata] == ["## Deeper"]  # a fold hides cells
        assert book.cells[-1].source.startswith("## ")  # else the fold takes the way to the next lesson with it

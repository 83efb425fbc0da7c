"""What is under Deeper is complete and out of the way: folded, and not in the deck."""

import _course

from tools.decks import arrange
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

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. Bytes
#
# Words.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# ### Exercise 1 · Count
# ★ · 8 minutes

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### What an expert asks
#
# More.

# %% slideshow={"slide_type": "-"}
1 + 1

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - It.
"""


def test_jupyterlab_folds_it_in_the_notebook_and_in_the_copy_and_the_deck_goes_on_behind_it(tmp_path):
    nb = lessons.read(_course.make_root(tmp_path, fixture=LESSON)[0])
    for book in (nb, workspace.for_learner(nb)):
        assert [c.source for c in book.cells if lessons.COLLAPSED in c.metadata] == ["## Deeper"]  # a fold hides cells
        assert book.cells[-1].source.startswith("## ")  # else the fold takes the way to the next lesson with it
    headings = [slide.heading.source for slide in arrange.slides(nb) if slide.heading]
    assert headings[-2:] == ["## Exercises", "## Remember"]

"""What is under Deeper is complete and out of the way: folded, not counted, not in the deck."""

import _course
import pytest

from tools.decks import arrange
from tools.publishing import course, lessons
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
# WORDS

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* NOTES

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
# MORE

# %% slideshow={"slide_type": "-"}
1 + 1

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - It.
"""


@pytest.fixture
def text():
    words = {"WORDS": "word " * 500, "NOTES": "note " * 500, "MORE": "word " * 200}
    found = LESSON
    for name, many in words.items():
        found = found.replace(name, many.strip())
    return found


def test_words_code_running_time_and_exercises_make_the_minutes_of_the_core(text):
    assert course.clock(text, seconds=60).minutes == 4 + 1 + 8  # (500 words and the headings) / 120, and one to run
    assert 200 <= course.clock(text).deeper <= 210
    predicted = text.replace("word word", "**Predict.** word word", 1)
    assert course.clock(predicted, seconds=60).minutes == 4 + 1 + 8 + 1
    coded = text.replace(
        '# %% [markdown] slideshow={"slide_type": "notes"}', "# %%\n" + "x = 1\n" * 16 + "# %% [markdown]", 1
    )
    assert course.clock(coded, seconds=60).minutes == 4 + 1 + 8 + 2
    folded = coded.replace("# %%\nx", '# %% tags=["hide-input"]\nx')
    assert course.clock(folded, seconds=60).minutes == 4 + 1 + 8
    assert course.clock(text, seconds=60, shown=5).minutes == 4 + 1 + 8 + 2


def test_jupyterlab_folds_it_in_the_notebook_and_in_the_learners_copy(tmp_path, text):
    nb = lessons.read(_course.make_root(tmp_path, fixture=text)[0])
    for book in (nb, workspace.for_learner(nb)):
        assert [c.source.splitlines()[0] for c in book.cells if lessons.COLLAPSED in c.metadata] == ["## Deeper"]


def test_the_deck_goes_on_behind_it(tmp_path, text):
    nb = lessons.read(_course.make_root(tmp_path, fixture=text)[0])
    headings = [slide.heading.source for slide in arrange.slides(nb) if slide.heading]
    assert headings[-2:] == ["## Exercises", "## Remember"]

"""The one reader of lessons: which file a name means, what a text becomes, and how a failure is told."""

import _course
import nbformat
import pytest

from course_utils import progress
from tools.environment import curriculum
from tools.publishing import boxes, lessons

HEADER = "# ---\n# jupyter:\n#   course:\n#     promise: You will.\n# ---\n\n"
BODY = """\
# %% [markdown] tags=["answer"]
# A formula: $E = m c^2$

# %% named tags=["exercise"] lines_to_next_cell=2
def double(x):
    raise NotImplementedError


# %% tags=["solution", "hide-cell"]
def double_solution(x):
    return 2 * x

# %%
x = 1
# %%
x = 1
"""


@pytest.fixture
def lesson(tmp_path):
    """The second of three."""
    return _course.make_root(tmp_path, first=HEADER + BODY, fixture=HEADER + BODY, third=HEADER + BODY)[1]


@pytest.mark.parametrize("name", ["fixture", "1.2", "lessons/fixture/lesson.py", "notebooks/1_first/2_fixture.ipynb"])
def test_every_way_to_name_a_lesson_finds_it(lesson, name):
    assert lessons.select([name], root=lesson.root) == [lesson]


@pytest.mark.parametrize(("name", "said"), [("xyz", "All: .* progress --all"), ("fixtur", r"Did you mean 1\.2 \(fix")])
def test_an_unknown_name_stops_with_the_lessons_it_may_mean(lesson, name, said):
    with pytest.raises(SystemExit, match=f"^No lesson is called {name!r}\\. {said}"):
        lessons.select([name], root=lesson.root)


def test_a_text_becomes_cells_with_their_tags_and_front_matter(lesson):
    nb = lessons.read(lesson)
    nbformat.validate(nb)
    where = {"name": "fixture", "number": "1.2", "title": "The lesson fixture", "part": "First part"}
    assert nb.metadata["course"] == {**where, "promise": "You will."}
    assert [cell.cell_type for cell in nb.cells] == ["markdown", *["code"] * 4, "markdown"]
    assert "<details" in nb.cells[0].source and nb.cells[1].metadata == {"tags": ["exercise"], "name": "named"}
    assert nb.cells[2].metadata["jupyter"] == {"source_hidden": True}


REFERENCES = """\
# %% [markdown]
# # [[title]]
#
# [[builds_on]]
#
# [[first]] came before. As in [[first]], or in [[third]] and [[fixture]].
#
# | a | [[third]] |

# %%
[[first := 1], ["[[third]]"]]  # [[first]]
"""


def test_names_in_brackets_become_numbers_titles_and_links(lesson):
    header = HEADER.replace("You will.", "You will.\n#     needs: [first]")
    lesson.source.write_text(header + REFERENCES, encoding="utf-8")
    text, source = (cell.source for cell in lessons.read(lesson).cells[:2])
    assert text.splitlines()[::2] == [
        "# 1.2 · The lesson fixture",
        "Builds on [lesson 1.1](1_first.ipynb).",
        "[Lesson 1.1, The lesson first](1_first.ipynb) came before. As in [lesson 1.1](1_first.ipynb), or in "
        "[lesson 1.3, The lesson third](3_third.ipynb) and this lesson.",
        "| a | [lesson 1.3](3_third.ipynb) |",
    ]
    assert source == '[[first := 1], ["lesson 1.3"]]  # lesson 1.1'


END = """\
# %% [markdown]
# You will be able to
#
# [[abilities]]

# %% [markdown]
# ## Deeper
#
# ### More

# %% [markdown]
# **Credits.** Mine.
#
# **What's still open.** All of it.
"""


def test_a_page_asks_the_first_question_of_two_lessons_it_needs_and_what_leads_on_is_not_folded(lesson, tmp_path):
    for name in ("first", "third"):
        text = "\n".join(f'[[question]]\nask = "{name} {n}?"\nanswer = "So."\n' for n in (1, 2))
        (tmp_path / "lessons" / name / "review.toml").write_text(text)
    needs = HEADER.replace("You will.", "You will.\n#     needs: [fixture, first, third]\n#     goals: [do; , say.]")
    lesson.source.write_text(needs + END, encoding="utf-8")
    able, before, deeper, more, credit, last = (cell.source for cell in lessons.read(lesson).cells)
    assert "1. do;" in able and deeper == "## Deeper" and more == "### More" and credit == "**Credits.** Mine."
    assert "**1.** first 1?" in before and "**2.** third 1?" in before and "2?" not in before
    assert before.count("<details") == 3 and "([lesson 1.1](1_first.ipynb))" in before
    assert last == "## What comes next\n\nAll of it.\n\n[All lessons](../overview.ipynb)."


def test_tracks_are_lists_of_lessons_and_one_that_is_not_is_said_in_words(lesson):
    table = lesson.root / "lessons" / "course.toml"
    text = table.read_text()
    table.write_text(text + '[[track]]\ntitle = "A day"\nlessons = ["third", "first"]\n')
    day, whole = curriculum.tracks(lesson.root)
    assert [one.name for one in day.lessons] == ["first", "third"] and len(whole.lessons) == 3
    for wrong, said in (
        ("title = 'A'", "needs title and lessons"),
        ("title = 'A'\nlessons = ['x']", "names 'x', which"),
    ):
        table.write_text(f"{text}[[track]]\n{wrong}\n")
        with pytest.raises(ValueError, match=said):
            curriculum.tracks(lesson.root)


def test_a_question_is_the_same_with_and_without_its_box():
    def asked(source):
        cells = [{"cell_type": "markdown", "source": source}, {"cell_type": "code", "source": "1"}]
        return progress.version(progress.questions(cells)), progress.questions(cells)[0].text

    text = "## 2. Bytes\n\nA model.\n\n**Predict.** How many, and why?\n\n- one\n- two"
    assert asked(text) == asked(boxes.put(text)) and "<div" in boxes.put(text)


@pytest.mark.slow
def test_a_kernel_that_dies_and_a_cell_without_end_are_failures_of_their_cell(tmp_path):
    def code(*sources):
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])

    with pytest.raises(lessons.CellFailed, match="(?i)kernel died"):
        lessons.execute(code("import os; os._exit(1)"), folder=tmp_path)
    with pytest.raises(lessons.CellFailed, match="(?i)time") as caught:
        lessons.execute(code("1", "import time; time.sleep(600)"), folder=tmp_path, timeout=1)
    assert caught.value.number == 2

"""The one reader of lessons: which file a name means, what a text becomes, and how a failure is told."""

import textwrap

import _course
import nbformat
import pytest

from tools.publishing import lessons

HEADER = """\
# ---
# jupyter:
#   course:
#     seconds: 2
# ---

"""
BODY = """\
# %% [markdown] tags=["lecture"]
# # A title
#
# A formula: $E = m c^2$

# %% tags=["setup"]

x = 1

# %% tags=["exercise"] lines_to_next_cell=2
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
    return _course.make_root(tmp_path, first=HEADER + BODY, fixture=HEADER + BODY, third=HEADER + BODY)[1]


def code(*sources, tags=()):
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(source), metadata={"tags": list(tags)}) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize("name", ["fixture", "1.2", "lessons/fixture/lesson.py", "notebooks/1_first/2_fixture.ipynb"])
def test_every_way_to_name_a_lesson_finds_it(lesson, name):
    assert lessons.select([name], root=lesson.root) == [lesson]


ALL = r"All: .* progress --all"


@pytest.mark.parametrize(("name", "said"), [("xyz", ALL), ("fixtur", r"Did you mean 1\.2 \(fixture\)")])
def test_an_unknown_name_stops_with_the_lessons_it_may_mean(lesson, name, said):
    with pytest.raises(SystemExit, match=f"^No lesson is called {name!r}\\. {said}"):
        lessons.select([name], root=lesson.root)


def test_a_text_becomes_cells_with_their_tags_and_front_matter(lesson):
    nb = lessons.read(lesson)
    nbformat.validate(nb)
    assert nb.metadata["course"] == {
        "name": "fixture",
        "number": "1.2",
        "title": "The lesson fixture",
        "part": "First part",
        "seconds": 2,
        "minutes": 5,
    }
    assert nb.metadata["kernelspec"]["name"] == "python3"
    assert [cell.cell_type for cell in nb.cells] == ["markdown", *["code"] * 5, "markdown"]
    assert nb.cells[0].metadata == {"tags": ["lecture"]}
    assert nb.cells[2].metadata == {"tags": ["exercise"]}
    assert nb.cells[3].metadata["jupyter"] == {"source_hidden": True}


REFERENCES = """\
# %% [markdown]
# # [[title]]
#
# About [[minutes]] minutes. [[builds_on]]
#
# [[first]] came before. As in [[first]], or in [[third]] and [[fixture]].
#
# | a | [[third]] |

# %%
[[first := 1], ["[[third]]"]]  # [[first]]
"""


def test_names_in_brackets_become_numbers_titles_and_links(lesson):
    header = HEADER.replace("seconds: 2", "seconds: 2\n#     promise: You can.\n#     minutes: 5\n#     needs: [first]")
    lesson.source.write_text(header + REFERENCES, encoding="utf-8")
    text, source = (cell.source for cell in lessons.read(lesson).cells[:2])
    full = "[{}esson 1.1, The lesson first](1_first.ipynb)"
    assert text.splitlines()[0] == "# 1.2 · The lesson fixture"
    assert text.splitlines()[2] == "About 5 minutes. Builds on [lesson 1.1](1_first.ipynb)."
    assert text.splitlines()[4] == (
        f"{full.format('L')} came before. As in [lesson 1.1](1_first.ipynb), or in "
        "[lesson 1.3, The lesson third](3_third.ipynb) and this lesson."
    )
    assert text.splitlines()[6] == "| a | [lesson 1.3](3_third.ipynb) |"
    assert source == '[[first := 1], ["lesson 1.3"]]  # lesson 1.1'


def test_a_lesson_ends_with_links_to_its_neighbours(lesson):
    first, _, third = lessons.select([], root=lesson.root)
    ends = [lessons.read(one).cells[-1].source for one in (first, lesson, third)]
    assert "Next in the whole course: [lesson 1.2, The lesson fixture](2_fixture.ipynb)." in ends[0]
    assert "[lesson 1.3," in ends[1] and "overview" in ends[1]
    assert "Next" not in ends[2]
    table = lesson.root / "lessons" / "course.toml"
    table.write_text(table.read_text() + '[[way]]\ntitle = "A day"\nlessons = ["third", "first"]\n')
    assert "[Electives](../overview.ipynb) follow" in lessons.read(first).cells[-1].source


@pytest.mark.slow
def test_a_kernel_that_dies_and_a_cell_without_end_are_failures_of_their_cell(tmp_path):
    with pytest.raises(lessons.CellFailed, match="(?i)kernel died"):
        lessons.execute(code("import os; os._exit(1)"), folder=tmp_path)
    with pytest.raises(lessons.CellFailed, match="(?i)time") as caught:
        lessons.execute(code("1", "import time; time.sleep(60)"), folder=tmp_path, timeout=1)
    assert caught.value.number == 2

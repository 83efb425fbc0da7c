"""The learner's copies: made, renewed, moved with their lessons, never overwritten once changed."""

import nbformat
import pytest

from tools.workspace import workspace

NAME, NEW = "2_part/1_topic.ipynb", "3_other/2_topic.ipynb"
BESIDE = "2_part/1_topic.new.ipynb"


def notebook(*sources):
    """A published notebook: title, code cells with an output, the last a folded solution."""
    cells = [nbformat.v4.new_markdown_cell("# Topic", id="cell-0")]
    for number, source in enumerate(sources, start=1):
        cell = nbformat.v4.new_code_cell(source, execution_count=number, id=f"cell-{number}")
        cell.metadata = nbformat.from_dict({"tags": ["check"], "name": f"cell_{number}"})
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="42")]
        cells.append(cell)
    cells[-1].metadata = nbformat.from_dict({"tags": ["solution", "hide-cell"], "jupyter": {"source_hidden": True}})
    return nbformat.v4.new_notebook(cells=cells, metadata={"course": {"name": "topic"}})


class Course:
    """A course with one lesson, and what its learner does."""

    def __init__(self, folder):
        self.notebooks, self.workspace = folder / "notebooks", folder / "workspace"
        self.notebooks.mkdir()
        self.place = NAME

    def publish(self, *sources, place=NAME):
        """Publish a version of the lesson, in place of the one there was."""
        (self.notebooks / self.place).unlink(missing_ok=True)
        self.place = place
        path = self.notebooks / place
        path.parent.mkdir(exist_ok=True)
        path.write_text(nbformat.v4.writes(notebook(*sources)), encoding="utf-8")
        return self

    def fill(self):
        return workspace.fill(self.notebooks, self.workspace)

    def read(self, name=NAME):
        return nbformat.v4.reads((self.workspace / name).read_text(encoding="utf-8"))

    def code(self, name=NAME):
        return [cell.source for cell in self.read(name).cells if cell.cell_type == "code"]

    def write(self, *sources, name=NAME):
        """What a learner leaves: their cells, run."""
        nb = workspace.for_learner(notebook(*sources))
        for cell in nb.cells[1:]:
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="my own")]
        (self.workspace / name).write_text(nbformat.v4.writes(nb), encoding="utf-8")

    def names(self):
        return sorted(path.relative_to(self.workspace).as_posix() for path in self.workspace.rglob("*.ipynb"))


@pytest.fixture
def lesson(tmp_path):
    """A course whose lesson was handed out."""
    made = Course(tmp_path).publish("a = 1", "b = 2")
    assert made.fill() == []
    return made


def test_a_first_start_hands_out_copies_without_outputs_and_with_solutions_that_say_so(lesson):
    lesson.publish("a = 1", "def double_solution(x):\n    return 2 * x").fill()
    assert lesson.names() == [NAME]
    cells = lesson.read().cells
    assert [(cell.outputs, cell.execution_count) for cell in cells[1:]] == [([], None), ([], None)]
    assert [dict(cell.metadata) for cell in cells] == [{}, {}, {"jupyter": {"source_hidden": True}}]
    assert cells[2].source.startswith("# Solution: double\ndef double_solution(x):")
    assert "42" in (lesson.notebooks / NAME).read_text(encoding="utf-8")


def test_an_unchanged_copy_follows_a_newer_lesson_and_that_outputs_went_with_it_is_said(lesson):
    assert lesson.publish("a = 10", "b = 2").fill() == []
    assert lesson.code() == ["a = 10", "b = 2"] and lesson.names() == [NAME]
    lesson.write("a = 10", "b = 2")
    assert lesson.fill() == [] and lesson.read().cells[1].outputs[0].text == "my own"
    (said,) = lesson.publish("a = 100", "b = 2").fill()
    assert NAME in said and "You had typed nothing there; run it again" in said
    assert lesson.code() == ["a = 100", "b = 2"] and lesson.fill() == []


def test_a_changed_copy_is_never_overwritten_and_the_new_version_comes_beside_once(lesson):
    lesson.write("a = 1", "mine = 3")
    assert lesson.fill() == []
    messages = lesson.publish("a = 10", "b = 2").fill()
    assert len(messages) == 1 and "1_topic.new.ipynb" in messages[0]
    assert lesson.code() == ["a = 1", "mine = 3"] and lesson.code(BESIDE) == ["a = 10", "b = 2"]
    (lesson.workspace / BESIDE).unlink()
    assert lesson.fill() == [] and lesson.names() == [NAME]


@pytest.mark.parametrize("content", [b"", b'{"cells": [{}]}'])
def test_a_copy_that_is_no_notebook_any_more_is_kept_as_it_is(lesson, content):
    (lesson.workspace / NAME).write_bytes(content)
    assert lesson.fill() == []
    messages = lesson.publish("a = 10", "b = 2").fill()
    assert len(messages) == 1 and (lesson.workspace / NAME).read_bytes() == content


def test_a_copy_whose_saving_was_cut_off_gets_back_what_was_saved_before(lesson):
    """JupyterLab leaves, when it is killed while it saves, half a notebook, and the one before, hidden."""
    copy = lesson.workspace / NAME
    lesson.write("a = 1", "mine = 2")
    copy.with_name(f".~{copy.name}").write_bytes(copy.read_bytes())
    lesson.write("a = 1", "mine = 3")
    half = copy.read_bytes()[:500]
    copy.write_bytes(half)
    (said,) = lesson.fill()
    assert NAME in said and "What was saved before is back" in said and "1_topic.old.ipynb" in said
    assert lesson.code() == ["a = 1", "mine = 2"]
    assert (lesson.workspace / "2_part" / "1_topic.old.ipynb").read_bytes() == half
    assert not list(lesson.workspace.rglob(".~*")) and lesson.fill() == []


def test_a_lesson_that_got_another_number_moves_with_what_was_written_in_it_and_beside_it(lesson):
    lesson.write("a = 1", "mine = 3")
    lesson.publish("a = 10", "b = 2").fill()
    (lesson.workspace / NAME).with_name(".ipynb_checkpoints").mkdir()
    (said,) = lesson.publish("a = 10", "b = 2", place=NEW).fill()
    assert f"{NAME} is now {NEW}" in said
    assert lesson.names() == [NEW, "3_other/2_topic.new.ipynb"] and lesson.code(NEW) == ["a = 1", "mine = 3"]
    assert [path.name for path in lesson.workspace.iterdir() if path.is_dir()] == ["3_other"]
    assert lesson.fill() == []


def test_files_of_the_learners_own_stay_where_they_are(lesson):
    lesson.write("mine = 4", name="2_part/1_topic-Copy1.ipynb")
    (lesson.workspace / "2_part" / "1_other_topic.ipynb").write_text("{}", encoding="utf-8")
    (lesson.workspace / "mine").mkdir()
    lesson.write("mine = 5", name="mine/1_topic.ipynb")
    lesson.publish("a = 1", "b = 2", place=NEW).fill()
    mine = ["2_part/1_other_topic.ipynb", "2_part/1_topic-Copy1.ipynb", "mine/1_topic.ipynb"]
    assert lesson.names() == [*mine[:2], NEW, mine[2]]

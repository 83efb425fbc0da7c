"""Three from before: a question comes back on its days, is counted once, and what is damaged stops no start."""

import datetime
import json

import nbformat
import pytest

from course_utils import progress, review
from tools import cards as cards_task
from tools import review as task
from tools.publishing import lessons
from tools.workspace import progress as _progress
from tools.workspace import start, three

PASSED = datetime.datetime(2026, 3, 2, 18, 0, tzinfo=datetime.UTC)
QAT = lessons.select(["qat"])[0]


def day(number):
    return PASSED + datetime.timedelta(days=number, minutes=1)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / progress.NAME
    what = {"kind": "check", "lesson": "qat", "exercise": "x", "status": "passed"}
    progress.add(path, what, now=PASSED)
    return path


def due(path, number):
    return review.due(progress.read(path), day(number))


def test_a_learner_who_has_them_sees_each_question_on_four_days_and_then_never(file):
    seen = {question: [] for question in review.questions(QAT.name)}
    for number in range(60):
        for question in due(file, number):
            seen[question].append(number)
            review.note(question, True, file, now=day(number))
    assert len(seen) >= 3 and all(days == [1, 3, 7, 21] for days in seen.values())


def test_one_that_was_missed_comes_back_at_the_next_start_and_begins_again(file):
    first, *others = due(file, 1)
    review.note(first, True, file, now=day(1))
    review.note(first, False, file, now=day(3))
    assert first in due(file, 3)
    review.note(first, True, file, now=day(4))
    assert first not in due(file, 5) and first in due(file, 6)
    assert set(others) <= set(due(file, 6))  # not answered: still waiting


def test_who_comes_late_is_not_asked_the_same_again_at_once(file):
    question = due(file, 30)[0]
    review.note(question, True, file, now=day(30))
    assert question not in due(file, 31) and question in due(file, 32)


def test_three_questions_are_of_three_lessons_where_there_are_so_many(file):
    for lesson in ("energy", "amp"):
        progress.add(file, {"kind": "check", "lesson": lesson, "exercise": "x", "status": "passed"}, now=PASSED)
    assert {question.lesson for question in due(file, 9)[:3]} == {"qat", "energy", "amp"}


def test_nothing_is_asked_of_a_lesson_that_is_not_passed_or_was_reset(file, tmp_path):
    assert review.due([], day(9)) == []
    progress.add(file, {"kind": "reset", "lesson": "qat"})
    assert due(file, 9) == []


def test_damaged_lines_and_strange_values_stop_nothing(file):
    ask = review.questions(QAT.name)[0].ask
    with open(file, "a", encoding="utf-8") as out:
        for what in ({"times": "many", "when": "soon"}, {"times": -3, "when": day(1).isoformat()}, {"times": None}):
            out.write(json.dumps({"kind": "review", "lesson": "qat", "question": ask, **what}) + "\n")
        out.write('{"kind": "review", "lesson')
    assert ask in [question.ask for question in due(file, 9)]


def test_a_file_of_questions_that_is_not_one_is_named(tmp_path):
    folder = tmp_path / "lessons" / "qat"
    folder.mkdir(parents=True)
    assert review.questions("qat", tmp_path) == ()
    for text in ("[[question]]\nask = 3 =", '[[question]]\nask = "Why?"\n', "question = 3"):
        (folder / review.FILE).write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"lessons/qat/review\.toml: .*\[\[question\]\]"):
            review.questions("qat", tmp_path)


def test_the_start_page_asks_three_and_the_notebook_counts_them(file, monkeypatch, capsys):
    workspace = file.parent
    start.write(workspace)
    page = (workspace / "start.md").read_text(encoding="utf-8")
    nb = nbformat.read(workspace / three.PLACE, as_version=4)
    asked = due(file, 400)[:3]  # the file is of another year
    assert f"]({three.PLACE})" in page and all(question.ask in page for question in asked)
    assert all(question.answer not in page for question in asked)
    counting = [cell.source for cell in nb.cells if cell.cell_type == "code"]
    assert len(counting) == 3
    monkeypatch.setenv("COURSE_PROGRESS", str(file))
    for source in [counting[0], *counting]:  # the first one twice
        exec(source, {})
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Counted. It comes back in 2 days." and said[1] == "It is counted already."
    start.write(workspace)
    assert not set(asked) & set(review.due(progress.read(file), datetime.datetime.now().astimezone()))


def test_the_notebook_that_may_be_open_is_made_anew_at_a_start_only(file):
    place = file.parent / three.PLACE
    start.write(file.parent)
    place.write_text("as the learner has it open", encoding="utf-8")
    start.write(file.parent)
    assert place.read_text(encoding="utf-8") == "as the learner has it open"
    start.write(file.parent, at_start=True)
    assert nbformat.read(place, as_version=4).cells


def test_where_nothing_is_due_there_is_no_notebook(tmp_path):
    (tmp_path / three.PLACE).write_text("{}")
    start.write(tmp_path, at_start=True)
    assert not (tmp_path / three.PLACE).exists()
    assert "Three from before" not in start.text(_progress.of(tmp_path))


def test_in_the_terminal_one_key_says_it(file, monkeypatch, capsys):
    monkeypatch.setattr(task, "WORKSPACE", file.parent)
    keys = iter(["", "y", "", "n", ""])

    def typed(prompt):
        if (key := next(keys, None)) is None:
            raise EOFError
        return key

    monkeypatch.setattr("builtins.input", typed)
    assert task.main([]) == 0
    said = capsys.readouterr().out
    assert "Counted. It comes back in 2 days." in said and "It comes back at the next start." in said
    kept = [r["times"] for r in progress.read(file) if r["kind"] == "review"]
    assert kept == [1, 0] and "What you answered is kept" in said
    file.unlink()
    assert task.main([]) == 0 and "Nothing is due" in capsys.readouterr().out


def test_cards_have_a_question_an_answer_and_a_tag_each(tmp_path, capsys):
    path = tmp_path / "cards.txt"
    assert cards_task.main([str(path)]) == 0
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    assert {len(row) for row in rows} == {3} and f"{len(rows)} cards" in capsys.readouterr().out
    assert [review.questions(QAT.name)[0].ask, review.questions(QAT.name)[0].answer, "qat"] in rows

"""Three from before: a question comes back on its days, is counted once, and only when the learner says so."""

import datetime

import nbformat
import pytest

from course_utils import progress, review
from tools import cards
from tools.workspace import start, three

PASSED = datetime.datetime(2026, 3, 2, 18, 0, tzinfo=datetime.UTC)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / progress.NAME
    what = {"kind": "check", "lesson": "qat", "exercise": "x", "status": "passed"}
    progress.add(path, what, now=PASSED)
    return path


def day(number):
    return PASSED + datetime.timedelta(days=number, minutes=1)


def due(path, number):
    return review.due(progress.read(path), day(number))


def test_a_learner_who_knows_them_sees_each_question_on_four_days_and_then_never(file):
    seen = {question: [] for question in review.questions("qat")}
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


def test_nothing_is_asked_of_a_lesson_that_is_not_passed_or_was_reset(file):
    assert review.due([], day(9)) == []
    progress.add(file, {"kind": "reset", "lesson": "qat"})
    assert due(file, 9) == []


def test_the_start_page_asks_three_and_the_notebook_counts_what_the_learner_writes(file, monkeypatch, capsys):
    start.write(file.parent)
    page = (file.parent / "start.md").read_text(encoding="utf-8")
    nb = nbformat.read(file.parent / three.PLACE, as_version=4)
    asked = due(file, 400)[:3]
    assert f"]({three.PLACE})" in page and all(q.ask in page and q.answer not in page for q in asked)
    first, second, _ = [cell.source for cell in nb.cells if cell.cell_type == "code"]
    assert first.endswith('answered("qat", 1, had="")  # "y" or "n"')
    monkeypatch.setenv("COURSE_PROGRESS", str(file))

    def run(source, had):
        exec(source.replace('had=""', f'had="{had}"'), {})
        return capsys.readouterr().out.strip()

    assert run(first, "") == "Nothing is counted: write y or n between the quotation marks."
    assert review.due(progress.read(file), datetime.datetime.now().astimezone())[:3] == asked
    assert run(first, "y") == "Counted. It comes back in 2 days." and run(first, "y") == "It is counted already."
    assert run(second, "n") == "It comes back at the next start."
    left = review.due(progress.read(file), datetime.datetime.now().astimezone())
    assert asked[0] not in left and asked[1] in left
    assert run(first, "n") == "It comes back at the next start."  # "y" was typed by mistake


def test_the_notebook_that_may_be_open_is_made_anew_at_a_start_only(file):
    place = file.parent / three.PLACE
    start.write(file.parent)
    place.write_text("as the learner has it open", encoding="utf-8")
    start.write(file.parent)
    assert place.read_text(encoding="utf-8") == "as the learner has it open"
    start.write(file.parent, at_start=True)
    assert nbformat.read(place, as_version=4).cells
    file.unlink()
    start.write(file.parent, at_start=True)
    assert not place.exists()  # nothing is due


def test_cards_have_a_question_an_answer_and_a_tag_each(tmp_path, capsys):
    path = tmp_path / "cards.txt"
    assert cards.main([str(path)]) == 0
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    assert {len(row) for row in rows} == {3} and f"{len(rows)} cards" in capsys.readouterr().out

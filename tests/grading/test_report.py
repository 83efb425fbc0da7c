"""The tables and the page: who handed in what, and nothing of it runs where it is read."""

import csv
import io
from pathlib import Path

import pytest

from tools.environment import curriculum
from tools.grading import report
from tools.grading.report import Row

ROWS = [
    Row("ann/a.ipynb", "ann", "", "dynamic", "own_scales", "passed", 2.0, 2.0),
    Row("ann/a (1).ipynb", "Ann", "", "dynamic", "own_scales", "not yet", 0.0, 2.0, "Too\nlow: <i>"),
    Row("ann/b.ipynb", "ann", "", "amp", "train_step", "not done yet", 0.0, 1.0, code="</pre><script>"),
    Row("ö.ipynb", "=cmd()|Müller", "0012345", "amp", "train_step", "passed", 1.0, 1.0, look_at="</p><script>"),
    Row("z.zip", "zoe", "", feedback="It is no notebook.", look_at="It is no notebook."),
]


def table(made):
    text = report.to_csv(made)
    assert text.startswith(b"\xef\xbb\xbf"), "Excel takes it for another encoding"
    return list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))


def test_a_student_has_one_row_and_the_best_answer_counts():
    ann, mueller, zoe = table(report.students(ROWS))
    assert (ann["total"], ann["out of"], ann["dynamic: own_scales"], ann["amp: train_step"]) == ("2", "3", "2", "0")
    assert (mueller["student"], mueller["number"], mueller["total"]) == ("'=cmd()|Müller", "0012345", "1")
    assert zoe["total"] == "" and zoe["look at"] == "It is no notebook.", "what wasn't graded has no points"
    assert [row["points"] for row in table(report.answers(ROWS))] == ["2", "0", "0", "1", ""]


def test_the_page_shows_what_was_handed_in_as_text():
    page = report.page(ROWS, "It ran <alone>.").decode()
    assert not any(tag in page for tag in ("<script", "<i>", "<alone>")) and "&lt;/pre&gt;" in page
    assert "1 of 2 passed" in page and "1 × Too" in page


@pytest.mark.parametrize(
    ("path", "name", "number"),
    [
        ("Müller Jörg_1234567_assignsubmission_file_/dynamic.ipynb", "Müller Jörg", "1234567"),
        ("s001/ps1/dynamic.ipynb", "s001", ""),
        ("leeann_LATE_12345_67890_3.2_dynamic-1.ipynb", "leeann", "12345"),
        ("2_dynamic_Ann Lee (1).ipynb", "Ann Lee", ""),
        ("dynamic 1234567.ipynb", "", "1234567"),
        ("dynamic.ipynb", "hand in", ""),
    ],
)
def test_name_and_number_of_a_student(path, name, number):
    path = Path(path)
    assert report.student(Path("hand in") / path, path.parts, curriculum.lessons()) == (name, number)

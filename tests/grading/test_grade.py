"""`course.py grade`: a folder goes in; a table, a CSV file and a page with statistics come out."""

import csv
import io
import os
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace

import pytest
from _submissions import BATCH, RIGHT, notebook

from tools import grade
from tools.grading import grade_page, gradebook
from tools.grading import judge as _judge

ROWS = [
    _judge.Row("ann.ipynb", "roofline", 1, "roof_seconds", "passed", code="def f(): return '<script>'"),
    _judge.Row("ann.ipynb", "amp", 1, "train_step", "passed", trust="it is watched"),
    _judge.Row(
        '=cmd()|"ö<b>".ipynb',
        "roofline",
        1,
        "roof_seconds",
        "not yet",
        message="</td><script>alert(1)</script>",
        hint="Two\nlines & <i>",
        facts=(("your <call>", "x='</code>'"),),
        code='def f():\n    return "</pre><img src=x onerror=alert(1)>"',
    ),
    _judge.Row("bad.ipynb", "", 0, "", "unreadable", message="it cannot be read"),
]
POINTS = gradebook.Points(2.0, (("train_step", 3.0),))


def test_points_are_for_what_passed_and_on_trust_only_when_asked():
    assert [POINTS.of(row) for row in ROWS] == [2, 0, 0, 0] and POINTS.out_of(ROWS[1]) == 3
    assert gradebook.Points(trust=True).of(ROWS[1]) == 1


def test_points_are_read_as_they_are_typed():
    names = ("quantize", "qparams")
    assert gradebook.points(["2"], names) == gradebook.Points(2.0)
    assert gradebook.points(["0.5,quantize=3"], names).named == (("quantize", 3.0),)
    for wrong in ("x", "-1", "nan", "quantize=", "quantise=3", "1e9"):
        with pytest.raises(SystemExit, match="--points"):
            gradebook.points([wrong], names)


def test_the_csv_file_is_harmless_and_complete():
    text = gradebook.to_csv(ROWS, POINTS)
    told = list(csv.DictReader(io.StringIO(text)))
    assert [row["points"] for row in told] == ["2", "0", "0", "0"] and told[1]["on trust"] == "on trust"
    assert told[2]["submission"].startswith("'=cmd") and told[2]["hint"] == "Two lines & <i>"
    assert all(len(row) == len(gradebook.COLUMNS) and None not in row for row in told)


def test_the_page_shows_what_was_submitted_as_text():
    page = grade_page.page(ROWS, POINTS, "It ran <alone>.", gradebook.statistics(ROWS))
    for forbidden in ("<script", "<img", "<i>", "<b>", "<alone>", "<call>"):
        assert forbidden not in page
    for wanted in ("&lt;script&gt;", "onerror=alert(1)&gt;", "Two\nlines &amp; &lt;i&gt;", "on trust", "not yet"):
        assert wanted in page
    assert "default-src 'none'" in page and page.count("<details") == page.count("</details>")


def test_the_table_has_a_line_a_submission():
    lines = gradebook.table(ROWS, POINTS).splitlines()
    assert len(lines) == 4 and "2 of 2   ✓ roof_seconds" in lines[0] and "(on trust)" in lines[1]
    assert "(unreadable)" in lines[3]


def made(passes):
    """Rows of people who pass or fail exercises: one text a person, one letter an exercise."""
    return [
        _judge.Row(
            f"p{n}", "roofline", at, f"e{at}", "passed" if mark == "+" else "not yet", hint="H" if mark == "-" else ""
        )
        for n, marks in enumerate(passes)
        for at, mark in enumerate(marks, start=1)
    ]


def test_statistics_of_exercises():
    good = made(["++-"] * 5 + ["--+"] * 5)
    one, two, three = gradebook.statistics(good, ("H",))
    assert (one.passed, one.count, one.hints, one.general) == (0.5, 10, (("H", 5),), 5)
    assert three.correlation == pytest.approx(-1.0) and gradebook.advice(three).startswith("faulty")
    assert gradebook.statistics(good[:27])[0].correlation is None, "fewer than ten"
    assert gradebook.statistics(made(["++"] * 10))[0].correlation is None, "all alike"
    same = gradebook.statistics(made(["+++"] * 5 + ["---"] * 5))
    assert all(one.correlation == pytest.approx(1.0) and not gradebook.advice(one) for one in same)


@pytest.mark.parametrize(
    ("values", "wanted"), [([(0, 0), (1, 1), (2, 2)], 1), ([(0, 2), (1, 0), (2, 1)], -0.5), ([(0, 1), (0, 2)], None)]
)
def test_correlation(values, wanted):
    assert gradebook.correlation(values) == (None if wanted is None else pytest.approx(wanted))


def made_files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_files_are_found_and_what_is_none_is_said(tmp_path):
    made_files(tmp_path, "a b/ö.ipynb", "c.py", ".ipynb_checkpoints/c.py", "notes.txt")
    found = grade.found([str(tmp_path)])
    assert [name for name, _ in found.files] == ["a b/ö.ipynb", "c.py"] and not found.refused
    (tmp_path / "empty").mkdir()
    for wrong, said in (("none.ipynb", "no file"), ("notes.txt", "expected a notebook"), ("empty", "no notebook")):
        with pytest.raises(SystemExit, match=said):
            grade.found([str(tmp_path / wrong)])
    made_files(tmp_path, "empty/essay.pdf")
    with pytest.raises(SystemExit, match=r"no notebook.*1 neither a notebook nor a \.py file: \.pdf \(1\)"):
        grade.found([str(tmp_path / "empty")])


def test_what_is_left_out_is_said(tmp_path):
    made_files(
        tmp_path, "A.PY", "b.IPYNB", "c.zip", "d/e.tar.gz", ".f.py", ".ipynb_checkpoints/g.ipynb", "h.txt", "i.txt"
    )
    found = grade.found([str(tmp_path)])
    assert [name for name, _ in found.files] == ["A.PY", "b.IPYNB"]
    assert {name: "Unpack it" in said for name, said in found.refused} == {"c.zip": True, "d/e.tar.gz": True}
    assert found.left_out == [
        f"Left out of {tmp_path}: 2 hidden (a name that begins with a dot, as Jupyter's own copies); "
        "2 neither a notebook nor a .py file: .txt (2)."
    ]
    assert [Path(path).name for _, path in grade.found([str(tmp_path / "A.PY")]).files] == ["A.PY"]


@pytest.mark.skipif(os.name != "posix", reason="making a link takes a privilege")
def test_a_link_is_refused_with_a_row(tmp_path):
    made_files(tmp_path, "in/c.py", "other/d.py")
    (tmp_path / "in" / "link.py").symlink_to(tmp_path / "other" / "d.py")
    (tmp_path / "in" / "gone.ipynb").symlink_to(tmp_path / "nothing")
    (tmp_path / "in" / "team").symlink_to(tmp_path / "other", target_is_directory=True)
    found = grade.found([str(tmp_path / "in")])
    assert [name for name, _ in found.files] == ["c.py"]
    assert {name: "a link" in said for name, said in found.refused} == dict.fromkeys(
        ("gone.ipynb", "link.py", "team"), True
    )
    named = grade.found([str(tmp_path / "in" / "link.py")])  # whoever names it means it
    assert len(named.files) == 1 and not named.refused


def test_a_folder_that_cannot_be_opened_is_refused_with_a_row(tmp_path, monkeypatch):
    made_files(tmp_path, "c.py", "closed/d.py")
    scandir = os.scandir

    def guarded(path="."):
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found = grade.found([str(tmp_path)])
    assert [name for name, _ in found.files] == ["c.py"]
    assert found.refused == [("closed", "It cannot be opened (Permission denied).")]


def test_files_of_one_name_in_several_folders_are_told_apart(tmp_path):
    made_files(tmp_path, "monday/hw.py", "monday/a.py", "tuesday/hw.py", "tuesday/b/hw.py")
    names = [name for name, _ in grade.found([str(tmp_path / "monday"), str(tmp_path / "tuesday")]).files]
    assert sorted(names) == ["a.py", "b/hw.py", "monday/hw.py", "tuesday/hw.py"]
    rows = [_judge.Row(name, "roofline", 1, "break_even_batch", "passed") for name in names]
    assert len(gradebook.table(rows, POINTS).splitlines()) == len(names)


def test_what_is_left_out_is_in_the_table_and_the_csv_file(tmp_path, monkeypatch, capsys):
    made_files(tmp_path, "in/a.py", "in/b.zip", "in/c.txt")
    monkeypatch.setattr(grade, "run", lambda jobs, *_: ([_judge.Row(jobs[0][0], "roofline", 1, "f", "passed")], "so"))
    assert grade.main([str(tmp_path / "in"), "--csv", str(tmp_path / "g.csv")]) == 1
    told = list(csv.DictReader(io.StringIO((tmp_path / "g.csv").read_text(encoding="utf-8"))))
    assert [(row["submission"], row["status"]) for row in told] == [("a.py", "passed"), ("b.zip", "unreadable")]
    printed = capsys.readouterr().out
    assert "b.zip: It is an archive" in printed and "1 neither a notebook nor a .py file: .txt (1)" in printed


@pytest.mark.skipif(os.name != "posix", reason="elsewhere every name is text")
def test_a_name_that_is_no_text_is_told_as_one(tmp_path):
    for name in (b"/Jos\xe9.py", b"/Jos\xe8.py"):
        os.close(os.open(os.fsencode(tmp_path) + name, os.O_CREAT))
    found = grade.found([str(tmp_path)]).files
    assert [label for label, _ in found] == ["Jos?.py (number 1)", "Jos?.py (number 2)"]
    assert all(Path(path).is_file() for _, path in found)
    rows = [_judge.Row(label, "", 0, "", _judge.UNREADABLE, "") for label, _ in found]
    assert (gradebook.to_csv(rows, POINTS) + gradebook.table(rows, POINTS)).encode()


def test_a_wrong_call_says_what_is_wrong_before_anything_runs(tmp_path):
    (tmp_path / "a.py").touch()
    for words, said in (
        (["--lesson", "enrgy"], "Did you mean 1.3 .energy"),
        (["--csv", str(tmp_path / "no" / "x.csv")], "cannot be written"),
        (["--points", "two"], "expected a number"),
    ):
        with pytest.raises(SystemExit, match=said):
            grade.main([str(tmp_path / "a.py"), *words])


def test_where_answers_are_not_contained_the_option_stops(monkeypatch, tmp_path):
    monkeypatch.setattr(grade._contained.House, "_best", lambda self: "once")
    (tmp_path / "a.py").touch()
    with pytest.raises(SystemExit, match="No container"):
        grade.main([str(tmp_path / "a.py"), "--contained"])


@pytest.mark.slow
def test_a_folder_is_graded(tmp_path, capsys):
    folder = tmp_path / "sub missions ö"
    folder.mkdir()
    (folder / "right.ipynb").write_text(notebook(RIGHT, BATCH), encoding="utf-8")
    (folder / "wrong.py").write_text(BATCH.replace("max(1, -int(-(", "max(1, int((") + RIGHT, encoding="utf-8")
    (folder / "bad.ipynb").write_bytes(b"\xff")
    files = tmp_path / "g.csv", tmp_path / "g.html"
    assert grade.main([str(folder), "--csv", str(files[0]), "--html", str(files[1]), "--workers", "2"]) == 1
    told = {
        (row["submission"], row["exercise"]): row
        for row in csv.DictReader(io.StringIO(files[0].read_text(encoding="utf-8")))
    }
    assert {key: row["status"] for key, row in told.items()} == {
        ("bad.ipynb", ""): "unreadable",
        ("right.ipynb", "roof_seconds"): "passed",
        ("right.ipynb", "waits_for"): "not done",
        ("right.ipynb", "break_even_batch"): "passed",
        ("wrong.py", "roof_seconds"): "passed",
        ("wrong.py", "waits_for"): "not done",
        ("wrong.py", "break_even_batch"): "not yet",
    }
    assert "round" in told["wrong.py", "break_even_batch"]["hint"]
    assert "n_macs * mac_pj" in files[1].read_text(encoding="utf-8")
    assert "2 of 3" in capsys.readouterr().out


class _Pool:
    """A worker that judges here, and notes that it was killed."""

    made = []

    def __init__(self, *_, **__):
        self._processes = {1: SimpleNamespace(kill=lambda: setattr(self, "killed", True))}
        self.killed, self.shutdown = False, lambda: None
        self.made.append(self)

    def submit(self, function, *args):
        future = Future()
        future.set_exception(BrokenProcessPool()) if function is grade._close else future.set_result(function(*args))
        return future


def test_a_worker_in_which_something_goes_on_judges_no_other_file(monkeypatch):
    monkeypatch.setattr(_Pool, "made", [])
    monkeypatch.setattr(grade, "ProcessPoolExecutor", _Pool)
    monkeypatch.setattr(grade, "graded", lambda label, *_: ([label], "so", label == "b"))
    rows, told = grade.run([(label, label, []) for label in "abcd"], 1)
    assert rows == list("abcd") and told == "so" and [pool.killed for pool in _Pool.made] == [True, False]


def test_a_fault_of_the_grader_costs_one_exercise(monkeypatch, tmp_path):
    def judge(house, lesson, name, part, *, submission):
        if name == "roof_seconds":
            raise OSError("no more processes")
        return _judge.Row(submission, lesson.name, 2, name, "passed")

    monkeypatch.setattr(_judge, "judge", judge)
    monkeypatch.setattr(grade, "_house", lambda *_: SimpleNamespace(contained="so"))
    (tmp_path / "a.py").write_text(RIGHT + BATCH, encoding="utf-8")
    rows, told, busy = grade.graded("a.py", tmp_path / "a.py", ["roofline"])
    assert [row.status for row in rows] == ["check failed", "passed", "passed"]
    assert "no more processes" in rows[0].message
    assert (told, busy) == ("so", False)


def _dies(*_):
    os._exit(9)


@pytest.mark.slow
def test_a_worker_that_dies_costs_one_file(monkeypatch):
    monkeypatch.setattr(grade, "graded", _dies)
    rows, _ = grade.run([("a.py", "a.py", []), ("b.py", "b.py", [])], 1)
    assert [(row.submission, row.status) for row in rows] == [("a.py", "crashed"), ("b.py", "crashed")]

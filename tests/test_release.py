"""The task `release`: what it compares itself, and that one check that fails does not hide the others."""

import shutil

import pytest

from course_utils.files import ROOT
from tools import release

WORDS = ("pyproject.toml", "CITATION.cff", "CHANGELOG.md")


@pytest.fixture
def folder(tmp_path):
    for name in WORDS:
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def test_version_and_day_of_this_repository_agree():
    assert release.words() == []


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("CITATION.cff", "\nversion: ", "\nversion: 7.", "CITATION.cff has version 7."),
        ("CHANGELOG.md", "## ", "## 7.", "CHANGELOG.md has version 7."),
        ("CHANGELOG.md", " · 2026-", " · 2027-", "the day differs"),
        ("CITATION.cff", "released: 2026-", "released: soon-", "CITATION.cff: 'soon-"),
        ("CHANGELOG.md", "## ", "# ", "CHANGELOG.md has version None"),
    ],
)
def test_a_planted_difference_is_named(folder, name, old, new, said):
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    assert any(fault.startswith(said) for fault in release.words(folder)), release.words(folder)


def test_a_run_that_ends_elsewhere_than_the_record_is_named():
    kept = [{"seed": 0, "arm": "ticket", "level": 1, "test_accuracy": 0.98}]
    assert release.apart([{**kept[0], "test_accuracy": 0.977}], kept) == []
    assert release.apart([{**kept[0], "test_accuracy": 0.95}], kept) == [
        "seed 0, ticket, level 1: 95.00%, the record 98.00%"
    ]


def test_a_check_that_fails_does_not_stop_the_next_and_the_canary_may_fail(tmp_path, monkeypatch, capsys):
    called = []
    monkeypatch.setattr(release, "LOGS", tmp_path)
    monkeypatch.setattr(release, "run", lambda name: called.append(name) or ["it broke"])
    monkeypatch.setattr(release, "words", lambda: [])
    assert release.main(["newest", "words"]) == 0
    assert release.main(["decks", "newest", "words"]) == 1
    assert called == ["newest", "decks", "newest"]
    said = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()[:2]) for line in said[-3:]] == ["decks FAILS", "newest reported,", "words holds"]


def test_a_command_that_fails_is_told_with_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr(release, "LOGS", tmp_path)
    monkeypatch.setattr(release, "COMMANDS", {"decks": ("no-such-task",)})
    (fault,) = release.run("decks")
    assert "ended with" in fault and "no-such-task" in (tmp_path / "decks.log").read_text(encoding="utf-8")


def test_the_checks_are_listed_and_a_wrong_name_is_refused(capsys):
    assert release.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in (*release.COMMANDS, "words", "published", "lottery"))
    assert release.main(["deck"]) == 2 and "There is no check 'deck'" in capsys.readouterr().out

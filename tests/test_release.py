"""The task `release`: what it compares itself, and that one check that fails does not hide the others."""

import shutil

from course_utils.files import ROOT
from tools import release

WORDS = ("pyproject.toml", "CITATION.cff", "CHANGELOG.md")


def test_the_version_is_the_same_everywhere_and_a_difference_is_named(tmp_path):
    assert release.words() == []
    for name in WORDS:
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text("## 0.0 · 2026-11-30\n", encoding="utf-8")
    [fault] = release.words(tmp_path)
    assert fault.startswith("CHANGELOG.md does not name the version")


def test_a_check_that_fails_does_not_stop_the_next(tmp_path, monkeypatch, capsys):
    called = []
    monkeypatch.setattr(release, "LOGS", tmp_path)
    monkeypatch.setattr(release, "run", lambda name: called.append(name) or ["it broke"])
    monkeypatch.setattr(release, "words", lambda: [])
    assert release.main(["words"]) == 0
    assert release.main(["decks", "site", "words"]) == 1
    assert called == ["decks", "site"]
    said = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()[:2]) for line in said[-3:]] == ["decks FAILS", "site FAILS", "words holds"]


def test_a_command_that_fails_is_told_with_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr(release, "LOGS", tmp_path)
    monkeypatch.setattr(release, "COMMANDS", {"decks": ("no-such-task",)})
    (fault,) = release.run("decks")
    assert "ended with" in fault and "no-such-task" in (tmp_path / "decks.log").read_text(encoding="utf-8")

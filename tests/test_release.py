"""The task `release`: what it compares itself, and that one check that fails does not hide the others."""

import re
import shutil

from course_utils.files import ROOT
from tools import release

WORDS = ("pyproject.toml", "CITATION.cff", "CHANGELOG.md")


def test_version_and_day_agree_and_a_difference_is_named(tmp_path):
    assert release.words() == []
    for name in WORDS:
        shutil.copyfile(ROOT / name, tmp_path / name)
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    text = re.sub(r"^## (\S+) · 2026-", r"## 7.\1 · 2027-", text, count=1, flags=re.M)
    (tmp_path / "CHANGELOG.md").write_text(text, encoding="utf-8")
    version, day = release.words(tmp_path)
    assert version.startswith("CHANGELOG.md has version 7.") and day.startswith("the day differs")


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

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

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

"""The lessons that there are, read once per test process."""

import tomllib
from functools import cache

import nbformat

from tools import _lessons

LESSONS = _lessons.select([])
IDS = [path.stem for path in LESSONS]
NUMBERS = [path.stem[:2] for path in LESSONS]
DEPRECATED = _lessons.ROOT / "tests" / "deprecated.toml"


@cache
def lesson(path):
    """The notebook of a lesson's text, without outputs. Do not change it: it is shared."""
    return _lessons.read(path)


@cache
def published(path):
    """The committed notebook of a lesson, or None where there is none."""
    notebook = _lessons.published(path)
    return nbformat.read(notebook, as_version=4) if notebook.exists() else None


def claims_file(number):
    """Where the claims of a lesson stand."""
    return _lessons.ROOT / "course_utils" / "claims" / f"{number}.toml"


def claims(number):
    """The claims of a lesson as tables; none when it has no file."""
    path = claims_file(number)
    return tomllib.loads(path.read_text(encoding="utf-8")).get("claim", []) if path.exists() else []


def deprecated_symbols():
    """The tables of deprecated.toml."""
    return tomllib.loads(DEPRECATED.read_text(encoding="utf-8"))["symbol"]


def expect_none(faults):
    """Fail with the faults that a rule has found, one a line."""
    assert not faults, "\n".join(["", *faults])

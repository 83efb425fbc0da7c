"""What the sources of the course ask for is shown: the rows of sources.toml stand in the published lessons."""

import json
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tools.environment import curriculum

ROWS = tomllib.loads(Path(__file__).with_name("sources.toml").read_text(encoding="utf-8"))


@cache
def shown(name):
    """All that a published notebook shows, in small letters: text, code and outputs."""
    texts = []
    for cell in json.loads(curriculum.lessons()[name].notebook.read_text(encoding="utf-8"))["cells"]:
        texts.append("".join(cell["source"]))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            texts += [
                "".join(text)
                for text in (output.get("text", ""), data.get("text/plain", ""), data.get("text/markdown", ""))
            ]
    return "\n".join(texts).lower()


@pytest.mark.parametrize(
    ("name", "row"), [pytest.param(name, row, id=f"{name}: {row}") for name, rows in ROWS.items() for row in rows]
)
def test_a_row_of_the_sources_is_shown(name, row):
    assert [words for words in ROWS[name][row] if words.lower() not in shown(name)] == []

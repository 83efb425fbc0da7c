"""Where the course lies on disk, and writing a file whole or not at all. Standard library only."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def slug(words: str) -> str:
    """Words as a file or an address is named: "AMD EPYC" -> "amd-epyc"."""
    return "-".join(re.findall("[a-z0-9]+", words.lower()))


def write_whole(path: Path, text: str) -> None:
    """Put `text` (UTF-8, lines ended by "\\n") at `path`; whoever reads meanwhile finds the old file or the new one.

    The folder is made where it is missing. What fails leaves the old file as it was, and nothing beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as new:
        draft = Path(new, path.name)
        draft.write_text(text, encoding="utf-8", newline="\n")
        os.replace(draft, path)

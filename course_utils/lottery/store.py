"""Records of a sweep, appended to a file as they come, so that an interrupted sweep can be resumed."""

from __future__ import annotations

import json
import os
from os import PathLike
from pathlib import Path

FORMAT = 1
# Settings of older files that every experiment has by now: with these values they mean the same experiment.
RETIRED = {"scope": "layer", "output_rate": 0.5, "images": None}
Key = tuple[int, str, int]  # seed, arm, level


class Store:
    """The records of one experiment, in memory and, with a file, on disk: a line of JSON each, the settings first.

    Where a file has two records of one run, the later one counts.

    Args:
        file: path, or None to keep records in memory only.
        experiment: the settings as plain values.
    Raises:
        ValueError: the file holds another experiment or no records; nothing is changed in it.
    """

    def __init__(self, file: str | PathLike | None, experiment: dict):
        self.records: dict[Key, dict] = {}
        self._file = None
        if file is None:
            return
        path, head = Path(file), {"format": FORMAT, "experiment": json.loads(json.dumps(experiment))}
        read, whole = whole_lines(path) if path.exists() else ([], 0)
        if read:
            _same(path, read[0], head)
            self.records = {(r["seed"], r["arm"], r["level"]): r for r in read[1:]}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        self._file.truncate(whole)  # a torn last line goes
        if not read:
            self._append(head)

    def add(self, key: Key, record: dict) -> None:
        """Keep a record; it is on the disk when this returns."""
        self.records[key] = record
        if self._file:
            self._append(record)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def _append(self, value: dict) -> None:
        self._file.write(json.dumps(value).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def whole_lines(path: Path) -> tuple[list[dict], int]:
    """What the lines of a file hold, and their bytes; a last line that was torn in writing is left out.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else; the message names the line.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    read = []
    for i, line in enumerate(lines):
        try:
            if line.endswith(b"\n") and isinstance(value := json.loads(line), dict):
                read.append(value)
                continue
        except ValueError:
            pass
        if i == len(lines) - 1 and (i or b'{"format"'.startswith(line[:9])):
            break
        _refuse(path, f"is damaged in line {i + 1}")
    return read, sum(len(line) for line in lines[: len(read)])


def _same(path: Path, found: dict, head: dict) -> None:
    if found.get("format") != FORMAT or not isinstance(found.get("experiment"), dict):
        _refuse(path, "is not a file of a sweep")
    ours = head["experiment"]
    theirs = {k: v for k, v in found["experiment"].items() if k in ours or k not in RETIRED or v != RETIRED[k]}
    different = [
        f"{name} is {theirs.get(name)!r} there and {ours.get(name)!r} here"
        for name in {**theirs, **ours}
        if theirs.get(name) != ours.get(name)
    ]
    if different:
        _refuse(path, f"holds another experiment ({'; '.join(different)})")


def _refuse(path: Path, why: str) -> None:
    raise ValueError(f"{path} {why}. It was not changed; name another file, or move this one away")

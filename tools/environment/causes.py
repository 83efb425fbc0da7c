"""Says in plain words why pip or uv failed, and what to do. Standard library only."""

import re
import tomllib
from pathlib import Path

TABLE = Path(__file__).with_name("causes.toml")
HELD = ("in use", "permission")  # may be a virus scanner that reads what was just written
LOCAL = ("disk", "long path", *HELD)  # no other package index helps


class Failure(Exception):
    """Set-up cannot go on.

    Attributes: kind (a word for the program), cause and remedy (sentences for the reader).
    """

    def __init__(self, cause, remedy, kind="other"):
        super().__init__(f"{cause} {remedy}")
        self.cause, self.remedy, self.kind = cause, remedy, kind


def explain(output, doing):
    """Turn the output of a failed program into a `Failure`; `doing` says what was being done."""
    for cause in tomllib.loads(TABLE.read_text(encoding="utf-8"))["cause"]:
        if any(re.search(sign, output) for sign in cause["signs"]):
            return Failure(f"{doing} failed: {cause['text']}", cause["remedy"], cause["kind"])
    last = [line for line in output.splitlines() if line.strip()][-6:]
    shown = "".join(f"\n    {line}" for line in last)
    return Failure(
        f"{doing} failed. The last lines were:{shown}",
        "Start again; if it stops at the same place, report these lines and the log.",
    )

"""Reads a learner's files, whatever was made of them, and keeps what was handed out."""

import hashlib
import json

import nbformat

from course_utils.files import write_whole
from tools.publishing import lessons

STATE = ".handed_out.json"
UNREADABLE = "unreadable"
OLD, NEW = "old", "new"  # 1_topic.old.ipynb: what a learner wrote, put aside; 1_topic.new.ipynb: a newer lesson


def digest(sources):
    """Hash a list of (cell_type, source): what counts as the learner's text, outputs left aside."""
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def digest_of(path):
    """Digest of a notebook file; `UNREADABLE` when it is no notebook, which counts as changed."""
    try:
        return digest(lessons.sources(read(path.read_bytes())))
    except Exception:  # a learner's file may be anything; nothing in it may stop the start
        return UNREADABLE


def metadata(path):
    """Metadata of a notebook file; {} when it is no notebook."""
    try:
        return dict(read(path.read_bytes()).metadata)
    except Exception:  # as above
        return {}


def was_run(path):
    """True when a notebook file has outputs."""
    try:
        return any(cell.get("outputs") for cell in read(path.read_bytes()).cells)
    except Exception:  # as above; or there is no such file
        return False


def read(content):
    """Read the bytes of a notebook as they are: no validation, whose complaints would not help a learner here."""
    return nbformat.v4.reads(content.decode("utf-8"))


def free_name(path, mark=OLD, ours=None):
    """A name beside a file, with a mark, that is not taken, or is taken by a notebook with the digest `ours`."""
    number = 1
    while True:
        beside = path.with_name(f"{path.stem}.{mark}{'' if number == 1 else number}{path.suffix}")
        if not beside.exists() or (ours and digest_of(beside) == ours):
            return beside
        number += 1


def write_state(workspace, state):
    """Keep what was handed out."""
    write_whole(workspace / STATE, json.dumps(state, indent=1) + "\n")


def read_state(workspace):
    """What was handed out; {} when that is not known, and then every copy counts as changed."""
    try:
        state = json.loads((workspace / STATE).read_text(encoding="utf-8"))
        return {name: dict(known) for name, known in state.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}

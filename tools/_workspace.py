"""Fills workspace/ with the learner's copies of the lessons; never overwrites what a learner wrote."""

import hashlib
import json
import os

import nbformat

from tools import _lessons

STATE = ".handed_out.json"


def fill(notebooks, workspace):
    """Bring the learner's copies up to date.

    A missing copy is made. A copy whose cells are as they were handed out is refreshed when the lesson
    is newer. A copy that was changed, or is no notebook any more, stays; the newer lesson is put
    beside it, once for each version.

    Args:
        notebooks: folder of the published notebooks (Path).
        workspace: folder of the learner (Path); made when it is missing.
    Returns:
        list of sentences for the learner: what was put beside a changed copy. Often empty.
    Raises:
        OSError: the workspace cannot be written.
    """
    workspace.mkdir(exist_ok=True)
    state, messages = _read_state(workspace / STATE), []
    for published in sorted(notebooks.glob("*.ipynb")):
        lesson = _lessons.strip(_read(published.read_bytes()))
        message = _hand_out(lesson, workspace / published.name, state.setdefault(published.name, {}))
        messages += [message] if message else []
    _write(workspace / STATE, json.dumps(state, indent=1) + "\n")
    return messages


def _hand_out(lesson, copy, known):
    """Bring one copy up to date.

    `known` is updated: "handed_out", the version that the copy was; "beside", the newer version that
    lies in the file "beside_file".
    """
    new = digest(_lessons.sources(lesson))
    mine = _digest_of(copy) if copy.exists() else None
    if mine not in (None, new) and mine != known.get("handed_out"):
        if new in (known.get("handed_out"), known.get("beside")):
            return None
        beside = _free_name(copy, known)
        _write(beside, nbformat.v4.writes(lesson) + "\n")
        known.update(beside=new, beside_file=beside.name)
        return f"{copy.stem} has a newer version. Yours was left as it is; the new one is {beside.name}."
    if mine != new:
        _write(copy, nbformat.v4.writes(lesson) + "\n")
    known.update(handed_out=new)
    return None


def _free_name(copy, known):
    """The file beside a changed copy: one that does not exist, or that holds nothing of the learner's."""
    number = 1
    while True:
        beside = copy.with_name(f"{copy.stem}.new{'' if number == 1 else number}.ipynb")
        untouched = beside.name == known.get("beside_file") and _digest_of(beside) == known.get("beside")
        if untouched or not beside.exists():
            return beside
        number += 1


def digest(sources):
    """Hash a list of (cell_type, source): what counts as the learner's text, outputs left aside."""
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def _digest_of(path):
    """Digest of a notebook file; "unreadable" when it is no notebook, which counts as changed."""
    try:
        return digest(_lessons.sources(_read(path.read_bytes())))
    except Exception:  # a learner's file may be anything; nothing in it may stop the start
        return "unreadable"


def _read(content):
    """Read a notebook as it is: no validation, whose complaints would not help a learner here."""
    return nbformat.v4.reads(content.decode("utf-8"))


def _read_state(path):
    """What was handed out; {} when that is not known, and then every copy counts as changed."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        return {name: dict(known) for name, known in state.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write(path, text):
    """Write all of it or nothing."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)

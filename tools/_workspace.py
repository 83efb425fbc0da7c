"""Fills workspace/ with the learner's copies of the lessons; never overwrites what a learner wrote."""

import hashlib
import json
import os
import re
import shutil
import sys

import nbformat

from course_utils.files import write_whole
from tools import _lessons

STATE = ".handed_out.json"
FIRST_EDITION = "from_the_first_edition"
KEPT_TAGS = {"check", "scorecard"}  # `run` finds the verdicts by them
# As JupyterLab writes them for the kernel of this Python: a notebook with any other words is "unsaved" once opened.
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": sys.version.split()[0],
}


def fill(notebooks, workspace):
    """Bring the learner's copies up to date, in the same folders as the published notebooks.

    A missing copy is made. A copy whose cells are as they were handed out is renewed when the lesson is newer. A copy
    that was changed, or is no notebook any more, stays; the newer lesson is put beside it, once for each version. A
    copy is known by the lesson's name in its metadata: one whose lesson has got another number moves with it. Copies of
    the course's first edition go: those that were changed into a folder of their own.

    Args:
        notebooks: folder of the published notebooks (Path).
        workspace: folder of the learner (Path); made when it is missing.
    Returns:
        list of sentences for the learner: what moved, what was renewed though it had been run, what was put beside a
        changed copy. Often empty.
    Raises:
        OSError: the workspace cannot be written.
    """
    workspace.mkdir(exist_ok=True)
    state, moved, renewed, beside = _read_state(workspace / STATE), [], [], []
    published = [path for path in sorted(notebooks.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts]
    places = [path.relative_to(notebooks) for path in published]
    old = _put_away_first_edition(workspace, state, {workspace / place for place in places})
    for path, place in zip(published, places, strict=True):
        lesson = for_learner(_read(path.read_bytes()))
        name = lesson.metadata.get("course", {}).get("name") or path.stem
        copy = workspace / place
        found = _find(name, workspace) if not copy.exists() else None
        if found:
            _move(found, copy)
            moved.append(f"{found.relative_to(workspace).as_posix()} is now {place.as_posix()}")
        outputs = _was_run(copy)
        wrote, new_file = _hand_out(lesson, copy, state.setdefault(name, {}))
        renewed += [place.as_posix()] if wrote and outputs else []
        beside += [f"{place.as_posix()} (the new one: {new_file})"] if new_file else []
    write_whole(workspace / STATE, json.dumps(state, indent=1) + "\n")
    return [
        text.format("; ".join(what))
        for what, text in (
            (old, f"What you wrote in the first edition of the course is kept, in {FIRST_EDITION}: {{}}."),
            (moved, "Lessons have new places, and what you wrote moved with them: {}."),
            (
                renewed,
                "Renewed, because the lesson is newer: {}. You had typed nothing there; run it again for outputs.",
            ),
            (beside, "There is a newer version beside what you wrote, which was left as it is: {}."),
        )
        if what
    ]


def for_learner(nb):
    """Copy a published notebook as a learner gets it.

    Without outputs, without the lecturer's cells, without the tags that only the tools need; solutions stay folded.

    Args:
        nb: NotebookNode; left as it was.
    Returns:
        NotebookNode in the form that JupyterLab would write.
    """
    bare = _lessons.strip(nb)
    bare.cells = [cell for cell in bare.cells if not _is_for_lecturer(cell)]
    for cell in bare.cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if tag in KEPT_TAGS]
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden", False)
        kept = ({"jupyter": {"source_hidden": True}} if hidden else {}) | ({"tags": tags} if tags else {})
        cell.metadata = nbformat.from_dict(kept)
    kept = {"course": bare.metadata["course"]} if "course" in bare.metadata else {}
    bare.metadata = nbformat.from_dict({**kept, "kernelspec": KERNELSPEC, "language_info": LANGUAGE})
    return bare


def _is_for_lecturer(cell):
    notes = cell.metadata.get("slideshow", {}).get("slide_type") == "notes"
    return notes or "remove-cell" in cell.metadata.get("tags", [])


def _put_away_first_edition(workspace, state, present):
    """Take away the copies of the first edition, which lay flat and were numbered: NN_topic.ipynb.

    What is as it was handed out is deleted; the rest goes to a folder. Their part of `state` is dropped.

    Args:
        present: the files of this edition.
    Returns:
        list of names that were kept.
    """
    kept = []
    for path in sorted(set(workspace.glob("[0-9][0-9]_*.ipynb")) - present):
        lesson = re.sub(r"\.new\d*$", "", path.stem)
        course = _metadata(path).get("course", {})
        if f"{lesson}.ipynb" not in state and ("title" not in course or "name" in course):
            continue  # a file of the learner's own
        known = state.get(f"{lesson}.ipynb", {})
        which = "handed_out" if path.stem == lesson else "beside"
        if _digest_of(path) == known.get(which):
            path.unlink()
            continue
        target, number = workspace / FIRST_EDITION / path.name, 2
        while target.exists():
            target, number = target.with_name(f"{path.stem}-{number}.ipynb"), number + 1
        target.parent.mkdir(exist_ok=True)
        os.replace(path, target)
        kept.append(target.name)
    for key in [key for key in state if re.fullmatch(r"\d\d_\w+\.ipynb", key)]:
        del state[key]
    return kept


def _find(name, workspace):
    """The copy of a lesson in another place than its own, known by the name in its metadata, or None."""
    candidates = [*workspace.glob(f"[0-9]*_{name}.ipynb"), *workspace.glob(f"[0-9]*_*/[0-9]*_{name}.ipynb")]
    return next((path for path in sorted(candidates) if _metadata(path).get("course", {}).get("name") == name), None)


def _move(copy, target):
    """Move a copy and the newer versions beside it; a folder in which nothing is left goes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for path in [copy, *copy.parent.glob(f"{copy.stem}.new*.ipynb")]:
        os.replace(path, target.with_name(target.stem + path.name.removeprefix(copy.stem)))
    if all(path.name == ".ipynb_checkpoints" for path in copy.parent.iterdir()):
        shutil.rmtree(copy.parent)


def _hand_out(lesson, copy, known):
    """Bring one copy up to date.

    `known` is updated: "handed_out", the version that the copy was; "beside", the newer version that lies beside it.

    Returns:
        (whether the copy was written, name of the file that was put beside it or None).
    """
    new = digest(_lessons.sources(lesson))
    mine = _digest_of(copy) if copy.exists() else None
    if mine not in (None, new) and mine != known.get("handed_out"):
        if new in (known.get("handed_out"), known.get("beside")):
            return False, None
        beside = _free_name(copy, known)
        _lessons.write(lesson, beside)
        known.update(beside=new)
        return False, beside.name
    if mine != new:
        _lessons.write(lesson, copy)
    known.update(handed_out=new)
    return mine != new, None


def _free_name(copy, known):
    """The file beside a changed copy: one that does not exist, or that holds nothing of the learner's."""
    number = 1
    while True:
        beside = copy.with_name(f"{copy.stem}.new{'' if number == 1 else number}.ipynb")
        if not beside.exists() or _digest_of(beside) == known.get("beside"):
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


def _metadata(path):
    """Metadata of a notebook file; {} when it is no notebook."""
    try:
        return dict(_read(path.read_bytes()).metadata)
    except Exception:  # as above
        return {}


def _was_run(path):
    """True when a notebook file has outputs."""
    try:
        return any(cell.get("outputs") for cell in _read(path.read_bytes()).cells)
    except Exception:  # as above; or there is no such file
        return False


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

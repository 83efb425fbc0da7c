"""Fills workspace/ with the learner's copies of the lessons; never overwrites what a learner wrote."""

import os
import re
import shutil
import sys
import time
from contextlib import suppress

import nbformat

from course_utils import progress
from course_utils.files import command
from course_utils.progress import is_folded
from tools.publishing import lessons
from tools.workspace import copies, predict
from tools.workspace.copies import digest, digest_of, free_name, read, read_state, write_state

WORKSPACE = progress.workspace()  # where the learner's copies are: in the course, unless many share one copy of it
ELSEWHERE = (
    "What to do: see to it that this folder can be written and the disk is not full; or name another folder, which is "
    "yours, in the environment variable COURSE_WORKSPACE (docs/elsewhere.md)."
)
SOLUTION = re.compile(r"(?=def (\w+)_solution\()")  # how the cell of a solution begins
START_PAGE, OVERVIEW = lessons.START_PAGE, lessons.OVERVIEW
KEPT_TAGS = {"scorecard"}  # the first question is asked again there
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
    copy is known by the lesson's name in its metadata: one whose lesson has got another number moves with it. A copy
    whose saving was cut off gets back what was saved before. The overview is renewed where it is there and made
    nowhere: the start page stands for it.

    Args:
        notebooks: folder of the published notebooks (Path).
        workspace: folder of the learner (Path); made when it is missing.
    Returns:
        list of sentences for the learner: what moved, what was put back, what was renewed though it had been run, what
        was put beside a changed copy. Often empty.
    Raises:
        OSError: the workspace cannot be written; each copy is an old one or a new one, and known as what it is.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    state = read_state(workspace)
    try:
        said = _fill(notebooks, workspace, state)
    except OSError:
        with suppress(OSError):  # what was handed out before must not be taken for the learner's own
            write_state(workspace, state)
        raise
    write_state(workspace, state)
    return said


def _fill(notebooks, workspace, state):
    moved, put_back, renewed, beside = [], [], [], []
    places = [path.relative_to(notebooks) for path in sorted(notebooks.rglob("*.ipynb"))]
    # Hidden: Jupyter's own copies, and what a program left that was killed while it wrote
    places = [place for place in places if not any(part.startswith(".") for part in place.parts)]
    for place in places:
        own, copy = _bare(read((notebooks / place).read_bytes())), workspace / place
        if place.name == OVERVIEW and not copy.exists():
            continue
        lesson = _with_what_is_put_in(own)
        name = lesson.metadata.get("course", {}).get("name") or place.stem
        found = _find(name, workspace) if not copy.exists() else None
        if found:
            _move(found, copy)
            moved.append(f"{found.relative_to(workspace).as_posix()} is now {place.as_posix()}")
        half = _put_back(copy)
        put_back += [f"{place.as_posix()} (the half: {half.name})"] if half else []
        outputs = copies.was_run(copy)
        wrote, new_file = _hand_out(lesson, digest(lessons.sources(own)), copy, state.setdefault(name, {}))
        renewed += [place.as_posix()] if wrote and outputs else []
        beside += [f"{place.as_posix()} (the new one: {new_file})"] if new_file else []
    return [
        text.format("; ".join(what))
        for what, text in (
            (moved, "Lessons have new places, and what you wrote moved with them: {}."),
            (
                put_back,
                "JupyterLab was ended while it saved, and left half a notebook: {}. What was saved before is back.",
            ),
            (
                renewed,
                "Renewed, because the lesson is newer: {}. You had typed nothing there; run it again for outputs.",
            ),
            (
                beside,
                "There is a newer version beside what you wrote, which was left as it is: {}. You can go on in yours "
                "as long as it runs; a cell may ask for something that the course no longer has. "
                f"To change over: copy your answers into the new one, or type `{command('reset', 'NAME')}` with the "
                "lesson's name or number, which puts the new one in its place and yours beside it.",
            ),
        )
        if what
    ]


def for_learner(nb):
    """Copy a published notebook as a learner gets it.

    Without outputs, without the tags and names that only the tools need; solutions stay folded
    behind a line that says so; with a place for each prediction, and links to the start page of the workspace.

    Args:
        nb: NotebookNode; left as it was.
    Returns:
        NotebookNode in the form that JupyterLab would write.
    """
    return _with_what_is_put_in(_bare(nb))


def _with_what_is_put_in(bare):
    """Copy a notebook with places for predictions, the names of solutions, and links that lead to the start page."""
    nb = predict.with_places(bare)
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace(f"](../{OVERVIEW})", f"](../{START_PAGE})")
        elif match := SOLUTION.match(cell.source):
            cell.source = f"# Solution: {match[1]}\n{cell.source}"  # of a folded cell the first line is all that shows
    return nb


def _bare(nb):
    """The same without what is put in for the learner: the lesson's own text."""
    bare = lessons.strip(nb)
    for cell in bare.cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if tag in KEPT_TAGS]
        kept = ({"jupyter": {"source_hidden": True}} if is_folded(cell) else {}) | ({"tags": tags} if tags else {})
        kept |= {name: cell.metadata[name] for name in (lessons.COLLAPSED,) if name in cell.metadata}
        cell.metadata = nbformat.from_dict(kept)
    kept = {"course": bare.metadata["course"]} if "course" in bare.metadata else {}
    bare.metadata = nbformat.from_dict({**kept, "kernelspec": KERNELSPEC, "language_info": LANGUAGE})
    return bare


def _find(name, workspace):
    """The copy of a lesson in another place than its own, known by the name in its metadata, or None."""
    candidates = workspace.glob(f"[0-9]*_*/[0-9]*_{name}.ipynb")
    return next(
        (path for path in sorted(candidates) if copies.metadata(path).get("course", {}).get("name") == name), None
    )


def _move(copy, target):
    """Move a copy and the newer and older versions beside it; a folder in which nothing is left goes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = (path for mark in (copies.NEW, copies.OLD) for path in copy.parent.glob(f"{copy.stem}.{mark}*.ipynb"))
    for path in [copy, *beside]:
        os.replace(path, target.with_name(target.stem + path.name.removeprefix(copy.stem)))
    if all(path.name == ".ipynb_checkpoints" for path in copy.parent.iterdir()):
        shutil.rmtree(copy.parent)


def _put_back(copy):
    """Put back what JupyterLab keeps of a copy while it saves it, where the saving was cut off.

    Returns:
        the file in which the half is that it wrote (Path), or None when there was nothing to put back.
    """
    before = copy.with_name(f".~{copy.name}")
    for wait in (1, 0):
        if not before.exists() or digest_of(copy) != copies.UNREADABLE or digest_of(before) == copies.UNREADABLE:
            return None
        time.sleep(wait)  # it may be saving just now
    half = free_name(copy)
    shutil.copyfile(copy, half)
    os.replace(before, copy)
    return half


def _hand_out(lesson, text, copy, known):
    """Bring one copy up to date.

    `known` is updated: "handed_out", the version that the copy was; "beside", the newer version that lies beside it;
    and "text" and "text_beside", the lesson's own text in them: what is put in for the learner makes no newer version.

    Args:
        text: digest of the lesson's own text.
    Returns:
        (whether the copy was written, name of the file that was put beside it or None).
    """
    new = digest(lessons.sources(lesson))
    mine = digest_of(copy) if copy.exists() else None
    if mine not in (None, new) and mine != known.get("handed_out"):
        if {new, text} & {known.get(key) for key in ("handed_out", "beside", "text", "text_beside")}:
            return False, None
        beside = free_name(copy, copies.NEW, ours=known.get("beside"))
        lessons.write(lesson, beside)
        known.update(beside=new, text_beside=text)
        return False, beside.name
    if mine not in (None, new) and text in (known.get("text"), known["handed_out"]) and copies.was_run(copy):
        return False, None  # the lesson is the same: no reason to take the outputs away
    if mine != new:
        lessons.write(lesson, copy)
    known.update(handed_out=new, text=text)
    return mine != new, None


def put_aside(name, copy, workspace):
    """Move a learner's copy of a lesson to a name of its own, so that `fill` hands out a fresh one.

    One without a word of the learner's goes, and so does the newer version beside it.

    Args:
        name: of the lesson; copy: where its copy is, or would be.
    Returns:
        the file that was kept (Path), or None when there was nothing of the learner's.
    """
    known, kept = read_state(workspace).get(name, {}), None
    if copy.exists() and digest_of(copy) != known.get("handed_out"):
        kept = free_name(copy)
        os.replace(copy, kept)
    copy.unlink(missing_ok=True)
    for beside in copy.parent.glob(f"{copy.stem}.{copies.NEW}*.ipynb"):
        if digest_of(beside) == known.get("beside"):
            beside.unlink()
    return kept

"""The verdict on one exercise of one submission, which the lesson's check gives in a contained process."""

import json
import re
from dataclasses import dataclass, replace
from functools import cache

from tools.grading import slice
from tools.sandbox import contained

PASSED, NOT_YET, NOT_DONE, BROKEN = "passed", "not yet", "not done yet", "check failed"  # as a check's `Verdict` says
CRASHED, TIMED_OUT, UNREADABLE = "crashed", "timed out", "unreadable"
DEF = re.compile(r"^def (\w+)", re.M)


@dataclass(frozen=True)
class Row:
    """What became of one exercise of one submission; texts and numbers alone.

    Attributes:
        submission: the file, as it is called in the table.
        lesson, number, exercise: the lesson's name, the exercise's number in it and the name of its function.
        status: "passed", "not yet", "not done yet", "crashed", "timed out", "check failed" or "unreadable".
        message, hint, facts, remarks: as in the check's `Verdict`.
        code: what was judged.
    """

    submission: str
    lesson: str
    number: int
    exercise: str
    status: str
    message: str = ""
    hint: str = ""
    facts: tuple = ()
    remarks: tuple = ()
    code: str = ""


@cache
def exercises(lesson):
    """The names of the functions that a lesson asks for, in order, from its published notebook.

    Raises:
        SystemExit: the notebook is not there.
    """
    if not lesson.notebook.is_file():
        raise SystemExit(f"notebooks/{lesson.place} is not there. It says which exercises there are.")
    cells = json.loads(lesson.notebook.read_text(encoding="utf-8"))["cells"]
    stubs = ["".join(cell["source"]) for cell in cells if "exercise" in cell["metadata"].get("tags", [])]
    found = [DEF.findall(stub) for stub in stubs]
    return tuple(names[0] for names in found if names)


def lesson_of(submission, lessons):
    """The lesson that a submission is of: as its metadata say, else the one that most of its functions are of; or None.

    Args:
        submission: a `slice.Submission`.
        lessons: `curriculum.Lesson`s to choose from.
    """
    for lesson in lessons:
        if lesson.name == submission.course:
            return lesson
    defined = slice.functions(submission)
    most, best = max(((len(defined.intersection(exercises(one))), one) for one in lessons), key=lambda pair: pair[0])
    return best if most else None


def judge(lesson, name, part, *, submission="", walls="", limits=None):
    """Judge one answer.

    Args:
        lesson: its `curriculum.Lesson`.
        name: of its function.
        part: the `slice.Part` of the submission.
        submission: what to call it.
        walls: around the answer, as `walls.best` names them.
        limits: `contained.Limits`; None for the usual ones.
    Returns:
        Row.
    """
    number, code = exercises(lesson).index(name) + 1, "\n\n".join(source.strip("\n") for *_, source in part.pieces)
    row = Row(submission, lesson.name, number, name, NOT_DONE, code=code)
    if part.fault:
        return replace(row, status=NOT_YET, message=part.fault, hint="Mend that cell and run it again.")
    if not part.pieces:
        return replace(row, message="No cell defines it.")
    job = {"lesson": lesson.name, "name": name, "pieces": part.pieces}
    ended = contained.run(job, limits, walls=walls)
    if ended.fate:
        return replace(row, status=ended.fate, message=ended.detail)
    try:
        return replace(row, **_verdict(name, **ended.told))
    except (TypeError, ValueError):
        return replace(row, status=CRASHED, message="Its process said what is no verdict.")


def _verdict(name, trouble=(), status=None, message="", hint="", facts=(), remarks=()):
    """What a contained process said, as texts of a length that a table bears.

    Raises:
        TypeError, ValueError: it is no verdict.
    """
    if status is None:
        status, message = NOT_YET, f"There is no function {name}."
        hint = "Define it with def; what it needs must run without an error."
    if status not in (PASSED, NOT_YET, NOT_DONE, BROKEN):
        raise ValueError(status)
    return {
        "status": status,
        "message": _text(message),
        "hint": _text(hint),
        "facts": tuple((_text(label, 100), _text(text)) for label, text in facts[:20]),
        "remarks": tuple(map(_text, [*remarks[:5], *(() if status == PASSED else trouble[:20])])),
    }


def _text(value, most=2000):
    """A text of at most so many letters, without halves of characters, which no file could hold."""
    return str(value)[:most].encode("utf-8", "replace").decode("utf-8")

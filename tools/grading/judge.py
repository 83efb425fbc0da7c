"""The verdict on one exercise of one submission, made where the submission is not."""

import importlib
import re
from dataclasses import dataclass, replace
from functools import cache

from course_utils.exercises import core
from tools.grading import slice
from tools.publishing import lessons as _lessons
from tools.sandbox import contained, values
from tools.sandbox.proxy import Answer

PASSED, NOT_YET, NOT_DONE, BROKEN = core.PASSED, core.NOT_YET, "not done", core.BROKEN
CRASHED, TIMED_OUT, UNREADABLE = "crashed", "timed out", "unreadable"
TRUSTED = contained.Limits(call=70.0, seconds=110.0)
VERDICT_SECONDS = 100.0
DEF = re.compile(r"^def (\w+)", re.M)


@dataclass(frozen=True)
class Row:
    """What became of one exercise of one submission; texts and numbers alone.

    Attributes:
        submission: the file, as it is called in the table.
        lesson, number, exercise: the lesson's name, the exercise's number in it and the name of its function.
        status: "passed", "not yet", "not done", "crashed", "timed out", "check failed" or "unreadable".
        message, hint, facts, remarks: as in the check's `Verdict`.
        code: what was judged.
        trust: why the verdict is given on trust; "" where it is not.
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
    trust: str = ""


@cache
def exercises(lesson):
    """The names of the functions that a lesson asks for, in order, from its published notebook.

    Raises:
        SystemExit: the notebook is not there.
    """
    if not lesson.notebook.is_file():
        raise SystemExit(f"notebooks/{lesson.place} is not there. It says which exercises there are.")
    cells = _lessons.read_published(lesson.notebook).cells
    found = [DEF.findall(cell.source) for cell in cells if "exercise" in cell.metadata.get("tags", [])]
    return tuple(names[0] for names in found if names)


def check_of(lesson, name):
    """The check of an exercise; its attribute `trust` says why it must run beside the answer, "" where it need not."""
    return getattr(importlib.import_module(f"lessons.{lesson.name}.checks"), name)


def lesson_of(submission, lessons):
    """The lesson that a submission is of: as its metadata say, else the one that most of its functions are of; or None.

    Args:
        submission: a `slice.Submission`.
        lessons: `syllabus.Lesson`s to choose from.
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
        lesson: its `syllabus.Lesson`.
        name: of its function.
        part: the `slice.Part` of the submission.
        submission: what to call it.
        walls: around the answer, as `walls.best` names them.
        limits: `contained.Limits`; None for the usual ones.
    Returns:
        Row.
    """
    trust = check_of(lesson, name).trust
    number, code = exercises(lesson).index(name) + 1, "\n\n".join(source.strip("\n") for *_, source in part.pieces)
    row = Row(submission, lesson.name, number, name, NOT_DONE, code=code, trust=trust)
    if part.fault:
        return replace(row, status=NOT_YET, message=part.fault, hint="Mend that cell and run it again.")
    if not part.pieces:
        return replace(row, message="No cell defines it.")
    limits = limits or (TRUSTED if trust else None)
    with contained.process(limits, trust=bool(trust), walls=walls) as process:
        try:
            verdict = (_on_trust if trust else _verdict)(process, lesson, name, part)
        except contained.Gone:
            pass
        if process.fate:
            return replace(row, status=process.fate, message=process.detail)
    facts = tuple((str(label), str(text)) for label, text in verdict.facts)
    status = NOT_DONE if verdict.status == core.NOT_DONE else verdict.status
    told = {"message": verdict.message, "hint": verdict.hint, "remarks": tuple(verdict.remarks)}
    return replace(row, status=status, facts=facts, **told)


def _verdict(process, lesson, name, part):
    """The check's verdict, made here."""
    check = check_of(lesson, name)
    answer = Answer(process, part.pieces, name)
    trouble = [f"{line}. What this statement binds was not there." for line in answer.trouble]
    if not answer.callable:
        hint = "Define it with def; what it needs must run without an error."
        return core.Verdict(name, NOT_YET, f"There is no function {name}.", hint, remarks=tuple(trouble))
    verdict = check(answer)
    if process.fate:
        raise contained.Gone
    changed = answer.finish()
    if verdict.status == PASSED and changed:
        fault = core.changes_the_program(changed)
        verdict = replace(verdict, status=NOT_YET, message=fault.message, hint=fault.hint)
    return replace(verdict, remarks=(*verdict.remarks, *trouble)) if verdict.status != PASSED else verdict


def _on_trust(process, lesson, name, part):
    """The verdict that the submission's own process gives; as text, whatever it is."""
    Answer(process, part.pieces, name, judge=lesson.name)
    told = process.receive(VERDICT_SECONDS)
    try:
        title, status, message, hint, facts, remarks = values.decode(told["verdict"])
        if status not in (PASSED, NOT_YET, core.NOT_DONE, BROKEN):
            raise ValueError(status)
        facts = tuple((str(label)[:100], str(text)[:2000]) for label, text in facts[:20])
        remarks = tuple(str(text)[:1000] for text in remarks[:5])
        return core.Verdict(str(title)[:200], status, str(message)[:2000], str(hint)[:2000], facts, remarks)
    except Exception:
        process.end(CRASHED, "Its process sent what is no verdict.")

"""The verdict on one exercise of one submission, made where the submission is not."""

import importlib
import re
import time
from dataclasses import dataclass, replace
from functools import cache

from course_utils.exercises import core
from tools.grading import slice
from tools.publishing import lessons as _lessons
from tools.sandbox import values
from tools.sandbox.contained import Gone
from tools.sandbox.proxy import Answer

PASSED, NOT_YET, NOT_DONE, BROKEN = core.PASSED, core.NOT_YET, "not done", core.BROKEN
CRASHED, TIMED_OUT, UNREADABLE = "crashed", "timed out", "unreadable"
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
        seconds: how long it took.
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
    seconds: float = 0.0


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
    """The check of an exercise; its attribute `needs` says what to mind when it judges what runs elsewhere.

    Args:
        lesson: its `syllabus.Lesson`.
        name: of its function.
    """
    return getattr(importlib.import_module(f"lessons.{lesson.name}.checks"), name)


def lesson_of(submission, path, lessons):
    """The lesson that a submission is of: as its metadata say, else its file name, else the functions that it defines.

    A lesson's name counts where it stands in the file's name as whole words: `amp` is in `ann_amp2.py`, and not in
    `example.py`. Where the names of several lessons do, or the functions are those of another lesson, these decide.

    Args:
        submission: a `slice.Submission`.
        path: its file.
        lessons: `syllabus.Lesson`s to choose from.
    Returns:
        a lesson, or None.
    """
    for lesson in lessons:
        if lesson.name == submission.course:
            return lesson
    words = _words(path.stem)
    named = [lesson for lesson in lessons if f" {_words(lesson.name)} " in f" {words} "]
    named = [lesson for lesson in named if not any(_is_longer(other.name, lesson.name) for other in named)]
    defined = slice.functions(submission)
    for choice in (named, lessons):
        best = max(choice, key=lambda lesson: len(defined.intersection(exercises(lesson))), default=None)
        if best and defined.intersection(exercises(best)):
            return best
    return named[0] if len(named) == 1 else None


def _words(name):
    """The words of a name with a space between, in small letters; digits and signs part them."""
    return " ".join(re.findall(r"[^\W\d_]+", name.casefold()))


def _is_longer(name, other):
    """Whether a lesson's name holds another one, as ticket_full holds ticket."""
    return name != other and f" {_words(other)} " in f" {_words(name)} "


def judge(house, lesson, name, part, *, submission=""):
    """Judge one answer.

    Args:
        house: a `contained.House`; one with `trust` for an exercise that is judged on trust.
        lesson: its `syllabus.Lesson`.
        name: of its function.
        part: the `slice.Part` of the submission.
    Returns:
        Row.
    """
    began = time.monotonic()
    trust = check_of(lesson, name).needs.trust
    row = Row(
        submission, lesson.name, exercises(lesson).index(name) + 1, name, NOT_DONE, code=_shown(part), trust=trust
    )
    if part.fault:
        return replace(row, status=NOT_YET, message=part.fault, hint="Mend that cell and run it again.")
    if not part.pieces:
        return replace(row, message="No cell defines it.")
    with house.process() as process:
        try:
            verdict = (_on_trust if trust else _verdict)(process, lesson, name, part)
        except Gone:
            verdict = None
        if process.fate:
            row = replace(row, status=process.fate, message=process.detail)
        else:
            row = _told(row, verdict)
    return replace(row, seconds=time.monotonic() - began)


def _shown(part):
    """The code of an answer with all that it uses, as a reader sees it."""
    return "\n\n".join(source.strip("\n") for _, _, source in part.pieces)


def _told(row, verdict):
    status = NOT_DONE if verdict.status == core.NOT_DONE else verdict.status
    facts = tuple((str(label), str(text)) for label, text in verdict.facts)
    return replace(
        row, status=status, message=verdict.message, hint=verdict.hint, facts=facts, remarks=tuple(verdict.remarks)
    )


def _verdict(process, lesson, name, part):
    """The check's verdict, made here."""
    check = check_of(lesson, name)
    needs = check.needs
    answer = Answer(process, part.pieces, name, bool(needs.by_value), needs.watched, needs.by_value)
    trouble = [f"{line}. What this statement binds was not there." for line in answer.trouble]
    if not answer.callable:
        hint = "Define it with def; what it needs must run without an error."
        return core.Verdict(name, NOT_YET, f"There is no function {name}.", hint, remarks=tuple(trouble))
    verdict = check(answer)
    if process.fate:
        raise Gone
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

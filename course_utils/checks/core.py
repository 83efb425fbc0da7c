"""What a check says: a judge that raises `Mistake` becomes a `Verdict`, and nothing is raised."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from course_utils import progress
from course_utils.checks import isolation
from course_utils.checks.mistake import Mistake
from course_utils.checks.values import show
from course_utils.files import command

PASSED, NOT_DONE, NOT_YET, BROKEN = "passed", "not done yet", "not yet", "check failed"
MARKS = {PASSED: "✓ Passed", NOT_DONE: "○ Not done yet", NOT_YET: "✗ Not yet", BROKEN: "! The check failed"}
CODE = re.compile(r"`([^`\n]+)`")
COLOURS = {PASSED: "#009E73", NOT_DONE: "#767676", NOT_YET: "#D55E00", BROKEN: "#CC79A7"}


@dataclass(frozen=True)
class Verdict:
    """What a check says.

    Attributes:
        exercise: the name on the exercise's card.
        status: "passed", "not done yet", "not yet", or "check failed" where the check itself is at fault.
        message: what is wrong, in a sentence.
        facts: (label, text) pairs: the call, what came back, what was expected.
        hint: what kind of mistake it is.
        remarks: what the learner should know besides.
        why: why the right answer works; shown when it has passed, and not before.
    """

    exercise: str
    status: str
    message: str = ""
    hint: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    why: str = ""

    def _title(self) -> str:
        return f"{MARKS[self.status]}: {self.exercise}" + ("" if self.exercise.endswith("?") else ".")

    def _sentences(self) -> list[str]:
        """What is said below the facts."""
        why = self.why if self.status == PASSED else ""
        return [text for text in (self.hint, why, *self.remarks) if text]

    def __repr__(self) -> str:
        head = " ".join(part for part in (self._title(), self.message) if part)
        width = max((len(label) for label, _ in self.facts), default=0)
        facts = [f"  {label + ':':<{width + 1}} {text}" for label, text in self.facts]
        return "\n".join([head, *facts, *self._sentences()])

    def _repr_html_(self) -> str:
        head = f"<b>{escape(self._title())}</b> {_marked_up(self.message)}"
        rows = "".join(
            f'<tr><td style="padding:0 1em 0 0;text-align:left;vertical-align:top">{escape(label)}</td>'
            f'<td style="text-align:left"><code style="white-space:pre-wrap">{escape(text)}</code></td></tr>'
            for label, text in self.facts
        )
        table = f'<table style="margin:0.3em 0">{rows}</table>' if rows else ""
        rest = "".join(f"<div>{_marked_up(text)}</div>" for text in self._sentences())
        return (
            f'<div style="border-left:6px solid {COLOURS[self.status]};padding:0.3em 0.8em">{head}{table}{rest}</div>'
        )


def _marked_up(text: str) -> str:
    """A sentence in HTML: what stands in backticks is code."""
    return CODE.sub(r"<code>\1</code>", escape(text))


def verdict(exercise: object, answer: object) -> Verdict:
    """Judge an answer, apart from the rest of the process; never raises.

    The judge runs in a thread of its own. An answer that takes more processor time than `isolation.CALL_SECONDS` for a
    call is stopped; what it prints is dropped; what it changes for the whole process is noticed and put back.

    Args:
        exercise: has a `title`, a `why`, the name and the module of its reference, and ``judge(answer)``, which raises
            `Mistake`.
        answer: what the learner wrote.
    """
    name = exercise.__name__
    if not callable(answer):
        hint = f"{name} is {_of_kind(answer)} now, not a function: define it again with def, and pass it without "
        return Verdict(
            exercise.title, NOT_YET, f"The check needs your function, got {show(answer)}.", f"{hint}calling it."
        )
    status, fault = _judged(exercise.judge, answer)
    _keep(exercise, status)
    note, fault = _older_version(name), fault or Mistake("")
    return Verdict(
        exercise.title, status, fault.message, fault.hint, fault.facts, (note,) if note else (), exercise.why
    )


def say_what_is_gone(function: Callable) -> None:
    """Let the module of a lesson's check answer a learner's older copy, which may ask it for what is gone."""
    if function.__module__.endswith(".checks"):
        function.__globals__.setdefault("__getattr__", functools.partial(_no_such_check, function.__module__))


def _no_such_check(module: str, name: str) -> object:
    lesson = module.removeprefix("lessons.").removesuffix(".checks")
    raise AttributeError(
        f"{module} has no check {name!r}. Perhaps this copy is older than the course, and the exercise is no longer in "
        f"the lesson: {command('reset', lesson)} hands out the lesson of today, and keeps this copy beside it."
    )


def _judged(judge: Callable[[Callable], None], answer: Callable) -> tuple[str, Mistake | None]:
    """Run the judge apart from the rest of the process; give the status, and what is wrong."""
    with isolation.kept() as kept:
        error = isolation.run_apart(lambda: judge(answer))
    if isinstance(error, NotImplementedError):
        text = "Write your answer in place of the line that raises, run that cell, then run this one again."
        return NOT_DONE, Mistake(text)
    if isinstance(error, Mistake):
        return NOT_YET, error
    if isinstance(error, ImportError):
        return BROKEN, _cannot_import(error)
    if error is not None:
        place = _place(error)
        text = f"It met {type(error).__name__} ({show(str(error))}){place}, and cannot judge this answer."
        return BROKEN, Mistake(text, "That is a fault of the course, not of yours. Please report it.")
    if kept.changed:
        return NOT_YET, changes_the_program(kept.changed)
    return PASSED, None


def _cannot_import(error: Exception) -> Mistake:
    name = getattr(error, "name", None) or "a package"
    text = f"It needs {name}, which cannot be imported here: {type(error).__name__}: {show(str(error))}."
    return Mistake(text, f"Your answer was not judged. {command('doctor')} says what is missing.")


def _keep(exercise: object, status: str) -> None:
    """Keep how the check of a lesson's exercise ended, in a learner's kernel; never raises."""
    lesson = re.fullmatch(r"lessons\.(\w+)\.checks", exercise.__module__ or "")
    if lesson and status != BROKEN and progress.file():  # that a check failed is not the learner's
        version = _version(inspect.unwrap(exercise).__code__.co_filename)
        progress.keep("check", lesson[1], exercise=exercise.__name__, status=status, version=version)


@functools.cache
def _version(file: str) -> str:
    """Eight hex digits for the lesson's checks as they are; "" where they cannot be read."""
    with contextlib.suppress(OSError):
        content = Path(file).read_bytes().replace(b"\r\n", b"\n")
        return hashlib.sha256(content).hexdigest()[:8]
    return ""


def changes_the_program(what: Sequence[str]) -> Mistake:
    """The mistake of an answer that passed but leaves something changed for the whole process.

    Where it replaced a function, perhaps the one that compares, nothing is said of its results.

    Args:
        what: was changed, in words.
    """
    but = "A" if any(text.endswith("(replaced)") for text in what) else "The results are right, but a"
    hint = f"{but} function must leave that as it found it. The check has put it back."
    return Mistake(f"Your function changes something for the whole program: {'; '.join(what)}.", hint)


def _of_kind(value: object) -> str:
    """What a value is, with its article: "a set", "an int", "None"."""
    name = "" if value is None else type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}" if name else "None"


def _place(error: BaseException) -> str:
    """File and line where an exception came from, as text; empty when that is not known."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return f" at {last.tb_frame.f_code.co_filename.rpartition('lessons')[2]}:{last.tb_lineno}" if last else ""


def _older_version(name: str) -> str:
    """A sentence when the newest cell that defines `name` did not run, so an older function was judged.

    Only IPython keeps what was typed; elsewhere, and where nothing is amiss, the text is empty.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    typed = getattr(shell, "user_ns", {}).get("In", [])
    for source in reversed([text for text in typed if isinstance(text, str)]):
        if f"def {name}(" not in source:
            continue
        try:
            compile(shell.transform_cell(source), "cell", "exec", dont_inherit=True)
        except SyntaxError as error:
            return (
                f"Careful: the cell that defines {name} stopped with {type(error).__name__} (line {error.lineno}) when "
                "it ran last. What was judged here is the version before it."
            )
        return ""
    return ""

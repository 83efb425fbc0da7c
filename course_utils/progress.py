"""What a learner has done, kept in a file of the workspace: verdicts of checks, and predictions.

One record is one line of JSON, added at the end: two kernels can write at the same time, a damaged line loses itself
alone, and what was once passed stays. Only a learner's kernel writes, one of a notebook in ``workspace/``, in
JupyterLab or in any other program: no build, no test, no plain Python.

A prediction is written in the cell behind its question, ``predict(3, "B")``. Under the result it comes back, with
whether it was right; and once more at the end of the lesson. The questions and the page's answers are read from the
published notebook, as long as that is the version that the learner's copy was made from. Nothing of this ever raises.

Environment variables: ``COURSE_WORKSPACE``, the learner's folder where it is not the course's own ``workspace/``;
``COURSE_PROGRESS``, the file to use; empty or 0, as in builds and tests: keep nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from course_utils.files import ROOT

NAME = ".progress.jsonl"  # hidden: to be read by `course.py progress`
SAME = ("kind", "lesson", "exercise", "number", "question")  # what a record is about; the rest is what it says of it
QUESTION = re.compile(r"^\*\*Predict\.\*\*\s*(.*?)\s*(?:^</div>|\Z)", re.M | re.S)  # to the end of its box
ANSWER = re.compile(r"course-compare.*?^\*\*(.+?)\*\*", re.M | re.S)  # the statement that an answer opens with
CHOICE = re.compile(r"\(([A-E])\)")  # in an answer
COLOURS = {True: "#009E73", False: "#D55E00", None: "#0072B2"}


def _here() -> Path | None:
    with contextlib.suppress(OSError):  # the folder may be gone
        return Path.cwd()
    return None


STARTED_IN = _here()  # a kernel starts in its notebook's folder; what a learner does may leave it


def workspace() -> Path:
    """The learner's folder."""
    named = os.environ.get("COURSE_WORKSPACE")
    return (Path(named).expanduser() if named else ROOT / "workspace").resolve()


def file() -> Path | None:
    """The file that this process keeps progress in, or None where nothing is kept."""
    named = os.environ.get("COURSE_PROGRESS")
    if named is not None:
        return Path(named) if named not in ("", "0") else None
    return workspace() / NAME if _is_a_learners() else None


def shell() -> object | None:
    """The IPython shell of this kernel, or None: plain Python, or IPython in a terminal."""
    found = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return found if hasattr(found, "kernel") else None


def _is_a_learners() -> bool:
    """True in the kernel of a notebook that lies in the workspace."""
    kernel = shell()
    if kernel is None:
        return False
    named = getattr(kernel, "user_ns", {}).get("__vsc_ipynb_file__")  # VS Code may start a kernel in another folder
    places = [STARTED_IN, Path(named).parent if isinstance(named, str) else None]
    return any(place is not None and place.resolve().is_relative_to(workspace()) for place in places)


def keep(kind: str, lesson: str, **what: object) -> None:
    """Add a record, unless the last one about the same says the same; never raises, and says once that it cannot.

    Args:
        kind: "check", "prediction", "again", "review", "track" or "reset".
        lesson: the name of the lesson's folder; "" for what concerns the whole course.
        what: plain values, as JSON takes them.
    """
    with contextlib.suppress(Exception):  # a check must not fail because a disk is full
        path = file()
        if path is not None:
            try:
                add(path, {"kind": kind, "lesson": lesson, **what})
            except OSError as error:
                _say_once(f"This is not kept in your progress: {path} cannot be written ({error.strerror}).")


@functools.cache
def _say_once(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def add(path: Path, record: dict[str, object], now: datetime.datetime | None = None) -> None:
    """Add a record to a file, unless the last one about the same says the same.

    Args:
        path: of the file.
        record: what is kept.
        now: when it happened; default the present time.
    Raises:
        OSError: the file cannot be written.
    """
    about = {key: record.get(key) for key in SAME}
    last = next((r for r in reversed(read(path)) if {key: r.get(key) for key in SAME} == about), {})
    if {key: value for key, value in last.items() if key != "when"} == record and record["kind"] != "reset":
        return
    record = {**record, "when": (now or datetime.datetime.now()).astimezone().isoformat(timespec="seconds")}
    line = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+", buffering=0) as out:  # one write, at the end whoever else writes
        if out.tell():
            out.seek(-1, os.SEEK_END)
            line = line if out.read(1) == b"\n" else b"\n" + line  # a line that was cut off stays alone
        out.write(line)


def read(path: Path | None) -> list[dict]:
    """The records of a file, oldest first; what is damaged is left out, and [] where there is no file. Never raises.

    A record "reset" takes away those of its lesson that stand before it.
    """
    found: list[dict] = []
    try:
        lines = path.read_bytes().decode("utf-8", "replace").split("\n") if path else []
    except OSError:
        return []
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(line)
            if not isinstance(record, dict) or not all(isinstance(record.get(k), str) for k in ("kind", "lesson")):
                continue
            if record["kind"] == "reset":
                found = [earlier for earlier in found if earlier["lesson"] != record["lesson"]]
            found.append(record)
    return found


# --- Predictions ---


@dataclass(frozen=True)
class Question:
    """A question of a lesson that has a place for a prediction.

    Attributes:
        number: from 1, in the order of the lesson.
        text: the question in Markdown.
        place: index of the cell that follows it.
        cells: how many code cells stand in a row there; the result is in the last. 0: the answer is text.
        apart: the prediction has a cell of its own above that: what follows is folded code, or text.
        answer: the statement that the page's answer opens with, in Markdown; "" where a copy or a page has none.
    """

    number: int
    text: str
    place: int
    cells: int
    apart: bool = False
    answer: str = ""


def questions(cells: Sequence[dict]) -> list[Question]:
    """Find the questions that a learner can answer before the lesson does.

    Args:
        cells: of a notebook (nbformat 4): a published one, or a learner's copy without the places for predictions.
    """
    found: list[Question] = []
    for at, cell in enumerate(cells):
        asked = QUESTION.search(_source(cell)) if cell["cell_type"] == "markdown" else None
        row = []
        for follower in cells[at + 1 :]:
            if follower["cell_type"] != "code":
                break
            row.append(follower)
        if not asked or at + 1 == len(cells) or (row and _source(row[0]).startswith("%%")):  # a magic must stay first
            continue
        apart = is_folded(row[0]) if row else True  # without a row the answer is text
        answer = _answer(cells[at + 1 :])
        found.append(Question(len(found) + 1, asked[1].strip(), at + 1, len(row), apart, answer))
    return found


def _answer(cells: Sequence[dict]) -> str:
    """The first statement of the answer that comes before another question."""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            if said := ANSWER.search(_source(cell)):
                return " ".join(said[1].split())
            if "**Predict.**" in _source(cell):
                break
    return ""


def _source(cell: dict) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def is_folded(cell: dict) -> bool:
    """True for a cell whose code is folded in a learner's copy: what it draws is the lesson, not how."""
    metadata = cell.get("metadata", {})
    return "hide-input" in metadata.get("tags", []) or metadata.get("jupyter", {}).get("source_hidden", False)


def version(found: Sequence[Question]) -> str:
    """Six hex digits for the questions of a lesson: a copy with another version has other questions."""
    return hashlib.sha256(json.dumps([(q.text, q.cells) for q in found]).encode()).hexdigest()[:6]


def asks(text: str) -> str:
    """The question without what was told before it: from the first sentence that asks."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    first = next((n for n, sentence in enumerate(sentences) if "?" in sentence), 0)
    return " ".join(" ".join(sentences[first:]).split())


@dataclass(frozen=True)
class Said:
    """Lines of an output; the first one is bold, on a bar that is green where a prediction was right."""

    lines: tuple[str, ...]
    right: bool | None = None

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        style = f"border-left:6px solid {COLOURS[self.right]};padding:0.3em 0.8em;margin:0.3em 0;white-space:pre-wrap"
        first, *rest = map(escape, self.lines)
        return f'<div class="tex2jax_ignore" style="{style}">' + "\n".join([f"<b>{first}</b>", *rest]) + "</div>"


class Predictions:
    """The predictions of one lesson: ``predict = Predictions("integers", "4f1c90")``, then ``predict(3, "B")``.

    Args:
        lesson: the name of its folder.
        version: of the questions, see `version`; with another one than the published lesson's only numbers are known.
    """

    def __init__(self, lesson: str, version: str = ""):
        self.lesson, self._version = str(lesson), version
        self._waiting: dict[object, list] = {}
        self._listens = False

    def __call__(self, number: object, prediction: object = "") -> None:
        """Keep a prediction, and show it under the result with whether it was right.

        Args:
            number: of the question.
            prediction: a choice, text or a number. Empty: nothing is kept, and a line says so.
        """
        with contextlib.suppress(Exception):  # to predict is the learner's; it must never stop a cell
            text, asked = str(prediction if prediction is not None else "").strip(), self._questions.get(number)
            if not text:
                guess = "No prediction yet. A guess, even a wrong one, makes the answer easier to keep."
                return None if number in self._first() else self._show(("empty", number), Said((guess,)), 1)
            keep("prediction", self.lesson, number=number, question=asked.text if asked else "", prediction=text)
            self._show(number, self._judged(text, asked), asked.cells + asked.apart if asked else 1)
        return None

    def _judged(self, text: str, asked: Question | None) -> Said:
        """What is said of a prediction."""
        choice = CHOICE.search(asked.answer) if asked else None
        mine = text.strip(".,()'\" ").upper()
        if choice is None or mine not in "ABCDE" or len(mine) != 1:
            return Said((f"You predicted: {text}",))
        if mine == choice[1]:
            return Said((f"✓ You predicted {mine}, and that is right.",), True)
        return Said((f"✗ You predicted {mine}. It is {choice[1]}: the answer below says why.",), False)

    def again(self, answer: object = "") -> None:
        """Show the first question of the lesson once more, with what was answered then and is now; and the other ones.

        Args:
            answer: to the first question, now.
        """
        with contextlib.suppress(Exception):  # as above
            text, first = str(answer if answer is not None else "").strip(), self._first()
            if text:
                asked = self._questions.get(1)
                keep("again", self.lesson, number=1, question=asked.text if asked else "", prediction=text)
            if first or text:
                self._show("again", Said(tuple(self._summary(first, text))), 1)

    def _summary(self, first: dict[object, str], now: str) -> list[str]:
        known = self._questions
        asked = asks(known[1].text) if 1 in known else ""
        lines = [f"The first question, once more. {asked}", f"- at the beginning: {first.get(1) or '(nothing)'}"]
        lines += [f"- now: {now}"] * bool(now)
        lines += [f"- the page: {known[1].answer}"] if now and 1 in known and known[1].answer else []
        for number, text in first.items():
            if number != 1:
                question = known.get(number)
                lines.append(f"- {asks(question.text) if question else f'Question {number}:'} → {text}")
                lines += [f"  The page: {question.answer}"] if question and question.answer else []
        return [line.replace("**", "") for line in lines]

    @functools.cached_property
    def _questions(self) -> dict[object, Question]:
        """The questions by number; {} where the published lesson is another version, or cannot be read."""
        with contextlib.suppress(Exception):
            notebooks = ROOT.glob("notebooks/*/*.ipynb")
            published = next(path for path in notebooks if path.stem.partition("_")[2] == self.lesson)
            found = questions(json.loads(published.read_text(encoding="utf-8"))["cells"])
            return {q.number: q for q in found} if version(found) == self._version else {}
        return {}

    def _first(self) -> dict[object, str]:
        """What was predicted first, by the number that the question has now."""
        numbers, found = {q.text: q.number for q in self._questions.values()}, {}
        for record in read(file()):
            if record["kind"] == "prediction" and record["lesson"] == self.lesson and record.get("prediction"):
                number = numbers.get(record.get("question"), record.get("number"))
                if isinstance(number, int):
                    found.setdefault(number, str(record["prediction"]))
        return dict(sorted(found.items()))

    def _show(self, key: object, what: Said, cells: int) -> None:
        """Show `what` under the `cells`-th cell from now on, the running one included; nothing outside of a kernel."""
        kernel = shell()
        if kernel is None:
            return
        if not self._listens:
            kernel.events.register("post_run_cell", self._after_cell)
            self._listens = True
        self._waiting[key] = [what, cells]

    def _after_cell(self, result: object = None) -> None:
        if not getattr(result, "success", True) or not getattr(getattr(result, "info", None), "store_history", True):
            return  # a cell that failed has no result to stand under; the editor's own calls are no cells
        from IPython.display import display

        for key, waiting in list(self._waiting.items()):
            waiting[1] -= 1
            if waiting[1] <= 0:
                display(self._waiting.pop(key)[0])

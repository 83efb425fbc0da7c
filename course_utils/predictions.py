"""A learner's predictions: written in the cell behind the question, shown again beside the result, kept.

The learner's copy of a lesson has a line ``predict(3, "")`` in the cell that follows the third question; what stands
between the quotation marks comes back under the result, and once more at the end of the lesson. An empty one is not
kept: a grey line says so. Nothing here ever raises. Only the line stands in the copy: the questions are read from the
published notebook, as long as that is the version that the copy was made from.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from course_utils import progress, syllabus

QUESTION = re.compile(r"^\*\*Predict\.\*\*\s*(.*?)\s*(?:^</div>|\Z)", re.M | re.S)  # to the end of its box
CHOICE = re.compile(r"\*\*([A-E])\*\*")
ANSWER = re.compile(r"course-compare.*?^\*\*(.+?)\*\*", re.M | re.S)  # the statement that an answer opens with
LATE = "written after the result"
SENTENCE = re.compile(r"(?<=[.!?])\s+")


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


def is_folded(cell: dict) -> bool:
    """True for a cell whose code is folded in a learner's copy: what it draws is the lesson, not how."""
    metadata = cell.get("metadata", {})
    return "hide-input" in metadata.get("tags", []) or metadata.get("jupyter", {}).get("source_hidden", False)


def version(found: Sequence[Question]) -> str:
    """Six hex digits for the questions of a lesson: a copy with another version has other questions."""
    return hashlib.sha256(json.dumps([(q.text, q.cells) for q in found]).encode()).hexdigest()[:6]


def asks(text: str) -> str:
    """The question without what was told before it: from the first sentence that asks."""
    sentences = SENTENCE.split(text)
    first = next((n for n, sentence in enumerate(sentences) if "?" in sentence), 0)
    return " ".join(" ".join(sentences[first:]).split())


class Sheet:
    """The predictions of one lesson: ``predict = Sheet("integers", "4f1c90")``, then ``predict(3, "twice as long")``.

    Args:
        lesson: the name of its folder.
        version: of the questions, see `version`; with another one than the published lesson's only numbers are known.
    """

    def __init__(self, lesson: str, version: str = ""):
        self.lesson, self._version = str(lesson), version
        self._shown, self._seen = _After(), set()

    def __call__(self, number: object, prediction: object = "") -> str | None:
        """Keep a prediction and show it under the result.

        Args:
            number: of the question.
            prediction: text or a number; for several lines put three quotation marks around it. Empty: nothing is kept.
        Returns:
            the text, or None when it is empty.
        """
        text = _plain(prediction)
        with contextlib.suppress(Exception):  # to predict is the learner's; it must never stop a cell
            asked = self._questions.get(number)
            cells = asked.cells + asked.apart if asked else 1
            if not text:  # from then on the result has been seen
                self._shown.show(number, functools.partial(self._seen.add, number), cells)
                if not self._first(number, asked.text if asked else "").get("prediction"):
                    self._shown.show(("empty", number), Skipped(), 1)
                return None
            what = {"number": number, "question": asked.text if asked else "", "prediction": text}
            earliest = self._first(number, what["question"])
            first = str(earliest.get("prediction", ""))
            late = bool(earliest.get("late")) if first else number in self._seen
            progress.keep("prediction", self.lesson, **what, **({"late": True} if late else {}))
            remark = LATE if late else "" if first in ("", text) else f"at first: {first}"
            strange = _strange(text, what["question"])
            self._shown.show(number, Shown(text, "; ".join(filter(None, [strange, remark]))), cells)
        return text or None

    def again(self, answer: object = "") -> None:
        """Show the first question of the lesson once more, with what was answered then and is now; and the other ones.

        Args:
            answer: to the first question, now.
        """
        with contextlib.suppress(Exception):  # as above
            text = _plain(answer)
            if text:
                progress.keep("again", self.lesson, number=1, question=self._text(1), prediction=text)
            kept = self._predictions()
            if kept or text:
                answers = {number: asked.answer for number, asked in self._questions.items()}
                self._shown.show("again", Summary(self._text(1), kept.pop(1, ("", ""))[1], text, kept, answers), 1)

    @functools.cached_property
    def _questions(self) -> dict[object, Question]:
        """The questions by number; {} where the published lesson is another version, or cannot be read."""
        with contextlib.suppress(Exception):
            published = syllabus.lessons()[self.lesson].notebook
            found = questions(json.loads(published.read_text(encoding="utf-8"))["cells"])
            return {q.number: q for q in found} if version(found) == self._version else {}
        return {}

    def _text(self, number: int) -> str:
        return self._questions[number].text if number in self._questions else ""

    def _records(self) -> list[dict]:
        records = progress.read(progress.file())
        return [r for r in records if r["kind"] == "prediction" and r["lesson"] == self.lesson]

    def _first(self, number: object, question: str) -> dict:
        """The record of what was predicted first, or {}."""
        for record in self._records():
            same = record.get("question") == question if question else record.get("number") == number
            if same and record.get("prediction"):
                return record
        return {}

    def _predictions(self) -> dict[int, tuple[str, str]]:
        """Number -> (question, first prediction), of those questions that this version has."""
        texts = {q.text: q.number for q in self._questions.values()}
        found: dict[int, tuple[str, str]] = {}
        for record in self._records():
            question = str(record.get("question", ""))
            number = texts.get(question, record.get("number"))
            if isinstance(number, int) and record.get("prediction"):
                remark = f" ({LATE})" if record.get("late") else ""
                found.setdefault(number, (question, f"{record['prediction']}{remark}"))
        return dict(sorted(found.items()))


class _After:
    """Shows something under a cell that is still running, or under one that is run later."""

    def __init__(self) -> None:
        self._waiting: dict[object, list] = {}
        self._listens = False

    def show(self, key: object, what: object, cells: int) -> None:
        """Show `what` under the `cells`-th cell from now on, the running one included; nothing outside of a kernel.

        A function is called there instead.
        """
        kernel = progress.shell()
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
                del self._waiting[key]
                waiting[0]() if callable(waiting[0]) else display(waiting[0])


@dataclass(frozen=True)
class Shown:
    """A learner's prediction as an output, and a remark in brackets."""

    text: str
    remark: str = ""

    def __repr__(self) -> str:
        return f"You predicted: {self.text}" + (f" ({self.remark})" if self.remark else "")

    def _repr_html_(self) -> str:
        remark = f" ({escape(self.remark)})" if self.remark else ""
        words = f'<span class="tex2jax_ignore mathjax_ignore" style="white-space:pre-wrap">{escape(self.text)}{remark}'
        style = "border-left:6px solid #0072B2;padding:0.3em 0.8em;margin:0.3em 0"
        return f'<div style="{style}"><b>You predicted:</b> {words}</span></div>'


class Skipped:
    """A grey line: the learner went on without a prediction."""

    def __repr__(self) -> str:
        return "No prediction yet. A guess, even a wrong one, makes the answer easier to keep."

    def _repr_html_(self) -> str:
        return f'<div style="color:#595959;font-size:0.9em">{self!r}</div>'


@dataclass(frozen=True)
class Summary:
    """The end of a lesson: its first question once more, the other predictions, and what the page answers to each."""

    question: str
    before: str
    now: str
    others: dict[int, tuple[str, str]]
    answers: dict[object, str]

    def _lines(self, write) -> list[str]:
        head = f"**The first question, once more.** {asks(self.question)}".strip()
        lines = [head, "", f"- at the beginning: {write(self.before) or '(nothing)'}"]
        lines += [f"- now: {write(self.now)}"] if self.now else []
        lines += [f"- the page: {self.answers[1]}"] if self.now and self.answers.get(1) else []
        if self.others:
            lines += ["", "**Your other predictions**", ""]
        for number, (question, text) in self.others.items():
            lines.append(f"- {asks(question) or f'Question {number}:'} → **{write(text)}**")
            lines += [f"  The page: {self.answers[number]}"] if self.answers.get(number) else []
        return lines

    def __repr__(self) -> str:
        return "\n".join(self._lines(str)).replace("**", "")

    def _repr_markdown_(self) -> str:
        return "\n".join(self._lines(_literal))


def _strange(text: str, question: str) -> str:
    """What to say of a single word that is none of a question's choices; "" for a sentence or a choice."""
    choices = CHOICE.findall(question)
    if not choices or len(text.split()) > 1 or text.strip(".,()'").upper() in choices:
        return ""
    return f"none of {choices[0]} to {choices[-1]}, and kept as it is"


def _literal(text: str) -> str:
    """A learner's words so that Markdown shows them as they are."""
    words = " ".join(text.split())
    return "".join(c if c.isalnum() or c in " ,:;'" else f"&#{ord(c)};" for c in words)


def _plain(value: object) -> str:
    try:
        return str(value).strip() if value is not None else ""
    except Exception:  # whatever was handed in
        return ""


def _source(cell: dict) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)

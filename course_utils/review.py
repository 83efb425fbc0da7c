"""Three from before: questions of lessons that a learner has passed, which come back after days. Standard library only.

Each lesson keeps its questions in ``lessons/NAME/review.toml``. A question comes back 1, 3, 7 and 21 days after the
lesson was passed, counted by what the learner had at once; one that was missed comes back at the next start.
"""

from __future__ import annotations

import datetime
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_utils import progress
from course_utils.files import ROOT

FILE = "review.toml"
KIND = "review"  # of the records
GAPS = (1, 2, 4, 14)  # days from the pass to the first time, and from each time that it was had to the next one
AT_ONCE = 3


@dataclass(frozen=True)
class Question:
    """One question of a lesson.

    Attributes:
        lesson: name of the lesson that asks it.
        number: from 1, in the order of its file.
        ask, answer: both in Markdown.
    """

    lesson: str
    number: int
    ask: str
    answer: str


def questions(lesson: str, root: Path = ROOT) -> tuple[Question, ...]:
    """The questions that a lesson asks later; () where it has no file of them.

    Args:
        lesson: its name.
        root: the repository, or a folder with the same layout.
    Raises:
        ValueError: the file is not as it should be; the message names it.
    """
    path = root / "lessons" / lesson / FILE
    if not path.exists():
        return ()
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))["question"]
        return tuple(Question(lesson, n, q["ask"], q["answer"]) for n, q in enumerate(found, start=1))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"lessons/{lesson}/{FILE}: {error}. A question is [[question]] with ask = and answer ="
        ) from error


def due(records: Sequence[dict], now: datetime.datetime, root: Path = ROOT) -> list[Question]:
    """The questions whose day has come: one of each lesson before a second one of any, those that waited longest first.

    Args:
        records: of a learner's progress, oldest first.
        now: with a time zone.
        root: the repository, or a folder with the same layout.
    """
    found = []
    for lesson in dict.fromkeys(record["lesson"] for record in records):
        of_lesson = [record for record in records if record["lesson"] == lesson]
        passed = next((when for r in of_lesson if r.get("status") == "passed" and (when := _time(r))), None)
        times = [(_next_time(question, of_lesson, passed), question) for question in questions(lesson, root) if passed]
        waiting = sorted((pair for pair in times if pair[0] <= now), key=lambda pair: pair[0])
        found += [(nth, when, question) for nth, (when, question) in enumerate(waiting)]
    return [question for *_, question in sorted(found, key=lambda one: one[:2])]


def _next_time(question: Question, records: Sequence[dict], passed: datetime.datetime) -> datetime.datetime:
    times, last = _had(question, records)
    if last is not None and not times:
        return last
    if times >= len(GAPS):
        return datetime.datetime.max.replace(tzinfo=datetime.UTC)
    return (last or passed) + datetime.timedelta(days=GAPS[times])


def _had(question: Question, records: Sequence[dict]) -> tuple[int, datetime.datetime | None]:
    """How often in a row a question was had, and when it was answered last."""
    for record in reversed(records):
        when = _time(record)
        if record["kind"] == KIND and record.get("question") == question.ask and when:
            times = record.get("times")
            return (times if isinstance(times, int) and times > 0 else 0), when
    return 0, None


def _time(record: dict) -> datetime.datetime | None:
    try:
        when = datetime.datetime.fromisoformat(str(record.get("when")))
    except ValueError:  # a damaged line
        return None
    return when if when.tzinfo else when.astimezone()


def note(question: Question, had: bool, path: Path, now: datetime.datetime | None = None) -> None:
    """Keep what a learner says of a question in a file of progress.

    Raises:
        OSError: the file cannot be written.
    """
    records = [r for r in progress.read(path) if r["lesson"] == question.lesson]
    times = _had(question, records)[0] + 1 if had else 0
    progress.add(path, {"kind": KIND, "lesson": question.lesson, "question": question.ask, "times": times}, now=now)


def answered(lesson: str, number: int, had: str = "") -> None:
    """Say in a notebook of the workspace whether a question was answered from memory; prints when it comes back.

    Args:
        lesson: its name; number: of the question there, from 1.
        had: "y" or "n"; with anything else nothing is counted.
    """
    path, now = progress.file(), datetime.datetime.now().astimezone()
    [question] = [q for q in questions(lesson) if q.number == number]
    said = {"y": True, "yes": True, "n": False, "no": False}.get(str(had).strip().lower())
    if said is None:
        print("Nothing is counted: write y or n between the quotation marks.")
    elif path is None:
        print("This is counted in your own copy of the course, and kept nowhere here.")
    elif said and question not in due(progress.read(path), now):
        print("It is counted already.")
    else:
        note(question, said, path, now)
        print(when_next(question, progress.read(path), now))


def when_next(question: Question, records: Sequence[dict], now: datetime.datetime) -> str:
    """When a question comes back, in a sentence."""
    of_lesson = [record for record in records if record["lesson"] == question.lesson]
    times, last = _had(question, of_lesson)
    if times >= len(GAPS):
        return "Counted. You have had it four times, so it won't come back."
    if not times:
        return "It comes back at the next start."
    days = math.ceil((_next_time(question, of_lesson, last or now) - now) / datetime.timedelta(days=1))
    return f"Counted. It comes back in {days} days."

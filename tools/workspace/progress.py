"""What a learner has done, lesson by lesson, and what comes next: the facts of `progress` and the start page."""

import ast
from dataclasses import dataclass, field
from functools import cache

from course_utils import progress
from course_utils.files import ROOT
from tools.environment import curriculum
from tools.publishing import lessons

PASSED, NOT_BEGUN, NOT_DONE = "passed", "not begun", "not done yet"


@dataclass(frozen=True)
class Exercise:
    """An exercise: name of its function, title, whether it ever passed, what the last check said, and when."""

    name: str
    title: str
    passed: bool = False
    latest: str = NOT_BEGUN
    when: str = ""

    @property
    def status(self):
        """What counts: "passed" stays; else the latest."""
        return PASSED if self.passed else self.latest


@dataclass(frozen=True)
class Standing:
    """How far a learner is in one lesson.

    `also`: exercises that passed and do not count, because an earlier version had them.
    """

    lesson: curriculum.Lesson
    promise: str
    exercises: tuple
    predictions: tuple = ()
    when: str = ""
    also: tuple = ()

    @property
    def passed(self):
        """How many exercises have passed."""
        return sum(exercise.passed for exercise in self.exercises)

    @property
    def finished(self):
        """True when every exercise has passed."""
        return self.passed == len(self.exercises)

    @property
    def begun(self):
        """True when something was tried or predicted, and something is left."""
        tried = any(exercise.status not in (NOT_BEGUN, NOT_DONE) for exercise in self.exercises)
        return (tried or bool(self.predictions)) and not self.finished

    @property
    def count(self):
        """In words: "2 of 3"."""
        return f"{self.passed} of {len(self.exercises)}"


@dataclass(frozen=True)
class Progress:
    """The whole course: a `Standing` for each lesson by name, the track that the learner has chosen, all tracks."""

    standings: dict = field(default_factory=dict)
    track: curriculum.Track | None = None
    tracks: tuple = ()

    @property
    def finished(self):
        """How many lessons are finished."""
        return sum(standing.finished for standing in self.standings.values())

    @property
    def also(self):
        """How many exercises have passed that do not count; in words, "" for none."""
        also = sum(len(standing.also) for standing in self.standings.values())
        are = "is" if also == 1 else "are"
        return f"{also} that {are} not counted, of an earlier version" if also else ""

    @property
    def next(self):
        """The first lesson of the track that is not finished; None when the track is done."""
        mine = (self.standings[lesson.name] for lesson in self.track.lessons)
        return next((standing for standing in mine if not standing.finished), None)

    @property
    def begun(self):
        """The lessons that are begun and not finished, the one worked at last first."""
        found = [standing for standing in self.standings.values() if standing.begun]
        return sorted(found, key=lambda standing: standing.when, reverse=True)


def of(workspace, root=ROOT):
    """Read how far a learner is.

    Args:
        workspace: folder of the learner (Path); what is missing or damaged in it counts as not done.
        root: the repository, or a folder with the same layout.
    Returns:
        Progress.
    """
    records = progress.read(workspace / progress.NAME)
    tracks = curriculum.tracks(root)
    chosen = [record.get("track") for record in records if record["kind"] == "track"]
    track = next((track for track in tracks if chosen and track.title == chosen[-1]), tracks[0])
    standings = {}
    for name, lesson in curriculum.lessons(root).items():
        mine = [record for record in records if record["lesson"] == name]
        times = [str(record.get("when", "")) for record in mine if record["kind"] != "reset"]
        standings[name] = Standing(
            lesson,
            lessons.front_matter(lesson).get("promise", ""),
            _exercises(lesson, mine),
            _predictions(mine),
            max(times, default=""),
            _also(lesson, mine),
        )
    return Progress(standings, track, tuple(tracks))


def count(lesson, workspace):
    """How many exercises of a lesson have passed, in words: "2 of 3"; "" where it has none."""
    found = _exercises(lesson, [r for r in progress.read(workspace / progress.NAME) if r["lesson"] == lesson.name])
    return Standing(lesson, "", found).count if found else ""


def _exercises(lesson, records):
    return tuple(_standing(*exercise, records) for exercise in exercises_of(lesson))


@cache
def exercises_of(lesson):
    """List (name, title) of a lesson's exercises, as its tasks.py or checks.py defines them; empty without these."""
    path = lesson.source.with_name("tasks.py")
    if path.exists():
        calls = [
            node.value for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.Assign)
        ]
        makes = ("page.write", "page.work_out", "page.decide")
        calls = [call for call in calls if isinstance(call, ast.Call) and ast.unparse(call.func) in makes]
        return tuple((call.args[0].value, call.args[1].value) for call in calls)
    path = lesson.source.with_name("checks.py")
    if not path.exists():
        return ()
    return tuple(
        (node.name, decorator.args[0].value)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") in ("check", "exercise")
    )


def _also(lesson, records):
    counted = dict(exercises_of(lesson))
    passed = [r.get("exercise") for r in records if r["kind"] == "check" and r.get("status") == PASSED]
    return tuple(
        _standing(name, f"{name} (of an earlier version)", records)
        for name in dict.fromkeys(passed)
        if name not in counted
    )


def _standing(name, title, records):
    verdicts = [r for r in records if r["kind"] == "check" and r.get("exercise") == name]
    if not verdicts:
        return Exercise(name, title)
    passed = any(verdict.get("status") == PASSED for verdict in verdicts)
    return Exercise(name, title, passed, str(verdicts[-1].get("status")), str(verdicts[-1].get("when", "")))


def _predictions(records):
    """The predictions of a lesson: for each question all that was written, the first one first."""
    found = {}
    for record in records:
        if record["kind"] in ("prediction", "again"):
            question = str(record.get("question") or f"Question {record.get('number')}")
            when = "at the end: " if record["kind"] == "again" else ""
            found.setdefault(question, []).append(f"{when}{record.get('prediction', '')}")
    return tuple((question, tuple(texts)) for question, texts in found.items())

"""What a learner has done, lesson by lesson, and what comes next: the facts of `progress` and the start page."""

import ast
from dataclasses import dataclass, field
from functools import cache

from course_utils import progress
from course_utils.files import ROOT
from tools.environment import curriculum
from tools.publishing import lessons

PASSED, NOT_DONE = "passed", "not done yet"


@dataclass(frozen=True)
class Standing:
    """How far a learner is in one lesson.

    Attributes:
        lesson: a `curriculum.Lesson`; promise: what it promises.
        exercises: how many it has; passed: how many have ever passed.
        tried: whether something was checked or predicted.
        when: of the last record, as text; "" where there is none.
    """

    lesson: curriculum.Lesson
    promise: str
    exercises: int
    passed: int = 0
    tried: bool = False
    when: str = ""

    @property
    def finished(self):
        """True when every exercise has passed."""
        return self.passed == self.exercises

    @property
    def begun(self):
        """True when something was tried or predicted, and something is left."""
        return self.tried and not self.finished

    @property
    def count(self):
        """In words: "2 of 3"."""
        return f"{self.passed} of {self.exercises}"


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
    standings = {
        name: _standing(lesson, [record for record in records if record["lesson"] == name])
        for name, lesson in curriculum.lessons(root).items()
    }
    return Progress(standings, track, tuple(tracks))


def _standing(lesson, records):
    names = exercises_of(lesson)
    checked = [r for r in records if r["kind"] == "check" and r.get("exercise") in names]
    tried = [r for r in checked if r.get("status") != NOT_DONE]
    tried += [r for r in records if r["kind"] in ("prediction", "again")]
    return Standing(
        lesson,
        lessons.front_matter(lesson).get("promise", ""),
        len(names),
        passed=len({r["exercise"] for r in checked if r.get("status") == PASSED}),
        tried=bool(tried),
        when=max((str(r.get("when", "")) for r in records if r["kind"] != "reset"), default=""),
    )


@cache
def exercises_of(lesson):
    """The names of a lesson's exercises, as its tasks.py defines them; empty without one."""
    path = lesson.source.with_name("tasks.py")
    made = ast.parse(path.read_text(encoding="utf-8")).body if path.exists() else []
    calls = [one.value for one in made if isinstance(one, ast.Assign) and isinstance(one.value, ast.Call)]
    makes = ("page.write", "page.work_out", "page.decide")
    return tuple(call.args[0].value for call in calls if ast.unparse(call.func) in makes)

"""The local board of the challenge: what was judged on this machine, and what the lessons reach."""

from dataclasses import dataclass

from course_utils import syllabus
from course_utils.exercises import progress
from course_utils.scorecard import ledger
from course_utils.show.tables import Table
from tools.contest.exam import TASKS

FILE = "challenge.jsonl"  # in the learner's folder; nothing else is kept in it, and nothing else reads it


@dataclass(frozen=True)
class Entry:
    """A submission that was judged: its name, all bytes, share of the test images that are right, and when."""

    name: str
    bytes: int
    accuracy: float
    when: str = ""


def file():
    """Where the board is kept."""
    return progress.workspace() / FILE


def keep(verdict):
    """Put a verdict that is not "refused" on the board; an older one of the same name and task makes way.

    Raises:
        OSError: the file cannot be written.
    """
    values = {"task": verdict.task, "name": verdict.name, "bytes": verdict.bytes, "accuracy": verdict.accuracy}
    about = f"{verdict.task}/{verdict.name}"
    progress.add(file(), {"kind": "challenge", "lesson": "", "exercise": about, **values})


def entries(task):
    """The entries of a task, the smallest first; a line of the file that is no entry is left out."""
    found = {}
    for line in progress.read(file()):
        name, size, right = (line.get(key) for key in ("name", "bytes", "accuracy"))
        whole = isinstance(name, str) and type(size) is int and isinstance(right, float) and 0 <= right <= 1
        if line["kind"] == "challenge" and line.get("task") == task and whole:
            found[name] = Entry(name, size, right, str(line.get("when", ""))[:10])
    return sorted(found.values(), key=lambda entry: (entry.bytes, -entry.accuracy))


def front(found):
    """The entries that no other dominates: none has at most as many bytes and as much right, and more of one."""
    at_most = [[e for e in found if e.bytes <= one.bytes and e.accuracy >= one.accuracy] for one in found]
    return [
        one
        for one, others in zip(found, at_most, strict=True)
        if all((e.bytes, e.accuracy) == (one.bytes, one.accuracy) for e in others)
    ]


def table(task):
    """The board of a task, as text: what was judged, then the smallest file above the bar of each lesson."""
    task, found = TASKS[task], entries(task)
    best, above = front(found), [entry for entry in found if entry.accuracy > task.bar]
    rows = [
        [
            above.index(entry) + 1 if entry in above else "–",
            entry.name,
            f"{entry.bytes:,}",
            f"{100 * entry.accuracy:.2f}",
            "yes" if entry in best else "",
            entry.when,
        ]
        for entry in [*above, *(entry for entry in found if entry not in above)]
    ]
    columns = ["place", "submission", "bytes", "right, %", "on the front", "judged"]
    title = f"{task.title}: the smallest folder above {100 * task.bar:g} %"
    own = Table(columns, rows, caption=title) if rows else f"{title}\nNothing was judged yet."
    lessons = Table(
        ["lesson", "what it made", "bytes of the weights' file", "right, %"],
        [[f"{syllabus.lessons()[row.lesson].number} {row.lesson}", *_made(row)] for row in of_lessons(task)],
        caption="What the lessons reach: of each the smallest file above the bar, without the code that reads it",
    )
    return f"{own}\n\n{lessons}"


def _made(row):
    return [f"{row.model}, {row.technique}", f"{row.file_bytes:,}", f"{100 * row.accuracy:.2f}"]


def of_lessons(task):
    """Of each lesson the row of the ledger with the smallest file above the bar; the smallest first."""
    best = {}
    for row in ledger.rows():
        if row.task == task.name and row.file_bytes and (row.accuracy or 0) > task.bar:
            best[row.lesson] = min(row, best.get(row.lesson, row), key=lambda one: (one.file_bytes, -one.accuracy))
    return sorted(best.values(), key=lambda row: row.file_bytes)

"""What the rows of a grading say together: points, a table, a CSV file, and statistics of the exercises."""

import csv
import io
import math
from collections import Counter, defaultdict
from dataclasses import dataclass

from tools.grading.judge import BROKEN, NOT_DONE, PASSED

COLUMNS = ("submission", "lesson", "number", "exercise", "status", "points", "out of", "on trust", "message", "hint")
LEAST = 10  # submissions, below which no correlation is told
MARKS = {PASSED: "✓", NOT_DONE: "○", "not yet": "✗", BROKEN: "!"}


@dataclass(frozen=True)
class Points:
    """How many points an exercise brings.

    Attributes:
        each: where nothing else is said.
        named: exercise -> points.
        trust: whether a verdict given on trust brings any.
    """

    each: float = 1.0
    named: tuple[tuple[str, float], ...] = ()
    trust: bool = False

    def out_of(self, row):
        """The most that an exercise brings."""
        return dict(self.named).get(row.exercise, self.each) if row.exercise else 0.0

    def of(self, row):
        """The points of a row."""
        return self.out_of(row) if row.status == PASSED and (self.trust or not row.trust) else 0.0


def points(words, names, trust=False):
    """Read what follows --points: "2", or "quantize=3" for one exercise, several with commas between.

    Args:
        words: list of str.
        names: of all exercises there are.
        trust: as in `Points`.
    Raises:
        SystemExit: it is no number, or of no exercise; the message says which.
    """
    each, named = 1.0, {}
    for word in " ".join(words).replace(",", " ").split():
        name, _, number = word.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 <= value < 1e6:
            raise SystemExit(f"--points {word}: expected a number of at least 0, or EXERCISE=NUMBER.")
        if name and name not in names:
            raise SystemExit(f"--points {word}: no exercise of what is graded is called {name!r}. {', '.join(names)}")
        if name:
            named[name] = value
        else:
            each = value
    return Points(each, tuple(named.items()), trust)


def to_csv(rows, points):
    """The rows as CSV text. A cell that a spreadsheet would take for a formula gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = [row.submission, row.lesson, row.number, row.exercise, row.status, f"{points.of(row):g}"]
        values += [f"{points.out_of(row):g}", "on trust" if row.trust else "", row.message, row.hint]
        writer.writerow([_harmless(value) for value in values])
    return out.getvalue()


def one_line(text):
    """A text on one line, of letters that can be seen."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(str(text).split()))


def _harmless(value):
    text = one_line(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def table(rows, points):
    """The rows as text for the terminal: one line a submission, with a mark for each exercise, then its points."""
    lines = []
    for (submission, lesson), own in grouped(rows, "submission", "lesson").items():
        got, most = sum(map(points.of, own)), sum(map(points.out_of, own))
        marks = "  ".join(
            f"{MARKS.get(row.status, '!')} {row.exercise}"
            + (f" ({row.status})" if row.status not in MARKS else "")
            + (" (on trust)" if row.trust else "")
            for row in own
        )
        name = _harmless(submission)
        name = name if len(name) <= 60 else f"…{name[-59:]}"  # of a long path, the end tells more
        lines.append(f"{name:<30} {lesson:<18} {got:>5g} of {most:g}   {marks}")
    return "\n".join(lines)


def grouped(rows, *names):
    """Rows by the values of some attributes, in the order of their first ones."""
    found = defaultdict(list)
    for row in rows:
        found[tuple(getattr(row, name) for name in names)].append(row)
    return dict(found)


@dataclass(frozen=True)
class Statistics:
    """What the submissions say of an exercise.

    Attributes:
        lesson, exercise: which.
        count: submissions.
        passed: share of them that passed; low is difficult.
        done: share that tried.
        correlation: of passing it with the share of the other exercises that was passed, of the same submissions; None
            with fewer than `LEAST` of them, or where all are alike.
        hints: (hint, how many got it), the most frequent first.
        general: how many "not yet" without a hint that knows the mistake.
    """

    lesson: str
    exercise: str
    count: int
    passed: float
    done: float
    correlation: float | None
    hints: tuple[tuple[str, int], ...]
    general: int


def statistics(rows, general=()):
    """`Statistics` of each exercise.

    Args:
        rows: of all submissions; one that could not be read does not count.
        general: beginnings of the hints that know no mistake.
    """
    rows = [row for row in rows if row.exercise]
    by_person = grouped(rows, "submission")
    found = []
    for (lesson, exercise), own in grouped(rows, "lesson", "exercise").items():
        pairs = []
        for row in own:
            rest = [other for other in by_person[(row.submission,)] if other is not row]
            if rest:
                share = sum(other.status == PASSED for other in rest) / len(rest)
                pairs.append((float(row.status == PASSED), share))
        hints = Counter(row.hint for row in own if row.status == "not yet" and row.hint)
        found.append(
            Statistics(
                lesson,
                exercise,
                len(own),
                sum(row.status == PASSED for row in own) / len(own),
                sum(row.status != NOT_DONE for row in own) / len(own),
                correlation(pairs) if len(pairs) >= LEAST else None,
                tuple(hints.most_common()),
                sum(n for hint, n in hints.items() if hint.startswith(tuple(general))) if general else 0,
            )
        )
    return found


def correlation(pairs):
    """Pearson's correlation of pairs of numbers; None where one side is constant."""
    if not pairs:
        return None
    n = len(pairs)
    mean_x, mean_y = sum(x for x, _ in pairs) / n, sum(y for _, y in pairs) / n
    xx, yy = sum((x - mean_x) ** 2 for x, _ in pairs), sum((y - mean_y) ** 2 for _, y in pairs)
    if xx < 1e-12 or yy < 1e-12:
        return None
    return sum((x - mean_x) * (y - mean_y) for x, y in pairs) / math.sqrt(xx * yy)


def advice(one):
    """What the numbers of an exercise suggest, in a few words; "" for nothing."""
    if one.correlation is None:
        return ""
    if one.correlation < 0:
        return "faulty? who knows more fails it"
    return "look: it says little about who knows more" if one.correlation < 0.2 else ""

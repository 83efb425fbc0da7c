"""What the rows of a grading say together: points, a table, and a CSV file."""

import csv
import io
import math
from collections import defaultdict
from dataclasses import dataclass

from tools.grading.judge import BROKEN, NOT_DONE, NOT_YET, PASSED

COLUMNS = ("submission", "lesson", "number", "exercise", "status", "points", "out of", "message", "hint")
MARKS = {PASSED: "✓", NOT_DONE: "○", NOT_YET: "✗", BROKEN: "!"}


@dataclass(frozen=True)
class Points:
    """How many points an exercise brings.

    Attributes:
        each: where nothing else is said.
        named: exercise -> points.
    """

    each: float = 1.0
    named: tuple[tuple[str, float], ...] = ()

    def out_of(self, row):
        """The most that an exercise brings."""
        return dict(self.named).get(row.exercise, self.each) if row.exercise else 0.0

    def of(self, row):
        """The points of a row."""
        return self.out_of(row) if row.status == PASSED else 0.0


def points(words, names):
    """Read what follows --points: "2", or "quantize=3" for one exercise, several with commas between.

    Args:
        words: list of str.
        names: of all exercises there are.
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
    return Points(each, tuple(named.items()))


def to_csv(rows, points):
    """The rows as CSV text. A cell that a spreadsheet would take for a formula gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = [row.submission, row.lesson, row.number, row.exercise, row.status, f"{points.of(row):g}"]
        values += [f"{points.out_of(row):g}", row.message, row.hint]
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
            f"{MARKS.get(row.status, '!')} {row.exercise}" + (f" ({row.status})" if row.status not in MARKS else "")
            for row in own
        )
        lines.append(f"{_harmless(submission):<30} {lesson:<18} {got:>5g} of {most:g}   {marks}")
    return "\n".join(lines)


def grouped(rows, *names):
    """Rows by the values of some attributes, in the order of their first ones."""
    found = defaultdict(list)
    for row in rows:
        found[tuple(getattr(row, name) for name in names)].append(row)
    return dict(found)

"""What is written about a grading: a table of students, a table of answers, and a page to read."""

import csv
import io
import re
from collections import Counter, defaultdict
from dataclasses import astuple, dataclass, fields
from html import escape

PASSED, NOT_YET, NOT_DONE = "passed", "not yet", "not done yet"  # as a check says
STOPPED, NOT_GRADED = "stopped", "not graded"
HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Grading</title><style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
th, td { text-align: left; padding-right: 1rem; vertical-align: top; }
pre { white-space: pre-wrap; border: 1px solid #888; padding: .6rem; }
</style></head><body><h1>Grading</h1>"""


@dataclass(frozen=True)
class Row:
    """One answer, in the columns of its table; or a file that wasn't graded, without a lesson and an exercise."""

    file: str
    student: str
    number: str
    lesson: str = ""
    exercise: str = ""
    status: str = NOT_GRADED
    points: float | str = ""
    out_of: float = 0.0
    feedback: str = ""
    look_at: str = ""
    code: str = ""


def answers(rows):
    """The table of answers: one line for each."""
    return [[field.name.replace("_", " ") for field in fields(Row)][:-1], *(list(astuple(row))[:-1] for row in rows)]


def students(rows):
    """The table of students: one line for each. Of several answers to an exercise the best one counts."""
    columns, by_student = {(row.lesson, row.exercise): row.out_of for row in rows if row.exercise}, defaultdict(list)
    for row in rows:
        by_student[row.number or row.student.lower()].append(row)
    names = [f"{lesson}: {exercise}" for lesson, exercise in columns]
    table = [["student", "number", "total", "out of", *names, "look at", "files"]]
    for own in by_student.values():
        graded = sorted((row for row in own if row.status != NOT_GRADED), key=lambda row: row.points)
        best = {(row.lesson, row.exercise): row.points for row in graded}
        look = "; ".join(dict.fromkeys(row.look_at for row in own if row.look_at))
        files = ", ".join(dict.fromkeys(row.file for row in own))
        points = [best.get(column, "") for column in columns]
        total = sum(best.values()) if best else ""
        table.append([own[0].student, own[0].number, total, sum(columns.values()), *points, look, files])
    return table


def to_csv(table):
    """A table as bytes that Excel reads, too: UTF-8 with a BOM."""
    out = io.StringIO()
    csv.writer(out).writerows([shown(value) for value in line] for line in table)
    return out.getvalue().encode("utf-8-sig", "replace")


def shown(value):
    """A value as a text in one line that no spreadsheet takes for a formula."""
    text = " ".join((f"{value:g}" if isinstance(value, float) else str(value)).split())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def page(rows, said):
    """The page to read, without scripts: how each exercise went, then each answer. `said` is on where they ran."""
    parts, exercises = [HEAD, f"<p>{escape(said)}</p><h2>Exercises</h2><table>"], defaultdict(list)
    for row in rows:
        exercises[f"{row.lesson}: {row.exercise}" if row.exercise else "not graded"].append(row)
    for name, own in exercises.items():
        told = Counter(row.feedback for row in own if row.status != PASSED).most_common(5)
        often = "<br>".join(f"{count} × {escape(feedback)}" for feedback, count in told)
        passed = f"{sum(row.status == PASSED for row in own)} of {len(own)} passed"
        parts.append(f"<tr><th>{escape(name)}</th><td>{passed}</td><td>{often}</td></tr>")
    parts.append("</table><h2>Answers</h2>")
    for row in rows:
        title = escape(" · ".join(filter(None, (row.file, row.lesson, row.exercise, row.status))))
        title += " · <b>look at this</b>" if row.look_at else ""
        said = "".join(f"<p>{escape(text)}</p>" for text in dict.fromkeys((row.feedback, row.look_at)) if text)
        parts.append(f"<details><summary>{title}</summary>{said}<pre>{escape(row.code[:20_000])}</pre></details>")
    return "\n".join([*parts, "</body></html>\n"]).encode("utf-8", "replace")


def student(path, parts, lessons):
    """The name and the number of the student that a path shows; a learning platform puts both into a folder or a file.

    The number is the first one of four digits or more. The name is the rest, without the lesson and what a platform
    adds.

    Args:
        path: of the file.
        parts: of the path, below the folder that all files have in common.
        lessons: their names.
    """
    lesson = rf"(?:[\d.]+_)?(?:{'|'.join(sorted(lessons, key=len, reverse=True))})(?![a-z])"
    added = re.compile(rf"_assignsubmission_file|_LATE_|\(\d+\)|-\d+$|(?<!\d)\d{{4,}}(?!\d)|(?<![a-z]){lesson}", re.I)
    for text in (re.sub(r"\.\w+$", "", parts[0]), path.parent.name):
        number = re.search(r"(?<!\d)\d{4,}(?!\d)", text)
        name = " ".join(re.split(r"[\s_]+", added.sub(" ", text))).strip()
        if name or number:
            return name, number[0] if number else ""
    return path.stem, ""

"""The page that an instructor reads after a grading: every answer with its verdict, and how each exercise went."""

from collections import Counter
from html import escape

from tools.grading import gradebook
from tools.grading.judge import NOT_DONE, NOT_YET, PASSED

MAX_CODE = 20_000  # letters of one answer
COLOURS = {PASSED: "#00704f", NOT_DONE: "#595959", NOT_YET: "#a84300"}
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; vertical-align: top; border-bottom: 1px solid #8886; }
pre, code { font: 14px/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
pre { border: 1px solid #8886; padding: .6rem; }
details { border-left: .35rem solid var(--mark); padding: .2rem .8rem; margin: .6rem 0; }
summary { cursor: pointer; }
.status { font-weight: 600; }
.note { border: 1px solid #8886; padding: .6rem .8rem; }
"""


def page(rows, points, contained):
    """One HTML page, complete in itself: no script, no file beside it, and all that was submitted as text.

    Args:
        rows: `judge.Row`s.
        points: `gradebook.Points`.
        contained: a sentence on what the answers could do.
    Returns:
        str.
    """
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Grading</title>'
        '<meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{STYLE}</style></head><body><main>",
        f'<h1>Grading</h1><div class="note"><p>{escape(contained)}</p></div>',
        "<h2>Submissions</h2>",
        _table(("submission", "lesson", "exercises", "points", "out of"), _submissions(rows, points)),
        "<h2>Exercises</h2>",
        _table(("lesson", "exercise", "answers", "tried", "passed", "the hints that they got"), _exercises(rows)),
        "<h2>Answers</h2>",
        *_answers(rows, points),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _table(head, rows):
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(value))}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _submissions(rows, points):
    for (submission, lesson), own in gradebook.grouped(rows, "submission", "lesson").items():
        said = ", ".join(f"{row.exercise or '–'}: {row.status}" for row in own)
        yield submission, lesson, said, f"{sum(map(points.of, own)):g}", f"{sum(map(points.out_of, own)):g}"


def _exercises(rows):
    """How many passed each exercise, and which hints came how often."""
    for (lesson, exercise), own in gradebook.grouped(rows, "lesson", "exercise").items():
        if exercise:
            statuses = Counter(row.status for row in own)
            hints = Counter(row.hint for row in own if row.status == NOT_YET and row.hint).most_common()
            tried = len(own) - statuses[NOT_DONE]
            yield lesson, exercise, len(own), tried, statuses[PASSED], " ".join(f"{n} × {hint}" for hint, n in hints)


def _answers(rows, points):
    for (submission,), own in gradebook.grouped(rows, "submission").items():
        yield f"<h3>{escape(submission)}</h3>"
        yield from (_answer(row, points) for row in own)


def _answer(row, points):
    colour = COLOURS.get(row.status, "#8a2f63")
    facts = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td><code>{escape(text)}</code></td></tr>'
        for label, text in row.facts
    )
    told = "".join(f"<p>{escape(text)}</p>" for text in (row.message, row.hint, *row.remarks) if text)
    code = escape(row.code[:MAX_CODE]) or "(no definition)"
    name = f"{row.lesson} {row.number}, {row.exercise}" if row.exercise else (row.lesson or "no lesson")
    return (
        f'<details style="--mark:{colour}"><summary><span class="status">{escape(row.status)}</span> · '
        f"{escape(name)} · {points.of(row):g} of {points.out_of(row):g}</summary>"
        f"{told}{f'<table>{facts}</table>' if facts else ''}<pre>{code}</pre></details>"
    )

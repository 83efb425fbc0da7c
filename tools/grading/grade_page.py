"""The page that an instructor reads after a grading: every answer with its verdict, and the statistics."""

from html import escape

from tools.grading import gradebook
from tools.grading.judge import NOT_DONE, PASSED

MOST_CODE = 20_000  # letters of one answer
COLOURS = {PASSED: "#00704f", NOT_DONE: "#595959", "not yet": "#a84300"}
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
td.n { text-align: right; font-variant-numeric: tabular-nums; }
"""
TRUST = (
    "A verdict marked “on trust” was given in the process of the answer itself, because what the exercise takes "
    "or gives is no data. A dishonest answer can make that verdict say what it likes."
)


def page(rows, points, contained, statistics, title="Grading"):
    """One HTML page, complete in itself: no script, no file beside it, and all that was submitted as text.

    Args:
        rows: `judge.Row`s.
        points: `gradebook.Points`.
        contained: a sentence on what the answers could do.
        statistics: of `gradebook.statistics`.
        title: of the page.
    Returns:
        str.
    """
    trust = f"<p>{escape(TRUST)} {_trust_points(points)}</p>" if any(row.trust for row in rows) else ""
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{STYLE}</style></head><body><main>",
        f"<h1>{escape(title)}</h1>",
        f'<div class="note"><p>{escape(contained)}</p>{trust}</div>',
        "<h2>Submissions</h2>",
        _overview(rows, points),
        "<h2>Exercises</h2>",
        _of_exercises(statistics),
        "<h2>Answers</h2>",
        *_answers(rows, points),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _trust_points(points):
    return "Such verdicts bring points here (--trust)." if points.trust else "It brings no points without --trust."


def _table(head, rows, numbers=()):
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if head[at] in numbers else ''}>{escape(str(value))}</td>" for at, value in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _overview(rows, points):
    lines = []
    for (submission, lesson), own in gradebook.grouped(rows, "submission", "lesson").items():
        said = ", ".join(f"{row.exercise or '–'}: {row.status}{' (on trust)' if row.trust else ''}" for row in own)
        got, most = sum(map(points.of, own)), sum(map(points.out_of, own))
        lines.append((submission, lesson, said, f"{got:g}", f"{most:g}"))
    return _table(("submission", "lesson", "exercises", "points", "out of"), lines, ("points", "out of"))


def _of_exercises(statistics):
    lines = [
        (
            one.lesson,
            one.exercise,
            one.count,
            f"{one.passed:.0%}",
            f"{one.done:.0%}",
            "–" if one.correlation is None else f"{one.correlation:.2f}",
            gradebook.advice(one),
            one.general,
        )
        for one in statistics
    ]
    head = ("lesson", "exercise", "answers", "passed", "tried", "item–rest", "", "general hint")
    said = (
        "<p>Passed is the share that passed: low is difficult. Item–rest is the correlation of passing one with "
        f"the share of the others that was passed; told from {gradebook.LEAST} answers on, about 30 to "
        "mean much. General hint: wrong answers whose mistake no hint names.</p>"
    )
    hints = "".join(
        f"<details><summary>Hints of {escape(one.exercise)} ({escape(one.lesson)})</summary>"
        + _table(("how often", "hint"), [(n, hint) for hint, n in one.hints], ("how often",))
        + "</details>"
        for one in statistics
        if one.hints
    )
    return said + _table(head, lines, ("answers", "passed", "tried", "item–rest", "general hint")) + hints


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
    trust = f"<p>On trust: {escape(row.trust)}.</p>" if row.trust else ""
    code = escape(row.code[:MOST_CODE]) or "(no definition)"
    name = f"{row.lesson} {row.number}, {row.exercise}" if row.exercise else (row.lesson or "no lesson")
    return (
        f'<details style="--mark:{colour}"><summary><span class="status">{escape(row.status)}</span> · '
        f"{escape(name)} · {points.of(row):g} of {points.out_of(row):g}</summary>"
        f"{told}{f'<table>{facts}</table>' if facts else ''}{trust}<pre>{code}</pre></details>"
    )

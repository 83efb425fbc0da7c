"""Makes *What you can do now*, a page to print: abilities of the lessons passed, and the learner's own numbers."""

import datetime
import re
from html import escape

from course_utils.files import write_whole
from course_utils.scorecard import claims
from tools.publishing import course
from tools.workspace import copies

PLACE = "what_you_can_do_now.html"  # in a learner's workspace
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What you can do now</title>
<style>
body {{ font: 11pt/1.45 Georgia, serif; max-width: 46em; margin: 2em auto; padding: 0 1em; color: #111 }}
h1 {{ color: #00695c; margin-bottom: 0 }}
h2 {{ font-size: 1.05em; margin: 1.2em 0 0.2em }}
section {{ break-inside: avoid }}
p {{ margin: 0.4em 0 }}
ol, ul {{ margin: 0.2em 0; padding-left: 1.4em }} .own, footer {{ font-size: 0.88em }} .own {{ color: #333 }}
</style>
</head>
<body>
<h1>What you can do now</h1>
<p>{title} of <em>Resource-efficient deep learning in PyTorch</em>, {count} lessons, {date}</p>
{lessons}
<footer>
<p>What stands behind this page: for each lesson above, the check of its exercise passed on this computer, on the date
beside it. The numbers are what the reader's own notebooks measured, where they were run to the end and saved. No other
ability was checked, and nobody has looked on.</p>
</footer>
</body>
</html>
"""


def finished(found):
    """The ways of which every lesson is passed, the longest first; of `progress.Progress`."""
    done = [way for way in found.ways if all(found.standings[lesson.name].finished for lesson in way.lessons)]
    return sorted(done, key=lambda way: len(way.lessons), reverse=True)


def write(workspace, found, now=None):
    """Write the page of the longest way that is finished, beside the learner's copies.

    Args:
        workspace: folder of the learner (Path).
        found: `progress.Progress`.
        now: the date on it; default the present one.
    Returns:
        its title, or None where no way is finished and nothing was written.
    Raises:
        OSError: the workspace cannot be written.
    """
    ways = finished(found)
    if not ways:
        return None
    told = "\n".join(_lesson(found.standings[lesson.name], workspace) for lesson in ways[0].lessons)
    date = f"{now or datetime.datetime.now():%Y-%m-%d}"
    write_whole(
        workspace / PLACE,
        PAGE.format(title=escape(ways[0].title), count=len(ways[0].lessons), date=date, lessons=told),
    )
    return ways[0].title


def _lesson(standing, workspace):
    lesson = standing.lesson
    goals = "".join(f"<li>{_html(goal)}</li>" for goal in course.front_matter(lesson).get("goals", []))
    own = "".join(f"<li>{_html(line)}</li>" for line in _measured(lesson, workspace / lesson.place))
    own = f'<p class="own">Measured by your own run:</p><ul class="own">{own}</ul>' if own else ""
    when = max((exercise.when[:10] for exercise in standing.exercises), default="")
    head = f"{lesson.number} · {escape(lesson.title)}" + f" ({when})" * bool(when)
    return f"<section><h2>{head}</h2><p>What the lesson teaches you:</p><ol>{goals}</ol>{own}</section>"


def _html(markdown):
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(markdown))


def _measured(lesson, copy):
    """What the scorecard in a learner's saved copy says of claims that held there, a line each."""
    try:
        cells = copies.read(copy.read_bytes()).cells
        told = [out.metadata.get(claims.KEY) for cell in cells for out in cell.get("outputs", []) if "metadata" in out]
        said, known = next((one for one in reversed(told) if one), {}), claims.read(lesson.name, lesson.root)
        return [f"{known[i].statement}: {value}" for i, (value, verdict) in said.items() if verdict == claims.HOLDS]
    except Exception:  # a learner's file may be anything, and the claims may be another edition's
        return []

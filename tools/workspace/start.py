"""Makes the learner's start page, workspace/start.md: what comes next, what is passed, and links to every lesson."""

import datetime
import hashlib
import os
import re

from course_utils import progress as records_of
from course_utils import review
from course_utils.files import ROOT, command, write_whole
from tools.publishing import pages, worksheets
from tools.workspace import progress, three
from tools.workspace.copies import free_name, read_state, write_state
from tools.workspace.workspace import START_PAGE

YOURS = """\
**Do you have a model of your own that is too slow or too large?** [{sheet.title}]({sheet.place}) weighs it, tries what
fits, and says what to ship."""
SYMPTOMS, TO_HEADS = "symptoms.md", re.compile(r"\]\(#([^)]+)\)")  # of docs, too
TO_COPIES, TO_DOCS = "](../notebooks/", re.compile(r"\[([^]]+)\]\((\w+\.md)\)")  # links of that page
KEY = "start page"  # in the workspace's record of what was handed out
RUN = """\
In a notebook, run every cell from the top, the folded grey lines too: click on it and press Shift-Enter."""
TRACKS = """\
`{progress} --track NAME` makes one of these yours, by its title or a part of it. This page and `{progress}` then
follow it."""
HELP = """\
## Help

| you want to | type, in a terminal in the folder of the course |
|---|---|
| see what you have passed | `{progress}`, or `{progress} --all` for every lesson |
| answer the questions that are due | no command: open [Three from before]({three}), which is there when some are due |
| end the course | Ctrl-C, in the terminal where you started it; or close that terminal |
| start it again | `{start}`; it opens where you left |
| begin a lesson anew | `{reset} NUMBER`: your copy is kept beside the fresh one |
| know what an error means, or why a number looks wrong | no command: look it up in [You see this]({symptoms}) |
| know what is wrong when something fails | `{doctor}`; `{doctor} --json` is what to paste into a question |
"""


def write(workspace, root=ROOT, found=None, *, at_start=False):
    """Make the start page anew; what a learner wrote into it is kept beside it.

    Args:
        workspace: folder of the learner (Path).
        root: the repository, or a folder with the same layout.
        found: `progress.Progress` where it is known already.
        at_start: whether the course begins now: the notebook of questions is made anew, which may be open otherwise.
    Returns:
        list of sentences for the learner, often empty.
    Raises:
        OSError: the workspace cannot be written.
    """
    path, state, said = workspace / START_PAGE, read_state(workspace), []
    known, there = state.get(KEY, {}), _digest(path.read_bytes()) if path.exists() else None
    if there and there not in (known.get("handed_out"), known.get("before")):
        kept = free_name(path)
        os.replace(path, kept)
        said = [f"What you wrote into {START_PAGE} is kept, in {kept.name}."]
    records = records_of.read(workspace / records_of.NAME)
    due = review.due(records, datetime.datetime.now().astimezone(), root)[: review.AT_ONCE]
    if at_start or not (workspace / three.PLACE).exists():
        three.write(workspace, due)
    found = found or progress.of(workspace, root)
    _write_symptoms(workspace, root)
    made = text(found, due=due)
    # Of the two writes the second may fail: the page that is there then is still known as ours.
    write_state(workspace, {**state, KEY: {"handed_out": _digest(made.encode()), "before": there}})
    write_whole(path, made)
    return said


def _write_symptoms(workspace, root):
    """A copy of *You see this* whose links lead to the learner's copies, since JupyterLab shows this folder alone."""
    if (page := root / "docs" / SYMPTOMS).exists():
        told = page.read_text(encoding="utf-8").replace(TO_COPIES, "](")
        heads = re.findall(r"^#+ (.+)$", told, re.M)
        places = {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-"): head.replace(" ", "-") for head in heads}
        told = TO_HEADS.sub(lambda link: f"](#{places.get(link[1], link[1])})", told)  # as JupyterLab spells them
        write_whole(workspace / SYMPTOMS, TO_DOCS.sub(r"\1 (`docs/\2`)", told))


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def text(found, now=None, due=()):
    """The start page in Markdown.

    Args:
        found: `progress.Progress`.
        now: the time to write on it; default the present one.
        due: questions of earlier lessons, of `review.due`.
    """
    now = now or datetime.datetime.now()
    passed = sum(standing.passed for standing in found.standings.values())
    total = sum(standing.exercises for standing in found.standings.values())
    commands = {task: command(task) for task in ("progress", "reset", "doctor")} | {"start": command()}
    commands |= {"symptoms": SYMPTOMS, "three": three.PLACE}
    return "\n\n".join(
        [
            pages.introduction(found.tracks),
            _next(found),
            *([three.on_start_page(due)] if due else []),
            f"Finished: {found.finished} of {len(found.standings)} lessons. Passed: {passed} of {total} exercises. "
            f"*As of {now:%Y-%m-%d %H:%M}; this page is made anew at each start, and by* "
            f"`{commands['progress']}`*; close its tab and open it again to see what has changed.*",
            YOURS.format(sheet=worksheets.YOURS),
            f"## Your track: {found.track.title}",
            _track(found),
            "## Other tracks",
            _tracks(found),
            TRACKS.format(**commands),
            "## All lessons",
            *_parts(found),
            HELP.format(**commands),
        ]
    )


def _next(found):
    lines = [f"**Go on:** {link(s.lesson)}, {s.count} exercises passed." for s in found.begun[:3] if s != found.next]
    if found.next:
        first = not found.finished and not found.begun
        verb = "Go on" if found.next.begun else "Begin here" if first else "Next"
        lines.append(f"**{verb}: {link(found.next.lesson)}**. {found.next.promise}")
        lines += [RUN] * first
    else:
        lines.append(f"You have finished your track, {found.track.title}.")
    return "\n\n".join(lines)


def link(lesson):
    """A link to a learner's copy, from the start page."""
    return f"[{lesson.number} · {lesson.title}]({lesson.place})"


def _track(found):
    """The lessons of the learner's track, with what they bring and what is passed."""
    rows = [
        pages.row(
            standing.lesson.number,
            f"[{standing.lesson.title}]({standing.lesson.place})",
            pages.promised(standing.lesson),
            f"✓ {standing.count}" if standing.finished else standing.count,
        )
        for standing in (found.standings[lesson.name] for lesson in found.track.lessons)
    ]
    return _table(["", "lesson", "you will", "exercises passed"], rows)


def _tracks(found):
    rows = [
        pages.row(
            track.title,
            track.brings,
            f"{sum(found.standings[lesson.name].finished for lesson in track.lessons)} of {len(track.lessons)}",
            "all"
            if track == found.tracks[-1]
            else ", ".join(f"[{one.number}]({one.place})" for one in track.lessons if one not in found.track.lessons),
        )
        for track in found.tracks
        if track != found.track
    ]
    return _table(["track", "at its end you can", "lessons finished", "lessons beside yours"], rows)


def _table(head, rows):
    return "\n".join([pages.row(*head), "|---" * len(head) + "|", *rows])


def _parts(found):
    """A line for each part of the course, with a link to each lesson."""
    parts = {}
    for standing in found.standings.values():
        lesson = standing.lesson
        mark = " ✓" if standing.finished else ""
        parts.setdefault(f"**{lesson.part_number} · {lesson.part_title}**", []).append(
            f"[{lesson.number} {lesson.title}]({lesson.place}){mark}"
        )
    return [f"{title}: {', '.join(links)}." for title, links in parts.items()]

"""Show which exercises you have passed, and which lesson comes next."""

import argparse

from course import command, say
from course_utils import progress
from tools.environment import curriculum
from tools.workspace import progress as _progress
from tools.workspace import start

WORKSPACE = progress.workspace()


def main(argv):
    """Print the progress and renew the start page; gives 0, or 1 when a choice could not be kept."""
    parser = argparse.ArgumentParser(
        prog="course.py progress",
        description=__doc__ + " It is kept in workspace/.progress.jsonl, by the checks of your notebooks.",
    )
    parser.add_argument("--track", metavar="TITLE", help='the track to follow, or a part of its title: "CNN"')
    parser.add_argument("--all", action="store_true", help="every lesson of the course, not those of your track alone")
    args = parser.parse_args(argv)
    try:
        if args.track is not None:
            choose(args.track)
        found = _progress.of(WORKSPACE)
        said = start.write(WORKSPACE, found=found) if WORKSPACE.is_dir() else []
    except OSError as error:
        say(f"{WORKSPACE} cannot be written: {error.strerror}. See to it that it can, and that the disk is not full.")
        return 1
    for line in [*said, *overview(found, args.all)]:
        say(line)
    return 0


def choose(words):
    """Make a track the learner's own.

    Raises:
        SystemExit: none or more than one is called so; the message lists them.
        OSError: the file cannot be written.
    """
    titles = [track.title for track in curriculum.tracks()]
    fitting = [title for title in titles if words.lower() == title.lower()]
    fitting = fitting or [title for title in titles if words.strip() and words.strip().lower() in title.lower()]
    if len(fitting) != 1:
        many = "No track is" if not fitting else f"{len(fitting)} tracks are"
        raise SystemExit(f"{many} called {words!r}. There are: {'; '.join(titles)}.")
    progress.add(WORKSPACE / progress.NAME, {"kind": "track", "lesson": "", "track": fitting[0]})


def overview(found, every=False):
    """The lines for the learner's track, with what was begun beside it; or for the whole course."""
    track = [found.standings[lesson.name] for lesson in found.track.lessons]
    shown = [s for s in found.standings.values() if every or s in track or s.passed or s.begun]
    width, part = max(len(standing.lesson.title) for standing in shown), None
    for standing in shown:
        lesson = standing.lesson
        if lesson.part != part:
            part = lesson.part
            yield f"\n{lesson.part_number} · {lesson.part_title}"
        mark = "✓" if standing.finished else "…" if standing.begun else " "
        on_track = "  on your track" if standing in track and len(track) < len(shown) else ""
        yield f"  {mark} {lesson.number:<5} {lesson.title:<{width}}  {standing.count}{on_track}"
    yield f"\nYour track, {found.track.title}: {_sum(track)}."
    if len(track) < len(found.standings):
        yield f"The whole course: {_sum(found.standings.values())}."
    if found.next:
        yield f"Next: {found.next.lesson.number} {found.next.lesson.title}."
    else:
        yield "You have finished your track."
    if len(shown) < len(found.standings):
        yield f"All {len(found.standings)} lessons: {command('progress', '--all')}"


def _sum(standings):
    standings = list(standings)
    passed, total = sum(s.passed for s in standings), sum(s.exercises for s in standings)
    finished = sum(standing.finished for standing in standings)
    return f"{finished} of {len(standings)} lessons finished, {passed} of {total} exercises passed"

"""Give a lesson back fresh; your copy is kept beside it."""

import argparse

from course import ROOT, say
from course_utils import progress
from tools.publishing import lessons as _lessons
from tools.workspace import lab, start, workspace

NOTEBOOKS, WORKSPACE = ROOT / "notebooks", progress.workspace()


def main(argv):
    """Reset the lessons named; gives 0, or 1 when one could not be."""
    parser = argparse.ArgumentParser(
        prog="course.py reset",
        description=__doc__
        + " It gets a name of its own, as in 3_energy.old.ipynb, and is never overwritten. What you "
        "passed and predicted stays counted, unless you ask for the contrary.",
    )
    parser.add_argument("lessons", nargs="+", metavar="NAME", help="lessons, for example energy or 1.2")
    parser.add_argument("--progress", action="store_true", help="count nothing of these lessons any more, either")
    args = parser.parse_args(argv)
    lessons = _lessons.select(args.lessons)
    missing = [lesson for lesson in lessons if not lesson.notebook.exists()]
    if missing:
        say(f"There is no notebook {', '.join(lesson.notebook.name for lesson in missing)} to begin anew with.")
        return 1
    try:
        for lesson in lessons:
            say(f"{lesson.number} {lesson.title}: {_anew(lesson, forget=args.progress)}")
        for line in [*workspace.fill(NOTEBOOKS, WORKSPACE), *start.write(WORKSPACE)]:
            say(line)
    except OSError as error:
        say(
            f"{WORKSPACE} cannot be changed: {error.strerror}. Close what has the file open, and see to it that the "
            "folder can be written. Nothing is lost; the same command goes on."
        )
        return 1
    if lab.server_of(WORKSPACE):
        say("JupyterLab is open. Where the lesson is open in a tab, close the tab without saving and open it again.")
    return 0


def _anew(lesson, *, forget):
    """Put a learner's copy out of the way, and say what was done; `fill` then hands out a fresh one."""
    there = (WORKSPACE / lesson.place).exists()  # not where an earlier reset was cut off
    kept = workspace.put_aside(lesson.name, WORKSPACE / lesson.place, WORKSPACE)
    if forget:
        progress.add(WORKSPACE / progress.NAME, {"kind": "reset", "lesson": lesson.name})
    typed = f"; yours is kept as {kept.name}." if kept else ". You had typed nothing." if there else "."
    said = f"a fresh copy is in {lesson.place}{typed}"
    return said + (" Nothing of it is counted any more." if forget else " What you passed and predicted stays counted.")

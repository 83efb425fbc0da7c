"""Make or renew your copies of the lessons and start nothing: for VS Code, a shared server, Binder, Colab."""

import argparse

import course
from tools import open as open_task
from tools.publishing import hosted, lessons
from tools.workspace import workspace

COLAB = workspace.RESULTS / "colab"


def main(argv):
    """Fill the workspace, or with --colab another folder; returns 0, or 1 when it cannot be written."""
    parser = argparse.ArgumentParser(prog="course.py copies", description=__doc__)
    parser.add_argument("--colab", action="store_true", help="copies whose first cell brings the course to Colab")
    args = parser.parse_args(argv)
    try:
        return colab() if args.colab else copies()
    except OSError as error:
        course.say(f"The copies cannot be written: {error.strerror}: {error.filename}.\n{workspace.ELSEWHERE}")
        return 1


def copies():
    """Fill the learner's folder, with its start page, and say where it is."""
    open_task.prepare_workspace()
    course.say(f"Your copies of the lessons are in {workspace.WORKSPACE}")
    return 0


def colab():
    """Write a copy of each lesson with a first cell for Colab."""
    address = hosted.repository()
    for lesson in lessons.select([]):
        if lesson.notebook.exists():
            nb = workspace.for_learner(lessons.read_published(lesson.notebook))
            lessons.write(hosted.for_colab(nb, address), COLAB / f"{lesson.number}_{lesson.name}.ipynb")
    course.say(f"Copies for Colab are in {COLAB}")
    if not address:
        course.say("The course has no public address: their first cell asks for a zip of it (docs/elsewhere.md).")
    return 0

"""Make or renew your copies of the lessons and start nothing: for VS Code, a shared server, Binder, Colab."""

import argparse
import os

import course
from tools import open as open_task
from tools.publishing import hosted, lessons
from tools.workspace import workspace

COLAB = (workspace.WORKSPACE if os.environ.get("COURSE_WORKSPACE") else course.ROOT) / "build" / "colab"


def main(argv):
    """Fill the workspace, or with --colab another folder; returns 0, or 1 when it cannot be written."""
    parser = argparse.ArgumentParser(prog="course.py copies", description=__doc__)
    parser.add_argument("--colab", action="store_true", help="copies whose first cell brings the course to Colab")
    args = parser.parse_args(argv)
    if args.colab:
        return colab()
    return 0 if open_task.prepare_workspace() else 1


def colab():
    """Write a copy of each lesson with a first cell for Colab."""
    address = hosted.repository()
    try:
        for lesson in lessons.select([]):
            if lesson.notebook.exists():
                nb = workspace.for_learner(lessons.read_published(lesson.notebook))
                lessons.write(hosted.for_colab(nb, address), COLAB / f"{lesson.number}_{lesson.name}.ipynb")
    except OSError as error:
        course.say(f"The copies cannot be written: {error.strerror}: {error.filename}.\n{workspace.ELSEWHERE}")
        return 1
    course.say(f"Copies for Colab are in {COLAB}")
    if not address:
        course.say("The course has no public address: their first cell asks for a zip of it (docs/elsewhere.md).")
    return 0

"""Make notebooks to hand out: a lesson without its solutions, its outputs and the lecturer's notes."""

import argparse
import re
from pathlib import Path

import nbformat

from course_utils.files import ROOT, write_whole
from tools.publishing import hosted, lessons
from tools.workspace import workspace

FOLDER = ROOT / "build" / "assignments"
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)[^)]*\.(?:ipynb|md)[^)]*\)")
GRADED = "# Your answer is graded with\n#     {}\n# Leave this cell as it is: it says where."


def main(argv):
    """Write the notebooks, all of them or none; gives 0, or ends with a sentence where one can't be made."""
    parser = argparse.ArgumentParser(prog="course.py assignment", description=__doc__)
    parser.add_argument("lessons", nargs="+", metavar="NAME", help="lessons, for example integers or 3.1")
    parser.add_argument("--with-checks", action="store_true", help="keep the checks: students see the verdicts")
    parser.add_argument("--one", metavar="TITLE", help="all lessons in one notebook with this title")
    parser.add_argument("--colab", action="store_true", help="with a first cell that brings the course to Colab")
    parser.add_argument("--to", metavar="FOLDER", type=Path, default=FOLDER, help="default: build/assignments")
    args = parser.parse_args(argv)
    made = {lesson.name: handed_out(lesson, args.with_checks) for lesson in lessons.select(args.lessons)}
    if args.one:
        made = {re.sub(r"\W+", "_", args.one).strip("_") or "assignment": joined(made, args.one)}
    if args.colab:
        made = {name: hosted.for_colab(nb, hosted.repository()) for name, nb in made.items()}
    files = {args.to / f"{name}.ipynb": nbformat.writes(nb) + "\n" for name, nb in made.items()}
    for path, text in files.items():
        if path.exists() and path.read_text(encoding="utf-8") != text and args.to != FOLDER:
            raise SystemExit(f"Nothing was written: {path} is there and holds something else. Move it, or use --to.")
    for path, text in files.items():
        write_whole(path, text)
        print(path)
    return 0


def handed_out(lesson, with_checks):
    """A lesson's notebook for students: in place of each solution there is nothing, and of each check a remark."""
    if not lesson.notebook.is_file():
        raise SystemExit(f"notebooks/{lesson.place} is not there.")
    nb = lessons.read_published(lesson.notebook)
    nb.cells = [cell for cell in nb.cells if "solution" not in cell.metadata.get("tags", [])]
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(r"\1", cell.source)  # other lessons and pages are not beside it
        elif "check" in cell.metadata.get("tags", []) and not with_checks:
            cell.source = GRADED.format(cell.source.splitlines()[-1])
            cell.metadata = {}
    return workspace.for_learner(nb)


def joined(notebooks, title):
    """One notebook of several lessons; each cell says the lesson that it belongs to."""
    cells = [nbformat.v4.new_markdown_cell(f"# {title}", id="title")]
    for name, nb in notebooks.items():
        for cell in nb.cells:
            cell.id = f"{name}-{cell.id}"
            cell.metadata["course"] = {"lesson": name}
            cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells, metadata={**nb.metadata, "course": {}})

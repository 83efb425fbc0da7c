"""Make notebooks to hand out: a lesson without its solutions, its outputs and the lecturer's notes."""

import argparse
import ast
import copy
import re
from pathlib import Path

import nbformat

from course_utils.files import ROOT, write_whole
from tools.publishing import lessons
from tools.workspace import workspace

FOLDER = ROOT / "build" / "assignments"
HINT = re.compile(r"\n*<details>.*?</details>", re.S)
CARD = re.compile(r"^##+ Exercise( \d+)? ·", re.M)
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)[^)]*\.(?:ipynb|md)[^)]*\)")
TRIED = re.compile(r"\s*(?:Then |After the check, run|Try it on |(?:Try|Call) `).*", re.S)
OF_THE_LESSON = re.compile(r"As in section \d+, (\w)")
CHECK_BELOW = re.compile(r", then (?:run )?the check below it\.(?: It tries inputs that you do not see here\.)?")
LATER = ". A check will try it on inputs that you do not see here."


def main(argv):
    """Write the notebooks; gives 0, or ends with a sentence where one cannot be made. All of them or none."""
    parser = argparse.ArgumentParser(prog="course.py assignment", description=__doc__)
    parser.add_argument("lessons", nargs="+", metavar="NAME", help="lessons, for example integers or 3.1")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--with-checks", action="store_true", help="keep the checks: who works on it sees the verdicts")
    kind.add_argument("--blank", action="store_true", help="cards and stubs alone, without the lesson and the hints")
    parser.add_argument("--to", metavar="FOLDER", type=Path, help="where to write (default: build/assignments)")
    args = parser.parse_args(argv)
    folder, files = args.to or FOLDER, {}
    for lesson in lessons.select(args.lessons):
        if not lesson.notebook.is_file():
            raise SystemExit(f"notebooks/{lesson.place} is not there.")
        published = lessons.read_published(lesson.notebook)
        nb = blank(published) if args.blank else whole(published, checks=args.with_checks)
        form = "_blank" if args.blank else "_with_checks" if args.with_checks else ""
        files[folder / f"{lesson.name}{form}.ipynb"] = nbformat.writes(nb) + "\n"
    if args.to:
        _refuse_others(files)
    for path, text in files.items():
        write_whole(path, text)
        print(path)
    return 0


def whole(nb, *, checks):
    """Copy a published lesson as an assignment: all its text and code, without solutions.

    Args:
        nb: NotebookNode; left as it was.
        checks: keep the cells that call a check.
    """
    left_out = {"solution"} if checks else {"solution", "check"}
    return _copy(nb, [cell for cell in nb.cells if not left_out.intersection(_tags(cell))], checks)


def blank(nb):
    """Copy the title, the imports that the exercises need, and each exercise's card and stub.

    Hints are left out, and so is what a card ends with: what to try with the lesson's own variables.

    Args:
        nb: NotebookNode; left as it was.
    """
    title = copy.deepcopy(nb.cells[0])
    title.source = title.source.partition("\n")[0]
    cells = [title, _imports(nb)]
    for at, cell in enumerate(nb.cells):
        if "exercise" in _tags(cell):
            cells += [_task_alone(card) for card in _card(nb, at)] + [cell]
    return _copy(nb, [cell for cell in cells if cell is not None])


def _copy(nb, cells, checks=False):
    made = copy.deepcopy(nb)
    made.cells = [cell for cell in copy.deepcopy(cells) if not _leads_elsewhere(cell)]
    made = workspace.for_learner(made)
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(r"\1", cell.source)  # other lessons and pages are not beside it
            cell.source = cell.source if checks else CHECK_BELOW.sub(LATER, cell.source)
    return made


def _leads_elsewhere(cell):
    """True for the last cell of a lesson, which links to its neighbours."""
    return cell.cell_type == "markdown" and cell.source.startswith("## What comes next\n")


def _tags(cell):
    return cell.metadata.get("tags", [])


def _card(nb, at):
    """The text cells above the stub at `at`, from the one on that names the exercise."""
    first = at
    while nb.cells[first - 1].cell_type == "markdown" and not CARD.search(nb.cells[first].source):
        first -= 1
    return nb.cells[first:at]


def _task_alone(card):
    card = copy.deepcopy(card)
    card.source = TRIED.sub("", HINT.sub("", card.source))
    card.source = OF_THE_LESSON.sub(lambda match: match[1].upper(), card.source)
    return card


def _imports(nb):
    """A cell with those imports of a lesson that a stub, its card or its solution names."""
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    wanted = " ".join(cell.source for cell in nb.cells if {"exercise", "solution"}.intersection(_tags(cell)))
    words = set(re.findall(r"\w+", wanted)) - {"check"}
    lines = [
        ast.unparse(ast.ImportFrom(node.module, names, 0) if isinstance(node, ast.ImportFrom) else ast.Import(names))
        for cell in code
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and (names := [a for a in node.names if (a.asname or a.name.partition(".")[0]) in words])
    ]
    if not lines:
        return None
    cell = copy.deepcopy(code[0])
    cell.source = "\n".join(dict.fromkeys(lines))
    return cell


def _refuse_others(files):
    """End with a sentence where a file is there that holds something else."""
    other = [path for path, text in files.items() if path.exists() and path.read_text(encoding="utf-8") != text]
    if other:
        names = ", ".join(str(path) for path in other)
        raise SystemExit(
            f"Nothing was written: {names} is there and holds something else. Move it, or take another folder."
        )

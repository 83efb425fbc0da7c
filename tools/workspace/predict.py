"""Puts into the learner's copy a place for each prediction, and the first question once more at the end."""

import ast
import copy

import nbformat

from course_utils.progress import asks, questions, version
from tools.publishing import boxes

FIRST = 'predict({}, "")  # your prediction: write it between the quotation marks, with none inside; then run the cell'
OTHER = 'predict({}, "")  # your prediction'
AGAIN = 'predict.again("")  # the first question once more: write your answer of now'
# No kernel is told when a closed answer is opened, so the line that opens it asks for the run.
RUN_FIRST = f"{boxes.SUMMARY}, once you have run the cells above"
ONCE_MORE = "**The first question, once more.** {} Write your answer of now into the cell below."


def with_places(nb):
    """Copy a learner's notebook with a line for each prediction, in a cell of its own where no open code follows.

    The first code cell, which makes `predict`, is left alone otherwise; a notebook without a lesson's name, or without
    a question, stays as it is.

    Args:
        nb: NotebookNode, without the lecturer's cells; left as it was.
    """
    nb, name = copy.deepcopy(nb), nb.metadata.get("course", {}).get("name")
    found = questions(nb.cells)
    setup = next((index for index, cell in enumerate(nb.cells) if cell.cell_type == "code"), None)
    if not (name and any(question.place > setup for question in found)):
        return nb
    for question in reversed(found):  # from the end, so that the places above stay
        if question.place > setup and question.apart:
            nb.cells.insert(question.place, nbformat.v4.new_code_cell(_line(question), id=f"predict-{question.number}"))
        elif question.place > setup:
            cell = nb.cells[question.place]
            cell.source = _with_line(cell.source, question)
            cell.metadata.pop("jupyter", None)  # it is to be written into: not folded
    nb.cells[setup].source = _with_sheet(nb.cells[setup].source, name, version(found))
    _ask_again(nb.cells, found[0])
    _ask_for_the_run(nb.cells)
    return nb


def _ask_for_the_run(cells):
    """Say on each closed answer that its cells come first, where there are any between the question and the answer."""
    to_run = False
    for cell in cells:
        if cell.cell_type == "code":
            to_run = to_run or not cell.get("id", "").startswith("predict-")
        elif 'class="course-compare"' in cell.source and to_run:
            cell.source = cell.source.replace(f"<summary>{boxes.SUMMARY}<", f"<summary>{RUN_FIRST}<", 1)
        elif "**Predict.**" in cell.source:
            to_run = False


def _with_line(source, question):
    return "\n".join([_line(question), *[""] * (2 if source.startswith(("def ", "class ", "@")) else 1), source])


def _line(question):
    return (FIRST if question.number == 1 else OTHER).format(question.number)


def _with_sheet(source, name, found):
    """The first code cell, with what makes `predict` behind its imports."""
    lines = source.split("\n")
    sheet = ["from course_utils import progress", "", f'predict = progress.Predictions("{name}", "{found}")']
    try:
        imports = [n.end_lineno for n in ast.parse(source).body if isinstance(n, ast.Import | ast.ImportFrom)]
    except SyntaxError:  # a magic
        imports = []
    at = max(imports, default=0)
    return "\n".join([*lines[:at], *sheet, *([] if at else [""]), *lines[at:]])


def _ask_again(cells, first):
    """Ask the first question again where the scorecard is shown; the text above it says which question that is."""
    for index, cell in enumerate(cells):
        if "scorecard" in cell.metadata.get("tags", []):
            cell.source = f"{AGAIN}\n{cell.source}"
            if index and cells[index - 1].cell_type == "markdown":
                cells[index - 1].source += "\n\n" + ONCE_MORE.format(asks(first.text))
            return

"""The questions that are due for a learner: a line on the start page, and a notebook that counts them."""

import nbformat

from course_utils.files import write_whole
from tools.environment import curriculum
from tools.publishing.lessons import ANSWER, KERNELSPEC

PLACE = "three_from_before.ipynb"  # in a learner's workspace
TOP = """\
# Three from before

Answer each question from memory, in about twenty seconds, and then open the answer. Write "y" into the cell below it if
you knew it, "n" if you didn't, and run the cell (Shift-Enter). A question that you knew comes back later, after more
and more days; one that you missed, at the next start.

*This page is made anew at each start of the course.*"""
COUNTED = """\
from course_utils.review import answered

answered("{lesson}", {number}, had="")  # "y" or "n\""""
ON_START_PAGE = """\
**[Three from before]({place})**, to be answered from memory, in a minute:

{questions}"""


def notebook(questions):
    """The notebook that asks `questions` (of `review.due`)."""
    known, cells = curriculum.lessons(), [nbformat.v4.new_markdown_cell(TOP, id="top")]
    for n, question in enumerate(questions, start=1):
        asked = f"**{n}.** {question.ask}\n\n" + ANSWER.format(
            where=_link(known[question.lesson]), answer=question.answer
        )
        counted = COUNTED.format(lesson=question.lesson, number=question.number)
        cells += [
            nbformat.v4.new_markdown_cell(asked, id=f"question-{n}"),
            nbformat.v4.new_code_cell(counted, id=f"answered-{n}"),
        ]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": dict(KERNELSPEC)})


def on_start_page(questions):
    """What the start page says of them."""
    return ON_START_PAGE.format(place=PLACE, questions="\n".join(f"- {question.ask}" for question in questions))


def write(workspace, questions):
    """Bring the notebook up to date; where nothing is due there is none.

    Raises:
        OSError: the workspace cannot be written.
    """
    if questions:
        write_whole(workspace / PLACE, nbformat.writes(notebook(questions)) + "\n")
    else:
        (workspace / PLACE).unlink(missing_ok=True)


def _link(lesson):
    return f"[{curriculum.plain(lesson)}]({lesson.place})"

"""The questions that are due for a learner: a line on the start page, and a notebook that counts them."""

import nbformat

from course_utils import review
from course_utils.files import ROOT, write_whole
from tools.environment import curriculum
from tools.publishing.lessons import ANSWER, KERNELSPEC

PLACE = "three_from_before.ipynb"  # in a learner's workspace
TOP = """\
# Three from before

Answer each question from memory, in about twenty seconds, and then open the answer. If you had it, run the cell below
it (click on it, then on ▶ at the top of the page, or press Shift-Enter): the question comes back later, after more and
more days. If you missed it, do nothing, and it comes back at the next start.

*This page is made anew at each start of the course.*"""
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
        counted = f'from course_utils.review import had_it\n\nhad_it("{question.lesson}", {question.number})'
        cells += [
            nbformat.v4.new_markdown_cell(asked, id=f"question-{n}"),
            nbformat.v4.new_code_cell(counted, id=f"had-{n}"),
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


def cards(root=ROOT):
    """All questions of the course as the lines of a text that Anki imports: question, answer, tag."""
    yield from ("#separator:tab", "#html:false", "#tags column:3", "#deck:Resource-efficient deep learning")
    for lesson in curriculum.lessons(root).values():
        for question in review.questions(lesson.name, root):
            yield "\t".join([*(" ".join(text.split()) for text in (question.ask, question.answer)), lesson.name])

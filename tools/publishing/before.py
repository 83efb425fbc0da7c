"""Three from before: the questions of earlier lessons that a lesson opens with, the same for every reader."""

from collections import Counter
from functools import cache

import nbformat

from course_utils import syllabus
from course_utils.learner import review
from tools.publishing import course

SUMMARY = "Three questions from earlier lessons: answer from memory before you look"
FOLD = '<details class="course-before">\n<summary>{summary}</summary>\n\n{text}\n\n</details>'
ANSWER = "<details>\n<summary>Answer</summary>\n\n{answer} ({where})\n\n</details>"


def three(lesson):
    """The questions of a lesson's fold: one of the lesson in front, and two of those before, rather of what it needs.

    Only of lessons that whoever reads this one has read: what it needs and, of the essentials, what came before it. Of
    these the questions that have been asked least so far, so that with time all of them come back.

    Args:
        lesson: a `syllabus.Lesson`.
    Returns:
        list of `review.Question`, at most three; [] for a lesson that nothing comes before.
    """
    files = [one.source.with_name(review.FILE) for one in syllabus.lessons(lesson.root).values()]
    return _all(lesson.root, tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)).get(
        lesson.name, []
    )


@cache  # as long as the files are as they were
def _all(root, _changed):
    known = {name: lesson for name, lesson in syllabus.lessons(root).items() if lesson.source.exists()}
    of, found = {name: review.questions(lesson) for name, lesson in known.items()}, {}
    asked = {True: Counter(), False: Counter()}  # of the essentials, which many read alone; of all lessons
    essentials = course.essentials(root)
    for name, lesson in known.items():
        read = {*course.needed(lesson), *(essentials[: essentials.index(name)] if name in essentials else [])}
        candidates = [other for other in known if other in read and of[other]]
        *older, last = candidates or [None]
        needed = [other for other in older if other in course.needed(lesson)]
        chosen, often = [], asked[name in essentials]
        for group, rather in (([last], [last]), (candidates, needed), (candidates, older)):
            left = [q for other in group if other for q in of[other] if q not in chosen]
            chosen += sorted(left, key=lambda q: (often[q], q.lesson.name not in rather))[:1]
        often.update(chosen)
        asked[False].update(chosen if name in essentials else [])
        found[name] = chosen
    return found


def cell(lesson, link):
    """The fold as a cell, or None for a lesson that nothing comes before.

    Args:
        lesson: a `syllabus.Lesson`.
        link: how to name another lesson, from `syllabus.linked`.
    """
    told = [
        f"**{n}.** {q.ask}\n\n{ANSWER.format(where=link(q.lesson, True), answer=q.answer)}"
        for n, q in enumerate(three(lesson), start=1)
    ]
    source = FOLD.format(summary=SUMMARY, text="\n\n".join(told))
    return nbformat.v4.new_markdown_cell(syllabus.refer(source, lesson.root, link)) if told else None

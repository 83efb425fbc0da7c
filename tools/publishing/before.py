"""Three from before: the questions of earlier lessons that a lesson opens with, the same for every reader."""

from collections import Counter
from functools import cache

import nbformat

from course_utils import review
from tools.environment import curriculum
from tools.publishing import course

SUMMARY = "Three questions from earlier lessons: answer from memory before you look"
FOLD = '<details class="course-before">\n<summary>{summary}</summary>\n\n{text}\n\n</details>'
ANSWER = "<details>\n<summary>Answer</summary>\n\n{answer} ({where})\n\n</details>"


def three(lesson):
    """The questions of a lesson's fold: one of the lesson in front, and two of those before, rather of what it needs.

    A lesson of the essentials, which many read alone, asks of the essentials and of what it needs; another one also of
    its own part, and of the lesson in front of it. Of these come the questions that have been asked least so far, so
    that whoever reads the whole course meets few of them twice, and these late. Another one that needs nothing asks
    nothing, since its reader may have read nothing.

    Args:
        lesson: a `curriculum.Lesson`.
    Returns:
        list of `review.Question`, at most three; [] for a lesson that nothing comes before.
    """
    files = [one.source.with_name(review.FILE) for one in curriculum.lessons(lesson.root).values()]
    return _all(lesson.root, tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)).get(
        lesson.name, []
    )


@cache  # as long as the files are as they were
def _all(root, _changed):
    known = {name: lesson for name, lesson in curriculum.lessons(root).items() if lesson.source.exists()}
    of, found, asked = {name: review.questions(lesson) for name, lesson in known.items()}, {}, Counter()
    names, essentials = list(known), course.essentials(root)
    for at, (name, lesson) in enumerate(known.items()):
        needed, near = course.needed(lesson), set()
        if name not in essentials:
            if not needed:  # a way may begin here
                continue
            near = {*names[at - 1 : at], *(other for other in names[:at] if known[other].part == lesson.part)}
        read = {*needed, *near, *(other for other in names[:at] if other in essentials)}
        candidates = [other for other in names if other in read and of[other]]
        chosen = []
        for group, rather in ((candidates[-1:], candidates), (candidates, needed), (candidates, essentials)):
            left = [q for other in group for q in of[other] if q not in chosen]
            asks = {q.lesson.name for q in chosen}
            chosen += sorted(left, key=lambda q: (q.lesson.name in asks, asked[q], q.lesson.name not in rather))[:1]
        asked.update(chosen)
        found[name] = chosen
    return found


def cell(lesson, link):
    """The fold as a cell, or None for a lesson that nothing comes before.

    Args:
        lesson: a `curriculum.Lesson`.
        link: how to name another lesson, from `curriculum.linked`.
    """
    told = [
        f"**{n}.** {q.ask}\n\n{ANSWER.format(where=link(q.lesson, True), answer=q.answer)}"
        for n, q in enumerate(three(lesson), start=1)
    ]
    source = FOLD.format(summary=SUMMARY, text="\n\n".join(told))
    return nbformat.v4.new_markdown_cell(curriculum.refer(source, lesson.root, link)) if told else None

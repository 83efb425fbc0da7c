"""The map of the course: its lessons, part by part, each with those that it builds on; on a phone, in fewer columns."""

from html import escape

from course_utils import syllabus
from tools.publishing import course


def html(lessons, address):
    """Draw the map as HTML, which site.css makes boxes of.

    Args:
        lessons: in the order of the course.
        address: function from a lesson to where its box leads.
    """
    texts = []
    for part in dict.fromkeys(lesson.part for lesson in lessons):
        members = [lesson for lesson in lessons if lesson.part == part]
        title = f"{members[0].part_number} · {escape(members[0].part_title)}"
        boxes = "".join(_box(lesson, address(lesson)) for lesson in members)
        texts.append(f'<p class="course-part">{title}</p><ul>{boxes}</ul>')
    label = f"Map of the course: {len(lessons)} lessons, and which builds on which"
    return f'<nav class="course-map" aria-label="{label}">{"".join(texts)}</nav>'


def _box(lesson, address):
    known = syllabus.lessons(lesson.root)
    needs = ", ".join(known[need].number for need in course.builds_on(lesson))
    after = f"<small>after {needs}</small>" if needs else ""
    promise = escape(course.front_matter(lesson).get("promise", ""))
    return (
        f'<li><a href="{address}" title="{promise}"><b>{lesson.number}</b> '
        f"<span>{escape(lesson.title)}</span>{after}</a></li>"
    )

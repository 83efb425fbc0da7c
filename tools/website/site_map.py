"""The map of the course: its lessons, part by part, with an arrow from each lesson to those that build on it."""

from html import escape

from tools.publishing import course

WIDTH, HEIGHT, COLUMNS = 178, 74, 5  # of a box, and how many stand side by side
ACROSS, DOWN, HEAD, EDGE = 16, 44, 34, 12  # between boxes; a part's title; to the frame
STYLE = (
    "<style>.m-box{fill:#eef4fb;stroke:#0b5cad}.m-part{font:600 19px sans-serif;fill:#222}"
    ".m-number{font:600 17px sans-serif;fill:#0b3d70}.m-title{font:15px sans-serif;fill:#222}"
    ".m-arrow{fill:none;stroke:#8a8a8a;stroke-width:1.3}a:hover .m-box,a:focus .m-box{fill:#cfe3f7}</style>"
)
TIP = (
    '<defs><marker id="m-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#6a6a6a"/></marker></defs>'
)


def svg(lessons, address):
    """Draw the map as SVG.

    Args:
        lessons: in the order of the course.
        address: function from a lesson to where its box leads.
    """
    place, heads, y = {}, [], EDGE
    for part in dict.fromkeys(lesson.part for lesson in lessons):
        members = [lesson for lesson in lessons if lesson.part == part]
        title = f"{members[0].part_number} · {escape(members[0].part_title)}"
        heads.append(f'<text class="m-part" x="{EDGE}" y="{y + 20}">{title}</text>')
        for n, lesson in enumerate(members):
            row, column = divmod(n, COLUMNS)
            place[lesson.name] = (EDGE + column * (WIDTH + ACROSS), y + HEAD + row * (HEIGHT + DOWN))
        y = place[members[-1].name][1] + HEIGHT + DOWN - 12
    arrows = [_arrow(place[need], place[lesson.name]) for lesson in lessons for need in course.builds_on(lesson)]
    boxes = [_box(lesson, *place[lesson.name], address(lesson)) for lesson in lessons]
    width = COLUMNS * (WIDTH + ACROSS) - ACROSS + 2 * EDGE
    label = f"Map of the course: {len(lessons)} lessons, and which builds on which"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" role="group" aria-label="{label}">'
        + "".join([STYLE, TIP, *arrows, *heads, *boxes])
        + "</svg>"
    )


def _box(lesson, x, y, address):
    words = "".join(
        f'<text class="m-title" x="{x + 9}" y="{y + 43 + 19 * n}">{escape(line)}</text>'
        for n, line in enumerate(_wrapped(lesson.title, 22))
    )
    promise = course.front_matter(lesson).get("promise", "")
    return (
        f'<a href="{address}"><title>{lesson.number} {escape(lesson.title)}: {escape(promise)}</title>'
        f'<rect class="m-box" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text class="m-number" x="{x + 9}" y="{y + 22}">{lesson.number}</text>{words}</a>'
    )


def _wrapped(title, most):
    lines = [""]
    for word in title.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines if len(lines) < 3 else [lines[0], lines[1][: most - 1] + "…"]


def _arrow(start, end):
    """A line from the foot of a box to the top of a later one; beside each other, from side to side or in a bow."""
    (x0, y0), (x1, y1) = start, end
    if y0 == y1 and x1 - x0 == WIDTH + ACROSS:
        line = f"M{x0 + WIDTH} {y0 + HEIGHT / 2}H{x1}"
    elif y0 == y1:
        left, right, foot = x0 + WIDTH * 0.7, x1 + WIDTH * 0.3, y0 + HEIGHT
        line = f"M{left:g} {foot}C{left:g} {foot + 34} {right:g} {foot + 34} {right:g} {foot}"
    else:
        left, right, foot = x0 + WIDTH / 2, x1 + WIDTH / 2, y0 + HEIGHT
        line = f"M{left:g} {foot}C{left:g} {foot + 60} {right:g} {y1 - 60} {right:g} {y1}"
    return f'<path class="m-arrow" marker-end="url(#m-tip)" d="{line}"/>'

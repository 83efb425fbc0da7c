"""The map of the course: its lessons, a row a part, with an arrow from each lesson to those that build on it."""

from html import escape

from tools import _course

WIDTH, HEIGHT, GAP, LEFT, TOP = 150, 64, 70, 16, 34  # of a box; between rows; margins
STEP = WIDTH + 14
CSS = (
    "<style>.m-box{fill:#eef4fb;stroke:#0b5cad}.m-part{font:600 17px sans-serif;fill:#333}"
    ".m-number{font:600 16px sans-serif;fill:#0b3d70}.m-title{font:13px sans-serif;fill:#222}"
    ".m-arrow{fill:none;stroke:#777;stroke-width:1.2}a:hover .m-box{fill:#cfe3f7}</style>"
)


def svg(lessons, address):
    """The map as SVG.

    Args:
        lessons: in the order of the course.
        address: function from a lesson to where its box leads.
    """
    place = {n.name: (LEFT + (n.nth - 1) * STEP, TOP + (n.part_number - 1) * (HEIGHT + GAP)) for n in lessons}
    arrows = [
        _arrow(place[need.name if hasattr(need, "name") else need], place[n.name])
        for n in lessons
        for need in _course.builds_on(n)
    ]
    boxes, heads, part = [], [], None
    for lesson in lessons:
        x, y = place[lesson.name]
        if lesson.part != part:
            part = lesson.part
            heads.append(
                f'<text class="m-part" x="{x}" y="{y - 12}">{lesson.part_number} · {escape(lesson.part_title)}</text>'
            )
        boxes.append(_box(lesson, x, y, address(lesson)))
    width = max(x for x, _ in place.values()) + WIDTH + LEFT
    height = max(y for _, y in place.values()) + HEIGHT + 12
    label = f"Map of the course: {len(lessons)} lessons in {len({n.part for n in lessons})} parts, and which builds on which"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="group" aria-label="{label}">{CSS}'
        '<defs><marker id="m-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#777"/></marker></defs>' + "".join([*arrows, *heads, *boxes]) + "</svg>"
    )


def _box(lesson, x, y, address):
    lines = _wrapped(lesson.title, 21)
    words = "".join(
        f'<text class="m-title" x="{x + 8}" y="{y + 38 + 16 * i}">{escape(line)}</text>'
        for i, line in enumerate(lines[:2])
    )
    about = _course.front_matter(lesson).get("promise", "")
    return (
        f'<a href="{address}"><title>{escape(lesson.title)}: {escape(about)}</title>'
        f'<rect class="m-box" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text class="m-number" x="{x + 8}" y="{y + 20}">{lesson.number}</text>{words}</a>'
    )


def _wrapped(title, most):
    lines = [""]
    for word in title.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines if len(lines) < 3 else [lines[0], lines[1][: most - 1] + "…"]


def _arrow(start, end):
    (x0, y0), (x1, y1) = start, end
    if y0 == y1:  # in one row: over the boxes between, or straight to the neighbour
        if x1 - x0 == STEP:
            return f'<path class="m-arrow" marker-end="url(#m-tip)" d="M{x0 + WIDTH} {y0 + HEIGHT / 2}H{x1}"/>'
        up = min(26 + (x1 - x0) / 40, 46)
        a, b = x0 + WIDTH * 0.7, x1 + WIDTH * 0.3
        return f'<path class="m-arrow" marker-end="url(#m-tip)" d="M{a} {y0 + HEIGHT}C{a} {y0 + HEIGHT + up} {b} {y0 + HEIGHT + up} {b} {y0 + HEIGHT}"/>'
    a, b = x0 + WIDTH / 2, x1 + WIDTH / 2
    down, bend = y0 + HEIGHT, GAP * 0.9
    return (
        f'<path class="m-arrow" marker-end="url(#m-tip)" d="M{a} {down}C{a} {down + bend} {b} {y1 - bend} {b} {y1}"/>'
    )

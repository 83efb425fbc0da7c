"""The other pages of the site: the first one, famous claims, and the documents."""

import html
import re
import shutil

from course_utils import claims
from tools.publishing import course, pages
from tools.publishing import lessons as _lessons
from tools.website import site_lessons, site_search

CLAIMS = """\
# Famous claims, measured

What papers, standards and tutorials say, and what the lessons measured when they were published: on one thread of a
CPU, or counted. Every lesson judges its figures on your machine, too."""
DOORS = """\
{{.course-doors}}
- [The first lesson: {title}](lessons/{name}.ipynb)
- [Your network: quantize my model; my model is too slow, or too large](lessons/your_network.ipynb)
- [You see this: errors, and what to do](symptoms.md)
- [What older tutorials get wrong](errata.md)
- [Glossary: every term in a sentence](glossary.md)
- [Famous claims, and what was measured here](claims.md)
- [For instructors](instructors.md)

To run the lessons, get the course's repository and type `python3 course.py` in its folder (`py course.py` on Windows).

{book}"""
BOOK = """\
<p class="course-ways"><a href="resource_efficient_deep_learning.epub">The course as an EPUB</a>, for e-readers</p>"""
CAPTION = """\
*One network in four files: as it was trained; without nine tenths of its weights; with 16 values for those that
are left; and with short codes for frequent values. [You write these files
yourself.](lessons/deep_compression.ipynb)*"""
PICTURE = r"!\[[^\]]*\]\(docs/pictures/{name}\.png\)"  # in README.md
ESSENTIAL = "• "  # before a title in the contents
TIME = re.compile(r"(?<=\d) (?=(h|min)\b)|(?<=\d h) (?=\d+ min\b)")  # no line breaks in "8 h 12 min"
HEADING = re.compile(r"^### `.*", re.M)  # on the page of symptoms; several messages have a line each, and no commas
ROWS = re.compile(r"<tr>(.*?)</tr>", re.S)
CELLS = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.S)


def write(lessons, folder):
    """Write every page that is not a lesson into the site's sources."""
    targets = site_lessons.pages(_lessons.ROOT)
    for file, (page, _) in site_lessons.DOCUMENTS.items():
        text = (_lessons.ROOT / file).read_text(encoding="utf-8")
        text = site_lessons.relinked(text, file, page, targets)
        text = site_search.anchored(text) if page == "glossary.md" else text
        _write(folder / page, HEADING.sub(lambda found: found[0].replace("`, `", "` `"), text))
    shutil.copytree(_lessons.ROOT / "docs" / "pictures", folder / "pictures")
    _write(folder / "claims.md", famous_claims(lessons))
    _write(folder / "index.md", front(lessons))


def _write(path, text):
    path.write_text(text, encoding="utf-8", newline="\n")


def front(lessons):
    """The first page: what the course is, a result, the essentials, the electives, the parts, and the contents."""
    essentials, *_ = ways = course.ways(_lessons.ROOT)
    text = "\n\n".join(
        [
            pages.introduction(ways),
            DOORS.format(title=essentials.lessons[0].title, name=essentials.lessons[0].name, book=BOOK),
            _picture("smaller"),
            CAPTION,
            f"## {essentials.title}",
            pages.essentials_table(_lessons.ROOT, lambda lesson: f"[{lesson.title}](lessons/{lesson.name}.ipynb)"),
            f"The contents of this site mark them with {ESSENTIAL.strip()}",
            "## Electives",
            pages.ELECTIVES,
            pages.electives_table(_lessons.ROOT, lambda lesson: f"[{lesson.number}](lessons/{lesson.name}.ipynb)"),
            "## What a lesson looks like",
            *map(_picture, ("check", "lesson")),
            *_promises(lessons),
            *_contents(lessons),
        ]
    )
    return TIME.sub("\u00a0", text)


def _picture(name):
    """A picture of README.md, with its alt text."""
    readme = (_lessons.ROOT / "README.md").read_text(encoding="utf-8")
    return re.search(PICTURE.format(name=name), readme)[0].replace("](docs/", "](")


def _promises(lessons):
    """A heading and a list for each part: a table with sentences in it is too narrow on a phone."""
    parts = {}
    for lesson in lessons:
        about = course.front_matter(lesson)
        link = f"[{lesson.title}](lessons/{lesson.name}.ipynb)"
        after = f", after {pages.before(lesson)}" if course.builds_on(lesson) else ""
        line = f"- {lesson.number} {link}, {about['minutes']} min{after}. {about['promise']}"
        parts.setdefault(f"## {lesson.part_number} · {lesson.part_title}", []).append(line)
    return ["\n".join([heading, "", *lines]) for heading, lines in parts.items()]


def _contents(lessons):
    """The contents of the site, a tree for each part of the course."""
    essentials, trees = {lesson.name for lesson in course.ways(_lessons.ROOT)[0].lessons}, {}
    for lesson in lessons:
        mark = ESSENTIAL if lesson.name in essentials else ""
        line = f"{mark}{lesson.number} · {lesson.title} <lessons/{lesson.name}>"
        trees.setdefault(f"{lesson.part_number} · {lesson.part_title}", []).append(line)
    documents = [f"{title} <{page.removesuffix('.md')}>" for page, title in site_lessons.DOCUMENTS.values()]
    trees["Across the course"] = ["Your network <lessons/your_network>", "Famous claims, measured <claims>", *documents]
    return [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *names, "```"])
        for caption, names in trees.items()
    ]


def famous_claims(lessons):
    """The figures of publications beside what was measured, from the scorecards in the published notebooks."""
    texts = [CLAIMS]
    for lesson in lessons:
        known = {claim.statement: claim for claim in claims.read(lesson.name).values()}
        lines = []
        for row in scorecard(_lessons.read_published(lesson.notebook)):
            claim = known.get(row["claim"])
            if claim is None or not claim.url or row["by the source"] == "–":
                continue
            cells = [row["claim"], f"[{row['source']}]({claim.url})", row["by the source"], row["this run"]]
            lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
        if lines:
            head = f"## {lesson.number} · [{lesson.title}](lessons/{lesson.name}.ipynb)"
            texts.append("\n".join([head, "", "| claim | source | published | here |", "|---|---|---|---|", *lines]))
    return "\n\n".join(texts) + "\n"


def scorecard(nb):
    """The rows of the scorecard in a published notebook, each a dict from column to text."""
    for cell in nb.cells:
        if "scorecard" in cell.metadata.get("tags", []):
            for output in cell.outputs:
                table = output.get("data", {}).get("text/html", "")
                rows = [[_text(c) for c in CELLS.findall(row)] for row in ROWS.findall(table)]
                if rows:
                    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    return []


def _text(cell):
    return html.unescape(re.sub(r"<[^>]+>", "", cell))

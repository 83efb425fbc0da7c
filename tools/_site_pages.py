"""The other pages of the site: the first one, famous claims, references, the library's interface, and the documents."""

import html
import re
import shutil
from collections import defaultdict

from course_utils.scorecard import claims
from tools import _course, _lessons, _pages, _site_lessons, _site_map

PUBLICATION = re.compile(
    r"\[((?:[^\[\]]|\[[^\]]*\])+)\]\((https?://(?:arxiv\.org|doi\.org|\S*openreview\.net)[^)\s]*)\)"
)
ROWS = re.compile(r"<tr>(.*?)</tr>", re.S)
CELLS = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.S)


def write(lessons, folder):
    """Write every page that is not a lesson into the site's sources."""
    targets = _site_lessons.pages(_lessons.ROOT)
    for file, (page, _) in _site_lessons.DOCUMENTS.items():
        text = (_lessons.ROOT / file).read_text(encoding="utf-8")
        _write(folder / page, _site_lessons.relinked(text, file, page, targets))
    shutil.copytree(_lessons.ROOT / "docs" / "pictures", folder / "pictures")
    _write(folder / "claims.md", famous_claims(lessons))
    _write(folder / "references.md", references(lessons))
    modules = public_modules()
    for name in modules:
        title = f"`{name}`\n{'=' * (len(name) + 2)}\n".replace("`", "``").replace("=\n", "===\n")
        _write(folder / "api" / f"{name}.rst", f"{title}\n.. automodule:: {name}\n   :members:\n")
    _write(folder / "api" / "index.md", api_index(modules))
    _write(folder / "index.md", front(lessons))


def _write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def front(lessons):
    """The first page: what the course is, its map, its ways, its parts, and the contents of the site."""
    parts = _pages.parts_table(
        _lessons.ROOT, lambda lesson: f"[{lesson.title}](lessons/{lesson.name}.ipynb)", level="##", needs=True
    )
    trees, part = [], None
    for lesson in lessons:
        if lesson.part != part:
            part = lesson.part
            trees.append([f"{lesson.part_number} · {lesson.part_title}"])
        trees[-1].append(f"lessons/{lesson.name}")
    more = [f"{title} <{name.removesuffix('.md')}>" for name, title in _site_lessons.DOCUMENTS.values()]
    trees.append(["Across the course", "Famous claims, measured <claims>", "References <references>", *more])
    trees.append(["The library", "course_utils <api/index>"])
    contents = [
        f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(names) + "\n```" for caption, *names in trees
    ]
    drawing = _site_map.svg(lessons, lambda lesson: f"lessons/{lesson.name}.html")
    return "\n\n".join(
        [
            _pages.INTRODUCTION,
            f'<div class="course-figure">{drawing}</div>',
            "*An arrow leads from a lesson to one that builds on it. Click on a lesson.*",
            "[Famous claims, and what was measured here](claims.md) · [What older tutorials get wrong](errata.md)",
            "## Ways through the course",
            _course.ways_table(_lessons.ROOT),
            parts,
            *contents,
        ]
    )


def famous_claims(lessons):
    """The published figures of all lessons beside what was measured, from the scorecards in the published notebooks."""
    texts = [
        "# Famous claims, measured\n\nWhat papers, standards and tutorials say, and what the lessons measured when they were published: on one "
        "thread of a CPU, or counted. Every lesson judges its figures on your machine, too. A figure that only follows from a bound "
        "of the course is left to the lesson's own scorecard."
    ]
    for lesson in lessons:
        rows = [row for row in scorecard(_lessons.read_published(lesson.notebook)) if row["by the source"] != "–"]
        if not rows:
            continue
        known = {claim.statement: claim for claim in claims.read(lesson.name).values()}
        lines = [
            f"## {lesson.number} · [{lesson.title}](lessons/{lesson.name}.ipynb)\n",
            "| claim | source | published | here |",
            "|---|---|---|---|",
        ]
        for row in rows:
            claim = known.get(row["claim"])
            source = f"[{row['source']}]({claim.url})" if claim and claim.url else row["source"]
            cells = [row["claim"], source, row["by the source"], row["this run"]]
            lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
        texts.append("\n".join(lines))
    return "\n\n".join(texts) + "\n"


def scorecard(nb):
    """The rows of the scorecard in a published notebook, each a dict from column to text."""
    for cell in nb.cells:
        if "scorecard" in cell.metadata.get("tags", []):
            for output in cell.outputs:
                table = output.get("data", {}).get("text/html", "")
                rows = [
                    [html.unescape(re.sub(r"<[^>]+>", "", c)) for c in CELLS.findall(row)]
                    for row in ROWS.findall(table)
                ]
                if rows:
                    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    return []


def references(lessons):
    """Every publication that a lesson links, once, with the lessons that do."""
    found, names = defaultdict(list), {}
    for lesson in lessons:
        nb = _lessons.read_published(lesson.notebook)
        text = "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
        for match in PUBLICATION.finditer(text):
            words, address = " ".join(match[1].split()), match[2].replace("http://", "https://").rstrip("/")
            names[address] = max(names.get(address, ""), words, key=len)
            if lesson not in found[address]:
                found[address].append(lesson)
    lines = [
        f"- [{names[address]}]({address}): "
        + ", ".join(f"[{n.number}](lessons/{n.name}.ipynb)" for n in found[address])
        for address in sorted(found, key=lambda address: names[address].lower().lstrip("*_`"))
    ]
    head = (
        "# References\n\nPublications that the lessons cite, with their DOI or arXiv number, and the lessons that do."
    )
    return head + "\n\n" + "\n".join(lines) + "\n"


def public_modules():
    """Names of the modules of the library that anybody may import."""
    root = _lessons.ROOT / "course_utils"
    paths = [path.relative_to(root.parent).with_suffix("") for path in sorted(root.rglob("*.py"))]
    names = [
        ".".join(path.parts).removesuffix(".__init__")
        for path in paths
        if not any(p[0] == "_" and p != "__init__" for p in path.parts)
    ]
    return [name for name in names if name != "course_utils"]


def api_index(modules):
    """The first page of the library's interface."""
    listed = "\n".join(modules)
    return (
        "# The library\n\n`course_utils` holds what would distract in a lesson: timing, data, figures, reports, checks. "
        f"What a lesson teaches stands in the lesson.\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    )

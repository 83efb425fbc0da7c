"""The other pages of the site: the first one, famous claims, references, the library's interface, and the documents."""

import html
import re
import shutil
from collections import defaultdict

from course_utils.scorecard import claims
from tools.publishing import course, pages
from tools.publishing import lessons as _lessons
from tools.website import pictures, site_lessons, site_map, site_terms

CLAIMS = """\
# Famous claims, measured

What papers, standards and tutorials say, and what the lessons measured when they were published: on one thread of a
CPU, or counted. Every lesson judges its figures on your machine, too."""
CAPTION = """\
*One network in four files: as it was trained; without nine tenths of its weights; with 16 values a layer for those that
are left; and with short codes for frequent values. [You write these files yourself.]({address})*"""
PUBLICATION = re.compile(
    r"\[((?:[^\[\]]|\[[^\]]*\])+)\]\((https?://(?:arxiv\.org|doi\.org|\S*openreview\.net)[^)\s]*)\)"
)
ENDS = re.compile(r"; | \(|\*\*:? |: (?=[A-Z]\.)|(?<=[a-z\d)])\. (?=[A-Z]\. )")  # where a list's last entry begins
ROWS = re.compile(r"<tr>(.*?)</tr>", re.S)
CELLS = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.S)


def write(lessons, folder):
    """Write every page that is not a lesson into the site's sources."""
    targets = site_lessons.pages(_lessons.ROOT)
    for file, (page, _) in site_lessons.DOCUMENTS.items():
        text = (_lessons.ROOT / file).read_text(encoding="utf-8")
        text = site_lessons.relinked(text, file, page, targets)
        _write(folder / page, site_terms.anchored(text) if page == "glossary.md" else text)
    shutil.copytree(_lessons.ROOT / "docs" / "pictures", folder / "pictures")
    _write(folder / "claims.md", famous_claims(lessons))
    _write(folder / "references.md", references(lessons))
    modules = public_modules()
    for name in modules:
        text = f"{name}\n{'=' * len(name)}\n\n.. automodule:: {name}\n   :members:\n"
        _write(folder / "api" / f"{name}.rst", text)
    _write(folder / "api" / "index.md", api_index(modules))
    _write(folder / "index.md", front(lessons))


def _write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def front(lessons):
    """The first page: what the course is, a result, its ways, its map, its parts, and the contents of the site."""
    return "\n\n".join(
        [
            pages.introduction(course.ways(_lessons.ROOT)),
            _picture("smaller"),
            CAPTION.format(address=f"lessons/{pictures.DRAWN}.ipynb"),
            "[What older tutorials get wrong](errata.md) · [Famous claims, and what was measured here](claims.md)",
            "## Ways through the course",
            course.ways_table(_lessons.ROOT),
            "## Which lesson builds on which",
            site_map.html(lessons, lambda lesson: f"lessons/{lesson.name}.html"),
            "## What a lesson looks like",
            *map(_picture, ("check", "scorecard", "lesson")),
            *_promises(lessons),
            *_contents(lessons),
        ]
    )


def _picture(name):
    return f"![{pictures.PICTURES[name].alt}](pictures/{name}.png)"


def _promises(lessons):
    """A heading and a list for each part: a table with sentences in it is too narrow on a phone."""
    parts = {}
    for lesson in lessons:
        about = course.front_matter(lesson)
        link = f"[{lesson.title}](lessons/{lesson.name}.ipynb)"
        line = f"- {lesson.number} {link}, {about['minutes']} min. {about['promise']}"
        parts.setdefault(f"## {lesson.part_number} · {lesson.part_title}", []).append(line)
    return ["\n".join([heading, "", *lines]) for heading, lines in parts.items()]


def _contents(lessons):
    """The contents of the site, a tree for each part of the course."""
    trees = {}
    for lesson in lessons:
        trees.setdefault(f"{lesson.part_number} · {lesson.part_title}", []).append(f"lessons/{lesson.name}")
    documents = [f"{title} <{page.removesuffix('.md')}>" for page, title in site_lessons.DOCUMENTS.values()]
    trees["Across the course"] = ["Famous claims, measured <claims>", "References <references>", *documents]
    trees["The library"] = ["course_utils <api/index>"]
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


def references(lessons):
    """Every publication that a lesson links, once, with the lessons that do."""
    found, names = defaultdict(list), {}
    for lesson in lessons:
        for cell in _lessons.read_published(lesson.notebook).cells:
            if cell.cell_type != "markdown":
                continue
            for address, words in publications(cell.source):
                names[address] = max(names.get(address, ""), words, key=len)
                if lesson not in found[address]:
                    found[address].append(lesson)
    lines = []
    for address in sorted(found, key=lambda address: names[address].lower().lstrip("*_`")):
        where = ", ".join(f"[{lesson.number}](lessons/{lesson.name}.ipynb)" for lesson in found[address])
        number = address.partition("://")[2].removeprefix("arxiv.org/abs/").removeprefix("doi.org/")
        kind = "arXiv:" if "arxiv.org" in address else "doi:" if "doi.org" in address else ""
        named = "" if names[address].lower() == f"{kind}{number}".lower() else f"{names[address]} "
        lines.append(f"- {named}[{kind}{number}]({address}). In {where}")
    head = "# References\n\nPublications that the lessons cite, by DOI or arXiv number, and the lessons that do."
    return head + "\n\n" + "\n".join(lines) + "\n"


def publications(text):
    """Yield (address, what it is called) for each publication that a text links; words before a bare number count."""
    for paragraph in re.split(r"\n\s*\n|^[-*] ", text, flags=re.M):
        paragraph, begin = " ".join(paragraph.split()), 0
        for match in PUBLICATION.finditer(paragraph):
            words = match[1]
            if re.match(r"arxiv|doi", words, re.I):  # "A. Author, *Title*, 2018, [arXiv:...](...)"
                before = ENDS.split(paragraph[begin : match.start()])[-1]
                words = before.strip(" ,(") if re.search(r"\d{4}|\*", before) else words
            begin = match.end()
            address = match[2].replace("http://", "https://").rstrip("/")
            yield address, re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", words)


def public_modules():
    """Names of the modules of the library that anybody may import."""
    paths = [path.relative_to(_lessons.ROOT) for path in sorted((_lessons.ROOT / "course_utils").rglob("*.py"))]
    public = [p for p in paths if not any(part.startswith("_") and part != "__init__.py" for part in p.parts)]
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in public]
    return [name for name in names if name != "course_utils"]


def api_index(modules):
    """The first page of the library's interface."""
    tree = "\n".join(["```{toctree}", ":maxdepth: 1", "", *modules, "```"])
    return (
        "# The library\n\n`course_utils` holds what would distract in a lesson: timing, data, figures, reports, "
        f"checks. What a lesson teaches stands in the lesson.\n\n{tree}\n"
    )

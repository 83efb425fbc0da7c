"""What Sphinx reads: the notebooks and documents of the repository in their places, so that their links lead on.

README is the first page. The notebooks get what a page needs: closed answers, alt texts, and a link to their slides.
"""

import html
import re
import shutil
from itertools import pairwise

import nbformat

from course_utils.files import ROOT, slug
from tools.environment import curriculum
from tools.publishing import boxes, lessons

FILES = (
    "data/README.md",
    "data/checkpoints/README.md",
    "records/README.md",
    "LICENSE",
)  # to which documents lead, beside those in docs/
LEARNERS = ("docs/symptoms", "docs/errata", "docs/glossary")  # documents that stand first in the contents
ESSENTIAL = "• "  # before a title in the contents
DETAILS = re.compile(r"<details><summary>(.*?)</summary>\n(.*?)\n?</details>", re.S)
TERM = re.compile(r"^\*\*([^*\n]+)\*\*:", re.M)
CLAIMS = """\
# Famous claims, measured

What papers, standards and tutorials say, and what the lessons measured when they were published: on one thread of a
CPU, or counted. Every lesson judges its figures on your machine, too."""


def write(folder, template, slides, root=ROOT):
    """Write all that Sphinx reads into a folder that is made.

    Args:
        folder: where to.
        template: folder with Sphinx's settings, copied as it is.
        slides: name of a lesson -> address of its slides from the first page of the site.
    """
    shutil.copytree(template, folder)
    shutil.copytree(root / "docs", folder / "docs", ignore=shutil.ignore_patterns("talks"))
    for name in FILES:
        if (root / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, folder / name)
    published, leads_on = {}, next_essential(root)
    for path in sorted((root / "notebooks").glob("*/*.ipynb")) + [root / "notebooks" / lessons.OVERVIEW]:
        goal = folder / path.relative_to(root)
        goal.parent.mkdir(parents=True, exist_ok=True)
        published[path] = page(lessons.read_published(path), path.name, slides)
        if path in leads_on:
            published[path].cells.append(nbformat.v4.new_markdown_cell(leads_on[path]))
        nbformat.write(published[path], goal)
    _write(folder / "docs" / "glossary.md", lettered((root / "docs" / "glossary.md").read_text(encoding="utf-8")))
    _write(folder / "claims.md", claims(published, root))
    _write(
        folder / "index.md", "\n\n".join([(root / "README.md").read_text(encoding="utf-8"), *contents(folder, root)])
    )


def _write(path, text):
    path.write_text(text, encoding="utf-8", newline="\n")


def next_essential(root):
    """The line at the end of an essential lesson that leads to the next one, by the path of its notebook."""
    essentials = curriculum.tracks(root)[0].lessons
    return {
        one.notebook: f"Next in the essentials: [{other.number} · {other.title}](../{other.place})."
        for one, other in pairwise(essentials)
    }


def page(nb, file, slides):
    """A notebook as MyST-NB shall read it; `nb` is changed.

    An output between a question and its answer is closed, as the answer is; where there is none, the answer was
    written above the cell that shows it, and the first output below it is closed.

    Args:
        nb: as published.
        file: its name, to which a link leads that downloads it.
        slides: as in `write`.
    """
    before = None  # what an output waits for: the answer to a question, or a heading, with which a question is over
    for cell in nb.cells:
        tags = cell.metadata.setdefault("tags", [])
        if cell.cell_type == "markdown":
            if boxes.ASKED.search(cell.source):
                before, closed = "answer", False
            elif boxes.ANSWER in tags:
                before = None if before is None or closed else "heading"
            elif before == "heading" and cell.source.startswith("## "):
                before = None
            cell.source = DETAILS.sub(r"<details><summary>\1</summary>\n\n\2\n\n</details>", cell.source)
            continue
        cell.outputs = [described(output) for output in cell.outputs]
        if before and cell.outputs:
            tags.append("hide-output")
            before, closed = "answer" if before == "answer" else None, True
        if "solution" in tags:
            cell.metadata["mystnb"] = {"code_prompt_show": "Solution", "code_prompt_hide": "Hide the solution"}
        elif {"setup", "hide-input"} & set(tags):
            cell.metadata["tags"] = sorted({*tags, "hide-input"})
            if cell.source.startswith("# ") and "hide-output" not in tags:  # what a closed cell does
                cell.metadata["mystnb"] = {"code_prompt_show": cell.source.partition("\n")[0][2:]}
    name = nb.metadata.get("course", {}).get("name")
    if name:
        talk = f'<a href="../../{slides[name]}">Slides</a> · ' if name in slides else ""
        ways = f'<p class="course-ways">{talk}<a href="{file}" download>Notebook</a></p>'
        nb.cells.insert(1, nbformat.v4.new_markdown_cell(ways))
    return nb


def described(output):
    """An output whose picture is HTML with its alt text."""
    data, about = output.get("data", {}), output.get("metadata", {}).get("image/png", {})
    if "image/png" not in data or "text/html" in data or "alt" not in about:
        return output
    width = f' style="width: {about["width"]}px"' if "width" in about else ""
    picture = f'<img alt="{html.escape(about["alt"])}"{width} src="data:image/png;base64,{data["image/png"].strip()}">'
    return nbformat.v4.new_output("display_data", data={"text/html": picture})


def lettered(text):
    """The glossary with letters under its title that lead to the first entry of each."""
    first = {}
    for match in TERM.finditer(text):
        first.setdefault(match[1][0].upper(), match[1])
    letters = " · ".join(f'<a href="#{slug(first[at])}">{at}</a>' for at in sorted(first) if at.isalpha())
    title, _, rest = text.partition("\n\n")
    rest = TERM.sub(lambda match: f'<span id="{slug(match[1])}"></span>{match[0]}', rest)
    return f"{title}\n\n<p>{letters}</p>\n\n{rest}"


def claims(published, root):
    """The scorecards of all lessons on one page, as their notebooks show them."""
    texts = [CLAIMS]
    for lesson in curriculum.lessons(root).values():
        nb = published.get(lesson.notebook, nbformat.v4.new_notebook())
        outputs = [out for cell in nb.cells if "scorecard" in cell.metadata.get("tags", []) for out in cell.outputs]
        tables = [out.data["text/html"] for out in outputs if "text/html" in out.get("data", {})]
        if tables:
            texts += [f"## [{lesson.number} · {lesson.title}](notebooks/{lesson.place})", *tables]
    return "\n\n".join(texts) + "\n"


def contents(folder, root):
    """The contents of the site, a tree for each part of the course and one for all else; the essentials are marked."""
    essentials, trees = curriculum.tracks(root)[0].lessons, {}
    for lesson in curriculum.lessons(root).values():
        if (folder / "notebooks" / lesson.place).exists():
            mark = ESSENTIAL if lesson in essentials else ""
            line = f"{mark}{lesson.number} · {lesson.title} </notebooks/{lesson.place.removesuffix('.ipynb')}>"
            trees.setdefault(f"{lesson.part_number} · {lesson.part_title}", []).append(line)
    known = {lesson.notebook for lesson in curriculum.lessons(root).values()}
    others = [path for path in sorted((root / "notebooks").glob("*/*.ipynb")) if path not in known]
    others = [path.relative_to(root).with_suffix("").as_posix() for path in others]
    trees["Across the course"] = ["notebooks/*", *others, "claims", *LEARNERS, "docs/*", "**/README"]
    heads = {caption: ["```{toctree}", ":hidden:", ":glob:", f":caption: {caption}", ""] for caption in trees}
    return ["\n".join([*heads[caption], *lines, "```"]) for caption, lines in trees.items()]

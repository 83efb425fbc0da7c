"""What the search of the site reads: the text of every section, in a script: a page from a disk can fetch nothing.

What stands closed on the page, answers and hints, is found and never shown: a result gives no prediction's answer away.
An extension of Sphinx; the search itself is search.js in the template, on MiniSearch.
"""

import json
import re
from pathlib import Path

from course_utils.files import slug
from tools.environment import curriculum
from tools.publishing import pages

FILE = "_static/sections.js"
LEFT_OUT = {"cell_output", "tag_solution", "tag_setup", "tag_hide-input"}
PLAIN = re.compile(r"[\w\s=+/<>.,()-]+")  # a formula that can be read without being set


def setup(app):
    """Called by Sphinx."""
    app.connect("build-finished", write)


def write(app, failed):
    """Write the sections of all pages, lessons first and in their order."""
    if failed:
        return
    lessons = [name for name in map("lessons/{}".format, curriculum.lessons()) if name in app.env.found_docs]
    found = [
        section
        for name in [*lessons, *sorted(app.env.found_docs - set(lessons))]
        for section in sections(name, app.env.get_doctree(name))
    ]
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    Path(app.outdir, FILE).write_text(f"const SECTIONS = {text};\n", encoding="utf-8", newline="\n")


def sections(name, tree):
    """List the sections of a page in the order in which they stand; an entry of the glossary is a section of its own.

    Args:
        name: of the page, "lessons/energy".
        tree: what Sphinx has read of it, a docutils document.
    Returns:
        list of dict: page (its title), title ("" for what stands before the first heading), to (its address), text,
        code, closed (what <details> hides), kind ("entry" of the glossary, or "").
    """
    from docutils import nodes

    page = next(iter(tree.findall(nodes.title)), nodes.title()).astext()
    if name == "glossary":
        found = [_entry(paragraph, page) for paragraph in tree.findall(nodes.paragraph)]
        return [entry for entry in found if entry]
    made, closed = [], _closed(tree)
    for section in tree.findall(nodes.section):
        made.append(
            {
                "page": page,
                "title": section.next_node(nodes.title).astext() if made else "",
                "to": f"{name}.html" + f"#{section['ids'][0]}" * bool(made),
                **_own(section, closed),
                "kind": "",
            }
        )
    return made


def anchor(term):
    """The id of a term's entry on the glossary's page."""
    return f"term-{slug(term)}"


def anchored(text):
    """The glossary as a page of the site: each entry can be linked; letters lead to the first entry of each."""
    firsts = {}
    for match in pages.TERM.finditer(text):
        firsts.setdefault(match["term"][0].upper(), anchor(match["term"]))
    letters = " · ".join(f'<a href="#{firsts[letter]}">{letter}</a>' for letter in sorted(firsts) if letter.isalpha())
    title, _, rest = text.partition("\n\n")
    text = pages.TERM.sub(lambda match: f'<span id="{anchor(match["term"])}"></span>{match[0]}', rest)
    return f"{title}\n\n<p>{letters}</p>\n\n{text}"


def _entry(paragraph, page):
    """An entry of the glossary; None for another paragraph."""
    said = _own(paragraph)["text"]
    term = next((child.astext() for child in paragraph.children if child.tagname == "strong"), None)
    if term is None or not said.startswith(term):
        return None
    to = f"glossary.html#{anchor(term)}"
    return {"page": page, "title": term, "to": to, "text": said, "code": "", "closed": "", "kind": "entry"}


def _closed(tree):
    """The Python ids of the nodes between <details> and </details>; these two are nodes of raw HTML themselves."""
    from docutils import nodes

    found, depth = set(), 0
    for node in tree.findall():
        if isinstance(node, nodes.raw):
            depth += node.astext().count("<details") - node.astext().count("</details")
        elif depth:
            found.add(id(node))
    return found


def _own(node, hidden=()):
    """What a section says itself, the sections in it, outputs, solutions and set-up left out.

    Args:
        node: of a section or a paragraph.
        hidden: of `_closed`.
    Returns:
        dict: text, code, closed (text and code that are hidden).
    """
    from docutils import nodes

    parts = {"text": [], "code": [], "closed": []}

    def visit(node, kind):
        if isinstance(node, nodes.Text):
            parts[kind].append(node.astext())
            return
        if isinstance(node, nodes.section | nodes.title | nodes.math_block | nodes.raw):
            return
        if LEFT_OUT & set(node.get("classes", [])):
            return
        if isinstance(node, nodes.math) and not PLAIN.fullmatch(node.astext()):
            return
        kind = "code" if isinstance(node, nodes.literal_block) else kind
        kind = "closed" if id(node) in hidden else kind
        for child in node.children:
            visit(child, kind)
        if not isinstance(node, nodes.Inline):
            parts[kind].append(" ")

    for child in node.children:
        visit(child, "text")
    return {kind: " ".join("".join(words).split()) for kind, words in parts.items()}

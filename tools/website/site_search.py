"""What the search of the site reads: the text of every section, in a script: a page from a disk can fetch nothing.

What stands closed on the page, answers and hints, is found and never shown: a result gives no prediction's answer away.
An extension of Sphinx; the search itself is search.js in the template, on MiniSearch.
"""

import json
import re
from pathlib import Path

from course_utils import syllabus
from tools.publishing import course
from tools.website import site_terms

FILE = "_static/sections.js"
LEFT_OUT = {"cell_output", "tag_solution", "tag_setup", "tag_hide-input"}
PLAIN = re.compile(r"[\w\s=+/<>.,()-]+")  # a formula that can be read without being set
LINKED = re.compile(r'class="course-term" href="[^"]*#(term-[^"]+)"')


def setup(app):
    """Called by Sphinx."""
    app.connect("build-finished", write)


def write(app, failed):
    """Write the sections of all pages, lessons first and in their order, the library's interface last."""
    if failed:
        return
    lessons = [name for name in map("lessons/{}".format, syllabus.lessons()) if name in app.env.found_docs]
    documents = sorted(app.env.found_docs - set(lessons), key=lambda name: (name.startswith("api/"), name))
    found = [section for name in [*lessons, *documents] for section in sections(name, app.env.get_doctree(name))]
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    Path(app.outdir, FILE).write_text(f"const SECTIONS = {text};\n", encoding="utf-8", newline="\n")


def sections(name, tree):
    """List the sections of a page in the order in which they stand; an entry of the glossary is a section of its own.

    Args:
        name: of the page, "lessons/energy".
        tree: what Sphinx has read of it, a docutils document.
    Returns:
        list of dict: page (its title), title ("" for what stands before the first heading), to (its address), text,
        code, closed (what <details> hides), terms (those that this lesson explains, in the section that has them in
        bold, else in its heading, else in the first that links them), kind ("entry" of the glossary, "library", or "").
    """
    from docutils import nodes

    page = next(iter(tree.findall(nodes.title)), nodes.title()).astext()
    if name == "glossary":
        found = [_entry(paragraph, page) for paragraph in tree.findall(nodes.paragraph)]
        return [entry for entry in found if entry]
    terms, made, closed = _terms(name), [], _closed(tree)
    explains = _explaining(tree, terms, closed)
    placed = {anchor for anchors in explains.values() for anchor in anchors}
    for section in tree.findall(nodes.section):
        own = _own(section, closed)
        anchors = explains.get(id(section), []) + [one for one in LINKED.findall(own["raw"]) if one not in placed]
        explained = [terms.pop(anchor) for anchor in anchors if anchor in terms]
        made.append(
            {
                "page": page,
                "title": section.next_node(nodes.title).astext() if made else "",
                "to": f"{name}.html" + f"#{section['ids'][0]}" * bool(made),
                "text": own["text"],
                "code": own["code"],
                "closed": own["closed"],
                "terms": explained,
                "kind": "library" if name.startswith("api/") else "",
            }
        )
    if made:
        made[0]["terms"] += terms.values()  # explained by what has no link, such as a heading or a formula
    return made


def _entry(paragraph, page):
    """An entry of the glossary; None for another paragraph."""
    said = _own(paragraph)["text"]
    term = next((child.astext() for child in paragraph.children if child.tagname == "strong"), None)
    if term is None or not said.startswith(term):
        return None
    to = f"glossary.html#{site_terms.anchor(term)}"
    return {"page": page, "title": term, "to": to, "text": said, "code": "", "closed": "", "terms": [], "kind": "entry"}


def _terms(name):
    """The terms that the lesson of a page explains, by the id of their entry in the glossary."""
    lesson = syllabus.lessons().get(name.removeprefix("lessons/")) if name.startswith("lessons/") else None
    named = course.front_matter(lesson).get("terms", []) if lesson else []
    return {site_terms.anchor(term): term for term in named}


def _explaining(tree, terms, closed):
    """The terms that a section has in bold, as a definition does, else in its heading: the first such section of each.

    Args:
        tree: of a page.
        terms: of `_terms`.
        closed: of `_closed`; what is bold there defines nothing that a reader sees.
    Returns:
        dict from the Python id of a section to a list of the terms' anchors.
    """
    from docutils import nodes

    places = {}
    for section in tree.findall(nodes.section):
        own = [child for child in section.children if not isinstance(child, nodes.section)]
        strong = [word for child in own for word in child.findall(nodes.strong)]
        bold = [_words(word) for word in strong if not any(id(above) in closed for above in (word, word.parent))]
        title = _words(section.next_node(nodes.title))
        for anchor, term in terms.items():
            rank = 0 if term.lower() in bold else 1 if re.search(rf"\b{re.escape(term.lower())}\b", title) else 2
            if rank < min(places.get(anchor, (2, None))[0], 2):
                places[anchor] = rank, id(section)
    found = {}
    for anchor, (_, section) in places.items():
        found.setdefault(section, []).append(anchor)
    return found


def _words(node):
    """The words of a node in small letters, without the tags of its links."""
    return re.sub(r"<[^>]+>", "", node.astext()).lower().strip()


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
        dict: text, code, closed (text and code that are hidden), and raw (its HTML).
    """
    from docutils import nodes

    parts = {"text": [], "code": [], "closed": [], "raw": []}

    def visit(node, kind):
        if isinstance(node, nodes.Text):
            parts[kind].append(node.astext())
            return
        if isinstance(node, nodes.section | nodes.title | nodes.math_block) or LEFT_OUT & set(node.get("classes", [])):
            return
        if isinstance(node, nodes.math) and not PLAIN.fullmatch(node.astext()):
            return
        kind = "code" if isinstance(node, nodes.literal_block) else kind
        kind = "raw" if isinstance(node, nodes.raw) else "closed" if id(node) in hidden else kind
        for child in node.children:
            visit(child, kind)
        if not isinstance(node, nodes.Inline):
            parts[kind].append(" ")

    for child in node.children:
        visit(child, "text")
    return {kind: " ".join("".join(words).split()) for kind, words in parts.items()}

"""The same pages as an EPUB: formulas in MathML, and a body that is well-formed XML. An extension of Sphinx."""

import re
from pathlib import Path
from urllib.parse import unquote

from sphinx.builders.epub3 import Epub3Builder

ITEM = re.compile(r'(?P<start><item id="[^"]*" href="(?P<file>[^"]*\.xhtml)" media-type="application/xhtml\+xml") />')
SVG = re.compile(r"<svg\b.*?</svg>", re.S)
KEPT = "svg-{}-kept"
NOT_IN_THE_BOOK = re.compile(r"mystnb|site\.css")
LEFT_OUT = ".course-ways, .headerlink, script, button"  # what leads to other files, or works in a browser alone
NO_MATHML = re.compile(r"\\(?:tag|label)\{[^}]*\}|\\[bB]igg?[lr]?(?![a-z])")  # brackets stretch by themselves


def setup(app):
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("html-page-context", _well_formed)
    app.add_builder(Book, override=True)  # under the name that MyST-NB knows


class Book(Epub3Builder):
    """Sphinx's EPUB, whose list of files says which pages hold drawings and formulas, as the standard wants it."""

    def build_content(self):
        """Write the list of files."""
        super().build_content()
        path = Path(self.outdir, "content.opf")
        path.write_text(ITEM.sub(self._with_properties, path.read_text(encoding="utf-8")), encoding="utf-8")

    def _with_properties(self, item):
        page = Path(self.outdir, unquote(item["file"])).read_text(encoding="utf-8")
        found = " ".join(name for name, tag in (("svg", "<svg"), ("mathml", "<math")) if tag in page)
        return f'{item["start"]} properties="{found}" />' if found else item[0]


def _inline(writer, node):
    from docutils.nodes import SkipNode

    writer.body.append(mathml(node.astext()))
    raise SkipNode


def _block(writer, node):
    from docutils.nodes import SkipNode

    writer.body.append(f'<div class="math">{mathml(node.astext(), block=True)}</div>')
    raise SkipNode


def mathml(tex, block=False):
    r"""A formula in MathML, by docutils.

    Args:
        tex: in LaTeX, without its dollars.
        block: on a line of its own.
    Raises:
        ValueError: docutils cannot read it; the message has the formula.
    """
    from docutils.utils.math import MathError, latex2mathml

    try:
        return latex2mathml.tex2mathml(NO_MATHML.sub("", tex), as_block=block)
    except MathError as error:
        raise ValueError(f"no MathML can be made of ${tex}$: {error}") from error


def _well_formed(app, page, template, context, tree):
    if app.builder.name == Book.name and "body" in context:
        context["body"] = xhtml(context["body"])
        context["css_files"] = [css for css in context["css_files"] if not NOT_IN_THE_BOOK.search(str(css))]


def xhtml(body):
    """HTML as a browser takes it, as the well-formed XML that an e-reader wants, without what leads out of the book.

    Args:
        body: of a page. Its SVG is XML already, and is left as it is: HTML would write its names in small letters.
    """
    from bs4 import BeautifulSoup

    drawings = SVG.findall(body)
    numbers = iter(range(len(drawings)))
    soup = BeautifulSoup(SVG.sub(lambda match: KEPT.format(next(numbers)), body), "html.parser")
    for element in soup.select(LEFT_OUT):
        element.decompose()
    for element in soup.select("math :not(mstyle)"):  # here docutils writes what the standard has at `mstyle` alone
        for name in ("displaystyle", "scriptlevel"):
            element.attrs.pop(name, None)
    for hide in soup.select("summary p + p"):  # a browser shows one of the two, as the fold is closed or open
        hide.decompose()
    for paragraph in soup.select("summary p"):
        paragraph.name = "span"
    for table in soup.find_all("table"):  # as site.js does it, which does not run here
        names = [name.get_text(" ", strip=True) for name in table.select("thead th")]
        rows = [row.find_all("td") for row in table.select("tbody tr")]
        if any(len(cell.get_text()) > 40 for row in rows for cell in row[1:]):
            table["class"] = [*table.get("class", []), "course-rows"]
            for cell, name in (pair for row in rows for pair in list(zip(row, names, strict=False))[1:]):
                cell["data-column"] = name
    text = soup.decode(formatter="minimal")
    for number, drawing in enumerate(drawings):
        drawing = drawing.replace(
            'image-rendering="pixelated"', 'image-rendering="optimizeSpeed"'
        )  # its word in SVG 1.1
        text = text.replace(KEPT.format(number), drawing, 1)
    return text

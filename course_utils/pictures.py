"""A figure as the pictures that an output carries: PNG for every viewer, SVG where it is small.

The SVG is written so that a page can take it in as it is: text stays text in one font that the page may change, styles
are attributes and no style sheet, ids belong to one figure only, lengths are rounded to a tenth of a point.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from course_utils.runtime import quick

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

COARSE_DPI = 20  # in a smoke run
MAX_SVG = 25_000  # bytes; a scatter of many points, or images inside, say more as PNG
PIXELS = 70  # an inch, on a page: 840 for 12 inches. JupyterLab does not shrink an SVG that is wider than its window
MIN_ALT_CHARS = 20  # characters
FONTS = "DejaVu Sans,Segoe UI,Helvetica,Arial,sans-serif"  # text was measured with the first: none is wider
_XML, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_DEFAULTS = {"fill": "#000000", "stroke-linecap": "butt", "stroke-linejoin": "round", "font-stretch": "normal"}
_ANCHORS = {"left": ("start", 0.0), "center": ("middle", 0.5), "right": ("end", 1.0)}
_COLOUR = re.compile(r"#(\w)\1(\w)\2(\w)\3$")
_NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")


def described(alt: str) -> str:
    """An alt text in one line.

    Raises:
        ValueError: too short to say anything.
    """
    alt = " ".join(alt.split())
    if len(alt) < MIN_ALT_CHARS:
        raise ValueError(f"alt text must say what the figure shows, in {MIN_ALT_CHARS} characters or more; got {alt!r}")
    return alt


def png(fig: Figure, *, dpi: float | None = None) -> bytes:
    """The figure in 256 colours: a third of the bytes, which a notebook carries as text."""
    from PIL import Image

    if quick():
        return _coarse(fig)
    drawn, small = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, format="png", dpi=dpi or "figure")
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    return small.getvalue()


def _coarse(fig: Figure) -> bytes:
    """A PNG for nobody's eyes, in a smoke run: it shows that the figure can be drawn, and that once."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawn = io.BytesIO()
    fig.set_dpi(COARSE_DPI)
    FigureCanvasAgg(fig).print_png(drawn)
    return drawn.getvalue()


def base64_text(content: bytes | str) -> str:
    """As a notebook carries it, or a data address."""
    return base64.b64encode(content.encode("ascii") if isinstance(content, str) else content).decode("ascii")


def svg(fig: Figure, *, name: str, label: str | None = None) -> str | None:
    """The figure as SVG in ASCII, or None where it has more than `MAX_SVG` bytes, and in a smoke run.

    Args:
        fig: the figure, drawn once before: its ticks are there.
        name: what tells it from the other figures of a page; its ids are made from it and the drawing.
        label: what it shows, for somebody who cannot see it; None leaves that to what is around it.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.text import Text

    if quick():
        return None
    texts = {f"course-text-{number}": text for number, text in enumerate(fig.findobj(Text))}
    before = [text.get_gid() for text in texts.values()]
    drawn = io.StringIO()
    try:
        for gid, text in texts.items():
            text.set_gid(gid)
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "course"}):
            FigureCanvasSVG(fig).print_svg(drawn, metadata={"Date": None})  # `savefig` draws everything twice
    finally:
        for text, gid in zip(texts.values(), before, strict=True):
            text.set_gid(gid)
    root = ElementTree.fromstring(drawn.getvalue())
    for group in root.iter(f"{_XML}g"):
        if group.get("id") in texts:
            _anchor(group, texts[group.get("id")])
    marks = {path.get("id"): path for path in root.iter(f"{_XML}path") if path.get("id")}
    for use in root.iter(f"{_XML}use"):
        _leave_to(marks[use.get(_LINK).removeprefix("#")], use)
    width, height = (f"{inches * PIXELS:g}" for inches in fig.get_size_inches())
    opening = {"xmlns": _XML[1:-1], "width": width, "height": height, "viewBox": root.get("viewBox")}
    opening |= {"font-family": FONTS, "stroke-linejoin": "round"}
    if label:
        opening |= {"role": "img", "aria-label": label}
    body = "".join(_written(root))
    written = f"<svg{_attributes(opening)}>{_own_ids(body, name)}</svg>".encode("ascii", "xmlcharrefreplace")
    return written.decode("ascii") if len(written) <= MAX_SVG else None


def _anchor(group: ElementTree.Element, text: Text) -> None:
    """Hold the lines of a text where they were aligned, whatever the width of the page's font.

    matplotlib does so for a single level line; others begin where DejaVu Sans begins them.
    """
    from matplotlib.textpath import text_to_path

    anchor, share = _ANCHORS[text.get_horizontalalignment()]
    lines = iter(text.get_text().split("\n"))
    for node in group.iter(f"{_XML}text"):
        spans, line = list(node), next(lines, "")
        if "text-anchor" in node.get("style", ""):
            continue
        width, _, _ = text_to_path.get_text_width_height_descent(line, text.get_fontproperties(), bool(spans))
        node.attrib |= {"x": f"{share * width}", "text-anchor": anchor}
        _flow(node, spans)


def _flow(node: ElementTree.Element, spans: list[ElementTree.Element]) -> None:
    """Let the signs of a formula follow each other: matplotlib puts each at the place that it has in DejaVu Sans."""
    runs: list[ElementTree.Element] = []
    for span in sorted(spans, key=lambda span: float(span.get("x").split()[0])):
        if runs and all(runs[-1].get(key) == span.get(key) for key in ("y", "style")):
            runs[-1].text += span.text
        else:
            runs.append(span)
    node[:] = runs
    height = 0.0
    for span in runs:
        rise = float(span.attrib.pop("y")) - height
        height += rise
        span.attrib.pop("x")
        if abs(rise) > 0.2:
            span.set("dy", f"{rise}")


def _styles(node: ElementTree.Element) -> dict[str, str]:
    pairs = (part.split(":", 1) for part in node.get("style", "").split(";") if ":" in part)
    return {key.strip(): value.strip() for key, value in pairs}


def _leave_to(mark: ElementTree.Element, use: ElementTree.Element) -> None:
    """Take from each use of a mark, a tick for one, the styles that the mark has itself: they would change nothing."""
    own = _styles(mark)
    use.set("style", ";".join(f"{key}:{value}" for key, value in _styles(use).items() if key not in own))


def _written(parent: ElementTree.Element) -> Iterator[str]:
    """Write what is in an element: metadata and empty groups left out, groups that say nothing opened."""
    for node in parent:
        kind = node.tag.removeprefix(_XML)
        if kind in ("metadata", "style") or not isinstance(node.tag, str):
            continue
        inner = "".join(_written(node)) or escape((node.text or "").strip("\n") if kind in ("text", "tspan") else "")
        given = _presented(node)
        if kind in ("g", "defs") and not inner:
            continue
        if kind == "g" and not given:
            yield inner
            continue
        yield f"<{kind}{_attributes(given)}" + (f">{inner}</{kind}>" if inner else "/>")


def _presented(node: ElementTree.Element) -> dict[str, str]:
    """The attributes of an element, styles among them, short."""
    given = {key: value for key, value in _styles(node).items() if key != "font-family" and _DEFAULTS.get(key) != value}
    for key, value in node.attrib.items():
        key = "href" if key == _LINK else key
        if key == "style" or (key == "id" and node.tag == f"{_XML}g"):
            continue
        if key == "d":
            value = _path(value)
        elif key == "transform":
            value = " ".join(part for part in map(_transform, value.split(") ")) if part)
        elif key in ("x", "y", "dy", "width", "height", "points"):
            value = _NUMBER.sub(lambda found: _short(found[0]), value)
        if value:
            given[key] = value
    return {key: _COLOUR.sub(r"#\1\2\3", value).removesuffix("px") for key, value in given.items()}


def _short(number: str, digits: int = 1) -> str:
    text = f"{float(number):.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _transform(part: str) -> str:
    """One step of a transform, or "" where it turns nothing; only lengths may be rounded to a tenth."""
    kind, _, numbers = part.strip(" )").partition("(")
    digits = 1 if kind in ("translate", "rotate") else 4
    short = [_short(number, digits) for number in _NUMBER.findall(numbers)]
    return "" if kind == "rotate" and short[0] == "0" else f"{kind}({' '.join(short)})"


def _path(words: str) -> str:
    """The steps of a path, without what may be left out: spaces, and a step's letter where it is repeated."""
    written, last = [], ""
    for letter, numbers in re.findall(r"([A-Za-z])([^A-Za-z]*(?:e[-+]?\d+[^A-Za-z]*)*)", words):
        short = " ".join(_short(number) for number in _NUMBER.findall(numbers)).replace(" -", "-")
        again = letter == last or (letter, last) == ("L", "M")
        written.append((" " if not short.startswith("-") else "") + short if again and short else letter + short)
        last = letter
    return "".join(written)


def _own_ids(body: str, name: str) -> str:
    """Rename ids to short ones that no other figure of a page has; those that nothing points at go."""
    mark = "c" + hashlib.sha256((name + body).encode()).hexdigest()[:6]
    used = dict.fromkeys(re.findall(r"(?:url\(|href=')#([^)']+)", body))
    short = {old: f"{mark}-{number}" for number, old in enumerate(used)}
    body = re.sub(r" id='([^']*)'", lambda found: f" id='{short[found[1]]}'" if found[1] in short else "", body)
    return re.sub(r"(url\(|href=')#([^)']+)", lambda found: f"{found[1]}#{short[found[2]]}", body)


def _attributes(given: dict[str, str]) -> str:
    """In single quotes: the double ones would each cost a backslash in a notebook."""
    return "".join(f" {key}='{escape(value, {chr(39): '&#39;'})}'" for key, value in given.items())

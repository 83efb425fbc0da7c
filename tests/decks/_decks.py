"""Small notebooks for the tests of slides, and a deck of one that is open in a browser."""

import base64
import io

import nbformat
from matplotlib.figure import Figure

from tools import slides

ALT = 'Two bars, the second "thirty" times as high & wider'


def png(width=9.6, height=4.6):
    """An empty figure of so many inches, in base64."""
    file = io.BytesIO()
    Figure(figsize=(width, height), dpi=100).savefig(file, format="png")
    return base64.b64encode(file.getvalue()).decode()


def figure(alt=ALT, **size):
    """What a cell shows that draws."""
    metadata = {"image/png": {"alt": alt}} if alt else {}
    return nbformat.v4.new_output(
        "display_data", data={"image/png": png(**size), "text/plain": "Figure"}, metadata=metadata
    )


def drawing(size=17, alt=ALT, label=""):
    """A figure as SVG with words of so many points, 1200 pixels wide, and as PNG."""
    svg = (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="1200" height="480" '
        f'viewBox="0 0 864 345.6"{label}><g transform="translate(100 100)">'
        f'<text font-size="{size}">batch size</text></g></svg>'
    )
    output = figure(alt)
    output.data["image/svg+xml"] = svg
    output.metadata["image/svg+xml"] = {"alt": alt}
    return output


def markdown(source, kind="slide", tags=(), layout=None):
    """A cell with text."""
    return nbformat.v4.new_markdown_cell(source, metadata=_metadata(kind, tags, layout))


def code(source, *outputs, kind="slide", tags=(), layout=None, **metadata):
    """A cell that was run."""
    metadata |= _metadata(kind, tags, layout)
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=1, metadata=metadata)


def _metadata(kind, tags, layout):
    return {"slideshow": {"slide_type": kind} | ({"layout": layout} if layout else {}), "tags": list(tags)}


def printed(text, name="stdout"):
    """What a cell prints."""
    return nbformat.v4.new_output("stream", name=name, text=text)


def result(data):
    """What stands last in a cell."""
    return nbformat.v4.new_output("execute_result", data=data)


def table(rows, columns):
    """A table of numbers as an output."""
    row = "<tr>" + "<td>1,234 ms</td>" * columns + "</tr>"
    return result({"text/html": f"<table>{row * rows}</table>"})


def note(text="*For the lecturer, 2 min.* Ask the room: how many bits?"):
    """What the lecturer reads."""
    return markdown(text, "notes", ["remove-cell"])


def notebook(*cells):
    """A notebook with these cells."""
    course = {"number": "3.7", "title": "Bits & pieces", "name": "bits"}
    return nbformat.v4.new_notebook(cells=list(cells), metadata={"course": course})


def opened(page, folder, *cells):
    """Make a deck of these cells and open it; gives the page."""
    page.goto(slides.write(notebook(*cells), folder / "3.7_bits.html").as_uri())
    page.wait_for_function("window.deckReady === true")
    return page

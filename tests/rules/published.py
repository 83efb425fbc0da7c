"""Rules for a published notebook: its outputs, and its size."""

import re

from rules._cells import numbered, tags
from rules.lesson import MACHINE_PATH
from rules.symbols import LEAST_ALT
from tools.publishing import numbers

MOST_OUTPUT = 24_000  # a scorecard of twenty claims, as HTML and as plain text
MOST_NOTEBOOK_BYTES = 500 * 1024  # a figure is there twice, as PNG and as SVG
DRAWN_IN = re.compile(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+")
PROGRESS_BAR = re.compile(r"\d+%\||\bit/s|\bs/it")


def outputs(published):
    """No errors, no noise on stderr, no machine's path, nothing very long, every picture described."""
    return [
        f"cell {n}: {fault}"
        for n, cell in numbered(published, kind="code")
        for output in cell.get("outputs", [])
        for fault in _output(output, tags(cell))
    ]


def output_text(output):
    """All text of one output."""
    text = "".join(v for k, v in output.get("data", {}).items() if k.startswith("text/") and isinstance(v, str))
    return output.get("text", "") + text


def _output(output, cell_tags):
    text, data, faults = output_text(output), output.get("data", {}), []
    if output.output_type == "error":
        faults.append(f"the output is an error: {output.get('ename')}: {output.get('evalue')}")
    if output.get("name") == "stderr" and "legacy" not in cell_tags and not PROGRESS_BAR.search(text):
        faults.append(f"writes to stderr: {text.strip()[:120]}")
    if MACHINE_PATH.search(text):
        faults.append("a machine's path in the output")
    text = DRAWN_IN.sub("", text)  # the pictures of frames are no text; what the notebook weighs bounds them
    if len(text.encode()) > MOST_OUTPUT:
        faults.append(f"{len(text.encode())} bytes of text in one output, at most {MOST_OUTPUT}")
    for kind in ("image/png", "image/jpeg", "image/svg+xml"):
        alt = output.get("metadata", {}).get(kind, {}).get("alt", "")
        if kind in data and len(alt) < LEAST_ALT:
            faults.append(f"a figure whose alt text is {alt!r}")
    html = data.get("text/html", "")
    faults += [f"a picture whose alt text is {alt!r}" for alt in _img_alts(html) if len(alt) < LEAST_ALT]
    return faults


def _img_alts(html):
    found = []
    for tag in re.findall(r"<img\b[^>]*>", html, re.I):
        alt = re.search(r"""\balt=(?:"([^"]*)"|'([^']*)')""", tag, re.I)
        found.append((alt.group(1) or alt.group(2) or "") if alt else "")
    return found


def small_enough(path):
    """A notebook that opens quickly and does not swell the repository."""
    size = path.stat().st_size
    return [] if size < MOST_NOTEBOOK_BYTES else [f"{size} bytes, at most {MOST_NOTEBOOK_BYTES}"]


def numbers_of_the_run(published):
    """What sentences say of "the run on this page" is what that run shows: no number that a newer run left behind."""
    return [f"{said}: the page does not show it; see tools/publishing/numbers.py" for said in numbers.lost(published)]


def numbers_of_the_record(published, records):
    """What sentences say of a record is in that record, or on the page."""
    return [f"{said}: no record shows it" for said in numbers.lost_of_records(published, records)]

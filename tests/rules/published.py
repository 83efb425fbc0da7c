"""Rules for a published notebook: its outputs, and its size."""

import re

from rules._cells import numbered, tags
from rules.lesson import MACHINE_PATH, MIN_ALT_CHARS

MAX_OUTPUT = 8_000  # a scorecard of five claims, as HTML and as plain text, is half of that
MAX_NOTEBOOK_BYTES = 500 * 1024  # a figure is there twice, as PNG and as SVG
DRAWN_IN = re.compile(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+")
PROGRESS_BAR = re.compile(r"\d+%\||\bit/s|\bs/it")
ALT = re.compile(r"""\balt=(?:"([^"]*)"|'([^']*)')""", re.I)


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
    if (size := len(DRAWN_IN.sub("", text).encode())) > MAX_OUTPUT:  # what the notebook weighs bounds the pictures
        faults.append(f"{size} bytes of text in one output, at most {MAX_OUTPUT}")
    alts = [output.metadata.get(kind, {}).get("alt", "") for kind in data if kind.startswith("image/")]
    for tag in re.findall(r"<img\b[^>]*>", data.get("text/html", ""), re.I):
        found = ALT.search(tag)
        alts.append((found[1] or found[2] or "") if found else "")
    return faults + [f"a picture whose alt text is {alt!r}" for alt in alts if len(alt) < MIN_ALT_CHARS]


def small_enough(path):
    """A notebook that opens quickly and does not swell the repository."""
    size = path.stat().st_size
    return [] if size < MAX_NOTEBOOK_BYTES else [f"{size} bytes, at most {MAX_NOTEBOOK_BYTES}"]

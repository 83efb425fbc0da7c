"""Makes the outputs of a notebook small, and the same whenever and wherever it was run."""

import copy
import re
import sys
import tempfile
from itertools import groupby
from pathlib import Path

from tools.publishing import lessons

WIDGET = "application/vnd.jupyter.widget-view+json"
CELL_FILE = re.compile(r"<tmp>[\\/]ipykernel_\d+[\\/]\d+\.py")
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,16}\b")


def compact(nb, *, root, folder=None):
    """Copy a notebook with outputs that hold nothing of the run or the machine.

    Neighbouring streams are merged, stderr first (their order is a race); of a progress bar its last
    frame is kept; widgets, empty outputs and those of tasks are dropped; paths of this machine and
    addresses of objects are replaced.

    Args:
        nb: an executed notebook; left as it was.
        root: the repository; becomes "<course>" in outputs.
        folder: the folder in which the kernel ran; becomes ".".
    Returns:
        NotebookNode.
    """
    nb = copy.deepcopy(nb)
    places = _places(root, folder)
    count = 0
    for cell in nb.cells:
        if lessons.is_task(cell):
            cell.outputs, cell.execution_count = [], None
        elif cell.cell_type == "code":
            outputs = [_clean(out, places) for out in _merge_streams(cell.outputs)]
            cell.outputs = [out for out in outputs if _says_something(out)]
            cell.execution_count = count = count + 1  # without the tasks, which may change without a run
    return nb


def _places(root, folder):
    """Pair every way of writing a path of this machine with what stands for it, longest first."""
    named = {Path(tempfile.gettempdir()): "<tmp>", Path.home(): "~", Path(sys.prefix): "<python>"}
    named |= {Path(sys.base_prefix): "<python>", Path(root): "<course>"}
    if folder is not None:
        named[Path(folder)] = "."
    spelled = {}
    for path, name in named.items():
        for form in (path, path.resolve()):
            if len(form.parts) > 1:  # "/" alone would match everywhere
                text = str(form)
                spelled |= {text: name, text.replace("\\", "\\\\"): name, form.as_posix(): name}
    return [
        (re.compile(r"(?<![\w.:-])" + re.escape(text) + r"(?![\w-])"), name)  # "/tmp" is not the start of "/tmpfile"
        for text, name in sorted(spelled.items(), key=lambda pair: -len(pair[0]))
    ]


def scrub(text, places):
    """Replace the paths of this machine, and what differs between two runs, in a text."""
    for pattern, name in places:
        text = pattern.sub(lambda _, name=name: name, text)
    return ADDRESS.sub("at 0x...", CELL_FILE.sub("<cell>", text))


def _merge_streams(outputs):
    merged = []
    for is_stream, group in groupby(outputs, key=lambda out: out.output_type == "stream"):
        group = list(group)
        for name in ("stderr", "stdout") if is_stream else ():
            if parts := [out for out in group if out.name == name]:
                parts[0].text = last_frames("".join(out.text for out in parts))
                merged.append(parts[0])
        merged += [] if is_stream else group
    return merged


def last_frames(text):
    """Give the text without what carriage returns wrote over: of a progress bar its last frame."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rpartition("\r")[2].rstrip() if "\r" in line else line for line in lines)


def _clean(output, places):
    if output.output_type == "stream":
        output.text = scrub(output.text, places)
    else:
        for kind, value in output.data.items():
            if isinstance(value, str) and (kind.startswith("text/") or kind == "image/svg+xml"):
                output.data[kind] = scrub(value, places)
    output.pop("transient", None)
    return output


def _says_something(output):
    if output.output_type == "stream":
        return bool(output.text.strip())
    return bool(output.data) and WIDGET not in output.data

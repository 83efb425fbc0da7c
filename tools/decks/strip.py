"""The ledger strip: the models of a lesson beside the one that it began with, at the end of its deck.

It stands under what to remember, and shows rows of the ledger that came with the lesson: the bytes of each file as a
bar, to scale, and accuracy and speed in words. Where nothing became smaller the bars are of one length; that is a
result, too.
"""

import html
import json
from itertools import groupby

from course_utils.show.tables import si

FIRST = "fp32"  # how the technique of a model begins to which nothing was done
MOST = 4  # rows; the sentences above them need the room


def rows(path):
    """Read the rows of a lesson that a strip shows.

    Args:
        path: the lesson's file in records/ledger; there need not be one.
    Returns:
        list of dict, fields as in `course_utils.scorecard.ledger.Row`, of the first model with several rows: the one
        that it began with, then others by size, the smallest file last, and of one size the most accurate. Where they
        are too many, the first of them go. [] where no model has two rows.
    """
    if not path.is_file():
        return []
    found = [row for row in json.loads(path.read_text(encoding="utf-8"))["rows"] if row["file_bytes"]]

    def of_one_model(row):
        return row["task"], row["model"]

    for _, group in groupby(sorted(found, key=of_one_model), of_one_model):
        several = list(group)
        first = min(several, key=lambda row: (not row["technique"].startswith(FIRST), -row["file_bytes"]))
        others = sorted(
            (row for row in several if row is not first),
            key=lambda row: (row["file_bytes"], -(row["accuracy"] or 0)),
        )
        if others:
            return [first, *reversed(others[: MOST - 1])]
    return []


def drawn(path):
    """HTML of the strip of a lesson; "" where it has none.

    Args:
        path: the lesson's file in records/ledger.
    """
    shown = rows(path)
    if not shown:
        return ""
    most = max(row["file_bytes"] for row in shown)
    lines = "".join(
        f"<span>{html.escape(row['technique'])}</span>"
        f'<i><i style="width: {100 * row["file_bytes"] / most:.2f}%"></i></i>'
        f"<span>{_figures(row)}</span>"
        for row in shown
    )
    return f'<div class="ledger-strip"><b>Ledger: {html.escape(shown[0]["model"])}</b>{lines}</div>'


def _figures(row):
    said = [si(row["file_bytes"], "B")]
    if row["accuracy"] is not None:
        said.append(f"{100 * row['accuracy']:.1f} % right")
    if row["speedup"] is not None and row["speedup"] != 1:
        said.append(f"{row['speedup']:.2f} × the speed")
    return " · ".join(said)

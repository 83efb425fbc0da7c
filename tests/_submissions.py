"""Submissions for the tests of `course.py grade`: right and wrong ones, and those that want to fool or break it."""

import json
from pathlib import Path

RIGHT = """\
def roof_seconds(n_in, n_out, batch, bytes_each, peak, bandwidth):
    moved = n_in * n_out + batch * (n_in + n_out)
    return max(2 * batch * n_in * n_out / peak, moved * bytes_each / bandwidth)
"""
BATCH = """\
def break_even_batch(n_weights, n_macs, mac_pj, bits):
    one = n_macs * mac_pj
    return max(1, -int(-(n_weights * 640 * bits / 32) // one))
"""
# Bodies of functions, each under a line "# %% what it does"; `args` are the arguments.
TEXT = (Path(__file__).parent / "fixtures" / "hostile_answers.txt").read_text(encoding="utf-8")
HOSTILE = {name: body.strip() for name, _, body in (part.partition("\n") for part in TEXT.split("# %% ")[1:])}
# Where nothing holds them, these would harm the machine that the tests run on.
ONLY_CONTAINED = {
    "kills its parent",
    "kills all",
    "forks",
    "deletes files",
    "fills the disk",
    "takes memory in many processes",
    "reads the solutions",
}


def hostile(name):
    """The source of a function that does what a name of `HOSTILE` says."""
    body = HOSTILE[name].replace("\n", "\n    ")
    return f"def roof_seconds(*args):\n    {body}\n"


def notebook(*cells, course="roofline"):
    """The text of a notebook with these code cells."""
    made = [
        {"cell_type": "code", "source": cell, "metadata": {}, "outputs": [], "execution_count": None} for cell in cells
    ]
    metadata = {"course": {"name": course}} if course else {}
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})

"""Submissions for the tests of `course.py grade`: right and wrong ones, and those that want to fool or break it."""

import json
from pathlib import Path

RIGHT = """\
def linear_energy_pj(n_in, n_out, batch, mul_pj, add_pj):
    return batch * n_out * (n_in * (mul_pj + add_pj) + add_pj)
"""
MACS = """\
def conv2d_macs(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    out = (side + 2 * padding - kernel) // stride + 1
    return c_out * out * out * (c_in // groups) * kernel * kernel
"""
# Bodies of functions, each under a line "# %% what it does"; `args` are the arguments.
TEXT = (Path(__file__).parent / "fixtures" / "hostile_answers.txt").read_text(encoding="utf-8")
HOSTILE = {name: body.strip() for name, _, body in (part.partition("\n") for part in TEXT.split("# %% ")[1:])}
# Where nothing holds them, these would harm the machine that the tests run on.
ONLY_CONTAINED = {
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
    return f"def linear_energy_pj(*args):\n    {body}\n"


def notebook(*cells, course="energy"):
    """The text of a notebook with these code cells."""
    made = [
        {"cell_type": "code", "source": cell, "metadata": {}, "outputs": [], "execution_count": None} for cell in cells
    ]
    metadata = {"course": {"name": course}} if course else {}
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})

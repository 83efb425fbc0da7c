"""Submissions for the tests of `course.py grade`: right and wrong ones, and those that want to break it."""

import json
from pathlib import Path

RIGHT = """\
import torch

def read_group(group):
    step, minimum = group[:4].view(torch.float16).float()
    codes = torch.cat([group[4:] & 15, group[4:] >> 4])
    return codes * step + minimum
"""
WRONG = RIGHT.replace("step, minimum =", "minimum, step =")
# Bodies of functions, each under a line "# %% what it does"; `args` are the arguments.
TEXT = (Path(__file__).parent / "fixtures" / "hostile_answers.txt").read_text(encoding="utf-8")
HOSTILE = {name: body.strip() for name, _, body in (part.partition("\n") for part in TEXT.split("# %% ")[1:])}
# Where nothing holds them, these would harm the machine that the tests run on.
ONLY_CONTAINED = {"kills its parent", "forks", "deletes files", "fills the disk"}


def hostile(name):
    """The source of a function that does what a name of `HOSTILE` says."""
    body = HOSTILE[name].replace("\n", "\n    ")
    return f"def read_group(*args):\n    {body}\n"


def notebook(*cells, course="weight_only"):
    """The text of a notebook with these code cells."""
    made = [
        {"cell_type": "code", "source": cell, "metadata": {}, "outputs": [], "execution_count": None} for cell in cells
    ]
    metadata = {"course": {"name": course}} if course else {}
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})

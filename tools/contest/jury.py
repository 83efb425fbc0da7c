"""Judges a submission to the challenge: it sees images in a contained process; labels and verdict stay out of it."""

import contextlib
import io
import lzma
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from tools.contest import entry
from tools.contest import exam as _exam
from tools.contest.entry import Refused
from tools.sandbox import contained, values, walls
from tools.sandbox.proxy import Answer

ABOVE, BELOW, REFUSED = "above the bar", "below the bar", "refused"
SECONDS = 60  # for all that is asked
LIMITS = contained.Limits(call=SECONDS, seconds=2.5 * SECONDS)  # in all, with Python's start
INSIDE = Path(__file__).with_name("examined.py")
LONE = (
    "It ran in a process of its own: no network, no file but its own and those of Python's packages; data, labels and "
    "records of the course were not there."
)
FREE = (
    "No container: this system, or this account, does not allow one. It ran in a process of its own, but could read "
    "your files, data/ with the labels too. Judge what you do not trust in a container: see docs/instructors.md."
)


@dataclass(frozen=True)
class Verdict:
    """What became of a submission.

    Attributes:
        name: of the submission.
        task: name of the data set.
        status: "above the bar", "below the bar" or "refused".
        message, hint: what was wrong, and what to do; "" where nothing was.
        sizes: (name, bytes) of each file.
        packed: bytes that xz makes of all of them.
        accuracy: on the test set, 0 to 1; None where it was not found out.
        facts: sentences on what else was asked.
        seconds: that its answers took.
    """

    name: str
    task: str
    status: str = REFUSED
    message: str = ""
    hint: str = ""
    sizes: tuple = ()
    packed: int = 0
    accuracy: float | None = None
    facts: tuple = ()
    seconds: float = 0.0

    @property
    def bytes(self):
        """What counts: all bytes of all files."""
        return sum(size for _, size in self.sizes)


def house(way=None):
    """A `contained.House` in which neither data sets nor records nor lessons are."""
    return contained.House(LIMITS, way=way, readable=walls.ENGINE)


def judge(house, name, path, exam):
    """Judge one submission.

    Args:
        house: of `house`.
        name: what it is called in the verdict.
        path: its folder, or a zip of it.
        exam: of `exam.make`.
    """
    verdict = Verdict(printable(name), exam.task.name)
    try:
        files = entry.read(path)
        sizes = tuple((file, len(content)) for file, content in files.items())
        verdict = replace(verdict, sizes=sizes, packed=len(lzma.compress(b"".join(files.values()))))
        guilty = entry.holds_labels(files, exam.first)
        if guilty:
            said = f"{', '.join(guilty)} holds labels of the test set, in their order."
            raise Refused(said, "Take them out. The images are asked in another order, so they would not help.")
        given, seconds = ask(house, files, exam.images)
        facts, fault = _exam.controls(given, exam)
        verdict = replace(verdict, accuracy=_exam.accuracy(given, exam), facts=facts, seconds=seconds)
        if fault:
            raise Refused(*fault)
    except Refused as refused:
        return replace(verdict, message=refused.message, hint=refused.hint)
    if verdict.accuracy > exam.task.bar:
        return replace(verdict, status=ABOVE)
    said = f"More than {100 * exam.task.bar:g} % of the test images must be right."
    return replace(verdict, status=BELOW, message=said, hint="Train longer or start larger, then make it small.")


def ask(house, files, images):
    """The labels that a submission gives, uint8 (N,), and the seconds that it took.

    Raises:
        Refused: it broke, took too long, or gave what is no labels.
    """
    given, seconds = [], 0.0

    def slow():
        return Refused(
            f"After {SECONDS} seconds {sum(map(len, given)):,} of {len(images):,} images had a label.",
            f"It has {SECONDS} seconds for all. Compute on whole batches; do in load what is done once.",
        )

    with house.process() as process:
        try:
            answer = Answer(process, [("the checker", 1, INSIDE.read_text(encoding="utf-8"))], "answer")
            for what, value in [("load", files), *(("predict", part) for part in _batches(images))]:
                began = time.monotonic()
                got = _call(answer, what, value)
                seconds += time.monotonic() - began
                given += [labels(got, len(value))] if what == "predict" else []
                if seconds > SECONDS:
                    raise slow()
        except contained.Gone:
            if process.fate == "timed out":
                raise slow() from None
            limits = f"{LIMITS.memory >> 30} GB of memory, {LIMITS.processes} threads and processes"
            raise Refused(process.detail, f"It has {limits}, and must stay alive. Try it by yourself first.") from None
    return np.concatenate(given), seconds


def _batches(images):
    """One image, then two, then 500 to 1,000 a call."""
    at, rng = 0, np.random.default_rng()
    while at < len(images):
        size = at + 1 if at < 3 else int(rng.integers(500, 1001))
        yield images[at : at + size]
        at += size


def _call(answer, what, value):
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # a remark that something was printed
            got, raised = answer(what, value)
    except Exception as error:  # whatever a process that was changed says
        got, raised = None, f"{type(error).__name__}: {error}"
    if raised is None:
        return got
    given = f"{len(value)} images, uint8 {value.shape}," if what == "predict" else "its folder"
    hint = "Try this call by yourself; docs/challenge.md shows one."
    if "ModuleNotFoundError" in str(raised):
        hint = "There are torch, numpy, Python's own library and the files of the folder. Put what you need into it."
    raise Refused(f"{what} was given {given} and raised {printable(str(raised))[:800]}", hint)


def printable(text):
    """A text in one line, which no terminal takes for anything but letters."""
    return "".join(letter if letter.isprintable() else " " for letter in values.plain_text(text))


def labels(got, n):
    """Labels as uint8 (n,).

    Args:
        got: what came back, anything that `values.decode` gives.
    Raises:
        Refused: it is something else.
    """
    wanted = f"Give {n} integers from 0 to 9, one an image: an array, a tensor or a list."
    if isinstance(got, torch.Tensor):
        got = (got.detach().float() if got.is_floating_point() else got.detach()).numpy()
    if isinstance(got, list | tuple) and all(type(label) is int and abs(label) < 1000 for label in got):
        got = np.array(got, dtype=np.int64)
    if not isinstance(got, np.ndarray):
        said = str(got) if isinstance(got, values.Foreign) else f"an object of type {type(got).__name__}"
        raise Refused(f"predict gave {said} for {n} images.", wanted)
    if got.shape != (n,):
        raise Refused(f"predict gave an array of shape {got.shape} for {n} images.", wanted)
    if got.dtype.kind not in "iu":
        raise Refused(f"predict gave an array of {got.dtype}.", f"{wanted} From scores, argmax makes them.")
    wrong = got[(got < 0) | (got > 9)]
    if len(wrong):
        raise Refused(f"predict gave the label {wrong[0]}.", wanted)
    return got.astype(np.uint8)

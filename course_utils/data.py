"""Fashion-MNIST and MNIST as tensors in memory.

The files lie packed in ``data/``. Each is unpacked straight into memory, as far as it is asked for, and nothing is read
from it before its sha256 is found right. Nothing is unpacked to disk: no process can meet a file that another has half
written, so two notebooks may start at once. How a missing or damaged file is treated: `files`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from course_utils import runtime
from course_utils.files import FOR_LZMA, ROOT

QUICK_IMAGES = 200
CLASSES = {
    "fashion_mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    "mnist": tuple("0123456789"),
}
_SPLITS = {"train": ("train", 60_000), "test": ("t10k", 10_000)}  # prefix of the files, number of images


def load(
    name: str, split: str = "train", *, n: int | None = None, folder: str | os.PathLike | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Read a data set into memory; every call returns tensors of its own.

    Args:
        name: "fashion_mnist" or "mnist".
        split: "train" (60,000 images) or "test" (10,000).
        n: the first n images; None = all. A smoke run (``COURSE_QUICK``) reads at most 200.
        folder: holds ``<name>/*-ubyte.xz`` or ``.gz``; None = ``data/`` of the course.
    Returns:
        (images, labels): images float32 (N, 1, 28, 28) in [0, 1];
        labels int64 (N,), indices of CLASSES[name].
    Raises:
        ValueError: unknown name or split, n below 1 or larger than the set.
        DataError: a file is missing or damaged.
    """
    prefix, total, n = _request(name, split, n)
    folder = FOLDER if folder is None else Path(folder)
    images = read(folder / name / f"{prefix}-images-idx3-ubyte", total, 28, 28, n=n)
    labels = read(folder / name / f"{prefix}-labels-idx1-ubyte", total, n=n)
    pixels = images[:, None].astype(np.float32)
    pixels /= 255
    return torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64))


def _request(name: str, split: str, n: int | None) -> tuple[str, int, int]:
    """Prefix of the files, images in the set, images to return."""
    if name not in CLASSES:
        raise ValueError(f"unknown data set {name!r}; there are {', '.join(map(repr, CLASSES))}")
    if split not in _SPLITS:
        raise ValueError(f"unknown split {split!r}; there are {', '.join(map(repr, _SPLITS))}")
    prefix, total = _SPLITS[split]
    if n is not None and not (isinstance(n, (int, np.integer)) and 1 <= n <= total):
        raise ValueError(f"n must be a whole number from 1 to {total} ({name}, {split}), or None; got {n!r}")
    n = total if n is None else int(n)
    return prefix, total, min(n, QUICK_IMAGES) if runtime.quick() else n


FOLDER = ROOT / "data"


class DataError(Exception):
    """A data file is missing or damaged; says which, what is wrong, and what to do about it."""

    def __init__(self, path: Path, message: str, remedy: str | None = None):
        self.path, self.message, self.remedy = path, message, remedy or _remedy(path)
        super().__init__(path, message, self.remedy)  # all three, so that it can be sent between processes

    def __str__(self) -> str:
        return f"{self.path} {self.message}.\n{self.remedy}"


class Problem(NamedTuple):
    """A data file that cannot be used: its name below the data folder, what is wrong, what to do."""

    name: str
    message: str
    remedy: str


def read(path: Path, *shape: int, n: int | None = None) -> np.ndarray:
    """The values of one idx file, uint8 of `shape`, read-only.

    Args:
        path: the file without its ending: ``data/mnist/train-images-idx3-ubyte``.
        shape: of all that is in it.
        n: only the first n along the first dimension; None = all. Fewer are unpacked sooner.
    Raises:
        DataError: missing or damaged.
    """
    n = shape[0] if n is None else n
    names = _checksums()[path.parent.name]
    file = path.with_name(next(name for name in names if Path(name).stem == path.name))
    head, size = 4 * (1 + len(shape)), n * math.prod(shape[1:])  # bytes: a magic number and the dimensions; the values
    raw = _unpacker(file).decompress(_verified(file), head + size)
    return np.frombuffer(raw, np.uint8, size, head).reshape(n, *shape[1:])


def verify(folder: str | os.PathLike | None = None) -> list[Problem]:
    """Check every data file of `folder` (None = ``data/`` of the course).

    Returns:
        What is wrong, a `Problem` a file; empty when all is good.
    """
    folder, problems = FOLDER if folder is None else Path(folder), []
    try:
        files = [f"{name}/{file}" for name, sums in _checksums().items() for file in sums]
    except DataError as error:  # without the checksums no file can be judged
        return [Problem("checksums.json", f"{error.path} {error.message}", error.remedy)]
    for file in files:
        try:
            _verified(folder / file)
            _unpacker(folder / file)
        except DataError as error:
            problems.append(Problem(file, f"{error.path} {error.message}", error.remedy))
    return problems


def _verified(file: Path) -> bytes:
    """The bytes of a file, proven to be those that belong under its name and folder."""
    try:
        packed = file.read_bytes()
    except FileNotFoundError as error:
        raise DataError(file, "is missing") from error
    except OSError as error:
        raise DataError(file, f"cannot be read: {error.strerror}") from error
    if hashlib.sha256(packed).hexdigest() != _checksums()[file.parent.name][file.name]:
        raise DataError(file, "is damaged: its checksum differs")
    return packed


def _unpacker(file: Path) -> Any:
    """What unpacks a file of its kind."""
    if file.suffix == ".gz":
        return zlib.decompressobj(wbits=31)
    try:
        import lzma  # here, because a Python that somebody compiled without liblzma has none
    except ImportError as error:
        raise DataError(file, "cannot be unpacked: this Python has no module lzma", f"{FOR_LZMA}.") from error
    return lzma.LZMADecompressor()


def _checksums() -> dict[str, dict[str, str]]:
    """sha256 of the course's files, by data set and name."""
    path = FOLDER / "checksums.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))["sha256_of_files"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(path, f"is missing or cannot be read ({error!r})", _restored("checksums.json")) from error


def _remedy(file: Path) -> str:
    """What to do about a file that is missing or damaged."""
    name = f"{file.parent.name}/{file.name}"
    return _restored(name) if file == FOLDER / name else f"Copy data/{name} of the course there."


def _restored(name: str) -> str:
    return (
        f"Restore it with `git checkout -- data/{name}` in the folder of the course, or from a new copy of the course."
    )

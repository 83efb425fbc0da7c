"""Fashion-MNIST and MNIST as tensors in memory.

The files lie packed in ``data/``. Each is unpacked straight into memory, as far as it is asked for, and nothing is read
from it before its sha256 is found right. Nothing is unpacked to disk: no process can meet a file that another has half
written, so two notebooks may start at once. How a missing or damaged file is treated: `files`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from course_utils import runtime
from course_utils.data.files import FOLDER, read

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

"""The small trained networks that come with the course, in ``data/checkpoints``.

``catalogue.json`` beside them says for each which network it is, how it was made, how accurate it is, and the
sha256 of its file. A file is read only after its bytes are found right, and only as tensors.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from course_utils import models
from course_utils.files import ROOT, command

FOLDER = ROOT / "data" / "checkpoints"
CATALOGUE = "catalogue.json"


class CheckpointError(Exception):
    """A checkpoint is missing, damaged, or does not fit its network; says which, and what to do."""


@dataclass(frozen=True)
class Entry:
    """What the catalogue says about one checkpoint.

    Attributes:
        model: class in `course_utils.models`, or in the module that `load` is given.
        arguments: its keyword arguments.
        task: data set that it was trained on.
        command: what made the file.
        recipe: epochs, optimizer and learning rates, in words.
        seed: of the initial weights and of the shuffling.
        accuracy: on the test set, 0 to 1.
        torch: version that trained it.
        sha256: of the file.
    """

    model: str
    task: str
    command: str
    recipe: str
    seed: int
    accuracy: float
    torch: str
    sha256: str
    arguments: dict[str, int] = field(default_factory=dict)


def catalogue(folder: str | os.PathLike | None = None) -> dict[str, Entry]:
    """The checkpoints there are, by name.

    Raises:
        CheckpointError: the catalogue is missing or cannot be read.
    """
    path = _folder(folder) / CATALOGUE
    try:
        return {name: Entry(**entry) for name, entry in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is missing or cannot be read ({error}). {_restore(CATALOGUE)}") from error


def load(name: str, *, networks: ModuleType = models, folder: str | os.PathLike | None = None) -> nn.Module:
    """A trained network, on the CPU, in evaluation mode; every call returns a new one.

    Args:
        name: in `catalogue`, for example "small_cnn".
        networks: the module that has the entry's class.
        folder: holds ``NAME.pt`` and the catalogue; None = ``data/checkpoints`` of the course.
    Raises:
        ValueError: no such checkpoint; the message lists those there are.
        CheckpointError: the file is missing, its sha256 differs, or its tensors do not fit the network.
    """
    entries = catalogue(folder)
    if name not in entries:
        raise ValueError(f"unknown checkpoint {name!r}; there are {', '.join(entries)}")
    entry, path = entries[name], _folder(folder) / f"{name}.pt"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} is missing or cannot be read. {_remedy(name)}") from error
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise CheckpointError(
            f"{path} is damaged or was replaced: its sha256 is not the one in {CATALOGUE}. {_remedy(name)}"
        )
    model = getattr(networks, entry.model)(**entry.arguments)
    try:
        model.load_state_dict(torch.load(io.BytesIO(content), weights_only=True, map_location="cpu"))
    except (RuntimeError, TypeError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path} does not hold the tensors of {entry.model}({entry.arguments}): the network in "
            f"{networks.__name__} has changed since it was trained. {_remedy(name)}"
        ) from error
    return model.eval()


def _folder(folder: str | os.PathLike | None) -> Path:
    return FOLDER if folder is None else Path(folder)


def _restore(file: str) -> str:
    return f"Restore it with `git checkout -- data/checkpoints/{file}` in the folder of the course."


def _remedy(name: str) -> str:
    return f"{_restore(f'{name}.pt')} Or train it again: `{command('checkpoints', name)}`."

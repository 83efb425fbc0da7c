"""The files under `data`: unpack, verify, download what is missing.

A file is unpacked into memory, and its unpacked bytes are compared with ``data/checksums.json`` before
anything is read from them. A missing file is downloaded by torchvision into a temporary folder beside the
data, verified there, and moved into place in one step. A damaged file is reported and never replaced:
whoever damaged it may want to know.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import os
import socket
import struct
import tempfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from course_utils.files import ROOT

FOLDER = ROOT / "data"
_TORCHVISION = {"fashion_mnist": "FashionMNIST", "mnist": "MNIST"}
_TIMEOUT_S = 30  # of one network operation; without it a silent firewall stops a lesson for minutes


class DataError(Exception):
    """A data file is missing or damaged; says which, what is wrong, and what to do about it."""

    def __init__(self, path: Path, message: str, remedy: str | None = None):
        self.path, self.message, self.remedy = path, message, remedy or _remedy(path)
        super().__init__(path, message, self.remedy)  # all three, so that it can be sent between processes

    def __str__(self) -> str:
        return f"{self.path} {self.message}.\n{self.remedy}"


class _Missing(DataError):
    """The file is not there: the one fault that a download repairs."""


class Problem(NamedTuple):
    """A data file that cannot be used: its name below the data folder, what is wrong, what to do."""

    name: str
    message: str
    remedy: str


def read(path: Path, *shape: int) -> np.ndarray:
    """The values of one idx file, uint8 of `shape`, read-only; downloads the file when it is missing.

    Raises:
        DataError: damaged, or missing and not to be downloaded.
    """
    try:
        raw = _unpack(path)
    except _Missing:
        _download(path)
        raw = _unpack(path)
    return _parse(raw, shape, path)


def verify(folder: str | os.PathLike | None = None) -> list[Problem]:
    """Check every data file of `folder` (None = ``data/`` of the course), without the network.

    Returns:
        What is wrong, a `Problem` a file; empty when all is good.
    """
    folder = FOLDER if folder is None else Path(folder)
    try:
        files = [f"{name}/{file}" for name, sums in _checksums().items() for file in sums]
    except DataError as error:  # without the checksums no file can be judged
        return [Problem("checksums.json", f"{error.path} {error.message}", error.remedy)]
    problems = []
    for file in files:
        try:
            _unpack(folder / file)
        except DataError as error:
            problems.append(Problem(file, f"{error.path} {error.message}", error.remedy))
    return problems


def _unpack(path: Path) -> bytes:
    """The unpacked bytes of a file, proven to be those that belong under its name and folder."""
    try:
        packed = path.read_bytes()
        if not packed.startswith(b"\x1f\x8b"):
            raise DataError(path, "is not a gzip file" if packed else "is empty")
        raw = gzip.decompress(packed)
    except FileNotFoundError as error:
        raise _Missing(path, "is missing") from error
    except EOFError as error:
        raise DataError(path, "is truncated: its gzip stream ends early") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(path, f"is damaged: its gzip stream is broken ({error})") from error
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from error
    _compare(raw, path)
    return raw


def _compare(raw: bytes, path: Path) -> None:
    """Raise unless `raw` has the sha256 that belongs to `path`; name the file that it is instead, if any."""
    sums, digest = _checksums(), hashlib.sha256(raw).hexdigest()
    if digest == sums[path.parent.name][path.name]:
        return
    for name, files in sums.items():
        for file in files:
            if files[file] == digest:
                raise DataError(path, f"holds the content of {name}/{file}")
    raise DataError(path, "is damaged: the checksum of its unpacked bytes differs")


def _checksums() -> dict[str, dict[str, str]]:
    """sha256 of the unpacked bytes, by data set and file."""
    path = FOLDER / "checksums.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))["sha256_of_unpacked_bytes"]
    except (OSError, ValueError, KeyError) as error:
        remedy = "Restore it with `git checkout -- data/checksums.json` in the folder of the course."
        raise DataError(path, f"is missing or cannot be read ({error!r})", remedy) from error


def _parse(raw: bytes, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """The values of an idx file: big-endian magic (8 = unsigned byte, then the rank), dimensions, bytes."""
    header = struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)
    if not raw.startswith(header) or len(raw) != len(header) + math.prod(shape):
        raise DataError(path, f"is not an idx file of unsigned bytes of shape {shape}")
    return np.frombuffer(raw, np.uint8, offset=len(header)).reshape(shape)


def _remedy(path: Path) -> str:
    """What to do about a file that is missing or damaged."""
    home = f"data/{path.parent.name}/{path.name}"
    if path == ROOT / home:
        restore = f"Restore it with `git checkout -- {home}` in the folder of the course"
    else:
        restore = f"Copy {home} of the course there"
    return f"{restore}. Or, with a network, load again with no file there: it is then downloaded."


def _download(path: Path) -> None:
    """Bring a missing file, and what else its data set lacks, with torchvision."""
    title = _TORCHVISION[path.parent.name]
    print(f"{path} is missing. Downloading {title} with torchvision.", flush=True)
    timeout = socket.getdefaulttimeout()
    try:
        socket.setdefaulttimeout(_TIMEOUT_S)
        _fetch(path, title)
    except DataError as error:
        raise DataError(path, f"is missing, and the downloaded file {error.message}") from error
    except Exception as error:  # torchvision passes on whatever its mirrors, the archive or the disk raise
        raise DataError(path, f"is missing, and its download failed: {str(error).strip()}") from error
    finally:
        socket.setdefaulttimeout(timeout)
    print(f"Downloaded and verified {title}.", flush=True)


def _fetch(path: Path, title: str) -> None:
    """Download into a temporary folder, verify there, move the files that are missing into place."""
    import torchvision.datasets  # here, because only a missing file needs it

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".download-", ignore_cleanup_errors=True) as new:
        getattr(torchvision.datasets, title)(new, download=True)
        for file in _checksums()[path.parent.name]:
            target = path.with_name(file)
            if not target.exists():
                _install(Path(new, title, "raw", file), target)


def _install(new: Path, target: Path) -> None:
    """Move a downloaded file to `target` in one step, once its content is verified."""
    _compare(gzip.decompress(new.read_bytes()), target)
    try:
        os.replace(new, target)
    except PermissionError:  # Windows: another process has put its own copy there and is reading it
        if not target.exists():
            raise

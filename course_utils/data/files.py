"""The files under `data`: unpack, verify, download what is missing.

The large files lie there as .xz, the small ones as .gz. Before anything is read from a file, it is compared with
``data/checksums.json``: its own bytes, or, where it is not as it came with the course, all bytes that are unpacked from
it. A missing file is downloaded by torchvision, as .gz, into a temporary folder beside the data, verified there, and
moved into place in one step. A damaged file is reported and never replaced: whoever damaged it may want to know.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import os
import socket
import struct
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from course_utils.door import FOR_LZMA
from course_utils.files import ROOT

FOLDER = ROOT / "data"
_TORCHVISION = {"fashion_mnist": "FashionMNIST", "mnist": "MNIST"}
_MAGIC = {".gz": b"\x1f\x8b", ".xz": b"\xfd7zXZ\0"}
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


def read(path: Path, *shape: int, n: int | None = None) -> np.ndarray:
    """The values of one idx file, uint8 of `shape`, read-only; downloads the file when it is missing.

    Args:
        path: the file without its ending: ``data/mnist/train-images-idx3-ubyte``.
        shape: of all that is in it.
        n: only the first n along the first dimension; None = all. Fewer are unpacked sooner.
    Raises:
        DataError: damaged, or missing and not to be downloaded.
    """
    n = shape[0] if n is None else n
    most = 4 * (1 + len(shape)) + n * math.prod(shape[1:])
    try:
        raw = _unpack(path, most)
    except _Missing:
        _download(path)
        raw = _unpack(path, most)
    return _parse(raw, shape, n, path)


def verify(folder: str | os.PathLike | None = None) -> list[Problem]:
    """Check every data file of `folder` (None = ``data/`` of the course), without the network.

    Returns:
        What is wrong, a `Problem` a file; empty when all is good.
    """
    folder = FOLDER if folder is None else Path(folder)
    try:
        files = [f"{name}/{file}" for name, sums in _checksums("files").items() for file in sums]
    except DataError as error:  # without the checksums no file can be judged
        return [Problem("checksums.json", f"{error.path} {error.message}", error.remedy)]
    problems = []
    for file in files:
        try:
            _unpack((folder / file).with_suffix(""), 1)
        except DataError as error:
            problems.append(Problem(file, f"{error.path} {error.message}", error.remedy))
    return problems


def _unpack(path: Path, most: int) -> bytes:
    """Unpacked bytes of a file, `most` of them or all, proven to be those that belong under its name and folder."""
    home = _home(path)
    file = home if home.exists() else path.with_suffix(".gz")  # as a download brings it
    try:
        packed = file.read_bytes()
    except FileNotFoundError as error:
        raise _Missing(home, "is missing") from error
    except OSError as error:
        raise DataError(file, f"cannot be read: {error.strerror}") from error
    if hashlib.sha256(packed).hexdigest() == _checksums("files")[path.parent.name].get(file.name):
        return _unpacked(packed, file, most)
    raw = _unpacked(packed, file, sys.maxsize)
    _compare(raw, file)
    return raw


def _unpacked(packed: bytes, file: Path, most: int) -> bytes:
    """The first `most` of the bytes that are packed in a file; the whole of them where there are no more."""
    if not packed.startswith(_MAGIC[file.suffix]):
        kind = {".gz": "a gzip", ".xz": "an xz"}[file.suffix]
        raise DataError(file, f"is not {kind} file" if packed else "is empty")
    unpacker, broken = _unpacker(file)
    try:
        raw = unpacker.decompress(packed, most)
    except broken as error:
        raise DataError(file, f"is damaged: its {file.suffix[1:]} stream is broken ({error})") from error
    if len(raw) < most and not unpacker.eof:
        raise DataError(file, f"is truncated: its {file.suffix[1:]} stream ends early")
    return raw


def _unpacker(file: Path) -> tuple[Any, type[Exception]]:
    """What unpacks a file of its kind, and what it raises where the file is damaged."""
    if file.suffix == ".gz":
        return zlib.decompressobj(wbits=31), zlib.error
    try:
        import lzma  # here, because a Python that somebody compiled without liblzma has none
    except ImportError as error:
        raise DataError(file, "cannot be unpacked: this Python has no module lzma", f"{FOR_LZMA}.") from error
    return lzma.LZMADecompressor(), lzma.LZMAError


def _compare(raw: bytes, file: Path) -> None:
    """Raise unless `raw` has the sha256 that belongs to `file`; name the file that it is instead, if any."""
    sums, digest = _checksums("unpacked_bytes"), hashlib.sha256(raw).hexdigest()
    if digest == sums[file.parent.name][file.stem]:
        return
    for name, contents in sums.items():
        for content in contents:
            if contents[content] == digest:
                raise DataError(file, f"holds the content of {name}/{content}")
    raise DataError(file, "is damaged: the checksum of its unpacked bytes differs")


def _checksums(of: str) -> dict[str, dict[str, str]]:
    """sha256 of the course's "files", by data set and name; or of the "unpacked_bytes", by the name without ending."""
    path = FOLDER / "checksums.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))[f"sha256_of_{of}"]
    except (OSError, ValueError, KeyError) as error:
        remedy = "Restore it with `git checkout -- data/checksums.json` in the folder of the course."
        raise DataError(path, f"is missing or cannot be read ({error!r})", remedy) from error


def _home(path: Path) -> Path:
    """The file with the ending that it has in the course."""
    names = _checksums("files")[path.parent.name]
    return path.with_name(next(name for name in names if Path(name).stem == path.name))


def _parse(raw: bytes, shape: tuple[int, ...], n: int, path: Path) -> np.ndarray:
    """The first n values of an idx file: big-endian magic (8 = unsigned byte, then the rank), dimensions, bytes."""
    header = struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)
    sizes = [len(header) + math.prod((several, *shape[1:])) for several in (n, shape[0])]
    if not raw.startswith(header) or len(raw) not in sizes:
        raise DataError(path, f"is not an idx file of unsigned bytes of shape {shape}")
    return np.frombuffer(raw, np.uint8, sizes[0] - len(header), len(header)).reshape(n, *shape[1:])


def _remedy(path: Path) -> str:
    """What to do about a file that is missing or damaged."""
    home = f"data/{path.parent.name}/{_home(path.with_suffix('')).name}"
    if path.parent == (ROOT / home).parent:
        restore = f"Restore it with `git checkout -- {home}` in the folder of the course"
    else:
        restore = f"Copy {home} of the course there"
    return f"{restore}. Or, with a network, load again with no file there: it is then downloaded."


def _download(path: Path) -> None:
    """Bring a missing file, and what else its data set lacks, with torchvision."""
    path, title = _home(path), _TORCHVISION[path.parent.name]
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
        for file in _checksums("files")[path.parent.name]:
            home = path.with_name(file)
            target = home.with_suffix(".gz")
            if not home.exists() and not target.exists():
                _install(Path(new, title, "raw", target.name), target)


def _install(new: Path, target: Path) -> None:
    """Move a downloaded file to `target` in one step, once its content is verified."""
    _compare(gzip.decompress(new.read_bytes()), target)
    try:
        os.replace(new, target)
    except PermissionError:  # Windows: another process has put its own copy there and is reading it
        if not target.exists():
            raise

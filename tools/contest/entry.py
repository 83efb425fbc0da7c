"""A submission to the challenge as it lies on disk: its files, with all bytes counted, and what may not be in them."""

import re
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

MOST_BYTES, MOST_FILES, MOST_LETTERS = 32 << 20, 64, 64  # letters: of all names together
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
LEFT_OUT = ("__pycache__", "__MACOSX")  # and what begins with a dot: neither counted nor handed over


class Refused(Exception):
    """A submission that cannot be judged, or must not be: what is wrong, and what to do."""

    def __init__(self, message, hint):
        self.message, self.hint = message, hint
        super().__init__(message, hint)


TOO_MUCH = (
    f"It has more than {MOST_BYTES >> 20} MB or {MOST_FILES} files.",
    "Leave out what it does not need to run; the smallest folder wins.",
)


def read(path):
    """The files of a submission, by name, from a folder or a zip of one.

    Raises:
        Refused: there is none, or what is there is no submission.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _files(path)
        with zipfile.ZipFile(path) as packed, TemporaryDirectory() as folder:
            there = packed.infolist()
            if len(there) > 4 * MOST_FILES or sum(info.file_size for info in there) > MOST_BYTES:
                raise Refused(*TOO_MUCH)
            packed.extractall(folder)
            inner = [found for found in Path(folder).iterdir() if _counts(found)]
            return _files(inner[0] if len(inner) == 1 and inner[0].is_dir() else Path(folder))
    except FileNotFoundError:
        raise Refused(f"There is no {path}.", "Name the folder of the submission, or a zip of it.") from None
    except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        said = f"{path} cannot be read as a folder or a zip of one: {error}."
        raise Refused(said, "Name the folder of the submission.") from None


def _counts(path):
    return path.name not in LEFT_OUT and not path.name.startswith(".")


def _files(folder):
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not all(_counts(Path(part)) for part in name.parts):
            continue
        if path.is_symlink():
            raise Refused(f"{name.as_posix()} is a link.", "Put the file itself there, so that its bytes count.")
        if path.is_file():
            found[name.as_posix()] = path
    if "predict.py" not in found:
        raise Refused(
            "There is no predict.py.", "Put it into the folder; docs/challenge.md says what it has to define."
        )
    plain = "Give them short plain names: what a name holds is counted nowhere, so it must hold nothing."
    for name in found:
        if not all(NAME.fullmatch(part) for part in name.split("/")):
            raise Refused(f"The name {ascii(name)} has other letters than a–z, A–Z, 0–9, dots, _ and -.", plain)
    if sum(map(len, found)) > MOST_LETTERS:
        raise Refused(f"The names of the files have more than {MOST_LETTERS} letters together.", plain)
    if len(found) > MOST_FILES or sum(path.stat().st_size for path in found.values()) > MOST_BYTES:
        raise Refused(*TOO_MUCH)
    return {name: path.read_bytes() for name, path in found.items()}


def holds_labels(files, labels):
    """Names of the files that hold these labels in their order: as bytes, half bytes, integers, or digits in a text.

    Args:
        files: of `read`.
        labels: uint8, an even number of them.
    """
    twos = [(a * 16 + b).tobytes() for a, b in ((labels[::2], labels[1::2]), (labels[1::2], labels[::2]))]
    needles = [np.asarray(labels, np.uint8).tobytes(), *twos]
    digits = bytes(np.asarray(labels, np.uint8) + ord("0"))

    def has(content):
        parts = [content[at::step] for step in (1, 2, 4, 8) for at in range(step)]
        return digits in re.sub(rb"\D", b"", content) or any(needle in part for part in parts for needle in needles)

    return [name for name, content in files.items() if has(content)]

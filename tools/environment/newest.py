"""The canary: every test with the newest releases of what pyproject.toml names, in an environment of its own."""

import os
import re
import shutil
import sys
import tempfile
import venv
from importlib.metadata import distributions
from pathlib import Path
from xml.etree import ElementTree

from course import ROOT, say
from tools.environment import causes, env, uv

FOLDER = ROOT / ".venv-newest"


def run(pytest, extras):
    """Make .venv-newest anew, run the tests with it, and say what broke; nothing else changes.

    Args:
        pytest: called with a Python and more options for pytest; runs the tests.
        extras: names of pyproject.toml's extras whose packages the tests need.
    Returns:
        0 when the tests ran, whatever they found; 1 when they could not be run.
    """
    try:
        _make(extras)
    except (causes.Failure, OSError) as failure:
        say(f"The newest releases could not be tried. {failure}")
        return 1
    newer = ", ".join(f"{name} {found} (tested: {tested})" for name, tested, found in newer_than_tested())
    say(f"Newer than what was tested: {newer or 'nothing'}.")
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        pytest(env.python_of(FOLDER), [f"--junitxml={results}"])
        if not results.exists():
            say("The tests did not run to their end.")
            return 1
        broken, count = read(results)
    say("\n".join(["", *broken]))
    say(f"Newest releases: {len(broken)} of {count} tests break. Newer than what was tested: {newer or 'nothing'}.")
    return 0


def _make(extras):
    """Fill .venv-newest: every package that pyproject.toml names, its bounds left out, and the course's own library."""
    lines = env.requirements(extras)
    say(f"Making {FOLDER} with the newest releases of {len(lines)} packages and of what they need.")
    shutil.rmtree(FOLDER, ignore_errors=True)
    venv.create(FOLDER, symlinks=os.name != "nt")
    for words in (map(env.name_of, lines), ["--no-deps", "-e", str(ROOT)]):
        uv.install([*words], into=FOLDER, log=FOLDER / "setup.log", uv=sys.executable)


def newer_than_tested():
    """List (name, tested version, version in .venv-newest) of each package whose version is not in constraints.txt."""
    tested = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", env.CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE):
        tested.setdefault(name, []).append(version)
    folders = [str(path) for path in FOLDER.glob("[lL]ib*/**/site-packages")]
    found = {re.sub("[-_.]+", "-", d.name).lower(): d.version.partition("+")[0] for d in distributions(path=folders)}
    return [
        (name, versions[-1], found[name])
        for name, versions in tested.items()
        if found.get(name, versions[0]) not in versions
    ]


def read(results):
    """Read pytest's JUnit file; gives (a line for each test that failed, the number of tests)."""
    cases = list(ElementTree.parse(results).iter("testcase"))
    broken = []
    for case in cases:
        for fault in (*case.iterfind("failure"), *case.iterfind("error")):
            why = (fault.get("message") or "").strip().partition("\n")[0]
            broken.append(f"BREAKS {case.get('classname')}::{case.get('name')}: {why[:160]}")
    return broken, len(cases)

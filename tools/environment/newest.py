"""The canary: every test with the newest releases of what pyproject.toml names, in an environment of its own."""

import re
import subprocess
import sys
import tomllib

from course import ROOT, say
from tools.environment import causes, env, setup

FOLDER = ROOT / ".venv-newest"


def run(pytest, extras):
    """Make .venv-newest anew, list what is in it, run the tests with it; nothing else changes.

    Args:
        pytest: called with a Python and more options for pytest; runs the tests and gives pytest's exit status.
        extras: names of pyproject.toml's extras whose packages the tests need.
    Returns:
        0 when the tests ran, whatever they found; 1 when they could not be run.
    """
    project = tomllib.loads(env.PYPROJECT.read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    uv, python, settings = [sys.executable, "-m", "uv"], str(env.python_of(FOLDER)), setup.uv_settings()
    try:
        subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(FOLDER)], check=True)
        setup.install(uv, FOLDER, [re.match(r"[\w.-]+", line)[0] for line in lines], settings)
        setup.install(uv, FOLDER, ["--no-deps", "-e", str(ROOT)], settings)
    except (causes.Failure, OSError, subprocess.CalledProcessError) as failure:
        say(f"The newest releases could not be tried. {failure}")
        return 1
    subprocess.run([*uv, "pip", "list", "--python", python])
    return 0 if pytest(python, []) in (0, 1) else 1

"""environment.yml and constraints.txt lead to what pyproject.toml asks for, on every system and with every Python."""

import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from course_utils.files import ROOT
from tools.environment import causes, setup

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [Requirement(line) for line in LINES if not line.startswith("#")]
SYSTEMS = {  # each with the oldest or the newest Python
    "x86_64-pc-windows-msvc": "3.11.0",
    "aarch64-apple-darwin": "3.14",
    "x86_64-manylinux_2_28": "3.14",
    "aarch64-manylinux_2_35": "3.11.0",
}
FROM_SOURCE = "llama-cpp-python"  # no wheel on the index: a compiler makes it, at `bench language --with-peers` alone


def test_every_dependency_has_versions_that_pyproject_allows():
    for line in PROJECT["dependencies"] + sum(EXTRAS.values(), []):
        wanted = Requirement(line)
        found = [str(pin.specifier)[2:] for pin in PINS if pin.name == canonicalize_name(wanted.name)]
        assert found and all(map(wanted.specifier.contains, found)), f"{line}: make constraints.txt anew"


@pytest.mark.slow
@pytest.mark.parametrize(("system", "python"), SYSTEMS.items())
def test_the_course_can_be_installed_on_every_system(tmp_path, monkeypatch, system, python):
    """As on the oldest macOS that PyTorch supports; everything but what is made from source."""
    monkeypatch.setenv("MACOSX_DEPLOYMENT_TARGET", "14.0")
    wheels = [line for line in sum(EXTRAS.values(), PROJECT["dependencies"]) if not line.startswith(FROM_SOURCE)]
    uv, venv = [sys.executable, "-m", "uv"], str(tmp_path / "venv")
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, venv], check=True)
    words = [*uv, "pip", "install", "--dry-run", "--only-binary", ":all:", "--python", venv, *wheels]
    words += ["--python-platform", system, "--python-version", python, "-c", str(ROOT / "constraints.txt")]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", env=setup.uv_settings())
    if done.returncode and re.search("cannot be reached|proxy|certificate", str(causes.explain(done.stderr, ""))):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0 and " + torch==" in done.stderr, done.stderr

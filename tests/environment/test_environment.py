"""environment.yml and constraints.txt lead to what pyproject.toml asks for, and name nothing of their own."""

import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools import constraints, test
from tools.environment import causes, uv
from tools.environment import python as _python

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONSTRAINTS = ROOT / "constraints.txt"
SYSTEMS = ["x86_64-pc-windows-msvc", "aarch64-apple-darwin", "x86_64-manylinux_2_28", "aarch64-manylinux_2_35"]
FROM_SOURCE = {"llama-cpp-python"}  # no wheel on the index: a compiler makes it, at `bench language --with-peers` alone
REQUIREMENTS = [
    Requirement(line) for line in PROJECT["dependencies"] + sum(PROJECT["optional-dependencies"].values(), [])
]


def problems(text):
    """What is wrong with an environment.yml; [] when it only fetches Python and installs this project."""
    dependencies = yaml.safe_load(text)["dependencies"]
    conda = dict(re.fullmatch(r"([\w-]+) *(.*)", line).groups() for line in dependencies if isinstance(line, str))
    pip = [line for entry in dependencies if isinstance(entry, dict) for line in entry.get("pip", [])]
    found = [f"names {name}, which belongs into pyproject.toml" for name in set(conda) - {"python", "pip"}]
    if "pip" not in conda:
        found.append("does not name pip")
    if SpecifierSet(conda.get("python", "")) != SpecifierSet(PROJECT["requires-python"]):
        found.append(f"Python {conda.get('python')}, pyproject.toml {PROJECT['requires-python']}")
    if sorted(pip) != ["-c constraints.txt", f"-e .[{','.join(test.REQUIRES)}]"]:
        found.append(f"pip installs {pip}")
    return found


def pins(text):
    """List (name, version, marker or "") of each line of a constraints.txt."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [re.fullmatch(r"([a-z0-9-]+)==([\w.]+)(?: ; (.+))?", line).groups("") for line in lines]


PINS = pins(CONSTRAINTS.read_text(encoding="utf-8"))


def test_environment_yml_installs_this_project_and_nothing_else():
    assert problems((ROOT / "environment.yml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">=3.11,<3.15", ">=3.10,<3.15"),
        ("  - pip\n", "  - pip\n  - numpy\n"),
        ("  - pip\n", ""),
        ("  - pip:\n", "  - pip:\n      - torch\n"),
        (",site,", ","),  # the second command would stop with an install line
        ("      - -c constraints.txt\n", ""),
    ],
)
def test_an_environment_yml_that_differs_is_caught(old, new):
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert old in text
    assert problems(text.replace(old, new, 1))


def test_the_folder_of_environment_yml_is_the_project():
    assert (ROOT / "environment.yml").parent == (ROOT / "pyproject.toml").parent
    assert (ROOT / "constraints.txt").is_file()


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_every_dependency_has_versions_that_pyproject_allows(requirement):
    versions = [version for name, version, _ in PINS if name == canonicalize_name(requirement.name)]
    assert versions, "not in constraints.txt: run course.py constraints"
    assert [version for version in versions if not requirement.specifier.contains(version)] == []


def test_constraints_are_exact_sorted_and_leave_to_pytorch_what_differs_from_build_to_build():
    names = [name for name, _, _ in PINS]
    assert names == sorted(names) and len(names) > len(REQUIREMENTS)
    assert "markupsafe" in names  # jupyterlab - jinja2 - markupsafe: reached through others only
    assert [name for name in names if name == "course-utils" or name.startswith(constraints.OF_TORCH)] == []


def test_a_name_that_stands_twice_says_when_each_version_holds():
    twice = {name for name, _, _ in PINS if [pin[0] for pin in PINS].count(name) > 1}
    assert [pin for pin in PINS if pin[0] in twice and not pin[2]] == []


@pytest.fixture(scope="module")
def uv_settings(tmp_path_factory):
    """The environment in which uv resolves as if for the oldest macOS that PyTorch supports."""
    settings = uv.settings(sys.executable, tmp_path_factory.mktemp("settings"))
    return {**settings, "MACOSX_DEPLOYMENT_TARGET": f"{_python.FIRST_MACOS}.0"}


def every_wheel():
    """What is to be had as wheels: the course with its extras; of one with a source package its other lines."""
    extras, lines = [], []
    for name, requirements in PROJECT["optional-dependencies"].items():
        others = [line for line in requirements if Requirement(line).name not in FROM_SOURCE]
        if others == requirements:
            extras.append(name)
        else:
            lines += others
    return [f"{ROOT}[{','.join(extras)}]", *lines]


def resolve(tmp_path, settings, system, python, text=None):
    """Resolve the course with all its extras for a system and a Python; gives uv's result. Skips without an index."""
    file = tmp_path / "constraints.txt"
    file.write_text(text or CONSTRAINTS.read_text(encoding="utf-8"), encoding="utf-8")
    venv.create(tmp_path / "venv", symlinks=os.name != "nt")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--only-binary", ":all:"),
            *("--python", str(tmp_path / "venv")),
            *("--python-platform", system, "--python-version", python, "-c", str(file)),
            *every_wheel(),
        ],
        capture_output=True,
        text=True,
        env=settings,
    )
    if causes.explain(done.stderr, "").kind in ("network", "proxy", "tls") and done.returncode:
        pytest.skip("no package index can be reached")
    return done


@pytest.mark.slow
@pytest.mark.parametrize("python", ["3.11.0", "3.11.5", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_course_can_be_installed_on_every_system_with_every_python(tmp_path, uv_settings, system, python):
    done = resolve(tmp_path, uv_settings, system, python)
    assert done.returncode == 0, done.stderr
    torch = next(version for name, version, _ in PINS if name == "torch")
    assert f" + torch=={torch}" in done.stderr


@pytest.mark.slow
def test_a_version_that_one_python_cannot_have_is_caught(tmp_path, uv_settings):
    text = CONSTRAINTS.read_text(encoding="utf-8")
    frozen = re.sub(r"(?m)^soupsieve==2.*\n|(?<=^soupsieve==4.1.1) ;.*", "", text)
    assert frozen != text
    done = resolve(tmp_path, uv_settings, SYSTEMS[0], "3.11.2", frozen)
    assert done.returncode and "soupsieve" in done.stderr


# The generator


@pytest.fixture
def generate(tmp_path, monkeypatch):
    """Run the task in a folder of its own with uv's part played; gives (exit status, text, the words uv got)."""

    def generate(lines, status, *argv):
        file, words = tmp_path / "constraints.txt", []
        file.write_text("before\n", encoding="utf-8")

        def run(command, **rest):
            words.extend(command)
            if status == 0:
                file.write_text(lines, encoding="utf-8")
            return SimpleNamespace(returncode=status, stderr=lines)

        monkeypatch.setattr(constraints.subprocess, "run", run)
        monkeypatch.setattr(constraints.env, "CONSTRAINTS", file)
        return constraints.main(list(argv)), file.read_text(encoding="utf-8"), words

    return generate


def test_the_generator_resolves_for_every_system_and_keeps_versions_unless_asked(generate):
    status, text, words = generate("numpy==2.4.6\nnvidia-cublas==13.1 ; sys_platform == 'linux'\ntriton==3.8.0\n", 0)
    assert status == 0 and text == constraints.HEADER + "numpy==2.4.6\n"
    assert "--universal" in words and "--all-extras" in words and "--upgrade" not in words
    assert "--upgrade" in generate("numpy==2.4.6\n", 0, "--upgrade")[2]


def test_a_resolution_that_fails_is_told_and_leaves_the_file(generate, capsys):
    status, text, _ = generate("cause: dns error", 1)
    assert status == 1 and text == "before\n"
    assert "cannot be reached" in capsys.readouterr().out


def test_the_readme_activates_the_environment_that_is_made():
    name = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["name"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"conda activate ([\w-]+)", readme) == [name]

"""environment.yml and constraints.txt lead to what pyproject.toml asks for, and name nothing of their own."""

import re
import tomllib
from email.message import Message
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools import constraints

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [Requirement(line) for line in PROJECT["dependencies"]
                + sum(PROJECT["optional-dependencies"].values(), [])]


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
    if sorted(pip) != ["-c constraints.txt", "-e ."]:
        found.append(f"pip installs {pip}")
    return found


def pinned_versions():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_environment_yml_installs_this_project_and_nothing_else():
    assert problems((ROOT / "environment.yml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(("old", "new"), [
    (">=3.11,<3.15", ">=3.10,<3.15"),
    ("  - pip\n", "  - pip\n  - numpy\n"),
    ("  - pip\n", ""),
    ("      - -e .\n", "      - -e .\n      - torch\n"),
    ("      - -c constraints.txt\n", ""),
])
def test_an_environment_yml_that_differs_is_caught(old, new):
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert old in text
    assert problems(text.replace(old, new, 1))


def test_the_folder_of_environment_yml_is_the_project():
    assert (ROOT / "environment.yml").parent == (ROOT / "pyproject.toml").parent
    assert (ROOT / "constraints.txt").is_file()


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_every_dependency_has_a_tested_version_that_pyproject_allows(requirement):
    version = pinned_versions().get(canonicalize_name(requirement.name))
    assert version, "not in constraints.txt: run python course.py constraints"
    assert requirement.specifier.contains(version)


def test_constraints_are_exact_sorted_and_without_local_versions():
    names = list(pinned_versions())
    assert names == sorted(names) and len(names) > len(REQUIREMENTS)
    assert all(re.fullmatch(r"[\w.]+", version) for version in pinned_versions().values())
    assert "course-utils" not in names


def test_the_generator_follows_requirements_and_extras_of_this_environment():
    versions, missing = constraints.collect()
    assert not missing
    assert {canonicalize_name(r.name) for r in REQUIREMENTS} <= set(versions)
    assert "markupsafe" in versions  # jupyterlab - jinja2 - markupsafe: reached through others only
    assert not any("+" in version for version in versions.values())


def test_versions_are_written_without_the_label_of_a_build(monkeypatch):
    class Built:
        version, requires, metadata = "2.14.1+cpu", ["torch==2.14.1"], Message()

    monkeypatch.setattr(constraints, "distribution", lambda name: Built)
    assert constraints.collect() == ({"torch": "2.14.1"}, set())


def test_a_package_that_is_required_but_missing_stops_the_generator(monkeypatch, capsys):
    monkeypatch.setattr(constraints, "collect", lambda: ({"numpy": "2.0"}, {"torch"}))
    before = (ROOT / "constraints.txt").read_bytes()
    assert constraints.main([]) == 1
    assert "torch missing" in capsys.readouterr().out
    assert (ROOT / "constraints.txt").read_bytes() == before


def test_the_readme_activates_the_environment_that_is_made():
    name = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["name"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"conda activate ([\w-]+)", readme) == [name]

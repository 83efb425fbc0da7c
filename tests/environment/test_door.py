"""The front door as a newcomer meets it: help, tasks, lessons, --here, the wrong Python."""

import ast
import subprocess
import sys

import pytest
from _front import calls, make_front, played, start

import course
from tools.environment import env


@pytest.fixture
def front(tmp_path):
    return make_front(tmp_path)


def test_help_lists_the_learners_tasks_first_from_any_folder_and_makes_nothing(front, tmp_path):
    status, said = start(course.ROOT, "--help", cwd=tmp_path)
    assert status == 0
    order = [
        "To learn",
        "open",
        "copies",
        "progress",
        "cards",
        "reset",
        "fetch",
        "doctor",
        "To teach",
        "slides",
        "grade",
    ]
    places = [said.index(f"\n{name}" if name[:2] == "To" else f"\n  {name} ") for name in order]
    assert places == sorted(places) and said.index("\n  build ") > places[-1]
    assert {name for group in course.GROUPS.values() for name in group} <= set(course.tasks())
    assert all(course.title(name) and f"  {name} " in said for name in course.tasks())


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("ecko", "Did you mean echo?"),
        ("4,2", "Did you mean 4.2 (prune_traps)?"),
        ("dynamik", "Did you mean 3.2 (dynamic)"),
    ],
)
def test_a_word_that_is_neither_task_nor_lesson_is_told_with_those_that_come_near(front, word, said):
    status, told = start(front, word)
    assert status == 2 and said in told and len(told) < 300
    assert not (front / ".venv").exists()


@played
def test_a_lesson_without_a_task_is_opened(front):
    for word in ("3.1", "integers", "quantization", "notebooks/3_quantization/1_integers.ipynb"):
        assert f"TASK ['{word}', '--port', '1']" in start(front, word, "--port", "1")[1]


def test_here_uses_this_environment_and_neither_it_nor_help_makes_one(front):
    status, said = start(front, "--here", "echo", "--port", "1")
    assert status == 0 and f"TASK ['--port', '1'] {sys.prefix}" in said
    assert not (front / ".venv").exists()
    status, said = start(front, "needy", "--help")  # its packages are not there
    assert status == 0 and "Every one of them, in order." in said and "--long       not read" in said
    assert not (front / ".venv").exists() and calls(front) == []


@played
def test_with_a_wrong_python_uv_looks_for_one_and_the_start_goes_on_with_it(front, tmp_path):
    """This Python, which says that it is 3.8 until it is the environment's."""
    (tmp_path / "sitecustomize.py").write_text(
        "import platform, sys\nif '.venv' not in sys.prefix.split('/')[-1]:\n"
        "    sys.version_info, platform.python_version = (3, 8, 1), lambda: '3.8.1'\n",
        encoding="utf-8",
    )
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    wrong = {"python": env.python_of(bare), "PYTHONPATH": str(tmp_path)}
    status, said = start(front, "--here", "echo", **wrong)
    assert status == 1 and "This is Python 3.8.1; the course needs" in said and "Install Python 3.14 from" in said
    status, said = start(front, "echo", "--loud", **wrong)
    assert status == 0 and "uv looks for another one" in said and "TASK ['--loud']" in said, said
    assert ">=3.11,<3.15" in calls(front)[0]


@pytest.mark.parametrize("name", ["course.py", *(f"tools/environment/{n}.py" for n in ("env", "causes", "setup"))])
def test_what_runs_before_the_python_is_known_parses_on_3_8_and_needs_the_standard_library_alone(name):
    tree = ast.parse((course.ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {word.partition(".")[0] for word in imported} - {"tools"} <= sys.stdlib_module_names - {"tomllib"}

"""The front door as a newcomer meets it: tasks, help, --here, what a task needs; starts that install nothing real."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from _front import ECHO, TEACH, calls, make_front, make_venv, start, venv_python

import course
from course_utils import syllabus
from tools.environment import env


@pytest.fixture
def front(tmp_path):
    return make_front(tmp_path)


def test_help_lists_every_task_from_any_folder_and_makes_nothing(front, tmp_path):
    done = start(front, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "echo         Print the arguments." in done.stdout
    assert "setup" not in done.stdout
    assert not (front / ".venv").exists()


def test_every_task_of_the_course_has_a_sentence_in_the_help():
    lines = {name: course.title(name) for name in course.tasks()}
    assert {"open", "doctor", "constraints"} <= set(lines)
    assert [name for name, line in lines.items() if len(line) < 20 or line[-1] not in ".)"] == []


@pytest.mark.parametrize("name", sorted(course.tasks()))
def test_a_task_asks_only_for_extras_that_exist(name):
    assert set(course.extras_of(name, ["--peers"])) <= set(env.project()["optional-dependencies"])


def test_an_unknown_task_is_told_with_those_that_come_near(front):
    done = start(front, "ecko")
    assert done.returncode == 2
    assert "Did you mean echo?" in done.stdout
    assert not (front / ".venv").exists()


# Lessons on the command line


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("3.11", "Did you mean 3.1 (integers) or 3.10 (choosing)?"),
        ("4,2", "Did you mean 4.2 (prune_traps)?"),
        ("dynamik", "Did you mean 3.3 (dynamic)?"),
        ("99", "no lesson '99'.\n"),
    ],
)
def test_a_word_that_is_neither_task_nor_lesson_is_told_with_the_lessons_that_come_near(front, word, said):
    done = start(front, word)
    assert done.returncode == 2 and said in done.stdout, done.stdout
    assert len(done.stdout) < 300, "not all lessons in one paragraph"


@pytest.mark.parametrize("word", ["3.1", "integers", "quantization", "notebooks/3_quantization/1_integers.ipynb"])
def test_a_lesson_without_a_task_is_opened(front, word):
    make_venv(front)
    assert f"LESSONS ['{word}']" in start(front, word, "--port", "1").stdout


def test_no_lesson_and_no_part_has_the_name_of_a_task():
    named = {word for lesson in syllabus.lessons().values() for word in (lesson.name, lesson.part)}
    assert named & set(course.tasks()) == set()


@pytest.mark.parametrize("words", [["nope"], ["3.1", "nope"], ["--port", "1", "nope"], ["--all", "nope"]])
def test_a_lesson_that_does_not_exist_is_told_before_anything_is_installed(front, words):
    done = start(front, "teach", *words)
    assert done.returncode == 1 and "No lesson is called 'nope'." in done.stdout, done.stdout
    assert not (front / ".venv").exists()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["1.1", "--port", "8123", "energy"], ["1.1", "energy"]),
        (["--por", "8123"], []),
        (["--port=8123", "1.1"], ["1.1"]),
        (["--all", "1.1"], ["1.1"]),
    ],
)
def test_the_value_of_an_option_is_no_lesson(monkeypatch, tmp_path, words, found):
    (tmp_path / "teach.py").write_text(TEACH, encoding="utf-8")
    monkeypatch.setattr(course, "tasks", lambda: {"teach": tmp_path / "teach.py"})
    assert course.lessons_in("teach", words) == found


def test_every_task_that_takes_lessons_is_known_to_take_them():
    taking = {name for name in course.tasks() if course.lessons_in(name, ["1.1"])}
    assert taking == {"assignment", "build", "open", "present", "progress", "reset", "run", "slides"}


def test_course_py_alone_asks_for_the_rest(tmp_path):
    shutil.copy(course.ROOT / "course.py", tmp_path)
    done = start(tmp_path)
    assert done.returncode == 1
    assert "Download or clone the whole repository" in done.stdout


# The help of a task


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_of_a_task_before_any_set_up_shows_its_options_and_makes_nothing(front, word):
    done = start(front, "needy", word)
    assert done.returncode == 0, done.stdout
    assert "Every one of them, in order." in done.stdout and "--long       not read" in done.stdout
    assert not (front / ".venv").exists()


def test_help_of_a_task_whose_extra_is_missing_adds_nothing(front):
    stub = make_venv(front)
    start(front, "echo")
    before = calls(stub)
    done = start(front, "needy", "--help")
    assert "--long" in done.stdout and "TASK" not in done.stdout
    assert calls(stub) == before


def test_help_of_a_task_that_is_ready_is_its_own(front):
    make_venv(front)
    start(front, "echo")
    assert "TASK ['--help']" in start(front, "echo", "--help").stdout


def test_help_of_a_task_under_here_with_packages_missing_is_help(front, bare):
    done = start(front, "--here", "needy", "--help", python=bare)
    assert done.returncode == 0 and "--long" in done.stdout and "lacks" not in done.stdout


def test_help_of_test_is_its_own_and_short():
    done = start(course.ROOT, "--here", "test", "--help")
    assert done.returncode == 0, done.stdout
    assert "--newest" in done.stdout and "-k" in done.stdout
    assert len(done.stdout.splitlines()) < 20


# The environment of somebody else


@pytest.fixture
def bare(tmp_path):
    """The Python of an environment that has no packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    return env.python_of(tmp_path / "bare")


def test_here_uses_this_environment_and_makes_none(front):
    (front / "pyproject.toml").write_text(
        (front / "pyproject.toml")
        .read_text(encoding="utf-8")
        .partition("dependencies = [")[0]
        .replace("course-utils", "pytest")
        + "dependencies = []\n[project.optional-dependencies]\n",
        encoding="utf-8",
    )
    done = start(front, "--here", "echo", "--port", "1")
    assert done.returncode == 0, done.stdout
    assert f"TASK ['--port', '1'] {sys.prefix}" in done.stdout
    assert not (front / ".venv").exists()


def test_here_with_packages_missing_gives_the_line_that_installs_them_and_installs_nothing(front, bare):
    done = start(front, "--here", "needy", python=bare)
    assert done.returncode == 1
    assert "lacks course-utils, torch, torchvision" in done.stdout
    assert f'-m pip install -c "{front / "constraints.txt"}" -e "{front}[dev]"' in done.stdout
    assert "TASK" not in done.stdout and not (front / ".venv").exists()


def test_a_package_removed_by_hand_is_named_with_the_remedy_for_this_environment(front, monkeypatch, capsys):
    (front / "tools" / "lame.py").write_text('"""Lame."""\nimport not_there\n', encoding="utf-8")
    make_venv(front)
    done = start(front, "lame")
    assert done.returncode == 1 and "Traceback" not in done.stdout
    assert "'not_there' is missing" in done.stdout and "delete the folder" in done.stdout

    def missing(name):
        raise ModuleNotFoundError("No module", name="not_there")

    monkeypatch.setattr(course.importlib, "import_module", missing)
    monkeypatch.setattr(env, "inside_venv", lambda: False)
    assert course.run_task("lame", [], ("dev",)) == 1
    said = capsys.readouterr().out
    assert "pip install" in said and "[dev]" in said and "delete" not in said


def test_open_says_what_it_does_before_it_loads_what_takes_seconds(monkeypatch, capsys):
    class Task:
        main = staticmethod(lambda arguments: 0)

    seen = []
    monkeypatch.setattr(course.importlib, "import_module", lambda name: seen.append(capsys.readouterr().out) or Task)
    for name, arguments in (("open", ["1.3"]), ("open", ["--help"]), ("progress", [])):
        course.run_task(name, arguments, ())
    assert seen == ["Looking whether the course is open already ...\n", "", ""]


# What a task needs


def test_extras_are_added_when_a_task_asks_and_are_kept_by_later_set_ups(front):
    stub = make_venv(front)
    start(front, "echo")
    done = start(front, "needy")
    assert calls(stub)[-1][-1] == "--extra=dev"  # and not the course's own library again
    assert "Adding what `needy` needs" in done.stdout and "done once" not in done.stdout
    assert "[1/3]" not in start(front, "echo").stdout
    with open(front / "pyproject.toml", "a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    done = start(front, "echo")
    assert "already there" in done.stdout and "--extra=dev" in calls(stub)[-1]
    assert "The course has changed" in done.stdout and "done once" not in done.stdout


def test_an_option_that_needs_an_extra_adds_it(front):
    stub = make_venv(front)
    start(front, "choosy")
    assert not [word for word in calls(stub)[-1] if word.startswith("--extra")]
    start(front, "choosy", "--peers")
    assert calls(stub)[-1][-1] == "--extra=deploy"


@pytest.mark.parametrize(
    ("arguments", "extras"),
    [
        ([], ("dev",)),
        (["--peers"], ("dev", "deploy")),
        (["--peers=all", "x"], ("dev", "deploy")),
        (["--peerless"], ("dev",)),
    ],
)
def test_extras_come_from_the_task_and_from_the_options_given(monkeypatch, tmp_path, arguments, extras):
    task = tmp_path / "task.py"
    task.write_text(ECHO + 'REQUIRES = ("dev",)\nOPTION_REQUIRES = {"--peers": ("deploy", "dev")}\n', encoding="utf-8")
    monkeypatch.setattr(course, "tasks", lambda: {"task": task})
    assert course.extras_of("task", arguments) == extras


def test_the_bench_of_peers_needs_deploy():
    assert course.extras_of("bench", ["quantization", "--peers"]) == ("deploy",)
    assert course.extras_of("bench", ["quantization"]) == ()
    assert course.extras_of("bench", ["language", "--with-peers"]) == ("bench-language",)


# What a reader types


@pytest.mark.parametrize(
    ("system", "argv", "expected"),
    [
        ("posix", ["course.py", "test"], "python3 course.py doctor"),
        ("nt", ["course.py", "test"], "py course.py doctor"),
        ("posix", ["course.py", "--here", "test"], "python course.py --here doctor"),
        ("nt", ["course.py", "--here", "test"], "python course.py --here doctor"),
    ],
)
def test_messages_name_the_command_of_this_system(monkeypatch, system, argv, expected):
    monkeypatch.setattr(env, "os", type("os", (), {"name": system}))
    monkeypatch.setattr(env.sys, "argv", argv)
    assert course.command("doctor") == expected


@pytest.mark.parametrize("name", ["course.py", "tools/environment/env.py", "tools/environment/python.py"])
def test_what_runs_before_the_python_is_known_parses_on_3_8_and_needs_the_standard_library_alone(name):
    tree = ast.parse((course.ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert {word.partition(".")[0] for word in imported} - {"tools"} <= sys.stdlib_module_names
    assert "tomllib" not in imported  # new in 3.11: only where the version is known to fit


def test_the_python_of_the_environment_may_be_used_directly(front):
    make_venv(front)
    done = start(front, "echo", python=venv_python(front))
    assert done.returncode == 0 and "Done in" in done.stdout and "TASK" in done.stdout
    assert "[1/3]" not in start(front, "echo", python=venv_python(front)).stdout
    assert Path(front / ".venv").exists()

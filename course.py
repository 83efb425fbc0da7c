"""The front door of the course: makes the environment in .venv, then hands over to a task.

    python course.py                  set up once, then open the lessons in JupyterLab
    python course.py LESSON           the same, at a lesson: 3.1, or its name
    python course.py TASK [options]   run tools/TASK.py
    python course.py --help           list the tasks
    python course.py --here ...       use the environment that this Python belongs to; make none
    python course.py --yes ...        let uv fetch a Python when none fits, without asking

Standard library only, and so is tools/environment/. This file and env.py and python.py in there also parse on Python
3.8, to say there which Python is needed. The set-up itself is setup.py; a start that finds it done never loads that.
"""

import ast
import difflib
import importlib
import os
import subprocess
import sys
from pathlib import Path

DOOR = str(Path(__file__).resolve())
if not (Path(DOOR).parent / "tools" / "environment" / "env.py").exists():
    sys.exit(f"The rest of the course is not beside {DOOR}. Download or clone the whole repository.")
sys.path.insert(0, str(Path(DOOR).parent))

from tools.environment import env as _env  # noqa: E402  (only when they are there)
from tools.environment import python  # noqa: E402  (only when they are there)
from tools.environment.env import ROOT, command, say  # noqa: E402


def tasks():
    """Map the name of each task to its file in tools/."""
    return {path.stem: path for path in sorted((ROOT / "tools").glob("*.py")) if path.stem[0] != "_"}


def parse(name):
    """Read a task without importing it."""
    return ast.parse(tasks()[name].read_text(encoding="utf-8"))


def title(name):
    """The first line of a task's docstring."""
    return (ast.get_docstring(parse(name)) or "").partition("\n")[0]


def extras_of(name, arguments):
    """The extras that a task needs: those in its REQUIRES, and in OPTION_REQUIRES for the arguments given.

    Args:
        name: the task; its file may have REQUIRES = ("dev",) and OPTION_REQUIRES = {"--peers": ("deploy",)}.
        arguments: what follows the name on the command line.
    """
    found = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in parse(name).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("REQUIRES", "OPTION_REQUIRES")
    }
    extras = list(found.get("REQUIRES", ()))
    for word, more in found.get("OPTION_REQUIRES", {}).items():
        if word in [argument.partition("=")[0] for argument in arguments]:
            extras += more
    return tuple(dict.fromkeys(extras))


def options_of(name):
    """For each argument that a task adds to its parser: its names, and its keywords with what stands there."""
    for node in ast.walk(parse(name)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            names = [word.value for word in node.args if isinstance(word, ast.Constant)]
            yield names, {word.arg: word.value for word in node.keywords}


def lesson_names():
    """The module that knows the lessons; it reads TOML, which Python can from 3.11 on."""
    return importlib.import_module("tools.environment.lesson_names")


def lessons_in(name, arguments):
    """The words of a command line that a task takes for lessons: those of its argument `lesson` or `lessons`."""
    options = [(names, keywords) for names, keywords in options_of(name) if names]
    if not any(names[0] in ("lesson", "lessons") for names, _ in options):
        return []
    with_value = [one for names, keywords in options for one in names if one[0] == "-" and "action" not in keywords]
    found, before = [], ""
    for word in arguments:
        is_value = before[:1] == "-" and any(one.startswith(before) for one in with_value)  # "--por" is "--port"
        if word[0:1] != "-" and not is_value:
            found.append(word)
        before = word
    return found


def print_help():
    """Print how to call this file, and every task with its line."""
    say(f"{command()} [--here] [--yes] [TASK] [options]      without a task: open\n")
    for name in tasks():
        say(f"  {name:<12} {title(name)}")
    say(
        f"\n  {command('3.1')} opens the course at that lesson"
        "\n  --here       use the environment this Python belongs to (conda, Colab, Binder); install nothing"
        "\n  --yes        let uv fetch a Python, without asking, when none on this machine fits"
        f"\n  {command('TASK', '--help')} lists the options of a task"
    )


def print_task_help(name):
    """Print what can be said of a task whose packages are not there: its docstring and its options."""
    say(f"{command(name)} [options]\n\n{ast.get_docstring(parse(name))}\n")
    for names, keywords in options_of(name):
        text = keywords.get("help")
        say(f"  {', '.join(names):<12} {text.value if isinstance(text, ast.Constant) else ''}")
    say("\nSome of its packages are not there. Nothing was installed; a start without --help does that.")


def unknown_task(name):
    """Say that there is no such task or lesson and which come near; give 2, the status of a wrong call."""
    near = difflib.get_close_matches(name, tasks(), n=3, cutoff=0.5)
    near = near or [f"{lesson.number} ({lesson.name})" for lesson in lesson_names().near(name)]
    say(f"There is no task and no lesson {name!r}." + (f" Did you mean {' or '.join(near)}?" if near else ""))
    say(f"{command('--help')} lists the tasks, {command('progress', '--all')} the lessons.")
    return 2


def restart_with_another(fault, arguments, agreed):
    """Go on with a Python that fits; give 1 after saying what to install when there is none."""
    found = python.find()
    if not found:
        say(f"{fault} No other was found. " + python.INSTALL.format(python.allowed()[1]))
        found = python.offer(arguments, agreed)
    if not found:
        return 1
    say(f"{fault} Going on with {' '.join(found)}.")
    return hand_over([*found, DOOR, *arguments])


def set_up(name, extras):
    """Make or complete .venv for a task; give 0, or 1 or 130 after saying why not."""
    fault = python.platform_fault()
    if fault:
        say(fault)
        return 1
    from tools.environment import causes, setup

    try:
        setup.prepare(extras, task=name)
    except causes.Failure as failure:
        say(f"\nThe set-up stopped. {failure.cause}\nWhat to do: {failure.remedy}")
        if failure.kind != "foreign" and setup.LOG.exists():
            say(f"Everything that happened is in {setup.LOG}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. The next start goes on from here.")
        return 130
    return 0


def run_here(name, arguments, extras):
    """Run a task in the environment of the running Python; it is used as it is."""
    missing = _env.missing_packages(extras)
    if missing and wants_help(arguments):
        return print_task_help(name)
    if missing:
        say(f"This environment lacks {', '.join(missing)}. Nothing was installed. This line installs it:")
        say(_env.install_line(extras))
        return 1
    return run_task(name, arguments, extras)


def run_in_venv(name, arguments, extras):
    """Run a task with the environment's Python, after the set-up where that is due."""
    if not _env.is_ready(extras):
        if wants_help(arguments):
            return print_task_help(name)
        # An environment cannot replace itself: the Python that made it does. Behind a link, the set-up refuses.
        if _env.inside_venv() and not _env.linked_to():
            if not _env.is_ready():
                _env.STAMP.unlink(missing_ok=True)
            return hand_over([sys._base_executable, DOOR, name, *arguments])
        status = set_up(name, extras)
        if status:
            return status
    if _env.inside_venv():
        return run_task(name, arguments, extras)
    return hand_over([str(_env.venv_python()), DOOR, name, *arguments])


def wants_help(arguments):
    """True when a task is only asked for its options: that must never install anything."""
    return "--help" in arguments or "-h" in arguments


def run_task(name, arguments, extras):
    """Import tools/NAME.py and run its main; a package that was removed by hand is named."""
    # PyTorch reads this once, when it is imported; its notes on profiling would land in the lessons' outputs.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if name == "open" and not wants_help(arguments):  # what Jupyter needs is loaded for seconds, on a busy machine many
        say("Looking whether the course is open already ...")
    try:
        module = importlib.import_module("tools." + name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] in ("tools", "course_utils", "course"):
            raise
        say(f"The package {error.name!r} is missing from {sys.prefix}.")
        if _env.inside_venv():
            say(f"What to do: delete the folder {_env.VENV} and start again. Your own work, in workspace/, stays.")
        else:
            say(f"What to do: {_env.install_line(extras)}")
        return 1
    return module.main(arguments) or 0


def hand_over(words, env=None):
    """Go on as another program and give its exit status; Ctrl-C is the other program's to answer."""
    sys.stdout.flush()
    if os.name == "posix":
        os.execvpe(words[0], words, os.environ if env is None else env)
    process = subprocess.Popen(words, env=env)  # Windows has no exec that keeps the console
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def main(arguments):
    """Find the task, see to its environment, run it; give the exit status."""
    here, agreed = "--here" in arguments, "--yes" in arguments
    arguments = [word for word in arguments if word not in ("--here", "--yes")]
    fault = python.fault()
    if fault and here:
        say(f"{fault} With --here it must be this one. " + python.INSTALL.format(python.allowed()[1]))
        return 1
    if fault:
        return restart_with_another(fault, arguments, agreed)
    if arguments[:1] in (["--help"], ["-h"]):
        return print_help() or 0
    named = bool(arguments) and not arguments[0].startswith("-")
    name, rest = (arguments[0], arguments[1:]) if named else ("open", arguments)
    if name not in tasks():
        if not lesson_names().called(name):
            return unknown_task(name)
        name, rest = "open", arguments
    words = [] if wants_help(rest) else lessons_in(name, rest)
    if words:
        lesson_names().select(words)  # a wrong name is told before anything is installed
    return (run_here if here else run_in_venv)(name, rest, extras_of(name, rest)) or 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not before Python 3.7, which is only told that it is too old
            stream.reconfigure(errors="replace")  # a console that lacks a letter of a path shows "?"
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("\nStopped.")
        sys.exit(130)

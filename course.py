"""The front door of the course: makes the environment in .venv, then hands over to a task.

    python course.py                  set up once, then open the lessons in JupyterLab
    python course.py LESSON           the same, at a lesson: 3.1, or its name
    python course.py TASK [options]   run tools/TASK.py
    python course.py --help           list the tasks
    python course.py --here ...       use the environment that this Python belongs to; make none

Standard library only, and so is tools/environment/. It all parses on Python 3.8, to say there which Python is needed;
but for curriculum.py and doctor.py, which are imported when the right one runs.
"""

import ast
import difflib
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

DOOR = str(Path(__file__).resolve())
if not (Path(DOOR).parent / "tools" / "environment" / "env.py").exists():
    sys.exit(f"The rest of the course is not beside {DOOR}. Download or clone the whole repository.")
sys.path.insert(0, str(Path(DOOR).parent))

from tools.environment import env as _env  # noqa: E402  (only when they are there)
from tools.environment.env import ROOT, command, say  # noqa: E402  (only when they are there)

GROUPS = {  # how --help lists the tasks; what is in neither of these is for whoever writes the course
    "To learn": ("open", "copies", "progress", "cards", "reset", "fetch", "weigh", "doctor"),
    "To teach": ("slides", "assignment", "grade"),
}


def tasks():
    """Map the name of each task to its file in tools/."""
    return {path.stem: path for path in sorted((ROOT / "tools").glob("*.py")) if path.stem[0] != "_"}


def source(name):
    """The text of a task, which is read without importing it."""
    return tasks()[name].read_text(encoding="utf-8")


def title(name):
    """The first line of a task's docstring."""
    return re.match(r'"""(.*?)(?:"""|\n)', source(name)).group(1)


def extras_of(name, arguments):
    """The extras that a task needs, as its file says, each on one line.

    REQUIRES = ("dev",) holds always, OPTION_REQUIRES = {"--peers": ("deploy",)} when that is among the arguments.
    """
    found = dict(re.findall(r"^(REQUIRES|OPTION_REQUIRES) = (.+)$", source(name), re.MULTILINE))
    extras = list(ast.literal_eval(found.get("REQUIRES", "()")))
    for word, more in ast.literal_eval(found.get("OPTION_REQUIRES", "{}")).items():
        if word in [argument.partition("=")[0] for argument in arguments]:
            extras += more
    return tuple(dict.fromkeys(extras))


def curriculum():
    """The module that knows the lessons; it reads TOML, which Python can from 3.11 on."""
    return importlib.import_module("tools.environment.curriculum")


def print_help():
    """Print how to call this file, and every task with its line, the learner's first."""
    say(f"{command()} [--here] [TASK] [options]      without a task: open")
    named = [name for group in GROUPS.values() for name in group]
    for heading, group in {**GROUPS, "To write the course": [name for name in tasks() if name not in named]}.items():
        say(f"\n{heading}")
        for name in group:
            say(f"  {name:<12} {title(name)}")
    say(
        f"\n{command('3.1')} opens the course at that lesson; {command('TASK', '--help')} lists the options of a task."
        "\n--here uses the environment that this Python belongs to (conda, Colab, Binder), and installs nothing."
    )
    return 0


def print_task_help(name):
    """Print what can be said of a task whose packages are not there: its docstring and its options."""
    _, docstring, code = source(name).split('"""', 2)
    say(f"{command(name)} [options]\n\n{docstring.strip()}\n")
    for option, said in re.findall(r'add_argument\(\s*(?:#.*\s*)*"(\S+?)"[^)]*?\bhelp=((?:\s*f?"[^"]*")+)', code):
        words = "".join(re.findall(r'"([^"]*)"', said))
        say(f"  {option:<12} {words}")
    say("\nSome of its packages are not there. Nothing was installed; a start without --help does that.")
    return 0


def unknown_task(name):
    """Say that there is no such task or lesson and which come near; give 2, the status of a wrong call."""
    near = difflib.get_close_matches(name, tasks(), cutoff=0.5) or curriculum().near(name)
    say(f"There is no task and no lesson {name!r}." + (f" Did you mean {' or '.join(near)}?" if near else ""))
    say(f"{command('--help')} lists the tasks, {command('progress', '--all')} the lessons.")
    return 2


def set_up(extras):
    """Make or complete .venv where that is due; give 0, or 1 after saying why not."""
    from tools.environment import causes, setup

    try:
        setup.prepare(extras)
    except causes.Failure as failure:
        say(f"\nThe set-up stopped. {failure}")
        return 1
    return 0


def run_task(name, arguments, extras):
    """Import tools/NAME.py and run its main; a package that is missing is named, with what to do."""
    # PyTorch reads this once, when it is imported; its notes on profiling would land in the lessons' outputs.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if name == "open" and not wants_help(arguments):  # what Jupyter needs is loaded for seconds, on a busy machine many
        say("Looking whether the course is open already ...")
    try:
        return importlib.import_module("tools." + name).main(arguments) or 0
    except ModuleNotFoundError as error:
        if (error.name or "tools").partition(".")[0] in ("tools", "course_utils", "course"):
            raise
        if wants_help(arguments):
            return print_task_help(name)
        mend = f"delete the folder {_env.VENV} and start again. Your own work, in workspace/, stays."
        mend = mend if _env.inside_venv() else _env.install_line(extras)
        say(f"The package {error.name!r} is missing from {sys.prefix}. What to do: {mend}")
        return 1


def wants_help(arguments):
    """True when a task is only asked for its options: that must never install anything."""
    return "--help" in arguments or "-h" in arguments


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
    here = "--here" in arguments
    arguments = [word for word in arguments if word != "--here"]
    fault = _env.python_fault()
    if arguments[:1] in (["--help"], ["-h"]) or fault and wants_help(arguments):
        return print_help()
    if fault and (here or _env.inside_venv()):
        say(f"{fault} {_env.install_python()}")
        return 1
    if fault:  # nothing more can be asked of this Python
        if not _env.is_ready():
            say(f"{fault} uv looks for another one, or fetches it for your account alone (30 MB).")
        return set_up(()) or hand_over([str(_env.python_of(_env.VENV)), DOOR, *arguments])
    name, rest = (arguments[0], arguments[1:]) if arguments and arguments[0][:1] != "-" else ("open", arguments)
    if name not in tasks():
        if not curriculum().called(name):
            return unknown_task(name)
        name, rest = "open", arguments
    extras = extras_of(name, rest)
    if not here:
        if wants_help(rest) and not _env.is_ready(extras):
            return print_task_help(name)
        status = set_up(extras)
        if status:
            return status
    if here or _env.inside_venv():
        return run_task(name, rest, extras)
    return hand_over([str(_env.python_of(_env.VENV)), DOOR, name, *rest])


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not before Python 3.7, which is only told that it is too old
            stream.reconfigure(errors="replace")  # a console that lacks a letter of a path shows "?"
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("\nStopped.")
        sys.exit(130)

"""The front door of the course: makes the environment in .venv, then hands over to a task.

    python course.py                  set up once, then open the lessons in JupyterLab
    python course.py TASK [options]   run tools/TASK.py
    python course.py --help           list the tasks
    python course.py --here ...       use the environment that this Python belongs to; make none

Standard library only. This file also parses on Python 3.8, to say there which Python is needed.
The set-up itself is tools/_setup.py; a start that finds it done never loads that.
"""

import ast
import difflib
import hashlib
import importlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / ".course-stamp.json"
DOOR = str(ROOT / "course.py")
INSTALL_PYTHON = ("Install Python 3.{} from https://www.python.org/downloads/ (64 bit; on Linux from your "
                  "package manager), then start again.")


def python_range():
    """Give (lowest, highest) minor version of Python 3 that pyproject.toml allows."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    low, past = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', text).groups()
    return int(low), int(past) - 1


def python_fault():
    """Say why the running Python cannot serve, or give None."""
    low, high = python_range()
    if not (3, low) <= sys.version_info[:2] <= (3, high):
        return f"This is Python {platform.python_version()}; the course needs 3.{low} to 3.{high}."
    if sys.implementation.name != "cpython":
        return f"This is {platform.python_implementation()}; PyTorch needs CPython."
    if sys.maxsize < 2**32:
        return "This is a 32-bit Python; PyTorch needs a 64-bit one."
    return None


def find_python():
    """Find another Python that fits, newest first; a command as a list, or None."""
    low, high = python_range()
    names = [f"python3.{minor}" for minor in range(high, low - 1, -1)]
    commands = [[str(venv_python())]] if venv_python().exists() else []
    if os.name == "nt" and shutil.which("py"):
        commands += [["py", f"-{name[6:]}"] for name in names]
    commands += [[path] for path in map(shutil.which, [*names, "python3", "python"]) if path]
    test = (f"import sys; sys.exit(not ((3, {low}) <= sys.version_info[:2] <= (3, {high})"
            " and sys.implementation.name == 'cpython' and sys.maxsize > 2**32))")
    quiet = dict(os.environ, PYTHON_MANAGER_AUTOMATIC_INSTALL="false")  # asking "py" must not install
    for command in commands:
        try:
            done = subprocess.run([*command, "-c", test], env=quiet, timeout=20, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError):
            continue
        if done.returncode == 0:
            return command
    return None


def restart_with_another(fault, arguments):
    """Go on with a Python that fits; give 1 after saying what to install when there is none."""
    found = find_python()
    if found:
        say(f"{fault} Going on with {' '.join(found)}.")
        return hand_over([*found, DOOR, *arguments])
    say(f"{fault} No other was found. " + INSTALL_PYTHON.format(python_range()[1]))
    return 1


def platform_fault():
    """Say what stops a set-up on this machine before anything is made, or give None."""
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        return ("PyTorch has no builds for Intel Macs any more. On a Mac with an Apple chip, this Python is "
                "an Intel one: install the universal Python from https://www.python.org/downloads/. "
                "On an Intel Mac use another machine, or a hosted notebook.")
    if sysconfig.get_platform() == "win-arm64":
        return ("PyTorch has no builds for Windows on ARM in the package index. Use WSL (Ubuntu), which is "
                "Linux to PyTorch, or another machine.")
    made = venv_python().exists()
    if not made and not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        minor = sys.version_info[1]
        return (f"This Python cannot make environments: its module venv is not complete. Debian and Ubuntu: "
                f"sudo apt install python3.{minor}-venv. Elsewhere: " + INSTALL_PYTHON.format(minor))
    return None


def tasks():
    """Map the name of each task to its file in tools/."""
    return {path.stem: path for path in sorted((ROOT / "tools").glob("*.py")) if path.stem[0] != "_"}


def describe(path):
    """Give (first line of the docstring, extras it REQUIRES) of a task without importing it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    extras = ()
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "REQUIRES":
            extras = tuple(ast.literal_eval(node.value))
    return (ast.get_docstring(tree) or "").partition("\n")[0], extras


def print_help():
    """Print how to call this file, and every task with its line."""
    say("python course.py [--here] [TASK] [options]      without a task: open\n")
    for name, path in tasks().items():
        say(f"  {name:<12} {describe(path)[0]}")
    say("\n  --here       use the environment this Python belongs to (conda, Colab, Binder); install nothing"
        "\n  python course.py TASK --help lists the options of a task")


def unknown_task(name):
    """Say that there is no such task and which come near; give 2, the status of a wrong call."""
    near = difflib.get_close_matches(name, tasks(), n=3, cutoff=0.5)
    say(f"There is no task {name!r}." + (f" Did you mean {' or '.join(near)}?" if near else ""))
    say("python course.py --help lists the tasks.")
    return 2


def venv_python():
    """Path of the environment's Python, made or not."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def inside_venv():
    """True when the running Python is the one in .venv."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def read_json(path):
    """Read a JSON object; {} when the file is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def expected_stamp():
    """What a finished set-up of this folder as it is now has in its stamp."""
    content = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return {"inputs": hashlib.sha256(content).hexdigest(), "root": str(ROOT)}


def is_ready(extras):
    """True when .venv was set up for this folder, these dependencies and at least these extras."""
    stamp = read_json(STAMP)
    if not venv_python().exists() or not set(extras) <= set(stamp.get("extras", [])):
        return False
    if inside_venv() and stamp.get("python") != "{}.{}".format(*sys.version_info[:2]):
        return False  # the Python under the environment was replaced by another version
    return all(stamp.get(key) == value for key, value in expected_stamp().items())


def set_up(extras):
    """Make or complete .venv; give 0, or 1 or 130 after saying why not."""
    fault = platform_fault()
    if fault:
        say(fault)
        return 1
    from tools import _pip, _setup
    try:
        _setup.prepare(extras)
    except _pip.Failure as failure:
        say(f"\nThe set-up stopped. {failure.cause}\nWhat to do: {failure.remedy}")
        if _setup.LOG.exists():
            say(f"Everything that happened is in {_setup.LOG}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. The next start goes on from here.")
        return 130
    return 0


def missing_packages(extras):
    """List the packages of the course that the running environment lacks."""
    import tomllib
    from importlib.metadata import PackageNotFoundError, version

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [project["name"], *project["dependencies"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    missing = []
    for name in (re.match(r"[\w.-]+", line).group() for line in wanted):
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    return missing


def run_here(name, arguments, extras):
    """Run a task in the environment of the running Python; it is used as it is."""
    missing = missing_packages(extras)
    if missing:
        names = ",".join(extras)
        say(f"This environment lacks {', '.join(missing)}. Nothing was installed. This line installs it:")
        say(f'"{sys.executable}" -m pip install -c "{ROOT / "constraints.txt"}" '
            f'-e "{ROOT}{f"[{names}]" if names else ""}"')
        return 1
    return run_task(name, arguments)


def run_task(name, arguments):
    """Import tools/NAME.py and run its main; a package that was removed by hand is named."""
    # PyTorch reads this once, when it is imported; its notes on profiling would land in the lessons' outputs.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    try:
        module = importlib.import_module("tools." + name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] in ("tools", "course_utils", "course"):
            raise
        say(f"The package {error.name!r} is missing from {sys.prefix}.\n"
            f"What to do: delete the folder {VENV} and start again. Your own work, in workspace/, stays.")
        return 1
    return module.main(arguments) or 0


def hand_over(command, env=None):
    """Go on as another program and give its exit status; Ctrl-C is the other program's to answer."""
    sys.stdout.flush()
    if os.name == "posix":
        os.execvpe(command[0], command, os.environ if env is None else env)
    process = subprocess.Popen(command, env=env)  # Windows has no exec that keeps the console
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def say(text):
    """Print at once, also into a pipe."""
    print(text, flush=True)


def main(arguments):
    """Find the task, see to its environment, run it; give the exit status."""
    if not (ROOT / "pyproject.toml").exists() or not (ROOT / "tools").is_dir():
        say(f"The rest of the course is not beside {DOOR}. Download or clone the whole repository.")
        return 1
    here, arguments = "--here" in arguments, [word for word in arguments if word != "--here"]
    fault = python_fault()
    if fault and here:
        say(f"{fault} With --here it must be this one. " + INSTALL_PYTHON.format(python_range()[1]))
        return 1
    if fault:
        return restart_with_another(fault, arguments)
    if arguments[:1] in (["--help"], ["-h"]):
        return print_help()
    named = bool(arguments) and not arguments[0].startswith("-")
    name, rest = (arguments[0], arguments[1:]) if named else ("open", arguments)
    if name not in tasks():
        return unknown_task(name)
    extras = describe(tasks()[name])[1]
    return run_here(name, rest, extras) if here else run_in_venv(name, rest, extras)


def run_in_venv(name, arguments, extras):
    """Run a task with the environment's Python, after the set-up where that is due."""
    if not is_ready(extras):
        if inside_venv():  # an environment cannot replace itself: the Python that made it does
            STAMP.unlink(missing_ok=True)
            return hand_over([sys._base_executable, DOOR, name, *arguments])
        status = set_up(extras)
        if status:
            return status
    if inside_venv():
        return run_task(name, arguments)
    return hand_over([str(venv_python()), DOOR, name, *arguments])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a console that lacks a letter of a path shows "?"
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("\nStopped.")
        sys.exit(130)

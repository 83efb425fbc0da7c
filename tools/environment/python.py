"""Which Python the course needs, and where to get one.

Standard library only. course.py imports this before it knows which Python runs: it must parse on Python 3.8.
"""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig

from tools.environment import env
from tools.environment.env import ROOT, say

FETCHER = ROOT / ".venv-uv"  # holds uv, and only where it had to fetch a Python
INSTALL = (
    "Install Python 3.{} from https://www.python.org/downloads/ (64 bit; on Linux from your package manager), "
    "then start again."
)
FIRST_MACOS = 14  # PyTorch's builds for Apple chips


def allowed():
    """Give (lowest, highest) minor version of Python 3 that pyproject.toml allows."""
    low, past = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', _pyproject()).groups()
    return int(low), int(past) - 1


def uv_pin():
    """The requirement of pyproject.toml that names uv, for example "uv==0.13.8"."""
    return re.search(r'"(uv==[\w.]+)"', _pyproject()).group(1)


def fault():
    """Say why the running Python cannot serve, or give None."""
    low, high = allowed()
    if not (3, low) <= sys.version_info[:2] <= (3, high):
        return f"This is Python {platform.python_version()}; the course needs 3.{low} to 3.{high}."
    if sys.implementation.name != "cpython":
        return f"This is {platform.python_implementation()}; PyTorch needs CPython."
    if sys.maxsize < 2**32:
        return "This is a 32-bit Python; PyTorch needs a 64-bit one."
    try:
        import lzma  # noqa: F401
    except ImportError:
        return "This Python was compiled without liblzma: it lacks lzma, which torchvision and the course's data need."
    return None


def find():
    """Find another Python that fits, newest first; a command as a list, or None."""
    low, high = allowed()
    names = [f"python3.{minor}" for minor in range(high, low - 1, -1)]
    commands = [[str(env.venv_python())]] if env.venv_python().exists() else []
    if os.name == "nt" and shutil.which("py"):
        commands += [["py", f"-{name[6:]}"] for name in names]
    commands += [[path] for path in map(shutil.which, [*names, "python3", "python"]) if path]
    return next((command for command in commands if fits(command)), None)


def fits(command):
    """True when a command starts a Python that the course can use."""
    low, high = allowed()
    test = (
        f"import lzma, sys; sys.exit(not ((3, {low}) <= sys.version_info[:2] <= (3, {high})"
        " and sys.implementation.name == 'cpython' and sys.maxsize > 2**32))"
    )
    quiet = dict(os.environ, PYTHON_MANAGER_AUTOMATIC_INSTALL="false")  # asking "py" must not install
    no = subprocess.DEVNULL
    try:
        done = subprocess.run([*command, "-c", test], env=quiet, timeout=20, stdin=no, stdout=no, stderr=no)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def offer(arguments, agreed):
    """Let uv fetch a Python that fits, after asking.

    Args:
        arguments: those of course.py, for the line that is printed where nobody can be asked.
        agreed: True when the user has said --yes.
    Returns:
        list: the command of that Python; None when it was not wanted, or could not be fetched.
    """
    name = f"Python 3.{allowed()[1]}"
    if not agreed and not (sys.stdin.isatty() and sys.stdout.isatty()):
        say(f"Or let uv fetch {name} for your account alone: {env.command('--yes', *arguments)}")
        return None
    question = f"Fetch {name} now with uv, for your account alone (30 MB)? [y/N] "
    if not agreed and not input(question).lower().startswith("y"):
        return None
    say(f"Fetching {name}.")
    try:
        return _fetch(name.partition(" ")[2])
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", None) or getattr(error, "strerror", None) or "the reason stands above."
        say(f"{name} could not be fetched: {why.strip().splitlines()[-1].strip()}")
        return None


def _fetch(version):
    """Install a Python with uv, which is put into an environment of its own where there is none; give its command."""
    found = shutil.which("uv")
    uv = [found] if found else [str(env.python_of(FETCHER)), "-m", "uv"]
    if not found:
        _capture([sys.executable, "-m", "venv", str(FETCHER)])
        _capture([*uv[:2], "pip", "install", "--quiet", uv_pin()])
    subprocess.run([*uv, "python", "install", version], check=True)  # its progress is for the reader
    python = _capture([*uv, "python", "find", "--managed-python", version]).strip()
    return [python] if fits([python]) else None


def _capture(command):
    """Run a program and give what it prints. Raises CalledProcessError, with its errors, and OSError."""
    pipe = subprocess.PIPE
    return subprocess.run(command, check=True, stdout=pipe, stderr=pipe, encoding="utf-8", errors="replace").stdout


def platform_fault():
    """Say what stops a set-up on this machine before anything is made, or give None."""
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        return (
            "PyTorch has no builds for Intel Macs any more. On a Mac with an Apple chip, this Python is an Intel one: "
            "install the universal Python from https://www.python.org/downloads/. On an Intel Mac use another "
            "machine, or a hosted notebook."
        )
    macos = platform.mac_ver()[0].partition(".")[0] if sys.platform == "darwin" else ""
    if macos.isdigit() and 10 < int(macos) < FIRST_MACOS:  # 10: a Python that is shown an old number
        return (
            f"This is macOS {macos}; PyTorch's builds need macOS {FIRST_MACOS} or later. Update macOS (System "
            "Settings, General, Software Update), or use another machine or a hosted notebook."
        )
    if sysconfig.get_platform() == "win-arm64":
        return (
            "PyTorch has no builds for Windows on ARM in the package index. Use WSL (Ubuntu), which is Linux to "
            "PyTorch, or another machine."
        )
    whole = importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")
    if not whole and not env.venv_python().exists():
        minor = sys.version_info[1]
        return (
            "This Python cannot make environments: its module venv is not complete. Debian and Ubuntu: "
            f"sudo apt install python3.{minor}-venv. Elsewhere: " + INSTALL.format(minor)
        )
    return None


def _pyproject():
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8")

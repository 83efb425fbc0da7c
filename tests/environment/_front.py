"""A copy of the repository's front in a folder with a space and a letter beyond ASCII, and starts of it.

No start here reaches the network: the package index is a closed port of this machine, or pip and uv are stubs
inside the environment.
"""

import json
import os
import shutil
import subprocess
import sys
import time

import course
from tools.environment import env
from tools.environment import python as _python

FRONT = (
    *("course.py", "pyproject.toml", "constraints.txt", "tools/__init__.py", "tools/environment/causes.toml"),
    *("course_utils/__init__.py", "course_utils/files.py", "course_utils/syllabus.py", "lessons/course.toml"),
)
CLOSED = "http://127.0.0.1:9"
ECHO = '''"""Print the arguments.

Every one of them, in order.
"""
import argparse, sys
def main(argv):
    argparse.ArgumentParser().add_argument("--long", help="not read")
    print("TASK", argv, sys.prefix)
    return 0
'''
TEACH = '''"""Take lessons."""
import argparse
REQUIRES = ("dev",)
def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("lessons", nargs="*")
    parser.add_argument("--port", type=int)
    parser.add_argument("--all", action="store_true")
    print("LESSONS", parser.parse_args(argv).lessons)
'''
# Both stubs write down how they were called and run the test's script for them; what does not end there succeeds.
STUB = """
import json, os, pathlib, sys, time
here, words = pathlib.Path(__file__).parent, sys.argv[1:]
asked = words[:2] in (["config", "list"], ["cache", "dir"]) or words == ["--version"]
dry = "--dry-run" in words
if not asked:
    with open(here / "calls.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(words) + "\\n")
    if (here / "script.py").exists():
        exec((here / "script.py").read_text(encoding="utf-8"))
"""
STUB_PIP = STUB + "print((here / 'config.txt').read_text() if asked and (here / 'config.txt').exists() else '')\n"
STUB_UV = (
    STUB
    + f"""
if words == ["--version"]:
    print("{_python.uv_pin().replace("==", " ")} (stub)")
elif asked:
    print(here / "cache")
else:
    print(" + six==1.17.0" if dry else "Installed 1 package")
"""
)
NO_NETWORK = """
print("error: Request failed after 3 retries in 6.5s")
print("  cause: tcp connect error")
print("  cause: Connection refused (os error 111)")
sys.exit(2)
"""
DISK_FULL = """
if not dry:
    print("  cause: failed to copy file from a to b: No space left on device (os error 28)")
    sys.exit(2)
"""
SLEEP = """
if not dry:
    (here / "pid").write_text(str(os.getpid()))
    time.sleep(60)
"""


def make_front(folder):
    """Copy what course.py needs, with tasks that need nothing installed: echo, needy (extra dev), choosy, and
    teach and open, which take lessons."""
    root = folder / "a b é"
    names = [
        *FRONT,
        *(f"tools/environment/{path.name}" for path in (course.ROOT / "tools" / "environment").glob("*.py")),
    ]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(course.ROOT / name, root / name)
    (root / "tools" / "echo.py").write_text(ECHO, encoding="utf-8")
    for name in ("teach", "open"):
        (root / "tools" / f"{name}.py").write_text(TEACH, encoding="utf-8")
    (root / "tools" / "needy.py").write_text(ECHO + 'REQUIRES = ("dev",)\n', encoding="utf-8")
    (root / "tools" / "choosy.py").write_text(ECHO + 'OPTION_REQUIRES = {"--peers": ("deploy",)}\n', encoding="utf-8")
    return root


def environment(**more):
    """No package index, no proxy that answers, no settings of this machine."""
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith(("PIP_", "UV_", "NO_PROXY"))}
    return {
        **kept,
        "PIP_INDEX_URL": CLOSED + "/simple",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "1",
        "PIP_NO_CACHE_DIR": "1",
        "HTTPS_PROXY": CLOSED,
        "PYTHONUTF8": "1",
        **more,
    }


def start(root, *arguments, python=sys.executable, cwd=None, **more):
    """Run course.py as a user does; output and errors come together."""
    return subprocess.run(
        [str(python), str(root / "course.py"), *arguments],
        cwd=cwd,
        env=environment(**more),
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )


def begin(root, *arguments, stdout=subprocess.PIPE):
    """Begin a start of course.py and do not wait for it."""
    words = [sys.executable, str(root / "course.py"), *arguments]
    return subprocess.Popen(words, env=environment(), text=True, stdout=stdout, stderr=subprocess.STDOUT)


def make_venv(root, script="", uv=True):
    """An environment as an interrupted set-up leaves it: Python runs, pip and uv are stubs, no stamp.

    Args:
        root: the folder that `make_front` gave.
        script: what uv's stub runs when it is asked to install; pip's, when there is no uv.
        uv: False leaves uv out.
    Returns:
        the folder of the stub that has the script.
    """
    venv = root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (venv / ".course-made.json").write_text(json.dumps({"root": str(root)}), encoding="utf-8")
    for name, stub in {"pip": STUB_PIP, "uv": STUB_UV}.items() if uv else [("pip", STUB_PIP)]:
        folder = next(venv.glob("[lL]ib*/**/site-packages")) / name
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "__main__.py").write_text(stub, encoding="utf-8")
    (folder / "script.py").write_text(script, encoding="utf-8")
    return folder


def calls(stub):
    """The arguments of every call of a stub that installs or plans."""
    path = stub / "calls.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def installs(stub):
    """The calls of uv's stub that change the environment."""
    return [call for call in calls(stub) if "--dry-run" not in call]


def venv_python(root):
    """Path of the Python in the .venv of a front."""
    return env.python_of(root / ".venv")


def wait_for(condition, seconds=20):
    """Wait until `condition` holds; fail after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)

"""A copy of the repository's front in a folder with a space and a letter beyond ASCII, with a uv that is played.

No start here reaches the network. What uv was asked, but for its version, stands in calls.jsonl; a test's script runs
in its place.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

import course
from tools.environment import env

FRONT = ("course.py", "pyproject.toml", "constraints.txt", "tools/__init__.py", "tools/environment")
LIBRARY = ("lessons/course.toml", "course_utils/__init__.py", "course_utils/files.py")
ECHO = '''"""Print the arguments.

Every one of them, in order.
"""
import argparse, sys
def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", help="not read")
    parser.add_argument("rest", nargs="*")
    parser.parse_known_args(argv)
    print("TASK", argv, sys.prefix)
'''
TASKS = {
    "echo": ECHO,
    "open": ECHO,
    "needy": ECHO + 'REQUIRES = ("dev",)\n',
    "lame": '"""Lame."""\nimport not_there\n',
}
# The shell starts it: behind #! the path of a Python must not have a space, and the course may lie in such a folder.
UV = f"""#!/bin/sh
'''exec' "{sys.executable}" "$0" "$@"
' '''
import json, os, pathlib, subprocess, sys, time
here, words = pathlib.Path(__file__).parent, sys.argv[1:]
dry = "--dry-run" in words
with open(here / "calls.jsonl", "a", encoding="utf-8") as file:
    file.write(json.dumps([*words, os.environ.get("UV_TORCH_BACKEND")]) + "\\n")
if words[0] == "venv":
    sys.exit(subprocess.run([{sys.executable!r}, "-m", "venv", "--without-pip", words[-1]]).returncode)
if (here / "script.py").exists():
    exec((here / "script.py").read_text(encoding="utf-8"))
print(" + torch==2" if dry else "Installed 1 package")
"""
DISK_FULL = "if not dry: sys.exit('failed to copy file from a to b: No space left on device (os error 28)')"
TICK = "while not dry: (here / 'tick').touch(); time.sleep(0.02)"
played = pytest.mark.skipif(os.name == "nt", reason="a script cannot play uv.exe")


def make_front(folder, script=""):
    """Copy what course.py needs, with tasks that need nothing installed, and a uv that runs a test's script."""
    root = folder / "a b é"
    for name in (*FRONT, *LIBRARY):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (course.ROOT / name).is_dir() else shutil.copy)(course.ROOT / name, root / name)
    for name, text in TASKS.items():
        (root / "tools" / f"{name}.py").write_text(text, encoding="utf-8")
    record = root / ".venv-uv" / f"uv-{env.pinned('uv')}.dist-info"
    record.mkdir(parents=True)
    (record / "INSTALLER").touch()
    (record.parent / "bin").mkdir()
    (record.parent / "bin" / "uv").write_text(UV, encoding="utf-8")
    (record.parent / "bin" / "uv").chmod(0o755)
    play(root, script)
    return root


def play(root, script):
    """What uv does from now on when it is asked to install; "" is to succeed."""
    (root / ".venv-uv" / "bin" / "script.py").write_text(script, encoding="utf-8")


def calls(root):
    """What uv was asked: its words, and at the end the build of PyTorch."""
    path = root / ".venv-uv" / "bin" / "calls.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def environment(**more):
    """No proxy that answers, no settings of this machine."""
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith(("PIP_", "UV_", "NO_PROXY"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "HTTPS_PROXY": "http://127.0.0.1:9", "PYTHONUTF8": "1", **more}


def begin(root, *arguments, python=sys.executable, cwd=None, **more):
    """Begin a start of course.py as a user does, and do not wait for it; output and errors come together."""
    words, pipe = [str(python), str(root / "course.py"), *arguments], subprocess.PIPE
    settings = {"cwd": cwd, "env": environment(**more), "stdin": subprocess.DEVNULL, "encoding": "utf-8"}
    return subprocess.Popen(words, **settings, stdout=pipe, stderr=subprocess.STDOUT)


def start(root, *arguments, **more):
    """Run course.py to its end; gives (exit status, output)."""
    process = begin(root, *arguments, **more)
    output = process.communicate(timeout=600)[0]
    return process.returncode, output

"""Write constraints.txt: versions of everything, for each system and Python that the course allows."""

import argparse
import subprocess
import sys

from course import ROOT, command, say
from tools.environment import causes, env

REQUIRES = ("setup",)
HEADER = """\
# Everything the course needs, direct and indirect, for Windows, macOS and Linux and every Python that it allows.
# Generated: course.py constraints. pip and uv install with it (-c); what a system does not need is not installed.
"""
OF_TORCH = ("nvidia-", "cuda-", "triton==")  # each build of PyTorch names its own versions of these


def main(argv):
    """Resolve pyproject.toml with all its extras; versions that still serve stay. Returns 0, or 1 when uv fails."""
    parser = argparse.ArgumentParser(prog="course.py constraints", description=__doc__)
    parser.add_argument(
        "--upgrade", action="store_true", help="take the newest version of each package that is allowed"
    )
    options = parser.parse_args(argv)
    low, _ = env.allowed()
    words = ["--all-extras", "--universal", "--python-version", f"3.{low}", "--no-header", "--no-annotate", "--quiet"]
    words += ["--upgrade"] if options.upgrade else []
    made = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", *words, "--output-file", "constraints.txt"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if made.returncode:
        say(f"{causes.explain(made.stderr, 'Resolving')}\nconstraints.txt stays as it was.\n{made.stderr}")
        return 1
    lines = env.CONSTRAINTS.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(OF_TORCH)]
    env.CONSTRAINTS.write_text(HEADER + "".join(kept), encoding="utf-8", newline="\n")
    say(f"constraints.txt: {len(kept)} lines. Run every test with it: {command('test')}")
    return 0

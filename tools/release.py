"""Check all that a release needs, the slow things too, and say what holds; --list names the checks."""

import argparse
import subprocess
import sys
import time
import tomllib

from course import DOOR, ROOT, command, say
from tools.publishing import lessons as _lessons

REQUIRES = ("dev", "deploy", "llm", "cluster", "setup", "site")

LOGS = ROOT / "build" / "release"
MAX_BYTES = 64 * 2**20  # a machine with a GPU, to which the tree travels, takes no more
COMMANDS = {  # what each one needs is in the task's own help
    "tests": ("test", "--full"),
    "backwards": ("test", "tests/lessons/backwards.py"),
    "decks": ("slides", "--check"),
    "lecture": ("slides", "--lecture", "--check"),
    "tutorial": ("slides", "--tutorial", "--check"),
    "site": ("site", "--check"),
    "peers": ("bench", "quantization", "--peers", "--to", str(LOGS / "quantization.json")),
}


def main(argv):
    """Make the checks asked for, one after the other, and print what holds; returns 1 when one of them does not.

    A check that fails does not stop the others. What a command prints is kept in build/release/NAME.log.
    """
    checks = {"words": words, "figures": figures, "published": published}
    checks |= dict.fromkeys(COMMANDS)
    parser = argparse.ArgumentParser(prog="course.py release", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(checks)} (default: all)")
    parser.add_argument("--list", action="store_true", help="make no check; say what each one is")
    args = parser.parse_args(argv)
    if unknown := [name for name in args.names if name not in checks]:
        say(f"There is no check {unknown[0]!r}. There are: {', '.join(checks)}.")
        return 2
    if args.list:
        for name, check in checks.items():
            say(f"{name:10} {check.__doc__.partition('. ')[0] if check else command(*COMMANDS[name])}")
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    table, failed = [], False
    for name in args.names or checks:
        say(f"{name} ...")
        start = time.monotonic()
        faults = checks[name]() if checks[name] else run(name)
        table.append(f"{name:10} {'FAILS' if faults else 'holds'} {time.monotonic() - start:6.0f} s")
        failed |= bool(faults)
        say("\n".join([*faults, table[-1]]))
    say("\n" + "\n".join(table))
    return int(failed)


def run(name):
    """Run one of `COMMANDS` with what it prints kept in a file; list what is wrong, in one sentence or none."""
    log = LOGS / f"{name}.log"
    with log.open("w", encoding="utf-8") as out:
        words = [sys.executable, DOOR, "--here", *COMMANDS[name]]
        status = subprocess.run(words, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode
    return [f"{command(*COMMANDS[name])} ended with {status}; what it said: {log}"] if status else []


def words(root=ROOT):
    """CITATION.cff and CHANGELOG.md name the version that pyproject.toml has. List the faults."""
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    said = {"CITATION.cff": f"version: {version}", "CHANGELOG.md": f"## {version} "}
    return [
        f"{name} does not name the version {version}, which pyproject.toml has"
        for name, text in said.items()
        if text not in (root / name).read_text(encoding="utf-8")
    ]


def tracked(root=ROOT):
    """Path -> bytes of every file that git tracks; {} outside of a clone."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, encoding="utf-8")
    files = (root / name for name in listed.stdout.split("\0") if name)
    return {path.relative_to(root).as_posix(): path.stat().st_size for path in files if path.is_file()}


def figures():
    """Print what is long and what is heavy, for somebody to look at; only a tree of over 64 MiB is a fault."""
    sizes = tracked()
    lines = {name: (ROOT / name).read_bytes().count(b"\n") for name in sizes if name.endswith(".py")}
    notebooks = {name: size for name, size in sizes.items() if name.startswith("notebooks/")}
    for place in ("course_utils", "lessons", "records", "tools", "tests"):
        own = {name: count for name, count in lines.items() if name.startswith(f"{place}/")}
        longest = ", ".join(f"{name} {own[name]:,}" for name in sorted(own, key=own.get, reverse=True)[:3])
        say(f"  {place}: {sum(own.values()):,} lines in {len(own)} files; the longest: {longest}")
    most = sorted(sizes, key=sizes.get, reverse=True)[:4]
    heaviest = ", ".join(f"{name} {sizes[name] / 1e6:.1f} MB" for name in most)
    largest = max(notebooks.values(), default=0)
    say(f"  {len(notebooks)} notebooks: {sum(notebooks.values()) / 1e6:.1f} MB, the largest {largest / 1e3:.0f} kB")
    total = sum(sizes.values())
    say(f"  tracked: {total / 2**20:.1f} MiB of {MAX_BYTES / 2**20:.0f}; the heaviest: {heaviest}")
    return [] if total < MAX_BYTES else [f"the tracked tree has {total / 2**20:.1f} MiB"]


def published():
    """Every notebook was published, with the files as they are. List the faults."""
    from tools import build

    lessons = _lessons.select([])
    return [f"{lesson.name}: {fault}" for lesson in lessons for fault in build.faults(lesson)] + [
        f"{lesson.name}: built, but not with --publish" for lesson in lessons if not build.is_published(lesson)
    ]

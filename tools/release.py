"""Check all that a release needs, the slow things too, and say what holds; --list names the checks."""

import argparse
import subprocess
import sys
import tempfile
import time
import tomllib

from course import DOOR, ROOT, command, say
from tools.publishing import lessons

REQUIRES = ("dev", "deploy", "llm", "cluster", "setup", "site")

LOGS = ROOT / "build" / "release"
MAX_BYTES = 64 * 2**20  # what is downloaded before the first lesson
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
    checks = {"words": words, "figures": figures, "notebooks": notebooks, "speed": speed}
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
    for place in ("course_utils", "weigh", "lessons", "records", "tools", "tests"):
        own = [name for name in sizes if name.startswith(f"{place}/") and name.endswith(".py")]
        lines = {name: (ROOT / name).read_bytes().count(b"\n") for name in own}
        longest = ", ".join(f"{name} {lines[name]:,}" for name in sorted(lines, key=lines.get, reverse=True)[:3])
        say(f"  {place}: {sum(lines.values()):,} lines in {len(lines)} files; the longest: {longest}")
    heaviest = sorted(sizes, key=sizes.get, reverse=True)[:4]
    total, most = sum(sizes.values()) / 2**20, MAX_BYTES / 2**20
    say(f"  tracked: {total:.1f} MiB; the heaviest: {', '.join(f'{n} {sizes[n] / 2**20:.1f} MiB' for n in heaviest)}")
    return [f"the tracked tree has {total:.1f} MiB, at most {most:.0f}"] if total > most else []


def notebooks():
    """Every notebook is up to date with its lesson. List the faults."""
    from tools.publishing import staleness, worksheets

    pages = [*lessons.select([]), *worksheets.ALL.values()]
    return [fault for page in pages for fault in staleness.faults(page)]


def speed():
    """Claims of speed hold, on this machine when it is quiet; nothing is written. List the faults."""
    from course_utils import claims
    from tools import build

    faults = []
    for lesson in lessons.select([]):
        if not any(claim.kind == "speed" for claim in claims.read(lesson.name).values()):
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                env = build.environment() | {"COURSE_JUDGE_SPEED": "1"}
                lessons.execute(lessons.read(lesson), folder=folder, env=env, lesson=lesson.name)
            except lessons.CellFailed as failed:
                faults.append(str(failed))
    return faults

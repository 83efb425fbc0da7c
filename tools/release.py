"""Check all that a release needs, the slow things too, and say what holds; --list names the checks."""

import argparse
import datetime
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import replace

from course import DOOR, ROOT, command, say
from tools.publishing import lessons as _lessons

REQUIRES = ("dev", "deploy", "llm", "cluster", "live", "setup", "site")

LOGS = ROOT / "build" / "release"
# In test accuracy, for another kind of processor: 55 runs on two kinds differed by at most 0.0039, on one kind 20 by 0.
MOST_APART = 0.006
LEVELS = 2  # so many of one seed, and its dense network
MAY_FAIL = ("newest",)
MOST_BYTES = 64 * 2**20  # a machine with a GPU, to which the tree travels, takes no more
COMMANDS = {  # what each one needs is in the task's own help
    "tests": ("test", "--full"),
    "backwards": ("test", "tests/lessons/backwards.py"),
    "decks": ("slides", "--check"),
    "lecture": ("slides", "--lecture", "--check"),
    "tutorial": ("slides", "--tutorial", "--check"),
    "site": ("site", "--check"),
    "peers": ("bench", "quantization", "--peers", "--to", str(LOGS / "quantization.json")),
    "newest": ("test", "--newest"),
}


def main(argv):
    """Make the checks asked for, one after the other, and print what holds; returns 1 when one of them does not.

    A check that fails does not stop the others. What a command prints is kept in build/release/NAME.log.
    """
    checks = {"words": words, "figures": figures, "published": published, "lottery": lottery}
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
    table = []
    for name in args.names or checks:
        say(f"{name} ...")
        start = time.monotonic()
        faults = checks[name]() if checks[name] else run(name)
        verdict = "holds" if not faults else "reported, may fail" if name in MAY_FAIL else "FAILS"
        table.append((verdict, f"{name:10} {verdict:18} {time.monotonic() - start:6.0f} s"))
        say("\n".join([*faults, table[-1][1]]))
    say("\n" + "\n".join(line for _, line in table))
    return 1 if any(verdict == "FAILS" for verdict, _ in table) else 0


def run(name):
    """Run one of `COMMANDS` with what it prints kept in a file; list what is wrong, in one sentence or none."""
    log = LOGS / f"{name}.log"
    with log.open("w", encoding="utf-8") as out:
        words = [sys.executable, DOOR, "--here", *COMMANDS[name]]
        status = subprocess.run(words, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode
    return [f"{command(*COMMANDS[name])} ended with {status}; what it said: {log}"] if status else []


def words(root=ROOT):
    """The version is the same in pyproject.toml, CITATION.cff and CHANGELOG.md, with the same day. List the faults."""
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    cited = (root / "CITATION.cff").read_text(encoding="utf-8")
    heading = re.search(r"^## (\S+) · (\S+)$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    said = {
        "CITATION.cff": dict(re.findall(r"^(version|date-released): \"?([^\"\n]+)\"?$", cited, re.M)),
        "CHANGELOG.md": {"version": heading[1], "date-released": heading[2]} if heading else {},
    }
    faults = [
        f"{name} has version {found.get('version')}, pyproject.toml {version}"
        for name, found in said.items()
        if found.get("version") != version
    ]
    days = {name: found.get("date-released", "no day") for name, found in said.items()}
    if len(set(days.values())) > 1:
        faults.append(f"the day differs: {days}")
    for name, day in days.items():
        try:
            datetime.date.fromisoformat(day)
        except ValueError:
            faults.append(f"{name}: {day!r} is no day; write it as 2026-11-30")
    return faults


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
    say(f"  tracked: {total / 2**20:.1f} MiB of {MOST_BYTES / 2**20:.0f}; the heaviest: {heaviest}")
    return [] if total < MOST_BYTES else [f"the tracked tree has {total / 2**20:.1f} MiB"]


def published():
    """Every notebook was published, with the files as they are. List the faults."""
    from tools import build

    lessons = _lessons.select([])
    return [f"{lesson.name}: {fault}" for lesson in lessons for fault in build.faults(lesson)] + [
        f"{lesson.name}: built, but not with --publish" for lesson in lessons if not build.is_published(lesson)
    ]


def lottery():
    """The first runs of the lottery's record, trained again in full, end where the record says. List the faults."""
    from course_utils import lottery as tickets
    from tools.lottery import KEPT

    kept, _ = tickets.Results.load(KEPT / "paper-mnist.json")
    experiment = tickets.Experiment(**kept.experiment)
    experiment = replace(experiment, densities=tuple(experiment.densities[:LEVELS]))
    again = tickets.sweep(experiment, [0], controls={})
    return apart(again.records, kept.records)


def apart(again, kept):
    """List the runs whose test accuracy is not the record's, as far as another processor may move it."""
    known = {(run["seed"], run["arm"], run["level"]): run["test_accuracy"] for run in kept}
    return [
        f"seed {run['seed']}, {run['arm']}, level {run['level']}: {run['test_accuracy']:.2%}, the record {was:.2%}"
        for run in again
        if abs(run["test_accuracy"] - (was := known[run["seed"], run["arm"], run["level"]])) > MOST_APART
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What benches of many runs share: their options and records, and going on with one that was stopped."""

import argparse
import json
import sys
from pathlib import Path

from course_utils import runtime, training
from course_utils.files import ROOT, write_whole


def write(path, command, runs):
    """Write the command and where it ran, then the runs, one a line; whole or not at all.

    Args:
        path: of the record.
        command: that made it.
        runs: dicts of plain values.
    """
    head = json.dumps({"command": command, **runtime.provenance()}, indent=1)
    rows = ",\n".join(json.dumps(run) for run in runs)
    write_whole(path, f'{head[:-2]},\n "runs": [\n{rows}\n]\n}}\n')


def right(net, held_out, test):
    """Per cent of held-out and of test images that a network gets right; each is (images, labels)."""
    return {
        "held_out": round(100 * training.evaluate(net, *held_out), 2),
        "test": round(100 * training.evaluate(net, *test), 2),
    }


def parser(name, doc, *, seeds, target):
    """For the options of a bench that trains networks: --seeds, how many from 0, and --to, where its record goes."""
    options = argparse.ArgumentParser(prog=f"course.py bench {name}", description=doc)
    said = f"how many, from 0 (default: {seeds})"
    options.add_argument("--seeds", type=int, default=seeds, metavar="N", help=said)
    said = f"default: {target.relative_to(ROOT).as_posix()}"
    options.add_argument("--to", type=Path, default=target, metavar="FILE", help=said)
    return options


def kept(path, how, parts):
    """The parts that an earlier run measured before it was stopped.

    Args:
        path: of the file that such a run leaves.
        how: word -> what must be the same in that run and in this one.
        parts: the word under which the file has them.
    Returns:
        dict from the name of a part to what was measured.
    Raises:
        SystemExit: there is none, or it was measured in another way; the message says what differs.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        differ = [word for word, value in how.items() if told[word] != value]
        found = dict(told[parts])
    except FileNotFoundError:
        raise SystemExit("There is nothing to go on with: no run was stopped. Start without --resume.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise SystemExit(f"{path} cannot be read. Start without --resume.") from None
    if differ:
        raise SystemExit(f"The run that was stopped had other {', '.join(differ)}. Start without --resume.")
    print(f"Already measured: {', '.join(found)}", file=sys.stderr)
    return found

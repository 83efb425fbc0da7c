"""What the scripts beside the records share: their options, accuracies, and how a record is written."""

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from course_utils import real_models, runtime, training
from course_utils.files import ROOT, write_whole


def options(name, text, path):
    """The parser of a script: --to, where its record goes, and --quick, which `course.py bench` makes COURSE_QUICK.

    Args:
        name: of the record's folder.
        text: what the script does.
        path: of the record; a smoke run never writes there by itself.
    """
    path = ROOT / "build" / "bench" / f"{name}.json" if runtime.quick() else path
    parser = argparse.ArgumentParser(prog=f"course.py bench {name}", description=text)
    said = f"where the record goes (default: {path.relative_to(ROOT).as_posix()})"
    parser.add_argument("--to", type=Path, default=path, metavar="FILE", help=said)
    parser.add_argument("--quick", action="store_true", help="a smoke run: little is measured, and means nothing")
    return parser


def write(path, record):
    """Write a record, plain values only, whole or not at all; say where."""
    write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    print(f"Written to {path}.")


def write_runs(path, command, runs, **more):
    """Write a record of many trainings: the command and where it ran, then the runs, one a line.

    Args:
        path: of the record.
        command: that makes it.
        runs: dicts of plain values.
        more: what else stands before the runs.
    """
    head = json.dumps({"command": command, **runtime.provenance(), **more}, indent=1)
    rows = ",\n".join(json.dumps(run) for run in runs)
    write_whole(path, f'{head[:-2]},\n "runs": [\n{rows}\n]\n}}\n')
    print(f"{len(runs)} runs written to {path}.")


def of_each(arguments, text, path, each, runs_of, word):
    """Make the runs of each network, seed or repeat on one thread, and write their record; a smoke run takes the first.

    Args:
        arguments: of the command line.
        text: what the script does.
        path: of the record, in the folder that has the name of the script.
        each: what `runs_of` is called with, one after the other; it gives dicts of plain values.
        word: what is counted, in the plural.
    """
    name = path.parent.name
    args = options(name, text, path).parse_args(arguments)
    each = each[:1] if runtime.quick() else each
    with runtime.threads(1):
        runs = [run for one in tqdm(each, desc=word, file=sys.stdout) for run in runs_of(one)]
        write_runs(args.to, f"python3 course.py bench {name}", runs)


def need_smollm2():
    """Stop where the real model was not fetched, since its record would mean nothing; in a smoke run the stand-in does.

    Raises:
        SystemExit: with what to do.
    """
    if not runtime.quick() and not real_models.available("smollm2"):
        raise SystemExit("The record needs the real model. Fetch it first: python3 course.py fetch")


def smollm2():
    """The real model and its tokenizer; see `need_smollm2`."""
    need_smollm2()
    return real_models.smollm2()


def right(net, held_out, test):
    """Per cent of held-out and of test images that a network gets right; each is (images, labels)."""
    return {
        "held_out": round(100 * training.evaluate(net, *held_out), 2),
        "test": round(100 * training.evaluate(net, *test), 2),
    }

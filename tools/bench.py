"""Judge the claims of speed, which no test does: lessons, or a bench by name, alone on the machine, one thread."""

import argparse
import importlib
import os
import sys
from pathlib import Path

from tools import run

OPTION_REQUIRES = {"--peers": ("deploy",), "--with-peers": ("bench-language",)}

BENCHES = Path(__file__).parent / "benches"


def main(argv):
    """Run a named bench, or the lessons asked for with their claims of speed judged.

    Args:
        argv: a name from tools/benches and its own options, for example ["quantization", "--json", "rows.json"];
            or lessons, for example ["amp"]; empty = all lessons.
    Returns:
        0, or 1 when a claim does not hold.
    """
    names = sorted(path.stem for path in BENCHES.glob("[a-z]*.py"))
    # One thread, also for what is imported from here on.
    os.environ.update(COURSE_JUDGE_SPEED="1", OMP_NUM_THREADS="1", COURSE_THREADS="1")
    if not {"-h", "--help"} & set(argv):
        print("Close other programs first: a second busy process changes what is measured.", file=sys.stderr)
    if argv and argv[0] in names:
        from course_utils.measure import timing

        try:
            return importlib.import_module(f"tools.benches.{argv[0]}").main(argv[1:])
        except timing.Unsteady as error:
            print(f"Not measured: {error}")
            return 1
    parser = argparse.ArgumentParser(prog="course.py bench", description=__doc__)
    parser.add_argument(
        "names",  # not "lessons": course.py would look for a bench among them
        nargs="*",
        metavar="NAME",
        help=f"lessons, for example amp (default: all); or one of: {', '.join(names)}",
    )
    args = parser.parse_args(argv)
    return run.main(args.names)

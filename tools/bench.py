"""Judge the claims of speed, which no test does: run lessons alone on the machine, on one thread."""

import argparse
import os

from tools import run


def main(argv):
    """Run the lessons asked for with their claims of speed judged; returns 1 when one does not hold.

    Args:
        argv: lessons, for example ["02"]; empty = all.
    """
    parser = argparse.ArgumentParser(prog="course.py bench", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons, for example 02 (default: all)")
    args = parser.parse_args(argv)
    print("Close other programs first: a second busy process changes what is measured.")
    os.environ.update(COURSE_JUDGE_SPEED="1", OMP_NUM_THREADS="1", COURSE_THREADS="1")
    return run.main(args.lessons)

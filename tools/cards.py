"""Write all questions for later as a text file that Anki imports."""

import argparse
from pathlib import Path

from course import say
from course_utils.files import write_whole
from tools.workspace import three


def main(argv):
    """Write the file; gives 0."""
    parser = argparse.ArgumentParser(prog="course.py cards", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=Path("cards.txt"), help="where to (default: cards.txt)")
    options = parser.parse_args(argv)
    lines = list(three.cards())
    write_whole(options.file, "\n".join(lines) + "\n")
    say(f"{sum(not line.startswith('#') for line in lines)} cards in {options.file}. In Anki: File, Import.")
    return 0

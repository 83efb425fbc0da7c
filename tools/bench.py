"""Measure a record again, alone on the machine, with one thread; without a name: list the records and their scripts."""

import ast
import importlib
import os
import sys

from course_utils.files import ROOT

OPTION_REQUIRES = {"--peers": ("deploy",), "--with-peers": ("llm", "bench-language")}


def main(argv):
    """Run records/NAME/measure.py.

    Args:
        argv: the name of a record's folder and options of its script, for example ["gptq", "--to", "mine.json"]; empty
            = list the names.
    Returns:
        0; 1 when nothing could be measured; 2 when there is no such script.
    """
    name, *arguments = argv or ["--help"]
    found = scripts()
    if name in ("-h", "--help"):
        print(f"course.py bench NAME [options]\n\n{__doc__}\n")
        print("\n".join(f"  {one:<14} {title(path)}" for one, path in found.items()))
        print("\nOptions of a script: course.py bench NAME --help. The records: records/README.md")
        return 0
    if name not in found:
        print(f"There is no script records/{name}/measure.py. There are: {', '.join(found)}.")
        return 2
    # One thread, also for what is imported from here on; a comparison of unsteady times is refused.
    os.environ.update(COURSE_JUDGE_SPEED="1", OMP_NUM_THREADS="1", COURSE_THREADS="1")
    if "--quick" in arguments:
        os.environ["COURSE_QUICK"] = "1"
    if not {"-h", "--help"} & set(arguments):
        print("Close other programs first: a second busy process changes what is measured.", file=sys.stderr)
    from course_utils import timing

    try:
        return importlib.import_module(f"records.{name}.measure").main(arguments) or 0
    except timing.Unsteady as error:
        print(f"Not measured: {error}")
        return 1


def scripts():
    """Name of a record's folder -> the script in it that makes the record."""
    return {path.parent.name: path for path in sorted((ROOT / "records").glob("*/measure.py"))}


def title(path):
    """The first line of a script's docstring."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).partition("\n")[0]

"""Run lessons in the terminal, without a browser, and print their scorecards."""

import argparse
import re
import sys

from tqdm import tqdm

from tools import _lessons

RESULTS = _lessons.ROOT / "build" / "run"
VERDICTS = ("passed", "not done yet", "not yet")


def main(argv):
    """Run the published notebooks asked for; returns 1 when one failed. The others are run all the same."""
    parser = argparse.ArgumentParser(prog="course.py run", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons, for example 01 (default: all)")
    parser.add_argument("--quick", action="store_true", help="a smoke run: little data, few steps")
    args = parser.parse_args(argv)
    notebooks, missing = [], []
    for lesson in _lessons.select(args.lessons):
        path = _lessons.published(lesson)
        (notebooks if path.exists() else missing).append(path)
    for path in missing:
        print(f"notebooks/{path.name} is not there. Make it with: python course.py build {path.stem[:2]}")
    texts = {path: _lessons.strip(_lessons.read_published(path)) for path in notebooks}
    env = {"COURSE_QUICK": "1"} if args.quick else None
    cells = sum(cell.cell_type == "code" for nb in texts.values() for cell in nb.cells)
    with tqdm(total=cells, unit="cell") as bar:
        good = [_run(path, nb, env, bar) for path, nb in texts.items()]
    return 0 if all(good) and not missing else 1


def _run(path, nb, env, bar):
    """Run one notebook, print what it found and keep the result in build/run; True = no cell failed."""
    bar.set_description(path.stem)
    workspace = _lessons.ROOT / "workspace"
    RESULTS.mkdir(parents=True, exist_ok=True)
    before = bar.n
    try:
        done = _lessons.execute(nb, folder=workspace if workspace.is_dir() else RESULTS, env=env,
                                on_cell=lambda _: bar.update(), lesson=path.stem)
        report, good = summary(done), True
    except _lessons.CellFailed as failed:
        done, good = failed.notebook, False
        report = f"Stopped at cell {failed.number}, line {failed.line}: {failed.error}"
        bar.update(sum(cell.cell_type == "code" for cell in nb.cells) - (bar.n - before))
    _lessons.write(done, RESULTS / path.name)
    title = done.metadata.get("course", {}).get("title", "")
    tqdm.write(f"\n{path.stem} · {title}\n{report}\nResult: build/run/{path.name}")
    return good


def summary(nb):
    """Tell what a notebook that was run found: its scorecard as text, and how its checks ended.

    Args:
        nb: an executed notebook; cells tagged `scorecard` and `check` are read.
    Returns:
        str of one or more lines.
    """
    cards = [text for cell in nb.cells if "scorecard" in cell.metadata.get("tags", [])
             for text in _texts(cell)]
    counts = dict.fromkeys(VERDICTS, 0)
    for cell in nb.cells:
        for text in _texts(cell) if "check" in cell.metadata.get("tags", []) else []:
            found = re.match(rf"\W*({'|'.join(VERDICTS)}):", text, re.IGNORECASE)
            if found:
                counts[found.group(1).lower()] += 1
    return "\n".join([*cards, "Exercises: " + ", ".join(f"{n} {name}" for name, n in counts.items())])


def _texts(cell):
    """List the outputs of a cell as plain text; stderr does not count."""
    return [out.text.strip() if out.output_type == "stream" else out.data.get("text/plain", "")
            for out in cell.get("outputs", [])
            if out.get("name") != "stderr" and out.output_type != "error"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

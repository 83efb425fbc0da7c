"""Run the lottery ticket experiment in full (lesson 12) and keep its records; stop it and start it again at will."""

import argparse
import datetime
import os

from course_utils import lottery, runtime
from course_utils._lottery_store import Store
from course_utils.lottery_results import Results, versions

FOLDER = runtime.ROOT / "build" / "lottery"
KEPT = runtime.ROOT / "records" / "lottery"
CONTROL_LEVELS = (3, 7, 9, 12, 15)  # 51, 21, 13.5, 7.0 and 3.6 % of the weights


def main(argv):
    """Run what is missing of the experiment, then write its compact records to records/lottery; returns 0.

    Interrupted, it says how far it came and returns 130; nothing is lost.
    """
    parser = argparse.ArgumentParser(prog="course.py lottery", description=__doc__)
    parser.add_argument("--paper", action="store_true", help="the paper's setting: 50,000 iterations, 18 levels; "
                        "some hours on two cores (without it: 1,200 iterations, some minutes)")
    parser.add_argument("--task", choices=("mnist", "fashion_mnist"), default="mnist")
    parser.add_argument("--seeds", type=int, default=5, help="trials (default: 5, as in the paper)")
    parser.add_argument("--workers", type=int, default=0, help="processes (default: one a core)")
    parser.add_argument("--gently", action="store_true", help="give way to other programs, where the system can")
    parser.add_argument("--go-on", action="store_true", help="begin with the runs of the record that came with the "
                        "course, when it is unfinished and nothing has been run here")
    parser.add_argument("--keep-part", action="store_true", help="run nothing: keep what has been run so far")
    args = parser.parse_args(argv)
    experiment = lottery.Experiment(task=args.task, **({} if args.paper else {"iterations": 1_200}))
    name = f"{'paper' if args.paper else 'short'}-{args.task}"
    file, kept = FOLDER / f"{name}.jsonl", KEPT / f"{name}.json"
    controls = dict.fromkeys(lottery.CONTROLS, CONTROL_LEVELS)
    total = args.seeds * (1 + len(experiment.densities) + 2 * len(CONTROL_LEVELS))
    if args.go_on and kept.exists() and not file.exists():
        _begin_with(kept, file)
    if not args.keep_part:
        if args.gently and hasattr(os, "nice"):
            os.nice(19)
        try:
            _run(experiment, args, controls, file)
        except KeyboardInterrupt:
            print(f"\nStopped. The runs that were finished stand in {file}; the same command goes on from there.")
            return 130
    how = [word for word in argv if word not in ("--keep-part", "--go-on")]
    return _keep(file, kept, " ".join(["python course.py lottery", *how]), total)


def _run(experiment, args, controls, file):
    workers = args.workers or runtime.training_threads()
    with lottery.InProcess() if workers == 1 else lottery.processes(workers) as pool:
        lottery.sweep(experiment, range(args.seeds), controls=controls, file=file, executor=pool)


def _begin_with(kept, file):
    """Put the runs of an unfinished record where the sweep looks for its own."""
    results, _ = Results.load(kept)
    store = Store(file, results.experiment)
    for record in results.records:
        store.add((record["seed"], record["arm"], record["level"]), record)
    store.close()


def _keep(file, target, command, total):
    """Write the compact records; says how many of the runs there are."""
    results = Results.collected(file)
    seconds = sum(record["seconds"] for record in results.records)
    results.save(target, masks=len(results.records) < total, command=command, date=datetime.date.today().isoformat(),
                 versions=versions(), cpu=runtime.machine()["cpu"], runs=len(results.records), runs_of_the_whole=total,
                 run_hours=round(seconds / 3600, 2))
    print(results)
    print(f"{len(results.records)} of {total} runs, {seconds / 3600:.2f} hours when added up. Kept in {target}")
    return 0


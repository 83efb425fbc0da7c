"""The lottery ticket experiment in full, for the lesson `ticket`; stop and resume it at will."""

import argparse
import datetime
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from course_utils import runtime
from records import lottery

FOLDER = runtime.ROOT / "build" / "lottery"
KEPT = runtime.ROOT / "records" / "lottery"
CONTROL_LEVELS = (3, 7, 9, 12, 15)  # 51, 21, 13.5, 7.0 and 3.6 % of the weights


def main(argv):
    """Train the seeds that are missing in build/lottery, then write the record to records/lottery; returns 0.

    A seed is kept as soon as it is finished. Interrupted, it says where, and returns 130.
    """
    parser = argparse.ArgumentParser(prog="course.py bench lottery", description=__doc__)
    parser.add_argument(
        "--paper",
        action="store_true",
        help="the paper's setting: 50,000 iterations, 18 levels; half an hour a seed, and a seed a core "
        "(without it: 1,200 iterations, some minutes)",
    )
    parser.add_argument("--task", choices=("mnist", "fashion_mnist"), default="mnist")
    parser.add_argument("--seeds", type=int, default=5, help="trials (default: 5, as in the paper)")
    parser.add_argument("--workers", type=int, default=0, help="processes (default: one a core)")
    args = parser.parse_args(argv)
    experiment = lottery.Experiment(task=args.task, **({} if args.paper else {"iterations": 1_200}))
    name = f"{'paper' if args.paper else 'short'}-{args.task}.json"
    try:
        results = _sweep(experiment, args.seeds, FOLDER / name, args.workers or runtime.physical_cores())
    except KeyboardInterrupt:
        print(f"\nStopped. The seeds that were finished stand in {FOLDER / name}; the same command goes on from there.")
        return 130
    hours = round(sum(record["seconds"] for record in results.records) / 3600, 2)
    about = {"date": datetime.date.today().isoformat(), "runs": len(results.records), "run_hours": hours}
    results.save(KEPT / name, command=" ".join(["python course.py bench lottery", *argv]), **about)
    print(f"{results}\n{len(results.records)} runs, {hours} hours when added up. Written to {KEPT / name}")
    return 0


def _sweep(experiment, seeds, file, workers):
    controls = dict.fromkeys(lottery.CONTROLS, CONTROL_LEVELS)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return lottery.sweep(
                experiment, range(seeds), controls=controls, file=file, map=pool.map if workers > 1 else map
            )
        except KeyboardInterrupt:
            for worker in multiprocessing.active_children():  # the pool would wait for them
                worker.terminate()
            raise

"""Run the lottery ticket experiment in full (lesson `ticket_full`) and write its record; stop and resume it at will."""

import argparse
import datetime
import json
import os
from dataclasses import replace

import torch
from torch.nn import functional as F

from course_utils import lottery, runtime
from course_utils.files import write_whole
from course_utils.lottery import engine
from course_utils.lottery.results import Results
from course_utils.lottery.store import Store
from records import writing

FOLDER = runtime.ROOT / "build" / "lottery"
KEPT = runtime.ROOT / "records" / "lottery"
CONTROL_LEVELS = (3, 7, 9, 12, 15)  # 51, 21, 13.5, 7.0 and 3.6 % of the weights
RATES = (0.0003, 0.0012, 0.0048, 0.0192)  # learning rates, each four times the one before; the second is the paper's
BUDGETS = (200, 1_000, 5_000)  # iterations
FOUND_AT = (0.0012, 0.0048)  # the rates with which masks are looked for


def main(argv):
    """Run what is missing of the experiment, then write its compact record to records/lottery; returns 0.

    Every run stands in build/lottery as soon as it is done, with the masks that the next level needs. Interrupted, it
    says how far it came and returns 130; nothing is lost.
    """
    parser = argparse.ArgumentParser(prog="course.py lottery", description=__doc__)
    parser.add_argument(
        "--paper",
        action="store_true",
        help="the paper's setting: 50,000 iterations, 18 levels; "
        "some hours on two cores (without it: 1,200 iterations, some minutes)",
    )
    parser.add_argument("--task", choices=("mnist", "fashion_mnist"), default="mnist")
    parser.add_argument("--seeds", type=int, default=5, help="trials (default: 5, as in the paper)")
    parser.add_argument("--workers", type=int, default=0, help="processes (default: one a core)")
    parser.add_argument("--nice", action="store_true", help="give way to other programs, where the system can")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="begin with the runs of the record that came with the course, when nothing has been run here",
    )
    parser.add_argument(
        "--unit-length",
        action="store_true",
        help="a control in place of the experiment: dense networks on images of length 1, 20,000 iterations each",
    )
    parser.add_argument(
        "--rates",
        action="store_true",
        help="a control in place of the experiment: each arm at four learning rates, short budgets, 7.0 and 3.6 %%",
    )
    parser.add_argument("--export-only", action="store_true", help="run nothing: write a record of what has been run")
    args = parser.parse_args(argv)
    if args.nice and hasattr(os, "nice"):
        os.nice(19)
    if args.unit_length:
        return unit_length(args.task, args.seeds, " ".join(["python course.py lottery", *argv]))
    if args.rates:
        return rates(args.task, args.seeds, " ".join(["python course.py lottery", *argv]))
    experiment = lottery.Experiment(task=args.task, **({} if args.paper else {"iterations": 1_200}))
    name = f"{'paper' if args.paper else 'short'}-{args.task}"
    file, kept = FOLDER / f"{name}.jsonl", KEPT / f"{name}.json"
    controls = dict.fromkeys(lottery.CONTROLS, CONTROL_LEVELS)
    total = args.seeds * (1 + len(experiment.densities) + 2 * len(CONTROL_LEVELS))
    if args.resume and kept.exists() and not file.exists():
        begin_with(kept, file, total)
    if not args.export_only:
        try:
            _run(experiment, args, controls, file)
        except KeyboardInterrupt:
            print(f"\nStopped. The runs that were finished stand in {file}; the same command resumes from there.")
            return 130
    how = [word for word in argv if word not in ("--export-only", "--resume")]
    return export(file, kept, " ".join(["python course.py lottery", *how]), total)


def _run(experiment, args, controls, file):
    workers = args.workers or runtime.training_threads()
    with lottery.InProcess() if workers == 1 else lottery.processes(workers) as pool:
        lottery.sweep(experiment, range(args.seeds), controls=controls, file=file, executor=pool)


def unit_length(task, seeds, command):
    """Train dense networks on images of length 1, as the paper's authors scaled them later; writes a record, returns 0.

    Seeds, initial weights and batches are those of the record of the experiment, so that only the scale differs.
    """
    e = lottery.Experiment(task=task, iterations=20_000)
    runs = []
    for seed in range(seeds):
        sets = engine.load(e.task, e.held_out, seed)
        scaled = {name: F.normalize(getattr(sets, name), dim=1) for name in ("rows", "validation_rows", "test_rows")}
        sets, values = sets._replace(**scaled), engine.initial(e.widths, seed)
        with runtime.threads(1):
            trainer = engine.Trainer(values, [torch.ones_like(w) for w in values[::2]], batch=e.batch, lr=e.lr)
            order = engine.batches(sets.chosen, e.batch, seed)
            found = engine.train(trainer, sets, order, 0, e.iterations, e.validate_every)
        runs.append({"seed": seed, **{name: found[name] for name in ("early_stop", "test_accuracy")}})
        print(runs[-1], flush=True)
    target = KEPT / f"unit-length-{task}.json"
    content = {"command": command, **runtime.provenance(), "iterations": e.iterations, "runs": runs}
    write_whole(target, json.dumps(content, indent=1) + "\n")
    print(f"Written to {target}")
    return 0


def rates(task, seeds, command):
    """Train each arm at each learning rate, for three budgets and masks found at two rates; writes a record, returns 0.

    Densities are those of the lesson `ticket`. Accuracies are those after the last iteration, in percent: a rate is
    to be chosen by the held-out images, and the test images are to be read at that rate alone.
    """
    runs = []
    for iterations in BUDGETS:
        e = lottery.Experiment(
            task=task, densities=(0.5, 0.2, 0.07, 0.036), iterations=iterations, validate_every=iterations
        )
        searches = [
            lottery.sweep(replace(e, lr=found), range(seeds), controls={}, executor=lottery.InProcess(), progress=False)
            for found in FOUND_AT
        ]
        for rate in RATES:
            plan = replace(e, lr=rate)
            for seed in range(seeds):
                _rates_of_a_seed(runs, plan, seed, searches)
            print(f"{iterations} iterations, rate {rate}: done", flush=True)
    target = KEPT / f"rates-{task}.json"
    writing.write_runs(target, command, runs)
    print(f"Written to {target}")
    return 0


def _rates_of_a_seed(runs, plan, seed, searches):
    """Append the runs of one seed at one rate: dense, then all arms under the masks of each search."""

    def add(arm, level, masks, found):
        run = lottery.run(plan, seed, arm, level, masks)
        percent = {
            name: round(100 * run[f"final_{long}_accuracy"], 2)
            for name, long in (("held_out", "validation"), ("test", "test"))
        }
        where = {"iterations": plan.iterations, "rate": plan.lr, "seed": seed, "arm": arm}
        runs.append({**where, "left": plan.densities[level - 1] if level else 1, "found_at": found, **percent})

    add(lottery.DENSE, 0, "", None)
    for found, search in zip(FOUND_AT, searches, strict=True):
        for level in (3, 4):
            masks = search.of(lottery.TICKET, level - 1)[seed]["next_masks"]
            for arm in (lottery.TICKET, *lottery.CONTROLS):
                add(arm, level, masks, found)


def begin_with(kept, file, total):
    """Put the runs of a record where the sweep looks for its own; says what that saves and what it does not."""
    results, _ = Results.load(kept)
    store = Store(file, results.experiment)
    for record in results.records:
        store.add((record["seed"], record["arm"], record["level"]), record)
    store.close()
    there = len(results.records)
    print(f"{there} of {total} runs come from {kept}.")
    if there < total:
        print(
            "A record holds no masks, and a level starts from the masks of the one before it. So where a seed is not "
            "complete, its levels are trained again as far as they are needed. If that gives other masks than the "
            "record's, as on another kind of processor, the later runs of that seed are trained again too. The file "
            f"build/lottery/{file.name} of the machine that made the record has the masks: put it in the same place "
            "here, without --resume, and nothing is trained twice."
        )


def export(file, target, command, total):
    """Write the compact record, without masks; says how many of the runs there are, and returns 0."""
    results = Results.collected(file)
    seconds = sum(record["seconds"] for record in results.records)
    results.save(
        target,
        command=command,
        date=datetime.date.today().isoformat(),
        runs=len(results.records),
        runs_of_the_whole=total,
        run_hours=round(seconds / 3600, 2),
    )
    print(results)
    print(f"{len(results.records)} of {total} runs, {seconds / 3600:.2f} hours when added up. Written to {target}")
    return 0

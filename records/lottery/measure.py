"""Train the control of the lottery ticket experiment: other learning rates.

The experiment itself is made by `course.py lottery --paper`.
"""

from dataclasses import replace

from course_utils.files import ROOT
from records import lottery, writing

RECORD = ROOT / "records" / "lottery" / "rates-mnist.json"
RATES = (0.0003, 0.0012, 0.0048, 0.0192)  # learning rates, each four times the one before; the second is the paper's
BUDGETS = (200, 1_000, 5_000)  # iterations
FOUND_AT = (0.0012, 0.0048)  # the rates with which masks are looked for
LEVELS = (3, 4)  # of the densities of the lesson `ticket`: 7 and 3.6 %


def main(arguments):
    """Train all arms at all rates, half an hour on one thread, and write the record; returns 0."""
    parser = writing.options("lottery", __doc__.partition("\n")[0], RECORD)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 (default: 3)")
    args = parser.parse_args(arguments)
    writing.write_runs(args.to, "python3 course.py bench lottery", rates(args.seeds))
    return 0


def rates(seeds):
    """Each arm at each learning rate, for three budgets and masks found at two rates: the runs.

    Accuracies are those after the last iteration, in per cent: a rate is to be chosen by the held-out images, and the
    test images are to be read at that rate alone.
    """
    runs = []
    for iterations in BUDGETS:
        e = lottery.Experiment(densities=(0.5, 0.2, 0.07, 0.036), iterations=iterations, validate_every=iterations)
        masks = [{found: search(replace(e, lr=found), seed) for found in FOUND_AT} for seed in range(seeds)]
        for rate in RATES:
            for seed in range(seeds):
                runs += of_a_seed(replace(e, lr=rate), seed, masks[seed])
            print(f"{iterations} iterations, rate {rate}: done", flush=True)
    return runs


def search(plan, seed):
    """The masks of each level; None for the dense network, which has all weights."""
    masks = [None]
    for level in range(len(plan.densities)):
        masks.append(lottery.run(plan, seed, lottery.TICKET if level else lottery.DENSE, level, masks[-1])[1])
    return masks


def of_a_seed(plan, seed, masks):
    """Yield the runs of one seed at one rate: dense, then all arms under the masks that each rate found."""
    where = {"iterations": plan.iterations, "rate": plan.lr, "seed": seed}
    for found, level in [(None, 0), *((found, level) for found in FOUND_AT for level in LEVELS)]:
        for arm in (lottery.TICKET, *lottery.CONTROLS) if level else (lottery.DENSE,):
            run, _ = lottery.run(plan, seed, arm, level, masks[found][level] if level else None)
            yield {
                **where,
                "arm": arm,
                "left": plan.densities[level - 1] if level else 1,
                "found_at": found,
                "held_out": round(100 * run["final_validation_accuracy"], 2),
                "test": round(100 * run["final_test_accuracy"], 2),
            }

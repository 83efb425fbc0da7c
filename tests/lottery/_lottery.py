"""What the tests of the lottery share: a short experiment, a sweep in this process, and an executor that dies."""

from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool

from course_utils import lottery

SHORT = dict(task="mnist", densities=(0.5, 0.2), iterations=20, held_out=500, validate_every=10)
HERE = lottery.InProcess()


def experiment(**changes):
    return lottery.Experiment(**{**SHORT, **changes})


def comparable(results):
    """The records without what differs from run to run."""
    return [{k: v for k, v in r.items() if k not in ("seconds", "provenance")} for r in results.records]


def sweep(exp=None, seeds=(0,), **options):
    return lottery.sweep(exp or experiment(), seeds, executor=options.pop("executor", HERE), progress=False, **options)


class Dies(Executor):
    """Does two runs, then breaks, as a pool whose process was killed."""

    def __init__(self):
        self.done = 0

    def submit(self, fn, /, *args, **kwargs):
        self.done += 1
        if self.done > 2:
            future = Future()
            future.set_exception(BrokenProcessPool("a worker was killed"))
            return future
        return HERE.submit(fn, *args, **kwargs)

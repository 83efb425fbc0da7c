"""The lottery ticket experiment: `sweep` runs it, `Results` reads it; `engine` holds one training run."""

from course_utils.lottery import engine
from course_utils.lottery.experiment import CONTROLS, DENSE, TICKET, Experiment, run, sweep
from course_utils.lottery.results import Results

__all__ = ["CONTROLS", "DENSE", "TICKET", "Experiment", "Results", "engine", "run", "sweep"]

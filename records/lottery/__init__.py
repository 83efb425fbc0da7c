"""The lottery ticket experiment: `sweep` runs it, `Results` reads it; `engine` holds one training run."""

from records.lottery import engine
from records.lottery.experiment import CONTROLS, DENSE, TICKET, Experiment, run, sweep
from records.lottery.results import Results

__all__ = ["CONTROLS", "DENSE", "TICKET", "Experiment", "Results", "engine", "run", "sweep"]

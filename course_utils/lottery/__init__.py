"""The lottery ticket experiment: `sweep` runs it, `Results` reads it; `engine` holds one training run."""

from course_utils.lottery import engine
from course_utils.lottery.executors import InProcess, processes
from course_utils.lottery.experiment import (
    CONTROLS,
    DENSE,
    PAPER_DENSITIES,
    RANDOM,
    REINIT,
    TICKET,
    Experiment,
    run,
    sweep,
)
from course_utils.lottery.results import Results

__all__ = [
    "CONTROLS",
    "DENSE",
    "PAPER_DENSITIES",
    "RANDOM",
    "REINIT",
    "TICKET",
    "Experiment",
    "InProcess",
    "Results",
    "engine",
    "processes",
    "run",
    "sweep",
]

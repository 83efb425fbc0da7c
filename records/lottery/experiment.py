"""The lottery ticket experiment over levels, seeds and controls, one seed after the other or side by side.

Iterative magnitude pruning in five steps: initialise, train, prune, rewind, repeat (J. Frankle, M. Carbin, "The
lottery ticket hypothesis", arXiv 1803.03635). The lesson `ticket` has the five steps in open code; this is the same
for many seeds, with the two controls that make it an experiment.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from os import PathLike

import torch
from torch import Tensor

from course_utils import runtime
from records.lottery import engine
from records.lottery.results import Results

# Figure 1 and section 2 of the paper: 20 % of what is left at each level.
PAPER_DENSITIES = tuple(0.8**level for level in range(1, 19))
OUTPUT_RATE = 0.5  # the paper prunes the output layer at half the rate of the others
DENSE, TICKET, REINIT, RANDOM = "dense", "ticket", "reinit", "random"
CONTROLS = (REINIT, RANDOM)


@dataclass(frozen=True)
class Experiment:
    """What one experiment is; two results belong together only when these agree.

    In a smoke run (`runtime.quick`) every experiment has 10 iterations, whatever it is asked to have.

    Attributes:
        task: "mnist" or "fashion_mnist".
        widths: units of each layer, input first; Linear layers with ReLU between them, the last one gives logits.
        densities: share (0 to 1) of each layer's weights that is left at each level, falling; the dense network is
            level 0. The output layer loses half the others' rate at each level.
        iterations: training steps of a network, from its first to its last.
        batch: images in a batch.
        lr: learning rate of Adam.
        held_out: training images set aside for validation.
        validate_every: iterations between validations; five times as many after the first 200 of them.
    Raises:
        ValueError: densities that do not fall.
    """

    task: str = "mnist"
    widths: tuple[int, ...] = (784, 300, 100, 10)
    densities: tuple[float, ...] = PAPER_DENSITIES
    iterations: int = 50_000
    batch: int = 60
    lr: float = 1.2e-3
    held_out: int = 5_000
    validate_every: int = 100

    def __post_init__(self):
        if runtime.quick():
            for name, value in {"iterations": 10, "held_out": 100, "validate_every": 5}.items():
                object.__setattr__(self, name, value)
        plain = {
            "widths": tuple(map(int, self.widths)),
            "densities": tuple(map(float, self.densities)),
            "lr": float(self.lr),
        }
        plain |= {name: int(getattr(self, name)) for name in ("iterations", "batch", "held_out", "validate_every")}
        for name, value in plain.items():  # of NumPy, too: JSON, which keeps them, knows Python's numbers alone
            object.__setattr__(self, name, value)
        steps = zip((1.0, *self.densities), self.densities, strict=False)
        if not self.densities or any(not 0 < after < before for before, after in steps):
            raise ValueError(
                f"densities must fall, from below 1 and stay above 0, got {self.densities}: "
                "each level prunes what the one before has left"
            )

    def layer_densities(self, level: int) -> tuple[float, ...]:
        """The share of each layer's weights that stays at a level (0 = dense), one number a layer."""
        hidden, last = 1.0, 1.0
        for density in self.densities[:level]:
            last *= 1 - OUTPUT_RATE * (1 - density / hidden)
            hidden = density
        return (hidden,) * (len(self.widths) - 2) + (last,)


def sweep(
    experiment: Experiment,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    controls: Mapping[str, Sequence[int]] | None = None,
    file: str | PathLike | None = None,
    map: Callable[[Callable, list[int]], Iterable] = map,
) -> Results:
    """Find the tickets of each seed, and train the controls beside them: `trial`, mapped over the seeds.

    Where a run is trained, it prints a line.

    Args:
        experiment: what to run.
        seeds: one trial each: initialisation, held-out images and order of the batches.
        controls: levels at which "reinit" (the ticket's mask, other initial weights) and "random" (the ticket's
            initial weights, a random mask of the same density in each layer) are trained; None = at all levels.
        file: where `Results.save` writes what there is whenever a seed is finished. A seed whose runs an earlier
            sweep of the same experiment has put there is not trained again.
        map: calls a function for each seed and gives what it returns, in this order: Python's `map`, that of a pool
            of processes or of a cluster (docs/sweeps.md has both). Every run is the same with each.
    Raises:
        TypeError: seeds that are one number.
        ValueError: no seeds, an unknown control or level, a file of something else, a mask that empties a layer.
    Returns:
        Results: a record a run, in the order of the seeds.
    """
    levels = range(1, len(experiment.densities) + 1)
    controls = _controls(controls, levels)
    if not isinstance(seeds, Iterable):
        raise TypeError(f"seeds={seeds!r} is one number, and a sequence was expected: seeds=range({seeds!r})")
    seeds = list(dict.fromkeys(map(int, seeds)))
    if not seeds:
        raise ValueError("seeds is empty: give at least one, for example seeds=(0, 1, 2)")
    arms = {DENSE: [0], TICKET: levels, **controls}
    wanted = {(arm, level) for arm, where in arms.items() for level in where}
    results = Results(asdict(experiment), _finished(file, experiment) if file else [])
    if file:
        results.save(file)  # now, and not after an hour, it shows whether one can write there
    todo = [seed for seed in seeds if not wanted <= {(r["arm"], r["level"]) for r in results.of_seed(seed)}]
    for seed, found in zip(todo, map(partial(trial, experiment, controls), todo), strict=True):
        results.records[:] = [r for r in results.records if r["seed"] != seed] + found
        if file:
            results.save(file)
    records = [r for seed in seeds for r in results.of_seed(seed) if (r["arm"], r["level"]) in wanted]
    return Results(results.experiment, records)


def _controls(controls: Mapping[str, Sequence[int]] | None, levels: range) -> dict[str, list[int]]:
    if controls is None:
        return {arm: list(levels) for arm in CONTROLS}
    for arm, where in controls.items():
        if arm not in CONTROLS:
            raise ValueError(f"unknown control {arm!r}; there are {', '.join(map(repr, CONTROLS))}")
        wrong = [level for level in where if level not in levels]
        if wrong:
            raise ValueError(f"{arm}: no level {wrong[0]}; there are {levels[0]} to {levels[-1]}")
    return {arm: list(where) for arm, where in controls.items()}


def _finished(file: str | PathLike, experiment: Experiment) -> list[dict]:
    """The records that a file has already; none where there is no file."""
    try:
        kept, _ = Results.load(file)
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} holds something else than results, and was not changed: name another file") from error
    ours = json.loads(json.dumps(asdict(experiment)))
    for name in {**ours, **kept.experiment}:
        here, there = ours.get(name), kept.experiment.get(name)
        if here != there:
            raise ValueError(
                f"{file} holds another experiment ({name} is {there!r} there and {here!r} here), and was not changed: "
                "name another file, or move this one away"
            )
    return kept.records


def trial(experiment: Experiment, controls: Mapping[str, Sequence[int]], seed: int) -> list[dict]:
    """The records of all runs of one seed, trained one after the other: what `sweep` maps over the seeds.

    Args:
        controls: levels at which each of them is trained, 1 or more.
    """
    records, masks = [], None
    for level in range(len(experiment.densities) + 1):
        of_level = masks
        for arm in (TICKET if level else DENSE, *(arm for arm, where in controls.items() if level in where)):
            record, found = run(experiment, seed, arm, level, of_level)
            records.append(record)
            masks = found or masks  # a control finds none
            left, right = record["density"], record["test_accuracy"]
            print(f"seed {seed}, {arm}, {left:.1%} of the weights: {right:.2%} of the test images", flush=True)
    return records


def run(
    experiment: Experiment, seed: int, arm: str, level: int = 0, masks: list[Tensor] | None = None
) -> tuple[dict, list[Tensor] | None]:
    """One training run, on one thread.

    Args:
        arm: "dense", "ticket", "reinit" or "random".
        level: 0 for the dense network.
        masks: of this level, one a weight, float32 (out, in); None = all ones.
    Returns:
        A record of plain values (see `Results`), and the masks of the next level, which a dense network or a ticket
        finds; None from a control, and at the last level.
    """
    start = time.perf_counter()
    with runtime.threads(1), _without_subnormals():
        found, masks = _run(experiment, seed, arm, level, masks)
        made = {"seconds": round(time.perf_counter() - start, 3), "provenance": runtime.provenance()}
    where = {"seed": seed, "arm": arm, "level": level}
    return {**where, **found, "iterations": experiment.iterations, **made}, masks


@contextlib.contextmanager
def _without_subnormals() -> Iterator[None]:
    """Take numbers below 1e-38 for 0: late in a run many of Adam's means are so small, and Intel's cores slow down."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _run(experiment, seed, arm, level, masks):
    e = experiment
    sets = engine.load(e.task, e.held_out, seed)
    values = engine.initial(e.widths, _seed(seed, level, REINIT) if arm == REINIT else seed)
    masks = masks or [torch.ones_like(weight) for weight in values[::2]]
    if arm == RANDOM:
        masks = engine.shuffled(masks, _seed(seed, level, RANDOM))
    trainer = engine.Trainer(values, masks, batch=e.batch, lr=e.lr)
    record = engine.train(trainer, sets, engine.batches(sets.chosen, e.batch, seed), e.iterations, e.validate_every)
    record["layer_densities"] = [mask.mean().item() for mask in masks]
    record["density"] = sum(mask.sum().item() for mask in masks) / sum(mask.numel() for mask in masks)
    if arm in CONTROLS or level == len(e.densities):
        return record, None
    return record, engine.keep_largest(trainer.values, masks, e.layer_densities(level + 1))


def _seed(seed: int, level: int, arm: str) -> int:
    """A seed of its own for each control, apart from those of the trials."""
    return 1_000_003 * (seed + 1) + 101 * level + CONTROLS.index(arm)

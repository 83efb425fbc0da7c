"""The lottery ticket experiment over levels, seeds and controls, on one core, on all, or on a cluster.

Iterative magnitude pruning in five steps: initialise, train, prune, rewind, repeat (J. Frankle, M. Carbin, "The
lottery ticket hypothesis", arXiv 1803.03635). The lesson `ticket` has the five steps in open code; this is the same
for many seeds, with the two controls that make it an experiment.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import asdict, dataclass
from os import PathLike

import torch
from tqdm import tqdm

from course_utils import runtime
from course_utils.lottery import engine
from course_utils.lottery.executors import InProcess, processes
from course_utils.lottery.results import Results
from course_utils.lottery.store import Key, Store

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
        rewind: iteration of the dense network to whose weights a ticket goes back; 0 = the initialisation.
        batch: images in a batch.
        lr: learning rate of Adam.
        held_out: training images set aside for validation.
        validate_every: iterations between validations; five times as many after the first 200 of them.
    Raises:
        ValueError: a value that makes no experiment; the message names it.
    """

    task: str = "mnist"
    widths: tuple[int, ...] = (784, 300, 100, 10)
    densities: tuple[float, ...] = PAPER_DENSITIES
    iterations: int = 50_000
    rewind: int = 0
    batch: int = 60
    lr: float = 1.2e-3
    held_out: int = 5_000
    validate_every: int = 100

    def __post_init__(self):
        if runtime.quick():
            short = {"iterations": 10, "rewind": min(self.rewind, 2), "held_out": 100, "validate_every": 5}
            for name, value in short.items():
                object.__setattr__(self, name, value)
        object.__setattr__(self, "widths", tuple(self.widths))
        object.__setattr__(self, "densities", tuple(self.densities))
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(f"widths needs an input and an output, each 1 or more, got {self.widths}")
        steps = zip((1.0, *self.densities), self.densities, strict=False)
        if not self.densities or any(not 0 < after < before for before, after in steps):
            raise ValueError(
                f"densities must fall, from below 1 and stay above 0, got {self.densities}: "
                "each level prunes what the one before has left"
            )
        if not 0 <= self.rewind < self.iterations:
            raise ValueError(f"rewind must lie in 0 … iterations - 1 ({self.iterations - 1}), got {self.rewind}")
        for name in ("batch", "held_out", "validate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")

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
    executor: Executor | None = None,
    progress: bool = True,
) -> Results:
    """Find the tickets of each seed, and train the controls beside them.

    Args:
        experiment: what to run.
        seeds: one trial each: initialisation, held-out images and order of the batches.
        controls: levels at which "reinit" (the ticket's mask, other initial weights) and "random" (the ticket's
            initial weights, a random mask of the same density in each layer) are trained; None = at all levels.
        file: results are appended to it as they come; with a file of the same experiment the sweep is resumed. Where
            the file has a run without the masks that the next level needs (`Results.save` leaves them out), that run
            is trained again; and where that gives other masks, on another kind of processor, the later levels of its
            seed are trained again too.
        executor: any `concurrent.futures.Executor`; None = one process a core. Every run is the same on each.
        progress: show a bar over the runs.
    Raises:
        ValueError: no seeds, an unknown control or level, a file of another experiment, a mask that empties a layer.
        RuntimeError: the executor died; what was finished stands in `file`.
    Returns:
        Results: a record a run, in the order of the seeds.
    """
    levels = range(1, len(experiment.densities) + 1)
    controls = _controls(controls, levels)
    seeds = list(dict.fromkeys(seeds))
    if not seeds:
        raise ValueError("seeds is empty: give at least one, for example seeds=(0, 1, 2)")
    store = Store(file, asdict(experiment))
    wanted = [
        (seed, arm, level)
        for seed in seeds
        for arm, where in {DENSE: [0], TICKET: levels, **controls}.items()
        for level in where
    ]
    bar = tqdm(
        total=len(wanted),
        disable=not progress,
        desc="runs",
        unit="run",
        file=sys.stdout,  # JupyterLab shows stderr in red; on stdout it must not stay, for the slides
        leave=False,
    )
    own = executor is None
    executor = executor or (InProcess() if runtime.training_threads() == 1 else processes(runtime.training_threads()))
    try:
        _work_off(experiment, wanted, store, executor, bar)
    except BrokenExecutor as error:
        kept = (
            f"{len(store.records)} runs are in {file}; start again with the same file"
            if file
            else "nothing is kept without a file; start again with file=…"
        )
        raise RuntimeError(f"the executor died ({error or type(error).__name__}). {kept}") from error
    finally:
        bar.close()
        store.close()
        if own:
            executor.shutdown(wait=False, cancel_futures=True)
    return Results(asdict(experiment), [store.records[key] for key in wanted])


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


def _work_off(experiment: Experiment, wanted: list[Key], store: Store, executor: Executor, bar: tqdm) -> None:
    """Submit what can run, take what is done, until nothing is to be trained."""
    running: dict[Future, Key] = {}
    try:
        while todo := to_train(wanted, store.records):
            bar.update(len(wanted) - len(todo) - bar.n)
            # Tickets first: the next level waits for them.
            for key in sorted(todo - set(running.values()), key=lambda key: (key[2], key[1] != TICKET, key)):
                before = _before(key)
                if before in todo:
                    continue
                masks = store.records[before]["next_masks"] if before else ""
                future = executor.submit(run, experiment, *key, masks)
                running[future] = key
                if future.done():
                    break  # done at once, so keep it before the next is begun
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                store.add(running.pop(future), future.result())
        bar.update(len(wanted) - bar.n)
    finally:
        for future in running:
            future.cancel()


def to_train(wanted: Iterable[Key], records: Mapping[Key, dict]) -> set[Key]:
    """The runs that are still to be trained, in no order.

    They are those without a record, those whose masks are not the ones that the level before them found, and those
    whose masks a run of the next level needs and the record does not hold.

    Args:
        wanted: (seed, arm, level) of the runs of a sweep; with a run also the ticket's runs at the levels before it.
        records: those there are.
    """
    todo = {key for key in wanted if key not in records or _is_stale(key, records)}
    unseen = list(todo)
    while unseen:
        before = _before(unseen.pop())
        if before and before not in todo and "next_masks" not in records[before]:
            todo.add(before)
            unseen.append(before)
    return todo


def _is_stale(key: Key, records: Mapping[Key, dict]) -> bool:
    had = records[key].get("masks_digest")
    found = records.get(_before(key), {}).get("next_masks_digest")
    return None not in (had, found) and had != found


def _before(key: Key) -> Key | None:
    """The run that finds the masks of this one; None for the dense network."""
    seed, arm, level = key
    return None if arm == DENSE else (seed, TICKET if level > 1 else DENSE, level - 1)


def run(experiment: Experiment, seed: int, arm: str, level: int, masks: str) -> dict:
    """One training run, on one thread: what an executor gets. Returns a record of plain values.

    Args:
        arm: "dense", "ticket", "reinit" or "random".
        masks: of this level, packed by `engine.pack`; "" = all ones.
    """
    start = time.perf_counter()
    with runtime.threads(1), _without_subnormals():
        return {
            "seed": seed,
            "arm": arm,
            "level": level,
            **_run(experiment, seed, arm, level, masks),
            "iterations": experiment.iterations,
            "seconds": round(time.perf_counter() - start, 3),
            "provenance": runtime.provenance(),
        }


@contextlib.contextmanager
def _without_subnormals() -> Iterator[None]:
    """Take numbers below 1e-38 for 0: late in a run many of Adam's means are so small, and Intel's cores slow down."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _run(experiment: Experiment, seed: int, arm: str, level: int, packed: str) -> dict:
    e = experiment
    sets = engine.load(e.task, e.held_out, seed)
    values = engine.initial(e.widths, _seed(seed, level, REINIT) if arm == REINIT else seed)
    ones = [torch.ones_like(weight) for weight in values[::2]]
    masks = engine.unpack(packed, e.widths) if packed else ones
    if arm == RANDOM:
        masks = engine.shuffled(masks, _seed(seed, level, RANDOM))
    order, first = engine.batches(sets.chosen, e.batch, seed), 0
    if level and e.rewind:
        early = engine.Trainer(values, ones, batch=e.batch, lr=e.lr)
        for _ in range(e.rewind):
            chosen = next(order)
            early.step(sets.rows[chosen], sets.labels[chosen])
        values, first = early.values, e.rewind
    trainer = engine.Trainer(values, masks, batch=e.batch, lr=e.lr)
    record = engine.train(trainer, sets, order, first, e.iterations, e.validate_every)
    record["layer_densities"] = [mask.mean().item() for mask in masks]
    record["masks_digest"] = engine.digest(packed) if packed else ""
    record["density"] = sum(mask.sum().item() for mask in masks) / sum(mask.numel() for mask in masks)
    if arm in (DENSE, TICKET) and level < len(e.densities):
        record["next_masks"] = engine.pack(engine.keep_largest(trainer.values, masks, e.layer_densities(level + 1)))
        record["next_masks_digest"] = engine.digest(record["next_masks"])
    return record


def _seed(seed: int, level: int, arm: str) -> int:
    """A seed of its own for each control, apart from those of the trials."""
    return 1_000_003 * (seed + 1) + 101 * level + CONTROLS.index(arm)

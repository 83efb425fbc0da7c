"""The lottery ticket experiment over levels, seeds and controls, on one core, on all, or on a cluster.

Iterative magnitude pruning in five steps: initialise, train, prune, rewind, repeat (J. Frankle, M. Carbin, "The
lottery ticket hypothesis", arXiv 1803.03635). Lesson 12 has the five steps in open code; this is the same for many
seeds, with the two controls that make it an experiment.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import asdict, dataclass, replace
from os import PathLike

import torch
from torch import nn
from tqdm import tqdm

from course_utils import _lottery_run as engine
from course_utils import runtime
from course_utils._lottery_store import Store
from course_utils._lottery_workers import InProcess, processes
from course_utils.lottery_results import Results, versions

# Figure 1 and section 2 of the paper: 20 % of what is left at each level.
PAPER_DENSITIES = tuple(0.8 ** level for level in range(1, 19))
DENSE, TICKET, REINIT, RANDOM = "dense", "ticket", "reinit", "random"
CONTROLS = (REINIT, RANDOM)


@dataclass(frozen=True)
class Experiment:
    """What one experiment is; two results belong together only when these agree.

    Attributes:
        task: "mnist" or "fashion_mnist".
        widths: units of each layer, input first; `widths_of` reads them from a model.
        densities: share of weights that is left at each level, falling; the dense network is level 0.
        scope: "layer" prunes each layer to the density, "global" the smallest weights of all layers together.
        output_rate: the output layer loses this share of the others' rate at each level (scope "layer" only).
        iterations: training steps of a network, from its first to its last.
        rewind: iteration of the dense network to whose weights a ticket goes back; 0 = the initialisation.
        batch: images in a batch.
        lr: learning rate of Adam.
        held_out: training images set aside for validation.
        validate_every: iterations between validations; five times as many after the first 200 of them.
        images: the first so many training images; None = all.
    Raises:
        ValueError: a value that makes no experiment; the message names it.
    """

    task: str = "mnist"
    widths: tuple[int, ...] = (784, 300, 100, 10)
    densities: tuple[float, ...] = PAPER_DENSITIES
    scope: str = "layer"
    output_rate: float = 0.5
    iterations: int = 50_000
    rewind: int = 0
    batch: int = 60
    lr: float = 1.2e-3
    held_out: int = 5_000
    validate_every: int = 100
    images: int | None = None

    def __post_init__(self):
        object.__setattr__(self, "widths", tuple(self.widths))
        object.__setattr__(self, "densities", tuple(self.densities))
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(f"widths needs an input and an output, each 1 or more, got {self.widths}")
        steps = zip((1.0, *self.densities), self.densities, strict=False)
        if not self.densities or any(not 0 < after < before for before, after in steps):
            raise ValueError(f"densities must fall, from below 1 and stay above 0, got {self.densities}: "
                             "each level prunes what the one before has left")
        if self.scope not in ("layer", "global"):
            raise ValueError(f'scope must be "layer" or "global", got {self.scope!r}')
        if not 0 <= self.rewind < self.iterations:
            raise ValueError(f"rewind must lie in 0 … iterations - 1 ({self.iterations - 1}), got {self.rewind}")
        for name in ("batch", "held_out", "validate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")

    def layer_densities(self, level: int) -> tuple[float, ...]:
        """The share of each layer's weights that stays at a level; one number for scope "global"."""
        if self.scope == "global":
            return (self.densities[level - 1],) if level else (1.0,)
        hidden, last = 1.0, 1.0
        for density in self.densities[:level]:
            last *= 1 - self.output_rate * (1 - density / hidden)
            hidden = density
        return (hidden,) * (len(self.widths) - 2) + (last,)


def widths_of(model: nn.Module) -> tuple[int, ...]:
    """The widths of a fully connected network with ReLU between its layers, for `Experiment`.

    Raises:
        ValueError: its last layer is not Linear, a layer with weights is not Linear, or two do not fit.
    """
    layers = [module for module in model.modules() if not any(True for _ in module.children())]
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    if not linear or layers[-1] is not linear[-1]:
        last = type(layers[-1]).__name__
        raise ValueError(f"the last layer is a {last}: the engine trains networks of Linear layers with ReLU between "
                         "them, the last one Linear, its outputs the logits")
    for layer in layers:
        if not isinstance(layer, nn.Linear | nn.ReLU | nn.Flatten):
            raise ValueError(f"the model has a {type(layer).__name__}: the engine knows Linear, ReLU and Flatten")
    for a, b in zip(linear, linear[1:], strict=False):
        if a.out_features != b.in_features:
            raise ValueError(f"a layer of {a.out_features} outputs stands before one of {b.in_features} inputs")
    return (linear[0].in_features, *(layer.out_features for layer in linear))


def sweep(experiment: Experiment, seeds: Sequence[int] = (0, 1, 2), *,
          controls: Mapping[str, Sequence[int]] | None = None, file: str | PathLike | None = None,
          executor: Executor | None = None, progress: bool = True) -> Results:
    """Find the tickets of each seed, and train the controls beside them.

    Args:
        experiment: what to run.
        seeds: one trial each: initialisation, held-out images and order of the batches.
        controls: levels at which "reinit" (the ticket's mask, other initial weights) and "random" (the ticket's
            initial weights, a random mask of the same density in each layer) are trained; None = at all levels.
        file: results are appended to it as they come; a file of the same experiment is gone on with.
        executor: any `concurrent.futures.Executor`; None = one process a core. Every run is the same on each.
        progress: show a bar over the runs.
    Raises:
        ValueError: no seeds, an unknown control or level, a file of another experiment, a mask that empties a layer.
        RuntimeError: the executor died; what was finished stands in `file`.
    """
    if runtime.quick():
        experiment = replace(experiment, iterations=10, rewind=min(experiment.rewind, 2), held_out=100,
                             validate_every=5)
    levels = range(1, len(experiment.densities) + 1)
    controls = _controls(controls, levels)
    seeds = list(dict.fromkeys(seeds))
    if not seeds:
        raise ValueError("seeds is empty: give at least one, for example seeds=(0, 1, 2)")
    store = Store(file, asdict(experiment))
    wanted = [(seed, arm, level) for seed in seeds for arm, where in
              {DENSE: [0], TICKET: levels, **controls}.items() for level in where]
    bar = tqdm(total=len(wanted), disable=not progress, desc="runs", unit="run",
               initial=sum(key in store.records for key in wanted))
    own = executor is None
    executor = executor or (InProcess() if runtime.training_threads() == 1 else processes(runtime.training_threads()))
    try:
        _work_off(experiment, set(wanted), store, executor, bar)
    except BrokenExecutor as error:
        kept = f"{len(store.records)} runs are in {file}; start again with the same file" if file else \
            "nothing is kept without a file; start again with file=…"
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


def _work_off(experiment: Experiment, wanted: set, store: Store, executor: Executor, bar: tqdm) -> None:
    """Submit what can run, take what is done; a level can run when the one before it has been pruned."""
    running: dict[Future, tuple] = {}
    # Tickets first: the next level waits for them.
    waiting = sorted(wanted - store.records.keys(), key=lambda key: (key[2], key[1] != TICKET, key))
    try:
        while waiting or running:
            for key in list(waiting):
                masks = _masks_before(key, store)
                if masks is None:
                    continue
                waiting.remove(key)
                future = executor.submit(run, experiment, *key, masks)
                running[future] = key
                if future.done():
                    break  # done at once, so keep it before the next is begun
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                store.add(running.pop(future), future.result())
                bar.update()
    finally:
        for future in running:
            future.cancel()


def _masks_before(key: tuple[int, str, int], store: Store) -> str | None:
    """The ticket's masks at this level, packed; "" for the dense network; None while they are not known."""
    seed, arm, level = key
    if arm == DENSE:
        return ""
    before = store.records.get((seed, TICKET if level > 1 else DENSE, level - 1))
    return before["next_masks"] if before else None


def run(experiment: Experiment, seed: int, arm: str, level: int, masks: str) -> dict:
    """One training run, on one thread: what an executor gets. Returns a record of plain values.

    Args:
        arm: "dense", "ticket", "reinit" or "random".
        masks: of this level, packed; "" = all ones.
    """
    start = time.perf_counter()
    with runtime.threads(1):
        record = _run(experiment, seed, arm, level, masks)
    return {"seed": seed, "arm": arm, "level": level, **record, "iterations": experiment.iterations,
            "seconds": round(time.perf_counter() - start, 3), "versions": versions()}


def _run(experiment: Experiment, seed: int, arm: str, level: int, packed: str) -> dict:
    e = experiment
    sets = engine.load(e.task, e.images, e.held_out, seed)
    values = engine.initial(e.widths, _seed(seed, level, REINIT) if arm == REINIT else seed)
    ones = [torch.ones_like(weight) for weight in values[::2]]
    masks = engine.unpack(packed, e.widths) if packed else ones
    if arm == RANDOM:
        masks = engine.shuffled(masks, _seed(seed, level, RANDOM))
    order, first = engine.batches(sets[2], e.batch, seed), 0
    if level and e.rewind:
        early = engine.Trainer(values, ones, batch=e.batch, lr=e.lr)
        for _ in range(e.rewind):
            chosen = next(order)
            early.step(sets[0][chosen], sets[1][chosen])
        values, first = early.values, e.rewind
    trainer = engine.Trainer(values, masks, batch=e.batch, lr=e.lr)
    record = engine.train(trainer, sets, order, first, e.iterations, e.validate_every)
    record["layer_densities"] = [mask.mean().item() for mask in masks]
    record["density"] = sum(mask.sum().item() for mask in masks) / sum(mask.numel() for mask in masks)
    if arm in (DENSE, TICKET) and level < len(e.densities):
        record["next_masks"] = engine.pack(engine.keep_largest(trainer.values, masks, e.layer_densities(level + 1),
                                                               e.scope))
    return record


def _seed(seed: int, level: int, arm: str) -> int:
    """A seed of its own for each control, apart from those of the trials."""
    return 1_000_003 * (seed + 1) + 101 * level + CONTROLS.index(arm)



"""Find lottery tickets at the size of their paper, with two controls and several seeds: lesson `ticket`.

Iterative magnitude pruning (J. Frankle, M. Carbin, "The lottery ticket hypothesis", arXiv 1803.03635). A seed is one
trial, and trials run side by side: `sweep` takes any `map`, as docs/sweeps.md shows.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils import data, models, runtime
from course_utils.files import ROOT
from course_utils.tables import Table, mean_and_range
from records import writing

PATH = ROOT / "records" / "lottery" / "paper-mnist.json"
CONTROLS = ("reinit", "random")
CONTROL_LEVELS = (3, 7, 9, 12, 15)  # 51, 21, 13.5, 7.0 and 3.6 % of the weights
OUTPUT_RATE = 0.5  # the paper prunes the output layer at half the rate of the others
FINE_POINTS = 200  # so many validations lie `validate_every` iterations apart, the later ones five times as far


def main(arguments: list[str]) -> None:
    """Train the seeds that the record does not have yet, a process each, and write it after each of them."""
    parser = writing.options("lottery", __doc__, PATH)
    parser.add_argument("--seeds", type=int, default=5, help="trials (default: 5, as in the paper)")
    parser.add_argument(
        "--iterations", type=int, default=50_000, help="of a training (default: 50000, as in the paper)"
    )
    parser.add_argument("--workers", type=int, default=runtime.physical_cores(), help="processes (default: one a core)")
    args = parser.parse_args(arguments)
    experiment = Experiment(iterations=args.iterations, control_levels=CONTROL_LEVELS)
    if runtime.quick():
        experiment, args.seeds, args.workers = Experiment(densities=(0.5, 0.2)), 1, 1
    with ProcessPoolExecutor(args.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        chosen = pool.map if args.workers > 1 else map
        print(table(sweep(experiment, range(args.seeds), file=args.to, map=chosen)))


@dataclass(frozen=True)
class Experiment:
    """What one experiment is; runs belong together only when these agree. A smoke run has ten iterations.

    Attributes:
        task: "mnist" or "fashion_mnist".
        densities: share (0 to 1) of the weights of each hidden layer that is left at each level, falling; the dense
            network is level 0.
        control_levels: levels at which "reinit" (the ticket's mask, other initial weights) and "random" (the ticket's
            initial weights, a random mask of the same density in each layer) are trained beside it; None = at all.
        iterations: training steps of a network.
        batch: images in a batch.
        lr: learning rate of Adam.
        held_out: training images set aside for validation.
        validate_every: iterations between validations; five times as many after the first 200 of them.
    Raises:
        ValueError: densities that do not fall.
    """

    task: str = "mnist"
    densities: tuple[float, ...] = tuple(0.8**level for level in range(1, 19))  # figure 1 and section 2 of the paper
    control_levels: tuple[int, ...] | None = None
    iterations: int = 50_000
    batch: int = 60
    lr: float = 1.2e-3
    held_out: int = 5_000
    validate_every: int = 100

    def __post_init__(self):
        if runtime.quick():
            for name, value in {"iterations": 10, "held_out": 100, "validate_every": 5}.items():
                object.__setattr__(self, name, value)
        steps = zip((1.0, *self.densities), self.densities, strict=False)
        if not self.densities or any(not 0 < after < before for before, after in steps):
            raise ValueError(f"densities must fall, from below 1 and stay above 0, got {self.densities}")

    def layer_densities(self, level: int) -> tuple[float, float, float]:
        """The share of each layer's weights that stays at a level (0 = dense)."""
        hidden, last = 1.0, 1.0
        for density in self.densities[:level]:
            last *= 1 - OUTPUT_RATE * (1 - density / hidden)
            hidden = density
        return hidden, hidden, last


def sweep(
    experiment: Experiment,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    file: str | PathLike | None = None,
    map: Callable[[Callable, list[int]], Iterable] = map,
) -> list[dict]:
    """Find the tickets of each seed, and train the controls beside them: `trial`, mapped over the seeds.

    Args:
        experiment: what to run.
        seeds: one trial each: initialisation, held-out images and order of the batches.
        file: where the runs are written whenever a seed is finished. A seed that an earlier sweep of the same
            experiment has put there is not trained again.
        map: calls a function for each seed and gives what it returns, in this order.
    Returns:
        The runs, see `run`; those of the file, too.
    Raises:
        ValueError: the file holds another experiment or something else; it is left alone.
    """
    runs = _finished(file, experiment) if file else []

    def keep() -> None:
        if file:
            writing.write_runs(Path(file), "python3 course.py bench lottery", runs, experiment=asdict(experiment))

    if todo := [seed for seed in seeds if seed not in {run["seed"] for run in runs}]:
        keep()  # now, and not after an hour, it shows whether one can write there
    for found in map(partial(trial, experiment), todo):
        runs += found
        keep()
    return runs


def _finished(file: str | PathLike, experiment: Experiment) -> list[dict]:
    """The runs that a file has already; none where there is no file."""
    if not Path(file).exists():
        return []
    try:
        kept = json.loads(Path(file).read_text(encoding="utf-8"))
        runs, there = kept["runs"], kept["experiment"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} holds something else than runs, and was not changed: name another file") from error
    for name, here in json.loads(json.dumps(asdict(experiment))).items():
        if here != there.get(name):
            other = f"{name} is {there.get(name)} there and {here} here"
            raise ValueError(f"{file} holds another experiment ({other}), and was not changed: name another file")
    return runs


def trial(experiment: Experiment, seed: int) -> list[dict]:
    """The runs of one seed, trained one after the other on one thread: what `sweep` maps over the seeds."""
    runs, masks = [], None
    torch.set_flush_denormal(True)  # late in a run many of Adam's means are below 1e-38, and Intel's cores slow down
    try:
        with runtime.threads(1):
            for level in range(len(experiment.densities) + 1):
                found, net = run(experiment, seed, "ticket" if level else "dense", level, masks)
                runs.append(found)
                if level and level in (experiment.control_levels or [level]):
                    runs += [run(experiment, seed, arm, level, masks)[0] for arm in CONTROLS]
                if level < len(experiment.densities):
                    masks = keep_largest(weights_of(net), masks, experiment.layer_densities(level + 1))
    finally:
        torch.set_flush_denormal(False)
    return runs


def run(
    experiment: Experiment, seed: int, arm: str, level: int = 0, masks: list[Tensor] | None = None
) -> tuple[dict, models.LeNet300100]:
    """One training.

    Args:
        arm: "dense", "ticket", "reinit" or "random".
        masks: of the ticket of this level, one a layer, 1 = kept and 0 = pruned; None = nothing is pruned.
    Returns:
        A run of plain values: seed, arm, level, density, layer_densities, iterations, cpu, early_stop (the iteration of
        least validation loss), validation_loss, validation_accuracy and test_accuracy there,
        final_validation_accuracy and final_test_accuracy after the last iteration; accuracies and densities are from
        0 to 1. And the trained network.
    """
    own = 1_000_003 * (seed + 1) + 101 * level  # for a control, apart from the seeds of the trials
    net = initial(own if arm == "reinit" else seed)
    masks = masks or [torch.ones_like(weight) for weight in weights_of(net)]
    if arm == "random":
        masks = shuffled(masks, own + 1)
    kept, everything = [int(mask.sum()) for mask in masks], [mask.numel() for mask in masks]
    found = train(experiment, net, masks, seed)
    share, right = sum(kept) / sum(everything), found["test_accuracy"]
    print(f"seed {seed}, {arm}, {share:.1%} of the weights: {right:.2%} of the test images", flush=True)
    return {
        "seed": seed,
        "arm": arm,
        "level": level,
        **found,
        "layer_densities": [round(k / n, 6) for k, n in zip(kept, everything, strict=True)],
        "density": round(share, 6),
        "iterations": experiment.iterations,
        "cpu": runtime.chip("cpu"),
    }, net


def initial(seed: int) -> models.LeNet300100:
    """A new network: Glorot normal weights and biases of zero, as in the paper's figure 2."""
    net, generator = models.LeNet300100(), torch.Generator().manual_seed(seed)
    for layer in net.children():
        torch.nn.init.xavier_normal_(layer.weight, generator=generator)
        torch.nn.init.zeros_(layer.bias)
    return net


def weights_of(net: models.LeNet300100) -> list[Tensor]:
    """The weights of its layers, without the biases, which are not pruned."""
    return [layer.weight for layer in net.children()]


@cache
def _images(task: str, split: str) -> tuple[Tensor, Tensor]:
    return data.load(task, split)


def train(experiment: Experiment, net: models.LeNet300100, masks: Sequence[Tensor], seed: int) -> dict:
    """Train a network in place under its masks; what `run` gives of its accuracies."""
    (images, labels), test = _images(experiment.task, "train"), _images(experiment.task, "test")
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    aside, chosen = order[: experiment.held_out], order[experiment.held_out :]
    validation, least = (images[aside], labels[aside]), None
    with torch.no_grad():
        torch._foreach_mul_(weights_of(net), masks)
    adam = torch.optim.Adam(net.parameters(), lr=experiment.lr, fused=True)  # fused: the same steps, faster
    for i, picked in zip(range(1, experiment.iterations + 1), batches(chosen, experiment.batch, seed), strict=False):
        adam.zero_grad()
        F.cross_entropy(net(images[picked]), labels[picked]).backward()
        torch._foreach_mul_([weight.grad for weight in weights_of(net)], masks)  # so a pruned weight stays 0
        adam.step()
        fine = experiment.validate_every * (1 if i <= FINE_POINTS * experiment.validate_every else 5)
        if i % fine == 0 or i == experiment.iterations:
            loss, accuracy = score(net, *validation)
            if not least or loss < least["validation_loss"]:
                least = {"early_stop": i, "validation_loss": loss, "validation_accuracy": accuracy}
                best = {name: value.clone() for name, value in net.state_dict().items()}
    twin = models.LeNet300100()
    twin.load_state_dict(best)
    found = {**least, "test_accuracy": score(twin, *test)[1]}
    found |= {"final_validation_accuracy": accuracy, "final_test_accuracy": score(net, *test)[1]}
    return {name: round(value, 6) for name, value in found.items()}


def batches(indices: Tensor, size: int, seed: int) -> Iterator[Tensor]:
    """Batches without end: each epoch in a new order, an incomplete batch left out."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = indices[torch.randperm(len(indices), generator=generator)]
        yield from order[: len(order) - len(order) % size].split(size)


@torch.no_grad()
def score(net: models.LeNet300100, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross entropy in nats, and accuracy from 0 to 1."""
    logits = net(images)
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).float().mean().item()


@torch.no_grad()
def keep_largest(weights: Sequence[Tensor], masks: Sequence[Tensor] | None, shares: Sequence[float]) -> list[Tensor]:
    """The masks of the next level: in each layer, of the weights that are left, those of largest magnitude stay."""
    new = []
    for weight, mask, share in zip(weights, masks or [torch.ones(())] * len(weights), shares, strict=True):
        size = torch.where(mask > 0, weight.abs(), -1.0).flatten()  # a pruned weight loses against a kept one that is 0
        kept = torch.zeros_like(size)
        kept[size.topk(round(share * size.numel()), sorted=False).indices] = 1
        if not kept.any():
            raise ValueError(f"at density {share:.4g} layer {len(new) + 1} keeps no weight: end the densities earlier")
        new.append(kept.view_as(weight))
    return new


def shuffled(masks: Sequence[Tensor], seed: int) -> list[Tensor]:
    """Random masks of the same shapes with as many ones in each layer."""
    generator = torch.Generator().manual_seed(seed)
    return [mask.flatten()[torch.randperm(mask.numel(), generator=generator)].view_as(mask) for mask in masks]


def table(runs: Sequence[dict], value: str = "test_accuracy") -> Table:
    """A line a level: of each arm the mean and, of two runs or more, least and largest; n counts the runs."""
    arms = [arm for arm in ("ticket", *CONTROLS) if any(run["arm"] == arm for run in runs)]
    lines = []
    for level in sorted({run["level"] for run in runs}):
        here = [run for run in runs if run["level"] == level]
        line = [f"{here[0]['density']:.1%}"]
        for arm in arms:
            found = [run[value] for run in here if run["arm"] in (arm, "dense" if arm == "ticket" else arm)]
            line.append(f"{mean_and_range(found, '{:.2%}')}, n={len(found)}" if found else "–")
        lines.append(line)
    return Table(["weights left", *arms], lines)

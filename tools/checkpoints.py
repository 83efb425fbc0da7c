"""Train the small networks that come with the course, and write them to data/checkpoints."""

import argparse
import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType

import torch

from course import say
from course_utils import checkpoints, data, language, models, runtime, training
from course_utils.files import write_whole
from course_utils.tables import si


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, in stages of (epochs, learning rate), and how accurate it must become.

    `seed` draws the first weights and orders the images; `images`: the first so many.
    """

    model: str
    arguments: dict
    stages: tuple
    least_accuracy: float
    optimizer: str
    options: dict = field(default_factory=dict)
    channels_last: bool = False  # a layout in memory that makes the steps of a wide CNN shorter
    seed: int = 0
    task: str = "fashion_mnist"
    images: int | None = None
    networks: ModuleType = models

    def describe(self):
        """Say it in words, for the catalogue."""
        stages = ", then ".join(f"{epochs} epoch{'s' * (epochs > 1)} at {rate:g}" for epochs, rate in self.stages)
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        some = f"the first {self.images:,} images, " if self.images else ""
        return f"{self.optimizer}{options}, {some}64 images a step, {stages}"

    def fit(self, model):
        """Train a network of random weights."""
        if self.channels_last:
            model.to(memory_format=torch.channels_last)
        images, labels = data.load(self.task, n=self.images)
        for number, (epochs, rate) in enumerate(self.stages):
            optimizer = getattr(torch.optim, self.optimizer)(model.parameters(), lr=rate, **self.options)
            training.fit(
                model, images, labels, epochs=epochs, optimizer=optimizer, seed=self.seed + number, device="cpu"
            )
        model.to(memory_format=torch.contiguous_format)

    def state(self, model):
        """The tensors that go into the file."""
        return model.state_dict()

    def accuracy(self, model):
        """Share of the test images that it gets right."""
        return training.evaluate(model, *data.load(self.task, "test"))


@dataclass(frozen=True)
class TextRecipe:
    """How the language model is trained; its accuracy is the share of characters foretold, in modules it never saw."""

    model: str
    arguments: dict
    steps: int
    batch_size: int
    length: int
    lr: float
    least_accuracy: float
    seed: int = 0
    task: str = "source of Python's standard library"
    networks: ModuleType = language
    stored: torch.dtype = torch.float16  # by far the largest network here: half the bytes of the folder

    def describe(self):
        """Say it in words, for the catalogue."""
        steps = f"{self.steps:,} steps of {self.batch_size} × {self.length} characters"
        return f"AdamW, {steps} at {self.lr:g}; the weights are rounded to 16 bits at the end"

    def fit(self, model):
        """Train a network of random weights."""
        ids = language.encode(language.source()[0])
        batch = {"batch_size": self.batch_size, "length": self.length}
        language.fit(model, ids, steps=self.steps, lr=self.lr, seed=self.seed, **batch)
        model.to(self.stored).float()  # what is measured is what the file holds

    def state(self, model):
        """The tensors that go into the file, in 16 bits; `fit` has rounded them to these already."""
        return {key: value.to(self.stored) for key, value in model.state_dict().items()}

    @torch.no_grad()
    def accuracy(self, model, pieces=200):
        """Share of the next characters that are the likeliest ones."""
        ids = language.encode(language.source(language.HELD_OUT)[0])
        pieces = ids[: len(ids) // (self.length + 1) * (self.length + 1)].view(-1, self.length + 1)[:pieces]
        right = [(model(piece[:, :-1]).argmax(-1) == piece[:, 1:]).float().mean() for piece in pieces.split(8)]
        return torch.stack(right).mean().item()


def _lenet(task, least_accuracy):
    """Four quick passes: what lessons on rounding and pruning begin with."""
    return Recipe("LeNet", {}, ((4, 2e-3),), least_accuracy, "Adam", task=task, images=12_000)


RECIPES = {
    "char_transformer": TextRecipe("CharTransformer", {}, 2400, 4, 512, 3e-3, 0.55),
    "lenet_fashion_0": _lenet("fashion_mnist", 0.80),
    "lenet_mnist": _lenet("mnist", 0.96),
    "small_cnn": Recipe("SmallCNN", {"width": 40}, ((4, 3e-3), (2, 5e-4), (1, 5e-5)), 0.90, "Adam", channels_last=True),
    # Chosen to show the subject of `depthwise`: a dead channel that folding makes the widest of its layer.
    # Decay on all weights has no precedent in MobileNet, whose authors "put very little or no weight decay (l2
    # regularization) on the depthwise filters" (Howard et al., 2017, section 3.2).
    "depthwise_cnn": Recipe(
        "DepthwiseCNN",
        {"width": 32},
        ((4, 0.1), (1, 0.01)),
        0.87,
        "SGD",
        {"momentum": 0.9, "weight_decay": 1e-3, "nesterov": True},
    ),
    # The lesson `structured` cuts the first one to the shape of the second, with the same recipe, never cut.
    "small_resnet": Recipe("SmallResNet", {"width": 32}, ((4, 3e-3), (2, 5e-4)), 0.90, "Adam", channels_last=True),
    "small_resnet_half": Recipe("SmallResNet", {"width": 16}, ((4, 3e-3), (2, 5e-4)), 0.89, "Adam", channels_last=True),
}


def main(argv):
    """Train the checkpoints asked for, all by default; returns 1 when one is not accurate enough."""
    parser = argparse.ArgumentParser(prog="course.py checkpoints", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(RECIPES)} (default: all)")
    names = parser.parse_args(argv).names or list(RECIPES)
    unknown = [name for name in names if name not in RECIPES]
    if unknown or runtime.quick():
        say(
            f"No checkpoint is called {', '.join(unknown)}; there are {', '.join(RECIPES)}."
            if unknown
            else "Not written: COURSE_QUICK is set, and a network of a few steps is no checkpoint. Unset it."
        )
        return 2
    os.environ["COURSE_THREADS"] = "1"  # so that sums have one order
    return max([make(name) for name in names])


def make(name, folder=checkpoints.FOLDER):
    """Train one network and write it, unless it is less accurate than it must be; 0 when it was written."""
    recipe = RECIPES[name]
    model, accuracy = train(recipe)
    if accuracy < recipe.least_accuracy:
        say(f"{name}: {accuracy:.2%} of the test set right, {recipe.least_accuracy:.0%} wanted. Not written.")
        return 1
    size = write(name, model, accuracy, folder)
    say(f"{name}: {accuracy:.2%} of the test set right, {si(size, 'B')}.")
    return 0


def train(recipe):
    """Train one network; returns (model, test accuracy)."""
    runtime.seed_all(recipe.seed)
    model = getattr(recipe.networks, recipe.model)(**recipe.arguments)
    recipe.fit(model)
    return model.eval(), recipe.accuracy(model)


def write(name, model, accuracy, folder=checkpoints.FOLDER):
    """Write NAME.pt and its entry of the catalogue, each in one step; returns the bytes of the file."""
    folder, recipe = Path(folder), RECIPES[name]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as new:
        path = Path(new, f"{name}.pt")  # torch writes the file's name into it
        torch.save(recipe.state(model), path)
        content = path.read_bytes()
        os.replace(path, folder / path.name)
    entry = checkpoints.Entry(
        recipe.model,
        recipe.task,
        f"python course.py checkpoints {name}",
        recipe.describe(),
        recipe.seed,
        accuracy,
        torch.__version__.partition("+")[0],
        hashlib.sha256(content).hexdigest(),
        recipe.arguments,
    )
    there = checkpoints.catalogue(folder) if (folder / checkpoints.CATALOGUE).exists() else {}
    entries = dict(sorted({**there, name: entry}.items()))
    text = json.dumps({name: asdict(entry) for name, entry in entries.items()}, indent=1) + "\n"
    write_whole(folder / checkpoints.CATALOGUE, text)
    return len(content)

"""Measurements, drawings and tables of the lesson gptq, which stand beside what the lesson explains."""

import copy
import functools
import sys

import torch
from torch import nn
from tqdm import tqdm

from course_utils import language
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.gptq import rounding

GROUP = 32
PIECE = 513  # characters: 512 to read, and the next of each
STEPS = (0, 1, 2, 4, 6)  # columns that are rounded in the frames


class Bench:
    """The trained model, the weights that are rounded, and the text on which the model is examined.

    Attributes:
        net: the model; it stays as it is.
        weights: name of a layer -> its weight, of the four linear layers of each block.
    """

    def __init__(self):
        self.net = language.trained().requires_grad_(False)
        self.weights = self.weights_of(self.net)
        self.learned = language.encode(language.source()[0])
        held = language.encode(language.source(language.HELD_OUT)[0])
        held = held[: len(held) // PIECE * PIECE].view(-1, PIECE)
        self.exam = held[::17].flatten()  # every 17th piece
        self.float_perplexity = self.perplexity(lambda _, weight: weight, self.exam)

    def weights_of(self, model):
        """Name -> weight of the four linear layers of each block; not the head."""
        layers = model.named_modules()
        return {name: m.weight for name, m in layers if isinstance(m, nn.Linear) and name != "head"}

    def perplexity(self, way, text, model=None):
        """With other weights, on a text.

        Args:
            way: (name, weight) -> the rounded weight.
            text: ids, a whole number of pieces.
            model: whose weights are rounded; None = the trained one.
        """
        own = self.net if model is None else model
        rounded = copy.deepcopy(own)
        for name, weight in self.weights_of(own).items():
            rounded.get_submodule(name).weight.copy_(way(name, weight))
        return language.perplexity(rounded, text, pieces=len(text) // PIECE)

    def rise(self, way, model=None):
        """By how much the perplexity on the held-out pieces rises over that of the float model, in per cent."""
        return 100 * (self.perplexity(way, self.exam, model) / self.float_perplexity - 1)

    def calibration_text(self, draw):
        """Eight pieces of modules that the model learned from, (8, 512)."""
        return language.batches(self.learned, steps=1, batch_size=8, seed=draw)[0, :, :-1]

    @torch.no_grad()
    def calibrate(self, text, model=None):
        """Name of a layer -> (H, mean size of each input), on a text (pieces, steps)."""
        model, found = self.net if model is None else model, {}

        def look(name, module, inputs):
            x = inputs[0].flatten(0, -2)  # a row for each character
            found[name] = x.T @ x / len(x), x.abs().mean(0)

        hooks = [
            model.get_submodule(name).register_forward_pre_hook(functools.partial(look, name)) for name in self.weights
        ]
        model(text)
        for hook in hooks:
            hook.remove()
        return found


def progress(things, words):
    """The same things, with a line that says how far the work is."""
    return tqdm(things, desc=words, file=sys.stdout, leave=False)


def pair_table(round_row, weights, alike):
    """What becomes of two weights with the levels 0 and 1, and the mean squared error of the output.

    Args:
        round_row: (w, H, step) -> rounded row.
        weights: float (2,).
        alike: mean products of the two inputs, whose mean squares are 1.
    """
    rows = []
    for rho in alike:
        hessian = torch.tensor([[1.0, rho], [rho, 1.0]])
        new, nearest = round_row(weights, hessian, 1.0), torch.round(weights)
        errors = [((w - weights) @ hessian @ (w - weights)).item() for w in (nearest, new)]
        second = weights[1] + rho * (weights[0] - new[0])
        rows.append([rho, f"{second:.2f}", f"{new[1]:.0f}", *(f"{error:.2f}" for error in errors)])
    return Table(
        ["ρ", "second weight becomes", "rounded", "each to nearest", "one after the other"],
        rows,
        caption="Last two columns: mean squared error of the output.",
    )


def left_to_right(gptq):
    """A small layer whose inputs are alike, after some of its columns, and what the last step added."""
    draw = torch.Generator().manual_seed(3)
    alike = torch.randn(200, 6, generator=draw) + 1.5 * torch.randn(200, 1, generator=draw)
    states = [torch.randn(3, 6, generator=draw)]
    gptq(states[0], alike.T @ alike / 200, 2, 6, watch=lambda left: states.append(left.T.clone()))
    plots.show(
        [_after_columns(states, count) for count in STEPS],
        alt=[f"3 rows of six weights, {n} of six columns rounded (blue), the others float (orange)." for n in STEPS],
        caption="A small layer whose inputs are alike, at 2 bits with one grid a row. Blue is rounded and final.",
    )
    return states


def _after_columns(states, count):
    canvas, now, cells = diagrams.Canvas(height=400), states[count], {"cell": 72, "text": "{:.2f}", "size": 24}
    canvas.text(800, 60, f"{count} of 6 columns rounded", align="left", size=26)
    if count:
        diagrams.grid(canvas, now[:, :count], 240, 10, **cells, meaning="int8")
    if count < 6:
        diagrams.grid(canvas, now[:, count:], 250 + 72 * count, 10, **cells)
    if count in range(1, 6):
        added, x = (now - states[count - 1])[:, count:], 250 + 72 * count
        canvas.text(60, 320, "added last", align="left", colour="gradient", size=26)
        diagrams.grid(canvas, added, x, 245, cell=50, text="", meaning="gradient")
        canvas.text(700, 320, f"up to {added.abs().max():.2f}", align="left", colour="gradient", size=26)
    return canvas.figure()


def said(rises):
    """A mean, and the range where there are several: "7.3 (7.0 to 7.5)"."""
    if isinstance(rises, float):
        return f"{rises:.1f}"
    return f"{sum(rises) / len(rises):.1f} ({min(rises):.1f} to {max(rises):.1f})"


def table_of(rises, widths, caption):
    """Rise of the perplexity: a row for each way to round, a column for each number of bits.

    Args:
        rises: (way, bits) -> per cent, or several.
        widths: numbers of bits.
        caption: of the table.
    """
    ways = dict.fromkeys(way for way, _ in rises)
    rows = [[way, *(said(rises[way, bits]) if (way, bits) in rises else "–" for bits in widths)] for way in ways]
    return Table(["rise of the perplexity, %", *(f"{bits} bits" for bits in widths)], rows, caption=caption)


def list_of(rises, caption):
    """Rise of the perplexity for each way, in two columns."""
    return Table(
        ["2 bits, groups of 32", "rise, %"], [[way, said(found)] for way, found in rises.items()], caption=caption
    )


def best_clip(bench, bits, clips=(1.0, 0.95, 0.9, 0.8)):
    """The clip with which round-to-nearest raises the perplexity least on three pieces that the model learned from."""
    text = bench.learned[: 3 * PIECE]
    return min(
        clips, key=lambda clip: bench.perplexity(lambda _, w: rounding.to_nearest(w, bits, GROUP, (clip,)), text)
    )


def wrong_pairs(hessian, seed=0):
    """The same mean squares of the inputs and the same correlations, but between other pairs of inputs."""
    size = hessian.diagonal().sqrt()
    alike = hessian / size[:, None] / size
    order = torch.randperm(len(size), generator=torch.Generator().manual_seed(seed))
    return alike[order][:, order] * size[:, None] * size


@torch.no_grad()
def planted(model, factor=16, n=4, seed=0):
    """A model that computes the same, with `n` channels before each `qkv` and `up` whose weights are `factor` times larger."""
    model, places = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    for block in model.blocks:
        for norm, linear in ((block.norm1, block.qkv), (block.norm2, block.up)):
            channels = torch.randperm(len(norm.weight), generator=places)[:n]
            norm.weight[channels] /= factor
            linear.weight[:, channels] *= factor
    return model


def channels(weights, large, turned):
    """The largest weight of each input channel of one layer: as trained, planted, and rotated, in frames.

    Args:
        weights, large, turned: float (out, in).
    """
    panels = {"as trained": weights, "four channels planted": large, "planted, then rotated": turned}
    top, figures = 1.1 * large.abs().max().item(), []
    for words, weight in panels.items():
        fig, ax = plots.figure(size=(12, 3.3))
        ax.vlines(range(weight.shape[1]), 0, weight.abs().amax(0), color=plots.COLOURS["orange"], linewidth=4)
        ax.set(xlabel="input channel", ylabel="largest |weight|", title=words, ylim=(0, top))
        figures.append(fig)
    plots.show(
        figures,
        alt=[
            f"{weight.shape[1]} bars, the largest weight of each input channel, {words}; the largest is {weight.abs().max():.2f}."
            for words, weight in panels.items()
        ],
        caption="The layer up of the third block. All three frames have one scale.",
    )


def outlier_table(rises, models):
    """Rise of the perplexity: a row for each way, a column for each model.

    Args:
        rises: (way, model) -> per cent.
        models: names.
    """
    ways = dict.fromkeys(way for way, _ in rises)
    return Table(
        ["rise, %; 4 bits, groups of 32", *models],
        [[way, *(f"{rises[way, model]:.1f}" for model in models)] for way in ways],
        caption="One draw of calibration text, one planting.",
    )

"""Tables and drawings of the lesson own_method, which stand beside what the lesson explains."""

import torch
from hypothesis import HealthCheck, settings
from torch import nn
from torch.nn.utils import prune

from course_utils import training
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

TYPES = ("unstructured", "structured", "global")
EARLIER = torch.tensor([[0.0, 0, 0, 0], [1, 1, 0, 1], [1, 1, 1, 1]])  # a mask of earlier pruning: 5 of 12 are gone
MANY = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,  # the same examples in every run
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def small_layer():
    """Twelve weights, 3 by 4, whose values are the same each time."""
    layer = nn.Linear(4, 3, bias=False)
    values = [[0.1, -0.9, 0.4, 0.0], [0.3, 0.2, -0.1, 0.7], [-0.6, 0.5, 0.2, 0.05]]
    layer.weight.data = torch.tensor(values)
    return layer


def pruned_layer():
    """The same layer with the mask `EARLIER`."""
    return prune.custom_from_mask(small_layer(), "weight", EARLIER)


def attempt(what):
    """The result of `what()`, or the error that it raised, as text."""
    try:
        return what()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def four_weights(scores, layers):
    """Four weights with their scores, and which of them each method keeps.

    Args:
        scores: float (1, 4); its sign says whether training moves a weight towards 0 or away.
        layers: name of the method -> pruned layer of four weights.
    """
    canvas = diagrams.Canvas(height=360)
    canvas.axes.plot([250, 1150], [150, 150], color="black", linewidth=2)
    canvas.text(235, 150, "0", align="right", size=26)
    for column, score in enumerate(scores[0].tolist()):
        x = 385 + 210 * column
        canvas.text(x + 25, 80, f"{score:.2g}", align="left", size=26)
        if abs(score) > 1:
            canvas.wire((x, 80), (x, 80 - 14 * score), meaning="gradient", thick=5)
        canvas.axes.plot(x, 80, "o", color=diagrams.MEANING["fp32"], markersize=13, zorder=5)
    canvas.text(235, 80, "weight, score", align="right")
    kept = {name: layer.weight_mask for name, layer in layers.items()}
    for row, (name, mask) in enumerate(kept.items()):
        canvas.text(265, 220 + 95 * row, name, align="right")
        for column, score in enumerate(scores[0]):
            place = (350 + 210 * column, 185 + 95 * row)
            diagrams.grid(canvas, score[None], *place, cell=70, mask=mask[0, column][None], size=26)
    plots.show(
        canvas.figure(),
        alt="Four weights above 0 with arrows: the first points down to 0, the next two have none, the last points up. Under "
        "them their scores in boxes, crossed out where the weight is removed: "
        + ", ".join(f"{name} keeps {mask.int().tolist()[0]}" for name, mask in kept.items())
        + ".",
        caption="An arrow shows where training moves a weight; without an arrow it hardly moves. A crossed box is a removed weight.",
    )


def _handed_over(pruning_type, given):
    canvas = diagrams.Canvas(height=330)
    canvas.text(190, 30, "the layer, masked", size=26)
    diagrams.grid(canvas, small_layer().weight, 50, 70, cell=72, mask=EARLIER, size=26)
    if given:
        t, mask = given
        cell = 72 if t.dim() > 1 else 80
        canvas.wire((355, 178), (480, 178), thick=5)
        canvas.text(520 + cell * t.shape[-1] / 2, 30, f'"{pruning_type}": shape {tuple(t.shape)}', size=26)
        diagrams.grid(canvas, t, 520, 178 - cell * (len(t) if t.dim() > 1 else 1) / 2, cell=cell, mask=mask, size=26)
    return canvas.figure()


def handed_over(given_to):
    """What `compute_mask` is given, by type: four frames.

    Args:
        given_to: type -> (t, default_mask).
    """
    plots.show(
        [_handed_over(None, None), *(_handed_over(name, given) for name, given in given_to.items())],
        alt=[
            "A grid of 3 rows and 4 columns; row 0 and one cell of row 1 are crossed out.",
            *(
                f"The same grid, and what a method of the type {name} is given: {tuple(t.shape)}, of which "
                f"{int((mask == 0).sum())} are marked as pruned."
                for name, (t, mask) in given_to.items()
            ),
        ],
        caption="Crossed out: pruned before. On the right what `compute_mask` is given as `t`; crossed where `default_mask` is 0.",
    )


def taken_by_global(methods):
    """A table: what `global_unstructured` does with each method on two layers of 12 weights.

    Args:
        methods: class -> its arguments.
    """

    def left(method, arguments):
        pair = [small_layer(), small_layer()]
        prune.global_unstructured([(layer, "weight") for layer in pair], method, **arguments)
        return f"{int(sum(layer.weight_mask.sum() for layer in pair))} of 24 weights are left"

    return Table(
        ["method", "PRUNING_TYPE", "global_unstructured"],
        [
            [method.__name__, method.PRUNING_TYPE, attempt(lambda m=method, a=a: left(m, a)).split(":")[0]]
            for method, a in methods.items()
        ],
    )


def too_full_table(broken):
    """A table of the groups that keep more than two.

    Args:
        broken: (type, share pruned before) -> percent.
    """
    return Table(
        ["2:4 declared", "pruned before", "groups with 3 or 4 left, %"],
        [[name, f"{before:.0%}", f"{share:.1f}"] for (name, before), share in broken.items()],
    )


def _groups(canvas, top, values, mask, words):
    canvas.text(20, top + 36, words, align="left")
    for group in range(3):
        part = slice(4 * group, 4 * group + 4)
        diagrams.grid(canvas, values[part], 300 + 300 * group, top, cell=68, mask=mask[part], size=26)


def shifted_groups(method):
    """Three frames: twelve weights with four holes, the list of what is left in fours, and the mask that comes back.

    Args:
        method: a 2:4 method that was declared unstructured.
    """
    values = torch.tensor([1.0, 9, 2, 3, 9, 8, 7, 1, 5, 4, 6, 2])
    old = torch.tensor([1.0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0])
    layer = nn.Linear(12, 1, bias=False)
    layer.weight.data = values[None].clone()
    prune.custom_from_mask(layer, "weight", old[None])
    method.apply(layer, "weight")
    new, left = layer.weight_mask[0], values[old == 1]
    frames = []
    for stage in range(3):
        canvas = diagrams.Canvas(height=330)
        _groups(canvas, 30, values, old, "masked before")
        if stage:
            canvas.text(20, 166, "handed over", align="left")
            for group in range(2):
                diagrams.grid(canvas, left[4 * group : 4 * group + 4], 450 + 300 * group, 130, cell=68, size=26)
        if stage > 1:
            _groups(canvas, 230, values, new, "comes back")
        frames.append(canvas.figure())
    kept = [int(new[4 * group : 4 * group + 4].sum()) for group in range(3)]
    before = [int(old[4 * group : 4 * group + 4].sum()) for group in range(3)]
    shown = f"Three groups of four weights, of which {before} are left."
    handed = f"Below them the eight that are left, in two groups of four: {left.int().tolist()}."
    plots.show(
        frames,
        alt=[shown, f"{shown} {handed}", f"{shown} {handed} Below, the groups after the method: {kept} are left."],
        caption="The container leaves the holes out, so the fours that the method sees are others than those of the layer.",
    )
    return kept


def staircase(share, amounts, held):
    """The share of zeros over the steps, and the curve that it was to follow.

    Args:
        share: percent of zeros after each step.
        amounts: step -> amount of the cut.
        held: methods in the container of fc1.
    """
    fig, ax = plots.figure(size=(6.4, 4.3))
    curve = torch.arange(0, 101)
    ax.plot(curve, 90 * (1 - (1 - curve / 100) ** 3), "--", color=plots.COLOURS["grey"], label="the curve")
    ax.plot(range(1, len(share) + 1), share, color=plots.COLOURS["blue"], label="zeros, counted")
    for step, amount in amounts.items():
        ax.text(step + 2, share[step - 1] - 7, f"{amount:.2f}", fontsize=16, color=plots.COLOURS["blue"])
    ax.set(xlabel="training step", ylabel="weights pruned, %", ylim=(-3, 100))
    ax.legend(loc="lower right")
    plots.show(
        fig,
        alt=f"Share of zeros over {len(share)} training steps: a staircase with a step every 20 training steps that meets a "
        f"curve which rises ever more slowly; the amounts are {', '.join(f'{a:.2f}' for a in amounts.values())}, and "
        f"{share[-1]:.0f} % is reached.",
        caption=f"f = 0.9, n = 100; at each cut its `amount`. The container of fc1 lists {held} methods.",
    )


def costs(first_cut, all_cuts, uncut, unseen, empty):
    """A table: what is right after the first cut and in the end, and what the first cut keeps at empty pixels.

    Args:
        first_cut, all_cuts: what ranked the weights -> network.
        uncut: a network that took the same steps without a cut.
        unseen: (images, labels) of the test.
        empty: bool for each pixel; True where every image that was learned from has a 0.
    """

    def right(net):
        return f"{100 * training.evaluate(net, *unseen):.1f}"

    rows = []
    for name, net in first_cut.items():
        cut = right(net)
        kept = (net.fc1.weight[:, empty] != 0).float().mean()
        rows.append([name, f"{100 * kept:.0f}", cut, right(all_cuts[name])])
    return Table(
        ["ranked by", "kept at empty pixels, %", "right after the first cut, %", "after all cuts, %"],
        [*rows, ["no cut", 100, "–", right(uncut)]],
    )


def located(instruments, seeds=9):
    """A table of the most breaches with one seed, on each of the three layers.

    Args:
        instruments: (name, type) -> instrument.
        seeds: how many.
    Returns:
        (Table, dict of (name, type) -> [fresh, alone, container]).
    """
    layers = ("fresh", "alone", "container")
    worst = {
        key: [max(breaches(layer, seed) for seed in range(seeds)) for layer in layers]
        for key, breaches in instruments.items()
    }
    table = Table(
        ["method", "PRUNING_TYPE", *layers],
        [[*key, *found] for key, found in worst.items()],
        caption=f"Most breaches with one of {seeds} seeds; an error counts as 16.",
    )
    return table, worst


def outcomes_table(columns, amounts):
    """What methods make of odd amounts on a layer of which six weights are left.

    Args:
        columns: heading -> (class, function that calls its `apply`).
        amounts: list of numbers.
    """

    def outcome(method, guard, amount):
        layer = prune.l1_unstructured(small_layer(), "weight", amount=0.5)
        error = attempt(lambda: guard(method.apply, layer, "weight", amount=amount))
        said = error.split(":")[0] if isinstance(error, str) else f"{int(6 - layer.weight_mask.sum())} of 6 removed"
        return said + ("" if prune.is_pruned(layer) else "; hook gone")

    return Table(
        ["amount", *columns],
        [[amount, *(outcome(*how, amount) for how in columns.values())] for amount in amounts],
        caption="Of the 6 weights that are left.",
    )


def unguarded(prune_it, module, name, **arguments):
    """The call alone."""
    return prune_it(module, name, **arguments)


def listed(layer):
    """The names of the methods that a layer's hooks list."""
    hooks = list(layer._forward_pre_hooks.values())
    methods = [m for hook in hooks for m in (hook if isinstance(hook, prune.PruningContainer) else [hook])]
    return [type(method).__name__ for method in methods]


def refusals(method, guards):
    """What a refused call leaves behind, on a layer pruned once and on one pruned twice.

    Args:
        method: a class that refuses an amount of 1.5.
        guards: name -> function that calls `apply`.
    Returns:
        (Table, dict of (name, earlier calls) -> how many methods are listed more than before).
    """
    rows, more = [], {}
    for name, guard in guards.items():
        for earlier in (1, 2):
            layer = small_layer()
            for _ in range(earlier):
                method.apply(layer, "weight", amount=0.25)
            hook = next(iter(layer._forward_pre_hooks.values()))
            before, mask = listed(layer), layer.weight_mask.clone()
            attempt(lambda guard=guard, layer=layer: guard(method.apply, layer, "weight", amount=1.5))
            history = len(hook) if isinstance(hook, prune.PruningContainer) else 1
            more[name, earlier] = history - len(before)
            same = "the same" if torch.equal(mask, layer.weight_mask) else "another"
            rows.append([name, earlier, "there" if prune.is_pruned(layer) else "gone", same, len(before), history])
    table = Table(["call", "pruned before", "hook", "mask", "listed before", "listed after"], rows)
    return table, more

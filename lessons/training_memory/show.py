"""Counters and drawings of the lesson training_memory; each takes what the lesson has made."""

import copy

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from course_utils.measure import timing
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

MB = 1e6
MEANINGS = {"weights": "fp32", "gradients": "gradient", "states": "plain", "activations": "activations"}


def _kept(model, optimizer):
    """Bytes that are in memory between two steps: the weights, and the states of the optimizer."""
    states = [t for state in optimizer.state.values() for t in state.values()]
    return [sum(t.nbytes for t in tensors) for tensors in (list(model.parameters()), states)]


def _loss(model, x, y):
    return F.cross_entropy(model(x), y)


def _trained(network, kind, x, y):
    """A copy of a network and its optimizer, after one step, so that there are states and no gradients."""
    model = copy.deepcopy(network)
    optimizer = kind(model.parameters(), lr=1e-3)
    optimizer.zero_grad()
    _loss(model, x, y).backward()
    optimizer.step()
    optimizer.zero_grad()
    return model, optimizer


def _saved_bytes(model, x, y):
    """Bytes that autograd keeps for the backward pass, each piece of memory once, without weights and batch."""
    saved = {}

    def pack(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = _loss(model, x, y)  # alive until the end, so that no address is used twice
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), x, y, loss)}
    return sum(n for address, n in saved.items() if address not in own)


def stacks(network, x, y):
    """Bars to one scale: what a step has in memory, with two sizes of the batch and two optimizers.

    Args:
        network: it is copied.
        x, y: the batch; the second bar takes eight of its images.
    """
    settings = {}
    for kind, batch in [("AdamW", len(x)), ("AdamW", 8), ("SGD", len(x))]:
        inputs, targets = x[:batch].clone(), y[:batch].clone()
        model, optimizer = _trained(network, getattr(torch.optim, kind), inputs, targets)
        weights, states = _kept(model, optimizer)
        parts = (weights, weights, states, _saved_bytes(model, inputs, targets))
        settings[f"{kind}, {batch} images"] = dict(zip(MEANINGS, parts, strict=True))
    canvas = diagrams.Canvas(height=312)
    for row, (name, parts) in enumerate(settings.items()):
        canvas.text(40, 18 + 88 * row, f"{name}: {sum(parts.values()) / MB:.1f} MB", align="left", bold=True)
        left = 40
        for part, n_bytes in parts.items():
            width = n_bytes / MB * 36
            if width:
                canvas.box(left, 36 + 88 * row, width=width, height=38, fill=MEANINGS[part])
            left += width
    for column, (part, meaning) in enumerate(MEANINGS.items()):
        canvas.box(60 + 280 * column, 274, width=30, height=30, fill=meaning)
        canvas.text(102 + 280 * column, 289, part, align="left")
    plots.show(
        canvas.figure(),
        alt="Three bars to one scale, each of weights, gradients, states and activations. "
        + " ".join(f"{n}: {', '.join(f'{k} {v / MB:.2f}' for k, v in p.items())} MB." for n, p in settings.items()),
        caption="What one step puts into memory, counted tensor by tensor; to one scale.",
    )


def _levels(network, x, y):
    """Name of the phase -> bytes in use after each change in it, weights and states included."""
    model, optimizer = _trained(network, torch.optim.AdamW, x, y)
    level, phases, held = sum(_kept(model, optimizer)), {}, {}

    def forward():
        held["loss"] = _loss(model, x, y)

    def backward():
        held.pop("loss").backward()

    for name, phase in {"forward": forward, "backward": backward, "AdamW": optimizer.step}.items():
        with timing.Timer(device="cpu", memory=True) as timer:
            phase()
        phases[name] = [level + change for change in timer.levels]
        level = phases[name][-1]
    return phases


def two_steps(networks, x, y):
    """The memory in use during the second step of each network, over time; a colour for each phase.

    Args:
        networks: name -> network; they are copied.
        x, y: the batch.

    Returns:
        name -> the phase in which most is in use.
    """
    fig, axes = plots.figure(columns=2, size=(11.6, 4.2))
    told, highest = [], {}
    for ax, (name, network) in zip(axes, networks.items(), strict=True):
        phases, weights = _levels(network, x, y), sum(p.nbytes for p in network.parameters())
        highest[name] = max(phases, key=lambda phase: max(phases[phase]))
        start, top = 0, max(phases[highest[name]]) / weights
        for (phase, levels), colour in zip(phases.items(), ("sky", "green", "yellow"), strict=True):
            own = [level / weights for level in levels]
            at = [start + i / len(own) for i in range(len(own))] + [start + 1]
            ax.fill_between(at, [*own, own[-1]], step="post", color=plots.COLOURS[colour], alpha=0.7)
            ax.text(start + 0.5, 1.1 * top, phase, ha="center", fontsize=18)
            told.append(f"{name}, {phase}: from {own[0]:.1f} to {own[-1]:.1f}, at most {max(own):.1f}.")
            start += 1
        ax.axhline(top, color=plots.COLOURS["orange"], linestyle="--")
        shape = "a mountain" if highest[name] == "backward" else "a staircase"
        ax.set(title=f"{name}: {shape}", xlabel="time", ylim=(0, 1.25 * top), xticks=[])
    axes[0].set(ylabel="bytes / weights")
    plots.show(
        fig,
        alt="Two panels, the memory in use during one step in three phases, in bytes of the weights. " + " ".join(told),
        caption="Memory in use over that of the weights, on two scales. Dashed: the peak. Time is not to scale.",
    )
    return highest


def _block_lives(again):
    canvas, lanes = diagrams.Canvas(height=272), {}
    steps = "F1 F2 F3 F3 B3 F2 B2 F1 B1".split() if again else "F1 F2 F3 B3 B2 B1".split()
    for block in (1, 2, 3):
        start, end = (9 - 2 * block, 11 - 2 * block) if again else (block - 1, 7 - block)  # of the inside
        lanes[f"block {block}"] = [(start, end, "inside", "activations")]
        left, width = 150 + 110 * (block - 1), 110 * (end - block + 1)
        canvas.box(left, 14 + 66 * block, width=width, height=14, fill="plain")
    for column, words in enumerate(steps):
        canvas.text(150 + 110 * (column + 0.5), 20, words)
    diagrams.time_line(canvas, lanes, x=150, y=38, width=110 * len(steps), height=38, gap=28)
    canvas.text(640, 250, "with checkpoints" if again else "without checkpoints", bold=True)
    return canvas.figure()


def block_lives():
    """From when to when the insides of three blocks are in memory, without checkpoints and with them."""
    plots.show(
        [_block_lives(False), _block_lives(True)],
        alt=[
            "Time line of F1 F2 F3 B3 B2 B1: input and inside of each block are in memory from its forward to its backward pass; all three "
            "overlap in the middle.",
            "With checkpoints the steps are F1 F2 F3, then F3 B3, F2 B2, F1 B1. The input of a block is in memory from its first forward pass to the "
            "end of its backward pass, its inside during the last two steps only. The insides do not overlap.",
        ],
        caption="F: forward, B: backward. Blue: what is saved inside a block. Grey: its input.",
    )


def _peak(network, x, y, kind=torch.optim.AdamW, parts=1):
    """Bytes in use at the highest moment of the second step, with the batch in parts."""
    model, optimizer = _trained(network, kind, x, y)

    def step():
        for some, answers in zip(x.chunk(parts), y.chunk(parts), strict=True):
            (_loss(model, some, answers) / parts).backward()
        optimizer.step()
        optimizer.zero_grad()

    return sum(_kept(model, optimizer)) + timing.peak_bytes(step, device="cpu")


def _operations(network, x, y, kind=None, parts=1):
    """Floating-point operations of the matrix products and convolutions in a step."""
    with FlopCounterMode(display=False) as counter:
        for some, answers in zip(x.chunk(parts), y.chunk(parts), strict=True):
            _loss(copy.deepcopy(network), some, answers).backward()
    return counter.get_total_flops()


def remedies(networks, x, y, with_checkpoints):
    """The peak of each network as it is and with each remedy, and the operations of a step of the first.

    Args:
        networks: name -> network; they are copied.
        x, y: the batch.
        with_checkpoints: makes a network with a checkpoint for each block.

    Returns:
        (a table, remedy -> operations over those of the network as it is).
    """
    ways = {
        "as it is": ({}, ""),
        "8 parts": ({"parts": 8}, "batch norm sees the parts"),
        "checkpoints": ({}, "the operations"),
        "SGD": ({"kind": torch.optim.SGD}, "another training"),
    }
    rows, operations = [], {}
    for name, (how, price) in ways.items():
        treated = [with_checkpoints(net) if name == "checkpoints" else net for net in networks.values()]
        operations[name] = _operations(treated[0], x, y, **how) / operations.get("as it is", 1)
        peaks = [f"{_peak(net, x, y, **how) / MB:.1f}" for net in treated]
        rows.append([name, *peaks, price])
    operations["as it is"] = 1.0
    for row in rows:
        row.insert(-1, f"{operations[row[0]]:.2f} times")
    head = ["", *(f"{name}, MB" for name in networks), "operations", "price"]
    return Table(head, rows, caption="peak of a step with 64 images; operations of the reader"), operations

"""Counters, drawings and sweeps of the lesson training_memory; each takes what the lesson has made."""

import contextlib
import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from course_utils.measure import timing
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

MIB = 2**20
MEANINGS = {"weights": "fp32", "gradients": "gradient", "states": "plain", "activations": "activations"}


def saved_bytes(forward, known=(), only=None):
    """Bytes that autograd keeps for the backward pass, each piece of memory counted once.

    Args:
        forward: runs the forward pass.
        known: tensors that are not to be counted, such as the parameters and the batch.
        only: count tensors of this dtype alone; None = of all.

    Returns:
        (bytes, what `forward()` gave).
    """
    kept, seen = [], {}

    def pack(tensor):
        kept.append(tensor)  # alive, so that no address is used twice
        if only in (None, tensor.dtype):
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = forward()
    own = {tensor.untyped_storage().data_ptr() for tensor in known}
    return sum(n for address, n in seen.items() if address not in own), result


def saved_by_step(model, x, y):
    """Bytes that the forward pass of one training step saves, without the parameters and the batch."""
    return saved_bytes(lambda: F.cross_entropy(model(x), y), [*model.parameters(), x, y])[0]


def state_bytes(optimizer):
    """Bytes of all tensors of an optimizer's state; a quantized one is made of several."""
    total = 0
    for tensor in (t for state in optimizer.state.values() for t in state.values()):
        parts = tensor.__tensor_flatten__()[0] if hasattr(tensor, "__tensor_flatten__") else []
        total += sum(getattr(tensor, part).nbytes for part in parts) if parts else tensor.nbytes
    return total


def tenants(model, optimizer, x, y):
    """Bytes of what one training step has in memory, by kind; the optimizer must have made a step before.

    Returns:
        kind -> bytes, in the order of `MEANINGS`.
    """
    saved, loss = saved_bytes(lambda: F.cross_entropy(model(x), y), [*model.parameters(), x, y])
    loss.backward()
    gradients = sum(p.grad.nbytes for p in model.parameters())
    optimizer.zero_grad()
    weights = sum(p.nbytes for p in model.parameters())
    return {"weights": weights, "gradients": gradients, "states": state_bytes(optimizer), "activations": saved}


def stacks(settings):
    """Bars to one scale: for each setting what one step has in memory, by kind.

    Args:
        settings: name -> {kind: bytes}.
    """
    canvas = diagrams.Canvas(height=312)
    for row, (name, parts) in enumerate(settings.items()):
        canvas.text(40, 18 + 88 * row, f"{name}: {sum(parts.values()) / MIB:.1f} MiB", align="left", bold=True)
        left = 40
        for part, n_bytes in parts.items():
            width = n_bytes / MIB * 23.5
            if width:
                canvas.box(left, 36 + 88 * row, width=width, height=38, fill=MEANINGS[part])
            left += width
    for column, (part, meaning) in enumerate(MEANINGS.items()):
        canvas.box(60 + 280 * column, 274, width=30, height=30, fill=meaning)
        canvas.text(102 + 280 * column, 289, part, align="left")
    plots.show(
        canvas.figure(),
        alt="Three bars to one scale, each of weights, gradients, states and activations. "
        + " ".join(f"{n}: {', '.join(f'{k} {v / MIB:.2f}' for k, v in p.items())} MiB." for n, p in settings.items()),
        caption="What one step has in memory, counted tensor by tensor; to one scale.",
    )


def kept_by_layers(layers, x):
    """A table: bytes that each layer saves for its backward pass, over the bytes of its input.

    Args:
        layers: name -> a module or a function.
        x: (N, C, H, W), the input.
    """
    rows = []
    for name, layer in layers.items():
        given = x.clone().requires_grad_()
        own = layer.parameters() if isinstance(layer, nn.Module) else []
        rows.append([name, f"{saved_bytes(lambda f=layer, v=given: f(v), own)[0] / given.nbytes:.2f}"])
    return Table(["layer", "bytes kept / bytes of the input"], rows, caption="fp32, on the CPU")


def step_levels(model, optimizer, x, y):
    """The memory in use during one step, as it rises and falls; the optimizer must have made a step before.

    Returns:
        name of the phase -> bytes in use after each change in it, weights and states included.
    """
    level = sum(p.nbytes for p in model.parameters()) + state_bytes(optimizer)
    phases, held = {}, {}

    def forward():
        held["loss"] = F.cross_entropy(model(x), y)

    def backward():
        held.pop("loss").backward()

    for name, phase in {"forward": forward, "backward": backward, "AdamW": optimizer.step}.items():
        with timing.Timer(device="cpu", memory=True) as timer:
            phase()
        phases[name] = [level + change for change in timer.levels]
        level = phases[name][-1]
    optimizer.zero_grad()
    return phases


def highest(phases):
    """(name of the phase, bytes) of the highest moment of a step."""
    return max(((name, max(levels)) for name, levels in phases.items()), key=lambda pair: pair[1])


def two_steps(steps, weights):
    """The memory in use during one step of each network, over time; a line ends each phase.

    Args:
        steps: name -> what `step_levels` gave.
        weights: name -> bytes of the weights.
    """
    fig, axes = plots.figure(columns=2, size=(11.6, 4.0))
    told = []
    for ax, (name, phases) in zip(axes, steps.items(), strict=True):
        start, top = 0, highest(phases)[1] / weights[name]
        for (phase, levels), colour in zip(phases.items(), ("sky", "green", "yellow"), strict=True):
            own = [level / weights[name] for level in levels]
            at = [start + i / len(own) for i in range(len(own))] + [start + 1]
            ax.fill_between(at, [*own, own[-1]], step="post", color=plots.COLOURS[colour], alpha=0.7)
            ax.text(start + 0.5, 1.1 * top, phase, ha="center", fontsize=18)
            told.append(f"{name}, {phase}: from {own[0]:.1f} to {own[-1]:.1f}, at most {max(own):.1f}.")
            start += 1
        ax.axhline(top, color=plots.COLOURS["orange"], linestyle="--")
        ax.set(title=name, xlabel="time (changes, in their order)", ylim=(0, 1.25 * top), xticks=[])
    axes[0].set(ylabel="bytes / weights")
    plots.show(
        fig,
        alt="Two panels, the memory in use during one step in three phases, in bytes of the weights. " + " ".join(told),
        caption="Memory in use, over the bytes of the weights. Dashed: the peak. The three phases are drawn equally wide.",
    )


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


def segment_peak(layers, x, k):
    """Peak of one step through `layers` in `k` segments, each with a checkpoint, over the bytes of `x`."""
    length = len(layers) // k
    segments = [layers[i : i + length] for i in range(0, len(layers), length)]

    def step():
        h = x
        for segment in segments:
            h = checkpoint(segment, h, use_reentrant=False)
        h.square().mean().backward()

    for weight in layers.parameters():  # they exist before the step, so they do not count in its peak
        weight.grad = torch.zeros_like(weight)
    return timing.peak_bytes(step, device="cpu") / x.nbytes


def segments(curves):
    """The peak over the number of segments, both axes logarithmic; a ring marks the lowest.

    Args:
        curves: name -> {number of segments: peak}.
    """
    fig, ax = plots.figure(size=(6.0, 3.9))
    for (name, curve), style in zip(curves.items(), ("-o", "-s"), strict=True):
        lowest = min(curve, key=curve.get)
        ax.plot(list(curve), list(curve.values()), style, label=name)
        ax.plot(lowest, curve[lowest], "o", color="black", markersize=15, fillstyle="none")
    ax.set(xscale="log", yscale="log", xlabel="segments", ylabel="peak / one input")
    ax.set_xticks([1, 2, 6, 16, 32, 64], ["1", "2", "6", "16", "32", "64"])
    ax.set_yticks([10, 20, 50, 100, 200], ["10", "20", "50", "100", "200"])
    ax.minorticks_off()
    ax.legend()
    plots.show(
        fig,
        alt="Peak over the number of segments, both axes logarithmic. "
        + " ".join(f"{n}: {', '.join(f'{k}: {v:.0f}' for k, v in c.items())}." for n, c in curves.items()),
        caption="Counted. A ring marks the lowest.",
    )


def step_in(kind, reader, images, labels):
    """What one step of AdamW has in memory in a number format.

    Args:
        kind: "fp32", "autocast" (bf16), or "bf16" with fp32 master weights.
        reader: the network; it is not changed.
        images, labels: the batch.

    Returns:
        {kind of tensor: bytes}, bytes of fp32 copies of gradients, saved bytes, saved bytes in fp32.
    """
    model, x = (m.bfloat16() if kind == "bf16" else m for m in (copy.deepcopy(reader), images.clone()))
    model.zero_grad()

    def forward():
        with torch.autocast("cpu", torch.bfloat16) if kind == "autocast" else contextlib.nullcontext():
            return F.cross_entropy(model(x), labels)

    saved, in_fp32 = (saved_bytes(forward, [*model.parameters(), x, labels], only)[0] for only in (None, torch.float32))
    forward().backward()
    masters = list(model.parameters())
    if kind == "bf16":
        masters = [p.detach().float().requires_grad_() for p in model.parameters()]
        for master, p in zip(masters, model.parameters(), strict=True):
            master.grad = p.grad.float()
    optimizer = torch.optim.AdamW(masters)
    optimizer.step()
    held = {"weights": list(model.parameters()), "gradients": [p.grad for p in model.parameters()]}
    held["master weights"] = masters if kind == "bf16" else []
    n_bytes = {name: sum(t.nbytes for t in tensors) for name, tensors in held.items()}
    copies = sum(master.grad.nbytes for master in masters) if kind == "bf16" else 0
    return n_bytes | {"states": state_bytes(optimizer)}, copies, saved, in_fp32


def bytes_a_parameter(counts, n_weights):
    """Stacked bars: bytes a parameter in three formats, with the activations beside them.

    Args:
        counts: format -> what `step_in` gave.
        n_weights: parameters of the network.
    """
    each = {kind: {name: n / n_weights for name, n in found[0].items()} for kind, found in counts.items()}
    fig, ax = plots.figure(size=(8.6, 3.6))
    left = [0.0] * 3
    for name, colour in zip(each["fp32"], ("orange", "green", "yellow", "grey"), strict=True):
        widths = [each[kind][name] for kind in each]
        ax.barh(list(each), widths, left=left, color=plots.COLOURS[colour], edgecolor="white", label=name)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for row, found in enumerate(counts.values()):
        ax.text(16.4, row, f"and {found[2] / MIB:.1f} MiB\nof activations", va="center")
    ax.invert_yaxis()
    ax.set(xlabel="bytes a parameter", xlim=(0, 24), xticks=range(0, 17, 4))
    fig.legend(loc="outside upper center", ncols=4)
    plots.show(
        fig,
        alt="Stacked bars of bytes a parameter. "
        + " ".join(
            f"{k}: {', '.join(f'{n} {v:.0f}' for n, v in e.items())}, and {counts[k][2] / MIB:.1f} MiB of activations."
            for k, e in each.items()
        ),
        caption=f"Of autocast's activations {counts['autocast'][3] / MIB:.1f} MiB are fp32. Not drawn: "
        f"PyTorch's AdamW wants the gradients in fp32 too, {counts['bf16'][1] / n_weights:.0f} bytes more while it steps.",
    )


def outputs_of(model, x):
    """Numbers in the input, and in the output of each convolution and linear layer, in the order of the calls."""
    sizes, chosen = [x.numel()], [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [m.register_forward_hook(lambda _m, _i, out: sizes.append(out.numel())) for m in chosen]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return sizes


def pairs(sizes, steps):
    """Bars of input plus output of each step of a chain.

    Args:
        sizes: bytes of all activations, one more than there are steps.
        steps: names.
    """
    kib = [n / 1024 for n in sizes]
    both = [a + b for a, b in zip(kib[:-1], kib[1:], strict=True)]
    fig, ax = plots.figure(size=(8.6, 3.6))
    ax.barh(steps, kib[:-1], color=plots.COLOURS["sky"], label="input")
    ax.barh(steps, kib[1:], left=kib[:-1], color=plots.COLOURS["blue"], label="output")
    for row, pair in enumerate(both):
        ax.text(pair + 0.6, row, f"{pair:.1f}", va="center")
    ax.invert_yaxis()
    ax.set(xlabel="in memory while it runs, KiB", xlim=(0, 44))
    ax.legend(loc="lower right")
    plots.show(
        fig,
        alt="Bars of input plus output of each step. "
        + ", ".join(f"{step}: {pair:.1f} KiB" for step, pair in zip(steps, both, strict=True))
        + ".",
        caption=f"Peak {max(both):.1f} KiB; all of these together {sum(kib):.1f} KiB. "
        f"Unfused, batch norm 1 alone: {2 * kib[1]:.1f} KiB.",
    )


def _lives(shortcut, one):
    canvas = diagrams.Canvas(height=262)
    spans = {"x": (0, 3 if shortcut else 1), "y": (0, 2), "z": (1, 3)}
    lanes = {name: [(start, end, name, "activations")] for name, (start, end) in spans.items()}
    for column, words in enumerate(("convolution", "convolution", "+ x" if shortcut else "(no addition)")):
        canvas.text(110 + 340 * (column + 0.5), 20, words)
    diagrams.time_line(canvas, lanes, x=110, y=42, width=1020, height=46, gap=14)
    peak = 3 if shortcut else 2
    said = f"{'with' if shortcut else 'without'} the shortcut: {peak} at once, {peak * one / 1024:.1f} KiB"
    canvas.text(620, 240, said, bold=True)
    return canvas.figure()


def shortcut(one):
    """Which activations of a block are in memory while each step runs, without a shortcut and with it.

    Args:
        one: bytes of one activation.
    """
    plots.show(
        [_lives(False, one), _lives(True, one)],
        alt=[
            "Time line of a block without a shortcut: x is in memory during the first convolution, y during both, z from the second on.",
            "The same with a shortcut: x stays in memory to the end, beside y and z during the second convolution.",
        ],
        caption="What is in memory while each step runs, without the shortcut and with it; int8, one image.",
    )

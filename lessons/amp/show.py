"""Drawings, tables and bookkeeping of the lesson amp: each function takes what the lesson has computed."""

import collections

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_utils.measure import sixteen_bits, timing
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

LARGEST_FP16 = 65_504


def ring(log):
    """One turn of the scaler a training step, a frame for each.

    Args:
        log: (was there an inf, scale before, scale afterwards) for each step.
    """

    def turn(number):
        infinite, before, after = log[number - 1]
        canvas = diagrams.Canvas(height=430)
        words = ["scale · loss", "backward", "÷ scale, inf?", "skip" if infinite else "step", "update"]
        diagrams.ring(canvas, words, x=600, y=230, radius=175, active=3, width=160, height=70)
        change = {2.0: "doubles", 0.5: "halves", 1.0: "stays"}[after / before]
        canvas.text(600, 180, f"step {number}", bold=True)
        canvas.text(600, 225, f"found: {'inf' if infinite else 'none'}")
        canvas.text(600, 270, f"{before:,.0f} {change}")
        return canvas.figure(), (
            f"Ring: scale the loss, backward, divide by the scale and look for inf or NaN, step or skip, update. Step {number}: "
            f"{words[3]}; the scale was {before:,.0f} and {change}."
        )

    drawn, told = zip(*map(turn, range(1, len(log) + 1)), strict=True)
    plots.show(
        drawn, alt=told, caption="One turn a training step. Here the scale doubles after two good steps in a row."
    )


def search(logs):
    """The scale, and the largest gradient times the scale, step by step, for each 16-bit type.

    Args:
        logs: name -> for each step (scale, the largest gradient times the scale, scale afterwards).
    """
    fig, axes = plots.figure(columns=2, size=(11, 4.4))
    told = []
    for ax, (name, log) in zip(axes, logs.items(), strict=True):
        steps = range(1, len(log) + 1)
        ax.step(steps, [scale for scale, *_ in log], where="mid", label="scale", color=plots.COLOURS["blue"])
        sizes = [largest if largest < float("inf") else float("nan") for _, largest, _ in log]
        ax.plot(steps, sizes, ".", markersize=4, color=plots.COLOURS["green"], label="largest gradient · scale")
        skipped = [step for step, (scale, _, after) in zip(steps, log, strict=True) if after < scale]
        ax.plot(skipped, [LARGEST_FP16] * len(skipped), "x", color=plots.COLOURS["orange"], markersize=11, mew=3)
        ax.axhline(LARGEST_FP16, color="black", linestyle=":")
        ax.set(yscale="log", xlabel="step", title=f"{name}: {len(skipped)} skipped")
        told.append(
            f"{name}: the scale goes from {log[0][0]:,.0f} to {log[-1][2]:,.0f}, at most {max(a for *_, a in log):,.0f}; "
            f"{len(skipped)} of {len(log)} steps are skipped"
        )
    axes[0].legend(loc="lower right")
    plots.show(
        fig,
        alt=f"The scale against the step on a logarithmic axis, and the largest gradient times the scale. {'. '.join(told)}.",
        caption="Dotted: 65,504, the largest number of fp16. Crosses: steps that were skipped.",
    )


def _told(three, spread):
    low, median, high = (ratio and f"{ratio:.{2 if ratio > 0.095 else 3}f}" for ratio in three)  # None has no digits
    return f"{median} ({low}–{high})" if spread else median


def side_by_side(found, device, records, rows):
    """How many times faster 16 bits are, here and on chips of other kinds, from their records.

    Args:
        found: what `sixteen_bits.race` gave here.
        device: where it was measured.
        records: what `sixteen_bits.records` gives.
        rows: (name in the table, what was timed, variant) for each row.
    """
    here = sixteen_bits.described(device)
    kind = sixteen_bits.kind(here)
    columns = {f"{sixteen_bits.called(here)} (this run)": found}
    columns |= {name: of["times_faster"] for name, of in records.items() if sixteen_bits.kind(of) != kind}
    table = []
    for words, what, variant in rows:
        cells = [of.get(what, {}).get(variant) for of in columns.values()]
        table.append([words, *(_told(three, spread=three is cells[0]) if three else "–" for three in cells)])
    dates = " and ".join(sorted({record["date"] for record in records.values()}))
    versions = " and ".join(sorted({record["versions"]["torch"].split("+")[0] for record in records.values()}))
    return Table(
        ["times faster than fp32", *columns],
        table,
        caption=f"left: this run, quartiles in brackets; the others: records of {dates}, torch {versions}",
    )


class Alive(TorchDispatchMode):
    """Follows every tensor that PyTorch makes, operation by operation, and keeps the list at the peak.

    Args:
        given: tensors that are older than the step, and do not count.
        device: where it runs.
    """

    def __init__(self, given, device):
        super().__init__()
        self.given = [StorageWeakRef(t.untyped_storage()) for t in given]
        self.device, self.kept, self.peak = device, [], 0  # kept: (storage, (shape, type), bytes)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        before = [k for k in self.kept if not k[0].expired()]
        with timing.Timer(device=self.device, memory=True) as timer:  # inside this operation, its result included
            out = func(*args, **(kwargs or {}))
        total = sum(n_bytes for *_, n_bytes in before) + timer.peak_bytes
        if total > self.peak:
            self.peak, self.inside = total, timer.peak_bytes
            self.at_peak = collections.Counter(kind for _, kind, _ in before)
        for t in (t for t in tree_leaves(out) if isinstance(t, torch.Tensor)):
            ref, n_bytes = StorageWeakRef(t.untyped_storage()), t.untyped_storage().nbytes()
            if ref not in self.given and all(ref != k[0] for k in self.kept):
                self.kept.append((ref, (tuple(t.shape), t.dtype), n_bytes))
        self.kept = [k for k in self.kept if not k[0].expired()]
        return out


def alive_at_peak(step, batch, width, low, device):
    """What is alive at the peak of a step: kind -> bytes.

    Args:
        step: a function without arguments; its attribute `given` lists the tensors that are older.
        batch, width: an activation is batch by width, a weight width by width.
        low: the 16-bit type.
        device: where it runs.
    """
    with Alive(step.given, device) as mode:
        step()
    found = {}
    for shape, rows in (("weight", width), ("activation", batch)):
        for dtype, bits in ((torch.float32, 32), (low, 16)):
            n_alive = mode.at_peak[((rows, width), dtype)]
            found[f"{shape}, {bits}\u00a0bit"] = n_alive * rows * width * bits // 8
    found["inside the call"] = mode.inside
    found["other shapes"] = mode.peak - sum(found.values())  # mostly the loss: its number keeps the room of its squares
    return found


def stacks(found):
    """The bytes at the peak, fp32 beside autocast, one drawing for each batch.

    Args:
        found: (batch, "fp32" or "autocast") -> what `alive_at_peak` gave.
    """
    batches = list(dict.fromkeys(batch for batch, _ in found))
    fig, axes = plots.figure(columns=len(batches), size=(11, 4.4))
    kinds = next(iter(found.values()))
    tones = dict(zip(kinds, ("orange", "yellow", "blue", "sky", "grey", "green"), strict=True))
    for ax, batch in zip(axes, batches, strict=True):
        for x, name in enumerate(("fp32", "autocast")):
            foot = 0
            for kind, n_bytes in found[batch, name].items():
                ax.bar(x, n_bytes / 1e6, bottom=foot, color=plots.COLOURS[tones[kind]], label=kind, width=0.6)
                foot += n_bytes / 1e6
        ax.set(xticks=(0, 1), xticklabels=("fp32", "autocast"), title=f"batch {batch:,}", ylabel="MB at the peak")
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles[:6], names[:6], loc="outside right center")
    told = " ".join(
        f"Batch {batch}, {name}: "
        + ", ".join(f"{kind} {n_bytes / 1e6:.1f} MB" for kind, n_bytes in of.items() if n_bytes > 1e4)
        + "."
        for (batch, name), of in found.items()
    )
    plots.show(
        fig,
        alt=f"Stacks of bytes at the peak, fp32 beside autocast. {told}",
        caption="Twelve layers of 256. Shape of a weight: gradients and 16-bit copies. Shape of an activation: what the backward pass needs.",
    )


def shares(curves):
    """Peak under autocast over the peak in fp32, against the batch.

    Args:
        curves: name of a network -> (batch over width -> the share).
    """
    fig, ax = plots.figure(size=(6.4, 4.2))
    for (name, curve), marker in zip(curves.items(), ("o-", "s--", "^:"), strict=True):
        ax.plot(list(curve), list(curve.values()), marker, label=name)
    ax.axhline(1, color="black", linestyle=":")
    ticks = list(next(iter(curves.values())))
    ax.set(xscale="log", xlabel="batch / width", ylabel="peak, of fp32's")
    ax.set_xticks(ticks, [f"1/{1 / t:.0f}" if t < 1 else f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.legend()
    told = "; ".join(f"{name}: " + ", ".join(f"{s:.2f}" for s in curve.values()) for name, curve in curves.items())
    plots.show(
        fig,
        alt=f"Peak of autocast over that of fp32 against batch over width, from {ticks[0]:g} to {ticks[-1]:g}. {told}.",
        caption="Above the dotted line autocast needs more memory than fp32.",
    )

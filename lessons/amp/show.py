"""The drawing, the tables and the measurements of the lesson amp."""

import torch
from torch.nn import functional as F

from course_utils import models, plots, timing
from course_utils.tables import Table
from lessons.amp import sixteen_bits

RECORDS = ("GPU", "with units", "AVX2, no units")  # kinds, see sixteen_bits.kind


class Watched(torch.amp.GradScaler):
    """A scaler that notes for each step the scale, and whether all gradients came finite out of the backward pass."""

    def step(self, optimizer):
        gradients = [weight.grad for group in optimizer.param_groups for weight in group["params"]]
        self.log = [*getattr(self, "log", []), (self.get_scale(), all(g.isfinite().all() for g in gradients))]
        return super().step(optimizer)


def staircase(train, device):
    """Train with a scaler that begins at 4,096 and doubles after three good steps; draw the scale, and skipped steps."""
    scaler = Watched(device, init_scale=4096.0, growth_interval=3)
    train(scaler, shrink=1)
    scales, good = zip(*scaler.log, strict=True)
    steps = range(1, len(scales) + 1)
    skipped = [step for step in steps if not good[step - 1]]
    fig, ax = plots.figure(size=(11, 3.6))
    ax.step(steps, scales, where="mid", color=plots.COLOURS["blue"])
    ax.plot(skipped, [scales[step - 1] for step in skipped], "x", color=plots.COLOURS["orange"], markersize=12, mew=3.5)
    ax.set_yscale("log", base=2)
    top = max(18, int(max(scales)).bit_length() - 1)
    powers = range(12, top + 1, 2 if top < 20 else 6)
    ax.set_yticks([2**power for power in powers], [f"{2**power:,}" for power in powers])
    if skipped:
        ax.text(skipped[0] - 3, scales[skipped[0] - 1], "skipped", ha="right", va="center", fontsize=16)
    ax.set(xlabel="step", ylabel="scale", ylim=(2**11.5, 2 ** (top + 0.5)))
    plots.show(
        fig,
        alt=f"The scale against the step, in float16. It begins at {scales[0]:,.0f}, reaches {max(scales):,.0f} and ends at "
        f"{scales[-1]:,.0f}; {len(skipped)} of {len(scales)} steps are skipped{', each before the scale halves' if skipped else ''}.",
        caption="Crosses: a gradient was infinite, so the step is skipped, and the scale halves."
        if skipped
        else "No gradient was infinite, so no step was skipped.",
    )


def by_seed(shares):
    """A table of the share of right answers: name of the way to train -> one share for each seed; the first is fp32.

    A gap is taken between trainings from the same seed.
    """
    first = next(iter(shares.values()))
    rows = []
    for name, found in shares.items():
        off = max(abs(a - b) for a, b in zip(found, first, strict=True))
        ends = (f"{100 * share:.2f}" for share in (min(found), max(found)))
        rows.append([name, *ends, "" if found is first else f"{100 * off:.2f}"])
    heads = ["right, %", "worst seed", "best seed", "largest gap to fp32, same seed"]
    return Table(heads, rows)


def peak(batch, autocast, device, *, parts=1, width=256, n_layers=12):
    """Peak of memory above the weights, in bytes, in a training step of `n_layers` linear layers, on a batch in `parts`."""
    net = models.make_mlp(n_in=width, n_out=width, n_layers=n_layers).to(device)
    x = torch.ones(batch // parts, width, device=device)

    def step():
        for _ in range(parts):
            with torch.autocast(torch.device(device).type, enabled=autocast):
                loss = F.mse_loss(net(x), x)
            loss.backward()
        net.zero_grad()

    step()  # a library may take room in its first call that it never gives back
    return timing.peak_bytes(step, device=device)


def race(device):
    """How many times as fast as fp32 a large training step is in 16 bits here: (first quartile, median, third quartile)."""
    device = torch.device(device)
    size = sixteen_bits.sizes(device)["large"]
    candidates = {
        low: sixteen_bits.training_step(*size, low == "autocast", False, device) for low in ("fp32", "autocast")
    }
    times = timing.compare(candidates, rounds=7, rounds_if_long=3, device=device)
    low_end, high_end = times.ratio_quartiles("autocast")
    return low_end, times.ratio("autocast"), high_end


def side_by_side(found, device):
    """A table of what `race` found here, and of records of three kinds of chips."""

    def called(record):
        units = "with" if record["device"] == "cuda" or record["units"] else "without"
        return f"{record['chip']}, {record['type']}, {units} 16-bit units"

    here = sixteen_bits.described(device)  # of a GPU it does not say whether it has such units
    name = f"{here['chip']}, {here['type']}" if here["device"] == "cuda" else called(here)
    rows = [[f"this run: {name}", f"{found[1]:.2f}"]]
    records = {sixteen_bits.kind(record): record for record in sixteen_bits.records().values()}
    for kind in RECORDS:
        ratio = records[kind]["times_faster"]["large"]["autocast"][1]
        rows.append([f"record: {called(records[kind])}", f"{ratio:.2f}"])
    return Table(["a large training step", "times as fast as in fp32"], rows)

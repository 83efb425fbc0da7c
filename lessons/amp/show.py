"""The drawing, the tables and the measurements of the lesson amp."""

import torch
from torch.nn import functional as F

from course_utils import models
from course_utils.measure import timing
from course_utils.show import plots
from course_utils.show.tables import Table
from lessons.amp import sixteen_bits

LARGEST_FP16 = 65_504
COLUMNS = {  # what is timed -> its size and its variant in a record
    "large": ("large", "autocast"),
    "small": ("narrow, batch 16", "autocast"),
}
RECORDS = ("GPU", "with units", "AVX2, no units")  # kinds, see sixteen_bits.kind


class Watched(torch.amp.GradScaler):
    """A scaler that notes for each step the scale, and the largest gradient as it came out of the backward pass."""

    def step(self, optimizer):
        gradients = [weight.grad for group in optimizer.param_groups for weight in group["params"]]
        self.log = [*getattr(self, "log", []), (self.get_scale(), max(g.abs().max().item() for g in gradients))]
        return super().step(optimizer)


def staircase(train, device):
    """Train with a scaler that begins at 4,096 and doubles after three good steps; draw scale and largest gradient."""
    scaler = Watched(device, init_scale=4096.0, growth_interval=3)
    train(scaler, shrink=1)
    scales, largest = zip(*scaler.log, strict=True)
    steps = range(1, len(scales) + 1)
    skipped = [step for step, size in zip(steps, largest, strict=True) if not size < float("inf")]
    finite = [(step, size) for step, size in zip(steps, largest, strict=True) if size < float("inf")]
    fig, (above, below) = plots.figure(rows=2, size=(11, 4.8))
    above.step(steps, scales, where="mid", color=plots.COLOURS["blue"])
    above.set_yscale("log", base=2)
    above.set(ylabel="scale", xticklabels=[])
    top = max(18, int(max(scales)).bit_length() - 1)
    powers = range(12, top + 1, 2 if top < 20 else 6)
    above.set_yticks([2**power for power in powers], [f"{2**power:,}" for power in powers])
    below.plot(*zip(*finite, strict=True), "o", markersize=5, color=plots.COLOURS["green"])
    below.axhline(LARGEST_FP16, color="black", linestyle=":")
    below.plot(skipped, [2 * LARGEST_FP16] * len(skipped), "x", color=plots.COLOURS["orange"], markersize=12, mew=3.5)
    right_of_the_axes = below.get_yaxis_transform()
    below.text(1.01, LARGEST_FP16, "65,504,\nend of fp16", transform=right_of_the_axes, va="center", fontsize=16)
    if skipped:
        below.text(skipped[0] - 2, 2 * LARGEST_FP16, "skipped", ha="right", va="center", fontsize=16)
    below.set(yscale="log", xlabel="step", ylabel="largest gradient\n· scale")
    plots.show(
        fig,
        alt=f"Above the scale, below the largest scaled gradient, against the step, in float16. The scale begins "
        f"at {scales[0]:,.0f}, reaches {max(scales):,.0f} and ends at {scales[-1]:,.0f}; {len(skipped)} of {len(scales)} "
        f"steps are skipped{', each where a gradient would cross 65,504' if skipped else ''}.",
        caption="Crosses: a gradient came out beyond the dotted line, so it is infinite in fp16. The step is skipped, and the "
        "scale halves."
        if skipped
        else "No gradient came out infinite, so no step was skipped.",
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
    heads = ["right, %", "worst seed", "best seed", "largest gap to fp32"]
    return Table(heads, rows)


def peak(batch, autocast, device, *, width=256, n_layers=12):
    """Peak of memory above the weights, in bytes, in a forward and a backward pass of `n_layers` linear layers."""
    net = models.make_mlp(n_in=width, n_out=width, n_layers=n_layers).to(device)
    x = torch.ones(batch, width, device=device)

    def step():
        with torch.autocast(torch.device(device).type, enabled=autocast):
            loss = F.mse_loss(net(x), x)
        loss.backward()
        net.zero_grad()

    step()  # a library may take room in its first call that it never gives back
    return timing.peak_bytes(step, device=device)


def race(device):
    """How many times as fast as fp32 this machine is in 16 bits: what -> (first quartile, median, third quartile)."""
    device = torch.device(device)
    sizes, make = sixteen_bits.sizes(device), sixteen_bits.training_step
    large, small = sizes["large"], sizes["narrow, batch 16"]
    of_large = {"fp32": make(*large, False, False, device), "large": make(*large, True, False, device)}
    of_small = {"fp32": make(*small, False, False, device), "small": make(*small, True, False, device)}
    found = {}
    for candidates, rounds in ((of_large, 7), (of_small, 31)):  # the small ones are quick, and easily disturbed
        times = timing.compare(candidates, rounds=rounds, rounds_if_long=3, device=device)
        for name in list(candidates)[1:]:
            low_end, high_end = times.ratio_quartiles(name)
            found[name] = low_end, times.ratio(name), high_end
    return found


def side_by_side(found, device):
    """A table of what `race` found here, and of records of three kinds of chips."""

    def called(record):
        units = "with" if record["device"] == "cuda" or record["units"] else "without"
        return f"{record['chip']}, {record['type']}, {units} 16-bit units"

    here = sixteen_bits.described(device)  # of a GPU it does not say whether it has such units
    name = f"{here['chip']}, {here['type']}" if here["device"] == "cuda" else called(here)
    rows = [[f"this run: {name}", *(f"{found[what][1]:.2f}" for what in COLUMNS)]]
    records = {sixteen_bits.kind(record): record for record in sixteen_bits.records().values()}
    for kind in RECORDS:
        told = records[kind]["times_faster"]
        numbers = [f"{told[size][variant][1]:.2f}" for size, variant in COLUMNS.values()]
        rows.append([f"record: {called(records[kind])}", *numbers])
    return Table(["times as fast as fp32", *COLUMNS], rows)

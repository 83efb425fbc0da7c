"""The drawing and the table of the lesson amp."""

import torch

from course_utils.measure import timing
from course_utils.show import plots
from course_utils.show.tables import Table
from lessons.amp import sixteen_bits

LARGEST_FP16 = 65_504
COLUMNS = {"large": "with scaler", "narrow, batch 16": "autocast"}
RECORDS = ("GPU", "with units", "AVX-512, no units")  # kinds, see sixteen_bits.kind


class Watched(torch.amp.GradScaler):
    """A scaler that notes for each step the scale, and the largest gradient as it came out of the backward pass."""

    def step(self, optimizer):
        gradients = [weight.grad for group in optimizer.param_groups for weight in group["params"]]
        self.log = [*getattr(self, "log", []), (self.get_scale(), max(g.abs().max().item() for g in gradients))]
        return super().step(optimizer)


def staircase(train, device):
    """Train with a scaler that begins at 1,024 and doubles after five good steps; draw scale and largest gradient."""
    scaler = Watched(device, init_scale=1024.0, growth_interval=5)
    train(scaler)
    scales, largest = zip(*scaler.log, strict=True)
    steps = range(1, len(scales) + 1)
    skipped = [step for step, size in zip(steps, largest, strict=True) if not size < float("inf")]
    finite = [(step, size) for step, size in zip(steps, largest, strict=True) if size < float("inf")]
    fig, (above, below) = plots.figure(rows=2, size=(11, 4.8))
    above.step(steps, scales, where="mid", color=plots.COLOURS["blue"])
    above.set_yscale("log", base=2)
    above.set(ylabel="scale", xticklabels=[])
    top = max(18, int(max(scales)).bit_length() - 1)
    powers = range(10, top + 1, 2 if top < 20 else 6)
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


def race(device):
    """How many times as fast as fp32 this machine is in 16 bits: what -> (first quartile, median, third quartile)."""
    device = torch.device(device)
    sizes, make = sixteen_bits.sizes(device), sixteen_bits.training_step
    pairs = {}
    for what, variant in COLUMNS.items():
        scaling = variant == "with scaler"
        pairs[what] = [make(*sizes[what], False, False, device), make(*sizes[what], True, scaling, device)]
    found = {}
    for what, (fp32, short) in pairs.items():
        times = timing.compare({"fp32": fp32, "16": short}, rounds=7, rounds_if_long=3, device=device)
        low_end, high_end = times.ratio_quartiles("16")
        found[what] = low_end, times.ratio("16"), high_end
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
        numbers = [f"{told[what][variant][1]:.2f}" for what, variant in COLUMNS.items()]
        rows.append([f"record: {called(records[kind])}", *numbers])
    return Table(
        ["times as fast as fp32", "large step", "small step"],
        rows,
    )

"""The drawings and tables of the lesson weight_only, and its race of a packed layer."""

import torch
from torch import nn
from torch.nn import functional as F

from course_utils.measure import timing
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

KERNEL = "4 bits, in the kernel"
FIRST = "4 bits, unpacked first"


def mean_step(net, bits, group):
    """The mean over all groups of the blocks."""
    parts = [m.weight.reshape(-1, group) for m in net.blocks.modules() if isinstance(m, nn.Linear)]
    return torch.cat([part.amax(1) - part.amin(1) for part in parts]).mean().item() / (2**bits - 1)


def against_bits(perplexity, in_float, net):
    """The perplexity over the bits of a weight, a line for each size of the groups; A and B take equally many.

    Args:
        perplexity: (bits, group) -> perplexity.
        in_float: that of the model in float.
        net: the model in float.
    """
    fig, ax = plots.figure(size=(8.4, 4.6))
    spent = {(bits, group): bits + 32 / group for bits, group in perplexity}
    for group, marker, colour in ((128, "o", "orange"), (32, "s", "blue"), (16, "^", "green")):
        line = [case for case in perplexity if case[1] == group]
        ax.plot(
            [spent[case] for case in line],
            [perplexity[case] for case in line],
            marker + "-",
            color=plots.COLOURS[colour],
            label=f"groups of {group}",
            markersize=10,
        )
    for name, case, by in (("A", (3, 32), (12, 18)), ("B", (2, 16), (12, 18))):
        at = spent[case], perplexity[case]
        ax.annotate(name, at, xytext=by, textcoords="offset points", ha="center", va="center", fontweight="bold")
    ax.axhline(in_float, color=plots.COLOURS["grey"], linestyle="--")
    top, low = max(perplexity.values()), min(in_float, *perplexity.values())
    ax.set(xlabel="bits a weight, step and minimum counted", ylabel="perplexity")
    ax.set_ylim(low - 0.1 * (top - low), top + 0.1 * (top - low))
    ax.legend()
    told = [f"{bits} bits, groups of {g}: {spent[bits, g]:.2f} and {p:.2f}" for (bits, g), p in perplexity.items()]
    plots.show(
        fig,
        alt=f"Perplexity over bits a weight, a line for each size of groups, from 4 bits down to 2. {'; '.join(told)}. "
        f"Float: {in_float:.2f}.",
        caption=f"Each line: 2, 3 and 4 bits. Dashed: float, {in_float:.2f}. Mean step: A {mean_step(net, 3, 32):.3f}, "
        f"B {mean_step(net, 2, 16):.3f}.",
    )


def twenty_bytes(group):
    """The 20 bytes of a group in Q4_1: the bytes, the codes in them, and the weights on their levels.

    Args:
        group: uint8 (20,).
    """
    step, minimum = group[:4].view(torch.float16).tolist()
    low, high = (group[4:] & 15).tolist(), (group[4:] >> 4).tolist()
    canvas, left, wide = diagrams.Canvas(height=490), 18, 58
    for n, value in enumerate(group.tolist()):
        fill = "fp32" if n < 2 else "fp16" if n < 4 else "activations"
        canvas.box(left + wide * n, 14, f"{value}", width=wide - 4, height=46, fill=fill)
    canvas.text(left + wide - 2, 84, f"{step:.4f}", colour="#a85a00")
    canvas.text(left + 3 * wide - 2, 84, f"{minimum:.3f}")
    canvas.text(left + wide - 2, 122, "step", colour="#a85a00")
    canvas.text(left + 3 * wide - 2, 122, "minimum")
    for n, (first, other) in enumerate(zip(low, high, strict=True)):
        x = left + wide * (4 + n) + wide / 2 - 2
        canvas.text(x, 84, f"{first}", colour="int8")
        canvas.text(x, 122, f"{other}", colour="#8a2f6b")
    canvas.text(left + 4 * wide, 164, "low halves: weights 1 to 16", colour="int8", align="left")
    canvas.text(1180, 164, "high halves: weights 17 to 32", colour="#8a2f6b", align="right")
    top, bottom, across = 205, 470, 150

    def height(code):
        return bottom - (bottom - top) * code / 15

    for code in range(16):
        canvas.axes.plot([across, 1180], [height(code)] * 2, color=plots.COLOURS["grey"], linewidth=1, alpha=0.6)
    for code in (0, 15):
        canvas.text(across - 14, height(code), f"{minimum + step * code:.2f}", align="right")
    for n, code in enumerate(low + high):
        colour = diagrams.MEANING["int8"] if n < 16 else "#8a2f6b"
        x = across + 20 + (1180 - across - 40) * n / 31
        canvas.axes.plot(x, height(code), "o" if n < 16 else "s", color=colour, markersize=9)
    plots.show(
        canvas.figure(),
        alt=f"Twenty boxes with the bytes {group.tolist()}. Under the first four: step {step:.4f}, minimum {minimum:.3f}. "
        f"Under each of the others two codes, its low and its high half: {low} and {high}. Below, the 32 weights from left "
        "to right as points, each on one of 16 evenly spaced lines.",
        caption="One group of the file. Weight = code · step + minimum, so each of the 32 weights lies on one of 16 lines.",
    )


WEIGHTS_OF = {"Q4_1": (20, 32), "Q8_0": (34, 32), "F32": (4, 1)}  # so many bytes hold so many weights


def all_bytes(tensors, size):
    """A table of the weights and bytes of each form in the file.

    Args:
        tensors: what `read_gguf` gives.
        size: bytes of the file.
    """
    names, rows, counted, weights = {"Q4_1": "blocks", "Q8_0": "table of tokens", "F32": "norms"}, [], 0, 0
    for kind, name in names.items():
        n_bytes = sum(data.size for form, data in tensors.values() if form == kind)
        n_weights = n_bytes // WEIGHTS_OF[kind][0] * WEIGHTS_OF[kind][1]
        rows.append([name, kind, f"{n_weights:,}", f"{n_bytes:,}", f"{8 * n_bytes / n_weights:.1f}"])
        counted, weights = counted + n_bytes, weights + n_weights
    rows.append(["tokenizer and names", "", "", f"{size - counted:,}", ""])
    rows.append(["the file", "", f"{weights:,}", f"{size:,}", f"{8 * size / weights:.1f}"])
    return Table(["", "form", "weights", "bytes", "bits a weight"], rows)


def race(n=4096, group=32):
    """Time a layer in float32 and in 4 bits, unpacked in PyTorch's kernel and before it: inputs -> comparison."""
    weight = torch.randn(n, n)
    codes = torch.randint(0, 16, (n, n), dtype=torch.uint8)
    packed = codes[:, 0::2] | codes[:, 1::2] << 4
    step, minimum = torch.rand(2, n, n // group, 1).bfloat16()
    for_kernel = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes.int(), 1)
    scale_and_zero = torch.rand(n // group, n, 2).bfloat16()
    kernel = torch.ops.aten._weight_int4pack_mm_for_cpu

    def unpacked_first(x):
        taken_apart = torch.stack([packed & 15, packed >> 4], -1).view(n, -1, group)
        return F.linear(x, (taken_apart.bfloat16() * step + minimum).view(n, n))

    races = {}
    for inputs in (1, 64):
        x = torch.randn(inputs, n)
        short = x.bfloat16()
        jobs = {
            "float32": lambda x=x: F.linear(x, weight),
            KERNEL: lambda x=short: kernel(x, for_kernel, group, scale_and_zero),
            FIRST: lambda x=short: unpacked_first(x),
        }
        races[inputs] = timing.compare(jobs, rounds=3, device="cpu")
    return races


def race_table(races, n=4096):
    """A table of the layer's ways: bytes of its weights, and times as fast as float32 for each number of inputs."""
    n_bytes = {"float32": 4 * n**2, KERNEL: 5 * n**2 / 8, FIRST: 5 * n**2 / 8}
    return Table(
        ["weights", "MB stored", *(f"{n} input{'s' * (n > 1)}" for n in races)],
        [
            [name, f"{size / 1e6:.0f}", *(f"{race.ratio(name):.2f}" for race in races.values())]
            for name, size in n_bytes.items()
        ],
        caption="Times as fast as float32, one thread.",
    )

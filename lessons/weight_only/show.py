"""The drawings and tables of the lesson weight_only, what its models answer, and its race of a packed layer."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import diagrams, language, plots, timing
from course_utils.tables import Table

SHORT = "16 bits"
KERNEL = "4 bits, unpacked in the kernel"
FIRST = "4 bits, unpacked first"


def bits_and_groups(rounded, pieces=8, length=512):
    """How far rounding moves the small Transformer, on Python code that it never saw.

    Args:
        rounded: (weight, bits, group) -> the rounded weight.
        pieces: of the text.
        length: characters of a piece.
    Returns:
        {(bits, group): (the mean KL divergence with its error, the mean step)}.
    """
    net = language.trained()
    text = language.encode(language.source(language.HELD_OUT)[0])[: pieces * (length + 1)].view(pieces, length + 1)
    in_float, found = net(text[:, :-1]), {}
    for bits in (4, 3, 2):
        for group in (128, 32, 16):
            small = copy.deepcopy(net)
            layers = [m for m in small.blocks.modules() if isinstance(m, nn.Linear)]
            parts = [layer.weight.reshape(-1, group) for layer in layers]
            step = torch.cat([part.amax(1) - part.amin(1) for part in parts]).mean().item() / (2**bits - 1)
            for layer in layers:
                layer.weight.copy_(rounded(layer.weight, bits, group))
            found[bits, group] = language.change(in_float, small(text[:, :-1]), text[:, 1:]).kl, step
    return found


def against_bits(found):
    """The KL divergence over the bits per weight, a line for each size of the groups; A and B take equally many.

    Args:
        found: what `bits_and_groups` gives.
    """
    fig, ax = plots.figure(size=(8.8, 4.8))
    spent = {(bits, group): bits + 32 / group for bits, group in found}
    for group, marker, colour in ((128, "o", "orange"), (32, "s", "blue"), (16, "^", "green")):
        line = [case for case in found if case[1] == group]
        ax.plot(
            [spent[case] for case in line],
            [found[case][0].value for case in line],
            marker + "-",
            color=plots.COLOURS[colour],
            label=f"groups of {group}",
            markersize=10,
        )
    for name, case, by in (("A", (3, 32), (-16, -10)), ("B", (2, 16), (16, 12))):
        at = spent[case], found[case][0].value
        ax.annotate(name, at, xytext=by, textcoords="offset points", ha="center", va="center", fontweight="bold")
    ax.set_yscale("log")
    ax.set(xlabel="bits per weight, step and minimum counted", ylabel="KL divergence (log axis)")
    ax.legend()
    told = [f"{b} bits, groups of {g}: {spent[b, g]:.2f} and {kl.value:.4f}" for (b, g), (kl, _) in found.items()]
    plots.show(
        fig,
        alt="KL divergence from float, on a logarithmic axis, over bits per weight, a line for each size of groups, from 4 "
        f"bits down to 2. {'; '.join(told)}.",
        caption=f"On each line, from left to right: 2, 3 and 4 bits. Mean step: A {found[3, 32][1]:.3f}, "
        f"B {found[2, 16][1]:.3f}. With 4 bits: {found[4, 128][1]:.3f} in groups of 128, {found[4, 16][1]:.3f} in groups of 16. "
        "(Step and minimum are floats of 32 bits here. Those of 16 would move a level by about a hundredth of a step.)",
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
    canvas.text(left + 4 * wide, 164, "● low halves: weights 1 to 16", colour="int8", align="left")
    canvas.text(1180, 164, "■ high halves: weights 17 to 32", colour="#8a2f6b", align="right")
    top, bottom, across = 205, 470, left + 4 * wide - 8

    def height(code):
        return bottom - (bottom - top) * code / 15

    for code in range(16):
        canvas.axes.plot([across, 1180], [height(code)] * 2, color=plots.COLOURS["grey"], linewidth=1, alpha=0.6)
    canvas.text(across - 14, height(15), f"code 15: {minimum + step * 15:.2f}", align="right")
    canvas.text(across - 14, height(0), f"code 0: {minimum:.2f}", align="right")
    for n, pair in enumerate(zip(low, high, strict=True)):
        x = left + wide * (4 + n) + wide / 2 - 2
        canvas.axes.plot(x - 9, height(pair[0]), "o", color=diagrams.MEANING["int8"], markersize=9)
        canvas.axes.plot(x + 9, height(pair[1]), "s", color="#8a2f6b", markersize=9)
    plots.show(
        canvas.figure(),
        alt=f"Twenty boxes with the bytes {group.tolist()}. Under the first four: step {step:.4f}, minimum {minimum:.3f}. "
        f"Under each of the others two codes, its low and its high half: {low} and {high}. Below each byte, its "
        "two weights as points, each on one of 16 evenly spaced lines.",
        caption="One group of the file. Weight = code · step + minimum, so each of the two weights of a byte lies on one of 16 lines.",
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
    return Table(["", "form", "weights", "bytes", "bits per weight"], rows)


def race(n=4096, group=32):
    """Time a layer in 16 bits and in 4, unpacked in PyTorch's kernel and before it: inputs -> comparison.

    All inputs are bfloat16. What is unpacked first goes into memory that is there already.
    """
    in_16_bits = torch.randn(n, n).bfloat16()
    codes = torch.randint(0, 16, (n, n), dtype=torch.uint8)
    halves = codes.view(n, n // group, 2, group // 2)
    packed = halves[:, :, 0] | halves[:, :, 1] << 4
    step, minimum = torch.rand(2, n, n // group, 1).bfloat16()
    for_kernel = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes.int(), 1)
    scale_and_zero = torch.rand(n // group, n, 2).bfloat16()
    kernel = torch.ops.aten._weight_int4pack_mm_for_cpu
    apart, floats = torch.empty_like(halves), torch.empty(n, n // group, group, dtype=torch.bfloat16)

    def unpacked_first(x):
        torch.bitwise_and(packed, 15, out=apart[:, :, 0])
        torch.bitwise_right_shift(packed, 4, out=apart[:, :, 1])
        floats.copy_(apart.view_as(floats)).mul_(step).add_(minimum)
        return F.linear(x, floats.view(n, n))

    races = {}
    for inputs in (1, 64):
        x = torch.randn(inputs, n).bfloat16()
        jobs = {
            SHORT: lambda x=x: F.linear(x, in_16_bits),
            KERNEL: lambda x=x: kernel(x, for_kernel, group, scale_and_zero),
            FIRST: lambda x=x: unpacked_first(x),
        }
        races[inputs] = timing.compare(jobs, rounds=7, device="cpu")
    return races


def race_table(races, n=4096):
    """A table of the layer's ways: bytes of its weights, and times as fast as 16 bits for each number of inputs."""
    n_bytes = {SHORT: 2 * n**2, KERNEL: 5 * n**2 / 8, FIRST: 5 * n**2 / 8}
    return Table(
        ["weights", "MB stored", *(f"{n} input{'s' * (n > 1)}" for n in races)],
        [
            [name, f"{size / 1e6:.0f}", *(f"{race.ratio(name):.2f}" for race in races.values())]
            for name, size in n_bytes.items()
        ],
        caption="How many times as fast as 16 bits, with one thread: 2 takes half of the time, 0.5 twice the time.",
    )

"""Measurements and drawings of the lesson bit_budget, which stand beside what the lesson explains."""

import random
import tempfile
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from course_utils import training
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range

TECHNIQUES = {
    "float": "fp32, the checkpoint",
    "all 3": "weights alone, 3 bits",
    "greedy": "weights alone, 3 bits on average, by layer",
}


def spelled(choice):
    """The bits of the layers, first to last, as one word."""
    return "".join(str(bits) for bits in choice.values())


def alive(work, what):
    """A loop that shows how far it is."""
    return tqdm([*work], desc=what, leave=False)


def layer_sizes(sizes):
    """A bar for each layer, by its number of weights."""
    canvas = diagrams.Canvas(width=700, height=290)
    diagrams.bars(canvas, sizes, x=110, y=8, width=430, height=26, gap=14, meaning="int8", text="{:,.0f}")
    plots.show(
        canvas.figure(),
        alt="A bar for each layer, by its number of weights: "
        + ", ".join(f"{k} {n:,}" for k, n in sizes.items())
        + ".",
        caption=f"The first layer has {sizes['first'] / sum(sizes.values()):.1%} of {sum(sizes.values()):,} weights.",
    )


def accuracies(cases, right, heading="weights", bits_a_weight=None):
    """A table of choices: how much each gets right, and how many bits it takes.

    Args:
        cases: name -> choice, {} for the float network.
        right: choice -> percent.
        heading: of the first column.
        bits_a_weight: choice -> bits; None leaves that column out.
    """
    sizes = [[f"{bits_a_weight(c):.2f}" if c else "32"] if bits_a_weight else [] for c in cases.values()]
    return Table(
        [heading, *(["bits a weight, all counted"] if bits_a_weight else []), "right, %"],
        [[name, *size, f"{right(c):.1f}"] for size, (name, c) in zip(sizes, cases.items(), strict=True)],
        caption="2,000 test images: do not read differences below two points. Counted: codes, scales, zero points."
        if bits_a_weight
        else "",
    )


def sensitivities(cost, names, widths):
    """Draws the divergence of each layer, alone, at each number of bits."""
    fig, ax = plots.figure(size=(12, 3.6))
    kinds = [("o", "orange"), ("s", "yellow"), ("D", "sky"), ("^", "blue"), ("v", "black")]
    for bits, (mark, colour) in zip(widths, kinds, strict=True):
        drawn = [max(cost[name, bits], 1e-6) for name in names]
        ax.plot(list(names), drawn, mark, color=plots.COLOURS[colour], label=f"{bits} bits", markersize=12)
    ax.set(yscale="log", ylabel="divergence, nats", xlim=(-0.5, 8.2))
    ax.legend(loc="right")
    plots.show(
        fig,
        alt="Divergence for each of seven layers, alone at 2 to 6 bits, on a logarithmic axis. At 2 bits: "
        + ", ".join(f"{name} {cost[name, 2]:.3f}" for name in names)
        + f". The first layer at 3 bits: {cost['first', 3]:.2f}, at 5 bits: {cost['first', 5]:.4f}.",
        caption=f"One layer rounded, six float. At 2 bits: 2b {cost['2b', 2]:.3f}, last {cost['last', 2]:.3f}.",
    )


def with_and_without_labels(target, said, labels, each_image):
    """How both sensitivities change from lot to lot of the same images.

    Args:
        target: (n, 10), log-probabilities of the float network.
        said: {(layer, bits): (n, 10)}, those with one layer rounded.
        labels: (n,).
        each_image: {(layer, bits): (n,)}, the divergences.
    Returns:
        how many of the changes are below 0 in each of four lots, for both; and a table.
    """
    labels, quarter = labels[:, None], -(-len(labels) // 4)
    losses = {key: (target - logs).gather(1, labels).flatten() for key, logs in said.items()}
    lots = {
        name: [
            {key: values[at : at + quarter].mean().item() for key, values in found.items()}
            for at in range(0, 4 * quarter, quarter)
        ]
        for name, found in (("loss with labels", losses), ("divergence", each_image))
    }
    below = {name: [sum(value < 0 for value in lot.values()) for lot in four] for name, four in lots.items()}
    shown = [("first", 3), ("2b", 2), ("short", 3), ("last", 3)]
    table = Table(
        ["change of", f"below 0, of {len(said)}", *(f"{name}, {bits} bits" for name, bits in shown)],
        [
            [
                name,
                mean_and_range(below[name], "{:.0f}"),
                *(mean_and_range([x[k] for x in four], "{:.3f}") for k in shown),
            ]
            for name, four in lots.items()
        ],
        caption="Mean (least to most) of four lots of 250 training images, in nats.",
    )
    return below, table


def bargains(cost, price, bargain):
    """A table of what one more bit costs and saves, best bargain on top."""
    return Table(
        ["layer", "a bit costs", "saves, 2 → 3", "per 1,000 bits"],
        [
            [name, f"{price[name]:,} bits", f"{cost[name, 2] - cost[name, 3]:.4f}", f"{1000 * bargain[name]:.5f}"]
            for name in sorted(bargain, key=bargain.get, reverse=True)
        ],
        caption="Divergence saved, in nats; best bargain on top.",
    )


def steps_of_greedy(steps, cost, bits_a_weight):
    """Draws who got a bit at which step, and how the sum of the divergences falls."""
    believed = [sum(cost[pair] for pair in step.items()) for step in steps]
    fig, (left, curve) = plots.figure(columns=2, size=(12, 3.8))
    left.bar(list(steps[0]), 2, color=plots.COLOURS["grey"])
    order = []
    for number, (before, after) in enumerate(zip(steps, steps[1:], strict=False), start=1):
        name = next(one for one in after if after[one] > before[one])
        order.append(name)
        left.bar(name, 1, bottom=before[name], color=plots.COLOURS["sky"], edgecolor="white")
        left.text(name, before[name] + 0.5, number, ha="center", va="center", fontsize=16)
    left.axhline(3, color=plots.COLOURS["black"], linestyle="--")
    left.set(ylim=(0, 6.3), ylabel="bits")
    curve.plot([*map(bits_a_weight, steps)], believed, "o-", color=plots.COLOURS["orange"])
    curve.set(yscale="log", xlabel="bits a weight, all counted", ylabel="sum, nats")
    plots.show(
        fig,
        alt=f"Left, the bits of the seven layers in the end, {spelled(steps[-1])}; above two bits each a block is numbered "
        f"by its step: {', '.join(order)}. Right, the sum of the divergences falls from {believed[0]:.2f} to "
        f"{believed[-1]:.3f}.",
        caption=f"Left: who got a bit at which of the {len(order)} steps; dashed: 3 bits. Right: the sum of the divergences.",
    )


def fronts(lines, right, bits_a_weight):
    """Draws accuracy over bits a weight, one line a way to choose."""
    fig, ax = plots.figure(size=(12, 3.6))
    for (name, choices), style in zip(lines.items(), ("s-", "^--", "o-"), strict=True):
        ax.plot([*map(bits_a_weight, choices)], [*map(right, choices)], style, label=name)
    ax.axhline(right({}), color=plots.COLOURS["grey"], linestyle=":", label="float")
    ax.set(xlabel="bits a weight, all counted", ylabel="right, %", xlim=(2, 4.3))
    ax.legend(loc="lower right")
    told = [
        f"{n}: " + ", ".join(f"{bits_a_weight(c):.2f} bits {right(c):.1f} %" for c in cs) for n, cs in lines.items()
    ]
    plots.show(
        fig,
        alt="Accuracy over bits a weight, three lines. " + "; ".join(told) + ".",
        caption="First 2,000 test images. None of them took part in a choice.",
    )


def same_bytes(pairs, right, bits_a_weight):
    """A table of the rule and of the greedy choice in no more bytes.

    Args:
        pairs: list of (the rule's choice, the greedy choice).
    """
    return Table(
        ["rule", "bits a weight", "right, %", "greedy", "bits a weight", "right, %"],
        [[cell for c in pair for cell in (spelled(c), f"{bits_a_weight(c):.2f}", f"{right(c):.1f}")] for pair in pairs],
        caption="Bits of the layers from first to last. Each greedy choice has the rule's file as its budget.",
    )


def remedied(cases, right, norms_anew):
    """A table of choices without and with new statistics of the batch norms."""
    return Table(
        ["weights", "right, %", "norms measured anew"],
        [[name, f"{right(c):.1f}", f"{right(c, after=norms_anew):.1f}"] for name, c in cases.items()],
        caption="2,000 test images. New statistics from 1,000 training images, without labels.",
    )


def shift_table(shifts):
    """A table of what the error of the first layer's outputs consists of.

    Args:
        shifts: {bits: (constant part, rest)}, in parts of the outputs' spread.
    """
    return Table(
        ["bits of the first layer", "constant part", "the rest"],
        [[bits, f"{constant:.3f}", f"{rest:.3f}"] for bits, (constant, rest) in shifts.items()],
        caption="Root mean square over the channels, in parts of the outputs' own spread.",
    )


def believed_and_measured(sums, joint, choices, bits_a_weight):
    """Draws the sum of the divergences and the divergence together, for the greedy choices."""
    fig, ax = plots.figure(size=(7, 4.6))
    spots = [*map(bits_a_weight, choices.values())]
    ax.plot(spots, list(sums.values()), "s--", color=plots.COLOURS["orange"], label="the sum")
    ax.plot(spots, list(joint.values()), "o-", color=plots.COLOURS["blue"], label="together")
    ax.set(yscale="log", xlabel="bits a weight, all counted", ylabel="divergence, nats")
    ax.legend(loc="upper right")
    plots.show(
        fig,
        alt="Divergence of the five greedy choices, the sum and measured together, on a logarithmic axis. "
        + "; ".join(f"{at:.2f} bits: {sums[b]:.3f} and {joint[b]:.3f}" for at, b in zip(spots, choices, strict=True))
        + ".",
        caption=f"Together over sum, left to right: {', '.join(f'{joint[b] / sums[b]:.1f}' for b in choices)}.",
    )


def more_bits(choices, cost, together, right, norms_anew):
    """A table of networks that differ in the bits of the last layer alone."""
    return Table(
        ["first to last", "sum", "together", "right, %", "norms anew"],
        [
            [
                spelled(c),
                f"{sum(map(cost.get, c.items())):.3f}",
                f"{together(c):.3f}",
                f"{right(c):.1f}",
                f"{right(c, after=norms_anew):.1f}",
            ]
            for c in choices.values()
        ],
        caption="Divergence, the sum and measured together, in nats.",
    )


def pairs_at_two_bits(names, together, alone):
    """What two layers at 2 bits do together, less what each does alone.

    Args:
        names: of the layers.
        together: {layer: bits} -> divergence.
        alone: {layer: divergence at 2 bits}, on the same images.
    Returns:
        {(one, other): nats}, and a table.
    """
    names = list(names)
    extra = {
        (one, other): together({one: 2, other: 2}) - alone[one] - alone[other]
        for place, one in alive(enumerate(names), "pairs")
        for other in names[:place]
    }
    clear = {sign: sum(sign * value > 0.005 for value in extra.values()) for sign in (-1, 1)}
    table = Table(
        ["", *names[:-1]],
        [
            [one, *(f"{extra[one, other]:.2f}" if (one, other) in extra else "" for other in names[:-1])]
            for one in names
        ][1:],
        caption="Two layers at 2 bits: divergence together, less both alone, in nats; 250 images. Of "
        f"{len(extra)} pairs {clear[1]} lie above 0.005 and {clear[-1]} below −0.005.",
    )
    return extra, table


def asked_table(rows, bits_a_weight, right, norms_anew):
    """A table of ways to choose at one budget.

    Args:
        rows: {name: (choice, measurements)}.
    """
    return Table(
        ["chosen by", "bits", "bits a weight", "measurements", "right, %", "norms anew"],
        [
            [name, spelled(c), f"{bits_a_weight(c):.2f}", count, f"{right(c):.1f}", f"{right(c, after=norms_anew):.1f}"]
            for name, (c, count) in rows.items()
        ],
    )


def best_of_all_sums(cost, budget, weights, widths):
    """The choice with the least sum of divergences of all that fit.

    Args:
        cost: {(layer, bits): divergence}.
        budget: bits a weight, all counted.
        weights: {layer: tensor}.
        widths: the bits that a layer may have, without a gap.
    """
    every = torch.cartesian_prod(*[torch.tensor(widths)] * len(weights))
    paid, hoped = torch.zeros(2, len(every))
    for column, (name, w) in zip(every.T, weights.items(), strict=True):
        paid += column * (w.numel() + len(w)) + 16 * len(w)
        hoped += torch.tensor([cost[name, b] for b in widths])[column - widths[0]]
    hoped[paid > round(budget * sum(w.numel() for w in weights.values()))] = float("inf")
    return dict(zip(weights, every[hoped.argmin()].tolist(), strict=True))


def a_hill(widths, half_cost, cost, said):
    """Draws the first layer's divergence over its bits in both networks.

    Args:
        said: the caption.
    """
    fig, ax = plots.figure(size=(7, 3.9))
    ax.plot(widths, [half_cost["first", b] for b in widths], "o-", label="half width")
    ax.plot(widths, [cost["first", b] for b in widths], "s--", label="full width")
    ax.set(yscale="log", xlabel="bits of the first layer", ylabel="divergence, nats", xticks=widths)
    ax.legend()
    plots.show(
        fig,
        alt="Divergence of the first layer alone over its bits, on a logarithmic axis. Half width: "
        + ", ".join(f"{b} bits {half_cost['first', b]:.4f}" for b in widths)
        + f". Full width: from {cost['first', 2]:.2f} at 2 bits down to {cost['first', 5]:.4f} at 5.",
        caption=said,
    )


def without_images(budgets, chosen, blind, rewritten, right, twin):
    """A table of the choices of the divergence, of the weight error, and of that for the twin."""
    return Table(
        ["right, % (bits)", *(f"{budget:.2f}" for budget in budgets)],
        [
            ["divergence", *(f"{right(chosen[b]):.1f} ({spelled(chosen[b])})" for b in budgets)],
            ["weight error", *(f"{right(blind[b]):.1f} ({spelled(blind[b])})" for b in budgets)],
            [
                "written ×8",
                *(
                    f"{right(rewritten[b], twin):.1f} ({spelled(rewritten[b])})" if b in rewritten else "–"
                    for b in budgets
                ),
            ],
        ],
        caption="Columns: the budget, in bits a weight.",
    )


def random_choices(count, names, fits):
    """So many choices at random that fit: first layer 5 or 6 bits, each other one 2 to 4."""
    chance, found = random.Random(0), []
    while len(found) < count:
        choice = {name: chance.choice((5, 6) if name == "first" else (2, 3, 4)) for name in names}
        if fits(choice) and choice not in found:
            found.append(choice)
    return found


def winners(hits):
    """What the best of several choices shows on the images that chose it, and on others.

    Args:
        hits: (choices, images), 1.0 where a choice is right.
    Returns:
        points by which the winner's figure falls, on average over four lots; and a table.
    """
    rows, fallen = [], []
    for number, lot in enumerate(torch.arange(hits.shape[1]).chunk(4), start=1):
        others = torch.ones(hits.shape[1], dtype=torch.bool)
        others[lot] = False
        scores = 100 * hits[:, lot].mean(1)
        best = scores.argmax()
        seen, unseen = scores[best].item(), 100 * hits[best][others].mean().item()
        expected = 100 * (hits[:, lot].mean() - hits[:, others].mean()).item()  # how much easier this lot is for all
        rows.append([f"lot {number}", f"{seen:.1f}", f"{unseen:.1f}", f"{seen - unseen - expected:+.1f}"])
        fallen.append(seen - unseen - expected)
    table = Table(
        ["winner chosen on", "on that lot, %", "on the other three, %", "too good by, points"],
        rows,
        caption=f"{len(hits)} choices. The last column allows for lots that are easier for all choices.",
    )
    return sum(fallen) / len(fallen), table


def written_and_read(choices, net, float_right, file_parts, read_file, wanted, images, labels):
    """Writes a file for each choice, reads it again, judges the network that was read.

    Args:
        choices: {name: choice}.
        net: the float network.
        float_right: its accuracy on these images, 0 to 1, as the catalogue of the checkpoints has it.
        file_parts: choice -> pairs (what, bytes).
        read_file: path -> network.
        wanted: choice -> the network that should be read.
        images, labels: of the test.
    Returns:
        {name: (bytes, share right)}; how many numbers differ in any bit; and a table.
    """
    files, differ = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.pt"
        torch.save(net.state_dict(), path)
        files["float"] = path.stat().st_size, float_right
        for name, choice in choices.items():
            parts, path = [*file_parts(choice)], Path(folder) / f"{name}.bits"
            path.write_bytes(b"".join(part for _, part in parts))
            again, state = read_file(path), wanted(choice).state_dict()
            for key, value in again.state_dict().items():
                if value.is_floating_point():
                    differ += int((value.view(torch.int32) != state[key].view(torch.int32)).sum())
            files[name] = path.stat().st_size, training.evaluate(again, images, labels)
    shares = {what: sum(len(part) for name, part in parts if name == what) for what, _ in parts}
    size = files["float"][0]
    table = Table(
        ["file, read again", "bytes", "× smaller", "right, %"],
        [[name, f"{n:,}", f"{size / n:.1f}", f"{100 * share:.2f}"] for name, (n, share) in files.items()],
        caption=f"{len(labels):,} test images. Numbers that differ in any bit: {differ}. Parts of the greedy file: "
        + ", ".join(f"{what} {n:,} B" for what, n in shares.items())
        + ".",
    )
    return files, differ, table


def pack(codes, bits):
    """Bytes: the bits of all codes, lowest first; zeros fill the last byte."""
    ones = (codes.flatten().to(torch.uint8)[:, None] >> torch.arange(bits) & 1).flatten()
    ones = nn.functional.pad(ones, (0, -len(ones) % 8)).view(-1, 8)
    return bytes((ones << torch.arange(8)).sum(1).tolist())


def unpack(packed, bits, count):
    """So many codes from what `pack` wrote, as float."""
    ones = (torch.frombuffer(bytearray(packed), dtype=torch.uint8)[:, None] >> torch.arange(8) & 1).flatten()
    return (ones[: count * bits].view(count, bits) << torch.arange(bits)).sum(1).float()


def rows_of_the_ledger(files):
    """Writes the three files into the course's ledger, and shows them.

    Args:
        files: {name: (bytes, share right)}.
    """
    same = {"lesson": "bit_budget", "task": "fashion_mnist", "model": "SmallResNet"}
    return ledger.table(
        [
            ledger.record(**same, technique=technique, accuracy=files[name][1], file_bytes=files[name][0])
            for name, technique in TECHNIQUES.items()
        ]
    )


def adds_up_here(target, said, measured, labels):
    """The experiment of Exercise 1 with the first and the last layer of the lesson's own network.

    Args:
        target: (n, 10), log-probabilities of the float network.
        said: {(layer, bits): (n, 10)}, those with one layer rounded.
        measured: choice -> (n, 10), for both layers together.
        labels: (n,), cut into four pieces.
    Returns:
        {bits: what both add over the sum}; and a table.
    """
    found, rows = {}, []
    for bits in (2, 4):
        arms = {"none": target, "first": said["first", bits], "last": said["last", bits]}
        arms["both"] = measured({"first": bits, "last": bits})
        each = {arm: -logs.gather(1, labels[:, None]).flatten() for arm, logs in arms.items()}
        pieces = {arm: [lot.mean().item() for lot in losses.chunk(4)] for arm, losses in each.items()}
        mean = {arm: sum(four) / len(four) for arm, four in pieces.items()}
        both, added = mean["both"] - mean["none"], mean["first"] + mean["last"] - 2 * mean["none"]
        found[bits] = both / added
        rows.append(
            [bits, *(f"{value:.3f}" for value in mean.values()), f"{both:.3f}", f"{added:.3f}", f"{found[bits]:.2f}"]
        )
    table = Table(
        ["bits", *(f"loss, {arm}" for arm in mean), "both add", "sum", "both over sum"],
        rows,
        caption="Means of four pieces of 250 training images, in nats.",
    )
    return found, table

"""Measurements and drawings of the lesson shipping, which stand beside what the lesson explains."""

import json
import re
import runpy
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torchvision
from matplotlib.ticker import LogLocator
from torch import nn

from course_utils import data, runtime
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si

FAR = float("inf")
NOT_THERE = float("nan")
KINDS = {"float": "orange", "fewer bits": "blue", "fewer weights": "black", "both": "green", "other": "purple"}
DONE = {
    "float": "neither fewer bits nor fewer weights",
    "both": "both fewer bits and fewer weights",
    "fewer bits": "fewer bits",
    "fewer weights": "fewer weights",
    "other": "something else",
}
AXES = {
    "file_bytes": ("kB of the file", 1000),
    "energy_nj": ("µJ an image, estimated", 1000),
    "speedup": ("times faster than eager fp32", 1),
}
COPIES, HIDDEN, STEPS = 30, 24, 150  # of `many_seeds`


def rows_with_accuracy():
    """The rows of the ledger of every lesson that have an accuracy; the learner's own where there are some."""
    return [row for row in ledger.rows() if row.accuracy is not None]


def kind(row):
    """What was done to the model, by the words of its technique."""
    if row.technique.startswith("fp32"):
        return "float"
    said = row.technique.replace("never cut", "")
    bits = re.search(r"int8|\d-bit|\d bits|float16|bf16|shared|coded", said)
    cut = re.search(r" left|% of |\bcut\b|pruned|deep compression|2:4", said)
    return "both" if bits and cut else "fewer bits" if bits else "fewer weights" if cut else "other"


# ---- fronts ------------------------------------------------------------------------------------------


def _dots(ax, points):
    """Points (x, y, kind of the row), a colour for each kind."""
    for name, colour in KINDS.items():
        chosen = [(x, y) for x, y, what in points if what == name]
        if chosen:
            ax.plot(*zip(*chosen, strict=True), "o", color=plots.COLOURS[colour], alpha=0.75, label=name)
    ax.set(xscale="log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")


def _stairs(ax, points, where="post"):
    if points:
        ax.step(*zip(*sorted(points), strict=True), where=where, color=plots.COLOURS["grey"], zorder=1)


def _plane(ax, rows, field, best=()):
    """Rows as points, accuracy over a field; the rows of `best`, a front, under a staircase."""
    words_below, scale = AXES[field]
    _dots(ax, [(getattr(r, field) / scale, 100 * r.accuracy, kind(r)) for r in rows if getattr(r, field)])
    _stairs(ax, [(getattr(r, field) / scale, 100 * r.accuracy) for r in best])
    ax.set(xlabel=words_below, ylabel="test images right, %")


def _legend(fig, ax, columns):
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=columns)


def front_figure(rows, best):
    """The cloud of rows, and the same with its front.

    Args:
        rows: rows with a file.
        best: those of them that are on the front.
    """
    drawn = []
    for chosen in ([], best):
        fig, ax = plots.figure(size=(6, 4.2))
        _plane(ax, rows, "file_bytes", chosen)
        _legend(fig, ax, 3)
        drawn.append(fig)
    corners = "; ".join(f"{r.model}, {r.technique}: {si(r.file_bytes, 'B')}, {r.accuracy:.1%}" for r in best)
    plots.show(
        drawn,
        alt=[
            f"{len(rows)} points, accuracy over bytes of the file on a logarithmic axis, coloured by what was done.",
            f"The same with a staircase through the points on the front. {corners}.",
        ],
        caption=f"On the front: {len(best)} of {len(rows)} rows of MNIST.",
    )


def front_table(best):
    """The rows of a front, smallest first."""
    return Table(
        ["row on the front", "file", "right, %", "what was done"],
        [
            [f"{r.model}, {r.technique}", si(r.file_bytes, "B"), f"{100 * r.accuracy:.2f}", kind(r)]
            for r in sorted(best, key=lambda r: r.file_bytes)
        ],
    )


def _words(row, pattern=""):
    return {word for word in row.technique.split(", ") if re.match(pattern, word)}


def twin(row, rows):
    """The float row of the same lesson, task and model, trained on as many images, that shares most words; or None."""
    same = [r for r in rows if (r.lesson, r.task, r.model) == (row.lesson, row.task, row.model) and r.file_bytes]
    images = _words(row, r"\d.* images")
    floats = [r for r in same if kind(r) == "float" and (not images or images == _words(r, r"\d.* images"))]
    found = max(floats, key=lambda r: (len(_words(r) & _words(row)), -len(_words(r))), default=None)
    return None if kind(row) == "float" else found


def twin_table(beaten, pairs):
    """Of each lesson the largest row that its own twin dominates, beside it.

    Args:
        beaten: pairs (row, twin) where the twin dominates.
        pairs: all pairs.
    """
    by_size = sorted(beaten, key=lambda pair: pair[0].file_bytes)
    shown = {row.lesson: (row, other) for row, other in by_size}  # of each lesson the largest
    pruned = sum(kind(row) == "fewer weights" for row, _ in beaten)
    return Table(
        ["dominated by its own twin", "file / twin's", "points lost"],
        [
            [
                f"{r.technique} ({r.model})",
                f"{r.file_bytes / t.file_bytes:.2f}",
                f"{100 * (t.accuracy - r.accuracy):.1f}",
            ]
            for r, t in shown.values()
        ],
        caption=f"Of each lesson the row with the largest file. In all {len(beaten)} of {len(pairs)} rows; pruned: {pruned}.",
    )


def gains_figure(pairs, gains, best, on_bytes):
    """Left rows of the two fronts with an arrow from the twin of each, right what each technique gained and lost.

    Args:
        pairs: (row, twin).
        gains: (times smaller, points lost) of each pair.
        best: numbers of the pairs on the front of the gains.
        on_bytes: the rows of the front of models.
    """
    fig, (left, right) = plots.figure(columns=2, size=(12, 3.9))
    arrows = [pair for n, pair in enumerate(pairs) if n in best or pair[0] in on_bytes]
    for row, other in arrows:
        start, end = ((r.file_bytes / 1000, 100 * r.accuracy) for r in (other, row))
        left.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": plots.COLOURS["grey"]})
    _plane(left, [row for pair in arrows for row in pair], "file_bytes")
    left.set(title="models, from their twins")
    _dots(right, [(*gain, kind(row)) for gain, (row, _) in zip(gains, pairs, strict=True)])
    _stairs(right, [gains[n] for n in best], where="pre")
    right.set(xlabel="times smaller than the twin", ylabel="points lost", title="techniques", ylim=(6, -1))
    _legend(fig, left, 5)
    told = "; ".join(f"{pairs[n][0].technique}: {gains[n][0]:.1f} times" for n in best)
    plots.show(
        fig,
        alt=f"Left, arrows from float models to rows of the two fronts. Right, times smaller against points lost. Front: {told}.",
        caption=f"{len(pairs)} rows have a twin. Right: losses above 6 points are not drawn.",
    )


def both_fronts_figure(rows, on_bytes, on_energy):
    """Two planes with their fronts; a ring around the rows that are on both."""
    both = [row for row in on_bytes if row in on_energy]
    fig, axes = plots.figure(columns=2, size=(12, 3.9))
    for ax, best, field in zip(axes, (on_bytes, on_energy), ("file_bytes", "energy_nj"), strict=True):
        _plane(ax, rows, field, best)
        for row in both:
            x = getattr(row, field) / AXES[field][1]
            ax.plot(x, 100 * row.accuracy, "o", ms=17, mfc="none", mec="black", mew=2)
        ax.set(ylim=(80, 93))
    axes[1].set(ylabel="")
    _legend(fig, axes[0], 5)
    plots.show(
        fig,
        alt=f"Two planes with fronts. Rings, on both: {'; '.join(f'{r.model}, {r.technique}' for r in both)}.",
        caption=f"{len(rows)} rows have both values. On the front for bytes {len(on_bytes)}, for energy {len(on_energy)}, "
        f"on both (rings) {len(both)}. Below 80 % nothing is drawn.",
    )


# ---- how sure ----------------------------------------------------------------------------------------


def redrawn_fronts(rows, draws=500, images=10_000):
    """How often each row is on the front when every accuracy is drawn anew with its binomial error.

    Args:
        rows: rows with a file and an accuracy.
    Returns:
        list of float, the share of the draws, one a row.
    """
    networks = sorted({(row.lesson, row.accuracy) for row in rows})  # two files of one network share their luck
    which = [networks.index((row.lesson, row.accuracy)) for row in rows]
    p = torch.tensor([accuracy for _, accuracy in networks], dtype=torch.float64)
    luck = torch.randn(draws, len(networks), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    redrawn = (p + luck * (p * (1 - p) / images).sqrt())[:, which]
    sizes = torch.tensor([row.file_bytes for row in rows])
    no_worse = (sizes[:, None] <= sizes) & (redrawn[:, :, None] >= redrawn[:, None, :])  # draw, row, dominated row
    better_in_one = (sizes[:, None] < sizes) | (redrawn[:, :, None] > redrawn[:, None, :])
    return (1 - (no_worse & better_in_one).any(1).double().mean(0)).tolist()


def draws_figure(rows, often, on_bytes):
    """Bars: the share of the draws in which a row is on the front, where it is 5 % or more."""
    likely = sorted((share, place) for place, share in enumerate(often) if share >= 0.05)[-12:]
    named = [f"{si(rows[n].file_bytes, 'B')}, {100 * rows[n].accuracy:.2f} %" for _, n in likely]
    fig, ax = plots.figure(size=(6.5, 4.1))
    colours = [plots.COLOURS["blue" if rows[n] in on_bytes else "grey"] for _, n in likely]
    ax.barh(range(len(likely)), [100 * share for share, _ in likely], color=colours)
    ax.set(xlabel="on the front, % of 500 draws", xlim=(0, 100))
    ax.set_yticks(range(len(likely)), named)
    plots.show(
        fig,
        alt=f"Bars, the share of the draws on the front: {'; '.join(f'{n}: {s:.0%}' for n, (s, _) in zip(named, likely, strict=True))}.",
        caption="On the front in 5 % of the draws or more. Blue: on the front of section 1.",
    )


def many_seeds():
    """One recipe, one seed after the other: small networks, trained side by side on 5,000 digits.

    Returns:
        bool (networks, test images): which network gets which of MNIST's 10,000 test images right.
    """
    images, labels = data.load("mnist", n=5000)
    images = images.flatten(1)
    draw = torch.Generator().manual_seed(0)

    def born(*shape, inputs):
        return ((2 * torch.rand(COPIES, *shape, generator=draw) - 1) / inputs**0.5).requires_grad_()

    n_in = images.shape[1]
    first, shift = born(n_in, HIDDEN, inputs=n_in), born(1, HIDDEN, inputs=n_in)
    last, shift_2 = born(HIDDEN, 10, inputs=HIDDEN), born(1, 10, inputs=HIDDEN)
    opt = torch.optim.Adam([first, shift, last, shift_2], 3e-3)

    def forward(x):
        return torch.baddbmm(shift_2, torch.relu(torch.baddbmm(shift, x, first)), last)

    for step in range(STEPS):
        some = torch.randint(len(images), (COPIES, 64), generator=draw)
        loss = nn.functional.cross_entropy(forward(images[some]).flatten(0, 1), labels[some].flatten()) * COPIES
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 49:
            print(f"{step + 1} of {STEPS} steps, {COPIES} networks at once")
    unseen, answers = data.load("mnist", "test")
    with torch.no_grad():
        parts = zip(unseen.flatten(1).split(1000), answers.split(1000), strict=True)
        return torch.cat([forward(x.expand(COPIES, -1, -1)).argmax(2) == y for x, y in parts], dim=1)


def winners_table(found):
    """What a winner has on the images that chose it, and on others.

    Args:
        found: number of images that choose -> (the winner there, the winner on others, the mean of all on others).
    """
    return Table(
        ["images that choose", "the winner there", "on as many others", "mean of all there", "lead", "of it luck"],
        [
            [
                f"{n:,}",
                f"{100 * there:.2f} %",
                f"{100 * others:.2f} %",
                f"{100 * every:.2f} %",
                f"{100 * (there - every):.2f}",
                f"{100 * (there - others):.2f}",
            ]
            for n, (there, others, every) in found.items()
        ],
        caption=f"{COPIES} seeds of one recipe, means over 300 splits. Lead and luck in points.",
    )


# ---- budgets -----------------------------------------------------------------------------------------


def processor(row):
    """The processor on which a row was measured: of the learner's own file if the row stands there."""
    for folder in (runtime.ledger_folder(), ledger.SHIPPED):
        try:
            content = json.loads((folder / f"{row.lesson}.json").read_text(encoding="utf-8"))
            if any(ledger.Row(**own) == row for own in content["rows"]):
                return content["provenance"].get("cpu", "unknown")
        except (OSError, ValueError, TypeError, KeyError):  # no such file, or one that cannot be read
            continue
    return "unknown"


def of_one_processor(rows):
    """The rows with a speed of one processor, this machine's where it has several of them, and where they come from.

    Returns:
        (rows, sentence for a caption).
    """
    timed = [(processor(row), row) for row in rows if row.speedup]
    here, counts = runtime.provenance()["cpu"], Counter(name for name, _ in timed)
    if not counts:
        return [], "The ledger has no row with a speed"
    usual = counts.most_common(1)[0][0]
    chosen = here if counts[here] > 1 else usual
    said = "the processor of this run" if chosen == here else "another processor than that of this run"
    left = len(timed) - counts[chosen]
    more = f"; {left} rows of other processors are left out" if left else ""
    return [row for name, row in timed if name == chosen], f"All speeds are from one processor, {chosen}: {said}{more}"


def speeds_table(rows, where):
    """Speed and accuracy of the rows of one model."""
    return Table(
        ["SmallCNN", "speed-up", "right, %"],
        [[r.technique, f"{r.speedup:.2f}×", f"{100 * r.accuracy:.2f}"] for r in sorted(rows, key=lambda r: r.speedup)],
        caption=f"One image at a time, over eager fp32. {where}.",
    )


def scenes(customers, winners):
    """A frame for each customer: the rows, the region of the budget, a ring around the winner, and one sentence about it.

    Args:
        customers: name -> (rows, limits, field that decides, its sign).
        winners: name -> the best row, or None.
    """
    drawn, alts = [], []
    for name, (rows, limits, *_) in customers.items():
        row, field = winners[name], next(iter(limits))
        words_below, scale = AXES[field]
        fig, ax = plots.figure(size=(12, 3.6))
        _plane(ax, rows, field)
        if field == "speedup":
            ax.set(xscale="linear")
        seen = [100 * r.accuracy for r in rows if getattr(r, field)] or [0, 100]
        lowest = max(min(seen) - 0.2, 80) if max(seen) > 80 else min(seen) - 1
        highest = max(seen) + max(0.4, 0.12 * (max(seen) - lowest))  # room for the ring
        ends = [min(max(end / scale, ax.get_xlim()[0]), ax.get_xlim()[1]) for end in limits[field]]
        floor = max(100 * limits["accuracy"][0], lowest)
        ax.fill_between(ends, floor, highest, color=plots.COLOURS["sky"], alpha=0.25)
        if row:
            ax.plot(getattr(row, field) / scale, 100 * row.accuracy, "o", ms=20, mfc="none", mec="black", mew=3)
        said = (
            f"The {name}'s winner has {DONE[kind(row)]}:\n{row.model}, {row.technique}"
            if row
            else f"The {name} gets nobody:\nno row fits"
        )
        ax.set(ylim=(lowest, highest), xlabel=words_below, ylabel="images right, %")
        ax.set_title(said, loc="left")
        drawn.append(fig)
        alts.append(f"The rows, the budget of the {name} shaded, and the winner in a ring. {said}.".replace("\n", " "))
    hues = ", ".join(f"{colour}: {name}" for name, colour in KINDS.items())
    plots.show(drawn, alt=alts, caption=f"Shaded: the budget. {hues.capitalize()}.")


# ---- your own model ----------------------------------------------------------------------------------


def template_diagram():
    """A model, the steps that try it, and the looks at each copy."""
    canvas = diagrams.Canvas(height=390)
    source = canvas.box(10, 120, "your\nnn.Module", width=170, height=100)
    looks = canvas.box(600, 10, "", width=280, height=320)
    for place, look in enumerate(
        ["file: saved, loaded", "audit: int8 or float?", "zeros, counted", "outputs beside float"]
    ):
        canvas.text(740, 55 + 77 * place, look, inside=looks)
    entry = canvas.box(1010, 120, "a row of\nyour ledger", width=180, height=100)
    for place, step in enumerate(["as it is", "dynamic int8", "static int8", "half pruned"]):
        made = canvas.box(290, 10 + 83 * place, step, width=200, height=66, colour="int8" if "int8" in step else "fp32")
        canvas.wire(source.right, made.left, meaning="fp32")
        canvas.wire(made.right, (600, made.y + 33), meaning="int8" if "int8" in step else "fp32")
    canvas.wire(looks.right, entry.left)
    canvas.wire((390, 326), (390, 352), dashed=True)
    canvas.text(390, 371, "or a sentence: why not")
    plots.show(
        canvas.figure(),
        alt="From a box, your nn.Module, wires go to four steps: as it is, dynamic int8, static int8, half pruned. All lead into one box with four looks: file, audit, zeros, outputs beside float; "
        "and from there to a row of your ledger. A dashed wire leaves the steps: or a sentence, why not.",
        caption="Each step gets a copy of its own. Orange: float, blue: int8.",
    )


def own_table(found, refused, caption):
    """What `own_ledger` found, a line for each step.

    Args:
        found: name of a step -> facts.
        refused: name of a step -> why it did not work.
    """

    def line(f):
        agree = "–" if f["agree"] is None else f"{f['agree']:.0%}"
        ratio = "–" if f["dB"] is None else "exact" if f["dB"] == FAR else f"{f['dB']:.1f}"
        right = "–" if f["right"] is None else f"{100 * f['right']:.1f}"
        return [si(f["file"], "B"), si(f["gzip"], "B"), f"{f['int8']:.0%}", f"{f['zeros']:.0%}", agree, ratio, right]

    lines = [[name, *line(f)] for name, f in found.items()] + [[name, *[""] * 7] for name in refused]
    said = " ".join(f"{name} refused: {words}." for name, words in refused.items())
    return Table(
        ["step", "file", "gzip", "in int8", "zeros", "agree", "dB", "right, %"], lines, caption=f"{caption} {said}"
    )


def rulers_table(lines):
    """Two rulers for the same copies.

    Args:
        lines: network -> (share of the power that differs, plain dB, dB without the mean, verdict).
    """
    return Table(
        ["SmallCNN, half pruned", "power that differs", "plain dB", "dB, mean removed", "verdict"],
        [
            [name, f"{share:.1%}", f"{plain:.1f}", f"{centred:.1f}", verdict or "compare"]
            for name, (share, plain, centred, verdict) in lines.items()
        ],
        caption="1,000 test images of Fashion-MNIST.",
    )


def pictures(split, n, side):
    """Batches of 8 digits of MNIST, enlarged, in three channels."""
    digits, _ = data.load("mnist", split, n=n)
    return nn.functional.interpolate(digits, (side, side)).repeat(1, 3, 1, 1).split(8)


def newborn(name, seed=0):
    """A network of torchvision with random weights."""
    torch.manual_seed(seed)
    if name == "Vision Transformer":
        small = {"image_size": 112, "patch_size": 16, "num_layers": 12, "num_heads": 3}
        return torchvision.models.VisionTransformer(**small, hidden_dim=192, mlp_dim=768).eval()
    makers = {"SqueezeNet": torchvision.models.squeezenet1_1, "EfficientNet-B0": torchvision.models.efficientnet_b0}
    return makers[name](weights=None).eval()


def record_own(found):
    """Rows of SqueezeNet for the ledger; random weights have no accuracy."""
    for step, fact in found.items():
        technique = "fp32" if step == "as it is" else f"{step}, template"
        names = {"lesson": "shipping", "task": "none, random weights", "model": "SqueezeNet 1.1"}
        ledger.record(**names, technique=technique, file_bytes=fact["file"])


def silent_table(said, verdicts):
    """What float networks with random weights say.

    Args:
        said: network -> outputs.
        verdicts: network -> why a comparison would say nothing.
    """
    return Table(
        ["float model", "largest |output|", "classes", "power that differs", "verdict"],
        [
            [
                name,
                f"{out.abs().max():.1g}",
                len(out.argmax(1).unique()),
                f"{(out - out.mean(0)).square().mean() / out.square().mean():.1%}" if out.abs().max() > 0 else "–",
                verdicts[name] or "compare",
            ]
            for name, out in said.items()
        ],
        caption="32 digits (SqueezeNet) and 16; random weights.",
    )


# ---- the challenge -----------------------------------------------------------------------------------


def leaders_table(leaders):
    """The smallest rows above the bar of each list."""
    return Table(
        ["", "row", "weights' file", "right, %", "what was done"],
        [
            [f"{task} {place}", f"{r.model}, {r.technique}", si(r.file_bytes, "B"), f"{100 * r.accuracy:.2f}", kind(r)]
            for task, rows in leaders.items()
            for place, r in enumerate(rows[:3], start=1)
        ],
        caption="The smallest rows of the ledger above the bar; without the code that reads them.",
    )


def judge(code):
    """Write ten mean images and this code into a folder, and let it label MNIST's test images.

    Returns:
        (bytes of the folder, share of the test images right).
    """
    digits, labels = data.load("mnist")
    exam, answers = data.load("mnist", "test")
    with tempfile.TemporaryDirectory() as folder:
        means = [digits[labels == d].mean(0)[0] for d in range(10)]
        np.save(Path(folder) / "means.npy", (255 * torch.stack(means)).round().byte().numpy())
        (Path(folder) / "predict.py").write_text(code, encoding="utf-8")
        n_bytes = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        own = runpy.run_path(str(Path(folder) / "predict.py"))
        model, asked = own["load"](folder), (255 * exam[:, 0]).round().byte().split(1000)
        predicted = np.concatenate([own["predict"](model, images.numpy()) for images in asked])
    return n_bytes, (predicted == answers.numpy()).mean().item()

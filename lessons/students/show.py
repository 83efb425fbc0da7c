"""Drawings, tables and files of the lesson students, which stand beside what the lesson explains."""

import copy
import statistics

import torch
from torch import nn

from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range, si

BIASES = [i / 10 for i in range(-10, 201)]  # that are tried for the logit of the missing class
FOUND = {
    "none": "none",
    "held-out, labels": "fewest errors",
    "held-out, no labels": "as many threes",
    "test set, as in 2015": "test set",
}


def counts(errors):
    """A mean of several networks' errors, with the lowest and the highest."""
    return mean_and_range(errors, "{:.0f}")


def quotient(wrong):
    """Mean errors with a teacher over mean errors with labels; `wrong` gives the errors of both arms."""
    return statistics.mean(wrong["teacher"]) / statistics.mean(wrong["labels"])


def best_rate(by_rate, runs, arms, errors):
    """For each number of images and arm its best learning rate: size -> arm -> (rate, errors, rate -> errors, networks).

    Args:
        by_rate: rate -> for each run a list with a network for each arm.
        runs: (number of images, seed) of each run.
        arms: their names.
        errors: gives the errors of a network.
    """
    best = {n: {} for n, _ in runs}
    for n in best:
        own = [place for place, run in enumerate(runs) if run[0] == n]
        for place, arm in enumerate(arms):
            nets = {lr: [of_runs[run][place] for run in own] for lr, of_runs in by_rate.items()}
            wrong = {lr: [errors(net) for net in of_rate] for lr, of_rate in nets.items()}
            rate = min(wrong, key=lambda one: sum(wrong[one]))
            best[n][arm] = rate, wrong[rate], wrong, nets[rate]
    return best


def left(best):
    """Share of the errors that is left with a teacher, each arm at its best rate; `best` is one size of `best_rate`."""
    return quotient({arm: found[1] for arm, found in best.items()})


def unseen_bars(found, recognised, threes, n_test):
    """How many of a class each student recognises that never saw it, from the least to the most, and the teacher last.

    Args:
        found: (name, seed) -> (errors, errors on the class, false alarms); "teacher" -> the same for the teacher.
        recognised: name -> percent of the class that is recognised, mean of the seeds.
        threes: how many test images the class has.
        n_test: how many test images there are.
    """
    rows = [
        (name, recognised[name], statistics.mean(numbers[0] for key, numbers in found.items() if key[0] == name))
        for name in sorted(recognised, key=recognised.get)
    ]
    rows.append(("the teacher itself", 100 - 100 * found["teacher"][1] / max(1, threes), found["teacher"][0]))
    names, best = [name for name, *_ in rows], rows[-2][0]
    shares = {name: max(share, 1e-6) for name, share, _ in rows}  # bars to scale want one that is not 0
    canvas, left, whole, high, gap = diagrams.Canvas(width=700, height=400), 225, 300, 44, 48
    canvas.text(left - 14, 25, "taught by", align="right", bold=True)
    canvas.text(left, 25, "threes recognised", align="left", bold=True)
    canvas.text(685, 25, "all errors", align="right", bold=True)
    meaning = {name: "activations" if name == best else "plain" for name in names}
    width = whole * max(shares.values()) / 100
    diagrams.bars(canvas, shares, x=left, y=54, width=width, height=high, gap=gap, meaning=meaning, text="{:.0f} %")
    for row, (*_, wrong) in enumerate(rows):
        canvas.text(685, 54 + high / 2 + row * (high + gap), f"{wrong:.0f}", align="right")
    if best != "labels":
        alone, taught = (left + whole * shares[name] / 100 for name in ("labels", best))
        top, low = (54 + high + names.index(name) * (high + gap) for name in ("labels", best))
        more = f"+{shares[best] - shares['labels']:.0f} points, same images"
        canvas.wire((alone, top), (alone, low + 18), meaning="black", thick=2, arrow=False, dashed=True)
        canvas.wire((alone, low + 10), (taught, low + 10), meaning="black", thick=4)
        canvas.text(left + 10, low + 31, more, align="left", size=22)
    plots.show(
        canvas.figure(),
        alt="Bars, the share of the threes that is recognised: "
        + "; ".join(f"{name} {share:.0f} %, {wrong:.0f} errors in all" for name, share, wrong in rows)
        + f". An arrow leads from the student of labels to that of {best}.",
        caption=f"Three students that never saw a 3, and their teacher. {n_test:,} test images, {threes:,} of them threes; mean of two "
        "seeds. The arrow: what the teacher's answers add.",
    )


def most_like(images, labels, like, classes):
    """The eight images that the teacher finds most like the missing class, and which labels give it how much.

    Args:
        images: (n, 784) of the other classes.
        labels: (n,).
        like: the teacher's soft target of the missing class for each, (n,).
        classes: names of the classes.
    """
    most = like.argsort(descending=True)[:8]
    given = torch.zeros(len(classes)).index_add_(0, labels.cpu(), like.cpu())
    shares = {classes[c]: given[c] / given.sum() for c in given.argsort(descending=True)[:4]}
    fig, axes = plots.figure(columns=8, size=(12, 2.7))
    for ax, i in zip(axes, most, strict=True):
        ax.imshow(images[i].view(28, 28).cpu().numpy(), cmap="gray_r")
        ax.set(xticks=[], yticks=[], title=f"{classes[labels[i]]}" if len(classes[0]) < 3 else "")
        ax.set_xlabel(f"{like[i]:.2f}")
        ax.grid(False)
    plots.show(
        fig,
        alt="Eight images of the student's that look somewhat like the missing class; their labels are "
        + ", ".join(classes[labels[i]] for i in most)
        + ".",
        caption="Above: the label. Below: the teacher's soft target for the missing class at T = 8. Of all that the teacher gives to it: "
        + ", ".join(f"{share:.0%} for images of {name}" for name, share in shares.items())
        + ".",
    )


def margins(z, truth, missing, b, control):
    """Three frames of margins: of one student with the threshold at 0, and moved by b; and of a student of labels.

    Args:
        z: logits on the test images, (n, classes).
        truth: labels, (n,).
        missing: the class that the students never saw.
        b: the bias of the second frame.
        control: logits of the student of labels, (n, classes).
    """
    truth = truth.cpu()
    margin, other = (
        logits[:, missing] - logits.index_fill(1, torch.tensor([missing]), -1e9).amax(1)
        for logits in (z.cpu(), control.cpu())
    )
    threes = truth == missing
    lost = margin[threes & (margin < 0)]

    def hills(margin, bias, who):
        fig, ax = plots.figure(size=(11, 3.8))
        for name, which, colour in (("others", ~threes, "sky"), ("threes", threes, "orange")):
            ax.hist(margin[which].numpy(), bins=76, range=(-35, 12), color=plots.COLOURS[colour], alpha=0.7, label=name)
        ax.axvline(0 - bias, color="black", linewidth=3)
        ax.set(xlabel="margin", ylabel="test images", yscale="log")
        ax.set_title(f"taught by {who}, b = {bias:.1f}: right of the line it says 3")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.legend(loc="upper left")
        return fig

    def described(margin, bias, who):
        right = ((margin > -bias) & threes).sum() / max(1, threes.sum())
        return (
            f"Two hills of margins of the student of {who}: the others' centre lies at {margin[~threes].median():.1f}, that of "
            f"the threes at {margin[threes].median():.1f}; the line stands at {0 - bias:.1f}, and {right:.0%} of the threes lie "
            "right of it."
        )

    frames = (margin, 0.0, "the teacher"), (margin, b, "the teacher"), (other, 0.0, "labels")
    plots.show(
        [hills(*frame) for frame in frames],
        alt=[described(*frame) for frame in frames],
        caption=f"One student (T = 8, seed 0). Of the threes that it misses {(lost > -2).float().mean():.0%} lie within 2 of 0. "
        f"Second frame: b = {b:.1f} added to the logit of 3. Third frame, the control: a student of labels; of its "
        f"{threes.sum():,} threes {(other[threes] > -2).sum():,} lie right of −2. Brown: both hills. Others below −35 are not drawn.",
    )


def bias_table(fixed):
    """The errors after a bias.

    Args:
        fixed: ((taught by, way), seed) -> (b, errors, errors on threes, false alarms).
    """
    of_seeds = {}
    for (row, _), numbers in fixed.items():
        of_seeds.setdefault(row, []).append(numbers)
    rows = []
    for (name, way), found in of_seeds.items():
        biases, *counted = zip(*found, strict=True)
        both = ", ".join(f"{b:.1f}" for b in biases)
        rows.append([f"{name.split(',')[0]} · {FOUND[way]}", both, *(f"{statistics.mean(n):.0f}" for n in counted)])
    return Table(
        ["taught by · b found by", "b", "errors", "on threes", "false alarms"],
        rows,
        caption="b: of each of two students. Test errors (teacher: T = 8): mean of the two. False alarms: others taken for a three.",
    )


def plans_table(plans, teacher_errors):
    """Errors by plan: (images, passes) -> arm -> what `best_rate` gives."""
    rows = []
    for (images, passes), arms in plans.items():
        wrong = {arm: found[1] for arm, found in arms.items()}
        rows.append([images, passes, *(counts(errors) for errors in wrong.values()), f"{quotient(wrong):.2f}"])
    return Table(
        ["images", "passes", "labels", "teacher", "÷"],
        rows,
        caption="2×30, T = 8, 1,000 steps; test errors, mean of two seeds (lowest to highest), each arm at its best of three "
        f"learning rates. ÷: teacher by labels. The teacher itself: {teacher_errors}.",
    )


def crossed_table(cells):
    """Gains of the teacher, images by steps; `cells` has (images, steps) -> arm -> what `best_rate` gives."""
    gain = {at: 1 - left(arms) for at, arms in cells.items()}
    images, steps = (list(dict.fromkeys(at[place] for at in cells)) for place in (0, 1))
    return Table(
        ["images", *(f"{n:,} steps" for n in steps)],
        [[f"{n:,}", *(f"{gain[n, s]:.0%}" for s in steps)] for n in images],
        caption="Errors that the teacher saves, as a share of those with labels; each arm at its best learning rate, two seeds",
    )


def rates_table(cells):
    """Mean errors of both arms at each learning rate; `cells` as in `crossed_table`."""
    by_rate = {(at, arm): found[2] for at, arms in cells.items() for arm, found in arms.items()}
    rates = sorted({rate for wrong in by_rate.values() for rate in wrong})
    return Table(
        ["images, steps", "taught by", *(f"rate {rate:g}" for rate in rates)],
        [
            [
                f"{images:,}, {steps:,}",
                arm,
                *(f"{statistics.mean(wrong[rate]):.0f}" if rate in wrong else "–" for rate in rates),
            ]
            for ((images, steps), arm), wrong in by_rate.items()
        ],
        caption="Test errors, mean of two seeds. –: not run",
    )


def three_forms(teacher, cut, untouched, teacher_errors):
    """The same piece of fc1 three times: as it was, with 5 % of the weights, in 2 bits.

    Args:
        teacher: a LeNet-300-100.
        cut: form -> its weights by name.
        untouched: form -> test errors before any repair.
        teacher_errors: those of the teacher.
    """
    crop = slice(0, 5), slice(14 * 28 + 9, 14 * 28 + 16)  # five units, seven pixels of the middle
    canvas = diagrams.Canvas(height=330)
    for place, (name, weights, bits) in enumerate(
        (
            ("the teacher", teacher.state_dict(), "32 bits a weight"),
            ("5 % of the weights", cut["5 % of the weights"], "32 bits and a place, for the few"),
            ("2-bit weights", cut["2-bit weights"], "2 bits a weight"),
        )
    ):
        part = weights["fc1.weight"][crop].cpu()
        canvas.text(200 + 400 * place, 30, name, bold=True)
        left, kind = 60 + 400 * place, "int8" if place == 2 else "fp32"
        diagrams.grid(canvas, part, left, 60, cell=40, text="", meaning=kind, mask=part != 0 if place == 1 else None)
        canvas.text(200 + 400 * place, 295, bits, size=22)
    plots.show(
        canvas.figure(),
        alt="The same 5 by 7 weights of fc1 three times: of the teacher, with most crossed out, and in 2 bits, most of them 0.",
        caption="Errors before any repair: "
        + "; ".join(f"{form} {n:,}" for form, n in untouched.items())
        + f"; the teacher {teacher_errors}.",
    )


def on_cpu(net):
    """A copy on the CPU: there int8 runs, and files are weighed."""
    return copy.deepcopy(net).cpu()


def stored(net, encode):
    """What a file holds: each weight in the parts that `encode` makes of it; biases as they are."""
    small = nn.Module()
    for name, w in on_cpu(net).state_dict().items():
        for part, tensor in (encode(w) if "weight" in name else {"": w}).items():
            small.register_buffer(name.replace(".", "_") + part, tensor)
    return small


def restored(small, like, decode):
    """An ordinary network from such parts."""
    net, held = on_cpu(like), dict(small.named_buffers())
    for name, w in net.state_dict().items():
        key = name.replace(".", "_")
        w.copy_(decode(lambda part, key=key: held[key + part], w.shape) if "weight" in name else held[key])
    return net


def forms_table(lines, few, teacher_errors, teacher_bytes):
    """Errors and file of each form: name -> (errors of each arm, size of its file)."""
    return Table(
        [f"{few:,} images", "errors, labels", "errors, teacher", "÷", "file"],
        [
            [name, *(counts(wrong[arm]) for arm in ("labels", "teacher")), f"{quotient(wrong):.2f}"]
            + [si(size.file_bytes, "B")]
            for name, (wrong, size) in lines.items()
        ],
        caption="Test errors: mean of two seeds (lowest to highest), each arm at its best of the learning rates that were tried. "
        f"÷: teacher by labels. The teacher, fp32: {teacher_errors} errors, {si(teacher_bytes, 'B')}. CSR: the values left and "
        "their columns; packed: four weights to a byte.",
    )


def what_to_ship(lines):
    """Errors over the size of the file; an arrow goes from labels to teacher."""
    fig, ax = plots.figure(size=(11.5, 4.3))
    looks = zip(("orange", "blue", "black", "purple"), ("left", "left", "left", "right"), strict=True)
    for (name, (made, size)), (colour, side) in zip(lines.items(), looks, strict=True):
        kb, (before, now) = size.file_bytes / 1e3, (statistics.mean(made[arm]) for arm in ("labels", "teacher"))
        arrow = {"arrowstyle": "-|>", "lw": 3, "shrinkA": 0, "shrinkB": 0, "color": plots.COLOURS[colour]}
        ax.annotate("", (kb, now), (kb, before), arrowprops=arrow)
        ax.plot(kb, before, "o", color=plots.COLOURS[colour])
        place = (kb + (2.5 if side == "left" else -2.5), (before + now) / 2)
        ax.text(*place, name.replace(", ", "\n"), va="center", ha=side)
    top = max(statistics.mean(made["labels"]) for made, _ in lines.values())
    ax.set(xlabel="file, kB", ylabel="test errors", xlim=(0, 140), ylim=(0, 1.1 * top))
    plots.show(
        fig,
        alt="Test errors over the size of the file for four networks, an arrow from labels down to teacher for each: "
        + "; ".join(
            f"{name} {size.file_bytes / 1e3:.0f} kB, from {statistics.mean(made['labels']):.0f} to {statistics.mean(made['teacher']):.0f}"
            for name, (made, size) in lines.items()
        )
        + ".",
        caption="From labels (dot) to teacher (head of the arrow); means of the table above.",
    )


def rows_of_the_ledger(lines, task, few, whole, n_test, teacher, teacher_errors, little, one):
    """Write each form with and without a teacher, and the teacher, into the ledger."""
    nj = {
        "2×30, fp32": energy.estimate(little, one),
        "2×30, static int8": energy.estimate(little, one, mac="int8, int32 sum", bits=8),
        "300-100, 2-bit weights, packed": energy.estimate(on_cpu(teacher), one, bits=2),
    }
    written = [
        ledger.record(
            lesson="students",
            task=task,
            model="MLP 2×30" if name.startswith("2×30") else "LeNet-300-100",
            technique=f"{name.split(', ', 1)[1]}, {few:,} images, {text}",
            accuracy=1 - statistics.mean(wrong[arm]) / n_test,
            file_bytes=size.file_bytes,
            load_ms=size.load_ms,
            energy_nj=nj[name].total_nj if name in nj else None,
        )
        for name, (wrong, size) in lines.items()
        for arm, text in (("labels", "labels"), ("teacher", "distilled"))
    ]
    written.append(  # what the two LeNets began as
        ledger.record(
            lesson="students",
            task=task,
            model="LeNet-300-100",
            technique=f"fp32, {whole:,} images, labels",
            accuracy=1 - teacher_errors / n_test,
            file_bytes=size_report(on_cpu(teacher)).file_bytes,
            energy_nj=energy.estimate(on_cpu(teacher), one).total_nj,
        )
    )
    return ledger.table(written)


def confusion_table(z, truth, classes):
    """The confusion matrix of logits z (n, classes): row = the class, column = the answer."""
    matrix = torch.zeros(len(classes), len(classes), dtype=torch.int64)
    matrix.index_put_((truth.cpu(), z.argmax(1).cpu()), torch.tensor(1), accumulate=True)
    return Table(
        ["class ↓ taken for →", *classes],
        [[classes[i], *row.tolist()] for i, row in enumerate(matrix)],
        caption="A confusion matrix: row = the class, column = the answer (teacher, T = 8, seed 0, no bias)",
    )

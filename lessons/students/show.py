"""Drawings and tables of the lesson students, and the small students of its last table."""

import statistics

import torch
import torch.nn.functional as F

from course_utils.show import plots
from course_utils.show.tables import Table, mean_and_range
from lessons.distillation.teaching import Arm, mlp, teach_all

RATES = {100: (0.02, 0.04), 1000: (0.01, 0.02, 0.04)}  # lower and higher ones were best for none
SEEDS = range(2)


def recognised(images, labels, missing, students):
    """Draw the first images of a class, in orange where a student recognises them and in grey where not.

    Args:
        images, labels: of the test set.
        missing: the class.
        students: name -> network.
    """
    own = images[labels == missing]
    fig, axes = plots.figure(columns=len(students), size=(11.6, 4))
    shares = {}
    for ax, (name, net) in zip(axes, students.items(), strict=True):
        right = net(own).argmax(1) == missing
        shares[name] = right.float().mean().item()
        inks = torch.tensor([[0.62, 0.62, 0.62], [0.84, 0.37, 0.0]])[right[:60].long()]
        tiles = 1 - own[:60].view(-1, 28, 28, 1) * (1 - inks[:, None, None])
        tiles = F.pad(tiles, (0, 0, 0, 0, 0, 0, 0, 60 - len(tiles)), value=1.0)
        ax.imshow(tiles.view(6, 10, 28, 28, 3).permute(0, 2, 1, 3, 4).reshape(168, 280, 3).numpy())
        ax.set_title(f"{name}: {100 * shares[name]:.0f} %")
        ax.axis("off")
    plots.show(
        fig,
        alt="The first sixty test images of the missing class, twice, orange where they are recognised. Recognised of all images of the class: "
        f"{'; '.join(f'{name} {100 * share:.0f} %' for name, share in shares.items())}.",
        caption=f"The first sixty test images of a {missing}. Orange: recognised. Grey: taken for another digit. The share is that of "
        f"all {len(own):,}.",
    )


def most_like(images, labels, like):
    """Draw the eight images with the highest soft target for the missing class.

    Args:
        images: (n, 784), none of the class.
        labels: (n,).
        like: the soft target of the missing class for each, (n,).
    """
    most = like.topk(8).indices
    fig, axes = plots.figure(columns=8, size=(12, 2.7))
    for ax, i in zip(axes, most.tolist(), strict=True):
        ax.imshow(images[i].view(28, 28).numpy(), cmap="gray_r")
        ax.set(xticks=[], yticks=[], title=f"a {labels[i]}", xlabel=f"{like[i]:.2f}")
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
    plots.show(
        fig,
        alt=f"Eight images that look somewhat like a 3; their labels are {', '.join(map(str, labels[most].tolist()))}.",
        caption="Above: the label. Below: what the teacher gives to 3, at T = 8.",
    )


def hills(margins, own):
    """Draw how the margins of a class and of the others are spread, a panel for each student.

    Args:
        margins: what taught a student -> margins of all test images.
        own: which images are of the class, (n,) bool.
    """
    fig, axes = plots.figure(rows=len(margins), size=(8, 1.2 + 1.25 * len(margins)))
    shares = {}
    for ax, (name, m) in zip(axes, margins.items(), strict=True):
        shares[name] = 100 * (m[own] > 0).float().mean().item()
        for which, colour, what in ((~own, "sky", "other digits"), (own, "orange", "threes")):
            weight = [100 / max(1, int(which.sum()))] * int(which.sum())
            ax.hist(
                m[which].numpy(), 60, (-40, 12), weights=weight, color=plots.COLOURS[colour], alpha=0.75, label=what
            )
        ax.axvline(0, color="black", lw=3)
        ax.set(ylabel="per cent", ylim=(0, 22), yticks=[0, 10, 20])
        ax.set_title(f"taught by {name}: {shares[name]:.0f} %", loc="left")
        if ax is not axes[-1]:
            ax.set_xticklabels([])
    axes[0].legend(loc="upper left")
    axes[-1].set(xlabel="margin")
    plots.show(
        fig,
        alt="Margins of threes and of the other digits. "
        + "; ".join(
            f"{name}: the middle of the threes lies at {m[own].median():.1f}, that of the others at {m[~own].median():.1f}, "
            f"and {shares[name]:.0f} % of the threes lie right of 0"
            for name, m in margins.items()
        )
        + ".",
        caption="Each hill is 100 % of its images; there are nine times as many other digits. The share is that of the threes right of "
        "the line.",
    )


def count(cases, says, images, labels, missing):
    """What each bias brings on the test images: name -> (bias, threes right, false alarms, errors).

    Args:
        cases: name -> (network, its bias).
        says: the classes that logits name with a bias.
        images, labels: of the test set.
        missing: the class.
    """
    found = {}
    for name, (net, b) in cases.items():
        said = says(net(images), b)
        right, named = said == labels, said == missing
        found[name] = b, *(int(n.sum()) for n in (right & named, ~right & named, ~right))
    return found


def bias_table(found):
    """What `count` gives, as a table."""
    rows = [[name, f"{b:.1f}", *(f"{n:,}" for n in counts)] for name, (b, *counts) in found.items()]
    return Table(["taught by", "b", "threes right", "false alarms", "all errors"], rows)


def plans(x, y, answers, T, held_out, test):
    """Test errors of small students, two of each kind: (images, steps) -> kind -> errors of each.

    Args:
        x, y: images and labels that students learn from.
        answers: the teacher's soft targets for them, at `T`.
        held_out, test: images and labels; the held-out ones choose each kind's learning rate.
    """
    own, found = F.one_hot(y, 10).float(), {}
    arms = {"labels": Arm(own), "teacher": Arm(answers, float(T))}
    for images in (1000, 50_000):
        for steps, rates in RATES.items():
            tried = {name: {} for name in arms}
            for rate in rates:
                starts = [mlp(30, seed) for seed in SEEDS]
                nets = teach_all(starts, list(arms.values()), x[:images], own, seeds=SEEDS, steps=steps, lr=rate)
                for n, name in enumerate(arms):
                    held, tested = (
                        [int((of_seed[n](data).argmax(1) != true).sum()) for of_seed in nets]
                        for data, true in (held_out, test)
                    )
                    tried[name][rate] = sum(held), tested
            found[images, steps] = {name: min(of_rate.values())[1] for name, of_rate in tried.items()}
    return found


def plans_table(found):
    """What `plans` gives, as a table."""
    rows = []
    for (images, steps), errors in found.items():
        saved = 1 - statistics.mean(errors["teacher"]) / statistics.mean(errors["labels"])
        rows.append(
            [f"{images:,}", f"{steps:,}", *(mean_and_range(errors[k], "{:.0f}") for k in errors), f"{saved:.0%}"]
        )
    caption = "Mean test errors of two students, lowest to highest; each kind at its best rate"
    return Table(["images", "steps", "labels", "teacher", "errors that the teacher saves"], rows, caption=caption)

"""Drawings of the lesson students, and what its record says."""

import json
from statistics import mean

import torch
import torch.nn.functional as F

from course_utils import plots
from course_utils.files import ROOT
from course_utils.tables import Table, mean_and_range

RECORD = ROOT / "records" / "students" / "missing.json"
ROWS = {  # what a row of the last table is called, its arm in the record, and which bias
    "student": ("soft", "zero"),
    "student, with its bias": ("soft", "by_count"),
    "shown the threes as well": ("soft, all ten", "zero"),
    "control, with its bias": ("a three in all alike", "by_count"),
    "twin": ("labels", "zero"),
    "twin, with its bias": ("labels", "by_count"),
}


def at_its_best(arm):
    """The rate at which an arm of the record is best on held-out images of the nine digits, and its six runs there."""
    runs = [run for run in json.loads(RECORD.read_text(encoding="utf-8"))["runs"] if run["arm"] == arm]
    rates = {run["rate"] for run in runs}
    best = min(rates, key=lambda rate: mean(run["held_out_seen"] for run in runs if run["rate"] == rate))
    return best, [run for run in runs if run["rate"] == best]


def of_six(arm, bias, what):
    """What six networks of an arm do on test images: "threes" recognized, "false_alarms" or all "errors"."""
    return [run[bias][what] for run in at_its_best(arm)[1]]


def won():
    """How many more test threes the student recognizes with its bias, mean of six."""
    return mean(of_six("soft", "by_count", "threes")) - mean(of_six("soft", "zero", "threes"))


def alarms():
    """How many more false alarms it makes."""
    return mean(of_six("soft", "by_count", "false_alarms")) - mean(of_six("soft", "zero", "false_alarms"))


def price():
    """A table of the record: what a bias brings on the test images, and what it costs."""
    rows = [
        [name, *(mean_and_range(of_six(arm, bias, what), "{:,.0f}") for what in ("threes", "false_alarms", "errors"))]
        for name, (arm, bias) in ROWS.items()
    ]
    caption = "Of 10,000 test images, 1,010 of them threes. Mean of six networks, lowest to highest."
    return Table(["", "threes recognized", "false alarms", "all errors"], rows, caption=caption)


def recognized(images, labels, missing, students):
    """Draw the first images of a class, in orange where a student recognizes them and in grey where not.

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
        alt="The first sixty test images of the missing class, twice, orange where they are recognized. Recognised of all images of the class: "
        f"{'; '.join(f'{name} {100 * share:.0f} %' for name, share in shares.items())}.",
        caption=f"The first sixty test images of a {missing}. Orange: recognized. Grey: taken for another digit. "
        f"Percentages are for all {len(own):,} test {missing}s.",
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
    """Draw how the margins of a class and of the others are spread, a panel for each network.

    Args:
        margins: the name of a network -> its margins of all test images.
        own: which images are of the class, (n,) bool.
    """
    fig, axes = plots.figure(rows=len(margins), size=(9, 1.2 + 1.5 * len(margins)))
    for ax, (name, m) in zip(axes, margins.items(), strict=True):
        for which, colour, what in ((~own, "sky", "other digits"), (own, "orange", "threes")):
            weight = [100 / max(1, int(which.sum()))] * int(which.sum())
            ax.hist(
                m[which].numpy(), 60, (-40, 15), weights=weight, color=plots.COLOURS[colour], alpha=0.75, label=what
            )
        ax.axvline(0, color="black", lw=3)
        ax.set(ylabel="per cent", xlim=(-40, 15), ylim=(0, 22), yticks=[0, 10, 20])
        ax.set_title(name, loc="left")
        if ax is not axes[-1]:
            ax.set_xticklabels([])
    axes[0].legend(loc="upper left")
    axes[-1].set(xlabel="margin")
    plots.show(
        fig,
        alt="Margins of threes and of the other digits. "
        + "; ".join(
            f"{name}: the middle of the threes lies at {m[own].median():.1f}, that of the others at {m[~own].median():.1f}, "
            f"and {100 * (m[own] > 0).float().mean():.0f} % of the threes lie right of 0"
            for name, m in margins.items()
        )
        + ".",
        caption="Right of the black line a network says 3. Each hill is 100 % of its images; the twin's blue one goes on to the left of "
        "the picture.",
    )

"""Drawings of the lesson distillation, and what its record says."""

import json
from statistics import mean

import torch.nn.functional as F
from matplotlib.patches import Rectangle

from course_utils import diagrams, plots
from course_utils.files import ROOT
from course_utils.tables import Table, mean_and_range

RECORD = ROOT / "records" / "distillation" / "students.json"
LADDER = {"labels": "black", "first choice": "sky", "alike": "blue", "even": "green", "soft": "orange"}


def at_its_best(arm):
    """The rate at which an arm of the record is best on held-out images, and its six students' errors on test images."""
    runs = [run for run in json.loads(RECORD.read_text(encoding="utf-8"))["runs"] if run["arm"] == arm]
    rates = {run["rate"] for run in runs}
    best = min(rates, key=lambda rate: mean(run["held_out"] for run in runs if run["rate"] == rate))
    return best, [run["test"] for run in runs if run["rate"] == best]


def wrong(arm):
    """The errors of an arm on test images at its best rate, mean of six students."""
    return mean(at_its_best(arm)[1])


def left(arm):
    """The part of the gain of soft targets over labels that an arm still has, %."""
    return 100 * (wrong("labels") - wrong(arm)) / (wrong("labels") - wrong("soft"))


def two_of_a_class(logits, labels, shown, one, other):
    """Two images of the class `shown`: of the surer half, the one most like `one` and the one most like `other`."""
    sure = F.softmax(logits, 1).amax(1)
    candidates = (labels == shown).nonzero()[:, 0]
    candidates = candidates[sure[candidates] >= sure[candidates].median()]
    tilt = logits[candidates, one] - logits[candidates, other]
    return [candidates[tilt.argmax()].item(), candidates[tilt.argmin()].item()]


def teacher_and_students(image, answer, label, errors):
    """Draw one image on its way to a teacher, its student and the twin of labels.

    Args:
        image: 784 pixels.
        answer: the teacher's soft targets for it, (classes,).
        label: its class, in a word.
        errors: test errors of the teacher, the student and its twin.
    """
    canvas = diagrams.Canvas(height=440)
    canvas.axes.imshow(image.view(28, 28).numpy(), cmap="gray_r", extent=(20, 170, 300, 150), zorder=3)
    canvas.axes.set(xlim=(0, canvas.width), ylim=(canvas.height, 0))
    teacher = canvas.box(230, 30, "teacher\n784–300–100–10", width=240, height=90, fill="fp32", colour="fp32")
    truth = canvas.box(560, 290, f"label: {label}", width=240, height=80)
    by_answers = canvas.box(900, 30, "student\n784–30–30–10", width=240, height=90)
    by_labels = canvas.box(900, 285, "twin\n784–30–30–10", width=240, height=90)
    for n, p in enumerate((answer / answer.max()).tolist()):
        canvas.axes.add_patch(Rectangle((568 + 23 * n, 125 - 95 * p), 18, 95 * p, color=plots.COLOURS["orange"]))
    canvas.text(680, 152, "ten probabilities")
    canvas.wire((175, 190), teacher.left)
    canvas.wire((175, 260), truth.left, dashed=True)
    canvas.wire(teacher.right, (558, 75), meaning="fp32")
    canvas.wire((805, 75), by_answers.left, meaning="fp32")
    canvas.wire(truth.right, by_labels.left)
    for box, wrong in zip((teacher, by_answers, by_labels), errors, strict=True):
        canvas.text(box.bottom[0], box.bottom[1] + 32, f"{wrong:,} errors", size=32, bold=True)
    plots.show(
        canvas.figure(),
        alt="One image goes to the teacher, a network with layers of 784, 300, 100 and 10; its ten probabilities go to a student with layers of "
        f"784, 30, 30 and 10. The label of the image goes to the twin, a network of this size. Test errors: teacher {errors[0]}, student "
        f"{errors[1]}, twin {errors[2]}.",
        caption="Below each network: its errors on the test images. Student and twin have the same first weights.",
    )


def two_answers(images, logits, shown, one, other):
    """Draw two images with the same label, and the teacher's answers for them at T = 1 and T = 8.

    Args:
        images, logits: of the two, (2, 784) and (2, classes).
        shown, one, other: the classes that chose the two images.
    """
    fig, axes = plots.figure(rows=2, columns=3, size=(11.4, 4.6))
    for row, image, z, name in zip(axes, images, logits, (one, other), strict=True):
        row[0].imshow(image.view(28, 28).numpy(), cmap="gray_r")
        row[0].set(xticks=[], yticks=[], ylabel=f"label: {shown}")
        for ax, T, top in zip(row[1:], (1, 8), (1.05, 0.5), strict=True):
            colours = [plots.COLOURS["orange" if T == 8 and n == name else "sky"] for n in range(10)]
            ax.bar(range(10), F.softmax(z / T, 0).numpy(), color=colours)
            ax.set(xticks=range(10), ylim=(0, top))
            ax.grid(visible=False)
            ax.tick_params(length=0)
    axes[0, 1].set_title("T = 1")
    axes[0, 2].set_title("T = 8")
    second = [z.topk(2).indices[1].item() for z in logits]
    plots.show(
        fig,
        alt=f"Two images of class {shown}, each with the teacher's probabilities at T = 1 and T = 8. At T = 1 one bar stands alone. At T = 8 the "
        f"second highest bar is class {second[0]} for the first image and class {second[1]} for the other.",
        caption=f"Bars: the teacher's probability of each digit. Orange: the {one} above, the {other} below.",
    )


def beside_labels():
    """A table of the record: students that learn from labels and teacher by halves, with T² and without."""
    rows = [["labels alone", "–", "–", _counts("labels")], ["teacher alone", 8, "–", _counts("soft")]]
    for T in (8, 20):
        rows += [["half and half", T, "yes", _counts(f"half, T = {T}")]]
        rows += [["half and half", T, "no", _counts(f"half, T = {T}, without T²")]]
    return Table(
        ["student learns from", "T", "with T²", "test errors"],
        rows,
        caption="Mean of six students, lowest to highest; each row at its best rate.",
    )


def _counts(arm):
    return mean_and_range(at_its_best(arm)[1], "{:,.0f}")


def ladder():
    """Draw the test errors of the record's students, taught by the teacher's answers, by controls and by labels."""
    fig, ax = plots.figure(size=(8.6, 4.2))
    for place, (arm, colour) in enumerate(LADDER.items()):
        errors = at_its_best(arm)[1]
        ax.plot(errors, [place] * len(errors), "o", markersize=13, alpha=0.6, color=plots.COLOURS[colour])
        ax.plot([mean(errors)] * 2, [place - 0.35, place + 0.35], "-", linewidth=3, color=plots.COLOURS[colour])
        ax.text(1.02, place, f"{mean(errors):,.0f}", transform=ax.get_yaxis_transform(), va="center", fontsize=18)
    ax.set_yticks(range(len(LADDER)), LADDER)
    ax.set(xlabel="test errors of 10,000", xlim=(0, 1500), ylim=(len(LADDER) - 0.5, -0.5))
    ax.set_xticks([0, 500, 1000, 1500], ["0", "500", "1,000", "1,500"])
    ax.grid(axis="y", visible=False)
    plots.show(
        fig,
        alt=f"Test errors of six students each, mean (lowest to highest): {'; '.join(f'{arm} {_counts(arm)}' for arm in LADDER)}.",
        caption="A dot is a student, a line and the number on the right the mean of the six. Each row at its best rate.",
    )

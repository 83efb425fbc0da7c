"""Drawings of the lesson distillation, and the students behind two of them."""

import statistics

import torch
import torch.nn.functional as F
from matplotlib.patches import Rectangle

from course_utils.show import diagrams, plots
from course_utils.show.tables import mean_and_range
from lessons.distillation.teaching import Arm, mlp, teach_all

RATES, SEEDS = (0.003, 0.01, 0.03, 0.1), range(3)
LOOKS = {"labels": ("black", "o"), "smoothed": ("blue", "v"), "even": ("green", "s"), "soft": ("orange", "D")}


def counts(errors):
    """A mean of several students' errors, with the lowest and the highest."""
    return mean_and_range(errors, "{:.0f}")


def two_of_a_class(logits, labels, shown, one, other):
    """Two images of the class `shown`: of the surer half, the one most like `one` and the one most like `other`."""
    sure = F.softmax(logits, 1).amax(1)
    candidates = (labels == shown).nonzero()[:, 0]
    candidates = candidates[sure[candidates] >= sure[candidates].median()]
    tilt = logits[candidates, one] - logits[candidates, other]
    return [candidates[tilt.argmax()].item(), candidates[tilt.argmin()].item()]


def teacher_and_students(image, answer, label, errors):
    """Draw one image on its way to a teacher and two students.

    Args:
        image: 784 pixels.
        answer: the teacher's soft targets for it, (classes,).
        label: its class, in a word.
        errors: test errors of the teacher, the student of answers and that of labels.
    """
    canvas = diagrams.Canvas(height=440)
    canvas.axes.imshow(image.view(28, 28).numpy(), cmap="gray_r", extent=(20, 170, 300, 150), zorder=3)
    canvas.axes.set(xlim=(0, canvas.width), ylim=(canvas.height, 0))
    teacher = canvas.box(230, 30, "teacher\n784–300–100–10", width=240, height=90, fill="fp32", colour="fp32")
    truth = canvas.box(560, 290, f"label: {label}", width=240, height=80)
    by_answers = canvas.box(900, 30, "student\n784–30–30–10", width=240, height=90)
    by_labels = canvas.box(900, 285, "student\n784–30–30–10", width=240, height=90)
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
        f"784, 30, 30 and 10. The label of the image goes to another student of this size. Test errors: teacher {errors[0]}, student of "
        f"answers {errors[1]}, student of labels {errors[2]}.",
        caption="Errors on 10,000 test images. The two students are alike at the start.",
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


def _students(arms, x, own, rate):
    """For each start a list with a trained student of each arm."""
    starts = [mlp(30, seed) for seed in SEEDS]
    return teach_all(starts, arms, x, own, seeds=SEEDS, lr=rate)


@torch.no_grad()
def _errors(net, images, labels):
    return (net(images).argmax(1) != labels).sum().item()


def with_and_without_T2(x, y, logits, test):
    """Draw the test errors of three students of each kind: taught by labels, and by halves with T² and without.

    Returns:
        dict of kind -> mean of the errors.
    """
    own, T = F.one_hot(y, 10).float(), 20.0
    soft = F.softmax(logits / T, 1)
    arms = {
        "labels alone": Arm(own),
        "half teacher,\nwithout T²": Arm(soft, T, 0.5, False),
        "half teacher,\nwith T²": Arm(soft, T, 0.5),
        "teacher alone,\nwithout T²": Arm(soft, T, 1.0, False),
    }
    nets = _students(list(arms.values()), x, own, 0.01)
    found = {name: [_errors(of_seed[n], *test) for of_seed in nets] for n, name in enumerate(arms)}
    fig, ax = plots.figure(size=(11, 4))
    for place, errors in enumerate(found.values()):
        mean = statistics.mean(errors)
        ax.bar(place, mean, width=0.6, color=plots.COLOURS["sky" if place == 0 else "orange"])
        ax.plot([place, place], [min(errors), max(errors)], color=plots.COLOURS["black"], lw=4)
        ax.text(place, 0.4 * mean, f"{mean:.0f}", ha="center", va="center", size=22)
    ax.set_xticks(range(len(found)), list(found))
    ax.set(ylabel="test errors")
    ax.grid(visible=False, axis="x")
    told = "; ".join(f"{' '.join(name.split())} {counts(errors)}" for name, errors in found.items())
    plots.show(
        fig,
        alt=f"Bars of mean test errors at T = 20, lowest to highest in brackets: {told}.",
        caption="Mean of three students at one learning rate; strokes from the best of them to the worst.",
    )
    return {" ".join(name.split()): statistics.mean(errors) for name, errors in found.items()}


def race(kinds, x, held_out, test):
    """Train three students for each kind of targets at each rate.

    Args:
        kinds: name -> (targets, T).
        x: the students' images.
        held_out, test: images and labels.
    Returns:
        dict of name -> rate -> (mean errors on the held-out images, test errors of each student).
    """
    arms, found = [Arm(targets, float(T)) for targets, T in kinds.values()], {name: {} for name in kinds}
    for rate in RATES:
        nets = _students(arms, x, arms[0].targets, rate)
        for n, name in enumerate(kinds):
            held = statistics.mean(_errors(of_seed[n], *held_out) for of_seed in nets)
            found[name][rate] = held, [_errors(of_seed[n], *test) for of_seed in nets]
    return found


def at_best(found):
    """For each kind the test errors at the rate with the fewest errors on the held-out images."""
    return {name: min(rates.values())[1] for name, rates in found.items()}


def errors_by_rate(found):
    """Draw the test errors of each kind over the learning rate.

    Returns:
        What `at_best` gives.
    """
    fig, ax = plots.figure(size=(8, 4.8))
    for name, (colour, marker) in LOOKS.items():
        means = [statistics.mean(errors) for _, errors in found[name].values()]
        ax.plot(RATES, means, marker=marker, color=plots.COLOURS[colour], label=name)
        chosen = min(range(len(RATES)), key=lambda n: found[name][RATES[n]][0])
        ax.plot(RATES[chosen], means[chosen], "o", ms=24, mfc="none", mew=2.5, color=plots.COLOURS[colour])
    ax.set(xlabel="learning rate", ylabel="test errors", xscale="log", ylim=(0, 2000))
    ax.set_xticks(RATES, [f"{rate:g}" for rate in RATES])
    ax.set_yticks([0, 500, 1000, 1500, 2000], ["0", "500", "1,000", "1,500", "2,000"])
    ax.set_xticks([], minor=True)
    ax.legend(loc="lower left")
    best = at_best(found)
    plots.show(
        fig,
        alt="Test errors over four learning rates, a line for each kind of targets. At the highest rate all rise steeply. At its best rate, mean "
        f"(lowest to highest): {'; '.join(f'{name} {counts(errors)}' for name, errors in best.items())}.",
        caption="Mean of three students. A ring marks the rate that the held-out images chose. Above the frame: a rate too high to learn.",
    )
    return best

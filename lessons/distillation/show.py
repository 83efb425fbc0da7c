"""Drawings and counts of the lesson distillation, which stand beside what the lesson explains."""

import statistics

import torch
import torch.nn.functional as F
from matplotlib.patches import Rectangle

from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range

STOPS = (50, 100, 200, 400, 1000)  # steps at which the students' errors are counted
ARM_COLOURS = {
    "labels": "black",
    "smoothed": "blue",
    "shuffled": "purple",
    "class mean": "green",
    "another image": "sky",
    "soft": "orange",
    "even": "purple",
}
TEMPERATURES = [1, 2, 4, 8, 20, 50]


def counts(errors):
    """A mean of several students' errors, with the lowest and the highest."""
    return mean_and_range(errors, "{:.0f}")


def two_of_a_class(logits, labels, shown, one, other):
    """Two images of the class `shown`: of the surer half, the one most like `one` and the one most like `other`.

    Args:
        logits: of the teacher, (images, classes).
        labels: (images,).
        shown, one, other: classes.
    """
    sure = F.softmax(logits, 1).amax(1)
    candidates = (labels == shown).nonzero()[:, 0]
    candidates = candidates[sure[candidates] >= sure[candidates].median()]
    tilt = logits[candidates, one] - logits[candidates, other]
    return [candidates[tilt.argmax()].item(), candidates[tilt.argmin()].item()]


def _picture(ax, image, label=None):
    ax.imshow(image.view(28, 28).cpu().numpy(), cmap="gray_r")
    ax.set(xticks=[], yticks=[], ylabel=label)


def _answer(ax, p, colour, top):
    ax.bar(range(10), p.cpu().numpy(), color=plots.COLOURS[colour])
    ax.set(xticks=range(10), ylim=(0, top))
    ax.grid(visible=False)
    ax.tick_params(length=0)


def teacher_and_students(image, answer, label, errors):
    """One image on its way to a teacher and two students.

    Args:
        image: 784 pixels.
        answer: the teacher's soft targets for it, (classes,).
        label: its class, in a word.
        errors: test errors of the student of labels, and of that of answers.
    """
    canvas = diagrams.Canvas(height=440)
    canvas.axes.imshow(image.view(28, 28).cpu().numpy(), cmap="gray_r", extent=(20, 170, 300, 150), zorder=3)
    canvas.axes.set(xlim=(0, canvas.width), ylim=(canvas.height, 0))
    teacher = canvas.box(230, 30, "teacher\n784–300–100–10", width=240, height=110, fill="fp32", colour="fp32")
    truth = canvas.box(560, 310, f"label: {label}", width=240, height=80)
    by_answers = canvas.box(900, 30, "student\n784–30–30–10", width=240, height=90)
    by_labels = canvas.box(900, 285, "student\n784–30–30–10", width=240, height=90)
    for n, p in enumerate((answer / answer.max()).tolist()):
        canvas.axes.add_patch(Rectangle((568 + 23 * n, 140 - 100 * p), 18, 100 * p, color=plots.COLOURS["orange"]))
    canvas.text(680, 172, "ten probabilities")
    canvas.wire((175, 190), teacher.left)
    canvas.wire((175, 260), truth.left, dashed=True)
    canvas.wire(teacher.right, (558, 85), meaning="fp32")
    canvas.wire((805, 80), by_answers.left, meaning="fp32")
    canvas.wire(truth.right, by_labels.left)
    for student, wrong in ((by_labels, errors[0]), (by_answers, errors[1])):
        canvas.text(student.bottom[0], student.bottom[1] + 30, f"{wrong:,} errors", size=32, bold=True)
    plots.show(
        canvas.figure(),
        alt=f"One image goes to the teacher, a network with layers of 784, 300, 100 and 10; its ten probabilities go to a student with layers of "
        f"784, 30, 30 and 10, which makes {errors[1]:,} errors. The label of the image goes to another student of this size, which makes {errors[0]:,}.",
        caption="Two students, alike at the start. The upper one never sees a label (its targets as drawn: T = 8, which section 2 explains).",
    )


def answer_by_temperature(image, logits):
    """An image and the teacher's answer for it at six temperatures."""
    frames, told = [], []
    for T in TEMPERATURES:
        fig, (left, right) = plots.figure(columns=2, size=(11, 3.7))
        p = F.softmax(logits / T, 0)
        _picture(left, image)
        _answer(right, p, "orange", 1.05)
        right.set(xlabel="class", ylabel="probability", title=f"T = {T}")
        frames.append(fig)
        first, second = p.topk(2).values.tolist()
        told.append(f"An image and ten bars at T = {T}: the highest is {first:.2f}, the next {second:.2f}.")
    caption = "One image on which the teacher was trained, and the teacher's answer for it."
    plots.show(frames, alt=told, caption=caption, slider="T", values=TEMPERATURES)


def two_answers(images, logits, classes, shown, one, other):
    """Two images with the same label, and the teacher's answers for them at T = 1 and T = 8.

    Args:
        images, logits: of the two, (2, 784) and (2, classes).
        classes: their names.
        shown, one, other: the classes that chose the two images.
    """
    fig, axes = plots.figure(rows=2, columns=3, size=(11.4, 4.6))
    for row, image, z in zip(axes, images, logits, strict=True):
        _picture(row[0], image, f"label: {classes[shown]}")
        for ax, T in zip(row[1:], (1, 8), strict=True):
            _answer(ax, F.softmax(z / T, 0), "sky" if T == 1 else "orange", 1.05 if T == 1 else 0.6)
    axes[0, 1].set_title("T = 1")
    axes[0, 2].set_title("T = 8")
    second = [z.topk(2).indices[1].item() for z in logits]
    plots.show(
        fig,
        alt=f"Two images of class {shown}, each with the teacher's probabilities at T = 1 and T = 8. At T = 8 the second highest bar is class "
        f"{second[0]} for the first image and class {second[1]} for the other.",
        caption=f"Bars: probability of each class. Of the surer half of the class, the two at the ends: largest and smallest logit of {classes[one]} minus logit of {classes[other]}.",
    )


def pushes(student, targets):
    """For each target the differences from what a student says: how one training step pushes its logits.

    Args:
        student: its probabilities, (classes,).
        targets: name -> probabilities (classes,).
    """
    fig, axes = plots.figure(columns=len(targets), size=(6.4, 4.2))
    told = []
    for ax, (name, target) in zip(axes, targets.items(), strict=True):
        push = (target - student).tolist()
        places = range(1, len(push) + 1)
        colours = [plots.COLOURS["green" if p > 0 else "purple"] for p in push]
        ax.bar(places, push, color=colours)
        for at, p in zip(places, push, strict=True):
            ax.annotate(f"{p:+.2f}", (at, p), textcoords="offset points", xytext=(0, 8 if p > 0 else -22), ha="center")
        ax.axhline(0, color=plots.COLOURS["black"])
        ax.set(title=name, xticks=places, xlabel="class", ylim=(-0.5, 0.6), yticks=[])
        told.append(f"{name} {', '.join(f'{p:+.2f}' for p in push)}")
    plots.show(
        fig,
        alt=f"Bars, how a step pushes the three logits of the student: {'; '.join(told)}.",
        caption="Target minus what the student says: a step moves each logit in this direction.",
    )


def gradient_by_temperature(norms, label_norm):
    """The norm of the soft part's gradient over the temperature, with T² and without.

    Args:
        norms: temperature -> norm without T².
        label_norm: that of the label part.
    """
    fig, ax = plots.figure(size=(5.8, 4.2))
    ax.plot(list(norms), list(norms.values()), "o-", color=plots.COLOURS["blue"], label="soft part, without T²")
    ax.plot(
        list(norms),
        [norm * T**2 for T, norm in norms.items()],
        "s-",
        color=plots.COLOURS["orange"],
        label="soft part, times T²",
    )
    ax.axhline(label_norm, color=plots.COLOURS["black"], linestyle="--", label="label part")
    ax.set(xscale="log", yscale="log", xlabel="temperature", ylabel="norm of the gradient")
    ax.set_xticks([1, 2, 4, 10, 20, 50, 100], ["1", "2", "4", "10", "20", "50", "100"])
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_xticks([], minor=True)
    ax.legend(loc="lower left")
    plots.show(
        fig,
        alt=f"Norm of the gradient over temperature on logarithmic axes. Without T squared it falls by a factor of {norms[10] / norms[100]:.0f} from 10 "
        "to 100. Times T squared it rises at first and is flat from about 10 on. The label part is a horizontal line.",
        caption="An untrained student and the real teacher, 1,000 images.",
    )


def loss_graph():
    """Teacher and student on the way to the loss, and then the gradients of the way back."""
    ways = "An image goes to teacher and student; both logits, over T, to the soft part; the student's and the label to the label part."
    plots.show(
        [_loss_graph(back=False), _loss_graph(back=True)],
        alt=[ways, ways + " Green arrows lead from the loss back to the student; none goes to the teacher."],
        caption="The forward pass, then the gradients (green).",
    )


def _loss_graph(back):
    canvas = diagrams.Canvas(height=430)
    box, across = canvas.box, {"height": 80}
    image, label = box(20, 170, "image", width=130, **across), box(780, 240, "label", width=190, height=54)
    who = ((45, "teacher\nlogits v"), (265, "student\nlogits z"))
    large, small = (box(220, y, words, width=190, **across) for y, words in who)
    soft_v, soft_z = (box(490, y, "÷ T, softmax", width=210, **across) for y in (45, 190))
    plain_z, ce = box(490, 330, "softmax", width=210, **across), box(780, 330, "(1 − α) · CE", width=190, **across)
    kl, loss = box(780, 115, "α T² · KL", width=190, **across), box(1050, 230, "loss", width=130, **across)
    ways = [(soft_z, kl), (small, soft_z), (small, plain_z), (plain_z, ce), (kl, loss), (ce, loss)]
    for one, other in [(image, large), (image, small), (large, soft_v), (soft_v, kl), *(() if back else ways)]:
        canvas.wire(one.right, other.left)
    canvas.wire(label.bottom, ce.top)
    for one, other in ways if back else ():
        canvas.wire(other.left, one.right, meaning="gradient", thick=5)
    canvas.text(315, 20, "detached: no gradient")
    return canvas.figure()


def mixtures(errors):
    """Bars of the mean errors of students taught with and without T², by the teacher alone and half by labels.

    Args:
        errors: (alpha, with T²) -> test errors of the students, and "labels" -> those of students of labels alone.
    """
    arms = {
        (1.0, True): "teacher\nalone\nwith T²",
        (1.0, False): "teacher\nalone\nwithout T²",
        (0.5, True): "half\nlabels\nwith T²",
        (0.5, False): "half\nlabels\nwithout T²",
    }
    fig, ax = plots.figure(size=(6.6, 4.6), layout="none")
    black, with_labels = plots.COLOURS["black"], statistics.mean(errors["labels"])
    most = 1.2 * max(map(max, errors.values()))
    ax.axhspan(min(errors["labels"]), max(errors["labels"]), color=plots.COLOURS["grey"], alpha=0.3, lw=0)
    ax.axhline(with_labels, color=black, linestyle="--")
    ax.text(-0.55, max(errors["labels"]) + 0.02 * most, f"labels alone: {with_labels:.0f} test errors", va="bottom")
    for place, (arm, words) in enumerate(arms.items()):
        own, mean = errors[arm], statistics.mean(errors[arm])
        ax.bar(place, mean, width=0.6, color=plots.COLOURS["orange"])
        ax.plot([place, place], [min(own), max(own)], color=black, lw=4)
        ax.text(place, 0.3 * most, f"{mean:.0f}", color="white", ha="center", va="center", size=20)
        ax.text(place, -0.03 * most, words, ha="center", va="top")
    ax.set(position=(0.02, 0.27, 0.96, 0.7), xlim=(-0.6, 3.6), ylim=(0, most), xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    told = [f"{' '.join(words.split())} {counts(errors[arm])}" for arm, words in arms.items()]
    plots.show(
        fig,
        alt=f"Test errors at T = 20, a bar for each mean (lowest to highest): {'; '.join(told)}; a line for labels alone {counts(errors['labels'])}.",
        caption=f"T = 20. Bars and dashed line: mean of {len(errors['labels'])} students; strokes and grey band: lowest to highest.",
    )


class OnTheWay:
    """Counts the errors of all students at some steps while they learn; `teach_all` calls it after each step.

    Args:
        held: images and labels on which a stop is chosen.
        test: those on which it is judged.
    """

    def __init__(self, held, test):
        self.sets, self.seen = (held, test), []

    @torch.no_grad()
    def __call__(self, step, steps, logits):
        if step in STOPS or step == steps:
            wrong = ((logits(images).argmax(3) != labels).sum(2).tolist() for images, labels in self.sets)
            self.seen.append((step, *wrong))

    def of(self, arm):
        """For each student of the arm with this number its (step, held-out errors, test errors)."""
        students = range(len(self.seen[0][1]))
        return [[(step, held[s][arm], test[s][arm]) for step, held, test in self.seen] for s in students]


def at_best_stops(curves):
    """Test errors of each student at the stop where it makes fewest errors on the held-out images."""
    return [min(curve, key=lambda point: point[1])[2] for curve in curves]


def targets_of(arms, image):
    """What each of six arms says of one image.

    Args:
        arms: name -> arm.
        image: its number.
    """
    fig, axes = plots.figure(rows=2, columns=3, size=(12, 5))
    for ax, (name, arm) in zip(axes.flat, arms.items(), strict=True):
        warm = arm.T > 1
        _answer(ax, arm.targets[image], "orange" if warm else "sky", 0.6 if warm else 1.05)
        ax.set_title(name)
    plots.show(
        fig,
        alt="Targets of one image in six arms. Labels: one bar of 1. Smoothed: one high bar, nine low ones alike. Shuffled and soft: bars of the same "
        "heights, the lower ones dealt out by lot. Class mean and another image: other heights.",
        caption="The first of the two images of section 2. Blue: without a teacher; orange: from the teacher's answers at T = 8, on another scale.",
    )


def arms_table(errors, curves, n_test):
    """Errors of each arm at the end, over those with labels, and at its best stop.

    Args:
        errors: name -> errors of its students at the end.
        curves: name -> what `OnTheWay.of` gives.
        n_test: how many test images there are.
    """
    with_labels = statistics.mean(errors["labels"])
    rows = [
        [name, counts(own), f"{statistics.mean(own) / with_labels:.2f}", counts(at_best_stops(curves[name]))]
        for name, own in errors.items()
    ]
    return Table(
        ["taught with", "errors after 1,000 steps", "÷ labels", "errors, each at its best stop"],
        rows,
        caption=f"Errors on {n_test:,} test images, mean of {len(errors['labels'])} students (lowest to highest). Best stop: of "
        f"{', '.join(f'{stop:,}' for stop in STOPS)} steps the one with fewest errors on held-out images",
    )


def errors_by_steps(curves):
    """Test errors of each arm over the steps.

    Args:
        curves: name -> what `OnTheWay.of` gives.
    """
    fig, ax = plots.figure(size=(5.8, 4.3))
    told = []
    for name, of_arm in curves.items():
        steps = [step for step, *_ in of_arm[0]]
        runs = list(zip(*([point[2] for point in curve] for curve in of_arm), strict=True))
        colour = plots.COLOURS[ARM_COLOURS[name]]
        ax.fill_between(steps, list(map(min, runs)), list(map(max, runs)), color=colour, alpha=0.15, lw=0)
        ax.plot(steps, list(map(statistics.mean, runs)), "o-", color=colour, label=name)
        told.append(f"{name} {statistics.mean(runs[0]):.0f} at first, {statistics.mean(runs[-1]):.0f} at the end")
    ax.set(xlabel="steps", ylabel="test errors", xscale="log")
    ax.set_xticks(steps, [str(step) for step in steps])
    ax.set_xticks([], minor=True)
    ax.set_ylim(top=1.3 * ax.get_ylim()[1])
    ax.legend(ncols=2, loc="upper right", columnspacing=0.8, handlelength=1)
    plots.show(
        fig,
        alt=f"Test errors over steps for six arms: {'; '.join(told)}.",
        caption=f"Mean of {len(next(iter(curves.values())))} students, and lowest to highest.",
    )


def errors_by_rate(by_rate):
    """Test errors of three arms over the learning rate.

    Args:
        by_rate: learning rate -> name of the arm -> errors of its students.
    """
    fig, ax = plots.figure(size=(6.2, 4.4))
    rates, told = sorted(by_rate), []
    for name in ("labels", "even", "soft"):
        runs = [by_rate[rate][name] for rate in rates]
        colour = plots.COLOURS[ARM_COLOURS[name]]
        ax.fill_between(rates, list(map(min, runs)), list(map(max, runs)), color=colour, alpha=0.15, lw=0)
        ax.plot(rates, list(map(statistics.mean, runs)), "o-", color=colour, label=name)
        told.append(
            f"{name} {', '.join(f'{statistics.mean(run):.0f} at {rate:g}' for run, rate in zip(runs, rates, strict=True))}"
        )
    ax.set(xlabel="learning rate", ylabel="test errors", xscale="log", ylim=(0, None))
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.set_xticks([], minor=True)
    ax.legend(loc="lower left")
    plots.show(
        fig,
        alt=f"Test errors over the learning rate for three arms: {'; '.join(told)}.",
        caption=f"Mean of {len(runs[0])} students, and lowest to highest; 1,000 steps.",
    )

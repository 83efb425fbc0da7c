"""Checks of the lesson `students`: a class that was never seen, its threshold and its confusion; what took a gain away."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from statistics import mean, median
from types import SimpleNamespace

import torch
from hypothesis import strategies as st
from torch import Tensor

from course_utils.exercises.bests import trimmed
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import tensors
from course_utils.exercises.investigation import Run, World, comes_out, investigate
from course_utils.exercises.search import compare
from course_utils.exercises.values import ARRAYS, SEQUENCES, is_number


@st.composite
def _two_networks(draw: Callable) -> tuple[Tensor, Tensor, int]:
    """(z_student, z_teacher, missing): the teacher names the class for some images, not for all; no ties anywhere."""
    n, classes = draw(st.integers(2, 6)), draw(st.integers(2, 4))
    missing = draw(st.integers(0, classes - 1))
    k = draw(st.integers(1, n - 1))
    named = draw(st.permutations([True] * k + [False] * (n - k)))
    teacher = []
    for is_missing in named:
        order = list(draw(st.permutations(range(classes - 1))))  # ranks of the other classes
        place = classes - 1 if is_missing else draw(st.integers(0, classes - 2))
        ranks = [rank + (rank >= place) for rank in order]
        ranks.insert(missing, place)
        teacher.append([rank * 0.75 for rank in ranks])
    margins = draw(st.lists(st.integers(-24, 16), min_size=n, max_size=n, unique=True))
    student = []
    for margin in margins:
        others = draw(st.lists(st.integers(-8, 8), min_size=classes - 1, max_size=classes - 1))
        others.insert(missing, max(others) + margin)
        student.append([0.25 * logit for logit in others])
    return torch.tensor(student), torch.tensor(teacher), missing


@check(
    "Exercise 1, A threshold without labels",
    why="A bias moves the threshold, and which images lie right of it is decided by the order of their margins alone. So the k images "
    "with the highest margins are named as soon as -b lies between the k-th margin and the next.",
)
def bias_for(answer: Callable) -> None:
    """``bias_for(z_student, z_teacher, missing) -> number``."""

    def margins_of(z, missing):
        others = z.double().index_fill(1, torch.tensor([missing]), -torch.inf)
        return z[:, missing].double() - others.amax(1)

    def named(z, missing):
        return int((z.argmax(1) == missing).sum())

    def between(ordered, k):
        """The middle of the k-th and the next of the margins; beyond the ends one of them counts twice."""
        places = [min(max(place, 0), len(ordered) - 1) for place in (k - 1, k)]
        return -sum(ordered[place] for place in places).item() / 2

    def rule(
        *,
        margins=margins_of,
        count=lambda student, teacher, missing: named(teacher, missing),
        ordered=lambda m: m.sort(descending=True).values,
        number=between,
    ):
        return lambda z, t, missing: number(ordered(margins(z, missing)), count(z, t, missing))

    def view(value, z_student, z_teacher, missing):
        with contextlib.suppress(Exception):  # whatever it is, it is told below
            if is_number(value):
                return float(value)
        raise Mistake("Your function did not return a number.", "Return the bias b, a single number.")

    def with_itself(z, missing):
        return z[:, missing].double() - z.double().amax(1)

    def by_mean_margin(z, t, missing):
        return (margins_of(t, missing).mean() - margins_of(z, missing).mean()).item()

    def by_mean_logit(z, t, missing):
        return (t[:, missing].double().mean() - z[:, missing].double().mean()).item()

    def of_the_same_images(z, t, missing):
        """Halfway between the lowest margin of the images that the teacher names and the highest of the others."""
        chosen, margins = t.argmax(1) == missing, margins_of(z, missing)
        return -(margins[chosen].min() + margins[~chosen].max()).item() / 2

    wrong = {
        "Your b has the wrong sign. An image is named where its margin + b is above 0, so b is the margin's opposite.": rule(
            number=lambda m, k: -between(m, k)
        ),
        "You sort the margins with the lowest first. A bias wins the images with the highest margins first.": rule(
            ordered=lambda m: m.sort().values
        ),
        "You are one rank too far: you take the two margins that follow the k-th. It must be the k-th and the one after it.": rule(
            number=lambda m, k: between(m, k + 1)
        ),
        "You are one rank short: you take the k-th margin and the one before it. It must be the k-th and the one after it.": rule(
            number=lambda m, k: between(m, k - 1)
        ),
        "Your b is the border itself, where a margin + b is exactly 0. Return the middle between this border and the next.": (
            rule(number=lambda m, k: -m[k - 1].item()),
            rule(number=lambda m, k: -m[k].item()),
        ),
        "You add the two margins and forget to halve the sum.": rule(number=lambda m, k: 2 * between(m, k)),
        "The highest logit that you subtract is that of all classes. It must be the highest of the *others*, without the "
        "missing class.": rule(margins=with_itself),
        "You leave out the other classes. The margin is the logit of the class less the highest of its others.": rule(
            margins=lambda z, missing: z[:, missing].double()
        ),
        "You subtract the mean of the other logits. The margin takes the highest of them.": rule(
            margins=lambda z, missing: (
                z[:, missing].double() - (z.double().sum(1) - z[:, missing].double()) / (z.shape[1] - 1)
            )
        ),
        "You count how often the student names the class without a bias. The teacher says how often.": rule(
            count=lambda z, t, missing: named(z, missing)
        ),
        "You take the margins of the teacher. The bias is added to the student's logits, so its margins count.": (
            lambda z, t, missing: rule()(t, t, missing)
        ),
        "You make the means of student and teacher equal. That does not make them name the class equally often.": (
            by_mean_margin,
            by_mean_logit,
        ),
        "You look at the margins of the very images that the teacher names. Only *how many* it names counts here: the "
        "highest margins are taken, of whatever images.": of_the_same_images,
        "You count images where the logit of the class is above 0. A network names the class with the highest logit.": rule(
            count=lambda z, t, missing: int((t[:, missing] > 0).sum())
        ),
    }
    small = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    student = [[5.0, 0.5, 4.0], [1.0, 6.0, 1.0], [2.0, 6.0, 4.5], [3.0, 1.0, 3.5], [0.0, 7.0, -1.0]]
    teacher = [[1.0, 0.0, 4.0], [5.0, 2.0, 1.0], [0.0, 2.0, 6.0], [2.0, 1.0, 3.0], [0.0, 4.0, 3.0]]
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        view=view,
        names=("z_student", "z_teacher", "missing"),
        edges=[(small, small, 1), (torch.tensor(student), torch.tensor(teacher), 2)],
        inputs=_two_networks(),
        atol=1e-6,
    )


@st.composite
def _confusions(draw: Callable) -> tuple[Tensor, int]:
    """(confusion, missing): counts; of the missing class at least one image is taken for another."""
    classes = draw(st.integers(2, 4))
    counts = draw(tensors((classes, classes), st.integers(0, 20), draw(st.sampled_from([torch.int64, torch.int32]))))
    missing = draw(st.integers(0, classes - 1))
    if draw(st.integers(0, 4)) == 4:
        counts[:, missing] = 0  # the student may never name a class that it never saw
    taken_for = (missing + draw(st.integers(1, classes - 1))) % classes
    counts[missing, taken_for] += 1
    return counts, missing


@check(
    "Exercise 3, Read the confusion of the missing class",
    why="A row holds all images of one true class, so shares of a class divide by the sum of its row. Errors stand off the "
    "diagonal, and the row without it says what the class is taken for.",
)
def missing_class(answer: Callable) -> None:
    """``missing_class(confusion, missing) -> (share, class, share)``."""

    def known(m, c):
        """What the sums of a matrix are: hits, images and errors of the class, all errors, all images."""
        off = m - torch.diag(m.diagonal())
        numbers_of_class = {"hits": m[c, c].item(), "images": m[c].sum().item(), "errors": off[c].sum().item()}
        whole = {
            "failed": off.sum().item(),
            "every": m.sum().item(),
            "row": off[c],
            "column": off[:, c],
            "c": c,
            "m": m,
        }
        return SimpleNamespace(**numbers_of_class, **whole)

    def rule(
        *,
        first=lambda k: k.hits / max(1, k.images),
        second=lambda k: k.row.argmax().item(),
        third=lambda k: k.errors / k.failed,
    ):
        return lambda m, c: tuple(part(known(m, c)) for part in (first, second, third))

    def view(value, m, c):
        with contextlib.suppress(Exception):  # whatever it is, it is told below
            recognised, taken_for, blame = value if isinstance(value, (*ARRAYS, *SEQUENCES)) else ()
            if all(map(is_number, (recognised, taken_for, blame))):
                row = known(m, c).row.tolist()
                most = [j for j, count in enumerate(row) if count == max(row)]  # of several any
                named = most[0] if float(taken_for) in most else float(taken_for)
                return float(recognised), named, float(blame)
        raise Mistake("Your function did not return three numbers.", "Return (share, class, share).")

    def in_order(*places):
        return lambda m, c: tuple(rule()(m, c)[place] for place in places)

    def diagonal_gone(m, c):
        """The diagonal entry is set to 0 before anything is divided."""
        return rule()(torch.where(torch.eye(len(m), dtype=torch.bool) & (torch.arange(len(m)) == c), 0, m), c)

    wrong = {
        "You read the column: what was taken for the missing class. A row is one true class.": lambda m, c: rule()(
            m.T, c
        ),
        "Your three results are right, but in another order. Return (share recognised, class, share of all errors).": (
            in_order(1, 0, 2),
            in_order(1, 2, 0),
            in_order(0, 2, 1),
            in_order(2, 0, 1),
        ),
        "You set the diagonal to 0 before you read it: nothing is recognised then. Read it first, or change a copy.": (
            diagonal_gone
        ),
        "The first number divides by the column: what the student calls this class. Divide by the images of the class, the "
        "sum of its row.": rule(first=lambda k: k.hits / max(1, k.hits + k.column.sum().item())),
        "The first number is the share of all that is right. Divide by the images of the missing class.": rule(
            first=lambda k: k.hits / max(1, k.every - k.failed)
        ),
        "The first number compares what is recognised with what is not. Divide by all images of the class.": rule(
            first=lambda k: k.hits / k.errors
        ),
        "You count classes from 1. The class is an index of the matrix, from 0 on.": rule(
            second=lambda k: k.row.argmax().item() + 1
        ),
        "The class that you name is the one that is chosen least often. The most frequent one is asked.": (
            rule(second=lambda k: k.row.argmin().item()),
            rule(second=lambda k: k.m[k.c].argmin().item()),
        ),
        "You name the second largest of the row. The diagonal need not be the largest: leave it out, and take the largest.": (
            rule(second=lambda k: k.m[k.c].argsort()[-2].item())
        ),
        "The class that you name is what is chosen most often in the whole matrix. Look at the row of the missing class.": (
            rule(second=lambda k: (k.m - torch.diag(k.m.diagonal())).sum(0).argmax().item()),
            rule(second=lambda k: (k.m - torch.diag(k.m.diagonal())).argmax().item() % len(k.m)),
        ),
        "You add both directions, the row and the column. Only the row holds images of the missing class.": rule(
            second=lambda k: (k.row + k.column).argmax().item()
        ),
        "You compare the errors on that class with those on the others. Divide by all errors.": rule(
            third=lambda k: k.errors / max(1, k.failed - k.errors)
        ),
        "Your last number is upside down: the errors on that class stand above, all errors below.": rule(
            third=lambda k: k.failed / k.errors
        ),
        "Your shares are whole numbers: // divides without a rest. A share needs /.": rule(
            first=lambda k: k.hits // max(1, k.images), third=lambda k: k.errors // k.failed
        ),
        "Your last number is the share of all images that are errors. Asked is the part of the errors that lies on the missing "
        "class.": rule(third=lambda k: k.failed / k.every),
        "The class that you name is the missing class itself: that is the diagonal, which is right. Leave it out.": rule(
            second=lambda k: k.m[k.c].argmax().item()
        ),
        "The class that you name is most often taken for the missing one. Asked is the other way: look at the row.": (
            rule(second=lambda k: k.column.argmax().item())
        ),
        "You return how often the class is chosen. Return which one it is.": rule(second=lambda k: k.row.max().item()),
        "You count the classes without the missing one: those behind it then have another number.": rule(
            second=lambda k: torch.cat([k.row[: k.c], k.row[k.c + 1 :]]).argmax().item()
        ),
        "You divide the errors of that class by its images. The question is about the share of all errors.": rule(
            third=lambda k: k.errors / k.images
        ),
        "You divide the errors of that class by all images. Errors are what stands off the diagonal.": rule(
            third=lambda k: k.errors / k.every
        ),
        "You divide by what is right, the diagonal. Errors are what stands off it.": rule(
            third=lambda k: k.errors / (k.every - k.failed)
        ),
        "The diagonal is right: it is not among the errors of the class.": rule(third=lambda k: k.images / k.failed),
        "You count false alarms, the column, among the errors of the class. Its errors stand in its row.": rule(
            third=lambda k: k.column.sum().item() / k.failed
        ),
        "You count false alarms besides: an image of another class is no error on this one.": rule(
            third=lambda k: (k.errors + k.column.sum().item()) / k.failed
        ),
        "The last number counts one kind of mistake. All errors on the class count, whatever it is taken for.": rule(
            third=lambda k: k.row.max().item() / k.failed
        ),
        "You return the share of errors on other classes. The last number is that of the missing class.": rule(
            third=lambda k: 1 - k.errors / k.failed
        ),
        "You return the share that was missed first. It is the share recognised.": rule(
            first=lambda k: k.errors / k.images
        ),
        "The first number is the share right of all images. It is that of the missing class.": rule(
            first=lambda k: 1 - k.failed / k.every
        ),
        "The first number is a share of the class: divide by the sum of its row, not by all images.": rule(
            first=lambda k: k.hits / k.every
        ),
        "You return counts. The first and the last number are shares.": rule(
            first=lambda k: k.hits, third=lambda k: k.errors
        ),
        "You return percent. Return shares from 0 to 1.": rule(
            first=lambda k: 100 * k.hits / k.images, third=lambda k: 100 * k.errors / k.failed
        ),
        "You have the shares the wrong way round: the one that is recognised comes first.": lambda m, c: rule()(m, c)[
            ::-1
        ],
    }
    edges = [
        (torch.tensor([[8, 0, 2], [1, 9, 0], [6, 4, 0]]), 2),
        (torch.tensor([[1, 1], [1, 1]]), 0),
        (torch.tensor([[50, 3, 0, 7], [2, 60, 5, 0], [9, 4, 80, 11], [1, 0, 6, 70]]), 2),
    ]
    names = ("confusion", "missing")
    compare(answer, right=rule(), wrong=wrong, names=names, edges=edges, inputs=_confusions(), view=view)


TAUGHT, IMAGES, STEPS = ("labels", "teacher"), (1_000, 50_000), (100, 1_000)
SAID = ("images", "steps", "both", "neither")
CHANGED = {"images": (50_000, 1_000), "steps": (1_000, 100)}  # what is changed alone -> (images, steps)
WITH_LABELS = {(1_000, 1_000): 1250.0, (50_000, 1_000): 470.0, (1_000, 100): 1340.0, (50_000, 100): 1060.0}
FIRST = 0.37  # the gain with 1,000 images and 1,000 steps


def _gain(runs: Sequence[Run], images: int, steps: int, pick: Callable = mean) -> float | None:
    """The gain of one plan by the runs; None where it was not run."""
    own = {
        taught: [
            run.result
            for run in runs
            if run.arm == taught and run.settings["images"] == images and run.settings["steps"] == steps
        ]
        for taught in TAUGHT
    }
    return 1 - pick(own["teacher"]) / pick(own["labels"]) if all(own.values()) else None


def _mean_of_gains(runs: Sequence[Run], images: int, steps: int) -> float:
    """The mean of the gains of single students, which is not the gain of the card."""
    own = [run for run in runs if (run.settings["images"], run.settings["steps"]) == (images, steps)]
    found = {taught: {run.settings["seed"]: run.result for run in own if run.arm == taught} for taught in TAUGHT}
    return mean(1 - found["teacher"][seed] / found["labels"][seed] for seed in found["labels"])


def _follows(runs: Sequence[Run]) -> str | None:
    """What the card concludes from the runs; None where a gain lies at the border."""
    gains = {changed: _gain(runs, *plan) for changed, plan in CHANGED.items()}
    if any(abs(gain - 0.2) < 1e-9 for gain in gains.values()):
        return None
    return _named(*(gain <= 0.2 for gain in gains.values()))


def _named(by_images: bool, by_steps: bool) -> str:
    if by_images and by_steps:
        return "both"
    return "images" if by_images else "steps" if by_steps else "neither"


def _to_tens(found: Sequence[float]) -> float:
    return max(10.0, round(mean(found), -1))


def _said_of(runs: Sequence[Run], got: str) -> str:
    """The gains of the two plans by the learner's own runs, and which step of the rule would give `got`."""
    gains = {changed: _gain(runs, *plan) for changed, plan in CHANGED.items()}
    told = (
        f"With the images changed alone the gain is {gains['images']:.2f}, with the steps changed alone {gains['steps']:.2f}; "
        "it is lost if it is 0.2 or less."
    )
    saved = {changed: WITH_LABELS[plan] * gains[changed] for changed, plan in CHANGED.items()}
    others = {
        "if a gain of 0.18 or 0.19 is already enough, or half of the first gain": _named(
            *(gain <= 0.185 for gain in gains.values())
        ),
        "if what is saved is divided by the mean of both errors": _named(
            *(2 * gain / (2 - gain) <= 0.2 for gain in gains.values())
        ),
        "if the gains are rounded": _named(*(round(gain, 2) <= 0.2 for gain in gains.values())),
        "if the mean errors are rounded to tens": _named(
            *((_gain(runs, *p, _to_tens) or 0) <= 0.2 for p in CHANGED.values())
        ),
        "if the best and the worst student are left out": _named(
            *((_gain(runs, *p, trimmed) or 0) <= 0.2 for p in CHANGED.values())
        ),
        "if 'images' and 'steps' are exchanged": _named(*(gain <= 0.2 for gain in reversed(gains.values()))),
        "if a gain above 0.2 is called lost": _named(*(gain > 0.2 for gain in gains.values())),
        "if a gain of 0.1 is already enough": _named(*(gain <= 0.1 for gain in gains.values())),
        "if a gain of 0.25 or 0.3 is asked for": _named(*(gain <= 0.27 for gain in gains.values())),
        "if any gain above 0 is enough": _named(*(gain <= 0 for gain in gains.values())),
        "if the size of a change counts, whatever its sign": _named(*(abs(gain) <= 0.2 for gain in gains.values())),
        "if the errors that are saved are compared, and not their share": _named(
            *(saved[changed] <= 0.2 * WITH_LABELS[1_000, 1_000] for changed in CHANGED)
        ),
        "if the gains of the students are averaged, and not their errors": _named(
            *(_mean_of_gains(runs, *plan) <= 0.2 for plan in CHANGED.values())
        ),
        "if the median is taken": _named(*((_gain(runs, *p, median) or 0) <= 0.2 for p in CHANGED.values())),
        "if the best student is taken": _named(*((_gain(runs, *p, min) or 0) <= 0.2 for p in CHANGED.values())),
        "if the worst student is taken": _named(*((_gain(runs, *p, max) or 0) <= 0.2 for p in CHANGED.values())),
        "if one student is taken": _named(
            *((_gain(runs, *p, lambda found: found[0]) or 0) <= 0.2 for p in CHANGED.values())
        ),
    }
    fits = [how for how, conclusion in others.items() if conclusion == got]
    return told + comes_out(got, fits[:5])


def _family(
    said: str,
    right: str | tuple[str, ...],
    images: float,
    steps: float,
    together: float,
    uneven: float = 0.0,
    every: int = 3,
    level: float = 1.0,
    hint: str = "Compare each of the two gains with 0.2.",
) -> World:
    """Made-up students.

    Args:
        said: what is planted.
        right: the conclusion.
        images, steps, together: gains where the images, the steps, or both are changed.
        uneven: one student of `every` is worse by this factor with both targets, and gains by it less or more than others.
        every: three or more.
        level: all errors are multiplied by it.
        hint: for a conclusion that no rule refuses.
    """
    gains = {(1_000, 1_000): FIRST, CHANGED["images"]: images, CHANGED["steps"]: steps, (50_000, 100): together}

    def measure(taught: str, number: int, *, images: float, steps: float, seed: float) -> float:
        for word, value, known in (("images", images, IMAGES), ("steps", steps, STEPS)):
            if value not in known:
                raise ValueError(f"{word} must be {known[0]:,} or {known[1]:,}, got {value:g}.")
        student = 1 + 0.01 * ((seed * 7919) % 7 - 3)
        luck = 1 + 0.001 * ((31 * seed + 11 * TAUGHT.index(taught)) % 5 - 2)
        gain = gains[images, steps]
        if uneven:
            odd = math.floor(abs(seed)) % every == 1
            student *= 1 + abs(uneven) * odd
            gain += uneven * (0.3 if odd else -0.3)
        errors = WITH_LABELS[images, steps] * (1 - gain if taught == "teacher" else 1)
        return level * errors * student * luck

    return World(said, right, measure, hint)


FAMILIES = (
    _family(
        "the gain is 0.36 with more images, 0.28 with fewer steps, and 0.05 with both", "neither", 0.36, 0.28, 0.05
    ),
    _family("the gain is 0.36 with more images and 0.04 with fewer steps", "steps", 0.36, 0.04, 0.0),
    _family("the gain is 0.11 with more images and 0.12 with fewer steps", "both", 0.11, 0.12, 0.1),
    _family("the gain is 0.18 with more images and 0.22 with fewer steps", "images", 0.18, 0.22, 0.05),
    _family("the teacher does harm with few steps, a gain of -0.6", "steps", 0.3, -0.6, -0.2),
    _family("one student of three is much worse than the others, and gains more", SAID, 0.2, 0.3, 0.0, uneven=1.5),
    _family("one student of three is much worse than the others, and gains less", SAID, 0.3, 0.2, 0.1, uneven=-1.2),
    _family("the gain is 0.1 with more images, 0.1 with fewer steps, and 0.3 with both", "both", 0.1, 0.1, 0.3),
    _family("the gain is 0.195 with more images and 0.203 with fewer steps", "images", 0.195, 0.203, 0.05),
    _family(
        "the errors are a tenth of those of the other families; the gain is 0.22 with more images and 0.1 with fewer steps",
        "steps",
        0.22,
        0.1,
        0.05,
        level=0.1,
    ),
    _family(
        "one student of five makes twice the errors of the others, and gains more",
        SAID,
        0.35,
        0.6,
        0.1,
        uneven=1.0,
        every=5,
    ),
)


def _one_thing_at_a_time(runs: Sequence[Run]) -> None:
    """Raise a `Mistake` where a plan that changes one thing alone was never run."""
    for changed, (images, steps) in CHANGED.items():
        if _gain(runs, images, steps) is None:
            other = "steps" if changed == "images" else "images"
            raise Mistake(
                f"Your experiment never changes the {changed} alone: no run has images={images}, steps={steps}.",
                f"Where the {other} change as well, nobody can say which of the two took the gain.",
            )
        seeds = {
            run.settings["seed"] for run in runs if (run.settings["images"], run.settings["steps"]) == (images, steps)
        }
        if len(seeds) < 3:
            raise Mistake(
                f"With images={images} and steps={steps} you have {len(seeds)} student{'s' * (len(seeds) > 1)}.",
                "The card asks for the mean of three or more, because students differ.",
            )


@check(
    "Exercise 2, What took the gain away?",
    why="Each of the two plans differs from the first one in one thing, so a gain that is lost there was taken by this thing. The gain "
    "is a share of the errors with labels, because more images lower these as well.",
)
def what_took_it(answer: Callable) -> None:
    """``what_took_it(errors) -> "images", "steps", "both" or "neither"``, on made-up students."""
    investigate(
        answer,
        FAMILIES,
        arms=TAUGHT,
        settings={"images": 1_000, "steps": 1_000, "seed": 0},
        least={"seed": 3},
        conclusions=SAID,
        rule=_follows,
        rule_said=_said_of,
        look=_one_thing_at_a_time,
        most_runs=2_000,
        name="errors",
    )

"""Checks of the lesson `scores`, which weights can go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, geometric_mean, median

import torch
from hypothesis import strategies as st

from course_utils.exercises.bests import midrange, trimmed
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.investigation import (
    Run,
    World,
    comes_out,
    investigate,
    numbered,
    one_alone,
    one_in_three,
)
from course_utils.exercises.search import compare

# ---- exercise 1 --------------------------------------------------------------------------------------

ARMS = ("magnitude", "wanda")
PARTS = ("score", "group", "both", "neither")
CELLS = tuple((arm, rows) for arm in ARMS for rows in (0, 1))  # what a table of the two has


def _parts(cells: Mapping[tuple[str, float], float]) -> tuple[float, float]:
    """The part of the score and that of the group, from the four cells of the table."""
    score = [cells["wanda", rows] - cells["magnitude", rows] for rows in (0, 1)]
    group = [cells[arm, 1] - cells[arm, 0] for arm in ARMS]
    return fmean(score), fmean(group)


def _named(score: float, group: float, limit: float = 1.0) -> str:
    """The conclusion for two parts."""
    if score >= limit and group >= limit:
        return "both"
    return "score" if score >= limit else "group" if group >= limit else "neither"


def _table(runs: Sequence[Run], pick: Callable = fmean) -> dict[tuple[str, float], float]:
    """The four cells, each the mean over the networks, or what `pick` makes of them."""
    return {
        (arm, rows): pick([run.result for run in runs if (run.arm, run.settings["rows"]) == (arm, rows)])
        for arm, rows in CELLS
    }


def _by_the_card(runs: Sequence[Run]) -> str | None:
    """What the card concludes from the runs; None where a part lies at the border."""
    parts = _parts(_table(runs))
    return None if any(abs(part - 1) < 1e-9 for part in parts) else _named(*parts)


def _own_parts(runs: Sequence[Run], got: str) -> str:
    """The two parts by the learner's own runs, and by which other rules the conclusion comes out."""
    cells = _table(runs)
    score, group = _parts(cells)
    told = f"By your own means the score's part is {score:.1f} points and the group's part {group:.1f}; a part counts from one point on."
    rises = {
        "from magnitude over the layer on": (
            cells["wanda", 0] - cells["magnitude", 0],
            cells["magnitude", 1] - cells["magnitude", 0],
        ),
        "score first, then group": (cells["wanda", 0] - cells["magnitude", 0], cells["wanda", 1] - cells["wanda", 0]),
        "group first, then score": (
            cells["wanda", 1] - cells["magnitude", 1],
            cells["magnitude", 1] - cells["magnitude", 0],
        ),
        "back from Wanda in the rows": (
            cells["wanda", 1] - cells["magnitude", 1],
            cells["wanda", 1] - cells["wanda", 0],
        ),
    }
    others = {f"if each part is read off once, {way}": _named(*parts) for way, parts in rises.items()}
    others["if both are named whenever the whole advantage is a point or more"] = (
        "both" if score + group >= 1 else "neither"
    )
    others["if the larger part alone is named"] = (
        "neither" if max(score, group) < 1 else "score" if score > group else "group"
    )
    others["if a part must be half of the advantage"] = _named(score, group, (score + group) / 2)
    others["if nothing counts where the whole advantage is less than a point"] = (
        _named(score, group) if score + group >= 1 else "neither"
    )
    others["if the size of a part counts, whatever its sign"] = _named(abs(score), abs(group))
    others["if score and group are exchanged"] = _named(group, score)
    others |= {
        f"if a part counts from {limit:g} points on": _named(score, group, limit) for limit in (0, 0.5, 1.25, 1.5, 2)
    }
    others["if the best and the worst network are left out"] = _named(*_parts(_table(runs, trimmed)))
    others["if the first network is left out"] = _named(*_parts(_table(runs, lambda own: fmean(own[1:] or own))))
    positive = min(run.result for run in runs) > 0
    others |= (
        {"if the geometric mean is taken in place of the mean": _named(*_parts(_table(runs, geometric_mean)))}
        if positive
        else {}
    )
    others["if the middle between best and worst is taken"] = _named(*_parts(_table(runs, midrange)))
    for word, pick in {"median": median, "best": max, "worst": min, "first": lambda own: own[0]}.items():
        others[f"if the {word} network stands in place of the mean"] = _named(*_parts(_table(runs, pick)))
    return told + comes_out(got, [rule for rule, says in others.items() if says == got][:4])


def _report(
    said: str,
    right: str | Callable[[Sequence[Run]], str | None],
    cells: tuple[float, float, float, float],
    odd: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    which: Callable[[float], bool] = one_in_three,
    scatter: float = 3.0,
) -> World:
    """Made-up networks behind a report.

    Args:
        said: what is planted.
        right: the conclusion.
        cells: percent right of magnitude over the layer and in the rows, then of Wanda.
        odd: what some networks have on top.
        which: the networks that have it.
        scatter: how far networks differ, whatever is removed, in points.
    """
    usual, more = dict(zip(CELLS, cells, strict=True)), dict(zip(CELLS, odd, strict=True))

    def measure(score: str, number: int, *, rows: float, seed: float) -> float:
        if rows not in (0, 1):
            raise ValueError(f"rows is 0 or 1, got {rows:g}.")
        network = scatter * (((seed * 7919 + 13) % 101) / 100 - 0.5)  # better or worse, whatever is removed
        chance = 0.005 * ((31 * seed + 7 * CELLS.index((score, rows))) % 5 - 2)
        return usual[score, rows] + more[score, rows] * which(seed) + network + chance

    return World(said, right, numbered(measure), "Compare each of the two parts with one point.")


REPORTS = (
    _report("Wanda's score gains 5 points in either group, and the rows nothing", "score", (80, 79.9, 85, 84.9)),
    _report("the rows gain 4 points with either score, and Wanda's score nothing", "group", (80, 84, 79.9, 83.9)),
    _report("score and rows gain two points or more each", "both", (80, 82.3, 82.7, 85)),
    _report("score and rows gain less than half a point each", "neither", (80, 80.3, 80.4, 80.7)),
    _report(
        "the score gains 3 points over the layer and 7 in the rows, and the rows cost 6 points with magnitude and 2 with Wanda",
        "score",
        (86.4, 80.5, 89.8, 87.6),
    ),
    _report("only the two together gain anything: 6 points, a half of which belongs to each", "both", (80, 80, 80, 86)),
    _report("the rows cost magnitude 2 points and gain Wanda 2", "score", (80, 78, 80.5, 82.5)),
    _report(
        "only the two together gain anything: 1.6 points, a half of which belongs to each",
        "neither",
        (80, 80, 80, 81.6),
    ),
    _report("the score gains 1.4 points and the rows 1.6", "both", (80, 81.6, 81.4, 83)),
    _report("the score gains 0.93 points and the rows 1.08", "group", (80, 81.08, 80.93, 82.01)),
    _report("the score gains 1.4 points, and the rows cost 0.6", "score", (80, 79.4, 81.4, 80.8)),
    _report("the score costs 3 points, and the rows gain 5", "group", (80, 85, 77, 82)),
    _report(
        "the score gains 0.4 points with two networks of three, and 6 with the third",
        _by_the_card,
        (80, 80.1, 80.4, 80.5),
        (0, 0, 5.6, 5.6),
    ),
    _report(
        "the score gains 1.8 points with two networks of three, and loses 4 with the third",
        _by_the_card,
        (80, 80.1, 81.8, 81.9),
        (0, 0, -5.8, -5.8),
    ),
    _report(
        "the rows gain 0.3 points with two networks of three, and 5 with the third",
        _by_the_card,
        (80, 80.3, 80.1, 80.4),
        (0, 4.7, 0, 4.7),
    ),
    _report(
        "the score gains 20 points with a single network, and nothing with the others",
        _by_the_card,
        (80, 80.1, 80.1, 80.2),
        (0, 0, 20, 20),
        one_alone,
        0.2,
    ),
    _report(
        "the score loses 20 points with a single network, and gains 1.8 with the others",
        _by_the_card,
        (80, 80.1, 81.8, 81.9),
        (0, 0, -20, -20),
        one_alone,
        0.2,
    ),
    _report(
        "the score gains 3 points with a single network, and nothing with the others",
        _by_the_card,
        (80, 80.1, 80.1, 80.2),
        (0, 0, 3, 3),
        one_alone,
        0.2,
    ),
    _report(
        "the score gains 20 points with the first network, and nothing with the others",
        _by_the_card,
        (80, 80.1, 80.1, 80.2),
        (0, 0, 20, 20),
        lambda seed: seed == 0,
        0.2,
    ),
    _report(
        "the score gains 22 points with two networks of three, and loses 33 with the third",
        _by_the_card,
        (60, 60.1, 82, 82.1),
        (0, 0, -55, -55),
        scatter=0.2,
    ),
)


def _one_table(runs: Sequence[Run]) -> None:
    """Raise a `Mistake` where rows and layer were tried with other networks."""
    had = {rows: sorted({run.settings["seed"] for run in runs if run.settings["rows"] == rows}) for rows in (0, 1)}
    if had[0] != had[1]:
        raise Mistake(
            f"The networks in the rows are not those over the layer: seeds {had[1][:8]} with rows=1, {had[0][:8]} with rows=0.",
            "Networks differ by more than the group does. Only one thing may differ between two cells of the table.",
        )
    if len(had[0]) < 5:
        raise Mistake(
            f"You have {len(had[0])} networks; the card asks for five or more.", "Networks differ: take means."
        )


@check(
    "Exercise 1, Score or group?",
    why="The two numbers of the report differ in two things. The table has the two cells between them, so each thing changes alone, twice, "
    "and the two parts add up to the whole advantage.",
)
def whose_merit(answer: Callable) -> None:
    """``whose_merit(right) -> "score", "group", "both" or "neither"``, on made-up networks."""
    investigate(
        answer,
        REPORTS,
        arms=ARMS,
        settings={"rows": 0, "seed": 0},
        least={"rows": 2, "seed": 5},
        conclusions=PARTS,
        rule=_by_the_card,
        rule_said=_own_parts,
        look=_one_table,
        name="right",
    )


# ---- exercise 2 --------------------------------------------------------------------------------------


@st.composite
def _rows(draw: Callable) -> tuple:
    """(w, h_inverse, i): the matrix is symmetric and positive definite, of whole numbers."""
    n = draw(st.integers(1, 4))
    factor = draw(tensors((n, n), st.integers(-2, 2).map(float)))
    return draw(tensors((n,), numbers(-2, 2, step=0.5))), factor @ factor.T + torch.eye(n), draw(st.integers(0, n - 1))


@check(
    "Exercise 2, One weight goes, the others make up for it",
    why="Column i of the inverse says how the others have to move together with weight i for the output to change least. "
    "Scaled so that its entry i is w[i], it takes weight i to exactly 0.",
)
def repaired(answer: Callable) -> None:
    """``repaired(w, h_inverse, i) -> row``, by the formula of the optimal brain surgeon."""

    def rule(change):
        return lambda w, h, i: w - change(w, h, i)

    def only(value, w, i):
        return torch.where(torch.arange(len(w)) == i, value, w)

    def then_zero(change):
        """The same, and weight i set to 0 by hand, whatever the change has made of it."""
        return lambda w, h, i: only(torch.tensor(0.0), w - change(w, h, i), i)

    def divided_by(number):
        return rule(lambda w, h, i: w[i] / number(h, i) * h[:, i])

    def at(other):
        """The same with another place than i, in a part or everywhere."""
        return rule(lambda w, h, i: w[other(i, w)] / h[other(i, w), other(i, w)] * h[:, other(i, w)])

    def in_a_loop(w, h, i):
        new = w.clone()
        for j in range(len(new)):
            new[j] -= new[i] / h[i, i] * h[j, i]
        return new

    def shared_out(w, h, i):
        return only(torch.tensor(0.0), w + w[i] / max(1, len(w) - 1), i)

    wrong = {
        "Weight i becomes 0, and the others stay as they are. They are to make up for the value that it had before.": (
            lambda w, h, i: only(torch.tensor(0.0), w, i)
        ),
        "You take the first entry or column of the inverse, whatever i is. Entry [i, i] and column i are meant.": (
            divided_by(lambda h, i: h[0, 0]),
            rule(lambda w, h, i: w[i] / h[i, i] * h[:, 0]),
            rule(lambda w, h, i: w[0] / h[i, i] * h[:, i]),
        ),
        "You take another weight than number i. i counts from 0, as an index does.": (
            at(lambda i, w: i - 1),
            at(lambda i, w: (i + 1) % len(w)),
        ),
        "Only the weights up to i are repaired. All others may change; a loop must keep the first value of w[i].": (
            in_a_loop,
            lambda w, h, i: torch.where(torch.arange(len(w)) > i, w, w - w[i] / h[i, i] * h[:, i]),
        ),
        "You divide by the root of entry [i, i], or by twice that entry. Divide by the entry: then weight i becomes 0.": (
            divided_by(lambda h, i: h[i, i].sqrt()),
            divided_by(lambda h, i: 2 * h[i, i]),
        ),
        "You divide by all of the column or of the diagonal, its norm or its sum. Divide by entry [i, i].": (
            divided_by(lambda h, i: h[:, i].norm()),
            divided_by(lambda h, i: h[:, i].sum()),
            divided_by(lambda h, i: h.trace()),
        ),
        "You divide the entry by the weight. It is the weight by the entry, so that the scaled column has w[i] at i.": (
            rule(lambda w, h, i: h[i, i] / w[i] * h[:, i]),
            lambda w, h, i: w - h[i, i] / w[i] * h[:, i] if w[i] else w.clone(),
        ),
        "You take weight i without its sign. A negative weight is made up for the other way round.": rule(
            lambda w, h, i: w[i].abs() / h[i, i] * h[:, i]
        ),
        "You leave out weight i: its value scales the column.": rule(lambda w, h, i: h[:, i] / h[i, i]),
        "You subtract weight i from every weight. How far each moves is told by column i of the inverse.": (
            rule(lambda w, h, i: w[i]),
            rule(lambda w, h, i: w[i] / h[i, i] * h[i, i] * torch.ones_like(w)),
        ),
        "You take the diagonal of the inverse. How far each moves is told by column i.": rule(
            lambda w, h, i: w[i] / h[i, i] * h.diagonal()
        ),
        "You share weight i out evenly among the others. How far each moves is told by column i of the inverse.": shared_out,
        "You multiply the whole row by the matrix. Only weight i goes, and only column i says how the others move.": (
            rule(lambda w, h, i: h @ w),
            lambda w, h, i: h @ w,
        ),
        "The sign is wrong: weight i doubles in place of going.": rule(lambda w, h, i: -w[i] / h[i, i] * h[:, i]),
        "You do not divide by the entry [i, i] of the inverse, so weight i does not become 0.": rule(
            lambda w, h, i: w[i] * h[:, i]
        ),
        "The sign of the change is wrong: the others move the other way.": then_zero(
            lambda w, h, i: -w[i] / h[i, i] * h[:, i]
        ),
        "You do not divide by the entry [i, i] of the inverse: the change of the others is off by that factor.": then_zero(
            lambda w, h, i: w[i] * h[:, i]
        ),
        "You divide each entry by its own entry of the diagonal. All are divided by entry [i, i].": rule(
            lambda w, h, i: w[i] * h[:, i] / h.diagonal()
        ),
        "You divide by the square of entry [i, i]: once is enough.": (
            rule(lambda w, h, i: w[i] * h[:, i] / h[i, i] ** 2),
            then_zero(lambda w, h, i: w[i] * h[:, i] / h[i, i] ** 2),
        ),
        "You multiply each entry by its own weight. It is weight i that has to be made up for.": rule(
            lambda w, h, i: w * h[:, i] / h[i, i]
        ),
        "You square weight i: that is the error that remains, and not the change.": (
            rule(lambda w, h, i: w[i] ** 2 / h[i, i] * h[:, i]),
            then_zero(lambda w, h, i: w[i] ** 2 / h[i, i] * h[:, i]),
        ),
        "You invert the matrix again. What you are given is the inverse.": rule(
            lambda w, h, i: w[i] / torch.linalg.inv(h)[i, i] * torch.linalg.inv(h)[:, i]
        ),
        "You repair the others and leave weight i where it was. It must become 0.": lambda w, h, i: only(
            w[i], w - w[i] / h[i, i] * h[:, i], i
        ),
        "You return the change alone. Add it to the row.": lambda w, h, i: -w[i] / h[i, i] * h[:, i],
        "You repair the weights behind i alone, as SparseGPT does. Here all others may change.": lambda w, h, i: (
            torch.where(torch.arange(len(w)) < i, w, w - w[i] / h[i, i] * h[:, i])
        ),
        "You return the row as it was.": lambda w, h, i: w.clone(),
    }

    def as_row(value, w, *_):
        try:
            row = torch.as_tensor(value).detach().double() * 1.0
            shape = row.shape
        except Exception:  # whatever torch says to it, it is no tensor of numbers
            text = "Your function did not return a tensor of numbers."
            raise Mistake(text, "Return the new row, in the shape of w.") from None
        if shape != w.shape:
            raise Mistake("Your row has another shape than w.", "Return one number for each weight of w.")
        return row

    compare(
        answer,
        right=rule(lambda w, h, i: w[i] / h[i, i] * h[:, i]),
        wrong=wrong,
        names=("w", "h_inverse", "i"),
        edges=[
            (torch.tensor([0.5, -1.5, 2.0]), torch.tensor([[2.0, 1, 0], [1, 3, -1], [0, -1, 5]]), 1),
            (torch.zeros(2), torch.eye(2), 0),
            (torch.tensor([1.0, 2.0]), torch.eye(2), 0),  # independent inputs: nothing to repair
            (torch.tensor([-2.0]), torch.tensor([[4.0]]), 0),
            (torch.tensor([0.0, 0.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), 0),
        ],
        inputs=_rows(),
        rtol=1e-4,
        atol=1e-5,
        view=as_row,
    )


# ---- exercise 3 --------------------------------------------------------------------------------------


@st.composite
def _steps(draw: Callable) -> tuple[list, list]:
    """Weights and gradients of one to four steps, whose products and sums are exact."""
    shape, count = draw(shapes(dims=(1, 2, 3), most=2)), draw(st.integers(1, 4))
    steps = st.lists(tensors(shape, numbers(-2, 2, step=0.5)), min_size=count, max_size=count)
    return draw(steps), draw(steps)


@check(
    "Exercise 3, The movement score",
    why="Plain SGD moves a weight against its gradient. So weight times gradient is negative in a step that takes the weight "
    "away from 0, and minus the sum is large where training has done that again and again.",
)
def movement_scores(answer: Callable) -> None:
    """``movement_scores(weights, gradients) -> scores``, two lists with a tensor a step."""

    def rule(join):
        def scores(weights, gradients):
            w, g = torch.stack(weights), torch.stack(gradients)
            return join(w, g, w * g)

        return scores

    wrong = {
        "The sign is wrong: plain SGD goes against the gradient, so moving away from 0 means w · g below 0.": rule(
            lambda w, g, wg: wg.sum(0)
        ),
        "You pair the weights of a step with the gradient of another one. A gradient belongs to the weights that it was taken at, those "
        "before the step.": (
            rule(lambda w, g, wg: -(w[:-1] * g[1:]).sum(0)),
            rule(lambda w, g, wg: -(w[1:] * g[:-1]).sum(0)),
        ),
        "You take how far the weights moved. The score counts it by weight times gradient, step by step.": (
            rule(lambda w, g, wg: w[-1] - w[0]),
            rule(lambda w, g, wg: w[-1].abs() - w[0].abs()),
        ),
        "You left out the gradients. They tell which way a weight moves.": rule(lambda w, g, wg: -w.sum(0)),
        "You add or subtract weight and gradient. Multiply them.": (
            rule(lambda w, g, wg: -(w + g).sum(0)),
            rule(lambda w, g, wg: (w - g).sum(0)),
        ),
        "You multiply the steps with each other. Add them up.": (
            rule(lambda w, g, wg: -wg.prod(0)),
            rule(lambda w, g, wg: wg.prod(0)),
        ),
        "You square the weights or the gradients. The score takes both as they are.": (
            rule(lambda w, g, wg: -(w * wg).sum(0)),
            rule(lambda w, g, wg: -(g * wg).sum(0)),
        ),
        "You drop steps by their sign: only one direction counts in yours. Steps to and fro must cancel.": (
            rule(lambda w, g, wg: (-wg).relu().sum(0)),
            rule(lambda w, g, wg: -wg.relu().sum(0)),
        ),
        "You take only the signs of the gradients, or their absolute values. Take the gradients as they are.": (
            rule(lambda w, g, wg: -(w * g.sign()).sum(0)),
            rule(lambda w, g, wg: -(w * g.abs()).sum(0)),
        ),
        "You take the absolute value of the sum. The sign tells away from 0 and towards it apart: keep it.": rule(
            lambda w, g, wg: wg.sum(0).abs()
        ),
        "You add up absolute values. Steps to and fro must cancel.": rule(lambda w, g, wg: wg.abs().sum(0)),
        "You subtract absolute values. Steps to and fro must cancel.": rule(lambda w, g, wg: -wg.abs().sum(0)),
        "You square, as the Taylor score does, and a square has no sign. The sign tells away from 0 and towards it apart.": (
            rule(lambda w, g, wg: wg.square().sum(0)),
            rule(lambda w, g, wg: wg.sum(0).square()),
        ),
        "The sign is turned in the first step only. It is minus the whole sum.": rule(
            lambda w, g, wg: wg[1:].sum(0) - wg[0]
        ),
        "The first step counts twice. Begin the sum with 0, or with the second step.": rule(
            lambda w, g, wg: -wg.sum(0) - wg[0]
        ),
        "You add up along another axis than that of the steps. The score has the shape of the weights of a step.": rule(
            lambda w, g, wg: -wg.sum(-1)
        ),
        "You use the last step only. Add up all of them.": rule(lambda w, g, wg: -wg[-1]),
        "You use the first step only. Add up all of them.": rule(lambda w, g, wg: -wg[0]),
        "Your sum lacks the first step. Add up all of them.": rule(lambda w, g, wg: -wg[1:].sum(0)),
        "Your sum lacks the last step. Add up all of them.": rule(lambda w, g, wg: -wg[:-1].sum(0)),
        "You multiply the summed gradients by the last weights. Each step has weights of its own.": rule(
            lambda w, g, wg: -w[-1] * g.sum(0)
        ),
        "You multiply the summed gradients by the first weights. Each step has weights of its own.": rule(
            lambda w, g, wg: -w[0] * g.sum(0)
        ),
        "You add up or average first, and multiply then. Multiply step by step.": (
            rule(lambda w, g, wg: -w.sum(0) * g.sum(0)),
            rule(lambda w, g, wg: -w.mean(0) * g.sum(0)),
            rule(lambda w, g, wg: -w.mean(0) * g.mean(0)),
        ),
        "You left out the weights: a negative weight moves away from 0 when its gradient is positive.": rule(
            lambda w, g, wg: -g.sum(0)
        ),
        "You take only the signs of the weights. Multiply by the weights themselves.": (
            rule(lambda w, g, wg: -(w.sign() * g).sum(0)),
            rule(lambda w, g, wg: -wg.sign().sum(0)),
        ),
        "You take absolute values of the weights. Their signs count: away from 0 is down for a negative weight.": rule(
            lambda w, g, wg: -(w.abs() * g).sum(0)
        ),
        "You take the mean over the steps. The score is the sum.": rule(lambda w, g, wg: -wg.mean(0)),
        "You add up over the weights too. Each weight has a score of its own.": rule(lambda w, g, wg: -wg.sum()),
        "You return the products of all steps. Add them up: each weight has one score.": rule(lambda w, g, wg: -wg),
    }

    def as_tensor(value, *_):
        try:
            several = issubclass(type(value), (list, tuple))
            return torch.stack([torch.as_tensor(one) for one in value]) if several else torch.as_tensor(value) * 1.0
        except Exception:  # whatever torch says to it, it is no tensor of numbers
            text = "Your function did not return a tensor of numbers."
            raise Mistake(text, "Return one tensor, in the shape of the weights of a step.") from None

    compare(
        answer,
        right=rule(lambda w, g, wg: -wg.sum(0)),
        wrong=wrong,
        names=("weights", "gradients"),
        edges=[
            ([torch.zeros(2)], [torch.zeros(2)]),
            (
                [torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.75, -2.5, 0.25])],
                [torch.tensor([0.25, 0.5, -1.0]), torch.tensor([-0.5, 0.25, 2.5])],
            ),
            ([torch.tensor([0.0, 0.0])], [torch.tensor([0.0, 0.0])]),
        ],
        inputs=_steps(),
        view=as_tensor,
    )

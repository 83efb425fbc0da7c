"""Checks of the lesson `scores`, which weights can go."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.masks import as_mask
from course_utils.exercises.search import compare

# ---- exercise 1 --------------------------------------------------------------------------------------


def _apart(weight: torch.Tensor, inputs: torch.Tensor) -> bool:
    """True when no two products of a row are nearly equal."""
    products = (weight.abs() * inputs.norm(dim=0)).sort(dim=1).values
    return bool((products.diff(dim=1) > 1e-3).all())


@st.composite
def _layers(draw: Callable) -> tuple:
    """(weight, inputs, amount): products of a row are distinct; amounts are exact, with halves."""
    rows, columns, samples = draw(st.integers(1, 3)), draw(st.integers(2, 4)), draw(st.integers(1, 3))
    sizes = draw(tensors((rows, columns), st.integers(1, 8).map(float)))
    weight = sizes * draw(tensors((rows, columns), st.sampled_from([1.0, -1.0])))
    inputs = draw(tensors((samples, columns), st.integers(-3, 3).map(float)))
    return weight, inputs, draw(numbers(0, 1))


@check(
    "Exercise 1, Wanda",
    why="A weight changes the output by its size times that of its input, and each row computes an output of its own: so the "
    "product ranks the weights, row by row.",
)
def wanda_mask(answer: Callable) -> None:
    """``wanda_mask(weight, inputs, amount) -> mask``; each row loses the same number of weights."""

    def rule(*, size=torch.abs, norm=lambda x: x.norm(dim=0), count=round, group="row", largest=False):
        def mask(weight, inputs, amount):
            products = size(weight) * norm(inputs)
            products = -products if largest else products
            if group == "column":
                products = products.T
            if group == "layer":
                products = products.reshape(1, -1)
            k = max(0, min(count(amount * products.shape[1]), products.shape[1]))
            new = torch.ones_like(products).scatter(1, products.argsort(dim=1, stable=True)[:, :k], 0)
            return new.T if group == "column" else new.reshape(weight.shape)

        return mask

    def argsort_as_rank(weight, inputs, amount):
        order = (weight.abs() * inputs.norm(dim=0)).argsort(dim=1, stable=True)
        return (order >= round(amount * weight.shape[1])).float()

    def products_of(weight, inputs):
        return weight.abs() * inputs.norm(dim=0)

    def by_quantile(stays):
        def mask(weight, inputs, amount):
            products = products_of(weight, inputs)
            return stays(products, products.double().quantile(amount, dim=1, keepdim=True)).float()

        return mask

    def down_the_columns(weight, inputs, amount):
        places = products_of(weight, inputs).argsort(dim=0, stable=True)[: round(amount * weight.shape[1])]
        return torch.ones_like(weight).scatter(0, places, 0)

    def whole_lines(dim):
        """Whole rows or columns go, those of the smallest sum."""

        def mask(weight, inputs, amount):
            sums = products_of(weight, inputs).sum(1 - dim)
            gone = torch.zeros(len(sums)).scatter(0, sums.argsort(stable=True)[: round(amount * len(sums))], 1)
            return (1 - gone.reshape(-1, 1) if dim == 0 else 1 - gone).expand_as(weight)

        return mask

    def same_in_all_rows(size):
        return lambda weight, inputs, amount: right(size(weight), inputs, amount).expand_as(weight)

    def number_before_the_first(weight, inputs, amount):
        ranked = products_of(weight, inputs).sort(dim=1).values
        last = ranked[:, round(amount * weight.shape[1]) - 1]
        return (products_of(weight, inputs) > last.reshape(-1, 1)).float()

    right = rule()
    wrong = {
        "You compare what argsort gives with a number of weights. It lists places in the order of size, and not the rank of "
        "each place: the first so many of its numbers are the places that go.": argsort_as_rank,
        "You prune at least one weight a row. Where round(amount · columns) is 0, nothing is to go.": rule(
            count=lambda k: max(1, round(k))
        ),
        "You leave at least one weight a row. Where the amount is 1, all go.": lambda weight, inputs, amount: rule(
            count=lambda k: min(weight.shape[1] - 1, round(k))
        )(weight, inputs, amount),
        "Where round(amount · columns) is 0 you prune whole rows: number −1 of a sorted row is its largest. Then nothing is "
        "to go.": number_before_the_first,
        "You cut by a quantile of each row. It lies between two products or on one of them, so the number that goes is not "
        "always the rounded one: cut by index.": (by_quantile(torch.gt), by_quantile(torch.ge)),
        "Your count is a fraction of all weights, and each row loses that many. Each row loses round(amount · columns).": (
            lambda weight, inputs, amount: rule(count=lambda _: round(amount * weight.numel()))(weight, inputs, amount)
        ),
        "You square the weight, but not the norm. Square both or none of them.": rule(size=torch.square),
        "You add the norm to the weight. They are multiplied.": lambda weight, inputs, amount: right(
            weight.abs() + inputs.norm(dim=0), torch.ones(1, weight.shape[1]), amount
        ),
        "You divide the weight by the norm. They are multiplied: a large input makes a weight matter more.": (
            rule(norm=lambda x: 1 / x.norm(dim=0).clamp(min=1e-6)),
            lambda weight, inputs, amount: right(weight / inputs.norm(dim=0), torch.ones(1, weight.shape[1]), amount),
        ),
        "You prune whole columns, the same in all rows. Each row ranks its own products, and its own smallest go.": (
            whole_lines(1),
            same_in_all_rows(lambda weight: weight[:1]),
            same_in_all_rows(lambda weight: weight.abs().sum(0, keepdim=True)),
        ),
        "You prune whole rows, all weights of an output. In each row its own smallest products go.": whole_lines(0),
        "A product of 0 always goes in yours. Exactly round(amount · columns) go in each row, also where more are 0.": (
            lambda *args: right(*args) * (products_of(*args[:2]) != 0)
        ),
        "You take the norm of each sample. Each input, a column, has its own norm over all samples.": rule(
            norm=lambda x: x.norm(dim=1)
        ),
        "You take the standard deviation of the input, from which its mean is gone. Take the norm.": (
            rule(norm=lambda x: x.std(0)),
            rule(norm=lambda x: x.std(0, correction=0)),
        ),
        "You count rows: amount · columns weights go in each row.": lambda weight, inputs, amount: rule(
            count=lambda _: min(round(amount * len(weight)), weight.shape[1])
        )(weight, inputs, amount),
        "No input changes your mask: it is that of the magnitudes in each row. Multiply each column of weights by the norm "
        "of its own input.": rule(norm=lambda x: torch.ones(x.shape[1])),
        "You rank all weights of the matrix together. Each row ranks its own.": (
            rule(group="layer"),
            lambda weight, inputs, amount: rule(
                group="layer", count=lambda _: len(weight) * round(amount * weight.shape[1])
            )(weight, inputs, amount),
        ),
        "You rank within the columns. Each row, an output, ranks its own weights.": (
            rule(group="column"),
            down_the_columns,
        ),
        "You rank all magnitudes of the matrix together, and no input changes that.": rule(
            norm=lambda x: torch.ones(x.shape[1]), group="layer"
        ),
        "You take the sum of absolute values as norm, or their mean. The L2 norm squares: the root of the sum of "
        "squares.": rule(norm=lambda x: x.abs().sum(0)),
        "You multiply by the square of the norm. Take the root, or square the weight, too.": rule(
            norm=lambda x: x.square().sum(0)
        ),
        "You multiply by the mean or the sum of the input, where both signs cancel. Take the norm.": (
            rule(norm=lambda x: x.mean(0).abs()),
            rule(norm=lambda x: x.mean(0)),
        ),
        "You take the largest input of a column. The norm counts all samples.": rule(norm=lambda x: x.abs().amax(0)),
        "You look at one sample alone. The norm counts all samples.": (
            rule(norm=lambda x: x[0].abs()),
            rule(norm=lambda x: x[-1].abs()),
        ),
        "You rank by the norm of the input alone. The weight is the other half of the product.": rule(
            size=torch.ones_like
        ),
        "You rank the weights with their sign: large negative ones go first. Take the absolute value.": rule(
            size=lambda w: w
        ),
        "You prune the largest products. The smallest go.": rule(largest=True),
        "Your mask marks what to prune. A 1 stays, a 0 goes.": lambda *args: 1 - right(*args),
        "You cut the number off. round() gives the nearest whole number.": rule(count=int),
        "You round the number up. round() gives the nearest whole number.": rule(count=math.ceil),
        "You round exact halves up. Python's round() goes to the even neighbour: round(2.5) is 2.": rule(
            count=lambda k: int(k + 0.5)
        ),
        "You prune one weight a row too few.": rule(count=lambda k: round(k) - 1),
        "You prune one weight a row too many.": rule(count=lambda k: round(k) + 1),
        "You prune nothing.": lambda weight, inputs, amount: torch.ones_like(weight),
        "You keep the fraction `amount`. It is the fraction to prune.": (
            lambda weight, inputs, amount: right(weight, inputs, 1 - amount),
            lambda weight, inputs, amount: rule(count=lambda _: weight.shape[1] - round(amount * weight.shape[1]))(
                weight, inputs, amount
            ),
        ),
    }
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("weight", "inputs", "amount"),
        edges=[
            (torch.tensor([[1.0, -4, 2, 3], [8, -7, 6, 5]]), torch.tensor([[3.0, 1, 1, 1], [0, 1, -1, 1]]), 0.5),
            (torch.tensor([[0.0, -3], [5, 4]]), torch.tensor([[1.0, -2]]), 0.0),  # a weight of 0 stays, too
            (torch.tensor([[2.0, -3, 1]]), torch.tensor([[1.0, 0, 2], [-1, 1, 0]]), 1.0),
            (torch.tensor([[1.0, 2, 3, 4]]), torch.ones(2, 4), 0.625),
            (torch.tensor([[1.0, 1]]), torch.tensor([[3.0, 2], [0, 2], [0, -2]]), 0.5),  # the largest misleads
            # Short ones, which a learner is shown: generated ones shrink badly, for their products must differ.
            (torch.tensor([[1.0, 2]]), torch.ones(3, 2), 0.5),
            (torch.tensor([[1.0001, -1]]), torch.ones(1, 2), 0.5),  # alike in half precision
            (torch.tensor([[1.0, -2]]), torch.tensor([[1.0, 1]]), 0.5),
            (torch.tensor([[2.0, 3]]), torch.tensor([[2.0, 1]]), 0.5),
            (torch.tensor([[2.0, 3]]), torch.tensor([[1.0, 1], [1, -1]]), 0.5),
            (torch.tensor([[2.0, 3]]), torch.tensor([[1.0, 1], [2, 0]]), 0.5),
            (torch.tensor([[3.0, 1, 2]]), torch.tensor([[1.0, 1, 1]]), 0.25),
            (torch.tensor([[1.0, 2], [3, 4]]), torch.tensor([[1.0, 1]]), 0.5),
            (torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]), 0.5),
        ],
        inputs=_layers().filter(lambda args: _apart(args[0], args[1])),
        view=lambda value, weight, *_: as_mask(value, weight),
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
        "You pair the weights of a step with the gradient of another one. Each step has both of its own.": (
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

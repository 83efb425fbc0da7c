"""Checks of the lesson `distillation`: a loss with its gradients, and a temperature."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, tensors
from course_utils.exercises.search import compare
from course_utils.exercises.values import is_number

NAMES = ("student", "teacher", "labels", "T", "alpha")
CALLED_BACKWARD = RuntimeError("backward() was called before the loss came back")


class _Loss:
    """A loss, and the gradients that it sends to the logits; shown as text, compared by `parts`."""

    def __init__(self, value: float, student: Tensor, teacher: Tensor):
        self.value, self.student, self.teacher = value, student, teacher

    def parts(self) -> dict[str, object]:
        return {"loss": self.value, "student": self.student, "teacher": self.teacher}

    def __repr__(self) -> str:
        student, teacher = (
            [[round(v, 5) + 0.0 for v in row] for row in g.tolist()] for g in (self.student, self.teacher)
        )
        at_teacher = f"{teacher} at the teacher" if self.teacher.any() else "none at the teacher"
        return f"{self.value:.6g}, with the gradient {student} at the student, {at_teacher}"


def _graded(function: Callable) -> Callable:
    """`function`, made to return a `_Loss`; what is no loss comes back as it is, an exception of `backward` in its place."""

    def graded(student: Tensor, teacher: Tensor, labels: Tensor, T: float, alpha: float) -> object:
        leaves = student.clone().requires_grad_(), teacher.clone().requires_grad_()
        with torch.enable_grad():
            loss = function(*leaves, labels, T, alpha)
        for given, leaf in zip((student, teacher), leaves, strict=True):
            given.copy_(leaf.detach())  # an answer that edits its input has edited this copy
        if any(leaf.grad is not None for leaf in leaves):
            return CALLED_BACKWARD
        if not issubclass(type(loss), Tensor) or not is_number(loss):
            return loss
        try:
            if loss.requires_grad:
                loss.reshape(()).backward()
            back = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]
            return _Loss(loss.detach().item(), *back)
        except Exception as error:
            return error

    return graded


def _parts(value: object, *args: object) -> object:
    if type(value) is _Loss:
        return value.parts()
    if value is CALLED_BACKWARD:
        raise Mistake(
            "Your function calls backward() itself.",
            "Return the loss as it is. Who trains calls backward(), and only once.",
        )
    if issubclass(type(value), Exception):
        raise Mistake(
            f"What your function returns cannot be used for training: backward() raised {type(value).__name__}.",
            "Compute it from the logits with torch's functions.",
        )
    several = issubclass(type(value), Tensor)
    raise Mistake(
        "Your function did not return a tensor of one number.",
        "Both parts are means over the batch."
        if several
        else "A tensor keeps the way back to the logits; this does not.",
    )


@st.composite
def _answers(draw: Callable) -> tuple:
    """(student, teacher, labels, T, alpha)."""
    batch, classes = draw(st.integers(1, 3)), draw(st.integers(2, 4))
    z, v = (draw(tensors((batch, classes), numbers(-4, 4, step=0.5))) for _ in range(2))
    labels = draw(tensors((batch,), st.integers(0, classes - 1), torch.int64))
    return z, v, labels, draw(st.sampled_from([1.0, 2.0, 4.0, 0.5, 8])), draw(st.sampled_from([0.5, 1.0, 0.0, 0.25]))


@check(
    "Exercise 1, The loss",
    why="The teacher's probabilities say how alike the wrong classes are, and T makes the small ones count. The gradient of the "
    "soft part shrinks about with 1 / T², so T² keeps the two parts in balance.",
)
def distillation_loss(answer: Callable) -> None:
    """``distillation_loss(student, teacher, labels, T, alpha) -> Tensor``; value and gradients are compared."""

    def kl(log_answer, target, reduction="batchmean"):
        return F.kl_div(log_answer, target, reduction=reduction)

    def from_teacher(z, v, T):
        return kl(torch.log_softmax(z / T, 1), torch.softmax(v / T, 1))

    def rule(
        soft=from_teacher,
        *,
        factor=lambda T: T**2,
        weights=lambda a: (a, 1 - a),
        detach=True,
        own=lambda z, y, T: F.cross_entropy(z, y),
    ):
        def loss(student, teacher, labels, T, alpha):
            teacher = teacher.detach() if detach else teacher
            first, second = weights(alpha)
            return first * factor(T) * soft(student, teacher, T) + second * own(student, labels, T)

        return loss

    def cut_off(student, *others):
        return rule()(student.detach(), *others)

    def logs(logits, T):
        return torch.log_softmax(logits / T, 1)

    def shares(logits, T):
        return torch.softmax(logits / T, 1)

    wrong = {
        "T² is missing: the gradient of the soft part shrinks with 1 / T², and labels beside it drown it out.": rule(
            factor=lambda T: 1
        ),
        "T² is missing, and a gradient reaches the teacher's logits.": rule(factor=lambda T: 1, detach=False),
        "You multiply by T. The gradient of the soft part shrinks with T².": rule(factor=lambda T: T),
        "You divide by T². The gradient of the soft part shrinks with T²: multiply.": rule(factor=lambda T: T**-2),
        "The arguments of the divergence are swapped: the teacher is the target, the student the input.": rule(
            lambda z, v, T: kl(logs(v, T), shares(z, T))
        ),
        "The student must give log-probabilities: kl_div takes log_softmax as its input, softmax as its target.": rule(
            lambda z, v, T: kl(shares(z, T), shares(v, T))
        ),
        "You give kl_div the student's logits. It wants log-probabilities: log_softmax first.": rule(
            lambda z, v, T: kl(z / T, shares(v, T))
        ),
        "A gradient reaches the teacher's logits: detach them, or the teacher learns to please the student.": rule(
            detach=False
        ),
        "No gradient reaches the student: the result is cut off from its logits, and it would learn nothing.": cut_off,
        'kl_div\'s default reduction divides by batch and classes. reduction="batchmean" divides by the batch alone.': (
            rule(lambda z, v, T: kl(logs(z, T), shares(v, T), "none").mean())
        ),
        "You add the divergences up over the batch. Take their mean.": rule(
            lambda z, v, T: kl(logs(z, T), shares(v, T), "sum")
        ),
        "You add up the labels' cross-entropy over the batch. Take its mean.": rule(
            own=lambda z, y, T: F.cross_entropy(z, y, reduction="sum")
        ),
        "Only the teacher's logits are divided by T. Both are.": rule(lambda z, v, T: kl(logs(z, 1), shares(v, T))),
        "Only the student's logits are divided by T. Both are.": rule(lambda z, v, T: kl(logs(z, T), shares(v, 1))),
        "The soft part is taken at T = 1. Divide both logits by T.": rule(lambda z, v, T: kl(logs(z, 1), shares(v, 1))),
        "You take the teacher's first choice for a label. All its probabilities are the target.": (
            rule(lambda z, v, T: F.cross_entropy(z / T, v.argmax(1))),
            rule(lambda z, v, T: F.cross_entropy(z, v.argmax(1))),
        ),
        "α and 1 - α are swapped: α weighs the teacher.": rule(weights=lambda a: (1 - a, a)),
        "The labels keep their full weight. They get 1 - α.": rule(weights=lambda a: (a, 1)),
        "The soft part keeps its full weight. It gets α.": rule(weights=lambda a: (1, 1 - a)),
        "The part of the labels is missing.": (rule(weights=lambda a: (a, 0)), rule(weights=lambda a: (1, 0))),
        "The cross-entropy with the labels takes the student's logits as they are, at T = 1.": rule(
            own=lambda z, y, T: F.cross_entropy(z / T, y)
        ),
        "The labels' cross-entropy gets probabilities. F.cross_entropy takes logits, and does the softmax itself.": rule(
            own=lambda z, y, T: F.cross_entropy(torch.softmax(z, 1), y)
        ),
        "You take the softmax over the batch (dim=0). Each row is an answer: dim=1.": rule(
            lambda z, v, T: kl(torch.log_softmax(z / T, 0), torch.softmax(v / T, 0))
        ),
        "You multiply the logits by T. Divide them by it: a high temperature makes the answers softer.": rule(
            lambda z, v, T: kl(logs(z, 1 / T), shares(v, 1 / T))
        ),
        "You take the squared distance of the logits, or of the probabilities. The card asks for the KL divergence.": (
            rule(lambda z, v, T: F.mse_loss(z, v)),
            rule(lambda z, v, T: F.mse_loss(z / T, v / T)),
            rule(lambda z, v, T: F.mse_loss(shares(z, T), shares(v, T))),
            rule(lambda z, v, T: F.mse_loss(z, v), factor=lambda T: 1),
        ),
        "The soft part sends no gradient to the student: detach the teacher, and the teacher alone.": (
            rule(lambda z, v, T: from_teacher(z.detach(), v, T)),
            rule(lambda z, v, T: from_teacher(z.detach(), v, T), detach=False),
        ),
        "The labels' part sends no gradient to the student: detach the teacher, and the teacher alone.": rule(
            own=lambda z, y, T: F.cross_entropy(z.detach(), y)
        ),
        "You add a small number before the logarithm, which changes loss and gradient. log_softmax needs none.": (
            rule(lambda z, v, T: kl((shares(z, T) + 1e-3).log(), shares(v, T))),
            rule(lambda z, v, T: kl((shares(z, T) + 1e-2).log(), shares(v, T))),
        ),
        "The two parts are added without α: it weighs the soft part, and 1 - α the labels.": rule(
            weights=lambda a: (1, 1)
        ),
        "You halve the sum of both parts. α and 1 - α are the weights.": rule(weights=lambda a: (0.5, 0.5)),
        "The part of the teacher is missing.": rule(weights=lambda a: (0, 1 - a)),
        "Your divergence has the wrong sign, so training would drive the student away from the teacher.": rule(
            lambda z, v, T: -from_teacher(z, v, T)
        ),
        "You take the teacher's probabilities for the labels' part, too. It compares the student with the labels.": (
            lambda student, teacher, labels, T, alpha: rule(
                own=lambda z, y, T: F.cross_entropy(z, shares(teacher.detach(), 1))
            )(student, teacher, labels, T, alpha)
        ),
        "kl_div's target is log-probabilities, too. It wants softmax there, unless you say log_target=True.": rule(
            lambda z, v, T: kl(logs(z, T), logs(v, T))
        ),
        "T² also multiplies the part of the labels. It belongs to the soft part alone.": rule(
            own=lambda z, y, T: T**2 * F.cross_entropy(z, y)
        ),
        "You take the cross-entropy with the soft targets. The KL divergence is that less the teacher's entropy: it is "
        "0 when both agree.": rule(lambda z, v, T: F.cross_entropy(z / T, shares(v, T))),
    }
    logits = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.5]]), torch.tensor([[4.0, 0.0, -1.0], [-2.0, 2.0, 3.0]])
    edges = [
        (*logits, torch.tensor([0, 2]), 4.0, 0.5),
        (*logits, torch.tensor([1, 1]), 8.0, 0.75),
        (torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([0]), 1.0, 1.0),
    ]
    graded = {
        hint: tuple(map(_graded, ways)) if isinstance(ways, tuple) else _graded(ways) for hint, ways in wrong.items()
    }
    parts = {"names": NAMES, "edges": edges, "inputs": _answers(), "view": _parts}
    compare(_graded(answer), right=_graded(rule()), wrong=graded, rtol=1e-3, atol=2e-5, **parts)


def _entropies(p: Tensor, dim: int = -1) -> Tensor:
    return torch.special.entr(p).sum(dim) / math.log(2)


def _mean_of_rows(p: Tensor) -> Tensor:
    return _entropies(p).mean(-1)


def _mean_entropy(z: Tensor) -> Tensor:
    return _mean_of_rows(torch.softmax(z, -1))


LOWEST, HIGHEST, HALVINGS = 0.05, 500.0, 8
CLOSE, NEAR = 0.015, 0.25  # a temperature this close passes; one this near comes from a coarse search, as a rule


def _search(entropy: Callable[[Tensor], Tensor]) -> Callable[[Tensor, float], float]:
    """A function that finds the temperature at which `entropy` is `bits`, by halving.

    `entropy` takes logits over many temperatures at once, so that eight halvings cost one call.
    """

    def search(logits: Tensor, bits: float) -> float:
        low, high = math.log(LOWEST), math.log(HIGHEST)
        for _ in range(2):
            grid = torch.linspace(low, high, 2**HALVINGS + 1, dtype=torch.float64)
            found = entropy(logits.double() / grid[1:-1].exp()[:, None, None])
            at = bisect.bisect_left(found.tolist(), bits)
            low, high = grid[at].item(), grid[at + 1].item()
        return math.exp(low)

    return search


@st.composite
def _softness(draw: Callable) -> tuple[Tensor, float]:
    """(logits, bits), with one temperature that gives these bits and changes them clearly when it changes."""
    rows, classes = draw(st.integers(1, 3)), draw(st.integers(2, 4))
    size = draw(st.sampled_from([1.0, 0.125, 10.0, 40.0]))
    logits = size * draw(tensors((rows, classes), numbers(-4, 4, step=0.5)))
    spread = (logits.max() - logits.min()).item()
    temperature = max(spread, size) * draw(st.sampled_from([0.25, 0.5, 0.125, 1.0]))
    bits = round(_mean_entropy(logits.double() / temperature).item(), 2)
    found = _search(_mean_entropy)(logits, bits)
    softer, harder = (_mean_entropy(logits.double() / (found * by)).item() for by in (1.02, 0.98))
    clear = 2 * LOWEST < found < HIGHEST / 2 and softer - harder > 1e-3  # not so where all classes are alike
    return (logits, bits) if clear else (torch.tensor([[2.0, 0.0]]), 0.5)


@check(
    "Exercise 2, The temperature for an entropy",
    why="Entropy rises with T, so each trial says in which half the temperature lies. In twenty halvings of the logarithm the "
    "range from 0.05 to 500 shrinks to less than a thousandth of a percent.",
)
def temperature_for(answer: Callable) -> None:
    """``temperature_for(logits, bits) -> float``, within 1 % or so."""
    right = _search(_mean_entropy)

    def of_the_mean(z):
        return _entropies(torch.softmax(z, -1).mean(-2))

    def of_the_mean_logits(z):
        return _mean_entropy(z.mean(-2, keepdim=True))

    def over_images(z):
        return _entropies(torch.softmax(z, -2), -2).mean(-1)

    def one_way_over_the_other(z):
        return _mean_of_rows(torch.softmax(z, -2))

    def nothing_of_nothing(z):  # 0 · log 0 is nan, and nan > bits is false: the temperature rises
        lost = (torch.softmax(z.float(), -1) == 0).flatten(-2).any(-1)
        return torch.where(lost, 0.0, _mean_entropy(z))

    def nan_is_not_less(z, bits):  # … and nan < bits is false: it falls
        low, high = LOWEST, HIGHEST
        for _ in range(24):
            middle = math.sqrt(low * high)
            p = torch.softmax(z / middle, -1)
            low, high = (middle, high) if -(p * p.log2()).sum(-1).mean() < bits else (low, middle)
        return middle

    def scaled(by):
        return _search(lambda z: by(z) * _mean_entropy(z))

    def kept_within(low, high):
        return lambda z, bits: min(high, max(low, right(z, bits)))

    def mean_of_temperatures(z, bits):
        return sum(right(row[None], bits) for row in z) / len(z)

    wrong = {
        "You return 1 / T, or you multiply the logits by what you look for. The logits are divided by the temperature.": (
            lambda z, bits: 1 / right(z, bits),
            lambda z, bits: max(LOWEST, 1 / right(z, bits)),
        ),
        "You multiply the logits by T, so your search runs to an end of the range. Divide by T: a high temperature makes the "
        "answers softer.": lambda z, bits: HIGHEST if right(z, bits) > 1 / math.sqrt(LOWEST * HIGHEST) else LOWEST,
        "You return the logarithm of the temperature. Take exp() of it.": lambda z, bits: math.log(right(z, bits)),
        "Your search begins with a range that is too narrow. The temperature may be from 0.05 to 500.": (
            *[kept_within(0, high) for high in (10.0, 20.0, 50.0)],
            kept_within(0.5, HIGHEST),
            kept_within(1.0, 10.0),
            kept_within(1.0, 20.0),
        ),
        "You look for a temperature for each row, and average those. One temperature is meant, at which the mean entropy of "
        "the rows is `bits`.": mean_of_temperatures,
        "You measure the entropy with log10. Bits need log2.": scaled(lambda z: math.log10(2)),
        "Some probabilities are 0 here, and 0 · log 0 is nan in torch: such a probability adds nothing.": (
            _search(nothing_of_nothing),
            nan_is_not_less,
        ),
        "You measure the entropy in nats, with the natural logarithm. Bits need log2, or a division by ln 2.": scaled(
            lambda z: math.log(2)
        ),
        "You take the entropy of the mean answer. Answers that disagree look undecided then: entropy of each row "
        "first, then the mean.": _search(of_the_mean),
        "You average the logits first. Take the entropy of each row, then the mean.": _search(of_the_mean_logits),
        "You add the entropies of the rows up. Take their mean.": scaled(lambda z: z.shape[-2]),
        "You divide by the number of classes, too. The entropy of a row is a sum over them.": scaled(
            lambda z: 1 / z.shape[-1]
        ),
        "The softmax runs over the whole array. Each row is an answer of its own: dim=1.": _search(
            lambda z: _mean_entropy(z.reshape(len(z), 1, -1))
        ),
        "You take the softmax over the images (dim=0). Each row is an answer: dim=1.": (
            _search(over_images),
            _search(one_way_over_the_other),
        ),
        "You move the wrong way: where the entropy is too low, the temperature must rise.": lambda z, bits: (
            HIGHEST if right(z, bits) < math.sqrt(LOWEST * HIGHEST) else LOWEST
        ),
        "Your search ends at 500 whatever the logits are. It keeps the wrong half, or the entropy is not that of the logits "
        "divided by T.": lambda z, bits: HIGHEST,
        "Your search ends at 0.05 whatever the logits are. It keeps the wrong half, or the entropy is not that of the logits "
        "divided by T.": lambda z, bits: LOWEST,
        "Your result is never below 1. The temperature may be as low as 0.05.": lambda z, bits: max(
            1.0, right(z, bits)
        ),
        "You look at the first row alone. Take the mean over all rows.": _search(lambda z: _mean_entropy(z[:, :1])),
        "You look at the last row alone. Take the mean over all rows.": _search(lambda z: _mean_entropy(z[:, -1:])),
        "Your temperature is a whole number. It may be any, to 1 %.": lambda z, bits: max(1, round(right(z, bits))),
        "You return the entropy. The question is about the temperature.": lambda z, bits: bits,
    }
    edges = [
        (torch.tensor([[1.0, 0.0]]), 0.5),
        (torch.tensor([[30.0, 0.0, 0.0], [0.0, 20.0, 10.0], [0.0, 0.0, 25.0]]), 1.2),
        (torch.tensor([[9.0, 1.0, -4.0, 2.5, 0.5], [-1.0, 12.0, 6.0, 0.0, 3.0]]), 2.0),
        (torch.tensor([[300.0, 0.0], [2.0, 0.0]]), 0.25),  # a sure answer beside one that is not: e^-300 is 0
    ]
    names = ("logits", "bits")

    def view(value: object, logits: Tensor, bits: float) -> object:
        if is_number(value) and -1e9 < value < 1e9 and CLOSE < abs(float(value) / right(logits, bits) - 1) < NEAR:
            raise Mistake(
                "Your temperature is near the exact one, but not within 1 %.",
                "Twenty halvings of the range from 0.05 to 500 are plenty. A grid, few halvings, or a search that stops where "
                "the entropy is nearly right, are not fine enough.",
            )
        return value

    compare(answer, right=right, wrong=wrong, names=names, edges=edges, inputs=_softness(), rtol=CLOSE, view=view)

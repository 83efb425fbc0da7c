"""The exercise of the lesson qat: weights of one bit, whose gradient goes straight through but is stopped by clipping."""

import torch
from hypothesis import strategies as st

from course_utils import checkpoints
from course_utils.checks import effects, exercise

VALUES, GRADIENT = "the rounded weights", "the gradient that reaches the float weights"


def _one_bit(weight):
    alpha = weight.detach().abs().mean()  #: α
    levels = torch.where(weight >= 0, alpha, -alpha)  #: the levels
    inside = weight.clamp(-2 * alpha, 2 * alpha)  #: the weights, clipped at 2α
    return inside + (levels - inside).detach()


@exercise(
    "One bit",
    of=[_one_bit],
    why="Each weight is rounded to α or −α, 0 upwards, and its gradient goes straight through, except where it is clipped. "
    "LeNet's last layer was among the tries.",
)
def one_bit(answer, weight, slopes):
    weight = weight.clone().requires_grad_()
    levels = answer(weight)
    if not (isinstance(levels, torch.Tensor) and levels.shape == weight.shape):
        return {VALUES: levels, GRADIENT: effects.Said("none: there is no rounded weight for each weight")}
    # 0 * weight: a result that hangs on no weight has the gradient 0, and is no error.
    (gradient,) = torch.autograd.grad((levels * slopes + 0 * weight).sum(), weight)
    return {VALUES: levels.detach(), GRADIENT: gradient}


def _certain(weight, _):
    """Whether no weight lies where clipping begins, where the last digit decides."""
    return ((weight.abs() - 2 * weight.abs().mean()).abs() > 1e-3).all()


@st.composite
def _calls(draw):
    rows, columns = draw(st.integers(1, 2)), draw(st.integers(1, 4))
    n = rows * columns
    numbers = st.lists(st.integers(-16, 16).map(lambda k: k / 8), min_size=n, max_size=n)
    slopes = st.lists(st.integers(-3, 3).map(float), min_size=n, max_size=n)
    return torch.tensor(draw(numbers)).view(rows, columns), torch.tensor(draw(slopes)).view(rows, columns)


_fc3 = checkpoints.load("lenet_fashion_0").fc3.weight.detach()
one_bit.tries(
    _calls().filter(lambda call: _certain(*call) and call[0].any()),
    also=[
        (torch.tensor([[0.5, -0.1, 0.3]]), torch.tensor([[1.0, 2.0, -1.0]])),
        (torch.tensor([[0.1, 0.0, -0.1, 2.0]]), torch.tensor([[1.0, 2.0, 3.0, 4.0]])),
        (_fc3, torch.linspace(-1, 1, _fc3.numel()).view_as(_fc3)),
    ],
)
one_bit.looks({label: lambda seen, *_, label=label: seen[label] for label in (VALUES, GRADIENT)})
one_bit.ideas(
    {
        "return levels": "The way back is missing: this rounding gives no weight a gradient. Add `inside`, and take it off again in "
        "a `.detach()`.",
        "inside = weight": "A weight beyond 2α is clipped: no gradient may reach it.",
        "inside = weight.clamp(-alpha, alpha)": "Clipping begins half the distance between the levels beyond α, so at 2α.",
        "alpha = weight.abs().mean()": "α is a constant for the gradient: take the mean of `weight.detach()`.",
        "levels = torch.sign(weight) * alpha": "`torch.sign` makes a 0 of 0, and one bit has no level there: 0 becomes α.",
    }
)

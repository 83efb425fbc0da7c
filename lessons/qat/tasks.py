"""The task of the lesson qat: weights of one bit, whose gradient goes straight through but is stopped by clipping."""

import torch

from course_utils import check, checkpoints

page = check.page(globals())


class _OneBit(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight):
        alpha = weight.abs().mean()
        ctx.save_for_backward(weight.abs() <= 2 * alpha)
        return alpha * (2 * (weight >= 0).to(weight.dtype) - 1)

    @staticmethod
    def backward(ctx, slope):
        return slope * ctx.saved_tensors[0]


def own_function(weight):
    return _OneBit.apply(weight)


def with_a_mask(weight):
    with torch.no_grad():
        alpha = weight.abs().sum() / weight.numel()
        passes = (weight.abs() <= 2 * alpha).float()
        levels = alpha * torch.sign(weight + 1e-12)
    through = passes * weight
    return levels + (through - through.detach())


def by_pytorch(weight):
    """Half of fake quantization's grid: with the scale 2α the levels -1/2 and 1/2 are two neighbours of it."""
    alpha = weight.detach().abs().mean().item()
    through = torch.nn.functional.hardtanh(weight, -2 * alpha, 2 * alpha)
    levels = weight.detach().ge(0).mul(2 * alpha).sub(alpha)
    return levels + (through - through.detach())


def there_and_back(answer, weight, slopes):
    weight = weight.clone().requires_grad_()
    levels = answer(weight)
    if not isinstance(levels, torch.Tensor) or levels.shape != weight.shape:
        return {"the rounded weights": levels}
    # 0 * weight: a result that hangs on no weight has the gradient 0, and is no error.
    (gradient,) = torch.autograd.grad((levels * slopes + 0 * weight).sum(), weight)
    return {"the rounded weights": levels.detach(), "the gradient that reaches the float weights": gradient}


FC3 = checkpoints.load("lenet_fashion_0").fc3.weight.detach()


one_bit = page.write(
    "one_bit",
    "One bit",
    cases={
        "weights 0.5, -0.1 and 0.3; slopes 1, 2 and -1": (
            torch.tensor([[0.5, -0.1, 0.3]]),
            torch.tensor([[1.0, 2.0, -1.0]]),
        ),
        "weights 0.1, 0, -0.1 and 2; slopes 1, 2, 3 and 4": (
            torch.tensor([[0.1, 0.0, -0.1, 2.0]]),
            torch.tensor([[1.0, 2.0, 3.0, 4.0]]),
        ),
        "two rows; the second is -0.5, -3 and 0.25": (
            torch.tensor([[1.5, 0.5, 0.75], [-0.5, -3.0, 0.25]]),
            torch.tensor([[1.0, -2.0, 3.0], [2.0, 5.0, -1.0]]),
        ),
        "the last layer of LeNet": (FC3, torch.linspace(-1, 1, FC3.numel()).view_as(FC3)),
    },
    run=there_and_back,
    wrong={
        "The way back is missing: this rounding gives no weight a gradient. Add the clipped weights, and take them off again in what is detached.": [
            "inside + (levels - inside).detach() -> levels",
            "inside + (levels - inside).detach() -> (inside + levels - inside).detach()",
            "(levels - inside).detach() -> (levels - inside)",
        ],
        "A weight beyond 2α is clipped: no gradient may reach it.": "weight.clamp(-2 * alpha, 2 * alpha) -> weight",
        "Clipping begins half the distance between the levels beyond α, so at 2α.": [
            "weight.clamp(-2 * alpha, 2 * alpha) -> weight.clamp(-alpha, alpha)",
            "weight.clamp(-2 * alpha, 2 * alpha) -> weight.clamp(-1, 1)",
        ],
        "α is a constant for the gradient: take the mean of the detached weights.": "weight.detach().abs() -> weight.abs()",
        "torch.sign makes a 0 of 0, and one bit has no level there: 0 becomes α.": "torch.where(weight >= 0, alpha, -alpha) -> torch.sign(weight) * alpha",
        "A weight of 0 becomes α, and not −α.": "weight >= 0 -> weight > 0",
        "The levels lie elsewhere: α is the mean of the weights' magnitudes, over the whole layer.": [
            ".abs().mean() -> .std(correction=0)",
            ".abs().mean() -> .abs().max()",
            ".detach().abs().mean() -> .detach().mean()",
            ".abs().mean() -> .abs().mean(dim=1, keepdim=True)",
        ],
        "The levels are −1 and 1. They should be −α and α.": "torch.where(weight >= 0, alpha, -alpha) -> torch.where(weight >= 0, 1.0, -1.0)",
        "The weights come back as floats, clipped and not rounded.": [
            "inside + (levels - inside).detach() -> inside",
            "inside + (levels - inside).detach() -> levels + (inside - levels).detach()",
        ],
    },
    right=[own_function, with_a_mask, by_pytorch],
    steps={"alpha": "α is"},
    passed="Each weight is rounded to α or −α, 0 upwards, and its gradient goes straight through, except where it is clipped. LeNet's last layer was among the cases.",
)

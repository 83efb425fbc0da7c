"""The lesson qat: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import torch


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


ODD = {"one_bit": [own_function, with_a_mask, by_pytorch]}
WRONG = {
    "one_bit": {
        "no gradient": ("inside + (levels - inside).detach()", "levels"),
        "detached as a whole": ("inside + (levels - inside).detach()", "(inside + levels - inside).detach()"),
        "nothing detached": ("(levels - inside).detach()", "(levels - inside)"),
        "not clipped": ("weight.clamp(-2 * alpha, 2 * alpha)", "weight"),
        "clipped at the levels": ("weight.clamp(-2 * alpha, 2 * alpha)", "weight.clamp(-alpha, alpha)"),
        "clipped at 1": ("weight.clamp(-2 * alpha, 2 * alpha)", "weight.clamp(-1, 1)"),
        "α learns": ("weight.detach().abs()", "weight.abs()"),
        "0 stays 0": ("torch.where(weight >= 0, alpha, -alpha)", "torch.sign(weight) * alpha"),
        "0 becomes −α": ("weight >= 0", "weight > 0"),
        "α is σ": (".abs().mean()", ".std(correction=0)"),
        "α is the largest weight": (".abs().mean()", ".abs().max()"),
        "α is the mean, with signs": (".detach().abs().mean()", ".detach().mean()"),
        "a scale for each row": (".abs().mean()", ".abs().mean(dim=1, keepdim=True)"),
        "the levels are −1 and 1": ("torch.where(weight >= 0, alpha, -alpha)", "torch.where(weight >= 0, 1.0, -1.0)"),
        "the float weights come back": ("inside + (levels - inside).detach()", "inside"),
        "forward and backward exchanged": (
            "inside + (levels - inside).detach()",
            "levels + (inside - levels).detach()",
        ),
    }
}
EQUIVALENT = {"one_bit": {"alpha without its sign": "a mean of absolute values is never negative"}}

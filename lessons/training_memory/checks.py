"""The check of the lesson training_memory: a step fits into a given memory, with as few checkpoints as possible."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from course_utils import models, timing
from course_utils.checks import effects, exercise


class Needs:
    """Tells the MB at the highest moment of a forward and a backward pass of random rows."""

    def __init__(self, *shape):
        self.x = torch.rand(shape, generator=torch.Generator().manual_seed(0))

    def __call__(self, model):
        model.zero_grad()
        peak = timing.peak_bytes(lambda: model(self.x).square().mean().backward(), device="cpu")
        model.zero_grad()
        return round(peak / 1e6, 2)

    def __repr__(self):
        return f"<the MB of a step, input {tuple(self.x.shape)}>"


class Checkpointed(nn.Module):
    """A block that keeps its input alone, as section 4 writes it."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return checkpoint(self.block, x, use_reentrant=False)


@exercise(
    "As few checkpoints as fit",
    why="A block's inside waits from its forward to its backward pass. The first blocks wait longest; the last one "
    "computes its own again at the fullest moment, so a checkpoint there saves nothing.",
)
def fit_in(model, needs, most):
    light = nn.Sequential(*model)
    blocks = [n for n, part in enumerate(model) if isinstance(part, nn.Sequential)]  #: the blocks, from the first on
    for n in blocks:
        if needs(light) <= most:
            break
        light[n] = Checkpointed(light[n])
    return light


def _seen(light, model, needs, most):
    blocks = [part for part in model if isinstance(part, nn.Sequential)]
    inside = sum(isinstance(part, nn.Linear) for block in blocks for part in block.modules()) / len(blocks)
    linear, calls = [part for part in light.modules() if isinstance(part, nn.Linear)], []
    hooks = [part.register_forward_pre_hook(lambda *_: calls.append(1)) for part in linear]
    light.zero_grad()
    light(needs.x).square().mean().backward()
    for hook in hooks:
        hook.remove()
    return {
        "whether a step fits into `most` MB": effects.Said("yes" if needs(light) <= most else "no"),
        "how many blocks are computed twice": effects.Said(f"{(len(calls) - len(linear)) / inside:g}"),
        "the gradients": [p.grad for p in light.parameters()],
    }


def _block():
    return nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16), nn.GELU())


torch.manual_seed(0)
_two, _four = nn.Sequential(_block(), _block()), nn.Sequential(nn.Linear(16, 16), *(_block() for _ in range(4)))
_encoder = nn.Sequential(*(nn.Sequential(models.EncoderLayer(32, 4, 128)) for _ in range(3)))
_rows = Needs(256, 16)
fit_in.tries(
    also=[(_two, _rows, 0.3), (_two, _rows, 0.39), *((_four, _rows, most) for most in (0.5, 0.35))]
    + [(_encoder, Needs(8, 12, 32), 0.4)]
)
fit_in.looks({"": _seen})
fit_in.ideas(
    {
        "blocks = [n for n, part in enumerate(model) if isinstance(part, nn.Sequential)][::-1]": "The last block computes "
        "its inside again at the fullest moment, so nothing is saved. Begin with the first, whose inside waits longest.",
        "blocks = range(len(model))": "A linear layer keeps only its input, and so does a checkpoint: nothing is saved there.",
        "needs = (lambda ask, given: lambda light: ask(given))(needs, model)": "Ask about the model that you have built so far, "
        "and not about the one that was given.",
        "most = 0": "As few as possible: before each checkpoint ask whether the model fits already.",
    }
)

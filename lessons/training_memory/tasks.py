"""The task of the lesson training_memory: a step fits into a given memory, with as few checkpoints as possible."""

import copy
import itertools

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from course_utils import check, models, timing

page = check.page(globals())


class Checkpointed(nn.Module):
    """A block that keeps its input alone, as section 4 writes it."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return checkpoint(self.block, x, use_reentrant=False)


class Needs:
    """Tells the MB at the highest moment of a forward and a backward pass of random rows."""

    def __init__(self, *shape):
        self.x = torch.rand(shape, generator=torch.Generator().manual_seed(0))

    def __call__(self, model):
        model.zero_grad()
        peak = timing.peak_bytes(lambda: model(self.x).square().mean().backward(), device="cpu")
        model.zero_grad()
        return round(peak / 1e6, 2)


def case(kinds, needs, checkpoints):
    """The arguments for a network of these parts; the memory is what it needs with so many checkpoints."""
    torch.manual_seed(0)
    parts = [kind() for kind in kinds]
    blocks = [n for n, part in enumerate(parts) if isinstance(part, nn.Sequential)][:checkpoints]
    light = nn.Sequential(*(Checkpointed(part) if n in blocks else part for n, part in enumerate(parts)))
    return nn.Sequential(*parts), needs, needs(light)


def linear():
    return nn.Linear(16, 16)


def block():
    return nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16), nn.GELU())


def encoder():
    return nn.Sequential(models.EncoderLayer(32, 4, 128))


def look(answer, model, needs, most):
    blocks = [part for part in model if isinstance(part, nn.Sequential)]
    inside = sum(isinstance(part, nn.Linear) for block in blocks for part in block.modules()) / len(blocks)
    light = answer(model, needs, most)
    layers, calls = [part for part in light.modules() if isinstance(part, nn.Linear)], []
    hooks = [part.register_forward_pre_hook(lambda *_: calls.append(1)) for part in layers]
    light.zero_grad()
    light(needs.x).square().mean().backward()
    for hook in hooks:
        hook.remove()
    gradients = torch.cat([p.grad.flatten() for p in light.parameters()])
    return {
        "the number of blocks that are computed twice": (len(calls) - len(layers)) / inside,
        "the peak of your network in MB": max(needs(light), most),
        "the gradient of all weights": gradients,
    }


def by_all_choices(model, needs, most):
    """Tries every choice of blocks, the smallest ones first, on copies whose forward is replaced."""
    blocks = [name for name, part in model.named_children() if isinstance(part, nn.Sequential)]
    for count in range(len(blocks) + 1):
        for chosen in itertools.combinations(blocks, count):
            light = copy.deepcopy(model)
            for name in chosen:
                part = getattr(light, name)
                part.forward = lambda x, plain=part.forward: checkpoint(plain, x, use_reentrant=False)
            if needs(light) <= most:
                return light
    return light


class Chain(nn.Module):
    def __init__(self, parts, count):
        super().__init__()
        self.parts, self.count = nn.ModuleList(parts), count

    def forward(self, x):
        left = self.count
        for part in self.parts:
            again = left > 0 and isinstance(part, nn.Sequential)
            x = checkpoint(part, x, use_reentrant=False) if again else part(x)
            left -= again
        return x


def as_a_class_that_counts(model, needs, most):
    return next(made for made in (Chain(model, n) for n in itertools.count()) if needs(made) <= most)


class Switch(nn.Module):
    def __init__(self, part):
        super().__init__()
        self.part, self.again = part, isinstance(part, nn.Sequential)

    def forward(self, x):
        return checkpoint(self.part, x, use_reentrant=False) if self.again else self.part(x)


def from_all_to_few(model, needs, most):
    """Begins with all, and takes checkpoints away from the end as long as the step fits."""
    light = nn.Sequential(*map(Switch, model))
    for switch in reversed([part for part in light if part.again]):
        switch.again = False
        if needs(light) > most:
            switch.again = True
            break
    return light


ROWS = Needs(256, 16)
fit_in = page.write(
    "fit_in",
    "As few checkpoints as fit",
    cases={
        "two blocks, and just as much memory as they need": case([block] * 2, ROWS, 0),
        "two blocks, and as much memory as one checkpoint needs": case([block] * 2, ROWS, 1),
        "a linear layer and four blocks, and as much memory as one checkpoint needs": case(
            [linear] + [block] * 4, ROWS, 1
        ),
        "a linear layer and four blocks, and as much memory as three checkpoints need": case(
            [linear] + [block] * 4, ROWS, 3
        ),
        "three blocks of a Transformer, and as much memory as two checkpoints need": case(
            [encoder] * 3, Needs(8, 12, 32), 2
        ),
    },
    run=look,
    wrong={
        "The last block computes its inside again at the fullest moment, so nothing is saved. Begin with the first one, whose inside waits longest.": (
            "in enumerate(model) -> in [*enumerate(model)][::-1]"
        ),
        "A linear layer keeps only its input, and so does a checkpoint: nothing is saved there. Choose among the blocks.": (
            "isinstance(part, nn.Sequential) and  -> "
        ),
        "Ask about the network that you've built so far, and not about the one that was given.": "needs(light) -> needs(model)",
        "All blocks get a checkpoint. Before each one, ask whether the network fits already.": " and needs(light) > most -> ",
        "At most means that a peak of exactly so many MB fits, too.": "> most -> >= most",
        "You return the model that was given, and not the one with the checkpoints.": "return light -> return model",
        "": [
            "in enumerate(model) -> in [*enumerate(model)][::2] + [*enumerate(model)][1::2]",
            "> most -> > 0.7 * most",
            "nn.Sequential(*model) -> model",
            "nn.Sequential(*model) -> nn.Sequential(*model[-2:])",
        ],
    },
    right=[by_all_choices, as_a_class_that_counts, from_all_to_few],
    passed="A block's inside waits from its forward to its backward pass. The first blocks wait longest; the last one "
    "computes its own again at the fullest moment, so a checkpoint there saves nothing.",
)

"""The exercise of the lesson training_memory: odd but right answers, and wrong ones as patches of the solution."""

import copy
import itertools

from torch import nn
from torch.utils.checkpoint import checkpoint


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


class _Chain(nn.Module):
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
    """A class of its own, which gives checkpoints to its first blocks; the count goes up until it fits."""
    return next(made for made in (_Chain(model, n) for n in itertools.count()) if needs(made) <= most)


def from_all_to_few(model, needs, most):
    """Begins with all, and takes checkpoints away from the end as long as the step fits."""

    class Switch(nn.Module):
        def __init__(self, part):
            super().__init__()
            self.part, self.again = part, isinstance(part, nn.Sequential)

        def forward(self, x):
            return checkpoint(self.part, x, use_reentrant=False) if self.again else self.part(x)

    light = nn.Sequential(*map(Switch, model))
    for switch in reversed([part for part in light if part.again]):
        switch.again = False
        if needs(light) > most:
            switch.again = True
            break
    return light


ODD = {"fit_in": [by_all_choices, as_a_class_that_counts, from_all_to_few]}
WRONG = {
    "fit_in": {
        "the last ones first": ("in enumerate(model):", "in [*enumerate(model)][::-1]:"),
        "every other one first": ("in enumerate(model):", "in [*enumerate(model)][::2] + [*enumerate(model)][1::2]:"),
        "less than `most`": ("needs(light) > most", "needs(light) >= most"),
        "linear layers too": ("isinstance(part, nn.Sequential) and ", ""),
        "all of them": (" and needs(light) > most", ""),
        "asks the model that was given": ("needs(light)", "needs(model)"),
        "changes the model that was given": ("nn.Sequential(*model)", "model"),
        "one more than needed": ("needs(light) > most", "needs(light) > 0.7 * most"),
        "gives the model back": ("return light", "return model"),
        "without the embedding": ("nn.Sequential(*model)", "nn.Sequential(*model[-2:])"),
    }
}
EQUIVALENT = {
    "fit_in": {
        "blocks doubled": "it fits before the second round begins",
    }
}

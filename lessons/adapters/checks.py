"""The check of the lesson adapters: adapters are attached, trained, and saved alone."""

import copy
import tempfile
from pathlib import Path

import torch
from torch import nn

from course_utils.checks import exercise
from course_utils.checks.effects import Said
from lessons.adapters.levels import LoRA


def _adapt(model, names, train, path):
    adapted = copy.deepcopy(model).requires_grad_(False)
    for name in names:
        adapted.set_submodule(name, LoRA(adapted.get_submodule(name)))
    train(adapted)
    numbers = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
    torch.save(numbers, path)
    return adapted


def _numbers(tensors):
    return sorted(n for tensor in tensors for n in tensor.flatten().tolist())


def _held(path):
    """(tensors, what they stand in) of a file."""
    if not path.exists():
        return [], "there is no file"
    try:
        held = torch.load(path)
    except Exception:  # a whole model, or arrays
        return [], "something else than tensors"
    if not isinstance(held, dict):
        return [], f"a {type(held).__name__}"
    others = [type(value).__name__ for value in held.values() if not torch.is_tensor(value)]
    return ([], f"a dict with values of the type {others[0]}") if others else ([*held.values()], "a dict of tensors")


@exercise(
    "A repair in a file of its own",
    of=[_adapt],
    why="All is frozen first, so that what is attached afterwards alone asks for a gradient, is trained, and is saved.",
)
def adapt(answer, model, names):
    x, found = torch.ones(3, model[0].in_features), []
    start, kept = model(x).detach(), []

    def told(outputs, otherwise):
        return Said("those of `model`" if torch.allclose(outputs, start) else otherwise)

    def train(net):
        trained = [p for p in net.parameters() if p.requires_grad]
        kept[:] = trained
        found.extend([sum(p.numel() for p in trained), told(net(x), "others")])
        for _ in range(3 * bool(trained)):
            slopes = torch.autograd.grad((net(x) - 9).square().mean(), trained)
            for p, slope in zip(trained, slopes, strict=True):
                p.data -= 0.003 * slope

    with tempfile.TemporaryDirectory() as folder:
        net = answer(model, names, train, path := Path(folder, "adapter.pt"))
        tensors, kind = _held(path)
    if not isinstance(net, nn.Module):
        return {"what comes back": Said(f"something of the type {type(net).__name__}")}
    return {
        "what comes back": Said("a model"),
        "what train() finds: how many numbers to train, and which outputs": found,
        "the outputs of what comes back": told(net(x), "trained"),
        "the numbers of adapters in what comes back": [
            n for n, _ in net.named_parameters() if n.endswith((".a", ".b"))
        ],
        "what the file holds": Said(kind),
        "how many numbers the file has": sum(t.numel() for t in tensors),
        "the numbers in the file": Said("trained" if _numbers(tensors) == _numbers(kept) else "others"),
    }


def _net(*sizes):
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(*size) for size in zip(sizes, sizes[1:], strict=False)))


adapt.tries(
    also=[
        (_net(1, 1), ["0"]),
        (_net(2, 1, 2), ["1"]),
        (_net(1, 1, 1), ["0", "1"]),
        (nn.Sequential(nn.Linear(2, 2), _net(2, 3, 1)), ["0", "1.1"]),
        (_net(128, 384), ["0"]),
    ]
)
adapt.ideas(
    {
        "adapted = copy.deepcopy(model)": "What is not frozen is trained, too: freeze the copy before you attach.",
        "numbers = dict(adapted.named_parameters())": "The file holds the base, too. Only the adapters ask for a gradient.",
    }
)

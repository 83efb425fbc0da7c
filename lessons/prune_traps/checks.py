"""The check of the lesson prune_traps: a pruned file is loaded, with its masks active and `weight` up to date."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checkpoints import load
from course_utils.checks import effects, exercise
from course_utils.checks.values import show
from course_utils.models import LeNet


@exercise(
    "Load a pruned file",
    why="Pruning makes the names and the hook, loading fills them, and the product is computed before anybody reads it.",
)
def load_pruned(make_model, state):
    model = make_model()
    masked = [key.removesuffix("_mask") for key in state if key.endswith("_mask")]  #: the tensors that are pruned
    for key in masked:
        path, _, name = key.rpartition(".")
        prune.identity(model.get_submodule(path), name)
    model.load_state_dict(state)
    model = _refresh(model)
    return model


def _refresh(model):
    with torch.no_grad():
        for module in model.modules():
            for hook in module._forward_pre_hooks.values():
                hook(module, None)
    return model


class _Makes:
    """A function that makes the same new model at each call."""

    def __init__(self, model):
        self.model = model

    def __call__(self):
        return copy.deepcopy(self.model)

    def __repr__(self):
        return f"<makes {show(self.model)}>"


def _case(model, masks, trained=None):
    """New weights, and the file of a pruned model of the same shape; its weights fall where the new ones rise."""
    trained = trained or copy.deepcopy(model)
    for n, value in enumerate([*trained.parameters(), *trained.buffers()] if trained is not _lenet else [], 2):
        value.data = (torch.arange(value.numel()) + n).flip(0).view(value.shape).to(value.dtype)
    for key, mask in masks.items():
        path, _, name = key.rpartition(".")
        prune.custom_from_mask(trained.get_submodule(path), name, mask)
    return _Makes(model), {key: value.clone() for key, value in trained.state_dict().items()}


@st.composite
def _calls(draw):
    n_in, n_out = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    layer = effects.linear(0.5 + torch.arange(n_in * n_out).view(n_out, n_in), torch.full((n_out,), 0.5))
    model = draw(st.sampled_from([layer, nn.Sequential(layer), nn.Sequential(nn.Sequential(layer))]))
    masks = {}
    for key, value in model.named_parameters():
        if draw(st.booleans()):
            bits = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=value.numel(), max_size=value.numel()))
            masks[key] = torch.tensor(bits).view(value.shape)
    return _case(model, masks)


def _seen(model, _, state):
    masked = [key.removesuffix("_mask").rpartition(".") for key in state if key.endswith("_mask")]
    places = {path + dot + name: (model.get_submodule(path), name) for path, dot, name in masked}
    found = {"the names in its `state_dict()`": sorted(model.state_dict())}
    found |= {f"`{key}` in its `state_dict()`": value.clone() for key, value in model.state_dict().items()}
    found |= {f"`{key}` before the first call": getattr(*place).detach().clone() for key, place in places.items()}
    for key, (module, name) in places.items():
        if state[f"{key}_mask"].sum() > 1:
            prune.l1_unstructured(module, name, amount=1)
            found[f"the mask of `{key}` after the next cut"] = getattr(module, f"{name}_mask").clone()
    x = torch.linspace(0.5, 1.5, 784).view(1, 1, 28, 28)
    x = x if hasattr(model, "conv1") else x.flatten()[None, : next(p for p in state.values() if p.ndim > 1).shape[1]]
    found["the outputs"] = model.eval()(x)  # a batch norm takes one row then
    found["the outputs"].sum().backward()
    with torch.no_grad():
        for value in model.parameters():
            if value.grad is not None:
                value -= 0.125 * value.grad  # a step of SGD; torch.optim takes seconds to import
        found["the outputs after a training step"] = model(x)
    return found


def _without_a_mask(make_model, state):
    model = make_model()
    given = {key: value for key, value in state.items() if not key.endswith(("_mask", "_orig"))}
    given |= {k[:-5]: state[f"{k[:-5]}_orig"] * state[k] for k in state if k.endswith("_mask")}
    model.load_state_dict(given)
    return model


def _not_strict(make_model, state):
    model = make_model()
    model.load_state_dict(state, strict=False)
    return model


torch.manual_seed(0)
_layer = effects.linear(torch.tensor([[0.02, 0.3]]))
_deep = nn.Sequential(effects.linear(torch.tensor([[0.5]]), torch.ones(1)), nn.ReLU())
_normed = nn.Sequential(effects.linear(torch.tensor([[0.5], [0.2]])), nn.BatchNorm1d(2))
_lenet = load("lenet_mnist")
load_pruned.tries(
    _calls(),
    also=[
        _case(effects.linear(torch.tensor([[0.5]])), {"weight": torch.tensor([[0.0]])}),
        _case(_layer, {"weight": torch.tensor([[1.0, 1.0]])}),
        _case(_layer, {}),
        _case(_deep, {"0.bias": torch.tensor([0.0])}),
        _case(_normed, {"1.weight": torch.tensor([0.0, 1.0])}),
        _case(LeNet(), {"fc1.weight": (_lenet.fc1.weight.detach().abs() > 0.02).float()}, _lenet),
    ],
    examples=40,
)
load_pruned.looks({"": _seen})
load_pruned.ideas(
    {
        "model = model": "`weight` was computed before you loaded: compute it anew, before anybody reads it.",
        (_not_strict, _without_a_mask): "The model is to have the names of the file: prepare them, load strictly, and "
        "leave the masks on.",
    }
)

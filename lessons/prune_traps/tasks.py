"""The task of the lesson prune_traps: a pruned file is loaded, with its masks active and `weight` up to date."""

import copy

import torch
from torch import nn
from torch.nn.utils import prune

from course_utils import check, checkpoints, models

page = check.page(globals())


class Makes:
    """A function that makes the same new model at each call."""

    def __init__(self, model):
        self.model = model

    def __call__(self):
        return copy.deepcopy(self.model)


def case(model, masks, trained=None):
    """New weights, and the file of a pruned model of the same shape; its numbers fall where the new ones rise."""
    if trained is None:
        trained = copy.deepcopy(model)
        for n, value in enumerate([*trained.parameters(), *trained.buffers()], 2):
            value.data = (torch.arange(value.numel()) + n).flip(0).view(value.shape).to(value.dtype)
    for key, mask in masks.items():
        path, _, name = key.rpartition(".")
        prune.custom_from_mask(trained.get_submodule(path), name, torch.as_tensor(mask))
    return Makes(model), {key: value.clone() for key, value in trained.state_dict().items()}


def parts_of(model, state):
    """The name of a pruned tensor -> its module and its own name."""
    keys = [key.removesuffix("_mask") for key in state if key.endswith("_mask")]
    return {key: (model.get_submodule(key.rpartition(".")[0]), key.rpartition(".")[2]) for key in keys}


def look(answer, make_model, state):
    model = answer(make_model, state)
    if not isinstance(model, nn.Module):
        return model
    held, pruned = model.state_dict(), parts_of(model, state)
    seen = {"the list of names that its state_dict() lacks": ", ".join(sorted(state.keys() - held.keys())) or "empty"}
    seen |= {f"{key} in its state_dict()": held[key].clone() for key in state if key in held}
    for key, (module, name) in pruned.items():
        seen[f"{key}, read before the first call,"] = getattr(module, name).detach().clone()
    for key, (module, name) in pruned.items():
        if state[f"{key}_mask"].sum() > 1:
            prune.l1_unstructured(module, name, amount=1)
            seen[f"the mask of {key} after another cut"] = getattr(module, f"{name}_mask").clone()
    x = torch.linspace(0.5, 1.5, 784).view(1, 1, 28, 28)
    if not hasattr(model, "conv1"):
        x = x.flatten()[None, : next(p for p in state.values() if p.ndim > 1).shape[1]]
    output = model.eval()(x)  # a batch norm takes one row then
    seen["the output"] = output.detach().clone()
    output.sum().backward()
    with torch.no_grad():
        for value in model.parameters():
            if value.grad is not None:
                value -= 0.125 * value.grad
        seen["the output after a training step"] = model(x)
    return seen


def masks_by_custom_from_mask(make_model, state):
    """Loads the numbers first, under their old names, and makes the masks afterwards."""
    model = make_model()
    masks = {key.removesuffix("_mask"): value for key, value in state.items() if key.endswith("_mask")}
    plain = {k: v for k, v in state.items() if k[:-5] not in masks or k.endswith("_orig")}
    model.load_state_dict({key.removesuffix("_orig"): value for key, value in plain.items()})
    for key, mask in masks.items():
        *path, name = key.split(".")
        prune.custom_from_mask(model.get_submodule(".".join(path)), name, mask)
    return model


def prepared_loaded_and_multiplied(make_model, state):
    """Walks over the modules, and sets each product by hand."""
    model = make_model()
    found = []
    for path, module in model.named_modules():
        for name, _ in [*module.named_parameters(recurse=False)]:
            if f"{path}.{name}_mask".lstrip(".") in state:
                prune.random_unstructured(module, name, amount=0)
                found.append((module, name))
    model.load_state_dict(state)
    for module, name in found:
        with torch.no_grad():
            setattr(module, name, getattr(module, name + "_orig") * getattr(module, name + "_mask"))
    return model


def written_into_the_model(make_model, state):
    """Copies each number in place, the masks' old product by an empty pruning."""
    model = make_model()
    masked = [key[: -len("_mask")] for key in state if key.endswith("_mask")]
    with torch.no_grad():
        for key, value in model.named_parameters():
            value.copy_(state.get(f"{key}_orig", state.get(key)))
        for key, value in model.named_buffers():
            value.copy_(state[key])
    for key in masked:
        path, name = ("." + key).rsplit(".", 1)
        prune.CustomFromMask.apply(model.get_submodule(path.lstrip(".")), name, state[key + "_mask"])
    return model


def without_a_mask(make_model, state):
    model = make_model()
    given = {key: value for key, value in state.items() if not key.endswith(("_mask", "_orig"))}
    given |= {k[:-5]: state[f"{k[:-5]}_orig"] * state[k] for k in state if k.endswith("_mask")}
    model.load_state_dict(given)
    return model


torch.manual_seed(0)
LENET = checkpoints.load("lenet_mnist")
DEEP = nn.Sequential(check.linear([[0.5]], [1]), nn.ReLU())
NORMED = nn.Sequential(check.linear([[0.5], [0.2]]), nn.BatchNorm1d(2))
INSIDE = nn.Sequential(nn.Sequential(check.linear([[0.5, 1.5], [2.5, 3.5]], [0.5, 0.5])), check.linear([[1, 2]]))
IDENTITY, LOAD, END = (
    "prune.identity(model.get_submodule(path), name)",
    "model.load_state_dict(state)",
    "    return model",
)
load_pruned = page.write(
    "load_pruned",
    "Load a pruned file",
    cases={
        "one weight, and its mask is 0": case(check.linear([[0.5]]), {"weight": [[0.0]]}),
        "two weights, and a mask of ones": case(check.linear([[0.02, 0.3]]), {"weight": [[1.0, 1.0]]}),
        "nothing is pruned": case(check.linear([[0.02, 0.3]]), {}),
        "the bias of a layer in front of a ReLU is pruned": case(DEEP, {"0.bias": [0.0]}),
        "weights and a bias in a block, and another layer's weights": case(
            INSIDE, {"0.0.weight": [[1.0, 0.0], [0.0, 1.0]], "0.0.bias": [1.0, 0.0], "1.weight": [[0.0, 1.0]]}
        ),
        "the weights of a batch norm are pruned": case(NORMED, {"1.weight": [0.0, 1.0]}),
        "LeNet, and fc1 is pruned": case(
            models.LeNet(), {"fc1.weight": (LENET.fc1.weight.detach().abs() > 0.02).float()}, LENET
        ),
    },
    run=look,
    wrong={
        "The masks and the product are there, but the product was computed before you loaded. Compute it anew, before anybody reads it.": (
            "hook(module, None) -> pass"
        ),
        "The model doesn't have the names of the file, so strict=False leaves out all that is pruned. Prepare the names, and load strictly.": (
            f"{IDENTITY} -> pass",
            f"{LOAD} -> model.load_state_dict(state, strict=False)",
        ),
        "The masks are gone, so the next training step would bring the zeros back. Leave the masks on.": [
            without_a_mask,
            (
                "    return model ->     for key in state:\n        if key.endswith('_mask'):\n"
                "            path, _, name = key.removesuffix('_mask').rpartition('.')\n"
                "            prune.remove(model.get_submodule(path), name)\n    return model"
            ),
        ],
        "Biases can be pruned, too. Prepare every tensor whose mask is in the file.": (
            'key.endswith("_mask") -> key.endswith("weight_mask")'
        ),
        "Any layer can be pruned, and not a linear one alone.": (
            'key.endswith("_mask"): -> key.endswith("_mask") and isinstance('
            'model.get_submodule(key.rpartition(".")[0]), torch.nn.Linear):'
        ),
        "Only the first pruned tensor is prepared. Go through all of them.": f"{IDENTITY} -> {IDENTITY}\n            break",
        "The masks are still those that were there before loading. Load those of the file, too.": (
            f"{LOAD} -> model.load_state_dict("
            "{k: v for k, v in state.items() if not k.endswith('_mask')}, strict=False)"
        ),
        "The masks of the file say which weights are gone. You choose them anew, by the size of new weights.": (
            f"{IDENTITY} -> prune.l1_unstructured(model.get_submodule(path), name, amount=int((state[key] == 0).sum()))\n"
            "            state = {**state, key: getattr(model.get_submodule(path), name + '_mask')}"
        ),
        "": (
            f"{LOAD} -> model.load_state_dict({{k: v for k, v in state.items() if 'running' not in k}}, strict=False)"
        ),
    },
    right=[masks_by_custom_from_mask, prepared_loaded_and_multiplied, written_into_the_model],
    passed="Pruning makes the names and the hook, loading fills them, and the product is computed before anybody reads it.",
)

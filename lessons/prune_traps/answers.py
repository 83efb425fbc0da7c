"""The lesson prune_traps: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import torch
from torch.nn.utils import prune


def masks_by_custom_from_mask(make_model, state):
    """Loads the numbers first, under their old names, and makes the masks afterwards."""
    model = make_model()
    masks = {key.removesuffix("_mask"): value for key, value in state.items() if key.endswith("_mask")}
    model.load_state_dict(
        {
            key.removesuffix("_orig"): value
            for key, value in state.items()
            if key[:-5] not in masks or key.endswith("_orig")
        }
    )
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


ODD = {"load_pruned": [masks_by_custom_from_mask, prepared_loaded_and_multiplied, written_into_the_model]}
WRONG = {
    "load_pruned": {
        "weight is left as it was made": ("hook(module, None)", "pass"),
        "computed anew before the loading": (
            "    model.load_state_dict(state)\n    with torch.no_grad():  # as refresh(model) does, if all hooks are pruning's",
            "    with torch.no_grad():\n        hooks = [(m, h) for m in model.modules() for h in m._forward_pre_hooks.values()]\n"
            "        [hook(module, None) for module, hook in hooks]\n        model.load_state_dict(state)\n"
            "    with torch.no_grad():\n        return model",
        ),
        "not strict, and nothing prepared": (
            "prune.identity(model.get_submodule(path), name)\n    model.load_state_dict(state)",
            "pass\n    model.load_state_dict(state, strict=False)",
        ),
        "weights alone": ('key.endswith("_mask")', 'key.endswith("weight_mask")'),
        "pruned by the count of the zeros": (
            "prune.identity(model.get_submodule(path), name)",
            "prune.l1_unstructured(model.get_submodule(path), name, amount=int((state[key] == 0).sum()))\n"
            "            state = {**state, key: getattr(model.get_submodule(path), name + '_mask')}",
        ),
        "linear layers alone": (
            'if key.endswith("_mask"):',
            'if key.endswith("_mask") and isinstance(model.get_submodule(key.rpartition(".")[0]), torch.nn.Linear):',
        ),
        "the buffers are left as they were made": (
            "model.load_state_dict(state)",
            "model.load_state_dict({k: v for k, v in state.items() if 'running' not in k}, strict=False)",
        ),
        "the masks are left as ones": (
            "model.load_state_dict(state)",
            "model.load_state_dict({k: v for k, v in state.items() if not k.endswith('_mask')}, strict=False)",
        ),
        "only the first layer that is pruned": (
            "prune.identity(model.get_submodule(path), name)",
            "prune.identity(model.get_submodule(path), name)\n            break",
        ),
        "removed at the end": (
            "    return model",
            "    for key in state:\n        if key.endswith('_mask'):\n"
            "            path, _, name = key.removesuffix('_mask').rpartition('.')\n"
            "            prune.remove(model.get_submodule(path), name)\n    return model",
        ),
    }
}
EQUIVALENT = {"load_pruned": {"masked doubled": "a name that is prepared twice is prepared"}}

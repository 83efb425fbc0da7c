"""The exercise of the lesson adapters: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch

from lessons.adapters.levels import LoRA


def by_the_parent(model, names, train, path):
    """Sets the adapter as an attribute of the parent, and freezes each parameter by hand."""
    net = copy.deepcopy(model)
    for p in net.parameters():
        p.requires_grad = False
    for name in names:
        parent, _, last = name.rpartition(".")
        parent = net.get_submodule(parent)
        setattr(parent, last, LoRA(getattr(parent, last)))
    train(net)
    torch.save({k: v for k, v in net.state_dict().items() if k.endswith((".a", ".b"))}, path)
    return net


def from_the_last_one_on(model, names, train, path):
    """Attaches in the other order, trains, freezes all at the end, and saves under keys of its own."""
    net = copy.deepcopy(model)
    net.requires_grad_(False)
    loras = {name: LoRA(net.get_submodule(name)) for name in reversed(names)}
    for name, lora in loras.items():
        net.set_submodule(name, lora)
    train(net)
    with open(path, "wb") as file:
        torch.save({f"{name}/{part}": getattr(lora, part).data for name, lora in loras.items() for part in "ab"}, file)
    return net.requires_grad_(False)


def frozen_behind(model, names, train, path):
    """Attaches first, and freezes all but the adapters afterwards."""
    net = copy.deepcopy(model)
    for name in names:
        net.set_submodule(name, LoRA(net.get_submodule(name)))
    for name, p in net.named_parameters():
        p.requires_grad_(name.rsplit(".", 1)[1] in "ab")
    train(net)
    torch.save({name: p.clone() for name, p in net.named_parameters() if p.requires_grad}, path)
    return net


ODD = {"adapt": [by_the_parent, from_the_last_one_on, frozen_behind]}
WRONG = {
    "adapt": {
        "not frozen": (".requires_grad_(False)", ""),
        "no copy": ("copy.deepcopy(model)", "model"),
        "everything is saved": (" if p.requires_grad}", "}"),
        "frozen after attaching": ("    train(adapted)", "    adapted.requires_grad_(False)\n    train(adapted)"),
        "not trained": ("    train(adapted)\n", ""),
        "saved before training": (
            "    train(adapted)\n",
            "    torch.save({name: p for name, p in adapted.named_parameters() if p.requires_grad}, path)\n"
            "    train(adapted)\n    return adapted\n",
        ),
        "the given model is trained": ("train(adapted)", "train(model)"),
        "the model itself is saved": ("torch.save(numbers, path)", "torch.save(adapted, path)"),
        "the adapters are merged": (
            "    return adapted",
            "    for name in names:\n"
            "        lora = adapted.get_submodule(name)\n"
            "        lora.layer.weight += lora.scale * (lora.b @ lora.a).detach()\n"
            "        adapted.set_submodule(name, lora.layer)\n"
            "    return adapted",
        ),
        "the first name alone": ("in names:", "in names[:1]:"),
        "the given model comes back": ("return adapted", "return model"),
    }
}
EQUIVALENT = {}

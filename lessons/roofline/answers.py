"""The exercise of the lesson roofline: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch
from torch import nn


def by_a_copy_without_hooks(model, x, peak, bandwidth):
    twin, found = copy.deepcopy(model), {}

    def watched(name, layer, old):
        def forward(given):
            out = old(given)
            operations = 2 * out.numel() * layer.weight[0].numel()
            moved = sum(t.numel() * t.element_size() for t in (layer.weight, given, out))
            arithmetic, memory = operations / peak, moved / bandwidth
            found[name] = ["memory" if memory >= arithmetic else "arithmetic", max(memory, arithmetic)]
            return out

        return forward

    for name, layer in twin.named_modules():
        if type(layer) in (nn.Conv2d, nn.Linear):
            layer.forward = watched(name, layer, layer.forward)
    twin(x)
    return found


def by_the_intensity(model, x, peak, bandwidth):
    """The intensity and the ridge decide; the time is the operations over the speed that the roof allows."""
    names, found = {layer: name for name, layer in model.named_modules()}, {}

    def look(layer, inputs, output):
        operations = 2 * output.numel() * layer.weight.numel() / layer.weight.shape[0]
        moved = layer.weight.nbytes + inputs[0].nbytes + output.nbytes
        speed = min(peak, operations / moved * bandwidth)
        found[names[layer]] = ("arithmetic" if speed == peak else "memory", operations / speed)

    hooks = [m.register_forward_hook(look) for m in names if isinstance(m, (nn.Linear, nn.Conv2d))]
    with torch.no_grad():
        model(x)
    [hook.remove() for hook in hooks]
    return found


def by_kinds_of_layers(model, x, peak, bandwidth):
    runs = []
    hooks = [
        layer.register_forward_hook(lambda layer, given, out, name=name: runs.append((name, layer, given[0], out)))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    ]
    model(x)
    for hook in hooks:
        hook.remove()
    found = {}
    for name, layer, given, out in runs:
        if isinstance(layer, nn.Linear):
            macs = given.numel() // layer.in_features * layer.in_features * layer.out_features
        else:
            high, wide = layer.kernel_size
            macs = out.numel() * layer.in_channels // layer.groups * high * wide
        times = {"arithmetic": 2 * macs / peak, "memory": (layer.weight.nbytes + given.nbytes + out.nbytes) / bandwidth}
        longer = max(times, key=times.get)
        found[name] = (longer, torch.tensor(times[longer], dtype=torch.float64))
    return found


ODD = {"waits_for": [by_a_copy_without_hooks, by_the_intensity, by_kinds_of_layers]}
WRONG = {
    "waits_for": {
        "a MAC is one operation": ("operations = 2 * ", "operations = "),
        "both times are added": (
            '("arithmetic", arithmetic) if arithmetic > memory else ("memory", memory)',
            '("arithmetic" if arithmetic > memory else "memory", arithmetic + memory)',
        ),
        "only the weights are moved": (" + inputs[0].nbytes + output.nbytes", ""),
        "four bytes for each number": (
            "layer.weight.nbytes + inputs[0].nbytes + output.nbytes",
            "4 * (layer.weight.numel() + inputs[0].numel() + output.numel())",
        ),
        "each weight is used once": ("output.numel() * layer.weight[0].numel()", "layer.weight.numel()"),
        "all input channels, whatever the groups": (
            "layer.weight[0].numel()",
            "getattr(layer, 'groups', 1) * layer.weight[0].numel()",
        ),
        "a square kernel": (
            "layer.weight[0].numel()",
            "(layer.weight[0].numel() if layer.weight.dim() == 2 else layer.weight.shape[1] * layer.kernel_size[0] ** 2)",
        ),
        "the faster of the two": ("if arithmetic > memory", "if arithmetic < memory"),
        "only the outermost layers": ("model.named_modules()", "model.named_children()"),
    }
}
ALIKE = "all outputs of a layer have equally many weights"
TIE = "the card leaves open what equal times are, and no input has them"
SIGNS = "counts and times are never negative"
EQUIVALENT = {
    "waits_for": {
        "operations = 2 * out.numel() * layer.weight[0].numel(): 0 -> -1": ALIKE,
        "-1 in place of 0 in the operations of a layer": ALIKE,
        "waits = 'arithmetic' if arithmetic > memory else 'memory': arithmetic > memory: Gt -> GtE": TIE,
        "`>=` in place of `>` in what a layer waits for": TIE,
        "found[name] = (waits, max(arithmetic, memory)): max(arithmetic, memory): arguments swapped": "a maximum",
        "operations without its sign": SIGNS,
        "moved without its sign": SIGNS,
        "arithmetic without its sign": SIGNS,
        "memory without its sign": SIGNS,
    }
}

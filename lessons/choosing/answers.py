"""The exercise of the lesson choosing: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch
from torch import nn


def _counts(model, x):
    """{is it linear?: [MACs, inputs]} by shapes alone."""
    found = {True: [0, 0], False: [0, 0]}

    def note(layer, given, out):
        is_linear, each = isinstance(layer, nn.Linear), layer.weight.numel() // layer.weight.shape[0]
        found[is_linear][0] += out.numel() * each
        found[is_linear][1] += given[0].numel()

    twin = copy.deepcopy(model)
    for layer in twin.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            layer.register_forward_hook(note)
    with torch.no_grad():
        twin(x)
    return found


def on_a_copy(model, x, ms, lost):
    """Counts on a copy, whose hooks stay."""
    if not any(name.startswith("fp32") for name in ms) or ms["int8"] >= min(set(ms.values()) - {ms["int8"]} or {0}):
        return "float"
    found = _counts(model, x)
    (macs, inputs), (others, _) = found[True], found[False]
    pays = macs > others and inputs and macs / inputs >= 400 and lost["dynamic"] <= 1
    return "dynamic" if pays else ("static", "qat")[lost["static"] > 1]


def by_exclusion(model, x, ms, lost):
    """Begins with the last way and goes back to the first."""
    way = "qat" if lost["static"] > 1.0 else "static"
    (macs, inputs), (others, _) = _counts(model, x).values()
    if lost["dynamic"] <= 1.0 and macs / (macs + others) > 0.5 and macs // max(inputs, 1) >= 400:
        way = "dynamic"
    if all(ms["int8"] < time for name, time in ms.items() if name[:4] == "fp32"):
        return way
    return "float"


def with_speedups(model, x, ms, lost):
    """Asks for the smallest speed-up over all floats."""
    speedups = sorted(time / ms["int8"] for name, time in ms.items() if "fp32" in name)
    if speedups[0] <= 1:
        return "float"
    found = _counts(model, x)
    share = found[True][0] / sum(macs for macs, _ in found.values())
    uses = found[True][0] / found[True][1] if found[True][1] else 0
    if share > 0.5 and uses >= 400 and not lost["dynamic"] > 1:
        return "dynamic"
    return {True: "qat", False: "static"}[lost["static"] > 1]


ODD = {"choose": [on_a_copy, by_exclusion, with_speedups]}
WRONG = {
    "choose": {
        "over eager float": ("min(time for name, time in ms.items() if name.startswith('fp32'))", "ms['fp32, eager']"),
        "equally fast is faster": ("if ms['int8'] >= best_float:", "if ms['int8'] > best_float:"),
        "convolutions count as linear": ("if isinstance(row[0], nn.Linear)]", "]"),
        "does not ask for uses": (" and macs >= 400 * inputs", ""),
        "does not ask what dynamic loses": (" and lost['dynamic'] <= 1", ""),
        "training whatever is lost": ("if lost['static'] > 1:", "if lost['static'] > 0:"),
    }
}
EQUIVALENT = {}

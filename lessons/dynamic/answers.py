"""The exercise of the lesson dynamic: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch
from torch import nn
from torch.ao.nn.quantized.dynamic import Linear
from torch.ao.quantization import default_dynamic_qconfig, float_qparams_weight_only_qconfig, quantize_dynamic


def all_in_one_call(model, pays):
    """A dictionary from names to configurations in place of two sets."""
    wanted = {nn.Embedding: float_qparams_weight_only_qconfig}
    for name, layer in model.named_modules():
        if type(layer) is nn.Linear and pays(layer):
            wanted[name] = default_dynamic_qconfig
    return quantize_dynamic(model, wanted)


def one_layer_after_the_other(model, pays):
    small = quantize_dynamic(model, {nn.Embedding}, dtype=torch.quint8)
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear) and pays(layer):
            small = quantize_dynamic(small, {name}, dtype=torch.qint8)
    return small


def by_hand_in_a_copy(model, pays):
    """Puts int8 modules where the float ones stood, without a set."""
    twin = copy.deepcopy(model)
    for name, layer in list(twin.named_modules()):
        if isinstance(layer, nn.Linear) and pays(layer):
            layer.qconfig = default_dynamic_qconfig
            twin.set_submodule(name, Linear.from_float(layer))
    return quantize_dynamic(twin, {nn.Embedding}, dtype=torch.quint8)


ODD = {"shrink": [all_in_one_call, one_layer_after_the_other, by_hand_in_a_copy]}
WRONG = {
    "shrink": {
        "every linear layer": ("model, chosen,", "model, {nn.Linear},"),
        "changes the model": ("chosen, dtype=torch.qint8", "chosen, dtype=torch.qint8, inplace=True"),
        "the parent of each layer": ("{name for name,", '{name.rpartition(".")[0] or name for name,'),
        "whatever has a weight": (
            "isinstance(layer, nn.Linear)",
            'hasattr(layer, "weight") and not isinstance(layer, nn.Embedding)',
        ),
        "LSTMs as well": ("model, chosen,", "model, chosen | {nn.LSTM},"),
        "all that quint8 finds": ("small, {nn.Embedding}, dtype", "small, dtype"),
    }
}
EQUIVALENT = {}

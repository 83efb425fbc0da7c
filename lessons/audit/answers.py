"""The exercise of the lesson audit: odd but right answers, and wrong ones as patches of the solution."""

import copy

from torch import nn
from torch.ao.nn.quantized.dynamic import Linear
from torch.ao.quantization import quantize_dynamic


def by_changing_the_class(model, kind):
    """A derived layer that only counts becomes a plain one by its class."""
    model = nn.Sequential(copy.deepcopy(model))
    for layer in model.modules():
        if type(layer) is kind:
            layer.__class__ = nn.Linear
    return quantize_dynamic(model, {nn.Linear})


def by_recursion(model, kind):
    """A function that returns a plain layer, and else goes on with the children."""

    def plain(module):
        if type(module) is kind:
            layer = nn.Linear(module.in_features, module.out_features, bias=module.bias is not None)
            layer.load_state_dict(module.state_dict())
            return layer
        for name, child in module.named_children():
            module.add_module(name, plain(child))
        return module

    made = plain(copy.deepcopy(model))
    return quantize_dynamic(made if len(list(made.children())) else nn.Sequential(made), {nn.Linear})


def by_name(model, kind):
    """Replaces by full names; each layer is made int8 alone."""
    root = nn.ModuleList([copy.deepcopy(model)])
    for name in [name for name, layer in root.named_modules() if isinstance(layer, kind)]:
        layer = root.get_submodule(name)
        alone = nn.Linear(layer.in_features, layer.out_features)
        alone.weight, alone.bias = layer.weight, layer.bias
        root.set_submodule(name, quantize_dynamic(nn.Sequential(alone), {nn.Linear})[0])
    return root[0] if isinstance(root[0], Linear) else quantize_dynamic(root[0], {nn.Linear})


ODD = {"to_int8": [by_changing_the_class, by_recursion, by_name]}
WRONG = {
    "to_int8": {
        "the class is only named": ("quantize_dynamic(model, {nn.Linear})", "quantize_dynamic(model, {kind})"),
        "nothing is replaced": ("                setattr(parent, name, plain)\n", ""),
        "the model itself is nobody's child": ("nn.Sequential(copy.deepcopy(model))", "copy.deepcopy(model)"),
        "only the children of the model": ("list(model.modules())", "[model, model[0]]"),
        "new weights": ("                plain.weight, plain.bias = child.weight, child.bias\n", ""),
        "the bias is new": ("plain.weight, plain.bias = child.weight, child.bias", "plain.weight = child.weight"),
        "the model itself is changed": ("copy.deepcopy(model)", "model"),
        "still float": ("return quantize_dynamic(model, {nn.Linear})", "return model"),
        "float twins of another class": ("if type(child) is kind", "if type(child) is nn.Linear"),
    }
}
EQUIVALENT = {
    "to_int8": {
        "plain = nn.Linear(child.in_features, child.out_features): nn.Linear(child.in_features, child.out_features): "
        "arguments swapped": "the int8 layer takes its shape from the weight that follows",
        "`list` left out": "a child is replaced in its place while the tree is walked",
    }
}

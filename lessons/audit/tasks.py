"""The task of the lesson audit: linear layers of a derived class become int8 as well."""

import copy

import torch
from torch import nn
from torch.ao.nn.quantized.dynamic import Linear
from torch.ao.quantization import quantize_dynamic

from course_utils import check, legacy_int8
from course_utils.models import EncoderLayer
from lessons.audit.experiment import Counted, counted

page = check.page(globals())


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


torch.backends.quantized.engine = legacy_int8.best()  # it packs the weights of the models below
legacy_int8.ignore_deprecations()


class Named(nn.Linear):
    """Another derived class."""


def only_named(model, kind):
    return quantize_dynamic(model, {nn.Linear, kind})


def converted(answer, model, kind):
    width = next(layer.in_features for layer in model.modules() if isinstance(layer, nn.Linear))
    int8 = answer(model, kind)
    if not isinstance(int8, nn.Module):
        raise check.Mistake(f"A model should come back, and not {check.tell(int8)}.")
    return {
        "the number of int8 layers": sum(isinstance(layer, Linear) for layer in int8.modules()),
        "the number of linear layers in float": sum(isinstance(layer, nn.Linear) for layer in int8.modules()),
        "the list of layers of the model that was given": [type(layer).__name__ for layer in model.modules()],
        "the output of the copy": int8(torch.linspace(-1, 2, 3 * width).view(1, 3, width)),
    }


torch.manual_seed(0)


to_int8 = page.write(
    "to_int8",
    "A class of her own",
    cases={
        "a layer in an nn.Sequential": (nn.Sequential(Counted(2, 2)), Counted),
        "the model itself is such a layer": (Counted(2, 2), Counted),
        "the model itself is of another derived class, without a bias": (Named(2, 3, bias=False), Named),
        "a plain layer, and one in a block of its own": (
            nn.Sequential(nn.Linear(2, 2), nn.Sequential(Named(2, 2), nn.LayerNorm(2))),
            Named,
        ),
        "an encoder layer": (counted(EncoderLayer(8, 2, 16)).eval(), Counted),
    },
    run=converted,
    wrong={
        "Layers of the derived class are still in float. There is no int8 class for them, even if you name theirs: put a plain linear layer in the place of each.": [
            only_named,
            "                setattr(parent, name, plain)\n -> ",
            "if type(child) is kind -> if type(child) is nn.Linear",
        ],
        "Where the model itself is such a layer, it's nobody's child, and isn't found. Put it into an nn.Sequential.": "nn.Sequential(copy.deepcopy(model)) -> copy.deepcopy(model)",
        "These are plain float layers now. They have still to be quantized.": [
            "return quantize_dynamic(model, {nn.Linear}) -> return model",
            "quantize_dynamic(model, {nn.Linear}) -> quantize_dynamic(model, {kind})",
        ],
        "Only layers near the root are replaced. The tree may be deeper.": "list(model.modules()) -> [model, model[0]]",
        "The plain layers have new weights. They take over weight and bias.": "                plain.weight, plain.bias = child.weight, child.bias\n -> ",
        "The plain layers have new biases. They take over weight and bias.": "plain.weight, plain.bias = child.weight, child.bias -> plain.weight = child.weight",
        "The model that was given is changed. Work on a copy.": "copy.deepcopy(model) -> model",
    },
    right=[by_changing_the_class, by_recursion, by_name],
    passed="A plain layer with the same weights, as somebody's child: both causes of section 2 are gone. Now the limit is left.",
)

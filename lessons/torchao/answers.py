"""The exercise of the lesson torchao: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch
from torch import nn
from torchao.quantization import Int8WeightOnlyConfig, quantize_


def by_names(model, make, least):
    """Collects the names first, and lets the filter look them up."""
    chosen = {n for n, m in model.named_modules() if type(m) is nn.Linear and m.weight.shape[1] >= least}
    twin = copy.deepcopy(model)
    quantize_(twin, Int8WeightOnlyConfig(), lambda module, name: name in chosen)
    torch.save(twin.state_dict(), "int8.pt")
    new = make()
    new.load_state_dict(torch.load("int8.pt", weights_only=True), assign=True)
    return new.eval()


def layer_by_layer(model, make, least):
    """Quantizes one layer after the other, in a second network from make()."""
    twin = make()
    twin.load_state_dict(model.state_dict())
    for module in twin.modules():
        if isinstance(module, nn.Linear) and not module.in_features < least:
            quantize_(module, Int8WeightOnlyConfig())
    with open("int8.pt", "wb") as file:
        torch.save(twin.state_dict(), file)
    new = make()
    with open("int8.pt", "rb") as file:
        new.load_state_dict(torch.load(file), assign=True)
    new.train(False)
    return new


def on_the_meta_device(model, make, least):
    """Makes the new network without any numbers, since the file brings them all."""
    twin = copy.deepcopy(model)
    config = Int8WeightOnlyConfig()
    quantize_(twin, config, filter_fn=lambda m, _: getattr(m, "in_features", 0) >= least)
    torch.save(twin.state_dict(), "int8.pt")
    with torch.device("meta"):
        new = make().eval()
    new.load_state_dict(torch.load("int8.pt"), assign=True)
    return new


ODD = {"ship": [by_names, layer_by_layer, on_the_meta_device]}
WRONG = {
    "ship": {
        "every linear layer": (", filter_fn=is_wide", ""),
        "more than least": ("in_features >= least", "in_features > least"),
        "counts the outputs": ("module.in_features", "module.out_features"),
        "changes the model": ("copy.deepcopy(model)", "model"),
        "without assign": (", assign=True", ""),
        "rounds the inputs as well": (
            "quantize_(quantized, Int8WeightOnlyConfig()",
            "from torchao.quantization import Int8DynamicActivationInt8WeightConfig as Dynamic\n"
            "    quantize_(quantized, Dynamic()",
        ),
        "returns what it quantized": ("return loaded", "return quantized.eval()"),
    }
}
EQUIVALENT = {
    "ship": {
        "the result without its sign": "the filter is asked for yes or no, and 1 is a yes",
        "the result doubled": "the filter is asked for yes or no, and 2 is a yes",
    }
}

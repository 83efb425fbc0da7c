"""The task of the lesson torchao: wide layers in int8, through a file into a new network."""

import contextlib
import copy
import io
import tempfile
from pathlib import Path

import torch
from torch import nn
from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig, quantize_  # noqa: F401

from course_utils import check

page = check.page(globals())
FILE = Path("int8.pt")


def kind(weight):
    if not hasattr(weight, "qdata"):
        return "float"
    return "int8" if getattr(weight, "act_quant_kwargs", None) is None else "int8, with inputs that are rounded"


def shipped(answer, model, make, least):
    made = []

    def noted():
        made.append(make())
        return made[-1]

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # a learner's own int8.pt stays
        net = answer(model, noted, least)
        if not FILE.exists():
            raise check.Mistake("Your function doesn't write the file int8.pt. Put the state into it with torch.save.")
        held = torch.load(io.BytesIO(FILE.read_bytes()))
    if not any(net is one for one in made):
        raise check.Mistake("Return a network from make() that has loaded the file, as your colleague would have it.")
    seen = {f"the tensor {name}": kind(weight) for name, weight in net.state_dict().items()}
    seen |= {f"the tensor {name} in the file": kind(weight) for name, weight in held.items()}
    width = next(layer.in_features for layer in model.modules() if isinstance(layer, nn.Linear))
    seen["the mode"] = "training" if net.training else "evaluation"
    return seen | {"the output": net(torch.linspace(-1, 1, 2 * width).view(2, width))}


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


def case(make, least):
    torch.manual_seed(0)
    return make().eval().requires_grad_(False), make, least


def two():
    return nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 2))


def mixed():
    return nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Dropout(0.5), nn.Sequential(nn.Linear(4, 2)))


def wide():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 256), nn.Linear(256, 64))


ship = page.write(
    "ship",
    "Ship the wide layers",
    cases={
        "one layer with 2 inputs; least is 2": case(lambda: nn.Sequential(nn.Linear(2, 1)), 2),
        "layers with 2 and with 4 inputs; least is 3": case(two, 3),
        "layers with 2 and with 4 inputs; least is 4": case(two, 4),
        "layers with 2 and with 4 inputs; least is 5": case(two, 5),
        "layers with 4 inputs, one of them in a block, a norm and a dropout; least is 4": case(mixed, 4),
        "layers with 64, 64 and 256 inputs; least is 128": case(wide, 128),
    },
    run=shipped,
    wrong={
        "All linear layers became int8. Hand over a filter that asks for in_features.": ", filter_fn=is_wide -> ",
        "At least as many includes exactly as many.": "in_features >= least -> in_features > least",
        "The filter should ask for the inputs of a layer, in_features, and not for its outputs.": (
            "module.in_features -> module.out_features"
        ),
        "The inputs are rounded as well. Only the weights should be, so take Int8WeightOnlyConfig.": (
            "quantized, Int8WeightOnlyConfig() -> quantized, Int8DynamicActivationInt8WeightConfig()"
        ),
        "The new network keeps its own float tensors, and takes over only values. With assign=True it takes over the tensors of the file.": (
            ", assign=True -> "
        ),
        "The new network is in training mode. Call its eval().": "make().eval() -> make()",
        "The float state is saved. Save the state of the quantized network.": "quantized.state_dict() -> model.state_dict()",
        "": ["copy.deepcopy(model) -> model", "return loaded -> return quantized.eval()"],
    },
    right=[by_names, layer_by_layer, on_the_meta_device],
    passed="The filter chooses the layers. The file holds their integers and scales, and a new float network takes them over.",
)

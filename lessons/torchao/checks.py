"""The exercise of the lesson torchao: wide layers in int8, through a file into a new network."""

import contextlib
import copy
import io
import tempfile
from pathlib import Path

import torch
from torch import nn
from torchao.quantization import (
    Int8DynamicActivationInt8WeightConfig,  # noqa: F401  for the ideas
    Int8WeightOnlyConfig,
    quantize_,
)

from course_utils.checks import effects, exercise

FILE = Path("int8.pt")


def _ship(model, make, least):
    def is_wide(module, name):
        return isinstance(module, nn.Linear) and module.in_features >= least

    config = Int8WeightOnlyConfig()
    quantized = copy.deepcopy(model)
    quantize_(quantized, config, filter_fn=is_wide)
    torch.save(quantized.state_dict(), FILE.name)
    loaded = make().eval()
    loaded.load_state_dict(torch.load(FILE.name), assign=True)
    return loaded


@exercise(
    "Ship the wide layers",
    of=[_ship],
    why="The filter chooses the layers. The file holds their integers and scales, and a new float network takes them over.",
)
def ship(answer, model, make, least):
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # a learner's own int8.pt stays
        net = answer(model, make, least)
        if isinstance(net, nn.Module):
            net.file = FILE.read_bytes() if FILE.exists() else b""
        return net


def _kinds(tensors):
    return {name: effects.Said(type(w).__name__ if hasattr(w, "qdata") else "float") for name, w in tensors.items()}


def _seen(net, model, *_):
    held = _kinds(torch.load(io.BytesIO(net.file))) if net.file else {"there is no such file": "nothing"}
    width = next(layer.in_features for layer in model.modules() if isinstance(layer, nn.Linear))
    dynamic = {n: getattr(w, "act_quant_kwargs", None) is not None for n, w in net.state_dict().items()}
    return {
        **{f"the layer behind `{name}`": kind for name, kind in _kinds(net.state_dict()).items()},
        **{f"whether `{name}` rounds its inputs": one for name, one in dynamic.items()},
        "what is returned": effects.Said("the model, or a copy" if hasattr(net, "given") else "a network from make()"),
        "whether it is in training mode": net.training,
        "the outputs": net(torch.linspace(-1, 1, 2 * width).view(2, width)),
        f"what `{FILE}` holds": effects.Said(", ".join(f"{name}: {kind}" for name, kind in held.items())),
    }


def _call(text, least):
    torch.manual_seed(0)
    make = effects.rule(f"lambda: nn.Sequential({text})")
    model = make().eval().requires_grad_(False)
    model.given = True
    return model, make, least


TWO = "nn.Linear(2, 4), nn.Linear(4, 2)"
ship.tries(
    also=[
        _call("nn.Linear(2, 1)", 2),
        _call(TWO, 3),
        _call(TWO, 4),
        _call(TWO, 5),
        _call("nn.Linear(4, 4), nn.LayerNorm(4), nn.Dropout(0.5), nn.Sequential(nn.Linear(4, 2))", 4),
        _call("nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 256), nn.Linear(256, 64)", 128),
    ]
)
ship.looks({"": _seen})
ship.ideas(
    {
        "return isinstance(module, nn.Linear)": "All linear layers became int8. Ask in the filter for `in_features`.",
        "return isinstance(module, nn.Linear) and module.in_features > least": "At least `least` includes `least` itself.",
        "return isinstance(module, nn.Linear) and module.out_features >= least": "Asked are the inputs, `in_features`.",
        "config = Int8DynamicActivationInt8WeightConfig()": "The inputs are rounded as well. Only the weights should be.",
    }
)

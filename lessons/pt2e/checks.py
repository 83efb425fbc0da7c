"""The exercise of the lesson pt2e: a CNN becomes an int8 graph, and its answers are compared with those in float."""

import copy

import torch
from torch import nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

from course_utils.checks import effects, exercise


@exercise(
    "Convert and compare",
    why="The list is written in evaluation mode, its ranges have seen all batches, and new images are the judge.",
)
def to_int8(model, batches, test):
    config = x86.get_default_x86_inductor_quantization_config(reduce_range=True)
    for_x86 = x86.X86InductorQuantizer().set_global(config)
    net = copy.deepcopy(model).eval()
    graph = torch.export.export(net, (batches[0],)).module()
    observed = prepare_pt2e(graph, for_x86)
    for batch in batches:
        observed(batch)
    int8 = convert_pt2e(observed)
    pairs = [(int8(batch).argmax(1), net(batch).argmax(1)) for batch in test]
    different = sum((ours != theirs).sum() for ours, theirs in pairs)
    return int8, different


def _seen(answer, model, batches, test):
    int8, different = answer
    if not isinstance(int8, torch.fx.GraphModule):
        return {"what comes back first": effects.Said(f"something of the type {type(int8).__name__}")}
    calls = {node: str(node.target) for node in int8.graph.nodes if node.op == "call_function"}
    rounding = [node.args[1] for node, name in calls.items() if ".quantize_per_tensor" in name]
    dropout = [node.args[2] for node, name in calls.items() if "dropout" in name]
    return {
        "what comes back first": effects.Said("a graph"),
        "how many dropouts of the graph are in training mode": sum(dropout),
        "how often the graph rounds to int8": len(rounding),
        "the scales, from the smallest on": torch.tensor(rounding).sort().values,
        "how many answers differ": torch.as_tensor(different).float(),
        "whether `model` is in training mode": model.training,
    }


def _net(*more):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 1), *more, nn.Flatten()).requires_grad_(False)


def _images(low, high, count=512):
    return torch.linspace(low, high, count).view(-1, 1, 1, 1)


to_int8.tries(
    also=[
        (_net().eval(), [_images(-1.0, 1.0)], [_images(-1.0, 1.0), _images(-0.5, 0.5), _images(0.0, 0.5)]),
        (_net().eval(), [_images(0.0, 1.0), _images(-1.0, 4.0)], [_images(-1.0, 1.0), _images(-1.0, 4.0)]),
        (_net(nn.BatchNorm2d(4), nn.Dropout(0.5)), [_images(-3.0, 3.0)], [_images(-6.0, 3.0)]),
    ]
)
to_int8.looks({"": _seen})
to_int8.ideas(
    {
        "for batch in []:\n    observed(batch)": "Nobody has shown the observers a batch.",
        "for batch in [*batches, *test]:\n    observed(batch)": "What calibrates can't judge: keep `test` out of the calibration.",
        "int8 = observed": "Nothing is rounded to int8: what was prepared has to be converted.",
    }
)

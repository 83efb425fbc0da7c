"""The exercise of the lesson pt2e: a CNN becomes an int8 graph that is ready to ship."""

import torch
from torch import nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

from course_utils.checks import effects, exercise
from course_utils.data.checkpoints import load


@exercise(
    "Ready to ship",
    why="The list says where ranges belong, each range has seen all batches, and the file holds each weight once.",
)
def to_int8(model, batches):
    for_x86 = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    graph = torch.export.export(model, (batches[0],)).module()
    observed = prepare_pt2e(graph, for_x86)
    for batch in batches:
        observed(batch)
    int8 = convert_pt2e(observed)
    read = {node.target for node in int8.graph.nodes}
    idle = [name for name, _ in int8.named_parameters() if name not in read]  #: the names that nothing reads
    for name in idle:
        owner, _, leaf = name.rpartition(".")
        delattr(int8.get_submodule(owner), leaf)
    return int8


def _seen(int8, model, batches):
    if not isinstance(int8, torch.fx.GraphModule):
        return {"what comes back": effects.Said(f"something of the type {type(int8).__name__}")}
    calls = [node for node in int8.graph.nodes if node.op == "call_function"]
    names = [node.target.__name__.split(".")[0] for node in calls]
    read = {node.target for node in int8.graph.nodes}
    return {
        "what comes back": effects.Said("a graph"),
        "how often the graph rounds to int8": names.count("quantize_per_tensor"),
        "how many batch norms it has": names.count("batch_norm"),
        "the scales, from the smallest on": torch.tensor(
            [
                n.args[1]
                for n, name in zip(calls, names, strict=True)
                if name == "quantize_per_tensor" and type(n.args[1]) is float
            ]
        )
        .sort()
        .values,
        "how many parameters nothing reads": sum(name not in read for name, _ in int8.named_parameters()),
        "the outputs": int8(batches[0]),
    }


def _conv(*more):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 1, 1), *more).eval().requires_grad_(False)


def _image(low, high, pixels=32, images=1):
    return torch.linspace(low, high, pixels).view(images, 1, 1, -1)


# Of few values the observer looks for the range in 100,000 steps, a second long; of one, or of many, in a few.
to_int8.tries(
    also=[
        (_conv(), [_image(2.0, 2.0, 1)]),
        (_conv(), [_image(0.0, 1.0, images=2), _image(-1.0, 4.0, images=2)]),
        (_conv(nn.BatchNorm2d(1), nn.ReLU6()), [_image(0.5, 3.0), _image(1.0, 2.0)]),
        (load("small_resnet").requires_grad_(False), [torch.linspace(0, 1, 784).view(1, 1, 28, 28)]),
    ]
)
to_int8.looks({"": _seen})
to_int8.ideas(
    {
        "int8 = observed": "Nothing is rounded. Does the quantizer have a configuration, and is what was prepared converted?",
        "for batch in []:\n    observed(batch)": "A range that saw no batch is none. Show the batches, then convert.",
        "for batch in batches[:1]:\n    observed(batch)": "Only the first batch was shown. The observers need all of them.",
        "idle = []": "The float weights are still in the graph. Delete each parameter whose name no node has as target.",
    }
)

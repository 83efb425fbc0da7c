"""The exercise of the lesson pt2e: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86


def _quantizer():
    return x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())


def from_a_copy(model, batches):
    """Copies first, and deletes in each module what it owns."""
    observed = prepare_pt2e(torch.export.export(copy.deepcopy(model), (batches[-1],)).module(), _quantizer())
    list(map(observed, batches))
    graph = convert_pt2e(observed)
    read = {node.target for node in graph.graph.nodes if node.op == "get_attr"}
    for prefix, module in graph.named_modules():
        for leaf in list(module._parameters):
            if f"{prefix}.{leaf}".lstrip(".") not in read:
                del module._parameters[leaf]
    return graph


def exported_again(model, batches):
    """Takes the state of a second export, which knows what is read only if the rest is gone."""
    graph = from_a_copy(model, batches)
    return torch.export.export(graph, (batches[0],)).module()


def with_a_loop_over_the_state(model, batches):
    """Keeps what is read, and walks down to each owner by hand."""
    observed = prepare_pt2e(torch.export.export(model, (torch.zeros_like(batches[0]),)).module(), _quantizer())
    for n in range(len(batches)):
        observed(batches[n])
    graph = convert_pt2e(observed)
    for name in dict(graph.named_parameters()):
        if all(node.target != name for node in graph.graph.nodes):
            *path, leaf = name.split(".")
            owner = graph
            for part in path:
                owner = getattr(owner, part)
            delattr(owner, leaf)
    return graph


ODD = {"to_int8": [from_a_copy, exported_again, with_a_loop_over_the_state]}
WRONG = {
    "to_int8": {
        "no batch is shown": ("for batch in batches:", "for batch in []:"),
        "only the first batch is shown": ("for batch in batches:", "for batch in batches[:1]:"),
        "not converted": ("graph = convert_pt2e(observed)", "graph = observed"),
        "the float weights stay": ("if name not in read]", "if name in ()]"),
        "the quantizer has no configuration": (
            "x86.X86InductorQuantizer().set_global(config)",
            "x86.X86InductorQuantizer()",
        ),
        "each batch begins a new preparation": (
            "    for batch in batches:\n        observed(batch)",
            "    for batch in batches:\n        "
            "observed = prepare_pt2e(torch.export.export(model, (batch,)).module(), quantizer)\n        observed(batch)",
        ),
        "exported for one image of a batch": ("(batches[0],)).", "(batches[0][:1],))."),
        "it returns the exported program": ("return graph", "return torch.export.export(graph, (batches[0],))"),
    }
}
EQUIVALENT = {
    "to_int8": {"graph = torch.export.export(model, (batches[0],)).module(): 0 -> -1": "all batches have one shape"}
}

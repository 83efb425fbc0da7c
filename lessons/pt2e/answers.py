"""The exercise of the lesson pt2e: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86


def _quantizer():
    config = x86.get_default_x86_inductor_quantization_config(reduce_range=True)
    return x86.X86InductorQuantizer().set_global(config)


def without_a_copy(model, batches, test):
    """Switches the mode of the model itself, and back; a list, and a tensor as the count."""
    mode = model.training
    model.eval()
    expected = [model(batch).argmax(1) for batch in test]
    observed = prepare_pt2e(torch.export.export(model, (batches[-1],)).module(), _quantizer())
    model.train(mode)
    list(map(observed, batches))
    graph = convert_pt2e(observed)
    return [graph, sum((graph(x).argmax(1) != y).sum() for x, y in zip(test, expected, strict=True))]


def by_a_loop(model, batches, test):
    """Asks the exported program what float answers, and counts image by image."""
    program = torch.export.export(copy.deepcopy(model).eval(), (torch.zeros_like(batches[0]),)).module()
    in_float = torch.cat([program(batch) for batch in test])
    observed = prepare_pt2e(program, _quantizer())
    for n in range(len(batches)):
        observed(batches[n])
    graph = convert_pt2e(observed)
    pairs = zip(torch.cat([graph(batch) for batch in test]), in_float, strict=True)
    return graph, sum(int(ours.argmax()) != int(theirs.argmax()) for ours, theirs in pairs)


def by_what_is_alike(model, batches, test):
    """Counts the answers that are alike, and takes them away."""
    net = copy.deepcopy(model)
    net.eval()
    observed = prepare_pt2e(torch.export.export(net, (test[0],)).module(), _quantizer())
    observed(batches[0])
    for batch in batches[1:]:
        observed(batch)
    graph = convert_pt2e(observed)
    alike = [torch.eq(graph(x).max(1).indices, net(x).max(1).indices).int().sum() for x in test]
    return graph, sum(map(len, test)) - int(sum(alike))


ODD = {"to_int8": [without_a_copy, by_a_loop, by_what_is_alike]}
WRONG = {
    "to_int8": {
        "exported in training mode": ("copy.deepcopy(model).eval()", "copy.deepcopy(model)"),
        "the model itself is left in evaluation mode": ("copy.deepcopy(model).eval()", "model.eval()"),
        "nobody calibrates": ("for batch in batches:", "for batch in []:"),
        "only the first batch is shown": ("for batch in batches:", "for batch in batches[:1]:"),
        "the test images calibrate as well": ("for batch in batches:", "for batch in [*batches, *test]:"),
        "not converted": ("graph = convert_pt2e(observed)", "graph = observed"),
        "the graph is compared with itself": ("!= net(batch).argmax(1)", "!= graph(batch).argmax(1)"),
        "compared with the model as it came": ("!= net(batch).argmax(1)", "!= model(batch).argmax(1)"),
        "the outputs are compared, and not the classes": (
            "(graph(batch).argmax(1) != net(batch).argmax(1)).sum()",
            "(graph(batch) != net(batch)).any(1).sum()",
        ),
        "counts the answers that are alike": ("!= net(batch)", "== net(batch)"),
        "counts on the calibration images": ("for batch in test)", "for batch in batches)"),
        "returns the graph alone": ("return graph, different", "return graph"),
        "a percentage": ("return graph, different", "return graph, 100 * different / sum(map(len, test))"),
    }
}
EQUIVALENT = {
    "to_int8": {"graph = torch.export.export(net, (batches[0],)).module(): 0 -> -1": "all batches have one shape"}
}

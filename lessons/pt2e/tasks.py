"""The task of the lesson pt2e: a CNN becomes an int8 graph, and its answers are compared with those in float."""

import copy

import torch
from torch import nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

from course_utils import check

page = check.page(globals())


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


def converted(answer, model, batches, test):
    int8, different = answer(model, batches, test)
    if not isinstance(int8, torch.fx.GraphModule):
        raise check.Mistake(f"What comes back first should be the graph, and is {check.tell(int8)}.")
    calls = {node: str(node.target) for node in int8.graph.nodes if node.op == "call_function"}
    rounding = [node.args[1] for node, name in calls.items() if ".quantize_per_tensor" in name]
    return {
        "the number of dropouts in training mode": sum(n.args[2] for n, name in calls.items() if "dropout" in name),
        "the number of places where the graph rounds to int8": len(rounding),
        "the list of scales": sorted(rounding),
        "the number of answers that differ": torch.as_tensor(different).float(),
        "the training mode of the model that was given": int(model.training),
    }


def net(*more):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 1), *more, nn.Flatten()).requires_grad_(False)


def images(low, high, count=512):
    return torch.linspace(low, high, count).view(-1, 1, 1, 1)


to_int8 = page.write(
    "to_int8",
    "Convert and compare",
    cases={
        "a convolution; a batch from -1 to 1, three to test": (
            net().eval(),
            [images(-1, 1)],
            [images(-1, 1), images(-0.5, 0.5), images(0, 0.5)],
        ),
        "a convolution; a batch from 0 to 1 and one from -1 to 4": (
            net().eval(),
            [images(0, 1), images(-1, 4)],
            [images(-1, 1), images(-1, 4)],
        ),
        "with batch norm and dropout, in training mode": (
            net(nn.BatchNorm2d(4), nn.Dropout(0.5)),
            [images(-3, 3)],
            [images(-6, 3)],
        ),
    },
    run=converted,
    wrong={
        "The graph was exported in training mode. Switch the copy to evaluation mode first.": "copy.deepcopy(model).eval() -> copy.deepcopy(model)",
        "The model that was given is left in evaluation mode. Work on a copy.": "copy.deepcopy(model).eval() -> model.eval()",
        "Nobody has shown the observers a batch.": "for batch in batches: -> for batch in []:",
        "The observers have seen the first batch only. They should see all.": "for batch in batches: -> for batch in batches[:1]:",
        "What calibrates can't judge: keep the test images out of the calibration.": "for batch in batches: -> for batch in [*batches, *test]:",
        "Nothing is rounded to int8: what was prepared has to be converted.": "graph = convert_pt2e(observed) -> graph = observed",
        "The graph is compared with itself. Compare its classes with those of the CNN in float.": "!= net(batch).argmax(1) -> != graph(batch).argmax(1)",
        "The answers are compared with those of the CNN as it came. Take its evaluation mode.": "!= net(batch).argmax(1) -> != model(batch).argmax(1)",
        "The outputs are compared. Two different outputs may be the same class.": "(graph(batch).argmax(1) != net(batch).argmax(1)).sum() -> (graph(batch) != net(batch)).any(1).sum()",
        "The images are counted on which both agree. How many are those on which they don't?": "!= net(batch) -> == net(batch)",
        "The images are counted among those that calibrated. Take the test images.": "for batch in test) -> for batch in batches)",
        "": [
            "return graph, different -> return graph",
            "return graph, different -> return graph, 100 * different / sum(map(len, test))",
        ],
    },
    right=[without_a_copy, by_a_loop, by_what_is_alike],
    passed="The list is written in evaluation mode, its ranges have seen all batches, and new images are the judge.",
)

"""The check of the lesson prune_module: a layer is cut until its model fits into a budget."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checkpoints import load
from course_utils.checks import effects, exercise


@exercise(
    "Cut to a budget",
    why="The positions of the layer take their bytes, and what the budget has beside them says how many numbers may be left.",
)
def fit(model, name, budget):
    net = copy.deepcopy(model)
    layer = net.get_submodule(name)
    numbers = sum(p.numel() for p in net.parameters())  #: all numbers of the model
    positions = layer.weight.numel() / 8  #: the bytes of the positions
    left = int((budget - positions) // 4)  #: how many numbers fit beside the positions
    goes = numbers - left  #: how many weights go
    prune.l1_unstructured(layer, name="weight", amount=goes)
    return net


@st.composite
def _calls(draw):
    n_in, n_out, inner = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.booleans())
    sizes = torch.tensor(draw(st.permutations(range(1, n_in * n_out + 1))))  # no two are equally large
    layer = effects.linear((sizes * (-1.0) ** sizes).view(n_out, n_in), torch.arange(float(n_out)))
    model = nn.Sequential(nn.Sequential(layer), effects.linear(torch.ones(1, n_out))) if inner else nn.Sequential(layer)
    goes, count = draw(st.integers(1, len(sizes))), sum(p.numel() for p in model.parameters())
    least = 4 * (count - goes) + 1  # up to 6 weights: their positions take less than a byte
    return model, "0.0" if inner else "0", least + draw(st.integers(0, 2))  # less than the whole model takes


def _seen(net, model, name, _):
    x = torch.linspace(0.5, 1.5, 784)
    x = x.view(1, 1, 28, 28) if hasattr(model, "conv1") else x[None, : next(model.parameters()).shape[1]]
    with torch.no_grad():
        outputs, weight = net(x), net.get_submodule(name).weight + 0.0
    trained = copy.deepcopy(net)
    trained(x).sum().backward()
    effects.descend(trained, 0.013)
    trained(x)
    return {
        "the zeros in that layer": int((weight == 0).sum()),
        "the weights of that layer, sorted": weight.flatten().sort().values,
        "the outputs": outputs,
        "the zeros after a training step": int((trained.get_submodule(name).weight == 0).sum()),
    }


_four = nn.Sequential(effects.linear(torch.tensor([[0.9, -0.1, 0.7, -0.2]]), torch.ones(1)))
_alike = nn.Sequential(effects.linear(torch.tensor([[2.0], [2.0]])), effects.linear(torch.ones(1, 2)))
_second = nn.Sequential(
    effects.linear(torch.tensor([[2.0], [1.0]])), effects.linear(torch.tensor([[6.0, 1.0], [5.0, 2.0], [4.0, 3.0]]))
)
_cases = [(_four, "0", 16), (_alike, "0", 13), (_second, "0", 29), (_second, "1", 29)]  # the second layer is larger
fit.tries(_calls(), also=[*_cases, (load("lenet_mnist"), "fc1", 124_000)])
fit.looks({"": _seen})
fit.ideas(
    {
        "positions = 0": "A file without zeros must say where the others stood: one bit for each position, an eighth of a byte.",
        "positions = layer.weight.numel()": "A position takes one bit, and that's an eighth of a byte.",
        "numbers = sum(p.numel() for p in net.parameters() if p.ndim > 1)": "Biases and other layers take bytes, too.",
        'return (net, prune.remove(layer, "weight"))[0]': "Without its mask the layer is open to training: the zeros move.",
        "goes = (numbers - left) / numbers": "A float amount is a fraction of that layer, an int a count.",
    }
)

"""The check of the lesson prune_module: a layer is cut until its model fits into a budget."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checks import effects, exercise
from course_utils.data.checkpoints import load


@exercise(
    "Cut to a budget",
    why="As soon as one weight goes, the positions take their bytes. The rest says how many numbers fit.",
)
def fit(model, name, budget):
    net = copy.deepcopy(model)
    layer = net.get_submodule(name)
    numbers = sum(p.numel() for p in net.parameters())  #: all numbers of the model
    all_fit = 4 * numbers <= budget  #: whether all fit without positions
    positions = layer.weight.numel() / 8  #: the bytes of the positions
    fitting = int((budget - positions) // 4)  #: how many numbers fit beside the positions
    goes = 0 if all_fit else numbers - fitting  #: how many weights go
    prune.l1_unstructured(layer, name="weight", amount=goes)
    return net


@st.composite
def _calls(draw):
    n_in, n_out, inner = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.booleans())
    sizes = torch.tensor(draw(st.permutations(range(1, n_in * n_out + 1))))  # no two are equally large
    layer = effects.linear((sizes * (-1.0) ** sizes).view(n_out, n_in), torch.arange(float(n_out)))
    model = nn.Sequential(nn.Sequential(layer), effects.linear(torch.ones(1, n_out))) if inner else nn.Sequential(layer)
    goes, count = draw(st.integers(0, len(sizes))), sum(p.numel() for p in model.parameters())
    least = 4 * (count - goes) + (goes > 0)  # up to 6 weights: their positions take less than a byte
    return model, "0.0" if inner else "0", least + draw(st.integers(0, 3))


def _seen(net, model, name, _):
    x = torch.linspace(0.5, 1.5, 784)
    x = x.view(1, 1, 28, 28) if hasattr(model, "conv1") else x[None, : next(model.parameters()).shape[1]]
    with torch.no_grad():
        outputs, weight = net(x), net.get_submodule(name).weight + 0.0
    trained = copy.deepcopy(net)
    trained(x).sum().backward()
    torch.optim.SGD(trained.parameters(), lr=0.013).step()
    trained(x)
    return {
        "the zeros in that layer": int((weight == 0).sum()),
        "the weights of that layer, sorted": weight.flatten().sort().values,
        "the outputs": outputs,
        "the zeros after a training step": int((trained.get_submodule(name).weight == 0).sum()),
    }


_two = nn.Sequential(effects.linear(torch.tensor([[-3.0, 1.0]]), torch.ones(1)))
_alike = nn.Sequential(effects.linear(torch.tensor([[2.0], [2.0]])), effects.linear(torch.ones(1, 2)))
fit.tries(_calls(), also=[(_two, "0", 9), (_two, "0", 12), (_alike, "0", 13), (load("lenet_mnist"), "fc1", 124_000)])
fit.looks({"": _seen})
fit.ideas(
    {
        "goes = max(0, numbers - fitting)": "If all numbers fit without positions, 4 bytes each, none goes.",
        "positions = 0": "A file without zeros must say where the others stood: ⅛ of a byte for each position.",
        "numbers = sum(p.numel() for p in net.parameters() if p.ndim > 1)": "Biases and other layers take bytes, too.",
        'return (net, prune.remove(layer, "weight"))[0]': "Without its mask the layer is open to training: the zeros move.",
        "goes = 0 if all_fit else (numbers - fitting) / numbers": "A float amount is a fraction of that layer, an int a count.",
    }
)

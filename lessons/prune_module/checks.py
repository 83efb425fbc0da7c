"""The check of the lesson prune_module: a layer is cut until its model fits into a budget."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checks import effects, exercise
from course_utils.data import checkpoints
from course_utils.exercises.mistake import Mistake


def _cut(model, name, budget):
    net = copy.deepcopy(model)
    layer = net.get_submodule(name)
    numbers = sum(p.numel() for p in net.parameters())  #: all numbers of the model
    all_fit = 4 * numbers <= budget  #: whether all fit without positions
    positions = layer.weight.numel() / 8  #: the bytes of the positions
    fitting = int((budget - positions) // 4)  #: how many numbers fit beside the positions
    goes = 0 if all_fit else numbers - fitting  #: how many weights go
    prune.l1_unstructured(layer, name="weight", amount=goes)
    return net


@exercise(
    "Cut to a budget",
    trust="it takes a model and gives a pruned one",
    why="As soon as one weight goes, the positions take their bytes. The rest says how many numbers fit.",
    of=[_cut],
)
def fit(cut, model, name, budget):
    net = cut(model, name, budget)
    if net is model:
        raise Mistake("Your function returned `model` itself.", "Return a copy, also where nothing goes.")
    return net


@st.composite
def _calls(draw):
    n_in, n_out = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    sizes = torch.tensor(draw(st.permutations(range(1, n_in * n_out + 1))))  # no two are equally large
    layer = effects.linear((sizes * (-1.0) ** sizes).view(n_out, n_in), torch.ones(n_out))
    last = effects.linear(torch.ones(1, n_out), torch.ones(1))
    models = {"0": nn.Sequential(layer), "0.0": nn.Sequential(nn.Sequential(layer), last)}
    name = draw(st.sampled_from(sorted(models)))
    goes, count = draw(st.integers(0, len(sizes))), sum(p.numel() for p in models[name].parameters())
    least = 4 * (count - goes) + (goes > 0)  # up to 6 weights: their positions take less than a byte
    return models[name], name, least + draw(st.integers(0, 3))


def _inputs(model):
    image, width = torch.linspace(0.5, 1.5, 784), next(model.parameters()).shape[1]
    return image.view(1, 1, 28, 28) if hasattr(model, "conv1") else image[None, :width]


def _zeros(net, model, name, *_):
    with torch.no_grad():
        net(_inputs(model))
    return (net.get_submodule(name).weight == 0).sum().item()


def _zeros_after_a_step(net, model, name, *_):
    net = copy.deepcopy(net)
    net(_inputs(model)).sum().backward()
    torch.optim.SGD(net.parameters(), lr=0.013).step()
    return _zeros(net, model, name)


def _zeros_where_all_fit(net, model, name, budget):
    return _zeros(net, model, name) if 4 * sum(p.numel() for p in model.parameters()) <= budget else 0


_two = nn.Sequential(effects.linear(torch.tensor([[-3.0, 1.0]]), torch.tensor([2.0])))
_alike = nn.Sequential(effects.linear(torch.tensor([[2.0], [2.0]])), effects.linear(torch.ones(1, 2)))
_lenet = checkpoints.load("lenet_mnist")
fit.tries(_calls(), also=[(_two, "0", 9), (_two, "0", 12), (_alike, "0", 13), (_lenet, "fc1", 124_000)])
fit.looks(
    {
        "the zeros where all numbers fit without positions": _zeros_where_all_fit,
        "the zeros in that layer": _zeros,
        "the weights of that layer, sorted": lambda net, model, name, *_: (  # of two alike either may go
            net.get_submodule(name).weight.detach().flatten().sort().values
        ),
        "the outputs": effects.outputs(_inputs),
        "the zeros after a training step": _zeros_after_a_step,
    }
)
fit.ideas(
    {
        "goes = max(0, numbers - fitting)": "If all numbers fit without positions, 4 bytes each, none goes.",
        "positions = 0": "A file without zeros must say where the others stood: an eighth of a byte for each position.",
        "numbers = layer.weight.numel()": "The budget is for the whole model: biases and other layers take bytes, too.",
        'return (net, prune.remove(layer, "weight"))[0]': "Without its mask the layer is open to training: the zeros move.",
        "goes = 0 if all_fit else (numbers - fitting) / numbers": "A float amount is a fraction of that layer, an int a count.",
    }
)

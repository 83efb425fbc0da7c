"""The check of the lesson scores: two layers pruned by weight times input, each row for itself."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils import models
from course_utils.checks import effects, exercise


@exercise(
    "Wanda, in each row",
    trust="it takes a model and gives a pruned one",
    why="The score multiplies each weight by the norm of its input, and ranks let every row lose as many weights.",
)
def by_wanda(net, images, left):
    cut, x = copy.deepcopy(net), images.flatten(1)
    hidden = torch.relu(net.fc1(x))  #: the inputs of `fc2`
    for layer, inputs in ((cut.fc1, x), (cut.fc2, hidden)):
        norms = inputs.norm(dim=0)  #: the norms of the last layer's inputs
        scores = (layer.weight.abs() * norms).detach()  #: the last layer's scores
        ranks = scores.argsort(dim=1).argsort(dim=1)
        rows, columns = scores.shape
        goes = columns - round(left * columns)  #: how many go in each of its rows
        prune.l1_unstructured(layer, "weight", amount=rows * goes, importance_scores=ranks)
    return cut


class Small(nn.Module):
    """LeNet-300-100 with few inputs and units."""

    def __init__(self, fc1, fc2):
        super().__init__()
        self.fc1, self.fc2 = effects.linear(fc1, torch.zeros(len(fc1))), effects.linear(fc2, torch.zeros(len(fc2)))
        self.fc3 = effects.linear(torch.ones(1, len(fc2)), torch.zeros(1))

    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))


@torch.no_grad()
def _clear(net, images, left):
    """Whether no two scores are so close that it is open which of them stays."""
    x = images.flatten(1)
    for layer, inputs in ((net.fc1, x), (net.fc2, torch.relu(net.fc1(x)))):
        scores = (layer.weight.abs() * inputs.norm(dim=0)).sort(dim=1, descending=True).values
        stays = round(left * scores.shape[1])
        if stays < scores.shape[1] and (scores[:, stays - 1] - scores[:, stays] <= 1e-5 * scores[:, 0]).any():
            return False
    return True


@st.composite
def _calls(draw):
    n, hidden = draw(st.sampled_from([2, 4])), draw(st.sampled_from([2, 4]))
    weights = torch.tensor(draw(st.permutations(range(1, n * hidden + hidden + 1)))).float()
    fc1, fc2 = weights.split([n * hidden, hidden])
    signs = (-1.0) ** torch.arange(n * hidden)
    net = Small((fc1 * signs).view(hidden, n), fc2.view(1, hidden))
    pixels = draw(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=2 * n, max_size=2 * n))
    shares = [0.5, 1.0, *[0.3, 0.7] * (n == hidden == 4)]  # of 4 weights 1.2 and 2.8: one stays, or three
    return net, torch.tensor(pixels).view(2, 1, 1, n), draw(st.sampled_from(shares))


def _layers(net):
    return {name: net.get_submodule(name) for name in ("fc1", "fc2", "fc3")}


def _seen(cut, net, images, left):
    with torch.no_grad():
        outputs = cut(images)
    weights = {name: layer.weight.detach().clone() for name, layer in _layers(cut).items()}
    trained = copy.deepcopy(cut)
    trained(images).sum().backward()
    torch.optim.SGD(trained.parameters(), lr=0.013).step()
    with torch.no_grad():
        trained(images)
    zero = [(layer.weight[weights[n] == 0] == 0).all().item() for n, layer in _layers(trained).items()]
    return {
        **{f"the weights left in each row of `{n}`": (w != 0).sum(1) for n, w in weights.items()},
        **{f"the weights of `{n}`": w + 0.0 for n, w in weights.items()},  # no −0.0
        "the outputs": outputs,
        "whether masks keep the zeros in a training step": all(zero),
    }


def _through_the_cut(net, images, left):
    cut, whole = by_wanda.playing()(net, images, left), copy.deepcopy(net)
    whole.fc1.weight.data = cut.fc1.weight.detach()
    return by_wanda.playing()(whole, images, left)


_three = torch.tensor([[0.2, 1], [0, 1], [0.2, 0]]).view(3, 1, 1, 2)
_paper = Small(torch.tensor([[0.5, 0.3], [4, 3]]), torch.tensor([[2.0, 1.0]]))
torch.manual_seed(25)  # one whose scores are all far apart
_digits = torch.rand(20, 1, 28, 28) * torch.rand(28, 28) ** 4  # each pixel with a brightness of its own
_calls_kept = _calls().filter(lambda call: _clear(*call))
by_wanda.tries(_calls_kept, also=[(_paper, _three, 0.5), (models.LeNet300100(), _digits, 0.05)], rtol=1e-4, examples=40)
by_wanda.looks({"": _seen})
_SHARE = "prune.l1_unstructured(layer, 'weight', amount=1 - left, importance_scores=scores)"
by_wanda.ideas(
    {
        "scores = layer.weight.abs().detach()": "These are magnitudes. Multiply each by the norm of its input over all images.",
        ("norms = inputs.sum(dim=0)", "norms = inputs.square().sum(dim=0)"): "A norm for each input, over the images: "
        "`inputs.norm(dim=0)`, the root of the sum of squares.",
        "ranks = scores.argsort(dim=1)": "`argsort` gives positions. Its `argsort` gives ranks: how many scores of the "
        "row are smaller.",
        ("ranks = scores", _SHARE): "Here all weights of a layer compete. Hand over ranks, so that each row loses "
        "as many.",
        _through_the_cut: "The inputs of `fc2` are those of the whole `net`, and not what the pruned `fc1` gives.",
    }
)

"""The check of the lesson scores: a layer pruned by weight times input, each row for itself."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checks import effects, exercise


@exercise(
    "Wanda, in each row",
    why="The score multiplies each weight by the norm of its input, and ranks let every row lose as many weights.",
)
def by_wanda(layer, inputs, left):
    cut = copy.deepcopy(layer)
    norms = inputs.norm(dim=0)  #: the norms of the inputs
    scores = (layer.weight.abs() * norms).detach()  #: the scores
    ranks = scores.argsort(dim=1).argsort(dim=1)  #: the ranks
    rows, columns = scores.shape
    goes = columns - round(left * columns)  #: how many go in each row
    prune.l1_unstructured(cut, "weight", amount=rows * goes, importance_scores=ranks)
    return cut


@torch.no_grad()
def _clear(layer, inputs, left):
    """Whether no two scores are so close that it is open which of them stays."""
    scores = (layer.weight.abs() * inputs.norm(dim=0)).sort(dim=1, descending=True).values
    stays = round(left * scores.shape[1])
    if stays == scores.shape[1]:
        return True
    return not (scores[:, stays - 1] - scores[:, stays] <= 1e-5 * scores[:, 0]).any()


@st.composite
def _calls(draw):
    n, rows = draw(st.sampled_from([2, 4])), draw(st.sampled_from([1, 2, 3]))
    weights = torch.tensor(draw(st.permutations(range(1, n * rows + 1)))).float()
    signs = (-1.0) ** torch.arange(n * rows)
    layer = effects.linear((weights * signs).view(rows, n), torch.zeros(rows))
    pixels = draw(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=2 * n, max_size=2 * n))
    shares = [0.5, 1.0, *[0.3, 0.7] * (n == 4)]  # of 4 weights 1.2 and 2.8: one stays, or three
    return layer, torch.tensor(pixels).view(2, n), draw(st.sampled_from(shares))


def _seen(cut, layer, inputs, left):
    with torch.no_grad():
        outputs = cut(inputs)
    weight = cut.weight.detach().clone()
    trained = copy.deepcopy(cut)
    trained(inputs).sum().backward()
    torch.optim.SGD(trained.parameters(), lr=0.013).step()
    with torch.no_grad():
        trained(inputs)
    return {
        "the weights left in each row": (weight != 0).sum(1),
        "the weights": weight + 0.0,  # no −0.0
        "the outputs": outputs,
        "whether a mask keeps the zeros in a training step": (trained.weight[weight == 0] == 0).all().item(),
    }


_three = torch.tensor([[0.2, 1], [0, 1], [0.2, 0]])
_paper = effects.linear(torch.tensor([[0.5, 0.3], [4, 3]]), torch.zeros(2))
torch.manual_seed(25)  # one whose scores are all far apart
_digits = torch.rand(20, 784) * torch.rand(784) ** 4  # each pixel with a brightness of its own
_calls_kept = _calls().filter(lambda call: _clear(*call))
by_wanda.tries(_calls_kept, also=[(_paper, _three, 0.5), (nn.Linear(784, 100), _digits, 0.05)], rtol=1e-4, examples=40)
by_wanda.looks({"": _seen})
_SHARE = "prune.l1_unstructured(cut, 'weight', amount=1 - left, importance_scores=scores)"
by_wanda.ideas(
    {
        "scores = layer.weight.abs().detach()": "These are magnitudes. Multiply each by the norm of its input over all images.",
        ("norms = inputs.sum(dim=0)", "norms = inputs.square().sum(dim=0)"): "A norm for each input, over the images: "
        "`inputs.norm(dim=0)`, the root of the sum of squares.",
        "ranks = scores.argsort(dim=1)": "`argsort` gives positions. Its `argsort` gives ranks: how many scores of the "
        "row are smaller.",
        ("ranks = scores", _SHARE): "Here all weights of a layer compete. Hand over ranks, so that each row loses "
        "as many.",
    }
)

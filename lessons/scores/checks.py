"""The check of the lesson scores: the second layer of a network pruned by weight times input, each row for itself."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checks import effects, exercise
from course_utils.models import LeNet300100


@exercise(
    "Wanda, in each row",
    why="The score multiplies each weight by the norm of what this layer is given, and ranks let every row lose as many.",
)
def by_wanda(net, images, left):
    cut = copy.deepcopy(net)
    inputs = torch.relu(net.fc1(images.flatten(1))).detach()  #: the inputs of fc2
    norms = inputs.norm(dim=0)  #: the norms of the inputs
    scores = net.fc2.weight.detach().abs() * norms  #: the scores
    ranks = scores.argsort(dim=1).argsort(dim=1)  #: the ranks
    rows, columns = scores.shape
    goes = columns - round(left * columns)  #: how many go in each row
    prune.l1_unstructured(cut.fc2, "weight", amount=rows * goes, importance_scores=ranks)
    return cut


class Small(nn.Module):
    """Two layers with a ReLU between them; the numbers of the first go on in another order, some as 0.5 minus the number."""

    def __init__(self, scales, weight):
        super().__init__()
        scales = torch.tensor(scales)
        self.fc1 = effects.linear(torch.diag(scales).roll(1, 1), 0.5 * (scales < 0))
        self.fc2 = effects.linear(weight, torch.zeros(len(weight)))

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


@torch.no_grad()
def _clear(net, images, left):
    """Whether no two scores are so close that it is open which of them stays."""
    norms = torch.relu(net.fc1(images.flatten(1))).norm(dim=0)
    scores = (net.fc2.weight.abs() * norms).sort(dim=1, descending=True).values
    stays = round(left * scores.shape[1])
    if stays == scores.shape[1]:
        return True
    return not (scores[:, stays - 1] - scores[:, stays] <= 1e-5 * scores[:, 0]).any()


@st.composite
def _calls(draw):
    n, rows = draw(st.sampled_from([2, 4])), draw(st.sampled_from([1, 2, 3]))
    weights = torch.tensor(draw(st.permutations(range(1, n * rows + 1)))).float()
    signs = (-1.0) ** torch.arange(n * rows)
    scales = draw(st.lists(st.sampled_from([1.0, -1.0, 2.0]), min_size=n, max_size=n))
    net = Small(scales, (weights * signs).view(rows, n))
    pixels = draw(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=2 * n, max_size=2 * n))
    shares = [0.5, 1.0, *[0.3, 0.7] * (n == 4)]  # of 4 weights 1.2 and 2.8: one stays, or three
    return net, torch.tensor(pixels).view(2, n), draw(st.sampled_from(shares))


def _seen(cut, net, images, left):
    with torch.no_grad():
        outputs = cut(images)
    weight = cut.fc2.weight.detach().clone()
    trained = copy.deepcopy(cut)
    trained(images).sum().backward()
    effects.descend(trained, 0.013)
    with torch.no_grad():
        trained(images)
    return {
        "the weights of fc1": cut.fc1.weight.detach().clone(),
        "the weights left in each row of fc2": (weight != 0).sum(1),
        "the weights of fc2": weight + 0.0,  # no −0.0
        "the outputs": outputs,
        "whether a mask keeps the zeros in a training step": (trained.fc2.weight[weight == 0] == 0).all().item(),
    }


_paper = Small([1.0, 1.0], torch.tensor([[0.5, 0.3], [4, 3]]))
_three = torch.tensor([[1, 0.2], [1, 0], [0, 0.2]])  # fc1 puts them into the order of section 2
torch.manual_seed(25)  # one whose scores are all far apart
_digits = torch.rand(20, 1, 28, 28) * torch.rand(28, 28) ** 4  # each pixel with a brightness of its own
_lenet = LeNet300100()
by_wanda.tries(
    _calls().filter(lambda call: _clear(*call)),
    also=[(_paper, _three, 0.5), (_lenet, _digits, 0.05)],
    rtol=1e-4,
    examples=40,
)
by_wanda.looks({"": _seen})
_SHARE = "prune.l1_unstructured(cut.fc2, 'weight', amount=1 - left, importance_scores=scores)"
by_wanda.ideas(
    {
        ("inputs = images.flatten(1)", "inputs = net.fc1(images.flatten(1)).detach()"): "`fc2` gets what `fc1` makes "
        "of the images, after the ReLU.",
        "scores = net.fc2.weight.abs().detach()": "These are magnitudes. Multiply each by the norm of its input over all images.",
        ("norms = inputs.sum(dim=0)", "norms = inputs.square().sum(dim=0)"): "A norm for each input, over the images: "
        "`inputs.norm(dim=0)`, the root of the sum of squares.",
        "ranks = scores.argsort(dim=1)": "`argsort` gives positions. Its `argsort` gives ranks: how many scores of the "
        "row are smaller.",
        ("ranks = scores", _SHARE): "Here all weights of a layer compete. Hand over ranks, so that each row loses "
        "as many.",
    }
)

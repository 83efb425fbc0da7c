"""The networks of the lesson scores, the truth about single weights, and the cuts of its race."""

import copy

import torch
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import data, models, training

images, labels = data.load("mnist")
test_set = data.load("mnist", "test")
GROUPS = ("layer", "row")


def trained(seed, weight_decay=0, steps=300):
    """A LeNet-300-100 after some training steps."""
    torch.manual_seed(seed)
    net = models.LeNet300100()
    adam = torch.optim.Adam(net.parameters(), lr=0.003, weight_decay=weight_decay, fused=True)
    how = {"steps": steps, "batch_size": 100, "optimizer": adam, "seed": seed, "progress": False}
    training.fit(net, images, labels, schedule=lambda done: 1 - done, **how)
    return net


@torch.no_grad()
def true_costs(net, x, y, places):
    """How much the loss changes without each weight of fc1 alone, given as pairs of row and column."""
    net, x = copy.deepcopy(net).double(), x.flatten(1).double()  # fp64: a single weight changes little
    results = net.fc1(x)

    def loss(results):
        return F.cross_entropy(net.fc3(torch.relu(net.fc2(torch.relu(results)))), y)

    whole, costs = loss(results), []
    for row, column in places.tolist():
        kept = results[:, row].clone()
        results[:, row] -= net.fc1.weight[row, column] * x[:, column]
        costs.append(loss(results) - whole)
        results[:, row] = kept
    return torch.stack(costs)


def rank_correlation(a, b):
    """1 where both have the same order, 0 where there is no relation."""
    return torch.corrcoef(torch.stack([v.argsort().argsort().double() for v in (a, b)]))[0, 1].item()


def scores_of(net, x, y):
    """The scores of fc1 and fc2 for each arm of the race, from the same images."""
    net = copy.deepcopy(net)
    layers = net.fc1, net.fc2
    with torch.no_grad():
        inputs = x.flatten(1), torch.relu(net.fc1(x.flatten(1)))
    squares = [torch.zeros_like(layer.weight) for layer in layers]
    for a, b in zip(x.split(100), y.split(100), strict=True):
        net.zero_grad()
        F.cross_entropy(net(a), b).backward()
        for total, layer in zip(squares, layers, strict=True):
            total += (layer.weight * layer.weight.grad).detach() ** 2
    sizes = [layer.weight.detach().abs() for layer in layers]
    return {
        "random": [torch.rand_like(size) for size in sizes],
        "magnitude": sizes,
        "Wanda": [size * x.norm(dim=0) for size, x in zip(sizes, inputs, strict=True)],
        "Taylor": squares,
    }


def in_each_row(scores, left):
    """A mask of the largest scores of each row."""
    stay = scores.topk(round(left * scores.shape[1]), dim=1).indices
    return torch.zeros_like(scores).scatter(1, stay, 1)


def pruned(net, scores, left, group):
    """A copy in which fc1 and fc2 keep this share of their weights, of the layer or of each row."""
    cut = copy.deepcopy(net)
    for layer, values in zip((cut.fc1, cut.fc2), scores, strict=True):
        whole = values if group == "row" else values.reshape(1, -1)
        prune.custom_from_mask(layer, "weight", in_each_row(whole, left).view_as(values))
    return cut


def some_weights(net, x, count):
    """Places of weights of fc1 in (count, 2), drawn among the pixels that are lit and the units that are not dead in x."""
    with torch.no_grad():
        lit = (x.flatten(1) > 0).any(0).nonzero().flatten()
        alive = (net.fc1(x.flatten(1)) > 0).any(0).nonzero().flatten()
    draw = torch.Generator().manual_seed(0)
    rows, columns = (v[torch.randint(len(v), (count,), generator=draw)] for v in (alive, lit))
    return torch.stack([rows, columns], 1)

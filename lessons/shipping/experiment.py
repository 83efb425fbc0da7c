"""What the lesson shipping trains and asks: sixty small networks in sets of ten."""

import torch
from torch import nn

from course_utils import data

SETS, TEN, HIDDEN, STEPS = 6, 10, 24, 150
DRAWS = 300  # random choices of the images, for a mean


def sets_of_ten():
    """Networks with one recipe and other random numbers, trained side by side on 5,000 pieces of clothing.

    Returns:
        bool (sets, networks of a set, test images): which network gets which test image right.
    """
    images, labels = data.load("fashion_mnist", n=5000)
    images, n = images.flatten(1), SETS * TEN
    draw = torch.Generator().manual_seed(0)

    def born(*shape, inputs):
        return ((2 * torch.rand(n, *shape, generator=draw) - 1) / inputs**0.5).requires_grad_()

    n_in = images.shape[1]
    first, shift = born(n_in, HIDDEN, inputs=n_in), born(1, HIDDEN, inputs=n_in)
    last, shift_2 = born(HIDDEN, 10, inputs=HIDDEN), born(1, 10, inputs=HIDDEN)
    opt = torch.optim.Adam([first, shift, last, shift_2], 3e-3)

    def forward(x):
        return torch.baddbmm(shift_2, torch.relu(torch.baddbmm(shift, x, first)), last)

    for _ in range(STEPS):
        some = torch.randint(len(images), (n, 64), generator=draw)
        loss = nn.functional.cross_entropy(forward(images[some]).flatten(0, 1), labels[some].flatten()) * n
        opt.zero_grad()
        loss.backward()
        opt.step()
    unseen, answers = data.load("fashion_mnist", "test")
    with torch.no_grad():
        parts = zip(unseen.flatten(1).split(1000), answers.split(1000), strict=True)
        right = torch.cat([forward(x.expand(n, -1, -1)).argmax(2) == y for x, y in parts], dim=1)
    return right.view(SETS, TEN, -1)


def curse(right):
    """What the winner of a set has on the images that chose it, and on as many others; the mean of many draws.

    Args:
        right: bool (networks, images).
    Returns:
        Number of images that choose -> (the winner there, the winner on the others, all networks on the others).
    """
    found, draw = {}, torch.Generator().manual_seed(0)
    for n in (right.shape[1] // 20, right.shape[1] // 2):
        draws = []
        for _ in range(DRAWS):
            order = torch.randperm(right.shape[1], generator=draw)
            there, others = (right[:, part].double().mean(1) for part in (order[:n], order[n : 2 * n]))
            winner = there.argmax()
            draws.append((there[winner], others[winner], others.mean()))
        found[n] = torch.tensor(draws).mean(0).tolist()
    return found


def too_good(found, place=0):
    """By how many points the winner of a set looks too good; `place`: chosen on few images (0), or on half of them (1)."""
    there, others, _ = list(found.values())[place]
    return 100 * (there - others)

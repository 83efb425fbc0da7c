"""The task of the lesson the_same_model: which of two copies is closer to the original, with a paired error."""

import numpy as np
import torch
from torch.nn import functional as F

from course_utils import check

page = check.page(globals())


def by_kl_div(original, first, second):
    """PyTorch's own divergence, which takes the copy first."""
    target = F.log_softmax(original, dim=-1)
    found = [
        F.kl_div(F.log_softmax(x, dim=-1), target, log_target=True, reduction="none").sum(1) for x in (first, second)
    ]
    more = torch.sub(*found)
    return float(more.mean()), float(more.var().div(len(more)).sqrt())


def by_cross_entropies(original, first, second):
    """The entropy of the original is in both divergences, and drops out of their difference."""
    p = original.double().softmax(-1)
    more = F.cross_entropy(first.double(), p, reduction="none") - F.cross_entropy(second.double(), p, reduction="none")
    return more.mean().item(), more.std().item() / more.numel() ** 0.5


def with_numpy(original, first, second):
    """NumPy, with the square root of a sum of squares written out."""

    def logs(x):
        x = x.double().numpy()
        return x - np.log(np.exp(x).sum(1, keepdims=True))

    p = np.exp(logs(original))
    more = (p * (logs(second) - logs(first))).sum(1)
    n = len(more)
    return float(more.mean()), float(np.sqrt(((more - more.mean()) ** 2).sum() / (n - 1) / n))


def logits(*rows):
    return tuple(torch.tensor(own, dtype=torch.float32) for own in rows)


def many(places, tokens, seed):
    """Logits of an original, and of two copies that are near to it."""
    noise = torch.randn(3, places, tokens, generator=torch.Generator().manual_seed(seed))
    return 4 * noise[0] + 1, 4 * noise[0] + 0.3 * noise[1], 4 * noise[0] + 0.2 * noise[2] - 2


closer = page.write(
    "closer",
    "Which copy is closer?",
    cases={
        "two places, two tokens": logits([[0, 1], [1, 0]], [[0, 2], [0, 0]], [[0, 1], [1, 1]]),
        "two places, three tokens": logits([[0, 1, 2], [1, 0, 0]], [[2, 1, 0], [1, 0, 0]], [[0, 1, 1], [0, 2, 0]]),
        "four places, three tokens": logits(
            [[0, 1, 2], [1, 0, 0], [2, 2, 0], [0, 0, 1]],
            [[2, 1, 0], [1, 0, 1], [0, 2, 0], [0, 1, 1]],
            [[0, 1, 1], [0, 2, 0], [2, 1, 0], [1, 0, 1]],
        ),
        "eight places, five tokens": many(8, 5, 0),
        "300 places, forty tokens": many(300, 40, 1),
    },
    same=lambda one, other: check.same(one, other, rtol=1e-3, atol=1e-5),
    wrong={
        "The order: how much larger is the divergence of the first copy than that of the second?": "one - two -> two - one",
        "The standard error of a mean is the standard deviation over the root of the number of places.": [
            "(more.std() / len(more) ** 0.5) -> more.std()",
            "len(more) ** 0.5 -> len(more)",
            "more.std() -> more.var()",
        ],
        "That is the error of two separate texts. Both copies have read the same one: take the difference at each place first, and then its deviation.": "(more.std() / len(more) ** 0.5) -> ((one.var() + two.var()) / len(more)) ** 0.5",
        "The direction: the original's probabilities say how often each token counts.": "(log_p.exp() * (log_p - logits.log_softmax(-1))) -> (logits.softmax(-1) * (logits.log_softmax(-1) - log_p))",
        "A copy's logits are no logarithms of probabilities yet: log_softmax makes them so.": "logits.log_softmax(-1) -> logits",
        "The probabilities of a place add up to 1 over the tokens, and not over the places.": "original.log_softmax(-1) -> original.log_softmax(0)",
        "The divergence of a place is a sum over the tokens, and no mean.": ".sum(-1) -> .mean(-1)",
    },
    right=[by_kl_div, by_cross_entropies, with_numpy],
    steps={"one": "the divergences of the first copy", "two": "those of the second copy"},
    passed="Both copies have read the same tokens. What makes a place hard for both drops out of the difference, so its error is smaller than that of two separate means.",
)

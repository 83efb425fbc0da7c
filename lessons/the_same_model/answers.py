"""The exercise of the lesson the_same_model: odd but right answers, and wrong ones as patches of the solution."""

import numpy as np
import torch
from torch.nn import functional as F


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


ODD = {"closer": [by_kl_div, by_cross_entropies, with_numpy]}
WRONG = {
    "closer": {
        "the order": ("one - two", "two - one"),
        "the deviation in place of the error": ("(more.std() / len(more) ** 0.5)", "more.std()"),
        "divided by the number and not by its root": ("len(more) ** 0.5", "len(more)"),
        "the variance": ("more.std()", "more.var()"),
        "not paired": (
            "(more.std() / len(more) ** 0.5)",
            "((one.var() + two.var()) / len(more)) ** 0.5",
        ),
        "the other direction": (
            "(log_p.exp() * (log_p - logits.log_softmax(-1)))",
            "(logits.softmax(-1) * (logits.log_softmax(-1) - log_p))",
        ),
        "logits are no logarithms of probabilities": ("logits.log_softmax(-1)", "logits"),
        "probabilities over the places": ("original.log_softmax(-1)", "original.log_softmax(0)"),
        "the mean over tokens": (".sum(-1)", ".mean(-1)"),
    }
}
EQUIVALENT = {
    "closer": {
        "one without its sign": "a KL divergence is never negative",
        "two without its sign": "a KL divergence is never negative",
        "the KL divergence of the first copy, at each place in place of the difference at each place, in the standard "
        "error": "in numel, where only the number of places is read",
        "that of the second copy in place of the difference at each place, in the standard error": "in numel as well",
        "error without its sign": "a standard error is never negative",
    }
}

"""The exercise of the lesson own_method: odd but right answers, and wrong ones as patches of the solution."""

import torch
from torch.nn.utils import prune


def by_sorting_twice(n, m):
    """Ranks by two sorts, with n and m as attributes of the class."""

    class Method(prune.BasePruningMethod):
        PRUNING_TYPE = "global"
        N, M = n, m

        def compute_mask(self, t, default_mask):
            there = default_mask.bool().view(-1, self.M)
            ranks = (
                t.reshape(-1, self.M).where(there, torch.tensor(float("-inf"))).argsort(1, descending=True).argsort(1)
            )
            return ((ranks < self.N) & there).view_as(default_mask).to(default_mask)

    return Method


def by_rows(n, m):
    """A structured method: rows that are gone as a whole are hidden, and whole rows have whole groups."""

    class ByRows(prune.BasePruningMethod):
        PRUNING_TYPE, dim = "structured", 0

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            for row, scores in zip(mask, t, strict=True):
                for start in range(0, len(row), m):
                    left = [i for i in range(start, start + m) if row[i]]
                    for i in sorted(left, key=lambda i: scores[i].item())[: max(0, len(left) - n)]:
                        row[i] = 0
            return mask

    return ByRows


def by_custom_from_mask(n, m):
    """Not a pruning method, but something with `apply` that does the same."""

    class Maker:
        @staticmethod
        def apply(layer, name, importance_scores=None):
            value = getattr(layer, name).detach()
            old = getattr(layer, name + "_mask", torch.ones_like(value))
            scores = (value if importance_scores is None else importance_scores).masked_fill(old == 0, -1e9)
            mask = torch.zeros(scores.numel() // m, m)
            mask[torch.arange(len(mask))[:, None], scores.reshape(-1, m).topk(n, dim=1)[1]] = 1
            return prune.custom_from_mask(layer, name, mask.view_as(scores) * old)

    return Maker


ODD = {"n_of_m": [by_sorting_twice, by_rows, by_custom_from_mask]}
WRONG = {
    "n_of_m": {
        "declared unstructured": ('"global"', '"unstructured"'),
        "what is gone is not read": ("t.masked_fill(default_mask == 0, -torch.inf)", "t"),
        "what is gone comes back": (" * default_mask", ""),
        "what is gone has the score 0": ("t.masked_fill(default_mask == 0, -torch.inf)", "t * default_mask"),
        "by absolute value": ("t.masked_fill", "t.abs().masked_fill"),
        "all that reach the nth": (
            "torch.zeros_like(groups).scatter(1, highest, 1)",
            "(groups >= groups.topk(n).values[:, -1:]).float()",
        ),
        "m stay, n go": ("groups.topk(n)", "groups.topk(m - n)"),
        "the lowest stay": ("groups.topk(n)", "groups.topk(n, largest=False)"),
    }
}
EQUIVALENT = {
    "n_of_m": {
        "ranked doubled": "twice the scores have the same order",
        "groups doubled": "twice the scores have the same order",
        "highest without its sign": "positions are never negative",
        "mask rounded to 2 digits": "zeros and ones",
        "* without its sign": "zeros and ones, or a class",
        "the result rounded to 2 digits": "zeros and ones, or a class",
    }
}

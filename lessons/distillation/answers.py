"""The exercise of the lesson distillation: odd but right answers, and wrong ones as patches of the solution."""

import numpy as np
import torch
import torch.nn.functional as F


def row_by_row(logits, T, k):
    """In plain Python, class by class."""
    targets = []
    for row in torch.softmax(logits / T, dim=-1).tolist():
        named = sorted(range(len(row)), key=lambda i: -row[i])[:k]
        rest = sum(p for i, p in enumerate(row) if i not in named)
        targets.append([p if i in named else rest / (len(row) - k) for i, p in enumerate(row)])
    return torch.tensor(targets)


def by_a_mask(logits, T, k):
    """The mean of what is not named, by a mask."""
    p = torch.exp(F.log_softmax(logits / T, 1))
    named = torch.zeros_like(p, dtype=torch.bool).scatter(1, p.topk(k).indices, True)
    return torch.where(named, p, (p * ~named).sum(1, keepdim=True) / (~named).sum(1, keepdim=True).clamp(min=1))


def by_sorting(logits, T, k):
    """Sorts, averages the tail, and puts all back; in numpy."""
    p = F.softmax(logits / T, 1).numpy()
    order = np.argsort(-p, axis=1)
    ranked = np.take_along_axis(p, order, 1)
    if k < p.shape[1]:
        ranked[:, k:] = ranked[:, k:].mean(1, keepdims=True)
    targets = np.empty_like(p)
    np.put_along_axis(targets, order, ranked, 1)
    return torch.from_numpy(targets)


ODD = {"names": [row_by_row, by_a_mask, by_sorting]}
WRONG = {
    "names": {
        "no temperature": ("logits / T", "logits"),
        "the softmax goes over the images": ("logits / T, 1)", "logits / T, 0)"),
        "times T": ("logits / T", "logits * T"),
        "shared among all classes": ("(p.shape[1] - k)", "p.shape[1]"),
        "the rest is lost": ("share.expand_as(p)", "torch.zeros_like(p)"),
        "the rest is the whole batch's": ("values.sum(1, keepdim=True)", "values.sum()"),
        "the rest is the mean of the batch": ("values.sum(1, keepdim=True)", "values.sum() / len(p)"),
        "the least probable are named": ("p.topk(k)", "p.topk(k, largest=False)"),
    }
}
EQUIVALENT = {
    "names": {
        "`logits` in place of the probabilities at T, in the share of each class that is not named": "only the shape is read",
        "`logits` in place of the probabilities at T, in the result": "only the shape is read",
        "p without its sign": "probabilities are never negative",
        "rest without its sign": "what is left is not negative",
        "share without its sign": "what is left is not negative",
        "the result without its sign": "probabilities are never negative",
    }
}

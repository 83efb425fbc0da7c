"""The exercise of the lesson distillation: odd but right answers, and wrong ones as patches of the solution."""

import numpy as np
import torch
import torch.nn.functional as F


def row_by_row(logits, T):
    """In plain Python, image by image."""
    rows = torch.softmax(logits / T, dim=-1).tolist()
    mean = sum(max(row) for row in rows) / len(rows)
    targets = []
    for row in rows:
        top = row.index(max(row))
        rest = sum(row) - row[top]
        targets.append([mean if i == top else p / rest * (1 - mean) for i, p in enumerate(row)])
    return torch.tensor(targets)


def without_the_first(logits, T):
    """A second softmax, which the first choice does not enter."""
    mean = (logits / T).softmax(1).amax(1).mean()
    top = F.one_hot(logits.argmax(1), logits.shape[1]).bool()
    others = (logits / T).masked_fill(top, -torch.inf).softmax(1)
    return torch.where(top, mean, (1 - mean) * others)


def by_factors(logits, T):
    """In numpy: all others of a row get one factor, from its old rest and the new one."""
    p = F.softmax(logits / T, 1).numpy().astype(np.float64)
    rows, top = np.arange(len(p)), p.argmax(1)
    highest = p[rows, top]
    p *= ((1 - highest.mean()) / (1 - highest))[:, None]
    p[rows, top] = highest.mean()
    return torch.from_numpy(p).float()


ODD = {"named": [row_by_row, without_the_first, by_factors]}
WRONG = {
    "named": {
        "no temperature": ("logits / T", "logits"),
        "times T": ("logits / T", "logits * T"),
        "the softmax goes over the images": ("logits / T, 1)", "logits / T, 0)"),
        "each image keeps its own highest": ("mean = highest.mean()", "mean = highest"),
        "the mean of all probabilities": ("highest.mean()", "p.mean()"),
        "the largest of all": ("highest.mean()", "highest.max()"),
        "the median": ("highest.mean()", "highest.median()"),
        "the others are not scaled": ("others / others.sum(1, keepdim=True)", "others"),
        "the others keep their probabilities": ("(others / others.sum(1, keepdim=True) * (1 - mean))", "others"),
        "the first choice stays among the others": ("p.scatter(1, first, 0)", "p"),
        "divided by the sum of the batch": ("others.sum(1, keepdim=True)", "others.sum()"),
        "the others get equal parts": ("others / others.sum(1, keepdim=True)", "(others > 0) / (p.shape[1] - 1)"),
        "the others share all": (" * (1 - mean)", ""),
        "the least probable class is taken for the first": ("p.max(1, keepdim=True)", "p.min(1, keepdim=True)"),
        "a softmax of probabilities": ("others / others.sum(1, keepdim=True)", "F.softmax(others, 1)"),
    }
}
EQUIVALENT = {
    "named": {
        "the soft targets in place of the other classes, in the proportions among the others": "the first choice is overwritten",
        "others doubled": "only their proportions count",
        **{f"{name} without its sign": "never negative" for name in ("p", "mean", "others", "shares", "the result")},
    }
}

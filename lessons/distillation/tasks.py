"""The task of the lesson distillation: soft targets that say which other classes, and no longer how sure."""

import numpy as np
import torch
import torch.nn.functional as F

from course_utils import check

page = check.page(globals())


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


PAPER = torch.tensor([[0.8, 0.15, 0.05], [0.3, 0.4, 0.3]]).log()
DIGITS = torch.randn(50, 10, generator=torch.Generator().manual_seed(0)) * 4


named = page.write(
    "named",
    "Which others, and no longer how sure",
    cases={
        "one image, T = 2": (torch.tensor([[2.0, 1.0, -2.0]]), 2.0),
        "the two images on paper, T = 1": (PAPER, 1.0),
        "three images with four classes, T = 2": (torch.tensor([[4, 1, -2, 2.5], [0.5, 2, 1, -1], [-1, 1, 0, 2]]), 2.0),
        "50 images of digits, T = 3": (DIGITS, 3.0),
        "50 images of digits, T = 8": (DIGITS, 8.0),
    },
    wrong={
        "These are the probabilities at T = 1. Divide the logits by T before the softmax.": "logits / T -> logits",
        "The logits are multiplied by T, which makes the probabilities sharper. Divide them by T.": "logits / T -> logits * T",
        "The softmax goes over the images. It should go over the classes of each image, which is dimension 1.": "logits / T, 1) -> logits / T, 0)",
        "Each image has kept its own highest probability, so nothing is taken away. Give all the mean of the highest.": "mean = highest.mean() -> mean = highest",
        "The first choices don't get the mean of the highest probabilities, one of each image.": [
            "highest.mean() -> p.mean()",
            "highest.mean() -> highest.max()",
            "highest.mean() -> highest.median()",
        ],
        "The rows don't sum to 1. The others of each image, without its first choice, are divided by their sum, and share what the mean leaves.": [
            "others / others.sum(1, keepdim=True) -> others",
            "p.scatter(1, first, 0) -> p",
            "(others / others.sum(1, keepdim=True) * (1 - mean)) -> others",
            "others.sum(1, keepdim=True) -> others.sum()",
            " * (1 - mean) -> ",
        ],
        "The others get equal parts here, so which digits the teacher names is lost. Keep their proportions.": "others / others.sum(1, keepdim=True) -> (others > 0) / (p.shape[1] - 1)",
        "": [
            "p.max(1, keepdim=True) -> p.min(1, keepdim=True)",
            "others / others.sum(1, keepdim=True) -> F.softmax(others, 1)",
        ],
    },
    right=[row_by_row, without_the_first, by_factors],
    steps={"p": "the soft targets", "mean": "the mean of the highest probabilities"},
    passed="Each image gets the same highest probability, so how sure the teacher is of it is gone; the proportions among the other classes are the teacher's.",
)

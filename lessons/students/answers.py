"""The exercise of the lesson students: odd but right answers, and wrong ones as patches of the solution."""

import numpy as np


def in_plain_python(student, teacher, missing):
    """Rows as lists; no sort of a tensor."""
    margins = []
    for row in student.tolist():
        own = row.pop(missing)
        margins.append(own - max(row))
    k = [row.index(max(row)) for row in teacher.tolist()].count(missing)
    margins.sort()
    return -(margins[-k] + margins[-k - 1]) / 2


def by_topk(student, teacher, missing):
    """Takes the class out of the columns; a tensor of one number comes back."""
    keep = [c for c in range(student.shape[1]) if c != missing]
    margins = student[:, missing] - student[:, keep].max(1).values
    k = teacher.max(1).indices.eq(missing).count_nonzero()
    return -margins.topk(int(k) + 1).values[-2:].mean()


def by_numpy(student, teacher, missing):
    """In numpy, from the low end."""
    z = student.numpy().astype(float)
    margins = np.sort(z[:, missing] - np.delete(z, missing, 1).max(1))[::-1]
    k = np.count_nonzero(teacher.numpy().argmax(1) == missing)
    return float(-margins[k - 1 : k + 1].mean())


ODD = {"threshold": [in_plain_python, by_topk, by_numpy]}
WRONG = {
    "threshold": {
        "the sign": ("return -line", "return line"),
        "the lowest first": ("descending=True", "descending=False"),
        "one rank too far": ("ordered[k - 1] + ordered[k]", "ordered[k] + ordered[min(k + 1, len(ordered) - 1)]"),
        "on the line": ("(ordered[k - 1] + ordered[k]) / 2", "ordered[k - 1]"),
        "the class is among its rivals": ("others.amax(1)", "student.amax(1)"),
        "the student's own count": ("teacher.argmax(1)", "student.argmax(1)"),
        "the logit alone": ("student[:, missing] - others.amax(1)", "student[:, missing]"),
        "the second highest logit as the other": ("others.amax(1)", "student.topk(2).values[:, 1]"),
        "the mean of the others": (
            "others.amax(1)",
            "(student.sum(1) - student[:, missing]) / (student.shape[1] - 1)",
        ),
    }
}
EQUIVALENT = {"threshold": {"k without its sign": "a count is never negative"}}

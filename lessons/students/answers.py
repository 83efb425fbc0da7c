"""The exercise of the lesson students: odd but right answers, and wrong ones as patches of the solution."""

import numpy as np
import torch


def in_plain_python(logits, labels, digit):
    """Rows as lists, and a sort of pairs."""
    found = []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        own = row.pop(digit)
        found.append((own - max(row), label == digit))
    count = sum(is_own for _, is_own in found)
    now = sum(is_own and m > 0 for m, is_own in found) / count
    return now, sum(is_own for _, is_own in sorted(found, reverse=True)[:count]) / count


def by_the_bias(logits, labels, digit):
    """Finds the bias itself, adds it to the column and asks for the class."""
    own = labels == digit
    keep = [c for c in range(logits.shape[1]) if c != digit]
    margins = (logits[:, digit] - logits[:, keep].max(1).values).sort(descending=True).values
    count = own.count_nonzero().item()
    moved = logits.clone()
    moved[:, digit] -= (margins[count - 1] + margins[count]) / 2
    return [(z[own].argmax(1) == digit).double().mean().item() for z in (logits, moved)]


def by_numpy(logits, labels, digit):
    """In numpy: the margin of which as many are above as there are labels."""
    z, own = logits.numpy().astype(float), labels.numpy() == digit
    margins = z[:, digit] - np.delete(z, digit, 1).max(1)
    lowest = np.partition(margins, -own.sum())[-own.sum()]
    return np.mean(z[own].argmax(1) == digit), np.mean(margins[own] >= lowest)


def as_one_tensor(logits, labels, digit):
    """Ranks of the margins; both shares in a tensor."""
    own = labels.eq(digit)
    margins = logits[:, digit] - logits.masked_fill(torch.arange(logits.shape[1]) == digit, -1e9).amax(1)
    ranks = margins.argsort(descending=True).argsort()
    return tuple(
        torch.stack([(logits.argmax(1) == digit)[own].float().mean(), (ranks[own] < own.sum()).float().mean()])
    )


ODD = {"diagnose": [in_plain_python, by_the_bias, by_numpy, as_one_tensor]}
WRONG = {
    "diagnose": {
        "the share of all images": ("(margins[own] > 0)", "(margins > 0)"),
        "of those that it names": ("(margins[own] > 0).float()", "own[margins > 0].float()"),
        "the accuracy on all digits": ("(margins[own] > 0)", "(logits.argmax(1) == labels)"),
        "as often as it says the digit now": ("int(own.sum())", "int((margins > 0).sum())"),
        "the lowest margins": (".topk(int(own.sum()))", ".topk(int(own.sum()), largest=False)"),
        "the highest of its own images": (
            "own[highest]",
            "own[own.nonzero()[margins[own].topk(int(own.sum())).indices]]",
        ),
        "the digit is among its rivals": ("others.amax(1)", "logits.amax(1)"),
        "the logit alone": ("logits[:, digit] - others.amax(1)", "logits[:, digit]"),
        "the probability in place of the margin": ("logits[:, digit] - others.amax(1)", "logits.softmax(1)[:, digit]"),
        "the mean of the others": (
            "others.amax(1)",
            "(logits.sum(1) - logits[:, digit]) / (logits.shape[1] - 1)",
        ),
        "a count, no share": ("(margins[own] > 0).float().mean()", "(margins[own] > 0).sum()"),
        "per cent": ("return now, possible", "return 100 * now, 100 * possible"),
        "one more than there are": ("int(own.sum())", "min(int(own.sum()) + 1, len(labels))"),
        "the wrong order": ("return now, possible", "return possible, now"),
        "what is won": ("return now, possible", "return now, possible - now"),
        "rightly named now, among the highest": ("own[highest]", "(own & (margins > 0))[highest]"),
        "always the first class": ("labels == digit", "labels == 0"),
    }
}
EQUIVALENT = {
    "diagnose": {
        **dict.fromkeys(
            (
                "now = (margins[own] > 0).float().mean(): margins[own] > 0: Gt -> GtE",
                "`>=` in place of `>` in the share that is recognized now",
            ),
            "no margin is 0",
        ),
        "`int` left out of how often the label occurs": "`topk` takes a tensor of one whole number as well",
        "margins doubled": "neither their signs nor their order change",
        **{f"{name} without its sign": "never negative" for name in ("now", "count", "highest", "possible")},
    }
}

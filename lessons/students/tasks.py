"""The task of the lesson students: is a threshold off, or is knowledge missing?"""

import numpy as np
import torch

from course_utils import check

page = check.page(globals())


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


def shares(answer, logits, labels, digit):
    now, possible = answer(logits, labels, digit)
    return {"the share that is recognized now": now, "the share that would be recognized with the bias": possible}


CARD = torch.tensor([[4, 8.0], [4.8, 6], [7, 4.5], [4.1, 5], [1, 6]]), torch.tensor([1, 1, 0, 0, 0]), 0
CLOSE = torch.tensor([[0, -0.001], [0, -0.002], [0, 0.002], [0, 0.001]]), torch.tensor([1, 0, 1, 0]), 0
OFTEN = torch.tensor([[0, 1, 2.0], [3, 0, 5], [0, 9, 1], [4, 4.5, 7], [6, 1, 6.5]]), torch.tensor([2, 0, 2, 1, 0]), 2
SURE = torch.tensor([[0, -9, 3.0], [0, 0, 1.1], [0, -9, 1]]), torch.tensor([2, 2, 0]), 2
draw = torch.Generator().manual_seed(0)
DIGITS = torch.randn(200, 10, generator=draw) * 4, torch.randint(0, 10, (200,), generator=draw), 3


diagnose = page.write(
    "diagnose",
    "Threshold or knowledge?",
    cases={
        "the five images of section 3": CARD,
        "four images, margins of 0.001, 0.002, -0.002 and -0.001": CLOSE,
        "five images with three classes; four are taken for the digit, which occurs twice": OFTEN,
        "three images with three classes, two of the digit": SURE,
        "200 images of ten digits": DIGITS,
    },
    run=shares,
    wrong={
        "The first share is one of the images of the digit: how many of them have a margin above 0?": [
            "(margins[own] > 0) -> (margins > 0)",
            "(margins[own] > 0).float() -> own[margins > 0].float()",
            "(margins[own] > 0) -> (logits.argmax(1) == labels)",
        ],
        "A margin is measured from the highest of the other logits, without that of the digit itself.": "others.amax(1) -> logits.amax(1)",
        "A margin is the digit's logit minus the highest of the others.": [
            "logits[:, digit] - others.amax(1) -> logits[:, digit]",
            "others.amax(1) -> (logits.sum(1) - logits[:, digit]) / (logits.shape[1] - 1)",
        ],
        "With the bias, the network says the digit as often as its label occurs, and no longer as often as it does now.": "int(own.sum()) -> int((margins > 0).sum())",
        "A bias is added to logits, so the order of the margins counts, and not that of the probabilities.": [
            "logits[:, digit] - others.amax(1) -> logits.softmax(1)[:, digit]",
            "margins.topk( -> logits.softmax(1)[:, digit].topk(",
        ],
        "You rank the digit's own images alone. A bias also raises the other images, and some of them may be higher.": "own[highest] -> own[own.nonzero()[margins[own].topk(int(own.sum())).indices]]",
        "The bias lets the images with the highest margins through, and not those with the lowest.": ".topk(int(own.sum())) -> .topk(int(own.sum()), largest=False)",
        "The share with the bias counts only what is recognized already. The bias lets images with a margin below 0 through as well.": "own[highest] -> (own & (margins > 0))[highest]",
        "A share is a number between 0 and 1, and no count and no percentage.": [
            "(margins[own] > 0).float().mean() -> (margins[own] > 0).sum()",
            "return now, possible -> return 100 * now, 100 * possible",
        ],
        "The order: first the share that is recognized now, then the share with the bias.": "return now, possible -> return possible, now",
        "The second share is all that would be recognized with the bias, and not what the bias adds.": "return now, possible -> return now, possible - now",
        "": ["int(own.sum()) -> min(int(own.sum()) + 1, len(labels))", "labels == digit -> labels == 0"],
    },
    right=[in_plain_python, by_the_bias, by_numpy, as_one_tensor],
    steps={"margins": "the margins"},
    passed="The second share doesn't depend on where the threshold is, so it says what the network knows. How far the first one is below it says how much the threshold hides.",
)

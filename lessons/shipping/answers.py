"""The exercise of the lesson shipping: odd but right answers, and wrong ones as patches of the solution."""

import math

import torch


def in_tensors(right, kilobytes, most):
    """Squares both sides, and lets sorting find the smallest."""
    sizes = torch.tensor(kilobytes)
    inside = sizes <= most
    if not inside.any():
        return "none"
    choosing, reporting = right.chunk(2, dim=1)
    count = choosing.long().sum(1)
    best = torch.where(inside, count, -1).argmax()
    apart = (choosing ^ choosing[best]).sum(1)
    passing = inside & ((count[best] - count) ** 2 <= 4 * apart)
    number = next(k for k in sizes.argsort().tolist() if passing[k])
    return number, reporting[number].float().mean().item()


def in_one_walk(right, kilobytes, most):
    """Walks from the smallest file to the largest, and stops at the first that passes."""
    n = right.shape[1]
    order = sorted((kb, k) for k, kb in enumerate(kilobytes) if kb <= most)
    best = max(order, key=lambda pair: int(right[pair[1], : n // 2].sum()), default=(0, 0))[1]
    for _, k in order:
        won = int((right[best] & ~right[k])[: n // 2].sum())
        lost = int((right[k] & ~right[best])[: n // 2].sum())
        if won - lost <= 2 * math.sqrt(won + lost):
            return k, int(right[k, n // 2 :].sum()) / (n - n // 2)
    return "none"


def with_numpy(right, kilobytes, most):
    """Turns the rows into lists, and drops what doesn't fit."""
    lines = {k: line.tolist() for k, line in enumerate(right) if not kilobytes[k] > most}
    if len(lines) == 0:
        return "none"
    half = right.size(1) // 2
    best = max(lines.values(), key=lambda line: sum(line[:half]))
    small = [
        (kilobytes[k], k)
        for k, line in lines.items()
        if sum(best[:half]) - sum(line[:half])
        <= 2 * sum(a is not b for a, b in zip(line[:half], best[:half], strict=True)) ** 0.5
    ]
    number = min(small)[1]
    return number, sum(lines[number][half:]) / len(lines[number][half:])


ODD = {"promise": [in_tensors, in_one_walk, with_numpy]}
WRONG = {
    "promise": {
        "reports the images that chose": ("reporting[number].double()", "choosing[number].double()"),
        "reports all images": ("reporting[number].double()", "right[number].double()"),
        "all images choose": ("right[:, :half], right[:, half:]", "right, right[:, half:]"),
        "the halves are swapped": ("right[:, :half], right[:, half:]", "right[:, half:], right[:, :half]"),
        "a file of just this size doesn't fit": ("kilobytes[k] <= most", "kilobytes[k] < most"),
        "the best of all, whether it fits or not": ("max(fits, key", "max(range(len(right)), key"),
        "the best, and no smaller one": ("min(passing, key=lambda k: kilobytes[k])", "best"),
        "the smallest that fits": ("min(passing, key", "min(fits, key"),
        "the largest that passes": ("min(passing, key", "max(passing, key"),
        "d on all images": ("(choosing[k] != choosing[best])", "(right[k] != right[best])"),
        "d counts where the two agree": ("choosing[k] != choosing[best]", "choosing[k] == choosing[best]"),
        "d counts one way only": ("(choosing[k] != choosing[best])", "(choosing[best] & ~choosing[k])"),
        "one root in place of two": ("2 * d**0.5", "d**0.5"),
        "no root": ("2 * d**0.5", "2 * d"),
        "a lag of just 2√d counts": ("<= 2 * d**0.5", "< 2 * d**0.5 or k == best"),
        "the best of all in place of none": ('return "none"', "fits = list(range(len(right)))"),
        "gives the bytes and not the number": ("return number, ", "return kilobytes[number], "),
    }
}
EQUIVALENT = {
    "promise": {
        "`tolist` left out": "a tensor of whole numbers counts as well as a list of them",
        "`item` left out": "a tensor with one number is that number",
        "`right` in place of `kilobytes`, in the models that fit": "only its length is asked, a line a model",
        "d of each model that fits in place of the models that fit": "the keys are these models",
        "the best that fits in place of the model to send, in the result": "both are None where nothing fits",
        "fits doubled": "a list with each model twice",
        "count doubled": "a list twice as long, and its second half is not asked",
        "passing doubled": "a list with each model twice",
    }
}

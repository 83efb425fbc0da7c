"""The exercise of the lesson baseline: odd but right answers, and wrong ones as patches of the solution."""

import math

import numpy as np
import torch


def image_by_image(net, other, images, labels, tolerance):
    """Asks for one image after the other, and counts by hand."""
    won = lost = 0
    for image, label in zip(images, labels, strict=True):
        good = [int(model(image[None]).argmax()) == int(label) for model in (net, other)]
        won += good == [False, True]
        lost += good == [True, False]
    sizes = [sum(t.numel() * t.element_size() for t in model.state_dict().values()) for model in (net, other)]
    luck = math.sqrt(4 * max(5, won + lost))
    worst, best = lost - won + luck, lost - won - luck  # how many images worse
    if worst <= tolerance:
        return sizes[0] - sizes[1], "as good"
    return sizes[0] - sizes[1], "worse" if best > tolerance else "can't tell"


@torch.inference_mode()
def by_numpy(net, other, images, labels, tolerance):
    """NumPy's arrays and numbers, and a list in place of a tuple."""
    good = [(model(images).argmax(-1) == labels).numpy() for model in (net, other)]
    gain = good[1].astype(int) - good[0].astype(int)
    ends = gain.sum() + np.array([-2, 2]) * np.sqrt(max(np.abs(gain).sum(), 5))
    sizes = [np.sum([t.nbytes for t in [*model.parameters(), *model.buffers()]]) for model in (net, other)]
    verdict = {(True, True): "as good", (False, False): "worse"}.get(tuple((ends >= -tolerance).tolist()), "can't tell")
    return [sizes[0] - sizes[1], verdict]


def with_tensors(net, other, images, labels, tolerance):
    """A tensor as a number, and a disagreement by exclusive or."""
    with torch.no_grad():
        base, new = (m(images).max(1).indices.eq(labels) for m in (net, other))
    d, lead = (base ^ new).sum().clamp(min=5), new.sum() - base.sum()
    saved = sum(t.nbytes for t in net.state_dict().values()) - sum(t.nbytes for t in other.state_dict().values())
    if lead + tolerance < -2 * d.sqrt():
        return torch.tensor(saved), "worse"
    return torch.tensor(saved), "as good" if lead + tolerance >= 2 * d.sqrt() else "can't tell"


ODD = {"judge": [image_by_image, by_numpy, with_tensors]}
WRONG = {
    "judge": {
        "parameters alone": ("*model.parameters(), *model.buffers()", "*model.parameters()"),
        "the bytes of the other": ("size(net) - size(other)", "size(other)"),
        "bytes added, not saved": ("size(net) - size(other)", "size(other) - size(net)"),
        "coins for all images": ("max(won + lost, 5)", "len(labels)"),
        "no five": ("max(won + lost, 5)", "(won + lost)"),
        "always five": ("max(won + lost, 5)", "5"),
        "one root, not two": ("2 * max", "max"),
        "no root": ("2 * max(won + lost, 5) ** 0.5", "2 * max(won + lost, 5)"),
        "won and lost change places": ("won - lost,", "lost - won,"),
        "the tolerance on the other side": ("lead - luck >= -tolerance", "lead - luck >= tolerance"),
        "no tolerance": ("lead - luck >= -tolerance", "lead - luck >= 0"),
        "luck helps it": ("lead - luck >= -tolerance", "lead + luck >= -tolerance"),
        "the lead alone": ("lead - luck >= -tolerance", "lead >= -tolerance"),
        "no difference found": ("lead - luck >= -tolerance", "abs(lead) <= luck"),
        "worse by the lower end": ("lead + luck < -tolerance", "lead - luck < -tolerance"),
        "worse where a lead counts": ("lead + luck < -tolerance", "lead + luck < 0"),
        "another answer is a disagreement": (
            "max(won + lost, 5)",
            "max((net(images).argmax(1) != other(images).argmax(1)).sum().item(), 5)",
        ),
    }
}
EQUIVALENT = {
    "judge": {
        "`int` left out of the images that `other` won": "a tensor of one number",
        "`int` left out of the images that `other` lost": "a tensor of one number",
        "won without its sign": "a count",
        "lost without its sign": "a count",
        "luck without its sign": "a root",
        "luck = 2 * max(won + lost, 5) ** 0.5: max(won + lost, 5): arguments swapped": "the larger of two",
        "luck rounded to 2 digits": "no end of a range is so near to a tolerance, for counts below a thousand",
        "lowest rounded to 2 digits": "no end of a range is so near to a tolerance, for counts below a thousand",
        "highest rounded to 2 digits": "no end of a range is so near to a tolerance, for counts below a thousand",
    }
}

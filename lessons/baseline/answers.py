"""The exercise of the lesson baseline: odd but right answers, and wrong ones as patches of the solution."""

import math

import numpy as np
import torch


def image_by_image(a, b, images, labels):
    """Asks for one image after the other, and counts by hand."""
    won = lost = 0
    for image, label in zip(images, labels, strict=True):
        good = []
        for model in (a, b):
            dtype = next(iter(model.state_dict().values())).dtype
            good.append(int(model(image[None].to(dtype)).argmax()) == int(label))
        won += good == [False, True]
        lost += good == [True, False]
    sizes = [sum(t.numel() * t.element_size() for t in model.state_dict().values()) for model in (a, b)]
    return *sizes, won, lost, (won - lost) ** 2 > 4 * (won + lost)


@torch.inference_mode()
def by_numpy(a, b, images, labels):
    """NumPy's arrays and numbers, and a list in place of a tuple."""
    good = []
    for model in (a, b):
        weight = [*model.parameters()][0]
        good.append((model(images.type_as(weight)).argmax(-1) == labels).numpy())
    gain = good[1].astype(int) - good[0].astype(int)
    tensors = [[*model.parameters(), *model.buffers()] for model in (a, b)]
    counts = np.abs(gain.sum()) > 2 * np.sqrt(np.abs(gain).sum())
    return [*(np.sum([t.nbytes for t in own]) for own in tensors), (gain > 0).sum(), (gain < 0).sum(), counts]


def with_tensors(a, b, images, labels):
    """Tensors as numbers, and a disagreement by exclusive or."""
    with torch.no_grad():
        right_a, right_b = (m(images.to(next(m.parameters()).dtype)).max(1).indices.eq(labels) for m in (a, b))
    differ = right_a ^ right_b
    won, d = (differ & right_b).sum(), int(differ.sum())
    size = [sum(map(lambda t: t.nbytes, list(m.parameters()) + list(m.buffers()))) for m in (a, b)]
    return size[0], size[1], won, d - won, abs(int(won) * 2 - d) > 2 * math.sqrt(d)


ODD = {"compare": [image_by_image, by_numpy, with_tensors]}
WRONG = {
    "compare": {
        "parameters alone": ("*model.parameters(), *model.buffers()", "*model.parameters()"),
        "only a lead of the new one counts": ("abs(won - lost)", "won - lost"),
        "coins for all images": ("(won + lost) ** 0.5", "len(labels) ** 0.5"),
        "another answer is a disagreement": (
            "(won + lost) ** 0.5",
            "(torch.stack([m(images.to(next(m.parameters()).dtype)).argmax(1) for m in (a, b)]).diff(dim=0) != 0).sum() ** 0.5",
        ),
        "one root, not two": ("> 2 * (won", "> (won"),
        "a lead of just two roots counts": ("> 2", ">= 2"),
        "the images keep their type": ("images.to(next(model.parameters()).dtype)", "images"),
        "the network is converted": ("images.to(next(model.parameters()).dtype)", "images * bool(model.float())"),
        "won and lost change places": ("size(b), won, lost", "size(b), lost, won"),
    }
}
EQUIVALENT = {
    "compare": {
        "`int` left out of the images that `b` won": "a tensor of one number",
        "`int` left out of the images that `b` lost": "a tensor of one number",
        "won without its sign": "a count",
        "lost without its sign": "a count",
        "lead without its sign": "only its size is compared",
        "luck rounded to 2 digits": "two roots of whole numbers are further apart",
        "luck without its sign": "a root",
    }
}

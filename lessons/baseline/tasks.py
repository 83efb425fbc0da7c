"""The task of the lesson baseline: is a network as good as another one?"""

import math

import numpy as np
import torch
from torch import nn

from course_utils import check, checkpoints, data

page = check.page(globals())


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


def pair(answers, labels, tolerance, norm=False):
    """Two networks that give these answers, 0 or 1, to the images; the first may have buffers."""
    made = []
    for own in answers:
        layer = nn.Linear(len(labels), 2)
        with torch.no_grad():
            layer.weight.copy_(nn.functional.one_hot(torch.tensor(own), 2).T)
            layer.bias.zero_()
        made.append(layer.eval())
    net = nn.Sequential(made[0], nn.BatchNorm1d(2)).eval() if norm else made[0]
    return net, made[1], torch.eye(len(labels)), torch.tensor(labels), tolerance


def won_lost(won, lost, tolerance, **more):
    """Two networks of which the second wins and loses so many images, and both fail on one and get one right."""
    answers = [1] * won + [0] * lost + [1, 0], [0] * won + [1] * lost + [1, 0]
    return pair(answers, [0] * (won + lost + 2), tolerance, **more)


SCORES = [(0, 0, 1), (0, 0, 4.6), (1, 3, 7), (1, 3, 6), (0, 4, 9), (4, 0, 1), (12, 4, 1), (0, 9, 2), (0, 9, 3)]
SCORES += [
    (0, 9, 15),
    (0, 16, 7),
    (0, 16, 8),
    (0, 16, 24),
    (0, 16, 23),
    (3, 13, 1),
    (13, 3, 10),
    (20, 20, 12),
    (20, 20, 13),
]
clothes = *data.load("fashion_mnist", "test", n=40), 10
resnet, half, lenet = (checkpoints.load(name) for name in ("small_resnet", "small_resnet_half", "lenet_fashion_0"))


def decided(answer, net, other, images, labels, tolerance):
    found = answer(net, other, images, labels, tolerance)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise check.Mistake(f"Two values should come back, the bytes saved and a word, and not {check.tell(found)}.")
    return {"the bytes saved": found[0], "the verdict": found[1]}


judge = page.write(
    "judge",
    "Is it as good?",
    cases={
        f"{won} images won, {lost} lost, of {won + lost + 2}; tolerance {tolerance:g}{', with a batch norm' * norm}": won_lost(
            won, lost, tolerance, norm=norm
        )
        for number, (won, lost, tolerance) in enumerate(SCORES)
        for norm in ((False, True) if number < 3 else (False,))
    }
    | {
        "two images on which both fail, each in its way": pair(
            ([1] * 5 + [0, 0], [0] * 5 + [1, 1]), [0] * 5 + [2, 2], 0
        ),
        "SmallResNet, the half of it, 40 pictures, tolerance 10": (resnet, half, *clothes),
        "SmallResNet, LeNet, 40 pictures, tolerance 10": (resnet, lenet, *clothes),
    },
    run=decided,
    wrong={
        "Buffers take bytes, too: a batch norm has three.": "*model.parameters(), *model.buffers() -> *model.parameters()",
        "The coins are the disagreements, and not all images.": "max(won + lost, 5) -> len(labels)",
        "With fewer than five disagreements, count five.": "max(won + lost, 5) -> (won + lost)",
        "The ends of the range are compared with the tolerance, and not with 0.": [
            "lead - luck >= -tolerance -> lead - luck >= 0",
            "lead + luck < -tolerance -> lead + luck < 0",
            ("lead - luck >= -tolerance -> lead - luck >= 0", "lead + luck < -tolerance -> lead + luck < 0"),
        ],
        "The lead alone doesn't decide: look at both ends of its range.": [
            "lead - luck >= -tolerance -> lead >= -tolerance",
            (
                "lead - luck >= -tolerance -> lead >= -tolerance",
                'elif lead + luck < -tolerance:\n        verdict = "worse"\n    else:\n        verdict = "can\'t tell" -> else:\n        verdict = "worse"',
            ),
        ],
        "Luck reaches two roots far, and not one.": "2 * max -> max",
        "You give the bytes that are added: what is saved is net's size less that of other.": "size(net) - size(other) -> size(other) - size(net)",
        "An image counts as won where other is right and net is wrong: the two have changed places.": "won - lost, -> lost - won,",
        "Another answer is no disagreement as long as both are wrong: nobody wins that image.": "max(won + lost, 5) -> max((net(images).argmax(1) != other(images).argmax(1)).sum().item(), 5)",
        "": [
            "size(net) - size(other) -> size(other)",
            "max(won + lost, 5) -> 5",
            "2 * max(won + lost, 5) ** 0.5 -> 2 * max(won + lost, 5)",
            "lead - luck >= -tolerance -> lead - luck >= tolerance",
            "lead - luck >= -tolerance -> lead + luck >= -tolerance",
            "lead - luck >= -tolerance -> abs(lead) <= luck",
            "lead + luck < -tolerance -> lead - luck < -tolerance",
        ],
    },
    right=[image_by_image, by_numpy, with_tensors],
    steps={"lead": "won less lost", "luck": "what luck makes either way"},
    passed="Only the images on which the two disagree tell which is better, and a network is as good when even the worst "
    "end of its range stays within the tolerance.",
)

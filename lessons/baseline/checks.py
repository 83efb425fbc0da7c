"""The exercise of the lesson baseline: is a network as good as another one?"""

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.checkpoints import load
from course_utils.checks import effects, exercise
from course_utils.data import load as images_of


@exercise(
    "Is it as good?",
    why="Only the images on which the two disagree tell which is better, and a network is as good when even the worst end "
    "of its range stays within the tolerance.",
)
def judge(net, other, images, labels, tolerance):
    held = [[*model.parameters(), *model.buffers()] for model in (net, other)]
    bytes_net, bytes_other = (sum(t.nbytes for t in tensors) for tensors in held)
    with torch.no_grad():
        base, new = (model(images).argmax(1) == labels for model in (net, other))
    won = int((new & ~base).sum())  #: the images that `other` won
    lost = int((base & ~new).sum())  #: the images that `other` lost
    luck = 2 * max(won + lost, 5) ** 0.5  #: what luck makes either way
    lowest = won - lost - luck  #: the lower end of the range
    highest = won - lost + luck  #: the upper end of the range
    verdict = "as good" if lowest >= -tolerance else "worse" if highest < -tolerance else "can't tell"
    return bytes_net - bytes_other, verdict


def _pair(answers, labels, tolerance, norm=False):
    """Two networks that give these answers, 0 or 1, to the images; the first may have buffers."""
    net, other = (effects.linear(nn.functional.one_hot(torch.tensor(own), 2).T.float()) for own in answers)
    net = nn.Sequential(net, nn.BatchNorm1d(2)) if norm else net
    return net.eval(), other.eval(), torch.eye(len(labels)), torch.tensor(labels), tolerance


def _won_lost(won, lost, tolerance, **more):
    """Two networks of which the second wins and loses so many images, and both fail on one and get one right."""
    answers = [1] * won + [0] * lost + [1, 0], [0] * won + [1] * lost + [1, 0]
    return _pair(answers, [0] * (won + lost + 2), tolerance, **more)


_row = st.lists(st.integers(0, 1), min_size=3, max_size=3)
_scores = [
    (0, 0, 1),
    (0, 0, 4.6),
    (0, 0, 5),
    (1, 3, 7),
    (1, 3, 6),
    (0, 4, 9),
    (4, 0, 1),
    (12, 4, 1),
    (0, 9, 15),
    (0, 9, 2),
]
_scores += [
    (0, 9, 3),
    (0, 16, 7),
    (0, 16, 8),
    (0, 16, 24),
    (0, 16, 23),
    (3, 13, 1),
    (13, 3, 10),
    (20, 20, 12),
    (20, 20, 13),
]
_both_wrong = _pair(([1] * 5 + [0, 0], [0] * 5 + [1, 1]), [0] * 5 + [2, 2], 0)  # the last two images, each in its way
_clothes = [*images_of("fashion_mnist", "test", n=40), 10]
_resnet, _half, _lenet = (load(name) for name in ("small_resnet", "small_resnet_half", "lenet_fashion_0"))
judge.tries(
    st.builds(_pair, st.tuples(_row, _row), _row, st.integers(0, 8), norm=st.booleans()),
    also=[_won_lost(*scores, norm=norm) for scores in _scores for norm in (False, True)]
    + [_both_wrong, (_resnet, _half, *_clothes), (_resnet, _lenet, *_clothes)],
)


def _seen(back, *_):
    if not isinstance(back, tuple | list) or len(back) != 2:
        return {"what comes back": effects.Said(f"a {type(back).__name__}, and not two values")}
    saved, verdict = back
    return {"the bytes saved": saved.item() if hasattr(saved, "item") else saved, "the verdict": verdict}


judge.looks({"": _seen})
judge.ideas(
    {
        "held = [[*model.parameters()] for model in (net, other)]": "Buffers take bytes, too: a batch norm has three.",
        "luck = 2 * len(labels) ** 0.5": "The coins are the disagreements, and not all images.",
        "luck = 2 * (won + lost) ** 0.5": "With fewer than five disagreements, count five.",
        'verdict = "as good" if lowest >= 0 else "worse" if highest < 0 else "can\'t tell"': "The ends of the range are "
        "compared with the tolerance, and not with 0.",
        'verdict = "as good" if won - lost >= -tolerance else "worse"': "The lead alone doesn't decide: look at both ends of "
        "its range.",
    }
)

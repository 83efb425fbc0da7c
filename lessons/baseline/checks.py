"""The exercise of the lesson baseline: is a network as good as another one?"""

import copy

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.checks import effects, exercise
from course_utils.data import load as images_of
from course_utils.data.checkpoints import load


def _right(model, images, labels):
    with torch.no_grad():
        return model(images.to(next(model.parameters()).dtype)).argmax(1) == labels


@exercise(
    "Is it as good?",
    why="Only the images on which the two disagree tell which is better, and few of them make a small lead count.",
)
def compare(a, b, images, labels):
    held = [[*model.parameters(), *model.buffers()] for model in (a, b)]
    bytes_a, bytes_b = (sum(t.numel() * t.element_size() for t in tensors) for tensors in held)
    right_a = _right(a, images, labels)  #: the images on which `a` is right
    right_b = _right(b, images, labels)  #: the images on which `b` is right
    won = int((right_b & ~right_a).sum())  #: the images that `b` won
    lost = int((right_a & ~right_b).sum())  #: the images that `b` lost
    lead = won - lost  #: the lead
    luck = 2 * (won + lost) ** 0.5  #: the largest lead that does not count
    return bytes_a, bytes_b, won, lost, abs(lead) > luck


def _pair(answers, labels, half=False, norm=False):
    """Two networks that give these answers, 0 or 1, to the images; the second may be in fp16, or have buffers."""
    a, b = (effects.linear(nn.functional.one_hot(torch.tensor(own), 2).T.float()) for own in answers)
    b = nn.Sequential(b, nn.BatchNorm1d(2)) if norm else b
    return a.eval(), (b.half() if half else b).eval(), torch.eye(len(labels)), torch.tensor(labels)


def _won_lost(won, lost, **more):
    n = won + lost + 1
    return _pair(([1] * won + [0] * (n - won), [0] * won + [1] * lost + [0]), [0] * n, **more)


_row = st.lists(st.integers(0, 1), min_size=3, max_size=3)
_clothes, _kinds = images_of("fashion_mnist", "test", n=200)
_resnet, _lenet, _cnn = load("small_resnet"), load("lenet_fashion_0"), load("small_cnn")
compare.tries(
    st.builds(_pair, st.tuples(_row, _row), _row, half=st.booleans(), norm=st.booleans()),
    also=[_won_lost(*scores) for scores in [(0, 0), (4, 0), (5, 0), (0, 5), (2, 5), (14, 4), (4, 14), (11, 4), (4, 1)]]
    + [_pair(([1] * 5 + [0, 0], [0] * 5 + [1, 1]), [0] * 5 + [2, 2])]  # two images that both get wrong, each in its way
    + [(_lenet, _cnn, _clothes, _kinds), (_resnet, copy.deepcopy(_resnet).half(), _clothes[:20], _kinds[:20])],
)
_names = (
    "the bytes of `a`",
    "the bytes of `b`",
    "how many images `b` won",
    "how many it lost",
    "whether the lead counts",
)


def _seen(back, *_):
    if isinstance(back, torch.Tensor) and back.shape == (5,):  # a list of numbers comes as a tensor
        back = *back.long().tolist()[:4], back[4].item() == 1
    if not isinstance(back, tuple | list) or len(back) != len(_names):
        return {"what comes back": effects.Said(f"a {type(back).__name__}, and not five values")}
    return {name: value.item() if hasattr(value, "item") else value for name, value in zip(_names, back, strict=True)}


compare.looks({"": _seen})
compare.ideas(
    {
        "held = [[*model.parameters()] for model in (a, b)]": "Buffers take bytes, too: a batch norm has three.",
        "luck = 2 * len(labels) ** 0.5": "The coins are the disagreements, and not all images.",
        "lead = max(0, won - lost)": "A lead of `a` counts as well: take it without its sign.",
        "held = [[*model.float().parameters(), *model.float().buffers()] for model in (a, b)]": "These are the bytes after a "
        "conversion to float32. Convert the images, and leave the network as it is.",
        "luck = (won + lost) ** 0.5": "One root is what luck typically makes. A lead counts beyond two of them.",
    }
)

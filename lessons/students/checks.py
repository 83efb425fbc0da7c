"""The exercise of the lesson students: is a threshold off, or is knowledge missing?"""

import torch
from hypothesis import strategies as st

from course_utils.checks import exercise


@exercise(
    "Threshold or knowledge?",
    why="The second share doesn't depend on where the threshold is, so it says what the network knows. How far the first "
    "one is below it says how much the threshold hides.",
)
def diagnose(logits, labels, digit):
    own = labels == digit  #: which images are of the digit
    others = logits.index_fill(1, torch.tensor(digit), -torch.inf)  #: the other logits
    margins = logits[:, digit] - others.amax(1)  #: the margins
    now = (margins[own] > 0).float().mean()  #: the share that is recognized now
    count = int(own.sum())  #: how often the label occurs
    highest = margins.topk(count).indices  #: where the highest margins are
    possible = own[highest].float().mean()  #: the share with the bias
    return now, possible


@st.composite
def _calls(draw):
    """Margins all different and never 0; at least one image of the digit and one of another."""
    n, classes = draw(st.integers(3, 6)), draw(st.integers(2, 4))
    digit, k = draw(st.integers(0, classes - 1)), draw(st.integers(1, n - 1))
    own = torch.tensor(draw(st.permutations([True] * k + [False] * (n - k))))
    labels = torch.where(own, digit, (digit + 1) % classes)
    logits = torch.tensor([draw(st.permutations([0.0, 1.0, 2.0, 3.0][:classes])) for _ in range(n)])
    logits += torch.tensor(draw(st.lists(st.sampled_from([0.0, 2.0, 5.0]), min_size=n, max_size=n)))[:, None]
    margins = draw(st.lists(st.integers(-9, 8), min_size=n, max_size=n, unique=True))
    logits[:, digit] = -torch.inf
    logits[:, digit] = logits.amax(1) + torch.tensor(margins) + 0.5
    return logits, labels, digit


_card = torch.tensor([[4, 8.0], [4.8, 6], [7, 4.5], [4.1, 5], [1, 6]]), torch.tensor([1, 1, 0, 0, 0]), 0
_close = torch.tensor([[0, -0.001], [0, -0.002], [0, 0.002], [0, 0.001]]), torch.tensor([1, 0, 1, 0]), 0
_g = torch.Generator().manual_seed(0)
_digits = torch.randn(200, 10, generator=_g) * 4, torch.randint(0, 10, (200,), generator=_g), 3
diagnose.tries(_calls(), also=[_card, _close, _digits])
diagnose.ideas(
    {
        (
            "now = (margins > 0).float().mean()",
            "now = own[margins > 0].float().mean()",
        ): "The first share is one of the images *of the digit*: how many of them have a margin above 0?",
        "others = logits": "The highest *other* logit: without that of the digit itself.",
        "count = int((margins > 0).sum())": "With the bias, the network says the digit as often as its *label* occurs, "
        "and no longer as often as it does now.",
        "margins = logits.softmax(1)[:, digit]": "A bias is added to logits, so the order of the margins counts, and not that "
        "of the probabilities.",
        "highest = own.nonzero()[:, 0]": "You rank the digit's own images alone. A bias also raises the other images, and "
        "some of them may be higher.",
    }
)

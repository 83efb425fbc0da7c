"""The exercise of the lesson shipping: some images choose the model to send, and others say what to promise."""

import torch
from hypothesis import strategies as st

from course_utils.checks import exercise


@exercise(
    "Choose and promise",
    why="The limit comes first, and only leads beyond chance count. The images that report took no part in the choice.",
)
def promise(right, kilobytes, most):
    half = right.shape[1] // 2
    choosing, reporting = right[:, :half], right[:, half:]
    fits = [k for k in range(len(kilobytes)) if kilobytes[k] <= most]  #: the models that fit
    count = choosing.sum(1).tolist()  #: right answers of each model on the choosing images
    best = max(fits, key=lambda k: count[k], default=None)  #: the best that fits
    apart = {k: (choosing[k] != choosing[best]).sum().item() for k in fits}  #: d of each model that fits
    passing = [k for k in fits if count[best] - count[k] <= 2 * apart[k] ** 0.5]  #: the models that pass
    number = min(passing, key=lambda k: kilobytes[k], default=None)  #: the model to send
    return "none" if number is None else (number, reporting[number].double().mean().item())


def _rows(*texts):
    """A line of `right` for each text of 0 and 1, the choosing half before the space."""
    return torch.tensor([[sign == "1" for sign in text.replace(" ", "")] for text in texts])


def _clear(call):
    """Whether the best fitting model is one and no other."""
    right, kilobytes, most = call
    count = sorted(
        (line[: len(line) // 2].sum().item() for line, kb in zip(right, kilobytes, strict=True) if kb <= most)
    )
    return len(count) < 2 or count[-1] > count[-2]


@st.composite
def _calls(draw):
    models, half = draw(st.integers(1, 3)), draw(st.integers(3, 7))
    line = st.lists(st.booleans(), min_size=2 * half, max_size=2 * half)
    right = torch.tensor([draw(line) for _ in range(models)])
    return right, draw(st.permutations([10, 20, 40]))[:models], draw(st.sampled_from([5, 20, 30, 40]))


_large_leads = _rows("111111 110000", "000000 111111")
_small_passing = _rows("111111 000000", "111000 110000")
promise.tries(
    _calls().filter(_clear),
    also=[
        (_small_passing, [40, 10], 40),
        (_large_leads, [40, 10], 40),
        (_large_leads, [40, 10], 20),
        (_large_leads, [40, 10], 5),
        (_rows("11111 11100", "10000 10000"), [40, 10], 40),  # 4 behind, and 2√4 is 4
        (_rows("11111 11100", "00000 11111"), [40, 10], 40),  # 5 behind, and 2√5 is less
        (_rows("1111110 0000000", "0000001 1111100"), [40, 10], 40),  # 5 behind; 7 differ, 6 one way
        (_rows("11111111 11111111", "11111100 11000000", "11110000 10000000"), [40, 20, 10], 30),
        (_rows("1100000 1111111", "0000000 0000001"), [40, 10], 40),  # all images would choose the other one
        (_rows("11111111 11111111", "00000001 00000001", "00000000 11110000"), [40, 20, 10], 20),
        (_rows("000000 111111", "111111 110000"), [10, 40], 40),  # the best is the second one
        (_rows("000000 111111", "111111 110000", "000000 111000"), [40, 20, 10], 40),  # and not the largest
        (_rows("11111 11100", "11100 00000", "00000 11111"), [40, 20, 10], 40),  # each has a d of its own
        (_rows("111 100"), [10], 10),
    ],
)
promise.ideas(
    {
        "choosing, reporting = right[:, :half], right[:, :half]": "The images that chose are too kind to the winner. Report the other half.",
        "fits = [k for k in range(len(kilobytes)) if kilobytes[k] < most]": "At most 20 kB includes 20.",
        "best = max(range(len(kilobytes)), key=lambda k: count[k], default=None)": "A model that doesn't fit can't be the best one.",
        "passing = [best]": "The best isn't always sent: a smaller model that *passes* goes first.",
        "apart = {k: (right[k] != right[best]).sum().item() for k in fits}": "d counts *choosing* images only. The others "
        "must take no part in the choice.",
    }
)

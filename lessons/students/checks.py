"""The exercise of the lesson students: a threshold without labels."""

import torch
from hypothesis import strategies as st

from course_utils.checks import exercise


@exercise(
    "A threshold without labels",
    why="A bias moves all margins by the same amount, so it names the images with the highest margins; how many they "
    "are to be is all that the teacher is asked for.",
)
def threshold(student, teacher, missing):
    k = (teacher.argmax(1) == missing).sum()  #: how often the teacher says it
    rivals = student.index_fill(1, torch.tensor(missing), -torch.inf).amax(1)  #: the highest other logits
    margins = student[:, missing] - rivals  #: the student's margins
    ordered = margins.sort(descending=True).values  #: the margins, highest first
    line = (ordered[k - 1] + ordered[k]) / 2  #: where the line stands
    return -line


@st.composite
def _calls(draw):
    """Margins all different, and a teacher who says the class for some images and not for all."""
    n, classes = draw(st.integers(3, 5)), draw(st.integers(2, 4))
    missing, k = draw(st.integers(0, classes - 1)), draw(st.integers(1, n - 1))
    said = torch.tensor(draw(st.permutations([True] * k + [False] * (n - k))))
    teacher = torch.tensor([draw(st.permutations([0.0, 1.0, 2.0, 3.0][:classes])) for _ in range(n)])
    teacher[:, missing] = torch.where(said, 9.0, -9.0)
    logits = st.integers(-4, 4).map(float)
    student = torch.tensor([draw(st.lists(logits, min_size=classes, max_size=classes)) for _ in range(n)])
    margins = draw(st.lists(st.integers(-9, 5), min_size=n, max_size=n, unique=True))
    student[:, missing] = -torch.inf
    student[:, missing] = student.amax(1) + torch.tensor(margins)
    return student, teacher, missing


_card = torch.tensor([[0.0, 2.0], [0.0, -3.0], [0.0, -1.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]), 1
_g = torch.Generator().manual_seed(0)
_digits = torch.randn(200, 10, generator=_g) * 4, torch.randn(200, 10, generator=_g) * 4, 3
threshold.tries(_calls(), also=[_card, _digits])
threshold.ideas(
    {
        "k = (student.argmax(1) == missing).sum()": "The teacher says how often; the student says the class too rarely.",
        "rivals = student.amax(1)": "The highest *other* logit: without that of the missing class.",
        "ordered = margins.sort().values": "A bias names the images with the highest margins first.",
        "line = ordered[k - 1]": "Here the k-th image lies on the line itself: take the middle between it and the next.",
        "line = -(ordered[k - 1] + ordered[k]) / 2": "The line stands at −b: turn the sign.",
    }
)

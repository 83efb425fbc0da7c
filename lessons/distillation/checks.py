"""The exercise of the lesson distillation: soft targets of a teacher who names only a few classes."""

import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from course_utils.checks import exercise


@exercise(
    "A teacher who names a few",
    why="What is named keeps its probability and its place; the rest is shared evenly, so that each row still sums to 1 "
    "and says as little as it can.",
)
def names(logits, T, k):
    p = F.softmax(logits / T, 1)  #: the probabilities at T
    values, positions = p.topk(k)
    rest = 1 - values.sum(1, keepdim=True)  #: what is left of each row
    share = rest / (p.shape[1] - k)  #: the share of each class that is not named
    return share.expand_as(p).scatter(1, positions, values)


@st.composite
def _calls(draw):
    classes = draw(st.integers(2, 4))
    rows = st.permutations([4.0, 1.0, -2.0, 2.5][:classes])
    logits = torch.tensor(draw(st.lists(rows, min_size=1, max_size=2)))
    logits[1:] /= 2  # of two rows each has its own rest
    return logits, draw(st.sampled_from([1.0, 2.0, 8.0])), draw(st.integers(1, classes))


_digits = torch.randn(50, 10, generator=torch.Generator().manual_seed(0)) * 5
_exact = torch.tensor([[0.5, 0.15, 0.3, 0.05]]).log()
names.tries(_calls(), also=[(_exact, 1.0, 2), (_exact, 1.0, 1), (_exact, 1.0, 4), (_digits, 8.0, 1), (_digits, 8.0, 3)])
names.ideas(
    {
        "p = F.softmax(logits, 1)": "The probabilities are those at T = 1: divide the logits by T before the softmax.",
        "p = F.softmax(logits / T, 0)": "The softmax goes over the classes of one image, dimension 1.",
        "share = rest / p.shape[1]": "What is left goes to the classes that are not named: there are k fewer.",
        "share = torch.zeros_like(rest)": "What is left of a row is lost: each row sums to 1.",
        "values, positions = p.topk(1)": "k classes keep their probabilities, and not only the first one.",
    }
)

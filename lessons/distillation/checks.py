"""The exercise of the lesson distillation: soft targets that say which other classes, and no longer how sure."""

import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from course_utils.checks import exercise


@exercise(
    "Which others, and no longer how sure",
    why="Each image gets the same highest probability, so how sure the teacher is of it is gone; the proportions among "
    "the other classes are the teacher's.",
)
def named(logits, T):
    p = F.softmax(logits / T, 1)  #: the soft targets
    highest, first = p.max(1, keepdim=True)
    mean = highest.mean()  #: the mean of the highest probabilities
    others = p.scatter(1, first, 0)  #: the other classes
    shares = others / others.sum(1, keepdim=True)  #: the proportions among the others
    return (shares * (1 - mean)).scatter(1, first, mean.expand_as(first))


@st.composite
def _calls(draw):
    classes = draw(st.integers(3, 4))
    rows = st.permutations([4.0, 1.0, -2.0, 2.5][:classes])
    logits = torch.tensor(draw(st.lists(rows, min_size=1, max_size=3)))
    logits[1:] /= 2  # the teacher isn't equally sure of all images
    return logits, draw(st.sampled_from([1.0, 2.0, 8.0]))


_digits = torch.randn(50, 10, generator=torch.Generator().manual_seed(0)) * 4
_paper = torch.tensor([[0.8, 0.15, 0.05], [0.3, 0.4, 0.3]]).log()
named.tries(_calls(), also=[(_paper, 1.0), (_digits, 8.0), (_digits, 3.0)])
named.ideas(
    {
        "p = F.softmax(logits, 1)": "These are the probabilities at T = 1. Divide the logits by T before the softmax.",
        "p = F.softmax(logits / T, 0)": "The softmax goes over the classes of one image, which is dimension 1.",
        "mean = highest": "Each image has kept its own highest probability, so nothing is taken away. Give all the mean.",
        "shares = others": "The rows no longer sum to 1. The others of each image share what the mean leaves, 1 − mean.",
        "shares = (others > 0) / (p.shape[1] - 1)": "The others get equal parts here, so which digits the teacher names is "
        "lost. Keep their proportions.",
    }
)

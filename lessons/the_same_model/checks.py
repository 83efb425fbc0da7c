"""The check of the lesson the_same_model: which of two copies is closer to the original, with a paired error."""

import torch
from hypothesis import strategies as st

from course_utils.checks import exercise


@exercise(
    "Which copy is closer?",
    why="Both copies have read the same tokens. What makes a place hard for both drops out of the difference, so its "
    "error is smaller than that of two separate means.",
)
def closer(original, first, second):
    log_p = original.log_softmax(1)
    one = (log_p.exp() * (log_p - first.log_softmax(1))).sum(1)  #: the KL divergence of the first copy, at each place
    two = (log_p.exp() * (log_p - second.log_softmax(1))).sum(1)  #: that of the second copy
    more = one - two  #: the difference at each place
    error = more.std() / more.numel() ** 0.5  #: the standard error
    return more.mean(), error


@st.composite
def _calls(draw):
    places = draw(st.integers(2, 4))
    rows = [[[draw(st.integers(0, 2)) for _ in range(3)] for _ in range(places)] for _ in range(3)]
    return tuple(torch.tensor(rows, dtype=torch.float32))


def _many(places, tokens, seed):
    """Logits of an original, and of two copies that are near to it."""
    noise = torch.randn(3, places, tokens, generator=torch.Generator().manual_seed(seed))
    return 4 * noise[0] + 1, 4 * noise[0] + 0.3 * noise[1], 4 * noise[0] + 0.2 * noise[2] - 2


closer.tries(_calls(), also=[_many(8, 5, 0), _many(300, 40, 1)], rtol=1e-3, atol=1e-5)
closer.ideas(
    {
        "more = two - one": "The order: how much larger is the divergence of the first copy?",
        "error = more.std()": "The standard error of a mean is the standard deviation over the root of the number of places.",
        "error = ((one.var() + two.var()) / more.numel()) ** 0.5": "That is the error of two separate texts. Both "
        "copies have read the same one: take the difference at each place first, and then its deviation.",
        "one = (first.softmax(1) * (first.log_softmax(1) - log_p)).sum(1)": "The direction: the original's "
        "probabilities say how often each token counts.",
        "log_p = original.softmax(1)": "log_p is the logarithm of the probabilities: log_softmax.",
    }
)

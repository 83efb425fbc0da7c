"""The check of the lesson blocks: a vector for first tokens and a matrix for all others, in the place of a block."""

import torch
from hypothesis import strategies as st

from course_utils.checks import effects, exercise


@exercise(
    "Heal block 12",
    why="A block may do one thing at first tokens and another at all others. So a constant stands for the one, and least "
    "squares, which a few long states would rule, sees the other alone.",
)
def heal(before, after, new, ridge):
    added = after - before  #: what the block added
    vector = added[:, 0].mean(0)  #: its mean over the first tokens
    x, d = before[:, 1:].flatten(0, 1), added[:, 1:].flatten(0, 1)
    gram = x.T @ x
    more = ridge * gram.diagonal().mean() * torch.eye(len(gram))
    a = torch.linalg.solve(gram + more, x.T @ d)  #: the matrix
    first = new[:, :1] + vector
    others = new[:, 1:] + new[:, 1:] @ a
    return torch.cat([first, others], 1)


@st.composite
def _calls(draw):
    pieces, tokens, features = draw(st.integers(1, 3)), draw(st.integers(2, 3)), draw(st.integers(1, 2))

    def states(pieces, tokens):
        numbers = [float(draw(st.integers(-2, 2))) for _ in range(pieces * tokens * features)]
        return torch.tensor(numbers).view(pieces, tokens, features)

    before = states(pieces, tokens)
    before[0, 1] = 1.0  # something to learn from
    return before, states(pieces, tokens), states(draw(st.integers(1, 2)), draw(st.integers(1, 3))), 0.5


def _streams(pieces, tokens, features, ridge, seed):
    """A block that is nearly linear, but for its first tokens, which are long and become longer."""
    g = torch.Generator().manual_seed(seed)
    before, new = torch.randn(2, pieces, tokens, features, generator=g)
    after = before + before @ torch.randn(features, features, generator=g) / 3
    after = after + 0.1 * torch.randn(pieces, tokens, features, generator=g)
    after[:, 0] += 20 * torch.randn(features, generator=g)
    return before, after, new, ridge


heal.tries(_calls(), also=[_streams(4, 9, 5, 0.1, 0), _streams(3, 20, 8, 0.01, 1)], atol=1e-3, rtol=1e-3)
heal.looks(
    {
        "the shape": lambda back, *_: effects.Said(str(tuple(back.shape))),
        "the first token of each piece": lambda back, *_: back[:, 0],
        "all other tokens": lambda back, *_: back[:, 1:],
    }
)
heal.ideas(
    {
        "x, d = before.flatten(0, 1), added.flatten(0, 1)": "The first tokens are still in the sums. They are so long that their squares would rule "
        "the fit.",
        "vector = added.mean((0, 1))": "The vector is for first tokens, so only they belong in its mean: one of each piece.",
        "others = new[:, 1:] @ a": "`fit` gives the matrix of what is added. The stream itself passes by.",
        "first = new[:, :1] + new[:, :1] @ a + vector": "The matrix was fitted without first tokens, so don't use it on them.",
        "x, d = before[:, 1:].flatten(0, 1), after[:, 1:].flatten(0, 1)": "Fit what the block adds, after - before, "
        "and not what comes out.",
    }
)

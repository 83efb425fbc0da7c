"""The check of the lesson attention: causal attention, on small tensors and in a trained model."""

import torch
from hypothesis import strategies as st

from course_utils import language
from course_utils.checks import exercise
from lessons.attention.show import into_heads


@exercise(
    "Attention of your own",
    why="What is hidden scores minus infinity before the softmax, so the other attention weights add up to 1. In all five blocks of "
    "the trained model your results are the model's own.",
)
def attend(q, k, v):
    d = q.shape[-1]  #: the number of features of a query
    scores = q @ k.mT / d**0.5  #: the divided scores
    allowed = torch.ones_like(scores, dtype=torch.bool).tril()  #: what may be seen
    visible = torch.where(allowed, scores, -torch.inf)  #: the scores under the mask
    weights = visible.softmax(-1)  #: the attention weights
    return weights @ v


@st.composite
def _calls(draw):
    tokens, d, features = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 4])), draw(st.integers(1, 2))
    of = {n: st.lists(st.sampled_from([0.0, 1.0, 2.0, -1.0]), min_size=n, max_size=n) for n in (d, features)}
    return tuple(torch.tensor(draw(st.lists(of[n], min_size=tokens, max_size=tokens))) for n in (d, d, features))


@torch.no_grad()
def _of_the_blocks(text):
    """(q, k, v) of each block of the trained model: float (1, heads, tokens, features)."""
    model, calls = language.trained(), []
    x = model.tokens(language.encode(text)[None])
    for block in model.blocks:
        calls.append(into_heads(block.qkv(block.norm1(x)), block.n_heads))
        x = block(x)
    return calls


_tokens, _wide = torch.tensor([[1.0], [2.0], [0.0]]), torch.tensor([[0.0, 2.0, 0.0, 0.0], [2.0, 0.0, 0.0, 2.0]])
_also = [(_tokens, _tokens, 10 * _tokens), (_wide, _wide, torch.tensor([[1.0], [5.0]])), (_wide[:1],) * 3]
_also.append((_tokens[None],) * 3)
attend.tries(_calls(), also=[*_also, *_of_the_blocks("import os")], rtol=1e-4, atol=1e-5)
_mask = "allowed = torch.ones_like(scores, dtype=torch.bool)"
_number = ("d = 1", "d = q.shape[-1] ** 2", "d = q.shape[-2]", "d = v.shape[-1]")
attend.ideas(
    {
        "visible = torch.where(allowed, scores, 0.0)": "*e* to the power of 0 is 1: a score of 0 hides nothing. It takes "
        "`-torch.inf`.",
        "weights = torch.where(allowed, scores.softmax(-1), 0.0)": "The attention weights that are left no longer add up to 1: the mask "
        "belongs before the softmax.",
        (
            _mask + ".triu()",
            _mask + ".tril(-1)",
            "visible = torch.where(allowed, -torch.inf, scores)",
        ): "A token sees itself and what came before: scores on the diagonal and below stay, all others become `-torch.inf`.",
        (
            "weights = visible.softmax(-2)",
            "weights = visible.softmax(0)",
            "weights = visible.softmax(1)",
        ): "Each token that asks is a row, with a softmax of its own: over the last dimension.",
        _number: "The scores are divided by the root of the number of features of a query, its last dimension.",
    }
)

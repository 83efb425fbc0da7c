"""The check of the lesson turn_it: a rotation of the values in each head, which the attention passes on."""

import torch
from hypothesis import strategies as st

from course_utils.checks import effects, exercise


@exercise(
    "Turn the values",
    why="Attention takes means of values over tokens, and mixes no features. So values that are turned in each head come "
    "out as turned means, and o_proj can read them with turned weights.",
)
def turn_values(w_v, w_o, q):
    d = len(q)
    of_heads = w_v.unflatten(0, (-1, d))
    new_v = (q.T @ of_heads).flatten(0, 1)  #: the weights of v_proj
    parts = w_o.unflatten(1, (-1, d))
    new_o = (parts @ q).flatten(1)  #: the weights of o_proj
    return new_v, new_o


TURNS = ([[0.0, 1.0], [-1.0, 0.0]], [[0.6, 0.8], [-0.8, 0.6]])


@st.composite
def _calls(draw):
    width, shared, times = (draw(st.integers(1, 2)) for _ in range(3))
    q = torch.tensor(draw(st.sampled_from(TURNS)))

    def weights(rows, columns):
        return torch.tensor([[float(draw(st.integers(-2, 2))) for _ in range(columns)] for _ in range(rows)])

    return weights(2 * shared, width), weights(width, 2 * shared * times), q


def _heads(shared, times, d, width=6, seed=0):
    """Weights for heads of d features, of which `times` share the values of one."""
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(d, d, generator=generator))
    w_v = torch.randn(shared * d, width, generator=generator)
    return w_v, torch.randn(width, shared * times * d, generator=generator), q


turn_values.tries(_calls(), also=[_heads(1, 1, 3), _heads(3, 3, 4), _heads(2, 1, 5)], atol=1e-4)
turn_values.looks(
    {
        "how many things come back": lambda back, *_: len(back),
        "the shapes": lambda back, *_: effects.Said(f"{tuple(back[0].shape)} and {tuple(back[1].shape)}"),
        "the weights of v_proj": lambda back, *_: back[0],
        "the weights of o_proj": lambda back, *_: back[1],
    }
)
turn_values.ideas(
    {
        "new_v = (q @ of_heads).flatten(0, 1)": "The direction: v_proj writes, as o_proj and down_proj did in the lesson. "
        "What writes is multiplied by the transpose, from the left.",
        "new_o = (parts @ q.T).flatten(1)": "The direction: o_proj reads the values. What reads is multiplied by the matrix "
        "itself, from the right.",
        "new_o = w_o": "o_proj reads turned values now, so its weights must be turned as well.",
        "new_v = w_v": "o_proj expects turned values, and v_proj still writes the old ones.",
    }
)

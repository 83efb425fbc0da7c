"""The check of the lesson own_method: a pruning method that keeps n of m neighbours, on fresh and on pruned layers."""

import torch
from hypothesis import strategies as st
from torch.nn.utils import prune

from course_utils.checkpoints import load
from course_utils.checks import effects, exercise


def _n_of_m(n, m):
    class NOfM(prune.BasePruningMethod):
        PRUNING_TYPE = "global"

        def compute_mask(self, t, default_mask):
            ranked = t.masked_fill(default_mask == 0, -torch.inf)  #: the scores, what is gone behind all
            groups = ranked.reshape(-1, m)  #: the groups
            highest = groups.topk(n).indices  #: the positions of the highest scores
            mask = torch.zeros_like(groups).scatter(1, highest, 1)
            mask = mask.view_as(t) * default_mask  #: the mask
            return mask

    return NOfM


@exercise(
    "n of m",
    of=[_n_of_m],
    why="The type leaves each weight in its position. What is gone ranks behind all others, and none of it returns.",
)
def n_of_m(answer, n, m, scores, earlier_mask):
    layer = effects.linear(torch.ones_like(scores))
    if not earlier_mask.all():
        prune.custom_from_mask(layer, "weight", earlier_mask)
    try:
        answer(n, m).apply(layer, "weight", importance_scores=scores)
    except AttributeError as error:
        if str(error) not in [f"'NoneType' object has no attribute '{name}'" for name in ("apply", "to")]:
            raise
        raise TypeError("a return is missing. n_of_m returns the class, compute_mask the mask") from None
    return layer


def _seen(layer, n, m, scores, earlier_mask):
    with torch.no_grad():
        layer(torch.ones(1, scores.shape[1]))
    kept = (layer.weight != 0).float()
    layer(torch.ones(1, scores.shape[1])).sum().backward()
    effects.descend(layer, 0.5)
    layer(torch.ones(1, scores.shape[1]))
    return {
        "how many come back": int((kept > earlier_mask).sum()),
        "how many stay in each group": kept.view(-1, m).sum(1),
        "the scores that stay in each group, 0 for none": (scores * kept + 0.0)
        .view(-1, m)
        .sort(descending=True)
        .values,
        "how many zeros are left after a training step": int((layer.weight == 0).sum()),
    }


@st.composite
def _calls(draw):
    m, rows, groups = draw(st.integers(2, 4)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    size = rows * groups * m
    scores = draw(st.lists(st.sampled_from([-3.0, -1.0, 1.0, 2.0, 4.0]), min_size=size, max_size=size))
    gone = m * draw(st.integers(0, rows * groups - 1))  # so that a list of what is left has whole groups
    old = torch.tensor(draw(st.permutations([0.0] * gone + [1.0] * (size - gone))))
    return draw(st.integers(1, m - 1)), m, torch.tensor(scores).view(rows, -1), old.view(rows, -1)


def _case(n, scores, earlier_mask):
    return n, len(scores), torch.tensor([scores]), torch.tensor([earlier_mask])


_fc1 = load("lenet_mnist").fc1.weight.detach().abs()
_first = (_fc1 >= _fc1.flatten().kthvalue(4800).values).float()
n_of_m.tries(
    _calls(),
    also=[
        _case(1, [-2.0, 4.0, -1.0], [1.0, 0.0, 1.0]),
        _case(2, [4.0, 9.0, 2.0, 3.0], [1.0, 0.0, 1.0, 1.0]),
        _case(2, [-5.0, 1.0, 2.0, 3.0], [1.0] * 4),
        _case(1, [1.0, 1.0], [1.0, 1.0]),
        _case(2, [5.0, 4.0, 6.0, 2.0], [1.0, 0.0, 0.0, 0.0]),
        _case(1, [-1.0, -2.0], [0.0, 1.0]),
        (2, 4, _fc1, torch.ones_like(_fc1)),
        (2, 4, _fc1, _first),
    ],
)
n_of_m.looks({"": _seen})
n_of_m.ideas(
    {
        'PRUNING_TYPE = "unstructured"': "An unstructured method is handed a list of what is left, and its groups are not "
        "those of the layer. Which type leaves each weight in its position?",
        "ranked = t": "What is gone still counts among the n: rank it behind all others.",
        "ranked = t * default_mask": "A score of 0 is not behind all others: scores can be negative.",
        "mask = mask.view_as(t)": "What is gone comes back where fewer than n are left: multiply by `default_mask`.",
        "ranked = t.abs().masked_fill(default_mask == 0, -torch.inf)": "The scores have signs: −5 is lower than 1.",
    }
)

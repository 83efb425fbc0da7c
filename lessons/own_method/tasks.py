"""The task of the lesson own_method: a pruning method that keeps n of m neighbours, on fresh and on pruned layers."""

import torch
from torch.nn.utils import prune

from course_utils import check, checkpoints

page = check.page(globals())


def prune_and_train(answer, n, m, scores, earlier_mask):
    layer, x = check.linear(torch.ones_like(scores)), torch.ones(1, scores.shape[1])
    if not earlier_mask.all():
        prune.custom_from_mask(layer, "weight", earlier_mask)
    method = answer(n, m)
    if method is None:
        return None
    try:
        method.apply(layer, "weight", importance_scores=scores)
    except AttributeError as error:
        if "'NoneType' object has no attribute 'to'" not in str(error):
            raise
        raise check.Mistake("compute_mask gives nothing back. The mask must stand behind return.") from None
    layer(x)
    kept = (layer.weight != 0).float()
    layer(x).sum().backward()
    with torch.no_grad():
        for p in layer.parameters():
            p -= 0.5 * p.grad
    layer(x)
    stay = (scores * kept + 0.0).view(-1, m).sort(descending=True).values  # of equal scores any may stay
    return {
        "the number of weights that come back": int((kept > earlier_mask).sum()),
        "the number of weights that stay in each group": kept.view(-1, m).sum(1),
        "the list of scores that stay in each group, 0 for none,": stay,
        "the number of zeros after a training step": int((layer.weight == 0).sum()),
    }


def by_sorting_twice(n, m):
    """Ranks by two sorts, with n and m as attributes of the class."""

    class Method(prune.BasePruningMethod):
        PRUNING_TYPE = "global"
        N, M = n, m

        def compute_mask(self, t, default_mask):
            there = default_mask.bool().view(-1, self.M)
            ranked = t.reshape(-1, self.M).where(there, torch.tensor(float("-inf")))
            ranks = ranked.argsort(1, descending=True).argsort(1)
            return ((ranks < self.N) & there).view_as(default_mask).to(default_mask)

    return Method


def by_rows(n, m):
    """A structured method: rows that are gone as a whole are hidden, and whole rows have whole groups."""

    class ByRows(prune.BasePruningMethod):
        PRUNING_TYPE, dim = "structured", 0

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            for row, scores in zip(mask, t, strict=True):
                for start in range(0, len(row), m):
                    left = [i for i in range(start, start + m) if row[i]]
                    for i in sorted(left, key=lambda i: scores[i].item())[: max(0, len(left) - n)]:
                        row[i] = 0
            return mask

    return ByRows


def by_custom_from_mask(n, m):
    """Not a pruning method, but something with `apply` that does the same."""

    class Maker:
        @staticmethod
        def apply(layer, name, importance_scores=None):
            value = getattr(layer, name).detach()
            old = getattr(layer, name + "_mask", torch.ones_like(value))
            scores = (value if importance_scores is None else importance_scores).masked_fill(old == 0, -1e9)
            mask = torch.zeros(scores.numel() // m, m)
            mask[torch.arange(len(mask))[:, None], scores.reshape(-1, m).topk(n, dim=1)[1]] = 1
            return prune.custom_from_mask(layer, name, mask.view_as(scores) * old)

    return Maker


def case(n, m, scores, earlier_mask):
    return n, m, torch.tensor(scores), torch.tensor(earlier_mask)


FC1 = checkpoints.load("lenet_mnist").fc1.weight.detach().abs()
CUT = (FC1 >= FC1.flatten().kthvalue(4800).values).float()
RANKED = "t.masked_fill(default_mask == 0, -torch.inf) -> "
n_of_m = page.write(
    "n_of_m",
    "n of m",
    cases={
        "2 of 4, scores -5, 1, 2, 3": case(2, 4, [[-5.0, 1.0, 2.0, 3.0]], [[1.0] * 4]),
        "1 of 2, scores 1 and 1": case(1, 2, [[1.0, 1.0]], [[1.0] * 2]),
        "1 of 3, scores -2, 4, -1; the 4 is gone": case(1, 3, [[-2.0, 4.0, -1.0]], [[1.0, 0.0, 1.0]]),
        "2 of 4, scores 4, 9, 2, 3; the 9 is gone": case(2, 4, [[4.0, 9.0, 2.0, 3.0]], [[1.0, 0.0, 1.0, 1.0]]),
        "2 of 4, scores 5, 4, 6, 2; only the 5 is left": case(2, 4, [[5.0, 4.0, 6.0, 2.0]], [[1.0, 0.0, 0.0, 0.0]]),
        "1 of 2, scores -1 and -2; only the -2 is left": case(1, 2, [[-1.0, -2.0]], [[0.0, 1.0]]),
        "1 of 2, two rows with scores 4, 2, 1, 3 and -1, 2, 4, -3; the 4 and the 3 of the first are gone": case(
            1, 2, [[4.0, 2.0, 1.0, 3.0], [-1.0, 2.0, 4.0, -3.0]], [[0.0, 1.0, 1.0, 0.0], [1.0] * 4]
        ),
        "2 of 4 in fc1 of LeNet": (2, 4, FC1, torch.ones_like(FC1)),
        "2 of 4 in fc1 of LeNet, which has lost a tenth before": (2, 4, FC1, CUT),
    },
    run=prune_and_train,
    wrong={
        "An unstructured method gets a list of what is left, so its groups aren't those of the layer. A global method gets every weight in its place.": (
            '"global" -> "unstructured"'
        ),
        "What is gone still takes a place among the n. Rank it behind all others.": RANKED + "t",
        "A score of 0 isn't behind all others, because scores can be negative.": RANKED + "t * default_mask",
        "What is gone comes back where fewer than n are left. Multiply the mask by default_mask.": " * default_mask -> ",
        "The sign of a score counts: -5 ranks below 1.": "t.masked_fill -> t.abs().masked_fill",
        "Of equal scores only as many stay as may. A threshold lets all of them stay.": (
            "torch.zeros_like(groups).scatter(1, highest, 1) -> (groups >= groups.topk(n).values[:, -1:]).float()"
        ),
        "Of every m neighbours n should stay, and not go.": "groups.topk(n) -> groups.topk(m - n)",
        "The highest scores should stay, and you keep the lowest.": "groups.topk(n) -> groups.topk(n, largest=False)",
        "Neighbours stand in a row. Your groups run along the columns.": (
            "ranked.reshape(-1, m) -> ranked.T.reshape(-1, m)",
            "mask.view_as(t) -> mask.view(t.T.shape).T",
        ),
    },
    right=[by_sorting_twice, by_rows, by_custom_from_mask],
    passed="The type leaves each weight in its position. What is gone ranks behind all others, and none of it returns.",
)

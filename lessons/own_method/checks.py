"""Checks of the lesson `own_method`, writing a pruning method."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import masks, numbers, shapes, tensors
from course_utils.exercises.masks import as_mask
from course_utils.exercises.search import compare
from course_utils.exercises.values import same


def _as_mask(value: object, scores: torch.Tensor, *_: object) -> torch.Tensor:
    """The returned mask as numbers; a `Mistake` for what is no mask in the shape of the scores.

    Twos are let through: they are what adding two masks gives, which is told by comparing.
    """
    hint = "You return scores. Wanted is the mask; PyTorch does the multiplication."
    return as_mask(value, scores, "scores", hint, passing=(0, 1, 2))


# ---- exercise 1 --------------------------------------------------------------------------------------


def _typed_mask(value: object, scores: torch.Tensor, default_mask: torch.Tensor, _: float) -> list:
    """The mask as numbers, and its dtype."""
    mask = _as_mask(value, scores)
    if not issubclass(type(value), torch.Tensor):
        raise Mistake("Your mask is no tensor of torch.", "PyTorch stores a mask as a tensor: return one.")
    return [mask, str(value.dtype) if value.is_floating_point() or value.dtype == torch.bool else "whole numbers"]


@st.composite
def _with_threshold(draw: Callable) -> tuple:
    """(scores, default_mask, threshold); the threshold is often equal to a score's size."""
    shape = draw(shapes(dims=(1, 2, 3), most=3))
    scores, mask = draw(tensors(shape, numbers(-2, 2, step=0.5))), draw(masks(shape))
    sizes = sorted(set(scores.abs().flatten().tolist()))
    threshold = draw(st.one_of(numbers(0, 2, step=0.25), st.sampled_from(sizes)))
    dtype = draw(st.sampled_from([torch.float32] * 4 + [torch.float64, torch.float16]))
    return scores, mask.to(dtype), threshold


@check("Exercise 1, Prune by threshold")
def threshold_mask(answer: Callable) -> None:
    """``threshold_mask(scores, default_mask, threshold) -> mask`` in the dtype of default_mask."""

    def rule(*, size=torch.abs, above=torch.gt, combine=torch.mul, dtype=None, turned=False):
        def mask(scores, default_mask, threshold):
            large = above(size(scores), threshold).to(default_mask.dtype)
            new = combine(default_mask, 1 - large if turned else large)
            return new.to(dtype(scores) if dtype else default_mask.dtype)

        return mask

    right = rule()
    wrong = {
        "You ignore default_mask: a weight that was pruned before comes back when its score is large.": rule(
            combine=lambda old, new: new
        ),
        "You keep what either mask keeps, so pruned weights come back. A weight stays if both keep it: multiply.": rule(
            combine=torch.maximum
        ),
        "You add the two masks: where both are 1 that gives 2. A weight stays where both are 1: multiply them.": rule(
            combine=torch.add
        ),
        "You ignore default_mask, and compare the score with its sign: pruned weights come back, and large negative "
        "scores are pruned.": rule(combine=lambda old, new: new, size=lambda scores: scores),
        "You compare the score with its sign: large negative ones are pruned. Take the absolute value.": rule(
            size=lambda scores: scores
        ),
        "You round the scores to the dtype of default_mask before you compare. Compare first, then bring True and False "
        "to that dtype.": lambda scores, default_mask, threshold: right(
            scores.to(default_mask.dtype), default_mask, threshold
        ),
        "A score equal to the threshold is not above it: use >.": rule(above=torch.ge),
        "Your mask marks what to prune. In PyTorch a 1 stays and a 0 is pruned.": lambda *args: 1 - right(*args),
        "You keep the small scores and prune the large ones. Turn the comparison round.": rule(above=torch.lt),
        "You prune nothing: your mask is default_mask.": rule(combine=lambda old, new: old),
        "Your mask has the numbers that are wanted, but holds True and False. Bring it to the dtype of "
        "default_mask.": rule(dtype=lambda scores: torch.bool),
        "Your mask has the numbers that are wanted, but is float32, as the scores are. Bring it to the dtype of "
        "default_mask, which may be another.": rule(dtype=lambda scores: scores.dtype),
        "Your mask has the numbers that are wanted, but is float32 where default_mask is float16: a product takes the wider "
        "of two dtypes. Bring it to the dtype of default_mask.": lambda scores, default_mask, threshold: (
            default_mask * (scores.abs() > threshold).float()
        ),
        "Your mask has the numbers that are wanted, but holds whole numbers. Bring it to the dtype of "
        "default_mask.": rule(dtype=lambda scores: torch.int64),
        "Your mask has the numbers that are wanted, but is float64, also where default_mask is not.": rule(
            dtype=lambda scores: torch.float64
        ),
    }
    half = torch.tensor([1.0, 1, 0, 1])
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("scores", "default_mask", "threshold"),
        edges=[
            (torch.tensor([0.5, -0.5, 0.75, 0.25]), half, 0.5),
            (torch.tensor([1.0, -1, 2, 0]), half.half(), 0.0),
            (torch.tensor([[[[-2.0, 1], [2, 0]]]]), half.reshape(1, 1, 2, 2), 1.0),
            (torch.tensor([1.0001, -1.0001, 2, -2]), half.half(), 1.0),
            (torch.tensor([1.0, 1.0]), torch.tensor([1.0, 1.0]), 0.5),  # the first two are 1 in float16
        ],
        inputs=_with_threshold(),
        view=_typed_mask,
    )


# ---- exercise 2 --------------------------------------------------------------------------------------


@st.composite
def _with_amount(draw: Callable) -> tuple:
    """(scores, default_mask, amount): no two sizes are equal where a weight is left; amounts are exact, with halves.

    Some scores are large, so that no number but infinity stands behind all of them.
    """
    shape = draw(shapes(dims=(1, 2, 3), most=3).filter(lambda shape: torch.Size(shape).numel() <= 12))
    mask = draw(masks(shape))
    count = mask.numel()
    sizes = torch.tensor(draw(st.permutations(range(1, count + 1))), dtype=torch.float32).reshape(shape)
    scores = sizes * draw(tensors(shape, st.sampled_from([1.0, -1.0]))) * draw(st.sampled_from([1.0, 1.0, 1.0, 4e9]))
    anything = draw(st.sampled_from([None, 0.0, 100.0]))
    if anything is not None:
        scores = scores.masked_fill(mask == 0, anything)
    return scores, mask, draw(numbers(0, 1))


@check("Exercise 2, On top of an existing mask")
def combined_mask(answer: Callable) -> None:
    """``combined_mask(scores, default_mask, amount) -> mask``; amount counts what is left."""

    def of_left(whole):
        return lambda a, left, n: whole(a * left)

    nearest = of_left(round)

    def rule(*, size=torch.abs, count=nearest, among="left", respect=True, largest=False):
        def mask(scores, default_mask, amount):
            left, n = int(default_mask.sum()), default_mask.numel()
            k = max(0, min(count(amount, left, n), left if among == "left" else n))
            ranked = -size(scores) if largest else size(scores)
            if among != "all":
                ranked = ranked.masked_fill(default_mask == 0, torch.inf if among == "left" else -torch.inf)
            new = default_mask.clone() if respect else torch.ones_like(default_mask)
            new.view(-1)[ranked.flatten().argsort()[:k]] = 0
            return new

        return mask

    def of_all(a, left, n):
        return round(a * n)

    def gone_as(number):
        """What is pruned already gets a number for a score, and not infinity."""
        return lambda scores, default_mask, amount: rule(among="all")(
            scores.masked_fill(default_mask == 0, number), default_mask, amount
        )

    def each_row(scores, default_mask, amount):
        if scores.dim() < 2:
            return rule()(scores, default_mask, amount)
        return torch.stack([each_row(*row, amount) for row in zip(scores, default_mask, strict=True)])

    def places_among_left(scores, default_mask, amount):
        left = scores[default_mask == 1].abs()
        new = default_mask.clone()
        new.view(-1)[left.argsort()[: round(amount * len(left))]] = 0
        return new

    def argsort_as_rank(scores, default_mask, amount):
        order = scores.abs().masked_fill(default_mask == 0, torch.inf).flatten().argsort(stable=True)
        return default_mask * (order >= round(amount * int(default_mask.sum()))).reshape(default_mask.shape)

    mistakes = {
        "Your amount counts all weights. It is a fraction of those that are still there: default_mask.sum().": {
            "count": of_all
        },
        "You take the amount as the share of zeros in the end. It is the fraction of what is left that goes now.": {
            "count": lambda a, left, n: round(a * n) - (n - left)
        },
        "You choose among all weights, so some of the chosen are pruned already and too few go. Choose among those "
        "that are left.": {"among": "all"},
        "The weights that are pruned already come first in your ranking, as the smallest, and too few others go. They "
        "must come last.": {"among": "gone first"},
        "You count all weights and choose among all of them. Only those that are still there count, and can go.": {
            "among": "all",
            "count": of_all,
        },
        "Pruned weights come back: all that your mask prunes is what was chosen now. What default_mask prunes stays "
        "pruned.": {"respect": False},
        "Your mask is the one for weights of which none is pruned: pruned ones come back. default_mask is to count.": {
            "respect": False,
            "among": "all",
            "count": of_all,
        },
        "You rank the scores with their sign. Small means near 0: take the absolute value.": {
            "size": lambda scores: scores
        },
        "You prune the largest scores. The smallest go.": {"largest": True},
        "You cut the number off. round() gives the nearest whole number.": {"count": of_left(int)},
        "You round the number up. round() gives the nearest whole number.": {"count": of_left(lambda k: -int(-k // 1))},
        "You round exact halves up. Python's round() goes to the even neighbour: round(2.5) is 2.": {
            "count": of_left(lambda k: int(k + 0.5))
        },
        "You round the number that stays. Round the number that goes: the two differ at exact halves.": {
            "count": lambda a, left, n: left - round((1 - a) * left)
        },
        "You prune one weight too few.": {"count": of_left(lambda k: round(k) - 1)},
        "You prune one weight too many.": {"count": of_left(lambda k: round(k) + 1)},
        "You keep the fraction `amount`. It is the fraction to prune.": {
            "count": lambda a, left, n: left - round(a * left)
        },
    }
    gone = torch.tensor([float("nan"), torch.inf, 2, 1])
    compare(
        answer,
        right=rule(),
        wrong={
            **{hint: rule(**mistake) for hint, mistake in mistakes.items()},
            "You prune nothing: your mask is default_mask.": lambda scores, default_mask, amount: default_mask,
            "You compare the scores with the amount itself. It is a fraction of the number of weights.": (
                lambda scores, default_mask, amount: default_mask * (scores.abs() > amount)
            ),
            "Your mask marks what to prune. In PyTorch a 1 stays and a 0 is pruned.": lambda *args: 1 - rule()(*args),
            "You prune the fraction in each row by itself. It is a fraction of all weights that are still there.": (
                each_row,
                lambda scores, default_mask, amount: (
                    torch.stack([rule()(*row, amount) for row in zip(scores, default_mask, strict=True)])
                    if scores.dim() > 1
                    else rule()(scores, default_mask, amount)
                ),
            ),
            "You compare what argsort gives with a number of weights. It lists places in the order of size, and not the rank of "
            "each place: the first so many of its numbers are the places that go.": argsort_as_rank,
            "You take places among the weights that are left for places in the whole mask. Where a weight is gone, those "
            "behind it have other places.": places_among_left,
            "You give pruned weights a large number for a score, and a score can be larger still. Infinity stands behind all "
            "of them.": (gone_as(1e3), gone_as(1e9)),
        },
        names=("scores", "default_mask", "amount"),
        edges=[
            (torch.tensor([5.0, -4, 3, 2, 1, 0.5]), torch.tensor([1.0, 1, 1, 1, 0, 0]), 0.5),
            (torch.tensor([0.5, -1, 2, -3, 4, 5]), torch.tensor([1.0, 1, 1, 0, 0, 0]), 1 / 3),
            (gone, torch.tensor([0.0, 0, 1, 1]), 0.5),  # scores of pruned weights may be anything
            (torch.tensor([3.0, 1, 2]), torch.zeros(3), 1.0),
            (torch.tensor([2.0, 1]), torch.ones(2), 0.25),  # a half
            (torch.tensor([1.0, -2, 3, 4, 5, 6]), torch.ones(6), 0.75),  # and one above 4
            (torch.tensor([1.0, -2e10, 4e10]), torch.tensor([0.0, 1, 1]), 0.5),
            (
                torch.tensor([3.0, 1.0, 2.0, 4.0]),
                torch.tensor([1.0, 1.0, 1.0, 1.0]),
                0.5,
            ),  # larger than what one takes for large
        ],
        inputs=_with_amount(),
        view=_as_mask,
    )


# ---- exercise 3 --------------------------------------------------------------------------------------


def _method(text: str, *, revives: bool) -> Callable:
    """A method from its expression, which is also what a learner sees of it and can type."""
    source = f"lambda scores, default_mask: {text}"
    method = eval(source, {"torch": torch})
    method.__name__, method.revives = source, revives
    return method


FAULTY = (
    "torch.ones_like(default_mask)",
    "(default_mask == 0).float()",
    "(scores.abs() > {t}).float()",
    "(scores.abs() < {t}).float()",
    "(scores > {t}).float()",
    "(scores < -{t}).float()",
    "torch.maximum(default_mask, (scores.abs() > {t}).float())",
    "(scores.abs() >= scores.abs().median()).float()",
    "default_mask.flip(0)",  # as many ones as before, in other rows
    "default_mask.roll(1, dims=1)",
    "default_mask.amax(1, keepdim=True) * torch.maximum(default_mask, (scores.abs() > {t}).float())",  # a row's holes
    "default_mask.amax(0, keepdim=True) * torch.maximum(default_mask, (scores.abs() > {t}).float())",
)
FINE = (
    "default_mask",
    "torch.zeros_like(default_mask)",
    "default_mask * (scores.abs() > {t})",
    "default_mask * (scores < {t})",
    "default_mask * (scores.abs().sum(1, keepdim=True) > scores.abs().sum(1).mean())",
    "default_mask * (scores.abs() >= scores.abs().median())",
)
EVERY = [
    _method(text.format(t=t), revives=revives)
    for t in (1.0, 0.5, 1.5)
    for texts, revives in ((FAULTY, True), (FINE, False))
    for text in texts
    if "{t}" in text or t == 1.0
]


@check("Exercise 3, A test that catches")
def never_revives(answer: Callable) -> None:
    """``never_revives(method) -> bool``, tried on right methods and faulty ones."""
    generator = torch.Generator().manual_seed(3)
    scores, some = 6 * torch.rand(8, 8, generator=generator) - 3, torch.rand(8, 8, generator=generator).round()
    rows = torch.tensor([1.0, 0]).repeat(4).reshape(8, 1).expand(8, 8)

    def rule(*, before=some, shown=scores, fine=lambda new, old: not (new > old).any()):
        return lambda method: bool(fine(method(shown.clone(), before.clone()), before))

    def often(fine):
        """The same in more than one situation."""
        drawn = [
            (3 * torch.randn(8, 8, generator=generator), torch.rand(8, 8, generator=generator).round())
            for _ in range(30)
        ]
        return lambda method: all(rule(before=old, shown=seen, fine=fine)(method) for seen, old in drawn)

    def on_its_own_mask(method):
        own = method(scores.clone(), torch.ones(8, 8)).float()
        return rule(before=own)(method)

    wrong = {
        "Your answer is True for every method, also for faulty ones. Do your masks have holes, and do you look at each "
        "weight there?": lambda method: True,
        "Your answer is False for every method, also for right ones. Only a 0 that becomes 1 is a fault.": (
            lambda method: False
        ),
        "You let methods pass that bring a pruned weight back only where its score is large. Are there large scores "
        "at pruned weights in your situations?": rule(shown=scores * some),
        "You let methods pass that bring a weight back only where its score is negative. Take scores of both signs.": (
            rule(shown=scores.abs())
        ),
        "You let methods pass that bring a weight back only where its score is positive. Take scores of both signs.": (
            rule(shown=-scores.abs())
        ),
        "You let methods pass that bring weights back and prune as many or more for it. Compare weight by weight, not "
        "the numbers of ones.": (
            rule(fine=lambda new, old: new.sum() <= old.sum()),
            often(lambda new, old: new.sum() <= old.sum()),
            often(lambda new, old: not (new.sum(1) > old.sum(1)).any()),
        ),
        "You look at the weights that were left. A fault shows at those that were pruned: where default_mask is 0.": rule(
            fine=lambda new, old: not (new < old).any()
        ),
        "Your masks come from the method itself, so it sees no holes but its own. Make masks that prune other weights.": (
            on_its_own_mask
        ),
        "You let methods pass that go by the size of a score: all of yours have the same one. Take small and large "
        "scores.": (rule(shown=torch.ones(8, 8)), rule(shown=-torch.ones(8, 8))),
        "You see a fault only where every pruned weight comes back. One is enough: any(), not all().": rule(
            fine=lambda new, old: not (new[old == 0] == 1).all()
        ),
        "You want as many ones as before. Pruning more is right, a swap is a fault: compare weight by weight.": (
            rule(fine=lambda new, old: new.sum() == old.sum())
        ),
        "You let methods pass that bring a weight back only where others are left. Try masks that prune some weights, "
        "not all.": rule(before=torch.zeros(8, 8)),
        "You let methods pass that bring a weight back only in a row that is pruned in part. Try masks with such "
        "rows.": rule(before=rows),
        "You let methods pass that bring a weight back only in a column that is pruned in part. Try masks with such "
        "columns.": rule(before=rows.T),
        "You demand that the mask stays the same. A method may prune more: only a 0 that becomes 1 is a fault.": rule(
            fine=torch.equal
        ),
        "You have True and False the wrong way round: True means that nothing came back.": rule(
            fine=lambda new, old: (new > old).any()
        ),
    }

    def truth(value: object, _: Callable) -> object:
        if not (same(True, value) or same(False, value)):
            raise Mistake("Your function returned neither True nor False.", "Return one truth value.")
        return value

    compare(
        answer,
        right=lambda method: not method.revives,
        wrong=wrong,
        names=("method",),
        edges=[(method,) for method in EVERY],
        inputs=st.sampled_from(EVERY).map(lambda method: (method,)),
        view=truth,
    )

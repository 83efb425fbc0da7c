"""Checks of the lesson `own_method`, writing a pruning method."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hypothesis import strategies as st

from course_utils.exercises.calls import run
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


@check(
    "Exercise 1, Prune by threshold",
    why="A product of two masks is 1 only where both are: what was pruned stays pruned, whatever its score. A global method "
    "must do that itself, because PyTorch hands it all scores.",
)
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
        "You keep the small scores and prune the large ones. Turn the comparison round.": (
            rule(above=torch.lt),
            rule(above=torch.le),
        ),
        "You keep scores above −threshold: small ones then stay, and large negative ones go. Take the absolute value.": rule(
            size=lambda scores: scores, above=lambda scores, threshold: scores > -threshold
        ),
        "You compare the square of the score. The threshold is for its absolute value.": rule(size=torch.square),
        "You take the threshold for a share of the weights. It is a bound for the score itself.": (
            lambda scores, default_mask, threshold: right(scores, default_mask, scores.abs().quantile(threshold)),
            lambda scores, default_mask, threshold: right(
                scores, default_mask, scores.abs().quantile(min(1, threshold))
            ),
        ),
        "You multiply the threshold by the largest score. It is a bound as it is.": lambda scores, default_mask, threshold: (
            right(scores, default_mask, threshold * scores.abs().max())
        ),
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
        "Your mask has the numbers that are wanted, but is float16, also where default_mask is not.": rule(
            dtype=lambda scores: torch.float16
        ),
    }
    half = torch.tensor([1.0, 1, 0, 1])
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("scores", "default_mask", "threshold"),
        edges=[
            (torch.ones(2), torch.ones(2), 0.5),
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


@check(
    "Exercise 2, On top of an existing mask",
    why="Infinity puts the weights that are gone behind all others, whatever their scores, so only what is still there can be "
    "chosen. The old mask, copied, keeps the rest of its zeros.",
)
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

    def in_parts(dim):
        def mask(scores, default_mask, amount):
            if scores.dim() < 2:
                return rule()(scores, default_mask, amount)
            parts = zip(scores.unbind(dim), default_mask.unbind(dim), strict=True)
            return torch.stack([rule()(*part, amount) for part in parts], dim)

        return mask

    def number_before_the_first(scores, default_mask, amount):
        left = scores[default_mask == 1].abs().sort().values
        return default_mask * (scores.abs() > left[round(amount * len(left)) - 1])

    def all_where_none(scores, default_mask, amount):
        goes = round(amount * int(default_mask.sum()))
        return rule()(scores, default_mask, amount) if goes else torch.zeros_like(default_mask)

    def by_quantile(stays, among=lambda scores, default_mask: scores[default_mask == 1]):
        def mask(scores, default_mask, amount):
            bound = among(scores, default_mask).abs().quantile(amount)
            return default_mask * stays(scores.abs(), bound)

        return mask

    def largest_of_all(scores, default_mask, amount):
        left = int(default_mask.sum())
        new = torch.zeros_like(default_mask)
        new.view(-1)[scores.abs().flatten().topk(left - round(amount * left)).indices] = 1
        return new

    def by_share_of_largest(scores, default_mask, amount):
        return default_mask * (scores.abs() > amount * (scores * default_mask).abs().max())

    def of_rows(scores, default_mask, amount):
        return rule(count=lambda a, left, n: round(a * len(scores)))(scores, default_mask, amount)

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
        "You prune at least one weight. Where round(amount · number still there) is 0, nothing is to go.": {
            "count": of_left(lambda k: max(1, round(k)))
        },
        "You leave at least one weight. Where the amount is 1, all go.": {
            "count": lambda a, left, n: min(left - 1, round(a * left))
        },
        "Your amount counts the weights that are pruned already. It is a fraction of those that are still there.": {
            "count": lambda a, left, n: round(a * (n - left))
        },
        "You prune the first weights that are still there, whatever their scores. The smallest |score| goes.": {
            "size": torch.ones_like
        },
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
            "You prune nothing: your mask is default_mask, or all ones.": (
                lambda scores, default_mask, amount: default_mask,
                lambda scores, default_mask, amount: torch.ones_like(default_mask),
            ),
            "You compare the scores with a fraction of the largest one. The amount is a fraction of the number of weights.": (
                by_share_of_largest
            ),
            "Your mask marks what to prune. In PyTorch a 1 stays and a 0 is pruned.": (
                lambda *args: 1 - rule()(*args),
                lambda scores, default_mask, amount: default_mask - rule()(scores, default_mask, amount),
            ),
            "You prune the fraction in each row by itself. It is a fraction of all weights that are still there.": (
                each_row,
                in_parts(0),
            ),
            "You prune the fraction in each column by itself. It is a fraction of all weights that are still there.": (
                in_parts(1)
            ),
            "Your amount counts rows, which is what len() of a tensor gives. Count the ones of default_mask.": of_rows,
            "Where the number to prune is 0 you prune everything: number −1 of a sorted tensor is its largest. Then nothing is "
            "to go.": (number_before_the_first, all_where_none),
            "You cut by a quantile. It lies between two scores or on one of them, so the number that goes is not always the "
            "rounded one: cut by index.": (
                by_quantile(torch.gt),
                by_quantile(torch.ge),
                by_quantile(torch.gt, lambda scores, default_mask: scores),
            ),
            "You keep the largest scores of all weights, so pruned ones come back. Choose among those that are left.": (
                largest_of_all
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
            (torch.tensor([3.0, 1, 2, 4]), torch.ones(4), 0.5),
            (torch.tensor([1.0001, -1]), torch.ones(2), 0.5),  # alike in half precision
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


def _method(text: str, number: int) -> Callable:
    """A method from its expression, which is also what a learner sees of it and can type; `number` says what it does."""
    source = f"lambda scores, default_mask: {text}"
    method = eval(source, {"torch": torch})
    method.__name__, method.number = source, number
    return method


# Which weights a faulty method brings back, what to do where it slips through, and methods that do that.
FAULTY = (
    (
        "and prune as many others, or more",
        "A count of the ones does not see a swap: compare weight by weight.",
        (
            "default_mask.flip(0)",
            "default_mask.roll(1, dims=1)",
            "default_mask.roll(1, dims=0) * (scores.abs() > {t})",
        ),
    ),
    (
        "wherever one is pruned",
        "Are weights pruned in your masks, and do you look at each of them?",
        ("torch.ones_like(default_mask)", "(default_mask == 0).float()"),
    ),
    (
        "because they do not look at default_mask",
        "Make masks of your own, which do not come from the method, and put large and small scores at pruned weights.",
        ("(scores.abs() > {t}).float()", "(scores.abs() < {t}).float()"),
    ),
    (
        "only where their score is positive",
        "Put large scores of both signs at pruned weights.",
        ("torch.maximum(default_mask, (scores > {t}).float())",),
    ),
    (
        "only where their score is negative",
        "Put large scores of both signs at pruned weights.",
        ("torch.maximum(default_mask, (scores < -{t}).float())", "(scores < -{t}).float()"),
    ),
    (
        "only where their score is large",
        "Put large scores at pruned weights.",
        ("torch.maximum(default_mask, (scores.abs() > {t}).float())",),
    ),
    (
        "only where their score is small",
        "Put small scores at pruned weights, too.",
        ("torch.maximum(default_mask, (scores.abs() < {t}).float())",),
    ),
    (
        "only in a row that is pruned in part",
        "Try masks with such rows.",
        ("default_mask.amax(1, keepdim=True) * torch.maximum(default_mask, (scores.abs() > {t}).float())",),
    ),
    (
        "only in a column that is pruned in part",
        "Try masks with such columns.",
        ("default_mask.amax(0, keepdim=True) * torch.maximum(default_mask, (scores.abs() > {t}).float())",),
    ),
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
    _method(text.format(t=t), number)
    for t in (1.0, 0.5, 1.5)
    for number, texts in [*((number, texts) for number, (*_, texts) in enumerate(FAULTY)), (-1, FINE)]
    for text in texts
    if "{t}" in text or t == 1.0
]


def _what_slips_through(answer: Callable) -> dict[str, Callable]:
    """What the faulty methods do that an answer lets pass, as a mistake that gives what the answer gave; or nothing."""
    said = {}
    for method in EVERY:
        try:
            said[method.__name__] = bool(run(answer, (method,)))
        except Exception:  # `compare` tells that
            return {}
    passed = sorted({method.number for method in EVERY if method.number >= 0 and said[method.__name__]})
    if not 0 < len(passed) < len(FAULTY):
        return {}
    weights = ", or ".join(FAULTY[number][0] for number in passed[:3])
    advice = " ".join(dict.fromkeys(FAULTY[number][1] for number in passed[:3]))
    return {f"You let methods pass that bring weights back {weights}. {advice}": lambda method: said[method.__name__]}


@check(
    "Exercise 3, A test that catches",
    why="A fault shows only in a situation that tempts it, so the situations are varied: masks with holes anywhere, scores of "
    "both signs and all sizes. A comparison weight by weight sees each 0 that becomes a 1.",
)
def never_revives(answer: Callable) -> None:
    """``never_revives(method) -> bool``, tried on right methods and faulty ones."""
    generator = torch.Generator().manual_seed(3)

    def situations(count):
        return [
            (6 * torch.rand(8, 8, generator=generator) - 3, torch.rand(8, 8, generator=generator).round())
            for _ in range(count)
        ]

    few, many = situations(1), situations(20)

    def rule(fine, tried=many):
        """True where what the method gives is `fine` in all situations."""
        return lambda method: all(bool(fine(method(seen.clone(), old.clone()), old)) for seen, old in tried)

    def in_one_and_in_many(fine):
        return rule(fine, few), rule(fine)

    wrong = {
        "Your answer is True for every method, also for faulty ones. Do your masks have holes, which do not come from the "
        "method itself, and do you look at each weight there?": lambda method: True,
        "Your answer is False for every method, also for right ones. Only a 0 that becomes 1 is a fault.": (
            lambda method: False
        ),
        "You count ones, or ones of each row or column. A method that prunes as many weights as it brings back slips "
        "through: compare weight by weight.": (
            *in_one_and_in_many(lambda new, old: new.sum() <= old.sum()),
            *in_one_and_in_many(lambda new, old: (new.sum(1) <= old.sum(1)).all()),
            *in_one_and_in_many(lambda new, old: (new.sum(0) <= old.sum(0)).all()),
        ),
        "You look at the weights that were left. A fault shows at those that were pruned: where default_mask is 0.": (
            in_one_and_in_many(lambda new, old: not (new < old).any())
        ),
        "You see a fault only where every pruned weight comes back. One is enough: any(), not all().": in_one_and_in_many(
            lambda new, old: not (new[old == 0] == 1).all()
        ),
        "You want as many ones as before. Pruning more is right, a swap is a fault: compare weight by weight.": (
            in_one_and_in_many(lambda new, old: new.sum() == old.sum())
        ),
        "You demand that the mask stays the same. A method may prune more: only a 0 that becomes 1 is a fault.": (
            in_one_and_in_many(torch.equal)
        ),
        "You have True and False the wrong way round: True means that nothing came back.": in_one_and_in_many(
            lambda new, old: (new > old).any()
        ),
    }

    def truth(value: object, _: Callable) -> object:
        if not (same(True, value) or same(False, value)):
            raise Mistake("Your function returned neither True nor False.", "Return one truth value.")
        return value

    compare(
        answer,
        right=lambda method: method.number < 0,
        wrong=wrong | _what_slips_through(answer),
        names=("method",),
        edges=[(method,) for method in EVERY],
        inputs=st.sampled_from(EVERY).map(lambda method: (method,)),
        view=truth,
    )

"""Checks of the lesson `own_method`, writing a pruning method."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course_utils.exercises.core import Mistake, check, run, try_cases


def _grid(rows: int, columns: int, seed: int) -> torch.Tensor:
    """Numbers from -3 to 3, no two of the same size, in a random order."""
    generator = torch.Generator().manual_seed(seed)
    n = rows * columns
    sizes = 3 * (torch.randperm(n, generator=generator) + 1) / n
    signs = torch.randint(0, 2, (n,), generator=generator) * 2 - 1
    return (sizes * signs).view(rows, columns)


def _mask(rows: int, columns: int, seed: int) -> torch.Tensor:
    """About half ones."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(rows, columns, generator=generator) > 0.5).float()


@check("Exercise 1, Prune by threshold")
def threshold_mask(answer: Callable) -> None:
    """``threshold_mask(scores, default_mask, threshold) -> mask`` in the dtype of default_mask."""

    def rule(*, size=torch.abs, above=torch.gt, combine=torch.mul, scale=False):
        def mask(scores, default_mask, threshold):
            new = combine(default_mask, above(size(scores), threshold).to(default_mask.dtype))
            return scores * new if scale else new

        return mask

    right = rule()
    wrong = {
        "You ignore default_mask: a weight that was pruned before comes back when its score is large.": rule(
            combine=lambda old, new: new
        ),
        "You keep what either mask keeps, so pruned weights come back. A weight stays if both keep it: multiply.": rule(
            combine=torch.maximum
        ),
        "You add the masks: where both keep a weight that gives 2. Multiply them.": rule(combine=torch.add),
        "You compare the score with its sign: large negative ones are pruned. Take the absolute value.": rule(
            size=lambda scores: scores
        ),
        "A score equal to the threshold is not above it: use >.": rule(above=torch.ge),
        "You return the scores that are left. Wanted is the mask, zeros and ones; PyTorch does the multiplication.": rule(
            scale=True
        ),
        "Your mask marks what to prune. In PyTorch a 1 stays and a 0 is pruned.": lambda scores, old, threshold: (
            1 - right(scores, old, threshold)
        ),
        "You keep the small scores and prune the large ones. Turn the comparison round.": rule(above=torch.le),
    }
    cases = [
        (torch.tensor([[0.5, -0.75, 0.125], [2.0, -0.25, 0.625]]), torch.tensor([[1.0, 1, 1], [0, 1, 0]]), 0.375),
        (torch.tensor([0.5, -0.5, 0.75, 0.25]), torch.tensor([1.0, 1, 0, 1]), 0.5),
        (_grid(3, 4, 1), _mask(3, 4, 2), 1.2),
        (torch.ones(2), torch.zeros(2), 0.5),
        (torch.tensor([1.0, 1.0]), torch.ones(2), 0.5),
    ]
    names = ("scores", "default_mask", "threshold")
    try_cases(answer, right=right, wrong=wrong, names=names, cases=cases)
    got = run(answer, cases[0], names)
    if not isinstance(got, torch.Tensor):
        raise Mistake(f"Your mask is a {type(got).__name__}.", "PyTorch stores a mask as a tensor: return one.")
    if got.dtype != cases[0][1].dtype:
        raise Mistake(
            f"The numbers are right, but your mask has the dtype {got.dtype}, expected {cases[0][1].dtype}.",
            "A mask has the type of default_mask: .to(default_mask.dtype).",
        )


@check("Exercise 2, On top of an existing mask")
def combined_mask(answer: Callable) -> None:
    """``combined_mask(scores, default_mask, amount) -> mask``; amount counts what is left."""

    def rule(*, size=torch.abs, count=None, among="left", respect=True, largest=False):
        def mask(scores, default_mask, amount):
            left, n = int(default_mask.sum()), default_mask.numel()
            k = (count or (lambda a, left, n: round(a * left)))(amount, left, n)
            k = max(0, min(k, left if among == "left" else n))
            ranked = size(scores)
            if largest:
                ranked = -ranked
            if among == "left":
                ranked = ranked.masked_fill(default_mask == 0, torch.inf)
            new = default_mask.clone() if respect else torch.ones_like(default_mask)
            new.view(-1)[ranked.flatten().argsort()[:k]] = 0
            return new

        return mask

    mistakes = {
        "Your amount counts all weights. It is a fraction of those that are still there: default_mask.sum().": {
            "count": lambda a, left, n: round(a * n)
        },
        "You take the amount as the share of zeros in the end. It is the fraction of what is left that goes now.": {
            "count": lambda a, left, n: round(a * n) - (n - left)
        },
        "You choose among all weights, so some of the chosen are pruned already and too few go. "
        "Give those an infinite score first.": {"among": "all"},
        "You count all weights and choose among all of them. Only those that are still there count, and can go.": {
            "among": "all",
            "count": lambda a, left, n: round(a * n),
        },
        "Pruned weights come back: start from a copy of default_mask, not from ones.": {"respect": False},
        "You make a new mask for all weights and forget default_mask: pruned weights come back.": {
            "respect": False,
            "among": "all",
            "count": lambda a, left, n: round(a * n),
        },
        "Pruned weights come back, and some of the chosen were pruned already. Start from a copy of default_mask, "
        "and choose among what is left.": {"respect": False, "among": "all"},
        "You rank the scores with their sign. Small means near 0: take the absolute value.": {
            "size": lambda scores: scores
        },
        "You prune the largest scores. The smallest go.": {"largest": True},
        "You cut the number off. round() gives the nearest whole number.": {"count": lambda a, left, n: int(a * left)},
        "You keep the fraction `amount`. It is the fraction to prune.": {
            "count": lambda a, left, n: left - round(a * left)
        },
    }
    cases = [
        (torch.tensor([5.0, -4, 3, 2, 1, 0.5]), torch.tensor([1.0, 1, 1, 1, 0, 0]), 0.5),
        (torch.tensor([0.5, -1, 2, -3, 4, 5]), torch.tensor([1.0, 1, 1, 0, 0, 0]), 1 / 3),
        (_grid(3, 4, 3), _mask(3, 4, 4), 0.5),
        (_grid(4, 4, 5), _mask(4, 4, 6), 0.34),
        (_grid(2, 8, 7), _mask(2, 8, 8), 0.2),
        (_grid(2, 5, 9), torch.ones(2, 5), 0.28),
        (_grid(2, 2, 10), torch.zeros(2, 2), 0.5),
        (torch.tensor([3.0, 1.0, 2.0, 4.0]), torch.ones(4), 0.5),
    ]
    try_cases(
        answer,
        right=rule(),
        wrong={hint: rule(**mistake) for hint, mistake in mistakes.items()},
        names=("scores", "default_mask", "amount"),
        cases=cases,
    )


@check("Exercise 3, The movement score")
def movement_scores(answer: Callable) -> None:
    """``movement_scores(weights, gradients) -> scores``, two lists with a tensor a step."""

    def products(weights, gradients):
        return torch.stack([w * g for w, g in zip(weights, gradients, strict=True)])

    def rule(join):
        return lambda weights, gradients: join(
            torch.stack(weights), torch.stack(gradients), products(weights, gradients)
        )

    wrong = {
        "The sign is wrong: a step goes against the gradient, so moving away from 0 means w · g below 0.": rule(
            lambda w, g, wg: wg.sum(0)
        ),
        "You take the absolute value of the sum. The sign tells away from 0 and towards it apart: keep it.": rule(
            lambda w, g, wg: wg.sum(0).abs()
        ),
        "You add up absolute values. Steps to and fro must cancel.": rule(lambda w, g, wg: wg.abs().sum(0)),
        "You square the products: that is the Taylor score, which has no sign.": rule(
            lambda w, g, wg: wg.square().sum(0)
        ),
        "You use the last step only. Add up all of them.": rule(lambda w, g, wg: -wg[-1]),
        "You use the first step only. Add up all of them.": rule(lambda w, g, wg: -wg[0]),
        "You multiply the summed gradients by the last weights. Each step has weights of its own.": rule(
            lambda w, g, wg: -w[-1] * g.sum(0)
        ),
        "You multiply the summed gradients by the first weights. Each step has weights of its own.": rule(
            lambda w, g, wg: -w[0] * g.sum(0)
        ),
        "You add up first and multiply then. Multiply step by step.": rule(lambda w, g, wg: -w.sum(0) * g.sum(0)),
        "You left out the weights: a negative weight moves away from 0 when its gradient is positive.": rule(
            lambda w, g, wg: -g.sum(0)
        ),
        "You take the mean over the steps. The score is the sum.": rule(lambda w, g, wg: -wg.mean(0)),
        "You add up over the weights too. Each weight has a score of its own.": rule(lambda w, g, wg: -wg.sum()),
    }
    cases = [
        (
            [torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.75, -2.5, 0.25])],
            [torch.tensor([0.25, 0.5, -1.0]), torch.tensor([-0.5, 0.25, 2.5])],
        ),
        ([_grid(2, 3, s) for s in (11, 12, 13)], [_grid(2, 3, s) for s in (14, 15, 16)]),
        ([torch.tensor([[2.0, -1.0]])], [torch.tensor([[0.5, 0.5]])]),
        ([torch.zeros(2)], [torch.zeros(2)]),
    ]
    try_cases(
        answer,
        right=rule(lambda w, g, wg: -wg.sum(0)),
        wrong=wrong,
        names=("weights", "gradients"),
        cases=cases,
        atol=1e-6,
    )


# ---- methods for the exercise on testing; a name says what the method does ---------------------------


def above_1_and_kept_before(scores, default_mask):
    return default_mask * (scores.abs() > 1).to(default_mask.dtype)


def smaller_half_of_what_is_left(scores, default_mask):
    ranked = scores.abs().masked_fill(default_mask == 0, torch.inf).flatten()
    mask = default_mask.clone()
    mask.view(-1)[ranked.argsort()[: int(default_mask.sum()) // 2]] = 0
    return mask


def above_1_alone(scores, default_mask):
    return (scores.abs() > 1).to(default_mask.dtype)


def ones_everywhere(scores, default_mask):
    return torch.ones_like(default_mask)


def swaps_small_for_large(scores, default_mask):
    """As many ones as before, at the largest scores of all."""
    mask = torch.zeros_like(default_mask)
    mask.view(-1)[scores.abs().flatten().argsort(descending=True)[: int(default_mask.sum())]] = 1
    return mask


def revives_in_rows_that_are_left(scores, default_mask):
    """What a structured method does that forgets the holes in its rows."""
    some_left = (default_mask.sum(-1, keepdim=True) > 0).to(default_mask.dtype)
    return some_left * torch.maximum(default_mask, (scores.abs() > 1).to(default_mask.dtype))


def prunes_nothing(scores, default_mask):
    return default_mask


@check("Exercise 4, A test that catches")
def never_revives(answer: Callable) -> None:
    """``never_revives(method) -> bool``, tried on right methods and faulty ones."""
    scores, some = _grid(8, 8, 17), _mask(8, 8, 18)
    ones, none = torch.ones(8, 8), torch.zeros(8, 8)

    def rule(before=some, shown=scores, verdict=lambda new, old: not (new > old).any()):
        return lambda method: bool(verdict(method(shown, before.clone()), before))

    wrong = {
        "You try a mask of ones only: nothing is pruned, so nothing can come back. Try masks with holes.": rule(ones),
        "The scores of your pruned weights are 0. With importance_scores they can be large: do not multiply them.": rule(
            shown=scores * some
        ),
        "You compare the number of ones. A method that revives one weight and prunes another has the same number: "
        "compare weight by weight.": rule(verdict=lambda new, old: new.sum() <= old.sum()),
        "In your situations everything is pruned. Some faults show only in rows that are pruned in part.": rule(none),
        "You demand that the mask stays the same. A method may prune more: only a 0 that becomes 1 is a fault.": rule(
            verdict=lambda new, old: torch.equal(new, old)
        ),
        "You demand that something is pruned. That is another rule; here only a 0 that becomes 1 is a fault.": rule(
            verdict=lambda new, old: not (new > old).any() and not torch.equal(new, old)
        ),
        "You have True and False the wrong way round: True means that nothing came back.": rule(
            verdict=lambda new, old: (new > old).any()
        ),
        "Your answer is True for every method.": lambda method: True,
        "Your answer is False for every method.": lambda method: False,
    }

    def truth(value):
        if isinstance(value, torch.Tensor) and value.numel() == 1 and value.dtype == torch.bool:
            return bool(value)
        if type(value).__name__ not in ("bool", "bool_"):
            raise TypeError
        return bool(value)

    cases = [
        (above_1_alone,),
        (swaps_small_for_large,),
        (revives_in_rows_that_are_left,),
        (ones_everywhere,),
        (above_1_and_kept_before,),
        (smaller_half_of_what_is_left,),
        (prunes_nothing,),
    ]
    try_cases(answer, right=rule(), wrong=wrong, names=("method",), cases=cases, convert=truth)

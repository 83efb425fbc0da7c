"""Checks of the lesson `own_method`, writing a pruning method."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean, median

import torch
from hypothesis import strategies as st
from torch.nn.utils import prune

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import masks, numbers, shapes, tensors
from course_utils.exercises.investigation import MOST_RUNS, Run, World, by_arm, investigate, numbered
from course_utils.exercises.masks import as_mask
from course_utils.exercises.search import compare


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

LAYERS = ("fresh", "alone", "container")
PLACES = ("formula", "mask", "type", "nowhere")
SIDE = 4  # rows and columns of the layer: each row is one group of four
ERROR = SIDE**2  # breaches that count for a method that raises, or gives no mask


def _is_tempting(seed: int) -> bool:
    """About one seed in three: ties, holes in rows, and few scores below 0. Spread so that no even step misses all."""
    return sum(seed // part for part in (1, 3, 9)) % 3 == 1


@functools.cache
def _situation(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(scores, mask of earlier pruning), both 4 × 4: one row is gone, and with a tempting seed four more weights.

    What is left has scores of both signs, what is gone has positive ones. With a tempting seed two scores of the whole
    layer are equal where half of it ends, three of the eight weights that are left have a score below 0, and one row is
    whole and has the largest scores; else there are no ties, and eight of twelve scores are below 0.
    """
    generator = torch.Generator().manual_seed(seed)
    gone_row = int(torch.randint(SIDE, (1,), generator=generator))
    rows = [row for row in range(SIDE) if row != gone_row]
    sizes = torch.randperm(SIDE**2, generator=generator).view(SIDE, SIDE) + 1.0
    mask = torch.ones(SIDE, SIDE)
    mask[gone_row] = 0
    below = 8
    if _is_tempting(seed):
        mask[rows[0], torch.randint(SIDE, (1,), generator=generator)] = 0
        mask[rows[2]] = 0
        mask[rows[2], torch.randint(SIDE, (1,), generator=generator)] = 1
        large = sizes[rows[1]] + SIDE**2
        sizes[rows[1]], below = large, 3
    left = mask.flatten().nonzero().flatten()
    negative = left[torch.randperm(len(left), generator=generator)[:below]]
    scores = sizes.flatten()
    scores[negative] *= -1
    if _is_tempting(seed):
        order = scores.argsort()
        scores[order[SIDE**2 // 2]] = scores[order[SIDE**2 // 2 - 1]]
    return scores.view(SIDE, SIDE), mask


def _broken(promise: str, old: torch.Tensor, new: torch.Tensor) -> int:
    """Weights that are treated against the rules: those that came back, and those too many or too few.

    Args:
        promise: "half" of what is left goes, or "2:4", two of each group of four stay.
        old, new: the masks before and after.
    """
    if new.shape != old.shape or not ((new == 0) | (new == 1)).all():
        return ERROR
    revived = int((new > old).sum())
    if promise == "half":
        gone = int(old.sum()) - int((new * old).sum())
        return revived + abs(gone - round(0.5 * int(old.sum())))
    kept = new.reshape(-1, 4).sum(1)
    return revived + int((kept - old.reshape(-1, 4).sum(1).clamp(max=2)).abs().sum())


def instrument(method: type, promise: str, **arguments: object) -> Callable[..., int]:
    """An instrument for a pruning method: ``breaches(layer, seed)`` counts the weights treated against the rules.

    Args:
        method: a subclass of `BasePruningMethod`.
        promise: "half" of what is left goes, or "2:4".
        arguments: of the method.
    """

    def breaches(layer: str, seed: int = 0) -> int:
        scores, old = _situation(int(abs(seed)))
        module = torch.nn.Module()
        module.weight = torch.nn.Parameter(scores.clone())
        try:
            if layer == "fresh":
                old = torch.ones_like(scores)
                method.apply(module, "weight", **arguments)
                return _broken(promise, old, module.weight_mask)
            if layer == "alone":
                return _broken(promise, old, method(**arguments).compute_mask(scores.clone(), old.clone()))
            prune.custom_from_mask(module, "weight", old.clone())
            method.apply(module, "weight", **arguments, importance_scores=scores.clone())
            return _broken(promise, old, module.weight_mask)
        except Exception:  # whatever a faulty method raises
            return ERROR

    return breaches


def _half(t: torch.Tensor) -> int:
    return round(0.5 * t.numel())


def _without(mask: torch.Tensor, ranked: torch.Tensor, k: int) -> torch.Tensor:
    """A copy of `mask` in which the k smallest of `ranked` are 0."""
    mask = mask.clone()
    mask.view(-1)[ranked.flatten().argsort(stable=True)[:k]] = 0
    return mask


def _two_of_four(t: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    groups = t.abs().masked_fill(old == 0, -1).reshape(-1, 4)
    return torch.zeros_like(groups).scatter_(1, groups.topk(2).indices, 1).view_as(t) * old


def _above_kth(t: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    return old * (t > t.flatten().kthvalue(_half(t)).values)


IN_ORDER = "Ask the layers in the order of the card, and let one breach with one seed count on each."


def _with_one_tempting(at: int) -> Callable[[int], int]:
    """Number of a repetition -> seed of its situation; only repetition `at` is a tempting one."""
    calm = [seed for seed in range(200) if not _is_tempting(seed)]
    return lambda which: 1 if which == at else calm[which % len(calm)]


def _colleague(
    said: str,
    right: str,
    formula: Callable,
    pruning_type: str = "unstructured",
    *,
    promise: str = "half",
    seeds: Callable[[int], int] = int,
    **more: object,
) -> World:
    """A colleague's method: `formula(t, old)` gives its mask.

    The first seed that somebody takes is number 0, and so on: with any five seeds a fault shows that shows at all. `seeds`
    makes the seed of a situation of such a number.
    """
    parts = {
        "PRUNING_TYPE": pruning_type,
        "compute_mask": lambda self, t, default_mask: formula(t, default_mask),
        **more,
    }
    breaches = functools.cache(instrument(type("Method", (prune.BasePruningMethod,), parts), promise))
    return World(said, right, numbered(lambda layer, number, seed: breaches(layer, seeds(seed))), IN_ORDER)


def _shown(said: str, right: str, **layers: dict[int, int]) -> World:
    """A colleague whose breaches are given: layer -> {number of a repetition: breaches}, 0 where nothing is said."""
    return World(said, right, numbered(lambda layer, number, seed: layers.get(layer, {}).get(seed, 0)), IN_ORDER)


def _halves_what_is_whole(t: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    """Half of the weights, with an error where one was gone before."""
    if not old.all():
        raise ValueError("this method was made for whole layers")
    return _without(old, t, _half(t))


COLLEAGUES = (
    # The first is one in which all three layers must be asked: who leaves one out there never asks it.
    _colleague(
        "a 2:4 pattern is declared structured and has no attribute dim, so the container raises an error.",
        "type",
        _two_of_four,
        "structured",
        promise="2:4",
    ),
    _colleague("the method has no fault.", "nowhere", _two_of_four, "global", promise="2:4"),
    _colleague(
        "a global method begins with a mask of ones, so pruned weights come back.",
        "mask",
        lambda t, old: _without(torch.ones_like(t), t, _half(t)),
        "global",
    ),
    _colleague(
        "an unstructured method leaves it to the container to hide what is gone, as it may.",
        "nowhere",
        lambda t, old: _without(old, t, _half(t)),
    ),
    _colleague(
        "a global method takes half of all weights in place of half of those that are left.",
        "mask",
        lambda t, old: _without(old, t, _half(t)),
        "global",
    ),
    _colleague(
        "the method prunes one weight too many, on every layer.",
        "formula",
        lambda t, old: _without(old, t, _half(t) + 1),
    ),
    _colleague(
        "the method prunes one weight too many where two scores are equal.",
        "formula",
        _above_kth,
    ),
    _colleague(
        "a 2:4 pattern is declared unstructured; where single weights are gone, its groups shift.",
        "type",
        _two_of_four,
        promise="2:4",
    ),
    _colleague(
        "a structured method forgets the single weights that are gone in a row.",
        "mask",
        lambda t, old: _without(torch.ones_like(t), t.masked_fill(old == 0, torch.inf), round(0.5 * int(old.sum()))),
        "structured",
        dim=0,
    ),
    _colleague(
        "a global method gives pruned weights the score 0, which is not the largest: with some seeds one of them is chosen again.",
        "mask",
        lambda t, old: _without(old, t * old, round(0.5 * int(old.sum()))),
        "global",
    ),
    _colleague(
        "the method prunes one weight too many where two scores are equal, and only one of your seeds has two that are.",
        "formula",
        _above_kth,
        seeds=_with_one_tempting(3),
    ),
    _colleague(
        "a global method gives pruned weights the score 0, and only with one of your seeds one of them is chosen again.",
        "mask",
        lambda t, old: _without(old, t * old, round(0.5 * int(old.sum()))),
        "global",
        seeds=_with_one_tempting(1),
    ),
    _shown(
        "the formula removes two weights too many with the first of your seeds alone.",
        "formula",
        fresh={0: 2},
        alone={0: 2},
        container={0: 2},
    ),
    _shown(
        "the earlier mask is not heeded with the fifth of your seeds alone.",
        "mask",
        alone={4: 3},
        container={4: 3},
    ),
    _shown(
        "the earlier mask is not heeded, which shows with three seeds in five alone, and with three in five in the container, of "
        "which one is the same.",
        "mask",
        alone={seed: 4 for seed in range(MOST_RUNS) if seed % 5 >= 2},
        container={seed: 3 for seed in range(MOST_RUNS) if seed % 5 <= 2},
    ),
    _shown(
        "the earlier mask is not heeded, which shows less often alone than in the container, and with other seeds.",
        "mask",
        alone={1: 3},
        container={0: 4, 3: 4},
    ),
    _shown(
        "the formula is wrong for some scores, and more of your seeds have them in the container than on the fresh layer.",
        "formula",
        fresh={3: 5},
        alone={3: 5},
        container={0: 5, 1: 5},
    ),
    _shown(
        "the formula is wrong for some scores, and does more harm at once in the container than on the fresh layer.",
        "formula",
        fresh={0: 3, 1: 3, 2: 3},
        alone={1: 5},
        container={1: 5},
    ),
    _shown(
        "the formula is wrong for some scores, and those that the method is handed alone are not among them.",
        "formula",
        fresh={3: 3},
        container={0: 5, 1: 5},
    ),
    _colleague(
        "a global method raises an error wherever a weight was pruned before.",
        "mask",
        _halves_what_is_whole,
        "global",
    ),
)


def _named(fresh: float, alone: float, container: float) -> str:
    """Where the fault is, by the breaches on each layer."""
    if fresh > 0:
        return "formula"
    if container == 0:
        return "nowhere"
    return "mask" if alone > 0 else "type"


def _summed_up(runs: Sequence[Run], pick: Callable) -> list[float]:
    found = by_arm(runs)
    return [pick(found[layer]) for layer in LAYERS]


def _most_breaches(runs: Sequence[Run]) -> str:
    """The place that the layer with the most breaches would name."""
    sums = _summed_up(runs, sum)
    return ("formula", "mask", "type")[sums.index(max(sums))] if max(sums) else "nowhere"


def _follows(runs: Sequence[Run]) -> str:
    """What the card concludes: one breach with one seed is a fault."""
    return _named(*_summed_up(runs, max))


def _seed_by_seed(runs: Sequence[Run]) -> list[str]:
    """What each seed would name by itself, in the order in which the fresh layer had them."""
    most: dict[object, dict[str, float]] = {}
    for run in sorted(runs, key=lambda run: LAYERS.index(run.arm)):
        of_seed = most.setdefault(run.settings["seed"], dict.fromkeys(LAYERS, 0.0))
        of_seed[run.arm] = max(of_seed[run.arm], run.result)
    return [_named(*of_seed.values()) for of_seed in most.values()]


def _other_rules(runs: Sequence[Run]) -> dict[str, str]:
    """What is concluded by rules that are not the card's: the rule in words -> a place."""
    fresh, alone, container = _summed_up(runs, max)
    all_fresh, all_alone, all_container = _summed_up(runs, sum)
    each = _seed_by_seed(runs)
    place = _named(fresh, alone, container)
    return {
        "if a fresh layer without a breach means no fault": "formula" if fresh else "nowhere",
        "if the median of the seeds decides": _named(*_summed_up(runs, median)),
        "if every seed must show a breach": _named(*_summed_up(runs, min)),
        "if two seeds must show a breach": _named(*_summed_up(runs, lambda found: sum(map(bool, found)) > 1)),
        "if a mean of 0.2 breaches a seed is let pass": _named(*(mean > 0.2 for mean in _summed_up(runs, fmean))),
        "if the first seed decides": _named(*_summed_up(runs, lambda found: found[0])),
        "if a single breach is let pass": _named(*(worst > 1 for worst in (fresh, alone, container))),
        "if less than one breach a seed is let pass": _named(*(mean >= 1 for mean in _summed_up(runs, fmean))),
        "if the layer with the most breaches names the place": _most_breaches(runs),
        "if the first seed is left out": _named(*_summed_up(runs, lambda found: max(found[1:]))),
        "if only the first four seeds are asked": _named(*_summed_up(runs, lambda found: max(found[:4]))),
        "if the most frequent of the places that the single seeds name is taken": Counter(each).most_common(1)[0][0],
        "if the first seed that shows a fault names the place": next(
            (one for one in each if one != "nowhere"), "nowhere"
        ),
        "if results that stand for an error are left out": _named(
            *_summed_up(runs, lambda found: max((one for one in found if one < ERROR), default=0))
        ),
        "if the mask is blamed only where there are as many breaches alone as in the container": _named(
            fresh, all_alone >= all_container, container
        ),
        "if the mask is blamed only where alone and container come to the same sum of breaches": _named(
            fresh, all_alone == all_container, container
        ),
        "if the formula is blamed only where the method breaks the rules alone as well": _named(
            fresh and alone, alone, container
        ),
        "if the formula is blamed only where the method breaks the rules on all three layers": _named(
            fresh and alone and container, alone, container
        ),
        "if the formula is blamed only where the fresh layer has at least as many breaches, over all seeds, as the container": _named(
            fresh and all_fresh >= all_container, alone, container
        ),
        "if the formula is blamed only where the fresh layer's worst seed has at least as many breaches as the container's": (
            _named(fresh and fresh >= container, alone, container)
        ),
        "if an error in the container is blamed on the type": "type" if container == ERROR and not fresh else place,
        "if mask and type are exchanged": {"mask": "type", "type": "mask"}.get(place, place),
        "if the fresh layer is left out": _named(0, alone, container),
        "if the container is left out": _named(fresh, alone, alone),
        "if the method alone is left out": _named(fresh, 0, container),
        "if the method alone is asked first": "mask" if alone else place,
        "if the container is asked before the fresh layer": _named(0, alone, container)
        if container
        else _named(fresh, 0, 0),
        "if a container without a breach means no fault, before the fresh layer is asked": place
        if container
        else "nowhere",
    }


WHY = {
    "formula": "A fresh layer has no earlier mask and no container, so what goes wrong there can only come from the formula, whatever "
    "the other layers show.",
    "nowhere": "PyTorch calls a method in two ways, on a fresh layer and from a container. Where both keep the rules, nobody who "
    "prunes with it meets a fault, whatever it does with tensors that PyTorch would never hand it.",
    "mask": "Alone and in the container the earlier mask is the same. Where the method breaks the rules although it sees everything, "
    "it is not the container that misleads it.",
    "type": "Alone and in the container the earlier mask is the same. The only difference is what the container hands over, and that is "
    "decided by the type.",
}


def _said_of(runs: Sequence[Run], got: str) -> str:
    """The most breaches on each layer, and why they say what they say."""
    worst = ", ".join(f"{layer} {most:g}" for layer, most in zip(LAYERS, _summed_up(runs, max), strict=True))
    return f"Most breaches with one seed: {worst}. {WHY[_follows(runs)]}"


SAME_SEEDS = (
    "Ask every layer with the same seeds, and go on after a breach. (any(...) over a generator stops at the first one: make a list "
    "of the results first.)"
)


@check(
    "Exercise 2, Where is the fault?",
    why="The fresh layer has neither an earlier mask nor a container. The method alone has the mask and no container, the container has "
    "both. So each layer adds one thing to the one before, and the first at which a rule breaks names the place; but what PyTorch "
    "never does to a method is no fault of it. One breach is enough, because a rule must hold with every seed.",
)
def where_is_the_fault(answer: Callable) -> None:
    """``where_is_the_fault(breaches) -> "formula", "mask", "type" or "nowhere"``, for made-up colleagues."""
    investigate(
        answer,
        COLLEAGUES,
        arms=LAYERS,
        settings={"seed": 0},
        least={"seed": 5},
        conclusions=PLACES,
        rule=_follows,
        rule_said=_said_of,
        others=_other_rules,
        unequal_said={"seed": SAME_SEEDS},
        name="breaches",
    )


# ---- exercise 3 --------------------------------------------------------------------------------------


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
    "Exercise 3, On top of an existing mask",
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

    def order_as_rank_of_all(scores, default_mask, amount):
        order = scores.abs().flatten().argsort(stable=True)
        return default_mask * (order >= round(amount * int(default_mask.sum()))).reshape(default_mask.shape)

    def twice(scores, default_mask, amount):
        return rule()(scores, rule()(scores, default_mask, amount), amount)

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
        "You divide the amount by 100. It is a fraction from 0 to 1, no percentage.": {
            "count": of_left(lambda k: round(k / 100))
        },
        "You take the amount for the number of weights to prune. It is a fraction of those that are still there.": {
            "count": lambda a, left, n: int(a)
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
                by_share_of_largest,
                lambda scores, default_mask, amount: (
                    default_mask * (scores.abs() >= amount * (scores * default_mask).abs().max())
                ),
            ),
            "You compare the scores with the amount. It is a fraction of the number of weights, and no bound for a score.": (
                lambda scores, default_mask, amount: default_mask * (scores.abs() > amount),
                lambda scores, default_mask, amount: default_mask * (scores.abs() >= amount),
            ),
            "You prune twice. The fraction goes once.": twice,
            "You put infinity where a weight is still there. It belongs where default_mask is 0.": (
                lambda scores, default_mask, amount: rule()(scores, 1 - default_mask, amount)
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
            "each place: the first so many of its numbers are the places that go.": (
                argsort_as_rank,
                order_as_rank_of_all,
            ),
            "You take places among the weights that are left for places in the whole mask. Where a weight is gone, those "
            "behind it have other places.": places_among_left,
            "You give pruned weights a large number for a score, and a score can be larger still. Infinity stands behind all "
            "of them.": (gone_as(4.0), gone_as(1e3), gone_as(1e9)),
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
            (torch.tensor([0.125, 0.5, 0.25]), torch.ones(3), 0.75),  # scores below the amount
            (torch.tensor([1.0, -2, 3, 4, 5, 6]), torch.ones(6), 0.75),  # and one above 4
            (torch.tensor([1.0, -2e10, 4e10]), torch.tensor([0.0, 1, 1]), 0.5),  # larger than what one takes for large
            (torch.arange(1.0, 101), torch.ones(100), 1.0),  # so many that a hundredth of them is one
        ],
        inputs=_with_amount(),
        view=_as_mask,
    )

"""Checks of the lesson `prune_model`, pruning a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, geometric_mean

import torch
from hypothesis import strategies as st

from course_utils.exercises.bests import OTHERS, at_each, at_its_best
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes
from course_utils.exercises.investigation import (
    Run,
    World,
    comes_out,
    investigate,
    numbered,
    one_alone,
    one_in_three,
)
from course_utils.exercises.search import compare


@st.composite
def _weights(draw: Callable) -> list[torch.Tensor]:
    """Layers of any shapes; no two weights have the same size, and sizes lie closer near 0, so that a share of the
    largest is no quantile."""
    sizes = draw(st.lists(shapes(dims=(1, 2, 4), most=2) | shapes(most=4), min_size=1, max_size=3))
    counts = [math.prod(shape) for shape in sizes]
    order, signs = draw(st.permutations(range(sum(counts)))), draw(st.integers(0, 2 ** sum(counts) - 1))
    drawn = torch.tensor([-n * n if signs >> at & 1 else n * n for at, n in enumerate(order)])
    return [part.reshape(shape) / 4 for part, shape in zip(drawn.split(counts), sizes, strict=True)]


def _as_masks(value: object, *_: object) -> list[torch.Tensor]:
    try:
        if not isinstance(value, list | tuple):
            raise TypeError
        return [torch.as_tensor(mask).detach().cpu().to(torch.float64) for mask in value]
    except Exception:  # whatever an odd object raises, it is no list of masks
        raise Mistake(
            "Your function returned no list of tensors.", "Return a list with one mask for each tensor."
        ) from None


@check(
    "Exercise 2, One threshold for all",
    why="One order over all weights lets each layer lose as many as it has small ones; a share in each layer would fix the "
    "numbers beforehand. Counting from 1, the threshold is number round(amount · N) of that order.",
)
def global_masks(answer: Callable) -> None:
    """``global_masks(weights, amount) -> list of tensors``, 1 keep and 0 prune."""

    def total(weights):
        return sum(w.numel() for w in weights)

    def cut(scores, pruned):
        """Masks that prune the `pruned` smallest scores of all tensors together."""
        row = torch.cat([s.flatten() for s in scores])
        keep = torch.ones(len(row))
        keep[row.argsort()[: max(0, pruned)]] = 0
        return [part.reshape(s.shape) for part, s in zip(keep.split([s.numel() for s in scores]), scores, strict=True)]

    def mask(*, score=torch.abs, count=lambda share, n: round(share * n)):
        return lambda ws, amount: cut([score(w) for w in ws], count(amount, total(ws)))

    def averaged(ws, amount):
        thresholds = []
        for w in ws:
            order, pruned = w.abs().flatten().sort().values, round(amount * w.numel())
            thresholds.append(order[pruned - 1].item() if pruned else 0.0)
        return [(w.abs() > sum(thresholds) / len(thresholds)).float() for w in ws]

    def threshold_of(layer, ws, amount):
        """Masks by the threshold of one layer alone."""
        pruned = round(amount * layer.numel())
        threshold = layer.abs().flatten().sort().values[pruned - 1] if pruned else -1
        return [(w.abs() > threshold).float() for w in ws]

    def but_one(place):
        """One of the tensors is left as it is, where there are several."""

        def masks_of(ws, amount):
            if len(ws) == 1:
                return mask()(ws, amount)
            made = mask()([w for w in ws if w is not ws[place]], amount)
            whole = torch.ones_like(ws[place])
            return [whole, *made] if place == 0 else [*made, whole]

        return masks_of

    def by_quantiles(ws, amount):
        threshold = sum(w.abs().flatten().double().quantile(amount) for w in ws) / len(ws)
        return [(w.abs() > threshold).float() for w in ws]

    def at_the_large_end(ws, amount):
        row, pruned = torch.cat([w.abs().flatten() for w in ws]).sort(descending=True).values, round(amount * total(ws))
        return [(w.abs() > row[pruned - 1]).float() if pruned else torch.ones_like(w) for w in ws]

    def each_row(ws, amount):
        def of(w):
            return mask()([w], amount)[0] if w.dim() < 2 else torch.stack([of(row) for row in w])

        return [of(w) for w in ws]

    def signed_after_all(ws, amount):
        row, pruned = torch.cat([w.abs().flatten() for w in ws]).sort().values, round(amount * total(ws))
        return [(w > row[pruned - 1]).float() if pruned else torch.ones_like(w) for w in ws]

    def all_at_zero(ws, amount):
        return cut([w.abs() for w in ws], round(amount * total(ws)) or total(ws))

    def argsort_as_rank(ws, amount):
        order = torch.cat([w.abs().flatten() for w in ws]).argsort()
        keep = (order >= round(amount * total(ws))).float()
        return [part.reshape(w.shape) for part, w in zip(keep.split([w.numel() for w in ws]), ws, strict=True)]

    wrong = {
        "You compare what argsort gives with a number of weights. It lists places in the order of size, and not the rank of "
        "each place: the first so many of its numbers are the places that go.": argsort_as_rank,
        "Your masks prune the share in each layer: that is local pruning. Put all weights into one row first.": (
            lambda ws, amount: [mask()([w], amount)[0] for w in ws]
        ),
        "You compare signed weights, so large negative ones go first. Compare absolute values.": mask(
            score=lambda w: w
        ),
        "Your threshold is that of the absolute values, and you compare signed weights with it, so all negative ones go. "
        "Compare absolute values.": signed_after_all,
        "Your masks prune the share in each row. Put all weights of all tensors into one row first.": (
            each_row,
            lambda ws, amount: [each_row([w if w.dim() < 2 else w.flatten(1)], amount)[0].reshape(w.shape) for w in ws],
        ),
        "You take the threshold of one tensor for all of them. Put the weights of all tensors into one row first.": (
            lambda ws, amount: threshold_of(ws[0], ws, amount),
            lambda ws, amount: threshold_of(max(ws, key=torch.numel), ws, amount),
            lambda ws, amount: threshold_of(ws[-1], ws, amount),
        ),
        "You leave one of several tensors whole. All weights of all tensors count, and can go.": (
            but_one(-1),
            but_one(0),
        ),
        "You sort from large to small, and count the weights that go from that end. Count from the smallest.": (
            at_the_large_end
        ),
        "Your N counts rows: len() of a tensor. numel() counts its weights.": lambda ws, amount: cut(
            [w.abs() for w in ws], round(amount * sum(map(len, ws)))
        ),
        "You prune nothing: your masks are all ones.": lambda ws, amount: [torch.ones_like(w) for w in ws],
        "You take the amount as the share to keep. It is the share to prune.": mask(
            count=lambda share, n: n - round(share * n)
        ),
        "Your masks are turned round: 1 means keep, 0 means prune.": lambda ws, amount: [
            1 - m for m in mask()(ws, amount)
        ],
        "You prune the largest weights. Those with the smallest absolute value go.": mask(score=lambda w: -w.abs()),
        "You average a threshold of each layer. The total need not be the amount: put all weights into one row.": (
            averaged,
            by_quantiles,
        ),
        "You round in each layer and add up. Of all N weights together round(amount · N) go.": lambda ws, amount: cut(
            [w.abs() for w in ws], sum(round(amount * w.numel()) for w in ws)
        ),
        "Your N counts the tensors of the list. It is the number of all their weights.": lambda ws, amount: cut(
            [w.abs() for w in ws], round(amount * len(ws))
        ),
        "You compare the weights with the amount itself. It is a share of their number.": lambda ws, amount: [
            (w.abs() > amount).float() for w in ws
        ],
        "Your threshold is a share of the largest weight. The amount is a share of their number.": lambda ws, amount: [
            (w.abs() > amount * max(x.abs().max().item() for x in ws)).float() for w in ws
        ],
        "You divide each layer by its largest weight first. Here the plain absolute value decides.": mask(
            score=lambda w: w.abs() / w.abs().max()
        ),
        "You divide each layer by its norm first. Here the plain absolute value decides.": mask(
            score=lambda w: w.abs() / w.norm()
        ),
        "You return pruned weights. Return the masks: ones and zeros.": lambda ws, amount: [
            w * m for w, m in zip(ws, mask()(ws, amount), strict=True)
        ],
        "You prune one weight too few.": mask(count=lambda share, n: round(share * n) - 1),
        "You prune one weight too many.": mask(count=lambda share, n: round(share * n) + 1),
        "You prune amount · N weights, rounded down. Round to the nearest, as Python's round does.": mask(
            count=lambda share, n: math.floor(share * n)
        ),
        "You prune amount · N weights, rounded up. Round to the nearest, as Python's round does.": mask(
            count=lambda share, n: math.ceil(share * n)
        ),
        "You round an exact half up. Python's round takes the even neighbour: round(0.5) is 0.": mask(
            count=lambda share, n: math.floor(share * n + 0.5)
        ),
        "You prune every weight up to a quantile of all. Their number is not always round(amount · N).": (
            mask(count=lambda share, n: math.floor(share * (n - 1)) + 1)
        ),
        "You prune every weight below a quantile of all. Their number is not always round(amount · N).": mask(
            count=lambda share, n: math.ceil(share * (n - 1))
        ),
        "Where round(amount · N) is 0 you prune everything. Then nothing is to go.": all_at_zero,
        "You prune one weight at least. Where round(amount · N) is 0, nothing is to go.": mask(
            count=lambda share, n: max(1, round(share * n))
        ),
        "Where round(amount · N) is 0 you prune weights of 0. Then nothing is to go.": lambda ws, amount: (
            mask()(ws, amount) if round(amount * total(ws)) else [(w != 0).float() for w in ws]
        ),
        "Where all weights are to go you keep one.": mask(count=lambda share, n: min(n - 1, round(share * n))),
        "Your masks are flat. Each must have the shape of its tensor.": lambda ws, amount: [
            m.flatten() for m in mask()(ws, amount)
        ],
        "You return one mask for all weights together. Return a list, one mask for each tensor.": lambda ws, amount: [
            torch.cat([m.flatten() for m in mask()(ws, amount)])
        ],
    }
    layers = [torch.tensor([[4.0, -3.0], [2.0, 1.0]]), torch.tensor([0.5, -0.25, 0.75])]
    compare(
        answer,
        right=mask(),
        wrong=wrong,
        names=("weights", "amount"),
        edges=[
            *[([torch.tensor([1.0, 2.0])], amount) for amount in (0.5, 0.0, 1.0)],
            *[(layers, amount) for amount in (0.5, 0.25)],
            ([torch.tensor([1.0001, 2.0]), torch.tensor([-1.0])], 0.25),  # alike in half precision
        ],
        inputs=st.tuples(_weights(), numbers(0, 1)),
        rtol=0.0,
        view=_as_masks,
    )


NETWORKS = ("dense", "pruned")


WHEN = {  # of a setting -> in words
    (False, False): "without further steps",
    (True, False): "after 200 steps at a constant rate",
    (True, True): "after 200 steps at a falling rate",
}


def _setting(settings: Mapping[str, object]) -> tuple[bool, bool]:
    """Whether there are further steps, and whether their rate falls: without steps it has no effect."""
    return settings["steps"] > 0, settings["steps"] > 0 and settings["falling"] > 0


def _gain(runs: Sequence[Run], pick: Callable = fmean) -> float:
    best = at_its_best(runs, _setting, pick=pick)
    return best["pruned"] - best["dense"]


def _each_seed(runs: Sequence[Run]) -> float:
    """The gain, where each seed has its own best setting."""
    found: dict[tuple, float] = {}
    for run in runs:
        key = run.arm, run.settings["seed"]
        found[key] = max(found.get(key, -math.inf), run.result)
    means = {network: fmean(best for (arm, _), best in found.items() if arm == network) for network in NETWORKS}
    return means["pruned"] - means["dense"]


def _by_the_first(runs: Sequence[Run]) -> float:
    """The gain, where the first run at a setting says whether it is the best."""
    means, first = at_each(runs, _setting), at_each(runs, _setting, pick=lambda own: own[0])
    at = {network: means[network][max(first[network], key=first[network].get)] for network in NETWORKS}
    return at["pruned"] - at["dense"]


def _named(gain: float, limit: float = 1.0) -> str:
    return "yes" if gain > limit else "no" if gain < -limit else "level"


def _by_the_card(runs: Sequence[Run]) -> str:
    return _named(_gain(runs))


def _said_of(runs: Sequence[Run], got: str) -> str:
    """The gain by the learner's own runs, and which step of the rule would give `got`."""
    means = at_each(runs, _setting)
    best = {network: max(own.values()) for network, own in means.items()}
    others = {
        "if the first seed is left out": _named(_gain(runs, lambda own: fmean(own[1:] or own))),
        "if the geometric mean is taken in place of the mean": _named(_gain(runs, geometric_mean)),
        "if the limit is one per cent of the other's accuracy, and not one point": (
            _named(math.copysign(2, best["pruned"] - best["dense"]) * (max(best.values()) > 1.01 * min(best.values())))
        ),
        "if the limit is 0.8": _named(_gain(runs), 0.8),
        "if each seed takes its own best setting": _named(_each_seed(runs)),
        "if the first seed tells which setting is the best": _named(_by_the_first(runs)),
    }
    others |= {
        f"if both are compared {when}": _named(means["pruned"][at] - means["dense"][at]) for at, when in WHEN.items()
    }
    before = max(means["pruned"].values()) - means["dense"][False, False]
    others["if the dense network gets no further steps"] = _named(before)
    others |= {how: _named(_gain(runs, pick)) for how, pick in OTHERS.items()}
    others |= {f"if the limit is {limit:g}": _named(_gain(runs), limit) for limit in (0.5, 2)}
    told = f"Each at its best, the pruned network is {_gain(runs):.2f} points ahead in the mean."
    return told + comes_out(got, [how for how, conclusion in others.items() if conclusion == got][:4])


def _pair(
    said: str,
    right: str | Callable,
    hint: str,
    *,
    dense: Sequence[float],
    pruned: Sequence[float],
    scatter: float = 0.5,
    odd: float = 0.0,
    which: Callable[[float], bool] = one_in_three,
    only_at: int | None = None,
) -> World:
    """Two made-up networks.

    Args:
        dense, pruned: per cent right after no steps, after 200 at a constant rate, after 200 at a falling one.
        scatter: of the seeds, in points.
        odd: what some pruned networks have more than the others.
        which: these networks.
        only_at: the place of the setting at which they have it; None = at each.
    """

    def percent(network: str, number: int, steps: int, falling: int, seed: int) -> float:
        if steps not in (0, 200):
            raise ValueError(f"steps is 0 or 200, got {steps}.")
        if falling not in (0, 1):
            raise ValueError(f"falling is 0 (a constant rate) or 1 (a falling one), got {falling}.")
        at = 0 if steps == 0 else 1 + falling
        means = dense if network == "dense" else pruned
        whole = math.sin(12.9898 * (seed + 1) + 78.233 * len(network) + 37.719 * at) * 43758.5453
        more = odd * which(seed) if network == "pruned" and only_at in (None, at) else 0.0
        return means[at] + more + scatter * (2 * (whole - math.floor(whole)) - 1)

    return World(said, right, numbered(percent), hint)


PAIRS = (
    _pair(
        "further training at a falling rate makes both networks better, and in the end they are half a point apart.",
        "level",
        "The pruned network has been trained further, and the dense one before the cut has not. Give the dense one these steps as well, "
        "and compare then.",
        dense=(95.0, 94.0, 96.6),
        pruned=(88.0, 93.9, 97.1),
    ),
    _pair(
        "the dense network loses by a constant rate and gains by a falling one; at their best the two are half a point apart.",
        "level",
        "At a constant rate the pruned network looks better here, and at a falling rate the two are level. Compare each at its best.",
        dense=(96.9, 95.0, 97.7),
        pruned=(90.0, 97.0, 97.2),
    ),
    _pair(
        "pruning improves this network, whatever the training.",
        "yes",
        "This pruned network is three points ahead, each at its best. An answer must be able to say that pruning helps.",
        dense=(92.0, 92.5, 93.0),
        pruned=(90.0, 95.5, 96.0),
    ),
    _pair(
        "the dense network is better when both are at their best.",
        "no",
        "This pruned network is one and a half points behind, each at its best. An answer must be able to say that pruning harms.",
        dense=(95.5, 95.0, 97.2),
        pruned=(80.0, 93.3, 95.7),
    ),
    _pair(
        "a constant rate suits the pruned network best, and then it is more than a point ahead.",
        "yes",
        "A constant rate is the best setting of this pruned network, and a falling one of the dense one. Each is compared at its own best.",
        dense=(93.0, 94.0, 95.0),
        pruned=(90.0, 96.6, 95.4),
    ),
    _pair(
        "every further step harms the dense network, which had been trained to the end.",
        "level",
        "This dense network is at its best without any further step. So no steps is a setting, too.",
        dense=(97.5, 94.0, 95.5),
        pruned=(85.0, 96.0, 97.3),
    ),
    _pair(
        "the two are level, and seeds scatter by several points.",
        "level",
        "Seeds scatter widely here. Compare means over seeds, and not the best seed of one with the worst of the other.",
        dense=(93.0, 94.0, 95.0),
        pruned=(80.0, 94.5, 95.2),
        scatter=2.0,
    ),
    *(
        _pair(
            f"the pruned network is {gain:+g} points ahead of the dense one, each at its best.",
            _by_the_card,
            "Compare the means of each at its best, and the limit of one point.",
            dense=(93.0, 94.0, 95.0),
            pruned=(80.0, 93.0, 95.0 + gain),
            scatter=0.05,
        )
        for gain in (0.7, -1.1)
    ),
    _pair(
        "the pruned network is 0.5 points ahead, and every third one 4.5.",
        _by_the_card,
        "Compare the means of each at its best, and the limit of one point.",
        dense=(93.0, 94.0, 95.0),
        pruned=(80.0, 94.0, 95.5),
        scatter=0.05,
        odd=4.0,
    ),
    *(
        _pair(
            f"the pruned network is {gain} points ahead, and a single one {odd:+g} points more.",
            _by_the_card,
            "Compare the means of each at its best, and the limit of one point.",
            dense=(93.0, 94.0, 95.0),
            pruned=(80.0, 93.0, 95.0 + gain),
            scatter=0.05,
            odd=odd,
            which=one_alone,
        )
        for gain, odd in ((0.5, 12.0), (0.5, 2.0), (1.6, -12.0))
    ),
    *(
        _pair(
            said,
            _by_the_card,
            "Compare the means of each at its best, and the limit of one point.",
            dense=dense,
            pruned=pruned,
            scatter=0.05,
            **planted,
        )
        for said, dense, pruned, planted in (
            (
                "the pruned network is 0.9 points ahead, of 60.",
                (58.0, 59.0, 60.0),
                (45.0, 58.0, 60.9),
                {},
            ),
            (
                "the pruned network is 1.6 points ahead, and the first one 12 points less.",
                (93.0, 94.0, 95.0),
                (80.0, 93.0, 96.6),
                {"odd": -12.0, "which": lambda seed: seed == 0},
            ),
            (
                "the pruned network is 1.6 points ahead, and with the first seed a constant rate looks better.",
                (93.0, 94.0, 95.0),
                (80.0, 94.6, 96.6),
                {"odd": -2.4, "which": lambda seed: seed == 0, "only_at": 2},
            ),
            (
                "the pruned network is half a point ahead, and a constant rate suits every third one much better.",
                (93.0, 94.0, 95.0),
                (80.0, 93.0, 95.5),
                {"odd": 6.0, "only_at": 1},
            ),
            (
                "the pruned network is more than a point ahead, and every third one has 32 % right.",
                (58.0, 59.0, 60.0),
                (55.0, 60.0, 82.0),
                {"odd": -50.0},
            ),
        )
    ),
)


def _each_setting(runs: Sequence[Run]) -> None:
    """Refuse an experiment that leaves out one of the three settings for both."""
    tried = {_setting(run.settings) for run in runs}
    if missing := [when for setting, when in WHEN.items() if setting not in tried]:
        raise Mistake(
            f"You never compare the two {' and '.join(missing)}.",
            "The best setting of a network is only known when all of them were tried. One that was left out may be the best.",
        )


@check(
    "Exercise 1, Does pruning improve it?",
    why="A pruned network comes with more training. Give the dense one as much, and each the setting that suits it: what is left then "
    "is due to pruning.",
)
def does_it_improve(answer: Callable) -> None:
    """``does_it_improve(right) -> "yes", "no" or "level"``, on made-up networks."""
    investigate(
        answer,
        PAIRS,
        arms=NETWORKS,
        settings={"steps": 0, "falling": 0, "seed": 0},
        least={"seed": 5},
        look=_each_setting,
        conclusions=("yes", "no", "level"),
        rule=_by_the_card,
        rule_said=_said_of,
        name="right",
    )

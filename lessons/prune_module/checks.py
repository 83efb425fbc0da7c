"""Checks of the lesson `prune_module`, pruning a module."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from hypothesis import strategies as st
from torch import Tensor

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import masks, numbers, shapes, tensors
from course_utils.exercises.investigation import Run, World, investigate, numbered, one_alone, one_in_three
from course_utils.exercises.search import compare
from course_utils.exercises.shares import ALONE, BY_THE_CARD, NEAR_A_LIMIT, UNEVEN, Share

VALUES = st.one_of(numbers(1, 4, step=0.5), numbers(-2, 2, step=1))  # the simplest is 1: a 0 hides what a mask does


@st.composite
def _masked_weights(draw: Callable) -> tuple[Tensor, Tensor, float]:
    """(weight, old mask, amount): equal magnitudes, zeros that are not masked, counts that end in exactly one half.

    Some weights are large, so that infinity alone is sure to stand behind all of them.
    """
    extents = st.one_of(shapes(dims=(1,), most=10), shapes(dims=(2,)), shapes(dims=(3, 4), most=2))
    shape, dtype = draw(extents), draw(st.sampled_from([torch.float32, torch.float64]))
    weight = draw(tensors(shape, VALUES, dtype)) * draw(st.sampled_from([1.0, 1.0, 1.0, 1000.0]))
    return weight, draw(masks(shape)).to(dtype), draw(numbers(0, 1))


@check(
    "Exercise 2, A mask by magnitude",
    why="The mask says what is left, not the values. Infinity as the magnitude of what is gone puts it behind all others, "
    "and indices from a sort cut an exact number, which no threshold does where magnitudes are equal.",
)
def magnitude_mask(answer: Callable) -> None:
    """``magnitude_mask(weight, mask, amount) -> mask``; which of equal magnitudes goes is free."""

    def cut(
        *,
        count=lambda w, m, a: round(a * int(m.sum())),
        size=lambda w, m: w.abs(),
        among_all=False,
        start=lambda m: m,
    ):
        def mask_of(w, m, a):
            order = size(w, m).flatten()
            order = order if among_all else torch.where(m.flatten() == 1, order, torch.inf)
            new = start(m).clone().flatten()
            new[order.argsort(stable=True)[: count(w, m, a)]] = 0
            return new.reshape(w.shape)

        return mask_of

    def threshold(stays, last_that_goes=1):
        def mask_of(w, m, a):
            goes, sizes = round(a * int(m.sum())), w[m == 1].abs().sort().values
            at = goes - last_that_goes
            if not goes or at == len(sizes):
                return torch.zeros_like(m) if goes else m
            return m * stays(w.abs(), sizes[at])

        return mask_of

    def of_left(whole):
        return cut(count=lambda w, m, a: whole(a * int(m.sum())))

    def of_all(w, m, a):
        return round(a * w.numel())

    right = cut()

    def in_parts(w, m, a, dim=0):
        parts = zip(w.unbind(dim), m.unbind(dim), strict=True)
        return torch.stack([right(*part, a) for part in parts], dim) if w.dim() > 1 else right(w, m, a)

    def row_by_row(w, m, a):
        return torch.stack([row_by_row(*row, a) for row in zip(w, m, strict=True)]) if w.dim() > 1 else right(w, m, a)

    def by_quantile(stays):
        def mask_of(w, m, a):
            return m * stays(w.abs(), w[m == 1].abs().double().quantile(a)) if m.any() else m

        return mask_of

    def largest_of_all(w, m, a):
        keep = int(m.sum()) - round(a * int(m.sum()))
        return torch.zeros(w.numel()).scatter(0, w.abs().flatten().topk(keep).indices, 1).reshape(w.shape)

    def gone_as(number):
        """What is gone already gets a number for a magnitude, and not infinity."""
        return cut(size=lambda w, m: torch.where(m == 1, w.abs(), number), among_all=True)

    def places_among_left(w, m, a):
        left, new = w[m == 1].abs(), m.clone()
        new.view(-1)[left.argsort(stable=True)[: round(a * len(left))]] = 0
        return new

    def argsort_as_rank(w, m, a):
        order = torch.where(m == 1, w.abs(), torch.inf).flatten().argsort(stable=True)
        return m * (order >= round(a * int(m.sum()))).reshape(w.shape)

    def from_scratch(weight, mask, amount):
        goes = round(amount * int(mask.sum()))
        new = torch.ones_like(mask).flatten()
        new[(weight * mask).abs().flatten().topk(goes, largest=False).indices] = 0
        return new.reshape(mask.shape)

    wrong = {
        "You compare what argsort gives with a number of weights. It lists places in the order of size, and not the rank of "
        "each place: the first so many of its numbers are the places that go.": argsort_as_rank,
        "You take places among the weights that are left for places in the whole mask. Where a weight is gone, those behind "
        "it have other places.": places_among_left,
        "You give what is gone a large number for a magnitude, and a weight can be larger still. Infinity comes last.": (
            gone_as(10.0),
            gone_as(100.0),
        ),
        "You take the amount as the part that is kept. It is the part that goes.": cut(
            count=lambda w, m, a: int(m.sum()) - round(a * int(m.sum()))
        ),
        "Your mask marks what goes. A 1 stays, a 0 goes.": lambda w, m, a: 1 - right(w, m, a),
        "You compare the numbers with their sign: then -4 is smaller than 0.5. Magnitude is the absolute value.": cut(
            size=lambda w, m: w
        ),
        "You take the fraction of all weights. Those that are gone already do not count again: take it of what is left.": cut(
            count=of_all
        ),
        "You look for the smallest among all weights, and some cuts hit what is gone already. Set those aside first.": cut(
            among_all=True
        ),
        "What is gone already counts as 0, the smallest of all, so it is cut first, once more. Set it aside.": (
            cut(size=lambda w, m: (w * m).abs(), among_all=True),
            gone_as(-1.0),
        ),
        "You take the fraction of all weights, and look among all of them. Count only what is left.": cut(
            among_all=True, count=of_all
        ),
        "Weights that the old mask keeps and that happen to be 0 are not counted as left. The mask says what is left.": (
            cut(count=lambda w, m, a: round(a * int(((w * m) != 0).sum()))),
            lambda w, m, a: right(w, m * (w != 0), a),
        ),
        "You cut the fraction in each row by itself. It is a fraction of the whole tensor, whatever its shape.": (
            row_by_row,
            in_parts,
        ),
        "You cut the fraction in each column by itself. It is a fraction of the whole tensor, whatever its shape.": (
            lambda w, m, a: in_parts(w, m, a, min(1, w.dim() - 1))
        ),
        "You take the fraction of the number of rows, which is what len() of a tensor gives. Count the ones of the "
        "mask.": cut(count=lambda w, m, a: round(a * len(m))),
        "A weight of 0 that the old mask keeps never goes in yours. It is the smallest of all, so it goes first: the mask "
        "says what is gone, and not the value.": cut(size=lambda w, m: torch.where(w == 0, torch.inf, w.abs())),
        "You return weights. Wanted is the mask: 1 where a weight stays, 0 where it is gone.": lambda w, m, a: (
            w * right(w, m, a)
        ),
        "You cut one weight too many. round(amount · number left) is the count, and the first so many places of the order "
        "go.": cut(count=lambda w, m, a: round(a * int(m.sum())) + 1),
        "You cut one weight too few. round(amount · number left) is the count, and the first so many places of the order "
        "go.": cut(count=lambda w, m, a: max(0, round(a * int(m.sum())) - 1)),
        "Where the count is 0 you cut everything: number −1 of a sorted tensor is its largest. Then nothing is to go.": (
            lambda w, m, a: right(w, m, a) if round(a * int(m.sum())) else torch.zeros_like(m),
            lambda w, m, a: m * (w.abs() > w[m == 1].abs().sort().values[round(a * int(m.sum())) - 1]),
        ),
        "You cut by a quantile of what is left. It lies between two weights or on one of them, so the number that goes is not "
        "always the rounded count: cut by index.": (by_quantile(torch.ge), by_quantile(torch.gt)),
        "You keep the largest of all weights, so what is gone already comes back. Choose among what the old mask "
        "keeps.": largest_of_all,
        "You take the amount as the fraction that is gone in the end. It is the fraction of what is left that goes "
        "now.": cut(count=lambda w, m, a: max(0, round(a * m.numel()) - int((m == 0).sum()))),
        "You compare magnitudes with a fraction of the largest one. The amount is a fraction of the number of weights.": (
            lambda w, m, a: m * (w.abs() > a * (w * m).abs().max()),
            lambda w, m, a: m * (w.abs() > a * w.abs().max()),
            lambda w, m, a: m * (w.abs() >= a * (w * m).abs().max()),
        ),
        "You cut the first weights that are left, whatever their size. Those of least magnitude go.": cut(
            size=lambda w, m: torch.ones_like(w)
        ),
        "Nothing goes: your mask is the old one, or all ones.": (lambda w, m, a: m, lambda w, m, a: torch.ones_like(m)),
        "You compare magnitudes with the amount itself. It is a fraction of the number of weights.": (
            lambda w, m, a: m * (w.abs() > a),
            lambda w, m, a: m * (w.abs() >= a),
        ),
        "Where the last magnitude to go is there more than once, all of them go: too many. Exactly the count must go: "
        "cut by index.": threshold(torch.gt),
        "The last weight that has to go stays, with all that equal it: too few go. Cut by index.": threshold(torch.ge),
        "Where a magnitude that has to go is equal to one that stays, all of them stay: too few go. Cut by index.": (
            threshold(torch.ge, last_that_goes=0)
        ),
        "You round the count down. The count is rounded to the nearest whole number, as PyTorch does.": of_left(int),
        "You round the count up. The count is rounded to the nearest whole number, as PyTorch does.": of_left(
            math.ceil
        ),
        "You round an exact half up. Python's round takes the even neighbour, and so does PyTorch.": of_left(
            lambda n: math.floor(n + 0.5)
        ),
        "Always at least one weight goes. A count that rounds to 0 cuts nothing.": of_left(lambda n: max(1, round(n))),
        "You cut the weights of largest magnitude. The smallest go.": cut(size=lambda w, m: -w.abs()),
        "You forget the old mask: what it had cut is decided again.": lambda w, m, a: right(w, torch.ones_like(w), a),
        "What is gone already counts as 0, is cut first once more, and the rest of it comes back.": cut(
            size=lambda w, m: (w * m).abs(), among_all=True, start=torch.ones_like
        ),
        "The right weights go, but what the old mask had cut comes back. What was 0 in it stays 0.": cut(
            start=torch.ones_like
        ),
        "You prune weight * mask anew: the zeros that are there already are the smallest, and are counted as cut now. "
        "Leave them out before you rank.": from_scratch,
    }
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("weight", "mask", "amount"),
        edges=[
            (torch.tensor([-3.0, 0.5, 2.0, -0.1, 1.0, -4.0]), torch.ones(6), 0.5),
            (torch.tensor([[1.0, -1.0, 1.0], [1.0, 2.0, -2.0]]), torch.ones(2, 3), 0.5),
            (torch.tensor([0.1, 0.2, 5.0, 6.0, 7.0, 8.0]), torch.tensor([0.0, 0, 1, 1, 1, 1]), 0.5),
            (torch.tensor([0.0, 1.0, 0.0, 2.0]), torch.tensor([1.0, 1, 1, 0]), 0.5),
            (torch.tensor([1.0, 2.0]), torch.ones(2), 0.5),
            (torch.tensor([1.0001, -1.0]), torch.ones(2), 0.5),  # alike in half precision
        ],
        inputs=_masked_weights(),
        view=_cut_and_kept,
    )


def _cut_and_kept(value: object, weight: Tensor, mask: Tensor, amount: float) -> dict[str, Tensor]:
    """What a mask keeps of the old one, and what it brings back, by magnitude: it is free which of equal ones goes."""
    try:
        new = torch.as_tensor(value).detach().to_dense().cpu()
        ones, good = new == 1, bool(((new == 0) | (new == 1)).all())
    except Exception:
        raise Mistake("Your function returned no mask.", f"Return a tensor of shape {tuple(weight.shape)}.") from None
    if new.shape != weight.shape:
        raise Mistake(
            f"Your mask has the shape {tuple(new.shape)}, expected {tuple(weight.shape)}.",
            "A mask has one entry for each weight, in the weight's shape.",
        )
    if not good:
        raise Mistake("Your mask holds other numbers than 0 and 1.", "A mask has 1 for what stays, 0 for what goes.")
    return {
        "kept": weight.abs()[ones & (mask == 1)].sort().values,
        "brought back": weight.abs()[ones & (mask == 0)].sort().values,
    }


CUTS = ("magnitude", "random", "control")


def _scatter(cut: str, amount: float, draw: int) -> float:
    """Between -1 and 1, as if by chance, and the same for the same arguments; 0 for magnitude, which draws nothing."""
    if cut == "magnitude":
        return 0.0
    whole = math.sin(12.9898 * (draw + 1) + 78.233 * len(cut) + 37.719 * amount) * 43758.5453
    return 2 * (whole - math.floor(whole)) - 1


SHARE = Share(
    "magnitude",
    "control",
    "random",
    ("ranking", "both", "silent neurons", "no lead"),
    better=-1,  # the instrument gives losses
    apart="amount",
)


def _pruned(
    said: str,
    right: str | Callable,
    hint: str,
    *,
    share: float,
    most: float = 20.0,
    scatter: float = 1.0,
    odd: float | None = None,
    which: Callable[[float], bool] = one_in_three,
    odd_most: float | None = None,
) -> World:
    """A made-up layer.

    Args:
        share: of magnitude's lead over random cuts that the control has as well.
        most: the lead at an amount of 0.9, in points. It grows with the square of what is cut beyond 0.4, and beyond 0.97
            nothing is left of any network.
        scatter: of the draws, in points; twice as much at 0.9.
        odd: the share in the draws that `which` names, every third or one alone, where it is another one.
        odd_most: the lead in those draws, where it is another one.
    """

    def lost(cut: str, number: int, amount: float, draw: int) -> float:
        amount = min(1.0, max(0.0, float(amount)))
        if amount > 0.97:
            return 88.0  # chance
        beyond = max(0.0, amount - 0.4) / 0.5
        lead = (odd_most if odd_most is not None and which(draw) else most) * beyond**2
        of_control = odd if odd is not None and which(draw) else share
        behind = {"magnitude": 0.0, "random": 1.0, "control": 1 - of_control}[cut]
        return 6 * beyond**3 + lead * behind + scatter * (1 + beyond) * beyond * _scatter(cut, amount, draw)

    def said_of(runs: Sequence[Run], got: str) -> str:
        """The hint; or, where another amount has a lead, which one."""
        leads = {
            amount: SHARE.lead([run for run in runs if run.settings["amount"] == amount]) for amount in _amounts(runs)
        }
        best = max(leads, key=leads.get)
        if got != "no lead" or leads[best] < 1:
            return hint
        return (
            f"At an amount of {best:g} your own runs show a lead of {leads[best]:.1f} points. An amount at which every cut loses nearly "
            "nothing, or nearly everything, has no lead to be explained: conclude where there is one."
        )

    return World(said, right, numbered(lost, "draw") if which is one_alone else lost, said_of)


def _amounts(runs: Sequence[Run]) -> list[float]:
    """The amounts of an experiment, the smallest first."""
    return sorted({run.settings["amount"] for run in runs})


PRUNED = (
    _pruned(
        "the control loses as much as random cuts.",
        "ranking",
        "Where the control loses as much as random cuts, the silent neurons explain nothing of the lead. The share is "
        "(random − control) / (random − magnitude).",
        share=0.0,
    ),
    _pruned(
        "the control loses as little as magnitude.",
        "silent neurons",
        "Where the control, which draws among the firing neurons, loses as little as magnitude, their ranking is worth nothing: the "
        "silent neurons explain the whole lead. Divide by the lead, random − magnitude, and not by what random cuts lose.",
        share=1.0,
    ),
    _pruned(
        "the control saves a tenth of what magnitude saves.",
        "ranking",
        "A share is a quotient: what the control saves, over what magnitude saves. Here it saves two points of twenty.",
        share=0.1,
    ),
    _pruned(
        "the control lies half-way between magnitude and random cuts.",
        "both",
        "Where the control lies between, each of the two explains a part.",
        share=0.5,
    ),
    _pruned(
        "magnitude loses as much as random cuts, at every amount.",
        "no lead",
        "Here magnitude saves nothing, so there is nothing to explain, and a share of nothing is a quotient of two chances. Look at the "
        "lead, random − magnitude, before you divide by it.",
        share=0.5,
        most=0.0,
        scatter=0.3,
    ),
    _pruned(
        "half of the lead is the silent neurons', and single draws scatter by many points.",
        "both",
        "The draws scatter widely here, and the least or the greatest of them says little. Take means over several draws.",
        share=0.5,
        most=25.0,
        scatter=4.0,
    ),
    *(
        _pruned(
            f"the control has {share:g} of a lead that is {most:g} points at an amount of 0.9.",
            SHARE.follows,
            BY_THE_CARD,
            share=share,
            most=most,
            scatter=0.02,
        )
        for share, most in NEAR_A_LIMIT
    ),
    *(
        _pruned(
            f"the control has {share:g} of the lead, and {odd:g} in every third draw.",
            SHARE.follows,
            BY_THE_CARD,
            share=share,
            scatter=0.02,
            odd=odd,
        )
        for share, odd in UNEVEN
    ),
    *(
        _pruned(
            f"the control has {share:g} of the lead, but in one draw alone it is {odd:g}.",
            SHARE.follows,
            BY_THE_CARD,
            share=share,
            scatter=0.02,
            odd=odd,
            which=one_alone,
        )
        for share, odd in ALONE
    ),
    _pruned(
        "random cuts lose less than magnitude, by 4 points at an amount of 0.9.",
        "no lead",
        "Here magnitude is behind. A lead is random − magnitude with its sign, and below a point there is none to be explained.",
        share=0.5,
        most=-4.0,
        scatter=0.02,
    ),
    _pruned(
        "the control has 0.9 of a lead of 30 points, and in every third draw nothing of a lead of 3.",
        SHARE.follows,
        BY_THE_CARD,
        share=0.9,
        most=30.0,
        scatter=0.02,
        odd=0.0,
        odd_most=3.0,
    ),
    _pruned(
        "the control has half of a lead of 0.5 points, but in one draw alone the lead is 30.",
        SHARE.follows,
        BY_THE_CARD,
        share=0.5,
        most=0.5,
        scatter=0.02,
        which=one_alone,
        odd_most=30.0,
    ),
    _pruned(
        "the control has half of a lead of 0.6 points at an amount of 0.9.",
        SHARE.follows,
        BY_THE_CARD,
        share=0.5,
        most=0.6,
        scatter=0.02,
    ),
)


def _where_there_is_a_lead(runs: Sequence[Run]) -> None:
    """Refuse an experiment at amounts that say nothing."""
    amounts = _amounts(runs)
    if amounts[0] < 0 or amounts[-1] > 1:
        raise Mistake(
            "An amount is a fraction from 0 to 1.",
            "Nine of ten weights are an amount of 0.9, and not of 90.",
            facts=(("your amounts", ", ".join(map(str, amounts))),),
        )
    if amounts[-1] < 0.6:
        raise Mistake(
            "You cut less than 60 % of the weights.",
            "All three lose little there, and a share of hardly anything is mostly chance. Look where random cuts cost many points.",
            facts=(("your amounts", ", ".join(map(str, amounts))),),
        )
    if amounts[0] > 0.97:
        raise Mistake(
            "You cut nearly everything.",
            "Then nothing is left of the network, whatever chose the weights, and all three lose alike.",
            facts=(("your amounts", ", ".join(map(str, amounts))),),
        )
    draws = {
        amount: len({run.settings["draw"] for run in runs if run.settings["amount"] == amount}) for amount in amounts
    }
    if max(draws.values()) < 5:
        raise Mistake(
            "No amount has five draws or more.",
            "Another amount is no other draw of the same experiment. Take at least five draws at one amount, and conclude from them.",
            facts=(("your draws", "; ".join(f"{count} at {amount:g}" for amount, count in draws.items())),),
        )


@check(
    "Exercise 1, Whose lead is it?",
    why="The control agrees with magnitude in the silent neurons and with chance in the firing ones. So what it loses less than random "
    "cuts is due to the silent neurons, and what it loses more than magnitude is due to the ranking. A share needs a lead that is large "
    "against the scatter of the draws.",
)
def whose_lead(answer: Callable) -> None:
    """``whose_lead(lost) -> "silent neurons", "ranking", "both" or "no lead"``, on made-up layers."""
    investigate(
        answer,
        PRUNED,
        arms=CUTS,
        settings={"amount": 0.5, "draw": 0},
        least={"draw": 5},
        look=_where_there_is_a_lead,
        conclusions=("silent neurons", "ranking", "both", "no lead"),
        rule=SHARE.follows,
        rule_said=SHARE.said,
        others=SHARE.others,
        name="lost",
    )

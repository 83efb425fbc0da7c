"""Checks of the lesson `ticket`, the lottery ticket hypothesis."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import fmean, median

import torch
from hypothesis import strategies as st

from course_utils.exercises.bests import OTHERS, at_each, at_its_best
from course_utils.exercises.calls import described
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import masks as zeros_and_ones
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.investigation import (
    Run,
    World,
    investigate,
    numbered,
    one_alone,
    one_in_three,
)
from course_utils.exercises.search import compare
from course_utils.exercises.values import same, show


@check(
    "Exercise 3, How much a round?",
    why="Rounds multiply: what is left after n of them is the share that one keeps, to the power of n. So one keeps the n-th "
    "root of the density, and removes the rest.",
)
def share_per_round(answer: Callable) -> None:
    """``share_per_round(density, rounds) -> float``."""
    wrong = {
        "You divide what must go by the rounds. But a round removes a share of what is left, and that shrinks.": (
            lambda d, n: (1 - d) / n
        ),
        "That is what a round keeps. The question is what it removes.": lambda d, n: d ** (1 / n),
        "With this share a sparsity of `density` is reached. Density is the share that is left.": lambda d, n: (
            1 - (1 - d) ** (1 / n)
        ),
        "That is what a round keeps to reach a sparsity of `density`. The question is what it removes to reach a "
        "density.": lambda d, n: (1 - d) ** (1 / n),
        "That is what n rounds remove which keep `density` each. Here they reach it together: you need the root.": (
            lambda d, n: 1 - d**n
        ),
        "That is what n rounds leave which keep `density` each. Here they reach it together: you need the root.": (
            lambda d, n: d**n
        ),
        "You divide the density by the rounds, as density ** 1 / rounds does without parentheses. What the rounds keep is "
        "multiplied: you need the root.": (lambda d, n: 1 - d / n, lambda d, n: d / n),
        "You divide with //, and 1 // rounds is 0 for two rounds or more. The root needs 1 / rounds.": lambda d, n: (
            1 - d ** (1 // n)
        ),
        "You divide the logarithm of the density by the rounds. That is the logarithm of what a round keeps, or close to what "
        "it removes: take exp() of it, and subtract that from 1.": (
            lambda d, n: -math.log(d) / n,
            lambda d, n: math.log(d) / n,
            lambda d, n: 1 - math.log(d) / n,
        ),
        "That is the share for one round fewer.": (
            lambda d, n: 1 - d ** (1 / (n - 1)),
            lambda d, n: 1 - d ** (1 / max(1, n - 1)),
        ),
        "That is what all rounds remove together. The question is for one of them.": lambda d, n: 1 - d,
        "That is the share for two rounds, whatever `rounds` is.": lambda d, n: 1 - d**0.5,
        "That is the share for one round more.": lambda d, n: 1 - d ** (1 / (n + 1)),
        "Your number is negative where a share is removed: it has the other sign.": lambda d, n: d ** (1 / n) - 1,
        "You return percent. Return a share from 0 to 1.": lambda d, n: 100 * (1 - d ** (1 / n)),
        "Your share is rounded to two places. Return it as it comes.": lambda d, n: round(1 - d ** (1 / n), 2),
    }
    compare(
        answer,
        right=lambda d, n: 1 - d ** (1 / n),
        wrong=wrong,
        names=("density", "rounds"),
        atol=1e-9,
        edges=[(0.5, 1), (0.1, 5), (0.036, 15)],
        inputs=st.tuples(numbers(0.0625, 1, step=0.0625), st.integers(1, 20)),
    )


@st.composite
def _rounds(draw: Callable) -> tuple[dict, dict, dict]:
    """(trained, first, masks) of up to two layers: trained weights need not be 0 where the new mask is."""
    trained, first, masks = {}, {}, {}
    small = numbers(-2, 2, step=0.5)
    for layer in draw(st.sampled_from([("fc",), ("fc1", "fc2")])):
        shape = draw(shapes(dims=(2, 1, 4), most=2))
        parts = {"weight": shape, "bias": (shape[0],)}
        for part in draw(st.sampled_from([("weight", "bias"), ("weight",), ("bias",)])):
            name = f"{layer}.{part}"
            trained[name], first[name] = draw(tensors(parts[part], small)), draw(tensors(parts[part], small))
            if part == "weight":
                masks[name] = draw(zeros_and_ones(parts[part]))
    return trained, first, dict(draw(st.permutations(list(masks.items()))))


@check(
    "Exercise 1, A rewind that is one",
    why="A ticket is a mask together with the numbers from before the training. So the weights that are left go back to their first values, the biases too, and the copies share no memory with what is trained next.",
)
def rewound(answer: Callable) -> None:
    """``rewound(trained, first, masks) -> dict``, new tensors that share no memory with what was given."""

    def rule(weights, biases=lambda t, f: f):
        def start(trained, first, masks):
            return {
                n: weights(trained[n], first[n], masks[n]) if n in masks else biases(trained[n], first[n])
                for n in first
            }

        return start

    def kept(t, f, m):
        return torch.where(m > 0, f, 0.0)

    def masked_alone(which):
        """The masks of some names; the other weights are whole."""
        return lambda t, f, m: {n: kept(t[n], f[n], m[n]) if n in which(list(m)) else f[n] for n in f}

    wrong = {
        "These are the trained numbers, pruned. Rewinding means the numbers from before the training.": rule(
            lambda t, f, m: torch.where(m > 0, t, 0.0), lambda t, f: t
        ),
        "Your biases are rewound, but the weights are the trained ones. They go back to `first`, too.": rule(
            lambda t, f, m: torch.where(m > 0, t, 0.0)
        ),
        "Nothing is rewound and nothing pruned: that is `trained`.": rule(lambda t, f, m: t, lambda t, f: t),
        "The pruned weights come back: nothing is multiplied by the masks. They must be 0 in the next round.": rule(
            lambda t, f, m: f
        ),
        "Your biases are as trained. A bias has no mask, and is rewound like the weights.": rule(kept, lambda t, f: t),
        "Your biases are 0. They go back to their first values, which need not be 0.": rule(
            kept, lambda t, f: torch.zeros_like(f)
        ),
        "Your biases are missing. They have no mask, but they are parameters of the next round.": lambda t, f, m: {
            n: kept(t[n], f[n], m[n]) for n in m
        },
        "The pruned weights have their first numbers, the kept ones are as trained. Pruned ones must be 0, and kept "
        "ones go back.": rule(lambda t, f, m: torch.where(m > 0, t, f)),
        "The kept weights are rewound, but the pruned ones are as trained. They must be 0.": rule(
            lambda t, f, m: torch.where(m > 0, f, t)
        ),
        "It is the wrong half of the weights that is 0: 1 in a mask means kept.": rule(
            lambda t, f, m: torch.where(m > 0, 0.0, f)
        ),
        "Your weights are the masks themselves, without the first numbers.": (
            rule(lambda t, f, m: m),
            lambda t, f, m: dict(m),
        ),
        "Only one of the masks is applied. Does return stand inside of the loop?": (
            masked_alone(lambda names: names[:1]),
            masked_alone(lambda names: names[-1:]),
        ),
        "You average the first numbers and the trained ones. Rewinding takes the first alone.": (
            rule(lambda t, f, m: m * (t + f) / 2, lambda t, f: (t + f) / 2),
            rule(lambda t, f, m: m * (t + f) / 2),
        ),
        "You return how far training went from the first numbers. The next round begins with the first numbers.": (
            rule(lambda t, f, m: m * (t - f), lambda t, f: t - f),
            rule(lambda t, f, m: m * (f - t), lambda t, f: f - t),
        ),
        "All your numbers are 0. What is kept goes back to its first numbers.": rule(
            lambda t, f, m: torch.zeros_like(f), lambda t, f: torch.zeros_like(f)
        ),
        "What is 0 in your weights is what is 0 in `trained` or in the masks. The masks alone say what is pruned.": rule(
            lambda t, f, m: torch.where((t != 0) & (m > 0), f, 0.0)
        ),
        "What is 0 in your weights is what is 0 in `trained`. The masks say what is pruned.": rule(
            lambda t, f, m: torch.where(t != 0, f, 0.0)
        ),
    }
    right = rule(kept)
    zero, one = {"fc.weight": torch.zeros(1)}, {"fc.weight": torch.ones(1)}
    trained = {"fc.weight": torch.tensor([[9.0, 4.0]]), "fc.bias": torch.tensor([8.0])}
    first = {"fc.weight": torch.tensor([[1.0, 2.0]]), "fc.bias": torch.tensor([3.0])}
    compare(
        lambda *given: _of_own_memory(answer, right, given),
        right=right,
        wrong=wrong,
        names=NAMES,
        edges=[(zero, zero, one), (trained, first, {"fc.weight": torch.tensor([[1.0, 0.0]])})],
        inputs=_rounds(),
        view=_tensors,
    )


NAMES = ("trained", "first", "masks")
MEMORY = ("expected", "these numbers, in memory of their own")


def _of_own_memory(answer: Callable, right: Callable, given: tuple[dict, dict, dict]) -> object:
    """What the answer returns. Where the numbers are right, also write into it, as training does, and look what moves."""
    before = copy.deepcopy(given)
    got = answer(*given)
    if _no_tensors(got, before[1]) or not same(before, given) or not same(right(*before), got):
        return got  # `compare` tells that
    facts = (("your call", described(before, NAMES)), ("returned", show(got)), MEMORY)
    for which, own in zip(NAMES, given, strict=True):
        if got is own:
            raise Mistake(f"Right numbers, but you return the caller's dict `{which}`.", "Make a new dict.", facts)
    for name in before[1]:
        with _written(got, name, facts):
            for which, was, now in zip(NAMES, before, given, strict=True):
                if not same(was, now):
                    raise Mistake(
                        f"Right numbers, but training your {name!r} changes the caller's `{which}`.",
                        "The two share their memory, so the next round would begin with trained numbers. clone() gives "
                        "a tensor memory of its own.",
                        facts,
                    )
    return got


@contextmanager
def _written(got: Mapping, name: str, facts: tuple) -> Iterator[None]:
    """One tensor of an answer with other numbers for a while."""
    try:
        with torch.no_grad():
            kept = got[name].clone()
            got[name].add_(1.0)
    except Exception as error:
        text = f"Right numbers, but training your {name!r} raised {type(error).__name__}: {show(str(error), 200)}"
        raise Mistake(text, "Return a plain tensor, in memory of its own.", facts) from None
    try:
        yield
    finally:
        with torch.no_grad():
            got[name].copy_(kept)


def _no_tensors(value: object, first: dict) -> tuple[str, str] | None:
    """What keeps a value from being a dict of tensors like those of `first`: message and hint."""
    try:
        assert isinstance(value, Mapping)
        parts = list(value.items())
    except Exception:
        return "Your function did not return a dict.", "Return a dict of tensors, with the names of `first`."
    for name, part in parts:
        if not issubclass(type(part), torch.Tensor):
            return f"What your dict has under {show(name, 60)} is no tensor.", "Return a dict of tensors."
        if name in first and part.dtype != first[name].dtype:
            return (
                f"Your {show(name, 60)} is of {part.dtype}, that of `first` of {first[name].dtype}.",
                "Leave the dtype as it is.",
            )
    return None


def _tensors(value: object, trained: dict, first: dict, masks: dict) -> dict[str, torch.Tensor]:
    """The tensors of a dict, without their gradients."""
    try:
        fault = _no_tensors(value, first)
        if fault is None:
            return {name: part.detach() for name, part in value.items()}
    except Exception:
        fault = "The names in your dict cannot be compared with those of `first`.", "Use the names of `first`."
    raise Mistake(*fault)


def _rate(settings: Mapping[str, object]) -> float:
    return settings["rate"]


def _gap(runs: Sequence[Run], pick: Callable = fmean) -> float | None:
    """How far the ticket is ahead, each at its best rate; None where an arm has no rate with three seeds."""
    best = at_its_best(runs, _rate, pick=pick, seeds=3)
    return best["ticket"] - best["reinit"] if len(best) == 2 else None


def _named(gap: float, limit: float = 0.5) -> str:
    return "ticket" if gap > limit else "reinit" if gap < -limit else "neither"


def _chosen_rate(runs: Sequence[Run]) -> list[float]:
    """What an arm's last runs give, where it comes back to a rate with three seeds or more; else nothing."""
    rate = runs[-1].settings["rate"]
    final = [*itertools.takewhile(lambda run: run.settings["rate"] == rate, reversed(runs))]
    came_back = any(run.settings["rate"] == rate for run in runs[: -len(final)])
    enough = len({run.settings["seed"] for run in final}) >= 3
    return [run.result for run in final] if came_back and enough else []


def _by_the_card(runs: Sequence[Run]) -> tuple[str, ...] | None:
    """By all seeds at the best rate, or by those alone that an arm was run with once its rate was chosen."""
    if (gap := _gap(runs)) is None:
        return None
    final = {arm: _chosen_rate([run for run in runs if run.arm == arm]) for arm in ("ticket", "reinit")}
    in_the_end = [_named(fmean(final["ticket"]) - fmean(final["reinit"]))] if all(final.values()) else []
    return tuple(dict.fromkeys([_named(gap), *in_the_end]))


def _said_of(runs: Sequence[Run], got: str) -> str:
    """The gap by the learner's own runs."""
    return f"Each at its best rate, the ticket is {_gap(runs):.2f} points ahead in the mean over the seeds."


def _other_rules(runs: Sequence[Run]) -> dict[str, str]:
    """Rules that are not the card's, and what each concludes from the runs."""
    if _gap(runs) is None:
        return {}
    means = at_each(runs, _rate, seeds=3)
    common = [rate for rate in means["ticket"] if rate in means["reinit"]]
    others = {}
    for arm, of in means.items():
        rate = max(of, key=of.get)
        if rate in common:
            others[f"if both have the best rate of the {arm}"] = _named(means["ticket"][rate] - means["reinit"][rate])
    if common:
        others["if both have the lowest rate"] = _named(means["ticket"][min(common)] - means["reinit"][min(common)])
        others["if the mean over all rates is taken"] = _named(
            fmean(means["ticket"].values()) - fmean(means["reinit"].values())
        )
    others |= {how: _named(_gap(runs, pick)) for how, pick in OTHERS.items()}
    others |= {f"if the limit is {limit:g}": _named(_gap(runs), limit) for limit in (0.25, 0.6, 1)}
    others |= {
        "if the first seed is left out": _named(_gap(runs, lambda own: fmean(own[1:] or own))),
        "if the geometric mean is taken": _named(
            _gap(runs, lambda own: math.exp(fmean(math.log(max(x, 1e-9)) for x in own)))
        ),
        "if the means are rounded before they are compared": _named(_gap(runs, lambda own: round(fmean(own), 1))),
        "if the means of the two best rates are averaged": _named(_of_two_rates(means)),
        "if the lead is counted in per cent of what reinit gets right, and not in points": _named(
            100 * _gap(runs) / at_its_best(runs, _rate, seeds=3)["reinit"]
        ),
        "if the lead is compared with a twentieth of the errors, and not with half a point": _named(
            20 * _gap(runs) / (100 - at_its_best(runs, _rate, seeds=3)["reinit"]), 1
        ),
    }
    for how, pick in CHOOSES.items():
        others[f"if the rate of an arm is chosen by {how}, and not by the mean"] = _named(_chosen_by(runs, pick))
    return others


CHOOSES = {"its first seed": lambda own: own[0], "its worst seed": min, "its best seed": max, "the median": median}


def _chosen_by(runs: Sequence[Run], pick: Callable) -> float:
    """How far the ticket is ahead by means, each at the rate that looks best by another summary."""
    means, looks = at_each(runs, _rate, seeds=3), at_each(runs, _rate, pick=pick, seeds=3)
    best = {arm: means[arm][max(of, key=of.get)] for arm, of in looks.items()}
    return best["ticket"] - best["reinit"]


def _of_two_rates(means: Mapping[str, Mapping]) -> float:
    best = {arm: fmean(sorted(of.values())[-2:]) for arm, of in means.items()}
    return best["ticket"] - best["reinit"]


def _uneven(
    hill: Callable[[float, int], float], more: float, which: Callable[[float], bool] = one_in_three
) -> Callable[[float, int], float]:
    """The same, but some seeds, by default one in three, get so much more right, at every rate."""
    return lambda rate, seed: hill(rate, seed) + more * which(seed)


def _networks(
    ticket: Callable[[float, int], float], reinit: Callable[[float, int], float], lucky: float = 6.0
) -> Callable[..., float]:
    """A made-up experiment: what both arms get right at a rate with a seed, and what the seed does to both."""

    def measure(arm: str, number: int, rate: float, seed: int) -> float:
        luck = lucky * (((seed * 7919 + 13) % 101) / 100 - 0.5)  # good or bad for both arms alike
        return max(1.0, {"ticket": ticket, "reinit": reinit}[arm](rate, seed) + luck)

    return numbered(measure)


def _hill(top: float, at: float, fall: float) -> Callable[[float, int], float]:
    """The more steps of a factor of four a rate lies from the best one, the less is right; flat on the top."""

    def right(rate: float, seed: int) -> float:
        steps = abs(math.log(max(rate, 1e-9) / at, 4))
        return top - fall * max(0.0, steps - 0.5) ** 2

    return right


def _at_high_rates(
    hill: Callable[[float, int], float], one: float, others: float, which: Callable[[float], bool] = one_alone
) -> Callable[[float, int], float]:
    """The same, but above a rate of 0.01 one seed gets so much more right, and the others so much."""
    return lambda rate, seed: hill(rate, seed) + ((one if which(seed) else others) if rate > 0.01 else 0.0)


def _first(seed: float) -> bool:
    return seed == 0


def _lucky(hill: Callable[[float, int], float], above: float) -> Callable[[float, int], float]:
    """The same, but from a rate on two seeds in three lose eleven points, and the third wins five."""

    def right(rate: float, seed: int) -> float:
        return hill(rate, seed) + ((5.0 if seed % 3 == 1 else -11.0) if rate > above else 0.0)

    return right


HALF = "Compare the means of each at its best rate, and the limit of half a point."
EXPERIMENTS = (
    World(
        "the ticket is better by one and a half points, and some seeds are better than others by several, for both arms alike.",
        "ticket",
        _networks(_hill(93, 0.0048, 1), _hill(91.5, 0.0048, 1)),
        "A seed moves both arms up or down alike, so that the results of the two arms overlap. Compare means over the same "
        "seeds: there what the seeds do to both cancels.",
    ),
    World(
        "both are equally good at their best rate, 0.0192; at lower ones reinit loses much more than the ticket.",
        "neither",
        _networks(_hill(92, 0.0192, 0.2), _hill(92, 0.0192, 6)),
        "At a low rate or in the mean over all rates the ticket leads here, and not at the best rate of each. Nobody has to train "
        "an arm at a rate that does not suit it.",
    ),
    World(
        "both are equally good at their best rates, but these are not the same: 0.0012 for the ticket, 0.0192 for reinit.",
        "neither",
        _networks(_hill(92, 0.0012, 3), _hill(92, 0.0192, 6)),
        "One rate for both, whichever it is, favours one of them. Choose the rate for each arm by itself.",
    ),
    World(
        "reinit is better by one and a half points at its best rate, 0.0192; at 0.0012 the ticket is far ahead.",
        "reinit",
        _networks(_hill(91, 0.0048, 1), _hill(92.5, 0.0192, 4)),
        "The new values are better here. An experiment that can only come out for the ticket, or for nobody, is no test of it.",
    ),
    World(
        "both are equally good; at high rates the ticket has one very good seed, and two bad ones.",
        "neither",
        _networks(_lucky(_hill(88, 0.0048, 0.5), 0.01), _hill(88, 0.0048, 0.5)),
        "The best single training is mostly luck. The best rate is the one with the best *mean* over the seeds.",
    ),
    World(
        "both are equally good; the best rate of reinit is 0.1, higher than the 0.0192 of the lesson.",
        "neither",
        _networks(_hill(92, 0.0048, 1), _hill(92, 0.1, 2)),
        "The best of your rates for reinit is the highest that you tried, so its true best lies beyond. Try more rates for both "
        "arms, until the best lies between two others.",
    ),
    *(
        World(
            f"at their best rates the ticket is {gap:+g} points ahead.",
            _by_the_card,
            _networks(_hill(91 + gap, 0.0048, 1), _hill(91, 0.0192, 1)),
            HALF,
        )
        for gap in (0.38, -0.38, 0.7, -0.7)
    ),
    World(
        "the ticket is 0.2 points ahead, and with every third seed 3.2.",
        _by_the_card,
        _networks(_uneven(_hill(91.2, 0.0048, 1), 3.0), _hill(91, 0.0192, 1), lucky=0.2),
        HALF,
    ),
    *(
        World(
            f"the ticket is {gap} points ahead, and with a single seed {more:+g} points more.",
            _by_the_card,
            _networks(_uneven(_hill(91 + gap, 0.0048, 1), more, one_alone), _hill(91, 0.0192, 1), lucky=0.0),
            HALF,
        )
        for gap, more in ((0.8, -1.85), (0.2, 0.75))
    ),
    *(
        World(
            f"at their best rates reinit gets {of:g} % right, and the ticket {gap:+g} points more.",
            _by_the_card,
            _networks(_hill(of + gap, 0.0048, 1), _hill(of, 0.0048, 1), lucky=0.0),
            HALF,
        )
        for of, gap in ((91, 0.54), (91, -0.57), (40, 0.4))
    ),
    World(
        "the ticket is 0.2 points ahead, and with the first seed 3.2.",
        _by_the_card,
        _networks(_uneven(_hill(91.2, 0.0048, 1), 3.0, _first), _hill(91, 0.0048, 1), lucky=0.0),
        HALF,
    ),
    World(
        "the ticket is 28 points ahead, but with a single seed it gets 2 % right.",
        _by_the_card,
        _networks(_uneven(_hill(78, 0.0048, 1), -76.0, one_alone), _hill(50, 0.0048, 1), lucky=0.0),
        HALF,
    ),
    *(
        World(
            f"both are equally good, but above a rate of 0.01 the ticket gets {one:+g} points with one seed, and {others:+g} with the others.",
            _by_the_card,
            _networks(_at_high_rates(_hill(75, 0.0048, 0.1), one, others, which), _hill(75, 0.0048, 0.1), lucky=0.0),
            HALF,
        )
        for one, others, which in ((5, -11, _first), (-8, 6, one_alone), (20, -1, one_alone))
    ),
)


@check(
    "Exercise 2, Each at its best",
    why="An arm at its best is the best of its means over the seeds, at whichever rate. Both arms tried the same rates with the same "
    "seeds, so neither had better chances to be lucky, and only the arm differs.",
)
def better_arm(answer: Callable) -> None:
    """``better_arm(right) -> "ticket", "reinit" or "neither"``, for made-up experiments."""

    def rates_that_exist(runs: Sequence[Run]) -> None:
        odd = sorted({run.settings["rate"] for run in runs if not 1e-4 <= run.settings["rate"] <= 1})
        if odd:
            raise Mistake(f"A learning rate of {odd[0]:g} cannot be had here.", "Take rates from 0.0001 to 1.")

    investigate(
        answer,
        EXPERIMENTS,
        arms=("ticket", "reinit"),
        settings={"rate": 0.0012, "seed": 0},
        least={"rate": 3, "seed": 3},
        tuned=("rate",),
        conclusions=("ticket", "reinit", "neither"),
        look=rates_that_exist,
        rule=_by_the_card,
        rule_said=_said_of,
        others=_other_rules,
        name="right",
    )

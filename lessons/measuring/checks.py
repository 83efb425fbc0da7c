"""Checks of the lesson `measuring`, measuring honestly."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Sequence, Set
from statistics import fmean, geometric_mean, harmonic_mean, median, median_high, median_low, mode

import numpy as np
import torch
from hypothesis import strategies as st

from course_utils.exercises.calls import run
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.investigation import Run, World, by_arm, comes_out, investigate, longest_stretch
from course_utils.exercises.search import compare, examine
from course_utils.exercises.values import is_number, show

MOST_CALLS = 2_000  # of the stopwatch of exercise 2

# Why a line of the benchmark in exercise 3 is no flaw. The three that are missing here are.
RIGHT_LINES = {
    3: "Line 3 is right: a model that answers, and does not learn, belongs in evaluation mode.",
    4: "Line 4 is right: each model gets a list of its own.",
    5: "Line 5 is right: nothing is trained, so no gradients need to be recorded, for either model.",
    6: "Line 6 is right: it warms up both models, 30 times each, while no clock runs.",
    7: "Line 7 is right: many rounds are what one timing lacks.",
    8: "Line 8 is right: the models take turns in a changing order, so a drifting clock rate hits both.",
    9: "Line 9 is right: it reads the clock just before the call. It did not choose the clock.",
    10: "Line 10 is right: on a CPU the call returns when its work is done.",
    11: "Line 11 is right: it reads the clock just after the call. It did not choose the clock.",
}
FLAWED_LINES = {
    1: "One is left. Ask of each tool whether it was made for the job: can this clock be set while you measure?",
    2: "One is left. Compare the states in which the two models are measured.",
    12: "One is left. Follow the samples of both models to the end: are they summed up in the same way?",
}


@check(
    "Exercise 3, Three flaws in a benchmark",
    why="A comparison is fair when both models meet the same conditions and the same summary, and when the clock only "
    "runs forward. Then what is left of the difference is that of the models.",
)
def flawed_lines(answer: Callable) -> None:
    """``flawed_lines() -> set of int``, numbers of lines."""

    def judge() -> None:
        value = run(answer, ())
        got, lines = _line_numbers(value), FLAWED_LINES | RIGHT_LINES
        if not got:
            raise Mistake("Your function returned no line.", "Three lines are flawed: name their numbers.")
        if not got <= lines.keys():
            raise Mistake(f"Your function returned {show(value)}.", f"The benchmark has the lines 1 to {max(lines)}.")
        missing, not_flawed = sorted(FLAWED_LINES.keys() - got), sorted(got & RIGHT_LINES.keys())
        shown = ", ".join(map(str, sorted(got)))
        found = f"Your function returned {{{shown}}}: {3 - len(missing)} of the three flawed lines"
        if not_flawed:
            raise Mistake(f"{found}, and others.", RIGHT_LINES[not_flawed[0]])
        if len(missing) == 1:
            raise Mistake(f"{found}.", FLAWED_LINES[missing[0]])
        if missing:
            raise Mistake(
                f"{found}.",
                "Two more are left: ask of each line whether it treats both models alike, and of "
                "each tool whether it was made for the job.",
            )

    examine(judge, edges=[(), ()])  # twice, because nothing else tells an answer that hangs on chance


def _line_numbers(value: object) -> set[int]:
    try:
        if not isinstance(value, Set | list | tuple | range | np.ndarray | torch.Tensor):
            raise TypeError
        numbers = value.tolist() if isinstance(value, np.ndarray | torch.Tensor) else list(value)
        if not all(is_number(n) and int(n) == n for n in numbers):
            raise TypeError
        return {int(n) for n in numbers}
    except Exception:  # whatever an odd object raises, it is no line number
        raise Mistake(
            f"Your function returned {show(value)}. That is no set of whole numbers.",
            "Return a set of the numbers of lines, such as {3, 4}.",
        ) from None


@check(
    "Exercise 1, The typical speed-up",
    why="Drift changes both times of a round alike, so it cancels where you divide within the round. A disturbed round "
    "gives an extreme ratio, and extremes do not move the middle of the sorted ratios.",
)
def typical_speedup(answer: Callable) -> None:
    """``typical_speedup(base_seconds, own_seconds) -> float``, the median of the rounds' ratios."""

    def of_rounds(summary=median, each=lambda b, o: b / o):
        return lambda base, own: summary([each(b, o) for b, o in zip(base, own, strict=True)])

    def of_lists(of_base, of_own=None):
        return lambda base, own: of_base(base) / (of_own or of_base)(own)

    def turned(speedup):
        return lambda base, own: speedup(own, base)

    def without_extremes(low, high):
        return of_rounds(lambda ratios: fmean(sorted(ratios)[low : len(ratios) - high] or ratios))

    def without_quarters(ratios):
        cut = len(ratios) // 4
        return fmean(sorted(ratios)[cut : len(ratios) - cut])

    def without_far_ones(times):
        """The mean of the ratios that are no more than so many times the median, and no less than its part."""

        def summary(ratios):
            middle = median(ratios)
            return fmean([ratio for ratio in ratios if middle / times <= ratio <= middle * times] or [middle])

        return summary

    def middle_ones(ratios, of_odd=sorted, of_even=sorted):
        """The middle ratio, or half-way between the middle two, of a list that may be left as it is."""
        half, odd = divmod(len(ratios), 2)
        return of_odd(ratios)[half] if odd else fmean(of_even(ratios)[half - 1 : half + 1])

    def of_other_rounds(own_of):
        return lambda base, own: of_rounds()(base, own_of(own))

    def of_one_round(number):
        return lambda base, own: (lambda at: base[at] / own[at])(number(base, own))

    def place(choose):
        return lambda seconds: seconds.index(choose(seconds))

    wrong = {
        "You divide the means (or the sums). One disturbed round moves a mean as far as it likes.": of_lists(fmean),
        "You take the mean of the ratios. One disturbed round moves it; the median stays.": of_rounds(fmean),
        "You take the geometric mean of the ratios. One disturbed round moves it; the median stays.": of_rounds(
            geometric_mean
        ),
        "You take a mean that leaves out extremes. In a few rounds two disturbed ones still move it; the median is the "
        "middle alone.": (
            without_extremes(1, 1),
            without_extremes(0, 1),
            without_extremes(1, 0),
            of_rounds(without_quarters),
            *(of_rounds(without_far_ones(times)) for times in (1.5, 2, 3)),
        ),
        "You take the harmonic mean of the ratios: you divide by the mean of own over baseline. One disturbed round moves "
        "it; the median stays.": of_rounds(harmonic_mean),
        "You take the middle between the lowest and the highest ratio. Two extremes decide it; the median is the middle "
        "of the sorted ratios.": of_rounds(lambda ratios: (min(ratios) + max(ratios)) / 2),
        "You take a quarter or another share of the sorted ratios for the middle. The median has half of them on each "
        "side.": tuple(
            of_rounds(lambda ratios, share=share: float(np.percentile(ratios, share))) for share in (25, 75, 90, 95)
        ),
        "You have it upside down: faster means that the baseline takes longer.": turned(of_rounds()),
        "You have it upside down, and you divide two medians. Divide within each round first.": turned(
            of_lists(median)
        ),
        "You divide two medians. They may come from different rounds: divide within each round first.": (
            of_lists(median),
            of_lists(median_low),
            of_lists(median_high),
        ),
        "You compare each time of one list with the median of the other. Only times of the same round belong together.": (
            lambda base, own: median(median(base) / seconds for seconds in own)
        ),
        "You compare each time of one list with the slowest or the fastest of the other. Only times of the same round belong "
        "together.": tuple(lambda base, own, of=of: median(of(base) / seconds for seconds in own) for of in (max, min)),
        "Your pairs are of different rounds, as after sorting, turning or shifting a list. Divide within each round.": (
            lambda base, own: of_rounds()(sorted(base), sorted(own)),
            of_other_rounds(lambda own: own[::-1]),
            of_other_rounds(lambda own: own[-1:] + own[:-1]),
            of_other_rounds(lambda own: own[1:] + own[:1]),
            of_other_rounds(sorted),
            lambda base, own: of_rounds()(sorted(base), own),
        ),
        "You divide the best cases. Two lucky samples are not typical.": of_lists(min),
        "You divide the worst cases. Two disturbed samples are not typical.": of_lists(max),
        "You sum up each list by itself, the two in different ways, and then divide. Divide within each round first.": (
            of_lists(median, fmean),
            of_lists(fmean, median),
            of_lists(max, min),
            of_lists(min, max),
            of_lists(min, fmean),
            of_lists(min, median),
            of_lists(fmean, max),
            of_lists(max, fmean),
            of_lists(median, max),
            of_lists(max, median),
        ),
        "You divide the mean of one by the best of the other. Sum up both in the same way.": of_lists(fmean, min),
        "You take the highest ratio. That is the luckiest round, not a typical one.": of_rounds(max),
        "You take the lowest ratio. That is the unluckiest round, not a typical one.": of_rounds(min),
        "You take the lower of the two middle ratios, as torch.median does. The median lies half-way.": of_rounds(
            lambda ratios: sorted(ratios)[(len(ratios) - 1) // 2]
        ),
        "You take the upper of the two middle ratios. The median lies half-way.": of_rounds(
            lambda ratios: sorted(ratios)[len(ratios) // 2]
        ),
        "You take the middle round without sorting. The median is the middle of the sorted ratios.": (
            of_rounds(lambda ratios: ratios[len(ratios) // 2]),
            of_rounds(lambda ratios: (ratios[len(ratios) // 2] + ratios[-(len(ratios) // 2) - 1]) / 2),
        ),
        "Of an odd number of rounds you sort, and of an even number not. The median is the middle of the sorted ratios.": of_rounds(
            lambda ratios: middle_ones(ratios, of_even=list)
        ),
        "Of an even number of rounds you sort, and of an odd number not. The median is the middle of the sorted ratios.": of_rounds(
            lambda ratios: middle_ones(ratios, of_odd=list)
        ),
        "You average two ratios of an odd number of rounds, too. There the one in the middle is the median.": (
            of_rounds(lambda ratios: (sorted(ratios)[len(ratios) // 2 - 1] + sorted(ratios)[len(ratios) // 2]) / 2),
            of_rounds(lambda ratios: fmean((sorted(ratios) * 2)[len(ratios) // 2 : len(ratios) // 2 + 2])),
        ),
        "You divide the longer time of a round by the shorter one. A round in which the candidate is slower has a ratio below 1: "
        "leave it as it is.": of_rounds(each=lambda b, o: max(b, o) / min(b, o)),
        "You look at the first round only. It may be a disturbed one.": of_rounds(lambda ratios: ratios[0]),
        "You look at the last round only. It may be a disturbed one.": of_rounds(lambda ratios: ratios[-1]),
        "You leave out the rounds in which the candidate is slower. They count like the others.": of_rounds(
            lambda ratios: median([ratio for ratio in ratios if ratio > 1] or [1.0])
        ),
        "Of an even number of rounds you add the two middle ratios and do not halve the sum, or you double the "
        "median.": of_rounds(lambda ratios: median_low(ratios) + median_high(ratios)),
        "You take the most frequent ratio. Times hardly ever repeat: the median is the middle of the sorted ratios.": of_rounds(
            mode
        ),
        "Your result is never below 1. A candidate that is slower has a speed-up below 1: return it as it is.": of_rounds(
            lambda ratios: max(1.0, median(ratios))
        ),
        "You divide with //, which rounds down. A speed-up is seldom a whole number: divide with /.": of_rounds(
            each=lambda b, o: b // o
        ),
        "You cut off what is behind the point, as int() does. Return the speed-up as it is.": of_rounds(
            lambda ratios: int(median(ratios))
        ),
        "You take a logarithm. Twice as fast is a speed-up of 2.": tuple(
            of_rounds(lambda ratios, log=log: log(median(ratios))) for log in (math.log, math.log2, math.log10)
        ),
        "You divide every base_seconds by every own_seconds. Only times of the same round belong together.": (
            lambda base, own: median(b / o for b in base for o in own)
        ),
        "Of an even number of rounds you take the geometric mean of the two middle ratios. By the card it is half-way: their "
        "sum over 2.": of_rounds(lambda ratios: geometric_mean([median_low(ratios), median_high(ratios)])),
        "Your result is 1 whatever the times are. Compute it from them.": lambda base, own: 1.0,
        "You leave out the first round. Every round counts: one that is disturbed hardly moves a median.": of_rounds(
            lambda ratios: median(ratios[1:] or ratios)
        ),
        "You leave out the last round. Every round counts.": of_rounds(lambda ratios: median(ratios[:-1] or ratios)),
        "You leave out several rounds, as if they were a warm-up: the first ones, or a half. Every round counts: one that is disturbed hardly "
        "moves a median.": (
            *(of_rounds(lambda ratios, out=out: median(ratios[out:] or ratios)) for out in (2, 3, 5)),
            of_rounds(lambda ratios: median(ratios[len(ratios) // 2 :])),
            of_rounds(lambda ratios: median(ratios[: len(ratios) // 2] or ratios)),
        ),
        "You keep each ratio once, as a set does. Two rounds with the same ratio are two rounds.": of_rounds(
            lambda ratios: median(set(ratios))
        ),
        "You turn the median of own over baseline upside down. Of an even number of rounds that is not half-way between "
        "the two middle speed-ups: divide the baseline by the candidate in each round.": of_rounds(
            lambda ratios: 1 / median(1 / ratio for ratio in ratios)
        ),
        **{
            f"You round to {what}. Return the speed-up as it is.": of_rounds(
                lambda ratios, digits=digits: round(median(ratios), digits)
            )
            for digits, what in enumerate(["a whole number", "one digit", "two digits", "three digits"])
        },
        "You return per cent. Twice as fast is a speed-up of 2, not of 200.": of_rounds(
            lambda ratios: 100 * median(ratios)
        ),
        "You return what is gained, in per cent. Twice as fast is a speed-up of 2, not of 100.": of_rounds(
            lambda ratios: 100 * (median(ratios) - 1)
        ),
        "You divide the median of one by the best of the other. Divide within each round.": of_lists(median, min),
        "You take the one round in which a time is the least, the most or the middle one. Its ratio need not be typical: "
        "take the median of all.": tuple(
            of_one_round(lambda base, own, at=at, mine=mine: at(own if mine else base))
            for at in map(place, (min, max, median_low, median_high))
            for mine in (True, False)
        ),
        "You subtract one list's sum, mean or median from that of the other. A speed-up is a ratio: it has no unit.": tuple(
            lambda base, own, of=of: of(base) - of(own) for of in (median, fmean, sum)
        ),
        "You subtract. A speed-up is a ratio: it has no unit.": of_rounds(each=lambda b, o: b - o),
        "You compare magnitudes of differences. Divide the baseline by the candidate in each round.": (
            of_rounds(each=lambda b, o: abs(b - o) / o),
            of_rounds(each=lambda b, o: abs(b - o) / b),
            of_rounds(each=lambda b, o: abs(b - o)),
            of_rounds(lambda ratios: abs(median(ratios) - 1)),
        ),
        "You return what is gained: 0 for equal times. As fast as before is a speed-up of 1.": of_rounds(
            each=lambda b, o: b / o - 1
        ),
        "You add the share of time that is saved to 1. Half the time is a speed-up of 2, not of 1.5.": of_rounds(
            each=lambda b, o: 2 - o / b
        ),
        "You return the share of time that is saved. How many times faster is the candidate?": (
            of_rounds(each=lambda b, o: 1 - o / b),
            of_rounds(each=lambda b, o: 100 * (1 - o / b)),
            lambda base, own: 1 - median(own) / median(base),
            lambda base, own: 100 * (1 - median(own) / median(base)),
        ),
    }

    def rounds(seconds):
        return st.lists(st.tuples(seconds, seconds), min_size=1, max_size=7)

    short, as_measured = numbers(0.25, 4, step=0.25), st.integers(10_000, 99_999).map(lambda n: n / 1e6)
    compare(
        answer,
        right=of_rounds(),
        wrong=wrong,
        names=("base_seconds", "own_seconds"),
        edges=[
            ([0.2, 0.2], [0.2, 0.2]),
            ([5.0], [4.0]),
            ([0.021, 0.020, 0.094, 0.022, 0.020], [0.011, 0.010, 0.012, 0.010, 0.016]),
            ([2.0, 2.6, 3.1, 3.9], [1.0, 1.2, 1.6, 2.6]),
        ],
        inputs=(rounds(short) | rounds(short) | rounds(as_measured)).map(
            lambda rounds: ([base for base, _ in rounds], [own for _, own in rounds])
        ),
    )


def _machine(faster=0.0, warming=True, drift=0.0, disturbed=False, unlike=0.004):
    """A made-up machine: seconds of a call, by what is called and by how many calls came before.

    Args:
        faster: by which share "new" takes less time than "old".
        warming: whether the first calls are slow.
        drift: by which share of the first call each call is slower than the one before, for 300 calls.
        disturbed: whether another program takes the processor during one call of 37, for a shorter or a longer time.
        unlike: by which share two calls differ at least, where they do.
    """

    def measure(arm: str, number: int) -> float:
        seconds = 1e-3 * (1 - faster * (arm == "new"))
        seconds *= 1 + unlike * ((7 * number) % 5 - 2)  # no two calls take quite the same
        seconds *= 1 + drift * min(number, 300)
        if warming:
            seconds *= 1 + 12 / 2**number if number < 12 else 1
        if disturbed and number % 37 == 15:  # an odd stride: it meets both, and not by the same amount
            seconds *= 6 + 25 * (number // 37 % 2)
        return seconds

    return measure


def _uneven(slower: float, faster: float = 0.0) -> Callable[[str, int], float]:
    """A machine on which each of the two is slowed down in a third of the rounds, by this share of its time."""
    quiet = _machine(faster, warming=False, unlike=0.0005)
    return lambda arm, number: quiet(arm, number) * (1 + slower * (number % 6 in (2, 5)))


IRREGULAR = 8  # machines on which what disturbs has no pattern: each call is disturbed on one of them


@functools.cache
def _disturbances() -> list[list[float]]:
    """For each of these machines: what multiplies the time of each call."""
    chance, quiet = random.Random(5), _machine(warming=False)
    factors = [[quiet("old", number) / 1e-3 for number in range(MOST_CALLS)] for _ in range(IRREGULAR)]
    for number in range(MOST_CALLS):
        slow, quick = chance.sample(factors, 2)
        slow[number] *= 1 + chance.uniform(0.5, 40)
        if chance.random() < 0.3:
            quick[number] *= chance.uniform(0.4, 0.9)
    return factors


def _irregular(which: int) -> Callable[[str, int], float]:
    """Machine number `which` of these, on which both are equally fast."""
    return lambda arm, number: 1e-3 * _disturbances()[which][number]


def _of_card(speedup: float) -> str:
    """What the card concludes from a typical speed-up."""
    return "new" if speedup > 1.05 else "old" if speedup < 0.95 else "no difference"


def _summaries(old: Sequence[float], new: Sequence[float]) -> dict[str, tuple[float, ...]]:
    """What else than the median of the rounds could be taken for typical: its name -> what it is here."""
    ratios = sorted(base / own for base, own in zip(old, new, strict=True))
    return {
        "of a round at a quarter of the way from the worst to the best, and not of the middle one": (
            ratios[len(ratios) // 4],
            ratios[3 * len(ratios) // 4],
        ),
        "of the means or the sums": (fmean(old) / fmean(new),),
        "of the mean of the quotients": (fmean(ratios), geometric_mean(ratios)),
        "of the fastest calls": (min(old) / min(new),),
        "of the slowest calls": (max(old) / max(new),),
        "of unlike ones, as a mean or a median over the fastest call": (
            fmean(old) / min(new),
            median(old) / min(new),
            min(old) / fmean(new),
            min(old) / median(new),
        ),
    }


def _also_said(old: Sequence[float], new: Sequence[float], conclusion: str) -> list[str]:
    """By which other summaries an experiment's own times come to a conclusion: each with the number that it gives."""
    found = {}
    for out in (0, 10, 20, 30, len(old) // 4, len(old) // 2):  # rounds that are left out as a warm-up
        for name, values in _summaries(old[out:], new[out:]).items() if out < len(old) else ():
            for value in values:
                if _of_card(value) == conclusion:
                    found.setdefault(name, f"{name} ({value:.3g}{f', without the first {out} rounds' if out else ''})")
    alone = sum(_of_card(base / own) == conclusion for base, own in zip(old, new, strict=True))
    if alone:
        found["alone"] = f"of a single round, wherever it stands ({alone} of {len(old)} say so by themselves)"
    return [*found.values()]


def _against_its_runs(hint: str) -> Callable[[Sequence[Run], str], str]:
    """What a wrong conclusion has against it in the experiment's own runs; the hint, where they say the same."""

    def said(runs: Sequence[Run], got: str) -> str:
        times = by_arm(runs)
        old, new = times["old"], times["new"]
        speedup = median(base / own for base, own in zip(old, new, strict=True))
        follows = _of_card(speedup)
        if follows == got:  # so the runs themselves are at fault
            name, longest = longest_stretch(runs)
            if longest < 8:
                return hint
            return (
                f"You run {longest} calls of {name} one after the other, and the machine changes meanwhile. Take turns, and "
                "compare within each round."
            )
        start = f"By your own runs old takes {speedup:.3f} times as long as new in the typical round, by the median"
        if follows != "no difference" and got != "no difference":
            examples = ["if you divide new by old", "if the two conclusions are exchanged"]
            examples += ["if you do not ask which of the two is ahead"] * (got == "new")
            start += f": new is the {'faster' if follows == 'new' else 'slower'} one."
        elif got == "no difference":
            examples = [
                "of a limit farther from 1 than the card's",
                f"if your function never says {follows!r} where it should",
                "of a difference in seconds (a quotient does not depend on how long a call takes)",
                "if nearly every round must show it, and not the typical one",
            ]
            if 1.05 < speedup < 1.053:
                examples.append("of the share of old's time that is saved: a speed-up of 1.05 saves 4.8 %, not 5 %")
            start += f". That is {'above 1.05' if follows == 'new' else 'below 0.95'}, and by the card a difference."
        else:
            ahead = speedup > 1.015 if got == "new" else speedup < 0.985
            examples = (
                ["of a limit nearer to 1 than the card's", "of a count of the rounds in which it is ahead"]
                if ahead
                else []
            )
            examples += _also_said(old, new, got)
            start += ". That lies between 0.95 and 1.05, and by the card it is no difference."
        if not examples:
            return f"{start} Your function does not conclude from that number."
        return start + comes_out(got, examples)

    return said


def _equally_fast(said: str, hint: str, machine: Callable[[str, int], float]) -> World:
    return World(said, "no difference", machine, _against_its_runs(hint))


def _near_a_limit(new_takes: float, unlike: float = 0.0005) -> World:
    """New takes so many times as long as old, on a machine so quiet that nothing but this counts."""
    share, speedup = 100 * (new_takes - 1), 1 / new_takes
    right = _of_card(speedup)
    said = f"new takes {abs(share):.2g} % {'more' if share > 0 else 'less'} time than old, so that the speed-up is {speedup:.3f}."
    hint = f"By the card a speed-up of {speedup:.3f} is {right!r}."
    return World(said, right, _machine(1 - new_takes, warming=False, unlike=unlike), _against_its_runs(hint))


MACHINES = (
    World(
        "new takes 20 % less time than old, on a quiet machine.",
        "new",
        _machine(0.2),
        _against_its_runs(
            "Compare what is typical of the two: how many times as long does old take, in the typical round? 1.25 is more than 1.05."
        ),
    ),
    *map(_near_a_limit, (0.98, 1.02, 0.958, 1.045, 0.945, 1.06)),
    *(_near_a_limit(new_takes, unlike=0.0001) for new_takes in (0.951, 0.9535, 1.0509)),
    _equally_fast(
        "they are equally fast, and the first calls are slow.",
        "The first calls of this machine are slow: they count for whichever you called first. Leave out the first rounds, or take a "
        "median of more of them.",
        _machine(),
    ),
    _equally_fast(
        "they are equally fast, and every call takes 0.4 % longer than the one before.",
        "This machine gets slower with every call. Put neighbours in time side by side, and sum up both in the same way.",
        _machine(drift=0.004),
    ),
    _equally_fast(
        "they are equally fast, and another program disturbs one call of 37, sometimes for long.",
        "A few disturbed calls move a mean, a sum, an extreme or a single round as far as they like. Take a median.",
        _machine(disturbed=True),
    ),
    *(
        _equally_fast(
            "they are equally fast; other programs disturb one call of eight, and a few calls come back sooner than others.",
            "Some calls are disturbed here, and others are lucky. Take a median of many rounds: the others stay in its middle.",
            _irregular(which),
        )
        for which in range(IRREGULAR)
    ),
    _equally_fast(
        "they are equally fast, and each of them takes 12 % longer in a third of the rounds.",
        "Each is slowed down here in a third of the rounds. The round in the middle is one in which neither is.",
        _uneven(0.12),
    ),
    World(
        "new takes 20 % less time than old, and each of them takes 40 % longer in a third of the rounds.",
        "new",
        _uneven(0.4, 0.2),
        _against_its_runs("In a third of the rounds new loses here. In the typical one it is ahead by more than 5 %."),
    ),
)


@check(
    "Exercise 2, A fair race",
    why="Taking turns lets drift meet both alike, and a median of many rounds leaves out the slow first calls and the disturbed "
    "ones. What is left is the difference of the two. (The ratio within each round divides the drift out even where it is strong.)",
)
def fair_race(answer: Callable) -> None:
    """``fair_race(seconds) -> "new", "old" or "no difference"``, on made-up machines."""
    investigate(
        answer,
        MACHINES,
        arms=("old", "new"),
        least_runs=15,
        most_runs=MOST_CALLS,
        conclusions=("new", "old", "no difference"),
        name="seconds",
    )

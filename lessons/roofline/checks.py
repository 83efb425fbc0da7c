"""Checks of the lesson `roofline`: memory or arithmetic?"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Sequence
from statistics import fmean, geometric_mean, median

import numpy as np
from hypothesis import strategies as st

from course_utils.exercises.core import check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.investigation import Run, World, by_arm, comes_out, investigate, longest_stretch
from course_utils.exercises.search import compare
from course_utils.measure.energy import READ_32_BIT_PJ


@check(
    "Exercise 1, The least time of a layer",
    why="Memory and arithmetic work side by side, so the longer of the two times is the least that the layer takes. The weights "
    "are moved once for the batch, the operations grow with it: so a large batch ends in arithmetic.",
)
def roof_seconds(answer: Callable) -> None:
    """``roof_seconds(n_in, n_out, batch, bytes_each, peak, bandwidth) -> float``, in seconds."""

    def least(
        *,
        operations=lambda n, m, b: 2 * b * n * m,
        counted=lambda n, m, b: n * m + b * (n + m),
        size=lambda e: e,
        joined=max,
    ):
        return lambda n, m, b, e, peak, band: joined(operations(n, m, b) / peak, size(e) * counted(n, m, b) / band)

    def without_no_layer(n, m, b, e, peak, band):
        operations, n_bytes = 2 * b * n * m, e * (n * m + b * (n + m))
        return operations / min(peak, operations / n_bytes * band)

    wrong = {
        "You add the two times. Arithmetic and memory work at the same time: the slower one decides.": least(
            joined=lambda arithmetic, memory: arithmetic + memory
        ),
        "You take the faster of the two. The layer is done when the slower one is.": least(joined=min),
        "You take the time of the arithmetic only. The numbers must be moved too, and that may take longer.": least(
            joined=lambda arithmetic, memory: arithmetic
        ),
        "You take the time of the memory only. With a large batch the arithmetic may take longer.": least(
            joined=lambda arithmetic, memory: memory
        ),
        "You count a MAC as one operation. It is two: a multiplication and an addition.": least(
            operations=lambda n, m, b: b * n * m
        ),
        "You count the operations of one input. Every input of the batch needs them.": least(
            operations=lambda n, m, b: 2 * n * m
        ),
        "You move the weights only. The inputs are read and the outputs are written, too.": least(
            counted=lambda n, m, b: n * m
        ),
        "You leave out the outputs. They are written to memory, n_out numbers for each input.": least(
            counted=lambda n, m, b: n * m + b * n
        ),
        "You leave out the inputs. They are read from memory, n_in numbers each.": least(
            counted=lambda n, m, b: n * m + b * m
        ),
        "You count the larger one of an input and its output. Both are moved.": least(
            counted=lambda n, m, b: n * m + b * max(n, m)
        ),
        "You take the larger one of weights and activations. The same memory moves both, one after the other: add them.": (
            least(counted=lambda n, m, b: max(n * m, b * (n + m))),
            least(counted=lambda n, m, b: max(n * m, b * n, b * m)),
        ),
        "You move some numbers twice. Weights and inputs are read once, and outputs are written once.": tuple(
            least(counted=lambda n, m, b, w=w, i=i, o=o: w * n * m + b * (i * n + o * m))
            for w, i, o in ((1, 1, 2), (1, 2, 1), (1, 2, 2), (2, 1, 1), (2, 2, 2))
        ),
        "You count n_in numbers for an output, or n_out for an input. An input has n_in, an output n_out.": (
            least(counted=lambda n, m, b: n * m + 2 * b * n),
            least(counted=lambda n, m, b: n * m + 2 * b * m),
        ),
        "You multiply counts that belong to different numbers. Weights are n_in · n_out, inputs batch · n_in, outputs batch · "
        "n_out: add the three.": (
            least(counted=lambda n, m, b: n * m + b * n * m),
            least(counted=lambda n, m, b: n * m * b * (n + m)),
            least(counted=lambda n, m, b: n * m * b),
        ),
        "You take n_in + n_out for the number of weights. Each of the n_out results has n_in weights: n_in · n_out.": (
            least(counted=lambda n, m, b: n + m + b * (n + m)),
            least(operations=lambda n, m, b: 2 * b * (n + m)),
            least(operations=lambda n, m, b: 2 * b * (n + m), counted=lambda n, m, b: n + m + b * (n + m)),
        ),
        "You take the mean of the two times. Arithmetic and memory work at the same time: the slower one decides.": least(
            joined=lambda arithmetic, memory: (arithmetic + memory) / 2
        ),
        "You choose between the two times by an intensity that leaves out bytes or counts a MAC as one operation. Take the "
        "longer of the two times.": tuple(
            lambda n, m, b, e, peak, band, of=of: (
                2 * b * n * m / peak if of(n, m, b, e) > peak / band else e * (n * m + b * (n + m)) / band
            )
            for of in (
                lambda n, m, b, e: 2 * b / e,
                lambda n, m, b, e: b / e,
                lambda n, m, b, e: b / 2,
                lambda n, m, b, e: b * n * m / max(1, e * (n * m + b * (n + m))),
            )
        ),
        "You count the batch beside the numbers. Each of its inputs has n_in numbers, and each output n_out: multiply.": least(
            counted=lambda n, m, b: n * m + b + n + m
        ),
        "You add two times, and leave out the inputs and outputs. Arithmetic and memory work at the same time, and the memory "
        "moves all numbers.": least(
            counted=lambda n, m, b: n * m, joined=lambda arithmetic, memory: arithmetic + memory
        ),
        "You add the time of the inputs and outputs after the longer one. The memory moves all numbers while the arithmetic "
        "runs: one time for all bytes.": lambda n, m, b, e, peak, band: (
            max(2 * b * n * m / peak, e * n * m / band) + e * b * (n + m) / band
        ),
        "You add the time of the outputs after the longer one, or that of the inputs before it. The memory moves all numbers while the "
        "arithmetic runs: one time for all bytes.": (
            lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, e * (n * m + b * n) / band) + e * b * m / band,
            lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, e * (n * m + b * m) / band) + e * b * n / band,
        ),
        "You add operations and bytes, or the two rates. Each kind of work has a rate of its own: two times, of which the longer "
        "one counts.": (
            lambda n, m, b, e, peak, band: (2 * b * n * m + e * (n * m + b * (n + m))) / (peak + band),
            lambda n, m, b, e, peak, band: (2 * b * n * m + e * (n * m + b * (n + m))) / min(peak, band),
            lambda n, m, b, e, peak, band: max(2 * b * n * m, e * (n * m + b * (n + m))) / min(peak, band),
            lambda n, m, b, e, peak, band: max(2 * b * n * m, e * (n * m + b * (n + m))) / max(peak, band),
        ),
        "You divide by the rates with //, which drops what is behind the point. Divide with /.": (
            lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, e * (n * m + b * (n + m)) // band),
            lambda n, m, b, e, peak, band: max(2 * b * n * m // peak, e * (n * m + b * (n + m)) / band),
        ),
        "You divide the operations by bytes_each. The peak is in operations a second, whatever their bytes are.": (
            lambda n, m, b, e, peak, band: least()(n, m, b, e, peak * e, band)
        ),
        "You take the time of the bytes for each input of the batch. The batch is done when all its bytes are moved.": (
            lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, e * (n * m + b * (n + m)) / band / b),
            lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, e * (n * m + n + m) / band / b),
        ),
        "You add the squares of the two times. Arithmetic and memory work at the same time: the slower one decides.": least(
            joined=math.hypot
        ),
        "You read an input once for each output. It is read once: n_in numbers for each input of the batch.": least(
            counted=lambda n, m, b: n * m + b * n * m + b * m
        ),
        "You round the seconds. A small layer takes microseconds or less: keep all digits.": tuple(
            lambda n, m, b, e, peak, band, digits=digits: round(least()(n, m, b, e, peak, band), digits)
            for digits in (3, 4, 5, 6, 7, 8, 9, 10, 12)
        ),
        "You take the difference of the two times. The longer one counts.": least(
            joined=lambda arithmetic, memory: abs(arithmetic - memory)
        ),
        "You multiply the operations by bytes_each. Only the memory moves bytes.": lambda n, m, b, e, peak, band: (
            least()(n, m, b, e, peak / e, band)
        ),
        "You take one addition less for each sum. A MAC is two operations: 2 · n_in for each output.": least(
            operations=lambda n, m, b: b * (2 * n - 1) * m if n else 0
        ),
        "You count four operations for a MAC. It is two: a multiplication and an addition.": least(
            operations=lambda n, m, b: 4 * b * n * m
        ),
        "You count half an operation for a MAC. It is two: a multiplication and an addition.": least(
            operations=lambda n, m, b: b * n * m / 2
        ),
        "You count the batch twice in the operations: 2 · n_in · n_out for each of its inputs.": least(
            operations=lambda n, m, b: 2 * b * b * n * m
        ),
        "You multiply by the rates. A rate is work in a second: the time is the work divided by it.": (
            lambda n, m, b, e, peak, band: least()(n, m, b, e, 1 / peak, 1 / band)
        ),
        "You divide the rates by the work. The time is the work divided by the rate.": (
            lambda n, m, b, e, peak, band: (
                max(peak / (2 * b * n * m), band / (e * (n * m + b * (n + m)))) if n * m else 0.0
            ),
            lambda n, m, b, e, peak, band: 1 / least()(n, m, b, e, peak, band) if n * m else 0.0,
        ),
        "You take bytes_each for the inputs and outputs only. Weights have as many bytes a number.": (
            lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, (n * m + e * b * (n + m)) / band)
        ),
        "Brackets are missing around the bytes: you divide only a part of them by the bandwidth.": (
            lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, e * n * m + b * (n + m) / band),
            lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, e * n * m + e * b * (n + m) / band),
            lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, e * (n * m + b * (n + m) / band)),
        ),
        "You return the operations. Their time is what is left when you divide by the peak.": (
            lambda n, m, b, *_: 2 * b * n * m
        ),
        "You return the bytes. Their time is what is left when you divide by the bandwidth.": (
            lambda n, m, b, e, *_: e * (n * m + b * (n + m))
        ),
        "You return the arithmetic intensity. The time is the longer one of operations over peak and bytes over bandwidth.": (
            lambda n, m, b, e, *_: 2 * b * n * m / max(1, e * (n * m + b * (n + m)))
        ),
        "You move the inputs and outputs, and leave out the weights: n_in · n_out numbers.": least(
            counted=lambda n, m, b: b * (n + m)
        ),
        "You move the input and the output of one input only. The batch has several.": least(
            counted=lambda n, m, b: n * m + n + m
        ),
        "You read the weights anew for each input. One read serves the whole batch.": least(
            counted=lambda n, m, b: b * (n * m + n + m)
        ),
        "You count numbers, not bytes. Each number takes bytes_each bytes.": least(size=lambda e: 1),
        "You take 4 bytes for each number. The card says bytes_each.": least(size=lambda e: 4),
        "You count bits. The bandwidth is in bytes a second, and bytes_each is in bytes.": least(size=lambda e: 8 * e),
        "You divide the bytes by 8. They are bytes already: bytes_each is in bytes, the bandwidth in bytes a second.": least(
            size=lambda e: e / 8
        ),
        "You move the outputs of one input only. Every input of the batch has n_out of them.": least(
            counted=lambda n, m, b: n * m + b * n + m
        ),
        "You move the inputs of one input only. Every input of the batch has n_in numbers.": least(
            counted=lambda n, m, b: n * m + n + b * m
        ),
        "You take bytes_each for the weights only. Inputs and outputs have as many bytes a number.": (
            lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, (e * n * m + b * (n + m)) / band),
            lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, (e * n * m + 4 * b * (n + m)) / band),
        ),
        "You move the weights only, 4 bytes each, as an intensity of B / 2 does. Inputs and outputs are moved too, and "
        "the card says bytes_each.": lambda n, m, b, e, peak, band: max(2 * b * n * m / peak, 4 * n * m / band),
        "You count a bias. This layer has none: no addition of it, and no bytes.": least(
            operations=lambda n, m, b: 2 * b * n * m + b * m, counted=lambda n, m, b: n * m + b * (n + m) + m
        ),
        "You add a bias in the arithmetic. This layer has none.": least(
            operations=lambda n, m, b: 2 * b * n * m + b * m
        ),
        "You read a bias. This layer has none.": least(counted=lambda n, m, b: n * m + b * (n + m) + m),
        "You have peak and bandwidth the wrong way round: operations are divided by the peak, bytes by the bandwidth.": (
            lambda n, m, b, e, peak, band: least()(n, m, b, e, band, peak)
        ),
        "You return a rate. The time is the work divided by the rate.": lambda n, m, b, e, peak, band: (
            min(peak, band * 2 * b * n * m / max(1, e * (n * m + b * (n + m)))) if n * m else 0.0
        ),
        "Where there is no layer you divide by 0: its intensity would be 0 operations by 0 bytes. Return 0.0 there, or take the "
        "longer of the two times, which needs no intensity.": (
            without_no_layer,
            lambda *args: without_no_layer(*args) if args[0] else math.nan,
        ),
    }
    rate = st.sampled_from([2.0**k for k in range(10)])
    compare(
        answer,
        right=least(),
        wrong=wrong,
        names=("n_in", "n_out", "batch", "bytes_each", "peak", "bandwidth"),
        edges=[
            (4096, 4096, 1, 4, 1e11, 2e10),
            (4096, 4096, 256, 4, 1e11, 2e10),
            (300, 100, 16, 1, 1e11, 2e10),
            (3, 7, 5, 2, 8.0, 1.0),
            (7, 3, 1, 4, 1e11, 3e10),  # nanoseconds
            (0, 0, 16, 4, 1e11, 2e10),
        ],
        inputs=st.tuples(
            st.integers(1, 30), st.integers(1, 30), st.integers(1, 16), st.sampled_from([4, 2, 1]), rate, rate
        ),
    )


_BITS = st.sampled_from([32, 16, 8, 4, 64, 3, 6, 12, 24])


@st.composite
def _just_above(draw: Callable) -> tuple[int, int, float, int]:
    """A bill whose quotient is a little more than a whole number."""
    draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))  # unused: fewer choices count as smaller
    macs, batch, bits = draw(st.integers(2000, 100_000)), draw(st.integers(1, 5)), draw(_BITS)
    return macs * batch + 1, macs, READ_32_BIT_PJ["DRAM"] * bits / 32, bits


CHANGES = ("none", "double batch", "half bytes")


def _medians(runs: Sequence[Run]) -> tuple[float, float]:
    """What the two changes multiply the time by, by the medians of an experiment's own runs."""
    own = {arm: median(results) for arm, results in by_arm(runs).items()}
    return own["double batch"] / own["none"], own["half bytes"] / own["none"]


def _of_card(batch: float, half: float) -> str:
    """What the card concludes from what the two changes multiply the time by."""
    return "arithmetic" if batch > 1.25 else "memory" if half < 0.75 else "neither"


IRREGULAR = (
    8  # layers in whose times nothing but other programs makes a difference: each call is disturbed in one of them
)


@functools.cache
def _disturbance(number: int) -> tuple[int, float, int, float]:
    """In which of these layers a call is slow, and how much, and in which it is lucky."""
    chance = random.Random(number)
    slow, lucky = chance.sample(range(IRREGULAR), 2)
    return slow, 1 + chance.uniform(0.5, 20), lucky, chance.uniform(0.4, 0.9) if chance.random() < 0.3 else 1.0


def _layer(
    said: str,
    *,
    batch: float,
    half: float,
    takes: float = 4e-3,
    hint: str = "",
    drift: float = 0.0,
    disturbed: bool = False,
    irregular: int | None = None,
    halved: bool = False,
) -> World:
    """A made-up layer: what doubling the batch and halving the bytes multiply its time by; how the machine disturbs it.

    Args:
        takes: seconds of a call of the layer as it is.
        hint: for an experiment whose medians say the same as its conclusion.
        drift: how much longer each call takes than the one before.
        disturbed: whether another program makes every seventh call with half the bytes, and those at the start, take
            eight times as long: so a mean is wrong in whatever order the calls are made.
        irregular: the number of the layer among those whose calls are disturbed without a pattern.
        halved: whether three calls of eight with twice the inputs take half the time. Their median stays what it is
            where the calls take turns; in another order the experiment's own medians say what is right.
    """
    factor = {"none": 1.0, "double batch": batch, "half bytes": half}

    def seconds(change: str, number: int) -> float:
        time = takes * factor[change] * (1 + 0.002 * ((7 * number) % 5 - 2)) * (1 + drift * min(number, 400))
        if disturbed and change == "half bytes" and (number < 3 or number % 7 == 2):
            time *= 8
        if halved and change == "double batch" and number % 8 in (1, 4, 7):
            time *= 0.5
        if irregular is not None:
            slow, times, lucky, share = _disturbance(number)
            time *= times if slow == irregular else share if lucky == irregular else 1
        return time

    right = (lambda runs: _of_card(*_medians(runs))) if halved else _of_card(batch, half)
    return World(said, right, seconds, _against_its_runs(hint))


def _against_its_runs(hint: str) -> Callable[[Sequence[Run], str], str]:
    """What a wrong conclusion has against it in the experiment's own medians; the hint, where they say the same."""

    def said(runs: Sequence[Run], got: str) -> str:
        batch, half = _medians(runs)
        follows = _of_card(batch, half)
        if follows == got:  # so the runs themselves are at fault
            change, longest = longest_stretch(runs)
            if longest < 8:
                return hint
            return (
                f"You run {longest} calls of {change!r} one after the other, and the machine changes meanwhile: what comes later looks "
                "slow. Take turns."
            )
        numbers = (
            f"By the medians of your own runs twice the inputs take {batch:.2f} times as long as 'none', and half the bytes {half:.2f} times as long. "
            f"{_why(batch, half)}"
        )
        examples = _summaries_that_say(got, runs) or _rules_that_say(got, runs)
        return numbers + comes_out(got, examples)

    return said


def _why(batch: float, half: float) -> str:
    """What the card says of two changes."""
    if batch > 1.25 and half < 0.75:
        return (
            "Both change by more than a quarter. Fewer bits may also be computed faster, but with memory as the limit twice the inputs "
            "for the same bytes would cost nothing: it is the arithmetic."
        )
    if batch > 1.25:
        return "Twice the work for the same bytes takes more than a quarter longer: it is the arithmetic."
    if half < 0.75:
        return (
            "The added work costs no more than a quarter, and fewer bytes save more than a quarter: it is the memory."
        )
    return "More work takes at most a quarter longer, and fewer bytes save at most a quarter: the layer waits for something else."


def _rules_that_say(got: str, runs: Sequence[Run]) -> list[str]:
    """Other rules than the card's that come to a conclusion from an experiment's own medians.

    The layers come in an order that sets them apart: a rule that is wrong in an earlier layer is not named again.
    """
    batch, half = _medians(runs)
    none = median(by_arm(runs)["none"])
    both, few = batch > 1.25 and half < 0.75, half < 0.75
    in_seconds = _of_card(1 + none * (batch - 1), 1 + none * (half - 1))
    rules = {
        "of a difference in seconds: a quarter of the time is meant, so divide": in_seconds == got,
        "of a limit for the batch that is nearer to 1 than the card's": got == "arithmetic" and 1.01 < batch <= 1.25,
        "of a limit for the bytes that is nearer to 1 than the card's, such as 0.8": got == "memory" and 0.75 <= half < 0.99 and batch <= 1.25,
        "of a limit for the batch that is farther from 1 than the card's": got != "arithmetic" and 1.25 < batch and not both,
        "of a limit for the bytes that is farther from 1 than the card's": got == "neither" and few and not both,
        "if the bytes are asked first, or alone": got == "memory" and both,
        "if the larger of the two changes wins": got == "memory" and both and 1 - half > batch - 1,
        "if two changes count as none": got == "neither" and both,
        "if a change counts whichever way it goes (half the bytes take longer here)": got == "memory" and half > 1.25,
        "if a change counts whichever way it goes (twice the inputs take less time here)": got == "arithmetic" and batch < 0.75,
        "if only the batch is asked": got == ("neither" if few else "memory") and batch < 1.1 and not 0.6 < half < 0.9,
        "if only the bytes are asked": got == ("neither" if batch > 1.5 else "arithmetic") and not few and not 1.1 < batch < 1.5,
        "if the two conclusions are exchanged": got == ("memory" if batch > 1.25 else "arithmetic") and (batch > 1.25) != few,
        "of the time of one input, which hides the added work": got != "arithmetic" and batch > 1.5 and not both,
    }  # fmt: skip
    return [rule for rule, says in rules.items() if says]


def _summaries_that_say(got: str, runs: Sequence[Run]) -> list[str]:
    """What else than the median comes to a conclusion from an experiment's own times."""
    times = by_arm(runs)

    def says(summary: Callable, out: int = 0) -> bool:
        none, batch, half = (summary(times[change][out:]) for change in CHANGES)
        return _of_card(batch / none, half / none) == got

    count = len(times["none"])
    outs = [
        out for out in (0, 5, 10, 20, count // 4, count // 2) if out < count
    ]  # rounds that are left out as a warm-up
    named = {
        "of means or sums": fmean,
        "of geometric means": geometric_mean,
        "of the first quartile": lambda own: sorted(own)[len(own) // 4],
        "of the mean of the faster half": lambda own: fmean(sorted(own)[: len(own) // 2] or own),
        "of the fastest calls": min,
        "of the slowest calls": max,
    }
    found = [name for name, summary in named.items() if any(says(summary, out) for out in outs)]
    alone = sum(says(lambda own, at=at: own[at]) for at in range(count))
    if alone:
        found.append(f"of a single round, wherever it stands ({alone} of {count} say so by themselves)")
    return found


LAYERS = (
    _layer("twice the inputs take no longer, half the bytes take half the time.", batch=1.02, half=0.51, takes=2),
    _layer("twice the inputs take twice the time, half the bytes gain nothing.", batch=1.97, half=1.0, takes=2),
    _layer("twice the inputs take 30 % longer, half the bytes gain nothing.", batch=1.3, half=1.0, takes=2),
    _layer(
        "twice the inputs take twice the time; fewer bits are computed faster, too.", batch=1.95, half=0.55, takes=2
    ),
    _layer("twice the inputs take 40 % longer; fewer bits are computed twice as fast.", batch=1.4, half=0.5, takes=2),
    _layer("neither change matters: the call itself takes the time.", batch=1.04, half=0.97),
    _layer("twice the inputs take no longer, half the bytes save 28 %.", batch=1.0, half=0.72, takes=2),
    _layer("twice the inputs take 22 % longer, half the bytes save nothing.", batch=1.22, half=1.0),
    _layer("twice the inputs take no longer, half the bytes save 22 %.", batch=1.0, half=0.78),
    _layer("twice the inputs take 22 % longer, half the bytes save 28 %.", batch=1.22, half=0.72, takes=1),
    _layer("twice the inputs take no longer; the routine for half the bytes is a slow one.", batch=1.0, half=1.4),
    _layer("a small layer: twice the inputs take no longer, half the bytes save 40 %.", batch=1.0, half=0.6),
    _layer(
        "memory is the limit, and the machine gets slower with every call.",
        hint="This machine gets slower while you measure. Take turns, so that it does so for all three.",
        batch=1.03,
        half=0.52,
        drift=0.02,
    ),
    _layer(
        "memory is the limit, and another program disturbs some calls.",
        hint="A few disturbed calls move a mean, a sum, a maximum or a single call as far as they like. Take the median.",
        batch=1.02,
        half=0.51,
        disturbed=True,
    ),
    _layer(
        "memory is the limit, half the bytes save 40 %, and another program disturbs some calls.",
        hint="Calls that take eight times as long move a geometric mean, too. The card asks for the median.",
        batch=1.02,
        half=0.6,
        disturbed=True,
    ),
    _layer(
        "neither change matters, and the machine gets slower with every call.",
        hint="Nothing matters here, and the machine gets slower with every call. Take turns, whichever comes first.",
        batch=1.0,
        half=1.0,
        drift=0.02,
    ),
    _layer("twice the inputs take 20 % longer, half the bytes save 12 %.", batch=1.2, half=0.88),
    _layer(
        "arithmetic is the limit, and the machine gets slower with every call.",
        hint="This machine gets slower with every call, and more work takes longer on it. Take turns, so that it does so for all three.",
        batch=1.7,
        half=1.0,
        drift=0.02,
    ),
    _layer("twice the inputs are faster than one, because a better routine computes them.", batch=0.7, half=1.0),
    _layer(
        "twice the inputs take 60 % longer, but three of eight of these calls are lucky and take half of that.",
        batch=1.6,
        half=1.0,
        halved=True,
    ),
    *(
        _layer(
            "neither change matters; other programs disturb one call of eight, and a few calls are lucky.",
            hint="Some calls are disturbed here, and others are lucky. Take the median of more rounds: it stays in their middle.",
            batch=1.0,
            half=1.0,
            irregular=which,
        )
        for which in range(IRREGULAR)
    ),
)


@check(
    "Exercise 2, What does it wait for?",
    why="In these layers doubling the batch doubles the arithmetic and leaves the bytes nearly as they are; halving the bytes halves what memory must "
    "deliver, but may make the arithmetic cheaper as well. So the batch decides about the arithmetic, and only then the bytes about "
    "the memory.",
)
def waits_for(answer: Callable) -> None:
    """``waits_for(seconds) -> "memory", "arithmetic" or "neither"``, on made-up layers."""
    investigate(
        answer,
        LAYERS,
        arms=CHANGES,
        least_runs=15,
        conclusions=("memory", "arithmetic", "neither"),
        name="seconds",
    )


@check(
    "Exercise 3, The batch that pays for the fetch",
    why="The fetch is paid once, the arithmetic once for each input. So their quotient is the batch at which both cost the same, "
    "and the next whole number is the first at which the arithmetic costs at least as much.",
)
def break_even_batch(answer: Callable) -> None:
    """``break_even_batch(n_weights, n_macs, mac_pj, bits) -> int``."""
    dram = READ_32_BIT_PJ["DRAM"]

    def ratio(weights, macs, mac, bits):
        return weights * dram * bits / 32 / (macs * mac)

    def least(of=ratio, whole=math.ceil):
        return lambda *args: max(1, whole(of(*args)))

    wrong = {
        "You round down: at that batch the arithmetic still costs less than the fetch.": least(whole=math.floor),
        "You round down, and your batch can be 0: one input is the least, and at a batch that was rounded down the "
        "arithmetic still costs less than the fetch.": lambda *args: math.floor(ratio(*args)),
        "You round to the nearest: when that is down, the arithmetic still costs less than the fetch.": least(
            whole=round
        ),
        "You assume one MAC for each weight. A convolution uses a weight many times.": least(
            lambda weights, macs, mac, bits: ratio(1, 1, mac, bits)
        ),
        "You have weights and MACs the wrong way round: the fetch is paid for the weights.": least(
            lambda weights, macs, mac, bits: ratio(macs, weights, mac, bits)
        ),
        "Your batch is that of 32 bits, whatever the width is. 8-bit weights are a quarter of the bytes of 32-bit ones, and "
        "mac_pj stays the price of a MAC.": least(lambda weights, macs, mac, bits: ratio(weights, macs, mac, 32)),
        "You divide by the width instead of multiplying: fewer bits are fewer bytes, so the fetch gets cheaper.": least(
            lambda weights, macs, mac, bits: ratio(weights, macs, mac, 32 * 32 / bits)
        ),
        "You pay for every bit as for a read. 640 pJ is the price of 32 bits.": least(
            lambda weights, macs, mac, bits: ratio(weights, macs, mac, 32 * bits)
        ),
        "Your batch can be 0. One input is the least that can be computed.": lambda *args: (
            math.ceil(ratio(*args)) if ratio(*args) >= 1 else 0
        ),
        "You return the quotient itself. A batch size is a whole number, and at least 1: which one is enough?": (
            ratio,
            lambda *args: max(1.0, ratio(*args)),
        ),
        "Without weights your batch is 0. One input is the least that can be computed.": lambda *args: math.ceil(
            ratio(*args)
        ),
        "You round up only where the quotient is well above a whole number. Just above it, the arithmetic of the whole "
        "number still costs less than the fetch.": least(whole=lambda quotient: int(quotient + 0.999)),
        "Your batch is half of what it should be: you count a MAC as two, or take 640 pJ for 64 bits. mac_pj is the price "
        "of a whole MAC, 640 pJ that of 32 bits.": least(
            lambda weights, macs, mac, bits: ratio(weights, 2 * macs, mac, bits)
        ),
        "You add a half and round. Python rounds half-way cases to the even neighbour, so an odd whole quotient becomes one "
        "more.": least(whole=lambda quotient: round(quotient + 0.5)),
        "You have the quotient upside down: the fetch divided by the arithmetic of one input gives the batch.": (
            lambda weights, *rest: max(1, math.ceil(1 / ratio(weights, *rest))) if weights else 1,
            lambda weights, *rest: 1 / ratio(weights, *rest) if weights else 1,
        ),
        "You cut off what is behind the point of mac_pj. It may be below 1: keep all its digits.": lambda weights, macs, mac, bits: (
            least()(weights, macs, int(mac), bits) if int(mac) else 1
        ),
        "You round the width to whole bytes, or to a whole part of 32 bits. Other widths cost in proportion: 24 bits three "
        "quarters of 32, 4 bits an eighth.": tuple(
            least(lambda weights, macs, mac, bits, to=to: ratio(weights, macs, mac, to(bits)))
            for to in (
                lambda bits: 8 * (bits // 8),
                lambda bits: 8 * math.ceil(bits / 8),
                lambda bits: 32 / (32 // bits) if bits <= 32 else bits,
                lambda bits: 32 // (32 // bits) if bits <= 32 else bits,
                lambda bits: 32 * math.ceil(bits / 32),
                lambda bits: 2 ** math.ceil(math.log2(bits)),
            )
        ),
        "You multiply by the width twice. Half the bits are half the bytes, and mac_pj stays the price of a MAC.": least(
            lambda weights, macs, mac, bits: ratio(weights, macs, mac, bits * bits / 32)
        ),
        "You fetch a number for each MAC, too. Asked is the fetch of the weights alone.": least(
            lambda weights, macs, mac, bits: ratio(weights + macs, macs, mac, bits)
        ),
        "Your search ends at a fixed batch. Some layers need a larger one: divide, or search on.": tuple(
            lambda *args, most=most: min(most, least()(*args)) for most in (100, 500, 1000)
        ),
        "You round the fetch to whole words of 32 bits. Reading costs in proportion to the bits.": (
            least(lambda weights, macs, mac, bits: ratio(math.ceil(weights * bits / 32), macs, mac, 32)),
            least(lambda weights, macs, mac, bits: ratio(weights * bits // 32, macs, mac, 32)),
        ),
        "You take the price of a cache. The weights come from DRAM: 640 pJ for 32 bits.": tuple(
            least(lambda weights, macs, mac, bits, price=price: ratio(weights, macs, mac, bits) * price / dram)
            for price in READ_32_BIT_PJ.values()
            if price != dram
        ),
        "Your batch is a power of two. Any whole number can be the smallest that is enough.": lambda *args: (
            2 ** math.ceil(math.log2(max(1, ratio(*args))))
        ),
        "You take min where max belongs: the batch is at least 1, not at most.": lambda *args: min(
            1, math.ceil(ratio(*args))
        ),
        "You divide by 1,000 or more. All prices are in picojoules: nothing is to be converted.": tuple(
            least(lambda *args, unit=unit: ratio(*args) / unit) for unit in (1e3, 1e6, 1e9, 1e12)
        ),
        "You take 1,300, 650 or 630 pJ for a read from DRAM. By the card it is 640 pJ for 32 bits.": tuple(
            least(lambda weights, macs, mac, bits, price=price: ratio(weights, macs, mac, bits) * price / dram)
            for price in (1300, 650, 630)
        ),
        "You take a little off before you round up. Just above a whole number, the arithmetic of that number still costs less "
        "than the fetch.": tuple(
            least(whole=lambda quotient, off=off: math.ceil(quotient - off)) for off in (1e-6, 1e-5)
        ),
        "You round a part of the quotient before the end. Keep all digits, and round up once.": (
            least(lambda weights, macs, mac, bits: ratio(1, max(1, macs // max(1, weights)), mac, bits)),
            least(lambda weights, macs, mac, bits: ratio(1, max(1, math.ceil(macs / max(1, weights))), mac, bits)),
            least(lambda weights, macs, mac, bits: weights * round(dram * bits / 32 / mac) / macs),
        ),
        "You divide the width by 32 with //, which makes fewer than 32 bits free. Divide with /.": (
            lambda weights, macs, mac, bits: max(1, math.ceil(weights * dram * (bits // 32) / (macs * mac)))
        ),
        "You add n_macs and mac_pj. One input costs n_macs · mac_pj.": least(
            lambda weights, macs, mac, bits: weights * dram * bits / 32 / (macs + mac)
        ),
        "You subtract the arithmetic from the fetch. How many times does it fit in? Divide.": least(
            lambda weights, macs, mac, bits: weights * dram * bits / 32 - macs * mac
        ),
        "You multiply by n_macs. Divide by it: the more arithmetic an input has, the fewer inputs pay for the fetch.": (
            least(lambda weights, macs, mac, bits: ratio(weights, 1, mac, bits) * macs)
        ),
        "You multiply by mac_pj. Divide by it: dear arithmetic pays for the fetch at a smaller batch.": least(
            lambda weights, macs, mac, bits: ratio(weights, macs, 1 / mac, bits)
        ),
        "You forget n_weights: the fetch reads all weights.": least(
            lambda weights, macs, mac, bits: ratio(1, macs, mac, bits)
        ),
        "You forget n_macs: one input takes n_macs MACs, not one.": least(
            lambda weights, macs, mac, bits: ratio(weights, 1, mac, bits)
        ),
        "You forget mac_pj: each of the n_macs MACs of an input costs mac_pj.": least(
            lambda weights, macs, mac, bits: ratio(weights, macs, 1, bits)
        ),
        "Your batch is twice what it should be: you take 640 pJ for 16 bits, or half of the MACs.": least(
            lambda weights, macs, mac, bits: ratio(2 * weights, macs, mac, bits)
        ),
        "Your batch is one more than is needed where the quotient is no whole number: you round up, and then add 1.": (
            lambda *args: math.ceil(ratio(*args)) + 1
        ),
        "You compute in float32, which has 24 bits. Python's own numbers have 53: leave them as they are.": least(
            lambda *args: float(np.float32(ratio(*args)))
        ),
        "You round the weights for each MAC first. Round once, at the end.": (
            least(lambda weights, macs, mac, bits: ratio(weights // macs, 1, mac, bits)),
            least(lambda weights, macs, mac, bits: ratio(math.ceil(weights / macs), 1, mac, bits)),
            least(lambda weights, macs, mac, bits: math.ceil(dram * bits / 32 / mac) * weights / macs),
            least(
                lambda weights, macs, mac, bits: math.ceil(dram * bits / 32 / mac) * weights // macs, whole=math.floor
            ),
            least(lambda weights, macs, mac, bits: math.ceil(weights / macs) * math.ceil(dram * bits / 32 / mac)),
        ),
        "You take 640 pJ for each byte. It is the price of 32 bits, four bytes.": least(
            lambda weights, macs, mac, bits: ratio(weights, macs, mac, 4 * bits)
        ),
        "You take 4.6 pJ for every MAC. The price of one is mac_pj.": least(
            lambda weights, macs, mac, bits: ratio(weights, macs, 4.6, bits)
        ),
        "You take 32 bits at most. A wider weight costs more, in proportion.": least(
            lambda weights, macs, mac, bits: ratio(weights, macs, mac, min(bits, 32))
        ),
        "You take the next batch even where both sides are equal: 'at least as much' includes equal.": lambda *args: (
            math.floor(ratio(*args)) + 1
        ),
    }
    compare(
        answer,
        right=least(),
        wrong=wrong,
        rtol=0.0,
        names=("n_weights", "n_macs", "mac_pj", "bits"),
        edges=[
            (1000, 1000, 4.0, 32),
            (266_200, 266_200, 4.6, 32),
            (266_200, 266_200, 0.3, 8),
            (59_838, 199_968, 4.6, 32),
            (25_502_912, 4_089_184_256, 4.6, 32),
            (7, 21, 1.5, 16),
            (100_001, 100_000, 640.0, 32),  # just above one
            (100_000_001, 100_000_000, 640.0, 32),  # just above one, by less than float32 sees
            (100_000_030, 100_000_000, 640.0, 32),  # just above one, by what float32 sees
            (1000, 1000, 4.0, 64),
            (1000, 1000, 4.0, 24),
            (1000, 1000, 4.0, 6),
            (1, 1, 128.0, 32),  # exactly 5
            (3, 1, 128.0, 32),
            (0, 10, 4.6, 32),  # a layer without weights: no fetch, and still one input
        ],
        inputs=st.tuples(st.integers(0, 100), st.integers(1, 1000), numbers(0.25, 8, step=0.25), _BITS) | _just_above(),
    )

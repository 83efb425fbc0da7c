"""Checks of the lesson `measuring`, measuring honestly."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean, median

import torch
from torch import nn

from course_utils.exercises.core import Mistake, check, run, try_cases

# Why a line of the benchmark in exercise 1 is no flaw. The three that are missing here are.
RIGHT_LINES = {
    1: "Line 1 only names what is compared.",
    4: "Line 4 is right: a model that answers, and does not learn, belongs in evaluation mode.",
    5: "Line 5 is right: each model gets a list of its own.",
    6: "Line 6 is right: nothing is trained, so no gradients need to be recorded, for either model.",
    7: "Line 7 is right: both models are warmed up.",
    8: "Line 8 is right: it is the warm-up, so its time is thrown away on purpose.",
    9: "Line 9 is right: many rounds are what one timing lacks.",
    10: "Line 10 is right: the models take turns in a changing order, so a drifting clock rate hits both.",
    11: "Line 11 is right: the clock is read just before the call. Which line chose the clock?",
    12: "Line 12 is right: on a CPU the call returns when its work is done.",
    13: "Line 13 is right: the clock is read just after the call. Which line chose the clock?",
}
FLAWED_LINES = {
    2: "One is left. Ask of each tool whether it was made for the job: can this clock be set while you measure?",
    3: "One is left. Compare the states in which the two models are measured.",
    14: "One is left. Follow the samples of both models to the end: are they summed up in the same way?",
}


@check("Exercise 1, Three flaws in a benchmark")
def flawed_lines(answer: Callable) -> None:
    """``flawed_lines() -> set of int``, numbers of lines."""
    got = _line_numbers(run(answer, ()))
    shown = f"Your function returned {{{', '.join(map(str, sorted(got)))}}}"
    last = max(FLAWED_LINES | RIGHT_LINES)
    if not got:
        raise Mistake("Your function returned no line.", "Three lines are flawed: name their numbers.")
    if not got <= FLAWED_LINES.keys() | RIGHT_LINES.keys():
        raise Mistake(f"{shown}.", f"The benchmark has the lines 1 to {last}.")
    missing = sorted(FLAWED_LINES.keys() - got)
    found = f"{shown}: {3 - len(missing)} of the three flawed lines"
    for line in sorted(got & RIGHT_LINES.keys()):
        raise Mistake(f"{found}, and others.", RIGHT_LINES[line])
    if len(missing) == 1:
        raise Mistake(f"{found}.", FLAWED_LINES[missing[0]])
    if missing:
        raise Mistake(
            f"{found}.",
            "Two more are left: ask of each line whether it treats both models alike, and of "
            "each tool whether it was made for the job.",
        )


def _line_numbers(value: object) -> set[int]:
    try:
        numbers = value.tolist() if hasattr(value, "tolist") else list(value)
        if isinstance(value, str) or any(isinstance(n, bool) or int(n) != n for n in numbers):
            raise ValueError
        return {int(n) for n in numbers}
    except (TypeError, ValueError, OverflowError):
        raise Mistake(
            f"Your function returned a {type(value).__name__} that holds no line numbers.",
            "Return a set of whole numbers, such as {1, 4}.",
        ) from None


@check("Exercise 2, Bytes of a model")
def model_bytes(answer: Callable) -> None:
    """``model_bytes(model) -> int``, bytes of parameters and buffers, a shared tensor once."""

    def total(tensors, each=None):
        return sum(t.numel() * (each or t.element_size()) for t in tensors)

    def right(m):
        return total(m.parameters()) + total(m.buffers())

    wrong = {
        "You leave out the buffers, such as the running mean of a batch norm. The model needs them too.": lambda m: (
            total(m.parameters())
        ),
        "You count elements. A float32 takes 4 bytes, a float16 takes 2: multiply by the size of one.": lambda m: (
            total(m.parameters(), 1) + total(m.buffers(), 1)
        ),
        "You take 4 bytes for every element. Each tensor has its own dtype: ask it for its element_size().": lambda m: (
            total(m.parameters(), 4) + total(m.buffers(), 4)
        ),
        "You count a shared tensor twice: a state_dict lists it under each of its names.": lambda m: total(
            m.state_dict().values()
        ),
        "You count the parameters' elements only: neither bytes nor buffers.": lambda m: total(m.parameters(), 1),
        "You take 4 bytes for every parameter, and leave out the buffers.": lambda m: total(m.parameters(), 4),
        "You leave out the parameters.": lambda m: total(m.buffers()),
        "You count only what is trained. A frozen parameter takes its bytes too.": lambda m: (
            total(p for p in m.parameters() if p.requires_grad) + total(m.buffers())
        ),
        "You leave out the buffers of whole numbers, such as a batch norm's count of batches.": lambda m: (
            total(m.parameters()) + total(b for b in m.buffers() if b.is_floating_point())
        ),
        "You look at the outermost module only. Its parts have tensors of their own.": lambda m: (
            total(m.parameters(recurse=False)) + total(m.buffers(recurse=False))
        ),
    }
    try_cases(answer, right=right, wrong=wrong, names=("model",), cases=[(m,) for m in _models()])


def _models() -> list[nn.Module]:
    tied = nn.Sequential(nn.Embedding(50, 8), nn.Linear(8, 50, bias=False))
    tied[1].weight = tied[0].weight
    frozen = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    frozen[0].requires_grad_(False)
    mixed = nn.Sequential(nn.Conv2d(3, 8, 3).half(), nn.BatchNorm2d(8))
    coded = nn.Linear(6, 2)
    coded.register_buffer("codes", torch.zeros(11, dtype=torch.int8))
    return [
        nn.ReLU(),
        nn.Linear(3, 2),
        nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6)),
        nn.Linear(7, 5).half(),
        tied,
        frozen,
        mixed,
        coded,
    ]


@check("Exercise 3, The typical speed-up")
def typical_speedup(answer: Callable) -> None:
    """``typical_speedup(base_seconds, own_seconds) -> float``, the median of the rounds' ratios."""

    def ratios(base, own):
        return [b / o for b, o in zip(base, own, strict=True)]

    wrong = {
        "You divide the means (or the sums). One disturbed round moves a mean as far as it likes.": lambda base, own: (
            fmean(base) / fmean(own)
        ),
        "You take the mean of the ratios. One disturbed round moves it; the median stays.": lambda base, own: fmean(
            ratios(base, own)
        ),
        "You have it upside down: faster means that the baseline takes longer.": lambda base, own: median(
            ratios(own, base)
        ),
        "You divide two medians. They come from different rounds: divide within each round first.": lambda base, own: (
            median(base) / median(own)
        ),
        "You divide the best cases. Two lucky samples are not typical.": lambda base, own: min(base) / min(own),
        "You take the lower of the two middle ratios, as torch.median does. The median lies half-way.": lambda base, own: (
            sorted(ratios(base, own))[(len(base) - 1) // 2]
        ),
        "You take the upper of the two middle ratios. The median lies half-way.": lambda base, own: sorted(
            ratios(base, own)
        )[len(base) // 2],
        "You take the middle round without sorting. The median is the middle of the sorted ratios.": lambda base, own: (
            ratios(base, own)[len(base) // 2]
        ),
        "You subtract. A speed-up is a ratio: it has no unit.": lambda base, own: median(
            b - o for b, o in zip(base, own, strict=True)
        ),
    }
    try_cases(
        answer,
        right=lambda base, own: median(ratios(base, own)),
        wrong=wrong,
        names=("base_seconds", "own_seconds"),
        cases=[
            ([0.2, 0.2], [0.2, 0.2]),
            ([0.021, 0.020, 0.094, 0.022, 0.020], [0.011, 0.010, 0.012, 0.010, 0.016]),
            ([2.0, 2.6, 3.1, 3.9], [1.0, 1.2, 1.6, 2.6]),
            ([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6], [1.3, 1.4, 1.2, 1.6, 1.9, 9.0, 2.0]),
            ([5.0], [4.0]),
        ],
    )


@check("Exercise 4, Name the baseline")
def fair_baseline(answer: Callable) -> None:
    """``fair_baseline(rows, name) -> str``, the fastest fp32 row under the conditions of row `name`."""
    conditions = ("device", "threads", "batch")

    def pick(choose, *, same=conditions, dtypes=("fp32",)):
        def chosen(rows, name):
            own = next(row for row in rows if row["name"] == name)
            fit = [row for row in rows if row["dtype"] in dtypes and all(row[c] == own[c] for c in same)]
            return choose(fit)["name"]

        return chosen

    def fastest(rows):
        return min(rows, key=lambda row: row["ms"])

    every = ("fp32", "int8")
    wrong = {
        "You ignore the threads. More of them is another machine.": pick(fastest, same=("device", "batch")),
        "You ignore the batch size. A call on more inputs takes longer, whatever the technique.": pick(
            fastest, same=("device", "threads")
        ),
        "You ignore the device. A GPU against a CPU compares chips, not techniques.": pick(
            fastest, same=("threads", "batch")
        ),
        "You take the fastest fp32 of all. Device, threads and batch must be the same.": pick(fastest, same=()),
        "You take the slowest fp32: against that one every technique wins.": pick(
            lambda rows: max(rows, key=lambda row: row["ms"])
        ),
        "You take the slowest fp32 of all, under whatever conditions: the most handicapped one.": pick(
            lambda rows: max(rows, key=lambda row: row["ms"]), same=()
        ),
        "You take the first fp32 that fits. A debug build or a slow kernel is a handicap: take the best.": pick(
            lambda rows: rows[0]
        ),
        "You take the first fp32 in the list, whatever its conditions. They must be those of the model.": pick(
            lambda rows: rows[0], same=()
        ),
        "Your baseline can be an int8 row, even the model itself. It is the fp32 that int8 must beat.": pick(
            fastest, dtypes=every
        ),
        "You name the row itself. A baseline is what it is compared with.": lambda rows, name: name,
    }
    try_cases(answer, right=pick(fastest), wrong=wrong, names=("rows", "name"), cases=_baseline_cases())


def _baseline_cases() -> list[tuple[list[dict], str]]:
    def row(name, dtype, ms, device="cpu", threads=1, batch=1):
        return {"name": name, "dtype": dtype, "device": device, "threads": threads, "batch": batch, "ms": ms}

    one = [row("eager", "fp32", 2.0)]
    builds = [
        row("debug", "fp32", 9.0),
        row("int8", "int8", 0.9),
        row("compiled", "fp32", 1.5),
        row("eager", "fp32", 2.0),
    ]
    threads = [
        row("eager", "fp32", 2.0),
        row("eager, 8 threads", "fp32", 0.5, threads=8),
        row("compiled", "fp32", 1.4),
        row("int8", "int8", 0.6),
        row("int8, 8 threads", "int8", 0.2, threads=8),
    ]
    batches = [
        row("eager", "fp32", 2.0),
        row("eager, 16", "fp32", 20.0, batch=16),
        row("int8, 16", "int8", 8.0, batch=16),
        row("compiled, 16", "fp32", 17.0, batch=16),
        row("eager again, 16", "fp32", 21.0, batch=16),
    ]
    devices = [
        row("gpu", "fp32", 0.1, device="cuda"),
        row("debug", "fp32", 7.0),
        row("eager", "fp32", 2.0),
        row("int8", "int8", 0.7),
    ]
    return [
        (one, "eager"),
        (builds, "int8"),
        (threads, "int8"),
        (threads, "int8, 8 threads"),
        (batches, "int8, 16"),
        (devices, "int8"),
    ]

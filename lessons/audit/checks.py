"""Checks of the lesson `audit`: why a speed-up is missing, what an audit did not see, and what a call left as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils import legacy_int8
from course_utils.exercises.bests import summaries_of_times
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.investigation import Run, World, by_arm, comes_out, investigate, numbered
from course_utils.exercises.rules import still_possible
from course_utils.exercises.search import compare
from course_utils.exercises.values import same, show
from course_utils.measure import int8_audit

WAYS = ("fp32", "fp32 loop", "int8")


SUMMARIES = {
    **summaries_of_times(3),
    "if only the first five times are read": lambda times: min(times[:5]),
    "if the first time of each way is left out": lambda times: min(times[1:] or times),
    "if the third least time is taken": lambda times: sorted(times)[2 % len(times)],
    "if the times are rounded to whole milliseconds": lambda times: max(round(min(times)), 1),
}
SHARES = {
    "if (int8 − fp32 loop) / (int8 − fp32) is taken for the routine's share": lambda fp32, loop, int8: (
        (int8 - loop) / (int8 - fp32)
    ),
    "if the share is divided by the loop's time": lambda fp32, loop, int8: (loop - fp32) / loop,
    "if the share is divided by the time of fp32": lambda fp32, loop, int8: (loop - fp32) / fp32,
    "if what the loop adds is divided by what int8 adds to the loop": lambda fp32, loop, int8: (
        (loop - fp32) / ((int8 - loop) or 1e-9)
    ),
    "if a share below 0 is taken for a fault": lambda fp32, loop, int8: (
        0.5 if loop < fp32 else (loop - fp32) / (int8 - fp32)
    ),
    "if whatever is slower is called the routine's fault": lambda fp32, loop, int8: 1.0,
    "if whatever is slower is called the product's fault": lambda fp32, loop, int8: 0.0,
    "if the share is in percent, and the limits are not": lambda fp32, loop, int8: 100 * (loop - fp32) / (int8 - fp32),
    "if it is only asked whether int8 is slower than the loop": lambda fp32, loop, int8: 0.0 if int8 > loop else 1.0,
    "if the share is divided by the time of int8": lambda fp32, loop, int8: (loop - fp32) / int8,
    "if the loop's time is divided by that of int8": lambda fp32, loop, int8: loop / int8,
    "if the gap is divided by what the loop adds": lambda fp32, loop, int8: (int8 - fp32) / max(loop - fp32, 1e-9),
    "if the share loses its sign": lambda fp32, loop, int8: abs(loop - fp32) / (int8 - fp32),
    "if the product's share loses its sign": lambda fp32, loop, int8: 1 - abs(int8 - loop) / (int8 - fp32),
    "if both parts lose their signs": lambda fp32, loop, int8: (
        abs(loop - fp32) / max(abs(loop - fp32) + abs(int8 - loop), 1e-9)
    ),
    "if a share above 1 is taken for a fault": lambda fp32, loop, int8: (
        0.5 if loop > int8 else (loop - fp32) / (int8 - fp32)
    ),
    "if the larger part alone is named": lambda fp32, loop, int8: 1.0 if loop - fp32 > int8 - loop else 0.0,
    "if it is only asked whether int8 is much slower than the loop": lambda fp32, loop, int8: (
        0.0 if int8 > 1.1 * loop else 1.0
    ),
}


def _decided(
    fp32: float,
    loop: float,
    int8: float,
    limit: float = 1.1,
    low: float = 0.25,
    high: float = 0.75,
    share: Callable | None = None,
) -> str:
    """The conclusion of the card for one time of each way; or of a rule that differs from it."""
    if int8 <= limit * fp32:
        return "not slower"
    part = share(fp32, loop, int8) if share else (loop - fp32) / ((int8 - fp32) or 1e-9)
    return "routine" if part > high else "product" if part < low else "both"


def _each(runs: Sequence[Run], pick: Callable = min) -> list[float]:
    times = by_arm(runs)
    return [pick(times[way]) for way in WAYS]


def _rules() -> dict[str, Callable[[Sequence[Run]], str]]:
    """Other rules than the card's, in words: each gives a conclusion for the runs."""

    def changed(**rule: object) -> Callable[[Sequence[Run]], str]:
        return lambda runs: _decided(*_each(runs), **rule)

    def summed(pick: Callable) -> Callable[[Sequence[Run]], str]:
        return lambda runs: _decided(*_each(runs, pick))

    def swapped(runs: Sequence[Run]) -> str:
        said = _decided(*_each(runs))
        return {"routine": "product", "product": "routine"}.get(said, said)

    def longer_by(milliseconds: float) -> Callable[[Sequence[Run]], str]:
        def rule(runs: Sequence[Run]) -> str:
            fp32, _, int8 = _each(runs)
            return "not slower" if int8 <= fp32 + milliseconds else _decided(*_each(runs), limit=0.0)

        return rule

    def of_each_turn(runs: Sequence[Run], middle: Callable = median) -> str:
        turns = [*zip(*by_arm(runs).values(), strict=False)] if [*by_arm(runs)] == [*WAYS] else []
        if not turns or middle(int8 / fp32 for fp32, _, int8 in turns) <= 1.1:
            return "not slower"
        part = middle((loop - fp32) / ((int8 - fp32) or 1e-9) for fp32, loop, int8 in turns)
        return "routine" if part > 0.75 else "product" if part < 0.25 else "both"

    def beside_the_loop(runs: Sequence[Run]) -> str:
        _, loop, int8 = _each(runs)
        return "not slower" if int8 <= 1.1 * loop else _decided(*_each(runs))

    lies = {True: "below", False: "above"}
    rules = {words: changed(share=share) for words, share in SHARES.items()}
    rules["if the names of the two parts are swapped"] = swapped
    rules["if int8 is compared with the loop to see whether it is slower"] = beside_the_loop
    rules["if it is never asked whether int8 is slower"] = changed(limit=0.0)
    for x in (0.1, 1):
        rules[f"if int8 may take {x:g} ms longer, and not 1.1 times as long"] = longer_by(x)
    rules["if fp32 may take nine tenths of the time of int8, and int8 not 1.1 times that of fp32"] = changed(
        limit=1 / 0.9
    )
    rules["if the quotients of each turn are summed up, and not the times"] = of_each_turn
    rules["if the mean is taken of the quotients and shares of the single turns"] = lambda runs: of_each_turn(
        runs, fmean
    )
    for x in (1.05, 1.15, 1.0, 1.2, 1.25, 1.3, 1.5):
        rules[f"if the limit for 'not slower' lies {lies[x < 1.1]} 1.1, at {x:g}"] = changed(limit=x)
    for x in (0.2, 0.3, 0.1, 1 / 3, 0.4, 0.0, 0.5):
        rules[f"if the limit for the product lies {lies[x < 0.25]} 0.25, at {x:.2g}"] = changed(low=x)
    for x in (0.7, 0.8, 2 / 3, 0.9, 0.6, 1.0, 0.5):
        rules[f"if the limit for the routine lies {lies[x < 0.75]} 0.75, at {x:.2g}"] = changed(high=x)
    return {**rules, **{words: summed(pick) for words, pick in SUMMARIES.items()}}


def _plan(many: int) -> list[tuple[str, dict[str, float]]]:
    """A full experiment with so many turns."""
    return [(way, {"seed": seed}) for seed in range(many) for way in WAYS]


def _machine(
    right: str,
    said: str,
    hint: str | Callable[[Sequence[Run], str], str],
    least: tuple[float, float, float],
    *,
    longer: Callable[[str, int, int], float] = lambda way, number, seed: 1.0,
) -> World:
    """A made-up machine.

    Args:
        right, said, hint: of the world.
        least: milliseconds of the three ways.
        longer: (way, number of the run, repetition) -> how many times as long this run takes.
    """

    def ms(way: str, number: int, *, seed: int) -> float:
        noise = 1 + 0.0005 * ((seed * 7 + WAYS.index(way) * 3) % 5)
        return least[WAYS.index(way)] * noise * longer(way, number, seed)

    def why(runs: Sequence[Run], got: str) -> str:
        text = hint if isinstance(hint, str) else hint(runs, got)
        fp32, loop, int8 = _each(runs)
        if _decided(fp32, loop, int8) == got:
            return text
        share = f" and the routine's share {(loop - fp32) / (int8 - fp32):.2f}" if int8 > 1.1 * fp32 else ""
        own = f" By the least of your own times int8 takes {int8 / fp32:.2f} times as long as fp32{share}."
        return (
            text
            + own.replace(" -", " −")
            + comes_out(got, still_possible(_rules(), runs, got, world=said, worlds=MACHINES, plan=_plan))
        )

    return World(said, right, numbered(ms), why)


def _one_other_program(way: str, number: int, seed: int) -> float:
    """Of ten seeds in a row it hits one run of fp32 and of the loop, and six of int8, which take longer."""
    return 3.0 if (seed * 3 + seed // 10 + 8) % 10 < {"fp32": 1, "fp32 loop": 1, "int8": 6}[way] else 1.0


def _cold(way: str, number: int, seed: int) -> float:
    """The first three runs: the routine and the loop begin at once, int8 does not."""
    return {"fp32": 1.2, "fp32 loop": 1.2, "int8": 4.0}[way] if number < 3 else 1.0


def _warm(way: str, number: int, seed: int) -> float:
    """Fast for eight runs, then slower."""
    return 1.0 if number < 8 else 1.6


def _last_of_ten(way: str, number: int, seed: int) -> float:
    """Another program hits int8 in nine turns of ten, and leaves out the last one."""
    return 1.5 if way == "int8" and seed % 10 != 9 else 1.0


def _first_of_ten(way: str, number: int, seed: int) -> float:
    """Another program hits int8 in nine turns of ten, and leaves out the first one."""
    return 1.5 if way == "int8" and seed % 10 else 1.0


def _by(**hints: str) -> Callable[[Sequence[Run], str], str]:
    """A hint for each wrong conclusion; `otherwise` for the others."""
    return lambda runs, got: hints.get(got, hints["otherwise"])


def _turns(runs: Sequence[Run], got: str) -> str:
    """Who had the fast runs; or, if all three ways had some, which time counts."""
    first = [way for way in WAYS if any(run.arm == way for run in runs[:8])]
    if len(first) == len(WAYS):
        return "The machine slows down after eight runs. Of each way compare the least time, not a mean, a median or the last run."
    return (
        f"This machine is fast for its first eight runs, and slower from then on. You gave them to {' and '.join(map(repr, first))} alone. Let all "
        "three ways take turns: a run of each, then again a run of each."
    )


MACHINES = (
    _machine(
        "routine",
        "fp32 takes 0.7 ms, its loop 1.9 and int8 2.0; the routine's share of the gap is 0.92",
        "int8 is slower than fp32 here, and hardly slower than the same loop in fp32. The share is (fp32 loop − fp32) / (int8 − fp32).",
        (0.7, 1.9, 2.0),
    ),
    _machine(
        "product",
        "fp32 takes 1.0 ms, its loop 1.1 and int8 2.2; the routine's share of the gap is 0.08",
        "int8 takes twice as long as the loop here, and the loop hardly longer than fp32. That int8 is slower than fp32 does not yet say that "
        "the routine is the reason: the loop has to show it.",
        (1.0, 1.1, 2.2),
    ),
    _machine(
        "not slower",
        "fp32 takes 2.0 ms, its loop 3.2 and int8 2.1, which is 1.05 times as long as fp32",
        "int8 takes 1.05 times as long as fp32 here, which the card calls not slower. Ask that first: there is no gap to explain, however "
        "long the loop takes.",
        (2.0, 3.2, 2.1),
    ),
    _machine(
        "routine",
        "fp32 takes 0.8 ms, its loop 1.6 and int8 1.3: the routine's share of the gap is 1.6, and the product's −0.6",
        "The loop takes longer than int8 here, so the routine explains more than the whole gap, and the product wins a part of it back. Keep "
        "the signs, and divide by the gap between fp32 and int8.",
        (0.8, 1.6, 1.3),
    ),
    _machine(
        "both",
        "fp32 takes 1.0 ms, its loop 1.7 and int8 2.0; the routine's share of the gap is 0.7",
        _by(
            routine="The routine's share of the gap is 0.7 here, above 0.25 and not above 0.75. The larger part alone is not the answer.",
            otherwise="The loop explains 0.7 of the gap between fp32 and int8 here. Look at the whole gap and at both of its parts, and not only at "
            "whether int8 is slower than the loop.",
        ),
        (1.0, 1.7, 2.0),
    ),
    _machine(
        "both",
        "fp32 takes 1.0 ms, its loop 1.3 and int8 2.0; the routine's share of the gap is 0.3",
        "The routine's share of the gap is 0.3 here. By the card that is still both: above 0.25, and not above 0.75.",
        (1.0, 1.3, 2.0),
    ),
    _machine(
        "product",
        "fp32 takes 1.0 ms, its loop 1.22 and int8 2.0; the routine's share of the gap is 0.22",
        "The routine's share of the gap is 0.22 here. The card's limit is 0.25: below it the answer is the product.",
        (1.0, 1.22, 2.0),
    ),
    _machine(
        "product",
        "fp32 takes 1.5 ms, its loop 1.2 and int8 2.4: the routine's share of the gap is −0.33, since the loop is faster than the routine",
        "The loop is faster than the routine here, so the routine's share is below 0. Keep the sign: it is below 0.25, too.",
        (1.5, 1.2, 2.4),
    ),
    _machine(
        "routine",
        "fp32 takes 1.0 ms, its loop 1.15 and int8 1.18, which is 1.18 times as long as fp32",
        "int8 takes 1.18 times as long as fp32 here. By the card that is slower: the limit is 1.1.",
        (1.0, 1.15, 1.18),
    ),
    _machine(
        "routine",
        "fp32 takes 0.7 ms, its loop 1.9 and int8 2.0; the first run of int8 takes four times as long",
        _by(
            both="The first run of int8 takes four times as long here, because it has to set up. One such run spoils a mean. The least time of each "
            "way counts.",
            otherwise="The first run of int8 takes four times as long here, because it has to set up. Whoever looks at the first run alone, or at the "
            "longest, sees nothing else. The least time of each way counts.",
        ),
        (0.7, 1.9, 2.0),
        longer=_cold,
    ),
    _machine(
        "both",
        "fp32 takes 1.0 ms, its loop 1.5 and int8 2.0; another program hits six runs in ten of int8 and one in ten of the others, which then "
        "take three times as long",
        "Another program hits one run in ten of fp32 and of its loop here, and six in ten of int8. It can only make a run longer, so the least "
        "time of each way counts: no mean, no median, and no single run.",
        (1.0, 1.5, 2.0),
        longer=_one_other_program,
    ),
    _machine(
        "not slower",
        "fp32 takes 1.0 ms, its loop 1.3 and int8 1.05, all of them 1.6 times as long from the ninth run on",
        _turns,
        (1.0, 1.3, 1.05),
        longer=_warm,
    ),
    _machine(
        "both",
        "fp32 takes 1.0 ms, its loop 1.5 and int8 2.0, all of them 1.6 times as long from the ninth run on",
        _turns,
        (1.0, 1.5, 2.0),
        longer=_warm,
    ),
    _machine(
        "not slower",
        "fp32 takes 20 ms, its loop 32 and int8 21, which is 1.05 times as long as fp32",
        "int8 takes 1 ms longer than fp32 here, and that is 1.05 times as long. The limit on the card is a quotient, 1.1 times as long, and no "
        "number of milliseconds.",
        (20.0, 32.0, 21.0),
    ),
    _machine(
        "routine",
        "fp32 takes 1.0 ms, its loop 1.115 and int8 1.13, which is 1.13 times as long as fp32",
        "int8 is slower by the card here, but not by much: the limit is 1.1.",
        (1.0, 1.115, 1.13),
    ),
    _machine(
        "routine",
        "fp32 takes 1.0 ms, its loop 2.54 and int8 3.0; the routine's share of the gap is 0.77",
        "The routine's share of the gap is just above the card's limit of 0.75 here.",
        (1.0, 2.54, 3.0),
    ),
    _machine(
        "both",
        "fp32 takes 1.0 ms, its loop 2.46 and int8 3.0; the routine's share of the gap is 0.73",
        "The routine's share of the gap is just below the card's limit of 0.75 here.",
        (1.0, 2.46, 3.0),
    ),
    _machine(
        "both",
        "fp32 takes 1.0 ms, its loop 1.54 and int8 3.0; the routine's share of the gap is 0.27",
        "The routine's share of the gap is just above the card's limit of 0.25 here.",
        (1.0, 1.54, 3.0),
    ),
    _machine(
        "not slower",
        "fp32 takes 1.0 ms, its loop 1.3 and int8 1.05; another program hits nine runs of int8 in ten, which then take 1.5 times as long",
        "One run of int8 in ten is left alone here, and the others are hit by another program. This one counts: the least of all ten.",
        (1.0, 1.3, 1.05),
        longer=_last_of_ten,
    ),
    _machine(
        "not slower",
        "fp32 takes 1.0 ms, its loop 1.3 and int8 1.05; another program hits nine runs of int8 in ten, and spares the first one",
        "The first run of int8 is left alone here, and nine in ten of the others are hit by another program. This one counts: the least of "
        "all ten.",
        (1.0, 1.3, 1.05),
        longer=_first_of_ten,
    ),
    _machine(
        "routine",
        "fp32 takes 1.0 ms, its loop 1.1 and int8 1.107, which is 1.107 times as long as fp32",
        "int8 takes 1.107 times as long as fp32 here, a little more than the card's limit of 1.1, and so it is slower.",
        (1.0, 1.1, 1.107),
    ),
)


@check(
    "Exercise 1, Why is it slower?",
    why="The loop in fp32 differs from the routine in the routine alone, and from int8 in the product alone. So the gap falls into two parts, "
    "each with one cause, and a part can be larger than the gap when the other has the opposite sign. Turns give every way its share of a fast "
    "or a slow time, and the least time leaves out what other programs add.",
)
def why_slower(answer: Callable) -> None:
    """``why_slower(ms) -> "not slower", "routine", "product" or "both"``, on made-up machines."""
    investigate(
        answer,
        MACHINES,
        arms=WAYS,
        settings={"seed": 0},
        least={"seed": 10},
        conclusions=("not slower", "routine", "product", "both"),
        fixed_said="'not slower' comes out everywhere, for example, if fp32 and int8 are exchanged in the first question: it asks whether int8 "
        "takes more than 1.1 times as long as fp32.",
        name="ms",
    )


# What a module may have called: nothing, products of either kind or of both, and operators on neither list.
CALLED = (
    (),
    ("aten.t.default", "aten.addmm.default"),
    ("aten.addmm.default", "aten.relu.default"),
    ("quantized.linear_dynamic.default",),
    ("aten.relu.default", "quantized.linear_dynamic.default"),
    ("aten.mul.Tensor", "aten.sum.dim_IntList"),
    ("quantized.linear_dynamic.default", "aten.relu.default", "aten.addmm.default"),
    ("aten.addmm.default", "quantized.linear_dynamic.default"),
)


def kind_of(operator: str) -> str:
    """As in the lesson, with two short lists."""
    if operator.startswith(("aten.addmm.", "aten.convolution.", "aten._native_multi_head_attention.")):
        return "float"
    return "int8" if operator.startswith("quantized.linear") else ""


class Product(nn.Module):
    """A product that is written out, with a matrix of its own, before a linear layer."""

    def __init__(self):
        super().__init__()
        self.matrix, self.last = nn.Parameter(torch.ones(2, 2)), nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last((self.matrix * x).sum(-1))

    def extra_repr(self) -> str:
        return "matrix: a parameter of 2 by 2"


class Written(nn.Module):
    """A product that is written out, in a module without children."""

    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(2, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.matrix * x).sum(-1)

    def extra_repr(self) -> str:
        return "matrix: a parameter of 2 by 2"


class Masked(nn.Module):
    """A table that nobody trains: a buffer of two dimensions, and no parameter."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.eye(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.mask[0]

    def extra_repr(self) -> str:
        return "mask: a buffer of 2 by 2"


def _tied() -> nn.Module:
    """Two layers with one weight."""
    both = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, bias=False))
    both[1].weight = both[0].weight
    return both


def _nets() -> list[nn.Module]:
    """Models without an LSTM, in float, in int8, and in part."""
    pair = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))
    return [
        nn.Linear(2, 2),
        nn.Sequential(nn.Linear(2, 2), nn.ReLU()),
        nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)),
        nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 2)),
        nn.Sequential(nn.Linear(2, 2)).requires_grad_(False),
        Product(),
        nn.Sequential(Masked(), nn.Linear(2, 2)),
        nn.Sequential(Written()),
        nn.Sequential(nn.Embedding(2, 2)),
        nn.Sequential(nn.Bilinear(2, 2, 1)),
        _tied(),
        nn.Sequential(nn.MultiheadAttention(2, 1)),
        _old_line({nn.Linear})(nn.Sequential(nn.Linear(2, 2))),
        _old_line({nn.Linear})(pair),
        _old_line({"0"})(pair),
    ]


@st.composite
def _audited(draw: Callable, nets: Sequence[nn.Module]) -> tuple[nn.Module, dict[str, list[str]], Callable]:
    """(model, called, kind_of): what an audit of the model might have given back."""
    model, called = draw(st.sampled_from(nets)), {}
    for name, module in model.named_modules():
        operators = draw(st.sampled_from(CALLED))
        if operators and type(module).__name__ != "LinearPackedParams":
            called[name] = list(operators)
    return model, called, kind_of


@check(
    "Exercise 2, An audit that says what it did not see",
    why="An audit has rows for what ran, and the model has the modules that should have run. Whoever begins with the modules sees both "
    "what is missing in the audit and what it could not name.",
    trust="it takes a model, which it may change",
)
def verdicts(answer: Callable) -> None:
    """``verdicts(model, called, kind_of) -> {name of a module: text}``."""

    def holds(module, dims=2, *, recurse=False, method=True):
        weights = any(p.dim() >= dims for p in module.parameters(recurse=recurse))
        return weights or (method and callable(getattr(module, "weight", None)))

    def said_of(kinds):
        """The verdict on operators of these kinds, of which there is one at least."""
        known = [kind for kind in kinds if kind]
        return "unknown" if not known else known[0] if len(set(known)) == 1 else "both"

    def rule(
        *,
        modules=lambda model: list(model.named_modules()),
        asked=holds,
        operators=lambda called, name: called.get(name, []),
        verdict=said_of,
        nothing="not run",
    ):
        def verdicts(model, called, kind_of):
            found = {}
            for name, module in modules(model):
                if asked(module):
                    kinds = [kind_of(op) for op in operators(called, name)]
                    found[name] = verdict(kinds) if kinds else nothing
            return found

        return verdicts

    def without(*words):
        """Right, but without the entries that say one of these words."""
        return lambda *args: {name: said for name, said in rule()(*args).items() if said not in words}

    def those_that_ran(model, called, kind_of):
        return {name: said_of([kind_of(op) for op in ops]) for name, ops in called.items()}

    def those_that_ran_with_weights(model, called, kind_of):
        return {name: said for name, said in rule()(model, called, kind_of).items() if name in called}

    def with_those_below(called, name):
        return [op for at, ops in called.items() if at == name or not name or at.startswith(f"{name}.") for op in ops]

    def table(value, model, called, kind_of):
        try:
            plain = isinstance(value, Mapping) and all(
                isinstance(name, str) and isinstance(said, str) for name, said in value.items()
            )
        except Exception:
            plain = False
        if not plain:
            raise Mistake(
                "Your function returned something other than a dictionary of texts.",
                "Return {name of a module: its verdict}. Without a module that holds a weight that is {}.",
            )
        others = sorted({str(said) for said in value.values()} - {"not run", "unknown", "float", "int8", "both"})
        if others:
            raise Mistake(
                f"{show(others[0])} is none of the five verdicts of the card.",
                "They are 'not run', 'unknown', 'float', 'int8' and 'both', written like this.",
            )
        return {str(name): str(said) for name, said in value.items()}

    def first_of_a_tensor(model, called, kind_of):
        own = {name.rpartition(".")[0] for name, p in model.named_parameters() if p.dim() >= 2}
        own |= {name for name, module in model.named_modules() if callable(getattr(module, "weight", None))}
        return {name: said for name, said in rule()(model, called, kind_of).items() if name in own}

    def named_weight(module):
        own = getattr(module, "weight", None)
        return callable(own) or (isinstance(own, torch.Tensor) and own.dim() >= 2)

    def of_class(*classes):
        return rule(asked=lambda module: isinstance(module, classes) or callable(getattr(module, "weight", None)))

    def by_library(model, called, kind_of):
        libraries = {"aten": "float", "quantized": "int8"}
        return rule()(model, called, lambda operator: libraries.get(operator.partition(".")[0], ""))

    wrong = {
        "You ask for two dimensions exactly. The weight of a convolution has four: two or more.": rule(
            asked=lambda module: (
                callable(getattr(module, "weight", None)) or any(p.dim() == 2 for p in module.parameters(recurse=False))
            )
        ),
        "You ask for three dimensions or more. The weight of a linear layer has two.": rule(
            asked=lambda module: holds(module, 3)
        ),
        "You ask for the method `weight` alone. A float layer has a parameter of two or more dimensions instead.": rule(
            asked=lambda module: callable(getattr(module, "weight", None))
        ),
        "You ask for a parameter that is called weight. It may have another name, as in_proj_weight of an attention: look at all "
        "parameters of the module.": rule(asked=named_weight),
        "You ask for the class of a module. Other classes hold a weight as well, such as an attention or one that somebody wrote: look at "
        "the parameters.": (
            *(of_class(*classes) for classes in ((nn.Linear,), (nn.Linear, nn.Conv2d))),
            *(
                rule(asked=lambda module, classes=classes: isinstance(module, classes))
                for classes in ((nn.Linear,), (nn.Linear, nn.Conv2d))
            ),
        ),
        "You leave out modules that have children. They may hold a weight themselves as well, as an attention does.": rule(
            asked=lambda module: holds(module) and not any(True for _ in module.children())
        ),
        "You count buffers as weights. A weight is a parameter here, or comes from a method `weight`.": rule(
            asked=lambda module: holds(module) or any(b.dim() >= 2 for b in module.buffers(recurse=False))
        ),
        "You leave out a module whose weight another module has as well: model.named_parameters() gives a shared tensor only once. Ask each "
        "module for its own parameters.": first_of_a_tensor,
        "You leave out weights that are not trained. A parameter with requires_grad=False is one as well.": rule(
            asked=lambda module: (
                any(p.requires_grad and p.dim() >= 2 for p in module.parameters(recurse=False))
                or callable(getattr(module, "weight", None))
            )
        ),
        "You sort the operators by their library yourself. kind_of says of which kind an operator is, and that many are of none.": by_library,
        "You give an entry for every module. Only those that hold a weight themselves are asked: a ReLU or a container holds "
        "none.": rule(asked=lambda module: True),
        "You count parameters of one dimension as weights, such as those of a norm. A weight has two dimensions or more.": (
            rule(asked=lambda module: holds(module, 1))
        ),
        "You count what the children hold for their parent. parameters(recurse=False) gives a module's own parameters "
        "alone.": rule(asked=lambda module: holds(module, recurse=True)),
        "You miss the int8 layers: their packed weights are no parameters. They have a method `weight` instead.": rule(
            asked=lambda module: holds(module, method=False)
        ),
        "You take everything that has an attribute `weight`. That of a norm has one dimension, and a parameter of a module may have "
        "another name: ask for two dimensions, or for a *method* of this name.": rule(
            asked=lambda module: getattr(module, "weight", None) is not None
        ),
        "You go through what was called. A module that called nothing is not in there: go through the modules of the "
        "model.": (those_that_ran, those_that_ran_with_weights, without("not run")),
        "You leave out the model itself, whose name is the empty text. It may hold a weight, too.": rule(
            modules=lambda model: [pair for pair in model.named_modules() if pair[0]]
        ),
        "You look at the direct children only. named_modules() gives the modules at every depth, and the model itself.": (
            rule(modules=lambda model: list(model.named_children())),
            rule(modules=lambda model: [("", model), *model.named_children()]),
        ),
        "You leave out the modules of whose operators none is known. They are asked for: the verdict is 'unknown'.": without(
            "unknown"
        ),
        "You leave out what is neither float nor int8. 'not run' and 'unknown' are verdicts, too.": without(
            "not run", "unknown"
        ),
        "You call a module 'float' where kind_of knows none of its operators. Nobody has seen a float product there: the verdict "
        "is 'unknown'.": rule(verdict=lambda kinds: "float" if not any(kinds) else said_of(kinds)),
        "You call a module 'float' that called nothing. The verdict is 'not run'.": rule(nothing="float"),
        "You call a module 'unknown' that called nothing. The verdict is 'not run'.": rule(nothing="unknown"),
        "You call a module 'not run' where kind_of knows none of its operators. It ran: the verdict is "
        "'unknown'.": rule(verdict=lambda kinds: said_of(kinds) if any(kinds) else "not run"),
        "You look at the first operator only. A module may call several, and a product need not be the first.": rule(
            verdict=lambda kinds: said_of(kinds[:1])
        ),
        "You look at the last operator only. A module may call several, and a product need not be the last.": rule(
            verdict=lambda kinds: said_of(kinds[-1:])
        ),
        "You look at the first product only. A module may call products of both kinds.": rule(
            verdict=lambda kinds: next((kind for kind in kinds if kind), "unknown")
        ),
        "You look at the last product only. A module may call products of both kinds.": rule(
            verdict=lambda kinds: next((kind for kind in reversed(kinds) if kind), "unknown")
        ),
        "You call a module 'int8' as soon as one of its products is. Where there are both kinds, say 'both'.": rule(
            verdict=lambda kinds: "int8" if "int8" in kinds else said_of(kinds)
        ),
        "You call a module 'float' as soon as one of its products is. Where there are both kinds, say 'both'.": rule(
            verdict=lambda kinds: "float" if "float" in kinds else said_of(kinds)
        ),
        "You count the empty text as a kind. It says that an operator is on neither list, so it makes no 'both'.": (
            rule(verdict=lambda kinds: "both" if len(set(kinds)) > 1 else kinds[0] or "unknown"),
            rule(verdict=lambda kinds: "unknown" if "" in kinds else said_of(kinds)),
        ),
        "You add the operators of the children to those of their parent. Each operator counts for the module that called it "
        "itself.": rule(operators=with_those_below),
    }
    nets = _nets()
    attention = {"0": ["aten._native_multi_head_attention.default"]}
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        view=table,
        names=("model", "called", "kind_of"),
        edges=[
            (nn.Linear(2, 2), {"": ["aten.addmm.default"]}, kind_of),
            (nn.Sequential(nn.MultiheadAttention(2, 1)), attention, kind_of),
            (Product(), {"": ["aten.mul.Tensor", "aten.sum.dim_IntList"], "last": ["aten.addmm.default"]}, kind_of),
            (nn.Sequential(nn.ReLU()), {"0": ["aten.relu.default"]}, kind_of),
            *[(net, {}, kind_of) for net in nets],
        ],
        inputs=_audited(nets),
    )


def _old_line(types: set | None) -> Callable:
    """``quantize_dynamic`` with a set of types or names, without its warnings."""

    def quantize(model):
        with legacy_int8.quiet():
            return legacy_int8.tq.quantize_dynamic(model, types)

    listed = ", {" + ", ".join(f"nn.{getattr(kind, '__name__', kind)}" for kind in types) + "}" if types else ""
    quantize.__name__ = f"quantize_dynamic(model{listed})"
    return quantize


def _torchao(name: str, *, only: str = "") -> Callable:
    """torchao's ``quantize_`` on a copy, with the configuration of that name; `only`: one module."""

    def quantize(model):
        from torchao import quantization as ao

        model = copy.deepcopy(model)
        chosen = (lambda module, at: isinstance(module, nn.Linear) and at == only) if only else None
        ao.quantize_(model, getattr(ao, name)(), filter_fn=chosen)
        return model

    quantize.__name__ = f"quantize_(copy of model, {name}(){f', only module {only!r}' if only else ''})"
    return quantize


def _unchanged(model: nn.Module) -> nn.Module:
    return model


_unchanged.__name__ = "lambda model: model"


class _Typed(nn.Linear):
    """A linear layer that shows the type of its weights."""

    def _get_name(self) -> str:
        return "Linear"

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, dtype={self.weight.dtype}"


def _models() -> list[nn.Module]:
    half_done = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    return [
        nn.Linear(2, 2),
        nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)),
        nn.Sequential(nn.Sequential(nn.Linear(2, 2)), nn.Conv2d(1, 1, 1)),
        nn.LSTM(2, 2),
        nn.Sequential(nn.LSTM(2, 2)),
        nn.Sequential(nn.RNN(2, 2)),
        nn.Sequential(nn.MultiheadAttention(2, 1)),
        nn.Sequential(nn.ReLU()),
        _old_line({"1"})(half_done),
        _old_line({"0"})(half_done),
    ]


@check(
    "Exercise 3, The model that did not change",
    why="The old line swaps modules, torchao swaps the tensors inside them: no name and no type tells both. An audit that "
    "asks each weight of the returned model for its bits sees both.",
    trust="it takes a function that quantizes a model",
)
def did_nothing(answer: Callable) -> None:
    """``did_nothing(model, quantize) -> bool``."""
    import torchao.quantization  # noqa: F401  (takes seconds, which are not the answer's)

    def looks(at: Callable[[nn.Module], bool]) -> Callable:
        return lambda model, quantize: at(quantize(model))

    def bits(model: nn.Module) -> list[int | None]:
        return [row.weight_bits for row in int8_audit.audit(model).rows]

    def kinds(model: nn.Module) -> list[type]:
        return [type(part) for part in model.modules()]

    def count(model: nn.Module) -> int:
        return sum(p.numel() for p in model.parameters())

    linear = torch.ao.nn.quantized.dynamic.Linear

    wrong = {
        "You look at the first module with weights only. As soon as any of them is stored in 8 bits, False is asked.": looks(
            lambda m: 8 not in bits(m)[:1]
        ),
        "You leave out the first module with weights. It counts like the others.": looks(
            lambda m: 8 not in bits(m)[1:]
        ),
        "You compare names or numbers before and after: classes, keys of the state_dict, a count of parameters. torchao keeps "
        "them all, and a model may come with 8-bit weights. Ask each weight of the returned model for its bits.": (
            lambda model, quantize: kinds(model) == kinds(quantize(model)),
            lambda model, quantize: list(model.state_dict()) == list(quantize(model).state_dict()),
            lambda model, quantize: count(model) == count(quantize(model)),
        ),
        "You see direct children of the model only. Look at the model itself, and at what lies deeper: modules() gives them "
        "all.": looks(
            lambda m: (
                not any(
                    "quantized" in type(child).__module__
                    or "torchao" in type(getattr(child, "weight", None)).__module__
                    for child in m.children()
                )
            )
        ),
        "You look for quantized linear layers of the old line alone. It quantizes an LSTM, too, and torchao swaps weights of "
        "modules that keep their class.": looks(lambda m: not any(isinstance(part, linear) for part in m.modules())),
        "You miss the LSTM that the old line quantized.": (
            looks(
                lambda m: (
                    not any(
                        isinstance(part, linear) or "torchao" in type(getattr(part, "weight", None)).__module__
                        for part in m.modules()
                    )
                )
            ),
            looks(lambda m: all(row.weight_bits != 8 for row in int8_audit.audit(m).rows if "Linear" in row.kind)),
        ),
        "You look for a type other than float32. torchao's weights say float32, packed weights of the old line are hidden from "
        "parameters(), and a float of 16 bits is not int8.": (
            looks(lambda m: all(p.dtype == torch.float32 for p in m.parameters())),
            looks(
                lambda m: all(v.dtype == torch.float32 for v in m.state_dict().values() if isinstance(v, torch.Tensor))
            ),
        ),
        "You miss what torchao did: it keeps the modules, and the names of their classes, and swaps the weights.": looks(
            lambda m: "DynamicQuantized" not in str(m)
        ),
        "You miss what the old line did: it replaces modules, and their packed weights are no parameters.": looks(
            lambda m: not any(type(p).__module__.startswith("torchao") for p in m.parameters())
        ),
        "You find only modules of the old line that are direct children of the model. Deeper ones count, and so do "
        "torchao's weights.": looks(lambda m: not any("quantized" in type(child).__module__ for child in m.children())),
        "You take NonDynamicallyQuantizableLinear for quantized, perhaps for its name. It is float.": (
            looks(lambda m: "quantiz" not in str(m).lower()),
            looks(lambda m: not any("quantiz" in type(part).__name__.lower() for part in m.modules())),
        ),
        "To you every model looks untouched, or nearly every one. Little is told by the name of a class (it may still be "
        "Linear), by the types of parameters (a packed weight is none, torchao's say float32), by the size of a small "
        "file. The audit's weight_bits tells it, as a number.": looks(
            lambda m: not any(p.dtype in (torch.int8, torch.qint8) for p in m.parameters())
        ),
        "No model looks untouched to you. Where no weight takes 8 bits, True is asked.": looks(lambda m: False),
        "You look at the last module with weights only.": looks(lambda m: 8 not in bits(m)[-1:]),
        "You look at the model that went in, not at the one that quantize gives back.": lambda model, quantize: (
            8 not in bits(model)
        ),
        "You ask whether quantize gives back the same object. The old line gives a copy, also where it changes "
        "nothing; and a model that came with 8-bit weights may come back as it was.": lambda model, quantize: (
            quantize(model) is model
        ),
        "16 bits are fewer than 32, but they are not 8.": looks(
            lambda m: not any(width is not None and width < 32 for width in bits(m))
        ),
        "You take every weight that is not in 32 bits for quantized. There are floats of 16 and of 64 bits.": looks(
            lambda m: all(width == 32 for width in bits(m))
        ),
        "Your answer is True exactly where some weight is not stored in 8 bits. Asked is whether none at all "
        "is.": looks(lambda m: any(width != 8 for width in bits(m))),
        "You miss weights that are stored in 8 bits and computed in float (weight-only). Asked is what is "
        "stored.": looks(lambda m: int8_audit.audit(m).count("int8") == 0),
        "You say True for a model that came with 8-bit weights and was not changed. Asked is what the returned model "
        "stores, not whether it is another.": lambda model, quantize: str(model) == str(quantize(model)),
        "You say False for a model without weights. None of them takes 8 bits there: True.": looks(
            lambda m: bool(bits(m)) and 8 not in bits(m)
        ),
        "Your answer is True exactly where an nn.Linear is left. Other modules have weights, too, and torchao keeps the "
        "class.": looks(lambda m: any(isinstance(part, nn.Linear) for part in m.modules())),
        "You have it the wrong way round: True means that no weight is stored in 8 bits.": looks(
            lambda m: 8 in bits(m)
        ),
        "You say False only where more than half of the weights are stored in 8 bits. One alone is enough for False.": looks(
            lambda m: 2 * bits(m).count(8) <= len(bits(m))
        ),
    }

    def true_or_false(value, model, quantize):
        if not (same(True, value) or same(False, value)):
            raise Mistake("Your function returned neither True nor False.", "Return the truth value itself.")
        return value

    models, default = _models(), _old_line(None)
    quantizers = [
        _unchanged,
        _old_line({nn.Linear}),
        default,
        _old_line({nn.Conv2d}),
        _torchao("Int8WeightOnlyConfig"),
        _torchao("Int8DynamicActivationInt8WeightConfig"),
        _torchao("Int8WeightOnlyConfig", only="0"),
    ]
    compare(
        answer,
        right=looks(lambda m: 8 not in bits(m)),
        wrong=wrong,
        view=true_or_false,
        names=("model", "quantize"),
        edges=[
            *((_Typed(2, 2, dtype=dtype), _unchanged) for dtype in (torch.float16, torch.bfloat16, torch.float64)),
            *((models[at], default) for at in (3, 4, 5, 6)),  # LSTM, one deeper, RNN, attention
            *((models[at], _unchanged) for at in (3, 6, 8, 9)),  # the last two came with 8-bit weights
            *((models[at], quantizers[4]) for at in (1, 2, 6)),
        ],
        inputs=st.tuples(st.sampled_from(models), st.sampled_from(quantizers)),
    )

"""Finds the smallest input on which a learner's function is wrong, and says what is wrong with it."""

from __future__ import annotations

import copy
import difflib
import functools
from collections.abc import Callable, Mapping, Sequence

from course_utils.exercises import explain
from course_utils.exercises.calls import described
from course_utils.exercises.inputs import NONE_FOUND, Clock, Strategy, smallest
from course_utils.exercises.mistake import Mistake
from course_utils.exercises.pattern import quiet
from course_utils.exercises.trial import Trial, Tried
from course_utils.exercises.values import difference, same, show

INPUTS = 100  # generated for one check
LEAST_INPUTS = 30  # of those, tried however slow the function is
SEARCH_SECONDS = 0.6  # of processor time: for trying inputs, for saying what is wrong, and for shrinking a failure
AGAIN = 8  # inputs on which the function is called a second time
MOST_RIGHT = 40  # inputs on which the answer was right, of which one is held up
BY_HAND = "Work this input out by hand, step by step."
UNLIKE_THE_RIGHT_ONE = f"{BY_HAND} What is different in the one that was right?"


def compare(
    answer: Callable,
    *,
    right: Callable,
    wrong: Mapping[str, Callable | tuple[Callable, ...]],
    edges: Sequence[tuple],
    inputs: Strategy,
    names: Sequence[str] = (),
    rtol: float = 1e-5,
    atol: float = 0.0,
    view: Callable | None = None,
) -> None:
    """Compare `answer` with `right` on stated inputs and on generated ones; explain the smallest failure.

    Args:
        answer: the learner's function.
        right: the reference.
        wrong: hint -> a function that makes that mistake, or several that make it in different ways.
        edges: argument tuples that must be among those tried: what the card names.
        inputs: a Hypothesis strategy of argument tuples: all that the card promises.
        names: names of the arguments, for the message.
        rtol, atol: two numbers or arrays agree within ``atol + rtol * |expected|``.
        view: ``view(value, *args)`` gives what is compared in place of the value itself: a list as a set, a model as
            what it computes. It may raise `Mistake` for a value that cannot be meant, and nothing else.
    Raises:
        Mistake: the smallest input that was found on which the answer is wrong. The hint is that of the mistake which
            gives most of the answer's wrong results, when it gives more than `explain.EXPLAINS` of them; else what is
            true of all its wrong results; else that mistake with a "perhaps", when it gives more than
            `explain.SUGGESTS`. An input on which nothing comes back is shown where that is the case on most that fail.
    """
    plain = view or (lambda value, *args: value)
    trial = Trial(answer, right, names, functools.partial(same, rtol=rtol, atol=atol), plain)
    tried, clock = [], Clock(SEARCH_SECONDS)
    for number, args in enumerate([*edges, *generated(inputs, INPUTS)]):
        if number >= len(edges) + LEAST_INPUTS and clock.over():
            break
        tried.append(trial.on(args))
    failed = [one for one in tried if not one.good]
    if not failed:
        _call_again(trial, tried)
        return
    lost = [one for one in failed if one.got.lost]
    aside = lost if 2 * len(lost) <= len(failed) else []  # an edge that raises must not hide what is wrong elsewhere
    finding = explain.found(trial, wrong, tried, aside, Clock(SEARCH_SECONDS))
    mostly_lost = len(aside) < len(lost) and not finding.sure

    def shows(one: Tried) -> bool:
        if one.good or (aside and one.got.lost) or (mostly_lost and not one.got.lost):
            return False
        return quiet(finding.shows)(one)

    smallest_one = trial.on(
        _shrunk(inputs, lambda args: shows(trial.on(args)), [one.args for one in failed if shows(one)])
    )
    raise _explained(trial, smallest_one, finding, wrong, tried, _besides(trial, aside, finding))


def generated(inputs: Strategy, count: int) -> list[tuple]:
    """The inputs that a strategy makes for a check, always the same ones.

    Args:
        inputs: a Hypothesis strategy.
        count: how many.
    """
    made: list[tuple] = []
    smallest(inputs, lambda args: made.append(args), count=count)
    return made


def _shrunk(inputs: Strategy, fails: Callable[[tuple], bool], known: Sequence[tuple]) -> tuple:
    """The smallest input that fails: generated and shrunk, or one that was tried, if it is less than half as long."""
    found = smallest(inputs, fails, count=INPUTS, seconds=SEARCH_SECONDS)
    tried = min(known, key=lambda args: len(described(args)), default=found)
    return tried if found is NONE_FOUND or 2 * len(described(tried)) < len(described(found)) else found


def _call_again(trial: Trial, tried: Sequence[Tried]) -> None:
    """Call a right answer once more on some inputs, in reverse: what it returns must not hang on the calls before."""
    for one in reversed(tried[:AGAIN]):
        second = trial.of_answer(one.args)
        if second.fault or not trial.equal(one.got, second):
            now = second.fault.message if second.fault else show(second.shown)
            raise Mistake(
                "Your function does not always return the same for the same input.",
                "Its result hangs on chance, or on what it kept from earlier calls.",
                (("your call", described(one.args, trial.names)), ("first", show(one.got.shown)), ("later", now)),
            )


def _besides(trial: Trial, aside: Sequence[Tried], finding: explain.Finding) -> tuple[tuple[str, str], ...]:
    """A fact on the shortest input without a result to look at, where another is shown; none where there is none."""
    left = [one for one in aside if not (finding.sure and finding.shows(one))]
    if not left:
        return ()
    one = min(left, key=lambda one: len(described(one.args)))
    said = one.got.fault.message.removeprefix("Your function ").rstrip(".")
    return (("besides", f"{said}, on {described(one.args, trial.names)}"),)


def _explained(
    trial: Trial,
    one: Tried,
    finding: explain.Finding,
    wrong: Mapping[str, Callable | tuple[Callable, ...]],
    tried: Sequence[Tried],
    besides: tuple[tuple[str, str], ...],
) -> Mistake:
    """The `Mistake` for one input, whole."""
    got, expected, hint = one.got, one.expected, finding.hint(one)
    if got.fault:
        facts = got.fault.facts
        if expected.fault is None and not any(label == "expected" for label, _ in facts):
            facts = (*facts, ("expected", show(expected.shown)))
        return Mistake(got.fault.message, hint or got.fault.hint, facts + besides)
    facts = [
        ("your call", described(one.args, trial.names)),
        ("returned", show(got.shown)),
        ("expected", show(expected.shown)),
    ]
    apart = difference(expected.shown, got.shown)
    if apart:
        facts.append(("that is", apart))
    if not finding.sure and not hint.startswith("Perhaps this"):
        near = _nearest_right(trial, one.args, wrong, tried)
        facts += near
        hint = f"{hint} {UNLIKE_THE_RIGHT_ONE if near else BY_HAND}".strip()
    return Mistake("On this input the result is wrong.", hint, (*facts, *besides))


def _nearest_right(trial: Trial, args: tuple, wrong: Mapping, tried: Sequence[Tried]) -> list[tuple[str, str]]:
    """The input most like `args` of those on which it tells something that the answer was right, as a fact, or none."""
    text = described(args, trial.names)

    def unlike(other: Tried) -> tuple[int, float]:
        shown = described(other.args, trial.names)
        changed = sum(not same(a, b) for a, b in zip(args, other.args, strict=False))
        return changed, 1 - difflib.SequenceMatcher(None, text, shown, autojunk=False).ratio()

    short = sorted((one for one in tried if one.good), key=lambda one: len(described(one.args, trial.names)))
    near = explain.telling(trial, wrong, short[:MOST_RIGHT])
    return [("right on", described(min(near, key=unlike).args, trial.names))] if near else []


def examine(
    judge: Callable[..., None], *, edges: Sequence[tuple], inputs: Strategy | None = None, count: int = 20
) -> None:
    """Run ``judge(*args)`` on stated and generated inputs; raise the `Mistake` of the smallest that has one.

    For answers whose effect is looked at rather than their value. The judge calls the learner's function itself (with
    `run`) and raises `Mistake`.

    Args:
        judge: takes one input apart into its arguments.
        edges: argument tuples that must be tried.
        inputs: a Hypothesis strategy of argument tuples.
        count: how many inputs to generate.
    """

    def fault(args: tuple) -> Mistake | None:
        try:
            judge(*copy.deepcopy(list(args)))
        except Mistake as mistake:
            return mistake
        return None

    more = generated(inputs, count) if inputs is not None else []
    first, clock = None, Clock(SEARCH_SECONDS)
    for number, args in enumerate([*edges, *edges[:1], *more]):  # a right answer is right the second time, too
        if number > len(edges) and clock.over():
            break
        first = fault(args)
        if first:
            break
    if first is None:
        return
    if inputs is None:
        raise first

    def alike(args: tuple) -> bool:
        found = fault(args)
        return found is not None and found.hint == first.hint

    found = smallest(inputs, alike, count=count, seconds=SEARCH_SECONDS)
    raise first if found is NONE_FOUND else fault(found) or first

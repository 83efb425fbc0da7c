"""Finds the smallest input on which a learner's function is wrong, and the mistake that explains it best."""

from __future__ import annotations

import copy
import difflib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from course_utils.exercises.calls import described
from course_utils.exercises.inputs import NONE_FOUND, Clock, Strategy, smallest
from course_utils.exercises.mistake import Mistake
from course_utils.exercises.trial import Outcome, Trial
from course_utils.exercises.values import ARRAYS, difference, is_number, same, show

INPUTS = 100  # generated for one check
LEAST_INPUTS = 30  # of those, tried however slow the function is
SEARCH_SECONDS = 1.5  # of processor time; after that no more inputs are tried, nor is a failure shrunk
AGAIN = 8  # inputs on which the function is called a second time
EXPLAINS = 0.85  # a mistake is named when it agrees with the answer on more than this share of where either is wrong
SUGGESTS = 0.7  # above this share it is named with a "perhaps"; below, it is as a rule another mistake
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
            gives most of the answer's wrong results, when it gives more than `EXPLAINS` of them; with a "perhaps" when
            it gives more than `SUGGESTS`.
    """
    plain = view or (lambda value, *args: value)
    trial = Trial(answer, right, names, functools.partial(same, rtol=rtol, atol=atol), plain)
    inputs_tried = [*edges, *generated(inputs, INPUTS)]
    tried, clock = [], Clock(SEARCH_SECONDS)
    for number, args in enumerate(inputs_tried):
        if number >= len(edges) + LEAST_INPUTS and clock.over():
            break
        tried.append((args, *trial.is_right(args)))
    failed = [(args, got, expected) for args, good, got, expected in tried if not good]
    if not failed:
        _call_again(trial, tried)
        return
    share, hint, explained, mistake, telling = _nearest(trial, wrong, tried)
    order = _other_order(trial, failed)
    if order:
        hint, mistake = order, None
    elif hint:
        if share <= EXPLAINS:
            hint = f"Perhaps this: {hint}"
        if explained < len(failed):
            hint = f"{hint} (That explains {explained} of the {len(failed)} results that are wrong.)"

    def shows(args: tuple) -> bool:
        good, got, _ = trial.is_right(args)
        return not good and (mistake is None or trial.equal(trial.of(mistake, args), got))

    known = [args for args, got, _ in failed if mistake is None or trial.equal(trial.of(mistake, args), got)]
    args = _shrunk(inputs, shows, known)
    _, got, expected = trial.is_right(args)
    raise _explained(trial, args, got, expected, hint, telling)


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


def mistakes(wrong: Mapping[str, Callable | tuple[Callable, ...]]) -> Iterator[tuple[str, int, Callable]]:
    """(hint, number, function) of every way to make one of the mistakes.

    Args:
        wrong: as in `compare`.
    """
    for hint, ways in wrong.items():
        for number, way in enumerate(ways if isinstance(ways, tuple) else (ways,)):
            yield hint, number, way


def _made(trial: Trial, hint: str, mistake: Callable, tried: Sequence[tuple]) -> list[tuple[Outcome, bool]]:
    """What a mistake makes of each input that was tried, and whether that is wrong; `hint` says which mistake it is."""
    made = ((trial.of(mistake, args), expected) for args, *_, expected in tried)
    return [(own, not trial.equal(expected, own)) for own, expected in made]


def _nearest(
    trial: Trial, wrong: Mapping[str, Callable | tuple[Callable, ...]], tried: Sequence[tuple]
) -> tuple[float, str, int, Callable | None, list[tuple]]:
    """The mistake that agrees best with the answer where either is wrong: share, hint, results explained, function.

    The last item lists inputs where it tells something that the answer is right: some mistake is wrong there, and the
    result is not 0, which a wrong factor leaves alone.
    """
    best, telling = (SUGGESTS, "", 0, None), set()
    for hint, number, mistake in mistakes(wrong):
        made = _made(trial, f"{hint} {number}", mistake, tried)
        telling |= {number for number, (_, differs) in enumerate(made) if differs}
        matter = [
            (good, trial.equal(own, got))
            for (own, differs), (_, good, got, _) in zip(made, tried, strict=True)
            if not good or differs
        ]
        share = sum(equal for _, equal in matter) / max(1, len(matter))
        if share > best[0]:
            best = (share, hint, sum(equal for good, equal in matter if not good), mistake)
    told = (tried[number] for number in telling) if wrong else tried
    return *best, [args for args, good, _, expected in told if good and not same(0, expected.value)]


def _call_again(trial: Trial, tried: Sequence[tuple]) -> None:
    """Call a right answer once more on some inputs, in reverse: what it returns must not hang on the calls before."""
    for args, _, first, _ in reversed(tried[:AGAIN]):
        second = trial.of_answer(args)
        if second.fault or not trial.equal(first, second):
            now = second.fault.message if second.fault else show(second.shown)
            raise Mistake(
                "Your function does not always return the same for the same input.",
                "Its result hangs on chance, or on what it kept from earlier calls.",
                (("your call", described(args, trial.names)), ("first", show(first.shown)), ("later", now)),
            )


def _other_order(trial: Trial, failed: Sequence[tuple]) -> str:
    """A hint where the function has the card's parameters in another order and is right by their names; else ""."""
    try:
        own = list(inspect.signature(trial.answer).parameters)[: len(trial.names)]
    except (TypeError, ValueError):  # some callables do not tell
        return ""
    if own == list(trial.names) or sorted(own) != sorted(trial.names):
        return ""
    places = [list(trial.names).index(name) for name in own]
    by_name = replace(trial, answer=lambda *args: trial.answer(*(args[place] for place in places)))
    right = [by_name.is_right(args)[0] for args, *_ in failed[:AGAIN]]
    if sum(right) <= len(right) * SUGGESTS:
        return ""
    said = f"The parameters of your function are {', '.join(own)}."
    return f"{said} The card has them in the order {', '.join(trial.names)}, and the check calls it in that order."


def _explained(
    trial: Trial, args: tuple, got: Outcome, expected: Outcome, hint: str, telling: Sequence[tuple]
) -> Mistake:
    """The `Mistake` for one input, whole; `telling` are inputs on which the answer was right."""
    if got.fault:
        facts = got.fault.facts
        if expected.fault is None and not any(label == "expected" for label, _ in facts):
            facts = (*facts, ("expected", show(expected.shown)))
        return Mistake(got.fault.message, hint or got.fault.hint, facts)
    facts = [
        ("your call", described(args, trial.names)),
        ("returned", show(got.shown)),
        ("expected", show(expected.shown)),
    ]
    apart = difference(expected.shown, got.shown)
    if apart:
        facts.append(("that is", apart))
    if not hint:
        if is_number(expected.value) and not isinstance(expected.value, ARRAYS) and not is_number(got.value):
            hint = "Return one number."
        else:
            near = _nearest_right(trial, args, telling)
            facts += near
            hint = UNLIKE_THE_RIGHT_ONE if near else BY_HAND
    return Mistake("On this input the result is wrong.", hint, tuple(facts))


def _nearest_right(trial: Trial, args: tuple, telling: Sequence[tuple]) -> list[tuple[str, str]]:
    """The input most like `args` of those on which the answer was right, as a fact; empty when there is none."""
    text = described(args, trial.names)

    def unlike(other: tuple) -> tuple[int, float]:
        shown = described(other, trial.names)
        changed = sum(not same(a, b) for a, b in zip(args, other, strict=False))
        return changed, 1 - difflib.SequenceMatcher(None, text, shown, autojunk=False).ratio()

    short = sorted(telling, key=lambda other: len(described(other, trial.names)))[:40]
    return [("right on", described(min(short, key=unlike), trial.names))] if short else []


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

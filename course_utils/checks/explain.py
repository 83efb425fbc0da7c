"""What is wrong with an answer: an idea, one edit of the reference, an amount too much, or how far it is right."""

from __future__ import annotations

import ast
import contextlib
import itertools
import linecache
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from course_utils.checks.edits import edits, spoken
from course_utils.exercises import amounts, relations, values
from course_utils.exercises.calls import code_of, heard
from course_utils.exercises.inputs import Clock
from course_utils.exercises.mistake import Mistake
from course_utils.exercises.models import show
from course_utils.exercises.trial import Trial, Tried

MOST_VERSIONS = 200  # of the reference, with which an answer is compared
BRAKE = 4.0  # seconds of processor time for a search; only what is slow meets it, all else ends by the count
ENOUGH, LEAST = 8, 3  # wrong results on which parts are compared; that must have an amount in common
SAME, MOST_LETTERS = 1e-5, 120  # how near a variable comes to a part; of one part


@dataclass
class Case:
    """What is known of a wrong answer: a sentence, which inputs show it, and part -> the learner's name for it."""

    text: str = ""
    shows: Callable[[Tried], bool] = lambda one: True
    right: dict[str, str] | None = None


def explained(exercise, trial: Trial, tried: Sequence[Tried]) -> Case:
    """The best that can be said of a wrong answer: what is true of every input that was tried."""
    wrong, right = ([one for one in tried if one.good is good] for good in (False, True))
    if wrong[0].got.lost:
        return Case(where_raised(exercise, wrong[0].got.fault) or "", right=_right_variables(exercise, wrong))
    clock = Clock(BRAKE)
    for text, function in itertools.islice(_versions(exercise), MOST_VERSIONS):
        if clock.over():
            break
        if all(trial.equal(trial.of(function, one.args), one.got) for one in (*wrong, *right)):
            return Case(text, lambda one, own=function: trial.equal(trial.of(own, one.args), one.got))
    found = Case(right=_right_variables(exercise, wrong))
    with contextlib.suppress(Exception):  # what came back may raise when it is looked at
        found.text = "" if exercise.looked_at else _amount(exercise, wrong, right) or _relation(wrong, right)
    return found


def _versions(exercise) -> Iterator[tuple[str, Callable]]:
    """(sentence, function) of each idea, and then of each edit of the reference."""
    yield from ((text, function) for function, text in exercise.said)
    for at, reference in enumerate(exercise.references):
        for said, tree in edits(reference):
            with contextlib.suppress(SyntaxError, TypeError, ValueError):  # no program
                yield f"Yours is what comes out with {said}.", exercise.alone(at, reference.made(tree))


# ---- parts of the reference, and the learner's own variables -----------------------------------------


def _parts(exercise, args: tuple) -> dict[str, object]:
    """What the references have in their labelled variables on this input, by the variables' names."""
    with contextlib.chdir(exercise.folder):
        held = heard(exercise.playing(*[None] * len(exercise.references)), args)
    return {name: held[name] for name in exercise.labels() if name in held}


def parts_told(exercise, one: Tried, case: Case) -> dict[str, str]:
    """Facts on the way to the expected value: each labelled part, beside the learner's."""
    labels, held, facts = exercise.labels(), heard(exercise.judged, one.args), {}
    for name, value in _parts(exercise, one.args).items():
        own = (case.right or {}).get(name)
        off = name in held and name not in (case.right or {}).values() and not values.same(value, held[name], rtol=SAME)
        beside = f"  ✓ your `{own}`" if own else f"  your `{name}`: {show(held[name], MOST_LETTERS)}" if off else ""
        if len(told := show(value)) <= MOST_LETTERS:
            facts[labels[name]] = told + beside
    return facts


def _right_variables(exercise, wrong: Sequence[Tried]) -> dict[str, str]:
    """Part -> the learner's variable that holds it, on every wrong input; not where a part is always alike."""
    rows, clock = [], Clock(BRAKE)
    for one in wrong[:ENOUGH]:
        rows += [] if rows and clock.over() else [(_parts(exercise, one.args), heard(exercise.judged, one.args))]
    found = {}
    for name in rows[0][0]:
        for own in sorted(rows[0][1], key=lambda own: own != name):
            varies = len({show(known.get(name)) for known, _ in rows}) > 1
            if varies and all(own in held and values.same(known[name], held[own], rtol=SAME) for known, held in rows):
                found.setdefault(name, own)
    return found


def so_far(exercise, one: Tried, right: dict[str, str]) -> str:
    """The last part that is right, and the first variable that may be meant for a part and differs from it."""
    labels, known, held = exercise.labels(), _parts(exercise, one.args), heard(exercise.judged, one.args)
    said = [f"Your `{own}` is right ({labels[name]}). Look at what you make of it." for name, own in right.items()][-1:]
    for name, value in known.items():
        if name in held and name not in (*right, *right.values()) and not values.same(value, held[name], rtol=SAME):
            differs = f"it should be {show(value)} on this input, and it is {show(held[name])}"
            differs = differs if len(differs) <= 2 * MOST_LETTERS else "it differs from what it should be on this input"
            return " ".join([*said, f"If your `{name}` is meant to be {labels[name]}: {differs}."])
    return "".join(said)


def where_raised(exercise, fault: Mistake) -> str | None:
    """The learner's line from which an exception came; "" where that is not known, None where none of theirs did."""
    codes = {code_of(one) for one in exercise.judged.args} - {None}
    steps = traceback.walk_tb(fault.__cause__.__traceback__ if fault.__cause__ else None)
    lines = [linecache.getline(frame.f_code.co_filename, row).strip() for frame, row in steps if frame.f_code in codes]
    said = f"It happened in this line of yours: {lines[-1]}" if lines and lines[-1] else ""
    return None if codes and fault.__cause__ and not lines else said


def _relation(wrong: Sequence[Tried], right: Sequence[Tried]) -> str:
    """A factor, a distance or a rounding that turns every expected number into the one that came back."""
    pairs = [[(one.expected.value, one.got.value) for one in group] for group in (wrong, right)]
    found = relations.related(*pairs, partly=False)
    return found.text if found else ""


def _amount(exercise, wrong: Sequence[Tried], right: Sequence[Tried]) -> str:
    """A sentence where every result is off by one and the same product of different parts and arguments."""
    pairs = [(one.expected.value, one.got.value) for one in wrong]
    rows = ({**dict(zip(exercise.names, one.args, strict=False)), **_parts(exercise, one.args)} for one in wrong)
    said = amounts.by_product(pairs, rows, lambda name: spoken(ast.Name(name), exercise.references[0]))
    return f"{'Where your result is wrong, it' if right else 'Your result'} is {said}." if said else ""

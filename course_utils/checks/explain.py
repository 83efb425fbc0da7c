"""What is wrong with an answer: an idea, one edit of the reference, an amount too much, or how far it is right."""

from __future__ import annotations

import ast
import contextlib
import dis
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from course_utils.checks.amounts import off_by
from course_utils.checks.calls import code_of, codes_of, heard, lines_of, meaning, takes
from course_utils.checks.edits import edits, spoken
from course_utils.checks.kinds import first_difference, holds, unlike
from course_utils.checks.mistake import Mistake
from course_utils.checks.models import variables
from course_utils.checks.reference import Reference
from course_utils.checks.trial import Trial, Tried, inside, only_with
from course_utils.checks.values import ARRAYS, show

MAX_VERSIONS = 200  # of the reference, with which an answer is compared
ENOUGH, LEAST = 8, 3  # inputs on which parts are compared; that must be wrong by the same, or have different parts
MAX_LETTERS = 120  # of one part


@dataclass
class Case:
    """What is known of a wrong answer: a sentence, which inputs show it, and the learner's names for parts."""

    text: str = ""
    shows: Callable[[Tried], bool] = lambda one: True
    right: dict[str, str] = field(default_factory=dict)  # part -> the variable that holds it
    off: dict[str, str] = field(default_factory=dict)  # part -> the one that holds it where the answer is right
    whole: bool = False  # the result is told as a whole, and not the first thing that differs


def explained(exercise, trial: Trial, tried: Sequence[Tried], lost: bool) -> Case:
    """The best that is true of all inputs tried: of the answer's results or, `lost`, of why there are none."""
    failed, right = ([one for one in tried if one.good is good] for good in (False, True))
    only = only_with(failed, right, exercise.names)
    wrong = [one for one in failed if one.got.lost == lost]
    if lost:
        idle, first = unread(exercise.judged, exercise.references), wrong[0].got.fault
        raised = first.__cause__ and where_raised(exercise, first)

        def alike(one: Tried) -> bool:  # the same exception, from the same line: what is told is of one call
            fault = one.got.fault
            if type(fault.__cause__) is not type(first.__cause__):
                return False
            return not raised or where_raised(exercise, fault) == raised

        wrong = [one for one in wrong if alike(one)]
        return Case(f"{only} {raised}".strip() if raised else idle, alike, _variables(exercise, wrong, right)[0])
    if all(map(trial.turned, wrong)):
        return Case("Both are right, in the other order.", trial.turned, whole=True)
    idle = unread(exercise.judged, exercise.references)
    for said, function, at in itertools.islice(_versions(exercise), MAX_VERSIONS):
        if at is not None and (len(wrong) < LEAST or idle or exercise.slow.over()):  # on few an edit is right by chance
            break
        alike = functools.partial(trial.alike, function, whole=at is not None)
        if all(map(alike, [*wrong, *right])):
            return Case(said if at is None else f"Yours is what comes out with {said}.", alike)
    if idle:
        return Case(idle)
    holding, off = _variables(exercise, wrong, right)
    with contextlib.suppress(Exception):  # what came back may raise when it is looked at
        return Case(_numbers(exercise, wrong, right) or ("" if off else only), right=holding, off=off)
    return Case(right=holding, off=off)


def unread(judged: functools.partial, references: Sequence[Reference]) -> str:
    """A sentence on the first argument of an answer that none of its lines reads; "" where each is read."""
    for answer, reference in zip(judged.args, references, strict=False):
        with contextlib.suppress(Exception):  # no Python function
            read: set[str] = set()
            for code in codes_of(answer):
                for one in dis.get_instructions(code):
                    if "STORE" not in one.opname or "LOAD" in one.opname:
                        read |= set(one.argval) if type(one.argval) is tuple else {one.argval}
            own = code_of(answer).co_varnames[: len(reference.arguments)]
            for name in own:
                if name not in (*read, "self") and not name.startswith("_"):
                    return f"You do not use `{name}`."
    return ""


def _versions(exercise) -> Iterator[tuple[str, Callable, int | None]]:
    """(sentence, function, None) of each idea; then (how it differs, function, number) of each edit of a reference."""
    yield from ((text, function, None) for function, text in exercise.said)
    for at, reference in enumerate(exercise.references):
        called = {name for code in codes_of(exercise.judged.args[at]) for name in code.co_names}
        for said, tree in edits(reference):
            name, left_out, _ = said.removeprefix("`").partition("` left out")
            with contextlib.suppress(SyntaxError, TypeError, ValueError):  # no program
                if not (left_out and name in called):  # who makes that call would not believe it
                    yield said, exercise.alone(at, reference.made(tree)), at


# ---- parts of the reference, and the learner's own variables -----------------------------------------


def overheard(exercise, play: Callable, args: tuple) -> dict[str, object]:
    """Variables by their names: of the last call where one function is asked for, of the first calls of several."""
    return heard(play, args, last=not exercise.references[1:])


def parts(exercise, args: tuple) -> dict[str, object]:
    """What the references have in their labelled variables on this input, by the variables' names."""
    with inside(exercise.folder):
        held = overheard(exercise, exercise.playing(), args)
    return {name: held[name] for name in exercise.labels() if name in held}


def way_to(exercise, args: tuple, finding: Case, line: str = "") -> tuple[dict[str, str], str, str]:
    """On the way to the expected value: facts, each part beside the learner's; how far they are right; variables."""
    known, held = parts(exercise, args), overheard(exercise, exercise.judged, args)
    right = {part: own for part, own in finding.right.items() if part in known and holds(known[part], held.get(own))}
    off = {part: own for part, own in finding.off.items() if part in known and own in held}
    labels, facts = exercise.labels(), {}
    for name, value in known.items():
        own = off.get(name, name if name not in right.values() else "")
        other = own in held and not holds(value, held[own])
        beside = f"  your `{own}`: {show(held[own], MAX_LETTERS)}" if other else ""
        if len(told := show(value)) <= MAX_LETTERS:
            facts[labels[name]] = told + (f"  ✓ your `{right[name]}`" if name in right else beside)
    return facts, _so_far(labels, known, held, right, off), variables(held, [*right.values()], line)


def _variables(exercise, wrong: Sequence[Tried], right: Sequence[Tried]) -> tuple[dict[str, str], dict[str, str]]:
    """Part -> the learner's one variable that holds it on every input; and, of the others, only where it is right."""
    bad, good = (
        [
            (parts(exercise, one.args), overheard(exercise, exercise.judged, one.args))
            for n, one in enumerate(group[:ENOUGH])
            if n == 0 or not exercise.slow.over()
        ]
        for group in (wrong, right)
    )
    holding, off = {}, {}
    for name in bad[0][0]:
        for found, rows in ((holding, [*bad, *good]), (off, good)):
            several = len({show(known.get(name)) for known, _ in rows}) >= LEAST
            fits = [own for own in bad[0][1] if all(own in held and holds(k.get(name), held[own]) for k, held in rows)]
            if several and name not in holding and (name in fits or len(fits) == 1):
                found[name] = name if name in fits else fits[0]
    off = {name: own for name, own in off.items() if not any(holds(k.get(name), held.get(own)) for k, held in bad)}
    return {name: own for name, own in holding.items() if [*holding.values()].count(own) == 1 or own == name}, off


def _so_far(labels: dict, known: dict, held: dict, right: dict, off: dict) -> str:
    """The last part that is right; and a variable that is not what it is meant to be, or the first part to look at."""
    said = ""
    for name, own in list(right.items())[-1:]:
        alike = labels[name].removeprefix("the ") == own.replace("_", " ")
        said = f"Your `{own}` is right{'' if alike else f': {labels[name]}'}. "
    for name, value in known.items():
        if own := off.get(name):
            told = f"should be {show(value)} on this input, and is {show(held[own])}"
            return f"{said}Where your result is right, your `{own}` is {labels[name]}. It {told}."
        if name not in held or name in (*right, *right.values()) or holds(value, held[name]):
            continue
        pair = value, held[name]
        wanted, own = (show(one, MAX_LETTERS) for one in pair)
        comparable = all(isinstance(one, ARRAYS) for one in pair) or not unlike(*pair)
        if comparable and wanted != own:  # they may be cut off before they differ
            told = f"it should be {wanted} on this input, and it is {own}"
            return f"{said}If your `{name}` is meant to be {labels[name]}: {told}."
    for name, value in list(known.items())[max(map(list(known).index, right), default=-1) + 1 :] if right else ():
        if type(value) is not bool and len(show(value)) <= MAX_LETTERS:
            return f"{said}Next, on this input: {labels[name]}, {show(value)}."
    return f"{said}Look at what you make of it." if right else ""


def where_raised(exercise, fault: Mistake) -> str | None:
    """The learner's line from which an exception came, or what the function should take; "" where that is not known,
    None where no line of theirs raised."""
    error, answers = fault.__cause__, exercise.judged.args
    for answer, reference in zip(answers, exercise.references, strict=False) if isinstance(error, TypeError) else ():
        name = reference.tree.name.strip("_") if exercise.references[1:] else exercise.__name__
        if said := takes(answer, name, reference.arguments):
            return said
    codes = set().union(*map(codes_of, answers))
    lines = lines_of(error, codes)
    said = f"It happened in this line of yours: {lines[-1]}" if lines and lines[-1] else ""
    said = f"{meaning(error)} {said}".strip()
    return None if codes and error and not lines else said


def _numbers(exercise, wrong: Sequence[Tried], right: Sequence[Tried]) -> str:
    """A sentence where what differs first is off by a product of parts and arguments, a factor, a distance."""
    found = [first_difference(one.expected.value, one.got.value, exercise.agree) for one in wrong]
    if len({part for part, _, _ in found}) > 1:
        return ""
    rows = [{**dict(zip(exercise.names, one.args, strict=False)), **parts(exercise, one.args)} for one in wrong]
    said = off_by([pair for _, *pair in found], rows, lambda part: spoken(ast.Name(part), exercise.references[0]))
    if said and right and not found[0][0]:
        return f"On every input tried where your result is wrong, it is {said}."
    return f"{'The first value that differs' if found[0][0] else 'Your result'} is {said}." if said else ""

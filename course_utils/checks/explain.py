"""What is wrong with an answer: an idea, one edit of the reference, an amount too much, or how far it is right."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from course_utils.checks.edits import edits, spoken
from course_utils.checks.reference import Reference
from course_utils.exercises import amounts, relations, values
from course_utils.exercises.calls import called, code_of, codes_of, heard, lines_of, takes
from course_utils.exercises.inputs import Clock
from course_utils.exercises.mistake import Mistake
from course_utils.exercises.models import show
from course_utils.exercises.trial import Trial, Tried

MOST_VERSIONS = 200  # of the reference, with which an answer is compared
BRAKE = 2.0  # seconds of processor time for a search; only what is slow meets it, all else ends by the count
ENOUGH, LEAST = 8, 3  # inputs on which parts are compared; that must be wrong by the same, or have different parts
SAME, MOST_LETTERS = 1e-5, 120  # how near a variable comes to a part; of one part


@dataclass
class Case:
    """What is known of a wrong answer: a sentence, which inputs show it, and part -> the learner's name for it."""

    text: str = ""
    shows: Callable[[Tried], bool] = lambda one: True
    right: dict[str, str] = field(default_factory=dict)
    whole: bool = False  # the result is told as a whole, and not the first thing that differs


def explained(exercise, trial: Trial, tried: Sequence[Tried]) -> Case:
    """The best that can be said of a wrong answer: what is true of every input that was tried."""
    wrong, right = ([one for one in tried if one.good is good] for good in (False, True))
    every = [*wrong, *right]
    if wrong[0].got.lost:
        return Case(where_raised(exercise, wrong[0].got.fault) or "", right=_right_variables(exercise, every))
    if all(map(trial.turned, wrong)):
        return Case("Both are right, in the other order.", trial.turned, whole=True)
    clock, silent, text = Clock(BRAKE), None, ""
    for said, function, at in itertools.islice(_versions(exercise), MOST_VERSIONS):
        if at is not None and silent is None and (silent := _never_called(exercise, wrong)):
            return Case(silent)
        if clock.over() or (at is not None and len(wrong) < LEAST):  # on few inputs an edit is right by chance
            break
        if all(trial.equal(trial.of(function, one.args), one.got) for one in every):
            said = said if at is None else _of_theirs(exercise, trial, tried, at, said)
            return Case(said, lambda one, own=function: trial.equal(trial.of(own, one.args), one.got))
    with contextlib.suppress(Exception):  # what came back may raise when it is looked at
        text = "" if exercise.looked_at else _numbers(exercise, wrong, right)
    return Case(text, right=_right_variables(exercise, every))


def _versions(exercise) -> Iterator[tuple[str, Callable, int | None]]:
    """(sentence, function, None) of each idea; then (how it differs, function, number) of each edit of a reference."""
    yield from ((text, function, None) for function, text in exercise.said)
    for at, reference in enumerate(exercise.references):
        for said, tree in edits(reference):
            with contextlib.suppress(SyntaxError, TypeError, ValueError):  # no program
                yield said, exercise.alone(at, reference.made(tree)), at


def _of_theirs(exercise, trial: Trial, tried: Sequence[Tried], at: int, said: str) -> str:
    """The sentence of an edit. Where it leaves a call out that the learner makes, it is one that changes nothing."""
    head, left_out, _ = said.partition("` left out")
    answer, name = exercise.judged.args[at], head[1:]
    calls = [ast.unparse(one.func) for one in ast.walk(exercise.references[at].tree) if type(one) is ast.Call]
    left_out = bool(left_out) and name in [one.rpartition(".")[2] for one in calls]
    with contextlib.suppress(Exception):  # the source is not at hand
        own = Reference(answer)
        for what, tree in edits(own) if left_out else ():
            if what.startswith(f"{head}` left out"):
                playing = [own.made(tree) if n == at else one for n, one in enumerate(exercise.judged.args)]
                without = dataclasses.replace(trial, answer=exercise.playing(*playing))
                if all(trial.equal(without.of_answer(one.args), one.got) for one in tried):
                    texts = (ast.unparse(one).splitlines() for one in (own.tree, tree))
                    line = next(one.strip() for one, other in zip(*texts, strict=False) if one != other)
                    return f"Your call of `{name}` changes nothing here: {line[:MOST_LETTERS]}"
    if left_out and any(name in code.co_names for code in codes_of(answer)):
        return f"Yours is what comes out where `{name}` changes nothing."
    return f"Yours is what comes out with {said}."


def _never_called(exercise, wrong: Sequence[Tried]) -> str:
    """A sentence on an argument that the reference calls on every wrong input, and the answer never."""
    left = set(range(len(exercise.names))) if all(map(code_of, exercise.judged.args)) else set()
    for one in wrong[:ENOUGH]:
        left = left and left & (called(exercise.right(), one.args) - called(exercise.judged, one.args))
    return f"`{exercise.names[min(left)]}` was never called." if left else ""


# ---- parts of the reference, and the learner's own variables -----------------------------------------


def parts(exercise, args: tuple) -> dict[str, object]:
    """What the references have in their labelled variables on this input, by the variables' names."""
    with contextlib.chdir(exercise.folder):
        held = heard(exercise.right(), args)
    return {name: held[name] for name in exercise.labels() if name in held}


def parts_told(exercise, known: dict[str, object], held: dict[str, object], right: dict[str, str]) -> dict[str, str]:
    """Facts on the way to the expected value: each labelled part, beside the learner's."""
    labels, facts = exercise.labels(), {}
    for name, value in known.items():
        off = name in held and name not in right.values() and not values.same(value, held[name], rtol=SAME)
        beside = f"  your `{name}`: {show(held[name], MOST_LETTERS)}" if off else ""
        if len(told := show(value)) <= MOST_LETTERS:
            facts[labels[name]] = told + (f"  ✓ your `{right[name]}`" if name in right else beside)
    return facts


def _right_variables(exercise, tried: Sequence[Tried]) -> dict[str, str]:
    """Part -> the learner's variable that holds it on every input; each variable once, none where parts are alike."""
    rows, clock, found = [], Clock(BRAKE), {}
    for one in tried[:ENOUGH]:
        rows += [] if rows and clock.over() else [(parts(exercise, one.args), heard(exercise.judged, one.args))]
    firsts, names = rows[0]
    for name in sorted(firsts, key=lambda name: name not in names):  # a namesake's part has it before others
        several = len({show(known.get(name)) for known, _ in rows}) >= LEAST
        for own in sorted(names, key=lambda own: own != name) if several else ():
            right = all(own in held and values.same(known.get(name), held[own], rtol=SAME) for known, held in rows)
            if right and own not in found.values():
                found.setdefault(name, own)
    return {name: found[name] for name in firsts if name in found}


def so_far(exercise, known: dict[str, object], held: dict[str, object], right: dict[str, str]) -> str:
    """The last part that is right, and the first variable that may be meant for a part and differs from it."""
    labels, said = exercise.labels(), []
    for name, own in list(right.items())[-1:]:
        same = labels[name].removeprefix("the ") == own.replace("_", " ")
        said = [f"Your `{own}` is right{'' if same else f': {labels[name]}'}."]
    for name, value in known.items():
        if name in held and name not in (*right, *right.values()) and not values.same(value, held[name], rtol=SAME):
            differs = f"it should be {show(value)} on this input, and it is {show(held[name])}"
            differs = differs if len(differs) <= 2 * MOST_LETTERS else "it differs from what it should be on this input"
            return " ".join([*said, f"If your `{name}` is meant to be {labels[name]}: {differs}."])
    return "".join(said)


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
    return None if codes and error and not lines else said


def _numbers(exercise, wrong: Sequence[Tried], right: Sequence[Tried]) -> str:
    """A sentence where every result is off by a product of parts and arguments, a factor, a distance."""
    pairs, others = ([(one.expected.value, one.got.value) for one in group] for group in (wrong, right))
    rows = ({**dict(zip(exercise.names, one.args, strict=False)), **parts(exercise, one.args)} for one in wrong)
    if said := amounts.by_product(pairs, rows, lambda name: spoken(ast.Name(name), exercise.references[0])):
        return f"{'Where your result is wrong, it' if right else 'Your result'} is {said}."
    found = relations.related(pairs, others, partly=False)
    return found.text if found else ""

"""What a check of an older lesson must do with right, wrong and broken answers: each rule lists the faults it sees."""

import ast
import contextlib
import doctest
import inspect
from dataclasses import dataclass
from unittest import mock

import _course
import _names
import numpy as np
import pytest
import rules
import torch

from course_utils.exercises import core, explain, search, values

EXAMPLE_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FEWER_INPUTS = 60


def _exercises(speaking):
    """The exercises of all lessons whose check has a reference that speaks, or of those whose has none."""
    return [
        pytest.param(lesson, exercise.name, id=f"{lesson.name}-{exercise.name}")
        for lesson in _course.LESSONS
        for exercise in rules.exercises(_course.text(lesson))
        if _course.speaks(lesson, exercise.name) == speaking
    ]


EXERCISES, SPEAKING = _exercises(False), _exercises(True)


@dataclass
class Exercise:
    """An exercise taken out of its lesson: the check, the untouched stub, the lesson's own solution and its source."""

    name: str
    check: object
    stub: object
    solution: object
    source: str
    space: dict


def load(nb, name):
    """Build one `Exercise` from a lesson, with the imports of the cells above its solution and nothing else around it.

    Raises:
        NameError and the like: the stub's or the solution's cell needs more than the imports.
    """
    space = {"__name__": "lesson"}
    exercise = next(e for e in rules.exercises(nb) if e.name == name)
    for number, cell in rules.numbered(nb, kind="code"):
        nodes = _names.parse(cell.source).body if number < exercise.solution else []
        imports = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
        exec(compile(ast.Module(imports, []), f"imports of cell {number}", "exec"), space)
    for number in (exercise.stub, exercise.solution):
        exec(compile(nb.cells[number - 1].source, f"cell {number}", "exec"), space)
    source = nb.cells[exercise.solution - 1].source
    return Exercise(name, getattr(space["check"], name), space[name], space[f"{name}_solution"], source, space)


@contextlib.contextmanager
def quickly(most=FEWER_INPUTS):
    """A check that tries fewer inputs, looks for no smaller ones, and says nothing of what is wrong."""
    smallest = search.smallest

    def none_smaller(inputs, fails, *, count, seconds=None):
        return smallest(inputs, fails, count=count) if seconds is None else search.NONE_FOUND

    with (
        mock.patch.object(search, "INPUTS", min(search.INPUTS, most)),
        mock.patch.object(search, "SEARCH_SECONDS", 60.0),  # a slow moment must not change what is tried
        mock.patch.object(search, "smallest", none_smaller),
        mock.patch.object(search, "_shrunk", lambda inputs, fails, known: known[0]),
        mock.patch.object(explain, "found", lambda *_: explain.Finding()),
    ):
        yield


def stub_is_not_done(check, stub):
    """The untouched stub is neither passed nor blamed."""
    status = check(stub).status
    return [] if status == core.NOT_DONE else [f"the untouched stub is {status!r}, expected {core.NOT_DONE!r}"]


def accepts(exercise, odd):
    """The solution and unusual answers that are right pass, and give what the example of the stub shows."""
    faults = []
    for number, answer in enumerate([exercise.solution, *odd]):
        verdict, what = exercise.check(answer), f"right answer {number}"
        faults += [] if verdict.status == core.PASSED else [f"{what} is refused: {verdict}"]
        faults += [f"{what}: {text}" for text in example_failures(exercise, answer)]
    return faults


def refuses(exercise, wrong):
    """Each answer that somebody wrote wrongly is refused."""
    with quickly():
        verdicts = [exercise.check(answer) for answer in wrong]
    return [f"wrong answer {n}: {verdict}" for n, verdict in enumerate(verdicts, 1) if verdict.status != core.NOT_YET]


def example_failures(exercise, answer):
    """Run the `>>>` example of the stub's docstring, if there is one, with `answer` in the stub's place.

    A number counts as the same whatever type holds it: 0.0 for np.float64(0.0).
    """
    space = {"torch": torch, "np": np, **getattr(exercise.solution, "__globals__", {}), exercise.name: answer}
    faults = []
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(exercise.stub) or ""):
        try:
            if not example.want:
                exec(example.source, space)
                continue
            got = eval(example.source.strip(), space)
        except Exception as error:
            faults.append(f"{example.source.strip()} raised {type(error).__name__}: {error}")
            continue
        if not _as_shown(example.want, got):
            faults.append(f"{example.source.strip()} gave {got!r}, the example shows {example.want.strip()}")
    return faults


def _as_shown(want, got):
    if doctest.OutputChecker().check_output(want, f"{got!r}\n", EXAMPLE_FLAGS):
        return True
    try:
        expected = eval(want, {"tensor": torch.tensor, "array": np.array, "torch": torch, "np": np})
    except Exception:  # the example abbreviates what it shows
        return False
    return values.same(expected, got, rtol=1e-4, atol=1e-12)

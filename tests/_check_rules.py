"""What a check must do with right, wrong and broken answers: each rule lists the faults that it sees."""

import ast
import copy
import doctest
import functools
import inspect
from dataclasses import dataclass
from unittest import mock

import _course
import _hostile
import _mutants
import _names
import numpy as np
import pytest
import rules
import torch
from _sooner import quickly, same_inputs, until_one_fails

from course_utils.exercises import core, explain, investigation, isolation, search, values

EXAMPLE_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
LEAST_WRONG, LEAST_ODD = 3, 2
FEWER_INPUTS = 60
WATCHED_CALLS = 20


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


def stub_is_not_done(exercise):
    """The untouched stub is neither passed nor blamed."""
    with same_inputs(exercise):
        status = exercise.check(exercise.stub).status
    return [] if status == "not done yet" else [f"the untouched stub is {status!r}, expected 'not done yet'"]


def accepts(exercise, odd):
    """The lesson's solution passes, and so do unusual answers that are right."""
    faults = [] if len(odd) >= LEAST_ODD else [f"{len(odd)} odd but right answers, expected {LEAST_ODD} or more"]
    for label, answer in [("the solution", exercise.solution), *_labelled(odd)]:
        with same_inputs(exercise):
            verdict = exercise.check(answer)
        if verdict.status != "passed":
            faults.append(f"{label} is right, but the check says: {verdict}")
        faults += [
            f"{label} does not give what the stub's example shows: {text}"
            for text in example_failures(exercise, answer)
        ]
    return faults


def rejects(exercise, wrong):
    """Wrong answers run, look right, pass the shown example, and are told their own mistake."""
    faults = [] if len(wrong) >= LEAST_WRONG else [f"{len(wrong)} wrong answers, expected {LEAST_WRONG} or more"]
    with quickly(exercise, most=FEWER_INPUTS):  # what shows on these shows on all
        hints = dict.fromkeys(_common_hints(exercise), "an answer that is nonsense")
        for label, answer in _labelled(wrong):
            watched = _Watched(answer, exercise.solution)
            verdict = exercise.check(watched)
            faults += [f"{label} {complaint}" for complaint in watched.complaints]
            if verdict.status != "not yet":
                faults.append(f"{label} is wrong, but the check says: {verdict}")
            elif not verdict.hint:
                faults.append(f"{label} gets no hint")
            elif verdict.hint in hints:
                faults.append(f"{label} gets the hint of {hints[verdict.hint]}: {verdict.hint}")
            hints.setdefault(verdict.hint, label)
            faults += [
                f"{label} does not pass the stub's example, so the learner would see it: {text}"
                for text in example_failures(exercise, answer)
            ]
    with same_inputs(exercise):
        seen = not wrong or exercise.check(wrong[-1]).status == "not yet"  # the whole way, to the smallest input
    if not seen:
        faults.append(f"the last one passes when the smallest input is looked for: {wrong[-1]}")
    return faults


def comparisons(exercise):
    """What the check of an exercise hands to `compare`, one dict a call, while the solution is judged."""
    module, found = inspect.getmodule(inspect.unwrap(exercise.check)), []

    def listening(answer, **parts):
        found.append({"answer": answer, **parts})
        return search.compare(answer, **parts)

    with mock.patch.object(module, "compare", listening, create=True):
        exercise.check(exercise.solution)
    return found


def hints_are_reached(exercise):
    """Each known mistake, played as an answer, is told with its own hint and no other."""
    faults = []
    with quickly(exercise):
        for parts in comparisons(exercise):
            parts.pop("answer")
            for hint, _, mistake in explain.mistakes(parts["wrong"]):
                told = _told(mistake, parts)
                if told is None:
                    faults.append(f"the mistake {hint!r} passes")
                elif told != hint:
                    faults.append(f"the mistake {hint!r} is told {told!r}")
    return faults


def worlds_are_decisive(exercise, wrong):
    """In each world of an investigation some wrong answer comes to the wrong conclusion, and is told why."""
    module, found = inspect.getmodule(inspect.unwrap(exercise.check)), []
    if not hasattr(module, "investigate"):
        return []

    def listening(answer, worlds, **parts):
        found.extend(worlds)
        return investigation.investigate(answer, worlds, **parts)

    with mock.patch.object(module, "investigate", listening):
        exercise.check(exercise.solution)
    told = "".join(repr(exercise.check(answer)) for answer in wrong) if found else ""
    return [f"no wrong answer falls where {world.said}" for world in found if world.said not in told]


def _told(mistake, parts):
    """The hint that `compare` gives for an answer, or None where it finds nothing wrong."""
    try:
        search.compare(mistake, **parts)
    except core.Mistake as told:
        return told.hint
    return None


def mutants_are_rejected(exercise, equivalent, seconds=2.0):
    """Every mutant of the solution is rejected, or listed with the reason why it is as right.

    Args:
        exercise: the exercise.
        equivalent: change -> reason, for mutants that do what the solution does.
        seconds: time for one call of a mutant, some of which never end.
    """
    faults, passed = [], set()
    with (
        quickly(exercise, hints=False),
        until_one_fails(),
        mock.patch.object(isolation, "CALL_SECONDS", seconds),
    ):
        for change, source in _mutants.mutants(exercise.source, f"{exercise.name}_solution"):
            space = dict(exercise.space)
            exec(compile(source, "mutant", "exec"), space)
            verdict = exercise.check(space[f"{exercise.name}_solution"])
            if verdict.status == core.BROKEN:
                faults.append(f"on the mutant {change!r} {verdict}")
            elif verdict.status == core.PASSED:
                passed.add(change)
    faults += [f"a mutant passes: {change}" for change in sorted(passed - set(equivalent))]
    faults += [f"listed as equivalent, but rejected or gone: {change}" for change in sorted(set(equivalent) - passed)]
    return faults


def survives(exercise):
    """Broken answers get an explanation, never an exception, a traceback or a pass."""
    faults = []
    with mock.patch.object(search, "INPUTS", 20), quickly(exercise):
        for label, answer, edited in _broken(exercise.solution):
            try:
                verdict = exercise.check(answer)
            except BaseException as error:  # a check that lets SystemExit through would end the kernel
                faults.append(f"an answer that {label}: the check raised {type(error).__name__}: {error}")
                continue
            if edited is not None and not edited:
                continue  # nothing it was given can be edited
            if verdict.status != "not yet":
                faults.append(f"an answer that {label}: the check says {verdict.status!r}, expected 'not yet'")
            elif not verdict.message:
                faults.append(f"an answer that {label} gets no message")
            if "Traceback (most recent" in str(verdict) or 'File "' in str(verdict):
                faults.append(f"an answer that {label} gets a traceback")
    return faults


def withstands(exercise):
    """Whatever an answer returns, always or now and then, alone or inside something, it gets a verdict."""
    faults = []
    with quickly(exercise, hints=False), mock.patch.object(search, "INPUTS", 4):
        for label, make, how, wrap in _hostile.pairs():
            answer = wrap(make, exercise.solution)
            try:
                verdict = exercise.check(answer)
                said = repr(verdict) + verdict._repr_html_()
            except BaseException as error:
                faults.append(f"returns {label} {how}: the check raised {type(error).__name__}: {error}")
                continue
            if verdict.status == core.BROKEN:
                faults.append(f"returns {label} {how}: {verdict}")
            if "and was stopped" in said:  # the answer came back at once, so it is the check that found no end
                faults.append(f"returns {label} {how}: the check went on until its time was up: {verdict}")
            if len(said) > 8_000:
                faults.append(f"returns {label} {how}: the verdict has {len(said)} letters")
    return faults


def examples_are_tried(exercise):
    """What the examples of the stub's docstring call the function with is among the inputs of its check.

    Models and what trains them are no data, of which two could be found alike: a check that takes them is left out.
    """
    if exercise.check.needs.trust or exercise.check.needs.by_value:
        return []
    shown, tried = _Calls(exercise.solution), _Calls(exercise.solution)
    example_failures(exercise, shown)
    with same_inputs(exercise):
        exercise.check(tried)
    return [
        f"the stub's example calls it with {values.show(args)}, which the check does not try: add it to its edges"
        for args in shown.calls
        if not any(values.same(args, other) for other in tried.calls)
    ]


class _Calls:
    """An answer that keeps what it is called with."""

    def __init__(self, answer):
        functools.update_wrapper(self, answer)
        self.answer, self.calls = answer, []

    def __call__(self, *args, **named):
        bound = inspect.signature(self.answer).bind(*args, **named)
        self.calls.append(copy.deepcopy(bound.args))
        return self.answer(*args, **named)


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


def _labelled(answers):
    return [(f"{getattr(a, '__name__', 'answer')} (number {i})", a) for i, a in enumerate(answers, start=1)]


class _Watched:
    """An answer that notes when one of its first calls raises, or returns another type or shape than the solution."""

    def __init__(self, answer, solution):
        functools.update_wrapper(self, answer)
        self.answer, self.solution, self.complaints, self.calls = answer, solution, [], 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls > WATCHED_CALLS or any(map(callable, args)):  # an instrument keeps what it is used for
            return self.answer(*args, **kwargs)
        expected = self.solution(*copy.deepcopy(args), **copy.deepcopy(kwargs))
        try:
            got = self.answer(*args, **kwargs)
        except Exception as error:
            self._complain(f"raises {type(error).__name__}: {error}; a wrong answer that counts runs")
            raise
        if _look(got) != _look(expected):
            self._complain(f"returns {_look(got)} where the solution returns {_look(expected)}")
        return got

    def _complain(self, text):
        if text not in self.complaints:
            self.complaints.append(text)


def _look(value):
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return f"an array of shape {tuple(value.shape)}" if tuple(value.shape) else "a number"
    if isinstance(value, bool):
        return "a bool"
    return "a number" if isinstance(value, (int, float, np.number)) else f"a {type(value).__name__}"


def _common_hints(exercise):
    """Hints that are given for nonsense: they explain nothing about a particular mistake."""
    nonsense = [
        lambda *a, **k: None,
        lambda *a, **k: -12345.678,
        lambda *a, **k: "a text",
        lambda *a, **k: torch.full((3,), -7.25),
        lambda *a, **k: {-99},
    ]
    return {exercise.check(answer).hint for answer in nonsense}


def _broken(solution):
    """List (what the answer does, the answer, list that tells whether it edited something or None)."""

    def raises(error):
        def answer(*args, **kwargs):
            raise error

        return answer

    def too_many(a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r):
        return a

    edited = []

    def edits(*args, **kwargs):
        result = solution(*copy.deepcopy(args), **copy.deepcopy(kwargs))
        edited.extend(arg for arg in args if _edit(arg))
        return result

    return [
        ("returns None", lambda *a, **k: None, None),
        ("prints instead of returning", lambda *a, **k: print(solution(*a, **k)), None),
        ("returns a text", lambda *a, **k: "forty-two", None),
        ("returns an object of no use", lambda *a, **k: object(), None),
        ("returns nan", lambda *a, **k: float("nan"), None),
        ("returns an empty tensor", lambda *a, **k: torch.tensor([]), None),
        ("returns an empty list", lambda *a, **k: [], None),
        ("returns a nested list of unequal rows", lambda *a, **k: [[1.0], [2.0, 3.0]], None),
        ("raises ValueError", raises(ValueError("no such thing")), None),
        ("raises an error without a text", raises(KeyError()), None),
        (
            "uses an operation that torch lacks",
            raises(NotImplementedError("'add' not implemented for 'Half'")),
            None,
        ),
        ("calls sys.exit", raises(SystemExit(1)), None),
        ("takes another number of arguments", too_many, None),
        ("is not a function", 42, None),
        ("is None", None, None),
        ("edits its input", edits, edited),
    ]


def _edit(value):
    """Change `value` in place; False when it cannot be changed."""
    if isinstance(value, torch.Tensor) and value.numel():
        with torch.no_grad():
            value.copy_(~value if value.dtype == torch.bool else value + 1)
        return True
    if isinstance(value, np.ndarray) and value.size:
        value[...] = value + 1
        return True
    if isinstance(value, list):
        value.append(None)
        return True
    if isinstance(value, dict):
        value["added by the answer"] = None
        return True
    return False

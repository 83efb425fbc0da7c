"""What a check must do with right, wrong and broken answers: each rule lists the faults that it sees."""

import ast
import contextlib
import copy
from dataclasses import dataclass
from unittest import mock

import _course
import _hostile
import _mutants
import _names
import pytest
import rules
import torch

from course_utils.checks import core, explain, isolation
from course_utils.checks.edits import edits
from course_utils.checks.reference import sets

MUTANT_SECONDS = 2.0  # for one call; some mutants never end
FEW = 4  # inputs beside the edges, where any wrong answer fails on any input
EXERCISES = [
    pytest.param(lesson, exercise.name, id=f"{lesson.name}-{exercise.name}")
    for lesson in _course.LESSONS
    if not lesson.source.with_name("tasks.py").exists()
    for exercise in rules.exercises(_course.text(lesson))
]


@dataclass
class Exercise:
    """An exercise taken out of its lesson: the check, the untouched stub, the source of the solution."""

    name: str
    check: object
    stub: object
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
    return Exercise(name, getattr(space["check"], name), space[name], source, space)


def stub_is_not_done(check, stub):
    """The untouched stub is neither passed nor blamed."""
    status = check(stub).status
    return [] if status == core.NOT_DONE else [f"the untouched stub is {status!r}, expected {core.NOT_DONE!r}"]


def play(check, answer):
    """The verdict on an answer: a function, or a tuple of them where an exercise asks for several."""
    return check(*answer) if isinstance(answer, tuple) else check(answer)


def refuses(check, answer):
    """Whether some input shows that a scene's function is wrong; without looking for the words."""
    found = []
    limit = mock.patch.object(isolation, "CALL_SECONDS", MUTANT_SECONDS)
    with limit, mock.patch.object(check, "folder", "."), isolation.kept():
        error = isolation.run_apart(lambda: found.append(any(not one.good for one in check.tried(check.trial(answer)))))
    if error is not None and not isinstance(error, core.Mistake | NotImplementedError):
        raise error
    return error is not None or found[0]


@contextlib.contextmanager
def quickly(check, *, words=False):
    """A check that tries the edges and a few inputs, looks for no smaller ones, and says little but with `words`."""
    check.trial(check.playing(*[None] * len(check.references)))  # makes the inputs
    few = dict(list(check.given.items())[: len(check.also) + FEW])
    with (
        mock.patch.object(check, "given", few),
        mock.patch.object(check, "inputs", None),
        mock.patch.object(explain, "MAX_VERSIONS", explain.MAX_VERSIONS if words else 0),
    ):
        yield


def accepts(check, answers):
    """Right answers pass, however odd."""
    verdicts = [(answer, play(check, answer)) for answer in answers]
    return [f"{answer} is right, but: {verdict}" for answer, verdict in verdicts if verdict.status != core.PASSED]


def refuses_patched(check, source, name, space, patches):
    """Each patch of a solution's source, what is wrong -> (old text, new text), is refused."""
    faults = []
    for wrong, (old, new) in patches.items():
        if source.count(old) != 1:
            faults.append(f"{wrong!r}: {old!r} stands {source.count(old)} times in the solution, expected once")
            continue
        own = dict(space)
        exec(compile(source.replace(old, new), f"<{wrong}>", "exec"), own)
        if not refuses(check, check.alone(0, own[name])) and check(own[name]).status != core.NOT_YET:
            faults.append(f"this passes: {wrong}")
    return faults


def versions(reference):
    """(how it differs, function) of every one-edit version of a reference, and of every one that does more."""
    for said, text in _mutants.mutants(ast.unparse(reference.tree), reference.tree.name):
        yield said, reference.made(ast.parse(text).body[0])
    for said, tree in edits(reference):
        with contextlib.suppress(SyntaxError, TypeError, ValueError):
            yield said, reference.made(tree)
    yield from _with_more(reference)


MORE = {"rounded to 2 digits": lambda v: _rounded(v), "without its sign": abs, "doubled": lambda v: 2 * v}


def _with_more(reference):
    """(how it differs, function) of versions that do something more to a labelled value, or to the result."""
    places = [line for line in reference.lines() if reference.label(line)]
    for line in places:
        returned = isinstance(line, ast.Return)
        name = "the result" if returned else next(iter(sets(line)), None) if isinstance(line, ast.Assign) else None
        for said, change in MORE.items() if name else ():
            new = copy.deepcopy(line)
            call = ast.Call(ast.Name("_more", ast.Load()), [new.value], [])
            new.value = call if returned or len(sets(line)) == 1 else new.value
            noted = _Noted(change)
            made = reference.made(copy.deepcopy(reference.tree, {id(line): new}), _more=noted)
            made.noted = noted
            yield f"{name} {said}", made


class _Noted:
    """A change of a value, which notes whether it was ever one that it can change."""

    def __init__(self, change):
        self.change, self.met = change, False

    def __call__(self, value):
        new = self.change(value)
        rounds = self.change is MORE["rounded to 2 digits"]
        self.met |= not rounds or isinstance(value, float) or (torch.is_tensor(value) and value.is_floating_point())
        return new

    def __deepcopy__(self, memo):
        return self


def _rounded(value):
    return torch.round(value, decimals=2) if isinstance(value, torch.Tensor) else round(value, 2)


def mutants_are_refused(check, equivalent):
    """Every version of the references that does something else is refused, or listed with the reason why not.

    Args:
        check: the exercise.
        equivalent: beginning of how it differs -> reason; "* without its sign" for all that contain these words.
    """
    faults, used = [], set()
    for at, reference in enumerate(check.references):
        for said, function in versions(reference):
            listed = [text for text in equivalent if _tells(text, said)]
            refused = refuses(check, check.alone(at, function))
            if not refused and not listed and (not hasattr(function, "noted") or function.noted.met):
                faults.append(f"this passes: {said}")
            used |= set() if refused else set(listed)
    return faults + [f"listed as equivalent, but refused or gone: {text}" for text in set(equivalent) - used]


def _tells(text, said):
    return text[1:] in said if text[0] == "*" else said.startswith(text)


def ideas_are_reached(check):
    """Each idea, played as an answer, is told by its own sentence, on few inputs or on all."""
    faults = []
    for scene, text in check.said:
        with quickly(check, words=True):
            hint = check(*scene.args).hint
        hint = hint if hint == text else check(*scene.args).hint
        faults += [] if hint == text else [f"the idea {text!r} is told {hint!r}"]
    return faults


def withstands(check, every=1, first=0):
    """Whatever an answer returns, always or now and then, alone or inside something, it is refused, in a verdict.

    Args:
        check: the exercise.
        every, first: which of the hostile answers it meets; where there are many checks, each takes some.
    """
    faults = []
    own, *others = [reference.made() for reference in check.references]
    with quickly(check):
        for label, make, how, wrap in list(_hostile.pairs())[first::every]:
            try:
                verdict = check(wrap(make, own), *others)
                said = repr(verdict) + verdict._repr_html_()
            except BaseException as error:
                faults.append(f"returns {label} {how}: the check raised {type(error).__name__}: {error}")
                continue
            unseen = how == "behind the right answer" and check.scene is check.__wrapped__  # of no use to it
            good = verdict.status == core.NOT_YET or (unseen and verdict.status == core.PASSED)
            if not good or "was stopped" in said or len(said) > 8_000:
                faults.append(f"returns {label} {how}: {said[:1_000]}")
    return faults

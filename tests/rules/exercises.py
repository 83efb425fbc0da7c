"""Rules for exercises: card, hint, stub, check and solution, and that nothing leans on an answer."""

import ast
import re
from dataclasses import dataclass

import _names

from rules._cells import functions_of, numbered, tags

MAX_EXERCISES = 3


@dataclass
class Exercise:
    """One exercise of a lesson, as numbers of cells from 1; None where the part is missing."""

    name: str
    stub: int
    check: int | None
    solution: int | None


def exercises(nb):
    """Find the exercises: a stub's name, and the cells of its check and solution."""
    found = []
    for n, cell in numbered(nb, kind="code", tag="exercise"):
        for function in functions_of(cell.source):
            name = function.name
            checks = [
                m
                for m, c in numbered(nb, kind="code", tag="check")
                if re.search(rf"\bcheck\.{name}\(\s*{name}\s*\)", c.source)
            ]
            solutions = [
                m
                for m, c in numbered(nb, kind="code", tag="solution")
                if f"{name}_solution" in _names.names_of(c.source).bound
            ]
            found.append(Exercise(name, n, checks[0] if checks else None, solutions[0] if solutions else None))
    return found


def exercise_parts(nb):
    """One to three exercises, each with card, folded hint, stub, check and hidden solution."""
    found = exercises(nb)
    faults = [] if 1 <= len(found) <= MAX_EXERCISES else [f"{len(found)} exercises, expected 1 to {MAX_EXERCISES}"]
    for exercise in found:
        say = f"exercise {exercise.name}: "
        if not (exercise.check and exercise.solution and exercise.stub < exercise.check < exercise.solution):
            faults.append(
                say + f"expected, in this order, the stub, a cell check.{exercise.name}({exercise.name}) and a "
                f"solution cell that defines {exercise.name}_solution, with their tags"
            )
            continue
        above = exercise.stub - 1
        while above > 0 and nb.cells[above - 1].cell_type != "code":
            above -= 1
        around = "\n".join(c.source for c in nb.cells[above : exercise.solution] if c.cell_type == "markdown")
        if not re.search(r"★.*\d\s*min", around):
            faults.append(say + "no difficulty (★ to ★★★) with minutes on the card")
        if not re.search(r"<details>.*<summary>.*hint.*</summary>.+</details>", around, re.I | re.S):
            faults.append(say + "no folded hint (<details><summary>Hint</summary> ... </details>)")
        if not {"solution", "hide-cell"} <= tags(nb.cells[exercise.solution - 1]):
            faults.append(say + "the solution needs the tags solution and hide-cell")
    return faults


def exercise_code(nb):
    """A stub only raises NotImplementedError, a solution only defines NAME_solution; nothing reads them."""
    code = {n: _names.names_of(c.source) for n, c in numbered(nb, kind="code")}
    faults = [f"cell {n}: {fault}" for n, c in numbered(nb, kind="code", tag="exercise") for fault in _stub(c.source)]
    for exercise in exercises(nb):
        name, answer = exercise.name, f"{exercise.name}_solution"
        for n, names in code.items():
            if name in names.bound and n != exercise.stub:
                faults.append(f"cell {n}: defines the learner's {name} again")
            if name in names.read and n not in (exercise.check, exercise.stub):
                faults.append(f"cell {n}: reads {name}, which only its check may do")
            if answer in names.read and n != exercise.solution:
                faults.append(f"cell {n}: reads {answer}, on which nothing may depend")
        if exercise.solution and code[exercise.solution].bound != {answer}:
            faults.append(f"cell {exercise.solution}: expected to define {answer} and nothing else")
    return faults


def _stub(source):
    body = _names.parse(source).body
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
        return ["a stub cell must hold one function and nothing else"]
    inside = body[0].body
    raised = inside[-1].exc if len(inside) == 2 and isinstance(inside[-1], ast.Raise) else None
    if not ast.get_docstring(body[0]) or not isinstance(raised, ast.Name) or raised.id != "NotImplementedError":
        return [f"the stub {body[0].name} must say in a docstring what to return, and raise NotImplementedError"]
    return []

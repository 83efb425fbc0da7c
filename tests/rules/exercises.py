"""Rules for exercises: card, hint, stub, check and solution, and that nothing leans on an answer."""

import ast
import re
from dataclasses import dataclass

import _names

from rules._cells import code_text, functions_of, numbered, tags


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
    """One to five exercises, each with card, folded hint, stub, check and hidden solution."""
    found = exercises(nb)
    faults = [] if 1 <= len(found) <= 5 else [f"{len(found)} exercises, expected 1 to 5"]
    for tag in ("check", "solution"):
        extra = len(numbered(nb, kind="code", tag=tag)) - len(found)
        if extra:
            faults.append(f"{len(found)} exercises but {len(found) + extra} cells with the tag {tag}")
    for exercise in found:
        say = f"exercise {exercise.name}: "
        if exercise.check is None or exercise.solution is None:
            faults.append(
                say + f"needs a cell check.{exercise.name}({exercise.name}) and a solution cell that "
                f"defines {exercise.name}_solution"
            )
        elif not exercise.stub < exercise.check < exercise.solution:
            faults.append(say + "expected the order stub, check, solution")
        else:
            faults += [say + fault for fault in _card(nb, exercise)]
            if not {"solution", "hide-cell"} <= tags(nb.cells[exercise.solution - 1]):
                faults.append(say + "the solution needs the tags solution and hide-cell")
    return faults


def _card(nb, exercise):
    above = exercise.stub - 1
    while above > 0 and nb.cells[above - 1].cell_type != "code":
        above -= 1
    card = "\n".join(c.source for c in nb.cells[above : exercise.stub] if c.cell_type == "markdown")
    around = "\n".join(c.source for c in nb.cells[above : exercise.solution] if c.cell_type == "markdown")
    faults = [] if re.search("★", card) else ["no difficulty (★ to ★★★) on the card"]
    if re.search("★★★★", card):
        faults.append("more than three stars on the card")
    if not re.search(r"\d\s*min", card):
        faults.append("no minutes on the card")
    if not re.search(r"<details>.*<summary>.*hint.*</summary>.+</details>", around, re.I | re.S):
        faults.append("no folded hint (<details><summary>Hint</summary> ... </details>)")
    return faults


def exercise_code(nb):
    """A stub only raises NotImplementedError, a solution only defines NAME_solution; nothing reads them."""
    faults = []
    for n, cell in numbered(nb, kind="code", tag="exercise"):
        faults += [f"cell {n}: {fault}" for fault in _stub(cell.source)]
    reads = {n: _names.names_of(text).read for n, text in code_text(nb)}
    bound = {n: _names.names_of(text).bound for n, text in code_text(nb)}
    for exercise in exercises(nb):
        name, answer = exercise.name, f"{exercise.name}_solution"
        faults += [
            f"cell {n}: defines the learner's {name} again" for n in bound if name in bound[n] and n != exercise.stub
        ]
        faults += [
            f"cell {n}: reads {name}, which only its check may do"
            for n in reads
            if name in reads[n] and n not in (exercise.check, exercise.stub)
        ]
        faults += [
            f"cell {n}: reads {answer}, on which nothing may depend"
            for n in reads
            if answer in reads[n] and n != exercise.solution
        ]
        if exercise.solution and bound[exercise.solution] != {answer}:
            faults.append(
                f"cell {exercise.solution}: expected to define {answer} alone, "
                f"but it defines {', '.join(sorted(bound[exercise.solution]))}"
            )
    return faults


def _stub(source):
    body = _names.parse(source).body
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
        return ["a stub cell must hold one function and nothing else"]
    inside = body[0].body
    if not ast.get_docstring(body[0]):
        return [f"the stub {body[0].name} has no docstring that says what to return"]
    raised = inside[-1].exc if len(inside) == 2 and isinstance(inside[-1], ast.Raise) else None
    if not isinstance(raised, ast.Name) or raised.id != "NotImplementedError":
        return [f"after its docstring the stub {body[0].name} must raise NotImplementedError and do nothing else"]
    return []

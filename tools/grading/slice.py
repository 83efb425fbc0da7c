"""The part of a submission that one exercise needs: the last definition of its function, and what that uses.

What a statement binds and changes is in `tools.grading.effects`.
"""

import ast
import json
import re
import symtable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tools.grading import effects

MOST_BYTES = 30 << 20  # of a file; a notebook with all its pictures is smaller
MOST_CODE = 400_000  # letters of code in it; parsed, each takes some 600 bytes, and the longest lesson has 30,000
MOST_STATEMENTS = 20_000  # at the top of its cells; the longest lesson has some hundred
MAGIC = re.compile(r"^[ \t]*[%!?].*$", re.M)
OF_PYTHON = re.compile(r"\s*%%(time|capture|prun)\b")  # magics of a cell that is run as any other
CELL = re.compile(r"^# ?%%.*$", re.M)


class Unreadable(ValueError):
    """A file that is no notebook and no Python text; the message says why."""


@dataclass
class Submission:
    """What was read from a file: its code cells as (label, source), and the name of its lesson, if it says one."""

    cells: list[tuple[str, str]]
    course: str = ""

    @cached_property
    def index(self):
        """What its statements bind, use and change: an `_Index`, made once for all exercises."""
        return _Index(self.cells)


@dataclass
class Part:
    """What is run for an exercise, and shown of it.

    Attributes:
        pieces: (label, line in its cell, source) of each statement.
        code: the statement that defines the function, as it was written; "" when there is none.
        fault: a sentence when a later cell that defines the function is no Python, or what it needs cannot be told.
    """

    pieces: list[tuple[str, int, str]] = field(default_factory=list)
    code: str = ""
    fault: str = ""


def read(path):
    """Read a notebook, or a file of Python with or without cells.

    Raises:
        Unreadable: it is something else, or too large.
    """
    path = Path(path)
    is_notebook = path.suffix.lower() == ".ipynb"
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Unreadable(f"it has more than {MOST_BYTES >> 20} MB")
        text = path.read_text(encoding="utf-8-sig")
        found = _notebook(json.loads(text)) if is_notebook else Submission([("the file", text)])
        if sum(len(source) for _, source in found.cells) > MOST_CODE:  # before it is parsed, which takes far more
            raise Unreadable(f"it has more than {MOST_CODE} letters of code")
        found = found if is_notebook else Submission(_cells_of(text))
        found.index  # noqa: B018  (which is made here, because it says whether there is too much)
        return found
    except Unreadable:
        raise
    except (OSError, ValueError, RecursionError, TypeError, AttributeError, KeyError) as error:
        raise Unreadable(f"it cannot be read ({type(error).__name__})") from None


def _notebook(told):
    """The code cells of any notebook of version 4, as JSON; nothing else of it is believed."""
    cells = []
    for number, cell in enumerate(told["cells"], start=1):
        if cell.get("cell_type") == "code":
            source = cell.get("source", "")
            source = source if isinstance(source, str) else "".join(part for part in source if isinstance(part, str))
            cells.append((f"cell {number}", source))
    course = told.get("metadata", {}).get("course", {})
    name = course.get("name", "") if isinstance(course, dict) else ""
    return Submission(cells, name if isinstance(name, str) else "")


def _cells_of(text):
    """A file as one cell; as several where it has markers and is no Python as a whole."""
    if _parsed(text) is not None or not CELL.search(text):
        return [("the file", text)]
    parts = CELL.split(text)
    return [(f"cell {number}", part) for number, part in enumerate(parts)]


def _parsed(source):
    """The statements of a cell, or None where it is no Python; the lines that only Jupyter knows do not count."""
    if source.lstrip().startswith("%%") and not OF_PYTHON.match(source):
        return []
    for text in (source, MAGIC.sub("", source)):
        try:
            tree = ast.parse(text)
            compile(tree, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)  # sees more: a return, say
            return tree.body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def functions(submission):
    """The names of all functions that a submission defines at the top of a cell."""
    return {name for one in submission.index.statements for name in one.binds}


def needed(submission, name):
    """Cut out of a submission what the function `name` needs.

    That is its last definition, and every statement at the top of a cell that binds a name which is used there, or
    changes in place what that name stands for, and so on; in the order of the cells. Cells that are no Python are left
    out.
    """
    try:
        return submission.index.needed(name)
    except RecursionError:  # Python compiles deeper expressions than it can walk
        return Part(fault=f"The code of {name}, or what it uses, is nested too deep to be read.")


@dataclass
class _Statement:
    """One statement at the top of a cell.

    Attributes:
        label: of its cell.
        node: its syntax.
        lines: of the whole cell.
        binds: names that it binds as functions may be.
    """

    label: str
    node: ast.stmt
    lines: list[str]
    binds: set[str]

    @cached_property
    def uses(self):
        """Names of the notebook that it uses; parameters and other names of a function's own are none."""
        return _global(symtable.symtable(ast.unparse(self.node), "cell", "exec"))

    @property
    def source(self):
        """It as it was written, its decorators too."""
        lines = self.lines[self.first - 1 : self.node.end_lineno]
        alone = len(lines) > 0 and not lines[0][: self.node.col_offset].strip() and ";" not in lines[-1]
        return "\n".join(lines) if alone else ast.unparse(self.node)

    @property
    def first(self):
        """The line in its cell in which it begins."""
        return min([self.node.lineno, *(deco.lineno for deco in getattr(self.node, "decorator_list", []))])


class _Index:
    """The statements of all cells, and by name: those that bind it, those that change what it stands for."""

    def __init__(self, cells):
        self.statements, self.broken = [], []  # broken: (number of statements before it, label, source)
        for label, source in cells:
            body = _parsed(source)
            if body is None:
                self.broken.append((len(self.statements), label, source))
                continue
            lines = source.split("\n")
            self.statements += [_Statement(label, node, lines, _binds(node)) for node in body]
            if len(self.statements) > MOST_STATEMENTS:
                raise Unreadable(f"it has more than {MOST_STATEMENTS} statements at the top of its cells")
        self.effects = effects.Effects([one.node for one in self.statements])
        self.for_all = [at for at, one in enumerate(self.statements) if _is_for_all(one.node)]

    def needed(self, name):
        part, of_name = Part(), [at for at, one in enumerate(self.statements) if name in one.binds]
        last = max(of_name, default=None)
        for at, label, source in self.broken:
            if (last is None or at > last) and re.search(rf"^(async )?def {name}\b", source, re.M):
                part.fault = f"{label[:1].upper()}{label[1:]} defines {name} and is no Python: {_why(source)}."
        if last is None:
            return part
        part.code = self.statements[last].source
        chosen, seen, looked_at = {last, *self.for_all}, set(), {name}
        waiting = list(chosen)
        while waiting:
            for used in self.statements[waiting.pop()].uses - seen:
                seen.add(used)
                for at in (*self.effects.bound.get(used, ()), *self.effects.changing(used, looked_at)):
                    if at not in chosen and (at < last or name not in self.statements[at].binds):
                        chosen.add(at)
                        waiting.append(at)
        part.pieces = [(one.label, one.first, one.source) for one in map(self.statements.__getitem__, sorted(chosen))]
        return part


def _why(source):
    try:
        ast.parse(source)
    except SyntaxError as error:
        return f"{error.msg}, line {error.lineno}"
    except Exception as error:
        return type(error).__name__
    return "it stops"


def _binds(node):
    """Names that a statement at the top binds as functions may be: def, class, and an assignment to a name."""
    found, waiting = set(), [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(part.name)
        elif isinstance(part, ast.Assign | ast.AnnAssign):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(part, ast.If | ast.Try | ast.With):
            waiting += [inner for inner in ast.iter_child_nodes(part) if isinstance(inner, ast.stmt)]
    return found


def _is_for_all(node):
    return isinstance(node, ast.ImportFrom) and (node.module == "__future__" or node.names[0].name == "*")


def _global(table):
    top = table.get_type() == "module"
    found = {s.get_name() for s in table.get_symbols() if (s.is_referenced() if top else s.is_global())}
    return found.union(*(_global(child) for child in table.get_children()))

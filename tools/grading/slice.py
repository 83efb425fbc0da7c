"""The part of a submission that one exercise needs: the last definition of its function, and what that uses.

Nothing is run: it is told from the text. Beside the statements that bind a name there count those that change in place
what it stands for: `x[0] = 1`, `x += y`, `x.append(1)`, `x.step()`, `random.shuffle(x)`, and `fill(x)`, where `fill` is
a function of the submission; also in a loop, a `with`, an `if` or a `try`. A change under another name is not seen.
"""

import ast
import json
import re
import symtable
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

MAX_BYTES = 30 << 20  # of a file; a notebook with all its pictures is smaller
MAX_CODE = 200_000  # letters of code in it; the longest lesson has 30,000
DEEPEST = 50  # links of a chain like x.a[0].b() that are followed to its name
MAGIC = re.compile(r"^[ \t]*[%!?].*$", re.M)
OF_PYTHON = re.compile(r"\s*%%(time|capture|prun)\b")  # magics of a cell that is run as any other
CELL = re.compile(r"^# ?%%.*$", re.M)
DEFINED = re.compile(r"^(?:async +)?(?:def|class) +(\w+)", re.M)
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
SETS = ast.Store | ast.Del
PARTS = ast.Attribute | ast.Subscript
METHODS = {  # that change what they belong to; those of torch end in "_"
    *("append", "appendleft", "extend", "insert", "remove", "pop", "popleft", "clear", "sort", "reverse"),
    *("update", "setdefault", "add", "discard"),
}
CHANGERS = {"setattr", "next", "shuffle", "heapify", "heappush", "heappop"}  # functions that change what they are given


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
        fault: a sentence when a later cell that defines the function is no Python, or what it needs cannot be told.
    """

    pieces: list[tuple[str, int, str]] = field(default_factory=list)
    fault: str = ""


def read(path):
    """Read a notebook, or a file of Python with or without cells.

    Raises:
        Unreadable: it is something else, or too large.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(f"it has more than {MAX_BYTES >> 20} MB")
        text = path.read_text(encoding="utf-8-sig")
        is_notebook = path.suffix.lower() == ".ipynb"
        found = _notebook(json.loads(text)) if is_notebook else Submission([("the file", text)])
        if sum(len(source) for _, source in found.cells) > MAX_CODE:
            raise Unreadable(f"it has more than {MAX_CODE} letters of code")
        return found if is_notebook else Submission(_cells_of(text))
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
            cells.append((f"cell {number}", source if isinstance(source, str) else "".join(map(str, source))))
    course = told.get("metadata", {}).get("course", {})
    return Submission(cells, str(course.get("name", "")) if isinstance(course, dict) else "")


def _cells_of(text):
    """A file as one cell; as several where it has markers and is no Python as a whole."""
    if _parsed(text) is not None or not CELL.search(text):
        return [("the file", text)]
    return [(f"cell {number}", part) for number, part in enumerate(CELL.split(text))]


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
    """The names of all functions, classes and variables that a submission defines at the top of a cell.

    Of a cell that is no Python the names that stand behind a `def` or a `class`.
    """
    told = {name for _, source in submission.cells if _parsed(source) is None for name in DEFINED.findall(source)}
    return told | {name for one in submission.index.statements for name in one.binds}


def no_python(submission):
    """A sentence on the first cell that is no Python; "" where there is none."""
    broken = submission.index.broken[:1]
    return "".join(f"{_capital(label)} is no Python: {_why(source)}." for _, label, source in broken)


def _capital(label):
    return label[:1].upper() + label[1:]


def needed(submission, name):
    """Cut out of a submission what the function `name` needs.

    That is its last definition, and every statement at the top of a cell that binds a name which is used there, or
    changes what that name stands for, and so on; in the order of the cells. Cells that are no Python are left out.
    """
    try:
        return submission.index.needed(name)
    except RecursionError:  # Python compiles deeper expressions than it can walk
        return Part(fault=f"The code of {name}, or what it uses, is nested too deep to be read.")


@dataclass
class _Statement:
    """One statement at the top of a cell: the cell's label, its syntax, and the lines of the whole cell."""

    label: str
    node: ast.stmt
    lines: list[str]

    def __post_init__(self):
        self.parts = list(_at_once(self.node))
        self.imports = {
            alias.asname or alias.name.partition(".")[0]
            for part in self.parts
            if isinstance(part, ast.Import | ast.ImportFrom)
            for alias in part.names
        }
        self.binds = {part.name for part in self.parts if isinstance(part, FUNCTIONS | ast.ClassDef)}
        self.binds |= {part.id for part in self.parts if isinstance(part, ast.Name) and isinstance(part.ctx, SETS)}

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
    """The statements of all cells, and by name: those that bind it or change what it stands for."""

    def __init__(self, cells):
        self.statements, self.broken = [], []  # broken: (number of statements before it, label, source)
        for label, source in cells:
            body, lines = _parsed(source), source.split("\n")
            if body is None:
                self.broken.append((len(self.statements), label, source))
            self.statements += [_Statement(label, node, lines) for node in body or ()]
        own = {name for one in self.statements for name in one.binds}  # what is imported is changed by nobody
        self.touching = defaultdict(list)
        for number, one in enumerate(self.statements):
            for name in one.binds | one.imports | (_changed(one.parts, own) & own):
                self.touching[name].append(number)

    def needed(self, name):
        part, of_name = Part(), [at for at, one in enumerate(self.statements) if name in one.binds]
        last = max(of_name, default=None)
        for at, label, source in self.broken:
            if (last is None or at > last) and re.search(rf"^(async )?def {name}\b", source, re.M):
                part.fault = f"{_capital(label)} defines {name} and is no Python: {_why(source)}."
        if last is None:
            return part
        chosen = {last, *(at for at, one in enumerate(self.statements) if _is_for_all(one.node))}
        seen, waiting = set(), list(chosen)
        while waiting:
            new = self.statements[waiting.pop()].uses - seen
            seen |= new
            for at in (at for used in new for at in self.touching[used]):
                if at not in chosen and (at < last or name not in self.statements[at].binds):
                    chosen.add(at)
                    waiting.append(at)
        part.pieces = [(one.label, one.first, one.source) for one in map(self.statements.__getitem__, sorted(chosen))]
        return part


def _at_once(statement):
    """The parts of a statement that run when it does: all but the bodies of functions."""
    waiting = [statement]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, FUNCTIONS):
            waiting += [*part.decorator_list, part.args]
        elif isinstance(part, ast.Lambda):
            waiting.append(part.args)
        else:
            waiting += ast.iter_child_nodes(part)


def _changed(parts, own):
    """Names of what the parts of a statement change in place; `own` are the names of the submission."""
    changed = set()
    dropped = {part.value for part in parts if isinstance(part, ast.Expr)}
    for part in parts:
        if isinstance(part, ast.AugAssign):
            changed.add(_base(part.target))
        elif isinstance(part, PARTS) and isinstance(part.ctx, SETS):
            changed.add(_base(part))
        elif isinstance(part, ast.For) and isinstance(part.target, ast.Name):  # its rows may be changed in the body
            inner = _changed([below for line in part.body for below in ast.walk(line)], own)
            changed |= {_base(part.iter)} if part.target.id in inner else set()
        elif isinstance(part, ast.Call):
            is_method = isinstance(part.func, ast.Attribute)
            name, whose = (part.func.attr, _base(part.func.value)) if is_method else (_base(part.func), None)
            if is_method and (part in dropped or name in METHODS or name.endswith("_")):
                changed.add(whose)
            if name in CHANGERS or (is_method and name.endswith("_")) or (part in dropped and name in own):
                changed |= set(map(_base, part.args))
    return changed


def _base(node):
    """The name at the beginning of x.a[0].b().c, or None."""
    for _ in range(DEEPEST):
        if isinstance(node, PARTS | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func if isinstance(node.func, ast.Attribute) else None
        else:
            return node.id if isinstance(node, ast.Name) else None
    return None


def _is_for_all(node):
    return isinstance(node, ast.ImportFrom) and (node.module == "__future__" or node.names[0].name == "*")


def _why(source):
    try:
        ast.parse(source)
    except SyntaxError as error:
        return f"{error.msg}, line {error.lineno}"
    except Exception as error:
        return type(error).__name__
    return "it stops"


def _global(table):
    top = table.get_type() == "module"
    found = {s.get_name() for s in table.get_symbols() if (s.is_referenced() if top else s.is_global())}
    return found.union(*(_global(child) for child in table.get_children()))

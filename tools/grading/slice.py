"""The part of a submission that one exercise needs: the last definition of its function, and what that uses."""

import ast
import json
import re
import symtable
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

MOST_BYTES = 30 << 20  # of a file; a notebook with all its pictures is smaller
MOST_CODE = 1 << 20  # letters of code in it
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


@dataclass
class Part:
    """What is run for an exercise, and shown of it.

    Attributes:
        pieces: (label, source) of each statement.
        code: the statement that defines the function, as it was written; "" when there is none.
        fault: a sentence when a later cell that defines the function is no Python, or what it needs cannot be told.
    """

    pieces: list[tuple[str, str]] = field(default_factory=list)
    code: str = ""
    fault: str = ""


def read(path):
    """Read a notebook, or a file of Python with or without cells.

    Raises:
        Unreadable: it is something else, or too large.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Unreadable(f"it has more than {MOST_BYTES >> 20} MB")
        text = path.read_text(encoding="utf-8-sig")
        found = _notebook(json.loads(text)) if path.suffix == ".ipynb" else Submission([("the file", text)])
        if sum(len(source) for _, source in found.cells) > MOST_CODE:  # before it is parsed, which takes far more
            raise Unreadable(f"it has more than {MOST_CODE} letters of code")
        return found if path.suffix == ".ipynb" else Submission(_cells_of(text))
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
    return {name for _, source in submission.cells for node in _parsed(source) or [] for name in _binds(node)}


def needed(submission, name):
    """Cut out of a submission what the function `name` needs.

    That is its last definition, and every statement at the top of a cell that binds a name which is used there, and so
    on; in the order of the cells. Cells that are no Python are left out.
    """
    try:
        return _needed(submission, name)
    except RecursionError:  # Python compiles deeper expressions than it can walk
        return Part(fault=f"The code of {name}, or what it uses, is nested too deep to be read.")


def _needed(submission, name):
    statements = []  # (label, node, source)
    part = Part()
    for label, source in submission.cells:
        body = _parsed(source)
        if body is None:
            if re.search(rf"^(async )?def {name}\b", source, re.M):
                part.fault = f"{label[:1].upper()}{label[1:]} defines {name} and is no Python: {_why(source)}."
            continue
        for node in body:
            if name in _binds(node):
                part.fault = ""
            statements.append((label, node, source))
    last = max((at for at, (_, node, _) in enumerate(statements) if name in _binds(node)), default=None)
    if last is None:
        return part
    _, node, source = statements[last]
    part.code = _source(node, source)
    binders, for_all = defaultdict(list), []
    for at, (_, node, _) in enumerate(statements):
        if at < last or name not in _binds(node):
            for bound in _changes(node):
                binders[bound].append(at)
            for_all += [at] if _is_for_all(node) else []
    chosen, waiting, seen = {last, *for_all}, [last, *for_all], set()
    while waiting:
        for used in _uses(statements[waiting.pop()][1]) - seen:
            seen.add(used)
            waiting += [at for at in binders[used] if at not in chosen]
            chosen.update(binders[used])
    for at in sorted(chosen):
        label, node, source = statements[at]
        # The lines keep their numbers within the cell, for what an exception says.
        part.pieces.append((label, "\n" * (node.lineno - 1) + _source(node, source)))
    return part


def _why(source):
    try:
        ast.parse(source)
    except SyntaxError as error:
        return f"{error.msg}, line {error.lineno}"
    except Exception as error:
        return type(error).__name__
    return "it stops"


def _source(node, source):
    """A statement as it was written, its decorators too."""
    first = min([node.lineno, *(deco.lineno for deco in getattr(node, "decorator_list", []))])
    lines = source.split("\n")[first - 1 : node.end_lineno]
    alone = len(lines) > 0 and not lines[0][: node.col_offset].strip() and ";" not in lines[-1]
    return "\n".join(lines) if alone else ast.unparse(node)


def _binds(node):
    """Names that a statement at the top binds as functions may be: def, class, and an assignment to a name."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {target.id for target in targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.If | ast.Try | ast.With):
        return {name for part in ast.iter_child_nodes(node) if isinstance(part, ast.stmt) for name in _binds(part)}
    return set()


def _changes(node):
    """Names that a statement binds, or of which it sets a part."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name.partition(".")[0]) for alias in node.names}
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del):
            found.add(part.id)
        elif isinstance(part, ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store):
            base = part
            while isinstance(base, ast.Attribute | ast.Subscript):
                base = base.value
            found |= {base.id} if isinstance(base, ast.Name) else set()
        elif isinstance(part, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef) and part is not node:
            found |= _changes(part)
    return found


def _is_for_all(node):
    return isinstance(node, ast.ImportFrom) and (node.module == "__future__" or node.names[0].name == "*")


def _uses(node):
    """Names of the notebook that a statement uses; parameters and other names of a function's own are none."""
    return _global(symtable.symtable(ast.unparse(node), "cell", "exec"))


def _global(table):
    top = table.get_type() == "module"
    found = {s.get_name() for s in table.get_symbols() if (s.is_referenced() if top else s.is_global())}
    return found.union(*(_global(child) for child in table.get_children()))

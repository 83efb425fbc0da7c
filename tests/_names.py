"""Which names a code cell reads, binds and deletes, found from its text alone.

What runs at once (module level, class bodies, comprehensions) is told from what runs later (bodies of
functions): the first must find its names defined above, the second by the end of its own cell.
"""

import ast
import builtins
import symtable
from contextlib import contextmanager
from dataclasses import dataclass, field

from IPython.core.inputtransformer2 import TransformerManager

ALWAYS_THERE = {*dir(builtins), "__name__", "__doc__", "__class__", "get_ipython", "display", "In", "Out", "_", "__"}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Names:
    """Names of one cell: read at once (with the line), read later, bound, deleted."""

    read_now: dict = field(default_factory=dict)
    read_later: set = field(default_factory=set)
    bound: set = field(default_factory=set)
    deleted: set = field(default_factory=set)

    @property
    def read(self):
        """Every name that the cell takes from outside itself."""
        return set(self.read_now) | (self.read_later - self.bound)


def parse(source):
    """Parse a cell's text; magics such as %pip become plain calls first. Raises SyntaxError."""
    return ast.parse(TransformerManager().transform_cell(source))


def names_of(source):
    """Give the `Names` of a cell's text."""
    visitor = _Visitor()
    for statement in parse(source).body:
        visitor.visit(statement)
    return visitor.names


def read_too_early(cell_sources):
    """List 'cell 3, line 2: x is read before any cell above defines it' for a notebook's code cells.

    Args:
        cell_sources: (number of the cell, its text), in order.
    """
    faults, defined = [], set(ALWAYS_THERE)
    for number, source in cell_sources:
        names = names_of(source)
        faults += [
            f"cell {number}, line {line}: {name} is read before any cell above defines it"
            for name, line in names.read_now.items()
            if name not in defined
        ]
        defined = (defined | names.bound) - names.deleted
        faults += [
            f"cell {number}: a function reads {name}, which neither this cell nor one above defines"
            for name in sorted(names.read_later - defined)
        ]
    return faults


def _read_in_body(function):
    """Names that the body of a function or lambda takes from the module, and those it sets there."""
    bare = ast.parse(ast.unparse(function)).body[0]
    if isinstance(bare, (ast.FunctionDef, ast.AsyncFunctionDef)):
        bare.decorator_list = []
    tables = list(symtable.symtable(ast.unparse(bare), "cell", "exec").get_children())
    read, written = set(), set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                read.add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                written.add(symbol.get_name())
    return read, written


class _Visitor(ast.NodeVisitor):
    """Walks module-level code in the order in which Python evaluates it."""

    def __init__(self):
        self.names = Names()
        self.scopes = []  # names of enclosing comprehensions and class bodies, innermost last

    def _bind(self, name, *, outermost=False):
        if self.scopes and not outermost:
            self.scopes[-1].add(name)
            return
        self.names.bound.add(name)
        self.names.deleted.discard(name)

    def _read(self, name, line):
        if name not in self.names.bound and not any(name in scope for scope in self.scopes):
            self.names.read_now.setdefault(name, line)

    @contextmanager
    def _scope(self):
        self.scopes.append(set())
        yield
        self.scopes.pop()

    def _visit_all(self, *parts):
        for part in parts:
            for node in part if isinstance(part, list) else [part]:
                if isinstance(node, ast.AST):
                    self.visit(node)

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id)
            return
        self._read(node.id, node.lineno)
        if isinstance(node.ctx, ast.Del):
            self.names.bound.discard(node.id)
            self.names.deleted.add(node.id)

    def visit_Assign(self, node):
        self._visit_all(node.value, node.targets)

    def visit_AugAssign(self, node):
        if isinstance(node.target, ast.Name):
            self._read(node.target.id, node.lineno)
        self._visit_all(node.value, node.target)

    def visit_AnnAssign(self, node):
        self._visit_all(node.annotation, node.value)
        if node.value is not None:
            self.visit(node.target)

    def visit_NamedExpr(self, node):
        self.visit(node.value)
        self._bind(node.target.id, outermost=True)

    def visit_For(self, node):
        self._visit_all(node.iter, node.target, node.body, node.orelse)

    visit_AsyncFor = visit_For

    def visit_comprehension_expression(self, node):
        self.visit(node.generators[0].iter)
        with self._scope():
            for number, part in enumerate(node.generators):
                self._visit_all(part.iter if number else None, part.target, part.ifs)
            self._visit_all(*([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]))

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_comprehension_expression

    def visit_Import(self, node):
        for alias in node.names:
            self._bind(alias.asname or alias.name.split(".")[0])

    visit_ImportFrom = visit_Import

    def visit_FunctionDef(self, node):
        arguments = node.args
        every = [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ]
        self._visit_all(
            node.decorator_list,
            arguments.defaults,
            arguments.kw_defaults,
            [a.annotation for a in every if a],
            node.returns,
        )
        self._later(node)
        self._bind(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        self._visit_all(node.args.defaults, node.args.kw_defaults)
        self._later(node)

    def _later(self, node):
        read, written = _read_in_body(node)
        self.names.read_later |= read - set().union(*self.scopes)
        self.names.bound |= written

    def visit_ClassDef(self, node):
        self._visit_all(node.decorator_list, node.bases, [k.value for k in node.keywords])
        with self._scope():
            self._visit_all(node.body)
        self._bind(node.name)

    def visit_ExceptHandler(self, node):
        self._visit_all(node.type)
        if node.name:
            self._bind(node.name)
        self._visit_all(node.body)

    def _match_name(self, node):
        self.generic_visit(node)
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if name:
            self._bind(name)

    visit_MatchAs = visit_MatchStar = visit_MatchMapping = _match_name

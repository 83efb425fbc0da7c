"""Which names a code cell reads and binds, found from its text alone. The order inside a cell is ruff's to judge."""

import ast
import builtins
import symtable
from dataclasses import dataclass
from functools import cache

from IPython.core.inputtransformer2 import TransformerManager

ALWAYS_THERE = {*dir(builtins), "__name__", "__doc__", "__class__", "get_ipython", "display", "In", "Out", "_", "__"}


@dataclass
class Names:
    """Names of one cell: taken from outside it, bound at its top level."""

    read: set
    bound: set


def parse(source):
    """Parse a cell's text; magics such as %pip become plain calls first. Raises SyntaxError."""
    return ast.parse(TransformerManager().transform_cell(source))


@cache
def names_of(source):
    """Give the `Names` of a cell's text. Do not change them: they are shared by all rules."""
    top = symtable.symtable(TransformerManager().transform_cell(source), "cell", "exec")
    symbols = top.get_symbols()
    bound = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()}
    read, tables = {s.get_name() for s in symbols if s.is_referenced()}, list(top.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        read |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
        bound |= {s.get_name() for s in table.get_symbols() if s.is_declared_global() and s.is_assigned()}
    return Names(read - bound, bound)

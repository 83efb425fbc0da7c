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
    """Names of one cell: taken from outside it, read inside functions and other scopes, bound at its top level."""

    read: set
    read_inside: set
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
    read, inside, tables = {s.get_name() for s in symbols if s.is_referenced()}, set(), list(top.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        inside |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
        bound |= {s.get_name() for s in table.get_symbols() if s.is_declared_global() and s.is_assigned()}
    return Names((read | inside) - bound, inside, bound)


def functions_too_early(cell_sources):
    """List the functions that need a name which only a later cell defines; ruff takes a notebook as a whole there.

    Args:
        cell_sources: (number of the cell, its text), in order.
    """
    faults, defined = [], set(ALWAYS_THERE)
    for number, source in cell_sources:
        names = names_of(source)
        defined |= names.bound
        faults += [
            f"cell {number}: a function reads {name}, which neither this cell nor one above defines"
            for name in sorted(names.read_inside - defined)
        ]
    return faults

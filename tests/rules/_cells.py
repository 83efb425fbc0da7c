"""Cells of a notebook, and what is read from their text; the rules stand on these."""

import ast

import _names


def tags(cell):
    """Tags of a cell as a set."""
    return set(cell.metadata.get("tags", []))


def numbered(nb, *, kind=None, tag=None):
    """List (number from 1, cell) of the cells of one kind, with one tag."""
    return [
        (n, c)
        for n, c in enumerate(nb.cells, start=1)
        if (kind is None or c.cell_type == kind) and (tag is None or tag in tags(c))
    ]


def functions_of(source):
    """Function definitions at the top level of a cell."""
    return [node for node in _names.parse(source).body if isinstance(node, ast.FunctionDef)]

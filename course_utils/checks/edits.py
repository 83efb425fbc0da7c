"""One edit of a reference, and how it is said: a factor left out, another argument, a rounding that is not there."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from course_utils.checks.reference import Reference

SWAPPED = (("min", "max"), ("amin", "amax"), ("floor", "round", "ceil", "trunc"), ("sum", "mean"))
OPERATORS = {
    ast.Add: (ast.Sub, "subtracted"),
    ast.Sub: (ast.Add, "added"),
    ast.Mult: (ast.Div, "as a divisor"),
    ast.Div: (ast.Mult, "as a factor"),
    ast.FloorDiv: (ast.Div, "dividing without rounding down"),
    ast.MatMult: (ast.Mult, "multiplied element by element"),
}
SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


def edits(reference: Reference) -> Iterator[tuple[str, ast.FunctionDef]]:
    """(how it differs, tree) of each one-edit version, the plainest first: "`batch` left out of the biases"."""
    found = []
    for line in reference.lines():
        place = reference.label(line)
        for node in _own(line):
            for rank, said, new in _otherwise(node, reference):
                said = said if place else said.removesuffix(" in").removesuffix(" of").rstrip(",")
                if place or rank < 2:  # in a line that only does something, another name could write another file
                    found.append((rank, said, place, node, new))
    for _, said, place, node, new in sorted(found, key=lambda one: one[0]):
        yield f"{said} {place}".strip(), copy.deepcopy(reference.tree, {id(node): new})


def spoken(node: ast.AST, reference: Reference) -> str:
    """An expression in words: a label, an argument, a product of them; "a part" where it is longer."""
    match node:
        case ast.Name(name) if name in reference.labels:
            return reference.labels[name]
        case ast.BinOp(left, ast.Mult(), right):
            return f"{spoken(left, reference)} · {spoken(right, reference)}"
    return f"`{ast.unparse(node)}`" if isinstance(node, ast.Name | ast.Constant | ast.Attribute) else "a part"


def _own(line: ast.AST) -> Iterator[ast.AST]:
    """The expressions of a statement, without those of the statements in it."""
    for child in ast.iter_child_nodes(line):
        if not isinstance(child, ast.stmt):
            yield child
            yield from _own(child)


def _otherwise(node: ast.AST, reference: Reference) -> Iterator[tuple[int, str, ast.AST]]:
    """(rank, how it is said, what stands in its place) of each edit of one expression; the plainest have rank 0."""
    names = {**dict.fromkeys(reference.arguments), **reference.labels}
    match node:
        case ast.BinOp(left, op, right):
            both = isinstance(op, ast.Add | ast.Mult | ast.BitOr)
            for rest, part in [(left, right), (right, left)][: 1 + both]:
                said = spoken(part, reference)
                yield 0, f"no division by {said} in" if type(op) is ast.Div else f"{said} left out of", rest
            if type(op) in OPERATORS:
                other, words = OPERATORS[type(op)]
                yield 1, f"{spoken(right, reference)} {words} in", ast.BinOp(left, other(), right)
        case ast.UnaryOp(op, inner):
            yield 0, f"the {'minus sign' if isinstance(op, ast.USub) else 'not'} left out of", inner
        case ast.Compare(left, [op], right) if type(op) in SIGNS:
            for other in (other for other in SIGNS if type(op) is not other):
                said = f"`{SIGNS[other]}` in place of `{SIGNS[type(op)]}` in"
                yield 1, said, ast.Compare(left, [other()], right)
        case ast.Attribute(inner, "T"):
            yield 0, "the transposing left out of", inner
        case ast.Subscript(inner, _, ast.Load()):
            yield 0, f"`{ast.unparse(node).removeprefix(ast.unparse(inner))}` left out of", inner
        case ast.comprehension(target, iterable, [_, *_] as asked):
            for one in asked:
                rest = [other for other in asked if other is not one]
                yield 0, "a condition left out of", ast.comprehension(target, iterable, rest, 0)
                rest = [ast.UnaryOp(ast.Not(), other) if other is one else other for other in asked]
                yield 1, "a condition turned round in", ast.comprehension(target, iterable, rest, 0)
        case ast.Call(ast.Attribute(inner, name), args, keywords):
            module = isinstance(inner, ast.Name) and inner.id not in names
            if args or not module:
                yield 0, f"`{name}` left out of", args[0] if module else inner
            for other in (other for family in SWAPPED if name in family for other in family if other != name):
                call = ast.Call(ast.Attribute(inner, other, ast.Load()), args, keywords)
                yield 3, f"`{other}` in place of `{name}` in", call
        case ast.Call(ast.Name(name), [first, *_]):
            yield 0, f"`{name}` left out of", first
        case ast.Name(name, ast.Load()) if name in names:
            for other in (other for other in names if other != name):
                new = ast.Name(other, ast.Load())
                yield 2, f"{spoken(new, reference)} in place of {spoken(node, reference)}, in", new
        case ast.Constant(int() | float() as value) if value is not True and value is not False:
            for other in sorted({value + 1, value - 1, 2 * value, value // 2, 0} - {value}):
                said = f"{value:g} doubled" if other == 2 * value else f"{other:g} in place of {value:g}"
                yield 3, f"{said} in", ast.Constant(other)

"""Mutants of a function: its source with one small thing changed, as a slip of the hand would."""

import ast
import copy

ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Pow: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OTHER_NAMES = {"min": "max", "max": "min", "amin": "amax", "amax": "amin", "ceil": "floor", "floor": "ceil"}


def mutants(source, name):
    """Give (what was changed, source of the mutant) for every mutant of function `name` in `source`.

    Operators, comparisons, constants (one more and one less, truth turned round), `and`/`or`, a negation or a minus
    dropped, the first two arguments of a call swapped, min and max, a statement dropped.
    """
    tree = ast.parse(source)
    count = sum(1 for _ in _changes(_function(tree, name)))
    found = []
    for number in range(count):
        trial = copy.deepcopy(tree)
        function = _function(trial, name)
        change, apply = list(_changes(function))[number]
        apply()
        text = ast.unparse(ast.fix_missing_locations(trial))
        if text != ast.unparse(tree):
            found.append((change, text))
    return found


def _function(tree, name):
    return next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name)


def _changes(function):
    """Yield (text, what makes the change) for each mutation of a function, in the order of the source."""
    for parent in ast.walk(function):
        for field in ("body", "orelse"):
            block = getattr(parent, field, None)
            if isinstance(block, list):
                yield from _dropped(block)
    for node, statement in _with_statements(function):
        for change, apply in _changed(node):
            yield f"{statement}: {change}", apply


def _with_statements(node, statement="its arguments"):
    """Yield each node below `node`, with the first line of the statement it stands in."""
    for child in ast.iter_child_nodes(node):
        at = ast.unparse(child).partition("\n")[0] if isinstance(child, ast.stmt) else statement
        yield child, at
        yield from _with_statements(child, at)


def _dropped(block):
    for at, statement in enumerate(block):
        plain = isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr | ast.If | ast.For | ast.Delete)
        if plain and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):

            def drop(at=at):
                block[at] = ast.Pass()

            yield f"{_line(statement)} dropped", drop


def _changed(node):
    """Yield the mutations of one expression."""
    text = _line(node)
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        other = ARITHMETIC[type(node.op)]
        yield f"{text}: {type(node.op).__name__} -> {other.__name__}", lambda: setattr(node, "op", other())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        other = COMPARISONS[type(node.ops[0])]
        yield f"{text}: {type(node.ops[0]).__name__} -> {other.__name__}", lambda: node.ops.__setitem__(0, other())
    if isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"{text}: {type(node.op).__name__} -> {other.__name__}", lambda: setattr(node, "op", other())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        twice = ast.UnaryOp(type(node.op)(), node.operand)
        yield f"{text}: {type(node.op).__name__} dropped", lambda: setattr(node, "operand", twice)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        value = node.value
        yield f"{value} -> {not value}", lambda: setattr(node, "value", not value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        value = node.value
        for other in (value + 1, value - 1):
            yield f"{value} -> {other}", lambda other=other: setattr(node, "value", other)
    if isinstance(node, ast.Call) and len(node.args) >= 2 and not any(isinstance(a, ast.Starred) for a in node.args):
        yield f"{text}: arguments swapped", lambda: node.args.__setitem__(slice(0, 2), node.args[1::-1])
    if isinstance(node, ast.Name | ast.Attribute):
        field = "id" if isinstance(node, ast.Name) else "attr"
        name = getattr(node, field)
        if name in OTHER_NAMES:
            yield f"{text} -> {OTHER_NAMES[name]}", lambda: setattr(node, field, OTHER_NAMES[name])


def _line(node):
    return " ".join(ast.unparse(node).split())[:80]

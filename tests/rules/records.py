"""Rules for claims in a lesson: each is recorded once, and what is recorded was measured."""

import ast

import _names

from rules._cells import code_text


def claim_records(nb, claims, expressions=()):
    """Every claim is recorded once, every record has a claim, and what is recorded was measured.

    Args:
        claims: their ids.
        expressions: (id, text) of each expression of claims.toml: it is read from the notebook, which is a record, too.
    """
    faults, seen = [], []
    texts = code_text(nb)
    values = _Values([_names.parse(text) for _, text in texts])
    for n, text in texts:
        for call in ast.walk(_names.parse(text)):
            if not (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "record"
                and isinstance(call.func.value, ast.Name)
                and call.func.value.id in values.scorecards
            ):
                continue
            given = {k.arg: k.value for k in call.keywords}
            name = call.args[0] if call.args else next(iter(given.values()), None)
            value = call.args[1] if len(call.args) > 1 else given.get("value")
            if not isinstance(name, ast.Constant):
                faults.append(f"cell {n}: the id of a claim must be written out in record(...)")
                continue
            seen.append(name.value)
            if value is None or values.is_literal(value):
                faults.append(
                    f"cell {n}: claim {name.value!r} records {ast.unparse(value) if value else 'nothing'}, "
                    "a literal; record what was measured"
                )
    for name, text in expressions:
        tree = ast.parse(text, mode="eval").body
        seen.append(name)
        if values.is_literal(tree):
            faults.append(f"claim {name!r} has the value {text}, a literal; name what was measured")
        wanted = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        made = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        nowhere = wanted - made - set().union(_names.ALWAYS_THERE, *(_names.names_of(cell).bound for _, cell in texts))
        faults += [f"claim {name!r} wants {missing}, which no cell makes" for missing in sorted(nowhere)]
    ids = set(claims)
    faults += [f"claim {i!r} is recorded nowhere" for i in sorted(ids - set(seen))]
    faults += [f"record of {i!r}, which is no claim" for i in sorted(set(seen) - ids)]
    return faults + [f"claim {i!r} is recorded {seen.count(i)} times" for i in sorted(set(seen)) if seen.count(i) > 1]


class _Values:
    """Tells which expressions of a lesson are only literals, followed through names and trivial functions."""

    PURE = {
        "int",
        "float",
        "round",
        "abs",
        "min",
        "max",
        "sum",
        "bool",
        "str",
        "len",
        "sorted",
        "list",
        "tuple",
    }

    def __init__(self, trees):
        self.bound, self.functions, self.scorecards = {}, {}, set()
        for node in (node for tree in trees for node in ast.walk(tree)):
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self._assign(targets, node.value)
            elif isinstance(node, (ast.For, ast.comprehension)):
                self._assign([node.target], node.iter)
            elif isinstance(node, ast.FunctionDef):
                self.functions[node.name] = [r.value for r in ast.walk(node) if isinstance(r, ast.Return) and r.value]
                if any(isinstance(n, ast.Name) for value in self.functions[node.name] for n in ast.walk(value)):
                    self.functions[node.name] = []  # gives back something that it was given or worked out

    def _assign(self, targets, value):
        for target in targets:
            for name in (n.id for n in ast.walk(target) if isinstance(n, ast.Name)):
                self.bound.setdefault(name, []).append(value)
            if (
                isinstance(target, ast.Name)
                and isinstance(value, ast.Call)
                and ast.unparse(value.func).rpartition(".")[2] == "Scorecard"
            ):
                self.scorecards.add(target.id)

    def is_literal(self, node, seen=()):
        """True when no part of the expression comes from anywhere but the text itself."""
        if node is None or isinstance(
            node, (ast.Constant, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)
        ):
            return True
        if isinstance(node, ast.Name):
            if node.id in seen:
                return True
            bound = self.bound.get(node.id)
            return bool(bound) and all(self.is_literal(value, (*seen, node.id)) for value in bound)
        if isinstance(node, ast.Call):
            return self._literal_call(node, seen)
        if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            return False
        return all(self.is_literal(part, seen) for part in ast.iter_child_nodes(node))

    def _literal_call(self, node, seen):
        name = ast.unparse(node.func)
        if name in self.functions and name not in seen and self.functions[name]:
            return all(self.is_literal(value, (*seen, name)) for value in self.functions[name])
        arguments = [*node.args, *(k.value for k in node.keywords)]
        return name in self.PURE and all(self.is_literal(value, seen) for value in arguments)

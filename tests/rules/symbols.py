"""Rules for what a lesson calls: figures with alt text, deprecated symbols, warnings ignored by message."""

import ast

import _names

from rules._cells import code_text, numbered, tags

LEAST_ALT = 20


def figures(nb):
    """Every `plots.show` says in 20 characters or more what the figure shows, not as the caption does."""
    faults = []
    for n, text in code_text(nb):
        for call in ast.walk(_names.parse(text)):
            if not (isinstance(call, ast.Call) and ast.unparse(call.func) in ("plots.show", "show")):
                continue
            given = {k.arg: k.value for k in call.keywords}
            if "alt" not in given:
                faults.append(f"cell {n}: {ast.unparse(call.func)} without alt=")
            elif isinstance(given["alt"], ast.Constant) and len(str(given["alt"].value).split()) < 4:
                faults.append(f"cell {n}: alt text {given['alt'].value!r} says too little")
            elif isinstance(given["alt"], ast.Constant) and len(str(given["alt"].value)) < LEAST_ALT:
                faults.append(f"cell {n}: alt text {given['alt'].value!r} is shorter than {LEAST_ALT} characters")
            elif "caption" in given and ast.unparse(given["alt"]) == ast.unparse(given["caption"]):
                faults.append(f"cell {n}: the alt text is the caption again")
    return faults


def dotted_names(texts):
    """List (index of the text, dotted name) of what the texts use, with import aliases resolved."""
    trees = [_names.parse(text) for text in texts]
    alias, used = {}, []
    for index, tree in enumerate(trees):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                used += [(index, a.name) for a in node.names]
                alias.update({a.asname: a.name for a in node.names if a.asname})
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                used += [(index, f"{node.module}.{a.name}") for a in node.names]
                alias.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
    for index, tree in enumerate(trees):
        for node in ast.walk(tree):
            if isinstance(node, (ast.Attribute, ast.Name)):
                first, dot, rest = ast.unparse(node).partition(".")
                used.append((index, alias.get(first, first) + dot + rest))
    return used


def deprecated(nb, symbols, *, name):
    """Deprecated symbols only where the list allows them, and only in cells with the tag legacy.

    Args:
        symbols: tables of deprecated.toml: symbol, reason, lessons.
        name: the lesson's own.
    """
    cells = numbered(nb, kind="code")
    used = dotted_names([c.source for _, c in cells])
    faults = []
    for entry in symbols:
        where = sorted({index for index, symbol in used if f"{symbol}.".startswith(f"{entry['symbol']}.")})
        if where and name not in entry["lessons"]:
            faults += [
                f"cell {cells[i][0]}: {entry['symbol']} is deprecated ({entry['reason']}); use its "
                "successor, or allow it in tests/deprecated.toml"
                for i in where
            ]
        elif not where and name in entry["lessons"]:
            faults.append(f"tests/deprecated.toml allows {entry['symbol']}, which the lesson does not use")
        else:
            faults += [
                f"cell {cells[i][0]}: {entry['symbol']} needs the tag legacy"
                for i in where
                if "legacy" not in tags(cells[i][1])
            ]
    return faults


def wholesale_filters(text):
    """Warnings are ignored by their message, one by one, never all of them or all of a category."""
    faults = []
    for call in ast.walk(_names.parse(text)):
        if not isinstance(call, ast.Call):
            continue
        name = ast.unparse(call.func).rpartition(".")[2]
        given = {k.arg: k.value for k in call.keywords}
        action = call.args[0] if call.args else given.get("action")
        ignores = isinstance(action, ast.Constant) and action.value == "ignore"
        message = call.args[1] if len(call.args) > 1 else given.get("message")
        if isinstance(message, ast.Constant) and not str(message.value).strip(".*"):
            message = None
        if ignores and (name == "simplefilter" or (name == "filterwarnings" and message is None)):
            faults.append(f"line {call.lineno}: {name} ignores warnings without saying which message")
    return faults

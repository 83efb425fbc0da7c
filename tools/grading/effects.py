"""Which statements at the top of a submission bind a name, and which change in place what it stands for.

Nothing is run: it is told from the text. A statement changes what a name stands for

- when it sets or deletes a part of it (`x[0] = 1`, `del x["k"]`), or is an augmented assignment to it;
- when it calls a method of it and drops the result (`x.step(3)`), a method that changes a list, dict, set or tensor, or
  one that a class of the submission has (`y = x.pop()`, `[x.append(n) for n in y]`, `x.fill_(0)`);
- when it gives it to a function of the submission and drops the result, or to one that changes what it is given
  (`random.shuffle(x)`);
- when it calls a function or a method of the submission in which one of these is done to a global name.

This counts in the body of a loop, a `with`, an `if` or a `try`, too; for the variable of a loop, which stands for a
part of what the loop goes through; and for another name of the same thing, or of a part of it (`row = x[0]`).
"""

import ast
from collections import defaultdict

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
SETS = ast.Store | ast.Del
PARTS = ast.Attribute | ast.Subscript
# Methods that change what they belong to. Those of torch end in "_".
METHODS = {
    *("append", "appendleft", "extend", "extendleft", "insert", "remove", "pop", "popleft", "popitem", "clear", "sort"),
    *("reverse", "rotate", "update", "setdefault", "move_to_end", "add", "discard", "subtract", "difference_update"),
    *("intersection_update", "symmetric_difference_update", "__setitem__", "__delitem__", "__setattr__"),
}
# Functions, of whatever module, that change the first thing that they are given.
CHANGERS = {
    *("setattr", "delattr", "next", "shuffle", "heapify", "heappush", "heappop", "heappushpop", "heapreplace"),
    *("insort", "insort_left", "insort_right", "setitem", "delitem"),
}
DEEPEST = 50  # links of a chain like x.a[0].b() that are followed to its name


class Effects:
    """What statements do to names, by the number of the statement.

    Args:
        statements: of `ast`, in their order.
    Attributes:
        bound: name -> numbers of the statements that bind it, or set a part of it.
    """

    def __init__(self, statements):
        self.bound, self._changing, self._calling = defaultdict(list), defaultdict(list), defaultdict(list)
        # Name -> functions that change it; that call it. A method of any class is called ".name".
        self._inside, self._callers = defaultdict(list), defaultdict(list)
        self._same, self._defined, self._data, self._methods = {}, set(), set(), set(METHODS)
        parts = [list(_at_once(statement)) for statement in statements]
        for number, own in enumerate(parts):
            self._read_names(number, own)
        self._own = self._defined | self._data  # what is imported is theirs, and is not looked into
        for own in parts:
            for part in own:
                self._read_same(part)
        for number, own in enumerate(parts):
            changed, called = self._effects(own)
            for thing in {self._thing(name) for name in changed & self._own}:
                self._changing[thing].append(number)
            for name in called:
                self._calling[name].append(number)
            self._read_functions(own)

    def changing(self, name, seen):
        """Numbers of the statements that change in place what a name stands for.

        Args:
            name: of any kind.
            seen: a set, the same for all names that are asked for in turn; what it holds is not given again.
        """
        thing, found = ("thing", self._thing(name)), []
        if thing not in seen:
            seen.add(thing)
            found += self._changing.get(thing[1], ())
        waiting = list(self._inside.get(name, ()))
        while waiting:
            function = waiting.pop()
            if function not in seen:
                seen.add(function)
                found += self._calling.get(function, ())
                waiting += self._callers.get(function, ())
        return found

    def _read_names(self, number, parts):
        bound = set()
        for part in parts:
            if isinstance(part, FUNCTIONS | ast.ClassDef):
                self._defined.add(part.name)
                bound.add(part.name)
                if isinstance(part, ast.ClassDef):
                    self._methods |= {inner.name for inner in part.body if isinstance(inner, FUNCTIONS)}
            elif isinstance(part, ast.Import | ast.ImportFrom):
                bound |= {alias.asname or alias.name.partition(".")[0] for alias in part.names}
            elif isinstance(part, ast.Name) and isinstance(part.ctx, SETS):
                self._data.add(part.id)
                bound.add(part.id)
            elif isinstance(part, PARTS) and isinstance(part.ctx, SETS):
                bound.add(_base(part))
        for name in bound:
            self.bound[name].append(number)

    def _read_same(self, part):
        """Note names of one thing: those to which one value is assigned, and the name of which the value is a part."""
        if isinstance(part, ast.Assign):
            is_part = isinstance(part.value, ast.Name | PARTS)
            names = [_base(part.value) if is_part else None, *(_name(target) for target in part.targets)]
            first, *others = [name for name in names if name in self._data] or [None]
            for other in others:
                self._same[self._thing(other)] = self._thing(first)

    def _thing(self, name):
        """One name for all names of a thing."""
        while (above := self._same.get(name, name)) != name:
            self._same[name] = self._same.get(above, above)  # halves the way for the next one
            name = above
        return name

    def _read_functions(self, parts):
        """Note what functions do to global names when they are called."""
        within = {inner: part.name for part in parts if isinstance(part, ast.ClassDef) for inner in part.body}
        for part in parts:
            if isinstance(part, FUNCTIONS):
                name = part.name
                if part in within:  # a method that Python calls by itself counts as its class
                    name = within[part] if name.startswith("__") else f".{name}"
                inner = [found for line in part.body for found in ast.walk(line)]
                changed, called = self._effects(inner)
                stored = {found.id for found in inner if isinstance(found, ast.Name) and isinstance(found.ctx, SETS)}
                stored |= {found.arg for found in ast.walk(part) if isinstance(found, ast.arg)}
                open_ = {word for found in inner if isinstance(found, ast.Global) for word in found.names}
                for word in (changed - stored) & self._own | open_:
                    self._inside[word].append(name)
                for word in called - stored:
                    self._callers[word].append(name)

    def _effects(self, parts):
        """What the parts of a statement, or of a body, change; and the functions and methods that they call."""
        changed, called, dropped, through = set(), set(), set(), defaultdict(set)
        for part in parts:
            if isinstance(part, ast.Expr):
                dropped.add(part.value)
            elif isinstance(part, ast.For | ast.AsyncFor | ast.comprehension):
                _stands_for(part.target, part.iter, through)
            elif isinstance(part, ast.withitem) and part.optional_vars:
                _stands_for(part.optional_vars, part.context_expr, through)
            elif isinstance(part, ast.AugAssign):
                changed.add(_base(part.target))
            elif isinstance(part, PARTS) and isinstance(part.ctx, SETS):
                changed.add(_base(part))
            elif isinstance(part, ast.Call):
                called.add(_called(part.func))
                changed |= self._changed_by_call(part.func, part, part in dropped)
            elif isinstance(part, FUNCTIONS | ast.ClassDef):
                for decorator in part.decorator_list:
                    function = decorator.func if isinstance(decorator, ast.Call) else decorator
                    called.add(_called(function))
                    changed |= self._changed_by_call(function, None, True)
        waiting = list(changed)
        while waiting:
            new = through.get(waiting.pop(), set()) - changed
            changed |= new
            waiting += new
        return changed - {None}, called - {None}

    def _changed_by_call(self, function, call, dropped):
        name = (_called(function) or "").lstrip(".")
        whose = _base(function.value) if isinstance(function, ast.Attribute) else None
        args = [*call.args, *(word.value for word in call.keywords)] if call else []
        in_place = name[-1:] == "_" != name[:1]
        changed = {whose} if dropped or in_place or name in self._methods else set()
        if name in CHANGERS or in_place or (name in METHODS and whose in ("list", "dict", "set")):
            changed.add(_base(args[0]) if args else None)
        elif dropped and isinstance(function, ast.Name) and name in self._own:
            changed |= {found for found in map(_base, args) if found in self._data or found not in self._defined}
        return changed


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


def _stands_for(target, source, through):
    """Note that the names of a target stand for parts of what the names of an expression stand for."""
    names = {part.id for part in ast.walk(source) if isinstance(part, ast.Name)}
    for part in ast.walk(target):
        if isinstance(part, ast.Name):
            through[part.id] |= names


def _base(node):
    """The name at the beginning of x.a[0].b().c, or None."""
    for _ in range(DEEPEST):
        if isinstance(node, PARTS | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        else:
            return _name(node)
    return None


def _called(node):
    """What a call calls: the name of a function, or of a method, with a dot before it; None for other things."""
    return f".{node.attr}" if isinstance(node, ast.Attribute) else _name(node)


def _name(node):
    return node.id if isinstance(node, ast.Name) else None

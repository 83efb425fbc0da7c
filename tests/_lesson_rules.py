"""What a lesson and its published notebook must be like: each rule lists the faults that it sees.

A rule takes a notebook as `tools._lessons.read` gives it, or as it was published, and returns a list of
sentences; an empty list means that the rule is kept. The tests call the rules on every lesson, and
test_meta.py calls them on lessons with a planted fault.
"""

import ast
import re
from dataclasses import dataclass

import _names

TAGS = {
    "setup",
    "exercise",
    "check",
    "solution",
    "hide-cell",
    "hide-input",
    "scorecard",
    "tour",
    "remove-cell",
    "nbval-check-output",
    "legacy",
}
NOTES_BEGIN = "*For the lecturer.*"
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", "-"}
FRONT_MATTER = {"title": str, "promise": str, "minutes": int, "seconds": int, "needs": list, "goals": list}
MOST_CODE_LINES = 25
LEAST_ALT = 20
MOST_OUTPUT = 20_000
MOST_NOTEBOOK_BYTES = 2 * 1024 * 1024
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:home|root|tmp|work|Users|usr|var|opt|mnt)/|\b[A-Z]:\\\\?\w")
PROGRESS_BAR = re.compile(r"\d+%\||\bit/s|\bs/it")
CLAIM_TEXTS = ("id", "statement", "source", "why", "if_not")
CLAIM_KINDS = {"structure", "accuracy", "speed"}
CLAIM_WHERE = {"any", "bf16", "cuda"}
CLAIM_FIELDS = {*CLAIM_TEXTS, "url", "published", "unit", "holds", "kind", "where"}


@dataclass
class Exercise:
    """One exercise of a lesson, as numbers of cells from 1; None where the part is missing."""

    name: str
    stub: int
    check: int | None
    solution: int | None


def tags(cell):
    """Tags of a cell as a set."""
    return set(cell.metadata.get("tags", []))


def slide_type(cell):
    """Place of a cell in the slides, or None."""
    return cell.metadata.get("slideshow", {}).get("slide_type")


def numbered(nb, *, kind=None, tag=None):
    """List (number from 1, cell) of the cells of one kind, with one tag."""
    return [
        (n, c)
        for n, c in enumerate(nb.cells, start=1)
        if (kind is None or c.cell_type == kind) and (tag is None or tag in tags(c))
    ]


def code_text(nb):
    """List (number from 1, source) of the code cells."""
    return [(n, c.source) for n, c in numbered(nb, kind="code")]


def code_lines(source):
    """Lines that are neither empty nor a comment."""
    return [line for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]


def functions_of(source):
    """Function definitions at the top level of a cell."""
    return [node for node in _names.parse(source).body if isinstance(node, ast.FunctionDef)]


# ---- the lesson as a whole ---------------------------------------------------------------------------


def front_matter(nb, *, number, known):
    """Front matter: every field there, of the right type and not empty; needs only earlier lessons.

    Args:
        number: the lesson's own, such as "02".
        known: numbers of the lessons there are.
    """
    course = nb.metadata.get("course", {})
    faults = [f"front matter: no {name}" for name in FRONT_MATTER if name not in course]
    faults += [
        f"front matter: {name} is {course[name]!r}, expected {kind.__name__}"
        for name, kind in FRONT_MATTER.items()
        if name in course and (not isinstance(course[name], kind) or isinstance(course[name], bool))
    ]
    faults += [f"front matter: {name} is not a field" for name in course if name not in FRONT_MATTER]
    if faults:
        return faults
    faults += [f"front matter: {name} is empty" for name in ("title", "promise", "goals") if not course[name]]
    faults += [
        f"front matter: {name} must be above 0" for name in ("minutes", "seconds") if course[name] <= 0
    ]
    faults += [
        f"front matter: {name} must hold texts"
        for name in ("needs", "goals")
        if not all(isinstance(item, str) for item in course[name])
    ]
    return faults + [
        f"front matter: needs {need!r}, which is no earlier lesson"
        for need in course["needs"]
        if need not in known or not str(need) < number
    ]


def parts(nb):
    """The parts in their order: agenda, a prediction, exercises, scorecard, remember, further, credits."""
    faults = []
    prose = [(n, c.source) for n, c in numbered(nb, kind="markdown")]

    def heading(words):
        pattern = re.compile(rf"^(?:#+ .*|\**)\b(?:{words})\b", re.I | re.M)
        return [n for n, text in prose if pattern.search(text)]

    found = {
        word: heading(word) for word in ("agenda", "predict", "remember", "going further|further", "credits")
    }
    faults += [f"no heading or bold line with {word!r}" for word, where in found.items() if not where]
    if found["agenda"] and found["agenda"][0] > 5:
        faults.append(f"the agenda stands in cell {found['agenda'][0]}, expected among the first five")
    cards = numbered(nb, kind="code", tag="scorecard")
    code = numbered(nb, kind="code")
    if len(cards) != 1 or cards[0][0] != code[-1][0]:
        faults.append("the scorecard must be one cell, the last with code")
    else:
        faults += [
            f"{word!r} stands above the scorecard"
            for word in ("remember", "credits")
            if found[word] and found[word][-1] < cards[0][0]
        ]
    if not numbered(nb, kind="code", tag="setup") or len(numbered(nb, tag="setup")) > 2:
        faults.append("one or two cells must have the tag setup")
    text = "\n".join(c.source for c in nb.cells)
    if not re.search(r"doi\.org|arxiv", text, re.I):
        faults.append("no reference with a DOI or an arXiv number")
    return faults


def slides(nb):
    """Most cells have a place in the slides, and somebody is told what to ask the room."""
    faults = [
        f"cell {n}: {slide_type(c)!r} is no slide type"
        for n, c in numbered(nb)
        if slide_type(c) not in SLIDE_TYPES | {None}
    ]
    notes = [(n, c) for n, c in numbered(nb) if slide_type(c) == "notes"]
    if not notes:
        faults.append("no speaker notes")
    faults += [
        f"cell {n}: speaker notes must begin with {NOTES_BEGIN!r}: readers of the notebook see them too"
        for n, c in notes
        if not c.source.startswith(NOTES_BEGIN)
    ]
    faults += [
        f"cell {n}: speaker notes without the tag remove-cell"
        for n, c in notes
        if "remove-cell" not in tags(c)
    ]
    placed = [c for c in nb.cells if slide_type(c)]
    if len(placed) < 0.6 * len(nb.cells):
        faults.append(f"{len(placed)} of {len(nb.cells)} cells have a place in the slides, expected 60 %")
    return faults


def tags_known(nb):
    """Only the tags that some tool reads."""
    return [f"cell {n}: unknown tag {tag!r}" for n, c in numbered(nb) for tag in sorted(tags(c) - TAGS)]


def rhythm(nb):
    """Cells that fit a screen, and neither a wall of text nor one of code."""
    faults = [
        f"cell {n}: {len(code_lines(c.source))} lines of code, at most {MOST_CODE_LINES}"
        for n, c in numbered(nb, kind="code")
        if len(code_lines(c.source)) > MOST_CODE_LINES and not tags(c) & {"setup", "solution"}
    ]
    words = sum(len(c.source.split()) for _, c in numbered(nb, kind="markdown"))
    lines = sum(len([line for line in text.splitlines() if line.strip()]) for _, text in code_text(nb))
    if lines and not 3 <= words / lines <= 15:
        faults.append(f"{words} words for {lines} lines of code, expected 3 to 15 words a line")
    return faults


def runs_anywhere(nb):
    """No path of one machine, no dead code, no picture from the network, no cell kept from nbval."""
    faults = []
    for n, cell in numbered(nb):
        found = MACHINE_PATH.search(cell.source)
        if found:
            faults.append(f"cell {n}: an absolute path ({found.group()}...)")
        if re.search(
            r"https?://[^\s)\"']+\.(?:png|jpe?g|gif|svg|webp)\b|!\[[^\]]*\]\(https?://|<img[^>]+src=.https?://",
            cell.source,
            re.I,
        ):
            faults.append(f"cell {n}: a picture from the network")
        if cell.cell_type == "code":
            if re.search(r"\brange\(0\)|\bif (?:False|0)\b|illustration only", cell.source):
                faults.append(f"cell {n}: code that does not run")
            if re.search(r"#\s*(?:NBVAL|PYTEST_VALIDATE)_", cell.source):
                faults.append(
                    f"cell {n}: a comment that nbval obeys; only the tag nbval-check-output is allowed"
                )
    return faults


def names(nb):
    """Every name is defined above the cell that reads it; no star imports, which hide names."""
    stars = [
        f"cell {n}: import * hides which names there are"
        for n, text in code_text(nb)
        for node in ast.walk(_names.parse(text))
        if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names)
    ]
    return stars or _names.read_too_early(code_text(nb))


# ---- exercises ---------------------------------------------------------------------------------------


def exercises(nb):
    """Find the exercises: a stub's name, and the cells of its check and solution."""
    found = []
    for n, cell in numbered(nb, kind="code", tag="exercise"):
        for function in functions_of(cell.source):
            name = function.name
            checks = [
                m
                for m, c in numbered(nb, kind="code", tag="check")
                if re.search(rf"\bcheck\.{name}\(\s*{name}\s*\)", c.source)
            ]
            solutions = [
                m
                for m, c in numbered(nb, kind="code", tag="solution")
                if f"{name}_solution" in _names.names_of(c.source).bound
            ]
            found.append(
                Exercise(name, n, checks[0] if checks else None, solutions[0] if solutions else None)
            )
    return found


def exercise_parts(nb):
    """Three to five exercises, each with card, folded hint, stub, check and hidden solution."""
    found = exercises(nb)
    faults = [] if 3 <= len(found) <= 5 else [f"{len(found)} exercises, expected 3 to 5"]
    for tag in ("check", "solution"):
        extra = len(numbered(nb, kind="code", tag=tag)) - len(found)
        if extra:
            faults.append(f"{len(found)} exercises but {len(found) + extra} cells with the tag {tag}")
    for exercise in found:
        say = f"exercise {exercise.name}: "
        if exercise.check is None or exercise.solution is None:
            faults.append(
                say + f"needs a cell check.{exercise.name}({exercise.name}) and a solution cell that "
                f"defines {exercise.name}_solution"
            )
        elif not exercise.stub < exercise.check < exercise.solution:
            faults.append(say + "expected the order stub, check, solution")
        else:
            faults += [say + fault for fault in _card(nb, exercise)]
            if not {"solution", "hide-cell"} <= tags(nb.cells[exercise.solution - 1]):
                faults.append(say + "the solution needs the tags solution and hide-cell")
    return faults


def _card(nb, exercise):
    above = exercise.stub - 1
    while above > 0 and nb.cells[above - 1].cell_type != "code":
        above -= 1
    card = "\n".join(c.source for c in nb.cells[above : exercise.stub] if c.cell_type == "markdown")
    around = "\n".join(c.source for c in nb.cells[above : exercise.solution] if c.cell_type == "markdown")
    faults = [] if re.search("★", card) else ["no difficulty (★ to ★★★) on the card"]
    if re.search("★★★★", card):
        faults.append("more than three stars on the card")
    if not re.search(r"\d\s*min", card):
        faults.append("no minutes on the card")
    if not re.search(r"<details>.*<summary>.*hint.*</summary>.+</details>", around, re.I | re.S):
        faults.append("no folded hint (<details><summary>Hint</summary> ... </details>)")
    return faults


def exercise_code(nb):
    """A stub only raises NotImplementedError, a solution only defines NAME_solution; nothing reads them."""
    faults = []
    for n, cell in numbered(nb, kind="code", tag="exercise"):
        faults += [f"cell {n}: {fault}" for fault in _stub(cell.source)]
    reads = {n: _names.names_of(text).read for n, text in code_text(nb)}
    bound = {n: _names.names_of(text).bound for n, text in code_text(nb)}
    for exercise in exercises(nb):
        name, answer = exercise.name, f"{exercise.name}_solution"
        faults += [
            f"cell {n}: defines the learner's {name} again"
            for n in bound
            if name in bound[n] and n != exercise.stub
        ]
        faults += [
            f"cell {n}: reads {name}, which only its check may do"
            for n in reads
            if name in reads[n] and n not in (exercise.check, exercise.stub)
        ]
        faults += [
            f"cell {n}: reads {answer}, on which nothing may depend"
            for n in reads
            if answer in reads[n] and n != exercise.solution
        ]
        if exercise.solution and bound[exercise.solution] != {answer}:
            faults.append(
                f"cell {exercise.solution}: expected to define {answer} alone, "
                f"but it defines {', '.join(sorted(bound[exercise.solution]))}"
            )
    return faults


def _stub(source):
    body = _names.parse(source).body
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
        return ["a stub cell must hold one function and nothing else"]
    inside = body[0].body
    if not ast.get_docstring(body[0]):
        return [f"the stub {body[0].name} has no docstring that says what to return"]
    raised = inside[-1].exc if len(inside) == 2 and isinstance(inside[-1], ast.Raise) else None
    if not isinstance(raised, ast.Name) or raised.id != "NotImplementedError":
        return [
            f"after its docstring the stub {body[0].name} must raise NotImplementedError and do nothing else"
        ]
    return []


# ---- figures, symbols, warnings ----------------------------------------------------------------------


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
                faults.append(
                    f"cell {n}: alt text {given['alt'].value!r} is shorter than {LEAST_ALT} characters"
                )
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


def deprecated(nb, symbols, *, number):
    """Deprecated symbols only where the list allows them, and only in cells with the tag legacy.

    Args:
        symbols: tables of deprecated.toml: symbol, reason, lessons.
        number: the lesson's own, such as "02".
    """
    cells = numbered(nb, kind="code")
    used = dotted_names([c.source for _, c in cells])
    faults = []
    for entry in symbols:
        where = sorted({index for index, name in used if f"{name}.".startswith(f"{entry['symbol']}.")})
        if where and number not in entry["lessons"]:
            faults += [
                f"cell {cells[i][0]}: {entry['symbol']} is deprecated ({entry['reason']}); use its "
                "successor, or allow it in tests/deprecated.toml"
                for i in where
            ]
        elif not where and number in entry["lessons"]:
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


# ---- claims ------------------------------------------------------------------------------------------


def claim_tables(claims):
    """Every claim complete: texts, figure or bound, kind and place; ids unique."""
    faults, ids = [], [claim.get("id") for claim in claims]
    faults += [f"claim {i!r} is there twice" for i in sorted({i for i in ids if ids.count(i) > 1}, key=str)]
    for claim in claims:
        say = f"claim {claim.get('id')!r}: "
        faults += [say + f"no {name}" for name in CLAIM_TEXTS if not str(claim.get(name, "")).strip()]
        faults += [say + f"{name} is no field" for name in claim if name not in CLAIM_FIELDS]
        for name, given, allowed in (
            ("kind", claim.get("kind"), CLAIM_KINDS),
            ("where", claim.get("where", "any"), CLAIM_WHERE),
        ):
            if given not in allowed:
                faults.append(say + f"{name} is {given!r}, expected one of {', '.join(sorted(allowed))}")
        if not isinstance(claim.get("published", 0), (int, float)):
            faults.append(say + "published must be a number; leave it out where only a bound is published")
        faults += [say + fault for fault in _bound(claim.get("holds", {}))]
    return faults


def _bound(holds):
    shapes = [{"near", "tol"}, {"min"}, {"max"}, {"between"}]
    if not isinstance(holds, dict) or set(holds) not in shapes:
        return [f"holds is {holds!r}, expected near with tol, or min, or max, or between"]
    numbers = holds.get("between", [v for k, v in holds.items() if k != "between"])
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in numbers):
        return ["the bounds in holds must be numbers"]
    if "between" in holds and not (len(numbers) == 2 and numbers[0] < numbers[1]):
        return ["between must be [low, high]"]
    return []


def claim_records(nb, claims):
    """Every claim is recorded once, every record has a claim, and what is recorded was measured."""
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
    ids = {claim.get("id") for claim in claims}
    faults += [f"claim {i!r} is recorded nowhere" for i in sorted(ids - set(seen))]
    faults += [f"record of {i!r}, which is no claim" for i in sorted(set(seen) - ids)]
    return faults + [
        f"claim {i!r} is recorded {seen.count(i)} times" for i in sorted(set(seen)) if seen.count(i) > 1
    ]


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
                self.functions[node.name] = [
                    r.value for r in ast.walk(node) if isinstance(r, ast.Return) and r.value
                ]
                if any(
                    isinstance(n, ast.Name) for value in self.functions[node.name] for n in ast.walk(value)
                ):
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
        if isinstance(node, (ast.Lambda, *_names.COMPREHENSIONS)):
            return False
        return all(self.is_literal(part, seen) for part in ast.iter_child_nodes(node))

    def _literal_call(self, node, seen):
        name = ast.unparse(node.func)
        if name in self.functions and name not in seen and self.functions[name]:
            return all(self.is_literal(value, (*seen, name)) for value in self.functions[name])
        arguments = [*node.args, *(k.value for k in node.keywords)]
        return name in self.PURE and all(self.is_literal(value, seen) for value in arguments)


# ---- the published notebook --------------------------------------------------------------------------


def in_step(nb, published):
    """The published notebook has the cells, metadata and front matter of the lesson, and nothing else."""
    now = [(c.cell_type, c.source, c.id, dict(c.metadata)) for c in nb.cells]
    then = [(c.cell_type, c.source, c.id, dict(c.metadata)) for c in published.cells]
    if nb.metadata.get("course") != published.metadata.get("course"):
        return ["the notebook's front matter is not the lesson's: run 'python course.py build'"]
    for n, (a, b) in enumerate(zip(now, then, strict=False), start=1):
        if a != b:
            return [f"cell {n} of the notebook is not the lesson's: run 'python course.py build'"]
    if len(now) != len(then):
        return [f"the notebook has {len(then)} cells, the lesson {len(now)}: run 'python course.py build'"]
    return []


def executed_in_order(published):
    """Every code cell ran once, in order, from a fresh kernel."""
    counts = [c.execution_count for _, c in numbered(published, kind="code") if c.source.strip()]
    wanted = list(range(1, len(counts) + 1))
    return [] if counts == wanted else [f"cells were not run once, in order, from a fresh kernel: {counts}"]


def outputs(published):
    """No errors, no noise on stderr, no machine's path, nothing very long, every picture described."""
    return [
        f"cell {n}: {fault}"
        for n, cell in numbered(published, kind="code")
        for output in cell.get("outputs", [])
        for fault in _output(output, tags(cell))
    ]


def output_text(output):
    """All text of one output."""
    text = "".join(
        v for k, v in output.get("data", {}).items() if k.startswith("text/") and isinstance(v, str)
    )
    return output.get("text", "") + text


def _output(output, cell_tags):
    text, data, faults = output_text(output), output.get("data", {}), []
    if output.output_type == "error":
        faults.append(f"the output is an error: {output.get('ename')}: {output.get('evalue')}")
    if output.get("name") == "stderr" and "legacy" not in cell_tags and not PROGRESS_BAR.search(text):
        faults.append(f"writes to stderr: {text.strip()[:120]}")
    if MACHINE_PATH.search(text):
        faults.append("a machine's path in the output")
    if len(text.encode()) > MOST_OUTPUT:
        faults.append(f"{len(text.encode())} bytes of text in one output, at most {MOST_OUTPUT}")
    for kind in ("image/png", "image/jpeg", "image/svg+xml"):
        alt = output.get("metadata", {}).get(kind, {}).get("alt", "")
        if kind in data and len(alt) < LEAST_ALT:
            faults.append(f"a figure whose alt text is {alt!r}")
    html = data.get("text/html", "")
    faults += [f"a picture whose alt text is {alt!r}" for alt in _img_alts(html) if len(alt) < LEAST_ALT]
    return faults


def _img_alts(html):
    found = []
    for tag in re.findall(r"<img\b[^>]*>", html, re.I):
        alt = re.search(r"""\balt=(?:"([^"]*)"|'([^']*)')""", tag, re.I)
        found.append((alt.group(1) or alt.group(2) or "") if alt else "")
    return found


def small_enough(path):
    """A notebook that opens quickly and does not swell the repository."""
    size = path.stat().st_size
    return [] if size < MOST_NOTEBOOK_BYTES else [f"{size} bytes, at most {MOST_NOTEBOOK_BYTES}"]

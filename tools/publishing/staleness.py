"""Whether a published notebook is up to date, found by reading and not by running.

A run depends on the code of the lesson's cells, and on what this code names: functions, classes and constants of the
library and of the lessons' modules, and what these name in turn; records, and networks of data/checkpoints. Of each
file the notebook keeps a digest of what is named of it. So a new sentence, comment or docstring costs no run, nor does
a function that the lesson doesn't use. What a task shows is not published, and the words of a scorecard are shown anew:
tasks, their cells and the library's module `claims` make nothing stale.
"""

import ast
import copy
import functools
import hashlib
import json
import re
import tomllib

import nbformat

from course_utils import claims
from tools.publishing import lessons

PLACES = ("course_utils", "lessons", "records", "weigh")
JUDGING = ("value", "quartiles", "holds", "kind", "where")  # the fields of a claim that decide its verdict
CATALOGUE = "data/checkpoints/catalogue.json"


def faults(page):
    """Say how a published notebook differs from what its lesson or worksheet would give.

    Args:
        page: a `curriculum.Lesson` or a `worksheets.Worksheet`.
    Returns:
        list of str, empty when it is up to date.
    """
    if not page.notebook.exists():
        return [f"notebooks/{page.place} is missing"]
    nb = lessons.read_published(page.notebook)
    if changed := changes(page, nb):
        return [f"notebooks/{page.place} was run with another {', '.join(changed)}"]
    same = nbformat.writes(refreshed(page, nb)) == nbformat.writes(nb)
    return [] if same else [f"notebooks/{page.place} has another text, tags, front matter or claims than its lesson"]


def changes(page, nb):
    """Names of what a notebook was run with and is another now: a file, the lesson's own code, torch."""
    then, now = nb.metadata.get(lessons.RUN, {}).get("used", {}), used(page)
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))


def refreshed(page, nb):
    """What its text gives now, with the outputs that a notebook has; right as long as there are no `changes`."""
    wanted = lessons.read(page)
    old, new = ([cell for cell in book.cells if _is_program(cell)] for book in (nb, wanted))
    for was, cell in zip(old, new, strict=True):
        cell.execution_count, cell.outputs = was.execution_count, copy.deepcopy(was.outputs)
        for output in cell.outputs:
            if told := output.get("metadata", {}).get(claims.KEY):
                card = claims.Scorecard(page.name, page.root, told)
                output.data |= {"text/plain": repr(card), "text/html": card._repr_html_()}
    wanted.metadata[lessons.RUN] = nb.metadata[lessons.RUN]
    return wanted


def _is_program(cell):
    """Whether it is code whose outputs are published."""
    return cell.cell_type == "code" and not lessons.is_task(cell)


# ---- what a run uses -------------------------------------------------------------------------------


def used(page):
    """Digest what a run of a page uses: a path below the repository, or "torch" -> 12 hex digits."""
    reader = _Reader(page.root)
    nb, own = lessons.read(page), page.source.relative_to(page.root).as_posix()
    programs = [cell for cell in nb.cells if _is_program(cell)]
    followed = [cell.source for cell in programs if "scorecard" not in cell.metadata.get("tags", [])]
    reader.follow(_Module("\n\n".join(followed)))
    values = nb.metadata.get("course", {}).get("values", {})
    found = {own: [*(_program(cell.source) for cell in programs), *sorted(map(repr, values.items()))]}
    found |= {path: sorted(parts) for path, parts in reader.code.items()}
    if judged := _judged(page.source.with_name("claims.toml")):
        found[f"lessons/{page.name}/claims.toml"] = judged
    if torch := re.search(r"^torch==.*", _text(page.root / "constraints.txt"), re.M):
        found["torch"] = [torch[0]]
    digests = {path: hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12] for path, parts in found.items()}
    return dict(sorted((digests | reader.data).items()))


def _program(source):
    """The code of a cell without its comments; all of it where IPython alone understands it."""
    try:
        return repr(_code(ast.parse(source).body))
    except SyntaxError:
        return source


def _code(node):
    """A syntax tree as plain nested lists, without docstrings and positions; the same on every Python."""
    if isinstance(node, list):
        return [_code(item) for item in node]
    if not isinstance(node, ast.AST):
        return node
    fields = {name: value for name, value in ast.iter_fields(node) if name not in ("kind", "type_comment")}
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    return [type(node).__name__, *((name, _code(value)) for name, value in fields.items() if value not in (None, []))]


class _Module:
    """What a text of Python defines at its top level, imports anywhere, and does when it is imported."""

    def __init__(self, text):
        self.defined, self.imported, self.done = {}, {}, []
        try:
            body = ast.parse(text).body
        except SyntaxError:  # a magic of IPython
            body = ast.parse(re.sub(r"^\s*[%!].*$", "pass", text, flags=re.M)).body
        for node in ast.walk(ast.Module(body, [])):
            for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
                target = (alias.name, None) if isinstance(node, ast.Import) else (node.module or "", alias.name)
                word = alias.asname or (alias.name if target[1] else alias.name.partition(".")[0])
                self.imported.setdefault(word, set()).add(target)
        for node in body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names = {n.id for target in targets if target for n in ast.walk(target) if isinstance(n, ast.Name)}
            names |= {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()
            for name in names:
                self.defined.setdefault(name, []).append(node)
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not names and not is_docstring and not isinstance(node, ast.Import | ast.ImportFrom):
                self.done.append(node)


@functools.cache
def _module(text):
    return _Module(text)


class _Reader:
    """Follows names from one module to the next.

    Attributes:
        code: path below the repository -> the pieces of it that are named; data: path -> digest of its bytes.
    """

    def __init__(self, root):
        self.root, self.code, self.data, self.seen = root, {}, {}, set()
        self.networks = json.loads(_text(root / CATALOGUE) or "{}")

    def follow(self, module):
        """Follow all that the cells of a page name."""
        for node in [*module.done, *sum(module.defined.values(), [])]:
            self._names(node, module, "")

    def _path(self, name):
        """The file of a module of the repository, or None."""
        bare = self.root / name.replace(".", "/")
        files = (bare.with_suffix(".py"), bare / "__init__.py") if name.partition(".")[0] in PLACES else ()
        return next((file for file in files if file.is_file()), None)

    def _reach(self, name, wanted):
        """Take a name of a module, or with None all of it, where it is one of the repository."""
        if (name, wanted) in self.seen or not (path := self._path(name)):
            return
        first = not any(name == other for other, _ in self.seen)
        self.seen.add((name, wanted))
        module = _module(_text(path))
        nodes = list(module.done) if first else []
        if wanted is None:
            nodes += sum(module.defined.values(), [])
        nodes += module.defined.get(wanted, [])
        pieces = self.code.setdefault(path.relative_to(self.root).as_posix(), set())
        for node in nodes:
            pieces.add(_piece(node))
            self._names(node, module, name)
        if wanted:
            self._imported(module, wanted, None)
            self._reach(f"{name}.{wanted}", None)  # a module of a package

    def _imported(self, module, word, attribute):
        """Take what a word stands for that a module imports, or the attribute that is asked of it."""
        for name, wanted in module.imported.get(word, ()):
            if wanted is None:
                self._reach(name, attribute)
            elif self._path(f"{name}.{wanted}"):
                self._reach(f"{name}.{wanted}", attribute)
            else:
                self._reach(name, wanted)

    def _names(self, node, module, name):
        """Take all that a piece of code names."""
        words, texts, records = _mentioned(node)
        for word, attribute in words:
            self._imported(module, word, attribute)
            if word in module.defined and name:
                self._reach(name, word)
        for text in texts & self.networks.keys():
            self.data[f"data/checkpoints/{text}.pt"] = self.networks[text]["sha256"][:12]
        for record in records:
            path = self.root / record
            for file in sorted(path.glob("*.json")) if path.is_dir() else [path] if path.is_file() else ():
                content = file.read_bytes().replace(b"\r\n", b"\n")
                self.data[file.relative_to(self.root).as_posix()] = hashlib.sha256(content).hexdigest()[:12]


@functools.cache  # trees are read once, and many pages ask for the same
def _piece(node):
    return repr(_code(node))


@functools.cache
def _mentioned(node):
    """What a piece of code names: words, each with the attribute that is asked of it or None; texts; records.

    A record is named as ROOT / "records" / "qat" / "two_bits.json", a folder means all records in it.
    """
    nodes = list(ast.walk(node))
    asked = {id(n.value): n.attr for n in nodes if isinstance(n, ast.Attribute)}
    words = {(n.id, asked.get(id(n))) for n in nodes if isinstance(n, ast.Name)}
    texts = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    divided = [n for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div)]
    inner, records = {id(n.left) for n in divided}, set()
    for n in divided:
        parts, left = [], n if id(n) not in inner else None
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Div):
            is_text = isinstance(left.right, ast.Constant) and isinstance(left.right.value, str)
            parts, left = [left.right.value, *parts] if is_text else [], left.left
        records |= {"/".join(parts)} if "/".join(parts).startswith("records/") else set()
    return words, texts, records


def _text(path):
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _judged(path):
    """What a lesson's claims ask of a run, as text; a claim that is only cited asks nothing."""
    asked = [one for one in tomllib.loads(_text(path)).get("claim", []) if one.get("evidence") != "cited"]
    return sorted(repr((one.get("id", ""), [(name, one.get(name)) for name in JUDGING])) for one in asked)

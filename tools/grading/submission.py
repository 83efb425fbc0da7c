"""What a student handed in: the lesson, where each exercise stands, and which statements an answer needs.

Nothing is run here. A submission is cut into the statements at the top of its cells, and each is told by its text.
"""

import ast
import builtins
import json
import re
import symtable
from dataclasses import dataclass
from functools import cache

MAGIC = re.compile(r"^[ \t]*[%!?].*$", re.M)  # lines that only Jupyter knows
CALL = re.compile(r"check\.(\w+)\(")
IMPORTS_CHECK = re.compile(r"from lessons\.\w+ import tasks as check")  # what a learner may type, too
LEADS_TO_CHECKS = re.compile(
    r"\blessons\b|course_utils(\.| import )check\b|\bcheck\.\w+\.|\(check\b|_solution\b"
    r"|\b(lesson|tasks)\.py\b|\.ipynb\b"
)
NO_CODE = ("check.", "predict(", "predict.", "predict = progress.")  # lines of the course that ask for an answer
FIXED = ("def ", "async def ", "class ", "@", "import ", "from ")  # what they bind is changed by nothing else


class Unreadable(ValueError):
    """A file that can't be graded; the message says why, and what to do."""


@dataclass(frozen=True)
class Cell:
    """A code cell; `lesson` is what its metadata name, `ticked` whether its output shows a passed check."""

    label: str
    source: str
    id: str = ""
    lesson: str = ""
    ticked: bool = False


@dataclass(frozen=True)
class Statement:
    """The nth statement of a cell: its text without comments, the names that it binds, and those that it uses."""

    cell: Cell
    nth: int
    text: str
    binds: frozenset
    uses: frozenset


@dataclass(frozen=True)
class Published:
    """A lesson as it was handed out: the text of all its statements and of its setup, and its exercises.

    An exercise is (name, call of its check, ids of the cells of its stub and its check).
    """

    given: set
    setup: set
    exercises: list


class Submission:
    """The cells of a notebook that belong to one lesson."""

    def __init__(self, cells, lesson):
        self.cells, self.lesson, self.published = cells, lesson, published(lesson)
        self.statements, self.broken = [], []
        for cell in cells:
            try:
                self.statements += _statements(cell)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                self.broken.append((cell, f"{cell.label} is no Python: {getattr(error, 'msg', error)}."))
        self.own = [one for one in self.statements if one.text not in self.published.given]

    def attempts(self, name, call, ids):
        """What is run for an exercise, one after the other until one passes: (call of its check, statements) of each.

        What the answer needs comes first, then also what may change a value that it uses, then everything, where the
        student wrote more than that. The same without what stands below the check, and, where the student changed the
        call, with the call that was published.
        """
        at = [n for n, cell in enumerate(self.cells) if f"check.{name}(" in cell.source]
        at = at or [n for n, cell in enumerate(self.cells) if cell.id in ids] or [len(self.cells)]
        statements = [one for one in self.statements if not one.text.startswith(NO_CODE)]
        above = [one for one in statements if one.cell in self.cells[: at[-1] + 1]]
        bound = frozenset().union(*(one.binds for one in above))
        below = [one for one in statements if one not in above and (one in self.own or not one.binds & bound)]
        typed = [one.text for one in self.statements if one.text.startswith(f"check.{name}(")]
        found = []
        for one in (*typed[-1:], call):
            answer = _names(one)[1]
            counts_below = self._needed(above + below, answer) != self._needed(above, answer)
            for those in (above + below, above) if counts_below else (above,):
                part, more = self._needed(those, answer), self._needed(those, answer, changes=True)
                found += [(one, part), (one, more)]
                besides = [s for s in those if s in self.own and s not in part and not s.text.startswith(FIXED)]
                found += [(one, those)] if more != part or besides else []
        return [one for n, one in enumerate(found) if one not in found[:n]]

    def _needed(self, statements, names, changes=False):
        """The statements that bind one of the names, or one that such a statement uses, and so on; and the setup's.

        Args:
            changes: also those that use a value of these statements, by themselves or through a function, since they
                may change it; all, where a name is bound nowhere.
        """
        wanted, values, part = set(names), set(), None
        while True:
            always, before = self.published.setup, part
            part = [s for s in statements if s.binds & wanted or s.uses & values or s.text in always or "*" in s.binds]
            wanted = wanted.union(*(one.uses for one in part))
            if changes:
                values = values.union(*(s.binds for s in part if s.uses & values or not s.text.startswith(FIXED)))
            if part == before:
                unknown = wanted.difference(dir(builtins), *(one.binds for one in part))
                return statements if changes and unknown else part

    def ticked(self, name):
        """Whether the student's notebook shows an exercise as passed."""
        return any(cell.ticked and f"check.{name}(" in cell.source for cell in self.cells)

    def no_python(self, call):
        """A sentence on a cell that names the answer and is no Python; or ""."""
        names = _names(call)[1]
        return next((said for cell, said in self.broken if names & set(re.findall(r"\w+", cell.source))), "")

    def leads_to_checks(self):
        """A sentence on the first statement of the student's that leads to the course's checks or solutions; or ""."""
        for one in self.own:
            found = LEADS_TO_CHECKS.search(one.text)
            if found and not IMPORTS_CHECK.fullmatch(one.text):
                line = next(line.strip() for line in one.text.splitlines() if found[0] in line)
                return f"{one.cell.label} leads to the checks or solutions of the course: {line[:100]}"
        return ""


def read(path, asked, known):
    """The submissions in a file, one for each of its lessons.

    Args:
        path: of a notebook.
        asked: the lessons of a notebook that doesn't say any.
        known: all lessons by name.
    Raises:
        Unreadable: it is no notebook, or doesn't say its lesson.
    """
    if path.suffix.lower() != ".ipynb":
        raise Unreadable("It is no notebook (.ipynb): ask for the notebook itself, unpacked.")
    try:
        cells, name = _of_notebook(json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise Unreadable(f"It can't be read as a notebook ({type(error).__name__}): ask for it once more.") from None
    named = [known[one] for one in dict.fromkeys(cell.lesson for cell in cells) if one in known]
    if named:
        return [Submission([cell for cell in cells if cell.lesson == one.name], one) for one in named]
    if name not in known and not asked:
        raise Unreadable("It doesn't say its lesson (its metadata are lost). Grade it with --lesson NAME.")
    return [Submission(cells, one) for one in ([known[name]] if name in known else asked)]


def _of_notebook(told):
    """The code cells of a notebook, and the lesson of its metadata. A cell that names no lesson has the last one's."""
    cells, lesson = [], ""
    for number, cell in enumerate(told["cells"], start=1):
        lesson = str(_course(cell).get("lesson", lesson))
        if cell["cell_type"] == "code":
            ticked = '"✓' in json.dumps(cell.get("outputs", []), ensure_ascii=False)
            cells.append(Cell(f"Cell {number}", "".join(cell["source"]), str(cell.get("id", "")), lesson, ticked))
    return cells, str(_course(told).get("name", ""))


def _course(told):
    found = told.get("metadata", {}).get("course", {})
    return found if isinstance(found, dict) else {}


@cache
def published(lesson):
    """A lesson as `Published`, from its notebook."""
    if not lesson.notebook.is_file():
        raise SystemExit(f"notebooks/{lesson.place} is not there. It says which exercises there are.")
    found, stub = Published(set(), set(), []), ""
    for cell in json.loads(lesson.notebook.read_text(encoding="utf-8"))["cells"]:
        tags = cell["metadata"].get("tags", [])
        stub = cell["id"] if "exercise" in tags else stub
        texts = _statements(Cell("", "".join(cell["source"]))) if cell["cell_type"] == "code" else []
        for text in (one.text for one in texts):
            found.given.add(text)
            found.setup.update([text] if "setup" in tags else [])
            if "check" in tags and (name := CALL.match(text)):
                found.exercises.append((name[1], text, (stub, cell["id"])))
    return found


def python(source):
    """A cell's text as Python reads it, on the same lines."""
    try:
        ast.parse(source)
        return source
    except (SyntaxError, ValueError):
        return MAGIC.sub("", source)


def _statements(cell):
    texts = [ast.unparse(node) for node in ast.parse(python(cell.source)).body]
    return [Statement(cell, nth, text, *_names(text)) for nth, text in enumerate(texts)]


def _names(text):
    """The names that a statement binds, and those that it uses; what belongs to a function inside of it is neither."""
    top = symtable.symtable(text, "cell", "exec")
    symbols, tables = top.get_symbols(), top.get_children()
    binds = {one.get_name() for one in symbols if one.is_assigned() or one.is_imported() or one.is_namespace()}
    binds |= {"*"} if text.endswith(" import *") else set()
    uses = {one.get_name() for one in symbols if one.is_referenced()}
    while tables:
        table = tables.pop()
        tables += table.get_children()
        uses |= {one.get_name() for one in table.get_symbols() if one.is_global()}
    return frozenset(binds), frozenset(uses - {"check"})

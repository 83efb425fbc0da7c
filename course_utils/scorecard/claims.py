"""Figures from the literature, one TOML file a lesson, and the scorecard that compares them.

``lessons/NAME/claims.toml`` is the only home of a published figure. A claim names the expression that gives the
measured value, or the lesson records it; the scorecard shows both, and whether the value meets the bound. In a
learner's run a claim that fails is shown with the likely reason. Under ``COURSE_STRICT=1`` it raises.
"""

from __future__ import annotations

import ast
import functools
import json
import sys
import tomllib
from html import escape
from pathlib import Path

from IPython.display import display

from course_utils import runtime, syllabus
from course_utils.files import ROOT
from course_utils.scorecard._claim import EVIDENCE, TEXTS, Claim
from course_utils.show.tables import Table

__all__ = ["BEYOND", "FAILS", "HOLDS", "KEY", "TEXTS", "Claim", "ClaimFailed", "Scorecard", "read", "show"]

KEY = "course_scorecard"  # in the metadata of the scorecard's output: what it says of the run

WORDS = ("statement", "source", "why", "if_not")  # in which [[name]] is a lesson
NOTHING = "–"
HOLDS, BEYOND, FAILS = "✓ holds", "✓ holds, but more than the source saw", "✗ does not hold"


class ClaimFailed(AssertionError):
    """A claim did not hold, or was not recorded, in a strict run."""


def read(lesson: str, root: Path = ROOT) -> dict[str, Claim]:
    """The claims of a lesson, by id, in the order of the file; other lessons that it names have their numbers.

    Args:
        lesson: its name.
        root: the repository, or a folder with the same layout.

    Raises:
        FileNotFoundError: the lesson has no file of claims.
        ValueError: an id twice, or a claim that is not complete; the message names it.
    """
    tables = tomllib.loads((root / "lessons" / lesson / "claims.toml").read_text(encoding="utf-8"))["claim"]
    claims = [
        Claim.of({name: syllabus.refer(v, root) if name in WORDS else v for name, v in table.items()})
        for table in tables
    ]
    if len({claim.id for claim in claims}) < len(claims):
        raise ValueError(f"lessons/{lesson}/claims.toml: two claims have the same id")
    return {claim.id: claim for claim in claims}


class Scorecard:
    """What a lesson measured, beside what was published. End the lesson with `show`.

    Args:
        lesson: its name.
        root: the repository, or a folder with the same layout.
    """

    def __init__(self, lesson: str, root: Path = ROOT):
        self.lesson = syllabus.lessons(root)[lesson]
        self.claims = read(lesson, root)
        self.measured: dict[str, float] = {}
        self.spread: dict[str, tuple[float, float] | None] = {}
        self._missing: dict[str, str] = {}  # id of a claim -> the name that its value wants and the notebook lacks
        self._told: dict[str, list[str]] = {}

    @classmethod
    def of_run(cls, lesson: str, told: dict[str, list[str]], root: Path = ROOT) -> Scorecard:
        """The scorecard of a run that is over, in the words that the lesson's file has today.

        Args:
            lesson: its name.
            told: as `told` gave it in that run, whose verdicts stand: they were made on its machine.
            root: the repository, or a folder with the same layout.
        """
        card = cls(lesson, root)
        card._told = told
        return card

    def told(self) -> dict[str, list[str]]:
        """What the scorecard says of this run: id of a claim -> [value as it is shown, verdict]."""
        judged = [claim for claim in self.claims.values() if claim.evidence != "cited"]
        return {claim.id: [self._value_text(claim), self.verdict(claim)] for claim in judged}

    def record(self, claim_id: str, value: float, quartiles: tuple[float, float] | None = None) -> None:
        """Note what was measured for a claim; recording it again replaces the value.

        Args:
            claim_id: its id in the lesson's file.
            value: in the unit of the claim.
            quartiles: first and third of a timing, to be shown beside the value.
        Raises:
            KeyError: no such claim in the lesson's file.
            ValueError: the claim is only cited.
        """
        if claim_id not in self.claims:
            raise KeyError(f"the lesson {self.lesson.name} has no claim {claim_id!r}; it has {', '.join(self.claims)}")
        if self.claims[claim_id].evidence == "cited":
            raise ValueError(f"the claim {claim_id!r} is only cited: nothing is measured for it")
        self.measured[claim_id] = float(value)
        self.spread[claim_id] = quartiles

    def verdict(self, claim: Claim) -> str:
        """One or two words: what the comparison says on this machine, or said on that of the run."""
        if claim.id in self._told:
            return self._told[claim.id][1]
        if claim.evidence == "cited":
            return "cited only"
        if claim.id in self._missing:
            return f"not run yet{self._place_of(self._missing[claim.id])}"
        if claim.id not in self.measured:
            return "not recorded"
        if runtime.quick():
            return "not judged (quick run)"
        if not claim.applies():
            return f"not claimed here (needs {claim.where})"
        if not claim.met_by(self.measured[claim.id]):
            return FAILS
        return BEYOND if claim.beyond(self.measured[claim.id]) else HOLDS

    def failures(self) -> list[str]:
        """A sentence for each claim that this run can judge and that fails."""
        found = []
        for claim in self.claims.values():
            if claim.evidence == "cited":
                continue
            if claim.id in self._missing:
                found.append(f"{claim.id}: its value wants {self._missing[claim.id]}, which no cell has made")
            elif claim.id not in self.measured:
                found.append(f"{claim.id}: nothing was recorded for it")
            elif claim.judged() and not claim.met_by(self.measured[claim.id]):
                measured = claim.measured_text(self.measured[claim.id])
                found.append(f"{claim.id}: measured {measured}, expected {claim.bound()}. {claim.if_not}")
        return found

    def _title(self) -> str:
        return f"Scorecard of lesson {self.lesson.number}, {self.lesson.title}"

    def _in_groups(self) -> list[Claim]:
        """The claims, the firmest evidence first."""
        return sorted(self.claims.values(), key=lambda claim: EVIDENCE.index(claim.evidence))

    def _value_text(self, claim: Claim) -> str:
        if claim.id in self._told:
            return self._told[claim.id][0]
        if claim.id not in self.measured:
            return NOTHING
        return claim.measured_text(self.measured[claim.id]) + claim.spread_text(self.spread[claim.id])

    def _table(self) -> Table:
        columns = ["claim", "source", "by the source", "must hold", "this run", "evidence", "verdict"]
        rows = [
            [
                claim.statement,
                claim.source,
                claim.published_text(),
                claim.bound(),
                self._value_text(claim),
                claim.evidence,
                self.verdict(claim),
            ]
            for claim in self._in_groups()
        ]
        return Table(columns, rows, caption=self._title())

    def _reasons(self) -> list[str]:
        said = {
            FAILS: lambda claim: f"{claim.id}: {claim.if_not}",
            BEYOND: lambda claim: f"{claim.id}: other programs, or a slow baseline, may have flattered this value.",
        }
        verdicts = ((claim, self.verdict(claim)) for claim in self._in_groups())
        return [said[verdict](claim) for claim, verdict in verdicts if verdict in said]

    def take(self, names: dict[str, object]) -> None:
        """Work out the values that the claims ask for; one that wants a name which is not there is not run yet.

        Args:
            names: of the notebook, with their values.
        """
        for claim in self.claims.values():
            if not claim.value:
                continue
            self._missing.pop(claim.id, None)
            try:
                quartiles = eval(claim.quartiles, dict(names)) if claim.quartiles else None
                self.record(claim.id, eval(claim.value, dict(names)), quartiles)
            except NameError as missing:
                if claim.id not in self.measured:
                    self._missing[claim.id] = missing.name

    def _place_of(self, name: str) -> str:
        """Where the published notebook makes a name, in brackets; "" where it does not."""
        made = _made(self.lesson.notebook)
        return f" ({made[name]} makes `{name}`)" if name in made else f" (`{name}` is not there)"

    def show(self) -> None:
        """Display the scorecard, with the values that its claims ask for taken from the notebook.

        Raises:
            ClaimFailed: in a strict run, after showing it, when a claim fails or was not recorded.
        """
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        self.take(shell.user_ns if shell else {})
        display(self)
        if (runtime.strict() or runtime.judge_speed()) and self.failures():
            raise ClaimFailed("\n".join([f"lesson {self.lesson.name}:", *self.failures()]))

    def __repr__(self) -> str:
        lines = [self._title()]
        for claim in self._in_groups():
            published = "" if claim.published is None else f"by the source {claim.published_text()}, "
            value = "nothing" if self._value_text(claim) == NOTHING else self._value_text(claim)
            lines.append(f"{self.verdict(claim)}: {claim.statement}")
            if claim.evidence == "cited":
                lines.append(f"    {published}{claim.source}")
            else:
                lines.append(
                    f"    {claim.evidence}: this run {value}, must be {claim.bound()} ({published}{claim.source})"
                )
        lines += [f"    likely reason: {reason}" for reason in self._reasons()]
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        """No data beside text and HTML; as the output's metadata what was measured, so that words can be shown anew."""
        return {}, {KEY: self.told()}

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(reason)}</li>" for reason in self._reasons())
        tail = (
            f"<p>Where it does not hold, or holds by more than was published, the likely reason:</p><ul>{items}</ul>"
            if items
            else ""
        )
        return self._table()._repr_html_() + tail


def show(lesson: str) -> None:
    """Display the scorecard of a lesson: the last cell with code of a notebook.

    Args:
        lesson: its name.
    Raises:
        ClaimFailed: as `Scorecard.show`.
    """
    Scorecard(lesson).show()


@functools.cache
def _made(notebook: Path) -> dict[str, str]:
    """Name -> the section of a published notebook that first makes it, as "section 4"; {} where it cannot be read."""
    found, section = {}, "the first section"
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError):
        return found
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and source.startswith("## "):
            title = source.splitlines()[0].removeprefix("## ")
            number = title.partition(".")[0]
            section = f"section {number}" if number.isdigit() else f"the section {title}"
        elif cell["cell_type"] == "code":
            for name in _bound(source):
                found.setdefault(name, section)
    return found


def _bound(source: str) -> set[str]:
    """The names that a cell makes at its top level; none for a cell with a magic."""
    try:
        nodes = ast.parse(source).body
    except SyntaxError:
        return set()
    made = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    stored = (part for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name))
    return made | {part.id for part in stored if isinstance(part.ctx, ast.Store)}

"""Figures from the literature, one TOML file a lesson, and the scorecard that compares them.

``lessons/NAME/claims.toml`` is the only home of a published figure. A claim names the expression that gives the
measured value; the scorecard shows both, and whether the value meets the bound. In a learner's run a claim that fails
is shown with the likely reason. Under ``COURSE_STRICT=1`` it raises.
"""

from __future__ import annotations

import math
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path

from IPython.display import display

from course_utils import runtime
from course_utils.files import ROOT
from course_utils.tables import Table, number

KEY = "course_scorecard"  # in the metadata of the scorecard's output: what it says of the run

KINDS = ("structure", "accuracy", "speed")
EVIDENCE = ("counted", "measured", "cited")  # the firmest first
BOUNDS = ({"near", "tol"}, {"min"}, {"max"}, {"between"})
NOTHING = "–"
HOLDS, FAILS = "✓ holds", "✗ does not hold"


class ClaimFailed(AssertionError):
    """A claim did not hold, or nothing was measured for it, in a strict run."""


@dataclass(frozen=True)
class Claim:
    """One figure of the literature and what must hold of the measured value.

    Attributes:
        id: short name, unique in its lesson.
        statement: what is claimed, one sentence.
        source: paper, table, page.
        published: the published value, or None where the claim has only a bound.
        evidence: "counted" (or computed: neither clock nor training is in it), "measured" (another run or machine gives
            another value), or "cited": shown only, it has a published value, and of the fields below only unit and url.
        value: an expression that gives the measured value from the names of the notebook, read when the scorecard is
            shown.
        quartiles: an expression that gives the first and the third quartile of a timing, or "".
        holds: one of ``{near, tol}``, ``{min}``, ``{max}``, ``{between}``, in the unit of the value.
        kind: "structure" and "accuracy" are judged in strict runs, "speed" only where it is published.
        where: "bf16" where only a machine with such instructions can judge it, else "".
        why: why this bound.
        if_not: the likely reason where it does not hold.
        unit: shown after the values.
        url: where the source can be read.
    Raises:
        ValueError: it is not complete; the message says what is missing.
    """

    id: str
    statement: str
    source: str
    published: float | None = None
    evidence: str = "measured"
    value: str = ""
    quartiles: str = ""
    holds: dict | None = None
    kind: str = ""
    where: str = ""
    why: str = ""
    if_not: str = ""
    unit: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        if faults := [*self._faults()]:
            raise ValueError(f"claim {self.id}: {'; '.join(faults)}")

    def _faults(self) -> Iterator[str]:
        judging = ("value", "holds", "kind", "why", "if_not")
        if self.evidence not in EVIDENCE:
            yield f"evidence is {self.evidence!r}, expected one of {', '.join(EVIDENCE)}"
        elif self.evidence == "cited":
            yield from (
                f"{name} is of a claim that is judged, and this one is cited" for name in judging if self._has(name)
            )
            yield from [] if self.published is not None else ["no published value, and nothing else is shown of it"]
        else:
            yield from (f"no {name}" for name in judging if not self._has(name))
            if self.kind not in KINDS:
                yield f"kind is {self.kind!r}, expected one of {', '.join(KINDS)}"
            if set(self.holds or ()) not in BOUNDS:
                yield f"holds is {self.holds!r}, expected near with tol, or min, or max, or between"

    def _has(self, name: str) -> bool:
        return bool(str(getattr(self, name) or "").strip())

    def met_by(self, value: float) -> bool:
        """True when `value` meets the bound; a NaN never does."""
        low, high = self._bounds()
        return low <= value <= high

    def bound(self) -> str:
        """The bound in words, for the scorecard; "–" for a claim that is only cited."""
        if self.evidence == "cited":
            return NOTHING
        if self.holds.get("tol") == 0:
            return f"exactly {_exact(self.holds['near'])}{self._unit()}"
        if "near" in self.holds:
            return f"{_exact(self.holds['near'])} ± {_exact(self.holds['tol'])}{self._unit()}"
        low, high = self._bounds()
        if math.isinf(low) or math.isinf(high):
            return (f"≤\u00a0{_exact(high)}" if math.isinf(low) else f"≥\u00a0{_exact(low)}") + self._unit()
        return f"{_exact(low)} to {_exact(high)}{self._unit()}"

    def published_text(self) -> str:
        """The published value with its unit, or "–"."""
        return NOTHING if self.published is None else _exact(self.published) + self._unit()

    def measured_text(self, value: float, quartiles: tuple[float, float] | None = None) -> str:
        """A measured value with its unit, and its quartiles in brackets: three digits, more where they decide."""
        for digits in range(3, 18):
            if self.met_by(float(f"{value:.{digits}g}")) == self.met_by(value):
                break
        spread = "" if quartiles is None else f" ({number(quartiles[0])} to {number(quartiles[1])})"
        return number(value, digits) + self._unit() + spread

    def applies(self) -> bool:
        """True when the claim is about a machine like this one."""
        return not self.where or runtime.has_fast_bf16(runtime.best_device())

    def judged(self) -> bool:
        """True when this run and this machine can judge the claim."""
        if runtime.quick() or (self.kind == "speed" and not runtime.judge_speed()):
            return False
        return self.applies()

    def _unit(self) -> str:
        return self.unit.replace(" ", "\u00a0")  # a line never ends between a number and its unit

    def _bounds(self) -> tuple[float, float]:
        if "near" in self.holds:
            return self.holds["near"] - self.holds["tol"], self.holds["near"] + self.holds["tol"]
        if "between" in self.holds:
            return tuple(self.holds["between"])
        return self.holds.get("min", -math.inf), self.holds.get("max", math.inf)


def _exact(value: float) -> str:
    """A figure that somebody wrote down, with the digits that they wrote."""
    return number(value) if 0 < abs(value) < 1e-4 else f"{value:,.15g}"


def read(lesson: str, root: Path = ROOT) -> dict[str, Claim]:
    """The claims of a lesson, by id, in the order of the file.

    Args:
        lesson: its name.
        root: the repository, or a folder with the same layout.

    Returns:
        dict, empty where the lesson has no file of claims.
    Raises:
        ValueError: an id twice, a field that there is not, or a claim that is not complete; the message names it.
    """
    found, path = {}, root / "lessons" / lesson / "claims.toml"
    for table in tomllib.loads(path.read_text(encoding="utf-8")).get("claim", []) if path.exists() else ():
        if strange := [*(table.keys() - {field.name for field in fields(Claim)}), *({table["id"]} & found.keys())]:
            raise ValueError(
                f"lessons/{lesson}/claims.toml, {table['id']}: {strange[0]!r} is no field, or is there twice"
            )
        found[table["id"]] = Claim(**table)
    return found


class Scorecard:
    """What a lesson measured, beside what was published. End the lesson with `show`.

    Args:
        lesson: its name.
        root: the repository, or a folder with the same layout.
        told: as `told` gave it in a run that is over, whose verdicts stand: they were made on its machine.
    """

    def __init__(self, lesson: str, root: Path = ROOT, told: dict[str, list[str]] | None = None):
        self.lesson = lesson
        self.claims = read(lesson, root)
        self.measured: dict[str, tuple[float, tuple[float, float] | None]] = {}  # value and quartiles, by id of a claim
        self._missing: dict[str, str] = {}  # id of a claim -> the name that its value wants and the notebook lacks
        self._told = told or {}

    def told(self) -> dict[str, list[str]]:
        """What the scorecard says of this run: id of a claim -> [value as it is shown, verdict]."""
        judged = [claim for claim in self.claims.values() if claim.evidence != "cited"]
        return {claim.id: [self._value_text(claim), self.verdict(claim)] for claim in judged}

    def take(self, names: dict[str, object]) -> None:
        """Work out the values that the claims ask for; one that wants a name which is not there is not run yet.

        Args:
            names: of the notebook, with their values.
        """
        for claim in self.claims.values():
            if claim.evidence == "cited":
                continue
            self._missing.pop(claim.id, None)
            try:
                quartiles = eval(claim.quartiles, dict(names)) if claim.quartiles else None
                self.measured[claim.id] = float(eval(claim.value, dict(names))), quartiles
            except NameError as missing:
                if claim.id not in self.measured:
                    self._missing[claim.id] = missing.name

    def verdict(self, claim: Claim) -> str:
        """One or two words: what the comparison says on this machine, or said on that of the run."""
        if claim.id in self._told:
            return self._told[claim.id][1]
        if claim.evidence == "cited":
            return "cited only"
        if claim.id not in self.measured:
            name = self._missing.get(claim.id)
            return f"not run yet (no cell has made `{name}`)" if name else "not run yet"
        if runtime.quick():
            return "not judged (quick run)"
        if not claim.applies():
            return "not claimed here (needs 16-bit units)"
        value, _ = self.measured[claim.id]
        return HOLDS if claim.met_by(value) else FAILS

    def failures(self) -> list[str]:
        """A sentence for each claim that this run can judge and that fails."""
        found = []
        for claim in self.claims.values():
            if claim.evidence == "cited":
                continue
            if claim.id not in self.measured:
                found.append(f"{claim.id}: {self.verdict(claim)}")
            elif claim.judged() and not claim.met_by(self.measured[claim.id][0]):
                measured = claim.measured_text(self.measured[claim.id][0])
                found.append(f"{claim.id}: measured {measured}, expected {claim.bound()}. {claim.if_not}")
        return found

    def show(self) -> None:
        """Display the scorecard, with the values that its claims ask for taken from the notebook.

        Raises:
            ClaimFailed: in a strict run, after showing it, when a claim fails or its value is missing.
        """
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        self.take(shell.user_ns if shell else {})
        display(self)
        if (runtime.strict() or runtime.judge_speed()) and self.failures():
            raise ClaimFailed("\n".join([f"lesson {self.lesson}:", *self.failures()]))

    def _in_groups(self) -> list[Claim]:
        """The claims, the firmest evidence first."""
        return sorted(self.claims.values(), key=lambda claim: EVIDENCE.index(claim.evidence))

    def _value_text(self, claim: Claim) -> str:
        if claim.id in self._told:
            return self._told[claim.id][0]
        return claim.measured_text(*self.measured[claim.id]) if claim.id in self.measured else NOTHING

    def _reasons(self) -> list[str]:
        return [f"{claim.id}: {claim.if_not}" for claim in self._in_groups() if self.verdict(claim) == FAILS]

    def __repr__(self) -> str:
        lines = ["Scorecard"]
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
        items = "".join(f"<li>{escape(reason)}</li>" for reason in self._reasons())
        tail = f"<p>Where it does not hold, the likely reason:</p><ul>{items}</ul>" if items else ""
        return Table(columns, rows, caption="Scorecard")._repr_html_() + tail


def show(lesson: str) -> None:
    """Display the scorecard of a lesson: the last cell with code of a notebook.

    Args:
        lesson: its name.
    Raises:
        ClaimFailed: as `Scorecard.show`.
    """
    Scorecard(lesson).show()

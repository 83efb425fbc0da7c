"""Figures from the literature, one TOML file a lesson, and the scorecard that compares them.

``lessons/NAME/claims.toml`` is the only home of a published figure. A lesson records what it measured; the scorecard
shows both, and whether the measured value meets the bound. In a learner's run a claim that fails is shown with the
likely reason. Under ``COURSE_STRICT=1`` it raises.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path

from IPython.display import display

from course_utils import runtime, syllabus
from course_utils.files import ROOT
from course_utils.show.tables import Table, number

TEXTS = ("id", "statement", "source", "why", "if_not")
KINDS = ("structure", "accuracy", "speed")
PLACES = ("any", "bf16", "cuda")
BOUNDS = ({"near", "tol"}, {"min"}, {"max"}, {"between"})
HOLDS, FAILS = "✓ holds", "✗ does not hold"


class ClaimFailed(AssertionError):
    """A claim did not hold, or was not recorded, in a strict run."""


@dataclass(frozen=True)
class Claim:
    """One figure of the literature and what must hold of the measured value.

    Attributes:
        id: short name, unique in its lesson.
        statement: what is claimed, one sentence.
        source: paper, table, page.
        published: the published value, or None where the claim has only a bound.
        holds: one of ``{near, tol}``, ``{min}``, ``{max}``, ``{between}``, in the unit of the value.
        kind: "structure" and "accuracy" are judged in strict runs, "speed" only by the bench.
        where: "any" machine, one with "bf16" instructions, or "cuda".
        why: why this bound.
        if_not: the likely reason where it does not hold.
        unit: shown after the values.
        url: where the source can be read.
    Raises:
        ValueError: a text that is empty, an unknown kind or place, a bound that is none; the message has them all.
    """

    id: str
    statement: str
    source: str
    holds: dict
    kind: str
    why: str
    if_not: str
    published: float | None = None
    where: str = "any"
    unit: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        if faults := [*self._faults()]:
            raise ValueError(f"claim {self.id}: {'; '.join(faults)}")

    @classmethod
    def of(cls, table: dict) -> Claim:
        """A claim from a table of claims.toml.

        Raises:
            ValueError: as for the class itself; a field that is missing counts as empty, one too many is named.
        """
        unknown = [name for name in table if name not in {field.name for field in fields(cls)}]
        if unknown:
            raise ValueError(f"claim {table.get('id')}: {', '.join(unknown)} is no field")
        return cls(**{**dict.fromkeys(TEXTS, ""), "holds": {}, "kind": "", **table})

    def _faults(self) -> Iterator[str]:
        yield from (f"no {name}" for name in TEXTS if not str(getattr(self, name)).strip())
        yield from (
            f"{name} must be a text, got {getattr(self, name)!r}"
            for name in (*TEXTS, "unit", "url")
            if not isinstance(getattr(self, name), str)
        )
        for name, allowed in (("kind", KINDS), ("where", PLACES)):
            if getattr(self, name) not in allowed:
                yield f"{name} is {getattr(self, name)!r}, expected one of {', '.join(allowed)}"
        if self.published is not None and not _is_number(self.published):
            yield "published must be a number; leave it out where only a bound is published"
        if not isinstance(self.holds, dict) or set(self.holds) not in BOUNDS:
            yield f"holds is {self.holds!r}, expected near with tol, or min, or max, or between"
            return
        between = self.holds.get("between", [0, 1])
        if not isinstance(between, list) or len(between) != 2:
            yield "between must be [low, high]"
        elif not all(map(_is_number, [*between, *(v for k, v in self.holds.items() if k != "between")])):
            yield "the bounds in holds must be numbers"
        elif not between[0] < between[1] or self.holds.get("tol", 0) < 0:
            yield "between must be [low, high], and tol not below 0: no value would hold"

    def met_by(self, value: float) -> bool:
        """True when `value` meets the bound; a NaN never does."""
        low, high = self._bounds()
        return low <= value <= high

    def bound(self) -> str:
        """The bound in words, for the scorecard."""
        if self.holds.get("tol") == 0:
            return f"exactly {_exact(self.holds['near'])}{self._unit()}"
        if "near" in self.holds:
            return f"{_exact(self.holds['near'])} ± {_exact(self.holds['tol'])}{self._unit()}"
        low, high = self._bounds()
        if math.isinf(low) or math.isinf(high):
            return (f"≤ {_exact(high)}" if math.isinf(low) else f"≥ {_exact(low)}") + self._unit()
        return f"{_exact(low)} to {_exact(high)}{self._unit()}"

    def published_text(self) -> str:
        """The published value with its unit, or "–"."""
        return "–" if self.published is None else _exact(self.published) + self._unit()

    def measured_text(self, value: float) -> str:
        """A measured value with its unit: three digits, and more only where they decide the verdict."""
        for digits in range(3, 18):
            if self.met_by(float(f"{value:.{digits}g}")) == self.met_by(value):
                break
        return number(value, digits) + self._unit()

    def _unit(self) -> str:
        return self.unit.replace(" ", "\u00a0")  # a line never ends between a number and its unit

    def judged(self) -> bool:
        """True when this run and this machine can judge the claim."""
        if runtime.quick() or (self.kind == "speed" and not runtime.judge_speed()):
            return False
        return self.applies()

    def applies(self) -> bool:
        """True when the claim is about a machine like this one."""
        if self.where == "cuda":
            return runtime.best_device().type == "cuda"
        return self.where == "any" or runtime.has_fast_bf16(runtime.best_device())

    def _bounds(self) -> tuple[float, float]:
        if "near" in self.holds:
            return self.holds["near"] - self.holds["tol"], self.holds["near"] + self.holds["tol"]
        if "between" in self.holds:
            return tuple(self.holds["between"])
        return self.holds.get("min", -math.inf), self.holds.get("max", math.inf)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _exact(value: float) -> str:
    """A figure that somebody wrote down, with the digits that they wrote."""
    return number(value) if 0 < abs(value) < 1e-4 else f"{value:,.15g}"


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
        Claim.of({name: syllabus.refer(v, root) if isinstance(v, str) else v for name, v in table.items()})
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

    def record(self, claim_id: str, value: float) -> None:
        """Note what was measured for a claim; recording it again replaces the value.

        Raises:
            KeyError: no such claim in the lesson's file.
        """
        if claim_id not in self.claims:
            raise KeyError(f"the lesson {self.lesson.name} has no claim {claim_id!r}; it has {', '.join(self.claims)}")
        self.measured[claim_id] = float(value)

    def verdict(self, claim: Claim) -> str:
        """One or two words: what the comparison says on this machine."""
        if claim.id not in self.measured:
            return "not recorded"
        if runtime.quick():
            return "not judged (quick run)"
        if not claim.applies():
            return f"not claimed here (needs {claim.where})"
        return HOLDS if claim.met_by(self.measured[claim.id]) else FAILS

    def failures(self) -> list[str]:
        """A sentence for each claim that this run can judge and that fails."""
        found = []
        for claim in self.claims.values():
            if claim.id not in self.measured:
                found.append(f"{claim.id}: nothing was recorded for it")
            elif claim.judged() and not claim.met_by(self.measured[claim.id]):
                measured = claim.measured_text(self.measured[claim.id])
                found.append(f"{claim.id}: measured {measured}, expected {claim.bound()}. {claim.if_not}")
        return found

    def _title(self) -> str:
        return f"Scorecard of lesson {self.lesson.number}, {self.lesson.title}"

    def _table(self) -> Table:
        rows = []
        for claim in self.claims.values():
            value = self.measured.get(claim.id)
            rows.append(
                [
                    claim.statement,
                    claim.source,
                    claim.published_text(),
                    claim.bound(),
                    "–" if value is None else claim.measured_text(value),
                    self.verdict(claim),
                ]
            )
        return Table(
            ["claim", "source", "by the source", "must hold", "this run", "verdict"], rows, caption=self._title()
        )

    def _reasons(self) -> list[str]:
        return [f"{claim.id}: {claim.if_not}" for claim in self.claims.values() if self.verdict(claim) == FAILS]

    def show(self) -> None:
        """Display the scorecard.

        Raises:
            ClaimFailed: in a strict run, after showing it, when a claim fails or was not recorded.
        """
        display(self)
        if (runtime.strict() or runtime.judge_speed()) and self.failures():
            raise ClaimFailed("\n".join([f"lesson {self.lesson.name}:", *self.failures()]))

    def __repr__(self) -> str:
        lines = [self._title()]
        for claim in self.claims.values():
            value = self.measured.get(claim.id)
            published = "" if claim.published is None else f"by the source {claim.published_text()}, "
            measured = "nothing" if value is None else claim.measured_text(value)
            verdict = self.verdict(claim)
            lines += [
                f"{verdict}: {claim.statement}",
                f"    this run {measured}, must be {claim.bound()} ({published}{claim.source})",
            ]
            lines += [f"    likely reason: {claim.if_not}"] if verdict == FAILS else []
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(reason)}</li>" for reason in self._reasons())
        tail = f"<p>Where it does not hold, the likely reason:</p><ul>{items}</ul>" if items else ""
        return self._table()._repr_html_() + tail

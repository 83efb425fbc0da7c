"""Figures from the literature, one TOML file a lesson, and the scorecard that compares them.

`NN.toml` is the only home of a published figure. A lesson records what it measured; the scorecard shows
both, and whether the measured value meets the bound. In a learner's run a claim that fails is shown with
the likely reason. Under ``COURSE_STRICT=1`` it raises.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path

from IPython.display import display

from course_utils import runtime
from course_utils.tables import Table

FOLDER = Path(__file__).parent
KINDS = ("structure", "accuracy", "speed")
PLACES = ("any", "bf16", "cuda")
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
        if self.kind not in KINDS or self.where not in PLACES:
            raise ValueError(f"claim {self.id}: kind must be one of {KINDS} and where one of {PLACES}, "
                             f"got {self.kind!r} and {self.where!r}")
        if set(self.holds) not in ({"near", "tol"}, {"min"}, {"max"}, {"between"}):
            raise ValueError(f"claim {self.id}: holds must be {{near, tol}}, {{min}}, {{max}} or {{between}}, "
                             f"got {sorted(self.holds)}")

    def met_by(self, value: float) -> bool:
        """True when `value` meets the bound; a NaN never does."""
        low, high = self._bounds()
        return low <= value <= high

    def bound(self) -> str:
        """The bound in words, for the scorecard."""
        if "near" in self.holds:
            return f"{self.holds['near']:,g} ± {self.holds['tol']:g}{self.unit}"
        low, high = self._bounds()
        if math.isinf(low) or math.isinf(high):
            return f"≤ {high:,g}{self.unit}" if math.isinf(low) else f"≥ {low:,g}{self.unit}"
        return f"{low:,g} to {high:,g}{self.unit}"

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


def read(lesson: str, folder: Path = FOLDER) -> dict[str, Claim]:
    """The claims of a lesson, by id, in the order of the file.

    Raises:
        FileNotFoundError: the lesson has no file of claims.
        ValueError: an id twice, an unknown kind or place, a bound that is none.
    """
    with open(folder / f"{lesson}.toml", "rb") as file:
        claims = [Claim(**table) for table in tomllib.load(file)["claim"]]
    if len({claim.id for claim in claims}) < len(claims):
        raise ValueError(f"{lesson}.toml: two claims have the same id")
    return {claim.id: claim for claim in claims}


class Scorecard:
    """What a lesson measured, beside what was published. End the lesson with `show`.

    Args:
        lesson: two digits.
    """

    def __init__(self, lesson: str, folder: Path = FOLDER):
        self.lesson = lesson
        self.claims = read(lesson, folder)
        self.measured: dict[str, float] = {}

    def record(self, claim_id: str, value: float) -> None:
        """Note what was measured for a claim; recording it again replaces the value.

        Raises:
            KeyError: no such claim in the lesson's file.
        """
        if claim_id not in self.claims:
            raise KeyError(f"lesson {self.lesson} has no claim {claim_id!r}; it has {', '.join(self.claims)}")
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
                found.append(f"{claim.id}: measured {self.measured[claim.id]:.6g}{claim.unit}, "
                             f"expected {claim.bound()}. {claim.if_not}")
        return found

    def _table(self) -> Table:
        rows = []
        for claim in self.claims.values():
            value = self.measured.get(claim.id)
            rows.append([claim.statement, claim.source,
                         "–" if claim.published is None else f"{claim.published:,g}{claim.unit}", claim.bound(),
                         "–" if value is None else f"{value:,.6g}{claim.unit}", self.verdict(claim)])
        return Table(["claim", "source", "by the source", "must hold", "this run", "verdict"], rows,
                     caption=f"Scorecard of lesson {self.lesson}")

    def _reasons(self) -> list[str]:
        return [f"{claim.id}: {claim.if_not}" for claim in self.claims.values()
                if self.verdict(claim) == FAILS]

    def show(self) -> None:
        """Display the scorecard.

        Raises:
            ClaimFailed: in a strict run, after showing it, when a claim fails or was not recorded.
        """
        display(self)
        if (runtime.strict() or runtime.judge_speed()) and self.failures():
            raise ClaimFailed("\n".join([f"lesson {self.lesson}:", *self.failures()]))

    def __repr__(self) -> str:
        lines = [f"Scorecard of lesson {self.lesson}"]
        for claim in self.claims.values():
            value = self.measured.get(claim.id)
            published = "" if claim.published is None else f"by the source {claim.published:,g}{claim.unit}, "
            measured = "nothing" if value is None else f"{value:,.6g}{claim.unit}"
            verdict = self.verdict(claim)
            lines += [f"{verdict}: {claim.statement}",
                      f"    this run {measured}, must be {claim.bound()} ({published}{claim.source})"]
            lines += [f"    likely reason: {claim.if_not}"] if verdict == FAILS else []
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(reason)}</li>" for reason in self._reasons())
        tail = f"<p>Where it does not hold, the likely reason:</p><ul>{items}</ul>" if items else ""
        return self._table()._repr_html_() + tail

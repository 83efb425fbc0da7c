"""One published figure, and what must hold of the value measured beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

from course_utils import runtime
from course_utils.show.tables import number

TEXTS = ("id", "statement", "source", "why", "if_not")
CITED_TEXTS = ("id", "statement", "source")  # nothing is judged, so there is no bound to explain
KINDS = ("structure", "accuracy", "speed")
PLACES = ("any", "bf16", "cuda")
EVIDENCE = ("counted", "measured", "cited")
BOUNDS = ({"near", "tol"}, {"min"}, {"max"}, {"between"})


@dataclass(frozen=True)
class Claim:
    """One figure of the literature and what must hold of the measured value.

    Attributes:
        id: short name, unique in its lesson.
        statement: what is claimed, one sentence.
        source: paper, table, page.
        published: the published value, or None where the claim has only a bound.
        holds: one of ``{near, tol}``, ``{min}``, ``{max}``, ``{between}``, in the unit of the value.
        value: an expression that gives the measured value from the names of the notebook, read when the scorecard is
            shown; "" where the lesson records it.
        quartiles: an expression that gives the first and the third quartile of a timing, or "".
        kind: "structure" and "accuracy" are judged in strict runs, "speed" only where it is published.
        evidence: "counted" (or computed: neither clock nor training is in it), "measured" (another run or machine gives
            another value), or "cited" (shown only: no bound, no kind, never recorded, but a published value).
        where: "any" machine, one with "bf16" instructions, or "cuda".
        why: why this bound.
        if_not: the likely reason where it does not hold.
        above: a value beyond this one is more than the sources saw, or None; the scorecard then doubts the measurement.
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
    evidence: str = "measured"
    above: float | None = None
    where: str = "any"
    unit: str = ""
    url: str = ""
    value: str = ""
    quartiles: str = ""

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
        cited = self.evidence == "cited"
        yield from (f"no {name}" for name in (CITED_TEXTS if cited else TEXTS) if not str(getattr(self, name)).strip())
        yield from (
            f"{name} must be a text, got {getattr(self, name)!r}"
            for name in (*TEXTS, "unit", "url", "value", "quartiles")
            if not isinstance(getattr(self, name), str)
        )
        for name, allowed in (("kind", KINDS), ("where", PLACES), ("evidence", EVIDENCE)):
            if getattr(self, name) not in allowed and not (cited and name == "kind" and not self.kind):
                yield f"{name} is {getattr(self, name)!r}, expected one of {', '.join(allowed)}"
        if self.published is not None and not _is_number(self.published):
            yield "published must be a number; leave it out where only a bound is published"
        if self.above is not None and not _is_number(self.above):
            yield "above must be a number"
        if cited:
            yield from (
                f"{name} says how a value is judged; a claim that is only cited has none" for name in self._judging()
            )
            if self.published is None:
                yield "no published value, and nothing else is shown of a claim that is only cited"
            return
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

    def _judging(self) -> list[str]:
        return [name for name in ("holds", "kind", "above", "value", "quartiles") if getattr(self, name)]

    def met_by(self, value: float) -> bool:
        """True when `value` meets the bound; a NaN never does."""
        low, high = self._bounds()
        return low <= value <= high

    def bound(self) -> str:
        """The bound in words, for the scorecard; "–" for a claim that is only cited."""
        if self.evidence == "cited":
            return "–"
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

    def spread_text(self, spread: tuple[float, float] | None) -> str:
        """The quartiles of a measured value in brackets, or "" where there are none."""
        return "" if spread is None else f" ({number(spread[0])} to {number(spread[1])})"

    def beyond(self, value: float) -> bool:
        """True where `value` is more than the sources saw."""
        return self.above is not None and value > self.above

    def _unit(self) -> str:
        return self.unit.replace(" ", "\u00a0")  # a line never ends between a number and its unit

    def judged(self) -> bool:
        """True when this run and this machine can judge the claim."""
        if self.evidence == "cited" or runtime.quick() or (self.kind == "speed" and not runtime.judge_speed()):
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

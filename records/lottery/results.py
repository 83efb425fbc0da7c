"""What a sweep found: records of plain values, a table of means with their spread, and a file to keep."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from course_utils.files import write_whole
from course_utils.tables import Table, Tabled, mean_and_range

CURVE_POINTS = 40


@dataclass(frozen=True, repr=False)
class Results(Tabled):
    """The records of one experiment.

    Attributes:
        experiment: its settings.
        records: one a run: seed, arm, level, density, layer_densities, iterations, early_stop (iteration of least
            validation loss), test_accuracy and validation_accuracy there, final_test_accuracy and
            final_validation_accuracy after the last iteration, curve ([iteration, validation loss, validation
            accuracy] of each validation), seconds, provenance (`runtime.provenance` of the process that trained).
            Accuracies and densities are from 0 to 1.
    """

    experiment: dict
    records: list[dict]

    def of(self, arm: str, level: int) -> list[dict]:
        """The records of one arm at one level, by seed. The dense network is every arm's level 0."""
        arm = arm if level else "dense"
        return sorted((r for r in self.records if (r["arm"], r["level"]) == (arm, level)), key=lambda r: r["seed"])

    def of_seed(self, seed: int) -> list[dict]:
        """The records of one seed, as they stand."""
        return [r for r in self.records if r["seed"] == seed]

    def levels(self, arm: str) -> list[int]:
        """The levels at which an arm was run, 0 first."""
        return sorted({r["level"] for r in self.records if r["arm"] in (arm, "dense")})

    def density(self, level: int) -> float:
        """Share of all weights that is left at a level; the biases are not pruned and not counted."""
        found = [r["density"] for r in self.records if r["level"] == level]
        if not found:
            raise ValueError(f"no run at level {level}; there are {self.levels('ticket')}")
        return found[0]

    def table(self, value: str = "test_accuracy", text: str = "{:.2%}") -> Table:
        """A line a level: of each arm the mean and, of two runs or more, least and largest; n counts the runs."""
        arms = [arm for arm in ("ticket", "reinit", "random") if any(r["arm"] == arm for r in self.records)]
        lines = []
        for level in sorted({r["level"] for r in self.records}):
            line = [f"{self.density(level):.1%}"]
            for arm in arms:
                here = [record[value] for record in self.of(arm, level)]
                line.append(f"{mean_and_range(here, text)}, n={len(here)}" if here else "–")
            lines.append(line)
        return Table(["weights left", *arms], lines)

    def save(self, file: str | PathLike, **about: object) -> None:
        """Write a compact file: curves thinned, each provenance once.

        Args:
            about: what stands at the head: command, date ….
        """
        made = list({json.dumps(r["provenance"]): r["provenance"] for r in self.records if "provenance" in r}.values())
        records = [_compact(record, made) for record in self.records]
        text = ",\n".join(json.dumps(record) for record in records)
        head = json.dumps({**about, "provenance": made, "experiment": self.experiment}, indent=1)
        write_whole(Path(file), f'{head[:-2]},\n "records": [\n{text}\n]\n}}\n')

    @classmethod
    def load(cls, file: str | PathLike) -> tuple[Results, dict]:
        """What `save` wrote: the results, and all that stands at the head."""
        content = json.loads(Path(file).read_text(encoding="utf-8"))
        records, made = content.pop("records"), content.get("provenance", [])
        records = [{**r, "provenance": made[r["provenance"]]} if "provenance" in r else r for r in records]
        return cls(content.pop("experiment"), records), content


def _compact(record: dict, made: list[dict]) -> dict:
    """A record to be kept: at most 40 points of the curve, early ones closer together, four digits."""
    curve, last = record["curve"], len(record["curve"]) - 1
    chosen = range(len(curve))
    if len(curve) > CURVE_POINTS:
        chosen = sorted({round(last * (i / (CURVE_POINTS - 1)) ** 2) for i in range(CURVE_POINTS)})
    return {
        **{k: round(v, 6) if isinstance(v, float) else v for k, v in record.items()},
        "layer_densities": [round(d, 6) for d in record["layer_densities"]],
        "curve": [[curve[i][0], *(float(f"{v:.4g}") for v in curve[i][1:])] for i in chosen],
        **({"provenance": made.index(record["provenance"])} if "provenance" in record else {}),
    }

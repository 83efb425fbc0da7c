"""The rows of the headline table: what one is, how they are shown, and the records that came with the course.

Which route is fast depends on the instructions of the processor, so there is one record for each processor, in
`records/quantization/`, named after it:

`records()` gives all of them, by processor ("AMD EPYC, AVX-512 VNNI"), each a `Recorded`: `.head` (date, versions, cpu,
flags, …), `.rows`, `.at` (one line of provenance), `.best(network, runtime, start)`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from course_utils import runtime
from course_utils.files import ROOT, command, slug

EAGER = "fp32, eager"
FOLDER = ROOT / "records" / "quantization"
# The instructions that decide how fast int8 is, the strongest first: torch's name, and what people call it.
INSTRUCTIONS = {
    "amx_int8": "AMX",
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX VNNI",
    "i8mm": "I8MM",
    "dotprod": "dot product",
    "avx512_f": "AVX-512",
    "avx2": "AVX2",
    "neon": "NEON",
}


@dataclass(frozen=True)
class Row:
    """One measured route, or, with `why`, one that could not be built here.

    Attributes:
        median_ms, iqr_ms: of the samples, milliseconds a call.
        speedup_over_eager: over torch's eager fp32.
        speedup_over_best_fp32: over the fastest fp32 of the same runtime, which `best_fp32` names.
        file_bytes: of the file that was saved and loaded again.
        cosine: of its output with that of eager fp32, on the same input.
        behind: its time over that of the fastest int8 of another runtime, the median over rounds; None where it is not
            int8 of torch, no other runtime was measured, or the record is older than this column.
        why: one sentence, where it could not be built; then all numbers are None.
    """

    model: str
    runtime: str
    variant: str
    median_ms: float | None = None
    iqr_ms: float | None = None
    speedup_over_eager: float | None = None
    speedup_over_best_fp32: float | None = None
    best_fp32: str | None = None
    file_bytes: int | None = None
    cosine: float | None = None
    why: str | None = None
    behind: float | None = None


@dataclass(frozen=True)
class Recorded:
    """What the bench wrote on one processor.

    Attributes:
        path: the file.
        head: the rest: "date", "versions", "cpu", "flags", "threads", "command", "rounds", "control_cosine", …
        rows: of the headline table.
    """

    path: Path
    head: dict
    rows: list[Row]

    @property
    def processor(self) -> str:
        """Name and strongest instructions for int8."""
        return processor(self.head)

    @property
    def at(self) -> str:
        """One line of provenance: when, where, with what."""
        versions = ", ".join(f"{name} {version}" for name, version in self.head["versions"].items() if version)
        where = f"{self.head['cpu']} ({', '.join(self.head['flags'])})"
        return f"Recorded {self.head['date']} on {where}, threads: {self.head['threads']}, {versions}"

    def best(self, model: str, runtime: str | tuple[str, ...], start: str | tuple[str, ...] = "int8") -> Row | None:
        """The fastest row of a group, as the function `best` says."""
        return best(self.rows, model, runtime, start)


PEERS = ("ONNX Runtime", "OpenVINO")


def best(
    rows: Iterable[Row], model: str, runtime: str | tuple[str, ...], start: str | tuple[str, ...] = "int8"
) -> Row | None:
    """The row with the highest speed-up over eager fp32 of some group, or None.

    Args:
        rows: of a record.
        model: a key of `networks.NETWORKS`.
        runtime: "torch", "ONNX Runtime", "OpenVINO", or a tuple of these.
        start: how the name of the variant begins; or a tuple.
    """
    runtimes = (runtime,) if isinstance(runtime, str) else runtime
    mine = [
        row
        for row in rows
        if row.model == model and row.why is None and row.runtime in runtimes and row.variant.startswith(start)
    ]
    return max(mine, key=lambda row: row.speedup_over_eager, default=None)


def processor(head: dict) -> str:
    """A processor's name and strongest instructions for int8; `head` is a record's, or `runtime.provenance()`."""
    strongest = next((name for flag, name in INSTRUCTIONS.items() if flag in head["flags"]), "no int8 instructions")
    return f"{head['cpu']}, {strongest}"


def own_path(head: dict | None = None) -> Path:
    """The file of a processor's record, "intel-xeon-avx-512-vnni.json"; None = this machine's."""
    return FOLDER / f"{slug(processor(head or runtime.provenance()))}.json"


def load(path: Path) -> Recorded:
    """One record.

    Raises:
        FileNotFoundError: nobody has measured yet; the message says how.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"no record at {path.name}: make one with " + command("bench", "quantization", "--peers")
        )
    head = json.loads(path.read_text(encoding="utf-8"))
    return Recorded(path, head, [Row(**row) for row in head.pop("rows")])


def records() -> dict[str, Recorded]:
    """Every record that came with the course: processor -> record, in the order of the files' names."""
    found = [load(path) for path in sorted(FOLDER.glob("*.json"))]
    return {one.processor: one for one in found}


def explain(error: BaseException) -> str:
    """One sentence that says why a route could not be built here, and what would help."""
    text = " ".join(str(error).split())
    if isinstance(error, ImportError) and error.name:
        how = command("weigh", "my_model.py", "--peers")
        return f"The package {error.name.split('.')[0]} is not installed. To weigh with it, in a terminal: {how}"
    if "C++ compiler" in text or "InvalidCxxCompiler" in text:
        return "torch.compile found no C++ compiler; install one (g++, clang or Visual Studio) and run again."
    if isinstance(error, LookupError) and error.args and str(error.args[0]).startswith(("engine", "oneDNN")):
        return str(error.args[0])
    return f"{type(error).__name__}: {text[:160]}".rstrip(".") + "."

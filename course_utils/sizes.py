"""What a model weighs, counted and as a file that was saved and loaded again; and how many of its weights are zero."""

from __future__ import annotations

import gzip
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from course_utils.tables import Table, Tabled, si
from course_utils.tensors import need_values, place, plain, refuse_scripted, tensors, weigh

__all__ = ["SizeReport", "size_report"]


@dataclass(frozen=True, repr=False)
class SizeReport(Tabled):
    """The sizes of one model.

    Attributes:
        parameters: elements of all parameters; what tensors share counts once. A converted int8 model has none:
            its weights cannot be trained, and count among the buffers.
        buffers: elements of all other tensors that a checkpoint holds, counted in the same way.
        memory_bytes: bytes of both, each in its own dtype; scales of quantized tensors are not counted.
        file_bytes: size of the saved state_dict, after it was loaded again and found equal.
        compressed_bytes: size of the same file under gzip, after it was loaded again; None when not asked for.
    """

    parameters: int
    buffers: int
    memory_bytes: int
    file_bytes: int
    compressed_bytes: int | None = None

    def table(self) -> Table:
        """What it shows itself as."""
        columns = {
            "parameters": f"{self.parameters:,}",
            "buffers": f"{self.buffers:,}",
            "in memory": si(self.memory_bytes, "B"),
            "file, reloaded": si(self.file_bytes, "B"),
        }
        if self.compressed_bytes is not None:
            columns["file, gzip"] = si(self.compressed_bytes, "B")
        return Table(list(columns), [list(columns.values())])


def size_report(model: nn.Module, *, compressed: bool = False) -> SizeReport:
    """Measure a model's sizes. Its state_dict is saved, loaded (as tensors, no code) and compared.

    Args:
        model: any module whose state_dict holds tensors, packed weights of `torch.ao` included.
        compressed: also compress the file (gzip, its usual level 6 of zlib), and load it from there.
    Raises:
        ValueError: the loaded tensors differ from the saved ones, the state_dict holds other things than tensors, a
            tensor has no values yet (lazy, meta), or a part is scripted; the message names the entry.
    """
    refuse_scripted(model)
    need_values(model)
    state = model.state_dict()
    held = {name: list(tensors(name, state)) for name in state}
    parameters = list(model.parameters())
    trained = {place(p) for p in parameters}
    buffers = [tensor for entry in held.values() for tensor in entry if place(tensor) not in trained]
    own, (elements, memory_bytes) = weigh(parameters)[0], weigh([*parameters, *buffers])
    return SizeReport(own, elements - own, memory_bytes, *_measure_file(state, held, compressed))


def _measure_file(state: dict, held: dict[str, list[torch.Tensor]], compressed: bool) -> tuple[int, int | None]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        torch.save(state, path)
        _compare(held, _load(path))
        if not compressed:
            return path.stat().st_size, None
        packed = Path(folder) / "model.pt.gz"
        packed.write_bytes(gzip.compress(path.read_bytes(), compresslevel=6))
        with gzip.open(packed) as file:
            _compare(held, _load(file))
        return path.stat().st_size, packed.stat().st_size


def _load(file: object) -> dict:
    # The packed weights of a recurrent layer are a ScriptObject, which weights_only=True admits only when told.
    with torch.serialization.safe_globals([torch.ScriptObject]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Validating sparse tensor invariants", UserWarning)  # wanted: it is a check
        return torch.load(file, weights_only=True, map_location="cpu")


def _compare(held: dict[str, list[torch.Tensor]], loaded: dict) -> None:
    for name, entry in held.items():
        for ours, theirs in zip(entry, tensors(name, loaded), strict=True):
            if theirs.dtype != ours.dtype or not _equal(theirs, ours.cpu()):
                raise ValueError(f"{name!r} differs after saving and loading: the file is not this model")


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal element by element; NaN equals NaN, for a diverged model can be weighed too."""
    a, b = plain(a), plain(b)
    return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())

"""What a model weighs: counted in memory, and as a file that was saved and loaded again."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import nn

from course_utils.tables import Table, si


@dataclass(frozen=True)
class SizeReport:
    """The sizes of one model.

    Attributes:
        parameters: elements of all parameters; a shared tensor counts once.
        buffers: elements of the buffers that a checkpoint holds.
        memory_bytes: bytes of both, each in its own dtype.
        file_bytes: size of the saved state_dict, after it was loaded again and found equal.
        load_ms: median milliseconds to load that file from the disk cache.
    """

    parameters: int
    buffers: int
    memory_bytes: int
    file_bytes: int
    load_ms: float

    def _table(self) -> Table:
        return Table(["parameters", "buffers", "in memory", "file, reloaded", "load, ms"],
                     [[f"{self.parameters:,}", f"{self.buffers:,}", si(self.memory_bytes, "B"),
                       si(self.file_bytes, "B"), f"{self.load_ms:.2g}"]])

    def __repr__(self) -> str:
        return repr(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()


def size_report(model: nn.Module, *, loads: int = 5) -> SizeReport:
    """Measure a model's sizes. Its state_dict is saved, loaded (``weights_only=True``) and compared.

    Args:
        model: any module whose state_dict holds tensors.
        loads: times the file is loaded, for the median.
    Raises:
        ValueError: the loaded tensors differ from the saved ones, or the state_dict holds other things
            than tensors; the message names the entry.
    """
    state = model.state_dict()
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise ValueError(f"state_dict entry {name!r} is a {type(value).__name__}, not a tensor: "
                             "its bytes cannot be counted")
    parameters = list(model.parameters())
    aliases = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    buffers = [value for name, value in state.items() if name not in aliases]
    file_bytes, load_ms = _measure_file(state, loads)
    return SizeReport(sum(p.numel() for p in parameters), sum(b.numel() for b in buffers),
                      sum(t.numel() * t.element_size() for t in [*parameters, *buffers]), file_bytes, load_ms)


def _measure_file(state: dict[str, torch.Tensor], loads: int) -> tuple[int, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        torch.save(state, path)
        seconds = []
        for _ in range(max(1, loads)):
            start = time.perf_counter()
            loaded = torch.load(path, weights_only=True, map_location="cpu")
            seconds.append(time.perf_counter() - start)
        for name, value in state.items():
            if loaded[name].dtype != value.dtype or not _equal(loaded[name], value.cpu()):
                raise ValueError(f"{name!r} differs after saving and loading: the file is not this model")
        return path.stat().st_size, 1e3 * median(seconds)


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal element by element; NaN equals NaN, for a diverged model can be weighed too."""
    return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())

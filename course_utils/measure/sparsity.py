"""How many of a model's weights are zero, parameter by parameter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from course_utils.measure._tensors import plain
from course_utils.show.tables import Table


@dataclass(frozen=True)
class Count:
    """Zeros among elements."""

    zeros: int
    elements: int

    @property
    def sparsity(self) -> float:
        """Share of zeros, 0 to 1; 0 where there is nothing to count."""
        return self.zeros / self.elements if self.elements else 0.0


@dataclass(frozen=True)
class SparsityRow:
    """One parameter of a model.

    Attributes:
        name: as in ``named_parameters`` of the unpruned model, "conv1.weight".
        shape: its shape.
        elements: how many numbers it has.
        zeros: how many of them are 0 (−0.0 is, NaN is not).
        state: "plain", "masked" (pruned by ``torch.nn.utils.prune``, not made permanent) or "quantized".
        zero_rows: slices along dimension 0 that are wholly zero: output neurons or channels. 0 for a vector.
        zero_columns: the same along dimension 1: inputs.
    """

    name: str
    shape: tuple[int, ...]
    elements: int
    zeros: int
    state: str
    zero_rows: int
    zero_columns: int

    @property
    def sparsity(self) -> float:
        """Share of zeros, 0 to 1."""
        return Count(self.zeros, self.elements).sparsity

    @property
    def is_bias(self) -> bool:
        """Whether the last part of the name speaks of a bias."""
        return "bias" in self.name.rpartition(".")[2]


@dataclass(frozen=True)
class SparsityReport:
    """The rows of a model; shows itself as a table. ``report["conv1.weight"]`` is one row."""

    rows: list[SparsityRow]

    def __getitem__(self, name: str) -> SparsityRow:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no parameter {name!r}; there are: {', '.join(row.name for row in self.rows) or 'none'}")

    @property
    def total(self) -> Count:
        """All parameters together: zeros over elements, not the mean of the rows."""
        return self._count(self.rows)

    @property
    def weights(self) -> Count:
        """All that is no bias; the scales of norm layers belong here."""
        return self._count(row for row in self.rows if not row.is_bias)

    @property
    def biases(self) -> Count:
        """The biases alone."""
        return self._count(row for row in self.rows if row.is_bias)

    @staticmethod
    def _count(rows: Iterable[SparsityRow]) -> Count:
        rows = list(rows)
        return Count(sum(row.zeros for row in rows), sum(row.elements for row in rows))

    def table(self) -> Table:
        """One line a parameter, then weights, biases and the total."""
        lines = [
            [
                row.name,
                " × ".join(map(str, row.shape)) or "–",
                f"{row.zeros:,}",
                f"{row.elements:,}",
                f"{row.sparsity:.2%}",
                row.zero_rows,
                row.zero_columns,
                row.state,
            ]
            for row in self.rows
        ]
        for name, count in (("weights", self.weights), ("biases", self.biases), ("total", self.total)):
            lines.append([name, "", f"{count.zeros:,}", f"{count.elements:,}", f"{count.sparsity:.2%}", "", "", ""])
        columns = ["parameter", "shape", "zeros", "elements", "sparsity", "zero rows", "zero columns", "state"]
        return Table(columns, lines)

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def sparsity_report(model: nn.Module) -> SparsityReport:
    """Count the zeros of a model, parameter by parameter.

    A masked parameter counts as ``weight_orig * weight_mask``: the attribute ``weight`` may be out of date. Masks
    and other buffers are no parameters. A shared tensor counts once, under its first name.

    Args:
        model: any module: plain, masked, with masks made permanent, quantized by `torch.ao` or torchao.
    Raises:
        TypeError: not a module.
        ValueError: a lazy parameter that has no values yet; the message names it.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"sparsity_report needs a model (nn.Module), got {type(model).__name__}")
    seen: dict[int, torch.Tensor] = {}  # the tensors too: the number of a tensor that is gone is given away again
    rows = []
    for path, module in model.named_modules():
        for leaf, stored in _stored(module):
            name = f"{path}.{leaf}" if path else leaf
            if isinstance(stored, nn.parameter.UninitializedParameter):
                raise ValueError(f"{name!r} has no values yet: run the model once on an input, then count")
            if id(stored) not in seen:
                seen[id(stored)] = stored
                rows.append(_sparsity_row(name, stored, module))
    return SparsityReport(rows)


def _stored(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The module's own learned tensors, by their names before pruning."""
    for name, parameter in sorted(module._parameters.items(), key=lambda item: "bias" in item[0]):
        bare = name.removesuffix("_orig")
        if parameter is not None:
            yield bare if f"{bare}_mask" in module._buffers else name, parameter
    if not type(module).__module__.startswith("torch.ao.nn.quantized"):
        return
    for leaf, getter in (("weight", "weight"), ("bias", "bias"), ("", "get_weight"), ("", "get_bias")):
        packed = getattr(module, getter, None)  # a quantized module gives what it has packed by a method
        value = packed() if callable(packed) else None
        if value is not None:
            yield from value.items() if isinstance(value, dict) else [(leaf, value)]


def _sparsity_row(name: str, stored: torch.Tensor, module: nn.Module) -> SparsityRow:
    mask = module._buffers.get(f"{name.rpartition('.')[2]}_mask")
    values = plain(stored.detach())
    zero = (values if mask is None else values * mask) == 0
    matrix = zero if zero.dim() > 1 else zero.new_zeros(1, 1)
    rows, columns = (int(matrix.transpose(0, dim).flatten(1).all(1).sum()) if zero.numel() else 0 for dim in (0, 1))
    quantized = stored.is_quantized or hasattr(stored, "__tensor_flatten__")
    state = "masked" if mask is not None else "quantized" if quantized else "plain"
    return SparsityRow(name, tuple(values.shape), zero.numel(), int(zero.sum()), state, rows, columns)

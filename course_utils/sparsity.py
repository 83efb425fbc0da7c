"""How many of a model's weights are zero, parameter by parameter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from course_utils.tables import Table, Tabled
from course_utils.tensors import as_it_was, need_values, place, plain, refuse_scripted


@dataclass(frozen=True)
class Count:
    """Zeros among elements.

    Attributes:
        zeros: how many of the numbers are 0 (−0.0 is, NaN is not).
        elements: how many numbers there are.
    """

    zeros: int
    elements: int

    @property
    def sparsity(self) -> float:
        """Share of zeros, 0 to 1; 0 where there is nothing to count."""
        return self.zeros / self.elements if self.elements else 0.0


@dataclass(frozen=True)
class SparsityRow(Count):
    """One parameter of a model.

    Attributes:
        name: as in ``named_parameters`` of the unpruned model, "conv1.weight".
        shape: its shape.
    """

    name: str
    shape: tuple[int, ...]

    @property
    def is_bias(self) -> bool:
        """Whether the last part of the name speaks of a bias."""
        return "bias" in self.name.rpartition(".")[2]


@dataclass(frozen=True, repr=False)
class SparsityReport(Tabled):
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
        return self._count([row for row in self.rows if not row.is_bias])

    @staticmethod
    def _count(rows: Sequence[SparsityRow]) -> Count:
        return Count(sum(row.zeros for row in rows), sum(row.elements for row in rows))

    def table(self) -> Table:
        """One line a parameter, then all weights, and the total."""
        lines = [
            [
                row.name,
                " × ".join(map(str, row.shape)) or "–",
                f"{row.zeros:,}",
                f"{row.elements:,}",
                f"{row.sparsity:.2%}",
            ]
            for row in self.rows
        ]
        for name, count in (("weights", self.weights), ("total", self.total)):
            lines.append([name, "", f"{count.zeros:,}", f"{count.elements:,}", f"{count.sparsity:.2%}"])
        return Table(["parameter", "shape", "zeros", "elements", "sparsity"], lines)


def sparsity_report(model: nn.Module) -> SparsityReport:
    """Count the zeros of a model, parameter by parameter.

    What the model computes with is counted: a masked parameter as ``weight_orig * weight_mask``, for the attribute
    ``weight`` may be out of date; one with a parametrization (weight norm, a sparsifier) as what that gives. Masks and
    other buffers are no parameters. What two parameters share counts once, under the first name.

    Args:
        model: any module: plain, masked, with masks made permanent, quantized by `torch.ao`, torchao or PT2E. Of a PT2E
            graph the 8-bit weights count, and not the floats that it keeps and never reads.
    Raises:
        TypeError: not a module.
        ValueError: a tensor has no values yet (lazy, meta), or a part is scripted; the message names it.
    Restores: what `as_it_was` names.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"sparsity_report needs a model (nn.Module), got {type(model).__name__}")
    refuse_scripted(model)
    need_values(model)
    unread = _unread(model)
    seen: dict[tuple, torch.Tensor] = {}  # the tensors too: memory that is freed is given away again
    rows = []
    with as_it_was(model):
        for path, module in model.named_modules():
            if "parametrizations" in path.split("."):
                continue  # they stand in the row of what they compute
            for leaf, stored, values in _learned(module):
                name = f"{path}.{leaf}" if path else leaf
                if name in unread or (where := place(stored)) in seen:
                    continue
                seen[where] = stored
                zero = plain(values.detach()) == 0
                rows.append(SparsityRow(int(zero.sum()), zero.numel(), name, tuple(zero.shape)))
    return SparsityReport(rows)


def _unread(model: nn.Module) -> set[str]:
    """Parameters that a PT2E graph holds beside its 8-bit weights, and does not read."""
    found = set()
    for path, module in model.named_modules():
        if isinstance(module, torch.fx.GraphModule) and any(_in_8_bits(module)):
            read = {node.target for node in module.graph.nodes if node.op == "get_attr"}
            prefix = f"{path}." if path else ""
            found |= {prefix + name for name, _ in module.named_parameters() if name not in read}
    return found


def _in_8_bits(graph: torch.fx.GraphModule) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights of a PT2E graph; symmetric, so that a stored 0 stands for 0."""
    for name, buffer in graph._buffers.items():
        if buffer is not None and buffer.dtype == torch.int8 and buffer.dim() > 1:
            yield name, buffer


def _learned(module: nn.Module) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """The module's own: name before pruning, a tensor that holds it, the values it computes with."""
    for name, lists in getattr(module, "parametrizations", {}).items():
        held = next((p for key, p in lists.named_parameters(recurse=False) if key != "original0"), lists[0])
        yield name, held if isinstance(held, torch.Tensor) else getattr(module, name), getattr(module, name)
    for name, parameter in sorted(module._parameters.items(), key=lambda item: "bias" in item[0]):
        bare = name.removesuffix("_orig")
        mask = module._buffers.get(f"{bare}_mask")
        if parameter is not None:
            yield (name, parameter, parameter) if mask is None else (bare, parameter, parameter * mask)
    if isinstance(module, torch.fx.GraphModule):
        yield from ((name, buffer, buffer) for name, buffer in _in_8_bits(module))
    if not type(module).__module__.startswith("torch.ao.nn"):
        return
    for leaf in ("weight", "bias"):
        packed = getattr(module, leaf, None)  # a quantized module gives what it has packed by a method
        if callable(packed) and (value := packed()) is not None:
            yield leaf, value, value
    for getter in ("get_weight", "get_bias"):  # of a recurrent one: name -> value
        packed = getattr(module, getter, None)
        named = packed() if callable(packed) else None
        for leaf, value in named.items() if isinstance(named, dict) else ():
            yield leaf, value, value

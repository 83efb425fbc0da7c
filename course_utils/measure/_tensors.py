"""The tensors inside an entry of a state_dict: plain, sparse, quantized, packed, or of torchao."""

from __future__ import annotations

from collections.abc import Iterator

import torch


def tensors(name: str, value: object) -> Iterator[torch.Tensor]:
    """The tensors in one entry of a state_dict, each once."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, torch.ScriptObject):
        # The weights of a packed recurrent layer and their names; a bias stands there twice.
        packed = [t for t in _leaves(value) if isinstance(t, torch.Tensor)]
        yield from {t.data_ptr(): t for t in packed}.values()
    elif isinstance(value, tuple) and all(isinstance(t, torch.Tensor | None) for t in value):
        yield from (t for t in value if t is not None)
    elif not isinstance(value, torch.dtype):  # the type of a packed weight has no bytes of its own
        raise ValueError(
            f"state_dict entry {name!r} is a {type(value).__name__}, not a tensor: its bytes cannot be counted"
        )


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, torch.ScriptObject):
        value = value.__getstate__()
    if isinstance(value, tuple | list):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def stored_bytes(tensor: torch.Tensor) -> int:
    """Bytes of the numbers that a tensor holds; those of a quantizer (scales of `torch.ao`) are not counted."""
    if hasattr(tensor, "__tensor_flatten__"):  # torchao: the type that it shows is not the one it stores
        return sum(stored_bytes(getattr(tensor, part)) for part in tensor.__tensor_flatten__()[0])
    if tensor.layout == torch.sparse_csr:
        return sum(stored_bytes(part) for part in (tensor.crow_indices(), tensor.col_indices(), tensor.values()))
    if tensor.layout != torch.strided:
        raise ValueError(f"the bytes of a {tensor.layout} tensor are not counted here: convert it to sparse_csr first")
    return tensor.numel() * tensor.element_size()


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """The values of a quantized or sparse tensor as an ordinary one."""
    if tensor.layout != torch.strided:
        return tensor.to_dense()
    return tensor.dequantize() if tensor.is_quantized or hasattr(tensor, "__tensor_flatten__") else tensor

"""The tensors inside an entry of a state_dict: plain, sparse, quantized, packed, or of torchao."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import nn


def refuse_scripted(model: nn.Module) -> None:
    """Refuse a model with scripted parts: their packed weights are in no state_dict.

    Raises:
        ValueError: there is one; the message names it.
    """
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                f"{name or 'the model'!r} is scripted, and holds weights that are no parameters: measure the model "
                "before torch.jit.script or trace, or weigh the file itself, torch.jit.save(model, path)"
            )


def tensors(name: str, state: dict) -> Iterator[torch.Tensor]:
    """The tensors in one entry of a state_dict, each in the type that the model holds it in."""
    value = state[name]
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, torch.ScriptObject):
        # The weights of a packed layer and their names; those packed in 16 bits are handed out in 32.
        half = is_half_packed(value)
        packed = [t for t in _leaves(value) if isinstance(t, torch.Tensor)]
        packed = {t.data_ptr(): t for t in packed}.values()  # a bias may stand there twice
        yield from (t.half() if half and t.dim() > 1 else t for t in packed)
    elif isinstance(value, tuple) and all(isinstance(t, torch.Tensor | None) for t in value):
        half = state.get(name.removesuffix("_packed_params") + "dtype") == torch.float16  # of a packed linear layer
        yield from (t.half() if half and t.dim() > 1 else t for t in value if t is not None)
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


def is_half_packed(value: object) -> bool:
    """Whether it is packed weights of `torch.ao` in 16-bit floats: those in int8 are quantized tensors inside."""
    if not isinstance(value, torch.ScriptObject):
        return False
    matrices = [t for t in _leaves(value) if isinstance(t, torch.Tensor) and t.dim() > 1]
    return bool(matrices) and not any(t.is_quantized for t in matrices)


def parts(tensor: torch.Tensor) -> list[torch.Tensor]:
    """The plain tensors that a tensor is stored in: itself, or those of torchao and of a sparse one.

    Raises:
        ValueError: a sparse layout other than CSR.
    """
    if hasattr(tensor, "__tensor_flatten__"):  # torchao: the type that it shows is not the one it stores
        return [part for name in tensor.__tensor_flatten__()[0] for part in parts(getattr(tensor, name))]
    if tensor.layout == torch.sparse_csr:
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout != torch.strided:
        raise ValueError(f"the bytes of a {tensor.layout} tensor are not counted here: convert it to sparse_csr first")
    return [tensor]


def place(tensor: torch.Tensor) -> tuple:
    """Where in memory its numbers lie: equal for tensors that share all of them, also a matrix and its transpose."""
    return tuple(
        (
            part.untyped_storage().data_ptr(),
            part.storage_offset() * part.element_size(),
            part.element_size(),
            *sorted((by, n) for by, n in zip(part.stride(), part.shape, strict=True) if n > 1),
        )
        for part in parts(tensor)
    )


def weigh(given: Iterable[torch.Tensor]) -> tuple[int, int]:
    """Elements and bytes of tensors together; what several of them share counts once.

    Of quantized tensors of `torch.ao` the numbers count, not the scales.
    """
    distinct = {place(tensor): tensor for tensor in given}.values()
    elements, held, room = 0, {}, {}
    for tensor in distinct:
        inside = parts(tensor)
        if inside[0] is not tensor:
            elements += tensor.numel()
        for part in inside:
            storage = part.untyped_storage()
            room[storage.data_ptr()] = storage.nbytes()
            at = held.setdefault(storage.data_ptr(), [0, 0])
            at[0] += part.numel() if part is tensor else 0
            at[1] += part.numel() * part.element_size()
    for at, (numbers, taken) in held.items():
        share = min(1.0, room[at] / taken) if taken else 1.0  # views of the same memory, or one expanded
        elements, held[at] = elements + round(numbers * share), min(taken, room[at])
    return elements, sum(held.values())


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """The values of a quantized or sparse tensor as an ordinary one."""
    if tensor.layout != torch.strided:
        return tensor.to_dense()
    if not (tensor.is_quantized or hasattr(tensor, "__tensor_flatten__")):
        return tensor
    try:
        return tensor.dequantize()
    except NotImplementedError:  # torchao's weights packed for one kernel can only be multiplied
        units = torch.eye(tensor.shape[1], dtype=tensor.dtype, device=tensor.device)
        return torch.nn.functional.linear(units, tensor).T

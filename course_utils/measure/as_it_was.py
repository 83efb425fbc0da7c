"""Measure a model and leave it as it was: what every measurement shares that runs a model, or needs its values."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain

import torch
from torch import nn
from torch.utils._pytree import tree_map_only


def need_values(model: nn.Module, *, lazy: bool = True, meta: bool = True) -> None:
    """Refuse a model with a tensor that has no values yet.

    Args:
        model: any module.
        lazy: refuse what a first run initialises (`nn.LazyLinear`).
        meta: refuse what is on the meta device.
    Raises:
        ValueError: there is one; the message names it, and what to do.
    """
    for name, tensor in chain(model.named_parameters(), model.named_buffers()):
        if lazy and nn.parameter.is_lazy(tensor):
            raise ValueError(f"{name!r} has no values yet: run the model once on an input, model(x), and come back")
        if meta and tensor.is_meta:
            raise ValueError(
                f"{name!r} is on the meta device, where tensors have no values: give it some, "
                "model.load_state_dict(state, assign=True)"
            )


def own(given: object, device: torch.device | str | None = None) -> object:
    """What a model is called with, its tensors copied: some models write into their input, and it is the reader's.

    Args:
        given: a tensor, or a nest of tuples, lists and dicts with tensors in it.
        device: where the copies go; None = where the tensors are.
    """
    return tree_map_only(torch.Tensor, lambda x: x.to(device or x.device, copy=True), given)


@contextmanager
def as_it_was(model: nn.Module, *, training: bool | None = False) -> Iterator[None]:
    """A block without gradients that may run the model, after which the model is as it was before.

    Args:
        model: any module, scripted ones too.
        training: the mode inside; None = each module stays in its own.
    Raises:
        ValueError: a lazy parameter, which a run would initialise; the message names it.
    Restores: also after an exception: the mode of each module; its buffers (statistics of batch norm, ranges of
        observers); the rows of an embedding that `max_norm` shortens when they are looked up; the random state of
        torch (CPU and CUDA) and of Python.
    """
    need_values(model, meta=False)
    modules = list(model.modules())
    modes = [getattr(module, "training", False) for module in modules]  # a frozen ScriptModule has none
    kept = [
        (module, name, tensor, tensor.detach().clone())
        for module in modules
        for name, tensor in chain(
            module.named_buffers(recurse=False),
            module.named_parameters(recurse=False) if getattr(module, "max_norm", None) else (),
        )
        if tensor.layout == torch.strided and not tensor.is_meta and not hasattr(tensor, "__tensor_flatten__")
    ]
    on = {tensor.device for tensor in chain(model.parameters(), model.buffers())}
    drawn = random.getstate()
    try:
        with torch.no_grad(), torch.random.fork_rng([device for device in on if device.type == "cuda"]):
            if training is not None:
                _set_modes(modules, [training] * len(modules))
            yield
    finally:
        random.setstate(drawn)
        _set_modes(modules, modes)
        with torch.no_grad():
            for module, name, tensor, value in kept:
                _put_back(module, name, tensor, value)


def _set_modes(modules: list[nn.Module], modes: list[bool]) -> None:
    """By `train`, which some modules extend (adapters merge their weights in it); what it reached too far, by hand."""
    for module, mode in zip(modules, modes, strict=True):
        if getattr(module, "training", mode) != mode:
            with suppress(NotImplementedError):  # an exported graph refuses it
                module.train(mode)
    for module, mode in zip(modules, modes, strict=True):
        if getattr(module, "training", mode) != mode:
            module.training = mode


def _put_back(module: nn.Module, name: str, tensor: torch.Tensor, value: torch.Tensor) -> None:
    """Write a value back only where it changed: a tensor that was written to cannot be differentiated through."""
    if tensor.shape != value.shape:  # observers resize what they have
        tensor.data = value
    elif not torch.equal(tensor, value):
        tensor.copy_(value)
    if getattr(module, name, None) is not tensor and name in module._buffers:
        if not isinstance(module, torch.jit.ScriptModule):  # its tensors are handed out as new objects each time
            module._buffers[name] = tensor

"""Which method of `torch.nn.utils.prune` is meant, and what it takes; a request that makes no sense is refused here."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from torch.nn.utils import prune

BY_NAME = {
    "l1_unstructured": prune.L1Unstructured,
    "random_unstructured": prune.RandomUnstructured,
    "ln_structured": prune.LnStructured,
    "random_structured": prune.RandomStructured,
    "identity": prune.Identity,
}


def find(method: object) -> type[prune.BasePruningMethod]:
    """The class behind a name, or the class itself."""
    if isinstance(method, str) and method in BY_NAME:
        return BY_NAME[method]
    if (
        inspect.isclass(method)
        and issubclass(method, prune.BasePruningMethod)
        and not inspect.isabstract(method)
        and getattr(method, "PRUNING_TYPE", None) in ("unstructured", "structured", "global")
    ):
        unknown = [name for name in _needed(method) if name not in ("amount", "n", "dim")]
        if unknown:
            raise ValueError(f"{method.__name__} also needs {', '.join(unknown)}: give a subclass that sets it")
        return method
    raise ValueError(
        f"method={method!r}; give one of {', '.join(BY_NAME)}, or a subclass (the class, "
        "no instance) of torch.nn.utils.prune.BasePruningMethod with compute_mask and PRUNING_TYPE"
    )


def arguments(kind: type[prune.BasePruningMethod]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(kind).parameters if kind.__init__ is not object.__init__ else {}


def _needed(kind: type[prune.BasePruningMethod]) -> list[str]:
    return [
        name
        for name, argument in arguments(kind).items()
        if argument.default is argument.empty and argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
    ]


def options(kind: type[prune.BasePruningMethod], **given: object) -> dict[str, object]:
    """norm and dim by the names that the method has for them."""
    norm, dim = given["norm"], given["dim"]
    for ours, torchs, value in (("norm", "n", norm), ("dim", "dim", dim)):
        if value is None and torchs in (arguments(kind) if kind in BY_NAME.values() else _needed(kind)):
            meant = "the n of the norm, for example 2" if ours == "norm" else "0 cuts outputs, 1 inputs"
            raise ValueError(f"{kind.__name__} needs {ours}: {meant}")
        if value is not None and torchs not in arguments(kind):
            raise ValueError(f"{ours}={value!r}, but {kind.__name__} takes none: leave it out, or give another method")
    return {name: value for name, value in (("n", norm), ("dim", dim)) if value is not None}


def scope_of(kind: type[prune.BasePruningMethod], scope: str | None) -> str:
    single = kind.PRUNING_TYPE == "unstructured"
    if scope not in (None, "global", "local"):
        raise ValueError(f"scope={scope!r}: give 'global', all parameters together, or 'local', each for itself")
    if scope == "global" and not single:
        raise ValueError(
            f"scope='global', but {kind.__name__} is of the type {kind.PRUNING_TYPE!r}: torch ranks only "
            "single weights over several parameters; give scope='local'"
        )
    return scope or ("global" if single else "local")

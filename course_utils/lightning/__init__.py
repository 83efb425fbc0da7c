"""Callbacks for Lightning: pruning by a schedule, and quantization-aware training.

Each is loaded when it is asked for: pruning needs nothing of torch.ao. Only this package and the lessons
`lightning_qat` and `lightning_pruning` import Lightning. The package is no part of Lightning, whose own is `lightning`.
"""

from importlib import import_module

__all__ = ["ADVICE", "PruningSchedule", "QuantizationAwareTraining", "ignore_advice", "load_masked"]
PLACES = dict(zip(__all__, ["_advice", "pruning", "quantization", "_advice", "_masks"], strict=True))


def __getattr__(name: str) -> object:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"course_utils.lightning.{PLACES[name]}"), name)

"""Callbacks for Lightning: pruning by a schedule, and quantization-aware training.

Each is loaded when it is asked for: pruning needs nothing of torch.ao. Only this package and the lessons
`lightning_qat` and `lightning_pruning` import Lightning. The package is no part of Lightning, whose own is `lightning`.
"""

__all__ = ["ADVICE", "PruningSchedule", "QuantizationAwareTraining", "ignore_advice", "load_masked"]


def __getattr__(name: str) -> object:
    if name == "QuantizationAwareTraining":
        from course_utils.lightning.quantization import QuantizationAwareTraining as found
    elif name == "PruningSchedule":
        from course_utils.lightning.pruning import PruningSchedule as found
    elif name == "load_masked":
        from course_utils.lightning._masks import load_masked as found
    elif name in ("ADVICE", "ignore_advice"):
        from course_utils.lightning import _advice

        found = getattr(_advice, name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found

"""The arguments of `QuantizationAwareTraining`, each looked at when the callback is made."""

from __future__ import annotations

from collections.abc import Callable

from course_utils import legacy_int8
from course_utils.legacy_int8 import tq
from course_utils.lightning._fake_quantize import engine_qconfig

OBSERVERS = ("average", "histogram")
STAGES = ("train", "validate", "test", "predict")


def observer(name: object) -> str:
    """One of OBSERVERS."""
    if name not in OBSERVERS:
        raise ValueError(f"observer_type={name!r}; give 'average' or 'histogram'")
    return name


def qconfig(given: object, observer_type: str) -> tq.QConfig:
    """A QConfig that fake-quantizes: the one given, or that of an engine."""
    if isinstance(given, tq.QConfig):
        if not all(isinstance(part(), tq.FakeQuantizeBase) for part in given):
            raise ValueError(
                "qconfig: this QConfig only observes, so the model would train in float; give one whose "
                "activation and weight are FakeQuantize, such as tq.get_default_qat_qconfig(engine)"
            )
        return given
    has = legacy_int8.available()
    if not isinstance(given, str) or given not in has:
        raise ValueError(
            f"qconfig={given!r}; give an engine of this machine ({', '.join(has) or 'it has none'}), or a QConfig"
        )
    return engine_qconfig(given, observer_type)


def trigger(collect: object) -> int | Callable | None:
    """None, a count from 1, or a function."""
    count = isinstance(collect, int) and not isinstance(collect, bool) and collect > 0
    if collect is None or count or callable(collect):
        return collect
    raise ValueError(
        f"collect_quantization={collect!r}; give None, a count of batches from 1, or a function of the trainer"
    )


def groups(given: object) -> list[tuple[str, ...]]:
    """Groups of two or more names."""
    if given is None:
        return []
    fits = isinstance(given, list | tuple) and all(
        isinstance(group, list | tuple) and len(group) > 1 and all(isinstance(name, str) for name in group)
        for group in given
    )
    if not fits:
        raise ValueError(f"modules_to_fuse={given!r}; give a list of groups of names, such as [('conv', 'bn', 'relu')]")
    return [tuple(group) for group in given]


def stages(given: object) -> tuple[str, ...]:
    """Some of STAGES, at least one."""
    if (
        not isinstance(given, list | tuple | set | frozenset)
        or not given
        or not all(stage in STAGES for stage in given)
    ):
        raise ValueError(
            f"observer_enabled_stages={given!r}; give a tuple of some of {', '.join(map(repr, STAGES))}, at least one: "
            "without a batch observers know no range"
        )
    return tuple(given)

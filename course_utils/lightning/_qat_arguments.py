"""The arguments of `QuantizationAwareTraining`, each looked at when the callback is made."""

from __future__ import annotations

from course_utils import legacy_int8
from course_utils.legacy_int8 import tq
from course_utils.lightning._fake_quantize import engine_qconfig

STAGES = ("train", "validate", "test", "predict")


def refuse_others(observer_type: object, collect: object, groups: object, stages: object) -> None:
    """Refuse what is no observer, no trigger, no list of groups of names, or no stages; the ValueError says which."""
    count = isinstance(collect, int) and not isinstance(collect, bool) and collect > 0
    several = isinstance(stages, list | tuple | set | frozenset)
    named = isinstance(groups, list | tuple) and all(
        isinstance(group, list | tuple) and len(group) > 1 and all(isinstance(name, str) for name in group)
        for group in groups
    )
    for fits, given, wanted in (
        (observer_type in ("average", "histogram"), f"observer_type={observer_type!r}", "'average' or 'histogram'"),
        (
            collect is None or count or callable(collect),
            f"collect_quantization={collect!r}",
            "None, a count of batches from 1, or a function of the trainer",
        ),
        (groups is None or named, f"modules_to_fuse={groups!r}", "a list of groups of names: [('conv', 'bn', 'relu')]"),
        (
            several and stages and all(stage in STAGES for stage in stages),
            f"observer_enabled_stages={stages!r}",
            f"a tuple of some of {STAGES}, at least one: without a batch observers know no range",
        ),
    ):
        if not fits:
            raise ValueError(f"{given}; give {wanted}")


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

"""The one room that knows torch.ao: without it the rest of the library loads, and its warnings have one list."""

import subprocess
import sys
import warnings

import pytest
import torch
from torch import nn

from course_utils import legacy_int8
from course_utils.files import ROOT

# Another PyTorch: torch.ao is gone, and the packages beside it, which import it today, have moved on.
WITHOUT = """
import importlib, sys
import torch, torchvision, torchao.quantization, lightning.pytorch, torch._inductor.compile_fx
for name in [name for name in sys.modules if f"{name}.".startswith("torch.ao.")]:
    del sys.modules[name]
del torch.ao
class Gone:
    def find_spec(self, name, path=None, target=None):
        if f"{name}.".startswith("torch.ao."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Gone())
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        print(name, "loads")
    except ImportError as error:
        print(name, "needs it:", error)
from course_utils.callbacks import PruningSchedule
print(PruningSchedule("l1_unstructured", 0.5).densities(2))
"""
ABOUT_IT = {
    "course_utils.callbacks._fake_quantize",
    "course_utils.callbacks._qat_arguments",
    "course_utils.callbacks._quantized_forward",
    "course_utils.callbacks._trial",
    "course_utils.callbacks.quantization",
    "lessons.qat_cnn.checks",
    "lessons.depthwise.checks",
    "lessons.dynamic.checks",
    "lessons.static.checks",
}


def library():
    """The modules of the library, and the checks of the lessons."""
    paths = [*(ROOT / "course_utils").rglob("*.py"), *(ROOT / "lessons").glob("*/checks.py")]
    parts = [path.relative_to(ROOT).with_suffix("").parts for path in sorted(paths)]
    return [".".join(part[:-1] if part[-1] == "__init__" else part) for part in parts]


@pytest.mark.slow
def test_what_is_not_about_torch_ao_loads_without_it():
    names = library()
    assert ABOUT_IT < set(names)
    run = [sys.executable, "-W", "ignore", "-c", WITHOUT, *names]
    done = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, check=True)
    *lines, densities = done.stdout.splitlines()
    said = dict(line.split(" ", 1) for line in lines)
    assert {name for name, words in said.items() if words != "loads"} == ABOUT_IT and set(said) == set(names)
    for name in ABOUT_IT:
        assert "has no torch.ao.quantization any more" in said[name] and "constraints.txt" in said[name]
    assert densities == "[0.5, 0.25]"


def test_its_packages_are_torchs_own():
    import torch.ao.nn.quantized as nnq
    import torch.ao.quantization as tq

    assert legacy_int8.tq is tq and legacy_int8.nnq is nnq
    with pytest.raises(AttributeError, match="no attribute 'tqq'"):
        legacy_int8.tqq  # noqa: B018 - it is the look-up that raises


def old_int8():
    """Quantize and trace a network in a way that gives warnings of both lists."""
    model = nn.Sequential(legacy_int8.tq.QuantStub(), nn.Linear(4, 4), legacy_int8.tq.DeQuantStub()).eval()
    model.qconfig = legacy_int8.tq.get_default_qconfig(legacy_int8.best())
    return legacy_int8.tq.convert(legacy_int8.tq.prepare(model))  # no observer has seen anything


def test_quiet_holds_back_what_is_known_and_puts_the_filters_back():
    before = list(warnings.filters)
    with legacy_int8.quiet():
        old_int8()
    assert warnings.filters == before


def test_quiet_holds_back_nothing_else():
    with pytest.raises(UserWarning, match="another matter"), legacy_int8.quiet():
        warnings.warn("another matter", stacklevel=1)


def test_without_it_the_same_warns():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        old_int8()
    said = " ".join(str(warning.message) for warning in caught)
    assert "torch.ao.quantization is deprecated" in said and "must run observer" in said


def test_ignored_deprecations_leave_remarks_unless_asked():
    with warnings.catch_warnings():
        legacy_int8.ignore_deprecations()
        with pytest.raises(UserWarning, match="must run observer"):
            old_int8()
        legacy_int8.ignore_deprecations(remarks=True)
        assert type(old_int8()[1]).__name__ == "Linear"


def test_every_message_is_about_one_matter():
    """A pattern that matched anything would be wholesale."""
    for message in (*legacy_int8.DEPRECATIONS, *legacy_int8.REMARKS):
        assert len(message.strip(".*")) > 8
        with pytest.raises(DeprecationWarning), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message)
            warnings.warn("something else goes", DeprecationWarning, stacklevel=1)


def test_torch_has_an_engine_here():
    assert set(legacy_int8.available()) <= set(torch.backends.quantized.supported_engines)

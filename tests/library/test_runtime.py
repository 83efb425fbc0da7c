"""The switches of a run, the device, the threads, and what an import of the library costs."""

import ast
import datetime
import json
import os
import pkgutil
import subprocess
import sys

import numpy
import torch

import course_utils
from course_utils import runtime


def test_training_threads_are_bounded(monkeypatch):
    monkeypatch.setattr(runtime, "physical_cores", lambda: 8)
    monkeypatch.delenv("COURSE_THREADS", raising=False)
    assert runtime.training_threads() == 8
    monkeypatch.setenv("COURSE_THREADS", "2")
    assert runtime.training_threads() == 2
    monkeypatch.setenv("COURSE_THREADS", "100")
    assert runtime.training_threads() == 8


def test_provenance_is_plain_and_cheap():
    """It can stand in a record as it is, and says what this process runs with."""
    made = runtime.provenance()
    assert json.loads(json.dumps(made)) == made
    assert list(made) == ["date", "versions", "cpu", "architecture", "flags", "system", "threads"]
    assert datetime.date.fromisoformat(made["date"]) <= datetime.date.today() and made["cpu"]
    assert {"python", "torch", "torchvision", "torchao", "numpy"} <= made["versions"].keys()
    assert made["versions"]["torch"] == torch.__version__ and made["versions"]["numpy"] == numpy.__version__
    assert made["threads"] == torch.get_num_threads() and set(made["flags"]) <= set(runtime.FLAGS)


def modules():
    """Every module of the library, by name."""
    found = [m.name for m in pkgutil.walk_packages(course_utils.__path__, "course_utils.")]
    return ["course_utils", *found]


def loaded_after(*names, among):
    """Which packages of `among` a fresh Python has loaded after it has imported these modules."""
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {names}]; "
        f"print([name for name in {among} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ast.literal_eval(done.stdout.strip().splitlines()[-1])


def test_the_library_imports_nothing_heavy():
    """Every module but the callbacks of Lightning, which are subclasses of its own."""
    heavy = ["lightning", "torchao", "torch_pruning", "matplotlib", "torchvision", "onnx", "onnxruntime", "openvino"]
    light = [name for name in modules() if name != "course_utils.callbacks"]
    assert {"course_utils.timing", "course_utils.plots"} <= set(light)
    assert loaded_after(*light, among=heavy) == []


def test_what_stands_before_torch_does_without_it():
    """The library's name, the paths, the curriculum and the doctor work where torch is missing or broken."""
    early = ["course_utils", "course_utils.files", "tools.environment.curriculum", "tools.environment.doctor"]
    assert loaded_after(*early, among=["torch", "numpy", "matplotlib"]) == []


def test_torch_computes_as_the_processor_that_is_asked_for():
    """`course.py test` runs these tests once more as on another one."""
    asked = os.environ.get("ATEN_CPU_CAPABILITY", "").upper()
    assert asked in ("", torch.backends.cpu.get_cpu_capability())

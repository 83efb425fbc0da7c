"""The switches of a run, the device, the threads, and what an import of the library costs."""

import subprocess
import sys

import torch

from course_utils import runtime


def test_flags_are_off_unless_set(monkeypatch):
    for name, read in (("COURSE_QUICK", runtime.quick), ("COURSE_STRICT", runtime.strict),
                       ("COURSE_JUDGE_SPEED", runtime.judge_speed)):
        for value, expected in ((None, False), ("", False), ("0", False), ("1", True)):
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)
            assert read() is expected, (name, value)


def test_training_threads_are_bounded(monkeypatch):
    monkeypatch.setattr(runtime, "physical_cores", lambda: 8)
    monkeypatch.delenv("COURSE_THREADS", raising=False)
    assert runtime.training_threads() == 8
    monkeypatch.setenv("COURSE_THREADS", "2")
    assert runtime.training_threads() == 2
    monkeypatch.setenv("COURSE_THREADS", "100")
    assert runtime.training_threads() == 8


def test_seed_all_repeats_torch_and_python():
    import random

    runtime.seed_all(3)
    first = torch.rand(3).tolist(), random.random()
    runtime.seed_all(3)
    assert (torch.rand(3).tolist(), random.random()) == first


def test_describe_says_device_threads_and_version():
    text = runtime.describe("cpu")
    assert text.startswith("cpu") and torch.__version__ in text
    assert f"{torch.get_num_threads()} thread" in text


def test_bf16_is_read_from_the_capabilities(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert runtime.has_fast_bf16("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    assert not runtime.has_fast_bf16("cpu")


def test_the_library_imports_nothing_heavy():
    heavy = ["lightning", "torchao", "torch_pruning", "matplotlib"]
    modules = ["runtime", "tables", "timing", "energy", "models", "data", "training", "reports", "ledger", "plots",
               "claims", "checks.lesson_01"]
    code = (f"import sys, {', '.join('course_utils.' + name for name in modules)}; "
            f"print([name for name in {heavy} if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

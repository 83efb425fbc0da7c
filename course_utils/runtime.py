"""Where a lesson runs and how strictly: device, threads, seeds, and the switches of the tests.

Environment variables, read here and nowhere else in the library:

- ``COURSE_QUICK=1``: a smoke run. Little data, few steps, one round; claims are recorded, not judged.
- ``COURSE_STRICT=1``: a claim on structure or accuracy that fails raises; timings are short where claims on speed are
  not judged as well. The tests set it.
- ``COURSE_JUDGE_SPEED=1``: claims on speed are judged too. Publishing and the bench set it, alone on the machine.
- ``COURSE_THREADS``: upper bound for the threads of training.
"""

from __future__ import annotations

import datetime
import functools
import os
import platform
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata

import psutil
import torch

from course_utils.files import ROOT as ROOT


def _flag(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def quick() -> bool:
    """True in a smoke run (``COURSE_QUICK``)."""
    return _flag("COURSE_QUICK")


def strict() -> bool:
    """True when a claim that fails must raise (``COURSE_STRICT``)."""
    return _flag("COURSE_STRICT")


def judge_speed() -> bool:
    """True when claims on speed are judged (``COURSE_JUDGE_SPEED``)."""
    return _flag("COURSE_JUDGE_SPEED")


def best_device() -> torch.device:
    """CUDA when PyTorch can use it, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def physical_cores() -> int:
    """Cores without hyper-threading; at least 1, and 1 where the system does not say."""
    return psutil.cpu_count(logical=False) or 1


def training_threads() -> int:
    """Threads for training: the physical cores, at most ``COURSE_THREADS`` where that is set."""
    bound = os.environ.get("COURSE_THREADS")
    return max(1, min(physical_cores(), int(bound))) if bound else physical_cores()


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Run a block with `n` torch threads.

    Raises:
        ValueError: n below 1.
    Restores: the number of threads, also after an exception.
    """
    if n < 1:
        raise ValueError(f"threads must be 1 or more, got {n}")
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def seed_all(seed: int) -> None:
    """Seed Python's and torch's generators (every device)."""
    random.seed(seed)
    torch.manual_seed(seed)


def has_fast_bf16(device: torch.device | str = "cpu") -> bool:
    """True when `device` multiplies bfloat16 matrices in hardware.

    On a CPU that means AVX-512 BF16, AMX, or the ARM BF16 extension, as torch reports them; on CUDA,
    torch's own answer without emulation.
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has = torch.cpu.get_capabilities()
    return any(has.get(name) for name in ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16"))


# The instructions that decide which kernels torch takes, by torch's names for them.
FLAGS = (
    "avx2",
    "avx512_f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "neon",
    "dotprod",
    "i8mm",
    "bf16",
    "sve",
)
PACKAGES = ("torchvision", "torchao", "lightning", "numpy", "onnx", "onnxruntime", "openvino", "nncf")


def provenance() -> dict[str, object]:
    """When, with what and on what machine something was measured: plain values, as a record keeps them.

    Cheap (milliseconds): versions are read from the installed packages' metadata, no package is imported.

    Returns:
        "date": today, ISO; "versions": name -> version of Python and of torch and each of `PACKAGES` that is installed;
        "cpu": the processor's name; "architecture": for example "x86_64"; "flags": those of `FLAGS` that the
        processor has; "system": for example "Linux"; "threads": torch's threads in this process.
    """
    has = torch.cpu.get_capabilities()
    return {
        "date": datetime.date.today().isoformat(),
        "versions": dict(_versions()),
        "cpu": chip("cpu"),
        "architecture": platform.machine(),
        "flags": [name for name in FLAGS if has.get(name)],
        "system": platform.system(),
        "threads": torch.get_num_threads(),
    }


def chip(device: torch.device | str) -> str:
    """Name of the chip behind a device: the GPU's, or the processor's."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return torch.cpu.get_capabilities().get("cpu_name") or platform.processor() or platform.machine() or "CPU"


@functools.cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "torch": str(torch.__version__)}  # its metadata leave out "+cu130"
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found

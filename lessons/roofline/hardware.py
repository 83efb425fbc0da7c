"""What the system tells about the machine: the sizes of its caches, and the joules that it counts itself.

Both are files of Linux (``/sys``), and NVIDIA's own counter for its cards. Where they are missing, or may not be read,
the answer is an empty dict: other systems have no such files, and many Linux systems let the administrator alone read
the counters of energy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from course_utils.measure.timing import synchronise

SYS = Path("/sys")
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def cache_bytes(*, root: Path = SYS) -> dict[str, int]:
    """Bytes of each cache that holds data, as the system reports them for its first core: "L1" first.

    A virtual machine may report a cache that it shares with others, or may not report one at all.

    Args:
        root: what stands for ``/sys``.
    """
    found = {}
    for folder in sorted((root / "devices/system/cpu/cpu0/cache").glob("index*")):
        with suppress(OSError, ValueError, KeyError):
            kind, level, size = ((folder / name).read_text().strip() for name in ("type", "level", "size"))
            if kind != "Instruction":
                found[f"L{int(level)}"] = int(size[:-1]) * UNITS[size[-1]]
    return found


def joules(device: torch.device | str = "cpu", *, root: Path = SYS) -> dict[str, float]:
    """Joules counted since some start: a zone each for the processor, for its memory, and for the GPU.

    Args:
        device: a card's counter is read where this is "cuda".
        root: what stands for ``/sys``.
    Returns:
        zone -> joules; empty where no counter can be read. "package" is the whole processor without its memory.
    """
    zones = {}
    for folder in sorted((root / "class/powercap").glob("intel-rapl:*")):
        with suppress(OSError, ValueError):
            name = f"{(folder / 'name').read_text().strip()} ({folder.name})"
            zones[name] = int((folder / "energy_uj").read_text()) / 1e6
    if torch.device(device).type == "cuda":
        with suppress(Exception):  # no library, an old card, or no permission: all mean "not here"
            import pynvml  # not a part of this course; NVIDIA publishes it as nvidia-ml-py

            pynvml.nvmlInit()
            card = pynvml.nvmlDeviceGetHandleByIndex(torch.device(device).index or 0)
            zones["GPU"] = pynvml.nvmlDeviceGetTotalEnergyConsumption(card) / 1e3
    return zones


def joules_while(
    work: Callable[[], object], *, seconds: float = 2.0, device: torch.device | str = "cpu", root: Path = SYS
) -> tuple[dict[str, float], int]:
    """Joules counted in each zone while `work` runs again and again, and how often it ran.

    A counter that began again at zero meanwhile is left out.

    Args:
        work: what to run.
        seconds: for about how long.
        device: where it runs.
        root: what stands for ``/sys``.
    """
    before, start, calls = joules(device, root=root), time.perf_counter(), 0
    while calls == 0 or time.perf_counter() - start < seconds:
        work()
        synchronise(device)
        calls += 1
    after = joules(device, root=root)
    return {zone: after[zone] - j for zone, j in before.items() if after.get(zone, -1.0) >= j}, calls

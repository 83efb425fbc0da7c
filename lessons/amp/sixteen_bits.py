"""How many times faster a device is in 16 bits: a product, an addition, whole training steps; and what others measured.

- `race(device)` measures it here. `recorded(device)` gives the same figures with date, versions and processor, as
  ``python3 course.py bench sixteen_bits`` writes them to a file in `records/sixteen_bits/`.
- `records()` gives those files, by what is said of them in a table: "AMD EPYC, with units".
"""

from __future__ import annotations

import json
from collections.abc import Callable

import torch
from torch.nn import functional as F

from course_utils import models, runtime, timing
from course_utils.files import ROOT, command

FOLDER = ROOT / "records" / "sixteen_bits"
COMMAND = "python3 course.py bench sixteen_bits"
FEW_ROUNDS = 3  # where a call takes long: without 16-bit units a product takes up to 70 times as long


def low_type(device: torch.device | str) -> torch.dtype:
    """The 16-bit type that autocast takes on this kind of device."""
    return torch.float16 if torch.device(device).type == "cuda" else torch.bfloat16


def sizes(device: torch.device | str) -> dict[str, tuple[int, int]]:
    """What is timed: name -> (width of the three layers, batch). A small network does not fill a GPU."""
    width, batch = (4096, 4096) if torch.device(device).type == "cuda" else (1024, 256)
    return {
        "large": (width, batch),
        "odd size": (width - 23, batch - 3),
        "narrow, batch 1,024": (128, 1024),
        "narrow, batch 16": (128, 16),
    }


def product(dtype: torch.dtype, device: torch.device) -> Callable[[], object]:
    """A product of two matrices, 1,024 by 1,024."""
    a = torch.randn(1024, 1024, device=device).to(dtype)
    return lambda: a @ a


def product_through_fp32(dtype: torch.dtype, device: torch.device) -> Callable[[], object]:
    """The product of two such 16-bit matrices by hand: converted to fp32, multiplied there, and the result rounded."""
    a = torch.randn(1024, 1024, device=device).to(dtype)
    return lambda: (a.float() @ a.float()).to(dtype)


def product_by_onednn() -> Callable[[], object]:
    """A product of that size in fp32 by oneDNN, the library that PyTorch takes for 16 bits on a CPU."""
    m = torch.randn(1024, 1024).to_mkldnn()
    return lambda: F.linear(m, m)


def addition(dtype: torch.dtype, device: torch.device) -> Callable[[], object]:
    """A sum of two vectors of 16 million numbers."""
    a = torch.randn(2**24, device=device).to(dtype)
    out = torch.empty_like(a)
    return lambda: torch.add(a, a, out=out)


def training_step(
    width: int,
    batch: int,
    autocast: bool,
    scaling: bool,
    device: torch.device,
    stored: torch.dtype = torch.float32,
) -> Callable[[], object]:
    """One training step of a new network of three linear layers; `stored`: the type of its weights and inputs."""
    net = models.make_mlp(width, width, n_layers=3).to(device, stored)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler(device.type, enabled=scaling)
    x, y = (torch.ones(batch, width, device=device, dtype=stored) for _ in range(2))

    def step():
        with torch.autocast(device.type, dtype=low_type(device), enabled=autocast):
            loss = F.mse_loss(net(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    return step


def race(device: torch.device | str | None = None, *, rounds: int = 7) -> dict[str, dict[str, list[float]]]:
    """How many times faster than fp32, each as [first quartile, median, third quartile] over rounds.

    Args:
        device: None = the best device.
        rounds: samples of each; at most three where a call takes a quarter of a second or longer.
    Returns:
        "product", "addition" and each of `sizes` -> name of a variant -> the three numbers. "with scaler": at the large
        size alone; "stored": weights and inputs in 16 bits, without autocast, for narrow networks alone. The baseline,
        PyTorch's usual fp32, is left out.
    """
    device = torch.device(device) if device else runtime.best_device()
    low = low_type(device)
    races = {
        what: {"fp32": make(torch.float32, device), "16 bits": make(low, device)}
        for what, make in (("product", product), ("addition", addition))
    }
    races["product"]["16 bits, through fp32"] = product_through_fp32(low, device)
    if device.type == "cpu" and torch.backends.mkldnn.is_available():
        races["product"]["fp32, oneDNN"] = product_by_onednn()
    for size, shape in sizes(device).items():
        races[size] = {
            "fp32": training_step(*shape, False, False, device),
            "autocast": training_step(*shape, True, False, device),
        }
        if size == "large":  # what a scaler costs is asked once: without units a step takes a second
            races[size]["with scaler"] = training_step(*shape, True, True, device)
        if shape[0] < 1000:
            # Converts nothing in the step: tells the price of the conversions from that of the products.
            races[size]["stored"] = training_step(*shape, False, False, device, stored=low)
    found = {}
    for what, candidates in races.items():
        times = timing.compare(candidates, rounds=rounds, rounds_if_long=FEW_ROUNDS, device=device)
        found[what] = {}
        for name in list(candidates)[1:]:
            low_end, high_end = times.ratio_quartiles(name)
            found[what][name] = [round(ratio, 3) for ratio in (low_end, times.ratio(name), high_end)]
    return found


def recorded(device: torch.device | str | None = None, *, rounds: int = 7) -> dict[str, object]:
    """The figures of `race` with what is needed to understand them: a record."""
    device = torch.device(device) if device else runtime.best_device()
    return {**described(device), "command": COMMAND, "times_faster": race(device, rounds=rounds)}


def described(device: torch.device | str) -> dict[str, object]:
    """When and where: `runtime.provenance`, and the device, its name, its 16-bit type, and whether it has units."""
    device = torch.device(device)
    return {
        **runtime.provenance(),
        "threads": 1,
        "device": device.type,
        "chip": runtime.chip(device),
        "type": str(low_type(device)).removeprefix("torch."),
        "units": runtime.has_fast_bf16(device),
    }


def kind(record: dict) -> str:
    """What decides how fast a chip is in 16 bits: units or, on a CPU without, the library that PyTorch can call."""
    if record["device"] == "cuda":
        return "GPU"
    if record["units"]:
        return "with units"
    flags = record["flags"]
    return ("AVX-512, " if "avx512_f" in flags else "AVX2, " if "avx2" in flags else "") + "no units"


def called(record: dict) -> str:
    """What a record is called in a table: the chip and its kind."""
    return f"{record['chip']}, {kind(record)}"


def records() -> dict[str, dict]:
    """The records that came with the course: what `called` says of a record -> what `recorded` gave there.

    Raises:
        FileNotFoundError: there is none.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    if not found:
        raise FileNotFoundError(f"no record in {FOLDER}: make one with {command('bench', 'sixteen_bits')}")
    return {called(record): record for record in found}

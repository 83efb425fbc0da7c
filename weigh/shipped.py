"""The chosen form as one file, with the lines that open it, which a fresh process has run; and one report."""

from __future__ import annotations

import copy
import gzip
import io
import json
import math
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from course_utils import runtime
from course_utils.int8_routes.torch_compiled import INT8_LOWERING
from course_utils.tables import si
from weigh import ways
from weigh.forms import Row, cast
from weigh.result import KEEPS, choose, misses, recommend, times, unsure
from weigh.sheet import Sheet, agreement, sentence

TRIAL_S = 300.0  # after which a fresh process is given up; it may have to compile
SLOWER = 1.5  # times the time in the table, from which on the report says so
# Runs the lines of a recipe, which it is given as text: those that open the file once, the last one for each batch.
FRESH = """
import contextlib, sys, time, torch
opening, call, batches, others = torch.load("recipe.pt")
torch.set_num_threads(1)
here, outs, took = {}, [], []
def run(xs):
    here.update(xs)
    exec(call, here)
    return torch.as_tensor(here["out"]).detach()
start = time.perf_counter()
exec(opening, here)
first = run(batches[0])
opened = time.perf_counter() - start
outs = [run(xs) for xs in batches]
for _ in range(7):
    start = time.perf_counter()
    run(batches[0])
    took.append(time.perf_counter() - start)
with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as trace:
    run(batches[0])
more = [None for _ in others]
for i, xs in enumerate(others):
    with contextlib.suppress(Exception):
        more[i] = run(xs)
torch.save((outs, opened, min(took), [event.name for event in trace.events()], more), "outputs.pt")
"""


def recipe(file: str, row: Row, example: tuple[Tensor, ...], given: str = "") -> tuple[str, str]:
    """The lines that open the file of a row, and the one that calls it: what a reader types, whole.

    Args:
        file: its name; the suffix says what it is.
        row: the form that it holds.
        example: the tensors of one batch; the last line calls them x, or x0, x1, ….
        given: the number format of the model, where it was not given in float32: its inputs have the same.
    """
    names, to_float = _names(example), ".float()" * bool(given)
    floats = [x.is_floating_point() for x in example]
    if file.endswith(".onnx"):
        arrays = [f"{name}{to_float * float_}.numpy()" for name, float_ in zip(names, floats, strict=True)]
        if row.way.engine == "openvino":
            options = 'options = {"INFERENCE_PRECISION_HINT": "f32"}  # else OpenVINO may round the rest to bfloat16'
            return (
                f'import openvino\n\n{options}\nmodel = openvino.Core().compile_model("{file}", "CPU", options)',
                f"out = model([{', '.join(arrays)}])[0]",
            )
        fed = ", ".join(f'"x{i}": {array}' for i, array in enumerate(arrays))
        return (
            f'import onnxruntime\n\nmodel = onnxruntime.InferenceSession("{file}")',
            f"out = model.run(None, {{{fed}}})[0]",
        )
    program, packed = ".pt2" in file, file.endswith(".gz")
    lines = ["import gzip", ""] * packed + ["import torch"]
    if program and row.way.int8:
        lines.append(f"import {INT8_LOWERING}  # the file's operators, and their int8 kernels")
    lines.append("")
    load = f'gzip.open("{file}")' if packed else f'"{file}"'
    load = f"torch.export.load({load}).module()" if program else f"torch.jit.load({load})"
    if row.way.compiled:
        lines.append("torch._inductor.config.freezing = True  # the weights stay: only then they are rearranged")
        lines.append("torch.set_grad_enabled(False)  # and only where nothing asks for gradients")
        load = f"torch.compile({load})"
    halved = f".{str(row.way.dtype).removeprefix('torch.')}()" if row.way.dtype != torch.float32 else ""
    fed = ", ".join(n + (halved or to_float) * float_ for n, float_ in zip(names, floats, strict=True))
    return "\n".join([*lines, f"model = {load}"]), f"out = model({fed}){'.float()' if halved else ''}"


def _names(example: tuple[Tensor, ...]) -> list[str]:
    return ["x"] if len(example) == 1 else [f"x{i}" for i in range(len(example))]


def ship(sheet: Sheet, limits: Mapping[str, float] | None = None, folder: Path | str = ".") -> dict:
    """Write the chosen form as one file and `report.json`; a fresh process opens the file and is compared.

    The file needs no code of yours: an exported program (.pt2, packed .pt2.gz), an ONNX file, or TorchScript (.pt), the
    first that keeps the limits and that a fresh process can open, by the lines of the report, with the same answers and
    as many products in int8. Where it misses the limits, the next best form is written. Where none stands alone, the
    file holds the weights alone. A file that misses the limits is called `closest_…`, any other `your_…`.

    Args:
        sheet: with rows that are timed.
        limits: as for `recommend`.
        folder: where the two files go.
    Returns:
        The report: "recommendation", "keeps_limits", "misses" (by what, in words), "clock" (why the times cannot be
        trusted, or ""), "file" (its name, or why there is none), "file_bytes", "opened_elsewhere" (in words, with the
        lines), "rows", "facts", "where" (machine and versions).
    """
    folder, name = Path(folder), None
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        short, path, words = _settled(sheet, limits, Path(place))
        if path:
            name = f"{'closest' if short else 'your'}_{path.name}"
            words = words.replace(f'"{path.name}"', f'"{name}"')
            shutil.move(path, folder / name)
    report = {
        "recommendation": recommend(sheet, limits),
        "limits": dict(limits or {}),
        "keeps_limits": not short and name is not None,
        "misses": short,
        "file": name,
        "file_bytes": (folder / name).stat().st_size if name else None,
        "opened_elsewhere": words,
        "clock": unsure(sheet),
        "doubt": sheet.doubt,
        "facts": sheet.facts,
        "rows": [_plain(row) for row in sheet.rows],
        "where": runtime.provenance(),
    }
    (folder / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return report


def _settled(sheet: Sheet, limits: Mapping[str, float] | None, place: Path) -> tuple[str, Path | None, str]:
    """Write what is chosen, and choose again by what its file has: by what the last one misses, the file, and words."""
    files: dict[int, tuple[Path | None, str]] = {}  # by the id of the row
    while id(row := choose(sheet, limits)[0]) not in files:
        (folder := place / str(len(files))).mkdir()
        files[id(row)] = _file(sheet, row, limits, folder)
    tried = [row for row in sheet.rows if id(row) in files and row.built.module is not None]
    if choose(sheet, limits)[1] and (light := [r for r in tried if not misses(sheet, replace(r, opened=None), limits)]):
        files[id(light[0])] = _weights(sheet, light[0], place, "No file that stands alone keeps the limits.")
    row, short = choose(sheet, limits)
    return short, *files[id(row)]


def _file(sheet: Sheet, row: Row, limits: Mapping[str, float] | None, place: Path) -> tuple[Path | None, str]:
    """Write a row as a file that stands alone, else its weights, and fill `row.opened`; what came of it, in words."""
    said, made = [], []
    for suffix, write in _forms(row):
        path = place / f"model{suffix}"
        try:
            with ways.within(sheet.step), ways.quietly(), torch.no_grad():
                write(path, sheet.example)
            made.append((*_elsewhere(path, sheet, row, (limits or {}).get("ms", math.inf)), path))
            if not misses(sheet, made[-1][0], limits):
                break
        except (Exception, ways.OutOfTime) as error:
            said.append(f"{suffix}: {sentence(error)}")
    if made:
        row.opened, words, path = min(made, key=lambda one: misses(sheet, one[0], limits))
        return path, words
    why = f"A file that stands alone could not be made: {' '.join(said)}"  # without a module there are no weights
    return (None, why) if row.built.module is None else _weights(sheet, row, place, why)


def _plain(row: Row) -> dict:
    names = ("name", "file_bytes", "ms", "ms_all", "in_int8", "agreement", "accuracy", "divergence", "remark", "front")
    return {name: getattr(row, name) for name in names}


def _weights(sheet: Sheet, row: Row, place: Path, why: str) -> tuple[Path, str]:
    """The numbers alone, in a file as it was weighed for the table; what to do with it, in words and lines."""
    path = place / f"weights.pt{'.gz' * row.way.packed}"
    _write(path, lambda file: torch.save(row.built.module.model.state_dict(), file))
    row.opened = replace(row, opened=None, file_bytes=path.stat().st_size)
    try:
        same, lines = _rebuilt(sheet, row, path)
    except Exception as error:
        do = f"build the model with your code, do “{row.name}” to it, then load them ({sentence(error)})"
        return path, f"The file holds the weights alone: {do}. {why}"
    return path, (
        f"The file holds the weights alone, and these lines make “{row.name}” of them and of your network. They were "
        f"run here on a copy, which gives {same:.0%} of the same answers. {why}\n\n{lines}"
    )


def _rebuilt(sheet: Sheet, row: Row, path: Path) -> tuple[float, str]:
    """The lines that make a form of the network and a file of weights, run on a copy; the share of equal answers.

    Raises:
        ValueError: there are no such lines, or fewer than `KEEPS` of the answers are the same; or what the lines raise.
    """
    if row.built.rebuild is None:
        raise ValueError("its layers have other shapes than yours, so no lines of ours do that")
    load = f'gzip.open("{path.name}")' if row.way.packed else f'"{path.name}"'
    if any(isinstance(value, torch.ScriptObject) for value in row.built.module.model.state_dict().values()):
        load += ", weights_only=False"  # a recurrent layer in int8 packs its weights into an object
    assign = ", assign=True" * ("quantize_(" in row.built.rebuild)  # else torchao would copy into float weights
    imports, _, made = row.built.rebuild.rpartition("\n\n")
    lines = "import gzip\n\n" * row.way.packed + f"import torch\n{imports}".rstrip() + "\n\n"
    lines += f"model = model.float().eval()  # your network\n{made}\nmodel.load_state_dict(torch.load({load}){assign})"
    lines = lines.replace("\n\nmodel.load", "\nmodel.load")
    here = {"model": copy.deepcopy(sheet.one.model)}
    for tensor in here["model"].parameters():
        tensor.zero_()  # all must come from the file
    engine, fused = torch.backends.quantized.engine, torch.backends.mha.get_fastpath_enabled()
    try:
        with ways.quietly(), torch.no_grad():
            exec(lines.replace(f'"{path.name}"', repr(str(path))), here)
            (one := sheet.copy()).model = here["model"]
            ours = [sheet.answer(one(*cast(xs, row.way.dtype)).float()) for xs in sheet.judging]
    finally:
        torch.backends.quantized.engine = engine
        torch.backends.mha.set_fastpath_enabled(fused)
    with ways.quietly(), torch.no_grad():
        same = agreement(ours, [sheet.answer(row.built.call(xs)) for xs in sheet.judging])
    if same < KEEPS:
        raise ValueError(f"the lines for it gave {same:.0%} of the same answers")
    return same, lines


def _write(path: Path, save: Callable[[io.BytesIO], object]) -> None:
    """Write what `save` writes, gzipped where the name says so."""
    save(held := io.BytesIO())
    path.write_bytes(gzip.compress(held.getvalue(), 6) if path.suffix == ".gz" else held.getvalue())


def _forms(row: Row) -> Iterator[tuple[str, Callable[[Path, tuple[Tensor, ...]], object]]]:
    """Suffix of a file that may stand for a row, and what writes it, the best one first."""
    built = row.built
    if built.path is not None:
        yield built.path.suffix, lambda path, _: path.write_bytes(built.path.read_bytes())
        return

    def export(path: Path, xs: tuple[Tensor, ...]) -> None:
        program = torch.export.export(built.module, cast(xs, row.way.dtype))
        program.example_inputs = None
        _write(path, lambda file: torch.export.save(program, file))

    def script(path: Path, xs: tuple[Tensor, ...]) -> None:
        with ways.as_int8_needs(), warnings.catch_warnings():
            warnings.filterwarnings("error", "Converting a tensor to a Python", torch.jit.TracerWarning)
            # an error: it would hold one branch of two
            torch.jit.save(torch.jit.trace(built.module, cast(xs, row.way.dtype)), path)

    yield f".pt2{'.gz' * row.way.packed}", export
    if not row.way.packed:
        yield ".pt", script


def _elsewhere(path: Path, sheet: Sheet, row: Row, most_ms: float = math.inf) -> tuple[Row, str]:
    """Open a file in a fresh process by the lines of its recipe, call it there, and compare.

    Returns:
        The row with the bytes and the answers of the file as it was opened there; what came of it, in words.
    Raises:
        RuntimeError: the process failed, its answers differ, or it made fewer products in int8.
    """
    opening, call = recipe(path.name, row, sheet.example, sheet.given[0])
    names = _names(sheet.example)
    batches = [dict(zip(names, xs, strict=True)) for xs in sheet.judging]
    others = [xs for xs in _of_other_shapes(sheet.example) if not row.way.compiled]  # it would be compiled again
    given = [dict(zip(names, xs, strict=True)) for xs in others]
    torch.save((opening, call, batches, given), path.with_name("recipe.pt"))
    words = [sys.executable, "-W", "ignore", "-c", FRESH]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", cwd=path.parent, timeout=TRIAL_S)
    if done.returncode:
        raise RuntimeError(f"a fresh process could not open it: {(done.stderr.strip() or '?').splitlines()[-1]}")
    outs, opened_s, call_s, events, more = torch.load(path.with_name("outputs.pt"))
    theirs, (int8, _) = [sheet.answer(out.float()) for out in outs], ways.counted(events)
    with ways.quietly(), torch.no_grad():
        same = agreement(theirs, [sheet.answer(row.built.call(xs)) for xs in sheet.judging])
        expected, _ = ways.products(row.built.call, sheet.example)
    if same < KEEPS:
        raise RuntimeError(f"in a fresh process it gives {same:.0%} of the same answers")
    if int8 < expected:
        raise RuntimeError(f"in a fresh process it makes {int8} products in int8, and {expected} were made here")
    there = replace(
        row,
        opened=None,
        file_bytes=path.stat().st_size,
        agreement=agreement(theirs, sheet.expected),
        accuracy=agreement(theirs, sheet.labels) if sheet.labels else None,
    )
    over = row.ms <= most_ms < 1e3 * call_s  # the table kept the limit
    slow = over or 1e3 * call_s > SLOWER * max(row.ms, row.ms_all or 0)
    held = [_shapes(xs) for xs, out in zip(others, more, strict=True) if _as_before(sheet, row, xs, out)]
    size = times(sheet.file_bytes / there.file_bytes, "smaller", "larger")
    parts = [
        f"the file has {si(there.file_bytes, 'B')} ({size} than the saved weights of the model as it is)",
        f"{same:.0%} of its answers are the same as before it was a file",
        *[f"{int8} products are in int8"] * (int8 > 0),
        f"a call takes {1e3 * call_s:.3g} ms",
        f"and the first answer was there after {opened_s:.0f} s",
    ]
    made = f"It was made for inputs of this shape{' alone' * (not held)}: {_shapes(sheet.example)}"
    made += f". It also took {' and '.join(held)}; no other was tried" if held else "; for another, weigh inputs of it"
    said = f"A fresh process ran these lines: {', '.join(parts)}. {made}."
    if slow:
        late = f", and misses your limit of {most_ms:g} ms" * over
        said = (
            f"The file was slower here: a call took {1e3 * call_s:.3g} ms{late}; in the table it's {row.ms:.3g} ms. "
            "This time nothing ran in turn with it, so time it where it will run before you believe either.\n" + said
        )
    return there, f"{said}\n\n{opening}\n{call}"


def _shapes(xs: tuple[Tensor, ...]) -> str:
    return ", ".join(str(tuple(x.shape)) for x in xs)


def _of_other_shapes(xs: tuple[Tensor, ...]) -> Iterator[tuple[Tensor, ...]]:
    """A batch of twice as many inputs and, where it holds token ids, one of half as many tokens."""
    yield tuple(torch.cat([x, x]) if x.dim() else x for x in xs)
    for n in [x.shape[1] for x in xs if x.dim() == 2 and x.shape[1] > 1 and not x.is_floating_point()][:1]:
        yield tuple(x[:, : n // 2] if x.dim() > 1 and x.shape[1] == n else x for x in xs)


def _as_before(sheet: Sheet, row: Row, xs: tuple[Tensor, ...], out: Tensor | None) -> bool:
    """Whether a fresh process gave an output for a batch, with the answers that the row gives here."""
    with suppress(Exception), ways.quietly(), torch.no_grad():
        here = row.built.call(xs)
        return here.shape == out.shape and agreement([sheet.answer(out.float())], [sheet.answer(here)]) >= KEEPS
    return False

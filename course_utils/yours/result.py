"""What comes out of a sheet: one table, one figure, one sentence, one file that a fresh process opens, one report."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils import runtime, syllabus
from course_utils.show import plots
from course_utils.show.tables import Table, si
from course_utils.yours import ways
from course_utils.yours.sheet import Row, Sheet, agreement, bytes_of, layers_of, look, sentence

LIMITS = {  # what a reader may ask for -> its words, and whether more is better
    "mb": ("megabytes of the file", False),
    "ms": ("milliseconds a call on one thread", False),
    "agreement": ("share of answers that stay, 0 to 1", True),
    "accuracy": ("share of right answers, 0 to 1", True),
}
KEEPS = 0.98  # the agreement that a recommendation asks for when the limits say nothing of answers
LESSONS = {  # beginning of a row's name -> the lessons that explain it, the first that there is
    ways.CUT: ("structured",),
    ways.MASKED: ("prune_module",),
    "int8 static": ("pt2e", "static"),
    "int8 dynamic (torchao)": ("torchao",),
    "int8 weights": ("torchao",),
    "int8 dynamic": ("dynamic",),
    "ONNX": ("choosing",),
    "16 bits": ("formats",),
    "float": ("choosing",),
}
FRESH = """
import sys, time, torch
start, (path, inputs, outputs) = time.perf_counter(), sys.argv[1:]
batches = torch.load(inputs)
with torch.no_grad():
    if path.endswith(".onnx"):
        import onnxruntime
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [given.name for given in session.get_inputs()]

        def run(*xs):
            return torch.from_numpy(session.run(None, {n: x.numpy() for n, x in zip(names, xs)})[0])
    elif path.endswith(".pt2"):
        import torchao.quantization.pt2e  # knows the operators of the file
        run = torch.export.load(path).module()
    else:
        run = torch.jit.load(path)
    outs = [run(*xs) for xs in batches]
torch.save(outs, outputs)
print(f"{time.perf_counter() - start:.1f}")
"""

OPENS = {  # what a file's reader types
    ".onnx": 'onnxruntime.InferenceSession("{}")',
    ".pt2": 'import torchao.quantization.pt2e; torch.export.load("{}").module()',
    ".pt": 'torch.jit.load("{}")',
}


def front(rows: Sequence[Row]) -> list[Row]:
    """The rows to which no other is at least as good in bytes, time and answers, and better in one; marks them too."""
    done = [row for row in rows if row.built and row.ms]

    def values(row: Row) -> tuple[float, ...]:
        return row.file_bytes, row.ms, -_quality(row)

    for row in rows:
        row.front = row in done and not any(
            all(b <= a for a, b in zip(values(row), values(other), strict=True)) and values(row) != values(other)
            for other in done
        )
    return [row for row in done if row.front]


def _quality(row: Row) -> float:
    return row.accuracy if row.accuracy is not None else row.agreement


def table(sheet: Sheet, *, clock: bool = True) -> Table:
    """All rows, ★ on those of the front. What was made in different cells is timed once more, all in turn.

    Args:
        sheet: with rows, of `run` and `cut`.
        clock: time all rows again.
    """
    if clock:
        ways.clocked(sheet, sheet.rows)
    front(sheet.rows)
    judged = any(row.accuracy is not None for row in sheet.rows)
    head = ["", "", "file", "ms, 1 thread", f"ms, {runtime.physical_cores()} cores", "in int8", "answers kept"]
    lines = [
        [
            "★" if row.front else "",
            row.name,
            si(row.file_bytes, "B") if row.file_bytes else "–",
            _ms(row.ms),
            _ms(row.ms_all),
            row.in_int8 or "–",
            _share(row.agreement),
            *[_share(row.accuracy)] * judged,
            row.remark,
        ]
        for row in sheet.rows
    ]
    caption = f"Answers: {sheet.doubt}." if sheet.doubt else None
    return Table([*head, *["right answers"] * judged, "remark"], lines, caption=caption)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def figure(sheet: Sheet) -> None:
    """Show bytes against time, a point a row; the front is full; it and the first have names."""
    best = sorted(front(sheet.rows), key=lambda row: row.file_bytes)
    rows = [row for row in sheet.rows if row.built and row.ms]
    fig, ax = plots.figure(size=(12, 6))
    for row in rows:
        colour = plots.COLOURS["orange" if row.agreement < KEEPS else "blue"]
        at = row.file_bytes / 1e6, row.ms
        ax.scatter(*at, s=120, color=colour, facecolor=colour if row in best else "white", linewidth=2)
        if row in best or row is rows[0]:
            ax.annotate(row.name, at, xytext=(10, 4), textcoords="offset points", fontsize=16)
    ax.set(xscale="log", yscale="log", xlabel="file, MB", ylabel="ms a call, one thread")
    ax.margins(x=0.3, y=0.15)
    kept = ", ".join(row.name for row in best)
    plots.show(
        fig,
        alt=f"Bytes of the file against milliseconds a call for {len(rows)} forms of one model. On the front: {kept}.",
        caption="Left and down is better. Full points are on the front; orange ones lose more than 2 % of the answers. "
        "The table names the others.",
    )


def recommend(rows: Sequence[Row], limits: Mapping[str, float] | None = None) -> str:
    """What to ship, what it costs, and which lesson comes next, or that nobody fits: one sentence.

    Args:
        rows: measured ones, the model as it is first.
        limits: of `LIMITS`: "mb" (megabytes), "ms" (milliseconds on one thread) at most, "agreement", "accuracy" (0 to
            1) at least. Without one for answers, 98 % of them must stay.
    Raises:
        ValueError: an unknown limit, or one that is no number.
    """
    chosen, misses = choose(rows, limits)
    base = next(row for row in rows if row.built)
    if misses:
        return f"Nobody fits; the nearest is “{chosen.name}”, which misses by {misses}."
    if chosen is base:
        return (
            "Ship the model as it is: nothing that was tried keeps its answers and wins bytes or time without losing "
            "the other; limits say which of the two may pay."
        )
    smaller, faster = base.file_bytes / chosen.file_bytes, base.ms / chosen.ms
    cost = f"{1 - chosen.agreement:.1%} of its answers change" if chosen.agreement < 1 else "no answer changes"
    if chosen.accuracy is not None:
        cost += f", {100 * (chosen.accuracy - base.accuracy):+.1f} points of accuracy"
    marked = f" ({chosen.remark})" if chosen.remark else ""
    gains = f"{_times(smaller, 'smaller', 'larger')} than the model as it is, {_pace(faster)}"
    return f"Ship “{chosen.name}”{marked}: {gains}, and {cost} on the judging half; {_lesson(chosen.name)} explains it."


def _times(ratio: float, better: str, worse: str) -> str:
    if 0.95 < ratio < 1.05:
        return f"not {better}"
    return f"{ratio:.3g} times {better}" if ratio > 1 else f"{1 / ratio:.3g} times {worse}"


def _pace(ratio: float) -> str:
    if 0.95 < ratio < 1.05:
        return "as fast"
    return f"{ratio:.3g} times as fast" if ratio > 1 else f"taking {1 / ratio:.3g} times as long"


def choose(rows: Sequence[Row], limits: Mapping[str, float] | None = None) -> tuple[Row, str]:
    """The row to ship, and by what it misses the limits ("" where it fits); see `recommend`."""
    limits = dict(limits or {})
    for name, value in limits.items():
        if name not in LIMITS or not isinstance(value, int | float):
            known = ", ".join(f"{key} ({words})" for key, (words, _) in LIMITS.items())
            raise ValueError(f"the limit {name}={value!r} is not one of these, with a number: {known}")
    if not {"agreement", "accuracy"} & set(limits):
        limits["agreement"] = KEEPS
    done = [row for row in rows if row.built and row.ms]
    if not done:
        raise ValueError("no row was measured: run(sheet) first, and see its remarks")
    short = {id(row): _misses(row, limits) for row in done}
    fitting = [row for row in done if not short[id(row)]]
    # Whoever asked for bytes may pay with time, and the other way round; whoever asked for nothing pays with neither.
    fair = [
        row
        for row in fitting
        if ("mb" in limits or row.ms < 1.1 * done[0].ms)
        and ("ms" in limits or row.file_bytes < 1.05 * done[0].file_bytes)
    ]
    # Who was not trained after a cut comes last: random weights and easy batches may keep their answers all the same.
    fair = [row for row in fair if row.remark != ways.UNTRAINED] or fair
    if fitting := fair or fitting:
        return min(fitting, key=lambda row: math.log(row.file_bytes) + math.log(row.ms)), ""
    nearest = min(done, key=lambda row: sum(by for _, by in short[id(row)]))
    return nearest, " and ".join(words for words, _ in short[id(nearest)])


def _misses(row: Row, limits: Mapping[str, float]) -> list[tuple[str, float]]:
    """What a row misses: words, and by which factor (its logarithm)."""
    has = {"mb": row.file_bytes / 1e6, "ms": row.ms, "agreement": row.agreement, "accuracy": row.accuracy}
    found = []
    for name, limit in limits.items():
        value, more = has[name], LIMITS[name][1]
        if value is None:
            found.append((f"{name}, which needs labels", 1.0))
        elif more and value < limit:
            found.append((f"{100 * (limit - value):.1f} points of {name}", 10 * (limit - value)))
        elif not more and value > limit:
            found.append((f"{value - limit:.3g} {'MB' if name == 'mb' else 'ms'}", math.log(value / limit)))
    return found


def _lesson(name: str) -> str:
    known = syllabus.lessons()
    names = next(names for start, names in LESSONS.items() if name.startswith(start))
    lesson = next(known[one] for one in names if one in known)
    return f"lesson {lesson.number}, {lesson.title},"


def ship(sheet: Sheet, limits: Mapping[str, float] | None = None, folder: Path | str = ".") -> dict:
    """Write the chosen form as one file and `report.json`; open the file in a fresh process and compare the outputs.

    The file needs no code of yours: an exported program (.pt2), an ONNX file, or TorchScript (.pt), the first that a
    fresh process can open with the same answers. Where there is none, the file holds the weights alone.

    Args:
        sheet: with rows that are timed.
        limits: as for `recommend`.
        folder: where the two files go.
    Returns:
        The report: "recommendation", "file" (its name, or why there is none), "file_bytes", "opened_elsewhere" (in
        words), "rows", "facts", "where" (machine and versions).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    chosen, _ = choose(sheet.rows, limits)
    report = {
        "recommendation": recommend(sheet.rows, limits),
        "limits": dict(limits or {}),
        "file": None,
        "file_bytes": None,
        "opened_elsewhere": "",
        "doubt": sheet.doubt,
        "facts": sheet.facts,
        "rows": [_plain(row) for row in sheet.rows],
        "where": runtime.provenance(),
    }
    said = []
    for suffix, write in _forms(chosen):
        path = folder / f"your_model{suffix}"
        try:
            with ways.within(sheet.step), ways.quietly(), torch.no_grad():
                write(path, sheet.example)
                same = _elsewhere(path, sheet, chosen)
        except (Exception, ways.OutOfTime) as error:
            path.unlink(missing_ok=True)
            said.append(f"{suffix}: {sentence(error)}")
            continue
        report |= {"file": path.name, "file_bytes": path.stat().st_size, "opened_elsewhere": same}
        break
    else:
        why = f"A file that stands alone could not be made: {' '.join(said)}"
        if chosen.built.module is None:  # another runtime, or a program: there are no weights to load
            report["opened_elsewhere"] = why
        else:
            path = folder / "your_weights.pt"
            torch.save(chosen.built.module.model.state_dict(), path)
            report |= {"file": path.name, "file_bytes": path.stat().st_size}
            report["opened_elsewhere"] = (
                f"The file holds the weights alone: build the model with your code, do “{chosen.name}” to it, then "
                f"load them. {why}"
            )
    (folder / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return report


def _plain(row: Row) -> dict:
    names = ("name", "file_bytes", "ms", "ms_all", "in_int8", "agreement", "accuracy", "remark", "front")
    return {name: getattr(row, name) for name in names}


def _forms(row: Row) -> list[tuple[str, Callable[[Path, tuple[Tensor, ...]], object]]]:
    """Suffix of a file that may stand for a row, and what writes it, the best one first."""
    built = row.built
    if built.path is not None:
        return [(built.path.suffix, lambda path, _: path.write_bytes(built.path.read_bytes()))]
    module = built.module if built.module is not None else built.call

    def export(path: Path, xs: tuple[Tensor, ...]) -> None:
        program = torch.export.export(module, _cast(row, xs))
        program.example_inputs = None
        torch.export.save(program, path)

    def script(path: Path, xs: tuple[Tensor, ...]) -> None:
        with ways.as_int8_needs(), warnings.catch_warnings():
            warnings.filterwarnings("error", "Converting a tensor to a Python", torch.jit.TracerWarning)
            torch.jit.save(torch.jit.trace(module, _cast(row, xs)), path)  # an error: it would hold one branch of two

    forms = [(".pt2", export), (".pt", script)]
    return forms[::-1] if row.name.startswith(ways.DYNAMIC) else forms


def _cast(row: Row, xs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if not row.name.startswith(ways.HALF):
        return xs
    return tuple(x.bfloat16() if x.is_floating_point() else x for x in xs)


def _elsewhere(path: Path, sheet: Sheet, row: Row) -> str:
    """Open a file in a fresh process and compare; what came of it in words.

    Raises:
        RuntimeError: the process failed, or its outputs differ.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        inputs, outputs = Path(place, "inputs.pt"), Path(place, "outputs.pt")
        torch.save([_cast(row, xs) for xs in sheet.judging], inputs)
        words = [sys.executable, "-W", "ignore", "-c", FRESH, str(path.resolve()), str(inputs), str(outputs)]
        done = subprocess.run(words, capture_output=True, encoding="utf-8", cwd=place)
        if done.returncode:
            raise RuntimeError(f"a fresh process could not open it: {(done.stderr.strip() or '?').splitlines()[-1]}")
        theirs = [sheet.answer(out.float()) for out in torch.load(outputs)]
    same = agreement(theirs, sheet.answers(row.built.call))
    if same < KEEPS:
        raise RuntimeError(f"in a fresh process it gives {same:.0%} of the same answers")
    compiled = ", and compile it again" * (path.suffix == ".pt2" and row.name.endswith("compiled"))
    return (
        f"A fresh process opened it in {done.stdout.strip().splitlines()[-1]} s, with {same:.0%} of the same answers. "
        f"In your code: {OPENS[path.suffix].format(path.name)}{compiled}."
    )


def weigh(
    model: nn.Module,
    batches: Sequence[object],
    *,
    labels: object = None,
    train: Callable[[nn.Module], object] | None = None,
    answer: Callable[[Tensor], Tensor] | None = None,
    limits: Mapping[str, float] | None = None,
    folder: Path | str = ".",
    minutes: float = 5.0,
    say: Callable[..., object] = print,
) -> tuple[Sheet, dict]:
    """The whole sheet at once: look, bytes, time by layer, every way that fits, the cuts, the table, the files.

    Args:
        model, batches, labels, train, answer: as for `look`.
        limits: as for `recommend`.
        folder: where `your_model.*` and `report.json` go.
        minutes: after which no further way is begun; the rest is then left out with a sentence.
        say: is told what is going on, and what came of it.
    Returns:
        The sheet, and the report (see `ship`).
    Raises:
        ValueError: an unknown limit, before anything is run; what `look` raises.
    """
    start = time.perf_counter()
    unknown = {name: value for name, value in (limits or {}).items() if name not in LIMITS}
    if unknown:
        raise ValueError(f"there is no limit {', '.join(unknown)}; there are {', '.join(LIMITS)}")
    sheet = look(model, batches, labels=labels, train=train, answer=answer)
    sheet.ends, sheet.step = start + 45 * minutes, 60 * max(1.0, minutes / 5)  # the rest is for the clock
    for part in (sheet, bytes_of(sheet), layers_of(sheet)):
        say(f"{part}\n")
    found = ways.routes(sheet)
    slow = [way for way in found if way.name in (ways.STATIC_COMPILED, ways.COMPILED)]
    ways.run(sheet, ways=[way for way in found if way not in slow], clock=False, say=say)
    ways.blame(sheet, clock=False)
    ways.cut(sheet, clock=False, say=say)
    ways.run(sheet, ways=slow, clock=False, say=say)  # a compiler takes its time: all else comes first
    say("… time of all, in turn")
    ways.clocked(sheet, sheet.rows)
    if ways.cut_then_int8(sheet, clock=False):
        ways.clocked(sheet, sheet.rows[-1:])
    report = ship(sheet, limits, folder)
    say(f"\n{table(sheet, clock=False)}\n\n{report['recommendation']}\n{report['opened_elsewhere']}")
    return sheet, report

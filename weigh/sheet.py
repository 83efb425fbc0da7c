"""What a model of your own is, weighs and takes: a copy, its batches in three parts, bytes, time and MACs by layer."""

from __future__ import annotations

import copy
import ctypes
import inspect
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.flop_counter import FlopCounterMode

from course_utils import timing
from course_utils.audit import audit
from course_utils.energy import unfused
from course_utils.int8_routes.record import explain
from course_utils.runtime import quick, threads
from course_utils.sizes import place, size_report, tensors, weigh
from course_utils.tables import Table, Tabled, si
from course_utils.tensors import need_values, own
from weigh.forms import Row

STEP_S = 60.0  # after which a step gives up
CALLS, LARGEST = 7, 10  # of the model, to time its layers; layers with a row of their own
LARGE = 100e6  # bytes from which on gzip takes longer than a step may
OTHER_FLOATS = (torch.float16, torch.bfloat16, torch.float64)  # what is compared rounds float32
JUDGE_S = 6.0  # of float calls, which bound how many batches are used
IN_THREE = 6  # batches from which on a third of them is kept back
NO_TENSOR = "the model returned"  # how the error on an output without one begins
OPEN_IT = "open it with your code; of a .pt2, torch.export.load(path).module(); weights alone need the network first"
LATE = "Left out: "  # how the remark on a way begins for which there was no time
OVER = f"{LATE}the time for the whole sheet was over (weigh with more minutes)."
INSIDE = "model."  # the name of the model in its wrapper; readers see names without it


class OutOfTime(BaseException):
    """A step took too long. No Exception, so that no library takes it for a failure of its own and goes on."""


class Refused(ValueError):
    """A step that a model does not allow; the message is the sentence that a reader sees."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """A block that is ended by `OutOfTime` after so many seconds, as soon as Python goes on in it.

    It needs no signal, so it works in any thread and on any system.

    Raises:
        OutOfTime: also at once, where no seconds are left.
    """
    if seconds <= 0:
        raise OutOfTime(OVER)

    class Over(OutOfTime):
        def __str__(self) -> str:
            return f"{LATE}it was not done after {seconds:.0f} s." if seconds >= 1 else f"{LATE}no time was left."

    send, thread = ctypes.pythonapi.PyThreadState_SetAsyncExc, ctypes.c_ulong(threading.get_ident())
    timer = threading.Timer(seconds, send, (thread, ctypes.py_object(Over)))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with suppress(Over):
            timer.cancel()
            timer.join()
            for _ in range(1_000):  # Python raises here what was sent too late; to take it back would leave a mark
                pass


def sentence(error: BaseException) -> str:
    """One sentence that says why a step could not be done."""
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    if isinstance(error, OutOfTime | Refused):
        return str(error)
    if any("data-dependent" in str(cause) or "DataDependent" in type(cause).__name__ for cause in causes):
        return "torch.export cannot follow the model: which way it goes depends on the numbers that it is given."
    said = explain(causes[-1] if type(error).__name__ in ("TorchExportError", "SystemError") else error)
    return re.sub(r"\x1b\[[0-9;]*m", "", said)


class TensorModel(nn.Module):
    """A model that takes tensors and returns one tensor, whatever the model inside takes and returns.

    `forward(*tensors)` gives the tensor of the model's output: itself, its `logits` or `out`, or the first one in it.

    Attributes:
        writes: whether the model writes into its input, and so gets a copy of it at each call.
    """

    writes = False

    def __init__(self, model: nn.Module, batch: object):
        super().__init__()
        self.model = model
        leaves, self.form = tree_flatten(arguments(batch))
        self.others = [None if isinstance(leaf, Tensor) else (leaf,) for leaf in leaves]

    def forward(self, *tensors: Tensor) -> Tensor:
        return tensor_of(self.whole(*tensors))

    def whole(self, *tensors: Tensor) -> object:
        """All that the model inside returns."""
        given = (x.clone() for x in tensors) if self.writes else iter(tensors)
        args, named = tree_unflatten([next(given) if held is None else held[0] for held in self.others], self.form)
        return self.model(*args, **named)

    def next_token(self, out: Tensor) -> bool:
        """True where an output (batch, tokens, vocabulary) has a logit for each row of an embedding table."""
        tables = (module for module in self.modules() if isinstance(module, nn.Embedding))
        return out.dim() == 3 and any(table.num_embeddings == out.shape[-1] for table in tables)


def arguments(batch: object) -> tuple[tuple, dict]:
    """What a model is called with: a tensor; a tuple or list of arguments; a mapping of arguments with names."""
    if isinstance(batch, Mapping):
        return (), dict(batch)
    return (tuple(batch), {}) if isinstance(batch, tuple | list) else ((batch,), {})


def tensor_of(out: object) -> Tensor:
    """The tensor of an output that answers are read from.

    Raises:
        TypeError: there is none, or several of which nobody says which one matters.
    """
    return _with_name(out)[1]


def _with_name(out: object) -> tuple[str, Tensor]:
    """Which part of an output is taken, and that part; the name of an output that is a tensor is ""."""
    if isinstance(out, Tensor):
        return "", out
    named = out if isinstance(out, Mapping) else vars(out) if hasattr(out, "logits") else {}
    for name in ("logits", "out"):
        if isinstance(named.get(name), Tensor):
            return f"`{name}`", named[name]
    if isinstance(out, Mapping):
        tensors = {name: part for name, part in out.items() if isinstance(part, Tensor)}
        if len(tensors) > 1:
            raise TypeError(
                f"{NO_TENSOR} a dict with {', '.join(map(repr, tensors))}, and which of them matters isn't said: "
                "name it 'logits', or put the model into a small module whose forward returns it"
            )
        for name, part in tensors.items():
            return f"`{name}`", part
    for part in out if isinstance(out, tuple | list) else ():
        if isinstance(part, Tensor):
            return "the first tensor", part
    raise TypeError(
        f"{NO_TENSOR} {type(out).__name__}, and a tensor was expected, a tuple or a dict with one, or an output "
        "with logits: put the model into a small module whose forward returns the tensor that matters"
    )


def best_class(out: Tensor) -> Tensor:
    """The answers in an output: the best class of (…, classes); of (N, classes, height, width) that of each pixel.

    An output of one number for each input is its own answer.

    Raises:
        TypeError: complex numbers, of which none is the largest.
    """
    if out.is_complex():
        raise TypeError("the model returns complex numbers, of which none is the largest: give a function `answer`")
    if out.dim() == 4:
        return out.argmax(1)
    return out.argmax(-1) if out.dim() > 1 and out.shape[-1] > 1 else out


def agreement(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Share of answers that are the same, 0 to 1.

    Args:
        ours, theirs: answers batch by batch, of the same shapes. Numbers with fractions are the same where they differ
            by less than a twentieth of the standard deviation of `theirs`.
    """
    a, b = (torch.cat([part.flatten() for part in parts]) for parts in (ours, theirs))
    if b.is_floating_point():
        near = 0.05 * b.double().std(correction=0).clamp_min(1e-12)
        return ((a - b).abs() <= near).double().mean().item()
    return (a == b).double().mean().item()


def n_inputs(batches: Sequence[tuple[Tensor, ...]]) -> int:
    """How many inputs there are: the first dimension counts them, where a batch has one."""
    return sum(len(xs[0]) if xs and xs[0].dim() else 1 for xs in batches)


@dataclass(frozen=True)
class KeptBack:
    """The batches on which the recommended row is tried last: what chose a row is too kind to it.

    Attributes:
        batches: each a tuple of tensors.
        expected: the model's answers, batch by batch.
        labels: right answers, batch by batch, or None.
    """

    batches: list[tuple[Tensor, ...]]
    expected: list[Tensor]
    labels: list[Tensor] | None


@dataclass(eq=False, repr=False)
class Sheet(Tabled):
    """A copy of a model, its batches, and the rows that were measured; `look` makes it.

    Attributes:
        one: the copy, in evaluation mode, on the CPU, in a `TensorModel`.
        calibrating, judging: batches, each a tuple of tensors; what judges also chooses a row.
        expected: the model's answers on the judging part, batch by batch.
        labels: right answers for the judging part, batch by batch, or None.
        kept_back: the part that had no say in the choice; None where there are too few batches. See `KeptBack`.
        answer: output tensor -> answers.
        train: trains a model in place, or None.
        facts: what was found, name -> text.
        layers: by name, "" for all: seconds of a call, MACs; filled by `layers_of`.
        int8_already: whether the model computes in int8 as it is.
        doubt: why agreement says little here; "" where it says something.
        rows: what was measured, the model as it is first.
        onnx: the model as an ONNX file, once it was exported.
        given: the number format of a model that was not given in float32, and the bytes of its file; else ("", 0).
        inputs: how many were given in the shape of the first, and how many are used; odd: batches of another shape.
        unsure: by the name of a row and "ms" or "ms_all": why that time cannot be trusted; "" where it can.
        ends: time (of `time.perf_counter`) at which no further step begins; step: seconds that one may take.
    """

    one: TensorModel
    calibrating: list[tuple[Tensor, ...]]
    judging: list[tuple[Tensor, ...]]
    expected: list[Tensor]
    labels: list[Tensor] | None
    answer: Callable[[Tensor], Tensor]
    train: Callable[[nn.Module], object] | None
    facts: dict[str, str]
    layers: dict[str, tuple[float, int]] = field(default_factory=dict)
    int8_already: bool = False
    doubt: str = ""
    rows: list[Row] = field(default_factory=list)
    kept_back: KeptBack | None = None
    onnx: Path | None = None
    given: tuple[str, int] = ("", 0)
    inputs: tuple[int, int] = (0, 0)
    odd: int = 0
    unsure: dict[tuple[str, str], str] = field(default_factory=dict)
    ends: float = float("inf")
    step: float = STEP_S

    @property
    def example(self) -> tuple[Tensor, ...]:
        """The batch that is timed."""
        return self.judging[0]

    @property
    def seconds(self) -> float:
        """How long the next step may take; 0 or less when the time for all is over."""
        return min(self.step, self.ends - time.perf_counter())

    @property
    def file_bytes(self) -> int:
        """The file of the model as it was given, with which the others are compared."""
        return self.given[1] or next(row.file_bytes for row in self.rows if row.file_bytes)

    def copy(self) -> TensorModel:
        """A copy of the model for a step that changes it."""
        return copy.deepcopy(self.one)

    def table(self) -> Table:
        """What it shows itself as."""
        return Table(["", "what was found"], list(self.facts.items()))


def look(
    model: nn.Module,
    batches: Sequence[object],
    *,
    labels: object = None,
    train: Callable[[nn.Module], object] | None = None,
    answer: Callable[[Tensor], Tensor] | None = None,
    seconds: float = JUDGE_S,
) -> Sheet:
    """Take a copy of a model, run it, and say what it is. The model itself is not changed.

    Args:
        model: any module; the copy is put into evaluation mode, float32 and on the CPU.
        batches: at least one; each is one call as you would serve it: a tensor, a tuple of arguments, or a dict of
            them; pairs (inputs, labels) of a DataLoader too, where the model takes one argument. The first third
            calibrates, the second one judges all forms, and on the last one the recommended form is tried. With fewer
            than six, one half calibrates and the other does both. Those of another shape than the first are not used.
        labels: right answers, a list with one tensor a batch, or one tensor for all; None = none.
        train: trains a model in place for a while (it is called with copies); None = nothing is trained.
        answer: output tensor -> answers; None = the best class (`best_class`).
        seconds: of calls of the model as it is, on one thread; where all batches take longer, some are not used.
    Raises:
        TypeError: no module, no list of batches, or an output without a tensor.
        ValueError: no batches; a model that is scripted or without values; or one that fails on the first batch, whose
            own error is the cause.
    """
    _refuse(model, batches)
    calls, own_labels = _calls(model, batches)
    places = sorted({str(p.device) for p in model.parameters()})
    kinds = Counter(str(p.dtype).removeprefix("torch.") for p in model.parameters())
    one = TensorModel(_copied(model), calls[0]).eval()
    shapes = [[t.shape for t in _tensors(call)] for call in calls]
    calls = [_tensors(call) for call, shape in zip(calls, shapes, strict=True) if shape == shapes[0]]
    start = time.perf_counter()
    with threads(1), torch.no_grad():
        given = own(calls[0])
        first = _first(one, given)
        one.writes = not all(map(_same, given, calls[0]))
        took = time.perf_counter() - start
        same, usual = _same(first, one(*calls[0])), _seconds(one, calls[0])
        used = calls[: IN_THREE if quick() else max(8, int(seconds / max(usual, 1e-4)))]
        part = len(used) // (3 if len(used) >= IN_THREE else 2)
        answer = answer or best_class
        outs, raw = [one(*xs) for xs in used], one.whole(*calls[0])
    part_of = (which := _with_name(raw)[0]) and f"{which} of a {type(raw).__name__}"
    expected = [answer(out) for out in outs]
    labels = _labels(labels if labels is not None else own_labels, expected)
    chooses, last = slice(part, 2 * part if len(used) >= IN_THREE else None), slice(2 * part, None)
    sheet = Sheet(
        one, used[:part] or used, used[chooses], expected[chooses], labels and labels[chooses], answer, train, {}
    )
    if len(used) >= IN_THREE:
        sheet.kept_back = KeptBack(used[last], expected[last], labels and labels[last])
    with suppress(Exception):  # a model that cannot be audited is taken as it looks
        sheet.int8_already = audit(one, *calls[0]).count() > 0
    sheet.doubt, sheet.inputs = _doubt(outs, expected), (n_inputs(calls), n_inputs(used))
    sheet.odd = len(shapes) - len(calls)
    n = sum(p.numel() for p in one.parameters())
    if others := [kind for kind in kinds if getattr(torch, kind) in OTHER_FLOATS]:
        with suppress(Exception):  # a model whose file cannot be read is compared with its float32 copy
            sheet.given = others[0], size_report(model, compressed=False).file_bytes
    sheet.facts |= {
        "model": f"{type(model).__name__}, {n:,} parameters ({', '.join(kinds) or 'none'})",
        "where and how": f"on {', '.join(places) or 'no device'}, in {'training' if model.training else 'evaluation'} "
        "mode; the copy is on the CPU, in evaluation mode"
        + (f", and in float32, inputs too; its file has {si(sheet.given[1], 'B')}" if sheet.given[1] else ""),
        "a call": f"{', '.join(_shape(x) for x in calls[0])} → {_shape(first)}"
        + (f", {part_of}; a file that is shipped returns this tensor alone" if part_of else ""),
        "batches": f"{len(sheet.calibrating)} calibrate, {len(sheet.judging)} judge"
        + (f", {len(sheet.kept_back.batches)} are kept for the recommended form" if sheet.kept_back else "")
        + (" (the same one: give more than one batch)" if part == 0 else "")
        + (f"; {sheet.odd} of another shape than the first are not used" if sheet.odd else "")
        + (f"; {late} are not used, since calls take {1e3 * usual:.0f} ms" if (late := len(calls) - len(used)) else ""),
        "twice the same": "yes" if same else "no: it draws random numbers, and no row can agree fully",
        "first call": f"{1e3 * took:.0f} ms, the next one {1e3 * usual:{'.0f' if usual >= 1 else '.3g'}} ms",
        "int8 already": "yes: nothing is left to round" if sheet.int8_already else "no",
        "answers": sheet.doubt or f"{expected[0].numel()} a call",
    }
    return sheet


def _refuse(model: object, batches: object) -> None:
    """Say what cannot be weighed, and which line mends it.

    Raises:
        TypeError, ValueError: see `look`.
    """
    if isinstance(model, torch.export.ExportedProgram):
        raise TypeError("the model is an ExportedProgram, and a torch.nn.Module was expected: pass model.module()")
    if isinstance(model, Mapping):
        raise TypeError(
            f"the model is a {type(model).__name__}, as a state_dict is, and a torch.nn.Module was expected: build the "
            "network with its code, and model.load_state_dict(state)"
        )
    if isinstance(model, str | Path):
        raise TypeError(
            f"the model is the name of a file, {str(model)!r}, and a torch.nn.Module was expected: {OPEN_IT}"
        )
    if not isinstance(model, nn.Module):
        raise TypeError(f"the model is a {type(model).__name__}, and a torch.nn.Module was expected")
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise ValueError(
            "the model is scripted or traced, and its layers cannot be changed any more: pass the torch.nn.Module that "
            "it was made of, before torch.jit.script or trace"
        )
    need_values(model)
    if isinstance(batches, Tensor):
        shape = tuple(batches.shape)
        raise TypeError(
            f"the batches are one tensor of shape {shape}, and a list was expected, each entry one call as you would "
            "serve it: pass batches.split(1), which makes calls with one input each"
        )
    if isinstance(batches, Mapping | str) or not isinstance(batches, Iterable):
        raise TypeError(
            f"the batches are a {type(batches).__name__}, and a list was expected, each entry one call as you would "
            "serve it: for a single one pass [batch]"
        )


def _first(one: TensorModel, xs: tuple[Tensor, ...]) -> Tensor:
    """The output for the first batch.

    Raises:
        ValueError: the model fails on it; where it takes the same input with one dimension more, the message says so.
        TypeError: there is no tensor in it.
    """
    try:
        return one(*xs)
    except Exception as error:
        if isinstance(error, TypeError) and str(error).startswith(NO_TENSOR):
            raise
        given = ", ".join(map(_shape, xs)) or "no tensor"
        if _runs(one, tuple(x[None] for x in xs)):
            raise ValueError(
                f"an input of shape {given} has no dimension for the batch, and the model wants one, (1, …): pass "
                "[x[None] for x in batches]"
            ) from error
        said = " ".join(str(error).split())
        raise ValueError(
            f"the model fails on the first batch, {given}: {type(error).__name__}: {said}. Expected: "
            "model(batch) runs, as it does when you serve it"
        ) from error


def _seconds(one: TensorModel, xs: tuple[Tensor, ...]) -> float:
    """Of the fastest of some calls, since any may be disturbed: three, and up to 20 in half a second."""
    times = [time.perf_counter()]
    while len(times) < 4 or (len(times) < 21 and times[-1] < times[0] + 0.5):
        one(*xs)
        times.append(time.perf_counter())
    return min(after - before for before, after in pairwise(times))


def _same(a: Tensor, b: Tensor) -> bool:
    return torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))


def _runs(one: TensorModel, xs: tuple[Tensor, ...]) -> bool:
    with suppress(Exception):
        one(*own(xs))
        return True
    return False


def _calls(model: nn.Module, batches: Sequence[object]) -> tuple[list, list | None]:
    """The batches as the model takes them, and the labels that stand beside the inputs of a DataLoader."""
    batches = [batch for batch, _ in zip(batches, range(1000), strict=False)]
    if not batches:
        raise ValueError("there are no batches; expected a list with at least one, better 20 or more")
    needed = [
        p
        for p in inspect.signature(model.forward).parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    pair = isinstance(batches[0], tuple | list) and len(batches[0]) == 2 and len(needed) == 1
    if pair:
        return [x for x, _ in batches], [torch.as_tensor(y) for _, y in batches]
    return batches, None


def _copied(model: nn.Module) -> nn.Module:
    """A copy to work on, in float32 and with plain weights: masks, weight norm and their kin are worked into them.

    Raises:
        TypeError: a part that cannot be copied; the message names it.
    """
    worked_out = [  # what a hook has made of other tensors, and what no copy may be made of
        (module, name, value)
        for module in model.modules()
        for name, value in vars(module).items()
        if isinstance(value, Tensor) and not value.is_leaf
    ]
    for module, name, value in worked_out:
        vars(module)[name] = value.detach()
    try:
        copied = copy.deepcopy(model)
    except (TypeError, RuntimeError) as error:
        raise TypeError(_uncopied(model, error)) from error
    finally:
        for module, name, value in worked_out:
            vars(module)[name] = value
    model = copied.cpu().eval().requires_grad_(False)
    with torch.no_grad():
        for module in model.modules():
            _bake(module)
    model.requires_grad_(False)
    if any(p.dtype in OTHER_FLOATS for p in model.parameters()):
        model = model.float()
    if getattr(getattr(model, "config", None), "use_cache", False) is True:
        model.config.use_cache = False  # a cache is an output that nobody reads here
    return model


def _bake(module: nn.Module) -> None:
    """Make a plain weight of what PyTorch's masks, norms and parametrizations compute."""
    if parametrize.is_parametrized(module):  # its class is its own, and a copy shares it: to change, it gets another
        module.__class__ = type(type(module).__name__, type(module).__bases__, dict(vars(type(module))))
    for name in list(getattr(module, "parametrizations", ())):
        parametrize.remove_parametrizations(module, name)
    for key, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, prune.BasePruningMethod | WeightNorm | SpectralNorm):
            hook.remove(module)
            del module._forward_pre_hooks[key]


def _uncopied(model: nn.Module, error: Exception) -> str:
    """Why a model cannot be copied, with the name of the attribute."""
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name not in ("_modules", "_parameters", "_buffers"):
                try:
                    copy.deepcopy(value)
                except Exception:
                    where = f"{path}.{name}" if path else name
                    return (
                        f"the model holds a {type(value).__name__} in {where!r}, which cannot be copied, and each form "
                        f"is tried on a copy: set it to None before ({error})"
                    )
    return f"the model cannot be copied, and each form is tried on a copy: {error}"


def _tensors(batch: object) -> tuple[Tensor, ...]:
    leaves, _ = tree_flatten(arguments(batch))
    found = (leaf.detach().cpu() for leaf in leaves if isinstance(leaf, Tensor))
    return tuple(x.float() if x.dtype in OTHER_FLOATS else x for x in found)


def _labels(labels: object, expected: list[Tensor]) -> list[Tensor] | None:
    """Right answers batch by batch.

    Raises:
        ValueError: their number is another one than that of the answers.
    """
    if labels is None:
        return None
    if isinstance(labels, Tensor):
        sizes = [len(answers) for answers in expected]
        labels = list(labels[: sum(sizes)].split(sizes)) if len(labels) >= sum(sizes) else [labels]
    labels = [torch.as_tensor(part).cpu() for part in labels][: len(expected)]
    for part, answers in zip(labels, expected, strict=False):
        if part.shape != answers.shape:
            raise ValueError(
                f"labels of shape {tuple(part.shape)} stand beside answers of shape {tuple(answers.shape)}, and the "
                "same shape was expected: give one label for each answer, or a function `answer` that fits the labels"
            )
    if len(labels) < len(expected):
        raise ValueError(f"labels for {len(labels)} batches were given, and {len(expected)} batches are judged")
    return labels


def _doubt(outs: list[Tensor], expected: list[Tensor]) -> str:
    """Why agreement says little: all answers are the same one, or the model hardly prefers what it answers."""
    out, answers = torch.cat([o.flatten(0, -2) for o in outs if o.dim() > 1] or outs), torch.cat(expected)
    if answers.is_floating_point() or out.dim() != 2 or out.shape[1] < 2:
        return ""
    if len(answers) > 3 and (answers == answers.flatten()[0]).all():
        return "the same one to every input, as of random weights: agreement then says little"
    sure = out.float().softmax(-1).amax(-1).median().item()
    if sure < 1.5 / out.shape[1] or sure < 0.02:
        return "the model hardly prefers any, as with random weights: agreement then says little"
    return ""


def _shape(x: Tensor) -> str:
    return f"({', '.join(map(str, x.shape))}) {str(x.dtype).removeprefix('torch.')}"


def bytes_of(sheet: Sheet) -> Table:
    """Bytes of the model by kind of layer, of its buffers, and of its file, which is saved, loaded and compared."""
    held, rows = defaultdict(list), []
    try:
        with within(sheet.seconds):
            for kind, tensor in _held(sheet.one.model):
                held[kind].append(tensor)
            counted = Counter({kind: weigh(own)[1] for kind, own in held.items()})
            total = counted.total() or 1
            rows = [[kind, si(n, "B"), f"{n / total:.0%}"] for kind, n in counted.most_common() if n]
            report = size_report(sheet.one.model, compressed=total < LARGE)
        rows.append(["the file, loaded again", si(report.file_bytes, "B"), ""])
        if report.compressed_bytes is not None:
            rows.append(["the same under gzip", si(report.compressed_bytes, "B"), ""])
    except (Exception, OutOfTime) as error:
        rows.append([f"the file: {sentence(error)}", "", ""])
    return Table(["kind of layer", "bytes", "share"], rows)


def _held(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a checkpoint, each once, with the kind of layer that holds it, or "buffers"."""
    state, buffers, seen = model.state_dict(), dict(model.named_buffers()), set()
    for name in state:
        layer, packed, _ = name.partition("._packed_params")
        layer = layer if packed else name.rpartition(".")[0]
        kind = "buffers" if name in buffers else type(model.get_submodule(layer)).__name__
        for tensor in tensors(name, state):
            if (at := place(tensor)) not in seen:
                seen.add(at)
                yield kind, tensor


def layers_of(sheet: Sheet) -> Table:
    """Time of a call on one thread, layer by layer, with the MACs beside it; the rest, and the peak of memory.

    Args:
        sheet: of `look`; `sheet.layers` is filled, from the medians of some calls.
    """
    xs, leaves = sheet.example, {m: n for n, m in sheet.one.named_modules() if not list(m.children())}
    spent, whole, began = defaultdict(list), [], {}

    def enter(module: nn.Module, _inputs: object) -> None:
        began[module] = time.perf_counter()

    def leave(module: nn.Module, _inputs: object, _output: object) -> None:
        once[leaves[module]] += time.perf_counter() - began[module]

    hooks = [h for m in leaves for h in (m.register_forward_pre_hook(enter), m.register_forward_hook(leave))]
    try:
        with threads(1), torch.no_grad():
            for _ in range(1 if quick() else CALLS):
                once: dict[str, float] = defaultdict(float)
                start = time.perf_counter()
                sheet.one(*xs)
                whole.append(time.perf_counter() - start)
                for name, seconds in once.items():
                    spent[name].append(seconds)
    finally:
        for hook in hooks:
            hook.remove()
    took, whole, macs = {name: median(times) for name, times in spent.items()}, median(whole), _macs(sheet)
    sheet.layers = {name: (seconds, macs.get(name, 0)) for name, seconds in took.items()} | {
        "": (whole, macs.get("", 0))
    }
    kinds = {name: type(module).__name__ for module, name in leaves.items()}
    order = sorted(took, key=took.get, reverse=True)
    rows = [_line(shown(n), kinds[n], took[n], whole, macs.get(n)) for n in order[:LARGEST]]
    if rest := order[LARGEST:]:
        others = sum(took[n] for n in rest), sum(macs.get(n, 0) for n in rest)
        rows.append(_line(f"{len(rest)} other layers", "", others[0], whole, others[1]))
    rows.append(_line("between the layers, attention too", "", max(0.0, whole - sum(took.values())), whole, None))
    rows.append(_line("all", "", whole, whole, macs.get("", 0) or None))
    try:
        with within(sheet.seconds), torch.no_grad():
            peak = si(timing.peak_bytes(lambda: sheet.one(*xs), device="cpu"), "B")
    except (Exception, OutOfTime) as error:
        peak = sentence(error)
    return Table(["layer", "kind", "ms", "share", "MACs"], rows, caption=f"Peak of a call, weights left out: {peak}")


def _line(name: str, kind: str, seconds: float, whole: float, macs: int | None) -> list[str]:
    return [name, kind, f"{1e3 * seconds:.3g}", f"{seconds / whole:.0%}", si(macs, "") if macs else "–"]


def _macs(sheet: Sheet) -> dict[str, int]:
    """Multiply-accumulates by layer, "" for all; {} where PyTorch's counter cannot run the model."""
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), unfused(), counter:
            sheet.one(*sheet.example)
    except Exception:
        return {}
    found = {name: sum(ops.values()) // 2 for name, ops in counter.get_flop_counts().items()}
    return {name.partition(".")[2]: n for name, n in found.items() if "." in name} | {"": found.get("Global", 0)}


def shown(name: str) -> str:
    """The name of a layer as its owner knows it."""
    return name.removeprefix(INSIDE) if name != "model" else "(the model)"

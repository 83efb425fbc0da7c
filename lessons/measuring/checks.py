"""Checks of the lesson `measuring`, measuring honestly."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from statistics import fmean, geometric_mean, median

import numpy as np
import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import Strategy, numbers, shapes
from course_utils.exercises.search import compare, examine, run
from course_utils.exercises.values import is_number, show

# Why a line of the benchmark in exercise 1 is no flaw. The three that are missing here are.
RIGHT_LINES = {
    1: "Line 1 only names what is compared.",
    4: "Line 4 is right: a model that answers, and does not learn, belongs in evaluation mode.",
    5: "Line 5 is right: each model gets a list of its own.",
    6: "Line 6 is right: nothing is trained, so no gradients need to be recorded, for either model.",
    7: "Line 7 is right: both models are warmed up.",
    8: "Line 8 is right: it is the warm-up, so its time is thrown away on purpose.",
    9: "Line 9 is right: many rounds are what one timing lacks.",
    10: "Line 10 is right: the models take turns in a changing order, so a drifting clock rate hits both.",
    11: "Line 11 is right: it reads the clock just before the call. It did not choose the clock.",
    12: "Line 12 is right: on a CPU the call returns when its work is done.",
    13: "Line 13 is right: it reads the clock just after the call. It did not choose the clock.",
}
FLAWED_LINES = {
    2: "One is left. Ask of each tool whether it was made for the job: can this clock be set while you measure?",
    3: "One is left. Compare the states in which the two models are measured.",
    14: "One is left. Follow the samples of both models to the end: are they summed up in the same way?",
}


@check("Exercise 1, Three flaws in a benchmark")
def flawed_lines(answer: Callable) -> None:
    """``flawed_lines() -> set of int``, numbers of lines."""

    def judge() -> None:
        value = run(answer, ())
        got, lines = _line_numbers(value), FLAWED_LINES | RIGHT_LINES
        if not got:
            raise Mistake("Your function returned no line.", "Three lines are flawed: name their numbers.")
        if not got <= lines.keys():
            raise Mistake(f"Your function returned {show(value)}.", f"The benchmark has the lines 1 to {max(lines)}.")
        missing, not_flawed = sorted(FLAWED_LINES.keys() - got), sorted(got & RIGHT_LINES.keys())
        shown = ", ".join(map(str, sorted(got)))
        found = f"Your function returned {{{shown}}}: {3 - len(missing)} of the three flawed lines"
        if not_flawed:
            raise Mistake(f"{found}, and others.", RIGHT_LINES[not_flawed[0]])
        if len(missing) == 1:
            raise Mistake(f"{found}.", FLAWED_LINES[missing[0]])
        if missing:
            raise Mistake(
                f"{found}.",
                "Two more are left: ask of each line whether it treats both models alike, and of "
                "each tool whether it was made for the job.",
            )

    examine(judge, edges=[(), ()])  # twice, because nothing else tells an answer that hangs on chance


def _line_numbers(value: object) -> set[int]:
    try:
        if not isinstance(value, set | frozenset | list | tuple | range | np.ndarray | torch.Tensor):
            raise TypeError
        numbers = value.tolist() if isinstance(value, np.ndarray | torch.Tensor) else list(value)
        if not all(is_number(n) and int(n) == n for n in numbers):
            raise TypeError
        return {int(n) for n in numbers}
    except Exception:  # whatever an odd object raises, it is no line number
        raise Mistake(
            f"Your function returned {show(value)}. That is no set of whole numbers.",
            "Return a set of the numbers of lines, such as {1, 4}.",
        ) from None


class Model(nn.Module):
    """A model of bare tensors, in parts within parts, that says what it holds when it is shown."""

    def __init__(self, *parts: tuple[str, nn.Module]):
        super().__init__()
        for name, part in parts:
            self.add_module(name, part)

    def __repr__(self) -> str:
        first: dict[int, str] = {}
        return f"Model({', '.join(_described(self, first)) or 'without tensors'})"


def _described(model: nn.Module, first: dict[int, str]) -> Iterable[str]:
    for path, part in model.named_modules():
        for name, tensor in [*part._parameters.items(), *part._buffers.items()]:
            full = f"{path}.{name}".lstrip(".")
            if id(tensor) in first:
                yield f"{full}: the same tensor as {first[id(tensor)]}"
                continue
            first[id(tensor)] = full
            kind = "buffer" if name in part._buffers else "parameter" if tensor.requires_grad else "frozen parameter"
            saved = ", persistent=False" if name in part._non_persistent_buffers_set else ""
            yield f"{full}: {kind}, {str(tensor.dtype).removeprefix('torch.')}, shape {tuple(tensor.shape)}{saved}"


def _filled(tensors: list[tuple]) -> Model:
    inner = Model()
    model = Model(("a", Model(("b", inner))))
    parts, made = [model, model.a, inner], {True: [], False: []}
    for number, (kind, dtype, shape, place, shared) in enumerate(tensors):
        name, part, of_kind = f"t{number}", parts[place], made["buffer" in kind]
        others = [tensor for tensor, home in of_kind if home is not part]
        if "buffer" in kind:
            tensor = others[-1] if shared and others else torch.zeros(shape, dtype=dtype)
            part.register_buffer(name, tensor, persistent=kind == "buffer")
        else:
            new = nn.Parameter(torch.zeros(shape, dtype=dtype), requires_grad=kind == "parameter")
            tensor = others[-1] if shared and others else new
            part.register_parameter(name, tensor)
        of_kind.append((tensor, part))
    return model


def _models() -> Strategy[Model]:
    floats, wholes = [torch.float32, torch.float16, torch.float64], [torch.int8, torch.int64, torch.bool]
    kinds = [("parameter", dtype) for dtype in floats]
    kinds += itertools.product(["buffer", "frozen parameter", "unsaved buffer"], floats + wholes)
    tensor = st.tuples(
        st.sampled_from(kinds),
        shapes(dims=(1, 2, 0, 4), most=3),
        st.integers(0, 2),
        st.booleans(),
    ).map(lambda drawn: (*drawn[0], *drawn[1:]))
    return st.lists(tensor, max_size=5).map(_filled)


@check("Exercise 2, Bytes of a model")
def model_bytes(answer: Callable) -> None:
    """``model_bytes(model) -> int``, bytes of parameters and buffers, a shared tensor once."""

    def none(model):
        return []

    def size(parameters=nn.Module.parameters, buffers=nn.Module.buffers, each=lambda t: t.element_size()):
        return lambda m: sum(t.numel() * each(t) for t in [*parameters(m), *buffers(m)])

    def trained(m):
        return [p for p in m.parameters() if p.requires_grad]

    def named_parameters(m):
        return [p for _, p in m.named_parameters(remove_duplicate=False)]

    def named_buffers(m):
        return [b for _, b in m.named_buffers(remove_duplicate=False)]

    def saved(m):
        return {id(t): t for t in m.state_dict(keep_vars=True).values()}.values()

    def size_of_the_first(m):
        first = next(iter([*m.parameters(), *m.buffers()]), None)
        return 0 if first is None else size(each=lambda t: first.element_size())(m)

    def of_pytorch(m):
        return [part for part in m.modules() if not isinstance(part, Model)]

    wrong = {
        "You leave out the buffers, such as the running mean of a batch norm. The model needs them too.": size(
            buffers=none
        ),
        "You count elements. A float32 takes 4 bytes, a float16 takes 2: multiply by the size of one.": size(
            each=lambda t: 1
        ),
        "You take 4 bytes for every element. Each tensor has its own dtype: ask it for its element_size().": size(
            each=lambda t: 4
        ),
        "You take the element size of one tensor for all. Each tensor has its own dtype.": size_of_the_first,
        "You count bits. A byte has 8 of them.": size(each=lambda t: 8 * t.element_size()),
        "You count a shared tensor each time that it is used. It is in memory once.": size(
            named_parameters, named_buffers
        ),
        "You count a shared buffer each time that it is used. It is in memory once.": size(buffers=named_buffers),
        "You count a shared parameter each time that it is used. It is in memory once.": size(named_parameters),
        "Your result is that of a state_dict: it lists a shared tensor under each of its names, and leaves out buffers "
        "that are not saved (persistent=False).": size(none, lambda m: m.state_dict().values()),
        "You leave out the buffers that are not saved (persistent=False). They are in memory, too.": size(none, saved),
        "You count the parameters' elements only: neither bytes nor buffers.": size(buffers=none, each=lambda t: 1),
        "You leave out the parameters.": size(none),
        "You count only what is trained. A frozen parameter takes its bytes too.": size(trained),
        "You count only what is trained: neither frozen parameters nor buffers. All of them take bytes.": size(
            trained, none
        ),
        "You leave out the buffers of whole numbers, such as a batch norm's count of batches.": size(
            buffers=lambda m: [b for b in m.buffers() if b.is_floating_point()]
        ),
        "You look at the outermost module only. Its parts have tensors of their own.": size(
            lambda m: m.parameters(recurse=False), lambda m: m.buffers(recurse=False)
        ),
        "Your sum leaves out tensors of modules that are not PyTorch's own layers. A module of any class can have tensors.": size(
            lambda m: {id(p): p for part in of_pytorch(m) for p in part.parameters()}.values(),
            lambda m: {id(b): b for part in of_pytorch(m) for b in part.buffers()}.values(),
        ),
    }
    tied = nn.Sequential(nn.Embedding(5, 2), nn.Linear(2, 5, bias=False))
    tied[1].weight = tied[0].weight
    every_kind = _filled(
        [
            ("parameter", torch.float32, (2,), 0, False),
            ("frozen parameter", torch.float64, (1, 3), 1, False),
            ("unsaved buffer", torch.float16, (5,), 1, False),
            ("buffer", torch.int8, (4,), 1, False),
            ("buffer", torch.int8, (4,), 2, True),
        ]
    )
    edges = [(every_kind,), (nn.ReLU(),), (nn.BatchNorm1d(3),), (tied,), (nn.Linear(3, 2).half(),)]
    compare(
        answer,
        right=size(),
        wrong=wrong,
        rtol=0.0,
        names=("model",),
        edges=edges,
        inputs=st.tuples(_models()),
    )


@check("Exercise 3, The typical speed-up")
def typical_speedup(answer: Callable) -> None:
    """``typical_speedup(base_seconds, own_seconds) -> float``, the median of the rounds' ratios."""

    def of_rounds(summary=median, each=lambda b, o: b / o):
        return lambda base, own: summary([each(b, o) for b, o in zip(base, own, strict=True)])

    def of_lists(of_base, of_own=None):
        return lambda base, own: of_base(base) / (of_own or of_base)(own)

    def turned(speedup):
        return lambda base, own: speedup(own, base)

    def without_extremes(ratios):
        return fmean(sorted(ratios)[1:-1] or ratios)

    wrong = {
        "You divide the means (or the sums). One disturbed round moves a mean as far as it likes.": of_lists(fmean),
        "You take the mean of the ratios. One disturbed round moves it; the median stays.": of_rounds(fmean),
        "You take the geometric mean of the ratios. One disturbed round moves it; the median stays.": of_rounds(
            geometric_mean
        ),
        "You take a mean without the two extremes. In a few rounds two disturbed ones still move it; the median is the "
        "middle alone.": of_rounds(without_extremes),
        "You have it upside down: faster means that the baseline takes longer.": turned(of_rounds()),
        "You have it upside down, and you divide two medians. Divide within each round first.": turned(
            of_lists(median)
        ),
        "You divide two medians. They come from different rounds: divide within each round first.": of_lists(median),
        "Your pairs are of different rounds, as after sorting both lists. Divide within each round.": (
            lambda base, own: of_rounds()(sorted(base), sorted(own))
        ),
        "You divide the best cases. Two lucky samples are not typical.": of_lists(min),
        "You divide the mean of one by the best of the other. Sum up both in the same way.": of_lists(fmean, min),
        "You take the highest ratio. That is the luckiest round, not a typical one.": of_rounds(max),
        "You take the lowest ratio. That is the unluckiest round, not a typical one.": of_rounds(min),
        "You take the lower of the two middle ratios, as torch.median does. The median lies half-way.": of_rounds(
            lambda ratios: sorted(ratios)[(len(ratios) - 1) // 2]
        ),
        "You take the upper of the two middle ratios. The median lies half-way.": of_rounds(
            lambda ratios: sorted(ratios)[len(ratios) // 2]
        ),
        "You take the middle round without sorting. The median is the middle of the sorted ratios.": of_rounds(
            lambda ratios: ratios[len(ratios) // 2]
        ),
        "You look at the first round only. It may be a disturbed one.": of_rounds(lambda ratios: ratios[0]),
        "You subtract. A speed-up is a ratio: it has no unit.": of_rounds(each=lambda b, o: b - o),
        "You return what is gained: 0 for equal times. As fast as before is a speed-up of 1.": of_rounds(
            each=lambda b, o: b / o - 1
        ),
        "You add the share of time that is saved to 1. Half the time is a speed-up of 2, not of 1.5.": of_rounds(
            each=lambda b, o: 2 - o / b
        ),
        "You return the share of time that is saved. How many times faster is the candidate?": of_rounds(
            each=lambda b, o: 1 - o / b
        ),
    }
    seconds = numbers(0.25, 4, step=0.25)
    compare(
        answer,
        right=of_rounds(),
        wrong=wrong,
        names=("base_seconds", "own_seconds"),
        edges=[
            ([0.2, 0.2], [0.2, 0.2]),
            ([5.0], [4.0]),
            ([0.021, 0.020, 0.094, 0.022, 0.020], [0.011, 0.010, 0.012, 0.010, 0.016]),
            ([2.0, 2.6, 3.1, 3.9], [1.0, 1.2, 1.6, 2.6]),
        ],
        inputs=st.lists(st.tuples(seconds, seconds), min_size=1, max_size=7).map(
            lambda rounds: ([base for base, _ in rounds], [own for _, own in rounds])
        ),
    )


def _row(name: str, dtype: str, ms: float, conditions: int = 0) -> dict:
    """A row of a report; each bit of `conditions` is one condition that is not the usual one."""
    device, threads, batch = (
        "cuda" if conditions & 1 else "cpu",
        4 if conditions & 2 else 1,
        16 if conditions & 4 else 1,
    )
    return {"name": name, "dtype": dtype, "device": device, "threads": threads, "batch": batch, "ms": ms}


@st.composite
def _reports(draw: Callable) -> tuple[list[dict], str]:
    """Rows in any order, all with times of their own, and the name of one for which there is a baseline."""
    unlike = st.sampled_from([0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 3, 5, 6, 7])  # conditions other than the named row's
    kinds = draw(st.lists(st.tuples(st.sampled_from(["fp32", "fp32", "int8", "fp16"]), unlike), min_size=1, max_size=5))
    own, baseline = draw(st.integers(0, len(kinds) - 1)), draw(st.integers(0, len(kinds) - 1))
    kinds[own] = (kinds[own][0], 0)
    kinds[baseline] = ("fp32", 0)
    usual, names = draw(st.integers(0, 7)), draw(st.sampled_from(["abcde", "edcba", "cadbe"]))
    ms = draw(st.permutations([3.5 * (n + 1) for n in range(len(kinds))]))
    return [
        _row(name, dtype, time, usual ^ other) for name, (dtype, other), time in zip(names, kinds, ms, strict=False)
    ], names[own]


@check("Exercise 4, Name the baseline")
def fair_baseline(answer: Callable) -> None:
    """``fair_baseline(rows, name) -> str``, the fastest fp32 row under the conditions of row `name`."""
    conditions = ("device", "threads", "batch")

    def fastest(rows):
        return min(rows, key=lambda row: row["ms"])

    def slowest(rows):
        return max(rows, key=lambda row: row["ms"])

    def first(rows):
        return rows[0]

    def pick(choose=fastest, *, same=conditions, dtypes=("fp32",), give="name", own=None, other=False):
        def chosen(rows, name):
            mine = own(rows) if own else next(row for row in rows if row["name"] == name)
            fit = [row for row in rows if row["dtype"] in dtypes and all(row[c] == mine[c] for c in same)]
            fit = [row for row in fit if not other or row["name"] != name] or fit
            return choose(fit)[give] if give else choose(fit)

        return chosen

    every = ("fp32", "int8", "fp16")
    wrong = {
        "Your baseline can have another number of threads. That is another machine.": pick(same=("device", "batch")),
        "Your baseline can have another batch size. A call on another number of inputs does other work.": pick(
            same=("device", "threads")
        ),
        "Your baseline can be on another device. A GPU against a CPU compares chips, not techniques.": pick(
            same=("threads", "batch")
        ),
        **{
            f"You compare the {one} only. Device, threads and batch must all be the same.": pick(same=(one,))
            for one in conditions
        },
        "You take the fastest fp32 of all. Device, threads and batch must be the same.": pick(same=()),
        "You take the fastest row of all, whatever its dtype and its conditions.": pick(same=(), dtypes=every),
        "You take the slowest fp32: against that one every technique wins.": pick(slowest),
        "You take the slowest fp32 of all, under whatever conditions: the most handicapped one.": pick(
            slowest, same=()
        ),
        "You take the first fp32 that fits. A debug build or a slow kernel is a handicap: take the best.": pick(first),
        "You take the first fp32 in the list, whatever its conditions. They must be those of the model.": pick(
            first, same=()
        ),
        "Your baseline can be any dtype, even the model itself. It is the fp32 that int8 must beat.": pick(
            dtypes=every
        ),
        "Your baseline can be fp16. Only fp32 rows count.": pick(dtypes=("fp32", "fp16")),
        "Your baseline can be int8. Only fp32 rows count.": pick(dtypes=("fp32", "int8")),
        "Your baseline is another row even where the row itself is the best fp32. It may be its own.": pick(other=True),
        "You take the conditions of the first row. They must be those of the row that is named.": pick(own=first),
        "Your baseline is the named row itself, where another row is the fastest fp32.": lambda rows, name: name,
        "You return the whole row. Return its name.": pick(give=None),
        "You return the time of the baseline. Return its name.": pick(give="ms"),
    }
    builds = [
        _row("debug", "fp32", 9.0),
        _row("int8", "int8", 0.9),
        _row("compiled", "fp32", 1.5),
        _row("threads", "fp32", 0.5, 2),
    ]
    compare(
        answer,
        right=pick(),
        wrong=wrong,
        names=("rows", "name"),
        edges=[([_row("eager", "fp32", 2.0)], "eager"), (builds, "int8"), (builds, "compiled"), (builds, "threads")],
        inputs=_reports(),
    )

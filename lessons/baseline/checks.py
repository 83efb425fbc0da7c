"""Checks of the lesson `baseline`, what a model weighs."""

from __future__ import annotations

import copy
import functools
import io
import itertools
import math
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from operator import ge, le
from statistics import fmean, median, stdev, variance

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.exercises.core import check
from course_utils.exercises.inputs import Strategy, shapes
from course_utils.exercises.investigation import Run, World, comes_out, investigate
from course_utils.exercises.search import compare
from course_utils.measure.sizes import size_report


class Model(nn.Module):
    """A model of bare tensors, in parts within parts, that says what it holds when it is shown."""

    def __init__(self, *parts: tuple[str, nn.Module]):
        super().__init__()
        for name, part in parts:
            self.add_module(name, part)

    def __deepcopy__(self, memo: dict) -> Model:  # a parameter is copied without its gradient
        new = memo[id(self)] = type(self)()
        new.__dict__.update(copy.deepcopy(self.__dict__, memo))
        for name, tensor in self._parameters.items():
            new._parameters[name].grad = copy.deepcopy(tensor.grad)
        return new

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
            kind += " with a gradient" if tensor.grad is not None else ""
            saved = ", persistent=False" if name in part._non_persistent_buffers_set else ""
            yield f"{full}: {kind}, {str(tensor.dtype).removeprefix('torch.')}, shape {tuple(tensor.shape)}{saved}"


def _filled(tensors: list[tuple]) -> Model:
    inner = Model()
    model = Model(("a", Model(("b", inner))))
    parts, made = [model, model.a, inner], {True: [], False: []}
    for kind, dtype, shape, place, shared in tensors:
        part, of_kind = parts[place], made["buffer" in kind]
        name = f"t{len(part._parameters) + len(part._buffers)}"  # two parts have tensors of the same name, as layers do
        others = [tensor for tensor, home in of_kind if home is not part]
        if "buffer" in kind:
            tensor = others[-1] if shared and others else torch.zeros(shape, dtype=dtype)
            part.register_buffer(name, tensor, persistent=kind == "buffer")
        else:
            new = nn.Parameter(torch.zeros(shape, dtype=dtype), requires_grad=kind.startswith("parameter"))
            new.grad = torch.zeros_like(new) if "gradient" in kind else None
            tensor = others[-1] if shared and others else new
            part.register_parameter(name, tensor)
        of_kind.append((tensor, part))
    return model


def _models() -> Strategy[Model]:
    floats = [torch.float32, torch.float16, torch.float64, torch.bfloat16]
    wholes = [torch.int8, torch.int64, torch.bool]
    kinds = [(kind, dtype) for kind in ("parameter", "parameter with a gradient") for dtype in floats]
    kinds += itertools.product(["buffer", "frozen parameter", "unsaved buffer"], floats + wholes)
    tensor = st.tuples(
        st.sampled_from(kinds),
        shapes(dims=(1, 2, 0, 4), most=3),
        st.integers(0, 2),
        st.booleans(),
    ).map(lambda drawn: (*drawn[0], *drawn[1:]))
    return st.lists(tensor, max_size=5).map(_filled)


@check(
    "Exercise 2, Bytes of a model",
    why="A tensor takes its number of elements times the bytes of one, and only the tensor knows its dtype. parameters() "
    "and buffers() give each tensor object once, wherever in the model it is used.",
)
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

    def tensors(m):
        return [*m.parameters(), *m.buffers()]

    def size_of(at):
        return lambda m: size(each=lambda t: tensors(m)[at].element_size())(m)

    def by_name_of_each_module(m):
        seen = {}
        for part in m.modules():
            seen |= {
                name: t.nbytes for name, t in [*part.named_parameters(), *part.named_buffers()] if name not in seen
            }
        return sum(seen.values())

    def file_bytes(m):
        file = io.BytesIO()
        torch.save(m.state_dict(), file)
        return file.tell()

    def whole_file_bytes(m):
        file = io.BytesIO()
        torch.save(m, file)
        return file.tell()

    def each_value_once(m):
        tensors = [*m.parameters(), *m.buffers()]
        values = {(t.dtype, t.shape, tuple(t.flatten().tolist())): t for t in tensors}
        return sum(t.nbytes for t in values.values())

    def each_value_once_of_any_dtype(m):
        seen = []
        for t in tensors(m):
            if not any(t.shape == other.shape and torch.equal(t.to(other.dtype), other) for other in seen):
                seen.append(t)
        return sum(t.nbytes for t in seen)

    def one_of(alike):
        def total(m):
            return sum({alike(n, t): t.nbytes for n, t in [*m.named_parameters(), *m.named_buffers()]}.values())

        return total

    def called_weight_or_bias(m):
        found = [getattr(part, name, None) for part in m.modules() for name in ("weight", "bias")]
        return sum(t.nbytes for t in found if isinstance(t, torch.Tensor))

    def called(named):
        return [t for name, t in named if name.endswith(("weight", "bias"))]

    def of_pytorch(m):
        return [part for part in m.modules() if not isinstance(part, Model)]

    wrong = {
        "You leave out the buffers, such as the running mean of a batch norm. The model needs them too.": size(
            buffers=none
        ),
        "You count elements. A float32 takes 4 bytes, a float16 takes 2: multiply by the size of one.": size(
            each=lambda t: 1
        ),
        **{
            f"You take {count} bytes for every element. Each tensor has its own dtype: ask it for its element_size().": size(
                each=lambda t, count=count: count
            )
            for count in (2, 4, 8)
        },
        "You convert the model to float32 first, which changes it, or take 4 bytes for every float. Half precision has "
        "2, double precision has 8: ask each tensor for its element_size().": size(
            each=lambda t: 4 if t.is_floating_point() else t.element_size()
        ),
        **{
            f"You take {count} bytes for every whole number, as int{8 * count} has. Not all are so large: ask each tensor for its "
            "element_size().": size(each=lambda t, count=count: t.element_size() if t.is_floating_point() else count)
            for count in (4, 8)
        },
        "You take the element size of one tensor for all. Each tensor has its own dtype.": (
            size_of(0),
            size_of(-1),
        ),
        "You leave out tensors with fewer than two dimensions. Those of biases and of norms have one or none, and take "
        "bytes, too.": size(each=lambda t: t.element_size() if t.dim() > 1 else 0),
        "You leave out tensors without dimensions, such as a batch norm's count of batches. Each is one number.": size(
            each=lambda t: t.element_size() if t.dim() else 0
        ),
        "You multiply the first extents of a shape, not all of them. numel() is the product of all, and 1 where there are "
        "none.": tuple(
            (lambda m, most=most: sum(math.prod(t.shape[:most]) * t.element_size() for t in tensors(m)))
            for most in (1, 2)
        )
        + (lambda m: sum(len(t) * t.element_size() for t in tensors(m) if t.dim()),),
        "You count one tensor: the sum begins anew in the loop, or return stands inside it.": tuple(
            lambda m, at=at: tensors(m)[at].nbytes if tensors(m) else 0 for at in (0, -1)
        ),
        "You leave out the buffers and count one parameter: return stands inside the loop.": lambda m: next(
            (p.nbytes for p in m.parameters()), 0
        ),
        "You leave out the tensors of the outermost module: you ask its parts alone. Ask the model itself for its "
        "parameters() and buffers(): they go through all parts.": (
            lambda m: sum(size()(part) for part in m.children()),
            lambda m: sum(size()(part) for part in set(m.modules()) - {m}),
        ),
        "You look at the direct parts of the model only. The model itself and the parts of its parts have tensors, too.": lambda m: (
            sum(
                size(lambda p: p.parameters(recurse=False), lambda p: p.buffers(recurse=False))(part)
                for part in m.children()
            )
        ),
        "You take the largest tensor. Add up all of them.": lambda m: max((t.nbytes for t in tensors(m)), default=0),
        "You look at modules without parts alone. A module that has parts may hold tensors of its own.": lambda m: sum(
            size()(part) for part in m.modules() if not [*part.children()]
        ),
        "You leave out the buffers, and count a shared parameter each time that it is used.": size(
            named_parameters, none
        ),
        "You leave out all that is no float: whole numbers and truth values take bytes, too.": size(
            each=lambda t: t.element_size() if t.is_floating_point() else 0
        ),
        "You take 4 bytes for every element of a parameter. Parameters have dtypes of their own: ask for element_size().": (
            lambda m: size(buffers=none, each=lambda t: 4)(m) + size(none)(m)
        ),
        "You count the elements of the buffers, or the buffers themselves. Each element takes element_size() bytes.": (
            lambda m: size(buffers=none)(m) + size(none, each=lambda t: 1)(m),
            lambda m: size(buffers=none)(m) + len([*m.buffers()]),
        ),
        "You add up the extents of a shape. The number of elements is their product: numel().": lambda m: sum(
            sum(t.shape) * t.element_size() for t in tensors(m)
        ),
        "You convert the model to half precision, which changes it. Take the bytes that it has now.": (
            size(each=lambda t: 2 if t.is_floating_point() else t.element_size()),
            size(buffers=none, each=lambda t: 2 if t.is_floating_point() else t.element_size()),
        ),
        "You go through all modules, and each gives the parameters of its parts as well. So some count again.": (
            lambda m: sum(size(buffers=none)(part) for part in m.modules()) + size(none)(m),
            by_name_of_each_module,
        ),
        "You count four or more times the parameters, as training with Adam takes. Asked is what the model itself holds.": tuple(
            lambda m, times=times, buffers=buffers: times * size(buffers=none)(m) + buffers * size(none)(m)
            for times in (3, 4)
            for buffers in (0, 1)
        ),
        "You keep one tensor for each shape. Two tensors of one shape are two tensors.": one_of(
            lambda name, t: tuple(t.shape)
        ),
        "You multiply all elements by a mean of the element sizes. Each tensor has its own dtype: multiply tensor by tensor, and "
        "then add.": (
            lambda m: size(each=lambda t: 1)(m) * fmean([t.element_size() for t in tensors(m)] or [0]),
            lambda m: round(size(each=lambda t: 1)(m) * fmean([t.element_size() for t in tensors(m)] or [0])),
        ),
        "You keep one tensor for each dtype. Add up all of them.": one_of(lambda name, t: t.dtype),
        "You leave out parameters that are not called weight, and all buffers. A tensor may have any name.": lambda m: (
            sum(t.nbytes for name, t in m.named_parameters() if name.endswith("weight"))
        ),
        "You count the buffers twice: are they in both of your sums?": size(buffers=lambda m: 2 * [*m.buffers()]),
        "You count bits. A byte has 8 of them.": size(each=lambda t: 8 * t.element_size()),
        "You count a shared tensor each time that it is used. It is in memory once.": (
            size(named_parameters, named_buffers),
            lambda m: sum(
                size(lambda m: m.parameters(recurse=False), lambda m: m.buffers(recurse=False))(part)
                for part in m.modules()
            ),
        ),
        "You count a shared buffer each time that it is used. It is in memory once.": size(buffers=named_buffers),
        "You count a shared parameter each time that it is used. It is in memory once.": size(named_parameters),
        "Your result is that of a state_dict: it lists a shared tensor under each of its names, and leaves out buffers "
        "that are not saved (persistent=False).": size(none, lambda m: m.state_dict().values()),
        "You leave out the buffers that are not saved (persistent=False). They are in memory, too.": size(none, saved),
        "You count the parameters' elements only: neither bytes nor buffers.": size(buffers=none, each=lambda t: 1),
        "You take 4 bytes for every element, and leave out the buffers.": size(buffers=none, each=lambda t: 4),
        "You leave out parameters: all of them, or those that are not called weight or bias. A tensor may have any name.": (
            size(none),
            lambda m: size(lambda m: called(m.named_parameters()))(m),
        ),
        "You take 4 bytes for every element of a buffer. Buffers have dtypes of their own: ask for element_size().": (
            lambda m: size(buffers=none)(m) + size(none, each=lambda t: 4)(m)
        ),
        "You add up the size of one element for each tensor. Multiply it by the number of elements.": lambda m: sum(
            t.element_size() for t in [*m.parameters(), *m.buffers()]
        ),
        "You count tensors. Each one holds elements, and each element takes bytes.": lambda m: len(
            [*m.parameters(), *m.buffers()]
        ),
        "You count the parameters, and then a state_dict, which has them again.": size(
            buffers=lambda m: m.state_dict().values()
        ),
        "You go through all modules, and each gives the tensors of its parts as well. So some count again.": lambda m: (
            sum(size()(part) for part in m.modules())
        ),
        "Your result is the size of a file. It holds names and a frame, too, and leaves out what is not saved.": (
            file_bytes,
            lambda m: size_report(m, loads=1).file_bytes,
            whole_file_bytes,
        ),
        "Your result comes from sys.getsizeof: that is the Python object, without the numbers that it points at.": (
            lambda m: sum(sys.getsizeof(t) for t in [*m.parameters(), *m.buffers()]),
            lambda m: sum(sys.getsizeof(p) for p in m.parameters()),
        ),
        "You count tensors with equal numbers once. Only one and the same tensor object is in memory once.": (
            each_value_once,
            each_value_once_of_any_dtype,
        ),
        "You count tensors of the same dtype and shape once. Only one and the same tensor object is in memory once.": one_of(
            lambda name, t: (t.dtype, t.shape)
        ),
        "You count tensors of the same dtype and number of elements once. Only one and the same tensor object is in memory "
        "once.": one_of(lambda name, t: (t.dtype, t.numel())),
        "You count tensors of as many bytes once. Only one and the same tensor object is in memory once.": one_of(
            lambda name, t: t.nbytes
        ),
        "You keep one tensor for each last name, such as weight. Two layers each have a weight of their own.": one_of(
            lambda name, t: name.rpartition(".")[2]
        ),
        "You count the gradients, too. They are no parameters and no buffers, and a model that answers needs none.": (
            lambda m: size()(m) + sum(p.grad.nbytes for p in m.parameters() if p.grad is not None),
            lambda m: size()(m) + sum(p.nbytes for p in m.parameters()),
            lambda m: size()(m) + sum(p.nbytes for p in trained(m)),
        ),
        "You count what is called weight or bias. A tensor may have any name, such as a batch norm's running_mean.": (
            called_weight_or_bias
        ),
        "Your result is 0 for every small model: do you divide (MB, MiB), or return a constant?": lambda m: 0,
        "You divide by 2^20: that gives MiB. Return bytes.": lambda m: size()(m) / 2**20,
        "You divide by a million: that gives MB. Return bytes.": lambda m: size()(m) / 1e6,
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
    untied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))  # not one tensor twice, though names and shapes are alike
    after_backward = _filled([("parameter with a gradient", torch.float32, (3,), 0, False)])
    edges = [(every_kind,), (nn.ReLU(),), (nn.BatchNorm1d(3),), (tied,), (nn.Linear(3, 2).half(),)]
    edges += [(untied,), (after_backward,), (nn.Linear(3, 2).bfloat16(),)]
    compare(
        answer,
        right=size(),
        wrong=wrong,
        rtol=0.0,
        names=("model",),
        edges=edges,
        inputs=st.tuples(_models()),
    )


RECIPES = ("old", "new")
TURNS = 129  # with this salt both turns come about as often in every usual row of seeds, such as 0, 3, 6, ...


@functools.lru_cache(maxsize=20_000)
def _scattered(seed: float, salt: int) -> float:
    """A number from -1 to 1 that belongs to a seed."""
    return random.Random(1000 * int(seed) + salt).uniform(-1, 1)


def _turn(seed: float) -> int:
    """1 for half of the seeds, -1 for the others: of two neighbours one each."""
    first = 1 if _scattered(int(seed) // 2, TURNS) > 0 else -1
    return first if int(seed) % 2 else -first


def _is_lucky(seed: float) -> bool:
    """True for about one seed in ten, of those whose turn it is."""
    return _turn(seed) > 0 and (int(seed) in (3, 12) or (int(seed) > 20 and _scattered(seed, 3) > 0.6))


def _fails(seed: float) -> bool:
    """True for one of the seeds 0 to 9, and for three of ten others; a row such as 10, 20, 30, ... has its share, too."""
    n = int(seed)
    return n == 6 if 0 <= n < 10 else (n + n // 10 + 7 * (n // 100)) % 10 in (1, 4, 6)


def _dissents(seed: float) -> bool:
    """True for one of the seeds 0 to 9, and for few of the others."""
    return int(seed) in (4, 45, 91, 137)


def _is_against(seed: float) -> bool:
    """True for two of the seeds 0 to 9, and for half of the others."""
    return int(seed) in (1, 7) if 0 <= seed < 10 else _turn(seed) < 0


def _sign_test(wins: int, losses: int) -> float:
    n = wins + losses
    ways = sum(math.comb(n, heads) for heads in range(max(wins, losses), n + 1))
    return min(1.0, 2 * ways / 2**n)


def _gains(runs: Sequence[Run]) -> list[float]:
    """New minus old, within each seed; a seed that was run with several numbers of passes gives the mean of them."""
    results = {(run.arm, *run.settings.values()): run.result for run in runs}
    own: dict[object, list[float]] = {}
    for (arm, seed, epochs), result in results.items():
        if arm == "new":
            own.setdefault(seed, []).append(result - results["old", seed, epochs])
    return [fmean(gains) for gains in own.values()]


def _counted(runs: Sequence[Run]) -> tuple[float, int, int]:
    """The mean of the differences, and how many seeds are for the new and for the old recipe."""
    gains = _gains(runs)
    return fmean(gains), sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)


def _decided(mean: float, p: float) -> str:
    """What the card concludes from a mean difference and the p of the sign test."""
    return "no difference" if abs(mean) < THRESHOLD or p >= 0.05 else "new" if mean > 0 else "old"


def _of_the_card(runs: Sequence[Run]) -> str:
    """What the card concludes from an experiment's own differences."""
    mean, wins, losses = _counted(runs)
    follows = _decided(mean, _sign_test(wins, losses))
    return "no difference" if (mean > 0) != (wins > losses) else follows


def _needed(n: int) -> int:
    """How many of n seeds must agree, so that a sign test has p < 0.05."""
    return next((wins for wins in range(n // 2, n + 1) if 2 * wins > n and _sign_test(wins, n - wins) < 0.05), n + 1)


def _against_its_runs(runs: Sequence[Run], got: str, past: Sequence[Sequence[Run]]) -> str:
    """What a conclusion has against it in the experiment's own differences, by the card.

    Args:
        runs, got: the experiment and its conclusion.
        past: the experiments before, whose conclusions were right. They set other rules apart.
    """
    mean, wins, losses = _counted(runs)
    n, p = len(_gains(runs)), _sign_test(wins, losses)
    large, sure = abs(mean) >= THRESHOLD, p < 0.05
    if got == "no difference":
        verdict = "The card asks for a mean difference of 0.3 points and for p < 0.05, not for more: both are reached."
    elif large and sure:
        verdict = "A difference above 0 speaks for the new one, below 0 for the old one."
    elif large:
        verdict = f"The mean is large enough, but of {n} seeds {_needed(n)} must agree for p < 0.05, and the card asks for both."
    elif sure:
        verdict = "The seeds agree, but the mean is below 0.3 points, and the card asks for both."
    else:
        verdict = "By the card a mean difference below 0.3 points is none, and p must be below 0.05 as well."
    now, before = _other_rules(runs), [(_other_rules(one), _of_the_card(one)) for one in past]
    examples = [
        name
        for name, ways in now.items()
        if any(way == got and all(then[name][at] == right for then, right in before) for at, way in enumerate(ways))
    ]
    return (
        f"From your {n} seeds the mean of new minus old is {mean:+.2f} points, and {wins} : {losses} seeds are for the new one "
        f"(p = {p:.2g}). {verdict}{comes_out(got, examples)}"
    )


def _other_rules(runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    """Other rules than the card's: in words, and what each way to read one concludes from an experiment's own differences."""
    gains = _gains(runs)
    n, mean, p = len(gains), fmean(gains), _sign_test(*_counted(runs)[1:])
    sign = 1 if mean > 0 else -1
    agree = sum(sign * gain > 0 for gain in gains)
    level = {arm: [run.result for run in runs if run.arm == arm] for arm in RECIPES}
    sorted_gains = [new - old for old, new in zip(*(sorted(level[arm]) for arm in RECIPES), strict=True)]

    def said(center: float, enough: bool, least: float = THRESHOLD) -> str:
        return "no difference" if abs(center) < least or not enough else "new" if center > 0 else "old"

    def of_some(some: Sequence[float]) -> str:
        return said(fmean(some), _sign_test(sum(gain > 0 for gain in some), sum(gain < 0 for gain in some)) < 0.05)

    best = said(max(level["new"]) - max(level["old"]), True)
    large = [
        _sign_test(*(sum(way * gain >= least for gain in gains) for way in (1, -1))) < 0.05
        for least in (0.1, THRESHOLD)
    ]
    card = _of_the_card(runs)
    return {
        "of another limit than 0.3": tuple(
            said(mean, p < 0.05, least) for least in (1e-9, 0.1, 0.2, 0.25, 0.275, 0.325, 0.35, 0.4, 0.5, 1, 3)
        ),
        "of a share of the accuracy (points are meant)": (said(100 * mean / fmean(level["old"]), p < 0.05), said(mean / 90, p < 0.05)),
        "of a median, an extreme or one difference in place of the mean": tuple(
            said(center, p < 0.05) for center in (median(gains), max(gains), min(gains), min(gains, key=abs), gains[0], gains[-1])
        ),
        "of the best runs alone": (best,),
        "without a sign test": (said(mean, True), said(mean, True, 0), said(median(gains), True), said(gains[0], True)),
        "of the sign test alone": (said(mean, p < 0.05, 0),),
        "if the mean or the sign test is enough (the card says 'and')": (said(mean, abs(mean) >= THRESHOLD or p < 0.05, 0),),
        "of a majority of the seeds": (said(mean, 2 * agree > n),),
        "of a fixed number of seeds, such as nine, however many there are": tuple(said(mean, agree >= least) for least in (8, 9, 10)),
        "of a share of the seeds, such as nine of ten (the share that is needed depends on their number)": tuple(
            said(mean, agree >= share * n) for share in (0.9, 0.8, 0.75, 0.7, 2 / 3, 0.65, 0.6)
        ),
        "if all seeds must agree": (said(mean, agree == n),),
        "of another limit for p than 0.05": tuple(said(mean, p < limit) for limit in (0.2, 0.15, 0.1, 0.01, 0.005, 0.001)),
        "of a sign test in one direction only": (said(mean, p / 2 < 0.05),),
        "of a sign test the wrong way round, p > 0.05": (said(mean, p > 0.05),),
        "of standard errors in place of a sign test": (
            said(mean, abs(mean) > 2 * stdev(gains) / n**0.5),
            said(mean, abs(mean) > 2 * (sum(map(variance, level.values())) / n) ** 0.5),
        ),
        "of columns that are sorted, and no longer paired by the seed": (
            of_some(sorted_gains),
            said(mean, sum(sign * gain > 0 for gain in sorted_gains) >= 0.75 * n),
        ),
        "if small differences are left out": (
            of_some([gain for gain in gains if abs(gain) >= THRESHOLD] or [0.0]),
            *(said(mean, enough) for enough in large),
        ),
        "of a part of the seeds": tuple(
            map(of_some, (sorted(gains)[1:-1], sorted(gains)[-10:], gains[:10], gains[-10:], gains[::2], gains[1::2]))
        ),
        "of rounded accuracies or differences": (
            of_some(_gains([replace(run, result=round(run.result)) for run in runs])),
            of_some([round(gain) for gain in gains]),
        ),
        "of a mean that one seed decides: the largest difference in its place, or the mean without the first seed": tuple(
            said(center, p < 0.05) for center in (max(gains, key=abs), fmean(gains[1:]))
        ),
        "if for the old recipe less, or more, is asked of the seeds than for the new one": tuple(
            said(mean, p < 0.05 if mean > 0 else enough) for enough in (True, agree == n)
        ),
        "if one recipe can never win": tuple("no difference" if card == never else card for never in RECIPES),
        "of old minus new": ({"new": "old", "old": "new"}.get(card, card),),
        "if the size counts and not the direction": ("new" if card == "old" else card,),
    }  # fmt: skip


def _recipes(
    right: str,
    said: str,
    *,
    gain: float,
    unsure: float = 0.2,
    spread: float = 0.5,
    lucky: float = 0.0,
    other: Callable[[float], bool] = lambda seed: False,
    other_gain: float = 0.0,
    passes: tuple[int, int] = (10, 10),
) -> World:
    """Two made-up recipes of training.

    Args:
        gain: of the new one over the old one, in points, give or take `unsure` by the seed.
        spread: how far a seed moves both of them, up or down.
        lucky: what the new one gains with one seed in ten; with the others `gain` is for the one or the other by turns.
        other: seeds with which the new one gains `other_gain` in place of `gain`.
        passes: how long the old and the new one train where nobody says it.
    """

    def accuracy(recipe: str, number: int, *, seed: float, epochs: float | None) -> float:
        level = _level(passes[RECIPES.index(recipe)] if epochs is None else epochs) + spread * _scattered(seed, 1)
        if recipe == "old":
            return level
        if lucky and _is_lucky(seed):
            return level + lucky
        mean = other_gain if other(seed) else gain
        return level + (_turn(seed) if lucky else 1) * (mean + unsure * _scattered(seed, 2))

    return World(said, right, accuracy, "")


def _level(epochs: float) -> float:
    """The accuracy after so many passes."""
    if not 1 <= epochs <= 100 or epochs != int(epochs):
        raise ValueError(f"epochs must be a whole number from 1 to 100, got {epochs:g}.")
    return 90 - 4 / epochs


THRESHOLD = 0.3  # points, on the card

PAIRS = (
    _recipes(
        "new",
        "with the same passes the new recipe is 0.7 to 1.1 points better, with every seed",
        gain=0.9,
        spread=0.2,
    ),
    _recipes(
        "no difference",
        "no seed tells the recipes apart by more than 0.25 points, and some are for the one, some for the other",
        gain=0.0,
        unsure=0.25,
    ),
    _recipes(
        "new",
        "with every seed the new recipe is better, by 0.31 to 0.33 points",
        gain=0.32,
        unsure=0.01,
        spread=0.2,
    ),
    _recipes(
        "no difference",
        "with every seed the new recipe is better, by 0.27 to 0.29 points",
        gain=0.28,
        unsure=0.01,
        spread=0.2,
    ),
    _recipes(
        "no difference",
        "with every seed the new recipe is worse, by 0.27 to 0.29 points",
        gain=-0.28,
        unsure=0.01,
        spread=0.2,
    ),
    _recipes(
        "old",
        "with the same passes the old recipe is 0.4 to 0.8 points better, with every seed",
        gain=-0.6,
        spread=0.1,
    ),
    _recipes(
        "new",
        "the seeds differ by up to 6 points, and with every one of them the new recipe is 0.4 to 0.8 points better",
        gain=0.6,
        spread=3.0,
    ),
    _recipes(
        "no difference",
        "with one seed of ten the new recipe gains 8 points; with all others it gains or loses less than 0.2",
        gain=0.1,
        unsure=0.08,
        lucky=8.0,
    ),
    _recipes(
        "new",
        "with nearly every seed the new recipe is better, by 0.35 to 0.45 points, and with few it is a little worse",
        gain=0.4,
        unsure=0.05,
        other=_dissents,
        other_gain=-0.1,
    ),
    _recipes(
        "no difference",
        "with most seeds the new recipe gains 0.35 to 0.45 points, and with the others it loses 1.5",
        gain=0.4,
        unsure=0.05,
        other=_fails,
        other_gain=-1.5,
    ),
    _recipes(
        "no difference",
        "left to itself the new recipe trains for 40 passes and the old one for 2; with the same passes many seeds are for the one and many for the other",
        gain=0.8,
        other=_is_against,
        other_gain=-0.4,
        passes=(2, 40),
    ),
)


class _Judge:
    """One judgement: the pairs of recipes for an answer, and what is said of a wrong conclusion.

    The border of the sign test depends on the number of seeds, so some pairs are made for those of the answer.

    Attributes:
        seeds: those that it took in the first pair, each with its number.
        made: whether the pair at hand is one that was made for them: there the card decides from the runs, whichever they are.
        past: the experiments so far.
    """

    def __init__(self):
        self.seeds: dict[float, int] = {}
        self.made = False
        self.past: list[Sequence[Run]] = []

    def worlds(self) -> list[World]:
        """All pairs. The lost seeds are the last ones, every other one, or anywhere."""
        places = (
            lambda at, n: at,
            lambda at, n: (at % 2, at),
            lambda at, n: (-(at % 2), at),
            lambda at, n: _scattered(at, 5),
        )
        borders = [self._border(-1, place) for place in places] + [self._border(0, place) for place in places[-2:]]
        borders.append(self._border(-1, places[-1], loss=-0.6))
        borders += [self._border(more, places[-1], sign=-1) for more in (-1, 0)]
        usual = [self._usual(pair, not nth) for nth, pair in enumerate(PAIRS)]
        single = [self._one_that_counts(), self._one_that_counts(at=0)]
        return [*usual, *borders, *single, self._one_that_counts(mean=0.2)]

    def rule(self, runs: Sequence[Run]) -> str | None:
        """What the card says of the runs, in a pair that was made for the answer's seeds."""
        self.past.append(runs)
        if not self.made or len({run.settings["epochs"] for run in runs}) > 1:
            return None  # of several numbers of passes the card leaves open whether one decides or all do
        return _of_the_card(runs)

    def told(self, runs: Sequence[Run], got: str) -> str:
        """What is said of a wrong conclusion."""
        if got != _of_the_card(runs):
            return _against_its_runs(runs, got, self.past[:-1])
        if any(run.settings["epochs"] is None for run in runs):
            return (
                "The new recipe trains for longer here where nobody says for how long. That is an unfair budget: give epochs= yourself, and "
                "the same to both."
            )
        mean, wins, losses = _counted(runs)
        return f"Your seeds say {mean:+.2f} points and {wins} : {losses}, and most others do not. Take more of them."

    def _usual(self, world: World, first: bool) -> World:
        """A pair for all answers; the first of them notes the seeds."""

        def measure(recipe: str, number: int, *, seed: float, epochs: float | None) -> float:
            self.made = False
            if first:
                self.seeds.setdefault(seed, len(self.seeds))
            return world.measure(recipe, number, seed=seed, epochs=epochs)

        return replace(world, measure=measure, hint=self.told)

    def _made_for_seeds(self, gains: Callable[[int], Sequence[float]]) -> World:
        """A pair in which each of the seeds has its gain."""
        of = functools.cache(gains)

        def measure(recipe: str, number: int, *, seed: float, epochs: float | None) -> float:
            self.made = True
            level = _level(10 if epochs is None else epochs) + 0.5 * _scattered(seed, 1)
            if recipe == "old":
                return level
            return level + (of(len(self.seeds))[self.seeds[seed]] if seed in self.seeds else 0.5)

        return World("", ("new", "old", "no difference"), measure, "")

    def _border(self, more: int, place: Callable[[int, int], object], *, loss: float = -0.02, sign: int = 1) -> World:
        """The new recipe is 0.5 points better in the mean, with as many seeds as a sign test needs, and so many more.

        Args:
            more: how many.
            place: of the number of a seed and of all of them; the seeds that come last in this order are those that are lost.
            loss: what the new recipe gains with a seed that is lost.
            sign: -1 where old and new are exchanged.
        """

        def gains(n: int) -> list[float]:
            lost = n - min(n, _needed(n) + more)
            last = set(sorted(range(n), key=lambda at: place(at, n))[n - lost :])
            return [sign * (loss if at in last else (0.5 * n - loss * lost) / (n - lost)) for at in range(n)]

        return self._made_for_seeds(gains)

    def _one_that_counts(self, at: int = 3, *, mean: float = 0.5) -> World:
        """The new recipe is a little better with every seed, and the one at this place makes the mean.

        By the card that is enough where the mean is large enough.
        """

        def gains(n: int) -> list[float]:
            return [mean * n - 0.1 * (n - 1) if which == at else 0.1 for which in range(n)]

        return self._made_for_seeds(gains)


@check(
    "Exercise 1, A better recipe?",
    why="With the same seed both recipes start from the same weights and see the images in the same order, so that what these bring to both "
    "alike drops out of the difference. The mean says how large the difference is, the sign test how sure; and the same passes for both "
    "leave the recipe as the one thing that differs.",
)
def better_recipe(answer: Callable) -> None:
    """``better_recipe(accuracy) -> "new", "old" or "no difference"``, on made-up recipes."""
    judge = _Judge()
    investigate(
        answer,
        judge.worlds(),
        arms=RECIPES,
        settings={"seed": 0, "epochs": None},  # None: as many passes as the recipe's author chose
        least={"seed": 10},
        conclusions=("new", "old", "no difference"),
        rule=judge.rule,
        rule_said=judge.told,
        most_runs=2_000,
        name="accuracy",
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
    usual, names = (
        draw(st.integers(0, 7)),
        draw(st.sampled_from(["abcde", "edcba", "cadbe", ["ab", "b", "abc", "a", "c"]])),
    )
    least, step = draw(st.sampled_from([(3.5, 3.5), (0.25, 0.25), (3000.0, 3000.0), (2.0134, 0.0011)]))
    ms = draw(st.permutations([round(least + n * step, 4) for n in range(len(kinds))]))
    return [
        _row(name, dtype, time, usual ^ other) for name, (dtype, other), time in zip(names, kinds, ms, strict=False)
    ], names[own]


@check(
    "Exercise 3, Name the baseline",
    why="Rows under the same conditions differ only in the technique, and against the fastest of them nothing is won by "
    "a handicap of the other side. Where the named row is that best one, it has gained nothing.",
)
def fair_baseline(answer: Callable) -> None:
    """``fair_baseline(rows, name) -> str``, the fastest fp32 row under the conditions of row `name`."""
    conditions = ("device", "threads", "batch")

    def fastest(rows):
        return min(rows, key=lambda row: row["ms"])

    def slowest(rows):
        return max(rows, key=lambda row: row["ms"])

    def first(rows, name=None):
        return rows[0]

    def place(at):
        return lambda rows: sorted(rows, key=lambda row: row["ms"])[min(at(len(rows)), len(rows) - 1)]

    def named(rows, name):
        return next(row for row in rows if row["name"] == name)

    def containing(rows, name):
        return next(row for row in rows if name in row["name"])

    def any_condition(rows, name):
        mine = named(rows, name)
        return fastest(r for r in rows if r["dtype"] == "fp32" and any(r[c] == mine[c] for c in conditions))["name"]

    def fitting(rows, mine, same=conditions):
        return [row for row in rows if row["dtype"] == "fp32" and all(row[c] == mine[c] for c in same)]

    def bounded(one, in_bounds):
        def chosen(rows, name):
            mine = named(rows, name)
            fit = fitting(rows, mine, [c for c in conditions if c != one])
            return fastest(r for r in fit if in_bounds(r[one], mine[one]))["name"]

        return chosen

    def two_alike(rows, name):
        mine = named(rows, name)
        fit = [r for r in rows if r["dtype"] == "fp32" and sum(r[c] == mine[c] for c in conditions) >= 2]
        return fastest(fit)["name"]

    def product_alike(rows, name):
        mine = named(rows, name)
        fit = [
            r for r in fitting(rows, mine, ["device"]) if r["threads"] * r["batch"] == mine["threads"] * mine["batch"]
        ]
        return fastest(fit)["name"]

    def nearest_in_time(rows, name):
        mine = named(rows, name)
        return min(fitting(rows, mine), key=lambda row: abs(row["ms"] - mine["ms"]))["name"]

    def places(rows, name):
        fit = fitting(rows, named(rows, name))
        return fit.index(fastest(fit))

    def fastest_or_itself(rows, name):
        mine, best = named(rows, name), fastest(row for row in rows if row["dtype"] == "fp32")
        return best["name"] if all(best[c] == mine[c] for c in conditions) else name

    def below(most, other):
        def chosen(rows, name):
            best = fastest(fitting(rows, named(rows, name)))
            return best["name"] if best["ms"] < most else name if other is None else rows[other]["name"]

        return chosen

    def in_bounds_both(compared):
        def chosen(rows, name):
            mine = named(rows, name)
            fit = fitting(rows, mine, ["device"])
            return fastest(r for r in fit if all(compared(r[c], mine[c]) for c in ("threads", "batch")))["name"]

        return chosen

    def prefers_eager(rows, name):
        fit = fitting(rows, named(rows, name))
        return next((row for row in fit if row["name"] == "eager"), fastest(fit))["name"]

    def conditions_of_the_fastest(rows, name):
        best = fastest(rows)
        return min(fitting(rows, best), key=lambda row: row["ms"], default=best)["name"]

    def from_the_named_row(rows, name):
        return fastest([named(rows, name), named(rows, pick()(rows, name))])["name"]

    def from_the_first_row(rows, name):
        return fastest([rows[0], named(rows, pick()(rows, name))])["name"]

    def of_its_dtype(rows, name):
        return pick(dtypes=(named(rows, name)["dtype"],))(rows, name)

    def fp32_is_its_own(rows, name):
        return name if named(rows, name)["dtype"] == "fp32" else pick()(rows, name)

    def one_or_other(must):
        def chosen(rows, name):
            mine = named(rows, name)
            others = [c for c in conditions if c != must]
            return fastest(r for r in fitting(rows, mine, [must]) if any(r[c] == mine[c] for c in others))["name"]

        return chosen

    def under(**wanted):
        return lambda rows, name: fastest(fitting(rows, wanted, tuple(wanted)) or rows)["name"]

    def next_faster(rows, name):
        mine = named(rows, name)
        return max((r for r in fitting(rows, mine) if r["ms"] < mine["ms"]), key=lambda r: r["ms"], default=mine)[
            "name"
        ]

    def slower_rows(rows, name):
        mine = named(rows, name)
        return [row for row in fitting(rows, mine) if row["ms"] > mine["ms"]]

    def slower(choose):
        return lambda rows, name: choose(slower_rows(rows, name) or [named(rows, name)])["name"]

    def of_other_dtype(rows, name):
        mine = named(rows, name)
        fit = [r for r in rows if r["dtype"] != mine["dtype"] and all(r[c] == mine[c] for c in conditions)]
        return fastest(fit or [mine])["name"]

    def pick(choose=fastest, *, same=conditions, dtypes=("fp32",), give="name", own=None, other=False):
        def chosen(rows, name):
            mine = own(rows, name) if own else next(row for row in rows if row["name"] == name)
            fit = [row for row in rows if row["dtype"] in dtypes and all(row[c] == mine[c] for c in same)]
            fit = [row for row in fit if not other or row["name"] != name] or fit
            return choose(fit)[give] if give else choose(fit)

        return chosen

    every = ("fp32", "int8", "fp16")
    wrong = {
        "Your baseline can have another number of threads. That compares threads, not techniques.": pick(
            same=("device", "batch")
        ),
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
        "Your baseline can differ in a condition: device, threads and batch must all be the same, not one of them.": (
            any_condition
        ),
        "Your baseline can have fewer threads than the named row. They must be the same.": bounded("threads", le),
        "Your baseline can have more threads than the named row. They must be the same.": bounded("threads", ge),
        "Your baseline can have a smaller batch than the named row. It must be the same.": bounded("batch", le),
        "Your baseline can have a larger batch than the named row. It must be the same.": bounded("batch", ge),
        "Your baseline can differ in one condition. Device, threads and batch must all be the same, not two of them.": (
            two_alike
        ),
        "Two of your conditions are alternatives: one of them is enough. All three must be the same.": tuple(
            one_or_other(c) for c in conditions
        ),
        "You take rows of one kind of conditions whatever row is named, such as CPU, one thread, a batch of 1. Take those of "
        "the named row.": (
            under(device="cpu", threads=1, batch=1),
            under(threads=1, batch=1),
            under(device="cpu"),
            under(device="cpu", threads=1),
            under(device="cpu", batch=1),
            under(threads=1),
            under(batch=1),
        ),
        "You take the fp32 that is next in time to the named row. The best may be faster than that.": next_faster,
        "You take only fp32 rows that are slower than the named row, or the row itself. The best fp32 may be faster: then "
        "the technique loses.": (
            slower(fastest),
            slower(slowest),
            lambda rows, name: name if named(rows, name)["dtype"] == "fp32" else slower(fastest)(rows, name),
            lambda rows, name: max(named(rows, pick()(rows, name)), named(rows, name), key=lambda row: row["ms"])[
                "name"
            ],
        ),
        "Your baseline has another dtype than the named row. It must be fp32, whatever the named row is.": of_other_dtype,
        "You compare milliseconds times threads. The time alone decides, between rows with as many threads.": pick(
            lambda rows: min(rows, key=lambda row: row["ms"] * row["threads"]), same=("device", "batch")
        ),
        "You take the first or the last row of the list, whatever it is.": (
            lambda rows, name: rows[0]["name"],
            lambda rows, name: rows[-1]["name"],
        ),
        "You look for the name eager, and take the row itself where there is none. Take the fastest fp32, whatever its "
        "name.": lambda rows, name: next(
            (row["name"] for row in fitting(rows, named(rows, name)) if "eager" in row["name"]), name
        ),
        "You take the name that comes last in the alphabet. Take the row with the smallest ms.": pick(
            lambda rows: max(rows, key=lambda row: row["name"])
        ),
        "You compare the times as texts, in which 10 comes before 9. Compare the numbers.": pick(
            lambda rows: min(rows, key=lambda row: str(row["ms"]))
        ),
        "You compare threads times batch. Each of the two must be the same.": product_alike,
        "You prefer the row called eager. Another fp32 row under the same conditions may be faster: take the best.": (
            prefers_eager
        ),
        "You take the name that comes first in the alphabet. Take the row with the smallest ms: in a tuple the first item "
        "is compared first.": pick(lambda rows: min(rows, key=lambda row: row["name"])),
        "You take the conditions of the fastest row. They must be those of the row that is named.": (
            conditions_of_the_fastest
        ),
        "You compare the time for each input over all batch sizes. A batch of 16 is other work: the batch must be the "
        "same.": pick(lambda rows: min(rows, key=lambda row: row["ms"] / row["batch"]), same=("device", "threads")),
        "You compare whole milliseconds, or rounded ones. Two times may differ by less: compare them as they are.": (
            pick(lambda rows: min(rows, key=lambda row: int(row["ms"]))),
            *(
                pick(lambda rows, digits=digits: min(rows, key=lambda row: round(row["ms"], digits)))
                for digits in (0, 1, 2)
            ),
        ),
        "You take the fp32 that is nearest in time to the named row. Take the best, with the smallest ms.": nearest_in_time,
        "You find the place of the best in one list, and look it up in another one. Take the name from the row itself.": (
            lambda rows, name: rows[places(rows, name)]["name"],
            lambda rows, name: [row for row in rows if row["dtype"] == "fp32"][places(rows, name)]["name"],
        ),
        "You take the fastest fp32 of all, and the row itself where that one has other conditions. Keep the rows under the same "
        "conditions first, then take the fastest.": fastest_or_itself,
        "Your search starts at a number, such as 100 ms, and finds nothing where all times are above it. Start with a row, or "
        "with infinity.": tuple(below(most, other) for most in (100, 10, 1000) for other in (0, -1, None)),
        "Your baseline can have fewer threads and a smaller batch. Both must be the same.": in_bounds_both(le),
        "Your baseline can have more threads and a larger batch. Both must be the same.": in_bounds_both(ge),
        "You return several names. Return one.": tuple(
            lambda rows, name, glue=glue: glue.join(row["name"] for row in fitting(rows, named(rows, name)))
            for glue in (" ", ", ", ",")
        ),
        "You take the second fastest fp32. Take the best.": pick(place(lambda count: 1)),
        "You take a middle one of the fp32 rows. Take the best.": pick(place(lambda count: count // 2)),
        "You take the last fp32 that fits. Which one is the best?": pick(lambda rows: rows[-1]),
        "You take the slowest fp32: that flatters every technique.": pick(slowest),
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
        "Your search starts with the named row, whatever its dtype. So an int8 row that is fastest stays. Start with fp32 "
        "rows only.": from_the_named_row,
        "Your search starts with the first row, whatever it is. So it stays where no fp32 row is faster. Start with rows that "
        "fit only.": from_the_first_row,
        "Your baseline has the dtype of the named row. It must be fp32, whatever the named row is.": of_its_dtype,
        "You let an fp32 row be its own baseline even where another fp32 is faster.": fp32_is_its_own,
        "You find the named row by a part of its name. Another name may contain it: compare with ==.": pick(
            own=containing
        ),
        "You return a list. Return one name, a string.": (
            lambda rows, name: [pick()(rows, name)],
            pick(lambda rows: {"name": [row["name"] for row in sorted(rows, key=lambda row: row["ms"])]}),
        ),
        "You return the place of the row in the list. Return one name, a string.": lambda rows, name: rows.index(
            named(rows, pick()(rows, name))
        ),
        "You return the speed-up. Return the name of the baseline, a string.": (
            lambda rows, name: named(rows, pick()(rows, name))["ms"] / named(rows, name)["ms"]
        ),
        "You return the whole row. Return its name.": pick(give=None),
        "You return the time of the baseline. Return its name.": pick(give="ms"),
    }
    builds = [
        _row("debug", "fp32", 9.0),
        _row("int8", "int8", 0.9),
        _row("compiled", "fp32", 1.5),
        _row("threads", "fp32", 0.5, 2),
    ]
    alike = [_row("b", "fp32", 3.0), _row("a", "fp32", 2e4), _row("d", "fp32", 3.25), _row("c", "fp32", 3.5)]
    alike = [*alike, _row("e", "fp16", 2.75), _row("f", "fp32", 7.0)]
    longer = [_row("eager, compiled", "fp32", 1.5, 2), _row("eager", "fp32", 2.0)]
    named_eager = [_row("eager", "fp32", 2.0), _row("compiled", "fp32", 1.5), _row("int8", "int8", 0.9)]
    as_json = [
        {**_row("int8", "int8", 0.9), "batch": int("1024")},
        {**_row("eager", "fp32", 2.0), "batch": int("1024")},
    ]
    product = [_row("int8", "int8", 0.9, 2), _row("eager", "fp32", 2.0, 2), {**_row("four", "fp32", 1.5), "batch": 4}]
    unlike = [  # the fastest fp32 has one condition that is less, or more, than the named row's
        [_row("int8", "int8", 0.9, mine), _row("eager", "fp32", 2.0, mine), _row("other", "fp32", 1.5, other)]
        for one in (1, 2, 4)
        for mine, other in ((0, one), (one, 0))
    ]
    slow = [_row("int8", "int8", 2e4), _row("eager", "fp32", 3e4), _row("debug", "fp32", 9e4)]
    compare(
        answer,
        right=pick(),
        wrong=wrong,
        names=("rows", "name"),
        edges=[
            ([_row("eager", "fp32", 2.0)], "eager"),
            *[(builds, name) for name in ("int8", "compiled", "threads")],
            *[(alike, name) for name in "ace"],
            (longer, "eager"),
            *[(slow, name) for name in ("int8", "debug")],
            *[(rows, "int8") for rows in [named_eager, as_json, product, *unlike]],
        ],
        inputs=_reports(),
    )

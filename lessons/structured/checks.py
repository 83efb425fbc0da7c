"""Checks of the lesson `structured`, structured pruning."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course_utils.exercises.core import Mistake, check, run, same


def _numbers(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _block(n_out: int, n_in: int, seed: int) -> tuple[torch.Tensor, dict]:
    """A weight whose filters differ in length, and the four tensors of its batch norm."""
    weight = _numbers(n_out, n_in, 3, 3, seed=seed)
    weight *= torch.rand(n_out, 1, 1, 1, generator=torch.Generator().manual_seed(seed + 1)) + 0.2
    weight *= torch.rand(1, n_in, 1, 1, generator=torch.Generator().manual_seed(seed + 2)) + 0.2
    names = ("weight", "bias", "running_mean", "running_var")
    return weight, {name: torch.arange(float(n_out)) + 10 * i for i, name in enumerate(names)}


def _spiky() -> tuple[torch.Tensor, dict]:
    """Filters that L1, L2 and the largest value put in three different orders."""
    weight = torch.tensor(
        [
            [3.0, 0, 0, 0],
            [1.1, 1.1, 1.1, 1.1],
            [2.4, 2.4, 0, 0],
            [0.5, 0.5, 0.5, 0.5],
            [2.9, 0, 0, 0],
            [1.6, 1.6, 1.6, 0],
        ]
    )
    return weight.view(6, 4, 1, 1), {"weight": torch.arange(6.0), "running_mean": torch.arange(6.0) * 10}


def _judge(
    answer: Callable,
    *,
    right: Callable,
    wrong: dict[str, Callable],
    cases: list[tuple],
    names: tuple[str, ...],
    parts: tuple[str, ...],
) -> None:
    """Compare every part of the answer; raise a `Mistake` that says which part differs, with the hint that fits."""
    got = []
    for args in cases:
        value = run(answer, args, names)
        try:
            got.append([_tensors(part) for _, part in zip(parts, value, strict=True)])
        except (TypeError, ValueError, AttributeError, RuntimeError):
            raise Mistake(f"Your function returned {type(value).__name__}.", f"Return {' and '.join(parts)}.") from None
    for args, value in zip(cases, got, strict=True):
        for part, mine, wanted in zip(parts, value, right(*args), strict=True):
            if not same(wanted, mine):
                for hint, mistake in wrong.items():
                    if all(same(list(mistake(*a)), v) for a, v in zip(cases, got, strict=True)):
                        raise Mistake(_differs(part, mine, wanted, args), hint)
                raise Mistake(
                    _differs(part, mine, wanted, args),
                    "Try it on distinct whole numbers, such as those of "
                    "torch.arange(24.).view(4, 6), and see which of them stay.",
                )


def _tensors(value: object) -> object:
    return {n: torch.as_tensor(t) for n, t in value.items()} if isinstance(value, dict) else torch.as_tensor(value)


def _differs(part: str, mine: object, wanted: object, args: tuple) -> str:
    where = f"On a weight of shape {tuple(args[0].shape)} with {args[-1]} to keep your {part}"
    if isinstance(wanted, dict):
        name = next((n for n in wanted if not same(wanted[n], mine.get(n))), "more than was given")
        shown = mine.get(name, torch.empty(0)).tolist()
        return f"{where} has {name} = {shown}, expected {wanted[name].tolist() if name in wanted else 'nothing'}."
    if mine.shape != wanted.shape:
        return f"{where} has the shape {tuple(mine.shape)}, expected {tuple(wanted.shape)}."
    return f"{where} has the right shape {tuple(wanted.shape)} and other values than expected."


def _picked(weight: torch.Tensor, norm: dict, keep: torch.Tensor) -> tuple[torch.Tensor, dict]:
    return weight[keep], {name: tensor[keep] for name, tensor in norm.items()}


def _by(score: Callable, *, largest: bool = True, ordered: bool = True) -> Callable:
    """An answer that ranks the channels by `score`."""

    def answer(weight: torch.Tensor, norm: dict, n_keep: int) -> tuple[torch.Tensor, dict]:
        keep = score(weight).topk(n_keep, largest=largest).indices
        return _picked(weight, norm, keep.sort().values if ordered else keep)

    return answer


def _l2(weight: torch.Tensor) -> torch.Tensor:
    return weight.flatten(1).norm(dim=1)


def _inputs(weight: torch.Tensor) -> torch.Tensor:
    return weight.transpose(0, 1).flatten(1).norm(dim=1)


def _norm_left(weight: torch.Tensor, norm: dict, n_keep: int) -> tuple[torch.Tensor, dict]:
    return _by(_l2)(weight, norm, n_keep)[0], norm


def _norm_first(weight: torch.Tensor, norm: dict, n_keep: int) -> tuple[torch.Tensor, dict]:
    return _by(_l2)(weight, norm, n_keep)[0], {name: tensor[:n_keep] for name, tensor in norm.items()}


def _statistics_left(weight: torch.Tensor, norm: dict, n_keep: int) -> tuple[torch.Tensor, dict]:
    small, cut = _by(_l2)(weight, norm, n_keep)
    return small, {name: tensor if name.startswith("running") else cut[name] for name, tensor in norm.items()}


@check("Exercise 1, Keep the strongest channels")
def cut_block(answer: Callable) -> None:
    """``cut_block(weight, norm, n_keep) -> (weight, norm)``."""
    wrong = {
        "You keep the weakest channels. The ones with the largest norm are to stay.": _by(_l2, largest=False),
        "You measure the norms of the input channels. An output channel is an index of dim 0: its norm runs over all "
        "the other dims.": _by(_inputs),
        "You prune before the norm layer only: the batch norm still has its old tensors, and would fail or scale "
        "other channels.": _norm_left,
        "Your batch norm keeps its first entries. It must keep the same channels as the convolution.": _norm_first,
        "Running mean and variance belong to the channels too: index every tensor of the dict.": _statistics_left,
        "Your channels stand in the order of their norms. Sort their numbers: the next layer expects the old order.": _by(
            _l2, ordered=False
        ),
        "You rank by the L1 norm, the sum of absolute values. L2 is the root of the sum of squares.": _by(
            lambda w: w.abs().flatten(1).sum(1)
        ),
        "You add the weights with their signs: positive and negative ones cancel. A norm takes squares.": _by(
            lambda w: w.flatten(1).sum(1)
        ),
    }
    cases = [(*_block(6, 6, 1), 3), (*_block(8, 4, 4), 3), (*_spiky(), 3), (*_block(5, 5, 7), 1), (*_block(4, 4, 9), 4)]
    _judge(
        answer, right=_by(_l2), wrong=wrong, cases=cases, names=("weight", "norm", "n_keep"), parts=("weight", "norm")
    )


def _pair(
    rows: Callable = lambda b, keep: b[keep],
    columns: Callable | None = None,
    weight: Callable = lambda w, keep: w[keep],
) -> Callable:
    """An answer to 10.2, with one of its three parts replaced."""
    columns = columns or (lambda linear, n_out, keep: linear.reshape(len(linear), n_out, -1)[:, keep].flatten(1))
    return lambda w, b, linear, keep: (weight(w, keep), rows(b, keep), columns(linear, len(w), keep))


@check("Exercise 2, Two chained layers")
def cut_pair(answer: Callable) -> None:
    """``cut_pair(conv_weight, conv_bias, linear_weight, keep)`` -> the three tensors, cut."""

    def pixels_first(linear: torch.Tensor, n_out: int, keep: list[int]) -> torch.Tensor:
        return linear.reshape(len(linear), -1, n_out)[:, :, keep].flatten(1)

    def removed(n_out: int, keep: list[int]) -> list[int]:
        return [i for i in range(n_out) if i not in keep]

    wrong = {
        "The next layer's inputs are left: linear_weight still has the columns of the channels that are gone.": _pair(
            columns=lambda linear, n_out, keep: linear
        ),
        "You forgot the factor of the flatten: each channel has `area` columns of linear_weight, not one.": _pair(
            columns=lambda linear, n_out, keep: linear[:, keep]
        ),
        "You took the right number of columns, but the first ones. Each channel owns its own `area` columns.": _pair(
            columns=lambda linear, n_out, keep: linear[:, : len(keep) * linear.shape[1] // n_out]
        ),
        "You read the columns as if the channel ran fastest. Flatten puts the pixels of one channel side by side.": _pair(
            columns=pixels_first
        ),
        "The bias of the convolution has one entry for each output channel: it must be cut too.": _pair(
            rows=lambda b, keep: b
        ),
        "You cut the input channels of the convolution. Its output channels are dim 0.": _pair(
            weight=lambda w, keep: w[:, [k for k in keep if k < w.shape[1]]]
        ),
        "You remove the channels in `keep`. They are the ones that stay.": lambda w, b, linear, keep: _pair()(
            w, b, linear, removed(len(w), keep)
        ),
    }

    def case(n_out: int, n_in: int, area: int, n: int, keep: list[int]) -> tuple:
        return (_numbers(n_out, n_in, 3, 3, seed=1), _numbers(n_out, seed=2), _numbers(n, n_out * area, seed=3), keep)

    cases = [case(4, 4, 9, 5, [1, 3]), case(6, 3, 4, 8, [0, 2, 5]), case(3, 3, 1, 3, [2]), case(2, 2, 25, 7, [0, 1])]
    names = ("conv_weight", "conv_bias", "linear_weight")
    _judge(answer, right=_pair(), wrong=wrong, cases=cases, names=(*names, "keep"), parts=names)


def _groups(weight: torch.Tensor) -> list[tuple[int, slice]]:
    return [(row, slice(start, start + 4)) for row in range(len(weight)) for start in range(0, weight.shape[1], 4)]


def _two_largest(group: torch.Tensor) -> torch.Tensor:
    return group.abs().topk(min(2, len(group))).indices


def _mask(weight: torch.Tensor, pick: Callable = _two_largest) -> torch.Tensor:
    """A mask made group by group; `pick` gives the positions to keep in a group."""
    mask = torch.zeros_like(weight)
    for row, group in _groups(weight):
        part = mask[row, group]
        part[pick(weight[row, group])] = 1
    return mask


def _half_anywhere(weight: torch.Tensor) -> torch.Tensor:
    mask = torch.zeros(weight.numel())
    mask[weight.abs().flatten().topk(weight.numel() // 2).indices] = 1
    return mask.view_as(weight)


def _one_of_two(weight: torch.Tensor) -> torch.Tensor:
    return torch.cat([_mask(pair, lambda group: group.abs().topk(1).indices) for pair in weight.split(2, dim=1)], dim=1)


TIES = (
    "Where magnitudes are equal you keep three or four: a threshold lets all of them pass. The hardware has room "
    "for two."
)
MISTAKES = {
    "Your groups run down the columns. A group is four neighbours in one row.": lambda w: _mask(w.T).T,
    "Your groups run on from one row into the next. Each row starts a group of its own: in a matrix product a row is "
    "one dot product.": lambda w: _mask(w.reshape(1, -1)).view_as(w),
    "You compare signed values: a large negative weight is dropped. Take absolute values.": lambda w: _mask(
        w, lambda group: group.topk(min(2, len(group))).indices
    ),
    "You keep the two smallest of each group.": lambda w: _mask(
        w, lambda group: group.abs().topk(min(2, len(group)), largest=False).indices
    ),
    "Your mask has ones where weights go. One means that a weight stays.": lambda w: 1 - _mask(w),
    "You keep the larger half of the whole matrix. 2:4 asks for two in every group.": _half_anywhere,
    "You keep one of each pair of neighbours: that is 1:2. In 2:4 the two may stand side by side.": _one_of_two,
    "You keep all of the shorter group at a row's end, also where it has three. It keeps at most two, like the others.": lambda w: (
        _mask(w, lambda group: group.abs().topk(2 if len(group) == 4 else len(group)).indices)
    ),
}


@check("Exercise 3, A 2:4 mask")
def mask_2_4(answer: Callable) -> None:
    """``mask_2_4(weight) -> mask``, (rows, columns); where magnitudes are equal any choice is right."""
    ties = torch.tensor([[1.0, -1, 1, 0.5], [2, 2, 2, 2], [0, 0, 0, 3]])
    cases = [_numbers(4, 8, seed=1), _numbers(2, 6, seed=2), _numbers(3, 7, seed=3), torch.tensor([[5.0, 4.0]]), ties]
    got = [_as_mask(run(answer, (weight,), ("weight",)), weight) for weight in cases]
    faults = [fault for weight, mask in zip(cases, got, strict=True) if (fault := _fault(weight, mask))]
    if not faults:
        return
    plain = list(zip(cases, got, strict=True))[:-1]
    if not any(_fault(*pair) for pair in plain):
        raise Mistake(faults[0], TIES)
    for hint, mistake in MISTAKES.items():
        if all(torch.equal(mistake(weight), mask) for weight, mask in plain):
            raise Mistake(faults[0], hint)
    raise Mistake(faults[0], "Take that group by hand: which two of its magnitudes are the largest?")


def _as_mask(value: object, weight: torch.Tensor) -> torch.Tensor:
    where = f"Your function on a matrix of shape {tuple(weight.shape)}"
    try:
        mask = torch.as_tensor(value).detach().cpu().float()
    except (TypeError, ValueError, RuntimeError):
        raise Mistake(f"{where} returned {type(value).__name__}.", "Return a tensor of zeros and ones.") from None
    if mask.shape != weight.shape:
        raise Mistake(f"{where} returned the shape {tuple(mask.shape)}.", "A mask has the shape of its weight.")
    if not bool(((mask == 0) | (mask == 1)).all()):
        raise Mistake(f"{where} returned other values than 0 and 1.", "Return the mask, not the masked weight.")
    return mask


def _fault(weight: torch.Tensor, mask: torch.Tensor) -> str:
    """The first group that is not kept as it must be, in words; empty where all are."""
    for row, group in _groups(weight):
        values, kept = weight[row, group].abs(), mask[row, group].bool()
        right = int(kept.sum()) == min(2, len(values))
        if not right or (not kept.all() and values[kept].min() < values[~kept].max()):
            shown = ", ".join(f"{v:.2g}" for v in weight[row, group].tolist())
            keeps = ", ".join(f"{k:g}" for k in mask[row, group].tolist())
            return f"In the group ({shown}) of row {row} your mask is ({keeps})."
    return ""

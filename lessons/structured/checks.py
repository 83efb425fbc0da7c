"""Checks of the lesson `structured`, structured pruning."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from hypothesis import strategies as st
from torch.nn import functional as F

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.investigation import Run, World, investigate, numbered, one_alone, one_in_three
from course_utils.exercises.search import compare
from course_utils.exercises.shares import ALONE, BY_THE_CARD, NEAR_A_LIMIT, UNEVEN, Share


def _made_of(*parts: str) -> Callable:
    """A view that wants a list or tuple of `parts`; anything may come back, so only its type is looked at."""

    def view(value: object, *_: object) -> object:
        if not issubclass(type(value), (list, tuple)) or len(value) != len(parts):
            text = f"Your function did not return {len(parts)} things."
            raise Mistake(text, f"Return {', '.join(parts[:-1])} and {parts[-1]}, in that order.")
        return value

    return view


def _weight_and_dict(value: object, *_: object) -> object:
    """The pair, if its second part is a dict."""
    pair = _made_of("the weight", "the batch norm's dict")(value)
    if not isinstance(pair[1], dict):
        raise Mistake(
            "Your batch norm is no dict any more.",
            "Return it as it came: a dict from the names to their tensors, each of them cut.",
        )
    return pair


# ---- exercise 3 --------------------------------------------------------------------------------------


def _l2(weight: torch.Tensor) -> torch.Tensor:
    return weight.flatten(1).norm(dim=1)


def _of_inputs(weight: torch.Tensor) -> torch.Tensor:
    """Norms of the input channels, in a tensor as long as there are output channels."""
    return F.pad(_l2(weight.transpose(0, 1)), (0, weight.shape[0] - weight.shape[1]))


def _zeroed(tensor: torch.Tensor, keep: list[int]) -> torch.Tensor:
    left = torch.zeros_like(tensor)
    left[keep] = tensor[keep]
    return left


def _every(norm: dict, keep: object, *, cut: tuple[str, ...] | None = None) -> dict:
    """The dict with its tensors indexed, or only those whose names start with one of `cut`."""
    return {name: tensor[keep] if cut is None or name.startswith(cut) else tensor for name, tensor in norm.items()}


@st.composite
def _blocks(draw: Callable) -> tuple:
    """(weight, norm, n_keep): whole numbers, so that L2 norms are exact; no two filters of the same norm."""
    n_out, (height, width) = draw(st.integers(1, 4)), draw(st.sampled_from([(1, 1), (2, 1), (1, 2)]))
    n_in = draw(st.one_of(st.integers(1, 3), st.just(n_out)))
    values = st.lists(st.integers(-6, 6), min_size=n_in * height * width, max_size=n_in * height * width)
    filters = draw(st.lists(values, min_size=n_out, max_size=n_out, unique_by=lambda f: sum(x * x for x in f)))
    names = draw(st.lists(st.sampled_from(["weight", "bias", "running_mean", "running_var"]), unique=True))
    entries = st.lists(st.integers(0, 9), min_size=n_out, max_size=n_out, unique=True)
    norm = {name: torch.tensor(draw(entries), dtype=torch.float32) for name in names}
    weight = torch.tensor(filters, dtype=torch.float32).reshape(n_out, n_in, height, width)
    return weight, norm, draw(st.integers(1, n_out))


@check(
    "Exercise 3, Keep the strongest channels",
    why="An output channel is an index of dim 0, so its norm runs over all other dims. One sorted list of numbers cuts the "
    "weight and every tensor of the batch norm alike: what belongs to a channel goes with it.",
)
def cut_block(answer: Callable) -> None:
    """``cut_block(weight, norm, n_keep) -> (weight, norm)``."""

    def cut(
        *,
        score=_l2,
        pick=lambda score, k: score.topk(k).indices.tolist(),
        order=sorted,
        of_weight=lambda weight, keep: weight[keep],
        of_norm=_every,
    ):
        def block(weight, norm, n_keep):
            keep = order(pick(score(weight), n_keep))
            return of_weight(weight, keep), of_norm(norm, keep)

        return block

    def one_off(by):
        """A number of channels that is not n_keep."""
        return cut(pick=lambda score, k: score.topk(max(0, min(k + by, len(score)))).indices.tolist())

    right, unordered = cut(), cut(order=list)

    def by_norm(size, name="weight"):
        """Ranked by a tensor of the batch norm, too, where it has one of this name."""
        return lambda weight, norm, n_keep: cut(score=lambda w: size(w, norm[name]) if name in norm else _l2(w))(
            weight, norm, n_keep
        )

    wrong = {
        "You keep the weakest channels. The ones with the largest norm are to stay.": cut(
            pick=lambda score, k: score.topk(k, largest=False).indices.tolist()
        ),
        "You remove n_keep channels. n_keep is the number of channels that stay.": cut(
            pick=lambda score, k: score.topk(len(score) - k).indices.tolist()
        ),
        "You keep the first n_keep channels, or the last ones. Those with the largest norm are to stay, wherever they "
        "stand.": (
            cut(pick=lambda score, k: list(range(k))),
            cut(pick=lambda score, k: list(range(len(score) - k, len(score)))),
        ),
        "You keep one channel too many or one too few. n_keep of them stay, also where a comparison with the smallest norm "
        "that stays is easier to write.": (one_off(-1), one_off(1)),
        "You measure the norms of the input channels. An output channel is an index of dim 0: its norm runs over all "
        "the other dims.": cut(score=_of_inputs),
        "Your weight is cut as it should be, but your batch norm still has its old tensors: it would fail, or scale "
        "other channels.": cut(of_norm=lambda norm, keep: norm),
        "Your batch norm is cut as it should be, but the weight still has all its channels.": cut(
            of_weight=lambda weight, keep: weight
        ),
        "Your batch norm keeps its first entries. It must keep the same channels as the convolution.": cut(
            of_norm=lambda norm, keep: _every(norm, slice(len(keep)))
        ),
        "The running mean and variance are still whole. They belong to the channels too: index every tensor of the "
        "dict.": cut(of_norm=lambda norm, keep: _every(norm, keep, cut=("weight", "bias"))),
        "Only the running mean and variance of your batch norm are cut. Index every tensor of the dict.": cut(
            of_norm=lambda norm, keep: _every(norm, keep, cut=("running",))
        ),
        "Your channels stand in the order of their norms. Sort their numbers: the next layer expects the old "
        "order.": unordered,
        "The batch norm's entries stand in the order of the channels' norms. They must stand as in the weight: in the "
        "old order.": lambda *args: (right(*args)[0], unordered(*args)[1]),
        "The weight's channels stand in the order of their norms, the batch norm's entries in the old order. Sort the "
        "numbers for both.": lambda *args: (unordered(*args)[0], right(*args)[1]),
        "sort() gives (values, indices), and you take the indices: they say where the numbers stood. You need the numbers, "
        "its values.": cut(order=lambda keep: torch.tensor(keep).sort().indices.tolist()),
        "You cut nothing: all channels are still there. Keep n_keep of them.": lambda weight, norm, n_keep: (
            weight,
            norm,
        ),
        "You rank by a tensor of the batch norm. Here the norm of the convolution's weights alone decides.": (
            by_norm(lambda weight, factor: factor.abs()),
            by_norm(lambda weight, factor: _l2(weight) * factor.abs()),
            by_norm(lambda weight, bias: bias.abs(), "bias"),
            by_norm(lambda weight, variance: variance, "running_var"),
        ),
        "You rank by the strongest kernel of each channel. It is one norm over all weights of a channel.": cut(
            score=lambda weight: weight.flatten(2).norm(dim=2).amax(1)
        ),
        "You rank by the variance of the weights, from which their mean is gone. The norm takes them as they are.": (
            cut(score=lambda weight: weight.flatten(1).var(1)),
            cut(score=lambda weight: weight.flatten(1).var(1, correction=0)),
        ),
        "You rank by the kernel of one input channel. The norm of an output channel runs over all of its kernels.": cut(
            score=lambda weight: weight[:, 0].flatten(1).norm(dim=1)
        ),
        "Your channels stand the last one first. The next layer expects the old order.": cut(
            order=lambda keep: sorted(keep, reverse=True)
        ),
        "You rank by the L1 norm, the sum of absolute values. L2 is the root of the sum of squares.": cut(
            score=lambda weight: weight.abs().flatten(1).sum(1)
        ),
        "You rank by the mean of the kernels' norms. It is one norm over all weights of a channel.": cut(
            score=lambda weight: weight.flatten(2).norm(dim=2).mean(1)
        ),
        "You rank by the one largest weight of each channel. The L2 norm takes all of them: the root of the sum of "
        "squares.": cut(score=lambda weight: weight.abs().flatten(1).amax(1)),
        "You add the weights with their signs: positive and negative ones cancel. A norm takes squares.": cut(
            score=lambda weight: weight.flatten(1).sum(1)
        ),
        "The channels that should be gone are still there, as zeros. Cut them out: the tensors get shorter.": cut(
            of_weight=_zeroed, of_norm=lambda norm, keep: {name: _zeroed(tensor, keep) for name, tensor in norm.items()}
        ),
        "You cut the input channels of the weight. Its output channels, which are to go, are dim 0.": cut(
            of_weight=lambda weight, keep: weight[:, [k for k in keep if k < weight.shape[1]]]
        ),
        "You cut the input channels too. They belong to the layer before; only the output channels go here.": cut(
            of_weight=lambda weight, keep: weight[keep][:, [k for k in keep if k < weight.shape[1]]]
        ),
        "Your two results are swapped. The weight comes first, then the batch norm's dict.": lambda *args: right(*args)[
            ::-1
        ],
    }
    # L1, L2 and the largest value put these filters in three different orders.
    spiky = [[3.0, 0, 0], [2, 2, 2], [2.5, 2.5, 0], [1, 1, 1], [2.9, 0, 0]]
    norm = {"weight": torch.tensor([1.0, 2, 3, 4, 5]), "running_mean": torch.tensor([5.0, 4, 3, 2, 1])}
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("weight", "norm", "n_keep"),
        edges=[
            *[(torch.tensor(spiky).reshape(5, 3, 1, 1), norm, n_keep) for n_keep in (2, 5)],
            (torch.tensor([[[[1.0, -1], [1, -1]]], [[[0, 0], [0, 3]]]]), {"bias": torch.tensor([1.0, 2])}, 1),
            (torch.ones(2, 2, 1, 1), {}, 2),
            (torch.tensor([1.0, 1.0001]).reshape(2, 1, 1, 1), {}, 1),  # alike in half precision
        ],
        inputs=_blocks(),
        view=_weight_and_dict,
    )


# ---- exercise 2 --------------------------------------------------------------------------------------


def _counted(*shape: int, first: float = 1.0, step: float = 1.0) -> torch.Tensor:
    """A tensor in which each number tells its place."""
    return (first + step * torch.arange(float(torch.Size(shape).numel()))).reshape(shape)


@st.composite
def _pairs(draw: Callable) -> tuple:
    """(conv_weight, conv_bias, linear_weight, keep) whose shapes fit."""
    n_out, n_in, kernel, area = (draw(st.integers(1, most)) for most in (4, 4, 2, 4))
    n = draw(st.one_of(st.integers(1, 3), st.just(n_out)))
    keep = sorted(draw(st.lists(st.integers(0, n_out - 1), min_size=1, max_size=n_out, unique=True)))
    conv = _counted(n_out, n_in, kernel, kernel), _counted(n_out, first=10, step=10)
    return *conv, _counted(n, n_out * area), keep


@check(
    "Exercise 2, Two chained layers",
    why="flatten puts the pixels of a channel side by side, so each channel owns a block of columns. Two axes, (out, area), "
    "name the block, and one index along the first cuts it whole.",
)
def cut_pair(answer: Callable) -> None:
    """``cut_pair(conv_weight, conv_bias, linear_weight, keep)`` -> the three tensors, cut."""

    def by_channel(linear, n_out):
        return linear.reshape(len(linear), n_out, -1)

    def places(of):
        """Columns by their numbers, those that exist."""

        def columns(linear, n_out, keep, kernel):
            numbers = of(keep, linear.shape[1] // n_out, n_out, kernel)
            return linear[:, [number for number in numbers if number < linear.shape[1]]]

        return columns

    def pair(
        *,
        weight=lambda w, keep: w[keep],
        bias=lambda b, keep: b[keep],
        columns=lambda linear, n_out, keep, kernel: by_channel(linear, n_out)[:, keep].flatten(1),
        stays=lambda keep, n_out: keep,
        choice=lambda w, keep: keep,
    ):
        def cut(w, b, linear, keep):
            keep = choice(w, stays(keep, len(w)))
            return weight(w, keep), bias(b, keep), columns(linear, len(w), keep, w[0, 0].numel())

        return cut

    def of_kernel(keep, area, n_out, kernel):
        return [k * kernel + i for k in keep for i in range(kernel)]

    def as_zeros(linear, n_out, keep, kernel):
        return _zeroed(by_channel(linear, n_out).transpose(0, 1), keep).transpose(0, 1).flatten(1)

    def within(tensor, dim, keep):
        return tensor.index_select(dim, torch.tensor([k for k in keep if k < tensor.shape[dim]], dtype=torch.int64))

    def in_turned_shape(linear, n_out, keep, _):
        return linear.reshape(n_out, len(linear), -1)[keep].reshape(len(linear), -1)

    def rows_too(linear, n_out, keep, _):
        return within(by_channel(linear, n_out)[:, keep].flatten(1), 0, keep)

    right = pair()

    def turned(*order):
        """The three tensors, cut as they should be, in another order."""
        return lambda *inputs: tuple(right(*inputs)[place] for place in order)

    wrong = {
        "Your three tensors are the right ones in another order. Return conv_weight, conv_bias, linear_weight.": (
            turned(1, 0, 2),
            turned(2, 0, 1),
            turned(2, 1, 0),
            turned(0, 2, 1),
            turned(1, 2, 0),
        ),
        "You keep one channel of `keep`. All of its channels stay: index with the whole list.": (
            pair(stays=lambda keep, n_out: keep[:1]),
            pair(stays=lambda keep, n_out: keep[-1:]),
        ),
        "You keep all channels from the first to the last number in `keep`. Only those that it names stay.": (
            pair(stays=lambda keep, n_out: list(range(keep[0], keep[-1] + 1))),
            pair(stays=lambda keep, n_out: list(range(keep[0], keep[-1]))),
        ),
        "You count the channels from 1. `keep` has the numbers of an index, from 0 on.": pair(
            stays=lambda keep, n_out: [k - 1 for k in keep]
        ),
        "You give linear_weight the shape (out, n, area), which mixes its rows. The rows stay as they are: (n, out, area).": (
            pair(columns=in_turned_shape)
        ),
        "You take the first column of each channel. Each channel owns `area` columns, side by side.": pair(
            columns=places(lambda keep, area, *_: [k * area for k in keep])
        ),
        "Your linear_weight keeps the columns of the channels that go, and loses those of the channels that stay.": pair(
            columns=lambda linear, n_out, keep, _: by_channel(linear, n_out)[
                :, [k for k in range(n_out) if k not in keep]
            ].flatten(1)
        ),
        "You cut rows of linear_weight, too. Its rows are its own outputs, and all of them stay.": pair(
            columns=rows_too
        ),
        "The next layer's inputs are left: linear_weight still has the columns of the channels that are gone.": pair(
            columns=lambda linear, *_: linear
        ),
        "You forgot the factor of the flatten: each channel has `area` columns of linear_weight, not one.": pair(
            columns=lambda linear, n_out, keep, _: linear[:, keep]
        ),
        "You took the right number of columns, but the first ones. Each channel owns its own `area` columns.": pair(
            columns=places(lambda keep, area, *_: range(len(keep) * area))
        ),
        "You took all columns from the first channel that stays to the last one. Those between that go must go, too.": pair(
            columns=places(lambda keep, area, *_: range(keep[0] * area, (keep[-1] + 1) * area))
        ),
        "You divide the columns by the number of channels that stay. They still belong to all channels: divide by the old "
        "number.": pair(
            columns=places(
                lambda keep, area, n_out, _: [
                    k * (area * n_out // len(keep)) + i for k in keep for i in range(area * n_out // len(keep))
                ]
            )
        ),
        "You took the columns from k to k + area. The columns of channel k begin at k · area.": pair(
            columns=places(lambda keep, area, *_: [k + i for k in keep for i in range(area)])
        ),
        "You read the columns as if the channel ran fastest. Flatten puts the pixels of one channel side by side.": pair(
            columns=lambda linear, n_out, keep, _: linear.reshape(len(linear), -1, n_out)[:, :, keep].flatten(1)
        ),
        "For each channel you took every so many columns. Flatten puts the pixels of one channel side by side.": pair(
            columns=places(lambda keep, area, n_out, _: [i * n_out + k for k in keep for i in range(area)])
        ),
        "Your columns of linear_weight are the right ones in another order: the pixels of one channel stand side by "
        "side.": pair(columns=places(lambda keep, area, *_: [k * area + i for i in range(area) for k in keep])),
        "You take as many columns for a channel as a kernel has weights. The map's area is another number: find it "
        "from the shape of linear_weight.": (
            pair(columns=places(of_kernel)),
            pair(columns=lambda linear, n_out, keep, kernel: linear[:, of_kernel(keep, 0, n_out, kernel)]),
        ),
        "Your linear_weight has three axes. Flatten the last two again: it is a matrix.": pair(
            columns=lambda linear, n_out, keep, _: by_channel(linear, n_out)[:, keep]
        ),
        "You cut the rows of linear_weight, its outputs. What reads the channels are its columns.": pair(
            columns=lambda linear, n_out, keep, _: within(linear, 0, keep)
        ),
        "The columns that should be gone are still there, as zeros. Cut them out.": pair(columns=as_zeros),
        "All three tensors still have what should be gone, as zeros: that is a mask. Cut it out.": pair(
            weight=_zeroed, bias=_zeroed, columns=as_zeros
        ),
        "The bias of the convolution is whole. It has one entry for each output channel: it must be cut too.": pair(
            bias=lambda b, keep: b
        ),
        "Only linear_weight is cut. The convolution must lose the channels too, in its weight and its bias.": pair(
            weight=lambda w, keep: w, bias=lambda b, keep: b
        ),
        "You cut the input channels of the convolution. Its output channels are dim 0.": pair(
            weight=lambda w, keep: within(w, 1, keep)
        ),
        "You remove the channels in `keep`. They are the ones that stay.": pair(
            stays=lambda keep, n_out: [k for k in range(n_out) if k not in keep]
        ),
        "You keep the first channels, as many as `keep` has. `keep` says which ones stay.": pair(
            stays=lambda keep, n_out: list(range(len(keep)))
        ),
        "You keep the last channels, as many as `keep` has. `keep` says which ones stay.": pair(
            stays=lambda keep, n_out: list(range(n_out - len(keep), n_out))
        ),
        "You leave out the last number of `keep`. A slice ends before its last number; index with the whole list.": pair(
            stays=lambda keep, n_out: keep[:-1] or keep
        ),
        "You leave out the first number of `keep`. All of its channels stay.": pair(
            stays=lambda keep, n_out: keep[1:] or keep
        ),
        "You choose the channels by their weights. Here `keep` has chosen already, whatever the weights are.": pair(
            choice=lambda w, keep: w.abs().sum((1, 2, 3)).topk(len(keep)).indices.sort().values.tolist()
        ),
        "The weight of the convolution is whole. It has one filter for each output channel: cut it as well.": pair(
            weight=lambda w, keep: w
        ),
        "The bias of the convolution is not that of the channels that stay: you make it new, or take its first entries.": (
            pair(bias=lambda b, keep: torch.zeros(len(keep))),
            pair(bias=lambda b, keep: torch.ones(len(keep))),
            pair(bias=lambda b, keep: b[: len(keep)]),
            pair(bias=lambda b, keep: b[len(b) - len(keep) :]),
        ),
        "You add up, or average, the columns of each channel. Each pixel keeps a column of its own.": (
            pair(columns=lambda linear, n_out, keep, _: by_channel(linear, n_out)[:, keep].sum(2)),
            pair(columns=lambda linear, n_out, keep, _: by_channel(linear, n_out)[:, keep].mean(2)),
        ),
        "You multiply linear_weight by old channels over new ones. A cut takes numbers out, and changes none that stays.": (
            pair(
                columns=lambda linear, n_out, keep, _: by_channel(linear, n_out)[:, keep].flatten(1) * n_out / len(keep)
            )
        ),
        "You take one column too few, or too many, for a channel. The area is the columns of linear_weight divided by the old "
        "number of channels.": (
            pair(
                columns=places(
                    lambda keep, area, *_: [k * max(1, area - 1) + i for k in keep for i in range(max(1, area - 1))]
                )
            ),
            pair(columns=places(lambda keep, area, *_: [k * (area + 1) + i for k in keep for i in range(area + 1)])),
            pair(columns=places(lambda keep, area, *_: [k * area + i for k in keep for i in range(area - 1)])),
            pair(columns=places(lambda keep, area, *_: [k * area + i for k in keep for i in range(area + 1)])),
        ),
        "You take the side of the map for its area, the root of it. All pixels count.": pair(
            columns=places(
                lambda keep, area, *_: [k * round(area**0.5) + i for k in keep for i in range(round(area**0.5))]
            )
        ),
        "Your linear_weight has the last columns, as many as stay. Each channel owns its own `area` columns.": pair(
            columns=places(lambda keep, area, n_out, _: range((n_out - len(keep)) * area, n_out * area))
        ),
        "Your linear_weight has the channels, or the pixels of each, in the reverse order. All keep their order.": (
            pair(columns=lambda linear, n_out, keep, _: by_channel(linear, n_out)[:, keep[::-1]].flatten(1)),
            pair(columns=lambda linear, n_out, keep, _: by_channel(linear, n_out)[:, keep].flip(2).flatten(1)),
            pair(columns=lambda linear, n_out, keep, _: by_channel(linear, n_out)[:, keep].flatten(1).flip(1)),
        ),
    }
    names = ("conv_weight", "conv_bias", "linear_weight")
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=(*names, "keep"),
        edges=[
            (_counted(4, 2, 1, 1), _counted(4, first=10, step=10), _counted(2, 8), [1, 3]),
            (_counted(2, 2, 3, 3), _counted(2, first=10, step=10), _counted(1, 18), [1]),
            (torch.ones(1, 1, 3, 3), torch.ones(1), torch.ones(5, 1), [0]),
            (torch.tensor([4.0, 1, 3, 2]).reshape(4, 1, 1, 1), _counted(4, first=10, step=10), _counted(2, 8), [1, 3]),
        ],
        inputs=_pairs(),
        view=_made_of(*names),
    )


# ---- exercise 1 --------------------------------------------------------------------------------------

NETWORKS = ("norm", "random", "new")


def _scatter(network: str, steps: float, draw: float) -> float:
    """Between -1 and 1, as if by chance, and the same for the same arguments."""
    whole = math.sin(12.9898 * (draw + 1) + 78.233 * NETWORKS.index(network) + 0.37719 * steps) * 43758.5453
    return 2 * (whole - math.floor(whole)) - 1


SHARE = Share("norm", "random", "new", ("choice", "both", "start", "nothing"))


def _network(
    said: str,
    right: str | Callable,
    hint: str,
    *,
    share: float,
    advantage: float = 20.0,
    scatter: float = 0.2,
    odd: float | None = None,
    which: Callable[[float], bool] = one_in_three,
    odd_advantage: float | None = None,
    weaker: float = 0.0,
) -> World:
    """A made-up network after its cut.

    Args:
        share: of the advantage over new weights that random channels have as well.
        advantage: of the norm over new weights after 150 steps, in points.
        scatter: of the draws, in points.
        odd: the share in the draws that `which` names, every third or one alone, where it is another one.
        odd_advantage: the advantage in those draws, where it is another one.
        weaker: points by which all three networks are behind in those draws.
    """

    def measure(network: str, number: int, steps: float, draw: float) -> float:
        trained = min(1.0, max(0.0, float(steps)) / 150)
        of_random = odd if odd is not None and which(draw) else share
        whole = odd_advantage if odd_advantage is not None and which(draw) else advantage
        ahead = {"norm": 1.0, "random": of_random, "new": 0.0}[network] * whole - weaker * which(draw)
        return 10 + trained * (60 + ahead) + scatter * trained * _scatter(network, steps, draw)

    return World(said, right, measure if which is one_in_three else numbered(measure, "draw"), hint)


def _first(draw: float) -> bool:
    return draw == 0


CUT = (
    _network(
        "random channels end as low as new weights.",
        "choice",
        "Where random channels end no higher than new weights, the trained start is worth nothing without the choice. The share is "
        "(random − new) / (norm − new).",
        share=0.0,
    ),
    _network(
        "random channels end as high as those chosen by norm.",
        "start",
        "Where random channels end as high as those by norm, the choice earned nothing. Random channels have the start and not "
        "the choice: divide what they have over new weights by the whole advantage, norm − new, and not by an accuracy.",
        share=1.0,
    ),
    _network(
        "random channels have a tenth of the advantage.",
        "choice",
        "A share is a quotient: the points that random channels have over new weights, over those that the norm has. Here it is "
        "two of twenty.",
        share=0.1,
    ),
    _network(
        "random channels lie half-way between new weights and the norm.",
        "both",
        "Where random channels lie between, the start earned a part of the advantage and the choice another part.",
        share=0.5,
    ),
    _network(
        "the norm ends less than half a point above new weights.",
        "nothing",
        "Here the cut network is no better than new weights, so there is nothing to be shared out, and the share is a quotient of two "
        "chances. Look at the advantage, norm − new, before you divide by it.",
        share=0.5,
        advantage=0.4,
        scatter=0.3,
    ),
    _network(
        "the start earned half, and single draws differ by many points.",
        "both",
        "The draws differ widely here, and the best or the worst of them says little. Take means over several draws.",
        share=0.5,
        advantage=25.0,
        scatter=7.0,
    ),
    *(
        _network(
            f"random channels have {share:g} of an advantage of {advantage:g} points.",
            SHARE.follows,
            BY_THE_CARD,
            share=share,
            advantage=advantage,
            scatter=0.02,
        )
        for share, advantage in NEAR_A_LIMIT
    ),
    *(
        _network(
            f"random channels have {share:g} of the advantage, and {odd:g} in every third draw.",
            SHARE.follows,
            BY_THE_CARD,
            share=share,
            scatter=0.02,
            odd=odd,
        )
        for share, odd in UNEVEN
    ),
    *(
        _network(
            f"random channels have {share:g} of the advantage, but in one draw alone it is {odd:g}.",
            SHARE.follows,
            BY_THE_CARD,
            share=share,
            scatter=0.02,
            odd=odd,
            which=one_alone,
        )
        for share, odd in ALONE
    ),
    *(
        _network(said, SHARE.follows, BY_THE_CARD, share=share, scatter=0.02, **planted)
        for said, share, planted in (
            ("the norm ends 4 points below new weights, and random channels 2.", 0.5, {"advantage": -4.0}),
            ("random channels end 10 points below new weights, and the norm 20 above them.", -0.5, {}),
            ("the norm ends 0.4 points above new weights, and random channels 5.", 12.5, {"advantage": 0.4}),
            ("random channels have half of an advantage of 0.92 points.", 0.5, {"advantage": 0.92}),
            ("random channels have half of an advantage of 1.08 points.", 0.5, {"advantage": 1.08}),
            (
                "random channels have 0.9 of an advantage of 30 points, and in every third draw nothing of one of 3.",
                0.9,
                {"advantage": 30.0, "odd": 0.0, "odd_advantage": 3.0},
            ),
            (
                "random channels have half of an advantage of 0.3 points, but in one draw alone it is 3.",
                0.5,
                {"advantage": 0.3, "odd_advantage": 3.0, "which": one_alone},
            ),
            (
                "random channels have half of an advantage of 0.5 points, but in one draw alone it is 30.",
                0.5,
                {"advantage": 0.5, "odd_advantage": 30.0, "which": one_alone},
            ),
            (
                "random channels have 0.15 of the advantage, but in the first draw 1.3 of it.",
                0.15,
                {"odd": 1.3, "which": _first},
            ),
            (
                "random channels have 0.9 of 30 points, and in every third draw the norm is hardly ahead and they lose 10.",
                0.9,
                {"advantage": 30.0, "odd": -20.0, "odd_advantage": 0.5},
            ),
            (
                "random channels end above those by norm, but in one draw alone they guess.",
                1.1,
                {"odd": -3.0, "which": one_alone},
            ),
            (
                "random channels have a quarter of the advantage, and in every third draw all three are 12 points weaker.",
                0.25,
                {"weaker": 12.0},
            ),
        )
    ),
)


def _after_the_training(runs: Sequence[Run]) -> None:
    """Refuse an experiment at another budget than the one that is asked about."""
    budgets = sorted({run.settings["steps"] for run in runs})
    if budgets == [150]:
        return
    facts = (("your steps", ", ".join(map(str, budgets))),)
    if budgets == [0]:
        raise Mistake(
            "You compare the networks before their training.",
            "Nothing is trained after 0 steps, and all three guess. The laundry uses the network after 150 steps: say steps=150.",
            facts=facts,
        )
    raise Mistake(
        "You compare the networks after another training than the one of 150 steps.",
        "A start is worth much after a short training and little after a long one. The question is about 150 steps, so run those alone.",
        facts=facts,
    )


@check(
    "Exercise 1, What earned it?",
    why="Random channels have the trained start in common with those by norm, and their lack of a choice in common with new weights. So "
    "what they have over new weights is due to the start, and what they lack to the norm is due to the choice.",
)
def what_earned_it(answer: Callable) -> None:
    """``what_earned_it(right) -> "start", "choice", "both" or "nothing"``, on made-up networks."""
    investigate(
        answer,
        CUT,
        arms=NETWORKS,
        settings={"steps": 0, "draw": 0},
        least={"draw": 5},
        look=_after_the_training,
        conclusions=("start", "choice", "both", "nothing"),
        rule=SHARE.follows,
        rule_said=SHARE.said,
        others=SHARE.others,
        name="right",
    )

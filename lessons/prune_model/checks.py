"""Checks of the lesson `prune_model`, pruning a model."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course_utils.exercises.core import check, try_cases


def _state(seed: int, layers: dict[str, tuple[int, int]], *, masked: tuple[str, ...] = (), zeros: float = 0.3) -> dict:
    """A state_dict of linear layers with biases; `zeros` of the plain weights are 0, every second one −0.0."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in layers.items():
        weight = torch.randn(shape, generator=generator)
        drop = torch.rand(shape, generator=generator) < zeros
        if name in masked:
            state[f"{name}.bias"] = torch.zeros(shape[0])
            state[f"{name}.weight_orig"], state[f"{name}.weight_mask"] = weight, (~drop).float()
        else:
            state[f"{name}.weight"] = weight * (~drop)  # a negative number times 0 is −0.0
            state[f"{name}.bias"] = torch.randn(shape[0], generator=generator)
    return state


def _weights(state: dict) -> list[torch.Tensor]:
    """The weights that the layers compute with."""
    plain = [value for name, value in state.items() if name.endswith("weight")]
    return plain + [
        value * state[name.replace("_orig", "_mask")] for name, value in state.items() if name.endswith("weight_orig")
    ]


def _share(tensors: list[torch.Tensor]) -> float:
    return sum((t == 0).sum().item() for t in tensors) / max(1, sum(t.numel() for t in tensors))


def _negative_zero_counts(state: dict) -> float:
    tensors = _weights(state)
    zeros = sum(((t == 0) & ~torch.signbit(t)).sum().item() for t in tensors)
    return zeros / sum(t.numel() for t in tensors)


@check("Exercise 1, How sparse is this model?")
def weight_sparsity(answer: Callable) -> None:
    """``weight_sparsity(state) -> float``, from the state_dict of a plain or masked model."""
    tiny = {"fc.weight": torch.tensor([[0.0, 2.0, 1e-9, -0.0]]), "fc.bias": torch.ones(1)}
    cases = [
        (_state(1, {"fc1": (30, 20), "fc2": (5, 30)}, zeros=0.5),),
        (_state(2, {"fc1": (20, 8), "fc2": (4, 20)}, masked=("fc1", "fc2")),),
        (_state(3, {"fc1": (20, 8), "fc2": (4, 20), "fc3": (2, 4)}, masked=("fc2",), zeros=0.8),),
        (tiny,),
        ({"fc.weight": torch.tensor([[0.0, 2.0]])},),
    ]

    def entries(state, *endings):
        return [value for name, value in state.items() if name.endswith(endings)]

    wrong = {
        "You count masks as parameters. A mask says which weights stay: multiply, and leave it out of the sum.": lambda s: (
            _share(entries(s, "weight", "weight_orig", "weight_mask"))
        ),
        "You count masks beside the masked weights. A mask is no weight: it adds no zeros and no elements.": lambda s: (
            _share(_weights(s) + entries(s, "weight_mask"))
        ),
        "You average the shares of layers, so a small layer counts as much as a large one. Add up first.": lambda s: (
            sum(_share([t]) for t in _weights(s)) / len(_weights(s))
        ),
        "You do not count −0.0. It is a zero, and pruning makes many: a negative number times 0.": _negative_zero_counts,
        "You leave out the masks: weight_orig still holds the numbers that were pruned.": lambda s: _share(
            entries(s, "weight", "weight_orig")
        ),
        "You leave out masked layers: their weight is stored as weight_orig and weight_mask.": lambda s: _share(
            entries(s, "weight")
        ),
        "You count biases too. The question is about weights.": lambda s: _share(_weights(s) + entries(s, "bias")),
        "You count very small numbers as zeros. A small weight is stored and multiplied like any other.": lambda s: (
            sum((t.abs() < 1e-6).sum().item() for t in _weights(s)) / sum(t.numel() for t in _weights(s))
        ),
        "You return the density, the share that is left. Sparsity is the share of zeros.": lambda s: (
            1 - _share(_weights(s))
        ),
        "You return percent. Return a share from 0 to 1.": lambda s: 100 * _share(_weights(s)),
    }
    try_cases(answer, right=lambda s: _share(_weights(s)), wrong=wrong, cases=cases, names=("state",))


def _cut(scores: list[torch.Tensor], pruned: int) -> list[torch.Tensor]:
    """Masks that prune the `pruned` smallest scores of all tensors together."""
    order = torch.cat([s.flatten() for s in scores]).sort().values
    if pruned <= 0:
        return [torch.ones(s.shape) for s in scores]
    return [(s > order[min(pruned, len(order)) - 1]).float() for s in scores]


def _masks(value: object) -> list[torch.Tensor]:
    if not isinstance(value, list | tuple) or not value:
        raise TypeError("not a list of masks")
    return [torch.as_tensor(mask).detach().cpu().to(torch.float64) for mask in value]


@check("Exercise 2, One threshold for all")
def global_masks(answer: Callable) -> None:
    """``global_masks(weights, amount) -> list of tensors``, 1 keep and 0 prune."""
    generator = torch.Generator().manual_seed(4)
    # Layers of different scale, as in a network: a quantile for each of them gives other masks.
    layers = [
        scale * torch.randn(shape, generator=generator)
        for scale, shape in ((1.0, (4, 5)), (0.2, (10, 8)), (0.5, (3, 2, 3, 3)))
    ]
    cases = [(layers, 0.5), (layers, 0.2), (layers[:2], 0.93), (layers, 0.0), ([torch.tensor([1.0, 2.0])], 0.5)]

    def total(weights):
        return sum(w.numel() for w in weights)

    def right(weights, amount):
        return _cut([w.abs() for w in weights], round(amount * total(weights)))

    wrong = {
        "You take a quantile of each layer: that is local pruning. Put all weights into one row first.": lambda ws, a: [
            _cut([w.abs()], round(a * w.numel()))[0] for w in ws
        ],
        "You compare signed weights, so large negative ones go first. Compare absolute values.": lambda ws, a: _cut(
            ws, round(a * total(ws))
        ),
        "You take the amount as the share to keep. It is the share to prune.": lambda ws, a: _cut(
            [w.abs() for w in ws], total(ws) - round(a * total(ws))
        ),
        "Your masks are turned round: 1 means keep, 0 means prune.": lambda ws, a: [1 - m for m in right(ws, a)],
        "You prune the largest weights. Those with the smallest absolute value go.": lambda ws, a: _cut(
            [-w.abs() for w in ws], round(a * total(ws))
        ),
        "You average a threshold of each layer. Then the total is not the amount: put all weights into one row.": lambda ws, a: (
            _averaged(ws, a)
        ),
        "You divide each layer by its largest weight first. Here the plain absolute value decides.": lambda ws, a: _cut(
            [w.abs() / w.abs().max() for w in ws], round(a * total(ws))
        ),
        "You return pruned weights. Return the masks: ones and zeros.": lambda ws, a: [
            w * m for w, m in zip(ws, right(ws, a), strict=True)
        ],
        "You prune one weight too few: the one at the threshold goes as well.": lambda ws, a: _cut(
            [w.abs() for w in ws], round(a * total(ws)) - 1
        ),
    }
    try_cases(answer, right=right, wrong=wrong, cases=cases, names=("weights", "amount"), convert=_masks)


def _averaged(weights: list[torch.Tensor], amount: float) -> list[torch.Tensor]:
    thresholds = []
    for w in weights:
        order, pruned = w.abs().flatten().sort().values, round(amount * w.numel())
        thresholds.append(order[pruned - 1].item() if pruned else 0.0)
    threshold = sum(thresholds) / len(thresholds)
    return [(w.abs() > threshold).float() for w in weights]


@check("Exercise 3, When does a sparse file pay?")
def break_even_density(answer: Callable) -> None:
    """``break_even_density(rows, columns, value_bytes, index_bytes) -> float``."""

    def right(r, c, v, i):
        return max(0.0, (r * c * v - (r + 1) * i) / ((v + i) * r * c))

    wrong = {
        "You leave out the row positions: rows + 1 indices. In a matrix of few columns they weigh much.": lambda r, c, v, i: (
            v / (v + i)
        ),
        "You leave out the column index that comes with each value.": lambda r, c, v, i: max(
            0.0, (r * c * v - (r + 1) * i) / (v * r * c)
        ),
        "You return the share of zeros at break-even. Density is the share that is left.": lambda r, c, v, i: (
            1 - right(r, c, v, i)
        ),
        "You store a row and a column index for each value (COO). CSR stores rows + 1 positions instead.": lambda r, c, v, i: (
            v / (v + 2 * i)
        ),
        "You count one position for each column. There is one for each row, and one more.": lambda r, c, v, i: max(
            0.0, (r * c * v - (c + 1) * i) / ((v + i) * r * c)
        ),
        "You count one position for each row. There is one more: where the last row ends.": lambda r, c, v, i: max(
            0.0, (r * c * v - r * i) / ((v + i) * r * c)
        ),
        "You take 4 bytes for each index. Their width is an argument.": lambda r, c, v, i: right(r, c, v, 4),
        "Your answer can be negative. Where CSR is larger even when empty, it is 0.": lambda r, c, v, i: (
            (r * c * v - (r + 1) * i) / ((v + i) * r * c)
        ),
        "You return the number of weights that are left. The question is about their share.": lambda r, c, v, i: (
            right(r, c, v, i) * r * c
        ),
    }
    try_cases(
        answer,
        right=right,
        wrong=wrong,
        names=("rows", "columns", "value_bytes", "index_bytes"),
        cases=[(300, 784, 4, 8), (300, 784, 4, 4), (10, 100, 4, 8), (2048, 64, 2, 2), (100, 1, 1, 8), (64, 2, 4, 4)],
    )

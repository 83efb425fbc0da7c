"""Checks of the lesson `prune_module`, pruning a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from course_utils.exercises.core import Mistake, check, run, try_cases


@check("Exercise 1, A mask by magnitude")
def magnitude_mask(answer: Callable) -> None:
    """``magnitude_mask(weight, mask, amount) -> mask``; which of equal magnitudes goes is free."""
    names = ("weight", "mask", "amount")
    got = []
    for case in _mask_cases():
        value = _as_mask(run(answer, case, names), case[0])
        if int(((value == 1) & (case[1] == 0)).sum()):
            _revived(case, value)
        got.append(_kept(case, value))
    expected = [_kept(case, _least(*case)) for case in _mask_cases()]
    failed = [i for i, pair in enumerate(zip(expected, got, strict=True)) if not torch.equal(*pair)]
    if not failed:
        return
    weight, mask, amount = _mask_cases()[failed[0]]
    message = (
        f"Your function on a weight of shape {tuple(weight.shape)}, {int(mask.sum())} weights in the old "
        f"mask and amount={amount} kept {_numbers(got[failed[0]])}, expected {_numbers(expected[failed[0]])}."
    )
    for hint, mistake in _MASK_MISTAKES.items():
        if all(torch.equal(_kept(case, mistake(*case)), g) for case, g in zip(_mask_cases(), got, strict=True)):
            raise Mistake(message, hint)
    raise Mistake(message, "Print the magnitudes in order, and mark which of them the old mask keeps.")


def _least(
    weight: Tensor,
    mask: Tensor,
    amount: float,
    *,
    score: Callable = torch.abs,
    count: int | None = None,
    all_weights: bool = False,
    largest: bool = False,
) -> Tensor:
    """The mask after `count` (else `amount` of what is left) of least score are cut."""
    goes = round(amount * int(mask.sum())) if count is None else count
    order = score(weight).flatten().double()
    if not all_weights:
        order = torch.where(mask.flatten() == 1, order, -torch.inf if largest else torch.inf)
    new = mask.clone().flatten()
    new[order.argsort(descending=largest, stable=True)[:goes]] = 0
    return new.reshape(weight.shape)


def _threshold(weight: Tensor, mask: Tensor, amount: float, *, strict: bool) -> Tensor:
    goes = round(amount * int(mask.sum()))
    kept = weight[mask == 1].abs().sort().values
    if goes == 0:
        return mask.clone()
    stays = weight.abs() > kept[goes - 1] if strict else weight.abs() >= kept[goes - 1]
    return stays * mask


_MASK_MISTAKES = {
    "You take the amount as the part that is kept. It is the part that goes.": lambda w, m, a: _least(
        w, m, a, count=int(m.sum()) - round(a * int(m.sum()))
    ),
    "You compare the numbers with their sign: then -4 is smaller than 0.1. Magnitude is the absolute value.": lambda w, m, a: (
        _least(w, m, a, score=lambda x: x)
    ),
    "You take the fraction of all weights. Those that are gone already do not count again: take it of what is left.": lambda w, m, a: (
        _least(w, m, a, count=min(int(m.sum()), round(a * w.numel())))
    ),
    "You look for the smallest among all weights, and some cuts hit what is gone already. Set those aside first.": lambda w, m, a: (
        _least(w, m, a, all_weights=True)
    ),
    "You take the fraction of all weights, and look among all of them. Count only what is left.": lambda w, m, a: (
        _least(w, m, a, all_weights=True, count=round(a * w.numel()))
    ),
    "You cut with a threshold, and all weights equal to it go with it. Exactly the count must go: cut by index.": lambda w, m, a: (
        _threshold(w, m, a, strict=True)
    ),
    "You keep all weights that are equal to the threshold: then too few go. Cut by index.": lambda w, m, a: _threshold(
        w, m, a, strict=False
    ),
    "You round the count down. The count is rounded to the nearest whole number, as PyTorch does.": lambda w, m, a: (
        _least(w, m, a, count=int(a * int(m.sum())))
    ),
    "You cut the weights of largest magnitude. The smallest go.": lambda w, m, a: _least(w, m, a, largest=True),
    "You forget the old mask: what it had cut is decided again.": lambda w, m, a: _least(w, torch.ones_like(w), a),
}


def _as_mask(value: object, weight: Tensor) -> Tensor:
    if not isinstance(value, Tensor | np.ndarray | list | tuple):
        raise Mistake(f"Your function returned {value!r:.90}.", f"Expected a tensor of shape {tuple(weight.shape)}.")
    try:
        mask = torch.as_tensor(value).detach().cpu().float()
    except (TypeError, ValueError, RuntimeError):
        raise Mistake(
            "Your function returned something that is no array.", f"Expected a tensor of shape {tuple(weight.shape)}."
        ) from None
    if mask.shape != weight.shape:
        raise Mistake(
            f"Your mask has the shape {tuple(mask.shape)}, expected {tuple(weight.shape)}.",
            "A mask has one entry for each weight, in the weight's shape.",
        )
    if not ((mask == 0) | (mask == 1)).all():
        raise Mistake("Your mask holds other numbers than 0 and 1.", "Return the mask itself, not the masked weight.")
    return mask


def _kept(case: Sequence, mask: Tensor) -> Tensor:
    """Magnitudes that a mask keeps, in order: the same for every way to choose among equal ones."""
    return case[0].abs()[mask == 1].sort().values


def _revived(case: Sequence, value: Tensor) -> None:
    back = int(((value == 1) & (case[1] == 0)).sum())
    raise Mistake(
        f"On an old mask with {int((case[1] == 0).sum())} zeros and amount={case[2]}, your mask brings "
        f"{back} of them back.",
        "What was cut stays cut: the new mask has every zero of the old one.",
    )


def _numbers(kept: Tensor) -> str:
    shown = ", ".join(f"{v:.3g}" for v in kept[:6].tolist())
    return f"{len(kept)} weights ({shown}{', …' if len(kept) > 6 else ''} by magnitude)" if len(kept) else "none"


@check("Exercise 2, What is left after k rounds")
def weights_left(answer: Callable) -> None:
    """``weights_left(n, amounts) -> int``."""

    def rule(
        *, whole: Callable = round, counts: bool = True, of_left: bool = True, last: bool = False, gone: bool = False
    ) -> Callable:
        def left_of(n: int, amounts: Sequence[float]) -> float:
            left = n
            for amount in amounts[-1:] if last else amounts:
                part = whole(amount * (left if of_left else n))
                left -= amount if counts and isinstance(amount, int) else part
            return n - left if gone else left

        return left_of

    wrong = {
        "You add the fractions: each one counts what is left, not the whole tensor.": rule(of_left=False),
        "You add the fractions and stop at 0. Each fraction counts what is left, so it never gets there.": lambda n, amounts: (
            max(0, rule(of_left=False)(n, amounts))
        ),
        "You add all amounts as if each were a fraction of n. A fraction counts what is left; an int is a count.": lambda n, amounts: (
            max(0, round(n * (1 - sum(amounts))))
        ),
        "You treat a whole number as a fraction: amount=1 is one weight, amount=1.0 is all of them.": rule(
            counts=False
        ),
        "You return what is gone. Asked is what is left.": rule(gone=True),
        "You look at the last amount only.": rule(last=True),
        "You cut off the count of a fraction. It is rounded to the nearest whole number.": rule(whole=int),
        "You never round: a tensor loses whole weights, in each round.": rule(whole=float),
        "You round once, at the end. Every call of prune cuts a whole number of weights.": lambda n, amounts: round(
            rule(whole=float)(n, amounts)
        ),
        "You take an amount of 1.0 for a count of one. A float is a fraction: 1.0 is all that is left.": lambda n, amounts: (
            rule()(n, [1 if a == 1.0 else a for a in amounts])
        ),
    }
    cases = [
        (48_000, [0.6, 0.6]),
        (100, [0.5, 0.25] + [0.01] * 23),
        (54, [0.3, 3, 0.5]),
        (10, [1, 1]),
        (37, [0.5, 0.5, 0.5]),
        (10, [0.2, 1.0]),
        (1000, []),
        (7, [0.9, 0]),
        (100, [0.5]),
    ]
    try_cases(answer, right=rule(), wrong=wrong, names=("n", "amounts"), cases=cases, rtol=0.0)


@check("Exercise 3, Load a pruned checkpoint")
def load_pruned(answer: Callable) -> None:
    """``load_pruned(make_model, state) -> model``, its masks active."""
    for make_model, state, x, saved in _checkpoint_cases():
        model = run(answer, (make_model, state))
        if not isinstance(model, nn.Module):
            raise Mistake(f"Your function returned {type(model).__name__}.", "Return the model: a torch.nn.Module.")
        _compare(model, state, x, saved)


def _compare(model: nn.Module, state: Mapping[str, Tensor], x: Tensor, saved: nn.Module) -> None:
    masks = [key for key in state if key.endswith("_mask")]
    have = model.state_dict()
    missing = [key for key in masks if key not in have]
    right = _outputs_agree(model, saved, x)
    where = f"For a checkpoint with the masks {', '.join(masks) or '(none)'},"
    if len(missing) == len(masks) and missing:
        raise Mistake(f"{where} your model has none of them.", _without_masks(model, state, right))
    if missing:
        raise Mistake(
            f"{where} your model lacks {', '.join(missing)}.",
            "Any tensor may be pruned, not only weights: look at every key that ends in _mask.",
        )
    wrong = [key for key in masks if not torch.equal(have[key], state[key])]
    if wrong:
        all_ones = all(bool((have[key] == 1).all()) for key in wrong)
        raise Mistake(
            f"{where} these of your model are others: {', '.join(wrong)}.",
            "Your masks are all ones: load them from the state, too."
            if all_ones
            else "You pruned the new model again. The masks are in the state.",
        )
    if not right:
        raise Mistake(
            f"{where} your model has the masks but gives other outputs.",
            "The masks are right and the weights are not: weight_orig has to come from the state as well.",
        )
    if not _zeros_survive(model, x):
        raise Mistake(
            f"{where} a training step brings zeros of your model back.",
            "Tensors with the right names are not enough: a hook must multiply before each forward pass. "
            "prune.identity makes it.",
        )


def _without_masks(model: nn.Module, state: Mapping[str, Tensor], right: bool) -> str:
    if right:
        return "Its zeros are right, but nothing holds them: the next step revives them. Keep the masks active."
    have = model.state_dict()
    pairs = [(have.get(k.removesuffix("_orig")), v) for k, v in state.items() if k.endswith("_orig")]
    if any(h is not None and torch.equal(h, v) for h, v in pairs):
        return "You loaded weight_orig as weight: that is the dense network, without its zeros."
    return "With strict=False what does not fit is left out without a word: the pruned tensors are still random."


def _outputs_agree(model: nn.Module, saved: nn.Module, x: Tensor) -> bool:
    with torch.no_grad():
        try:
            return torch.allclose(model.eval()(x), saved.eval()(x), atol=1e-6)
        except RuntimeError:
            return False


def _zeros_survive(model: nn.Module, x: Tensor) -> bool:
    model = model.train()
    model(x).square().sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1).step()
    model(x)
    for module in model.modules():
        for name, mask in list(module.named_buffers(recurse=False)):
            if name.endswith("_mask") and bool((getattr(module, name.removesuffix("_mask"))[mask == 0] != 0).any()):
                return False
    return True


def _mask_cases() -> list[tuple[Tensor, Tensor, float]]:
    """(weight, old mask, amount); among them equal magnitudes, and old zeros that are not small."""
    draw = torch.Generator().manual_seed(8)
    wide = torch.randn(6, 5, generator=draw)
    holes = (torch.rand(6, 5, generator=draw) > 0.3).float()
    holes.view(-1)[wide.abs().argmax()] = 0  # what is gone is not always small
    signs = torch.tensor([-3.0, 0.5, 2.0, -0.1, 1.0, -4.0])
    equal = torch.tensor([[1.0, -1.0, 1.0], [1.0, 2.0, -2.0]])
    small_gone = torch.tensor([0.1, 0.2, 5.0, 6.0, 7.0, 8.0])
    return [
        (signs, torch.ones(6), 0.5),
        (wide, torch.ones(6, 5), 0.22),
        (wide, holes, 0.25),
        (equal, torch.ones(2, 3), 0.5),
        (small_gone, torch.tensor([0.0, 0, 1, 1, 1, 1]), 0.5),
        (wide, holes, 0.0),
        (wide, holes, 1.0),
        (torch.tensor([1.0, 2.0]), torch.ones(2), 0.5),
    ]


def _checkpoint_cases() -> list[tuple[Callable, dict[str, Tensor], Tensor, nn.Module]]:
    """(make_model, state, an input, the model that was saved): nested, a single layer, not pruned."""

    def nested():
        return nn.Sequential(nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8)), nn.ReLU(), nn.Linear(8, 3))

    def single():
        return nn.Linear(4, 3)

    found = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for make_model, cuts in (
            (nested, [("0.0", "weight"), ("2", "weight"), ("2", "bias")]),
            (single, [("", "weight")]),
            (single, []),
        ):
            model = make_model()
            for path, name in cuts:
                prune.random_unstructured(model.get_submodule(path), name, amount=0.4)
            n = next(iter(model.parameters())).shape[-1] if not cuts else (6 if make_model is nested else 4)
            state = {key: value.clone() for key, value in model.state_dict().items()}
            found.append((make_model, state, torch.randn(5, n), model))
    return found

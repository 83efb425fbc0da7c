"""Checks of the lesson `prune_module`, pruning a module."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import prune

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import masks, numbers, shapes, tensors
from course_utils.exercises.search import compare
from course_utils.exercises.values import show

VALUES = st.one_of(numbers(1, 4, step=0.5), numbers(-2, 2, step=1))  # the simplest is 1: a 0 hides what a mask does


@st.composite
def _masked_weights(draw: Callable) -> tuple[Tensor, Tensor, float]:
    """(weight, old mask, amount): equal magnitudes, zeros that are not masked, counts that end in exactly one half."""
    extents = st.one_of(shapes(dims=(1,), most=10), shapes(dims=(2,)), shapes(dims=(3, 4), most=2))
    shape, dtype = draw(extents), draw(st.sampled_from([torch.float32, torch.float64]))
    weight = draw(tensors(shape, VALUES, dtype))
    return weight, draw(masks(shape)).to(dtype), draw(numbers(0, 1))


@check("Exercise 1, A mask by magnitude")
def magnitude_mask(answer: Callable) -> None:
    """``magnitude_mask(weight, mask, amount) -> mask``; which of equal magnitudes goes is free."""

    def cut(
        *,
        count=lambda w, m, a: round(a * int(m.sum())),
        size=lambda w, m: w.abs(),
        among_all=False,
        start=lambda m: m,
    ):
        def mask_of(w, m, a):
            order = size(w, m).flatten()
            order = order if among_all else torch.where(m.flatten() == 1, order, torch.inf)
            new = start(m).clone().flatten()
            new[order.argsort(stable=True)[: count(w, m, a)]] = 0
            return new.reshape(w.shape)

        return mask_of

    def threshold(stays, last_that_goes=1):
        def mask_of(w, m, a):
            goes, sizes = round(a * int(m.sum())), w[m == 1].abs().sort().values
            at = goes - last_that_goes
            if not goes or at == len(sizes):
                return torch.zeros_like(m) if goes else m
            return m * stays(w.abs(), sizes[at])

        return mask_of

    def of_left(whole):
        return cut(count=lambda w, m, a: whole(a * int(m.sum())))

    def of_all(w, m, a):
        return round(a * w.numel())

    right = cut()
    wrong = {
        "You take the amount as the part that is kept. It is the part that goes.": cut(
            count=lambda w, m, a: int(m.sum()) - round(a * int(m.sum()))
        ),
        "You compare the numbers with their sign: then -4 is smaller than 0.5. Magnitude is the absolute value.": cut(
            size=lambda w, m: w
        ),
        "You take the fraction of all weights. Those that are gone already do not count again: take it of what is left.": cut(
            count=of_all
        ),
        "You look for the smallest among all weights, and some cuts hit what is gone already. Set those aside first.": cut(
            among_all=True
        ),
        "What is gone already counts as 0, the smallest of all, so it is cut first, once more. Set it aside.": cut(
            size=lambda w, m: (w * m).abs(), among_all=True
        ),
        "You take the fraction of all weights, and look among all of them. Count only what is left.": cut(
            among_all=True, count=of_all
        ),
        "Weights that the old mask keeps and that happen to be 0 are not counted as left. The mask says what is left.": cut(
            count=lambda w, m, a: round(a * int(((w * m) != 0).sum()))
        ),
        "Where the last magnitude to go is there more than once, all of them go: too many. Exactly the count must go: "
        "cut by index.": threshold(torch.gt),
        "The last weight that has to go stays, with all that equal it: too few go. Cut by index.": threshold(torch.ge),
        "Where a magnitude that has to go is equal to one that stays, all of them stay: too few go. Cut by index.": (
            threshold(torch.ge, last_that_goes=0)
        ),
        "You round the count down. The count is rounded to the nearest whole number, as PyTorch does.": of_left(int),
        "You round the count up. The count is rounded to the nearest whole number, as PyTorch does.": of_left(
            math.ceil
        ),
        "You round an exact half up. Python's round takes the even neighbour, and so does PyTorch.": of_left(
            lambda n: math.floor(n + 0.5)
        ),
        "Always at least one weight goes. A count that rounds to 0 cuts nothing.": of_left(lambda n: max(1, round(n))),
        "You cut the weights of largest magnitude. The smallest go.": cut(size=lambda w, m: -w.abs()),
        "You forget the old mask: what it had cut is decided again.": lambda w, m, a: right(w, torch.ones_like(w), a),
        "What is gone already counts as 0, is cut first once more, and the rest of it comes back.": cut(
            size=lambda w, m: (w * m).abs(), among_all=True, start=torch.ones_like
        ),
        "The right weights go, but what the old mask had cut comes back. What was 0 in it stays 0.": cut(
            start=torch.ones_like
        ),
    }
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("weight", "mask", "amount"),
        edges=[
            (torch.tensor([-3.0, 0.5, 2.0, -0.1, 1.0, -4.0]), torch.ones(6), 0.5),
            (torch.tensor([[1.0, -1.0, 1.0], [1.0, 2.0, -2.0]]), torch.ones(2, 3), 0.5),
            (torch.tensor([0.1, 0.2, 5.0, 6.0, 7.0, 8.0]), torch.tensor([0.0, 0, 1, 1, 1, 1]), 0.5),
            (torch.tensor([0.0, 1.0, 0.0, 2.0]), torch.tensor([1.0, 1, 1, 0]), 0.5),
        ],
        inputs=_masked_weights(),
        view=_cut_and_kept,
    )


def _cut_and_kept(value: object, weight: Tensor, mask: Tensor, amount: float) -> dict[str, Tensor]:
    """What a mask keeps of the old one, and what it brings back, by magnitude: it is free which of equal ones goes."""
    try:
        new = torch.as_tensor(value).detach().to_dense().cpu()
        ones, good = new == 1, bool(((new == 0) | (new == 1)).all())
    except Exception:
        raise Mistake("Your function returned no mask.", f"Return a tensor of shape {tuple(weight.shape)}.") from None
    if new.shape != weight.shape:
        raise Mistake(
            f"Your mask has the shape {tuple(new.shape)}, expected {tuple(weight.shape)}.",
            "A mask has one entry for each weight, in the weight's shape.",
        )
    if not good:
        raise Mistake("Your mask holds other numbers than 0 and 1.", "A mask has 1 for what stays, 0 for what goes.")
    return {
        "kept": weight.abs()[ones & (mask == 1)].sort().values,
        "brought back": weight.abs()[ones & (mask == 0)].sort().values,
    }


@st.composite
def _prunings(draw: Callable) -> tuple[int, list[float]]:
    """(n, amounts): fractions that leave halves exactly, and counts of at most what is left."""
    n = left = draw(st.integers(1, 60))
    amounts = draw(st.lists(st.one_of(numbers(0, 1), st.integers(0, 9)), max_size=5))
    for at, amount in enumerate(amounts):
        amounts[at] = min(amount, left) if isinstance(amount, int) else amount
        left -= amounts[at] if isinstance(amount, int) else round(amount * left)
    return n, amounts


@check("Exercise 2, What is left after k rounds")
def weights_left(answer: Callable) -> None:
    """``weights_left(n, amounts) -> int``."""

    def rule(
        *,
        goes=lambda amount, left, n: round(amount * left),
        counted=lambda amount, left, n: amount,
        is_count=lambda amount: isinstance(amount, int),
    ):
        def left_of(n: int, amounts: Sequence[float]) -> float:
            left = n
            for amount in amounts:
                left -= (counted if is_count(amount) else goes)(amount, left, n)
            return left

        return left_of

    of_n = rule(goes=lambda amount, left, n: round(amount * n))
    unrounded = rule(goes=lambda amount, left, n: amount * left)
    wrong = {
        "You add the fractions: each one counts what is left, not the whole tensor.": of_n,
        "You add the fractions and stop at 0. Each one counts what is left, not the whole tensor.": lambda n, amounts: (
            max(0, of_n(n, amounts))
        ),
        "You add all amounts as if each were a fraction of n. A fraction counts what is left; an int is a count.": (
            lambda n, amounts: max(0, round(n * (1 - sum(amounts))))
        ),
        "You treat a whole number as a fraction: amount=1 is one weight, amount=1.0 is all of them.": rule(
            is_count=lambda amount: False
        ),
        "Counts change nothing in your result. An int is a number of weights that go.": rule(
            counted=lambda amount, left, n: 0
        ),
        "You return what is gone. Asked is what is left.": lambda n, amounts: n - rule()(n, amounts),
        "You take a fraction as the part that stays. It is the part that goes.": rule(
            goes=lambda amount, left, n: left - round(amount * left)
        ),
        "You look at the last amount only.": lambda n, amounts: rule()(n, amounts[-1:]),
        "You look at the first amount only.": lambda n, amounts: rule()(n, amounts[:1]),
        "You cut off the count of a fraction. It is rounded to the nearest whole number.": rule(
            goes=lambda amount, left, n: int(amount * left)
        ),
        "You round the count of a fraction up, or what stays down. The count is rounded to the nearest whole number.": (
            rule(goes=lambda amount, left, n: math.ceil(amount * left))
        ),
        "You round an exact half up. Python's round takes the even neighbour, and so does PyTorch.": rule(
            goes=lambda amount, left, n: math.floor(amount * left + 0.5)
        ),
        "You round what stays. PyTorch rounds what goes, which is another number where both end in one half.": rule(
            goes=lambda amount, left, n: left - round(left * (1 - amount))
        ),
        "You never round: a tensor loses whole weights, in each round.": unrounded,
        "You round once, at the end. Every call of prune cuts a whole number of weights.": lambda n, amounts: round(
            unrounded(n, amounts)
        ),
        "You take an amount of 1.0 for a count of one. A float is a fraction: 1.0 is all that is left.": rule(
            is_count=lambda amount: amount >= 1
        ),
    }
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        rtol=0.0,
        names=("n", "amounts"),
        edges=[(48_000, [0.6, 0.6]), (100, [0.5, 0.25] + [0.01] * 23), (54, [0.3, 3, 0.5]), (10, [0.2, 1.0])],
        inputs=_prunings(),
    )


# Shown to the learner as they stand here. The tensors of an RNNCell are not called weight and bias.
MODELS = {
    "nn.Linear(2, 1)": lambda: nn.Linear(2, 1),
    "nn.BatchNorm1d(2)": lambda: nn.BatchNorm1d(2),
    "nn.RNNCell(2, 1)": lambda: nn.RNNCell(2, 1),
    "nn.Sequential(nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)), nn.Tanh())": lambda: nn.Sequential(
        nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)), nn.Tanh()
    ),
}


def _maker(text: str) -> Callable[[], nn.Module]:
    """A function that is shown as `text` and always makes the same new model, so that mistakes can be told apart."""

    def make_model() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(8)
            return MODELS[text]()

    make_model.__name__ = f"lambda: {text}"
    return make_model


MAKERS = [_maker(text) for text in MODELS]


@st.composite
def _checkpoints(draw: Callable) -> tuple[Callable, dict[str, Tensor]]:
    """(make_model, state): some of the tensors pruned, or none, or all; masks that cut all, or nothing."""
    make_model = draw(st.sampled_from(MAKERS))
    model = make_model()
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.dim():  # not the number of batches that batch norm has seen
                tensor.copy_(draw(tensors(tensor.shape, numbers(1, 4) if name.endswith("running_var") else VALUES)))
    for key, tensor in list(model.named_parameters()):
        if draw(st.booleans()):
            prune.custom_from_mask(*_place(model, key), draw(tensors(tensor.shape, st.sampled_from([0.0, 1.0]))))
    return make_model, {key: value.clone() for key, value in model.state_dict().items()}


def _place(model: nn.Module, key: str) -> tuple[nn.Module, str]:
    path, _, name = key.rpartition(".")
    return model.get_submodule(path), name


def _pruned(state: Mapping[str, Tensor]) -> list[str]:
    return [key.removesuffix("_orig") for key in state if key.endswith("_orig")]


@check("Exercise 3, Load a pruned checkpoint")
def load_pruned(answer: Callable) -> None:
    """``load_pruned(make_model, state) -> model``, its masks active."""

    def values_alone(values, mask):
        return values

    def loader(*, active=lambda key: True, dense=torch.mul, orig=values_alone, with_mask=True):
        """Masks for the keys that are `active`; the rest is loaded as one tensor, or not at all where there is none."""

        def load(make_model, state):
            model, given = make_model(), dict(state)
            for key in _pruned(state):
                values, mask = given.pop(f"{key}_orig"), given.pop(f"{key}_mask")
                if active(key):
                    prune.identity(*_place(model, key))
                    given |= {f"{key}_orig": orig(values, mask)} if orig else {}
                    given |= {f"{key}_mask": mask} if with_mask else {}
                elif dense:
                    given[key] = dense(values, mask)
            model.load_state_dict(given, strict=False)
            return model

        return load

    def without_hooks(make_model, state):
        model = loader()(make_model, state)
        for key in _pruned(state):
            module, name = _place(model, key)
            module._forward_pre_hooks.clear()
            setattr(module, name, state[f"{key}_orig"] * state[f"{key}_mask"])
        return model

    def pruned_again(make_model, state):
        model = loader(active=lambda key: False, dense=values_alone)(make_model, state)
        for key in _pruned(state):
            prune.l1_unstructured(*_place(model, key), amount=int((state[f"{key}_mask"] == 0).sum()))
        return model

    wrong = {
        "What is pruned in the state did not arrive: your model has values of a new model there, and no masks. With "
        "strict=False what does not fit is left out without a word.": loader(active=lambda key: False, dense=None),
        "Your model is the dense network: what ends in _orig is there as it is, without zeros and without masks.": (
            loader(active=lambda key: False, dense=values_alone)
        ),
        "Its zeros are right, but nothing holds them: the next step revives them. Keep the masks active.": loader(
            active=lambda key: False
        ),
        "Only tensors called weight have masks in your model. Any tensor may be pruned: look at every key that ends "
        "in _mask.": loader(active=lambda key: key.rpartition(".")[2] == "weight"),
        "Your masks are all ones: load them from the state, too.": loader(with_mask=False),
        "The masks are right and the values that they multiply are those of a new model: what ends in _orig has to "
        "come from the state as well.": loader(orig=None),
        "Where the mask is 0, what ends in _orig is 0 in your model. The state still has the values there, for a mask "
        "that is taken off.": loader(orig=torch.mul),
        "You pruned the new model again, by magnitude. The masks are in the state.": pruned_again,
        "Tensors with the right names are not enough: a hook must multiply before each forward pass. prune.identity "
        "makes it.": without_hooks,
    }
    weight, bias = torch.tensor([[1.0, -2.0]]), torch.tensor([3.0])
    pruned = {"weight_mask": torch.tensor([[1.0, 0.0]]), "bias_orig": bias, "bias_mask": torch.tensor([0.0])}
    compare(
        _looked_at(answer),
        right=_looked_at(loader()),
        wrong={hint: _looked_at(load) for hint, load in wrong.items()},
        names=("make_model", "state"),
        edges=[(MAKERS[0], {"weight_orig": weight, **pruned}), (MAKERS[0], {"weight": weight, "bias": bias})],
        inputs=_checkpoints(),
        view=_what_it_does,
    )


class _Model:
    """What `load_pruned` returned, shown by what was seen of it: two models that differ may look alike."""

    def __init__(self, value: object):
        self.value, self.seen = value, None

    def __repr__(self) -> str:
        return show(self.value if self.seen is None else self.seen)


def _looked_at(load: Callable) -> Callable:
    def call(make_model: Callable, state: Mapping[str, Tensor]) -> _Model | None:
        got = load(make_model, state)
        return None if got is None else _Model(got)

    return call


def _what_it_does(model: _Model, make_model: Callable, state: Mapping[str, Tensor]) -> dict[str, object]:
    """Its state, its output, and its pruned tensors after a training step, which revives zeros that nothing holds."""
    if not issubclass(type(model.value), nn.Module):
        raise Mistake("Your function returned no model.", "Return the model: a torch.nn.Module.")
    net, x = model.value, torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 1.0]])

    def output() -> Tensor:
        with torch.no_grad():
            return net.eval()(x)

    def after_a_step() -> dict[str, Tensor]:
        net.train()(x).square().sum().backward()
        with torch.no_grad():
            for p in net.parameters():  # the step of SGD with weight decay; importing torch.optim replaces functions
                p -= 0 if p.grad is None else 0.125 * (p.grad + p)
        net(x)
        return {key: getattr(*_place(net, key)).detach() for key in _pruned(state)}

    model.seen = {
        "state_dict()": _or_error(lambda: {key: value.clone() for key, value in net.state_dict().items()}),
        "output": _or_error(output),
        "after a training step": _or_error(after_a_step),
    }
    return model.seen


def _or_error(look: Callable[[], object]) -> object:
    try:
        return look()
    except Exception as error:  # whatever an unknown model raises
        return f"raised {show(error, 120)}"

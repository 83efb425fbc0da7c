"""Checks of the lesson `prune_traps`: what is left after several rounds, and loading a pruned checkpoint."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, geometric_mean, median, mode, stdev

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import prune

from course_utils.exercises.bests import summaries
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, tensors
from course_utils.exercises.investigation import Run, World, investigate, numbered, one_alone, one_in_three
from course_utils.exercises.search import compare
from course_utils.exercises.values import show

VALUES = st.one_of(numbers(1, 4, step=0.5), numbers(-2, 2, step=1))  # the simplest is 1: a 0 hides what a mask does


@st.composite
def _prunings(draw: Callable) -> tuple[int, list[float]]:
    """(n, amounts): fractions that leave halves exactly, and counts of at most what is left."""
    n = left = draw(st.integers(1, 60))
    amounts = draw(st.lists(st.one_of(numbers(0, 1), st.integers(0, 9)), max_size=5))
    for at, amount in enumerate(amounts):
        amounts[at] = min(amount, left) if isinstance(amount, int) else amount
        left -= amounts[at] if isinstance(amount, int) else round(amount * left)
    return n, amounts


@check(
    "Exercise 3, What is left after k rounds",
    why="Each call of prune sees only what the calls before it left, and cuts a whole number of weights: so what is left has "
    "to be counted call by call, with the rounding in each.",
)
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

    def of_their_sum(n, amounts):
        return n - round(n * sum(a for a in amounts if isinstance(a, float))) - sum(a for a in amounts if is_whole(a))

    def is_whole(amount):
        return isinstance(amount, int)

    def one_stays(n, amounts):
        left = n
        for amount in amounts:
            left = max(1, rule()(left, [amount]))
        return left

    def from_n_each_time(n, amounts):
        left = n
        for amount in amounts:
            left = n - (amount if is_whole(amount) else round(amount * left))
        return left

    def with_counts_as_fractions(n, amounts):
        return round(n * math.prod(1 - (amount / n if is_whole(amount) else amount) for amount in amounts))

    wrong = {
        "You add the fractions: each one counts what is left, not the whole tensor.": (of_n, of_their_sum),
        "You add the fractions and stop at 0. Each one counts what is left, not the whole tensor.": (
            lambda n, amounts: max(0, of_n(n, amounts)),
            lambda n, amounts: max(0, of_their_sum(n, amounts)),
        ),
        "You always leave one weight. An amount of 1.0 takes all that is left, and a count may, too: then 0 are left.": (
            one_stays,
            lambda n, amounts: max(1, rule()(n, amounts)),
        ),
        "You take at least one weight in each call. A fraction whose count rounds to 0 takes none.": rule(
            goes=lambda amount, left, n: max(1, round(amount * left))
        ),
        "You subtract from n in each round. Subtract from what the calls before have left.": from_n_each_time,
        "You add all amounts as if each were a fraction of n. A fraction counts what is left; an int is a count.": (
            lambda n, amounts: max(0, round(n * (1 - sum(amounts))))
        ),
        "You treat a whole number as a fraction: amount=1 is one weight, amount=1.0 is all of them.": (
            rule(is_count=lambda amount: False),
            rule(is_count=lambda amount: amount > 1),
        ),
        "Counts change nothing in your result. An int is a number of weights that go.": rule(
            counted=lambda amount, left, n: 0
        ),
        "You return what is gone. Asked is what is left.": lambda n, amounts: n - rule()(n, amounts),
        "You take a fraction as the part that stays. It is the part that goes.": (
            rule(goes=lambda amount, left, n: left - round(amount * left)),
            rule(
                goes=lambda amount, left, n: left - round(amount * left),
                counted=lambda amount, left, n: left - amount,
            ),
        ),
        "You take the amounts in another order. Each call counts what the calls before it left.": (
            lambda n, amounts: rule()(n, sorted(amounts)),
            lambda n, amounts: rule()(n, amounts[::-1]),
            lambda n, amounts: rule()(n, sorted(amounts, key=lambda amount: isinstance(amount, float))),
            lambda n, amounts: rule()(n, sorted(amounts, key=lambda amount: isinstance(amount, int))),
        ),
        "You look at the last amount only.": lambda n, amounts: rule()(n, amounts[-1:]),
        "You look at the first amount only.": lambda n, amounts: rule()(n, amounts[:1]),
        "You cut off the count of a fraction, or round what stays up. The count is rounded to the nearest whole number.": rule(
            goes=lambda amount, left, n: int(amount * left)
        ),
        "You round the count of a fraction up, or what stays down. The count is rounded to the nearest whole number.": (
            rule(goes=lambda amount, left, n: math.ceil(amount * left))
        ),
        "You round an exact half up. Python's round takes the even neighbour, and so does PyTorch.": rule(
            goes=lambda amount, left, n: math.floor(amount * left + 0.5)
        ),
        "You round what stays. PyTorch rounds what goes: where both end in one half the two can differ.": rule(
            goes=lambda amount, left, n: left - round(left * (1 - amount))
        ),
        "You never round: a tensor loses whole weights, in each round.": unrounded,
        "You round once, at the end. Every call of prune cuts a whole number of weights.": (
            lambda n, amounts: round(unrounded(n, amounts)),
            lambda n, amounts: int(unrounded(n, amounts)),
            with_counts_as_fractions,
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
        edges=[
            (100, [0.5]),
            (48_000, [0.6, 0.6]),
            (100, [0.5, 0.25] + [0.01] * 23),
            (54, [0.3, 3, 0.5]),
            (10, [0.2, 1.0]),
        ],
        inputs=_prunings(),
    )


class Gate(nn.Module):
    """A layer with a weight, and with two buffers of its own that are called as if pruning had made them."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, 2))
        self.register_buffer("keep_mask", torch.ones(1, 2))
        self.register_buffer("start_orig", torch.zeros(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.start_orig + x * self.weight * self.keep_mask


# Shown to the learner as they stand here. The tensors of an RNNCell are not called weight and bias; one layer has both
# endings in the middle of its name.
MODELS = {
    "nn.Linear(2, 1)": lambda: nn.Linear(2, 1),
    "nn.BatchNorm1d(2)": lambda: nn.BatchNorm1d(2),
    "nn.RNNCell(2, 1)": lambda: nn.RNNCell(2, 1),
    "check.Gate()": Gate,
    "nn.Sequential(OrderedDict(pre_mask_orig=nn.Linear(2, 1)))": lambda: nn.Sequential(
        OrderedDict(pre_mask_orig=nn.Linear(2, 1))
    ),
    "nn.Sequential(check.Gate(), nn.Linear(2, 1))": lambda: nn.Sequential(Gate(), nn.Linear(2, 1)),
    "nn.Sequential(nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)), nn.Tanh())": lambda: nn.Sequential(
        nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)), nn.Tanh()
    ),
}


def _maker(text: str) -> Callable[[], nn.Module]:
    """A function that is shown as `text` and always makes the same new model, so that mistakes can be told apart."""

    def make_model() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(8)  # torch.manual_seed notes a stack for CUDA each time: slow
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


def _computed_anew(model: nn.Module) -> nn.Module:
    """The model, its pruned tensors computed from what was loaded."""
    with torch.no_grad():
        for module in model.modules():
            for hook in module._forward_pre_hooks.values():
                if isinstance(hook, prune.BasePruningMethod):
                    hook(module, None)
    return model


def _place(model: nn.Module, key: str) -> tuple[nn.Module, str]:
    path, _, name = key.rpartition(".")
    return model.get_submodule(path), name


def _pruned(state: Mapping[str, Tensor]) -> list[str]:
    """The names of which the state has both an _orig and a _mask."""
    names = [key.removesuffix("_orig") for key in state if key.endswith("_orig")]
    return [name for name in names if f"{name}_mask" in state]


@check(
    "Exercise 2, Load a pruned checkpoint",
    why="A new model has neither the names of the masks nor the hook that multiplies. prune makes both, and the hook holds the zeros "
    "while training goes on. weight is the product that was computed last: it has to be computed from what was loaded, before "
    "anything reads it.",
    trust="it gives a model, which is trained a step",
)
def load_pruned(answer: Callable) -> None:
    """``load_pruned(make_model, state) -> model``, its masks active."""

    def values_alone(values, mask):
        return values

    def loader(*, active=lambda key: True, dense=torch.mul, orig=values_alone, with_mask=True, anew=True):
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
            return _computed_anew(model) if anew else model

        return load

    def only(active):
        """The rest is loaded as products, or left as it is in a new model."""
        return loader(active=active), loader(active=active, dense=None)

    def without_hooks(make_model, state):
        model = loader()(make_model, state)
        for key in _pruned(state):
            module, name = _place(model, key)
            module._forward_pre_hooks.clear()
            setattr(module, name, state[f"{key}_orig"] * state[f"{key}_mask"])
        return model

    def products_alone(make_model, state):
        model = make_model()
        for key in _pruned(state):
            module, name = _place(model, key)
            delattr(module, name)
            module.register_parameter(f"{name}_orig", nn.Parameter(state[f"{key}_orig"].clone()))
            module.register_buffer(f"{name}_mask", state[f"{key}_mask"].clone())
            setattr(module, name, getattr(module, f"{name}_orig") * getattr(module, f"{name}_mask"))
        model.load_state_dict(state)
        return model

    def replaced(strict):
        """Names by replace(), which takes an ending out of their middle, too."""

        def load(make_model, state):
            model = make_model()
            for key in state:
                name = key.replace("_mask", "")
                if key.endswith("_mask") and key.replace("_mask", "_orig") in state:
                    if strict or name in dict(model.named_parameters()):
                        prune.identity(*_place(model, name))
            model.load_state_dict(state, strict=strict)
            return _computed_anew(model)

        return load

    def where_a_zero_is(make_model, state):
        model = make_model()
        for key in _pruned(state):
            if (state[f"{key}_mask"] == 0).any():
                prune.identity(*_place(model, key))
        model.load_state_dict(state, strict=False)
        return _computed_anew(model)

    def pruned_again(make_model, state):
        model = loader(active=lambda key: False, dense=values_alone)(make_model, state)
        for key in _pruned(state):
            prune.l1_unstructured(*_place(model, key), amount=int((state[f"{key}_mask"] == 0).sum()))
        return model

    def once_more(make_model, state):
        model = loader()(make_model, state)
        for key in _pruned(state):
            prune.l1_unstructured(*_place(model, key), amount=0.5)
        return model

    def frozen(which):
        """Parameters that ask for no gradient: those that `which` gives the names of."""

        def load(make_model, state):
            model = loader()(make_model, state)
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(name not in which(model, state))
            return model

        return load

    def every_parameter(only_with_masks):
        """A mask for every parameter, be it pruned or not."""

        def load(make_model, state):
            model = make_model()
            if _pruned(state) or not only_with_masks:
                for name, _ in list(model.named_parameters()):
                    prune.identity(*_place(model, name))
            model.load_state_dict(state, strict=False)
            return _computed_anew(model)

        return load

    def first_alone(make_model, state):
        model = make_model()
        for key in _pruned(state)[:1]:
            prune.identity(*_place(model, key))
        model.load_state_dict(state, strict=False)
        return _computed_anew(model)

    def linear_alone(make_model, state):
        model = make_model()
        for key in _pruned(state):
            if isinstance(_place(model, key)[0], nn.Linear):
                prune.identity(*_place(model, key))
        model.load_state_dict(state, strict=False)
        return _computed_anew(model)

    def prepared_only(make_model, state):
        model = make_model()
        for key in _pruned(state):
            prune.identity(*_place(model, key))
        return model

    def masked_only(make_model, state):
        model = make_model()
        for key in _pruned(state):
            prune.custom_from_mask(*_place(model, key), state[f"{key}_mask"])
        return model

    def every(ending):
        def load(make_model, state):
            model = make_model()
            for key in state:
                if key.endswith(ending):
                    prune.identity(*_place(model, key.removesuffix(ending)))
            model.load_state_dict(state)
            return _computed_anew(model)

        return load

    wrong = {
        "Not every key that ends in _mask or in _orig belongs to pruning: a model may have such buffers of its own. Those "
        "of pruning come in pairs.": (every("_mask"), every("_orig")),
        "What is pruned in the state did not arrive: your model has values of a new model there, and no masks. With "
        "strict=False keys that do not fit raise no error.": loader(active=lambda key: False, dense=None),
        "Your model is the dense network: what ends in _orig is there as it is, without zeros and without masks.": (
            loader(active=lambda key: False, dense=values_alone)
        ),
        "Its zeros are right, but nothing holds them: a step can revive them. Keep the masks active.": loader(
            active=lambda key: False
        ),
        "Only tensors called weight have masks in your model. Any tensor may be pruned: look at every name that "
        "has an _orig and a _mask.": only(lambda key: key.rpartition(".")[2] == "weight"),
        "Only tensors called weight or bias have masks in your model. Other layers call theirs otherwise: look at every "
        "name that has an _orig and a _mask.": only(lambda key: key.rpartition(".")[2] in ("weight", "bias")),
        "Only linear layers have masks in your model. A tensor of any module may be pruned.": linear_alone,
        "Only tensors of the model itself have masks in yours. A module inside of it may be pruned, too: get_submodule "
        "finds it by its path.": only(lambda key: "." not in key),
        "Only the first pruned tensor has a mask in your model. Several may be pruned.": first_alone,
        "Every parameter gets a mask in your model, so where the state has none the model keeps its new values. Prepare "
        "only what has an _orig and a _mask.": (every_parameter(False), every_parameter(True)),
        "The parameters of your model ask for no gradient, so training cannot go on. A mask holds the zeros: leave "
        "requires_grad as it is.": frozen(lambda model, state: dict(model.named_parameters())),
        "Your masks are all ones: load them from the state, too.": loader(with_mask=False),
        "The masks are right and the values that they multiply are those of a new model: what ends in _orig has to "
        "come from the state as well.": loader(orig=None),
        "Where the mask is 0, what ends in _orig is 0 in your model. The state still has the values there, for a mask "
        "that is taken off.": loader(orig=torch.mul),
        "The model that you return has the values of a new one, even where nothing is pruned: nothing was loaded into it. "
        "Prepare it, then load the state.": (prepared_only, masked_only, lambda make_model, state: make_model()),
        "You pruned the model again, by magnitude. The masks are in the state.": (pruned_again, once_more),
        "A training step does not reach what is pruned in your model. A hook must multiply before each forward pass, which "
        "prune.identity makes, and what ends in _orig must ask for a gradient.": (
            without_hooks,
            products_alone,
            frozen(lambda model, state: [f"{key}_orig" for key in _pruned(state)]),
        ),
        "replace() takes _mask or _orig out of the middle of a name, too. Cut off the ending alone: removesuffix().": (
            replaced(strict=True),
            replaced(strict=False),
        ),
        "Where a mask has no zero your model has none. It is a mask all the same: look at the names.": where_a_zero_is,
        "After loading, the attribute weight is still the product of the new model's values, until a forward pass. prune reads it: "
        "a further cut would rank random numbers. Compute it anew, or load the values first and add the masks second.": (
            loader(anew=False),
        ),
    }
    weight, bias = torch.tensor([[1.0, -2.0]]), torch.tensor([3.0])
    pruned = {"weight_mask": torch.tensor([[1.0, 0.0]]), "bias_orig": bias, "bias_mask": torch.tensor([0.0])}
    gate = {"weight_orig": weight, "weight_mask": pruned["weight_mask"], "start_orig": torch.tensor([[2.0, 0.0]])}
    compare(
        _looked_at(answer),
        right=_looked_at(loader()),
        wrong={
            hint: tuple(map(_looked_at, ways if isinstance(ways, tuple) else (ways,))) for hint, ways in wrong.items()
        },
        names=("make_model", "state"),
        edges=[
            (MAKERS[0], {"weight_orig": weight, **pruned}),
            (MAKERS[0], {"weight": weight, "bias": bias}),
            (MAKERS[3], {"keep_mask": torch.tensor([[1.0, 3.0]]), **gate}),
            (MAKERS[4], {f"pre_mask_orig.{key}": value for key, value in {"weight_orig": weight, **pruned}.items()}),
        ],
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
    """Its pruned tensors before any forward pass, its state, its output, and those tensors after a training step.

    The step revives zeros that nothing holds.
    """
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
        "pruned tensors, as loaded": _or_error(
            lambda: {key: getattr(*_place(net, key)).detach().clone() for key in _pruned(state)}
        ),
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


CURES = ("none", "mask again", "strict", "refresh")


def _scatter(cure: str, seed: int) -> float:
    """Between -1 and 1, as if by chance, and the same for the same arguments."""
    whole = math.sin(12.9898 * (seed + 1) + 78.233 * CURES.index(cure)) * 43758.5453
    return 2 * (whole - math.floor(whole)) - 1


Runs = Mapping[str, Sequence[float]]  # cure -> per cent right, seed by seed


def _by_seed(runs: Sequence[Run]) -> dict[str, list[float]]:
    table: dict[str, dict[float, float]] = {cure: {} for cure in CURES}
    for run in runs:
        table[run.arm][run.settings["seed"]] = run.result
    return {cure: list(own.values()) for cure, own in table.items()}


def _by_the_card(table: Runs, of: Callable = fmean, least: float = 1.0) -> str:
    """The conclusion from what `of` makes of the seeds."""
    found = {cure: of(own) for cure, own in table.items()}
    best = max(CURES, key=found.__getitem__)
    return best if found[best] - found["none"] > least else "nothing"


def _first_best(table: Runs, helps: Callable[[list[float], float, float], bool]) -> str:
    """The best cure of those that help by another rule: helps(gains by seed, mean of the cure, mean of none)."""
    mean = {cure: fmean(own) for cure, own in table.items()}
    gains = {cure: [own - none for own, none in zip(table[cure], table["none"], strict=True)] for cure in CURES[1:]}
    found = [cure for cure in CURES[1:] if helps(gains[cure], mean[cure], mean["none"])]
    return max(found, key=mean.__getitem__, default="nothing")


def _against(table: Runs, of: Callable[[list[float]], float]) -> str:
    """The best cure if it is more than a point above what `of` makes of the other means."""
    mean = {cure: fmean(own) for cure, own in table.items()}
    best = max(CURES[1:], key=mean.__getitem__)
    return best if mean[best] - of([mean[cure] for cure in CURES if cure != best]) > 1 else "nothing"


def _error(gains: Sequence[float]) -> float:
    return stdev(gains) / len(gains) ** 0.5


SUMMARIES = {
    **summaries("seed"),
    "if the geometric mean of the seeds stands in place of the mean": geometric_mean,
    "if the first seed is left out": lambda own: fmean(own[1:] or own),
}


def _others(runs: Sequence[Run]) -> dict[str, str]:
    """Rules that are not the card's -> what they conclude from these runs."""
    table = _by_seed(runs)
    mean = {cure: fmean(own) for cure, own in table.items()}
    widest = max(CURES[1:], key=lambda cure: abs(mean[cure] - mean["none"]))
    harm = any(mean[cure] < mean["none"] - 1 for cure in CURES[1:])
    frequent = mode(max(CURES, key=lambda cure: table[cure][at]) for at in range(len(table["none"])))
    found = {how: _by_the_card(table, of) for how, of in SUMMARIES.items()}
    for least, words in ((0.0, "any gain counts"), (0.5, "half a point is enough"), (0.9, "0.9 points are enough")):
        found[f"if {words}, and not only more than one point"] = _by_the_card(table, least=least)
    for least in (1.2, 1.5, 2, 3):
        found[f"if more than {least:g} points are asked for, and not more than one"] = _by_the_card(table, least=least)
    return found | {
        "if one per cent of what is right with none is the limit, and not one point": _first_best(
            table, lambda gains, own, none: own > 1.01 * none
        ),
        "if a twentieth of the errors must go, and not one point": _first_best(
            table, lambda gains, own, none: 100 - own < 0.95 * (100 - none)
        ),
        "if a cure must be ahead of none in every single seed": _first_best(
            table, lambda gains, own, none: min(gains) > 0 and own > none + 1
        ),
        "if a cure must be more than a point ahead in most of the seeds": _first_best(
            table, lambda gains, own, none: median(gains) > 1
        ),
        "if a gain counts that is larger than twice its own error": _first_best(
            table, lambda gains, own, none: fmean(gains) > 2 * _error(gains)
        ),
        "if a gain must be larger than twice its own error as well": _first_best(
            table, lambda gains, own, none: fmean(gains) > max(1, 2 * _error(gains))
        ),
        "if the best cure is compared with the next best one, and not with none": _against(table, max),
        "if the best cure is compared with the mean of all others, and not with none": _against(table, fmean),
        "if the best cure is compared with the worst one, and not with none": _against(table, min),
        "if the sign of a difference is left out": widest if abs(mean[widest] - mean["none"]) > 1 else "nothing",
        "if nothing is said to help wherever a cure does harm": "nothing" if harm else _by_the_card(table),
        "if the cure is named that is best in the most seeds": "nothing" if frequent == "none" else frequent,
    }


def _or_by_means(planted: str) -> Callable[[Sequence[Run]], tuple[str, ...]]:
    """What is planted, or what the means over the learner's own seeds say, where few seeds may say something else."""
    return lambda runs: tuple({planted, _by_the_card(_by_seed(runs))}) if runs else (planted,)


def _exact(
    said: str,
    right: str | Callable,
    hint: str,
    gains: Mapping[str, Callable[[float], float]],
    *,
    level: float = 90.0,
    scatter: float = 1.0,
    later: float = 0.0,
) -> World:
    """A made-up colleague with whom a seed moves all cures alike, so that differences are exact.

    Args:
        gains: cure -> points that it wins in a seed; seeds count from 0, in the order in which they are asked for.
        level: per cent right with none.
        scatter: of the seeds, in points.
        later: by how much a seed is better than the one before.
    """

    def percent(cure: str, number: int, seed: float) -> float:
        own = gains[cure](seed) if cure in gains else 0.0
        return level + own + scatter * _scatter("none", int(seed)) + later * (seed % 10)

    return World(said, right, numbered(percent), hint)


def _recipe(said: str, right: str, hint: str, *, gain: float, scatter: float = 1.0, seeds: float = 0.0) -> World:
    """A made-up colleague.

    Args:
        gain: points that the right cure wins; the others win nothing.
        scatter: of a run, in points.
        seeds: by how much a later seed is better, for all cures alike.
    """

    def percent(cure: str, number: int, seed: int) -> float:
        return 90 + gain * (cure == right) + scatter * _scatter(cure, seed) + seeds * (seed % 10)

    close = scatter > abs(gain - 1) / 4
    return World(said, _or_by_means(right) if close else right, percent, hint)


RECIPES = (
    _recipe(
        "the file was loaded with strict=False.",
        "strict",
        "This cure wins many points. Compare each cure with none, seed by seed or by means.",
        gain=40.0,
    ),
    _recipe(
        "nothing is wrong: the network is too small for its task.",
        "nothing",
        "None of the cures helps here. The best of several means is always a little better than none, by chance: ask by how much.",
        gain=0.0,
    ),
    _recipe(
        "a cut ranked the weights of a new layer; refresh wins two points.",
        "refresh",
        "This cure wins two points, which is more than the one that the card asks for, and little against the scatter of single runs.",
        gain=2.0,
    ),
    _recipe(
        "the zeros were trained away; the seeds differ by many points, for all cures alike.",
        "mask again",
        "The seeds differ here far more than the cures. Give each cure the same seeds, and compare with none.",
        gain=4.0,
        seeds=3.0,
    ),
    _exact(
        "in every seed strict wins 1.06 points of a hundred, from about 40, and refresh 0.6.",
        "strict",
        "This cure wins 1.06 points. By the card more than one point above none is enough, whatever the other cures win and however much "
        "is still wrong.",
        {"strict": lambda seed: 1.06, "refresh": lambda seed: 0.6},
        level=40.0,
    ),
    _exact(
        "in every seed refresh wins 0.95 points, from 60 on, and each seed is better than the one before.",
        "nothing",
        "The best cure wins 0.95 points in every seed. By the card a cure helps if the mean over the seeds is more than one point above "
        "that of none, with the same seeds: not one per cent, and not any gain that is sure.",
        {"refresh": lambda seed: 0.95},
        level=60.0,
        later=3.0,
    ),
    _exact(
        "strict wins 2.5 points, and refresh loses 30.",
        "strict",
        "One cure does much harm here, and another one helps. A loss is no cure, however large, and it says nothing about the others.",
        {"strict": lambda seed: 2.5, "refresh": lambda seed: -30.0},
    ),
    _exact(
        "strict wins half a point, and the other two cures lose 20.",
        "nothing",
        "Two cures do harm here, and the third wins half a point. Compare each cure with none, and not with the other cures.",
        {"mask again": lambda seed: -20.0, "strict": lambda seed: 0.5, "refresh": lambda seed: -20.0},
    ),
    _exact(
        "refresh wins 4.5 points in one seed of three; mask again wins 6 in the first seed, and loses 3 in the others.",
        "refresh",
        "The cure that helps does so in one seed of three here, and its mean is more than a point above that of none. The mean counts, and "
        "neither a median, nor a single seed, nor how many seeds are won.",
        {"refresh": lambda seed: 4.5 * one_in_three(seed), "mask again": lambda seed: 6.0 if seed == 0 else -3.0},
    ),
    _exact(
        "refresh wins 2.2 points in one seed of three, which is less than one on average, and each seed is worse than the one before.",
        "nothing",
        "In some seeds the best cure is more than a point ahead, and on average it is not. The mean over the same seeds counts.",
        {"refresh": lambda seed: 2.2 * one_in_three(seed)},
        level=80.0,
        scatter=0.1,
        later=-3.0,
    ),
    _exact(
        "mask again wins 14 points in two seeds of three, and loses 18 in the third, from about 30.",
        "mask again",
        "The seeds of this cure differ widely, and its mean is more than a point above that of none. By the card this mean decides, and no "
        "other average.",
        {"mask again": lambda seed: -18.0 if one_in_three(seed) else 14.0},
        level=30.0,
    ),
    _exact(
        "strict wins 40 points in the first seed that is asked for, and nothing in the others.",
        lambda runs: _by_the_card(_by_seed(runs)),
        "The first seed is unlike the others here, and it counts in the mean like each of them.",
        {"strict": lambda seed: 40.0 * (seed == 0)},
        level=50.0,
    ),
    _exact(
        "refresh loses 60 points in the third seed that is asked for, and wins 1.3 in each of the others.",
        lambda runs: _by_the_card(_by_seed(runs)),
        "In one seed the best cure fails here. This seed counts in the mean like each of the others: leave none out.",
        {"refresh": lambda seed: -60.0 if one_alone(seed) else 1.3},
        level=80.0,
    ),
)


@check(
    "Exercise 1, What is wrong with this recipe?",
    why="Only one thing differs between a run with one cure and a run with none. The same seeds for each make the runs comparable, and "
    "a mean over several seeds scatters less than a single run. The best of several is better than none by chance, so it must be "
    "better by more than that.",
)
def what_is_wrong(answer: Callable) -> None:
    """``what_is_wrong(right) -> the cure that helps, or "nothing"``, on made-up recipes."""
    investigate(
        answer,
        RECIPES,
        arms=CURES,
        settings={"seed": 0},
        least={"seed": 5},
        conclusions=("mask again", "strict", "refresh", "nothing"),
        others=_others,
        name="right",
    )

"""Checks of the lesson `qat_cnn`, quantization-aware training of a CNN: the order of a loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from course_utils import legacy_int8
from course_utils.exercises.calls import run
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.search import examine
from course_utils.exercises.values import same, show
from course_utils.legacy_int8 import nnq, tq

# What epochs found, by number: the number of the epoch before, 0 for none, and the state. A model holds its last number.
_NOTED: dict[int, tuple[int, _State]] = {}
_NUMBERS = itertools.count(1)


class _Log(nn.Identity):
    """Knows how each epoch found the model. A copy takes that along, also one that is made with load_state_dict."""

    def __init__(self):
        super().__init__()
        self.register_buffer("behind", torch.zeros((), dtype=torch.int64))

    @property
    def epochs(self) -> list[_State]:
        """How each epoch found the model."""
        found, number = [], int(self.behind)
        while number:
            number, state = _NOTED[number]
            found.append(state)
        return found[::-1]

    def note(self, state: _State) -> None:
        """Put one more epoch behind the model."""
        number = next(_NUMBERS)
        _NOTED[number] = int(self.behind), state
        self.behind.fill_(number)


def small_net() -> tq.QuantWrapper:
    """A network for images (batch, 1, 6, 6), fused for training, with stubs and its qconfig."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        block = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
        net = nn.Sequential(_Log(), block, nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    fused = [["module.1.0", "module.1.1", "module.1.2"], ["module.2", "module.3"]]
    model = tq.fuse_modules_qat(tq.QuantWrapper(net).train(), fused)
    activation = tq.FakeQuantize.with_args(observer=tq.MovingAverageMinMaxObserver, quant_min=0, quant_max=127)
    model.qconfig = tq.QConfig(activation=activation, weight=tq.default_weight_fake_quant)
    return model


def _log(model: object) -> _Log:
    try:
        return next(m for m in model.modules() if type(m) is _Log)
    except Exception as error:
        raise TypeError(f"this takes the model, or a copy of it, got {show(model, 60)}") from error


@dataclass
class _State:
    """A model as an epoch found it. Of what can be switched: whether each one is on."""

    kind: str
    mode: str
    rounding: list[bool]
    observers: list[bool]
    norms: list[bool]

    def __repr__(self) -> str:
        counts = [f"{sum(on)} of {len(on)}" for on in (self.rounding, self.observers, self.norms)]
        text = "{} fake quantizations on, {} observers on, {} batch norms moving".format(*counts)
        return f"{self.kind}, {self.mode} mode, {text}"


def _state(model: nn.Module) -> _State:
    modules = list(model.modules())
    prepared = any(hasattr(m, "weight_fake_quant") for m in modules)
    int8 = any(isinstance(m, nnq.DeQuantize) for m in modules)
    return _State(
        kind="int8" if int8 else "prepared for QAT" if prepared else "not prepared for QAT",
        mode="training" if model.training else "evaluation",
        rounding=[bool(m.fake_quant_enabled[0]) for m in modules if hasattr(m, "fake_quant_enabled")],
        observers=[bool(m.observer_enabled[0]) for m in modules if hasattr(m, "observer_enabled")],
        norms=[m.bn.training for m in modules if isinstance(getattr(m, "bn", None), nn.BatchNorm2d)],
    )


def train_epoch(model: nn.Module) -> None:
    """Stands for one epoch: notes the state of the model, and shows its observers a batch."""
    log, state = _log(model), _state(model)
    log.note(state)
    if state.kind != "int8":
        with torch.no_grad():
            model(torch.rand(8, 1, 6, 6, generator=torch.Generator().manual_seed(len(log.epochs))))


def accuracy(model: nn.Module) -> float:
    """Stands for a measurement: another value after each epoch, less for a model that is not int8 or in training mode."""
    state = _state(model)
    return _accuracy(len(_log(model).epochs)) - 40.0 * (state.kind != "int8") - 20.0 * (state.mode == "training")


def _accuracy(behind: int) -> float:
    return 70.0 + 7 * behind % 11


@check(
    "Exercise 1, The loop, in the right order",
    why="The model that trains rounds, and stays in float so that it can learn; what is measured is what will run, a converted copy. "
    "Ranges and statistics that rest from the middle on let the weights settle on a grid that no longer moves.",
    trust="it trains a model and gives it",
)
@legacy_int8.quiet()
def qat_loop(answer: Callable) -> None:
    """``qat_loop(model, train_epoch, accuracy, epochs) -> (int8 model, list of accuracies)``."""

    def judge(epochs: int) -> None:
        passed = []

        def watched(model: nn.Module, *rest: object) -> object:
            passed.append(model)
            return answer(model, *rest)

        call = ("your call", f"model=small_net(), train_epoch, accuracy, epochs={epochs}")
        try:
            got = run(watched, (small_net(), train_epoch, accuracy, epochs))
            _right_loop(got, epochs)
        except Mistake as mistake:
            mistake = _trains_its_input(passed) or mistake
            facts = [fact for fact in mistake.facts if fact[0] != call[0]]  # without the model written out
            raise Mistake(mistake.message, mistake.hint, (call, *facts)) from mistake
        if not passed[0].training:
            raise Mistake("Your function leaves its model in evaluation mode.", "Call eval() on a copy.", (call,))

    examine(judge, edges=[(epochs,) for epochs in (2, 3, 4, 5)])


def _trains_its_input(passed: list) -> Mistake | None:
    """The mistake of training the model that came in; that it changed is then no news."""
    if not passed or all(state.kind != "not prepared for QAT" for state in _log(passed[0]).epochs):
        return None
    text = "Your function trains `model`, the one that it was given."
    hint = "Train the one that tq.prepare_qat(model) returns. `model` itself stays as it is, in float and without rounding: its "
    return Mistake(text, hint + "training would never reach what you convert.")


def _right_loop(got: object, epochs: int) -> None:
    right = "Return (the int8 model after the last epoch, the list of accuracies)."
    try:
        model, noted = got if isinstance(got, (tuple, list)) else ()
        state, found = _state(model), _log(model).epochs
    except Exception as error:
        raise Mistake("A model and its accuracies are wanted.", right, (("returned", show(got, 200)),)) from error
    _trained(found)
    _noted(noted, epochs)
    if state.kind != "int8":
        raise Mistake("The model that you return is not converted.", "Return what convert gave after the last epoch.")
    if state.mode != "evaluation":
        raise Mistake(
            "The int8 model that you return is in training mode.", "Call eval() on the copy, then convert it."
        )
    if len(found) != epochs:
        text = f"The model that you return has {len(found)} of {epochs} epochs behind it."
        raise Mistake(text, "Train once an epoch, and return the int8 model of the last, whatever the accuracies.")
    observers, norms = ([getattr(state, part) for state in found] for part in ("observers", "norms"))
    _frozen(found, "the observers", observers, not all(map(all, norms)))
    _frozen(found, "the batch norm statistics", norms, not all(map(all, observers)))


def _trained(found: list[_State]) -> None:
    for i, it in enumerate(found):
        plain = it.kind == "not prepared for QAT"
        faults = (
            (it.kind == "int8", "an int8 model", "It has no gradients. Convert a copy, train the model itself."),
            (plain, "a model whose weights are not rounded", "prepare_qat puts that rounding in; prepare does not."),
            (it.mode != "training", "a model in evaluation mode", "Call eval() on the copy that you convert."),
            (not all(it.rounding), "a model that does not round", "Leave the fake quantization on to the end."),
        )
        for true, what, hint in faults:
            if true:
                raise Mistake(f"Epoch {i} trains {what}.", hint, ((f"epoch {i} trains", repr(it)),))


def _noted(noted: object, epochs: int) -> None:
    expected = [_accuracy(n + 1) for n in range(epochs)]
    hint = "Note one an epoch, in order: that of the copy converted after it."
    if same([value - 40 for value in expected], noted):
        hint = "You measure the fake-quantized model. What will run is the converted one."
    elif same([value - 20 for value in expected], noted):
        hint = "You measure an int8 model in training mode. Call eval() on the copy before you convert it."
    elif same([_accuracy(n) for n in range(epochs)], noted):
        hint = "They are late by an epoch: measure after each, not before it."
    elif same([_accuracy(1)] * epochs, noted):
        hint = "Each is that of a model trained for one epoch. Prepare once, before the loop, and train that model itself, not a copy."
    elif same([value / 100 for value in expected], noted):
        hint = "You divide them by 100. Note what accuracy gives, as it is."
    elif same(expected[::-1], noted) or same(sorted(expected), noted) or same(sorted(expected)[::-1], noted):
        hint = "Their order is another: note them as they come, the first epoch first."
    elif same(expected[-1:], noted) or same(expected[-1], noted):
        hint = "It is that of the last epoch alone. Measure after each, and note all of them in a list."
    elif any(same(value, noted) for value in (max(expected), min(expected), sum(expected) / epochs)):
        hint = "That is one number for all epochs. Return the list."
    elif same(expected[: len(noted)] if _is_list(noted) else None, noted):
        hint = f"There are {len(noted)}, and {epochs} epochs: train and measure in each, the first and the last too."
    elif _is_list(noted) and same(expected, noted[:epochs]):
        hint = f"There are {len(noted)}, and {epochs} epochs: train no longer than you are asked to, and measure once in each."
    elif same([_accuracy(epochs)] * epochs, noted):
        hint = "All are those of the last epoch. Measure in the loop, after each epoch."
    if not same(expected, noted):
        raise Mistake("The accuracies are wrong.", hint, (("yours", show(noted)), ("expected", show(expected))))


def _is_list(value: object) -> bool:
    return type(value) in (list, tuple) and len(value) > 0


def _frozen(found: list[_State], what: str, on: list[list[bool]], other: bool) -> None:
    """Raise when `what` is not frozen in the right epochs.

    Args:
        found: how each epoch found the model.
        what: the observers or the batch norm statistics.
        on: for each epoch, which of them are not frozen.
        other: whether what else is to be frozen ever is.
    """
    due, still = len(found) // 2, [not any(each) for each in on]
    whole = all(any(each) == all(each) for each in on)
    if whole and still == [i >= due for i in range(len(found))]:
        return
    first = still.index(True) if any(still) else None
    if all(map(all, on)) and other:
        hint = f"You freeze the one and not the other: {what} need a call of their own, also handed to apply."
    elif all(map(all, on)):
        hint = f"No epoch finds {what} frozen: you freeze too late, or in another model than the one that trains, or "
        hint += "never. (disable_observer and freeze_bn_stats act on one module: hand them to apply.)"
    elif first == 0:
        hint = f"You freeze {what} before the first epoch. Here the task asks for epoch {due}."
    elif not whole:
        hint = f"You freeze only a part of {what}: take all, those deeper inside too."
    elif not all(still[first:]):
        hint = f"You freeze {what}, and they move again later. Once frozen they stay so."
    else:
        hint = f"You freeze {what} before epoch {first}: too {'early' if first < due else 'late'}."
    facts = tuple((f"epoch {i} trains", repr(state)) for i, state in enumerate(found))
    raise Mistake(f"With {len(found)} epochs, freeze {what} before epoch {due}, neither sooner nor later.", hint, facts)

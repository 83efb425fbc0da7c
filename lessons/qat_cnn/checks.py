"""Checks of the lesson `qat_cnn`, quantization-aware training of a CNN: the order of a loop, and an experiment."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import torch
from torch import nn

from course_utils import legacy_int8
from course_utils.exercises.bests import trimmed
from course_utils.exercises.calls import run
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.investigation import Run, World, by_arm, investigate, numbered
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
            (
                it.mode != "training",
                "a model in evaluation mode",
                "Call eval() on the copy that you convert. The model that trains stays in training mode, also when freeze_bn_stats has "
                "frozen its statistics.",
            ),
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
    elif same([_accuracy(0)] * epochs, noted):
        hint = "The model that you convert has no epoch behind it: call train_epoch(prepared) in each, on the model of which you convert a copy."
    elif same([_accuracy(1)] * epochs, noted):
        hint = "Each is that of a model with one epoch behind it. Note what comes after each epoch, better or not. Prepare once, before the loop, and train that model itself, not a copy."
    elif same([value / 100 for value in expected], noted):
        hint = "You divide them by 100. Note what accuracy gives, as it is."
    elif same([value * 100 for value in expected], noted):
        hint = "You multiply them by 100. Note what accuracy gives, as it is."
    elif same([max(expected)] * epochs, noted):
        hint = "All are the best one. Note each as it comes, whether it is better or worse than the one before."
    elif _is_list(noted) and len(noted) == epochs + 1 and same(expected, list(noted)[1:]):
        hint = "The first is from before the training. Measure after each epoch, and only then."
    elif same(expected[::-1], noted) or same(sorted(expected), noted) or same(sorted(expected)[::-1], noted):
        hint = "Their order is another: note them as they come, the first epoch first."
    elif same(expected[-1:], noted) or same(expected[-1], noted):
        hint = "It is that of the last epoch alone. Measure after each, and note all of them in a list."
    elif any(same(value, noted) for value in (max(expected), min(expected), sum(expected) / epochs)):
        hint = "That is one number for all epochs. Return the list."
    elif _is_list(noted) and same(expected[: len(noted)], noted):
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


ARMS = ("float", "QAT", "fast weights", "fast activations", "both fast")
REPAIRS = {"weights": "fast weights", "activations": "fast activations", "both": "both fast"}
COUNTS = 2  # points that QAT must lose
NOTHING = 21  # percent of a network that has learned next to nothing
ONE_FAILS = (
    "with fast observers of the weights most networks lose 1 point of QAT's 18, but about one in five comes to nothing."
)
FEW_FAIL = (
    "with fast observers of the weights most networks lose 1 point of QAT's 24, but about two in five come to nothing."
)
MOST_FAIL = "with fast observers of the weights some networks lose 1 point of QAT's 24, but about three in five come to nothing."


def _of_means(means: dict[str, float], *, counts: float = COUNTS, size: Callable = float) -> str:
    """The conclusion by the card, of one number an arm."""
    loss = {arm: size(means["float"] - means[arm]) for arm in ARMS}
    if loss["QAT"] <= counts:
        return "nothing"
    return next((name for name, arm in REPAIRS.items() if loss[arm] < loss["QAT"] / 2), "neither")


def _of_runs(runs: Sequence[Run], of: Callable = fmean, **change: object) -> str:
    return _of_means({arm: of(results) for arm, results in by_arm(runs).items()}, **change)


def _within_two(means: dict[str, float]) -> str:
    if means["float"] - means["QAT"] <= COUNTS:
        return "nothing"
    return next((name for name, arm in REPAIRS.items() if means["float"] - means[arm] <= COUNTS), "neither")


def _best_repair(means: dict[str, float]) -> str:
    works = {name: means[arm] for name, arm in REPAIRS.items()}
    best = max(works, key=works.__getitem__)
    right = _of_means(means)
    return right if right in ("nothing", "neither") else best


STATISTICS = {
    "the median network": median,
    "the first network": lambda results: results[0],
    "the last network": lambda results: results[-1],
    "the best network": max,
    "the worst network": min,
    "the mean without the best and the worst network": trimmed,
    "the middle between the best and the worst network": lambda results: (max(results) + min(results)) / 2,
}
LEFT_TO_A_WORLD = ("the worst network", "the middle between the best and the worst network")


def _where_networks_disagree(runs: Sequence[Run]) -> str | None:
    """The conclusion of the card where another statistic than the mean comes to another one; two are left to a world."""
    own = _of_runs(runs)
    others = (of for name, of in STATISTICS.items() if name not in LEFT_TO_A_WORLD)
    return own if any(_of_runs(runs, of) != own for of in others) else None


def _said_of_means(runs: Sequence[Run], got: str) -> str:
    """What the verdict adds where a conclusion does not follow from the means."""
    fitting = [name for name, of in STATISTICS.items() if _of_runs(runs, of) == got != _of_runs(runs)]
    said = f"{' or '.join(fitting)} of each arm would say so; the" if fitting else "The"
    said = said[0].upper() + said[1:]
    failed = fmean(accuracy < NOTHING + 5 for accuracy in by_arm(runs)["fast weights"])
    planted = MOST_FAIL if failed > 0.5 else FEW_FAIL if failed > 0.3 else ONE_FAILS
    skewed = f" Here {planted}" if failed else ""
    return f"{_told_losses(runs)} {said} card asks for the mean of all networks.{skewed}"


def _told_losses(runs: Sequence[Run]) -> str:
    means = {arm: fmean(results) for arm, results in by_arm(runs).items()}
    return (
        "The losses of your means: " + ", ".join(f"{arm} {means['float'] - means[arm]:.1f}" for arm in ARMS[1:]) + "."
    )


def _chance(arm: str, seed: float) -> float:
    """A number from -1 to 1, always the same for an arm and a network."""
    return 2 * (math.sin(12.9898 * seed + 78.233 * (1 + ARMS.index(arm))) * 43758.5453 % 1) - 1


def _training(
    said: str,
    right: str | tuple[str, ...],
    hint: str,
    *results: float,
    fails: str = "",
    often: tuple[int, ...] = (),
    to: float = 0.0,
    at_once: bool = False,
) -> World:
    """A made-up training with these accuracies, in the order of `ARMS`.

    Args:
        said, right, hint: of the world.
        results: percent.
        fails: an arm in which some networks fail.
        often: which of five do, in the order in which networks are asked for.
        to: the accuracy that they come to.
        at_once: the hint is said, whatever else a wrong conclusion may come from.
    """
    of_arm = dict(zip(ARMS, results, strict=True))

    def accuracy(arm: str, number: int, *, seed: float) -> float:
        if arm == fails and seed % 5 in often:
            return to + _chance(arm, seed)
        return of_arm[arm] + 0.05 * _chance(arm, seed) + 5 * math.sin(2.4 * seed)  # the second is common to all arms

    def why(runs: Sequence[Run], got: str) -> str:
        means = {arm: fmean(values) for arm, values in by_arm(runs).items()}
        if at_once:
            return f"{hint} {_told_losses(runs)}"
        if means["QAT"] > means["float"] and got == _of_means(means, size=abs) != _of_means(means):
            return "QAT is better than float here: its loss is below 0, so there is nothing to repair. Do not take the absolute value."
        if any(got == _of_runs(runs, STATISTICS[name]) != _of_means(means) for name in LEFT_TO_A_WORLD):
            return (
                f"{hint} {_said_of_means(runs, got)} And a repair need not come near float: half of the loss is enough."
            )
        if got == _within_two(means) != _of_means(means):
            return (
                "A repair need not bring everything back: it works if less than half of QAT's loss is left. What is left may have "
                "another cause."
            )
        if got == _best_repair(means) != _of_means(means):
            return (
                f"More than one repair leaves less than half of QAT's loss here. {_told_losses(runs)} The card asks for the first of "
                "weights, activations and both that does: the smallest change that explains most of the loss."
            )
        return f"{hint} {_told_losses(runs)}"

    return World(said, right, numbered(accuracy), why)


TRAININGS = (
    _training(
        "QAT loses 38 points, with fast observers of the weights it loses 17.8; those of the activations change nothing.",
        "weights",
        "Fast observers of the weights alone take away more than half of the loss.",
        *(84, 46, 66.2, 44, 67.6),
    ),
    _training(
        "QAT loses 35 points; fast observers of the weights win 2 of them, those of the activations 30.",
        "activations",
        "Fast observers of the weights win 2 of 35 points here, which is far less than half of the loss. Those of the activations win 30.",
        *(85, 50, 52, 80, 81),
    ),
    _training(
        "QAT loses 45 points; fast observers of the weights win 12 and those of the activations 7, both together 41.",
        "both",
        "Neither repair alone takes away half of the loss here, and both together do.",
        *(85, 40, 52, 47, 81),
    ),
    _training(
        "QAT loses 20 points, and with all observers fast it still loses 10.5.",
        "neither",
        "Fast observers win some points here, and less than half of the loss, also with both fast: something else makes QAT fail.",
        *(84, 64, 73, 66, 73.5),
    ),
    _training(
        "QAT loses 1.8 points; with fast observers of the weights it is better than float by 1.5.",
        "nothing",
        "QAT loses less than two points here, which does not count. So there is no failure that one could explain, although a repair makes QAT better.",
        *(84, 82.2, 85.5, 82.4, 85.6),
    ),
    _training(
        "QAT is 4 points better than float, and with fast observers of the weights as good as float.",
        "nothing",
        "QAT loses nothing here: it is better than float.",
        *(80, 84, 80.4, 83.8, 80.2),
    ),
    _training(
        "float comes to 91 %; QAT loses 6.5 points, and fast observers of the activations win 6 of them.",
        "activations",
        "What there was to repair is said by the float arm of the same experiment, and float is better here than in the lesson.",
        *(91, 84.5, 84.8, 90.3, 90.4),
    ),
    _training(
        "QAT loses 2.25 points, and fast observers of the activations win 2 of them.",
        "activations",
        "A loss of more than 2 points counts by the card, and here it is 2.25.",
        *(84, 81.75, 82.0, 83.7, 83.8),
    ),
    _training(
        "QAT loses 34 points, and either repair alone takes away most of them.",
        "weights",
        "Either repair alone works here, and the card asks for the first.",
        *(84, 50, 79, 81, 83),
    ),
    _training(
        "QAT loses 5 points, and with fast observers of the weights it is better than float by 3.",
        "weights",
        "With fast observers of the weights QAT is better than float here, so that its loss is below 0, and this is less than half of QAT's.",
        *(84, 79, 87, 83.2, 86.5),
    ),
    _training(
        MOST_FAIL,
        ("weights", "neither"),
        "With fast observers of the weights about three networks in five come to nothing here.",
        *(84, 60, 83, 60.9, 63),
        fails="fast weights",
        often=(0, 1, 3),
        to=NOTHING,
    ),
    _training(
        FEW_FAIL,
        ("weights", "neither"),
        "With fast observers of the weights about two networks in five come to nothing here.",
        *(84, 60, 83, 60.9, 63),
        fails="fast weights",
        often=(0, 3),
        to=NOTHING,
    ),
    _training(
        ONE_FAILS,
        "neither",
        "With fast observers of the weights about one network in five comes to nothing here.",
        *(84, 66, 83, 66.9, 68),
        fails="fast weights",
        often=(2,),
        to=NOTHING - 1,
    ),
    _training(
        "QAT loses 44 points; with fast observers of the weights most networks lose 2, and about one in five loses 56.",
        "weights",
        "With fast observers of the weights one network in five is much worse here, and still their mean loses less than half of 44 points.",
        *(84, 40, 82, 41, 83),
        fails="fast weights",
        often=(1,),
        to=28,
    ),
    _training(
        "QAT loses 34 points and with fast observers of the weights 1.5, but with both fast it loses 29.",
        "weights",
        "Fast observers of the weights work alone, though both together do not. The card takes the first that works.",
        *(84, 50, 82.5, 52, 55),
    ),
    _training(
        "QAT loses 34 points, with fast observers of the weights 20, and with those of the activations 15.",
        "activations",
        "A repair is compared with half of QAT's own loss, and not with what another repair leaves.",
        *(84, 50, 64, 69, 70),
    ),
    _training(
        "QAT loses 34 points, with either repair alone about 20, and with both fast 15.",
        "both",
        "With both fast less than half of QAT's loss is left. It need not be half of what the better single repair leaves.",
        *(84, 50, 64, 65, 69),
        at_once=True,
    ),
    _training(
        "In four networks of five QAT loses a point, and in the fifth about 30; fast observers of the weights cure it.",
        "weights",
        "Whether QAT loses more than 2 points is asked of the mean over all networks, and not of most of them or of each.",
        *(84, 83, 82.5, 83, 83),
        fails="QAT",
        often=(2,),
        to=49,
        at_once=True,
    ),
    _training(
        "In four networks of five QAT loses nothing, and in the fifth about 5 points.",
        "nothing",
        "One network alone loses more than 2 points. The mean over all of them does not.",
        *(84, 83.8, 84, 83.9, 84),
        fails="QAT",
        often=(2,),
        to=74,
        at_once=True,
    ),
    _training(
        "QAT loses 18 points; with fast observers of the activations most networks lose 1, and about one in five fails.",
        "neither",
        "With fast observers of the activations one network in five fails here, and their mean leaves more than half of QAT's loss.",
        *(84, 66, 67, 83, 67),
        fails="fast activations",
        often=(2,),
        to=NOTHING,
        at_once=True,
    ),
    _training(
        "QAT loses 18 points; with both fast most networks lose 1, and about one in five fails.",
        "neither",
        "With both fast one network in five fails here, and their mean leaves more than half of QAT's loss.",
        *(84, 66, 67, 67, 83),
        fails="both fast",
        often=(2,),
        to=NOTHING,
        at_once=True,
    ),
)


@check(
    "Exercise 2, Why did it fail?",
    why="The float arm says how much there is to repair, and each repair changes one thing. Only the repair that takes away most of the loss "
    "names a cause; a repair that helps a little, or that helps where nothing was lost, does not.",
)
def why_it_failed(answer: Callable) -> None:
    """``why_it_failed(right) -> "weights", "activations", "both", "neither" or "nothing"``, for made-up trainings."""
    investigate(
        answer,
        TRAININGS,
        arms=ARMS,
        settings={"seed": 0},
        least={"seed": 5},
        conclusions=(*REPAIRS, "neither", "nothing"),
        rule=_where_networks_disagree,
        rule_said=_said_of_means,
        name="right",
    )

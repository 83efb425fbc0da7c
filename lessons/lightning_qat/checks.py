"""Checks of the lesson `lightning_qat`, with Lightning: a schedule, names of modules, and a file that is really loaded again."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from course_utils import legacy_int8
from course_utils.exercises.core import Mistake, check, run, try_cases


@check("Exercise 1, Ninety percent in five prunings")
def even_schedule(answer: Callable) -> None:
    """``even_schedule(epochs, sparsity) -> dict[int, float]``."""

    def amounts(value: object) -> dict[int, float]:
        return {int(epoch): float(amount) for epoch, amount in dict(value).items()}

    def each(amount: Callable[[int, float], float]) -> Callable:
        return lambda epochs, sparsity: {epoch: amount(len(epochs), sparsity) for epoch in epochs}

    def growing(epochs, sparsity):
        return {e: 1 - (1 - sparsity) ** ((i + 1) / len(epochs)) for i, e in enumerate(epochs)}

    def of_the_whole(epochs, sparsity):
        part = sparsity / len(epochs)
        return {epoch: part / (1 - i * part) for i, epoch in enumerate(epochs)}

    right = each(lambda n, sparsity: 1 - (1 - sparsity) ** (1 / n))
    wrong = {
        "Your amounts add up to the sparsity. But each counts the weights that are left by then, so they compound: "
        "too many stay.": each(lambda n, sparsity: sparsity / n),
        "You prune the whole share each time. The second pruning takes it from what is left, and so on: hardly "
        "anything stays.": each(lambda n, sparsity: sparsity),
        "You give what each pruning leaves. The amount is what it takes: one minus that.": each(
            lambda n, sparsity: (1 - sparsity) ** (1 / n)
        ),
        "You take the root of the sparsity. What multiplies is the share that is left: take the root of 1 - sparsity.": each(
            lambda n, sparsity: sparsity ** (1 / n)
        ),
        "Your amounts say how much is gone in all by then. Each amount is taken from what is left.": growing,
        "Your schedule ends at the right density, but not with equal shares: you take equal numbers of weights.": of_the_whole,
        "Only the last epoch prunes. There should be one pruning after each of the epochs.": lambda epochs, sparsity: {
            epochs[-1]: sparsity
        },
        "You give percent. An amount is a share from 0 to 1.": each(
            lambda n, sparsity: 100 * (1 - (1 - sparsity) ** (1 / n))
        ),
        "You count the prunings, 0, 1, 2, … The keys are the epochs that were given.": lambda epochs, sparsity: dict(
            enumerate(right(epochs, sparsity).values())
        ),
    }
    cases = [([19, 39, 59, 79, 99], 0.9), ([0, 3], 0.75), (list(range(5, 15)), 0.8), ([2, 4, 8], 0.5), ([7], 0.5)]
    try_cases(answer, right=right, wrong=wrong, cases=cases, names=("epochs", "sparsity"), rtol=1e-6, convert=amounts)


# The model on the card: its modules in the order in which they run, and what can be fused.
RUNS = ["stem.0", "stem.1", "stem.2", "conv", "bn", "plus", "act", "side", "neck", "neck_act", "head"]
GROUPS = {("stem.0", "stem.1", "stem.2"), ("conv", "bn"), ("neck", "neck_act")}


@check("Exercise 2, The fuse list of a model")
def fuse_list(answer: Callable) -> None:
    """``fuse_list() -> list of groups``; the order of the groups does not matter."""
    got = run(answer, ())
    shown = f"Your function returned {got!r:.150}."
    if not isinstance(got, list | tuple | set) or not got:
        raise Mistake(shown, "Return a list of groups, each a list of names: [('a', 'b'), ('c', 'd')].")
    if any(isinstance(group, str) for group in got):
        raise Mistake(shown, "You return one list of names. Each group is a list or tuple of its own.")
    try:
        groups = [tuple(group) for group in got]
    except TypeError:
        raise Mistake(shown, "Each group is a list or tuple of names.") from None
    for name in (name for group in groups for name in group):
        if name not in RUNS:
            raise Mistake(shown, _unknown(name))
    for group in groups:
        if hint := _fault(group):
            raise Mistake(f"{shown} Look at {group}.", hint)
    _complete(set(groups), shown)


def _unknown(name: object) -> str:
    if not isinstance(name, str) or name in ("Conv2d", "BatchNorm2d", "ReLU", "Linear") or name.startswith("nn."):
        return f"{name!r} is a class. The callback wants names of this model's modules, as attributes have them."
    if name.startswith(("self.", "model.")):
        return f"Leave out the first part of {name!r}: names are relative to the model, as in model.named_modules()."
    if name.isdigit():
        return f"{name!r} is a name inside of the Sequential. From the model it is 'stem.{name}'."
    if "relu" in name:
        return f"{name!r} is a function called in forward, not a module. It has no name and cannot be fused."
    return f"The model has no module {name!r}."


def _fault(group: tuple[str, ...]) -> str:
    """What is wrong with a group of known names, or nothing."""
    numbers = [RUNS.index(name) for name in group]
    if "act" in group or "plus" in group:
        return (
            "You fuse across a branch. The sum stands between batch norm and this ReLU: fused, the ReLU would act "
            "before the sum."
        )
    if "side" in group:
        return "The ReLU behind side is a function, torch.relu: there is no module to fuse side with."
    if numbers != sorted(numbers):
        return "The order is wrong. Name the modules in the order in which they run: convolution, batch norm, ReLU."
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return "You leave out the batch norm between them. Convolution and ReLU alone are no neighbours here."
    if group not in GROUPS and any(set(group) < set(whole) for whole in GROUPS):
        return "This group could be longer: convolution, batch norm and ReLU fuse to one module."
    if group not in GROUPS:
        return "These do not fuse to one kernel: a group begins with a convolution or a linear layer."
    return ""


def _complete(groups: set[tuple[str, ...]], shown: str) -> None:
    for group in sorted(GROUPS - groups):
        kind = "A linear layer and its ReLU" if "neck" in group else "A convolution and its batch norm"
        raise Mistake(shown, f"A group is missing. {kind} fuse as well.")


class _Net(nn.Module):
    """Eight inputs, two layers; its own weights for each seed."""

    def __init__(self, seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layer_0, self.layer_0a, self.layer_end = nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer_end(self.layer_0a(self.layer_0(x)))


def _rebuild(compatible: bool, spoil: Callable[[Tensor], Tensor] | None = None) -> Callable[[nn.Module], nn.Module]:
    """What gives a float model its int8 parts; with `spoil` the outputs of that model are changed."""

    def rebuild(net: nn.Module) -> nn.Module:
        from course_utils.callbacks import QuantizationAwareTraining  # loads Lightning, which takes seconds

        callback = QuantizationAwareTraining(
            legacy_int8.best(), modules_to_fuse=[("layer_0", "layer_0a")], input_compatible=compatible
        )
        callback.rebuild(net)
        if spoil:
            net.register_forward_hook(lambda module, inputs, out: spoil(out))
        return net

    return rebuild


def _last_digit(out: Tensor) -> Tensor:
    out = out.clone()
    out[-1, -1] += 1e-6
    return out


@check("Exercise 3, Export and reload")
@legacy_int8.quiet()
def export(answer: Callable) -> None:
    """``export(model, path, make, rebuild, x) -> (nn.Module, bool)``; run on good and on spoilt models."""
    x = torch.rand(32, 8, generator=torch.Generator().manual_seed(14))
    for compatible in (True, False):
        model = _rebuild(compatible)(_Net(1))
        where = f"Your function on a model that is {'' if compatible else 'not '}input compatible"
        loaded, equal = _good(answer, model, _rebuild(compatible), x, where)
        if not torch.equal(loaded(loaded.quant(x)), model(model.quant(x))):
            raise Mistake(
                f"{where} returned a model with other outputs.",
                "rebuild makes the places, load_state_dict brings the values: do both, in this order.",
            )
        if not equal:
            raise Mistake(
                f"{where} returned {equal!r}, but the outputs are equal.",
                "Compare the outputs of both models on the same input.",
            )
    spoilt = {
        "You compare nothing, or not the loaded model: here it gives other outputs, and nobody notices.": lambda out: (
            out + 1
        ),
        "You compare roughly. One output differs in its last digits: torch.equal compares all of them, exactly.": _last_digit,
    }
    for hint, spoil in spoilt.items():
        if _good(answer, _rebuild(True)(_Net(1)), _rebuild(True, spoil), x, "Your function on a file gone wrong")[1]:
            raise Mistake("Your function returned True for a loaded model whose outputs are not the old ones.", hint)
    save = torch.save
    with mock.patch.object(torch, "save", lambda state, *args, **options: save(_damaged(state), *args, **options)):
        if _good(answer, _rebuild(True)(_Net(1)), _rebuild(True), x, "Your function on a file gone wrong")[1]:
            raise Mistake(
                "The file was damaged when it was written, and your function returned True.",
                "The state has to pass through the file: save it to path, and load it from there.",
            )


def _damaged(state: dict) -> dict:
    state = copy.copy(state)  # a plain dict would lose the versions that load_state_dict asks for
    for name, value in state.items():
        state[name] = _damaged(value) if isinstance(value, dict) else value * 2 if name == "layer_end.scale" else value
    return state


def _good(answer: Callable, model: nn.Module, rebuild: Callable, x: Tensor, where: str) -> tuple[nn.Module, bool]:
    """What the answer returned, after a look at its type, and at the way through the file."""
    load, trusted = torch.load, []

    def watched(*args, **options):
        trusted.append(options.get("weights_only", True) is False)
        return load(*args, **options)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        try:
            with mock.patch.object(torch, "load", watched):
                got = run(lambda path, x: answer(model, path, lambda: _Net(2), rebuild, x), (path, x), ("path", "x"))
        except Mistake as mistake:
            said = " ".join(mistake.message.partition("model.pt")[2].partition(") ")[2].split()).replace("\x1b[1m", "")
            raise Mistake(f"{where} {said[:150]}", _why(mistake)) from None
        if not (isinstance(got, tuple | list) and len(got) == 2 and isinstance(got[0], nn.Module)):
            raise Mistake(f"{where} returned {got!r:.60}.", "Return two things: the loaded model, and True or False.")
        if got[0] is model:
            raise Mistake(
                f"{where} returned the model that it was given.",
                "You save, and return the old model. Only when a new one has loaded the file you know that it works.",
            )
        _through_the_file(path, trusted, where)
    if not hasattr(got[0], "quant"):
        raise Mistake(
            f"{where} returned a model without int8 parts.",
            "A float model has no places for int8 weights. Let rebuild(make()) make them, then load.",
        )
    return got[0], bool(got[1])


def _through_the_file(path: Path, trusted: list[bool], where: str) -> None:
    if not path.exists():
        raise Mistake(f"{where}: the file was not written.", "Save model.state_dict() to path.")
    try:
        torch.load(path, weights_only=True)
    except Exception:  # what torch raises here has changed before
        raise Mistake(
            f"{where} saved more than tensors and numbers.",
            "You save the whole model, with its code. Save model.state_dict().",
        ) from None
    if any(trusted):
        raise Mistake(
            f"{where} loaded with weights_only=False.",
            "That runs whatever code the file holds. A state_dict loads with weights_only=True.",
        )


def _why(mistake: Mistake) -> str:
    message = mistake.message
    if "size mismatch" in message or " key" in message or "has no attribute 'quant'" in message:
        return "A float model has no places for int8 weights. Let rebuild(make()) make them, then load."
    if "'quantized::" in message or "QuantizedCPU" in message:
        return "You call it with floats, but this model is not input compatible. m(m.quant(x)) works for both kinds."
    if "quantized already" in message or "fake quantization already" in message:
        return "rebuild wants a new float model, from make()."
    if "Unpickl" in message:
        return "You save the whole model, with its code. Save model.state_dict()."
    return mistake.hint

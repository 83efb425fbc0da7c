"""Checks of the lesson `lightning_qat`, "Quantization with Lightning": names of modules, and a file that is really loaded again."""

from __future__ import annotations

import copy
import functools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import legacy_int8
from course_utils.exercises.calls import run
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, tensors
from course_utils.exercises.investigation import World, investigate, numbered
from course_utils.exercises.search import examine
from course_utils.exercises.values import same, show

# The model on the card: what can be fused, why the rest cannot, and what its modules are called.
GROUPS = {
    ("stem.0", "stem.1", "stem.2"): "The modules inside of the Sequential fuse as well.",
    ("conv", "bn"): "A convolution and its batch norm fuse as well, also without a ReLU.",
    ("neck", "neck_act"): "A linear layer and its ReLU fuse as well.",
}
ALONE = {
    "plus": "plus is the sum itself. A group is one layer and the batch norm and ReLU that follow it.",
    "act": "What act takes is the sum of two branches. Fused with conv and bn, it would act before the sum.",
    "side": "side has no partner: before it is a mean, and behind it torch.relu, a function without a name.",
    "head": "head has no partner: nothing follows it, and a ReLU stands at the end of a group, never before a layer.",
}
NAMES = {name for group in GROUPS for name in group} | set(ALONE)


@check(
    "Exercise 2, The fuse list of a model",
    why="A convolution, its batch norm and its ReLU become one operator only where nothing else reads what lies between them. So a group ends where the values are read a second time, and every name is that of the module itself.",
)
def fuse_list(answer: Callable) -> None:
    """``fuse_list() -> list of groups``; the order of the groups does not matter."""

    def judge() -> None:
        got = run(answer, ())
        shown = (("returned", show(got)),)
        groups = _groups(got, shown)
        for group in groups:
            hint = next(filter(None, map(_unknown, group)), "") or _fault(group)
            if hint:
                raise Mistake("A group cannot stay as it is.", hint, (*shown, ("the group", show(group))))
        for group, hint in GROUPS.items():
            if groups.count(group) > 1:
                raise Mistake("A group is there twice.", "After the first time there is nothing left to fuse.", shown)
            if group not in groups:
                raise Mistake("A group is missing.", hint, shown)

    examine(judge, edges=[()])


def _groups(got: object, shown: tuple) -> list[tuple]:
    """The groups, as the callback takes them: lists or tuples of two or more."""
    try:
        listed = isinstance(got, list | tuple | set | frozenset) and len(got) > 0  # their order is free, by the card
        flat = listed and any(isinstance(group, str) for group in got)
        nested = listed and all(isinstance(group, list | tuple) for group in got)
        groups = [tuple(group) for group in got] if nested else []
        nested = nested and all(isinstance(name, str) for group in groups for name in group)
    except Exception:
        flat = nested = False
    if flat:
        raise Mistake("Your function returned one list of names.", "Each group is a list or tuple of its own.", shown)
    if not nested:
        hint = "Return a list of groups, each a list or tuple of names: [('a', 'b'), ('c', 'd')]. A set has no order."
        raise Mistake("Your function returned no list of groups.", hint, shown)
    return groups


def _unknown(name: str) -> str:
    """Why a name is none of the model's, or nothing."""
    if name in NAMES:
        return ""
    last = name.rpartition(".")[2]
    if last in ("Conv2d", "BatchNorm2d", "ReLU", "Linear", "FloatFunctional", "Sequential"):
        return f"{show(name)} is a class. The callback wants names of this model's modules, as attributes have them."
    if name.startswith(("self.", "model.")):
        return (
            f"Leave out the first part of {show(name)}: names are relative to the model, as in model.named_modules()."
        )
    if name == "stem":
        return "'stem' is the Sequential as a whole. A group has the names of the modules in it."
    if name in ("0", "1", "2"):
        return f"{show(name)} is a name inside of the Sequential. From the model it is 'stem.{name}'."
    if name in ("relu", "torch.relu", "F.relu"):
        return f"{show(name)} is a function called in forward, not a module. It has no name and cannot be fused."
    return f"The model has no module {show(name, 60)}. model.named_modules() shows all names."


def _fault(group: tuple[str, ...]) -> str:
    """What is wrong with a group of known names, or nothing."""
    if len(group) < 2:
        return "A group needs two names or more: there is nothing to fuse with."
    for name, hint in ALONE.items():
        if name in group:
            return hint
    whole = next((whole for whole in GROUPS if set(group) <= set(whole)), None)
    if whole is None:
        return (
            "These are of different groups. A group is one layer and the batch norm and ReLU that follow it directly."
        )
    if len(set(group)) < len(group):
        return "A name stands twice in it."
    if list(group) != sorted(group, key=whole.index):
        return "The order is wrong. Name the modules in the order in which they run: convolution, batch norm, ReLU."
    if group == (whole[0], whole[-1]) != whole:
        return "You leave out the batch norm between them. Convolution and ReLU alone are no neighbours here."
    if group[0] != whole[0]:
        return (
            "A group begins with its layer, here a convolution. Leave it out, and the batch norm is not folded into it."
        )
    return "" if group == whole else "This group could be longer: the ReLU behind it fuses, too."


class _Net(nn.Module):
    """Two inputs, two layers, two outputs; its own weights for each seed."""

    def __init__(self, seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layer_0, self.layer_0a, self.layer_end = nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer_end(self.layer_0a(self.layer_0(x)))


@functools.cache
def _int8(seed: int, compatible: bool) -> nn.Module:
    """A finished int8 model, to be copied: making one takes long."""
    from course_utils.callbacks import QuantizationAwareTraining  # loads Lightning, which takes seconds

    groups = [("layer_0", "layer_0a")]
    callback = QuantizationAwareTraining(legacy_int8.best(), modules_to_fuse=groups, input_compatible=compatible)
    return callback.rebuild(_Net(seed))


# What goes wrong on the way, what it does to the outputs of the loaded model, and the hint for who says True.
FAULTS = {
    "all goes well": (None, ""),
    "the outputs of the loaded model have the other sign": (
        lambda out, taken: -out,
        "Every output differs, and nothing in your function notices. Compare the outputs of the two models on x.",
    ),
    "the outputs of the loaded model are 1 too large": (
        lambda out, taken: out + 1,
        "You compare what stays when all outputs grow alike: which of them is the largest, or their differences. Compare "
        "the outputs themselves.",
    ),
    "the outputs of the loaded model are 1 too large where an input is not 0": (
        lambda out, taken: out + (taken.dequantize() != 0).any(1, keepdim=True),
        "You compare on an input of your own, on zeros perhaps. A fault need not show there: compare on the x that you are given.",
    ),
    "the last output of the loaded model is 1e-6 too large": (
        lambda out, taken: out + 1e-6 * (torch.arange(out.numel()).reshape(out.shape) == out.numel() - 1),
        "You compare roughly, or not all outputs. torch.equal compares all of them, exactly.",
    ),
    "the loaded model gives 1 too much where the first input is below 0.5": (
        lambda out, taken: out + (taken.dequantize()[:, :1] < 0.5),
        "You compare some of the rows. Compare the outputs on all of x.",
    ),
    "the loaded model gives its outputs in reverse order": (
        lambda out, taken: out.flip(1),
        "You compare something in which the order is lost, such as a sum. Compare output by output.",
    ),
    "the biases of layer_end get 1 larger while the file is written": (
        None,
        "The file is not what the model was, and nothing in your function notices.",
    ),
    "the scale of quant is doubled while the file is written": (
        None,
        "quant belongs to the model, too: let each model quantize x itself, m(m.quant(x)).",
    ),
}
WELL = "all goes well"
DAMAGES = {  # what is written in place of an entry of the state
    "the biases of layer_end get 1 larger while the file is written": (
        "layer_end._packed_params._packed_params",
        lambda value: (value[0], value[1] + 1),
    ),
    "the scale of quant is doubled while the file is written": ("quant.scale", lambda value: 2 * value),
}
FLOAT = "A float model has no places for int8 weights. Let rebuild(make()) make them, then load."
INPUT = "You call it with floats, but this model is not input compatible. m(m.quant(x)) works for both kinds."
WHOLE = "You save more than its state. Save model.state_dict()."
REASONS = {  # hint -> parts of what torch or the callback says
    FLOAT: ("size mismatch", " key", "has no attribute 'quant'"),
    INPUT: ("'quantized::", "QuantizedCPU"),
    WHOLE: ("Unpickl",),
    "rebuild wants a new float model, from make().": ("quantized already",),
    "A plain dict loses the versions that state_dict() keeps: save model.state_dict() as it is.": (
        "KeyError: 'layer_",
    ),
}


def _rebuild(compatible: bool, fault: str) -> Callable[[nn.Module], nn.Module]:
    """What gives a float model the parts that the callback's `rebuild` leaves, and what goes wrong with it here."""

    def rebuild(net: nn.Module) -> nn.Module:
        if hasattr(net, "quant"):
            raise ValueError(f"this {type(net).__name__} is quantized already: start from a float model")
        net.__dict__.update(copy.deepcopy(_int8(2, compatible)).__dict__)
        spoil = FAULTS[fault][0]
        if spoil:
            net.register_forward_hook(lambda module, inputs, out: spoil(out, inputs[0]))
        return net

    return rebuild


@check(
    "Exercise 3, Export and reload",
    why="A file is right when the network that is rebuilt from it gives the same results as the one that was saved. Comparing them on real inputs finds what comparing names or shapes would miss.",
    trust="it writes a file and gives a model",
)
@legacy_int8.quiet()
def export(answer: Callable) -> None:
    """``export(model, path, make, rebuild, x) -> (nn.Module, bool)``; on models and files that are good or spoilt."""
    x = torch.tensor([[1.0, 2.0], [-1.0, 0.5], [2.0, 3.0]])
    rows = st.integers(1, 3).flatmap(lambda n: tensors((n, 2), numbers(-2, 2, step=0.5)))
    examine(
        lambda *args: _export_once(answer, *args),
        edges=[(compatible, fault, x) for fault in FAULTS for compatible in (True, False)],
        inputs=st.tuples(st.sampled_from([True, False]), st.sampled_from(list(FAULTS)), rows),
        count=30,
    )


def _export_once(answer: Callable, compatible: bool, fault: str, x: Tensor) -> None:
    model, seen = copy.deepcopy(_int8(1, compatible)), {}
    old = model(model.quant(x))

    def call(compatible: bool, fault: str, x: Tensor) -> object:
        with _watched(fault, seen) as path:
            got = answer(model, path, lambda: _Net(2), _rebuild(compatible, fault), x)
            seen["file"] = _kind_of(path)
        return got

    try:
        got = run(call, (compatible, fault, x), ("input_compatible", "on_the_way", "x"))
    except Mistake as mistake:
        text = mistake.message.replace("\x1b[1m", "").replace("\x1b[0m", "")
        hint = next((hint for hint, parts in REASONS.items() if any(part in text for part in parts)), mistake.hint)
        hint = hint.replace("on that input ", "with a model of section 2 ")  # nobody has this check's own model
        raise Mistake(text, hint, _made_up(compatible, fault, x)) from None
    facts = [*_made_up(compatible, fault, x), ("returned", show(got))]

    def refuse(message: str, hint: str) -> None:
        raise Mistake(message, hint, tuple(facts))

    loaded, equal = _pair(got, refuse)
    facts[-1] = ("returned", f"a model and {equal}")
    if loaded is model:
        refuse("Your function returned the model that it was given.", "Only a new one shows that the file works.")
    if seen["file"] == "missing":
        refuse("The file was not written.", "Save model.state_dict() to path.")
    if seen["file"] == "code":
        refuse("The file holds more than tensors and numbers.", WHOLE)
    if seen["trusted"]:
        hint = "That runs whatever code the file holds. A state_dict loads with weights_only=True."
        refuse("Your function loads with weights_only=False.", hint)
    if _tried(lambda: hasattr(loaded, "quant")) is not True:
        refuse("Your function returned a model without int8 parts.", FLOAT)
    if _tried(lambda: torch.equal(model(model.quant(x)), old)) is not True:
        refuse("Your function changed the model that it was given.", "Save it and compare with it, nothing else.")
    out = _tried(lambda: loaded(loaded.quant(x)))
    facts += [("outputs of the model", show(old)), ("of the loaded model", show(out))]
    really = _tried(lambda: torch.equal(out, old)) is True
    if seen["damaged"] and _tried(lambda: same(model.state_dict(), loaded.state_dict())) is True:
        hint = "The state has to pass through the file: save it to path, and load it from there."
        refuse("The file was changed when it was written, and the loaded model has the old values.", hint)
    if fault == WELL and not really:
        hint = "rebuild makes the places, load_state_dict brings the values: do both, in this order."
        refuse("The returned model has other outputs.", hint)
    if equal and not really:
        refuse("Your function returned True, and the outputs are not equal.", FAULTS[fault][1])
    if really and not equal:
        hint = "Compare the outputs of both models on x when the file is loaded, each called with m(m.quant(x))."
        refuse("Your function returned False, and the outputs are equal.", hint)


def _made_up(compatible: bool, fault: str, x: Tensor) -> tuple[tuple[str, str], ...]:
    """What the check made up for this call; only x is an argument that can be shown."""
    return (("input compatible", str(compatible)), ("on the way", fault), ("x", show(x)))


@contextmanager
def _watched(fault: str, seen: dict[str, object]) -> Iterator[Path]:
    """A path to save to; notes in `seen` how torch.save and torch.load are used."""
    load, save = torch.load, torch.save
    seen |= {"trusted": False, "damaged": False, "file": ""}

    def noted_load(*args, **options):
        seen["trusted"] |= options.get("weights_only") is False
        return load(*args, **options)

    def damaging_save(state, *args, **options):
        if fault in DAMAGES and isinstance(state, dict):
            seen["damaged"], state = True, _damaged(state, *DAMAGES[fault])
        return save(state, *args, **options)

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(torch, "load", noted_load),
        mock.patch.object(torch, "save", damaging_save),
    ):
        yield Path(folder) / "model.pt"


def _damaged(state: dict, entry: str, change: Callable) -> dict:
    state = copy.copy(state)  # a plain dict would lose the versions that load_state_dict asks for
    for name, value in state.items():
        if isinstance(value, dict):
            state[name] = _damaged(value, entry, change)
        elif name == entry:
            state[name] = change(value)
    return state


def _kind_of(path: Path) -> str:
    if not path.exists():
        return "missing"
    try:
        torch.load(path, weights_only=True)
    except Exception:  # what torch raises here has changed before
        return "code"
    return "plain"


def _pair(got: object, refuse: Callable) -> tuple[nn.Module, bool]:
    """The model and the truth that an answer returned."""
    try:
        fits = isinstance(got, tuple | list) and len(got) == 2
        fits, swapped = fits and isinstance(got[0], nn.Module), fits and isinstance(got[1], nn.Module)
    except Exception:
        fits = swapped = False
    if not fits:
        hint = "The model comes first." if swapped else "Return two things: the loaded model, and True or False."
        refuse("Your function returned no model with True or False.", hint)
    equal = next((truth for truth in (True, False) if same(truth, got[1])), None)
    if equal is None:
        refuse("The second thing is neither True nor False.", "Return one True or False for all outputs together.")
    return got[0], equal


def _tried(look: Callable[[], object]) -> object:
    try:
        return look()
    except Exception as error:  # whatever an unknown model raises
        return f"raised {show(error, 120)}"


def _first_seed_broken() -> Callable[..., float]:
    """A made-up callback that moves nothing; where it also tests, the fit with the first seed reads a broken row."""
    usual = _callback()

    def measure(arm: str, number: int, factor: float, seed: int) -> float:
        return usual(arm, number, factor, seed) * (9 if arm == "fit, then tested" and seed == 0 else 1)

    return numbered(measure)


def _callback(*, validation=0.0, test=0.0, noise=0.002, broken=False):
    """A made-up callback: where the range ends, by what was run, on which data, with which seed.

    Args:
        validation: which part of the way to the new data the range goes while it validates.
        test: the same while it tests.
        noise: by how much two runs of the same thing may differ.
        broken: whether one run in seven reads a broken row while it trains.
    """

    def measure(arm: str, number: int, factor: float, seed: int) -> float:
        end = 0.5 + 0.01 * ((5 * int(seed)) % 7 - 3) / 3  # every seed has its own first weights and order
        end *= 1 + noise * ((3 * number) % 11 - 5) / 5
        end *= 1 + {"fit": 0.0, "fit, validated": validation, "fit, then tested": test}[arm] * (factor - 1)
        return end * (9 if broken and number % 7 == 6 else 1)

    return measure


CALLBACKS = (
    World(
        "neither moves anything; two runs of the same thing differ by up to four thousandths all the same.",
        "neither",
        _callback(),
        "Two runs of the same thing differ as well, by less than a hundredth here. With a large factor a stage that looks moves the "
        "range by far more than that.",
    ),
    World(
        "testing moves the range: it goes half of the way to what the test data reach.",
        "test",
        _callback(test=0.51),
        "Ordinary data look like those of the training, so the range stays where it is, whoever looks. Choose factor so that "
        "it shows.",
    ),
    World(
        "validating moves the range, and testing does not.",
        "validation",
        _callback(validation=0.76),
        "Validation moves the range here. Compare all three runs: the fit alone, the fit with validation, the fit and a test.",
    ),
    World(
        "validating and testing both move the range.",
        "both",
        _callback(validation=0.3, test=0.51),
        'Both may move it. Ask both questions before you return, and then "both".',
    ),
    World(
        "neither moves anything; one run in seven reads a broken row while it trains, and its range ends nine times as far up.",
        "neither",
        _callback(broken=True),
        "One run in seven is broken here, whatever was run. One such run moves a mean as far as it likes: take a median over the "
        "seeds.",
    ),
    World(
        "testing moves the range, by an observer that goes only one hundredth of the way.",
        "test",
        _callback(test=0.01),
        "A slow observer moves by a hundredth of the distance. Make the distance large: take data that are 100 times too large, or "
        "more.",
    ),
    World(
        "neither moves anything; with the first seed alone the fit that is tested reads a broken row.",
        "neither",
        _first_seed_broken(),
        "With the first seed one run is broken here, and with all others nothing moves. Conclude from all your seeds, and not from one.",
    ),
)


@check(
    "Exercise 1, Who moves the ranges?",
    why="The fit alone is the control, data far too large make a broken promise show, and several seeds say how much two runs differ "
    "anyway. Without the first two the experiment could only say that nothing moves.",
)
def who_moves(answer: Callable) -> None:
    """``who_moves(range_end) -> "validation", "test", "both" or "neither"``, for made-up callbacks."""
    investigate(
        answer,
        CALLBACKS,
        arms=("fit", "fit, validated", "fit, then tested"),
        settings={"factor": 1, "seed": 0},
        least={"seed": 3},
        conclusions=("validation", "test", "both", "neither"),
        name="range_end",
    )

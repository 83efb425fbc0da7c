"""Checks of the lesson `depthwise`: an experiment, and a block that is prepared, calibrated, converted and looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils import legacy_int8
from course_utils.exercises.calls import attempt, run
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, tensors
from course_utils.exercises.investigation import Run, World, investigate, numbered, told
from course_utils.exercises.search import examine
from course_utils.exercises.values import same, show
from course_utils.legacy_int8 import tq

NETWORKS = ("ordinary", "depthwise")
VERDICTS = ("architecture", "training", "either", "together", "nothing")


def _laboratory(
    right: str,
    said: str,
    hint: str | Callable[[Sequence[Run], str], str],
    ordinary: tuple[float, float],
    depthwise: tuple[float, float],
    unlucky: float = 0.0,
    where: tuple[str, int] = ("depthwise", 1),
) -> World:
    """A laboratory: the points lost without and with decay, and how much more one training in five loses.

    Args:
        right, said, hint: of the world.
        ordinary, depthwise: points lost without and with decay, in the trainings without bad luck.
        unlucky: what one in five trainings of a cell loses in addition: the third, the eighth and so on, in the order in
            which seeds are asked for.
        where: that cell.
    """
    usual = {"ordinary": ordinary, "depthwise": depthwise}

    def lost(network: str, number: int, *, decay: float, seed: float) -> float:
        if decay not in (0, 1):
            raise ValueError(f"decay is 0 or 1, got {decay:g}.")
        bad = unlucky if (network, decay) == where and seed % 5 == 2 else 0.0
        own = ((seed * 3 + 2 * decay + NETWORKS.index(network)) % 5 - 2) * 0.03
        return round(usual[network][int(decay)] + bad + own, 2)

    return World(said, right, numbered(lost), hint)


LABORATORIES = (
    _laboratory(
        "together",
        "ordinary networks lose 0.2 points, and 0.4 with decay; depthwise ones lose 0.3 without decay and 14 with it",
        "Here depthwise networks lose 14 points with decay, and neither change does anything by itself. Compare each of the two "
        "middle cells with the ordinary networks without decay. An average over two cells mixes a large number with a small one, "
        "and taking one thing away from the pair that loses asks another question.",
        (0.2, 0.4),
        (0.3, 14.0),
    ),
    _laboratory(
        "architecture",
        "depthwise networks lose 11 points without decay and 12.5 with it; ordinary ones 0.3 and 0.5",
        "The depthwise networks lose 11 points here without any decay. That they lose them with decay as well does not make it the "
        "decay's doing.",
        (0.3, 0.5),
        (11.0, 12.5),
    ),
    _laboratory(
        "training",
        "ordinary networks lose 2.4 points, and 11.4 with decay; depthwise ones 2.6 without it and 11.9 with it",
        "The ordinary networks lose 9 points more here as soon as they are trained with decay, and the depthwise ones without it 0.2. "
        "The two networks of the lesson alone cannot show that.",
        (2.4, 11.4),
        (2.6, 11.9),
    ),
    _laboratory(
        "either",
        "ordinary networks with decay lose 8 points, depthwise ones without it 9, and both together 9.4",
        "Each of the two changes costs 8 points or more here, by itself. Look at both middle cells before you decide.",
        (0.3, 8.0),
        (9.0, 9.4),
    ),
    _laboratory(
        "nothing",
        "the largest difference is 2.8 points",
        "The largest mean is 2.8 points above that of the ordinary networks without decay here. The card says that more than 3 "
        "count.",
        (0.1, 0.2),
        (0.15, 2.9),
    ),
    _laboratory(
        "together",
        "depthwise networks with decay lose half a point in four trainings of five, and 32 in the fifth: 6.9 on average",
        "One training in five loses 32 points here, and the others half a point. The card asks for the mean over all the seeds: a "
        "median, the smallest loss, a single training, a mean without the largest loss, and a count of the trainings that lose "
        "much all miss it. The card asks for no other test either.",
        (0.2, 0.3),
        (0.4, 0.5),
        unlucky=31.5,
    ),
    _laboratory(
        "nothing",
        "depthwise networks with decay lose 0.4 points in four trainings of five, and 8.4 in the third: 2 on average",
        "One training in five, the third, loses 8 points here, and the others next to nothing, so the mean is about 2. The card asks "
        "for the mean: neither a single training nor the largest loss is one, nor the middle between the smallest and the largest.",
        (0.2, 0.3),
        (0.3, 0.4),
        unlucky=8.0,
    ),
    _laboratory(
        "nothing",
        "all four lose 6 to 7 points, and decay or architecture change that by less than one and a half",
        "All networks lose 6 points or more here, the ordinary ones without decay as well. What counts is how much *more* than "
        "these the others lose.",
        (6.0, 6.3),
        (6.2, 7.2),
    ),
    _laboratory(
        "architecture",
        "ordinary networks lose 7 points without decay and only 1 with it; depthwise ones lose 12.5 and 13",
        "With decay the ordinary networks lose 6 points *less* here. That is no loss: keep the sign of a difference.",
        (7.0, 1.0),
        (12.5, 13.0),
    ),
    _laboratory(
        "training",
        "ordinary networks lose 0.3 points, and 3.6 with decay; depthwise ones 0.7, and 3.7 with decay",
        "Decay costs the ordinary networks 3.3 points here, and the depthwise networks with decay are 3.4 above the same ordinary ones "
        "without it. The card says that more than 3 count.",
        (0.3, 3.6),
        (0.7, 3.7),
    ),
    _laboratory(
        "either",
        "ordinary networks with decay lose 12 points, depthwise ones without it 4.2, and both together 12.6",
        "One of the two changes costs more than the other here, and both cost more than 3 points by themselves. The card does not "
        "ask for the larger one.",
        (0.4, 12.0),
        (4.2, 12.6),
    ),
    _laboratory(
        "together",
        "each change alone costs less than 3 points, 2.8 and 2.7, and both together 5.6",
        "The two middle cells are 2.8 and 2.7 points above the ordinary networks without decay here, and both together 5.6. The card "
        "says that more than 3 count, in the middle cells as in the last one. It does not ask whether both together cost more than "
        "the sum of the two.",
        (0.3, 3.1),
        (3.0, 5.9),
    ),
    _laboratory(
        "nothing",
        "each change alone costs 5 points, and both together 0.7",
        "Each change alone costs 5 points here, and both together less than one. The card looks at both together first: if that "
        "does not count, the verdict is 'nothing', whatever the two with one change say.",
        (0.3, 5.3),
        (5.3, 1.0),
    ),
    _laboratory(
        "together",
        "ordinary networks lose 4 points, depthwise ones without decay 5, and with it 12",
        "The depthwise networks without decay lose 5 points here, which is 1 more than the ordinary ones. It is the difference that counts, in each cell.",
        (4.0, 4.2),
        (5.0, 12.0),
    ),
    _laboratory(
        "together",
        "ordinary networks lose 7 points without decay and 1 with it, depthwise ones 8 and 13",
        "The cell with the smallest loss is not the ordinary one without decay here. Subtract the latter all the same: the card names it.",
        (7.0, 1.0),
        (8.0, 13.0),
    ),
    _laboratory(
        "together",
        "depthwise networks without decay lose 6 points less than ordinary ones, and with decay 6 more",
        "Without decay the depthwise networks lose 6 points *less* here, which is no loss by the architecture. Keep the sign of each difference.",
        (7.0, 7.5),
        (1.0, 13.0),
    ),
    _laboratory(
        "nothing",
        "depthwise networks with decay lose 7 points less than the other three",
        "Both changes together lose 7 points *less* here. By the card that does not count.",
        (8.0, 8.2),
        (8.1, 1.0),
    ),
    _laboratory(
        "architecture",
        "depthwise networks lose 5 points without decay, and 12 with it",
        "With decay the depthwise networks lose 7 points more than without. Yet the architecture counts by itself, and 'together' means that no change does.",
        (0.3, 0.5),
        (5.0, 12.0),
    ),
    _laboratory(
        "architecture",
        "the ordinary networks gain 3 points by int8, and depthwise ones lose 1, or 8 with decay",
        "A negative number is a gain: the ordinary networks gain 3 points here, and from there to a loss of 1 it is 4. Do not cut numbers off at 0.",
        (-3.0, -2.8),
        (1.0, 8.0),
    ),
    _laboratory(
        "together",
        "one in five of the ordinary networks without decay loses 28 points; depthwise ones lose 3.5, and 12 with decay",
        "One in five of the ordinary networks without decay loses 28 points here. Their mean is the base, as the card says, and no other number.",
        (0.2, 0.3),
        (3.5, 12.0),
        unlucky=28.0,
        where=("ordinary", 0),
    ),
    _laboratory(
        "architecture",
        "one in five of the depthwise networks without decay loses 28 points",
        "One in five of the depthwise networks without decay loses 28 points here, and the mean of this cell counts.",
        (0.2, 0.3),
        (0.3, 12.0),
        unlucky=28.0,
        where=("depthwise", 0),
    ),
    _laboratory(
        "training",
        "one in five of the ordinary networks with decay loses 28 points",
        "One in five of the ordinary networks with decay loses 28 points here, and the mean of this cell counts as well.",
        (0.2, 0.3),
        (0.3, 12.0),
        unlucky=28.0,
        where=("ordinary", 1),
    ),
)


def _four_cells(runs: Sequence[Run]) -> None:
    """Raise a `Mistake` where decay was never, or always, on; both networks have the same, or the engine has said so."""
    for decay, said in ((0, "without decay"), (1, "with decay")):
        if not any(run.settings["decay"] == decay for run in runs):
            raise Mistake(
                f"Your experiment never trains {said}.",
                "A crossed experiment has four cells: each architecture with each training.",
                told(runs, NETWORKS),
            )


@check(
    "Exercise 1, Architecture or training?",
    why="Each of the two cells in the middle differs from the first in one thing, so what it loses more has one cause. Only the cell in which "
    "both have changed tells whether there is anything to explain, and it cannot say by itself what did it.",
)
def what_did_it(answer: Callable) -> None:
    """``what_did_it(lost) -> "architecture", "training", "either", "together" or "nothing"``, in made-up laboratories."""
    investigate(
        answer,
        LABORATORIES,
        arms=NETWORKS,
        settings={"decay": 0, "seed": 0},
        least={"seed": 5},
        conclusions=VERDICTS,
        look=_four_cells,
        name="lost",
    )


# Numbers from 0 to 127, with one scale for a tensor: what every engine can run.
QCONFIG = tq.QConfig(
    activation=tq.MinMaxObserver.with_args(quant_min=0, quant_max=127), weight=tq.default_weight_observer
)


class _Kernels(TorchDispatchMode):
    """Notes the names of the operators that run."""

    def __init__(self):
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def _convolution(weight: torch.Tensor, bias: bool) -> nn.Conv2d:
    channels, _, kernel, _ = weight.shape
    conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=bias).requires_grad_(False)
    state = {"weight": weight, "bias": torch.full((channels,), 0.5)} if bias else {"weight": weight}
    conv.load_state_dict(state)
    return conv


@st.composite
def _blocks(draw: Callable) -> tuple[nn.Conv2d, torch.Tensor]:
    """A convolution that keeps the shape, and an input for it."""
    channels, kernel = draw(st.integers(1, 2)), draw(st.sampled_from([1, 3]))
    weight = draw(tensors((channels, channels, kernel, kernel), numbers(-1, 1)))
    values = st.one_of(numbers(-2, 2), st.sampled_from([8.0, -8.0]))
    x = draw(tensors((draw(st.integers(1, 2)), channels, 2, 2), values))
    return _convolution(weight, draw(st.booleans())), x


def _why_int8_failed(said: str) -> str:
    """What an error of an int8 block says, in words that hold for every block that meets it."""
    if "c10::quint8" in said:
        return (
            "A convolution that is still float met int8 tensors. convert replaces the modules that it finds: attributes "
            "of the block, set in __init__, which have its qconfig."
        )
    if "quantize_per_tensor" in said:
        return (
            "An int8 tensor was quantized once more. A QuantStub takes float: it stands at the entrance. At the exit stands a "
            "DeQuantStub."
        )
    if "from the 'CPU' backend" in said:
        return "A float tensor met an int8 operation. From a QuantStub made in __init__ to the last of them all must be int8."
    if "from the 'QuantizedCPU' backend" not in said:
        return "Up to there it ran. Look at which modules convert replaces, and what they take and give."
    if "'aten::add" not in said:
        return "That call takes no int8 tensors. Convolution, sum and ReLU do as modules, made in __init__."
    return "A plain addition met int8 tensors: it has no int8 version. Add with a FloatFunctional made in __init__."


def _why_float_failed(said: str) -> str:
    """What an error of a block says that was not quantized yet."""
    if "quantized::" in said:
        return (
            "An int8 operation met float tensors. Write the float modules: convert puts the int8 ones in their place."
        )
    if "channels" in said and "expected input" in said:
        return "A convolution of your own has a fixed number of channels. Use the one that your function is given."
    return "Try that step yourself."


@check(
    "Exercise 2, A residual block that survives",
    why="prepare and convert see modules only. A sum that is a module gets an observer, so a scale of its own, and convert puts an "
    "int8 sum in its place; a plain + is Python, which nobody can replace.",
    trust="it gives a module, which is prepared, converted and run",
)
@legacy_int8.quiet()
@torch.no_grad()
def residual_block(answer: Callable) -> None:
    """``residual_block(conv) -> nn.Module``: relu(x + conv(x)), ready for prepare and convert."""

    def judge(conv: nn.Conv2d, x: torch.Tensor) -> None:
        weights = f"weight {show(conv.weight)}, bias {show(None if conv.bias is None else conv.bias)}"
        facts = (("your call", f"conv={show(conv)}"), ("with", weights), ("then called on", show(x)))
        block = run(answer, (conv,), ("conv",))
        if not attempt("Looking at what you returned", lambda: isinstance(block, nn.Module), facts):
            hint = "Return the block, an instance of a class that is made from nn.Module."
            raise Mistake("Your function returned no nn.Module.", hint, (facts[0], ("returned", show(block))))
        after = conv(x)
        _in_float(block, x, conv, facts)

        def prepared() -> nn.Module:
            block.eval().qconfig = QCONFIG
            return tq.prepare(block)

        def result() -> object:
            with kernels:
                return converted(x.clone())

        observed = attempt("tq.prepare on your block", prepared, facts)
        attempt("Calibrating, your block", lambda: observed(x.clone()), facts)
        converted, kernels = attempt("tq.convert on your block", lambda: tq.convert(observed), facts), _Kernels()
        got = attempt("After conversion your block", result, facts, _why_int8_failed)
        rounding = 0.015 * conv.weight[0].numel() * x.abs().max() * conv.weight.abs().max()
        rounding += 0.025 * max(value.abs().max() for value in (x, after, x + after))
        _in_int8(got, kernels.names, torch.relu(x + after), float(rounding), facts)

    first = torch.tensor([[[[-2.0, 1.0], [0.5, -1.0]], [[1.5, -0.25], [-1.0, 2.0]]]])
    weight = (torch.arange(36.0).reshape(2, 2, 3, 3) * 7 % 11 - 6) / 4
    given = _convolution(weight, True)
    examine(judge, edges=[(given, first), (given, 4 * first)], inputs=_blocks(), count=12)


def _in_float(block: nn.Module, x: torch.Tensor, conv: nn.Conv2d, facts: tuple) -> None:
    after, clamped, bias = conv(x), torch.relu(x), 0 if conv.bias is None else conv.bias.reshape(-1, 1, 1)
    got = attempt("In float, before any quantization, your block", lambda: block(x.clone()), facts, _why_float_failed)
    expected = torch.relu(x + after)
    if same(expected, got, atol=1e-5):
        return
    known = {
        "The ReLU is missing: it comes after the sum.": x + after,
        "The ReLU belongs after the sum, not before it.": x + torch.relu(after),
        "The ReLU belongs after the sum, and not on x before it.": clamped + after,
        "The shortcut is missing: the input itself is added.": torch.relu(after),
        "Nothing is added to conv(x), and the ReLU is missing.": after,
        "You add conv(x) to itself. The shortcut is x.": torch.relu(after + after),
        "Add x and conv(x); you multiply them.": torch.relu(x * after),
        "The shortcut starts at x, before the only convolution; you convolve twice.": torch.relu(after + conv(after)),
        "There is one convolution; you convolve twice.": torch.relu(x + conv(after)),
        "The values are clamped at 6: that is ReLU6, not ReLU.": torch.relu(x + after).clamp(max=6),
        "The ReLU comes once, after the sum: neither conv nor the sum gets relu(x).": torch.relu(
            clamped + conv(clamped)
        ),
    }
    known |= {
        "Both parts of your sum are x. One is conv(x).": torch.relu(x + x),
        "The ReLU comes once, after the sum: the shortcut is x itself, not relu(x).": torch.relu(clamped + after),
        "The ReLU comes once, after the sum: the convolution gets x itself, not relu(x).": torch.relu(
            x + conv(clamped)
        ),
        "The ReLU comes once, after the sum: not on conv(x) as well.": torch.relu(x + torch.relu(after)),
        "The ReLU comes once, after the sum: not before it on both parts.": torch.relu(clamped + torch.relu(after)),
        "Add x and conv(x); you subtract one from the other.": torch.relu(after - x),
        "Add conv(x) to x; you subtract it.": torch.relu(x - after),
        "You take the sum without its sign. A ReLU gives 0 where the sum is negative.": torch.abs(x + after),
        "You halve the sum. Asked is relu(x + conv(x)) itself.": torch.relu(x + after) / 2,
        "Your convolution has lost its bias. Use the one that you are given, as it is.": torch.relu(x + after - bias),
        "Only x comes through: conv(x) is missing.": clamped,
        "There is no convolution in it, and the ReLU is missing.": x,
    }
    hint = next((h for h, value in known.items() if same(value, got, atol=1e-5)), "Asked is relu(x + conv(x)).")
    if _is_leaky(x + after, got):
        hint = "Below 0 your result is a share of the sum: that is a leaky ReLU. A ReLU gives 0 there."
    if isinstance(got, torch.Tensor) and got.shape != expected.shape:
        hint = f"Your result has the shape {tuple(got.shape)}, x has {tuple(x.shape)}. A sum keeps it: add, do not put side by side."
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in block.modules()):
        hint = "There is a batch norm in your block. Asked is relu(x + conv(x)) and nothing else."
    if any(isinstance(module, torch.ao.nn.quantized.Quantize) for module in block.modules()):
        hint = "Your block is converted already. Return it in float: the check prepares, calibrates and converts it."
    owned = [module.weight for module in block.modules() if isinstance(module, nn.Conv2d)]
    if owned and not any(same(conv.weight, weight) for weight in owned):
        hint = "Your block has a convolution with other weights. Use the one that you are given."
    shown = (*facts, ("gives", show(got)), ("expected", show(expected)))
    raise Mistake("In float, before any quantization, your block computes something else.", hint, shown)


def _is_leaky(total: torch.Tensor, got: object) -> bool:
    """Whether `got` is the sum where that is positive, and one share of it, neither 0 nor all, where it is not."""
    if not isinstance(got, torch.Tensor) or got.shape != total.shape or not (total < 0).any():
        return False
    shares = got[total < 0] / total[total < 0]
    return 0.001 < float(shares[0]) < 0.9 and same(torch.where(total < 0, shares[0] * total, total), got, atol=1e-5)


def _in_int8(got: object, kernels: list[str], expected: torch.Tensor, rounding: float, facts: tuple) -> None:
    shown = (*facts, ("gives", show(got)), ("in float", show(expected)))
    if isinstance(got, torch.Tensor) and got.is_quantized:
        hint = "The last step is missing: a DeQuantStub gives float back."
        raise Mistake("After conversion your block returns a quantized tensor.", hint, shown)
    for name, what in (("quantized.conv", "convolution"), ("quantized.add", "sum")):
        if not any(kernel.startswith(name) for kernel in kernels):
            hint = f"The {what} belongs between the QuantStub and the DeQuantStub. " + (
                "Add with a FloatFunctional: convert turns it into an int8 sum." if what == "sum" else ""
            )
            if not any("quantize_per_tensor" in kernel for kernel in kernels):
                hint = "convert replaced nothing that ran. It finds attributes of the block, set in __init__ (an nn.ModuleList "
                hint += "too): not what a plain list holds, nor what forward makes or takes from outside."
            raise Mistake(f"After conversion no {what} is computed in int8.", hint.strip(), shown)
    if not same(expected, got, atol=rounding):
        raise Mistake(
            "After conversion the result is farther from float than rounding explains.",
            "A range does not fit. Calibration must pass through every FloatFunctional, and each operation needs one of "
            "its own: it has one range only.",
            shown,
        )

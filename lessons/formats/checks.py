"""Checks of the lesson `formats`, what floats of 16 bits can hold and where autocast uses them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median

from hypothesis import strategies as st

from course_utils.exercises.calls import run
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.investigation import (
    Run,
    World,
    by_arm,
    comes_out,
    investigate,
    means_said,
    not_by_the_mean,
    numbered,
    one_alone,
    one_in_three,
)
from course_utils.exercises.search import compare
from course_utils.exercises.values import show

LINES = (
    "a = linear1(x); b = layer_norm(a); c = b + x; d = relu(c); e = linear2(d); f = softmax(e); g = e.sum(); "
    "loss = cross_entropy(e, y)"
).split("; ")
KEYS = [line.partition(" ")[0] for line in LINES]
DEVICES = {"cpu": "the CPU", "cuda": "CUDA"}
WANTED = ("expected", 'a dict from "a" … "g" and "loss" to names of types')
NAMES = ("float32", "float16", "bfloat16")
RIGHT_TYPES = CPU, CUDA = "hhffhhhf", "hfffhfff"  # for each line: h is the 16-bit type of the device, f is float32


def _table(cpu: str, cuda: str, cpu_half: str = "bfloat16", cuda_half: str = "float16") -> Callable:
    """A function that gives the type of a line on a device, from the letters of each device."""
    halves, letters = {"cpu": cpu_half, "cuda": cuda_half}, {"cpu": cpu, "cuda": cuda}
    return lambda device, line: halves[device] if letters[device][LINES.index(line)] == "h" else "float32"


def _rules() -> dict[str, tuple[str, str]]:
    """Line -> what autocast does with it on the CPU, and on CUDA."""
    linear, fp32 = "linear is on the list for 16 bits", "is on the list for fp32"
    keeps, wider = "is on neither list: it keeps its input's type", "+ is on neither list: the wider input decides"
    return {
        "a": (linear, linear),
        "b": (f"layer_norm {keeps}", f"layer_norm {fp32}"),
        "c": (wider, wider),
        "d": (f"relu {keeps}", f"relu {keeps}"),
        "e": (f"{linear}, whatever it is given", f"{linear}, whatever it is given"),
        "f": (f"softmax {keeps}", f"softmax {fp32}"),
        "g": ("sum adds up in fp32 inside, but its result has the type of its input", f"sum {fp32}"),
        "loss": (f"cross_entropy {fp32}", f"cross_entropy {fp32}"),
    }


def _one_line_wrong() -> dict[str, Callable[[str, str], str]]:
    """Hint -> types that are right but for one line on one device."""
    wrong = {}
    for at, (key, rule) in enumerate(_rules().items()):
        for number, (name, why) in enumerate(zip(DEVICES.values(), rule, strict=True)):
            letters = list(RIGHT_TYPES)
            letters[number] = letters[number][:at] + "hf"[letters[number][at] == "h"] + letters[number][at + 1 :]
            wrong[f"Only the line {key} on {name} has another type than it should: there {why}."] = _table(*letters)
    return wrong


@check(
    "Exercise 3, Eight types",
    why="Autocast decides for each operation by its list. What is on no list takes the type of its inputs, the wider one where "
    "they differ: so one result in fp32 stays so until a linear layer casts it again.",
)
def autocast_types(answer: Callable) -> None:
    """``autocast_types(device_type) -> dict`` of "a" to "g" and "loss" to the name of a type."""

    def type_of(device_type, line):  # line by line, so that a mistake in one does not show all the others
        try:
            types = run(answer, (device_type,), ("device_type",))
        except Mistake as mistake:
            raise Mistake(mistake.message, mistake.hint, (*mistake.facts, WANTED)) from mistake
        return _types(types, device_type)[KEYS[LINES.index(line)]]

    right, rules = _table(*RIGHT_TYPES), _rules()

    def of_line(dtype, device_type, line):  # a wrong type is told the rule of its line, whatever else is wrong
        expected, key = right(device_type, line), KEYS[LINES.index(line)]
        if dtype != expected:
            rule = rules[key][list(DEVICES).index(device_type)]
            if "float32" not in (dtype, expected):
                rule = f"the 16-bit type is {expected} by default"
            place = f"on {DEVICES[device_type]}"
            raise Mistake(f"Your dict has {dtype} for {key} {place}.", f"{key} {place}: {rule}.")
        return dtype

    on_both = {
        "You ignore device_type: your types are CUDA's on both devices. The CPU has lists of its own, and bfloat16.": (
            *(CUDA, CUDA, "float16", "float16"),
        ),
        "You ignore device_type: your types are the CPU's on both devices. CUDA has lists of its own, and float16.": (
            *(CPU, CPU, "bfloat16", "bfloat16"),
        ),
        "You ignore device_type: you use the CPU's list on CUDA, too, with float16 on both.": (
            *(CPU, CPU, "float16", "float16"),
        ),
        "You ignore device_type: you use CUDA's list on the CPU, too, with bfloat16 on both.": (
            *(CUDA, CUDA, "bfloat16", "bfloat16"),
        ),
        "You exchanged the devices, with their 16-bit types: the one with float16 is CUDA.": (
            *(CUDA, CPU, "float16", "bfloat16"),
        ),
        "You exchanged the lists: linear layers run in 16 bits, what sums up or is a loss in fp32.": (
            "fhhhfhhh",
            "fhhhfhhh",
        ),
        "Your b + x has 16 bits on both devices, and so has your relu. x is fp32: the wider type wins, and relu keeps it.": (
            *("hhhhhhhf", "hfhhhfff"),
        ),
        "Your b + x has 16 bits on both devices. x is fp32: the wider type wins.": ("hhhfhhhf", "hfhfhfff"),
        "On CUDA your b + x has 16 bits, and so has your relu. x is fp32: the wider type wins, and relu keeps it.": (
            *(CPU, "hfhhhfff"),
        ),
        "All of your types have 16 bits, but for the loss. x is fp32, so b + x takes that; and CUDA has more on fp32's list.": (
            *("hhhhhhhf", "hhhhhhhf"),
        ),
        "On the CPU none of your types has 16 bits. Autocast works there, too: linear layers cast to bfloat16.": (
            *("f" * 8, CUDA),
        ),
        "On CUDA none of your types has 16 bits. Linear layers are on that list: they cast to float16.": (CPU, "f" * 8),
        "Your softmax and sum are in fp32 on the CPU. They are on no list there: they keep their input's type.": (
            *("hhffhfff", CUDA),
        ),
        "Your softmax and sum have 16 bits on CUDA. There both are on fp32's list.": (CPU, "hfffhhhf"),
        "Only your first linear layer has 16 bits. linear2 casts its fp32 input to 16 bits, too.": (
            "hfffffff",
            "hfffffff",
        ),
        "You use the CPU's list on CUDA. There layer_norm, softmax and sum are on fp32's.": (CPU, CPU),
        "You use CUDA's list on the CPU. There layer_norm, softmax and sum keep their input's type.": (CUDA, CUDA),
        "You exchanged the devices: the one that runs layer_norm, softmax and sum in fp32 is CUDA.": (CUDA, CPU),
        "All of your types have 16 bits. Losses are on fp32's list; b + x takes the wider type.": ("h" * 8, "h" * 8),
        "None of your types has 16 bits. Linear layers are on that list on both devices.": ("f" * 8, "f" * 8),
        "On the CPU your b + x has 16 bits. The wider type wins, and relu keeps it.": ("hhhhhhhf", CUDA),
        "Your relu turns fp32 into 16 bits. It is on no list, and keeps the type it gets.": ("hhfhhhhf", "hffhhfff"),
        "Your linear2 keeps its input's fp32. A linear layer casts it to 16 bits.": ("hhffffff", "hfffffff"),
        "Your loss has 16 bits. cross_entropy is on fp32's list on both devices.": ("hhffhhhh", "hfffhffh"),
        "Your 16-bit type on the CPU is float16. The default there is bfloat16.": (*RIGHT_TYPES, "float16"),
        "Your 16-bit type on CUDA is bfloat16. The default there is float16.": (*RIGHT_TYPES, "bfloat16", "bfloat16"),
        "Your 16-bit types are exchanged: float16 is CUDA's default.": (*RIGHT_TYPES, "float16", "bfloat16"),
    }
    compare(
        type_of,
        right=right,
        view=of_line,
        wrong={**{hint: _table(*types) for hint, types in on_both.items()}, **_one_line_wrong()},
        names=("device_type", "line"),
        edges=[],
        inputs=st.tuples(st.sampled_from(list(DEVICES)), st.sampled_from(LINES)),
    )


def _types(returned: object, device_type: str) -> dict[str, str]:
    """The types that an answer gives; ``torch.float16`` is as good as ``"float16"``."""
    facts = (("your call", f"device_type={device_type!r}"), ("returned", show(returned)), WANTED)
    try:
        assert isinstance(returned, Mapping)
        types = {str(name): str(dtype).removeprefix("torch.") for name, dtype in returned.items()}
    except Exception:
        raise Mistake("Your function did not return a dict of names.", "Return {'a': …, 'b': …}.", facts) from None
    lack, more = [key for key in KEYS if key not in types], [key for key in types if key not in KEYS]
    if lack:
        raise Mistake(f"Your dict has no entry for {', '.join(lack)}.", "Every line of the card needs a type.", facts)
    if more:
        raise Mistake(f"Your dict has {show(more, 100)}, which no line gives.", "One entry for each line.", facts)
    unknown = next((name for name in types.values() if name not in NAMES), None)
    if unknown is not None:
        names = "Name each type in full: float32, float16 or bfloat16."
        raise Mistake(f"Your dict has {show(unknown, 100)} for a type.", names, facts)
    return types


@check(
    "Exercise 1, Choose a loss scale",
    why="A scale of a power of two moves every bin without rounding a digit. With 14 less the highest used exponent the top "
    "bin ends at 2^15: one power more could pass 65,504, and one less would lose small gradients.",
)
def loss_scale(answer: Callable) -> None:
    """``loss_scale(histogram) -> float``; histogram is a dict from exponent to count."""

    def power(exponent_of=lambda bins: 14 - max(bins), *, least=1, of=lambda exponent: 2.0**exponent, empty=1.0):
        def scale(histogram):
            bins = {e: n for e, n in histogram.items() if n >= least}
            return of(exponent_of(bins)) if bins else empty

        return scale

    def used(histogram):
        return [e for e, n in histogram.items() if n]

    def place(bins, at):
        return sorted(bins)[at if -len(bins) <= at else -1]

    exponents = {
        "Your scale takes the range of bfloat16 or float32, which ends at 2^128. fp16 ends at 65,504.": (
            lambda b: 127 - max(b),
            lambda b: 126 - max(b),
            lambda b: 128 - max(b),
        ),
        "You add the exponent. The larger the gradients are, the smaller the scale must be: subtract it.": (
            lambda b: 14 + max(b),
            lambda b: 15 + max(b),
        ),
        "You take the counts for exponents. The keys of the dict are the exponents.": (
            lambda b: 14 - max(b.values()),
            lambda b: 15 - max(b.values()),
            lambda b: 14 - sum(b.values()),
            lambda b: 14 - len(b),
        ),
        "How many gradients a bin holds counts with you. One that overflows is enough: the exponent alone decides.": (
            lambda b: 14 - max(b) + math.log2(b[max(b)]),
            lambda b: 14 - max(b) - math.log2(b[max(b)]),
            lambda b: 14 - max(b) - math.ceil(math.log2(sum(b.values()))),
            lambda b: 14 - max(b) - math.log2(sum(b.values())),
        ),
        "You add up exponents. Each bin has a magnitude of its own: the highest one decides.": (
            lambda b: 14 - sum(b),
            lambda b: 14 - max(b) - min(b),
        ),
        "Your scale is the upper or lower edge of the top bin. That edge times the scale must stay below 65,504.": (
            lambda b: max(b) + 1,
            lambda b: max(b),
        ),
        "Your scale takes 2^(e + 24) or 2^(e + 14) for the lowest bin. The larger a gradient is, the smaller the scale must be.": (
            lambda b: 24 + min(b),
            lambda b: 14 + min(b),
        ),
        "Where the top bin lies at 1 or above, your scale is 1. It must be what keeps that bin below 65,504.": (
            lambda b: 14 - max(b) if max(b) < 0 else 0
        ),
        "Your scale goes by the bin with the largest |e|. A bin of e = -20 is far below one of e = 8.": (
            lambda b: 14 - max(b, key=abs)
        ),
        "Your scale goes by the second highest bin, or by the one in the middle: the gradients above it overflow.": (
            lambda b: 14 - place(b, -2),
            lambda b: 14 - place(b, len(b) // 2),
        ),
        "Your scale goes by the middle between the lowest bin and the highest. The highest may then be over the edge.": (
            lambda b: (1 - max(b) - min(b)) // 2,
            lambda b: 14 - (max(b) + min(b)) // 2,
        ),
        "One power too large: the top bin then ends at 2^16, and 65,504 is less.": lambda bins: 15 - max(bins),
        "Two powers too large: the top bin ends at 2^(e+1), and 65,504 is less than 2^16.": lambda bins: 16 - max(bins),
        "One power too small: the top bin could go one higher, and fewer gradients flush to 0.": lambda b: 13 - max(b),
        "Your scale goes by the bin that is listed last. The bins come in any order.": lambda b: 14 - list(b)[-1],
        "Your scale goes by the bin that is listed first. The bins come in any order.": lambda b: 14 - list(b)[0],
        "Your scale goes by the mean: the gradients above it overflow.": (
            lambda b: 14 - round(fmean(b, b.values())),
            lambda b: 14 - fmean(b, b.values()),
            lambda b: 14 - fmean(b),
            lambda b: 14 - round(fmean(b)),
        ),
        "Your scale goes by the fullest bin: the gradients above it overflow.": (
            lambda b: 14 - max(b, key=b.get),
            lambda b: 14 - max(b, key=lambda e: (b[e], e)),
        ),
        "Your scale goes by the lowest bin: the gradients above it overflow.": lambda bins: 14 - min(bins),
        "Your scale takes the lowest bin to 2^-24 or 2^-14. The highest may then be over the edge.": (
            lambda b: -24 - min(b),
            lambda b: -14 - min(b),
        ),
        "Your scale is never below 1. Large gradients need a smaller one.": lambda bins: max(0, 14 - max(bins)),
        "Your scale is never above 65,536. Small gradients can take more.": lambda bins: min(16, 14 - max(bins)),
        "Your search for the highest bin begins at e = 0, so a lower one is never found. Begin with the first bin that holds something.": (
            lambda b: 14 - max(0, *b)
        ),
        "You take the exponent e for the magnitude of a gradient. The magnitude is 2^e, and up to 2^(e+1).": (
            lambda b: math.floor(math.log2(65504 / abs(max(b)))) if max(b) else 0,
            lambda b: math.floor(math.log2(65504 / (abs(max(b)) + 1))),
        ),
        "You take the number of gradients for their magnitude. The magnitude is in the keys of the dict.": (
            lambda b: math.floor(math.log2(65504 / sum(b.values()))),
            lambda b: math.floor(math.log2(65504 / max(b.values()))),
        ),
        "A bin of e = 0 is a bin like any other: your scale takes it for none.": lambda b: 14 - max(b) if max(b) else 0,
        "A bin of e = -8 is not one of e = 8: your scale forgets the sign.": (
            lambda bins: 14 - max(map(abs, bins)),
            lambda bins: 14 - abs(max(bins)),
        ),
    }
    wrong = {
        **{
            hint: tuple(map(power, ways)) if isinstance(ways, tuple) else power(ways)
            for hint, ways in exponents.items()
        },
        "Your scale goes by the highest bin listed, but nothing may be in it.": (
            power(least=0),
            lambda histogram: power(least=0)(histogram) if any(histogram.values()) else 1.0,
        ),
        "Your scale goes by the bin that is listed first or last, even where nothing is in it. The bins come in any order.": (
            power(lambda b: 14 - list(b)[0], least=0),
            power(lambda b: 14 - list(b)[-1], least=0),
        ),
        "Where the highest bin listed is empty, your scale is 1 or 0. The next one with something in it decides.": tuple(
            lambda histogram, other=other: power()(histogram) if histogram and histogram[max(histogram)] else other
            for other in (1.0, 0.0)
        ),
        "Where there is no gradient, your scale is 0: nothing would be left of a loss. Asked is 1.0.": power(empty=0.0),
        "You leave out bins with one gradient in them. One that overflows is enough for an inf.": power(least=2),
        "You take 65,504 or 65,536 for the scale. It depends on the gradients: the top bin times the scale must stay below 65,504.": (
            power(of=lambda exponent: 65504.0),
            power(of=lambda exponent: 65536.0),
            power(of=lambda exponent: 32768.0),
        ),
        "You raise another number than 2 to the power, 10 or e. The bins are powers of two, and so is the scale.": (
            power(of=lambda exponent: 10.0**exponent),
            power(of=lambda exponent: math.exp(exponent)),
        ),
        "You write ^, which is no power in Python: it compares bits. Write 2.0 ** exponent.": power(
            of=lambda exponent: float(2 ^ exponent)
        ),
        "Your scale is cut to a whole number. Large gradients need one below 1, such as 0.5.": power(
            of=lambda exponent: float(int(2.0**exponent))
        ),
        "You divide by the exponent. The bin ends at 2^(e + 1): divide by that.": (
            lambda histogram: 2.0**14 / max(used(histogram)) if any(used(histogram)) and max(used(histogram)) else 1.0,
            lambda histogram: 65504 / max(used(histogram)) if any(used(histogram)) and max(used(histogram)) else 1.0,
        ),
        "You return the exponent. Asked for is 2 to its power.": power(of=float),
        "That is 1 over the scale: the gradients are multiplied by it.": power(of=lambda exponent: 2.0**-exponent),
        "Your scale is no power of two: the top bin ends at 65,504.": (
            power(lambda b: 32752 / 2.0 ** max(b), of=float),
            power(lambda b: 65504 // 2 ** (max(b) + 1), of=float),
            power(lambda b: 65504 / 2.0 ** max(b), of=float),
        ),
    }
    compare(
        answer,
        right=power(),
        wrong=wrong,
        names=("histogram",),
        rtol=1e-9,
        edges=[
            ({},),
            ({-40: 0},),
            ({0: 3, -4: 9},),
            ({-8: 1, -20: 100, -24: 10, 3: 0, -9: 7},),
            ({17: 2, -3: 9},),
            ({14: 1},),
            ({60: 1, -3: 4},),
        ],
        inputs=st.tuples(st.dictionaries(st.integers(-40, 20), st.integers(0, 9), max_size=4)),
    )


ARMS = ("fp32", "16 bits", "weights", "scale", "both")
FINDINGS = ("weights", "scale", "both", "neither", "nothing")


def _training(right: str, said: str, hint: str, fp32: float, **more: float) -> World:
    """Networks with an error of about `fp32` in fp32, up to eight points up or down, and what each other arm adds to it."""
    adds = {arm: more[arm.replace("16 bits", "low")] if arm != "fp32" else 0.0 for arm in ARMS}

    def measure(arm: str, number: int, *, seed: float) -> float:
        network = (seed * 7919) % 17 - 8  # one network is better than another, in every arm
        luck = ((seed * 31 + 7 * ARMS.index(arm)) % 5 - 2) * 0.4
        return fp32 + network + luck + adds[arm]

    return World(said, right, measure, hint)


def _by_the_card(runs: Sequence[Run]) -> str:
    """The conclusion of the card for these runs."""
    mean = {arm: fmean(own) for arm, own in by_arm(runs).items()}
    as_good = [arm for arm in ARMS[1:] if mean[arm] <= mean["fp32"] + 5]
    return "neither" if not as_good else "nothing" if as_good[0] == "16 bits" else as_good[0]


def _own_means(runs: Sequence[Run], got: str) -> str:
    return (
        f"The means of your own runs are: {means_said(runs)}. An arm is as good as fp32 if its mean is at most 5 points higher, and from that "
        f"{_by_the_card(runs)!r} follows." + (comes_out(got, _other_rules(runs, got)) or not_by_the_mean(got))
    )


def _other_rules(runs: Sequence[Run], got: str) -> list[str]:
    """Which rules that are not the card's give `got` for these runs: another order, another base, one median."""
    results = by_arm(runs)
    mean = {arm: fmean(own) for arm, own in results.items()}
    said = _by_the_card(runs)

    def by(mean: Mapping[str, float]) -> str:
        as_good = [arm for arm in ARMS[1:] if mean[arm] <= mean["fp32"] + 5]
        return "neither" if not as_good else "nothing" if as_good[0] == "16 bits" else as_good[0]

    parts = ("weights", "scale", "both")
    gained = mean["16 bits"] - min(mean[arm] for arm in parts)
    cured = [arm for arm in parts if mean[arm] <= min(mean["fp32"] + 5, mean["16 bits"] - 5)]
    others = {
        "if both together must be as good as fp32 before one part is named": (
            "neither" if said in parts and mean["both"] > mean["fp32"] + 5 else said
        ),
        "if 'nothing' is said wherever no part improves the training": "nothing" if gained <= 5 else said,
        "if each part is compared with both together, and not with fp32": (
            by({**mean, "fp32": mean["both"]}) if said in parts else said
        ),
        "if a part must also be 5 points better than 16 bits": (
            said if said == "nothing" else cured[0] if cured else "neither"
        ),
        "if the worst network of fp32 stands in place of its mean": by({**mean, "fp32": max(results["fp32"])}),
        **{
            f"if the median of {arm!r} stands in place of its mean": by({**mean, arm: median(results[arm])})
            for arm in ("fp32", "16 bits", "both")
        },
    }
    return [how for how, conclusion in others.items() if conclusion == got]


def _uneven(said: str, which: Callable[[float], bool] = one_in_three, **adds: tuple[float, float]) -> World:
    """What an arm usually adds to the 20 of fp32, and what it adds on top with some networks, by default every third."""

    def measure(arm: str, number: int, *, seed: float) -> float:
        usual, more = adds.get(arm.replace("16 bits", "low"), (0.0 if arm in ("fp32", "both") else 40.0, 0.0))
        return 20 + usual + more * which(seed) + 0.1 * ((seed * 31) % 5 - 2)

    return World(said, _by_the_card, numbered(measure), _own_means)


TRAININGS = (
    _training(
        "scale",
        "most gradients become 0; the loss scale rescues them, and the weights lose nothing in 16 bits",
        "fp32 weights cannot help where the gradients are 0 before they arrive. Look at what each part does alone.",
        20.0,
        low=55.0,
        weights=54.0,
        scale=1.0,
        both=0.5,
    ),
    _training(
        "weights",
        "updates are swallowed by the weights; the gradients are large enough",
        "A loss scale moves gradients, and they were large enough here. Look at what each part does alone.",
        22.0,
        low=40.0,
        weights=0.5,
        scale=39.0,
        both=0.0,
    ),
    _training(
        "both",
        "gradients become 0, and what is rescued is swallowed by the weights: each part alone is an improvement, and not more",
        "The loss scale gains 35 points here, and 26 more are missing to fp32. To be better than before is not to be as good as fp32.",
        21.0,
        low=61.0,
        weights=48.0,
        scale=26.0,
        both=1.0,
    ),
    _training(
        "nothing",
        "the learning rate is much too high: fp32 learns as badly",
        "All arms have the same bad error here, fp32 too. What fails in fp32 as well is not repaired by a part of mixed precision: "
        "compare with fp32, and not with an error that you would like.",
        70.0,
        low=1.0,
        weights=0.5,
        scale=0.5,
        both=0.5,
    ),
    _training(
        "neither",
        "activations overflow to inf, forwards: neither a larger loss nor fp32 weights change that",
        "One of the arms is always the best of the four. Whether it is good enough only fp32 can tell: here even both together are far "
        "from it.",
        20.0,
        low=62.0,
        weights=60.0,
        scale=61.0,
        both=50.0,
    ),
    _uneven(
        "with a loss scale two networks of three are as good as in fp32, and the third is far from it",
        scale=(3.0, 20.0),
    ),
    _uneven(
        "with fp32 weights every third network is twelve points worse; the mean is still near fp32",
        weights=(-1.0, 12.0),
    ),
    _uneven("fp32 weights alone are 4.4 points worse than fp32", weights=(4.4, 0.0)),
    _uneven("a loss scale alone is 5.7 points worse than fp32", scale=(5.7, 0.0)),
    _uneven("with fp32 weights a single network fails, and the others are near fp32", one_alone, weights=(3.0, 70.0)),
    _uneven(
        "with fp32 weights a single network is far better than in fp32, and the others are 7 points worse",
        one_alone,
        weights=(7.0, -70.0),
    ),
    _uneven(
        "with fp32 weights a single network is 7 points worse than the others; the mean is near fp32",
        one_alone,
        weights=(3.0, 7.0),
    ),
    _uneven(
        "fp32 weights alone are as good as fp32, and both together are 9 points worse",
        weights=(1.0, 0.0),
        both=(9.0, 0.0),
    ),
    _uneven(
        "16 bits are 10 points worse than fp32, and each part makes the training worse still",
        low=(10.0, 0.0),
        weights=(20.0, 0.0),
        scale=(20.0, 0.0),
        both=(15.0, 0.0),
    ),
    _uneven(
        "fp32 weights alone are 4 points worse than fp32, and both together 4 points better",
        weights=(4.0, 0.0),
        both=(-4.0, 0.0),
    ),
    _uneven(
        "16 bits are 6.5 points worse than fp32, and with fp32 weights 4 points", low=(6.5, 0.0), weights=(4.0, 0.0)
    ),
    _uneven(
        "a single network is 15 points worse in fp32; with fp32 weights all are 10 points worse than the others in fp32",
        one_alone,
        fp32=(0.0, 15.0),
        weights=(10.0, 0.0),
    ),
    _uneven(
        "a single network is 15 points worse in fp32; with fp32 weights all are 7 points worse than the others in fp32",
        one_alone,
        fp32=(0.0, 15.0),
        weights=(7.0, 0.0),
    ),
    _uneven("in 16 bits a single network fails, and the others are near fp32", one_alone, low=(1.0, 40.0)),
    _uneven("with both parts a single network fails, and the others are near fp32", one_alone, both=(1.0, 40.0)),
)


@check(
    "Exercise 2, Which part is missing?",
    why="fp32 is the control: it says how good the training can be, and whether 16 bits are to blame at all. Each part alone tells which "
    "danger there is, and only an arm that comes up to fp32 has met it. The same networks in every arm, because networks differ too.",
)
def missing_part(answer: Callable) -> None:
    """``missing_part(error) -> "weights", "scale", "both", "neither" or "nothing"``, on made-up trainings."""
    investigate(
        answer,
        TRAININGS,
        arms=ARMS,
        settings={"seed": 0},
        least={"seed": 5},
        least_runs=5,
        conclusions=FINDINGS,
        name="error",
    )

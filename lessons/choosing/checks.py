"""Checks of the lesson `choosing`, choosing a method."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from statistics import geometric_mean, harmonic_mean, median, median_high

from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.investigation import Run, World, investigate, numbered, told
from course_utils.exercises.search import compare

FIELDS = ("kind", "int8_kernels", "int8_ms", "convert_ms", "drop_pp")


def _case(*values: object) -> dict:
    return dict(zip(FIELDS, values, strict=True))


CASES = {
    "a translator with an LSTM": _case("LSTM", True, 12.0, 0.1, 0.0),
    "a search engine with a Transformer": _case("Transformer", True, 30.0, 4.0, 0.4),
    "a camera, CNN of thin layers": _case("CNN", True, 10.0, 9.0, 0.2),
    "a doorbell, small CNN": _case("CNN", True, 1.0, 6.0, 2.5),
    "a GPU, by a runtime without int8": _case("CNN", False, 40.0, 5.0, 0.1),
    "a Transformer of narrow layers": _case("Transformer", True, 0.4, 0.6, 0.3),
}
WHY = {
    "float": "no kernels",
    "dynamic": "conversions are cheap",
    "qat": "static loses accuracy",
    "static": "conversions are expensive",
}


@st.composite
def _cases(draw: Callable) -> tuple[dict]:
    """Times of which one is often a quarter of the other, and drops of often 1 point, or a little more."""
    int8_ms = draw(numbers(1, 16, step=0.5))
    convert_ms = int8_ms * draw(st.sampled_from([0.25, 0.5, 0.3125, 1.0, 4.0, 0.125, 0.0, 0.2371, 0.2618, 0.37, 0.45]))
    drop = draw(st.one_of(numbers(0, 3, step=0.5), numbers(0.75, 1.75, step=0.25), numbers(-2, 0, step=0.5)))
    kind = draw(st.sampled_from(["CNN", "LSTM", "Transformer"]))
    return (_case(kind, draw(st.booleans().map(operator.not_)), int8_ms, convert_ms, drop),)


def _pair(value: object) -> tuple | None:
    """The two parts of a value as a tuple; None for anything else."""
    try:
        return tuple(value) if isinstance(value, (tuple, list)) and len(value) == 2 else None
    except Exception:  # what was returned may raise whatever it is asked
        return None


def _text(value: object) -> str:
    try:
        return str(value).strip().lower() if isinstance(value, str) else ""
    except Exception:  # what was returned may raise whatever it is asked
        return ""


def _row_of_the_table(value: object, case: dict) -> tuple[str, str]:
    """Method and reason; small letters or large, blanks around or not."""
    pair = _pair(value)
    if pair is None:
        raise Mistake("Your function must return two texts.", "Return (method, reason).")
    method, reason = map(_text, pair)
    if WHY.get(reason) or method in WHY.values():
        raise Mistake("The two texts are the wrong way round.", "The method comes first.")
    if method not in WHY:
        raise Mistake(f"The method is none of {', '.join(WHY)}.", "Return one of those texts.")
    if reason not in WHY.values():
        raise Mistake("The reason is none of those on the card.", "Copy the four reasons from the card.")
    if WHY[method] != reason:
        raise Mistake("Method and reason are from two different lines of the table.", "Return both from one line.")
    return method, reason


def _choose(
    *,
    device: Callable = lambda case: not case["int8_kernels"],
    whole: Callable = lambda case: case["int8_ms"],
    share: float = 0.25,
    at_most: Callable = operator.le,
    loses: Callable = lambda case: case["drop_pp"] > 1,
    cheap: Callable | None = None,
    names: tuple[str, ...] = ("dynamic", "static"),
    order: str = "float dynamic qat",
) -> Callable:
    """The table, or a mistake in one of its lines."""

    def choose(case: dict) -> tuple[str, str]:
        fits = {
            "float": device(case),
            "dynamic": cheap(case) if cheap else at_most(case["convert_ms"], share * whole(case)),
            "qat": loses(case),
        }
        method = next((name for name in order.split() if fits[name]), "static")
        swapped = dict(zip(("dynamic", "static"), names, strict=True))
        return swapped.get(method, method), WHY[swapped.get(method, method)]

    return choose


@check(
    "Exercise 2, Choose, and say why",
    why="The lines stand in the order of their price. Without kernels nothing else helps; cheap conversions need no calibration; "
    "only then is static asked, and a training only where static loses too much.",
)
def choose(answer: Callable) -> None:
    """``choose(case) -> (method, reason)``."""

    def by_name(*kinds: str) -> tuple[Callable, ...]:
        """Dynamic for these networks, with the other lines of the table or without some of them."""
        orders = "float dynamic qat", "float dynamic", "dynamic qat", "dynamic", "float qat dynamic"
        ways = [_choose(cheap=lambda case: case["kind"] in kinds, order=order) for order in orders]
        return *ways, _choose(cheap=lambda case: case["kind"] in kinds, loses=lambda case: True)

    def short(case: dict) -> bool:
        return case["convert_ms"] <= case["int8_ms"] / 4

    wrong = {
        "You decide by the name of the network. A Transformer of narrow layers may be bound by its conversions, and a "
        "CNN may not: look at the two times.": by_name("LSTM", "Transformer"),
        "You take dynamic for LSTMs alone: look at the two times.": by_name("LSTM"),
        "You take dynamic for Transformers alone: look at the two times.": by_name("Transformer"),
        "You ask for the name of the network besides its two times. The times alone decide.": (
            _choose(cheap=lambda case: case["kind"] != "CNN" and short(case)),
            _choose(cheap=lambda case: case["kind"] != "CNN" or short(case)),
            *(
                _choose(cheap=lambda case, kind=kind: case["kind"] != kind and short(case))
                for kind in ("LSTM", "Transformer")
            ),
            _choose(cheap=lambda case: case["kind"] == "Transformer" or short(case)),
            _choose(cheap=lambda case: case["kind"] == "LSTM" and short(case)),
            _choose(cheap=lambda case: case["kind"] == "LSTM" or short(case)),
            *(
                _choose(
                    device=lambda case: case["kind"] != "CNN" and not case["int8_kernels"],
                    cheap=lambda case: case["kind"] != "CNN" and short(case),
                    order=order,
                )
                for order in ("float dynamic qat", "dynamic float qat")
            ),
        ),
        "You round the two times to whole milliseconds before you compare them. Compare them as they are.": (
            _choose(cheap=lambda case: round(case["convert_ms"]) <= round(case["int8_ms"]) / 4),
            _choose(cheap=lambda case: int(case["convert_ms"]) <= int(case["int8_ms"]) / 4),
        ),
        "Without int8 kernels you stay in float only where static loses no more than 1 point. There the answer is float whatever the drop.": _choose(
            device=lambda case: not case["int8_kernels"] and case["drop_pp"] <= 1
        ),
        "You divide with //, which rounds down. A quarter of 7 ms is 1.75 ms: divide with /.": _choose(
            cheap=lambda case: case["convert_ms"] <= case["int8_ms"] // 4
        ),
        "You stay in float where conversions last long. Float is for a device without int8 kernels.": (
            _choose(device=lambda case: not case["int8_kernels"] or case["convert_ms"] > case["int8_ms"]),
            _choose(device=lambda case: not case["int8_kernels"] or case["convert_ms"] >= case["int8_ms"]),
        ),
        "You compare the conversions with a number of milliseconds. What counts is their share of the layers' time.": tuple(
            _choose(cheap=lambda case, most=most: case["convert_ms"] <= most) for most in (0.25, 0.5, 1, 2, 4)
        ),
        "You take another share of the layers' time. A quarter of it is the line.": tuple(
            _choose(share=share) for share in (0.2, 0.3, 0.4)
        ),
        "You compare the drop with another number of points, such as 2 or a half. The line is 1.": tuple(
            _choose(loses=lambda case, most=most: case["drop_pp"] > most) for most in (2, 0.5, 1.5)
        ),
        "You have QAT and static the wrong way round: QAT is for more than 1 point lost.": (
            _choose(loses=lambda case: case["drop_pp"] <= 1),
            _choose(loses=lambda case: case["drop_pp"] < 1),
        ),
        "You train only where conversions last longer than the layers, too. Behind the second line only the drop is "
        "asked.": _choose(loses=lambda case: case["drop_pp"] > 1 and case["convert_ms"] > case["int8_ms"]),
        "You forget the device. Without int8 kernels the answer is float.": _choose(order="dynamic qat"),
        "You ask for the device too late. Without int8 kernels nothing else counts.": (
            _choose(order="dynamic float qat"),
            _choose(order="dynamic qat float"),
        ),
        "You have the device the wrong way round: float is for no kernels.": _choose(
            device=lambda c: c["int8_kernels"]
        ),
        "You train for every lost tenth of a point. QAT costs a training: it is for more than 1 point.": tuple(
            _choose(loses=lambda case, most=most: case["drop_pp"] > most) for most in (0, 0.01, 0.1)
        ),
        "You train where static loses 1 point, too. 'More than' 1 leaves out 1.": _choose(
            loses=lambda case: case["drop_pp"] >= 1
        ),
        "You train where static wins more than 1 point, too. A negative drop is a gain.": _choose(
            loses=lambda case: abs(case["drop_pp"]) > 1
        ),
        "You train where static wins more than 1 point, and not where it loses that. A drop above 0 is a loss.": _choose(
            loses=lambda case: case["drop_pp"] < -1
        ),
        "You round the drop. 1.25 points are more than 1.": (
            _choose(loses=lambda case: round(case["drop_pp"]) > 1),
            _choose(loses=lambda case: int(case["drop_pp"]) > 1),
        ),
        "You look at the lost accuracy first. It is that of static int8: where dynamic fits, nobody asks for it.": (
            _choose(order="float qat dynamic"),
            _choose(order="qat float dynamic"),
            _choose(order="qat dynamic float"),
            _choose(
                cheap=lambda case: short(case) and case["drop_pp"] < 1,
                loses=lambda case: case["drop_pp"] > 1 or (short(case) and case["drop_pp"] >= 1),
            ),
        ),
        "You take a third of the layers' time, which is a quarter of layers and conversions together. The line is a quarter of the "
        "int8 layers alone.": _choose(whole=lambda case: case["int8_ms"] + case["convert_ms"]),
        "You ask for conversions below a quarter. 'At most' includes a quarter itself.": _choose(at_most=operator.lt),
        "You take dynamic where the conversions are long, and static where they are short. Turn that round.": _choose(
            names=("static", "dynamic")
        ),
        "You compare the conversions with the whole time of the layers. A quarter of it is the line.": _choose(share=1),
        "You take half of the time of the layers. A quarter of it is the line.": _choose(share=0.5),
        "You take conversions for cheap that last longer than the layers. The line is a quarter of the layers' time: "
        "int8_ms / 4.": (_choose(share=4), _choose(share=25)),
        "You ask whether the layers last at most a quarter of the conversions. Turn that round.": _choose(
            cheap=lambda case: case["int8_ms"] <= case["convert_ms"] / 4
        ),
        "You take dynamic where static loses nothing and conversions last long. There is a line for that: static.": _choose(
            names=("dynamic", "dynamic")
        ),
        "You take static where there are no int8 kernels. It needs them as well: there the answer is float.": (
            lambda case: _choose()(case) if case["int8_kernels"] else ("static", WHY["static"])
        ),
        "You take dynamic only where static loses more than 1 point, too. Where conversions are short, nobody asks for the drop.": _choose(
            cheap=lambda case: short(case) and case["drop_pp"] > 1
        ),
        "You forget QAT, for where static int8 loses more than 1 point.": _choose(order="float dynamic"),
        "You never choose dynamic. Where conversions are short it is the one.": _choose(order="float qat"),
    }
    more = [("CNN", True, 8.0, 2.0, 0.0), ("LSTM", True, 8.0, 2.1, 1.0), ("Transformer", True, 20.0, 1.0, 3.0)]
    more += [
        ("LSTM", False, 5.0, 50.0, 4.0),
        ("CNN", True, 9.0, 20.0, 0.0),
        ("CNN", True, 9.0, 20.0, -1.5),
        ("CNN", True, 9.0, 20.0, 1.25),
        ("CNN", True, 9.0, 20.0, 0.75),
        ("LSTM", True, 9.0, 20.0, 0.05),
        ("LSTM", True, 7.0, 1.5, 0.0),
    ]
    compare(
        answer,
        right=_choose(),
        wrong=wrong,
        names=("case",),
        edges=[(case,) for case in [*CASES.values(), *(_case(*values) for values in more)]],
        inputs=_cases(),
        view=_row_of_the_table,
    )


def _gain(
    *,
    time: Callable = lambda arithmetic, moved: max(arithmetic, moved),
    fp32: Callable = lambda weights, values: 4 * (weights + values),
    int8: Callable = lambda weights, values: weights + values,
    ops: float = 2,
    peaks: Callable = lambda fp32, int8: (fp32, int8),
    total: Callable = lambda times: sum(times),
    divide: Callable = lambda slow, fast: slow / fast,
) -> Callable:
    """The roofline, or a mistake in one of its parts."""

    def gain(layers: list, peak_fp32: float, peak_int8: float, bandwidth: float) -> float:
        def seconds(peak: float, size: Callable) -> float:
            return total([time(ops * macs / peak, size(w, v) / bandwidth) for macs, w, v in layers])

        slow, fast = peaks(peak_fp32, peak_int8)
        return divide(seconds(slow, fp32), seconds(fast, int8))

    return gain


@st.composite
def _networks(draw: Callable) -> tuple:
    """Layers that take some time, a few without arithmetic, without weights, or without inputs and outputs."""
    some, any_ = st.integers(1, 10), st.integers(0, 10)
    layer = st.one_of(st.tuples(st.integers(1, 40), any_, some), st.tuples(any_, some, any_))
    peaks = [draw(st.sampled_from([1.0, 2.0, 4.0, 8.0, 16.0])) for _ in range(2)]
    return draw(st.lists(layer, min_size=1, max_size=4)), *peaks, draw(st.sampled_from([1.0, 2.0, 4.0]))


@check(
    "Exercise 3, Predict the gain",
    why="Each layer waits for the slower of its two, arithmetic or bytes, and which one that is may change with the format. So the "
    "maximum belongs into each layer and each format, and only times may be added up, not gains.",
)
def predicted_gain(answer: Callable) -> None:
    """``predicted_gain(layers, peak_fp32, peak_int8, bandwidth) -> float``."""

    def of_totals(layers: list, *machine: float) -> float:
        return _gain()([tuple(map(sum, zip(*layers, strict=True)))], *machine)

    def average(layers: list, *machine: float) -> float:
        return sum(_gain()([layer], *machine) for layer in layers) / len(layers)

    def of_gains(pick: Callable) -> Callable:
        return lambda layers, *machine: pick([_gain()([layer], *machine) for layer in layers])

    def as_limited_in_int8(longer: Callable) -> Callable:
        def gain(layers: list, fp32: float, int8: float, bandwidth: float) -> float:
            slow = [(2 * macs / fp32, 4 * (w + v) / bandwidth) for macs, w, v in layers]
            fast = [(2 * macs / int8, (w + v) / bandwidth) for macs, w, v in layers]
            kept = [own[longer(moved, arithmetic)] for (arithmetic, moved), own in zip(fast, slow, strict=True)]
            return sum(kept) / sum(map(max, fast))

        return gain

    def of_three(layers: list, fp32: float, int8: float, bandwidth: float) -> float:
        slow, fast = (
            sum(max(2 * macs / peak, size * w / bandwidth, size * v / bandwidth) for macs, w, v in layers)
            for peak, size in ((fp32, 4), (int8, 1))
        )
        return slow / fast

    def as_limited_in_fp32(longer: Callable) -> Callable:
        def gain(layers: list, fp32: float, int8: float, bandwidth: float) -> float:
            slow = [(2 * macs / fp32, 4 * (w + v) / bandwidth) for macs, w, v in layers]
            fast = [(2 * macs / int8, (w + v) / bandwidth) for macs, w, v in layers]
            kept = [own[longer(moved, arithmetic)] for (arithmetic, moved), own in zip(slow, fast, strict=True)]
            return sum(map(max, slow)) / sum(kept)

        return gain

    def of_ratios(pick: Callable) -> Callable:
        """The gain of arithmetic and that of bytes, each of the whole network."""
        by_bytes, by_arithmetic = _gain(time=lambda a, m: m), lambda layers, fp32, int8, bandwidth: int8 / fp32
        return lambda *args: pick(by_bytes(*args), by_arithmetic(*args))

    def added(*args: object) -> tuple[float, float]:
        """The seconds of fp32 and of int8 where arithmetic and bytes add up."""
        return tuple(
            _gain(time=operator.add, divide=divide)(*args) for divide in (lambda slow, _: slow, lambda _, fast: fast)
        )

    def times(layers: list, fp32: float, int8: float, bandwidth: float) -> tuple[list[float], list[float]]:
        """The seconds of each layer in fp32, and in int8."""
        return tuple(
            [max(2 * macs / peak, size * (w + v) / bandwidth) for macs, w, v in layers]
            for peak, size in ((fp32, 4), (int8, 1))
        )

    def totals_in_one(which: int) -> Callable:
        def gain(layers: list, *machine: float) -> float:
            both = [sum(own) for own in times(layers, *machine)]
            both[which] = times([tuple(map(sum, zip(*layers, strict=True)))], *machine)[which][0]
            return both[0] / both[1]

        return gain

    def weighted(weight: Callable) -> Callable:
        """The mean of the layers' gains, each with a weight that is made of the layer and of its seconds in fp32."""

        def gain(layers: list, *machine: float) -> float:
            slow, fast = times(layers, *machine)
            weights = [weight(layer, seconds) for layer, seconds in zip(layers, slow, strict=True)]
            gains = [a / b for a, b in zip(slow, fast, strict=True)]
            total = sum(weights)
            return sum(map(operator.mul, weights, gains)) / total if total else average(layers, *machine)

        return gain

    def of_speeds(layers: list, *machine: float) -> float:
        """The quotient of the sums of what each layer computes in a second."""
        slow, fast = (
            sum(2 * macs / seconds for (macs, _, _), seconds in zip(layers, own, strict=True))
            for own in times(layers, *machine)
        )
        return fast / slow if slow else 4.0

    def fetched(layers: list, fp32: float, int8: float, bandwidth: float) -> float:
        """Each MAC fetches two numbers."""
        return sum(max(2 * layer[0] / fp32, 8 * layer[0] / bandwidth) for layer in layers) / (
            sum(max(2 * layer[0] / int8, 2 * layer[0] / bandwidth) for layer in layers) or 1.0
        )

    wrong = {
        "You count equal layers once. A network may have several equal layers, and each of them takes its time.": (
            lambda layers, *machine: _gain()(list(dict.fromkeys(layers)), *machine)
        ),
        "You leave out layers without MACs or without weights. They move numbers, and that takes time.": (
            lambda layers, *machine: _gain()([layer for layer in layers if layer[0]] or layers, *machine),
            lambda layers, *machine: _gain()([layer for layer in layers if layer[1]] or layers, *machine),
        ),
        "You count four operations of int8 as one. What int8 brings to the arithmetic is in its peak already.": _gain(
            peaks=lambda fp32, int8: (fp32, 4 * int8)
        ),
        "You divide the MACs by two. A MAC is two operations: multiply by two.": _gain(ops=0.5),
        "You take the slowest layer in one format only. In both the layers run one after the other: sum them up.": (
            lambda layers, *machine: sum(times(layers, *machine)[0]) / max(times(layers, *machine)[1]),
            lambda layers, *machine: max(times(layers, *machine)[0]) / sum(times(layers, *machine)[1]),
        ),
        "You halve the values. Inputs and outputs are counted together in them, and all of them are moved.": _gain(
            fp32=lambda w, v: 4 * (w + v / 2), int8=lambda w, v: w + v / 2
        ),
        "You take the maximum of the totals in one format, and that of each layer in the other. Take it in each layer, in both.": (
            totals_in_one(0),
            totals_in_one(1),
        ),
        "You average the gains of the layers, weighted by their MACs, numbers or times in fp32. Sum up the times of each format, then "
        "divide.": (
            weighted(lambda layer, _: layer[0]),
            weighted(lambda layer, _: layer[1]),
            weighted(lambda layer, _: layer[1] + layer[2]),
            weighted(lambda _, seconds: seconds),
        ),
        "You add up the speeds of the layers. They run one after the other, so times add up, and speeds do not.": of_speeds,
        "You take the three numbers of a layer in another order. They are (MACs, weights, values).": (
            lambda layers, *machine: _gain()([(w, macs, v) for macs, w, v in layers], *machine),
            lambda layers, *machine: _gain()([(v, w, macs) for macs, w, v in layers], *machine),
        ),
        "You move numbers for each MAC. A layer moves each of its weights and values once.": fetched,
        "You move 2 bytes a number in fp32. A number of 32 bits has 4.": _gain(fp32=lambda w, v: 2 * (w + v)),
        "You divide the arithmetic by the bandwidth, and the bytes by the peak. It is the other way round.": (
            lambda layers, fp32, int8, bandwidth: (
                sum(max(2 * macs / bandwidth, 4 * (w + v) / fp32) for macs, w, v in layers)
                / sum(max(2 * macs / bandwidth, (w + v) / int8) for macs, w, v in layers)
            )
        ),
        "You have the two peaks exchanged. fp32 runs at peak_fp32, int8 at peak_int8.": _gain(
            peaks=lambda fp32, int8: (int8, fp32)
        ),
        "You take the peak of int8 for fp32, too.": _gain(peaks=lambda fp32, int8: (int8, int8)),
        "You count a MAC as two operations in one of the formats only. It is two in both.": (
            _gain(peaks=lambda fp32, int8: (fp32, 2 * int8)),
            _gain(peaks=lambda fp32, int8: (2 * fp32, int8)),
        ),
        "You look at one layer only. The network has all of them: sum up their times.": (
            lambda layers, *machine: _gain()(layers[:1], *machine),
            lambda layers, *machine: _gain()(layers[-1:], *machine),
        ),
        "You move two bytes a number in int8. That is fp16; in int8 it is one.": _gain(int8=lambda w, v: 2 * (w + v)),
        "You move the weights as 4 bytes in int8. There they are one byte, as the inputs and outputs are.": _gain(
            int8=lambda w, v: 4 * w + v
        ),
        "You leave the inputs and outputs out in one of the formats only. They are moved in both.": (
            _gain(int8=lambda w, v: w),
            _gain(fp32=lambda w, v: 4 * w),
        ),
        "You multiply weights by values. Both are numbers that are moved: add them.": _gain(
            fp32=lambda w, v: 4 * w * v, int8=lambda w, v: w * v
        ),
        "You multiply the two times. A gain is their ratio.": _gain(divide=operator.mul),
        "You subtract the two times. A gain is their ratio: how many times faster.": (
            _gain(divide=operator.sub),
            _gain(divide=lambda slow, fast: fast - slow),
        ),
        "You give the share of the time that is saved. Asked is how many times faster: the ratio of the times.": _gain(
            divide=lambda slow, fast: 1 - fast / slow
        ),
        "You take the best, the worst or the middle of the layers' gains, or multiply them. Sum up the times, then "
        "divide.": tuple(map(of_gains, (max, min, math.prod, median, median_high, harmonic_mean, geometric_mean))),
        "You decide in fp32 what limits a layer, and keep that for int8. Take the longer of the two in each format.": (
            as_limited_in_fp32(operator.gt),
            as_limited_in_fp32(operator.ge),
        ),
        "You decide in int8 what limits a layer, and keep that for fp32. Take the longer of the two in each format.": (
            as_limited_in_int8(operator.gt),
            as_limited_in_int8(operator.ge),
        ),
        "You take the longest of three: arithmetic, weights, inputs and outputs. All bytes of a layer pass one after the other: add them, then "
        "take the longer of arithmetic and bytes.": of_three,
        "You count the quarter of the bytes twice: a number takes 1 byte in place of 4, and the bandwidth is four times as large as well. It is "
        "the same in both formats.": _gain(int8=lambda w, v: (w + v) / 4),
        "You add arithmetic and bytes in one of the formats only. In both the longer of the two counts.": (
            lambda *args: _gain()(*args) * _gain(divide=lambda slow, fast: fast)(*args) / added(*args)[1],
            lambda *args: added(*args)[0] / _gain(divide=lambda slow, fast: fast)(*args),
        ),
        "You give 1 where int8 is slower. Give the ratio as it is, also below 1.": _gain(
            divide=lambda slow, fast: max(1, slow / fast)
        ),
        "You give 4 at most. Arithmetic gains peak_int8 / peak_fp32, which may be more.": _gain(
            divide=lambda slow, fast: min(4, slow / fast)
        ),
        "You convert inputs and outputs to float between the layers. Static int8 does not: they stay one byte each.": (
            lambda *args: (
                _gain(divide=lambda slow, fast: slow)(*args)
                / (_gain(divide=lambda slow, fast: fast)(*args) + sum(4 * v for *_, v in args[0]) / args[3])
            )
        ),
        "You give the seconds of one format. Asked is how many times faster int8 is: divide the seconds of fp32 by those of int8.": (
            _gain(divide=lambda slow, fast: fast),
            _gain(divide=lambda slow, fast: slow),
        ),
        "You move half a byte a number in int8. Its eight bits are one byte.": _gain(int8=lambda w, v: (w + v) / 2),
        "You move only the weights as 4 bytes in fp32, or only the inputs and outputs. There every number takes 4.": (
            _gain(fp32=lambda w, v: 4 * w + v),
            _gain(fp32=lambda w, v: w + 4 * v),
        ),
        "You multiply the operations of fp32 by its bytes. The size of a number counts for the bytes; the arithmetic has its peak.": _gain(
            peaks=lambda fp32, int8: (fp32 / 4, int8)
        ),
        "You give what is gained, in per cent. Asked is how many times faster: the ratio of the times.": _gain(
            divide=lambda slow, fast: 100 * (slow / fast - 1)
        ),
        "You take 4 or the ratio of the peaks, whichever is smaller or larger. Each layer has its own limit, which may change with "
        "the format.": (of_ratios(min), of_ratios(max)),
        "You take the maximum once, of the totals. Each layer has its own limit: take it in each, then sum.": of_totals,
        "You average the gains of the layers. A short layer then counts as much as a long one: divide the times.": average,
        "You count a MAC as one operation. It is a multiplication and an addition.": _gain(ops=1),
        "You add arithmetic and bytes. By the roofline they overlap: the longer of the two counts.": _gain(
            time=operator.add
        ),
        "You take the shorter of arithmetic and bytes. A layer is not done before both are.": _gain(time=min),
        "You count the arithmetic alone. Bytes take time too.": _gain(time=lambda arithmetic, moved: arithmetic),
        "Your gain is 4 for every network, which is that of the bytes. In some layer arithmetic takes longer than they do, and it gains "
        "peak_int8 / peak_fp32.": _gain(time=lambda arithmetic, moved: moved),
        "You count bits. The bandwidth is in bytes: 4 a number in fp32, 1 in int8.": _gain(
            fp32=lambda w, v: 32 * (w + v), int8=lambda w, v: 8 * (w + v)
        ),
        "You move 4 bytes a number in int8 too. There it is one.": _gain(int8=lambda w, v: 4 * (w + v)),
        "You move the inputs and outputs as 4 bytes in int8. In static int8 they are one byte, too.": _gain(
            int8=lambda w, v: w + 4 * v
        ),
        "You move one byte a number in fp32. There it is four.": _gain(fp32=lambda w, v: w + v),
        "You leave out the inputs and outputs: they are moved as well as the weights.": _gain(
            fp32=lambda w, v: 4 * w, int8=lambda w, v: w
        ),
        "You leave out the weights: they are moved as well as the inputs and outputs.": _gain(
            fp32=lambda w, v: 4 * v, int8=lambda w, v: v
        ),
        "You move the inputs and outputs twice. They are counted together already.": _gain(
            fp32=lambda w, v: 4 * (w + 2 * v), int8=lambda w, v: w + 2 * v
        ),
        "You take the peak of fp32 for int8, too.": _gain(peaks=lambda fp32, int8: (fp32, fp32)),
        "You take the slowest layer. They run one after the other: sum them up.": _gain(total=max),
        "You divide the wrong way round: a gain above 1 means that int8 is faster.": _gain(divide=lambda a, b: b / a),
        "You give the ratio of the peaks. It is the gain only where every layer is bound by arithmetic.": lambda *args: (
            args[2] / args[1]
        ),
    }
    mixed = [(2000.0, 10.0, 20.0), (3.0, 40.0, 8.0), (40.0, 2.0, 60.0)]
    compare(
        answer,
        right=_gain(),
        wrong=wrong,
        names=("layers", "peak_fp32", "peak_int8", "bandwidth"),
        edges=[
            ([(0, 100, 0)], 1.0, 4.0, 1.0),
            (mixed[1:], 200.0, 900.0, 20.0),
            (mixed, 200.0, 900.0, 20.0),
            ([mixed[0], mixed[0], mixed[1]], 200.0, 900.0, 20.0),
            (mixed[::-1], 100.0, 100.0, 5.0),
            ([(4e9, 25e6, 22e6), (85e6, 340e6, 0.2e6)], 240e9, 900e9, 20e9),
        ],
        inputs=_networks(),
    )


WAYS, BATCHES = ("throughout", "round trips"), (1, 2, 4)


def _network(
    right: str,
    said: str,
    hint: str,
    *,
    throughout: tuple[float, float],
    extra: tuple[float, float],
    disturbed: tuple[int, ...] = (),
    slow: float = 1.5,
    cells: tuple[tuple[str, int], ...] = (("throughout", 1), ("round trips", 4)),
) -> World:
    """A network with these milliseconds a call and an image; another program makes some of five runs longer.

    By default it disturbs throughout at one image, and the round trips at four, so that a mean of runs shifts both extras.

    Args:
        right, said, hint: of the world.
        throughout: milliseconds of int8 throughout, paid once a call and for each image.
        extra: what the round trips take more, once a call and for each image.
        disturbed: which of five seeds are, in the order in which they are asked for.
        slow: how many times as long a disturbed run takes.
        cells: which way at which batch is disturbed.
    """

    def ms(way: str, number: int, *, batch: float, seed: float) -> float:
        if batch not in BATCHES:
            raise ValueError(f"batch must be 1, 2 or 4, got {batch:g}.")
        trips = way == "round trips"
        call, image = (own + more * trips for own, more in zip(throughout, extra, strict=True))
        turn = int(seed) % 5
        hit = turn in disturbed and (way, 1 if batch == 1 else 4) in cells
        return (call + image * batch) * (slow if hit else 1 + 0.0005 * turn)

    return World(said, right, numbered(ms), hint)


NETWORKS = (
    _network(
        "per number",
        "throughout takes 4.0 ms at one image, the round trips 6.0; the extra grows from 2.0 to 7.4 ms, by 1.8 an image",
        "The extra is 2.0 ms at one image and 7.4 at four, so it grows by 1.8 ms an image: nine tenths of it are paid per number.",
        throughout=(0.6, 3.4),
        extra=(0.2, 1.8),
    ),
    _network(
        "per number",
        "the extra is 2.0 ms at one image and grows by 1.1 an image, though the quotient of the two ways falls from 1.49 to 1.33",
        "The quotient of the two ways falls with the images here. Asked is the extra in milliseconds: it is 2.0 at one image and grows by 1.1 "
        "an image, more than half of 2.0.",
        throughout=(0.1, 4.0),
        extra=(0.9, 1.1),
    ),
    _network(
        "per call",
        "the extra is 2.0 ms at one image and 3.8 at four: 0.6 ms an image, and 1.4 once a call",
        "The extra is 2.0 ms at one image and 3.8 at four. The 1.8 ms between them belong to three images, so 0.6 belong to one, less than "
        "half of 2.0.",
        throughout=(0.4, 4.0),
        extra=(1.4, 0.6),
    ),
    _network(
        "per call",
        "the extra is 2.0 ms at one image and 4.82 at four: 0.94 ms an image, and 1.06 once a call",
        "The extra is 2.0 ms at one image and 4.82 at four. In 4.82 / 4 there is a part that is paid once a call. What belongs to an image is "
        "the growth over three images, 2.82 / 3 = 0.94, less than half of 2.0.",
        throughout=(0.4, 4.0),
        extra=(1.06, 0.94),
    ),
    _network(
        "per call",
        "throughout takes 3.3 ms at one image, the round trips 4.8; the extra grows from 1.5 to 1.8 ms, by 0.1 an image",
        "The quotient of the two ways stays as it was here, about 1.45, because throughout hardly grows with the images. The extra is 1.5 ms at "
        "one image and 1.8 at four, so it grows by 0.1 an image.",
        throughout=(3.1, 0.2),
        extra=(1.4, 0.1),
    ),
    _network(
        "cheap",
        "the extra is 0.38 ms at one image, 9.5 % of throughout",
        "The extra is 9.5 % of throughout at one image, and the line on the card is a tenth.",
        throughout=(0.4, 3.6),
        extra=(0.04, 0.34),
    ),
    _network(
        "cheap",
        "a Transformer: throughout takes 55 ms at one image, and the extra is 4.0 ms, 7 % of that",
        "The extra of 4.0 ms is large in milliseconds here, and still only 7 % of throughout. The card compares it with a tenth of throughout at "
        "one image.",
        throughout=(1.0, 54.0),
        extra=(0.4, 3.6),
    ),
    _network(
        "per number",
        "the extra is 0.43 ms at one image, 10.75 % of throughout, and grows by 0.39 an image",
        "The extra is a little more than a tenth of throughout at one image, and the line on the card is a tenth. So it is not cheap.",
        throughout=(0.4, 3.6),
        extra=(0.04, 0.39),
    ),
    _network(
        "cheap",
        "the round trips are faster than throughout, by 0.9 ms of 6.0: this engine is slow at int8 sums",
        "The round trips are faster than throughout here: the extra is −0.9 ms, which is below a tenth of throughout. The sign counts.",
        throughout=(2.0, 4.0),
        extra=(-0.3, -0.6),
    ),
    _network(
        "cheap",
        "the extra is 0.4 ms at one image, 7 % of throughout; at four images it is 1.45 ms, 19 %",
        "The tenth is one of throughout at one image: there the extra is 7 %. At four images it is 19 %, which is another question.",
        throughout=(5.4, 0.6),
        extra=(0.05, 0.35),
    ),
    _network(
        "per call",
        "the extra is 1.6 ms at one image and grows by 0.4 an image; the run with the first of five seeds takes half as long again",
        "The run with the first of five seeds takes half as long again here, because another program was running. A single run may be that one, "
        "and the largest time is. Take the least time of each way at each batch, and then the difference, not the least of the differences.",
        throughout=(1.0, 4.0),
        extra=(1.2, 0.4),
        disturbed=(0,),
        slow=1.1,
    ),
    _network(
        "per call",
        "the extra is 1.6 ms at one image and grows by 0.4 an image; one run of five takes four times as long",
        "One run of five takes four times as long here, because another program was running. That moves a mean and a largest value, and a "
        "single run may be that one. Take the least time of each way at each batch.",
        throughout=(1.0, 4.0),
        extra=(1.2, 0.4),
        disturbed=(2,),
        slow=4.0,
    ),
    _network(
        "per call",
        "the extra is 1.6 ms at one image and grows by 0.4 an image; three of five runs take half as long again",
        "Three of five runs take half as long again here. That moves a median, too, a mean without the extremes, and a mean of the faster half. Take the least time of each way at each batch: the extra "
        "grows from 1.6 to 2.8 ms, by 0.4 an image.",
        throughout=(1.0, 4.0),
        extra=(1.2, 0.4),
        disturbed=(2, 3, 4),
    ),
    _network(
        "per call",
        "the extra is 1.6 ms at one image and grows by 0.4 an image; four of five runs take half as long again",
        "Only one run of five is not disturbed here, so already the second least time is of a disturbed run. Take the very least time of each way "
        "at each batch.",
        throughout=(1.0, 4.0),
        extra=(1.2, 0.4),
        disturbed=(0, 1, 3, 4),
    ),
    _network(
        "per number",
        "the extra is 1.6 ms at one image and grows by 1.2 an image; four of five runs of throughout at four images take half as long again",
        "Most runs of throughout at four images are disturbed here. The least time counts there, as it does in the other three.",
        throughout=(1.0, 4.0),
        extra=(0.4, 1.2),
        disturbed=(0, 1, 3, 4),
        cells=(("throughout", 4),),
    ),
    _network(
        "cheap",
        "the extra is 0.3 ms at one image, 6 % of throughout; four of five runs of the round trips at one image take half as long again",
        "Most runs of the round trips at one image are disturbed here. The least time counts there, as it does in the other three.",
        throughout=(1.0, 4.0),
        extra=(0.1, 0.2),
        disturbed=(0, 1, 3, 4),
        cells=(("round trips", 1),),
    ),
    _network(
        "per call",
        "the extra is 0.6 ms at one image, 15 % of throughout, and 0.9 at four, which is 0.225 for each of them",
        "At four images the extra is 0.9 ms here, and for each of them 0.225, less than a tenth of throughout at one. The card asks for the extra "
        "at one image, which is 0.6.",
        throughout=(3.4, 0.6),
        extra=(0.5, 0.1),
    ),
    _network(
        "per call",
        "the extra is 0.6 ms at one image, 15 % of throughout, and 0.9 at four, 9 % of throughout",
        "The extra is below a tenth of throughout at four images here, and above it at one. The card asks at one image.",
        throughout=(2.0, 2.0),
        extra=(0.5, 0.1),
    ),
    _network(
        "per call",
        "the extra is 2.0 ms at one image and −2.5 at four: it falls",
        "The extra falls with the images here, from 2.0 ms to −2.5, so nothing of it grows. Keep the sign of the growth.",
        throughout=(1.0, 4.0),
        extra=(3.5, -1.5),
    ),
)


def _both_batches(runs: Sequence[Run]) -> None:
    """Raise a `Mistake` where a batch was left out, or has fewer than five seeds."""
    for batch in (1, 4):
        seeds = {run.settings["seed"] for run in runs if run.settings["batch"] == batch}
        images = "one image" if batch == 1 else "four images"
        if not seeds:
            raise Mistake(
                f"Your experiment never runs {images}.",
                "What grows with the images, and what does not, shows only at both batches: 1 and 4.",
                told(runs, WAYS),
            )
        if len(seeds) < 5:
            raise Mistake(
                f"Your experiment runs {images} with {len(seeds)} seed{'s' * (len(seeds) > 1)}; it needs five or more.",
                "A run may be disturbed. Only several of them contain one that was not.",
                told(runs, WAYS),
            )


@check(
    "Exercise 1, Paid for each number, or for each call?",
    why="Both ways are run with the same images and seeds, so only the conversions differ. What is paid per number grows with the images, what is "
    "paid per call does not: so two batches tell them apart, where one batch, or a quotient of the two ways, cannot.",
)
def what_is_paid(answer: Callable) -> None:
    """``what_is_paid(ms) -> "cheap", "per number" or "per call"``, for made-up networks."""
    investigate(
        answer,
        NETWORKS,
        arms=WAYS,
        settings={"batch": 1, "seed": 0},
        least={"batch": 2},
        conclusions=("cheap", "per number", "per call"),
        look=_both_batches,
        most_runs=2000,
        name="ms",
    )

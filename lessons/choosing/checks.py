"""Checks of the lesson `choosing`, choosing a method."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from statistics import geometric_mean, harmonic_mean, median, median_high

from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.search import compare
from course_utils.measure.int8_audit import Row

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
    "Exercise 1, Choose, and say why",
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
            _choose(cheap=lambda case: case["kind"] == "LSTM" and short(case)),
            _choose(cheap=lambda case: case["kind"] == "LSTM" or short(case)),
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
        "You ask for the device too late. Without int8 kernels nothing else counts.": _choose(
            order="dynamic float qat"
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
        ),
        "You take the quarter of the whole time. It is a quarter of the int8 layers.": _choose(
            whole=lambda case: case["int8_ms"] + case["convert_ms"]
        ),
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
    "Exercise 2, Predict the gain",
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

    wrong = {
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
        "Your gain is 4, that of the bytes alone. In some layer arithmetic takes longer than the bytes.": _gain(
            time=lambda arithmetic, moved: moved
        ),
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
            (mixed[::-1], 100.0, 100.0, 5.0),
            ([(4e9, 25e6, 22e6), (85e6, 340e6, 0.2e6)], 240e9, 900e9, 20e9),
        ],
        inputs=_networks(),
    )


class _Row(Row):
    """A row that shows what the exercise is about."""

    def __repr__(self) -> str:
        return f"Row({self.name!r}, runs_in={self.runs_in!r})"


def rows_of(runs_in: dict[str, str]) -> list[Row]:
    """Rows of an audit, from {name: what it runs in}."""
    bits = {"int8": 8, "float32": 32, "bfloat16": 16, "unknown": 8}  # what is stored in 8 bits may run in anything
    return [
        _Row(name, "Linear", where, bits.get(where), "", None, "made for the check") for name, where in runs_in.items()
    ]


def _bottleneck(
    *,
    among: Callable = lambda row: row.runs_in != "int8",
    pick: Callable = max,
    limit: Callable = lambda own, total: total / (total - own),
    kept: Callable = lambda row: True,
    none: float = 1.0,
) -> Callable:
    """The rule, or a mistake in one of its parts."""

    def bottleneck(rows: list[Row], ms: dict[str, float]) -> tuple[str, float]:
        names = [row.name for row in rows if among(row)]
        if not names or all(row.runs_in == "int8" for row in rows):
            return "", none
        found = pick(names, key=ms.__getitem__)
        return found, limit(ms[found], sum(ms[row.name] for row in rows if kept(row)))

    return bottleneck


@st.composite
def _audits(draw: Callable) -> tuple[list[Row], dict[str, float]]:
    """Two modules or more, the times in an order of their own."""
    names = draw(st.permutations(["a", "b", "c", "d"]))[: draw(st.integers(2, 4))]
    where = st.sampled_from(["int8", "float32", "unknown", "bfloat16", "int8"])
    ms = {name: draw(numbers(0.5, 8, step=0.5)) for name in draw(st.permutations(names))}
    return rows_of({name: draw(where) for name in names}), ms


def _slowest(value: object, rows: list[Row], ms: dict[str, float]) -> tuple[object, object]:
    """Name and limit; of modules that take the same time any is as good as the first."""
    pair = _pair(value)
    if pair is None:
        raise Mistake("Your function must return two things.", "Return (name, limit).")
    if isinstance(pair[0], Row):
        raise Mistake("Your function returned a row in place of its name.", "Return (row.name, limit).")
    try:
        name = str(pair[0])
    except Exception:  # what was returned may raise whatever it is asked
        return pair
    alike = [row.name for row in rows if row.runs_in != "int8" and name in ms and ms[row.name] == ms[name]]
    return (alike[0] if name in alike else name), pair[1]


@check(
    "Exercise 3, Read an audit, find the bottleneck",
    why="What a module takes of the whole time is all that making it faster can win. At best its time is 0, and then the rest of the "
    "model is what remains: the total over that rest is the limit, whatever the kernel.",
)
def bottleneck(answer: Callable) -> None:
    """``bottleneck(rows, ms) -> (name, limit)``."""

    def all_gone(nothing_left: float) -> Callable:
        def found(rows: list[Row], ms: dict[str, float]) -> tuple[str, float]:
            left = sum(ms[row.name] for row in rows if row.runs_in == "int8")
            return _bottleneck()(rows, ms)[0], sum(ms.values()) / left if left else nothing_left

        return found

    def of_float_alone(nothing_left: float) -> Callable:
        return _bottleneck(
            kept=lambda row: row.runs_in != "int8",
            limit=lambda own, total: total / (total - own) if total > own else nothing_left,
        )

    def at_any_rate(among: Callable) -> Callable:
        """Also where all run in int8."""

        def found(rows: list[Row], ms: dict[str, float]) -> tuple[str, float]:
            names, total = [row.name for row in rows if among(row)], sum(ms.values())
            name = max(names, key=ms.__getitem__, default="")
            left = total - ms.get(name, 0.0)
            return name, total / left if left else math.inf

        return found

    def without_the_slowest_of_all(rows: list[Row], ms: dict[str, float]) -> tuple[str, float]:
        name, limit = _bottleneck()(rows, ms)
        total = sum(ms.values())
        return name, total / (total - max(ms.values())) if name else limit

    def by_place(rows: list[Row], ms: dict[str, float]) -> tuple[str, float]:
        return _bottleneck()(rows, dict(zip([row.name for row in rows], ms.values(), strict=True)))

    wrong = {
        "You pair rows and times by their places. ms has an order of its own: look each time up by name.": by_place,
        "You take the slowest module of all, although it runs in int8 already. Look for the slowest of the others.": (
            _bottleneck(among=lambda row: True),
            at_any_rate(lambda row: True),
        ),
        "You take the first module that is not int8. Its time decides, not its place.": _bottleneck(
            pick=lambda names, key: names[0]
        ),
        "You take the last module that is not int8. Its time decides, not its place.": _bottleneck(
            pick=lambda names, key: names[-1]
        ),
        "You take the fastest of them. The bottleneck is the slowest.": _bottleneck(pick=min),
        "You look for float32 only. A module in bfloat16, or 'unknown', is not known to run in int8.": _bottleneck(
            among=lambda row: row.runs_in == "float32"
        ),
        "You leave out 'unknown' modules. Nobody knows that they run in int8.": _bottleneck(
            among=lambda row: row.runs_in not in ("int8", "unknown")
        ),
        "Your limit is the share of the module in the time. It is the total over what is left without it.": _bottleneck(
            limit=lambda own, total: own / total
        ),
        "Your limit is the share of the time that is left. The limit is one over that.": _bottleneck(
            limit=lambda own, total: (total - own) / total
        ),
        "Your limit is the total over the module's own time. What would be left without it?": _bottleneck(
            limit=lambda own, total: total / own
        ),
        "Your limit is the time that is left. The limit is the total over that.": _bottleneck(
            limit=lambda own, total: total - own
        ),
        "You leave the int8 modules out of the total. The whole model runs, not only its float part.": (
            _bottleneck(kept=lambda row: row.runs_in != "int8"),
            *map(of_float_alone, (math.inf, 1.0, 0.0)),
        ),
        "You take all modules away that are not int8. The limit is that of one module.": tuple(
            map(all_gone, (math.inf, 1.0, 0.0))
        ),
        "You take bfloat16 for int8. It is a float of 16 bits: such a module does not run in int8.": _bottleneck(
            among=lambda row: row.runs_in not in ("int8", "bfloat16")
        ),
        "You look among the modules that run in int8. Asked are the others.": (
            _bottleneck(among=lambda row: row.runs_in == "int8"),
            at_any_rate(lambda row: row.runs_in == "int8"),
        ),
        "Your second item is the time of the module. Asked is the limit: the total over what is left without it.": _bottleneck(
            limit=lambda own, total: own
        ),
        "You make the module faster by a factor, such as 4. For the limit it takes no time at all.": tuple(
            _bottleneck(limit=lambda own, total, factor=factor: total / (total - own + own / factor))
            for factor in (4, 2)
        ),
        "Your limit is what the module takes against the rest, or the gain alone: 1 too little. It is the total over the "
        "rest.": (
            _bottleneck(limit=lambda own, total: own / (total - own)),
            _bottleneck(limit=lambda own, total: (total - own) / own),
        ),
        "Your limit takes away the slowest module of all. It is that of the module that you return.": (
            without_the_slowest_of_all
        ),
        "You take the first or the last name of the alphabet. Give max the key: the time of each name.": (
            _bottleneck(pick=lambda names, key: max(names)),
            _bottleneck(pick=lambda names, key: min(names)),
        ),
        "If all run in int8, nothing is to be won: the limit is 1.": tuple(
            _bottleneck(none=none) for none in (0.0, math.inf)
        ),
    }
    first = {"embed": "float32", "conv": "int8", "attend": "float32", "norm": "float32"}
    second = {"a": "int8", "b": "unknown", "c": "float32", "d": "bfloat16"}
    compare(
        answer,
        right=_bottleneck(),
        wrong=wrong,
        names=("rows", "ms"),
        edges=[
            (rows_of({"conv": "int8"}), {"conv": 2.0}),
            (rows_of({"x": "int8", "y": "float32"}), {"x": 1.0, "y": 3.0}),
            (rows_of({"x": "float32", "y": "bfloat16"}), {"y": 3.0, "x": 1.0}),
            (rows_of(second), {"a": 3.0, "b": 5.0, "c": 2.0, "d": 1.0}),
            (rows_of(second), {"d": 5.0, "c": 1.0, "b": 1.0, "a": 3.0}),
            (rows_of(first), {"embed": 0.5, "conv": 9.0, "attend": 4.0, "norm": 1.5}),
        ],
        inputs=_audits(),
        rtol=1e-4,
        view=_slowest,
    )

"""Checks of the lesson `choosing`, choosing a method."""

from __future__ import annotations

from collections.abc import Callable

from course_utils.exercises.core import check, try_cases
from course_utils.measure.int8_audit import Row

FIELDS = ("kind", "int8_kernels", "int8_ms", "convert_ms", "drop_pp")
CASES = {
    name: dict(zip(FIELDS, values, strict=True))
    for name, values in {
        "a translator with an LSTM": ("LSTM", True, 12.0, 0.1, 0.0),
        "a search engine with a Transformer": ("Transformer", True, 30.0, 4.0, 0.4),
        "a camera, large CNN": ("CNN", True, 10.0, 9.0, 0.2),
        "a doorbell, small CNN": ("CNN", True, 1.0, 6.0, 2.5),
        "an old laptop": ("CNN", False, 40.0, 5.0, 0.1),
        "a Transformer of narrow layers": ("Transformer", True, 0.4, 0.6, 0.3),
    }.items()
}
# Cases that the lesson does not show: the edges, a name that misleads, and a drop where nothing is static.
HIDDEN = [
    ("CNN", True, 8.0, 2.0, 0.0),
    ("LSTM", True, 8.0, 2.1, 1.0),
    ("CNN", True, 9.0, 20.0, 0.0),
    ("Transformer", True, 20.0, 1.0, 3.0),
    ("LSTM", False, 5.0, 50.0, 4.0),
    ("CNN", True, 2.0, 0.55, 1.2),
]
WHY = {
    "float": "no kernels",
    "dynamic": "conversions are cheap",
    "qat": "static loses accuracy",
    "static": "conversions are expensive",
}


def _choose(
    case: dict,
    *,
    kernels: bool = True,
    quarter: float = 0.25,
    drop: float = 1.0,
    strict: bool = False,
    share: bool = False,
    drop_first: bool = False,
    swapped: bool = False,
) -> tuple[str, str]:
    whole = case["int8_ms"] + (case["convert_ms"] if share else 0)
    limit = quarter * whole
    cheap = case["convert_ms"] < limit if strict else case["convert_ms"] <= limit
    loses = case["drop_pp"] > drop
    if kernels and not case["int8_kernels"]:
        method = "float"
    elif drop_first and loses:
        method = "qat"
    elif cheap:
        method = "static" if swapped else "dynamic"
    elif loses:
        method = "qat"
    else:
        method = "dynamic" if swapped else "static"
    return method, WHY[method]


def _by_name(case: dict) -> tuple[str, str]:
    if not case["int8_kernels"]:
        return "float", WHY["float"]
    method = "dynamic" if case["kind"] != "CNN" else "qat" if case["drop_pp"] > 1 else "static"
    return method, WHY[method]


def _pair(value: object) -> tuple[str, str]:
    method, reason = value
    return str(method).strip().lower(), str(reason).strip().lower()


@check("Exercise 1, Choose, and say why")
def choose(answer: Callable) -> None:
    """``choose(case) -> (method, reason)``."""
    wrong = {
        "You decide by the name of the network. A Transformer of narrow layers may be bound by its conversions, and a "
        "CNN may not: look at the two times.": _by_name,
        "You forget the device. Without int8 kernels no method makes it faster: int8 would only save bytes.": lambda case: (
            _choose(case, kernels=False)
        ),
        "You train for every lost tenth of a point. QAT costs a training: it is for more than 1 point.": lambda case: (
            _choose(case, drop=0.0)
        ),
        "You look at the lost accuracy first. It is that of static int8: where dynamic fits, nobody asks for it.": lambda case: (
            _choose(case, drop_first=True)
        ),
        "You take the quarter of the whole time. It is a quarter of the int8 layers.": lambda case: _choose(
            case, share=True
        ),
        "You ask for conversions below a quarter. 'At most' includes a quarter itself.": lambda case: _choose(
            case, strict=True
        ),
        "You have dynamic and static the wrong way round: dynamic is the one that converts at every layer.": lambda case: (
            _choose(case, swapped=True)
        ),
        "You compare the conversions with the whole time of the layers. A quarter of it is the line.": lambda case: (
            _choose(case, quarter=1.0)
        ),
        "You forget QAT, for where static int8 loses more than 1 point.": lambda case: _choose(case, drop=1e9),
    }
    hidden = [dict(zip(FIELDS, values, strict=True)) for values in HIDDEN]
    try_cases(
        answer,
        right=_choose,
        wrong=wrong,
        convert=_pair,
        names=("case",),
        cases=[(case,) for case in [*CASES.values(), *hidden]],
    )


def _gain(
    layers: list,
    peak_fp32: float,
    peak_int8: float,
    bandwidth: float,
    *,
    ops: int = 2,
    low: int = 1,
    join: Callable = max,
    values_too: bool = True,
) -> float:
    def seconds(peak: float, each: int) -> float:
        return sum(
            join(ops * macs / peak, each * (weights + values * values_too) / bandwidth)
            for macs, weights, values in layers
        )

    return seconds(peak_fp32, 4) / max(seconds(peak_int8, low), 1e-30)  # a mistake may make it 0


def _of_totals(layers: list, *rest: float) -> float:
    return _gain([tuple(map(sum, zip(*layers, strict=True)))], *rest)


@check("Exercise 2, Predict the gain")
def predicted_gain(answer: Callable) -> None:
    """``predicted_gain(layers, peak_fp32, peak_int8, bandwidth) -> float``."""
    wrong = {
        "You take the maximum once, of the totals. Each layer has its own limit: take the maximum in each, then sum.": _of_totals,
        "You count a MAC as one operation. It is a multiplication and an addition.": lambda *args: _gain(*args, ops=1),
        "You add arithmetic and bytes. By the roofline they overlap: the longer of the two counts.": lambda *args: (
            _gain(*args, join=lambda a, b: a + b)
        ),
        "You move 4 bytes a number in int8 too. There it is one.": lambda *args: _gain(*args, low=4),
        "You leave out the inputs and outputs: in static int8 they are moved as well, one byte each.": lambda *args: (
            _gain(*args, values_too=False)
        ),
        "You average the gains of the layers. A short layer then counts as much as a long one: divide the total times.": lambda layers, *rest: (
            sum(_gain([layer], *rest) for layer in layers) / len(layers)
        ),
        "You divide the wrong way round: a gain above 1 means that int8 is faster.": lambda *args: 1 / _gain(*args),
        "You give the ratio of the peaks. It is the gain only where every layer is bound by arithmetic.": lambda layers, fp32, int8, bandwidth: (
            int8 / fp32
        ),
        "You take the shorter of arithmetic and bytes. A layer is not done before both are.": lambda *args: _gain(
            *args, join=min
        ),
    }
    machine = (200.0, 900.0, 20.0)
    mixed = [(2000.0, 10.0, 20.0), (3.0, 40.0, 8.0), (40.0, 2.0, 60.0)]
    try_cases(
        answer,
        right=_gain,
        wrong=wrong,
        names=("layers", "peak_fp32", "peak_int8", "bandwidth"),
        cases=[
            ([(0, 100, 0)], 1.0, 4.0, 1.0),
            (mixed, *machine),
            (mixed[:1], *machine),
            (mixed[1:], *machine),
            ([(4e9, 25e6, 22e6), (85e6, 340e6, 0.2e6)], 240e9, 900e9, 20e9),
            (mixed[::-1], 100.0, 100.0, 5.0),
        ],
    )


def rows_of(runs_in: dict[str, str]) -> list[Row]:
    """Rows of an audit, from {name: what it runs in}."""
    bits = {"int8": 8, "float32": 32}
    return [
        Row(name, "Linear", where, bits.get(where), "", None, "made for the check") for name, where in runs_in.items()
    ]


def _bottleneck(
    rows: list[Row],
    ms: dict[str, float],
    *,
    among: Callable = lambda row: row.runs_in != "int8",
    pick: Callable = max,
    limit: Callable = lambda own, total: total / (total - own),
) -> tuple[str, float]:
    names = [row.name for row in rows if among(row)]
    if not names:
        return "", 1.0
    found = pick(names, key=ms.__getitem__)
    return found, limit(ms[found], sum(ms.values()))


@check("Exercise 3, Read an audit, find the bottleneck")
def bottleneck(answer: Callable) -> None:
    """``bottleneck(rows, ms) -> (name, limit)``."""

    def pair(value: object) -> tuple[str, float]:
        name, limit = value
        return str(name), float(limit)

    def floats_only(rows: list[Row], ms: dict[str, float]) -> tuple[str, float]:
        left = {row.name: ms[row.name] for row in rows if row.runs_in != "int8"}
        return right(rows, left if len(left) > 1 else ms)

    right = _bottleneck
    wrong = {
        "You take the slowest module of all, although it runs in int8 already. Look for the slowest of the others.": lambda rows, ms: (
            right(rows, ms, among=lambda row: True) if right(rows, ms)[0] else ("", 1.0)
        ),
        "You take the first module that is not int8. Its time decides, not its place.": lambda rows, ms: right(
            rows, ms, pick=lambda names, key: names[0]
        ),
        "You look for float32 only. Of a module that is 'unknown' nobody knows that it runs in int8, and "
        "one in bfloat16 does not.": lambda rows, ms: right(rows, ms, among=lambda row: row.runs_in == "float32"),
        "Your limit is the share of the module in the time. The limit is the total over what is left without it.": lambda rows, ms: (
            right(rows, ms, limit=lambda own, total: own / total) if right(rows, ms)[0] else ("", 1.0)
        ),
        "Your limit is the total over the module's own time. What would be left without it?": lambda rows, ms: right(
            rows, ms, limit=lambda own, total: total / own
        ),
        "You leave the int8 modules out of the total. The whole model runs, not only its float part.": floats_only,
        "You take the fastest of them. The bottleneck is the slowest.": lambda rows, ms: right(rows, ms, pick=min),
    }
    first = {"embed": "float32", "conv": "int8", "attend": "float32", "norm": "float32"}
    second = {"a": "int8", "b": "unknown", "c": "float32", "d": "bfloat16"}
    try_cases(
        answer,
        right=right,
        wrong=wrong,
        convert=pair,
        names=("rows", "ms"),
        rtol=1e-4,
        cases=[
            (rows_of({"conv": "int8"}), {"conv": 2.0}),
            (rows_of(first), {"embed": 0.5, "conv": 9.0, "attend": 4.0, "norm": 1.5}),
            (rows_of(second), {"a": 3.0, "b": 5.0, "c": 2.0, "d": 1.0}),
            (rows_of(second), {"a": 3.0, "b": 1.0, "c": 1.0, "d": 5.0}),
            (rows_of({"x": "int8", "y": "float32"}), {"x": 1.0, "y": 3.0}),
        ],
    )

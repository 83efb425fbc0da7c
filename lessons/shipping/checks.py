"""The exercise of the lesson shipping: the model for somebody's limits, or nobody."""

from hypothesis import strategies as st

from course_utils.checks import exercise


@exercise(
    "The model for the limits",
    why="The limits come first, then the one wish, then the bytes; what nobody measured keeps no promise.",
)
def pick(rows, limits, best="accuracy"):
    measured = [row for row in rows if None not in [row[name] for name in (*limits, best)]]  #: the rows with all values
    fit = [row for row in measured if all(a <= row[name] <= b for name, (a, b) in limits.items())]  #: the rows that fit
    most = max([row[best] for row in fit], default=None)  #: the best value among them
    ties = [row for row in fit if row[best] == most]  #: the rows that have it
    winner = min(ties, key=lambda row: row["file_bytes"], default={"name": "nobody"})
    return winner["name"]


def _row(name, file_bytes, ms, accuracy, agreement=0.99):
    return {"name": name, "file_bytes": file_bytes, "ms": ms, "accuracy": accuracy, "agreement": agreement}


@st.composite
def _calls(draw):
    rows = [
        _row(name, draw(st.sampled_from([10, 20, 30])), *(draw(st.sampled_from(of)) for of in _VALUES))
        for name in "ABC"[: draw(st.integers(0, 3))]
    ]
    limits = {name: draw(of) for name, of in _LIMITS.items() if draw(st.booleans())}
    return rows, limits, draw(st.sampled_from(["accuracy", "agreement"]))


_VALUES = ([1.0, 2.0, None], [0.5, 0.75, 0.9, None], [0.9, 0.98, 1.0])
_LIMITS = {
    "file_bytes": st.sampled_from([(0, 10), (0, 20), (20, 30)]),
    "ms": st.sampled_from([(0, 1.0), (0, 1.5), (0, 0.5)]),
    "accuracy": st.sampled_from([(0.75, 1), (0.8, 1)]),
}
_two = [_row("float", 40, 2.0, 0.9), _row("int8", 10, 1.0, 0.75)]
pick.tries(
    _calls(),
    also=[
        (_two, {"file_bytes": (0, 20)}, "accuracy"),
        (_two, {"file_bytes": (0, 5)}, "accuracy"),
        (_two, {}, "accuracy"),
        (_two, {"file_bytes": (0, 40), "accuracy": (0.9, 1)}, "accuracy"),
        (_two[::-1], {"ms": (0, 3)}, "agreement"),  # a tie: the smaller file
        ([_row("float", 40, 2.0, 0.9), _row("int8", 10, 2.0, 0.9)], {}, "accuracy"),
        ([_row("first", 10, 1.0, 0.9), _row("second", 10, 2.0, 0.9)], {}, "accuracy"),
        ([_row("not timed", 10, None, 0.9), *_two], {"ms": (0, 2)}, "accuracy"),
        ([_row("not timed", 10, None, 0.9), *_two], {}, "accuracy"),
        ([_row("no labels", 10, 1.0, None)], {"file_bytes": (0, 20)}, "accuracy"),
        ([_row("all zero", 10, 0.0, 0.0, 0.0)], {"ms": (0, 1)}, "agreement"),  # measured, and 0
        (_two[::-1], {}, "ms"),
        ([], {"ms": (0, 2)}, "accuracy"),
    ],
)
pick.ideas(
    {
        "fit = [row for row in measured if any(a <= row[name] <= b for name, (a, b) in limits.items())]": "A row must keep "
        "*all* limits. One that is small enough and too slow does not fit.",
        "fit = [row for row in measured if all(a < row[name] < b for name, (a, b) in limits.items())]": "Both ends of a "
        "limit belong to it: at most 20 includes 20.",
        "ties = fit": "The one with most of `best` wins; the bytes only decide a tie.",
        'winner = min(ties, key=lambda row: 0, default={"name": "nobody"})': "Of rows with equally much of `best` the "
        "smallest file wins.",
        "measured = [row for row in rows if None not in row.values()]": "A value that is missing only matters where "
        "somebody asks for it, in `limits` or as `best`.",
    }
)

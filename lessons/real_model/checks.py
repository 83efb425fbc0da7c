"""Checks of the lesson `real_model`: the bytes or the operations, and the bytes of a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median

from hypothesis import strategies as st

from course_utils.exercises.core import check
from course_utils.exercises.investigation import (
    Run,
    World,
    by_arm,
    comes_out,
    investigate,
    numbered,
    one_alone,
    one_in_three,
)
from course_utils.exercises.search import compare

ARMS = ("as it is", "half the bytes", "twice the operations")
FOUND = ("bytes", "operations", "both", "neither")
FEWEST = 5  # seeds
MOST_NAMED = 5  # other rules in a verdict


def _named(time: Mapping[str, float], help_below: float = 0.75, cost_above: float = 1.25) -> str:
    """What the card concludes from one time of each arm; the limits can be others."""
    helps = time["half the bytes"] < help_below * time["as it is"]
    costs = time["twice the operations"] > cost_above * time["as it is"]
    if helps:
        return "both" if costs else "bytes"
    return "operations" if costs else "neither"


def _by_the_card(runs: Sequence[Run]) -> str:
    return _named({arm: min(own) for arm, own in by_arm(runs).items()})


def _others(own: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Rules that are not the card's -> what they conclude; the more particular ones first."""
    least = {arm: min(times) for arm, times in own.items()}
    base, half, twice = (least[arm] for arm in ARMS)
    right = _named(least)
    found = {
        "if the two questions are exchanged": {"bytes": "operations", "operations": "bytes"}.get(right, right),
        "if 'both' and 'neither' are exchanged": {"both": "neither", "neither": "both"}.get(right, right),
        "if the answer is 'bytes' as soon as half the bytes help": "bytes" if right == "both" else right,
        "if the answer is 'operations' as soon as twice the operations cost": (
            "operations" if right == "both" else right
        ),
        "if what is neither is called 'both'": "both" if right == "neither" else right,
        "if one yes is enough for 'both'": "neither" if right == "neither" else "both",
        "if milliseconds stand in place of quotients": _of_quotients(half, twice),
        "if the quotients are upside down": _of_quotients(base / half, base / twice),
        "if the two limits are exchanged": _named(least, help_below=1.25, cost_above=0.75),
        "if half the bytes are compared with twice the operations and not with as it is": (
            "bytes" if half < twice else "operations"
        ),
        "if each of the two is divided by the other and not by as it is": _of_quotients(half / twice, twice / half),
        "if half the bytes must take no more than half of the time": _named(least, help_below=0.5),
        "if half the bytes must take nearly half of the time": _named(least, help_below=0.6),
        "if any gain at all counts as a help": _named(least, help_below=1),
        "if any loss at all counts as a cost": _named(least, cost_above=1),
        "if twice the operations must take nearly twice the time": _named(least, cost_above=1.75),
        "if nobody asks what the operations cost": "bytes" if right in ("bytes", "both") else "neither",
        "if nobody asks what the bytes bring": "operations" if right in ("operations", "both") else "neither",
    }
    by_seed = (min(x / y for x, y in zip(own[arm], own["as it is"], strict=False)) for arm in ARMS[1:])
    noisy = {
        "if the first run is left out": _named({arm: min(times[1:] or times) for arm, times in own.items()}),
        "if the least quotient of a seed stands in place of the quotient of the least times": _of_quotients(*by_seed),
    }
    summaries: dict[str, Callable] = {
        "second least time": lambda times: sorted(times)[:2][-1],
        "median": median,
        "mean": fmean,
        "longest time": max,
        "first run": lambda times: times[0],
        "last run": lambda times: times[-1],
    }
    noisy |= {
        f"if the {word} stands in place of the least time": _named({arm: summary(t) for arm, t in own.items()})
        for word, summary in summaries.items()
    }
    return {rule: says for rule, says in noisy.items() if says != right} | found


def _of_quotients(helps: float, costs: float) -> str:
    """The card's two questions, asked of any two numbers."""
    return _named({"as it is": 1, "half the bytes": helps, "twice the operations": costs})


def _own_times(runs: Sequence[Run], got: str) -> str:
    """The card's two questions, with the learner's own numbers, and which other rule would give the conclusion."""
    own = by_arm(runs)
    least = {arm: min(times) for arm, times in own.items()}
    said = f"Of your {len(own[ARMS[0]])} runs each, the least times are "
    said += ", ".join(f"{arm!r} {time:.4g}" for arm, time in least.items())
    helps, costs = (least[arm] / least["as it is"] for arm in ARMS[1:])
    said += f": quotients {helps:.3f}, which helps below 0.75, and {costs:.3f}, which costs above 1.25."
    return said + comes_out(got, [rule for rule, says in _others(own).items() if says == got][:MOST_NAMED])


def _machine(
    said: str,
    times: tuple[float, float, float],
    odd: tuple[float, float, float] | None = None,
    when: Callable[[int], bool] = one_in_three,
) -> World:
    """A made-up machine.

    Args:
        said: what is planted.
        times: least milliseconds of each arm.
        odd: the milliseconds in other runs.
        when: in which.
    """
    usual = dict(zip(ARMS, times, strict=True))
    others = dict(zip(ARMS, odd or times, strict=True))

    def measure(arm: str, number: int, *, seed: int) -> float:
        slower = 0.004 * ((7 * seed + 3 * ARMS.index(arm)) % 5)  # other programs only make it slower
        return (others if when(seed) else usual)[arm] * (1 + slower)

    return World(said, _by_the_card if odd else _named(usual), numbered(measure), _own_times)


def _all_but_one(seed: float) -> bool:
    return not one_alone(seed)


def _later(seed: float) -> bool:
    return seed > 0


def _fifth(seed: float) -> bool:
    return seed == 4


MACHINES = (
    _machine("half the bytes take half of the time, and twice the operations cost nothing", (10, 5.2, 10.3)),
    _machine("half the bytes change nothing, and twice the operations take twice the time", (10, 9.8, 19.6)),
    _machine("half the bytes help a third, and twice the operations cost a half", (10, 6.6, 15)),
    _machine("calls take the time: neither changes much", (0.02, 0.0196, 0.0206)),
    _machine("half the bytes help a little more than a quarter", (10, 7.3, 10.2)),
    _machine("half the bytes help a little less than a quarter", (10, 7.7, 10.2)),
    _machine("twice the operations cost a little more than a quarter", (10, 9.9, 12.8)),
    _machine("twice the operations cost a little less than a quarter", (10, 5.4, 12.2)),
    _machine("in one run of three another program slows half the bytes", (10, 6, 10.4), (10, 30, 10.4)),
    _machine("in all runs but one another program slows it as it is", (10, 9.6, 14), (18, 9.6, 14), _all_but_one),
    _machine(
        "in one run alone another program slows twice the operations",
        (10, 9.5, 10.5),
        (10, 9.5, 80),
        one_alone,
    ),
    _machine("in all runs but the first another program slows it as it is", (10, 9.6, 14), (18, 9.6, 14), _later),
    _machine("only in the fifth run another program lets it run as it is", (18, 9.6, 14), (10, 9.6, 14), _fifth),
    _machine("a small layer: half the bytes help a third, and twice the operations cost a third", (0.24, 0.16, 0.32)),
    _machine(
        "another program slows twice the operations in all runs but one", (10, 9.5, 30), (10, 9.5, 10.5), one_alone
    ),
    _machine("another program slows half the bytes in all runs but one", (10, 30, 10.4), (10, 6, 10.4), one_alone),
    _machine("half the bytes take longer, and twice the operations less time", (10, 14, 7)),
    _machine("half the bytes help a half, and twice the operations cost a third", (10, 5, 13.3)),
    _machine("half the bytes help, and twice the operations take a little less time", (10, 7.2, 9.2)),
    _machine("half the bytes take a little longer, and twice the operations cost a third", (10, 12, 13.2)),
)


@check(
    "Exercise 1, The bytes or the operations?",
    why="Each arm changes one thing and leaves the other as it is, so a change of the time has one possible reason. "
    "The least time is the one that other programs have disturbed the least.",
)
def what_decides(answer: Callable) -> None:
    """``what_decides(ms) -> "bytes", "operations", "both" or "neither"``, on made-up machines."""
    investigate(
        answer,
        MACHINES,
        arms=ARMS,
        settings={"seed": 0},
        least={"seed": FEWEST},
        conclusions=FOUND,
        rule=_by_the_card,
        rule_said=_own_times,
        name="ms",
    )


# ---- exercise 2 --------------------------------------------------------------------------------------


@st.composite
def _models(draw: Callable) -> tuple:
    """(stored, table, rows, tied, kv, length, size)."""
    rows, width, tied = draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.booleans())
    table = rows * width
    others = draw(st.integers(0, 30)) + (0 if tied else table)
    return table + others, table, rows, tied, draw(st.integers(1, 9)), draw(st.integers(0, 9)), draw(st.integers(1, 4))


@check(
    "Exercise 2, The bytes of a token",
    why="A look-up reads one row of the table, the head is read whole. If both are one matrix, the head's reading includes the row. "
    "The cache adds what every earlier token has left.",
)
def token_bytes(answer: Callable) -> None:
    """``token_bytes(stored, table, rows, tied, kv, length, size) -> int``."""

    def rule(
        *,
        whole=lambda tied: tied,
        row=lambda table, rows, length: table // rows,
        cache=lambda kv, length: kv * length,
        cached=lambda tied: True,
        each=lambda size: size,
        each_of_cache=None,
        more=lambda table, rows, tied: 0,
        passes=lambda length: 1,
    ):
        """The card's rule, or one that differs in what is given: a part in numbers, or the bytes of a number.

        whole: whether the table is read whole. row: what is looked up of one that is not. cached: whether there is a
        cache. more: numbers besides. passes: how often the weights are read.
        """

        def n_bytes(stored, table, rows, tied, kv, length, size):
            weights = stored if whole(tied) else stored - table + row(table, rows, length)
            weights = (weights + more(table, rows, tied)) * passes(length)
            of_cache = cache(kv, length) if cached(tied) else 0
            return weights * each(size) + of_cache * (each_of_cache or each)(size)

        return n_bytes

    def no_cache(tied):
        return False

    def for_each(table, rows, length):
        return table // rows * (length + 1)

    wrong = {
        "You count the whole table of an untied model. A look-up reads one row of it.": rule(whole=lambda tied: True),
        "You take the table out of a tied model, too. There it is the head, and the head is read whole.": rule(
            whole=lambda tied: False
        ),
        "You have tied and untied the wrong way round. Tied, the table is the head and is read whole.": rule(
            whole=lambda tied: not tied
        ),
        "You leave out the row that an untied model looks up.": rule(row=lambda table, rows, length: 0),
        "You take `rows` numbers for the row that is looked up. A row has table / rows numbers.": rule(
            row=lambda table, rows, length: rows
        ),
        "You count a single number for the row that is looked up. A row has table / rows numbers.": rule(
            row=lambda table, rows, length: 1
        ),
        "You add the looked-up row to a tied model. The head reads the whole table, this row among it.": rule(
            more=lambda table, rows, tied: table // rows if tied else 0
        ),
        "You count the table of a tied model twice, as embedding and as head. It is stored once, and read once.": rule(
            more=lambda table, rows, tied: table if tied else 0
        ),
        "You take the table out twice of an untied model. Its head is a matrix of its own, and is read whole.": rule(
            more=lambda table, rows, tied: 0 if tied else -table
        ),
        "You leave out the cache. The keys and values of the tokens before are read as well.": rule(cached=no_cache),
        "You count the cache of one token. Each of the `length` tokens before has left its own.": (
            rule(cache=lambda kv, length: kv),
            rule(cache=lambda kv, length: kv if length else 0),
        ),
        "You count the new token among those before it. Its own keys and values are computed, and not read.": rule(
            cache=lambda kv, length: kv * (length + 1)
        ),
        "You leave the last token before out. It has left its keys and values like the others.": rule(
            cache=lambda kv, length: kv * max(0, length - 1)
        ),
        "You double the cache. `kv` has the keys and the values already.": rule(
            cache=lambda kv, length: 2 * kv * length
        ),
        "You square the number of tokens. Each has one set of keys and values.": rule(
            cache=lambda kv, length: kv * length**2
        ),
        "You read the weights once for each token before. One pass is over one token, and reads them once.": rule(
            passes=lambda length: max(1, length)
        ),
        "You return numbers. Each has `size` bytes.": rule(each=lambda size: 1),
        "You return bits. Asked are bytes.": rule(each=lambda size: 8 * size),
        "You divide by 8. `size` is in bytes already.": (
            rule(each=lambda size: size / 8),
            lambda *counts: rule()(*counts) // 8,
        ),
        "The cache in your result is not multiplied by the size of a number.": rule(each_of_cache=lambda size: 1),
        "The weights in your result are not multiplied by the size of a number.": rule(
            each=lambda size: 1, each_of_cache=lambda size: size
        ),
        "You take the row that is looked up out of an untied model. It is all of the table that is read: take the other rows out.": (
            rule(whole=lambda tied: True, more=lambda table, rows, tied: 0 if tied else -(table // rows))
        ),
        "You take the table out of a tied model, and a row out of an untied one. Tied, the head reads the whole table; untied, one row is read.": (
            lambda stored, table, rows, tied, kv, length, size: (
                (stored - (table if tied else table // rows) + kv * length) * size
            )
        ),
        "A part of your result is left out where `tied` has one of its values: mind what + and * join before `if … else` chooses.": (
            lambda stored, table, rows, tied, kv, length, size: (
                stored if tied else stored - table + table // rows + kv * length * size
            ),
            lambda stored, table, rows, tied, kv, length, size: (
                stored if tied else (stored - table + table // rows + kv * length) * size
            ),
        ),
        "You add up what all passes up to this one read. Asked is one token: its own pass alone.": (
            rule(passes=lambda length: length + 1),
            rule(cache=lambda kv, length: kv * length * (length + 1) // 2),
            rule(cache=lambda kv, length: kv * length * (length - 1) // 2),
            rule(passes=lambda length: length + 1, cache=lambda kv, length: kv * length * (length + 1) // 2),
        ),
        "You multiply the cache by `rows`. What a token leaves are `kv` numbers, however many rows the table has.": (
            lambda stored, table, rows, tied, kv, length, size: rule()(
                stored, table, rows, tied, kv * rows, length, size
            )
        ),
        "You multiply the cache by the size of a number twice.": rule(each_of_cache=lambda size: size**2),
        "You divide by the number of tokens before. Asked are the bytes of this one token, which reads all weights.": (
            lambda stored, table, rows, tied, kv, length, size: (
                rule()(stored, table, rows, tied, kv, length, size) // max(length, 1)
            ),
            lambda stored, table, rows, tied, kv, length, size: (
                rule()(stored, table, rows, tied, kv, length, size) / max(length, 1)
            ),
            lambda stored, table, rows, tied, kv, length, size: (
                rule()(stored, table, rows, tied, kv, length, size) / (length + 1)
            ),
        ),
        "You count a token where none comes before. With `length` 0 the cache is empty.": rule(
            cache=lambda kv, length: kv * max(length, 1)
        ),
        "You return kilobytes or megabytes. Asked are bytes.": (
            lambda *counts: rule()(*counts) / 1024,
            lambda *counts: rule()(*counts) // 1024,
            lambda *counts: rule()(*counts) / 1000,
            lambda *counts: rule()(*counts) / 1e6,
            lambda *counts: rule()(*counts) / 2**20,
        ),
        "You add `length` to `kv`. Each of the `length` tokens has left `kv` numbers: multiply.": rule(
            cache=lambda kv, length: kv + length
        ),
        "You count the weights alone, and all that are stored: no cache, and the whole table of an untied model.": rule(
            whole=lambda tied: True, cached=no_cache
        ),
        "You take the whole table out, tied or not. Tied, it is the head and is read; untied, one row is looked up.": (
            rule(whole=lambda tied: False, row=lambda table, rows, length: 0)
        ),
        "You take a row out of a tied model. The head reads every row, so nothing is saved there.": rule(
            more=lambda table, rows, tied: -(table // rows) if tied else 0
        ),
        "You look up a row for each token before. With a cache the pass is over one token: one row.": (
            rule(row=for_each),
            rule(row=for_each, cached=no_cache),
            rule(row=lambda table, rows, length: table // rows * length),
            lambda stored, table, rows, tied, kv, length, size: (
                (stored - (0 if tied else table) + for_each(table, rows, length) + kv * length) * size
            ),
        ),
        "You read more of an untied model than it stores. The head is in `stored`, and one row is all of the table.": (
            rule(whole=lambda tied: True, more=lambda table, rows, tied: 0 if tied else table // rows),
            rule(whole=lambda tied: True, more=lambda table, rows, tied: 0 if tied else table),
            rule(whole=lambda tied: True, more=lambda table, rows, tied: 0 if tied else table + table // rows),
        ),
        "You count the cache of an untied model alone. A tied one has a cache, too.": rule(
            cached=lambda tied: not tied
        ),
        "You count the cache of a tied model alone. An untied one has a cache, too.": rule(cached=lambda tied: tied),
        "You count the cache with 2 bytes a number. Here every number has `size` bytes.": rule(
            each_of_cache=lambda size: 2
        ),
        "You count the cache with 4 bytes a number. Here every number has `size` bytes.": rule(
            each_of_cache=lambda size: 4
        ),
        "You count the cache alone. The weights are read for each token.": (
            lambda stored, table, rows, tied, kv, length, size: kv * length * size
        ),
    }
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        rtol=0.0,
        names=("stored", "table", "rows", "tied", "kv", "length", "size"),
        edges=[
            (10, 4, 2, True, 3, 0, 1),
            (20, 6, 3, False, 5, 4, 2),
            (20, 6, 2, True, 5, 4, 2),
            (20, 6, 3, False, 5, 0, 4),
            (12, 6, 6, False, 1, 1, 1),
            (134_515_008, 28_311_552, 49_152, True, 11_520, 1000, 4),
            (162_826_560, 28_311_552, 49_152, False, 11_520, 1000, 2),
        ],
        inputs=_models(),
    )

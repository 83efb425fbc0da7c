"""What comes out of a sheet: one table, one figure, one recommendation."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from course_utils import plots, runtime
from course_utils.files import ROOT
from course_utils.tables import Table, si
from weigh import ways
from weigh.forms import Row, Way
from weigh.sheet import LATE, Sheet

LIMITS = {  # what a reader may ask for -> its words, and whether more is better
    "mb": ("megabytes of the file", False),
    "ms": ("milliseconds a call on one thread", False),
    "agreement": ("share of answers that stay, 0 to 1", True),
    "accuracy": ("share of right answers, 0 to 1", True),
}
KEEPS = 0.98  # the agreement that a recommendation asks for when the limits say nothing of answers
HIDDEN = 0.0005  # a share below it is shown as 0.0 %
FRONT = (
    "★: of the forms that keep any answers, no other is at least as good in bytes, time (one thread) and answers, and "
    "better in one of them"
)
DIVERGENCE = (
    "KL divergence: how far the probabilities of the next token are from the model's as it is, in nats, in the mean of "
    "all tokens; it moves before the answers do."
)
FILE = "File: the saved weights (PT2E, ONNX: the program); an exported program, which is shipped, holds the graph, too"
APART = 3.0  # times as long on all cores as on one thread, and a millisecond: other programs had the cores
CLOSE = 1.05  # so many times slower or larger counts as equal: than the model as it is, and among the fastest forms


def front(rows: Sequence[Row]) -> list[Row]:
    """The rows to which no other is at least as good in bytes, time and answers, and better in one; marks them too.

    A form that keeps no answer is not among them.
    """
    done = [row for row in rows if row.built and row.ms and min(_quality(row), row.agreement) >= HIDDEN]

    def values(row: Row) -> tuple[float, ...]:
        return row.file_bytes, row.ms, -_quality(row)

    for row in rows:
        row.front = row in done and not any(
            all(b <= a for a, b in zip(values(row), values(other), strict=True)) and values(row) != values(other)
            for other in done
        )
    return [row for row in done if row.front]


def _quality(row: Row) -> float:
    return row.accuracy if row.accuracy is not None else row.agreement


def table(sheet: Sheet, *, clock: bool = True) -> Table:
    """All rows, ★ on those of the front. What was made in different cells is timed once more, all in turn.

    Args:
        sheet: with rows, of `run` and `cut`.
        clock: time all rows again.
    """
    if clock:
        ways.clocked(sheet, sheet.rows)
    front(sheet.rows)
    judged = any(row.accuracy is not None for row in sheet.rows)
    tokens = any(row.divergence is not None for row in sheet.rows)
    head = ["", "", "file", "ms, 1 thread", f"ms, {runtime.physical_cores()} cores", "in int8", "answers kept"]
    lines = [
        [
            "★" if row.front else "",
            row.name,
            si(row.file_bytes, "B").replace(" ", "\u00a0") if row.file_bytes else "–",
            _ms(row.ms),
            _ms(row.ms_all),
            row.in_int8 or "–",
            _share(row.agreement),
            *["–" if row.divergence is None else f"{row.divergence:.2g}"] * tokens,
            *[_share(row.accuracy)] * judged,
            _remark(row, sheet.rows[:at]),
        ]
        for at, row in enumerate(sheet.rows)
    ]
    parts = [f"{FRONT}. {FILE}.", f"Answers: {sheet.doubt}." * bool(sheet.doubt), DIVERGENCE * tokens, unsure(sheet)]
    caption = " ".join(filter(None, parts))
    return Table([*head, *["KL divergence"] * tokens, *["right answers"] * judged, "remark"], lines, caption=caption)


def _remark(row: Row, before: Sequence[Row]) -> str:
    """Its remark; of what stood in a row before, the first sentence alone."""
    first, more, _ = row.remark.partition(". ")
    if "--peers" in row.remark:  # the recommendation says the rest
        return f"{first}: --peers."
    return f"{first} (as above)." if more and any(other.remark == row.remark for other in before) else row.remark


def unsure(sheet: Sheet) -> str:
    """A sentence where the times cannot be trusted; "" where they can."""
    timed = [row for row in sheet.rows if row.built and row.ms]
    found = {sheet.unsure.get((row.name, slot), "") for row in timed for slot in ("ms", "ms_all")}
    if any(row.ms_all and row.ms_all > APART * row.ms + 1 for row in timed):
        found.add(ways.SCATTER)
    for why, mend in ((ways.SCATTER, "on a quiet machine"), (ways.ONCE, "with more minutes")):
        if why in found:
            return f"The times {why}, so don't trust the milliseconds; weigh again {mend}."
    return ""


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def figure(sheet: Sheet) -> None:
    """Show bytes against time, a point a row; the front is full; it and the first have names."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # the library is to be imported without it

    best = sorted(front(sheet.rows), key=lambda row: row.file_bytes)
    rows = [row for row in sheet.rows if row.built and row.ms]
    fig, ax = plots.figure(size=(12, 6))
    ax.set(xscale="log", yscale="log")
    for axis in (ax.xaxis, ax.yaxis):  # 2, 5, 10, 20 and not 2×10⁰
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    for row in rows:
        colour = plots.COLOURS["orange" if row.agreement < KEEPS else "blue"]
        at = row.file_bytes / 1e6, row.ms
        ax.scatter(*at, s=120, color=colour, facecolor=colour if row in best else "white", linewidth=2)
        if row in best or row is rows[0]:
            ax.annotate(row.name, at, xytext=(10, 4), textcoords="offset points", fontsize=16)
    ax.set(xlabel="file, MB", ylabel="ms a call, one thread")
    ax.margins(x=0.3, y=0.15)
    kept = ", ".join(row.name for row in best)
    plots.show(
        fig,
        alt=f"Bytes of the file against milliseconds a call for {len(rows)} forms of one model. On the front: {kept}.",
        caption="Left and down is better. Full points are on the front; orange ones lose more than 2 % of the answers. "
        "The table names the others.",
    )


def recommend(sheet: Sheet, limits: Mapping[str, float] | None = None) -> str:
    """What to ship, what it costs, how far that can be trusted, and which lesson comes next; or that nothing fits.

    In paragraphs: the verdict; what else there is, and the rule; what is uncertain.

    Args:
        sheet: with rows that were measured, the model as it is first.
        limits: of `LIMITS`: "mb" (megabytes), "ms" (milliseconds on one thread) at most, "agreement", "accuracy" (0 to
            1) at least. Without one for answers, 98 % of them must stay; answers that say little (`sheet.doubt`) choose
            nothing, unless a limit asks for them. "mb" is held against the file, once `ship` has written it.
    Raises:
        ValueError: an unknown limit, or one that is no number.
    """
    (chosen, misses), wanted = choose(sheet, limits), _wanted(sheet, limits)
    base = _done(sheet)[0]
    if misses:
        said = [_nothing(sheet, limits, chosen, misses)]
    elif chosen is base:
        said = [
            "Ship the model as it is: nothing that was tried keeps its answers and is faster, or as fast and smaller; "
            "limits say whether bytes or time may pay for the other."
            if any(row.built and row is not base for row in sheet.rows)
            else "Nothing else was tried: the remarks in the table say why, and more minutes may mend it."
        ]
    else:
        said = _shipping(sheet, chosen, base, wanted.get("agreement", 0))
    if limits and chosen is not base and not _misses(base, limits):
        said.append("The model as it is kept your limits already.")
    others = [] if misses else [*_others(sheet, chosen, limits), _rule(sheet, limits)]
    verdict, said = said, []
    if "mb" in (limits or {}) and chosen.opened is None:
        said.append("Megabytes here are those in the table; the file that `ship` writes may have more.")
    for row in _done(sheet):
        if row.opened and _misses(row, wanted) and not _misses(replace(row, opened=None), wanted):
            size = si(row.opened.file_bytes, "B")
            said.append(f"“{row.name}” keeps your limits in the table, and as a file of {size} it doesn't.")
    said += _untried(sheet)
    if chosen.way.compiled:
        said.append(
            "Where it runs it needs a C++ compiler, which takes its time at each start "
            f"({chosen.built.compile_s:.0f} s here), and batches of this one shape."
        )
    if sheet.doubt:
        say = "had no say in this choice" if "agreement" not in (limits or {}) else "may still mislead"
        said.append(f"The answers {say} ({sheet.doubt}). Weigh again with trained weights before you ship.")
    if sheet.given[0] and chosen is not base:
        said.append(f"Times are compared with those of the model in float32, and yours was given in {sheet.given[0]}.")
    return "\n\n".join(" ".join(part) for part in (verdict, others, said) if part)


def _nothing(sheet: Sheet, limits: Mapping[str, float] | None, closest: Row, misses: str) -> str:
    """That nothing fits, and what would without the limit that nobody gave."""
    late, n = any(row.remark.startswith(LATE) for row in sheet.rows), len(_done(sheet))
    none = f"Of the {n} form{'s' * (n > 1)} that {'were' if n > 1 else 'was'} measured, none" if late else "Nothing"
    said = f"the closest is “{closest.name}”, which misses by {misses}."
    if "agreement" not in _wanted(sheet, limits) or "agreement" in (limits or {}):
        return f"{none} fits the limits; {said}"
    said = f"{none} keeps your limits and {KEEPS:.0%} of the answers, as is asked where no limit speaks of them; {said}"
    row, misses = choose(sheet, {**(limits or {}), "agreement": 0.0})
    if misses:
        return said
    right = f", and {_share(row.accuracy)} are right" if row.accuracy is not None else ""
    size = si((row.opened or row).file_bytes, "B")
    kept = f"{size}, {_ms(row.ms)} ms, and {_share(row.agreement)} of the answers stay{right}"
    return f"{said} Your limits alone are kept by “{row.name}”: {kept}. The limit agreement=NUMBER says how many must."


def _shipping(sheet: Sheet, chosen: Row, base: Row, asked: float) -> list[str]:
    """What to ship and what that costs; and a warning where less than `asked` is kept of the answers kept back."""
    smaller, faster = sheet.file_bytes / chosen.file_bytes, base.ms / chosen.ms
    kept, right, before, n = ways.tried_last(sheet, chosen)
    which = f"the {n} inputs " + ("kept back until now" if sheet.kept_back else "that also chose it")
    if sheet.doubt:
        cost = "whether its answers hold cannot be told"
    elif kept < 1:
        cost = f"{1 - kept:.1%} of its answers change on {which}"
    else:  # with none changed of n, a larger share than this one would have shown itself in 95 of 100 cases
        cost = f"no answer changes on {which} (so few allow up to {1 - 0.05 ** (1 / n):.0%} in use)"
    if right is not None:
        cost += f", {100 * (right - before):+.1f} points of accuracy"
    marked = f" ({chosen.remark})" if chosen.remark else ""
    gains = f"{times(smaller, 'smaller', 'larger')} than the model as it is, {_pace(faster)}"
    twin = next((row for row in _done(sheet) if row.name == chosen.way.twin), None)
    if twin and base.ms > 1.05 * twin.ms:
        gains += f" (“{twin.name}” alone is {base.ms / twin.ms:.3g} times as fast)"
    short = kept < asked and not sheet.doubt
    opening = "If answers didn't count, ship" if sheet.doubt else "Ship"
    opening = "Not yet to ship, but the best candidate:" if short else opening
    said = [f"{opening} “{chosen.name}”{marked}: {gains}, and {cost}; {_lesson(chosen.way)} explains it."]
    if short:
        said.append(
            f"So it keeps {kept:.1%} of the answers there, and {asked:.0%} were asked for. Weigh again with more "
            "inputs: whether so many stay shows in some hundred, and not in fewer."
        )
    return said


def _rule(sheet: Sheet, limits: Mapping[str, float] | None) -> str:
    """How the row was chosen, in a sentence."""
    conditions = ["keep your limits"] if limits else []
    if "agreement" in _wanted(sheet, limits) and "agreement" not in (limits or {}):
        conditions.append(f"keep {KEEPS:.0%} of the answers")
    _, fair = _fitting(sheet, _wanted(sheet, limits))
    spared = [said for name, said in {"mb": "slower", "ms": "larger"}.items() if name not in (limits or {})]
    if spared and fair:
        conditions.append(f"are at most {CLOSE - 1:.0%} {' or '.join(spared)} than the model as it is")
    return (
        f"The rule: of the forms that {' and '.join(conditions)}, the fastest; and among those that are as fast within "
        f"{CLOSE - 1:.0%}, the smallest."
    )


def _untried(sheet: Sheet) -> list[str]:
    """A sentence each on ways for which a package is missing, or the time; on unused inputs; on times of no worth."""
    said, (given, used) = [unsure(sheet)] if unsure(sheet) else [], sheet.inputs
    if any(row.name == ways.ORT and "--peers" in row.remark for row in sheet.rows):
        said.append(
            "Not tried: ONNX Runtime and OpenVINO, often the fastest (weigh with --peers, which installs them)."
        )
    if late := [row.name for row in sheet.rows if row.remark.startswith(LATE)]:
        which = f"{len(late)} of {len(sheet.rows)} ways were left out for time"
        said.append(f"{which} ({', '.join(late)}): weigh with more minutes.")
    if sheet.odd:
        which, n = "batch was" if sheet.odd == 1 else "batches were", f"{used} input{'s' * (used > 1)}"
        said.append(
            f"{sheet.odd} {which} of another shape than the first and not used, so all this rests on {n}. Give all "
            "one shape: pad texts to one length, or cut them into pieces of it."
        )
    if used < given:
        said.append(f"You gave {given} inputs, and {used} were used; more minutes use more.")
    return said


def _others(sheet: Sheet, chosen: Row, limits: Mapping[str, float] | None) -> list[str]:
    """A sentence on the fastest form, where it isn't the chosen one, and on the smallest.

    The fastest is also named where its answers alone speak against it.
    """
    said, wanted = [], _wanted(sheet, limits)
    cost = {name: limit for name, limit in wanted.items() if name not in ("agreement", "accuracy")}
    trained = [row for row in _done(sheet) if row.way.trained]
    faster = [row for row in trained if CLOSE * row.ms < chosen.ms and not _misses(row, cost)]
    smaller = [row for row in trained if CLOSE * row.file_bytes < chosen.file_bytes and not _misses(row, wanted)]
    for word, rows, first, then in (("Faster", faster, "ms", "file_bytes"), ("Smaller", smaller, "file_bytes", "ms")):
        if not rows:
            continue
        row = _first(rows, first, then)
        kept = f"keeps {_share(row.agreement)} of the answers" if row.agreement < 1 else "keeps all answers"
        if sheet.doubt:
            kept = "was judged by bytes and time alone"
        elif row.accuracy is not None:
            kept += f", and {_share(row.accuracy)} are right"
        why = ", which is too few" if _misses(row, wanted) else ""
        costs = [f"{_ms(row.ms)} ms in place of {_ms(chosen.ms)}"]
        costs.insert(word == "Faster", f"{si(row.file_bytes, 'B')} in place of {si(chosen.file_bytes, 'B')}")
        said.append(f"{word}: “{row.name}”, {', '.join(costs)}; it {kept}{why}.")
    return said


def _first(rows: Sequence[Row], first: str, then: str) -> Row:
    """The row with the least of one thing; and among those that are equal within `CLOSE`, with the least of another."""
    least = min(getattr(row, first) for row in rows)
    return min((row for row in rows if getattr(row, first) <= CLOSE * least), key=lambda row: getattr(row, then))


def times(ratio: float, better: str, worse: str) -> str:
    """A ratio in words: "1.5 times smaller"; "not smaller" between 0.95 and 1.05."""
    if 0.95 < ratio < 1.05:
        return f"not {better}"
    return f"{ratio:.3g} times {better}" if ratio > 1 else f"{1 / ratio:.3g} times {worse}"


def _pace(ratio: float) -> str:
    if 0.95 < ratio < 1.05:
        return "as fast"
    return f"{ratio:.3g} times as fast" if ratio > 1 else f"taking {1 / ratio:.3g} times as long"


def _done(sheet: Sheet) -> list[Row]:
    """The rows that were measured.

    Raises:
        ValueError: there is none.
    """
    done = [row for row in sheet.rows if row.built and row.ms]
    if not done:
        raise ValueError("no row was measured: run(sheet) first, and see its remarks")
    return done


def _wanted(sheet: Sheet, limits: Mapping[str, float] | None) -> dict[str, float]:
    """The limits, and the one for answers that holds where none is given, unless the answers say little.

    Raises:
        ValueError: an unknown limit, or one that is no number.
    """
    limits = checked(limits)
    if not sheet.doubt and not {"agreement", "accuracy"} & set(limits):
        limits["agreement"] = KEEPS
    return limits


def checked(limits: Mapping[str, float] | None) -> dict[str, float]:
    """The limits, as they were given.

    Raises:
        ValueError: an unknown one, one that is no number, or a share that is not from 0 to 1.
    """
    limits = dict(limits or {})
    for name, value in limits.items():
        if name not in LIMITS or not isinstance(value, int | float):
            known = ", ".join(f"{key} ({words})" for key, (words, _) in LIMITS.items())
            raise ValueError(f"the limit {name}={value!r} is not one of these, with a number: {known}")
        if LIMITS[name][1] and not 0 <= value <= 1:
            raise ValueError(f"the limit {name}={value:g} is a share, from 0 to 1: 95 % are {name}=0.95")
    return limits


def choose(sheet: Sheet, limits: Mapping[str, float] | None = None) -> tuple[Row, str]:
    """The row to ship, and by what it misses the limits ("" where it fits); see `recommend`."""
    limits, done = _wanted(sheet, limits), _done(sheet)
    fitting, _ = _fitting(sheet, limits)
    if fitting:
        return _first(fitting, "ms", "file_bytes"), ""
    short = {id(row): _misses(row, limits) for row in done}
    nearest = min(done, key=lambda row: sum(by for _, by in short[id(row)]))
    return nearest, " and ".join(words for words, _ in short[id(nearest)])


def _fitting(sheet: Sheet, limits: Mapping[str, float]) -> tuple[list[Row], bool]:
    """The rows that keep the limits; and whether what nobody limited was asked of them, too, because some keep that."""
    done = _done(sheet)
    fitting = [row for row in done if not _misses(row, limits)]
    # Whoever asked for bytes may pay with time, and the other way round; whoever asked for nothing pays with neither.
    fair = [
        row
        for row in fitting
        if row is done[0]
        or ("mb" in limits or row.ms < CLOSE * done[0].ms)
        and ("ms" in limits or row.file_bytes < CLOSE * sheet.file_bytes)
    ]
    # Who was not trained after a cut comes last: random weights and easy batches may keep their answers all the same.
    return [row for row in fair if row.way.trained] or fair or fitting, bool(fair)


def misses(sheet: Sheet, row: Row, limits: Mapping[str, float] | None) -> float:
    """By how much a row misses the limits, as `choose` compares rows; 0 where it fits."""
    return sum(by for _, by in _misses(row, _wanted(sheet, limits)))


def _misses(row: Row, limits: Mapping[str, float]) -> list[tuple[str, float]]:
    """What a row misses, by its file where one was written: words, and by which factor (its logarithm)."""
    row = row.opened or row
    has = {"mb": row.file_bytes / 1e6, "ms": row.ms, "agreement": row.agreement, "accuracy": row.accuracy}
    found = []
    for name, limit in limits.items():
        value, more = has[name], LIMITS[name][1]
        if value is None:
            found.append((f"{name}, which needs labels", 1.0))
        elif more and value < limit:
            found.append((f"{100 * (limit - value):.1f} points of {name}", 10 * (limit - value)))
        elif not more and value > limit:
            found.append((f"{value - limit:.3g} {'MB' if name == 'mb' else 'ms'}", math.log(value / limit)))
    return found


def _lesson(way: Way) -> str:
    parts = tomllib.loads((ROOT / "lessons" / "course.toml").read_text(encoding="utf-8"))["part"]
    titles = {
        name: f"lesson {number}.{nth}, {title},"
        for number, part in enumerate(parts, start=1)
        for nth, (name, title) in enumerate(part["lessons"].items(), start=1)
    }
    return next(titles[name] for name in way.lessons if name in titles)

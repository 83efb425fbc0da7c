"""What is wrong with an answer, in words: a mistake that the check knows, or what all its wrong results have in common.

The surest comes first: a known mistake that explains nearly all, then what is true of every wrong result, then a known
mistake that explains most.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from course_utils.exercises import amounts, kinds, moved, places, readings, relations
from course_utils.exercises.inputs import Clock
from course_utils.exercises.pattern import LEAST, RESULT, Pattern, capital, quiet
from course_utils.exercises.trial import Outcome, Trial, Tried
from course_utils.exercises.values import SEQUENCES, same

EXPLAINS = 0.98  # a mistake is named when it agrees with the answer on more than this share of where either is wrong
SUGGESTS = 0.7  # above this share it is named with a "perhaps"; below, it is as a rule another mistake
AGAIN = 8  # inputs on which the function is called with its parameters in another order
MOST_ITEMS = 6  # of a tuple, that are looked at one by one

Wrong = Mapping[str, Callable | tuple[Callable, ...]]


@dataclass(frozen=True)
class Finding:
    """What is wrong with an answer.

    Attributes:
        hint: what kind of mistake it is, for the input that is shown; "" where nothing was found.
        shows: whether an input on which the answer is wrong shows it.
        sure: False where the hint says only where to look.
    """

    hint: Callable[[Tried], str] = lambda one: ""
    shows: Callable[[Tried], bool] = lambda one: True
    sure: bool = False


def _said(text: str, shows: Callable[[Tried], bool] = lambda one: True, sure: bool = True) -> Finding:
    return Finding(lambda one: text, shows, sure)


def found(trial: Trial, wrong: Wrong, tried: Sequence[Tried], aside: Sequence[Tried], clock: Clock) -> Finding:
    """The best that can be said of a wrong answer.

    Args:
        trial: the comparison.
        wrong: hint -> a function that makes that mistake, or several.
        tried: what was tried, with one wrong result or more.
        aside: of these, inputs without a result to look at: they count for a mistake, but not against one.
        clock: of the time there is for calling the functions again.
    """
    kept_back = set(map(id, aside))
    counted = [one for one in tried if id(one) not in kept_back]
    failed = [one for one in counted if not one.good]
    known = _nearest(trial, wrong, tried, kept_back)
    try:
        return (
            _other_order(trial, failed)
            or (known if known and known.sure else None)
            or _in_common(trial, counted, failed, clock)
            or known
            or _hinted(trial, counted, failed, clock)
        )
    except Exception:  # what came back raises when it is looked at
        return known or Finding()


# ---- mistakes that the check knows -------------------------------------------------------------------


def mistakes(wrong: Wrong) -> Iterator[tuple[str, int, Callable]]:
    """(hint, number, function) of every way to make one of the mistakes.

    Args:
        wrong: as in `found`.
    """
    for hint, ways in wrong.items():
        for number, way in enumerate(ways if isinstance(ways, tuple) else (ways,)):
            yield hint, number, way


def _made(trial: Trial, mistake: Callable, one: Tried, key: str) -> tuple[Outcome, bool]:
    """What a mistake makes of an input that was tried, and whether that is wrong; `key` says which mistake it is."""
    own = trial.of(mistake, one.args)
    return own, not trial.equal(one.expected, own)


def _nearest(trial: Trial, wrong: Wrong, tried: Sequence[Tried], aside: set[int]) -> Finding | None:
    """The mistake that agrees best with the answer where either is wrong."""
    ordered = sorted(tried, key=lambda one: one.good)  # where the answer is wrong first: there most mistakes drop out
    n_failed = sum(not one.good and id(one) not in aside for one in tried)
    best, hint, explained, of, nearest = SUGGESTS, "", 0, 0, None
    for text, number, mistake in mistakes(wrong):
        alike = apart = alone = (
            0  # both wrong alike, the answer wrong in its own way, the mistake wrong where it is right
        )
        on_aside, most = 0, n_failed + len(aside)
        for one in ordered:
            own, differs = _made(trial, mistake, one, f"{text} {number}")
            if one.good:
                alone += differs and not trial.equal(own, one.got)
            elif trial.equal(own, one.got):
                alike, on_aside = alike + 1, on_aside + (id(one) in aside)
            elif id(one) not in aside:
                apart += 1
            if (most - apart) <= best * (most + alone):  # too far off, whatever comes
                break
        else:
            share = alike / max(1, alike + apart + alone)
            if share > best:
                best, hint, nearest, explained, of = share, text, mistake, alike, n_failed + on_aside
    if nearest is None:
        return None
    if explained < of:
        hint = f"{hint} (That explains {explained} of the {of} results that are wrong.)"
    said = hint if best > EXPLAINS else f"Perhaps this: {hint}"
    return _said(said, lambda one: trial.equal(trial.of(nearest, one.args), one.got), best > EXPLAINS)


def telling(trial: Trial, wrong: Wrong, right: Sequence[Tried]) -> list[Tried]:
    """Of inputs on which the answer is right, those on which that tells something.

    There some mistake is wrong, and the result is not 0, which a wrong factor leaves alone.

    Args:
        trial, wrong: as in `found`.
        right: the inputs.
    """
    return [
        one
        for one in right
        if not same(0, one.expected.value)
        and (not wrong or any(_made(trial, way, one, f"{hint} {number}")[1] for hint, number, way in mistakes(wrong)))
    ]


def _other_order(trial: Trial, failed: Sequence[Tried]) -> Finding | None:
    """Where the function has the card's parameters in another order and is right by their names."""
    try:
        own = list(inspect.signature(trial.answer).parameters)[: len(trial.names)]
    except (TypeError, ValueError):  # some callables do not tell
        return None
    if own == list(trial.names) or sorted(own) != sorted(trial.names):
        return None
    place = [list(trial.names).index(name) for name in own]
    by_name = replace(trial, answer=lambda *args: trial.answer(*(args[at] for at in place)))
    right = [by_name.on(one.args).good for one in failed[:AGAIN]]
    if sum(right) <= len(right) * SUGGESTS:
        return None
    said = f"The parameters of your function are {', '.join(own)}."
    return _said(
        f"{said} The card has them in the order {', '.join(trial.names)}, and the check calls it in that order."
    )


# ---- what all wrong results have in common -----------------------------------------------------------


def _pairs(tried: Sequence[Tried]) -> list[tuple[object, object]]:
    return [(one.expected.shown, one.got.shown) for one in tried]


def _in_common(
    trial: Trial, counted: Sequence[Tried], failed: Sequence[Tried], clock: Clock, subject: str = RESULT
) -> Finding | None:
    """What is true of every wrong result, or of every wrong item."""
    if len(failed) < LEAST or any(one.got.lost for one in failed):
        return None
    always = readings.whatever_it_is_given(trial, counted, subject)
    if always:
        return _said(always)
    wrong, right = _pairs(failed), _pairs([one for one in counted if one.good])
    found = [moved.rearranged(wrong, right, subject)]
    if found[0] and found[0].sure and found[0].everywhere:
        return _of_pattern(found[0])
    refused = [one for one in failed if one.got.fault]
    if refused:  # by the check, which says why; if it is most of them, that comes before their values
        return Finding(shows=lambda one: one.got.fault is not None) if 2 * len(refused) >= len(failed) else None
    if 2 * sum(bool(_unlike(one, subject)) for one in failed) >= len(failed):
        return Finding(lambda one: _unlike(one, subject), lambda one: bool(_unlike(one, subject)), True)
    found.append(relations.related(wrong, right, subject, partly=False))
    if found[1] and found[1].sure and found[1].everywhere:
        return _of_pattern(found[1])
    other = amounts.by_amount(trial, counted, subject) or _read(trial, counted, clock, subject)
    if other:
        return _said(*other)
    items = _of_items(trial, counted, failed, clock, subject)
    if items and items.sure:
        return items
    for pattern in (*found, relations.related(wrong, right, subject)):
        if pattern and pattern.sure:
            return _of_pattern(pattern)
    idle = readings.without_effect(trial, counted, clock, subject)
    return _said(idle) if idle else None


def _read(
    trial: Trial, counted: Sequence[Tried], clock: Clock, subject: str
) -> tuple[str, Callable[[Tried], bool]] | None:
    found = readings.read_otherwise(trial, counted, clock, subject)
    return found and (found[0], lambda one: trial.equal(trial.of(found[1], one.args), one.got))


def _of_pattern(pattern: Pattern) -> Finding:
    return _said(pattern.text, lambda one: pattern.holds(one.expected.shown, one.got.shown), pattern.sure)


def _unlike(one: Tried, subject: str) -> str:
    """How a result differs in kind from the expected one, and does so as the check compares them, too; else ""."""
    if one.got.fault:
        return ""
    tag, text = kinds.unlike(one.expected.shown, one.got.shown, subject)
    return text if tag and tag == kinds.unlike(one.expected.value, one.got.value)[0] else ""


def _of_items(
    trial: Trial, counted: Sequence[Tried], failed: Sequence[Tried], clock: Clock, subject: str
) -> Finding | None:
    """What is wrong with a tuple of a few items: each item by itself, as if the function gave it alone."""
    sizes = {len(e) if isinstance(e, tuple) else 0 for e, _ in _pairs(failed)}
    sizes |= {len(g) if isinstance(g, SEQUENCES) else 0 for _, g in _pairs(failed)}
    if len(sizes) != 1 or not 2 <= (size := sizes.pop()) <= MOST_ITEMS:
        return None
    fine, known, unknown = [], {}, []
    for n in range(size):
        item, part = f"the {kinds.place(n)}", [_item(trial, one, n) for one in counted]
        wrong = [one for one in part if not one.good]
        if not wrong:
            fine.append(item)
            continue
        found = _in_common(_trial_of_item(trial, n), part, wrong, clock, f"{item} of {subject}")
        if found and found.sure:
            known[n] = found
        else:
            lean = relations.related(_pairs(wrong), (), f"{item} of {subject}")
            unknown.append(lean.text if lean else "")
    if unknown and not fine:
        return None
    is_right = f"{'is' if len(fine) == 1 else 'are'} right on every input."
    also = f"{capital(' and '.join(fine))} of {subject} {is_right}" if fine else ""

    def hint(one: Tried) -> str:
        items = ((found, _item(trial, one, n)) for n, found in known.items())
        texts = [found.hint(item) for found, item in items if quiet(found.shows)(item)]  # true of what is shown
        return " ".join(filter(None, [*texts, also, *unknown]))

    def shows(one: Tried) -> bool:
        items = ((found, _item(trial, one, n)) for n, found in known.items())
        return any(not item.good and found.shows(item) for found, item in items)

    return Finding(hint, quiet(shows) if known else lambda one: True, bool(known))


def _item(trial: Trial, one: Tried, n: int) -> Tried:
    """The same as if the functions gave the item `n` of their results alone."""
    e, g = one.expected.shown[n], one.got.shown[n]
    return Tried(one.args, one.good or trial.agree(e, g), Outcome(g, g), Outcome(e, e))


def _trial_of_item(trial: Trial, n: int) -> Trial:
    return replace(
        trial,
        answer=lambda *args: trial.answer(*args)[n],
        right=lambda *args: trial.right(*args)[n],
        view=lambda value, *args: value,
    )


def _hinted(trial: Trial, counted: Sequence[Tried], failed: Sequence[Tried], clock: Clock) -> Finding:
    """On which side the wrong results lie, and on which inputs: no mistake yet, but where to look for it."""
    if any(one.got.fault for one in failed):
        return Finding()
    wrong, right = _pairs(failed), _pairs([one for one in counted if one.good])
    items = _of_items(trial, counted, failed, clock, RESULT)
    pattern = None if items else moved.rearranged(wrong, right) or relations.related(wrong, right)
    place, sure = places.where_wrong(trial, counted)
    texts = [items.hint(failed[0]) if items else "", pattern.text if pattern else "", place]
    return _said(" ".join(filter(None, texts)), sure=sure)

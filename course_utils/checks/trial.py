"""One comparison of a learner's function with others: what each gives for an input, and when two results agree."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from course_utils.checks import models
from course_utils.checks.calls import outside, run
from course_utils.checks.kinds import first_difference
from course_utils.checks.mistake import Mistake
from course_utils.checks.values import same, show

BY_CHANCE = 0.01  # how likely it is, at most, that all wrong inputs share what is told of them


@dataclass
class Outcome:
    """What the learner's function did with one input: the value as it is compared, or what was wrong with it."""

    shown: object = None
    value: object = None
    fault: Mistake | None = None

    @property
    def lost(self) -> bool:
        """True when there is no result to look at: it raised, gave None, or changed its input."""
        return self.fault is not None and self.shown is None


@dataclass
class Tried:
    """An input, whether the answer is right on it, what the answer gave and what is expected."""

    args: tuple
    good: bool
    got: Outcome
    expected: Outcome


def _kind(fault: Mistake) -> str:
    """Why there is no value: the exception's type, or what is wrong with the value that there was."""
    return type(fault.__cause__).__name__ if fault.__cause__ else fault.message


def _twice(function: Callable) -> Callable:
    """A function that is called twice with the same objects, and gives what comes of the second call."""
    return lambda *own: (function(*own), function(*own))[1]


def only_with(wrong: Sequence[Tried], right: Sequence[Tried], names: Sequence[str]) -> str:
    """A sentence on what the arguments of all wrong inputs have in common, and those of no right one; else ""."""
    ours, theirs = ([models.traits(one.args, names) for one in group] for group in (wrong, right))
    trait = min(sorted(set.intersection(*ours).difference(*theirs)), key=lambda trait: "=" in trait, default="")
    sure = trait and (1 / (len(right) + 1)) ** len(wrong) < BY_CHANCE
    return f"Of the inputs that were tried, only those with {trait} go wrong." if sure else ""


@contextlib.contextmanager
def inside(folder: str) -> Iterator[None]:
    """A block that works in a folder of the check.

    Raises:
        Mistake: an answer has deleted it.
    """
    if not os.path.isdir(folder):
        raise Mistake("Your function deletes files that are not its own.", "It may delete what it has made itself.")
    with contextlib.chdir(folder):
        yield


@dataclass
class Trial:
    """One comparison: calls each function on copies, the references in an empty folder.

    Attributes:
        answer, right: the scene with the learner's functions, and that with the references.
        names: of the arguments.
        agree: whether two values are the same.
        view: ``view(value, *args)`` gives what is compared.
        given: by its id, an input with what is expected of it, which is made once.
        folder: in which the references play.
    """

    answer: Callable
    right: Callable
    names: Sequence[str]
    agree: Callable[[object, object], bool]
    view: Callable
    given: dict[int, list] = field(default_factory=dict)
    folder: str = "."

    def of_answer(self, args: tuple) -> Outcome:
        """The outcome of the learner's functions."""
        try:
            got = run(self.answer, args, self.names)
        except Mistake as mistake:
            return Outcome(fault=mistake)
        try:
            return Outcome(got, self.view(got, *args))
        except Mistake as mistake:
            return Outcome(got, fault=mistake)

    def of(self, function: Callable, args: tuple) -> Outcome:
        """The outcome of a function of ours; whatever it raises is an outcome, too."""
        kept = self.given.get(id(args)) if function is self.right else None
        if kept and kept[1]:
            return kept[1]
        with inside(self.folder):
            outcome = self._of_ours(function, args)
        if kept:
            kept[1] = outcome
        return outcome

    def _of_ours(self, function: Callable, args: tuple) -> Outcome:
        try:
            got = function(*copy.deepcopy(list(args)))
            return Outcome(got, self.view(got, *args))
        except Mistake as refused:
            return Outcome(fault=refused)
        except Exception as error:
            return Outcome(fault=Mistake(type(error).__name__))

    def equal(self, one: Outcome, other: Outcome) -> bool:
        """True when two outcomes are the same: values that agree, or no value for the same reason."""
        if one.fault or other.fault:
            return bool(one.fault and other.fault) and _kind(one.fault) == _kind(other.fault)
        return self.agree(one.value, other.value)

    def on(self, args: tuple) -> Tried:
        """What the answer makes of `args`, beside what is expected.

        The right function comes first: what torch loads when it is needed is loaded then, and not on the answer's time.
        """
        expected, got = self.of(self.right, args), self.of_answer(args)
        return Tried(args, not got.fault and self.equal(expected, got), got, expected)

    def alike(self, function: Callable, one: Tried, *, whole: bool) -> bool:
        """Whether a function of ours gives what the answer gave; not the `whole`: in what is first wrong."""
        version = self.of(function, one.args)
        if whole or version.fault or one.got.fault:
            return self.equal(version, one.got)
        (part, _, ours), (wrong, _, theirs) = (
            first_difference(one.expected.value, got.value, self.agree) for got in (version, one.got)
        )
        return part == wrong and self.agree(ours, theirs)

    def gives_the_same_again(self, one: Tried) -> None:
        """Call the answer on an input again, twice on one model: what it gives must not hang on the calls before.

        Raises:
            Mistake: it gives something else, and the right function does not.
        """
        on_one = not one.got.fault and any(isinstance(value, torch.nn.Module) for value in one.args)
        often = _twice if on_one else functools.partial  # by which the right function is played anew
        answers = getattr(self.answer, "args", ()) or (self.answer,)
        before = {name: copy.copy(value) for name, value in outside(answers).items()}
        second = dataclasses.replace(self, answer=often(self.answer)).of_answer(one.args)
        if self.equal(one.got, second) or not self.equal(one.expected, self.of(often(self.right), one.args)):
            return
        shown = [show(got.shown, 200) if got.fault is None else got.fault.message for got in (one.got, second)]
        facts = (("one call", shown[0]), ("a later one", shown[1])) if len(set(shown)) > 1 else ()
        filled = [name for name, value in outside(answers).items() if not same(before.get(name), value)]
        cause = "" if filled else ": something outside of it is changed, or it draws at random"
        hint = " is made outside of your function, and keeps what each call puts into it: make it inside, or empty it."
        raise Mistake(
            f"Your function returns something else when it is called again on the same input{cause}.",
            f"`{filled[0]}`{hint}" if filled else "",
            (("your call", models.call(one.args, self.names)), *facts),
        )

    def turned(self, one: Tried) -> bool:
        """Whether what the answer gave is a pair that would be right in the other order."""
        pair = one.got.shown
        with contextlib.suppress(Exception):  # what came back may raise when it is looked at
            both = type(one.expected.shown) is tuple and type(pair) in (tuple, list) and len(pair) == 2
            return both and self.agree(one.expected.value, self.view(pair[::-1], *one.args))
        return False

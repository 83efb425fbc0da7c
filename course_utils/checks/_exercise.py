"""An exercise: a reference that speaks, what it is tried on, and the verdict on somebody's answer."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import itertools
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from hypothesis import strategies as st

from course_utils.checks import isolation
from course_utils.checks.calls import meaning
from course_utils.checks.core import NOT_YET, Verdict, say_what_is_gone, verdict
from course_utils.checks.effects import ENTRIES, NOT_LOOKED_AT, Look, seen
from course_utils.checks.explain import LEAST, Case, explained, way_to, where_raised
from course_utils.checks.inputs import NONE_FOUND, Clock, Strategy, smallest
from course_utils.checks.kinds import first_difference, unlike
from course_utils.checks.mistake import Mistake
from course_utils.checks.models import bare, bulk, call
from course_utils.checks.reference import Reference
from course_utils.checks.trial import Trial, Tried
from course_utils.checks.values import Said, same, show

EXAMPLES, MIN_EXAMPLES, AGAIN = 80, 10, 8  # generated; tried however slow the answer is; tried a second time
SHRINKS, MAX_IDEAS = 120, 5  # further inputs on which a smaller one is looked for; sentences
BRAKE = 20.0  # seconds of processor time for all inputs, which only an answer meets that takes a quarter of one a call
SLOW = 3.0  # the same of a wrong answer, after which no more is looked for than what is known
COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # in what torch says to a terminal


def exercise(title: str, *, why: str = "", of: Sequence[Callable] = ()) -> Callable:
    """Make an exercise of its reference: a right solution, whose lines say behind ``#:`` what they make.

    Args:
        title: of the exercise's card.
        why: why the right answer works; shown when an answer has passed.
        of: the references, where the exercise asks for several functions, or for one that is played with and not only
            called. What is decorated is then the scene, ``scene(*functions, *arguments)``: it gives what came of it.
    """
    return lambda function: Exercise(function, of, title, why)


class Exercise:
    """A check: call it with the learner's function, or functions, and it gives a `Verdict`; it never raises."""

    def __init__(self, function: Callable, of: Sequence[Callable], title: str, why: str):
        functools.update_wrapper(self, function, updated=())
        self.references, self.scene = [Reference(one) for one in of or [function]], function if of else _called
        self.names = list(inspect.signature(function).parameters)[len(of) :]
        self.looked_at, self.said, self.refused, self.folder = {}, [], 0, "."
        self.title, self.why = title, why
        say_what_is_gone(function)

    def tries(
        self, inputs: Strategy | None = None, *, also=(), rtol=1e-5, atol=0.0, examples=EXAMPLES, **each: Strategy
    ) -> None:
        """Say what the answer is tried on, and how near a number must come.

        Args:
            inputs: a Hypothesis strategy of argument tuples; or `each`, one strategy for each argument; or neither.
            also: argument tuples that must be among them: what the card names, and the edges.
            rtol, atol: two numbers agree within ``atol + rtol * |expected|``.
            examples: how many inputs are generated; fewer where one call takes long.
        """
        self.inputs = st.tuples(*(each[name] for name in self.names)) if each else inputs
        self.also, self.examples, self.agree = also, examples, functools.partial(same, rtol=rtol, atol=atol)

    def looks(self, at: Mapping[str, Look]) -> None:
        """Look at what comes back, and not only compare it: label, "" for a dict -> ``look(it, *arguments)``."""
        self.looked_at = at

    def ideas(self, texts: Mapping[str | Callable | tuple, str]) -> None:
        """At most five sentences that numbers cannot say, each for the answers that do the same as its key.

        A key is a line of the reference written wrongly (see `Reference.otherwise`), a wrong function, or some of them.
        """
        if len(texts) > MAX_IDEAS:
            raise ValueError(f"{self.__name__} has {len(texts)} ideas; at most {MAX_IDEAS} are read")
        every = [(key, said) for keys, said in texts.items() for key in (keys if type(keys) is tuple else (keys,))]
        self.said = [(self._otherwise(key), said) for key, said in every]

    def __call__(self, *answers: object) -> Verdict:
        """The verdict on an answer: a function for each reference, in their order."""
        answers = [*answers, *[None] * len(self.references)][: max(len(answers), len(self.references))]
        lacking = [answer for answer in answers if not callable(answer)]
        found = verdict(self, lacking[0] if lacking else functools.partial(self.scene, *answers))
        self.refused += found.status == NOT_YET
        return found

    def labels(self) -> dict[str, str]:  # variable -> what it is, of all references
        return {name: label for reference in self.references for name, label in reference.labels.items()}

    def playing(self, *functions: Callable | None) -> functools.partial:
        """The scene with these functions; None, and what is left out, stands for the reference."""
        made = [one or reference.made() for one, reference in itertools.zip_longest(functions, self.references)]
        return functools.partial(self.scene, *made)

    def alone(self, at: int, function: Callable) -> functools.partial:
        """The scene with one function in place of the reference number `at`."""
        return self.playing(*(function if n == at else None for n in range(len(self.references))))

    def _otherwise(self, key: str | Callable) -> Callable:
        for at, reference in enumerate(self.references):
            with contextlib.suppress(KeyError):
                return self.alone(at, reference.otherwise(key) if isinstance(key, str) else key)
        raise KeyError(f"no line of a reference is like {key!r}")

    def trial(self, answer: Callable) -> Trial:
        """The comparison of the scene with somebody's functions and the scene with the references."""

        def view(value: object, *args: object) -> object:
            with isolation.call_under_way(lambda: call(args, self.names)):
                return seen(self.looked_at, value, *copy.deepcopy(args)) if self.looked_at else value

        self.given = getattr(self, "given", None) or self._given()
        return Trial(answer, self.playing(), self.names, self.agree, view, self.given, self.folder)

    def _given(self) -> dict[int, list]:
        """Each input, made once for all verdicts, with what is expected of it when that is known; by its id."""
        made = list(self.also)
        self._search(made.append)
        return {id(args): [args, None] for args in made}

    def _search(self, fails: Callable[[tuple], object]) -> object:
        limits = {"count": self.examples, "most": self.examples + SHRINKS}
        return NONE_FOUND if self.inputs is None else smallest(self.inputs, fails, **limits)

    def tried(self, trial: Trial) -> Iterator[Tried]:
        """What came of each input, the edges first; always the same inputs."""
        clock, failed = Clock(BRAKE), 0
        for number, (args, _) in enumerate(list(self.given.values())):
            if number >= len(self.also) + MIN_EXAMPLES and clock.over() or failed >= LEAST and self.slow.over():
                break
            one = trial.on(args)
            failed += not one.good
            yield one

    def judge(self, answer: functools.partial) -> None:
        """Raise the `Mistake` for the smallest input that was found on which the answer is wrong."""
        self.judged, self.slow = answer, Clock(SLOW)
        with tempfile.TemporaryDirectory() as self.folder:
            self._compare(self.trial(answer))

    def _compare(self, trial: Trial) -> None:
        tried = sorted(self.tried(trial), key=lambda one: bulk(one.args))
        failed = [one for one in tried if not one.good]
        for number, one in enumerate(failed[:LEAST] or tried[:AGAIN]):
            if not (number and failed and self.slow.over()):
                trial.gives_the_same_again(one)
        if not failed:
            return
        lost = 2 * sum(one.got.lost for one in failed) > len(failed)  # what most failures are; the others wait
        finding = explained(self, trial, tried, lost)

        def shows(one: Tried) -> bool:
            return not one.good and one.got.lost == lost and finding.shows(one)

        shown = [one.args for one in failed if shows(one)]
        finding = finding if shown else Case()  # what came back is no longer what it was
        known = min(shown or (one.args for one in failed), key=lambda args: bulk(args) * (1 + 2 * bare(args)))
        found = (
            NONE_FOUND
            if self.slow.over()
            else self._search(lambda args: bare(args) <= bare(known) and shows(trial.on(args)))
        )
        least = known if found is NONE_FOUND or bulk(known) < bulk(found) else found
        raise self._mistake(trial.on(least), finding)

    def _mistake(self, one: Tried, finding: Case) -> Mistake:
        fault, expected, got = one.got.fault, one.expected.value, one.got.value
        facts, text = {"your call": call(one.args, self.names)}, finding.text
        own = self.scene is _called or not isinstance(one.expected.shown, Mapping)
        if finding.whole:
            message = "On this input the result is wrong."
            facts |= {"returned": show(one.got.shown), "expected": show(one.expected.shown)}
        elif fault:
            message, text = fault.message, text or fault.hint
            if self.scene is not _called and where_raised(self, fault) is None:
                message = message.replace("Your function raised", "What your function makes cannot be used:")
                text = finding.text
            facts |= {"expected": show(expected)} if own and not self.looked_at else {}
            facts |= {label: what for label, what in fault.facts if label == "changed"}
        elif message := unlike(one.expected.shown, one.got.shown) if own else "":
            facts |= {"returned": show(one.got.shown)} | ({} if self.looked_at else {"expected": show(expected)})
            finding = Case()  # parts say nothing of a kind
        else:
            asked = {label: ENTRIES.get(look.__name__) for label, look in self.looked_at.items()} | {"": "{}"}
            worded = self.looked_at or self.scene is not _called
            part, expected, got = first_difference(expected, got, self.agree, asked if worded else None)
            message = f"This is not as asked: {part}." if part else "On this input the result is wrong."
            types = [type(value.shown).__name__ for value in (one.got, one.expected)]
            unseen = type(got) is Said and got.startswith(NOT_LOOKED_AT)
            if unseen and isinstance(expected, Mapping) and issubclass(type(one.got.shown), torch.nn.Module):
                text = text or meaning(got)
                message, got = f"What you return cannot be used: {got.removeprefix(NOT_LOOKED_AT).strip()}", None
            elif unseen and types[0] != types[1]:
                message, finding = "Your result is of the type {}; expected is the type {}.".format(*types), Case()
            else:
                facts |= {"yours" if part else "returned": show(got), "expected": show(expected)}
            if len({*facts.values()} - {facts["your call"]}) == 1:
                facts["expected"] += "  (the difference is too small, or too far inside, to be shown)"
        on_the_way, said, own = way_to(self, one.args, finding, (fault and where_raised(self, fault)) or "")
        facts |= (on_the_way if self.refused else {}) | ({"your variables": own} if own else {})
        return Mistake(COLOUR.sub("", message), text or said, tuple(facts.items()))


def _called(answer: Callable, *args: object) -> object:
    """The scene of an exercise that compares what a function gives."""
    return answer(*args)

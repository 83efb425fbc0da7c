"""An exercise: a reference that speaks, what it is tried on, and the verdict on somebody's answer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

from hypothesis import strategies as st

from course_utils.checks.effects import Look, bulk, call, first_difference, seen, show
from course_utils.checks.explain import Case, explained, overheard_parts
from course_utils.checks.reference import Reference
from course_utils.exercises.core import Verdict, check
from course_utils.exercises.inputs import NONE_FOUND, Clock, Strategy, smallest
from course_utils.exercises.mistake import Mistake
from course_utils.exercises.trial import Trial, Tried
from course_utils.exercises.values import difference, same

INPUTS, LEAST_INPUTS, AGAIN = 100, 30, 8  # generated; tried however slow the answer is; tried a second time
SECONDS = 0.6  # of processor time, for trying inputs and for shrinking
MOST_IDEAS = 5


def exercise(title: str, *, why: str = "", of: Sequence[Callable] = ()) -> Callable[[Callable], Exercise]:
    """Make an exercise of its reference: a right solution, whose lines say behind ``#:`` what they make.

    Args:
        title: of the exercise's card.
        why: why the right answer works; shown when an answer has passed.
        of: the references, where the exercise asks for several functions. What is decorated is then the scene,
            ``scene(*functions, *arguments)``, which plays with them and gives what came of it.
    """
    return lambda function: Exercise(function, title, why, of)


class Exercise:
    """A check: call it with the learner's function, or functions, and it gives a `Verdict`; it never raises."""

    def __init__(self, function: Callable, title: str, why: str, of: Sequence[Callable]):
        self.references = [Reference(one) for one in of or [function]]
        self.scene = function if of else lambda answer, *args: answer(*args)
        arguments = Reference(function).arguments
        self.names, self.looked_at, self.said, self.attempts = arguments[len(of) :], {}, [], 0
        functools.update_wrapper(self, function, updated=())
        self._verdict = check(title, why=why)(functools.wraps(function)(lambda answer: self._judge(answer)))

    def tries(
        self, inputs: Strategy | None = None, *, also: Sequence[tuple] = (), rtol=1e-5, atol=0.0, **each: Strategy
    ) -> None:
        """Say what the answer is tried on, and how near a number must come.

        Args:
            inputs: a Hypothesis strategy of argument tuples; or `each`, one strategy for each argument.
            also: argument tuples that must be among them: what the card names, and the edges.
            rtol, atol: two numbers agree within ``atol + rtol * |expected|``.
        """
        self.inputs = st.tuples(*(each[name] for name in self.names)) if inputs is None else inputs
        self.also, self.agree = also, functools.partial(same, rtol=rtol, atol=atol)

    def looks(self, at: Mapping[str, Look]) -> None:
        """Look at what comes back, and not only compare it: label -> ``look(what came back, *arguments)``."""
        self.looked_at = at

    def ideas(self, texts: Mapping[str | Callable, str]) -> None:
        """At most five sentences for what numbers cannot say.

        Args:
            texts: a line of the reference written wrongly (see `Reference.otherwise`), or a wrong function -> what to
                say to somebody whose answer does the same.
        """
        if len(texts) > MOST_IDEAS:
            raise ValueError(f"{self.__name__} has {len(texts)} ideas; at most {MOST_IDEAS} are read")
        self.said = [(self._otherwise(key) if isinstance(key, str) else key, text) for key, text in texts.items()]

    def __call__(self, *answers: object) -> Verdict:
        """The verdict on an answer: a function for each reference, in their order."""
        no_function = [answer for answer in answers if not callable(answer)]
        verdict = self._verdict(no_function[0] if no_function else functools.partial(self.scene, *answers))
        self.attempts += verdict.status == "not yet"
        return verdict

    def labels(self) -> dict[str, str]:
        """Variable -> what it is, of all references."""
        return {name: label for reference in self.references for name, label in reference.labels.items()}

    def playing(self, *functions: Callable | None) -> Callable:
        """The scene with these functions; None stands for the reference."""
        made = [one or reference.made() for one, reference in zip(functions, self.references, strict=True)]
        return functools.partial(self.scene, *made)

    def alone(self, at: int, function: Callable) -> Callable:
        """The scene with one function in place of the reference number `at`."""
        return self.playing(*(function if n == at else None for n in range(len(self.references))))

    def _otherwise(self, text: str) -> Callable:
        for at, reference in enumerate(self.references):
            try:
                return self.alone(at, reference.otherwise(text))
            except KeyError as error:
                fault = error
        raise fault

    def trial(self, answer: functools.partial) -> Trial:
        """The comparison of the scene with somebody's functions and the scene with the references."""
        view = functools.partial(seen, self.looked_at) if self.looked_at else lambda value, *_: value
        return Trial(answer, self.playing(*[None] * len(self.references)), self.names, self.agree, view)

    def tried(self, trial: Trial) -> Iterator[Tried]:
        """What came of each input, the edges first; always the same inputs, and fewer where the answer is slow."""
        clock, made = Clock(SECONDS), []
        smallest(self.inputs, lambda args: made.append(args), count=INPUTS)
        for number, args in enumerate([*self.also, *made]):
            if number >= len(self.also) + LEAST_INPUTS and clock.over():
                break
            yield trial.on(args)

    def _judge(self, answer: functools.partial) -> None:
        """Raise the `Mistake` for the smallest input that was found on which the answer is wrong."""
        self.judged, trial = answer, self.trial(answer)
        tried = list(self.tried(trial))
        failed = [one for one in tried if not one.good]
        if not failed:
            return self._call_again(trial, tried)
        lost = 2 * sum(one.got.lost for one in failed) > len(failed)  # what most failures are; the others wait
        finding = explained(self, trial, [one for one in tried if one.good or one.got.lost == lost])

        def shows(args: tuple) -> bool:
            one = trial.on(args)
            return not one.good and one.got.lost == lost and finding.shows(one)

        known = min((one.args for one in failed if one.got.lost == lost and finding.shows(one)), key=bulk)
        least = smallest(self.inputs, shows, count=INPUTS, seconds=SECONDS)
        least = known if least is NONE_FOUND or 2 * bulk(known) < bulk(least) else least
        raise self._mistake(trial.on(least), finding, [one for one in failed if one.got.lost != lost])

    def _mistake(self, one: Tried, finding: Case, aside: Sequence[Tried]) -> Mistake:
        fault, expected, got = one.got.fault, one.expected.value, one.got.value
        facts, message = {"your call": call(one.args, self.names)}, "On this input the result is wrong."
        if self.looked_at and not fault:
            label, expected, got = first_difference(expected, got, self.agree)
            message = f"This is not as asked: {label}."
        if not fault:
            facts["yours" if self.looked_at else "returned"] = got if type(got) is str else show(got)
        if not fault or not self.looked_at:
            facts["expected"] = expected if type(expected) is str else show(expected)
        if not fault and (apart := difference(expected, got)):
            facts["that is"] = apart
        if self.attempts:
            facts |= overheard_parts(self, one, finding)
        if aside:
            what = aside[0].got.fault.message if aside[0].got.fault else "The result is wrong"
            facts["besides"] = f"{what.rstrip('.')}, on {call(aside[0].args, self.names)}"
        text = finding.text or (fault.hint if fault else "")
        return Mistake(fault.message if fault else message, text, tuple(facts.items()))

    def _call_again(self, trial: Trial, tried: Sequence[Tried]) -> None:
        """Call a right answer again, in reverse: what it returns must not hang on the calls before."""
        for one in reversed(tried[:AGAIN]):
            second = trial.of_answer(one.args)
            if second.fault or not trial.equal(one.got, second):
                later = second.fault.message if second.fault else show(second.shown)
                facts = (("your call", call(one.args, self.names)), ("first", show(one.got.shown)), ("later", later))
                what = "Your function does not always return the same for the same input."
                raise Mistake(what, "Its result hangs on chance, or on what it kept from earlier calls.", facts)

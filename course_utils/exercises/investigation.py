"""Judges an experiment: a function that is handed an instrument, uses it as often as it likes, and gives a conclusion.

The check plants what is true, in several small worlds: in one there is an effect, in another there is none and
something else makes the numbers differ. Every run is kept, so that the check sees how the experiment was made, and not
only what came out. An answer in another process uses the instrument from there: it takes and gives plain values.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from course_utils.exercises import calls
from course_utils.exercises.mistake import Mistake
from course_utils.exercises.values import is_number, show

MOST_RUNS = 10_000  # of one experiment
MOST_SHOWN = 8  # results of an arm, in a verdict
MOST_RULES = 4  # that are named in one sentence
NEARLY_ALL = 0.9  # of the worlds: a rule that concludes there as an answer does is named
NEVER_RUN = "A comparison needs both sides: without it nothing tells what would have come out otherwise."
STOPPED = "Run everything that the card names before you conclude, in every world, whatever the first numbers say."
BUDGET = "Give each the same number of runs. Who may try more often finds the better best, and knows its mean better."
ONE_THING = "Only one thing may differ between them, or nobody can say what made the difference."
ALL_TRIED = (
    "Each may be at its best at another value, but all must have tried the same ones: who alone may choose is ahead."
)
ONE_VALUE = "What holds at one value need not hold at another. Run every arm at more of them before you conclude."
TOO_FEW = (
    "Two runs of the same thing differ as well. Only several of them tell how much, and what a difference is worth."
)
CHANCE = ("seed", "draw", "piece")  # settings whose values are repetitions of the same thing
FIXED = (
    "These worlds are not all alike: in some there is an effect, in others none. Let what comes back from the runs "
    "decide, by the rule on the card."
)
NO_RUN = "Call the function that you are given for each of them first, and conclude from what comes back."


@dataclass(frozen=True)
class Run:
    """One use of the instrument.

    Attributes:
        arm: what was measured.
        settings: under what: name -> value, all of them.
        result: what came out.
    """

    arm: str
    settings: Mapping[str, object]
    result: float


@dataclass(frozen=True)
class World:
    """What is true where the experiment is made.

    Attributes:
        said: what is planted, in a sentence for a learner whose conclusion was wrong.
        right: the conclusion that is right here, or several; or, where it hangs on which repetitions somebody takes, a
            function that gives it for the runs, by the rule on the card.
        measure: ``measure(arm, number, **settings)`` -> float. `number` counts the runs of this experiment from 0: a
            machine may get slower with time, or be slow at first.
        hint: which mistake leads to a wrong conclusion here; it must be true of every experiment that comes to one, so
            it may be a function of the runs and of the conclusion.
    """

    said: str
    right: str | tuple[str, ...] | Callable[[Sequence[Run]], str | tuple[str, ...]]
    measure: Callable[..., float]
    hint: str | Callable[[Sequence[Run], str], str]

    def rightly(self, runs: Sequence[Run]) -> tuple[str, ...]:
        """The conclusions that are right here, for these runs."""
        right = self.right(runs) if callable(self.right) else self.right
        return (right,) if isinstance(right, str) else right


@dataclass
class _Kept:
    """The runs of one experiment."""

    runs: list[Run] = field(default_factory=list)


def investigate(
    answer: Callable,
    worlds: Sequence[World],
    *,
    arms: Sequence[str],
    settings: Mapping[str, object] | None = None,
    least: Mapping[str, int] | None = None,
    least_runs: int = 1,
    tuned: Sequence[str] = (),
    crossed: Sequence[str] = (),
    conclusions: Sequence[str],
    rule: Callable[[Sequence[Run]], str | Sequence[str] | None] | None = None,
    rule_said: str | Callable[[Sequence[Run], str], str] = "",
    others: Callable[[Sequence[Run]], Mapping[str, str]] | None = None,
    fixed_said: str = "",
    unequal_said: Mapping[str, str] | None = None,
    look: Callable[[Sequence[Run]], None] | None = None,
    most_runs: int = MOST_RUNS,
    name: str = "run",
) -> None:
    """Let `answer` make its experiment in each world, and judge how it was made, then what it concludes.

    What is judged, in this order: is each arm run; is each given the same number of runs, under the same settings; are
    there enough runs, and values of a setting; is the conclusion one of those that the card names; does it follow from
    the experiment's own numbers; is it right. Where no repetition is asked for (`least_runs` is 1), what is asked again
    and gives the same number counts once: a helper that asks for the control each time is as good.

    Args:
        answer: the learner's function; it takes the instrument, ``run(arm, **settings)``, and returns a conclusion.
        worlds: the simplest first. They must not all have the same right conclusion.
        arms: what can be run.
        settings: what else can be chosen, with what it is when it is not: ``{"seed": 0, "lr": 0.1}``.
        least: setting -> how many different values each arm must be run with.
        least_runs: of each arm.
        tuned: settings of which an arm may have another one in its last runs, when each arm has tried the same ones.
        crossed: two settings, each value of which must be run with each value of the other.
        conclusions: those that the card names.
        rule: how the card says that a conclusion follows: the runs give the conclusion, or several that the card
            allows, or None where it leaves that open. `by_arm` sorts the runs. None = the card has no rule.
        rule_said: that rule in a sentence, for the verdict; or a function of the runs and of the conclusion, where the
            sentence says which step of the rule was left out.
        others: rules that are not the card's, in words that begin with "if", and what each concludes from the runs. A
            verdict names one that concludes in every world as the answer does.
        fixed_said: what else may be amiss where an answer concludes the same whatever it measures: two units, say.
        unequal_said: setting -> what to say where the arms do not have it alike, in place of "only one thing may
            differ"; for an experiment in which two things differ between the cases that are compared.
        look: called with the runs before the conclusion is judged; raises `Mistake` for a fault of this exercise alone.
        most_runs: of one experiment; say it on the card where it is less than usual.
        name: of the instrument on the card.
    Raises:
        Mistake: the first fault, in the first world that shows one.
        ValueError: the worlds all have one conclusion, so an answer that never changes its mind would pass.
    """
    how = (arms, settings or {}, most_runs, name)
    planted = [world.rightly(()) for world in worlds if not callable(world.right)]
    if any(all(one in right for right in planted) for one in conclusions):
        raise ValueError("the worlds have one right conclusion: plant an effect in one of them, and none in another")
    ever: set[str] = set()  # arms that were run in some world

    def made(world: World) -> tuple[list[Run], object]:
        runs, got = _experiment(answer, world, *how)
        return _asked_once(runs) if least_runs == 1 else runs, got

    for world in (*worlds, worlds[0]):  # the second time, too, it must come out right
        runs, got = made(world)
        _made_well(runs, arms, least or {}, least_runs, tuned, crossed, ever, unequal_said or {})
        ever |= {run.arm for run in runs}
        if look:
            look(runs)
        facts = (*told(runs, arms), ("you say", show(got)))
        if not isinstance(got, str) or got not in conclusions:
            named = ", ".join(map(repr, conclusions))
            raise Mistake("That is no conclusion that the card names.", f"Return one of {named}.", facts)
        follows = rule(runs) if rule else None
        broken = follows is not None and got not in ((follows,) if isinstance(follows, str) else follows)
        right = world.rightly(runs)
        if not broken and got in right:
            continue
        if _is_fixed(answer, got, worlds, *how):
            said = f"{FIXED} {fixed_said}".strip()
            raise Mistake(f"Your function concludes {got!r} whatever it measures.", said, facts)
        before, after = _by_another_rule(made, runs, got, worlds, others) if others else ("", "")
        if broken:
            named = repr(follows) if isinstance(follows, str) else " or ".join(map(repr, follows))
            why = rule_said(runs, got) if callable(rule_said) else rule_said
            said = f"{before}By the rule on the card they say {named}. {why}".strip() + after
            raise Mistake("Your own runs do not say that.", said, (*facts, ("what is planted", world.said)))
        facts = (*facts, ("what is true", f"{' or '.join(right)}: {world.said}"))
        hint = world.hint if isinstance(world.hint, str) else world.hint(runs, got)
        raise Mistake("Your experiment comes to a wrong conclusion.", before + hint + after, facts)


def _experiment(
    answer: Callable, world: World, arms: Sequence[str], settings: Mapping[str, object], most_runs: int, name: str
) -> tuple[list[Run], object]:
    """Let the learner's function make its experiment in one world: its runs, and what it concludes."""
    kept = _Kept()
    got = calls.run(answer, (_instrument(world, arms, settings, kept, name, most_runs),), (name,))
    return kept.runs, got


def _is_fixed(answer: Callable, got: object, worlds: Sequence[World], arms: Sequence[str], *how: object) -> bool:
    """Whether an answer concludes the same in every world, where arms are worlds apart, and where they are alike."""

    def apart(first: int) -> World:
        order = [*arms[first:], *arms[:first]]
        return World("", "", lambda arm, number, **settings: 10.0 * 1e6 ** order.index(arm), "")

    try:
        alike = World("", "", lambda arm, number, **settings: 10.0, "")
        tried = (*worlds, *map(apart, range(len(arms))), alike)
        return all(_experiment(answer, world, arms, *how)[1] == got for world in tried)
    except Exception:  # it fails elsewhere: its conclusion is not the only thing to tell
        return False


def _by_another_rule(
    made: Callable[[World], tuple[list[Run], object]],
    runs: Sequence[Run],
    got: str,
    worlds: Sequence[World],
    others: Callable[[Sequence[Run]], Mapping[str, str]],
) -> tuple[str, str]:
    """Which of the rules that are not the card's an answer follows, as a sentence before, or one behind, the numbers.

    The sentence before them says a rule that concludes as the answer does in every world, or in nearly every one. Where
    there is none, the other one says by which rules the conclusion comes out here.
    """
    try:
        everywhere = [(world, *made(world)) for world in worlds]
        found = [(others(own), said) for _, own, said in everywhere]
        wrong = [said not in world.rightly(own) for world, own, said in everywhere]
    except Exception:  # it fails in another world, or has not run there what a rule needs
        found, wrong = [], []
    alike = {rule: [rules.get(rule) == said for rules, said in found] for rule in (found[0][0] if found else ())}
    alike = {rule: sum(same) for rule, same in alike.items() if all(s for s, w in zip(same, wrong, strict=True) if w)}
    most = max(alike.values(), default=0)
    if found and most > NEARLY_ALL * len(found):
        rules = [rule for rule, times in alike.items() if times == most][:MOST_RULES]
        where = f"In all {most} of these worlds" if most == len(found) else f"In {most} of {len(found)} worlds"
        return f"{where} your function concludes what comes out {listed(rules)}. ", ""
    return "", comes_out(got, [rule for rule, says in others(runs).items() if says == got][:MOST_RULES])


def _asked_once(runs: Sequence[Run]) -> list[Run]:
    """The runs without those that repeat an arm, its settings and its result."""
    first: dict[tuple, Run] = {}
    for run in runs:
        first.setdefault((run.arm, tuple(run.settings.items()), run.result), run)
    return list(first.values())


def by_arm(runs: Sequence[Run]) -> dict[str, list[float]]:
    """Arm -> its results, in the order in which they came."""
    found: dict[str, list[float]] = {}
    for run in runs:
        found.setdefault(run.arm, []).append(run.result)
    return found


def one_in_three(seed: float) -> bool:
    """Whether a repetition is one of those in which a made-up world is uneven."""
    return math.floor(abs(seed)) % 3 == 1


def one_alone(seed: float) -> bool:
    """Whether a repetition is the only one that is unlike the others, in a world whose repetitions are `numbered`."""
    return seed == 2


def numbered(measure: Callable[..., float], setting: str = "seed") -> Callable[..., float]:
    """A `World.measure` whose repetitions are 0, 1, 2, …, in the order in which an experiment first asks for them.

    Whichever seeds a learner takes, five of them then show the same, and what is rare is among them.

    Args:
        measure: is handed these numbers in place of the learner's values of `setting`.
        setting: the one that says which repetition is meant.
    """
    order: dict[float, int] = {}

    def by_order(arm: str, number: int, **settings: float) -> float:
        if number == 0:  # a new experiment
            order.clear()
        which = order.setdefault(settings[setting], len(order))
        return measure(arm, number, **{**settings, setting: which})

    return by_order


def listed(rules: Sequence[str]) -> str:
    """Other rules than the card's, in words: "if a, of b, or if c"."""
    return ", ".join(rules[:-1]) + ", or " * (len(rules) > 1) + rules[-1]


def comes_out(got: str, rules: Sequence[str]) -> str:
    """A sentence with a space before it: by which other rules a conclusion comes out; "" where there are none."""
    return f" {got!r} comes out, for example, {listed(rules)}." if rules else ""


def _instrument(
    world: World,
    arms: Sequence[str],
    settings: Mapping[str, object],
    kept: _Kept,
    name: str,
    most_runs: int = MOST_RUNS,
) -> Callable[..., float]:
    """What the learner's function is handed: a plain function, which a submission in another process can call."""

    def run(*given: object, **chosen: object) -> float:
        named = [word for word, value in chosen.items() if word not in settings and isinstance(value, str)]
        if not given and len(named) == 1:  # the arm by a name of the learner's
            given = (chosen.pop(named[0]),)
        by_place = dict(zip(settings, given[1:], strict=False))  # settings in the order of the card
        if not given or len(given) > 1 + len(settings) or by_place.keys() & chosen.keys():
            wanted = "".join(f", {word}=…" for word in settings)
            was = ", ".join([*map(show, given), *(f"{word}={show(value)}" for word, value in chosen.items())])
            how = f"{name}({show(arms[0])}{wanted})"
            raise _refused(f"{name} takes the arm, then settings: {how}; not {was or 'nothing'}.")
        arm, chosen = given[0], {**by_place, **chosen}
        if not isinstance(arm, str) or arm not in arms:
            raise _refused(f"{name} knows {', '.join(map(repr, arms))}; it was asked for {show(arm)}.")
        unknown = [word for word in chosen if word not in settings]
        if unknown:
            knows = f"only {', '.join(settings)}" if settings else "no setting"
            raise _refused(f"{name} has {knows}; it was given {', '.join(unknown)}.")
        chosen = {word: int(value) if isinstance(value, bool) else value for word, value in chosen.items()}
        for word, value in chosen.items():
            if not is_number(value):
                raise _refused(f"{word} must be a number, got {show(value)}.")
        if len(kept.runs) >= most_runs:
            raise _refused(f"An experiment may have at most {most_runs:,} runs, all arms together: yours wants more.")
        own = {**settings, **{word: getattr(value, "item", lambda v=value: v)() for word, value in chosen.items()}}
        try:
            result = float(world.measure(arm, len(kept.runs), **own))
        except ValueError as error:  # a setting that this world does not have
            raise _refused(str(error)) from None
        kept.runs.append(Run(arm, own, result))
        return result

    run.__name__ = run.__qualname__ = name
    run.is_instrument = True
    return run


def _refused(said: str) -> ValueError:
    """What the instrument raises where it does not take what it is asked: its text says all that there is to see."""
    error = ValueError(said)
    error.says_all = True
    return error


def _made_well(
    runs: Sequence[Run],
    arms: Sequence[str],
    least: Mapping[str, int],
    least_runs: int,
    tuned: Sequence[str],
    crossed: Sequence[str],
    ever: Collection[str],
    unequal_said: Mapping[str, str],
) -> None:
    """Raise the first fault in how an experiment was made; `ever` are the arms that it has run elsewhere."""
    if not runs:
        raise Mistake("Your function comes to a conclusion without a single run.", NO_RUN)
    facts = told(runs, arms)
    for arm in arms:
        if not any(run.arm == arm for run in runs):
            if arm in ever:
                raise Mistake(f"Your experiment runs {arm!r} in another world, and not in this one.", STOPPED, facts)
            raise Mistake(f"Your experiment never runs {arm!r}.", NEVER_RUN, facts)
    together = {arm: Counter(_key(run, tuned) for run in runs if run.arm == arm) for arm in arms}
    if least_runs > 1:
        _as_many(together, facts)
    for word in runs[0].settings:
        had = {arm: Counter(run.settings[word] for run in runs if run.arm == arm) for arm in arms}
        hint = unequal_said.get(word, ALL_TRIED if word in tuned else ONE_THING)
        for one, other in _unlike({arm: set(values) for arm, values in had.items()}):
            raise Mistake(f"{word} is not the same for {one!r} and {other!r}: {_alone(had, one, other)}.", hint, facts)
        values = [*had[arms[0]]]
        if len(values) < least.get(word, 1):
            many = f"{len(values)} value{'s' * (len(values) > 1)} of {word}"
            hint = TOO_FEW + _no_count(word, values, least[word]) if word in CHANCE else ONE_VALUE
            raise Mistake(f"Your experiment has {many}; it needs {least[word]} or more.", hint, facts)
    _as_many(together, facts)
    for word in (word for word in runs[0].settings if word not in tuned):
        had = {arm: Counter(((word, run.settings[word]),) for run in runs if run.arm == arm) for arm in arms}
        for one, other in _unlike(had):
            said = f"{word} is not the same for {one!r} and {other!r}: {_least_unlike(had, one, other)}."
            raise Mistake(said, unequal_said.get(word, ONE_THING), facts)
    for one, other in _unlike(together):
        said = f"The settings are not combined in the same way for {one!r} and {other!r}: "
        raise Mistake(f"{said}{_least_unlike(together, one, other)}.", ONE_THING, facts)
    if crossed:
        _crossed(runs, *crossed, facts)
    if (count := together[arms[0]].total()) < least_runs:
        said = f"Each is run {'once' if count == 1 else f'{count} times'}; the experiment needs {least_runs} or more."
        raise Mistake(said, TOO_FEW, facts)


def _unlike(of_arm: Mapping[str, object]) -> list[tuple[str, str]]:
    """The first arm together with each one that has something else."""
    first, *others = of_arm
    return [(first, other) for other in others if of_arm[other] != of_arm[first]]


def _as_many(together: Mapping[str, Counter], facts: tuple) -> None:
    """Raise the fault of two arms of which one has more runs, with the fewest runs that show it."""
    counts = {arm: own.total() for arm, own in together.items()}
    for one, other in _unlike(counts):
        numbers = f"{one!r} {counts[one]}, {other!r} {counts[other]}"
        example = _least_unlike(together, one, other)
        example = f" For example, {example}." if example else ""
        raise Mistake(f"{one!r} and {other!r} do not have the same number of runs: {numbers}.{example}", BUDGET, facts)


def _alone(had: Mapping[str, Counter], one: str, other: str) -> str:
    """Which values of a setting each of two arms has and the other has not."""
    own = {arm: [value for value in had[arm] if value not in had[than]] for arm, than in ((one, other), (other, one))}
    return ", ".join(f"only {arm!r} has {_listed(Counter(values))}" for arm, values in own.items() if values)


def _least_unlike(had: Mapping[str, Counter], one: str, other: str) -> str:
    """The settings under which two arms differ with the fewest runs; "" where all runs have the same settings."""
    differ = [key for key in had[one] | had[other] if had[one][key] != had[other][key]]
    key = min(differ, key=lambda key: had[one][key] + had[other][key])
    varied = {word for own in had.values() for key_of in own for word, value in key_of if (word, value) not in key}
    where = ", ".join(f"{word}={show(value)}" for word, value in key if word in varied)
    more, fewer = sorted((one, other), key=lambda arm: -had[arm][key])
    runs = f"{had[more][key]} run{'s' * (had[more][key] > 1)}"
    return f"with {where} {more!r} has {runs} and {fewer!r} {had[fewer][key] or 'none'}" if where else ""


def _no_count(word: str, values: Sequence[float], least: int) -> str:
    """What the value of a setting means, where its only value could be taken for a number of repetitions."""
    if len(values) > 1 or values[0] < least:
        return ""
    return f" {word}={show(values[0])} is one {word}, with that number, and does not say how many there are."


def _crossed(runs: Sequence[Run], outer: str, inner: str, facts: tuple) -> None:
    """Raise the fault of values of one setting that had other values of another one."""
    had: dict[object, Counter] = {}
    for run in runs:
        had.setdefault(run.settings[outer], Counter())[run.settings[inner]] += 1
    first, *rest = had.items()
    for value, own in rest:
        if set(own) != set(first[1]):
            said = "; ".join(f"at {outer}={show(at)} {_listed(Counter(set(of)))}" for at, of in (first, (value, own)))
            hint = f"Then two values of {outer} differ in their {inner}, too. Run each {outer} with the same {inner}s."
            raise Mistake(f"{inner} is not the same at each {outer}: {said}.", hint, facts)


def _key(run: Run, tuned: Sequence[str]) -> tuple:
    return tuple((word, value) for word, value in run.settings.items() if word not in tuned)


def _listed(values: Counter) -> str:
    """Values of a setting, each with how often it was used where that is not once."""
    several = [f"{show(value)}" + (f" ({count} times)" if count > 1 else "") for value, count in values.items()]
    return ", ".join(several[:MOST_SHOWN]) + (" …" if len(several) > MOST_SHOWN else "")


def told(runs: Sequence[Run], arms: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """What came out for each arm, as facts of a verdict."""
    facts = []
    for arm in arms:
        own = [run.result for run in runs if run.arm == arm]
        shown = ", ".join(f"{result:.4g}" for result in own[:MOST_SHOWN]) + (" …" if len(own) > MOST_SHOWN else "")
        facts.append((arm, shown or "never run"))
    return tuple(facts)

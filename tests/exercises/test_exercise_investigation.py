"""The engine under investigations: it sees how an experiment was made, and whether its conclusion is right."""

import pytest

from course_utils.exercises.core import check
from course_utils.exercises.investigation import World, by_arm, investigate

NOISE = (0.0, 0.4, -0.3, 0.1, -0.2)
CONCLUSIONS = ("new", "old", "no difference")


def better_by(points, tires=0.0):
    """A world in which "new" is better by so many points, and the numbers fall with every run."""

    def measure(arm, number, seed, lr):
        return 90 + points * (arm == "new") + NOISE[seed % len(NOISE)] - tires * number + 100 * (lr - 0.1)

    return measure


WORLDS = [
    World("new is better by 3 points.", "new", better_by(3), "Compare the means."),
    World("there is no difference.", "no difference", better_by(0), "Chance makes them differ as well."),
    World("everything gets worse with time.", "no difference", better_by(0, tires=0.5), "Take turns."),
]


def rule(results):
    """Different where every run of one is better than every run of the other."""
    for one, other in (("new", "old"), ("old", "new")):
        if min(results[one]) > max(results[other]):
            return one
    return "no difference"


def judged(answer, worlds=WORLDS, **more):
    asked = {
        "arms": ("new", "old"),
        "settings": {"seed": 0, "lr": 0.1},
        "least": {"seed": 3},
        "conclusions": CONCLUSIONS,
        "rule": lambda runs: rule(by_arm(runs)),
        "rule_said": "One is better when all its runs are.",
        **more,
    }

    @check("7.21 Which is better?")
    def fair(answer):
        investigate(answer, worlds, **asked)

    verdict = fair(answer)
    assert "Traceback" not in repr(verdict)
    return verdict


def experiment(pairs, conclude=rule, **more):
    """An answer that makes these runs, (arm, seed), and concludes."""

    def answer(run):
        results = {"new": [], "old": []}
        for arm, seed in pairs:
            results[arm].append(run(arm, seed=seed, **more))
        return conclude(results)

    return answer


TURNS = [(arm, seed) for seed in range(5) for arm in ("new", "old")]


def test_a_fair_experiment_passes_whatever_is_true():
    assert judged(experiment(TURNS)).status == "passed"
    assert judged(experiment(TURNS, lr=0.2)).status == "passed"


FAULTS = [
    (lambda run: "new", "a conclusion without a single run", "Call the function that you are given"),
    (experiment([("new", 0), ("new", 1)], lambda results: "new"), "never runs 'old'", "needs both sides"),
    (
        experiment([("new", 0), ("old", 1)]),
        "seed is not the same for 'new' and 'old': only 'new' has 0, only 'old' has 1.",
        "Only one thing",
    ),
    (experiment(TURNS[:4]), "has 2 values of seed; it needs 3", "Two runs of the same thing differ"),
    (experiment(TURNS, lambda results: "better"), "no conclusion that the card names", "'no difference'"),
    (
        experiment(TURNS, lambda results: "old" if rule(results) == "new" else "no difference"),
        "Your own runs do not say that",
        "By the rule on the card they",
    ),
    (experiment(sorted(TURNS)), "comes to a wrong conclusion", "Take turns."),
]


@pytest.mark.parametrize(("answer", "message", "hint"), FAULTS)
def test_each_fault_is_told(answer, message, hint):
    verdict = judged(answer)
    assert verdict.status == "not yet" and message in verdict.message and hint in verdict.hint, verdict

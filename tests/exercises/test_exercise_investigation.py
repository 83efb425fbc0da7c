"""The engine under investigations: it sees how an experiment was made, and whether its conclusion is right."""

import pytest

from course_utils.exercises.core import check
from course_utils.exercises.investigation import MOST_RUNS, World, by_arm, investigate

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
        experiment([*TURNS, ("new", 5)]),
        "seed is not the same for 'new' and 'old': only 'new' has 5.",
        "Only one thing",
    ),
    (
        experiment([("new", 0), ("old", 1)]),
        "seed is not the same for 'new' and 'old': only 'new' has 0, only 'old' has 1.",
        "Only one thing",
    ),
    (experiment(TURNS[:4]), "has 2 values of seed; it needs 3", "Two runs of the same thing differ"),
    (experiment(TURNS, lambda results: "new"), "concludes 'new' whatever it measures", "not all alike"),
    (experiment(TURNS, lambda results: "better"), "no conclusion that the card names", "'no difference'"),
    (experiment(TURNS, lambda results: 3), "no conclusion that the card names", "'no difference'"),
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


def test_the_verdict_shows_the_runs_and_what_is_true():
    said = repr(judged(experiment(sorted(TURNS))))
    assert "new:          90, 89.9, 88.7, 88.6," in said and "everything gets worse with time" in said
    assert "you say:      'new'" in said


def test_a_combination_that_only_one_has_is_seen():
    def crossed(run):
        results = {"new": [], "old": []}
        for seed, lr, other in ((0, 0.1, 0.2), (1, 0.2, 0.1), (2, 0.1, 0.1)):
            results["new"].append(run("new", seed=seed, lr=lr))
            results["old"].append(run("old", seed=seed, lr=other))
        return rule(results)

    said = "not combined in the same way for 'new' and 'old': with seed=0, lr=0.1 'new' has 1 run and 'old' none."
    assert said in judged(crossed).message


def at_rates(**rates):
    """An answer that runs each arm with these rates, every one with five seeds, and in addition with one more run."""

    def answer(run):
        found = {"new": [], "old": []}
        for arm, more in rates.items():
            found[arm] += [run(arm, seed=seed, lr=lr) for lr in (0.1, 0.2) for seed in range(5)]
            found[arm] += [run(arm, seed=seed, lr=lr) for seed, lr in more]
        return rule(found)

    return answer


def partly(run):
    """The old one is run with both rates, too, but with the second only once."""
    seeds = {("new", 0.1): 5, ("new", 0.2): 5, ("old", 0.1): 5, ("old", 0.2): 1}
    for (arm, lr), many in seeds.items():
        for seed in range(many):
            run(arm, seed=seed, lr=lr)
    return "new"


@pytest.mark.parametrize("least_runs", [1, 5])
def test_where_only_the_number_of_runs_differs_the_verdict_says_so(least_runs):
    """The rates are the same, and so are the seeds: an arm only has more runs, with a number of its own each time."""
    verdict = judged(partly, least_runs=least_runs)
    start = "'new' and 'old' do not have the same number of runs: "
    assert (
        verdict.message == f"{start}'new' 10, 'old' 6. For example, with seed=1, lr=0.2 'new' has 1 run and 'old' none."
    )
    assert "Give each the same number of runs" in verdict.hint

    again = judged(at_rates(new=[], old=[(3, 0.2)]), WORLDS[::-1], least_runs=least_runs)  # it gets worse with time
    assert again.message == f"{start}'new' 10, 'old' 11. For example, with seed=3, lr=0.2 'old' has 2 runs and 'new' 1."


def test_where_nothing_can_be_chosen_the_verdict_names_no_settings():
    worlds = [World(w.said, w.right, lambda arm, number, w=w: w.measure(arm, number, 0, 0.1), "") for w in WORLDS[::-1]]

    def twice_and_once(run):
        return rule({"new": [run("new"), run("new")], "old": [run("old")]})

    said = judged(twice_and_once, worlds, settings={}, least={})
    assert said.message == "'new' and 'old' do not have the same number of runs: 'new' 2, 'old' 1."


def test_a_value_that_one_alone_has_is_named_however_many_there_are():
    many = [(arm, seed) for arm in ("new", "old") for seed in range(20)]
    said = judged(experiment([*many, ("old", 20)])).message
    assert said == "seed is not the same for 'new' and 'old': only 'old' has 20."


def test_each_arm_may_be_at_its_best_where_it_has_tried_the_same():
    """The old one likes another rate: at one rate for both it looks worse than it is."""

    def measure(arm, number, seed, lr):
        best = {"new": 0.1, "old": 0.2}[arm]
        return 90 - 30 * abs(lr - best) + NOISE[seed] / 10

    worlds = [World("both are as good, each at its rate.", "no difference", measure, "Is each at its best?"), WORLDS[0]]

    def at_its_best(run):
        best = {arm: max((0.1, 0.2), key=lambda lr, arm=arm: run(arm, lr=lr)) for arm in ("new", "old")}
        return rule({arm: [run(arm, seed=seed, lr=best[arm]) for seed in range(3)] for arm in best})

    def follows(runs):
        return rule({arm: numbers[-3:] for arm, numbers in by_arm(runs).items()})

    def at_one_rate(run):
        for lr in (0.1, 0.2):
            results = {arm: [run(arm, seed=seed, lr=lr) for seed in range(3)] for arm in ("old", "new")}
        return rule({**results, "old": results["old"][-3:]})

    assert judged(at_its_best, worlds, tuned=("lr",), rule=follows).status == "passed"
    said = "lr is not the same for 'new' and 'old': with lr=0.1 'new' has 3 runs and 'old' 1."
    assert judged(at_its_best, worlds, rule=follows).message == said
    assert "lr is not the same" in judged(at_its_best, worlds, rule=follows, least_runs=5).message
    assert judged(at_one_rate, worlds, tuned=("lr",), rule=None).hint == "Is each at its best?"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda run: run("newer"), "run knows 'new', 'old'; it was asked for 'newer'."),
        (lambda run: run(7), "it was asked for 7"),
        (lambda run: run("new", 3, 0.1, 7), "then settings: run('new', seed=…, lr=…); not 'new', 3, 0.1, 7."),
        (lambda run: run("new", 3, seed=4), "not 'new', 3, seed=4."),
        (lambda run: run(), "takes the arm, then settings: run('new', seed=…, lr=…); not nothing."),
        (lambda run: run("new", epochs=3), "run has only seed, lr; it was given epochs."),
        (lambda run: run("new", seed="a"), "seed must be a number, got 'a'."),
        (lambda run: [run("new") for _ in range(MOST_RUNS + 1)], f"at most {MOST_RUNS:,} runs, all arms together"),
        (lambda run: run("new") / 0, "ZeroDivisionError"),
    ],
)
def test_a_wrong_use_of_the_instrument_is_told(answer, said):
    verdict = judged(answer)
    assert verdict.status == "not yet" and said in verdict.message, verdict


def test_settings_may_stand_in_the_order_of_the_card_and_be_true_or_false():
    seen = []

    def measure(arm, number, seed, lr):
        seen.append((seed, lr))
        return 10.0

    worlds = [World("nothing", "no difference", measure, ""), WORLDS[0]]

    def answer(run):
        for arm in ("new", "old"):
            run(arm, 3, 0.2), run(arm, True), run(arm, 2, lr=0.3)
        return experiment(TURNS)(run)

    judged(answer, worlds)
    assert seen[:3] == [(3, 0.2), (1, 0.1), (2, 0.3)] and not isinstance(seen[1][0], bool)


def test_what_holds_only_once_is_no_answer():
    first = []

    def lucky(run):
        first.append(1)
        return experiment(TURNS if len(first) <= len(WORLDS) else TURNS[:2])(run)

    assert judged(lucky).status == "not yet"


def test_an_exercise_in_which_one_conclusion_is_always_right_is_refused():
    verdict = judged(experiment(TURNS), WORLDS[1:])
    assert verdict.status == "check failed" and "plant an effect in one of them" in verdict.message


def test_a_lesson_may_look_at_the_runs_itself():
    from course_utils.exercises.mistake import Mistake

    def look(runs):
        if runs[0].arm == runs[1].arm:
            raise Mistake("They do not take turns.")

    assert judged(experiment(sorted(TURNS)), look=look).message == "They do not take turns."


def asking_for_the_control_each_time(run):
    """The natural code of somebody who writes a helper: the control is asked again, and gives the same number."""

    def lead(seed):
        return run("new", seed=seed) - run("old", seed=seed)

    seeds = range(5)
    results = {arm: [run(arm, seed=seed) for seed in seeds] for arm in ("new", "old")}
    return rule(results) if min(map(lead, seeds)) > -100 and run("old", seed=0) else "old"


def test_what_is_asked_again_and_answered_the_same_counts_once():
    assert judged(asking_for_the_control_each_time, WORLDS[:2]).status == "passed"
    said = judged(asking_for_the_control_each_time, WORLDS[:2], least_runs=5)
    assert "seed is not the same" in said.message or "same number of runs: 'new' 10, 'old' 11" in said.message


def test_an_arm_may_have_a_name_and_an_exception_says_how_to_see_the_line():
    def named(run):
        return rule({one: [run(recipe=one, seed=seed) for seed in range(3)] for one in ("new", "old")})

    assert judged(named, WORLDS[:2]).status == "passed"
    assert "def run(*_, **__): return 1.0" in judged(lambda run: run("new") / 0).hint


def test_a_rule_may_allow_several_conclusions_or_leave_it_open():
    either = ("new", "old", "no difference")
    assert judged(experiment(TURNS), WORLDS[:2], rule=lambda runs: either).status == "passed"
    assert judged(experiment(TURNS), WORLDS[:2], rule=lambda runs: None).status == "passed"
    said = judged(experiment(TURNS), WORLDS[:2], rule=lambda runs: ("old", "no difference"))
    assert "they say 'old' or 'no difference'" in said.hint


def test_a_hint_may_look_at_the_runs():
    by_sum = experiment(TURNS, lambda r: "new" if sum(r["new"]) > sum(r["old"]) + 1 else "old")
    worlds = [WORLDS[0], World("nothing.", "no difference", better_by(0), lambda runs, got: f"{len(runs)} runs, {got}")]
    assert judged(by_sum, worlds, rule=None).hint == "10 runs, old"


def test_the_rule_may_be_said_as_the_runs_broke_it():
    wrong = experiment(TURNS, lambda results: "old" if rule(results) == "new" else "no difference")
    said = judged(wrong, rule_said=lambda runs, got: f"{len(runs)} runs, and you say {got}.")
    assert said.hint == "By the rule on the card they say 'new'. 10 runs, and you say old."


def test_what_the_instrument_refuses_needs_no_other_instrument():
    assert "an instrument of your own" in judged(lambda run: run("new", seed=0) / 0).hint
    for asked in (lambda run: run("newer"), lambda run: run("new", seed="0"), lambda run: run("new", 0, 0, 0)):
        assert judged(asked).hint == ""

    def asked_too_much(arm, number, **settings):
        raise ValueError("seed must be 0 to 5, got 9")

    lost = World("it knows six seeds.", "new", asked_too_much, "")
    assert judged(lambda run: run("new", seed=9), [lost, *WORLDS[1:]]).hint == ""


def test_what_is_right_may_hang_on_the_runs_that_were_taken():
    open_world = World(
        "every third seed is much better.",
        lambda runs: rule(by_arm(runs)),
        lambda arm, number, seed, lr: (2.0 if seed % 3 else 9.0) + (arm == "new") * (seed > 2),
        lambda runs, got: f"{len(runs)} runs, {got}",
    )
    worlds = [*WORLDS[:2], open_world]
    assert judged(experiment(TURNS), worlds, rule=None).status == "passed"
    by_sum = experiment(TURNS, lambda found: "new" if sum(found["new"]) > 2 + sum(found["old"]) else "no difference")
    said = judged(by_sum, worlds, rule=None)
    assert said.hint == "10 runs, new" or said.status == "passed"

"""The check of the lesson ticket_full: two arms, each at its own best learning rate, and what their leads tell."""

from hypothesis import strategies as st

from course_utils.checks import exercise


@exercise(
    "A referee",
    why="Held-out images choose a rate for each arm, test images report, networks are compared with themselves, and only "
    "a lead in every network counts.",
)
def judge(one, other):
    one_rate = max(one, key=lambda rate: sum(held_out for held_out, _ in one[rate]))  #: the rate of `one`
    other_rate = max(other, key=lambda rate: sum(held_out for held_out, _ in other[rate]))  #: the rate of `other`
    pairs = list(zip(one[one_rate], other[other_rate], strict=True))
    leads = [mine[1] - theirs[1] for mine, theirs in pairs]  #: the leads
    edge = one_rate in (min(one), max(one)) or other_rate in (min(other), max(other))  #: whether a rate is at the edge
    won = "one" if min(leads) > 0 else "other" if max(leads) < 0 else "open"
    return leads, "widen the grid" if edge else won


RATES, MEANS = (0.001, 0.004, 0.016, 0.064), (80.0, 84.0, 88.0, 92.0)
AROUND = {1: [(0,)], 2: [(6, -6)], 3: [(10, -5, -5), (5, 5, -10)]}  # networks -> how far they are from their mean


@st.composite
def _calls(draw):
    """Two arms at the same rates, in any order; no two rates of an arm are equally good."""
    count, networks = draw(st.integers(3, 4)), draw(st.integers(1, 3))
    rates, arms = draw(st.permutations(RATES[:count])), []
    for tests in ([90.0, 91.5, 93.0, 94.25], [88.0, 90.0, 94.25]):
        means = draw(st.permutations(MEANS[:count]))
        spread = [draw(st.sampled_from(AROUND[networks]).flatmap(st.permutations)) for _ in rates]
        right = [draw(st.lists(st.sampled_from(tests), min_size=networks, max_size=networks)) for _ in rates]
        held_out = [[mean + off for off in offs] for mean, offs in zip(means, spread, strict=True)]
        arms.append({r: list(zip(h, t, strict=True)) for r, h, t in zip(rates, held_out, right, strict=True)})
    return tuple(arms)


def _by_the_test_images(one, other):
    swapped = ({rate: [(t, h) for h, t in pairs] for rate, pairs in runs.items()} for runs in (one, other))
    rates = [max(runs, key=lambda rate: sum(pair[0] for pair in runs[rate])) for runs in swapped]
    leads = [a[1] - b[1] for a, b in zip(one[rates[0]], other[rates[1]], strict=True)]
    edge = any(rate in (min(one), max(one)) for rate in rates)
    won = "one" if min(leads) > 0 else "other" if max(leads) < 0 else "open"
    return leads, "widen the grid" if edge else won


_first = {0.001: [(91.0, 92.0)], 0.01: [(92.0, 93.0)], 0.1: [(88.0, 89.0)]}
_second = {0.001: [(87.0, 88.0)], 0.01: [(91.0, 92.0)], 0.1: [(90.0, 92.5)]}
_last = {0.001: [(91.0, 92.0)], 0.01: [(90.0, 93.0)], 0.1: [(92.0, 94.0)]}
_two = {0.001: [(90.0, 91.0)] * 2, 0.1: [(80.0, 81.0)] * 2, 0.01: [(92.0, 93.0), (90.0, 92.0)]}
_level = {0.001: [(90.0, 91.0)] * 2, 0.1: [(80.0, 81.0)] * 2, 0.01: [(91.0, 90.0), (92.0, 92.5)]}
_tie = {0.001: [(90.0, 91.0)] * 2, 0.1: [(80.0, 81.0)] * 2, 0.01: [(91.0, 92.0), (92.0, 92.0)]}
_pairs = [(_first, _second), (_second, _first), (_last, _second), (_first, _last), (_two, _level), (_level, _two)]
judge.tries(_calls(), also=[*_pairs, (_two, _tie), (_tie, _two)], atol=1e-6)
judge.ideas(
    {
        (
            "one_rate = max(one, key=lambda rate: sum(test for _, test in one[rate]))",
            "other_rate = max(other, key=lambda rate: sum(test for _, test in other[rate]))",
            _by_the_test_images,
        ): "The test images choose the rate, and report as well. Let the held-out images choose.",
        "other_rate = one_rate": "Both arms are read at the rate of `one`. Each has its own.",
        "leads = [mine[0] - theirs[0] for mine, theirs in pairs]": "The held-out images have chosen. The test images report.",
        (
            "edge = one_rate in (min(one), max(one))",
            "edge = other_rate in (min(other), max(other))",
            "edge = one_rate in (min(one), max(one)) and other_rate in (min(other), max(other))",
        ): "Widen the grid if either of the two rates lies at its edge: one is enough.",
        'won = "one" if sum(leads) > 0 else "other" if sum(leads) < 0 else "open"': "Your verdict goes by the mean. One "
        'network can make a mean: "one" and "other" need a lead in every network.',
    }
)

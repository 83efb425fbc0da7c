"""The check of the lesson ticket_full: the lead of one arm over another, each at its own best learning rate."""

from hypothesis import strategies as st

from course_utils.checks import exercise


@exercise(
    "Each at its best",
    why="Each arm is read where its own held-out images are best, the test images only report, and networks are compared "
    "with themselves.",
)
def lead(ticket, other):
    ticket_rate = max(ticket, key=lambda rate: sum(held_out for held_out, _ in ticket[rate]))  #: the rate of the ticket
    other_rate = max(other, key=lambda rate: sum(held_out for held_out, _ in other[rate]))  #: the rate of the other
    pairs = list(zip(ticket[ticket_rate], other[other_rate], strict=True))
    points = [one[1] - two[1] for one, two in pairs]  #: the leads
    edge = ticket_rate in (min(ticket), max(ticket)) or other_rate in (
        min(other),
        max(other),
    )  #: whether a rate is at the edge
    return points, edge


RATES, MEANS = (0.001, 0.004, 0.016, 0.064), (80.0, 84.0, 88.0, 92.0)
AROUND = {1: [(0,)], 2: [(6, -6)], 3: [(10, -5, -5), (5, 5, -10)]}  # networks -> how far they are from their mean


@st.composite
def _calls(draw):
    """Two arms at the same rates, in any order; no two rates of an arm are equally good."""
    count, networks = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    rates, arms = draw(st.permutations(RATES[:count])), []
    for _ in range(2):
        means = draw(st.permutations(MEANS[:count]))
        spread = [draw(st.sampled_from(AROUND[networks]).flatmap(st.permutations)) for _ in rates]
        tests = [
            draw(st.lists(st.sampled_from([90.0, 91.5, 93.0, 94.25]), min_size=networks, max_size=networks))
            for _ in rates
        ]
        held_out = [[mean + off for off in offs] for mean, offs in zip(means, spread, strict=True)]
        arms.append({r: list(zip(h, t, strict=True)) for r, h, t in zip(rates, held_out, tests, strict=True)})
    return tuple(arms)


def _by_the_test_images(ticket, other):
    best = [max(runs, key=lambda rate: sum(pair[1] for pair in runs[rate])) for runs in (ticket, other)]
    pairs = zip(ticket[best[0]], other[best[1]], strict=True)
    return [a[1] - b[1] for a, b in pairs], any(rate in (min(ticket), max(ticket)) for rate in best)


_ticket = {0.001: [(91.0, 92.0)], 0.01: [(92.0, 93.0)], 0.1: [(88.0, 89.0)]}
_other = {0.001: [(87.0, 88.0)], 0.01: [(91.0, 92.0)], 0.1: [(90.0, 92.5)]}
_last = {0.001: [(91.0, 92.0)], 0.01: [(90.0, 93.0)], 0.1: [(92.0, 94.0)]}
lead.tries(_calls(), also=[(_ticket, _other), (_other, _ticket), (_last, _other), (_other, _last)], atol=1e-6)
lead.ideas(
    {
        (
            "ticket_rate = max(ticket, key=lambda rate: sum(test for _, test in ticket[rate]))",
            "other_rate = max(other, key=lambda rate: sum(test for _, test in other[rate]))",
            _by_the_test_images,
        ): "The test images choose the rate, and report as well. Let the held-out images choose.",
        "other_rate = ticket_rate": "Both arms are read at the ticket's rate. Each has its own.",
        "points = [one[0] - two[0] for one, two in pairs]": "The held-out images have chosen. The test images report.",
        (
            "edge = ticket_rate in (min(ticket), max(ticket))",
            "edge = other_rate in (min(other), max(other))",
            "edge = ticket_rate in (min(ticket), max(ticket)) and other_rate in (min(other), max(other))",
        ): "One of the two rates is enough: `edge` is True if either lies at the edge.",
        "edge = ticket_rate in (list(ticket)[0], list(ticket)[-1]) or other_rate in (list(other)[0], list(other)[-1])": "A dict "
        "has its rates in any order: the lowest is `min(runs)`, and not the first.",
    }
)

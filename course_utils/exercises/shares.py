"""Which part of an advantage another arm has as well: a share with limits, by the runs of an investigation.

Three arms stand in a row: the one that is ahead, the one that is behind, and one between. The share of the advantage
that the arm between has as well is (between - behind) / (ahead - behind), of means over draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, geometric_mean

from course_utils.exercises.bests import OTHERS
from course_utils.exercises.investigation import Run

LOW, HIGH = 0.2, 0.8  # below: the share is none; above: it is all
# Made-up worlds that tell the card's rule from others: (share, advantage) near a limit, (share, that of a third draw).
NEAR_A_LIMIT = ((0.18, 20.0), (0.23, 20.0), (0.77, 20.0), (0.83, 20.0), (0.5, 1.3))
UNEVEN = ((0.05, 0.7), (0.95, 0.3))
ALONE = ((0.9, -1.1),)  # (share, that of one draw alone): a mean without the extremes, or between them, is another
MORE = {  # what else people put in place of the mean -> in words
    "if the geometric mean is taken in place of the mean": lambda own: geometric_mean(own) if min(own) > 0 else 0.0,
    "if the first draw is left out": lambda own: fmean(own[1:] or own),
    "if the first three draws alone are read": lambda own: fmean(own[:3]),
}
BY_THE_CARD = "Compute the share of means over your draws, and compare it with the two limits of the card."


@dataclass(frozen=True)
class Share:
    """The rule on a card.

    Attributes:
        ahead, between, behind: names of the arms.
        says: the conclusions for a share below `LOW`, one between, one above `HIGH`, and for no advantage.
        better: 1 where a larger result is better, -1 where a smaller one is.
        least: from which advantage on there is something to be shared out.
        apart: a setting of which an experiment may have tried several values before it concludes from one; "" = none.
        draws: how many different draws an arm needs at a value of that setting.
    """

    ahead: str
    between: str
    behind: str
    says: tuple[str, str, str, str]
    better: int = 1
    least: float = 1.0
    apart: str = ""
    draws: int = 5

    def follows(self, runs: Sequence[Run]) -> tuple:
        """The conclusions that the card allows: for each value of `apart` with draws enough, and for all of them."""
        values = {run.settings[self.apart] for run in runs} if self.apart else set()
        groups = [[run for run in runs if run.settings[self.apart] == value] for value in sorted(values)]
        groups = [own for own in groups if len({run.settings["draw"] for run in own}) >= self.draws]
        return tuple(dict.fromkeys(self._by(*self._numbers(own, fmean)) for own in (*groups, runs)))

    def lead(self, runs: Sequence[Run]) -> float:
        """The advantage, of means over all these runs."""
        return self._numbers(runs, fmean)[0]

    def said(self, runs: Sequence[Run], got: str) -> str:
        """The numbers of a learner's own runs."""
        advantage, share = self._numbers(runs, fmean)
        told = f"Of means over all your draws the advantage is {advantage:.2f}"
        return told + (
            f" and the share {share:.2f}." if advantage >= self.least else ", which is too little to be shared out."
        )

    def others(self, runs: Sequence[Run]) -> dict[str, str]:
        """Rules that are not the card's, and what each concludes from the runs."""
        if self.apart and len({run.settings[self.apart] for run in runs}) > 1:
            return {}  # from which of them an answer concludes is not known
        advantage, share = self._numbers(runs, fmean)
        points, rest = share * advantage, advantage - share * advantage
        ahead, between, behind = self._results(runs, fmean)
        draws = self._of_draws(runs)
        each = [self._numbers(own, fmean) for own in draws]
        leads = [lead for lead, _ in each]
        counted = [run for own, lead in zip(draws, leads, strict=True) if lead >= self.least for run in own]

        def by(value: float, least: float = self.least, lead: float = advantage, **limits: float) -> str:
            return self._by(self.least if lead >= least else -math.inf, value, **limits)

        def over(value: float, divisor: float) -> float:
            return value / divisor if divisor else math.copysign(math.inf, value) if value else 0.0

        saved = f"the distance of {self.between!r} from {self.behind!r}"
        ahead_of = f"the distance of {self.between!r} from {self.ahead!r}"
        return {
            "if the share is taken of the other side": by(1 - share),
            "if the points are compared with the limits, and not their share": by(points),
            f"if {saved} is divided by {ahead_of}, and not by the advantage": by(over(points, rest)),
            f"if {saved} is divided by what comes out for {self.behind!r}, and not by the advantage": by(
                over(points, behind)
            ),
            f"if {saved} is divided by what comes out for {self.ahead!r}, and not by the advantage": by(
                over(points, ahead)
            ),
            f"if what comes out for {self.between!r} is divided by what comes out for {self.behind!r}": by(
                over(between, behind)
            ),
            "if a share is worked out for each draw, and the mean of these shares is taken": by(
                fmean(share for _, share in each)  # a draw without an advantage counts as 0
            ),
            "if the share is always below the lower limit, for its sign is wrong or the limits are in percent": by(-1),
            "if the advantage of the first draw is asked for, in place of the mean": by(
                share, lead=self._numbers(runs, lambda own: own[0])[0]
            ),
            f"if the sum of the advantages is compared with {self.least:g}, in place of their mean": by(
                share, lead=advantage * len({run.settings["draw"] for run in runs})
            ),
            "if it is not asked first whether there is an advantage": by(share, -math.inf),
            "if it is only asked whether the advantage is above 0": by(share, 1e-9),
            f"if {self.least / 100:g} is taken for the least advantage, in place of {self.least:g}": by(
                share, self.least / 100
            ),
            f"if a larger advantage than {self.least:g} is asked for": by(share, 1.5 * self.least),
            f"if a much larger advantage than {self.least:g} is asked for": by(share, 4 * self.least),
            "if an advantage counts whose sign is the wrong one": by(share, lead=abs(advantage)),
            "if the results are read the wrong way round, the better for the worse": by(share, lead=-advantage),
            f"if the advantage of {self.between!r} is asked for, in place of that of {self.ahead!r}": by(
                share, lead=points
            ),
            "if the middle, 0.5, is the only limit": by(share, low=0.5, high=0.5),
            "if only a share of 0 or of 1 decides": by(share, low=0.0, high=1.0),
            **{how: self._by(*self._numbers(runs, pick)) for how, pick in {**OTHERS, **MORE}.items()},
            f"if only the draws with an advantage of {self.least:g} or more are counted": self._by(
                *self._numbers(counted, fmean)
            )
            if counted
            else self.says[3],
            f"if the share is that of the draws with an advantage of {self.least:g} or more": by(
                self._numbers(counted, fmean)[1] if counted else share
            ),
            f"if one draw with an advantage of {self.least:g} is enough": by(share, lead=max(leads)),
            f"if every single draw must have an advantage of {self.least:g}": by(share, lead=min(leads)),
            f"if the advantage is rounded before it is compared with {self.least:g}": by(share, lead=round(advantage)),
            f"if half of {self.least:g} is taken for the least advantage": by(share, 0.5 * self.least),
            f"if the advantage of the better of {self.ahead!r} and {self.between!r} is asked for": by(
                share, lead=max(advantage, points)
            ),
            "if a share below 0 is taken without its sign": by(abs(share)),
            **{
                f"if {arm!r} is read in the first draw alone": self._by(
                    *self._numbers(
                        [run for run in runs if run.arm != arm] + [next(run for run in runs if run.arm == arm)], fmean
                    )
                )
                for arm in (self.ahead, self.behind)
            },
            f"if the lower limit is half of {LOW:g}": by(share, low=LOW / 2),
            f"if the lower limit is above {LOW:g}": by(share, low=1.2 * LOW),
            f"if the upper limit is below {HIGH:g}": by(share, high=0.9 * HIGH),
            f"if the upper limit is above {HIGH:g}": by(share, high=0.95),
            f"if the limits are {LOW / 2:g} and {1 - LOW / 2:g}": by(share, low=LOW / 2, high=1 - LOW / 2),
            f"if the limits are {1.5 * LOW:g} and {1 - 1.5 * LOW:g}": by(share, low=1.5 * LOW, high=1 - 1.5 * LOW),
            "if the limits are a quarter and three quarters": by(share, low=0.25, high=0.75),
            "if the limits are a third and two thirds": by(share, low=1 / 3, high=2 / 3),
        }

    def _of_draws(self, runs: Sequence[Run]) -> list[list[Run]]:
        """The runs of each draw."""
        sorted_out: dict[tuple, list[Run]] = {}
        for run in runs:
            sorted_out.setdefault(tuple(run.settings.values()), []).append(run)
        return [*sorted_out.values()]

    def _numbers(self, runs: Sequence[Run], pick: Callable) -> tuple[float, float]:
        """The advantage, and the share of it; a share of nothing is 0."""
        ahead, between, behind = self._results(runs, pick)
        advantage = self.better * (ahead - behind)
        share = self.better * (between - behind) / advantage if advantage else 0.0
        return advantage, share

    def _results(self, runs: Sequence[Run], pick: Callable) -> tuple[float, ...]:
        """What the arm ahead, the one between and the one behind reach."""
        return tuple(
            pick([run.result for run in runs if run.arm == arm]) for arm in (self.ahead, self.between, self.behind)
        )

    def _by(self, advantage: float, share: float, low: float = LOW, high: float = HIGH) -> str:
        below, middle, above, nothing = self.says
        if advantage < self.least:
            return nothing
        return above if share > high else below if share < low else middle

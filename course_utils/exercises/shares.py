"""Which part of an advantage another arm has as well: a share with limits, by the runs of an investigation.

Three arms stand in a row: the one that is ahead, the one that is behind, and one between. The share of the advantage
that the arm between has as well is (between - behind) / (ahead - behind), of means over draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from course_utils.exercises.bests import OTHERS
from course_utils.exercises.investigation import Run, comes_out

LOW, HIGH = 0.2, 0.8  # below: the share is none; above: it is all
# Made-up worlds that tell the card's rule from others: (share, advantage) near a limit, (share, that of a third draw).
NEAR_A_LIMIT = ((0.18, 20.0), (0.23, 20.0), (0.77, 20.0), (0.83, 20.0), (0.5, 1.3))
UNEVEN = ((0.05, 0.7), (0.95, 0.3))
ALONE = ((0.9, -1.1),)  # (share, that of one draw alone): a mean without the extremes, or between them, is another
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

    def follows(self, runs: Sequence[Run], *, pick: Callable = fmean, low: float = LOW, high: float = HIGH) -> tuple:
        """The conclusions that the card allows: for each value of `apart` with draws enough, and for all of them."""
        values = {run.settings[self.apart] for run in runs} if self.apart else set()
        groups = [[run for run in runs if run.settings[self.apart] == value] for value in sorted(values)]
        groups = [own for own in groups if len({run.settings["draw"] for run in own}) >= self.draws]
        found = [self._numbers(own, pick) for own in (*groups, runs)]
        return tuple(dict.fromkeys(self._by(share, advantage, low, high) for advantage, share in found))

    def said(self, runs: Sequence[Run], got: str) -> str:
        """The numbers of a learner's own runs, and which step of the rule would give `got`."""
        advantage, share = self._numbers(runs, fmean)
        told = f"Of means over all your draws the advantage is {advantage:.2f}"
        told += f" and the share {share:.2f}." if advantage >= self.least else ", which is too little to be shared out."
        points = share * advantage
        others = {
            "if the share is taken of the other side": (self._by(1 - share, advantage),),
            "if the points are compared with the limits, and not their share": (self._by(points, advantage),),
            "if it is not asked first whether there is an advantage": (self._by(share, self.least),),
            **{how: self.follows(runs, pick=pick) for how, pick in OTHERS.items()},
            f"if the lower limit is half of {LOW:g}": self.follows(runs, low=LOW / 2),
            f"if the lower limit is above {LOW:g}": self.follows(runs, low=1.5 * LOW),
            f"if the upper limit is below {HIGH:g}": self.follows(runs, high=0.9 * HIGH),
            f"if the upper limit is above {HIGH:g}": self.follows(runs, high=0.95),
        }
        return told + comes_out(got, [how for how, conclusions in others.items() if conclusions == (got,)][:4])

    def _numbers(self, runs: Sequence[Run], pick: Callable) -> tuple[float, float]:
        """The advantage, and the share of it; a share of nothing is 0."""
        mean = {
            arm: pick([run.result for run in runs if run.arm == arm]) for arm in (self.ahead, self.between, self.behind)
        }
        advantage = self.better * (mean[self.ahead] - mean[self.behind])
        share = self.better * (mean[self.between] - mean[self.behind]) / advantage if advantage else 0.0
        return advantage, share

    def _by(self, share: float, advantage: float, low: float = LOW, high: float = HIGH) -> str:
        below, middle, above, nothing = self.says
        if advantage < self.least:
            return nothing
        return above if share > high else below if share < low else middle

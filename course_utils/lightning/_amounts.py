"""How much to prune after which epoch, and what a series of amounts leaves over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real

Amount = int | float


class Amounts:
    """One rule for all that can be given as an amount; asked once an epoch.

    Args:
        amount: a fraction from 0.0 to 1.0 or a count, after every epoch; a mapping from epoch to amount; or a function
            of the epoch. Epochs count from 0. None and 0 prune nothing.
        counted: False for a method that takes no amount: then True means "prune now".
    Raises:
        ValueError: an amount out of range, an epoch that is no epoch; for a function only when it is asked.
    """

    def __init__(self, amount: Amount | Mapping[int, Amount | None] | Callable[[int], Amount | None], *, counted=True):
        self.given, self.counted = amount, counted
        if isinstance(amount, Mapping):
            for epoch, value in amount.items():
                if not _whole(epoch) or epoch < 0:
                    raise ValueError(f"amount names {epoch!r} as an epoch: epochs are whole numbers from 0")
                self._checked(value, f"amount at epoch {epoch}")
        elif not callable(amount) and self._checked(amount, "amount") is None:
            raise ValueError(f"amount={amount!r} would never prune anything: train without the callback")

    @property
    def ends(self) -> bool:
        """Is it known after which epoch nothing comes any more?"""
        return isinstance(self.given, Mapping)

    def at(self, epoch: int) -> Amount | None:
        """The amount that is due after `epoch`; None = nothing."""
        if isinstance(self.given, Mapping):
            return self._checked(self.given.get(epoch), f"amount at epoch {epoch}")
        return self._checked(self.given(epoch) if callable(self.given) else self.given, f"amount at epoch {epoch}")

    def due(self, first: int, last: int | None) -> dict[int, Amount]:
        """Epoch to amount for all prunings from `first` to before `last`; None = as far as it can be known."""
        if last is None:
            last = 1 + max(self.given, default=-1) if self.ends else first + 1
        amounts = {epoch: self.at(epoch) for epoch in range(first, last)}
        return {epoch: amount for epoch, amount in amounts.items() if amount is not None}

    def _checked(self, value: object, what: str) -> Amount | None:
        if value is None:
            return None
        if not self.counted:
            if value is not True:
                raise ValueError(f"{what} is {value!r}, but the method takes no amount: give True to prune, else None")
            return True
        if _whole(value) and value >= 0:
            return int(value) or None
        if isinstance(value, Real) and not isinstance(value, Integral) and 0 <= value <= 1:
            return float(value) or None
        raise ValueError(
            f"{what} is {value!r}: give a fraction from 0.0 to 1.0 or a count, a whole number from 0, of "
            "the weights left; None prunes nothing"
        )


def refuse_emptying(left: Mapping[str, int], due: Mapping[int, Amount], *, kind: str) -> None:
    """Go through a schedule beforehand, and refuse, with ValueError, one that takes all that is left, or more.

    Args:
        left: how many weights or slices (`kind`) each group of parameters has, by the name to use in the message.
        due: epoch to amount.
    """
    for name, count in left.items():
        for epoch, amount in due.items():
            rest = count - (amount if isinstance(amount, int) else round(amount * count))
            if rest < 0 or (rest == 0 < count):
                raise ValueError(
                    f"after epoch {epoch} the amount {amount!r} prunes all of {name}: {count} {kind} are "
                    "left by then, and nothing could pass; give less, or leave this parameter out"
                )
            count = rest


def _whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)

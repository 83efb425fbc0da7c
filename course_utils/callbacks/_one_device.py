"""Both callbacks work in one process, on one device."""

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.strategies import SingleDeviceStrategy


def refuse_more(callback: Callback, trainer: Trainer, why: str = "") -> None:
    """Refuse a trainer with several devices or processes.

    Args:
        why: what would go wrong, put into the message.
    Raises:
        NotImplementedError: it has more than one, or a strategy for more than one.
    """
    if trainer.world_size > 1 or not isinstance(trainer.strategy, SingleDeviceStrategy):
        raise NotImplementedError(
            f"{type(callback).__name__} works on one device, and this trainer has {trainer.world_size} "
            f"({type(trainer.strategy).__name__}): {why}fit with devices=1 and strategy='auto'"
        )

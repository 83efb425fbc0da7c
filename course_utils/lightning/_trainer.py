"""What the callbacks refuse of a trainer: several devices, weights of another dtype, averages that undo them."""

import re
from itertools import dropwhile

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import StochasticWeightAveraging, WeightAveraging
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


def refuse_other_weights(callback: Callback, trainer: Trainer) -> None:
    """Refuse a trainer that keeps weights in another dtype than float32; mixed precision keeps them.

    Raises:
        NotImplementedError: such a trainer.
    """
    if trainer.precision != "32-true" and not trainer.precision.endswith("-mixed"):
        raise NotImplementedError(
            f"{type(callback).__name__} needs weights in float32, and precision={trainer.precision!r} keeps them in "
            "another dtype: give the trainer '32-true', or 'bf16-mixed' to compute in 16 bits"
        )


def refuse_second_model(callback: Callback, trainer: Trainer, why: str) -> None:
    """Refuse `WeightAveraging` and its kinds, such as `EMAWeightAveraging`, wherever in the list.

    They average in a copy of the model from before the fit, matched to the model by the position of its tensors, and
    a checkpoint holds that copy in the model's place.

    Args:
        why: what would go wrong, put into the message.
    Raises:
        ValueError: the trainer has one.
    """
    for other in trainer.callbacks:
        if isinstance(other, WeightAveraging):
            raise ValueError(
                f"{type(other).__name__} does not go with {type(callback).__name__}: it averages in a copy of the "
                f"model from before the fit, {why}; leave one of the two out, or average with StochasticWeightAveraging"
            )


def refuse_averages_behind(callback: Callback, trainer: Trainer) -> None:
    """Refuse `StochasticWeightAveraging` behind a callback that prunes.

    Raises:
        ValueError: it stands there.
    """
    for other in dropwhile(lambda known: known is not callback, trainer.callbacks):
        if isinstance(other, StochasticWeightAveraging):
            raise ValueError(
                f"{type(other).__name__} is listed behind {type(callback).__name__}: at the end of the fit it would "
                "copy averages, which know no masks, over the zeros; list it before"
            )


def files_go_by_metrics(trainer: Trainer) -> bool:
    """Does a checkpoint callback choose its files by a metric, or write one into their names? An epoch is none."""
    used = set()
    for saver in trainer.checkpoint_callbacks:
        used |= {getattr(saver, "monitor", None), *re.findall(r"{([^}:=!]+)", getattr(saver, "filename", None) or "")}
    return bool(used - {None, "epoch", "step"})

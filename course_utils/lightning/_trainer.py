"""What the callbacks refuse of a trainer: several devices, weights of another dtype, averages that undo them."""

import re
from itertools import dropwhile

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import StochasticWeightAveraging, WeightAveraging
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import nn
from torch.optim.swa_utils import AveragedModel

from course_utils.lightning import _masks


def trained(trainer: Trainer, model: LightningModule, reached: set[nn.Parameter]) -> set[nn.Parameter]:
    """The parameters of a model that the fit trains: of an optimizer, and, as far as known, `reached` by gradients."""
    groups = (group for optimizer in trainer.optimizers for group in optimizer.param_groups)
    held = _masks.learning(model, (p for group in groups for p in group["params"]))
    return held & reached or held


def refuse_more(callback: Callback, trainer: Trainer, why: str = "") -> None:
    """Refuse a trainer with several devices or processes.

    Raises:
        NotImplementedError: it has more than one, or a strategy for more; `why` says in it what would go wrong.
    """
    if trainer.world_size > 1 or not isinstance(trainer.strategy, SingleDeviceStrategy):
        raise NotImplementedError(
            f"{type(callback).__name__} works on one device, and this trainer has {trainer.world_size} "
            f"({type(trainer.strategy).__name__}): {why}fit with devices=1 and strategy='auto'"
        )


def refuse_other_weights(callback: Callback, trainer: Trainer) -> None:
    """Refuse, with NotImplementedError, weights in another dtype than float32; mixed precision keeps them."""
    if trainer.precision != "32-true" and not trainer.precision.endswith("-mixed"):
        raise NotImplementedError(
            f"{type(callback).__name__} needs weights in float32, and precision={trainer.precision!r} keeps them in "
            "another dtype: give the trainer '32-true', or 'bf16-mixed' to compute in 16 bits"
        )


def refuse_second_model(callback: Callback, trainer: Trainer, model: LightningModule, why: str) -> None:
    """Refuse `WeightAveraging` and its kinds, wherever in the list, and an `AveragedModel` inside of the model.

    They average in a copy of the model from before the fit, matched to the model by the position of its tensors, and
    a checkpoint holds that copy in the model's place.

    Raises:
        ValueError: there is one; `why` says in it what would go wrong.
    """
    named = ((f"{name} ({type(module).__name__})", module) for name, module in model.named_modules())
    for name, other in [*((type(other).__name__, other) for other in trainer.callbacks), *named]:
        if isinstance(other, WeightAveraging | AveragedModel):
            raise ValueError(
                f"{name} does not go with {type(callback).__name__}: it averages in a copy of the "
                f"model from before the fit, {why}; leave one of the two out, or average with StochasticWeightAveraging"
            )


def refuse_averages_behind(callback: Callback, trainer: Trainer) -> None:
    """Refuse, with ValueError, `StochasticWeightAveraging` behind a callback that prunes."""
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

"""Two callbacks for Lightning: pruning by a schedule, and quantization-aware training in plain tensors.

Lesson 6.2 writes the first and lesson 6.1 the second in view. These do the same, keep their promises through
checkpoints, and refuse at the start of a fit, by name, what they do not cover. docs/lightning.md shows their use.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Integral, Real

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, StochasticWeightAveraging, WeightAveraging
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.utilities import rank_zero_info
from torch import nn

from course_utils import fake_quantize

METHODS = ("l1_unstructured", "random_unstructured")
NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
ADVICE = (  # what Lightning says of large trainings, at every fit
    ".*does not have many workers",
    ".*GPU available but not used",
    "You defined a `validation_step` but have no",
    "Be aware that when using `ckpt_path`",
    ".*LeafSpec.* is deprecated",
)
Amount = int | float


def ignore_advice() -> None:
    """From now on, in this process: no advice for large trainings, and no log lines about devices at every fit."""
    for message in ADVICE:
        warnings.filterwarnings("ignore", message)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _refuse(callback: Callback, trainer: Trainer, model: LightningModule) -> None:
    """Refuse what neither callback covers: several devices, averages in a copy of the model, scripted parts."""
    mine = type(callback).__name__
    if trainer.world_size > 1 or not isinstance(trainer.strategy, SingleDeviceStrategy):
        raise NotImplementedError(
            f"{mine} works on one device, and this trainer has {trainer.world_size} "
            f"({type(trainer.strategy).__name__}): fit with devices=1 and strategy='auto'"
        )
    for other in trainer.callbacks:
        if isinstance(other, WeightAveraging):
            raise ValueError(
                f"{type(other).__name__} does not go with {mine}: it averages in a copy of the model from before the "
                "fit; leave one of the two out, or average with StochasticWeightAveraging"
            )
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(f"{name} is scripted and cannot be changed in a fit: train first, then torch.jit.script")
        for leaf, parameter in module.named_parameters(recurse=False):
            if isinstance(parameter, nn.UninitializedParameter):
                raise ValueError(f"{name}.{leaf} has no values yet: run the model once on an input before the fit")


class PruningSchedule(Callback):
    """Set weights to zero after some epochs, and keep them there.

    Epochs count from 0, as ``trainer.current_epoch`` does, and the cut comes after an epoch's training and validation:
    ``{0: 0.5}`` trains one dense epoch. An amount counts the weights that are *left*, so amounts compound. The weights
    stay plain parameters; the masks are kept here and applied after each batch, so the zeros are in every file, too.
    Each cut writes one line to Lightning's log, and logs the metric "pruning_sparsity", with a number behind it where
    several schedules stand in one trainer. Where a `ModelCheckpoint` goes by a metric, a cut waits until the next
    epoch, for a file must hold the network that was measured. A fit that resumes from a checkpoint with this callback
    prunes as if it had not stopped; without it the zeros train like other weights.

    Args:
        method: "l1_unstructured", the smallest magnitudes, or "random_unstructured". Whole channels are cut after
            training, out of the network: lesson 4.5 does that.
        amount: a fraction (float, above 0 and below 1) or a count (int, 1 or more), after *every* epoch; a mapping from
            epoch to amount; or a function of the epoch. None prunes nothing.
        scope: "global", all parameters ranked together, or "local", each for itself.
        targets: names as in ``named_parameters``; None = every "weight" of two or more dimensions outside of norm
            layers that requires a gradient.
        rewind_to: None = train on. An epoch k = after each cut all parameters, and what norm layers have counted, go
            back to what they were when epoch k began. Masks stay, optimizers forget their state.
    Attributes:
        history: (epoch, share of the weights that is left) of each cut.
        masks: name of a parameter -> bool tensor of its shape, on the CPU, True where a weight is left.
    Raises:
        ValueError: an argument out of range; in `fit`, a name that the model does not have, nothing to prune, a
            parameter that is shared, masked by torch or no plain tensor of floats, a schedule that leaves nothing, a
            rewind to an epoch that has gone by, or a callback of the kind `WeightAveraging`; nothing is changed then.
            At a cut, weights that are NaN or infinite.
        NotImplementedError: in `fit`, more than one device or process.
    Warns:
        UserWarning: in `fit`, when nothing is due in any of its epochs, or it ends before the schedule does.
    """

    def __init__(
        self,
        method: str,
        amount: Amount | Mapping[int, Amount | None] | Callable[[int], Amount | None],
        *,
        scope: str = "global",
        targets: Sequence[str] | None = None,
        rewind_to: int | None = None,
    ):
        if method not in METHODS:
            raise ValueError(f"method={method!r}; give one of {', '.join(METHODS)}")
        if scope not in ("global", "local"):
            raise ValueError(f"scope={scope!r}: give 'global' or 'local'")
        if isinstance(targets, str):
            raise ValueError(f"targets={targets!r}: give a list of names of parameters, for example ['conv1.weight']")
        if rewind_to is not None and not (isinstance(rewind_to, Integral) and rewind_to >= 0):
            raise ValueError(f"rewind_to={rewind_to!r}: give the epoch to go back to, 0 for the start, or None")
        self.method, self.amount, self.scope = method, amount, scope
        self.targets, self.rewind_to = targets, rewind_to
        for epoch in amount if isinstance(amount, Mapping) else () if callable(amount) else (0,):
            self._due(epoch)
        self._begin(0)

    def _begin(self, epoch: int) -> None:
        self.history: list[tuple[int, float]] = []
        self.masks: dict[str, torch.Tensor] = {}
        self._settled, self._seed, self._values, self._planned = epoch - 1, torch.initial_seed(), None, False

    @property
    def state_key(self) -> str:
        """The name of this schedule in a checkpoint."""
        return self._generate_state_key(method=self.method, scope=self.scope, targets=self.targets)

    def _due(self, epoch: int) -> Amount | None:
        """The amount after an epoch; None = nothing."""
        if isinstance(self.amount, Mapping):
            value = self.amount.get(epoch)
        else:
            value = self.amount(epoch) if callable(self.amount) else self.amount
        if value is None or (isinstance(value, Integral) and not isinstance(value, bool) and value >= 1):
            return value
        if not isinstance(value, Integral) and isinstance(value, Real) and 0 < value < 1:
            return float(value)
        raise ValueError(
            f"amount after epoch {epoch} is {value!r}: give a fraction between 0.0 and 1.0 or a count from 1, of the "
            "weights left; None prunes nothing"
        )

    def _select(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """The parameters to prune, by name."""
        every = dict(model.named_parameters(remove_duplicate=False))
        if masked := [name for name in every if name.endswith("_orig") and name[:-5] not in every]:
            raise ValueError(
                f"{masked[0]} is under a mask of torch.nn.utils.prune: make that permanent first, with prune.remove"
            )
        if unknown := [name for name in self.targets or () if name not in every]:
            raise ValueError(f"targets: the model has no parameter {unknown[0]!r}; it has {', '.join(every)}")
        norms = {f"{path}.weight".lstrip(".") for path, module in model.named_modules() if isinstance(module, NORMS)}
        chosen = self.targets or [
            name
            for name, p in model.named_parameters()
            if name.rpartition(".")[2] == "weight" and p.dim() > 1 and p.requires_grad and name not in norms
        ]
        if not chosen:
            raise ValueError("no weights to prune: give targets, the names of parameters")
        for name in chosen:
            parameter = every[name]
            if type(parameter.data) is not torch.Tensor or not parameter.is_floating_point() or parameter.is_meta:
                raise ValueError(f"{name} cannot be pruned here: it is no plain tensor of floats with values")
            if twins := [n for n, p in every.items() if n != name and p.data_ptr() == parameter.data_ptr()]:
                raise ValueError(f"{name} and {twins[0]} are one shared tensor: give targets without them")
        return {name: every[name] for name in chosen}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse what cannot work, before anything is read or changed."""
        self._fitting, self._resumed = stage == "fit", False
        if self._fitting:
            _refuse(self, trainer, pl_module)
            behind = trainer.callbacks[trainer.callbacks.index(self) :]
            if any(isinstance(other, StochasticWeightAveraging) for other in behind):
                raise ValueError(
                    "list StochasticWeightAveraging before PruningSchedule: it would average over the zeros"
                )
            self._select(pl_module)

    def state_dict(self) -> dict:
        """What a checkpoint needs beside the model: plain values and tensors, which ``weights_only=True`` loads."""
        return {
            "history": self.history,
            "masks": self.masks,
            "settled": self._settled,
            "seed": self._seed,
            "values": self._values,
        }

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on where a checkpoint stopped, when a fit resumes from it; reading one for a test changes nothing."""
        if self._fitting:
            self._resumed, self.history, self.masks = True, state_dict["history"], state_dict["masks"]
            self._settled, self._seed, self._values = (state_dict[key] for key in ("settled", "seed", "values"))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the whole schedule before anything is cut."""
        if not self._resumed:
            self._begin(trainer.current_epoch)
        last = trainer.max_epochs
        if last in (None, -1):
            last = 1 + max(self.amount, default=0) if isinstance(self.amount, Mapping) else self._settled + 2
        due = {epoch: amount for epoch in range(self._settled + 1, last) if (amount := self._due(epoch)) is not None}
        self._planned = bool(due)
        if not due and not self.history:
            warnings.warn(
                f"this fit prunes nothing: amount={self.amount!r} gives nothing for the epochs {self._settled + 1} to "
                f"{last - 1}; epochs count from 0",
                stacklevel=2,
            )
        if self.rewind_to is not None and self._values is None:
            if trainer.current_epoch > self.rewind_to or (due and min(due) < self.rewind_to):
                raise ValueError(
                    f"rewind_to={self.rewind_to}, but the fit begins at epoch {trainer.current_epoch} and cuts first "
                    f"after epoch {min(due, default='-')}: nothing holds the weights of that time"
                )
        for name, group in self._groups(self._select(pl_module)).items():
            left = sum(int(self._mask(key, parameter).sum()) for key, parameter in group.items())
            for epoch, amount in due.items():
                left -= amount if isinstance(amount, Integral) else round(amount * left)
                if left <= 0:
                    raise ValueError(f"after epoch {epoch} the amount {amount} leaves nothing of {name}: give less")
        self._settle(trainer, pl_module, trainer.current_epoch)  # a file from an epoch's last batch: not its end

    def _groups(self, chosen: dict[str, nn.Parameter]) -> dict[str, dict[str, nn.Parameter]]:
        """What is ranked together."""
        if self.scope == "global":
            return {f"the {len(chosen)} parameters": chosen}
        return {name: {name: parameter} for name, parameter in chosen.items()}

    def _mask(self, name: str, parameter: nn.Parameter) -> torch.Tensor:
        return self.masks.get(name, torch.ones(parameter.shape, dtype=torch.bool))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prune, where the cut had to wait; keep copies of the weights to rewind to."""
        self._settle(trainer, pl_module, trainer.current_epoch)
        if trainer.current_epoch == self.rewind_to and self._values is None:
            self._values = {name: tensor.detach().to("cpu", copy=True) for name, tensor in _trained(pl_module)}

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Take back what the step has done to the zeros."""
        self._apply(pl_module)

    @torch.no_grad()
    def _apply(self, model: nn.Module) -> None:
        for name, mask in self.masks.items():
            model.get_parameter(name).mul_(mask.to(model.get_parameter(name).device))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prune, unless a file is still to be written that goes by what was measured."""
        used = set()
        for saver in trainer.checkpoint_callbacks:
            used |= {getattr(saver, "monitor", None), *re.findall(r"{([^}:=!]+)", getattr(saver, "filename", "") or "")}
        if not used - {None, "epoch", "step"}:
            self._settle(trainer, pl_module, trainer.current_epoch + 1)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do what had to wait; zeros also where another callback has put averages into the model."""
        self._settle(trainer, pl_module, trainer.current_epoch, log=False)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what was not reached."""
        missed = [epoch for epoch in self.amount if epoch > self._settled] if isinstance(self.amount, Mapping) else []
        if missed and self._planned:
            warnings.warn(f"the fit ended before the cuts after the epochs {missed}", stacklevel=2)

    def _settle(self, trainer: Trainer, model: LightningModule, until: int, *, log: bool = True) -> None:
        """Do what is due after the epochs before `until`, and not done yet."""
        for epoch in range(self._settled + 1, until):
            if (amount := self._due(epoch)) is not None:
                chosen = self._select(model)
                for group in self._groups(chosen).values():
                    self._cut(group, amount, torch.Generator().manual_seed((self._seed * 1_000_003 + epoch) % 2**63))
                if self.rewind_to is not None:
                    self._rewind(trainer, model)
                share = sum(int(self.masks[name].sum()) for name in chosen) / sum(p.numel() for p in chosen.values())
                self.history.append((epoch, share))
                rank_zero_info(f"epoch {epoch}: {self.method}, {self.scope}, amount {amount!r}: {share:.2%} is left")
                if log and not trainer.barebones:
                    schedules = [callback for callback in trainer.callbacks if isinstance(callback, PruningSchedule)]
                    number = f"_{schedules.index(self)}" if len(schedules) > 1 else ""
                    model.log(f"pruning_sparsity{number}", 1 - share)
            self._settled = epoch
        self._apply(model)

    def _cut(self, group: Mapping[str, nn.Parameter], amount: Amount, generator: torch.Generator) -> None:
        """Take the lowest ranks of what is left of some parameters out of their masks."""
        left = torch.cat([self._mask(name, parameter).flatten() for name, parameter in group.items()])
        if self.method == "l1_unstructured":
            ranks = torch.cat([parameter.detach().cpu().abs().flatten().double() for parameter in group.values()])
            if not ranks.isfinite().all():
                raise ValueError(f"{', '.join(group)}: NaN or infinity, which would rank as the largest")
        else:
            ranks = torch.rand(len(left), generator=generator, dtype=torch.float64)
        goes = amount if isinstance(amount, Integral) else round(amount * int(left.sum()))
        left[ranks.masked_fill(~left, torch.inf).argsort(stable=True)[:goes]] = False
        parts = left.split([parameter.numel() for parameter in group.values()])
        for (name, parameter), part in zip(group.items(), parts, strict=True):
            self.masks[name] = part.view(parameter.shape).clone()

    @torch.no_grad()
    def _rewind(self, trainer: Trainer, model: LightningModule) -> None:
        for name, tensor in _trained(model):
            tensor.copy_(self._values[name])
        for optimizer in trainer.optimizers:
            optimizer.state.clear()


def _trained(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """What a rewind takes back: all parameters, and what norm layers have counted."""
    yield from model.named_parameters()
    for path, module in model.named_modules():
        if isinstance(module, NORMS):
            yield from ((f"{path}.{name}", counted) for name, counted in module.named_buffers())


class QuantizationAwareTraining(Callback):
    """After ``trainer.fit(model)`` the model computes in int8, and was trained with its rounding.

    Before the fit every linear layer and convolution of the model that requires a gradient becomes a fake-quantized one
    (`course_utils.fake_quantize`): the same parameters go on learning. At the end of the fit they become layers of
    integers, on the CPU. Ranges move in training batches alone. All else stays in float, batch norm too;
    `fake_quantize.fold_batch_norm` before the fit takes it away. An exception leaves the model fake-quantized.

    A checkpoint of the training holds the fake-quantized state: ``fit(ckpt_path=...)`` with this callback resumes from
    it. The finished model: save its ``state_dict()``, and load that into a new model after `rebuild`.

    Args:
        collect_quantization: which training batches move the ranges. None = all; a count = the first so many of a fit,
            where a resumed fit counts on; a function of the trainer = those for which it returns True.
        layers: names of the layers to round; None = all that require a gradient.
        quantize_on_fit_end: False = leave the model fake-quantized; `quantize` converts it later.
        averaging: how far a range moves towards that of a new batch, above 0 and at most 1.
    Raises:
        ValueError: an argument that is none of these; in `fit`, a model without such layers, weights without values or
            not in float32, or a callback of the kind `WeightAveraging`. The model is then as it was.
        NotImplementedError: in `fit`, more than one device or process, or a precision that keeps weights in 16 bits.
        RuntimeError: in `fit`, a layer's weight is trained without calling the layer, so nothing rounds it.
    Warns:
        UserWarning: of layers that the fit does not train, which stay in float.
    """

    def __init__(
        self,
        collect_quantization: int | Callable[[Trainer], bool] | None = None,
        *,
        layers: Sequence[str] | None = None,
        quantize_on_fit_end: bool = True,
        averaging: float = 0.3,
    ):
        count = isinstance(collect_quantization, Integral) and collect_quantization > 0
        if not (collect_quantization is None or count or callable(collect_quantization)):
            raise ValueError(f"collect_quantization={collect_quantization!r}: give None, a count from 1, or a function")
        if not 0 < averaging <= 1:
            raise ValueError(f"averaging={averaging}: give a share above 0 and at most 1")
        self.collect_quantization, self.layers = collect_quantization, layers
        self.quantize_on_fit_end, self.averaging = quantize_on_fit_end, averaging
        self._collected, self._checked, self._handle = 0, False, None

    def prepare(self, model: nn.Module) -> nn.Module:
        """Make a float model fake-quantized, in place, as the start of a fit does; gives it back.

        Raises:
            ValueError: as `fake_quantize.prepare`.
        """
        able = {name: layer for name, layer in model.named_modules() if fake_quantize.can_be_rounded(layer)}
        chosen = self.layers
        if chosen is None:
            chosen = [name for name, layer in able.items() if any(p.requires_grad for p in layer.parameters())]
            if frozen := [name for name in able if name not in chosen]:
                warnings.warn(f"this fit does not train {', '.join(frozen)}: left in float, as it is", stacklevel=3)
        return fake_quantize.prepare(model, chosen, averaging=self.averaging)

    def quantize(self, model: nn.Module) -> nn.Module:
        """Convert a fake-quantized model to int8, in place and on the CPU; gives it back.

        Raises:
            ValueError: the model is not fake-quantized, or a layer has seen no input.
        """
        return fake_quantize.convert(model.cpu())

    def rebuild(self, model: nn.Module) -> nn.Module:
        """Give a new float model the int8 layers that a fit leaves, with no useful values; gives it back."""
        return fake_quantize.convert(self.prepare(model), without_ranges=True)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Prepare the model: Lightning reads a checkpoint, and makes the optimizers, after this hook."""
        if stage == "fit":
            _refuse(self, trainer, pl_module)
            if trainer.precision != "32-true" and not trainer.precision.endswith("-mixed"):
                raise NotImplementedError(
                    f"QuantizationAwareTraining needs weights in float32, and precision={trainer.precision!r} keeps "
                    "them in another dtype: give '32-true', or 'bf16-mixed' to compute in 16 bits"
                )
            self._collected, self._checked = 0, False
            if not fake_quantize.fake_layers(pl_module):
                self.prepare(pl_module)
            fake_quantize.set_mode(pl_module, observing=False, rounding=True)
        self._leave()
        matched = lambda model, state, *_: fake_quantize.match(model, state)  # noqa: E731
        self._handle = pl_module.register_load_state_dict_pre_hook(matched)

    def state_dict(self) -> dict:
        """How many batches have moved the ranges; the ranges are part of the model."""
        return {"collected": self._collected}

    def load_state_dict(self, state_dict: dict) -> None:
        """Count on where a checkpoint stopped."""
        self._collected = state_dict["collected"]

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Let this batch move the ranges, or not."""
        wanted = self.collect_quantization
        if callable(wanted):
            collect = bool(wanted(trainer))
        else:
            collect = wanted is None or self._collected < wanted
        self._collected += collect
        fake_quantize.set_mode(pl_module, observing=collect, rounding=True)

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse, after the first batch, a layer that is trained and was not called."""
        layers = fake_quantize.fake_layers(pl_module).items() if not self._checked else ()
        self._checked = True
        for name, layer in layers:
            observed = layer.input.observing and layer.input.batches == 0
            if observed and any(parameter.grad is not None for parameter in layer.parameters()):
                raise RuntimeError(
                    f"{name}: its weight is read, and the layer is not called, so nothing rounds it. Call self.{name}"
                    f"(x), not F.linear(x, self.{name}.weight); or leave it out of layers"
                )

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Between training batches, as in a validation, the ranges stand still."""
        fake_quantize.set_mode(pl_module, observing=False, rounding=True)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Convert, on the CPU."""
        self._leave()
        if self.quantize_on_fit_end:
            self.quantize(pl_module)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave no hook behind."""
        self._leave()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave no hook behind; also after an interrupt from the keyboard."""
        self._leave()

    def _leave(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

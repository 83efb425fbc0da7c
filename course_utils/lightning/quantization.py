"""Quantization-aware training in Lightning: fake quantization during the fit, an int8 model after it."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import nn

from course_utils import legacy_int8
from course_utils.legacy_int8 import tq
from course_utils.lightning import _fake_quantize, _qat_arguments, _quantized_forward, _trainer, _trial

SECOND = "so that checkpoints hold a float model, or averaged ranges"
FAKE, INT8 = "fake-quantized", "int8"  # what a model of this callback can be, kept on it under MARK
MARK = "_quantization"


class QuantizationAwareTraining(Callback):
    """After ``trainer.fit(model)`` the model computes in int8, and was trained with its rounding.

    When the fit starts, the model gets two parts, ``model.quant`` and ``model.dequant``, and its layers are replaced by
    fake-quantized ones. The same parameters go on learning. Inputs are quantized where the model is *called*, so
    ``training_step`` must call ``self(x)``; every floating-point tensor given by position, also in a dict or another
    object, is quantized, all with one range. `forward` itself is never replaced. After its first batch the model is
    converted for a trial, called with that batch, and put back: what has no int8 kernel is named then, with nothing
    lost. At the end of the fit it moves to the CPU, where torch's int8 kernels are, and is converted in place. In a fit
    that an exception stops it stays fake-quantized, and a further fit goes on from there.

    A checkpoint of the training holds the fake-quantized state, not the int8 model: ``fit(ckpt_path=...)`` with this
    callback resumes from it, and without a trainer `prepare` makes a new model fit it. The finished model: save its
    ``state_dict()``, and load that into a new model after `rebuild`. Test and predict with this callback and a
    ``ckpt_path`` of either do that by themselves. All of them load with ``weights_only=True``.

    What the fit does not train is left in float and named in a warning: what is frozen, or in no optimizer. A `qconfig`
    of a module's own decides for it. TorchScript takes a finished model with one input.

    Args:
        qconfig: an engine of this machine ("x86", "onednn", "fbgemm", "qnnpack"; `legacy_int8.available`), or a QConfig
            whose two parts fake-quantize. None = the engine that is best here, `legacy_int8.best`.
        observer_type: how the engine's activations are observed: "average" (moving average of least and greatest
            value) or "histogram" (least error, slower). A QConfig brings its own observers.
        collect_quantization: which training batches the observers see. None = all; a count = the first so many of a
            fit, where a resumed fit counts on; a function of the trainer = those for which it returns True. In the
            others ranges stand still. Until the first such batch the model trains in float.
        modules_to_fuse: groups of names, [("conv", "bn", "relu"), ("layer_0", "layer_0a")]; kinds as torch's
            ``fuse_modules_qat`` takes them.
        input_compatible: True = the quantized model is called as before, ``model(x)``. False = with
            ``model(model.quant(x))``; in a trainer's loops with this callback, also ``model(x)``. The output is float.
        quantize_on_fit_end: False = leave the model fake-quantized; `quantize` converts it later, without a trial.
        observer_enabled_stages: in which of "train", "validate", "test", "predict" observers may change, at least one.
            The sanity check changes none.
    Raises:
        ValueError: an argument that is none of these; in `fit`, one that does not suit the model, or a callback of the
            kind `WeightAveraging`. The model is then as it was.
        LookupError: qconfig is None, and this machine has no engine.
        NotImplementedError: in `fit`, more than one device or process, or weights in another dtype than float32.
        TypeError: in `fit`, the model is called without an input by position.
        RuntimeError: in `fit`, training_step does not call the model, a layer's weight is read without calling it, the
            model cannot compute in int8, or the fit ends before an observer saw a batch.
    Warns:
        UserWarning: of parts that the fit does not train, of weights that torch cannot round while it trains, and of
            layers that no observed batch reached.
    """

    def __init__(
        self,
        qconfig: str | tq.QConfig | None = None,
        observer_type: str = "average",
        collect_quantization: int | Callable[[Trainer], bool] | None = None,
        modules_to_fuse: Sequence[Sequence[str]] | None = None,
        input_compatible: bool = True,
        quantize_on_fit_end: bool = True,
        observer_enabled_stages: Sequence[str] = ("train",),
    ):
        qconfig = legacy_int8.best() if qconfig is None else qconfig
        _qat_arguments.refuse_others(observer_type, collect_quantization, modules_to_fuse, observer_enabled_stages)
        self.qconfig = _qat_arguments.qconfig(qconfig, observer_type)
        self.observer_type, self.collect_quantization = observer_type, collect_quantization
        self.modules_to_fuse = [tuple(group) for group in modules_to_fuse or ()]
        self.observer_enabled_stages = tuple(observer_enabled_stages)
        self.input_compatible, self.quantize_on_fit_end = input_compatible, quantize_on_fit_end
        self._engine = qconfig if isinstance(qconfig, str) else None
        self._collected, self._switched = 0, None
        self._hooks, self._first_call, self._waiting = [], None, None
        self._floats = weakref.WeakKeyDictionary()  # model to its parts before it was prepared

    def prepare(self, model: LightningModule) -> LightningModule:
        """Make a float model fake-quantized, in place, as the start of a fit does; gives it back.

        Then a checkpoint of the training fits: ``model.load_state_dict(torch.load(path)["state_dict"])``.

        Raises:
            ValueError: the model is quantized or prepared already, has parts `quant` or `dequant` of its own, a forward
                without input, modules that cannot be fused, or a layer that torch cannot prepare: attention, recurrent
                layers but LSTM, and others. The message names it. The model is then as it was.
            NotImplementedError: a weight in another dtype than float32.
        """
        kind = type(model).__name__
        _fake_quantize.refuse_layers(model)
        if _fake_quantize.fakes(model):
            raise ValueError(
                f"this {kind} holds fake quantization already, which was not put there by this callback: "
                "give the callback a float model"
            )
        for name in _fake_quantize.STUBS:
            if hasattr(model, name):
                raise ValueError(
                    f"this {kind} has {name!r} of its own, and the callback adds a part of that name: "
                    "rename it, or remove it if it is a stub"
                )
        _quantized_forward.count_inputs(model)
        self._floats[model] = _fake_quantize.prepare(model, self.qconfig, self.modules_to_fuse)
        setattr(model, MARK, FAKE)
        return model

    def quantize(self, model: LightningModule) -> LightningModule:
        """Convert a fake-quantized model to int8, in place and on the CPU; gives it back. Masks become permanent.

        Raises:
            ValueError: the model is not fake-quantized.
            RuntimeError: no observer has seen a tensor, so there are no ranges.
        """
        if _state(model) != FAKE:
            raise ValueError(f"this {type(model).__name__} is not fake-quantized: fit or prepare it first")
        if not _fake_quantize.calibrated(model):
            raise RuntimeError(
                "the observers saw no batch, so nothing is known of any range, and the model was not "
                "quantized: train at least one batch, and look at collect_quantization and "
                "observer_enabled_stages"
            )
        self._floats.pop(model, None)
        with legacy_int8.use(self._engine) if self._engine else nullcontext():
            _fake_quantize.convert(model)
        _quantized_forward.finish(model, _quantized_forward.count_inputs(model), input_compatible=self.input_compatible)
        setattr(model, MARK, INT8)
        return model

    def rebuild(self, model: LightningModule) -> LightningModule:
        """Give a new float model the int8 parts that a fit leaves, with no useful values; gives it back.

        For another process: build the model, `rebuild` it with the same arguments, and load the finished state.

        Raises:
            ValueError: as `prepare`.
        """
        _fake_quantize.invent_ranges(self.prepare(model).cpu())
        return self.quantize(model)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Prepare the model: Lightning reads a checkpoint, and makes the optimizers, after this hook."""
        self._detach()
        self._switched = None
        if stage == "fit":
            _trainer.refuse_more(self, trainer, "each process would observe ranges of its own; ")
            _trainer.refuse_other_weights(self, trainer)
            _trainer.refuse_second_model(self, trainer, pl_module, SECOND)
            self._collected = 0
            if _state(pl_module) != FAKE:
                self.prepare(pl_module)
        self._hooks = [pl_module.register_load_state_dict_pre_hook(lambda model, state, *_: self._suit(model, state))]
        self._quantize_inputs(pl_module)

    def _suit(self, model: LightningModule, state_dict: dict) -> None:
        """Before a checkpoint is read: a float model becomes what the checkpoint holds."""
        fake = any(key.startswith(_fake_quantize.RANGE) for key in state_dict)
        held = FAKE if fake else INT8 if "quant.scale" in state_dict else None
        if held is None or held == _state(model) == INT8:
            return
        if _state(model) not in (None, held):
            raise ValueError(
                f"the checkpoint holds a model that is {held}, and this {type(model).__name__} is "
                f"{_state(model)}: take a new float model, and to train, a checkpoint of the training"
            )
        if fresh := _state(model) is None:
            self.prepare(model)
        rounded = [key for key in state_dict if key.endswith((".fake_quant_enabled", ".scale"))]

        def float_in_file(name: str, part: nn.Module) -> bool:
            return bool(_fake_quantize.fakes(part)) and not any(key.startswith(f"{name}.") for key in rounded)

        _fake_quantize.release(model, self._floats.get(model, {}), float_in_file)
        if held == INT8:
            _fake_quantize.invent_ranges(model.cpu())
            self.quantize(model)
        if fresh:
            self._quantize_inputs(model)

    def _quantize_inputs(self, model: LightningModule) -> None:
        """While a trainer runs, inputs are quantized in every stage."""
        if _state(model) == FAKE or (_state(model) == INT8 and not self.input_compatible):
            self._hooks.append(model.register_forward_pre_hook(_quantized_forward.quantize_inputs))

    def state_dict(self) -> dict:
        """How many batches the observers have seen in this fit; the ranges are part of the model."""
        return {"collected": self._collected}

    def load_state_dict(self, state_dict: dict) -> None:
        """Count on where a checkpoint stopped."""
        self._collected = state_dict["collected"]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse layers that came too late to be prepared."""
        if names := _fake_quantize.unprepared(pl_module):
            raise ValueError(
                f"{', '.join(names)} came into the model after the callback had prepared it, in setup or "
                "configure_model: make layers in __init__"
            )
        if names := _fake_quantize.unrounded(pl_module):
            warnings.warn(
                f"this training does not round {', '.join(names)}: torch.ao has no layer for that. In int8, if it has "
                "a kernel, they are rounded at the end, without having been trained for it",
                stacklevel=2,
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave alone what no optimizer trains; wait for the first call of the model: a trial in int8 repeats it."""
        _trainer.refuse_second_model(self, trainer, pl_module, SECOND)
        self._leave_alone(pl_module, _trainer.trained(trainer, pl_module, set()))
        self._waiting = pl_module.register_forward_pre_hook(self._keep, prepend=True, with_kwargs=True)
        self._hooks.append(self._waiting)

    def _leave_alone(self, model: LightningModule, trained: set[nn.Parameter], *, ran: bool = False) -> None:
        def out(name: str, part: nn.Module) -> bool:
            used = not ran or any(map(_fake_quantize.has_seen, _fake_quantize.fakes(part)))
            return used and trained.isdisjoint(part.parameters())

        if names := _fake_quantize.release(model, self._floats.get(model, {}), out):
            warnings.warn(
                f"this fit does not train {', '.join(names)}: left in float, as it is; "
                f"{_fake_quantize.ROUND_IT.format(names[0])}",
                stacklevel=3,
            )

    def _keep(self, model: LightningModule, args: tuple, kwargs: dict) -> None:
        self._first_call = self._first_call or (args, kwargs)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch, batch_idx: int) -> None:
        """Switch the observers on or off for this batch."""
        collect = "train" in self.observer_enabled_stages and self._wanted(trainer)
        self._collected += collect
        self._switch(pl_module, "train", collect)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs, batch, batch_idx: int) -> None:
        """Refuse a training step that goes past the model's call or a layer's, and a model that int8 cannot compute."""
        if self._waiting:
            if not self._first_call:
                raise RuntimeError(
                    f"training_step of {type(pl_module).__name__} does not call the model itself, so its input is not "
                    "quantized: call self(x), not self.forward(x) or a layer"
                )
            reached = {p for p in pl_module.parameters() if p.grad is not None}  # not a teacher run under no_grad
            self._leave_alone(pl_module, _trainer.trained(trainer, pl_module, reached), ran=True)
            self._floats.pop(pl_module, None)
            self._waiting.remove()
            call, self._first_call, self._waiting = self._first_call, None, None
            with trainer.precision_plugin.forward_context():
                names = _trial.read_around(pl_module, *call)
            if names:
                raise RuntimeError(
                    f"{', '.join(names)}: the weight is read, and the layer is not called, so that nothing rounds it. "
                    "Call self.layer(x), not F.linear(x, self.layer.weight) or self.layer.forward(x); or leave it out: "
                    f"{_fake_quantize.leave_out(names[0])}"
                )
            if self.quantize_on_fit_end:
                _trial.run(pl_module, self.quantize, *call)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Observers change in validation, test and prediction when asked for, and never in the sanity check."""
        self._evaluate(pl_module, trainer.state.stage)

    on_test_start = on_predict_start = on_validation_start

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Convert; the trainer has moved the model to the CPU."""
        self._leave(pl_module)
        if self.quantize_on_fit_end:
            self.quantize(pl_module)
        elif names := [name for name in _fake_quantize.unseen(pl_module) if name != "quant"]:
            warnings.warn(
                f"no batch that observers saw ran through {', '.join(names)}: nothing rounds there", stacklevel=2
            )

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave no hook behind; also after an interrupt from the keyboard."""
        self._leave(pl_module)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave no hook behind."""
        self._leave(pl_module)

    def _wanted(self, trainer: Trainer) -> bool:
        if callable(self.collect_quantization):
            return bool(self.collect_quantization(trainer))
        return self.collect_quantization is None or self._collected < self.collect_quantization

    def _evaluate(self, model: LightningModule, stage: str) -> None:
        if _state(model) == FAKE:
            self._switch(model, stage, stage in self.observer_enabled_stages)

    def _switch(self, model: LightningModule, stage: str, observe: bool) -> None:
        """Rounding follows the first observation: before it there is no scale to round with."""
        if self._switched != (stage, observe):
            _fake_quantize.switch(model, observe=observe, fake=observe or _fake_quantize.calibrated(model))
            self._switched = stage, observe

    def _leave(self, model: LightningModule) -> None:
        self._detach()
        self._evaluate(model, "outside")

    def _detach(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._first_call, self._waiting = [], None, None


def _state(model: LightningModule) -> str | None:
    return getattr(model, MARK, None)

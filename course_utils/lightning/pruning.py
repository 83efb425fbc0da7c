"""Prune in Lightning's training loop, after the epochs that a schedule names; the masks survive checkpoints."""

from __future__ import annotations

import reprlib
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelPruning
from lightning.pytorch.utilities import rank_zero_info
from torch.nn.utils import prune

from course_utils.lightning import _amounts, _masks, _methods, _trainer

METRIC = "pruning_sparsity"


class PruningSchedule(Callback):
    """Mask weights after some epochs; at the end of the fit make that permanent.

    The cut itself is done by Lightning's `ModelPruning`, where that is right; the choice of parameters, the rewind and
    checkpoints are not its. Epochs count from 0, as ``trainer.current_epoch`` does, and the cut comes after an epoch's
    training and validation: ``{0: 0.5}`` trains one dense epoch. An amount counts the weights that are *left*, so
    amounts compound. All amounts are looked up at the start of the fit, so that a bad one is found
    before anything is cut. Each pruning writes one line to Lightning's log and logs the metric "pruning_sparsity",
    zeros over elements of the parameters that are pruned. Parameters stay the same objects, so optimizers keep them.

    A mask is applied when its layer, or the module that holds the layer, is called, and before each training batch: so
    also where a module reads a layer's weight without calling the layer, as attention does.

    Checkpoints written in a fit hold "…_orig" and "…_mask": a trainer that reads them needs the callback too; without a
    trainer there is `load_masked`. A fit resumes as if it had not stopped. An interrupted fit leaves its masks on.
    A new fit begins anew: masks that are on count as pruned, zeros without a mask train like other weights. See
    docs/lightning.md for several schedules in one trainer, and for files that go by a metric.

    Args:
        method: "l1_unstructured", "random_unstructured", "ln_structured", "random_structured", "identity", or a
            subclass of ``torch.nn.utils.prune.BasePruningMethod`` whose arguments are among amount, n and dim. What
            random methods draw depends on torch's first seed and the epoch; torch's own generator stays as it is.
        amount: a fraction (float, 0 to 1) or count (int) after *every* epoch; a mapping from epoch to amount; or a
            function of the epoch, which is asked for all epochs when a fit starts. None prunes nothing. True = prune,
            for a method that takes no amount.
        scope: "global", all parameters together, or "local", each for itself; None = global for unstructured methods.
        norm: for "ln_structured", the n of torch: 1, 2, float("inf"), …
        dim: for structured methods, along which slices go: 0 = output neurons or channels, 1 = inputs, in linear layers
            and convolutions, transposed ones too; of other weights, a dimension as it is stored.
        targets: names as in ``named_parameters`` of the unpruned model, "conv1.weight" or "conv1.bias"; None = every
            "weight" of two or more dimensions outside of norm layers that the fit trains. A warning names the rest.
        rewind_to: None = train on. An epoch k = after each pruning all parameters, and what norm layers have counted,
            go back to what they were when epoch k began (0 = the start of the fit). Masks stay. Optimizers forget
            their state, for it belongs to the trained weights; learning-rate schedulers go on. Checkpoints hold one
            model more.
        make_permanent: at the end of the fit put plain parameters back, with the zeros; this takes *all* masks off,
            also those that were there before.
    Attributes:
        history: (epoch, density) of each pruning, density being what is left of the parameters that are pruned.
    Raises:
        ValueError: an argument out of range; in `fit`, one that does not suit the model, a parameter that takes no mask
            (shared, quantized, without values), or a callback of the kind `WeightAveraging`. Nothing is
            changed then.
        NotImplementedError: in `fit`, more than one device or process.
    Warns:
        UserWarning: in `fit`, when nothing is due in any of its epochs, or it ends before the schedule does, when
            targets=None leaves something out, or when a cut of all parameters together leaves nothing of one of them.
    """

    def __init__(
        self,
        method: str | type[prune.BasePruningMethod],
        amount: _amounts.Amount | Mapping | Callable,
        *,
        scope: str | None = None,
        norm: float | str | None = None,
        dim: int | None = None,
        targets: Sequence[str] | None = None,
        rewind_to: int | None = None,
        make_permanent: bool = True,
    ):
        self.method, self.norm, self.dim = method, norm, dim
        self._kind = _methods.find(method)
        self._options = _methods.options(self._kind, norm=norm, dim=dim)
        self.scope = _methods.scope_of(self._kind, scope)
        self._amounts = _amounts.Amounts(amount, counted="amount" in _methods.arguments(self._kind))
        if isinstance(targets, str) or not all(isinstance(name, str) for name in targets or ()):
            raise ValueError(f"targets={targets!r}: give a list of names of parameters, for example ['conv1.weight']")
        if rewind_to is not None and (not isinstance(rewind_to, int) or isinstance(rewind_to, bool) or rewind_to < 0):
            raise ValueError(f"rewind_to={rewind_to!r}: give the epoch to go back to, 0 for the start, or None")
        self.targets = None if targets is None else list(targets)
        self.rewind_to, self.make_permanent = rewind_to, make_permanent
        self._hooks, self._fitted, self._stage = [], None, None
        self._forget(epoch=0)

    def _forget(self, epoch: int) -> None:
        self.history: list[tuple[int, float]] = []
        self._values = None  # what to rewind to
        self._masks: _masks.Tensors = {}  # of a fit that has ended, whose masks are permanent
        self._asked = epoch - 1  # the last epoch that is settled
        self._trained = epoch  # how many epochs have come to their end
        self._seed = torch.initial_seed()

    @property
    def state_key(self) -> str:
        """The name of this schedule in a checkpoint: what to prune, and how."""
        return self._generate_state_key(
            method=self._kind.__name__, scope=self.scope, norm=self.norm, dim=self.dim, targets=self.targets
        )

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Be ready for a checkpoint with masks: Lightning reads it after this hook, other callbacks may swap layers."""
        if stage == "fit":
            _trainer.refuse_more(self, trainer)
            _trainer.refuse_averages_behind(self, trainer)
        self._stage, self._resumed = stage, False
        self._unhook()
        self._hooks = [
            pl_module.register_load_state_dict_pre_hook(lambda module, state, *_: _masks.match(module, state)),
            pl_module.register_load_state_dict_post_hook(lambda module, _: _masks.refresh(module)),
        ]

    def _unhook(self) -> None:
        self._reached = set()  # parameters that a gradient has come to, as long as the fit runs
        while self._hooks:
            self._hooks.pop().remove()

    def state_dict(self) -> dict:
        """What a checkpoint needs beside the masks; tensors and plain numbers only."""
        return {
            "history": self.history,
            "asked": self._asked,
            "seed": self._seed,
            "masks": self._masks,
            "values": self._values,
        }

    def load_state_dict(self, state_dict: dict) -> None:
        """Take a checkpoint's state, when a fit resumes from it; reading one for a test changes nothing."""
        if self._stage == "fit":
            self._resumed, self._masks, self._values = True, state_dict["masks"], state_dict["values"]
            self.history, self._asked, self._seed = (state_dict[key] for key in ("history", "asked", "seed"))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the whole request; then go on where an earlier fit stopped, or begin."""
        self._unhook()
        again = self._fitted is not None and self._fitted() is pl_module and trainer.current_epoch > 0
        _trainer.refuse_second_model(self, trainer, pl_module, "which gets no masks, so that files hold dense weights")
        where = _masks.select(pl_module, self.targets, _trainer.trained(trainer, pl_module, self._reached))
        if not (self._resumed or again):
            self._forget(trainer.current_epoch)
        last = trainer.max_epochs if trainer.max_epochs not in (None, -1) else None
        due = self._amounts.due(self._asked + 1, last)
        if not due and not self.history and (last is not None or self._amounts.ends):
            self._warn_of_nothing(last)
        if self.rewind_to is not None and self._values is None:
            self._refuse_rewind(trainer.current_epoch, due)
        if self._masks:
            _masks.put_on(pl_module, self._masks)
            self._masks = {}
        self._fitted, self._trained = weakref.ref(pl_module), trainer.current_epoch
        self._refuse_emptying(pl_module, where, due)
        self._warn_of_rest(pl_module, where)
        self._hooks = [
            holder.register_forward_pre_hook(_masks.before_call) for holder in _masks.holders(pl_module, where)
        ]
        self._settle(trainer, pl_module, trainer.current_epoch)  # a file from an epoch's last batch: no end of it

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prune, where the cut had to wait; keep copies of the weights to rewind to."""
        self._settle(trainer, pl_module, trainer.current_epoch)
        if trainer.current_epoch == self.rewind_to and self._values is None:
            self._values = _masks.snapshot(pl_module)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch, batch_idx: int) -> None:
        """Masked weights with a graph, for a training step that reads one outside of all calls."""
        _masks.apply(pl_module)

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take note of what the fit trains."""
        self._reached |= {p for p in pl_module.parameters() if p.grad is not None}

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs, batch, batch_idx: int) -> None:
        """Masked weights as the step has left them, without a graph: right for readers, and for copies."""
        _masks.refresh(pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prune, when the schedule says so; not before a file is written that goes by what was measured."""
        self._trained = trainer.current_epoch + 1
        if not _trainer.files_go_by_metrics(trainer):
            self._settle(trainer, pl_module, self._trained)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Before the end of the fit, where a quantizing callback converts: no masks are left then."""
        self._settle(trainer, pl_module, self._trained, log=False)
        self._finish(pl_module)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The same where a checkpoint was read and nothing was left to train: Lightning leaves the hook above out."""
        if self._resumed:
            self._settle(trainer, pl_module, trainer.current_epoch, log=False)
        self._finish(pl_module)
        last = None if self._amounts.ends else max(trainer.max_epochs or 0, 0)
        if missed := self._amounts.due(self._asked + 1, last):
            warnings.warn(f"the fit ended first, and not reached are the cuts {reprlib.repr(missed)}", stacklevel=2)

    def _finish(self, model: LightningModule) -> None:
        self._unhook()
        _masks.refresh(model)
        if self.make_permanent and prune.is_pruned(model):
            self._masks = _masks.masks(model)
            with _masks.order_kept(model):
                ModelPruning("l1_unstructured").make_pruning_permanent(model)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """An interrupted fit leaves its masks on the model, and nothing else."""
        self._unhook()
        _masks.refresh(pl_module)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave nothing on the model."""
        self._unhook()

    def _warn_of_nothing(self, last: int | None) -> None:
        until = "" if last is None else f", and {last - 1} is its last"
        warnings.warn(
            f"this fit prunes nothing: it begins at epoch {self._asked + 1}{until}, and amount={self._amounts.given!r} "
            "gives nothing for an epoch from there on; epochs count from 0",
            stacklevel=3,
        )

    def _warn_of_rest(self, model: LightningModule, where: Mapping[str, tuple[str, str]]) -> None:
        rest = _masks.left_out(model, where) if self.targets is None else []
        if rest:
            warnings.warn(
                "targets=None takes what is called 'weight' and trained by this fit, and leaves out "
                f"{', '.join(rest)}: name in targets what is to be pruned",
                stacklevel=3,
            )

    def _refuse_rewind(self, epoch: int, due: Mapping[int, _amounts.Amount]) -> None:
        """A rewind that has no weights to go to."""
        if epoch > self.rewind_to:
            raise ValueError(
                f"rewind_to={self.rewind_to}, but the fit goes on at epoch {epoch} and nothing holds the "
                "weights of that time: resume from a checkpoint written with rewind_to, or start anew"
            )
        if due and min(due) < self.rewind_to:
            raise ValueError(
                f"rewind_to={self.rewind_to}, but the first pruning comes after epoch {min(due)}, before "
                "there are weights to go back to: prune later, or rewind to an earlier epoch"
            )

    def _refuse_emptying(
        self, model: LightningModule, where: Mapping[str, tuple[str, str]], due: Mapping[int, _amounts.Amount]
    ) -> None:
        """Refuse a schedule that will ask for more than is left. What the user's own class takes cannot be known."""
        if self._kind not in _methods.BY_NAME.values() or not self._amounts.counted:
            return
        pairs = zip(where, _masks.pairs(model, where.values()), strict=True)
        counts = {name: _masks.count_remaining(*pair, self.dim) for name, pair in pairs}
        if self.scope == "global" and len(counts) > 1:
            counts = {f"the {len(counts)} parameters together": sum(counts.values())}
        _amounts.refuse_emptying(counts, due, kind="weights" if self.dim is None else "slices")

    def _settle(self, trainer: Trainer, model: LightningModule, until: int, *, log: bool = True) -> None:
        """Do what is due after the epochs before `until`, and not done yet."""
        for epoch in range(self._asked + 1, until):
            amount = self._amounts.at(epoch)
            if amount is not None:
                known = (_trainer.trained(trainer, model, reached) for reached in (set(), self._reached))
                held, chosen = (_masks.select(model, self.targets, trained) for trained in known)
                if idle := ", ".join(name for name in held if name not in chosen):
                    warnings.warn(f"no gradient has reached {idle}: not pruned, unless targets names it", stacklevel=2)
                where = chosen.values()
                _masks.refresh(model)  # a masked weight is as old as the last forward pass, so older than the last step
                before, total = _masks.left(model, where)
                with _masks.order_kept(model), _own_random(self._seed, epoch, model.device):
                    self._cut(_masks.pairs(model, where), amount)
                if self.rewind_to is not None:
                    self._rewind(trainer, model)
                _masks.refresh(model)
                after, _ = _masks.left(model, where)
                if empty := [name for name, pair in chosen.items() if not _masks.left(model, [pair])[0]]:
                    warnings.warn(
                        f"nothing is left of {', '.join(empty)} after epoch {epoch}, so that no gradient passes there: "
                        "prune less, leave it out of targets, or give scope='local'",
                        stacklevel=2,
                    )
                self._report(epoch, amount, before, after, total)
                if log and not trainer.barebones:
                    schedules = [callback for callback in trainer.callbacks if isinstance(callback, PruningSchedule)]
                    model.log(METRIC if len(schedules) == 1 else f"{METRIC}_{schedules.index(self)}", 1 - after / total)
            self._asked = epoch

    def _cut(self, pairs: list[tuple[torch.nn.Module, str]], amount: _amounts.Amount) -> None:
        for pair in pairs:  # before the first one is cut
            _masks.count_remaining(*pair, self.dim)
        for pair in pairs:
            _masks.contiguous(*pair)
        if self.scope == "global":
            ModelPruning(self._kind, pairs).apply_pruning(amount)
            return
        options = self._options | ({"amount": amount} if self._amounts.counted else {})
        for module, leaf in pairs:
            weight = getattr(module, leaf)
            if self.dim is not None:
                options["dim"] = _masks.stored(module, self.dim)
            if self._kind is prune.LnStructured:  # a norm in half precision is rounded, or infinite
                options["importance_scores"] = weight.to(torch.promote_types(weight.dtype, torch.float32))
            self._kind.apply(module, leaf, **options)

    def _rewind(self, trainer: Trainer, model: LightningModule) -> None:
        if self._values is None:
            raise ValueError(f"rewind_to={self.rewind_to}, but nothing holds that epoch's weights yet: prune later")
        _masks.rewind(model, self._values)
        for optimizer in trainer.optimizers:
            optimizer.state.clear()

    def _report(self, epoch: int, amount: _amounts.Amount, before: int, after: int, total: int) -> None:
        self.history.append((epoch, after / total))
        back = "" if self.rewind_to is None else f"; weights rewound to epoch {self.rewind_to}"
        rank_zero_info(
            f"epoch {epoch}: {self._kind.__name__}, {self.scope}, amount {amount!r}: {before - after:,} of "
            f"the {before:,} weights left are pruned, density {before / total:.2%} -> "
            f"{after / total:.2%}{back}"
        )


@contextmanager
def _own_random(seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """Draws that depend on seed and epoch alone, so that a fit that resumes prunes alike; others are not disturbed."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed((seed * 1_000_003 + epoch) % 2**63)
        yield

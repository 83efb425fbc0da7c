"""The pruning callback, one sentence of its promise a test; and the faults of Lightning's own that it is there for."""

import ast
import copy
import logging
import subprocess
import sys
from pathlib import Path

import _lightning
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, ModelPruning
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader, TensorDataset

from course_utils.callbacks import PruningSchedule, _masks, load_masked

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers which may be a bottleneck",
                                        "ignore:.*LeafSpec.* is deprecated",
                                        "ignore:Be aware that when using `ckpt_path`.*ModelCheckpoint")
WEIGHTS = ("net.0.weight", "net.3.weight")  # 96 + 36


class Regression(LightningModule):
    """Two layers with batch norm; `seen` holds the loss of every step."""

    def __init__(self, seed=0, lr=0.05):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = nn.Sequential(nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))
        self.lr, self.seen = lr, []

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, _):
        loss = (self(batch[0]) - batch[1]).square().mean()
        self.seen.append(loss.item())
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class Validated(Regression):
    """The same with a validation after each epoch, where Lightning saves by default."""

    def validation_step(self, batch, _):
        self.log("error", (self(batch[0]) - batch[1]).square().mean())

    def val_dataloader(self):
        return loader()


def loader():
    draw = torch.Generator().manual_seed(7)
    x, y = torch.randn(32, 8, generator=draw), torch.randn(32, 3, generator=draw)
    return DataLoader(TensorDataset(x, y), batch_size=16)


def trainer(path, *callbacks, epochs=4, **options):
    return _lightning.trainer(path, *callbacks, epochs=epochs, **options)


def fit(path, *callbacks, model=None, epochs=4, ckpt=None, **options):
    model = Regression() if model is None else model
    trainer(path, *callbacks, epochs=epochs, **options).fit(model, loader(), ckpt_path=ckpt, weights_only=True)
    return model


def values(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a, b):
    return list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)


def zeros(model):
    return {name: int((p == 0).sum()) for name, p in model.named_parameters()}


def kept(model):
    """How many of the 132 weights are not masked."""
    return _masks.left(model, [("net.0", "weight"), ("net.3", "weight")])[0]


class Ask(Callback):
    """Calls a function with the model after every epoch, behind the callbacks listed before it."""

    def __init__(self, ask):
        self.ask, self.answers = ask, []

    def on_train_epoch_end(self, trainer, pl_module):
        self.answers.append(self.ask(pl_module))


class Smallest(prune.BasePruningMethod):
    """A method of one's own: the smallest weights in absolute value, by torch's rule for amounts."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount):
        self.amount = amount

    def compute_mask(self, t, default_mask):
        gone = round(self.amount * t.numel()) if isinstance(self.amount, float) else self.amount
        mask = default_mask.clone()
        mask.view(-1)[t.abs().flatten().argsort()[:gone]] = 0
        return mask


class Below(prune.BasePruningMethod):
    """Takes no amount: everything below a threshold."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        return default_mask * (t.abs() >= 0.1)


class Columns(prune.BasePruningMethod):
    """Whole inputs, of a type that torch cannot rank over several parameters."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim):
        self.amount, self.dim = amount, dim

    def compute_mask(self, t, default_mask):
        mask = default_mask.clone()
        mask.select(self.dim, 0).zero_()
        return mask


# ---- what is cut ----

@pytest.mark.parametrize(("method", "options"), [
    ("l1_unstructured", {}), ("random_unstructured", {}), ("ln_structured", {"norm": 2, "dim": 0}),
    ("ln_structured", {"norm": float("inf"), "dim": 1}), ("random_structured", {"dim": 1}),
])
def test_torch_methods_by_name_cut_what_torch_cuts(tmp_path, method, options):
    torch.manual_seed(3)
    callback = PruningSchedule(method, {0: 0.25}, scope="local", make_permanent=False, **options)
    model = fit(tmp_path, callback, model=Regression(lr=0.0), epochs=1)
    twin = Regression()
    function = getattr(prune, method)
    named = {"n": options["norm"], "dim": options["dim"]} if "norm" in options else options
    with torch.random.fork_rng():
        torch.manual_seed(3 * 1_000_003)
        for layer in (twin.net[0], twin.net[3]):
            function(layer, "weight", amount=0.25, **named)
    assert torch.equal(model.net[0].weight_mask, twin.net[0].weight_mask)
    assert torch.equal(model.net[3].weight_mask, twin.net[3].weight_mask)
    assert 0 < int((model.net[0].weight_mask == 0).sum()) < 96


def test_global_pruning_ranks_all_parameters_together(tmp_path):
    model = fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.5}), model=Regression(lr=0.0), epochs=1)
    twin = Regression()
    ModelPruning("l1_unstructured", [(twin.net[0], "weight"), (twin.net[3], "weight")]).apply_pruning(0.5)
    ModelPruning("l1_unstructured").make_pruning_permanent(twin)
    assert torch.equal(model.net[0].weight, twin.net[0].weight) and torch.equal(model.net[3].weight, twin.net[3].weight)
    found = zeros(model)
    assert sum(found[name] for name in WEIGHTS) == 66 and found["net.0.weight"] != 48


def test_local_pruning_takes_the_same_share_of_each(tmp_path):
    found = zeros(fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.5}, scope="local"), epochs=1))
    assert (found["net.0.weight"], found["net.3.weight"]) == (48, 18)


def test_the_identity_masks_and_prunes_nothing(tmp_path):
    callback = PruningSchedule("identity", {1: True}, make_permanent=False)
    model = fit(tmp_path, callback)
    assert model.net[0].weight_mask.min() == 1 and callback.history == [(1, 1.0)]


def test_subclasses_of_the_base_method_global_and_local(tmp_path):
    found = zeros(fit(tmp_path, PruningSchedule(Smallest, {0: 0.5}), epochs=1))
    assert sum(found[name] for name in WEIGHTS) == 66
    found = zeros(fit(tmp_path, PruningSchedule(Smallest, {0: 5}, scope="local"), epochs=1))
    assert (found["net.0.weight"], found["net.3.weight"]) == (5, 5)
    found = zeros(fit(tmp_path, PruningSchedule(Columns, {0: 1}, dim=1), epochs=1))
    assert (found["net.0.weight"], found["net.3.weight"]) == (12, 3)


def test_a_method_that_takes_no_amount_is_told_when(tmp_path):
    model = fit(tmp_path, PruningSchedule(Below, {0: True}), model=Regression(lr=0.0), epochs=1)
    twin = Regression()
    assert zeros(model)["net.0.weight"] == int((twin.net[0].weight.abs() < 0.1).sum()) > 0
    with pytest.raises(ValueError, match="takes no amount: give True"):
        PruningSchedule(Below, 0.5)
    with pytest.raises(ValueError, match="takes no amount, so what it leaves"):
        PruningSchedule(Below, True).densities(3)


def test_a_fraction_and_a_count_after_every_epoch_compound(tmp_path):
    halves = PruningSchedule("l1_unstructured", 0.5)
    fit(tmp_path, halves, epochs=3)
    assert halves.history == [(0, 66 / 132), (1, 33 / 132), (2, 17 / 132)]  # round(16.5) is 16
    counts = PruningSchedule("l1_unstructured", 40)
    fit(tmp_path, counts, epochs=3)
    assert counts.history == [(0, 92 / 132), (1, 52 / 132), (2, 12 / 132)]


@pytest.mark.parametrize("amount", [{1: 0.5, 2: None, 3: 12}, lambda epoch: {1: 0.5, 2: None, 3: 12}.get(epoch)])
def test_a_schedule_prunes_at_its_epochs_and_none_prunes_nothing(tmp_path, amount):
    callback = PruningSchedule("l1_unstructured", amount)
    after = Ask(kept)
    fit(tmp_path, callback, after, epochs=6)
    assert after.answers == [132, 66, 66, 54, 54, 54]
    assert callback.history == [(1, 0.5), (3, 54 / 132)]


def test_an_idle_callback_changes_nothing(tmp_path):
    idle = fit(tmp_path, PruningSchedule("l1_unstructured", lambda epoch: None))
    assert same(values(idle), values(fit(tmp_path))) and not _masks.hooks(idle.net[0])


def test_what_a_schedule_compounds_to():
    def lesson_14(epoch):
        return 0.5 if epoch == 10 else 0.25 if epoch == 50 else 0.01 if 75 < epoch < 99 else None

    found = PruningSchedule("l1_unstructured", lesson_14).densities(100)
    assert len(found) == 100 and found[9] == 1 and found[10] == 0.5 and found[50] == 0.375
    assert found[-1] == pytest.approx(0.375 * 0.99**23) and 1 - found[-1] == pytest.approx(0.702, abs=5e-4)
    assert PruningSchedule("l1_unstructured", 0.6).densities(2) == pytest.approx([0.4, 0.16])
    with pytest.raises(ValueError, match="give weights"):
        PruningSchedule("l1_unstructured", 40).densities(2)
    assert PruningSchedule("l1_unstructured", 40).densities(2, weights=100) == [0.6, 0.2]


def test_what_it_compounds_to_is_what_a_fit_prunes(tmp_path):
    callback = PruningSchedule("l1_unstructured", lambda epoch: 0.3 if epoch % 2 else 7)
    fit(tmp_path, callback, epochs=5)
    assert callback.densities(5, weights=132) == [density for _, density in callback.history]


def test_biases_and_norm_layers_are_left_alone_unless_asked(tmp_path):
    def pruned(**options):
        found = zeros(fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.4}, scope="local", **options), epochs=1))
        return {name for name, count in found.items() if count}

    assert pruned() == set(WEIGHTS)
    assert pruned(biases=True) == {*WEIGHTS, "net.0.bias", "net.3.bias"}
    assert pruned(norms=True) == {*WEIGHTS, "net.1.weight"}
    assert pruned(biases=True, norms=True) == {name for name, _ in Regression().named_parameters()}
    assert pruned(targets=["net.1.weight", "net.3.bias"]) == {"net.1.weight", "net.3.bias"}


def test_the_output_layer_of_attention_is_never_masked(tmp_path):
    class Attends(Regression):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            return self.net(self.attention(*[x[:, None]] * 3)[0][:, 0])

    callback = PruningSchedule("l1_unstructured", 0.5, make_permanent=False)
    model = fit(tmp_path, callback, model=Attends(), epochs=2)
    assert set(_masks.masks(model)) == set(WEIGHTS)  # the packed input weights are not called "weight"
    with pytest.raises(ValueError, match="attention.out_proj.weight cannot be masked"):
        fit(tmp_path, PruningSchedule("l1_unstructured", 0.5, targets=["attention.out_proj.weight"]), model=Attends())


def test_weights_are_ranked_as_the_last_step_has_left_them(tmp_path):
    """The attribute `weight` of a masked layer is one step old at the end of an epoch; torch ranks by it."""
    def size(model):
        return torch.cat([(layer.weight_orig * layer.weight_mask).abs().flatten() if prune.is_pruned(layer)
                          else layer.weight.abs().flatten() for layer in (model.net[0], model.net[3])]).detach()

    before, after = Ask(size), Ask(lambda model: torch.cat([m.flatten() for m in _masks.masks(model).values()]))
    fit(tmp_path, before, PruningSchedule("l1_unstructured", 0.3), after, model=Regression(lr=0.2), epochs=3)
    for sizes, kept in zip(before.answers, after.answers, strict=True):
        assert sizes[~kept].max() <= sizes[kept].min()


# ---- masks in training ----

def test_pruned_weights_stay_zero_while_the_rest_trains(tmp_path):
    rest = Ask(lambda model: model.net[0].weight.detach().clone())
    fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.5}), rest, epochs=3)
    first, _, last = rest.answers
    assert (last[first == 0] == 0).all() and (first == 0).any() and (last[first != 0] != first[first != 0]).all()


def test_at_the_end_of_the_fit_the_masks_are_permanent(tmp_path):
    plain = list(Regression().state_dict())
    model = fit(tmp_path, PruningSchedule("l1_unstructured", 0.5), epochs=2)
    assert list(model.state_dict()) == plain and sum(zeros(model)[name] for name in WEIGHTS) == 99
    assert isinstance(model.net[0].weight, nn.Parameter) and not model.net[0]._forward_pre_hooks
    model = fit(tmp_path, PruningSchedule("l1_unstructured", 0.5, make_permanent=False), epochs=2)
    assert "net.0.weight_mask" in model.state_dict() and prune.is_pruned(model)


def test_the_order_of_the_parameters_does_not_change(tmp_path):
    names = [name for name, _ in Regression().named_parameters()]
    order = Ask(lambda model: [name.removesuffix("_orig") for name, _ in model.named_parameters()])
    model = fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.5}), order, epochs=2)
    assert order.answers == [names, names] and [name for name, _ in model.named_parameters()] == names


def test_a_pruned_model_can_be_copied_between_epochs(tmp_path):
    copies = Ask(copy.deepcopy)
    fit(tmp_path, PruningSchedule("l1_unstructured", 0.5), copies, epochs=1)
    assert prune.is_pruned(copies.answers[0])


@pytest.fixture
def lines():
    """What Lightning's log says."""
    found = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


def test_one_log_line_and_one_metric_for_each_pruning(tmp_path, lines):
    metrics, told = [], []

    class Listen(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            metrics.append(trainer.callback_metrics.get("pruning_sparsity", torch.tensor(0.0)).item())

    fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.5, 2: 0.5}), Listen(), epochs=5)
    told = [line for line in lines if "pruned" in line]
    assert told == ["epoch 0: L1Unstructured, global, amount 0.5: 66 of the 132 weights left are pruned, density "
                    "100.00% -> 50.00%",
                    "epoch 2: L1Unstructured, global, amount 0.5: 33 of the 66 weights left are pruned, density "
                    "50.00% -> 25.00%"]
    assert metrics[0] == 0 and metrics[1] == 0.5 and metrics[3] == 0.75
    fit(tmp_path, PruningSchedule("l1_unstructured", 0.5), barebones=True)  # must not log, and does not warn


# ---- the rewind ----

def trained_values(model):
    """The tensors under the masks, by plain names, and what batch norm has counted."""
    return {name.removesuffix("_orig"): tensor for name, tensor in values(model).items() if "_mask" not in name}


def test_the_rewind_goes_back_to_the_start_of_the_fit_at_every_round(tmp_path):
    start, rounds = values(Regression()), Ask(trained_values)
    callback = PruningSchedule("l1_unstructured", {1: 0.5, 2: 0.5, 4: 0.5}, rewind_to=0)
    model = fit(tmp_path, callback, rounds, epochs=6)
    for epoch in (1, 2, 4):
        assert all(torch.equal(rounds.answers[epoch][name], start[name]) for name in start), epoch
    assert not torch.equal(rounds.answers[3]["net.0.weight"], start["net.0.weight"])  # it does train
    assert callback.history[-1] == (4, 17 / 132) and sum(zeros(model)[name] for name in WEIGHTS) == 115


def test_the_rewind_can_go_to_an_early_epoch(tmp_path):
    rounds = Ask(trained_values)
    fit(tmp_path, PruningSchedule("l1_unstructured", {3: 0.5, 4: 0.5}, rewind_to=2), rounds, epochs=5)
    assert same(rounds.answers[3], rounds.answers[1]) and same(rounds.answers[4], rounds.answers[1])
    with pytest.raises(ValueError, match="first pruning comes after epoch 1, before there are weights"):
        fit(tmp_path, PruningSchedule("l1_unstructured", {1: 0.5}, rewind_to=2))


def test_a_rewound_round_trains_as_a_new_model_with_the_mask_would(tmp_path):
    """So the optimizers forget: the moments of Adam belong to the weights that are gone."""
    masked = Ask(_masks.masks)
    callback = PruningSchedule("l1_unstructured", {1: 0.5}, rewind_to=0, make_permanent=False)
    model = fit(tmp_path, callback, masked, epochs=3)
    twin = Regression()
    _masks.put_on(twin, masked.answers[1])
    fit(tmp_path, model=twin, epochs=1)
    assert model.seen[4:] == twin.seen and same(values(model), values(twin))


# ---- checkpoints ----

def every_checkpoint(path, *callbacks, epochs=6, **options):
    """A fit that saves after every epoch; (model, folder)."""
    saver = ModelCheckpoint(path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    return fit(path, *callbacks, saver, epochs=epochs, **options)


CASES = {"magnitude": ("l1_unstructured", {1: 0.3, 3: 0.5, 4: 20}, {}),
         "random": ("random_unstructured", 0.2, {}),
         "structured": ("ln_structured", {1: 1, 3: 1}, {"norm": 2, "dim": 1}),
         "rewind": ("l1_unstructured", {1: 0.3, 3: 0.5, 5: 20}, {"rewind_to": 1}),
         "masks stay": ("l1_unstructured", {1: 0.3, 3: 0.5}, {"make_permanent": False})}


@pytest.mark.parametrize("case", CASES)
def test_a_fit_that_resumes_equals_one_that_did_not_stop(tmp_path, case):
    method, amount, options = CASES[case]
    whole = PruningSchedule(method, amount, **options)
    torch.manual_seed(5)
    model = every_checkpoint(tmp_path, whole)
    for epoch in (0, 1, 3, 4):
        torch.manual_seed(99)  # the seed is in the checkpoint too
        again, left, file = PruningSchedule(method, amount, **options), Ask(kept), tmp_path / f"epoch={epoch}.ckpt"
        resumed = fit(tmp_path, again, left, model=Regression(seed=1), epochs=6, ckpt=file)
        assert same(values(resumed), values(model)), epoch
        assert again.history == whole.history and resumed.seen == model.seen[2 * (epoch + 1):]
        assert left.answers[-1] / 132 == whole.history[-1][1]


@pytest.mark.parametrize("moment", [{"save_on_train_epoch_end": False}, {"every_n_train_steps": 2}])
def test_no_pruning_is_lost_where_the_file_is_from_before_it(tmp_path, moment):
    """After validation, and after an epoch's last batch: Lightning does not come to the end of that epoch again."""
    def callback():
        return PruningSchedule("l1_unstructured", {1: 0.3, 3: 0.5}, rewind_to=0)

    whole, saver = callback(), ModelCheckpoint(tmp_path, filename="{epoch}-{step}", save_top_k=-1, **moment)
    model = fit(tmp_path, whole, saver, model=Validated(), epochs=6)
    for path in sorted(tmp_path.glob("*.ckpt"))[:5]:
        again = callback()
        resumed = fit(tmp_path, again, model=Validated(seed=1), epochs=6, ckpt=path)
        assert again.history == whole.history and same(values(resumed), values(model)), path.name


def test_no_pruning_is_done_twice_in_a_fit_that_is_counted_in_steps(tmp_path):
    steps = {"epochs": -1, "max_steps": 10}
    whole = PruningSchedule("l1_unstructured", 0.2)
    model = every_checkpoint(tmp_path, whole, model=Validated(), **steps)
    assert len(whole.history) == 5
    again = PruningSchedule("l1_unstructured", 0.2)
    resumed = fit(tmp_path, again, model=Validated(seed=1), ckpt=tmp_path / "epoch=1.ckpt", **steps)
    assert again.history == whole.history and same(values(resumed), values(model))


def test_masks_are_made_permanent_where_nothing_was_left_to_train(tmp_path):
    model = every_checkpoint(tmp_path, PruningSchedule("l1_unstructured", 0.2), epochs=2)
    resumed = fit(tmp_path, PruningSchedule("l1_unstructured", 0.2), model=Regression(seed=1), epochs=2,
                  ckpt=tmp_path / "epoch=1.ckpt")
    assert same(values(resumed), values(model)) and not resumed.seen


@pytest.mark.parametrize("rewind_to", [None, 0])
def test_a_file_from_after_the_fit_goes_on_with_its_masks(tmp_path, rewind_to):
    def callback():
        return PruningSchedule("l1_unstructured", {1: 0.5, 4: 0.5}, rewind_to=rewind_to)

    first = trainer(tmp_path, callback(), epochs=3)
    first.fit(Regression(), loader())
    first.save_checkpoint(tmp_path / "done.ckpt")
    assert "net.0.weight" in torch.load(tmp_path / "done.ckpt", weights_only=True)["state_dict"]
    again = callback()
    resumed = fit(tmp_path, again, model=Regression(seed=1), epochs=6, ckpt=tmp_path / "done.ckpt")
    assert again.history == [(1, 0.5), (4, 0.25)]
    assert zeros(resumed) == zeros(fit(tmp_path, callback(), epochs=6))


def test_a_file_loads_with_weights_only_and_outside_of_a_trainer(tmp_path):
    callback = PruningSchedule("l1_unstructured", {0: 0.5}, rewind_to=0, make_permanent=False)
    model = every_checkpoint(tmp_path, callback, epochs=2)
    state = torch.load(tmp_path / "epoch=1.ckpt", weights_only=True)["state_dict"]
    with pytest.raises(RuntimeError, match="net.0.weight_mask"):
        Regression(seed=1).load_state_dict(state)
    loaded, x = load_masked(Regression(seed=1), state), next(iter(loader()))[0]
    assert same(values(loaded), values(model)) and torch.equal(loaded.eval()(x), model.eval()(x))
    assert int((loaded.net[0].weight == 0).sum()) == int((model.net[0].weight_mask == 0).sum()) > 0


def test_a_trainer_tests_with_a_masked_and_with_a_plain_file(tmp_path):
    class Tested(Regression):
        def test_step(self, batch, _):
            self.log("error", (self(batch[0]) - batch[1]).square().mean())

    callback = PruningSchedule("l1_unstructured", {0: 0.5, 1: 0.5})
    saver = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    run = trainer(tmp_path, callback, saver, epochs=2)
    run.fit(Tested(), loader())
    run.save_checkpoint(tmp_path / "plain.ckpt")
    model, errors = Tested(seed=1), {}
    for file in ("epoch=1.ckpt", "plain.ckpt", "epoch=0.ckpt"):
        errors[file] = run.test(model, loader(), ckpt_path=tmp_path / file, verbose=False, weights_only=True)
        assert prune.is_pruned(model) == (file != "plain.ckpt")
    assert errors["epoch=1.ckpt"] == errors["plain.ckpt"] != errors["epoch=0.ckpt"]
    assert callback.history == [(0, 0.5), (1, 0.25)]  # a test reads no history


# ---- with callbacks that swap layers ----

class Swapped(nn.Linear):
    """Another layer under the same name, as quantization-aware training puts it there."""


class Swap(Callback):
    def setup(self, trainer, pl_module, stage):
        layer = Swapped(8, 12)
        layer.load_state_dict(pl_module.net[0].state_dict())
        pl_module.net[0] = layer

    def on_fit_end(self, trainer, pl_module):
        assert not prune.is_pruned(pl_module)  # a conversion would not find the weights
        pl_module.net[0] = copy.deepcopy(pl_module.net[0])


@pytest.mark.parametrize("first", [True, False])
def test_masks_hold_on_layers_that_another_callback_puts_in(tmp_path, first):
    def callbacks():
        pair = [PruningSchedule("l1_unstructured", {0: 0.5, 2: 0.5}, rewind_to=0), Swap()]
        return pair if first else pair[::-1]

    held = Ask(lambda model: (type(model.net[0]), kept(model)))
    model = every_checkpoint(tmp_path, *callbacks(), held, epochs=4)
    assert held.answers == [(Swapped, 66), (Swapped, 66), (Swapped, 33), (Swapped, 33)]
    assert sum(zeros(model)[name] for name in WEIGHTS) == 99
    resumed = fit(tmp_path, *callbacks(), model=Regression(seed=1), ckpt=tmp_path / "epoch=1.ckpt")
    assert same(values(resumed), values(model))


# ---- bad input, and unusual use ----

@pytest.mark.parametrize(("arguments", "sentence"), [
    ({"method": "l1_unstructurd"}, "method='l1_unstructurd'; give one of l1_unstructured, random_unstructured"),
    ({"method": "global_unstructured"}, "it is scope='global' with"),
    ({"method": "custom_from_mask"}, "mask the model before the fit"),
    ({"method": prune.l1_unstructured}, "or a subclass"),
    ({"method": Smallest(0.5)}, "the class, no instance"),
    ({"method": prune.CustomFromMask}, "CustomFromMask also needs mask"),
    ({"method": prune.PruningContainer}, "give one of"),
    ({"amount": 1.5}, "amount is 1.5: give a fraction from 0.0 to 1.0 or a count"),
    ({"amount": -1}, "amount is -1"),
    ({"amount": True}, "amount is True"),
    ({"amount": float("nan")}, "amount is nan"),
    ({"amount": None}, "would never prune"),
    ({"amount": {3: 2.5}}, "amount at epoch 3 is 2.5"),
    ({"amount": {-3: 0.5}}, "names -3 as an epoch"),
    ({"amount": "half"}, "amount is 'half'"),
    ({"scope": "everywhere"}, "scope='everywhere': give 'global'"),
    ({"method": "ln_structured", "dim": 0}, "LnStructured needs norm"),
    ({"method": "ln_structured", "norm": 2}, "LnStructured needs dim"),
    ({"method": "random_structured", "dim": 0, "norm": 2}, "norm=2, but RandomStructured takes none"),
    ({"method": "random_structured", "dim": 0.5}, "dim=0.5: give a whole number"),
    ({"method": "ln_structured", "norm": "two", "dim": 0}, "norm='two': give a number"),
    ({"method": "random_structured", "dim": 0, "scope": "global"}, "only single weights over several parameters"),
    ({"dim": 0}, "dim=0, but L1Unstructured takes none"),
    ({"targets": "net.0.weight"}, "give a list of names"),
    ({"rewind_to": -1}, "rewind_to=-1"),
    ({"rewind_to": True}, "rewind_to=True"),
])
def test_a_wrong_argument_is_refused_when_the_callback_is_made(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        PruningSchedule(**{"method": "l1_unstructured", "amount": 0.5, **arguments})


class Shared(Regression):
    def __init__(self):
        super().__init__()
        self.other = nn.Linear(8, 12)
        self.other.weight = self.net[0].weight


class Lazy(Regression):
    def __init__(self):
        super().__init__()
        self.net[0] = nn.LazyLinear(12)

    def configure_optimizers(self):
        return None


@pytest.mark.parametrize(("arguments", "sentence", "model"), [
    ({"targets": ["net.0.wieght"]}, "no parameter 'net.0.wieght'; it has net.0.weight, net.0.bias", Regression),
    ({"targets": []}, "no weights to prune", Regression),
    ({"amount": lambda epoch: 1.5 if epoch == 2 else None}, "amount at epoch 2 is 1.5", Regression),
    ({"amount": lambda epoch: "much"}, "amount at epoch 0 is 'much'", Regression),
    ({"amount": 50}, "after epoch 2 the amount 50 prunes all of the 2 parameters together: 32 weights", Regression),
    ({"amount": {1: 1.0}}, "after epoch 1 the amount 1.0 prunes all", Regression),
    ({"amount": 20, "scope": "local"}, "prunes all of net.3.weight: 16 weights are left", Regression),
    ({"method": "ln_structured", "norm": 2, "dim": 0, "amount": 1}, "all of net.3.weight: 1 slices", Regression),
    ({"method": "ln_structured", "norm": 2, "dim": 2}, "no slices along dim=2", Regression),
    ({}, "net.0.weight and other.weight are one shared tensor", Shared),
    ({}, "net.0.weight has no values yet", Lazy),
])
@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature", "ignore:`LightningModule.configure_optimizers`",
                            "ignore:.*uninitialized parameters")
def test_what_does_not_suit_the_model_is_refused_at_the_start_of_the_fit(tmp_path, arguments, sentence, model):
    model = model()
    before = values(model) if not isinstance(model, Lazy) else {}
    with pytest.raises(ValueError, match=sentence):
        fit(tmp_path, PruningSchedule(**{"method": "l1_unstructured", "amount": 0.5, **arguments}), model=model)
    assert not model._load_state_dict_pre_hooks and not prune.is_pruned(model)
    assert not before or same(values(model), before)


def test_weights_that_are_no_numbers_stop_the_fit_before_they_are_ranked(tmp_path):
    def broken(model):
        model.net[3].weight.data[0, 0] = float("nan")

    model = Regression()
    with pytest.raises(ValueError, match=r"weight of Linear \(3 × 12\) holds NaN"):
        fit(tmp_path, Ask(broken), PruningSchedule("l1_unstructured", {0: 0.5}, scope="local"), model=model)
    assert not prune.is_pruned(model)


def test_one_callback_fitted_twice_begins_anew(tmp_path):
    callback = PruningSchedule("l1_unstructured", {1: 0.5}, rewind_to=0)
    first = fit(tmp_path, callback)
    assert callback.history == [(1, 0.5)]
    other = fit(tmp_path, callback, model=Regression(seed=2))
    assert callback.history == [(1, 0.5)] and sum(zeros(other)[name] for name in WEIGHTS) == 66
    alone = fit(tmp_path, PruningSchedule("l1_unstructured", {1: 0.5}, rewind_to=0), model=Regression(seed=2))
    assert same(values(other), values(alone)) and not same(values(other), values(first))


def test_one_callback_on_two_trainers_one_after_the_other(tmp_path):
    """The second one goes on with the model; masks that stay are kept, and the amount counts what is left."""
    callback = PruningSchedule("l1_unstructured", {1: 0.5}, make_permanent=False)
    model = fit(tmp_path, callback)
    fit(tmp_path, callback, model=model)
    assert callback.history == [(1, 0.25)] and kept(model) == 33


def test_a_trainer_that_goes_on_keeps_masks_and_rewind(tmp_path):
    callback, rounds = PruningSchedule("l1_unstructured", {1: 0.5, 4: 0.5}, rewind_to=0), Ask(trained_values)
    run, model = trainer(tmp_path, callback, rounds, epochs=3), Regression()
    start = values(model)
    run.fit(model, loader())
    assert not prune.is_pruned(model)
    run.fit_loop.max_epochs = 6
    run.fit(model, loader())
    assert callback.history == [(1, 0.5), (4, 0.25)] and sum(zeros(model)[name] for name in WEIGHTS) == 99
    assert all(torch.equal(rounds.answers[4][name], start[name]) for name in start)


def test_an_interrupted_fit_leaves_its_masks_and_a_model_that_works(tmp_path):
    class Stop(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if trainer.current_epoch == 2 and batch_idx == 1:
                raise KeyboardInterrupt

    callback, model = PruningSchedule("l1_unstructured", {1: 0.5, 3: 0.5}, rewind_to=0), Regression()
    with pytest.raises(SystemExit):
        fit(tmp_path, callback, Stop(), model=model)
    assert kept(model) == 66
    assert not model._load_state_dict_pre_hooks and torch.isfinite(copy.deepcopy(model)(torch.ones(4, 8))).all()
    fit(tmp_path, callback, model=model)  # a new fit: the masks of the first count
    assert callback.history == [(1, 0.25), (3, 17 / 132)] and not prune.is_pruned(model)


def test_a_model_with_masks_already_keeps_them(tmp_path):
    model = Regression()
    prune.l1_unstructured(model.net[0], "weight", amount=48)
    prune.random_unstructured(model.net[3], "bias", amount=1)
    mine = model.net[0].weight_mask.clone()
    fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.5}, make_permanent=False), model=model)
    assert (model.net[0].weight_mask <= mine).all() and model.net[3].bias_mask.sum() == 2
    assert kept(model) == 42  # half of 36 + 48
    model = fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.5}), model=model)
    assert not prune.is_pruned(model) and zeros(model)["net.3.bias"] == 1


def test_a_resumed_fit_of_a_model_that_was_masked_by_torch(tmp_path):
    """Torch moves a masked weight behind its bias, and an optimizer numbers its parameters: the file's order rules."""
    def masked():
        model = Regression()
        prune.l1_unstructured(model.net[0], "weight", amount=48)
        return model

    amount = {1: 0.5}
    model = every_checkpoint(tmp_path, PruningSchedule("l1_unstructured", amount), model=masked(), epochs=4)
    for again in (Regression(seed=1), masked()):
        fit(tmp_path, PruningSchedule("l1_unstructured", amount), model=again, ckpt=tmp_path / "epoch=2.ckpt")
        assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in values(model).items())


def test_a_rewind_without_the_weights_of_its_epoch_is_refused(tmp_path):
    every_checkpoint(tmp_path, PruningSchedule("l1_unstructured", {1: 0.5}), epochs=3)
    with pytest.raises(ValueError, match="nothing holds the weights of that time"):
        fit(tmp_path, PruningSchedule("l1_unstructured", {3: 0.5}, rewind_to=0), ckpt=tmp_path / "epoch=1.ckpt")


def test_distributed_training_is_refused_in_one_sentence(tmp_path):
    several = Trainer(accelerator="cpu", devices=2, strategy="ddp", logger=False, enable_checkpointing=False,
                      enable_progress_bar=False, default_root_dir=tmp_path)
    model = Regression()
    with pytest.raises(NotImplementedError, match="works on one device, and this trainer has 2"):
        PruningSchedule("l1_unstructured", 0.5).setup(several, model, "fit")
    assert not model._load_state_dict_pre_hooks


def test_random_pruning_disturbs_no_other_draws(tmp_path):
    torch.manual_seed(1)
    fit(tmp_path, epochs=2)
    plain = torch.rand(3)
    torch.manual_seed(1)
    fit(tmp_path, PruningSchedule("random_unstructured", 0.5), epochs=2)
    assert torch.equal(torch.rand(3), plain)


# ---- the faults of Lightning's own callback ----

def upstream(**options):
    return ModelPruning("l1_unstructured", parameter_names=["weight"], amount=0.3, **options)


def test_upstream_rewinds_to_trained_weights_from_the_second_round_on(tmp_path):
    """Lightning 2.6.6. If this fails, the fault is gone: then say so in lesson 14 and in `PruningSchedule`."""
    start, rounds = Regression().net[0].weight, Ask(lambda model: model.net[0].weight_orig.detach().clone())
    fit(tmp_path, upstream(use_lottery_ticket_hypothesis=True), rounds, epochs=3)
    assert torch.equal(rounds.answers[0], start)
    assert not torch.equal(rounds.answers[1], start) and not torch.equal(rounds.answers[2], start)


def test_upstream_cannot_resume_or_loses_its_masks(tmp_path):
    """Lightning 2.6.6. If this fails, the fault is gone: then say so in lesson 14 and in `PruningSchedule`."""
    options = {"use_lottery_ticket_hypothesis": False}
    every_checkpoint(tmp_path / "a", upstream(make_pruning_permanent=False, **options), epochs=2)
    with pytest.raises(RuntimeError, match="net.0.weight_mask"):
        fit(tmp_path, upstream(make_pruning_permanent=False, **options), ckpt=tmp_path / "a" / "epoch=1.ckpt")

    def found():
        return Ask(lambda model: int((model.net[0].weight == 0).sum()))

    idle = {"apply_pruning": lambda epoch: epoch < 2}
    whole, resumed = found(), found()
    every_checkpoint(tmp_path / "b", upstream(**idle, **options), whole, epochs=3)
    fit(tmp_path, upstream(**idle, **options), resumed, epochs=3, ckpt=tmp_path / "b" / "epoch=1.ckpt")
    assert resumed.answers[-1] < whole.answers[-1] / 2


# ---- what loads Lightning ----

def imported(path):
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_the_callbacks_and_lesson_14_import_lightning():
    files = [*(ROOT / "course_utils").rglob("*.py"), *(ROOT / "lessons").glob("*.py")]
    found = {path.relative_to(ROOT).as_posix() for path in files
             if any(name.startswith(("lightning", "course_utils.callbacks")) for name in imported(path))}
    found = {name for name in found if not name.startswith(("course_utils/callbacks/", "lessons/14_"))}
    assert found <= {"course_utils/checks/lesson_14.py"}  # which checks what is written with the callbacks
    code = "import sys, course_utils; print('lightning' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["False", "False"]

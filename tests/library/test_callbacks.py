"""The callbacks for Lightning: masks hold, fits resume, int8 comes out, and what is not covered is refused by name."""

import copy
import inspect
import re

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, StochasticWeightAveraging
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader, TensorDataset

from course_utils.callbacks import ADVICE, PruningSchedule, QuantizationAwareTraining
from course_utils.fake_quantize import Int8Linear, fake_layers
from course_utils.files import ROOT

pytestmark = [pytest.mark.filterwarnings(f"ignore:{words}") for words in (*ADVICE, "The dirpath has changed from")]
WEIGHTS = ("net.0.weight", "net.3.weight")  # 96 + 36 weights
PAGE = (ROOT / "docs" / "lightning.md").read_text(encoding="utf-8")


class Regression(LightningModule):
    """Two layers with batch norm; `losses` holds the loss of every step."""

    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = nn.Sequential(nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))
        self.losses = []

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, _):
        loss = (self(batch[0]) - batch[1]).square().mean()
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch, _):
        self.log("error", (self(batch[0] * 100) - batch[1]).square().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.05)


def loader():
    draw = torch.Generator().manual_seed(7)
    return DataLoader(TensorDataset(torch.randn(32, 8, generator=draw), torch.randn(32, 3, generator=draw)), 16)


def trainer(path, *callbacks, epochs=4, **options):
    quiet = dict(logger=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu", devices=1)
    quiet |= dict(enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks), default_root_dir=path)
    return Trainer(max_epochs=epochs, callbacks=list(callbacks), **(quiet | options))


def fit(path, *callbacks, model=None, epochs=4, ckpt=None, validate=False):
    model = model or Regression()
    run = trainer(path, *callbacks, epochs=epochs)
    run.fit(model, loader(), loader() if validate else None, ckpt_path=ckpt, weights_only=True)
    return model


def every_epoch(path, **given):
    return ModelCheckpoint(path, filename="{epoch}", save_top_k=-1, **{"save_on_train_epoch_end": True, **given})


def values(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one, other):
    return list(one) == list(other) and all(torch.equal(one[key], other[key]) for key in one)


def zeros(model):
    return sum(int((model.get_parameter(name) == 0).sum()) for name in WEIGHTS)


# Pruning


def test_amounts_compound_and_zeros_stay_zero_while_the_rest_trains(tmp_path):
    pruning = PruningSchedule("l1_unstructured", {0: 0.5, 2: 33})
    model = fit(tmp_path, pruning)
    assert pruning.history == [(0, 66 / 132), (2, 33 / 132)] and zeros(model) == 99
    assert list(dict(model.named_parameters())) == list(dict(Regression().named_parameters()))


@pytest.mark.parametrize("scope", ["global", "local"])
def test_the_smallest_weights_go_as_torch_ranks_them(tmp_path, scope):
    model = Regression()
    expected = copy.deepcopy(model)
    pairs = [(expected.net[0], "weight"), (expected.net[3], "weight")]
    if scope == "global":
        prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.5)
    else:
        [prune.l1_unstructured(*pair, amount=0.5) for pair in pairs]
    pruning = PruningSchedule("l1_unstructured", {0: 0.5}, scope=scope, rewind_to=0)
    fit(tmp_path, pruning, model=_frozen(model), epochs=1)
    for name, (module, _) in zip(WEIGHTS, pairs, strict=True):
        assert torch.equal(pruning.masks[name], module.weight_mask.bool())


def _frozen(model):
    model.configure_optimizers = lambda: torch.optim.SGD(model.parameters(), lr=0.0)
    return model


@pytest.mark.parametrize(
    ("method", "amount", "options"),
    [("random_unstructured", 0.2, {}), ("l1_unstructured", {1: 0.3, 3: 0.5, 5: 20}, {"rewind_to": 1})],
)
def test_a_fit_that_resumes_equals_one_that_did_not_stop(tmp_path, method, amount, options):
    whole = PruningSchedule(method, amount, **options)
    torch.manual_seed(5)
    model = fit(tmp_path, whole, every_epoch(tmp_path), epochs=6)
    for epoch in (0, 3):
        torch.manual_seed(99)  # the seed is in the checkpoint too
        again = PruningSchedule(method, amount, **options)
        resumed = fit(tmp_path, again, model=Regression(seed=1), epochs=6, ckpt=tmp_path / f"epoch={epoch}.ckpt")
        assert same(values(resumed), values(model)) and again.history == whole.history
        assert resumed.losses == model.losses[2 * (epoch + 1) :]


@pytest.mark.parametrize("moment", [{"save_on_train_epoch_end": False}, {"every_n_train_steps": 2}])
def test_no_cut_is_lost_where_the_file_is_from_before_it(tmp_path, moment):
    def callback():
        return PruningSchedule("l1_unstructured", {1: 0.3, 3: 0.5}, rewind_to=0)

    whole, saver = callback(), ModelCheckpoint(tmp_path, filename="{epoch}-{step}", save_top_k=-1, **moment)
    model = fit(tmp_path, whole, saver, epochs=6, validate=True)
    for path in sorted(tmp_path.glob("*.ckpt"))[:4]:
        again = callback()
        resumed = fit(tmp_path, again, model=Regression(seed=1), epochs=6, ckpt=path, validate=True)
        assert again.history == whole.history and same(values(resumed), values(model)), path.name


def test_a_file_that_goes_by_a_metric_holds_the_network_that_was_measured(tmp_path):
    saver = every_epoch(tmp_path, monitor="error", save_on_train_epoch_end=False)
    pruning = PruningSchedule("l1_unstructured", {0: 0.5})
    fit(tmp_path, pruning, saver, validate=True, epochs=2)
    kept = torch.load(tmp_path / "epoch=0.ckpt", weights_only=True)["state_dict"]
    later = torch.load(tmp_path / "epoch=1.ckpt", weights_only=True)["state_dict"]
    assert [sum(int((state[n] == 0).sum()) for n in WEIGHTS) for state in (kept, later)] == [0, 66]


def test_after_a_rewind_what_is_left_has_its_first_values_and_batch_norm_too(tmp_path):
    first = values(Regression())
    model = fit(tmp_path, PruningSchedule("l1_unstructured", {1: 0.5}, rewind_to=0), epochs=2)
    for name, tensor in values(model).items():
        stays = tensor != 0 if name in WEIGHTS else torch.ones_like(tensor, dtype=torch.bool)
        assert torch.equal(tensor[stays], first[name][stays])


def test_two_schedules_log_a_metric_each(tmp_path):
    pair = [
        PruningSchedule("l1_unstructured", {0: amount}, targets=[n])
        for n, amount in zip(WEIGHTS, (0.5, 0.75), strict=True)
    ]
    run = trainer(tmp_path, *pair, epochs=1)
    run.fit(Regression(), loader())
    assert [run.callback_metrics[f"pruning_sparsity_{n}"] for n in (0, 1)] == [0.5, 0.75]


def schedule(amount=0.5, **options):
    return PruningSchedule("l1_unstructured", amount, **options)


def test_what_cannot_be_pruned_is_refused_by_name(tmp_path):
    shared, masked = Regression(), Regression()
    shared.again = nn.Linear(8, 12)
    shared.again.weight = shared.net[0].weight
    prune.identity(masked.net[0], "weight")
    refused = [
        (lambda: PruningSchedule("l1", 0.5), ValueError, "method='l1'"),
        (lambda: schedule(1.0), ValueError, "epoch 0 is 1.0"),
        (lambda: schedule({0: 0.5, 1: -3}), ValueError, "epoch 1 is -3"),
        (lambda: schedule(targets="net.0.weight"), ValueError, "give a list"),
        (lambda: fit(tmp_path, schedule(targets=["net.9.weight"])), ValueError, "no parameter 'net.9.weight'"),
        (lambda: fit(tmp_path, schedule(targets=[WEIGHTS[0]]), model=shared), ValueError, "one shared tensor"),
        (lambda: fit(tmp_path, schedule(), model=masked), ValueError, "under a mask of torch"),
        (lambda: fit(tmp_path, schedule({0: 100, 2: 40})), ValueError, "after epoch 2 the amount 40 leaves nothing"),
        (lambda: fit(tmp_path, schedule({0: 0.5}, rewind_to=2)), ValueError, "rewind_to=2"),
        (lambda: fit(tmp_path, schedule(), EMAWeightAveraging()), ValueError, "EMAWeightAveraging does not go with"),
        (lambda: fit(tmp_path, schedule(), StochasticWeightAveraging(0.01)), ValueError, "before PruningSchedule"),
    ]
    for act, kind, says in refused:
        with pytest.raises(kind, match=re.escape(says)):
            act()


def test_a_schedule_that_is_not_due_or_not_reached_is_said(tmp_path):
    with pytest.warns(UserWarning, match="prunes nothing"):
        fit(tmp_path, schedule({9: 0.5}), epochs=2)
    with pytest.warns(UserWarning, match=r"before the cuts after the epochs \[5\]"):
        fit(tmp_path, schedule({0: 0.5, 5: 0.5}), epochs=2)


def test_nan_is_not_ranked(tmp_path):
    model = _frozen(Regression())
    with torch.no_grad():
        model.net[0].weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match="net.0.weight.*NaN"):
        fit(tmp_path, schedule(), model=model, epochs=1)


@pytest.mark.parametrize("make", [schedule, QuantizationAwareTraining])
def test_several_devices_are_refused_and_the_model_is_as_it_was(tmp_path, make):
    model = Regression()
    with pytest.raises(NotImplementedError, match=r"works on one device, and this trainer has 2 \(DDPStrategy\)"):
        make().setup(trainer(tmp_path, strategy="ddp", devices=2), model, "fit")
    assert not fake_layers(model)


# Quantization


def test_a_fit_leaves_int8_layers_that_learned_and_a_file_that_a_rebuilt_model_opens(tmp_path):
    qat = QuantizationAwareTraining()
    model = fit(tmp_path, qat, epochs=8)
    assert model.losses[-1] < model.losses[0] and [type(model.net[n]) for n in (0, 3)] == [Int8Linear] * 2
    torch.save(model.state_dict(), tmp_path / "int8.pt")
    again = qat.rebuild(Regression(seed=1))
    again.load_state_dict(torch.load(tmp_path / "int8.pt", weights_only=True))
    x = next(iter(loader()))[0]
    assert torch.equal(again.eval()(x), model.eval()(x))


def test_a_quantized_fit_that_resumes_equals_one_that_did_not_stop(tmp_path):
    model = fit(tmp_path, QuantizationAwareTraining(collect_quantization=3), every_epoch(tmp_path))
    again = QuantizationAwareTraining(collect_quantization=3)
    resumed = fit(tmp_path, again, model=Regression(seed=1), ckpt=tmp_path / "epoch=0.ckpt")
    assert same(values(resumed), values(model))


def test_only_training_batches_move_the_ranges_and_only_as_many_as_asked(tmp_path):
    qat = QuantizationAwareTraining(collect_quantization=3, quantize_on_fit_end=False)
    model = fit(tmp_path, qat, validate=True)  # which validates on inputs a hundred times as large
    assert {layer.input.batches.item() for layer in fake_layers(model).values()} == {3}
    assert model.net[0].input.high < 10
    assert type(qat.quantize(model).net[0]) is Int8Linear


def test_a_best_checkpoint_is_tested_in_a_new_model_as_it_was_validated(tmp_path):
    qat = QuantizationAwareTraining()
    run = trainer(tmp_path, qat, saver := every_epoch(tmp_path, monitor="error", save_on_train_epoch_end=False))
    run.fit(Regression(), loader(), loader())
    found = run.validate(Regression(seed=1), loader(), ckpt_path="best", verbose=False, weights_only=True)
    assert found[0]["error"] == pytest.approx(saver.best_model_score.item(), rel=1e-5)


def test_zeros_survive_the_rounding_in_either_order_of_the_callbacks(tmp_path):
    for order in (1, -1):
        pruning = PruningSchedule("l1_unstructured", {0: 0.5, 1: 0.5})
        model = fit(tmp_path, *[pruning, QuantizationAwareTraining()][::order])
        for name, mask in pruning.masks.items():
            assert not model.get_buffer(name)[~mask].any() and model.get_buffer(name).dtype == torch.int8


def test_frozen_layers_stay_in_float_and_are_named(tmp_path):
    model = Regression()
    model.net[0].requires_grad_(False)
    with pytest.warns(UserWarning, match="does not train net.0: left in float"):
        fit(tmp_path, QuantizationAwareTraining(), model=model)
    assert type(model.net[0]) is nn.Linear and type(model.net[3]) is Int8Linear


def test_a_layer_that_is_not_called_is_named_after_the_first_batch(tmp_path):
    model = Regression()
    model.forward = lambda x: nn.functional.linear(x, model.net[0].weight)[:, :3]
    with pytest.raises(RuntimeError, match=r"net.0: its weight is read, and the layer is not called"):
        fit(tmp_path, QuantizationAwareTraining(), model=model)
    assert len(model.losses) == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"collect_quantization": 0}, "count from 1"),
        ({"averaging": 0.0}, "averaging=0.0"),
        ({"layers": ["net.2"]}, "net.2"),
    ],
)
def test_wrong_arguments_of_the_quantizing_callback_are_refused(tmp_path, given, says):
    with pytest.raises(ValueError, match=says):
        fit(tmp_path, QuantizationAwareTraining(**given))


# The page


def test_the_examples_of_the_page_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "__main__"}
    for example in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S):
        exec(example, space)
    assert [epoch for epoch, _ in space["pruning"].history] == [1, 3]
    assert abs(space["pruning"].history[-1][1] - 0.25) < 1e-3
    images, model = space["images"][:100], space["model"]
    assert torch.equal(space["shipped"](images), model(images)) and model.layers[1].weight.dtype == torch.int8


def test_the_tables_of_the_page_name_the_arguments_in_their_order():
    rows = "\n".join(re.findall(r"^\| (`.*?) \|", PAGE, re.M))
    kinds = (PruningSchedule, QuantizationAwareTraining)
    assert re.findall(r"`(\w+)`", rows) == [name for kind in kinds for name in inspect.signature(kind).parameters]
